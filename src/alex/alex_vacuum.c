/*
 * alex_vacuum.c
 *		ambulkdelete, amvacuumcleanup.
 *
 * VACUUM walks the leaves in key order by their right links and takes a cleanup
 * lock on each (rule C5): it waits for scans that keep a pin, and every TID is
 * seen exactly once, which CREATE INDEX CONCURRENTLY relies on.  A split that
 * moves entries right while VACUUM stands between two leaves moves entries it has
 * seen; the walk goes on at the right link it read under the lock.
 *
 * What it sees goes into batches of leaves (alex_vacuum_batch.c).
 */
#include "postgres.h"

#include "commands/vacuum.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "storage/freespace.h"
#include "storage/indexfsm.h"
#include "storage/lmgr.h"
#include "storage/procarray.h"
#include "utils/rel.h"

#include "alex/alex_buf.h"
#include "alex/alex_pagedel.h"
#include "alex/alex_vacuum.h"
#include "alex/alex_vacuum_batch.h"
#include "base/check.h"
#include "base/pg_compat.h"
#include "base/stop_point.h"

/*
 * The leftmost leaf.  An earlier VACUUM may have left half-dead ones on its left,
 * to which no right link leads.
 */
static BlockNumber
first_leaf(Relation rel)
{
	BlockNumber last_left = InvalidBlockNumber;

	for (;;)
	{
		Buffer buf = alex_descend(rel, 0, 0, 0, false, BUFFER_LOCK_SHARE, false);
		BlockNumber block = BufferGetBlockNumber(buf);
		BlockNumber left = alex_opaque(alex_page(buf))->left;

		UnlockReleaseBuffer(buf);
		if (left == InvalidBlockNumber)
			return block;
		if (left == last_left)
			om_index_corrupted(rel, block, "left link of the leftmost page");
		(void) alex_finish_deletion(rel, left);
		last_left = left;
	}
}

/* an earlier VACUUM did not come to the end of it */
static bool
is_half_dead(Buffer buf)
{
	const char *page = alex_page(buf);

	return !PageIsNew(BufferGetPage(buf)) && alex_page_check_header(page) == NULL &&
		   alex_opaque(page)->kind == ALEX_KIND_LEAF && (alex_opaque(page)->flags & ALEX_HALF_DEAD);
}

/* does the leaf begin where it must, and end as it should? */
static void
check_fences(Relation rel, Buffer buf, const AlexEdge *edge)
{
	const AlexPageOpaque *o = alex_opaque(alex_page(buf));

	if (!alex_begins_at(alex_page(buf), edge))
		om_index_corrupted(rel, BufferGetBlockNumber(buf),
						   "low fence differs from the left sibling's high fence");
	if ((o->right == InvalidBlockNumber) != ((o->flags & ALEX_HIGH_INF) != 0))
		om_index_corrupted(rel, BufferGetBlockNumber(buf), "high fence and right link disagree");
}

/* the walk */
static void
vacuum_leaves(AlexVacuum *v)
{
	Relation rel = v->info->index;
	BlockNumber block = first_leaf(rel);
	AlexEdge edge = { { 0, 0 }, true };
	AlexBatch *batch = alex_batch_create(v);

	while (block != InvalidBlockNumber)
	{
		Buffer buf;
		BlockNumber next;

		om_vacuum_delay_point();
		/* a leaf met twice would be asked about twice, and its fences tell only behind the batch */
		if (block == ALEX_METAPAGE || alex_batch_has(batch, block))
			om_index_corrupted(rel, block, "right link leads to the metapage or back");
		buf = ReadBufferExtended(rel, MAIN_FORKNUM, block, RBM_NORMAL, v->info->strategy);
		LockBufferForCleanup(buf);
		if (is_half_dead(buf))
		{
			/* the right one has its range */
			next = alex_opaque(alex_page(buf))->right;
			UnlockReleaseBuffer(buf);
			v->stats->pages_newly_deleted += alex_finish_deletion(rel, block);
			block = next;
			continue;
		}
		alex_check_buf(rel, buf, 0);
		check_fences(rel, buf, &edge);
		edge.fence = alex_page_high(alex_page(buf));
		edge.infinite = false;
		next = alex_opaque(alex_page(buf))->right;
		alex_batch_add(batch, buf);
		v->live += block < v->nblocks;
		block = next;
		STOP_POINT("alex_vacuum_between_leaves");
		if (block == InvalidBlockNumber || alex_batch_full(batch))
			alex_batch_flush(batch, &edge);
	}
	alex_batch_free(batch);
}

