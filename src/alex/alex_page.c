/*
 * alex_page.c
 *		One alex page image.  Pure code; contracts are in alex_page.h, the
 *		layout in alex_format.h.
 */
#ifndef OMENDB_UNIT
#include "postgres.h"
#endif

#include "alex/alex_page.h"

#define PAGE_LAYOUT_VERSION 4 /* PG_PAGE_LAYOUT_VERSION, checked in alex_wal.c */

/* what a block without dead bits has instead, with what a word read at the last byte may reach */
static const uint8 no_dead_bits[ALEX_BLOCK_ENTRIES_MAX / 8 + sizeof(uint64)] = { 0 };

static inline uint64
join64(uint32 lo, uint32 hi)
{
	return (uint64) hi << 32 | lo;
}

void
alex_page_init(char *page, uint8 kind, uint16 level, uint8 keybytes, uint8 natts)
{
	AlexPageHeader *h = alex_header(page);
	AlexPageOpaque *o = alex_opaque(page);

	memset(page, 0, BLCKSZ);
	h->lower = (uint16) ALEX_DIR_OFF_OF(keybytes);
	h->upper = ALEX_SPECIAL_OFF;
	h->special = ALEX_SPECIAL_OFF;
	h->size_version = BLCKSZ | PAGE_LAYOUT_VERSION;
	o->left = 0xFFFFFFFF;
	o->right = 0xFFFFFFFF;
	o->level = level;
	o->kind = kind;
	o->version = ALEX_VERSION;
	o->keybytes = keybytes;
	o->natts = natts;
	o->blocks_end = h->lower;
	o->flags = ALEX_LOW_INF | ALEX_HIGH_INF;
	o->page_id = ALEX_PAGE_ID;
}

void
alex_page_set_low(char *page, AlexKey key, uint64 tag)
{
	alex_fence_store(page + ALEX_PAGE_HEADER_BYTES, alex_page_form(page).wide, key, tag);
	alex_opaque(page)->flags &= ~ALEX_LOW_INF;
}

void
alex_page_set_high(char *page, AlexKey key, uint64 tag)
{
	AlexForm form = alex_page_form(page);

	alex_fence_store(page + ALEX_PAGE_HEADER_BYTES + ALEX_FENCE_BYTES(ALEX_KEY_BYTES(form)),
					 form.wide, key, tag);
	alex_opaque(page)->flags &= ~ALEX_HIGH_INF;
}

const char *
alex_page_check_header(const char *page)
{
	const AlexPageHeader *h = alex_header(page);
	const AlexPageOpaque *o = alex_opaque(page);
	AlexForm form = alex_page_form(page);
	uint32 dir_end;
	uint32 gap_bytes;
	uint32 tail_bytes;

	if (h->special != ALEX_SPECIAL_OFF || o->page_id != ALEX_PAGE_ID)
		return "not a page of an alex index";
	if (h->lower > h->upper || h->upper > h->special)
		return "free space bounds are out of order";
	if (o->version < ALEX_VERSION_MIN || o->version > ALEX_VERSION)
		return "page format version is not supported";
	if (o->flags & ~ALEX_FLAGS_VALID)
		return "page flags are not valid";
	if (o->kind == ALEX_KIND_META)
		return NULL;
	if (o->kind != ALEX_KIND_LEAF && o->kind != ALEX_KIND_INNER)
		return "page kind is not valid";
	if ((o->kind == ALEX_KIND_LEAF) != (o->level == 0) || o->level > ALEX_LEVEL_MAX)
		return "page kind and level disagree";
	if ((o->keybytes != 8 && o->keybytes != 16) || o->natts == 0 || o->natts > ALEX_NATTS_MAX)
		return "key size is not valid";
	if (o->nblocks > o->dirsize)
		return "directory is larger than its room";
	dir_end = ALEX_DIR_OFF(form) + o->dirsize * ALEX_DIR_ENTRY_BYTES(form);
	if (dir_end > o->blocks_end)
		return "directory reaches into the blocks";
	if (o->ngap > ALEX_GAP_MAX_OF(o->keybytes) || o->ntail > ALEX_TAIL_MAX)
		return "too many entries in the gap run or the tail";
	if (o->nbase > ALEX_LEAF_ENTRIES_MAX || o->nremoved > o->nbase ||
		(o->nblocks == 0) != (o->nbase == 0))
		return "entry counts are not valid";
	tail_bytes = o->ntail ? ALEX_TAIL_DEAD_BYTES + o->ntail * alex_raw_bytes(page) : 0;
	gap_bytes = o->ngap ? ALEX_GAP_HEADER_BYTES + o->ngap * alex_raw_bytes(page) : 0;
	if (o->blocks_end + tail_bytes != h->lower)
		return "tail does not end at pd_lower";
	if (h->upper + gap_bytes != h->special)
		return "gap run does not start at pd_upper";
	return NULL;
}

