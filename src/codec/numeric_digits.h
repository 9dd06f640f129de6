/*
 * numeric_digits.h
 *		The stored form of a numeric, as a scaled integer and back.
 *
 * A payload is what stands behind the length word of a numeric: a header of one
 * 16-bit word (short form) or two (long form), then digits of base 10,000 as 16-bit
 * words, all in machine byte order and without alignment.
 *
 *		short	10 s dddddd w wwwwww	sign, display scale, weight (two's complement, 7 bits)
 *		long	0s dddddddddddddd		then the weight, 16 bits
 *		special	1100 NaN, 1101 +infinity, 1111 -infinity, in the highest bits
 *
 * The weight is the exponent, in base 10,000, of the first digit.
 */
#ifndef NUMERIC_DIGITS_H
#define NUMERIC_DIGITS_H

#include "base/pure.h"

/* greatest display scale of a scaled integer */
#define NUMERIC_SCALE_MAX 18
/* header and the most digits an int64 has under any scale */
#define NUMERIC_PAYLOAD_MAX (2 + 6 * 2)

/*
 * Take a payload apart: the numeric is value / 10^scale, displayed with `scale`
 * digits.  true only if numeric_write(value, scale) gives the very same bytes;
 * false for all others: special values, more digits than an int64
 * has, scales above NUMERIC_SCALE_MAX, and forms PostgreSQL does not write itself.
 */
extern bool numeric_parse(const uint8 *payload, uint32 bytes, int64 *value, uint32 *scale);

/*
 * Write the payload PostgreSQL makes for value / 10^scale, scale <=
 * NUMERIC_SCALE_MAX.  out has room for NUMERIC_PAYLOAD_MAX bytes; returns how many
 * were written.
 */
extern uint32 numeric_write(int64 value, uint32 scale, uint8 *out);

/*
 * The numeric times 10^scale, rounded down or up to an integer, and limited
 * to what an int64 holds; NaN counts as greater than all.  false if
 * the payload is none.
 */
extern bool numeric_bound(const uint8 *payload, uint32 bytes, uint32 scale, bool up, int64 *bound);

#endif
