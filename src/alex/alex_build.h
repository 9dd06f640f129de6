/*
 * alex_build.h
 *		ambuild, ambuildempty.
 */
#ifndef ALEX_BUILD_H
#define ALEX_BUILD_H

#include "access/genam.h"
#include "nodes/execnodes.h"

extern IndexBuildResult *alexbuild(Relation heap, Relation index, IndexInfo *index_info);
extern void alexbuildempty(Relation index);
extern char *alexbuildphasename(int64 phase);

#endif
