/*
 * hybrid_source.h
 *		The bytes of a row group, read from its pages (RgSource).
 *
 * Pages of a published group never change (rule I4), so a pin is all it takes.
 * The page read last stays pinned until hy_source_release.
 */
#ifndef HYBRID_SOURCE_H
#define HYBRID_SOURCE_H

#include "storage/buf.h"
#include "utils/relcache.h"

#include "hybrid/hybrid_format.h"
#include "rowgroup/rowgroup_read.h"

typedef struct HySource
{
	RgSource base;
	Relation rel;
	BufferAccessStrategy strategy; /* NULL: the ordinary pool */
	MemoryContext context;
	uint64 group_id;
	BlockNumber start;
	uint32 pages;
	Buffer buffer; /* pinned, or InvalidBuffer */
	uint32 page;   /* its index in the group */
	/* who reads here and there: where pages stood last, to be pinned without a search; else NULL */
	Buffer *recent;
	uint8 *scratch;
	Size scratch_bytes;
} HySource;

/* in the caller's memory; scratch space comes from `context`.  No strategy: pages are read here and there. */
extern void hy_source_init(HySource *source, Relation rel, const HyEntry *entry,
						   BufferAccessStrategy strategy, MemoryContext context);
extern void hy_source_release(HySource *source);

#endif
