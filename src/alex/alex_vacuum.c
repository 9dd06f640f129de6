/*
 * alex_vacuum.c
 *		ambulkdelete, amvacuumcleanup.
 *
 * VACUUM walks the leaves in key order by their right links and takes a cleanup
 * lock on each (rule C5): it waits for scans that keep a pin, and every TID is
 * seen exactly once, which CREATE INDEX CONCURRENTLY relies on.  A split that
 * moves entries right while VACUUM stands between two leaves moves entries it has
 * seen; the walk goes on at the right link it read under the lock.
 *
 * Deletion never fails: a page that would not fit when refitted gets removed
 * marks instead, for which it keeps room (I7).
 */
#include "postgres.h"

#include "commands/vacuum.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "storage/freespace.h"
#include "storage/indexfsm.h"
#include "storage/lmgr.h"
#include "storage/procarray.h"
#include "utils/rel.h"

#include "alex/alex_apply.h"
#include "alex/alex_buf.h"
#include "alex/alex_delete.h"
#include "alex/alex_pagedel.h"
#include "alex/alex_vacuum.h"
#include "base/check.h"
#include "base/om_wal.h"
#include "base/pg_compat.h"
#include "base/stop_point.h"

typedef struct VacuumState
{
	IndexVacuumInfo *info;
	IndexBulkDeleteResult *stats;
	IndexBulkDeleteCallback callback;
	void *callback_state;
	BlockNumber nblocks; /* when the walk began */
	BlockNumber live;	 /* metapage, leaves and inner pages met below nblocks */
} VacuumState;

/* ask for one live entry; true = drop it */
static bool
vacuum_entry(VacuumState *v, Buffer buf, const AlexItem *item)
{
	uint64 t = item->tag & ALEX_TAG_TID_MASK;
	ItemPointerData tid;

	ItemPointerSet(&tid, (BlockNumber) (t >> 16), (OffsetNumber) (t & 0xFFFF));
	if (unlikely(!alex_tag_tid_valid(t)))
		om_index_corrupted(v->info->index, BufferGetBlockNumber(buf), "entry's TID is not valid");
	if (v->callback(&tid, v->callback_state))
		return true;
	v->stats->num_index_tuples++;
	return false;
}

/* which entries of the leaf go?  Returns how many; bit numbers as for alex_page_decode */
static uint32
collect_drops(VacuumState *v, Buffer buf, uint8 *drops)
{
	const char *page = alex_page(buf);
	const AlexPageOpaque *o = alex_opaque(page);
	AlexItem items[ALEX_BLOCK_ENTRIES_MAX];
	uint32 count = 0;

	for (uint32 b = 0; b < o->nblocks; b++)
	{
		AlexBlock blk;

		if (!alex_block_open(page, b, &blk) || blk.cum + blk.n > o->nbase)
			om_index_corrupted(v->info->index, BufferGetBlockNumber(buf), "block cannot be read");
		alex_block_decode(&blk, items);
		for (uint32 i = 0; i < blk.n; i++)
		{
			/* a removed entry's TID may belong to another row by now */
			if ((items[i].flags & ALEX_ITEM_REMOVED) || !vacuum_entry(v, buf, &items[i]))
				continue;
			bitmap_set(drops, blk.cum + i);
			count++;
		}
	}
	for (uint32 slot = 0; slot < o->ngap; slot++)
	{
		alex_raw_get(alex_gap_slot(page, slot), alex_page_form(page), &items[0]);
		if (vacuum_entry(v, buf, &items[0]))
		{
			bitmap_set(drops, o->nbase + slot);
			count++;
		}
	}
	for (uint32 i = 0; i < o->ntail; i++)
	{
		alex_tail_item(page, i, &items[0]);
		if (vacuum_entry(v, buf, &items[0]))
		{
			bitmap_set(drops, (uint32) o->nbase + o->ngap + i);
			count++;
		}
	}
	return count;
}

