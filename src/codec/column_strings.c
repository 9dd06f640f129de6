/*
 * column_strings.c
 *		Plan and write vectors of BYTES, and PLAIN ones of FIXED.  Pure code.
 */
#ifndef OMENDB_UNIT
#include "postgres.h"
#endif

#include "codec/column_encode.h"
#include "codec/column_pglz.h"
#include "codec/lanes.h"

/*
 * When to compress what would be PLAIN: values so long on average (one of them costs the
 * decompression of all), and a result of at most so much.
 */
#define COMPRESS_LENGTH_MIN 256
#define COMPRESS_PERCENT_MAX 75
/* before a vector of many bytes is compressed in vain, so many from its middle are tried */
#define PROBE_BYTES 65536
#define PROBE_WORTH (4 * PROBE_BYTES)
#define PROBE_PERCENT_MAX 90

/*
 * When to encode by symbols what would be PLAIN: a result of at most so much, of the sample that the
 * symbols were found in less.
 */
#define SYMBOLS_PERCENT_MAX 85
#define SYMBOLS_SAMPLE_PERCENT_MAX 80
/* the sample: a part of the column, within limits, in pieces of limited length */
#define SAMPLE_PART 16
#define SAMPLE_BYTES_MIN 4096
#define SAMPLE_BYTES_MAX 32768
#define SAMPLE_PIECES_MAX 8192
#define SAMPLE_PIECE_BYTES_MAX 256

/* ---- plain ---- */

/* LANES of the lengths */
static void
write_lengths(const Encoder *enc, uint32 v, uint8 *dst)
{
	const ColInput *in = enc->in;
	uint64 fields[LANES_VECTOR_ROWS] = { 0 };
	uint32 start = v * COL_VECTOR_ROWS;
	uint32 rows = column_input_rows(in, v);

	for (uint32 i = 0; i < rows; i++)
		if (!column_input_null(in, start + i))
			fields[i] = column_input_span(in, start + i).bytes - enc->facts[v].shortest;
	column_write_fields(fields, enc->headers[v].width, dst);
}

/* the values of a PLAIN vector, side by side */
static void
write_spans(const Encoder *enc, uint32 v, uint8 *dst)
{
	const ColInput *in = enc->in;
	uint32 start = v * COL_VECTOR_ROWS;
	uint32 end = start + column_input_rows(in, v);

	for (uint32 row = start; row < end; row++)
		if (!column_input_null(in, row))
		{
			ColSpan span = column_input_span(in, row);

			memcpy(dst, span.data, span.bytes);
			dst += span.bytes;
		}
		else if (in->store == COL_STORE_FIXED)
			dst += in->typlen; /* a NULL has a slot, of zeroes */
}

static void
write_plain_bytes(const Encoder *enc, uint32 v, uint8 *dst)
{
	const VectorFacts *facts = &enc->facts[v];
	uint32 total = (uint32) facts->total;

	memcpy(dst, &facts->shortest, sizeof(uint32));
	memcpy(dst + sizeof(uint32), &total, sizeof(uint32));
	dst += 2 * sizeof(uint32);
	write_lengths(enc, v, dst);
	write_spans(enc, v, dst + LANES_BYTES(enc->headers[v].width));
}

void
column_write_plain(const Encoder *enc, uint32 v, uint8 *dst)
{
	if (enc->in->store == COL_STORE_BYTES)
		write_plain_bytes(enc, v, dst);
	else
		write_spans(enc, v, dst);
}

/* ---- pglz ---- */

/* the stream of a vector's plain bytes; NULL if it does not pay */
static uint8 *
compress(const uint8 *plain, uint32 bytes, uint32 *stream_bytes)
{
	uint8 *stream = palloc(COLUMN_COMPRESS_ROOM(bytes));
	uint32 used = 0;

	if (bytes < PROBE_WORTH || column_compress(plain + (bytes - PROBE_BYTES) / 2, PROBE_BYTES,
											   PROBE_PERCENT_MAX, stream) > 0)
		used = column_compress(plain, bytes, COMPRESS_PERCENT_MAX, stream);
	if (used == 0)
	{
		pfree(stream);
		return NULL;
	}
	*stream_bytes = used;
	return repalloc(stream, used);
}

