/*
 * column_parts.h
 *		Parts of a payload, for column_check.c and the decoders only.
 */
#ifndef COLUMN_PARTS_H
#define COLUMN_PARTS_H

#include "codec/bitpack.h"
#include "codec/column.h"
#include "codec/lanes.h"

/* in front of the lengths of a PLAIN vector of BYTES: shortest length, total of lengths */
#define PLAIN_HEADER_BYTES 8
/* of an FSST vector: the same of the encoded bytes, total of the decoded ones, zero */
#define FSST_HEADER_BYTES 16
/* in front of the stream of a PGLZ vector: raw bytes, compressed bytes */
#define PGLZ_HEADER_BYTES 8

/* in front of the lengths of a PLAIN vector of BYTES, or of an FSST one */
static inline uint32
strings_header_bytes(const ColVector *vector)
{
	return vector->encoding == COL_ENC_FSST ? FSST_HEADER_BYTES : PLAIN_HEADER_BYTES;
}

static inline uint32
validity_bytes(const ColVector *vector, uint32 rows)
{
	return column_has_validity(vector, rows) ? COL_VALIDITY_BYTES : 0;
}

/* what stands behind the validity bitmap */
static inline const uint8 *
body(const ColVector *vector, uint32 rows, const uint8 *payload)
{
	return column_has_validity(vector, rows) ? payload + COL_VALIDITY_BYTES : payload;
}

static inline uint32
load32(const uint8 *p)
{
	uint32 v;

	memcpy(&v, p, sizeof(v));
	return v;
}

/*
 * lanes.c wants its words aligned.  Payloads nearly always are; a copy of the others costs little.
 */
static inline const void *
aligned(const uint8 *src, uint32 width, uint64 *room)
{
	if (((uintptr_t) src & 7) == 0)
		return src;
	return memcpy(room, src, LANES_BYTES(width));
}

/* 1,024 fields of 0..16 bits */
static inline void
unpack16(const uint8 *src, uint32 width, uint16 *fields)
{
	uint64 room[LANES_BYTES(16) / sizeof(uint64)];

	Assert(width <= 16);
	if (width == 0)
		memset(fields, 0, LANES_VECTOR_ROWS * sizeof(*fields));
	else
		lanes_unpack16(aligned(src, width, room), width, fields);
}

/* 1,024 fields of 0..32 bits */
static inline void
unpack32(const uint8 *src, uint32 width, uint32 *fields)
{
	uint64 room[LANES_BYTES(32) / sizeof(uint64)];
	uint16 narrow[LANES_VECTOR_ROWS];

	Assert(width <= 32);
	if (width > 16)
	{
		lanes_unpack32(aligned(src, width, room), width, fields);
		return;
	}
	unpack16(src, width, narrow);
	for (uint32 i = 0; i < LANES_VECTOR_ROWS; i++)
		fields[i] = narrow[i];
}

/* ---- runs ---- */

/* which rows begin a run; behind the fields */
static inline const uint8 *
runs_bitmap(const ColVector *vector, const uint8 *payload)
{
	return payload + vector->bytes - COL_RUNS_BITMAP_BYTES;
}

/* the first set bit from bit i on of a bitmap of 1,024, or 1,024 */
static inline uint32
next_run(const uint8 *bitmap, uint32 i)
{
	uint64 word;

	if (i >= COL_VECTOR_ROWS)
		return COL_VECTOR_ROWS;
	word = bitpack_load64(bitmap + i / 64 * 8) >> (i % 64) << (i % 64);
	for (i = i / 64 * 64; word == 0; word = bitpack_load64(bitmap + i / 8))
	{
		i += 64;
		if (i == COL_VECTOR_ROWS)
			return i;
	}
	return i + (uint32) __builtin_ctzll(word);
}

/* ---- ascending ---- */

/* the upper part of the greatest value */
static inline uint64
ascending_high(const ColDesc *desc, const ColVector *vector)
{
	return (vector->max - vector->min) / desc->divisor >> vector->width;
}

/* ---- patches ---- */

#define PATCHED_HEADER_BYTES 16
#define LINEAR_HEADER_BYTES 16

typedef struct Patches
{
	uint64 base;
	uint32 count;
	uint32 width; /* of a patch, without its row */
	const uint8 *stream;
	const uint8 *lanes;
} Patches;

static inline uint64
patches_bytes(uint32 count, uint32 width)
{
	return COL_ALIGN((uint64) BITPACK_BYTES(count, COL_PATCH_ROW_BITS + width));
}

static inline Patches
read_patches(const uint8 *src)
{
	Patches p = { .base = bitpack_load64(src),
				  .count = load32(src + 8),
				  .width = load32(src + 12),
				  .stream = src + PATCHED_HEADER_BYTES };

	p.lanes = p.stream + patches_bytes(p.count, p.width);
	return p;
}

/* ---- decimals ---- */

typedef struct Decimals
{
	uint64 base;
	uint32 exceptions;
	int32 digits;
	uint32 code_bytes; /* of an exception, without its row */
	const uint8 *lanes;
	const uint8 *codes;
	const uint8 *rows;
} Decimals;

/* wide: FLOAT8 */
static inline Decimals
read_decimals(const uint8 *src, uint32 width, bool wide)
{
	Decimals d = { .base = bitpack_load64(src),
				   .exceptions = load32(src + 8),
				   .digits = (int32) load32(src + 12),
				   .code_bytes = wide ? sizeof(uint64) : sizeof(uint32),
				   .lanes = src + COL_DECIMAL_HEADER_BYTES };

	d.codes = d.lanes + LANES_BYTES(width);
	d.rows = d.codes + (Size) d.exceptions * d.code_bytes;
	return d;
}

static inline uint32
exception_row(const Decimals *d, uint32 i)
{
	uint16 row;

	memcpy(&row, d->rows + i * sizeof(row), sizeof(row));
	return row;
}

static inline uint64
exception_code(const Decimals *d, uint32 i)
{
	const uint8 *at = d->codes + (Size) i * d->code_bytes;
	uint64 code;

	if (d->code_bytes == sizeof(uint32))
		return load32(at);
	memcpy(&code, at, sizeof(code));
	return code;
}

#endif
