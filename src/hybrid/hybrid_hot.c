/*
 * hybrid_hot.c
 *		Read the hot rows of a table page by page: the page loop of heapgetpage
 *		(heapam.c), over the blocks that the directory does not list.
 */
#include "postgres.h"

#include "access/heapam.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "storage/predicate.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "base/pg_compat.h"
#include "hybrid/hybrid_fetch.h"
#include "hybrid/hybrid_header.h"
#include "hybrid/hybrid_hot.h"
#include "hybrid/hybrid_mark.h"
#include "hybrid/hybrid_slot.h"

void
hy_hot_init(HyHotReader *reader, Relation rel, const HyDirectory *dir, Snapshot snapshot,
			BlockNumber nblocks, BufferAccessStrategy strategy)
{
	reader->rel = rel;
	reader->snapshot = snapshot;
	reader->strategy = strategy;
	reader->nblocks = nblocks;
	reader->run_count = dir->run_count;
	reader->runs = NULL;
	if (dir->run_count > 0)
	{
		reader->runs = palloc(dir->run_count * sizeof(HyRun));
		memcpy(reader->runs, dir->runs, dir->run_count * sizeof(HyRun));
	}
	reader->block = InvalidBlockNumber;
	reader->buffer = InvalidBuffer;
	reader->count = 0;
	reader->followed = false;
}

void
hy_hot_release(HyHotReader *reader)
{
	if (BufferIsValid(reader->buffer))
		ReleaseBuffer(reader->buffer);
	reader->buffer = InvalidBuffer;
	reader->block = InvalidBlockNumber;
	reader->count = 0;
}

BlockNumber
hy_hot_block_from(const HyHotReader *reader, BlockNumber block, bool forward)
{
	for (;;)
	{
		uint32 run;

		if (block >= reader->nblocks)
			return InvalidBlockNumber;
		run = hy_directory_run_after(reader->runs, reader->run_count, block);
		if (run == reader->run_count || block < reader->runs[run].start)
			return block;
		if (forward)
			block = reader->runs[run].end;
		else if (reader->runs[run].start == 0)
			return InvalidBlockNumber;
		else
			block = reader->runs[run].start - 1;
	}
}

void
hy_hot_note_mark(const HyHotReader *reader, const HeapTupleHeaderData *tuple, HyMarks *marks)
{
	if (hy_tuple_mark(tuple, &marks->marks[marks->count]))
		marks->at[marks->count++] = (uint16) reader->count;
}

void
hy_hot_drop_hidden(HyHotReader *reader, const HyMarks *marks)
{
	int kept = 0;
	int next = 0;
	int count = reader->count;

	if (marks->count == 0)
		return;
	for (int i = 0; i < count; i++)
	{
		bool marked = next < marks->count && marks->at[next] == i;

		if (marked && hy_mark_hides(reader->rel, &marks->marks[next], reader->snapshot))
		{
			next++;
			continue;
		}
		if (marked)
			next++;
		reader->offsets[kept++] = reader->offsets[i];
	}
	reader->count = kept;
}

