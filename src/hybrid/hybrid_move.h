/*
 * hybrid_move.h
 *		Put runs of opaque pages elsewhere in the file: README.md, "Moving".
 */
#ifndef HYBRID_MOVE_H
#define HYBRID_MOVE_H

#include "utils/palloc.h"
#include "utils/relcache.h"

#include "hybrid/hybrid_freeze.h"
#include "hybrid/hybrid_space.h"

/*
 * hy_move --- carry out one move; false: the run or its target is not any more what the plan took it for.
 *
 * The caller holds ShareUpdateExclusiveLock and has an active snapshot; not in VACUUM.  What it changes does not depend on
 * whether its transaction commits.
 */
extern bool hy_move(Relation rel, const HyMove *move);

/* would hy_shrink_step find something to do?  Reads the directory and the free space map. */
extern bool hy_worth_shrinking(Relation rel);

/* giving space back, which goes over several transactions */
typedef struct HyShrink
{
	MemoryContext context; /* the caller's, for the plan */
	bool planned;
	HyMovePlan plan;
	HyFreeze tail;	/* hot rows at the end of the file that are in the way */
	uint32 done;	/* moves of the plan */
	bool cut;		/* the end of the file has been looked at */
	uint64 cut_off; /* pages given back */
} HyShrink;

/*
 * The next transaction's work: one move, or cutting off; false: that was the last.  If a few hot rows at the end of the file are in the
 * way they are frozen, and it is for the next call, behind a VACUUM, to move what is left.  As hy_move, and hy_freeze_group.
 */
extern bool hy_shrink_step(Relation rel, HyShrink *shrink);

#endif
