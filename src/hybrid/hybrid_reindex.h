/*
 * hybrid_reindex.h
 *		Rebuilding indexes that have become too large, option reindex_above: README.md, "Rebuilding indexes".
 */
#ifndef HYBRID_REINDEX_H
#define HYBRID_REINDEX_H

#include "utils/relcache.h"

/* Is there an index to rebuild, or one to drop that a rebuild has left behind?  Reads no page of them, which might be damaged: the worker
 * finds out how large they should be. */
extern bool hy_worth_reindexing(Relation rel);

/*
 * hy_reindex --- do both, by the background worker, which is in no transaction.  False: something is left to do that could not be done
 * now; what cannot be done at all is a WARNING.
 */
extern bool hy_reindex(Oid relid);

#endif
