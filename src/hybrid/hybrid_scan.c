/*
 * hybrid_scan.c
 *		Sequential, parallel and TID range scans over both regions.
 *
 * A scan's position is (region, group, vector, row) or (region, block, line); it
 * moves by one row in either direction.  Cold groups come first, by ascending row
 * number, then hot blocks.  Workers of a parallel scan claim whole groups, then chunks
 * of hot blocks.
 */
#include "postgres.h"

#include "access/heapam.h"
#include "access/skey.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/bufmgr.h"
#include "storage/predicate.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "base/pg_compat.h"
#include "hybrid/hybrid_header.h"
#include "hybrid/hybrid_load.h"
#include "hybrid/hybrid_scan.h"
#include "hybrid/hybrid_tid.h"

/* hot blocks that a parallel worker claims at a time */
#define PARALLEL_CHUNK_BLOCKS 16

/* ---- begin and end ---- */

/* a column of the rows that are being shown */
typedef struct HyShown
{
	int column;
	const RgVector *vector;
} HyShown;

/*
 * Remember what the slot's first natts columns are made of, so that for the next rows of the vector only those are
 * touched that somebody reads; the others stay NULL in the slot.  For as long as the slot steps from row to row and
 * nothing else is put into it: nobody clears, materializes or fills it without hybrid_scan_getnextslot() noticing.
 */
static void
show_columns(HyScan *scan, int natts, const bool *needed)
{
	scan->shown_count = 0;
	for (int i = 0; i < natts; i++)
		if (scan->vectors[i] != NULL)
			scan->shown[scan->shown_count++] = (HyShown){ .column = i, .vector = scan->vectors[i] };
	scan->shown_natts = natts;
	scan->shown_needed = needed;
}

/* HyColdSource.fetch */
static void
scan_fetch_values(HyColdSource *source, TupleTableSlot *slot, int natts)
{
	HyScan *scan = (HyScan *) ((char *) source - offsetof(HyScan, cold_source));
	const bool *needed = hy_slot(slot)->needed;
	uint32 row = scan->row;

	if (likely(natts <= scan->shown_natts && scan->shown_needed == needed))
	{
		for (int k = 0; k < scan->shown_count; k++)
		{
			const HyShown *shown = &scan->shown[k];

			if (shown->column >= natts)
				break;
			slot->tts_values[shown->column] = shown->vector->values[row];
			slot->tts_isnull[shown->column] = shown->vector->nulls[row];
		}
		return;
	}
	for (int i = slot->tts_nvalid; i < natts; i++)
	{
		const RgVector *vector = scan->vectors[i];

		if (vector == NULL)
		{
			if (needed != NULL && !needed[i])
			{
				slot->tts_values[i] = (Datum) 0;
				slot->tts_isnull[i] = true;
				continue;
			}
			vector = scan->vectors[i] = rg_vector(scan->cold->group, i, scan->cold->vector);
			scan->vector_columns = Max(scan->vector_columns, i + 1);
		}
		slot->tts_values[i] = vector->values[row];
		slot->tts_isnull[i] = vector->nulls[row];
	}
	if (scan->stepped)
		show_columns(scan, natts, needed);
}

/* the open vector is another one than before */
static void
forget_vectors(HyScan *scan)
{
	if (scan->vector_columns > 0)
		memset(scan->vectors, 0, (Size) scan->vector_columns * sizeof(*scan->vectors));
	scan->vector_columns = 0;
	scan->shown_natts = 0;
}

static TransactionId
scan_fetch_xmin(HyColdSource *source)
{
	HyScan *scan = (HyScan *) ((char *) source - offsetof(HyScan, cold_source));

	return rg_row_xmin(scan->cold->group, scan->cold->vector * COL_VECTOR_ROWS + scan->row);
}

