/*
 * hybrid_build.h
 *		Index builds over both regions.
 */
#ifndef HYBRID_BUILD_H
#define HYBRID_BUILD_H

#include "access/tableam.h"

#include "hybrid/hybrid_hot.h"

/* an index build: what was asked for, and what it takes to evaluate columns and predicate */
typedef struct HyBuild
{
	Relation rel;
	Relation index;
	struct IndexInfo *index_info;
	bool anyvisible;
	bool progress;
	IndexBuildCallback callback;
	void *callback_state;
	TransactionId oldest_xmin; /* SnapshotAny: who is dead to all; else invalid */

	struct EState *estate;
	struct ExprContext *econtext;
	struct ExprState *predicate;
	TupleTableSlot *slot;
	Datum values[INDEX_MAX_KEYS];
	bool isnull[INDEX_MAX_KEYS];
} HyBuild;

/* index columns of the slot's row; false if the predicate leaves it out */
extern bool hy_build_eval(HyBuild *build);

/* hand the tuples of hot blocks [start, end) to the callback; returns how many count as live */
extern double hy_build_hot(HyBuild *build, HyHotReader *hot, BlockNumber start, BlockNumber end);

extern double hybrid_index_build_range_scan(Relation rel, Relation index,
											struct IndexInfo *index_info, bool allow_sync,
											bool anyvisible, bool progress,
											BlockNumber start_blockno, BlockNumber numblocks,
											IndexBuildCallback callback, void *callback_state,
											TableScanDesc scan);
extern void hybrid_index_validate_scan(Relation rel, Relation index, struct IndexInfo *index_info,
									   Snapshot snapshot, struct ValidateIndexState *state);

#endif
