/*
 * test_numeric_digits.c
 *		Numerics as scaled integers, against decimal strings.
 */
// sources: src/codec/numeric_digits.c
#include "codec/numeric_digits.h"
#include "unit.h"

#define LONG_DIGITS 60

/*
 * The payload of a decimal string without exponent, by the definition in
 * numeric_digits.h and the rules PostgreSQL writes by: digits of value zero at either end dropped,
 * zero without sign and weight, the short form where it does.  Returns its length.
 */
static uint32
from_string(const char *decimal, bool force_long, uint8 *out)
{
	bool negative = *decimal == '-';
	const char *s = decimal + negative;
	const char *point = strchr(s, '.');
	int before = point != NULL ? (int) (point - s) : (int) strlen(s);
	int scale = point != NULL ? (int) strlen(point + 1) : 0;
	int weight = (before + 3) / 4 - 1;
	int total = weight + 1 + (scale + 3) / 4;
	uint16 digits[LONG_DIGITS] = { 0 };
	int first = 0, last = total - 1;
	uint16 words[2];
	uint32 bytes;

	check(total <= LONG_DIGITS, "string too long for the test");
	for (int i = 0; i < before; i++)
	{
		int place = before - 1 - i;
		int digit = weight - place / 4;

		digits[digit] = (uint16) (digits[digit] * 10 + (s[i] - '0'));
	}
	for (int i = 0; i < (scale + 3) / 4 * 4; i++)
	{
		int digit = weight + 1 + i / 4;

		digits[digit] = (uint16) (digits[digit] * 10 + (i < scale ? point[1 + i] - '0' : 0));
	}
	while (first <= last && digits[first] == 0)
	{
		first++;
		weight--;
	}
	while (last >= first && digits[last] == 0)
		last--;
	if (last < first)
	{
		weight = 0;
		negative = false;
	}

	if (!force_long && scale <= 63 && weight <= 63 && weight >= -64)
	{
		words[0] = (uint16) (0x8000 | (negative ? 0x2000 : 0) | scale << 7 | (weight & 0x7F));
		bytes = 2;
	}
	else
	{
		words[0] = (uint16) ((negative ? 0x4000 : 0) | scale);
		words[1] = (uint16) weight;
		bytes = 4;
	}
	memcpy(out, words, bytes);
	memcpy(out + bytes, digits + first, (size_t) (last - first + 1) * 2);
	return bytes + (uint32) (last - first + 1) * 2;
}

/* value / 10^scale as a decimal string with `scale` digits behind the point */
static void
to_string(int64 value, uint32 scale, char *out)
{
	char digits[64];
	uint64 magnitude = value < 0 ? -(uint64) value : (uint64) value;
	int n =
		snprintf(digits, sizeof(digits), "%0*llu", (int) scale + 1, (unsigned long long) magnitude);
	int before = n - (int) scale;

	sprintf(out, "%s%.*s%s%s", value < 0 ? "-" : "", before, digits, scale > 0 ? "." : "",
			digits + before);
}

/* a payload at an odd address in memory of its very length, for the address sanitizer */
static bool
parse_exact(const uint8 *payload, uint32 bytes, int64 *value, uint32 *scale)
{
	uint8 *copy = malloc(bytes + 1);
	bool fits;

	memcpy(copy + 1, payload, bytes);
	fits = numeric_parse(copy + 1, bytes, value, scale);
	free(copy);
	return fits;
}

static void
round_trip(int64 value, uint32 scale)
{
	char decimal[64];
	uint8 expected[2 * LONG_DIGITS + 4], longer[2 * LONG_DIGITS + 4];
	uint8 *written = malloc(NUMERIC_PAYLOAD_MAX);
	uint32 bytes, longer_bytes, scale2 = 99;
	int64 value2 = 0, bound;

	to_string(value, scale, decimal);
	bytes = from_string(decimal, false, expected);
	check(bytes <= NUMERIC_PAYLOAD_MAX, "%s: payload of %u bytes", decimal, bytes);
	check(numeric_write(value, scale, written) == bytes && memcmp(written, expected, bytes) == 0,
		  "%s: other bytes than PostgreSQL's", decimal);
	check(parse_exact(expected, bytes, &value2, &scale2), "%s: does not fit", decimal);
	check(value2 == value && scale2 == scale, "%s: read back as %lld, scale %u", decimal,
		  (long long) value2, scale2);

	longer_bytes = from_string(decimal, true, longer);
	check(!parse_exact(longer, longer_bytes, &value2, &scale2), "%s: long form taken", decimal);
	for (int up = 0; up < 2; up++)
	{
		check(numeric_bound(expected, bytes, scale, up, &bound) && bound == value, "%s: bound %lld",
			  decimal, (long long) bound);
		check(numeric_bound(longer, longer_bytes, scale, up, &bound) && bound == value,
			  "%s: bound of the long form %lld", decimal, (long long) bound);
	}
	free(written);
}

