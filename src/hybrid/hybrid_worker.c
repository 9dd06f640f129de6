/*
 * hybrid_worker.c
 *		The background worker that freezes hot rows: see hybrid_worker.h.
 *
 * VACUUM itself must not: its xid is missing from snapshots, so that rows would be seen twice (rule Z1 of
 * design.md).  The worker is started dynamically, by VACUUM or by the launcher, and ends when it is done.
 */
#include "postgres.h"

#include "access/relation.h"
#include "access/xact.h"
#include "libpq/pqsignal.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "storage/latch.h"
#include "storage/lmgr.h"
#include "storage/lock.h"
#include "storage/proc.h"
#include "tcop/tcopprot.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/wait_event.h"

#include "base/pg_compat.h"
#include "base/stop_point.h"
#include "hybrid/hybrid_am.h"
#include "hybrid/hybrid_compact.h"
#include "hybrid/hybrid_options.h"
#include "hybrid/hybrid_reindex.h"
#include "hybrid/hybrid_report.h"
#include "hybrid/hybrid_worker.h"

bool hy_freeze_enabled = true;

StaticAssertDecl(sizeof(HyTask) <= BGW_EXTRALEN, "a worker's task fits its slot");

/* like advisory locks, but for a class that users cannot name: locktag_field4 is 1 or 2 in theirs */
#define WORKER_LOCK_CLASS 7

/* of the table's lock */
#define LOCK_TRIES 600
#define LOCK_PAUSE_MS 100

extern PGDLLEXPORT void omendb_freeze_worker(Datum arg);

/* one worker a table: held by the worker as long as it lives */
static bool
try_lock(Oid relid)
{
	LOCKTAG tag;

	SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, relid, 0, WORKER_LOCK_CLASS);
	return LockAcquire(&tag, ExclusiveLock, true, true) != LOCKACQUIRE_NOT_AVAIL;
}

static void
unlock(Oid relid)
{
	LOCKTAG tag;

	SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, relid, 0, WORKER_LOCK_CLASS);
	LockRelease(&tag, ExclusiveLock, true);
}

const char *const hy_too_few_rows = "Its hot rows do not fill a row group";

const char *
hy_worker_refuses(Relation rel, double hot_rows)
{
	const char *reason = hy_cannot_freeze(rel);
	HyOptions options;
	double group_rows;

	if (reason != NULL)
		return reason;
	if (rel->rd_rel->relpersistence == RELPERSISTENCE_TEMP)
		return "It is a temporary table, which only omendb.compact freezes";
	if (!hy_freeze_enabled)
		return "Setting omendb.auto_freeze is off";
	hy_options_read(rel, &options);
	if (!options.auto_freeze)
		return "Its option auto_freeze is off";
	/* what the worker will go by is the setting of the database, not one of this session */
	group_rows = options.row_group_rows > 0
					 ? options.row_group_rows
					 : strtod(GetConfigOptionResetString("omendb.row_group_rows"), NULL);
	return hot_rows < group_rows + (double) options.keep_hot_rows ? hy_too_few_rows : NULL;
}

bool
hy_worker_start(const HyTask *task, bool notify, BackgroundWorkerHandle **handle)
{
	BackgroundWorker worker = { .bgw_flags =
									BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION,
								.bgw_start_time = BgWorkerStart_RecoveryFinished,
								.bgw_restart_time = BGW_NEVER_RESTART,
								.bgw_notify_pid = notify ? MyProcPid : 0 };

	strlcpy(worker.bgw_library_name, "omendb", sizeof(worker.bgw_library_name));
	strlcpy(worker.bgw_function_name, "omendb_freeze_worker", sizeof(worker.bgw_function_name));
	snprintf(worker.bgw_name, sizeof(worker.bgw_name), "omendb freezer of table %u", task->relid);
	strlcpy(worker.bgw_type, "omendb freezer", sizeof(worker.bgw_type));
	memcpy(worker.bgw_extra, task, sizeof(*task));
	return RegisterDynamicBackgroundWorker(&worker, handle);
}

pg_noinline void
hy_worker_request(Relation rel, double hot_rows)
{
	HyTask task = { .database = MyDatabaseId, .relid = RelationGetRelid(rel), .place = -1 };

	const char *reason = hy_worker_refuses(rel, hot_rows);

	/* it gives space back, too, and rebuilds indexes */
	if ((reason != NULL &&
		 (reason != hy_too_few_rows ||
		  !(hy_worth_regrouping(rel) || hy_worth_shrinking(rel) || hy_worth_reindexing(rel)))) ||
		hy_queue_put(task.database, task.relid))
		return;
	if (!try_lock(task.relid))
		return;
	unlock(task.relid);
	if (!hy_worker_start(&task, false, NULL))
	{
		ereport(DEBUG1, (errmsg("no background worker is free to freeze rows of table \"%s\"",
								RelationGetRelationName(rel)),
						 errhint("Raise max_worker_processes.")));
		hy_report_no_worker(rel);
	}
}

