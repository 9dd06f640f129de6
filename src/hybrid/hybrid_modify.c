/*
 * hybrid_modify.c
 *		UPDATE, DELETE and row locks of cold rows.
 *
 * Each finds or makes the row's header and hands that to heap's own routine: what
 * to wait for, multixacts, update chains and their following are heap's.  What comes
 * back with the header's TID concerns the cold row and is given its TID.
 */
#include "postgres.h"

#include "access/heapam.h"
#include "access/sysattr.h"
#include "access/xact.h"
#include "catalog/catalog.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "storage/predicate.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "hybrid/hybrid_directory.h"
#include "hybrid/hybrid_header.h"
#include "hybrid/hybrid_mark.h"
#include "hybrid/hybrid_modify.h"
#include "hybrid/hybrid_slot.h"
#include "hybrid/hybrid_tid.h"
#include "hybrid/hybrid_visible.h"

#define HEAP (GetHeapamTableAmRoutine())

/* a cold row being changed */
typedef struct ColdRow
{
	ItemPointerData tid; /* the row's */
	uint64 row;
	HyEntry entry; /* of its group */
	ItemPointerData header;
	Buffer pin; /* of the header's page */
} ColdRow;

/* false: no group has the row, as that of a rolled back load is gone */
static bool
try_find_group(Relation rel, const ItemPointerData *tid, ColdRow *cold)
{
	const HyDirEntry *found = NULL;

	cold->tid = *tid;
	cold->pin = InvalidBuffer;
	if (hy_tid_to_row(tid, &cold->row))
		found = hy_directory_find(hy_directory(rel), cold->row);
	if (found == NULL)
		return false;
	cold->entry = found->entry;
	return true;
}

static void
find_group(Relation rel, const ItemPointerData *tid, ColdRow *cold)
{
	if (!try_find_group(rel, tid, cold))
		elog(ERROR, "no row group of table \"%s\" has tuple (%u,%u)", RelationGetRelationName(rel),
			 ItemPointerGetBlockNumberNoCheck(tid), ItemPointerGetOffsetNumberNoCheck(tid));
}

/* is the group one of another transaction that is running, or of one that is rolled back?  Then nobody sees its rows. */
static bool
group_is_invisible(const HyEntry *entry)
{
	switch (hy_entry_fate(entry))
	{
		case HY_FATE_COMMITTED:
			return false;
		case HY_FATE_RUNNING:
			return !TransactionIdIsCurrentTransactionId(entry->xmin);
		case HY_FATE_ABORTED:
			break;
	}
	return true;
}

/* the row is dead, and nothing is left that would say why */
static TM_Result
row_is_gone(const ColdRow *cold, TM_FailureData *tmfd)
{
	tmfd->ctid = cold->tid;
	tmfd->xmax = InvalidTransactionId;
	tmfd->cmax = InvalidCommandId;
	tmfd->traversed = false;
	return TM_Deleted;
}

/*
 * Has the header what is logged of an old version?  It was made with the key columns of its time; a
 * replica identity chosen since then may want others.
 */
