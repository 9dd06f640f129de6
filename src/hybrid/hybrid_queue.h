/*
 * hybrid_queue.h
 *		Requests to freeze rows of tables, in shared memory: README.md, "Workers".
 *
 * There only if the library is preloaded.  VACUUM puts requests in, the launcher starts a worker for each, the
 * worker says what has become of it.
 */
#ifndef HYBRID_QUEUE_H
#define HYBRID_QUEUE_H

#include "datatype/timestamp.h"
#include "storage/latch.h"

/* settings omendb.freeze_workers and omendb.freeze_naptime (s) */
extern int hy_freeze_workers;
extern int hy_freeze_naptime;
#define HY_FREEZE_WORKERS_MAX 32

/* What a worker is to do, and which request that is.  Fits bgw_extra. */
typedef struct HyTask
{
	Oid database;
	Oid relid;
	int32 place;   /* in the queue; negative: in none */
	uint32 ticket; /* who has another one speaks of what is over */
} HyTask;

/* Reserve and set up shared memory; to be called while libraries are preloaded. */
extern void hybrid_queue_init(void);

/*
 * hy_queue_put --- ask for freezing; false: there is no launcher, or no room.  One request a table: it is due now, once more if a worker is at
 * it.  Takes the queue's lock, as all that follow.
 */
extern bool hy_queue_put(Oid database, Oid relid);

/* Has this table been due for a while, but no worker was to be had? */
extern bool hy_queue_waits(Oid database, Oid relid);

/* The launcher is there, and is woken by this latch; NULL: it ends.  Workers of the one before it are not known any more. */
extern void hy_queue_attach(Latch *latch);

/* The request that has been due longest: it is running from now on.  False: none is, and *due is when the first will be; 0: there is none. */
extern bool hy_queue_take(TimestampTz now, HyTask *task, TimestampTz *due);
/* It could not be started, or its worker has ended: if that has said nothing, it is due again after a pause, some times. */
extern void hy_queue_put_back(const HyTask *task);
extern void hy_queue_ended(const HyTask *task);

/* The worker sees the table as it is now, with all that was asked for until then. */
extern void hy_queue_seen(const HyTask *task);
/* It is done. */
extern void hy_queue_done(const HyTask *task);
/* It is to come back after a pause, which grows as long as no rows are frozen, and not before `due`. */
extern void hy_queue_later(const HyTask *task, bool frozen, TimestampTz due);

#endif
