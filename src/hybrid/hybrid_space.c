/*
 * hybrid_space.c
 *		Empty space in a table's file: see hybrid_space.h.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "storage/freespace.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "base/pg_compat.h"
#include "hybrid/hybrid_space.h"
#include "hybrid/hybrid_visible.h"
#include "hybrid/hybrid_wal.h"

#ifdef OMENDB_TESTING
bool hy_move_all = false;
#endif

/* core's REL_TRUNCATE_MINIMUM and REL_TRUNCATE_FRACTION */
#define TRUNCATE_MINIMUM 1000
#define TRUNCATE_FRACTION 16
/* for fewer pages nobody need wait, as VACUUM may have to for the table's lock */
#define TRUNCATE_LEAST 8

/*
 * What the free space map says of a page without tuples, at least: it counts in steps of a 256th of a page.  A page with one
 * small tuple may be told so, too.
 */
#define EMPTY_BYTES (BLCKSZ - BLCKSZ / 64)

bool
hy_worth_truncation(BlockNumber nblocks, BlockNumber end)
{
	return nblocks >= end + TRUNCATE_LEAST &&
		   (nblocks - end >= TRUNCATE_MINIMUM || nblocks - end >= nblocks / TRUNCATE_FRACTION);
}

bool
hy_page_has(Relation rel, BlockNumber block, BufferAccessStrategy strategy,
			bool (*property)(Page page))
{
	Buffer buffer = ReadBufferExtended(rel, MAIN_FORKNUM, block, RBM_NORMAL, strategy);
	bool has;

	LockBuffer(buffer, BUFFER_LOCK_SHARE);
	has = property(BufferGetPage(buffer));
	UnlockReleaseBuffer(buffer);
	return has;
}

/* hot pages whose rows may be frozen for being in the way: so many at most, and of an eighth as many as can be gained */
#define TAIL_PAGES_MAX 1024
#define TAIL_FRACTION 8

/* pages that the free space map is asked about, from the end of the file downwards: 8 GB, and a tenth of a second */
#define ASKED_MAX (1024 * 1024)

/* blocks that a group could be put into */
typedef struct Place
{
	BlockNumber start;
	uint32 pages;
	bool hot;
} Place;

typedef struct Space
{
	BlockNumber nblocks;
	Place *places;
	uint32 count;
	uint32 capacity;
	BlockNumber empty; /* pages of them */
	uint32 asked;	   /* pages that the free space map was asked about, behind the end */
	/* the last hot pages that are not empty, from the end of the file downwards */
	uint32 used;
	BlockNumber used_blocks[TAIL_PAGES_MAX];
} Space;

static void
add_place(Space *space, BlockNumber start, uint32 pages, bool hot)
{
	if (space->count == space->capacity)
	{
		space->capacity = Max(64, space->capacity * 2);
		if (space->places == NULL)
			space->places = palloc(space->capacity * sizeof(Place));
		else
			space->places = repalloc_huge(space->places, (Size) space->capacity * sizeof(Place));
	}
	space->places[space->count++] = (Place){ start, pages, hot };
	space->empty += pages;
}

