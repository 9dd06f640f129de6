/*
 * hybrid_map.c
 *		The row map of a group: see hybrid_map.h, and README.md, "Headers".
 */
#include "postgres.h"

#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "storage/lmgr.h"
#include "utils/rel.h"

#include "base/heap_pin.h"
#include "base/pg_compat.h"
#include "hybrid/hybrid_directory.h"
#include "hybrid/hybrid_map.h"
#include "hybrid/hybrid_wal.h"
#include "hybrid/hybrid_write.h"

/* ---- pages ---- */

void
hy_map_root_init(char *page)
{
	HyMapRoot *root = (HyMapRoot *) (page + RG_PAGE_PAYLOAD_OFF);

	((RgPageHeader *) (page + RG_PAGE_HEADER_OFF))->used = sizeof(HyMapRoot);
	root->dense = InvalidBlockNumber;
}

/* a page of the group's map, locked and checked */
static Buffer
lock_page(Relation rel, const HyEntry *entry, BlockNumber block, RgPageKind kind, int mode)
{
	Buffer buffer;
	const char *problem;

	if (block == 0 || !hy_block_exists(rel, block))
		hy_corrupted(rel, block, "row map leads to a page that is none of it");
	buffer = om_read_recent(rel, block);
	LockBuffer(buffer, mode);
	problem = hy_page_check((const char *) BufferGetPage(buffer), kind);
	if (problem == NULL &&
		hy_page_header((const char *) BufferGetPage(buffer))->group_id != entry->group_id)
		problem = "row map belongs to another row group";
	if (problem != NULL)
		hy_corrupted(rel, block, problem);
	return buffer;
}

static const HyMapRoot *
root_of(Relation rel, Buffer buffer)
{
	const char *page = (const char *) BufferGetPage(buffer);
	const HyMapRoot *root = (const HyMapRoot *) (page + RG_PAGE_PAYLOAD_OFF);

	if (root->count > HY_MAP_ROWS)
		hy_corrupted(rel, BufferGetBlockNumber(buffer), "row map has too many entries");
	if ((root->flags & ~HY_MAP_FLAGS_VALID) != 0)
		hy_corrupted(rel, BufferGetBlockNumber(buffer), "row map has unknown flags");
	return root;
}

static Buffer
lock_root(Relation rel, const HyEntry *entry, int mode)
{
	if (entry->row_map == InvalidBlockNumber)
		hy_corrupted(rel, entry->start, "row group has no row map");
	return lock_page(rel, entry, entry->row_map, RG_PAGE_MAP, mode);
}

/* the page of the dense map that has the row */
static Buffer
lock_dense(Relation rel, const HyEntry *entry, BlockNumber dense, uint32 row, int mode)
{
	uint32 vector = row / COL_VECTOR_ROWS;
	Buffer buffer = lock_page(rel, entry, dense + vector, RG_PAGE_MAP_DENSE, mode);

	if (hy_page_header((const char *) BufferGetPage(buffer))->index != vector)
		hy_corrupted(rel, dense + vector, "page of a row map is out of place");
	return buffer;
}

static const HyMapDense *
dense_of(Buffer buffer)
{
	return (const HyMapDense *) ((const char *) BufferGetPage(buffer) + RG_PAGE_PAYLOAD_OFF);
}

static void
get_tid(const uint16 stored[3], ItemPointer tid)
{
	memcpy(tid, stored, sizeof(ItemPointerData));
}

/* position of a row in the root's list, or -1 */
static int
find_in_list(const HyMapRoot *root, uint32 row)
{
	/* the last one counts: one taken away may have come again */
	for (int i = root->count - 1; i >= 0; i--)
		if (root->rows[i] == row)
			return i;
	return -1;
}

bool
hy_map_renew(Relation rel, HyEntry *entry, uint64 row)
{
	const HyDirEntry *found = hy_directory_find(hy_directory(rel), row);

	if (found == NULL)
		return false;
	/* flag and entry came in one record, so the directory of now cannot lead to the same root */
	if (found->entry.row_map == entry->row_map)
		hy_corrupted(rel, entry->row_map, "row map is superseded, but the directory leads to it");
	*entry = found->entry;
	return true;
}

/* ---- reading ---- */