/* one leaf, under a cleanup lock */
static void
vacuum_leaf(VacuumState *v, Buffer buf)
{
	uint8 drops[ALEX_DROP_BITMAP_BYTES] = { 0 };
	uint32 count = collect_drops(v, buf, drops);

	if (count == 0)
		return;
	/* heap's pruning has resolved the conflicts: no horizon */
	alex_delete_entries(v->info->index, buf, drops, OM_WAL_CLEANUP, InvalidTransactionId, NULL);
	v->stats->tuples_removed += count;
	STOP_POINT("alex_vacuum_leaf");
}

/*
 * The leftmost leaf.  An earlier VACUUM may have left half-dead ones on its left,
 * to which no right link leads.
 */
static BlockNumber
first_leaf(Relation rel)
{
	BlockNumber last_left = InvalidBlockNumber;

	for (;;)
	{
		Buffer buf = alex_descend(rel, 0, 0, 0, false, BUFFER_LOCK_SHARE, false);
		BlockNumber block = BufferGetBlockNumber(buf);
		BlockNumber left = alex_opaque(alex_page(buf))->left;

		UnlockReleaseBuffer(buf);
		if (left == InvalidBlockNumber)
			return block;
		if (left == last_left)
			om_index_corrupted(rel, block, "left link of the leftmost page");
		(void) alex_finish_deletion(rel, left);
		last_left = left;
	}
}

/* the walk */
static void
vacuum_leaves(VacuumState *v)
{
	Relation rel = v->info->index;
	Buffer buf;
	BlockNumber block = first_leaf(rel);
	AlexRawEntry bound = { 0, 0 };
	bool first = true;

	while (block != InvalidBlockNumber)
	{
		const char *page;
		AlexRawEntry low;
		AlexRawEntry high;
		BlockNumber next;
		uint32 deleted;

		om_vacuum_delay_point();
		if (block == ALEX_METAPAGE)
			om_index_corrupted(rel, block, "link to the metapage");
		buf = ReadBufferExtended(rel, MAIN_FORKNUM, block, RBM_NORMAL, v->info->strategy);
		LockBufferForCleanup(buf);
		page = alex_page(buf);
		if (!PageIsNew(BufferGetPage(buf)) && alex_page_check_header(page) == NULL &&
			alex_opaque(page)->kind == ALEX_KIND_LEAF &&
			(alex_opaque(page)->flags & ALEX_HALF_DEAD))
		{
			/* an earlier VACUUM did not come to the end of it; the right one has its range */
			next = alex_opaque(page)->right;
			UnlockReleaseBuffer(buf);
			v->stats->pages_newly_deleted += alex_finish_deletion(rel, block);
			block = next;
			continue;
		}
		alex_check_buf(rel, buf, 0);
		low = alex_page_low(page);
		if (first ? !(alex_opaque(page)->flags & ALEX_LOW_INF)
				  : ((alex_opaque(page)->flags & ALEX_LOW_INF) || low.key != bound.key ||
					 low.tag != bound.tag))
			om_index_corrupted(rel, block, "low fence differs from the left sibling's high fence");
		vacuum_leaf(v, buf);
		high = alex_page_high(page);
		if ((alex_opaque(page)->right == InvalidBlockNumber) !=
			((alex_opaque(page)->flags & ALEX_HIGH_INF) != 0))
			om_index_corrupted(rel, block, "high fence and right link disagree");
		next = alex_opaque(page)->right;
		if (alex_page_entries(page) == alex_opaque(page)->nremoved &&
			(deleted = alex_delete_page(rel, buf)) > 0)
		{
			/* the next leaf begins where this one did */
			v->stats->pages_newly_deleted += deleted;
		}
		else
		{
			v->live += block < v->nblocks;
			bound = high;
			first = false;
			UnlockReleaseBuffer(buf);
		}
		block = next;
		STOP_POINT("alex_vacuum_between_leaves");
	}
}

