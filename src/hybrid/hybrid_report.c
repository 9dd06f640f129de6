/*
 * hybrid_report.c
 *		What freezing says of itself: the report in the metapage, and omendb.freeze_stats().
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/relation.h"
#include "access/twophase.h"
#include "commands/progress.h"
#include "fmgr.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "replication/walsender.h"
#include "replication/walsender_private.h"
#include "storage/bufmgr.h"
#include "storage/lwlock.h"
#include "storage/proc.h"
#include "storage/procarray.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

#include "hybrid/hybrid_directory.h"
#include "hybrid/hybrid_inspect.h"
#include "hybrid/hybrid_report.h"
#include "hybrid/hybrid_worker.h"

PG_FUNCTION_INFO_V1(omendb_freeze_stats);

/* by HyLeft: the name in left_hot, and what compact says */
static const struct
{
	const char *name;
	const char *words;
} reasons[] = {
	[HY_LEFT_YOUNG] = { "young", "too young for some snapshot" },
	[HY_LEFT_IN_USE] = { "in_use", "being changed or locked" },
	[HY_LEFT_CHANGED] = { "changed", "changed or locked meanwhile" },
	[HY_LEFT_LARGE] = { "too_large", "too large for a row group" },
	[HY_LEFT_KEPT] = { "keep_hot_rows", "kept by option keep_hot_rows" },
	[HY_LEFT_AGE] = { "freeze_after", "kept by option freeze_after" },
	[HY_LEFT_REST] = { "below_group", "too few to fill a row group" },
};

StaticAssertDecl(lengthof(reasons) < HY_LEFT_COUNT, "each reason has its place in a report");

/* ---- who holds the horizon back? ---- */

/* Does this process, or prepared transaction, count for horizons of this database as `horizon` says?  ProcArrayLock is held. */
static bool
holds(const PGPROC *proc, TransactionId horizon, bool *by_xid)
{
	if (proc == MyProc || (proc->statusFlags & (PROC_IN_VACUUM | PROC_IN_LOGICAL_DECODING)) != 0 ||
		(OidIsValid(proc->databaseId) && proc->databaseId != MyDatabaseId &&
		 (proc->statusFlags & PROC_AFFECTS_ALL_HORIZONS) == 0))
		return false;
	*by_xid = proc->xid == horizon;
	return *by_xid || proc->xmin == horizon;
}

static bool
is_walsender(int pid)
{
	for (int i = 0; i < max_wal_senders; i++)
		if (WalSndCtl->walsnds[i].pid == pid)
			return true;
	return false;
}

static void
find_holder(HyFreeze *freeze)
{
	TransactionId slot_xmin;
	TransactionId catalog_xmin;
	bool prepared = false;

	freeze->holder = HY_HOLDER_UNKNOWN;
	freeze->holder_pid = 0;
	LWLockAcquire(ProcArrayLock, LW_SHARED);
	for (uint32 i = 0; i < ProcGlobal->allProcCount; i++)
	{
		const PGPROC *proc = &ProcGlobal->allProcs[i];
		bool by_xid;

		if (proc->pid == 0 || !holds(proc, freeze->horizon, &by_xid))
			continue;
		/* a walsender's xmin is its standby's */
		freeze->holder = is_walsender(proc->pid) ? HY_HOLDER_STANDBY : HY_HOLDER_SESSION;
		freeze->holder_pid = proc->pid;
		/* others' snapshots are as old as it only because it is there */
		if (by_xid)
			break;
	}
	for (int i = 0; i < max_prepared_xacts && PreparedXactProcs != NULL; i++)
	{
		bool by_xid;

		prepared = prepared || (holds(&PreparedXactProcs[i], freeze->horizon, &by_xid) && by_xid);
	}
	LWLockRelease(ProcArrayLock);
	/* a place that nobody has shows the xid of who had it last, which somebody else's snapshot may be as old as */
	if (prepared && TransactionIdIsInProgress(freeze->horizon))
	{
		freeze->holder = HY_HOLDER_PREPARED;
		freeze->holder_pid = 0;
	}
	ProcArrayGetReplicationSlotXmin(&slot_xmin, &catalog_xmin);
	if (freeze->holder == HY_HOLDER_UNKNOWN && slot_xmin == freeze->horizon)
		freeze->holder = HY_HOLDER_SLOT;
}

