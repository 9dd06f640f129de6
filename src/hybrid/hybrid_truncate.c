/*
 * hybrid_truncate.c
 *		Give the end of a table's file back: see hybrid_truncate.h.  The ways of lazy_truncate_heap (vacuumlazy.c).
 */
#include "postgres.h"

#include "catalog/storage.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "portability/instr_time.h"
#include "storage/bufmgr.h"
#include "storage/latch.h"
#include "storage/lmgr.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/wait_event.h"

#include "base/pg_compat.h"
#include "base/stop_point.h"
#include "hybrid/hybrid_directory.h"
#include "hybrid/hybrid_space.h"
#include "hybrid/hybrid_truncate.h"
#include "hybrid/hybrid_wal.h"

/* core's VACUUM_TRUNCATE_LOCK_*: how long to try, how long between two tries, how often to ask whether somebody waits */
#define LOCK_TIMEOUT_MS 5000
#define LOCK_PAUSE_MS 50
#define WAITERS_CHECK_BLOCKS 32
#define WAITERS_CHECK_MS 20

static bool
lock_exclusively(Relation rel)
{
	for (int waited = 0;; waited += LOCK_PAUSE_MS)
	{
		CHECK_FOR_INTERRUPTS();
		if (ConditionalLockRelation(rel, AccessExclusiveLock))
			return true;
		if (waited >= LOCK_TIMEOUT_MS || hy_move_all)
			return false;
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, LOCK_PAUSE_MS,
						 WAIT_EVENT_VACUUM_TRUNCATE);
		ResetLatch(MyLatch);
	}
}

/* does somebody wait for the table?  Asked now and then. */
static bool
is_wanted(Relation rel, BlockNumber block, instr_time *last)
{
	instr_time now;
	instr_time elapsed;

	if (block % WAITERS_CHECK_BLOCKS != 0)
		return false;
	INSTR_TIME_SET_CURRENT(now);
	elapsed = now;
	INSTR_TIME_SUBTRACT(elapsed, *last);
	if (INSTR_TIME_GET_MILLISEC(elapsed) < WAITERS_CHECK_MS)
		return false;
	*last = now;
	return LockHasWaitersRelation(rel, AccessExclusiveLock);
}

/* the entry whose run holds the block, or NULL; a run being added holds it, too, in whichever state its pages are */
static const HyEntry *
entry_of_block(const HyDirectory *dir, BlockNumber block)
{
	for (uint32 i = 0; i < dir->entry_count; i++)
	{
		const HyEntry *entry = &dir->entries[i].entry;

		if (block >= entry->start && block - entry->start < entry->pages)
			return entry;
	}
	return NULL;
}

static bool
is_needless(Relation rel, BlockNumber block, BufferAccessStrategy strategy)
{
	Buffer buffer = ReadBufferExtended(rel, MAIN_FORKNUM, block, RBM_NORMAL, strategy);
	bool needless;

	/* nobody else is there, but the checkpointer may set its checksum */
	LockBuffer(buffer, BUFFER_LOCK_SHARE);
	needless = hy_page_is_needless(BufferGetPage(buffer));
	UnlockReleaseBuffer(buffer);
	return needless;
}

/* under the exclusive lock: the end of what is needed, as far as could be seen before somebody waited */
static BlockNumber
find_end(Relation rel, BlockNumber nblocks)
{
	const HyDirectory *dir = hy_directory(rel);
	BufferAccessStrategy strategy = GetAccessStrategy(BAS_VACUUM);
	BlockNumber end = nblocks;
	instr_time last;

	INSTR_TIME_SET_CURRENT(last);
	while (end > 1)
	{
		uint32 run = hy_directory_run_after(dir->runs, dir->run_count, end - 1);
		const HyEntry *entry = NULL;

		CHECK_FOR_INTERRUPTS();
		/* what has been looked at can go */
		if (is_wanted(rel, end, &last))
			break;
		if (run < dir->run_count && dir->runs[run].start < end)
		{
			entry = entry_of_block(dir, end - 1);
			if (entry == NULL || entry->state != HY_FREE)
				break;
			end = entry->start;
			continue;
		}
		/* of a load whose transaction ended badly: VACUUM has to look at it first */
		for (uint32 i = dir->group_count; i < dir->entry_count && entry == NULL; i++)
			if (dir->entries[i].entry.state == HY_LOADING &&
				end - 1 >= dir->entries[i].entry.start &&
				end - 1 - dir->entries[i].entry.start < dir->entries[i].entry.pages)
				entry = &dir->entries[i].entry;
		if (entry != NULL || !is_needless(rel, end - 1, strategy))
			break;
		end--;
	}
	FreeAccessStrategy(strategy);
	return end;
}

/* take what lies behind `end` out of the directory: free runs, which are there whole */
static void
forget_runs(Relation rel, BlockNumber end)
{
	const HyDirectory *dir = hy_directory(rel);
	uint32 count = 0;
	HyDirEntry *runs = palloc((Size) Max(dir->entry_count, 1) * sizeof(HyDirEntry));

	for (uint32 i = dir->group_count; i < dir->entry_count; i++)
		if (dir->entries[i].entry.state == HY_FREE && dir->entries[i].entry.start >= end)
			runs[count++] = dir->entries[i];
	for (uint32 i = 0; i < count; i++)
	{
		HyDirChange gone = { .block = runs[i].block, .slot = runs[i].slot };
		HyChange change;

		hy_change_begin(&change, rel);
		change.meta.opaque_pages -= runs[i].entry.pages;
		change.meta.free_pages -= runs[i].entry.pages;
		change.meta.directory_hint = change.meta.directory_head;
		hy_change_swap(&change, &gone, 1);
		hy_change_end(&change);
	}
	pfree(runs);
}

/* from now on a place behind `end` may have been one of ours: lock_header_page */
static void
note_cut(Relation rel, BlockNumber end)
{
	HyChange change;

	hy_change_begin(&change, rel);
	if (change.meta.cut_at == 0 || change.meta.cut_at > end)
	{
		change.meta.cut_at = end;
		hy_change_commit(&change, HY_REC_VACUUM, InvalidBlockNumber, NULL, NULL, 0);
	}
	hy_change_end(&change);
}

BlockNumber
hy_truncate(Relation rel)
{
	HyMovePlan plan;
	BlockNumber nblocks;
	BlockNumber end;

	if (om_old_snapshots_matter())
		return 0;
	hy_plan_moves(rel, false, &plan);
	pfree(plan.moves);
	if (!hy_worth_truncation(plan.nblocks, plan.end) || !lock_exclusively(rel))
		return 0;
	nblocks = RelationGetNumberOfBlocks(rel);
	end = find_end(rel, nblocks);
	if (!hy_worth_truncation(nblocks, end))
	{
		UnlockRelation(rel, AccessExclusiveLock);
		return 0;
	}
	forget_runs(rel, end);
	note_cut(rel, end);
	STOP_POINT("hybrid_truncate_forgotten");
	RelationTruncate(rel, end);
	/* as core does: everybody looks at the file's size anew when he gets his lock */
	UnlockRelation(rel, AccessExclusiveLock);
	ereport(DEBUG1, (errmsg("table \"%s\": truncated %u to %u pages", RelationGetRelationName(rel),
							nblocks, end)));
	return nblocks - end;
}
