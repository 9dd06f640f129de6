/*
 * alex_scan.c
 *		Index scans: bounds, a private copy of the current page, steps.
 *
 * A scan reads the entries of [lo, hi) from private memory only (rule C3).  It
 * copies the leaf while it holds the share lock; or, when the leaf holds the whole
 * range and few entries of it (the point lookup), just these entries.
 *
 * The pin is kept until the scan leaves the page, so that VACUUM's cleanup
 * lock waits for it, unless the snapshot is MVCC and the index is WAL-logged:
 * then a TID that VACUUM has freed and heap has used again is not visible to the
 * snapshot (as in nbtree).
 *
 * Links are hints (rule C2): the next page must start where this one ended,
 * else the scan descends again from the saved fence.  A page found like that may
 * reach over the fence, since the deletion of a page gives its range to the right
 * neighbour: the scan's copy gets the saved fence as its own and the rest of the page is
 * none of its business, in whichever direction it goes on.
 */
#include "postgres.h"

#include "access/heapam.h"
#include "access/relscan.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/bufmgr.h"
#include "storage/predicate.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "alex/alex_buf.h"
#include "alex/alex_lookup.h"
#include "alex/alex_scan.h"
#include "alex/alex_scan_state.h"
#include "base/check.h"
#include "base/heap_pin.h"
#include "base/pg_compat.h"
#include "base/stop_point.h"

IndexScanDesc
alexbeginscan(Relation rel, int nkeys, int norderbys)
{
	IndexScanDesc scan = RelationGetIndexScan(rel, nkeys, norderbys);
	AlexScanOpaque *so = (AlexScanOpaque *) palloc(sizeof(AlexScanOpaque));

	so->info = alex_cache(rel)->info;
	so->arrays = NULL;
	so->bounds_ready = false;
	so->dense = false;
	so->mark = NULL;
	so->tuple = NULL;
	so->block = InvalidBlockNumber;
	so->ahead = 0;
	so->cursor.state = SCAN_START;
	so->cursor.last_dir = NoMovementScanDirection;
	so->pin = InvalidBuffer;
	so->cached_block = -1;
	memset(&so->killed, 0, sizeof(so->killed));
	scan->opaque = so;
	return scan;
}

void
alex_scan_drop_page(IndexScanDesc scan)
{
	AlexScanOpaque *so = (AlexScanOpaque *) scan->opaque;

	if (so->cursor.state != SCAN_START)
	{
		alex_killed_flush(scan->indexRelation, &so->killed, so->block, so->pin);
		alex_mark_leave(so);
	}
	if (BufferIsValid(so->pin))
		ReleaseBuffer(so->pin);
	so->pin = InvalidBuffer;
	so->cursor.state = SCAN_START;
}

void
alexrescan(IndexScanDesc scan, ScanKey keys, int nkeys, ScanKey orderbys, int norderbys)
{
	AlexScanOpaque *so = (AlexScanOpaque *) scan->opaque;

	alex_mark_forget(so);
	alex_scan_drop_page(scan);
	so->bounds_ready = false;
	if (keys && scan->numberOfKeys > 0)
		memmove(scan->keyData, keys, (size_t) scan->numberOfKeys * sizeof(ScanKeyData));
}

void
alexendscan(IndexScanDesc scan)
{
	AlexScanOpaque *so = (AlexScanOpaque *) scan->opaque;

	alex_mark_forget(so);
	alex_scan_drop_page(scan);
	if (so->mark != NULL)
		pfree(so->mark);
	alex_arrays_free(so);
	alex_tuple_free(so);
	if (so->killed.entries != NULL)
		pfree(so->killed.entries);
	pfree(so);
}

/* ---- the current page ---- */

static void
damaged(IndexScanDesc scan, const char *detail)
{
	AlexScanOpaque *so = (AlexScanOpaque *) scan->opaque;

	om_index_corrupted(scan->indexRelation, so->block, detail);
}

/* does the page's range reach the scan's upper / lower end? */
static inline bool
holds_upper_end(const AlexScanOpaque *so, const char *page)
{
	AlexRawEntry high;

	if (alex_opaque(page)->flags & ALEX_HIGH_INF)
		return true;
	high = alex_page_high(page);
	return !so->bounds.hi_inf &&
		   !alex_less(high.key, high.tag, so->bounds.hi_key, so->bounds.hi_tag);
}

