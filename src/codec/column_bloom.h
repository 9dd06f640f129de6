/*
 * column_bloom.h
 *		The Bloom filter of a column: values that are surely not in it.
 *
 * The bytes are described in column_format.h.  What is below decides where the bits of a value stand, so it is part of
 * the format: none of it may ever change, but by another flag.
 *
 * Equal values have equal hashes as far as the column's ColOrder says what equality is: of codes, of bytes, and of
 * floats (-0 = +0, all NaNs alike).  Who asks for a value of another type or collation has seen to it that it
 * is equal to the column's values by just that.
 *
 * A value's bits are all in one section, which has a CRC of its own: to ask for one value takes a read of at
 * most COL_BLOOM_SECTION_MAX bytes.
 */
#ifndef COLUMN_BLOOM_H
#define COLUMN_BLOOM_H

#include "codec/bitpack.h"
#include "codec/column.h"

/* the finisher of MurmurHash3: numbers by chance, but the same ones every time */
static inline uint64
column_mix(uint64 h)
{
	h = (h ^ (h >> 33)) * UINT64CONST(0xFF51AFD7ED558CCD);
	h = (h ^ (h >> 33)) * UINT64CONST(0xC4CEB9FE1A85EC53);
	return h ^ (h >> 33);
}

static inline uint64
column_hash_span(ColSpan span)
{
	uint64 h = span.bytes;
	uint32 i = 0;

	for (; i + sizeof(uint64) <= span.bytes; i += sizeof(uint64))
	{
		h = (h ^ bitpack_load64(span.data + i)) * UINT64CONST(0x9E3779B97F4A7C15);
		h ^= h >> 32;
	}
	for (; i < span.bytes; i++)
		h = (h ^ span.data[i]) * UINT64CONST(0x9E3779B97F4A7C15);
	return column_mix(h);
}

/*
 * column_canonical_code --- the code that stands for all those whose values are equal under the order: for floats +0 for -0, and the
 * greatest code for every NaN, whatever its sign.
 */
static inline uint64
column_canonical_code(ColOrder order, uint64 code)
{
	bool wide = order == COL_ORDER_FLOAT8;
	uint64 minus_zero = wide ? UINT64CONST(0x7FFFFFFFFFFFFFFF) : 0x7FFFFFFF;
	/* -infinity and +infinity */
	uint64 least = wide ? UINT64CONST(0x000FFFFFFFFFFFFF) : 0x007FFFFF;
	uint64 greatest = wide ? UINT64CONST(0xFFF0000000000000) : 0xFF800000;

	if (order != COL_ORDER_FLOAT4 && order != COL_ORDER_FLOAT8)
		return code;
	if (code < least || code > greatest)
		return PG_UINT64_MAX;
	return code == minus_zero ? code + 1 : code;
}

static inline uint64
column_hash_code(ColOrder order, uint64 code)
{
	return column_mix(column_canonical_code(order, code) + UINT64CONST(0x9E3779B97F4A7C15));
}

/* the section of a filter that has the bits of a value */
static inline uint32
column_bloom_section(const ColDesc *desc, uint64 hash)
{
	uint32 sections = desc->bloom_bytes / desc->bloom_section;

	return (uint32) ((hash >> 32) * sections >> 32);
}

/*
 * column_check_bloom --- is this section of the filter what was written?  NULL, or what is wrong.  desc has been checked
 * (column_check_desc); any alignment.
 */
extern const char *column_check_bloom(const ColDesc *desc, uint32 section, const uint8 *data);

/* false: no value with this hash is in the column.  `data` is the section of the hash, checked. */
extern bool column_bloom_test(const ColDesc *desc, const uint8 *data, uint64 hash);

#endif
