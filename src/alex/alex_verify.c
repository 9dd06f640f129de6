/*
 * alex_verify.c
 *		omendb.alex_check(): does an alex index keep every invariant?
 *
 * Level by level from the root: each page alone (alex_page_check), the chain
 * (I2), the parents' separators against the pages they lead to (I3), the root
 * (I9); then that no page of the file is in use without being reachable.  With
 * heapallindexed every row of the table that should be in the index is looked
 * up in a Bloom filter of the index's entries, as in contrib/amcheck.  With
 * checkunique, entries of a unique index that have the same key are looked up in the
 * table: a snapshot may see one of them.
 *
 * On a primary nothing changes meanwhile (ShareLock on table and index).  On a
 * standby only AccessShareLock can be had: a mismatch between pages while WAL is
 * being replayed proves nothing and is reported as such.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/heapam.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "access/xlogrecovery.h"
#include "catalog/index.h"
#include "executor/tuptable.h"
#include "fmgr.h"
#include "lib/bloomfilter.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "utils/guc.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "alex/alex_buf.h"
#include "alex/alex_inspect.h"
#include "alex/alex_options.h"
#include "base/check.h"
#include "base/pg_compat.h"

PG_FUNCTION_INFO_V1(omendb_alex_check);

/* the entries of one key of a unique index */
typedef struct UniqueCheck
{
	IndexFetchTableData *fetch; /* NULL: nothing to check */
	TupleTableSlot *slot;
	bool started;		/* `last` is set */
	bool judged;		/* `visible_tag` says whether the snapshot sees a row of this key */
	AlexItem last;		/* the last entry */
	uint64 visible_tag; /* entry whose row it sees, or 0 */
} UniqueCheck;

typedef struct CheckState
{
	Relation index;
	Relation heap;
	bool standby;
	XLogRecPtr replayed; /* standby: position when the check began */
	BufferAccessStrategy strategy;
	BlockNumber nblocks;
	uint8 *visited; /* bitmap over blocks */
	int64 entries;
	bloom_filter *filter;
	AlexKeyInfo info;
	Snapshot snapshot; /* judges rows, if set */
	UniqueCheck unique;
	char *page; /* private copy */

	/* downlinks of the level above, in order */
	AlexItem *links;
	int64 nlinks;
	/* of the level being walked */
	AlexItem *next_links;
	int64 nnext;
	int64 next_room;
} CheckState;

/* report; cross = the fault lies between pages */
static void
fail(CheckState *c, BlockNumber block, const char *detail, bool cross)
{
	/* the record being replayed counts: its pages change before its end is reported */
	if (cross && c->standby && GetCurrentReplayRecPtr(NULL) != c->replayed)
		ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
						errmsg("index \"%s\" changed while it was checked",
							   RelationGetRelationName(c->index)),
						errdetail("Pages did not agree at block %u: %s.", block, detail),
						errhint("Call pg_wal_replay_pause() and repeat the check.")));
	om_index_corrupted(c->index, block, detail);
}

static void
copy_page(CheckState *c, BlockNumber block, char *page)
{
	Buffer buf;

	CHECK_FOR_INTERRUPTS();
	if (block == ALEX_METAPAGE || block >= c->nblocks)
		fail(c, block, "link points outside the index", true);
	buf = ReadBufferExtended(c->index, MAIN_FORKNUM, block, RBM_NORMAL, c->strategy);
	LockBuffer(buf, BUFFER_LOCK_SHARE);
	memcpy(page, BufferGetPage(buf), BLCKSZ);
	UnlockReleaseBuffer(buf);
}

/* copy a page, having checked what one page can show */
static void
load(CheckState *c, BlockNumber block, uint32 level)
{
	const char *problem;

	copy_page(c, block, c->page);

	if (PageIsNew((Page) c->page))
		fail(c, block, "link points to a zero page", true);
	problem = alex_page_check(c->page);
	if (problem != NULL)
		fail(c, block, problem, false);
	if (alex_opaque(c->page)->kind == ALEX_KIND_META)
		fail(c, block, "link points to a metapage", true);
	if (alex_opaque(c->page)->level != level)
		fail(c, block, "page is not of its parent's level minus one", true);
	if (alex_opaque(c->page)->flags & ALEX_DELETED)
		fail(c, block, "deleted page is still linked", true);
	if (alex_opaque(c->page)->natts != c->info.natts ||
		alex_opaque(c->page)->keybytes != c->info.keybytes)
		fail(c, block, "page has other key columns than the index", false);
	if (bitmap_test(c->visited, block))
		fail(c, block, "page is linked twice", true);
	bitmap_set(c->visited, block);
}

