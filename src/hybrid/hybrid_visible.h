/*
 * hybrid_visible.h
 *		Is a row group visible to a snapshot?
 */
#ifndef HYBRID_VISIBLE_H
#define HYBRID_VISIBLE_H

#include "utils/relcache.h"
#include "utils/snapshot.h"

#include "hybrid/hybrid_format.h"

/*
 * Judge an entry in state GROUP as heap judges a tuple with its
 * xmin/cmin/xmax/cmax.  SnapshotDirty gets its xmin and xmax set.  SnapshotAny sees every
 * group that is not aborted.  May raise a serialization failure.
 */
extern bool hy_entry_visible(Relation rel, const HyEntry *entry, Snapshot snapshot);

/* fate of the transaction that wrote an entry */
typedef enum HyFate
{
	HY_FATE_RUNNING,
	HY_FATE_COMMITTED,
	HY_FATE_ABORTED /* or crashed */
} HyFate;

extern HyFate hy_xid_fate(TransactionId xid);

/* seen by all? */
static inline bool
hy_entry_frozen(const HyEntry *entry)
{
	return (entry->flags & HY_FLAG_FROZEN) != 0;
}

/* of the transaction that wrote an entry: without clog if the entry says that it committed */
extern HyFate hy_entry_fate(const HyEntry *entry);

#endif
