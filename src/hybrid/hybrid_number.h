/*
 * hybrid_number.h
 *		Row numbers and positions: README.md, "Rewriting".
 *
 * They are the same but for the group's first row number, unless the group has holes (HY_FLAG_HOLES).  Then the group is kept open for it
 * (hybrid_kept.h), so none of these may be called between hy_kept_open and hy_kept_done.
 */
#ifndef HYBRID_NUMBER_H
#define HYBRID_NUMBER_H

#include "utils/relcache.h"

#include "hybrid/hybrid_format.h"

/* the position of a row, whose number the group covers; false: there is no such row, and it is dead to everybody */
extern bool hy_find_position(Relation rel, const HyEntry *entry, uint64 row, uint32 *position);

static inline bool
hy_row_position(Relation rel, const HyEntry *entry, uint64 row, uint32 *position)
{
	*position = (uint32) (row - entry->first_row);
	return (entry->flags & HY_FLAG_HOLES) == 0 || hy_find_position(rel, entry, row, position);
}

static inline bool
hy_row_exists(Relation rel, const HyEntry *entry, uint64 row)
{
	uint32 position;

	return hy_row_position(rel, entry, row, &position);
}

/* the number of the row at a position */
extern uint64 hy_row_at(Relation rel, const HyEntry *entry, uint32 position);

#endif
