/*
 * alex_cache.c
 *		The model cache: decoded copies of inner pages.  Contracts are in
 *		alex_cache.h, the argument why a wrong copy does no harm in README.md.
 *
 * The copies of an index form a tree as the pages do: from the root down to level
 * 1, some of them missing.  A copy is made when it will probably pay: after
 * as many visits as the copy costs in searches of the page itself.  It is made anew
 * after as many wrong routes as that costs in steps to the right.  So a
 * workload that copies do not help pays at most about twice what it would without.
 *
 * All memory is in one context and counted; beyond omendb.alex_cache_size the copies used
 * least recently go, an index's entry with its root's.
 *
 * Nothing between alex_cache_route() and alex_cache_report() gives up copies, so a route may
 * point to one without a pin.
 */
#include "postgres.h"

#include "lib/ilist.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/spccache.h"

#include "alex/alex_buf.h"
#include "alex/alex_cache.h"
#include "alex/alex_separators.h"
#include "base/pg_compat.h"

int alex_cache_size = ALEX_CACHE_SIZE_DEFAULT;

/* a copy costs about as much for so many entries as one visit to the page */
#define ENTRIES_A_VISIT 32

/* the index's part of the cache; exists while there is a copy of its root */
typedef struct CachedIndex
{
	Oid relid;		/* hash key */
	OmRelFile file; /* what the copies are of */
	BlockNumber nblocks;
	struct CachedPage *root;
	AlexCacheStats stats;
} CachedIndex;

typedef struct CachedPage
{
	dlist_node lru;
	CachedIndex *index;
	struct CachedPage *parent; /* NULL: this is the root */
	uint32 slot;			   /* place among the parent's children */
	BlockNumber block;
	uint32 level; /* >= 1 */
	uint32 stale; /* wrong routes since the copy was made */
	Size bytes;
	uint16 flags; /* of the page: ALEX_LOW_INF, ALEX_HIGH_INF */
	AlexRawEntry low;
	AlexRawEntry high;
	AlexSeparators seps;
	struct CachedPage **copies; /* level > 1: of the children, or NULL */
	uint8 *visits;				/* level > 1: of children without a copy */
	Buffer *buffers;			/* level 1: where the children were last, or InvalidBuffer */
} CachedPage;

static MemoryContext cache_context;
static HTAB *cached_indexes; /* relid -> CachedIndex */
static dlist_head lru_list = DLIST_STATIC_INIT(lru_list);
static CachedPage *last_used; /* only to be compared with */
static AlexCacheStats total;

/* changes whenever a CachedIndex is freed, so that AlexCache.cached is known to be valid */
static uint64 generation = 1;

/* ---- giving up copies ---- */

static void
free_copy(CachedPage *page)
{
	CachedIndex *index = page->index;

	if (page->copies != NULL)
		for (uint32 i = 0; i < page->seps.n; i++)
			if (page->copies[i] != NULL)
				free_copy(page->copies[i]);
	if (page->parent != NULL)
		page->parent->copies[page->slot] = NULL;
	else
		index->root = NULL;
	dlist_delete(&page->lru);
	index->stats.pages--;
	index->stats.bytes -= (int64) page->bytes;
	total.pages--;
	total.bytes -= (int64) page->bytes;
	last_used = NULL;
	pfree(page);
}

static void
free_index(CachedIndex *index)
{
	if (index->root != NULL)
		free_copy(index->root);
	total.bytes -= (int64) sizeof(CachedIndex);
	generation++;
	(void) hash_search(cached_indexes, &index->relid, HASH_REMOVE, NULL);
}

/* a copy, with the index when it is the root */
static void
give_up(CachedPage *page)
{
	if (page->parent == NULL)
		free_index(page->index);
	else
		free_copy(page);
}

/* the copies on the way to this one, and it, become those used last; parents after their children */
static inline void
touch(CachedPage *page)
{
	if (page == last_used)
		return;
	last_used = page;
	for (; page != NULL; page = page->parent)
		dlist_move_head(&lru_list, &page->lru);
}

