/*
 * test_linear_wide.c
 *		The 128-bit linear model: exact for every input, never wider than no model
 *		at all, the same as the 64-bit one where that applies, and harmless with a
 *		damaged slope.
 */
// sources: src/codec/linear.c src/codec/linear_wide.c
#include "codec/bitpack.h"
#include "codec/linear_wide.h"
#include "unit.h"

static int
compare(const void *a, const void *b)
{
	uint128 x = *(const uint128 *) a;
	uint128 y = *(const uint128 *) b;

	return x < y ? -1 : x > y;
}

static void
exact(const char *what, uint128 *values, uint32 n)
{
	LinearWideModel m;
	uint128 largest = 0;

	qsort(values, n, sizeof(uint128), compare);
	m = linear_wide_fit_sorted(values, n);
	check(m.width <= 128, "%s: width %u", what, m.width);
	for (uint32 i = 0; i < n; i++)
	{
		uint128 r = values[i] - m.base - linear_wide_delta(m.slope, i);

		check(m.width == 128 || r >> m.width == 0, "%s: n %u, residual %u exceeds %u bits", what, n,
			  i, m.width);
		largest = Max(largest, r);
	}
	check(bitpack_width_wide(largest) == m.width, "%s: n %u, width %u, %u would do", what, n,
		  m.width, bitpack_width_wide(largest));
	check(m.width <= bitpack_width_wide(values[n - 1] - values[0]),
		  "%s: n %u, %u bits, more than without a model", what, n, m.width);
}

static uint128
random128(void)
{
	return (uint128) unit_random() << 64 | unit_random();
}

/* values of every width of span */
static void
spans(uint32 n)
{
	uint128 v[128];

	for (uint32 w = 0; w <= 128; w++)
	{
		uint128 mask = w == 0 ? 0 : ~(uint128) 0 >> (128 - w);
		uint128 base = w == 128 ? 0 : random128() >> w << w;
		uint128 step = n > 1 ? mask / (n - 1) : 0;

		for (uint32 i = 0; i < n; i++)
			v[i] = base + (random128() & mask);
		exact("random", v, n);
		v[0] = base;
		v[n - 1] = base + mask;
		exact("full span", v, n);
		for (uint32 i = 0; i < n; i++)
			v[i] = base + step * i;
		exact("line", v, n);
		for (uint32 i = 0; i < n; i++)
			v[i] = base + step * i + (step > 0 ? random128() % step : 0);
		exact("line with noise", v, n);
		for (uint32 i = 0; i < n; i++)
			v[i] = base + (i < n / 2 ? 0 : mask);
		exact("two values", v, n);
	}
}

/* rising codes of two columns: steps of the first are exact whatever lies below */
static void
columns(uint32 n)
{
	uint128 v[128];
	LinearWideModel m;

	for (uint32 low = 0; low <= 96; low += 8)
	{
		uint64 step = 1 + unit_random_below(1000);

		for (uint32 i = 0; i < n; i++)
			v[i] = ((uint128) unit_random_below(2) + 5 + (uint128) step * i) << low;
		exact("first column", v, n);
		for (uint32 i = 0; i < n; i++)
			v[i] = ((uint128) 7 + (uint128) step * i) << low | 12345 % ((uint64) 1 << Min(low, 20));
		m = linear_wide_fit_sorted(v, n);
		check(m.width == 0, "n %u: a line of steps 2^%u takes %u bits", n, low, m.width);
	}
}

static void
damaged_slopes(void)
{
	for (int round = 0; round < 200000; round++)
	{
		volatile uint128 d = linear_wide_delta(unit_random_bits(), (uint32) unit_random_below(128));

		(void) d;
	}
	for (uint32 shift = 0; shift < 256; shift++)
		for (uint32 i = 0; i <= 127; i++)
		{
			uint64 slope = (uint64) shift << LINEAR_MANTISSA_BITS | LINEAR_MANTISSA_MASK;
			volatile uint128 d = linear_wide_delta(slope, i);

			(void) d;
		}
}

/* a positive slope means the same in both models while nothing exceeds 64 bits */
static void
same_as_narrow(void)
{
	for (int round = 0; round < 100000; round++)
	{
		uint32 steps = 1 + (uint32) unit_random_below(127);
		uint64 span = unit_random_bits();
		uint64 slope = linear_slope(span, steps, false);

		check(slope == linear_wide_slope(span, steps), "slope of %llu", (unsigned long long) span);
		for (uint32 i = 0; i <= steps; i += 1 + steps / 4)
			check(linear_wide_delta(slope, i) == linear_delta(slope, i), "delta");
	}
}

int
main(void)
{
	for (uint32 n = 1; n <= 128; n += n < 10 ? 1 : 13)
		spans(n);
	spans(128);
	ok(true, "spans of 0..128 bits");
	for (uint32 n = 2; n <= 128; n++)
		columns(n);
	ok(true, "two columns");
	damaged_slopes();
	ok(true, "damaged slopes");
	same_as_narrow();
	ok(true, "64-bit values");
	return done();
}
