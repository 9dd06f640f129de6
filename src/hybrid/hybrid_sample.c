/*
 * hybrid_sample.c
 *		TABLESAMPLE, ANALYZE and bitmap scans of omendb tables.
 *
 * TABLESAMPLE numbers blocks 0 .. nblocks - 1 for the file and goes on with the
 * virtual blocks of 256 rows of the visible groups.  ANALYZE samples blocks of
 * the file: a data page answers for its share of its group's rows, so that rows per page
 * come out right.
 */
#include "postgres.h"

#include "access/heapam.h"
#include "access/tsmapi.h"
#include "miscadmin.h"
#include "nodes/execnodes.h"
#include "nodes/tidbitmap.h"
#include "pgstat.h"
#include "storage/bufmgr.h"
#include "storage/predicate.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "hybrid/hybrid_header.h"
#include "hybrid/hybrid_sample.h"
#include "hybrid/hybrid_scan.h"
#include "hybrid/hybrid_tid.h"

/* ---- TABLESAMPLE ---- */

/* first virtual block of each group, counted behind the file's, and of none; made once a scan */
static const uint32 *
virtual_starts(HyScan *scan)
{
	uint32 count = scan->cold->group_count;

	if (scan->order == NULL)
	{
		uint32 next = 0;

		scan->order =
			MemoryContextAllocHuge(scan->cold->context, ((Size) count + 1) * sizeof(uint32));
		for (uint32 i = 0; i < count; i++)
		{
			scan->order[i] = next;
			next += (hy_span(&scan->cold->groups[i]) + HY_ROWS_PER_BLOCK - 1) / HY_ROWS_PER_BLOCK;
		}
		scan->order[count] = next;
	}
	return scan->order;
}

/* stand on virtual block `block`; the rows in it are 1 .. *max_offset */
static void
sample_block(HyScan *scan, BlockNumber block, OffsetNumber *max_offset)
{
	const uint32 *starts = virtual_starts(scan);
	uint32 cold_block = block - scan->hot.nblocks;
	uint32 low = 0;
	uint32 high = scan->cold->group_count;
	const HyEntry *entry;

	*max_offset = 0;
	hy_hot_release(&scan->hot);
	scan->slice_row = scan->slice_end = 0;
	if (block < scan->hot.nblocks)
	{
		if (hy_hot_block_from(&scan->hot, block, true) == block)
		{
			hy_hot_load(&scan->hot, block);
			*max_offset = PageGetMaxOffsetNumber(BufferGetPage(scan->hot.buffer));
		}
		return;
	}
	while (low + 1 < high)
	{
		uint32 middle = low + (high - low) / 2;

		if (starts[middle] <= cold_block)
			low = middle;
		else
			high = middle;
	}
	entry = &scan->cold->groups[low];
	scan->slice_row = entry->first_row + (uint64) (cold_block - starts[low]) * HY_ROWS_PER_BLOCK;
	scan->slice_end = Min(scan->slice_row + HY_ROWS_PER_BLOCK, entry->first_row + hy_span(entry));
	*max_offset = (OffsetNumber) (scan->slice_end - scan->slice_row);
}

bool
hybrid_scan_sample_next_block(TableScanDesc sscan, struct SampleScanState *state)
{
	HyScan *scan = (HyScan *) sscan;
	TsmRoutine *tsm = state->tsmroutine;
	BlockNumber total = scan->hot.nblocks + virtual_starts(scan)[scan->cold->group_count];
	BlockNumber block;

	CHECK_FOR_INTERRUPTS();
	if (total == 0)
		return false;
	if (tsm->NextSampleBlock)
		block = tsm->NextSampleBlock(state, total);
	else
		block = scan->region == HY_AT_NONE ? 0 : scan->virtual_block + 1;
	if (block >= total)
	{
		hy_hot_release(&scan->hot);
		scan->region = HY_AT_NONE;
		return false;
	}
	scan->region = HY_AT_HOT;
	scan->virtual_block = block;
	sample_block(scan, block, &scan->sample_max);
	return true;
}

bool
hybrid_scan_sample_next_tuple(TableScanDesc sscan, struct SampleScanState *state,
							  TupleTableSlot *slot)
{
	HyScan *scan = (HyScan *) sscan;
	HyHotReader *hot = &scan->hot;

	for (;;)
	{
		OffsetNumber offset =
			state->tsmroutine->NextSampleTuple(state, scan->virtual_block, scan->sample_max);

		CHECK_FOR_INTERRUPTS();
		if (!OffsetNumberIsValid(offset))
		{
			ExecClearTuple(slot);
			return false;
		}
		if (scan->slice_end > 0)
		{
			hy_slot_detach(&scan->cold_source, slot);
			if (!hy_scan_seek_cold(scan, scan->slice_row + offset - 1))
				continue;
			hy_scan_store_cold(scan, slot, scan->row);
			pgstat_count_heap_getnext(sscan->rs_rd);
			return true;
		}
		for (int i = 0; i < hot->count; i++)
			if (hot->offsets[i] == offset && hy_hot_tuple(hot, i))
			{
				hy_hot_store(hot, slot);
				pgstat_count_heap_getnext(sscan->rs_rd);
				return true;
			}
	}
}

