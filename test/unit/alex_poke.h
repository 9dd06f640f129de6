/*
 * alex_poke.h
 *		Everything that reads a page, or plans a change of it, on a page that may be
 *		damaged; shared by the damage test and the fuzzer.
 */
#ifndef ALEX_POKE_H
#define ALEX_POKE_H

#include <stdlib.h>

#include "alex/alex_apply.h"
#include "alex/alex_unlink.h"

static AlexPlan poke_plan;
static AlexItem poke_items[ALEX_ITEMS_MAX];
static uint16 poke_origin[ALEX_ITEMS_MAX];
static char poke_op[ALEX_OP_BYTES_MAX];

/* what VACUUM would do to it: the ops of page deletion */
static inline void
poke_deletion(const char *page, char *scratch, uint64 chance)
{
	AlexForm form = alex_page_form(page);
	int n;
	int i;
	uint32 gone;
	uint32 heir;

	memcpy(scratch, page, BLCKSZ);
	if (alex_apply(scratch, poke_op, alex_op_half_dead(poke_op, (uint32) chance)))
		(void) alex_apply(scratch, poke_op, alex_op_half_dead(poke_op, 0xFFFFFFFFU));
	(void) alex_apply(scratch, poke_op, alex_op_deleted(poke_op, chance));
	memcpy(scratch, page, BLCKSZ);
	if (!form.inner)
	{
		(void) alex_apply(scratch, poke_op, alex_op_set_low(poke_op, NULL, form, chance & 1, 0, 0));
		return;
	}
	n = alex_page_decode(page, NULL, poke_plan.stream, poke_plan.origin);
	if (n < 2)
		return;
	i = (int) (chance % (uint32) (n - 1));
	gone = poke_plan.stream[i].child;
	heir = poke_plan.stream[i + 1].child;
	poke_plan.count = 0;
	poke_plan.nstream = alex_unlink_edit(poke_plan.stream, n, i);
	if (alex_plan_items(&poke_plan, 0, poke_plan.nstream, form))
		(void) alex_apply(scratch, poke_op,
						  alex_op_unlink(poke_op, &poke_plan, form, (uint32) i, gone, heir));
	memcpy(scratch, page, BLCKSZ);
	poke_plan.count = 0;
	poke_plan.nstream = alex_page_decode(page, NULL, poke_plan.stream, poke_plan.origin);
	alex_lower_first(poke_plan.stream, 0, 0);
	if (alex_plan_items(&poke_plan, 0, poke_plan.nstream, form))
		(void) alex_apply(scratch, poke_op,
						  alex_op_set_low(poke_op, &poke_plan, form, chance & 1, 0, 0));
}

/* the plans a primary would make of it, applied to copies as it would */
static inline void
poke_plans(const char *page, char *scratch, uint64 chance)
{
	AlexForm form = alex_page_form(page);
	uint32 bits = alex_page_entries(page);
	uint8 drops[ALEX_DROP_BITMAP_BYTES] = { 0 };
	int cut;
	int cut_stream;

	for (uint32 i = (uint32) chance % 7; i < bits; i += 1 + (uint32) chance % 20)
		bitmap_set(drops, i);
	if (alex_plan_seal(page, &poke_plan))
	{
		uint32 len = alex_op_seal(poke_op, &poke_plan, form);

		memcpy(scratch, page, BLCKSZ);
		(void) alex_apply(scratch, poke_op, len);
	}
	if (alex_plan_merge(page, drops, &poke_plan))
	{
		uint32 len = alex_op_rebuild(poke_op, &poke_plan, form, drops, bits);

		memcpy(scratch, page, BLCKSZ);
		(void) alex_apply(scratch, poke_op, len);
	}
	if (alex_plan_merge(page, NULL, &poke_plan) &&
		alex_plan_split(page, &poke_plan, form, chance & 1 ? 50 : 90, &cut, &cut_stream))
	{
		uint32 len = alex_op_split_left(poke_op, &poke_plan, form, cut, 9, 1, 1);

		alex_page_init(scratch, alex_opaque(page)->kind, alex_opaque(page)->level,
					   alex_opaque(page)->keybytes, 1);
		(void) alex_assemble(scratch, page, &poke_plan, cut, poke_plan.count);
		memcpy(scratch, page, BLCKSZ);
		(void) alex_apply(scratch, poke_op, len);
	}
	memcpy(scratch, page, BLCKSZ);
	(void) alex_apply(scratch, poke_op, alex_op_mark(poke_op, drops, bits));
	poke_deletion(page, scratch, chance);
}

static inline void
poke_page(const char *page, uint64 (*random64)(void), char *scratch, bool plans)
{
	const AlexPageOpaque *o = alex_opaque(page);
	AlexForm form = alex_page_form(page);
	AlexPagePos pos;
	AlexItem item;
	AlexBlock blk;
	AlexModel m;

	memcpy(scratch, page, BLCKSZ);
	if (alex_page_check_header(page) != NULL || o->kind == ALEX_KIND_META)
		return;
	(void) alex_page_check(page);
	alex_zero_hints(scratch);
	/* hints are all that may change */
	if (memcmp(scratch, page, ALEX_DIR_OFF(form) + o->dirsize * ALEX_DIR_ENTRY_BYTES(form)) != 0 ||
		memcmp(scratch + ALEX_SPECIAL_OFF, page + ALEX_SPECIAL_OFF, sizeof(AlexPageOpaque)) != 0)
		abort();
	(void) alex_page_decode(page, NULL, poke_items, poke_origin);
	{
		/* to the byte: a damaged slot number must not leave the bitmap */
		uint8 *drops = calloc(1, (alex_page_entries(page) + 7) / 8 + 1);

		(void) alex_page_decode(page, drops, poke_items, NULL);
		free(drops);
	}
	for (uint32 b = 0; b < o->nblocks; b++)
		if (alex_block_open(page, b, &blk))
		{
			alex_block_decode(&blk, poke_items);
			alex_model_of_block(&blk, &m);
			(void) alex_model_size(&m, form);
		}
	for (int i = 0; i < 6; i++)
	{
		AlexKey key = i == 0   ? 0
					  : i == 1 ? ALEX_KEY_ALL_ONES
							   : (AlexKey) random64() << (form.wide ? random64() % 65 : 0);
		uint64 tag = i == 0 ? 0 : i == 1 ? PG_UINT64_MAX : random64();

		if (i >= 3 && o->nblocks > 0)
			key = alex_dir_key(page, (uint32) (random64() % o->nblocks)) + (random64() % 3) - 1;
		(void) alex_page_search(page, key, tag, i & 1, &pos);
		(void) alex_inner_child(page, key, tag, i & 1, &item);
		(void) alex_run_item(page, (uint32) (random64() % 9000), &item);
		(void) alex_page_below(page, key, tag);
		(void) alex_page_beyond(page, key, tag);
	}
	if (plans)
		poke_plans(page, scratch, random64());
}

#endif
