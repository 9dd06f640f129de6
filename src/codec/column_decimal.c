/*
 * column_decimal.c
 *		Floats as decimals: plan, write and decode such vectors.  Pure code.
 *
 * Most floats that people store were decimals of few digits once: 21.35 is the double nearest to 2135 / 100.
 * An integer below 2^51 is a double, so is a power of ten up to 10^22, and the quotient or product of two doubles is
 * the one nearest to the true one.  So number / 10^digits comes back as that very double, whoever computes it.  (The idea of a
 * decimal vector with exceptions is that of ALP, Afroozeh, Kuffo and Boncz, SIGMOD 2024, which
 * multiplies by inverse powers; a division gives back every decimal.)  A real is such a double, rounded once more.
 *
 * Nothing depends on that reasoning: the planner decodes what it has made by the decoder's arithmetic, and a value that is
 * not the same bit by bit (-0, NaN, infinities, numbers of too many digits) is an exception.
 */
#ifndef OMENDB_UNIT
#include "postgres.h"
#endif

#include <float.h>

#include "codec/column_decimal.h"
#include "codec/column_encode.h"

/* what is left of the bytes without, at most: a division a value must pay */
#define DECIMAL_PERCENT_MAX 90
/* values by which the power of ten is chosen */
#define DECIMAL_SAMPLE 32
/* numbers are in [-2^51, 2^51): those that the sum below takes */
#define DECIMAL_LIMIT (UINT64CONST(1) << (COL_DECIMAL_WIDTH_MAX - 1))
/* instead of number + DECIMAL_LIMIT, which is less: not a decimal; NULL */
#define NO_DECIMAL PG_UINT64_MAX
#define NO_VALUE (PG_UINT64_MAX - 1)

/*
 * 2^52 + 2^51.  The bits of this double plus an integer are those of the sum, and a sum's fraction is rounded away: conversions
 * between double and integer that every machine does on whole vectors.
 */
#define SHIFT 6755399441055744.0
#define SHIFT_BITS UINT64CONST(0x4338000000000000)

/* all of them exact */
static const double powers[COL_DECIMAL_DIGITS_MAX + 1] = { 1e0,	 1e1,  1e2,	 1e3,  1e4,	 1e5,
														   1e6,	 1e7,  1e8,	 1e9,  1e10, 1e11,
														   1e12, 1e13, 1e14, 1e15, 1e16, 1e17,
														   1e18, 1e19, 1e20, 1e21, 1e22 };

/* ---- arithmetic ---- */

static inline double
double_of_bits(uint64 bits)
{
	double value;

	memcpy(&value, &bits, sizeof(value));
	return value;
}

static inline uint64
bits_of_double(double value)
{
	uint64 bits;

	memcpy(&bits, &value, sizeof(bits));
	return bits;
}

/* the value of a code, as a double; COL_ORDER_FLOAT8 (wide) or COL_ORDER_FLOAT4 */
static pg_attribute_always_inline double
code_value(uint64 code, bool wide)
{
	uint32 bits = (uint32) code;
	float value;

	if (wide)
		return double_of_bits(code ^ (((code >> 63) - 1) | UINT64CONST(1) << 63));
	bits ^= ((bits >> 31) - 1) | (uint32) 1 << 31;
	memcpy(&value, &bits, sizeof(value));
	return (double) value;
}

/* the code of number / power, or of number * power; of any number, should bytes be damaged */
static pg_attribute_always_inline uint64
number_code(uint64 number, double power, bool multiply, bool wide)
{
	double value = double_of_bits(number + SHIFT_BITS) - SHIFT;
	float narrow;
	uint64 bits;
	uint32 bits32;

	value = multiply ? value * power : value / power;
	if (wide)
	{
		bits = bits_of_double(value);
		return bits ^ ((0 - (bits >> 63)) | UINT64CONST(1) << 63);
	}
	narrow = (float) value;
	memcpy(&bits32, &narrow, sizeof(bits32));
	return bits32 ^ ((0 - (bits32 >> 31)) | (uint32) 1 << 31);
}

/* number + DECIMAL_LIMIT of the decimal that a code is the value of, or NO_DECIMAL */
static pg_attribute_always_inline uint64
code_number(uint64 code, double power, bool multiply, bool wide)
{
	double value = code_value(code, wide);
	uint64 number = bits_of_double((multiply ? value / power : value * power) + SHIFT) - SHIFT_BITS;
	bool same = number_code(number, power, multiply, wide) == code;

	number += DECIMAL_LIMIT;
	return same && number < 2 * DECIMAL_LIMIT ? number : NO_DECIMAL;
}

