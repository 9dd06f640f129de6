/*
 * hybrid_freeze.c
 *		The freezer: hot rows become a row group.  README.md, "Freezing", has the protocol, whose steps
 *		are named here.
 */
#include "postgres.h"

#include "access/commit_ts.h"
#include "access/genam.h"
#include "access/heapam.h"
#include "access/heaptoast.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/visibilitymap.h"
#include "access/xact.h"
#include "access/xloginsert.h"
#include "catalog/catalog.h"
#include "catalog/index.h"
#include "commands/progress.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/bufmgr.h"
#include "storage/lmgr.h"
#include "storage/predicate.h"
#include "storage/proc.h"
#include "storage/procarray.h"
#include "utils/fmgrprotos.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "base/pg_compat.h"
#include "base/stop_point.h"
#include "hybrid/hybrid_freeze.h"
#include "hybrid/hybrid_hot.h"
#include "hybrid/hybrid_load.h"
#include "hybrid/hybrid_map.h"
#include "hybrid/hybrid_mark.h"
#include "hybrid/hybrid_options.h"
#include "hybrid/hybrid_report.h"
#include "hybrid/hybrid_sort.h"
#include "hybrid/hybrid_tid.h"
#include "hybrid/hybrid_write.h"

/* a row of the group to be, where it stands now */
typedef struct HotRow
{
	BlockNumber block;
	OffsetNumber offset;
	bool marked;
	TransactionId xmin; /* as it stands in the tuple */
	uint32 position;	/* in the group */
} HotRow;

typedef struct Freezer
{
	Relation rel;
	MemoryContext row_context;
	BufferAccessStrategy strategy;
	TransactionId oldest_xmin;
	HyOptions options;
	int sort_columns;
	AttrNumber sort_numbers[HY_SORT_KEY_MAX];
	TimestampTz committed_before; /* option freeze_after */
	int64 age;					  /* the same as microseconds */
	TransactionId aged_xid;		  /* asked last, and the answer */
	TimestampTz aged_at;
	bool aged;
	uint32 wanted; /* rows at which the group is full */
	bool
		whole_headers; /* a change of a row is logged with all of its columns, which its header must have */
	RgBuilder *builder;
	HotRow *rows; /* as they stand in the file */
	uint32 count;
	HyEntry entry; /* of the group, once it is published */
	Datum *values;
	bool *nulls;
	List *toasted; /* copies of marked tuples that have chunks in the toast table */
	/* rows of the page at hand that stay hot, by HyLeft: they count once the page is done with */
	uint32 page_left[HY_LEFT_COUNT];
} Freezer;

/* a row that a header has room for, whatever its alignment */
#define WHOLE_HEADER_BYTES (MaxHeapTupleSize - 256)

const char *
hy_cannot_freeze(Relation rel)
{
	HyOptions options;

	if (IsCatalogRelation(rel) || IsToastRelation(rel) || RelationIsUsedAsCatalogTable(rel))
		return "It is used as a catalog table";
	if (hy_must_stay_hot(rel))
		return "It has an index of access method brin, which cannot have entries of cold rows";
	if (hy_too_wide_for_groups(RelationGetDescr(rel)))
		return "Its rows can be too wide for a heap page, where they have to go when they are "
			   "changed";
	hy_options_read(rel, &options);
	if (options.has_freeze_after && !track_commit_timestamp)
		return "Its option freeze_after needs track_commit_timestamp, which is off";
	return rg_unsupported(RelationGetDescr(rel));
}

/* ---- options ---- */

static void
read_options(Freezer *fr, const HyFreeze *freeze)
{
	hy_options_read(fr->rel, &fr->options);
	fr->wanted = hy_options_group_rows(&fr->options);
	fr->sort_columns = hy_sort_columns(fr->rel, HY_LIST(&fr->options, HY_OPTION_SORT_KEY),
									   freeze->groups == 0, fr->sort_numbers);
	if (fr->options.has_freeze_after)
	{
		TimestampTz now = GetCurrentTimestamp();

		fr->committed_before = DatumGetTimestampTz(
			DirectFunctionCall2(timestamptz_mi_interval, TimestampTzGetDatum(now),
								IntervalPGetDatum(&fr->options.freeze_after)));
		fr->age = now - fr->committed_before;
	}
}

