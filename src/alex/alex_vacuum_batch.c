/*
 * alex_vacuum_batch.c
 *		VACUUM asks about the entries of many leaves together.
 *
 * To the table's vacuum an entry's TID is a search in an array of dead ones, which may
 * take megabytes.  Asked leaf by leaf, thus in the order of the keys, each search misses
 * the CPU's caches and branch predictor on its way: that is most of what VACUUM of an
 * index costs.  So the TIDs of a batch of leaves are copied, sorted, and asked about in the order
 * of the table's blocks, without any page lock.  Then the leaves are locked again, one by
 * one, to delete what is dead.  A leaf that has changed meanwhile is searched for the TIDs
 * that were found dead, as are the pages it may have been split into.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "postmaster/autovacuum.h"
#include "storage/bufmgr.h"
#include "utils/rel.h"

#include "alex/alex_apply.h"
#include "alex/alex_buf.h"
#include "alex/alex_delete.h"
#include "alex/alex_pagedel.h"
#include "alex/alex_vacuum_batch.h"
#include "base/check.h"
#include "base/om_wal.h"
#include "base/pg_compat.h"
#include "base/stop_point.h"

/* leaves of a batch */
#define BATCH_LEAVES_MAX 128

/* entries of a batch: far beyond this, order gains little; within a share of the memory limit */
#define BATCH_ENTRIES_MAX 131072
#define BATCH_MEMORY_SHARE 16

/* an entry: what is sorted, and asked about in that order */
typedef struct Question
{
	uint64 tid;
	uint32 leaf; /* of the batch */
	uint32 number;
} Question;

typedef struct BatchLeaf
{
	BlockNumber block;
	XLogRecPtr lsn;
	AlexEdge low;
	AlexRawEntry high;
	bool high_infinite;
	AlexRawEntry last; /* if so, and if there are entries: no entry copied comes behind this */
	uint32 used;	   /* bytes */
	uint32 asked;	   /* entries asked about */
	uint32 ndead;	   /* of these, those that go */
	uint32 dead_at;	   /* the first of these in batch->dead */
} BatchLeaf;

/* a leaf whose dead entries are gone */
typedef struct DoneLeaf
{
	BlockNumber block;
	uint32 used; /* alex_used_bytes, as last seen */
	bool empty;	 /* or so it seemed */
	bool walked; /* else split off since the walk, and not among v->live */
} DoneLeaf;

struct AlexBatch
{
	AlexVacuum *v;
	Relation rel;
	BatchLeaf leaves[BATCH_LEAVES_MAX];
	int nleaves;
	Question *questions;
	Question *other; /* scratch of the same size */
	uint32 count;
	uint32 room;
	Question *dead; /* by leaf */
	DoneLeaf *done; /* in key order; between batches the last one that is left */
	uint32 ndone;
	uint32 done_room;
	uint32 merge_room; /* bytes of two leaves that are worth merging */
};

/* by entry number */
static uint64 leaf_tids[ALEX_ITEMS_MAX];

AlexBatch *
alex_batch_create(AlexVacuum *v)
{
	AlexBatch *batch = (AlexBatch *) palloc0(sizeof(AlexBatch));
	int kilobytes = AmAutoVacuumWorkerProcess() && autovacuum_work_mem != -1 ? autovacuum_work_mem
																			 : maintenance_work_mem;
	Size room = (Size) kilobytes * 1024 / BATCH_MEMORY_SHARE / (2 * sizeof(Question));

	batch->v = v;
	batch->rel = v->info->index;
	/* one leaf at least */
	batch->room = (uint32) Max(Min(room, BATCH_ENTRIES_MAX), ALEX_ITEMS_MAX);
	batch->questions = (Question *) palloc(batch->room * sizeof(Question));
	batch->other = (Question *) palloc(batch->room * sizeof(Question));
	batch->done_room = BATCH_LEAVES_MAX + 1;
	batch->done = (DoneLeaf *) palloc(batch->done_room * sizeof(DoneLeaf));
	return batch;
}

