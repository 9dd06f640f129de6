/*
 * hybrid_rewrite.c
 *		VACUUM FULL and CLUSTER: README.md, "Rewrites".
 *
 * Pass 1 puts rows that everybody sees into row groups, in the order asked for.
 * Pass 2 sends the others, versions that some snapshot may still need, through
 * heap's rewrite module, which keeps their headers and update chains.  Both judge
 * a hot tuple by the same function and the same horizon, under the same
 * exclusive lock, so each tuple is copied exactly once.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/heapam.h"
#include "access/rewriteheap.h"
#include "access/transam.h"
#include "access/xact.h"
#include "commands/progress.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/tuplesort.h"

#include "base/pg_compat.h"
#include "base/stop_point.h"
#include "hybrid/hybrid_load.h"
#include "hybrid/hybrid_rewrite.h"
#include "hybrid/hybrid_scan.h"
#include "hybrid/hybrid_visible.h"
#include "hybrid/hybrid_write.h"

typedef struct Rewrite
{
	Relation old_table;
	Relation new_table;
	TransactionId oldest_xmin;
	MemoryContext context; /* of the values of one row */
	bool to_groups;		   /* false: the new table keeps all its rows hot, as the old one did */
	bool wrote;			   /* pass 1 has put something into the new table */
	RgBuilder *builder;
	RgBuilder *remainder; /* rows of pass 1 that did not fill a group */
	TupleTableSlot *slot; /* of the old table */
	double live;		  /* copied, the recently dead among them */
	double recently_dead;
	double dead;
} Rewrite;

/* what becomes of a hot tuple */
typedef enum Fate
{
	FATE_COLD, /* live, seen by all, not being changed: into a group */
	FATE_HOT,  /* some snapshot may tell it from what is there now */
	FATE_DEAD
} Fate;

/* the tuple's buffer is pinned and not locked; *recent: dead to us, not yet to all */
static Fate
judge(Rewrite *rw, HeapTuple tuple, Buffer buffer, bool *recent)
{
	HTSV_Result result;
	Fate fate = FATE_HOT;

	*recent = false;
	LockBuffer(buffer, BUFFER_LOCK_SHARE);
	result = HeapTupleSatisfiesVacuum(tuple, rw->oldest_xmin, buffer);
	switch (result)
	{
		case HEAPTUPLE_DEAD:
			fate = FATE_DEAD;
			break;
		case HEAPTUPLE_RECENTLY_DEAD:
			*recent = true;
			break;
		case HEAPTUPLE_LIVE:
		{
			TransactionId xmin = HeapTupleHeaderGetXmin(tuple->t_data);

			/* an xmax of a locker that is still running cannot be: we hold the table exclusively */
			if (!TransactionIdIsNormal(xmin) || TransactionIdPrecedes(xmin, rw->oldest_xmin))
				fate = FATE_COLD;
			break;
		}
		case HEAPTUPLE_INSERT_IN_PROGRESS:
			if (!TransactionIdIsCurrentTransactionId(HeapTupleHeaderGetXmin(tuple->t_data)))
				elog(WARNING, "concurrent insert in progress within table \"%s\"",
					 RelationGetRelationName(rw->old_table));
			break;
		case HEAPTUPLE_DELETE_IN_PROGRESS:
			if (!TransactionIdIsCurrentTransactionId(HeapTupleHeaderGetUpdateXid(tuple->t_data)))
				elog(WARNING, "concurrent delete in progress within table \"%s\"",
					 RelationGetRelationName(rw->old_table));
			*recent = true;
			break;
	}
	LockBuffer(buffer, BUFFER_LOCK_UNLOCK);
	if (fate == FATE_COLD && !rw->to_groups)
		fate = FATE_HOT;
	return fate;
}

/* ---- pass 1 ---- */

/* write what the builder holds as a group with this xmin and cmin; no xmin: seen by all */
static void
write_group(Rewrite *rw, TransactionId xmin, CommandId cmin)
{
	TransactionId writer = GetCurrentTransactionId();
	bool frozen = !TransactionIdIsValid(xmin);
	HyOwner owner = {
		.xmin = frozen ? writer : xmin, .cmin = cmin, .frozen = frozen, .writer = writer
	};
	Size bytes;
	char *stream = rg_builder_encode(rw->builder, 0, rg_builder_rows(rw->builder), 0, &bytes);

	hy_write_group(rw->new_table, stream, bytes, &owner);
	rw->wrote = true;
	pfree(stream);
	hy_group_published(rw->new_table);
	rg_builder_reset(rw->builder);
}