/* let go of everything the scan stands on */
static void
scan_stop(HyScan *scan)
{
	hy_slot_detach(&scan->cold_source, NULL);
	forget_vectors(scan);
	if (scan->cold != NULL)
		hy_batch_close(scan->cold);
	scan->cold = NULL;
	scan->order = NULL; /* in the reader's memory */
	hy_hot_release(&scan->hot);
	if (scan->hot.runs != NULL)
		pfree(scan->hot.runs);
	scan->hot.runs = NULL;
	scan->region = HY_AT_NONE;
	scan->in_group = false;
}

void
hy_scan_start(HyScan *scan)
{
	Relation rel = scan->base.rs_rd;
	MemoryContext old = MemoryContextSwitchTo(scan->context);
	/* ANALYZE brings none: groups that are committed or our own */
	Snapshot snapshot = scan->base.rs_snapshot ? scan->base.rs_snapshot : SnapshotSelf;
	BlockNumber nblocks;
	const HyDirectory *dir;

	/* the size first: a run listed behind it needs no skipping */
	nblocks = scan->parallel != NULL ? scan->parallel->nblocks : RelationGetNumberOfBlocks(rel);
	dir = hy_directory(rel);
	hy_hot_init(&scan->hot, rel, dir, snapshot, nblocks, scan->strategy);
	scan->cold = hy_batch_open(rel, dir, snapshot, scan->strategy);
	scan->region = HY_AT_NONE;
	scan->in_group = false;
	scan->hot_until = 0;
	MemoryContextSwitchTo(old);
}

TableScanDesc
hybrid_scan_begin(Relation rel, Snapshot snapshot, int nkeys, struct ScanKeyData *key,
				  ParallelTableScanDesc pscan, uint32 flags)
{
	HyScan *scan = palloc0(sizeof(HyScan));

	hy_load_flush_table(rel);
	/* the scan lives as long as the relation is open */
	RelationIncrementReferenceCount(rel);
	scan->base.rs_rd = rel;
	scan->base.rs_snapshot = snapshot;
	scan->base.rs_nkeys = nkeys;
	scan->base.rs_flags = flags;
	scan->base.rs_parallel = pscan;
	scan->parallel = (HyParallelScan *) pscan;
	scan->context = CurrentMemoryContext;
	scan->cold_source.fetch = scan_fetch_values;
	scan->cold_source.xmin = scan_fetch_xmin;
	scan->vectors = palloc0((Size) Max(RelationGetDescr(rel)->natts, 1) * sizeof(*scan->vectors));
	scan->shown = palloc((Size) Max(RelationGetDescr(rel)->natts, 1) * sizeof(*scan->shown));
	scan->hot.buffer = InvalidBuffer;
	scan->hot.block = InvalidBlockNumber;
	if (nkeys > 0)
	{
		scan->base.rs_key = palloc(sizeof(ScanKeyData) * (Size) nkeys);
		if (key != NULL)
			memcpy(scan->base.rs_key, key, sizeof(ScanKeyData) * (Size) nkeys);
	}

	/* as heap: SERIALIZABLE readers of a whole table lock it whole */
	if (flags & (SO_TYPE_SEQSCAN | SO_TYPE_SAMPLESCAN | SO_TYPE_TIDRANGESCAN))
		PredicateLockRelation(rel, snapshot);
	if ((flags & SO_ALLOW_STRAT) && RelationGetNumberOfBlocks(rel) > (BlockNumber) NBuffers / 4)
		scan->strategy = GetAccessStrategy(BAS_BULKREAD);
	if (flags & SO_TYPE_SEQSCAN)
		pgstat_count_heap_scan(rel);
	/* the others do not read pages by themselves, or (analyze) begin their own way */
	if (flags & (SO_TYPE_SEQSCAN | SO_TYPE_TIDRANGESCAN | SO_TYPE_SAMPLESCAN | SO_TYPE_ANALYZE |
				 SO_TYPE_BITMAPSCAN))
		hy_scan_start(scan);
	return &scan->base;
}

