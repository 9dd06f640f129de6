/*
 * hybrid_worker.h
 *		The background worker that freezes hot rows when VACUUM asks for it.
 */
#ifndef HYBRID_WORKER_H
#define HYBRID_WORKER_H

#include "postmaster/bgworker.h"
#include "utils/relcache.h"

#include "hybrid/hybrid_queue.h"

/* setting omendb.auto_freeze: may VACUUM ask for freezing? */
extern bool hy_freeze_enabled;

/*
 * hy_worker_refuses --- why VACUUM, which has found so many hot rows, does not have them frozen: a constant sentence without its period; NULL: it
 * does.  By this session's settings, but for the size of groups: workers go by that of the database.
 */
extern const char *hy_worker_refuses(Relation rel, double hot_rows);
/* the last reason it looks for */
extern const char *const hy_too_few_rows;

/*
 * hy_worker_request --- have the full groups of this table frozen, which has so many hot rows, by a worker.
 *
 * Does nothing if that is refused.  Asks the launcher, or starts a worker if there is none, unless one is at work on the table already; if the server has no
 * worker left, the table's report says so, and the next VACUUM will ask again.  The worker waits for the caller's lock of the table.
 */
extern void hy_worker_request(Relation rel, double hot_rows);

/*
 * hy_worker_lock_table --- ShareUpdateExclusiveLock, in a transaction without a snapshot; false: not within a minute.  Does not stand in the
 * lock's queue.
 */
extern bool hy_worker_lock_table(Oid relid);

/* Start a worker; false: the server has none left.  notify: the caller's latch is set when it ends, and *handle, palloc'd, tells. */
extern bool hy_worker_start(const HyTask *task, bool notify, BackgroundWorkerHandle **handle);

/* Register the launcher, which starts with the server: hybrid_launcher.c.  To be called while libraries are preloaded. */
extern void hybrid_launcher_init(void);

#endif