/* insert one row hot and frozen: everybody sees it */
static void
insert_frozen(Rewrite *rw, Datum *values, bool *nulls)
{
	HeapTuple tuple = heap_form_tuple(RelationGetDescr(rw->new_table), values, nulls);

	tuple->t_tableOid = RelationGetRelid(rw->new_table);
	heap_insert(rw->new_table, tuple, GetCurrentCommandId(true),
				HEAP_INSERT_SKIP_FSM | HEAP_INSERT_FROZEN | HEAP_INSERT_NO_LOGICAL, NULL);
	rw->wrote = true;
	heap_freetuple(tuple);
}

/* a row that everybody sees */
static void
take_row(Rewrite *rw, Datum *values, bool *nulls, TransactionId xmin)
{
	TupleDesc desc = RelationGetDescr(rw->new_table);
	MemoryContext old = MemoryContextSwitchTo(rw->context);
	Size bytes;

	for (int i = 0; i < desc->natts; i++)
		if (TupleDescAttr(desc, i)->attisdropped)
			nulls[i] = true;
	bytes = rg_row_bytes(desc, values, nulls);
	if (bytes > RG_ROW_BYTES_MAX)
		insert_frozen(rw, values, nulls);
	else
	{
		if (rg_builder_raw_bytes(rw->builder) + bytes > RG_RAW_BYTES_MAX)
			write_group(rw, InvalidTransactionId, FirstCommandId);
		rg_builder_append(rw->builder, values, nulls, xmin);
		if (rg_builder_rows(rw->builder) >= (uint32) hy_row_group_rows)
			write_group(rw, InvalidTransactionId, FirstCommandId);
	}
	MemoryContextSwitchTo(old);
	MemoryContextReset(rw->context);
	rw->live += 1;
}

/*
 * What is left below a full group goes hot, each row with its xmin, which
 * everybody has long seen: as if it had stood frozen in the old table.
 */
static void
rewrite_remainder(Rewrite *rw, RewriteState state)
{
	TupleDesc desc = RelationGetDescr(rw->new_table);
	Datum *values = palloc((Size) desc->natts * sizeof(Datum));
	bool *nulls = palloc((Size) desc->natts * sizeof(bool));

	for (uint32 i = 0; i < rg_builder_rows(rw->remainder); i++)
	{
		MemoryContext old = MemoryContextSwitchTo(rw->context);
		TransactionId xmin;
		HeapTuple tuple;

		CHECK_FOR_INTERRUPTS();
		rg_builder_row(rw->remainder, i, values, nulls, &xmin);
		tuple = heap_form_tuple(desc, values, nulls);
		HeapTupleHeaderSetXmin(tuple->t_data, xmin);
		HeapTupleHeaderSetXmax(tuple->t_data, InvalidTransactionId);
		HeapTupleHeaderSetCmin(tuple->t_data, FirstCommandId);
		tuple->t_data->t_infomask |= HEAP_XMIN_FROZEN | HEAP_XMAX_INVALID;
		rewrite_heap_tuple(state, tuple, heap_copytuple(tuple));
		MemoryContextSwitchTo(old);
		MemoryContextReset(rw->context);
	}
	pfree(values);
	pfree(nulls);
}

/* does everybody see this group? */
static bool
group_seen_by_all(const Rewrite *rw, const HyEntry *entry)
{
	return hy_entry_frozen(entry) || (TransactionIdPrecedes(entry->xmin, rw->oldest_xmin) &&
									  hy_entry_fate(entry) == HY_FATE_COMMITTED);
}

/* the present cold row of a slot */
static void
take_cold_slot(Rewrite *rw)
{
	slot_getallattrs(rw->slot);
	take_row(rw, rw->slot->tts_values, rw->slot->tts_isnull, hy_slot_xmin(hy_slot(rw->slot)));
}

/*
 * Groups that some snapshot does not see yet: each becomes one of its own, with
 * its xmin and cmin.  The others, if `all_seen`, are taken row by row.
 */
