/*
 * hybrid_load.c
 *		Bulk loads: rows gather in memory and become row groups.
 */
#include "postgres.h"

#include "access/detoast.h"
#include "access/genam.h"
#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/tupmacs.h"
#include "access/xact.h"
#include "catalog/catalog.h"
#include "catalog/pg_am_d.h"
#include "commands/trigger.h"
#include "executor/executor.h"
#include "lib/ilist.h"
#include "miscadmin.h"
#include "tcop/utility.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "base/pg_compat.h"
#include "base/stop_point.h"
#include "hybrid/hybrid_load.h"
#include "hybrid/hybrid_options.h"
#include "hybrid/hybrid_slot.h"
#include "hybrid/hybrid_write.h"

/* the same in bytes as HY_EARLY_GROUP_ROWS is in rows */
#define EARLY_GROUP_BYTES (RG_RAW_BYTES_MAX / 4)
/* rows handed to heap at a time */
#define HOT_BATCH_ROWS 256
#define CACHE_LINE_BYTES 64

int hy_row_group_rows = RG_ROWS_MAX;
bool hy_load_row_groups = true;

/* rows of one table, transaction, command and kind of insert */
typedef struct HyLoad
{
	dlist_node node;
	Oid relid;
	OmRelFile file;
	SubTransactionId subid;
	TransactionId xid;
	CommandId cid;
	int options;
	bool multi;
	bool direct;	   /* rows go hot at once: see flush */
	uint32 group_rows; /* at which a group closes */
	RgBuilder *builder;
	MemoryContext context;
} HyLoad;

static dlist_head loads = DLIST_STATIC_INIT(loads);
static Size loads_memory = 0;
static bool flushing = false;
/* our ProcessUtility hook is on the stack: it will flush when the statement ends */
static int utility_depth = 0;

static ProcessUtility_hook_type previous_utility = NULL;
static ExecutorStart_hook_type previous_executor_start = NULL;

/* ---- which loads ---- */

static HyLoad *
find_load(Oid relid)
{
	dlist_iter iter;

	dlist_foreach(iter, &loads)
	{
		HyLoad *load = dlist_container(HyLoad, node, iter.cur);

		if (load->relid == relid)
			return load;
	}
	return NULL;
}

static bool
has_brin_index(Relation rel)
{
	List *indexes = RelationGetIndexList(rel);
	ListCell *cell;
	bool found = false;

	foreach (cell, indexes)
	{
		Relation index = index_open(lfirst_oid(cell), AccessShareLock);

		found = found || index->rd_rel->relam == BRIN_AM_OID;
		index_close(index, AccessShareLock);
	}
	list_free(indexes);
	return found;
}

bool
hy_must_stay_hot(Relation rel)
{
	return has_brin_index(rel);
}

/* the same for the table that `rel` is to replace */
static bool
rewritten_must_stay_hot(Relation rel)
{
	Relation rewritten = table_open(rel->rd_rel->relrewrite, AccessShareLock);
	bool found = hy_must_stay_hot(rewritten);

	table_close(rewritten, NoLock);
	return found;
}

bool
hy_too_wide_for_groups(TupleDesc desc)
{
	Size bytes = MAXALIGN(SizeofHeapTupleHeader + BITMAPLEN(desc->natts)) + sizeof(uint64);

	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);

		if (att->attisdropped)
			continue;
		bytes = att_align_nominal(bytes, att->attlen > 0 ? att->attalign : TYPALIGN_CHAR);
		bytes += att->attlen > 0 ? (Size) att->attlen : TOAST_POINTER_SIZE;
	}
	return bytes > MaxHeapTupleSize;
}

bool
hy_load_allowed(Relation rel, int options)
{
	TriggerDesc *triggers = rel->trigdesc;

	if (!hy_load_row_groups || IsCatalogRelation(rel) || IsToastRelation(rel) ||
		RelationIsUsedAsCatalogTable(rel) || hy_too_wide_for_groups(RelationGetDescr(rel)))
		return false;
	if (triggers && (triggers->trig_insert_before_row || triggers->trig_insert_after_row ||
					 triggers->trig_insert_instead_row))
		return false;
	/* a rewrite's rows are not decoded: relrewrite marks its new table */
	if (RelationIsLogicallyLogged(rel) && !(options & TABLE_INSERT_NO_LOGICAL) &&
		!OidIsValid(rel->rd_rel->relrewrite))
		return false;
	if (rel->rd_rel->relhasindex)
	{
		List *indexes = RelationGetIndexList(rel);
		bool any = indexes != NIL;

		list_free(indexes);
		if (any)
			return false;
	}
	if (OidIsValid(rel->rd_rel->relrewrite) && rewritten_must_stay_hot(rel))
		return false;
	return rg_unsupported(RelationGetDescr(rel)) == NULL;
}