/*
 * Keep to the limit.  False if that cost `page` (or NULL), and with the root's copy the index:
 * it alone, with those above it, is larger than the limit.
 *
 * What comes last in the list has no copies below it: those would have been used before it.
 */
static bool
keep_limit(const CachedPage *page)
{
	bool kept = true;

	while (unlikely(total.bytes > (int64) alex_cache_size * 1024))
	{
		CachedPage *last = dlist_container(CachedPage, lru, dlist_tail_node(&lru_list));

		if (last == page)
			kept = false;
		total.evictions++;
		last->index->stats.evictions++;
		give_up(last);
	}
	return kept;
}

static CachedIndex *
lookup_index(Oid relid)
{
	if (cached_indexes == NULL)
		return NULL;
	return (CachedIndex *) hash_search(cached_indexes, &relid, HASH_FIND, NULL);
}

void
alex_cache_forget(Relation rel)
{
	CachedIndex *index = lookup_index(RelationGetRelid(rel));

	if (index != NULL)
		free_index(index);
}

/* ---- making copies ---- */

/* does the page or the copy cover the target? */
static inline bool
covers(uint16 flags, const AlexRawEntry *low, const AlexRawEntry *high, AlexKey key, uint64 tag,
	   bool strict)
{
	if (strict)
		return ((flags & ALEX_LOW_INF) || alex_less(low->key, low->tag, key, tag)) &&
			   ((flags & ALEX_HIGH_INF) || !alex_less(high->key, high->tag, key, tag));
	return ((flags & ALEX_LOW_INF) || !alex_less(key, tag, low->key, low->tag)) &&
		   ((flags & ALEX_HIGH_INF) || alex_less(key, tag, high->key, high->tag));
}

static bool
page_covers(const char *page, AlexKey key, uint64 tag, bool strict)
{
	AlexRawEntry low = alex_page_low(page);
	AlexRawEntry high = alex_page_high(page);

	return covers(alex_opaque(page)->flags, &low, &high, key, tag, strict);
}

/* the copy's memory, filled but for its place among the others; NULL if there is none to be had */
static CachedPage *
decode_copy(const char *image, BlockNumber block)
{
	const AlexPageOpaque *o = alex_opaque(image);
	uint32 entries = alex_page_entries(image);
	AlexItem *items;
	CachedPage *copy = NULL;
	int decoded;
	uint32 n = 0;

	if (entries == 0)
		return NULL;
	items = (AlexItem *) MemoryContextAllocExtended(CurrentMemoryContext,
													entries * sizeof(AlexItem), MCXT_ALLOC_NO_OOM);
	if (items == NULL)
		return NULL;
	decoded = alex_page_decode(image, NULL, items, NULL);
	for (int i = 0; i < decoded; i++)
		if (!(items[i].flags & ALEX_ITEM_REMOVED))
			items[n++] = items[i];
	if (n > 0)
	{
		bool wide = o->keybytes > 8;
		Size arrays = MAXALIGN(alex_separators_bytes(items, n, wide));
		Size links = n * (o->level > 1 ? sizeof(CachedPage *) + 1 : sizeof(Buffer));

		copy = (CachedPage *) MemoryContextAllocExtended(
			cache_context, sizeof(CachedPage) + arrays + links, MCXT_ALLOC_NO_OOM);
		if (copy != NULL)
		{
			char *room = (char *) copy + MAXALIGN(sizeof(CachedPage));

			memset(copy, 0, sizeof(CachedPage));
			copy->block = block;
			copy->level = o->level;
			copy->flags = o->flags & (ALEX_LOW_INF | ALEX_HIGH_INF);
			copy->low = alex_page_low(image);
			copy->high = alex_page_high(image);
			copy->bytes = GetMemoryChunkSpace(copy);
			memset(room + arrays, 0, links);
			if (o->level == 1)
				copy->buffers = (Buffer *) (room + arrays);
			else
			{
				copy->copies = (CachedPage **) (room + arrays);
				copy->visits = (uint8 *) (room + arrays + n * sizeof(CachedPage *));
			}
			/* not in order: a damaged page, which a descent will complain about */
			if (!alex_separators_fill(&copy->seps, room, items, n, wide))
			{
				pfree(copy);
				copy = NULL;
			}
		}
	}
	pfree(items);
	return copy;
}