static void
round_trips(void)
{
	static const int64 edges[] = {
		0,
		1,
		-1,
		9,
		10,
		99,
		100,
		999,
		1000,
		9999,
		10000,
		-10000,
		10001,
		99999999,
		100000000,
		99990000,
		123400005678,
		INT64_MAX,
		INT64_MIN,
		INT64_MAX - 1,
		INT64_MIN + 1,
		1000000000000000000,
		-1000000000000000000,
		999999999999999999,
	};

	for (uint32 scale = 0; scale <= NUMERIC_SCALE_MAX; scale++)
	{
		for (int i = 0; i < lengthof(edges); i++)
			round_trip(edges[i], scale);
		for (int i = 0; i < 20000; i++)
		{
			uint64 value = unit_random_bits();

			round_trip((int64) value, scale);
			round_trip(-(int64) (value >> 1), scale);
			/* runs of zero digits */
			round_trip((int64) (value % 10000 * 100000000), scale);
		}
	}
	ok(true, "values of all scales are written as PostgreSQL does, and read back");
}

/* what parses is written again with the same bytes: so all else stays as it is */
static void
any_bytes(void)
{
	uint32 parsed = 0;

	for (int i = 0; i < 3000000; i++)
	{
		uint8 payload[NUMERIC_PAYLOAD_MAX + 4], again[NUMERIC_PAYLOAD_MAX];
		uint32 bytes = (uint32) unit_random_below(sizeof(payload) + 1);
		uint64 r = unit_random();
		uint16 word = (uint16) (r & 0xFFFF);
		uint32 scale;
		int64 value;

		/* mostly short forms of small weights, mostly valid digits, often 0 */
		if (r >> 62 != 0)
			word = (uint16) (0x8000 | (r & 0x2000) | (r >> 16) % 20 << 7 |
							 (((r >> 32) % 13 - 6) & 0x7F));
		if (bytes >= 2)
			memcpy(payload, &word, 2);
		for (uint32 at = 2; at + 2 <= bytes; at += 2)
		{
			uint64 d = unit_random();

			word = (uint16) (d % 16 == 0 ? d >> 48 : d % 3 == 0 ? 0 : (d >> 8) % 100 * 100);
			memcpy(payload + at, &word, 2);
		}
		if (bytes % 2 != 0)
			payload[bytes - 1] = (uint8) r;
		if (!parse_exact(payload, bytes, &value, &scale))
			continue;
		parsed++;
		check(scale <= NUMERIC_SCALE_MAX, "scale %u", scale);
		check(numeric_write(value, scale, again) == bytes && memcmp(again, payload, bytes) == 0,
			  "parsed as %lld, scale %u, but written otherwise", (long long) value, scale);
	}
	ok(parsed > 10000, "of any bytes, only what is written alike is taken");
}

static void
unfit(const char *what, const char *decimal)
{
	uint8 payload[2 * LONG_DIGITS + 4];
	uint32 bytes = from_string(decimal, false, payload), scale;
	int64 value;

	ok(!parse_exact(payload, bytes, &value, &scale), "does not fit: %s", what);
}

static void
unfit_words(const char *what, const uint16 *words, uint32 n)
{
	uint32 scale;
	int64 value;

	ok(!parse_exact((const uint8 *) words, n * 2, &value, &scale), "does not fit: %s", what);
}

#define UNFIT(what, ...) \
	unfit_words(what, (const uint16[]){ __VA_ARGS__ }, \
				sizeof((const uint16[]){ __VA_ARGS__ }) / sizeof(uint16))

