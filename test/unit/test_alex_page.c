/*
 * test_alex_page.c
 *		Levels of pages grown by the real insertion policy, against sorted arrays.
 */
// sources: src/codec/linear.c src/codec/linear_wide.c src/alex/alex_page.c src/alex/alex_decode.c src/alex/alex_pagecheck.c src/alex/alex_fit.c src/alex/alex_cut.c src/alex/alex_plan.c src/alex/alex_apply.c src/alex/alex_op.c src/alex/alex_unlink.c
#include "alex_testing.h"

static Level level;

/* entries VACUUM took away: their TIDs are used again */
#define RECYCLED_MAX 64
static AlexItem recycled[RECYCLED_MAX];
static int nrecycled;

static void
remember(const Node *n)
{
	for (int i = 0; i < 8 && n->nlive > 0; i++)
	{
		AlexItem item = n->live[unit_random_below((uint64) n->nlive)];

		item.flags = 0;
		recycled[nrecycled++ % RECYCLED_MAX] = item;
	}
}

/* the whole level is one sorted chain */
static void
check_chain(const Level *l)
{
	for (int i = 0; i + 1 < l->count; i++)
	{
		AlexRawEntry high = alex_page_high(l->nodes[i].page);
		AlexRawEntry low = alex_page_low(l->nodes[i + 1].page);

		check(memcmp(&high, &low, sizeof(low)) == 0, "fences of neighbours differ");
	}
}

static void
grow(AlexDist dist, bool inner, uint32 cap, uint32 inserts, bool with_deletes)
{
	Arrivals a;

	level_start(&level, inner, cap);
	arrivals_start(&a, dist, inner);
	nrecycled = 0;
	for (uint32 i = 0; i < inserts; i++)
	{
		AlexItem item = next_arrival(&a);

		if (nrecycled > 0 && unit_random_below(20) == 0)
			item = recycled[unit_random_below((uint64) Min(nrecycled, RECYCLED_MAX))];
		(void) level_insert(&level, &item);
		if (with_deletes && unit_random_below(60) == 0)
		{
			int node = (int) unit_random_below((uint64) level.count);

			remember(&level.nodes[node]);
			level_delete(&level, node, 1 + unit_random_below(50), unit_random_below(3) > 0);
		}
		if (unit_random_below(100) == 0)
			level_kill(&level, (int) unit_random_below((uint64) level.count), 20);
	}
	check_chain(&level);
	printf(
		"# %s%s, cap %u: %u inserts, %u seals, %u rebuilds, %u splits, %u marks, %u unmarks, %u drops, "
		"bound used %u %%\n",
		dist_names[dist], inner ? ", inner" : "", cap, level.inserts, level.seals, level.rebuilds,
		level.splits, level.marks, level.unmarks, level.drops, level.worst_rebuild);
	level_free(&level);
}

/* entries that fall between those of a page and fit no model there */
static AlexItem
intruder(const Node *n, uint64 kind)
{
	AlexItem item = { 0 };
	uint32 at = (uint32) unit_random_below((uint64) n->nlive);
	const AlexItem *left = &n->live[at];

	item = *left;
	item.flags = 0;
	item.child = (uint32) unit_random();
	if (at + 1 < (uint32) n->nlive && left[1].key - left->key > 1)
		item.key += 1 + unit_random_below(
							(uint64) Min(left[1].key - left->key - 1, (AlexKey) PG_UINT64_MAX));
	switch (kind)
	{
		case 0:
			item.tag = unit_random() & ALEX_TAG_TID_MASK;
			break;
		case 1:
			item.tag = unit_random_below(2) ? ALEX_TAG_TID_MASK : 1;
			break;
		case 2:
			item.tag = (left->tag ^ ALEX_COLD_TID) + 1;
			break;
		case 3:
			item.tag = left->tag + 1;
			break;
		default:
			item.tag = unit_random();
			break;
	}
	return item;
}

/* keys on a line, TIDs on a line: blocks of (almost) no bits, the cheapest a page can hold */
static uint32
line(AlexItem *items, uint32 n, uint32 shift, uint32 cold_every)
{
	for (uint32 i = 0; i < n; i++)
	{
		AlexItem item = { ((AlexKey) i + 1) << shift, ((uint64) i / 200 << 16) | (i % 200 + 1), i,
						  0 };

		if (cold_every > 0 && i % cold_every == 0)
			item.tag |= ALEX_COLD_TID;
		items[i] = item;
	}
	return n;
}

/*
 * A page built to the brim, then hostile inserts into every block of it: what
 * rule F4 is about.
 */
