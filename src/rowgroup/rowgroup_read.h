/*
 * rowgroup_read.h
 *		Read a row group: whole vectors, or single values.
 *
 * Where the bytes come from is an RgSource's business (pages, or memory in
 * tests).  Everything read is checked before use: header CRC at open, vector
 * headers and dictionary at first use, a payload's CRC and bounds when it is
 * decoded.  Damage is reported through the source (XX001).
 */
#ifndef ROWGROUP_READ_H
#define ROWGROUP_READ_H

#include "access/tupdesc.h"

#include "base/check.h"
#include "codec/column.h"
#include "rowgroup/rowgroup_format.h"

typedef struct RgSource RgSource;
struct RgSource
{
	/*
	 * Pointer to `length` bytes of the stream at `offset`, valid until the next read of this
	 * source; any alignment.  Reports damage if there are not as many.  Called in any memory
	 * context, which may be reset before the next read: what the source keeps is in its own.
	 */
	const uint8 *(*read)(RgSource *source, uint64 offset, uint32 length);
	/* ereport(ERROR) ERRCODE_DATA_CORRUPTED naming the relation and the block of `offset` */
	om_noreturn void (*damaged)(RgSource *source, uint64 offset, const char *detail);
	/* ask the processor for the line of memory at `offset`, which may lie anywhere; NULL: not worth it */
	void (*prefetch)(RgSource *source, uint64 offset);
};

typedef struct RgGroup RgGroup;

/*
 * Open a group whose first byte is source's byte 0.  `desc` is the table's
 * current descriptor: attributes behind the group's natts read as their missing
 * value or NULL.  The group lives in a child context of `parent`; desc and source
 * must outlive it.
 *
 * A column whose physical form (length, by value or not) is not desc's is damage.
 */
extern RgGroup *rg_open(RgSource *source, uint64 group_id, TupleDesc desc, MemoryContext parent);
extern void rg_close(RgGroup *group);

extern const RgHeader *rg_header(const RgGroup *group);
/* column 0..columns - 1 */
extern const ColDesc *rg_column(const RgGroup *group, int column);

/* has any of the column's chunk been read? */
extern bool rg_column_is_read(const RgGroup *group, int column);

/* rows of vector v */
extern uint32 rg_vector_rows(const RgGroup *group, uint32 vector);

/* header of a vector, for zone maps; NULL if the column is NULL (or missing) in the whole group */
extern const ColVector *rg_vector_header(RgGroup *group, int column, uint32 vector);

/*
 * One decoded vector of a column as Datums.  The datum of a NULL is 0 if by reference, else anything.
 * by-reference datums live as long
 * as the vector stays decoded: until another vector of this column is asked for, or
 * the group is closed.  Varlenas have a 4-byte header, never compressed or external.
 */
typedef struct RgVector
{
	Datum values[COL_VECTOR_ROWS];
	bool nulls[COL_VECTOR_ROWS];
	bool any_null;
} RgVector;

/* decode, or return what is decoded already; column may be >= natts (missing attribute) */
extern const RgVector *rg_vector(RgGroup *group, int column, uint32 vector);

/*
 * One value, decoding no more than it takes.  By-reference results are palloc'd
 * in the current context, unless they are a missing value (in desc).
 */
extern Datum rg_value(RgGroup *group, int column, uint32 row, bool *isnull);

/*
 * rg_prefetch --- several columns of a row will be read one by one, each from a page of its own: ask for their memory at
 * once.  Columns first .. natts - 1, of these the ones with needed[column] (NULL: all).  Reads nothing, and finds no damage.
 */
extern void rg_prefetch(RgGroup *group, const bool *needed, int first, int natts, uint32 row);

/* original xmin of a row; InvalidTransactionId if the group has no such column */
extern TransactionId rg_row_xmin(RgGroup *group, uint32 row);

/*
 * Row numbers, less that of the group's first row: of a row; of all rows of a vector; and the row of a number, false if it has none. A group
 * without such a column has them without holes.
 */
extern bool rg_has_numbers(const RgGroup *group);
extern uint32 rg_row_number(RgGroup *group, uint32 row);
extern void rg_vector_numbers(RgGroup *group, uint32 vector, uint32 *numbers);
extern bool rg_find_number(RgGroup *group, uint32 number, uint32 *row);

/*
 * Can vector `vector` (or, with vector = -1, the group) hold a row whose value v satisfies
 * v >= low and v <= high?  Bounds are order codes of the column's ColOrder, or, for BYTES and FIXED, the
 * bytes; NULL pointer = unbounded.  NULLs never match.  true if unknown.
 */
typedef struct RgBound
{
	uint64 code;
	const uint8 *bytes;
	uint32 length;
} RgBound;

extern bool rg_may_match(RgGroup *group, int column, int vector, const RgBound *low,
						 const RgBound *high);

/*
 * A bound for comparing with a column of this desc: false if there is none.  `type` is the datum's
 * type, and the operators meant are its default ones against the column's type.  There is a bound if
 * the column was written with the same base type (ColDesc.type_oid) or one of the same family: int2, int4
 * and int8; float4 and float8; text and varchar.  bpchar has none, nor has a numeric column that is
 * not stored under one scale.
 *
 * up = false gives a low bound, true a high one: numerics with more digits than the column's scale and
 * floats between two float4 are rounded down or up, zero becomes -0 or +0, NaN is above all.  So the
 * result bounds, and never excludes.  Bytes point into the datum, or are palloc'd in the current
 * context if it is toasted.
 */
extern bool rg_datum_bound(const ColDesc *column, Oid type, Datum value, bool up, RgBound *bound);

/* every byte: chunk CRCs, every vector decoded, zone maps and flags true; reports damage */
extern void rg_verify(RgGroup *group);

#endif