/* a block's bits of dead entries and of removed ones, which begin at p; returns what is behind them, NULL: impossible */
static inline const uint8 *
open_bits(uint32 enc, const uint8 *p, uint32 bitmap_bytes, AlexBlock *blk)
{
	blk->has_dead = true;
	blk->dead = p;
	blk->removed = NULL;
	if (likely(!(enc & (ALEX_ENC_REMOVED | ALEX_ENC_NO_DEAD))))
		return p + bitmap_bytes;
	if (!(enc & ALEX_ENC_REMOVED))
		return NULL;
	if (enc & ALEX_ENC_NO_DEAD)
	{
		blk->has_dead = false;
		blk->removed = p;
		blk->dead = no_dead_bits;
		return p + bitmap_bytes;
	}
	blk->removed = p + bitmap_bytes;
	return p + 2 * bitmap_bytes;
}

bool
alex_block_open(const char *page, uint32 b, AlexBlock *blk)
{
	const AlexPageOpaque *o = alex_opaque(page);
	const AlexBlockDesc *d = alex_dir_desc(page, b);
	AlexForm form = alex_page_form(page);
	const uint8 *p = (const uint8 *) page + d->off;
	const uint8 *end = (const uint8 *) page + o->blocks_end;
	uint32 ncold = 0;

	if ((d->enc & ALEX_ENC_KIND_MASK) != ALEX_ENC_LINEAR || (d->enc & ~ALEX_ENC_VALID) ||
		d->n == 0 || (uint32) d->n + d->idx0 > ALEX_BLOCK_ENTRIES_MAX ||
		d->kwidth > 8 * ALEX_KEY_BYTES(form) || d->twidth > 48 || d->nwidth > 16 ||
		d->off < ALEX_DIR_OFF(form) + o->dirsize * ALEX_DIR_ENTRY_BYTES(form) ||
		d->off > o->blocks_end)
		return false;

	blk->n = d->n;
	blk->idx0 = d->idx0;
	blk->cum = d->cum;
	blk->inner = form.inner;
	blk->wide = form.wide;
	blk->two_tids = (d->enc & ALEX_ENC_TWO_TIDS) != 0;
	blk->kslope = join64(d->kslope_lo, d->kslope_hi);
	blk->kwidth = d->kwidth;
	blk->tslope = join64(d->tslope_lo, d->tslope_hi);
	blk->tbase = join64(d->tbase_lo, d->tbase_hi);
	blk->tmul = d->tmul;
	blk->twidth = d->twidth;
	blk->nbase = d->nbase;
	blk->nwidth = d->nwidth;
	blk->hot0 = d->idx0;

	/* extensions have a fixed size: they may be read before the end is known to be in bounds,
	 * since the special space lies behind every block */
	p = open_bits(d->enc, p, ((uint32) d->n + 7) / 8, blk);
	if (p == NULL || p > end)
		return false;
	if (blk->two_tids)
	{
		AlexTid2Ext ext;

		if (p + sizeof(ext) > end)
			return false;
		memcpy(&ext, p, sizeof(ext));
		p += sizeof(ext);
		blk->t2slope = join64(ext.slope_lo, ext.slope_hi);
		blk->t2base = join64(ext.base_lo, ext.base_hi);
		blk->t2mul = ext.mul;
		blk->t2width = ext.width;
		blk->hot0 = ext.hot0;
		blk->cold0 = ext.cold0;
		if (ext.width > 48)
			return false;
	}
	if (blk->inner)
	{
		AlexChildExt ext;

		if (p + sizeof(ext) > end)
			return false;
		memcpy(&ext, p, sizeof(ext));
		p += sizeof(ext);
		blk->cslope = join64(ext.slope_lo, ext.slope_hi);
		blk->cbase = ext.base;
		blk->cwidth = ext.width;
		if (ext.width > 32)
			return false;
	}

	blk->kbits = p;
	p += BITPACK_BYTES(d->n, d->kwidth);
	blk->tbits = p;
	if (blk->two_tids)
	{
		/* the region bits decide how long the two TID columns are */
		blk->region = p;
		p += ((uint32) d->n + 7) / 8;
		if (p > end)
			return false;
		ncold = bitmap_rank128(blk->region, d->n);
		blk->tbits = p;
		p += BITPACK_BYTES(d->n - ncold, d->twidth);
		blk->t2bits = p;
		p += BITPACK_BYTES(ncold, blk->t2width);
		if (blk->hot0 + (d->n - ncold) > ALEX_BLOCK_ENTRIES_MAX ||
			blk->cold0 + ncold > ALEX_BLOCK_ENTRIES_MAX)
			return false;
	}
	else
		p += BITPACK_BYTES(d->n, d->twidth);
	blk->nbits = p;
	p += BITPACK_BYTES(d->n, d->nwidth);
	if (blk->inner)
	{
		blk->cbits = p;
		p += BITPACK_BYTES(d->n, blk->cwidth);
	}
	if (p > end)
		return false;
	blk->bytes = (uint32) (p - ((const uint8 *) page + d->off));
	if (form.wide)
		blk->kbase = alex_dir_key(page, b) - linear_wide_delta(blk->kslope, blk->idx0) -
					 bitpack_get_wide(blk->kbits, 0, blk->kwidth);
	else
		blk->kbase = (uint64) (alex_dir_key8(page, b) - linear_delta(blk->kslope, blk->idx0) -
							   bitpack_get(blk->kbits, 0, blk->kwidth));
	return true;
}