/* NULL: nobody is known */
static char *
describe_holder(HyHolder holder, int pid)
{
	switch (holder)
	{
		case HY_HOLDER_UNKNOWN:
			break;
		case HY_HOLDER_SESSION:
			return psprintf("session %d", pid);
		case HY_HOLDER_STANDBY:
			return psprintf("standby of walsender %d", pid);
		case HY_HOLDER_PREPARED:
			return pstrdup("prepared transaction");
		case HY_HOLDER_SLOT:
			return pstrdup("replication slot");
	}
	return NULL;
}

/* ---- writing ---- */

static void
write_report(Relation rel, const HyFreezeReport *report)
{
	HyChange change;

	hy_change_begin(&change, rel);
	change.meta.report = *report;
	hy_change_commit(&change, HY_REC_VACUUM, InvalidBlockNumber, NULL, NULL, 0);
	hy_change_end(&change);
}

void
hy_report_write(Relation rel, HyFreeze *freeze, bool complete)
{
	HyFreezeReport report = { .run_at = GetCurrentTimestamp(),
							  .rows = freeze->rows,
							  .groups = freeze->groups };
	HyMeta meta;

	if (!hy_meta_read(rel, &meta))
		return;
	report.frozen_at = freeze->groups > 0 ? report.run_at : meta.report.frozen_at;
	report.rebuilt_at = meta.report.rebuilt_at;
	memcpy(report.left, freeze->left, sizeof(report.left));
	if (freeze->left[HY_LEFT_YOUNG] > 0)
	{
		find_holder(freeze);
		report.horizon = freeze->horizon;
		report.holder = (uint16) freeze->holder;
		report.holder_pid = freeze->holder_pid;
	}
	if (complete)
		report.flags |= HY_REPORT_COMPLETE;
	write_report(rel, &report);
}

void
hy_report_no_worker(Relation rel)
{
	HyMeta meta;

	if (!hy_meta_read(rel, &meta) || (meta.report.flags & HY_REPORT_NO_WORKER) != 0)
		return;
	meta.report.flags |= HY_REPORT_NO_WORKER;
	write_report(rel, &meta.report);
}

void
hy_report_rebuilt(Relation rel)
{
	HyMeta meta;

	if (!hy_meta_read(rel, &meta))
		return;
	meta.report.rebuilt_at = (uint32) (meta.next_row / HY_ROW_ALIGN) + 1;
	write_report(rel, &meta.report);
}

/* ---- telling ---- */

char *
hy_report_left(const HyFreeze *freeze)
{
	StringInfoData buf;
	const char *separator = "Rows left hot: ";
	char *holder = describe_holder(freeze->holder, freeze->holder_pid);

	initStringInfo(&buf);
	for (int i = 0; i < lengthof(reasons); i++)
	{
		if (freeze->left[i] == 0)
			continue;
		appendStringInfo(&buf, "%s" UINT64_FORMAT " %s", separator, freeze->left[i],
						 reasons[i].words);
		if (i == HY_LEFT_YOUNG && holder != NULL)
			appendStringInfo(&buf, " (%s)", holder);
		separator = ", ";
	}
	if (buf.len == 0)
		appendStringInfoString(&buf, "No rows were left hot");
	return buf.data;
}

static Datum
left_datum(const HyFreezeReport *report)
{
	StringInfoData buf;
	const char *separator = "";

	initStringInfo(&buf);
	appendStringInfoChar(&buf, '{');
	for (int i = 0; i < lengthof(reasons); i++)
	{
		if (report->left[i] == 0)
			continue;
		appendStringInfo(&buf, "%s\"%s\": " UINT64_FORMAT, separator, reasons[i].name,
						 report->left[i]);
		separator = ", ";
	}
	appendStringInfoChar(&buf, '}');
	return DirectFunctionCall1(jsonb_in, CStringGetDatum(buf.data));
}

/* hot rows as VACUUM has counted them; negative: it has not */
static double
counted_hot_rows(Relation rel, const HyMeta *meta)
{
	/* here if there are row groups, else in pg_class only: see hybrid_relation_vacuum */
	if (meta->hot_pages > 0)
		return (double) meta->hot_rows;
	if (RelationGetNumberOfBlocks(rel) <= meta->opaque_pages)
		return 0;
	return meta->groups > 0 ? -1 : rel->rd_rel->reltuples;
}