bool
hy_load_is_bulk_insert(Relation rel, CommandId cid, int options,
					   struct BulkInsertStateData *bistate)
{
	SubTransactionId subid = GetCurrentSubTransactionId();
	HyLoad *load;

	/* asked for every row: what was decided for the first holds for the statement */
	load = find_load(RelationGetRelid(rel));
	if (bistate != NULL && load != NULL && load->cid == cid && load->subid == subid &&
		load->options == options && !load->multi)
		return true;
	return bistate != NULL && (options & TABLE_INSERT_SKIP_FSM) &&
		   (rel->rd_createSubid == subid || OM_NEW_FILE_SUBID(rel) == subid) &&
		   hy_load_allowed(rel, options);
}

/* ---- writing what is buffered ---- */

static void
free_load(HyLoad *load)
{
	dlist_delete(&load->node);
	loads_memory -= Min(loads_memory, rg_builder_memory(load->builder));
	MemoryContextDelete(load->context);
}

/* the rows of a buffer as a row group; empties the buffer */
static void
write_group(HyLoad *load, Relation rel)
{
	uint32 rows = rg_builder_rows(load->builder);
	bool frozen = (load->options & TABLE_INSERT_FROZEN) != 0;
	HyOwner owner = { .xmin = load->xid, .cmin = load->cid, .frozen = frozen, .writer = load->xid };
	Size bytes;
	char *stream = rg_builder_encode(load->builder, 0, rows, 0, &bytes);

	(void) hy_write_group(rel, stream, bytes, &owner);
	/* at once: whatever fails from here on, these rows are in the table */
	rg_builder_reset(load->builder);
	pfree(stream);
	hy_group_published(rel);
}

/* all rows of a buffer as heap tuples */
static void
write_hot(HyLoad *load, Relation rel)
{
	uint32 rows = rg_builder_rows(load->builder);
	BulkInsertState bistate = GetBulkInsertState();
	TupleTableSlot *slots[HOT_BATCH_ROWS];
	int slot_count = (int) Min(rows, HOT_BATCH_ROWS);
	MemoryContext batch =
		AllocSetContextCreate(CurrentMemoryContext, "omendb load", ALLOCSET_DEFAULT_SIZES);

	for (int i = 0; i < slot_count; i++)
		slots[i] = MakeSingleTupleTableSlot(RelationGetDescr(rel), &TTSOpsHeapTuple);
	for (uint32 first = 0; first < rows; first += HOT_BATCH_ROWS)
	{
		int count = (int) Min(rows - first, HOT_BATCH_ROWS);
		MemoryContext old = MemoryContextSwitchTo(batch);

		CHECK_FOR_INTERRUPTS();
		for (int i = 0; i < count; i++)
		{
			TransactionId xmin;

			ExecClearTuple(slots[i]);
			rg_builder_row(load->builder, first + (uint32) i, slots[i]->tts_values,
						   slots[i]->tts_isnull, &xmin);
			ExecStoreVirtualTuple(slots[i]);
		}
		heap_multi_insert(rel, slots, count, load->cid, load->options, bistate);
		for (int i = 0; i < count; i++)
			ExecClearTuple(slots[i]);
		MemoryContextSwitchTo(old);
		MemoryContextReset(batch);
	}
	for (int i = 0; i < slot_count; i++)
		ExecDropSingleTupleTableSlot(slots[i]);
	MemoryContextDelete(batch);
	FreeBulkInsertState(bistate);
}

/* give back the memory of an empty builder; the load stays */
static void
renew_builder(HyLoad *load, Relation rel)
{
	HyOptions table;
	RgBuilder *fresh;

	hy_options_read(rel, &table);
	fresh = hy_builder_create(rel, &table, false, load->context);
	loads_memory -= Min(loads_memory, rg_builder_memory(load->builder));
	rg_builder_free(load->builder);
	load->builder = fresh;
	loads_memory += rg_builder_memory(fresh);
}

