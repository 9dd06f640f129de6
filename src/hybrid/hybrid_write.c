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
#include "hybrid/hybrid_wal.h"
#include "hybrid/hybrid_write.h"

/* a run being filled, and its entry */
typedef struct HyReserved
{
	HyEntry entry;
	BlockNumber block;
	uint32 slot;
} HyReserved;

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

/* smallest free run of at least `pages` pages that nobody can still be reading */
static const HyDirEntry *
find_free(Relation rel, const HyDirectory *dir, uint32 pages)
{
	const HyDirEntry *best = NULL;

	for (uint32 i = dir->group_count; i < dir->entry_count; i++)
	{
		const HyEntry *entry = &dir->entries[i].entry;

		if (entry->state != HY_FREE || entry->pages < pages ||
			(best != NULL && entry->pages >= best->entry.pages))
			continue;
		if (entry->safe_xid != 0 &&
			!GlobalVisCheckRemovableFullXid(rel, FullTransactionIdFromU64(entry->safe_xid)))
			continue;
		best = &dir->entries[i];
	}
	return best;
}

/* step 1, from a free run; false if there is none */
static bool
reserve_free(Relation rel, uint32 pages, const HyOwner *owner, HyReserved *reserved)
{
	HyMeta meta;

	/* or every group of a long load would read the whole directory */
	if (!hy_meta_read(rel, &meta) || meta.free_pages < pages)
		return false;
	for (;;)
	{
		const HyDirEntry *found = find_free(rel, hy_directory(rel), pages);
		HyDirEntry run;
		HyChange change;
		HyEntry entries[2];
		HyEntry now;
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
		hy_change_read(&change, run.block, run.slot, &now);
		if (memcmp(&now, &run.entry, sizeof(now)) != 0)
		{
			/* somebody else took it; the generation has moved, so we read again */
			hy_change_end(&change);
			continue;
		}
		slots[0] = run.slot;
		init_entry(&entries[0], &change, owner);
		entries[0].flags = HY_FLAG_WHOLE;
		entries[0].start = run.entry.start;
		entries[0].pages = run.entry.pages;
		if (run.entry.pages > pages && hy_change_find_empty(&change, &block, &slots[1]) &&
			block == run.block)
		{
			/* the rest stays free; without a slot at hand the run keeps it */
			entries[1] = run.entry;
			entries[1].start += pages;
			entries[1].pages -= pages;
			entries[0].pages = pages;
			count = 2;
		}
		change.meta.free_pages -= entries[0].pages;
		hy_change_commit(&change, HY_REC_RESERVE, run.block, slots, entries, count);
		hy_change_end(&change);
		reserved->entry = entries[0];
		reserved->block = run.block;
		reserved->slot = run.slot;
		return true;
	}
}

/* step 1 at the end of the file; the caller holds the extension lock */
static void
reserve_end(Relation rel, uint32 pages, const HyOwner *owner, HyReserved *reserved)
{
	HyChange change;
	BlockNumber start;

	hy_change_begin(&change, rel);
	while (!hy_change_find_empty(&change, &reserved->block, &reserved->slot))
	{
		hy_change_end(&change);
		hy_directory_extend(rel);
		hy_change_begin(&change, rel);
	}
	start = RelationGetNumberOfBlocks(rel);
	if ((uint64) start + pages >= HY_COLD_BLOCK)
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
						errmsg("cannot extend table \"%s\" beyond %u blocks",
							   RelationGetRelationName(rel), (uint32) HY_COLD_BLOCK),
						errhint("Partition the table.")));
	init_entry(&reserved->entry, &change, owner);
	reserved->entry.start = start;
	reserved->entry.pages = pages;
	hy_change_commit(&change, HY_REC_RESERVE, reserved->block, &reserved->slot, &reserved->entry,
					 1);
	hy_change_end(&change);
}

/* pages that a stream takes; the root of the row map comes behind them */
static uint32
stream_pages(Size bytes)
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
	bool is_map = index == stream_pages(bytes);

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

/* page i of a run, exclusively locked: added, or one of a free run */
static Buffer
run_page(Relation rel, const HyEntry *entry, bool extend, uint32 i)
{
	Buffer buffer;

	if (!extend)
		return ReadBufferExtended(rel, MAIN_FORKNUM, entry->start + i, RBM_ZERO_AND_LOCK, NULL);
	buffer = om_extend_run(rel);
	if (BufferGetBlockNumber(buffer) != entry->start + i)
		elog(ERROR, "unexpected block %u added to table \"%s\" instead of %u",
			 BufferGetBlockNumber(buffer), RelationGetRelationName(rel), entry->start + i);
	return buffer;
}

/* step 2 */
static void
fill_run(Relation rel, const HyEntry *entry, bool extend, const char *stream, Size bytes)
{
	for (uint32 i = 0; i < entry->pages; i++)
	{
		Buffer buffer;

		CHECK_FOR_INTERRUPTS();
		buffer = run_page(rel, entry, extend, i);
		fill_page(rel, buffer, entry, i, stream, bytes);
		UnlockReleaseBuffer(buffer);
		STOP_POINT("hybrid_page_added");
	}
}

