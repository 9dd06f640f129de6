/*
 * hybrid_vacuum.c
 *		VACUUM of omendb tables: README.md, "VACUUM".
 */
#include "postgres.h"

#include <math.h>

#include "access/genam.h"
#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/transam.h"
#include "access/visibilitymap.h"
#include "catalog/catalog.h"
#include "catalog/indexing.h"
#include "catalog/pg_class.h"
#include "commands/vacuum.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/bufmgr.h"
#include "storage/procarray.h"
#include "utils/fmgroids.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "base/pg_compat.h"
#include "base/stop_point.h"
#include "hybrid/hybrid_directory.h"
#include "hybrid/hybrid_header.h"
#include "hybrid/hybrid_hot.h"
#include "hybrid/hybrid_reclaim.h"
#include "hybrid/hybrid_source.h"
#include "hybrid/hybrid_space.h"
#include "hybrid/hybrid_truncate.h"
#include "hybrid/hybrid_vacuum.h"
#include "hybrid/hybrid_visible.h"
#include "hybrid/hybrid_wal.h"
#include "hybrid/hybrid_worker.h"
#include "hybrid/hybrid_write.h"

/* core's BYPASS_THRESHOLD_PAGES, which it applies to all pages, cold ones included */
#define INDEX_CLEANUP_THRESHOLD 0.02
/* looks at a run that was not finished */
#define TREAT_TRIES 100
/* hot pages read to estimate how many rows they hold */
#define HOT_SAMPLE_PAGES 300

/* is page `index` of a group's run there, and the group's? */
static bool
page_is_ours(Relation rel, const HyEntry *entry, uint32 index)
{
	Buffer buffer = ReadBuffer(rel, entry->start + index);
	const char *page;
	bool ours;

	LockBuffer(buffer, BUFFER_LOCK_SHARE);
	page = (const char *) BufferGetPage(buffer);
	ours = !PageIsNew(BufferGetPage(buffer)) &&
		   (hy_page_check(page, RG_PAGE_DATA) == NULL || hy_page_check(page, RG_PAGE_MAP) == NULL ||
			hy_page_check(page, RG_PAGE_MAP_DENSE) == NULL) &&
		   hy_page_header(page)->group_id == entry->group_id &&
		   hy_page_header(page)->index == index;
	UnlockReleaseBuffer(buffer);
	return ours;
}

/*
 * How many pages of an unfinished run are there?  If its writer died before the first one, the same blocks may have been reserved again,
 * for the same group: then they are that run's.
 */
static uint32
count_written_pages(Relation rel, const HyDirectory *dir, const HyEntry *entry)
{
	BlockNumber nblocks = RelationGetNumberOfBlocks(rel);
	uint32 run = hy_directory_run_after(dir->runs, dir->run_count, entry->start);
	uint32 count = 0;

	if (run < dir->run_count)
		nblocks = Min(nblocks, dir->runs[run].start);
	while (count < entry->pages && entry->start + count < nblocks &&
		   page_is_ours(rel, entry, count))
	{
		CHECK_FOR_INTERRUPTS();
		count++;
	}
	return count;
}

ColDesc *
hy_read_columns(Relation rel, const HyEntry *entry, int *count)
{
	HySource source;
	RgHeader header;
	Size bytes = 0;
	ColDesc *columns;

	*count = 0;
	if (!page_is_ours(rel, entry, 0))
		return NULL;
	hy_source_init(&source, rel, entry, NULL, CurrentMemoryContext);
	memcpy(&header, source.base.read(&source.base, 0, sizeof(header)), sizeof(header));
	if (header.magic == RG_MAGIC && header.natts <= HY_COLUMNS_MAX)
		bytes = header.natts * sizeof(ColDesc);
	for (uint32 page = 1; page <= (sizeof(header) + bytes) / RG_PAGE_PAYLOAD; page++)
		if (page >= entry->pages || !page_is_ours(rel, entry, page))
			bytes = 0;
	if (bytes == 0)
	{
		hy_source_release(&source);
		return NULL;
	}
	columns = palloc(bytes);
	memcpy(columns, source.base.read(&source.base, sizeof(header), (uint32) bytes), bytes);
	*count = header.natts;
	hy_source_release(&source);
	if (source.scratch != NULL)
		pfree(source.scratch);
	return columns;
}

