/*
 * column_decode.c
 *		Check and decode one column of a row group.  Pure code.
 *
 * The checks make the decoders safe on any bytes: whatever column_check_*
 * let pass, the decoders stay inside payload and dictionary.  Values of damaged
 * bytes that pass (all CRCs recomputed) may be wrong, but not harmful.
 */
#ifndef OMENDB_UNIT
#include "postgres.h"

#include "port/pg_crc32c.h"
#endif

#include "codec/bitpack.h"
#include "codec/column.h"
#include "codec/column_pglz.h"
#include "codec/lanes.h"

/* in front of the bytes of a PLAIN vector of BYTES: shortest length, total of lengths */
#define PLAIN_HEADER_BYTES 8
/* in front of the stream of a PGLZ vector: raw bytes, compressed bytes */
#define PGLZ_HEADER_BYTES 8

#ifdef OMENDB_UNIT

uint32
column_crc(const void *data, Size bytes)
{
	static uint32 table[256];
	const uint8 *p = data;
	uint32 crc = 0xFFFFFFFF;

	/* 0x82F63B78 is Castagnoli's polynomial with its bits in reverse */
	for (uint32 i = 0; i < 256 && table[255] == 0; i++)
	{
		uint32 c = i;

		for (int bit = 0; bit < 8; bit++)
			c = (c >> 1) ^ (c & 1 ? 0x82F63B78 : 0);
		table[i] = c;
	}
	for (Size i = 0; i < bytes; i++)
		crc = (crc >> 8) ^ table[(crc ^ p[i]) & 0xFF];
	return crc ^ 0xFFFFFFFF;
}

#else

uint32
column_crc(const void *data, Size bytes)
{
	pg_crc32c crc;

	INIT_CRC32C(crc);
	COMP_CRC32C(crc, data, bytes);
	FIN_CRC32C(crc);
	return crc;
}

#endif

/* ---- parts of a payload ---- */

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
static void
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
static void
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

/* ---- checks ---- */

static const char *
check_dict_place(const ColDesc *desc)
{
	uint64 entries;

	if ((desc->flags & COL_FLAG_DICT) == 0)
		return desc->dict_offset != 0 || desc->dict_bytes != 0 || desc->dict_count != 0 ||
					   desc->dict_crc != 0
				   ? "column has no dictionary but its place"
				   : NULL;
	if (desc->dict_count == 0 || desc->dict_count > COL_DICT_MAX)
		return "number of dictionary entries is out of range";
	if (desc->dict_offset != desc->vectors * sizeof(ColVector))
		return "dictionary does not follow the vector headers";
	if (desc->dict_offset + COL_ALIGN((uint64) desc->dict_bytes) > desc->chunk_bytes)
		return "dictionary does not fit into the chunk";
	if (desc->store == COL_STORE_BYTES)
		return desc->dict_bytes < (desc->dict_count + UINT64CONST(1)) * sizeof(uint32)
				   ? "dictionary is too short for its offsets"
				   : NULL;
	entries = (uint64) desc->dict_count *
			  (desc->store == COL_STORE_CODE ? sizeof(uint64) : (uint64) desc->typlen);
	return desc->dict_bytes != entries ? "size of the dictionary is not that of its entries" : NULL;
}

static const char *
check_order(const ColDesc *desc)
{
	if (desc->order > COL_ORDER_BYTES)
		return "column has an unknown order";
	if (desc->store == COL_STORE_NONE)
		return NULL;
	if (desc->store == COL_STORE_CODE
			? desc->order == COL_ORDER_BYTES
			: desc->order != COL_ORDER_NONE && desc->order != COL_ORDER_BYTES)
		return "order does not go with the way the column is stored";
	if ((desc->flags & COL_FLAG_NUMERIC) &&
		(desc->store != COL_STORE_CODE || desc->order != COL_ORDER_SIGNED))
		return "column of scaled numbers is not stored as signed codes";
	if ((desc->flags & COL_FLAG_FINITE) && desc->order != COL_ORDER_FLOAT4 &&
		desc->order != COL_ORDER_FLOAT8)
		return "column is said to be finite but not of a float type";
	return NULL;
}

