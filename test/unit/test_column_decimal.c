/*
 * test_column_decimal.c
 *		Floats as decimals: whatever the bits, they come back; what was a decimal once is stored as one,
 *		in as many bits as its digits take, and what was not takes no more than without.
 */
// sources: src/codec/lanes.c src/codec/fsst.c src/codec/fsst_train.c src/codec/column_dict.c src/codec/column_pglz.c src/codec/column_strings.c src/codec/column_integers.c src/codec/column_decimal.c src/codec/column_bloom.c src/codec/column_encode.c src/codec/column_check.c src/codec/column_decode.c
#include <float.h>
#include <math.h>

#include "column_testing.h"

/* of the column encoded last */
static ColDesc desc;
static ColVector first;
static double value_bytes; /* bytes a value, without headers */

/* Encode, check and decode the column, in bulk and one by one, and free it. */
static void
verify(TestColumn c, const char *what)
{
	uint64 *codes = malloc(COL_VECTOR_ROWS * sizeof(uint64));
	const ColVector *vectors;
	const uint8 *dict;
	uint8 *chunk;

	memset(&desc, 0, sizeof(desc));
	desc.typlen = c.typlen;
	chunk = column_encode(&c.in, &desc);
	check(column_check_desc(&desc, c.in.rows) == NULL, "%s: desc", what);
	if (chunk == NULL)
	{
		free(codes);
		test_column_free(&c);
		return;
	}
	vectors = (const ColVector *) chunk;
	dict = desc.dict_bytes > 0 ? chunk + desc.dict_offset : NULL;
	check(column_check_vectors(&desc, vectors, c.in.rows) == NULL, "%s: vectors", what);
	for (uint32 v = 0; v < desc.vectors; v++)
	{
		const ColVector *vector = &vectors[v];
		uint32 rows = test_vector_rows(c.in.rows, v);
		/* in an allocation of its size, aligned or not */
		Size skew = v % 3 == 2 ? 3 : 0;
		uint8 *payload = test_copy(chunk + vector->offset, vector->bytes, skew);

		check(column_check_payload(&desc, vector, rows, payload) == NULL, "%s: payload", what);
		column_decode_codes(&desc, vector, rows, payload, dict, codes);
		for (uint32 i = 0; i < rows; i++)
		{
			uint32 row = v * COL_VECTOR_ROWS + i;
			bool null = c.nulls != NULL && c.nulls[row] != 0;

			check(column_is_null(vector, rows, payload, i) == null, "%s: NULL in row %u", what,
				  row);
			check(null || codes[i] == c.codes[row], "%s: row %u: %llx for %llx", what, row,
				  (unsigned long long) codes[i], (unsigned long long) c.codes[row]);
			check(codes[i] == column_code_at(&desc, vector, rows, payload, dict, i),
				  "%s: row %u alone", what, row);
			check(null ||
					  (vector->encoding == COL_ENC_DICT || vector->encoding == COL_ENC_DICT_RUNS ||
					   (codes[i] >= vector->min && codes[i] <= vector->max)),
				  "%s: zone map of row %u", what, row);
		}
		free(payload - skew);
	}
	first = vectors[0];
	value_bytes =
		(double) (desc.chunk_bytes - desc.vectors * sizeof(ColVector)) / (double) c.in.rows;
	free(codes);
	pfree(chunk);
	test_column_free(&c);
}

/* columns of constants to be filled */
static TestColumn
floats(ColOrder order, uint32 rows, NullDist nulls)
{
	return test_codes(CODES_CONSTANT, order, rows, nulls);
}

static const ColOrder orders[] = { COL_ORDER_FLOAT8, COL_ORDER_FLOAT4 };

/* as a client sends them: through text, rounded once */
static double
decimal(ColOrder order, int64 number, int exponent)
{
	char text[60];

	snprintf(text, sizeof(text), "%llde%d", (long long) number, exponent);
	return order == COL_ORDER_FLOAT8 ? strtod(text, NULL) : (double) strtof(text, NULL);
}

