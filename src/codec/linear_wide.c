/*
 * linear_wide.c
 *		Fitting the 128-bit linear model.  Pure code: see linear_wide.h.
 */
#ifndef OMENDB_UNIT
#include "postgres.h"
#endif

#include "codec/bitpack.h"
#include "codec/linear_wide.h"

#define UINT128_MAX_VALUE (~(uint128) 0)

uint64
linear_wide_slope(uint128 span, uint32 steps)
{
	uint32 width = bitpack_width_wide(span);
	uint32 shift;
	uint64 mantissa;

	Assert(steps >= 1 && steps <= LINEAR_INDEX_MAX);
	if (span == 0)
		return 0;
	if (width <= LINEAR_MANTISSA_BITS)
	{
		shift = LINEAR_MANTISSA_BITS - width;
		mantissa = ((uint64) span << shift) / steps;
	}
	else
	{
		/* a left shift by at most 72 */
		uint32 left = width - LINEAR_MANTISSA_BITS;

		shift = 64 + left;
		mantissa = (uint64) (span >> left) / steps;
	}
	Assert(mantissa <= LINEAR_MANTISSA_MASK);
	return mantissa | (uint64) shift << LINEAR_MANTISSA_BITS;
}

/* residuals around a line through values[0]; false when their range does not fit 128 bits */
static bool
linear_wide_try(const uint128 *values, uint32 n, uint64 slope, LinearWideModel *m)
{
	uint128 above = 0;
	uint128 below = 0;

	for (uint32 i = 0; i < n; i++)
	{
		uint128 rise = values[i] - values[0];
		uint128 d = linear_wide_delta(slope, i);

		if (rise >= d)
			above = Max(above, rise - d);
		else
			below = Max(below, d - rise);
	}
	if (above > UINT128_MAX_VALUE - below)
		return false;
	m->slope = slope;
	m->base = values[0] - below;
	m->width = bitpack_width_wide(above + below);
	return true;
}

/* all values lie within 2^64 of the first: the narrow fit finds the same model */
static LinearWideModel
linear_wide_fit_near(const uint128 *values, uint32 n)
{
	uint64 rises[LINEAR_INDEX_MAX + 1];
	LinearModel near;

	rises[0] = 0;
	for (uint32 i = 1; i < n; i++)
		rises[i] = (uint64) (values[i] - values[0]);
	near = linear_fit_sorted(rises, n);
	/* its base is 0 less the greatest distance below the line */
	return (LinearWideModel){ .slope = near.slope,
							  .base = values[0] - ((uint64) 0 - near.base),
							  .width = near.width };
}

LinearWideModel
linear_wide_fit_sorted(const uint128 *values, uint32 n)
{
	uint128 span = values[n - 1] - values[0];
	LinearWideModel flat = { .slope = 0, .base = values[0], .width = bitpack_width_wide(span) };
	LinearWideModel chord;

	Assert(n >= 1 && n <= LINEAR_INDEX_MAX + 1);
	if ((span >> 64) == 0)
		return linear_wide_fit_near(values, n);
	if (linear_wide_try(values, n, linear_wide_slope(span, n - 1), &chord) &&
		chord.width < flat.width)
		return chord;
	return flat;
}
