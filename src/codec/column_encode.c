/*
 * column_encode.c
 *		Encode one column of a row group (column_format.h).  Pure code.
 *
 * Three steps: look at the values once (facts of each vector, the column's
 * range and divisor), plan every vector without (long values compressed if that pays) and
 * with a dictionary and keep the smaller plan, write the chunk.  All choices follow from the
 * values alone, so the same values always give the same bytes.
 */
#ifndef OMENDB_UNIT
#include "postgres.h"
#endif

#include "codec/column_encode.h"
#include "codec/lanes.h"

/* codes that tell whether to look for a dictionary */
#define HOPELESS_SAMPLE 1024

/* ---- looking at the values ---- */

static pg_attribute_always_inline void
look_at_codes(Encoder *enc, uint32 v, const uint8 *nulls)
{
	const uint64 *codes = enc->in->codes;
	ColVector *header = &enc->headers[v];
	uint32 first = enc->facts[v].first;
	uint32 end = v * COL_VECTOR_ROWS + column_input_rows(enc->in, v);
	uint64 min = PG_UINT64_MAX;
	uint64 max = 0;
	uint64 last = codes[first];
	uint32 runs = 1;
	bool ascending = true;

	for (uint32 row = first; row < end; row++)
	{
		uint64 code = codes[row];

		if (nulls != NULL && nulls[row] != 0)
			continue;
		min = Min(min, code);
		max = Max(max, code);
		runs += code != last;
		ascending &= code >= last;
		last = code;
	}
	header->min = min;
	header->max = max;
	enc->facts[v].same = min == max;
	enc->facts[v].runs = runs;
	enc->facts[v].ascending = ascending;
}

static void
look_at_spans(Encoder *enc, uint32 v)
{
	const ColInput *in = enc->in;
	VectorFacts *facts = &enc->facts[v];
	uint32 start = v * COL_VECTOR_ROWS;
	uint32 end = start + column_input_rows(in, v);
	ColSpan first = column_input_span(in, facts->first);
	uint32 shortest = enc->headers[v].null_count > 0 ? 0 : first.bytes;
	uint32 longest = first.bytes;
	uint64 min = PG_UINT64_MAX;
	uint64 max = 0;
	uint64 total = 0;
	bool same = true;

	for (uint32 row = start; row < end; row++)
	{
		ColSpan span;
		uint64 prefix;

		if (column_input_null(in, row))
			continue;
		span = column_input_span(in, row);
		prefix = column_span_prefix(span);
		min = Min(min, prefix);
		max = Max(max, prefix);
		shortest = Min(shortest, span.bytes);
		longest = Max(longest, span.bytes);
		total += span.bytes;
		same = same && column_span_equal(first, span);
	}
	enc->headers[v].min = min;
	enc->headers[v].max = max;
	facts->shortest = shortest;
	facts->longest = longest;
	facts->total = total;
	facts->same = same;
}

/* facts of a vector; counts its NULLs */
static void
look_at_vector(Encoder *enc, uint32 v)
{
	const ColInput *in = enc->in;
	uint32 rows = column_input_rows(in, v);
	uint32 start = v * COL_VECTOR_ROWS;
	uint32 nulls = 0;

	if (in->nulls != NULL)
		for (uint32 i = 0; i < rows; i++)
			nulls += in->nulls[start + i] != 0;
	enc->headers[v].null_count = (uint16) nulls;
	enc->desc->null_count += nulls;
	if (nulls == rows)
		return;
	enc->facts[v].first = start;
	while (column_input_null(in, enc->facts[v].first))
		enc->facts[v].first++;
	if (in->store != COL_STORE_CODE)
		look_at_spans(enc, v);
	else if (nulls > 0)
		look_at_codes(enc, v, in->nulls);
	else
		look_at_codes(enc, v, NULL);
}

/* no value below the one before; there are no NULLs */
static bool
is_sorted(const ColInput *in)
{
	for (uint32 row = 1; row < in->rows; row++)
		if (in->store == COL_STORE_CODE ? in->codes[row - 1] > in->codes[row]
										: column_span_compare(column_input_span(in, row - 1),
															  column_input_span(in, row)) > 0)
			return false;
	return true;
}