static void
copy_groups(Rewrite *rw, HyScan *scan, bool all_seen)
{
	for (uint32 i = 0; i < scan->cold->group_count; i++)
	{
		HyEntry entry = scan->cold->groups[i];
		bool seen = group_seen_by_all(rw, &entry);

		if (seen != all_seen)
			continue;
		for (uint64 row = entry.first_row; row < entry.first_row + entry.rows; row++)
		{
			CHECK_FOR_INTERRUPTS();
			hy_slot_detach(&scan->cold_source, rw->slot);
			if (!hy_scan_seek_cold(scan, row))
				elog(ERROR, "could not find row " UINT64_FORMAT " of a row group", row);
			hy_scan_store_cold(scan, rw->slot, scan->row);
			if (seen)
			{
				take_cold_slot(rw);
				continue;
			}
			slot_getallattrs(rw->slot);
			rg_builder_append(rw->builder, rw->slot->tts_values, rw->slot->tts_isnull,
							  hy_slot_xmin(hy_slot(rw->slot)));
			rw->live += 1;
		}
		ExecClearTuple(rw->slot);
		if (!seen)
			write_group(rw, entry.xmin, entry.cmin);
	}
}

/* without an index: groups, then hot pages */
static void
pass1_physical(Rewrite *rw, HyScan *scan)
{
	TupleDesc desc = RelationGetDescr(rw->old_table);
	Datum *values = palloc((Size) desc->natts * sizeof(Datum));
	bool *nulls = palloc((Size) desc->natts * sizeof(bool));
	HyHotReader *hot = &scan->hot;

	copy_groups(rw, scan, true);
	for (BlockNumber block = hy_hot_block_from(hot, 0, true); block != InvalidBlockNumber;
		 block = hy_hot_block_from(hot, block + 1, true))
	{
		hy_hot_load(hot, block);
		for (int i = 0; i < hot->count; i++)
		{
			bool recent;

			if (!hy_hot_tuple(hot, i) || judge(rw, &hot->tuple, hot->buffer, &recent) != FATE_COLD)
				continue;
			heap_deform_tuple(&hot->tuple, desc, values, nulls);
			take_row(rw, values, nulls, HeapTupleHeaderGetRawXmin(hot->tuple.t_data));
		}
	}
	hy_hot_release(hot);
	pfree(values);
	pfree(nulls);
}

/* is the row in the slot one for pass 1? */
static bool
slot_is_for_pass1(Rewrite *rw)
{
	HySlot *slot = hy_slot(rw->slot);
	const HyDirEntry *found;
	bool recent;

	if (!slot->cold)
		return judge(rw, slot->base.base.tuple, slot->base.buffer, &recent) == FATE_COLD;
	found = hy_directory_find(hy_directory(rw->old_table), slot->row);
	return found != NULL && group_seen_by_all(rw, &found->entry);
}

/* all rows for pass 1, in the order of an index scan */
static void
pass1_index(Rewrite *rw, Relation old_index)
{
	IndexScanDesc scan = om_index_beginscan(rw->old_table, old_index, SnapshotAny);

	index_rescan(scan, NULL, 0, NULL, 0);
	while (index_getnext_slot(scan, ForwardScanDirection, rw->slot))
	{
		CHECK_FOR_INTERRUPTS();
		/* the whole index is read, so no row needs rechecking */
		if (scan->xs_recheck)
			elog(ERROR, "index \"%s\" asks to recheck its rows, which CLUSTER does not do",
				 RelationGetRelationName(old_index));
		if (!slot_is_for_pass1(rw))
			continue;
		slot_getallattrs(rw->slot);
		take_row(rw, rw->slot->tts_values, rw->slot->tts_isnull,
				 hy_slot(rw->slot)->cold
					 ? hy_slot_xmin(hy_slot(rw->slot))
					 : HeapTupleHeaderGetRawXmin(hy_slot(rw->slot)->base.base.tuple->t_data));
	}
	index_endscan(scan);
}

