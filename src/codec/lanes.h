/*
 * lanes.h
 *		Interleaved bit-packing of a vector of 1,024 integers.
 *
 * A vector is packed for an output width T of 16, 32 or 64 bits, the smallest
 * that holds the field width w.  It is seen as T rows of L = 1024 / T lanes: value i
 * stands in row i / L, lane i % L.  The T fields of a lane form a bit stream of
 * w words of T bits; word k of lane l is stored at word index k * L + l.  So one
 * row's fields lie side by side at the same bit position of neighbouring words:
 * a decoder handles a row with vector instructions of any size, and one value
 * still needs one or two words.  (The layout of FastLanes, Afroozeh and Boncz,
 * VLDB 2023, without its transposition of the value order.)
 *
 * Size: 128 * w bytes, always for 1,024 values; shorter vectors are padded
 * with zeroes.  Words are in machine byte order.
 */
#ifndef LANES_H
#define LANES_H

#include "base/pure.h"

#define LANES_VECTOR_ROWS 1024

/* bytes of a packed vector of w-bit fields, 0 <= w <= 64 */
#define LANES_BYTES(w) ((uint32) (w) * (LANES_VECTOR_ROWS / 8))

/* output width for fields of w bits */
static inline uint32
lanes_output_bits(uint32 w)
{
	return w <= 16 ? 16 : w <= 32 ? 32 : 64;
}

/*
 * Pack 1,024 values, each below 2^w, 1 <= w <= the name's width.  dst is
 * aligned to the word size and has LANES_BYTES(w).
 */
extern void lanes_pack16(const uint16 *values, uint32 w, uint16 *dst);
extern void lanes_pack32(const uint32 *values, uint32 w, uint32 *dst);
extern void lanes_pack64(const uint64 *values, uint32 w, uint64 *dst);

/* Unpack 1,024 values.  src may be unaligned if the machine allows such loads. */
extern void lanes_unpack16(const uint16 *src, uint32 w, uint16 *values);
extern void lanes_unpack32(const uint32 *src, uint32 w, uint32 *values);
extern void lanes_unpack64(const uint64 *src, uint32 w, uint64 *values);

/* the byte at which the word with (the low bits of) value i begins */
static inline uint32
lanes_offset(uint32 w, uint32 i)
{
	uint32 bits = lanes_output_bits(w);
	uint32 lanes = LANES_VECTOR_ROWS / bits;

	return (i / lanes * w / bits * lanes + i % lanes) * (bits / 8);
}

/* one value of a vector packed with width w, 0 <= w <= 64; i < 1024 */
extern uint64 lanes_get(const void *src, uint32 w, uint32 i);

#endif
