/*
 * hybrid_build.c
 *		Index builds over both regions; hot rows in hybrid_build_hot.c.
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
#include "storage/lmgr.h"
#include "storage/procarray.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/tuplesort.h"

#include "base/pg_compat.h"
#include "base/stop_point.h"
#include "hybrid/hybrid_build.h"
#include "hybrid/hybrid_header.h"
#include "hybrid/hybrid_load.h"
#include "hybrid/hybrid_scan.h"
#include "hybrid/hybrid_tid.h"

/* ---- evaluation ---- */

static void
eval_begin(HyBuild *build)
{
	build->estate = CreateExecutorState();
	build->econtext = GetPerTupleExprContext(build->estate);
	build->slot = table_slot_create(build->rel, NULL);
	build->econtext->ecxt_scantuple = build->slot;
	build->predicate = ExecPrepareQual(build->index_info->ii_Predicate, build->estate);
}

bool
hy_build_eval(HyBuild *build)
{
	MemoryContextReset(build->econtext->ecxt_per_tuple_memory);
	if (build->predicate != NULL && !ExecQual(build->predicate, build->econtext))
		return false;
	FormIndexDatum(build->index_info, build->slot, build->estate, build->values, build->isnull);
	return true;
}

static void
eval_end(HyBuild *build)
{
	ExecDropSingleTupleTableSlot(build->slot);
	FreeExecutorState(build->estate);
	/* they lived in the executor state */
	build->index_info->ii_ExpressionsState = NIL;
	build->index_info->ii_PredicateState = NULL;
}

/* ---- building ---- */

/*
 * Does a row with a header go into the index?  The cases of heapam_index_build_range_scan; *alive: uniqueness
 * is to be checked for it.
 */
static bool
take_touched(HyBuild *build, const HyEntry *entry, uint64 row, bool *alive)
{
	bool unique = build->index_info->ii_Unique || build->index_info->ii_ExclusionOps != NULL;

	for (;;)
	{
		HeapTupleData tuple;
		Buffer buffer;
		HTSV_Result result;
		TransactionId deleter = InvalidTransactionId;

		*alive = true;
		switch (hy_header_look(build->rel, entry, row, &tuple, &buffer))
		{
			case HY_HEADER_NONE:
				return true;
			case HY_HEADER_GONE:
				return false;
			case HY_HEADER_THERE:
				break;
		}
		result = HeapTupleSatisfiesVacuum(&tuple, build->oldest_xmin, buffer);
		if (result == HEAPTUPLE_DELETE_IN_PROGRESS)
			deleter = HeapTupleHeaderGetUpdateXid(tuple.t_data);
		UnlockReleaseBuffer(buffer);
		switch (result)
		{
			case HEAPTUPLE_DEAD:
				return false;
			case HEAPTUPLE_RECENTLY_DEAD:
				*alive = false;
				return true;
			case HEAPTUPLE_LIVE:
			case HEAPTUPLE_INSERT_IN_PROGRESS: /* our own group */
				return true;
			case HEAPTUPLE_DELETE_IN_PROGRESS:
				break;
		}
		*alive = false;
		if (build->anyvisible || !unique || TransactionIdIsCurrentTransactionId(deleter))
			return true;
		/* it decides whether the row counts */
		XactLockTableWait(deleter, build->rel, &tuple.t_self, XLTW_InsertIndexUnique);
		CHECK_FOR_INTERRUPTS();
	}
}

static double
build_cold(HyBuild *build, HyScan *scan)
{
	double tuples = 0;
	/* by the snapshot */
	bool judged = !TransactionIdIsValid(build->oldest_xmin);

	while (hy_scan_next_cold(scan, build->slot))
	{
		bool alive = true;

		CHECK_FOR_INTERRUPTS();
		if (!judged && hy_batch_row_touched(scan->cold, scan->row) &&
			!take_touched(build, &scan->cold->groups[scan->cold->group_idx],
						  hy_slot(build->slot)->row, &alive))
			continue;
		if (alive)
			tuples += 1;
		if (hy_build_eval(build))
			build->callback(build->index, &build->slot->tts_tid, build->values, build->isnull,
							alive, build->callback_state);
	}
	return tuples;
}

/* the hot part of a build: what this worker claims, or all that was asked for */
static double
build_all_hot(HyBuild *build, HyScan *scan, BlockNumber start_blockno, BlockNumber numblocks)
{
	double tuples = 0;
	BlockNumber end = scan->hot.nblocks;
	BlockNumber block = 0;

	if (scan->parallel == NULL)
	{
		if (numblocks != InvalidBlockNumber && start_blockno + numblocks < end)
			end = start_blockno + numblocks;
		return hy_build_hot(build, &scan->hot, start_blockno, end);
	}
	while ((block = hy_scan_claim_block(scan, block)) != InvalidBlockNumber)
	{
		tuples += hy_build_hot(build, &scan->hot, block, scan->hot_until);
		block = scan->hot_until;
	}
	return tuples;
}

