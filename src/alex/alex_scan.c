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
 * else the scan descends again from the saved fence.
 */
#include "postgres.h"

#include "access/relscan.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/bufmgr.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "alex/alex_buf.h"
#include "alex/alex_scan.h"
#include "base/check.h"
#include "base/pg_compat.h"
#include "base/stop_point.h"

/* a range of at most this many entries on one leaf is copied entry by entry */
#define SCAN_SMALL_MAX 32

typedef enum ScanState
{
	SCAN_START, /* not positioned: the next call begins at an end of the range */
	SCAN_PAGE,	/* on the page copied to `page` */
	SCAN_SMALL	/* the whole range is in `small` */
} ScanState;

typedef struct AlexScanOpaque
{
	AlexKeyInfo info;
	AlexBounds bounds;
	bool bounds_ready;
	ScanState state;
	ScanDirection last_dir;
	Buffer pin;		   /* the current page, if its pin must be kept */
	BlockNumber block; /* the current page */

	/* SCAN_SMALL */
	uint32 nsmall;
	uint32 small_pos; /* entries before the cursor */
	AlexItem small[SCAN_SMALL_MAX];

	/* SCAN_PAGE: the range's part of the page, and the cursor in it */
	AlexPagePos from;
	AlexPagePos to;
	AlexPagePos pos;
	int cached_block; /* decoded into `cached`, or -1 */
	uint32 cached_cum;
	uint32 cached_n;
	AlexItem cached[ALEX_BLOCK_ENTRIES_MAX];
	char page[BLCKSZ + 16] __attribute__((aligned(8)));
} AlexScanOpaque;

IndexScanDesc
alexbeginscan(Relation rel, int nkeys, int norderbys)
{
	IndexScanDesc scan = RelationGetIndexScan(rel, nkeys, norderbys);
	AlexScanOpaque *so = (AlexScanOpaque *) palloc(sizeof(AlexScanOpaque));

	so->info = alex_cache(rel)->info;
	so->bounds_ready = false;
	so->state = SCAN_START;
	so->pin = InvalidBuffer;
	so->cached_block = -1;
	scan->opaque = so;
	return scan;
}

static void
drop_page(AlexScanOpaque *so)
{
	if (BufferIsValid(so->pin))
		ReleaseBuffer(so->pin);
	so->pin = InvalidBuffer;
	so->state = SCAN_START;
}

void
alexrescan(IndexScanDesc scan, ScanKey keys, int nkeys, ScanKey orderbys, int norderbys)
{
	AlexScanOpaque *so = (AlexScanOpaque *) scan->opaque;

	drop_page(so);
	so->bounds_ready = false;
	if (keys && scan->numberOfKeys > 0)
		memmove(scan->keyData, keys, (size_t) scan->numberOfKeys * sizeof(ScanKeyData));
}

void
alexendscan(IndexScanDesc scan)
{
	AlexScanOpaque *so = (AlexScanOpaque *) scan->opaque;

	drop_page(so);
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

/* the range's part of a page */
static bool
find_range(const AlexScanOpaque *so, const char *page, AlexPagePos *from, AlexPagePos *to)
{
	const AlexPageOpaque *o = alex_opaque(page);

	if (!alex_page_search(page, so->bounds.lo_key, so->bounds.lo_tag, false, from))
		return false;
	if (so->bounds.hi_inf)
	{
		to->run = (uint32) o->nbase + o->ntail;
		to->gap = o->ngap;
		return true;
	}
	return alex_page_search(page, so->bounds.hi_key, so->bounds.hi_tag, false, to) &&
		   to->run >= from->run && to->gap >= from->gap;
}

/* copy the few entries of the range in order */
static bool
copy_small(AlexScanOpaque *so, const char *page, AlexPagePos from, AlexPagePos to)
{
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
		if (!(next->flags & ALEX_ITEM_REMOVED) &&
			(!so->bounds.filter || alex_key_match(&so->info, &so->bounds, next->key, next->tag)))
			so->small[so->nsmall++] = *next;
	}
	return true;
}

/*
 * Take over a leaf that is pinned and share-locked, and put the cursor at the
 * end of the range from which `dir` starts.  Unlocks; keeps or drops the pin.
 */
