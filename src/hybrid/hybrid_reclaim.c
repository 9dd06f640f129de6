/*
 * hybrid_reclaim.c
 *		VACUUM's care for deleted cold rows: see hybrid_reclaim.h.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/heapam.h"
#include "access/transam.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "storage/freespace.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "base/pg_compat.h"
#include "base/stop_point.h"
#include "hybrid/hybrid_directory.h"
#include "hybrid/hybrid_header.h"
#include "hybrid/hybrid_idle.h"
#include "hybrid/hybrid_map.h"
#include "hybrid/hybrid_reclaim.h"
#include "hybrid/hybrid_regroup.h"
#include "hybrid/hybrid_tid.h"
#include "hybrid/hybrid_vacuum.h"
#include "hybrid/hybrid_visible.h"
#include "hybrid/hybrid_write.h"

/* as core's BYPASS_THRESHOLD_PAGES, of the cold rows: fewer dead ones are not worth a walk through all indexes */
#define CLEAN_THRESHOLD 0.02

/* a group with rows that are dead to everybody, and those rows */
typedef struct DeadGroup
{
	HyDirEntry group;
	uint32 gone;
	uint64 *bits; /* bit i: the row of number first_row + i is dead */
} DeadGroup;

typedef struct Reclaim
{
	Relation rel;
	MemoryContext context;
	DeadGroup *groups; /* ascending by first_row, as the directory is */
	uint32 count;
	Size bytes;		/* of their bitmaps */
	uint64 pending; /* dead rows that indexes may refer to */
	bool whole;		/* one of the groups has no other rows */
	uint64 many;	/* pages of groups that wait for that to be written anew */
} Reclaim;

/* ---- counting ---- */

/* what the headers of a group come to */
typedef struct Headers
{
	uint32 headers;
	uint32 dead; /* if only to those who begin now */
	uint32 gone; /* to everybody: the header is gone, or never was */
} Headers;

/*
 * bits: of the rows that are dead to everybody; NULL = not wanted.  Headers that nobody needs any more are taken
 * away, and the places of those that are gone are forgotten (hy_map_fold).
 */
static Headers
count_headers(Relation rel, const HyEntry *entry, uint64 *bits)
{
	Headers counts = { 0 };
	HyMapItem *items;
	HyMapItem *gone;
	uint32 idle = 0;
	uint32 fold = 0;

	counts.headers = hy_map_list(rel, entry, 0, hy_span(entry), &items, NULL);
	gone = palloc((Size) Max(counts.headers, 1) * sizeof(HyMapItem));
	for (uint32 i = 0; i < counts.headers; i++)
	{
		HeapTupleData tuple;
		Buffer buffer;
		TransactionId dead_after;

		om_vacuum_delay_point();
		switch (hy_header_look(rel, entry, entry->first_row + items[i].row, &tuple, &buffer))
		{
			case HY_HEADER_NONE:
				continue;
			case HY_HEADER_GONE:
				counts.dead++;
				counts.gone++;
				if (!hy_tid_is_dead(&items[i].tid))
					gone[fold++] = items[i];
				if (bits != NULL)
					bits[items[i].row / 64] |= UINT64CONST(1) << (items[i].row % 64);
				continue;
			case HY_HEADER_THERE:
				break;
		}
		switch (HeapTupleSatisfiesVacuumHorizon(&tuple, buffer, &dead_after))
		{
			case HEAPTUPLE_DEAD:
			case HEAPTUPLE_RECENTLY_DEAD:
				counts.dead++;
				break;
			case HEAPTUPLE_LIVE:
				/* behind i there are none yet to be looked at */
				items[idle++] = items[i];
				break;
			case HEAPTUPLE_INSERT_IN_PROGRESS:
			case HEAPTUPLE_DELETE_IN_PROGRESS:
				break;
		}
		UnlockReleaseBuffer(buffer);
	}
	hy_map_fold(rel, entry, gone, fold);
	pfree(gone);
	counts.headers -= hy_remove_idle_headers(rel, entry, items, idle);
	if (items != NULL)
		pfree(items);
	return counts;
}

/* change a group's entry to `entry`, unless somebody has changed it since it was read; then it is read anew */
static pg_noinline void
change_entry(Relation rel, HyDirEntry *group, const HyEntry *entry)
{
	HyChange change;

	if (memcmp(&group->entry, entry, sizeof(*entry)) == 0)
		return;
	hy_change_begin(&change, rel);
	if (hy_change_is(&change, group))
	{
		hy_meta_count_group(&change.meta, &group->entry, -1);
		hy_meta_count_group(&change.meta, entry, 1);
		hy_change_commit(&change, HY_REC_VACUUM, group->block, &group->slot, entry, 1);
		group->entry = *entry;
	}
	hy_change_end(&change);
}

/* count one group's headers, note that in its entry, and keep its dead rows if there are new ones */
static void
look_at_group(Reclaim *reclaim, HyDirEntry *group)
{
	Size bytes = ((Size) hy_span(&group->entry) + 63) / 64 * sizeof(uint64);
	HyEntry entry = group->entry;
	uint64 *bits = NULL;
	Headers counts = { 0 };

	if (hy_map_any(reclaim->rel, &entry))
	{
		if (reclaim->bytes + bytes <= (Size) maintenance_work_mem * 1024)
			bits = MemoryContextAllocZero(reclaim->context, bytes);
		counts = count_headers(reclaim->rel, &entry, bits);
	}
	entry.headers = counts.headers;
	entry.dead_rows = counts.dead;
	change_entry(reclaim->rel, group, &entry);
	if (bits == NULL)
		return;
	if (counts.gone == 0 || (counts.gone <= entry.reclaimed && counts.gone < entry.rows))
	{
		pfree(bits);
		return;
	}
	reclaim->groups[reclaim->count].group = *group;
	reclaim->groups[reclaim->count].gone = counts.gone;
	reclaim->groups[reclaim->count].bits = bits;
	reclaim->count++;
	reclaim->bytes += bytes;
	reclaim->pending += counts.gone - Min(entry.reclaimed, counts.gone);
	reclaim->whole = reclaim->whole || counts.gone == entry.rows;
	if (hy_has_many_dead(&entry) && !hy_is_reclaimed(&entry, counts.gone))
		reclaim->many += entry.pages;
}

