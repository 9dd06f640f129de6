/*
 * hybrid_batch.c
 *		Read the cold rows of a table vector by vector.
 */
#include "postgres.h"

#include "access/stratnum.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/spccache.h"

#include "hybrid/hybrid_batch.h"
#include "hybrid/hybrid_header.h"
#include "hybrid/hybrid_map.h"
#include "hybrid/hybrid_visible.h"

#define NO_VECTOR UINT32_MAX

HyBatchReader *
hy_batch_open(Relation rel, const HyDirectory *dir, Snapshot snapshot,
			  BufferAccessStrategy strategy)
{
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "omendb cold scan", ALLOCSET_DEFAULT_SIZES);
	HyBatchReader *reader = MemoryContextAllocZero(context, sizeof(HyBatchReader));

	reader->rel = rel;
	reader->snapshot = snapshot;
	reader->desc = RelationGetDescr(rel);
	reader->context = context;
	reader->strategy = strategy;
	reader->vector = NO_VECTOR;
	if (dir->group_count > 0)
		reader->groups = MemoryContextAllocHuge(context, (Size) dir->group_count * sizeof(HyEntry));
	for (uint32 i = 0; i < dir->group_count; i++)
		if (hy_entry_visible(rel, &dir->entries[i].entry, snapshot))
			reader->groups[reader->group_count++] = dir->entries[i].entry;
	return reader;
}

static void
leave_group(HyBatchReader *reader)
{
	if (reader->group == NULL)
		return;
	hy_source_release(&reader->source);
	rg_close(reader->group);
	if (reader->source.scratch != NULL)
		pfree(reader->source.scratch);
	if (reader->items != NULL)
		pfree(reader->items);
	reader->items = NULL;
	reader->items_read = false;
	reader->item_count = 0;
	reader->any_touched = reader->any_invisible = false;
	reader->asked_ahead = false;
	reader->group = NULL;
	reader->vector = NO_VECTOR;
}

void
hy_batch_close(HyBatchReader *reader)
{
	leave_group(reader);
	MemoryContextDelete(reader->context);
}

void
hy_batch_rewind(HyBatchReader *reader)
{
	leave_group(reader);
}

/* a value of a condition as bounds of the open group's column */
typedef struct HyRange
{
	RgBound low;
	RgBound high;
} HyRange;

/* a condition as ranges, one of which a row has to be in */
typedef struct HyBounds
{
	bool usable;
	bool has_low;
	bool has_high;
	int range_count; /* of those values that the group may have */
	HyRange *ranges; /* room for all values */
} HyBounds;

static void
prepare_bounds(HyBatchReader *reader)
{
	if (reader->condition_count == 0)
		return;
	if (reader->bounds == NULL)
	{
		reader->bounds =
			MemoryContextAlloc(reader->context, (Size) reader->condition_count * sizeof(HyBounds));
		for (int i = 0; i < reader->condition_count; i++)
			reader->bounds[i].ranges = MemoryContextAlloc(
				reader->context,
				(Size) Max(reader->conditions[i].value_count, 1) * sizeof(HyRange));
	}
	for (int i = 0; i < reader->condition_count; i++)
	{
		const HyCondition *condition = &reader->conditions[i];
		HyBounds *bounds = &reader->bounds[i];
		const ColDesc *column;

		bounds->usable = false;
		if (condition->column >= rg_header(reader->group)->natts)
			continue;
		column = rg_column(reader->group, condition->column);
		if (column->store == COL_STORE_NONE)
		{
			/* NULL in all rows: no operator of btree is true */
			bounds->usable = true;
			bounds->range_count = 0;
			continue;
		}
		if (column->order == COL_ORDER_BYTES && !condition->ranges_of_bytes &&
			condition->strategy != BTEqualStrategyNumber)
			continue;
		bounds->has_low = condition->strategy >= BTEqualStrategyNumber;
		bounds->has_high = condition->strategy <= BTEqualStrategyNumber;
		bounds->range_count = condition->value_count;
		bounds->usable = true;
		for (int k = 0; k < condition->value_count && bounds->usable; k++)
			bounds->usable =
				(!bounds->has_low || rg_datum_bound(column, condition->type, condition->values[k],
													false, &bounds->ranges[k].low)) &&
				(!bounds->has_high || rg_datum_bound(column, condition->type, condition->values[k],
													 true, &bounds->ranges[k].high));
	}
}

/*
 * Can a row of the vector (or of the group, with -1) satisfy a condition?  Of several values those that are not in the group are
 * forgotten until the next one.
 */
