/*
 * rowgroup_build.h
 *		Collect rows in memory and encode them as the stream of a row group.
 *
 * Knows nothing of pages: the result is one run of bytes.
 */
#ifndef ROWGROUP_BUILD_H
#define ROWGROUP_BUILD_H

#include "access/tupdesc.h"

#include "rowgroup/rowgroup_format.h"

typedef struct RgBuilder RgBuilder;

/*
 * Can rows of this descriptor be stored in columns?  NULL, or why not (a
 * constant sentence; for instance a column of a type of length -2).
 */
extern const char *rg_unsupported(TupleDesc desc);

/*
 * Make a builder; it lives in a child context of `parent` and copies what it
 * needs of desc.  with_xmin: append takes each row's original xmin.
 */
extern RgBuilder *rg_builder_create(TupleDesc desc, bool with_xmin, MemoryContext parent);
/* the group will have row numbers: called before the first row is added to a builder with_xmin; rg_builder_number behind each */
extern void rg_builder_keep_numbers(RgBuilder *builder);
extern void rg_builder_free(RgBuilder *builder);

/*
 * Bytes a row takes once flattened (external, compressed and expanded datums
 * counted in full): callers keep rows above RG_ROW_BYTES_MAX hot.  Cheap for rows
 * without varlena columns.
 */
extern Size rg_row_bytes(TupleDesc desc, const Datum *values, const bool *nulls);

/*
 * Add a row: copies, detoasts, decompresses and flattens.  Values of dropped
 * columns are taken for NULL.  Caller keeps rows <= RG_ROWS_MAX.  May raise an
 * error (missing toast, out of memory) and then has added nothing.
 */
extern void rg_builder_append(RgBuilder *builder, const Datum *values, const bool *nulls,
							  TransactionId xmin);

/* The same for n rows, <= RG_APPEND_ROWS_MAX, of a builder without xmin: all of them, or after an error none. */
#define RG_APPEND_ROWS_MAX 32
extern void rg_builder_append_rows(RgBuilder *builder, Datum *const *values, bool *const *nulls,
								   uint32 n);

/*
 * rg_builder_filter --- make a Bloom filter of attribute att (0-based) in each group from now on, where it could exclude anything.
 * Of types without a known order there is none.
 */
extern void rg_builder_filter(RgBuilder *builder, int att);

/* rg_builder_plain --- from now on values of attribute att (0-based) are neither encoded by symbols nor compressed */
extern void rg_builder_plain(RgBuilder *builder, int att);

/* the number of the row added last, less that of the group's first row: greater than the one before */
extern void rg_builder_number(RgBuilder *builder, uint32 number);

extern uint32 rg_builder_rows(const RgBuilder *builder);
extern Size rg_builder_raw_bytes(const RgBuilder *builder); /* detoasted */
/* allocated, and what encoding the Bloom filters will take on top */
extern Size rg_builder_memory(const RgBuilder *builder);

/*
 * Read back row i (0-based), for rows that go hot after all.  By-reference
 * datums are palloc'd in the current context, or point into the builder.
 */
extern void rg_builder_row(const RgBuilder *builder, uint32 i, Datum *values, bool *nulls,
						   TransactionId *xmin);

/* one value of it: of attribute att (0-based) */
extern Datum rg_builder_value(const RgBuilder *builder, uint32 i, int att, bool *isnull);

/*
 * Put the rows into another order: row i becomes what row order[i] was, each once.  Takes memory for one more copy of
 * the greatest column.  After an error the builder can only be freed.
 */
extern void rg_builder_reorder(RgBuilder *builder, const uint32 *order);

/*
 * Encode rows [first, first + rows) as a group's stream.  The result is palloc'd in the current
 * context, *bytes long; temporary memory is freed.  CHECK_FOR_INTERRUPTS between columns.
 */
extern char *rg_builder_encode(RgBuilder *builder, uint32 first, uint32 rows, uint64 group_id,
							   Size *bytes);

/* forget all rows, keep memory */
extern void rg_builder_reset(RgBuilder *builder);

#endif
