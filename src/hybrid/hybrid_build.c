/*
 * hybrid_build.c
 *		Index builds over both regions.
 *
 * HOT chains, in-progress tuples and uniqueness of hot rows are heap's
 * business: its own build scan runs over the hot ranges.  It insists on a relation whose
 * table access method is heap, so it gets a copy of the relcache entry that says
 * so; swapping the method in the entry itself would be undone by an invalidation
 * in mid-scan.  Cold rows we read ourselves.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/heapam.h"
#include "catalog/index.h"
#include "catalog/pg_am_d.h"
#include "commands/progress.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/tuplesort.h"

#include "base/pg_compat.h"
#include "hybrid/hybrid_build.h"
#include "hybrid/hybrid_load.h"
#include "hybrid/hybrid_scan.h"
#include "hybrid/hybrid_tid.h"

/* ---- heap's view of the table ---- */

/*
 * In a context that outlives the resource owner's records: an error in the scan
 * makes it close "the relation" at abort.
 */
static Relation
heap_view_begin(Relation rel)
{
	Relation view = MemoryContextAlloc(TopTransactionContext, sizeof(RelationData));

	*view = *rel;
	view->rd_tableam = GetHeapamTableAmRoutine();
	view->rd_smgr = NULL;
	/* its statistics belong to the entry itself */
	view->pgstat_info = NULL;
	view->pgstat_enabled = false;
	/* would dangle if the entry were rebuilt; only the fill factor is read, for pruning */
	view->rd_options = NULL;
	return view;
}


/* the storage manager remembers who owns a file handle */
static void
heap_view_close(Relation view)
{
	RelationCloseSmgr(view);
}

/* what both builds need to evaluate columns and predicate of an index */
typedef struct BuildEval
{
	EState *estate;
	ExprContext *econtext;
	ExprState *predicate;
	TupleTableSlot *slot;
	Datum values[INDEX_MAX_KEYS];
	bool isnull[INDEX_MAX_KEYS];
} BuildEval;

static void
eval_begin(BuildEval *eval, Relation rel, struct IndexInfo *index_info)
{
	eval->estate = CreateExecutorState();
	eval->econtext = GetPerTupleExprContext(eval->estate);
	eval->slot = table_slot_create(rel, NULL);
	eval->econtext->ecxt_scantuple = eval->slot;
	eval->predicate = ExecPrepareQual(index_info->ii_Predicate, eval->estate);
}

/* index columns of the slot's row; false if the predicate leaves it out */
static bool
eval_row(BuildEval *eval, struct IndexInfo *index_info)
{
	MemoryContextReset(eval->econtext->ecxt_per_tuple_memory);
	if (eval->predicate != NULL && !ExecQual(eval->predicate, eval->econtext))
		return false;
	FormIndexDatum(index_info, eval->slot, eval->estate, eval->values, eval->isnull);
	return true;
}

static void
eval_end(BuildEval *eval, struct IndexInfo *index_info)
{
	ExecDropSingleTupleTableSlot(eval->slot);
	FreeExecutorState(eval->estate);
	/* they lived in the executor state */
	index_info->ii_ExpressionsState = NIL;
	index_info->ii_PredicateState = NULL;
}

/* ---- building ---- */

typedef struct BuildTarget
{
	Relation rel;
	Relation view; /* heap's */
	Relation index;
	struct IndexInfo *index_info;
	bool anyvisible;
	bool progress;
	Snapshot snapshot;
	IndexBuildCallback callback;
	void *callback_state;
} BuildTarget;

/*
 * Heap's build scan over hot blocks [start, end) of its view.  With a scan of
 * ours, so that all ranges are seen by one snapshot; it takes that for a parallel one, asks
 * for just these values, and ends it.
 */
static double
build_hot_range(const BuildTarget *target, BlockNumber start, BlockNumber end)
{
	TableScanDesc scan =
		table_beginscan_strat(target->view, target->snapshot, 0, NULL, true, false);

	heap_setscanlimits(scan, start, end - start);
	return GetHeapamTableAmRoutine()->index_build_range_scan(
		target->view, target->index, target->index_info, true, target->anyvisible, false, 0,
		InvalidBlockNumber, target->callback, target->callback_state, scan);
}