static bool
condition_may_match(HyBatchReader *reader, int column, HyBounds *bounds, int vector)
{
	int left = 0;

	for (int i = 0; i < bounds->range_count; i++)
	{
		HyRange *range = &bounds->ranges[i];

		if (!rg_may_match(reader->group, column, vector, bounds->has_low ? &range->low : NULL,
						  bounds->has_high ? &range->high : NULL))
			continue;
		if (vector >= 0)
			return true;
		bounds->ranges[left++] = *range;
	}
	if (vector < 0)
		bounds->range_count = left;
	return left > 0;
}

/* can a row of the vector (or of the group, with -1) satisfy all conditions? */
static bool
may_match(HyBatchReader *reader, int vector)
{
	for (int i = 0; i < reader->condition_count; i++)
	{
		HyBounds *bounds = &reader->bounds[i];

		if (bounds->usable &&
			!condition_may_match(reader, reader->conditions[i].column, bounds, vector))
			return false;
	}
	return true;
}

void
hy_batch_seek_group(HyBatchReader *reader, uint32 group_idx)
{
	const HyEntry *entry = &reader->groups[group_idx];
	const RgHeader *header;

	Assert(group_idx < reader->group_count);
	CHECK_FOR_INTERRUPTS();
	leave_group(reader);
	reader->group_idx = group_idx;
	hy_source_init(&reader->source, reader->rel, entry, reader->strategy, reader->context);
	reader->group = rg_open(&reader->source.base, entry->group_id, reader->desc, reader->context);
	header = rg_header(reader->group);
	if (header->rows != entry->rows || header->stream_bytes != entry->stream_bytes)
		hy_corrupted(reader->rel, entry->start, "row group and its directory entry disagree");
	reader->vector = NO_VECTOR;
	prepare_bounds(reader);
}

