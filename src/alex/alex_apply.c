/*
 * alex_apply.c
 *		Executing page operations.  Pure code: see alex_apply.h.
 */
#ifndef OMENDB_UNIT
#include "postgres.h"
#endif

#include "alex/alex_apply.h"
#include "alex/alex_unlink.h"

/*
 * Scratch space.  Static, so that redo allocates nothing; a backend runs one
 * op at a time, and nothing called from here calls back.
 */
static AlexPlan apply_plan;
static char apply_image[BLCKSZ + 16] __attribute__((aligned(8)));

/* ---- blocks ---- */

/*
 * The entries plan entry e puts into its block, e->model.n of them: in the stream, if none has to
 * be left out, or in items.  NULL if there are more or fewer.
 */
static const AlexItem *
entry_items(const AlexPlan *plan, const AlexPlanEntry *e, AlexItem *items)
{
	uint32 n = 0;

	if (e->model.n == 0)
		return NULL;
	if (e->consume == e->model.n)
	{
		bool whole = true;

		for (uint32 i = 0; e->kind == ALEX_PLAN_FIT && i < e->consume; i++)
			whole &= (plan->stream[e->start + i].flags & ALEX_ITEM_REMOVED) == 0;
		return whole ? &plan->stream[e->start] : NULL;
	}
	for (uint32 i = 0; i < e->consume; i++)
	{
		const AlexItem *item = &plan->stream[e->start + i];

		if (e->kind == ALEX_PLAN_FIT && (item->flags & ALEX_ITEM_REMOVED))
			continue;
		if (n >= ALEX_BLOCK_ENTRIES_MAX)
			return NULL;
		items[n++] = *item;
	}
	return n == e->model.n ? items : NULL;
}

bool
alex_assemble(char *out, const char *copy_from, const AlexPlan *plan, int from, int to)
{
	AlexPageOpaque *o = alex_opaque(out);
	AlexForm form = alex_page_form(out);
	uint32 nblocks = 0;
	uint32 off;
	uint32 b = 0;
	uint32 nbase = 0;
	uint32 nremoved = 0;
	AlexItem scratch[ALEX_BLOCK_ENTRIES_MAX];

	for (int i = from; i < to; i++)
		nblocks += plan->entries[i].kind != ALEX_PLAN_SKIP;
	off = ALEX_DIR_OFF(form) + nblocks * ALEX_DIR_ENTRY_BYTES(form);
	if (off > ALEX_SPECIAL_OFF)
		return false;
	o->dirsize = o->nblocks = (uint16) nblocks;

	for (int i = from; i < to; i++)
	{
		const AlexPlanEntry *e = &plan->entries[i];
		AlexBlockDesc desc;
		AlexKey first_key;
		uint32 bytes;

		if (e->kind == ALEX_PLAN_SKIP)
			continue;
		if (off + e->bytes - ALEX_DIR_ENTRY_BYTES(form) > ALEX_SPECIAL_OFF)
			return false;
		if (e->kind == ALEX_PLAN_COPY)
		{
			const AlexBlockDesc *old = alex_dir_desc(copy_from, e->old_block);

			bytes = e->bytes - ALEX_DIR_ENTRY_BYTES(form);
			memcpy(out + off, copy_from + old->off, bytes);
			desc = *old;
			first_key = alex_dir_key(copy_from, e->old_block);
		}
		else
		{
			const AlexItem *items = entry_items(plan, e, scratch);

			if (items == NULL)
				return false;
			bytes = alex_encode(items, &e->model, form, (uint8 *) out + off, &desc);
			if (bytes == 0 || bytes != e->bytes - ALEX_DIR_ENTRY_BYTES(form))
				return false;
			first_key = items[0].key;
			for (uint32 k = 0; (e->model.enc & ALEX_ENC_REMOVED) && k < e->model.n; k++)
				nremoved += (items[k].flags & ALEX_ITEM_REMOVED) != 0;
		}
		desc.off = (uint16) off;
		desc.cum = (uint16) nbase;
		*alex_dir_desc(out, b) = desc;
		alex_dir_set_key(out, b, first_key);
		off += bytes;
		nbase += desc.n;
		b++;
	}
	if (nbase > ALEX_LEAF_ENTRIES_MAX)
		return false;
	o->nbase = (uint16) nbase;
	o->nremoved = (uint16) nremoved;
	o->blocks_end = (uint16) off;
	o->ngap = o->ntail = 0;
	alex_header(out)->lower = (uint16) off;
	alex_header(out)->upper = ALEX_SPECIAL_OFF;
	return true;
}