/* what VACUUM does to an entry */
typedef enum Treatment
{
	TREAT_NOT,
	TREAT_COMMITTED, /* note that xmin has committed; some snapshot may not see it yet */
	TREAT_FREEZE,
	TREAT_FREE
} Treatment;

static Treatment
choose_treatment(const HyEntry *entry, TransactionId cutoff)
{
	if ((entry->state != HY_GROUP && entry->state != HY_LOADING) ||
		!TransactionIdIsNormal(entry->xmin) || hy_entry_frozen(entry))
		return TREAT_NOT;
	switch (hy_entry_fate(entry))
	{
		case HY_FATE_RUNNING:
			return TREAT_NOT;
		case HY_FATE_ABORTED:
			return TREAT_FREE;
		case HY_FATE_COMMITTED:
			break;
	}
	/* a writer that committed without publishing: an error caught by a subtransaction of it */
	if (entry->state == HY_LOADING)
		return TREAT_FREE;
	if (TransactionIdPrecedes(entry->xmin, cutoff))
		return TREAT_FREEZE;
	return (entry->flags & HY_FLAG_COMMITTED) != 0 ? TREAT_NOT : TREAT_COMMITTED;
}

/*
 * Treat one entry; false: look again.  What takes reading is read first: nobody but VACUUM, and
 * only one at a time, changes the entry of a transaction that has ended.  Then, under the
 * directory's lock, the entry must be what it was.
 */
static bool
treat_entry(Relation rel, const HyDirEntry *found, TransactionId cutoff)
{
	HyEntry entry = found->entry;
	Treatment treatment = choose_treatment(&entry, cutoff);
	ColDesc *columns = NULL;
	int column_count = 0;
	uint32 pages = entry.pages;
	uint64 generation = 0;
	HyChange change;
	bool done;

	if (treatment == TREAT_NOT)
		return true;
	if (treatment == TREAT_FREE && entry.state == HY_GROUP)
	{
		columns = hy_read_columns(rel, &entry, &column_count);
		if (columns == NULL)
			ereport(WARNING,
					(errcode(ERRCODE_DATA_CORRUPTED),
					 errmsg("table \"%s\" has a damaged page in an aborted row group at block %u",
							RelationGetRelationName(rel), entry.start),
					 errdetail("Its pages are freed; the sizes of columns in the metapage are not "
							   "corrected.")));
	}
	if (entry.state == HY_LOADING && (entry.flags & HY_FLAG_WHOLE) == 0)
	{
		const HyDirectory *dir = hy_directory(rel);

		generation = dir->generation;
		pages = count_written_pages(rel, dir, &entry);
	}
	/* a standby's older snapshots take the group for not there yet */
	if (treatment == TREAT_FREEZE)
		om_log_conflict(rel, entry.xmin, RelationIsAccessibleInLogicalDecoding(rel));

	hy_change_begin(&change, rel);
	/* what was counted may be another run's by now */
	done = generation == 0 || change.meta.generation == generation;
	if (done && hy_change_is(&change, found))
	{
		switch (treatment)
		{
			case TREAT_NOT:
				break;
			case TREAT_COMMITTED:
				entry.flags |= HY_FLAG_COMMITTED;
				break;
			case TREAT_FREEZE:
				/* everybody sees it now, so the marks of its rows mean nothing any more */
				entry.flags &= (uint16) ~(HY_FLAG_COMMITTED | HY_FLAG_FREEZER);
				entry.flags |= HY_FLAG_FROZEN;
				break;
			case TREAT_FREE:
				if (entry.state == HY_GROUP)
				{
					hy_meta_count_group(&change.meta, &entry, -1);
					hy_meta_count_columns(&change.meta, columns, column_count, -1);
				}
				else if (entry.state == HY_LOADING && (entry.flags & HY_FLAG_WHOLE) == 0)
					change.meta.opaque_pages += pages;
				change.meta.free_pages += pages;
				if (pages > 0)
					hy_make_free(&entry, pages);
				else
				{
					memset(&entry, 0, sizeof(entry));
					change.meta.directory_hint = change.meta.directory_head;
				}
				break;
		}
		hy_change_commit(&change, HY_REC_VACUUM, found->block, &found->slot, &entry, 1);
	}
	hy_change_end(&change);
	if (columns != NULL)
		pfree(columns);
	return done;
}