/*
 * Write all rows of a buffer and forget it (last: for good).  Until that has succeeded the rows
 * stay: an error may be caught by a subtransaction that began after them.
 */
static void
flush(HyLoad *load, bool last)
{
	Relation rel;
	uint32 rows = rg_builder_rows(load->builder);
	bool outer = load->subid != GetCurrentSubTransactionId();
	bool pushed = false;

	if (rows == 0)
	{
		/* a direct one reminds the rest of its statement to go hot */
		if (!load->direct || last)
			free_load(load);
		return;
	}
	STOP_POINT("hybrid_flush");
	/* the statement that brought the rows has locked the table, until the transaction's end */
	rel = try_relation_open(load->relid, NoLock);
	if (rel == NULL)
	{
		free_load(load);
		return;
	}
	if (memcmp(&load->file, &OM_RELATION_FILE(rel), sizeof(OmRelFile)) != 0)
		elog(ERROR, "storage of table \"%s\" was replaced while rows for it were buffered",
			 RelationGetRelationName(rel));
	/*
	 * A statement that comes here from within a subtransaction (a function with
	 * an EXCEPTION clause in a default, say) will do so for every row: no groups
	 * of single rows.  Noted first, for this may fail, and that be caught.
	 */
	if (outer)
		load->direct = true;
	flushing = true;
	if (!ActiveSnapshotSet())
	{
		/* toasting asks for one, and at commit there is none any more */
		PushActiveSnapshot(GetTransactionSnapshot());
		pushed = true;
	}
	PG_TRY();
	{
		/*
		 * Heap would take the present subtransaction's xid: right only if that
		 * is the rows' own.  A group takes the xid it is given.
		 */
		if (rows >= load->group_rows || outer)
			write_group(load, rel);
		else
			write_hot(load, rel);
	}
	PG_FINALLY();
	{
		flushing = false;
	}
	PG_END_TRY();
	if (pushed)
		PopActiveSnapshot();
	if (outer)
		renew_builder(load, rel);
	else
		free_load(load);
	table_close(rel, NoLock);
}

static void
flush_all(bool last)
{
	dlist_mutable_iter iter;

	if (flushing)
		return;
	dlist_foreach_modify(iter, &loads) flush(dlist_container(HyLoad, node, iter.cur), last);
}

void
hy_load_flush_all(void)
{
	flush_all(false);
}

void
hy_load_flush_table(Relation rel)
{
	HyLoad *load;

	if (likely(dlist_is_empty(&loads)) || flushing)
		return;
	load = find_load(RelationGetRelid(rel));
	if (load != NULL)
		flush(load, false);
}

void
hy_load_finish(Relation rel)
{
	HyLoad *load = find_load(RelationGetRelid(rel));

	/*
	 * With many partitions COPY comes here at every eviction: its buffers stay,
	 * unless nobody else would flush them but commit, where it is late for a timeout.
	 */
	if (load != NULL && (!load->multi || utility_depth == 0))
		flush(load, true);
}

void
hy_load_discard(Relation rel)
{
	HyLoad *load = find_load(RelationGetRelid(rel));

	if (load != NULL)
		free_load(load);
}

/* ---- taking rows in ---- */

static HyLoad *
begin_load(Relation rel, CommandId cid, int options, bool multi)
{
	MemoryContext context =
		AllocSetContextCreate(TopTransactionContext, "omendb load buffer", ALLOCSET_DEFAULT_SIZES);
	HyLoad *load = MemoryContextAllocZero(context, sizeof(HyLoad));
	HyOptions table;

	load->context = context;
	load->relid = RelationGetRelid(rel);
	load->file = OM_RELATION_FILE(rel);
	load->subid = GetCurrentSubTransactionId();
	load->xid = GetCurrentTransactionId();
	load->cid = cid;
	load->options = options;
	load->multi = multi;
	hy_options_read(rel, &table);
	load->group_rows = hy_options_group_rows(&table);
	load->builder = hy_builder_create(rel, &table, false, context);
	loads_memory += rg_builder_memory(load->builder);
	/* the newest first: COPY comes back to the same few tables */
	dlist_push_head(&loads, &load->node);
	return load;
}