/* start an image that keeps the page's header, fences and opaque */
static void
begin_image(char *image, const char *page)
{
	AlexForm form = alex_page_form(page);

	memset(image, 0, BLCKSZ);
	memcpy(image, page, ALEX_DIR_OFF(form));
	memcpy(image + ALEX_SPECIAL_OFF, page + ALEX_SPECIAL_OFF, sizeof(AlexPageOpaque));
	alex_opaque(image)->version = ALEX_VERSION;
}

static void
finish_image(char *page)
{
	memcpy(page, apply_image, BLCKSZ);
}

/* ---- single entries ---- */

static bool
apply_gap_insert(char *page, const char *p, uint32 len)
{
	AlexPageHeader *h = alex_header(page);
	AlexPageOpaque *o = alex_opaque(page);
	uint32 raw = alex_raw_bytes(page);
	uint32 need = raw + (o->ngap == 0 ? ALEX_GAP_HEADER_BYTES : 0);
	uint8 *order = alex_gap_order(page);
	uint32 pos;

	if (len != 1 + raw || o->ngap >= ALEX_GAP_MAX_OF(o->keybytes) ||
		h->upper - h->lower < (int) need)
		return false;
	pos = (uint8) p[0];
	if (pos > o->ngap)
		return false;
	if (o->ngap == 0)
		memset(alex_gap_dead(page), 0, ALEX_GAP_HEADER_BYTES);
	memmove(order + pos + 1, order + pos, o->ngap - pos);
	order[pos] = o->ngap;
	memcpy(alex_gap_slot(page, o->ngap), p + 1, raw);
	o->ngap++;
	h->upper = (uint16) (h->upper - need);
	return true;
}

static bool
apply_tail_append(char *page, const char *p, uint32 len)
{
	AlexPageHeader *h = alex_header(page);
	AlexPageOpaque *o = alex_opaque(page);
	uint32 raw = alex_raw_bytes(page);
	uint32 need = raw + (o->ntail == 0 ? ALEX_TAIL_DEAD_BYTES : 0);

	if (len != raw || o->ntail >= ALEX_TAIL_MAX || h->upper - h->lower < (int) need)
		return false;
	if (o->ntail == 0)
		memset(alex_tail_dead(page), 0, ALEX_TAIL_DEAD_BYTES);
	memcpy(alex_tail_slot(page, o->ntail), p, raw);
	o->ntail++;
	h->lower = (uint16) (h->lower + need);
	return true;
}

/* ---- seal: in place, so that a generic-mode delta stays small ---- */

static void
grow_directory(char *page, uint32 by)
{
	AlexPageOpaque *o = alex_opaque(page);
	AlexForm form = alex_page_form(page);
	uint32 dirsize = o->dirsize;
	uint32 shift = by * ALEX_DIR_ENTRY_BYTES(form);
	char *blocks = page + ALEX_DIR_OFF(form) + dirsize * ALEX_DIR_ENTRY_BYTES(form);
	char *descs = (char *) alex_dir_desc(page, 0);
	uint32 desc_bytes = o->nblocks * sizeof(AlexBlockDesc);

	memmove(blocks + shift, blocks, (size_t) (page + o->blocks_end - blocks));
	memmove(descs + by * ALEX_KEY_BYTES(form), descs, desc_bytes);
	o->dirsize = (uint16) (dirsize + by);
	/* unused directory slots are zero, so that equal pages have equal bytes */
	memset(page + ALEX_DIR_OFF(form) + o->nblocks * ALEX_KEY_BYTES(form), 0,
		   (o->dirsize - o->nblocks) * ALEX_KEY_BYTES(form));
	memset((char *) alex_dir_desc(page, o->nblocks), 0,
		   (o->dirsize - o->nblocks) * sizeof(AlexBlockDesc));
	for (uint32 b = 0; b < o->nblocks; b++)
		alex_dir_desc(page, b)->off = (uint16) (alex_dir_desc(page, b)->off + shift);
	o->blocks_end = (uint16) (o->blocks_end + shift);
}

