/*
 * column_testing.h
 *		Columns for the tests of the column codec: values by distribution, NULLs by
 *		pattern, and the parts of a chunk, each in an allocation of its exact size so that
 *		the sanitizers see every step behind it.
 */
#ifndef COLUMN_TESTING_H
#define COLUMN_TESTING_H

#include "codec/bitpack.h"
#include "codec/column.h"
#include "codec/lanes.h"
#include "unit.h"

typedef enum CodeDist
{
	CODES_CONSTANT,
	CODES_SEQUENTIAL,
	CODES_THOUSANDS,  /* multiples of 1,000 and an odd offset */
	CODES_POWERS,	  /* multiples of a great power of 2, modulo 2^64 */
	CODES_RANDOM,	  /* 64 bits */
	CODES_RANDOM32,	  /* 32 bits, as float4 */
	CODES_EXTREMES,	  /* 0 and 2^64 - 1 */
	CODES_FEW,		  /* ten wide values */
	CODES_SOME,		  /* a thousand wide values */
	CODES_SMALL,	  /* 0..1000 */
	CODES_BY_VECTOR,  /* one value a vector */
	CODES_RUNS,		  /* of 50 rows on average, of small values */
	CODES_RUNS_WIDE,  /* of few wide values */
	CODES_STEPS,	  /* ascending by chance, from 0 on, now and then far */
	CODES_WIDE_STEPS, /* ascending by great numbers of chance */
	CODES_LINE,		  /* ascending by 1,000, with some noise */
	CODES_OUTLIERS,	  /* in a narrow range, but for some on both sides of it */
	CODES_DECIMALS,	  /* of floats with 2 digits behind the point, one in 50 with all digits */
	CODES_TWO_RANGES, /* small ones, and a vector of great ones now and then */
	CODES_DIST_COUNT
} CodeDist;

typedef enum SpanDist
{
	SPANS_CONSTANT,
	SPANS_EMPTY,
	SPANS_FEW,
	SPANS_SOME, /* a thousand */
	SPANS_RANDOM,
	SPANS_PREFIXED, /* a long common prefix */
	SPANS_ORDERED,
	SPANS_ZEROES, /* differ in trailing zero bytes only */
	SPANS_LONG,	  /* lengths up to 5,000 */
	SPANS_RUNS,	  /* lengths of 200 to 500, in runs of a byte: compressible */
	SPANS_SERIES, /* few values, in runs */
	SPANS_WORDS,  /* up to 8 words, and a byte by chance now and then: symbols pay */
	SPANS_DIST_COUNT
} SpanDist;

typedef enum NullDist
{
	NULLS_NONE,
	NULLS_ALL,
	NULLS_SPARSE,
	NULLS_FIRST,
	NULLS_LAST,
	NULLS_VECTORS, /* whole vectors, and a few others */
	NULLS_BUT_ONE,
	NULLS_DIST_COUNT
} NullDist;

/* an input and the memory it points to */
typedef struct TestColumn
{
	ColInput in;
	uint8 *nulls;
	uint64 *codes;
	uint8 *bytes;
	uint32 *offsets;
	int16 typlen;
} TestColumn;

static const char *const test_words[] = { "quickly", "deposits",	 "the",	  "furiously",
										  "a",		 "packages",	 "sleep", "regular",
										  "foxes",	 "\xC3\xA4rger", "0",	  "!?",
										  "haggle",	 "bold",		 "ideas", "accounts" };

/* a number by chance that is always the same */
static inline uint64
test_chance(uint64 of)
{
	of = (of + 1) * UINT64CONST(0x9E3779B97F4A7C15);
	of = (of ^ (of >> 31)) * UINT64CONST(0xBF58476D1CE4E5B9);
	return of ^ (of >> 29);
}

