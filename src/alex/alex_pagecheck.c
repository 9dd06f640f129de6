/*
 * alex_pagecheck.c
 *		Every invariant one alex page can show.  Pure code.
 *
 * Used by omendb.alex_check() and, in builds with OMENDB_CHECK_PAGES, after every
 * change of a page.  The invariants' numbers are those of README.md.
 */
#ifndef OMENDB_UNIT
#include "postgres.h"
#endif

#include "alex/alex_page.h"

/* the blocks: directory, packing without overlap, counts, order */
static const char *
check_blocks(const char *page)
{
	const AlexPageOpaque *o = alex_opaque(page);
	uint32 seen = 0;
	uint32 nremoved = 0;
	AlexForm form = alex_page_form(page);
	uint32 end = ALEX_DIR_OFF(form) + o->dirsize * ALEX_DIR_ENTRY_BYTES(form);
	AlexItem prev = { 0 };
	bool have_prev = false;

	for (uint32 b = 0; b < o->nblocks; b++)
	{
		AlexBlock blk;
		AlexItem item;

		if (!alex_block_open(page, b, &blk))
			return "block descriptor is not valid";
		if (!blk.has_dead && o->version < 2)
			return "block has no dead bits, which the page's version does not know";
		if (blk.cum != seen)
			return "cumulative entry count is wrong";
		if (alex_dir_desc(page, b)->off != end)
			return "block does not start where the previous one ends";
		end += blk.bytes;
		for (uint32 i = 0; i < blk.n; i++)
		{
			alex_block_item(&blk, i, &item);
			if (i == 0 && item.key != alex_dir_key(page, b))
				return "first key of a block differs from the directory";
			if (have_prev && !alex_less(prev.key, prev.tag, item.key, item.tag))
				return "packed entries are out of order";
			nremoved += (item.flags & ALEX_ITEM_REMOVED) != 0;
			prev = item;
			have_prev = true;
		}
		seen += blk.n;
	}
	if (seen != o->nbase)
		return "blocks do not hold the number of entries the page states";
	if (nremoved != o->nremoved)
		return "removed marks do not add up to the number the page states";
	if (end != o->blocks_end)
		return "blocks do not end where the page states";
	return NULL;
}

/* the gap run's slot numbers are a permutation in key order; no entry is in the run as well */
static const char *
check_gap(const char *page)
{
	const AlexPageOpaque *o = alex_opaque(page);
	uint64 used = 0;
	AlexItem prev = { 0 };

	for (uint32 i = 0; i < o->ngap; i++)
	{
		uint32 slot = alex_gap_order(page)[i];
		AlexPagePos before;
		AlexPagePos upto;
		AlexItem item;

		if (slot >= o->ngap || (used & (UINT64CONST(1) << slot)))
			return "gap run's slot numbers are not a permutation";
		used |= UINT64CONST(1) << slot;
		alex_gap_item(page, i, &item);
		if (i > 0 && !alex_less(prev.key, prev.tag, item.key, item.tag))
			return "gap run is out of order";
		if (!alex_page_search(page, item.key, item.tag, false, &before) ||
			!alex_page_search(page, item.key, item.tag, true, &upto))
			return "page cannot be searched";
		if (before.run != upto.run)
			return "entry of the gap run is packed as well";
		prev = item;
	}
	return NULL;
}

/* I6, and the tail's own order */
static const char *
check_tail(const char *page)
{
	const AlexPageOpaque *o = alex_opaque(page);
	AlexItem prev = { 0 };
	bool have_prev = false;

	if (o->nbase > 0 && o->ntail > 0)
	{
		if (!alex_run_item(page, o->nbase - 1U, &prev))
			return "last packed entry cannot be read";
		have_prev = true;
	}
	for (uint32 i = 0; i < o->ntail; i++)
	{
		AlexItem item;

		alex_tail_item(page, i, &item);
		if (have_prev && !alex_less(prev.key, prev.tag, item.key, item.tag))
			return "tail is out of order";
		prev = item;
		have_prev = true;
	}
	return NULL;
}

/* I1 for one entry */
static bool
within_fences(const char *page, const AlexItem *item)
{
	return !alex_page_below(page, item->key, item->tag) &&
		   !alex_page_beyond(page, item->key, item->tag);
}