/* every number of digits, behind the point and in all */
static void
digits_of_all_numbers(void)
{
	for (uint32 o = 0; o < lengthof(orders); o++)
	{
		bool wide = orders[o] == COL_ORDER_FLOAT8;
		int most = wide ? 15 : 6;

		for (int exponent = -30; exponent <= 30; exponent++)
			for (int digits = 1; digits <= 18; digits++)
			{
				uint64 below = 1;
				TestColumn c = floats(orders[o], 1024, NULLS_NONE);
				char what[60];

				for (int i = 0; i < digits; i++)
					below *= 10;
				for (uint32 i = 0; i < 1024; i++)
				{
					int64 number = (int64) unit_random_below(below);

					c.codes[i] = test_number_code(
						orders[o], decimal(orders[o], i % 3 ? number : -number, exponent));
				}
				snprintf(what, sizeof(what), "%d digits, exponent %d, order %d", digits, exponent,
						 orders[o]);
				verify(c, what);
				/* negative zero and little else is an exception */
				if (digits >= 3 && digits <= (wide ? 14 : 6) && abs(exponent) <= 22 &&
					exponent + digits <= (wide ? 22 : 10) && (wide || exponent >= -10))
					check(first.encoding == COL_ENC_DECIMAL || (desc.flags & COL_FLAG_DICT),
						  "%s: encoding %d", what, first.encoding);
				check(first.encoding != COL_ENC_DECIMAL ||
						  first.width <= bitpack_width(2 * below) ||
						  first.width <= COL_DECIMAL_WIDTH_MAX,
					  "%s: width %d", what, first.width);
			}
		ok(true, "order %d: decimals of 1 to 18 digits, of %d as such, at all powers of ten",
		   orders[o], most);
	}
}

/* numbers that are no decimals, or hardly */
static uint64
odd_bits(ColOrder order, uint32 of)
{
	static const double numbers[] = {
		0.0,
		-0.0,
		DBL_MIN,
		-DBL_MIN,
		DBL_MAX,
		-DBL_MAX,
		DBL_EPSILON,
		5e-324,
		-5e-324,
		2.2e-308,
		FLT_MIN,
		FLT_MAX,
		1e-45,
		1e22,
		1e23,
		-1e22,
		1e300,
		1e-300,
		1e-22,
		1e-23,
		1.0 / 3,
		M_PI,
		4503599627370496.0,
		4503599627370495.5,
		9007199254740992.0,
		9007199254740993.0,
		2251799813685248.0,
		-2251799813685248.0,
		-2251799813685249.0,
		2251799813685247.0,
		18446744073709551616.0,
		9223372036854775808.0,
		0.1 + 0.2,
		0.3,
		1e15 + 0.3,
		16777216.0,
		16777217.0,
		33554432.0,
		8388608.5,
	};
	uint64 sign = UINT64CONST(1) << (order == COL_ORDER_FLOAT8 ? 63 : 31);
	uint64 infinity = order == COL_ORDER_FLOAT8 ? UINT64CONST(0x7FF0000000000000) : 0x7F800000;

	of %= lengthof(numbers) + 5;
	switch (of < lengthof(numbers) ? 5 : of - lengthof(numbers))
	{
		case 0:
			return test_float_code(order, infinity);
		case 1:
			return test_float_code(order, infinity | sign);
		case 2: /* NaN, of any payload, quiet or not, of any sign */
			return test_float_code(order, infinity | (unit_random() & (sign * 2 - 1)));
		case 3: /* subnormal */
			return test_float_code(order, unit_random() & ~infinity & (sign * 2 - 1));
		case 4:
			return unit_random() & (sign * 2 - 1);
		default:
			return test_number_code(order, numbers[of]);
	}
}

