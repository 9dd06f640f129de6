/*
 * hybrid_scan.h
 *		Scans over both regions: sequential, parallel, TID range, sample, analyze.
 */
#ifndef HYBRID_SCAN_H
#define HYBRID_SCAN_H

#include "access/relscan.h"
#include "access/tableam.h"
#include "port/atomics.h"

#include "hybrid/hybrid_batch.h"
#include "hybrid/hybrid_hot.h"
#include "hybrid/hybrid_slot.h"

/* where a scan stands: cold rows come first, they are the older ones */
typedef enum HyRegion
{
	HY_AT_NONE, /* before the first row, or behind the last */
	HY_AT_COLD,
	HY_AT_HOT
} HyRegion;

/* a parallel scan's shared state */
typedef struct HyParallelScan
{
	ParallelBlockTableScanDescData base;
	pg_atomic_uint64 next_row;	 /* groups that begin before it are claimed */
	pg_atomic_uint64 next_block; /* hot blocks before it are claimed */
	BlockNumber nblocks;
} HyParallelScan;

typedef struct HyScan
{
	TableScanDescData base;
	HyColdSource cold_source; /* what slots know of us */
	MemoryContext context;	  /* where the scan began */
	BufferAccessStrategy strategy;
	HyBatchReader *cold;
	HyHotReader hot;
	HyParallelScan *parallel;
	HyRegion region;
	uint32 row;		/* COLD: in the vector */
	uint64 claimed; /* parallel: rows of the present group before this number are another's */
	TransactionId group_xmin; /* COLD: of the open group's entry */
	/* COLD: decoded columns of the open vector, as far as asked for; NULL = not yet */
	const RgVector **vectors;
	/* those of them that a slot's row is made of, ascending by column: see scan_fetch_values() */
	struct HyShown *shown;
	int shown_count;
	int shown_natts; /* columns of the slot that they and NULLs cover; 0 = none */
	const bool *shown_needed;
	bool stepped;		   /* the slot had the row before, and now has the present one */
	int vector_columns;	   /* entries that may be set */
	bool in_group;		   /* COLD: a group is open */
	BlockNumber hot_until; /* parallel: end of the claimed chunk of hot blocks */

	/* TID range, inclusive; whole table otherwise */
	bool ranged;
	ItemPointerData min_tid;
	ItemPointerData max_tid;

	/* sample, analyze and bitmap: rows [slice_row, slice_end) of the present block, if it is cold */
	uint64 slice_row;
	uint64 slice_end;
	uint32 *
		order; /* sample: first virtual block of each group, and the end; analyze: groups by start */
	BlockNumber virtual_block; /* sample: the present block */
	OffsetNumber sample_max;   /* sample: its last offset */
	int bitmap_next;		   /* bitmap: next of hot.offsets */
	bool bitmap_recheck;	   /* bitmap: of the present block */
	bool heap_page;			   /* analyze: the present block is a hot page, */
	OffsetNumber analyze_next; /* share-locked, and this is its next line */
} HyScan;

/* read the directory and the file's size anew; the scan stands nowhere */
extern void hy_scan_start(HyScan *scan);

/* show row `row` of the open vector of the cold reader */
extern void hy_scan_store_cold(HyScan *scan, TupleTableSlot *slot, uint32 row);

/* the next cold row, forward, of the whole table or of groups this worker claims; then false */
extern bool hy_scan_next_cold(HyScan *scan, TupleTableSlot *slot);

/* parallel: the next hot block at or behind `from` for this worker, or InvalidBlockNumber */
extern BlockNumber hy_scan_claim_block(HyScan *scan, BlockNumber from);

/* go to a cold row by number: group, vector and row; false if none of the visible groups has it */
extern bool hy_scan_seek_cold(HyScan *scan, uint64 row);

/* TableAmRoutine */
extern TableScanDesc hybrid_scan_begin(Relation rel, Snapshot snapshot, int nkeys,
									   struct ScanKeyData *key, ParallelTableScanDesc pscan,
									   uint32 flags);
extern void hybrid_scan_end(TableScanDesc scan);
extern void hybrid_scan_rescan(TableScanDesc scan, struct ScanKeyData *key, bool set_params,
							   bool allow_strat, bool allow_sync, bool allow_pagemode);
extern bool hybrid_scan_getnextslot(TableScanDesc scan, ScanDirection direction,
									TupleTableSlot *slot);
extern void hybrid_scan_set_tidrange(TableScanDesc scan, ItemPointer mintid, ItemPointer maxtid);
extern bool hybrid_scan_getnextslot_tidrange(TableScanDesc scan, ScanDirection direction,
											 TupleTableSlot *slot);
extern Size hybrid_parallelscan_estimate(Relation rel);
extern Size hybrid_parallelscan_initialize(Relation rel, ParallelTableScanDesc pscan);
extern void hybrid_parallelscan_reinitialize(Relation rel, ParallelTableScanDesc pscan);

#endif
