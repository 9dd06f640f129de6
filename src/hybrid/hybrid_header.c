/*
 * hybrid_header.c
 *		Headers of cold rows: see hybrid_header.h, and README.md, "Headers".
 */
#include "postgres.h"

#include "access/heapam.h"
#include "access/heapam_xlog.h"
#include "access/hio.h"
#include "access/htup_details.h"
#include "access/transam.h"
#include "access/visibilitymap.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "access/xloginsert.h"
#include "catalog/pg_class.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "storage/predicate.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "base/heap_pin.h"
#include "base/pg_compat.h"
#include "base/stop_point.h"
#include "hybrid/hybrid_directory.h"
#include "hybrid/hybrid_fetch.h"
#include "hybrid/hybrid_header.h"
#include "hybrid/hybrid_map.h"
#include "hybrid/hybrid_number.h"
#include "hybrid/hybrid_visible.h"

#define WORD_BYTES ((uint32) sizeof(uint64))

/* ---- reading ---- */

bool
hy_header_at(Relation rel, Buffer buffer, const ItemPointerData *tid, uint64 row, HeapTuple tuple)
{
	Page page = BufferGetPage(buffer);
	OffsetNumber offset = ItemPointerGetOffsetNumber(tid);
	ItemId item;

	if (PageIsNew(page))
		return false;
	/* an opaque page, too: made of one that was empty, the header having been pruned */
	if (offset > PageGetMaxOffsetNumber(page))
		return false;
	item = PageGetItemId(page, offset);
	if (!ItemIdIsNormal(item))
		return false;
	tuple->t_data = (HeapTupleHeader) PageGetItem(page, item);
	tuple->t_len = ItemIdGetLength(item);
	tuple->t_self = *tid;
	tuple->t_tableOid = RelationGetRelid(rel);
	if (!hy_tuple_is_header(tuple->t_data))
		return false;
	if (!hy_header_intact(tuple->t_data, tuple->t_len))
		hy_corrupted(rel, BufferGetBlockNumber(buffer), "header of a cold row is damaged");
	return hy_header_row(tuple->t_data) == row;
}

/* the row's number in its group, which is the map's key */
static inline uint32
key_of(const HyEntry *entry, uint64 row)
{
	return (uint32) (row - entry->first_row);
}

static inline bool
same_answer(const HyMapAnswer *a, const HyMapAnswer *b)
{
	return a->found == b->found && a->removals == b->removals &&
		   (!a->found || memcmp(&a->tid, &b->tid, sizeof(a->tid)) == 0);
}

/* the heap page that a map leads to, share-locked; InvalidBuffer: it was empty, and has been cut off */
static Buffer
lock_header_page(Relation rel, const HyEntry *entry, BlockNumber block)
{
	Buffer buffer;

	if (block >= HY_COLD_BLOCK)
		hy_corrupted(rel, entry->row_map, "row map leads to an impossible page");
	if (!hy_block_exists(rel, block))
	{
		HyMeta meta;

		/* a file that is shorter than we have made it is damaged */
		if (!hy_meta_read(rel, &meta) || meta.cut_at == 0 || block < meta.cut_at)
			hy_corrupted(rel, entry->row_map, "row map leads to a page behind the end of the file");
		return InvalidBuffer;
	}
	buffer = om_read_recent(rel, block);
	LockBuffer(buffer, BUFFER_LOCK_SHARE);
	return buffer;
}

/* what the map says of a row, *entry being made that of now; false: the row has been left out of its group */
static bool
find_in_map(Relation rel, HyEntry *entry, uint64 row, HyMapAnswer *answer)
{
	for (;;)
	{
		*answer = hy_map_find(rel, entry, key_of(entry, row));
		if (!answer->superseded)
			return true;
		CHECK_FOR_INTERRUPTS();
		if (!hy_map_renew(rel, entry, row))
			return false;
	}
}

/* hy_header_look, which makes *entry that of now */
static HyHeaderState
look(Relation rel, HyEntry *entry, uint64 row, HeapTuple tuple, Buffer *buffer)
{
	HyMapAnswer answer;
	HyMapAnswer again;

	if (entry->row_map == InvalidBlockNumber)
		return HY_HEADER_NONE;
	if (!find_in_map(rel, entry, row, &again))
		return HY_HEADER_GONE;
	do
	{
		CHECK_FOR_INTERRUPTS();
		answer = again;
		if (!answer.found)
			return hy_row_exists(rel, entry, row) ? HY_HEADER_NONE : HY_HEADER_GONE;
		if (hy_tid_is_dead(&answer.tid))
			return HY_HEADER_GONE;
		*buffer = lock_header_page(rel, entry, ItemPointerGetBlockNumber(&answer.tid));
		if (BufferIsValid(*buffer))
		{
			if (hy_header_at(rel, *buffer, &answer.tid, row, tuple))
				return HY_HEADER_THERE;
			UnlockReleaseBuffer(*buffer);
			*buffer = InvalidBuffer;
		}
		/* it may have been taken away since, and made again elsewhere */
		if (!find_in_map(rel, entry, row, &again))
			return HY_HEADER_GONE;
	} while (!same_answer(&answer, &again));
	return HY_HEADER_GONE;
}

