/*
 * column_decode.c
 *		Decode one column of a row group.  Pure code.
 *
 * Nothing is checked here: column_check.c has done so.
 */
#ifndef OMENDB_UNIT
#include "postgres.h"
#endif

#include "codec/column_parts.h"

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
decode_strings(const ColVector *vector, uint32 rows, const uint8 *src, ColSpan *out)
{
	uint32 fields[LANES_VECTOR_ROWS];
	uint32 shortest = load32(src);
	const uint8 *data;

	src += strings_header_bytes(vector);
	data = src + LANES_BYTES(vector->width);
	unpack32(src, vector->width, fields);
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
	else if (vector->encoding != COL_ENC_PLAIN && vector->encoding != COL_ENC_FSST)
	{
		ColSpan span = const_span(vector, rows, payload);

		for (uint32 i = 0; i < rows; i++)
			out[i] = span;
	}
	else if (desc->store == COL_STORE_BYTES)
		decode_strings(vector, rows, src, out);
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

	Assert(vector->encoding == COL_ENC_PLAIN || vector->encoding == COL_ENC_FSST);
	if (desc->store == COL_STORE_BYTES)
		bytes += strings_header_bytes(vector) + (uint32) LANES_BYTES(vector->width);
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

			unpack32(src + strings_header_bytes(vector), vector->width, fields);
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
	if (vector->encoding != COL_ENC_PLAIN && vector->encoding != COL_ENC_FSST)
		return const_span(vector, rows, payload);
	/* checked before: it lies in the payload */
	(void) column_plain_place(desc, vector, rows, payload, i, &place, &span.bytes);
	span.data = payload + place;
	return span;
}
