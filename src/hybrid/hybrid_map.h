/*
 * hybrid_map.h
 *		The row map of a group: which of its rows have a header, and where.
 *
 * README.md, "Headers", has the layout.  Rows are row numbers less the group's first one here.
 *
 * A caller's entry may be from before its group was moved or rewritten: then the map that it leads to is *superseded*, and
 * hy_map_renew gives the entry of now.
 */
#ifndef HYBRID_MAP_H
#define HYBRID_MAP_H

#include "storage/buf.h"
#include "storage/itemptr.h"
#include "utils/relcache.h"

#include "hybrid/hybrid_format.h"
#include "hybrid/hybrid_wal.h"

/* what a map said, to be compared with what it says later */
typedef struct HyMapAnswer
{
	bool superseded; /* and nothing else has a meaning */
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

/*
 * Make *entry, whose map is superseded, that of the group which has row number `row` now.  False: there is none, for the
 * row was left out when its group was rewritten.  It is dead to everybody.  Reads the directory.
 */
extern bool hy_map_renew(Relation rel, HyEntry *entry, uint64 row);

/* look a row up; share-locks one map page at a time */
extern HyMapAnswer hy_map_find(Relation rel, const HyEntry *entry, uint32 row);

typedef struct HyMapItem
{
	uint32 row;
	uint32
		position; /* of the row in its group: the same, unless the group has holes; then the caller's business */
	ItemPointerData tid;
} HyMapItem;

/* does any row of the group have a header?  One share lock.  Yes if the map is superseded. */
extern bool hy_map_any(Relation rel, const HyEntry *entry);

/*
 * The rows [from, to) that have a header, ascending, in memory of the current context; their number.
 * *items is NULL if there is none.  *superseded, unless NULL, tells whether the list is that of the moment when the map was
 * superseded: good for MVCC snapshots that were taken before the entry was read, and for nobody else.  NULL: it cannot be.
 */
extern uint32 hy_map_list(Relation rel, const HyEntry *entry, uint32 from, uint32 to,
						  HyMapItem **items, bool *superseded);

/* a map page locked exclusively to take the entry of one row */
typedef struct HyMapPlace
{
	Buffer buffer;
	Buffer
		root; /* dense: the root, share-locked, so that who has it exclusively sees all of the map */
	bool dense;
	bool full; /* there is no room: hy_map_grow */
	uint32 row;
	int at; /* place in the list, or -1 */
} HyMapPlace;

typedef enum HyMapLock
{
	HY_MAP_LOCKED,
	HY_MAP_TAKEN, /* the row has an entry already */
	HY_MAP_OLD	  /* hy_map_renew, and try again */
} HyMapLock;

/* nothing is locked unless the answer is HY_MAP_LOCKED */
extern HyMapLock hy_map_lock(Relation rel, const HyEntry *entry, uint32 row, HyMapPlace *place);
extern void hy_map_add(Relation rel, const HyMapPlace *place, const ItemPointerData *tid);
extern void hy_map_unlock(HyMapPlace *place);

/*
 * Lock the page that has the entry (row, tid), to take it away; false: there is no such entry, and nothing is locked.
 * hy_map_remove logs that; an entry that is made later in its stead can be told from it by `removals`.
 */
extern bool hy_map_lock_entry(Relation rel, const HyEntry *entry, uint32 row,
							  const ItemPointerData *tid, HyMapPlace *place);
extern void hy_map_remove(Relation rel, const HyMapPlace *place);

/* note that rows, ascending, whose headers are gone are dead to everybody, so that nobody looks for them again; VACUUM only */
extern void hy_map_fold(Relation rel, const HyEntry *entry, const HyMapItem *items, uint32 count);

/* give the group a dense map, unless it has one or its map is superseded; no buffer may be locked */
extern void hy_map_grow(Relation rel, const HyEntry *entry);

/* contents of a new root page */
extern void hy_map_root_init(char *page);

/* of a locked root; and the patch that makes one superseded */
extern bool hy_map_is_superseded(Buffer root);
extern void hy_map_supersede(HyPatch *patch);

/* For a swap (README.md, "Moving"): the root, locked exclusively.  Nobody changes any page of the map meanwhile. */
extern Buffer hy_map_lock_root(Relation rel, const HyEntry *entry);

/*
 * All entries of a map whose root, `locked`, is locked exclusively, in any order, in memory of the current context; their number. *removals grows by those
 * of all of its pages.
 */
extern uint32 hy_map_list_locked(Relation rel, const HyEntry *entry, Buffer locked,
								 HyMapItem **items, uint32 *removals);

/* first page of the dense part, or InvalidBlockNumber, of a locked root; and where in the page that stands */
extern BlockNumber hy_map_dense(Relation rel, Buffer root, uint32 *offset);

#endif
