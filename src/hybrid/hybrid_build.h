/*
 * hybrid_build.h
 *		Index builds over both regions.
 */
#ifndef HYBRID_BUILD_H
#define HYBRID_BUILD_H

#include "access/tableam.h"

extern double hybrid_index_build_range_scan(Relation rel, Relation index,
											struct IndexInfo *index_info, bool allow_sync,
											bool anyvisible, bool progress,
											BlockNumber start_blockno, BlockNumber numblocks,
											IndexBuildCallback callback, void *callback_state,
											TableScanDesc scan);
extern void hybrid_index_validate_scan(Relation rel, Relation index, struct IndexInfo *index_info,
									   Snapshot snapshot, struct ValidateIndexState *state);

#endif
