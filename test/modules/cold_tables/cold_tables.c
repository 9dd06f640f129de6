/*
 * cold_tables.c
 *		Tables USING omendb are rewritten into row groups after each statement that
 *		wrote to them, so that PostgreSQL's own tests run over cold rows (test/run/core.sh).
 *
 * A table that got new rows is rewritten at the end of the transaction, in that transaction, and with
 * cold_tables.statements also at the end of a statement within a transaction block, as VACUUM FULL
 * would do it under omendb.rewrite_all_cold: the new rows become groups of their own xmin and cmin.  A table
 * whose rows were changed is left for the end of a later transaction of the session, so that headers of cold rows are
 * met, and the new versions become cold rows, too.
 *
 * Nobody is to notice: a table is left for later if its lock cannot be had at once, if it is in use in this session,
 * or if serializable transactions have locked its rows; the sizes in pg_class stay what they were.
 *
 * For tests only.
 */
#include "postgres.h"

#include "access/parallel.h"
#include "access/relation.h"
#include "access/table.h"
#include "access/transam.h"
#include "access/xact.h"
#include "catalog/indexing.h"
#include "catalog/partition.h"
#include "catalog/pg_class.h"
#include "commands/cluster.h"
#include "commands/defrem.h"
#include "commands/trigger.h"
#include "executor/executor.h"
#include "fmgr.h"
#include "storage/lmgr.h"
#include "storage/predicate_internals.h"
#include "storage/proc.h"
#include "tcop/utility.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/pgstat_internal.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

PG_MODULE_MAGIC;

void _PG_init(void);

/* a table that this transaction has written to */
typedef struct Written
{
	Oid relid;
	PgStat_Counter inserted; /* rows, those rolled back among them */
	PgStat_Counter changed;	 /* updated and deleted ones */
} Written;

static bool statements = false;
static char *transactions_only = NULL;

/* what has been rewritten in this transaction: `inserted` as it was then; in TopTransactionContext */
static List *rewritten = NIL;
static LocalTransactionId rewritten_lxid = InvalidLocalTransactionId;
/* tables to be rewritten at the end of a later transaction; in TopMemoryContext */
static List *later = NIL;

/* executors and utility statements at work */
static int depth = 0;
/* the outermost one is a utility statement that may be in the middle of something when it commits */
static bool many_transactions = false;
static bool rewriting = false;

static ProcessUtility_hook_type previous_utility = NULL;
static ExecutorRun_hook_type previous_run = NULL;
static ExecutorFinish_hook_type previous_finish = NULL;
static ExecutorEnd_hook_type previous_end = NULL;

/* ---- what has been written ---- */

static bool
is_omendb(Oid relid)
{
	HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	bool result = false;

	if (HeapTupleIsValid(tuple))
	{
		result = ((Form_pg_class) GETSTRUCT(tuple))->relam == get_table_am_oid("omendb", true);
		ReleaseSysCache(tuple);
	}
	return result;
}

/* from what the cumulative statistics gather until the transaction ends */
static List *
find_written(void)
{
	List *all = NIL;
	PgStat_SubXactStatus *level = pgstat_get_xact_stack_level(GetCurrentTransactionNestLevel());

	for (; level != NULL; level = level->prev)
		for (PgStat_TableXactStatus *table = level->first; table != NULL; table = table->next)
		{
			Written *written = NULL;
			ListCell *cell;

			if (table->parent->t_id < FirstNormalObjectId || !is_omendb(table->parent->t_id))
				continue;
			foreach (cell, all)
				if (((Written *) lfirst(cell))->relid == table->parent->t_id)
					written = lfirst(cell);
			if (written == NULL)
			{
				written = palloc0(sizeof(Written));
				written->relid = table->parent->t_id;
				all = lappend(all, written);
			}
			written->inserted += table->tuples_inserted + table->inserted_pre_truncdrop;
			written->changed += table->tuples_updated + table->updated_pre_truncdrop +
								table->tuples_deleted + table->deleted_pre_truncdrop;
		}
	return all;
}

static Written *
find_rewritten(Oid relid)
{
	ListCell *cell;

	if (rewritten_lxid != MyProc->lxid)
	{
		rewritten = NIL;
		rewritten_lxid = MyProc->lxid;
	}
	foreach (cell, rewritten)
		if (((Written *) lfirst(cell))->relid == relid)
			return lfirst(cell);
	return NULL;
}

static void
note_rewritten(const Written *written)
{
	MemoryContext old = MemoryContextSwitchTo(TopTransactionContext);
	Written *note = find_rewritten(written->relid);

	if (note == NULL)
	{
		note = palloc(sizeof(Written));
		rewritten = lappend(rewritten, note);
	}
	*note = *written;
	MemoryContextSwitchTo(old);
}

