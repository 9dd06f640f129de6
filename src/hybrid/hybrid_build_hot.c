/*
 * hybrid_build_hot.c
 *		Index builds: the hot rows.
 *
 * What heapam_index_build_range_scan (heapam_handler.c) does, and with its results, but for two things:
 * blocks come from a HyHotReader, and headers of cold rows are left out before anybody waits
 * for them, counts them or evaluates an expression on them.  They are why heap's own function will
 * not do.
 */
#include "postgres.h"

#include "access/heapam.h"
#include "commands/progress.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/bufmgr.h"
#include "storage/lmgr.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "hybrid/hybrid_build.h"

/* what becomes of a tuple */
typedef struct Verdict
{
	bool index;			/* it gets an entry */
	bool alive;			/* which counts for uniqueness */
	bool count;			/* it is one of the table's rows: as ANALYZE counts */
	bool broken;		/* older snapshots may miss a row in the index */
	TransactionId wait; /* if valid: not before this one has ended */
} Verdict;

/* an insertion in progress: our own, unless the table is not locked against others */
static void
judge_insertion(const HyBuild *build, HeapTuple tuple, bool unique, Verdict *verdict)
{
	TransactionId xmin = HeapTupleHeaderGetXmin(tuple->t_data);

	/* if the build commits, so that the entry matters, the row is there */
	verdict->index = verdict->alive = true;
	if (build->anyvisible || TransactionIdIsCurrentTransactionId(xmin))
	{
		verdict->count = true;
		return;
	}
	elog(WARNING, "concurrent insert in progress within table \"%s\"",
		 RelationGetRelationName(build->rel));
	if (unique)
		verdict->wait = xmin;
}

static void
judge_deletion(const HyBuild *build, HeapTuple tuple, bool unique, Verdict *verdict)
{
	TransactionId xmax;

	if (build->anyvisible)
	{
		verdict->index = verdict->count = true;
		return;
	}
	xmax = HeapTupleHeaderGetUpdateXid(tuple->t_data);
	if (TransactionIdIsCurrentTransactionId(xmax))
	{
		/* as if it had committed: else the index does not matter */
		verdict->broken = HeapTupleIsHotUpdated(tuple);
		verdict->index = !verdict->broken;
		return;
	}
	elog(WARNING, "concurrent delete in progress within table \"%s\"",
		 RelationGetRelationName(build->rel));
	/* does the row count for uniqueness?  And is it this version or the next that is to be indexed? */
	if (unique || HeapTupleIsHotUpdated(tuple))
		verdict->wait = xmax;
	verdict->index = verdict->count = true;
}

/* judge a tuple by ourselves; its page is locked */
static Verdict
judge(const HyBuild *build, HeapTuple tuple, Buffer buffer)
{
	bool unique = build->index_info->ii_Unique || build->index_info->ii_ExclusionOps != NULL;
	Verdict verdict = { .wait = InvalidTransactionId };

	Assert(!(build->anyvisible && unique));
	switch (HeapTupleSatisfiesVacuum(tuple, build->oldest_xmin, buffer))
	{
		case HEAPTUPLE_DEAD:
			break;
		case HEAPTUPLE_LIVE:
			verdict.index = verdict.alive = verdict.count = true;
			break;
		case HEAPTUPLE_RECENTLY_DEAD:
			/*
			 * Older snapshots see it, so it is indexed.  Of a HOT chain only the live
			 * end can be: these snapshots must not use the index.
			 */
			verdict.broken = HeapTupleIsHotUpdated(tuple);
			verdict.index = !verdict.broken;
			break;
		case HEAPTUPLE_INSERT_IN_PROGRESS:
			judge_insertion(build, tuple, unique, &verdict);
			break;
		case HEAPTUPLE_DELETE_IN_PROGRESS:
			judge_deletion(build, tuple, unique, &verdict);
			break;
	}
	return verdict;
}

/*
 * Make the tuple at `offset` of the reader's page its present one, and judge it, after waiting for
 * others if need be.  Our pin keeps it from being pruned meanwhile.
 */