HyMapAnswer
hy_map_find(Relation rel, const HyEntry *entry, uint32 row)
{
	HyMapAnswer answer = { 0 };
	Buffer buffer = lock_root(rel, entry, BUFFER_LOCK_SHARE);
	const HyMapRoot *root = root_of(rel, buffer);
	BlockNumber dense = root->dense;
	int at = find_in_list(root, row);

	if ((root->flags & HY_MAP_SUPERSEDED) != 0)
	{
		UnlockReleaseBuffer(buffer);
		answer.superseded = true;
		return answer;
	}
	if (at >= 0)
		get_tid(root->tids[at], &answer.tid);
	answer.found = at >= 0 && ItemPointerIsValid(&answer.tid);
	answer.removals = root->removals;
	UnlockReleaseBuffer(buffer);
	if (!answer.found && dense != InvalidBlockNumber)
	{
		const HyMapDense *page;

		buffer = lock_dense(rel, entry, dense, row, BUFFER_LOCK_SHARE);
		page = dense_of(buffer);
		get_tid(page->tids[row % COL_VECTOR_ROWS], &answer.tid);
		answer.found = ItemPointerIsValid(&answer.tid);
		answer.removals += page->removals;
		UnlockReleaseBuffer(buffer);
	}
	return answer;
}

bool
hy_map_any(Relation rel, const HyEntry *entry)
{
	Buffer buffer;
	const HyMapRoot *root;
	bool any;

	/* made before there were headers */
	if (entry->row_map == InvalidBlockNumber)
		return false;
	buffer = lock_root(rel, entry, BUFFER_LOCK_SHARE);
	root = root_of(rel, buffer);
	/* a dense map comes when the list is full */
	any = root->count > 0 || (root->flags & HY_MAP_SUPERSEDED) != 0;
	UnlockReleaseBuffer(buffer);
	return any;
}

static int
compare_items(const void *a, const void *b)
{
	uint32 x = ((const HyMapItem *) a)->row;
	uint32 y = ((const HyMapItem *) b)->row;

	return x < y ? -1 : x > y ? 1 : 0;
}

/* add the items of rows [from, to) in the dense map's page of `vector` */
static uint32
list_dense(const HyMapDense *page, uint32 vector, uint32 from, uint32 to, HyMapItem *items,
		   uint32 count)
{
	for (uint32 i = 0; i < COL_VECTOR_ROWS; i++)
	{
		uint32 row = vector * COL_VECTOR_ROWS + i;
		HyMapItem item = { .row = row, .position = row };

		get_tid(page->tids[i], &item.tid);
		if (row >= from && row < to && ItemPointerIsValid(&item.tid))
			items[count++] = item;
	}
	return count;
}

uint32
hy_map_list(Relation rel, const HyEntry *entry, uint32 from, uint32 to, HyMapItem **items,
			bool *superseded)
{
	Buffer buffer;
	const HyMapRoot *root;
	BlockNumber dense;
	uint32 count = 0;
	uint32 room;

	*items = NULL;
	if (superseded != NULL)
		*superseded = false;
	if (entry->row_map == InvalidBlockNumber || from >= to)
		return 0;
	buffer = lock_root(rel, entry, BUFFER_LOCK_SHARE);
	root = root_of(rel, buffer);
	dense = root->dense;
	if ((root->flags & HY_MAP_SUPERSEDED) != 0)
	{
		if (superseded == NULL)
			hy_corrupted(rel, entry->row_map, "directory leads to a row map that is superseded");
		*superseded = true;
	}
	if (root->count == 0)
	{
		UnlockReleaseBuffer(buffer);
		return 0;
	}
	room = root->count + (dense != InvalidBlockNumber ? to - from : 0);
	*items = palloc(room * sizeof(HyMapItem));
	for (uint32 i = 0; i < root->count; i++)
	{
		HyMapItem item = { .row = root->rows[i], .position = root->rows[i] };

		get_tid(root->tids[i], &item.tid);
		if (item.row >= from && item.row < to && ItemPointerIsValid(&item.tid))
			(*items)[count++] = item;
	}
	UnlockReleaseBuffer(buffer);
	if (dense != InvalidBlockNumber)
		for (uint32 vector = from / COL_VECTOR_ROWS; vector <= (to - 1) / COL_VECTOR_ROWS; vector++)
		{
			buffer = lock_dense(rel, entry, dense, vector * COL_VECTOR_ROWS, BUFFER_LOCK_SHARE);
			count = list_dense(dense_of(buffer), vector, from, to, *items, count);
			UnlockReleaseBuffer(buffer);
		}
	qsort(*items, count, sizeof(HyMapItem), compare_items);
	if (count == 0)
	{
		pfree(*items);
		*items = NULL;
	}
	return count;
}

