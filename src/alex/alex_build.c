/*
 * alex_build.c
 *		ambuild: scan the table, sort the entries, write the tree bottom-up.
 *
 * Pages go through shared buffers without a record each; at the end the whole fork
 * is logged by log_newpage_range (rule W2), the metapage having been written
 * last.  A crash before that leaves an index that does not exist.
 *
 * A page is held back as an image until the first entry of its right neighbour
 * is known, since that decides its high fence.
 */
#include "postgres.h"

#include "access/tableam.h"
#include "access/xlog.h"
#include "access/xloginsert.h"
#include "catalog/index.h"
#include "commands/progress.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/bufmgr.h"
#include "utils/rel.h"

#include "alex/alex_apply.h"
#include "alex/alex_buf.h"
#include "alex/alex_build.h"
#include "alex/alex_options.h"
#include "alex/alex_sort.h"
#include "base/om_wal.h"
#include "base/pg_compat.h"
#include "base/stop_point.h"

/* phases of pg_stat_progress_create_index, after core's "initializing" */
#define PHASE_SCAN (PROGRESS_CREATEIDX_SUBPHASE_INITIALIZE + 1)
#define PHASE_SORT (PROGRESS_CREATEIDX_SUBPHASE_INITIALIZE + 2)
#define PHASE_LOAD (PROGRESS_CREATEIDX_SUBPHASE_INITIALIZE + 3)

/* when a leaf is nearly full, blocks smaller than this are not worth their descriptor */
#define LAST_BLOCK_ENTRIES_MIN 16

static AlexPlan build_plan;

typedef struct BuildState
{
	Relation index;
	AlexKeyInfo info;
	AlexSort *sort;
	double index_tuples;
} BuildState;

/* one level being written */
typedef struct LevelWriter
{
	Relation index;
	uint16 level;
	uint8 natts;
	AlexForm form;
	uint32 capacity; /* bytes of blocks and directory per page, reserve included */
	uint32 cap;		 /* entries per page */
	AlexItem last;	 /* the last entry of the level so far */
	bool have_image;
	BlockNumber image_block;
	BlockNumber left_block;
	char *image; /* the page that waits for its high fence */

	/* the entries of the level above */
	AlexItem *parents;
	int64 nparents;
	int64 parents_room;
} LevelWriter;

char *
alexbuildphasename(int64 phase)
{
	switch (phase)
	{
		case PROGRESS_CREATEIDX_SUBPHASE_INITIALIZE:
			return pstrdup("initializing");
		case PHASE_SCAN:
			return pstrdup("scanning table");
		case PHASE_SORT:
			return pstrdup("sorting entries");
		case PHASE_LOAD:
			return pstrdup("loading entries in tree");
		default:
			return NULL;
	}
}

/* ---- writing pages ---- */

/* put an image into a new page of the fork; returns its block */
static BlockNumber
write_page(Relation index, const char *image, BlockNumber expected)
{
	Buffer buf = om_extend_locked(index, MAIN_FORKNUM);
	BlockNumber block = BufferGetBlockNumber(buf);

	if (block != expected)
		elog(ERROR, "unexpected block %u in new index, expected %u", block, expected);
	/* changes buf alone; logged at the end of the build */
	START_CRIT_SECTION();
	memcpy(BufferGetPage(buf), image, BLCKSZ);
	MarkBufferDirty(buf);
	END_CRIT_SECTION();
	UnlockReleaseBuffer(buf);
	return block;
}

static void
fill_meta(char *image, const AlexKeyInfo *info, BlockNumber root, uint32 level, bool generic)
{
	AlexMeta *meta = (AlexMeta *) (image + ALEX_PAGE_HEADER_BYTES);

	alex_page_init(image, ALEX_KIND_META, 0, info->keybytes, (uint8) info->natts);
	memset(image + ALEX_PAGE_HEADER_BYTES, 0, sizeof(AlexMeta));
	meta->magic = ALEX_MAGIC;
	meta->version = ALEX_VERSION;
	meta->root = root;
	meta->level = level;
	meta->keybytes = info->keybytes;
	meta->natts = (uint16) info->natts;
	meta->flags = generic ? ALEX_META_GENERIC : 0;
	for (int i = 0; i < info->natts; i++)
		meta->cols[i] = info->cols[i];
	alex_header(image)->lower = ALEX_PAGE_HEADER_BYTES + sizeof(AlexMeta);
}