void
hybrid_scan_end(TableScanDesc sscan)
{
	HyScan *scan = (HyScan *) sscan;

	scan_stop(scan);
	RelationDecrementReferenceCount(sscan->rs_rd);
	if (sscan->rs_key)
		pfree(sscan->rs_key);
	if (scan->strategy != NULL)
		FreeAccessStrategy(scan->strategy);
	if (sscan->rs_flags & SO_TEMP_SNAPSHOT)
		UnregisterSnapshot(sscan->rs_snapshot);
	pfree(scan->vectors);
	pfree(scan->shown);
	pfree(scan);
}

void
hybrid_scan_rescan(TableScanDesc sscan, struct ScanKeyData *key, bool set_params, bool allow_strat,
				   bool allow_sync, bool allow_pagemode)
{
	HyScan *scan = (HyScan *) sscan;

	hy_load_flush_table(sscan->rs_rd);
	if (key != NULL && sscan->rs_nkeys > 0)
		memcpy(sscan->rs_key, key, sizeof(ScanKeyData) * (Size) sscan->rs_nkeys);
	if (scan->cold != NULL && !scan->ranged && IsMVCCSnapshot(sscan->rs_snapshot))
	{
		/* the same snapshot sees the same groups, and nothing in blocks added since */
		hy_slot_detach(&scan->cold_source, NULL);
		forget_vectors(scan);
		hy_batch_rewind(scan->cold);
		hy_hot_release(&scan->hot);
		scan->region = HY_AT_NONE;
		scan->in_group = false;
		scan->hot_until = 0;
	}
	else if (scan->cold != NULL)
	{
		scan_stop(scan);
		hy_scan_start(scan);
	}
	if (sscan->rs_flags & SO_TYPE_SEQSCAN)
		pgstat_count_heap_scan(sscan->rs_rd);
}

/* ---- parallel scans ---- */

Size
hybrid_parallelscan_estimate(Relation rel)
{
	return sizeof(HyParallelScan);
}

Size
hybrid_parallelscan_initialize(Relation rel, ParallelTableScanDesc pscan)
{
	HyParallelScan *parallel = (HyParallelScan *) pscan;

	hy_load_flush_table(rel);
	(void) table_block_parallelscan_initialize(rel, pscan);
	pscan->phs_syncscan = false;
	pg_atomic_init_u64(&parallel->next_row, 0);
	pg_atomic_init_u64(&parallel->next_block, 0);
	parallel->nblocks = RelationGetNumberOfBlocks(rel);
	return sizeof(HyParallelScan);
}

void
hybrid_parallelscan_reinitialize(Relation rel, ParallelTableScanDesc pscan)
{
	HyParallelScan *parallel = (HyParallelScan *) pscan;

	pg_atomic_write_u64(&parallel->next_row, 0);
	pg_atomic_write_u64(&parallel->next_block, 0);
}

/*
 * Claim the visible group with the lowest row number that nobody has claimed.
 * By row number, not by position: workers may have read the directory at
 * different moments, and groups may have been rewritten in between.  What of the group comes before that number is another's.
 */
static bool
claim_group(HyScan *scan, uint32 *group_idx)
{
	uint64 next = pg_atomic_read_u64(&scan->parallel->next_row);

	for (;;)
	{
		uint32 i = 0;
		uint32 high = scan->cold->group_count;

		while (i < high)
		{
			uint32 middle = i + (high - i) / 2;

			if (scan->cold->groups[middle].first_row + hy_span(&scan->cold->groups[middle]) <= next)
				i = middle + 1;
			else
				high = middle;
		}
		if (i == scan->cold->group_count)
			return false;
		if (pg_atomic_compare_exchange_u64(&scan->parallel->next_row, &next,
										   scan->cold->groups[i].first_row +
											   hy_span(&scan->cold->groups[i])))
		{
			scan->claimed = next;
			*group_idx = i;
			return true;
		}
	}
}

