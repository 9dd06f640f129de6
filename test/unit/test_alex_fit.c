/*
 * test_alex_fit.c
 *		One block: fit, encode, open, decode; slices of it; what it may cost.  Of entries
 *		as they come, at every width, and of sets made to be hard.
 */
// sources: src/codec/linear.c src/codec/linear_wide.c src/alex/alex_page.c src/alex/alex_decode.c src/alex/alex_pagecheck.c src/alex/alex_fit.c src/alex/alex_cut.c src/alex/alex_plan.c src/alex/alex_apply.c src/alex/alex_op.c src/alex/alex_unlink.c
#include "alex_testing.h"

static AlexPlan plan;

/* a page whose only block has this model; the caller frees it */
static char *
page_of(const AlexItem *items, const AlexModel *m, bool inner)
{
	char *page = new_page();
	AlexBlockDesc desc;
	uint32 size = alex_model_size(m, form_of(inner)) - ALEX_DIR_ENTRY_BYTES(form_of(inner));
	uint8 *exact = malloc(size);

	check(alex_encode(items, m, form_of(inner), exact, &desc) == size,
		  "size differs from alex_model_size");
	test_page_init(page, inner);
	plan.nstream = m->n;
	plan.count = 1;
	memcpy(plan.stream, items, m->n * sizeof(AlexItem));
	memset(&plan.entries[0], 0, sizeof(AlexPlanEntry));
	plan.entries[0].kind = ALEX_PLAN_KEEP;
	plan.entries[0].consume = m->n;
	plan.entries[0].bytes = size + ALEX_DIR_ENTRY_BYTES(form_of(inner));
	plan.entries[0].model = *m;
	check(alex_assemble(page, NULL, &plan, 0, 1), "block does not assemble");
	check(memcmp(page + alex_dir_desc(page, 0)->off, exact, size) == 0, "payload differs");
	free(exact);
	if (inner)
	{
		/* I4 */
		alex_page_set_low(page, items[0].key, items[0].tag);
		alex_opaque(page)->left = 1;
	}
	return page;
}

/* the page's block decodes to the items and tells the model it was made with */
static void
decodes_to(const char *page, const AlexItem *items, const AlexModel *m)
{
	AlexBlock blk;
	AlexItem out[ALEX_BLOCK_ENTRIES_MAX];
	AlexModel back;
	const char *problem = alex_page_check(page);

	check(problem == NULL, "page check: %s", problem);
	check(alex_block_open(page, 0, &blk) && blk.n == m->n, "block does not open");
	alex_block_decode(&blk, out);
	for (uint32 i = 0; i < m->n; i++)
	{
		AlexItem one;

		check(same_item(&out[i], &items[i]), "entry %u of %u differs", i, m->n);
		alex_block_item(&blk, i, &one);
		check(same_item(&one, &items[i]), "entry %u of %u read alone differs", i, m->n);
	}
	check(blk.bytes + ALEX_DIR_ENTRY_BYTES(form_of(blk.inner)) ==
			  alex_model_size(m, form_of(blk.inner)),
		  "block size");
	alex_model_of_block(&blk, &back);
	/* without two models these are not stored */
	check(memcmp(&back, m, sizeof(back)) == 0 || !(m->enc & ALEX_ENC_TWO_TIDS), "model differs");
}

static void
write_and_read(const AlexModel *m, bool inner)
{
	uint32 bytes = alex_model_bytes(m, form_of(inner));
	char *exact = malloc(bytes);
	AlexModel back;

	alex_model_write(m, form_of(inner), exact);
	check(alex_model_read(exact, bytes, form_of(inner), &back) == bytes, "model cannot be read");
	check(back.kbase == m->kbase &&
			  memcmp(&back.kslope, &m->kslope, bytes - ALEX_KEY_BYTES(form_of(inner))) == 0,
		  "model reads differently");
	for (uint32 avail = 0; avail < bytes; avail++)
	{
		char *part = malloc(avail + 1);

		memcpy(part, exact, avail);
		check(alex_model_read(part, avail, form_of(inner), &back) == 0, "a short model is read");
		free(part);
	}
	free(exact);
}