static void
odd_numbers(void)
{
	for (uint32 o = 0; o < lengthof(orders); o++)
	{
		uint32 decimals = 0;

		for (uint32 round = 0; round < 600; round++)
		{
			uint32 rows = 1 + (uint32) unit_random_below(2200);
			TestColumn c = floats(orders[o], rows, (NullDist) (round % NULLS_DIST_COUNT));
			/* one in so many, from all to hardly any */
			uint64 odd = 1 + unit_random_below(1 + unit_random_below(600));
			int exponent = (int) unit_random_below(8) - 5;
			uint64 below = 2 + (unit_random_bits() >> 16);

			for (uint32 i = 0; i < rows; i++)
				c.codes[i] =
					unit_random_below(odd) == 0
						? odd_bits(orders[o], (uint32) unit_random())
						: test_number_code(
							  orders[o],
							  decimal(orders[o], (int64) unit_random_below(below), exponent));
			verify(c, "odd numbers");
			decimals += first.encoding == COL_ENC_DECIMAL;
		}
		ok(decimals > 30, "order %d: decimals and all that is none, mixed (%u decimal vectors)",
		   orders[o], decimals);

		for (uint32 kind = 0; kind < 45; kind++)
		{
			TestColumn c = floats(orders[o], 1500, NULLS_NONE);

			for (uint32 i = 0; i < 1500; i++)
				c.codes[i] = i % 20 == 3
								 ? odd_bits(orders[o], kind)
								 : test_number_code(orders[o], decimal(orders[o], i * 7, -2));
			verify(c, "one odd number");
			check(first.encoding == COL_ENC_DECIMAL, "kind %u: encoding %d", kind, first.encoding);
		}
		ok(true, "order %d: each odd number by itself among decimals", orders[o]);
	}
}

/* vectors of every length */
static void
lengths(void)
{
	for (uint32 o = 0; o < lengthof(orders); o++)
		for (uint32 rows = 1; rows <= 1025; rows++)
		{
			TestColumn c = floats(orders[o], rows, rows % 3 == 1 ? NULLS_SPARSE : NULLS_NONE);

			for (uint32 i = 0; i < rows; i++)
				c.codes[i] = test_number_code(
					orders[o], decimal(orders[o], 2000 + (int64) unit_random_below(600),
									   i % 97 == 5 ? 9 : -2));
			verify(c, "length");
			if (rows > 500)
				check(first.encoding == COL_ENC_DECIMAL && first.width == 10,
					  "%u rows: encoding %d, width %d", rows, first.encoding, first.width);
		}
	ok(true, "vectors of 1 to 1,024 rows");
}

/* up to one in four may be an exception: all numbers of them around the limit */
static void
exceptions(void)
{
	for (uint32 o = 0; o < lengthof(orders); o++)
		for (uint32 n = 0; n <= 300; n += n < 240 ? 10 : 1)
		{
			TestColumn c = floats(orders[o], 1024, NULLS_NONE);

			/* the sample, every 32nd row, has none */
			for (uint32 i = 0; i < 1024; i++)
				c.codes[i] = test_number_code(
					orders[o], i * 7 % 32 != 0 && i / 32 * 10 + i % 32 <= n && n > 0
								   ? sqrt(2 + i)
								   : decimal(orders[o], (int64) unit_random_below(100), -1));
			verify(c, "exceptions");
		}
	for (uint32 n = 254; n <= 258; n++)
	{
		TestColumn c = floats(COL_ORDER_FLOAT8, 1024, NULLS_NONE);
		uint32 left = n;

		for (uint32 i = 0; i < 1024; i++)
		{
			c.codes[i] = test_number_code(COL_ORDER_FLOAT8, (double) (i * 7 % 1000) / 10);
			if (i % 32 != 0 && left > 0 && i % 3 != 0)
			{
				c.codes[i] = test_number_code(COL_ORDER_FLOAT8, M_PI * (i + 1) * 1e6);
				left--;
			}
		}
		check(left == 0, "so many exceptions");
		verify(c, "limit of exceptions");
		check((first.encoding == COL_ENC_DECIMAL) == (n <= 256), "%u exceptions: encoding %d", n,
			  first.encoding);
	}
	ok(true, "exceptions up to the limit");
}