void
alex_batch_free(AlexBatch *batch)
{
	pfree(batch->questions);
	pfree(batch->other);
	pfree(batch->done);
	pfree(batch);
}

bool
alex_batch_full(const AlexBatch *batch)
{
	return batch->nleaves == BATCH_LEAVES_MAX || batch->room - batch->count < ALEX_ITEMS_MAX;
}

bool
alex_batch_has(const AlexBatch *batch, BlockNumber block)
{
	for (int i = 0; i < batch->nleaves; i++)
		if (batch->leaves[i].block == block)
			return true;
	return false;
}

void
alex_batch_add(AlexBatch *batch, Buffer buf)
{
	BatchLeaf *leaf = &batch->leaves[batch->nleaves];
	PGAlignedBlock copy;
	const char *page = copy.data;
	uint32 first = batch->count;
	BlockNumber block = BufferGetBlockNumber(buf);
	uint32 entries;

	Assert(!alex_batch_full(batch));
	/*
	 * Inserts need not wait while it is decoded.  The pin goes, too: pins on all leaves of a batch
	 * would take more than VACUUM's ring of buffers, and keep them from others.
	 */
	memcpy(copy.data, BufferGetPage(buf), BLCKSZ);
	UnlockReleaseBuffer(buf);

	entries = alex_page_entries(page);
	if (!alex_page_tids(page, leaf_tids))
		om_index_corrupted(batch->rel, block, "block cannot be read");
	for (uint32 i = 0; i < entries; i++)
	{
		Question *q = &batch->questions[batch->count];

		if (leaf_tids[i] == ALEX_NO_TID)
			continue;
		if (unlikely(!alex_tag_tid_valid(leaf_tids[i])))
			om_index_corrupted(batch->rel, block, "entry's TID is not valid");
		q->tid = leaf_tids[i];
		q->leaf = (uint32) batch->nleaves;
		q->number = i;
		batch->count++;
	}
	leaf->block = block;
	leaf->lsn = PageGetLSN((Page) page);
	leaf->low.fence = alex_page_low(page);
	leaf->low.infinite = (alex_opaque(page)->flags & ALEX_LOW_INF) != 0;
	leaf->high = alex_page_high(page);
	leaf->high_infinite = (alex_opaque(page)->flags & ALEX_HIGH_INF) != 0;
	if (leaf->high_infinite && entries > 0)
	{
		AlexItem last;

		if (!alex_page_last(page, &last))
			om_index_corrupted(batch->rel, block, "last entry cannot be read");
		leaf->last = (AlexRawEntry){ last.key, last.tag };
	}
	leaf->asked = batch->count - first;
	leaf->ndead = 0;
	leaf->used = alex_used_bytes(page);
	batch->merge_room = alex_merge_room(batch->rel, page);
	batch->nleaves++;
}

/* ---- asking ---- */

/* two passes of a radix sort, by as many bits of the table block as that gives */
#define DIGIT_BITS 9
#define DIGITS (1 << DIGIT_BITS)

static void
scatter(const Question *from, Question *to, uint32 count, uint32 *place, int shift)
{
	uint32 sum = 0;

	for (int digit = 0; digit < DIGITS; digit++)
	{
		uint32 in_digit = place[digit];

		place[digit] = sum;
		sum += in_digit;
	}
	for (uint32 i = 0; i < count; i++)
		to[place[(from[i].tid >> shift) & (DIGITS - 1)]++] = from[i];
}

/*
 * Sort the questions by table block, roughly if there are more than 2^18 blocks: what is asked
 * next to each other need only be near each other.
 */
static void
order_questions(AlexBatch *batch)
{
	static uint32 low[DIGITS];
	static uint32 high[DIGITS];
	uint64 most = 0;
	int shift = 16;

	for (uint32 i = 0; i < batch->count; i++)
		most |= batch->questions[i].tid;
	while ((most >> shift) >> (2 * DIGIT_BITS) != 0)
		shift++;
	memset(low, 0, sizeof(low));
	memset(high, 0, sizeof(high));
	for (uint32 i = 0; i < batch->count; i++)
	{
		uint64 v = batch->questions[i].tid >> shift;

		low[v & (DIGITS - 1)]++;
		high[v >> DIGIT_BITS]++;
	}
	scatter(batch->questions, batch->other, batch->count, low, shift);
	scatter(batch->other, batch->questions, batch->count, high, shift + DIGIT_BITS);
}