static void
unfit_values(void)
{
	unfit("2^63", "9223372036854775808");
	unfit("-2^63 - 1", "-9223372036854775809");
	unfit("2^64", "18446744073709551616");
	unfit("2^64 with a scale", "1844674407370955.1616");
	unfit("10^100", "10000000000000000000000000000000000000000000000000000000000000000000000000000"
					"000000000000000000000000");
	unfit("scale 19", "0.1000000000000000000");
	unfit("zero with scale 19", "0.0000000000000000000");
	unfit("scale 18 with 2 digits before the point", "10.000000000000000000");
	UNFIT("NaN", 0xC000);
	UNFIT("infinity", 0xD000);
	UNFIT("-infinity", 0xF000);
	UNFIT("negative zero", 0xA000);
	UNFIT("zero with a weight", 0x8001);
	UNFIT("a first digit of zero", 0x8001, 0, 1);
	UNFIT("a last digit of zero", 0x8001, 1, 0);
	UNFIT("a digit of 10000", 0x8000, 10000);
	UNFIT("digits behind the display scale", 0x8000 | 1 << 7, 1, 1200);
	UNFIT("a whole digit behind the display scale", 0x8000, 1, 1);
	UNFIT("a negative digit", 0x8000, 0xFFFF);
}

/* bounds of small numbers by 128-bit arithmetic, and of great ones by hand */
static void
bounds(void)
{
	int64 bound;
	uint8 payload[2 * LONG_DIGITS + 4];
	static const struct
	{
		const char *decimal;
		uint32 scale;
		int64 down;
		int64 up;
	} cases[] = {
		{ "9223372036854775807.5", 0, INT64_MAX, INT64_MAX },
		{ "-9223372036854775807.5", 0, INT64_MIN, INT64_MIN + 1 },
		{ "-9223372036854775808.5", 0, INT64_MIN, INT64_MIN },
		{ "92233720368547758.08", 2, INT64_MAX, INT64_MAX },
		{ "100000000000000000000000000000000000", 18, INT64_MAX, INT64_MAX },
		{ "-100000000000000000000000000000000000", 0, INT64_MIN, INT64_MIN },
		{ "18446744073709551616", 0, INT64_MAX, INT64_MAX },
		{ "0.000000000000000000000000000000000001", 18, 0, 1 },
		{ "-0.000000000000000000000000000000000001", 18, -1, 0 },
		{ "10000000000000000", 18, INT64_MAX, INT64_MAX },
		{ "0.00000000000000000000", 5, 0, 0 },
	};

	for (int i = 0; i < lengthof(cases); i++)
	{
		for (int form = 0; form < 2; form++)
		{
			uint32 bytes = from_string(cases[i].decimal, form, payload);

			check(numeric_bound(payload, bytes, cases[i].scale, false, &bound) &&
					  bound == cases[i].down,
				  "%s down: %lld", cases[i].decimal, (long long) bound);
			check(numeric_bound(payload, bytes, cases[i].scale, true, &bound) &&
					  bound == cases[i].up,
				  "%s up: %lld", cases[i].decimal, (long long) bound);
		}
	}

	for (int i = 0; i < 300000; i++)
	{
		uint32 from = (uint32) unit_random_below(NUMERIC_SCALE_MAX + 1);
		uint32 to = (uint32) unit_random_below(NUMERIC_SCALE_MAX + 1);
		int64 value = (int64) unit_random_bits();
		uint32 bytes = numeric_write(value, from, payload);
		__int128 exact = value, divisor = 1;
		__int128 down, up;

		for (uint32 s = from; s < to; s++)
			exact *= 10;
		for (uint32 s = to; s < from; s++)
			divisor *= 10;
		down = exact / divisor - (exact % divisor < 0);
		up = exact / divisor + (exact % divisor > 0);
		check(numeric_bound(payload, bytes, to, false, &bound) &&
				  bound == (int64) Max(Min(down, INT64_MAX), INT64_MIN),
			  "%lld from scale %u to %u, down: %lld", (long long) value, from, to,
			  (long long) bound);
		check(numeric_bound(payload, bytes, to, true, &bound) &&
				  bound == (int64) Max(Min(up, INT64_MAX), INT64_MIN),
			  "%lld from scale %u to %u, up: %lld", (long long) value, from, to, (long long) bound);
	}
	ok(true, "bounds are rounded the way asked for, and limited");

	ok(numeric_bound((const uint8 *) (const uint16[]){ 0xC000 }, 2, 2, false, &bound) &&
		   bound == INT64_MAX,
	   "NaN is above all");
	ok(numeric_bound((const uint8 *) (const uint16[]){ 0xF000 }, 2, 2, true, &bound) &&
		   bound == INT64_MIN,
	   "-infinity is below all");
	ok(!numeric_bound(payload, 0, 0, true, &bound) && !numeric_bound(payload, 3, 0, true, &bound),
	   "no bound of what is no payload");
}

int
main(void)
{
	round_trips();
	any_bytes();
	unfit_values();
	bounds();
	return done();
}