/* what is far away on one side does not make all fields wide */
static void
outliers(void)
{
	for (uint32 o = 0; o < lengthof(orders); o++)
		for (int side = -1; side <= 1; side += 2)
		{
			TestColumn c = floats(orders[o], 4096, NULLS_SPARSE);

			for (uint32 i = 0; i < 4096; i++)
				c.codes[i] = test_number_code(orders[o], decimal(orders[o],
																 (i % 50 == 9 ? 400000 : 0) * side +
																	 (int64) unit_random_below(128),
																 -2));
			verify(c, "outliers");
			check(first.encoding == COL_ENC_DECIMAL && first.width == 7, "width %d", first.width);
		}
	ok(true, "outliers are exceptions");
}

/* what it comes to */
static void
sizes(void)
{
	const uint32 rows = 100 * 1024;
	TestColumn c;
	int64 walk = 2135;

	for (uint32 o = 0; o < lengthof(orders); o++)
	{
		c = floats(orders[o], rows, NULLS_NONE);
		for (uint32 i = 0; i < rows; i++)
		{
			walk += (int64) unit_random_below(21) - 10;
			c.codes[i] = test_number_code(orders[o], decimal(orders[o], walk, -2));
		}
		verify(c, "walk");
		ok(first.encoding == COL_ENC_DECIMAL && value_bytes < 1.5,
		   "order %d: a walk of 2 digits: %.2f bytes a value", orders[o], value_bytes);
		c = floats(orders[o], rows, NULLS_NONE);
		for (uint32 i = 0; i < rows; i++)
			c.codes[i] = test_number_code(
				orders[o],
				decimal(orders[o], (int64) unit_random_below(1 + unit_random_below(100000)), -2));
		verify(c, "prices");
		ok(value_bytes < 2.5, "order %d: prices: %.2f bytes a value", orders[o], value_bytes);
		c = floats(orders[o], rows, NULLS_NONE);
		for (uint32 i = 0; i < rows; i++)
			c.codes[i] =
				test_number_code(orders[o], (double) (unit_random() >> 11) / 9007199254740992.0);
		verify(c, "chance");
		ok(first.encoding != COL_ENC_DECIMAL &&
			   value_bytes <= (orders[o] == COL_ORDER_FLOAT8 ? 8 : 4),
		   "order %d: numbers by chance: %.2f bytes a value", orders[o], value_bytes);
	}
	/* integers in a column of floats */
	c = floats(COL_ORDER_FLOAT8, rows, NULLS_NONE);
	for (uint32 i = 0; i < rows; i++)
		c.codes[i] =
			test_number_code(COL_ORDER_FLOAT8, (double) (unit_random_below(1 << 20)) * 1e6);
	verify(c, "millions");
	ok(first.encoding == COL_ENC_DECIMAL && first.width == 20, "millions: %.2f bytes a value",
	   value_bytes);
	/* neither repeated values nor runs change their form for more bytes */
	c = floats(COL_ORDER_FLOAT8, rows, NULLS_NONE);
	for (uint32 i = 0; i < rows; i++)
		c.codes[i] = test_number_code(COL_ORDER_FLOAT8, (double) (i / 100 % 5) * 1000000.01);
	verify(c, "runs");
	ok(value_bytes < 0.25, "runs: %.2f bytes a value", value_bytes);
	c = floats(COL_ORDER_FLOAT8, rows, NULLS_NONE);
	for (uint32 i = 0; i < rows; i++)
		c.codes[i] =
			test_number_code(COL_ORDER_FLOAT8, (double) (unit_random_below(4)) * 1000000.01);
	verify(c, "few");
	ok((desc.flags & COL_FLAG_DICT) && value_bytes < 0.26, "few: %.2f bytes a value", value_bytes);
}

int
main(void)
{
	digits_of_all_numbers();
	odd_numbers();
	lengths();
	exceptions();
	outliers();
	sizes();
	return done();
}
