/*
 * column_parts.h
 *		Parts of a payload, for column_check.c and column_decode.c only.
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

#endif
