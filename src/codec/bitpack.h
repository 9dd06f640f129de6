/*
 * bitpack.h
 *		Little-endian streams of fields of 0..64 bits, or of 0..128.
 *
 * Field i of width w occupies bits [i*w, (i+1)*w) of the stream; bit b is bit
 * b%8 of byte b/8.  A read may touch up to 16 bytes behind the stream's last
 * byte: whoever lays streams out on a page leaves that slack (design rule F8).
 * Nothing here checks bounds; callers validate widths and counts first.
 */
#ifndef BITPACK_H
#define BITPACK_H

#include "base/pure.h"

/* bytes of a stream of n fields of w bits */
#define BITPACK_BYTES(n, w) ((((uint32) (n)) * ((uint32) (w)) + 7) / 8)

static inline uint64
bitpack_load64(const uint8 *p)
{
	uint64 v;

	memcpy(&v, p, sizeof(v));
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	v = __builtin_bswap64(v);
#endif
	return v;
}

static inline void
bitpack_store64(uint8 *p, uint64 v)
{
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	v = __builtin_bswap64(v);
#endif
	memcpy(p, &v, sizeof(v));
}

static inline uint64
bitpack_mask(uint32 w)
{
	return w >= 64 ? PG_UINT64_MAX : (UINT64CONST(1) << w) - 1;
}

/* field i of width w, 0 <= w <= 64 */
static inline uint64
bitpack_get(const uint8 *stream, uint32 i, uint32 w)
{
	uint32 bit = i * w;
	const uint8 *p = stream + (bit >> 3);
	uint32 shift = bit & 7;
	uint64 v;

	if (w == 0)
		return 0;
	v = bitpack_load64(p) >> shift;
	if (w + shift > 64)
		v |= (uint64) p[8] << (64 - shift);
	return v & bitpack_mask(w);
}

/* widths of which one 8-byte load at any bit of a byte holds a whole field */
#define BITPACK_ONE_LOAD_MAX 57

/* the field of width 1..BITPACK_ONE_LOAD_MAX, mask bitpack_mask(w), at a bit of the stream */
static inline uint64
bitpack_get_at(const uint8 *stream, uint32 bit, uint64 mask)
{
	return (bitpack_load64(stream + (bit >> 3)) >> (bit & 7)) & mask;
}

/* the same for 0 <= w <= 128 */
static inline uint128
bitpack_get_wide(const uint8 *stream, uint32 i, uint32 w)
{
	uint32 bit = i * w;
	const uint8 *p = stream + (bit >> 3);
	uint32 shift = bit & 7;
	uint128 v;

	if (w <= 64)
		return bitpack_get(stream, i, w);
	v = ((uint128) bitpack_load64(p + 8) << 64 | bitpack_load64(p)) >> shift;
	if (w + shift > 128)
		v |= (uint128) p[16] << (128 - shift);
	return w == 128 ? v : v & (((uint128) 1 << w) - 1);
}

/*
 * Write n fields of width w; returns the bytes written, BITPACK_BYTES(n, w).
 * Bits past the last field in the last byte are zero.
 */
static inline uint32
bitpack_put_all(uint8 *stream, const uint64 *values, uint32 n, uint32 w)
{
	uint64 acc = 0;
	uint32 have = 0;
	uint8 *p = stream;

	if (w == 0)
		return 0;
	for (uint32 i = 0; i < n; i++)
	{
		uint64 v = values[i] & bitpack_mask(w);

		acc |= v << have;
		if (have + w >= 64)
		{
			bitpack_store64(p, acc);
			p += 8;
			/* have == 0 only when w == 64: then nothing is left over */
			acc = have == 0 ? 0 : v >> (64 - have);
			have = have + w - 64;
		}
		else
			have += w;
	}
	for (; have > 0; have = have > 8 ? have - 8 : 0)
	{
		*p++ = (uint8) acc;
		acc >>= 8;
	}
	return (uint32) (p - stream);
}

/* the same for 0 <= w <= 128 */
static inline uint32
bitpack_put_all_wide(uint8 *stream, const uint128 *values, uint32 n, uint32 w)
{
	uint128 acc = 0;
	uint32 have = 0; /* < 64 between fields */
	uint8 *p = stream;

	for (uint32 i = 0; i < n; i++)
	{
		uint64 part[2] = { (uint64) values[i], (uint64) (values[i] >> 64) };
		uint32 bits[2] = { w < 64 ? w : 64, w < 64 ? 0 : w - 64 };

		for (int k = 0; k < 2; k++)
		{
			acc |= (uint128) (part[k] & bitpack_mask(bits[k])) << have;
			have += bits[k];
			if (have >= 64)
			{
				bitpack_store64(p, (uint64) acc);
				p += 8;
				acc >>= 64;
				have -= 64;
			}
		}
	}
	for (; have > 0; have = have > 8 ? have - 8 : 0)
	{
		*p++ = (uint8) acc;
		acc >>= 8;
	}
	return (uint32) (p - stream);
}

/* bits needed to store v */
static inline uint32
bitpack_width(uint64 v)
{
	return v == 0 ? 0 : 64 - __builtin_clzll(v);
}

static inline uint32
bitpack_width_wide(uint128 v)
{
	return (v >> 64) != 0 ? 64 + bitpack_width((uint64) (v >> 64)) : bitpack_width((uint64) v);
}

/* its set bits, in a dozen instructions whatever the machine */
static inline uint32
bits_of_word(uint64 v)
{
	v -= v >> 1 & UINT64CONST(0x5555555555555555);
	v = (v & UINT64CONST(0x3333333333333333)) + (v >> 2 & UINT64CONST(0x3333333333333333));
	v = (v + (v >> 4)) & UINT64CONST(0x0F0F0F0F0F0F0F0F);
	return (uint32) (v * UINT64CONST(0x0101010101010101) >> 56);
}

static inline bool
bitmap_test(const uint8 *bits, uint32 i)
{
	return (bits[i >> 3] >> (i & 7)) & 1;
}

static inline void
bitmap_set(uint8 *bits, uint32 i)
{
	bits[i >> 3] |= (uint8) (1 << (i & 7));
}

/* set bits among the first n of a bitmap of at most 128 bits; reads 16 bytes */
static inline uint32
bitmap_rank128(const uint8 *bits, uint32 n)
{
	uint64 a = bitpack_load64(bits);

	if (n < 64)
		return (uint32) __builtin_popcountll(a & bitpack_mask(n));
	return (uint32) (__builtin_popcountll(a) +
					 __builtin_popcountll(bitpack_load64(bits + 8) & bitpack_mask(n - 64)));
}

#endif
