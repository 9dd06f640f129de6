/*
 * hybrid_am.c
 *		The table access method `omendb`: its routine, and callbacks that only
 *		choose between the regions.
 *
 * Hot rows go to heap's own routine.  Cold rows are changed and locked through their headers.
 */
#include "postgres.h"

#include "access/heapam.h"
#include "access/heaptoast.h"
#include "access/tableam.h"
#include "catalog/pg_am_d.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/rel.h"

#include "base/pg_compat.h"
#include "hybrid/hybrid_am.h"
#include "hybrid/hybrid_build.h"
#include "hybrid/hybrid_ddl.h"
#include "hybrid/hybrid_fetch.h"
#include "hybrid/hybrid_frozen.h"
#include "hybrid/hybrid_kept.h"
#include "hybrid/hybrid_load.h"
#include "hybrid/hybrid_mark.h"
#include "hybrid/hybrid_modify.h"
#include "hybrid/hybrid_options.h"
#include "hybrid/hybrid_planner.h"
#include "hybrid/hybrid_queue.h"
#include "hybrid/hybrid_rewrite.h"
#include "hybrid/hybrid_sample.h"
#include "hybrid/hybrid_scan.h"
#include "hybrid/hybrid_slot.h"
#include "hybrid/hybrid_tid.h"
#include "hybrid/hybrid_vacuum.h"
#include "hybrid/hybrid_wal.h"
#include "hybrid/hybrid_worker.h"

PG_FUNCTION_INFO_V1(omendb_hybrid_handler);

#define HEAP (GetHeapamTableAmRoutine())

static const TupleTableSlotOps *
hybrid_slot_callbacks(Relation rel)
{
	return hy_slot_ops();
}

/* ---- writing ---- */

static void
hybrid_tuple_insert(Relation rel, TupleTableSlot *slot, CommandId cid, int options,
					struct BulkInsertStateData *bistate)
{
	if (hy_load_is_bulk_insert(rel, cid, options, bistate))
		hy_load_rows(rel, &slot, 1, cid, options, false);
	else
		HEAP->tuple_insert(rel, slot, cid, options, bistate);
}

static void
hybrid_multi_insert(Relation rel, TupleTableSlot **slots, int nslots, CommandId cid, int options,
					struct BulkInsertStateData *bistate)
{
	if (hy_load_allowed(rel, options))
		hy_load_rows(rel, slots, nslots, cid, options, true);
	else
		HEAP->multi_insert(rel, slots, nslots, cid, options, bistate);
}

static void
hybrid_finish_bulk_insert(Relation rel, int options)
{
	hy_load_finish(rel);
}

static TM_Result
hybrid_tuple_delete(Relation rel, ItemPointer tid, CommandId cid, Snapshot snapshot,
					Snapshot crosscheck, bool wait, TM_FailureData *tmfd, bool changingPart)
{
	if (hy_tid_is_cold(tid))
		return hy_cold_delete(rel, tid, cid, snapshot, crosscheck, wait, tmfd, changingPart);
	return hy_hot_delete(rel, tid, cid, snapshot, crosscheck, wait, tmfd, changingPart);
}

static TM_Result
hybrid_tuple_update(Relation rel, ItemPointer otid, TupleTableSlot *slot, CommandId cid,
					Snapshot snapshot, Snapshot crosscheck, bool wait, TM_FailureData *tmfd,
					LockTupleMode *lockmode, OM_UPDATE_INDEXES *update_indexes)
{
	if (hy_tid_is_cold(otid))
		return hy_cold_update(rel, otid, slot, cid, snapshot, crosscheck, wait, tmfd, lockmode,
							  update_indexes);
	return hy_hot_update(rel, otid, slot, cid, snapshot, crosscheck, wait, tmfd, lockmode,
						 update_indexes);
}

static TM_Result
hybrid_tuple_lock(Relation rel, ItemPointer tid, Snapshot snapshot, TupleTableSlot *slot,
				  CommandId cid, LockTupleMode mode, LockWaitPolicy wait_policy, uint8 flags,
				  TM_FailureData *tmfd)
{
	if (hy_tid_is_cold(tid))
		return hy_cold_lock(rel, tid, snapshot, slot, cid, mode, wait_policy, flags, tmfd);
	return hy_hot_lock(rel, tid, snapshot, slot, cid, mode, wait_policy, flags, tmfd);
}