static const char *
check_fences(const char *page)
{
	const AlexPageOpaque *o = alex_opaque(page);
	AlexItem item;

	if (!alex_page_fences_ascend(page))
		return "low fence is not below the high fence";
	if (((o->flags & ALEX_HIGH_INF) != 0) != (o->right == 0xFFFFFFFF))
		return "high fence and right link disagree about the end of the level";
	/* the other way round, what lies left is about to be deleted */
	if (!(o->flags & ALEX_LOW_INF) && o->left == 0xFFFFFFFF)
		return "low fence and left link disagree about the start of the level";
	/* the runs are sorted: their ends decide */
	if (o->nbase + o->ntail > 0)
	{
		if (!alex_run_item(page, 0, &item) || !within_fences(page, &item))
			return "first entry lies outside the fences";
		if (!alex_run_item(page, (uint32) o->nbase + o->ntail - 1, &item) ||
			!within_fences(page, &item))
			return "last entry lies outside the fences";
	}
	if (o->ngap > 0)
	{
		alex_gap_item(page, 0, &item);
		if (!within_fences(page, &item))
			return "first entry of the gap run lies outside the fences";
		alex_gap_item(page, o->ngap - 1U, &item);
		if (!within_fences(page, &item))
			return "last entry of the gap run lies outside the fences";
	}
	return NULL;
}

/* I4, I10 */
static const char *
check_inner(const char *page)
{
	const AlexPageOpaque *o = alex_opaque(page);
	AlexRawEntry low = alex_page_low(page);
	AlexItem first;

	if (o->nbase + o->ntail == 0)
		return "inner page has no packed entry";
	if (o->nremoved > 0)
		return "inner page has removed entries";
	if (!alex_run_item(page, 0, &first))
		return "first separator cannot be read";
	if (o->flags & ALEX_LOW_INF)
	{
		if (first.key != 0 || first.tag != 0)
			return "first separator of the leftmost page is not the smallest one";
	}
	else if (first.key != low.key || first.tag != low.tag)
		return "first separator differs from the low fence";
	return NULL;
}

/* the fields of a tree page that the metapage has as well */
static const char *
check_meta(const char *page)
{
	const AlexPageOpaque *o = alex_opaque(page);
	const AlexMeta *meta = (const AlexMeta *) (page + ALEX_PAGE_HEADER_BYTES);

	if (alex_header(page)->lower != ALEX_PAGE_HEADER_BYTES + sizeof(AlexMeta) ||
		alex_header(page)->upper != ALEX_SPECIAL_OFF)
		return "metapage is not of its size";
	if (o->left != 0xFFFFFFFF || o->right != 0xFFFFFFFF || o->level != 0)
		return "metapage is linked";
	if (o->nblocks != 0 || o->dirsize != 0 || o->nbase != 0 || o->nremoved != 0 || o->ngap != 0 ||
		o->ntail != 0 || o->blocks_end != ALEX_DIR_OFF_OF(o->keybytes))
		return "metapage has entries";
	if ((o->flags & (ALEX_ROOT | ALEX_INCOMPLETE_SPLIT | ALEX_HALF_DEAD | ALEX_DELETED)) ||
		!(o->flags & ALEX_LOW_INF) || !(o->flags & ALEX_HIGH_INF))
		return "metapage flags are not valid";
	if (o->keybytes != meta->keybytes || o->natts != meta->natts)
		return "key size of the metapage is not valid";
	return NULL;
}

const char *
alex_page_check(const char *page)
{
	const AlexPageOpaque *o = alex_opaque(page);
	const char *problem = alex_page_check_header(page);

	if (problem != NULL)
		return problem;
	if (o->kind == ALEX_KIND_META)
		return check_meta(page);
	if ((problem = check_blocks(page)) != NULL || (problem = check_tail(page)) != NULL ||
		(problem = check_gap(page)) != NULL || (problem = check_fences(page)) != NULL)
		return problem;
	if (o->flags & (ALEX_HALF_DEAD | ALEX_DELETED))
	{
		if (alex_page_entries(page) > 0)
			return "deleted page has entries";
		if ((o->flags & ALEX_HALF_DEAD) && o->kind != ALEX_KIND_LEAF)
			return "inner page is half-dead";
		return NULL;
	}
	if (o->kind == ALEX_KIND_INNER)
		return check_inner(page);
	return NULL;
}