static inline uint64
alex_block_tid(const AlexBlock *blk, uint32 i)
{
	uint32 cold;

	if (likely(!blk->two_tids))
		return alex_tid_of_lin(blk->tbase + linear_delta(blk->tslope, i + blk->idx0) +
								   bitpack_get(blk->tbits, i, blk->twidth),
							   blk->tmul);
	cold = bitmap_rank128(blk->region, i);
	if (bitmap_test(blk->region, i))
		return alex_tid_of_lin(blk->t2base + linear_delta(blk->t2slope, cold + blk->cold0) +
								   bitpack_get(blk->t2bits, cold, blk->t2width),
							   blk->t2mul);
	return alex_tid_of_lin(blk->tbase + linear_delta(blk->tslope, (i - cold) + blk->hot0) +
							   bitpack_get(blk->tbits, i - cold, blk->twidth),
						   blk->tmul);
}

static inline uint64
alex_block_tag(const AlexBlock *blk, uint32 i)
{
	uint64 nulls = (blk->nbase + bitpack_get(blk->nbits, i, blk->nwidth)) & 0xFFFF;

	return nulls << ALEX_TAG_TID_BITS | alex_block_tid(blk, i);
}

void
alex_block_item(const AlexBlock *blk, uint32 i, AlexItem *item)
{
	Assert(i < blk->n);
	item->key = alex_block_key(blk, i);
	item->tag = alex_block_tag(blk, i);
	item->child = 0;
	if (blk->inner)
		item->child = blk->cbase + (uint32) linear_delta(blk->cslope, i + blk->idx0) +
					  (uint32) bitpack_get(blk->cbits, i, blk->cwidth);
	item->flags = bitmap_test(blk->dead, i) ? ALEX_ITEM_DEAD : 0;
	if (blk->removed && bitmap_test(blk->removed, i))
		item->flags |= ALEX_ITEM_REMOVED;
}

