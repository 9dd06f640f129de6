/*
 * alex_vacuum_batch.h
 *		VACUUM asks about the entries of many leaves together.
 *
 * README.md, "VACUUM", says why what a leaf loses may be decided without a lock on it.
 */
#ifndef ALEX_VACUUM_BATCH_H
#define ALEX_VACUUM_BATCH_H

#include "access/genam.h"
#include "storage/buf.h"

#include "alex/alex_page.h"

/* one ambulkdelete */
typedef struct AlexVacuum
{
	IndexVacuumInfo *info;
	IndexBulkDeleteResult *stats;
	IndexBulkDeleteCallback callback;
	void *callback_state;
	BlockNumber nblocks; /* when the walk began */
	BlockNumber live;	 /* metapage, leaves and inner pages met below nblocks */
} AlexVacuum;

/* where a leaf begins, or must begin */
typedef struct AlexEdge
{
	AlexRawEntry fence;
	bool infinite; /* at the beginning of the key space */
} AlexEdge;

/* does the page begin there? */
static inline bool
alex_begins_at(const char *page, const AlexEdge *edge)
{
	return edge->infinite ? (alex_opaque(page)->flags & ALEX_LOW_INF) != 0
						  : alex_page_starts_at(page, edge->fence);
}

typedef struct AlexBatch AlexBatch;

extern AlexBatch *alex_batch_create(AlexVacuum *v);
extern void alex_batch_free(AlexBatch *batch);

/* is there no room for another leaf, whatever it holds? */
extern bool alex_batch_full(const AlexBatch *batch);

/* is the block in the batch? */
extern bool alex_batch_has(const AlexBatch *batch, BlockNumber block);

/*
 * alex_batch_add --- note a leaf and its entries.  The buffer is locked for cleanup; it is
 * unlocked and released.
 */
extern void alex_batch_add(AlexBatch *batch, Buffer buf);

/*
 * alex_batch_flush --- ask about the entries, delete those whose rows are gone, then the leaves
 * that are empty, and merge sparse ones.  Afterwards the batch is empty, but that its last leaf may be merged into one of the next.
 * No page may be locked.
 *
 * edge: the high fence of the last leaf; it moves with the low fence of the leaf
 * that begins there when leaves left of that one are deleted.
 */
extern void alex_batch_flush(AlexBatch *batch, AlexEdge *edge);

#endif