/* a run that was not finished is looked at again if others have changed the directory meanwhile; the next VACUUM will, too */
static void
vacuum_entry(Relation rel, const HyDirEntry *found, TransactionId cutoff)
{
	for (int i = 0; i < TREAT_TRIES && !treat_entry(rel, found, cutoff); i++)
		CHECK_FOR_INTERRUPTS();
}

/* the oldest xid that the directory refers to */
static TransactionId
oldest_unfrozen(const HyDirectory *dir)
{
	TransactionId oldest = InvalidTransactionId;

	for (uint32 i = 0; i < dir->entry_count; i++)
	{
		const HyEntry *entry = &dir->entries[i].entry;

		if ((entry->state == HY_GROUP || entry->state == HY_LOADING) &&
			TransactionIdIsNormal(entry->xmin) && !hy_entry_frozen(entry) &&
			(!TransactionIdIsValid(oldest) || TransactionIdPrecedes(entry->xmin, oldest)))
			oldest = entry->xmin;
	}
	return oldest;
}

/* visibility map bits of opaque pages that got lost, or were never set (rule P5) */
static void
repair_all_visible(Relation rel, const HyDirEntry *entries, uint32 count)
{
	hy_set_all_visible(rel, 0, 1);
	for (uint32 i = 0; i < count; i++)
		if (entries[i].entry.state == HY_GROUP || entries[i].entry.state == HY_FREE ||
			entries[i].entry.state == HY_SYSTEM || entries[i].entry.state == HY_MAP)
			hy_set_all_visible(rel, entries[i].entry.start, entries[i].entry.pages);
}

/* the first dense map whose group is gone, or NULL */
static const HyDirEntry *
find_orphan_map(const HyDirectory *dir)
{
	for (uint32 i = dir->group_count; i < dir->entry_count; i++)
	{
		const HyEntry *map = &dir->entries[i].entry;
		bool owned = false;

		for (uint32 k = 0; map->state == HY_MAP && k < dir->entry_count && !owned; k++)
		{
			const HyEntry *owner = &dir->entries[k].entry;

			owned = (owner->state == HY_GROUP || owner->state == HY_LOADING) &&
					owner->group_id == map->group_id;
		}
		if (map->state == HY_MAP && !owned)
			return &dir->entries[i];
	}
	return NULL;
}

/*
 * Free dense maps whose groups were rolled back.  A walk along the directory is not atomic: it may miss a group that
 * was published meanwhile and find its map.  So it counts only if the generation, which was read before the walk, is still
 * the same under the directory's lock; else the next VACUUM looks again.
 */
static void
free_orphan_maps(Relation rel)
{
	for (;;)
	{
		const HyDirectory *dir = hy_directory(rel);
		const HyDirEntry *found = find_orphan_map(dir);
		uint64 generation = dir->generation;
		HyDirEntry orphan;
		HyChange change;
		bool unchanged;

		CHECK_FOR_INTERRUPTS();
		if (found == NULL)
			return;
		orphan = *found;
		hy_change_begin(&change, rel);
		unchanged = change.meta.generation == generation;
		if (unchanged)
		{
			change.meta.free_pages += orphan.entry.pages;
			/* of a group that was freed, or rewritten, rather than rolled back */
			hy_make_free_read(&orphan.entry);
			hy_change_commit(&change, HY_REC_VACUUM, orphan.block, &orphan.slot, &orphan.entry, 1);
		}
		hy_change_end(&change);
		if (!unchanged)
			return;
	}
}

/*
 * Steps 1 and 3.  Every xid that precedes `cutoff` has ended and is seen or
 * given up by all.
 */
static pg_noinline void
vacuum_directory(Relation rel, TransactionId cutoff, bool repair)
{
	const HyDirectory *dir = hy_directory(rel);
	uint32 count = dir->entry_count;
	HyDirEntry *entries;
	HyMeta meta;

	if (count == 0)
		return;
	entries = MemoryContextAllocHuge(CurrentMemoryContext, (Size) count * sizeof(HyDirEntry));
	memcpy(entries, dir->entries, (Size) count * sizeof(HyDirEntry));
	if (repair)
		repair_all_visible(rel, entries, count);
	for (uint32 i = 0; i < count; i++)
	{
		if (repair)
			om_vacuum_delay_point();
		vacuum_entry(rel, &entries[i], cutoff);
	}
	pfree(entries);
	if (repair)
	{
		free_orphan_maps(rel);
		hy_merge_free(rel);
	}

	if (hy_meta_read(rel, &meta))
	{
		TransactionId oldest = oldest_unfrozen(hy_directory(rel));
		uint64 generation = hy_directory(rel)->generation;
		HyChange change;

		if (meta.oldest_xid == oldest)
			return;
		/* not if something was reserved or published since we looked */
		hy_change_begin(&change, rel);
		if (change.meta.generation == generation)
		{
			change.meta.oldest_xid = oldest;
			hy_change_commit(&change, HY_REC_VACUUM, InvalidBlockNumber, NULL, NULL, 0);
		}
		hy_change_end(&change);
	}
}