static inline bool
holds_lower_end(const AlexScanOpaque *so, const char *page)
{
	AlexRawEntry low;

	if (alex_opaque(page)->flags & ALEX_LOW_INF)
		return true;
	low = alex_page_low(page);
	return !alex_less(so->bounds.lo_key, so->bounds.lo_tag, low.key, low.tag);
}

/* does the range end behind the page's low fence? */
static inline bool
ends_right_of_low(const AlexScanOpaque *so, const char *page)
{
	AlexRawEntry low = alex_page_low(page);

	return (alex_opaque(page)->flags & ALEX_LOW_INF) || so->bounds.hi_inf ||
		   alex_less(low.key, low.tag, so->bounds.hi_key, so->bounds.hi_tag);
}

/* the part of a page that is in the range and from `above` on, up to `below` (NULL: no matter) */
static bool
find_range(const AlexScanOpaque *so, const char *page, const AlexRawEntry *above,
		   const AlexRawEntry *below, AlexPagePos *from, AlexPagePos *to)
{
	const AlexPageOpaque *o = alex_opaque(page);
	AlexRawEntry lo = { so->bounds.lo_key, so->bounds.lo_tag };
	AlexRawEntry hi = { so->bounds.hi_key, so->bounds.hi_tag };

	if (above != NULL && alex_less(lo.key, lo.tag, above->key, above->tag))
		lo = *above;
	if (below != NULL && (so->bounds.hi_inf || alex_less(below->key, below->tag, hi.key, hi.tag)))
		hi = *below;
	if (!alex_page_search(page, lo.key, lo.tag, false, from))
		return false;
	if (so->bounds.hi_inf && below == NULL)
	{
		to->run = (uint32) o->nbase + o->ntail;
		to->gap = o->ngap;
		return true;
	}
	return alex_page_search(page, hi.key, hi.tag, false, to) && to->run >= from->run &&
		   to->gap >= from->gap;
}

/* is there nothing to return for this entry? */
static inline bool
skip_item(IndexScanDesc scan, const AlexItem *item)
{
	const AlexScanOpaque *so = (const AlexScanOpaque *) scan->opaque;

	return (item->flags & ALEX_ITEM_REMOVED) ||
		   ((item->flags & ALEX_ITEM_DEAD) && scan->ignore_killed_tuples) ||
		   (so->bounds.filter && !alex_key_match(&so->info, &so->bounds, item->key, item->tag));
}

/* copy the few entries of the range in order */
static bool
copy_small(IndexScanDesc scan, const char *page, AlexPagePos from, AlexPagePos to)
{
	AlexScanOpaque *so = (AlexScanOpaque *) scan->opaque;
	AlexItem run = { 0 };
	AlexItem gap;

	so->nsmall = 0;
	while (from.run < to.run || from.gap < to.gap)
	{
		AlexItem *next = &run;

		if (from.run < to.run && !alex_run_item(page, from.run, &run))
			return false;
		if (from.gap < to.gap)
		{
			alex_gap_item(page, from.gap, &gap);
			if (from.run == to.run || alex_less(gap.key, gap.tag, run.key, run.tag))
				next = &gap;
		}
		if (next == &run)
			from.run++;
		else
			from.gap++;
		if (!skip_item(scan, next))
			so->small[so->nsmall++] = *next;
	}
	return true;
}

/*
 * The point lookup: copy the range's entries in one pass, if they are few and all on this
 * page.  False if not, or not in this way.
 */
static bool
copy_lookup(IndexScanDesc scan, const char *page)
{
	AlexScanOpaque *so = (AlexScanOpaque *) scan->opaque;
	const AlexBounds *b = &so->bounds;
	int n;

	if (so->dense || b->hi_inf || b->filter || alex_opaque(page)->keybytes != 8 ||
		!holds_lower_end(so, page) || !holds_upper_end(so, page))
		return false;
	n = alex_page_lookup(page, (AlexRawEntry){ b->lo_key, b->lo_tag },
						 (AlexRawEntry){ b->hi_key, b->hi_tag }, so->small, SCAN_SMALL_MAX);
	if (n == ALEX_LOOKUP_DAMAGED)
		damaged(scan, "leaf cannot be searched");
	if (n > SCAN_SMALL_MAX)
		return false;
	so->nsmall = 0;
	for (int i = 0; i < n; i++)
		if (!skip_item(scan, &so->small[i]))
			so->small[so->nsmall++] = so->small[i];
	return true;
}

