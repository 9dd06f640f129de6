/*
 * hybrid_directory.c
 *		Read the metapage and the directory: see hybrid_directory.h.
 */
#include "postgres.h"

#include "access/transam.h"
#include "miscadmin.h"
#include "port/pg_bitutils.h"
#include "storage/bufmgr.h"
#include "storage/smgr.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "base/heap_pin.h"
#include "base/pg_compat.h"
#include "base/stop_point.h"
#include "hybrid/hybrid_change.h"
#include "hybrid/hybrid_directory.h"
#include "hybrid/hybrid_wal.h"

/* directories a backend remembers; the least recently used goes */
#define HY_CACHE_MAX 128

typedef struct HyCached
{
	OmRelFile key;
	MemoryContext context;
	uint64 last_use;
	HyDirectory dir;
} HyCached;

static HTAB *cache = NULL;
static MemoryContext cache_context = NULL;
static uint64 use_counter = 0;

BlockNumber hy_corrupted_block = InvalidBlockNumber;

void
hy_corrupted(Relation rel, BlockNumber block, const char *detail)
{
	hy_corrupted_block = block;
	ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED),
					errmsg("table \"%s\" contains a corrupted page at block %u",
						   RelationGetRelationName(rel), block),
					errdetail("Found: %s.", detail),
					errhint("Run omendb.check() on the table to see what is damaged; rows of other "
							"row groups remain readable.")));
	pg_unreachable();
}

/* ---- metapage ---- */

void
hy_meta_page_init(char *page)
{
	HyMeta *meta = (HyMeta *) (page + RG_PAGE_PAYLOAD_OFF);

	hy_page_init(page, RG_PAGE_META, 0, 0);
	((RgPageHeader *) (page + RG_PAGE_HEADER_OFF))->used = sizeof(HyMeta);
	meta->magic = HY_MAGIC;
	meta->version = 1;
	/* so that no cached directory can be taken for this file's */
	if (!pg_strong_random(&meta->file_id, sizeof(meta->file_id)))
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR), errmsg("could not generate a random number")));
	meta->generation = 1;
	meta->next_group_id = 1;
	meta->vector_rows = COL_VECTOR_ROWS;
	meta->directory_head = InvalidBlockNumber;
	meta->directory_tail = InvalidBlockNumber;
	meta->directory_hint = InvalidBlockNumber;
	meta->opaque_pages = 1;
}

const HyMeta *
hy_meta_of(Relation rel, Buffer buffer)
{
	const char *page = (const char *) BufferGetPage(buffer);
	const char *problem = hy_page_check(page, RG_PAGE_META);
	const HyMeta *meta = (const HyMeta *) (page + RG_PAGE_PAYLOAD_OFF);

	if (problem == NULL && meta->magic != HY_MAGIC)
		problem = "metapage carries another magic number";
	if (problem == NULL && meta->version <= HY_VERSION &&
		(meta->directory_head == InvalidBlockNumber) !=
			(meta->directory_tail == InvalidBlockNumber))
		problem = "metapage names one end of the directory only";
	if (problem != NULL)
		hy_corrupted(rel, 0, problem);
	if (meta->version < 1 || meta->version > HY_VERSION)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("table \"%s\" has storage version %u, this omendb reads versions 1 to %u",
						RelationGetRelationName(rel), meta->version, HY_VERSION),
				 errhint("Update the omendb library.")));
	return meta;
}

bool
hy_block_exists(Relation rel, BlockNumber block)
{
	/* what this backend last knew of the file's size is a lower limit, and saves asking for it */
	BlockNumber known = RelationGetSmgr(rel)->smgr_cached_nblocks[MAIN_FORKNUM];

	return (known != InvalidBlockNumber && block < known) || block < RelationGetNumberOfBlocks(rel);
}

bool
hy_meta_read(Relation rel, HyMeta *meta)
{
	Buffer buffer;

	if (RelationGetNumberOfBlocks(rel) == 0)
		return false;
	buffer = ReadBuffer(rel, 0);
	LockBuffer(buffer, BUFFER_LOCK_SHARE);
	*meta = *hy_meta_of(rel, buffer);
	UnlockReleaseBuffer(buffer);
	return true;
}

/* ---- reading the directory ---- */

static const HyDirectory empty_directory;

