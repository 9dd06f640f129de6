/*
 * alex_cut.c
 *		Where a run of entries is cut into blocks.  Pure code: see alex_cut.h.
 *
 * Even chunks of at most 128 entries, which are cut where the keys jump, and around entries whose
 * TID lies far from the others, when that saves bytes.
 */
#ifndef OMENDB_UNIT
#include "postgres.h"
#endif

#include "alex/alex_cut.h"

/* a cut must save at least this much to be considered */
#define CUT_PAYLOAD_MIN(form) (2 * ALEX_DIR_ENTRY_BYTES(form))
#define CUT_DEPTH_MAX 7
#define OUTLIERS_MAX 8

/* the position before which the key jumps most; *jump gets the distance */
static uint32
largest_jump8(const uint64 *keys, uint32 n, uint64 *jump)
{
	uint32 at = 0;
	uint64 most = 0;

	for (uint32 i = 1; i < n; i++)
		most = Max(most, keys[i] - keys[i - 1]);
	*jump = most;
	/* found by value: the loop above has no branches */
	for (uint32 i = 1; i < n && at == 0; i++)
		if (most > 0 && keys[i] - keys[i - 1] == most)
			at = i;
	return at;
}

static uint32
largest_jump(const AlexItem *items, uint32 n, AlexForm form, AlexKey *jump)
{
	uint32 at = 0;

	if (!form.wide)
	{
		uint64 keys[ALEX_BLOCK_ENTRIES_MAX];
		uint64 most;

		for (uint32 i = 0; i < n; i++)
			keys[i] = (uint64) items[i].key;
		at = largest_jump8(keys, n, &most);
		*jump = most;
		return at;
	}
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

	/* a column that takes less than what one isolated entry does, besides a descriptor */
	if (n < 16 || m->twidth < 8 || (m->enc & ALEX_ENC_TWO_TIDS) ||
		n * m->twidth / 8 <= 3 * ALEX_DIR_ENTRY_BYTES(form) + 16)
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
	return alex_plan_add(plan, ALEX_PLAN_FIT, &m, form);
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
		return alex_plan_add(plan, ALEX_PLAN_FIT, m, form);

	/* a cut at a jump saves bits of keys; evenly spread keys never jump by an eighth of their span in 128 */
	at = BITPACK_BYTES(n, m->kwidth) > ALEX_DIR_ENTRY_BYTES(form)
			 ? largest_jump(items, n, form, &jump)
			 : 0;
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
	return alex_plan_add(plan, ALEX_PLAN_FIT, m, form);
}

/* entries of which fewer are not cut without a fit */
#define SURE_CUT_ENTRIES_MIN 16

/*
 * Where cuts are sure to pay, found without a fit: keys in clumps, of which a fit of the whole, of two
 * parts and so on would cost several times the fit of the clumps.
 *
 * A model of n keys whose largest jump J is more than an eighth of their span takes log2(J) - 2 bits a
 * key at least: some step is less than J / 2, and one slope is off by J / 4 at the jump or at that step.  And
 * no more than the width of their span.  Returns the bytes that keys [from, to) surely fit in, and
 * sets cuts[i] if a cut before key i belongs to that.
 */
static uint32
sure_cuts(const uint64 *keys, uint32 from, uint32 to, uint32 each, int depth, bool *cuts)
{
	uint32 n = to - from;
	uint64 span = keys[to - 1] - keys[from];
	uint32 uncut = (n * bitpack_width(span) + 7) / 8;
	uint32 at;
	uint32 bytes;
	uint64 jump;

	if (n < SURE_CUT_ENTRIES_MIN || uncut <= each || depth >= CUT_DEPTH_MAX)
		return uncut;
	at = from + largest_jump8(keys + from, n, &jump);
	if (jump <= span / 8 || jump < 16 || at <= from || at >= to)
		return uncut;
	bytes = each + sure_cuts(keys, from, at, each, depth + 1, cuts) +
			sure_cuts(keys, at, to, each, depth + 1, cuts);
	if (bytes < n * (bitpack_width(jump) - 3) / 8)
	{
		cuts[at] = true;
		return bytes;
	}
	memset(cuts + from, 0, n * sizeof(bool));
	return uncut;
}

/* at most 128 entries */
static bool
fit_entries(AlexPlan *plan, const AlexItem *items, uint32 n, AlexForm form)
{
	bool cuts[ALEX_BLOCK_ENTRIES_MAX] = { false };
	uint64 keys[ALEX_BLOCK_ENTRIES_MAX] = { 0 };
	uint32 from = 0;
	AlexModel m;

	for (uint32 i = 0; !form.wide && i < n; i++)
		keys[i] = (uint64) items[i].key;
	/* a block more: descriptor, bitmap, the rounding of columns, a child model */
	if (!form.wide)
		(void) sure_cuts(keys, 0, n,
						 ALEX_DIR_ENTRY_BYTES(form) + 6 + (form.inner ? sizeof(AlexChildExt) : 0),
						 0, cuts);
	for (uint32 i = 1; i <= n; i++)
	{
		if (i < n && !cuts[i])
			continue;
		alex_fit(items + from, i - from, form, &m);
		if (!fit_chunk(plan, items + from, i - from, &m, form, 0))
			return false;
		from = i;
	}
	return true;
}

bool
alex_cut_run(AlexPlan *plan, const AlexItem *items, uint32 n, AlexForm form)
{
	uint32 chunks = (n + ALEX_BLOCK_ENTRIES_MAX - 1) / ALEX_BLOCK_ENTRIES_MAX;
	uint32 from = 0;

	for (uint32 k = 1; k <= chunks; k++)
	{
		uint32 to = (uint32) ((uint64) n * k / chunks);

		if (!fit_entries(plan, items + from, to - from, form))
			return false;
		from = to;
	}
	return true;
}
