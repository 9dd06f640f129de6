/*
 * test_alex_fit.c
 *		One block: fit, encode, open, decode; slices of it; what it may cost.
 */
// sources: src/codec/linear.c src/codec/linear_wide.c src/alex/alex_page.c src/alex/alex_decode.c src/alex/alex_pagecheck.c src/alex/alex_fit.c src/alex/alex_plan.c src/alex/alex_apply.c src/alex/alex_op.c src/alex/alex_unlink.c
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
	}
	test_wide = false;
	density();
	ok(true, "density");
	return done();
}
