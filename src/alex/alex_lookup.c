/*
 * alex_lookup.c
 *		The few entries of a leaf that a point lookup wants, in one pass.  Pure code;
 *		contracts are in alex_lookup.h.
 *
 * alex_page_search() gives positions, which cost a second search of the directory
 * and opening the block again to read what is there.  Here the block that is
 * searched is read from, and whether the range ends in it the directory tells.
 */
#ifndef OMENDB_UNIT
#include "postgres.h"
#endif

#include "alex/alex_lookup.h"

/* the run (blocks, then tail) from some place on */
typedef struct Walk
{
	const char *page;
	uint32 block; /* the open one; nblocks in the tail */
	uint32 next;  /* entry of the block, or of the tail */
	AlexBlock blk;
	bool damaged;
} Walk;

static inline bool
item_less(const AlexItem *item, AlexRawEntry than)
{
	return alex_less(item->key, item->tag, than.key, than.tag);
}

/* entries of the gap run, or of the tail, below `low` */
static uint32
raw_rank(const char *page, bool tail, AlexRawEntry low)
{
	const AlexPageOpaque *o = alex_opaque(page);
	uint32 lo = 0;
	uint32 hi = tail ? o->ntail : o->ngap;
	AlexItem item;

	while (lo < hi)
	{
		uint32 mid = (lo + hi) / 2;

		if (tail)
			alex_tail_item(page, mid, &item);
		else
			alex_gap_item(page, mid, &item);
		if (item_less(&item, low))
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/*
 * Ask the processor for where the key's entry probably is in block b, taking the block's keys to be
 * evenly spread, so that its memory is under way while the block is opened.  Only a
 * guess: nothing is read here but the descriptor, and a wrong address costs a little.
 */
static inline void
prefetch_entry(const char *page, uint32 b, uint64 key)
{
	const AlexPageOpaque *o = alex_opaque(page);
	const AlexBlockDesc *d = alex_dir_desc(page, b);
	uint64 first = alex_dir_key8(page, b);
	uint64 end =
		b + 1 < o->nblocks ? alex_dir_key8(page, b + 1) : (uint64) alex_page_high(page).key;
	const char *column = page + d->off + 2 * sizeof(uint64);
	uint32 guess = 0;

	if (key > first && key < end)
		guess = (uint32) ((double) (key - first) / (double) (end - first) * d->n);
	__builtin_prefetch(column);
	__builtin_prefetch(column + guess * d->kwidth / 8);
	__builtin_prefetch(column + (d->n * d->kwidth + guess * d->twidth) / 8);
}

/* put the walk before the first entry of the run that is not below `low` */
static void
walk_start(Walk *w, AlexRawEntry low, AlexRawEntry high)
{
	const AlexPageOpaque *o = alex_opaque(w->page);
	uint32 lo = 0;
	uint32 hi = o->nblocks;

	/* the blocks whose first key is below low's; equal first keys are for the search within */
	while (lo < hi)
	{
		uint32 mid = (lo + hi) / 2;

		if (alex_dir_key8(w->page, mid) < low.key)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (o->nblocks > 0)
		prefetch_entry(w->page, lo > 0 ? lo - 1 : 0, (uint64) low.key);
	for (w->block = lo > 0 ? lo - 1 : 0; w->block < o->nblocks; w->block++)
	{
		uint64 first = alex_dir_key8(w->page, w->block);

		/* behind the range: nothing here is wanted, and this is its end */
		if (w->block >= lo && first > high.key)
			break;
		if (!alex_block_open(w->page, w->block, &w->blk))
		{
			w->damaged = true;
			return;
		}
		w->next = alex_block_rank8(&w->blk, first, (uint64) low.key, low.tag, false);
		if (w->next < w->blk.n)
			return;
	}
	w->next = 0;
	if (w->block == o->nblocks)
		w->next = raw_rank(w->page, true, low);
}

/* the next entry of the run, if it is below `high` */
static bool
walk_next(Walk *w, AlexRawEntry high, AlexItem *item)
{
	const AlexPageOpaque *o = alex_opaque(w->page);

	while (w->block < o->nblocks)
	{
		if (w->next == 0)
		{
			if (alex_dir_key8(w->page, w->block) > high.key)
				return false;
			if (!alex_block_open(w->page, w->block, &w->blk))
			{
				w->damaged = true;
				return false;
			}
		}
		if (w->next < w->blk.n)
		{
			if (alex_block_key8(&w->blk, w->next) > high.key)
				return false;
			alex_block_item(&w->blk, w->next, item);
			w->next++;
			return item_less(item, high);
		}
		w->block++;
		w->next = 0;
	}
	if (w->next >= o->ntail)
		return false;
	alex_tail_item(w->page, w->next++, item);
	return item_less(item, high);
}

int
alex_page_lookup(const char *page, AlexRawEntry low, AlexRawEntry high, AlexItem *items, int max)
{
	const AlexPageOpaque *o = alex_opaque(page);
	Walk w;
	AlexItem run;
	AlexItem gap;
	uint32 gap_next = 0;
	bool have_run;
	bool have_gap = false;
	int n = 0;

	/* a key that is no 8-byte one is beyond all of them */
	if ((low.key >> 64) != 0)
		return 0;
	w.page = page;
	w.damaged = false;
	walk_start(&w, low, high);
	if (w.damaged)
		return ALEX_LOOKUP_DAMAGED;
	have_run = walk_next(&w, high, &run);
	if (o->ngap > 0)
	{
		gap_next = raw_rank(page, false, low);
		have_gap = gap_next < o->ngap;
		if (have_gap)
		{
			alex_gap_item(page, gap_next++, &gap);
			have_gap = item_less(&gap, high);
		}
	}
	while (have_run || have_gap)
	{
		bool take_gap = have_gap && (!have_run || alex_less(gap.key, gap.tag, run.key, run.tag));
		const AlexItem *next = take_gap ? &gap : &run;

		if (!(next->flags & ALEX_ITEM_REMOVED))
		{
			if (n == max)
				return max + 1;
			items[n++] = *next;
		}
		if (!take_gap)
			have_run = walk_next(&w, high, &run);
		else
		{
			have_gap = gap_next < o->ngap;
			if (have_gap)
			{
				alex_gap_item(page, gap_next++, &gap);
				have_gap = item_less(&gap, high);
			}
		}
	}
	return w.damaged ? ALEX_LOOKUP_DAMAGED : n;
}
