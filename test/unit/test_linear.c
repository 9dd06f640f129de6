/*
 * test_linear.c
 *		The integer linear model: exact for every input, never wider than no
 *		model at all, and harmless with a damaged slope.
 */
// sources: src/codec/linear.c
#include "codec/bitpack.h"
#include "codec/linear.h"
#include "unit.h"

/* linear_fit_any takes values below this */
#define ANY_LIMIT (UINT64CONST(1) << 60)

/* value = base + delta + residual with a residual of the stated width; not wider than flat */
static void
exact(const char *what, const uint64 *values, uint32 n, const LinearModel *m)
{
	uint64 lowest = PG_UINT64_MAX;
	uint64 highest = 0;
	uint64 largest = 0;

	check(m->width <= 64, "%s: width %u", what, m->width);
	for (uint32 i = 0; i < n; i++)
	{
		uint64 r = values[i] - m->base - linear_delta(m->slope, i);

		check((r & ~bitpack_mask(m->width)) == 0, "%s: n %u, residual %u exceeds %u bits", what, n,
			  i, m->width);
		largest = Max(largest, r);
		lowest = Min(lowest, values[i]);
		highest = Max(highest, values[i]);
	}
	check(bitpack_width(largest) == m->width, "%s: n %u, width %u, %u would do", what, n, m->width,
		  bitpack_width(largest));
	check(m->width <= bitpack_width(highest - lowest), "%s: n %u, %u bits, %u without a model",
		  what, n, m->width, bitpack_width(highest - lowest));
}

static int
compare(const void *a, const void *b)
{
	uint64 x = *(const uint64 *) a;
	uint64 y = *(const uint64 *) b;

	return x < y ? -1 : x > y;
}

static void
both(const char *what, uint64 *values, uint32 n)
{
	LinearModel m;
	uint64 small[128];

	for (uint32 i = 0; i < n; i++)
		small[i] = values[i] % ANY_LIMIT;
	m = linear_fit_any(small, n);
	exact(what, small, n, &m);
	qsort(values, n, sizeof(uint64), compare);
	m = linear_fit_sorted(values, n);
	exact(what, values, n, &m);
}

static void
shapes(uint32 n)
{
	uint64 v[128];
	uint64 start = unit_random_bits();
	uint64 step = unit_random_bits() / 256;

	for (uint32 i = 0; i < n; i++)
		v[i] = unit_random();
	both("random", v, n);
	for (uint32 i = 0; i < n; i++)
		v[i] = unit_random_bits();
	both("random widths", v, n);
	for (uint32 i = 0; i < n; i++)
		v[i] = start;
	both("constant", v, n);
	for (uint32 i = 0; i < n; i++)
		v[i] = unit_random_below(2) ? 0 : PG_UINT64_MAX;
	both("extremes", v, n);
	for (uint32 i = 0; i < n; i++)
		v[i] = unit_random_below(3);
	both("duplicates", v, n);
	for (uint32 i = 0; i < n; i++)
		v[i] = ANY_LIMIT - 1 - i * (unit_random_below(1000));
	both("descending", v, n);
	for (uint32 i = 0; i < n; i++)
		v[i] = i * step + unit_random_below(1 + step / 16);
	both("noisy line", v, n);
	for (uint32 i = 0; i < n; i++)
		v[i] = i == n / 2 ? 0 : ANY_LIMIT - 1;
	both("one outlier", v, n);
	/* the quartiles' chord, extended to the ends, is the steepest line there is */
	for (uint32 i = 0; i < n; i++)
		v[i] = i < n / 2 ? ANY_LIMIT - 1 : 0;
	v[0] = unit_random_below(2) ? 0 : ANY_LIMIT - 1;
	v[n - 1] = unit_random_below(2) ? 0 : ANY_LIMIT - 1;
	both("cliff", v, n);
}

/* span 2^64-1, all inner points at one side or spread */
static void
full_span(void)
{
	uint64 v[128];
	LinearModel m;

	for (uint32 n = 2; n <= 128; n++)
		for (int side = 0; side < 4; side++)
		{
			v[0] = 0;
			v[n - 1] = PG_UINT64_MAX;
			for (uint32 i = 1; i + 1 < n; i++)
				v[i] = side == 0   ? 0
					   : side == 1 ? PG_UINT64_MAX
					   : side == 2 ? PG_UINT64_MAX / (n - 1) * i
								   : (i < n / 2 ? 0 : PG_UINT64_MAX);
			m = linear_fit_sorted(v, n);
			exact("full span", v, n, &m);
			if (side == 2)
				check(m.width <= 16, "a line over the full range takes %u bits", m.width);
		}
}

static void
lines(void)
{
	uint64 v[128];
	LinearModel m;

	for (int round = 0; round < 3000; round++)
	{
		uint64 step = unit_random_bits() >> 8;
		uint64 base = unit_random() >> 2;
		uint32 n = 2 + (uint32) unit_random_below(127);

		for (uint32 i = 0; i < n; i++)
			v[i] = base + step * i;
		if (v[n - 1] < base)
			continue;
		m = linear_fit_sorted(v, n);
		exact("line", v, n, &m);
		/* the mantissa has 56 bits; its rounding is multiplied by up to 127 */
		check(m.width <= Max(1, (int) bitpack_width(step * (n - 1)) - 56 + 8),
			  "an exact line of step %llu takes %u bits", (unsigned long long) step, m.width);
	}
}

static void
slope_words(void)
{
	uint64 extreme[] = { 0, PG_UINT64_MAX, UINT64CONST(1) << 63, LINEAR_MANTISSA_MASK };
	volatile uint64 sink = 0;

	for (int round = 0; round < 100000; round++)
	{
		uint64 slope = round < 4 ? extreme[round] : unit_random();

		for (uint32 i = 0; i <= LINEAR_INDEX_MAX; i += 1 + (uint32) unit_random_below(40))
		{
			uint64 d = linear_delta(slope, i);
			uint128 product = (uint128) (slope & LINEAR_MANTISSA_MASK) * i;
			uint32 shift = (uint32) (slope >> 56) & 0x7F;
			uint128 want = shift < 64 ? product >> shift : product << (shift - 64);

			check(product < ((uint128) 1 << 63), "rule F9");
			check(d == ((slope >> 63) ? (uint64) -want : (uint64) want), "delta of a slope word");
			sink += d;
		}
	}
	for (int round = 0; round < 100000; round++)
	{
		uint64 span = unit_random_bits();
		uint32 steps = 1 + (uint32) unit_random_below(127);
		uint64 slope = linear_slope(span, steps, false);
		uint64 reached = linear_delta(slope, steps);

		check(reached <= span, "slope goes beyond the span");
		check(span - reached <= (span >> 47) + 1, "slope is too flat");
		check(linear_delta(linear_slope(span, steps, true), steps) == (uint64) 0 - reached,
			  "negative slope is not the mirror image");
	}
}

int
main(void)
{
	for (int round = 0; round < 30; round++)
		for (uint32 n = 1; n <= 128; n++)
			shapes(n);
	ok(true, "fits are exact and never wider than no model");
	full_span();
	ok(true, "keys 0 and 2^64-1 in one block");
	lines();
	ok(true, "exact lines cost (almost) no bits");
	slope_words();
	ok(true, "any slope word is defined; slopes round towards zero");
	return done();
}