/*
 * Take over a leaf that is pinned and share-locked, and put the cursor at the
 * end of the range from which `dir` starts.  Unlocks; keeps or drops the pin.
 *
 * bound: where the page left before ended in this direction, or NULL.
 */
static void
load_page(IndexScanDesc scan, Buffer buf, ScanDirection dir, const AlexRawEntry *bound)
{
	AlexScanOpaque *so = (AlexScanOpaque *) scan->opaque;
	const char *page = alex_page(buf);
	const AlexRawEntry *above = ScanDirectionIsForward(dir) ? bound : NULL;
	const AlexRawEntry *below = ScanDirectionIsForward(dir) ? NULL : bound;
	BlockNumber before = so->block;

	so->block = BufferGetBlockNumber(buf);
	/* VACUUM may have removed entries early: whatever takes some from the range leaves its LSN here */
	om_test_old_snapshot(scan->xs_snapshot, scan->indexRelation, BufferGetPage(buf));
	/* under the page's lock and before it is read, empty or not: whoever inserts here from now on will see it */
	PredicateLockPage(scan->indexRelation, so->block, scan->xs_snapshot);
	if (so->arrays != NULL && so->block == before && scan->parallel_scan == NULL)
		so->dense = true;
	alex_killed_start(&so->killed, buf);
	if (bound == NULL && copy_lookup(scan, page))
	{
		so->cursor.state = SCAN_SMALL;
		so->cursor.small_pos = ScanDirectionIsForward(dir) ? 0 : so->nsmall;
	}
	else if (!find_range(so, page, above, below, &so->cursor.from, &so->cursor.to))
		damaged(scan, "leaf cannot be searched");
	else if (!so->dense && bound == NULL &&
			 so->cursor.to.run - so->cursor.from.run + so->cursor.to.gap - so->cursor.from.gap <=
				 SCAN_SMALL_MAX &&
			 holds_lower_end(so, page) && holds_upper_end(so, page))
	{
		if (!copy_small(scan, page, so->cursor.from, so->cursor.to))
			damaged(scan, "entry cannot be read");
		so->cursor.state = SCAN_SMALL;
		so->cursor.small_pos = ScanDirectionIsForward(dir) ? 0 : so->nsmall;
	}
	else
	{
		memcpy(so->page, page, BLCKSZ);
		if (above != NULL)
			alex_page_set_low(so->page, above->key, above->tag);
		if (below != NULL)
			alex_page_set_high(so->page, below->key, below->tag);
		so->cached_block = -1;
		so->reused = false;
		so->cursor.state = SCAN_PAGE;
		so->cursor.pos = ScanDirectionIsForward(dir) ? so->cursor.from : so->cursor.to;
	}
	so->cursor.last_dir = dir;

	if (IsMVCCSnapshot(scan->xs_snapshot) && RelationNeedsWAL(scan->indexRelation) &&
		!scan->xs_want_itup)
		UnlockReleaseBuffer(buf);
	else
	{
		LockBuffer(buf, BUFFER_LOCK_UNLOCK);
		so->pin = buf;
	}
}

/* a linked page, share-locked, if it is a live leaf at all; else InvalidBuffer */
static Buffer
try_link(Relation rel, BlockNumber block)
{
	Buffer buf;
	const char *page;

	if (block == InvalidBlockNumber || block == ALEX_METAPAGE)
		return InvalidBuffer;
	buf = ReadBuffer(rel, block);
	LockBuffer(buf, BUFFER_LOCK_SHARE);
	page = alex_page(buf);
	if (!PageIsNew(BufferGetPage(buf)) && alex_page_check_header(page) == NULL &&
		alex_opaque(page)->kind == ALEX_KIND_LEAF &&
		!(alex_opaque(page)->flags & (ALEX_DELETED | ALEX_HALF_DEAD)) &&
		alex_page_fences_ascend(page))
		return buf;
	UnlockReleaseBuffer(buf);
	return InvalidBuffer;
}

