/*
 * hybrid_sort.h
 *		The order of rows in a group that is frozen: option sort_key.
 */
#ifndef HYBRID_SORT_H
#define HYBRID_SORT_H

#include "nodes/pg_list.h"
#include "utils/relcache.h"

#include "rowgroup/rowgroup_build.h"

/*
 * hy_sort_columns --- numbers of the columns of a key (of HY_SORT_KEY_MAX at most); returns how many there are.
 *
 * Leaves out, with a WARNING if `warn`, what is no column any more, or has no order.
 */
extern int hy_sort_columns(Relation rel, List *sort_key, bool warn, AttrNumber *numbers);

/*
 * hy_sort_rows --- sort the builder's rows by these columns, by the default order and collation of each, NULLs last; rows
 * with equal keys stay as they stand.  order[i] becomes the former position of row i.
 *
 * Takes `work_kb` of memory, and temporary files beyond that; and as much as the builder's greatest column.  Calls the types' functions,
 * as whom the caller has chosen.
 */
extern void hy_sort_rows(Relation rel, const AttrNumber *numbers, int count, RgBuilder *builder,
						 int work_kb, uint32 *order);

#endif
