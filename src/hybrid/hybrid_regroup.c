/*
 * hybrid_regroup.c
 *		Write row groups anew without the rows that are dead to everybody: see hybrid_regroup.h.
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/bufmgr.h"
#include "storage/lmgr.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "base/pg_compat.h"
#include "base/stop_point.h"
#include "codec/column.h"
#include "hybrid/hybrid_directory.h"
#include "hybrid/hybrid_header.h"
#include "hybrid/hybrid_map.h"
#include "hybrid/hybrid_number.h"
#include "hybrid/hybrid_options.h"
#include "hybrid/hybrid_regroup.h"
#include "hybrid/hybrid_report.h"
#include "hybrid/hybrid_source.h"
#include "hybrid/hybrid_vacuum.h"
#include "hybrid/hybrid_visible.h"
#include "hybrid/hybrid_wal.h"
#include "hybrid/hybrid_write.h"
#include "rowgroup/rowgroup_build.h"

/* groups that become one */
#define SOURCES_MAX 2

typedef struct Source
{
	HyDirEntry group;
	uint64 *gone; /* bit i: the row of number first_row + i is dead to everybody */
	uint32 gone_count;
	uint32 headers; /* of the others */
	uint32 shift;	/* of its numbers in the new group */
	ColDesc *columns;
	int column_count;
	Buffer root; /* locked, in the swap */
} Source;

typedef struct Regroup
{
	Relation rel;
	MemoryContext context;
	uint32 count;
	Source sources[SOURCES_MAX];
	/* the new group */
	char *stream;
	Size bytes;
	uint32 span;
	HyReserved reserved;
} Regroup;

/* ---- choosing ---- */

/* can a group be rewritten at all?  Everybody sees it, and no mark of a freezer leads to it. */
static bool
is_candidate(const HyEntry *entry)
{
	return entry->state == HY_GROUP && (entry->flags & HY_FLAG_FROZEN) != 0 &&
		   entry->row_map != InvalidBlockNumber;
}

static bool
are_small(const HyEntry *a, const HyEntry *b, uint32 group_rows)
{
	uint32 rows_a = a->rows - Min(a->dead_rows, a->rows);
	uint32 rows_b = b->rows - Min(b->dead_rows, b->rows);

	return rows_a + rows_b <= group_rows && Min(rows_a, rows_b) <= group_rows / 2 &&
		   a->raw_bytes + b->raw_bytes <= RG_RAW_BYTES_MAX &&
		   b->first_row + hy_span(b) - a->first_row <= HY_SPAN_MAX;
}

/* is there an empty entry on this page of the directory? */
static bool
has_room(const HyDirectory *dir, BlockNumber block)
{
	uint32 used = 0;

	for (uint32 i = 0; i < dir->entry_count; i++)
		if (dir->entries[i].block == block)
			used++;
	return used < HY_ENTRIES_PER_PAGE;
}

/* can the one behind group i of the directory be joined to it?  Their entries have to be on one page. */
static bool
can_join(const HyDirectory *dir, uint32 i, uint32 group_rows)
{
	return i + 1 < dir->group_count && is_candidate(&dir->entries[i].entry) &&
		   is_candidate(&dir->entries[i + 1].entry) &&
		   dir->entries[i].block == dir->entries[i + 1].block &&
		   has_room(dir, dir->entries[i].block) &&
		   are_small(&dir->entries[i].entry, &dir->entries[i + 1].entry, group_rows);
}

static uint32
rows_of_group(Relation rel)
{
	HyOptions options;

	hy_options_read(rel, &options);
	return hy_options_group_rows(&options);
}

/* the next group, from `next_row` on, that is worth it, and what is to be done with it; false: none */
static bool
choose(Regroup *re, uint64 *next_row)
{
	const HyDirectory *dir = hy_directory(re->rel);
	uint32 group_rows = rows_of_group(re->rel);

	for (uint32 i = 0; i < dir->group_count; i++)
	{
		const HyEntry *entry = &dir->entries[i].entry;

		if (entry->first_row < *next_row)
			continue;
		*next_row = entry->first_row + 1;
		if (!is_candidate(entry))
			continue;
		re->count = can_join(dir, i, group_rows) ? 2 : hy_has_many_dead(entry) ? 1 : 0;
		if (re->count == 0)
			continue;
		for (uint32 k = 0; k < re->count; k++)
			re->sources[k] = (Source){ .group = dir->entries[i + k] };
		return true;
	}
	return false;
}