/* ask about all entries; batch->dead becomes those whose rows are gone */
static void
ask(AlexBatch *batch)
{
	const AlexVacuum *v = batch->v;
	Question *sorted = batch->questions;
	Question *dead = batch->other;
	uint32 ndead = 0;
	uint32 at = 0;

	order_questions(batch);
	for (uint32 i = 0; i < batch->count; i++)
	{
		ItemPointerData tid;

		ItemPointerSet(&tid, (BlockNumber) (sorted[i].tid >> 16),
					   (OffsetNumber) (sorted[i].tid & 0xFFFF));
		if (v->callback(&tid, v->callback_state))
		{
			dead[ndead++] = sorted[i];
			batch->leaves[sorted[i].leaf].ndead++;
		}
	}

	/* by leaf; the questions are done with */
	for (int i = 0; i < batch->nleaves; i++)
	{
		batch->leaves[i].dead_at = at;
		at += batch->leaves[i].ndead;
		batch->leaves[i].ndead = 0;
	}
	for (uint32 i = 0; i < ndead; i++)
	{
		BatchLeaf *leaf = &batch->leaves[dead[i].leaf];

		sorted[leaf->dead_at + leaf->ndead++] = dead[i];
	}
	batch->dead = sorted;
	v->stats->num_index_tuples += batch->count - ndead;
}

/* ---- deleting ---- */

static void
note_done(AlexBatch *batch, const BatchLeaf *from, BlockNumber block, uint32 used, bool empty)
{
	DoneLeaf leaf = { block, used, empty, block == from->block };

	if (batch->ndone == batch->done_room)
	{
		batch->done_room *= 2;
		batch->done = (DoneLeaf *) repalloc(batch->done, batch->done_room * sizeof(DoneLeaf));
	}
	batch->done[batch->ndone++] = leaf;
}

/* delete entries of a page locked for cleanup */
static void
delete_drops(AlexBatch *batch, Buffer buf, const uint8 *drops, uint32 count)
{
	if (count == 0)
		return;
	/* heap's pruning has resolved the conflicts: no horizon */
	alex_delete_entries(batch->rel, buf, drops, false, OM_WAL_CLEANUP, InvalidTransactionId, NULL);
	batch->v->stats->tuples_removed += count;
	STOP_POINT("alex_vacuum_leaf");
}

static int
compare_tids(const void *a, const void *b)
{
	uint64 x = ((const Question *) a)->tid;
	uint64 y = ((const Question *) b)->tid;

	return x < y ? -1 : x > y;
}

/* is this TID among the leaf's dead ones, which are in order? */
static bool
is_dead(const AlexBatch *batch, const BatchLeaf *leaf, uint64 tid)
{
	Question q = { .tid = tid };

	return bsearch(&q, batch->dead + leaf->dead_at, leaf->ndead, sizeof(Question), compare_tids) !=
		   NULL;
}

/* a page that may have changed since its entries, or those of the leaf it comes from, were copied */
static void
delete_by_tid(AlexBatch *batch, const BatchLeaf *leaf, Buffer buf)
{
	const char *page = alex_page(buf);
	uint8 drops[ALEX_DROP_BITMAP_BYTES] = { 0 };
	uint32 entries = alex_page_entries(page);
	uint32 count = 0;
	uint32 live = 0;

	if (!alex_page_tids(page, leaf_tids))
		om_index_corrupted(batch->rel, BufferGetBlockNumber(buf), "block cannot be read");
	for (uint32 i = 0; i < entries; i++)
	{
		if (leaf_tids[i] == ALEX_NO_TID)
			continue;
		if (is_dead(batch, leaf, leaf_tids[i]))
		{
			bitmap_set(drops, i);
			count++;
		}
		else
			live++;
	}
	batch->v->stats->num_index_tuples += live;
	delete_drops(batch, buf, drops, count);
	note_done(batch, leaf, BufferGetBlockNumber(buf), alex_used_bytes(page), live == 0);
}

