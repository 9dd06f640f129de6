/*
 * test_lanes.c
 *		Interleaved bit-packing against bit-by-bit code.
 */
// sources: src/codec/lanes.c
#include "codec/lanes.h"
#include "unit.h"

static uint64 values[LANES_VECTOR_ROWS];

/* pack `values` with width w, by the word size that goes with it */
static void
pack(uint32 w, void *dst)
{
	uint16 v16[LANES_VECTOR_ROWS];
	uint32 v32[LANES_VECTOR_ROWS];

	for (uint32 i = 0; i < LANES_VECTOR_ROWS; i++)
	{
		v16[i] = (uint16) values[i];
		v32[i] = (uint32) values[i];
	}
	if (lanes_output_bits(w) == 16)
		lanes_pack16(v16, w, dst);
	else if (lanes_output_bits(w) == 32)
		lanes_pack32(v32, w, dst);
	else
		lanes_pack64(values, w, dst);
}

static uint64
unpacked(uint32 w, const void *src, uint32 i)
{
	static uint16 v16[LANES_VECTOR_ROWS];
	static uint32 v32[LANES_VECTOR_ROWS];
	static uint64 v64[LANES_VECTOR_ROWS];
	uint32 bits = lanes_output_bits(w);

	if (i == 0 && bits == 16)
		lanes_unpack16(src, w, v16);
	else if (i == 0 && bits == 32)
		lanes_unpack32(src, w, v32);
	else if (i == 0)
		lanes_unpack64(src, w, v64);
	return bits == 16 ? v16[i] : bits == 32 ? v32[i] : v64[i];
}

/* the definition in lanes.h, a bit at a time */
static uint64
defined(const uint8 *src, uint32 w, uint32 i)
{
	uint32 bits = lanes_output_bits(w);
	uint32 lanes = LANES_VECTOR_ROWS / bits;
	uint64 v = 0;

	for (uint32 b = 0; b < w; b++)
	{
		uint32 bit = i / lanes * w + b;
		uint32 word = bit / bits * lanes + i % lanes;
		uint32 at = word * bits + bit % bits; /* little-endian machines */

		v |= (uint64) ((src[at / 8] >> (at % 8)) & 1) << b;
	}
	return v;
}

static void
round_trip(uint32 w, int kind)
{
	/* to the byte, so that the sanitizer sees any access behind the vector */
	uint64 *packed = malloc(LANES_BYTES(w));
	uint64 mask = w == 64 ? PG_UINT64_MAX : (UINT64CONST(1) << w) - 1;

	for (uint32 i = 0; i < LANES_VECTOR_ROWS; i++)
		values[i] = (kind == 0 ? unit_random() : kind == 1 ? PG_UINT64_MAX : i) & mask;
	pack(w, packed);
	for (uint32 i = 0; i < LANES_VECTOR_ROWS; i++)
	{
		check(unpacked(w, packed, i) == values[i], "width %u, value %u: unpack", w, i);
		check(lanes_get(packed, w, i) == values[i], "width %u, value %u: get", w, i);
		check(defined((uint8 *) packed, w, i) == values[i], "width %u, value %u: layout", w, i);
	}
	free(packed);
}

int
main(void)
{
	for (uint32 w = 1; w <= 64; w++)
		for (int kind = 0; kind < 3; kind++)
			round_trip(w, kind);
	ok(true, "all widths: pack, unpack, get and the layout agree");
	ok(lanes_get(NULL, 0, 5) == 0, "width 0 needs no bytes");
	ok(LANES_BYTES(13) == 13 * 128, "a vector of w-bit fields takes 128 w bytes");
	return done();
}
