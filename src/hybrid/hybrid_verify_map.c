/*
 * hybrid_verify_map.c
 *		omendb.check(): see hybrid_verify_map.h, and README.md, "Headers".
 *
 * A row map has no check sum, and an entry whose header is gone says that the row is
 * dead.  So damage is looked for from both ends: entries of a map must be possible,
 * and a header must be found by the map of its group.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/transam.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "storage/procarray.h"
#include "utils/rel.h"

#include "hybrid/hybrid_header.h"
#include "hybrid/hybrid_map.h"
#include "hybrid/hybrid_verify_map.h"
#include "hybrid/hybrid_visible.h"
#include "hybrid/hybrid_wal.h"

/* a header of the page being checked */
typedef struct FoundHeader
{
	uint64 row;
	OffsetNumber offset;
	TransactionId maker;
	TransactionId changer; /* of the row; invalid: nobody, or not known */
} FoundHeader;

void
hy_map_check_begin(HyMapCheck *check, Relation rel, BufferAccessStrategy strategy,
				   const HyDirEntry *entries, uint32 count)
{
	check->rel = rel;
	check->strategy = strategy;
	check->entries = entries;
	check->count = count;
	check->any = check->sorted = false;
	check->claim_count = 0;
	check->claim_room = 256;
	check->claims = palloc(check->claim_room * sizeof(HyMapClaim));
	check->page = palloc(BLCKSZ);
	check->runs = MemoryContextAllocHuge(CurrentMemoryContext, ((Size) count + 1) * sizeof(HyRun));
	check->runs[0] = (HyRun){ 0, 1 };
	check->run_count = 1;
	for (uint32 i = 0; i < count; i++)
	{
		const HyEntry *entry = &entries[i].entry;
		HyRun *last = &check->runs[check->run_count - 1];

		/* some pages of an unfinished run may be hot */
		if (entry->state == HY_LOADING && (entry->flags & HY_FLAG_WHOLE) == 0)
			continue;
		/* overlaps are damage, and reported as that */
		if (entry->start <= last->end)
			last->end = Max(last->end, entry->start + entry->pages);
		else
			check->runs[check->run_count++] = (HyRun){ entry->start, entry->start + entry->pages };
	}
}

BlockNumber
hy_map_check_hot_block(const HyMapCheck *check, BlockNumber block)
{
	BlockNumber nblocks = RelationGetNumberOfBlocks(check->rel);
	uint32 run = hy_directory_run_after(check->runs, check->run_count, block);

	if (run < check->run_count && check->runs[run].start <= block)
		block = check->runs[run].end;
	return block < nblocks ? block : InvalidBlockNumber;
}

/* ---- maps ---- */

static const char *
copy_page(HyMapCheck *check, BlockNumber block, char *copy)
{
	Buffer buffer =
		ReadBufferExtended(check->rel, MAIN_FORKNUM, block, RBM_NORMAL, check->strategy);

	LockBuffer(buffer, BUFFER_LOCK_SHARE);
	memcpy(copy, BufferGetPage(buffer), BLCKSZ);
	UnlockReleaseBuffer(buffer);
	return copy + RG_PAGE_PAYLOAD_OFF;
}

static void
note_claim(HyMapCheck *check, const ItemPointerData *tid, uint64 row)
{
	if (check->claim_count == check->claim_room)
	{
		check->claim_room *= 2;
		check->claims = repalloc_huge(check->claims, check->claim_room * sizeof(HyMapClaim));
	}
	check->claims[check->claim_count++] = (HyMapClaim){ *tid, row };
}

static int
compare_claims(const void *a, const void *b)
{
	return ItemPointerCompare(unconstify(ItemPointerData *, &((const HyMapClaim *) a)->tid),
							  unconstify(ItemPointerData *, &((const HyMapClaim *) b)->tid));
}

