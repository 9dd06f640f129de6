/*
 * alex_page.h
 *		One alex page image: initialise, open a block, search, decode, check.
 *
 * Pure code: works on bytes, never on a Buffer; the caller holds whatever lock
 * makes the image stable, or a private copy.  The page kind, version and
 * header bounds must have been checked (alex_page_check_header) before any other
 * function is called; what lies behind the header is checked on use, and a
 * function that can meet damage says so in its result.
 */
#ifndef ALEX_PAGE_H
#define ALEX_PAGE_H

#include "alex/alex_format.h"
#include "base/pure.h"
#include "codec/bitpack.h"
#include "codec/linear.h"
#include "codec/linear_wide.h"

/* PageHeaderData, restated so that this code compiles without PostgreSQL */
typedef struct AlexPageHeader
{
	uint64 lsn;
	uint16 checksum;
	uint16 flags;
	uint16 lower;
	uint16 upper;
	uint16 special;
	uint16 size_version;
	uint32 prune_xid;
} AlexPageHeader;

StaticAssertDecl(sizeof(AlexPageHeader) == ALEX_PAGE_HEADER_BYTES, "page header is 24 bytes");

/* an entry in memory */
typedef struct AlexItem
{
	AlexKey key;
	uint64 tag;
	uint32 child; /* inner pages */
	uint8 flags;  /* ALEX_ITEM_* */
} AlexItem;

StaticAssertDecl(sizeof(AlexItem) == 32, "alex item has no needless padding");

/* a fence in memory */
typedef struct AlexRawEntry
{
	AlexKey key;
	uint64 tag; /* nulls << 48 | tid */
} AlexRawEntry;

#define ALEX_ITEM_DEAD 0x01	   /* hint: no snapshot sees the row */
#define ALEX_ITEM_REMOVED 0x02 /* deleted by VACUUM, space not reclaimed yet */

/* most entries one page image can hold, damaged headers excluded */
#define ALEX_ITEMS_MAX (ALEX_LEAF_ENTRIES_MAX + ALEX_GAP_MAX + ALEX_TAIL_MAX)

/* is (k1, t1) < (k2, t2)? */
static inline bool
alex_less(AlexKey k1, uint64 t1, AlexKey k2, uint64 t2)
{
	return k1 < k2 || (k1 == k2 && t1 < t2);
}

/* an opened block: pointers into the page, models unpacked */
typedef struct AlexBlock
{
	uint32 n;
	uint32 idx0;
	uint32 cum;	  /* rank of entry 0 among the page's base entries */
	uint32 bytes; /* payload bytes */
	bool inner;
	bool wide;
	bool two_tids;
	AlexKey kbase;
	uint64 kslope;
	uint32 kwidth;
	uint32 twidth;
	uint64 tbase;
	uint64 tslope;
	uint32 tmul;
	uint32 t2mul;
	uint64 t2base;
	uint64 t2slope;
	uint32 t2width;
	uint32 hot0;
	uint32 cold0;
	uint32 nbase;
	uint32 nwidth;
	uint32 cwidth;
	uint32 cbase;
	uint64 cslope;
	bool has_dead; /* else `dead` is not of the page, and has no bit set */
	const uint8 *dead;
	const uint8 *removed; /* NULL if no column */
	const uint8 *kbits;
	const uint8 *tbits;
	const uint8 *t2bits;
	const uint8 *region;
	const uint8 *nbits;
	const uint8 *cbits;
} AlexBlock;

static inline AlexPageHeader *
alex_header(const char *page)
{
	return (AlexPageHeader *) page;
}

static inline AlexPageOpaque *
alex_opaque(const char *page)
{
	return (AlexPageOpaque *) (page + ALEX_SPECIAL_OFF);
}

static inline AlexForm
alex_page_form(const char *page)
{
	const AlexPageOpaque *o = alex_opaque(page);

	return (AlexForm){ .inner = o->kind == ALEX_KIND_INNER, .wide = o->keybytes > 8 };
}

/* bytes that are in use, of ALEX_PAGE_ROOM */
static inline uint32
alex_used_bytes(const char *page)
{
	return ALEX_PAGE_ROOM(alex_page_form(page)) -
		   (uint32) (alex_header(page)->upper - alex_header(page)->lower);
}

