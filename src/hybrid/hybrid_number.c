/*
 * hybrid_number.c
 *		Row numbers and positions: see hybrid_number.h.
 */
#include "postgres.h"

#include "utils/rel.h"

#include "hybrid/hybrid_kept.h"
#include "hybrid/hybrid_number.h"

bool
hy_find_position(Relation rel, const HyEntry *entry, uint64 row, uint32 *position)
{
	bool found =
		rg_find_number(hy_kept_open(rel, entry), (uint32) (row - entry->first_row), position);

	hy_kept_done();
	return found;
}

uint64
hy_row_at(Relation rel, const HyEntry *entry, uint32 position)
{
	uint32 number = position;

	if ((entry->flags & HY_FLAG_HOLES) != 0)
	{
		number = rg_row_number(hy_kept_open(rel, entry), position);
		hy_kept_done();
	}
	return entry->first_row + number;
}