/* floats: neither NaN nor infinity nor -0; the codes are in the order of their ColOrder */
static bool
is_finite(const Encoder *enc)
{
	const ColInput *in = enc->in;
	bool wide = in->order == COL_ORDER_FLOAT8;
	/* codes of -0 and of what follows -inf and precedes +inf */
	uint64 minus_zero = wide ? UINT64CONST(0x7FFFFFFFFFFFFFFF) : 0x7FFFFFFF;
	uint64 least = wide ? UINT64CONST(0x0010000000000000) : 0x00800000;
	uint64 greatest = wide ? UINT64CONST(0xFFEFFFFFFFFFFFFF) : 0xFF7FFFFF;

	if (in->order != COL_ORDER_FLOAT4 && in->order != COL_ORDER_FLOAT8)
		return false;
	if (enc->desc->min < least || enc->desc->max > greatest)
		return false;
	for (uint32 row = 0; row < in->rows; row++)
		if (in->codes[row] == minus_zero && !column_input_null(in, row))
			return false;
	return true;
}

/* ---- plans ---- */

/* Plan a vector without dictionary.  CONST beats all others. */
static void
plan_vector(Encoder *enc, uint32 v)
{
	const ColInput *in = enc->in;
	ColVector *header = &enc->headers[v];
	VectorFacts *facts = &enc->facts[v];

	if (column_vector_empty(enc, v))
	{
		header->encoding = COL_ENC_NULLS;
		return;
	}
	facts->bytes = column_validity_bytes(enc, v);
	if (facts->same)
	{
		header->encoding = COL_ENC_CONST;
		if (in->store == COL_STORE_FIXED)
			facts->bytes += in->typlen;
		else if (in->store == COL_STORE_BYTES)
			facts->bytes += facts->longest;
		return;
	}
	switch (in->store)
	{
		case COL_STORE_CODE:
			column_plan_codes(enc, v);
			break;
		case COL_STORE_FIXED:
			header->encoding = COL_ENC_PLAIN;
			facts->bytes += (uint64) column_input_rows(in, v) * in->typlen;
			break;
		default:
			header->encoding = COL_ENC_PLAIN;
			header->width = (uint8) bitpack_width(facts->longest - facts->shortest);
			facts->bytes += 2 * sizeof(uint32) + LANES_BYTES(header->width) + facts->total;
			break;
	}
}

uint64
column_planned_bytes(const Encoder *enc)
{
	uint64 total = 0;

	for (uint32 v = 0; v < enc->vectors; v++)
		total += COL_ALIGN(enc->facts[v].bytes);
	return total;
}

/* ---- dictionary ---- */

static inline uint32
dict_width(const ColDict *dict, uint32 v)
{
	return bitpack_width((uint64) dict->high[v] - dict->low[v]);
}

/* a vector of positions behind its validity bitmap: in runs, if that is small enough */
static inline uint64
dict_vector_bytes(const ColDict *dict, uint32 v, bool *in_runs)
{
	uint32 width = dict_width(dict, v);

	*in_runs = column_runs_pay(dict->runs[v], width);
	return *in_runs ? column_runs_bytes(dict->runs[v], width) : LANES_BYTES(width);
}

/* payloads and dictionary if all vectors take to it */
static uint64
dict_planned_bytes(const Encoder *enc, const ColDict *dict)
{
	uint64 total = COL_ALIGN(dict->bytes);
	bool in_runs;

	for (uint32 v = 0; v < enc->vectors; v++)
		if (!column_vector_empty(enc, v))
			total += column_validity_bytes(enc, v) + dict_vector_bytes(dict, v, &in_runs);
	return total;
}

static int
compare_codes(const void *a, const void *b)
{
	uint64 x = *(const uint64 *) a;
	uint64 y = *(const uint64 *) b;

	return (x > y) - (x < y);
}