static Verdict
judge_at(const HyBuild *build, HyHotReader *hot, OffsetNumber offset)
{
	HeapTuple tuple = &hot->tuple;
	Page page = BufferGetPage(hot->buffer);
	Verdict verdict = { .index = true, .alive = true, .count = true };

	for (;;)
	{
		ItemId item;

		LockBuffer(hot->buffer, BUFFER_LOCK_SHARE);
		item = PageGetItemId(page, offset);
		tuple->t_tableOid = RelationGetRelid(build->rel);
		tuple->t_data = (HeapTupleHeader) PageGetItem(page, item);
		tuple->t_len = ItemIdGetLength(item);
		ItemPointerSet(&tuple->t_self, hot->block, offset);
		/* an MVCC snapshot has judged when the page was loaded */
		if (hot->snapshot == SnapshotAny)
			verdict = judge(build, tuple, hot->buffer);
		LockBuffer(hot->buffer, BUFFER_LOCK_UNLOCK);
		if (!TransactionIdIsValid(verdict.wait))
			return verdict;
		XactLockTableWait(verdict.wait, build->rel, &tuple->t_self, XLTW_InsertIndexUnique);
		CHECK_FOR_INTERRUPTS();
	}
}

static void
read_roots(HyHotReader *hot, OffsetNumber *roots)
{
	LockBuffer(hot->buffer, BUFFER_LOCK_SHARE);
	heap_get_root_tuples(BufferGetPage(hot->buffer), roots);
	LockBuffer(hot->buffer, BUFFER_LOCK_UNLOCK);
}

/* the TID for the index: of the HOT chain's root, where the tuple is in one */
static void
index_tid(const HyBuild *build, HyHotReader *hot, OffsetNumber *roots, ItemPointer tid)
{
	OffsetNumber offset = ItemPointerGetOffsetNumber(&hot->tuple.t_self);

	*tid = hot->tuple.t_self;
	if (!HeapTupleIsHeapOnly(&hot->tuple))
		return;
	/* in a concurrent build the chain may have begun after we looked */
	if (!OffsetNumberIsValid(roots[offset - 1]))
		read_roots(hot, roots);
	if (!OffsetNumberIsValid(roots[offset - 1]))
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg_internal(
					 "failed to find parent tuple for heap-only tuple at (%u,%u) in table \"%s\"",
					 hot->block, offset, RelationGetRelationName(build->rel))));
	ItemPointerSetOffsetNumber(tid, roots[offset - 1]);
}

/* one page: it stays pinned, so its chains keep their roots, whoever commits or aborts */
static double
build_page(HyBuild *build, HyHotReader *hot)
{
	OffsetNumber roots[MaxHeapTuplesPerPage];
	double tuples = 0;

	if (hot->count == 0)
		return 0;
	read_roots(hot, roots);
	for (int i = 0; i < hot->count; i++)
	{
		Verdict verdict;
		ItemPointerData tid;

		CHECK_FOR_INTERRUPTS();
		verdict = judge_at(build, hot, hot->offsets[i]);
		if (verdict.count)
			tuples += 1;
		if (verdict.broken)
			build->index_info->ii_BrokenHotChain = true;
		if (!verdict.index)
			continue;
		hy_hot_store(hot, build->slot);
		if (!hy_build_eval(build))
			continue;
		index_tid(build, hot, roots, &tid);
		build->callback(build->index, &tid, build->values, build->isnull, verdict.alive,
						build->callback_state);
	}
	return tuples;
}

double
hy_build_hot(HyBuild *build, HyHotReader *hot, BlockNumber start, BlockNumber end)
{
	double tuples = 0;
	BlockNumber block;

	for (block = hy_hot_block_from(hot, start, true); block != InvalidBlockNumber && block < end;
		 block = hy_hot_block_from(hot, block + 1, true))
	{
		hy_hot_load(hot, block);
		if (build->progress)
			pgstat_progress_update_param(PROGRESS_SCAN_BLOCKS_DONE, block);
		tuples += build_page(build, hot);
	}
	/* the slot has a pin of its own */
	ExecClearTuple(build->slot);
	hy_hot_release(hot);
	return tuples;
}
