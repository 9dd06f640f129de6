/*
 * hybrid_change.c
 *		Change the metapage and the directory: see hybrid_directory.h.
 */
#include "postgres.h"

#include "storage/bufmgr.h"
#include "utils/rel.h"

#include "base/pg_compat.h"
#include "hybrid/hybrid_change.h"
#include "hybrid/hybrid_directory.h"
#include "hybrid/hybrid_wal.h"

void
hy_change_begin(HyChange *change, Relation rel)
{
	change->rel = rel;
	change->other_count = 0;
	change->meta_buffer = ReadBuffer(rel, 0);
	LockBuffer(change->meta_buffer, BUFFER_LOCK_EXCLUSIVE);
	change->meta = *hy_meta_of(rel, change->meta_buffer);
}

void
hy_change_end(HyChange *change)
{
	UnlockReleaseBuffer(change->meta_buffer);
}

void
hy_change_add(HyChange *change, Buffer buffer, const HyPatch *patch)
{
	if (change->other_count == HY_CHANGE_OTHERS)
		elog(ERROR, "more than %d other pages in one change of the directory", HY_CHANGE_OTHERS);
	change->other_buffers[change->other_count] = buffer;
	change->other_patches[change->other_count++] = patch;
}

/* log what differs between change->meta and the page; entries: the directory changes, too */
static void
patch_meta(HyChange *change, HyPatch *patch, bool entries)
{
	const HyMeta *old =
		(const HyMeta *) ((const char *) BufferGetPage(change->meta_buffer) + RG_PAGE_PAYLOAD_OFF);
	const HyMeta *new = &change->meta;
	int last = HY_COLUMNS_MAX;

	change->meta.generation = old->generation + (entries ? 1 : 0);
	hy_patch_begin(patch);
	hy_patch_add(patch, RG_PAGE_PAYLOAD_OFF, new, offsetof(HyMeta, column_units));
	while (last > 0 && new->column_units[last - 1] == old->column_units[last - 1])
		last--;
	if (last > 0)
		hy_patch_add(patch, RG_PAGE_PAYLOAD_OFF + offsetof(HyMeta, column_units), new->column_units,
					 (uint32) (last * sizeof(uint32)));
	if (memcmp(&new->report, &old->report, sizeof(HyFreezeReport)) != 0)
		hy_patch_add(patch, RG_PAGE_PAYLOAD_OFF + offsetof(HyMeta, report), &new->report,
					 sizeof(HyFreezeReport));
}

static void
add_others(const HyChange *change, OmWal *wal)
{
	for (int i = 0; i < change->other_count; i++)
		hy_patch_add_to_wal(wal, change->other_buffers[i], change->other_patches[i], false);
}

void
hy_change_commit(HyChange *change, HyRecord record, BlockNumber block, const uint32 *slots,
				 const HyEntry *entries, int count)
{
	OmWal wal;
	HyPatch *meta_patch = palloc(sizeof(HyPatch));
	HyPatch *entry_patch = palloc(sizeof(HyPatch));
	Buffer buffer = InvalidBuffer;
	BlockNumber next;

	om_wal_begin(&wal, change->rel, OM_WAL_HYBRID, (uint8) record);
	patch_meta(change, meta_patch, count > 0);
	hy_patch_add_to_wal(&wal, change->meta_buffer, meta_patch, false);
	if (count > 0)
	{
		buffer = hy_directory_page(change->rel, block);
		LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
		(void) hy_directory_entries(change->rel, buffer, &next);
		hy_patch_begin(entry_patch);
		for (int i = 0; i < count; i++)
			hy_patch_add(entry_patch, RG_PAGE_PAYLOAD_OFF + slots[i] * (uint32) sizeof(HyEntry),
						 &entries[i], sizeof(HyEntry));
		hy_patch_add_to_wal(&wal, buffer, entry_patch, false);
	}
	add_others(change, &wal);
	om_wal_commit(&wal);
	if (BufferIsValid(buffer))
		UnlockReleaseBuffer(buffer);
	pfree(meta_patch);
	pfree(entry_patch);
}