/* ---- writing ---- */

/*
 * Lock the page that has the row's entry, or would take it, exclusively; *tid is what the entry says, an invalid TID if
 * there is none.  False: the map is superseded, and nothing is locked.
 */
static bool
lock_place(Relation rel, const HyEntry *entry, uint32 row, HyMapPlace *place, ItemPointer tid)
{
	const HyMapRoot *root;

	place->row = row;
	place->root = InvalidBuffer;
	for (place->dense = false;;)
	{
		ItemPointerSetInvalid(tid);
		place->buffer =
			lock_root(rel, entry, place->dense ? BUFFER_LOCK_SHARE : BUFFER_LOCK_EXCLUSIVE);
		root = root_of(rel, place->buffer);
		if ((root->flags & HY_MAP_SUPERSEDED) != 0)
		{
			hy_map_unlock(place);
			return false;
		}
		place->at = find_in_list(root, row);
		if (place->at >= 0)
			get_tid(root->tids[place->at], tid);
		place->full = root->count == HY_MAP_ROWS;
		if (place->dense || ItemPointerIsValid(tid) || root->dense == InvalidBlockNumber)
			break;
		/* a share lock will do, for nothing is added to the list any more */
		UnlockReleaseBuffer(place->buffer);
		place->dense = true;
	}
	if (!place->dense)
		return true;
	/* an entry of the list, which nobody makes any more, cannot have come meanwhile */
	place->root = place->buffer;
	place->buffer = lock_dense(rel, entry, root->dense, row, BUFFER_LOCK_EXCLUSIVE);
	place->full = false;
	get_tid(dense_of(place->buffer)->tids[row % COL_VECTOR_ROWS], tid);
	return true;
}

HyMapLock
hy_map_lock(Relation rel, const HyEntry *entry, uint32 row, HyMapPlace *place)
{
	ItemPointerData tid;

	if (!lock_place(rel, entry, row, place, &tid))
		return HY_MAP_OLD;
	if (!ItemPointerIsValid(&tid))
		return HY_MAP_LOCKED;
	hy_map_unlock(place);
	return HY_MAP_TAKEN;
}

void
hy_map_unlock(HyMapPlace *place)
{
	UnlockReleaseBuffer(place->buffer);
	place->buffer = InvalidBuffer;
	if (BufferIsValid(place->root))
		UnlockReleaseBuffer(place->root);
	place->root = InvalidBuffer;
}

/* offset in the page of a member of its payload */
#define MAP_OFFSET(type, member) ((uint32) (RG_PAGE_PAYLOAD_OFF + offsetof(type, member)))

void
hy_map_add(Relation rel, const HyMapPlace *place, const ItemPointerData *tid)
{
	OmWal wal;
	HyPatch patch;

	Assert(!place->full);
	hy_patch_begin(&patch);
	if (place->dense)
		hy_patch_add(&patch,
					 MAP_OFFSET(HyMapDense, tids) +
						 place->row % COL_VECTOR_ROWS * (uint32) sizeof(ItemPointerData),
					 tid, sizeof(*tid));
	else
	{
		const HyMapRoot *root =
			(const HyMapRoot *) ((const char *) BufferGetPage(place->buffer) + RG_PAGE_PAYLOAD_OFF);
		uint16 count = root->count;

		hy_patch_add(&patch, MAP_OFFSET(HyMapRoot, rows) + count * (uint32) sizeof(uint32),
					 &place->row, sizeof(place->row));
		hy_patch_add(&patch, MAP_OFFSET(HyMapRoot, tids) + count * (uint32) sizeof(ItemPointerData),
					 tid, sizeof(*tid));
		count++;
		hy_patch_add(&patch, MAP_OFFSET(HyMapRoot, count), &count, sizeof(count));
	}
	om_wal_begin(&wal, rel, OM_WAL_HYBRID, HY_REC_MAP_ADD);
	hy_patch_add_to_wal(&wal, place->buffer, &patch, false);
	om_wal_commit(&wal);
}

bool
hy_map_lock_entry(Relation rel, const HyEntry *entry, uint32 row, const ItemPointerData *tid,
				  HyMapPlace *place)
{
	ItemPointerData now;

	if (!lock_place(rel, entry, row, place, &now))
		hy_corrupted(rel, entry->row_map, "directory leads to a row map that is superseded");
	if (memcmp(&now, tid, sizeof(now)) == 0)
		return true;
	hy_map_unlock(place);
	return false;
}