static inline uint64
test_code(CodeDist dist, uint32 row, uint64 salt)
{
	switch (dist)
	{
		case CODES_CONSTANT:
			return salt;
		case CODES_SEQUENTIAL:
			return row + 1;
		case CODES_THOUSANDS:
			return 777 + 1000 * unit_random_below(1000000);
		case CODES_POWERS:
			return salt + ((unit_random() & 0xFF) << 50);
		case CODES_RANDOM:
			return unit_random();
		case CODES_RANDOM32:
			return unit_random() >> 32;
		case CODES_EXTREMES:
			return unit_random() & 1 ? 0 : PG_UINT64_MAX;
		case CODES_FEW:
			return (1 + unit_random_below(10)) * UINT64CONST(0x123456789ABCDEF1);
		case CODES_SOME:
			return (1 + unit_random_below(1000)) * UINT64CONST(0x123456789ABCDEF1);
		case CODES_SMALL:
			return unit_random_below(1001);
		case CODES_BY_VECTOR:
			return salt + (row / COL_VECTOR_ROWS) * UINT64CONST(0x123456789ABCDEF1);
		case CODES_RUNS:
			return test_chance(row / 50 + row / 130) % 1000;
		case CODES_RUNS_WIDE:
			return (1 + test_chance(row / 40) % 30) * UINT64CONST(0x123456789ABCDEF1);
		case CODES_STEPS:
			/* the sum of so many steps of 0 to 3, and of 10,000 every 700 rows */
			return salt % 1000 + row + test_chance(row) % 2 + row / 700 * 10000;
		case CODES_WIDE_STEPS:
			return row * (UINT64CONST(1) << 40) + test_chance(row) % (UINT64CONST(1) << 40);
		case CODES_LINE:
			return salt % 1000000 + row * UINT64CONST(1000) + test_chance(row) % 60;
		case CODES_OUTLIERS:
			return test_chance(row) % 30 != 0 ? 1000000 + test_chance(row + salt) % 100
											  : test_chance(row + salt) % 2000000;
		default:
			return row / COL_VECTOR_ROWS % 3 == 1 ? unit_random() | UINT64CONST(1) << 63
												  : unit_random_below(16);
	}
}

/* the order code of a float, from its bits */
static inline uint64
test_float_code(ColOrder order, uint64 bits)
{
	uint64 sign = UINT64CONST(1) << (order == COL_ORDER_FLOAT8 ? 63 : 31);

	return bits & sign ? ~bits & (sign * 2 - 1) : bits | sign;
}

/* of a number, as float8 or float4 */
static inline uint64
test_number_code(ColOrder order, double number)
{
	float narrow = (float) number;
	uint32 bits4;
	uint64 bits8;

	memcpy(&bits4, &narrow, sizeof(bits4));
	memcpy(&bits8, &number, sizeof(bits8));
	return test_float_code(order, order == COL_ORDER_FLOAT8 ? bits8 : bits4);
}

/* a value of BYTES, written to dst, which has room for 5,000 bytes; returns its length */
static inline uint32
test_span(SpanDist dist, uint32 row, uint8 *dst)
{
	uint32 length = 0;

	switch (dist)
	{
		case SPANS_CONSTANT:
			return (uint32) sprintf((char *) dst, "the one and only value");
		case SPANS_EMPTY:
			return 0;
		case SPANS_FEW:
			return (uint32) sprintf((char *) dst, "country %u%s", (uint32) unit_random_below(9),
									unit_random() & 1 ? "" : " of this world");
		case SPANS_SOME:
			return (uint32) sprintf((char *) dst, "customer number %u",
									(uint32) unit_random_below(1000));
		case SPANS_PREFIXED:
			memset(dst, 'p', 100);
			return 100 +
				   (uint32) sprintf((char *) dst + 100, "%u", (uint32) unit_random_below(1000000));
		case SPANS_ORDERED:
			return (uint32) sprintf((char *) dst, "%08u", row / 3);
		case SPANS_ZEROES:
			length = (uint32) unit_random_below(12);
			memset(dst, 0, length);
			return length;
		case SPANS_RUNS:
			length = 200 + (uint32) unit_random_below(301);
			for (uint32 i = 0; i < length;)
			{
				uint32 run = Min(length - i, 5 + (uint32) unit_random_below(60));

				memset(dst + i, (int) unit_random_below(256), run);
				i += run;
			}
			return length;
		case SPANS_SERIES:
			return (uint32) sprintf((char *) dst, "series %u",
									(uint32) (test_chance(row / 30) % 20));
		case SPANS_WORDS:
			for (uint32 n = (uint32) unit_random_below(9); n > 0; n--)
			{
				length += (uint32) sprintf((char *) dst + length, "%s ",
										   test_words[unit_random_below(lengthof(test_words))]);
				if (unit_random_below(32) == 0)
					dst[length++] = (uint8) unit_random();
			}
			return length;
		case SPANS_LONG:
			length = (uint32) unit_random_below(5001);
			break;
		default:
			length = (uint32) unit_random_below(20);
			break;
	}
	for (uint32 i = 0; i < length; i++)
		dst[i] = (uint8) unit_random();
	return length;
}

static inline bool
test_null(NullDist dist, uint32 row, uint32 rows)
{
	switch (dist)
	{
		case NULLS_ALL:
			return true;
		case NULLS_SPARSE:
			return unit_random_below(16) == 0;
		case NULLS_FIRST:
			return row == 0;
		case NULLS_LAST:
			return row == rows - 1;
		case NULLS_VECTORS:
			return row / COL_VECTOR_ROWS % 3 != 1 || unit_random_below(100) == 0;
		case NULLS_BUT_ONE:
			return row != rows / 2;
		default:
			return false;
	}
}

