/*
 * hybrid_inspect.h
 *		What the SQL functions over omendb tables share.
 */
#ifndef HYBRID_INSPECT_H
#define HYBRID_INSPECT_H

#include "storage/lockdefs.h"
#include "utils/relcache.h"

/* open an omendb table for inspection: complains if it is none, or cannot be read here */
extern Relation hy_inspect_open(Oid relid, LOCKMODE lockmode);

/*
 * Run work(arg) in a subtransaction, so that an error in it can be reported instead.
 * NULL, or the error, in the current context; cancels and lack of memory are raised.
 */
extern ErrorData *hy_guarded(void (*work)(void *arg), void *arg);

#endif
