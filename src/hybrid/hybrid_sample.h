/*
 * hybrid_sample.h
 *		TABLESAMPLE, ANALYZE and bitmap scans of omendb tables.
 */
#ifndef HYBRID_SAMPLE_H
#define HYBRID_SAMPLE_H

#include "access/tableam.h"

#include "base/pg_compat.h"

struct SampleScanState;

extern bool hybrid_scan_sample_next_block(TableScanDesc scan, struct SampleScanState *state);
extern bool hybrid_scan_sample_next_tuple(TableScanDesc scan, struct SampleScanState *state,
										  TupleTableSlot *slot);
extern bool hybrid_scan_analyze_next_block(OM_ANALYZE_NEXT_BLOCK_ARGS);
extern bool hybrid_scan_analyze_next_tuple(TableScanDesc scan, TransactionId OldestXmin,
										   double *liverows, double *deadrows,
										   TupleTableSlot *slot);
#if OM_BITMAP_BY_BLOCK
extern bool hybrid_scan_bitmap_next_block(TableScanDesc scan, struct TBMIterateResult *tbmres);
extern bool hybrid_scan_bitmap_next_tuple(TableScanDesc scan, struct TBMIterateResult *tbmres,
										  TupleTableSlot *slot);
#else
extern bool hybrid_scan_bitmap_next_tuple(TableScanDesc scan, TupleTableSlot *slot, bool *recheck,
										  uint64 *lossy_pages, uint64 *exact_pages);
#endif

#endif
