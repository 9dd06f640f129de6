/*
 * hybrid_change.h
 *		What reading the directory (hybrid_directory.c) and changing it (hybrid_change.c) share; nobody else's business.
 */
#ifndef HYBRID_CHANGE_H
#define HYBRID_CHANGE_H

#include "storage/block.h"
#include "storage/buf.h"
#include "utils/relcache.h"

#include "hybrid/hybrid_format.h"

/* the metapage in a locked buffer, checked: XX001, or 0A000 for a version that we do not know */
extern const HyMeta *hy_meta_of(Relation rel, Buffer buffer);

/*
 * Pin a page of the directory.  Its number may come from a damaged page: 0 is
 * the metapage, which the caller may have locked.
 */
extern Buffer hy_directory_page(Relation rel, BlockNumber block);

/* entries of a directory page, in a buffer locked by the caller; *next gets the chain's next block */
extern const HyEntry *hy_directory_entries(Relation rel, Buffer buffer, BlockNumber *next);

/*
 * Is this the page that a walk along the chain expects?  Positions ascend by
 * one, so a chain that bites its tail is noticed where it does.
 */
extern void hy_check_position(Relation rel, Buffer buffer, uint32 index);

#endif