void
alex_raw_get(const char *raw, AlexForm form, AlexItem *item)
{
	uint32 keybytes = ALEX_KEY_BYTES(form);

	item->key = alex_key_load(raw, form.wide);
	memcpy(&item->tag, raw + keybytes, 8);
	item->child = 0;
	if (form.inner)
		memcpy(&item->child, raw + keybytes + 8, 4);
	item->flags = 0;
}

void
alex_raw_put(char *raw, AlexForm form, const AlexItem *item)
{
	uint32 keybytes = ALEX_KEY_BYTES(form);

	alex_key_store(raw, form.wide, item->key);
	memcpy(raw + keybytes, &item->tag, 8);
	if (form.inner)
		memcpy(raw + keybytes + 8, &item->child, 4);
}

void
alex_gap_item(const char *page, uint32 order_idx, AlexItem *item)
{
	uint32 slot = alex_gap_order(page)[order_idx];

	/* a damaged slot number must not leave the run */
	if (slot >= alex_opaque(page)->ngap)
		slot = 0;
	alex_raw_get(alex_gap_slot(page, slot), alex_page_form(page), item);
	if (bitmap_test(alex_gap_dead(page), slot))
		item->flags |= ALEX_ITEM_DEAD;
}

void
alex_tail_item(const char *page, uint32 i, AlexItem *item)
{
	alex_raw_get(alex_tail_slot(page, i), alex_page_form(page), item);
	if (bitmap_test(alex_tail_dead(page), i))
		item->flags |= ALEX_ITEM_DEAD;
}

static inline bool
entry_before8(const AlexBlock *blk, uint32 i, uint64 key, uint64 tag, bool or_equal)
{
	uint64 k = alex_block_key8(blk, i);
	uint64 t;

	if (k != key)
		return k < key;
	t = alex_block_tag(blk, i);
	return t < tag || (or_equal && t == tag);
}

/*
 * The entry the model has the key at, taking residuals to be middling.  Only a guess
 * where to look first, so floating point does no harm.
 */
static inline uint32
predict8(const AlexBlock *blk, uint64 first, uint64 key)
{
	uint64 mantissa = blk->kslope & LINEAR_MANTISSA_MASK;
	uint32 shift = (uint32) (blk->kslope >> LINEAR_MANTISSA_BITS) & 0x7F;
	double rise = (double) mantissa;
	double distance;

	if (key <= first || mantissa == 0)
		return 0;
	if (shift < 64)
		rise /= (double) (UINT64CONST(1) << shift);
	else
		rise *= (double) (UINT64CONST(1) << (shift - 64));
	/* from the model's line at entry 0, which runs a residual below the first key */
	distance = (double) (key - first) +
			   (double) (first - (uint64) blk->kbase - linear_delta(blk->kslope, blk->idx0));
	if (blk->kwidth > 0)
		distance -= (double) (UINT64CONST(1) << (blk->kwidth - 1));
	if (distance <= 0)
		return 0;
	return distance >= rise * blk->n ? blk->n - 1 : Min((uint32) (distance / rise), blk->n - 1);
}

