/*
 * alex_cache.h
 *		The model cache: a backend's decoded copies of inner pages, which route a
 *		lookup straight to its leaf (design rules M1-M3).
 *
 * The cache is a hint.  The caller reads the leaf it names, and accepts it only if that
 * page, under its lock, is a live leaf whose fences enclose the target; nothing
 * here need be right for an answer to be right.  README.md has the argument.
 */
#ifndef ALEX_CACHE_H
#define ALEX_CACHE_H

#include "storage/buf.h"
#include "utils/rel.h"

#include "alex/alex_page.h"

/* omendb.alex_cache_size in kB, the limit for all indexes together; 0 = no cache */
extern int alex_cache_size;

#define ALEX_CACHE_SIZE_DEFAULT 4096
#define ALEX_CACHE_SIZE_MAX (1024 * 1024)

typedef struct AlexRoute
{
	BlockNumber block;		 /* the leaf to try: exists, but may be any page by now */
	struct CachedPage *page; /* the copy that named it; valid until the next alex_cache_route() */
	Buffer
		*buffer; /* the copy's note of the buffer the leaf was in last, for the caller to keep, or
					 * NULL; valid as long */
} AlexRoute;

/* what became of a route */
typedef enum AlexRouteEnd
{
	ALEX_ROUTE_HIT,		/* it was the leaf */
	ALEX_ROUTE_STEPPED, /* the leaf was a few steps to the right */
	ALEX_ROUTE_MISSED	/* neither: the caller descends */
} AlexRouteEnd;

/*
 * alex_cache_route --- where the target's leaf probably is: low <= target < high, or, with
 * strict, low < target <= high.  False if the cache does not know.  Reads inner
 * pages it has no copy of, one share lock at a time; the caller holds no page lock.
 */
extern bool alex_cache_route(Relation rel, AlexKey key, uint64 tag, bool strict, AlexRoute *route);

/*
 * alex_cache_prefetch --- ask the operating system for leaves from the `skip`th behind the route's on, as the copy that
 * named it has them: those that begin below `upto`, at most effective_io_concurrency.  Returns their number.
 */
extern uint32 alex_cache_prefetch(Relation rel, const AlexRoute *route, uint32 skip,
								  AlexRawEntry upto);

/* to be told after each route, so that outdated copies are read again */
extern void alex_cache_report(Relation rel, const AlexRoute *route, AlexRouteEnd end);

/* the file of the index is being made anew in place */
extern void alex_cache_forget(Relation rel);

/* counters, of one index since its root was copied, or of the whole cache (index = 0) */
typedef struct AlexCacheStats
{
	Oid index;
	int64 pages;
	int64 bytes;
	int64 hits;
	int64 steps_right;
	int64 descents;
	int64 refreshes;
	int64 evictions; /* pages given up for others */
} AlexCacheStats;

/* palloc'd; the first element is the whole cache */
extern AlexCacheStats *alex_cache_stats(int *n);

#endif