/* ---- index entries ---- */

/* IndexBulkDeleteCallback: does the TID belong to a row that is dead to everybody? */
static bool
is_dead(ItemPointer tid, void *state)
{
	const Reclaim *reclaim = state;
	uint32 low = 0;
	uint32 high = reclaim->count;
	uint64 row;

	if (!hy_tid_is_cold(tid) || !hy_tid_to_row(tid, &row))
		return false;
	/* the last group that begins at or before the row */
	while (low < high)
	{
		uint32 middle = low + (high - low) / 2;

		if (reclaim->groups[middle].group.entry.first_row <= row)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == 0)
		return false;
	row -= reclaim->groups[low - 1].group.entry.first_row;
	return row < hy_span(&reclaim->groups[low - 1].group.entry) &&
		   (reclaim->groups[low - 1].bits[row / 64] >> (row % 64) & 1) != 0;
}

static void
clean_indexes(Reclaim *reclaim, List *indexes, BufferAccessStrategy strategy)
{
	ListCell *cell;

	foreach (cell, indexes)
	{
		Relation index = index_open(lfirst_oid(cell), RowExclusiveLock);
		IndexVacuumInfo info = { .index = index,
								 .estimated_count = true,
								 .message_level = DEBUG2,
								 .num_heap_tuples = reclaim->rel->rd_rel->reltuples,
								 .strategy = strategy };
		IndexBulkDeleteResult *result;

		/* as core: one whose CREATE INDEX CONCURRENTLY was interrupted may have no page yet */
		if (!index->rd_index->indisready)
		{
			index_close(index, RowExclusiveLock);
			continue;
		}
		OM_VACUUM_HEAP(&info, reclaim->rel);
		result = index_bulk_delete(&info, NULL, is_dead, reclaim);
		result = index_vacuum_cleanup(&info, result);
		if (result != NULL)
			pfree(result);
		index_close(index, NoLock);
	}
}

/* ---- groups ---- */

/*
 * Free a group all of whose rows are dead to everybody.  Older snapshots may be reading its pages all the same, so
 * these are not used again before all present ones are gone.
 */
static pg_noinline void
free_group(Relation rel, const HyDirEntry *group)
{
	int column_count;
	ColDesc *columns = hy_read_columns(rel, &group->entry, &column_count);
	HyChange change;
	HyEntry now = group->entry;

	/* damaged: it stays, and omendb.check tells why */
	if (columns == NULL)
		return;
	hy_change_begin(&change, rel);
	if (hy_change_is(&change, group))
	{
		hy_meta_count_group(&change.meta, &now, -1);
		hy_meta_count_columns(&change.meta, columns, column_count, -1);
		change.meta.free_pages += now.pages;
		hy_make_free_read(&now);
		hy_change_commit(&change, HY_REC_VACUUM, group->block, &group->slot, &now, 1);
	}
	hy_change_end(&change);
	pfree(columns);
	STOP_POINT("hybrid_reclaim_freed");
}

static void
finish_group(Relation rel, DeadGroup *dead)
{
	HyEntry entry = dead->group.entry;

	if (dead->gone == entry.rows)
	{
		free_group(rel, &dead->group);
		return;
	}
	entry.reclaimed = dead->gone;
	change_entry(rel, &dead->group, &entry);
}

pg_noinline void
hy_reclaim(Relation rel, bool clean, BufferAccessStrategy strategy)
{
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "omendb reclaim", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	const HyDirectory *dir = hy_directory(rel);
	uint32 count = dir->group_count;
	HyDirEntry *groups = MemoryContextAllocHuge(context, (Size) Max(count, 1) * sizeof(HyDirEntry));
	Reclaim reclaim = { .rel = rel, .context = context };
	uint64 rows = 0;

	memcpy(groups, dir->entries, (Size) count * sizeof(HyDirEntry));
	reclaim.groups = MemoryContextAllocHuge(context, (Size) Max(count, 1) * sizeof(DeadGroup));
	for (uint32 i = 0; i < count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		rows += groups[i].entry.rows;
		/* those of running transactions have rows that are dead to nobody */
		if (hy_entry_fate(&groups[i].entry) == HY_FATE_COMMITTED)
			look_at_group(&reclaim, &groups[i]);
	}
	if (clean && (reclaim.whole || reclaim.many >= HY_REGROUP_PAGES_MIN ||
				  (double) reclaim.pending > CLEAN_THRESHOLD * (double) rows))
	{
		List *indexes = RelationGetIndexList(rel);

		if (reclaim.pending > 0)
			clean_indexes(&reclaim, indexes, strategy);
		STOP_POINT("hybrid_reclaim_indexes");
		for (uint32 i = 0; i < reclaim.count; i++)
			finish_group(rel, &reclaim.groups[i]);
		list_free(indexes);
	}
	FreeSpaceMapVacuum(rel);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
}