HyHeaderState
hy_header_look(Relation rel, const HyEntry *entry, uint64 row, HeapTuple tuple, Buffer *buffer)
{
	HyEntry now = *entry;

	return look(rel, &now, row, tuple, buffer);
}

bool
hy_row_is_gone(Relation rel, const HyEntry *entry, uint64 row)
{
	HeapTupleData tuple;
	Buffer buffer;

	switch (hy_header_look(rel, entry, row, &tuple, &buffer))
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

/* judge a header in a locked buffer */
static bool
header_visible(Relation rel, HeapTuple tuple, Buffer buffer, Snapshot snapshot)
{
	bool visible;

	om_test_old_snapshot(snapshot, rel, BufferGetPage(buffer));
	visible = HeapTupleSatisfiesVisibility(tuple, snapshot, buffer);
	if (CheckForSerializableConflictOutNeeded(rel, snapshot))
		HeapCheckForSerializableConflictOut(visible, rel, tuple, buffer, snapshot);
	return visible;
}

bool
hy_row_visible(Relation rel, const HyEntry *entry, uint64 row, Snapshot snapshot, bool *all_dead)
{
	HeapTupleData tuple;
	Buffer buffer;
	bool visible;

	if (all_dead != NULL)
		*all_dead = false;
	switch (hy_header_look(rel, entry, row, &tuple, &buffer))
	{
		case HY_HEADER_NONE:
			return true;
		case HY_HEADER_GONE:
			if (all_dead != NULL)
				*all_dead = true;
			return false;
		case HY_HEADER_THERE:
			break;
	}
	visible = header_visible(rel, &tuple, buffer, snapshot);
	UnlockReleaseBuffer(buffer);
	return visible;
}

bool
hy_cold_visible(Relation rel, const HyEntry *entry, uint64 row, Snapshot snapshot, bool *all_dead)
{
	if (all_dead != NULL)
		*all_dead = false;
	if (!hy_entry_visible(rel, entry, snapshot))
		return false;
	/* whose group is still being written: that decides */
	if (snapshot->snapshot_type == SNAPSHOT_DIRTY && TransactionIdIsValid(snapshot->xmin))
		return true;
	return hy_row_visible(rel, entry, row, snapshot, all_dead);
}

void
hy_rows_visible(Relation rel, const HyEntry *entry, const HyMapItem *items, uint32 count,
				Snapshot snapshot, uint32 from, uint64 *invisible, uint64 *touched)
{
	Buffer buffer = InvalidBuffer;

	for (uint32 i = 0; i < count; i++)
	{
		uint32 at = items[i].position - from;
		BlockNumber block = ItemPointerGetBlockNumber(&items[i].tid);
		HeapTupleData tuple;
		bool visible;

		if (hy_tid_is_dead(&items[i].tid))
		{
			invisible[at / 64] |= UINT64CONST(1) << (at % 64);
			continue;
		}
		/* headers made together stand together: stay on the page */
		if (BufferIsValid(buffer) && BufferGetBlockNumber(buffer) != block)
		{
			UnlockReleaseBuffer(buffer);
			buffer = InvalidBuffer;
		}
		if (!BufferIsValid(buffer))
		{
			CHECK_FOR_INTERRUPTS();
			buffer = lock_header_page(rel, entry, block);
		}
		if (BufferIsValid(buffer) &&
			hy_header_at(rel, buffer, &items[i].tid, entry->first_row + items[i].row, &tuple))
		{
			touched[at / 64] |= UINT64CONST(1) << (at % 64);
			visible = header_visible(rel, &tuple, buffer, snapshot);
		}
		else
		{
			/* the slow way, which looks at the map again */
			if (BufferIsValid(buffer))
				UnlockReleaseBuffer(buffer);
			buffer = InvalidBuffer;
			visible = hy_row_visible(rel, entry, entry->first_row + items[i].row, snapshot, NULL);
		}
		if (!visible)
			invisible[at / 64] |= UINT64CONST(1) << (at % 64);
	}
	if (BufferIsValid(buffer))
		UnlockReleaseBuffer(buffer);
}

/* ---- making ---- */

/* columns whose values heap's code looks at in an old version; NULL: all */
static bool *
header_columns(Relation rel)
{
	int natts = RelationGetDescr(rel)->natts;
	bool *needed;
	Bitmapset *keys;
	int member = -1;

	if (rel->rd_rel->relreplident == REPLICA_IDENTITY_FULL)
		return NULL;
	needed = palloc0((Size) Max(natts, 1) * sizeof(bool));
	keys = bms_union(RelationGetIndexAttrBitmap(rel, INDEX_ATTR_BITMAP_KEY),
					 RelationGetIndexAttrBitmap(rel, INDEX_ATTR_BITMAP_IDENTITY_KEY));
	while ((member = bms_next_member(keys, member)) >= 0)
	{
		int column = member + FirstLowInvalidHeapAttributeNumber - 1;

		if (column >= 0 && column < natts)
			needed[column] = true;
	}
	bms_free(keys);
	return needed;
}

/* leave out the widest value; false if there is none left */
static bool
drop_widest(TupleDesc desc, const Datum *values, bool *nulls)
{
	int widest = -1;
	Size most = 0;

	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);
		Size bytes;

		if (nulls[i])
			continue;
		bytes = att_addlength_datum(0, att->attlen, values[i]);
		if (widest < 0 || bytes > most)
		{
			widest = i;
			most = bytes;
		}
	}
	if (widest < 0)
		return false;
	nulls[widest] = true;
	return true;
}