BlockNumber
hy_scan_claim_block(HyScan *scan, BlockNumber from)
{
	for (;;)
	{
		BlockNumber block;
		uint64 start;

		if (from < scan->hot_until)
		{
			block = hy_hot_block_from(&scan->hot, from, true);
			if (block != InvalidBlockNumber && block < scan->hot_until)
				return block;
		}
		start = pg_atomic_fetch_add_u64(&scan->parallel->next_block, PARALLEL_CHUNK_BLOCKS);
		if (start >= scan->hot.nblocks)
			return InvalidBlockNumber;
		from = (BlockNumber) start;
		scan->hot_until = (BlockNumber) Min(start + PARALLEL_CHUNK_BLOCKS, scan->hot.nblocks);
	}
}

/* ---- moving ---- */

void
hy_scan_store_cold(HyScan *scan, TupleTableSlot *slot, uint32 row)
{
	const HyEntry *entry = &scan->cold->groups[scan->cold->group_idx];

	scan->row = row;
	scan->group_xmin = entry->xmin;
	hy_slot_store_cold(slot, &scan->cold_source, RelationGetRelid(scan->base.rs_rd),
					   hy_batch_row_number(scan->cold, row), entry->xmin, entry->cmin);
}

bool
hy_scan_seek_cold(HyScan *scan, uint64 row)
{
	HyBatchReader *cold = scan->cold;
	int64 group_idx = hy_batch_find_group(cold, row);
	uint32 in_group;

	if (group_idx < 0)
		return false;
	/* which leaves no vector open */
	if (cold->group == NULL || cold->group_idx != (uint32) group_idx)
		hy_batch_seek_group(cold, (uint32) group_idx);
	if (!rg_find_number(cold->group, (uint32) (row - cold->groups[group_idx].first_row), &in_group))
		return false;
	if (cold->vector != in_group / COL_VECTOR_ROWS)
	{
		forget_vectors(scan);
		hy_batch_seek_vector(cold, in_group / COL_VECTOR_ROWS);
	}
	scan->row = in_group % COL_VECTOR_ROWS;
	return !hy_batch_row_invisible(cold, scan->row);
}

/* open the next group in this direction; false at the end */
static bool
next_group(HyScan *scan, bool forward)
{
	HyBatchReader *cold = scan->cold;
	uint32 next;

	if (scan->parallel != NULL)
	{
		if (!claim_group(scan, &next))
			return false;
	}
	else if (!scan->in_group)
	{
		if (cold->group_count == 0)
			return false;
		next = forward ? 0 : cold->group_count - 1;
	}
	else
	{
		if (forward ? cold->group_idx + 1 == cold->group_count : cold->group_idx == 0)
			return false;
		next = cold->group_idx + (forward ? 1 : UINT32_MAX);
	}
	hy_batch_seek_group(cold, next);
	scan->in_group = true;
	return true;
}

/*
 * A dirty snapshot tells of the row just shown which transactions decide about it: it is judged anew for each row,
 * whatever the vector's words say.
 */
static bool
row_is_there(HyScan *scan)
{
	HyBatchReader *cold = scan->cold;

	/* others have claimed what comes before, under another group */
	if (unlikely(scan->claimed > cold->groups[cold->group_idx].first_row) &&
		hy_batch_row_number(cold, scan->row) < scan->claimed)
		return false;
	if (likely(cold->snapshot->snapshot_type != SNAPSHOT_DIRTY))
		return !hy_batch_row_invisible(cold, scan->row);
	return hy_cold_visible(cold->rel, &cold->groups[cold->group_idx],
						   hy_batch_row_number(cold, scan->row), cold->snapshot, NULL);
}

/* the next cold row: scan->row of the reader's vector */
static bool
step_cold(HyScan *scan, bool forward)
{
	HyBatchReader *cold = scan->cold;

	for (;;)
	{
		while (scan->in_group && (forward ? scan->row + 1 < cold->vector_rows : scan->row > 0))
		{
			scan->row += forward ? 1 : UINT32_MAX;
			if (row_is_there(scan))
				return true;
		}
		forget_vectors(scan);
		for (;;)
		{
			if (scan->in_group && hy_batch_next_vector(cold, forward))
				break;
			if (!next_group(scan, forward))
				return false;
		}
		scan->row = forward ? 0 : cold->vector_rows - 1;
		if (row_is_there(scan))
			return true;
	}
}