/* option freeze_after: did the transaction that wrote a row commit long enough ago? */
static bool
is_aged(Freezer *fr, TransactionId xmin)
{
	if (!fr->options.has_freeze_after || !TransactionIdIsNormal(xmin))
		return true;
	if (xmin != fr->aged_xid)
	{
		fr->aged_xid = xmin;
		/* what is not known is older than all that is kept, or than the setting */
		fr->aged = !TransactionIdGetCommitTsData(xmin, &fr->aged_at, NULL) ||
				   fr->aged_at <= fr->committed_before;
	}
	return fr->aged;
}

/* describe the tuple at a place of a locked page; false: there is no row, nor was one (a header is none) */
static bool
tuple_at(const Freezer *fr, Buffer buffer, OffsetNumber offset, HeapTuple tuple)
{
	Page page = BufferGetPage(buffer);
	ItemId item;

	if (PageIsNew(page) || offset > PageGetMaxOffsetNumber(page))
		return false;
	item = PageGetItemId(page, offset);
	if (!ItemIdIsNormal(item))
		return false;
	tuple->t_data = (HeapTupleHeader) PageGetItem(page, item);
	tuple->t_len = ItemIdGetLength(item);
	tuple->t_tableOid = RelationGetRelid(fr->rel);
	ItemPointerSet(&tuple->t_self, BufferGetBlockNumber(buffer), offset);
	return !hy_tuple_is_header(tuple->t_data);
}

static inline OffsetNumber
last_offset(Buffer buffer)
{
	Page page = BufferGetPage(buffer);

	return PageIsNew(page) ? InvalidOffsetNumber : PageGetMaxOffsetNumber(page);
}

/* offsets of a page's rows; their number */
static int
live_rows(const Freezer *fr, BlockNumber block, OffsetNumber *offsets)
{
	Buffer buffer = ReadBufferExtended(fr->rel, MAIN_FORKNUM, block, RBM_NORMAL, fr->strategy);
	OffsetNumber last;
	int count = 0;

	LockBuffer(buffer, BUFFER_LOCK_SHARE);
	last = last_offset(buffer);
	for (OffsetNumber offset = FirstOffsetNumber; offset <= last; offset++)
	{
		HeapTupleData tuple;

		if (tuple_at(fr, buffer, offset, &tuple) &&
			HeapTupleSatisfiesVacuum(&tuple, fr->oldest_xmin, buffer) == HEAPTUPLE_LIVE)
			offsets[count++] = offset;
	}
	UnlockReleaseBuffer(buffer);
	return count;
}

/* option keep_hot_rows: where do the last so many rows begin?  Rows of running transactions come on top. */
static void
find_kept(Freezer *fr, const HyHotReader *reader, HyFreeze *freeze)
{
	uint64 left = fr->options.keep_hot_rows;
	BlockNumber block = reader->nblocks;

	freeze->kept_known = true;
	ItemPointerSetInvalid(&freeze->kept);
	while (left > 0 && block > 0)
	{
		OffsetNumber offsets[MaxHeapTuplesPerPage];
		int count;

		CHECK_FOR_INTERRUPTS();
		block = hy_hot_block_from(reader, block - 1, false);
		if (block == InvalidBlockNumber)
			break;
		count = live_rows(fr, block, offsets);
		if ((uint64) count >= left)
		{
			ItemPointerSet(&freeze->kept, block, offsets[count - (int) left]);
			freeze->left[HY_LEFT_KEPT] = fr->options.keep_hot_rows;
			return;
		}
		left -= (uint64) count;
	}
	/* there are no more than these */
	if (left > 0)
		ItemPointerSet(&freeze->kept, 0, FirstOffsetNumber);
	freeze->left[HY_LEFT_KEPT] = fr->options.keep_hot_rows - left;
}

static bool
is_kept(const HyFreeze *freeze, BlockNumber block, OffsetNumber offset)
{
	ItemPointerData tid;

	ItemPointerSet(&tid, block, offset);
	return ItemPointerIsValid(&freeze->kept) &&
		   ItemPointerCompare(&tid, unconstify(ItemPointerData *, &freeze->kept)) >= 0;
}

