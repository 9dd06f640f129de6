/*
 * hybrid_reindex.c
 *		Rebuilding indexes that have become too large, by REINDEX CONCURRENTLY: README.md, "Rebuilding indexes".
 *
 * A frozen row has a new TID, so each index gets an entry more, which splits its pages; VACUUM takes the old ones, and
 * half-empty pages are never joined.  In order of the rows no entry will ever come to fill them.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/relation.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/dependency.h"
#include "catalog/indexing.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_index.h"
#include "commands/defrem.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/parsenodes.h"
#include "pgstat.h"
#include "storage/bufmgr.h"
#include "storage/latch.h"
#include "storage/lmgr.h"
#include "storage/lock.h"
#include "storage/proc.h"
#include "storage/procarray.h"
#include "utils/fmgroids.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/timeout.h"
#include "utils/wait_event.h"

#include "base/check.h"
#include "base/index_bloat.h"
#include "base/pg_compat.h"
#include "hybrid/hybrid_am.h"
#include "hybrid/hybrid_directory.h"
#include "hybrid/hybrid_freeze.h"
#include "hybrid/hybrid_options.h"
#include "hybrid/hybrid_report.h"
#include "hybrid/hybrid_reindex.h"
#include "hybrid/hybrid_worker.h"

PG_FUNCTION_INFO_V1(omendb_index_bloat);

/* blocks: smaller ones are not worth the trouble, nor are they well estimated */
#define PAGES_MIN 128
/* of the rows of a table have to be frozen between two rebuilds */
#define GROWTH_SHARE 4
/* of other transactions, before we begin */
#define QUIET_TRIES 100
#define QUIET_PAUSE_MS 100
/* ms, for each transaction that is in the way of a rebuild */
#define PATIENCE_MS 60000
/* a look takes all partitions of the lock table */
#define DEADLOCK_PAUSE_MIN_MS 10

/* what is to be done next */
typedef struct Job
{
	Oid index;
	bool drop; /* else rebuild */
	double bloat;
	char *name; /* for messages */
} Job;

typedef struct Reindex
{
	Oid relid;
	MemoryContext context; /* outlives transactions, but not this work */
	Job job;			   /* that is looked for or done */
	List *tried;		   /* OIDs of indexes, of rebuilt ones the new ones: not again */
	bool changed;		   /* an index was rebuilt, or could not be and will hardly be soon */
	bool quiet;			   /* nobody was in the way a moment ago */
	bool later;
} Reindex;

/* ---- what is there to do? ---- */

/* as ChooseRelationName makes it: ..._ccnew, ..._ccold, with or without a number */
static bool
is_leftover_name(const char *name)
{
	size_t len = strlen(name);

	while (len > 0 && isdigit((unsigned char) name[len - 1]))
		len--;
	return len > 6 &&
		   (strncmp(name + len - 6, "_ccnew", 6) == 0 || strncmp(name + len - 6, "_ccold", 6) == 0);
}

/* Left behind by a REINDEX CONCURRENTLY: none is under way as long as the caller holds ShareUpdateExclusiveLock of the table. */
static bool
is_leftover(Relation index)
{
	return !index->rd_index->indisvalid && !index->rd_rel->relispartition &&
		   is_leftover_name(RelationGetRelationName(index)) &&
		   !OidIsValid(get_index_constraint(RelationGetRelid(index)));
}

/* might it be worth rebuilding?  Reads no page of it. */
static bool
is_candidate(Relation index)
{
	Form_pg_index form = index->rd_index;

	/* REINDEX CONCURRENTLY refuses exclusion constraints */
	return form->indisvalid && form->indisready && form->indislive && !form->indisexclusion &&
		   om_index_bloat_known(index) && RelationGetNumberOfBlocks(index) >= PAGES_MIN;
}

/*
 * Have so many rows been frozen since indexes were rebuilt that it may pay again?  Keys in random order split the full pages of a new index at once,
 * after which it is as large as before: without this each group would cost a rebuild of all.
 */
static bool
has_grown(Relation rel)
{
	HyMeta meta;
	uint64 frozen;

	if (!hy_meta_read(rel, &meta))
		return false;
	if (meta.report.rebuilt_at == 0)
		return true;
	frozen = meta.next_row - (uint64) (meta.report.rebuilt_at - 1) * HY_ROW_ALIGN;
	return frozen >= (meta.rows + meta.hot_rows) / GROWTH_SHARE;
}

