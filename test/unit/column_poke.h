/*
 * column_poke.h
 *		Read a column of any bytes the way the server does: check each part, then
 *		decode it by every function.  The sanitizers are the judges.
 */
#ifndef COLUMN_POKE_H
#define COLUMN_POKE_H

#include "codec/column_bloom.h"
#include "column_testing.h"

/* how far readers came, for the test's own record */
typedef struct PokeCount
{
	uint32 descs;
	uint32 headers;
	uint32 payloads;
	uint32 all;
} PokeCount;

static uint64 poke_sum;

/* reads every byte of a value */
static inline void
poke_span(ColSpan span)
{
	for (uint32 i = 0; i < span.bytes; i++)
		poke_sum += span.data[i];
}

static inline void
poke_vector(const ColDesc *desc, const ColVector *vector, uint32 rows, const uint8 *payload,
			const uint8 *dict)
{
	uint64 *codes = malloc(COL_VECTOR_ROWS * sizeof(uint64));
	uint32 *positions = malloc(rows * sizeof(uint32));
	ColSpan *spans = malloc(rows * sizeof(ColSpan));
	bool *nulls = malloc(rows);
	uint32 nnull = 0;
	uint32 step = 1 + rows / 16;

	column_decode_nulls(vector, rows, payload, nulls);
	for (uint32 i = 0; i < rows; i++)
		nnull += nulls[i];
	check(nnull == vector->null_count, "%u NULLs, the header says %u", nnull, vector->null_count);
	if (desc->flags & COL_FLAG_DICT)
	{
		column_decode_positions(vector, rows, payload, positions);
		for (uint32 i = 0; i < rows; i++)
			check(positions[i] < desc->dict_count, "position %u", positions[i]);
	}
	if (desc->store == COL_STORE_CODE)
	{
		column_decode_codes(desc, vector, rows, payload, dict, codes);
		for (uint32 i = 0; i < rows; i += step)
			check(codes[i] == column_code_at(desc, vector, rows, payload, dict, i), "code");
	}
	else
	{
		column_decode_spans(desc, vector, rows, payload, dict, spans);
		for (uint32 i = 0; i < rows; i++)
		{
			ColSpan span = spans[i];

			poke_span(span);
			if (i % step == 0)
				span = column_span_at(desc, vector, rows, payload, dict, i);
			check(span.data == spans[i].data && span.bytes == spans[i].bytes, "span");
		}
	}
	free(nulls);
	free(spans);
	free(positions);
	free(codes);
}

/* each value of an FSST vector by itself, into room of its exact size */
static inline void
poke_strings(const ColDesc *desc, const ColVector *vector, uint32 rows, const uint8 *payload,
			 const uint8 *dict)
{
	ColSpan *spans = malloc(rows * sizeof(ColSpan));
	FsstTable symbols;

	check(fsst_read_symbols(&symbols, dict, desc->dict_count, desc->dict_bytes) == NULL, "symbols");
	column_decode_spans(desc, vector, rows, payload, dict, spans);
	for (uint32 i = 0; i < rows; i++)
	{
		Size bytes = fsst_decoded_bytes(&symbols, spans[i].data, spans[i].bytes);
		uint8 *out = malloc(bytes + (bytes == 0));
		Size done = fsst_decode(&symbols, spans[i].data, spans[i].bytes, out, bytes);

		check(bytes <= FSST_DECODED_MAX(spans[i].bytes), "decoded length");
		check(done == bytes || done == FSST_DAMAGED, "encoded value");
		free(out);
	}
	free(spans);
}

/* false if a check refused it */
static inline bool
poke_payload(const ColDesc *desc, const ColVector *vector, uint32 rows, const uint8 *payload,
			 const uint8 *dict)
{
	ColVector plain;
	uint8 *expanded;

	if (column_check_payload(desc, vector, rows, payload) != NULL)
		return false;
	if (!column_is_compressed(vector))
	{
		poke_vector(desc, vector, rows, payload, dict);
		return true;
	}
	if (vector->encoding == COL_ENC_FSST)
		poke_strings(desc, vector, rows, payload, dict);
	expanded = test_expand(desc, vector, rows, payload, dict, &plain);
	if (expanded == NULL)
		return false;
	poke_vector(desc, &plain, rows, expanded, dict);
	free(expanded);
	return true;
}

