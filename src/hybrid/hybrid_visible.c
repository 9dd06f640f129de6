/*
 * hybrid_visible.c
 *		Visibility of row groups: HeapTupleSatisfiesMVCC and its kin
 *		(heapam_visibility.c) for directory entries, without hint bits.
 */
#include "postgres.h"

#include "access/subtrans.h"
#include "access/transam.h"
#include "access/xact.h"
#include "storage/predicate.h"
#include "storage/procarray.h"
#include "utils/snapmgr.h"

#include "hybrid/hybrid_visible.h"

HyFate
hy_xid_fate(TransactionId xid)
{
	if (!TransactionIdIsNormal(xid))
		return xid == FrozenTransactionId ? HY_FATE_COMMITTED : HY_FATE_ABORTED;
	if (TransactionIdIsCurrentTransactionId(xid))
		return HY_FATE_RUNNING;
	/* running first: a committing xid is in clog before it leaves the proc array */
	if (TransactionIdIsInProgress(xid))
		return HY_FATE_RUNNING;
	return TransactionIdDidCommit(xid) ? HY_FATE_COMMITTED : HY_FATE_ABORTED;
}

HyFate
hy_entry_fate(const HyEntry *entry)
{
	if (entry->state == HY_GROUP && (entry->flags & (HY_FLAG_COMMITTED | HY_FLAG_FROZEN)) != 0)
		return HY_FATE_COMMITTED;
	return hy_xid_fate(entry->xmin);
}

/* did xid's change, made by command cid, happen for the snapshot?  committed: we know that it did commit */
static bool
happened_mvcc(TransactionId xid, CommandId cid, bool committed, Snapshot snapshot)
{
	if (!TransactionIdIsNormal(xid))
		return xid != InvalidTransactionId;
	if (TransactionIdIsCurrentTransactionId(xid))
		return cid < snapshot->curcid;
	if (XidInMVCCSnapshot(xid, snapshot))
		return false;
	return committed || TransactionIdDidCommit(xid);
}

/* a group we do not see may be one that a concurrent serializable transaction wrote */
static void
check_conflict_out(Relation rel, TransactionId xid, Snapshot snapshot)
{
	if (!CheckForSerializableConflictOutNeeded(rel, snapshot) || !TransactionIdIsNormal(xid) ||
		TransactionIdIsCurrentTransactionId(xid) || hy_xid_fate(xid) == HY_FATE_ABORTED)
		return;
	/* as heap does: what ended before we began cannot conflict, and may be gone from pg_subtrans */
	if (TransactionIdPrecedes(xid, TransactionXmin))
		return;
	xid = SubTransGetTopmostTransaction(xid);
	if (TransactionIdPrecedes(xid, TransactionXmin))
		return;
	CheckForSerializableConflictOut(rel, xid, snapshot);
}

bool
hy_entry_visible(Relation rel, const HyEntry *entry, Snapshot snapshot)
{
	HyFate fate;
	bool committed = (entry->flags & HY_FLAG_COMMITTED) != 0;

	Assert(entry->state == HY_GROUP);
	switch (snapshot->snapshot_type)
	{
		case SNAPSHOT_MVCC:
			if (!hy_entry_frozen(entry) &&
				!happened_mvcc(entry->xmin, entry->cmin, committed, snapshot))
			{
				check_conflict_out(rel, entry->xmin, snapshot);
				return false;
			}
			if (entry->xmax == InvalidTransactionId)
				return true;
			check_conflict_out(rel, entry->xmax, snapshot);
			return !happened_mvcc(entry->xmax, entry->cmax, false, snapshot);

		case SNAPSHOT_SELF:
		case SNAPSHOT_DIRTY:
		{
			bool dirty = snapshot->snapshot_type == SNAPSHOT_DIRTY;

			if (dirty)
			{
				snapshot->xmin = snapshot->xmax = InvalidTransactionId;
				snapshot->speculativeToken = 0;
			}
			fate = hy_entry_fate(entry);
			if (fate == HY_FATE_ABORTED)
				return false;
			if (fate == HY_FATE_RUNNING && !TransactionIdIsCurrentTransactionId(entry->xmin))
			{
				/* a freezer's rows are where they were until it commits: rule Z9 of "Freezing" */
				if (!dirty || (entry->flags & HY_FLAG_FREEZER) != 0)
					return false;
				snapshot->xmin = entry->xmin;
				return true;
			}
			if (entry->xmax == InvalidTransactionId)
				return true;
			fate = hy_xid_fate(entry->xmax);
			if (fate == HY_FATE_RUNNING && !TransactionIdIsCurrentTransactionId(entry->xmax))
			{
				if (dirty)
					snapshot->xmax = entry->xmax;
				return true;
			}
			return fate == HY_FATE_ABORTED;
		}

		default:
			/* Any, NonVacuumable, Toast: what is not surely gone */
			return hy_entry_fate(entry) != HY_FATE_ABORTED &&
				   (entry->xmax == InvalidTransactionId ||
					hy_xid_fate(entry->xmax) != HY_FATE_COMMITTED);
	}
}
