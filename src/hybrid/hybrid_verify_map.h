/*
 * hybrid_verify_map.h
 *		omendb.check(): row maps of groups, and the headers they lead to.
 */
#ifndef HYBRID_VERIFY_MAP_H
#define HYBRID_VERIFY_MAP_H

#include "storage/itemptr.h"

#include "hybrid/hybrid_directory.h"

/* an entry of some map: a row, and where its header is said to be */
typedef struct HyMapClaim
{
	ItemPointerData tid;
	uint64 row;
} HyMapClaim;

typedef struct HyMapCheck
{
	Relation rel;
	BufferAccessStrategy strategy;
	const HyDirEntry *entries; /* ascending start */
	uint32 count;
	HyRun *runs; /* of opaque pages, ascending; the metapage first */
	uint32 run_count;
	char *page;			/* room for a copy of one */
	bool any;			/* some group has rows with headers */
	HyMapClaim *claims; /* of all maps; sorted by the first hy_map_check_headers */
	uint64 claim_count;
	uint64 claim_room;
	bool sorted;
} HyMapCheck;

extern void hy_map_check_begin(HyMapCheck *check, Relation rel, BufferAccessStrategy strategy,
							   const HyDirEntry *entries, uint32 count);

/* the map's part in an entry that is GROUP or MAP, whose pages have the right frames; raises XX001 */
extern void hy_map_check_entry(HyMapCheck *check, const HyEntry *entry);

/* the hot block at or behind `block`, or InvalidBlockNumber */
extern BlockNumber hy_map_check_hot_block(const HyMapCheck *check, BlockNumber block);

/* headers on a hot page: the maps must lead to them; raises XX001 */
extern void hy_map_check_headers(HyMapCheck *check, BlockNumber block);

#endif