static void
leave_for_later(Oid relid)
{
	MemoryContext old = MemoryContextSwitchTo(TopMemoryContext);

	later = list_append_unique_oid(later, relid);
	MemoryContextSwitchTo(old);
}

/* ---- rewriting ---- */

/* what pg_class says of a relation's size, and the planner believes */
typedef struct RelationSize
{
	Oid relid;
	int32 pages;
	float4 tuples;
	int32 all_visible;
} RelationSize;

static RelationSize *
size_of(Relation rel)
{
	RelationSize *size = palloc(sizeof(RelationSize));

	size->relid = RelationGetRelid(rel);
	size->pages = rel->rd_rel->relpages;
	size->tuples = rel->rd_rel->reltuples;
	size->all_visible = rel->rd_rel->relallvisible;
	return size;
}

static List *
sizes_of(Relation rel)
{
	List *sizes = list_make1(size_of(rel));
	ListCell *cell;

	foreach (cell, RelationGetIndexList(rel))
	{
		Relation index = relation_open(lfirst_oid(cell), AccessShareLock);

		sizes = lappend(sizes, size_of(index));
		relation_close(index, NoLock);
	}
	return sizes;
}

static void
restore_sizes(List *sizes)
{
	Relation catalog = table_open(RelationRelationId, RowExclusiveLock);
	ListCell *cell;

	foreach (cell, sizes)
	{
		const RelationSize *size = lfirst(cell);
		HeapTuple tuple = SearchSysCacheCopy1(RELOID, ObjectIdGetDatum(size->relid));
		Form_pg_class form = (Form_pg_class) GETSTRUCT(tuple);

		form->relpages = size->pages;
		form->reltuples = size->tuples;
		form->relallvisible = size->all_visible;
		CatalogTupleUpdate(catalog, &tuple->t_self, tuple);
	}
	table_close(catalog, RowExclusiveLock);
	CommandCounterIncrement();
}

/* a rewrite would make locks of the whole table of those of single rows */
static bool
has_predicate_locks(Oid relid)
{
	PredicateLockData *locks = GetPredicateLockStatusData();

	for (int i = 0; i < locks->nelements; i++)
		if (GET_PREDICATELOCKTARGETTAG_RELATION(locks->locktags[i]) == relid)
			return true;
	return false;
}

static bool
can_be_rewritten(Relation rel)
{
	Oid toast = rel->rd_rel->reltoastrelid;
	ListCell *cell;

	if (OidIsValid(toast) && !ConditionalLockRelationOid(toast, AccessExclusiveLock))
		return false;
	if (rel->rd_refcnt > 1 || AfterTriggerPendingOnRel(RelationGetRelid(rel)) ||
		has_predicate_locks(RelationGetRelid(rel)))
		return false;
	/* where a row has moved to another partition, the root's triggers know it by its places there */
	if (rel->rd_rel->relispartition)
		foreach (cell, get_partition_ancestors(RelationGetRelid(rel)))
			if (AfterTriggerPendingOnRel(lfirst_oid(cell)))
				return false;
	return true;
}

static bool
is_ours(Relation rel)
{
	return (rel->rd_rel->relkind == RELKIND_RELATION || rel->rd_rel->relkind == RELKIND_MATVIEW) &&
		   !RELATION_IS_OTHER_TEMP(rel) && RelationIsPopulated(rel);
}

/* false: not now */
static bool
rewrite(Oid relid)
{
	ClusterParams params = { 0 };
	Relation rel;
	List *sizes;

	if (!is_omendb(relid))
		return true;
	if (!ConditionalLockRelationOid(relid, AccessExclusiveLock))
		return false;
	rel = try_relation_open(relid, NoLock);
	if (rel == NULL || !is_ours(rel) || !can_be_rewritten(rel))
	{
		bool is_for_later = rel != NULL && is_ours(rel);

		if (rel != NULL)
			relation_close(rel, NoLock);
		UnlockRelationOid(relid, AccessExclusiveLock);
		return !is_for_later;
	}
	sizes = sizes_of(rel);
	relation_close(rel, NoLock);
	cluster_rel(relid, InvalidOid, &params);
	restore_sizes(sizes);
	return true;
}

