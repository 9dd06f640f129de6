/*
 * hybrid_frozen.c
 *		Hot rows that were frozen since their TID was read: see hybrid_frozen.h.
 */
#include "postgres.h"

#include "access/heapam.h"
#include "access/xact.h"
#include "storage/lmgr.h"
#include "storage/procarray.h"
#include "utils/rel.h"

#include "base/stop_point.h"
#include "hybrid/hybrid_fetch.h"
#include "hybrid/hybrid_frozen.h"
#include "hybrid/hybrid_mark.h"
#include "hybrid/hybrid_modify.h"
#include "hybrid/hybrid_slot.h"
#include "hybrid/hybrid_tid.h"
#include "hybrid/hybrid_visible.h"

#define HEAP (GetHeapamTableAmRoutine())

/*
 * Heap says of the row at `tid` that somebody has changed it: has it been frozen?  Then *cold is where it is now.
 * Heap says so only when the change is committed.
 */
static bool
was_frozen(Relation rel, const ItemPointerData *tid, const TM_FailureData *tmfd, ItemPointer cold)
{
	HyMark mark;
	HyEntry entry;

	if (!ItemPointerIndicatesMovedPartitions(&tmfd->ctid) ||
		!hy_mark_at(rel, tid, false, &mark, &entry) || mark.xid != tmfd->xmax)
		return false;
	hy_tid_from_row(cold, hy_mark_row(&mark, &entry));
	return true;
}

TM_Result
hy_hot_delete(Relation rel, ItemPointer tid, CommandId cid, Snapshot snapshot, Snapshot crosscheck,
			  bool wait, TM_FailureData *tmfd, bool changingPart)
{
	TM_Result result =
		HEAP->tuple_delete(rel, tid, cid, snapshot, crosscheck, wait, tmfd, changingPart);

	if (result != TM_Updated || !was_frozen(rel, tid, tmfd, tid))
		return result;
	return hy_cold_delete(rel, tid, cid, snapshot, crosscheck, wait, tmfd, changingPart);
}

TM_Result
hy_hot_update(Relation rel, ItemPointer otid, TupleTableSlot *slot, CommandId cid,
			  Snapshot snapshot, Snapshot crosscheck, bool wait, TM_FailureData *tmfd,
			  LockTupleMode *lockmode, OM_UPDATE_INDEXES *update_indexes)
{
	TM_Result result = HEAP->tuple_update(rel, otid, slot, cid, snapshot, crosscheck, wait, tmfd,
										  lockmode, update_indexes);

	if (result != TM_Updated || !was_frozen(rel, otid, tmfd, otid))
		return result;
	return hy_cold_update(rel, otid, slot, cid, snapshot, crosscheck, wait, tmfd, lockmode,
						  update_indexes);
}

/* ---- locks ---- */

static TM_Result
heap_lock(Relation rel, ItemPointer tid, Snapshot snapshot, TupleTableSlot *slot, CommandId cid,
		  LockTupleMode mode, LockWaitPolicy wait_policy, uint8 flags, TM_FailureData *tmfd)
{
	TM_Result result;

	hy_slot_lend(slot);
	result = HEAP->tuple_lock(rel, tid, snapshot, slot, cid, mode, wait_policy, flags, tmfd);
	hy_slot_take_back(slot);
	return result;
}

/* rule Z7: is it a freezer that has the row?  Then wait for it; true: heap is to be asked again. */
static bool
wait_for_freezer(Relation rel, const ItemPointerData *tid, bool *aborted)
{
	HyMark mark;
	HyEntry entry;

	if (!hy_mark_at(rel, tid, false, &mark, &entry))
		return false;
	switch (hy_entry_fate(&entry))
	{
		case HY_FATE_RUNNING:
			XactLockTableWait(mark.xid, rel, unconstify(ItemPointerData *, tid), XLTW_Lock);
			return true;
		case HY_FATE_COMMITTED:
			return true;
		case HY_FATE_ABORTED:
			break;
	}
	/* it may have been running when heap met it; the second time somebody else has the row */
	if (*aborted)
		return false;
	*aborted = true;
	return true;
}