/* a column without values */
static const char *
check_none(const ColDesc *desc, uint32 rows)
{
	if (desc->vectors != 0 || desc->chunk_bytes != 0 || desc->min != 0 || desc->max != 0 ||
		desc->dict_offset != 0 || desc->dict_bytes != 0 || desc->dict_count != 0 ||
		desc->dict_crc != 0 || desc->vectors_crc != 0 || desc->chunk_crc != 0)
		return "column without values has a chunk";
	if (desc->null_count != rows)
		return "column without values has rows that are not NULL";
	if (desc->flags & ~(COL_FLAG_NUMERIC | COL_FLAG_TYPMOD_SCALE))
		return "column without values has flags of values";
	return NULL;
}

const char *
column_check_desc(const ColDesc *desc, uint32 rows)
{
	const char *wrong;

	if (rows == 0 || rows > COL_ROWS_MAX)
		return "number of rows is out of range";
	if (desc->store > COL_STORE_BYTES)
		return "column is stored in an unknown way";
	if (desc->flags & ~COL_FLAGS_VALID)
		return "column has unknown flags";
	for (uint32 i = 0; i < sizeof(desc->reserved); i++)
		if (desc->reserved[i] != 0)
			return "reserved bytes of a column are not zero";
	wrong = check_order(desc);
	if (wrong != NULL)
		return wrong;
	if ((desc->flags & COL_FLAG_NUMERIC) ? desc->scale < 0 || desc->scale > 18 : desc->scale != 0)
		return "scale is out of range";
	if (desc->chunk_offset % 8 != 0)
		return "chunk is not aligned";
	if (desc->store == COL_STORE_NONE)
		return check_none(desc, rows);
	if (desc->store == COL_STORE_FIXED && desc->typlen <= 0)
		return "length of fixed-length values is out of range";
	if (desc->vectors != (rows + COL_VECTOR_ROWS - 1) / COL_VECTOR_ROWS)
		return "number of vectors is not that of the rows";
	if (desc->null_count >= rows)
		return "column without values has a chunk";
	if ((desc->null_count == 0) != ((desc->flags & COL_FLAG_NO_NULLS) != 0) ||
		((desc->flags & COL_FLAG_SORTED) && desc->null_count > 0))
		return "flags and number of NULLs disagree";
	if (desc->divisor == 0 ||
		(desc->divisor != 1 && (desc->store != COL_STORE_CODE || (desc->flags & COL_FLAG_DICT))))
		return "divisor is out of range";
	if (desc->chunk_bytes > UINT32_MAX || desc->chunk_bytes % 8 != 0 ||
		desc->chunk_bytes < desc->vectors * sizeof(ColVector))
		return "size of the chunk is out of range";
	if (desc->min > desc->max)
		return "smallest value is above the greatest";
	wrong = check_dict_place(desc);
	if (wrong != NULL)
		return wrong;
	if ((desc->flags & COL_FLAG_DICT) && desc->max >= desc->dict_count)
		return "greatest dictionary position is out of range";
	return NULL;
}