/* ---- 1. gather ---- */

/* can this tuple of a locked page be frozen?  If it is a row that cannot, it is counted. */
static bool
choose_row(Freezer *fr, HeapTuple tuple, Buffer buffer)
{
	switch (HeapTupleSatisfiesVacuum(tuple, fr->oldest_xmin, buffer))
	{
		case HEAPTUPLE_LIVE:
			break;
		case HEAPTUPLE_INSERT_IN_PROGRESS:
			fr->page_left[HY_LEFT_YOUNG]++;
			return false;
		case HEAPTUPLE_DELETE_IN_PROGRESS:
			fr->page_left[HY_LEFT_IN_USE]++;
			return false;
		case HEAPTUPLE_RECENTLY_DEAD:
		case HEAPTUPLE_DEAD:
			return false;
	}
	/* a snapshot that does not see the freezer sees this version, and no earlier one */
	if (TransactionIdIsNormal(HeapTupleHeaderGetXmin(tuple->t_data)) &&
		!TransactionIdPrecedes(HeapTupleHeaderGetXmin(tuple->t_data), fr->oldest_xmin))
	{
		fr->page_left[HY_LEFT_YOUNG]++;
		return false;
	}
	/* has anybody locked it, who would be in the way of its mark? */
	if (HeapTupleSatisfiesUpdate(tuple, GetCurrentCommandId(false), buffer) != TM_Ok)
	{
		fr->page_left[HY_LEFT_IN_USE]++;
		return false;
	}
	return true;
}

/* rows of a locked page that can be frozen; their number */
static int
choose_rows(Freezer *fr, const HyFreeze *freeze, Buffer buffer, OffsetNumber *offsets)
{
	OffsetNumber last = last_offset(buffer);
	int count = 0;

	memset(fr->page_left, 0, sizeof(fr->page_left));
	for (OffsetNumber offset = FirstOffsetNumber; offset <= last; offset++)
	{
		HeapTupleData tuple;

		if (is_kept(freeze, BufferGetBlockNumber(buffer), offset))
			break;
		if (tuple_at(fr, buffer, offset, &tuple) && choose_row(fr, &tuple, buffer))
			offsets[count++] = offset;
	}
	return count;
}

/* add one row; false: it is too large for a group */
static bool
take_row(Freezer *fr, HeapTuple tuple)
{
	TupleDesc desc = RelationGetDescr(fr->rel);
	MemoryContext old = MemoryContextSwitchTo(fr->row_context);
	Size bytes;
	bool fits;

	heap_deform_tuple(tuple, desc, fr->values, fr->nulls);
	for (int i = 0; i < desc->natts; i++)
		if (TupleDescAttr(desc, i)->attisdropped)
			fr->nulls[i] = true;
	bytes = rg_row_bytes(desc, fr->values, fr->nulls);
	fits =
		bytes <= RG_ROW_BYTES_MAX &&
		(!fr->whole_headers || bytes + (Size) desc->natts * MAXIMUM_ALIGNOF <= WHOLE_HEADER_BYTES);
	if (fits)
		rg_builder_append(fr->builder, fr->values, fr->nulls,
						  HeapTupleHeaderGetXmin(tuple->t_data));
	MemoryContextSwitchTo(old);
	MemoryContextReset(fr->row_context);
	return fits;
}

/* memory of a sort, in kB: a quarter of all of ours */
static int
sort_memory(void)
{
	return Max(64, maintenance_work_mem / 4);
}

/* is the group full, by rows, by bytes or by our memory (rule V10)? */
static bool
is_full(const Freezer *fr)
{
	Size memory = rg_builder_memory(fr->builder);

	if (fr->count >= fr->wanted || rg_builder_raw_bytes(fr->builder) >= RG_RAW_BYTES_MAX)
		return true;
	/* no column is greater than all of them: see hy_sort_rows */
	if (fr->sort_columns > 0)
		memory += rg_builder_raw_bytes(fr->builder) + (Size) sort_memory() * 1024;
	return memory >= (Size) maintenance_work_mem * 1024 && fr->count >= HY_EARLY_GROUP_ROWS;
}

