/*
 * hybrid_verify.c
 *		omendb.check(): every page, CRC, zone map, row map and counter of an omendb table.
 *
 * Hot pages are heap's and are left to amcheck's methods, but for headers of cold rows.  Damage is reported as
 * rows, one per row group or structure, so that one bad page does not hide the next.
 */
#include "postgres.h"

#include "access/relation.h"
#include "access/transam.h"
#include "access/xlog.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "base/pg_compat.h"
#include "hybrid/hybrid_am.h"
#include "hybrid/hybrid_directory.h"
#include "hybrid/hybrid_inspect.h"
#include "hybrid/hybrid_source.h"
#include "hybrid/hybrid_vacuum.h"
#include "hybrid/hybrid_verify_map.h"
#include "hybrid/hybrid_visible.h"
#include "hybrid/hybrid_wal.h"

PG_FUNCTION_INFO_V1(omendb_check);

/* tries at reading metapage and directory of one generation */
#define CONSISTENT_TRIES 100

typedef struct Check
{
	Relation rel;
	ReturnSetInfo *result;
	BufferAccessStrategy strategy;
	HyMeta meta;
	HyDirEntry *entries;
	uint32 count;
	HyMapCheck maps;
	HyMeta sums; /* counters as the groups say */
	bool sums_complete;
} Check;

static void
report(Check *check, BlockNumber block, const char *problem)
{
	Datum values[2] = { Int64GetDatum((int64) block), CStringGetTextDatum(problem) };
	bool nulls[2] = { block == InvalidBlockNumber, false };

	tuplestore_putvalues(check->result->setResult, check->result->setDesc, values, nulls);
}

/* kind that a page should have */
static RgPageKind
page_kind(const HyEntry *entry, BlockNumber block, const char *page)
{
	switch ((HyState) entry->state)
	{
		case HY_FREE: /* any */
			return (RgPageKind) hy_page_header(page)->kind;
		case HY_SYSTEM:
			return RG_PAGE_DIRECTORY;
		case HY_MAP:
			return RG_PAGE_MAP_DENSE;
		default:
			return entry->state == HY_GROUP && block == entry->row_map ? RG_PAGE_MAP : RG_PAGE_DATA;
	}
}

/* pages of a run: frame, and for groups whose they are */
static void
check_pages(Check *check, const HyEntry *entry, BlockNumber nblocks)
{
	for (uint32 i = 0; i < entry->pages; i++)
	{
		BlockNumber block = entry->start + i;
		const char *problem = NULL;
		Buffer buffer;

		CHECK_FOR_INTERRUPTS();
		if (block >= nblocks)
			hy_corrupted(check->rel, block, "directory lists pages behind the end of the file");
		buffer = ReadBufferExtended(check->rel, MAIN_FORKNUM, block, RBM_NORMAL, check->strategy);
		LockBuffer(buffer, BUFFER_LOCK_SHARE);
		problem = hy_page_check((const char *) BufferGetPage(buffer),
								page_kind(entry, block, (const char *) BufferGetPage(buffer)));
		if (problem == NULL && (entry->state == HY_GROUP || entry->state == HY_MAP) &&
			(hy_page_header((const char *) BufferGetPage(buffer))->group_id != entry->group_id ||
			 hy_page_header((const char *) BufferGetPage(buffer))->index != i))
			problem = "page belongs to another row group";
		if (problem == NULL && !PageIsAllVisible(BufferGetPage(buffer)))
			problem = "opaque page is not marked all-visible";
		UnlockReleaseBuffer(buffer);
		if (problem != NULL)
			hy_corrupted(check->rel, block, problem);
	}
}

static void
check_group(Check *check, const HyEntry *entry)
{
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "omendb check", ALLOCSET_DEFAULT_SIZES);
	HySource source;
	RgGroup *group;
	const RgHeader *header;

	hy_source_init(&source, check->rel, entry, check->strategy, context);
	group = rg_open(&source.base, entry->group_id, RelationGetDescr(check->rel), context);
	header = rg_header(group);
	if (header->rows != entry->rows || header->stream_bytes != entry->stream_bytes ||
		header->raw_bytes != entry->raw_bytes)
		hy_corrupted(check->rel, entry->start, "row group and its directory entry disagree");
	if (rg_has_numbers(group) != ((entry->flags & HY_FLAG_HOLES) != 0) ||
		(rg_has_numbers(group) && rg_row_number(group, header->rows - 1) >= entry->span))
		hy_corrupted(check->rel, entry->start,
					 "row group and its directory entry disagree about its row numbers");
	rg_verify(group);
	hy_meta_count_group(&check->sums, entry, 1);
	for (int i = 0; i < header->natts && i < HY_COLUMNS_MAX; i++)
		check->sums.column_units[i] += hy_column_units(rg_column(group, i));
	hy_source_release(&source);
	rg_close(group);
	MemoryContextDelete(context);
}