static bool
apply_seal(char *page, const char *p, uint32 len)
{
	AlexPageHeader *h = alex_header(page);
	AlexPageOpaque *o = alex_opaque(page);
	AlexForm form = alex_page_form(page);
	uint32 old_lower = h->lower;
	uint32 grow = 0;
	AlexItem scratch[ALEX_BLOCK_ENTRIES_MAX];

	apply_plan.nstream = o->ntail;
	for (uint32 i = 0; i < o->ntail; i++)
		alex_tail_item(page, i, &apply_plan.stream[i]);
	for (uint32 i = 0; i < o->ntail; i++)
		apply_plan.origin[i] = ALEX_ORIGIN_TAIL;
	if (!alex_plan_read(page, p, len, &apply_plan) || apply_plan.nbase != o->ntail)
		return false;
	if (o->nblocks + apply_plan.count > o->dirsize)
		grow = (uint32) (o->nblocks + apply_plan.count - o->dirsize) + ALEX_DIR_SLACK;
	if (o->blocks_end + grow * ALEX_DIR_ENTRY_BYTES(form) + apply_plan.bytes -
			apply_plan.count * ALEX_DIR_ENTRY_BYTES(form) >
		h->upper)
		return false;
	if (grow > 0)
		grow_directory(page, grow);

	for (int i = 0; i < apply_plan.count; i++)
	{
		const AlexPlanEntry *e = &apply_plan.entries[i];
		const AlexItem *items = entry_items(&apply_plan, e, scratch);
		AlexBlockDesc desc;
		uint32 bytes;

		if (items == NULL)
			return false;
		bytes = alex_encode(items, &e->model, form, (uint8 *) page + o->blocks_end, &desc);
		if (bytes == 0)
			return false;
		desc.off = o->blocks_end;
		desc.cum = o->nbase;
		*alex_dir_desc(page, o->nblocks) = desc;
		alex_dir_set_key(page, o->nblocks, items[0].key);
		o->nblocks++;
		o->nbase = (uint16) (o->nbase + desc.n);
		o->blocks_end = (uint16) (o->blocks_end + bytes);
	}
	o->ntail = 0;
	h->lower = o->blocks_end;
	/* what is now hole holds nothing: keep images compressible and comparable */
	if (old_lower > h->lower)
		memset(page + h->lower, 0, old_lower - h->lower);
	return true;
}

/* ---- rebuild and split ---- */

static bool
rebuild(char *page, const uint8 *drops, const char *p, uint32 len, bool whole)
{
	int pos = 0;

	apply_plan.nstream = alex_page_decode(page, drops, apply_plan.stream, apply_plan.origin);
	if (apply_plan.nstream < 0 || !alex_plan_read(page, p, len, &apply_plan))
		return false;
	for (int i = 0; i < apply_plan.count; i++)
		pos += apply_plan.entries[i].consume;
	if (whole && pos != apply_plan.nstream)
		return false;
	if (!alex_rebuild_image(apply_image, page, &apply_plan))
		return false;
	finish_image(page);
	return true;
}

