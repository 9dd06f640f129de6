/*
 * hybrid_write.c
 *		Write a row group: reserve a run of pages, fill them, publish the entry.
 *		README.md, "Writing a group", says what a crash leaves behind.
 */
#include "postgres.h"

#include "access/transam.h"
#include "access/visibilitymap.h"
#include "access/xact.h"
#include "access/xloginsert.h"
#include "catalog/catalog.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/bufmgr.h"
#include "storage/lmgr.h"
#include "storage/predicate.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "base/pg_compat.h"
#include "base/stop_point.h"
#include "codec/column.h"
#include "hybrid/hybrid_directory.h"
#include "hybrid/hybrid_map.h"
#include "hybrid/hybrid_space.h"
#include "hybrid/hybrid_wal.h"
#include "hybrid/hybrid_write.h"

/* keep the metapage's oldest xid true */
static void
note_xid(HyMeta *meta, TransactionId xid)
{
	if (TransactionIdIsNormal(xid) &&
		(!TransactionIdIsNormal(meta->oldest_xid) || TransactionIdPrecedes(xid, meta->oldest_xid)))
		meta->oldest_xid = xid;
}

static void
init_entry(HyEntry *entry, HyChange *change, const HyOwner *owner)
{
	note_xid(&change->meta, owner->writer);
	memset(entry, 0, sizeof(*entry));
	entry->state = HY_LOADING;
	entry->group_id = owner->group_id != 0 ? owner->group_id : change->meta.next_group_id++;
	entry->xmin = owner->writer;
	entry->dead_bitmap = entry->row_map = entry->number_map = InvalidBlockNumber;
}

/* the full xid of one that was given out not long ago */
static uint64
full_xid(TransactionId xid)
{
	FullTransactionId next = ReadNextFullTransactionId();
	uint32 epoch = EpochFromFullTransactionId(next);

	if (xid > XidFromFullTransactionId(next))
		epoch--;
	return U64FromFullTransactionId(FullTransactionIdFromEpochAndXid(epoch, xid));
}

/* Who may still read the pages of an aborted group looked at them by a snapshot (SnapshotDirty) from when it was running. */
void
hy_make_free(HyEntry *entry, uint32 pages)
{
	HyEntry freed = { .state = HY_FREE, .start = entry->start, .pages = pages };

	if (entry->state == HY_GROUP && TransactionIdIsNormal(entry->xmin))
		freed.safe_xid = full_xid(entry->xmin);

	freed.dead_bitmap = freed.row_map = freed.number_map = InvalidBlockNumber;
	*entry = freed;
}

void
hy_make_free_read(HyEntry *entry)
{
	hy_make_free(entry, entry->pages);
	entry->flags = HY_FLAG_READ;
	entry->safe_xid = U64FromFullTransactionId(ReadNextFullTransactionId());
}

/*
 * Smallest free run of at least `pages` pages that nobody can still be reading; or the one that begins at `start`, if that
 * is a block
 */
static const HyDirEntry *
find_free(Relation rel, const HyDirectory *dir, uint32 pages, BlockNumber start)
{
	const HyDirEntry *best = NULL;

	for (uint32 i = dir->group_count; i < dir->entry_count; i++)
	{
		const HyEntry *entry = &dir->entries[i].entry;

		if (entry->state != HY_FREE || entry->pages < pages ||
			(best != NULL && entry->pages >= best->entry.pages) ||
			(start != InvalidBlockNumber && entry->start != start))
			continue;
		if (entry->safe_xid != 0 &&
			!GlobalVisCheckRemovableFullXid(rel, FullTransactionIdFromU64(entry->safe_xid)))
			continue;
		best = &dir->entries[i];
	}
	return best;
}

