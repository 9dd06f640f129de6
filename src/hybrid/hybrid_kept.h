/*
 * hybrid_kept.h
 *		Row groups that a backend keeps open for reading single rows.
 *
 * To open a group and read a column's vector headers costs as much as many single values.  A group never changes
 * (rule I4) and its number is never used again in its file, so an open one stays good for whoever finds the same
 * entry in the directory.
 */
#ifndef HYBRID_KEPT_H
#define HYBRID_KEPT_H

#include "utils/relcache.h"

#include "hybrid/hybrid_format.h"
#include "rowgroup/rowgroup_read.h"

/*
 * hy_kept_open / hy_kept_done --- the group of the entry, for rg_value and rg_row_xmin.
 *
 * Good until hy_kept_done, which must come before the next hy_kept_open; after an error in between the table's
 * groups are forgotten.  No pin is held from one call to the next.
 */
extern RgGroup *hy_kept_open(Relation rel, const HyEntry *entry);
extern void hy_kept_done(void);

/* forget a table's groups: its file is being rewritten in place */
extern void hy_kept_forget(Relation rel);

/* at start-up: relcache callback */
extern void hybrid_kept_init(void);

#endif
