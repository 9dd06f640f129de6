/*
 * alex_conflict.c
 *		INSERT ... ON CONFLICT into tables with unique alex indexes, on PostgreSQL 15
 *		to 17.
 *
 * There ON CONFLICT fails on a table with any unique index that is not of access method
 * btree, whichever index is to arbitrate: ExecInsert() opens the table's indexes
 * when the first row arrives, and BuildSpeculativeIndexInfo() then refuses to look up
 * the equality operators of such an index.  Nothing else is wanting.  And indexes that
 * are open already are not opened again.  So they are opened here, between the start
 * of the executor and its run, and the operators looked up, as 18 does it.
 *
 * The leaves of a partitioned table are opened row by row and out of reach; there the
 * error remains, and is worded for those who meet it.  So it does for a statement
 * during which the library is loaded: ON CONFLICT DO NOTHING without a target does
 * not have the planner look at indexes.
 */
#include "postgres.h"

#include "alex/alex_conflict.h"
#include "base/pg_compat.h"

#if OM_CONFLICT_BTREE_ONLY

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/index.h"
#include "catalog/pg_class.h"
#include "catalog/pg_index.h"
#include "commands/defrem.h"
#include "executor/executor.h"
#include "nodes/execnodes.h"
#include "tcop/pquery.h"
#include "utils/lsyscache.h"
#include "utils/portal.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "alex/alex_insert.h"

/* what core says; not translated, for it is an elog */
#define CORE_REFUSAL "unexpected non-btree speculative unique index"

static ExecutorStart_hook_type previous_executor_start = NULL;
static ExecutorRun_hook_type previous_executor_run = NULL;
static bool start_seen = false; /* a statement has started with the hooks in place */

static inline bool
is_unique_alex(Relation index)
{
	return index->rd_rel->relkind == RELKIND_INDEX && index->rd_index->indisunique &&
		   index->rd_indam->aminsert == alexinsert;
}

static bool
has_unique_alex(Relation rel)
{
	List *indexes = RelationGetIndexList(rel);
	bool found = false;
	ListCell *lc;

	foreach (lc, indexes)
	{
		Relation index = index_open(lfirst_oid(lc), RowExclusiveLock);

		found = is_unique_alex(index);
		/* the insert needs the lock in any case */
		index_close(index, NoLock);
		if (found)
			break;
	}
	list_free(indexes);
	return found;
}

/* what BuildSpeculativeIndexInfo() does for a btree index */
static void
look_up_equality(Relation index, IndexInfo *info)
{
	int natts = IndexRelationGetNumberOfKeyAttributes(index);

	info->ii_UniqueOps = (Oid *) palloc(natts * sizeof(Oid));
	info->ii_UniqueProcs = (Oid *) palloc(natts * sizeof(Oid));
	info->ii_UniqueStrats = (uint16 *) palloc(natts * sizeof(uint16));
	for (int i = 0; i < natts; i++)
	{
		Oid type = index->rd_opcintype[i];
		Oid op = get_opfamily_member(index->rd_opfamily[i], type, type, BTEqualStrategyNumber);

		if (!OidIsValid(op))
			elog(ERROR, "missing operator %d(%u,%u) in opfamily %u", BTEqualStrategyNumber, type,
				 type, index->rd_opfamily[i]);
		info->ii_UniqueStrats[i] = BTEqualStrategyNumber;
		info->ii_UniqueOps[i] = op;
		info->ii_UniqueProcs[i] = get_opcode(op);
	}
}

/* INSERT ... ON CONFLICT, and not one of a partitioned table? */
static inline bool
inserts_on_conflict(const ModifyTableState *node, bool partitioned)
{
	const ModifyTable *plan = (const ModifyTable *) node->ps.plan;
	const ResultRelInfo *target = node->resultRelInfo;

	return node->operation == CMD_INSERT && plan->onConflictAction != ONCONFLICT_NONE &&
		   target->ri_RelationDesc->rd_rel->relkind ==
			   (partitioned ? RELKIND_PARTITIONED_TABLE : RELKIND_RELATION);
}

/* open the target's indexes before ExecInsert() does */
static void
open_indexes(const ModifyTableState *node)
{
	ResultRelInfo *target = node->resultRelInfo;

	if (!inserts_on_conflict(node, false) || target->ri_IndexRelationDescs != NULL ||
		!target->ri_RelationDesc->rd_rel->relhasindex || !has_unique_alex(target->ri_RelationDesc))
		return;
	ExecOpenIndices(target, false);
	for (int i = 0; i < target->ri_NumIndices; i++)
	{
		Relation index = target->ri_IndexRelationDescs[i];
		IndexInfo *info = target->ri_IndexRelationInfo[i];

		if (!info->ii_Unique)
			continue;
		if (is_unique_alex(index))
			look_up_equality(index, info);
		else
			BuildSpeculativeIndexInfo(index, info);
	}
}

