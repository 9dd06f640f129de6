/*
 * alex_parallel.c
 *		Parallel index builds: workers and the leader share the scan of the table, each
 *		sorts what it got into one run in a shared temporary file, and the leader
 *		merges these while it loads the tree.
 *
 * The protocol is that of parallel nbtree builds: a DSM segment with the state below, behind
 * it the parallel scan's.  Participants report by counting themselves done; the leader
 * waits for all who attached, and learns of one that failed by its error
 * message, or by the end of its message queue.  Loading stays in the leader: packing costs
 * less than scanning, and pages follow one another in the file that way.
 *
 * maintenance_work_mem is for all participants together.
 */
#include "postgres.h"

#include "access/parallel.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/index.h"
#include "commands/progress.h"
#include "executor/instrument.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/condition_variable.h"
#include "storage/spin.h"
#include "tcop/tcopprot.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "alex/alex_build.h"
#include "alex/alex_parallel.h"
#include "base/pg_compat.h"
#include "base/stop_point.h"

#define KEY_SHARED UINT64CONST(0xA1EC000000000001)
#define KEY_QUERY_TEXT UINT64CONST(0xA1EC000000000002)
#define KEY_WAL_USAGE UINT64CONST(0xA1EC000000000003)
#define KEY_BUFFER_USAGE UINT64CONST(0xA1EC000000000004)

typedef struct AlexShared
{
	/* set by the leader before workers start */
	Oid heap;
	Oid index;
	bool concurrent;
	int participants; /* if all workers start */

	SharedFileSet files;
	ConditionVariable done_cv;

	slock_t mutex; /* over what follows */
	int done;
	double heap_tuples;
	double index_tuples;
	bool broken_hot_chain;
	AlexSortPart parts[FLEXIBLE_ARRAY_MEMBER];
	/* then, aligned, the parallel scan */
} AlexShared;

struct AlexLeader
{
	ParallelContext *context;
	AlexShared *shared;
	Snapshot snapshot;
	int participants; /* who take part */
	WalUsage *wal_usage;
	BufferUsage *buffer_usage;
};

static Size
shared_bytes(int participants)
{
	return BUFFERALIGN(
		add_size(offsetof(AlexShared, parts), mul_size(participants, sizeof(AlexSortPart))));
}

static ParallelTableScanDesc
shared_scan(AlexShared *shared)
{
	return (ParallelTableScanDesc) ((char *) shared + shared_bytes(shared->participants));
}

/* this process's part of scan and sort; number: 0 .. participants - 1 */
static void
participate(AlexSpool *spool, AlexShared *shared, Relation heap, Relation index, int number,
			int work_mem_kb, bool progress)
{
	IndexInfo *index_info = BuildIndexInfo(index);
	TableScanDesc scan = table_beginscan_parallel(heap, shared_scan(shared));
	AlexSortPart part;
	double heap_tuples;

	index_info->ii_Concurrent = shared->concurrent;
	spool->index_tuples = 0;
	spool->sort = alex_sort_begin_part(spool->words, work_mem_kb, &shared->files, number);
	heap_tuples = alex_spool_scan(spool, heap, index, index_info, progress, scan);
	if (progress)
		pgstat_progress_update_param(PROGRESS_CREATEIDX_SUBPHASE, ALEX_PHASE_SORT);
	STOP_POINT("alex_build_participant");
	part = alex_sort_export(spool->sort);
	alex_sort_end(spool->sort);
	spool->sort = NULL;

	SpinLockAcquire(&shared->mutex);
	shared->parts[number] = part;
	shared->done++;
	shared->heap_tuples += heap_tuples;
	shared->index_tuples += spool->index_tuples;
	if (index_info->ii_BrokenHotChain)
		shared->broken_hot_chain = true;
	SpinLockRelease(&shared->mutex);
	ConditionVariableSignal(&shared->done_cv);
}

/* ---- leader ---- */

/* the segment and what is in it; false if there is none to be had */
static bool
create_segment(AlexLeader *leader, Relation heap, Relation index, bool concurrent, int workers)
{
	ParallelContext *context = leader->context;
	Size query_bytes = debug_query_string == NULL ? 0 : strlen(debug_query_string) + 1;
	Size bytes =
		add_size(shared_bytes(workers + 1), table_parallelscan_estimate(heap, leader->snapshot));
	AlexShared *shared;

	shm_toc_estimate_chunk(&context->estimator, bytes);
	shm_toc_estimate_chunk(&context->estimator, mul_size(sizeof(WalUsage), workers));
	shm_toc_estimate_chunk(&context->estimator, mul_size(sizeof(BufferUsage), workers));
	shm_toc_estimate_keys(&context->estimator, 3);
	if (query_bytes > 0)
	{
		shm_toc_estimate_chunk(&context->estimator, query_bytes);
		shm_toc_estimate_keys(&context->estimator, 1);
	}
	InitializeParallelDSM(context);
	if (context->seg == NULL)
		return false;

	shared = shm_toc_allocate(context->toc, bytes);
	memset(shared, 0, shared_bytes(workers + 1));
	shared->heap = RelationGetRelid(heap);
	shared->index = RelationGetRelid(index);
	shared->concurrent = concurrent;
	shared->participants = workers + 1;
	SharedFileSetInit(&shared->files, context->seg);
	ConditionVariableInit(&shared->done_cv);
	SpinLockInit(&shared->mutex);
	table_parallelscan_initialize(heap, shared_scan(shared), leader->snapshot);
	shm_toc_insert(context->toc, KEY_SHARED, shared);

	leader->wal_usage = shm_toc_allocate(context->toc, mul_size(sizeof(WalUsage), workers));
	shm_toc_insert(context->toc, KEY_WAL_USAGE, leader->wal_usage);
	leader->buffer_usage = shm_toc_allocate(context->toc, mul_size(sizeof(BufferUsage), workers));
	shm_toc_insert(context->toc, KEY_BUFFER_USAGE, leader->buffer_usage);
	if (query_bytes > 0)
	{
		char *query = shm_toc_allocate(context->toc, query_bytes);

		memcpy(query, debug_query_string, query_bytes);
		shm_toc_insert(context->toc, KEY_QUERY_TEXT, query);
	}
	leader->shared = shared;
	return true;
}

