/*
 * hybrid_fetch.c
 *		Fetch single rows by TID.
 *
 * Hot TIDs are heap's.  A cold one is a row number: the directory says which
 * group holds it, and its values are read one by one as they are asked for.
 */
#include "postgres.h"

#include "access/heapam.h"
#include "access/table.h"
#include "access/transam.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "storage/predicate.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "base/heap_pin.h"
#include "base/pg_compat.h"
#include "hybrid/hybrid_directory.h"
#include "hybrid/hybrid_fetch.h"
#include "hybrid/hybrid_header.h"
#include "hybrid/hybrid_kept.h"
#include "hybrid/hybrid_load.h"
#include "hybrid/hybrid_map.h"
#include "hybrid/hybrid_mark.h"
#include "hybrid/hybrid_number.h"
#include "hybrid/hybrid_modify.h"
#include "hybrid/hybrid_slot.h"
#include "hybrid/hybrid_tid.h"
#include "hybrid/hybrid_visible.h"

/* groups whose visibility a fetch remembers */
#define SEEN_MAX 32

/* a group that an MVCC snapshot sees */
typedef struct HySeen
{
	HyEntry entry; /* rows = 0: unused */
	Snapshot snapshot;
	bool untouched; /* no row of it had a header when that was looked up */
} HySeen;

/* reads single rows */
typedef struct HyColdFetch
{
	HyColdSource cold; /* first: the slot knows us by it */
	Relation rel;
	MemoryContext parent; /* where the fetch began */
	MemoryContext values; /* by-reference values of the present row */
	HyEntry entry;		  /* the present row's group */
	uint32 row;			  /* in its group */
	HySeen seen[SEEN_MAX];
	uint32 seen_last; /* the one used last */
	uint32 seen_next; /* the one to be used for the next group */
} HyColdFetch;

typedef struct HyIndexFetch
{
	IndexFetchTableData base;
	IndexFetchTableData *heap;
	HyColdFetch cold;
} HyIndexFetch;

/* HyColdSource.fetch */
static void
cold_fetch_values(HyColdSource *source, TupleTableSlot *slot, int natts)
{
	HyColdFetch *fetch = (HyColdFetch *) source;
	const bool *needed = hy_slot(slot)->needed;
	RgGroup *group = hy_kept_open(fetch->rel, &fetch->entry);
	MemoryContext old = MemoryContextSwitchTo(fetch->values);

	rg_prefetch(group, needed, slot->tts_nvalid, natts, fetch->row);
	for (int i = slot->tts_nvalid; i < natts; i++)
		if (needed != NULL && !needed[i])
		{
			slot->tts_values[i] = (Datum) 0;
			slot->tts_isnull[i] = true;
		}
		else
			slot->tts_values[i] = rg_value(group, i, fetch->row, &slot->tts_isnull[i]);
	MemoryContextSwitchTo(old);
	hy_kept_done();
}

static TransactionId
cold_fetch_xmin(HyColdSource *source)
{
	HyColdFetch *fetch = (HyColdFetch *) source;
	TransactionId xmin = rg_row_xmin(hy_kept_open(fetch->rel, &fetch->entry), fetch->row);

	hy_kept_done();
	return xmin;
}

static void
cold_fetch_init(HyColdFetch *fetch, Relation rel)
{
	memset(fetch, 0, sizeof(*fetch));
	fetch->cold.fetch = cold_fetch_values;
	fetch->cold.xmin = cold_fetch_xmin;
	fetch->rel = rel;
	fetch->parent = CurrentMemoryContext;
}

static void
cold_fetch_end(HyColdFetch *fetch)
{
	hy_slot_detach(&fetch->cold, NULL);
	if (fetch->values != NULL)
		MemoryContextDelete(fetch->values);
	fetch->values = NULL;
}

static inline bool
holds_row(const HyEntry *entry, uint64 row)
{
	return row >= entry->first_row && row - entry->first_row < hy_span(entry);
}

