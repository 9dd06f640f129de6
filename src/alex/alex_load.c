/*
 * alex_load.c
 *		Bulk load: entries in order become the pages of a new tree, bottom-up.
 *
 * Pages go through shared buffers without a record each; at the end the whole fork
 * is logged by log_newpage_range (rule W2), the metapage having been written
 * last.  A crash before that leaves an index that does not exist.
 *
 * A page is held back as an image until the first entry of its right neighbour
 * is known, since that decides its high fence.  The levels follow one another in
 * the file, so the right neighbour's block is the next one.
 *
 * Memory: a plan and an image (under a megabyte), and the first few thousand separators
 * of a level; the others wait in a temporary file.
 */
#include "postgres.h"

#include "access/xlog.h"
#include "access/xloginsert.h"
#include "catalog/storage.h"
#include "miscadmin.h"
#include "storage/buffile.h"
#include "storage/bufmgr.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "alex/alex_apply.h"
#include "alex/alex_load.h"
#include "alex/alex_options.h"
#include "base/check.h"
#include "base/om_wal.h"
#include "base/pg_compat.h"
#include "base/stop_point.h"

/* when a leaf is nearly full, blocks smaller than this are not worth their descriptor */
#define LAST_BLOCK_ENTRIES_MIN 16

/* separators of a level kept in memory */
#define PARENTS_IN_MEMORY 4096

/* the entries of the level above the one being written */
typedef struct ParentList
{
	int64 count;
	AlexItem *first; /* PARENTS_IN_MEMORY of them */
	BufFile *rest;	 /* or NULL */
} ParentList;

/* one level being written */
typedef struct LevelWriter
{
	uint16 level;
	AlexForm form;
	uint32 capacity; /* bytes of blocks and directory per page */
	uint32 cap;		 /* entries per page */
	AlexItem last;	 /* the last entry of the level so far */
	bool have_image;
	BlockNumber first_block;
	BlockNumber image_block;
	BlockNumber left_block;
	ParentList parents;
} LevelWriter;

struct AlexLoader
{
	MemoryContext context;
	Relation index;
	const AlexKeyInfo *info;
	BlockNumber nblocks; /* of the file */
	char *image;		 /* the page that waits for its high fence */
	AlexPlan *plan;		 /* the entries of the page behind it */
	LevelWriter level;
};

/* ---- writing pages ---- */

/* put an image into the fork: into the next new page, or into one that an undone load left */
static void
write_page(AlexLoader *l, const char *image, BlockNumber block)
{
	Buffer buf;

	if (block < l->nblocks)
	{
		buf = ReadBuffer(l->index, block);
		LockBuffer(buf, BUFFER_LOCK_EXCLUSIVE);
	}
	else
	{
		buf = om_extend_locked(l->index, MAIN_FORKNUM);
		if (BufferGetBlockNumber(buf) != block)
			elog(ERROR, "unexpected block %u in new index, expected %u", BufferGetBlockNumber(buf),
				 block);
		l->nblocks = block + 1;
	}
	/* changes buf alone; logged at the end of the build */
	START_CRIT_SECTION();
	memcpy(BufferGetPage(buf), image, BLCKSZ);
	MarkBufferDirty(buf);
	END_CRIT_SECTION();
	UnlockReleaseBuffer(buf);
}

void
alex_load_fill_meta(char *image, const AlexKeyInfo *info, BlockNumber root, uint32 level,
					bool generic)
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

/* ---- separators ---- */

static void
parents_add(AlexLoader *l, ParentList *list, AlexKey key, uint64 tag, BlockNumber child)
{
	AlexItem item = { 0 };

	item.key = key;
	item.tag = tag;
	item.child = child;
	if (list->count < PARENTS_IN_MEMORY)
		list->first[list->count] = item;
	else
	{
		if (list->rest == NULL)
		{
			MemoryContext caller = MemoryContextSwitchTo(l->context);

			list->rest = BufFileCreateTemp(false);
			MemoryContextSwitchTo(caller);
		}
		BufFileWrite(list->rest, &item, sizeof(item));
	}
	list->count++;
}

/* before the first read */
static void
parents_rewind(ParentList *list)
{
	if (list->rest != NULL && BufFileSeek(list->rest, 0, 0, SEEK_SET) != 0)
		ereport(ERROR, (errcode_for_file_access(),
						errmsg("could not rewind temporary file of index build")));
}

/* the n items from `at` on, a block's worth at most, which must follow those read before */
static void
parents_read(const ParentList *list, int64 at, AlexItem *items, int n)
{
	int in_memory = (int) Max(Min(PARENTS_IN_MEMORY - at, (int64) n), 0);

	/* gcc 13 does not see it and warns of a buffer overrun */
	in_memory = Min(in_memory, ALEX_BLOCK_ENTRIES_MAX);
	if (in_memory > 0)
		memcpy(items, list->first + at, in_memory * sizeof(AlexItem));
	if (n > in_memory)
		om_buffile_read_exact(list->rest, items + in_memory, (n - in_memory) * sizeof(AlexItem));
}