/* ---- one level ---- */

static void
level_begin(LevelWriter *w, const BuildState *state, uint16 level, BlockNumber first_block)
{
	Relation index = state->index;
	uint32 fill = level > 0 ? ALEX_FILLFACTOR_DEFAULT : (uint32) alex_fillfactor(index);

	memset(w, 0, sizeof(*w));
	w->index = index;
	w->level = level;
	w->natts = (uint8) state->info.natts;
	w->form.inner = level > 0;
	w->form.wide = state->info.keybytes > 8;
	w->capacity = ALEX_PAGE_ROOM(w->form) * fill / 100;
	w->cap = level > 0 ? ALEX_LEAF_ENTRIES_DEFAULT : (uint32) alex_leaf_entries(index) * fill / 100;
	w->cap = Max(w->cap, 2);
	w->image_block = first_block;
	w->left_block = InvalidBlockNumber;
	w->image = palloc(BLCKSZ + 16);
	w->parents_room = 1024;
	w->parents = (AlexItem *) palloc(w->parents_room * sizeof(AlexItem));
	build_plan.count = 0;
	build_plan.nstream = 0;
}

static void
add_parent(LevelWriter *w, AlexKey key, uint64 tag, BlockNumber child)
{
	AlexItem *p;

	if (w->nparents == w->parents_room)
	{
		w->parents_room *= 2;
		w->parents = (AlexItem *) repalloc_huge(w->parents, w->parents_room * sizeof(AlexItem));
	}
	p = &w->parents[w->nparents++];
	p->key = key;
	p->tag = tag;
	p->child = child;
	p->flags = 0;
}

/* write the waiting image; sep is its high fence, or NULL at the end of the level */
static void
flush_image(LevelWriter *w, const AlexItem *sep, bool root)
{
	AlexPageOpaque *o = alex_opaque(w->image);

	CHECK_FOR_INTERRUPTS();
	if (sep != NULL)
	{
		alex_page_set_high(w->image, sep->key, sep->tag);
		o->right = w->image_block + 1;
	}
	if (root)
		o->flags |= ALEX_ROOT;
	w->left_block = write_page(w->index, w->image, w->image_block);
	w->image_block++;
	w->have_image = false;
}

/* turn the collected entries into the next image */
static void
close_page(LevelWriter *w)
{
	const AlexItem *first = &build_plan.stream[0];
	AlexItem sep = *first;

	if (w->nparents == 0)
		sep.key = sep.tag = 0;
	else if (!w->form.inner)
		sep.tag = alex_leaf_separator(w->last.key, w->last.tag, first->key, first->tag).tag;
	if (w->have_image)
		flush_image(w, &sep, false);
	alex_page_init(w->image, w->form.inner ? ALEX_KIND_INNER : ALEX_KIND_LEAF, w->level,
				   (uint8) ALEX_KEY_BYTES(w->form), w->natts);
	if (w->nparents > 0)
		alex_page_set_low(w->image, sep.key, sep.tag);
	alex_opaque(w->image)->left = w->left_block;
	if (!alex_assemble(w->image, NULL, &build_plan, 0, build_plan.count))
		elog(ERROR, "could not assemble a page of index \"%s\": %d blocks",
			 RelationGetRelationName(w->index), build_plan.count);
	add_parent(w, sep.key, sep.tag, w->image_block);
	w->have_image = true;
	if (build_plan.nstream > 0)
		w->last = build_plan.stream[build_plan.nstream - 1];
	build_plan.count = 0;
	build_plan.nstream = 0;
}