static inline uint32
alex_raw_bytes(const char *page)
{
	AlexForm form = alex_page_form(page);

	return ALEX_RAW_BYTES(form);
}

/* a key as it is stored: its low 8 bytes, then the high ones if it has 16 */
static inline AlexKey
alex_key_load(const char *src, bool wide)
{
	uint64 lo;
	uint64 hi = 0;

	memcpy(&lo, src, sizeof(lo));
	if (wide)
		memcpy(&hi, src + sizeof(lo), sizeof(hi));
	return (AlexKey) hi << 64 | lo;
}

static inline void
alex_key_store(char *dst, bool wide, AlexKey key)
{
	uint64 lo = (uint64) key;
	uint64 hi = (uint64) (key >> 64);

	memcpy(dst, &lo, sizeof(lo));
	if (wide)
		memcpy(dst + sizeof(lo), &hi, sizeof(hi));
}

/* entries on the page, removed ones included */
static inline uint32
alex_page_entries(const char *page)
{
	const AlexPageOpaque *o = alex_opaque(page);

	return (uint32) o->nbase + o->ngap + o->ntail;
}

static inline AlexRawEntry
alex_fence_load(const char *src, bool wide)
{
	AlexRawEntry e = { alex_key_load(src, wide), 0 };

	memcpy(&e.tag, src + (wide ? 16 : 8), sizeof(e.tag));
	return e;
}

static inline void
alex_fence_store(char *dst, bool wide, AlexKey key, uint64 tag)
{
	alex_key_store(dst, wide, key);
	memcpy(dst + (wide ? 16 : 8), &tag, sizeof(tag));
}

static inline AlexRawEntry
alex_page_low(const char *page)
{
	return alex_fence_load(page + ALEX_PAGE_HEADER_BYTES, alex_page_form(page).wide);
}

static inline AlexRawEntry
alex_page_high(const char *page)
{
	AlexForm form = alex_page_form(page);

	return alex_fence_load(page + ALEX_PAGE_HEADER_BYTES + ALEX_FENCE_BYTES(ALEX_KEY_BYTES(form)),
						   form.wide);
}

/* fence tests: is the target at or beyond the high fence / below the low fence? */
static inline bool
alex_page_beyond(const char *page, AlexKey key, uint64 tag)
{
	AlexRawEntry high = alex_page_high(page);

	return !(alex_opaque(page)->flags & ALEX_HIGH_INF) && !alex_less(key, tag, high.key, high.tag);
}

static inline bool
alex_page_below(const char *page, AlexKey key, uint64 tag)
{
	AlexRawEntry low = alex_page_low(page);

	return !(alex_opaque(page)->flags & ALEX_LOW_INF) && alex_less(key, tag, low.key, low.tag);
}

/* is the low fence this one?  Siblings continue each other: a right one starts at the left one's high */
static inline bool
alex_page_starts_at(const char *page, AlexRawEntry fence)
{
	AlexRawEntry low = alex_page_low(page);

	return !(alex_opaque(page)->flags & ALEX_LOW_INF) && low.key == fence.key &&
		   low.tag == fence.tag;
}

/* low < high?  With siblings that continue each other's fences, a walk over damaged links ends. */
static inline bool
alex_page_fences_ascend(const char *page)
{
	AlexRawEntry low = alex_page_low(page);
	AlexRawEntry high = alex_page_high(page);

	return (alex_opaque(page)->flags & (ALEX_LOW_INF | ALEX_HIGH_INF)) ||
		   alex_less(low.key, low.tag, high.key, high.tag);
}

/*
 * alex_leaf_separator --- the cheapest separator between two neighbouring leaf
 * entries: above `before` and not above `after`.  Without a TID, if it can be, it
 * costs the parent nothing to store (I11).
 */
static inline AlexRawEntry
alex_leaf_separator(AlexKey before_key, uint64 before_tag, AlexKey after_key, uint64 after_tag)
{
	uint64 no_tid = after_tag & ~ALEX_TAG_TID_MASK;
	AlexRawEntry sep = { after_key, after_tag };

	if (alex_less(before_key, before_tag, after_key, no_tid))
		sep.tag = no_tid;
	return sep;
}

