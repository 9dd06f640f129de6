/*
 * alex_plan.c
 *		Planning a page's blocks: merge, seal, split.  Pure code.
 *
 * Blocks that no inserted entry falls into are copied.  The others, in runs of
 * neighbours, are fitted afresh; a run is cut where the keys jump and around
 * entries whose TID lies far from the others, when that saves bytes.  If the fresh
 * fit of a run costs more than isolating the inserted entries between slices of
 * the old blocks, the slices are taken: this is what bounds a merge (rule F4).
 */
#ifndef OMENDB_UNIT
#include "postgres.h"
#endif

#include "alex/alex_plan.h"

/* blocks with fewer entries than this are joined with an affected neighbour */
#define SMALL_BLOCK_ENTRIES 32
/* a cut must save at least this much to be considered */
#define CUT_PAYLOAD_MIN(form) (2 * ALEX_DIR_ENTRY_BYTES(form))
#define CUT_DEPTH_MAX 7
#define OUTLIERS_MAX 8

/*
 * The page's entries without removed ones, for a plan whose stream has some.  Static, like all
 * scratch under a page lock.
 */
static AlexItem plan_live[ALEX_ITEMS_MAX];

/* ---- fitting a run of live entries ---- */

static bool
add_entry(AlexPlan *plan, AlexPlanKind kind, const AlexModel *m, AlexForm form)
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

	if (!add_entry(plan, ALEX_PLAN_SKIP, &none, (AlexForm){ false, false }))
		return false;
	plan->entries[plan->count - 1].bytes = 0;
	plan->entries[plan->count - 1].consume = consume;
	return true;
}

/* the position before which the key jumps most; *jump gets the distance */
static uint32
largest_jump(const AlexItem *items, uint32 n, AlexKey *jump)
{
	uint32 at = 0;

	*jump = 0;
	for (uint32 i = 1; i < n; i++)
	{
		AlexKey d = items[i].key - items[i - 1].key;

		if (d > *jump)
		{
			*jump = d;
			at = i;
		}
	}
	return at;
}

/*
 * Entries whose linearised TID is far from the rest.
 *
 * Distances are taken to the median of a few samples; the widths of all
 * distances are counted, and the width chosen at which the column plus the
 * isolated entries cost least.  Returns the number of outliers, 0 if isolating
 * does not pay.
 */
static uint32
tid_outliers(const AlexItem *items, uint32 n, AlexForm form, const AlexModel *m, uint32 *outliers)
{
	uint64 sample[7];
	uint32 count_by_width[65] = { 0 };
	uint64 ref;
	uint32 far = 0;
	uint32 best_width = m->twidth;
	uint32 best_cost;
	uint32 found = 0;

	if (n < 16 || m->twidth < 8 || (m->enc & ALEX_ENC_TWO_TIDS))
		return 0;
	for (uint32 i = 0; i < lengthof(sample); i++)
	{
		uint64 v = items[(i + 1) * n / 8].tag & ALEX_TAG_TID_MASK;
		uint32 j = i;

		for (; j > 0 && sample[j - 1] > v; j--)
			sample[j] = sample[j - 1];
		sample[j] = v;
	}
	ref = sample[lengthof(sample) / 2];
	for (uint32 i = 0; i < n; i++)
	{
		uint64 v = items[i].tag & ALEX_TAG_TID_MASK;

		count_by_width[bitpack_width(v > ref ? v - ref : ref - v)]++;
	}

	/* raw TIDs are about 8 bits wider than linearised ones; a sign costs one more */
	best_cost = n * m->twidth / 8;
	for (uint32 w = 48; w > 0; w--)
	{
		uint32 cost;
		uint32 width = w > 8 ? w - 8 : 0;

		far += count_by_width[w];
		if (far > OUTLIERS_MAX)
			break;
		cost = n * (width + 1) / 8 + far * (2 * ALEX_DIR_ENTRY_BYTES(form) + 16);
		if (far > 0 && cost + ALEX_DIR_ENTRY_BYTES(form) < best_cost)
		{
			best_cost = cost;
			best_width = w - 1;
			found = far;
		}
	}
	if (found == 0)
		return 0;
	found = 0;
	for (uint32 i = 0; i < n && found < OUTLIERS_MAX; i++)
	{
		uint64 v = items[i].tag & ALEX_TAG_TID_MASK;

		if (bitpack_width(v > ref ? v - ref : ref - v) > best_width)
			outliers[found++] = i;
	}
	return found;
}