static int
compare_entries(const void *a, const void *b)
{
	const HyDirEntry *x = a;
	const HyDirEntry *y = b;
	bool x_group = x->entry.state == HY_GROUP;
	bool y_group = y->entry.state == HY_GROUP;

	if (x_group != y_group)
		return x_group ? -1 : 1;
	if (x->entry.first_row != y->entry.first_row)
		return x->entry.first_row < y->entry.first_row ? -1 : 1;
	if (x->entry.group_id != y->entry.group_id)
		return x->entry.group_id < y->entry.group_id ? -1 : 1;
	return 0;
}

static int
compare_runs(const void *a, const void *b)
{
	const HyRun *x = a;
	const HyRun *y = b;

	return x->start < y->start ? -1 : x->start > y->start ? 1 : 0;
}

/* NULL, or what is wrong with an entry */
static const char *
entry_problem(const HyEntry *entry)
{
	if (entry->state > HY_MAP || (entry->flags & ~HY_FLAGS_VALID) != 0)
		return "directory entry has an unknown state";
	if (entry->state == HY_EMPTY)
		return NULL;
	if (entry->pages == 0 || entry->start == 0 ||
		(uint64) entry->start + entry->pages > HY_COLD_BLOCK)
		return "directory entry lists impossible blocks";
	if ((entry->state == HY_GROUP || entry->state == HY_LOADING) &&
		!TransactionIdIsValid(entry->xmin))
		return "directory entry names no transaction";
	if (entry->state == HY_GROUP &&
		(entry->rows == 0 || entry->rows > RG_ROWS_MAX || entry->first_row % HY_ROW_ALIGN != 0 ||
		 ((entry->flags & HY_FLAG_HOLES) == 0 && entry->span != 0) ||
		 hy_span(entry) < entry->rows || hy_span(entry) > HY_SPAN_MAX ||
		 entry->first_row + hy_span(entry) > HY_ROW_LIMIT ||
		 entry->stream_bytes > (uint64) entry->pages * RG_PAGE_PAYLOAD ||
		 entry->stream_bytes < sizeof(RgHeader) ||
		 (entry->row_map != InvalidBlockNumber &&
		  (entry->row_map < entry->start || entry->row_map - entry->start >= entry->pages))))
		return "directory entry describes an impossible row group";
	return NULL;
}

Buffer
hy_directory_page(Relation rel, BlockNumber block)
{
	if (block == 0)
		hy_corrupted(rel, 0, "metapage is listed as a directory page");
	if (block >= RelationGetNumberOfBlocks(rel))
		hy_corrupted(rel, block, "directory leads behind the end of the file");
	return ReadBuffer(rel, block);
}

const HyEntry *
hy_directory_entries(Relation rel, Buffer buffer, BlockNumber *next)
{
	const char *page = (const char *) BufferGetPage(buffer);
	const char *problem = hy_page_check(page, RG_PAGE_DIRECTORY);

	if (problem != NULL)
		hy_corrupted(rel, BufferGetBlockNumber(buffer), problem);
	*next = hy_page_header(page)->next;
	return (const HyEntry *) (page + RG_PAGE_PAYLOAD_OFF);
}

void
hy_check_position(Relation rel, Buffer buffer, uint32 index)
{
	if (hy_page_header((const char *) BufferGetPage(buffer))->index != index)
		hy_corrupted(rel, BufferGetBlockNumber(buffer),
					 "directory page is out of place in the chain");
}

/* opaque runs of `dir`, sorted and joined, in memory of the current context */
static void
build_runs(Relation rel, HyDirectory *dir)
{
	uint32 count = 0;
	uint32 joined = 0;
	HyRun *runs = palloc((dir->entry_count + 1) * sizeof(HyRun));

	runs[count++] = (HyRun){ 0, 1 };
	for (uint32 i = 0; i < dir->entry_count; i++)
	{
		const HyEntry *entry = &dir->entries[i].entry;

		/* of a run being added only a prefix is opaque, and heap sees that as empty */
		if (entry->state == HY_LOADING && (entry->flags & HY_FLAG_WHOLE) == 0)
			continue;
		runs[count++] = (HyRun){ entry->start, entry->start + entry->pages };
	}
	qsort(runs, count, sizeof(HyRun), compare_runs);
	for (uint32 i = 1; i < count; i++)
	{
		if (runs[i].start < runs[joined].end)
			hy_corrupted(rel, runs[i].start, "directory lists a page twice");
		if (runs[i].start == runs[joined].end)
			runs[joined].end = runs[i].end;
		else
			runs[++joined] = runs[i];
	}
	/* read after the entries: they list only what is there */
	if (runs[joined].end > RelationGetNumberOfBlocks(rel))
		hy_corrupted(rel, runs[joined].end - 1,
					 "directory lists a page behind the end of the file");
	dir->runs = runs;
	dir->run_count = joined + 1;
}