/* the header of a vector that has values */
static const char *
check_header(const ColDesc *desc, const ColVector *vector, uint32 rows)
{
	bool dict = (desc->flags & COL_FLAG_DICT) != 0;
	uint64 bytes = validity_bytes(vector, rows);
	bool at_least = false; /* there are bytes behind whose number the payload tells */

	if (vector->min > vector->max || vector->min < desc->min || vector->max > desc->max)
		return "range of a vector is not within that of its column";
	if (dict != (vector->encoding == COL_ENC_DICT))
		return "encoding of a vector and dictionary disagree";
	switch (vector->encoding)
	{
		case COL_ENC_CONST:
			if (vector->width != 0)
				return "vector of one value has fields";
			if (desc->store == COL_STORE_CODE && vector->min != vector->max)
				return "vector of one value has a range of them";
			if (desc->store == COL_STORE_FIXED)
				bytes += (uint64) desc->typlen;
			at_least = desc->store == COL_STORE_BYTES;
			break;
		case COL_ENC_LANES:
			if (desc->store != COL_STORE_CODE || vector->width > 64)
				return "packed vector has an impossible width";
			bytes += LANES_BYTES(vector->width);
			break;
		case COL_ENC_DICT:
			if (vector->width > 16)
				return "vector of dictionary positions has an impossible width";
			bytes += LANES_BYTES(vector->width);
			break;
		case COL_ENC_PLAIN:
			if (desc->store == COL_STORE_CODE ||
				vector->width > (desc->store == COL_STORE_BYTES ? 32 : 0))
				return "plain vector has an impossible width";
			if (desc->store == COL_STORE_FIXED)
				bytes += (uint64) rows * (uint64) desc->typlen;
			else
				bytes += PLAIN_HEADER_BYTES + LANES_BYTES(vector->width);
			at_least = desc->store == COL_STORE_BYTES;
			break;
		case COL_ENC_PGLZ:
			if (desc->store != COL_STORE_BYTES || vector->width > 32)
				return "compressed vector has an impossible width";
			bytes += PGLZ_HEADER_BYTES;
			at_least = true;
			break;
		default:
			return "vector has an unknown encoding";
	}
	if (at_least ? vector->bytes < bytes : vector->bytes != bytes)
		return "size of a vector is not that of its values";
	return NULL;
}

const char *
column_check_vectors(const ColDesc *desc, const ColVector *vectors, uint32 rows)
{
	uint64 end = desc->vectors * sizeof(ColVector) + COL_ALIGN((uint64) desc->dict_bytes);
	uint32 nulls = 0;

	if (column_crc(vectors, desc->vectors * sizeof(ColVector)) != desc->vectors_crc)
		return "checksum of the vector headers is wrong";
	for (uint32 v = 0; v < desc->vectors; v++)
	{
		const ColVector *vector = &vectors[v];
		uint32 vrows = Min(rows - v * COL_VECTOR_ROWS, COL_VECTOR_ROWS);
		const char *wrong;

		if (vector->null_count > vrows ||
			(vector->null_count == vrows) != (vector->encoding == COL_ENC_NULLS))
			return "number of NULLs of a vector is out of range";
		if (vector->encoding == COL_ENC_NULLS)
			wrong =
				vector->width != 0 || vector->bytes != 0 ? "vector of NULLs has a payload" : NULL;
		else
			wrong = check_header(desc, vector, vrows);
		if (wrong != NULL)
			return wrong;
		if (vector->offset != end || end + vector->bytes > desc->chunk_bytes)
			return "vector does not lie where the previous one ends";
		end = COL_ALIGN(end + vector->bytes);
		nulls += vector->null_count;
	}
	if (nulls != desc->null_count)
		return "numbers of NULLs do not add up";
	if (end != desc->chunk_bytes)
		return "chunk does not end with its last vector";
	return NULL;
}

/* An unsorted dictionary makes searches in it miss; nothing reads outside it. */
const char *
column_check_dict(const ColDesc *desc, const uint8 *dict)
{
	const uint32 *offsets = (const uint32 *) dict;

	if ((desc->flags & COL_FLAG_DICT) == 0)
		return NULL;
	if (column_crc(dict, desc->dict_bytes) != desc->dict_crc)
		return "checksum of the dictionary is wrong";
	if (desc->store != COL_STORE_BYTES)
		return NULL;
	if (offsets[0] != 0)
		return "first dictionary entry does not stand at the start";
	for (uint32 i = 0; i < desc->dict_count; i++)
		if (offsets[i] > offsets[i + 1])
			return "offsets of the dictionary descend";
	if (offsets[desc->dict_count] !=
		desc->dict_bytes - (desc->dict_count + UINT64CONST(1)) * sizeof(uint32))
		return "dictionary does not end with its last entry";
	return NULL;
}