static void
invade(const AlexItem *items, uint32 n, bool inner, uint64 kind, bool marks)
{
	uint32 raw = ALEX_RAW_BYTES(form_of(inner));
	uint32 spare = ALEX_GAP_HEADER_BYTES + ALEX_GAP_MAX_OF(test_wide ? 16 : 8) * raw;

	if (unit_random_below(3) == 0)
		spare += ALEX_TAIL_DEAD_BYTES + ALEX_TAIL_MAX * raw;
	level_build(&level, inner, ALEX_LEAF_ENTRIES_MAX, items, n, spare);
	level.targets = 0;
	if (marks)
		level_delete(&level, 0, 3, true);
	for (uint32 i = 0; i < 260; i++)
	{
		int node = (int) unit_random_below((uint64) level.count);
		AlexItem item;

		if (level.nodes[node].nlive == 0)
			continue;
		item = intruder(&level.nodes[node], kind);
		/* now and then a whole tail's worth of them */
		if (i % 100 < 60 && spare > 2048)
			item.key = (test_wide ? ALEX_KEY_ALL_ONES : PG_UINT64_MAX) - 5000 + i * 16 +
					   unit_random_below(16);
		if (alex_less(0, 0, item.key, item.tag))
			(void) level_insert(&level, &item);
		if (marks && i % 50 == 49)
			level_delete(&level, node, 2 + unit_random_below(20), unit_random_below(2) > 0);
	}
}

static void
invasions(void)
{
	static AlexItem items[ALEX_LEAF_ENTRIES_MAX];
	uint32 worst = 0;

	for (uint64 kind = 0; kind < 5; kind++)
	{
		for (uint32 shift = 0; shift <= (test_wide ? 112 : 48); shift += test_wide ? 28 : 8)
			for (uint32 cold = 0; cold < 4; cold++)
			{
				uint32 n = line(items, lengthof(items), shift, cold);

				invade(items, n, cold == 3, kind, unit_random_below(3) == 0 && cold != 3);
				worst = Max(worst, level.worst_rebuild);
				level_free(&level);
			}
		for (int dist = 0; dist < DIST_COUNT; dist++)
		{
			uint32 n = sorted_arrivals((AlexDist) dist, dist % 4 == 0, items, lengthof(items));

			invade(items, n, dist % 4 == 0, kind, dist % 3 == 0 && dist % 4 != 0);
			worst = Max(worst, level.worst_rebuild);
			level_free(&level);
		}
	}
	printf("# largest use of the bound of a merge: %u %%\n", worst);
}

/*
 * Pages with few bytes to spare, or none: MARK has room all the same, again and again.  A block that
 * had dead bits keeps them if there are bytes for the other column.
 */
static void
full_page_marks(void)
{
	static AlexItem items[ALEX_LEAF_ENTRIES_MAX];
	uint32 without = 0;
	uint32 with = 0;

	for (int dist = 0; dist < DIST_COUNT; dist++)
		for (int round = 0; round < 8; round++)
		{
			uint32 n = sorted_arrivals((AlexDist) dist, false, items, lengthof(items));
			const char *page;

			level_build(&level, false, ALEX_LEAF_ENTRIES_MAX, items, n,
						(uint32[]){ 0, 0, 40, 1200 }[round % 4]);
			page = level.nodes[0].page;
			for (int i = 0; i < 6; i++)
			{
				uint32 hole = hole_of(page);
				uint32 columns = 0;
				uint32 given_up = forget_hints(&level.nodes[0]);

				level_kill(&level, 0, 5);
				for (uint32 b = 0; b < alex_opaque(page)->nblocks; b++)
					columns += alex_dir_desc(page, b)->enc & ALEX_ENC_REMOVED
								   ? 0
								   : (alex_dir_desc(page, b)->n + 7U) / 8;
				level_delete(&level, 0, i < 4 ? 2 : 50, true);
				check(hole_of(page) <= hole, "a mark frees bytes");
				check(hole < columns || forget_hints(&level.nodes[0]) == given_up,
					  "dead bits are given up without need");
				check(hole >= columns || hole_of(page) == hole ||
						  forget_hints(&level.nodes[0]) == given_up,
					  "some blocks grow and others give up their dead bits");
			}
			without += forget_hints(&level.nodes[0]) > 0;
			with += forget_hints(&level.nodes[0]) == 0;
			/* back to life: nothing grows */
			for (int i = 0; i < 20; i++)
				(void) level_insert(&level, &items[unit_random_below(Min(n, 500))]);
			level_delete(&level, 0, 1, unit_random_below(2) > 0);
			check(level.nodes[0].nlive == 0, "not all entries are gone");
			level_free(&level);
		}
	check(without > 20 && with > 10, "%u pages without dead bits, %u with", without, with);
}