/* count the pages of the inner levels: few, and mostly in cache */
static void
count_inner(AlexVacuum *v)
{
	Relation rel = v->info->index;
	Buffer meta = alex_getmeta(rel, BUFFER_LOCK_SHARE);
	uint32 level = alex_meta(meta)->level;

	UnlockReleaseBuffer(meta);
	for (; level > 0; level--)
	{
		Buffer buf = alex_descend(rel, level, 0, 0, false, BUFFER_LOCK_SHARE, false);

		v->live += BufferGetBlockNumber(buf) < v->nblocks;
		while (!(alex_opaque(alex_page(buf))->flags & ALEX_HIGH_INF))
		{
			buf = alex_step_right(rel, buf, BUFFER_LOCK_SHARE);
			v->live += BufferGetBlockNumber(buf) < v->nblocks;
		}
		UnlockReleaseBuffer(buf);
	}
}

/* pages of the index; one just being added must not look free: see om_extend_locked */
static BlockNumber
count_blocks(Relation rel)
{
	BlockNumber nblocks;
	bool lock = !RELATION_IS_LOCAL(rel);

	if (lock)
		LockRelationForExtension(rel, ExclusiveLock);
	nblocks = RelationGetNumberOfBlocks(rel);
	if (lock)
		UnlockRelationForExtension(rel, ExclusiveLock);
	return nblocks;
}

/*
 * Find pages that belong to nothing: deleted, or all zeroes, left by an error or a crash
 * between allocating and linking them.  Only among those that were there when the
 * walk began, and only if the count says there may be some.  What was deleted just now
 * is mostly too young to be free; the next VACUUM finds it.
 */
static void
find_free_pages(AlexVacuum *v)
{
	Relation rel = v->info->index;
	bool found = false;

	count_inner(v);
	v->stats->num_pages = v->nblocks;
	v->stats->pages_deleted = v->stats->pages_free = 0;
	if (v->live >= v->nblocks)
		return;
	/* move the horizon that alex_page_recyclable asks */
	(void) GetOldestNonRemovableTransactionId(NULL);
	for (BlockNumber block = ALEX_METAPAGE + 1; block < v->nblocks; block++)
	{
		Buffer buf;

		om_vacuum_delay_point();
		buf = ReadBufferExtended(rel, MAIN_FORKNUM, block, RBM_NORMAL, v->info->strategy);
		LockBuffer(buf, BUFFER_LOCK_SHARE);
		if (alex_page_recyclable(buf))
		{
			RecordFreeIndexPage(rel, block);
			v->stats->pages_free++;
			v->stats->pages_deleted++;
			found = true;
		}
		else if (alex_page_check_header(alex_page(buf)) == NULL &&
				 (alex_opaque(alex_page(buf))->flags & ALEX_DELETED))
			v->stats->pages_deleted++;
		UnlockReleaseBuffer(buf);
	}
	if (found)
		IndexFreeSpaceMapVacuum(rel);
}

IndexBulkDeleteResult *
alexbulkdelete(IndexVacuumInfo *info, IndexBulkDeleteResult *stats,
			   IndexBulkDeleteCallback callback, void *callback_state)
{
	AlexVacuum v = { info, stats, callback, callback_state, count_blocks(info->index), 1 };

	if (v.stats == NULL)
		v.stats = (IndexBulkDeleteResult *) palloc0(sizeof(IndexBulkDeleteResult));
	alex_note_generic(info->index);
	v.stats->estimated_count = false;
	v.stats->num_index_tuples = 0;
	vacuum_leaves(&v);
	find_free_pages(&v);
	return v.stats;
}

IndexBulkDeleteResult *
alexvacuumcleanup(IndexVacuumInfo *info, IndexBulkDeleteResult *stats)
{
	/* without ambulkdelete there was nothing to do, and nothing is known (rule C5) */
	if (info->analyze_only || stats == NULL)
		return stats;
	stats->num_pages = RelationGetNumberOfBlocks(info->index);
	return stats;
}