/* put the word between null bitmap and columns */
static HeapTuple
insert_word(HeapTuple tuple, uint64 word)
{
	HeapTuple header = palloc0(HEAPTUPLESIZE + tuple->t_len + WORD_BYTES);
	uint32 hoff = tuple->t_data->t_hoff;

	header->t_len = tuple->t_len + WORD_BYTES;
	header->t_data = (HeapTupleHeader) ((char *) header + HEAPTUPLESIZE);
	memcpy(header->t_data, tuple->t_data, hoff);
	memcpy((char *) header->t_data + hoff, &word, WORD_BYTES);
	memcpy((char *) header->t_data + hoff + WORD_BYTES, (char *) tuple->t_data + hoff,
		   tuple->t_len - hoff);
	header->t_data->t_hoff = (uint8) (hoff + WORD_BYTES);
	return header;
}

/*
 * The header of a row, not yet on a page.  Values stay as they are, neither compressed nor out of line: heap
 * compares the bytes of key columns with those of the new version.
 */
static HeapTuple
form_header(Relation rel, const HyEntry *entry, uint64 row)
{
	TupleDesc desc = RelationGetDescr(rel);
	/* a statement comes here for each of its rows */
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "omendb header", ALLOCSET_SMALL_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	Datum *values = palloc((Size) Max(desc->natts, 1) * sizeof(Datum));
	bool *nulls = palloc((Size) Max(desc->natts, 1) * sizeof(bool));
	bool *needed = header_columns(rel);
	uint64 word = row | (needed == NULL ? HY_HEADER_WHOLE : 0);
	HeapTuple tuple;
	HeapTuple header;

	hy_fetch_columns(rel, entry, row, needed, values, nulls);
	tuple = heap_form_tuple(desc, values, nulls);
	while (MAXALIGN(tuple->t_len + WORD_BYTES) > MaxHeapTupleSize &&
		   drop_widest(desc, values, nulls))
	{
		heap_freetuple(tuple);
		word &= ~HY_HEADER_WHOLE;
		tuple = heap_form_tuple(desc, values, nulls);
	}
	MemoryContextSwitchTo(old);
	header = insert_word(tuple, word);
	MemoryContextDelete(context);
	return header;
}

/*
 * Who made it: nobody, it has been there as long as the row; but a header made by the very transaction
 * that wrote the group goes with it.  A raw xmin of this transaction is what redo of heap's insertion makes.
 */
static void
set_maker(HeapTupleHeader header, const HyEntry *entry)
{
	TransactionId xid = GetCurrentTransactionId();

	header->t_infomask &= (uint16) ~HEAP_XACT_MASK;
	header->t_infomask2 &= (uint16) ~HEAP2_XACT_MASK;
	header->t_infomask |= HEAP_XMAX_INVALID;
	header->t_infomask2 |= HY_HEADER;
	HeapTupleHeaderSetXmin(header, xid);
	HeapTupleHeaderSetXmax(header, InvalidTransactionId);
	if (entry->xmin == xid && !hy_entry_frozen(entry))
		HeapTupleHeaderSetCmin(header, entry->cmin);
	else
	{
		HeapTupleHeaderSetCmin(header, FirstCommandId);
		HeapTupleHeaderSetXminFrozen(header);
	}
}