/* the page right of one locked for cleanup, which is released, locked likewise */
static Buffer
step_right(AlexBatch *batch, Buffer buf)
{
	Relation rel = batch->rel;
	BlockNumber block = BufferGetBlockNumber(buf);
	BlockNumber next = alex_opaque(alex_page(buf))->right;
	AlexRawEntry high = alex_page_high(alex_page(buf));

	UnlockReleaseBuffer(buf);
	if (next == InvalidBlockNumber || next == ALEX_METAPAGE || alex_batch_has(batch, next))
		om_index_corrupted(rel, block, "right link does not lead to the other half of a split");
	om_vacuum_delay_point();
	buf = ReadBufferExtended(rel, MAIN_FORKNUM, next, RBM_NORMAL, batch->v->info->strategy);
	LockBufferForCleanup(buf);
	alex_check_buf(rel, buf, 0);
	if (!alex_page_starts_at(alex_page(buf), high))
		om_index_corrupted(rel, next, "low fence differs from the left sibling's high fence");
	return buf;
}

/*
 * Does the page end where the leaf ended?  Behind the last leaf there may be any number of new ones
 * by now: it ended at the entry that was its last one.
 */
static bool
ends_leaf(const char *page, const BatchLeaf *leaf)
{
	AlexRawEntry high = alex_page_high(page);
	bool infinite = (alex_opaque(page)->flags & ALEX_HIGH_INF) != 0;

	if (leaf->high_infinite && !infinite)
		return alex_less(leaf->last.key, leaf->last.tag, high.key, high.tag);
	return infinite == leaf->high_infinite &&
		   (infinite || (high.key == leaf->high.key && high.tag == leaf->high.tag));
}

/*
 * A changed leaf, locked for cleanup; released.  Splits may have moved entries right, to pages that
 * begin and end where the leaf did, all of them.
 */
static void
delete_again(AlexBatch *batch, const BatchLeaf *leaf, Buffer buf)
{
	if (!alex_begins_at(alex_page(buf), &leaf->low))
		om_index_corrupted(batch->rel, leaf->block, "low fence has changed without a deletion");
	batch->v->stats->num_index_tuples -= leaf->asked - leaf->ndead;
	qsort(batch->dead + leaf->dead_at, leaf->ndead, sizeof(Question), compare_tids);
	for (;;)
	{
		delete_by_tid(batch, leaf, buf);
		if (ends_leaf(alex_page(buf), leaf))
			break;
		buf = step_right(batch, buf);
	}
	UnlockReleaseBuffer(buf);
}

/* what is dead goes from one leaf, and from where splits have brought it since */
static void
delete_dead(AlexBatch *batch, const BatchLeaf *leaf)
{
	Buffer buf;
	uint8 drops[ALEX_DROP_BITMAP_BYTES] = { 0 };
	bool unchanged;

	om_vacuum_delay_point();
	buf = ReadBufferExtended(batch->rel, MAIN_FORKNUM, leaf->block, RBM_NORMAL,
							 batch->v->info->strategy);
	LockBufferForCleanup(buf);
	alex_check_buf(batch->rel, buf, 0);
	/* without WAL there is no LSN that would show a change; a temporary table is our own */
	if (RelationNeedsWAL(batch->rel))
		unchanged = PageGetLSN(BufferGetPage(buf)) == leaf->lsn;
	else
		unchanged = RelationUsesLocalBuffers(batch->rel);
	if (!unchanged)
	{
		delete_again(batch, leaf, buf);
		return;
	}
	for (uint32 i = 0; i < leaf->ndead; i++)
	{
		uint32 number = batch->dead[leaf->dead_at + i].number;

		Assert(number < alex_page_entries(alex_page(buf)));
		bitmap_set(drops, number);
	}
	delete_drops(batch, buf, drops, leaf->ndead);
	note_done(batch, leaf, leaf->block, alex_used_bytes(alex_page(buf)),
			  leaf->ndead == leaf->asked);
	UnlockReleaseBuffer(buf);
}