static const char *
check_validity(const ColVector *vector, uint32 rows, const uint8 *payload)
{
	uint32 valid = 0;

	for (uint32 at = 0; at < COL_VALIDITY_BYTES; at += sizeof(uint64))
	{
		uint64 word = bitpack_load64(payload + at);
		uint32 have = rows > at * 8 ? Min(rows - at * 8, 64) : 0;

		if (word & ~bitpack_mask(have))
			return "rows behind the last one are marked as values";
		valid += (uint32) __builtin_popcountll(word);
	}
	return valid != rows - vector->null_count ? "marks of NULLs do not add up" : NULL;
}

/* every dictionary position in range */
static const char *
check_positions(const ColDesc *desc, const ColVector *vector, uint32 rows, const uint8 *payload)
{
	uint16 fields[LANES_VECTOR_ROWS];
	uint32 greatest = 0;

	/* the header already bounded min */
	if (vector->min + bitpack_mask(vector->width) < desc->dict_count)
		return NULL;
	unpack16(body(vector, rows, payload), vector->width, fields);
	for (uint32 i = 0; i < rows; i++)
		greatest = Max(greatest, fields[i]);
	return vector->min + greatest >= desc->dict_count ? "dictionary position is out of range"
													  : NULL;
}

/* lengths of a PLAIN vector of BYTES */
static const char *
check_lengths(const ColVector *vector, uint32 rows, const uint8 *payload)
{
	const uint8 *p = body(vector, rows, payload);
	uint32 fields[LANES_VECTOR_ROWS];
	uint64 shortest = load32(p);
	uint64 total = load32(p + sizeof(uint32));
	uint64 sum = rows * shortest;

	unpack32(p + PLAIN_HEADER_BYTES, vector->width, fields);
	for (uint32 i = 0; i < rows; i++)
		sum += fields[i];
	if (shortest > 0 && vector->null_count > 0)
		return "NULLs of a vector have a length";
	if (sum != total)
		return "lengths of values do not add up";
	if (validity_bytes(vector, rows) + PLAIN_HEADER_BYTES + LANES_BYTES(vector->width) + total !=
		vector->bytes)
		return "size of a vector is not that of its values";
	return NULL;
}

/* what a PGLZ payload says of itself; its stream is for column_expand to judge */
static const char *
check_sizes(const ColVector *vector, uint32 rows, const uint8 *payload)
{
	const uint8 *p = body(vector, rows, payload);
	uint32 raw_bytes = load32(p);

	if (raw_bytes < PLAIN_HEADER_BYTES + LANES_BYTES(vector->width) || raw_bytes > COL_PGLZ_RAW_MAX)
		return "raw size of a compressed vector is out of range";
	if (validity_bytes(vector, rows) + PGLZ_HEADER_BYTES + (uint64) load32(p + sizeof(uint32)) !=
		vector->bytes)
		return "size of a vector is not that of its values";
	return NULL;
}

const char *
column_check_payload(const ColDesc *desc, const ColVector *vector, uint32 rows,
					 const uint8 *payload)
{
	const char *wrong;

	if ((vector->bytes == 0 ? 0 : column_crc(payload, vector->bytes)) != vector->crc)
		return "checksum of a vector is wrong";
	if (column_has_validity(vector, rows))
	{
		wrong = check_validity(vector, rows, payload);
		if (wrong != NULL)
			return wrong;
	}
	if (vector->encoding == COL_ENC_DICT)
		return check_positions(desc, vector, rows, payload);
	if (vector->encoding == COL_ENC_PLAIN && desc->store == COL_STORE_BYTES)
		return check_lengths(vector, rows, payload);
	if (vector->encoding == COL_ENC_PGLZ)
		return check_sizes(vector, rows, payload);
	return NULL;
}