/* a group with the row that this snapshot has seen, or NULL */
static const HySeen *
find_seen(HyColdFetch *fetch, uint64 row, Snapshot snapshot)
{
	/* a group that a snapshot sees stays as it is while the snapshot lasts (rules I4, I5) */
	for (uint32 i = 0; i < SEEN_MAX; i++)
	{
		/* nearly always the one used last */
		uint32 at = (fetch->seen_last + i) % SEEN_MAX;

		if (fetch->seen[at].snapshot == snapshot && holds_row(&fetch->seen[at].entry, row))
		{
			fetch->seen_last = at;
			return &fetch->seen[at];
		}
	}
	return NULL;
}

static void
note_seen(HyColdFetch *fetch, Snapshot snapshot)
{
	HySeen *seen = &fetch->seen[fetch->seen_next];

	seen->entry = fetch->entry;
	seen->snapshot = snapshot;
	seen->untouched = !hy_map_any(fetch->rel, &fetch->entry);
	fetch->seen_last = fetch->seen_next;
	fetch->seen_next = (fetch->seen_next + 1) % SEEN_MAX;
}

/*
 * Make `row` the present row; false if the snapshot does not see it.
 *
 * What a map said at or behind the moment of an MVCC snapshot stays good for it: who makes a header later makes
 * changes that it does not see.  But in SERIALIZABLE we have to meet them.
 */
static bool
cold_fetch_seek(HyColdFetch *fetch, uint64 row, Snapshot snapshot, bool *all_dead)
{
	bool mvcc = IsMVCCSnapshot(snapshot);
	const HySeen *seen = mvcc ? find_seen(fetch, row, snapshot) : NULL;

	/* until the row is found the slot may still show the one before, and ask us for its values */
	if (seen != NULL)
	{
		if (!seen->untouched && !hy_row_visible(fetch->rel, &seen->entry, row, snapshot, all_dead))
			return false;
		fetch->entry = seen->entry;
	}
	else
	{
		const HyDirEntry *found = hy_directory_find(hy_directory(fetch->rel), row);
		HyEntry entry;

		if (found == NULL)
		{
			/* index entries come behind their group: this one was rolled back and is gone */
			if (all_dead != NULL)
				*all_dead = true;
			return false;
		}
		entry = found->entry;
		if (!hy_cold_visible(fetch->rel, &entry, row, snapshot, all_dead))
		{
			if (all_dead != NULL && hy_entry_fate(&entry) == HY_FATE_ABORTED)
				*all_dead = true;
			return false;
		}
		fetch->entry = entry;
		if (mvcc && !CheckForSerializableConflictOutNeeded(fetch->rel, snapshot))
			note_seen(fetch, snapshot);
	}
	if (fetch->values == NULL)
		fetch->values = AllocSetContextCreate(fetch->parent, "omendb values", ALLOCSET_SMALL_SIZES);
	else
		MemoryContextReset(fetch->values);
	if (hy_row_position(fetch->rel, &fetch->entry, row, &fetch->row))
		return true;
	/* left out when its group was rewritten: of a group without headers nobody has looked */
	if (all_dead != NULL)
		*all_dead = true;
	return false;
}

/* ---- single rows ---- */

bool
hy_fetch_cold(Relation rel, uint64 row, Snapshot snapshot, TupleTableSlot *slot)
{
	const HyDirEntry *found = hy_directory_find(hy_directory(rel), row);
	HyColdFetch *fetch;
	HyEntry entry;
	uint32 position;

	if (found == NULL)
		return false;
	entry = found->entry;
	if ((snapshot != NULL && !hy_cold_visible(rel, &entry, row, snapshot, NULL)) ||
		!hy_row_position(rel, &entry, row, &position))
		return false;
	/* with the slot, which refers to it until all values are there or an error ends that */
	fetch = MemoryContextAlloc(slot->tts_mcxt, sizeof(HyColdFetch));
	memset(fetch, 0, offsetof(HyColdFetch, seen));
	fetch->cold.fetch = cold_fetch_values;
	fetch->cold.xmin = cold_fetch_xmin;
	fetch->rel = rel;
	fetch->entry = entry;
	fetch->row = position;
	fetch->values = AllocSetContextCreate(slot->tts_mcxt, "omendb values", ALLOCSET_SMALL_SIZES);
	hy_slot_store_cold(slot, &fetch->cold, RelationGetRelid(rel), row, entry.xmin, entry.cmin);
	ExecMaterializeSlot(slot);
	cold_fetch_end(fetch);
	pfree(fetch);
	return true;
}