void
hy_change_swap(HyChange *change, const HyDirEntry *entries, int count)
{
	OmWal wal;
	HyPatch *meta_patch = palloc(sizeof(HyPatch));
	HyPatch *patches = palloc(2 * sizeof(HyPatch));
	Buffer buffers[2] = { InvalidBuffer, InvalidBuffer };
	int pages = 0;

	Assert(count <= HY_SWAP_ENTRIES);
	change->meta.moves++;
	change->meta.version = HY_VERSION;
	om_wal_begin(&wal, change->rel, OM_WAL_HYBRID, HY_REC_MOVE);
	patch_meta(change, meta_patch, true);
	hy_patch_add_to_wal(&wal, change->meta_buffer, meta_patch, false);
	/* nobody else locks two of them, for that takes the metapage's lock */
	for (int i = 0; i < count; i++)
	{
		int page = 0;

		while (page < pages && BufferGetBlockNumber(buffers[page]) != entries[i].block)
			page++;
		if (page == pages)
		{
			BlockNumber next;

			if (pages == 2)
				elog(ERROR, "more than %d directory pages in one change", pages);
			buffers[page] = hy_directory_page(change->rel, entries[i].block);
			LockBuffer(buffers[page], BUFFER_LOCK_EXCLUSIVE);
			(void) hy_directory_entries(change->rel, buffers[page], &next);
			hy_patch_begin(&patches[page]);
			pages++;
		}
		hy_patch_add(&patches[page],
					 RG_PAGE_PAYLOAD_OFF + entries[i].slot * (uint32) sizeof(HyEntry),
					 &entries[i].entry, sizeof(HyEntry));
	}
	for (int i = 0; i < pages; i++)
		hy_patch_add_to_wal(&wal, buffers[i], &patches[i], false);
	add_others(change, &wal);
	om_wal_commit(&wal);
	for (int i = 0; i < pages; i++)
		UnlockReleaseBuffer(buffers[i]);
	pfree(meta_patch);
	pfree(patches);
}

void
hy_change_read(HyChange *change, BlockNumber block, uint32 slot, HyEntry *entry)
{
	Buffer buffer = hy_directory_page(change->rel, block);
	BlockNumber next;

	LockBuffer(buffer, BUFFER_LOCK_SHARE);
	*entry = hy_directory_entries(change->rel, buffer, &next)[slot];
	UnlockReleaseBuffer(buffer);
}

bool
hy_change_is(HyChange *change, const HyDirEntry *entry)
{
	HyEntry now;

	hy_change_read(change, entry->block, entry->slot, &now);
	return memcmp(&now, &entry->entry, sizeof(now)) == 0;
}

bool
hy_change_find_empty(HyChange *change, BlockNumber *block, uint32 *slot)
{
	BlockNumber at = change->meta.directory_hint;
	bool first = true;
	uint32 index = 0;

	while (at != InvalidBlockNumber)
	{
		Buffer buffer = hy_directory_page(change->rel, at);
		BlockNumber next;
		const HyEntry *entries;

		LockBuffer(buffer, BUFFER_LOCK_SHARE);
		entries = hy_directory_entries(change->rel, buffer, &next);
		/* the hint may be any page of the chain */
		if (first)
			index = hy_page_header((const char *) BufferGetPage(buffer))->index;
		first = false;
		hy_check_position(change->rel, buffer, index++);
		for (uint32 i = 0; i < HY_ENTRIES_PER_PAGE; i++)
			if (entries[i].state == HY_EMPTY)
			{
				UnlockReleaseBuffer(buffer);
				*block = at;
				*slot = i;
				change->meta.directory_hint = at;
				return true;
			}
		UnlockReleaseBuffer(buffer);
		at = next;
	}
	return false;
}

bool
hy_change_find_empty_on(HyChange *change, BlockNumber block, uint32 *slot)
{
	for (*slot = 0; *slot < HY_ENTRIES_PER_PAGE; (*slot)++)
	{
		HyEntry entry;

		hy_change_read(change, block, *slot, &entry);
		if (entry.state == HY_EMPTY)
			return true;
	}
	return false;
}

void
hy_directory_extend(Relation rel)
{
	HyChange change;
	OmWal wal;
	HyPatch *meta_patch = palloc(sizeof(HyPatch));
	HyPatch *page_patch = palloc(sizeof(HyPatch));
	HyPatch *tail_patch = palloc(sizeof(HyPatch));
	Buffer buffer;
	Buffer tail = InvalidBuffer;
	BlockNumber block;
	uint32 index = 0;
	HyEntry entry = { .state = HY_SYSTEM, .pages = 1 };

	buffer = om_extend_run(rel);
	block = BufferGetBlockNumber(buffer);
	hy_change_begin(&change, rel);
	if (change.meta.directory_tail != InvalidBlockNumber)
	{
		BlockNumber next;

		tail = hy_directory_page(rel, change.meta.directory_tail);
		LockBuffer(tail, BUFFER_LOCK_EXCLUSIVE);
		(void) hy_directory_entries(rel, tail, &next);
		if (next != InvalidBlockNumber)
			hy_corrupted(rel, change.meta.directory_tail, "last directory page has a successor");
		index = hy_page_header((const char *) BufferGetPage(tail))->index + 1;
		hy_patch_begin(tail_patch);
		hy_patch_add(tail_patch, RG_PAGE_HEADER_OFF + offsetof(RgPageHeader, next), &block,
					 sizeof(block));
	}
	else
		change.meta.directory_head = block;
	change.meta.directory_tail = block;
	change.meta.directory_hint = block;
	change.meta.opaque_pages++;

	entry.start = block;
	entry.dead_bitmap = entry.row_map = entry.number_map = InvalidBlockNumber;
	hy_patch_begin_init(page_patch, RG_PAGE_DIRECTORY, index);
	hy_patch_add(page_patch, RG_PAGE_PAYLOAD_OFF, &entry, sizeof(entry));

	om_wal_begin(&wal, rel, OM_WAL_HYBRID, HY_REC_DIRECTORY);
	patch_meta(&change, meta_patch, true);
	hy_patch_add_to_wal(&wal, change.meta_buffer, meta_patch, false);
	hy_patch_add_to_wal(&wal, buffer, page_patch, true);
	if (BufferIsValid(tail))
		hy_patch_add_to_wal(&wal, tail, tail_patch, false);
	om_wal_commit(&wal);

	if (BufferIsValid(tail))
		UnlockReleaseBuffer(tail);
	hy_change_end(&change);
	UnlockReleaseBuffer(buffer);
	pfree(meta_patch);
	pfree(page_patch);
	pfree(tail_patch);
}

