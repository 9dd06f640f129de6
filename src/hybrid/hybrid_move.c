/*
 * hybrid_move.c
 *		Put runs of opaque pages elsewhere in the file: see hybrid_move.h.
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/bufmgr.h"
#include "storage/freespace.h"
#include "storage/lmgr.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "base/pg_compat.h"
#include "base/stop_point.h"
#include "hybrid/hybrid_directory.h"
#include "hybrid/hybrid_map.h"
#include "hybrid/hybrid_move.h"
#include "hybrid/hybrid_report.h"
#include "hybrid/hybrid_truncate.h"
#include "hybrid/hybrid_visible.h"
#include "hybrid/hybrid_wal.h"
#include "hybrid/hybrid_write.h"

/* pages that a worker is asked for */
#define SHRINK_PAGES_MIN 128

/* ---- copying ---- */

/* the run's entry as the directory has it, if there is one */
static bool
find_run(Relation rel, const HyMove *move, HyDirEntry *found)
{
	const HyDirectory *dir = hy_directory(rel);

	for (uint32 i = 0; i < dir->entry_count; i++)
		if (dir->entries[i].entry.state == move->state &&
			dir->entries[i].entry.group_id == move->group_id &&
			dir->entries[i].entry.start == move->start)
		{
			*found = dir->entries[i];
			return true;
		}
	return false;
}

static RgPageKind
page_kind(const HyEntry *entry, uint32 i)
{
	if (entry->state == HY_MAP)
		return RG_PAGE_MAP_DENSE;
	return entry->start + i == entry->row_map ? RG_PAGE_MAP : RG_PAGE_DATA;
}

/* page i of the run into `copy` */
static void
copy_page(Relation rel, const HyEntry *entry, uint32 i, BufferAccessStrategy strategy, char *copy)
{
	BlockNumber block = entry->start + i;
	Buffer buffer = ReadBufferExtended(rel, MAIN_FORKNUM, block, RBM_NORMAL, strategy);
	const char *problem;

	LockBuffer(buffer, BUFFER_LOCK_SHARE);
	memcpy(copy, BufferGetPage(buffer), BLCKSZ);
	UnlockReleaseBuffer(buffer);
	problem = hy_page_check(copy, page_kind(entry, i));
	if (problem == NULL &&
		(hy_page_header(copy)->group_id != entry->group_id || hy_page_header(copy)->index != i))
		problem = "page belongs to another row group";
	if (problem != NULL)
		hy_corrupted(rel, block, problem);
}

/* copy all pages, those of the row map as they are at the moment; false: a page of the target is in use */
static bool
copy_pages(Relation rel, const HyEntry *entry, const HyReserved *reserved, uint32 pages)
{
	BufferAccessStrategy strategy = GetAccessStrategy(BAS_BULKREAD);
	PGAlignedBlock copy;
	uint32 i;

	for (i = 0; i < pages; i++)
	{
		Buffer buffer;

		CHECK_FOR_INTERRUPTS();
		copy_page(rel, entry, i, strategy, copy.data);
		buffer = hy_run_page(rel, reserved, i);
		if (!BufferIsValid(buffer))
		{
			hy_reserve_undo(rel, reserved, i);
			break;
		}
		hy_put_page(rel, buffer, copy.data);
		UnlockReleaseBuffer(buffer);
		STOP_POINT("hybrid_move_page");
	}
	/* a free run may be longer, and is the group's whole */
	for (uint32 k = pages; i == pages && k < reserved->dir.entry.pages; k++)
	{
		Buffer buffer = hy_run_page(rel, reserved, k);

		hy_page_init(copy.data, entry->state == HY_MAP ? RG_PAGE_MAP_DENSE : RG_PAGE_DATA, k,
					 entry->group_id);
		hy_put_page(rel, buffer, copy.data);
		UnlockReleaseBuffer(buffer);
	}
	/* heap's inserters need not look at them any more */
	if (reserved->kind == HY_RUN_HOT)
		for (uint32 k = 0; k < i; k++)
			RecordPageWithFreeSpace(rel, reserved->dir.entry.start + k, 0);
	FreeAccessStrategy(strategy);
	return i == pages;
}

/* ---- swapping ---- */

/* the entries of a swap, of the run and of its place, which changes them to what they become */
typedef struct Swap
{
	Relation rel;
	HyDirEntry entries[2];
	HyChange change;
	HyPatch patch; /* of the root */
	Buffer root;
} Swap;