static inline TestColumn
test_column(ColStore store, ColOrder order, uint32 rows, NullDist nulls)
{
	TestColumn c = { 0 };

	c.in.store = store;
	c.in.order = order;
	c.in.rows = rows;
	c.typlen = store == COL_STORE_CODE ? 8 : -1;
	if (nulls != NULLS_NONE)
	{
		c.nulls = malloc(rows);
		for (uint32 i = 0; i < rows; i++)
			c.nulls[i] = test_null(nulls, i, rows) ? (uint8) (1 + i % 255) : 0;
	}
	c.in.nulls = c.nulls;
	return c;
}

static inline TestColumn
test_codes(CodeDist dist, ColOrder order, uint32 rows, NullDist nulls)
{
	TestColumn c = test_column(COL_STORE_CODE, order, rows, nulls);
	uint64 salt = unit_random();

	c.codes = malloc(rows * sizeof(uint64));
	for (uint32 i = 0; i < rows; i++)
	{
		if (dist == CODES_DECIMALS)
		{
			double number = (double) (int32) (unit_random_below(20000) - 3000);

			c.codes[i] = test_number_code(order == COL_ORDER_FLOAT4 ? order : COL_ORDER_FLOAT8,
										  number / (i % 50 == 7 ? 3 : 100));
		}
		else
			c.codes[i] = test_code(dist, i, salt);
		if (order == COL_ORDER_FLOAT4)
			c.codes[i] &= UINT32_MAX;
	}
	c.in.codes = c.codes;
	return c;
}

static inline TestColumn
test_bytes(SpanDist dist, uint32 rows, NullDist nulls)
{
	TestColumn c = test_column(COL_STORE_BYTES, COL_ORDER_BYTES, rows, nulls);
	Size room = 65536;
	Size used = 0;

	c.offsets = malloc((rows + (Size) 1) * sizeof(uint32));
	c.bytes = malloc(room);
	for (uint32 i = 0; i < rows; i++)
	{
		c.offsets[i] = (uint32) used;
		if (used + 5001 > room)
			c.bytes = repalloc(c.bytes, room *= 2);
		if (c.nulls == NULL || !c.nulls[i])
			used += test_span(dist, i, c.bytes + used);
	}
	c.offsets[rows] = (uint32) used;
	c.bytes = repalloc(c.bytes, used);
	c.in.bytes = c.bytes;
	c.in.offsets = c.offsets;
	return c;
}

static inline TestColumn
test_fixed(SpanDist dist, uint32 typlen, uint32 rows, NullDist nulls)
{
	TestColumn c = test_column(COL_STORE_FIXED, COL_ORDER_BYTES, rows, nulls);
	uint8 value[5001];

	c.typlen = (int16) typlen;
	c.in.typlen = typlen;
	c.bytes = malloc((Size) rows * typlen);
	for (uint32 i = 0; i < rows; i++)
	{
		memset(value, 0, sizeof(value));
		(void) test_span(dist, i, value);
		memcpy(c.bytes + (Size) i * typlen, value, typlen);
	}
	c.in.bytes = c.bytes;
	return c;
}

static inline void
test_column_free(TestColumn *c)
{
	free(c->nulls);
	free(c->codes);
	free(c->bytes);
	free(c->offsets);
}

static inline uint32
test_vector_rows(uint32 rows, uint32 v)
{
	return Min(rows - v * COL_VECTOR_ROWS, COL_VECTOR_ROWS);
}

/* `bytes` bytes of their own, `skew` bytes off alignment; free() what it returns - skew */
static inline uint8 *
test_copy(const uint8 *src, Size bytes, Size skew)
{
	uint8 *copy = (uint8 *) malloc(bytes + skew + (bytes + skew == 0)) + skew;

	if (bytes > 0)
		memcpy(copy, src, bytes);
	return copy;
}

/*
 * The payload of a compressed vector as one of PLAIN and its header; the caller frees it.  NULL if it is
 * damaged.
 */
static inline uint8 *
test_expand(const ColDesc *desc, const ColVector *vector, uint32 rows, const uint8 *payload,
			const uint8 *dict, ColVector *plain)
{
	uint8 *out = malloc(column_expanded_bytes(vector, rows, payload));
	FsstTable symbols;

	if (desc->flags & COL_FLAG_SYMBOLS)
		check(fsst_read_symbols(&symbols, dict, desc->dict_count, desc->dict_bytes) == NULL,
			  "symbols");
	if (column_expand(vector, rows, payload, &symbols, plain, out) != NULL)
	{
		free(out);
		return NULL;
	}
	check(plain->encoding == COL_ENC_PLAIN, "expanded to another encoding");
	return out;
}

#endif