/* step 1, from a free run, whichever or the one at `start`; false if there is none */
static bool
reserve_free(Relation rel, uint32 pages, BlockNumber start, const HyOwner *owner,
			 HyReserved *reserved)
{
	HyMeta meta;

	/* or every group of a long load would read the whole directory */
	if (!hy_meta_read(rel, &meta) || meta.free_pages < pages)
		return false;
	for (;;)
	{
		const HyDirectory *dir = hy_directory(rel);
		uint64 moves = dir->moves;
		const HyDirEntry *found = find_free(rel, dir, pages, start);
		HyDirEntry run;
		HyChange change;
		HyEntry entries[2];
		uint32 slots[2];
		int count = 1;
		BlockNumber block;

		if (found == NULL)
			return false;
		run = *found;
		/* on a standby somebody may still be reading these pages */
		if ((run.entry.flags & HY_FLAG_READ) != 0)
			om_log_conflict_full(rel, FullTransactionIdFromU64(run.entry.safe_xid),
								 RelationIsAccessibleInLogicalDecoding(rel));
		hy_change_begin(&change, rel);
		/* somebody else may have taken it, or its directory page may have moved; then we read again */
		if (change.meta.moves != moves || !hy_change_is(&change, &run))
		{
			hy_change_end(&change);
			continue;
		}
		slots[0] = run.slot;
		init_entry(&entries[0], &change, owner);
		entries[0].flags = HY_FLAG_WHOLE;
		entries[0].start = run.entry.start;
		entries[0].pages = run.entry.pages;
		if (run.entry.pages > pages &&
			(start != InvalidBlockNumber
				 ? hy_change_find_empty_on(&change, run.block, &slots[1])
				 : hy_change_find_empty(&change, &block, &slots[1]) && block == run.block))
		{
			/* the rest stays free; without a slot at hand the run keeps it */
			entries[1] = run.entry;
			entries[1].start += pages;
			entries[1].pages -= pages;
			entries[0].pages = pages;
			count = 2;
		}
		else if (run.entry.pages > pages && start != InvalidBlockNumber)
		{
			hy_change_end(&change);
			return false;
		}
		change.meta.free_pages -= entries[0].pages;
		hy_change_commit(&change, HY_REC_RESERVE, run.block, slots, entries, count);
		hy_change_end(&change);
		reserved->kind = HY_RUN_FREE;
		reserved->dir = run;
		reserved->dir.entry = entries[0];
		return true;
	}
}

/* make the reserved slot's entry that of a run whose pages are not ours yet, and end the change */
static void
log_reservation(HyChange *change, BlockNumber start, uint32 pages, const HyOwner *owner,
				HyReserved *reserved)
{
	init_entry(&reserved->dir.entry, change, owner);
	reserved->dir.entry.start = start;
	reserved->dir.entry.pages = pages;
	hy_change_commit(change, HY_REC_RESERVE, reserved->dir.block, &reserved->dir.slot,
					 &reserved->dir.entry, 1);
	hy_change_end(change);
}

/*
 * step 1 at the end of the file; the caller holds the extension lock.  False: there is no room on this page of the directory, which is
 * InvalidBlockNumber if any will do.
 */
static bool
reserve_end(Relation rel, uint32 pages, BlockNumber directory, const HyOwner *owner,
			HyReserved *reserved)
{
	HyChange change;
	BlockNumber start;

	hy_change_begin(&change, rel);
	if (directory != InvalidBlockNumber)
	{
		reserved->dir.block = directory;
		if (!hy_change_find_empty_on(&change, directory, &reserved->dir.slot))
		{
			hy_change_end(&change);
			return false;
		}
	}
	else
		while (!hy_change_find_empty(&change, &reserved->dir.block, &reserved->dir.slot))
		{
			hy_change_end(&change);
			hy_directory_extend(rel);
			hy_change_begin(&change, rel);
		}
	reserved->kind = HY_RUN_ADDED;
	start = RelationGetNumberOfBlocks(rel);
	if ((uint64) start + pages >= HY_COLD_BLOCK)
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
						errmsg("cannot extend table \"%s\" beyond %u blocks",
							   RelationGetRelationName(rel), (uint32) HY_COLD_BLOCK),
						errhint("Partition the table.")));
	log_reservation(&change, start, pages, owner, reserved);
	return true;
}

/* which is the pages that the stream takes */
uint32
hy_root_index(Size bytes)
{
	return (uint32) ((bytes + RG_PAGE_PAYLOAD - 1) / RG_PAGE_PAYLOAD);
}

/* one page of a group's run in an exclusively locked buffer */
static void
fill_page(Relation rel, Buffer buffer, const HyEntry *entry, uint32 index, const char *stream,
		  Size bytes)
{
	Page page = BufferGetPage(buffer);
	Size from = (Size) index * RG_PAGE_PAYLOAD;
	uint32 used = from < bytes ? (uint32) Min(bytes - from, RG_PAGE_PAYLOAD) : 0;
	bool is_map = index == hy_root_index(bytes);

	START_CRIT_SECTION();
	hy_page_init((char *) page, is_map ? RG_PAGE_MAP : RG_PAGE_DATA, index, entry->group_id);
	((RgPageHeader *) ((char *) page + RG_PAGE_HEADER_OFF))->used = used;
	if (is_map)
		hy_map_root_init((char *) page);
	else if (used > 0)
		memcpy((char *) page + RG_PAGE_PAYLOAD_OFF, stream + from, used);
	MarkBufferDirty(buffer);
	if (RelationNeedsWAL(rel))
		log_newpage_buffer(buffer, true);
	END_CRIT_SECTION();
}

