/*
 * alex_decode.c
 *		All entries of a page image in order; one found again by value and marked
 *		dead.  Pure code; contracts are in alex_page.h.
 */
#ifndef OMENDB_UNIT
#include "postgres.h"
#endif

#include "alex/alex_page.h"

/* ---- one block ---- */

/*
 * The key column: kbase + delta + residual.  A residual that one load holds, which is nearly
 * always so, is read without a branch.
 */
static inline void
decode_keys8(const AlexBlock *blk, AlexItem *items)
{
	LinearWalk walk = linear_walk(blk->kslope, blk->idx0);
	uint64 base = (uint64) blk->kbase;
	uint32 width = blk->kwidth;
	uint32 n = blk->n;

	if (width == 0)
		for (uint32 i = 0; i < n; i++)
			items[i].key = base + linear_next(&walk);
	else if (width <= BITPACK_ONE_LOAD_MAX)
	{
		uint64 mask = bitpack_mask(width);
		uint32 bit = 0;

		for (uint32 i = 0; i < n; i++, bit += width)
			items[i].key = base + linear_next(&walk) + bitpack_get_at(blk->kbits, bit, mask);
	}
	else
		for (uint32 i = 0; i < n; i++)
			items[i].key = base + linear_next(&walk) + bitpack_get(blk->kbits, i, width);
}

/*
 * TIDs of a block of one region, each with its null flags, which are all the same, to every
 * stride'th word of dst.  Division by mul is a multiplication by its reciprocal: with lin < 2^48,
 * mul < 2^16 and inverse = (2^64 - 1) / mul + 1, which exceeds 2^64 / mul by less than 1, the product
 * exceeds lin * 2^64 / mul by less than 2^48, and the quotient is exact (the fraction of
 * lin / mul is at most 1 - 2^-16).
 */
static pg_attribute_always_inline void
decode_tids(const AlexBlock *blk, uint64 nulls, uint64 *dst, const size_t stride)
{
	LinearWalk walk = linear_walk(blk->tslope, blk->idx0);
	uint64 inverse = blk->tmul > 1 ? PG_UINT64_MAX / blk->tmul + 1 : 0;
	uint64 mask = bitpack_mask(blk->twidth); /* at most 48 bits: one load holds a field */
	uint32 bit = 0;

	if (blk->tmul <= 1)
	{
		for (uint32 i = 0; i < blk->n; i++, bit += blk->twidth)
			dst[i * stride] = nulls | alex_tid_of_lin(blk->tbase + linear_next(&walk) +
														  bitpack_get_at(blk->tbits, bit, mask),
													  blk->tmul);
		return;
	}
	for (uint32 i = 0; i < blk->n; i++, bit += blk->twidth)
	{
		uint64 lin = (blk->tbase + linear_next(&walk) + bitpack_get_at(blk->tbits, bit, mask)) &
					 ALEX_TAG_TID_MASK;
		uint64 block = (uint64) (((uint128) lin * inverse) >> 64);

		dst[i * stride] =
			nulls | ((block << 16 | (lin - block * blk->tmul + 1)) & ALEX_TAG_TID_MASK);
	}
}

static inline void
decode_tags(const AlexBlock *blk, AlexItem *items)
{
	decode_tids(blk, (uint64) blk->nbase << ALEX_TAG_TID_BITS, &items[0].tag,
				sizeof(AlexItem) / sizeof(uint64));
}

/* flag the entries whose bit is set: few, if any, so whole words are looked at */
static inline void
decode_flag(const uint8 *bits, uint32 n, uint8 flag, AlexItem *items)
{
	for (uint32 from = 0; from < n; from += 64)
	{
		uint64 word = bitpack_load64(bits + from / 8) & bitpack_mask(Min(n - from, 64));

		for (; word != 0; word &= word - 1)
			items[from + (uint32) __builtin_ctzll(word)].flags |= flag;
	}
}

void
alex_block_decode(const AlexBlock *blk, AlexItem *items)
{
	if (blk->two_tids || blk->inner || blk->nwidth > 0)
	{
		for (uint32 i = 0; i < blk->n; i++)
			alex_block_item(blk, i, &items[i]);
		return;
	}
	for (uint32 i = 0; i < blk->n; i++)
	{
		items[i].child = 0;
		items[i].flags = 0;
	}
	if (blk->wide)
		for (uint32 i = 0; i < blk->n; i++)
			items[i].key = alex_block_key(blk, i);
	else
		decode_keys8(blk, items);
	decode_tags(blk, items);
	decode_flag(blk->dead, blk->n, ALEX_ITEM_DEAD, items);
	if (blk->removed)
		decode_flag(blk->removed, blk->n, ALEX_ITEM_REMOVED, items);
}

/* ---- the page ---- */

/* blocks and tail, in order; false = damage */
static bool
decode_run(const char *page, AlexItem *items, uint16 *origin)
{
	const AlexPageOpaque *o = alex_opaque(page);
	uint32 seen = 0;

	for (uint32 b = 0; b < o->nblocks; b++)
	{
		AlexBlock blk;

		if (!alex_block_open(page, b, &blk) || blk.cum != seen || seen + blk.n > o->nbase)
			return false;
		alex_block_decode(&blk, items + seen);
		for (uint32 i = 0; origin != NULL && i < blk.n; i++)
			origin[seen + i] = (uint16) b;
		seen += blk.n;
	}
	if (seen != o->nbase)
		return false;
	for (uint32 i = 0; i < o->ntail; i++)
	{
		alex_tail_item(page, i, &items[seen + i]);
		if (origin != NULL)
			origin[seen + i] = ALEX_ORIGIN_TAIL;
	}
	return true;
}

