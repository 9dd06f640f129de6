/*
 * alex_plan.c
 *		Planning a page's blocks: merge, seal, split.  Pure code.
 *
 * Blocks that no inserted entry falls into are copied.  The others, in runs of
 * neighbours, are fitted afresh (alex_cut.c).  If the fresh fit of a run costs more than isolating the inserted entries between slices of
 * the old blocks, the slices are taken: this is what bounds a merge (rule F4).
 */
#ifndef OMENDB_UNIT
#include "postgres.h"
#endif

#include "alex/alex_cut.h"
#include "alex/alex_plan.h"

/* blocks with fewer entries than this are joined with an affected neighbour */
#define SMALL_BLOCK_ENTRIES 32

/*
 * The page's entries without removed ones, for a plan whose stream has some.  Static, like all
 * scratch under a page lock.
 */
static AlexItem plan_live[ALEX_ITEMS_MAX];

bool
alex_plan_add(AlexPlan *plan, AlexPlanKind kind, const AlexModel *m, AlexForm form)
{
	AlexPlanEntry *e;

	if (plan->count >= ALEX_PLAN_MAX)
		return false;
	e = &plan->entries[plan->count++];
	e->kind = (uint8) kind;
	e->old_block = 0;
	e->start = 0;
	e->consume = m->n;
	e->bytes = alex_model_size(m, form);
	e->model = *m;
	return true;
}

/* stream entries that go nowhere */
static bool
add_skip(AlexPlan *plan, uint16 consume)
{
	AlexModel none = { 0 };

	if (!alex_plan_add(plan, ALEX_PLAN_SKIP, &none, (AlexForm){ false, false }))
		return false;
	plan->entries[plan->count - 1].bytes = 0;
	plan->entries[plan->count - 1].consume = consume;
	return true;
}

/* ---- merge ---- */

/* a run of neighbouring blocks that are planned together */
typedef struct Group
{
	uint32 from; /* blocks; the number behind the last stands for the tail */
	uint32 to;
	uint32 invaded; /* those that live entries of the gap run fall into */
	int stream_from;
	int stream_to;
	int live_from;
	int live_to;
} Group;

/*
 * Slices of the old blocks with the inserted entries isolated between them.
 * Removed entries stay where they are.  (KEEP entries; consume = n.)
 */
static bool
keep_group(AlexPlan *plan, const char *page, const Group *g, AlexForm form)
{
	const AlexItem *s = plan->stream;
	const uint16 *origin = plan->origin;
	int i = g->stream_from;
	uint32 next_in_block = 0;
	uint32 cold_seen = 0;
	uint16 block = ALEX_ORIGIN_TAIL;
	AlexModel old;

	while (i < g->stream_to)
	{
		int end = i + 1;
		AlexModel m;

		if (origin[i] < ALEX_ORIGIN_GAP)
		{
			if (origin[i] != block)
			{
				AlexBlock blk;

				block = origin[i];
				if (!alex_block_open(page, block, &blk))
					return false;
				alex_model_of_block(&blk, &old);
				next_in_block = 0;
				cold_seen = 0;
			}
			while (end < g->stream_to && origin[end] == block)
				end++;
			alex_model_slice(&old, s + i, next_in_block, (uint32) (end - i), cold_seen, &m);
			next_in_block += (uint32) (end - i);
			cold_seen += m.ncold;
		}
		else
		{
			bool removed = (s[i].flags & ALEX_ITEM_REMOVED) != 0;

			/* consecutive new entries share a fit: never more than one block each */
			while (end < g->stream_to && origin[end] >= ALEX_ORIGIN_GAP &&
				   end - i < ALEX_BLOCK_ENTRIES_MAX &&
				   ((s[end].flags & ALEX_ITEM_REMOVED) != 0) == removed)
				end++;
			if (removed)
			{
				/* nobody has packed them yet: nothing to slice around */
				if (!add_skip(plan, (uint16) (end - i)))
					return false;
				i = end;
				continue;
			}
			alex_fit(s + i, (uint32) (end - i), form, &m);
		}
		if (!alex_plan_add(plan, ALEX_PLAN_KEEP, &m, form))
			return false;
		i = end;
	}
	return true;
}

static uint32
plan_bytes(const AlexPlan *plan, int from)
{
	uint32 bytes = 0;

	for (int i = from; i < plan->count; i++)
		bytes += plan->entries[i].bytes;
	return bytes;
}