void
hy_fetch_columns(Relation rel, const HyEntry *entry, uint64 row, const bool *needed, Datum *values,
				 bool *nulls)
{
	RgGroup *group = hy_kept_open(rel, entry);
	uint32 position;

	if (!rg_find_number(group, (uint32) (row - entry->first_row), &position))
		elog(ERROR, "row " UINT64_FORMAT " of table \"%s\" is gone", row,
			 RelationGetRelationName(rel));
	rg_prefetch(group, needed, 0, RelationGetDescr(rel)->natts, position);
	for (int i = 0; i < RelationGetDescr(rel)->natts; i++)
	{
		values[i] = (Datum) 0;
		nulls[i] = true;
		if (needed == NULL || needed[i])
			values[i] = rg_value(group, i, position, &nulls[i]);
	}
	hy_kept_done();
}

void
hy_fetch_again(TupleTableSlot *slot)
{
	HySlot *ours = hy_slot(slot);
	/* whoever filled the slot has locked the table, and the lock is still held */
	Relation rel = table_open(slot->tts_tableOid, NoLock);
	uint64 row = ours->row;

	/* no snapshot: the row was visible to the slot's */
	if (!hy_fetch_cold(rel, row, NULL, slot))
		elog(ERROR, "could not find cold row " UINT64_FORMAT " of table \"%s\" again", row,
			 RelationGetRelationName(rel));
	table_close(rel, NoLock);
}

TransactionId
hy_fetch_xmax(TupleTableSlot *slot)
{
	/* as above; and the slot's group is still there, as a snapshot that sees it is */
	Relation rel = table_open(slot->tts_tableOid, NoLock);
	uint64 row = hy_slot(slot)->row;
	const HyDirEntry *found = hy_directory_find(hy_directory(rel), row);
	TransactionId xmax = InvalidTransactionId;

	if (found != NULL)
	{
		HyEntry entry = found->entry;
		HeapTupleData tuple;
		Buffer buffer;

		if (hy_header_look(rel, &entry, row, &tuple, &buffer) == HY_HEADER_THERE)
		{
			xmax = HeapTupleHeaderGetRawXmax(tuple.t_data);
			UnlockReleaseBuffer(buffer);
		}
	}
	table_close(rel, NoLock);
	return xmax;
}

/*
 * A line pointer may be used anew after its TID was read and before the row is fetched.  A new row
 * would be too young for the snapshot; a new header is seen by all, but is no row.  And a row that was frozen may have been
 * changed since.
 */
static bool
is_rejected(Relation rel, TupleTableSlot *slot, Snapshot snapshot)
{
	const HeapTupleData *tuple = hy_slot(slot)->base.base.tuple;
	Buffer buffer = hy_slot(slot)->base.buffer;
	HyMark mark;
	bool marked;

	if (hy_tuple_is_header(tuple->t_data))
		return true;
	if (!HeapTupleHeaderIndicatesMovedPartitions(tuple->t_data) || !hy_marks_matter(rel, snapshot))
		return false;
	/* the slot has pinned it; a freezer may be at work on it right now */
	LockBuffer(buffer, BUFFER_LOCK_SHARE);
	marked = hy_tuple_mark(tuple->t_data, &mark);
	LockBuffer(buffer, BUFFER_LOCK_UNLOCK);
	return marked && hy_mark_hides(rel, &mark, snapshot);
}

/* what heap found, is it none for us? */
static bool
reject(Relation rel, TupleTableSlot *slot, Snapshot snapshot)
{
	if (!is_rejected(rel, slot, snapshot))
		return false;
	ExecClearTuple(slot);
	return true;
}

