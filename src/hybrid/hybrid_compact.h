/*
 * hybrid_compact.h
 *		What omendb.compact and the background worker do to a table, a transaction at a time.
 */
#ifndef HYBRID_COMPACT_H
#define HYBRID_COMPACT_H

#include "utils/relcache.h"

#include "hybrid/hybrid_freeze.h"
#include "hybrid/hybrid_move.h"
#include "hybrid/hybrid_regroup.h"

/* over all transactions; zeroed at first but for freeze.all_rows and shrink.context */
typedef struct HyCompaction
{
	HyFreeze freeze;
	bool frozen; /* all that can be */
	HyRegroup regroup;
	bool regrouped;
	HyShrink shrink;
} HyCompaction;

/*
 * One transaction's work, which the caller commits with nothing else in it: freeze a row group; when there is none left, write one with
 * many dead rows anew or join small ones; then move one from the end of the file to where there is room, and cut the end off.  False:
 * nothing is left to do.  The caller holds ShareUpdateExclusiveLock, and no snapshot that is older than it (rule Z1 of design.md).
 */
extern bool hy_compaction_step(Relation rel, HyCompaction *work);

#endif /* HYBRID_COMPACT_H */