/* the slice as it is when some of its entries have been removed: no larger, its dead bits given up */
static void
removed_slice(const AlexItem *items, const AlexModel *whole, uint32 from, uint32 n, uint32 cold)
{
	AlexItem marked[ALEX_BLOCK_ENTRIES_MAX];
	AlexModel plain;
	AlexModel m;
	char *page;

	memcpy(marked, items, n * sizeof(AlexItem));
	alex_model_slice(whole, marked, from, n, cold, &plain);
	for (uint32 i = 0; i < n; i++)
		marked[i].flags = unit_random_below(3) == 0 || i == n / 2 ? ALEX_ITEM_REMOVED : 0;
	alex_model_slice(whole, marked, from, n, cold, &m);
	check((m.enc & ALEX_ENC_NO_DEAD) && (m.enc & ALEX_ENC_REMOVED), "no removed bits");
	check(alex_model_size(&m, form_of(false)) == alex_model_size(&plain, form_of(false)),
		  "removed marks take room");
	page = page_of(marked, &m, false);
	decodes_to(page, marked, &m);
	check(!alex_page_set_dead(page, (uint32) unit_random_below(n)), "a dead bit without a place");
	/* removed bits are no hints */
	alex_zero_hints(page);
	decodes_to(page, marked, &m);
	alex_opaque(page)->version = 1;
	check(alex_page_check(page) != NULL, "version 1 has dead bits in all blocks");
	alex_opaque(page)->version = ALEX_VERSION;
	/* what says that it has no dead bits has removed ones */
	alex_dir_desc(page, 0)->enc &= (uint8) ~ALEX_ENC_REMOVED;
	{
		AlexBlock blk;
		AlexBlockDesc desc;
		uint8 room[BLCKSZ];

		check(!alex_block_open(page, 0, &blk), "a block without any bits opens");
		m.enc &= (uint8) ~ALEX_ENC_REMOVED;
		check(alex_encode(marked, &m, form_of(false), room, &desc) == 0,
			  "a block without any bits is encoded");
	}
	free(page);
}

/* slices of a block, and slices of slices: same widths, same entries */
static void
slices(const AlexItem *items, const AlexModel *whole, bool inner, int depth)
{
	uint32 n = whole->n;
	uint32 from = (uint32) unit_random_below(n);
	uint32 count = 1 + (uint32) unit_random_below(n - from);
	uint32 cold = 0;
	AlexModel m;
	char *page;

	for (uint32 i = 0; i < from; i++)
		cold += (items[i].tag & ALEX_COLD_TID) != 0;
	alex_model_slice(whole, items + from, from, count, cold, &m);
	check(m.kwidth == whole->kwidth && m.twidth == whole->twidth && m.nwidth == whole->nwidth &&
			  m.cwidth == whole->cwidth && m.t2width == whole->t2width,
		  "a slice has other widths");
	check(alex_model_size(&m, form_of(inner)) <= alex_model_size(whole, form_of(inner)),
		  "a slice is larger");
	page = page_of(items + from, &m, inner);
	decodes_to(page, items + from, &m);
	free(page);
	write_and_read(&m, inner);
	if (!inner && !(whole->enc & ALEX_ENC_REMOVED))
		removed_slice(items + from, whole, from, count, cold);
	if (depth < 3)
		slices(items + from, &m, inner, depth + 1);
}