/* first item of the open group at or behind a position */
static uint32
item_from(const HyBatchReader *reader, uint32 row)
{
	uint32 low = 0;
	uint32 high = reader->item_count;

	while (low < high)
	{
		uint32 middle = low + (high - low) / 2;

		if (reader->items[middle].position < row)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* row number of a row of the vector, less the group's first one */
static uint32
number_of(const HyBatchReader *reader, uint32 row)
{
	return (uint32) (hy_batch_row_number(reader, row) -
					 reader->groups[reader->group_idx].first_row);
}

/* of the items; what is a row no more is left out */
static void
find_positions(HyBatchReader *reader)
{
	uint32 kept = 0;

	if (reader->consecutive)
		return;
	for (uint32 i = 0; i < reader->item_count; i++)
		if (rg_find_number(reader->group, reader->items[i].row, &reader->items[i].position))
			reader->items[kept++] = reader->items[i];
	reader->item_count = kept;
}

/* the headers of the present vector's rows, looked up one by one where they are now */
static void
judge_rows(HyBatchReader *reader)
{
	reader->item_count = 0;
	memset(reader->touched, 0xFF, sizeof(reader->touched));
	memset(reader->invisible, 0, sizeof(reader->invisible));
	reader->any_touched = true;
	for (uint32 i = 0; i < reader->vector_rows; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (hy_row_visible(reader->rel, &reader->groups[reader->group_idx],
						   hy_batch_row_number(reader, i), reader->snapshot, NULL))
			continue;
		reader->invisible[i / 64] |= UINT64CONST(1) << (i % 64);
		reader->any_invisible = true;
	}
}

/*
 * The headers of the present vector's rows.  What a map says behind the moment of an MVCC snapshot stays
 * good for it, so the list is read once for each group; for others, for each vector.
 */
static void
judge_vector(HyBatchReader *reader)
{
	const HyEntry *entry = &reader->groups[reader->group_idx];
	uint32 from = reader->vector * COL_VECTOR_ROWS;
	uint32 first;
	uint32 end;
	bool superseded = false;

	reader->any_touched = reader->any_invisible = false;
	/* who scans with it judges each row by itself */
	if (reader->snapshot->snapshot_type == SNAPSHOT_DIRTY)
		return;
	if (!reader->items_read || !IsMVCCSnapshot(reader->snapshot))
	{
		MemoryContext old = MemoryContextSwitchTo(reader->context);
		bool mvcc = IsMVCCSnapshot(reader->snapshot);

		if (reader->items != NULL)
			pfree(reader->items);
		reader->items = NULL;
		reader->item_count =
			mvcc ? hy_map_list(reader->rel, entry, 0, hy_span(entry), &reader->items, &superseded)
				 : hy_map_list(reader->rel, entry, number_of(reader, 0),
							   number_of(reader, reader->vector_rows - 1) + 1, &reader->items,
							   &superseded);
		find_positions(reader);
		reader->items_read = true;
		MemoryContextSwitchTo(old);
		if (superseded && !mvcc)
		{
			judge_rows(reader);
			return;
		}
	}
	if (reader->item_count == 0)
		return;
	first = item_from(reader, from);
	end = item_from(reader, from + reader->vector_rows);
	if (first == end)
		return;
	memset(reader->touched, 0, sizeof(reader->touched));
	memset(reader->invisible, 0, sizeof(reader->invisible));
	hy_rows_visible(reader->rel, entry, reader->items + first, end - first, reader->snapshot, from,
					reader->invisible, reader->touched);
	reader->any_touched = true;
	for (int i = 0; i < HY_VECTOR_WORDS; i++)
		if (reader->invisible[i] != 0)
			reader->any_invisible = true;
}

void
hy_batch_seek_vector(HyBatchReader *reader, uint32 vector)
{
	reader->vector = vector;
	reader->vector_rows = rg_vector_rows(reader->group, vector);
	reader->consecutive = !rg_has_numbers(reader->group);
	reader->numbers[0] = vector * COL_VECTOR_ROWS;
	if (!reader->consecutive)
		rg_vector_numbers(reader->group, vector, reader->numbers);
	judge_vector(reader);
}

/*
 * Ask the operating system for what will be wanted of the group behind this one: the columns that have been read of this one, which are known
 * at its second vector.  If conditions have not ruled this one out, the next one is likely to be wanted, too.
 */
static void
ask_ahead(HyBatchReader *reader)
{
	const HyEntry *next;
	HySource source;
	RgGroup *group;
	int natts;

	reader->asked_ahead = true;
	if (reader->group_idx + 1 >= reader->group_count || reader->strategy == NULL ||
		RelationUsesLocalBuffers(reader->rel) ||
		get_tablespace_io_concurrency(reader->rel->rd_rel->reltablespace) == 0)
		return;
	next = &reader->groups[reader->group_idx + 1];
	hy_source_init(&source, reader->rel, next, reader->strategy, reader->context);
	group = rg_open(&source.base, next->group_id, reader->desc, reader->context);
	natts = Min(rg_header(group)->natts, rg_header(reader->group)->natts);
	for (int i = 0; i < natts; i++)
	{
		const ColDesc *column = rg_column(group, i);
		uint64 page = column->chunk_offset / RG_PAGE_PAYLOAD;

		if (column->chunk_bytes == 0 || !rg_column_is_read(reader->group, i))
			continue;
		for (; page <= (column->chunk_offset + column->chunk_bytes - 1) / RG_PAGE_PAYLOAD &&
			   page < next->pages;
			 page++, reader->pages_ahead++)
			(void) PrefetchBuffer(reader->rel, MAIN_FORKNUM, next->start + (BlockNumber) page);
	}
	hy_source_release(&source);
	rg_close(group);
	if (source.scratch != NULL)
		pfree(source.scratch);
}

bool
hy_batch_next_vector(HyBatchReader *reader, bool forward)
{
	uint32 vectors = rg_header(reader->group)->vectors;

	/* the group as a whole first */
	if (reader->vector == NO_VECTOR && reader->condition_count > 0 && !may_match(reader, -1))
	{
		reader->vectors_skipped += vectors;
		return false;
	}
	for (;;)
	{
		CHECK_FOR_INTERRUPTS();
		if (reader->vector == NO_VECTOR)
			reader->vector = forward ? 0 : vectors - 1;
		else if (forward ? reader->vector + 1 == vectors : reader->vector == 0)
			return false;
		else
			reader->vector += forward ? 1 : UINT32_MAX;
		if (reader->condition_count == 0 || may_match(reader, (int) reader->vector))
			break;
		reader->vectors_skipped++;
	}
	reader->vectors_read++;
	if (forward && reader->vector > 0 && !reader->asked_ahead)
		ask_ahead(reader);
	hy_batch_seek_vector(reader, reader->vector);
	return true;
}

int64
hy_batch_find_group(const HyBatchReader *reader, uint64 row)
{
	uint32 low = 0;
	uint32 high = reader->group_count;

	while (low < high)
	{
		uint32 middle = low + (high - low) / 2;

		if (reader->groups[middle].first_row <= row)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == 0 || row - reader->groups[low - 1].first_row >= hy_span(&reader->groups[low - 1]))
		return -1;
	return (int64) low - 1;
}
