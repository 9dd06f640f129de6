/*
 * hybrid_rewrite.c
 *		VACUUM FULL and CLUSTER: README.md, "Rewrites".
 *
 * Pass 1 puts rows that everybody sees into row groups, in the order asked for.
 * Pass 2 sends the others, versions that some snapshot may still need, through
 * heap's rewrite module, which keeps their headers and update chains.  Both judge
 * a hot tuple, and a cold row by its header, by the same function and the same horizon, under the same
 * exclusive lock, so each is copied exactly once.
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
#include "hybrid/hybrid_judge.h"
#include "hybrid/hybrid_load.h"
#include "hybrid/hybrid_map.h"
#include "hybrid/hybrid_number.h"
#include "hybrid/hybrid_options.h"
#include "hybrid/hybrid_rewrite.h"
#include "hybrid/hybrid_scan.h"
#include "hybrid/hybrid_visible.h"
#include "hybrid/hybrid_write.h"

typedef struct Rewrite
{
	Relation old_table;
	Relation new_table;
	HyJudge judge;
	MemoryContext context; /* of the values of one row */
	bool wrote;			   /* pass 1 has put something into the new table */
	RgBuilder *builder;
	uint32 group_rows; /* at which a group closes */
	TransactionId
		xmin; /* of the group that the rows in pass 1's builder will be; none: seen by all */
	CommandId cmin;
	RgBuilder *remainder; /* rows of pass 1 that did not fill a group */
	TupleTableSlot *slot; /* of the old table */
	HyScan *scan;		  /* of the old table: all groups that are not aborted */
	bool *touched;		  /* for each of these groups: has any row of it a header? */
	double live;		  /* copied, the recently dead among them */
	double recently_dead;
	double dead;
} Rewrite;

