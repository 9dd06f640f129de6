/*
 * hybrid_worker.h
 *		The background worker that freezes hot rows when VACUUM asks for it.
 */
#ifndef HYBRID_WORKER_H
#define HYBRID_WORKER_H

#include "utils/relcache.h"

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
 * hy_worker_request --- start a worker that freezes the full groups of this table, which has so many hot rows.
 *
 * Does nothing if they do not fill a group, if one is at work on the table already, or if the server has no worker left:
 * the next VACUUM will ask again. The worker waits for the caller's lock of the table.
 */
extern void hy_worker_request(Relation rel, double hot_rows);

#endif
