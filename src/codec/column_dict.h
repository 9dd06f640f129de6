/*
 * column_dict.h
 *		The distinct values of a column, for column_encode.c only.
 */
#ifndef COLUMN_DICT_H
#define COLUMN_DICT_H

#include "codec/bitpack.h"
#include "codec/column.h"
#include "codec/column_bloom.h"

/* ---- values of an input ---- */

static inline bool
column_input_null(const ColInput *in, uint32 row)
{
	return in->nulls != NULL && in->nulls[row] != 0;
}

/* rows of vector v */
static inline uint32
column_input_rows(const ColInput *in, uint32 v)
{
	return Min(in->rows - v * COL_VECTOR_ROWS, COL_VECTOR_ROWS);
}

/* FIXED and BYTES: the value of a row */
static inline ColSpan
column_input_span(const ColInput *in, uint32 row)
{
	ColSpan span;

	if (in->store == COL_STORE_FIXED)
	{
		span.data = in->bytes + (Size) row * in->typlen;
		span.bytes = in->typlen;
	}
	else
	{
		span.bytes = in->offsets[row + 1] - in->offsets[row];
		/* without any byte there need be no pointer */
		span.data = span.bytes == 0 ? (const uint8 *) "" : in->bytes + in->offsets[row];
	}
	return span;
}

/* the order of a dictionary: by memcmp, the shorter first */
static inline int
column_span_compare(ColSpan a, ColSpan b)
{
	int cmp = memcmp(a.data, b.data, Min(a.bytes, b.bytes));

	return cmp != 0 ? cmp : (a.bytes > b.bytes) - (a.bytes < b.bytes);
}

/* up to 8 bytes as a number, by loads that overlap: equal for equal bytes of one length, different for different ones */
static inline uint64
column_short_word(const uint8 *data, uint32 bytes)
{
	uint32 low, high;

	if (bytes >= 4)
	{
		memcpy(&low, data, sizeof(low));
		memcpy(&high, data + bytes - sizeof(high), sizeof(high));
		return (uint64) high << 32 | low;
	}
	if (bytes == 0)
		return 0;
	return data[0] | (uint64) data[bytes / 2] << 8 | (uint64) data[bytes - 1] << 16;
}

static inline bool
column_span_equal(ColSpan a, ColSpan b)
{
	if (a.bytes != b.bytes)
		return false;
	if (a.bytes <= 8)
		return column_short_word(a.data, a.bytes) == column_short_word(b.data, a.bytes);
	return memcmp(a.data, b.data, a.bytes) == 0;
}

/* the first 8 bytes as a big-endian number */
static inline uint64
column_span_prefix(ColSpan span)
{
	uint32 n = span.bytes;
	uint64 prefix;

	if (n >= sizeof(prefix))
		return __builtin_bswap64(bitpack_load64(span.data));
	if (n == 0)
		return 0;
	prefix = (uint64) span.data[0] << 56 | (uint64) span.data[n - 1] << (64 - 8 * n);
	for (uint32 i = 1; i + 1 < n; i++)
		prefix |= (uint64) span.data[i] << (56 - 8 * i);
	return prefix;
}

/* ---- dictionary ---- */

/* a distinct value */
typedef struct ColDictEntry
{
	uint64 key;		   /* CODE: the code; else a hash, when sorted the first bytes */
	const uint8 *data; /* CODE: NULL */
	uint32 bytes;	   /* CODE: 0 */
	uint32 row;		   /* where it was met first; when sorted its number before */
} ColDictEntry;

typedef struct ColDict
{
	const ColInput *in;
	uint32 count;
	uint32 count_max;
	uint64 bytes; /* what the entries take on disk */
	uint64 bytes_max;
	uint64 probes; /* steps through occupied slots still allowed */
	uint32 mask;
	uint32 *slots; /* open addressing: entry + 1, 0 = empty; at most half of them are taken */
	ColDictEntry *entries;
	uint16 *positions; /* of every row */
	/* of each vector: positions, runs of equal ones */
	uint16 low[COL_VECTORS_MAX];
	uint16 high[COL_VECTORS_MAX];
	uint16 runs[COL_VECTORS_MAX];
} ColDict;

/*
 * The distinct values of a column of `values` > 0 values that are not NULL, sorted.  NULL if
 * they take more than `limit` bytes on disk, or are too many, or surely will be.
 */
extern ColDict *column_dict_build(const ColInput *in, uint32 values, uint64 limit);
extern void column_dict_free(ColDict *dict);

#endif