/* heap_insert's critical section (heapam.c), for a tuple that is not decoded and conflicts with nobody */
static void
put_header(Relation rel, HeapTuple header, Buffer buffer, Buffer vm_buffer)
{
	Page page = BufferGetPage(buffer);
	bool all_visible_cleared = false;

	START_CRIT_SECTION();
	RelationPutHeapTuple(rel, buffer, header, false);
	if (PageIsAllVisible(page))
	{
		all_visible_cleared = true;
		PageClearAllVisible(page);
		visibilitymap_clear(rel, BufferGetBlockNumber(buffer), vm_buffer, VISIBILITYMAP_VALID_BITS);
	}
	MarkBufferDirty(buffer);
	if (RelationNeedsWAL(rel))
	{
		xl_heap_insert insert = { .offnum = ItemPointerGetOffsetNumber(&header->t_self),
								  .flags =
									  all_visible_cleared ? XLH_INSERT_ALL_VISIBLE_CLEARED : 0 };
		xl_heap_header xlhdr = { .t_infomask2 = header->t_data->t_infomask2,
								 .t_infomask = header->t_data->t_infomask,
								 .t_hoff = header->t_data->t_hoff };
		uint8 info = XLOG_HEAP_INSERT;
		uint8 flags = REGBUF_STANDARD;
		XLogRecPtr lsn;

		if (insert.offnum == FirstOffsetNumber && PageGetMaxOffsetNumber(page) == FirstOffsetNumber)
		{
			info |= XLOG_HEAP_INIT_PAGE;
			flags |= REGBUF_WILL_INIT;
		}
		XLogBeginInsert();
		XLogRegisterData((char *) &insert, SizeOfHeapInsert);
		XLogRegisterBuffer(0, buffer, flags);
		XLogRegisterBufData(0, (char *) &xlhdr, SizeOfHeapHeader);
		XLogRegisterBufData(0, (char *) header->t_data + SizeofHeapTupleHeader,
							header->t_len - SizeofHeapTupleHeader);
		XLogSetRecordFlags(XLOG_INCLUDE_ORIGIN);
		lsn = XLogInsert(RM_HEAP_ID, info);
		PageSetLSN(page, lsn);
	}
	END_CRIT_SECTION();
}

/* false: somebody else made it meanwhile, the map had to grow, or is superseded: look again */
static bool
make_header(Relation rel, const HyEntry *entry, uint64 row, ItemPointer tid, Buffer *pin)
{
	HeapTuple header = form_header(rel, entry, row);
	Buffer vm_buffer = InvalidBuffer;
	Buffer buffer;
	HyMapPlace place;
	bool made = false;
	bool full = false;

	set_maker(header->t_data, entry);
	STOP_POINT("hybrid_header_formed");
	buffer = om_buffer_for_tuple(rel, header->t_len, &vm_buffer);
	if (hy_map_lock(rel, entry, key_of(entry, row), &place) == HY_MAP_LOCKED)
	{
		full = place.full;
		if (!full)
		{
			put_header(rel, header, buffer, vm_buffer);
			/* a crash here leaves a header that nothing leads to, which is never read */
			STOP_POINT("hybrid_header_put");
			hy_map_add(rel, &place, &header->t_self);
			*tid = header->t_self;
			made = true;
		}
		hy_map_unlock(&place);
	}
	LockBuffer(buffer, BUFFER_LOCK_UNLOCK);
	if (BufferIsValid(vm_buffer))
		ReleaseBuffer(vm_buffer);
	heap_freetuple(header);
	if (made)
		*pin = buffer;
	else
		ReleaseBuffer(buffer);
	if (full)
		hy_map_grow(rel, entry);
	return made;
}

bool
hy_header_get(Relation rel, const HyEntry *entry, uint64 row, ItemPointer tid, Buffer *pin)
{
	HeapTupleData tuple;
	HyEntry now = *entry;

	if (entry->row_map == InvalidBlockNumber)
		ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
						errmsg("cannot change rows of row group " UINT64_FORMAT " of table \"%s\"",
							   entry->group_id, RelationGetRelationName(rel)),
						errdetail("It was written by an earlier version of omendb."),
						errhint("Rewrite the table with VACUUM FULL.")));
	for (;;)
	{
		switch (look(rel, &now, row, &tuple, pin))
		{
			case HY_HEADER_GONE:
				return false;
			case HY_HEADER_THERE:
				/* the pin keeps it from being pruned or taken away */
				*tid = tuple.t_self;
				LockBuffer(*pin, BUFFER_LOCK_UNLOCK);
				return true;
			case HY_HEADER_NONE:
				if (make_header(rel, &now, row, tid, pin))
				{
					STOP_POINT("hybrid_header_made");
					return true;
				}
				break;
		}
	}
}