/* read the chain from `head` into dir's entries, in memory of the current context */
static void
read_entries(Relation rel, BlockNumber head, HyDirectory *dir)
{
	uint32 capacity = HY_ENTRIES_PER_PAGE;
	BlockNumber block = head;
	uint32 pages = 0;

	dir->entries = palloc(capacity * sizeof(HyDirEntry));
	dir->entry_count = dir->group_count = 0;
	while (block != InvalidBlockNumber)
	{
		Buffer buffer = hy_directory_page(rel, block);
		const HyEntry *entries;
		BlockNumber next;

		CHECK_FOR_INTERRUPTS();
		LockBuffer(buffer, BUFFER_LOCK_SHARE);
		entries = hy_directory_entries(rel, buffer, &next);
		hy_check_position(rel, buffer, pages++);
		for (uint32 i = 0; i < HY_ENTRIES_PER_PAGE; i++)
		{
			const char *problem = entry_problem(&entries[i]);

			if (problem != NULL)
				hy_corrupted(rel, block, problem);
			if (entries[i].state == HY_EMPTY)
				continue;
			if (dir->entry_count == capacity)
			{
				capacity *= 2;
				dir->entries = repalloc_huge(dir->entries, (Size) capacity * sizeof(HyDirEntry));
			}
			dir->entries[dir->entry_count++] =
				(HyDirEntry){ .entry = entries[i], .block = block, .slot = i };
			if (entries[i].state == HY_GROUP)
				dir->group_count++;
		}
		UnlockReleaseBuffer(buffer);
		STOP_POINT("hybrid_directory_page_read");
		block = next;
	}
}

/* what a walk along the directory begins with, of the locked metapage */
static BlockNumber
head_of(Relation rel, Buffer meta_buffer, HyDirectory *dir)
{
	const HyMeta *meta = hy_meta_of(rel, meta_buffer);

	dir->file_id = meta->file_id;
	dir->generation = meta->generation;
	dir->moves = meta->moves;
	return meta->directory_head;
}

static BlockNumber
read_head(Relation rel, HyDirectory *dir)
{
	Buffer buffer = om_read_recent(rel, 0);
	BlockNumber head;

	LockBuffer(buffer, BUFFER_LOCK_SHARE);
	head = head_of(rel, buffer, dir);
	UnlockReleaseBuffer(buffer);
	return head;
}

/* walks along the directory that are tried while others change it */
#define WALKS_MAX 3

/*
 * Read the whole directory into dir, in memory of the current context.  Pages are read one by one, so a group that went from an
 * entry on one page to an entry on another meanwhile may be there twice, or not at all: `moves` tells.  Redo holds the locks
 * of all pages of a record, too.
 */
static void
read_chain(Relation rel, HyDirectory *dir)
{
	for (int walk = 1;; walk++)
	{
		HyDirectory again;
		Buffer buffer;
		BlockNumber head;

		if (walk <= WALKS_MAX)
		{
			read_entries(rel, read_head(rel, dir), dir);
			(void) read_head(rel, &again);
			if (again.moves == dir->moves && again.file_id == dir->file_id)
				break;
			pfree(dir->entries);
			continue;
		}
		/* nobody changes it now */
		buffer = ReadBuffer(rel, 0);
		LockBuffer(buffer, BUFFER_LOCK_SHARE);
		head = head_of(rel, buffer, dir);
		read_entries(rel, head, dir);
		UnlockReleaseBuffer(buffer);
		break;
	}
	qsort(dir->entries, dir->entry_count, sizeof(HyDirEntry), compare_entries);
	build_runs(rel, dir);
}

static void
cache_evict(void)
{
	HASH_SEQ_STATUS status;
	HyCached *cached;
	HyCached *oldest = NULL;

	hash_seq_init(&status, cache);
	while ((cached = hash_seq_search(&status)) != NULL)
		if (oldest == NULL || cached->last_use < oldest->last_use)
			oldest = cached;
	if (oldest != NULL)
	{
		if (oldest->context != NULL)
			MemoryContextDelete(oldest->context);
		hash_search(cache, &oldest->key, HASH_REMOVE, NULL);
	}
}