/* the next hot tuple: scan->hot.tuple */
static bool
step_hot(HyScan *scan, bool forward)
{
	HyHotReader *hot = &scan->hot;

	for (;;)
	{
		BlockNumber block;

		if (hot->block != InvalidBlockNumber)
		{
			while (forward ? hot->idx + 1 < hot->count : hot->idx > 0)
				if (hy_hot_tuple(hot, hot->idx + (forward ? 1 : -1)))
					return true;
			block = hot->block;
			if (!forward && block == 0)
				return false;
			block += forward ? 1 : UINT32_MAX;
		}
		else
			block = forward ? 0 : hot->nblocks - 1; /* none: UINT32_MAX, beyond all */
		block = scan->parallel != NULL ? hy_scan_claim_block(scan, block)
									   : hy_hot_block_from(hot, block, forward);
		if (block == InvalidBlockNumber)
			return false;
		hy_hot_load(hot, block);
		hot->idx = forward ? -1 : hot->count;
	}
}

/* go one row on and show it; false at the end, where the scan stands nowhere again */
static bool
scan_step(HyScan *scan, ScanDirection direction, TupleTableSlot *slot)
{
	bool forward = ScanDirectionIsForward(direction);

	if (scan->region == HY_AT_NONE)
	{
		HySlot *ours = hy_slot(slot);

		/* at either end; the caller knows which */
		scan->region = forward ? HY_AT_COLD : HY_AT_HOT;
		scan->cold->desc = slot->tts_tupleDescriptor;
		scan->cold->conditions = ours->conditions;
		scan->cold->condition_count = ours->condition_count;
	}
	if (scan->region == HY_AT_COLD)
	{
		hy_slot_detach(&scan->cold_source, slot);
		if (step_cold(scan, forward))
		{
			hy_scan_store_cold(scan, slot, scan->row);
			return true;
		}
		if (forward)
			scan->region = HY_AT_HOT;
	}
	if (scan->region == HY_AT_HOT)
	{
		if (step_hot(scan, forward))
		{
			hy_hot_store(&scan->hot, slot);
			return true;
		}
		hy_hot_release(&scan->hot);
		if (!forward)
		{
			scan->region = HY_AT_COLD;
			scan->in_group = false;
			if (step_cold(scan, false))
			{
				hy_scan_store_cold(scan, slot, scan->row);
				return true;
			}
		}
	}
	scan->region = HY_AT_NONE;
	scan->in_group = false;
	hy_batch_rewind(scan->cold);
	return false;
}

bool
hy_scan_next_cold(HyScan *scan, TupleTableSlot *slot)
{
	hy_slot_detach(&scan->cold_source, slot);
	if (!step_cold(scan, true))
	{
		ExecClearTuple(slot);
		return false;
	}
	hy_scan_store_cold(scan, slot, scan->row);
	return true;
}

/* HeapKeyTest for slots */
static bool
keys_match(TableScanDesc sscan, TupleTableSlot *slot)
{
	for (int i = 0; i < sscan->rs_nkeys; i++)
	{
		ScanKey key = &sscan->rs_key[i];
		bool isnull;
		Datum value;

		if (key->sk_flags & SK_ISNULL)
			return false;
		value = slot_getattr(slot, key->sk_attno, &isnull);
		if (isnull || !DatumGetBool(FunctionCall2Coll(&key->sk_func, key->sk_collation, value,
													  key->sk_argument)))
			return false;
	}
	return true;
}