/* ---- compressed vectors ---- */

uint32
column_expanded_bytes(const ColVector *vector, uint32 rows, const uint8 *payload)
{
	Assert(vector->encoding == COL_ENC_PGLZ);
	return validity_bytes(vector, rows) + load32(body(vector, rows, payload));
}

const char *
column_expand(const ColVector *vector, uint32 rows, const uint8 *payload, ColVector *plain,
			  uint8 *out)
{
	const uint8 *p = body(vector, rows, payload);
	uint32 validity = validity_bytes(vector, rows);

	*plain = *vector;
	plain->encoding = COL_ENC_PLAIN;
	plain->bytes = column_expanded_bytes(vector, rows, payload);
	plain->crc = 0;
	if (validity > 0)
		memcpy(out, payload, validity);
	if (!column_decompress(p + PGLZ_HEADER_BYTES, load32(p + sizeof(uint32)), out + validity,
						   load32(p)))
		return "compressed bytes of a vector cannot be decompressed";
	return check_lengths(plain, rows, out);
}

/* ---- NULLs ---- */

bool
column_is_null(const ColVector *vector, uint32 rows, const uint8 *payload, uint32 i)
{
	Assert(i < rows);
	if (!column_has_validity(vector, rows))
		return vector->null_count > 0;
	return !bitmap_test(payload, i);
}

void
column_decode_nulls(const ColVector *vector, uint32 rows, const uint8 *payload, bool *nulls)
{
	uint32 whole = rows & ~(uint32) 7;

	StaticAssertDecl(sizeof(bool) == 1, "a bool is a byte");
	if (!column_has_validity(vector, rows))
	{
		memset(nulls, vector->null_count > 0, rows);
		return;
	}
	for (uint32 i = 0; i < whole; i += 8)
	{
		/* spread the bits of a byte over eight: bit k to bit k of byte k, then to bit 0 */
		uint64 bits = payload[i / 8] * UINT64CONST(0x0101010101010101);

		bits &= UINT64CONST(0x8040201008040201);
		bits = (bits + UINT64CONST(0x7F7F7F7F7F7F7F7F)) >> 7;
		bitpack_store64((uint8 *) nulls + i, ~bits & UINT64CONST(0x0101010101010101));
	}
	for (uint32 i = whole; i < rows; i++)
		nulls[i] = !bitmap_test(payload, i);
}

/* ---- codes ---- */

static void
decode_lanes16(const uint8 *src, uint32 width, uint64 base, uint64 divisor, uint64 *out)
{
	uint16 fields[LANES_VECTOR_ROWS];

	unpack16(src, width, fields);
	if (divisor == 1)
		for (uint32 i = 0; i < LANES_VECTOR_ROWS; i++)
			out[i] = base + fields[i];
	else
		for (uint32 i = 0; i < LANES_VECTOR_ROWS; i++)
			out[i] = base + divisor * fields[i];
}

static void
decode_lanes32(const uint8 *src, uint32 width, uint64 base, uint64 divisor, uint64 *out)
{
	uint32 fields[LANES_VECTOR_ROWS];

	unpack32(src, width, fields);
	if (divisor == 1)
		for (uint32 i = 0; i < LANES_VECTOR_ROWS; i++)
			out[i] = base + fields[i];
	else
		for (uint32 i = 0; i < LANES_VECTOR_ROWS; i++)
			out[i] = base + divisor * fields[i];
}

static void
decode_lanes64(const uint8 *src, uint32 width, uint64 base, uint64 divisor, uint64 *out)
{
	uint64 room[LANES_BYTES(64) / sizeof(uint64)];

	lanes_unpack64(aligned(src, width, room), width, out);
	if (divisor == 1)
		for (uint32 i = 0; i < LANES_VECTOR_ROWS; i++)
			out[i] += base;
	else
		for (uint32 i = 0; i < LANES_VECTOR_ROWS; i++)
			out[i] = base + divisor * out[i];
}