static void
remember_link(CheckState *c, const AlexItem *item)
{
	if (c->nnext == c->next_room)
	{
		c->next_room = c->next_room * 2 + 1024;
		if (c->next_links == NULL)
			c->next_links = (AlexItem *) palloc(c->next_room * sizeof(AlexItem));
		else
			c->next_links =
				(AlexItem *) repalloc_huge(c->next_links, c->next_room * sizeof(AlexItem));
	}
	c->next_links[c->nnext++] = *item;
}

/* ---- checkunique ---- */

static void
tag_to_tid(uint64 tag, ItemPointer tid)
{
	uint64 t = tag & ALEX_TAG_TID_MASK;

	ItemPointerSet(tid, (BlockNumber) (t >> 16), (OffsetNumber) (t & 0xFFFF));
}

/* an entry of the current key: a second one whose row can be seen is a duplicate */
static void
judge_row(CheckState *c, const AlexItem *item)
{
	UniqueCheck *u = &c->unique;
	ItemPointerData tid;
	ItemPointerData seen;
	bool again = false;
	bool visible;

	tag_to_tid(item->tag, &tid);
	visible = table_index_fetch_tuple(u->fetch, &tid, c->snapshot, u->slot, &again, NULL);
	ExecClearTuple(u->slot);
	if (!visible)
		return;
	if (u->visible_tag == 0)
	{
		u->visible_tag = item->tag;
		return;
	}
	tag_to_tid(item->tag, &tid);
	tag_to_tid(u->visible_tag, &seen);
	ereport(ERROR,
			(errcode(ERRCODE_INDEX_CORRUPTED),
			 errmsg("uniqueness is violated in index \"%s\"", RelationGetRelationName(c->index)),
			 errdetail("Rows (%u,%u) and (%u,%u) have the same key.",
					   ItemPointerGetBlockNumber(&seen), ItemPointerGetOffsetNumber(&seen),
					   ItemPointerGetBlockNumber(&tid), ItemPointerGetOffsetNumber(&tid)),
			 errhint("Delete one of the rows, then REINDEX the index.")));
}

/* the next entry in order */
static void
check_unique(CheckState *c, const AlexItem *item)
{
	UniqueCheck *u = &c->unique;

	if (u->started && item->key == u->last.key &&
		ALEX_TAG_NULLS(item->tag) == ALEX_TAG_NULLS(u->last.tag) &&
		(c->index->rd_index->indnullsnotdistinct ||
		 !alex_key_any_null(&c->info, item->key, item->tag)))
	{
		if (!u->judged)
			judge_row(c, &u->last);
		u->judged = true;
		judge_row(c, item);
	}
	else
	{
		u->judged = false;
		u->visible_tag = 0;
	}
	u->started = true;
	u->last = *item;
}

/* the entries of the copied page, in order */
static void
walk_entries(CheckState *c, BlockNumber block)
{
	const AlexPageOpaque *o = alex_opaque(c->page);
	AlexItem *items = (AlexItem *) palloc(ALEX_ITEMS_MAX * sizeof(AlexItem));
	int n = alex_page_decode(c->page, NULL, items, NULL);

	if (n < 0)
		fail(c, block, "page cannot be decoded", false);
	for (int i = 0; i < n; i++)
	{
		/* between runs: equal is an error, removed or not */
		if (i > 0 && !alex_less(items[i - 1].key, items[i - 1].tag, items[i].key, items[i].tag))
			fail(c, block, "entries of the page are out of order", false);
		if (o->kind == ALEX_KIND_INNER)
		{
			remember_link(c, &items[i]);
			continue;
		}
		if (!alex_tag_tid_valid(items[i].tag))
			fail(c, block, "entry's TID is not valid", false);
		if (!alex_key_valid(&c->info, items[i].key, items[i].tag))
			fail(c, block, "entry's key or null flags are not valid", false);
		if (items[i].flags & ALEX_ITEM_REMOVED)
			continue;
		c->entries++;
		if (c->filter)
		{
			AlexRawEntry fingerprint = { items[i].key, items[i].tag };

			bloom_add_element(c->filter, (unsigned char *) &fingerprint, sizeof(fingerprint));
		}
		if (c->unique.fetch)
			check_unique(c, &items[i]);
	}
	pfree(items);
}