static void
conflict_executor_start(QueryDesc *query, int eflags)
{
	MemoryContext caller;
	ListCell *lc;

	start_seen = true;
	if (previous_executor_start)
		previous_executor_start(query, eflags);
	else
		standard_ExecutorStart(query, eflags);
	if (query->planstate == NULL || (eflags & EXEC_FLAG_EXPLAIN_ONLY))
		return;

	caller = MemoryContextSwitchTo(query->estate->es_query_cxt);
	if (IsA(query->planstate, ModifyTableState))
		open_indexes((ModifyTableState *) query->planstate);
	/* those of WITH */
	foreach (lc, query->estate->es_auxmodifytables)
		open_indexes(lfirst_node(ModifyTableState, lc));
	MemoryContextSwitchTo(caller);
}

/* may the executor have to open a partition's indexes for ON CONFLICT? */
static bool
may_meet_partition(const QueryDesc *query)
{
	ListCell *lc;

	if (query->planstate == NULL)
		return false;
	if (IsA(query->planstate, ModifyTableState) &&
		inserts_on_conflict((ModifyTableState *) query->planstate, true))
		return true;
	foreach (lc, query->estate->es_auxmodifytables)
	{
		if (inserts_on_conflict(lfirst_node(ModifyTableState, lc), true))
			return true;
	}
	return false;
}

static void
run(QueryDesc *query, ScanDirection direction, uint64 count, bool execute_once)
{
	if (previous_executor_run)
		previous_executor_run(query, direction, count, execute_once);
	else
		standard_ExecutorRun(query, direction, count, execute_once);
}

static void
conflict_executor_run(QueryDesc *query, ScanDirection direction, uint64 count, bool execute_once)
{
	MemoryContext caller = CurrentMemoryContext;

	if (likely(!may_meet_partition(query)))
	{
		run(query, direction, count, execute_once);
		return;
	}
	PG_TRY();
	{
		run(query, direction, count, execute_once);
	}
	PG_CATCH();
	{
		ErrorData *error;

		MemoryContextSwitchTo(caller);
		error = CopyErrorData();
		if (error->sqlerrcode != ERRCODE_INTERNAL_ERROR || error->message == NULL ||
			strcmp(error->message, CORE_REFUSAL) != 0)
			PG_RE_THROW();
		FlushErrorState();
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("ON CONFLICT is not supported for partitions with a unique index of access "
						"method \"%s\"",
						"alex"),
				 errdetail("PostgreSQL does not allow it before version 18."),
				 errhint("Insert into the partition itself, or use a unique index of access method "
						 "\"btree\" there.")));
	}
	PG_END_TRY();
}

/* does the catalog know a unique alex index of this table?  None may be opened here. */
static bool
catalog_has_unique_alex(Oid table)
{
	Oid alex = get_am_oid("alex", true);
	Relation rel = table_open(table, NoLock);
	List *indexes = RelationGetIndexList(rel);
	bool found = false;
	ListCell *lc;

	foreach (lc, indexes)
	{
		HeapTuple class_tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(lfirst_oid(lc)));
		HeapTuple index_tuple = SearchSysCache1(INDEXRELID, ObjectIdGetDatum(lfirst_oid(lc)));

		if (HeapTupleIsValid(class_tuple) && HeapTupleIsValid(index_tuple) &&
			((Form_pg_class) GETSTRUCT(class_tuple))->relam == alex &&
			((Form_pg_index) GETSTRUCT(index_tuple))->indisunique)
			found = true;
		if (HeapTupleIsValid(class_tuple))
			ReleaseSysCache(class_tuple);
		if (HeapTupleIsValid(index_tuple))
			ReleaseSysCache(index_tuple);
	}
	list_free(indexes);
	table_close(rel, NoLock);
	return found;
}

void
alex_conflict_check_loaded(void)
{
	static bool first_call = true;
	ListCell *lc;

	if (start_seen || !first_call)
		return;
	first_call = false;
	/* while a statement is planned there is none, or the portal of another one */
	if (!IsTransactionState() || ActivePortal == NULL || ActivePortal->status != PORTAL_ACTIVE)
		return;
	foreach (lc, ActivePortal->stmts)
	{
		PlannedStmt *statement = lfirst_node(PlannedStmt, lc);
		const ModifyTable *plan = (const ModifyTable *) statement->planTree;
		RangeTblEntry *target;

		if (statement->commandType != CMD_INSERT || !IsA(plan, ModifyTable) ||
			plan->onConflictAction == ONCONFLICT_NONE)
			continue;
		target = list_nth_node(RangeTblEntry, statement->rtable,
							   linitial_int(plan->resultRelations) - 1);
		if (target->relkind == RELKIND_RELATION && catalog_has_unique_alex(target->relid))
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("omendb was loaded too late for ON CONFLICT on table \"%s\"",
							get_rel_name(target->relid)),
					 errdetail("Before PostgreSQL 18, a unique index of access method \"%s\" needs "
							   "the library before the statement starts to run.",
							   "alex"),
					 errhint("Repeat the statement, or add omendb to session_preload_libraries.")));
	}
}

void
alex_conflict_init(void)
{
	previous_executor_start = ExecutorStart_hook;
	ExecutorStart_hook = conflict_executor_start;
	previous_executor_run = ExecutorRun_hook;
	ExecutorRun_hook = conflict_executor_run;
}

#else

void
alex_conflict_init(void)
{
}

void
alex_conflict_check_loaded(void)
{
}

#endif
