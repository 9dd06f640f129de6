/*
 * numeric_digits.c
 *		The stored form of a numeric, as a scaled integer and back: see
 *		numeric_digits.h.  Pure code.
 */
#ifndef OMENDB_UNIT
#include "postgres.h"
#endif

#include "codec/numeric_digits.h"

#define NUMERIC_BASE 10000
#define NUMERIC_BASE_DIGITS 4

/* the header word */
#define NUMERIC_FORM_MASK 0xC000
#define NUMERIC_FORM_LONG_NEGATIVE 0x4000
#define NUMERIC_FORM_SHORT 0x8000
#define NUMERIC_FORM_SPECIAL 0xC000
#define NUMERIC_SPECIAL_MASK 0xF000
#define NUMERIC_SPECIAL_NEGATIVE_INFINITY 0xF000
#define NUMERIC_SHORT_NEGATIVE 0x2000
#define NUMERIC_SHORT_SCALE_SHIFT 7
#define NUMERIC_SHORT_SCALE_MASK 0x3F
#define NUMERIC_SHORT_WEIGHT_MASK 0x7F
#define NUMERIC_SHORT_WEIGHT_SIGN 0x40

static const uint64 powers_of_ten[] = {
	UINT64CONST(1),
	UINT64CONST(10),
	UINT64CONST(100),
	UINT64CONST(1000),
	UINT64CONST(10000),
	UINT64CONST(100000),
	UINT64CONST(1000000),
	UINT64CONST(10000000),
	UINT64CONST(100000000),
	UINT64CONST(1000000000),
	UINT64CONST(10000000000),
	UINT64CONST(100000000000),
	UINT64CONST(1000000000000),
	UINT64CONST(10000000000000),
	UINT64CONST(100000000000000),
	UINT64CONST(1000000000000000),
	UINT64CONST(10000000000000000),
	UINT64CONST(100000000000000000),
	UINT64CONST(1000000000000000000),
	UINT64CONST(10000000000000000000),
};

static inline uint32
load16(const uint8 *p)
{
	uint16 word;

	memcpy(&word, p, sizeof(word));
	return word;
}

static inline int
short_weight(uint32 header)
{
	/* sign extension of a number of 7 bits */
	return (int) ((header & NUMERIC_SHORT_WEIGHT_MASK) ^ NUMERIC_SHORT_WEIGHT_SIGN) -
		   NUMERIC_SHORT_WEIGHT_SIGN;
}

/* the magnitude of an int64 with this sign, if it is one */
static inline bool
sign_magnitude(uint64 magnitude, bool negative, int64 *value)
{
	if (magnitude > (uint64) INT64_MAX + negative)
		return false;
	*value = (int64) (negative ? -magnitude : magnitude);
	return true;
}

/* a digit without its last places, 1 to 3, which must be zero; divided by constants, which takes no division */
static inline bool
cut_places(uint32 *digit, int places)
{
	uint32 all = *digit;

	switch (places)
	{
		case 1:
			*digit = all / 10;
			return *digit * 10 == all;
		case 2:
			*digit = all / 100;
			return *digit * 100 == all;
		default:
			*digit = all / 1000;
			return *digit * 1000 == all;
	}
}

bool
numeric_parse(const uint8 *payload, uint32 bytes, int64 *value, uint32 *scale)
{
	uint32 header, n, last;
	uint64 magnitude = 0;
	bool negative;
	int weight, exponent;

	if (bytes < 2 || bytes > NUMERIC_PAYLOAD_MAX || bytes % 2 != 0)
		return false;
	header = load16(payload);

	/* PostgreSQL writes the long form only where the short one does not do: never in our range */
	if ((header & NUMERIC_FORM_MASK) != NUMERIC_FORM_SHORT)
		return false;
	*scale = header >> NUMERIC_SHORT_SCALE_SHIFT & NUMERIC_SHORT_SCALE_MASK;
	if (*scale > NUMERIC_SCALE_MAX)
		return false;
	negative = (header & NUMERIC_SHORT_NEGATIVE) != 0;
	weight = short_weight(header);
	n = bytes / 2 - 1;

	/* zero has one form: neither sign nor weight */
	if (n == 0)
	{
		*value = 0;
		return !negative && weight == 0;
	}

	/* digits of value zero at either end are not stored */
	last = load16(payload + bytes - 2);
	if (load16(payload + 2) == 0 || last == 0)
		return false;

	for (uint32 i = 0; i + 1 < n; i++)
	{
		uint32 digit = load16(payload + 2 + 2 * i);

		if (digit >= NUMERIC_BASE)
			return false;
		if (__builtin_mul_overflow(magnitude, NUMERIC_BASE, &magnitude) ||
			__builtin_add_overflow(magnitude, digit, &magnitude))
			return false;
	}
	if (last >= NUMERIC_BASE)
		return false;

	/* the last digit may reach behind the display scale, but then with zeroes only */
	exponent = NUMERIC_BASE_DIGITS * (weight - (int) n + 1) + (int) *scale;
	if (exponent < 0)
	{
		if (exponent <= -NUMERIC_BASE_DIGITS || !cut_places(&last, -exponent))
			return false;
		if (__builtin_mul_overflow(magnitude, powers_of_ten[NUMERIC_BASE_DIGITS + exponent],
								   &magnitude) ||
			__builtin_add_overflow(magnitude, last, &magnitude))
			return false;
	}
	else
	{
		if (exponent > NUMERIC_SCALE_MAX)
			return false;
		if (__builtin_mul_overflow(magnitude, NUMERIC_BASE, &magnitude) ||
			__builtin_add_overflow(magnitude, last, &magnitude) ||
			__builtin_mul_overflow(magnitude, powers_of_ten[exponent], &magnitude))
			return false;
	}
	return sign_magnitude(magnitude, negative, value);
}