static bool
is_header(Relation rel, ItemPointer tid)
{
	OffsetNumber offset = ItemPointerGetOffsetNumber(tid);
	Buffer buffer = ReadBuffer(rel, ItemPointerGetBlockNumber(tid));
	Page page = BufferGetPage(buffer);
	bool result = false;

	LockBuffer(buffer, BUFFER_LOCK_SHARE);
	if (offset >= FirstOffsetNumber && offset <= PageGetMaxOffsetNumber(page))
	{
		ItemId item = PageGetItemId(page, offset);

		result =
			ItemIdIsNormal(item) && hy_tuple_is_header((HeapTupleHeader) PageGetItem(page, item));
	}
	UnlockReleaseBuffer(buffer);
	return result;
}

/* ---- index fetch ---- */

IndexFetchTableData *
hybrid_index_fetch_begin(Relation rel)
{
	HyIndexFetch *fetch = palloc0(sizeof(HyIndexFetch));

	hy_load_flush_table(rel);
	fetch->base.rel = rel;
	fetch->heap = GetHeapamTableAmRoutine()->index_fetch_begin(rel);
	cold_fetch_init(&fetch->cold, rel);
	return &fetch->base;
}

void
hybrid_index_fetch_reset(IndexFetchTableData *scan)
{
	HyIndexFetch *fetch = (HyIndexFetch *) scan;

	GetHeapamTableAmRoutine()->index_fetch_reset(fetch->heap);
	hy_slot_detach(&fetch->cold.cold, NULL);
}

void
hybrid_index_fetch_end(IndexFetchTableData *scan)
{
	HyIndexFetch *fetch = (HyIndexFetch *) scan;

	GetHeapamTableAmRoutine()->index_fetch_end(fetch->heap);
	cold_fetch_end(&fetch->cold);
	pfree(fetch);
}

bool
hybrid_index_fetch_tuple(IndexFetchTableData *scan, ItemPointer tid, Snapshot snapshot,
						 TupleTableSlot *slot, bool *call_again, bool *all_dead)
{
	HyIndexFetch *fetch = (HyIndexFetch *) scan;
	HyColdFetch *cold = &fetch->cold;
	uint64 row;
	bool found;
	HyMark mark;
	HyEntry entry;

	if (!hy_tid_is_cold(tid))
	{
		if (!*call_again)
			om_heap_pin(scan->rel, fetch->heap, tid);
		hy_slot_lend(slot);
		found = GetHeapamTableAmRoutine()->index_fetch_tuple(fetch->heap, tid, snapshot, slot,
															 call_again, all_dead);
		hy_slot_take_back(slot);
		if (found && reject(scan->rel, slot, snapshot))
		{
			*call_again = false;
			if (all_dead)
				*all_dead = false;
			return false;
		}
		if (found || !hy_follows_marks(snapshot) ||
			!hy_mark_at(scan->rel, tid, true, &mark, &entry) ||
			!hy_mark_followed(scan->rel, &mark, &entry, snapshot))
			return found;
		hy_slot_detach(&cold->cold, slot);
		return hy_fetch_cold(scan->rel, hy_mark_row(&mark, &entry), NULL, slot);
	}

	*call_again = false;
	if (all_dead)
		*all_dead = false;
	if (!hy_tid_to_row(tid, &row))
		return false;
	hy_slot_detach(&cold->cold, slot);
	/* first the lock, then the look: a writer looks for locks behind its change */
	PredicateLockTID(scan->rel, tid, snapshot, InvalidTransactionId);
	if (!cold_fetch_seek(cold, row, snapshot, all_dead))
		return false;
	hy_slot_store_cold(slot, &cold->cold, RelationGetRelid(scan->rel), row, cold->entry.xmin,
					   cold->entry.cmin);
	return true;
}

/* ---- by row version ---- */