/*
 * Is the copied page in the middle of its deletion?  It has no downlink and no range of its
 * own, but is still linked with its siblings: a half-dead leaf, or the parent it names.
 */
static bool
being_deleted(CheckState *c, BlockNumber block)
{
	const AlexPageOpaque *o = alex_opaque(c->page);
	PGAlignedBlock leaf;
	AlexItem only;

	if (o->flags & ALEX_HALF_DEAD)
		return true;
	if (o->level != 1 || alex_page_entries(c->page) != 1 || !alex_run_item(c->page, 0, &only))
		return false;
	copy_page(c, only.child, leaf.data);
	return !PageIsNew((Page) leaf.data) && alex_page_check_header(leaf.data) == NULL &&
		   (alex_opaque(leaf.data)->flags & ALEX_HALF_DEAD) &&
		   alex_opaque(leaf.data)->safexid == block;
}

/*
 * What lies left of a level's first page: nothing, or pages being deleted that its downlinks
 * do not lead to.  Returns the first page's left link as it should be.
 */
static BlockNumber
check_left_of_level(CheckState *c, BlockNumber leftmost, uint32 level)
{
	BlockNumber first_left;
	BlockNumber right = leftmost;
	BlockNumber block;

	copy_page(c, leftmost, c->page);
	if (PageIsNew((Page) c->page) || alex_page_check_header(c->page) != NULL)
		return InvalidBlockNumber;
	first_left = block = alex_opaque(c->page)->left;
	while (block != InvalidBlockNumber)
	{
		load(c, block, level);
		if (alex_opaque(c->page)->right != right)
			fail(c, right, "left link does not point back", true);
		if (!being_deleted(c, block))
			fail(c, right, "low fence is infinite elsewhere than on the leftmost page", true);
		right = block;
		block = alex_opaque(c->page)->left;
	}
	return first_left;
}

/* one level from its leftmost page on */
static void
check_level(CheckState *c, BlockNumber leftmost, uint32 level, bool root_level)
{
	BlockNumber block = leftmost;
	BlockNumber left = check_left_of_level(c, leftmost, level);
	bool leftmost_seen = false;
	AlexRawEntry bound = { 0, 0 };
	bool no_downlink = false; /* the page's left neighbour is an incomplete split */
	int64 link = 0;

	c->nnext = 0;
	while (block != InvalidBlockNumber)
	{
		const AlexPageOpaque *o;
		AlexRawEntry low;

		load(c, block, level);
		o = alex_opaque(c->page);
		low = alex_page_low(c->page);
		if (o->left != left)
			fail(c, block, "left link does not point back", true);
		if (!root_level && !no_downlink && (link >= c->nlinks || c->links[link].child != block) &&
			being_deleted(c, block))
		{
			left = block;
			block = o->right;
			continue;
		}
		if (o->flags & ALEX_HALF_DEAD)
			fail(c, block, "half-dead page has a downlink", true);
		if (leftmost_seen == ((o->flags & ALEX_LOW_INF) != 0))
			fail(c, block, "low fence is infinite elsewhere than on the leftmost page", true);
		if (leftmost_seen && (low.key != bound.key || low.tag != bound.tag))
			fail(c, block, "low fence differs from the left sibling's high fence", true);
		if ((o->flags & ALEX_ROOT) && !(root_level && !leftmost_seen))
			fail(c, block, "page is marked as root", true);
		if (!root_level && !no_downlink)
		{
			if (link >= c->nlinks)
				fail(c, block, "page has no downlink", true);
			if (c->links[link].child != block || c->links[link].key != low.key ||
				c->links[link].tag != low.tag)
				fail(c, block, "parent's separator differs from the page", true);
			link++;
		}
		walk_entries(c, block);
		no_downlink = (o->flags & ALEX_INCOMPLETE_SPLIT) != 0;
		if (no_downlink && o->right == InvalidBlockNumber)
			fail(c, block, "incomplete split without a right half", true);
		/* at the root's level, only what an unfinished root split left may lie right */
		if (root_level && o->right != InvalidBlockNumber && !no_downlink)
			fail(c, block, "root level has more than one page", true);
		bound = alex_page_high(c->page);
		leftmost_seen = true;
		left = block;
		block = o->right;
	}
	if (!root_level && link != c->nlinks)
		fail(c, left, "parent has a downlink too many", true);
}