/* is this the only entry of a map that is nothing but a list? */
static bool
is_last_entry(const HyMapRoot *root, int at)
{
	if (root->dense != InvalidBlockNumber)
		return false;
	for (int i = 0; i < root->count; i++)
	{
		ItemPointerData tid;

		get_tid(root->tids[i], &tid);
		if (i != at && ItemPointerIsValid(&tid))
			return false;
	}
	return true;
}

void
hy_map_remove(Relation rel, const HyMapPlace *place)
{
	static const uint16 none[3] = { 0 };
	OmWal wal;
	HyPatch patch;
	uint32 removals;

	hy_patch_begin(&patch);
	if (place->dense)
	{
		removals = dense_of(place->buffer)->removals + 1;
		hy_patch_add(&patch,
					 MAP_OFFSET(HyMapDense, tids) +
						 place->row % COL_VECTOR_ROWS * (uint32) sizeof(none),
					 none, sizeof(none));
		hy_patch_add(&patch, MAP_OFFSET(HyMapDense, removals), &removals, sizeof(removals));
	}
	else
	{
		const HyMapRoot *root = root_of(rel, place->buffer);

		removals = root->removals + 1;
		if (is_last_entry(root, place->at))
		{
			/* an empty list again, so that readers need not look at it */
			HyMapRoot *empty = palloc0(sizeof(HyMapRoot));

			empty->dense = InvalidBlockNumber;
			empty->removals = removals;
			hy_patch_add(&patch, RG_PAGE_PAYLOAD_OFF, empty, sizeof(HyMapRoot));
			pfree(empty);
		}
		else
		{
			hy_patch_add(&patch,
						 MAP_OFFSET(HyMapRoot, tids) + (uint32) place->at * (uint32) sizeof(none),
						 none, sizeof(none));
			hy_patch_add(&patch, MAP_OFFSET(HyMapRoot, removals), &removals, sizeof(removals));
		}
	}
	om_wal_begin(&wal, rel, OM_WAL_HYBRID, HY_REC_MAP_REMOVE);
	hy_patch_add_to_wal(&wal, place->buffer, &patch, false);
	om_wal_commit(&wal);
}

/* log and apply the folding of items [0, count), all of one page; at: their places, as of `tids` */
static void
fold_page(Relation rel, Buffer buffer, uint32 tids_offset, const uint32 *at, uint32 count)
{
	static const uint32 bytes = sizeof(ItemPointerData);
	ItemPointerData dead;
	OmWal wal;
	HyPatch *patch = palloc(sizeof(HyPatch));

	hy_dead_tid(&dead);
	hy_patch_begin(patch);
	for (uint32 i = 0; i < count; i++)
		hy_patch_add(patch, tids_offset + at[i] * bytes, &dead, bytes);
	om_wal_begin(&wal, rel, OM_WAL_HYBRID, HY_REC_MAP_FOLD);
	hy_patch_add_to_wal(&wal, buffer, patch, false);
	om_wal_commit(&wal);
	pfree(patch);
}

/* patches of one record: each takes ten bytes */
#define FOLD_MAX 512

/* an item of the dense part, in the page of its vector, that says what it said; *at: its place */
static bool
is_same_dense(const HyMapDense *page, const HyMapItem *item, uint32 *at)
{
	*at = item->row % COL_VECTOR_ROWS;
	return memcmp(page->tids[*at], &item->tid, sizeof(item->tid)) == 0;
}

/* the list's items, of ascending rows; returns where the dense part begins */
static BlockNumber
fold_list(Relation rel, const HyEntry *entry, const HyMapItem *items, uint32 count)
{
	Buffer buffer = hy_map_lock_root(rel, entry);
	const HyMapRoot *root = root_of(rel, buffer);
	BlockNumber dense = root->dense;
	uint32 at[FOLD_MAX];
	uint32 found = 0;

	for (uint32 i = 0; i < root->count; i++)
	{
		HyMapItem wanted = { .row = root->rows[i] };
		const HyMapItem *item = bsearch(&wanted, items, count, sizeof(HyMapItem), compare_items);

		if (item == NULL || memcmp(root->tids[i], &item->tid, sizeof(item->tid)) != 0)
			continue;
		at[found++] = i;
		if (found == FOLD_MAX)
		{
			fold_page(rel, buffer, MAP_OFFSET(HyMapRoot, tids), at, found);
			found = 0;
		}
	}
	if (found > 0)
		fold_page(rel, buffer, MAP_OFFSET(HyMapRoot, tids), at, found);
	UnlockReleaseBuffer(buffer);
	return dense;
}