static void
one_block(const AlexItem *items, uint32 n, bool inner)
{
	AlexModel m;
	AlexModel wrong;
	char *page;
	uint32 worst;
	AlexBlockDesc desc;
	uint8 room[BLCKSZ];
	AlexItem changed[ALEX_BLOCK_ENTRIES_MAX];

	alex_fit(items, n, form_of(inner), &m);
	check(m.n == n && m.idx0 == 0, "fit of %u entries", n);
	/* raw: 64 bits of key, 48 of TID, null flags, child; bitmaps and two extensions */
	worst = ALEX_DIR_ENTRY_BYTES(form_of(inner)) + 3 * ((n + 7) / 8) + sizeof(AlexTid2Ext) + 4 +
			(n * (8 * ALEX_KEY_BYTES(form_of(inner)) + 48 + m.nwidth) + 7) / 8;
	if (inner)
		worst += sizeof(AlexChildExt) + 4 * n;
	check(alex_model_size(&m, form_of(inner)) <= worst, "%u entries take %u bytes, raw would be %u",
		  n, alex_model_size(&m, form_of(inner)), worst);
	page = page_of(items, &m, inner);
	decodes_to(page, items, &m);
	free(page);
	write_and_read(&m, inner);
	slices(items, &m, inner, 0);

	/* an entry the model does not hold is noticed, not written wrongly */
	memcpy(changed, items, n * sizeof(AlexItem));
	changed[unit_random_below(n)].key =
		test_wide ? widen(DIST_POWERS, unit_random()) : unit_random();
	changed[unit_random_below(n)].tag = unit_random();
	if (alex_encode(changed, &m, form_of(inner), room, &desc) != 0)
	{
		page = page_of(changed, &m, inner);
		(void) alex_page_check(page);
		for (uint32 i = 0; i < n; i++)
		{
			AlexItem out;

			check(alex_run_item(page, i, &out) && same_item(&out, &changed[i]),
				  "encodes what it does not hold");
		}
		free(page);
	}
	wrong = m;
	wrong.kwidth = test_wide ? 129 : 65;
	check(alex_encode(items, &wrong, form_of(inner), room, &desc) == 0,
		  "a width beyond the key's is encoded");
	wrong = m;
	wrong.idx0 = (uint8) (129 - n);
	check(alex_encode(items, &wrong, form_of(inner), room, &desc) == 0, "index 128 is encoded");
	if (!inner)
	{
		memcpy(changed, items, n * sizeof(AlexItem));
		changed[0].flags ^= ALEX_ITEM_REMOVED;
		wrong = m;
		wrong.enc &= ~ALEX_ENC_REMOVED;
		changed[n - 1].flags |= ALEX_ITEM_REMOVED;
		check(alex_encode(changed, &wrong, form_of(inner), room, &desc) == 0,
			  "a removed mark is lost");
	}
}

static void
distribution(AlexDist dist, bool inner)
{
	static const uint32 sizes[] = { 1, 2, 3, 7, 8, 9, 16, 31, 64, 65, 127, 128 };
	static AlexItem items[4096];
	uint32 have = sorted_arrivals(dist, inner, items, lengthof(items));

	for (uint32 round = 0; round < 120; round++)
	{
		uint32 n = round % 2 ? 128 : sizes[unit_random_below(lengthof(sizes))];
		uint32 at;
		AlexItem part[ALEX_BLOCK_ENTRIES_MAX];

		n = Min(n, have);
		at = (uint32) unit_random_below(have - n + 1);
		memcpy(part, items + at, n * sizeof(AlexItem));
		if (!inner && round % 3 == 0)
			for (uint32 i = 0; i < n; i++)
				part[i].flags = (uint8) unit_random_below(4);
		one_block(part, n, inner);
	}
}

/* ---- every width ---- */

static uint32 seen_key[129];
static uint32 seen_tid[49];
static uint32 seen_tid2[49];
static uint32 seen_nulls[17];
static uint32 seen_child[33];

/* a number of at most `width` bits, the extremes often */
static AlexKey
of_width(uint32 width)
{
	AlexKey all = width == 0 ? 0 : ALEX_KEY_ALL_ONES >> (128 - width);
	AlexKey any = (AlexKey) unit_random() << 64 | unit_random();

	switch (unit_random_below(8))
	{
		case 0:
			return 0;
		case 1:
			return all;
		case 2:
			return all >> 1;
		default:
			return any & all;
	}
}

