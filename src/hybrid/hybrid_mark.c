/*
 * hybrid_mark.c
 *		Marks of frozen rows: see hybrid_mark.h, and README.md, "Freezing".
 */
#include "postgres.h"

#include "access/parallel.h"
#include "access/xact.h"
#include "storage/bufmgr.h"
#include "storage/predicate.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "base/heap_pin.h"
#include "hybrid/hybrid_directory.h"
#include "hybrid/hybrid_mark.h"
#include "hybrid/hybrid_tid.h"
#include "hybrid/hybrid_visible.h"

/* rule Z5 */
static bool changed_frozen = false;

/* hy_freeze_front */
static Oid front_relid = InvalidOid;
static BlockNumber front_block = 0;

/* ---- finding ---- */

static inline bool
is_freezer(const HyEntry *group, TransactionId xid)
{
	return (group->flags & HY_FLAG_FREEZER) != 0 && group->xmin == xid;
}

bool
hy_mark_group(Relation rel, const HyMark *mark, HyEntry *entry)
{
	static uint32 last =
		0; /* where the last one was found: the next mark is mostly of the same group */
	const HyDirectory *dir = hy_directory(rel);

	if (last >= dir->group_count || !is_freezer(&dir->entries[last].entry, mark->xid))
		for (last = dir->group_count; last > 0;)
			if (is_freezer(&dir->entries[--last].entry, mark->xid))
				break;
	if (last >= dir->group_count || !is_freezer(&dir->entries[last].entry, mark->xid))
		return false;
	*entry = dir->entries[last].entry;
	return mark->row < entry->rows;
}

/* where is the last member of the HOT chain that an index's entry leads to?  False: nowhere.  The page is locked. */
static bool
find_chain_end(Page page, BlockNumber block, OffsetNumber *offset)
{
	TransactionId previous = InvalidTransactionId;

	/* no chain is longer than a page */
	for (int i = 0; i <= (int) MaxHeapTuplesPerPage; i++)
	{
		ItemId item;
		HeapTupleHeader tuple;

		if (*offset < FirstOffsetNumber || *offset > PageGetMaxOffsetNumber(page))
			return false;
		item = PageGetItemId(page, *offset);
		if (ItemIdIsRedirected(item) && i == 0)
		{
			*offset = ItemIdGetRedirect(item);
			continue;
		}
		if (!ItemIdIsNormal(item))
			return false;
		tuple = (HeapTupleHeader) PageGetItem(page, item);
		if (TransactionIdIsValid(previous) &&
			!TransactionIdEquals(previous, HeapTupleHeaderGetXmin(tuple)))
			return false;
		if (!HeapTupleHeaderIsHotUpdated(tuple) ||
			ItemPointerGetBlockNumberNoCheck(&tuple->t_ctid) != block)
			return true;
		previous = HeapTupleHeaderGetUpdateXid(tuple);
		*offset = ItemPointerGetOffsetNumberNoCheck(&tuple->t_ctid);
	}
	return false;
}

bool
hy_mark_at(Relation rel, const ItemPointerData *tid, bool chain, HyMark *mark, HyEntry *entry)
{
	OffsetNumber offset = ItemPointerGetOffsetNumber(tid);
	BlockNumber block = ItemPointerGetBlockNumber(tid);
	Buffer buffer;
	Page page;
	bool found = false;

	if (!hy_block_exists(rel, block))
		return false;
	buffer = om_read_recent(rel, block);
	LockBuffer(buffer, BUFFER_LOCK_SHARE);
	page = BufferGetPage(buffer);
	if (!PageIsNew(page) && (!chain || find_chain_end(page, block, &offset)) &&
		offset >= FirstOffsetNumber && offset <= PageGetMaxOffsetNumber(page))
	{
		ItemId item = PageGetItemId(page, offset);

		found =
			ItemIdIsNormal(item) && hy_tuple_mark((HeapTupleHeader) PageGetItem(page, item), mark);
	}
	UnlockReleaseBuffer(buffer);
	return found && hy_mark_group(rel, mark, entry);
}

/* ---- reading ---- */

void
hy_note_frozen_change(const HyEntry *entry)
{
	if ((entry->flags & HY_FLAG_FREEZER) != 0)
		changed_frozen = true;
}

bool
hy_marks_matter(Relation rel, Snapshot snapshot)
{
	if (snapshot == NULL || !IsMVCCSnapshot(snapshot))
		return false;
	/* workers do not know what their leader has done */
	return changed_frozen || IsParallelWorker() ||
		   CheckForSerializableConflictOutNeeded(rel, snapshot);
}

bool
hy_mark_hides(Relation rel, const HyMark *mark, Snapshot snapshot)
{
	HyEntry entry;
	uint64 row;

	if (!hy_mark_group(rel, mark, &entry))
		return false;
	row = hy_mark_row(mark, &entry);
	if (CheckForSerializableConflictOutNeeded(rel, snapshot))
	{
		ItemPointerData tid;

		/* first the lock, then the look: a writer looks for locks behind its change */
		hy_tid_from_row(&tid, row);
		PredicateLockTID(rel, &tid, snapshot, InvalidTransactionId);
	}
	if (hy_entry_fate(&entry) != HY_FATE_COMMITTED)
		return false;
	return !hy_row_visible(rel, &entry, row, snapshot, NULL);
}

bool
hy_mark_followed(Relation rel, const HyMark *mark, const HyEntry *entry, Snapshot snapshot)
{
	/* running: the hot copy counts; aborted: it always did */
	return hy_entry_fate(entry) == HY_FATE_COMMITTED &&
		   hy_cold_visible(rel, entry, hy_mark_row(mark, entry), snapshot, NULL);
}

/* ---- the freezer's front ---- */

BlockNumber
hy_freeze_front(Relation rel)
{
	return front_relid == RelationGetRelid(rel) ? front_block : 0;
}

void
hy_set_freeze_front(Relation rel, BlockNumber front)
{
	front_relid = RelationGetRelid(rel);
	front_block = front;
}

/* ---- the end of a transaction ---- */

static void
forget_change(XactEvent event, void *arg)
{
	switch (event)
	{
		case XACT_EVENT_COMMIT:
		case XACT_EVENT_PARALLEL_COMMIT:
		case XACT_EVENT_ABORT:
		case XACT_EVENT_PARALLEL_ABORT:
		case XACT_EVENT_PREPARE:
			changed_frozen = false;
			front_relid = InvalidOid;
			break;
		case XACT_EVENT_PRE_COMMIT:
		case XACT_EVENT_PARALLEL_PRE_COMMIT:
		case XACT_EVENT_PRE_PREPARE:
			break;
	}
}

void
hybrid_mark_init(void)
{
	RegisterXactCallback(forget_change, NULL);
}