/* the same by sorting */
static void
pass1_sort(Rewrite *rw, HyScan *scan, Relation old_index)
{
	TupleDesc desc = RelationGetDescr(rw->old_table);
	Tuplesortstate *sort =
		tuplesort_begin_cluster(desc, old_index, maintenance_work_mem, NULL, TUPLESORT_NONE);
	HyHotReader *hot = &scan->hot;
	Datum *values = palloc((Size) desc->natts * sizeof(Datum));
	bool *nulls = palloc((Size) desc->natts * sizeof(bool));
	HeapTuple tuple;

	while (hy_scan_next_cold(scan, rw->slot))
	{
		if (!group_seen_by_all(rw, &scan->cold->groups[scan->cold->group_idx]))
			continue;
		tuple = ExecCopySlotHeapTuple(rw->slot);
		tuplesort_putheaptuple(sort, tuple);
		heap_freetuple(tuple);
		CHECK_FOR_INTERRUPTS();
	}
	for (BlockNumber block = hy_hot_block_from(hot, 0, true); block != InvalidBlockNumber;
		 block = hy_hot_block_from(hot, block + 1, true))
	{
		hy_hot_load(hot, block);
		for (int i = 0; i < hot->count; i++)
		{
			bool recent;

			if (hy_hot_tuple(hot, i) && judge(rw, &hot->tuple, hot->buffer, &recent) == FATE_COLD)
				tuplesort_putheaptuple(sort, &hot->tuple);
		}
	}
	hy_hot_release(hot);
	tuplesort_performsort(sort);
	while ((tuple = tuplesort_getheaptuple(sort, true)) != NULL)
	{
		CHECK_FOR_INTERRUPTS();
		heap_deform_tuple(tuple, desc, values, nulls);
		take_row(rw, values, nulls, HeapTupleHeaderGetRawXmin(tuple->t_data));
	}
	tuplesort_end(sort);
	pfree(values);
	pfree(nulls);
}

/* ---- pass 2 ---- */

/* heap's reform_and_rewrite_tuple */
static void
copy_hot(Rewrite *rw, RewriteState state, HeapTuple tuple)
{
	TupleDesc desc = RelationGetDescr(rw->old_table);
	MemoryContext old = MemoryContextSwitchTo(rw->context);
	Datum *values = palloc((Size) desc->natts * sizeof(Datum));
	bool *nulls = palloc((Size) desc->natts * sizeof(bool));

	heap_deform_tuple(tuple, desc, values, nulls);
	for (int i = 0; i < desc->natts; i++)
		if (TupleDescAttr(desc, i)->attisdropped)
			nulls[i] = true;
	rewrite_heap_tuple(state, tuple,
					   heap_form_tuple(RelationGetDescr(rw->new_table), values, nulls));
	MemoryContextSwitchTo(old);
	MemoryContextReset(rw->context);
}

/* a hot tuple that is not pass 1's; what is to be copied goes to `sort`, if there is one */
static void
pass2_tuple(Rewrite *rw, RewriteState state, Tuplesortstate *sort, HeapTuple tuple, Buffer buffer)
{
	bool recent;

	CHECK_FOR_INTERRUPTS();
	switch (judge(rw, tuple, buffer, &recent))
	{
		case FATE_COLD:
			return;
		case FATE_DEAD:
			rw->dead += 1;
			/* an update chain may have waited for it; then the earlier version is dead as well */
			if (rewrite_heap_dead_tuple(state, tuple))
			{
				rw->dead += 1;
				rw->recently_dead -= 1;
			}
			return;
		case FATE_HOT:
			break;
	}
	if (recent)
		rw->recently_dead += 1;
	rw->live += 1;
	if (sort != NULL)
		tuplesort_putheaptuple(sort, tuple);
	else
		copy_hot(rw, state, tuple);
}