/* put a copy into its place and keep to the limit; false if there was no place after all */
static bool
install_copy(CachedIndex *index, CachedPage *parent, uint32 slot, CachedPage *copy)
{
	copy->index = index;
	copy->parent = parent;
	copy->slot = slot;
	if (parent != NULL)
		parent->copies[slot] = copy;
	else
		index->root = copy;
	dlist_push_head(&lru_list, &copy->lru);
	index->stats.pages++;
	index->stats.bytes += (int64) copy->bytes;
	total.pages++;
	total.bytes += (int64) copy->bytes;
	touch(copy);
	return keep_limit(copy);
}

static void
cache_start(void)
{
	HASHCTL ctl = { 0 };

	if (cache_context == NULL)
		cache_context =
			AllocSetContextCreate(CacheMemoryContext, "alex model cache", ALLOCSET_DEFAULT_SIZES);
	if (cached_indexes != NULL)
		return;
	ctl.keysize = sizeof(Oid);
	ctl.entrysize = sizeof(CachedIndex);
	ctl.hcxt = cache_context;
	cached_indexes =
		hash_create("alex model cache", 64, &ctl, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

/* a private copy of the bytes of an inner page */
static PGAlignedBlock image;

/* has the page been visited often enough to be copied? */
static inline bool
copy_pays(const char *page, uint32 visits)
{
	return visits * ENTRIES_A_VISIT >= alex_page_entries(page);
}

/*
 * The root as the metapage names it: NULL if it is not that any more, or need not be copied yet.
 */
static CachedIndex *
copy_root(Relation rel, AlexCache *cache)
{
	Oid relid = RelationGetRelid(rel);
	Buffer buf = alex_trybuf(rel, cache->root, BUFFER_LOCK_SHARE, cache->level);
	CachedIndex *index;
	CachedPage *copy;
	BlockNumber nblocks;
	bool found;

	if (!BufferIsValid(buf))
		return NULL;
	if (cache->root_visits < PG_UINT16_MAX)
		cache->root_visits++;
	if (!(alex_opaque(alex_page(buf))->flags & ALEX_ROOT) ||
		!copy_pays(alex_page(buf), cache->root_visits))
	{
		UnlockReleaseBuffer(buf);
		return NULL;
	}
	memcpy(image.data, alex_page(buf), BLCKSZ);
	UnlockReleaseBuffer(buf);

	cache_start();
	nblocks = RelationGetNumberOfBlocks(rel);
	index = (CachedIndex *) hash_search(cached_indexes, &relid, HASH_ENTER, &found);
	Assert(!found);
	index->file = OM_RELATION_FILE(rel);
	index->nblocks = nblocks;
	index->root = NULL;
	memset(&index->stats, 0, sizeof(index->stats));
	index->stats.index = relid;
	total.bytes += (int64) sizeof(CachedIndex);
	copy = decode_copy(image.data, cache->root);
	if (copy == NULL)
	{
		free_index(index);
		return NULL;
	}
	return install_copy(index, NULL, 0, copy) ? index : NULL;
}

/* hand the copies below an outdated copy to the new one, where they still belong; free the rest */
static void
move_children(CachedPage *from, CachedPage *to)
{
	for (uint32 i = 0; i < from->seps.n; i++)
	{
		CachedPage *child = from->copies[i];
		uint32 slot;

		if (child == NULL)
			continue;
		slot = alex_separators_find(&to->seps, child->low.key, child->low.tag, false);
		if (to->seps.children[slot] != child->block || to->copies[slot] != NULL)
			free_copy(child);
		else
		{
			from->copies[i] = NULL;
			child->parent = to;
			child->slot = slot;
			to->copies[slot] = child;
		}
	}
}

/* copy the page again.  False: no copy is left, and the index may be gone as well. */
static bool
refresh(Relation rel, CachedPage *old)
{
	Buffer buf = alex_trybuf(rel, old->block, BUFFER_LOCK_SHARE, old->level);
	CachedIndex *index = old->index;
	CachedPage *parent = old->parent;
	uint32 slot = old->slot;
	CachedPage *copy = NULL;

	index->stats.refreshes++;
	total.refreshes++;
	if (BufferIsValid(buf))
	{
		bool root = (alex_opaque(alex_page(buf))->flags & ALEX_ROOT) != 0;

		memcpy(image.data, alex_page(buf), BLCKSZ);
		UnlockReleaseBuffer(buf);
		if (root == (parent == NULL))
			copy = decode_copy(image.data, old->block);
	}
	if (copy == NULL)
	{
		give_up(old);
		return false;
	}
	if (old->copies != NULL)
		move_children(old, copy);
	free_copy(old);
	return install_copy(index, parent, slot, copy);
}

/* ---- routes ---- */

static inline bool
is_stale(const CachedPage *page)
{
	return page->stale * ENTRIES_A_VISIT > page->seps.n;
}

/* the index's part of the cache, if there is one and it is of this file */
static CachedIndex *
find_index(Relation rel, AlexCache *cache)
{
	OmRelFile file = OM_RELATION_FILE(rel);
	CachedIndex *index = (CachedIndex *) cache->cached;

	if (likely(index != NULL && cache->cached_generation == generation &&
			   memcmp(&index->file, &file, sizeof(file)) == 0))
		return index;
	index = lookup_index(RelationGetRelid(rel));
	if (index == NULL)
		return NULL;
	if (memcmp(&index->file, &file, sizeof(file)) != 0)
	{
		free_index(index);
		return NULL;
	}
	/*
	 * Files of alex indexes do not shrink while they live.  Whatever might have happened
	 * to this one was announced by an invalidation, and that freed the AlexCache.
	 */
	if (!cache->size_checked)
		index->nblocks = RelationGetNumberOfBlocks(rel);
	cache->size_checked = true;
	cache->cached = index;
	cache->cached_generation = generation;
	return index;
}

static bool
block_exists(Relation rel, CachedIndex *index, BlockNumber block)
{
	if (block == ALEX_METAPAGE || block == InvalidBlockNumber)
		return false;
	if (unlikely(block >= index->nblocks))
		index->nblocks = RelationGetNumberOfBlocks(rel);
	return block < index->nblocks;
}

static inline void
blame(CachedPage *page)
{
	page->stale++;
}

/*
 * Go on where there is no copy: to the leaf's block through the pages themselves, or, if *copy
 * comes back, to a copy of the first of them.  False if there is no way; `parent` and the
 * index may be gone then.
 */
static bool
walk(Relation rel, CachedPage *parent, uint32 slot, AlexKey key, uint64 tag, bool strict,
	 BlockNumber *block, CachedPage **copy)
{
	CachedIndex *index = parent->index;

	*copy = NULL;
	*block = parent->seps.children[slot];
	if (parent->visits[slot] < PG_UINT8_MAX)
		parent->visits[slot]++;
	for (uint32 level = parent->level - 1; level > 0; level--)
	{
		Buffer buf = InvalidBuffer;
		const char *page;
		AlexItem child;

		if (block_exists(rel, index, *block))
			buf = alex_trybuf(rel, *block, BUFFER_LOCK_SHARE, level);
		if (!BufferIsValid(buf))
			break;
		page = alex_page(buf);
		if (!page_covers(page, key, tag, strict))
		{
			UnlockReleaseBuffer(buf);
			break;
		}
		if (level == parent->level - 1 && copy_pays(page, parent->visits[slot]))
		{
			memcpy(image.data, page, BLCKSZ);
			UnlockReleaseBuffer(buf);
			parent->visits[slot] = 0;
			*copy = decode_copy(image.data, *block);
			return *copy != NULL && install_copy(index, parent, slot, *copy);
		}
		if (!alex_inner_child(page, key, tag, strict, &child))
		{
			UnlockReleaseBuffer(buf);
			break;
		}
		UnlockReleaseBuffer(buf);
		*block = child.child;
		if (level == 1)
			return true;
	}
	/* a page was not what it should be: the copy that led here is outdated */
	blame(parent);
	return false;
}

bool
alex_cache_route(Relation rel, AlexKey key, uint64 tag, bool strict, AlexRoute *route)
{
	AlexCache *cache = alex_cache(rel);
	CachedIndex *index;
	CachedPage *page;

	/* a leaf that is the root needs no route; the limit may have been lowered */
	(void) keep_limit(NULL);
	if (cache->level == 0 || alex_cache_size == 0)
		return false;
	index = find_index(rel, cache);
	if (index == NULL)
	{
		index = copy_root(rel, cache);
		if (index == NULL)
		{
			total.descents++;
			return false;
		}
	}

	page = index->root;
	for (;;)
	{
		CachedPage *copy;
		uint32 slot;

		if (unlikely(is_stale(page)))
		{
			/* once a route: begin again with the new copy */
			if (!refresh(rel, page))
				break;
			page = index->root;
			continue;
		}
		if (unlikely(!covers(page->flags, &page->low, &page->high, key, tag, strict)))
		{
			if (page->parent != NULL)
				blame(page->parent);
			break;
		}
		slot = alex_separators_find(&page->seps, key, tag, strict);
		route->page = page;
		if (likely(page->level == 1))
		{
			route->block = page->seps.children[slot];
			route->buffer = &page->buffers[slot];
			touch(page);
			if (block_exists(rel, index, route->block))
				return true;
			blame(page);
			break;
		}
		copy = page->copies[slot];
		if (copy == NULL)
		{
			if (!walk(rel, page, slot, key, tag, strict, &route->block, &copy))
				break;
			if (copy == NULL)
			{
				route->buffer = NULL;
				touch(page);
				if (block_exists(rel, index, route->block))
					return true;
				blame(page);
				break;
			}
		}
		page = copy;
	}
	total.descents++;
	index = find_index(rel, cache);
	if (index != NULL)
		index->stats.descents++;
	return false;
}

uint32
alex_cache_prefetch(Relation rel, const AlexRoute *route, uint32 skip, AlexRawEntry upto)
{
	const CachedPage *page = route->page;
	uint32 count = 0;
	uint32 most = 0;

	/* a copy further up does not know leaves */
	if (route->buffer == NULL)
		return 0;
	for (uint32 slot = (uint32) (route->buffer - page->buffers) + skip; slot < page->seps.n; slot++)
	{
		AlexKey key = page->seps.wide ? page->seps.keys16[slot] : page->seps.keys8[slot];
		uint64 tag = page->seps.tags != NULL ? page->seps.tags[slot] : page->seps.tag;

		if (!alex_less(key, tag, upto.key, upto.tag))
			break;
		if (count == 0)
			most = (uint32) get_tablespace_io_concurrency(rel->rd_rel->reltablespace);
		if (count == most || !block_exists(rel, page->index, page->seps.children[slot]))
			break;
		(void) PrefetchBuffer(rel, MAIN_FORKNUM, page->seps.children[slot]);
		count++;
	}
	return count;
}

void
alex_cache_report(Relation rel, const AlexRoute *route, AlexRouteEnd end)
{
	AlexCacheStats *stats = &route->page->index->stats;

	switch (end)
	{
		case ALEX_ROUTE_HIT:
			stats->hits++;
			total.hits++;
			return;
		case ALEX_ROUTE_STEPPED:
			stats->steps_right++;
			total.steps_right++;
			break;
		case ALEX_ROUTE_MISSED:
			stats->descents++;
			total.descents++;
			break;
	}
	blame(route->page);
}

AlexCacheStats *
alex_cache_stats(int *n)
{
	long count = cached_indexes != NULL ? hash_get_num_entries(cached_indexes) : 0;
	AlexCacheStats *stats = (AlexCacheStats *) palloc((Size) (count + 1) * sizeof(AlexCacheStats));

	*n = 0;
	stats[(*n)++] = total;
	if (count > 0)
	{
		HASH_SEQ_STATUS status;
		CachedIndex *index;

		hash_seq_init(&status, cached_indexes);
		while ((index = (CachedIndex *) hash_seq_search(&status)) != NULL)
			stats[(*n)++] = index->stats;
	}
	return stats;
}