static void
check_identity(Relation rel, const ColdRow *cold)
{
	Page page = BufferGetPage(cold->pin);
	HeapTupleData tuple;
	Bitmapset *identity;
	int member = -1;
	bool complete;

	if (!RelationIsLogicallyLogged(rel))
		return;
	/* before the lock: it may read the catalogs */
	identity = RelationGetIndexAttrBitmap(rel, INDEX_ATTR_BITMAP_IDENTITY_KEY);
	LockBuffer(cold->pin, BUFFER_LOCK_SHARE);
	tuple.t_self = cold->header;
	tuple.t_tableOid = RelationGetRelid(rel);
	tuple.t_data = (HeapTupleHeader) PageGetItem(
		page, PageGetItemId(page, ItemPointerGetOffsetNumber(&cold->header)));
	tuple.t_len = ItemIdGetLength(PageGetItemId(page, ItemPointerGetOffsetNumber(&cold->header)));
	complete = rel->rd_rel->relreplident != REPLICA_IDENTITY_FULL ||
			   (hy_header_word(tuple.t_data) & HY_HEADER_WHOLE) != 0;
	while (complete && (member = bms_next_member(identity, member)) >= 0)
		complete = !heap_attisnull(&tuple, member + FirstLowInvalidHeapAttributeNumber,
								   RelationGetDescr(rel));
	LockBuffer(cold->pin, BUFFER_LOCK_UNLOCK);
	bms_free(identity);
	if (!complete)
	{
		ReleaseBuffer(cold->pin);
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("cannot log the replica identity of a cold row of table \"%s\"",
						RelationGetRelationName(rel)),
				 errdetail("The row was first locked or changed before the table got this replica "
						   "identity, or it is too large."),
				 errhint("Rewrite the table with VACUUM FULL.")));
	}
}

/* false: *result is the answer */
static bool
begin_change(Relation rel, const ItemPointerData *tid, Snapshot crosscheck, TM_FailureData *tmfd,
			 ColdRow *cold, TM_Result *result)
{
	find_group(rel, tid, cold);
	if (group_is_invisible(&cold->entry))
		ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
						errmsg("attempted to change invisible tuple")));
	/*
	 * A header passes for as old as any snapshot; the row is not older than its group.  (Rows of
	 * a group that everybody sees have xmins of their own, which everybody sees, too; and those of a freezer's
	 * group were there before any snapshot that does not see it: rule Z8 of "Freezing".)
	 */
	if (crosscheck != InvalidSnapshot && (cold->entry.flags & HY_FLAG_FREEZER) == 0 &&
		!hy_entry_visible(rel, &cold->entry, crosscheck))
	{
		(void) row_is_gone(cold, tmfd);
		*result = TM_Updated;
		return false;
	}
	if (!hy_header_get(rel, &cold->entry, cold->row, &cold->header, &cold->pin))
	{
		*result = row_is_gone(cold, tmfd);
		return false;
	}
	check_identity(rel, cold);
	hy_note_frozen_change(&cold->entry);
	return true;
}

static void
end_change(Relation rel, ColdRow *cold, TM_Result result, TM_FailureData *tmfd)
{
	ReleaseBuffer(cold->pin);
	/*
	 * Behind the change: a serializable reader locks the row and then looks for a header.  It has seen the
	 * change, or we see its lock.
	 */
	if (result == TM_Ok)
		CheckForSerializableConflictIn(rel, &cold->tid, ItemPointerGetBlockNumber(&cold->tid));
	else if (ItemPointerEquals(&tmfd->ctid, &cold->header))
		tmfd->ctid = cold->tid;
}

TM_Result
hy_cold_delete(Relation rel, ItemPointer tid, CommandId cid, Snapshot snapshot, Snapshot crosscheck,
			   bool wait, TM_FailureData *tmfd, bool changingPart)
{
	ColdRow cold;
	TM_Result result;

	if (!begin_change(rel, tid, crosscheck, tmfd, &cold, &result))
		return result;
	result =
		HEAP->tuple_delete(rel, &cold.header, cid, snapshot, crosscheck, wait, tmfd, changingPart);
	end_change(rel, &cold, result, tmfd);
	return result;
}

