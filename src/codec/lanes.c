/*
 * lanes.c
 *		Interleaved bit-packing: see lanes.h.  Pure code.
 */
#ifndef OMENDB_UNIT
#include "postgres.h"
#endif

#include "codec/lanes.h"

#define LANES_WORD uint16
#define LANES_BITS 16
#define LANES_PACK lanes_pack16
#define LANES_UNPACK lanes_unpack16
#include "codec/lanes_template.h"

#define LANES_WORD uint32
#define LANES_BITS 32
#define LANES_PACK lanes_pack32
#define LANES_UNPACK lanes_unpack32
#include "codec/lanes_template.h"

#define LANES_WORD uint64
#define LANES_BITS 64
#define LANES_PACK lanes_pack64
#define LANES_UNPACK lanes_unpack64
#include "codec/lanes_template.h"

/* word `index` of a packed vector, read without alignment */
static inline uint64
lanes_word(const void *src, uint32 bits, uint32 index)
{
	uint16 w16;
	uint32 w32;
	uint64 w64;

	if (bits == 16)
	{
		memcpy(&w16, (const char *) src + index * sizeof(w16), sizeof(w16));
		return w16;
	}
	if (bits == 32)
	{
		memcpy(&w32, (const char *) src + index * sizeof(w32), sizeof(w32));
		return w32;
	}
	memcpy(&w64, (const char *) src + index * sizeof(w64), sizeof(w64));
	return w64;
}

uint64
lanes_get(const void *src, uint32 w, uint32 i)
{
	uint32 bits = lanes_output_bits(w);
	uint32 lanes = LANES_VECTOR_ROWS / bits;
	uint32 bit = i / lanes * w;
	uint32 shift = bit % bits;
	uint32 index = lanes_offset(w, i) / (bits / 8);
	uint64 v;

	Assert(i < LANES_VECTOR_ROWS && w <= 64);
	if (w == 0)
		return 0;
	v = lanes_word(src, bits, index) >> shift;
	if (shift + w > bits)
		v |= lanes_word(src, bits, index + lanes) << (bits - shift);
	return w == 64 ? v : v & ((UINT64CONST(1) << w) - 1);
}