bool
hybrid_scan_getnextslot(TableScanDesc sscan, ScanDirection direction, TupleTableSlot *slot)
{
	HyScan *scan = (HyScan *) sscan;

	/* nearly always: the next row of the same vector, into the slot that showed the last one */
	if (likely(scan->region == HY_AT_COLD && scan->cold_source.slot == slot && scan->in_group &&
			   ScanDirectionIsForward(direction) && scan->row + 1 < scan->cold->vector_rows &&
			   !scan->cold->any_invisible && scan->cold->consecutive && sscan->rs_nkeys == 0 &&
			   scan->cold->snapshot->snapshot_type != SNAPSHOT_DIRTY))
	{
		HySlot *ours = hy_slot(slot);

		scan->stepped = true;
		scan->row++;
		ours->row++;
		ours->xmin = scan->group_xmin;
		slot->tts_nvalid = 0;
		if (likely(slot->tts_tid.ip_posid < HY_ROWS_PER_BLOCK))
			slot->tts_tid.ip_posid++;
		else
			hy_tid_from_row(&slot->tts_tid, ours->row);
		pgstat_count_heap_getnext(sscan->rs_rd);
		return true;
	}
	scan->stepped = false;
	scan->shown_natts = 0;
	while (scan_step(scan, direction, slot))
		if (sscan->rs_nkeys == 0 || keys_match(sscan, slot))
		{
			pgstat_count_heap_getnext(sscan->rs_rd);
			return true;
		}
	ExecClearTuple(slot);
	return false;
}

/* ---- TID ranges ---- */

void
hybrid_scan_set_tidrange(TableScanDesc sscan, ItemPointer mintid, ItemPointer maxtid)
{
	HyScan *scan = (HyScan *) sscan;

	scan->ranged = true;
	scan->min_tid = *mintid;
	scan->max_tid = *maxtid;
}

/* can this group hold a TID of the range? */
static bool
group_in_range(HyScan *scan, const HyEntry *entry)
{
	ItemPointerData first;
	ItemPointerData last;

	hy_tid_from_row(&first, entry->first_row);
	hy_tid_from_row(&last, entry->first_row + hy_span(entry) - 1);
	return ItemPointerCompare(&last, &scan->min_tid) >= 0 &&
		   ItemPointerCompare(&first, &scan->max_tid) <= 0;
}

bool
hybrid_scan_getnextslot_tidrange(TableScanDesc sscan, ScanDirection direction, TupleTableSlot *slot)
{
	HyScan *scan = (HyScan *) sscan;
	BlockNumber max_block = ItemPointerGetBlockNumberNoCheck(&scan->max_tid);

	if (scan->region == HY_AT_NONE)
	{
		uint32 kept = 0;

		/* leave out what the range cannot touch */
		for (uint32 i = 0; i < scan->cold->group_count; i++)
			if (group_in_range(scan, &scan->cold->groups[i]))
				scan->cold->groups[kept++] = scan->cold->groups[i];
		scan->cold->group_count = kept;
		if (max_block < scan->hot.nblocks)
			scan->hot.nblocks = max_block + 1;
		if (scan->hot.runs != NULL)
		{
			/* blocks before the range are as good as opaque */
			BlockNumber min_block = ItemPointerGetBlockNumberNoCheck(&scan->min_tid);
			uint32 run = hy_directory_run_after(scan->hot.runs, scan->hot.run_count, min_block);

			if (run > 0)
			{
				memmove(scan->hot.runs + 1, scan->hot.runs + run,
						(scan->hot.run_count - run) * sizeof(HyRun));
				scan->hot.run_count -= run - 1;
				scan->hot.runs[0] = (HyRun){ 0, min_block };
			}
			else
				scan->hot.runs[0].end = Max(scan->hot.runs[0].end, min_block);
		}
	}
	while (scan_step(scan, direction, slot))
		if (ItemPointerCompare(&slot->tts_tid, &scan->min_tid) >= 0 &&
			ItemPointerCompare(&slot->tts_tid, &scan->max_tid) <= 0)
		{
			pgstat_count_heap_getnext(sscan->rs_rd);
			return true;
		}
	ExecClearTuple(slot);
	return false;
}