static void
decode_dict_codes(const ColVector *vector, uint32 rows, const uint8 *fields_at, const uint8 *dict,
				  uint64 *out)
{
	uint16 fields[LANES_VECTOR_ROWS];
	const uint64 *codes = (const uint64 *) dict + vector->min;

	unpack16(fields_at, vector->width, fields);
	for (uint32 i = 0; i < rows; i++)
		out[i] = codes[fields[i]];
}

void
column_decode_codes(const ColDesc *desc, const ColVector *vector, uint32 rows, const uint8 *payload,
					const uint8 *dict, uint64 *out)
{
	const uint8 *src = body(vector, rows, payload);
	uint64 value = vector->encoding == COL_ENC_CONST ? vector->min : 0;

	Assert(desc->store == COL_STORE_CODE && rows <= COL_VECTOR_ROWS);
	if (vector->encoding == COL_ENC_DICT)
		decode_dict_codes(vector, rows, src, dict, out);
	else if (vector->encoding != COL_ENC_LANES)
		for (uint32 i = 0; i < rows; i++)
			out[i] = value;
	else if (vector->width <= 16)
		decode_lanes16(src, vector->width, vector->min, desc->divisor, out);
	else if (vector->width <= 32)
		decode_lanes32(src, vector->width, vector->min, desc->divisor, out);
	else
		decode_lanes64(src, vector->width, vector->min, desc->divisor, out);
}

/* dictionary position of one row of a DICT vector */
static inline uint32
position_at(const ColVector *vector, uint32 rows, const uint8 *payload, uint32 i)
{
	return (uint32) (vector->min + lanes_get(body(vector, rows, payload), vector->width, i));
}

uint64
column_code_at(const ColDesc *desc, const ColVector *vector, uint32 rows, const uint8 *payload,
			   const uint8 *dict, uint32 i)
{
	Assert(desc->store == COL_STORE_CODE && i < rows);
	switch (vector->encoding)
	{
		case COL_ENC_CONST:
			return vector->min;
		case COL_ENC_LANES:
			return vector->min +
				   desc->divisor * lanes_get(body(vector, rows, payload), vector->width, i);
		case COL_ENC_DICT:
			return column_dict_code(dict, position_at(vector, rows, payload, i));
		default:
			return 0;
	}
}

void
column_decode_positions(const ColVector *vector, uint32 rows, const uint8 *payload, uint32 *out)
{
	uint16 fields[LANES_VECTOR_ROWS];

	if (vector->encoding == COL_ENC_NULLS)
	{
		memset(out, 0, rows * sizeof(*out));
		return;
	}
	Assert(vector->encoding == COL_ENC_DICT);
	unpack16(body(vector, rows, payload), vector->width, fields);
	for (uint32 i = 0; i < rows; i++)
		out[i] = (uint32) vector->min + fields[i];
}

uint64
column_dict_code(const uint8 *dict, uint32 position)
{
	return ((const uint64 *) dict)[position];
}

/* ---- bytes ---- */

ColSpan
column_dict_span(const ColDesc *desc, const uint8 *dict, uint32 position)
{
	ColSpan span;

	Assert(position < desc->dict_count);
	if (desc->store == COL_STORE_FIXED)
	{
		span.bytes = (uint32) desc->typlen;
		span.data = dict + (Size) position * span.bytes;
	}
	else
	{
		const uint32 *offsets = (const uint32 *) dict;

		span.bytes = offsets[position + 1] - offsets[position];
		span.data = (const uint8 *) (offsets + desc->dict_count + 1) + offsets[position];
	}
	return span;
}

/* the value of a CONST vector, the empty span of a NULLS vector */
static ColSpan
const_span(const ColVector *vector, uint32 rows, const uint8 *payload)
{
	ColSpan span = { (const uint8 *) "", 0 };

	if (vector->encoding == COL_ENC_CONST)
	{
		span.bytes = vector->bytes - validity_bytes(vector, rows);
		span.data = body(vector, rows, payload);
	}
	return span;
}

