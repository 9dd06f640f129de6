/*
 * column_encode.h
 *		A column being encoded, for column_encode.c and its helpers only.
 */
#ifndef COLUMN_ENCODE_H
#define COLUMN_ENCODE_H

#include "codec/column_dict.h"

/* what the values of one vector have in common */
typedef struct VectorFacts
{
	uint32 first;	 /* row of the first one */
	uint32 shortest; /* BYTES: lengths, a NULL has 0 */
	uint32 longest;
	bool same;		  /* all of them are equal */
	bool ascending;	  /* CODE: none is below the one before */
	uint32 runs;	  /* CODE: of equal ones */
	uint64 total;	  /* BYTES: of the lengths */
	uint64 bytes;	  /* of the payload as planned */
	uint32 raw_bytes; /* PGLZ: of PLAIN, behind the validity bitmap; FSST: of the values */
	uint32 stream_bytes;
	uint8 *stream; /* PGLZ: what was compressed; FSST: encoded values; else NULL */
	uint64 base;   /* LINEAR and PATCHED: as stored; DECIMAL: see column_decimal.c */
	uint64 slope;
	uint32 patches; /* DECIMAL: exceptions */
	uint32 patch_width;
	int32 digits;			 /* DECIMAL */
	uint32 encoded_shortest; /* FSST: as shortest */
	uint32 *encoded_lengths; /* FSST: of the vector's rows */
} VectorFacts;

typedef struct Encoder
{
	const ColInput *in;
	ColDesc *desc;
	uint32 vectors;
	FsstEncoder *symbols;	/* NULL if there are none */
	struct ColBloom *bloom; /* likewise */
	VectorFacts facts[COL_VECTORS_MAX];
	ColVector headers[COL_VECTORS_MAX];
} Encoder;

/* nothing but NULLs */
static inline bool
column_vector_empty(const Encoder *enc, uint32 v)
{
	return enc->headers[v].null_count == column_input_rows(enc->in, v);
}

/* what the validity bitmap of a vector takes */
static inline uint64
column_validity_bytes(const Encoder *enc, uint32 v)
{
	return column_has_validity(&enc->headers[v], column_input_rows(enc->in, v)) ? COL_VALIDITY_BYTES
																				: 0;
}

/* what the payloads take as planned */
extern uint64 column_planned_bytes(const Encoder *enc);

/* ---- column_integers.c ---- */

/* the greatest divisor of all differences between codes */
extern uint64 column_find_divisor(const Encoder *enc);
/* LANES_BYTES(width) of 1,024 fields; dst is zero and aligned */
extern void column_write_fields(const uint64 *fields, uint32 width, uint8 *dst);
/* Plan a vector of codes of different values: encoding, width and bytes. */
extern void column_plan_codes(Encoder *enc, uint32 v);
/* what so many runs take, and whether they take the place of LANES of this width */
extern uint64 column_runs_bytes(uint32 runs, uint32 width);
extern bool column_runs_pay(uint32 runs, uint32 width);
/* a payload of codes or positions behind its validity bitmap; dst is zero and aligned */
extern void column_write_codes(const Encoder *enc, const ColDict *dict, uint32 v, uint8 *dst);

/* ---- column_decimal.c ---- */

/*
 * Plan a vector of floats of different values as DECIMAL if it then takes clearly less than *bytes, which is what it takes as
 * planned, behind the validity bitmap.
 */
extern void column_plan_decimals(Encoder *enc, uint32 v, uint64 *bytes);
/* the payload behind the validity bitmap; fields, LANES_VECTOR_ROWS of them, are work space with zeroes behind the last row */
extern void column_write_decimals(const Encoder *enc, uint32 v, uint64 *fields, uint8 *dst);

/* ---- column_strings.c ---- */

/* Plan a PLAIN vector of long values as PGLZ if that pays. */
extern void column_try_compression(Encoder *enc, uint32 v);
/*
 * Find symbols, and plan PLAIN vectors of BYTES as FSST where that pays.  False, and nothing is changed, if the payloads and
 * the symbols would take more than `limit` bytes, or if it does not pay at all.
 */
extern bool column_try_symbols(Encoder *enc, uint64 limit);
/* a payload behind its validity bitmap; dst is zero and aligned */
extern void column_write_plain(const Encoder *enc, uint32 v, uint8 *dst);
extern void column_write_pglz(const Encoder *enc, uint32 v, uint8 *dst);
extern void column_write_fsst(const Encoder *enc, uint32 v, uint8 *dst);
/* what planning left in memory */
extern void column_free_strings(Encoder *enc);

/* ---- column_bloom.c ---- */

/*
 * column_plan_bloom --- find the distinct values for a Bloom filter, once all else is planned, and say in desc how large
 * it is.  There is none where the dictionary or the range of the column tell as much.
 */
extern void column_plan_bloom(Encoder *enc);
/* desc->bloom_bytes; dst is zero and aligned */
extern void column_write_bloom(const Encoder *enc, uint8 *dst);
extern void column_free_bloom(Encoder *enc);

#endif