/* fit_run's entries count live entries: count the stream entries they consume */
static void
consume_removed(AlexPlan *plan, const Group *g, int first)
{
	int pos = g->stream_from;

	if (g->stream_to - g->stream_from == g->live_to - g->live_from)
		return;
	for (int k = first; k < plan->count; k++)
	{
		int begin = pos;
		uint32 live = 0;

		while (pos < g->stream_to &&
			   (live < plan->entries[k].model.n || (plan->stream[pos].flags & ALEX_ITEM_REMOVED)))
			live += (plan->stream[pos++].flags & ALEX_ITEM_REMOVED) == 0;
		plan->entries[k].consume = (uint16) (pos - begin);
	}
}

/*
 * What keep_group would take at least: each old block as it is but for a second column of bits,
 * which a slice may do without, and a descriptor more for each that entries were inserted into.
 */
static bool
kept_bytes_min(const char *page, const Group *g, AlexForm form, uint32 *bytes)
{
	const AlexPageOpaque *o = alex_opaque(page);

	*bytes = 0;
	for (uint32 b = g->from; b <= g->to && b < o->nblocks; b++)
	{
		const AlexBlockDesc *d = alex_dir_desc(page, b);
		/* blocks lie one behind the other */
		uint32 end = b + 1 < o->nblocks ? alex_dir_desc(page, b + 1)->off : o->blocks_end;
		uint32 both = ((uint32) d->n + 7) / 8;

		if ((d->enc & (ALEX_ENC_REMOVED | ALEX_ENC_NO_DEAD)) != ALEX_ENC_REMOVED)
			both = 0;
		if (end < d->off + both)
			return false;
		*bytes += ALEX_DIR_ENTRY_BYTES(form) + end - d->off - both;
	}
	*bytes += g->invaded * ALEX_DIR_ENTRY_BYTES(form);
	return true;
}

/*
 * A group is fitted afresh, unless slices of its old blocks take less.  To slice is work, too: it
 * is not tried where it cannot take less.  A fresh fit that does not find room in the
 * plan is too large anyway.
 */
static bool
plan_group(AlexPlan *plan, const char *page, const AlexItem *live, const Group *g, AlexForm form)
{
	int first = plan->count;
	int fitted;
	uint32 kept_min;
	bool fits;

	if (g->stream_to == g->stream_from)
		return true;
	if (g->live_to == g->live_from)
		return add_skip(plan, (uint16) (g->stream_to - g->stream_from));
	fits = alex_cut_run(plan, live + g->live_from, (uint32) (g->live_to - g->live_from), form);
	if (fits)
	{
		if (!kept_bytes_min(page, g, form, &kept_min))
			return false;
		if (plan_bytes(plan, first) <= kept_min)
		{
			consume_removed(plan, g, first);
			return true;
		}
	}
	else
		plan->count = first;

	fitted = plan->count;
	if (!keep_group(plan, page, g, form))
	{
		/* no room behind the fit: that one is too large then */
		plan->count = fitted = first;
		fits = false;
		if (!keep_group(plan, page, g, form))
			return false;
	}
	if (fits)
	{
		uint32 kept_bytes = plan_bytes(plan, fitted);
		uint32 fit_bytes = plan_bytes(plan, first) - kept_bytes;

		if (fit_bytes <= kept_bytes)
		{
			plan->count = fitted;
			consume_removed(plan, g, first);
			return true;
		}
	}
	memmove(&plan->entries[first], &plan->entries[fitted],
			(size_t) (plan->count - fitted) * sizeof(AlexPlanEntry));
	plan->count -= fitted - first;
	return true;
}

bool
alex_plan_finish(AlexPlan *plan)
{
	int pos = 0;

	plan->bytes = 0;
	plan->nbase = 0;
	for (int i = 0; i < plan->count; i++)
	{
		AlexPlanEntry *e = &plan->entries[i];

		e->start = (uint16) pos;
		pos += e->consume;
		plan->bytes += e->bytes;
		if (e->kind == ALEX_PLAN_COPY)
			plan->nbase += e->consume;
		else if (e->kind != ALEX_PLAN_SKIP)
			plan->nbase += e->model.n;
	}
	return pos == plan->nstream;
}

/* what a page's stream holds of each block; the number behind the last block stands for the tail */
#define MERGE_BLOCKS_MAX (BLCKSZ / ALEX_DIR_ENTRY_BYTES_OF(8) + 2)

