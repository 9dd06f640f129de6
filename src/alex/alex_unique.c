/*
 * alex_unique.c
 *		Uniqueness: is the key of a row to be inserted there already?
 *
 * The protocol, and why neither a duplicate nor a deadlock gets past it, is in
 * README.md ("Unique indexes").  In short: the first leaf that may hold the key is
 * locked exclusively from the check to the insert.
 */
#include "postgres.h"

#include "access/tableam.h"
#include "access/transam.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "storage/lmgr.h"
#include "storage/predicate.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "alex/alex_buf.h"
#include "alex/alex_kill.h"
#include "alex/alex_split.h"
#include "alex/alex_unique.h"
#include "base/check.h"
#include "base/pg_compat.h"
#include "base/stop_point.h"

/* dead pages between two live ones; more than a vacuum leaves behind is damage */
#define DEAD_SIBLINGS_MAX 1000

/* what the entries seen so far say */
typedef enum Verdict
{
	UNIQUE_SO_FAR,
	ROW_IS_DEAD, /* so it cannot be a duplicate */
	MAYBE_DUPLICATE,
	MUST_WAIT,
	DUPLICATE
} Verdict;

typedef struct Check
{
	Relation rel;
	Relation heap;
	const AlexUniqueRow *row;
	IndexUniqueCheck kind;
	uint64 first;		 /* the smallest tag an entry with these null flags can have */
	bool found_itself;	 /* met the row's own entry */
	TransactionId xwait; /* MUST_WAIT: for this transaction, */
	uint32 token;		 /* or, if set, for its speculative insertion */
	AlexPagePos pos;	 /* where the key begins on its first leaf */
	bool found_key;		 /* an entry there has it, be it removed */
} Check;

bool
alex_unique_applies(Relation rel, const bool *isnull)
{
	if (rel->rd_index->indnullsnotdistinct)
		return true;
	for (int i = 0; i < IndexRelationGetNumberOfKeyAttributes(rel); i++)
	{
		if (isnull[i])
			return false;
	}
	return true;
}

/* ---- entries ---- */

static inline bool
same_key(const Check *c, AlexKey key, uint64 tag)
{
	return key == c->row->item->key && (tag & ~ALEX_TAG_TID_MASK) == c->first;
}

/* an entry with the same key: is its row in the way? */
static Verdict
judge_entry(Check *c, const AlexItem *entry, Buffer buf)
{
	uint64 t = entry->tag & ALEX_TAG_TID_MASK;
	SnapshotData dirty;
	ItemPointerData tid;
	bool all_dead = false;

	if (entry->flags & (ALEX_ITEM_REMOVED | ALEX_ITEM_DEAD))
		return UNIQUE_SO_FAR;
	if (unlikely(!alex_tag_tid_valid(t)))
		om_index_corrupted(c->rel, BufferGetBlockNumber(buf), "entry's TID is not valid");
	ItemPointerSet(&tid, (BlockNumber) (t >> 16), (OffsetNumber) (t & 0xFFFF));

	if (c->kind == UNIQUE_CHECK_EXISTING && ItemPointerEquals(&tid, c->row->tid))
	{
		c->found_itself = true;
		return UNIQUE_SO_FAR;
	}
	InitDirtySnapshot(dirty);
	if (!table_index_fetch_tuple_check(c->heap, &tid, &dirty, &all_dead))
	{
		/* later checks and scans need not look at it again */
		if (all_dead)
			alex_mark_dead(buf, entry->key, entry->tag);
		return UNIQUE_SO_FAR;
	}
	if (c->kind == UNIQUE_CHECK_PARTIAL)
		return MAYBE_DUPLICATE;

	/* somebody is inserting or deleting it */
	c->xwait = TransactionIdIsValid(dirty.xmin) ? dirty.xmin : dirty.xmax;
	if (TransactionIdIsValid(c->xwait))
	{
		c->token = dirty.speculativeToken;
		return MUST_WAIT;
	}

	/*
	 * The row to be inserted may have been deleted since CREATE INDEX CONCURRENTLY
	 * saw it.  tid may be the root of a HOT chain: any live member of it counts.
	 */
	tid = *c->row->tid;
	if (!table_index_fetch_tuple_check(c->heap, &tid, SnapshotSelf, NULL))
		return ROW_IS_DEAD;
	return DUPLICATE;
}