/* the page of the chain whose successor is `block`: exclusively locked, or InvalidBuffer if it is the first */
static Buffer
lock_predecessor(HyChange *change, BlockNumber block)
{
	BlockNumber at = change->meta.directory_head;
	uint32 index = 0;

	while (at != block)
	{
		Buffer buffer = hy_directory_page(change->rel, at);
		BlockNumber next;

		LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
		(void) hy_directory_entries(change->rel, buffer, &next);
		hy_check_position(change->rel, buffer, index++);
		if (next == block)
			return buffer;
		UnlockReleaseBuffer(buffer);
		if (next == InvalidBlockNumber)
			hy_corrupted(change->rel, block, "directory page is not in the chain");
		at = next;
	}
	return InvalidBuffer;
}

/* the page as it will be at `target`; false if one of its entries is being loaded */
static bool
copy_directory_page(HyChange *change, BlockNumber block, BlockNumber target, HyPatch *patch)
{
	Buffer buffer = hy_directory_page(change->rel, block);
	HyEntry entries[HY_ENTRIES_PER_PAGE];
	BlockNumber next;
	uint32 index;
	bool listed = false;

	/* nobody changes it as long as we have the metapage */
	LockBuffer(buffer, BUFFER_LOCK_SHARE);
	memcpy(entries, hy_directory_entries(change->rel, buffer, &next), sizeof(entries));
	index = hy_page_header((const char *) BufferGetPage(buffer))->index;
	UnlockReleaseBuffer(buffer);
	for (uint32 i = 0; i < HY_ENTRIES_PER_PAGE; i++)
	{
		/* who loads it knows it by its place */
		if (entries[i].state == HY_LOADING)
			return false;
		if (entries[i].state == HY_SYSTEM && entries[i].start == block)
		{
			entries[i].start = target;
			listed = true;
		}
	}
	if (!listed)
		hy_corrupted(change->rel, block, "directory page does not list itself");
	hy_patch_begin_init(patch, RG_PAGE_DIRECTORY, index);
	hy_patch_add(patch, RG_PAGE_HEADER_OFF + offsetof(RgPageHeader, next), &next, sizeof(next));
	hy_patch_add(patch, RG_PAGE_PAYLOAD_OFF, entries, sizeof(entries));
	return true;
}

static void
replace_pointer(uint32 *pointer, BlockNumber from, BlockNumber to)
{
	if (*pointer == from)
		*pointer = to;
}

bool
hy_directory_move(Relation rel, BlockNumber block, Buffer target)
{
	BlockNumber to = BufferGetBlockNumber(target);
	HyPatch *patches = palloc(3 * sizeof(HyPatch));
	HyChange change;
	bool movable;

	hy_change_begin(&change, rel);
	movable = copy_directory_page(&change, block, to, &patches[0]) &&
			  ConditionalLockBufferForCleanup(target);
	if (movable && !hy_page_is_empty(BufferGetPage(target)))
	{
		LockBuffer(target, BUFFER_LOCK_UNLOCK);
		movable = false;
	}
	if (movable)
	{
		OmWal wal;
		Buffer predecessor = lock_predecessor(&change, block);

		replace_pointer(&change.meta.directory_head, block, to);
		replace_pointer(&change.meta.directory_tail, block, to);
		replace_pointer(&change.meta.directory_hint, block, to);
		change.meta.moves++;
		change.meta.version = HY_VERSION;
		om_wal_begin(&wal, rel, OM_WAL_HYBRID, HY_REC_DIRECTORY);
		patch_meta(&change, &patches[1], true);
		hy_patch_add_to_wal(&wal, change.meta_buffer, &patches[1], false);
		hy_patch_add_to_wal(&wal, target, &patches[0], true);
		if (BufferIsValid(predecessor))
		{
			hy_patch_begin(&patches[2]);
			hy_patch_add(&patches[2], RG_PAGE_HEADER_OFF + offsetof(RgPageHeader, next), &to,
						 sizeof(to));
			hy_patch_add_to_wal(&wal, predecessor, &patches[2], false);
		}
		om_wal_commit(&wal);
		if (BufferIsValid(predecessor))
			UnlockReleaseBuffer(predecessor);
		LockBuffer(target, BUFFER_LOCK_UNLOCK);
	}
	hy_change_end(&change);
	pfree(patches);
	return movable;
}