/* does a map say that the header of another row is there? */
static bool
is_contested(HyMapCheck *check, const ItemPointerData *tid, uint64 row)
{
	uint64 low = 0;
	uint64 high = check->claim_count;

	if (!check->sorted)
		qsort(check->claims, check->claim_count, sizeof(HyMapClaim), compare_claims);
	check->sorted = true;
	while (low < high)
	{
		uint64 middle = low + (high - low) / 2;

		if (ItemPointerCompare(&check->claims[middle].tid, unconstify(ItemPointerData *, tid)) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < check->claim_count &&
		   ItemPointerEquals(&check->claims[low].tid, unconstify(ItemPointerData *, tid));
		 low++)
		if (check->claims[low].row != row)
			return true;
	return false;
}

/* is there such a block, or was there one before the file was cut? */
static bool
may_have_held_headers(Relation rel, BlockNumber block)
{
	HyMeta meta;

	if (block == 0 || block >= HY_COLD_BLOCK)
		return false;
	return hy_block_exists(rel, block) ||
		   (hy_meta_read(rel, &meta) && meta.cut_at != 0 && block >= meta.cut_at);
}

/*
 * true: an entry, of this row; it must lead to a place where a header may stand, or may have stood: behind a VACUUM that did not
 * come to its end the page may have been cut off, or become one of a row group, before the entry was folded
 */
static bool
check_tid(HyMapCheck *check, BlockNumber block, const uint16 stored[3], uint64 row)
{
	ItemPointerData tid;
	BlockNumber at;

	memcpy(&tid, stored, sizeof(tid));
	if (ItemPointerGetOffsetNumberNoCheck(&tid) == InvalidOffsetNumber)
		return false;
	at = ItemPointerGetBlockNumberNoCheck(&tid);
	if (hy_tid_is_dead(&tid) && ItemPointerGetOffsetNumberNoCheck(&tid) == HY_DEAD_OFFSET)
		return true;
	if (ItemPointerGetOffsetNumberNoCheck(&tid) > MaxHeapTuplesPerPage ||
		!may_have_held_headers(check->rel, at))
		hy_corrupted(check->rel, block, "row map leads to a place where no header can be");
	note_claim(check, &tid, row);
	return true;
}

static bool
is_zero(const void *bytes, Size size)
{
	const char *c = bytes;

	return size == 0 || (c[0] == 0 && memcmp(c, c + 1, size - 1) == 0);
}

static bool
lists_map(const HyDirEntry *entries, uint32 count, const HyEntry *group, BlockNumber dense)
{
	for (uint32 i = 0; i < count; i++)
		if (entries[i].entry.state == HY_MAP && entries[i].entry.start == dense &&
			entries[i].entry.group_id == group->group_id)
			return true;
	return false;
}

static int
compare_rows(const void *a, const void *b)
{
	uint32 x = *(const uint32 *) a;
	uint32 y = *(const uint32 *) b;

	return x < y ? -1 : x > y;
}

/* rows of the list that have a header, sorted; their number */
static uint32
check_list(HyMapCheck *check, const HyEntry *group, const HyMapRoot *root, uint32 *rows)
{
	BlockNumber block = group->row_map;
	uint32 live = 0;

	if (root->count > HY_MAP_ROWS)
		hy_corrupted(check->rel, block, "row map has too many entries");
	if (root->reserved1 != 0 ||
		!is_zero(&root->rows[root->count], sizeof(root->rows[0]) * (HY_MAP_ROWS - root->count)) ||
		!is_zero(root->tids[root->count], sizeof(root->tids[0]) * (HY_MAP_ROWS - root->count)))
		hy_corrupted(check->rel, block, "row map has something behind its last entry");
	for (uint32 i = 0; i < root->count; i++)
	{
		if (root->rows[i] >= hy_span(group))
			hy_corrupted(check->rel, block, "row map names a row that the group does not have");
		if (check_tid(check, block, root->tids[i], group->first_row + root->rows[i]))
			rows[live++] = root->rows[i];
	}
	if (root->count - live > root->removals)
		hy_corrupted(check->rel, block, "row map has lost an entry");
	qsort(rows, live, sizeof(uint32), compare_rows);
	for (uint32 i = 1; i < live; i++)
		if (rows[i - 1] == rows[i])
			hy_corrupted(check->rel, block, "row map names a row twice");
	return live;
}

/* has the group another root by now?  Then the directory, which was read before, leads there. */
static bool
is_superseded(HyMapCheck *check, const HyEntry *group, const HyMapRoot *root)
{
	HyEntry now = *group;

	if ((root->flags & ~HY_MAP_FLAGS_VALID) != 0)
		hy_corrupted(check->rel, group->row_map, "row map has unknown flags");
	if ((root->flags & HY_MAP_SUPERSEDED) == 0)
		return false;
	/* an error if the directory of now leads there */
	(void) hy_map_renew(check->rel, &now, group->first_row);
	return true;
}

static void
check_root(HyMapCheck *check, const HyEntry *group)
{
	PGAlignedBlock copy;
	const HyMapRoot *root = (const HyMapRoot *) copy_page(check, group->row_map, copy.data);
	uint32 *rows = palloc(HY_MAP_ROWS * sizeof(uint32));
	BlockNumber dense = root->dense;

	/* on a standby the group may have moved since the directory was read */
	if (is_superseded(check, group, root))
		return;
	(void) check_list(check, group, root, rows);
	pfree(rows);
	check->any = check->any || root->count > 0;
	if (dense == InvalidBlockNumber)
	{
		/* the directory was read before the root */
		for (uint32 i = 0; i < check->count; i++)
			if (check->entries[i].entry.state == HY_MAP &&
				check->entries[i].entry.group_id == group->group_id)
				hy_corrupted(check->rel, group->row_map, "row map does not name its dense part");
		return;
	}
	if (root->count < HY_MAP_ROWS)
		hy_corrupted(check->rel, group->row_map, "row map has a dense part too early");
	/* it may have got one since the directory was read */
	if (!lists_map(check->entries, check->count, group, dense))
	{
		const HyDirectory *dir = hy_directory(check->rel);

		if (!lists_map(dir->entries, dir->entry_count, group, dense))
			hy_corrupted(check->rel, group->row_map, "row map names another run as its dense part");
	}
}

static void
check_dense_page(HyMapCheck *check, const HyEntry *group, BlockNumber block, uint32 vector,
				 const uint32 *rows, uint32 live)
{
	const HyMapDense *page = (const HyMapDense *) copy_page(check, block, check->page);
	uint32 gone = 0;

	if (page->reserved != 0)
		hy_corrupted(check->rel, block, "page of a row map has a reserved field set");
	for (uint32 i = 0; i < COL_VECTOR_ROWS; i++)
	{
		uint64 row = (uint64) vector * COL_VECTOR_ROWS + i;
		uint32 number = (uint32) row;

		if (!check_tid(check, block, page->tids[i], group->first_row + row))
		{
			gone += !is_zero(page->tids[i], sizeof(page->tids[i]));
			continue;
		}
		if (row >= hy_span(group))
			hy_corrupted(check->rel, block, "row map names a row that the group does not have");
		if (bsearch(&number, rows, live, sizeof(uint32), compare_rows) != NULL)
			hy_corrupted(check->rel, block, "row map names a row twice");
	}
	if (gone > page->removals)
		hy_corrupted(check->rel, block, "row map has lost an entry");
}

static void
check_dense(HyMapCheck *check, const HyEntry *map)
{
	const HyEntry *group = NULL;
	PGAlignedBlock copy;
	const HyMapRoot *root;
	uint32 *rows;
	uint32 live;

	for (uint32 i = 0; i < check->count; i++)
		if (check->entries[i].entry.state == HY_GROUP &&
			check->entries[i].entry.group_id == map->group_id)
			group = &check->entries[i].entry;
	/* VACUUM frees the map of a group that is gone, and who reads the root of one that is damaged complains */
	if (group == NULL || group->row_map - group->start >= group->pages)
		return;
	root = (const HyMapRoot *) copy_page(check, group->row_map, copy.data);
	if (root->count > HY_MAP_ROWS || is_superseded(check, group, root))
		return;
	if (root->dense != map->start || map->first_row != group->first_row)
		hy_corrupted(check->rel, map->start,
					 "dense part of a row map belongs to another row group");
	if ((uint64) map->pages * COL_VECTOR_ROWS < hy_span(group))
		hy_corrupted(check->rel, map->start, "dense part of a row map is too short");
	rows = palloc(HY_MAP_ROWS * sizeof(uint32));
	live = check_list(check, group, root, rows);
	for (uint32 i = 0; i < map->pages; i++)
	{
		CHECK_FOR_INTERRUPTS();
		check_dense_page(check, group, map->start + i, i, rows, live);
	}
	pfree(rows);
}

void
hy_map_check_entry(HyMapCheck *check, const HyEntry *entry)
{
	if (entry->state == HY_MAP)
		check_dense(check, entry);
	else if (entry->state == HY_GROUP && entry->row_map != InvalidBlockNumber)
		check_root(check, entry);
}

/* ---- headers ---- */

/* is it certain that this transaction has committed? */
static bool
has_committed(Relation rel, TransactionId xid)
{
	/* clog need not reach back further */
	return TransactionIdIsNormal(xid) &&
		   TransactionIdFollowsOrEquals(xid, rel->rd_rel->relfrozenxid) &&
		   TransactionIdPrecedes(xid, XidFromFullTransactionId(ReadNextFullTransactionId())) &&
		   !TransactionIdIsInProgress(xid) && TransactionIdDidCommit(xid);
}

/* who changed the row of a header, if that is easily told; else none */
static TransactionId
changer_of(const HeapTupleHeaderData *tuple)
{
	if ((tuple->t_infomask & (HEAP_XMAX_INVALID | HEAP_XMAX_IS_MULTI)) != 0 ||
		HEAP_XMAX_IS_LOCKED_ONLY(tuple->t_infomask))
		return InvalidTransactionId;
	return HeapTupleHeaderGetRawXmax(tuple);
}

static int
collect_headers(HyMapCheck *check, Buffer buffer, FoundHeader *found)
{
	Page page = BufferGetPage(buffer);
	OffsetNumber lines = PageIsNew(page) ? 0 : PageGetMaxOffsetNumber(page);
	int count = 0;

	/* a damaged page, which is heap's to complain about */
	if (lines > MaxHeapTuplesPerPage)
		return 0;
	for (OffsetNumber offset = FirstOffsetNumber; offset <= lines; offset++)
	{
		ItemId item = PageGetItemId(page, offset);
		HeapTupleHeader tuple;

		if (!ItemIdIsNormal(item))
			continue;
		tuple = (HeapTupleHeader) PageGetItem(page, item);
		if (!hy_tuple_is_header(tuple))
			continue;
		if (!hy_header_intact(tuple, ItemIdGetLength(item)))
			hy_corrupted(check->rel, BufferGetBlockNumber(buffer),
						 "header of a cold row is damaged");
		found[count++] = (FoundHeader){ .row = hy_header_row(tuple),
										.offset = offset,
										.maker = HeapTupleHeaderGetRawXmin(tuple),
										.changer = changer_of(tuple) };
	}
	return count;
}

/*
 * Does the map of the row's group lead elsewhere, although it once led here?  It need not if the row is as it was: there was a crash or
 * an error before the entry was made, or a crash behind its removal.
 */
static bool
is_lost(HyMapCheck *check, BlockNumber block, const FoundHeader *header)
{
	const HyDirEntry *found = hy_directory_find(hy_directory(check->rel), header->row);
	HyMapAnswer answer;
	ItemPointerData here;
	HyEntry entry;

	ItemPointerSet(&here, block, header->offset);
	if (found == NULL || found->entry.row_map == InvalidBlockNumber ||
		hy_entry_fate(&found->entry) == HY_FATE_ABORTED)
		return false;
	entry = found->entry;
	answer = hy_map_find(check->rel, &entry, (uint32) (header->row - entry.first_row));
	/* on a standby the group may have moved meanwhile, and nobody can tell */
	if (answer.superseded)
		return false;
	if ((answer.found && ItemPointerEquals(&answer.tid, &here)) ||
		!has_committed(check->rel, header->maker))
		return false;
	return has_committed(check->rel, header->changer) || is_contested(check, &here, header->row) ||
		   hy_row_is_gone(check->rel, &entry, header->row);
}

void
hy_map_check_headers(HyMapCheck *check, BlockNumber block)
{
	FoundHeader *found = palloc(MaxHeapTuplesPerPage * sizeof(FoundHeader));
	Buffer buffer =
		ReadBufferExtended(check->rel, MAIN_FORKNUM, block, RBM_NORMAL, check->strategy);
	int count;

	LockBuffer(buffer, BUFFER_LOCK_SHARE);
	count = collect_headers(check, buffer, found);
	UnlockReleaseBuffer(buffer);
	for (int i = 0; i < count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (is_lost(check, block, &found[i]))
		{
			StringInfoData text;

			initStringInfo(&text);
			appendStringInfo(&text, "row map does not lead to the header of row " UINT64_FORMAT,
							 found[i].row);
			hy_corrupted(check->rel, block, text.data);
		}
	}
	pfree(found);
}
