/*
 * hybrid_header.h
 *		Headers of cold rows: README.md, "Headers".
 *
 * A header is a tuple in a heap page that stands for a cold row: who locks, updates or deletes the row
 * does so to its header, by heap's own code.  It is made at the first such occasion, and the
 * group's row map (hybrid_map.h) leads to it.
 */
#ifndef HYBRID_HEADER_H
#define HYBRID_HEADER_H

#include "access/htup_details.h"
#include "storage/buf.h"
#include "utils/relcache.h"
#include "utils/snapshot.h"

#include "hybrid/hybrid_format.h"
#include "hybrid/hybrid_map.h"

/* is this tuple of a heap page a header?  It is never a row of its own: whoever reads hot rows skips it. */
static inline bool
hy_tuple_is_header(const HeapTupleHeaderData *tuple)
{
	return (tuple->t_infomask2 & HY_HEADER) != 0;
}

/* the eight bytes before the columns: row number, and HY_HEADER_WHOLE */
static inline uint64
hy_header_word(const HeapTupleHeaderData *tuple)
{
	uint64 word;

	memcpy(&word, (const char *) tuple + tuple->t_hoff - sizeof(word), sizeof(word));
	return word;
}

static inline uint64
hy_header_row(const HeapTupleHeaderData *tuple)
{
	return hy_header_word(tuple) & HY_HEADER_ROW_MASK;
}

/* is a tuple with the flag, of `len` bytes, what we make? */
static inline bool
hy_header_intact(const HeapTupleHeaderData *tuple, Size len)
{
	return tuple->t_hoff >= MAXALIGN(SizeofHeapTupleHeader) + sizeof(uint64) &&
		   tuple->t_hoff <= len &&
		   (hy_header_word(tuple) & ~(HY_HEADER_ROW_MASK | HY_HEADER_WHOLE)) == 0;
}

typedef enum HyHeaderState
{
	HY_HEADER_NONE, /* the row was never touched */
	HY_HEADER_GONE, /* it was, and its header has been pruned: dead to everybody */
	HY_HEADER_THERE
} HyHeaderState;

/*
 * hy_header_look --- what became of cold row `row` (its number) of the group?
 *
 * HY_HEADER_THERE: *tuple describes the header in *buffer, which is pinned and share-locked, both the caller's to
 * undo.  Otherwise nothing is held.  Locks a map page, then a heap page, one at a time.
 */
extern HyHeaderState hy_header_look(Relation rel, const HyEntry *entry, uint64 row, HeapTuple tuple,
									Buffer *buffer);

/* is the row, of a group that is not rolled back, dead to everybody?  Locks as hy_header_look, and keeps none. */
extern bool hy_row_is_gone(Relation rel, const HyEntry *entry, uint64 row);

/*
 * hy_row_visible --- is the row, of a group that the snapshot sees, there for the snapshot?
 *
 * *all_dead (may be NULL): it is to nobody.  May raise a serialization failure.
 */
extern bool hy_row_visible(Relation rel, const HyEntry *entry, uint64 row, Snapshot snapshot,
						   bool *all_dead);

/* the same for a row whose group is to be judged as well */
extern bool hy_cold_visible(Relation rel, const HyEntry *entry, uint64 row, Snapshot snapshot,
							bool *all_dead);

/*
 * hy_rows_visible --- many rows of a group at once: those of `items`, from row `from` of the group on.
 *
 * Bit i of the words is row from + i.  invisible: not there for the snapshot; touched: has a header.
 * Bits are only set.  Locks one heap page at a time, with its header's row as hy_row_visible does.
 */
extern void hy_rows_visible(Relation rel, const HyEntry *entry, const HyMapItem *items,
							uint32 count, Snapshot snapshot, uint32 from, uint64 *invisible,
							uint64 *touched);

/*
 * hy_header_get --- the row's header, made if there is none.
 *
 * False: the row is dead to everybody.  Else *tid is its TID, and its heap page is pinned by *pin,
 * to be kept until heap's code is done with it.
 */
extern bool hy_header_get(Relation rel, const HyEntry *entry, uint64 row, ItemPointer tid,
						  Buffer *pin);

/* is there a header of the row at `tid`, a place in the locked buffer?  Then *tuple describes it. */
extern bool hy_header_at(Relation rel, Buffer buffer, const ItemPointerData *tid, uint64 row,
						 HeapTuple tuple);

#endif