bool
hybrid_tuple_fetch_row_version(Relation rel, ItemPointer tid, Snapshot snapshot,
							   TupleTableSlot *slot)
{
	uint64 row;
	bool found;

	hy_load_flush_table(rel);
	if (hy_tid_is_cold(tid))
	{
		if (!hy_tid_to_row(tid, &row))
			return false;
		PredicateLockTID(rel, tid, snapshot, InvalidTransactionId);
		return hy_fetch_cold(rel, row, snapshot, slot);
	}
	hy_slot_lend(slot);
	found = GetHeapamTableAmRoutine()->tuple_fetch_row_version(rel, tid, snapshot, slot);
	hy_slot_take_back(slot);
	return found && !reject(rel, slot, snapshot);
}

bool
hybrid_tuple_tid_valid(TableScanDesc scan, ItemPointer tid)
{
	HyMeta meta;

	/* as heap: any line of a block that there is */
	if (hy_tid_is_cold(tid))
		return ItemPointerIsValid(tid) && hy_meta_read(scan->rs_rd, &meta) &&
			   hy_block_first_row(ItemPointerGetBlockNumber(tid)) < meta.next_row;
	return ItemPointerIsValid(tid) &&
		   ItemPointerGetBlockNumber(tid) < RelationGetNumberOfBlocks(scan->rs_rd);
}

/* of a row that was frozen: the scan's snapshot sees it cold, or hot, or changed by its own transaction */
static void
frozen_latest_tid(TableScanDesc scan, ItemPointer tid, const HyMark *mark, const HyEntry *entry)
{
	Relation rel = scan->rs_rd;
	bool cold = hy_entry_visible(rel, entry, scan->rs_snapshot);
	ItemPointerData latest;

	hy_tid_from_row(&latest, hy_mark_row(mark, entry));
	if (!cold && hy_row_visible(rel, entry, hy_mark_row(mark, entry), scan->rs_snapshot, NULL))
		return;
	hy_cold_latest_tid(scan, &latest, false);
	if (cold || !hy_tid_is_cold(&latest))
		*tid = latest;
}

void
hybrid_tuple_get_latest_tid(TableScanDesc scan, ItemPointer tid)
{
	HyMark mark;
	HyEntry entry;

	/* a row that was frozen and is a cold one to this snapshot; that is never a later version's fate, see rule Z4 */
	if (!hy_tid_is_cold(tid) && hy_mark_at(scan->rs_rd, tid, false, &mark, &entry) &&
		hy_entry_fate(&entry) == HY_FATE_COMMITTED)
	{
		frozen_latest_tid(scan, tid, &mark, &entry);
		return;
	}
	if (hy_tid_is_cold(tid))
		hy_cold_latest_tid(scan, tid, true);
	else if (!is_header(scan->rs_rd, tid))
		heap_get_latest_tid(scan, tid);
}

bool
hybrid_tuple_satisfies_snapshot(Relation rel, TupleTableSlot *slot, Snapshot snapshot)
{
	bool visible;

	if (hy_slot_is_cold(slot))
	{
		const HyDirEntry *found = hy_directory_find(hy_directory(rel), hy_slot(slot)->row);
		HyEntry entry;

		if (found == NULL)
			return false;
		entry = found->entry;
		/* not its group is asked for but the row, which is no younger than the snapshot: rule Z8 */
		if ((entry.flags & HY_FLAG_FREEZER) != 0 && IsMVCCSnapshot(snapshot) &&
			hy_entry_fate(&entry) == HY_FATE_COMMITTED)
			return hy_row_visible(rel, &entry, hy_slot(slot)->row, snapshot, NULL);
		return hy_cold_visible(rel, &entry, hy_slot(slot)->row, snapshot, NULL);
	}
	/* not lent: that would be for writing, and may clear */
	hy_slot_lend_full(slot);
	visible = GetHeapamTableAmRoutine()->tuple_satisfies_snapshot(rel, slot, snapshot);
	hy_slot_take_back(slot);
	return visible;
}

/*
 * Was the row of a cold TID found dead to everybody, and is it still?  It always is.  A group that is not there was rolled back, and nobody
 * ever saw it.
 */