static void
count_deleted(AlexBatch *batch, const DoneLeaf *leaf, uint32 deleted)
{
	batch->v->stats->pages_newly_deleted += deleted;
	batch->v->live -= leaf->walked && leaf->block < batch->v->nblocks;
}

/* delete a leaf, if it is empty still */
static bool
delete_empty(AlexBatch *batch, const DoneLeaf *leaf, AlexEdge *edge)
{
	Buffer buf;
	const char *page;
	AlexRawEntry low;
	AlexRawEntry high;
	bool low_infinite;
	uint32 deleted = 0;

	om_vacuum_delay_point();
	buf = ReadBufferExtended(batch->rel, MAIN_FORKNUM, leaf->block, RBM_NORMAL,
							 batch->v->info->strategy);
	LockBufferForCleanup(buf);
	alex_check_buf(batch->rel, buf, 0);
	page = alex_page(buf);
	low = alex_page_low(page);
	high = alex_page_high(page);
	low_infinite = (alex_opaque(page)->flags & ALEX_LOW_INF) != 0;
	if (alex_page_entries(page) == alex_opaque(page)->nremoved)
		deleted = alex_delete_page(batch->rel, buf);
	if (deleted == 0)
	{
		UnlockReleaseBuffer(buf);
		return false;
	}
	count_deleted(batch, leaf, deleted);
	/* the leaf that began where this one ended begins where it began */
	if (high.key == edge->fence.key && high.tag == edge->fence.tag)
	{
		edge->fence = low;
		edge->infinite = low_infinite;
	}
	return true;
}

/* give the entries of a leaf to the next one, if it can be locked for cleanup at once */
static void
merge(AlexBatch *batch, const DoneLeaf *leaf, DoneLeaf *next)
{
	Buffer buf;
	uint32 deleted;

	om_vacuum_delay_point();
	buf = ReadBufferExtended(batch->rel, MAIN_FORKNUM, leaf->block, RBM_NORMAL,
							 batch->v->info->strategy);
	if (!ConditionalLockBufferForCleanup(buf))
	{
		ReleaseBuffer(buf);
		return;
	}
	alex_check_buf(batch->rel, buf, 0);
	deleted = alex_merge_page(batch->rel, buf, next->block, &next->used);
	if (deleted > 0)
		count_deleted(batch, leaf, deleted);
	else
		UnlockReleaseBuffer(buf);
}

/*
 * Delete what is empty, and merge what is sparse.  The last leaf waits for the next batch: the one to its right may have entries that
 * have not been asked about.
 */
static void
shrink(AlexBatch *batch, AlexEdge *edge)
{
	uint32 left = 0;

	for (uint32 i = 0; i < batch->ndone; i++)
		if (!batch->done[i].empty || !delete_empty(batch, &batch->done[i], edge))
			batch->done[left++] = batch->done[i];
	for (uint32 i = 0; i + 1 < left; i++)
		if (batch->done[i].used + batch->done[i + 1].used <= batch->merge_room)
			merge(batch, &batch->done[i], &batch->done[i + 1]);
	batch->ndone = Min(left, 1);
	if (left > 0)
	{
		batch->done[0] = batch->done[left - 1];
		batch->done[0].empty = false;
	}
}

void
alex_batch_flush(AlexBatch *batch, AlexEdge *edge)
{
	ask(batch);
	STOP_POINT("alex_vacuum_asked");
	for (int i = 0; i < batch->nleaves; i++)
	{
		const BatchLeaf *leaf = &batch->leaves[i];

		if (leaf->ndead > 0)
			delete_dead(batch, leaf);
		else
			note_done(batch, leaf, leaf->block, leaf->used, leaf->asked == 0);
	}
	batch->nleaves = 0;
	batch->count = 0;
	/* last, since it changes the fences and links of neighbours */
	shrink(batch, edge);
}
