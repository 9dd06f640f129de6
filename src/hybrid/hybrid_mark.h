/*
 * hybrid_mark.h
 *		Marks of frozen rows: README.md, "Freezing".
 *
 * A marked hot tuple is the copy of a row that stands in a row group now.  To heap it is a row that
 * moved to another partition.
 */
#ifndef HYBRID_MARK_H
#define HYBRID_MARK_H

#include "access/htup_details.h"
#include "storage/buf.h"
#include "storage/itemptr.h"
#include "utils/relcache.h"
#include "utils/snapshot.h"

#include "hybrid/hybrid_format.h"
#include "hybrid/hybrid_header.h"

/* what a tuple says that may be marked */
typedef struct HyMark
{
	TransactionId xid; /* the freezer's */
	uint32 row;		   /* position in the group it wrote */
} HyMark;

/* Could this tuple, locked against changes or a copy, be marked?  hy_mark_group has the rest. */
static inline bool
hy_tuple_mark(const HeapTupleHeaderData *tuple, HyMark *mark)
{
	if (!HeapTupleHeaderIndicatesMovedPartitions(tuple) || hy_tuple_is_header(tuple) ||
		(tuple->t_infomask & (HEAP_XMAX_INVALID | HEAP_XMAX_IS_MULTI | HEAP_XMAX_LOCK_ONLY)) != 0)
		return false;
	mark->xid = HeapTupleHeaderGetRawXmax(tuple);
	mark->row = HeapTupleHeaderGetRawCommandId(tuple);
	return true;
}

/* make a tuple, in an exclusively locked buffer and a critical section, a marked one */
static inline void
hy_tuple_set_mark(HeapTupleHeader tuple, const HyMark *mark)
{
	tuple->t_infomask &= (uint16) ~HEAP_XMAX_BITS;
	tuple->t_infomask &= (uint16) ~(HEAP_MOVED | HEAP_COMBOCID);
	tuple->t_infomask2 |= HEAP_KEYS_UPDATED;
	HeapTupleHeaderClearHotUpdated(tuple);
	HeapTupleHeaderSetXmax(tuple, mark->xid);
	tuple->t_choice.t_heap.t_field3.t_cid = mark->row;
	HeapTupleHeaderSetMovedPartitions(tuple);
}

/*
 * hy_mark_group --- the group that the marking transaction wrote; false if it wrote none, so that this is no mark.
 * Whether that transaction committed is another question.  May lock metapage and directory pages.
 */
extern bool hy_mark_group(Relation rel, const HyMark *mark, HyEntry *entry);

/*
 * The same for the tuple at a hot TID, or (chain) for the last one of the HOT chain that begins there.  Locks its page, and
 * behind that what hy_mark_group locks.
 */
extern bool hy_mark_at(Relation rel, const ItemPointerData *tid, bool chain, HyMark *mark,
					   HyEntry *entry);

/* Snapshots that judge by what is so at the moment find a row in neither place if it is frozen between two looks: rule Z9. */
static inline bool
hy_follows_marks(Snapshot snapshot)
{
	return snapshot != NULL &&
		   (snapshot->snapshot_type == SNAPSHOT_DIRTY || snapshot->snapshot_type == SNAPSHOT_SELF);
}

/* does such a snapshot see the cold row behind a mark? */
extern bool hy_mark_followed(Relation rel, const HyMark *mark, const HyEntry *entry,
							 Snapshot snapshot);

static inline uint64
hy_mark_row(const HyMark *mark, const HyEntry *entry)
{
	return entry->first_row + mark->row;
}

/*
 * Has this transaction changed a row that stands, for some snapshot of it, in a hot page yet (rule Z5)?
 * Set by whoever changes a cold row, false again when the transaction ends.
 */
extern void hy_note_frozen_change(const HyEntry *entry);

/*
 * Must a reader that finds a marked tuple visible ask further, by hy_mark_hides?  Seldom: after a change as above, or
 * in SERIALIZABLE.
 */
extern bool hy_marks_matter(Relation rel, Snapshot snapshot);

/*
 * hy_mark_hides --- a marked tuple that the snapshot sees: is the row gone for it all the same, changed through the cold row?
 *
 * In SERIALIZABLE locks the cold TID, and may raise a serialization failure.  The caller has no buffer locked.
 */
extern bool hy_mark_hides(Relation rel, const HyMark *mark, Snapshot snapshot);

/*
 * While this backend freezes the table: rows of blocks before this one were frozen by earlier transactions of the same
 * call, but for those that could not be.  0: none, or it does not freeze it.
 */
extern BlockNumber hy_freeze_front(Relation rel);
/* until the transaction ends */
extern void hy_set_freeze_front(Relation rel, BlockNumber front);

extern void hybrid_mark_init(void);

#endif
