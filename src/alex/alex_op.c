/*
 * alex_op.c
 *		Page operations as bytes, which alex_apply.c executes, and the plans some of
 *		them carry.  Pure code: see alex_apply.h, alex_plan.h.
 */
#ifndef OMENDB_UNIT
#include "postgres.h"
#endif

#include "alex/alex_apply.h"

/* ---- plans ---- */

/*
 * A run of COPY entries is {COPY, count u8}; SKIP is {SKIP, 0, consume u16};
 * FIT and KEEP are {kind, 0, consume u16, model}.
 */
uint32
alex_plan_write(const AlexPlan *plan, int from, int to, AlexForm form, char *dst, uint32 max)
{
	uint32 len = 0;

	for (int i = from; i < to; i++)
	{
		const AlexPlanEntry *e = &plan->entries[i];
		uint32 need = 4;

		if (e->kind == ALEX_PLAN_COPY)
		{
			uint8 run = 1;

			if (len + 2 > max)
				return 0;
			while (run < 255 && i + 1 < to && plan->entries[i + 1].kind == ALEX_PLAN_COPY &&
				   plan->entries[i + 1].old_block == plan->entries[i].old_block + 1)
			{
				run++;
				i++;
			}
			dst[len++] = ALEX_PLAN_COPY;
			dst[len++] = (char) run;
			continue;
		}
		if (e->kind != ALEX_PLAN_SKIP)
			need += alex_model_bytes(&e->model, form);
		if (len + need > max)
			return 0;
		dst[len] = (char) e->kind;
		dst[len + 1] = 0;
		memcpy(dst + len + 2, &e->consume, 2);
		if (e->kind != ALEX_PLAN_SKIP)
			alex_model_write(&e->model, form, dst + len + 4);
		len += need;
	}
	return len;
}

/* the next `run` blocks are copied; each must lie in the stream whole and alone */
static bool
read_copies(const char *page, uint32 run, int pos, AlexPlan *plan)
{
	AlexForm form = alex_page_form(page);

	while (run-- > 0)
	{
		AlexPlanEntry *e;
		AlexBlock blk;

		if (plan->count >= ALEX_PLAN_MAX || pos >= plan->nstream ||
			plan->origin[pos] >= ALEX_ORIGIN_GAP ||
			!alex_block_open(page, plan->origin[pos], &blk) || pos + (int) blk.n > plan->nstream ||
			plan->origin[pos + (int) blk.n - 1] != plan->origin[pos])
			return false;
		e = &plan->entries[plan->count++];
		memset(e, 0, sizeof(*e));
		e->kind = ALEX_PLAN_COPY;
		e->old_block = plan->origin[pos];
		e->consume = (uint16) blk.n;
		e->bytes = blk.bytes + ALEX_DIR_ENTRY_BYTES(form);
		pos += (int) blk.n;
	}
	return true;
}

bool
alex_plan_read(const char *page, const char *src, uint32 len, AlexPlan *plan)
{
	AlexForm form = alex_page_form(page);
	int pos = 0;
	uint32 at = 0;

	plan->count = 0;
	while (at < len)
	{
		AlexPlanEntry *e;
		uint32 used = 0;

		if (at + 2 > len)
			return false;
		if (src[at] == ALEX_PLAN_COPY)
		{
			int first = plan->count;

			if (!read_copies(page, (uint8) src[at + 1], pos, plan))
				return false;
			for (; first < plan->count; first++)
				pos += plan->entries[first].consume;
			at += 2;
			continue;
		}
		if (at + 4 > len || plan->count >= ALEX_PLAN_MAX)
			return false;
		e = &plan->entries[plan->count++];
		memset(e, 0, sizeof(*e));
		e->kind = (uint8) src[at];
		memcpy(&e->consume, src + at + 2, 2);
		at += 4;
		if (e->kind == ALEX_PLAN_FIT || e->kind == ALEX_PLAN_KEEP)
		{
			used = alex_model_read(src + at, len - at, form, &e->model);
			if (used == 0 || !alex_model_valid(&e->model, form))
				return false;
			e->bytes = alex_model_size(&e->model, form);
		}
		else if (e->kind != ALEX_PLAN_SKIP)
			return false;
		at += used;
		pos += e->consume;
		if (pos > plan->nstream)
			return false;
	}
	/* a split's left half consumes a part of the stream only */
	{
		int nstream = plan->nstream;

		plan->nstream = pos;
		(void) alex_plan_finish(plan);
		plan->nstream = nstream;
	}
	return true;
}

/* ---- ops ---- */

uint32
alex_op_init(char *dst, const char *page)
{
	uint16 lower = alex_header(page)->lower;
	uint16 upper = alex_header(page)->upper;

	dst[0] = ALEX_OP_INIT;
	memcpy(dst + 1, &lower, 2);
	memcpy(dst + 3, &upper, 2);
	memcpy(dst + 5, page, lower);
	memcpy(dst + 5 + lower, page + upper, BLCKSZ - upper);
	return 5U + lower + (BLCKSZ - upper);
}

uint32
alex_op_gap_insert(char *dst, AlexForm form, uint32 pos, const AlexItem *item)
{
	dst[0] = ALEX_OP_GAP_INSERT;
	dst[1] = (char) pos;
	alex_raw_put(dst + 2, form, item);
	return 2 + ALEX_RAW_BYTES(form);
}