/* is the row of the scan's group one for pass 1? */
static bool
stays_cold(Rewrite *rw, uint32 group, uint64 row)
{
	bool recent;

	return !rw->touched[group] || hy_judge_cold(&rw->judge, &rw->scan->cold->groups[group], row,
												NULL, &recent) == HY_REWRITE_COLD;
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

	(void) hy_write_group(rw->new_table, stream, bytes, &owner);
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

/* the rows in the builder become a group, however few; what comes next will be one of this xmin and cmin */
static void
begin_group(Rewrite *rw, TransactionId xmin, CommandId cmin)
{
	if (rg_builder_rows(rw->builder) > 0)
		write_group(rw, rw->xmin, rw->cmin);
	rw->xmin = xmin;
	rw->cmin = cmin;
}

/* a row that everybody sees, or one of the group begun */
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
			write_group(rw, rw->xmin, rw->cmin);
		rg_builder_append(rw->builder, values, nulls, xmin);
		if (rg_builder_rows(rw->builder) >= rw->group_rows)
			write_group(rw, rw->xmin, rw->cmin);
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

/* a cold row in our slot, all of it */
static void
show_cold(Rewrite *rw, const HyEntry *entry, uint64 row)
{
	HyScan *scan = rw->scan;

	hy_slot_detach(&scan->cold_source, rw->slot);
	if (!hy_scan_seek_cold(scan, row))
		hy_corrupted(rw->old_table, entry->start, "row numbers of two row groups overlap");
	hy_scan_store_cold(scan, rw->slot, scan->row);
	slot_getallattrs(rw->slot);
}

/* the present cold row of a slot */
static void
take_cold_slot(Rewrite *rw)
{
	take_row(rw, rw->slot->tts_values, rw->slot->tts_isnull, hy_slot_xmin(hy_slot(rw->slot)));
}

/*
 * Groups that some snapshot does not see yet: each becomes one of its own, with
 * its xmin and cmin.  The others, if `all_seen`, are taken row by row.
 */
static void
copy_groups(Rewrite *rw, bool all_seen)
{
	HyScan *scan = rw->scan;

	for (uint32 i = 0; i < scan->cold->group_count; i++)
	{
		HyEntry entry = scan->cold->groups[i];
		bool seen = hy_judge_seen_by_all(&rw->judge, &entry);

		if (seen != all_seen)
			continue;
		for (uint32 position = 0; position < entry.rows; position++)
		{
			uint64 row = hy_row_at(rw->old_table, &entry, position);

			CHECK_FOR_INTERRUPTS();
			if (!stays_cold(rw, i, row))
				continue;
			show_cold(rw, &entry, row);
			if (seen)
			{
				take_cold_slot(rw);
				continue;
			}
			rg_builder_append(rw->builder, rw->slot->tts_values, rw->slot->tts_isnull,
							  hy_slot_xmin(hy_slot(rw->slot)));
			rw->live += 1;
		}
		ExecClearTuple(rw->slot);
		if (!seen && rg_builder_rows(rw->builder) > 0)
			write_group(rw, entry.xmin, entry.cmin);
	}
}

/* without an index: groups, then hot pages */
static void
pass1_physical(Rewrite *rw)
{
	TupleDesc desc = RelationGetDescr(rw->old_table);
	Datum *values = palloc((Size) desc->natts * sizeof(Datum));
	bool *nulls = palloc((Size) desc->natts * sizeof(bool));
	HyHotReader *hot = &rw->scan->hot;

	copy_groups(rw, true);
	if (rw->judge.young_too)
	{
		/* rows stay in the order in which they came */
		begin_group(rw, InvalidTransactionId, FirstCommandId);
		copy_groups(rw, false);
	}
	for (BlockNumber block = hy_hot_block_from(hot, 0, true); block != InvalidBlockNumber;
		 block = hy_hot_block_from(hot, block + 1, true))
	{
		hy_hot_load(hot, block);
		for (int i = 0; i < hot->count; i++)
		{
			TransactionId xmin;
			CommandId cmin;
			bool recent;

			if (!hy_hot_tuple(hot, i) ||
				hy_judge_hot(&rw->judge, &hot->tuple, hot->buffer, &recent) != HY_REWRITE_COLD)
				continue;
			xmin = hy_judge_owner(&rw->judge, &hot->tuple, &cmin);
			if (xmin != rw->xmin || cmin != rw->cmin)
				begin_group(rw, xmin, cmin);
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
	int64 group;
	bool recent;

	if (!slot->cold)
		return hy_judge_hot(&rw->judge, slot->base.base.tuple, slot->base.buffer, &recent) ==
			   HY_REWRITE_COLD;
	group = hy_batch_find_group(rw->scan->cold, slot->row);
	return group >= 0 && hy_judge_seen_by_all(&rw->judge, &rw->scan->cold->groups[group]) &&
		   stays_cold(rw, (uint32) group, slot->row);
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
pass1_sort(Rewrite *rw, Relation old_index)
{
	HyScan *scan = rw->scan;
	TupleDesc desc = RelationGetDescr(rw->old_table);
	Tuplesortstate *sort =
		tuplesort_begin_cluster(desc, old_index, maintenance_work_mem, NULL, TUPLESORT_NONE);
	HyHotReader *hot = &scan->hot;
	Datum *values = palloc((Size) desc->natts * sizeof(Datum));
	bool *nulls = palloc((Size) desc->natts * sizeof(bool));
	HeapTuple tuple;

	while (hy_scan_next_cold(scan, rw->slot))
	{
		CHECK_FOR_INTERRUPTS();
		if (!hy_judge_seen_by_all(&rw->judge, &scan->cold->groups[scan->cold->group_idx]) ||
			!stays_cold(rw, scan->cold->group_idx, hy_slot(rw->slot)->row))
			continue;
		tuple = ExecCopySlotHeapTuple(rw->slot);
		tuplesort_putheaptuple(sort, tuple);
		heap_freetuple(tuple);
	}
	for (BlockNumber block = hy_hot_block_from(hot, 0, true); block != InvalidBlockNumber;
		 block = hy_hot_block_from(hot, block + 1, true))
	{
		hy_hot_load(hot, block);
		for (int i = 0; i < hot->count; i++)
		{
			bool recent;

			if (hy_hot_tuple(hot, i) &&
				hy_judge_hot(&rw->judge, &hot->tuple, hot->buffer, &recent) == HY_REWRITE_COLD)
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

/* a version that some snapshot may need; recent: a dead one */
static void
keep_version(Rewrite *rw, RewriteState state, Tuplesortstate *sort, HeapTuple tuple, bool recent)
{
	if (recent)
		rw->recently_dead += 1;
	rw->live += 1;
	if (sort != NULL)
		tuplesort_putheaptuple(sort, tuple);
	else
		copy_hot(rw, state, tuple);
}

/* a hot tuple that is not pass 1's; what is to be copied goes to `sort`, if there is one */
static void
pass2_tuple(Rewrite *rw, RewriteState state, Tuplesortstate *sort, HeapTuple tuple, Buffer buffer)
{
	bool recent;

	CHECK_FOR_INTERRUPTS();
	switch (hy_judge_hot(&rw->judge, tuple, buffer, &recent))
	{
		case HY_REWRITE_COLD:
		case HY_REWRITE_NONE:
			return;
		case HY_REWRITE_DEAD:
			rw->dead += 1;
			/* an update chain may have waited for it; then the earlier version is dead as well */
			if (rewrite_heap_dead_tuple(state, tuple))
			{
				rw->dead += 1;
				rw->recently_dead -= 1;
			}
			return;
		case HY_REWRITE_HOT:
			break;
	}
	keep_version(rw, state, sort, tuple, recent);
}

/*
 * The cold row in our slot as the hot tuple that it would be, with what its header, if it has any, says of who changed it:
 * snapshots that see the row go on seeing it, and its update chain leads on.
 */
static HeapTuple
form_hot(Rewrite *rw, const HyEntry *entry, const HeapTupleData *header)
{
	HeapTuple tuple = heap_form_tuple(RelationGetDescr(rw->old_table), rw->slot->tts_values,
									  rw->slot->tts_isnull);
	HeapTupleHeader to = tuple->t_data;
	bool seen = hy_judge_seen_by_all(&rw->judge, entry);

	tuple->t_tableOid = RelationGetRelid(rw->old_table);
	to->t_infomask &= (uint16) ~HEAP_XACT_MASK;
	if (header == NULL)
	{
		HeapTupleHeaderSetXmin(to, seen ? hy_slot_xmin(hy_slot(rw->slot)) : entry->xmin);
		HeapTupleHeaderSetXmax(to, InvalidTransactionId);
		HeapTupleHeaderSetCmin(to, seen ? FirstCommandId : entry->cmin);
		to->t_infomask |= HEAP_XMAX_INVALID | (seen ? HEAP_XMIN_FROZEN : 0);
		return tuple;
	}
	tuple->t_self = header->t_self;
	to->t_choice.t_heap = header->t_data->t_choice.t_heap;
	to->t_ctid = header->t_data->t_ctid;
	to->t_infomask |= header->t_data->t_infomask & HEAP_XACT_MASK;
	/* the raw xmin of a frozen header is its maker's */
	if (!HeapTupleHeaderXminFrozen(header->t_data))
		Assert(hy_entry_frozen(entry) || HeapTupleHeaderGetRawXmin(to) == entry->xmin);
	else if (seen)
		HeapTupleHeaderSetXmin(to, hy_slot_xmin(hy_slot(rw->slot)));
	else
	{
		to->t_infomask &= (uint16) ~HEAP_XMIN_FROZEN;
		HeapTupleHeaderSetXmin(to, entry->xmin);
		if (TransactionIdIsCurrentTransactionId(entry->xmin))
		{
			/* now that one transaction has made and changed it, two command ids share a field */
			CommandId cmax = HeapTupleHeaderGetCmax(header->t_data);
			bool combo;

			HeapTupleHeaderSetCmin(to, entry->cmin);
			HeapTupleHeaderAdjustCmax(to, &cmax, &combo);
			HeapTupleHeaderSetCmax(to, cmax, combo);
		}
	}
	return tuple;
}

/* the cold row in our slot goes hot; recent: it is a dead version */
static void
keep_cold(Rewrite *rw, RewriteState state, Tuplesortstate *sort, const HyEntry *entry,
		  const HeapTupleData *header, bool recent)
{
	MemoryContext old = MemoryContextSwitchTo(rw->context);
	HeapTuple tuple = form_hot(rw, entry, header);

	MemoryContextSwitchTo(old);
	keep_version(rw, state, sort, tuple, recent);
	MemoryContextReset(rw->context);
}

/* a cold row that is not pass 1's; unchanged ones only if `all` */
static void
pass2_row(Rewrite *rw, RewriteState state, Tuplesortstate *sort, const HyEntry *entry, uint64 row,
		  bool all)
{
	HeapTupleHeaderData data;
	HeapTupleData header = { .t_data = &data };
	bool recent;
	HyRewriteFate fate = hy_judge_cold(&rw->judge, entry, row, &header, &recent);

	CHECK_FOR_INTERRUPTS();
	if (fate == HY_REWRITE_DEAD)
		rw->dead += 1;
	if (fate == HY_REWRITE_DEAD || (fate == HY_REWRITE_COLD && !all))
		return;
	show_cold(rw, entry, row);
	keep_cold(rw, state, sort, entry, fate == HY_REWRITE_HOT ? &header : NULL, recent);
}

/* cold rows that are not pass 1's, behind the hot tuples, or to `sort`; unchanged ones only if `all` */
static void
pass2_cold(Rewrite *rw, RewriteState state, Tuplesortstate *sort, bool all)
{
	for (uint32 i = 0; i < rw->scan->cold->group_count; i++)
	{
		HyEntry entry = rw->scan->cold->groups[i];
		HyMapItem *items = NULL;
		uint32 count = 0;

		if (all)
			count = entry.rows;
		else if (rw->touched[i])
			count = hy_map_list(rw->old_table, &entry, 0, hy_span(&entry), &items, NULL);
		for (uint32 j = 0; j < count; j++)
			pass2_row(rw, state, sort, &entry,
					  all ? hy_row_at(rw->old_table, &entry, j) : entry.first_row + items[j].row,
					  all);
		if (items != NULL)
			pfree(items);
	}
	ExecClearTuple(rw->slot);
}

/* hot tuples in the order of an index scan, and unchanged cold rows, if these are to go hot */
static void
pass2_index(Rewrite *rw, RewriteState state, Relation old_index)
{
	IndexScanDesc scan = om_index_beginscan(rw->old_table, old_index, SnapshotAny);
	HySlot *slot = hy_slot(rw->slot);

	index_rescan(scan, NULL, 0, NULL, 0);
	while (index_getnext_slot(scan, ForwardScanDirection, rw->slot))
	{
		int64 group;

		CHECK_FOR_INTERRUPTS();
		if (!slot->cold)
		{
			pass2_tuple(rw, state, NULL, slot->base.base.tuple, slot->base.buffer);
			continue;
		}
		if (rw->judge.to_groups || (group = hy_batch_find_group(rw->scan->cold, slot->row)) < 0 ||
			!stays_cold(rw, (uint32) group, slot->row))
			continue;
		slot_getallattrs(rw->slot);
		keep_cold(rw, state, NULL, &rw->scan->cold->groups[group], NULL, false);
	}
	index_endscan(scan);
}

/* hot tuples page by page */
static void
pass2_physical(Rewrite *rw, RewriteState state, Tuplesortstate *sort)
{
	HyHotReader *hot = &rw->scan->hot;

	for (BlockNumber block = hy_hot_block_from(hot, 0, true); block != InvalidBlockNumber;
		 block = hy_hot_block_from(hot, block + 1, true))
	{
		hy_hot_load(hot, block);
		for (int i = 0; i < hot->count; i++)
			if (hy_hot_tuple(hot, i))
				pass2_tuple(rw, state, sort, &hot->tuple, hot->buffer);
	}
	hy_hot_release(hot);
}

static void
pass2(Rewrite *rw, Relation old_index, bool use_sort, TransactionId freeze_xid,
	  MultiXactId multi_cutoff)
{
	RewriteState state = begin_heap_rewrite(rw->old_table, rw->new_table, rw->judge.oldest_xmin,
											freeze_xid, multi_cutoff);
	Tuplesortstate *sort = NULL;
	HeapTuple tuple;

	rw->judge.kept = false;
	if (rw->remainder != NULL)
		rewrite_remainder(rw, state);
	if (old_index != NULL && use_sort)
		sort = tuplesort_begin_cluster(RelationGetDescr(rw->old_table), old_index,
									   maintenance_work_mem, NULL, TUPLESORT_NONE);
	if (old_index != NULL && !use_sort)
	{
		pass2_index(rw, state, old_index);
		pass2_cold(rw, state, NULL, false);
	}
	else
	{
		pass2_physical(rw, state, sort);
		pass2_cold(rw, state, sort, !rw->judge.to_groups);
	}
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

/* which groups have rows with headers? */
static void
find_touched(Rewrite *rw)
{
	HyBatchReader *cold = rw->scan->cold;

	rw->touched = MemoryContextAllocHuge(CurrentMemoryContext, Max(cold->group_count, 1));
	for (uint32 i = 0; i < cold->group_count; i++)
		rw->touched[i] = hy_map_any(rw->old_table, &cold->groups[i]);
}

void
hybrid_relation_copy_for_cluster(Relation old_table, Relation new_table, Relation old_index,
								 bool use_sort, TransactionId oldest_xmin,
								 TransactionId *xid_cutoff, MultiXactId *multi_cutoff,
								 double *num_tuples, double *tups_vacuumed,
								 double *tups_recently_dead)
{
	Rewrite rw = { .old_table = old_table, .new_table = new_table };
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "omendb rewrite", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	HyOptions options;
	HyScan *scan;

	hy_load_flush_table(old_table);
	rw.context = AllocSetContextCreate(context, "omendb rewrite row", ALLOCSET_DEFAULT_SIZES);
	hy_options_read(old_table, &options);
	rw.group_rows = hy_options_group_rows(&options);
	rw.judge.rel = old_table;
	rw.judge.oldest_xmin = oldest_xmin;
	rw.judge.to_groups = rg_unsupported(RelationGetDescr(new_table)) == NULL &&
						 hy_load_row_groups && !hy_must_stay_hot(old_table);
	rw.judge.young_too = hy_rewrite_all_cold && old_index == NULL;
	if (rw.judge.to_groups)
		rw.builder = hy_builder_create(new_table, &options, true, context);
	rw.slot = table_slot_create(old_table, NULL);
	pgstat_progress_update_param(PROGRESS_CLUSTER_PHASE,
								 old_index != NULL && !use_sort
									 ? PROGRESS_CLUSTER_PHASE_INDEX_SCAN_HEAP
									 : PROGRESS_CLUSTER_PHASE_SEQ_SCAN_HEAP);

	scan = (HyScan *) hybrid_scan_begin(old_table, SnapshotAny, 0, NULL, NULL,
										SO_TYPE_ANALYZE | SO_ALLOW_STRAT);
	rw.scan = scan;
	find_touched(&rw);
	if (rw.judge.to_groups)
	{
		if (old_index == NULL)
			pass1_physical(&rw);
		else if (use_sort)
			pass1_sort(&rw, old_index);
		else
			pass1_index(&rw, old_index);
		if (hy_rewrite_all_cold)
			begin_group(&rw, InvalidTransactionId, FirstCommandId);
		if (!rw.wrote && scan->cold->group_count == 0)
		{
			/* without a group all rows stay hot, and are copied in one order */
			rw.judge.to_groups = false;
			rw.live = 0;
			rg_builder_reset(rw.builder);
		}
		else
		{
			/* copying single groups takes another builder */
			rw.remainder = rw.builder;
			rw.builder = hy_builder_create(new_table, &options, true, context);
			if (!rw.judge.young_too)
				copy_groups(&rw, false);
		}
	}
	STOP_POINT("hybrid_rewrite_groups");

	pass2(&rw, old_index, use_sort, *xid_cutoff, *multi_cutoff);
	ExecDropSingleTupleTableSlot(rw.slot);
	hybrid_scan_end(&scan->base);

	*num_tuples = rw.live;
	*tups_vacuumed = rw.dead;
	*tups_recently_dead = rw.recently_dead;
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
}