/* every section of the filter that passes its check is asked for values by chance */
static inline bool
poke_bloom(const ColDesc *desc, const uint8 *chunk)
{
	bool whole = true;

	for (uint32 i = 0; i < desc->bloom_bytes / Max(desc->bloom_section, 1); i++)
	{
		Size skew = (Size) unit_random_below(4);
		uint8 *section = test_copy(chunk + desc->bloom_offset + i * desc->bloom_section,
								   desc->bloom_section, skew);

		if (column_check_bloom(desc, i, section) != NULL)
			whole = false;
		else
			for (uint32 k = 0; k < 20; k++)
			{
				uint64 hash = column_hash_code((ColOrder) desc->order, unit_random());

				check(column_bloom_section(desc, hash) < desc->bloom_bytes / desc->bloom_section,
					  "section");
				poke_sum += column_bloom_test(desc, section, hash);
			}
		free(section - skew);
	}
	return whole;
}

/* `bytes` of a chunk, whatever the desc says */
static inline void
poke_column(const ColDesc *desc, const uint8 *chunk, uint32 bytes, uint32 rows, PokeCount *count)
{
	ColVector *vectors;
	uint8 *dict = NULL;
	bool whole = true;

	if (column_check_desc(desc, rows) != NULL)
		return;
	count->descs++;
	/* the reader of the stream finds that out */
	if (desc->store == COL_STORE_NONE || desc->chunk_bytes > bytes)
		return;
	vectors = (ColVector *) test_copy(chunk, desc->vectors * sizeof(ColVector), 0);
	if (desc->flags & (COL_FLAG_DICT | COL_FLAG_SYMBOLS))
		dict = test_copy(chunk + desc->dict_offset, desc->dict_bytes, 0);
	if (column_check_vectors(desc, vectors, rows) == NULL && column_check_dict(desc, dict) == NULL)
	{
		count->headers++;
		whole = poke_bloom(desc, chunk);
		for (uint32 v = 0; v < desc->vectors; v++)
		{
			uint32 vrows = test_vector_rows(rows, v);
			Size skew = (Size) unit_random_below(4);
			uint8 *payload = test_copy(chunk + vectors[v].offset, vectors[v].bytes, skew);

			if (poke_payload(desc, &vectors[v], vrows, payload, dict))
				count->payloads++;
			else
				whole = false;
			free(payload - skew);
		}
		count->all += whole;
	}
	free(dict);
	free(vectors);
}

/* make all checksums right, as far as the parts lie within the chunk's bytes */
static inline void
poke_repair(ColDesc *desc, uint8 *chunk, uint32 bytes)
{
	uint64 headers = desc->vectors * sizeof(ColVector);

	if (chunk == NULL || headers > bytes)
		return;
	for (uint32 v = 0; v < desc->vectors; v++)
	{
		ColVector header;

		memcpy(&header, chunk + v * sizeof(header), sizeof(header));
		if ((uint64) header.offset + header.bytes <= bytes)
			header.crc = column_crc(chunk + header.offset, header.bytes);
		memcpy(chunk + v * sizeof(header), &header, sizeof(header));
	}
	desc->vectors_crc = column_crc(chunk, headers);
	if (desc->dict_bytes > 0 && (uint64) desc->dict_offset + desc->dict_bytes <= bytes)
		desc->dict_crc = column_crc(chunk + desc->dict_offset, desc->dict_bytes);
	for (uint64 at = 0; desc->bloom_section > sizeof(uint32) && at < desc->bloom_bytes &&
						desc->bloom_offset + at + desc->bloom_section <= bytes;
		 at += desc->bloom_section)
	{
		uint8 *section = chunk + desc->bloom_offset + at;
		uint32 crc = column_crc(section + sizeof(uint32), desc->bloom_section - sizeof(uint32));

		memcpy(section, &crc, sizeof(crc));
	}
}

#endif