static bool
apply_rebuild(char *page, const char *p, uint32 len)
{
	uint8 drops[ALEX_DROP_BITMAP_BYTES] = { 0 };
	uint32 bits = alex_page_entries(page);
	uint32 used = 1;

	if (len < 1 || bits > ALEX_ITEMS_MAX)
		return false;
	if (p[0] == ALEX_DROPS_BITMAP)
	{
		used += (bits + 7) / 8;
		if (used > len)
			return false;
		memcpy(drops, p + 1, (bits + 7) / 8);
	}
	else if (p[0] == ALEX_DROPS_LIST)
	{
		uint16 count;

		if (len < 3)
			return false;
		memcpy(&count, p + 1, 2);
		used += 2 + 2 * (uint32) count;
		if (used > len)
			return false;
		for (uint32 i = 0; i < count; i++)
		{
			uint16 number;

			memcpy(&number, p + 3 + 2 * i, 2);
			if (number >= bits)
				return false;
			bitmap_set(drops, number);
		}
	}
	else if (p[0] != ALEX_DROPS_NONE)
		return false;
	return rebuild(page, p[0] == ALEX_DROPS_NONE ? NULL : drops, p + used, len - used, true);
}

static void
become_left(char *page, uint32 right, AlexKey key, uint64 tag)
{
	alex_opaque(page)->right = right;
	alex_page_set_high(page, key, tag);
	alex_opaque(page)->flags |= ALEX_INCOMPLETE_SPLIT;
	alex_opaque(page)->version = ALEX_VERSION;
}

static bool
apply_split_left(char *page, const char *p, uint32 len)
{
	AlexForm form = alex_page_form(page);
	uint32 head = 4 + ALEX_FENCE_BYTES(ALEX_KEY_BYTES(form));
	AlexRawEntry high;
	uint32 right;

	if (len < head + 1)
		return false;
	memcpy(&right, p, 4);
	high = alex_fence_load(p + 4, form.wide);
	if (p[head] && !rebuild(page, NULL, p + head + 1, len - head - 1, false))
		return false;
	become_left(page, right, high.key, high.tag);
	return true;
}

/* the page with the blocks of plan entries [0, to) */
static bool
image_of_plan(char *image, const char *page, const AlexPlan *plan, int to)
{
	begin_image(image, page);
	return alex_assemble(image, page, plan, 0, to);
}

bool
alex_rebuild_image(char *image, const char *page, const AlexPlan *plan)
{
	return image_of_plan(image, page, plan, plan->count);
}

bool
alex_split_left_image(char *image, const char *page, const AlexPlan *plan, int cut, uint32 right,
					  AlexKey key, uint64 tag)
{
	if (cut < 0)
		memcpy(image, page, BLCKSZ);
	else if (!image_of_plan(image, page, plan, cut))
		return false;
	become_left(image, right, key, tag);
	return true;
}

/* ---- removal without a refit ---- */

/* gap run and tail of the image = those of the page without the dropped entries */
static void
mark_areas(const char *page, const uint8 *drops)
{
	const AlexPageOpaque *o = alex_opaque(page);
	AlexPageOpaque *n = alex_opaque(apply_image);
	uint32 raw = alex_raw_bytes(page);
	uint8 new_slot[256] = { 0 };

	n->ntail = 0;
	for (uint32 i = 0; i < o->ntail; i++)
	{
		if (bitmap_test(drops, (uint32) o->nbase + o->ngap + i))
			continue;
		memcpy(alex_tail_slot(apply_image, n->ntail), alex_tail_slot(page, i), raw);
		if (bitmap_test(alex_tail_dead(page), i))
			bitmap_set(alex_tail_dead(apply_image), n->ntail);
		n->ntail++;
	}
	alex_header(apply_image)->lower =
		(uint16) (n->blocks_end + (n->ntail ? ALEX_TAIL_DEAD_BYTES + n->ntail * raw : 0));

	n->ngap = 0;
	for (uint32 slot = 0; slot < o->ngap; slot++)
	{
		if (bitmap_test(drops, o->nbase + slot))
			continue;
		memcpy(alex_gap_slot(apply_image, n->ngap), alex_gap_slot(page, slot), raw);
		if (bitmap_test(alex_gap_dead(page), slot))
			bitmap_set(alex_gap_dead(apply_image), n->ngap);
		new_slot[slot] = n->ngap++;
	}
	n->ngap = 0;
	for (uint32 i = 0; i < o->ngap; i++)
	{
		uint32 slot = alex_gap_order(page)[i];

		if (slot < o->ngap && !bitmap_test(drops, o->nbase + slot))
			alex_gap_order(apply_image)[n->ngap++] = new_slot[slot];
	}
	alex_header(apply_image)->upper =
		(uint16) (ALEX_SPECIAL_OFF - (n->ngap ? ALEX_GAP_HEADER_BYTES + n->ngap * raw : 0));
}