/* All indexes of a table: those that are being dropped, too, which the relation cache leaves out. */
static List *
all_indexes(Relation rel)
{
	Relation catalog = table_open(IndexRelationId, AccessShareLock);
	List *indexes = NIL;
	SysScanDesc scan;
	ScanKeyData key;
	HeapTuple tuple;

	ScanKeyInit(&key, Anum_pg_index_indrelid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(RelationGetRelid(rel)));
	scan = systable_beginscan(catalog, IndexIndrelidIndexId, true, NULL, 1, &key);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
		indexes = lappend_oid(indexes, ((Form_pg_index) GETSTRUCT(tuple))->indexrelid);
	systable_endscan(scan);
	table_close(catalog, AccessShareLock);
	return indexes;
}

/* the factor of a table whose indexes a worker looks after; 0: of no other */
static double
rebuild_above(Relation rel)
{
	HyOptions options;

	if (!hy_is_hybrid(rel) || rel->rd_rel->relpersistence == RELPERSISTENCE_TEMP)
		return 0;
	hy_options_read(rel, &options);
	return options.auto_freeze ? options.reindex_above : 0;
}

/*
 * The next job, in work->job.  The caller holds ShareUpdateExclusiveLock, so that the table's indexes are what they are.  Leftovers first: they cost
 * every insert.  If an index cannot be read, work->job tells which.
 */
static bool
find_job(Reindex *work, Relation rel)
{
	Job *job = &work->job;
	double above = rebuild_above(rel);
	List *indexes;
	ListCell *cell;
	int passes;
	bool found = false;

	if (above <= 0)
		return false;
	indexes = all_indexes(rel);
	passes = has_grown(rel) ? 2 : 1;
	for (int pass = 0; pass < passes && !found; pass++)
		foreach (cell, indexes)
		{
			Relation index;

			if (list_member_oid(work->tried, lfirst_oid(cell)))
				continue;
			index = index_open(lfirst_oid(cell), AccessShareLock);
			*job = (Job){ .index = lfirst_oid(cell), .drop = pass == 0 };
			job->name = MemoryContextStrdup(work->context, RelationGetRelationName(index));
			found = job->drop ? is_leftover(index)
							  : is_candidate(index) && om_index_bloat(index, &job->bloat) &&
									job->bloat > above;
			index_close(index, AccessShareLock);
			if (found)
				break;
			pfree(job->name);
			job->index = InvalidOid;
		}
	list_free(indexes);
	return found;
}

bool
hy_worth_reindexing(Relation rel)
{
	List *indexes;
	ListCell *cell;
	bool grown;
	bool worth = false;

	if (rebuild_above(rel) <= 0)
		return false;
	indexes = all_indexes(rel);
	grown = has_grown(rel);
	foreach (cell, indexes)
	{
		Relation index = index_open(lfirst_oid(cell), AccessShareLock);

		worth = is_leftover(index) || (grown && is_candidate(index));
		index_close(index, AccessShareLock);
		if (worth)
			break;
	}
	list_free(indexes);
	return worth;
}

/* ---- whoever is in the way ---- */

/* have all of these ended?  Looks so many times. */
static bool
wait_for_end(const VirtualTransactionId *others, int count, int *tries)
{
	for (int next = 0; next < count;)
	{
		if (VirtualXactLock(others[next], false))
		{
			next++;
			continue;
		}
		if ((*tries)-- <= 0)
			return false;
		CHECK_FOR_INTERRUPTS();
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, QUIET_PAUSE_MS,
						 PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
	}
	return true;
}

/*
 * Wait until all transactions of this database that are running now have ended, and prepared ones that have locked the table, but not
 * long.  A rebuild waits for them, for some at its end only, and has the table locked meanwhile: better not to begin.  VACUUM's do
 * not count, as they do not for REINDEX.
 */
static bool
wait_for_quiet(Oid relid)
{
	VirtualTransactionId *others;
	int tries = QUIET_TRIES;
	int count;
	LOCKTAG tag;
	bool quiet;

	SET_LOCKTAG_RELATION(tag, MyDatabaseId, relid);
	others = GetLockConflicts(&tag, AccessExclusiveLock, &count);
	quiet = wait_for_end(others, count, &tries);
	pfree(others);
	if (!quiet)
		return false;
	others = GetCurrentVirtualXIDs(InvalidTransactionId, false, false,
								   PROC_IS_AUTOVACUUM | PROC_IN_VACUUM | PROC_IN_SAFE_IC, &count);
	quiet = wait_for_end(others, count, &tries);
	pfree(others);
	return quiet;
}

static TimeoutId watch = MAX_TIMEOUTS;

/*
 * REINDEX CONCURRENTLY waits for transactions that use the table.  One of them that comes to want a stronger lock is in a deadlock with us, and would
 * be the one to fail, since it looks for one last.  So we look again and again, and are the first to see it.  All else that somebody waits for
 * has us cancelled, as always: see give_way in hybrid_worker.c.
 */
