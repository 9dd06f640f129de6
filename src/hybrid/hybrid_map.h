/*
 * hybrid_map.h
 *		The row map of a group: which of its rows have a header, and where.
 *
 * README.md, "Headers", has the layout.  Rows are positions in the group here.
 */
#ifndef HYBRID_MAP_H
#define HYBRID_MAP_H

#include "storage/buf.h"
#include "storage/itemptr.h"
#include "utils/relcache.h"

#include "hybrid/hybrid_format.h"

/* what a map said, to be compared with what it says later */
typedef struct HyMapAnswer
{
	bool found;
	ItemPointerData tid;
	uint32 removals;
} HyMapAnswer;

/* the place of a row that was born dead: README.md, "Freezing" */
static inline void
hy_dead_tid(ItemPointer tid)
{
	ItemPointerSet(tid, HY_DEAD_BLOCK, HY_DEAD_OFFSET);
}

static inline bool
hy_tid_is_dead(const ItemPointerData *tid)
{
	return ItemPointerGetBlockNumberNoCheck(tid) == HY_DEAD_BLOCK;
}

/* look a row up; share-locks one map page at a time */
extern HyMapAnswer hy_map_find(Relation rel, const HyEntry *entry, uint32 row);

typedef struct HyMapItem
{
	uint32 row;
	ItemPointerData tid;
} HyMapItem;

/* does any row of the group have a header?  One share lock. */
extern bool hy_map_any(Relation rel, const HyEntry *entry);

/*
 * The rows [from, to) that have a header, ascending, in memory of the current context; their number.
 * *items is NULL if there is none.
 */
extern uint32 hy_map_list(Relation rel, const HyEntry *entry, uint32 from, uint32 to,
						  HyMapItem **items);

/* a map page locked exclusively to take the entry of one row */
typedef struct HyMapPlace
{
	Buffer buffer;
	bool dense;
	bool full; /* there is no room: hy_map_grow */
	uint32 row;
	int at; /* place in the list, or -1 */
} HyMapPlace;

/* false: the row has an entry already, and nothing is locked */
extern bool hy_map_lock(Relation rel, const HyEntry *entry, uint32 row, HyMapPlace *place);
extern void hy_map_add(Relation rel, const HyMapPlace *place, const ItemPointerData *tid);
extern void hy_map_unlock(HyMapPlace *place);

/*
 * Lock the page that has the entry (row, tid), to take it away; false: there is no such entry, and nothing is locked.
 * hy_map_remove logs that; an entry that is made later in its stead can be told from it by `removals`.
 */
extern bool hy_map_lock_entry(Relation rel, const HyEntry *entry, uint32 row,
							  const ItemPointerData *tid, HyMapPlace *place);
extern void hy_map_remove(Relation rel, const HyMapPlace *place);

/* give the group a dense map, unless it has one; no buffer may be locked */
extern void hy_map_grow(Relation rel, const HyEntry *entry);

/* contents of a new root page */
extern void hy_map_root_init(char *page);

#endif