/* the entries with this key on one locked page; *pos: where they begin, *found: there are some */
static Verdict
judge_page(Check *c, Buffer buf, AlexPagePos *pos, bool *found)
{
	const char *page = alex_page(buf);
	const AlexPageOpaque *o = alex_opaque(page);
	uint32 run = (uint32) o->nbase + o->ntail;
	BlockNumber block = BufferGetBlockNumber(buf);
	Verdict verdict = UNIQUE_SO_FAR;
	AlexItem entry;

	*found = false;
	if (!alex_page_search(page, c->row->item->key, c->first, false, pos))
		om_index_corrupted(c->rel, block, "leaf cannot be searched");
	for (uint32 r = pos->run; r < run && verdict == UNIQUE_SO_FAR; r++)
	{
		if (!alex_run_item(page, r, &entry))
			om_index_corrupted(c->rel, block, "entry cannot be read");
		if (!same_key(c, entry.key, entry.tag))
			break;
		*found = true;
		verdict = judge_entry(c, &entry, buf);
	}
	for (uint32 g = pos->gap; g < o->ngap && verdict == UNIQUE_SO_FAR; g++)
	{
		alex_gap_item(page, g, &entry);
		if (!same_key(c, entry.key, entry.tag))
			break;
		*found = true;
		verdict = judge_entry(c, &entry, buf);
	}
	return verdict;
}

/* ---- pages ---- */

/*
 * The live page right of a locked one, locked while that stays locked, so that no
 * split or deletion can come in between.
 */
static Buffer
lock_right(Relation rel, Buffer buf, int mode)
{
	AlexRawEntry high = alex_page_high(alex_page(buf));
	BlockNumber block = BufferGetBlockNumber(buf);
	BlockNumber next = alex_opaque(alex_page(buf))->right;
	Buffer right;

	for (int steps = 0;; steps++)
	{
		const char *page;
		const char *problem;

		if (next == InvalidBlockNumber || next == ALEX_METAPAGE || steps > DEAD_SIBLINGS_MAX)
			om_index_corrupted(rel, block, "right link is missing");
		right = ReadBuffer(rel, next);
		if (unlikely(om_buffer_locked_by_me(right)))
			om_index_corrupted(rel, next, "link leads back to a page on the way");
		LockBuffer(right, mode);
		page = alex_page(right);
		if (PageIsNew(BufferGetPage(right)))
			om_index_corrupted(rel, next, "unexpected zero page");
		problem = alex_page_check_header(page);
		if (problem != NULL)
			om_index_corrupted(rel, next, problem);
		if (!(alex_opaque(page)->flags & (ALEX_DELETED | ALEX_HALF_DEAD)))
			break;
		next = alex_opaque(page)->right;
		UnlockReleaseBuffer(right);
	}
	alex_check_buf(rel, right, 0);
	if (!alex_page_starts_at(alex_page(right), high))
		om_index_corrupted(rel, next, "low fence differs from the left sibling's high fence");
	return right;
}

/* all entries with this key; leaf, its first one, stays locked */
static Verdict
judge_key(Check *c, Buffer leaf)
{
	Buffer buf = leaf;
	Verdict verdict = judge_page(c, leaf, &c->pos, &c->found_key);

	for (;;)
	{
		const char *page = alex_page(buf);
		AlexRawEntry high = alex_page_high(page);
		AlexPagePos pos;
		bool found;
		Buffer right;

		/* as a rule the key ends here: a separator of different keys has no TID */
		if (verdict != UNIQUE_SO_FAR || (alex_opaque(page)->flags & ALEX_HIGH_INF) ||
			!same_key(c, high.key, high.tag))
			break;
		right = lock_right(c->rel, buf, BUFFER_LOCK_SHARE);
		if (buf != leaf)
			UnlockReleaseBuffer(buf);
		buf = right;
		verdict = judge_page(c, buf, &pos, &found);
	}
	if (buf != leaf)
		UnlockReleaseBuffer(buf);
	return verdict;
}