/* nobody will read its rows, but it counts until VACUUM frees it */
static void
check_aborted_group(Check *check, const HyEntry *entry)
{
	int count;
	ColDesc *columns = hy_read_columns(check->rel, entry, &count);

	hy_meta_count_group(&check->sums, entry, 1);
	if (columns != NULL)
		hy_meta_count_columns(&check->sums, columns, count, 1);
}

/* an entry, or a hot block */
typedef struct CheckEntry
{
	Check *check;
	const HyEntry *entry;
	BlockNumber block;
} CheckEntry;

static void
check_entry(void *arg)
{
	Check *check = ((CheckEntry *) arg)->check;
	const HyEntry *entry = ((CheckEntry *) arg)->entry;

	if (entry->state != HY_LOADING)
		check_pages(check, entry, RelationGetNumberOfBlocks(check->rel));
	if (entry->state == HY_GROUP && hy_entry_fate(entry) == HY_FATE_ABORTED)
		check_aborted_group(check, entry);
	else if (entry->state == HY_GROUP)
		check_group(check, entry);
	if (entry->state == HY_MAP ||
		(entry->state == HY_GROUP && hy_entry_fate(entry) != HY_FATE_ABORTED))
		hy_map_check_entry(&check->maps, entry);
}

static void
check_block(void *arg)
{
	hy_map_check_headers(&((CheckEntry *) arg)->check->maps, ((CheckEntry *) arg)->block);
}

/* damage is reported, and the check goes on; false if there was any */
static bool
guarded(CheckEntry arg, void (*work)(void *arg), BlockNumber block)
{
	Check *check = arg.check;
	StringInfoData text;
	ErrorData *error;

	hy_corrupted_block = InvalidBlockNumber;
	error = hy_guarded(work, &arg);
	if (error == NULL)
		return true;
	initStringInfo(&text);
	appendStringInfoString(&text, error->message);
	if (error->detail != NULL)
		appendStringInfo(&text, ": %s", error->detail);
	report(check, hy_corrupted_block != InvalidBlockNumber ? hy_corrupted_block : block, text.data);
	FreeErrorData(error);
	return false;
}

/* all entries; and if they are in order, all headers */
static void
check_entries(Check *check)
{
	bool clean = true;

	hy_map_check_begin(&check->maps, check->rel, check->strategy, check->entries, check->count);
	for (uint32 i = 0; i < check->count; i++)
	{
		CheckEntry arg = { .check = check, .entry = &check->entries[i].entry };

		if (!guarded(arg, check_entry, arg.entry->start))
			clean = check->sums_complete = false;
	}
	if (!clean || !check->maps.any)
		return;
	for (BlockNumber block = hy_map_check_hot_block(&check->maps, 0); block != InvalidBlockNumber;
		 block = hy_map_check_hot_block(&check->maps, block + 1))
	{
		CheckEntry arg = { .check = check, .block = block };

		(void) guarded(arg, check_block, block);
	}
}

/* metapage and directory of one moment */
static void
read_structures(Check *check)
{
	for (int i = 0; i < CONSISTENT_TRIES; i++)
	{
		const HyDirectory *dir;

		CHECK_FOR_INTERRUPTS();
		(void) hy_meta_read(check->rel, &check->meta);
		dir = hy_directory(check->rel);
		if (dir->generation != check->meta.generation)
			continue;
		check->count = dir->entry_count;
		check->entries = MemoryContextAllocHuge(
			CurrentMemoryContext, (Size) Max(dir->entry_count, 1) * sizeof(HyDirEntry));
		memcpy(check->entries, dir->entries, (Size) dir->entry_count * sizeof(HyDirEntry));
		return;
	}
	ereport(ERROR, (errcode(ERRCODE_OBJECT_IN_USE),
					errmsg("table \"%s\" changed too often while it was checked",
						   RelationGetRelationName(check->rel)),
					errhint("Repeat the check when fewer loads are running.")));
}

static int
compare_starts(const void *a, const void *b)
{
	const HyDirEntry *x = a;
	const HyDirEntry *y = b;

	return x->entry.start < y->entry.start ? -1 : x->entry.start > y->entry.start ? 1 : 0;
}

/* the metapage points into the directory, which lists its own pages */
static void
check_pointers(Check *check)
{
	const HyMeta *meta = &check->meta;
	bool tail = meta->directory_head == InvalidBlockNumber;
	bool hint = tail;

	for (uint32 i = 0; i < check->count; i++)
	{
		const HyEntry *entry = &check->entries[i].entry;

		if (entry->state != HY_SYSTEM)
			continue;
		tail = tail || entry->start == meta->directory_tail;
		hint = hint || entry->start == meta->directory_hint;
	}
	if (!tail || !hint)
		report(check, 0, "metapage takes another page for one of the directory");
	if (meta->next_row % HY_ROW_ALIGN != 0)
		report(check, 0, "metapage would give out impossible row numbers");
}

