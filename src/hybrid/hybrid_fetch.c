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
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "base/pg_compat.h"
#include "hybrid/hybrid_directory.h"
#include "hybrid/hybrid_fetch.h"
#include "hybrid/hybrid_header.h"
#include "hybrid/hybrid_load.h"
#include "hybrid/hybrid_modify.h"
#include "hybrid/hybrid_slot.h"
#include "hybrid/hybrid_source.h"
#include "hybrid/hybrid_tid.h"
#include "hybrid/hybrid_visible.h"

/* groups that a fetch keeps open: random probes of a table go back and forth between groups */
#define OPEN_GROUPS_MAX 32

typedef struct HyOpenGroup
{
	RgGroup *group;		   /* NULL: unused */
	MemoryContext context; /* everything of it, a child of the fetch's parent */
	HyEntry entry;
	HySource source;
	TupleDesc desc;	 /* of the slots, see HyBatchReader */
	Snapshot seen;	 /* MVCC snapshot that saw it, or NULL */
	bool untouched;	 /* no row of it had a header when `seen` was set */
	uint64 last_use; /* the least recently used makes room */
} HyOpenGroup;

/* reads single rows */
typedef struct HyColdFetch
{
	HyColdSource cold; /* first: the slot knows us by it */
	Relation rel;
	MemoryContext parent; /* where the fetch began */
	MemoryContext values; /* by-reference values of the present row */
	HyOpenGroup open[OPEN_GROUPS_MAX];
	HyOpenGroup *at; /* of the present row */
	uint32 row;		 /* in its group */
	uint64 use_count;
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
	MemoryContext old = MemoryContextSwitchTo(fetch->values);

	for (int i = slot->tts_nvalid; i < natts; i++)
		if (needed != NULL && !needed[i])
		{
			slot->tts_values[i] = (Datum) 0;
			slot->tts_isnull[i] = true;
		}
		else
			slot->tts_values[i] = rg_value(fetch->at->group, i, fetch->row, &slot->tts_isnull[i]);
	MemoryContextSwitchTo(old);
}