static int
compare_places(const void *a, const void *b)
{
	const Place *x = a;
	const Place *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

/*
 * Empty hot pages of [from, to), as the free space map has them.  *end, 0 at first, becomes the end of the last page that is
 * needed; so ranges come from the end of the file downwards.  Pages behind it that the map does not know to be empty are read.
 * Without `places` nothing but *end is wanted.
 */
static void
find_hot(Relation rel, Space *space, BlockNumber from, BlockNumber to, BlockNumber *end,
		 bool places)
{
	BlockNumber last = to; /* end of the empty pages being collected */

	for (BlockNumber block = to; block > from; block--)
	{
		CHECK_FOR_INTERRUPTS();
		if (*end > 0 && (!places || ++space->asked > ASKED_MAX))
			return;
		if (GetRecordedFreeSpace(rel, block - 1) >= EMPTY_BYTES)
			continue;
		if (last > block)
			add_place(space, block, last - block, true);
		last = block - 1;
		if (*end == 0 && hy_page_has(rel, block - 1, NULL, hy_page_is_needless))
			continue;
		*end = Max(*end, block);
		if (space->used < TAIL_PAGES_MAX)
			space->used_blocks[space->used++] = block - 1;
	}
	if (last > from)
		add_place(space, from, last - from, true);
}

/* is there a group that a dense map belongs to, whose transaction has committed? */
static bool
has_group(const HyDirectory *dir, uint64 group_id)
{
	const HyDirEntry *group = hy_directory_group(dir, group_id);

	return group != NULL && hy_entry_fate(&group->entry) == HY_FATE_COMMITTED;
}

/* can this entry's run be put elsewhere? */
static bool
is_movable(const HyDirectory *dir, const HyEntry *entry)
{
	switch ((HyState) entry->state)
	{
		case HY_GROUP:
			return entry->row_map != InvalidBlockNumber &&
				   hy_entry_fate(entry) == HY_FATE_COMMITTED;
		case HY_MAP:
			return has_group(dir, entry->group_id);
		case HY_SYSTEM:
			return true;
		default:
			return false;
	}
}

/* pages that a run takes elsewhere: a group's may be longer */
static uint32
pages_needed(const HyEntry *entry)
{
	return entry->state == HY_GROUP ? entry->row_map - entry->start + 1 : entry->pages;
}

static int
compare_from_end(const void *a, const void *b)
{
	const HyEntry *const *x = a;
	const HyEntry *const *y = b;

	return (*x)->start < (*y)->start ? 1 : (*x)->start > (*y)->start ? -1 : 0;
}

/* are the first pages of a place what the free space map takes them for?  Else the place begins behind the one that is not. */
static bool
check_place(Relation rel, Place *place, uint32 pages)
{
	for (uint32 i = pages; place->hot && i > 0; i--)
	{
		CHECK_FOR_INTERRUPTS();
		if (hy_page_has(rel, place->start + i - 1, NULL, hy_page_is_empty))
			continue;
		place->start += i;
		place->pages -= i;
		return false;
	}
	return true;
}

/* the lowest place below the run; one of the directory must be a heap page, for a free run is an entry of it itself */
static Place *
find_place(Relation rel, Space *space, const HyEntry *entry)
{
	uint32 pages = pages_needed(entry);

	for (uint32 i = 0; i < space->count; i++)
	{
		Place *room = &space->places[i];

		while (room->pages >= pages && room->start + pages <= entry->start &&
			   (room->hot || entry->state != HY_SYSTEM))
			if (check_place(rel, room, pages))
				return room;
	}
	return NULL;
}

/* plan->end is that of what cannot move; entries: what can, `count` of them */
static void
choose_moves(Relation rel, Space *space, const HyEntry **entries, uint32 count, HyMovePlan *plan)
{
	BlockNumber floor = plan->end;

	qsort(entries, count, sizeof(entries[0]), compare_from_end);
	plan->moves = palloc((Size) Max(count, 1) * sizeof(HyMove));
	for (uint32 i = 0; i < count; i++)
	{
		const HyEntry *entry = entries[i];
		HyMove move = { .state = (HyState) entry->state,
						.group_id = entry->group_id,
						.start = entry->start,
						.target = InvalidBlockNumber,
						.pages = pages_needed(entry) };

		if (!hy_move_all || entry->state == HY_SYSTEM)
		{
			Place *place = entry->start < floor ? NULL : find_place(rel, space, entry);

			if (place == NULL)
			{
				plan->end = Max(plan->end, entry->start + entry->pages);
				break;
			}
			move.target = place->start;
			move.hot = place->hot;
			place->start += move.pages;
			place->pages -= move.pages;
			plan->end = Max(plan->end, place->start);
		}
		plan->moves[plan->count++] = move;
	}
}

/* where the hot rows begin that are in the way of more than what is to be had with them, if they are few */
static BlockNumber
choose_tail(const Space *space, BlockNumber planned)
{
	/* no file can become smaller than this */
	BlockNumber least = space->nblocks - space->empty;
	BlockNumber end = space->nblocks;
	uint32 count = 0;

	while (count < space->used && end > least && count < space->empty / TAIL_FRACTION)
	{
		count++;
		end = count < space->used ? space->used_blocks[count] + 1 : 1;
	}
	/* behind the last one that is known there may be more */
	if (count == 0 || (count == space->used && count == TAIL_PAGES_MAX) ||
		!hy_worth_truncation(planned, Max(end, least)))
		return InvalidBlockNumber;
	return space->used_blocks[count - 1];
}

void
hy_plan_moves(Relation rel, bool move, HyMovePlan *plan)
{
	const HyDirectory *dir = hy_directory(rel);
	const HyEntry **movable = palloc((Size) Max(dir->entry_count, 1) * sizeof(HyEntry *));
	Space *space = palloc0(sizeof(Space));
	BlockNumber end = 0;
	uint32 count = 0;

	space->nblocks = RelationGetNumberOfBlocks(rel);
	*plan = (HyMovePlan){ .nblocks = space->nblocks, .end = 1, .tail = InvalidBlockNumber };
	for (uint32 i = dir->run_count; i > 0; i--)
	{
		BlockNumber from = dir->runs[i - 1].end;
		BlockNumber to = i < dir->run_count ? dir->runs[i].start : plan->nblocks;

		if (from < to)
			find_hot(rel, space, from, to, &end, move);
	}
	plan->end = Max(plan->end, end);
	for (uint32 i = 0; i < dir->entry_count; i++)
	{
		const HyEntry *entry = &dir->entries[i].entry;

		if (entry->state == HY_FREE)
		{
			if (entry->safe_xid == 0 ||
				GlobalVisCheckRemovableFullXid(rel, FullTransactionIdFromU64(entry->safe_xid)))
				add_place(space, entry->start, entry->pages, false);
		}
		else if (move && is_movable(dir, entry))
			movable[count++] = entry;
		else
			plan->end = Max(plan->end, Min(entry->start + entry->pages, plan->nblocks));
	}
	if (space->count > 0)
		qsort(space->places, space->count, sizeof(Place), compare_places);
	choose_moves(rel, space, movable, count, plan);
	plan->tail = choose_tail(space, plan->end);
	if (space->places != NULL)
		pfree(space->places);
	pfree(movable);
	pfree(space);
}

/* ---- free runs ---- */

/* free entries by directory page, then by place in the file */
static int
compare_free(const void *a, const void *b)
{
	const HyDirEntry *x = a;
	const HyDirEntry *y = b;

	if (x->block != y->block)
		return x->block < y->block ? -1 : 1;
	return x->entry.start < y->entry.start ? -1 : x->entry.start > y->entry.start ? 1 : 0;
}

/* b becomes part of a, its neighbour on the same directory page; false if they changed meanwhile */
static bool
merge_pair(Relation rel, HyDirEntry *a, const HyDirEntry *b)
{
	uint32 slots[2] = { a->slot, b->slot };
	HyEntry merged[2];
	HyChange change;
	bool same;

	hy_change_begin(&change, rel);
	same = hy_change_is(&change, a) && hy_change_is(&change, b);
	if (same)
	{
		merged[0] = a->entry;
		merged[0].pages += b->entry.pages;
		merged[0].flags |= b->entry.flags;
		merged[0].safe_xid = Max(a->entry.safe_xid, b->entry.safe_xid);
		memset(&merged[1], 0, sizeof(HyEntry));
		/* there is an empty entry again, somewhere behind the head */
		change.meta.directory_hint = change.meta.directory_head;
		hy_change_commit(&change, HY_REC_VACUUM, a->block, slots, merged, 2);
		a->entry = merged[0];
	}
	hy_change_end(&change);
	return same;
}

void
hy_merge_free(Relation rel)
{
	const HyDirectory *dir = hy_directory(rel);
	uint32 count = 0;
	HyDirEntry *runs;
	uint32 last = 0;

	runs = MemoryContextAllocHuge(CurrentMemoryContext,
								  (Size) Max(dir->entry_count, 1) * sizeof(HyDirEntry));
	for (uint32 i = dir->group_count; i < dir->entry_count; i++)
		if (dir->entries[i].entry.state == HY_FREE)
			runs[count++] = dir->entries[i];
	qsort(runs, count, sizeof(HyDirEntry), compare_free);
	for (uint32 i = 1; i < count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (runs[last].block != runs[i].block ||
			runs[last].entry.start + runs[last].entry.pages != runs[i].entry.start ||
			!merge_pair(rel, &runs[last], &runs[i]))
			last = i;
	}
	pfree(runs);
}