/* try to add n entries to the page being filled; false if they do not fit */
static bool
try_add(LevelWriter *w, const AlexItem *items, int n, uint32 *added_bytes)
{
	int first = build_plan.nstream;
	int count = build_plan.count;
	uint32 before = count > 0 ? build_plan.bytes : 0;

	memcpy(&build_plan.stream[first], items, (size_t) n * sizeof(AlexItem));
	if (!alex_plan_items(&build_plan, first, n, w->form))
		elog(ERROR, "could not plan %d entries of index \"%s\"", n,
			 RelationGetRelationName(w->index));
	*added_bytes = build_plan.bytes - before;
	if (build_plan.bytes + alex_page_reserve(build_plan.nbase, (uint32) build_plan.count) <=
			w->capacity ||
		(first == 0 && n == 1))
		return true;
	build_plan.nstream = first;
	build_plan.count = count;
	build_plan.bytes = before;
	return false;
}

/* add up to 128 entries, over as many pages as it takes */
static void
level_add(LevelWriter *w, const AlexItem *items, int n)
{
	while (n > 0)
	{
		int part = Min(n, (int) w->cap - build_plan.nstream);
		uint32 added;

		if (part <= 0)
		{
			close_page(w);
			continue;
		}
		while (!try_add(w, items, part, &added))
		{
			uint32 used = build_plan.count > 0
							  ? build_plan.bytes + alex_page_reserve((uint32) build_plan.nstream,
																	 (uint32) build_plan.count)
							  : 0;
			uint32 room = w->capacity > used ? w->capacity - used : 0;
			int fitting = (int) ((uint64) part * room / Max(added, 1));

			part = Min(part - 1, fitting);
			if (build_plan.nstream > 0 && part < LAST_BLOCK_ENTRIES_MIN)
			{
				part = 0;
				break;
			}
			part = Max(part, 1);
		}
		if (part == 0)
		{
			close_page(w);
			continue;
		}
		items += part;
		n -= part;
	}
}

/* finish the level; returns the number of its pages */
static int64
level_end(LevelWriter *w)
{
	if (build_plan.nstream > 0 || w->nparents == 0)
		close_page(w);
	flush_image(w, NULL, w->nparents == 1);
	return w->nparents;
}

/* ---- the tree ---- */

static void
load_leaves(BuildState *state, LevelWriter *w)
{
	AlexSortEntry entries[ALEX_BLOCK_ENTRIES_MAX];
	AlexItem items[ALEX_BLOCK_ENTRIES_MAX];
	AlexSortEntry prev = { 0, 0 };
	int64 done = 0;
	uint32 n;

	while ((n = alex_sort_next(state->sort, entries, lengthof(entries))) > 0)
	{
		for (uint32 i = 0; i < n; i++)
		{
			if (done + i > 0 && !alex_less(prev.key, prev.tag, entries[i].key, entries[i].tag))
				ereport(ERROR, (errcode(ERRCODE_INDEX_CORRUPTED),
								errmsg("table row was indexed twice in index \"%s\"",
									   RelationGetRelationName(state->index))));
			prev = entries[i];
			items[i].key = entries[i].key;
			items[i].tag = entries[i].tag;
			items[i].child = 0;
			items[i].flags = 0;
		}
		level_add(w, items, (int) n);
		done += n;
		if ((done & 0x7FFF) < n)
			pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_DONE, done);
	}
	pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_DONE, done);
}

/* all levels; returns the root's block and level */
static BlockNumber
load_tree(BuildState *state, uint32 *root_level)
{
	LevelWriter w;
	BlockNumber next_block = ALEX_METAPAGE + 1;

	level_begin(&w, state, 0, next_block);
	load_leaves(state, &w);
	while (level_end(&w) > 1)
	{
		LevelWriter up;

		if (w.level >= ALEX_LEVEL_MAX)
			elog(ERROR, "index \"%s\" would get more than %d levels",
				 RelationGetRelationName(state->index), ALEX_LEVEL_MAX);
		level_begin(&up, state, w.level + 1, w.image_block);
		for (int64 i = 0; i < w.nparents; i += ALEX_BLOCK_ENTRIES_MAX)
			level_add(&up, w.parents + i,
					  (int) Min(w.nparents - i, (int64) ALEX_BLOCK_ENTRIES_MAX));
		pfree(w.parents);
		pfree(w.image);
		w = up;
	}
	*root_level = w.level;
	pfree(w.parents);
	pfree(w.image);
	return w.left_block;
}