uint32
numeric_write(int64 value, uint32 scale, uint8 *out)
{
	bool negative = value < 0;
	uint64 magnitude = negative ? -(uint64) value : (uint64) value;
	uint16 digits[NUMERIC_PAYLOAD_MAX / 2];
	uint32 n = 0;
	/* weight of the digit made next; from the last one upwards */
	int weight = -(int) ((scale + NUMERIC_BASE_DIGITS - 1) / NUMERIC_BASE_DIGITS);
	uint16 header = (uint16) (NUMERIC_FORM_SHORT | scale << NUMERIC_SHORT_SCALE_SHIFT);

	Assert(scale <= NUMERIC_SCALE_MAX);

	if (magnitude != 0)
	{
		uint64 digit;

		/* the last digit holds what of the scale is left over by full ones */
		switch (scale % NUMERIC_BASE_DIGITS)
		{
			case 1:
				digit = magnitude % 10 * 1000;
				magnitude /= 10;
				break;
			case 2:
				digit = magnitude % 100 * 100;
				magnitude /= 100;
				break;
			case 3:
				digit = magnitude % 1000 * 10;
				magnitude /= 1000;
				break;
			default:
				digit = magnitude % NUMERIC_BASE;
				magnitude /= NUMERIC_BASE;
				break;
		}
		for (;;)
		{
			if (digit != 0 || n > 0)
				digits[n++] = (uint16) digit;
			if (magnitude == 0)
				break;
			digit = magnitude % NUMERIC_BASE;
			magnitude /= NUMERIC_BASE;
			weight++;
		}
		Assert(n > 0 && n <= (NUMERIC_PAYLOAD_MAX - 2) / 2 && digits[n - 1] != 0);
		header |= (uint16) (weight & NUMERIC_SHORT_WEIGHT_MASK);
		if (negative)
			header |= NUMERIC_SHORT_NEGATIVE;
	}

	memcpy(out, &header, sizeof(header));
	for (uint32 i = 0; i < n; i++)
		memcpy(out + 2 + 2 * i, &digits[n - 1 - i], sizeof(uint16));
	return 2 + 2 * n;
}

/*
 * scaled_magnitude --- digits times 10^scale, without the part behind the
 * point; *inexact says whether there is one.  false if that is above 2^64.
 */
static bool
scaled_magnitude(const uint8 *digits, uint32 n, int weight, uint32 scale, uint64 *magnitude,
				 bool *inexact)
{
	/* decimal exponent of the digit at hand, in the result */
	int exponent = NUMERIC_BASE_DIGITS * weight + (int) scale;

	*magnitude = 0;
	*inexact = false;
	for (uint32 i = 0; i < n; i++, exponent -= NUMERIC_BASE_DIGITS)
	{
		uint32 digit = load16(digits + 2 * i);
		uint32 behind = 1;

		if (exponent <= -NUMERIC_BASE_DIGITS)
		{
			*inexact |= digit != 0;
			continue;
		}
		if (exponent < 0)
			behind = (uint32) powers_of_ten[-exponent];
		if (__builtin_mul_overflow(*magnitude, NUMERIC_BASE / behind, magnitude) ||
			__builtin_add_overflow(*magnitude, digit / behind, magnitude))
			return false;
		*inexact |= digit % behind != 0;
	}
	/* exponent is that of the digit behind the last one now */
	exponent += NUMERIC_BASE_DIGITS;
	if (exponent <= 0 || *magnitude == 0)
		return true;
	return exponent < lengthof(powers_of_ten) &&
		   !__builtin_mul_overflow(*magnitude, powers_of_ten[exponent], magnitude);
}

bool
numeric_bound(const uint8 *payload, uint32 bytes, uint32 scale, bool up, int64 *bound)
{
	uint32 header, header_bytes;
	uint64 magnitude;
	bool negative, inexact;
	int weight;

	if (bytes < 2 || bytes % 2 != 0 || scale > NUMERIC_SCALE_MAX)
		return false;
	header = load16(payload);

	if ((header & NUMERIC_FORM_MASK) == NUMERIC_FORM_SPECIAL)
	{
		negative = (header & NUMERIC_SPECIAL_MASK) == NUMERIC_SPECIAL_NEGATIVE_INFINITY;
		*bound = negative ? INT64_MIN : INT64_MAX;
		return true;
	}
	if ((header & NUMERIC_FORM_MASK) == NUMERIC_FORM_SHORT)
	{
		header_bytes = 2;
		negative = (header & NUMERIC_SHORT_NEGATIVE) != 0;
		weight = short_weight(header);
	}
	else
	{
		if (bytes < 4)
			return false;
		header_bytes = 4;
		negative = (header & NUMERIC_FORM_MASK) == NUMERIC_FORM_LONG_NEGATIVE;
		weight = (int16) load16(payload + 2);
	}

	if (!scaled_magnitude(payload + header_bytes, (bytes - header_bytes) / 2, weight, scale,
						  &magnitude, &inexact) ||
		(inexact && up != negative && ++magnitude == 0) ||
		!sign_magnitude(magnitude, negative, bound))
		*bound = negative ? INT64_MIN : INT64_MAX;
	return true;
}