/* loops for each case, so that nothing is decided by the value */
#define FOR_EACH_KIND(loop, power, multiply, wide) \
	do \
	{ \
		if (wide) \
		{ \
			if (multiply) \
				loop(power, true, true); \
			else \
				loop(power, false, true); \
		} \
		else if (multiply) \
			loop(power, true, false); \
		else \
			loop(power, false, false); \
	} while (0)

/* ---- decode ---- */

void
column_decode_decimals(const ColDesc *desc, const ColVector *vector, const uint8 *src, uint64 *out)
{
	bool wide = desc->order == COL_ORDER_FLOAT8;
	Decimals d = read_decimals(src, vector->width, wide);
	double power = powers[Min(abs(d.digits), COL_DECIMAL_DIGITS_MAX)];

#define DECODE(power, multiply, wide) \
	for (uint32 i = 0; i < COL_VECTOR_ROWS; i++) \
	out[i] = number_code(d.base + out[i], power, multiply, wide)
	FOR_EACH_KIND(DECODE, power, d.digits < 0, wide);
#undef DECODE
	for (uint32 i = 0; i < d.exceptions; i++)
		out[exception_row(&d, i)] = exception_code(&d, i);
}

uint64
column_decimal_at(const ColDesc *desc, const ColVector *vector, const uint8 *src, uint32 i)
{
	bool wide = desc->order == COL_ORDER_FLOAT8;
	Decimals d = read_decimals(src, vector->width, wide);
	double power = powers[Min(abs(d.digits), COL_DECIMAL_DIGITS_MAX)];
	uint64 number;
	uint32 low = 0;

	for (uint32 high = d.exceptions; low < high;)
	{
		uint32 mid = (low + high) / 2;
		uint32 row = exception_row(&d, mid);

		if (row == i)
			return exception_code(&d, mid);
		if (row < i)
			low = mid + 1;
		else
			high = mid;
	}
	number = d.base + lanes_get(d.lanes, vector->width, i);
	return wide ? number_code(number, power, d.digits < 0, true)
				: number_code(number, power, d.digits < 0, false);
}

/* ---- plan ---- */

/* what an exception takes */
static inline uint32
exception_bytes(bool wide)
{
	return (wide ? sizeof(uint64) : sizeof(uint32)) + sizeof(uint16);
}

static inline uint64
decimal_bytes(uint32 width, uint32 exceptions, bool wide)
{
	return COL_DECIMAL_HEADER_BYTES + LANES_BYTES(width) +
		   (uint64) exceptions * exception_bytes(wide);
}

/* a value of the sample: number * 10^-digits, digits as few as can be, 0 fewest of all */
typedef struct SampleDecimal
{
	int64 number;
	int32 digits;
} SampleDecimal;

/*
 * The decimal of fewest digits that a value is nearest to, if it has no more than the type keeps.  A decimal is one with as many
 * zeroes behind it as there is room for, so a single try tells.
 */
static bool
find_decimal(uint64 code, bool wide, SampleDecimal *found)
{
	double value = code_value(code, wide);
	int32 exponent = (int32) (bits_of_double(value) >> 52 & 0x7FF) - 1023;
	/* as many digits as 2^50 has, or 2^24; 1233 / 4096 is log10(2); the sum keeps the division from rounding up */
	int32 digits = (((wide ? 49 : 23) - exponent) * 1233 + 4096 * 512) / 4096 - 512;
	double power;
	uint64 number;

	digits = Max(Min(digits, COL_DECIMAL_DIGITS_MAX), -COL_DECIMAL_DIGITS_MAX);
	power = powers[abs(digits)];
	number = wide ? code_number(code, power, digits < 0, true)
				  : code_number(code, power, digits < 0, false);
	if (number == NO_DECIMAL)
		return false;
	found->number = (int64) (number - DECIMAL_LIMIT);
	if (found->number == 0)
		digits = -COL_DECIMAL_DIGITS_MAX;
	for (; digits > -COL_DECIMAL_DIGITS_MAX && found->number % 10 == 0; digits--)
		found->number /= 10;
	found->digits = digits;
	return true;
}

/* the range of numbers that takes least, if all others are exceptions */
typedef struct DecimalRange
{
	uint64 low;
	uint32 width;
	uint32 exceptions;
	uint64 bytes;
} DecimalRange;

/* a number that is neither small nor great: the middle one of some; there is one */
static uint64
middle_number(const uint64 *numbers, uint32 n)
{
	uint64 some[DECIMAL_SAMPLE];
	uint32 size = Min(n, DECIMAL_SAMPLE);
	uint32 found = 0;

	for (uint32 k = 0; k < size; k++)
	{
		uint64 number = numbers[k * n / size];
		uint32 at = found;

		if (number >= NO_VALUE)
			continue;
		for (; at > 0 && some[at - 1] > number; at--)
			some[at] = some[at - 1];
		some[at] = number;
		found++;
	}
	return found > 0 ? some[found / 2] : DECIMAL_LIMIT;
}