static void
load_page(IndexScanDesc scan, Buffer buf, ScanDirection dir)
{
	AlexScanOpaque *so = (AlexScanOpaque *) scan->opaque;
	const char *page = alex_page(buf);

	so->block = BufferGetBlockNumber(buf);
	if (!find_range(so, page, &so->from, &so->to))
		damaged(scan, "leaf cannot be searched");

	if (so->to.run - so->from.run + so->to.gap - so->from.gap <= SCAN_SMALL_MAX &&
		holds_lower_end(so, page) && holds_upper_end(so, page))
	{
		if (!copy_small(so, page, so->from, so->to))
			damaged(scan, "entry cannot be read");
		so->state = SCAN_SMALL;
		so->small_pos = ScanDirectionIsForward(dir) ? 0 : so->nsmall;
	}
	else
	{
		memcpy(so->page, page, BLCKSZ);
		so->cached_block = -1;
		so->state = SCAN_PAGE;
		so->pos = ScanDirectionIsForward(dir) ? so->from : so->to;
	}
	so->last_dir = dir;

	if (IsMVCCSnapshot(scan->xs_snapshot) && RelationNeedsWAL(scan->indexRelation) &&
		!scan->xs_want_itup)
		UnlockReleaseBuffer(buf);
	else
	{
		LockBuffer(buf, BUFFER_LOCK_UNLOCK);
		so->pin = buf;
	}
}

