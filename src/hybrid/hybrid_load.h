/*
 * hybrid_load.h
 *		Bulk loads: rows gather in memory and become row groups (rules L1, V10).
 *
 * README.md, "Loading", says when a buffer is flushed.
 */
#ifndef HYBRID_LOAD_H
#define HYBRID_LOAD_H

#include "access/heapam.h"
#include "executor/tuptable.h"

#include "rowgroup/rowgroup_build.h"

/* GUC omendb.row_group_rows: rows at which a group closes */
extern int hy_row_group_rows;
/* GUC omendb.load_row_groups: do loads and rewrites write groups at all? */
extern bool hy_load_row_groups;
#define HY_ROW_GROUP_ROWS_MIN 16

/*
 * May a load of this table write row groups?  No index, no row trigger on INSERT, not decoded
 * logically unless this is a rewrite, and columns that can be stored.
 */
extern bool hy_load_allowed(Relation rel, int options);

/*
 * Must the rows of this table stay hot?  brin cannot index row groups: its ranges
 * of blocks would span the gap to cold TIDs.
 */
extern bool hy_must_stay_hot(Relation rel);

/*
 * Could a row with all its values be too large for a heap page, even with those of variable length out of
 * line?  It has to fit one when it is changed.
 */
extern bool hy_too_wide_for_groups(TupleDesc desc);

/* rule V10: a group of fewer vectors is not worth its pages when memory runs out */
#define HY_EARLY_GROUP_ROWS (16 * COL_VECTOR_ROWS)

/* Take rows into the table's buffer.  multi: they come from multi_insert. */
extern void hy_load_rows(Relation rel, TupleTableSlot **slots, int count, CommandId cid,
						 int options, bool multi);

/* is this tuple_insert part of a rewrite or of CREATE TABLE AS and its like? */
extern bool hy_load_is_bulk_insert(Relation rel, CommandId cid, int options,
								   struct BulkInsertStateData *bistate);

/* the end of a rewrite or of CREATE TABLE AS; buffers fed by multi_insert are kept */
extern void hy_load_finish(Relation rel);

/* write what is buffered: of one table before it is read; of all */
extern void hy_load_flush_table(Relation rel);
extern void hy_load_flush_all(void);

/* forget what is buffered: the table is truncated */
extern void hy_load_discard(Relation rel);

/* hooks and transaction callbacks */
extern void hybrid_load_init(void);

#endif