/* step 1; true: at the end of the file, and the extension lock is held */
static bool
reserve(Relation rel, uint32 pages, const HyOwner *owner, HyReserved *reserved)
{
	if (reserve_free(rel, pages, owner, reserved))
		return false;
	LockRelationForExtension(rel, ExclusiveLock);
	reserve_end(rel, pages, owner, reserved);
	return true;
}

/* the reserved entry under the directory's lock: it must be what it was */
static void
begin_publication(Relation rel, const HyReserved *reserved, HyChange *change)
{
	HyEntry now;

	hy_change_begin(change, rel);
	hy_change_read(change, reserved->block, reserved->slot, &now);
	if (now.state != HY_LOADING || now.group_id != reserved->entry.group_id)
		elog(ERROR, "row group " UINT64_FORMAT " of table \"%s\" is not being loaded any more",
			 reserved->entry.group_id, RelationGetRelationName(rel));
	if (!(now.flags & HY_FLAG_WHOLE))
		change->meta.opaque_pages += reserved->entry.pages;
}

/* step 3 */
static void
publish(Relation rel, HyReserved *reserved, const char *stream, const HyOwner *owner)
{
	const RgHeader *header = (const RgHeader *) stream;
	const ColDesc *columns = (const ColDesc *) (stream + sizeof(RgHeader));
	HyEntry *entry = &reserved->entry;
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
	entry->row_map = entry->start + stream_pages(header->stream_bytes);
	change.meta.next_row += TYPEALIGN64(HY_ROW_ALIGN, (uint64) header->rows);
	if (!owner->frozen)
		note_xid(&change.meta, owner->xmin);
	hy_meta_count_group(&change.meta, entry, 1);
	hy_meta_count_columns(&change.meta, columns, header->natts, 1);
	hy_change_commit(&change, HY_REC_PUBLISH, reserved->block, &reserved->slot, entry, 1);
	hy_change_end(&change);
}

HyEntry
hy_write_group(Relation rel, char *stream, Size bytes, const HyOwner *owner)
{
	RgHeader *header = (RgHeader *) stream;
	HyReserved reserved;
	bool extend = reserve(rel, stream_pages(bytes) + 1, owner, &reserved);

	/* from here on VACUUM has something to do, whether this succeeds or not: an abort makes them dead rows */
	pgstat_count_heap_insert(rel, header->rows);
	STOP_POINT("hybrid_reserved");

	header->group_id = reserved.entry.group_id;
	header->crc = 0;
	header->crc = column_crc(stream, header->header_bytes);
	fill_run(rel, &reserved.entry, extend, stream, bytes);
	if (extend)
		UnlockRelationForExtension(rel, ExclusiveLock);
	hy_set_all_visible(rel, reserved.entry.start, reserved.entry.pages);
	STOP_POINT("hybrid_pages_written");

	publish(rel, &reserved, stream, owner);
	return reserved.entry;
}

void
hy_write_map(Relation rel, const HyEntry *group, uint32 offset)
{
	TransactionId xid = GetCurrentTransactionId();
	HyOwner owner = { .xmin = xid, .writer = xid, .group_id = group->group_id };
	uint32 pages = (group->rows + COL_VECTOR_ROWS - 1) / COL_VECTOR_ROWS;
	HyReserved reserved;
	HyEntry *entry = &reserved.entry;
	HyChange change;
	HyPatch patch;
	bool extend = reserve(rel, pages, &owner, &reserved);

	for (uint32 i = 0; i < entry->pages; i++)
	{
		Buffer buffer;
		OmWal wal;

		CHECK_FOR_INTERRUPTS();
		hy_patch_begin_init(&patch, RG_PAGE_MAP_DENSE, i);
		hy_patch_add(&patch, RG_PAGE_HEADER_OFF + offsetof(RgPageHeader, group_id),
					 &entry->group_id, sizeof(entry->group_id));
		buffer = run_page(rel, entry, extend, i);
		om_wal_begin(&wal, rel, OM_WAL_HYBRID, HY_REC_MAP_PAGE);
		hy_patch_add_to_wal(&wal, buffer, &patch, true);
		om_wal_commit(&wal);
		UnlockReleaseBuffer(buffer);
		STOP_POINT("hybrid_map_page_added");
	}
	if (extend)
		UnlockRelationForExtension(rel, ExclusiveLock);
	hy_set_all_visible(rel, entry->start, entry->pages);
	STOP_POINT("hybrid_map_written");

	begin_publication(rel, &reserved, &change);
	entry->state = HY_MAP;
	entry->flags = 0;
	entry->xmin = InvalidTransactionId;
	entry->first_row = group->first_row;
	hy_patch_begin(&patch);
	hy_patch_add(&patch, offset, &entry->start, sizeof(entry->start));
	change.other_buffer = ReadBuffer(rel, group->row_map);
	change.other_patch = &patch;
	LockBuffer(change.other_buffer, BUFFER_LOCK_EXCLUSIVE);
	hy_change_commit(&change, HY_REC_MAP, reserved.block, &reserved.slot, entry, 1);
	UnlockReleaseBuffer(change.other_buffer);
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