/* can the TID in a tag be that of a row? */
static inline bool
alex_tag_tid_valid(uint64 tag)
{
	uint64 tid = tag & ALEX_TAG_TID_MASK;

	return (tid & 0xFFFF) != 0 && (tid >> 16) != 0xFFFFFFFF;
}

/* the gap run: slot numbers in key order, and slot s */
static inline uint8 *
alex_gap_order(const char *page)
{
	return (uint8 *) page + ALEX_SPECIAL_OFF - ALEX_GAP_ORDER_BYTES;
}

static inline uint8 *
alex_gap_dead(const char *page)
{
	return (uint8 *) page + ALEX_SPECIAL_OFF - ALEX_GAP_HEADER_BYTES;
}

static inline char *
alex_gap_slot(const char *page, uint32 slot)
{
	return (char *) page + ALEX_SPECIAL_OFF - ALEX_GAP_HEADER_BYTES -
		   (slot + 1) * alex_raw_bytes(page);
}

/* the tail */
static inline uint8 *
alex_tail_dead(const char *page)
{
	return (uint8 *) page + alex_opaque(page)->blocks_end;
}

static inline char *
alex_tail_slot(const char *page, uint32 i)
{
	return (char *) page + alex_opaque(page)->blocks_end + ALEX_TAIL_DEAD_BYTES +
		   i * alex_raw_bytes(page);
}

/* directory */
static inline AlexKey
alex_dir_key(const char *page, uint32 block)
{
	AlexForm form = alex_page_form(page);

	return alex_key_load(page + ALEX_DIR_OFF(form) + block * ALEX_KEY_BYTES(form), form.wide);
}

/* the same, of a page with 8-byte keys */
static inline uint64
alex_dir_key8(const char *page, uint32 block)
{
	uint64 key;

	memcpy(&key, page + ALEX_DIR_OFF_OF(8) + block * 8, sizeof(key));
	return key;
}

static inline void
alex_dir_set_key(char *page, uint32 block, AlexKey key)
{
	AlexForm form = alex_page_form(page);

	alex_key_store(page + ALEX_DIR_OFF(form) + block * ALEX_KEY_BYTES(form), form.wide, key);
}

static inline AlexBlockDesc *
alex_dir_desc(const char *page, uint32 block)
{
	AlexForm form = alex_page_form(page);

	return (AlexBlockDesc *) (page + ALEX_DIR_OFF(form) +
							  alex_opaque(page)->dirsize * ALEX_KEY_BYTES(form) +
							  block * sizeof(AlexBlockDesc));
}

/*
 * alex_page_init --- an empty live page.  Fences are both infinite until set.
 */
extern void alex_page_init(char *page, uint8 kind, uint16 level, uint8 keybytes, uint8 natts);
extern void alex_page_set_low(char *page, AlexKey key, uint64 tag);
extern void alex_page_set_high(char *page, AlexKey key, uint64 tag);

/*
 * alex_page_check_header --- cheap check of everything the accessors above rely on.
 * Returns NULL, or what is wrong (a constant string for errdetail).
 */
extern const char *alex_page_check_header(const char *page);

/*
 * alex_page_check --- every invariant that one page can show (I1, I4, I6,
 * order, counts, widths, offsets).  Returns NULL or what is wrong.  Costs a
 * full decode; used by alex_check and under OMENDB_CHECK_PAGES.
 */
extern const char *alex_page_check(const char *page);

/* open block b (< nblocks); false = damaged descriptor */
extern bool alex_block_open(const char *page, uint32 b, AlexBlock *blk);

/*
 * alex_block_rank8 --- entries of an opened block with 8-byte keys that are < (or <=) the target.
 * first: the key of its entry 0.
 */
extern uint32 alex_block_rank8(const AlexBlock *blk, uint64 first, uint64 key, uint64 tag,
							   bool or_equal);