/* memory for the buffers of all tables is maintenance_work_mem */
static void
enforce_memory_limit(void)
{
	while (loads_memory > (Size) maintenance_work_mem * 1024)
	{
		HyLoad *largest = NULL;
		Size most = 0;
		Relation rel;
		dlist_iter iter;

		CHECK_FOR_INTERRUPTS();
		dlist_foreach(iter, &loads)
		{
			HyLoad *load = dlist_container(HyLoad, node, iter.cur);

			if (rg_builder_rows(load->builder) > 0 && rg_builder_memory(load->builder) > most)
			{
				largest = load;
				most = rg_builder_memory(load->builder);
			}
		}
		if (largest == NULL)
			break;
		if (rg_builder_rows(largest->builder) < HY_EARLY_GROUP_ROWS &&
			rg_builder_raw_bytes(largest->builder) < EARLY_GROUP_BYTES)
		{
			flush(largest, true);
			continue;
		}
		rel = table_open(largest->relid, NoLock);
		write_group(largest, rel);
		table_close(rel, NoLock);
		free_load(largest);
	}
}

/* one row that is too large for a group */
static void
insert_hot(Relation rel, TupleTableSlot *slot, CommandId cid, int options)
{
	bool should_free;
	HeapTuple tuple = ExecFetchSlotHeapTuple(slot, true, &should_free);

	tuple->t_tableOid = RelationGetRelid(rel);
	heap_insert(rel, tuple, cid, options, NULL);
	if (should_free)
		heap_freetuple(tuple);
}

/* the values of a slot, ready to be buffered; returns their bytes, or a little more */
static Size
slot_row(Relation rel, TupleTableSlot *slot)
{
	HySlotLoad *own;

	slot_getallattrs(slot);
	slot->tts_tableOid = RelationGetRelid(rel);
	/* a buffered row has no place yet; nobody asks where there is neither index nor trigger */
	ItemPointerSetInvalid(&slot->tts_tid);
	if (slot->tts_ops == hy_slot_ops())
	{
		if (hy_slot(slot)->load == NULL)
			hy_slot_begin_load(slot);
		own = hy_slot(slot)->load;
		if (own->row_bytes > 0)
		{
			/* it was copied a thousand rows ago, and its columns are taken one by one */
			for (Size at = 0; at < Min(own->row_bytes, own->buffer_bytes); at += CACHE_LINE_BYTES)
				__builtin_prefetch(own->buffer + at);
			return own->row_bytes;
		}
	}
	return rg_row_bytes(RelationGetDescr(rel), slot->tts_values, slot->tts_isnull);
}

/* buffer the first of these rows, as many as are convenient; returns their number: 0 if the first one does not fit */
static int
take_rows(HyLoad *load, Relation rel, TupleTableSlot **slots, int count)
{
	Datum *values[RG_APPEND_ROWS_MAX];
	bool *nulls[RG_APPEND_ROWS_MAX];
	Size room = RG_RAW_BYTES_MAX - Min(rg_builder_raw_bytes(load->builder), RG_RAW_BYTES_MAX);
	uint32 rows_room = load->group_rows - rg_builder_rows(load->builder);
	uint32 n = 0;

	for (; n < Min(count, RG_APPEND_ROWS_MAX) && n < rows_room; n++)
	{
		Size bytes = slot_row(rel, slots[n]);

		if (bytes > Min(room, RG_ROW_BYTES_MAX))
			break;
		room -= bytes;
		values[n] = slots[n]->tts_values;
		nulls[n] = slots[n]->tts_isnull;
	}
	if (n > 0)
		rg_builder_append_rows(load->builder, values, nulls, n);
	return (int) n;
}