/* all hot blocks of [start, end) */
static double
build_hot(const BuildTarget *target, const HyHotReader *hot, BlockNumber start, BlockNumber end)
{
	double tuples = 0;
	BlockNumber block = hy_hot_block_from(hot, start, true);

	while (block != InvalidBlockNumber && block < end)
	{
		uint32 run = hy_directory_run_after(hot->runs, hot->run_count, block);
		BlockNumber until = run < hot->run_count ? Min(hot->runs[run].start, end) : end;

		tuples += build_hot_range(target, block, until);
		if (target->progress)
			pgstat_progress_update_param(PROGRESS_SCAN_BLOCKS_DONE, until);
		block = hy_hot_block_from(hot, until, true);
	}
	return tuples;
}

static double
build_cold(const BuildTarget *target, HyScan *scan)
{
	BuildEval eval;
	double tuples = 0;

	eval_begin(&eval, target->rel, target->index_info);
	while (hy_scan_next_cold(scan, eval.slot))
	{
		CHECK_FOR_INTERRUPTS();
		tuples += 1;
		if (eval_row(&eval, target->index_info))
			target->callback(target->index, &eval.slot->tts_tid, eval.values, eval.isnull, true,
							 target->callback_state);
	}
	eval_end(&eval, target->index_info);
	return tuples;
}

/* the hot part of a build: what this worker claims, or all that was asked for */
static double
build_all_hot(const BuildTarget *target, HyScan *scan, BlockNumber start_blockno,
			  BlockNumber numblocks)
{
	double tuples = 0;
	BlockNumber end = scan->hot.nblocks;
	BlockNumber block = 0;

	if (scan->parallel == NULL)
	{
		if (numblocks != InvalidBlockNumber && start_blockno + numblocks < end)
			end = start_blockno + numblocks;
		return build_hot(target, &scan->hot, start_blockno, end);
	}
	while ((block = hy_scan_claim_block(scan, block)) != InvalidBlockNumber)
	{
		tuples += build_hot(target, &scan->hot, block, scan->hot_until);
		block = scan->hot_until;
	}
	return tuples;
}

static double
build_guarded(BuildTarget *target, HyScan *scan, BlockNumber start_blockno, BlockNumber numblocks)
{
	volatile double tuples = 0;

	target->view = heap_view_begin(target->rel);
	PG_TRY();
	{
		tuples = build_all_hot(target, scan, start_blockno, numblocks);
	}
	PG_FINALLY();
	{
		heap_view_close(target->view);
	}
	PG_END_TRY();
	/* not after an error: the resource owner may still count a reference to it */
	pfree(target->view);
	return tuples;
}

double
hybrid_index_build_range_scan(Relation rel, Relation index, struct IndexInfo *index_info,
							  bool allow_sync, bool anyvisible, bool progress,
							  BlockNumber start_blockno, BlockNumber numblocks,
							  IndexBuildCallback callback, void *callback_state, TableScanDesc scan)
{
	BuildTarget target = { .rel = rel,
						   .index = index,
						   .index_info = index_info,
						   .anyvisible = anyvisible,
						   .progress = progress,
						   .callback = callback,
						   .callback_state = callback_state };
	HyScan *ours = (HyScan *) scan;
	Snapshot registered = NULL;
	double tuples = 0;

	hy_load_flush_table(rel);
	if (ours == NULL)
	{
		Snapshot snapshot = SnapshotAny;

		if (index_info->ii_Concurrent)
			snapshot = registered = RegisterSnapshot(GetTransactionSnapshot());
		/* no scan of the user's: neither counted nor predicate-locked */
		ours = (HyScan *) hybrid_scan_begin(rel, snapshot, 0, NULL, NULL,
											SO_TYPE_ANALYZE | SO_ALLOW_STRAT);
	}
	target.snapshot = ours->base.rs_snapshot;
	if (progress)
		pgstat_progress_update_param(PROGRESS_SCAN_BLOCKS_TOTAL, ours->hot.nblocks);
	if (start_blockno == 0 && numblocks == InvalidBlockNumber && ours->cold->group_count > 0)
	{
		/* its ranges of blocks would reach from the hot blocks to the cold ones, 2^31 further */
		if (index->rd_rel->relam == BRIN_AM_OID)
			ereport(ERROR,
					(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					 errmsg("cannot build a brin index on table \"%s\", which has row groups",
							RelationGetRelationName(rel)),
					 errhint("Row groups have zone maps of their own on every column.")));
		tuples += build_cold(&target, ours);
	}
	tuples += build_guarded(&target, ours, start_blockno, numblocks);
	/* as heap does, the scan is ours to end */
	hybrid_scan_end(&ours->base);
	if (registered != NULL)
		UnregisterSnapshot(registered);
	return tuples;
}

/* ---- CREATE INDEX CONCURRENTLY, second pass ---- */

