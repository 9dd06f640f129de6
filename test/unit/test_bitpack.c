/*
 * test_bitpack.c
 *		Bit streams against bit-by-bit code.  Buffers are allocated to the byte,
 *		so that the sanitizer sees a write behind a stream and a read behind
 *		its slack.
 */
// sources:
#include "codec/bitpack.h"
#include "unit.h"

#define SLACK 16 /* what rule F8 promises behind a stream */

static bool
bit_at(const uint8 *stream, uint32 bit)
{
	return (stream[bit / 8] >> (bit % 8)) & 1;
}

static void
round_trip(uint32 n, uint32 w)
{
	uint64 values[128];
	uint32 bytes = BITPACK_BYTES(n, w);
	uint8 *exact = malloc(bytes + 1);
	uint8 *stream = malloc(bytes + SLACK);
	uint32 kind = (uint32) unit_random_below(4);

	for (uint32 i = 0; i < n; i++)
	{
		/* bits above the width must not leak into the neighbours */
		values[i] = kind == 0 ? PG_UINT64_MAX : kind == 1 ? unit_random_bits() : unit_random();
		if (kind == 3)
			values[i] &= bitpack_mask(w);
	}
	memset(exact, 0xAA, bytes + 1);
	check(bitpack_put_all(exact, values, n, w) == bytes, "n %u w %u: bytes written", n, w);
	check(exact[bytes] == 0xAA, "n %u w %u: writes behind the stream", n, w);
	memset(stream, 0xFF, bytes + SLACK);
	memcpy(stream, exact, bytes);
	for (uint32 i = 0; i < n; i++)
	{
		uint64 want = values[i] & bitpack_mask(w);
		uint64 slow = 0;

		for (uint32 b = 0; b < w; b++)
			slow |= (uint64) bit_at(stream, i * w + b) << b;
		check(slow == want, "n %u w %u: field %u has its bits elsewhere", n, w, i);
		check(bitpack_get(stream, i, w) == want, "n %u w %u: field %u reads wrong", n, w, i);
	}
	for (uint32 bit = n * w; bit < 8 * bytes; bit++)
		check(!bit_at(stream, bit), "n %u w %u: padding is not zero", n, w);
	free(exact);
	free(stream);
}

static void
round_trip_wide(uint32 n, uint32 w)
{
	uint128 values[128];
	uint64 narrow[128];
	uint128 mask = w == 0 ? 0 : ~(uint128) 0 >> (128 - w);
	uint32 bytes = BITPACK_BYTES(n, w);
	uint8 *exact = malloc(bytes + 1);
	uint8 *stream = malloc(bytes + SLACK);
	uint32 kind = (uint32) unit_random_below(3);

	for (uint32 i = 0; i < n; i++)
	{
		values[i] = kind == 0 ? ~(uint128) 0 : (uint128) unit_random_bits() << 64 | unit_random();
		if (kind == 2)
			values[i] &= mask;
		narrow[i] = (uint64) values[i];
	}
	memset(exact, 0xAA, bytes + 1);
	check(bitpack_put_all_wide(exact, values, n, w) == bytes, "n %u w %u: bytes written", n, w);
	check(exact[bytes] == 0xAA, "n %u w %u: writes behind the stream", n, w);
	memset(stream, 0xFF, bytes + SLACK);
	memcpy(stream, exact, bytes);
	for (uint32 i = 0; i < n; i++)
	{
		uint128 slow = 0;

		for (uint32 b = 0; b < w; b++)
			slow |= (uint128) bit_at(stream, i * w + b) << b;
		check(slow == (values[i] & mask), "n %u w %u: field %u has its bits elsewhere", n, w, i);
		check(bitpack_get_wide(stream, i, w) == slow, "n %u w %u: field %u reads wrong", n, w, i);
	}
	for (uint32 bit = n * w; bit < 8 * bytes; bit++)
		check(!bit_at(stream, bit), "n %u w %u: padding is not zero", n, w);
	if (w <= 64)
	{
		check(bitpack_put_all(stream, narrow, n, w) == bytes, "n %u w %u: bytes", n, w);
		check(memcmp(stream, exact, bytes) == 0, "n %u w %u: other bytes than the narrow form", n,
			  w);
	}
	free(exact);
	free(stream);
}

/* a stream may start at any byte */
static void
unaligned(void)
{
	uint64 values[128];
	uint8 buf[8 * 128 + 8 + SLACK];

	for (uint32 w = 0; w <= 64; w++)
		for (uint32 at = 0; at < 8; at++)
		{
			for (uint32 i = 0; i < 128; i++)
				values[i] = unit_random() & bitpack_mask(w);
			memset(buf, 0x55, sizeof(buf));
			(void) bitpack_put_all(buf + at, values, 128, w);
			for (uint32 i = 0; i < at; i++)
				check(buf[i] == 0x55, "w %u: writes before the stream", w);
			for (uint32 i = 0; i < 128; i++)
				check(bitpack_get(buf + at, i, w) == values[i], "w %u at %u: field %u", w, at, i);
		}
}

static void
ranks(void)
{
	for (int round = 0; round < 2000; round++)
	{
		uint8 *bits = calloc(1, 16);
		uint64 sparse = unit_random_below(3);
		uint32 seen = 0;

		for (uint32 i = 0; i < 128; i++)
			if (sparse == 0	  ? unit_random_below(50) == 0
				: sparse == 1 ? unit_random_below(2) == 0
							  : unit_random_below(50) > 0)
				bitmap_set(bits, i);
		for (uint32 n = 0; n <= 128; n++)
		{
			check(bitmap_rank128(bits, n) == seen, "rank of %u", n);
			if (n < 128)
				seen += bitmap_test(bits, n);
		}
		free(bits);
	}
}

int
main(void)
{
	for (uint32 w = 0; w <= 64; w++)
		for (uint32 n = 1; n <= 128; n++)
			round_trip(n, w);
	ok(true, "put and get, widths 0..64, counts 1..128, to the byte");
	for (uint32 w = 0; w <= 128; w++)
		for (uint32 n = 1; n <= 128; n += n < 8 ? 1 : 7)
			round_trip_wide(n, w);
	ok(true, "put and get, widths 0..128, to the byte");
	for (uint32 w = 1; w <= 128; w++)
		check(bitpack_width_wide(~(uint128) 0 >> (128 - w)) == w, "width of %u bits", w);
	ok(true, "width of a wide number");
	unaligned();
	ok(true, "streams at any byte");
	ranks();
	ok(true, "rank in a bitmap of 128 bits");
	for (uint32 w = 0; w <= 64; w++)
	{
		uint64 top = bitpack_mask(w);

		check(bitpack_width(top) == w, "width of the largest %u-bit number", w);
		check(w == 64 || bitpack_width(top + 1) == w + 1, "width of 2^%u", w);
	}
	ok(true, "width of a number");
	return done();
}