void
hy_load_rows(Relation rel, TupleTableSlot **slots, int count, CommandId cid, int options,
			 bool multi)
{
	Oid relid = RelationGetRelid(rel);
	TupleDesc desc = RelationGetDescr(rel);
	HyLoad *load = find_load(relid);

	if (load != NULL && (load->subid != GetCurrentSubTransactionId() || load->cid != cid ||
						 load->options != options || load->multi != multi ||
						 memcmp(&load->file, &OM_RELATION_FILE(rel), sizeof(OmRelFile)) != 0))
	{
		flush(load, true);
		load = NULL;
	}
	if (load == NULL)
		load = begin_load(rel, cid, options, multi);

	if (load->direct)
	{
		for (int i = 0; i < count; i++)
			insert_hot(rel, slots[i], cid, options);
		return;
	}
	while (count > 0)
	{
		Size memory = rg_builder_memory(load->builder);
		int taken = take_rows(load, rel, slots, count);

		slots += taken;
		count -= taken;
		if (count > 0 && taken == 0)
		{
			/* what does not fit beside others waits for the next group */
			if (rg_row_bytes(desc, slots[0]->tts_values, slots[0]->tts_isnull) > RG_ROW_BYTES_MAX)
			{
				insert_hot(rel, *slots++, cid, options);
				count--;
			}
			else
				write_group(load, rel);
		}
		else if (rg_builder_rows(load->builder) >= load->group_rows)
			write_group(load, rel);
		loads_memory += rg_builder_memory(load->builder);
		loads_memory -= Min(loads_memory, memory);
	}
	enforce_memory_limit();
}

/* ---- when buffers are flushed or dropped ---- */

static void
load_utility(PlannedStmt *pstmt, const char *query, bool read_only_tree,
			 ProcessUtilityContext context, ParamListInfo params, QueryEnvironment *env,
			 DestReceiver *dest, QueryCompletion *completion)
{
	/* what is rolled back need not be written first, and a commit does it as its own part */
	if (!IsA(pstmt->utilityStmt, TransactionStmt) ||
		((TransactionStmt *) pstmt->utilityStmt)->kind == TRANS_STMT_SAVEPOINT)
		hy_load_flush_all();
	utility_depth++;
	PG_TRY();
	{
		if (previous_utility)
			previous_utility(pstmt, query, read_only_tree, context, params, env, dest, completion);
		else
			standard_ProcessUtility(pstmt, query, read_only_tree, context, params, env, dest,
									completion);
	}
	PG_FINALLY();
	{
		utility_depth--;
	}
	PG_END_TRY();
	hy_load_flush_all();
}

/*
 * Parallel workers do not see our memory.  All other readers come through a
 * callback of the table access method, which writes what it is about to read.
 */
static void
load_executor_start(QueryDesc *query, int eflags)
{
	if (query->plannedstmt->parallelModeNeeded)
		hy_load_flush_all();
	if (previous_executor_start)
		previous_executor_start(query, eflags);
	else
		standard_ExecutorStart(query, eflags);
}

static void
drop_loads(SubTransactionId subid)
{
	dlist_mutable_iter iter;

	dlist_foreach_modify(iter, &loads)
	{
		HyLoad *load = dlist_container(HyLoad, node, iter.cur);

		if (subid == InvalidSubTransactionId || load->subid == subid)
			free_load(load);
	}
	flushing = false;
}

static void
load_xact_callback(XactEvent event, void *arg)
{
	switch (event)
	{
		case XACT_EVENT_PRE_COMMIT:
		case XACT_EVENT_PRE_PREPARE:
			/* only statements that do not come through our hooks leave anything */
			flush_all(true);
			break;
		case XACT_EVENT_ABORT:
			drop_loads(InvalidSubTransactionId);
			loads_memory = 0;
			break;
		case XACT_EVENT_COMMIT:
		case XACT_EVENT_PREPARE:
			Assert(dlist_is_empty(&loads));
			loads_memory = 0;
			break;
		default:
			break;
	}
}

static void
load_subxact_callback(SubXactEvent event, SubTransactionId subid, SubTransactionId parent,
					  void *arg)
{
	dlist_mutable_iter iter;

	if (event == SUBXACT_EVENT_ABORT_SUB)
		drop_loads(subid);
	else if (event == SUBXACT_EVENT_PRE_COMMIT_SUB)
	{
		dlist_foreach_modify(iter, &loads)
		{
			HyLoad *load = dlist_container(HyLoad, node, iter.cur);

			if (load->subid == subid)
				flush(load, true);
		}
	}
}

void
hybrid_load_init(void)
{
	previous_utility = ProcessUtility_hook;
	ProcessUtility_hook = load_utility;
	previous_executor_start = ExecutorStart_hook;
	ExecutorStart_hook = load_executor_start;
	RegisterXactCallback(load_xact_callback, NULL);
	RegisterSubXactCallback(load_subxact_callback, NULL);
}
