/*
 * rowgroup_builder.h
 *		A builder of row groups, for the files that fill it and encode it; everybody else has rowgroup_build.h.
 */
#ifndef ROWGROUP_BUILDER_H
#define ROWGROUP_BUILDER_H

#include "rowgroup/rowgroup_build.h"
#include "rowgroup/rowgroup_type.h"

typedef struct RgBuildColumn
{
	RgType type;
	bool filter;	 /* make a Bloom filter */
	bool plain;		 /* compress nothing as a whole */
	uint8 *nulls;	 /* a byte a row, 0 or 1 */
	uint64 *codes;	 /* CODE, and numerics of one scale */
	uint32 *offsets; /* BYTES: one more than rows */
	uint8 *bytes;	 /* FIXED, BYTES */
	Size room;		 /* of bytes */

	/*
	 * Numerics are kept as codes and the lengths of what they were made of, until one comes that is no integer under
	 * the scale of the others: then, and for good, as bytes.
	 */
	bool scaled;
	int scale; /* -1: none so far */
	uint8 *lengths;
} RgBuildColumn;

struct RgBuilder
{
	MemoryContext context;
	MemoryContext scratch; /* for flattening */
	bool with_xmin;
	bool any_filter;
	bool with_numbers;
	int natts;
	uint32 rows;
	uint32 room; /* rows for which the arrays have room */
	Size raw_bytes;
	Size stream_bytes;							  /* of the last stream: room for the next */
	RgBuildColumn columns[FLEXIBLE_ARRAY_MEMBER]; /* natts, + xmin, + numbers */
};

/* rg_builder_columns --- those of the table, and the hidden ones behind them */
static inline int
rg_builder_columns(const RgBuilder *builder)
{
	return builder->natts + (builder->with_xmin ? 1 : 0) + (builder->with_numbers ? 1 : 0);
}

#endif