static bool
is_row(const ItemPointerData *cold, uint64 row)
{
	uint64 number;

	return hy_tid_to_row(cold, &number) && number == row;
}

/*
 * Lock a row that is cold by now.  If nobody has changed it since, then to the caller and its snapshot it is where it
 * was: the slot shows the hot copy.
 */
static TM_Result
lock_frozen(Relation rel, ItemPointer tid, ItemPointer cold, Snapshot snapshot,
			TupleTableSlot *slot, CommandId cid, LockTupleMode mode, LockWaitPolicy wait_policy,
			uint8 flags, TM_FailureData *tmfd)
{
	ItemPointerData at = *cold;
	HyMark mark;
	HyEntry entry;
	bool found;
	TM_Result result = hy_cold_lock(rel, &at, snapshot, slot, cid, mode, wait_policy, flags, tmfd);

	if (!ItemPointerEquals(&at, cold))
	{
		/* on to a later version */
		*tid = at;
		return result;
	}
	if (TTS_EMPTY(slot))
		return result;
	STOP_POINT("hybrid_lock_frozen");
	hy_slot_lend(slot);
	found = HEAP->tuple_fetch_row_version(rel, tid, SnapshotAny, slot);
	hy_slot_take_back(slot);
	/* is it still there?  If not, the caller has a snapshot that does not hold it back. */
	if (!found || !hy_tuple_mark(hy_slot(slot)->base.base.tuple->t_data, &mark) ||
		!hy_mark_group(rel, &mark, &entry) || !is_row(cold, hy_mark_row(&mark, &entry)))
	{
		ExecClearTuple(slot);
		*tid = *cold;
		if (!hybrid_tuple_fetch_row_version(rel, tid, SnapshotAny, slot))
			elog(ERROR, "failed to fetch tuple being locked in table \"%s\"",
				 RelationGetRelationName(rel));
	}
	return result;
}

TM_Result
hy_hot_lock(Relation rel, ItemPointer tid, Snapshot snapshot, TupleTableSlot *slot, CommandId cid,
			LockTupleMode mode, LockWaitPolicy wait_policy, uint8 flags, TM_FailureData *tmfd)
{
	/* heap would raise an error itself, for a freezer as for a user */
	LockWaitPolicy policy = wait_policy == LockWaitError ? LockWaitSkip : wait_policy;
	bool aborted = false;
	TM_Result result;
	/* a copy: `tid` may be that of the slot, which changes (apply workers do that) */
	ItemPointerData hot = *tid;
	ItemPointerData cold;

	STOP_POINT("hybrid_lock_hot");
	for (;;)
	{
		ItemPointerData at = hot;

		/* heap, asked for the last version, would raise an error at a mark */
		result = heap_lock(rel, &at, snapshot, slot, cid, mode, policy,
						   flags & (uint8) ~TUPLE_LOCK_FLAG_FIND_LAST_VERSION, tmfd);
		if (result != TM_WouldBlock || !wait_for_freezer(rel, &hot, &aborted))
			break;
		CHECK_FOR_INTERRUPTS();
	}
	if (result == TM_WouldBlock && wait_policy == LockWaitError)
		ereport(ERROR, (errcode(ERRCODE_LOCK_NOT_AVAILABLE),
						errmsg("could not obtain lock on row in relation \"%s\"",
							   RelationGetRelationName(rel))));
	if (result == TM_Updated && was_frozen(rel, &hot, tmfd, &cold))
		result = lock_frozen(rel, &hot, &cold, snapshot, slot, cid, mode, wait_policy, flags, tmfd);
	else if (result == TM_Updated && (flags & TUPLE_LOCK_FLAG_FIND_LAST_VERSION) != 0)
		result = heap_lock(rel, &hot, snapshot, slot, cid, mode, wait_policy, flags, tmfd);
	*tid = hot;
	return result;
}
