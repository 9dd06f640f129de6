/*
 * hybrid_queue.c
 *		Requests to freeze rows of tables, in shared memory: see hybrid_queue.h.
 */
#include "postgres.h"

#include "catalog/objectaccess.h"
#include "catalog/pg_database.h"
#include "miscadmin.h"
#include "storage/ipc.h"
#include "storage/lwlock.h"
#include "storage/shmem.h"
#include "utils/timestamp.h"

#include "hybrid/hybrid_queue.h"

int hy_freeze_workers = 2;
int hy_freeze_naptime = 60;

/* tables that wait at the same time; for more VACUUM starts workers itself */
#ifdef OMENDB_TESTING
#define QUEUE_SIZE 16
#else
#define QUEUE_SIZE 1024
#endif

/* pauses double up to so many times */
#define DOUBLINGS_MAX 6
/* workers that end without a word, in a row: then the table waits for its next VACUUM */
#define FAILURES_MAX 5

typedef enum RequestState
{
	REQUEST_FREE = 0,
	REQUEST_WAITING,
	REQUEST_RUNNING
} RequestState;

typedef struct Request
{
	Oid database;
	Oid relid;
	RequestState state;
	uint32 ticket; /* another one each time that it is taken, or freed */
	bool again;	   /* RUNNING: asked for since the worker looked at the table */
	uint8 pauses;  /* in a row, without a row frozen */
	uint8 failures;
	TimestampTz due;
} Request;

typedef struct Queue
{
	Latch *launcher; /* NULL: there is none */
	uint32 next_ticket;
	Request requests[QUEUE_SIZE];
} Queue;

static Queue *queue = NULL;
static LWLock *queue_lock;

static shmem_request_hook_type previous_request = NULL;
static shmem_startup_hook_type previous_startup = NULL;
static object_access_hook_type previous_access = NULL;

/* ---- shared memory ---- */

static void
request_memory(void)
{
	if (previous_request)
		previous_request();
	RequestAddinShmemSpace(sizeof(Queue));
	RequestNamedLWLockTranche("omendb freeze queue", 1);
}

static void
start_memory(void)
{
	bool found;

	if (previous_startup)
		previous_startup();
	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	queue = ShmemInitStruct("omendb freeze queue", sizeof(Queue), &found);
	if (!found)
		memset(queue, 0, sizeof(Queue));
	queue_lock = &GetNamedLWLockTranche("omendb freeze queue")->lock;
	LWLockRelease(AddinShmemInitLock);
}

/* ---- a request ---- */

/* the queue is locked by who calls these */
static void
wake_launcher(void)
{
	if (queue->launcher != NULL)
		SetLatch(queue->launcher);
}

static void
free_request(Request *request)
{
	memset(request, 0, sizeof(*request));
	request->ticket = ++queue->next_ticket;
}

static void
wait_until(Request *request, TimestampTz due)
{
	request->state = REQUEST_WAITING;
	request->again = false;
	request->due = due;
	wake_launcher();
}

static TimestampTz
after_pause(int doublings)
{
	return GetCurrentTimestamp() +
		   ((int64) hy_freeze_naptime * USECS_PER_SEC << Min(doublings, DOUBLINGS_MAX));
}

/* lock the queue; the request of a task if it is still what the task says, or NULL */
static Request *
lock_request(const HyTask *task)
{
	Request *request;

	LWLockAcquire(queue_lock, LW_EXCLUSIVE);
	request = &queue->requests[task->place];
	return request->ticket == task->ticket && request->state == REQUEST_RUNNING ? request : NULL;
}

static inline bool
is_queued(const HyTask *task)
{
	return queue != NULL && task->place >= 0 && task->place < QUEUE_SIZE;
}

/* ---- VACUUM ---- */

bool
hy_queue_put(Oid database, Oid relid)
{
	Request *request = NULL;
	bool taken;

	if (queue == NULL)
		return false;
	LWLockAcquire(queue_lock, LW_EXCLUSIVE);
	for (int i = 0; i < QUEUE_SIZE; i++)
	{
		Request *candidate = &queue->requests[i];

		if (candidate->state == REQUEST_FREE)
		{
			if (request == NULL)
				request = candidate;
		}
		else if (candidate->database == database && candidate->relid == relid)
		{
			request = candidate;
			break;
		}
	}
	taken = request != NULL && queue->launcher != NULL;
	if (taken && request->state == REQUEST_RUNNING)
		request->again = true;
	else if (taken)
	{
		request->database = database;
		request->relid = relid;
		request->pauses = request->failures = 0;
		wait_until(request, GetCurrentTimestamp());
	}
	LWLockRelease(queue_lock);
	return taken;
}

