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

/*
 * The run that reaches farthest of those that begin before `end`, or NULL.  A run being added counts whole, in whichever state its pages are:
 * of a load whose transaction ended badly VACUUM has to find out first.
 */
static const HyEntry *
last_run_before(const HyDirectory *dir, BlockNumber end)
{
	const HyEntry *last = NULL;
	BlockNumber reached = 0;

	for (uint32 i = 0; i < dir->entry_count; i++)
	{
		const HyEntry *entry = &dir->entries[i].entry;

		if (entry->start < end && Min(entry->start + entry->pages, end) > reached)
		{
			last = entry;
			reached = Min(entry->start + entry->pages, end);
		}
	}
	return last;
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
	for (;;)
	{
		const HyEntry *run = last_run_before(dir, end);
		/* the metapage is in none */
		BlockNumber floor = run != NULL ? Min(run->start + run->pages, end) : 1;

		while (end > floor && !is_wanted(rel, end, &last) &&
			   hy_page_has(rel, end - 1, strategy, hy_page_is_needless))
		{
			CHECK_FOR_INTERRUPTS();
			end--;
		}
		if (end > floor || run == NULL || run->state != HY_FREE)
			break;
		end = run->start;
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
		HyDirEntry gone = { .block = runs[i].block, .slot = runs[i].slot };
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