double
hybrid_index_build_range_scan(Relation rel, Relation index, struct IndexInfo *index_info,
							  bool allow_sync, bool anyvisible, bool progress,
							  BlockNumber start_blockno, BlockNumber numblocks,
							  IndexBuildCallback callback, void *callback_state, TableScanDesc scan)
{
	HyBuild build = { .rel = rel,
					  .index = index,
					  .index_info = index_info,
					  .anyvisible = anyvisible,
					  .progress = progress,
					  .callback = callback,
					  .callback_state = callback_state };
	HyScan *ours = (HyScan *) scan;
	Snapshot registered = NULL;
	BlockNumber nblocks;
	double tuples = 0;

	hy_load_flush_table(rel);
	/* before the scan, so that whoever it takes for recently dead is so for it */
	if (!index_info->ii_Concurrent)
		build.oldest_xmin = GetOldestNonRemovableTransactionId(rel);
	if (ours == NULL)
	{
		Snapshot snapshot = SnapshotAny;

		if (index_info->ii_Concurrent)
			snapshot = registered = RegisterSnapshot(GetTransactionSnapshot());
		/* no scan of the user's: neither counted nor predicate-locked */
		ours = (HyScan *) hybrid_scan_begin(rel, snapshot, 0, NULL, NULL,
											SO_TYPE_ANALYZE | SO_ALLOW_STRAT);
	}
	Assert((ours->base.rs_snapshot == SnapshotAny) == TransactionIdIsValid(build.oldest_xmin));
	Assert(ours->base.rs_snapshot == SnapshotAny || !anyvisible);
	nblocks = ours->hot.nblocks;
	if (progress)
		pgstat_progress_update_param(PROGRESS_SCAN_BLOCKS_TOTAL, nblocks);
	eval_begin(&build);
	if (start_blockno == 0 && numblocks == InvalidBlockNumber && ours->cold->group_count > 0)
	{
		/* its ranges of blocks would reach from the hot blocks to the cold ones, 2^31 further */
		if (index->rd_rel->relam == BRIN_AM_OID)
			ereport(ERROR,
					(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					 errmsg("cannot build a brin index on table \"%s\", which has row groups",
							RelationGetRelationName(rel)),
					 errhint("Row groups have zone maps of their own on every column.")));
		tuples += build_cold(&build, ours);
	}
	tuples += build_all_hot(&build, ours, start_blockno, numblocks);
	if (progress)
		pgstat_progress_update_param(PROGRESS_SCAN_BLOCKS_DONE, nblocks);
	/* as heap does, the scan is ours to end */
	hybrid_scan_end(&ours->base);
	if (registered != NULL)
		UnregisterSnapshot(registered);
	eval_end(&build);
	STOP_POINT("hybrid_build_scanned");
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
insert_missing(HyBuild *build, ItemPointer tid, struct ValidateIndexState *state)
{
	if (!hy_build_eval(build))
		return;
	/* as in heap's: the row may violate uniqueness, and conflicts are looked for by the index */
	index_insert(build->index, build->values, build->isnull, tid, build->rel,
				 build->index_info->ii_Unique ? UNIQUE_CHECK_YES : UNIQUE_CHECK_NO, false,
				 build->index_info);
	state->tups_inserted += 1;
}

void
hybrid_index_validate_scan(Relation rel, Relation index, struct IndexInfo *index_info,
						   Snapshot snapshot, struct ValidateIndexState *state)
{
	HyScan *scan;
	HyBuild build = { .rel = rel, .index = index, .index_info = index_info };
	IndexTids tids = { .sort = state->tuplesort };
	bool *in_index = palloc(sizeof(bool) * MaxOffsetNumber);
	BlockNumber block;
	BlockNumber cold_block = InvalidBlockNumber;

	scan = (HyScan *) hybrid_scan_begin(rel, snapshot, 0, NULL, NULL,
										SO_TYPE_ANALYZE | SO_ALLOW_STRAT);
	eval_begin(&build);
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
			hy_hot_store(&scan->hot, build.slot);
			ItemPointerSet(&root_tid, block, root);
			insert_missing(&build, &root_tid, state);
		}
	}
	while (hy_scan_next_cold(scan, build.slot))
	{
		ItemPointerData tid = build.slot->tts_tid;

		CHECK_FOR_INTERRUPTS();
		state->htups += 1;
		if (cold_block != ItemPointerGetBlockNumber(&tid))
		{
			cold_block = ItemPointerGetBlockNumber(&tid);
			index_offsets_of_block(&tids, cold_block, in_index);
		}
		if (!in_index[ItemPointerGetOffsetNumber(&tid) - 1])
			insert_missing(&build, &tid, state);
	}
	eval_end(&build);
	hybrid_scan_end(&scan->base);
	pfree(in_index);
	STOP_POINT("hybrid_build_validated");
}