/* a block of n entries whose columns take just these widths, without a slope */
static void
block_of_widths(uint32 n, uint32 kwidth, uint32 twidth, uint32 nwidth, uint32 cwidth, bool inner)
{
	AlexItem part[ALEX_BLOCK_ENTRIES_MAX] = { 0 };
	AlexKey most = test_wide ? ALEX_KEY_ALL_ONES : PG_UINT64_MAX;
	AlexKey kmax = kwidth == 0 ? 0 : ALEX_KEY_ALL_ONES >> (128 - kwidth);
	uint64 tmax = twidth == 0 ? 0 : PG_UINT64_MAX >> (64 - twidth);
	AlexModel m = { .enc = ALEX_ENC_LINEAR,
					.kwidth = (uint8) kwidth,
					.twidth = (uint8) twidth,
					.nwidth = (uint8) nwidth,
					.cwidth = (uint8) cwidth };
	uint32 distinct = 0;
	char *page;

	/* bases: the least, the greatest that leaves room, one between */
	m.kbase = unit_random_below(3) == 0	  ? most - kmax
			  : unit_random_below(2) == 0 ? 0
										  : (most - kmax) / 3;
	m.tbase = unit_random_below(2) == 0 ? ALEX_TAG_TID_MASK - tmax : 0;
	m.nbase = (uint16) (unit_random_below(2) == 0 ? 0xFFFF - ((1 << nwidth) - 1) : 0);
	m.cbase = unit_random_below(2) == 0 ? 0 : unit_random() >> 32;
	for (uint32 i = 0; i < n; i++)
	{
		uint64 tid = m.tbase + (uint64) of_width(twidth);
		uint64 nulls = m.nbase + (uint64) of_width(nwidth);

		part[i].key = m.kbase + of_width(kwidth);
		part[i].tag = nulls << ALEX_TAG_TID_BITS | tid;
		if (inner)
			part[i].child = (uint32) (m.cbase + (uint64) of_width(cwidth));
		else
			part[i].flags = (uint8) unit_random_below(4);
	}
	/* the first and the last in order have the extremes */
	part[0].key = m.kbase;
	part[n - 1].key = m.kbase + kmax;
	qsort(part, n, sizeof(AlexItem), compare_items);
	for (uint32 i = 0; i < n; i++)
		if (distinct == 0 || compare_items(&part[distinct - 1], &part[i]) < 0)
			part[distinct++] = part[i];
	m.n = (uint8) distinct;
	m.idx0 = (uint8) unit_random_below(129 - distinct);
	for (uint32 i = 0; i < distinct; i++)
		if (part[i].flags & ALEX_ITEM_REMOVED)
			m.enc |= ALEX_ENC_REMOVED;
	if ((m.enc & ALEX_ENC_REMOVED) && unit_random_below(2))
	{
		m.enc |= ALEX_ENC_NO_DEAD;
		for (uint32 i = 0; i < distinct; i++)
			part[i].flags &= (uint8) ~ALEX_ITEM_DEAD;
	}
	check(alex_model_valid(&m, form_of(inner)), "model of widths %u %u %u %u", kwidth, twidth,
		  nwidth, cwidth);
	page = page_of(part, &m, inner);
	decodes_to(page, part, &m);
	free(page);
	write_and_read(&m, inner);
	slices(part, &m, inner, 2);

	/* a bit less does not hold them */
	if (kwidth > 0 && distinct > 1)
	{
		AlexBlockDesc desc;
		uint8 room[BLCKSZ];

		m.kwidth--;
		check(alex_encode(part, &m, form_of(inner), room, &desc) == 0, "key width %u is enough",
			  kwidth - 1);
	}
}