/* the leaf that begins (backward: ends) at `bound`, locked; `block` is where it was */
static Buffer
leaf_at(Relation rel, BlockNumber block, AlexRawEntry bound, bool forward)
{
	Buffer buf = try_link(rel, block);

	if (BufferIsValid(buf))
	{
		const char *page = alex_page(buf);
		AlexRawEntry edge = forward ? alex_page_low(page) : alex_page_high(page);
		bool open = (alex_opaque(page)->flags & (forward ? ALEX_LOW_INF : ALEX_HIGH_INF)) != 0;

		if (!open && edge.key == bound.key && edge.tag == bound.tag)
			return buf;
		UnlockReleaseBuffer(buf);
	}
	/* not the neighbour any more: find the place again by value */
	return alex_descend(rel, 0, bound.key, bound.tag, !forward, BUFFER_LOCK_SHARE, false);
}

/* the neighbour in this direction becomes the current page; false at the range's end */
static bool
step_page(IndexScanDesc scan, ScanDirection dir)
{
	AlexScanOpaque *so = (AlexScanOpaque *) scan->opaque;
	const AlexPageOpaque *o = alex_opaque(so->page);
	bool forward = ScanDirectionIsForward(dir);
	AlexRawEntry bound = forward ? alex_page_high(so->page) : alex_page_low(so->page);
	BlockNumber next = forward ? o->right : o->left;

	if (alex_scan_range_ends(so, dir))
		return false;
	alex_scan_drop_page(scan);
	CHECK_FOR_INTERRUPTS();
	STOP_POINT("alex_scan_step");
	load_page(scan, leaf_at(scan->indexRelation, next, bound, forward), dir, &bound);
	if (so->ahead > 0)
		so->ahead--;
	if (forward)
		alex_scan_read_ahead(scan);
	return true;
}

bool
alex_scan_range_ends(const AlexScanOpaque *so, ScanDirection dir)
{
	if (so->cursor.state == SCAN_SMALL)
		return true;
	return ScanDirectionIsForward(dir) ? holds_upper_end(so, so->page)
									   : holds_lower_end(so, so->page);
}

void
alex_scan_load(IndexScanDesc scan, ScanDirection dir, BlockNumber block)
{
	AlexScanOpaque *so = (AlexScanOpaque *) scan->opaque;
	const AlexBounds *b = &so->bounds;
	bool forward = ScanDirectionIsForward(dir);
	AlexRawEntry bound = { forward ? b->lo_key : b->hi_key, forward ? b->lo_tag : b->hi_tag };

	CHECK_FOR_INTERRUPTS();
	scan->xs_recheck = b->recheck;
	if (block == InvalidBlockNumber)
	{
		OM_COUNT_SEARCH(scan);
		load_page(scan, alex_scan_first_leaf(scan, dir), dir, NULL);
		if (forward && !b->hi_inf)
			alex_scan_read_ahead(scan);
		return;
	}
	STOP_POINT("alex_scan_step");
	/* the bounds exclude what was scanned before: no matter where the page begins */
	load_page(scan, leaf_at(scan->indexRelation, block, bound, forward), dir, NULL);
}

/* ---- entries ---- */

/* entry of the run at rank r, through the block cache */
static void
run_entry(IndexScanDesc scan, uint32 r, AlexItem *item)
{
	AlexScanOpaque *so = (AlexScanOpaque *) scan->opaque;
	uint32 nbase = alex_opaque(so->page)->nbase;

	if (r >= nbase)
	{
		alex_tail_item(so->page, r - nbase, item);
		return;
	}
	if (so->cached_block < 0 || r < so->cached_cum || r - so->cached_cum >= so->cached_n)
	{
		AlexBlock blk;
		uint32 b = alex_page_block_of(so->page, r);

		if (!alex_block_open(so->page, b, &blk) || r < blk.cum || r - blk.cum >= blk.n)
			damaged(scan, "block cannot be read");
		alex_block_decode(&blk, so->cached);
		so->cached_block = (int) b;
		so->cached_cum = blk.cum;
		so->cached_n = blk.n;
	}
	*item = so->cached[r - so->cached_cum];
}