/* rule P5: or else the first VACUUM would dirty every cold page */
void
hy_set_all_visible(Relation rel, BlockNumber start, uint32 pages)
{
	Buffer vm_buffer = InvalidBuffer;

	for (uint32 i = 0; i < pages; i++)
	{
		BlockNumber block = start + i;
		uint8 flags = VISIBILITYMAP_ALL_VISIBLE | VISIBILITYMAP_ALL_FROZEN;
		Buffer buffer;

		CHECK_FOR_INTERRUPTS();
		if (visibilitymap_get_status(rel, block, &vm_buffer) == flags)
			continue;
		visibilitymap_pin(rel, block, &vm_buffer);
		buffer = ReadBuffer(rel, block);
		LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
		visibilitymap_set(rel, block, buffer, InvalidXLogRecPtr, vm_buffer, InvalidTransactionId,
						  flags);
		UnlockReleaseBuffer(buffer);
	}
	if (BufferIsValid(vm_buffer))
		ReleaseBuffer(vm_buffer);
}

Buffer
hy_run_page(Relation rel, const HyReserved *reserved, uint32 i)
{
	BlockNumber block = reserved->dir.entry.start + i;
	Buffer buffer;

	switch (reserved->kind)
	{
		case HY_RUN_FREE:
			return ReadBufferExtended(rel, MAIN_FORKNUM, block, RBM_ZERO_AND_LOCK, NULL);
		case HY_RUN_ADDED:
			buffer = om_extend_run(rel);
			if (BufferGetBlockNumber(buffer) != block)
				elog(ERROR, "unexpected block %u added to table \"%s\" instead of %u",
					 BufferGetBlockNumber(buffer), RelationGetRelationName(rel), block);
			return buffer;
		case HY_RUN_HOT:
			break;
	}
	buffer = ReadBuffer(rel, block);
	if (ConditionalLockBufferForCleanup(buffer))
	{
		if (hy_page_is_empty(BufferGetPage(buffer)))
			return buffer;
		LockBuffer(buffer, BUFFER_LOCK_UNLOCK);
	}
	ReleaseBuffer(buffer);
	return InvalidBuffer;
}

/* step 2 */
static void
fill_run(Relation rel, const HyReserved *reserved, const char *stream, Size bytes)
{
	for (uint32 i = 0; i < reserved->dir.entry.pages; i++)
	{
		Buffer buffer;

		CHECK_FOR_INTERRUPTS();
		buffer = hy_run_page(rel, reserved, i);
		fill_page(rel, buffer, &reserved->dir.entry, i, stream, bytes);
		UnlockReleaseBuffer(buffer);
		STOP_POINT("hybrid_page_added");
	}
}

/* step 1; at the end of the file if need be, and then the extension lock is held */
static void
reserve(Relation rel, uint32 pages, const HyOwner *owner, HyReserved *reserved)
{
	if (reserve_free(rel, pages, InvalidBlockNumber, owner, reserved))
		return;
	LockRelationForExtension(rel, ExclusiveLock);
	(void) reserve_end(rel, pages, InvalidBlockNumber, owner, reserved);
}

void
hy_end_filling(Relation rel, const HyReserved *reserved)
{
	if (reserved->kind == HY_RUN_ADDED)
		UnlockRelationForExtension(rel, ExclusiveLock);
	hy_set_all_visible(rel, reserved->dir.entry.start, reserved->dir.entry.pages);
}

bool
hy_reserve_at(Relation rel, BlockNumber start, uint32 pages, bool hot, const HyOwner *owner,
			  HyReserved *reserved)
{
	const HyDirectory *dir = hy_directory(rel);
	HyChange change;

	if (start == InvalidBlockNumber)
	{
		reserve(rel, pages, owner, reserved);
		return true;
	}
	if (!hot)
		return reserve_free(rel, pages, start, owner, reserved);
	/* a loader that died may have left pages behind, and VACUUM has to find out how many */
	for (uint32 i = dir->group_count; i < dir->entry_count; i++)
		if (dir->entries[i].entry.state == HY_LOADING &&
			dir->entries[i].entry.start < start + pages &&
			start < dir->entries[i].entry.start + dir->entries[i].entry.pages)
			return false;
	hy_change_begin(&change, rel);
	if (!hy_change_find_empty(&change, &reserved->dir.block, &reserved->dir.slot))
	{
		/* not by a new page at the end of the file, which is what is to be given back; but runs moved before have left neighbours */
		hy_change_end(&change);
		hy_merge_free(rel);
		hy_change_begin(&change, rel);
		if (!hy_change_find_empty(&change, &reserved->dir.block, &reserved->dir.slot))
		{
			hy_change_end(&change);
			return false;
		}
	}
	reserved->kind = HY_RUN_HOT;
	log_reservation(&change, start, pages, owner, reserved);
	return true;
}