/* option freeze_after keeps a row hot, by the answer of is_aged */
static void
count_young(Freezer *fr, HyFreeze *freeze)
{
	/* when as many rows as fill a group, with those that are old enough already, will be so */
	if (fr->count + freeze->left[HY_LEFT_AGE] + fr->page_left[HY_LEFT_AGE] < fr->wanted)
		freeze->ripe_at = Max(freeze->ripe_at, fr->aged_at + fr->age);
	fr->page_left[HY_LEFT_AGE]++;
}

/* the rows of one page */
static void
gather_page(Freezer *fr, HyFreeze *freeze, BlockNumber block)
{
	PGAlignedBlock copy;
	OffsetNumber offsets[MaxHeapTuplesPerPage];
	Buffer buffer;
	int count;

	buffer = ReadBufferExtended(fr->rel, MAIN_FORKNUM, block, RBM_NORMAL, fr->strategy);
	LockBuffer(buffer, BUFFER_LOCK_SHARE);
	count = choose_rows(fr, freeze, buffer, offsets);
	/* values are read from a copy: toast cannot be fetched under the lock */
	if (count > 0)
		memcpy(copy.data, BufferGetPage(buffer), BLCKSZ);
	UnlockReleaseBuffer(buffer);
	for (int i = 0; i < count && fr->count < fr->wanted; i++)
	{
		ItemId item = PageGetItemId((Page) copy.data, offsets[i]);
		HotRow *row = &fr->rows[fr->count];
		HeapTupleData tuple;

		tuple.t_data = (HeapTupleHeader) PageGetItem((Page) copy.data, item);
		tuple.t_len = ItemIdGetLength(item);
		tuple.t_tableOid = RelationGetRelid(fr->rel);
		ItemPointerSet(&tuple.t_self, block, offsets[i]);
		if (!is_aged(fr, HeapTupleHeaderGetXmin(tuple.t_data)))
		{
			count_young(fr, freeze);
			continue;
		}
		if (!take_row(fr, &tuple))
		{
			fr->page_left[HY_LEFT_LARGE]++;
			continue;
		}
		row->block = block;
		row->offset = offsets[i];
		row->position = fr->count;
		row->marked = false;
		row->xmin = HeapTupleHeaderGetRawXmin(tuple.t_data);
		fr->count++;
	}
}

/* false: there are too few rows */
static bool
gather(Freezer *fr, HyFreeze *freeze)
{
	HyHotReader reader;
	BlockNumber block;

	fr->oldest_xmin = freeze->horizon = GetOldestNonRemovableTransactionId(fr->rel);
	freeze->group_rows = fr->wanted;
	hy_hot_init(&reader, fr->rel, hy_directory(fr->rel), SnapshotAny,
				RelationGetNumberOfBlocks(fr->rel), NULL);
	if (!freeze->kept_known)
		find_kept(fr, &reader, freeze);
	for (block = hy_hot_block_from(&reader, freeze->next, true);
		 block != InvalidBlockNumber && !is_full(fr) && !is_kept(freeze, block, FirstOffsetNumber);
		 block = hy_hot_block_from(&reader, block + 1, true))
	{
		CHECK_FOR_INTERRUPTS();
		pgstat_progress_update_param(PROGRESS_VACUUM_HEAP_BLKS_SCANNED, block);
		gather_page(fr, freeze, block);
		freeze->next = block;
		/* the page may have more: then the next transaction looks at it again */
		for (int i = 0; i < HY_LEFT_COUNT && !is_full(fr); i++)
			freeze->left[i] += fr->page_left[i];
	}
	if (reader.runs != NULL)
		pfree(reader.runs);
	if (fr->count > 0 && (is_full(fr) || freeze->all_rows))
		return true;
	freeze->left[HY_LEFT_REST] = fr->count;
	return false;
}

/* ---- 2. write the group ---- */