bool
hy_worth_regrouping(Relation rel)
{
	const HyDirectory *dir = hy_directory(rel);
	uint32 group_rows = rows_of_group(rel);
	uint64 pages = 0;

	for (uint32 i = 0; i < dir->group_count; i++)
		if (is_candidate(&dir->entries[i].entry) &&
			(!rel->rd_rel->relhasindex ||
			 hy_is_reclaimed(&dir->entries[i].entry, dir->entries[i].entry.dead_rows)) &&
			(hy_has_many_dead(&dir->entries[i].entry) || can_join(dir, i, group_rows)))
			pages += dir->entries[i].entry.pages;
	return pages >= HY_REGROUP_PAGES_MIN;
}

/* ---- reading ---- */

/*
 * The rows of a source that are dead to everybody.  They stay so: headers are taken away by VACUUM only, whose lock we have.  False if
 * too many of them may have index entries, which VACUUM would not find any more.
 */
static bool
find_gone(Regroup *re, Source *source)
{
	const HyEntry *entry = &source->group.entry;
	HyMapItem *items;
	uint32 count = hy_map_list(re->rel, entry, 0, hy_span(entry), &items, NULL);

	source->gone = palloc0(((Size) hy_span(entry) + 63) / 64 * sizeof(uint64));
	for (uint32 i = 0; i < count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (!hy_row_is_gone(re->rel, entry, entry->first_row + items[i].row))
			continue;
		source->gone[items[i].row / 64] |= UINT64CONST(1) << (items[i].row % 64);
		source->gone_count++;
	}
	source->headers = count - source->gone_count;
	if (items != NULL)
		pfree(items);
	return !re->rel->rd_rel->relhasindex || hy_is_reclaimed(entry, source->gone_count);
}

static inline bool
is_gone(const Source *source, uint32 number)
{
	return (source->gone[number / 64] >> (number % 64) & 1) != 0;
}

/* add the rows of a source that live to the builder; false: they have become too large, by columns added since */
static bool
take_rows(Regroup *re, const Source *source, RgBuilder *builder)
{
	const HyEntry *entry = &source->group.entry;
	TupleDesc desc = RelationGetDescr(re->rel);
	BufferAccessStrategy strategy = GetAccessStrategy(BAS_BULKREAD);
	const RgVector **vectors = palloc((Size) Max(desc->natts, 1) * sizeof(RgVector *));
	Datum *values = palloc((Size) Max(desc->natts, 1) * sizeof(Datum));
	bool *nulls = palloc((Size) Max(desc->natts, 1) * sizeof(bool));
	HySource bytes;
	RgGroup *group;
	uint32 numbers[COL_VECTOR_ROWS];
	bool fits = true;

	hy_source_init(&bytes, re->rel, entry, strategy, re->context);
	group = rg_open(&bytes.base, entry->group_id, desc, re->context);
	if (rg_header(group)->rows != entry->rows)
		hy_corrupted(re->rel, entry->start, "row group and its directory entry disagree");
	for (uint32 vector = 0; fits && vector < rg_header(group)->vectors; vector++)
	{
		CHECK_FOR_INTERRUPTS();
		rg_vector_numbers(group, vector, numbers);
		for (int c = 0; c < desc->natts; c++)
			vectors[c] = rg_vector(group, c, vector);
		for (uint32 i = 0; i < rg_vector_rows(group, vector); i++)
		{
			TransactionId xmin;

			if (is_gone(source, numbers[i]))
				continue;
			for (int c = 0; c < desc->natts; c++)
			{
				values[c] = vectors[c]->values[i];
				nulls[c] = vectors[c]->nulls[i];
			}
			xmin = rg_row_xmin(group, vector * COL_VECTOR_ROWS + i);
			rg_builder_append(builder, values, nulls,
							  TransactionIdIsValid(xmin) ? xmin : entry->xmin);
			rg_builder_number(builder, numbers[i] + source->shift);
		}
		fits = rg_builder_raw_bytes(builder) <= RG_RAW_BYTES_MAX + RG_ROW_BYTES_MAX;
	}
	hy_source_release(&bytes);
	rg_close(group);
	FreeAccessStrategy(strategy);
	return fits;
}

/* the new group's stream; false: no row of the sources lives, or these are damaged in their heads */
static bool
build(Regroup *re)
{
	HyOptions options;
	RgBuilder *builder;
	const HyEntry *first = &re->sources[0].group.entry;
	bool any;

	hy_options_read(re->rel, &options);
	builder = hy_builder_create(re->rel, &options, true, re->context);
	rg_builder_keep_numbers(builder);
	for (uint32 k = 0; k < re->count; k++)
	{
		Source *source = &re->sources[k];
		const HyEntry *entry = &source->group.entry;

		source->columns = hy_read_columns(re->rel, entry, &source->column_count);
		if (source->columns == NULL)
			return false;
		source->shift = (uint32) (entry->first_row - first->first_row);
		if (!take_rows(re, source, builder))
			return false;
		re->span = source->shift + hy_span(entry);
	}
	any = rg_builder_rows(builder) > 0;
	if (any)
		re->stream = rg_builder_encode(builder, 0, rg_builder_rows(builder), 0, &re->bytes);
	rg_builder_free(builder);
	return any;
}

