/*
 * linear.c
 *		Fitting the integer linear model.  Pure code: see linear.h.
 */
#ifndef OMENDB_UNIT
#include "postgres.h"
#endif

#include "codec/bitpack.h"
#include "codec/linear.h"

/*
 * linear_slope --- span / steps as a 56-bit mantissa with a shift.
 *
 * Rounded towards zero, so delta(steps) <= span and the product never wraps.
 */
uint64
linear_slope(uint64 span, uint32 steps, bool negative)
{
	uint32 width = bitpack_width(span);
	uint32 shift;
	uint64 mantissa;

	Assert(steps >= 1 && steps <= LINEAR_INDEX_MAX);
	if (span == 0)
		return 0;
	if (width <= LINEAR_MANTISSA_BITS)
	{
		shift = LINEAR_MANTISSA_BITS - width;
		mantissa = (span << shift) / steps;
	}
	else
	{
		/* a left shift by at most 8 */
		uint32 left = width - LINEAR_MANTISSA_BITS;

		shift = 64 + left;
		mantissa = (span >> left) / steps;
	}
	Assert(mantissa <= LINEAR_MANTISSA_MASK);
	return mantissa | ((uint64) shift << LINEAR_MANTISSA_BITS) | ((uint64) negative << 63);
}

/*
 * linear_try --- residual range of values around value[0] + delta(slope, i).
 *
 * Distances to the line are tracked as two unsigned maxima, above and below,
 * so that nothing passes through a signed type (rule F9).  Returns false when
 * the range does not fit 64 bits.
 */
static bool
linear_try_sorted(const uint64 *values, uint32 n, uint64 slope, LinearModel *m)
{
	uint64 above = 0;
	uint64 below = 0;
	LinearWalk walk = linear_walk(slope, 0);

	/* without branches: which side of the line a value lies on is random */
	for (uint32 i = 0; i < n; i++)
	{
		uint64 rise = values[i] - values[0];
		uint64 d = linear_next(&walk);
		uint64 over = rise >= d ? rise - d : 0;
		uint64 under = rise >= d ? 0 : d - rise;

		above = Max(above, over);
		below = Max(below, under);
	}
	if (above > PG_UINT64_MAX - below)
		return false;
	m->slope = slope;
	m->base = values[0] - below;
	m->width = bitpack_width(above + below);
	return true;
}

LinearModel
linear_fit_sorted(const uint64 *values, uint32 n)
{
	LinearModel chord = { 0, 0, 64 };
	LinearModel flat;
	uint64 span = values[n - 1] - values[0];

	Assert(n >= 1 && n <= LINEAR_INDEX_MAX + 1);
	flat.slope = 0;
	flat.base = values[0];
	flat.width = bitpack_width(span);
	if (n < 3 || span == 0)
	{
		/* two points lie on their chord: one more slope is not worth less bits */
		if (n == 2 && span > 0)
			(void) linear_try_sorted(values, n, linear_slope(span, 1, false), &chord);
		return chord.width < flat.width ? chord : flat;
	}
	if (linear_try_sorted(values, n, linear_slope(span, n - 1, false), &chord) &&
		chord.width < flat.width)
		return chord;
	return flat;
}

/* values between two looks at whether to go on */
#define TRY_STEP 16

static void
linear_try_any(const uint64 *values, uint32 n, uint64 slope, LinearModel *best)
{
	int64 lowest = 0;
	int64 highest = 0;
	uint32 width = 0;
	LinearWalk walk = linear_walk(slope, 0);

	for (uint32 done = 0; done < n;)
	{
		uint32 end = Min(n, done + TRY_STEP);

		for (; done < end; done++)
		{
			int64 r = (int64) (values[done] - values[0] - linear_next(&walk));

			lowest = Min(lowest, r);
			highest = Max(highest, r);
		}
		/* among random values one sees soon that a line is no better */
		width = bitpack_width((uint64) (highest - lowest));
		if (width >= best->width)
			return;
	}
	best->slope = slope;
	best->base = values[0] + (uint64) lowest;
	best->width = width;
}

/* the slope from position a to position b */
static uint64
linear_chord_any(const uint64 *values, uint32 a, uint32 b)
{
	bool negative = values[b] < values[a];
	uint64 span = negative ? values[a] - values[b] : values[b] - values[a];

	return linear_slope(span, b - a, negative);
}

LinearModel
linear_fit_any(const uint64 *values, uint32 n)
{
	LinearModel best = { 0, 0, 65 };

	Assert(n >= 1 && n <= LINEAR_INDEX_MAX + 1);
	linear_try_any(values, n, 0, &best);
	if (n >= 2 && best.width > 0)
		linear_try_any(values, n, linear_chord_any(values, 0, n - 1), &best);

	/*
	 * An outlier at either end spoils the chord for all; the quartiles'
	 * chord does not see it.
	 */
	if (n >= 16 && best.width > 8)
		linear_try_any(values, n, linear_chord_any(values, n / 4, n - 1 - n / 4), &best);
	return best;
}
