/*
 * om_delta.h
 *		The difference of two images of a page, as core's Generic WAL replays it.
 *
 * Pure code.  A delta is a sequence of fragments {u16 offset, u16 length, bytes}: what the target
 * has there.  Only what lies outside the hole between pd_lower and pd_upper counts; the
 * bytes of the old page's hole are taken for unknown, those of the target's for zeroes.
 */
#ifndef OM_DELTA_H
#define OM_DELTA_H

#include "base/pure.h"

/* a fragment ends where more bytes agree than its header takes, so that none costs more than it spares */
#define OM_DELTA_BYTES_MAX (BLCKSZ + 2 * 4)

/* Returns the length; delta has room for OM_DELTA_BYTES_MAX.  The bounds are those of the pages' holes. */
extern uint32 om_delta(const char *page, uint32 page_lower, uint32 page_upper, const char *target,
					   uint32 target_lower, uint32 target_upper, char *delta);

#endif
