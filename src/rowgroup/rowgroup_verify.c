/*
 * rowgroup_verify.c
 *		Check every byte of a row group, and that what its headers say is true.
 *
 * The CRCs find what storage did to the bytes; the rest finds what a
 * defective writer did: zone maps and Bloom filters that exclude values that are there, flags that
 * promise too much, a dictionary out of order.
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"
#include "utils/memutils.h"

#include "codec/column_bloom.h"
#include "rowgroup/rowgroup_group.h"

typedef struct RgVerify
{
	RgGroup *group;
	const ColDesc *desc;
	RgCodeForm form; /* pass-by-value types */
	uint8 *chunk;	 /* aligned copy */
	const uint8 *dict;
	const uint8 *bloom; /* NULL: there is none */
	FsstTable symbols;

	/* over all vectors so far */
	bool any;
	uint64 min;
	uint64 max;
	uint64 raw_bytes;
	uint64 last_code;
	ColSpan last_span; /* in chunk or expanded */
	uint8 *expanded;   /* payload of the last vector that was compressed, NULL = none yet */

	/* of the vector at hand */
	bool nulls[COL_VECTOR_ROWS];
	uint64 codes[COL_VECTOR_ROWS];
	uint32 positions[COL_VECTOR_ROWS];
	ColSpan spans[COL_VECTOR_ROWS];
} RgVerify;

static void
rg_verify_damaged(RgVerify *verify, uint64 offset, const char *wrong)
{
	if (wrong != NULL)
		verify->group->source->damaged(verify->group->source, verify->desc->chunk_offset + offset,
									   wrong);
}

/* a code that stands for a value of the type */
static bool
rg_code_valid(const RgVerify *verify, uint64 code)
{
	return verify->form == RG_FORM_NONE ||
		   rg_datum_code(verify->form, rg_code_datum(verify->form, code)) == code;
}

/* what COL_FLAG_FINITE promises of a value */
static bool
rg_code_finite(const RgVerify *verify, uint64 code)
{
	Datum value = rg_code_datum(verify->form, code);

	if (verify->form == RG_FORM_FLOAT4)
	{
		float4 narrow = DatumGetFloat4(value);

		return isfinite(narrow) && !(narrow == 0 && signbit(narrow));
	}
	if (verify->form == RG_FORM_FLOAT8)
	{
		float8 wide = DatumGetFloat8(value);

		return isfinite(wide) && !(wide == 0 && signbit(wide));
	}
	return false;
}

static bool
rg_all_zero(const uint8 *bytes, uint64 n)
{
	for (uint64 i = 0; i < n; i++)
	{
		if (bytes[i] != 0)
			return false;
	}
	return true;
}

static void
rg_verify_dict(RgVerify *verify)
{
	const ColDesc *desc = verify->desc;
	uint64 end = desc->dict_offset + desc->dict_bytes;

	if ((desc->flags & (COL_FLAG_DICT | COL_FLAG_SYMBOLS)) == 0)
		return;
	verify->dict = verify->chunk + desc->dict_offset;
	rg_verify_damaged(verify, desc->dict_offset, column_check_dict(desc, verify->dict));
	if (!rg_all_zero(verify->chunk + end, COL_ALIGN(end) - end))
		rg_verify_damaged(verify, end, "gap behind the dictionary is not zero");
	if ((desc->flags & COL_FLAG_SYMBOLS) != 0)
	{
		rg_verify_damaged(
			verify, desc->dict_offset,
			fsst_read_symbols(&verify->symbols, verify->dict, desc->dict_count, desc->dict_bytes));
		return;
	}

	for (uint32 i = 1; i < desc->dict_count; i++)
	{
		bool ascending;

		if (desc->store == COL_STORE_CODE)
			ascending = column_dict_code(verify->dict, i - 1) < column_dict_code(verify->dict, i);
		else
		{
			ColSpan a = column_dict_span(desc, verify->dict, i - 1);
			ColSpan b = column_dict_span(desc, verify->dict, i);

			ascending = rg_compare_bytes(a.data, a.bytes, b.data, b.bytes) < 0;
		}
		if (!ascending)
			rg_verify_damaged(verify, desc->dict_offset, "dictionary does not ascend");
	}
}