/* the table's pg_class row as it stands now: heap has just written it in place */
static FormData_pg_class
read_class(Oid relid)
{
	Relation catalog = table_open(RelationRelationId, AccessShareLock);
	FormData_pg_class form;
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple tuple;

	ScanKeyInit(&key, Anum_pg_class_oid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(relid));
	scan = systable_beginscan(catalog, ClassOidIndexId, true, NULL, 1, &key);
	tuple = systable_getnext(scan);
	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "pg_class entry for relid %u vanished during vacuuming", relid);
	/* the part of fixed length */
	memcpy(&form, GETSTRUCT(tuple), CLASS_TUPLE_SIZE);
	systable_endscan(scan);
	table_close(catalog, AccessShareLock);
	return form;
}

/*
 * Step 3.  Heap has written relfrozenxid, maybe beyond an xid that step 1 had to
 * leave: clog may be cut off there at any time.  Horizons can move backwards, so the
 * later of the two counts; every xid before relfrozenxid was below heap's.  Not to be interrupted by a
 * cancel; after a crash in between, the next VACUUM finds most of them
 * marked COMMITTED by step 1 and needs no clog.
 */
static pg_noinline void
freeze_up_to_relfrozenxid(Relation rel)
{
	TransactionId cutoff;
	TransactionId frozen_xid;

	HOLD_INTERRUPTS();
	cutoff = GetOldestNonRemovableTransactionId(rel);
	frozen_xid = read_class(RelationGetRelid(rel)).relfrozenxid;
	if (TransactionIdIsNormal(frozen_xid) && TransactionIdPrecedes(cutoff, frozen_xid))
		cutoff = frozen_xid;
	vacuum_directory(rel, cutoff, false);
	RESUME_INTERRUPTS();
}

/* rows on a heap page, dead ones that VACUUM had to leave among them; headers are of cold rows */
static int
count_items(Page page)
{
	OffsetNumber last = PageGetMaxOffsetNumber(page);
	int count = 0;

	for (OffsetNumber i = FirstOffsetNumber; i <= last; i++)
	{
		ItemId item = PageGetItemId(page, i);

		if (ItemIdIsNormal(item) && !hy_tuple_is_header((HeapTupleHeader) PageGetItem(page, item)))
			count++;
	}
	return count;
}

/*
 * Rows of hot pages, exactly or from a sample.  Heap's own estimate takes the
 * pages it skips, opaque ones among them, to be as dense as the table was, cold rows included.
 */
static double
count_hot_rows(Relation rel, BlockNumber nblocks, BlockNumber hot_pages)
{
	const HyDirectory *dir = hy_directory(rel);
	HyHotReader reader;
	BufferAccessStrategy strategy = GetAccessStrategy(BAS_BULKREAD);
	BlockNumber step = Max(1, hot_pages / HOT_SAMPLE_PAGES);
	uint64 rows = 0;
	uint32 sampled = 0;
	BlockNumber seen = 0;

	hy_hot_init(&reader, rel, dir, SnapshotAny, nblocks, strategy);
	for (BlockNumber block = hy_hot_block_from(&reader, 0, true); block != InvalidBlockNumber;
		 block = hy_hot_block_from(&reader, block + 1, true))
	{
		Buffer buffer;

		CHECK_FOR_INTERRUPTS();
		if (seen++ % step != 0)
			continue;
		buffer = ReadBufferExtended(rel, MAIN_FORKNUM, block, RBM_NORMAL, strategy);
		LockBuffer(buffer, BUFFER_LOCK_SHARE);
		if (!PageIsNew(BufferGetPage(buffer)))
			rows += count_items(BufferGetPage(buffer));
		UnlockReleaseBuffer(buffer);
		sampled++;
	}
	if (reader.runs != NULL)
		pfree(reader.runs);
	FreeAccessStrategy(strategy);
	return sampled == 0 ? 0.0 : rint((double) rows * hot_pages / sampled);
}