/*
 * May the blocks that lose entries get a column of removed bits beside their dead bits?  Only free
 * bytes are taken for it.
 */
static bool
removed_columns_fit(const char *page, const uint8 *drops)
{
	const AlexPageOpaque *o = alex_opaque(page);
	uint32 bytes = 0;

	for (uint32 b = 0; b < o->nblocks; b++)
	{
		const AlexBlockDesc *d = alex_dir_desc(page, b);
		bool any = false;

		for (uint32 i = 0; i < d->n && !any; i++)
			any = bitmap_test(drops, d->cum + i);
		if (any && !(d->enc & ALEX_ENC_REMOVED))
			bytes += ((uint32) d->n + 7) / 8;
	}
	return bytes <= (uint32) (alex_header(page)->upper - alex_header(page)->lower);
}

/* the removed bits of a block: those it has and the dropped entries; returns how many are set */
static uint32
mark_bits(const AlexBlock *blk, const uint8 *drops, uint8 *removed)
{
	uint32 count = 0;

	memset(removed, 0, (blk->n + 7) / 8);
	for (uint32 i = 0; i < blk->n; i++)
		if (bitmap_test(drops, blk->cum + i) || (blk->removed && bitmap_test(blk->removed, i)))
		{
			bitmap_set(removed, i);
			count++;
		}
	return count;
}

static bool
apply_mark(char *page, const char *p, uint32 len)
{
	uint8 drops[ALEX_DROP_BITMAP_BYTES] = { 0 };
	AlexPageOpaque *o = alex_opaque(page);
	AlexPageOpaque *n = alex_opaque(apply_image);
	AlexForm form = alex_page_form(page);
	uint32 bits = alex_page_entries(page);
	uint32 off = ALEX_DIR_OFF(form) + o->dirsize * ALEX_DIR_ENTRY_BYTES(form);
	bool columns;

	if (bits > ALEX_ITEMS_MAX || len != (bits + 7) / 8)
		return false;
	memcpy(drops, p, len);
	/* the counts are indexes into drops */
	for (uint32 b = 0; b < o->nblocks; b++)
		if (alex_dir_desc(page, b)->cum + alex_dir_desc(page, b)->n > o->nbase)
			return false;
	columns = removed_columns_fit(page, drops);
	begin_image(apply_image, page);
	/* the directory, with offsets to be corrected */
	memcpy(apply_image + ALEX_DIR_OFF(form), page + ALEX_DIR_OFF(form), off - ALEX_DIR_OFF(form));
	n->nremoved = 0;
	for (uint32 b = 0; b < o->nblocks; b++)
	{
		AlexBlock blk;
		AlexBlockDesc *desc = alex_dir_desc(apply_image, b);
		uint8 removed[ALEX_BLOCK_ENTRIES_MAX / 8];
		uint32 bitmap_bytes;
		uint32 count;
		uint32 old_head;
		bool grows;
		uint8 *to = (uint8 *) apply_image + off;

		if (!alex_block_open(page, b, &blk))
			return false;
		bitmap_bytes = (blk.n + 7) / 8;
		count = mark_bits(&blk, drops, removed);
		n->nremoved = (uint16) (n->nremoved + count);
		grows = count > 0 && blk.removed == NULL && columns;
		/* blocks that lie one over another are damage */
		if (off + blk.bytes + (grows ? bitmap_bytes : 0) > ALEX_SPECIAL_OFF)
			return false;
		if (count > 0 && blk.removed == NULL)
			desc->enc |= ALEX_ENC_REMOVED | (grows ? 0 : ALEX_ENC_NO_DEAD);

		/* dead bits, removed bits, the rest */
		if (!(desc->enc & ALEX_ENC_NO_DEAD))
		{
			memcpy(to, blk.dead, bitmap_bytes);
			to += bitmap_bytes;
		}
		if (desc->enc & ALEX_ENC_REMOVED)
		{
			memcpy(to, removed, bitmap_bytes);
			to += bitmap_bytes;
		}
		old_head = bitmap_bytes * (blk.removed && blk.has_dead ? 2 : 1);
		memcpy(to, page + desc->off + old_head, blk.bytes - old_head);
		to += blk.bytes - old_head;
		desc->off = (uint16) off;
		off = (uint32) (to - (uint8 *) apply_image);
	}
	if (off + (o->ntail ? ALEX_TAIL_DEAD_BYTES + o->ntail * alex_raw_bytes(page) : 0) >
		alex_header(page)->upper)
		return false;
	n->blocks_end = (uint16) off;
	mark_areas(page, drops);
	finish_image(page);
	return true;
}