void
hy_hot_load(HyHotReader *reader, BlockNumber block)
{
	Snapshot snapshot = reader->snapshot;
	bool mvcc = IsMVCCSnapshot(snapshot);
	bool all_visible;
	bool check_conflicts;
	bool marks_matter = hy_marks_matter(reader->rel, snapshot);
	HyMarks marks;
	Page page;
	OffsetNumber lines;

	marks.count = 0;

	CHECK_FOR_INTERRUPTS();
	hy_hot_release(reader);
	reader->buffer =
		ReadBufferExtended(reader->rel, MAIN_FORKNUM, block, RBM_NORMAL, reader->strategy);
	reader->block = block;
	/* as in heapgetpage: the others want to see what there is */
	if (mvcc)
		heap_page_prune_opt(reader->rel, reader->buffer);

	LockBuffer(reader->buffer, BUFFER_LOCK_SHARE);
	page = BufferGetPage(reader->buffer);
	om_test_old_snapshot(snapshot, reader->rel, page);
	lines = PageIsNew(page) ? 0 : PageGetMaxOffsetNumber(page);
	/* as in heapgetpage: a standby cannot trust the flag for its older snapshots */
	all_visible = mvcc && PageIsAllVisible(page) && !snapshot->takenDuringRecovery;
	check_conflicts = mvcc && CheckForSerializableConflictOutNeeded(reader->rel, snapshot);
	for (OffsetNumber offset = FirstOffsetNumber; offset <= lines; offset++)
	{
		ItemId item = PageGetItemId(page, offset);

		if (!ItemIdIsNormal(item) || hy_tuple_is_header((HeapTupleHeader) PageGetItem(page, item)))
			continue;
		if (mvcc && (!all_visible || check_conflicts))
		{
			HeapTupleData tuple;
			bool visible;

			tuple.t_tableOid = RelationGetRelid(reader->rel);
			tuple.t_data = (HeapTupleHeader) PageGetItem(page, item);
			tuple.t_len = ItemIdGetLength(item);
			ItemPointerSet(&tuple.t_self, block, offset);
			visible = all_visible || HeapTupleSatisfiesVisibility(&tuple, snapshot, reader->buffer);
			if (check_conflicts)
				HeapCheckForSerializableConflictOut(visible, reader->rel, &tuple, reader->buffer,
													snapshot);
			if (!visible)
				continue;
		}
		if (reader->count < (int) MaxHeapTuplesPerPage)
		{
			if (marks_matter)
				hy_hot_note_mark(reader, (HeapTupleHeader) PageGetItem(page, item), &marks);
			reader->offsets[reader->count++] = offset;
		}
	}
	LockBuffer(reader->buffer, BUFFER_LOCK_UNLOCK);
	hy_hot_drop_hidden(reader, &marks);
}

bool
hy_hot_tuple(HyHotReader *reader, int idx)
{
	Page page = BufferGetPage(reader->buffer);
	HeapTuple tuple = &reader->tuple;
	bool visible = true;
	bool mvcc = IsMVCCSnapshot(reader->snapshot);
	bool marked = false;
	HyMark mark;
	HyEntry entry;
	ItemId item;

	Assert(idx >= 0 && idx < reader->count);
	if (!mvcc)
		LockBuffer(reader->buffer, BUFFER_LOCK_SHARE);
	item = PageGetItemId(page, reader->offsets[idx]);
	/* while we hold a pin tuples are not moved, but without a lock one may be seen going */
	if (!mvcc && !ItemIdIsNormal(item))
		visible = false;
	else
	{
		tuple->t_tableOid = RelationGetRelid(reader->rel);
		tuple->t_data = (HeapTupleHeader) PageGetItem(page, item);
		tuple->t_len = ItemIdGetLength(item);
		ItemPointerSet(&tuple->t_self, reader->block, reader->offsets[idx]);
		if (!mvcc)
			visible = HeapTupleSatisfiesVisibility(tuple, reader->snapshot, reader->buffer);
		marked =
			!visible && hy_follows_marks(reader->snapshot) && hy_tuple_mark(tuple->t_data, &mark);
	}
	if (!mvcc)
		LockBuffer(reader->buffer, BUFFER_LOCK_UNLOCK);
	reader->idx = idx;
	/* frozen since this scan read the directory, maybe */
	reader->followed = marked && hy_mark_group(reader->rel, &mark, &entry) &&
					   hy_mark_followed(reader->rel, &mark, &entry, reader->snapshot);
	if (reader->followed)
		reader->cold_row = hy_mark_row(&mark, &entry);
	return visible || reader->followed;
}

void
hy_hot_store(HyHotReader *reader, TupleTableSlot *slot)
{
	if (reader->followed)
	{
		if (!hy_fetch_cold(reader->rel, reader->cold_row, NULL, slot))
			elog(ERROR, "could not find frozen row " UINT64_FORMAT " of table \"%s\"",
				 reader->cold_row, RelationGetRelationName(reader->rel));
		return;
	}
	hy_slot_lend(slot);
	ExecStoreBufferHeapTuple(&reader->tuple, slot, reader->buffer);
	hy_slot_take_back(slot);
}