static void
all_widths(bool inner)
{
	static const uint32 sizes[] = { 1, 2, 3, 8, 63, 64, 127, 128 };
	uint32 kmax = test_wide ? 128 : 64;

	for (uint32 w = 0; w <= 128; w++)
		for (uint32 s = 0; s < lengthof(sizes); s++)
		{
			block_of_widths(sizes[s], Min(w, kmax), (uint32) unit_random_below(49),
							(uint32) unit_random_below(17),
							inner ? (uint32) unit_random_below(33) : 0, inner);
			block_of_widths(sizes[s], (uint32) unit_random_below(kmax + 1), w % 49, w % 17,
							inner ? w % 33 : 0, inner);
		}
}

/*
 * Sets meant to be hard for a model, as (key, tag, child) of entry i: the fit must hold them
 * in no more than raw entries take, whatever it makes of them.
 */
static AlexItem
adversary(uint32 set, uint32 i, uint32 n)
{
	AlexKey most = test_wide ? ALEX_KEY_ALL_ONES : PG_UINT64_MAX;
	uint32 bits = test_wide ? 128 : 64;
	AlexItem item = { 0, (uint64) i << 16 | 1, i, 0 };

	switch (set)
	{
		case 0: /* the two ends */
			item.key = i < n / 2 ? i : most - (n - i);
			break;
		case 1: /* one far away, in front and behind */
			item.key = i == 0 ? 0 : most - n + i;
			break;
		case 2:
			item.key = i == n - 1 ? most : i;
			break;
		case 3: /* powers */
			item.key = (AlexKey) 1 << (i % bits);
			break;
		case 4:
			item.key = ((AlexKey) 1 << (i % bits)) - 1;
			break;
		case 5: /* squares, and steeper */
			item.key = (AlexKey) i * i;
			break;
		case 6:
			item.key = (AlexKey) i * i * i * i * i * i * i * i;
			break;
		case 7: /* steps: equal keys, then a jump */
			item.key = (AlexKey) (i / 16) << (bits - 8);
			break;
		case 8: /* the steepest lines */
			item.key = most / 128 * i;
			break;
		case 9:
			item.key = most / 128 * i + (i & 1);
			break;
		case 10: /* a sawtooth on the line's rounding */
			item.key = ((AlexKey) i << (bits - 9)) - (i & 3);
			break;
		case 11: /* TIDs from both ends in turn */
			item.key = i;
			item.tag = i & 1 ? UINT64CONST(0xFFFFFFFE0000) | 0xFFFF : (uint64) i << 16 | 1;
			break;
		case 12: /* offsets beyond any page's */
			item.key = 7;
			item.tag = (uint64) i << 16 | 0xFFFF;
			break;
		case 13: /* falling TIDs, falling children */
			item.key = i;
			item.tag = (UINT64CONST(0xFFFFFFFE) - i) << 16 | 1;
			item.child = ~i;
			break;
		case 14: /* one offset 0 among rows */
			item.key = i;
			item.tag = i == n / 2 ? 0 : (uint64) i << 16 | 2;
			break;
		case 15: /* hot and cold in turn, far apart */
			item.key = i;
			item.tag = (i & 1 ? ALEX_COLD_TID | UINT64CONST(0x7FFFFFFF0000) : 0) | (i + 1);
			break;
		case 16: /* all null flags */
			item.key = i / 20;
			item.tag |= (uint64) (i & 1 ? 0xFFFF : 0) << ALEX_TAG_TID_BITS;
			break;
		case 17: /* children around the wrap */
			item.key = i;
			item.child = (uint32) (i & 1 ? 0xFFFFFFFFU - i : i);
			break;
		case 18: /* everything as large as can be */
			item.key = most;
			item.tag = PG_UINT64_MAX - n + i;
			item.child = 0xFFFFFFFFU;
			break;
		default: /* one value, TIDs with gaps of growing powers */
			item.key = most / 2;
			item.tag = (UINT64CONST(1) << (i % 48)) | 1;
			break;
	}
	return item;
}

#define ADVERSARIES 20

