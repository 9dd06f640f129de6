/*
 * test_alex_separators.c
 *		Search among decoded separators, against a linear scan.
 */
// sources: src/codec/linear.c src/codec/linear_wide.c src/alex/alex_page.c src/alex/alex_decode.c src/alex/alex_separators.c
#include "unit.h"

#include "alex/alex_separators.h"

#define N_MAX 5000

static AlexItem items[N_MAX];

/* what alex_inner_child says: the last separator <= the target, or < with strict */
static uint32
naive(uint32 n, AlexKey key, uint64 tag, bool strict)
{
	uint32 found = 0;

	for (uint32 i = 1; i < n; i++)
	{
		if (strict ? alex_less(items[i].key, items[i].tag, key, tag)
				   : !alex_less(key, tag, items[i].key, items[i].tag))
			found = i;
		else
			break;
	}
	return found;
}

static void
probe(const AlexSeparators *s, AlexKey key, uint64 tag)
{
	for (int strict = 0; strict < 2; strict++)
	{
		uint32 slot = alex_separators_find(s, key, tag, strict);

		check(slot == naive(s->n, key, tag, strict),
			  "child %u of %u for key %llu, tag %llu, strict %d", slot, s->n,
			  (unsigned long long) key, (unsigned long long) tag, strict);
	}
}

/* gaps between neighbours: the shape of a distribution */
static AlexKey
gap(int shape, bool wide)
{
	AlexKey g = unit_random_below(4);

	switch (shape)
	{
		case 0: /* dense, with equal keys */
			return g;
		case 1: /* even */
			return 1000;
		case 2: /* uniform, wide */
			return unit_random() >> 13;
		case 3: /* exponents */
			g = (AlexKey) 1 << unit_random_below(50);
			return g;
		default: /* clusters far apart */
			if (unit_random_below(100) == 0)
				return wide ? (AlexKey) unit_random() << 50 : unit_random() >> 8;
			return 1;
	}
}

static void
try_shape(int shape, bool wide, uint32 n)
{
	AlexKey key = wide ? (AlexKey) unit_random() << 40 : unit_random_below(1000);
	uint64 tag = 0;
	AlexSeparators s;
	char *room;
	uint32 bytes;

	for (uint32 i = 0; i < n; i++)
	{
		AlexKey by = i > 0 ? gap(shape, wide) : 0;

		key += by;
		tag = by == 0 && i > 0 ? tag + 1 + unit_random_below(5) : unit_random_below(2) * 7;
		items[i] = (AlexItem){ .key = key, .tag = tag, .child = i + 17 };
	}
	bytes = alex_separators_bytes(items, n, wide);
	room = (char *) palloc(bytes);
	check(alex_separators_fill(&s, room, items, n, wide), "separators are refused");
	for (uint32 i = 0; i < n; i++)
	{
		check(s.children[i] == items[i].child, "child %u is another", i);
		probe(&s, items[i].key, items[i].tag);
		if (i % 7 == 0)
		{
			probe(&s, items[i].key, items[i].tag + 1);
			probe(&s, items[i].key, 0);
			probe(&s, items[i].key, PG_UINT64_MAX);
			probe(&s, items[i].key + 1, 0);
			probe(&s, items[i].key > 0 ? items[i].key - 1 : 0, 5);
		}
	}
	probe(&s, 0, 0);
	probe(&s, PG_UINT64_MAX, PG_UINT64_MAX);
	probe(&s, ALEX_KEY_ALL_ONES, PG_UINT64_MAX);
	pfree(room);
}

int
main(void)
{
	AlexSeparators s;
	char room[256] __attribute__((aligned(16)));

	for (int shape = 0; shape < 5; shape++)
		for (int wide = 0; wide < 2; wide++)
		{
			try_shape(shape, wide, 1);
			try_shape(shape, wide, 2);
			try_shape(shape, wide, 3);
			try_shape(shape, wide, 100);
			try_shape(shape, wide, 1000 + (uint32) unit_random_below(500));
			ok(true, "shape %d, %d-byte keys", shape, wide ? 16 : 8);
		}

	/* the whole span of the codes */
	items[0] = (AlexItem){ .key = 0, .tag = 0 };
	items[1] = (AlexItem){ .key = PG_UINT64_MAX, .tag = PG_UINT64_MAX };
	check(alex_separators_fill(&s, room, items, 2, false), "extremes are refused");
	check(alex_separators_bytes(items, 2, false) <= sizeof(room), "extremes take much room");
	probe(&s, PG_UINT64_MAX, PG_UINT64_MAX);
	probe(&s, PG_UINT64_MAX - 1, 0);
	items[1].key = ALEX_KEY_ALL_ONES;
	check(alex_separators_fill(&s, room, items, 2, true), "wide extremes are refused");
	probe(&s, ALEX_KEY_ALL_ONES, PG_UINT64_MAX);
	probe(&s, ALEX_KEY_ALL_ONES >> 1, 0);

	/* what a damaged page may hold */
	check(!alex_separators_fill(&s, room, items, 2, false), "a wide key is taken for a narrow one");
	check(!alex_separators_fill(&s, room, items, 0, false), "nothing is taken");
	items[1] = items[0];
	check(!alex_separators_fill(&s, room, items, 2, false), "equal entries are taken");
	items[0].key = 5;
	check(!alex_separators_fill(&s, room, items, 2, false), "descending entries are taken");
	ok(true, "extremes and damage");
	return done();
}