/* Which tables are to be rewritten now?  Notes those that are to be rewritten later. */
static List *
choose(bool at_end)
{
	List *now = NIL;
	ListCell *cell;

	if (at_end)
	{
		now = list_copy(later);
		list_free(later);
		later = NIL;
	}
	foreach (cell, find_written())
	{
		const Written *table = lfirst(cell);
		const Written *before = find_rewritten(table->relid);
		bool more = table->inserted > (before == NULL ? 0 : before->inserted);

		now = list_delete_oid(now, table->relid);
		if (more && (at_end || table->changed == 0))
		{
			now = lappend_oid(now, table->relid);
			note_rewritten(table);
		}
		if (at_end && table->changed > 0)
			leave_for_later(table->relid);
	}
	return now;
}

/* at the end of a statement, or, at_end, of a transaction */
static void
rewrite_written(bool at_end)
{
	MemoryContext context;
	MemoryContext old;
	ListCell *cell;
	List *now;

	if (rewriting || IsParallelWorker() || !IsUnderPostmaster || MyBackendType != B_BACKEND)
		return;
	context = AllocSetContextCreate(CurrentMemoryContext, "cold_tables", ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(context);
	now = choose(at_end);
	if (now != NIL)
	{
		rewriting = true;
		CommandCounterIncrement();
		PushActiveSnapshot(GetTransactionSnapshot());
		foreach (cell, now)
			if (!rewrite(lfirst_oid(cell)))
				leave_for_later(lfirst_oid(cell));
		PopActiveSnapshot();
		rewriting = false;
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
}

/* ---- when ---- */

static void
end_statement(void)
{
	if (statements && depth == 0 && IsTransactionBlock() && !IsAbortedTransactionBlockState() &&
		(application_name == NULL || strcmp(application_name, transactions_only) != 0))
		rewrite_written(false);
}

static void
cold_run(QueryDesc *query, ScanDirection direction, uint64 count
#if PG_VERSION_NUM < 180000
		 ,
		 bool execute_once
#endif
)
{
	depth++;
	PG_TRY();
	{
#if PG_VERSION_NUM < 180000
		(previous_run ? previous_run : standard_ExecutorRun)(query, direction, count, execute_once);
#else
		(previous_run ? previous_run : standard_ExecutorRun)(query, direction, count);
#endif
	}
	PG_FINALLY();
	{
		depth--;
	}
	PG_END_TRY();
}

static void
cold_finish(QueryDesc *query)
{
	depth++;
	PG_TRY();
	{
		(previous_finish ? previous_finish : standard_ExecutorFinish)(query);
	}
	PG_FINALLY();
	{
		depth--;
	}
	PG_END_TRY();
}

static void
cold_end(QueryDesc *query)
{
	/* not where a portal is being dropped, nor within deferred triggers */
	bool done = query->operation != CMD_SELECT && query->dest->mydest != DestSPI;

	(previous_end ? previous_end : standard_ExecutorEnd)(query);
	if (done)
		end_statement();
}

static void
cold_utility(PlannedStmt *pstmt, const char *query_string, bool read_only_tree,
			 ProcessUtilityContext context, ParamListInfo params, QueryEnvironment *env,
			 DestReceiver *dest, QueryCompletion *completion)
{
	bool outermost = depth == 0;
	NodeTag kind = nodeTag(pstmt->utilityStmt);

	if (outermost)
		many_transactions = kind != T_CallStmt && kind != T_DoStmt;
	depth++;
	PG_TRY();
	{
		(previous_utility ? previous_utility : standard_ProcessUtility)(
			pstmt, query_string, read_only_tree, context, params, env, dest, completion);
	}
	PG_FINALLY();
	{
		depth--;
	}
	PG_END_TRY();
	if (outermost)
		many_transactions = false;
	if (kind != T_TransactionStmt)
		end_statement();
}

static void
cold_transaction(XactEvent event, void *arg)
{
	if (event == XACT_EVENT_ABORT)
		many_transactions = rewriting = false;
	else if (event == XACT_EVENT_PRE_COMMIT && !many_transactions)
		rewrite_written(true);
}

void
_PG_init(void)
{
	DefineCustomBoolVariable("cold_tables.statements",
							 "Rewrite tables within transaction blocks, too, after each statement.",
							 NULL, &statements, false, PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomStringVariable(
		"cold_tables.transactions_only",
		"The application in which cold_tables.statements counts for nothing.",
		"One that prepares transactions would keep the locks.", &transactions_only, "", PGC_SUSET,
		0, NULL, NULL, NULL);
	previous_utility = ProcessUtility_hook;
	ProcessUtility_hook = cold_utility;
	previous_run = ExecutorRun_hook;
	ExecutorRun_hook = cold_run;
	previous_finish = ExecutorFinish_hook;
	ExecutorFinish_hook = cold_finish;
	previous_end = ExecutorEnd_hook;
	ExecutorEnd_hook = cold_end;
	RegisterXactCallback(cold_transaction, NULL);
}