/* is there nothing to return of this block? */
static bool
block_is_dead(const AlexBlock *blk)
{
	for (uint32 from = 0; from < blk->n; from += 64)
	{
		uint64 all = bitpack_mask(Min(blk->n - from, 64));
		uint64 gone = bitpack_load64(blk->dead + from / 8);

		if (blk->removed != NULL)
			gone |= bitpack_load64(blk->removed + from / 8);
		if ((gone & all) != all)
			return false;
	}
	return true;
}

/*
 * Pass by blocks whose entries are all dead without decoding them: the end of a queue has many, which
 * every look at the oldest row meets.
 */
static inline void
skip_dead_blocks(IndexScanDesc scan, bool forward)
{
	AlexScanOpaque *so = (AlexScanOpaque *) scan->opaque;
	AlexScanCursor *c = &so->cursor;
	uint32 nbase = alex_opaque(so->page)->nbase;

	while (forward ? c->pos.run < c->to.run : c->pos.run > c->from.run)
	{
		uint32 r = forward ? c->pos.run : c->pos.run - 1;
		AlexBlock blk;

		if (r >= nbase || (so->cached_block >= 0 && r - so->cached_cum < so->cached_n))
			return;
		if (!alex_block_open(so->page, alex_page_block_of(so->page, r), &blk) || r < blk.cum ||
			r - blk.cum >= blk.n)
			damaged(scan, "block cannot be read");
		if (!block_is_dead(&blk))
			return;
		c->pos.run = forward ? Min(blk.cum + blk.n, c->to.run) : Max(blk.cum, c->from.run);
	}
}

/* the next entry on the copied page in this direction; false at its end */
static bool
page_next(IndexScanDesc scan, bool forward, AlexItem *item)
{
	AlexScanOpaque *so = (AlexScanOpaque *) scan->opaque;
	AlexItem gap;
	bool have_run =
		forward ? so->cursor.pos.run < so->cursor.to.run : so->cursor.pos.run > so->cursor.from.run;
	bool have_gap =
		forward ? so->cursor.pos.gap < so->cursor.to.gap : so->cursor.pos.gap > so->cursor.from.gap;
	bool take_gap;

	if (!have_run && !have_gap)
		return false;
	if (have_run)
		run_entry(scan, forward ? so->cursor.pos.run : so->cursor.pos.run - 1, item);
	if (have_gap)
		alex_gap_item(so->page, forward ? so->cursor.pos.gap : so->cursor.pos.gap - 1, &gap);
	take_gap =
		have_gap && (!have_run || alex_less(gap.key, gap.tag, item->key, item->tag) == forward);
	if (take_gap)
	{
		*item = gap;
		so->cursor.pos.gap += forward ? 1 : -1;
	}
	else
		so->cursor.pos.run += forward ? 1 : -1;
	return true;
}

/*
 * The usual case of a forward scan, for speed: the next entry is the next of the block that is
 * decoded already, comes before the gap run's next one and is live.  NULL: not so.
 */
static inline const AlexItem *
next_in_block(AlexScanOpaque *so)
{
	AlexScanCursor *c = &so->cursor;
	uint32 at = c->pos.run - so->cached_cum; /* wraps if the position is before the block */
	const AlexItem *item;

	if (c->state != SCAN_PAGE || so->cached_block < 0 || at >= so->cached_n ||
		c->pos.run >= c->to.run || so->bounds.filter)
		return NULL;
	item = &so->cached[at];
	if (item->flags != 0)
		return NULL;
	if (c->pos.gap < c->to.gap)
	{
		AlexItem gap;

		alex_gap_item(so->page, c->pos.gap, &gap);
		if (!alex_less(item->key, item->tag, gap.key, gap.tag))
			return NULL;
	}
	c->pos.run++;
	return item;
}