static TransactionId
cold_fetch_xmin(HyColdSource *source)
{
	HyColdFetch *fetch = (HyColdFetch *) source;

	return rg_row_xmin(fetch->at->group, fetch->row);
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
close_group(HyOpenGroup *open)
{
	if (open->group == NULL)
		return;
	hy_source_release(&open->source);
	rg_close(open->group);
	MemoryContextDelete(open->context);
	open->group = NULL;
}

/* release pins; what is decoded of open groups stays if `keep` */
static void
cold_fetch_release(HyColdFetch *fetch, bool keep)
{
	hy_slot_detach(&fetch->cold, NULL);
	for (int i = 0; i < OPEN_GROUPS_MAX; i++)
		if (!keep)
			close_group(&fetch->open[i]);
		else if (fetch->open[i].group != NULL)
			hy_source_release(&fetch->open[i].source);
	if (!keep && fetch->values != NULL)
	{
		MemoryContextDelete(fetch->values);
		fetch->values = NULL;
	}
}

static bool
holds_row(const HyEntry *entry, uint64 row)
{
	return row >= entry->first_row && row - entry->first_row < entry->rows;
}

/* an open group with the row that this snapshot has seen, or NULL */
static HyOpenGroup *
find_seen(HyColdFetch *fetch, uint64 row, Snapshot snapshot, TupleDesc desc)
{
	/* a group that a snapshot sees stays as it is while the snapshot lasts (rules I4, I5) */
	if (snapshot == NULL || !IsMVCCSnapshot(snapshot))
		return NULL;
	for (int i = 0; i < OPEN_GROUPS_MAX; i++)
	{
		HyOpenGroup *open = &fetch->open[i];

		if (open->group != NULL && open->seen == snapshot && open->desc == desc &&
			holds_row(&open->entry, row))
			return open;
	}
	return NULL;
}

/* the group of `entry`, opened if it is not */
static HyOpenGroup *
open_group(HyColdFetch *fetch, HyEntry entry, TupleDesc desc)
{
	HyOpenGroup *open = &fetch->open[0];

	for (int i = 0; i < OPEN_GROUPS_MAX; i++)
	{
		HyOpenGroup *other = &fetch->open[i];

		if (other->group != NULL && other->entry.group_id == entry.group_id && other->desc == desc)
			return other;
		if (open->group != NULL && (other->group == NULL || other->last_use < open->last_use))
			open = other;
	}
	close_group(open);
	open->context = AllocSetContextCreate(fetch->parent, "omendb cold fetch", ALLOCSET_SMALL_SIZES);
	open->entry = entry;
	open->desc = desc;
	open->seen = NULL;
	hy_source_init(&open->source, fetch->rel, &open->entry, NULL, open->context);
	open->group = rg_open(&open->source.base, entry.group_id, desc, open->context);
	if (rg_header(open->group)->rows != entry.rows)
		hy_corrupted(fetch->rel, entry.start, "row group and its directory entry disagree");
	return open;
}

/*
 * Is the row of an open group, which the snapshot sees, there for it?  What a map said at or behind the moment of an
 * MVCC snapshot stays good for it: who makes a header later makes changes that it does not see.
 * But in SERIALIZABLE we have to meet them.
 */
static bool
row_visible(HyColdFetch *fetch, const HyOpenGroup *open, uint64 row, Snapshot snapshot,
			bool *all_dead)
{
	if (snapshot == NULL)
		return true;
	if (open->untouched && !CheckForSerializableConflictOutNeeded(fetch->rel, snapshot))
		return true;
	return hy_row_visible(fetch->rel, &open->entry, row, snapshot, all_dead);
}

/* make `row` the present row; false if the snapshot does not see it */
static bool
cold_fetch_seek(HyColdFetch *fetch, uint64 row, Snapshot snapshot, TupleDesc desc, bool *all_dead)
{
	HyOpenGroup *open = find_seen(fetch, row, snapshot, desc);

	if (open == NULL)
	{
		const HyDirEntry *found = hy_directory_find(hy_directory(fetch->rel), row);
		bool mvcc = snapshot != NULL && IsMVCCSnapshot(snapshot);

		if (found == NULL ||
			(snapshot != NULL && !hy_entry_visible(fetch->rel, &found->entry, snapshot)))
			return false;
		open = open_group(fetch, found->entry, desc);
		open->seen = mvcc ? snapshot : NULL;
		open->untouched = mvcc && !hy_map_any(fetch->rel, &open->entry);
	}
	/* a group that is still being written: that decides (hy_cold_visible) */
	if (!(snapshot != NULL && snapshot->snapshot_type == SNAPSHOT_DIRTY &&
		  TransactionIdIsValid(snapshot->xmin)) &&
		!row_visible(fetch, open, row, snapshot, all_dead))
		return false;
	open->last_use = ++fetch->use_count;
	if (fetch->values == NULL)
		fetch->values = AllocSetContextCreate(fetch->parent, "omendb values", ALLOCSET_SMALL_SIZES);
	else
		MemoryContextReset(fetch->values);
	fetch->at = open;
	fetch->row = (uint32) (row - open->entry.first_row);
	return true;
}

/* ---- single rows ---- */

/* tables whose groups a transaction keeps open for single rows: a table and those it refers to */
#define KEPT_MAX 4

typedef struct HyKept
{
	MemoryContext context; /* child of the transaction's; everything below; NULL: unused */
	Oid relid;
	OmRelFile file;
	TupleDesc desc;
	bool stale; /* the table's definition may have changed */
	bool
		busy; /* being read; found so at the next call, it was left by an error, with its pins gone */
	uint64 last_use;
	HyColdFetch fetch;
} HyKept;

static HyKept *kept_tables[KEPT_MAX];
static uint64 kept_use_count = 0;

/* MemoryContextCallback: the transaction ends, or we let go of it */
static void
kept_forget(void *arg)
{
	for (int i = 0; i < KEPT_MAX; i++)
		if (kept_tables[i] == arg)
			kept_tables[i] = NULL;
}

/* relcache callback */
static void
kept_invalidate(Datum arg, Oid relid)
{
	for (int i = 0; i < KEPT_MAX; i++)
		if (kept_tables[i] != NULL && (relid == InvalidOid || relid == kept_tables[i]->relid))
			kept_tables[i]->stale = true;
}

static HyKept *
keep_table(Relation rel)
{
	OmRelFile file = OM_RELATION_FILE(rel);
	MemoryContext context;
	MemoryContext old;
	MemoryContextCallback *callback;
	HyKept *keep;
	int slot = 0;

	for (int i = 0; i < KEPT_MAX; i++)
	{
		if (kept_tables[i] != NULL && (kept_tables[i]->stale || kept_tables[i]->busy))
			MemoryContextDelete(kept_tables[i]->context);
		if (kept_tables[i] != NULL && kept_tables[i]->relid == RelationGetRelid(rel) &&
			memcmp(&kept_tables[i]->file, &file, sizeof(file)) == 0)
			return kept_tables[i];
		if (kept_tables[slot] != NULL &&
			(kept_tables[i] == NULL || kept_tables[i]->last_use < kept_tables[slot]->last_use))
			slot = i;
	}
	if (kept_tables[slot] != NULL)
		MemoryContextDelete(kept_tables[slot]->context);
	context =
		AllocSetContextCreate(TopTransactionContext, "omendb kept groups", ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(context);
	keep = palloc0(sizeof(HyKept));
	keep->context = context;
	keep->relid = RelationGetRelid(rel);
	keep->file = file;
	keep->desc = CreateTupleDescCopyConstr(RelationGetDescr(rel));
	cold_fetch_init(&keep->fetch, rel);
	keep->fetch.values = AllocSetContextCreate(context, "omendb values", ALLOCSET_SMALL_SIZES);
	callback = palloc0(sizeof(MemoryContextCallback));
	callback->func = kept_forget;
	callback->arg = keep;
	MemoryContextRegisterResetCallback(context, callback);
	MemoryContextSwitchTo(old);
	kept_tables[slot] = keep;
	return keep;
}

/* the group, open; what is read of it is behind hy_kept_done */
static HyOpenGroup *
kept_open(Relation rel, const HyEntry *entry, HyKept **keep)
{
	HyOpenGroup *open;

	*keep = keep_table(rel);
	(*keep)->last_use = ++kept_use_count;
	(*keep)->busy = true;
	(*keep)->fetch.rel = rel;
	open = open_group(&(*keep)->fetch, *entry, (*keep)->desc);
	open->source.rel = rel;
	open->last_use = ++(*keep)->fetch.use_count;
	MemoryContextReset((*keep)->fetch.values);
	return open;
}

static void
kept_done(HyKept *keep, HyOpenGroup *open)
{
	hy_source_release(&open->source);
	keep->busy = false;
}

bool
hy_fetch_cold(Relation rel, uint64 row, Snapshot snapshot, TupleTableSlot *slot)
{
	const HyDirEntry *found = hy_directory_find(hy_directory(rel), row);
	HyEntry entry;
	HyKept *keep;
	HyOpenGroup *open;

	if (found == NULL)
		return false;
	entry = found->entry;
	if (snapshot != NULL && !hy_cold_visible(rel, &entry, row, snapshot, NULL))
		return false;
	open = kept_open(rel, &entry, &keep);
	keep->fetch.at = open;
	keep->fetch.row = (uint32) (row - entry.first_row);
	hy_slot_store_cold(slot, &keep->fetch.cold, RelationGetRelid(rel), row, entry.xmin, entry.cmin);
	/* all columns, and independent of what is kept */
	ExecMaterializeSlot(slot);
	kept_done(keep, open);
	return true;
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

void
hy_fetch_columns(Relation rel, const HyEntry *entry, uint64 row, const bool *needed, Datum *values,
				 bool *nulls)
{
	HyKept *keep;
	HyOpenGroup *open = kept_open(rel, entry, &keep);
	MemoryContext old = MemoryContextSwitchTo(keep->fetch.values);

	for (int i = 0; i < keep->desc->natts; i++)
	{
		values[i] = (Datum) 0;
		nulls[i] = true;
		if (needed == NULL || needed[i])
			values[i] = rg_value(open->group, i, (uint32) (row - entry->first_row), &nulls[i]);
	}
	MemoryContextSwitchTo(old);
	kept_done(keep, open);
}

void
hybrid_fetch_init(void)
{
	CacheRegisterRelcacheCallback(kept_invalidate, (Datum) 0);
}

/* ---- hot TIDs of headers ---- */

/*
 * A line pointer may be used anew after its TID was read and before the row is fetched.  A new row
 * would be too young for the snapshot; a new header is seen by all, but is no row.
 */
static bool
reject_header(TupleTableSlot *slot)
{
	const HeapTupleData *tuple = hy_slot(slot)->base.base.tuple;

	if (!hy_tuple_is_header(tuple->t_data))
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
	cold_fetch_release(&fetch->cold, true);
}

void
hybrid_index_fetch_end(IndexFetchTableData *scan)
{
	HyIndexFetch *fetch = (HyIndexFetch *) scan;

	GetHeapamTableAmRoutine()->index_fetch_end(fetch->heap);
	cold_fetch_release(&fetch->cold, false);
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

	if (!hy_tid_is_cold(tid))
	{
		hy_slot_lend(slot);
		found = GetHeapamTableAmRoutine()->index_fetch_tuple(fetch->heap, tid, snapshot, slot,
															 call_again, all_dead);
		hy_slot_take_back(slot);
		if (found && reject_header(slot))
		{
			*call_again = false;
			if (all_dead)
				*all_dead = false;
			return false;
		}
		return found;
	}

	*call_again = false;
	if (all_dead)
		*all_dead = false;
	if (!hy_tid_to_row(tid, &row))
		return false;
	hy_slot_detach(&cold->cold, slot);
	/* first the lock, then the look: a writer looks for locks behind its change */
	PredicateLockTID(scan->rel, tid, snapshot, InvalidTransactionId);
	if (!cold_fetch_seek(cold, row, snapshot, slot->tts_tupleDescriptor, all_dead))
		return false;
	hy_slot_store_cold(slot, &cold->cold, RelationGetRelid(scan->rel), row, cold->at->entry.xmin,
					   cold->at->entry.cmin);
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
	return found && !reject_header(slot);
}

bool
hybrid_tuple_tid_valid(TableScanDesc scan, ItemPointer tid)
{
	uint64 row;
	HyMeta meta;

	if (hy_tid_is_cold(tid))
		return hy_tid_to_row(tid, &row) && hy_meta_read(scan->rs_rd, &meta) && row < meta.next_row;
	return ItemPointerIsValid(tid) &&
		   ItemPointerGetBlockNumber(tid) < RelationGetNumberOfBlocks(scan->rs_rd);
}

void
hybrid_tuple_get_latest_tid(TableScanDesc scan, ItemPointer tid)
{
	/* a hot row never has a cold one as its next version */
	if (hy_tid_is_cold(tid))
		hy_cold_latest_tid(scan, tid);
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

		return found != NULL &&
			   hy_cold_visible(rel, &found->entry, hy_slot(slot)->row, snapshot, NULL);
	}
	/* not lent: that would be for writing, and may clear */
	hy_slot_lend_full(slot);
	visible = GetHeapamTableAmRoutine()->tuple_satisfies_snapshot(rel, slot, snapshot);
	hy_slot_take_back(slot);
	return visible;
}

/* was the row of a cold TID found dead to everybody, and is it still?  It always is. */
static bool
cold_is_gone(Relation rel, const ItemPointerData *tid)
{
	const HyDirEntry *found;
	HeapTupleData tuple;
	Buffer buffer;
	uint64 row;
	HyEntry entry;

	if (!hy_tid_to_row(tid, &row))
		return false;
	found = hy_directory_find(hy_directory(rel), row);
	if (found == NULL)
		return false;
	entry = found->entry;
	switch (hy_header_look(rel, &entry, row, &tuple, &buffer))
	{
		case HY_HEADER_NONE:
			return false;
		case HY_HEADER_GONE:
			return true;
		case HY_HEADER_THERE:
			UnlockReleaseBuffer(buffer);
			break;
	}
	return false;
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
	delstate->ndeltids = hot_known || delstate->bottomup ? hot : 0;
	if (delstate->ndeltids > 0)
		horizon = GetHeapamTableAmRoutine()->index_delete_tuples(rel, delstate);
	if (gone_count > 0)
		memcpy(delstate->deltids + delstate->ndeltids, gone,
			   (Size) gone_count * sizeof(TM_IndexDelete));
	delstate->ndeltids += gone_count;
	pfree(gone);
	return horizon;
}