void
column_try_compression(Encoder *enc, uint32 v)
{
	const ColInput *in = enc->in;
	ColVector *header = &enc->headers[v];
	VectorFacts *facts = &enc->facts[v];
	uint32 values = column_input_rows(in, v) - header->null_count;
	uint64 bytes = facts->bytes - column_validity_bytes(enc, v);
	uint64 compressed;
	uint8 *plain;

	if (in->store != COL_STORE_BYTES || header->encoding != COL_ENC_PLAIN ||
		facts->total < values * (uint64) COMPRESS_LENGTH_MIN || bytes > COL_RAW_MAX)
		return;
	plain = palloc0(bytes);
	write_plain_bytes(enc, v, plain);
	facts->stream = compress(plain, (uint32) bytes, &facts->stream_bytes);
	pfree(plain);
	compressed = 2 * sizeof(uint32) + (uint64) facts->stream_bytes;
	if (facts->stream == NULL || compressed * 100 > bytes * COMPRESS_PERCENT_MAX)
		return;
	facts->raw_bytes = (uint32) bytes;
	facts->bytes += compressed - bytes;
	header->encoding = COL_ENC_PGLZ;
}

void
column_write_pglz(const Encoder *enc, uint32 v, uint8 *dst)
{
	const VectorFacts *facts = &enc->facts[v];

	memcpy(dst, &facts->raw_bytes, sizeof(uint32));
	memcpy(dst + sizeof(uint32), &facts->stream_bytes, sizeof(uint32));
	memcpy(dst + 2 * sizeof(uint32), facts->stream, facts->stream_bytes);
}

/* ---- symbols ---- */

/* bytes of values in vectors that are PLAIN so far */
static uint64
plain_total(const Encoder *enc)
{
	uint64 total = 0;

	for (uint32 v = 0; v < enc->vectors; v++)
		if (enc->headers[v].encoding == COL_ENC_PLAIN)
			total += enc->facts[v].total;
	return total;
}

/* values by chance, but the same ones every time, and of long ones a part; returns how many pieces */
static uint32
take_sample(const Encoder *enc, uint64 total, FsstPiece *pieces)
{
	const ColInput *in = enc->in;
	uint64 want = Max(Min(total / SAMPLE_PART, SAMPLE_BYTES_MAX), SAMPLE_BYTES_MIN);
	uint64 taken = 0;
	uint32 n = 0;

	for (uint32 draw = 1; draw <= SAMPLE_PIECES_MAX && taken < want; draw++)
	{
		uint64 chance = column_mix(draw);
		uint32 row = (uint32) (chance % in->rows);
		ColSpan span;

		if (enc->headers[row / COL_VECTOR_ROWS].encoding != COL_ENC_PLAIN ||
			column_input_null(in, row))
			continue;
		span = column_input_span(in, row);
		if (span.bytes == 0)
			continue;
		if (span.bytes > SAMPLE_PIECE_BYTES_MAX)
		{
			span.data += (chance >> 32) % (span.bytes - SAMPLE_PIECE_BYTES_MAX);
			span.bytes = SAMPLE_PIECE_BYTES_MAX;
		}
		pieces[n].data = span.data;
		pieces[n++].bytes = span.bytes;
		taken += span.bytes;
	}
	return n;
}

/* symbols for the column, if the sample they were found in takes to them */
static FsstEncoder *
find_symbols(const Encoder *enc, uint64 total)
{
	FsstPiece *pieces = palloc(SAMPLE_PIECES_MAX * sizeof(*pieces));
	uint8 *room = palloc(FSST_ENCODED_MAX(SAMPLE_PIECE_BYTES_MAX));
	uint32 n = take_sample(enc, total, pieces);
	FsstEncoder *symbols = fsst_train(pieces, n);
	uint64 bytes = 0;
	uint64 encoded = 0;

	for (uint32 i = 0; symbols != NULL && i < n; i++)
	{
		bytes += pieces[i].bytes;
		encoded += fsst_encode(symbols, pieces[i].data, pieces[i].bytes, room);
	}
	pfree(room);
	pfree(pieces);
	if (symbols == NULL || encoded * 100 <= bytes * SYMBOLS_SAMPLE_PERCENT_MAX)
		return symbols;
	fsst_free(symbols);
	return NULL;
}