/* how many of n ascending codes are below a limit */
static uint32
codes_below(const uint64 *codes, uint32 n, uint64 limit)
{
	uint32 low = 0;

	while (low < n)
	{
		uint32 middle = (low + n) / 2;

		if (codes[middle] < limit)
			low = middle + 1;
		else
			n = middle;
	}
	return low;
}

/*
 * Codes by chance already tell how many positions there are at least in the range of each vector, and with that a
 * width: most columns of few values are dense, and a dictionary would not make the fields any narrower.
 */
static bool
dict_is_hopeless(const Encoder *enc, uint64 limit)
{
	const ColInput *in = enc->in;
	uint64 codes[HOPELESS_SAMPLE];
	uint32 n = 0;
	uint32 distinct = 0;
	uint64 least;

	if (in->store != COL_STORE_CODE || in->rows < 4 * HOPELESS_SAMPLE)
		return false;
	for (uint32 i = 0; i < HOPELESS_SAMPLE; i++)
	{
		uint32 row = (uint32) (column_mix(i + 1) % in->rows);

		if (!column_input_null(in, row))
			codes[n++] = in->codes[row];
	}
	qsort(codes, n, sizeof(*codes), compare_codes);
	for (uint32 i = 0; i < n; i++)
		if (i == 0 || codes[i] != codes[distinct - 1])
			codes[distinct++] = codes[i];
	least = distinct * sizeof(uint64);
	for (uint32 v = 0; v < enc->vectors && least <= limit; v++)
	{
		const ColVector *header = &enc->headers[v];
		uint32 met;
		uint32 width;

		if (column_vector_empty(enc, v))
			continue;
		met =
			header->max == PG_UINT64_MAX ? distinct : codes_below(codes, distinct, header->max + 1);
		met -= codes_below(codes, distinct, header->min);
		width = met == 0 ? 0 : bitpack_width(met - 1);
		least += Min(LANES_BYTES(width), column_runs_bytes(enc->facts[v].runs, width));
	}
	return least > limit;
}

/* a dictionary, if one makes the column small enough */
static ColDict *
dict_try(const Encoder *enc)
{
	const ColInput *in = enc->in;
	uint64 plain = column_planned_bytes(enc);
	uint64 limit = in->store == COL_STORE_CODE ? plain / 5 * 4 : plain / 10 * 9;
	ColDict *dict;

	if (dict_is_hopeless(enc, limit))
		return NULL;
	dict = column_dict_build(in, in->rows - enc->desc->null_count, limit);

	if (dict != NULL && dict_planned_bytes(enc, dict) > limit)
	{
		column_dict_free(dict);
		dict = NULL;
	}
	return dict;
}

/* room for a dictionary, or for symbols */
static void
place_dict(Encoder *enc, uint32 bytes, uint32 count)
{
	enc->desc->dict_offset = enc->vectors * (uint32) sizeof(ColVector);
	enc->desc->dict_bytes = bytes;
	enc->desc->dict_count = count;
}

/* plan all vectors with the dictionary */
static void
dict_adopt(Encoder *enc, const ColDict *dict)
{
	ColDesc *desc = enc->desc;
	bool in_runs;

	for (uint32 v = 0; v < enc->vectors; v++)
	{
		ColVector *header = &enc->headers[v];

		if (column_vector_empty(enc, v))
			continue;
		enc->facts[v].bytes = column_validity_bytes(enc, v) + dict_vector_bytes(dict, v, &in_runs);
		header->encoding = in_runs ? COL_ENC_DICT_RUNS : COL_ENC_DICT;
		header->width = (uint8) dict_width(dict, v);
		header->min = dict->low[v];
		header->max = dict->high[v];
	}
	desc->flags |= COL_FLAG_DICT;
	desc->divisor = 1;
	desc->min = 0;
	desc->max = dict->count - 1;
	place_dict(enc, (uint32) dict->bytes, dict->count);
}

/*
 * Symbols for strings without a dictionary, and for those whose dictionary is most of what they take: there
 * the dictionary goes if it takes much more.  Returns the dictionary that is left.
 */