static HyCached *
cache_lookup(Relation rel)
{
	bool found;
	HyCached *cached;
	OmRelFile key = OM_RELATION_FILE(rel);

	if (cache == NULL)
	{
		HASHCTL control = { .keysize = sizeof(OmRelFile), .entrysize = sizeof(HyCached) };

		cache_context =
			AllocSetContextCreate(TopMemoryContext, "omendb directories", ALLOCSET_DEFAULT_SIZES);
		control.hcxt = cache_context;
		cache =
			hash_create("omendb directories", 32, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	}
	cached = hash_search(cache, &key, HASH_FIND, NULL);
	if (cached == NULL)
	{
		if (hash_get_num_entries(cache) >= HY_CACHE_MAX)
			cache_evict();
		cached = hash_search(cache, &key, HASH_ENTER, &found);
		cached->context = NULL;
		memset(&cached->dir, 0, sizeof(cached->dir));
	}
	cached->last_use = ++use_counter;
	return cached;
}

const HyDirectory *
hy_directory(Relation rel)
{
	HyCached *cached;
	HyDirectory dir = { 0 };
	MemoryContext context;
	MemoryContext old;

	/* a file that was made holds a metapage for ever: no need to ask the kernel each time */
	if (!hy_block_exists(rel, 0))
		return &empty_directory;
	(void) read_head(rel, &dir);
	cached = cache_lookup(rel);
	if (cached->context != NULL && cached->dir.file_id == dir.file_id &&
		cached->dir.generation == dir.generation)
		return &cached->dir;

	/* an error on the way leaves the old copy in place, and the new one to the caller's context */
	context =
		AllocSetContextCreate(CurrentMemoryContext, "omendb directory", ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(context);
	read_chain(rel, &dir);
	MemoryContextSwitchTo(old);
	MemoryContextSetParent(context, cache_context);
	if (cached->context != NULL)
		MemoryContextDelete(cached->context);
	cached->context = context;
	cached->dir = dir;
	return &cached->dir;
}

void
hy_directory_forget(Relation rel)
{
	OmRelFile key = OM_RELATION_FILE(rel);
	HyCached *cached = cache ? hash_search(cache, &key, HASH_FIND, NULL) : NULL;

	if (cached == NULL)
		return;
	if (cached->context != NULL)
		MemoryContextDelete(cached->context);
	hash_search(cache, &key, HASH_REMOVE, NULL);
}

const HyDirEntry *
hy_directory_group(const HyDirectory *dir, uint64 group_id)
{
	for (uint32 i = 0; i < dir->group_count; i++)
		if (dir->entries[i].entry.group_id == group_id)
			return &dir->entries[i];
	return NULL;
}

const HyDirEntry *
hy_directory_find(const HyDirectory *dir, uint64 row)
{
	uint32 low = 0;
	uint32 high = dir->group_count;

	/* the last group that begins at or before row */
	while (low < high)
	{
		uint32 middle = low + (high - low) / 2;

		if (dir->entries[middle].entry.first_row <= row)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == 0)
		return NULL;
	low--;
	if (row - dir->entries[low].entry.first_row >= hy_span(&dir->entries[low].entry))
		return NULL;
	return &dir->entries[low];
}

uint32
hy_directory_run_after(const HyRun *runs, uint32 run_count, BlockNumber block)
{
	uint32 low = 0;
	uint32 high = run_count;

	while (low < high)
	{
		uint32 middle = low + (high - low) / 2;

		if (runs[middle].end <= block)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

void
hy_meta_count_group(HyMeta *meta, const HyEntry *entry, int sign)
{
	meta->groups += (uint64) sign;
	meta->rows += (uint64) sign * entry->rows;
	meta->dead_rows += (uint64) sign * entry->dead_rows;
	meta->headers += (uint64) sign * entry->headers;
	meta->raw_bytes += (uint64) sign * entry->raw_bytes;
	meta->stream_bytes += (uint64) sign * entry->stream_bytes;
}

void
hy_meta_count_columns(HyMeta *meta, const ColDesc *columns, int count, int sign)
{
	for (int i = 0; i < Min(count, HY_COLUMNS_MAX); i++)
	{
		uint32 units = hy_column_units(&columns[i]);

		meta->column_units[i] += (uint32) sign * units;
	}
}