/* heap would answer with the table's own method, and a toast table has no use for a metapage */
static Oid
hybrid_relation_toast_am(Relation rel)
{
	return HEAP_TABLE_AM_OID;
}

/* ---- the routine ---- */

static TableAmRoutine hybrid_routine;

/*
 * What is not named here is heap's: inserts of single rows, toast, copying the
 * file to another tablespace, its size.
 */
static void
fill_routine(TableAmRoutine *am)
{
	*am = *HEAP;
	am->type = T_TableAmRoutine;
	am->slot_callbacks = hybrid_slot_callbacks;

	am->scan_begin = hybrid_scan_begin;
	am->scan_end = hybrid_scan_end;
	am->scan_rescan = hybrid_scan_rescan;
	am->scan_getnextslot = hybrid_scan_getnextslot;
	am->scan_set_tidrange = hybrid_scan_set_tidrange;
	am->scan_getnextslot_tidrange = hybrid_scan_getnextslot_tidrange;
	am->parallelscan_estimate = hybrid_parallelscan_estimate;
	am->parallelscan_initialize = hybrid_parallelscan_initialize;
	am->parallelscan_reinitialize = hybrid_parallelscan_reinitialize;

	am->index_fetch_begin = hybrid_index_fetch_begin;
	am->index_fetch_reset = hybrid_index_fetch_reset;
	am->index_fetch_end = hybrid_index_fetch_end;
	am->index_fetch_tuple = hybrid_index_fetch_tuple;

	am->tuple_fetch_row_version = hybrid_tuple_fetch_row_version;
	am->tuple_tid_valid = hybrid_tuple_tid_valid;
	am->tuple_get_latest_tid = hybrid_tuple_get_latest_tid;
	am->tuple_satisfies_snapshot = hybrid_tuple_satisfies_snapshot;
	am->index_delete_tuples = hybrid_index_delete_tuples;

	am->tuple_insert = hybrid_tuple_insert;
	am->multi_insert = hybrid_multi_insert;
	am->finish_bulk_insert = hybrid_finish_bulk_insert;
	am->tuple_delete = hybrid_tuple_delete;
	am->tuple_update = hybrid_tuple_update;
	am->tuple_lock = hybrid_tuple_lock;

	am->relation_set_new_file = hybrid_relation_set_new_file;
	am->relation_nontransactional_truncate = hybrid_relation_nontransactional_truncate;
	am->relation_copy_for_cluster = hybrid_relation_copy_for_cluster;
	am->relation_vacuum = hybrid_relation_vacuum;
	am->scan_analyze_next_block = hybrid_scan_analyze_next_block;
	am->scan_analyze_next_tuple = hybrid_scan_analyze_next_tuple;
	am->index_build_range_scan = hybrid_index_build_range_scan;
	am->index_validate_scan = hybrid_index_validate_scan;
	am->relation_toast_am = hybrid_relation_toast_am;
	am->relation_estimate_size = hybrid_relation_estimate_size;

#if OM_BITMAP_BY_BLOCK
	am->scan_bitmap_next_block = hybrid_scan_bitmap_next_block;
#endif
	am->scan_bitmap_next_tuple = hybrid_scan_bitmap_next_tuple;
	am->scan_sample_next_block = hybrid_scan_sample_next_block;
	am->scan_sample_next_tuple = hybrid_scan_sample_next_tuple;
}

/* omendb.hybrid_handler(internal) returns table_am_handler */
Datum
omendb_hybrid_handler(PG_FUNCTION_ARGS)
{
	if (hybrid_routine.type != T_TableAmRoutine)
		fill_routine(&hybrid_routine);
	PG_RETURN_POINTER(&hybrid_routine);
}

bool
hy_is_hybrid(Relation rel)
{
	return rel->rd_tableam == &hybrid_routine;
}

void
hy_check_hybrid(Relation rel)
{
	if (!hy_is_hybrid(rel))
		ereport(ERROR, (errcode(ERRCODE_WRONG_OBJECT_TYPE),
						errmsg("\"%s\" is not a table of access method omendb",
							   RelationGetRelationName(rel)),
						errhint("Create it with CREATE TABLE ... USING omendb.")));
}

void
hybrid_init(void)
{
	hybrid_wal_init();
	hybrid_load_init();
	hybrid_options_init();
	hybrid_kept_init();
	hybrid_mark_init();
	hybrid_planner_init();
	if (process_shared_preload_libraries_in_progress)
	{
		hybrid_queue_init();
		hybrid_launcher_init();
	}
}