/* encode the values of a PLAIN vector; returns what its payload would take, facts->stream what it is */
static uint64
encode_vector(const Encoder *enc, const FsstEncoder *symbols, uint32 v, VectorFacts *facts,
			  uint32 *width)
{
	const ColInput *in = enc->in;
	uint32 start = v * COL_VECTOR_ROWS;
	uint32 rows = column_input_rows(in, v);
	uint8 *stream = palloc(FSST_ENCODED_MAX(facts->total) + FSST_SLACK);
	uint8 *room = palloc(FSST_ENCODED_MAX(facts->total) + FSST_SLACK);
	uint32 *lengths = palloc(rows * sizeof(*lengths));
	uint32 longest = 0;
	Size used;

	/* a NULL is empty */
	used = fsst_encode_strings(symbols, in->bytes, in->offsets + start, rows, in->offsets[in->rows],
							   room, stream, lengths);
	pfree(room);
	facts->encoded_shortest = UINT32_MAX;
	for (uint32 i = 0; i < rows; i++)
	{
		longest = Max(longest, lengths[i]);
		facts->encoded_shortest = Min(facts->encoded_shortest, lengths[i]);
	}
	facts->raw_bytes = (uint32) facts->total;
	facts->encoded_lengths = lengths;
	facts->stream_bytes = (uint32) used;
	facts->stream = repalloc(stream, used);
	*width = bitpack_width(longest - facts->encoded_shortest);
	return column_validity_bytes(enc, v) + 4 * sizeof(uint32) + LANES_BYTES(*width) + used;
}

bool
column_try_symbols(Encoder *enc, uint64 limit)
{
	uint64 before = column_planned_bytes(enc);
	uint64 total = plain_total(enc);
	uint64 after = before;
	uint64 bytes[COL_VECTORS_MAX];
	uint32 widths[COL_VECTORS_MAX] = { 0 };
	FsstEncoder *symbols;

	if (total < SAMPLE_BYTES_MIN)
		return false;
	symbols = find_symbols(enc, total);
	if (symbols == NULL)
		return false;
	after += COL_ALIGN((uint64) fsst_symbols_bytes(symbols));
	for (uint32 v = 0; v < enc->vectors; v++)
	{
		VectorFacts *facts = &enc->facts[v];

		bytes[v] = facts->bytes;
		if (enc->headers[v].encoding != COL_ENC_PLAIN || facts->total > COL_RAW_MAX)
			continue;
		bytes[v] = encode_vector(enc, symbols, v, facts, &widths[v]);
		if (bytes[v] * 100 > facts->bytes * SYMBOLS_PERCENT_MAX)
		{
			bytes[v] = facts->bytes;
			pfree(facts->stream);
			facts->stream = NULL;
		}
		after -= COL_ALIGN(facts->bytes) - COL_ALIGN(bytes[v]);
	}
	if (after > limit || after * 100 > before * SYMBOLS_PERCENT_MAX)
	{
		for (uint32 v = 0; v < enc->vectors; v++)
			if (enc->headers[v].encoding == COL_ENC_PLAIN && enc->facts[v].stream != NULL)
			{
				pfree(enc->facts[v].stream);
				enc->facts[v].stream = NULL;
			}
		fsst_free(symbols);
		return false;
	}
	for (uint32 v = 0; v < enc->vectors; v++)
		if (enc->headers[v].encoding == COL_ENC_PLAIN && enc->facts[v].stream != NULL)
		{
			enc->headers[v].encoding = COL_ENC_FSST;
			enc->headers[v].width = (uint8) widths[v];
			enc->facts[v].bytes = bytes[v];
		}
	enc->symbols = symbols;
	return true;
}

void
column_write_fsst(const Encoder *enc, uint32 v, uint8 *dst)
{
	const VectorFacts *facts = &enc->facts[v];
	uint32 header[4] = { facts->encoded_shortest, facts->stream_bytes, facts->raw_bytes, 0 };
	uint64 fields[LANES_VECTOR_ROWS] = { 0 };
	uint32 width = enc->headers[v].width;

	for (uint32 i = 0; i < column_input_rows(enc->in, v); i++)
		fields[i] = facts->encoded_lengths[i] - facts->encoded_shortest;
	memcpy(dst, header, sizeof(header));
	column_write_fields(fields, width, dst + sizeof(header));
	memcpy(dst + sizeof(header) + LANES_BYTES(width), facts->stream, facts->stream_bytes);
}

void
column_free_strings(Encoder *enc)
{
	for (uint32 v = 0; v < enc->vectors; v++)
	{
		if (enc->facts[v].stream != NULL)
			pfree(enc->facts[v].stream);
		if (enc->facts[v].encoded_lengths != NULL)
			pfree(enc->facts[v].encoded_lengths);
	}
	if (enc->symbols != NULL)
		fsst_free(enc->symbols);
}