typedef struct Merge
{
	int first[MERGE_BLOCKS_MAX];	/* its first entry in the stream, or where that would be */
	bool invaded[MERGE_BLOCKS_MAX]; /* entries of the gap run fall into it, of the tail are in it */
	bool affected[MERGE_BLOCKS_MAX]; /* that, or has entries to be left out */
} Merge;

/* gap entries before the first block count as the first's, those behind a block's first entry as its own */
static void
find_blocks(const char *page, const AlexPlan *plan, Merge *m)
{
	const AlexPageOpaque *o = alex_opaque(page);
	uint32 nblocks = o->nblocks;
	int gap = 0;
	int before = 0;

	for (uint32 b = 0; b <= nblocks; b++)
	{
		int base = b < nblocks ? alex_dir_desc(page, b)->cum : o->nbase;

		while (base + gap < plan->nstream && plan->origin[base + gap] != b &&
			   (b < nblocks || plan->origin[base + gap] != ALEX_ORIGIN_TAIL))
			gap++;
		m->first[b] = base + gap;
		if (gap > before)
			m->invaded[b > 0 ? b - 1 : 0] = true;
		before = gap;
	}
	if (m->first[nblocks] < plan->nstream)
		m->invaded[nblocks] = true;
	memcpy(m->affected, m->invaded, sizeof(m->affected));
}

/* the same with entries that are left out: the live ones to plan_live; returns how many */
static int
find_removed(const AlexPlan *plan, uint32 nblocks, Merge *m)
{
	int nlive = 0;

	for (uint32 b = 0; b <= nblocks; b++)
	{
		/* what comes before the first block is with it */
		int i = b > 0 ? m->first[b] : 0;
		int end = b < nblocks ? m->first[b + 1] : plan->nstream;

		for (; i < end; i++)
			if (plan->stream[i].flags & ALEX_ITEM_REMOVED)
				m->affected[b] = true;
			else
				plan_live[nlive++] = plan->stream[i];
	}
	return nlive;
}

bool
alex_plan_merge(const char *page, const uint8 *drops, AlexPlan *plan)
{
	const AlexPageOpaque *o = alex_opaque(page);
	AlexForm form = alex_page_form(page);
	Merge merge = { 0 };
	uint32 nblocks = o->nblocks;
	bool removed = drops != NULL || o->nremoved > 0;
	int pos = 0;
	int live_pos = 0;

	plan->count = 0;
	plan->nstream = alex_page_decode(page, drops, plan->stream, plan->origin);
	if (plan->nstream < 0 || nblocks + 1 >= MERGE_BLOCKS_MAX)
		return false;
	find_blocks(page, plan, &merge);
	plan->nlive = (uint32) (removed ? find_removed(plan, nblocks, &merge) : plan->nstream);

	for (uint32 b = 0; b <= nblocks;)
	{
		uint32 last = b;
		Group g = { .stream_from = pos, .live_from = live_pos, .from = b };

		if (b < nblocks && !merge.affected[b] &&
			!(alex_dir_desc(page, b)->n < SMALL_BLOCK_ENTRIES && merge.affected[b + 1]))
		{
			AlexModel m = { 0 };
			AlexBlock blk;

			if (!alex_block_open(page, b, &blk))
				return false;
			m.n = (uint8) blk.n;
			if (!alex_plan_add(plan, ALEX_PLAN_COPY, &m, form))
				return false;
			plan->entries[plan->count - 1].old_block = (uint16) b;
			plan->entries[plan->count - 1].bytes = blk.bytes + ALEX_DIR_ENTRY_BYTES(form);
			pos += (int) blk.n;
			live_pos += (int) blk.n;
			b++;
			continue;
		}
		while (last + 1 <= nblocks &&
			   (merge.affected[last + 1] ||
				(last + 1 < nblocks && alex_dir_desc(page, last + 1)->n < SMALL_BLOCK_ENTRIES)))
			last++;
		/* everything up to the first entry of the block behind the group */
		g.to = last;
		g.stream_to = last < nblocks ? merge.first[last + 1] : plan->nstream;
		g.live_to = live_pos;
		if (!removed)
			g.live_to += g.stream_to - g.stream_from;
		for (int i = g.stream_from; removed && i < g.stream_to; i++)
			g.live_to += (plan->stream[i].flags & ALEX_ITEM_REMOVED) == 0;
		for (uint32 k = b; k <= last && k < nblocks && !removed; k++)
			g.invaded += merge.invaded[k];
		if (!plan_group(plan, page, removed ? plan_live : plan->stream, &g, form))
			return false;
		pos = g.stream_to;
		live_pos = g.live_to;
		b = last + 1;
	}
	return alex_plan_finish(plan);
}