static void
end_context(AlexLeader *leader)
{
	if (IsMVCCSnapshot(leader->snapshot))
		UnregisterSnapshot(leader->snapshot);
	DestroyParallelContext(leader->context);
	ExitParallelMode();
	pfree(leader);
}

static void
wait_for_participants(AlexLeader *leader)
{
	AlexShared *shared = leader->shared;

	/* one that could not start at all is noticed here */
	WaitForParallelWorkersToAttach(leader->context);
	for (;;)
	{
		int done;

		SpinLockAcquire(&shared->mutex);
		done = shared->done;
		SpinLockRelease(&shared->mutex);
		if (done == leader->participants)
			break;
		/* looks at interrupts, and so at messages of workers */
		ConditionVariableSleep(&shared->done_cv, WAIT_EVENT_PARALLEL_CREATE_INDEX_SCAN);
	}
	ConditionVariableCancelSleep();
}

AlexLeader *
alex_parallel_begin(AlexSpool *spool, Relation heap, Relation index, IndexInfo *index_info,
					int workers, double *heap_tuples)
{
	AlexLeader *leader = palloc0(sizeof(AlexLeader));
	AlexShared *shared;

	Assert(workers > 0);
	EnterParallelMode();
	leader->context = CreateParallelContext("omendb", "omendb_alex_build_worker", workers);
	/* all tuples, judged one by one; a concurrent build indexes what a snapshot sees */
	if (index_info->ii_Concurrent)
		leader->snapshot = RegisterSnapshot(GetTransactionSnapshot());
	else
		leader->snapshot = SnapshotAny;
	if (!create_segment(leader, heap, index, index_info->ii_Concurrent, leader->context->nworkers))
	{
		end_context(leader);
		return NULL;
	}
	shared = leader->shared;
	LaunchParallelWorkers(leader->context);
	if (leader->context->nworkers_launched == 0)
	{
		WaitForParallelWorkersToFinish(leader->context);
		end_context(leader);
		return NULL;
	}
	leader->participants = leader->context->nworkers_launched + 1;
	participate(spool, shared, heap, index, shared->participants - 1,
				maintenance_work_mem / leader->participants, true);
	wait_for_participants(leader);

	spool->index_tuples = shared->index_tuples;
	*heap_tuples = shared->heap_tuples;
	if (shared->broken_hot_chain)
		index_info->ii_BrokenHotChain = true;
	ereport(DEBUG1, (errmsg_internal("table \"%s\" was scanned for index \"%s\" by %d processes",
									 RelationGetRelationName(heap), RelationGetRelationName(index),
									 leader->participants)));
	spool->sort = alex_sort_import(spool->words, maintenance_work_mem, &shared->files,
								   shared->participants, shared->parts);
	return leader;
}

void
alex_parallel_end(AlexLeader *leader)
{
	WaitForParallelWorkersToFinish(leader->context);
	/* complete only now */
	for (int i = 0; i < leader->context->nworkers_launched; i++)
		InstrAccumParallelQuery(&leader->buffer_usage[i], &leader->wal_usage[i]);
	end_context(leader);
}

/* ---- worker ---- */

void
omendb_alex_build_worker(dsm_segment *seg, shm_toc *toc)
{
	AlexShared *shared = shm_toc_lookup(toc, KEY_SHARED, false);
	WalUsage *wal_usage = shm_toc_lookup(toc, KEY_WAL_USAGE, false);
	BufferUsage *buffer_usage = shm_toc_lookup(toc, KEY_BUFFER_USAGE, false);
	/* the locks that the leader has, by group locking */
	LOCKMODE heap_lock = shared->concurrent ? ShareUpdateExclusiveLock : ShareLock;
	LOCKMODE index_lock = shared->concurrent ? RowExclusiveLock : AccessExclusiveLock;
	Relation heap;
	Relation index;
	AlexSpool spool;

	debug_query_string = shm_toc_lookup(toc, KEY_QUERY_TEXT, true);
	pgstat_report_activity(STATE_RUNNING, debug_query_string);

	heap = table_open(shared->heap, heap_lock);
	index = index_open(shared->index, index_lock);
	alex_spool_init(&spool, index, BuildIndexInfo(index));
	SharedFileSetAttach(&shared->files, seg);

	InstrStartParallelQuery();
	STOP_POINT("alex_build_worker");
	participate(&spool, shared, heap, index, ParallelWorkerNumber,
				maintenance_work_mem / shared->participants, false);
	InstrEndParallelQuery(&buffer_usage[ParallelWorkerNumber], &wal_usage[ParallelWorkerNumber]);

	index_close(index, index_lock);
	table_close(heap, heap_lock);
}