static void
build_callback(Relation index, ItemPointer tid, Datum *values, bool *isnull, bool alive, void *arg)
{
	BuildState *state = (BuildState *) arg;
	AlexKey key;
	uint64 tag;

	alex_key_encode(&state->info, values, isnull, tid, &key, &tag);
	alex_sort_put(state->sort, (uint64) key, tag);
	state->index_tuples += 1;
}

IndexBuildResult *
alexbuild(Relation heap, Relation index, IndexInfo *index_info)
{
	BuildState state = { 0 };
	IndexBuildResult *result;
	double heap_tuples;
	PGAlignedBlock image;
	BlockNumber root;
	uint32 level;
	Buffer meta;

	if (RelationGetNumberOfBlocks(index) != 0)
		elog(ERROR, "index \"%s\" already contains data: %u blocks", RelationGetRelationName(index),
			 RelationGetNumberOfBlocks(index));
	/* a truncated index is rebuilt in the same file: forget its old root */
	if (index->rd_amcache != NULL)
	{
		pfree(index->rd_amcache);
		index->rd_amcache = NULL;
	}
	state.index = index;
	alex_key_info(index, &state.info);
	state.sort = alex_sort_begin(maintenance_work_mem);

	pgstat_progress_update_param(PROGRESS_CREATEIDX_SUBPHASE, PHASE_SCAN);
	heap_tuples =
		table_index_build_scan(heap, index, index_info, true, true, build_callback, &state, NULL);
	pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_TOTAL, (int64) state.index_tuples);
	pgstat_progress_update_param(PROGRESS_CREATEIDX_SUBPHASE, PHASE_SORT);
	alex_sort_perform(state.sort);
	STOP_POINT("alex_build_sorted");

	pgstat_progress_update_param(PROGRESS_CREATEIDX_SUBPHASE, PHASE_LOAD);
	/* block 0 is taken now and filled last */
	memset(image.data, 0, BLCKSZ);
	write_page(index, image.data, ALEX_METAPAGE);
	root = load_tree(&state, &level);
	alex_sort_end(state.sort);
	STOP_POINT("alex_build_loaded");

	fill_meta(image.data, &state.info, root, level, !om_wal_preloaded() && RelationNeedsWAL(index));
	meta = ReadBuffer(index, ALEX_METAPAGE);
	LockBuffer(meta, BUFFER_LOCK_EXCLUSIVE);
	START_CRIT_SECTION();
	memcpy(BufferGetPage(meta), image.data, BLCKSZ);
	MarkBufferDirty(meta);
	END_CRIT_SECTION();
	UnlockReleaseBuffer(meta);
	if (RelationNeedsWAL(index))
		log_newpage_range(index, MAIN_FORKNUM, 0, RelationGetNumberOfBlocks(index), true);
	STOP_POINT("alex_build_logged");

	result = (IndexBuildResult *) palloc(sizeof(IndexBuildResult));
	result->heap_tuples = heap_tuples;
	result->index_tuples = state.index_tuples;
	return result;
}

/*
 * The init fork of an unlogged index is always logged, as full pages: at reset its
 * file is copied, and redo flushes init forks for restored pages only.
 */
static void
write_init_page(Relation index, const char *image, BlockNumber expected)
{
	Buffer buf = om_extend_locked(index, INIT_FORKNUM);

	if (BufferGetBlockNumber(buf) != expected)
		elog(ERROR, "unexpected block %u in init fork, expected %u", BufferGetBlockNumber(buf),
			 expected);
	START_CRIT_SECTION();
	memcpy(BufferGetPage(buf), image, BLCKSZ);
	MarkBufferDirty(buf);
	log_newpage_buffer(buf, true);
	END_CRIT_SECTION();
	UnlockReleaseBuffer(buf);
}

void
alexbuildempty(Relation index)
{
	AlexKeyInfo info;
	PGAlignedBlock image;

	alex_key_info(index, &info);
	fill_meta(image.data, &info, ALEX_METAPAGE + 1, 0, false);
	write_init_page(index, image.data, ALEX_METAPAGE);
	alex_page_init(image.data, ALEX_KIND_LEAF, 0, info.keybytes, (uint8) info.natts);
	alex_opaque(image.data)->flags |= ALEX_ROOT;
	write_init_page(index, image.data, ALEX_METAPAGE + 1);
}