/* the sections of a Bloom filter */
static void
rg_verify_bloom(RgVerify *verify)
{
	const ColDesc *desc = verify->desc;

	if ((desc->flags & COL_FLAG_BLOOM) == 0)
		return;
	verify->bloom = verify->chunk + desc->bloom_offset;
	for (uint32 i = 0; i < desc->bloom_bytes / desc->bloom_section; i++)
	{
		const char *wrong = column_check_bloom(desc, i, verify->bloom + i * desc->bloom_section);

		if (wrong != NULL)
			rg_bloom_damaged(verify->group, desc, i, wrong);
	}
}

/* a value that is there must not be excluded */
static void
rg_verify_filter(RgVerify *verify, uint64 hash)
{
	const ColDesc *desc = verify->desc;
	uint32 section = column_bloom_section(desc, hash);

	if (!column_bloom_test(desc, verify->bloom + section * desc->bloom_section, hash))
		rg_bloom_damaged(verify->group, desc, section,
						 "Bloom filter excludes a value that is there");
}

/*
 * rg_verify_value --- row i of the vector at hand; returns what zone maps are made of
 */
static uint64
rg_verify_value(RgVerify *verify, uint32 i)
{
	const ColDesc *desc = verify->desc;
	bool sorted = (desc->flags & COL_FLAG_SORTED) != 0 && verify->any;
	uint64 code;
	ColSpan span, last;

	if (desc->store == COL_STORE_CODE)
	{
		code = verify->codes[i];
		if (!rg_code_valid(verify, code))
			rg_verify_damaged(verify, 0, "value is out of range for its type");
		if ((desc->flags & COL_FLAG_FINITE) != 0 && !rg_code_finite(verify, code))
			rg_verify_damaged(verify, 0, "column is said to be finite but is not");
		if (sorted && verify->last_code > code)
			rg_verify_damaged(verify, 0, "column is said to be sorted but is not");
		if (verify->bloom != NULL)
			rg_verify_filter(verify, column_hash_code(desc->order, code));
		verify->last_code = code;
		return code;
	}

	span = verify->spans[i];
	last = verify->last_span;
	if (sorted && rg_compare_bytes(last.data, last.bytes, span.data, span.bytes) > 0)
		rg_verify_damaged(verify, 0, "column is said to be sorted but is not");
	if (verify->bloom != NULL)
		rg_verify_filter(verify, column_hash_span(span));
	verify->last_span = span;
	verify->raw_bytes += span.bytes + (desc->store == COL_STORE_BYTES ? VARHDRSZ : 0);
	return rg_prefix(span.data, span.bytes);
}

static void
rg_verify_vector(RgVerify *verify, const ColVector *header, uint32 rows)
{
	const ColDesc *desc = verify->desc;
	const uint8 *payload = verify->chunk + header->offset;
	uint64 end = header->offset + (uint64) header->bytes;
	uint8 *done = NULL;
	ColVector plain;
	uint64 min = PG_UINT64_MAX;
	uint64 max = 0;

	rg_verify_damaged(verify, header->offset, column_check_payload(desc, header, rows, payload));
	if (!rg_all_zero(verify->chunk + end, COL_ALIGN(end) - end))
		rg_verify_damaged(verify, end, "gap behind a vector is not zero");
	if (header->encoding == COL_ENC_NULLS)
		return;
	if (column_is_compressed(header))
	{
		done = verify->expanded;
		verify->expanded =
			palloc_extended(column_expanded_bytes(header, rows, payload), MCXT_ALLOC_HUGE);
		rg_verify_damaged(
			verify, header->offset,
			column_expand(header, rows, payload, &verify->symbols, &plain, verify->expanded));
		payload = verify->expanded;
		header = &plain;
	}

	column_decode_nulls(header, rows, payload, verify->nulls);
	if (column_uses_dict(header))
		column_decode_positions(header, rows, payload, verify->positions);
	if (desc->store == COL_STORE_CODE)
		column_decode_codes(desc, header, rows, payload, verify->dict, verify->codes);
	else
		column_decode_spans(desc, header, rows, payload, verify->dict, verify->spans);

	for (uint32 i = 0; i < rows; i++)
	{
		uint64 zone;

		if (verify->nulls[i])
			continue;
		zone = rg_verify_value(verify, i);
		if (column_uses_dict(header))
			zone = verify->positions[i];
		min = Min(min, zone);
		max = Max(max, zone);
		verify->any = true;
	}
	if (min != header->min || max != header->max)
		rg_verify_damaged(verify, header->offset, "range of a vector is not that of its values");
	verify->min = Min(verify->min, min);
	verify->max = Max(verify->max, max);
	/* the last span stood there until now */
	if (done != NULL)
		pfree(done);
}