static ColDict *
symbols_try(Encoder *enc, ColDict *dict)
{
	uint64 limit = PG_UINT64_MAX;

	if (enc->in->store != COL_STORE_BYTES)
		return dict;
	if (dict != NULL)
	{
		uint64 bytes = dict_planned_bytes(enc, dict);

		if (dict->bytes < bytes / 2)
			return dict;
		limit = bytes / 5 * 4;
	}
	if (!column_try_symbols(enc, limit))
		return dict;
	enc->desc->flags |= COL_FLAG_SYMBOLS;
	place_dict(enc, fsst_symbols_bytes(enc->symbols), fsst_symbols(enc->symbols));
	if (dict != NULL)
		column_dict_free(dict);
	return NULL;
}

/* ---- writing ---- */

static void
write_dict(const Encoder *enc, const ColDict *dict, uint8 *dst)
{
	uint64 *codes = (uint64 *) dst;
	uint32 *offsets = (uint32 *) dst;
	uint8 *data = dst;

	if (enc->in->store == COL_STORE_BYTES)
	{
		data += (dict->count + (Size) 1) * sizeof(*offsets);
		offsets[0] = 0;
	}
	for (uint32 i = 0; i < dict->count; i++)
	{
		const ColDictEntry *entry = &dict->entries[i];

		if (enc->in->store == COL_STORE_CODE)
		{
			codes[i] = entry->key;
			continue;
		}
		memcpy(data, entry->data, entry->bytes);
		data += entry->bytes;
		if (enc->in->store == COL_STORE_BYTES)
			offsets[i + 1] = offsets[i] + entry->bytes;
	}
}

static void
write_payload(const Encoder *enc, const ColDict *dict, uint32 v, uint8 *dst)
{
	const ColInput *in = enc->in;
	const ColVector *header = &enc->headers[v];
	const VectorFacts *facts = &enc->facts[v];

	if (column_validity_bytes(enc, v) > 0)
	{
		for (uint32 i = 0; i < column_input_rows(in, v); i++)
			if (!column_input_null(in, v * COL_VECTOR_ROWS + i))
				bitmap_set(dst, i);
		dst += COL_VALIDITY_BYTES;
	}
	if (header->encoding == COL_ENC_CONST && in->store != COL_STORE_CODE)
	{
		ColSpan span = column_input_span(in, facts->first);

		memcpy(dst, span.data, span.bytes);
	}
	else if (header->encoding == COL_ENC_PLAIN)
		column_write_plain(enc, v, dst);
	else if (header->encoding == COL_ENC_PGLZ)
		column_write_pglz(enc, v, dst);
	else if (header->encoding == COL_ENC_FSST)
		column_write_fsst(enc, v, dst);
	else if (header->encoding != COL_ENC_CONST && header->encoding != COL_ENC_NULLS)
		column_write_codes(enc, dict, v, dst);
}

static uint8 *
write_chunk(Encoder *enc, const ColDict *dict)
{
	ColDesc *desc = enc->desc;
	uint64 headers_bytes = enc->vectors * sizeof(ColVector);
	uint64 end = headers_bytes + COL_ALIGN((uint64) desc->dict_bytes) + desc->bloom_bytes;
	uint8 *chunk;

	desc->chunk_bytes = end + column_planned_bytes(enc);
	/* palloc refuses far less than 2^32 bytes, so no 32-bit number below can overflow */
	chunk = palloc0(desc->chunk_bytes);
	Assert(desc->chunk_bytes <= UINT32_MAX);
	if (dict != NULL)
		write_dict(enc, dict, chunk + desc->dict_offset);
	else if (enc->symbols != NULL)
		fsst_write_symbols(enc->symbols, chunk + desc->dict_offset);
	if (desc->dict_bytes > 0)
	{
		desc->dict_crc = column_crc(chunk + desc->dict_offset, desc->dict_bytes);
	}
	if (desc->bloom_bytes > 0)
		column_write_bloom(enc, chunk + desc->bloom_offset);
	for (uint32 v = 0; v < enc->vectors; v++)
	{
		ColVector *header = &enc->headers[v];

		header->offset = (uint32) end;
		header->bytes = (uint32) enc->facts[v].bytes;
		write_payload(enc, dict, v, chunk + end);
		header->crc = column_crc(chunk + end, header->bytes);
		end += COL_ALIGN((uint64) header->bytes);
	}
	Assert(end == desc->chunk_bytes);
	memcpy(chunk, enc->headers, headers_bytes);
	desc->vectors_crc = column_crc(chunk, headers_bytes);
	desc->chunk_crc = column_crc(chunk, desc->chunk_bytes);
	return chunk;
}