/*
 * choose_range --- a range of n numbers, of `rows` rows: from the smallest one on, up to the greatest, or around the middle.  What
 * is far away on one side, or on both, would make every field wide.
 */
static DecimalRange
choose_range(const uint64 *numbers, uint32 n, uint32 rows, bool wide)
{
	uint64 least = PG_UINT64_MAX;
	uint64 greatest = 0;
	uint64 middle = middle_number(numbers, n);
	uint32 no_decimals = 0;
	/* how many need so many bits above the smallest, below the greatest, on both sides of the middle */
	uint32 counts[3][COL_DECIMAL_WIDTH_MAX + 2] = { 0 };
	DecimalRange best = { .bytes = PG_UINT64_MAX };

	for (uint32 i = 0; i < n; i++)
	{
		if (numbers[i] >= NO_VALUE)
		{
			no_decimals += numbers[i] == NO_DECIMAL;
			continue;
		}
		least = Min(least, numbers[i]);
		greatest = Max(greatest, numbers[i]);
	}
	if (least > greatest)
		return best;
	for (uint32 i = 0; i < n; i++)
		if (numbers[i] < NO_VALUE)
		{
			uint64 above = numbers[i] - middle;

			counts[0][bitpack_width(numbers[i] - least)]++;
			counts[1][bitpack_width(greatest - numbers[i])]++;
			counts[2][bitpack_width(above << 1 ^ (0 - (above >> 63)))]++;
		}
	for (uint32 kind = 0; kind < 3; kind++)
	{
		/* on both sides of the middle there may be one bit more than fields have */
		uint32 exceptions = no_decimals + counts[kind][COL_DECIMAL_WIDTH_MAX + 1];

		for (int32 width = COL_DECIMAL_WIDTH_MAX; width >= 0; width--)
		{
			uint64 bytes = decimal_bytes((uint32) width, exceptions * rows / n, wide);

			if (exceptions * 4 > n)
				break;
			if (bytes < best.bytes)
			{
				best.bytes = bytes;
				best.width = (uint32) width;
				best.exceptions = exceptions;
				best.low = kind == 0   ? least
						   : kind == 1 ? greatest - bitpack_mask((uint32) width)
									   : middle - (UINT64CONST(1) << width >> 1);
			}
			exceptions += counts[kind][width];
		}
	}
	return best;
}

/* the same range, as far as there are numbers */
static void
narrow_range(const uint64 *numbers, uint32 n, bool wide, DecimalRange *range)
{
	uint64 least = PG_UINT64_MAX;
	uint64 greatest = 0;

	for (uint32 i = 0; i < n; i++)
	{
		uint64 field = numbers[i] - range->low;

		if (numbers[i] < NO_VALUE && field <= bitpack_mask(range->width))
		{
			least = Min(least, field);
			greatest = Max(greatest, field);
		}
	}
	if (least > greatest)
		return;
	range->low += least;
	range->width = bitpack_width(greatest - least);
	/* its end may lie behind that of the other */
	range->exceptions = 0;
	for (uint32 i = 0; i < n; i++)
		range->exceptions +=
			numbers[i] != NO_VALUE &&
			(numbers[i] == NO_DECIMAL || numbers[i] - range->low > bitpack_mask(range->width));
	range->bytes = decimal_bytes(range->width, range->exceptions, wide);
}

/* what the sample, of `rows` rows, would take with so many digits */
static uint64
estimate_digits(const SampleDecimal *sample, uint32 n, uint32 others, int32 digits, uint32 rows,
				bool wide)
{
	uint64 numbers[DECIMAL_SAMPLE];

	for (uint32 k = 0; k < n; k++)
	{
		int64 number = sample[k].number;
		int32 more = number == 0 ? 0 : digits - sample[k].digits;

		if (more < 0 || more > 15 ||
			(uint64) (number < 0 ? -number : number) >= DECIMAL_LIMIT / (uint64) powers[more])
			numbers[k] = NO_DECIMAL;
		else
			numbers[k] = (uint64) (number * (int64) powers[more]) + DECIMAL_LIMIT;
	}
	for (uint32 k = n; k < n + others; k++)
		numbers[k] = NO_DECIMAL;
	return choose_range(numbers, n + others, rows, wide).bytes;
}