/* What step 6 will need, lest somebody who has it locked wait for one of our marks. */
static void
lock_toast(const Freezer *fr)
{
	Oid relid = fr->rel->rd_rel->reltoastrelid;
	Relation toast;
	List *indexes;
	ListCell *cell;

	if (!OidIsValid(relid))
		return;
	toast = table_open(relid, RowExclusiveLock);
	indexes = RelationGetIndexList(toast);
	foreach (cell, indexes)
		LockRelationOid(lfirst_oid(cell), RowExclusiveLock);
	list_free(indexes);
	table_close(toast, NoLock);
}

/* option sort_key: the builder's rows are sorted, ours stay as they stand in the file */
static void
sort_rows(Freezer *fr)
{
	uint32 *order = palloc(fr->count * sizeof(uint32));

	hy_sort_rows(fr->rel, fr->sort_numbers, fr->sort_columns, fr->builder, sort_memory(), order);
	for (uint32 i = 0; i < fr->count; i++)
		fr->rows[order[i]].position = i;
	pfree(order);
}

static void
write_group(Freezer *fr)
{
	TransactionId xid = GetCurrentTransactionId();
	HyOwner owner = {
		.xmin = xid, .cmin = GetCurrentCommandId(true), .freezer = true, .writer = xid
	};
	Size bytes;
	char *stream = rg_builder_encode(fr->builder, 0, fr->count, 0, &bytes);

	fr->entry = hy_write_group(fr->rel, stream, bytes, &owner);
	pfree(stream);
	STOP_POINT("hybrid_freeze_published");
}

/* ---- 3. index entries ---- */

static void
insert_entries(Freezer *fr, Relation index)
{
	IndexInfo *info = BuildIndexInfo(index);
	EState *estate = CreateExecutorState();
	ExprContext *econtext = GetPerTupleExprContext(estate);
	TupleTableSlot *slot = MakeSingleTupleTableSlot(RelationGetDescr(fr->rel), &TTSOpsVirtual);
	ExprState *predicate = ExecPrepareQual(info->ii_Predicate, estate);
	Datum values[INDEX_MAX_KEYS];
	bool isnull[INDEX_MAX_KEYS];

	econtext->ecxt_scantuple = slot;
	for (uint32 i = 0; info->ii_ReadyForInserts && i < fr->count; i++)
	{
		MemoryContext old;
		ItemPointerData tid;
		TransactionId xmin;

		CHECK_FOR_INTERRUPTS();
		ResetPerTupleExprContext(estate);
		old = MemoryContextSwitchTo(GetPerTupleMemoryContext(estate));
		ExecClearTuple(slot);
		rg_builder_row(fr->builder, i, slot->tts_values, slot->tts_isnull, &xmin);
		ExecStoreVirtualTuple(slot);
		hy_tid_from_row(&tid, fr->entry.first_row + i);
		slot->tts_tid = tid;
		slot->tts_tableOid = RelationGetRelid(fr->rel);
		if (predicate == NULL || ExecQual(predicate, econtext))
		{
			FormIndexDatum(info, slot, estate, values, isnull);
			/* a new version of a row that is there already, so nbtree may look for dead ones */
			index_insert(index, values, isnull, &tid, fr->rel, UNIQUE_CHECK_NO, true, info);
		}
		MemoryContextSwitchTo(old);
	}
	ExecDropSingleTupleTableSlot(slot);
	FreeExecutorState(estate);
}

static void
insert_all_entries(Freezer *fr)
{
	List *indexes = RelationGetIndexList(fr->rel);
	ListCell *cell;

	foreach (cell, indexes)
	{
		Relation index = index_open(lfirst_oid(cell), RowExclusiveLock);

		insert_entries(fr, index);
		index_close(index, NoLock);
	}
	list_free(indexes);
	STOP_POINT("hybrid_freeze_indexed");
}

/* ---- 4. visibility map ---- */

/*
 * Clear the bits of all pages that have rows of the group.  A page whose bits are clear while it says itself that all
 * on it is visible is nothing strange, so this may come before the marks, and be logged for a whole map page at once.
 */