/* a linearised TID, modulo 2^48, back to block << 16 | offset */
static inline uint64
alex_tid_of_lin(uint64 lin, uint32 mul)
{
	lin &= ALEX_TAG_TID_MASK;
	if (mul == 0)
		return lin;
	return ((lin / mul) << 16 | (lin % mul + 1)) & ALEX_TAG_TID_MASK;
}

/* entry i of an opened block; all of them */
extern void alex_block_item(const AlexBlock *blk, uint32 i, AlexItem *item);
extern void alex_block_decode(const AlexBlock *blk, AlexItem *items);

static inline uint64
alex_block_key8(const AlexBlock *blk, uint32 i)
{
	return (uint64) blk->kbase + linear_delta(blk->kslope, i + blk->idx0) +
		   bitpack_get(blk->kbits, i, blk->kwidth);
}

static inline AlexKey
alex_block_key(const AlexBlock *blk, uint32 i)
{
	if (!blk->wide)
		return alex_block_key8(blk, i);
	return blk->kbase + linear_wide_delta(blk->kslope, i + blk->idx0) +
		   bitpack_get_wide(blk->kbits, i, blk->kwidth);
}

/* raw entries */
extern void alex_raw_get(const char *raw, AlexForm form, AlexItem *item);
extern void alex_raw_put(char *raw, AlexForm form, const AlexItem *item);
extern void alex_gap_item(const char *page, uint32 order_idx, AlexItem *item);
extern void alex_tail_item(const char *page, uint32 i, AlexItem *item);

/*
 * Positions.  The *run* is the base followed by the tail: one sorted sequence
 * of nbase + ntail entries.  The gap is the other sorted sequence.
 */
typedef struct AlexPagePos
{
	uint32 run; /* entries of the run before the position */
	uint32 gap; /* entries of the gap run before the position */
} AlexPagePos;

/* how many entries are < (key, tag), or <= with or_equal; false = damage */
extern bool alex_page_search(const char *page, AlexKey key, uint64 tag, bool or_equal,
							 AlexPagePos *pos);

/* entry at rank r of the run; false = damage */
extern bool alex_run_item(const char *page, uint32 r, AlexItem *item);

/* the greatest entry of a page that has some, removed ones included; false = damage */
extern bool alex_page_last(const char *page, AlexItem *last);

/*
 * Entry numbers, as in the bitmaps of alex_page_decode and of ops: base ranks, then
 * gap slots, then tail entries.
 *
 * alex_page_find --- the number of the entry (key, tag); false if there is none
 * that is not removed, or the page is damaged.
 * alex_page_set_dead --- set its dead bit; false if it was set, there is none, or damage.
 */
extern bool alex_page_find(const char *page, AlexKey key, uint64 tag, uint32 *number);
extern bool alex_page_set_dead(char *page, uint32 number);

/* block that holds base rank r (< nbase) */
extern uint32 alex_page_block_of(const char *page, uint32 r);

/*
 * alex_inner_child --- the entry to follow for a target: the last separator
 * <= (key, tag), or < with strict; the first one if there is none.
 * False = damage.
 */
extern bool alex_inner_child(const char *page, AlexKey key, uint64 tag, bool strict,
							 AlexItem *item);

/*
 * alex_page_decode --- all entries of the page merged in order.
 *
 * items and origin (the block each comes from, ALEX_ORIGIN_GAP / _TAIL) must
 * have room for ALEX_ITEMS_MAX; origin may be NULL.  Returns the number, or -1
 * on damage.  *drops*, if not NULL, is a bitmap over base ranks, then gap
 * slots, then tail entries, alex_page_entries() bits: those come out with
 * ALEX_ITEM_REMOVED set.
 */
#define ALEX_ORIGIN_GAP 0xFFFE
#define ALEX_ORIGIN_TAIL 0xFFFF
extern int alex_page_decode(const char *page, const uint8 *drops, AlexItem *items, uint16 *origin);

/*
 * alex_page_tids --- the TIDs of a leaf by entry number; ALEX_NO_TID for a removed entry, whose TID
 * may belong to another row by now.  tids has room for ALEX_ITEMS_MAX.  False = damage.
 */
#define ALEX_NO_TID (~(uint64) 0)
extern bool alex_page_tids(const char *page, uint64 *tids);

#endif