/*
 * Take the lock of the table, or give up after a minute: the next VACUUM asks again.  Who waits in the lock's queue would have an
 * autovacuum worker cancelled, which is what has to clean up behind us; so we look again and again.  No snapshot meanwhile: CREATE
 * INDEX CONCURRENTLY, which may have the lock, waits for those that are older than its own.
 */
bool
hy_worker_lock_table(Oid relid)
{
	for (int i = 0; i < LOCK_TRIES; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (ConditionalLockRelationOid(relid, ShareUpdateExclusiveLock))
			return true;
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, LOCK_PAUSE_MS,
						 PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
	}
	return false;
}

/*
 * Be taken for a worker of autovacuum by who waits for our locks, or wants to drop the database: he tells us to end, the former after
 * deadlock_timeout (deadlock.c), the latter at once (CountOtherDBBackends).  All that is lost is the group at hand.  CREATE INDEX CONCURRENTLY
 * does not wait for our snapshots, as it does not for those of autovacuum, which evaluates index expressions as we do.
 */
static void
give_way(void)
{
	LWLockAcquire(ProcArrayLock, LW_EXCLUSIVE);
	MyProc->statusFlags |= PROC_IS_AUTOVACUUM;
	ProcGlobal->statusFlags[MyProc->pgxactoff] = MyProc->statusFlags;
	LWLockRelease(ProcArrayLock);
}

/* one transaction; false: there is nothing more to do, or (later) not now; rebuild: indexes are looked after, too */
static bool
step(const HyTask *task, HyCompaction *work, bool *later, bool *rebuild)
{
	Relation rel;
	bool more = false;

	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	*later = !hy_worker_lock_table(task->relid);
	if (!*later)
		hy_queue_seen(task);
	/* it may have been dropped, or rewritten into another kind of table */
	rel = *later ? NULL : try_relation_open(task->relid, NoLock);
	if (rel != NULL)
	{
		HyOptions options;

		hy_options_read(rel, &options);
		*rebuild = options.reindex_above > 0;
		if (hy_is_hybrid(rel) && options.auto_freeze && hy_cannot_freeze(rel) == NULL)
		{
			StringInfoData activity;

			initStringInfo(&activity);
			appendStringInfo(&activity, "omendb: freezing rows of %s.%s",
							 get_namespace_name(RelationGetNamespace(rel)),
							 RelationGetRelationName(rel));
			pgstat_report_activity(STATE_RUNNING, activity.data);
			pfree(activity.data);
			more = hy_compaction_step(rel, work);
		}
		relation_close(rel, NoLock);
	}
	CommitTransactionCommand();
	pgstat_report_stat(true);
	pgstat_report_activity(STATE_IDLE, NULL);
	return more;
}

/*
 * Is it worth while to come back without being asked?  If rows that could not be frozen yet would fill a group, and freezing is not
 * switched off here; when, or 0.
 */
static bool
is_worth(const HyFreeze *freeze, TimestampTz *due)
{
	uint64 soon = freeze->left[HY_LEFT_YOUNG] + freeze->left[HY_LEFT_IN_USE] +
				  freeze->left[HY_LEFT_CHANGED] + freeze->left[HY_LEFT_REST];

	*due = soon < freeze->group_rows ? freeze->ripe_at : 0;
	return hy_freeze_enabled && freeze->group_rows > 0 &&
		   soon + freeze->left[HY_LEFT_AGE] >= freeze->group_rows;
}

/* entry point of the worker; in the map of exported names by its prefix */
void
omendb_freeze_worker(Datum arg)
{
	HyTask task;
	HyCompaction work = { .shrink = { .context = TopMemoryContext } };
	TimestampTz due = 0;
	bool later;
	bool rebuild = false;

	memcpy(&task, MyBgworkerEntry->bgw_extra, sizeof(task));
	pqsignal(SIGTERM, die);
	BackgroundWorkerUnblockSignals();
	BackgroundWorkerInitializeConnectionByOid(task.database, InvalidOid, 0);
	give_way();
	/* rule Z1: a snapshot for each statement; whatever the database or the role have set */
	SetConfigOption("default_transaction_isolation", "read committed", PGC_SUSET, PGC_S_OVERRIDE);
	SetConfigOption("default_transaction_read_only", "off", PGC_SUSET, PGC_S_OVERRIDE);
	if (!try_lock(task.relid))
	{
		hy_queue_later(&task, false, 0);
		return;
	}
	STOP_POINT("hybrid_worker_started");
	while (step(&task, &work, &later, &rebuild))
		CHECK_FOR_INTERRUPTS();
	/* behind all that makes index entries */
	if (!later && rebuild)
		later = !hy_reindex(task.relid);
	ereport(DEBUG1,
			(errmsg("froze " UINT64_FORMAT " rows of table %u in " UINT64_FORMAT " row groups",
					work.freeze.rows, task.relid, work.freeze.groups),
			 errdetail("%s.", hy_report_left(&work.freeze))));
	/* before the next one may be started */
	unlock(task.relid);
	if (later || is_worth(&work.freeze, &due))
		hy_queue_later(&task, work.freeze.rows > 0, due);
	else
		hy_queue_done(&task);
}
