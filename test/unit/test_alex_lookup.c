/*
 * test_alex_lookup.c
 *		Point lookups and the search for positions on leaves of every shape, against
 *		the sorted array of what is on them.
 */
// sources: src/codec/linear.c src/codec/linear_wide.c src/alex/alex_page.c src/alex/alex_decode.c src/alex/alex_pagecheck.c src/alex/alex_fit.c src/alex/alex_cut.c src/alex/alex_plan.c src/alex/alex_apply.c src/alex/alex_op.c src/alex/alex_lookup.c src/alex/alex_unlink.c
#include "alex_testing.h"

#include "alex/alex_lookup.h"

static Level level;

#define MAX 32

static void
look_up(const Node *n, AlexRawEntry low, AlexRawEntry high)
{
	AlexItem found[MAX];
	int count = alex_page_lookup(n->page, low, high, found, MAX);
	int expected = 0;

	for (int i = 0; i < n->nlive; i++)
	{
		const AlexItem *item = &n->live[i];

		if (alex_less(item->key, item->tag, low.key, low.tag))
			continue;
		if (!alex_less(item->key, item->tag, high.key, high.tag))
			break;
		if (expected < MAX && expected < count)
			check(found[expected].key == item->key && found[expected].tag == item->tag,
				  "entry %d of a lookup is another", expected);
		expected++;
	}
	check(count == Min(expected, MAX + 1), "lookup found %d of %d entries", count, expected);
}

static void
look_around(const Node *n)
{
	for (int i = 0; i < 40; i++)
	{
		int at = n->nlive > 0 ? (int) unit_random_below((uint64) n->nlive) : 0;
		AlexRawEntry low = { unit_random(), 0 };
		AlexRawEntry high;

		if (n->nlive > 0)
			low = (AlexRawEntry){ n->live[at].key, n->live[at].tag };
		if (unit_random_below(2) == 0)
			low.tag = 0;
		if (unit_random_below(4) == 0)
			low.key += unit_random_below(3); /* may leave the 8-byte keys */
		high = low;
		switch (unit_random_below(4))
		{
			case 0: /* a key's entries */
				high.tag = PG_UINT64_MAX;
				break;
			case 1: /* to one of the next */
				if (n->nlive > 0)
				{
					const AlexItem *to =
						&n->live[Min(at + (int) unit_random_below(50), n->nlive - 1)];

					high = (AlexRawEntry){ to->key, to->tag };
				}
				break;
			case 2:
				high.tag++;
				break;
			default: /* beyond everything */
				high = (AlexRawEntry){ PG_UINT64_MAX, PG_UINT64_MAX };
				break;
		}
		look_up(n, low, high);
	}
}

static void
grow(AlexDist dist, uint32 cap)
{
	Arrivals a;

	level_start(&level, false, cap);
	level.targets = 0;
	arrivals_start(&a, dist, false);
	look_around(&level.nodes[0]);
	for (uint32 i = 0; i < 2500; i++)
	{
		AlexItem item = next_arrival(&a);

		(void) level_insert(&level, &item);
		if (unit_random_below(60) == 0)
		{
			int node = (int) unit_random_below((uint64) level.count);

			if (unit_random_below(3) == 0)
				level_delete(&level, node, 1 + unit_random_below(20), unit_random_below(3) > 0);
			look_around(&level.nodes[node]);
		}
	}
	for (int i = 0; i < level.count; i++)
		look_around(&level.nodes[i]);
	level_free(&level);
}

int
main(void)
{
	for (int dist = 0; dist < DIST_COUNT; dist++)
	{
		grow((AlexDist) dist, 4096);
		grow((AlexDist) dist, 300);
		ok(true, "%s", dist_names[dist]);
	}
	return done();
}