/* ---- swapping ---- */

/* the present entries of a source's map behind the new group's, renumbered; false: there is no room for all */
static bool
take_headers(Regroup *re, const Source *source, HyMapRoot *root)
{
	const HyEntry *entry = &source->group.entry;
	HyMapItem *items;
	uint32 count = hy_map_list_locked(re->rel, entry, source->root, &items, &root->removals);

	for (uint32 i = 0; i < count; i++)
	{
		if (is_gone(source, items[i].row))
			continue;
		if (root->count == HY_MAP_ROWS)
			return false;
		root->rows[root->count] = items[i].row + source->shift;
		memcpy(root->tids[root->count++], &items[i].tid, sizeof(items[i].tid));
	}
	return true;
}

static void
unlock_roots(Regroup *re)
{
	for (uint32 k = 0; k < re->count; k++)
	{
		if (BufferIsValid(re->sources[k].root))
			UnlockReleaseBuffer(re->sources[k].root);
		re->sources[k].root = InvalidBuffer;
	}
}

/* the entries are what they were, and the new root is written, with all roots locked; false: not so */
static bool
prepare(Regroup *re, HyChange *change)
{
	PGAlignedBlock page;
	HyMapRoot *root = (HyMapRoot *) (page.data + RG_PAGE_PAYLOAD_OFF);
	uint32 index = hy_root_index(re->bytes);

	if (!hy_change_is(change, &re->reserved.dir))
		return false;
	for (uint32 k = 0; k < re->count; k++)
		if (!hy_change_is(change, &re->sources[k].group))
			return false;
	hy_page_init(page.data, RG_PAGE_MAP, index, re->reserved.dir.entry.group_id);
	hy_map_root_init(page.data);
	for (uint32 k = 0; k < re->count; k++)
	{
		re->sources[k].root = hy_map_lock_root(re->rel, &re->sources[k].group.entry);
		if (!take_headers(re, &re->sources[k], root))
			return false;
	}
	/* more than any answer that one of the old maps has given */
	root->removals++;
	hy_put_root(re->rel, re->reserved.dir.entry.start + index, page.data);
	return true;
}

/* the entry of the new group */
static void
make_entry(const Regroup *re, HyEntry *entry)
{
	const RgHeader *header = (const RgHeader *) re->stream;
	const HyEntry *first = &re->sources[0].group.entry;

	*entry = re->reserved.dir.entry;
	entry->state = HY_GROUP;
	entry->flags = HY_FLAG_FROZEN | HY_FLAG_HOLES;
	entry->rows = header->rows;
	entry->first_row = first->first_row;
	entry->span = re->span;
	entry->xmin = first->xmin;
	entry->cmin = first->cmin;
	entry->stream_bytes = header->stream_bytes;
	entry->raw_bytes = header->raw_bytes;
	entry->row_map = entry->start + hy_root_index(re->bytes);
}

static void
log_swap(Regroup *re, HyChange *change)
{
	HyDirEntry changes[HY_SWAP_ENTRIES];
	HyPatch *patches = palloc(SOURCES_MAX * sizeof(HyPatch));
	const ColDesc *columns = (const ColDesc *) (re->stream + sizeof(RgHeader));
	HyMeta *meta = &change->meta;

	if ((re->reserved.dir.entry.flags & HY_FLAG_WHOLE) == 0)
		meta->opaque_pages += re->reserved.dir.entry.pages;
	for (uint32 k = 0; k < re->count; k++)
	{
		const Source *source = &re->sources[k];
		/* the first one's slot becomes that of the new group, and the reserved one that of its old run */
		HyDirEntry *freed = &changes[k == 0 ? 1 : 2];

		*freed = k == 0 ? re->reserved.dir : source->group;
		freed->entry = source->group.entry;
		hy_make_free_read(&freed->entry);
		meta->free_pages += source->group.entry.pages;
		hy_meta_count_group(meta, &source->group.entry, -1);
		hy_meta_count_columns(meta, source->columns, source->column_count, -1);
		hy_map_supersede(&patches[k]);
		hy_change_add(change, source->root, &patches[k]);
	}
	changes[0] = re->sources[0].group;
	make_entry(re, &changes[0].entry);
	hy_meta_count_group(meta, &changes[0].entry, 1);
	hy_meta_count_columns(meta, columns, ((const RgHeader *) re->stream)->natts, 1);
	hy_change_swap(change, changes, (int) re->count + 1);
	pfree(patches);
}