TM_Result
hy_cold_update(Relation rel, ItemPointer otid, TupleTableSlot *slot, CommandId cid,
			   Snapshot snapshot, Snapshot crosscheck, bool wait, TM_FailureData *tmfd,
			   LockTupleMode *lockmode, OM_UPDATE_INDEXES *update_indexes)
{
	ColdRow cold;
	TM_Result result;
	/* not in a register over PG_TRY, which compilers cannot tell to be harmless here */
	volatile TM_Result updated = TM_Invisible;
	OmHotBlock block;

	*update_indexes = OM_UPDATES_NO_INDEXES;
	if (!begin_change(rel, otid, crosscheck, tmfd, &cold, &result))
		return result;
	/*
	 * Nothing leads from an index to the header, so the new version cannot be a heap-only tuple
	 * behind it (rule D4): heap is told that the update changes an indexed column.
	 */
	om_hot_block_begin(rel, &block);
	PG_TRY();
	{
		updated = HEAP->tuple_update(rel, &cold.header, slot, cid, snapshot, crosscheck, wait, tmfd,
									 lockmode, update_indexes);
	}
	PG_FINALLY();
	{
		om_hot_block_end(rel, &block);
	}
	PG_END_TRY();
	result = updated;
	/* the transaction is given up with it */
	if (result == TM_Ok && !OM_UPDATES_ALL_INDEXES(*update_indexes))
		elog(ERROR, "new version of cold row (%u,%u) of table \"%s\" is heap-only",
			 ItemPointerGetBlockNumber(otid), ItemPointerGetOffsetNumber(otid),
			 RelationGetRelationName(rel));
	end_change(rel, &cold, result, tmfd);
	return result;
}

TM_Result
hy_cold_lock(Relation rel, ItemPointer tid, Snapshot snapshot, TupleTableSlot *slot, CommandId cid,
			 LockTupleMode mode, LockWaitPolicy wait_policy, uint8 flags, TM_FailureData *tmfd)
{
	ColdRow cold;
	ItemPointerData at;
	TM_Result result;

	find_group(rel, tid, &cold);
	if (group_is_invisible(&cold.entry))
	{
		/* whoever locks decides what this means */
		hy_slot_store_cold(slot, NULL, RelationGetRelid(rel), cold.row, InvalidTransactionId,
						   cold.entry.cmin);
		return TM_Invisible;
	}
	if (!hy_header_get(rel, &cold.entry, cold.row, &cold.header, &cold.pin))
	{
		ExecClearTuple(slot);
		return row_is_gone(&cold, tmfd);
	}
	at = cold.header;
	hy_slot_lend(slot);
	result = HEAP->tuple_lock(rel, &at, snapshot, slot, cid, mode, wait_policy, flags, tmfd);
	hy_slot_take_back(slot);
	ReleaseBuffer(cold.pin);

	/* `at` is the version that heap came to */
	if (!ItemPointerEquals(&at, &cold.header))
		*tid = at;
	else if (!TTS_EMPTY(slot))
	{
		/* the header is not to be seen; values are read if they are asked for, xmin as well */
		hy_slot_store_cold(slot, NULL, RelationGetRelid(rel), cold.row, InvalidTransactionId,
						   cold.entry.cmin);
	}
	if (result != TM_Ok && ItemPointerEquals(&tmfd->ctid, &cold.header))
		tmfd->ctid = cold.tid;
	return result;
}

/* the latest version of a cold row that the scan's snapshot sees, or the row itself; judge_group: if it sees the group */
void
hy_cold_latest_tid(TableScanDesc scan, ItemPointer tid, bool judge_group)
{
	Relation rel = scan->rs_rd;
	ColdRow cold;
	HeapTupleData tuple;
	ItemPointerData latest;
	Buffer buffer;

	/* the TID is whatever a user says */
	if (!try_find_group(rel, tid, &cold) ||
		(judge_group && !hy_entry_visible(rel, &cold.entry, scan->rs_snapshot)) ||
		hy_header_look(rel, &cold.entry, cold.row, &tuple, &buffer) != HY_HEADER_THERE)
		return;
	cold.header = latest = tuple.t_self;
	LockBuffer(buffer, BUFFER_LOCK_UNLOCK);
	/* the pin keeps it from being pruned */
	heap_get_latest_tid(scan, &latest);
	ReleaseBuffer(buffer);
	if (!ItemPointerEquals(&latest, &cold.header))
		*tid = latest;
}