static void
parents_free(ParentList *list)
{
	if (list->rest != NULL)
		BufFileClose(list->rest);
	list->rest = NULL;
	list->count = 0;
}

/* ---- one level ---- */

static void
level_begin(AlexLoader *l, uint16 level, BlockNumber first_block)
{
	LevelWriter *w = &l->level;
	uint32 fill = level > 0 ? ALEX_FILLFACTOR_INNER : (uint32) alex_fillfactor(l->index);

	memset(w, 0, sizeof(*w));
	w->level = level;
	w->form.inner = level > 0;
	w->form.wide = l->info->keybytes > 8;
	w->capacity = ALEX_PAGE_ROOM(w->form) * fill / 100;
	w->cap =
		level > 0 ? ALEX_LEAF_ENTRIES_DEFAULT : (uint32) alex_leaf_entries(l->index) * fill / 100;
	w->cap = Max(w->cap, 2);
	w->first_block = first_block;
	w->image_block = first_block;
	w->left_block = InvalidBlockNumber;
	w->parents.first = MemoryContextAlloc(l->context, PARENTS_IN_MEMORY * sizeof(AlexItem));
	l->plan->count = 0;
	l->plan->nstream = 0;
}

/* write the waiting image; sep is its high fence, or NULL at the end of the level */
static void
flush_image(AlexLoader *l, const AlexItem *sep, bool root)
{
	LevelWriter *w = &l->level;
	AlexPageOpaque *o = alex_opaque(l->image);

	CHECK_FOR_INTERRUPTS();
	if (sep != NULL)
	{
		alex_page_set_high(l->image, sep->key, sep->tag);
		o->right = w->image_block + 1;
	}
	if (root)
		o->flags |= ALEX_ROOT;
	write_page(l, l->image, w->image_block);
	w->left_block = w->image_block;
	w->image_block++;
	w->have_image = false;
}

/* turn the collected entries into the next image */
static void
close_page(AlexLoader *l)
{
	LevelWriter *w = &l->level;
	AlexPlan *plan = l->plan;
	const AlexItem *first = &plan->stream[0];
	AlexItem sep = *first;

	if (w->parents.count == 0)
		sep.key = sep.tag = 0;
	else if (!w->form.inner)
		sep.tag = alex_leaf_separator(w->last.key, w->last.tag, first->key, first->tag).tag;
	if (w->have_image)
		flush_image(l, &sep, false);
	alex_page_init(l->image, w->form.inner ? ALEX_KIND_INNER : ALEX_KIND_LEAF, w->level,
				   l->info->keybytes, (uint8) l->info->natts);
	if (w->parents.count > 0)
		alex_page_set_low(l->image, sep.key, sep.tag);
	alex_opaque(l->image)->left = w->left_block;
	if (!alex_assemble(l->image, NULL, plan, 0, plan->count))
		elog(ERROR, "could not assemble a page of index \"%s\": %d blocks",
			 RelationGetRelationName(l->index), plan->count);
	parents_add(l, &w->parents, sep.key, sep.tag, w->image_block);
	w->have_image = true;
	if (plan->nstream > 0)
		w->last = plan->stream[plan->nstream - 1];
	plan->count = 0;
	plan->nstream = 0;
}

/* try to add n entries to the page being filled; false if they do not fit */
static bool
try_add(AlexLoader *l, const AlexItem *items, int n, uint32 *added_bytes)
{
	AlexPlan *plan = l->plan;
	int first = plan->nstream;
	int count = plan->count;
	uint32 before = count > 0 ? plan->bytes : 0;

	memcpy(&plan->stream[first], items, (size_t) n * sizeof(AlexItem));
	if (!alex_plan_items(plan, first, n, l->level.form))
		elog(ERROR, "could not plan %d entries of index \"%s\"", n,
			 RelationGetRelationName(l->index));
	*added_bytes = plan->bytes - before;
	if (plan->bytes <= l->level.capacity || (first == 0 && n == 1))
		return true;
	plan->nstream = first;
	plan->count = count;
	plan->bytes = before;
	return false;
}

/* add up to 128 entries, over as many pages as it takes */
static void
level_add(AlexLoader *l, const AlexItem *items, int n)
{
	LevelWriter *w = &l->level;
	AlexPlan *plan = l->plan;

	while (n > 0)
	{
		int part = Min(n, (int) w->cap - plan->nstream);
		uint32 added;

		if (part <= 0)
		{
			close_page(l);
			continue;
		}
		while (!try_add(l, items, part, &added))
		{
			uint32 used = plan->count > 0 ? plan->bytes : 0;
			uint32 room = w->capacity > used ? w->capacity - used : 0;
			int fitting = (int) ((uint64) part * room / Max(added, 1));

			part = Min(part - 1, fitting);
			if (plan->nstream > 0 && part < LAST_BLOCK_ENTRIES_MIN)
			{
				part = 0;
				break;
			}
			part = Max(part, 1);
		}
		if (part == 0)
		{
			close_page(l);
			continue;
		}
		items += part;
		n -= part;
	}
}

