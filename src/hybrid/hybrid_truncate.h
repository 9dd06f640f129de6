/*
 * hybrid_truncate.h
 *		Give the end of a table's file back: README.md, "Truncation".
 */
#ifndef HYBRID_TRUNCATE_H
#define HYBRID_TRUNCATE_H

#include "storage/block.h"
#include "utils/relcache.h"

/*
 * hy_truncate --- cut off what is empty at the file's end, if that is worth it; returns the number of pages.
 *
 * The caller holds ShareUpdateExclusiveLock.  Takes AccessExclusiveLock for a moment if nobody is in the way, tries
 * for some seconds, and lets go when somebody waits for it.
 */
extern BlockNumber hy_truncate(Relation rel);

#endif