/* step 5; returns how many hot rows there are */
static pg_noinline double
rewrite_relstats(Relation rel)
{
	BlockNumber nblocks = RelationGetNumberOfBlocks(rel);
	BlockNumber opaque;
	double hot;
	double total;
	FormData_pg_class form;
	HyMeta meta;
	HyChange change;
	List *indexes;
	ListCell *cell;

	if (!hy_meta_read(rel, &meta))
		return 0;
	opaque = (BlockNumber) Min(meta.opaque_pages, (uint64) nblocks);
	hot = count_hot_rows(rel, nblocks, nblocks - opaque);
	total = hot + (double) (meta.rows - meta.dead_rows);
	form = read_class(RelationGetRelid(rel));
	om_update_relstats(rel, nblocks, total, (BlockNumber) form.relallvisible,
					   OM_RELALLFROZEN(&form), form.relhasindex);
	om_pgstat_set_live_tuples(rel, total);

	indexes = RelationGetIndexList(rel);
	foreach (cell, indexes)
	{
		Relation index = index_open(lfirst_oid(cell), AccessShareLock);

		/* heap gave the indexes its own count as an upper limit */
		if (RelationGetIndexPredicate(index) == NIL)
			om_update_relstats(index, RelationGetNumberOfBlocks(index), total, 0, 0, false);
		index_close(index, AccessShareLock);
	}
	list_free(indexes);

	if (meta.hot_pages != nblocks - opaque || meta.hot_rows != (uint64) hot)
	{
		hy_change_begin(&change, rel);
		change.meta.hot_pages = nblocks - opaque;
		change.meta.hot_rows = (uint64) hot;
		hy_change_commit(&change, HY_REC_VACUUM, InvalidBlockNumber, NULL, NULL, 0);
		hy_change_end(&change);
	}
	return hot;
}

/* rule P6: AUTO weighs dead items against all pages; cold ones would drown them */
static void
decide_index_cleanup(Relation rel, struct VacuumParams *params, double hot_pages)
{
	PgStat_StatTabEntry *stats;

	if (params->index_cleanup != VACOPTVALUE_AUTO)
		return;
	stats = pgstat_fetch_stat_tabentry(RelationGetRelid(rel));
	if (stats != NULL &&
		(double) OM_PGSTAT_DEAD_TUPLES(stats) > INDEX_CLEANUP_THRESHOLD * hot_pages)
		params->index_cleanup = VACOPTVALUE_ENABLED;
}

/* cut off what is empty at the end of the file, if the user has not forbidden it */
static void
give_back(Relation rel, const struct VacuumParams *params)
{
	if (params->truncate != VACOPTVALUE_DISABLED && RelationGetNumberOfBlocks(rel) > 0)
		(void) hy_truncate(rel);
}

void
hybrid_relation_vacuum(Relation rel, struct VacuumParams *params, BufferAccessStrategy strategy)
{
	struct VacuumParams ours = *params;
	BlockNumber nblocks = RelationGetNumberOfBlocks(rel);
	HyMeta meta;
	double hot_rows;

	/* it would cut off opaque pages at the end of the file, which look empty to it */
	ours.truncate = VACOPTVALUE_DISABLED;
	if (hy_meta_read(rel, &meta) && meta.directory_head != InvalidBlockNumber)
	{
		vacuum_directory(rel, GetOldestNonRemovableTransactionId(rel), true);
		STOP_POINT("hybrid_vacuum_directory");
		decide_index_cleanup(rel, &ours,
							 (double) nblocks - (double) Min(meta.opaque_pages, (uint64) nblocks));
	}
	GetHeapamTableAmRoutine()->relation_vacuum(rel, &ours, strategy);
	STOP_POINT("hybrid_vacuum_heap");

	/* a load may have made the directory meanwhile */
	if (hy_meta_read(rel, &meta) && meta.directory_head != InvalidBlockNumber)
	{
		freeze_up_to_relfrozenxid(rel);
		hy_reclaim(rel, ours.index_cleanup != VACOPTVALUE_DISABLED, strategy);
		give_back(rel, params);
		hot_rows = rewrite_relstats(rel);
	}
	else
	{
		give_back(rel, params);
		hot_rows = read_class(RelationGetRelid(rel)).reltuples;
	}
	hy_worker_request(rel, hot_rows);
}