static void
pass2(Rewrite *rw, HyScan *scan, Relation old_index, bool use_sort, TransactionId freeze_xid,
	  MultiXactId multi_cutoff)
{
	RewriteState state =
		begin_heap_rewrite(rw->old_table, rw->new_table, rw->oldest_xmin, freeze_xid, multi_cutoff);
	HyHotReader *hot = &scan->hot;
	Tuplesortstate *sort = NULL;
	HeapTuple tuple;

	if (rw->remainder != NULL)
		rewrite_remainder(rw, state);
	if (old_index != NULL && !use_sort)
	{
		IndexScanDesc index_scan = om_index_beginscan(rw->old_table, old_index, SnapshotAny);

		index_rescan(index_scan, NULL, 0, NULL, 0);
		while (index_getnext_slot(index_scan, ForwardScanDirection, rw->slot))
		{
			CHECK_FOR_INTERRUPTS();
			if (!hy_slot(rw->slot)->cold)
				pass2_tuple(rw, state, NULL, hy_slot(rw->slot)->base.base.tuple,
							hy_slot(rw->slot)->base.buffer);
		}
		index_endscan(index_scan);
		end_heap_rewrite(state);
		return;
	}
	if (old_index != NULL)
		sort = tuplesort_begin_cluster(RelationGetDescr(rw->old_table), old_index,
									   maintenance_work_mem, NULL, TUPLESORT_NONE);
	for (BlockNumber block = hy_hot_block_from(hot, 0, true); block != InvalidBlockNumber;
		 block = hy_hot_block_from(hot, block + 1, true))
	{
		hy_hot_load(hot, block);
		for (int i = 0; i < hot->count; i++)
			if (hy_hot_tuple(hot, i))
				pass2_tuple(rw, state, sort, &hot->tuple, hot->buffer);
	}
	hy_hot_release(hot);
	if (sort != NULL)
	{
		tuplesort_performsort(sort);
		while ((tuple = tuplesort_getheaptuple(sort, true)) != NULL)
		{
			CHECK_FOR_INTERRUPTS();
			copy_hot(rw, state, tuple);
		}
		tuplesort_end(sort);
	}
	end_heap_rewrite(state);
}

void
hybrid_relation_copy_for_cluster(Relation old_table, Relation new_table, Relation old_index,
								 bool use_sort, TransactionId oldest_xmin,
								 TransactionId *xid_cutoff, MultiXactId *multi_cutoff,
								 double *num_tuples, double *tups_vacuumed,
								 double *tups_recently_dead)
{
	Rewrite rw = { .old_table = old_table, .new_table = new_table, .oldest_xmin = oldest_xmin };
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "omendb rewrite", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	HyScan *scan;

	hy_load_flush_table(old_table);
	rw.context = AllocSetContextCreate(context, "omendb rewrite row", ALLOCSET_DEFAULT_SIZES);
	rw.to_groups = rg_unsupported(RelationGetDescr(new_table)) == NULL && hy_load_row_groups &&
				   !hy_must_stay_hot(old_table);
	if (rw.to_groups)
		rw.builder = rg_builder_create(RelationGetDescr(new_table), true, context);
	rw.slot = table_slot_create(old_table, NULL);
	pgstat_progress_update_param(PROGRESS_CLUSTER_PHASE,
								 old_index != NULL && !use_sort
									 ? PROGRESS_CLUSTER_PHASE_INDEX_SCAN_HEAP
									 : PROGRESS_CLUSTER_PHASE_SEQ_SCAN_HEAP);

	scan = (HyScan *) hybrid_scan_begin(old_table, SnapshotAny, 0, NULL, NULL,
										SO_TYPE_ANALYZE | SO_ALLOW_STRAT);
	if (rw.to_groups)
	{
		if (old_index == NULL)
			pass1_physical(&rw, scan);
		else if (use_sort)
			pass1_sort(&rw, scan, old_index);
		else
			pass1_index(&rw, old_index);
		if (!rw.wrote && scan->cold->group_count == 0)
		{
			/* without a group all rows stay hot, and are copied in one order */
			rw.to_groups = false;
			rw.live = 0;
			rg_builder_reset(rw.builder);
		}
		else
		{
			/* copying single groups takes another builder */
			rw.remainder = rw.builder;
			rw.builder = rg_builder_create(RelationGetDescr(new_table), true, context);
			copy_groups(&rw, scan, false);
		}
	}
	else if (scan->cold->group_count > 0)
		elog(ERROR, "table \"%s\" has %u row groups, but its rows cannot be stored in any",
			 RelationGetRelationName(old_table), scan->cold->group_count);
	STOP_POINT("hybrid_rewrite_groups");

	pass2(&rw, scan, old_index, use_sort, *xid_cutoff, *multi_cutoff);
	ExecDropSingleTupleTableSlot(rw.slot);
	hybrid_scan_end(&scan->base);

	*num_tuples = rw.live;
	*tups_vacuumed = rw.dead;
	*tups_recently_dead = rw.recently_dead;
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
}