static bool
cold_is_gone(Relation rel, const ItemPointerData *tid)
{
	const HyDirEntry *found;
	uint64 row;
	HyEntry entry;

	if (!hy_tid_to_row(tid, &row))
		return false;
	found = hy_directory_find(hy_directory(rel), row);
	if (found == NULL || hy_entry_fate(&found->entry) == HY_FATE_ABORTED)
		return true;
	entry = found->entry;
	return hy_row_is_gone(rel, &entry, row);
}

/*
 * This backend is freezing the table, and an index page has no room for the entry of a cold row: drop from the hot rows that the index
 * asks about those that have not been frozen before by the same call.  What is left are copies, dead to all unless some snapshot is older.
 * Heap by itself would look on a few pages only, those that most of the entries lead to; the copies may stand anywhere.
 */
static int
keep_frozen_copies(TM_IndexDelete *entries, int count, BlockNumber front)
{
	int kept = 0;

	for (int i = 0; i < count; i++)
		if (ItemPointerGetBlockNumber(&entries[i].tid) < front)
			entries[kept++] = entries[i];
	return kept;
}

/* is any of these rows dead to all?  By the question that heap asks of each (heap_index_delete_tuples, heapam.c). */
static bool
any_is_dead(Relation rel, const TM_IndexDelete *entries, int count)
{
	SnapshotData snapshot;
	bool dead = false;

	InitNonVacuumableSnapshot(snapshot, GlobalVisTestFor(rel));
	for (int i = 0; i < count && !dead; i++)
	{
		ItemPointerData tid = entries[i].tid;
		Buffer buffer = ReadBuffer(rel, ItemPointerGetBlockNumber(&tid));
		HeapTupleData tuple;

		LockBuffer(buffer, BUFFER_LOCK_SHARE);
		dead = !heap_hot_search_buffer(&tid, rel, buffer, &snapshot, &tuple, NULL, true);
		UnlockReleaseBuffer(buffer);
	}
	return dead;
}

/*
 * Which of an index's entries are dead?  Of cold rows those that a scan has marked, because the row's header was
 * pruned; that record has settled conflicts with standby's snapshots.  They are taken out before heap
 * looks, which would search for blocks far behind the file's end, and given back behind its answer.
 */
TransactionId
hybrid_index_delete_tuples(Relation rel, TM_IndexDeleteOp *delstate)
{
	TransactionId horizon = InvalidTransactionId;
	TM_IndexDelete *gone = palloc((Size) Max(delstate->ndeltids, 1) * sizeof(TM_IndexDelete));
	int gone_count = 0;
	int hot = 0;
	bool hot_known = false;
	bool bottomup = delstate->bottomup;
	BlockNumber front = bottomup ? hy_freeze_front(rel) : 0;

	for (int i = 0; i < delstate->ndeltids; i++)
	{
		TM_IndexDelete *entry = &delstate->deltids[i];
		bool known = delstate->status[entry->id].knowndeletable;

		if (!hy_tid_is_cold(&entry->tid))
		{
			hot_known = hot_known || known;
			delstate->deltids[hot++] = *entry;
		}
		else if (known && cold_is_gone(rel, &entry->tid))
			gone[gone_count++] = *entry;
	}
	/* heap expects to be asked about something, and outside of bottom-up deletion about a dead row */
	delstate->ndeltids = hot_known || bottomup ? hot : 0;
	if (front > 0)
	{
		delstate->ndeltids = keep_frozen_copies(delstate->deltids, hot, front);
		/* outside of bottom-up deletion heap must find one */
		if (!any_is_dead(rel, delstate->deltids, delstate->ndeltids))
			delstate->ndeltids = 0;
	}
	if (delstate->ndeltids > 0)
	{
		/* asked as for an index scan's dead entries, heap looks at every row */
		delstate->bottomup = bottomup && front == 0;
		horizon = GetHeapamTableAmRoutine()->index_delete_tuples(rel, delstate);
		delstate->bottomup = bottomup;
	}
	if (gone_count > 0)
		memcpy(delstate->deltids + delstate->ndeltids, gone,
			   (Size) gone_count * sizeof(TM_IndexDelete));
	delstate->ndeltids += gone_count;
	pfree(gone);
	return horizon;
}