uint32
alex_op_tail_append(char *dst, AlexForm form, const AlexItem *item)
{
	dst[0] = ALEX_OP_TAIL_APPEND;
	alex_raw_put(dst + 1, form, item);
	return 1 + ALEX_RAW_BYTES(form);
}

uint32
alex_op_seal(char *dst, const AlexPlan *plan, AlexForm form)
{
	dst[0] = ALEX_OP_SEAL;
	return 1 + alex_plan_write(plan, 0, plan->count, form, dst + 1, ALEX_PLAN_BYTES_MAX);
}

uint32
alex_op_rebuild(char *dst, const AlexPlan *plan, AlexForm form, const uint8 *drops, uint32 bits)
{
	uint32 len = 2;

	dst[0] = ALEX_OP_REBUILD;
	dst[1] = ALEX_DROPS_NONE;
	if (drops != NULL)
	{
		uint32 count = 0;

		for (uint32 i = 0; i < bits; i++)
			count += bitmap_test(drops, i);
		if (2 + 2 * count < (bits + 7) / 8)
		{
			uint16 count16 = (uint16) count;

			dst[1] = ALEX_DROPS_LIST;
			memcpy(dst + 2, &count16, 2);
			len += 2;
			for (uint32 i = 0; i < bits; i++)
			{
				uint16 number = (uint16) i;

				if (bitmap_test(drops, i))
				{
					memcpy(dst + len, &number, 2);
					len += 2;
				}
			}
		}
		else
		{
			dst[1] = ALEX_DROPS_BITMAP;
			memcpy(dst + 2, drops, (bits + 7) / 8);
			len += (bits + 7) / 8;
		}
	}
	return len + alex_plan_write(plan, 0, plan->count, form, dst + len, ALEX_PLAN_BYTES_MAX);
}

uint32
alex_op_split_left(char *dst, const AlexPlan *plan, AlexForm form, int cut, uint32 right,
				   AlexKey key, uint64 tag)
{
	uint32 len = 6 + ALEX_FENCE_BYTES(ALEX_KEY_BYTES(form));

	dst[0] = ALEX_OP_SPLIT_LEFT;
	memcpy(dst + 1, &right, 4);
	alex_fence_store(dst + 5, form.wide, key, tag);
	dst[len - 1] = cut >= 0;
	if (cut >= 0)
		len += alex_plan_write(plan, 0, cut, form, dst + len, ALEX_PLAN_BYTES_MAX);
	return len;
}

uint32
alex_op_set_left(char *dst, uint32 left)
{
	dst[0] = ALEX_OP_SET_LEFT;
	memcpy(dst + 1, &left, 4);
	return 5;
}

uint32
alex_op_set_right(char *dst, uint32 right)
{
	dst[0] = ALEX_OP_SET_RIGHT;
	memcpy(dst + 1, &right, 4);
	return 5;
}

uint32
alex_op_half_dead(char *dst, uint32 top)
{
	dst[0] = ALEX_OP_HALF_DEAD;
	memcpy(dst + 1, &top, 4);
	return 5;
}

uint32
alex_op_merged(char *dst)
{
	dst[0] = ALEX_OP_MERGED;
	return 1;
}

uint32
alex_op_deleted(char *dst, uint64 safexid)
{
	dst[0] = ALEX_OP_DELETED;
	memcpy(dst + 1, &safexid, 8);
	return 9;
}

uint32
alex_op_set_low(char *dst, const AlexPlan *plan, AlexForm form, bool infinite, AlexKey key,
				uint64 tag)
{
	uint32 len = 2 + ALEX_FENCE_BYTES(ALEX_KEY_BYTES(form));

	dst[0] = ALEX_OP_SET_LOW;
	dst[1] = infinite;
	alex_fence_store(dst + 2, form.wide, key, tag);
	if (plan != NULL)
		len += alex_plan_write(plan, 0, plan->count, form, dst + len, ALEX_PLAN_BYTES_MAX);
	return len;
}

uint32
alex_op_unlink(char *dst, const AlexPlan *plan, AlexForm form, uint32 number, uint32 gone,
			   uint32 heir)
{
	dst[0] = ALEX_OP_UNLINK;
	memcpy(dst + 1, &number, 4);
	memcpy(dst + 5, &gone, 4);
	memcpy(dst + 9, &heir, 4);
	return 13 + alex_plan_write(plan, 0, plan->count, form, dst + 13, ALEX_PLAN_BYTES_MAX);
}

uint32
alex_op_clear_flags(char *dst, uint16 flags)
{
	dst[0] = ALEX_OP_CLEAR_FLAGS;
	memcpy(dst + 1, &flags, 2);
	return 3;
}

uint32
alex_op_mark(char *dst, const uint8 *drops, uint32 bits)
{
	dst[0] = ALEX_OP_MARK;
	memcpy(dst + 1, drops, (bits + 7) / 8);
	return 1 + (bits + 7) / 8;
}

uint32
alex_op_unmark(char *dst, uint32 rank)
{
	uint16 rank16 = (uint16) rank;

	dst[0] = ALEX_OP_UNMARK;
	memcpy(dst + 1, &rank16, 2);
	return 3;
}

uint32
alex_op_meta_root(char *dst, uint32 root, uint32 level)
{
	dst[0] = ALEX_OP_META_ROOT;
	memcpy(dst + 1, &root, 4);
	memcpy(dst + 5, &level, 4);
	return 9;
}

uint32
alex_op_meta_flag(char *dst, uint32 flags)
{
	dst[0] = ALEX_OP_META_FLAG;
	memcpy(dst + 1, &flags, 4);
	return 5;
}