/* why does VACUUM not have rows frozen, as it is now? */
static const char *
find_obstacle(Relation rel, const HyMeta *meta)
{
	double hot_rows = counted_hot_rows(rel, meta);
	const char *reason = hy_worker_refuses(rel, Max(hot_rows, 0));

	if (reason == hy_too_few_rows && hot_rows < 0)
		return "VACUUM has not counted its hot rows yet";
	if (reason == NULL && (meta->report.flags & HY_REPORT_NO_WORKER) != 0)
		return "No background worker was free when VACUUM asked for one, see "
			   "max_worker_processes";
	if (reason == NULL && hy_queue_waits(MyDatabaseId, RelationGetRelid(rel)))
		return "It waits for a background worker, see omendb.freeze_workers and "
			   "max_worker_processes";
	return reason;
}

/*
 * omendb.freeze_stats(regclass): the report of the last run, and what is in the way of the next.
 */
Datum
omendb_freeze_stats(PG_FUNCTION_ARGS)
{
	Relation rel = hy_inspect_open(PG_GETARG_OID(0), AccessShareLock);
	Datum values[6] = { 0 };
	bool nulls[6] = { true, true, true, true, true, true };
	const char *obstacle = NULL;
	TupleDesc desc;
	HyMeta meta;

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "result type of function %u is not a row type", fcinfo->flinfo->fn_oid);
	if (hy_meta_read(rel, &meta))
	{
		const HyFreezeReport *report = &meta.report;
		bool any = report->run_at != 0;
		bool complete = (report->flags & HY_REPORT_COMPLETE) != 0;
		char *holder = describe_holder((HyHolder) report->holder, report->holder_pid);

		values[0] = TimestampTzGetDatum(report->frozen_at);
		nulls[0] = report->frozen_at == 0;
		values[1] = TimestampTzGetDatum(report->run_at);
		values[2] = Int64GetDatum((int64) report->rows);
		nulls[1] = nulls[2] = !any;
		values[3] = left_datum(report);
		nulls[3] = !any || !complete;
		nulls[4] = !any || holder == NULL;
		if (holder != NULL)
			values[4] = CStringGetTextDatum(holder);
		obstacle = find_obstacle(rel, &meta);
	}
	nulls[5] = obstacle == NULL;
	if (obstacle != NULL)
		values[5] = CStringGetTextDatum(obstacle);
	relation_close(rel, AccessShareLock);
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls));
}

/* ---- progress ---- */

/*
 * Freezing shows in pg_stat_progress_vacuum, whose columns mean about the same for it; the view omendb.compact_progress
 * knows it by PROGRESS_OURS and reads the rest, too.
 */
#define PROGRESS_STEP 15
#define PROGRESS_GROUPS 16
#define PROGRESS_ROWS 17
#define PROGRESS_GROUP_ROWS 18
#define PROGRESS_OURS 19

void
hy_progress_begin(Relation rel, const HyFreeze *freeze)
{
	const int params[] = { PROGRESS_OURS, PROGRESS_GROUPS, PROGRESS_ROWS,
						   PROGRESS_VACUUM_TOTAL_HEAP_BLKS };
	const int64 values[] = { 1, (int64) freeze->groups, (int64) freeze->rows,
							 RelationGetNumberOfBlocks(rel) };

	pgstat_progress_start_command(PROGRESS_COMMAND_VACUUM, RelationGetRelid(rel));
	pgstat_progress_update_multi_param(lengthof(params), params, values);
}

void
hy_progress_step(HyStep step, uint32 rows)
{
	const int params[] = { PROGRESS_STEP, PROGRESS_GROUP_ROWS, PROGRESS_VACUUM_PHASE };
	const int64 values[] = { step, rows,
							 step == HY_STEP_GATHER		? PROGRESS_VACUUM_PHASE_SCAN_HEAP
							 : step == HY_STEP_INDEXES	? PROGRESS_VACUUM_PHASE_VACUUM_INDEX
							 : step == HY_STEP_TRUNCATE ? PROGRESS_VACUUM_PHASE_TRUNCATE
														: PROGRESS_VACUUM_PHASE_VACUUM_HEAP };

	pgstat_progress_update_multi_param(lengthof(params), params, values);
}

void
hy_progress_alone(Relation rel, HyStep step, uint32 rows)
{
	HyFreeze none = { 0 };

	hy_progress_begin(rel, &none);
	hy_progress_step(step, rows);
}
