/*
 * hybrid_space.h
 *		Empty space in a table's file, and what would have to move so that its end can be cut off: README.md, "Moving".
 */
#ifndef HYBRID_SPACE_H
#define HYBRID_SPACE_H

#include "storage/buf.h"
#include "storage/bufpage.h"
#include "utils/relcache.h"

#include "hybrid/hybrid_directory.h"

/* a run of opaque pages, and where it is to go */
typedef struct HyMove
{
	HyState state; /* what it is: a GROUP, the MAP of one, or a page of the directory (SYSTEM) */
	uint64 group_id;
	BlockNumber start;
	BlockNumber
		target;	  /* InvalidBlockNumber: wherever there is room, be it at the end of the file */
	uint32 pages; /* needed there: the run may be longer */
	bool hot;	  /* the target is empty heap pages, else a free run */
} HyMove;

typedef struct HyMovePlan
{
	BlockNumber nblocks;
	BlockNumber end; /* of what the file still holds when all moves are done */
	/*
	 * If few hot rows are in the way: they stand from this block on, and the file would be worth shrinking without them.
	 * Else InvalidBlockNumber.
	 */
	BlockNumber tail;
	uint32 count;
	HyMove *moves; /* from the end of the file downwards */
} HyMovePlan;

/*
 * Testing setting omendb.move_all: everything that can be moved is, to wherever there is room, each time.
 */
#ifdef OMENDB_TESTING
extern bool hy_move_all;
#else
#define hy_move_all false
#endif

/*
 * hy_plan_moves --- what to move, if anything, so that as much as possible can be cut off.
 *
 * From the directory and the free space map alone, so it may turn out that a place is taken.  `move` false: what can be
 * cut off as it is.  Memory of the current context.
 */
extern void hy_plan_moves(Relation rel, bool move, HyMovePlan *plan);

/* has the page this property?  It is read, and share-locked meanwhile. */
extern bool hy_page_has(Relation rel, BlockNumber block, BufferAccessStrategy strategy,
						bool (*property)(Page page));

/* is it worth it to cut so many pages off?  Core's rule (should_attempt_truncation, vacuumlazy.c), and not
 * for a handful. */
extern bool hy_worth_truncation(BlockNumber nblocks, BlockNumber end);

/*
 * Join free runs that are neighbours in the file and stand on the same directory page, which makes room for entries.  The caller holds
 * ShareUpdateExclusiveLock.
 */
extern void hy_merge_free(Relation rel);

#endif
