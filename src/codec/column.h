/*
 * column.h
 *		Encode and decode one column of a row group (column_format.h).
 *
 * Pure: no Datum, no Relation.  Memory comes from palloc (malloc in unit
 * tests).  Decoding: column_check_* prove a desc, its vector headers, its dictionary and a payload to
 * be within bounds; only then may the decoders be called, which check nothing.
 */
#ifndef COLUMN_H
#define COLUMN_H

#include "codec/column_format.h"
#include "codec/fsst.h"

/* ---- writing ---- */

typedef struct ColInput
{
	ColStore store;
	ColOrder order;
	uint32 typlen;		   /* FIXED */
	uint32 rows;		   /* 1..COL_ROWS_MAX */
	const uint8 *nulls;	   /* one byte a row, nonzero = NULL; pointer NULL = none */
	const uint64 *codes;   /* CODE: rows */
	const uint8 *bytes;	   /* FIXED: rows * typlen; BYTES: the values side by side */
	const uint32 *offsets; /* BYTES: rows + 1, ascending; a NULL is empty */
	bool bloom;			   /* make a Bloom filter, if one could exclude anything */
	bool
		plain; /* BYTES: neither FSST nor PGLZ, so that one value is read without decoding any other */
} ColInput;

/*
 * Encode a column.  Fills desc (all but type_oid, typmod, typlen, typbyval,
 * typalign, scale, chunk_offset, raw_bytes, and the flags NUMERIC and
 * TYPMOD_SCALE, which it leaves) and returns the chunk, palloc'd, of
 * desc->chunk_bytes; NULL if every row is NULL (desc->store = NONE).  The same
 * values give the same bytes, whatever stands in the slots of NULLs.
 *
 * A chunk is one allocation: values of 1 GB make palloc raise its error.
 */
extern uint8 *column_encode(const ColInput *in, ColDesc *desc);

/* memory that a Bloom filter of so many values takes while it is made */
extern Size column_bloom_memory(uint32 values);

/* ---- reading ---- */

/*
 * NULL if valid, else what is wrong (a constant sentence without final period).
 * Each takes for granted that the ones above it found nothing.  The caller has seen that the
 * chunk lies in its stream and the type in desc is the column's.
 */
extern const char *column_check_desc(const ColDesc *desc, uint32 rows);
extern const char *column_check_vectors(const ColDesc *desc, const ColVector *vectors, uint32 rows);
extern const char *column_check_dict(const ColDesc *desc, const uint8 *dict);
/* CRC and bounds of one payload; rows = rows of this vector */
extern const char *column_check_payload(const ColDesc *desc, const ColVector *vector, uint32 rows,
										const uint8 *payload);

/*
 * A vector of PGLZ cannot be decoded.  column_expand makes its checked payload one of PLAIN, in
 * `out`, of column_expanded_bytes bytes, with *plain as header (whose crc is 0), and checks that too:
 * NULL, or what is wrong, and then out and *plain mean nothing.  Those of FSST can be expanded, too, by
 * `symbols` (else NULL); to decode one by one what column_decode_spans gives is faster.
 */
static inline bool
column_is_compressed(const ColVector *vector)
{
	return vector->encoding == COL_ENC_PGLZ || vector->encoding == COL_ENC_FSST;
}

extern uint32 column_expanded_bytes(const ColVector *vector, uint32 rows, const uint8 *payload);
extern const char *column_expand(const ColVector *vector, uint32 rows, const uint8 *payload,
								 const FsstTable *symbols, ColVector *plain, uint8 *out);

/* FSST: what all decoded values of a checked payload take together */
extern uint32 column_raw_bytes(const ColVector *vector, uint32 rows, const uint8 *payload);

/*
 * The decoders take the payload (8-byte aligned or not) and the
 * dictionary's bytes (NULL without one; 8-byte aligned).  What they return for a NULL
 * is defined but means nothing; in a vector of NULLS a span is empty.
 */
static inline bool
column_has_validity(const ColVector *vector, uint32 rows)
{
	return vector->null_count > 0 && vector->null_count < rows;
}

/* positions in the dictionary */
static inline bool
column_uses_dict(const ColVector *vector)
{
	return vector->encoding == COL_ENC_DICT || vector->encoding == COL_ENC_DICT_RUNS;
}

extern bool column_is_null(const ColVector *vector, uint32 rows, const uint8 *payload, uint32 i);
/* nulls[i] = row i is NULL */
extern void column_decode_nulls(const ColVector *vector, uint32 rows, const uint8 *payload,
								bool *nulls);

/* CODE: order codes of all rows; out has room for COL_VECTOR_ROWS */
extern void column_decode_codes(const ColDesc *desc, const ColVector *vector, uint32 rows,
								const uint8 *payload, const uint8 *dict, uint64 *out);
extern uint64 column_code_at(const ColDesc *desc, const ColVector *vector, uint32 rows,
							 const uint8 *payload, const uint8 *dict, uint32 i);

/* DICT and DICT_RUNS (or NULLS: zeroes): dictionary positions of all rows */
extern void column_decode_positions(const ColVector *vector, uint32 rows, const uint8 *payload,
									uint32 *out);

/* LANES of at most 16 bits: the fields of all rows; row i is min + divisor * out[i] */
extern void column_decode_fields(const ColVector *vector, uint32 rows, const uint8 *payload,
								 uint16 *out);

/* FIXED and BYTES: where the values stand, in payload or dict; of an FSST vector the encoded ones */
typedef struct ColSpan
{
	const uint8 *data;
	uint32 bytes;
} ColSpan;

extern void column_decode_spans(const ColDesc *desc, const ColVector *vector, uint32 rows,
								const uint8 *payload, const uint8 *dict, ColSpan *out);
extern ColSpan column_span_at(const ColDesc *desc, const ColVector *vector, uint32 rows,
							  const uint8 *payload, const uint8 *dict, uint32 i);
/*
 * column_plain_head / column_plain_place --- the same for a PLAIN or FSST vector of which only the first column_plain_head()
 * bytes are at hand: where value i stands in the payload, and its length.  False: it would not lie in it.
 */
extern uint32 column_plain_head(const ColDesc *desc, const ColVector *vector, uint32 rows);
extern bool column_plain_place(const ColDesc *desc, const ColVector *vector, uint32 rows,
							   const uint8 *head, uint32 i, uint32 *place, uint32 *bytes);
/* entry of the dictionary */
extern uint64 column_dict_code(const uint8 *dict, uint32 position);
extern ColSpan column_dict_span(const ColDesc *desc, const uint8 *dict, uint32 position);

/* CRC-32C as PostgreSQL's, in one call */
extern uint32 column_crc(const void *data, Size bytes);

#endif