static void
watch_for_deadlocks(void)
{
	int pause = Max(DeadlockTimeout / 4, DEADLOCK_PAUSE_MIN_MS);

	if (watch == MAX_TIMEOUTS)
		watch = RegisterTimeout(USER_TIMEOUT, CheckDeadLockAlert);
	enable_timeout_every(watch, TimestampTzPlusMilliseconds(GetCurrentTimestamp(), pause), pause);
}

/* for the rest of this worker's life, which ends with the rebuilding */
static void
set_limits(void)
{
	/* an owner may want less */
	if (LockTimeout == 0 || LockTimeout > PATIENCE_MS)
		SetConfigOption("lock_timeout", CppAsString2(PATIENCE_MS), PGC_SUSET, PGC_S_OVERRIDE);
	/* each look for a deadlock would be logged */
	SetConfigOption("log_lock_waits", "off", PGC_SUSET, PGC_S_OVERRIDE);
	om_no_transaction_timeout();
}

/* ---- doing it ---- */

static void
report(const Job *job, const char *what)
{
	StringInfoData activity;

	initStringInfo(&activity);
	appendStringInfo(&activity, "omendb: %s index %s.%s", what,
					 get_namespace_name(get_rel_namespace(job->index)), get_rel_name(job->index));
	pgstat_report_activity(STATE_RUNNING, activity.data);
	pfree(activity.data);
}

/* Commits and starts transactions, as the other one does.  By OID: names may change. */
static void
drop_index(Oid index)
{
	ObjectAddresses *objects = new_object_addresses();
	ObjectAddress object;

	ObjectAddressSet(object, RelationRelationId, index);
	add_exact_object_address(&object, objects);
	performMultipleDeletions(objects, DROP_RESTRICT, PERFORM_DELETION_CONCURRENTLY);
	free_object_addresses(objects);
}

static void
rebuild_index(Reindex *work)
{
	Oid index = work->job.index;
	ReindexStmt *stmt = makeNode(ReindexStmt);
	Oid namespace_oid = get_rel_namespace(index);

	/* it is told by its name, which this keeps from changing; that of the schema may */
	LockRelationOid(index, ShareUpdateExclusiveLock);
	stmt->kind = REINDEX_OBJECT_INDEX;
	stmt->relation = makeRangeVar(get_namespace_name(namespace_oid), get_rel_name(index), -1);
	stmt->params = list_make1(makeDefElem(pstrdup("concurrently"), NULL, -1));
	if (RangeVarGetRelid(stmt->relation, NoLock, true) != index)
		ereport(ERROR, (errcode(ERRCODE_LOCK_NOT_AVAILABLE), errmsg("its name has just changed")));
	ExecReindex(NULL, stmt, true);
	MemoryContextSwitchTo(work->context);
	/* it has another OID now */
	work->tried =
		lappend_oid(work->tried, get_relname_relid(stmt->relation->relname, namespace_oid));
	work->changed = true;
	ereport(DEBUG1, (errmsg("rebuilt index \"%s\", which was %.1f times larger than a new one",
							work->job.name, work->job.bloat)));
}

/* errors of the moment: it may be different in a while */
static bool
is_passing(const ErrorData *error)
{
	return error->sqlerrcode == ERRCODE_QUERY_CANCELED ||
		   error->sqlerrcode == ERRCODE_LOCK_NOT_AVAILABLE ||
		   error->sqlerrcode == ERRCODE_T_R_DEADLOCK_DETECTED;
}

/* Behind an error, wherever it was: the transaction's locks go, and the session's as well, but for the worker's own. */
static ErrorData *
clean_up(Reindex *work)
{
	ErrorData *error;

	HOLD_INTERRUPTS();
	if (watch != MAX_TIMEOUTS)
		disable_timeout(watch, false);
	MemoryContextSwitchTo(work->context);
	error = CopyErrorData();
	FlushErrorState();
	AbortOutOfAnyTransaction();
	/* who else has waited for us has what he wants */
	QueryCancelPending = false;
	MemoryContextSwitchTo(work->context);
	RESUME_INTERRUPTS();
	return error;
}

static void
complain(const Reindex *work, const ErrorData *error)
{
	const Job *job = &work->job;
	bool passing = is_passing(error);

	if (!OidIsValid(job->index))
		ereport(passing ? LOG : WARNING, (errcode(error->sqlerrcode),
										  errmsg("could not look after the indexes of table %u: %s",
												 work->relid, error->message)));
	else
		ereport(
			passing ? LOG : WARNING,
			(errcode(error->sqlerrcode),
			 job->drop ? errmsg("could not drop index \"%s\": %s", job->name, error->message)
					   : errmsg("could not rebuild index \"%s\": %s", job->name, error->message),
			 passing || job->drop ? 0
								  : errhint("It is tried again when more rows have been frozen.")));
}