/* bytes of entries [from, n) cut around the outliers */
static uint32
isolated_cost(const AlexItem *items, uint32 n, AlexForm form, const uint32 *outliers, uint32 count)
{
	uint32 from = 0;
	uint32 cost = 0;
	AlexModel m;

	for (uint32 k = 0; k <= count; k++)
	{
		uint32 to = k < count ? outliers[k] : n;

		if (to > from)
		{
			alex_fit(items + from, to - from, form, &m);
			cost += alex_model_size(&m, form);
		}
		if (k < count)
		{
			alex_fit(items + to, 1, form, &m);
			cost += alex_model_size(&m, form);
		}
		from = to + 1;
	}
	return cost;
}

/* fit entries as one block */
static bool
fit_block(AlexPlan *plan, const AlexItem *items, uint32 n, AlexForm form)
{
	AlexModel m;

	alex_fit(items, n, form, &m);
	return add_entry(plan, ALEX_PLAN_FIT, &m, form);
}

/* at most 128 entries, whose fit is *m, cut where it pays */
static bool
fit_chunk(AlexPlan *plan, const AlexItem *items, uint32 n, const AlexModel *m, AlexForm form,
		  int depth)
{
	AlexModel left;
	AlexModel right;
	uint32 bytes = alex_model_size(m, form);
	AlexKey jump;
	uint32 at;
	uint32 outliers[OUTLIERS_MAX];
	uint32 noutliers;

	if (n < 2 || depth >= CUT_DEPTH_MAX ||
		bytes < ALEX_DIR_ENTRY_BYTES(form) + CUT_PAYLOAD_MIN(form))
		return add_entry(plan, ALEX_PLAN_FIT, m, form);

	at = largest_jump(items, n, &jump);
	/* evenly spread keys never jump by an eighth of their span in 128 */
	if (at > 0 && jump > (items[n - 1].key - items[0].key) / 8)
	{
		alex_fit(items, at, form, &left);
		alex_fit(items + at, n - at, form, &right);
		if (alex_model_size(&left, form) + alex_model_size(&right, form) < bytes)
			return fit_chunk(plan, items, at, &left, form, depth + 1) &&
				   fit_chunk(plan, items + at, n - at, &right, form, depth + 1);
	}

	noutliers = tid_outliers(items, n, form, m, outliers);
	if (noutliers > 0 && isolated_cost(items, n, form, outliers, noutliers) < bytes)
	{
		uint32 from = 0;

		for (uint32 k = 0; k <= noutliers; k++)
		{
			uint32 to = k < noutliers ? outliers[k] : n;

			if (to > from && !fit_block(plan, items + from, to - from, form))
				return false;
			if (k < noutliers && !fit_block(plan, items + to, 1, form))
				return false;
			from = to + 1;
		}
		return true;
	}
	return add_entry(plan, ALEX_PLAN_FIT, m, form);
}

/* fit any number of live entries in even chunks */
static bool
fit_run(AlexPlan *plan, const AlexItem *items, uint32 n, AlexForm form)
{
	uint32 chunks = (n + ALEX_BLOCK_ENTRIES_MAX - 1) / ALEX_BLOCK_ENTRIES_MAX;
	uint32 from = 0;

	for (uint32 k = 1; k <= chunks; k++)
	{
		uint32 to = (uint32) ((uint64) n * k / chunks);
		AlexModel m;

		alex_fit(items + from, to - from, form, &m);
		if (!fit_chunk(plan, items + from, to - from, &m, form, 0))
			return false;
		from = to;
	}
	return true;
}

/* ---- merge ---- */