void
hy_map_fold(Relation rel, const HyEntry *entry, const HyMapItem *items, uint32 count)
{
	BlockNumber dense;

	/* those snapshots are told by the header's page that something they need is gone */
	if (count == 0 || om_old_snapshots_matter())
		return;
	dense = fold_list(rel, entry, items, count);
	for (uint32 i = 0; dense != InvalidBlockNumber && i < count;)
	{
		uint32 vector = items[i].row / COL_VECTOR_ROWS;
		Buffer buffer = lock_dense(rel, entry, dense, items[i].row, BUFFER_LOCK_EXCLUSIVE);
		uint32 at[FOLD_MAX];
		uint32 found = 0;

		CHECK_FOR_INTERRUPTS();
		for (; i < count && items[i].row / COL_VECTOR_ROWS == vector && found < FOLD_MAX; i++)
			if (is_same_dense(dense_of(buffer), &items[i], &at[found]))
				found++;
		if (found > 0)
			fold_page(rel, buffer, MAP_OFFSET(HyMapDense, tids), at, found);
		UnlockReleaseBuffer(buffer);
	}
}

/* ---- growing ---- */

void
hy_map_grow(Relation rel, const HyEntry *entry)
{
	Buffer buffer;
	bool done;

	/* one at a time for each group; not by a buffer's lock, for this takes long */
	LockPage(rel, entry->row_map, ExclusiveLock);
	buffer = lock_root(rel, entry, BUFFER_LOCK_SHARE);
	done = root_of(rel, buffer)->dense != InvalidBlockNumber ||
		   (root_of(rel, buffer)->flags & HY_MAP_SUPERSEDED) != 0;
	UnlockReleaseBuffer(buffer);
	if (!done)
		hy_write_map(rel, entry, MAP_OFFSET(HyMapRoot, dense));
	UnlockPage(rel, entry->row_map, ExclusiveLock);
}

/* ---- for swaps ---- */

bool
hy_map_is_superseded(Buffer root)
{
	const char *page = (const char *) BufferGetPage(root);

	return (((const HyMapRoot *) (page + RG_PAGE_PAYLOAD_OFF))->flags & HY_MAP_SUPERSEDED) != 0;
}

void
hy_map_supersede(HyPatch *patch)
{
	uint16 flags = HY_MAP_SUPERSEDED;

	hy_patch_begin(patch);
	hy_patch_add(patch, MAP_OFFSET(HyMapRoot, flags), &flags, sizeof(flags));
}

Buffer
hy_map_lock_root(Relation rel, const HyEntry *entry)
{
	Buffer root = lock_root(rel, entry, BUFFER_LOCK_EXCLUSIVE);

	if ((root_of(rel, root)->flags & HY_MAP_SUPERSEDED) != 0)
		hy_corrupted(rel, entry->row_map, "directory leads to a row map that is superseded");
	return root;
}

uint32
hy_map_list_locked(Relation rel, const HyEntry *entry, Buffer locked, HyMapItem **items,
				   uint32 *removals)
{
	const HyMapRoot *root = root_of(rel, locked);
	uint32 span = hy_span(entry);
	uint32 count = 0;

	*items = palloc((root->count + (root->dense != InvalidBlockNumber ? span : 0) + 1) *
					sizeof(HyMapItem));
	*removals += root->removals;
	for (uint32 i = 0; i < root->count; i++)
	{
		HyMapItem item = { .row = root->rows[i], .position = root->rows[i] };

		get_tid(root->tids[i], &item.tid);
		if (ItemPointerIsValid(&item.tid))
			(*items)[count++] = item;
	}
	for (uint32 from = 0; root->dense != InvalidBlockNumber && from < span; from += COL_VECTOR_ROWS)
	{
		Buffer page = lock_dense(rel, entry, root->dense, from, BUFFER_LOCK_SHARE);

		*removals += dense_of(page)->removals;
		count = list_dense(dense_of(page), from / COL_VECTOR_ROWS, 0, span, *items, count);
		UnlockReleaseBuffer(page);
	}
	return count;
}

BlockNumber
hy_map_dense(Relation rel, Buffer root, uint32 *offset)
{
	*offset = MAP_OFFSET(HyMapRoot, dense);
	return root_of(rel, root)->dense;
}
