/*
 * hybrid_batch.h
 *		Read the cold rows of a table vector by vector: projection, zone maps, snapshot.
 *
 * The reader holds the list of groups that its snapshot sees and stands on one vector of one
 * group.  Columns are decoded when they are asked for (rg_vector on
 * reader->group), so projection is the caller's asking.  The row-at-a-time scan
 * and, later, the vectorized executor sit on top.
 */
#ifndef HYBRID_BATCH_H
#define HYBRID_BATCH_H

#include "utils/snapshot.h"

#include "hybrid/hybrid_directory.h"
#include "hybrid/hybrid_source.h"

#define HY_VECTOR_WORDS (COL_VECTOR_ROWS / 64)

/*
 * A condition `column <op> value` that every row of interest satisfies; it only
 * serves to skip.  strategy as btree's: 1 < 2 <= 3 = 4 >= 5 >.  There may be several values, or none, of
 * which one at least satisfies it: `column = ANY (values)`.
 */
typedef struct HyCondition
{
	int column; /* from 0 */
	int strategy;
	Oid type; /* of the values */
	int value_count;
	Datum *values;
	/* ranges of bytes are meaningful under C only (rule V8), equality under deterministic collations */
	bool ranges_of_bytes;
} HyCondition;

typedef struct HyBatchReader
{
	Relation rel;
	/* of the rows to read: in an ALTER TABLE that changes types not rel's any more */
	TupleDesc desc;
	MemoryContext context; /* everything below; deleted at close */
	BufferAccessStrategy strategy;
	uint32 group_count;
	HyEntry *groups; /* visible ones, ascending first_row */
	int condition_count;
	const HyCondition *conditions;
	struct HyBounds *bounds; /* the conditions in terms of the open group's columns */

	Snapshot snapshot;

	/* the group being read, and the vector in it */
	RgGroup *group; /* NULL: none */
	uint32 group_idx;
	uint32 vector;
	uint32 vector_rows;
	/* row numbers of the vector less the group's first one; of a group without holes only the first is set */
	bool consecutive;
	uint32 numbers[COL_VECTOR_ROWS];
	HySource source;

	/*
	 * Rows of the vector that have a header, and of those the ones that the snapshot does not see: bit i of the words
	 * is row i.  No word has a meaning if any_touched is false, none of invisible if any_invisible is.
	 */
	bool any_touched;
	bool any_invisible;
	uint64 touched[HY_VECTOR_WORDS];
	uint64 invisible[HY_VECTOR_WORDS];
	/* MVCC: the open group's rows with a header, read at its first vector */
	bool items_read;
	uint32 item_count;
	struct HyMapItem *items;

	bool asked_ahead; /* for the next group's pages */

	/* what happened, for EXPLAIN and tests */
	uint64 vectors_read;
	uint64 vectors_skipped;
	uint64 pages_ahead;
} HyBatchReader;

/*
 * Open a reader: takes the groups of `dir` that the snapshot sees.  Lives in a
 * child of the current context.
 */
extern HyBatchReader *hy_batch_open(Relation rel, const HyDirectory *dir, Snapshot snapshot,
									BufferAccessStrategy strategy);
extern void hy_batch_close(HyBatchReader *reader);

/* back to before the first vector; keeps the list of groups */
extern void hy_batch_rewind(HyBatchReader *reader);

/* open group i of the list and stand before its first (or, backward, behind its last) vector */
extern void hy_batch_seek_group(HyBatchReader *reader, uint32 group_idx);

/*
 * Step to the next vector (previous if !forward) of the present group that the conditions do
 * not exclude.  false: no more in this group.
 */
extern bool hy_batch_next_vector(HyBatchReader *reader, bool forward);

/* stand on this vector of the open group, whatever the conditions say */
extern void hy_batch_seek_vector(HyBatchReader *reader, uint32 vector);

static inline bool
hy_batch_row_invisible(const HyBatchReader *reader, uint32 row)
{
	return reader->any_invisible && (reader->invisible[row / 64] >> (row % 64) & 1) != 0;
}

static inline bool
hy_batch_row_touched(const HyBatchReader *reader, uint32 row)
{
	return reader->any_touched && (reader->touched[row / 64] >> (row % 64) & 1) != 0;
}

/* row number of row `row` of the vector */
static inline uint64
hy_batch_row_number(const HyBatchReader *reader, uint32 row)
{
	return reader->groups[reader->group_idx].first_row +
		   (reader->consecutive ? reader->numbers[0] + row : reader->numbers[row]);
}

/* group of the list that covers the row number: its index, or -1 */
extern int64 hy_batch_find_group(const HyBatchReader *reader, uint64 row);

#endif