/* lock the metapage and read both entries; false: they are not what they were, and nothing is locked */
static bool
begin_swap(Swap *swap, Relation rel, const HyDirEntry *run, const HyReserved *reserved)
{
	HyEntry *entry = &swap->entries[0].entry;
	HyEntry *place = &swap->entries[1].entry;

	swap->rel = rel;
	swap->entries[0] = *run;
	swap->entries[1] = reserved->dir;
	hy_change_begin(&swap->change, rel);
	if (!hy_change_is(&swap->change, run) || !hy_change_is(&swap->change, &reserved->dir))
	{
		hy_change_end(&swap->change);
		return false;
	}
	/* the reserved entry becomes that of the run's old place */
	*place = run->entry;
	hy_make_free_read(place);
	swap->change.meta.free_pages += run->entry.pages;
	if ((reserved->dir.entry.flags & HY_FLAG_WHOLE) == 0)
		swap->change.meta.opaque_pages += reserved->dir.entry.pages;
	entry->start = reserved->dir.entry.start;
	entry->pages = reserved->dir.entry.pages;
	return true;
}

/* write the record, root patch included, and let go */
static void
end_swap(Swap *swap)
{
	hy_change_add(&swap->change, swap->root, &swap->patch);
	hy_change_swap(&swap->change, swap->entries, 2);
	UnlockReleaseBuffer(swap->root);
	hy_change_end(&swap->change);
}

/* what it says now becomes the root of the new run; and from the same record on the old one is superseded */
static void
supersede_root(Swap *swap, BlockNumber new_root)
{
	const char *page = (const char *) BufferGetPage(swap->root);

	hy_put_root(swap->rel, new_root, page);
	hy_map_supersede(&swap->patch);
}

static bool
swap_group(Swap *swap, Relation rel, const HyDirEntry *group, const HyReserved *reserved)
{
	HyEntry *entry = &swap->entries[0].entry;

	if (!begin_swap(swap, rel, group, reserved))
		return false;
	entry->row_map = entry->start + (group->entry.row_map - group->entry.start);
	swap->root = hy_map_lock_root(rel, &group->entry);
	supersede_root(swap, entry->row_map);
	end_swap(swap);
	return true;
}

/* pages of a dense map that somebody has changed since they were copied; if we have the root he is gone */
static void
copy_changed(Relation rel, const HyEntry *map, const HyReserved *reserved)
{
	PGAlignedBlock copy;

	for (uint32 i = 0; i < map->pages; i++)
	{
		Buffer buffer = ReadBuffer(rel, reserved->dir.entry.start + i);

		copy_page(rel, map, i, NULL, copy.data);
		LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
		if (memcmp(copy.data + RG_PAGE_PAYLOAD_OFF,
				   (const char *) BufferGetPage(buffer) + RG_PAGE_PAYLOAD_OFF,
				   RG_PAGE_PAYLOAD) != 0)
			hy_put_page(rel, buffer, copy.data);
		UnlockReleaseBuffer(buffer);
	}
}

/* `group` is the entry of the group that the map belongs to */
static bool
swap_map(Swap *swap, Relation rel, const HyDirEntry *map, const HyEntry *group,
		 const HyReserved *reserved)
{
	uint32 offset;
	BlockNumber dense;

	/* once without the locks: so that under them nothing is left to be read from disk, and little to be copied */
	copy_changed(rel, &map->entry, reserved);
	if (!begin_swap(swap, rel, map, reserved))
		return false;
	swap->root = hy_map_lock_root(rel, group);
	dense = hy_map_dense(rel, swap->root, &offset);
	if (dense != map->entry.start)
		hy_corrupted(rel, group->row_map, "row map names another run as its dense part");
	copy_changed(rel, &map->entry, reserved);
	hy_patch_begin(&swap->patch);
	hy_patch_add(&swap->patch, offset, &reserved->dir.entry.start, sizeof(BlockNumber));
	end_swap(swap);
	return true;
}

/* ---- moves ---- */

/* the group that a dense map belongs to; false if it is gone, or its transaction has not committed */
static bool
find_group(Relation rel, uint64 group_id, HyEntry *group)
{
	const HyDirectory *dir = hy_directory(rel);

	const HyDirEntry *found = hy_directory_group(dir, group_id);

	if (found == NULL || hy_entry_fate(&found->entry) != HY_FATE_COMMITTED)
		return false;
	*group = found->entry;
	return true;
}