/* the next live entry where the scan stands; false at the end of the page or of `small` */
static bool
local_next(IndexScanDesc scan, bool forward, AlexItem *item)
{
	AlexScanOpaque *so = (AlexScanOpaque *) scan->opaque;

	if (so->cursor.state == SCAN_SMALL)
	{
		if (forward ? so->cursor.small_pos >= so->nsmall : so->cursor.small_pos == 0)
			return false;
		*item = so->small[forward ? so->cursor.small_pos++ : --so->cursor.small_pos];
		return true;
	}
	do
	{
		if (scan->ignore_killed_tuples)
			skip_dead_blocks(scan, forward);
		if (!page_next(scan, forward, item))
			return false;
	} while (skip_item(scan, item));
	return true;
}

void
alex_scan_prepare(IndexScanDesc scan)
{
	AlexScanOpaque *so = (AlexScanOpaque *) scan->opaque;

	if (so->bounds_ready)
		return;
	alex_arrays_prepare(scan);
	if (so->arrays == NULL)
		alex_key_bounds(scan->indexRelation, &so->info, scan->keyData, scan->numberOfKeys,
						&so->bounds);
	so->bounds_ready = true;
	so->dense = false;
	so->block = InvalidBlockNumber;
	if (scan->xs_want_itup)
		alex_tuple_prepare(scan);
}

bool
alex_scan_first_range(IndexScanDesc scan, ScanDirection dir)
{
	AlexScanOpaque *so = (AlexScanOpaque *) scan->opaque;

	alex_scan_prepare(scan);
	return so->arrays != NULL ? alex_arrays_first(scan, dir) : !so->bounds.empty;
}

/*
 * The scan goes on to the following range, if there is one: on the private copy of
 * the page if the range begins on it, else by a descent.
 */
static bool
step_range(IndexScanDesc scan, ScanDirection dir)
{
	AlexScanOpaque *so = (AlexScanOpaque *) scan->opaque;
	const AlexBounds *b = &so->bounds;
	bool forward = ScanDirectionIsForward(dir);

	if (!alex_arrays_next(scan, dir))
		return false;
	scan->xs_recheck = b->recheck;
	if (so->cursor.state == SCAN_PAGE)
	{
		/* the range does not overlap what the scan has passed: only one fence matters */
		if (forward ? !alex_page_beyond(so->page, b->lo_key, b->lo_tag)
					: ends_right_of_low(so, so->page))
		{
			AlexRawEntry low = alex_page_low(so->page);
			AlexRawEntry high = alex_page_high(so->page);
			uint16 flags = alex_opaque(so->page)->flags;

			/* the copy's fences may be narrower than what it holds */
			if (!find_range(so, so->page, (flags & ALEX_LOW_INF) ? NULL : &low,
							(flags & ALEX_HIGH_INF) ? NULL : &high, &so->cursor.from,
							&so->cursor.to))
				damaged(scan, "leaf cannot be searched");
			so->cursor.pos = forward ? so->cursor.from : so->cursor.to;
			so->reused = true;
			return true;
		}
		if (!so->reused)
			so->dense = false;
	}
	alex_scan_drop_page(scan);
	alex_scan_load(scan, dir, InvalidBlockNumber);
	return true;
}

/* the next entry of the scan */
static bool
scan_next(IndexScanDesc scan, ScanDirection dir, AlexItem *item)
{
	AlexScanOpaque *so = (AlexScanOpaque *) scan->opaque;
	bool forward = ScanDirectionIsForward(dir);

	if (so->cursor.state == SCAN_START)
	{
		pgstat_count_index_scan(scan->indexRelation);
		if (scan->parallel_scan != NULL)
		{
			if (!alex_parallel_next(scan, dir))
				return false;
		}
		else
		{
			if (!alex_scan_first_range(scan, dir))
				return false;
			alex_scan_load(scan, dir, InvalidBlockNumber);
		}
	}
	else if (so->cursor.last_dir != dir)
	{
		/* the cursor stands behind the entry returned last: step over it */
		so->cursor.last_dir = dir;
		if (!local_next(scan, forward, item))
			elog(ERROR, "alex scan lost its position in block %u", so->block);
	}
	while (!local_next(scan, forward, item))
	{
		if (scan->parallel_scan != NULL)
		{
			if (!alex_parallel_next(scan, dir))
				return false;
			continue;
		}
		if (so->cursor.state == SCAN_PAGE && step_page(scan, dir))
			continue;
		if (!step_range(scan, dir))
		{
			/* as in nbtree, a scan that ran out starts again from that end */
			alex_scan_drop_page(scan);
			return false;
		}
	}
	return true;
}