/*
 * The TID of a removed entry came back with the same key: the entry is live
 * again, so that a removed and a live entry of the same (key, tag) never coexist.
 */
static bool
apply_unmark(char *page, const char *p, uint32 len)
{
	AlexPageOpaque *o = alex_opaque(page);
	uint16 rank;
	AlexBlock blk;
	uint32 b;
	uint32 i;
	uint8 bit;

	if (len != 2)
		return false;
	memcpy(&rank, p, 2);
	if (rank >= o->nbase || o->nremoved == 0)
		return false;
	b = alex_page_block_of(page, rank);
	if (!alex_block_open(page, b, &blk) || rank < blk.cum || rank - blk.cum >= blk.n ||
		blk.removed == NULL || !bitmap_test(blk.removed, rank - blk.cum))
		return false;
	i = rank - blk.cum;
	bit = (uint8) (1 << (i & 7));
	/* the block's pointers are read-only views of this very page */
	((uint8 *) page)[blk.removed - (const uint8 *) page + (i >> 3)] &= (uint8) ~bit;
	if (blk.has_dead)
		((uint8 *) page)[blk.dead - (const uint8 *) page + (i >> 3)] &= (uint8) ~bit;
	o->nremoved--;
	return true;
}

/* ---- whole pages, flags, metapage ---- */

static bool
apply_init(char *page, const char *p, uint32 len)
{
	uint16 lower;
	uint16 upper;

	if (len < 4)
		return false;
	memcpy(&lower, p, 2);
	memcpy(&upper, p + 2, 2);
	if (lower < ALEX_PAGE_HEADER_BYTES || lower > upper || upper > BLCKSZ ||
		len != 4U + lower + (BLCKSZ - upper))
		return false;
	memset(page, 0, BLCKSZ);
	memcpy(page, p + 4, lower);
	memcpy(page + upper, p + 4 + lower, BLCKSZ - upper);
	return true;
}

static bool
apply_meta(char *page, AlexOp op, const char *p, uint32 len)
{
	AlexMeta *meta = (AlexMeta *) (page + ALEX_PAGE_HEADER_BYTES);

	if (alex_opaque(page)->kind != ALEX_KIND_META)
		return false;
	if (op == ALEX_OP_META_ROOT)
	{
		if (len != 8)
			return false;
		memcpy(&meta->root, p, 4);
		memcpy(&meta->level, p + 4, 4);
	}
	else
	{
		uint32 flags;

		if (len != 4)
			return false;
		memcpy(&flags, p, 4);
		meta->flags |= flags;
	}
	return true;
}