static void
decode_plain_bytes(const ColVector *vector, uint32 rows, const uint8 *src, ColSpan *out)
{
	uint32 fields[LANES_VECTOR_ROWS];
	uint32 shortest = load32(src);
	const uint8 *data = src + PLAIN_HEADER_BYTES + LANES_BYTES(vector->width);

	unpack32(src + PLAIN_HEADER_BYTES, vector->width, fields);
	for (uint32 i = 0; i < rows; i++)
	{
		out[i].data = data;
		out[i].bytes = shortest + fields[i];
		data += out[i].bytes;
	}
}

void
column_decode_spans(const ColDesc *desc, const ColVector *vector, uint32 rows, const uint8 *payload,
					const uint8 *dict, ColSpan *out)
{
	const uint8 *src = body(vector, rows, payload);

	Assert(desc->store == COL_STORE_FIXED || desc->store == COL_STORE_BYTES);
	if (vector->encoding == COL_ENC_DICT)
	{
		uint16 fields[LANES_VECTOR_ROWS];

		unpack16(src, vector->width, fields);
		for (uint32 i = 0; i < rows; i++)
			out[i] = column_dict_span(desc, dict, (uint32) vector->min + fields[i]);
	}
	else if (vector->encoding != COL_ENC_PLAIN)
	{
		ColSpan span = const_span(vector, rows, payload);

		for (uint32 i = 0; i < rows; i++)
			out[i] = span;
	}
	else if (desc->store == COL_STORE_BYTES)
		decode_plain_bytes(vector, rows, src, out);
	else
		for (uint32 i = 0; i < rows; i++)
		{
			out[i].bytes = (uint32) desc->typlen;
			out[i].data = src + (Size) i * out[i].bytes;
		}
}

uint32
column_plain_head(const ColDesc *desc, const ColVector *vector, uint32 rows)
{
	uint32 bytes = validity_bytes(vector, rows);

	Assert(vector->encoding == COL_ENC_PLAIN);
	if (desc->store == COL_STORE_BYTES)
		bytes += PLAIN_HEADER_BYTES + (uint32) LANES_BYTES(vector->width);
	return bytes;
}

bool
column_plain_place(const ColDesc *desc, const ColVector *vector, uint32 rows, const uint8 *head,
				   uint32 i, uint32 *place, uint32 *bytes)
{
	const uint8 *src = body(vector, rows, head);
	uint64 start = column_plain_head(desc, vector, rows);

	Assert(i < rows);
	if (desc->store == COL_STORE_FIXED)
	{
		*bytes = (uint32) desc->typlen;
		start += (uint64) i * *bytes;
	}
	else
	{
		/* behind the values before it */
		*bytes = load32(src);
		start += (uint64) i * *bytes;
		if (vector->width > 0)
		{
			uint32 fields[LANES_VECTOR_ROWS];

			unpack32(src + PLAIN_HEADER_BYTES, vector->width, fields);
			for (uint32 k = 0; k < i; k++)
				start += fields[k];
			*bytes += fields[i];
		}
	}
	*place = (uint32) start;
	return start + *bytes <= vector->bytes;
}

ColSpan
column_span_at(const ColDesc *desc, const ColVector *vector, uint32 rows, const uint8 *payload,
			   const uint8 *dict, uint32 i)
{
	ColSpan span;
	uint32 place;

	Assert(desc->store == COL_STORE_FIXED || desc->store == COL_STORE_BYTES);
	Assert(i < rows);
	if (vector->encoding == COL_ENC_DICT)
		return column_dict_span(desc, dict, position_at(vector, rows, payload, i));
	if (vector->encoding != COL_ENC_PLAIN)
		return const_span(vector, rows, payload);
	/* checked before: it lies in the payload */
	(void) column_plain_place(desc, vector, rows, payload, i, &place, &span.bytes);
	span.data = payload + place;
	return span;
}