bool
alex_plan_items(AlexPlan *plan, int first, int n, AlexForm form)
{
	plan->nstream = first + n;
	return alex_cut_run(plan, plan->stream + first, (uint32) n, form) && alex_plan_finish(plan);
}

bool
alex_plan_seal(const char *page, AlexPlan *plan)
{
	const AlexPageOpaque *o = alex_opaque(page);

	plan->count = 0;
	for (uint32 i = 0; i < o->ntail; i++)
		alex_tail_item(page, i, &plan->stream[i]);
	plan->nlive = o->ntail;
	return alex_plan_items(plan, 0, o->ntail, alex_page_form(page));
}

/* ---- split ---- */

/* cut plan entry k before its at'th produced entry (1 <= at < n) by slicing its model */
static bool
cut_entry(const char *page, AlexPlan *plan, int k, uint32 at, AlexForm form)
{
	AlexPlanEntry *e;
	AlexModel whole;
	uint32 cold = 0;
	uint32 produced = 0;
	uint32 consumed = 0;
	AlexItem part[ALEX_BLOCK_ENTRIES_MAX];
	uint32 n = 0;
	bool keep;

	if (plan->count >= ALEX_PLAN_MAX)
		return false;
	memmove(&plan->entries[k + 1], &plan->entries[k],
			(size_t) (plan->count - k) * sizeof(AlexPlanEntry));
	plan->count++;
	e = &plan->entries[k];
	if (e->kind == ALEX_PLAN_COPY)
	{
		AlexBlock blk;

		if (!alex_block_open(page, e->old_block, &blk))
			return false;
		alex_model_of_block(&blk, &whole);
		keep = true;
	}
	else
	{
		whole = e->model;
		keep = e->kind == ALEX_PLAN_KEEP;
	}

	/* the left slice */
	while (produced < at)
	{
		const AlexItem *item = &plan->stream[e->start + consumed++];

		if (!keep && (item->flags & ALEX_ITEM_REMOVED))
			continue;
		part[produced++] = *item;
		if (item->tag & ALEX_COLD_TID)
			cold++;
	}
	e[0].kind = e[1].kind = keep ? ALEX_PLAN_KEEP : ALEX_PLAN_FIT;
	alex_model_slice(&whole, part, 0, at, 0, &e[0].model);
	e[0].consume = (uint16) consumed;

	/* the right one */
	for (uint32 i = consumed; i < e[1].consume; i++)
	{
		const AlexItem *item = &plan->stream[e[1].start + i];

		if (keep || (item->flags & ALEX_ITEM_REMOVED) == 0)
			part[n++] = *item;
	}
	alex_model_slice(&whole, part, at, n, cold, &e[1].model);
	e[1].consume = (uint16) (e[1].consume - consumed);
	e[0].bytes = alex_model_size(&e[0].model, form);
	e[1].bytes = alex_model_size(&e[1].model, form);
	return alex_plan_finish(plan);
}

bool
alex_plan_split(const char *page, AlexPlan *plan, AlexForm form, uint32 left_percent, int *cut,
				int *cut_stream)
{
	uint32 half = plan->bytes * left_percent / 100;
	uint32 sum = 0;
	int k = 0;
	uint32 n;
	uint32 at;

	if (plan->nbase < 2)
		return false;
	while (k < plan->count && sum + plan->entries[k].bytes <= half)
		sum += plan->entries[k++].bytes;
	if (k >= plan->count)
		return false;
	/* entry k straddles the middle: cut it in proportion */
	n = plan->entries[k].kind == ALEX_PLAN_COPY ? plan->entries[k].consume
												: plan->entries[k].model.n;
	at = (uint32) ((uint64) n * (half - sum) / Max(plan->entries[k].bytes, 1));
	if (n >= 2)
	{
		at = Min(Max(at, 1), n - 1);
		if (!cut_entry(page, plan, k, at, form))
			return false;
		k++;
	}
	else if (k == 0)
		k = 1;
	*cut = k;
	*cut_stream = plan->entries[k].start;
	return k > 0 && k < plan->count;
}