/* finish the level; returns the number of its pages */
static int64
level_end(AlexLoader *l)
{
	LevelWriter *w = &l->level;

	if (l->plan->nstream > 0 || w->parents.count == 0)
		close_page(l);
	flush_image(l, NULL, w->parents.count == 1);
	return w->parents.count;
}

/* ---- the tree ---- */

AlexLoader *
alex_load_begin(Relation index, const AlexKeyInfo *info)
{
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "alex load", ALLOCSET_DEFAULT_SIZES);
	AlexLoader *l = MemoryContextAllocZero(context, sizeof(AlexLoader));

	l->context = context;
	l->index = index;
	l->info = info;
	l->image = MemoryContextAllocZero(context, BLCKSZ + 16);
	l->plan = MemoryContextAlloc(context, sizeof(AlexPlan));
	/* block 0 is taken now and filled last */
	write_page(l, l->image, ALEX_METAPAGE);
	level_begin(l, 0, ALEX_METAPAGE + 1);
	return l;
}

void
alex_load_add(AlexLoader *l, const AlexItem *items, int n)
{
	Assert(n <= ALEX_BLOCK_ENTRIES_MAX && l->level.level == 0);
	level_add(l, items, n);
}

static void
take_page(AlexLoader *l, const char *page, BlockNumber block, AlexItem *items,
		  void (*take)(void *arg, const AlexItem *item), void *arg)
{
	int n = alex_page_check(page) == NULL ? alex_page_decode(page, NULL, items, NULL) : -1;

	if (n < 0)
		om_index_corrupted(l->index, block, "page of a build cannot be decoded");
	for (int i = 0; i < n; i++)
		take(arg, &items[i]);
}

void
alex_load_undo(AlexLoader *l, void (*take)(void *arg, const AlexItem *item), void *arg)
{
	LevelWriter *w = &l->level;
	AlexItem *items = MemoryContextAlloc(l->context, ALEX_ITEMS_MAX * sizeof(AlexItem));
	char *page = MemoryContextAlloc(l->context, BLCKSZ + 16);

	Assert(w->level == 0);
	for (BlockNumber block = w->first_block; block < w->image_block; block++)
	{
		Buffer buf = ReadBuffer(l->index, block);

		CHECK_FOR_INTERRUPTS();
		LockBuffer(buf, BUFFER_LOCK_SHARE);
		memcpy(page, BufferGetPage(buf), BLCKSZ);
		UnlockReleaseBuffer(buf);
		take_page(l, page, block, items, take, arg);
	}
	if (w->have_image)
		take_page(l, l->image, w->image_block, items, take, arg);
	for (int i = 0; i < l->plan->nstream; i++)
		take(arg, &l->plan->stream[i]);
	pfree(items);
	pfree(page);
	parents_free(&w->parents);
	pfree(w->parents.first);
	level_begin(l, 0, w->first_block);
}

/* the inner levels; returns the root's level, its block is the last one written */
static uint32
load_inner_levels(AlexLoader *l)
{
	while (level_end(l) > 1)
	{
		ParentList parents = l->level.parents;
		AlexItem items[ALEX_BLOCK_ENTRIES_MAX];

		if (l->level.level >= ALEX_LEVEL_MAX)
			elog(ERROR, "index \"%s\" would get more than %d levels",
				 RelationGetRelationName(l->index), ALEX_LEVEL_MAX);
		level_begin(l, l->level.level + 1, l->level.image_block);
		parents_rewind(&parents);
		for (int64 i = 0; i < parents.count; i += ALEX_BLOCK_ENTRIES_MAX)
		{
			int n = (int) Min(parents.count - i, (int64) ALEX_BLOCK_ENTRIES_MAX);

			parents_read(&parents, i, items, n);
			level_add(l, items, n);
		}
		parents_free(&parents);
		pfree(parents.first);
	}
	return l->level.level;
}

void
alex_load_end(AlexLoader *l)
{
	Relation index = l->index;
	uint32 root_level = load_inner_levels(l);
	BlockNumber root = l->level.left_block;

	/* an undone load may have needed more pages */
	if (root + 1 < l->nblocks)
		RelationTruncate(index, root + 1);
	STOP_POINT("alex_build_loaded");

	alex_load_fill_meta(l->image, l->info, root, root_level,
						!om_wal_preloaded() && RelationNeedsWAL(index));
	write_page(l, l->image, ALEX_METAPAGE);
	if (RelationNeedsWAL(index))
		log_newpage_range(index, MAIN_FORKNUM, 0, RelationGetNumberOfBlocks(index), true);
	STOP_POINT("alex_build_logged");
	MemoryContextDelete(l->context);
}
