/*
 * recent.h
 *		Pin a block by the buffer that had it last, without a search of the buffer table.
 *
 * ReadRecentBuffer() does not raise a buffer's usage count, so now and then the long way is taken,
 * lest a page in use look idle to the clock sweep.
 */
#ifndef OM_RECENT_H
#define OM_RECENT_H

#include "pgstat.h"
#include "storage/bufmgr.h"
#include "utils/rel.h"

#include "base/pg_compat.h"

/* of so many pins by a recent buffer, about one goes through the buffer table */
#define OM_RECENT_CALLS_MAX 4

/* is it the short way's turn? */
static inline bool
om_recent_turn(Relation rel, Buffer recent)
{
	static uint32 dice = 0;

	/* early releases of 15 look a local buffer up among the shared ones */
	if (!BufferIsValid(recent) || RelationUsesLocalBuffers(rel))
		return false;
	/* by chance, not by turns: a statement may come by its indexes, or its columns, in turn */
	dice = dice * 1664525 + 1013904223;
	return dice >> 16 >= PG_UINT16_MAX / OM_RECENT_CALLS_MAX;
}

/* pin it, if it still holds the block of the main fork */
static inline bool
om_recent_pin(Relation rel, BlockNumber block, Buffer recent)
{
	if (!ReadRecentBuffer(OM_RELATION_FILE(rel), MAIN_FORKNUM, block, recent))
		return false;
	pgstat_count_buffer_read(rel);
	pgstat_count_buffer_hit(rel);
	return true;
}

#endif