/* count the pages of the inner levels: few, and mostly in cache */
static void
count_inner(VacuumState *v)
{
	Relation rel = v->info->index;
	Buffer meta = alex_getmeta(rel, BUFFER_LOCK_SHARE);
	uint32 level = alex_meta(meta)->level;

	UnlockReleaseBuffer(meta);
	for (; level > 0; level--)
	{
		Buffer buf = alex_descend(rel, level, 0, 0, false, BUFFER_LOCK_SHARE, false);

		v->live += BufferGetBlockNumber(buf) < v->nblocks;
		while (!(alex_opaque(alex_page(buf))->flags & ALEX_HIGH_INF))
		{
			buf = alex_step_right(rel, buf, BUFFER_LOCK_SHARE);
			v->live += BufferGetBlockNumber(buf) < v->nblocks;
		}
		UnlockReleaseBuffer(buf);
	}
}

/* pages of the index; one just being added must not look free: see om_extend_locked */
static BlockNumber
count_blocks(Relation rel)
{
	BlockNumber nblocks;
	bool lock = !RELATION_IS_LOCAL(rel);

	if (lock)
		LockRelationForExtension(rel, ExclusiveLock);
	nblocks = RelationGetNumberOfBlocks(rel);
	if (lock)
		UnlockRelationForExtension(rel, ExclusiveLock);
	return nblocks;
}

/*
 * Find pages that belong to nothing: deleted, or all zeroes, left by an error or a crash
 * between allocating and linking them.  Only among those that were there when the
 * walk began, and only if the count says there may be some.  What was deleted just now
 * is mostly too young to be free; the next VACUUM finds it.
 */
static void
find_free_pages(VacuumState *v)
{
	Relation rel = v->info->index;
	bool found = false;

	count_inner(v);
	v->stats->num_pages = v->nblocks;
	v->stats->pages_deleted = v->stats->pages_free = 0;
	if (v->live >= v->nblocks)
		return;
	/* move the horizon that alex_page_recyclable asks */
	(void) GetOldestNonRemovableTransactionId(NULL);
	for (BlockNumber block = ALEX_METAPAGE + 1; block < v->nblocks; block++)
	{
		Buffer buf;

		om_vacuum_delay_point();
		buf = ReadBufferExtended(rel, MAIN_FORKNUM, block, RBM_NORMAL, v->info->strategy);
		LockBuffer(buf, BUFFER_LOCK_SHARE);
		if (alex_page_recyclable(buf))
		{
			RecordFreeIndexPage(rel, block);
			v->stats->pages_free++;
			v->stats->pages_deleted++;
			found = true;
		}
		else if (alex_page_check_header(alex_page(buf)) == NULL &&
				 (alex_opaque(alex_page(buf))->flags & ALEX_DELETED))
			v->stats->pages_deleted++;
		UnlockReleaseBuffer(buf);
	}
	if (found)
		IndexFreeSpaceMapVacuum(rel);
}

IndexBulkDeleteResult *
alexbulkdelete(IndexVacuumInfo *info, IndexBulkDeleteResult *stats,
			   IndexBulkDeleteCallback callback, void *callback_state)
{
	VacuumState v = { info, stats, callback, callback_state, count_blocks(info->index), 1 };

	if (v.stats == NULL)
		v.stats = (IndexBulkDeleteResult *) palloc0(sizeof(IndexBulkDeleteResult));
	alex_note_generic(info->index);
	v.stats->estimated_count = false;
	v.stats->num_index_tuples = 0;
	vacuum_leaves(&v);
	find_free_pages(&v);
	return v.stats;
}

IndexBulkDeleteResult *
alexvacuumcleanup(IndexVacuumInfo *info, IndexBulkDeleteResult *stats)
{
	/* without ambulkdelete there was nothing to do, and nothing is known (rule C5) */
	if (info->analyze_only || stats == NULL)
		return stats;
	stats->num_pages = RelationGetNumberOfBlocks(info->index);
	return stats;
}
