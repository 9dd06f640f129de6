/*
 * alex_build.h
 *		ambuild, ambuildempty.
 */
#ifndef ALEX_BUILD_H
#define ALEX_BUILD_H

#include "access/genam.h"
#include "commands/progress.h"
#include "nodes/execnodes.h"

/* phases of pg_stat_progress_create_index, after core's "initializing" */
#define ALEX_PHASE_SCAN (PROGRESS_CREATEIDX_SUBPHASE_INITIALIZE + 1)
#define ALEX_PHASE_SORT (PROGRESS_CREATEIDX_SUBPHASE_INITIALIZE + 2)
#define ALEX_PHASE_LOAD (PROGRESS_CREATEIDX_SUBPHASE_INITIALIZE + 3)

extern IndexBuildResult *alexbuild(Relation heap, Relation index, IndexInfo *index_info);
extern void alexbuildempty(Relation index);
extern char *alexbuildphasename(int64 phase);

#endif