static void
adversaries(bool inner)
{
	static const uint32 sizes[] = { 1, 2, 3, 5, 16, 64, 100, 127, 128 };

	for (uint32 set = 0; set < ADVERSARIES; set++)
		for (uint32 s = 0; s < lengthof(sizes); s++)
		{
			AlexItem part[ALEX_BLOCK_ENTRIES_MAX];
			uint32 n = 0;

			for (uint32 i = 0; i < sizes[s]; i++)
				part[i] = adversary(set, i, sizes[s]);
			qsort(part, sizes[s], sizeof(AlexItem), compare_items);
			for (uint32 i = 0; i < sizes[s]; i++)
			{
				if (!inner)
					part[i].child = 0;
				if (n == 0 || compare_items(&part[n - 1], &part[i]) < 0)
					part[n++] = part[i];
			}
			one_block(part, n, inner);
		}
}

/* lines with noise of every width: what the fit chooses comes to every width */
static void
noisy_lines(bool inner)
{
	uint32 bits = test_wide ? 128 : 64;

	for (uint32 w = 0; w <= bits; w++)
		for (uint32 round = 0; round < 12; round++)
		{
			AlexItem part[ALEX_BLOCK_ENTRIES_MAX] = { 0 };
			uint32 n = round % 3 == 0 ? 128 : 2 + (uint32) unit_random_below(127);
			uint32 distinct = 0;
			/* a slope below, at and above the noise */
			uint32 steep = (uint32) unit_random_below(bits - 6);
			AlexModel m;

			for (uint32 i = 0; i < n; i++)
			{
				uint64 tid = (uint64) of_width(w % 49);

				part[i].key = ((AlexKey) i << steep) + of_width(w);
				if (!test_wide)
					part[i].key = (uint64) part[i].key;
				/* cold ones among them: two models */
				part[i].tag = round % 4 == 3 && i % 3 == 0
								  ? ALEX_COLD_TID | (uint64) of_width(w % 48)
								  : tid & ~(round % 4 == 3 ? ALEX_COLD_TID : 0);
				part[i].tag |= (uint64) of_width(w % 17) << ALEX_TAG_TID_BITS;
				if (inner)
					part[i].child = (uint32) of_width(w % 33);
			}
			qsort(part, n, sizeof(AlexItem), compare_items);
			for (uint32 i = 0; i < n; i++)
				if (distinct == 0 || compare_items(&part[distinct - 1], &part[i]) < 0)
					part[distinct++] = part[i];
			one_block(part, distinct, inner);
			alex_fit(part, distinct, form_of(inner), &m);
			seen_key[m.kwidth]++;
			seen_tid[m.twidth]++;
			seen_nulls[m.nwidth]++;
			if (m.enc & ALEX_ENC_TWO_TIDS)
				seen_tid2[m.t2width]++;
			if (inner)
				seen_child[m.cwidth]++;
		}
}

static uint32
missing(const uint32 *seen, uint32 count)
{
	uint32 none = 0;

	for (uint32 i = 0; i < count; i++)
		none += seen[i] == 0;
	return none;
}

/*
 * Hundredths of a byte an entry takes, directory included; a tenth above what
 * it is.  Without cuts at jumps bursts take more, without isolated TIDs the last
 * one does.
 */
static void
density(void)
{
	static const uint32 limits[DIST_COUNT] = {
		[DIST_SEQUENTIAL] = 51, [DIST_RAGGED] = 51,		   [DIST_GAPS] = 131,
		[DIST_POISSON] = 236,	[DIST_OUT_OF_ORDER] = 329, [DIST_BURSTS] = 202,
		[DIST_SHUFFLED] = 317,	[DIST_LOGNORMAL] = 955,	   [DIST_UNIFORM] = 1165,
		[DIST_CLUSTERED] = 935, [DIST_FEW_VALUES] = 168,   [DIST_TEN_ROWS] = 421,
		[DIST_FAR_TID] = 430
	};
	static AlexItem items[4096];

	for (int dist = 0; dist < DIST_COUNT; dist++)
	{
		uint32 n = sorted_arrivals((AlexDist) dist, false, items, lengthof(items));
		uint32 each;

		if (limits[dist] == 0)
			continue;
		plan.count = 0;
		memcpy(plan.stream, items, n * sizeof(AlexItem));
		check(alex_plan_items(&plan, 0, (int) n, form_of(false)), "plan");
		each = plan.bytes * 100 / n;
		printf("# %-20s %u.%02u bytes an entry\n", dist_names[dist], each / 100, each % 100);
		check(each <= limits[dist], "%s takes %u.%02u bytes an entry", dist_names[dist], each / 100,
			  each % 100);
	}
}