static void
check_tree(CheckState *c)
{
	Buffer meta = alex_getmeta(c->index, BUFFER_LOCK_SHARE);
	BlockNumber leftmost = alex_meta(meta)->root;
	uint32 level = alex_meta(meta)->level;
	uint32 root_level = level;
	AlexMeta copy = *alex_meta(meta);
	const char *problem = alex_page_check(alex_page(meta));

	UnlockReleaseBuffer(meta);
	if (problem != NULL)
		fail(c, ALEX_METAPAGE, problem, false);
	alex_key_check_meta(c->index, &c->info, &copy);
	bitmap_set(c->visited, ALEX_METAPAGE);
	for (;; level--)
	{
		check_level(c, leftmost, level, level == root_level);
		if (level == root_level)
		{
			/* the copy is the level's last page: look at the root itself again */
			Buffer root = alex_getbuf(c->index, leftmost, BUFFER_LOCK_SHARE, level);
			bool marked = (alex_opaque(alex_page(root))->flags & ALEX_ROOT) != 0;

			UnlockReleaseBuffer(root);
			if (!marked)
				fail(c, leftmost, "the metapage's root page is not marked as root", true);
		}
		if (level == 0)
			break;
		if (c->links)
			pfree(c->links);
		c->links = c->next_links;
		c->nlinks = c->nnext;
		c->next_links = NULL;
		c->next_room = 0;
		/* an inner page is never empty (I10, checked with the page) */
		if (c->links == NULL)
			fail(c, leftmost, "inner level has no downlink", true);
		leftmost = c->links[0].child;
	}
}

/* pages that no link leads to must be all zeroes or deleted */
static void
check_unreachable(CheckState *c)
{
	for (BlockNumber block = 0; block < c->nblocks; block++)
	{
		Buffer buf;
		bool unused;

		CHECK_FOR_INTERRUPTS();
		if (bitmap_test(c->visited, block))
			continue;
		buf = ReadBufferExtended(c->index, MAIN_FORKNUM, block, RBM_NORMAL, c->strategy);
		LockBuffer(buf, BUFFER_LOCK_SHARE);
		unused =
			PageIsNew(BufferGetPage(buf)) || (alex_page_check(alex_page(buf)) == NULL &&
											  (alex_opaque(alex_page(buf))->flags & ALEX_DELETED));
		UnlockReleaseBuffer(buf);
		if (!unused)
			fail(c, block, "page is in use but no link leads to it", true);
	}
}

/* ---- heapallindexed ---- */

static void
present_callback(Relation index, ItemPointer tid, Datum *values, bool *isnull, bool alive,
				 void *arg)
{
	CheckState *c = (CheckState *) arg;
	AlexRawEntry fingerprint;

	alex_key_encode(&c->info, values, isnull, tid, &fingerprint.key, &fingerprint.tag);
	if (bloom_lacks_element(c->filter, (unsigned char *) &fingerprint, sizeof(fingerprint)))
		ereport(ERROR,
				(errcode(ERRCODE_INDEX_CORRUPTED),
				 errmsg("heap tuple (%u,%u) from table \"%s\" lacks matching entry in index \"%s\"",
						ItemPointerGetBlockNumber(tid), ItemPointerGetOffsetNumber(tid),
						RelationGetRelationName(c->heap), RelationGetRelationName(c->index)),
				 errhint("Please REINDEX it.")));
}