/* entries of items [from, n) before (key, tag): steps that grow, then halving */
static int
count_before(const AlexItem *items, int from, int n, AlexKey key, uint64 tag)
{
	int step = 1;
	int hi;

	while (from + step <= n &&
		   alex_less(items[from + step - 1].key, items[from + step - 1].tag, key, tag))
	{
		from += step;
		step *= 2;
	}
	hi = Min(from + step - 1, n);
	while (from < hi)
	{
		int mid = (from + hi) / 2;

		if (alex_less(items[mid].key, items[mid].tag, key, tag))
			from = mid + 1;
		else
			hi = mid;
	}
	return from;
}

int
alex_page_decode(const char *page, const uint8 *drops, AlexItem *items, uint16 *origin)
{
	const AlexPageOpaque *o = alex_opaque(page);
	uint32 ngap = o->ngap;
	int nrun = o->nbase + o->ntail;
	AlexItem *run = items + ngap; /* decoded here, then moved to the front between gap entries */
	uint16 *run_origin = origin != NULL ? origin + ngap : NULL;
	int at = 0;

	if (!decode_run(page, run, run_origin))
		return -1;
	/* entry numbers: base ranks, gap slots, tail */
	for (uint32 i = 0; drops != NULL && i < (uint32) nrun; i++)
		if (bitmap_test(drops, i < o->nbase ? i : i + ngap))
			run[i].flags |= ALEX_ITEM_REMOVED;

	for (uint32 i = 0; i < ngap; i++)
	{
		uint32 slot = alex_gap_order(page)[i];
		AlexItem gap;
		int upto;

		/* slot numbers are indexes into drops */
		if (slot >= ngap)
			return -1;
		alex_gap_item(page, i, &gap);
		if (drops != NULL && bitmap_test(drops, o->nbase + slot))
			gap.flags |= ALEX_ITEM_REMOVED;
		upto = count_before(run, at, nrun, gap.key, gap.tag);
		memmove(&items[at + (int) i], &run[at], (size_t) (upto - at) * sizeof(AlexItem));
		items[upto + (int) i] = gap;
		if (origin != NULL)
		{
			memmove(&origin[at + (int) i], &run_origin[at], (size_t) (upto - at) * sizeof(uint16));
			origin[upto + (int) i] = ALEX_ORIGIN_GAP;
		}
		at = upto;
	}
	return nrun + (int) ngap;
}

bool
alex_page_tids(const char *page, uint64 *tids)
{
	const AlexPageOpaque *o = alex_opaque(page);
	AlexForm form = alex_page_form(page);
	AlexItem item;
	uint32 seen = 0;

	for (uint32 b = 0; b < o->nblocks; b++)
	{
		AlexBlock blk;

		if (!alex_block_open(page, b, &blk) || blk.cum != seen || seen + blk.n > o->nbase)
			return false;
		if (!blk.two_tids)
			decode_tids(&blk, 0, tids + seen, 1);
		else
			for (uint32 i = 0; i < blk.n; i++)
			{
				alex_block_item(&blk, i, &item);
				tids[seen + i] = item.tag & ALEX_TAG_TID_MASK;
			}
		for (uint32 i = 0; blk.removed != NULL && i < blk.n; i++)
			if (bitmap_test(blk.removed, i))
				tids[seen + i] = ALEX_NO_TID;
		seen += blk.n;
	}
	if (seen != o->nbase)
		return false;
	for (uint32 slot = 0; slot < o->ngap; slot++)
	{
		alex_raw_get(alex_gap_slot(page, slot), form, &item);
		tids[seen++] = item.tag & ALEX_TAG_TID_MASK;
	}
	for (uint32 i = 0; i < o->ntail; i++)
	{
		alex_tail_item(page, i, &item);
		tids[seen++] = item.tag & ALEX_TAG_TID_MASK;
	}
	return true;
}

bool
alex_page_find(const char *page, AlexKey key, uint64 tag, uint32 *number)
{
	const AlexPageOpaque *o = alex_opaque(page);
	AlexPagePos pos;
	AlexItem item;

	if (!alex_page_search(page, key, tag, false, &pos))
		return false;
	if (pos.gap < o->ngap)
	{
		alex_gap_item(page, pos.gap, &item);
		if (item.key == key && item.tag == tag)
		{
			*number = (uint32) o->nbase + alex_gap_order(page)[pos.gap];
			return true;
		}
	}
	if (!alex_run_item(page, pos.run, &item) || item.key != key || item.tag != tag ||
		(item.flags & ALEX_ITEM_REMOVED))
		return false;
	*number = pos.run < o->nbase ? pos.run : pos.run + o->ngap;
	return true;
}

bool
alex_page_set_dead(char *page, uint32 number)
{
	const AlexPageOpaque *o = alex_opaque(page);
	uint8 *bits;

	if (number < o->nbase)
	{
		AlexBlock blk;

		if (!alex_block_open(page, alex_page_block_of(page, number), &blk) || number < blk.cum ||
			number - blk.cum >= blk.n || !blk.has_dead)
			return false;
		/* the block's pointers are read-only views of this very page */
		bits = (uint8 *) page + (blk.dead - (const uint8 *) page);
		number -= blk.cum;
	}
	else if (number - o->nbase < o->ngap)
	{
		bits = alex_gap_dead(page);
		number -= o->nbase;
	}
	else
	{
		bits = alex_tail_dead(page);
		number -= (uint32) o->nbase + o->ngap;
		if (number >= o->ntail)
			return false;
	}
	if (bitmap_test(bits, number))
		return false;
	bitmap_set(bits, number);
	return true;
}