static bool
move_run(Relation rel, const HyMove *move)
{
	TransactionId xid = GetCurrentTransactionId();
	HyOwner owner = { .xmin = xid, .writer = xid, .group_id = move->group_id };
	Swap *swap;
	HyDirEntry run;
	HyReserved reserved;
	HyEntry group;
	bool done;

	if (!find_group(rel, move->group_id, &group) || !find_run(rel, move, &run) ||
		!hy_reserve_at(rel, move->target, move->pages, move->hot, &owner, &reserved))
		return false;
	STOP_POINT("hybrid_move_reserved");
	if (!copy_pages(rel, &run.entry, &reserved, move->pages))
		return false;
	hy_end_filling(rel, &reserved);
	STOP_POINT("hybrid_move_copied");
	swap = palloc(sizeof(Swap));
	done = move->state == HY_GROUP ? swap_group(swap, rel, &run, &reserved)
								   : swap_map(swap, rel, &run, &group, &reserved);
	pfree(swap);
	if (!done)
		hy_reserve_undo(rel, &reserved, move->pages);
	STOP_POINT("hybrid_move_swapped");
	return done;
}

static bool
move_directory_page(Relation rel, const HyMove *move)
{
	HyDirEntry found;
	Buffer buffer;
	bool done;

	if (!find_run(rel, move, &found))
		return false;
	buffer = ReadBuffer(rel, move->target);
	/* nobody adds a page to the directory meanwhile */
	LockRelationForExtension(rel, ExclusiveLock);
	done = hy_directory_move(rel, move->start, buffer);
	ReleaseBuffer(buffer);
	UnlockRelationForExtension(rel, ExclusiveLock);
	if (done)
	{
		hy_set_all_visible(rel, move->target, 1);
		RecordPageWithFreeSpace(rel, move->target, 0);
	}
	STOP_POINT("hybrid_move_directory");
	return done;
}

bool
hy_move(Relation rel, const HyMove *move)
{
	bool done;

	/* somebody else may have cut the file off since it was planned */
	if (move->hot && move->target + move->pages > RelationGetNumberOfBlocks(rel))
		return false;
	hy_progress_alone(rel, HY_STEP_MOVE, 0);
	done = move->state == HY_SYSTEM ? move_directory_page(rel, move) : move_run(rel, move);
	pgstat_progress_end_command();
	return done;
}

bool
hy_worth_shrinking(Relation rel)
{
	HyMovePlan plan;

	if (!om_may_truncate(rel) || om_old_snapshots_matter() || RelationGetNumberOfBlocks(rel) == 0)
		return false;
	hy_plan_moves(rel, true, &plan);
	pfree(plan.moves);
	/* for less nobody need be woken */
	return (plan.nblocks >= plan.end + SHRINK_PAGES_MIN &&
			hy_worth_truncation(plan.nblocks, plan.end)) ||
		   (plan.tail != InvalidBlockNumber && plan.nblocks >= plan.tail + SHRINK_PAGES_MIN);
}

bool
hy_shrink_step(Relation rel, HyShrink *shrink)
{
	if (!shrink->planned)
	{
		MemoryContext old;

		if (!om_may_truncate(rel) || om_old_snapshots_matter())
			return false;
		old = MemoryContextSwitchTo(shrink->context);
		hy_plan_moves(rel, true, &shrink->plan);
		MemoryContextSwitchTo(old);
		shrink->planned = true;
		shrink->tail = (HyFreeze){ .all_rows = true, .next = shrink->plan.tail };
	}
	if (shrink->done < shrink->plan.count && !shrink->cut &&
		(hy_move_all || hy_worth_truncation(shrink->plan.nblocks, shrink->plan.end)) &&
		hy_move(rel, &shrink->plan.moves[shrink->done]))
	{
		shrink->done++;
		return true;
	}
	/* all moves are done, or the next one cannot be: what lies before its run has to stay, too */
	if (!shrink->cut)
	{
		hy_progress_alone(rel, HY_STEP_TRUNCATE, 0);
		shrink->cut_off = hy_truncate(rel);
		pgstat_progress_end_command();
		shrink->cut = true;
		/* a standby keeps the lock that this took until the transaction ends */
		return shrink->plan.tail != InvalidBlockNumber;
	}
	return shrink->plan.tail != InvalidBlockNumber && hy_cannot_freeze(rel) == NULL &&
		   hy_freeze_group(rel, &shrink->tail);
}