/* cuts save bytes: no set of a block's worth takes more than uncut; returns how many were cut */
static uint32
cut_once(const AlexItem *items, uint32 n, bool inner)
{
	AlexModel whole;

	memcpy(plan.stream, items, n * sizeof(AlexItem));
	plan.count = 0;
	check(alex_plan_items(&plan, 0, (int) n, form_of(inner)), "plan of %u entries", n);
	alex_fit(items, n, form_of(inner), &whole);
	check(plan.bytes <= alex_model_size(&whole, form_of(inner)), "%d blocks of %u bytes, in one %u",
		  plan.count, plan.bytes, alex_model_size(&whole, form_of(inner)));
	return plan.count > 1;
}

static void
cuts(bool inner)
{
	static AlexItem items[4096];
	uint32 cut = 0;

	for (int dist = 0; dist < DIST_COUNT; dist++)
	{
		uint32 have = sorted_arrivals((AlexDist) dist, inner, items, lengthof(items));

		for (uint32 round = 0; round < 300; round++)
		{
			uint32 n = 1 + (uint32) unit_random_below(Min(have, 128));

			cut += cut_once(items + unit_random_below(have - n + 1), n, inner);
		}
	}
	/* clumps of all sizes and distances, of rows that came in any order */
	for (uint32 round = 0; round < 20000; round++)
	{
		AlexItem part[ALEX_BLOCK_ENTRIES_MAX] = { 0 };
		uint32 n = 1 + (uint32) unit_random_below(128);
		uint64 clump = 1 + unit_random_below(60);
		uint32 far = (uint32) unit_random_below(test_wide ? 100 : 56);
		uint32 near = (uint32) unit_random_below(12);
		AlexKey key = unit_random_below(1000);

		for (uint32 i = 0; i < n; i++)
		{
			part[i].key = key;
			part[i].tag = unit_random_below(UINT64CONST(1) << (round % 24)) << 16 |
						  (1 + unit_random_below(185));
			part[i].child = inner ? (uint32) unit_random() : 0;
			key += unit_random_below(clump) == 0 ? ((AlexKey) 1 << far) + unit_random_below(1000)
												 : 1 + unit_random_below(UINT64CONST(1) << near);
			if (!test_wide && key > PG_INT64_MAX)
				n = i + 1;
		}
		cut += cut_once(part, n, inner);
	}
	check(cut > 1000, "only %u sets were cut", cut);
}

int
main(void)
{
	for (int wide = 0; wide <= 1; wide++)
	{
		test_wide = wide;
		for (int dist = 0; dist < DIST_COUNT; dist++)
		{
			distribution((AlexDist) dist, false);
			distribution((AlexDist) dist, true);
			ok(true, "blocks and slices, %s, %d-byte keys", dist_names[dist], wide ? 16 : 8);
		}
		for (int inner = 0; inner <= 1; inner++)
		{
			all_widths(inner);
			adversaries(inner);
			noisy_lines(inner);
			cuts(inner);
		}
		ok(true, "all widths and hard sets, %d-byte keys", wide ? 16 : 8);
	}
	/* all but the widest, to which a slope is always better */
	ok(missing(seen_key, 128) == 0 && missing(seen_tid, 48) == 0 && missing(seen_tid2, 48) == 0 &&
		   missing(seen_nulls, 17) == 0 && missing(seen_child, 33) == 0,
	   "fits have chosen every width");
	test_wide = false;
	density();
	ok(true, "density");
	return done();
}