void
hy_put_page(Relation rel, Buffer buffer, const char *copy)
{
	const RgPageHeader *header = hy_page_header(copy);
	char *page = (char *) BufferGetPage(buffer);

	START_CRIT_SECTION();
	hy_page_init(page, (RgPageKind) header->kind, header->index, header->group_id);
	memcpy(page + RG_PAGE_HEADER_OFF, header, sizeof(*header));
	memcpy(page + RG_PAGE_PAYLOAD_OFF, copy + RG_PAGE_PAYLOAD_OFF, RG_PAGE_PAYLOAD);
	MarkBufferDirty(buffer);
	if (RelationNeedsWAL(rel))
		log_newpage_buffer(buffer, true);
	END_CRIT_SECTION();
}

void
hy_put_root(Relation rel, BlockNumber block, const char *copy)
{
	Buffer buffer = ReadBuffer(rel, block);

	LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
	hy_put_page(rel, buffer, copy);
	UnlockReleaseBuffer(buffer);
}

void
hy_reserve_undo(Relation rel, const HyReserved *reserved, uint32 written)
{
	bool whole = (reserved->dir.entry.flags & HY_FLAG_WHOLE) != 0;
	uint32 pages = whole ? reserved->dir.entry.pages : written;
	HyChange change;
	HyEntry entry = reserved->dir.entry;

	hy_change_begin(&change, rel);
	if (!hy_change_is(&change, &reserved->dir))
		hy_corrupted(rel, reserved->dir.block, "directory entry of a reserved run has changed");
	if (pages > 0)
		hy_make_free(&entry, pages);
	else
	{
		memset(&entry, 0, sizeof(entry));
		change.meta.directory_hint = change.meta.directory_head;
	}
	change.meta.free_pages += pages;
	if (!whole)
		change.meta.opaque_pages += pages;
	hy_change_commit(&change, HY_REC_VACUUM, reserved->dir.block, &reserved->dir.slot, &entry, 1);
	hy_change_end(&change);
}

/* the reserved entry under the directory's lock: it must be what it was */
static void
begin_publication(Relation rel, const HyReserved *reserved, HyChange *change)
{
	HyEntry now;

	hy_change_begin(change, rel);
	hy_change_read(change, reserved->dir.block, reserved->dir.slot, &now);
	if (now.state != HY_LOADING || now.group_id != reserved->dir.entry.group_id)
		elog(ERROR, "row group " UINT64_FORMAT " of table \"%s\" is not being loaded any more",
			 reserved->dir.entry.group_id, RelationGetRelationName(rel));
	if (!(now.flags & HY_FLAG_WHOLE))
		change->meta.opaque_pages += reserved->dir.entry.pages;
}

/* step 3 */
static void
publish(Relation rel, HyReserved *reserved, const char *stream, const HyOwner *owner)
{
	const RgHeader *header = (const RgHeader *) stream;
	const ColDesc *columns = (const ColDesc *) (stream + sizeof(RgHeader));
	HyEntry *entry = &reserved->dir.entry;
	HyChange change;

	begin_publication(rel, reserved, &change);
	if (change.meta.next_row + header->rows > HY_ROW_LIMIT)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("table \"%s\" has used up its row numbers", RelationGetRelationName(rel)),
				 errhint("Rewrite it with VACUUM FULL.")));
	entry->state = HY_GROUP;
	entry->flags = owner->frozen ? HY_FLAG_FROZEN : owner->freezer ? HY_FLAG_FREEZER : 0;
	entry->rows = header->rows;
	entry->first_row = change.meta.next_row;
	entry->xmin = owner->xmin;
	entry->cmin = owner->cmin;
	entry->stream_bytes = header->stream_bytes;
	entry->raw_bytes = header->raw_bytes;
	entry->row_map = entry->start + hy_root_index(header->stream_bytes);
	change.meta.next_row += TYPEALIGN64(HY_ROW_ALIGN, (uint64) header->rows);
	if (!owner->frozen)
		note_xid(&change.meta, owner->xmin);
	hy_meta_count_group(&change.meta, entry, 1);
	hy_meta_count_columns(&change.meta, columns, header->natts, 1);
	hy_change_commit(&change, HY_REC_PUBLISH, reserved->dir.block, &reserved->dir.slot, entry, 1);
	hy_change_end(&change);
}