/* ---- ANALYZE ---- */

/* qsort_arg: groups by their place in the file */
static int
compare_order(const void *a, const void *b, void *groups)
{
	BlockNumber x = ((const HyEntry *) groups)[*(const uint32 *) a].start;
	BlockNumber y = ((const HyEntry *) groups)[*(const uint32 *) b].start;

	return x < y ? -1 : x > y ? 1 : 0;
}

/* the rows that data page `block` answers for, in slice_row .. slice_end */
static void
slice_of_block(HyScan *scan, BlockNumber block)
{
	uint32 count = scan->cold->group_count;
	uint32 low = 0;
	uint32 high = count;
	const HyEntry *entry;
	uint64 page;

	scan->slice_row = scan->slice_end = 0;
	if (count == 0)
		return;
	if (scan->order == NULL)
	{
		scan->order = MemoryContextAllocHuge(scan->cold->context, (Size) count * sizeof(uint32));
		for (uint32 i = 0; i < count; i++)
			scan->order[i] = i;
		qsort_arg(scan->order, count, sizeof(uint32), compare_order, scan->cold->groups);
	}
	while (low + 1 < high)
	{
		uint32 middle = low + (high - low) / 2;

		if (scan->cold->groups[scan->order[middle]].start <= block)
			low = middle;
		else
			high = middle;
	}
	entry = &scan->cold->groups[scan->order[low]];
	page = (uint64) block - entry->start;
	if (block < entry->start || page >= entry->pages)
		return;
	scan->slice_row = entry->first_row + page * hy_span(entry) / entry->pages;
	scan->slice_end = entry->first_row + (page + 1) * hy_span(entry) / entry->pages;
}

/* begin with a block of the file, in `buffer` if that is pinned already */
static void
analyze_block(HyScan *scan, BlockNumber block, Buffer buffer, BufferAccessStrategy strategy)
{
	HyHotReader *hot = &scan->hot;

	scan->heap_page = hy_hot_block_from(hot, block, true) == block;
	if (!scan->heap_page)
	{
		if (BufferIsValid(buffer))
			ReleaseBuffer(buffer);
		slice_of_block(scan, block);
		return;
	}
	if (!BufferIsValid(buffer))
		buffer = ReadBufferExtended(scan->base.rs_rd, MAIN_FORKNUM, block, RBM_NORMAL, strategy);
	/* as heap does, keep it locked until analyze_hot_tuple is through with the page */
	LockBuffer(buffer, BUFFER_LOCK_SHARE);
	hot->buffer = buffer;
	hot->block = block;
	scan->analyze_next = FirstOffsetNumber;
}

#if OM_ANALYZE_BY_STREAM
bool
hybrid_scan_analyze_next_block(TableScanDesc sscan, ReadStream *stream)
{
	Buffer buffer = read_stream_next_buffer(stream, NULL);

	if (!BufferIsValid(buffer))
		return false;
	analyze_block((HyScan *) sscan, BufferGetBlockNumber(buffer), buffer, NULL);
	return true;
}
#else
bool
hybrid_scan_analyze_next_block(TableScanDesc sscan, BlockNumber blockno,
							   BufferAccessStrategy bstrategy)
{
	analyze_block((HyScan *) sscan, blockno, InvalidBuffer, bstrategy);
	return true;
}
#endif

/* count a hot tuple as heap does (heapam_scan_analyze_next_tuple); true: it is to be sampled */
static bool
analyze_count(HeapTuple tuple, Buffer buffer, TransactionId oldest_xmin, double *live, double *dead)
{
	bool sample = false;

	switch (HeapTupleSatisfiesVacuum(tuple, oldest_xmin, buffer))
	{
		case HEAPTUPLE_LIVE:
			sample = true;
			break;
		case HEAPTUPLE_DEAD:
		case HEAPTUPLE_RECENTLY_DEAD:
			*dead += 1;
			break;
		case HEAPTUPLE_INSERT_IN_PROGRESS:
			/* others' rows are counted when they commit */
			sample = TransactionIdIsCurrentTransactionId(HeapTupleHeaderGetXmin(tuple->t_data));
			break;
		case HEAPTUPLE_DELETE_IN_PROGRESS:
			/* as if others never ended, and we had committed */
			sample =
				!TransactionIdIsCurrentTransactionId(HeapTupleHeaderGetUpdateXid(tuple->t_data));
			if (!sample)
				*dead += 1;
			break;
	}
	if (sample)
		*live += 1;
	return sample;
}