/* pages of a few entries, removed ones among them, cut at any share */
static void
small_splits(void)
{
	AlexItem items[12];
	static AlexPlan plan;
	char *right = new_page();
	uint32 cuts = 0;

	for (int round = 0; round < 3000; round++)
	{
		uint32 n = sorted_arrivals((AlexDist) unit_random_below(DIST_COUNT), false, items,
								   2 + (uint32) unit_random_below(11));
		const Node *node = &level.nodes[0];
		int cut;
		int cut_stream;

		level_build(&level, false, ALEX_LEAF_ENTRIES_MAX, items, n, 0);
		for (int i = 0; i < 3; i++)
		{
			AlexItem item = intruder(node, unit_random_below(5));

			(void) level_insert(&level, &item);
			if (unit_random_below(2) && node->nlive > 2)
				level_delete(&level, 0, 2, true);
			if (node->nlive == 0)
				break;
		}
		check(alex_plan_merge(node->page, NULL, &plan), "merge plan");
		if (!alex_plan_split(node->page, &plan, form_of(false), (uint32) unit_random_below(100),
							 &cut, &cut_stream))
			check(node->nlive < 2 || plan.nbase < 2, "%d entries cannot be cut", node->nlive);
		else
		{
			uint32 nleft;

			cuts++;
			check(cut > 0 && cut < plan.count && cut_stream > 0 && cut_stream < plan.nstream,
				  "cut %d of %d, %d of %d", cut, plan.count, cut_stream, plan.nstream);
			test_page_init(right, false);
			check(alex_assemble(right, node->page, &plan, 0, cut), "left half");
			nleft = alex_page_entries(right);
			check(nleft > 0 && alex_page_check(right) == NULL, "left half");
			test_page_init(right, false);
			check(alex_assemble(right, node->page, &plan, cut, plan.count), "right half");
			check(alex_page_entries(right) > 0 && alex_page_check(right) == NULL, "right half");
			check(nleft + alex_page_entries(right) == plan.nbase, "halves of other size");
		}
		level_free(&level);
	}
	check(cuts > 1000, "only %u cuts", cuts);
	free(right);
}

/* the most entries a page may have, and every number at its limit */
static void
full_count(bool inner)
{
	static AlexItem items[ALEX_LEAF_ENTRIES_MAX];
	uint32 n = line(items, lengthof(items), 20, 0);

	level_build(&level, inner, ALEX_LEAF_ENTRIES_MAX, items, n, 0);
	check(alex_page_entries(level.nodes[0].page) == ALEX_LEAF_ENTRIES_MAX, "%u entries",
		  alex_page_entries(level.nodes[0].page));
	level.targets = 200;
	level_check(&level, 0);
	level.targets = 5;
	for (uint32 i = 0; i < 300; i++)
	{
		AlexItem item = intruder(&level.nodes[0], 3);

		(void) level_insert(&level, &item);
	}
	check(level.splits > 0, "no split");
	level_free(&level);
}

/* 16-byte keys: fewer rounds of the same, since what differs is the key column */
static void
wide_keys(void)
{
	test_wide = true;
	for (int dist = 0; dist < DIST_COUNT; dist++)
	{
		grow((AlexDist) dist, false, ALEX_LEAF_ENTRIES_DEFAULT, 900, true);
		grow((AlexDist) dist, true, ALEX_LEAF_ENTRIES_MAX, 700, false);
		ok(true, "16-byte keys, %s", dist_names[dist]);
	}
	full_page_marks();
	ok(true, "16-byte keys, MARK on full pages");
	invasions();
	ok(true, "16-byte keys, merges and splits of full pages stay within bounds");
	test_wide = false;
}

int
main(int argc, char **argv)
{
	for (int dist = 0; dist < DIST_COUNT; dist++)
	{
		grow((AlexDist) dist, false, ALEX_LEAF_ENTRIES_DEFAULT, 2500, false);
		grow((AlexDist) dist, false, ALEX_LEAF_ENTRIES_MIN, 1200, true);
		grow((AlexDist) dist, false, ALEX_LEAF_ENTRIES_MAX, 2500, true);
		ok(true, "leaves, %s", dist_names[dist]);
		grow((AlexDist) dist, true, ALEX_LEAF_ENTRIES_MAX, 1500, false);
		ok(true, "inner pages, %s", dist_names[dist]);
	}
	full_count(false);
	full_count(true);
	ok(true, "pages with 8192 entries");
	small_splits();
	ok(true, "splits of pages with a few entries");
	full_page_marks();
	ok(true, "MARK on full pages");
	invasions();
	ok(true, "merges and splits of full pages stay within bounds");
	wide_keys();
	return done();
}