/* first page of the range in this direction */
static void
load_first(IndexScanDesc scan, ScanDirection dir)
{
	AlexScanOpaque *so = (AlexScanOpaque *) scan->opaque;
	const AlexBounds *b = &so->bounds;
	Buffer buf;

	if (ScanDirectionIsForward(dir))
		buf = alex_descend(scan->indexRelation, 0, b->lo_key, b->lo_tag, false, BUFFER_LOCK_SHARE,
						   false);
	else if (b->hi_inf)
		buf = alex_descend(scan->indexRelation, 0, ALEX_KEY_ALL_ONES, PG_UINT64_MAX, false,
						   BUFFER_LOCK_SHARE, false);
	else
		buf = alex_descend(scan->indexRelation, 0, b->hi_key, b->hi_tag, true, BUFFER_LOCK_SHARE,
						   false);
	load_page(scan, buf, dir);
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

/* the neighbour in this direction becomes the current page; false at the range's end */
static bool
step_page(IndexScanDesc scan, ScanDirection dir)
{
	AlexScanOpaque *so = (AlexScanOpaque *) scan->opaque;
	Relation rel = scan->indexRelation;
	const AlexPageOpaque *o = alex_opaque(so->page);
	bool forward = ScanDirectionIsForward(dir);
	AlexRawEntry bound = forward ? alex_page_high(so->page) : alex_page_low(so->page);
	BlockNumber next = forward ? o->right : o->left;
	Buffer buf;

	if (forward ? holds_upper_end(so, so->page) : holds_lower_end(so, so->page))
		return false;
	drop_page(so);
	CHECK_FOR_INTERRUPTS();
	STOP_POINT("alex_scan_step");

	buf = try_link(rel, next);
	if (BufferIsValid(buf))
	{
		const char *page = alex_page(buf);
		AlexRawEntry edge = forward ? alex_page_low(page) : alex_page_high(page);
		bool open = (alex_opaque(page)->flags & (forward ? ALEX_LOW_INF : ALEX_HIGH_INF)) != 0;

		if (open || edge.key != bound.key || edge.tag != bound.tag)
		{
			UnlockReleaseBuffer(buf);
			buf = InvalidBuffer;
		}
	}
	/* not the neighbour any more: find the place again by value */
	if (!BufferIsValid(buf))
		buf = alex_descend(rel, 0, bound.key, bound.tag, !forward, BUFFER_LOCK_SHARE, false);
	load_page(scan, buf, dir);
	return true;
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

/* the next entry on the copied page in this direction; false at its end */
static bool
page_next(IndexScanDesc scan, bool forward, AlexItem *item)
{
	AlexScanOpaque *so = (AlexScanOpaque *) scan->opaque;
	AlexItem gap;
	bool have_run = forward ? so->pos.run < so->to.run : so->pos.run > so->from.run;
	bool have_gap = forward ? so->pos.gap < so->to.gap : so->pos.gap > so->from.gap;
	bool take_gap;

	if (!have_run && !have_gap)
		return false;
	if (have_run)
		run_entry(scan, forward ? so->pos.run : so->pos.run - 1, item);
	if (have_gap)
		alex_gap_item(so->page, forward ? so->pos.gap : so->pos.gap - 1, &gap);
	take_gap =
		have_gap && (!have_run || alex_less(gap.key, gap.tag, item->key, item->tag) == forward);
	if (take_gap)
	{
		*item = gap;
		so->pos.gap += forward ? 1 : -1;
	}
	else
		so->pos.run += forward ? 1 : -1;
	return true;
}

/* the next live entry where the scan stands; false at the end of the page or of `small` */
static bool
local_next(IndexScanDesc scan, bool forward, AlexItem *item)
{
	AlexScanOpaque *so = (AlexScanOpaque *) scan->opaque;

	if (so->state == SCAN_SMALL)
	{
		if (forward ? so->small_pos >= so->nsmall : so->small_pos == 0)
			return false;
		*item = so->small[forward ? so->small_pos++ : --so->small_pos];
		return true;
	}
	do
	{
		if (!page_next(scan, forward, item))
			return false;
	} while ((item->flags & ALEX_ITEM_REMOVED) ||
			 (so->bounds.filter && !alex_key_match(&so->info, &so->bounds, item->key, item->tag)));
	return true;
}

/* the next entry of the scan */
static bool
scan_next(IndexScanDesc scan, ScanDirection dir, AlexItem *item)
{
	AlexScanOpaque *so = (AlexScanOpaque *) scan->opaque;
	bool forward = ScanDirectionIsForward(dir);

	if (!so->bounds_ready)
	{
		alex_key_bounds(scan->indexRelation, &so->info, scan->keyData, scan->numberOfKeys,
						&so->bounds);
		so->bounds_ready = true;
		scan->xs_recheck = so->bounds.recheck;
	}
	if (so->bounds.empty)
		return false;
	if (so->state == SCAN_START)
	{
		pgstat_count_index_scan(scan->indexRelation);
		OM_COUNT_SEARCH(scan);
		load_first(scan, dir);
	}
	else if (so->last_dir != dir)
	{
		/* the cursor stands behind the entry returned last: step over it */
		so->last_dir = dir;
		if (!local_next(scan, forward, item))
			elog(ERROR, "alex scan lost its position in block %u", so->block);
	}
	while (!local_next(scan, forward, item))
	{
		if (so->state == SCAN_SMALL || !step_page(scan, dir))
		{
			/* as in nbtree, a scan that ran out starts again from that end */
			drop_page(so);
			return false;
		}
	}
	return true;
}

static inline void
item_tid(IndexScanDesc scan, const AlexItem *item, ItemPointer tid)
{
	uint64 t = item->tag & ALEX_TAG_TID_MASK;

	ItemPointerSet(tid, (BlockNumber) (t >> 16), (OffsetNumber) (t & 0xFFFF));
	if (unlikely(!alex_tag_tid_valid(t)))
		damaged(scan, "entry's TID is not valid");
}

bool
alexgettuple(IndexScanDesc scan, ScanDirection dir)
{
	AlexItem item;

	/* alexcostestimate sees to it that none is planned */
	if (scan->xs_want_itup)
		elog(ERROR, "unexpected index-only scan of alex index \"%s\"",
			 RelationGetRelationName(scan->indexRelation));
	if (!scan_next(scan, dir, &item))
		return false;
	item_tid(scan, &item, &scan->xs_heaptid);
	return true;
}

int64
alexgetbitmap(IndexScanDesc scan, TIDBitmap *tbm)
{
	AlexScanOpaque *so = (AlexScanOpaque *) scan->opaque;
	ItemPointerData tids[128];
	int n = 0;
	int64 total = 0;
	AlexItem item;

	while (scan_next(scan, ForwardScanDirection, &item))
	{
		item_tid(scan, &item, &tids[n++]);
		total++;
		if (n == lengthof(tids))
		{
			tbm_add_tuples(tbm, tids, n, so->bounds.recheck);
			n = 0;
		}
	}
	if (n > 0)
		tbm_add_tuples(tbm, tids, n, so->bounds.recheck);
	return total;
}
