/*
 * alex_heap_scan.h
 *		Builds: the rows of a heap table, a page at a time.
 */
#ifndef ALEX_HEAP_SCAN_H
#define ALEX_HEAP_SCAN_H

#include "access/tableam.h"
#include "nodes/execnodes.h"

/*
 * alex_heap_scan_can --- may alex_heap_scan() take the place of table_index_build_scan()?  For plain columns of heap tables, in a build
 * that keeps writers out.
 */
extern bool alex_heap_scan_can(Relation heap, const IndexInfo *info);

/*
 * alex_heap_scan --- as table_index_build_scan() by one process; the callback's values may point into a pinned page.  Takes
 * share locks of pages, one at a time, none while the callback runs.  Returns the number of rows.
 */
extern double alex_heap_scan(Relation heap, Relation index, IndexInfo *info, bool progress,
							 IndexBuildCallback callback, void *arg);

#endif
