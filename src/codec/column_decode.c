/*
 * column_decode.c
 *		Decode one column of a row group.  Pure code.
 *
 * Nothing is checked here: column_check.c has done so.
 */
#ifndef OMENDB_UNIT
#include "postgres.h"
#endif

#include "codec/column_decimal.h"

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

static void
decode_runs(const ColDesc *desc, const ColVector *vector, uint32 rows, const uint8 *payload,
			const uint8 *dict, uint64 *out)
{
	const uint8 *bitmap = runs_bitmap(vector, payload);
	const uint8 *fields = body(vector, rows, payload);
	uint32 end;

	for (uint32 run = 0, i = 0; i < rows; run++)
	{
		uint64 field = bitpack_get(fields, run, vector->width);
		uint64 code = vector->encoding == COL_ENC_DICT_RUNS
						  ? column_dict_code(dict, (uint32) (vector->min + field))
						  : vector->min + desc->divisor * field;

		for (end = Min(next_run(bitmap, i + 1), rows); i < end; i++)
			out[i] = code;
	}
}

static void
decode_run_positions(const ColVector *vector, uint32 rows, const uint8 *payload, uint32 *out)
{
	const uint8 *bitmap = runs_bitmap(vector, payload);
	const uint8 *fields = body(vector, rows, payload);
	uint32 end;

	for (uint32 run = 0, i = 0; i < rows; run++)
	{
		uint32 position = (uint32) (vector->min + bitpack_get(fields, run, vector->width));

		for (end = Min(next_run(bitmap, i + 1), rows); i < end; i++)
			out[i] = position;
	}
}

/* 1,024 fields of 0..64 bits, widened */
static void
unpack64(const uint8 *src, uint32 width, uint64 *out)
{
	if (width <= 16)
		decode_lanes16(src, width, 0, 1, out);
	else if (width <= 32)
		decode_lanes32(src, width, 0, 1, out);
	else
		decode_lanes64(src, width, 0, 1, out);
}

static void
decode_ascending(const ColDesc *desc, const ColVector *vector, uint32 rows, const uint8 *src,
				 uint64 *out)
{
	const uint8 *bitmap = src + LANES_BYTES(vector->width);
	uint32 high[COL_VECTOR_ROWS];
	uint32 i = 0;

	/* there are exactly as many bits as rows */
	for (uint32 bit = 0; i < rows; bit += 64)
		for (uint64 word = bitpack_load64(bitmap + bit / 8); word != 0; word &= word - 1, i++)
			high[i] = bit + (uint32) __builtin_ctzll(word) - i;
	unpack64(src, vector->width, out);
	for (i = 0; i < rows; i++)
		out[i] = vector->min + desc->divisor * (out[i] + ((uint64) high[i] << vector->width));
}

static void
decode_linear(const ColDesc *desc, const ColVector *vector, uint32 rows, const uint8 *src,
			  uint64 *out)
{
	uint64 base = vector->min + desc->divisor * bitpack_load64(src);
	uint64 slope = bitpack_load64(src + sizeof(uint64));
	uint64 product = 0;

	unpack64(src + LINEAR_HEADER_BYTES, vector->width, out);
	for (uint32 i = 0; i < rows; i++, product += slope)
		out[i] = base + desc->divisor * (out[i] + (product >> COL_LINEAR_SHIFT));
}

/* the row of a patch; its width was checked, which analyzers cannot know */
static inline uint32
patch_row(const Patches *p, uint64 patch)
{
	Assert(p->width <= 64 - COL_PATCH_ROW_BITS);
	return (uint32) (patch >> (p->width % 64));
}

