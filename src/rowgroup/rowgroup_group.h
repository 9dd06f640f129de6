/*
 * rowgroup_group.h
 *		An open row group, for the files that read one.  Others see rowgroup_read.h.
 */
#ifndef ROWGROUP_GROUP_H
#define ROWGROUP_GROUP_H

#include "access/htup_details.h"

#include "codec/numeric_digits.h"
#include "rowgroup/rowgroup_read.h"
#include "rowgroup/rowgroup_type.h"

/* dictionaries up to this size are turned into datums once a group, greater ones for every vector */
#define RG_DICT_DATUMS_MAX (16 * 1024 * 1024)

#define RG_VECTORS_MAX ((RG_ROWS_MAX + COL_VECTOR_ROWS - 1) / COL_VECTOR_ROWS)

/* memory that is used again and again, and only grows */
typedef struct RgRoom
{
	char *data;
	Size bytes;
} RgRoom;

typedef struct RgColumn
{
	const ColDesc *desc; /* NULL if the group was written before the attribute was added */
	bool constant;		 /* no values here: NULL, or the missing value, in every row */
	bool missing_null;
	Datum missing;

	int16 typlen;
	bool typbyval;
	uint8 align; /* in bytes, for by-reference types */
	RgCodeForm form;

	/* checked, in memory of the group; NULL before first use */
	const ColVector *vectors;
	const uint8 *dict;
	const FsstTable *symbols;

	/* dictionary entries as datums: 0 = not made yet; where they stand */
	Datum *dict_datums;
	char *dict_room;

	/* numerics of vectors with few bits: 0 = not made yet */
	struct RgFewNumerics *few;

	/* the vector decoded last, -1 = none; by-reference datums are in room */
	RgVector *decoded;
	int decoded_vector;
	RgRoom room;

	/* copy of the payload last used for single values, expanded, -1 = none; its header */
	RgRoom payload;
	int payload_vector;
	ColVector payload_header;
	/* vectors whose payload has been found sound, a bit each; the one that a single value was read of last, in place */
	uint64 checked[RG_VECTORS_MAX / 64];
	int in_place_vector;
	ColSpan *spans; /* its values, as stored, if they are BYTES, from the second one on */
	int spans_vector;
} RgColumn;

struct RgGroup
{
	MemoryContext context;
	RgSource *source;
	TupleDesc desc;
	const RgHeader *header;
	const ColDesc *descs; /* header->columns */
	int natts;			  /* of the table now, >= header->natts */
	RgColumn *columns;	  /* natts */
	RgColumn xmin;		  /* desc NULL if there is none */
	RgColumn numbers;	  /* likewise */

	/* of the vector being decoded; its payload if that had to be expanded */
	RgRoom expanded;
	ColVector expanded_header;
	union
	{
		uint64 codes[COL_VECTOR_ROWS];
		uint32 positions[COL_VECTOR_ROWS];
		uint16 fields[COL_VECTOR_ROWS];
		ColSpan spans[COL_VECTOR_ROWS];
	} * scratch;
};

/* one code of a column of codes without NULLs */
extern uint64 rg_code_at(RgGroup *group, RgColumn *col, uint32 row);

/* all codes of a vector of such a column: into the scratch */
extern const uint64 *rg_codes(RgGroup *group, RgColumn *col, uint32 vector);

static inline bool
rg_column_is_numeric(const RgColumn *col)
{
	return (col->desc->flags & COL_FLAG_NUMERIC) != 0;
}

/* the order of BYTES and FIXED: memcmp, the shorter first */
static inline int
rg_compare_bytes(const uint8 *a, uint32 a_bytes, const uint8 *b, uint32 b_bytes)
{
	int cmp = memcmp(a, b, Min(a_bytes, b_bytes));

	return cmp != 0 ? cmp : (a_bytes > b_bytes) - (a_bytes < b_bytes);
}

/* the first 8 bytes as a big-endian number, as in zone maps */
static inline uint64
rg_prefix(const uint8 *data, uint32 bytes)
{
	uint64 prefix = 0;

	for (uint32 i = 0; i < Min(bytes, sizeof(prefix)); i++)
		prefix |= (uint64) data[i] << (56 - 8 * i);
	return prefix;
}

/* vector headers, dictionary and symbols of a column with values, read and checked; NULL if it has none */
extern const ColVector *rg_load_vectors(RgGroup *group, RgColumn *col);
extern const uint8 *rg_load_dict(RgGroup *group, RgColumn *col);
extern const FsstTable *rg_load_symbols(RgGroup *group, RgColumn *col);

/* a section of a column's Bloom filter, checked; good until the source is read again */
extern const uint8 *rg_bloom_section(RgGroup *group, const ColDesc *desc, uint32 section);
/* report damage of it: the group and the column are named */
om_noreturn extern void rg_bloom_damaged(RgGroup *group, const ColDesc *desc, uint32 section,
										 const char *wrong);

/*
 * rg_payload --- a vector's payload and its header, checked and fit to decode; good until the
 * source is read or another payload is asked for, or, with `keep`, until another payload of the
 * column is kept.
 *
 * Single values are often wanted in a row: a copy of ours saves checking the CRC again, which
 * bytes read a second time would need, and decompressing again.
 */
extern const uint8 *rg_payload(RgGroup *group, RgColumn *col, uint32 vector, bool keep,
							   const ColVector **header);

/* ---- datums of by-reference types: each returns the bytes written ---- */

static inline Size
rg_varlena(char *at, const uint8 *data, uint32 bytes)
{
	SET_VARSIZE(at, bytes + VARHDRSZ);
	memcpy(at + VARHDRSZ, data, bytes);
	return bytes + VARHDRSZ;
}

static inline Size
rg_numeric(char *at, const ColDesc *desc, uint64 code)
{
	uint32 bytes =
		numeric_write((int64) (code ^ RG_SIGN8), (uint32) desc->scale, (uint8 *) at + VARHDRSZ);

	SET_VARSIZE(at, bytes + VARHDRSZ);
	return bytes + VARHDRSZ;
}

/* a value of FIXED or BYTES as the datum it is; `at` is aligned and has room */
static inline Size
rg_reference(const RgColumn *col, char *at, ColSpan span)
{
	if (col->typlen == -1)
		return rg_varlena(at, span.data, span.bytes);
	memcpy(at, span.data, span.bytes);
	return span.bytes;
}

#endif
