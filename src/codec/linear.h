/*
 * linear.h
 *		The integer linear model: position -> value, exact with residuals.
 *
 * value(i) = base + delta(slope, i) + residual(i), all modulo 2^W (W = 64
 * here; a caller with narrower values masks the sum).  A slope is one 64-bit
 * word: bits 0-55 the mantissa m, bits 56-62 a shift s, bit 63 the sign, and
 *
 *	|delta(i)| = m * i >> s			for s < 64
 *	|delta(i)| = m * i << (s - 64)	for s >= 64
 *
 * With m < 2^56 and i < 2^7 the product stays below 2^63 (design rule F9), so
 * the same word gives the same value on every machine and no floating point
 * is involved.  Any 64-bit word is a valid slope: a damaged one gives wrong
 * values, never undefined behaviour.
 *
 * The fit is the chord through the end points (LeCo, SIGMOD 2024: within 3 %
 * of the optimal fit at a tenth of its cost).
 */
#ifndef LINEAR_H
#define LINEAR_H

#include "base/pure.h"

#define LINEAR_MANTISSA_BITS 56
#define LINEAR_MANTISSA_MASK ((UINT64CONST(1) << LINEAR_MANTISSA_BITS) - 1)
#define LINEAR_INDEX_MAX 127

/* slope * i, modulo 2^64 */
static inline uint64
linear_delta(uint64 slope, uint32 i)
{
	uint64 product = (slope & LINEAR_MANTISSA_MASK) * i;
	uint32 shift = (uint32) (slope >> LINEAR_MANTISSA_BITS) & 0x7F;
	uint64 d = shift < 64 ? product >> shift : product << (shift - 64);

	return (slope >> 63) ? (uint64) 0 - d : d;
}

/*
 * delta(slope, first), delta(slope, first + 1), ...: the product grows by the mantissa from one
 * position to the next, so that a value costs an addition and two shifts.
 */
typedef struct LinearWalk
{
	uint64 product;
	uint64 mantissa;
	uint32 right;
	uint32 left;
	uint64 sign; /* all ones if negative */
} LinearWalk;

static inline LinearWalk
linear_walk(uint64 slope, uint32 first)
{
	uint64 mantissa = slope & LINEAR_MANTISSA_MASK;
	uint32 shift = (uint32) (slope >> LINEAR_MANTISSA_BITS) & 0x7F;

	return (LinearWalk){ .product = mantissa * first,
						 .mantissa = mantissa,
						 .right = shift < 64 ? shift : 0,
						 .left = shift < 64 ? 0 : shift - 64,
						 .sign = (uint64) 0 - (slope >> 63) };
}

static inline uint64
linear_next(LinearWalk *w)
{
	uint64 d = w->product >> w->right << w->left;

	w->product += w->mantissa;
	return (d ^ w->sign) - w->sign;
}

/* the slope of a rise of `span` over `steps` positions, steps >= 1, rounded towards zero */
extern uint64 linear_slope(uint64 span, uint32 steps, bool negative);

/*
 * Fit n values (1..128) at positions first, first + 1, ...  The values are
 * taken modulo 2^64; "ascending" data gives a positive slope and descending a
 * negative one, judged by the end points as signed distance.  `sorted`
 * promises that values ascend as unsigned 64-bit integers over their full
 * range (keys); without it values must lie below 2^60 (linearised TIDs):
 * distances to a chord between two of them then fit a signed 64-bit integer.
 *
 * On return value(i) = *base + delta(*slope, i) + r(i) with r(i) in
 * 0 .. 2^width - 1.
 */
typedef struct LinearModel
{
	uint64 slope;
	uint64 base;
	uint32 width; /* bits of the largest residual, 0..64 */
} LinearModel;

extern LinearModel linear_fit_sorted(const uint64 *values, uint32 n);
extern LinearModel linear_fit_any(const uint64 *values, uint32 n);

#endif
