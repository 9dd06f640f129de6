/*
 * hybrid_fetch.h
 *		Fetch single rows by TID: from an index, by row version, or again.
 */
#ifndef HYBRID_FETCH_H
#define HYBRID_FETCH_H

#include "access/tableam.h"

#include "hybrid/hybrid_format.h"

/* a cold row by number, for a snapshot, with all its values in the slot's own memory */
extern bool hy_fetch_cold(Relation rel, uint64 row, Snapshot snapshot, TupleTableSlot *slot);

/*
 * Values of a cold row, without a look at who may see it: those of `needed` columns (NULL: all), others as NULL.
 * By-reference values come in the current context.
 */
extern void hy_fetch_columns(Relation rel, const HyEntry *entry, uint64 row, const bool *needed,
							 Datum *values, bool *nulls);

/* the values of a cold slot whose scan has moved on or ended */
extern void hy_fetch_again(TupleTableSlot *slot);

/* xmax of a cold slot's row, raw as heap shows it: who has locked or changed the row last, be that undone or not */
extern TransactionId hy_fetch_xmax(TupleTableSlot *slot);

/* TableAmRoutine */
extern IndexFetchTableData *hybrid_index_fetch_begin(Relation rel);
extern void hybrid_index_fetch_reset(IndexFetchTableData *scan);
extern void hybrid_index_fetch_end(IndexFetchTableData *scan);
extern bool hybrid_index_fetch_tuple(IndexFetchTableData *scan, ItemPointer tid, Snapshot snapshot,
									 TupleTableSlot *slot, bool *call_again, bool *all_dead);
extern bool hybrid_tuple_fetch_row_version(Relation rel, ItemPointer tid, Snapshot snapshot,
										   TupleTableSlot *slot);
extern bool hybrid_tuple_tid_valid(TableScanDesc scan, ItemPointer tid);
extern void hybrid_tuple_get_latest_tid(TableScanDesc scan, ItemPointer tid);
extern bool hybrid_tuple_satisfies_snapshot(Relation rel, TupleTableSlot *slot, Snapshot snapshot);
extern TransactionId hybrid_index_delete_tuples(Relation rel, TM_IndexDeleteOp *delstate);

#endif