static void
clear_visibility_map(Freezer *fr)
{
	Buffer vm_buffer = InvalidBuffer;
	BlockNumber previous = InvalidBlockNumber;

	for (uint32 i = 0; i <= fr->count; i++)
	{
		BlockNumber block = i < fr->count ? fr->rows[i].block : InvalidBlockNumber;

		if (block == previous && i < fr->count)
			continue;
		/* through with a map page? */
		if (BufferIsValid(vm_buffer) && (i == fr->count || !visibilitymap_pin_ok(block, vm_buffer)))
		{
			LockBuffer(vm_buffer, BUFFER_LOCK_EXCLUSIVE);
			START_CRIT_SECTION();
			MarkBufferDirty(vm_buffer);
			if (RelationNeedsWAL(fr->rel))
				log_newpage_buffer(vm_buffer, false);
			END_CRIT_SECTION();
			LockBuffer(vm_buffer, BUFFER_LOCK_UNLOCK);
		}
		if (i == fr->count)
			break;
		CHECK_FOR_INTERRUPTS();
		visibilitymap_pin(fr->rel, block, &vm_buffer);
		/* logged also if they were clear: another freezer may have been interrupted before it did that */
		(void) visibilitymap_clear(fr->rel, block, vm_buffer, VISIBILITYMAP_VALID_BITS);
		previous = block;
	}
	if (BufferIsValid(vm_buffer))
		ReleaseBuffer(vm_buffer);
	STOP_POINT("hybrid_freeze_map_cleared");
}

/* ---- 5. marks ---- */

/* is this still the row that was read, and free?  Its page is locked exclusively. */
static bool
is_unchanged(const Freezer *fr, const HotRow *row, Buffer buffer, HeapTuple tuple)
{
	return tuple_at(fr, buffer, row->offset, tuple) &&
		   HeapTupleHeaderGetRawXmin(tuple->t_data) == row->xmin &&
		   HeapTupleSatisfiesUpdate(tuple, GetCurrentCommandId(false), buffer) == TM_Ok;
}

/* the rows [first, end) stand on one page; returns how many are marked */
static uint32
mark_page(Freezer *fr, uint32 first, uint32 end)
{
	TransactionId xid = GetCurrentTransactionId();
	Buffer buffer =
		ReadBufferExtended(fr->rel, MAIN_FORKNUM, fr->rows[first].block, RBM_NORMAL, fr->strategy);
	Page page = BufferGetPage(buffer);
	HeapTupleHeader tuples[MaxHeapTuplesPerPage];
	uint32 marked = 0;

	Assert(end - first <= MaxHeapTuplesPerPage);
	LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
	for (uint32 i = first; i < end; i++)
	{
		HeapTupleData tuple;

		tuples[i - first] = NULL;
		if (!is_unchanged(fr, &fr->rows[i], buffer, &tuple))
			continue;
		if (HeapTupleHasExternal(&tuple))
			fr->toasted = lappend(fr->toasted, heap_copytuple(&tuple));
		tuples[i - first] = tuple.t_data;
		fr->rows[i].marked = true;
		marked++;
	}
	if (marked > 0)
	{
		START_CRIT_SECTION();
		for (uint32 i = first; i < end; i++)
		{
			HyMark mark = { .xid = xid, .row = fr->rows[i].position };

			if (tuples[i - first] != NULL)
				hy_tuple_set_mark(tuples[i - first], &mark);
		}
		PageClearAllVisible(page);
		PageSetPrunable(page, xid);
		MarkBufferDirty(buffer);
		if (RelationNeedsWAL(fr->rel))
			log_newpage_buffer(buffer, true);
		END_CRIT_SECTION();
	}
	UnlockReleaseBuffer(buffer);
	return marked;
}

static uint32
mark_all(Freezer *fr)
{
	uint32 marked = 0;
	uint32 first = 0;

	while (first < fr->count)
	{
		uint32 end = first + 1;

		CHECK_FOR_INTERRUPTS();
		while (end < fr->count && fr->rows[end].block == fr->rows[first].block)
			end++;
		marked += mark_page(fr, first, end);
		first = end;
		STOP_POINT("hybrid_freeze_page_marked");
	}
	for (uint32 i = 0; i < marked; i++)
		pgstat_count_heap_delete(fr->rel);
	return marked;
}

/* ---- 6. what is left ---- */