/* an op on a page of the tree */
static bool
apply_tree(char *page, AlexOp code, const char *p, uint32 len)
{
	AlexPageOpaque *o = alex_opaque(page);

	switch (code)
	{
		case ALEX_OP_GAP_INSERT:
			return apply_gap_insert(page, p, len);
		case ALEX_OP_TAIL_APPEND:
			return apply_tail_append(page, p, len);
		case ALEX_OP_SEAL:
			return apply_seal(page, p, len);
		case ALEX_OP_REBUILD:
			return apply_rebuild(page, p, len);
		case ALEX_OP_SPLIT_LEFT:
			return apply_split_left(page, p, len);
		case ALEX_OP_MARK:
			return apply_mark(page, p, len);
		case ALEX_OP_UNMARK:
			return apply_unmark(page, p, len);
		case ALEX_OP_SET_LEFT:
			if (len != 4)
				return false;
			memcpy(&o->left, p, 4);
			return true;
		case ALEX_OP_SET_RIGHT:
			if (len != 4)
				return false;
			memcpy(&o->right, p, 4);
			return true;
		case ALEX_OP_HALF_DEAD:
			return alex_apply_half_dead(page, p, len);
		case ALEX_OP_MERGED:
			return len == 0 && alex_apply_merged(page);
		case ALEX_OP_DELETED:
			return alex_apply_deleted(page, p, len);
		case ALEX_OP_SET_LOW:
			return alex_apply_set_low(page, p, len, &apply_plan, apply_image);
		case ALEX_OP_UNLINK:
			return alex_apply_unlink(page, p, len, &apply_plan, apply_image);
		case ALEX_OP_CLEAR_FLAGS:
		{
			uint16 flags;

			if (len != 2)
				return false;
			memcpy(&flags, p, 2);
			o->flags &= (uint16) ~flags;
			return true;
		}
		case ALEX_OP_INIT:
		case ALEX_OP_META_ROOT:
		case ALEX_OP_META_FLAG:
			break;
	}
	return false;
}

bool
alex_apply(char *page, const char *op, uint32 len)
{
	AlexOp code;

	if (len < 1)
		return false;
	code = (AlexOp) (uint8) op[0];
	if (code == ALEX_OP_INIT)
		return apply_init(page, op + 1, len - 1);
	if (alex_page_check_header(page) != NULL)
		return false;
	if (code == ALEX_OP_META_ROOT || code == ALEX_OP_META_FLAG)
		return apply_meta(page, code, op + 1, len - 1);
	if (alex_opaque(page)->kind == ALEX_KIND_META || !apply_tree(page, code, op + 1, len - 1))
		return false;
	/* what is changed by this version may be as only this version reads it */
	alex_opaque(page)->version = ALEX_VERSION;
	return true;
}

void
alex_zero_hints(char *page)
{
	const AlexPageOpaque *o = alex_opaque(page);
	AlexForm form = alex_page_form(page);

	if (o->kind == ALEX_KIND_META || alex_page_check_header(page) != NULL)
		return;
	for (uint32 b = 0; b < o->nblocks; b++)
	{
		const AlexBlockDesc *d = alex_dir_desc(page, b);
		uint32 bytes = ((uint32) d->n + 7) / 8;

		if (!(d->enc & ALEX_ENC_NO_DEAD) &&
			d->off >= ALEX_DIR_OFF(form) + o->dirsize * ALEX_DIR_ENTRY_BYTES(form) &&
			d->off + bytes <= o->blocks_end)
			memset(page + d->off, 0, bytes);
	}
	if (o->ngap > 0)
		memset(alex_gap_dead(page), 0, ALEX_GAP_DEAD_BYTES);
	if (o->ntail > 0)
		memset(alex_tail_dead(page), 0, ALEX_TAIL_DEAD_BYTES);
}