static void
check_heap(CheckState *c, Snapshot snapshot)
{
	IndexInfo *info = BuildIndexInfo(c->index);
	TableScanDesc scan = table_beginscan_strat(c->heap, snapshot, 0, NULL, true, true);

	/* read only, no uniqueness checks; concurrent: judge by the scan's snapshot */
	info->ii_Concurrent = true;
	info->ii_Unique = false;
	info->ii_ExclusionOps = NULL;
	info->ii_ExclusionProcs = NULL;
	info->ii_ExclusionStrats = NULL;
	table_index_build_scan(c->heap, c->index, info, true, false, present_callback, c, scan);
}

/* everything, as the table's owner since index expressions run */
static void
check_index(CheckState *c, bool heapallindexed, bool checkunique)
{
	c->standby = RecoveryInProgress();
	c->replayed = c->standby ? GetXLogReplayRecPtr(NULL) : InvalidXLogRecPtr;
	c->strategy = GetAccessStrategy(BAS_BULKREAD);
	c->page = (char *) palloc(BLCKSZ + 16);
	alex_key_info(c->index, &c->info);
	if (heapallindexed)
	{
		int64 expected = (int64) RelationGetNumberOfBlocks(c->index) * alex_leaf_entries(c->index);

		expected = Max(expected, (int64) c->index->rd_rel->reltuples);
		c->filter = bloom_create(expected, maintenance_work_mem, 0);
	}
	if (heapallindexed || checkunique)
	{
		/*
		 * Rows are judged by a snapshot, as amcheck does: an index built
		 * CONCURRENTLY has no entries for rows that were dead to its own.
		 */
		c->snapshot = RegisterSnapshot(GetTransactionSnapshot());
		if (IsolationUsesXactSnapshot() && c->index->rd_index->indcheckxmin &&
			!TransactionIdPrecedes(HeapTupleHeaderGetXmin(c->index->rd_indextuple->t_data),
								   c->snapshot->xmin))
			ereport(ERROR, (errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
							errmsg("index \"%s\" cannot be verified using transaction snapshot",
								   RelationGetRelationName(c->index))));
	}
	if (checkunique)
	{
		c->unique.fetch = table_index_fetch_begin(c->heap);
		c->unique.slot = table_slot_create(c->heap, NULL);
	}
	c->nblocks = RelationGetNumberOfBlocks(c->index);
	c->visited = (uint8 *) palloc0(c->nblocks / 8 + 1);
	check_tree(c);
	check_unreachable(c);
	if (checkunique)
	{
		table_index_fetch_end(c->unique.fetch);
		ExecDropSingleTupleTableSlot(c->unique.slot);
	}
	if (heapallindexed)
		check_heap(c, c->snapshot);
	if (c->snapshot != InvalidSnapshot)
		UnregisterSnapshot(c->snapshot);
	ereport(DEBUG1, (errmsg_internal("checked index \"%s\": " INT64_FORMAT " entries, %u pages",
									 RelationGetRelationName(c->index), c->entries, c->nblocks)));
}

/*
 * omendb.alex_check(index regclass, heapallindexed boolean, checkunique boolean) returns void; an
 * error with SQLSTATE XX002 says what is wrong.
 */
Datum
omendb_alex_check(PG_FUNCTION_ARGS)
{
	CheckState c = { 0 };
	LOCKMODE lockmode = RecoveryInProgress() ? AccessShareLock : ShareLock;
	Oid save_userid;
	int save_sec_context;
	int save_nestlevel;

	c.index = alex_inspect_open(PG_GETARG_OID(0), lockmode, &c.heap);
	GetUserIdAndSecContext(&save_userid, &save_sec_context);
	SetUserIdAndSecContext(c.heap->rd_rel->relowner,
						   save_sec_context | SECURITY_RESTRICTED_OPERATION);
	save_nestlevel = NewGUCNestLevel();
	om_restrict_search_path();

	check_index(&c, PG_GETARG_BOOL(1), PG_GETARG_BOOL(2) && c.index->rd_index->indisunique);

	AtEOXact_GUC(false, save_nestlevel);
	SetUserIdAndSecContext(save_userid, save_sec_context);
	index_close(c.index, lockmode);
	table_close(c.heap, lockmode);
	PG_RETURN_VOID();
}
