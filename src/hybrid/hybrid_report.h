/*
 * hybrid_report.h
 *		What freezing says of itself, when it is done and while it goes on: README.md, "Reports".
 */
#ifndef HYBRID_REPORT_H
#define HYBRID_REPORT_H

#include "utils/relcache.h"

#include "hybrid/hybrid_freeze.h"

/*
 * hy_report_write --- put into the metapage what a run has found so far; complete: it has come to its end.  Sets freeze->holder.
 *
 * One WAL record, at once, whatever becomes of the transaction: nothing depends on it.  The caller holds
 * ShareUpdateExclusiveLock.  Locks the metapage, and before that, if rows were too young, ProcArrayLock in share mode.
 */
extern void hy_report_write(Relation rel, HyFreeze *freeze, bool complete);

/* The same of VACUUM, which asked for a worker and got none; hy_report_write takes it back. */
extern void hy_report_no_worker(Relation rel);

/* The same of a worker that has rebuilt indexes. */
extern void hy_report_rebuilt(Relation rel);

/* A sentence without its period, palloc'd: how many rows a complete run has left hot, and why. */
extern char *hy_report_left(const HyFreeze *freeze);

/* ---- progress, while a group is frozen ---- */

typedef enum HyStep
{
	HY_STEP_GATHER = 1,
	HY_STEP_WRITE = 2,
	HY_STEP_INDEXES = 3,
	HY_STEP_MARK = 4,
	HY_STEP_REWRITE = 5,
	HY_STEP_MOVE = 6,
	HY_STEP_TRUNCATE = 7
} HyStep;

/* Ended by pgstat_progress_end_command. */
extern void hy_progress_begin(Relation rel, const HyFreeze *freeze);
/* of a step that is no freezing; pgstat_progress_end_command follows */
extern void hy_progress_alone(Relation rel, HyStep step, uint32 rows);
/* rows: of the group at hand */
extern void hy_progress_step(HyStep step, uint32 rows);

#endif