/* from a key's first leaf to the one that (key, tag) belongs on */
static Buffer
move_to_place(Relation rel, Buffer buf, const AlexItem *item)
{
	while (alex_page_beyond(alex_page(buf), item->key, item->tag))
	{
		Buffer right = lock_right(rel, buf, BUFFER_LOCK_EXCLUSIVE);

		/* a writer links the right half of a split before it goes on */
		if (alex_opaque(alex_page(right))->flags & ALEX_INCOMPLETE_SPLIT)
		{
			alex_finish_split(rel, right);
			continue;
		}
		UnlockReleaseBuffer(buf);
		buf = right;
	}
	return buf;
}

/* ---- the check ---- */

static void
report_duplicate(const Check *c)
{
	char *key = BuildIndexValueDescription(c->rel, c->row->values, c->row->isnull);

	ereport(ERROR, (errcode(ERRCODE_UNIQUE_VIOLATION),
					errmsg("duplicate key value violates unique constraint \"%s\"",
						   RelationGetRelationName(c->rel)),
					key != NULL ? errdetail("Key %s already exists.", key) : 0,
					errtableconstraint(c->heap, RelationGetRelationName(c->rel))));
}

/*
 * The first leaf, exclusively locked.  By a hint only if the entry itself belongs there, too: moving
 * right from it may mean to finish a split.
 */
static Buffer
first_leaf(const Check *c, bool *hinted)
{
	const AlexItem *item = c->row->item;
	Buffer leaf;

	if (*hinted)
	{
		leaf = alex_find_leaf(c->rel, item->key, c->first);
		if (BufferIsValid(leaf))
		{
			if (!alex_page_beyond(alex_page(leaf), item->key, item->tag))
				return leaf;
			UnlockReleaseBuffer(leaf);
		}
		*hinted = false;
	}
	return alex_descend(c->rel, 0, item->key, c->first, false, BUFFER_LOCK_EXCLUSIVE, true);
}

bool
alex_unique_check(Relation rel, Relation heap, const AlexUniqueRow *row, IndexUniqueCheck check,
				  bool hints, AlexUniquePlace *place)
{
	Check c = { .rel = rel, .heap = heap, .row = row, .kind = check };
	const AlexItem *item = row->item;
	Verdict verdict;
	Buffer leaf;
	BlockNumber first;

	Assert(check != UNIQUE_CHECK_NO);
	c.first = item->tag & ~ALEX_TAG_TID_MASK;
	for (;;)
	{
		c.found_itself = false;
		place->hinted = hints;
		leaf = first_leaf(&c, &place->hinted);
		verdict = judge_key(&c, leaf);
		if (verdict != MUST_WAIT)
			break;
		UnlockReleaseBuffer(leaf);
		STOP_POINT("alex_unique_wait");
		if (c.token != 0)
			SpeculativeInsertionWait(c.xwait, c.token);
		else
			XactLockTableWait(c.xwait, rel, row->tid, XLTW_InsertIndex);
	}

	if (verdict == DUPLICATE)
	{
		/* a serialization failure comes first: the duplicate may be its consequence */
		CheckForSerializableConflictIn(rel, NULL, BufferGetBlockNumber(leaf));
		UnlockReleaseBuffer(leaf);
		report_duplicate(&c);
	}
	if (check == UNIQUE_CHECK_EXISTING)
	{
		UnlockReleaseBuffer(leaf);
		if (verdict == UNIQUE_SO_FAR && !c.found_itself)
			ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR),
							errmsg("failed to re-find tuple within index \"%s\"",
								   RelationGetRelationName(rel)),
							errhint("This may be because of a non-immutable index expression."),
							errtableconstraint(heap, RelationGetRelationName(rel))));
		place->leaf = InvalidBuffer;
		return true;
	}

	/*
	 * Readers of the entry's place have locked the leaf it goes to.  A lookup of the key
	 * may have ended before, with the rows it found on the key's first leaf.
	 */
	first = BufferGetBlockNumber(leaf);
	CheckForSerializableConflictIn(rel, NULL, first);
	place->leaf = move_to_place(rel, leaf, item);
	if (BufferGetBlockNumber(place->leaf) != first)
		CheckForSerializableConflictIn(rel, NULL, BufferGetBlockNumber(place->leaf));
	place->pos_known = BufferGetBlockNumber(place->leaf) == first && !c.found_key;
	place->pos = c.pos;
	return verdict != MAYBE_DUPLICATE;
}