/* runs do not overlap, row numbers neither */
static void
check_directory(Check *check)
{
	uint64 opaque = 1;
	uint64 free_pages = 0;
	uint64 end = 1;
	uint64 next_row = 0;
	TransactionId next_xid = XidFromFullTransactionId(ReadNextFullTransactionId());

	for (uint32 i = 0; i < check->count; i++)
	{
		const HyEntry *entry = &check->entries[i].entry;

		if (entry->state != HY_GROUP)
			continue;
		if (entry->first_row < next_row)
			report(check, check->entries[i].block, "row numbers of two row groups overlap");
		next_row = entry->first_row + hy_span(entry);
	}
	if (next_row > check->meta.next_row)
		report(check, 0, "metapage would give out row numbers again");

	qsort(check->entries, check->count, sizeof(HyDirEntry), compare_starts);
	for (uint32 i = 0; i < check->count; i++)
	{
		const HyEntry *entry = &check->entries[i].entry;
		bool partial = entry->state == HY_LOADING && (entry->flags & HY_FLAG_WHOLE) == 0;

		if (entry->group_id >= check->meta.next_group_id)
			report(check, check->entries[i].block, "metapage would give out group ids again");
		if (entry->state == HY_GROUP && entry->xmax != InvalidTransactionId)
			report(check, check->entries[i].block, "row group is marked as removed");
		/* read after the entries: who wrote one has an xid before it */
		if ((entry->state == HY_GROUP || entry->state == HY_LOADING) &&
			TransactionIdIsNormal(entry->xmin) && !hy_entry_frozen(entry) &&
			TransactionIdFollowsOrEquals(entry->xmin, next_xid))
			report(check, check->entries[i].block, "entry's transaction is in the future");
		if ((entry->state == HY_GROUP || entry->state == HY_LOADING) &&
			TransactionIdIsNormal(entry->xmin) && !hy_entry_frozen(entry) &&
			(!TransactionIdIsNormal(check->meta.oldest_xid) ||
			 TransactionIdPrecedes(entry->xmin, check->meta.oldest_xid)))
			report(check, check->entries[i].block, "entry is older than the metapage's oldest xid");
		/* the run of a writer that died may hold other runs in the part it never reached */
		if (partial)
			continue;
		if (entry->start < end)
			report(check, check->entries[i].block, "two runs of pages overlap");
		end = Max(end, (uint64) entry->start + entry->pages);
		opaque += entry->pages;
		if (entry->state == HY_FREE)
			free_pages += entry->pages;
	}
	if (opaque != check->meta.opaque_pages)
		report(check, 0, "metapage counts opaque pages wrongly");
	if (free_pages != check->meta.free_pages)
		report(check, 0, "metapage counts free pages wrongly");
}

static void
check_counters(Check *check)
{
	const HyMeta *meta = &check->meta;
	const HyMeta *sums = &check->sums;

	if (meta->groups != sums->groups || meta->rows != sums->rows ||
		meta->dead_rows != sums->dead_rows || meta->headers != sums->headers ||
		meta->raw_bytes != sums->raw_bytes || meta->stream_bytes != sums->stream_bytes)
		report(check, 0, "metapage counts row groups or rows wrongly");
	if (memcmp(meta->column_units, sums->column_units, sizeof(meta->column_units)) != 0)
		report(check, 0, "metapage counts bytes of columns wrongly");
}

/* omendb.check(regclass): see the top of the file */
Datum
omendb_check(PG_FUNCTION_ARGS)
{
	/* keeps VACUUM from reusing what we look at; loads go on */
	LOCKMODE lockmode = RecoveryInProgress() ? AccessShareLock : ShareUpdateExclusiveLock;
	Check *check = palloc0(sizeof(Check));

	check->rel = hy_inspect_open(PG_GETARG_OID(0), lockmode);
	check->result = (ReturnSetInfo *) fcinfo->resultinfo;
	check->strategy = GetAccessStrategy(BAS_BULKREAD);
	check->sums_complete = true;
	InitMaterializedSRF(fcinfo, 0);
	if (RelationGetNumberOfBlocks(check->rel) > 0)
	{
		read_structures(check);
		check_pointers(check);
		check_directory(check);
		check_entries(check);
		if (check->sums_complete)
			check_counters(check);
	}
	relation_close(check->rel, lockmode);
	return (Datum) 0;
}