/* the digits behind the point of which a sample of the vector takes least; false if that is more than the limit */
static bool
choose_digits(const ColInput *in, uint32 start, uint32 rows, bool wide, uint64 limit, int32 *digits)
{
	SampleDecimal sample[DECIMAL_SAMPLE];
	uint32 size = Min(rows, DECIMAL_SAMPLE);
	uint32 others = 0;
	uint32 n = 0;
	uint64 tried = 0;
	uint64 best = limit + 1;

	for (uint32 k = 0; k < size; k++)
	{
		uint32 row = start + k * rows / size;

		if (column_input_null(in, row))
			continue;
		if (find_decimal(in->codes[row], wide, &sample[n]))
			n++;
		else if (++others * 4 > size)
			return false;
	}
	for (uint32 k = 0; k < n; k++)
	{
		uint64 bit = UINT64CONST(1) << (sample[k].digits + COL_DECIMAL_DIGITS_MAX);
		uint64 estimate;

		if (tried & bit)
			continue;
		tried |= bit;
		estimate = estimate_digits(sample, n, others, sample[k].digits, rows, wide);
		if (estimate < best || (estimate == best && sample[k].digits < *digits))
		{
			best = estimate;
			*digits = sample[k].digits;
		}
	}
	return best <= limit;
}

/* number + DECIMAL_LIMIT of each row, or NO_DECIMAL, or NO_VALUE */
static void
make_numbers(const ColInput *in, uint32 start, uint32 rows, bool wide, int32 digits,
			 uint64 *numbers)
{
	const uint64 *codes = in->codes + start;
	double power = powers[abs(digits)];

#define MAKE(power, multiply, wide) \
	for (uint32 i = 0; i < rows; i++) \
	numbers[i] = code_number(codes[i], power, multiply, wide)
	FOR_EACH_KIND(MAKE, power, digits < 0, wide);
#undef MAKE
	if (in->nulls != NULL)
		for (uint32 i = 0; i < rows; i++)
			if (column_input_null(in, start + i))
				numbers[i] = NO_VALUE;
}

void
column_plan_decimals(Encoder *enc, uint32 v, uint64 *bytes)
{
	const ColInput *in = enc->in;
	ColVector *header = &enc->headers[v];
	VectorFacts *facts = &enc->facts[v];
	bool wide = in->order == COL_ORDER_FLOAT8;
	uint32 start = v * COL_VECTOR_ROWS;
	uint32 rows = column_input_rows(in, v);
	uint64 limit = *bytes * DECIMAL_PERCENT_MAX / 100;
	uint64 numbers[LANES_VECTOR_ROWS];
	DecimalRange range;
	int32 digits = 0;

	/* results of more bits than a double has would be rounded twice, and not everywhere the same */
	if (FLT_EVAL_METHOD != 0 || !choose_digits(in, start, rows, wide, limit, &digits))
		return;
	make_numbers(in, start, rows, wide, digits, numbers);
	range = choose_range(numbers, rows, rows, wide);
	if (range.bytes > limit)
		return;
	narrow_range(numbers, rows, wide, &range);
	header->encoding = COL_ENC_DECIMAL;
	header->width = (uint8) range.width;
	facts->base = range.low;
	facts->patches = range.exceptions;
	facts->digits = digits;
	*bytes = range.bytes;
}

/* ---- write ---- */

void
column_write_decimals(const Encoder *enc, uint32 v, uint64 *fields, uint8 *dst)
{
	const ColInput *in = enc->in;
	const VectorFacts *facts = &enc->facts[v];
	bool wide = in->order == COL_ORDER_FLOAT8;
	uint32 width = enc->headers[v].width;
	uint32 start = v * COL_VECTOR_ROWS;
	uint32 rows = column_input_rows(in, v);
	uint32 code_bytes = wide ? sizeof(uint64) : sizeof(uint32);
	uint8 *codes_at = dst + COL_DECIMAL_HEADER_BYTES + LANES_BYTES(width);
	uint8 *rows_at = codes_at + (Size) facts->patches * code_bytes;
	uint32 n = 0;

	make_numbers(in, start, rows, wide, facts->digits, fields);
	for (uint32 i = 0; i < rows; i++)
	{
		uint64 field = fields[i] - facts->base;

		if (fields[i] < NO_VALUE && field <= bitpack_mask(width))
		{
			fields[i] = field;
			continue;
		}
		if (fields[i] != NO_VALUE)
		{
			uint64 code = in->codes[start + i];
			uint32 narrow = (uint32) code;
			uint16 row = (uint16) i;

			memcpy(codes_at + (Size) n * code_bytes, wide ? (void *) &code : (void *) &narrow,
				   code_bytes);
			memcpy(rows_at + n * sizeof(row), &row, sizeof(row));
			n++;
		}
		fields[i] = 0;
	}
	Assert(n == facts->patches);
	bitpack_store64(dst, facts->base - DECIMAL_LIMIT);
	memcpy(dst + sizeof(uint64), &facts->patches, sizeof(uint32));
	memcpy(dst + sizeof(uint64) + sizeof(uint32), &facts->digits, sizeof(int32));
	column_write_fields(fields, width, dst + COL_DECIMAL_HEADER_BYTES);
}