bool
hy_queue_waits(Oid database, Oid relid)
{
	TimestampTz now = GetCurrentTimestamp();
	bool waits = false;

	if (queue == NULL)
		return false;
	LWLockAcquire(queue_lock, LW_SHARED);
	for (int i = 0; i < QUEUE_SIZE && !waits; i++)
	{
		const Request *request = &queue->requests[i];

		waits = request->state == REQUEST_WAITING && request->database == database &&
				request->relid == relid && request->due <= now;
	}
	LWLockRelease(queue_lock);
	return waits;
}

/* ---- the launcher ---- */

void
hy_queue_attach(Latch *latch)
{
	LWLockAcquire(queue_lock, LW_EXCLUSIVE);
	queue->launcher = latch;
	for (int i = 0; latch != NULL && i < QUEUE_SIZE; i++)
	{
		Request *request = &queue->requests[i];

		/* its worker may still be there: what it says does not count any more */
		if (request->state == REQUEST_RUNNING)
		{
			request->ticket = ++queue->next_ticket;
			wait_until(request, after_pause(0));
		}
	}
	LWLockRelease(queue_lock);
}

bool
hy_queue_take(TimestampTz now, HyTask *task, TimestampTz *due)
{
	int first = -1;
	bool taken;

	LWLockAcquire(queue_lock, LW_EXCLUSIVE);
	for (int i = 0; i < QUEUE_SIZE; i++)
		if (queue->requests[i].state == REQUEST_WAITING &&
			(first < 0 || queue->requests[i].due < queue->requests[first].due))
			first = i;
	*due = first < 0 ? 0 : queue->requests[first].due;
	taken = first >= 0 && *due <= now;
	if (taken)
	{
		Request *request = &queue->requests[first];

		request->state = REQUEST_RUNNING;
		request->again = false;
		request->ticket = ++queue->next_ticket;
		task->database = request->database;
		task->relid = request->relid;
		task->place = first;
		task->ticket = request->ticket;
	}
	LWLockRelease(queue_lock);
	return taken;
}

void
hy_queue_put_back(const HyTask *task)
{
	Request *request = lock_request(task);

	/* as it was: it stays the first */
	if (request != NULL)
		request->state = REQUEST_WAITING;
	LWLockRelease(queue_lock);
}

void
hy_queue_ended(const HyTask *task)
{
	Request *request = lock_request(task);

	if (request != NULL && ++request->failures >= FAILURES_MAX)
		free_request(request);
	else if (request != NULL)
		wait_until(request, after_pause(request->failures - 1));
	LWLockRelease(queue_lock);
}

/* ---- workers ---- */

void
hy_queue_seen(const HyTask *task)
{
	Request *request;

	if (!is_queued(task))
		return;
	request = lock_request(task);
	if (request != NULL)
		request->again = false;
	LWLockRelease(queue_lock);
}

void
hy_queue_done(const HyTask *task)
{
	Request *request;

	if (!is_queued(task))
		return;
	request = lock_request(task);
	if (request != NULL && request->again)
	{
		request->pauses = request->failures = 0;
		wait_until(request, GetCurrentTimestamp());
	}
	else if (request != NULL)
		free_request(request);
	LWLockRelease(queue_lock);
}

void
hy_queue_later(const HyTask *task, bool frozen, TimestampTz due)
{
	Request *request;

	if (!is_queued(task))
		return;
	request = lock_request(task);
	if (request != NULL)
	{
		request->failures = 0;
		if (frozen)
			request->pauses = 0;
		wait_until(request,
				   request->again ? GetCurrentTimestamp() : Max(after_pause(request->pauses), due));
		if (request->pauses < DOUBLINGS_MAX)
			request->pauses++;
	}
	LWLockRelease(queue_lock);
}

/* ---- DROP DATABASE ---- */

/*
 * Before it waits for who is connected to the database, workers among them: they are told to end like autovacuum's (give_way in
 * hybrid_worker.c), and nobody comes back.  If it fails behind this, the next VACUUM asks again.
 */
static void
follow_drop(ObjectAccessType access, Oid class, Oid object, int column, void *arg)
{
	if (previous_access)
		previous_access(access, class, object, column, arg);
	if (access != OAT_DROP || class != DatabaseRelationId || queue == NULL)
		return;
	LWLockAcquire(queue_lock, LW_EXCLUSIVE);
	for (int i = 0; i < QUEUE_SIZE; i++)
		if (queue->requests[i].state != REQUEST_FREE && queue->requests[i].database == object)
			free_request(&queue->requests[i]);
	LWLockRelease(queue_lock);
}

void
hybrid_queue_init(void)
{
	previous_request = shmem_request_hook;
	shmem_request_hook = request_memory;
	previous_startup = shmem_startup_hook;
	shmem_startup_hook = start_memory;
	previous_access = object_access_hook;
	object_access_hook = follow_drop;
}