/* rows that somebody has changed are dead in the group from its beginning */
static void
bury(Freezer *fr)
{
	ItemPointerData dead;

	hy_dead_tid(&dead);
	for (uint32 i = 0; i < fr->count; i++)
	{
		HyMapPlace place;
		uint32 row = fr->rows[i].position;
		bool full = true;

		if (fr->rows[i].marked)
			continue;
		while (full)
		{
			CHECK_FOR_INTERRUPTS();
			if (hy_map_lock(fr->rel, &fr->entry, row, &place) != HY_MAP_LOCKED)
				elog(ERROR, "row %u of a new row group of table \"%s\" is in its row map already",
					 row, RelationGetRelationName(fr->rel));
			full = place.full;
			if (!full)
				hy_map_add(fr->rel, &place, &dead);
			hy_map_unlock(&place);
			if (full)
				hy_map_grow(fr->rel, &fr->entry);
		}
	}
}

static void
delete_toast(Freezer *fr)
{
	ListCell *cell;

	foreach (cell, fr->toasted)
	{
		CHECK_FOR_INTERRUPTS();
		heap_toast_delete(fr->rel, lfirst(cell), false);
	}
}

/* ---- all of it ---- */

/* false: in vain */
static bool
freeze_as_owner(Freezer *fr, HyFreeze *freeze)
{
	uint32 marked;

	hy_progress_step(HY_STEP_WRITE, fr->count);
	lock_toast(fr);
	if (fr->sort_columns > 0)
		sort_rows(fr);
	write_group(fr);
	hy_progress_step(HY_STEP_INDEXES, fr->count);
	insert_all_entries(fr);
	hy_progress_step(HY_STEP_MARK, fr->count);
	clear_visibility_map(fr);
	marked = mark_all(fr);
	bury(fr);
	delete_toast(fr);
	/* rule Z6: who read a row before its mark and locked it, or its page */
	TransferPredicateLocksToHeapRelation(fr->rel);
	STOP_POINT("hybrid_freeze_marked");
	freeze->rows += marked;
	freeze->left[HY_LEFT_CHANGED] += fr->count - marked;
	freeze->groups++;
	/* all of its rows were changed: there is no hurry to try again */
	return marked > 0;
}

bool
hy_freeze_group(Relation rel, HyFreeze *freeze)
{
	int natts = RelationGetDescr(rel)->natts;
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "omendb freezer", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	Freezer fr = { .rel = rel };
	bool enough;

	Assert(!IsolationUsesXactSnapshot() && (MyProc->statusFlags & PROC_IN_VACUUM) == 0);
	fr.row_context = AllocSetContextCreate(context, "omendb freezer row", ALLOCSET_DEFAULT_SIZES);
	fr.whole_headers =
		RelationIsLogicallyLogged(rel) && rel->rd_rel->relreplident == REPLICA_IDENTITY_FULL;
	fr.strategy = GetAccessStrategy(BAS_VACUUM);
	read_options(&fr, freeze);
	fr.builder = hy_builder_create(rel, &fr.options, true, context);
	fr.rows = palloc(fr.wanted * sizeof(HotRow));
	fr.values = palloc((Size) Max(natts, 1) * sizeof(Datum));
	fr.nulls = palloc((Size) Max(natts, 1) * sizeof(bool));
	hy_set_freeze_front(rel, freeze->groups > 0 ? freeze->next : 0);
	hy_progress_begin(rel, freeze);
	hy_progress_step(HY_STEP_GATHER, 0);
	enough = gather(&fr, freeze);
	if (enough)
	{
		Oid user;
		int security;
		int nest_level = NewGUCNestLevel();
		/* up to the end of the table: what has come since is for the next call, or it might never be the last */
		bool last = !is_full(&fr);

		/* index expressions are the owner's */
		GetUserIdAndSecContext(&user, &security);
		SetUserIdAndSecContext(rel->rd_rel->relowner, security | SECURITY_RESTRICTED_OPERATION);
		om_restrict_search_path();
		enough = freeze_as_owner(&fr, freeze) && !last;
		AtEOXact_GUC(false, nest_level);
		SetUserIdAndSecContext(user, security);
	}
	hy_report_write(rel, freeze, !enough);
	pgstat_progress_end_command();
	FreeAccessStrategy(fr.strategy);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
	return enough;
}
