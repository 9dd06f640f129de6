/*
 * linear_wide.h
 *		The integer linear model of linear.h for 128-bit values.
 *
 * value(i) = base + delta(slope, i) + residual(i), all modulo 2^128.  A slope is one
 * 64-bit word and never negative, since only sorted values are fitted: bits 0-55
 * are the mantissa m, bits 56-63 a shift s, and
 *
 *	delta(i) = m * i >> s			for s < 64
 *	delta(i) = m * i << (s - 64)	for s >= 64; the 7 low bits of s - 64 count
 *
 * With m < 2^56 and i < 2^7 the product stays below 2^63 (design rule F9); the shift
 * to the left is in 128 bits and drops what goes beyond.  Any word is a valid slope.
 * A slope of linear_fit_sorted() means the same here, as long as its values stay
 * below 2^64.
 */
#ifndef LINEAR_WIDE_H
#define LINEAR_WIDE_H

#include "codec/linear.h"

/* slope * i, modulo 2^128 */
static inline uint128
linear_wide_delta(uint64 slope, uint32 i)
{
	uint64 product = (slope & LINEAR_MANTISSA_MASK) * i;
	uint32 shift = (uint32) (slope >> LINEAR_MANTISSA_BITS);

	return shift < 64 ? product >> shift : (uint128) product << ((shift - 64) & 127);
}

/* the slope of a rise of `span` over `steps` positions, steps >= 1, rounded towards zero */
extern uint64 linear_wide_slope(uint128 span, uint32 steps);

typedef struct LinearWideModel
{
	uint64 slope;
	uint128 base;
	uint32 width; /* bits of the largest residual, 0..128 */
} LinearWideModel;

/* fit n values (1..128) that ascend as unsigned integers */
extern LinearWideModel linear_wide_fit_sorted(const uint128 *values, uint32 n);

#endif