/*
 * The next row of a hot page to be sampled.  Headers are neither counted nor sampled:
 * their rows are cold ones.
 */
static bool
analyze_hot_tuple(HyScan *scan, TransactionId oldest_xmin, double *live, double *dead,
				  TupleTableSlot *slot)
{
	HyHotReader *hot = &scan->hot;
	HeapTuple tuple = &hot->tuple;
	Page page = BufferGetPage(hot->buffer);
	OffsetNumber last = PageGetMaxOffsetNumber(page);

	while (scan->analyze_next <= last)
	{
		OffsetNumber offset = scan->analyze_next++;
		ItemId item = PageGetItemId(page, offset);

		if (!ItemIdIsNormal(item))
		{
			if (ItemIdIsDead(item))
				*dead += 1;
			continue;
		}
		tuple->t_tableOid = RelationGetRelid(scan->base.rs_rd);
		tuple->t_data = (HeapTupleHeader) PageGetItem(page, item);
		tuple->t_len = ItemIdGetLength(item);
		ItemPointerSet(&tuple->t_self, hot->block, offset);
		if (!hy_tuple_is_header(tuple->t_data) &&
			analyze_count(tuple, hot->buffer, oldest_xmin, live, dead))
		{
			hy_hot_store(hot, slot);
			return true;
		}
	}
	LockBuffer(hot->buffer, BUFFER_LOCK_UNLOCK);
	hy_hot_release(hot);
	ExecClearTuple(slot);
	return false;
}

bool
hybrid_scan_analyze_next_tuple(TableScanDesc sscan, TransactionId OldestXmin, double *liverows,
							   double *deadrows, TupleTableSlot *slot)
{
	HyScan *scan = (HyScan *) sscan;

	if (scan->heap_page)
		return analyze_hot_tuple(scan, OldestXmin, liverows, deadrows, slot);
	hy_slot_detach(&scan->cold_source, slot);
	while (scan->slice_row < scan->slice_end)
	{
		CHECK_FOR_INTERRUPTS();
		if (!hy_scan_seek_cold(scan, scan->slice_row++))
			continue;
		hy_scan_store_cold(scan, slot, scan->row);
		*liverows += 1;
		return true;
	}
	ExecClearTuple(slot);
	return false;
}

/* ---- bitmap scans ---- */

/* collect the visible tuples of a hot block that the bitmap names (offsets NULL: lossy, all) */
static void
bitmap_load_hot(HyScan *scan, BlockNumber block, const OffsetNumber *offsets, int count)
{
	HyHotReader *hot = &scan->hot;
	Relation rel = scan->base.rs_rd;
	Snapshot snapshot = scan->base.rs_snapshot;
	bool marks_matter = hy_marks_matter(rel, snapshot);
	HyMarks marks;

	if (offsets == NULL)
	{
		hy_hot_load(hot, block);
		for (int i = 0; i < hot->count; i++)
			if (hy_hot_tuple(hot, i))
				PredicateLockTID(rel, &hot->tuple.t_self, snapshot,
								 HeapTupleHeaderGetXmin(hot->tuple.t_data));
		return;
	}
	marks.count = 0;
	hy_hot_release(hot);
	hot->buffer = ReadBuffer(rel, block);
	hot->block = block;
	heap_page_prune_opt(rel, hot->buffer);
	LockBuffer(hot->buffer, BUFFER_LOCK_SHARE);
	for (int i = 0; i < count; i++)
	{
		ItemPointerData tid;
		HeapTupleData tuple;

		ItemPointerSet(&tid, block, offsets[i]);
		/* the TID of a row that is gone may be a header's by now */
		if (heap_hot_search_buffer(&tid, rel, hot->buffer, snapshot, &tuple, NULL, true) &&
			!hy_tuple_is_header(tuple.t_data) && hot->count < (int) MaxHeapTuplesPerPage)
		{
			if (marks_matter)
				hy_hot_note_mark(hot, tuple.t_data, &marks);
			hot->offsets[hot->count++] = ItemPointerGetOffsetNumber(&tid);
		}
	}
	LockBuffer(hot->buffer, BUFFER_LOCK_UNLOCK);
	hy_hot_drop_hidden(hot, &marks);
}

/*
 * Collect what the bitmap names of one block, real or virtual.  A block behind the end of the
 * file as we know it may hold nothing for our snapshot; in SERIALIZABLE it is still looked at.
 */
