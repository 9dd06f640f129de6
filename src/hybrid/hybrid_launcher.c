/*
 * hybrid_launcher.c
 *		The process that starts workers which freeze rows, if the library is preloaded: README.md, "Workers".
 *
 * It is connected to no database, and is restarted whenever it ends.  What it knows stands in the queue, but for the
 * handles of the workers it has started.
 */
#include "postgres.h"

#include "libpq/pqsignal.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/proc.h"
#include "utils/guc.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"

#include "hybrid/hybrid_queue.h"
#include "hybrid/hybrid_worker.h"

/* s, after an error or a termination */
#define RESTART_PAUSE 5
/* s, when the server had no worker for us */
#define RETRY_PAUSE 5

/* a worker that we have started, and that has not ended as far as we know */
typedef struct Started
{
	HyTask task;
	BackgroundWorkerHandle *handle;
} Started;

static Started started[HY_FREEZE_WORKERS_MAX];
static int started_count = 0;

extern PGDLLEXPORT void omendb_freeze_launcher(Datum arg);

static void
reap(void)
{
	for (int i = 0; i < started_count;)
	{
		pid_t pid;

		if (GetBackgroundWorkerPid(started[i].handle, &pid) != BGWH_STOPPED)
		{
			i++;
			continue;
		}
		hy_queue_ended(&started[i].task);
		pfree(started[i].handle);
		started[i] = started[--started_count];
	}
}

/* start what is due, as far as there is room; when to look again without being woken */
static TimestampTz
start_due(void)
{
	TimestampTz now = GetCurrentTimestamp();
	TimestampTz due = 0;
	HyTask task;

	/* else we look again when a worker ends, of which we are told */
	while (started_count < hy_freeze_workers && hy_queue_take(now, &task, &due))
	{
		Started *worker = &started[started_count];

		worker->task = task;
		if (!hy_worker_start(&task, true, &worker->handle))
		{
			hy_queue_put_back(&task);
			return now + RETRY_PAUSE * USECS_PER_SEC;
		}
		started_count++;
	}
	return due;
}

static void
detach(int code, Datum arg)
{
	hy_queue_attach(NULL);
}

/* entry point; in the map of exported names by its prefix */
void
omendb_freeze_launcher(Datum arg)
{
	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	/* not die(), which would log an error at each shutdown */
	pqsignal(SIGTERM, SignalHandlerForShutdownRequest);
	BackgroundWorkerUnblockSignals();
	BackgroundWorkerInitializeConnection(NULL, NULL, 0);
	pgstat_report_activity(STATE_IDLE, NULL);
	before_shmem_exit(detach, (Datum) 0);
	hy_queue_attach(MyLatch);
	for (;;)
	{
		TimestampTz due;
		long pause = (long) hy_freeze_naptime * 1000;

		/* before we look: whoever comes behind this sets it again */
		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
		/* whoever has told us so, we are started again as long as the server runs */
		if (ShutdownRequestPending)
			proc_exit(1);
		if (ConfigReloadPending)
		{
			ConfigReloadPending = false;
			ProcessConfigFile(PGC_SIGHUP);
		}
		reap();
		due = start_due();
		if (due != 0)
			pause = Min(pause, TimestampDifferenceMilliseconds(GetCurrentTimestamp(), due));
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, pause,
						 PG_WAIT_EXTENSION);
	}
}

void
hybrid_launcher_init(void)
{
	BackgroundWorker worker = {
		.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION,
		/* not on a standby, before it is promoted */
		.bgw_start_time = BgWorkerStart_RecoveryFinished,
		.bgw_restart_time = RESTART_PAUSE,
		.bgw_library_name = "omendb",
		.bgw_function_name = "omendb_freeze_launcher",
		.bgw_name = "omendb freeze launcher",
		.bgw_type = "omendb freeze launcher",
	};

	/* pg_upgrade wants nobody else to use the new cluster */
	if (!IsBinaryUpgrade)
		RegisterBackgroundWorker(&worker);
}
