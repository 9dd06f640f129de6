/*
 * hybrid_idle.h
 *		Headers that nobody needs any more (rule D5).
 */
#ifndef HYBRID_IDLE_H
#define HYBRID_IDLE_H

#include "utils/relcache.h"

#include "hybrid/hybrid_map.h"

/*
 * hy_remove_idle_headers --- take away those of these headers of a group that are idle: whose row nobody has changed, and nobody holds.
 * The row is then as if it had never been touched. Returns how many.
 *
 * Headers on pages that somebody has pinned are passed by. The caller is VACUUM; takes a cleanup lock of one heap page
 * at a time and, behind it, map pages.
 */
extern uint32 hy_remove_idle_headers(Relation rel, const HyEntry *entry, const HyMapItem *items,
									 uint32 count);

#endif
