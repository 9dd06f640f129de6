/*
 * test_alex_radix.c
 *		The radix sort against qsort: both record sizes, every number of differing
 *		bits, duplicates, orders of arrival, and no pass without a yield.
 */
// sources: src/alex/alex_radix.c
#include "alex/alex_radix.h"
#include "unit.h"

#define N_MAX 70000

static int words; /* of a record, for compare() */
static uint64 yields;

static uint64 records[N_MAX * ALEX_RADIX_WORDS_MAX];
static uint64 expected[N_MAX * ALEX_RADIX_WORDS_MAX];

static void
yield(void)
{
	yields++;
}

static int
compare(const void *a, const void *b)
{
	const uint64 *x = a;
	const uint64 *y = b;

	for (int w = 0; w < words; w++)
		if (x[w] != y[w])
			return x[w] < y[w] ? -1 : 1;
	return 0;
}

/* records[] is filled: sort it both ways */
static void
same(const char *what, size_t n)
{
	size_t bytes = n * words * sizeof(uint64);
	/* of exactly this size, so that ASan sees a step too far */
	uint64 *input = malloc(bytes + 1);
	uint64 *scratch = malloc(bytes + 1);

	memcpy(input, records, bytes);
	memcpy(expected, records, bytes);
	qsort(expected, n, words * sizeof(uint64), compare);
	yields = 0;
	if (alex_radix_sort(input, scratch, n, words, yield))
		check(memcmp(scratch, expected, bytes) == 0, "%s: %zu records of %d words (scratch)", what,
			  n, words);
	else
		check(memcmp(input, expected, bytes) == 0, "%s: %zu records of %d words", what, n, words);
	check(n <= 65536 || yields > 1, "%s: %zu records without a yield", what, n);
	free(input);
	free(scratch);
}

static uint64 *
record(size_t i)
{
	return records + i * words;
}

static size_t
some_size(void)
{
	static const size_t sizes[] = { 0, 1, 2, 31, 32, 33, 255, 256, 257, 1000, 4096, 70000 };

	return unit_random_below(4) == 0 ? sizes[unit_random_below(lengthof(sizes))]
									 : unit_random_below(3000);
}

/* each word has its own number of random bits, at its own place, over a constant */
static void
random_bits(void)
{
	for (int round = 0; round < 1500; round++)
	{
		size_t n = some_size();
		uint64 mask[ALEX_RADIX_WORDS_MAX];
		uint64 constant[ALEX_RADIX_WORDS_MAX];

		for (int w = 0; w < words; w++)
		{
			mask[w] = unit_random_bits() << unit_random_below(64);
			/* often few differing bits: many equal records */
			if (unit_random_below(3) == 0)
				mask[w] &= unit_random() & unit_random() & unit_random();
			constant[w] = unit_random();
		}
		for (size_t i = 0; i < n; i++)
			for (int w = 0; w < words; w++)
				record(i)[w] = (unit_random() & mask[w]) | (constant[w] & ~mask[w]);
		same("random bits", n);
	}
}

/* one word alone, exactly this many bits wide */
static void
every_width(void)
{
	for (int w = 0; w < words; w++)
		for (int width = 0; width <= 64; width++)
			for (int size = 0; size < 2; size++)
			{
				size_t n = size == 0 ? 100 : 5000;

				memset(records, 0x5A, sizeof(uint64) * words * n);
				for (size_t i = 0; i < n; i++)
					record(i)[w] = width == 0 ? 7 : unit_random() >> (64 - width);
				same("one width", n);
			}
}

/* how a table is usually met: tags ascend, keys do as they like */
static void
arrivals(void)
{
	static const char *const names[] = { "ascending",	  "descending",	   "constant",
										 "few values",	  "two runs",	   "nearly sorted",
										 "one late",	  "powers",		   "tags descend",
										 "prefix shared", "blocks swapped" };

	for (int form = 0; form < (int) lengthof(names); form++)
		for (size_t n = 1; n <= N_MAX; n = n * 3 + 1)
		{
			for (size_t i = 0; i < n; i++)
			{
				uint64 *r = record(i);
				uint64 key = i;
				uint64 tag = i + 1;

				switch (form)
				{
					case 1:
						key = n - i;
						break;
					case 2:
						key = 42;
						break;
					case 3:
						key = unit_random_below(5);
						break;
					case 4:
						key = (i + n / 3) % n;
						break;
					case 5:
						key = i + unit_random_below(100);
						break;
					case 6:
						key = i == n - 1 ? 0 : i + 1;
						break;
					case 7:
						key = UINT64CONST(1) << unit_random_below(64);
						break;
					case 8:
						key = unit_random_below(5);
						tag = n - i;
						break;
					case 9:
						key = (unit_random_below(3) << 60) | (unit_random_below(2) << 30) |
							  unit_random_below(1000);
						break;
					case 10:
						key = i ^ 256;
						break;
					default:
						break;
				}
				for (int w = 0; w < words - 2; w++)
					r[w] = form % 2 == 0 ? 9 : key >> 4;
				r[words - 2] = key;
				r[words - 1] = tag;
			}
			same(names[form], n);
		}
}

int
main(void)
{
	for (words = ALEX_RADIX_WORDS_MIN; words <= ALEX_RADIX_WORDS_MAX; words++)
	{
		random_bits();
		ok(true, "%d words: random bits", words);
		every_width();
		ok(true, "%d words: every width of every word", words);
		arrivals();
		ok(true, "%d words: orders of arrival", words);
	}
	return done();
}