uint32
alex_block_rank8(const AlexBlock *blk, uint64 first, uint64 key, uint64 tag, bool or_equal)
{
	uint32 guess = predict8(blk, first, key);
	uint32 lo = 0;
	uint32 hi = blk->n;
	uint32 step = 2;

	__builtin_prefetch(blk->tbits + guess * blk->twidth / 8);
	/* enclose the place by growing steps from the guess, then halve */
	if (entry_before8(blk, guess, key, tag, or_equal))
	{
		lo = guess + 1;
		while (lo + step <= hi)
		{
			if (!entry_before8(blk, lo + step - 1, key, tag, or_equal))
			{
				hi = lo + step - 1;
				break;
			}
			lo += step;
			step *= 4;
		}
	}
	else
	{
		hi = guess;
		while (hi > 0)
		{
			uint32 at = hi > step ? hi - step : 0;

			if (entry_before8(blk, at, key, tag, or_equal))
			{
				lo = at + 1;
				break;
			}
			hi = at;
			step *= 4;
		}
	}
	while (lo < hi)
	{
		uint32 mid = (lo + hi) / 2;

		if (entry_before8(blk, mid, key, tag, or_equal))
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* entries of block b that are < (or <=) the target; *ok false on damage */
static uint32
search_block8(const char *page, uint32 b, uint64 key, uint64 tag, bool or_equal, bool *ok)
{
	AlexBlock blk;

	if (!alex_block_open(page, b, &blk))
	{
		*ok = false;
		return 0;
	}
	return alex_block_rank8(&blk, alex_dir_key8(page, b), key, tag, or_equal);
}

/* entries of the base that are < (or <=) the target */
static uint32
search_base8(const char *page, uint64 key, uint64 tag, bool or_equal, bool *ok)
{
	uint32 lo = 0;
	uint32 hi = alex_opaque(page)->nblocks;

	/* lo becomes the number of blocks whose first entry is before the target */
	while (lo < hi)
	{
		uint32 mid = (lo + hi) / 2;
		uint64 k = alex_dir_key8(page, mid);
		bool before = k < key;

		if (k == key)
		{
			AlexBlock blk;
			uint64 t;

			if (!alex_block_open(page, mid, &blk))
			{
				*ok = false;
				return 0;
			}
			t = alex_block_tag(&blk, 0);
			before = t < tag || (or_equal && t == tag);
		}
		if (before)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo == 0)
		return 0;
	return alex_dir_desc(page, lo - 1)->cum + search_block8(page, lo - 1, key, tag, or_equal, ok);
}

/* both for 16-byte keys */
static uint32
search_block16(const char *page, uint32 b, AlexKey key, uint64 tag, bool or_equal, bool *ok)
{
	AlexBlock blk;
	uint32 lo = 0;
	uint32 hi;

	if (!alex_block_open(page, b, &blk))
	{
		*ok = false;
		return 0;
	}
	hi = blk.n;
	while (lo < hi)
	{
		uint32 mid = (lo + hi) / 2;
		AlexKey k = alex_block_key(&blk, mid);
		bool before = k < key;

		if (k == key)
		{
			uint64 t = alex_block_tag(&blk, mid);

			before = t < tag || (or_equal && t == tag);
		}
		if (before)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static uint32
search_base16(const char *page, AlexKey key, uint64 tag, bool or_equal, bool *ok)
{
	uint32 lo = 0;
	uint32 hi = alex_opaque(page)->nblocks;

	while (lo < hi)
	{
		uint32 mid = (lo + hi) / 2;
		AlexKey k = alex_dir_key(page, mid);
		bool before = k < key;

		if (k == key)
		{
			AlexBlock blk;
			uint64 t;

			if (!alex_block_open(page, mid, &blk))
			{
				*ok = false;
				return 0;
			}
			t = alex_block_tag(&blk, 0);
			before = t < tag || (or_equal && t == tag);
		}
		if (before)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo == 0)
		return 0;
	return alex_dir_desc(page, lo - 1)->cum + search_block16(page, lo - 1, key, tag, or_equal, ok);
}

static inline bool
item_before(const AlexItem *item, AlexKey key, uint64 tag, bool or_equal)
{
	return alex_less(item->key, item->tag, key, tag) ||
		   (or_equal && item->key == key && item->tag == tag);
}

bool
alex_page_search(const char *page, AlexKey key, uint64 tag, bool or_equal, AlexPagePos *pos)
{
	const AlexPageOpaque *o = alex_opaque(page);
	bool ok = true;
	uint32 lo = 0;
	uint32 hi = o->ngap;
	AlexItem item;

	while (lo < hi)
	{
		uint32 mid = (lo + hi) / 2;

		alex_gap_item(page, mid, &item);
		if (item_before(&item, key, tag, or_equal))
			lo = mid + 1;
		else
			hi = mid;
	}
	pos->gap = lo;

	if (o->ntail > 0)
	{
		alex_tail_item(page, 0, &item);
		if (item_before(&item, key, tag, or_equal))
		{
			lo = 1;
			hi = o->ntail;
			while (lo < hi)
			{
				uint32 mid = (lo + hi) / 2;

				alex_tail_item(page, mid, &item);
				if (item_before(&item, key, tag, or_equal))
					lo = mid + 1;
				else
					hi = mid;
			}
			pos->run = o->nbase + lo;
			return true;
		}
	}
	if (o->keybytes > 8)
		pos->run = search_base16(page, key, tag, or_equal, &ok);
	else if ((key >> 64) != 0)
		pos->run = o->nbase; /* beyond every 8-byte key */
	else
		pos->run = search_base8(page, (uint64) key, tag, or_equal, &ok);
	return ok && pos->run <= o->nbase;
}

uint32
alex_page_block_of(const char *page, uint32 r)
{
	uint32 lo = 0;
	uint32 hi = alex_opaque(page)->nblocks;

	/* the last block with cum <= r */
	while (hi - lo > 1)
	{
		uint32 mid = (lo + hi) / 2;

		if (alex_dir_desc(page, mid)->cum <= r)
			lo = mid;
		else
			hi = mid;
	}
	return lo;
}

bool
alex_run_item(const char *page, uint32 r, AlexItem *item)
{
	const AlexPageOpaque *o = alex_opaque(page);
	AlexBlock blk;
	uint32 b;

	if (r >= o->nbase)
	{
		if (r - o->nbase >= o->ntail)
			return false;
		alex_tail_item(page, r - o->nbase, item);
		return true;
	}
	b = alex_page_block_of(page, r);
	if (!alex_block_open(page, b, &blk) || r < blk.cum || r - blk.cum >= blk.n)
		return false;
	alex_block_item(&blk, r - blk.cum, item);
	return true;
}

bool
alex_page_last(const char *page, AlexItem *last)
{
	const AlexPageOpaque *o = alex_opaque(page);
	uint32 run = (uint32) o->nbase + o->ntail;
	AlexItem gap;

	if (run > 0 && !alex_run_item(page, run - 1, last))
		return false;
	if (o->ngap > 0)
	{
		alex_gap_item(page, o->ngap - 1U, &gap);
		if (run == 0 || alex_less(last->key, last->tag, gap.key, gap.tag))
			*last = gap;
	}
	return true;
}

bool
alex_inner_child(const char *page, AlexKey key, uint64 tag, bool strict, AlexItem *item)
{
	AlexPagePos pos;
	AlexItem gap;

	if (alex_page_entries(page) == 0 || !alex_page_search(page, key, tag, !strict, &pos))
		return false;
	if (pos.run == 0 && pos.gap == 0)
	{
		/* below every separator: the leftmost page's first one stands for -infinity */
		return alex_opaque(page)->nbase + alex_opaque(page)->ntail > 0 &&
			   alex_run_item(page, 0, item);
	}
	if (pos.run == 0)
	{
		alex_gap_item(page, pos.gap - 1, item);
		return true;
	}
	if (!alex_run_item(page, pos.run - 1, item))
		return false;
	if (pos.gap > 0)
	{
		alex_gap_item(page, pos.gap - 1, &gap);
		if (alex_less(item->key, item->tag, gap.key, gap.tag))
			*item = gap;
	}
	return true;
}