static void
rg_verify_column(RgVerify *verify, const ColDesc *desc)
{
	RgGroup *group = verify->group;
	RgSource *source = group->source;
	uint32 values = group->header->rows - desc->null_count;
	const ColVector *vectors;

	verify->desc = desc;
	verify->dict = NULL;
	verify->bloom = NULL;
	verify->any = false;
	verify->min = PG_UINT64_MAX;
	verify->max = 0;
	verify->raw_bytes = 0;
	verify->expanded = NULL;
	verify->form = desc->typbyval != 0 ? rg_code_form(desc->order, desc->typlen) : RG_FORM_NONE;

	verify->chunk = palloc_extended(desc->chunk_bytes, MCXT_ALLOC_HUGE);
	memcpy(verify->chunk, source->read(source, desc->chunk_offset, (uint32) desc->chunk_bytes),
		   desc->chunk_bytes);
	/* first, for it says which column it is */
	rg_verify_bloom(verify);
	if (column_crc(verify->chunk, desc->chunk_bytes) != desc->chunk_crc)
		rg_verify_damaged(verify, 0, "checksum of a column is wrong");
	vectors = (const ColVector *) verify->chunk;
	rg_verify_damaged(verify, 0, column_check_vectors(desc, vectors, group->header->rows));
	rg_verify_dict(verify);

	for (uint32 v = 0; v < desc->vectors; v++)
	{
		CHECK_FOR_INTERRUPTS();
		rg_verify_vector(verify, &vectors[v], rg_vector_rows(group, v));
	}

	if (verify->min != desc->min || verify->max != desc->max)
		rg_verify_damaged(verify, 0, "range of a column is not that of its values");
	if ((desc->flags & COL_FLAG_TYPMOD_SCALE) != 0 &&
		((desc->flags & COL_FLAG_NUMERIC) == 0 ||
		 rg_numeric_typmod_scale(desc->typmod) != desc->scale))
		rg_verify_damaged(verify, 0, "scale of a column is not that of its type modifier");
	if (desc->typbyval != 0 || desc->store == COL_STORE_FIXED)
		verify->raw_bytes = values * (uint64) desc->typlen;
	if ((desc->flags & COL_FLAG_NUMERIC) == 0 && verify->raw_bytes != desc->raw_bytes)
		rg_verify_damaged(verify, 0, "size of a column's values is wrong");
}

/* rg_verify_numbers --- row numbers ascend */
static void
rg_verify_numbers(RgGroup *group)
{
	const ColDesc *desc = group->numbers.desc;
	uint32 numbers[COL_VECTOR_ROWS];
	uint32 least = 0;

	for (uint32 vector = 0; vector < group->header->vectors; vector++)
	{
		rg_vector_numbers(group, vector, numbers);
		for (uint32 i = 0; i < rg_vector_rows(group, vector); i++)
		{
			if (numbers[i] < least || numbers[i] == UINT32_MAX)
				group->source->damaged(group->source, desc->chunk_offset,
									   "row numbers do not ascend");
			least = numbers[i] + 1;
		}
	}
}

void
rg_verify(RgGroup *group)
{
	const RgHeader *header = group->header;
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "omendb row group check",
												  ALLOCSET_DEFAULT_SIZES);
	RgVerify *verify = palloc(sizeof(RgVerify));
	MemoryContext old = MemoryContextSwitchTo(context);
	uint64 raw_bytes = 0;

	verify->group = group;
	for (int i = 0; i < header->columns; i++)
	{
		const ColDesc *desc = &group->descs[i];

		if (i < header->natts)
			raw_bytes += desc->raw_bytes;
		if (desc->store == COL_STORE_NONE)
			continue;
		rg_verify_column(verify, desc);
		MemoryContextReset(context);
	}
	if (rg_has_numbers(group))
		rg_verify_numbers(group);
	if (raw_bytes != header->raw_bytes)
		group->source->damaged(group->source, 0, "size of a row group's values is wrong");

	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
	pfree(verify);
}