/* ---- the column ---- */

/* Everything the encoder answers for, as it is in a column without values. */
static void
clear_desc(const ColInput *in, ColDesc *desc)
{
	desc->store = COL_STORE_NONE;
	desc->order = (uint8) in->order;
	desc->flags &= COL_FLAG_NUMERIC | COL_FLAG_TYPMOD_SCALE;
	desc->vectors = 0;
	desc->null_count = 0;
	desc->divisor = 1;
	desc->chunk_bytes = 0;
	desc->min = 0;
	desc->max = 0;
	desc->dict_offset = 0;
	desc->dict_bytes = 0;
	desc->dict_count = 0;
	desc->dict_crc = 0;
	desc->vectors_crc = 0;
	desc->chunk_crc = 0;
	desc->bloom_offset = 0;
	desc->bloom_bytes = 0;
	desc->bloom_section = 0;
	desc->bloom_probes = 0;
	memset(desc->reserved, 0, sizeof(desc->reserved));
}

/* the range of the column, its flags and its divisor */
static void
summarize(Encoder *enc)
{
	const ColInput *in = enc->in;
	ColDesc *desc = enc->desc;

	desc->store = (uint8) in->store;
	desc->vectors = (uint16) enc->vectors;
	desc->min = PG_UINT64_MAX;
	for (uint32 v = 0; v < enc->vectors; v++)
		if (!column_vector_empty(enc, v))
		{
			desc->min = Min(desc->min, enc->headers[v].min);
			desc->max = Max(desc->max, enc->headers[v].max);
		}
	if (desc->null_count == 0)
	{
		desc->flags |= COL_FLAG_NO_NULLS;
		if (is_sorted(in))
			desc->flags |= COL_FLAG_SORTED;
	}
	if (in->store == COL_STORE_CODE && is_finite(enc))
		desc->flags |= COL_FLAG_FINITE;
	/* differences of bit patterns and of floats mean nothing */
	if (in->store == COL_STORE_CODE &&
		(in->order == COL_ORDER_SIGNED || in->order == COL_ORDER_UNSIGNED))
		desc->divisor = column_find_divisor(enc);
}

uint8 *
column_encode(const ColInput *in, ColDesc *desc)
{
	Encoder *enc;
	ColDict *dict;
	uint8 *chunk;

	Assert(in->rows >= 1 && in->rows <= COL_ROWS_MAX);
	Assert(in->store != COL_STORE_FIXED || in->typlen > 0);
	clear_desc(in, desc);
	if (in->store == COL_STORE_NONE)
	{
		desc->null_count = in->rows;
		return NULL;
	}
	enc = palloc0(sizeof(*enc));
	enc->in = in;
	enc->desc = desc;
	enc->vectors = (in->rows + COL_VECTOR_ROWS - 1) / COL_VECTOR_ROWS;
	for (uint32 v = 0; v < enc->vectors; v++)
		look_at_vector(enc, v);
	if (desc->null_count == in->rows)
	{
		pfree(enc);
		return NULL;
	}
	summarize(enc);
	for (uint32 v = 0; v < enc->vectors; v++)
	{
		plan_vector(enc, v);
		if (!in->plain)
			column_try_compression(enc, v);
	}
	dict = dict_try(enc);
	if (!in->plain)
		dict = symbols_try(enc, dict);
	if (dict != NULL)
		dict_adopt(enc, dict);
	column_plan_bloom(enc);
	chunk = write_chunk(enc, dict);
	if (dict != NULL)
		column_dict_free(dict);
	column_free_bloom(enc);
	column_free_strings(enc);
	pfree(enc);
	return chunk;
}