/* a run of neighbouring blocks that are planned together */
typedef struct Group
{
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
		if (!add_entry(plan, ALEX_PLAN_KEEP, &m, form))
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
 * which a slice may do without, and a descriptor for each stretch of new live entries.
 */
static bool
kept_bytes_min(const AlexPlan *plan, const char *page, const Group *g, AlexForm form, uint32 *bytes)
{
	const uint16 *origin = plan->origin;
	uint16 last = ALEX_ORIGIN_TAIL;

	*bytes = 0;
	for (int i = g->stream_from; i < g->stream_to; i++)
	{
		if (origin[i] < ALEX_ORIGIN_GAP)
		{
			AlexBlock blk;

			if (origin[i] == last)
				continue;
			last = origin[i];
			if (!alex_block_open(page, last, &blk))
				return false;
			*bytes += ALEX_DIR_ENTRY_BYTES(form) + blk.bytes -
					  (blk.removed && blk.has_dead ? (blk.n + 7) / 8 : 0);
		}
		else if ((plan->stream[i].flags & ALEX_ITEM_REMOVED) == 0 &&
				 (i == g->stream_from || origin[i - 1] < ALEX_ORIGIN_GAP))
			*bytes += ALEX_DIR_ENTRY_BYTES(form);
	}
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
	fits = fit_run(plan, live + g->live_from, (uint32) (g->live_to - g->live_from), form);
	if (fits)
	{
		if (!kept_bytes_min(plan, page, g, form, &kept_min))
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

bool
alex_plan_merge(const char *page, const uint8 *drops, AlexPlan *plan)
{
	const AlexPageOpaque *o = alex_opaque(page);
	AlexForm form = alex_page_form(page);
	bool affected[BLCKSZ / ALEX_DIR_ENTRY_BYTES_OF(8) + 2] = { false };
	uint32 nblocks = o->nblocks;
	int nlive = 0;
	const AlexItem *live = plan->stream;
	uint32 cur = 0;
	int pos = 0;
	int live_pos = 0;

	plan->count = 0;
	plan->nstream = alex_page_decode(page, drops, plan->stream, plan->origin);
	if (plan->nstream < 0)
		return false;

	/* which blocks does something fall into?  index nblocks stands for the tail */
	for (int i = 0; i < plan->nstream; i++)
	{
		if (plan->origin[i] == ALEX_ORIGIN_TAIL)
			cur = nblocks;
		else if (plan->origin[i] != ALEX_ORIGIN_GAP)
			cur = plan->origin[i];
		if (plan->origin[i] >= ALEX_ORIGIN_GAP || (plan->stream[i].flags & ALEX_ITEM_REMOVED))
			affected[cur] = true;
		nlive += (plan->stream[i].flags & ALEX_ITEM_REMOVED) == 0;
	}
	plan->nlive = (uint32) nlive;
	if (nlive < plan->nstream)
	{
		live = plan_live;
		nlive = 0;
		for (int i = 0; i < plan->nstream; i++)
			if ((plan->stream[i].flags & ALEX_ITEM_REMOVED) == 0)
				plan_live[nlive++] = plan->stream[i];
	}

	for (uint32 b = 0; b <= nblocks;)
	{
		uint32 last = b;
		Group g = { pos, pos, live_pos, live_pos };

		if (b < nblocks && !affected[b] &&
			!(alex_dir_desc(page, b)->n < SMALL_BLOCK_ENTRIES && affected[b + 1]))
		{
			AlexModel m = { 0 };
			AlexBlock blk;

			if (!alex_block_open(page, b, &blk))
				return false;
			m.n = (uint8) blk.n;
			if (!add_entry(plan, ALEX_PLAN_COPY, &m, form))
				return false;
			plan->entries[plan->count - 1].old_block = (uint16) b;
			plan->entries[plan->count - 1].bytes = blk.bytes + ALEX_DIR_ENTRY_BYTES(form);
			pos += (int) blk.n;
			live_pos += (int) blk.n;
			b++;
			continue;
		}
		while (last + 1 <= nblocks &&
			   (affected[last + 1] ||
				(last + 1 < nblocks && alex_dir_desc(page, last + 1)->n < SMALL_BLOCK_ENTRIES)))
			last++;
		/* everything up to the first entry of the block behind the group */
		while (g.stream_to < plan->nstream && (plan->origin[g.stream_to] == ALEX_ORIGIN_GAP ||
											   (plan->origin[g.stream_to] == ALEX_ORIGIN_TAIL
													? nblocks
													: plan->origin[g.stream_to]) <= last))
		{
			if ((plan->stream[g.stream_to].flags & ALEX_ITEM_REMOVED) == 0)
				g.live_to++;
			g.stream_to++;
		}
		if (!plan_group(plan, page, live, &g, form))
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
	return fit_run(plan, plan->stream + first, (uint32) n, form) && alex_plan_finish(plan);
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
