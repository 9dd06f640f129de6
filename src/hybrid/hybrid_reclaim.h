/*
 * hybrid_reclaim.h
 *		VACUUM's care for deleted cold rows: README.md, "VACUUM", step 4.
 */
#ifndef HYBRID_RECLAIM_H
#define HYBRID_RECLAIM_H

#include "storage/buf.h"
#include "utils/relcache.h"

/*
 * Count headers and dead rows of all groups, as the directory has it then.  With clean_indexes, when it is worth
 * while, take the index entries of rows that are dead to everybody, and free the groups that have no other rows.
 *
 * Called by VACUUM behind heap's, which has pruned headers.  Memory for the rows is maintenance_work_mem; what has no room
 * waits for the next VACUUM.
 */
extern void hy_reclaim(Relation rel, bool clean_indexes, BufferAccessStrategy strategy);

#endif