static void
decode_patched(const ColDesc *desc, const ColVector *vector, const uint8 *src, uint64 *out)
{
	Patches p = read_patches(src);
	uint64 base = vector->min + desc->divisor * p.base;

	if (vector->width <= 16)
		decode_lanes16(p.lanes, vector->width, base, desc->divisor, out);
	else if (vector->width <= 32)
		decode_lanes32(p.lanes, vector->width, base, desc->divisor, out);
	else
		decode_lanes64(p.lanes, vector->width, base, desc->divisor, out);
	for (uint32 i = 0; i < p.count; i++)
	{
		uint64 patch = bitpack_get(p.stream, i, COL_PATCH_ROW_BITS + p.width);

		out[patch_row(&p, patch)] = vector->min + desc->divisor * (patch & bitpack_mask(p.width));
	}
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
	else if (vector->encoding == COL_ENC_RUNS || vector->encoding == COL_ENC_DICT_RUNS)
		decode_runs(desc, vector, rows, payload, dict, out);
	else if (vector->encoding == COL_ENC_ASCENDING)
		decode_ascending(desc, vector, rows, src, out);
	else if (vector->encoding == COL_ENC_LINEAR)
		decode_linear(desc, vector, rows, src, out);
	else if (vector->encoding == COL_ENC_PATCHED)
		decode_patched(desc, vector, src, out);
	else if (vector->encoding == COL_ENC_DECIMAL)
	{
		unpack64(src + COL_DECIMAL_HEADER_BYTES, vector->width, out);
		column_decode_decimals(desc, vector, src, out);
	}
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

/* set bits among the first n of a bitmap */
static inline uint32
count_first_bits(const uint8 *bitmap, uint32 n)
{
	uint32 count = 0;

	for (uint32 at = 0; at * 64 < n; at++)
	{
		uint64 word = bitpack_load64(bitmap + at * 8);

		if (n - at * 64 < 64)
			word &= bitpack_mask(n - at * 64);
		count += bits_of_word(word);
	}
	return count;
}

/* the field of row i of a vector of runs */
static uint64
run_field_at(const ColVector *vector, uint32 rows, const uint8 *payload, uint32 i)
{
	uint32 run = count_first_bits(runs_bitmap(vector, payload), i + 1) - 1;

	return bitpack_get(body(vector, rows, payload), run, vector->width);
}

/* the upper part of row i of an ascending vector: where bit number i is, less i */
static uint64
ascending_high_at(const uint8 *bitmap, uint32 i)
{
	uint32 left = i;
	uint32 bit = 0;
	uint64 word = bitpack_load64(bitmap);

	for (uint32 count; (count = bits_of_word(word)) <= left;
		 word = bitpack_load64(bitmap + bit / 8))
	{
		left -= count;
		bit += 64;
	}
	for (; left > 0; left--)
		word &= word - 1;
	return bit + (uint32) __builtin_ctzll(word) - i;
}

static uint64
patched_field_at(const ColVector *vector, const uint8 *src, uint32 i)
{
	Patches p = read_patches(src);
	uint32 low = 0;

	for (uint32 high = p.count; low < high;)
	{
		uint32 mid = (low + high) / 2;
		uint64 patch = bitpack_get(p.stream, mid, COL_PATCH_ROW_BITS + p.width);

		if (patch_row(&p, patch) == i)
			return patch & bitpack_mask(p.width);
		if (patch_row(&p, patch) < i)
			low = mid + 1;
		else
			high = mid;
	}
	return p.base + lanes_get(p.lanes, vector->width, i);
}

/* dictionary position of one row of a DICT or DICT_RUNS vector */
static inline uint32
position_at(const ColVector *vector, uint32 rows, const uint8 *payload, uint32 i)
{
	if (vector->encoding == COL_ENC_DICT_RUNS)
		return (uint32) (vector->min + run_field_at(vector, rows, payload, i));
	return (uint32) (vector->min + lanes_get(body(vector, rows, payload), vector->width, i));
}

uint64
column_code_at(const ColDesc *desc, const ColVector *vector, uint32 rows, const uint8 *payload,
			   const uint8 *dict, uint32 i)
{
	const uint8 *src = body(vector, rows, payload);

	Assert(desc->store == COL_STORE_CODE && i < rows);
	switch (vector->encoding)
	{
		case COL_ENC_CONST:
			return vector->min;
		case COL_ENC_LANES:
			return vector->min + desc->divisor * lanes_get(src, vector->width, i);
		case COL_ENC_RUNS:
			return vector->min + desc->divisor * run_field_at(vector, rows, payload, i);
		case COL_ENC_ASCENDING:
			return vector->min +
				   desc->divisor *
					   (lanes_get(src, vector->width, i) +
						(ascending_high_at(src + LANES_BYTES(vector->width), i) << vector->width));
		case COL_ENC_LINEAR:
			return vector->min +
				   desc->divisor * (bitpack_load64(src) +
									lanes_get(src + LINEAR_HEADER_BYTES, vector->width, i) +
									(bitpack_load64(src + sizeof(uint64)) * i >> COL_LINEAR_SHIFT));
		case COL_ENC_PATCHED:
			return vector->min + desc->divisor * patched_field_at(vector, src, i);
		case COL_ENC_DECIMAL:
			return column_decimal_at(desc, vector, src, i);
		case COL_ENC_DICT:
		case COL_ENC_DICT_RUNS:
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
	Assert(column_uses_dict(vector));
	if (vector->encoding == COL_ENC_DICT_RUNS)
	{
		decode_run_positions(vector, rows, payload, out);
		return;
	}
	unpack16(body(vector, rows, payload), vector->width, fields);
	for (uint32 i = 0; i < rows; i++)
		out[i] = (uint32) vector->min + fields[i];
}

void
column_decode_fields(const ColVector *vector, uint32 rows, const uint8 *payload, uint16 *out)
{
	Assert(vector->encoding == COL_ENC_LANES && vector->width <= 16);
	unpack16(body(vector, rows, payload), vector->width, out);
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
	if (column_uses_dict(vector))
	{
		uint32 positions[COL_VECTOR_ROWS];

		column_decode_positions(vector, rows, payload, positions);
		for (uint32 i = 0; i < rows; i++)
			out[i] = column_dict_span(desc, dict, positions[i]);
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
	if (column_uses_dict(vector))
		return column_dict_span(desc, dict, position_at(vector, rows, payload, i));
	if (vector->encoding != COL_ENC_PLAIN && vector->encoding != COL_ENC_FSST)
		return const_span(vector, rows, payload);
	/* checked before: it lies in the payload */
	(void) column_plain_place(desc, vector, rows, payload, i, &place, &span.bytes);
	span.data = payload + place;
	return span;
}