/* the new group takes the place of the old ones, for everybody at once; false: it cannot now */
static bool
swap(Regroup *re)
{
	HyChange change;
	bool done;

	/* so that nothing of the maps has to be read from disk under the metapage's lock */
	for (uint32 k = 0; k < re->count; k++)
	{
		const HyEntry *entry = &re->sources[k].group.entry;
		HyMapItem *items;

		(void) hy_map_list(re->rel, entry, 0, hy_span(entry), &items, NULL);
		if (items != NULL)
			pfree(items);
	}
	hy_change_begin(&change, re->rel);
	done = prepare(re, &change);
	if (done)
		log_swap(re, &change);
	unlock_roots(re);
	hy_change_end(&change);
	return done;
}

/* ---- all of it ---- */

/* now that headers have been looked at: is it worth it, and will it go?  VACUUM's count took in rows that are dead to some only. */
static bool
is_worth(const Regroup *re)
{
	uint32 rows = 0;
	uint32 headers = 0;

	for (uint32 k = 0; k < re->count; k++)
	{
		rows += re->sources[k].group.entry.rows - re->sources[k].gone_count;
		headers += re->sources[k].headers;
	}
	if (headers > HY_MAP_ROWS)
		return false;
	if (re->count > 1)
		return rows <= rows_of_group(re->rel) &&
			   has_room(hy_directory(re->rel), re->sources[0].group.block);
	return hy_are_many_dead(re->sources[0].gone_count, re->sources[0].group.entry.rows);
}

/* the dense maps of groups that are no more */
static void
free_maps(const Regroup *re)
{
	for (uint32 k = 0; k < re->count; k++)
	{
		const HyDirectory *dir = hy_directory(re->rel);

		for (uint32 i = dir->group_count; i < dir->entry_count; i++)
		{
			HyDirEntry map = dir->entries[i];
			HyChange change;

			if (map.entry.state != HY_MAP ||
				map.entry.group_id != re->sources[k].group.entry.group_id)
				continue;
			hy_change_begin(&change, re->rel);
			if (hy_change_is(&change, &map))
			{
				change.meta.free_pages += map.entry.pages;
				hy_make_free_read(&map.entry);
				hy_change_commit(&change, HY_REC_VACUUM, map.block, &map.slot, &map.entry, 1);
			}
			hy_change_end(&change);
			break;
		}
	}
}

static bool
rewrite(Regroup *re)
{
	TransactionId xid = GetCurrentTransactionId();
	HyOwner owner = { .xmin = xid, .writer = xid };
	bool usable[SOURCES_MAX] = { 0 };

	for (uint32 k = 0; k < re->count; k++)
		usable[k] = find_gone(re, &re->sources[k]);
	if (re->count > 1 && !(usable[0] && usable[1] && is_worth(re)))
		re->count = 1;
	if (!usable[0] || !is_worth(re) || !build(re) ||
		!hy_reserve_on(re->rel, re->count > 1 ? re->sources[0].group.block : InvalidBlockNumber,
					   re->bytes, &owner, &re->reserved))
		return false;
	STOP_POINT("hybrid_regroup_reserved");
	hy_write_stream(re->rel, re->stream, re->bytes, &re->reserved);
	STOP_POINT("hybrid_regroup_written");
	if (!swap(re))
	{
		hy_reserve_undo(re->rel, &re->reserved, re->reserved.dir.entry.pages);
		return false;
	}
	STOP_POINT("hybrid_regroup_swapped");
	free_maps(re);
	return true;
}

bool
hy_regroup_step(Relation rel, HyRegroup *regroup)
{
	bool found = false;
	bool done = false;

	/* snapshots that are told by a header's page that it is too old for them would not find it */
	while (!done && !om_old_snapshots_matter())
	{
		MemoryContext context =
			AllocSetContextCreate(CurrentMemoryContext, "omendb rewriting", ALLOCSET_DEFAULT_SIZES);
		MemoryContext old = MemoryContextSwitchTo(context);
		Regroup *re = palloc0(sizeof(Regroup));

		CHECK_FOR_INTERRUPTS();
		re->rel = rel;
		re->context = context;
		found = choose(re, &regroup->next_row);
		if (found)
		{
			hy_progress_alone(rel, HY_STEP_REWRITE, re->sources[0].group.entry.rows);
			done = rewrite(re);
			pgstat_progress_end_command();
		}
		if (done)
		{
			regroup->groups++;
			for (uint32 k = 0; k < re->count; k++)
			{
				regroup->sources++;
				regroup->rows_freed += re->sources[k].gone_count;
			}
			/* what it has become may be joined with the next one */
			if (re->count > 1)
				regroup->next_row = re->sources[0].group.entry.first_row;
		}
		MemoryContextSwitchTo(old);
		MemoryContextDelete(context);
		if (!found)
			break;
	}
	return done;
}