static void
bitmap_load(HyScan *scan, BlockNumber block, const OffsetNumber *offsets, int count)
{
	HyHotReader *hot = &scan->hot;

	scan->slice_row = scan->slice_end = 0;
	scan->bitmap_next = 0;
	if (block < HY_COLD_BLOCK)
	{
		if (block < hot->nblocks || IsolationIsSerializable())
			bitmap_load_hot(scan, block, offsets, count);
		else
			hy_hot_release(hot);
		return;
	}
	/* rows of a virtual block: offsets in hot->offsets, as for a page */
	hy_hot_release(hot);
	scan->slice_row = hy_block_first_row(block);
	scan->slice_end = scan->slice_row + HY_ROWS_PER_BLOCK;
	if (offsets == NULL)
		for (OffsetNumber offset = 1; offset <= HY_ROWS_PER_BLOCK; offset++)
			hot->offsets[hot->count++] = offset;
	else
		for (int i = 0; i < count; i++)
			if (offsets[i] <= HY_ROWS_PER_BLOCK)
				hot->offsets[hot->count++] = offsets[i];
}

/* go to a cold row that the snapshot sees */
static bool
bitmap_seek_cold(HyScan *scan, uint64 row)
{
	Relation rel = scan->base.rs_rd;
	Snapshot snapshot = scan->base.rs_snapshot;
	ItemPointerData tid;

	if (row >= HY_ROW_LIMIT)
		return false;
	/* first the lock, then the look: a writer looks for locks behind its change */
	hy_tid_from_row(&tid, row);
	PredicateLockTID(rel, &tid, snapshot, InvalidTransactionId);
	if (!hy_scan_seek_cold(scan, row))
		return false;
	/* what was read of the vector's headers may be older than the lock */
	return !CheckForSerializableConflictOutNeeded(rel, snapshot) ||
		   hy_row_visible(rel, &scan->cold->groups[scan->cold->group_idx], row, snapshot, NULL);
}

/* the next row of the block */
static bool
bitmap_next(HyScan *scan, TupleTableSlot *slot)
{
	HyHotReader *hot = &scan->hot;

	hy_slot_detach(&scan->cold_source, slot);
	while (scan->bitmap_next < hot->count)
	{
		int i = scan->bitmap_next++;

		if (scan->slice_end > 0)
		{
			if (!bitmap_seek_cold(scan, scan->slice_row + hot->offsets[i] - 1))
				continue;
			hy_scan_store_cold(scan, slot, scan->row);
		}
		else if (hy_hot_tuple(hot, i))
			hy_hot_store(hot, slot);
		else
			continue;
		pgstat_count_heap_fetch(scan->base.rs_rd);
		return true;
	}
	return false;
}

StaticAssertDecl(MaxHeapTuplesPerPage >= HY_ROWS_PER_BLOCK, "a virtual block fits a bitmap page");

#if OM_BITMAP_BY_BLOCK
bool
hybrid_scan_bitmap_next_block(TableScanDesc sscan, struct TBMIterateResult *tbmres)
{
	HyScan *scan = (HyScan *) sscan;

	bitmap_load(scan, tbmres->blockno, tbmres->ntuples < 0 ? NULL : tbmres->offsets,
				tbmres->ntuples);
	return scan->hot.count > 0;
}

bool
hybrid_scan_bitmap_next_tuple(TableScanDesc sscan, struct TBMIterateResult *tbmres,
							  TupleTableSlot *slot)
{
	return bitmap_next((HyScan *) sscan, slot);
}
#else
bool
hybrid_scan_bitmap_next_tuple(TableScanDesc sscan, TupleTableSlot *slot, bool *recheck,
							  uint64 *lossy_pages, uint64 *exact_pages)
{
	HyScan *scan = (HyScan *) sscan;

	for (;;)
	{
		TBMIterateResult result;
		OffsetNumber offsets[TBM_MAX_TUPLES_PER_PAGE];
		int count = 0;

		if (bitmap_next(scan, slot))
		{
			*recheck = scan->bitmap_recheck;
			return true;
		}
		CHECK_FOR_INTERRUPTS();
		if (!tbm_iterate(&sscan->st.rs_tbmiterator, &result))
		{
			hy_hot_release(&scan->hot);
			return false;
		}
		if (result.lossy)
			(*lossy_pages)++;
		else
		{
			count = tbm_extract_page_tuple(&result, offsets, TBM_MAX_TUPLES_PER_PAGE);
			(*exact_pages)++;
		}
		scan->bitmap_recheck = result.recheck;
		bitmap_load(scan, result.blockno, result.lossy ? NULL : offsets, count);
	}
}
#endif