/* Work->job.  The table is locked by the present transaction, which is another one afterwards, and committed. */
static void
carry_out(Reindex *work)
{
	const Job *job = &work->job;

	report(job, job->drop ? "dropping" : "rebuilding");
	MemoryContextSwitchTo(work->context);
	work->tried = lappend_oid(work->tried, job->index);
	watch_for_deadlocks();
	PushActiveSnapshot(GetTransactionSnapshot());
	if (job->drop)
		drop_index(job->index);
	else
		rebuild_index(work);
	if (ActiveSnapshotSet())
		PopActiveSnapshot();
	CommitTransactionCommand();
	disable_timeout(watch, false);
	/* who has waited for us has what he wants */
	QueryCancelPending = false;
	pgstat_report_stat(true);
	pgstat_report_activity(STATE_IDLE, NULL);
}

/* a job, or the wait before it; false: there is none, or not now */
static bool
step(Reindex *work)
{
	Relation rel;
	bool found = false;

	work->job.index = InvalidOid;
	CHECK_FOR_INTERRUPTS();
	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	if (!hy_worker_lock_table(work->relid))
	{
		work->later = true;
		CommitTransactionCommand();
		return false;
	}
	rel = try_relation_open(work->relid, NoLock);
	if (rel != NULL)
	{
		PushActiveSnapshot(GetTransactionSnapshot());
		found = find_job(work, rel);
		PopActiveSnapshot();
		if (!found && work->changed && hy_is_hybrid(rel))
			hy_report_rebuilt(rel);
		relation_close(rel, NoLock);
	}
	if (found && work->quiet)
	{
		work->quiet = false;
		carry_out(work);
		return true;
	}
	if (found)
		report(&work->job, work->job.drop ? "waiting to drop" : "waiting to rebuild");
	CommitTransactionCommand();
	if (!found)
		return false;
	/* without the lock */
	StartTransactionCommand();
	work->quiet = wait_for_quiet(work->relid);
	work->later = !work->quiet;
	CommitTransactionCommand();
	pgstat_report_activity(STATE_IDLE, NULL);
	return work->quiet;
}

/* the same; an error is not in the way of other indexes, nor of the worker's other tasks */
static bool
guarded_step(Reindex *work)
{
	ErrorData *volatile error = NULL;
	volatile bool more = false;

	PG_TRY();
	{
		more = step(work);
	}
	PG_CATCH();
	{
		error = clean_up(work);
	}
	PG_END_TRY();
	if (error == NULL)
		return more;
	complain(work, error);
	pgstat_report_activity(STATE_IDLE, NULL);
	/* it could be the same again for the next, or without end */
	if (is_passing(error) || !OidIsValid(work->job.index))
	{
		work->later = is_passing(error);
		return false;
	}
	if (!work->job.drop)
		work->changed = true;
	work->tried = list_append_unique_oid(work->tried, work->job.index);
	return true;
}

bool
hy_reindex(Oid relid)
{
	Reindex work = { .relid = relid };
	MemoryContext previous = CurrentMemoryContext;
	MemoryContext portal = PortalContext;

	work.context =
		AllocSetContextCreate(TopMemoryContext, "omendb reindex", ALLOCSET_DEFAULT_SIZES);
	set_limits();
	/* what rebuilds take for that which survives their transactions */
	PortalContext = work.context;
	while (guarded_step(&work))
		MemoryContextSwitchTo(work.context);
	PortalContext = portal;
	MemoryContextSwitchTo(previous);
	MemoryContextDelete(work.context);
	return !work.later;
}

/* ---- SQL ---- */

/*
 * omendb.index_bloat(regclass): what the worker goes by; NULL for what it leaves alone because of its access method.
 */
Datum
omendb_index_bloat(PG_FUNCTION_ARGS)
{
	Relation index = try_relation_open(PG_GETARG_OID(0), AccessShareLock);
	double bloat;
	bool known;

	/* dropped, as old ones are when they are rebuilt, since somebody has listed it */
	if (index == NULL)
		PG_RETURN_NULL();
	if (index->rd_rel->relkind != RELKIND_INDEX &&
		index->rd_rel->relkind != RELKIND_PARTITIONED_INDEX)
		ereport(ERROR, (errcode(ERRCODE_WRONG_OBJECT_TYPE),
						errmsg("\"%s\" is not an index", RelationGetRelationName(index))));
	om_check_readable(index);
	known = om_index_bloat(index, &bloat);
	index_close(index, AccessShareLock);
	if (!known)
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(bloat);
}