bool
hy_reserve_on(Relation rel, BlockNumber directory, Size bytes, const HyOwner *owner,
			  HyReserved *reserved)
{
	if (directory == InvalidBlockNumber)
	{
		reserve(rel, hy_root_index(bytes) + 1, owner, reserved);
		return true;
	}
	LockRelationForExtension(rel, ExclusiveLock);
	if (reserve_end(rel, hy_root_index(bytes) + 1, directory, owner, reserved))
		return true;
	UnlockRelationForExtension(rel, ExclusiveLock);
	return false;
}

void
hy_write_stream(Relation rel, char *stream, Size bytes, const HyReserved *reserved)
{
	RgHeader *header = (RgHeader *) stream;

	header->group_id = reserved->dir.entry.group_id;
	header->crc = 0;
	header->crc = column_crc(stream, header->header_bytes);
	fill_run(rel, reserved, stream, bytes);
	hy_end_filling(rel, reserved);
}

HyEntry
hy_write_group(Relation rel, char *stream, Size bytes, const HyOwner *owner)
{
	RgHeader *header = (RgHeader *) stream;
	HyReserved reserved;

	reserve(rel, hy_root_index(bytes) + 1, owner, &reserved);
	/* from here on VACUUM has something to do, whether this succeeds or not: an abort makes them dead rows */
	pgstat_count_heap_insert(rel, header->rows);
	STOP_POINT("hybrid_reserved");
	hy_write_stream(rel, stream, bytes, &reserved);
	STOP_POINT("hybrid_pages_written");

	publish(rel, &reserved, stream, owner);
	return reserved.dir.entry;
}

void
hy_write_map(Relation rel, const HyEntry *group, uint32 offset)
{
	TransactionId xid = GetCurrentTransactionId();
	HyOwner owner = { .xmin = xid, .writer = xid, .group_id = group->group_id };
	uint32 pages = (hy_span(group) + COL_VECTOR_ROWS - 1) / COL_VECTOR_ROWS;
	HyReserved reserved;
	HyEntry *entry = &reserved.dir.entry;
	HyChange change;
	HyPatch patch;
	Buffer root;

	reserve(rel, pages, &owner, &reserved);
	STOP_POINT("hybrid_map_reserved");
	for (uint32 i = 0; i < entry->pages; i++)
	{
		Buffer buffer;
		OmWal wal;

		CHECK_FOR_INTERRUPTS();
		hy_patch_begin_init(&patch, RG_PAGE_MAP_DENSE, i);
		hy_patch_add(&patch, RG_PAGE_HEADER_OFF + offsetof(RgPageHeader, group_id),
					 &entry->group_id, sizeof(entry->group_id));
		buffer = hy_run_page(rel, &reserved, i);
		om_wal_begin(&wal, rel, OM_WAL_HYBRID, HY_REC_MAP_PAGE);
		hy_patch_add_to_wal(&wal, buffer, &patch, true);
		om_wal_commit(&wal);
		UnlockReleaseBuffer(buffer);
		STOP_POINT("hybrid_map_page_added");
	}
	hy_end_filling(rel, &reserved);
	STOP_POINT("hybrid_map_written");

	begin_publication(rel, &reserved, &change);
	entry->state = HY_MAP;
	entry->flags = 0;
	entry->xmin = InvalidTransactionId;
	entry->first_row = group->first_row;
	hy_patch_begin(&patch);
	hy_patch_add(&patch, offset, &entry->start, sizeof(entry->start));
	root = ReadBuffer(rel, group->row_map);
	LockBuffer(root, BUFFER_LOCK_EXCLUSIVE);
	if (hy_map_is_superseded(root))
	{
		/* in vain: the group has another root by now, and who wants the map will find that it has none */
		hy_make_free(entry, entry->pages);
		change.meta.free_pages += entry->pages;
	}
	else
		hy_change_add(&change, root, &patch);
	hy_change_commit(&change, HY_REC_MAP, reserved.dir.block, &reserved.dir.slot, entry, 1);
	UnlockReleaseBuffer(root);
	hy_change_end(&change);
	STOP_POINT("hybrid_map_published");
}

void
hy_group_published(Relation rel)
{
	STOP_POINT("hybrid_published");
	/* after publication: a reader that looked at the directory before it has locked the table by now */
	CheckForSerializableConflictIn(rel, NULL, InvalidBlockNumber);
}
