/*
 * recent.h
 *		Pin a block by the buffer that had it last, without a search of the buffer table.
 *
 * ReadRecentBuffer() does not raise a buffer's usage count, so the long way is taken when that is low,
 * lest a page in use look idle to the clock sweep.
 */
#ifndef OM_RECENT_H
#define OM_RECENT_H

#include "pgstat.h"
#include "storage/buf_internals.h"
#include "storage/bufmgr.h"
#include "utils/rel.h"

#include "base/pg_compat.h"
#include "base/pure.h"

/*
 * With a lower usage count the long way is taken, which raises it.  A page then survives so many rounds of the clock sweep
 * behind its last use, of the five (BM_MAX_USAGE_COUNT) that a page read in the ordinary way survives.
 */
#define OM_RECENT_USAGE_MIN 3

/*
 * Is it the short way's turn?  Read without a lock: a wrong answer makes it the other way's.  The usage count stands in
 * the line of memory that a pin changes next, so the look costs no miss of its own.
 */
static inline bool
om_recent_turn(Relation rel, Buffer recent)
{
	/* early releases of 15 look a local buffer up among the shared ones */
	if (!BufferIsValid(recent) || BufferIsLocal(recent) || RelationUsesLocalBuffers(rel))
		return false;
	return BUF_STATE_GET_USAGECOUNT(pg_atomic_read_u32(&GetBufferDescriptor(recent - 1)->state)) >=
		   OM_RECENT_USAGE_MIN;
}

/* touch what pinning that buffer, and then reading its page at this offset in bytes, will need.  A wrong buffer does no harm. */
static inline void
om_recent_touch(Buffer recent, uint32 offset)
{
	om_touch(GetBufferDescriptor(recent - 1));
	om_touch((const char *) BufferGetBlock(recent) + offset);
}

/* pin it, if it still holds the block of the main fork; of a hit, ReadRecentBuffer() counts only what EXPLAIN shows */
static inline bool
om_recent_pin(Relation rel, BlockNumber block, Buffer recent)
{
	if (!ReadRecentBuffer(OM_RELATION_FILE(rel), MAIN_FORKNUM, block, recent))
		return false;
	pgstat_count_buffer_read(rel);
	pgstat_count_buffer_hit(rel);
	OM_COUNT_IO_HIT();
	return true;
}

#endif