/* the TIDs that the index had, ascending */
typedef struct IndexTids
{
	Tuplesortstate *sort;
	bool done;
	ItemPointerData tid; /* next, unless done */
} IndexTids;

static void
next_index_tid(IndexTids *tids)
{
	Datum value;
	bool isnull;

	tids->done = !om_tuplesort_getdatum(tids->sort, &value, &isnull);
	if (!tids->done)
	{
		Assert(!isnull);
		itemptr_decode(&tids->tid, DatumGetInt64(value));
#ifndef USE_FLOAT8_BYVAL
		pfree(DatumGetPointer(value));
#endif
	}
}

/* which offsets of `block` does the index have?  Blocks come in ascending order. */
static void
index_offsets_of_block(IndexTids *tids, BlockNumber block, bool *in_index)
{
	memset(in_index, 0, sizeof(bool) * MaxOffsetNumber);
	while (!tids->done && ItemPointerGetBlockNumber(&tids->tid) <= block)
	{
		if (ItemPointerGetBlockNumber(&tids->tid) == block)
			in_index[ItemPointerGetOffsetNumber(&tids->tid) - 1] = true;
		next_index_tid(tids);
	}
}

static void
insert_missing(BuildEval *eval, Relation rel, Relation index, struct IndexInfo *index_info,
			   ItemPointer tid, struct ValidateIndexState *state)
{
	if (!eval_row(eval, index_info))
		return;
	/* as in heap's: the row may violate uniqueness, and conflicts are looked for by the index */
	index_insert(index, eval->values, eval->isnull, tid, rel,
				 index_info->ii_Unique ? UNIQUE_CHECK_YES : UNIQUE_CHECK_NO, false, index_info);
	state->tups_inserted += 1;
}

void
hybrid_index_validate_scan(Relation rel, Relation index, struct IndexInfo *index_info,
						   Snapshot snapshot, struct ValidateIndexState *state)
{
	HyScan *scan;
	BuildEval eval;
	IndexTids tids = { .sort = state->tuplesort };
	bool *in_index = palloc(sizeof(bool) * MaxOffsetNumber);
	BlockNumber block;
	BlockNumber cold_block = InvalidBlockNumber;

	scan = (HyScan *) hybrid_scan_begin(rel, snapshot, 0, NULL, NULL,
										SO_TYPE_ANALYZE | SO_ALLOW_STRAT);
	eval_begin(&eval, rel, index_info);
	next_index_tid(&tids);

	/* hot TIDs sort before cold ones */
	for (block = hy_hot_block_from(&scan->hot, 0, true); block != InvalidBlockNumber;
		 block = hy_hot_block_from(&scan->hot, block + 1, true))
	{
		OffsetNumber roots[MaxHeapTuplesPerPage];

		hy_hot_load(&scan->hot, block);
		if (scan->hot.count == 0)
			continue;
		index_offsets_of_block(&tids, block, in_index);
		LockBuffer(scan->hot.buffer, BUFFER_LOCK_SHARE);
		heap_get_root_tuples(BufferGetPage(scan->hot.buffer), roots);
		LockBuffer(scan->hot.buffer, BUFFER_LOCK_UNLOCK);
		for (int i = 0; i < scan->hot.count; i++)
		{
			OffsetNumber root = roots[scan->hot.offsets[i] - 1];
			ItemPointerData root_tid;

			if (!OffsetNumberIsValid(root))
				ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED),
								errmsg_internal("failed to find parent tuple for heap-only tuple "
												"at (%u,%u) in table \"%s\"",
												block, scan->hot.offsets[i],
												RelationGetRelationName(rel))));
			state->htups += 1;
			if (in_index[root - 1] || !hy_hot_tuple(&scan->hot, i))
				continue;
			hy_hot_store(&scan->hot, eval.slot);
			ItemPointerSet(&root_tid, block, root);
			insert_missing(&eval, rel, index, index_info, &root_tid, state);
		}
	}
	while (hy_scan_next_cold(scan, eval.slot))
	{
		ItemPointerData tid = eval.slot->tts_tid;

		CHECK_FOR_INTERRUPTS();
		state->htups += 1;
		if (cold_block != ItemPointerGetBlockNumber(&tid))
		{
			cold_block = ItemPointerGetBlockNumber(&tid);
			index_offsets_of_block(&tids, cold_block, in_index);
		}
		if (!in_index[ItemPointerGetOffsetNumber(&tid) - 1])
			insert_missing(&eval, rel, index, index_info, &tid, state);
	}
	eval_end(&eval, index_info);
	hybrid_scan_end(&scan->base);
	pfree(in_index);
}
