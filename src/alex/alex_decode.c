/*
 * alex_decode.c
 *		All entries of a page image in order; one found again by value and marked
 *		dead.  Pure code; contracts are in alex_page.h.
 */
#ifndef OMENDB_UNIT
#include "postgres.h"
#endif

#include "alex/alex_page.h"

/* merging the gap run into the run: where it stands */
typedef struct Merge
{
	const char *page;
	const uint8 *drops;
	AlexItem *items;
	uint16 *origin;
	int count;
	uint32 gap_idx; /* of the gap run's next entry, which is `gap` */
	bool have_gap;
	AlexItem gap;
} Merge;

static inline void
merge_put(Merge *m, const AlexItem *item, uint16 origin, uint32 number)
{
	m->items[m->count] = *item;
	if (m->drops != NULL && bitmap_test(m->drops, number))
		m->items[m->count].flags |= ALEX_ITEM_REMOVED;
	if (m->origin)
		m->origin[m->count] = origin;
	m->count++;
}

static inline void
merge_load_gap(Merge *m)
{
	m->have_gap = m->gap_idx < alex_opaque(m->page)->ngap;
	if (m->have_gap)
		alex_gap_item(m->page, m->gap_idx, &m->gap);
}

static inline void
merge_take_gap(Merge *m)
{
	merge_put(m, &m->gap, ALEX_ORIGIN_GAP,
			  (uint32) alex_opaque(m->page)->nbase + alex_gap_order(m->page)[m->gap_idx]);
	m->gap_idx++;
	merge_load_gap(m);
}

/* an entry of the run, after what the gap run has before it */
static inline void
merge_run_item(Merge *m, const AlexItem *item, uint16 origin, uint32 number)
{
	while (m->have_gap && alex_less(m->gap.key, m->gap.tag, item->key, item->tag))
		merge_take_gap(m);
	merge_put(m, item, origin, number);
}

int
alex_page_decode(const char *page, const uint8 *drops, AlexItem *items, uint16 *origin)
{
	const AlexPageOpaque *o = alex_opaque(page);
	AlexItem block_items[ALEX_BLOCK_ENTRIES_MAX];
	Merge m = { page, drops, items, origin, 0, 0, false, { 0 } };
	uint32 seen = 0;

	/* slot numbers are indexes into drops */
	for (uint32 i = 0; i < o->ngap; i++)
		if (alex_gap_order(page)[i] >= o->ngap)
			return -1;
	merge_load_gap(&m);

	for (uint32 b = 0; b < o->nblocks; b++)
	{
		AlexBlock blk;

		if (!alex_block_open(page, b, &blk) || blk.cum != seen || seen + blk.n > o->nbase)
			return -1;
		alex_block_decode(&blk, block_items);
		for (uint32 i = 0; i < blk.n; i++)
			merge_run_item(&m, &block_items[i], (uint16) b, seen + i);
		seen += blk.n;
	}
	if (seen != o->nbase)
		return -1;
	for (uint32 i = 0; i < o->ntail; i++)
	{
		AlexItem item;

		alex_tail_item(page, i, &item);
		merge_run_item(&m, &item, ALEX_ORIGIN_TAIL, (uint32) o->nbase + o->ngap + i);
	}
	while (m.have_gap)
		merge_take_gap(&m);
	return m.count;
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
			number - blk.cum >= blk.n)
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