/* the same, where it stands already, or in *room; NULL at the end */
static inline const AlexItem *
next_item(IndexScanDesc scan, ScanDirection dir, AlexItem *room)
{
	AlexScanOpaque *so = (AlexScanOpaque *) scan->opaque;
	const AlexItem *item = NULL;

	if (ScanDirectionIsForward(dir) && so->cursor.last_dir == dir)
		item = next_in_block(so);
	if (item == NULL && scan_next(scan, dir, room))
		item = room;
	return item;
}

static inline void
item_tid(IndexScanDesc scan, const AlexItem *item, ItemPointer tid)
{
	uint64 t = item->tag & ALEX_TAG_TID_MASK;

	ItemPointerSet(tid, (BlockNumber) (t >> 16), (OffsetNumber) (t & 0xFFFF));
	if (unlikely(!alex_tag_tid_valid(t)))
		damaged(scan, "entry's TID is not valid");
}

/* alex_tuple_make() for a plain column; false: it is for that function */
static inline bool
plain_tuple_make(IndexScanDesc scan, const AlexItem *item)
{
	const AlexPlainTuple *plain = &((const AlexScanOpaque *) scan->opaque)->plain;
	uint64 value = (uint64) item->key ^ plain->flip;

	if (plain->bytes == 0 || ALEX_TAG_NULLS(item->tag) != 0 || item->key == plain->null ||
		item->key > plain->max)
		return false;
	switch (plain->bytes)
	{
		case 8:
			*(uint64 *) plain->value = value;
			break;
		case 4:
			*(uint32 *) plain->value = (uint32) value;
			break;
		case 2:
			*(uint16 *) plain->value = (uint16) value;
			break;
		default:
			*(uint8 *) plain->value = (uint8) value;
			break;
	}
	plain->tuple->t_info = plain->info;
	plain->tuple->t_tid = scan->xs_heaptid;
	scan->xs_itup = plain->tuple;
	return true;
}

bool
alexgettuple(IndexScanDesc scan, ScanDirection dir)
{
	AlexScanOpaque *so = (AlexScanOpaque *) scan->opaque;
	const AlexItem *item;
	AlexItem found;

	if (scan->kill_prior_tuple && so->cursor.state != SCAN_START)
		alex_killed_add(&so->killed, GetMemoryChunkContext(so), so->last.key, so->last.tag);
	do
	{
		item = next_item(scan, dir, &found);
		if (item == NULL)
			return false;
		item_tid(scan, item, &scan->xs_heaptid);
	} while (scan->xs_want_itup && !plain_tuple_make(scan, item) && !alex_tuple_make(scan, item));
	so->last = *item;
	/* omendb tables see to their hot rows themselves */
	if (!scan->xs_want_itup && scan->xs_heapfetch != NULL &&
		scan->heapRelation->rd_tableam == GetHeapamTableAmRoutine())
		om_heap_pin(scan->heapRelation, scan->xs_heapfetch, &scan->xs_heaptid);
	return true;
}

int64
alexgetbitmap(IndexScanDesc scan, TIDBitmap *tbm)
{
	AlexScanOpaque *so = (AlexScanOpaque *) scan->opaque;
	ItemPointerData tids[128];
	int n = 0;
	int64 total = 0;
	bool recheck = false;
	const AlexItem *item;
	AlexItem found;

	while ((item = next_item(scan, ForwardScanDirection, &found)) != NULL)
	{
		item_tid(scan, item, &tids[n++]);
		total++;
		recheck |= so->bounds.recheck; /* may differ from one array element to the next */
		if (n == lengthof(tids))
		{
			tbm_add_tuples(tbm, tids, n, recheck);
			n = 0;
			recheck = false;
		}
	}
	if (n > 0)
		tbm_add_tuples(tbm, tids, n, recheck);
	return total;
}
