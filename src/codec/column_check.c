/*
 * column_check.c
 *		Check one column of a row group, and expand compressed vectors.  Pure code.
 *
 * The checks make the decoders safe on any bytes: whatever column_check_*
 * let pass, the decoders stay inside payload and dictionary.  Values of damaged
 * bytes that pass (all CRCs recomputed) may be wrong, but not harmful.
 */
#ifndef OMENDB_UNIT
#include "postgres.h"

#include "port/pg_crc32c.h"
#endif

#include "codec/column_parts.h"
#include "codec/column_pglz.h"

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

/* ---- checks ---- */

static const char *
check_symbols_place(const ColDesc *desc)
{
	if (desc->store != COL_STORE_BYTES || (desc->flags & COL_FLAG_DICT))
		return "column has symbols that it has no use for";
	if (desc->dict_count == 0 || desc->dict_count > FSST_SYMBOLS_MAX)
		return "number of symbols is out of range";
	if (desc->dict_offset != desc->vectors * sizeof(ColVector))
		return "symbols do not follow the vector headers";
	if (desc->dict_offset + COL_ALIGN((uint64) desc->dict_bytes) > desc->chunk_bytes)
		return "symbols do not fit into the chunk";
	return NULL;
}

static const char *
check_dict_place(const ColDesc *desc)
{
	uint64 entries;

	if (desc->flags & COL_FLAG_SYMBOLS)
		return check_symbols_place(desc);
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
check_bloom_place(const ColDesc *desc)
{
	if ((desc->flags & COL_FLAG_BLOOM) == 0)
		return desc->bloom_offset != 0 || desc->bloom_bytes != 0 || desc->bloom_section != 0 ||
					   desc->bloom_probes != 0
				   ? "column has no Bloom filter but its place"
				   : NULL;
	if (desc->order == COL_ORDER_NONE || (desc->flags & COL_FLAG_DICT))
		return "column has a Bloom filter that it has no use for";
	if (desc->bloom_section % 8 != 0 || desc->bloom_section <= COL_BLOOM_SECTION_HEADER ||
		desc->bloom_section > COL_BLOOM_SECTION_MAX || desc->bloom_probes == 0 ||
		desc->bloom_probes > COL_BLOOM_PROBES_MAX)
		return "form of the Bloom filter is out of range";
	if (desc->bloom_bytes == 0 || desc->bloom_bytes % desc->bloom_section != 0)
		return "size of the Bloom filter is not that of its sections";
	if (desc->bloom_offset !=
		desc->vectors * sizeof(ColVector) + COL_ALIGN((uint64) desc->dict_bytes))
		return "Bloom filter does not lie where the dictionary ends";
	if (desc->bloom_offset + (uint64) desc->bloom_bytes > desc->chunk_bytes)
		return "Bloom filter does not fit into the chunk";
	return NULL;
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
		desc->dict_crc != 0 || desc->vectors_crc != 0 || desc->chunk_crc != 0 ||
		desc->bloom_offset != 0 || desc->bloom_bytes != 0 || desc->bloom_section != 0 ||
		desc->bloom_probes != 0)
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
	return check_bloom_place(desc);
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
	if (dict != column_uses_dict(vector))
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
		case COL_ENC_RUNS:
		case COL_ENC_DICT_RUNS:
			if (vector->width > (dict ? 16 : 64) || (!dict && desc->store != COL_STORE_CODE))
				return "vector of runs has an impossible width";
			bytes += COL_RUNS_BITMAP_BYTES;
			at_least = true;
			break;
		case COL_ENC_ASCENDING:
			if (desc->store != COL_STORE_CODE || vector->width > 63)
				return "ascending vector has an impossible width";
			if (ascending_high(desc, vector) > UINT32_MAX / 2)
				return "ascending vector has an impossible range";
			bytes += LANES_BYTES(vector->width) +
					 (rows + ascending_high(desc, vector) + 63) / 64 * sizeof(uint64);
			break;
		case COL_ENC_LINEAR:
			if (desc->store != COL_STORE_CODE || vector->width > 64)
				return "linear vector has an impossible width";
			bytes += LINEAR_HEADER_BYTES + LANES_BYTES(vector->width);
			break;
		case COL_ENC_PATCHED:
			if (desc->store != COL_STORE_CODE || vector->width == 0 || vector->width > 64)
				return "patched vector has an impossible width";
			bytes += PATCHED_HEADER_BYTES + LANES_BYTES(vector->width);
			at_least = true;
			break;
		case COL_ENC_DECIMAL:
			if (desc->store != COL_STORE_CODE ||
				(desc->order != COL_ORDER_FLOAT4 && desc->order != COL_ORDER_FLOAT8))
				return "vector of decimals is not of a float type";
			if (vector->width > COL_DECIMAL_WIDTH_MAX)
				return "vector of decimals has an impossible width";
			bytes += COL_DECIMAL_HEADER_BYTES + LANES_BYTES(vector->width);
			at_least = true;
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
		case COL_ENC_FSST:
			if ((desc->flags & COL_FLAG_SYMBOLS) == 0)
				return "vector is encoded by symbols that are not there";
			if (vector->width > 32)
				return "vector of encoded values has an impossible width";
			bytes += FSST_HEADER_BYTES + LANES_BYTES(vector->width);
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
	uint64 end = desc->vectors * sizeof(ColVector) + COL_ALIGN((uint64) desc->dict_bytes) +
				 desc->bloom_bytes;
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

	if ((desc->flags & (COL_FLAG_DICT | COL_FLAG_SYMBOLS)) == 0)
		return NULL;
	if (column_crc(dict, desc->dict_bytes) != desc->dict_crc)
		return "checksum of the dictionary is wrong";
	if (desc->flags & COL_FLAG_SYMBOLS)
	{
		FsstTable table;

		return fsst_read_symbols(&table, dict, desc->dict_count, desc->dict_bytes);
	}
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

static inline uint32
count_bits(const uint8 *bitmap, uint64 bytes)
{
	uint32 count = 0;

	for (uint64 at = 0; at < bytes; at += sizeof(uint64))
		count += bits_of_word(bitpack_load64(bitmap + at));
	return count;
}

/* is no bit from bit n on set in a bitmap of whole words? */
static inline bool
ends_at(const uint8 *bitmap, uint64 bytes, uint64 n)
{
	for (uint64 at = n / 64 * sizeof(uint64); at < bytes; at += sizeof(uint64))
	{
		uint64 word = bitpack_load64(bitmap + at);

		if ((at == n / 64 * sizeof(uint64) ? word >> (n % 64) : word) != 0)
			return false;
	}
	return true;
}

static const char *
check_runs(const ColDesc *desc, const ColVector *vector, uint32 rows, const uint8 *payload)
{
	const uint8 *bitmap = runs_bitmap(vector, payload);
	const uint8 *fields = body(vector, rows, payload);
	uint32 runs = count_bits(bitmap, COL_RUNS_BITMAP_BYTES);

	if (!bitmap_test(bitmap, 0) || !ends_at(bitmap, COL_RUNS_BITMAP_BYTES, rows))
		return "runs begin outside of their vector";
	if (validity_bytes(vector, rows) + COL_ALIGN((uint64) BITPACK_BYTES(runs, vector->width)) +
			COL_RUNS_BITMAP_BYTES !=
		vector->bytes)
		return "size of a vector is not that of its values";
	if (vector->encoding == COL_ENC_RUNS ||
		vector->min + bitpack_mask(vector->width) < desc->dict_count)
		return NULL;
	for (uint32 i = 0; i < runs; i++)
		if (vector->min + bitpack_get(fields, i, vector->width) >= desc->dict_count)
			return "dictionary position is out of range";
	return NULL;
}

static const char *
check_ascending(const ColDesc *desc, const ColVector *vector, uint32 rows, const uint8 *payload)
{
	const uint8 *bitmap = body(vector, rows, payload) + LANES_BYTES(vector->width);
	uint64 bits = rows + ascending_high(desc, vector);
	uint64 bytes = (bits + 63) / 64 * sizeof(uint64);

	if (count_bits(bitmap, bytes) != rows || !ends_at(bitmap, bytes, bits))
		return "upper parts of ascending values do not add up";
	return NULL;
}

static const char *
check_patches(const ColVector *vector, uint32 rows, const uint8 *payload)
{
	const uint8 *src = body(vector, rows, payload);
	uint32 count = load32(src + 8);
	uint32 width = load32(src + 12);
	int64 last = -1;

	if (count > COL_PATCHES_MAX || width > COL_PATCH_WIDTH_MAX)
		return "patches of a vector are out of range";
	if (validity_bytes(vector, rows) + PATCHED_HEADER_BYTES + patches_bytes(count, width) +
			LANES_BYTES(vector->width) !=
		vector->bytes)
		return "size of a vector is not that of its values";
	for (uint32 i = 0; i < count; i++)
	{
		int64 row =
			(int64) (bitpack_get(src + PATCHED_HEADER_BYTES, i, COL_PATCH_ROW_BITS + width) >>
					 width);

		if (row <= last || row >= rows)
			return "patches of a vector are not in order";
		last = row;
	}
	return NULL;
}

/* any base and any code are harmless */
static const char *
check_decimals(const ColDesc *desc, const ColVector *vector, uint32 rows, const uint8 *payload)
{
	Decimals d =
		read_decimals(body(vector, rows, payload), vector->width, desc->order == COL_ORDER_FLOAT8);
	int64 last = -1;

	if (d.exceptions > COL_PATCHES_MAX)
		return "exceptions of decimals are out of range";
	if (d.digits < -COL_DECIMAL_DIGITS_MAX || d.digits > COL_DECIMAL_DIGITS_MAX)
		return "digits of decimals are out of range";
	if (validity_bytes(vector, rows) + COL_DECIMAL_HEADER_BYTES + LANES_BYTES(vector->width) +
			(uint64) d.exceptions * (d.code_bytes + sizeof(uint16)) !=
		vector->bytes)
		return "size of a vector is not that of its values";
	for (uint32 i = 0; i < d.exceptions; i++)
	{
		int64 row = exception_row(&d, i);

		if (row <= last || row >= rows)
			return "exceptions of decimals are not in order";
		last = row;
	}
	return NULL;
}

/* lengths of a PLAIN vector of BYTES, or of an FSST one */
static const char *
check_lengths(const ColVector *vector, uint32 rows, const uint8 *payload)
{
	const uint8 *p = body(vector, rows, payload);
	uint32 fields[LANES_VECTOR_ROWS];
	uint64 shortest = load32(p);
	uint64 total = load32(p + sizeof(uint32));
	uint64 sum = rows * shortest;
	uint32 header_bytes = strings_header_bytes(vector);

	unpack32(p + header_bytes, vector->width, fields);
	for (uint32 i = 0; i < rows; i++)
		sum += fields[i];
	if (shortest > 0 && vector->null_count > 0)
		return "NULLs of a vector have a length";
	if (sum != total)
		return "lengths of values do not add up";
	if (validity_bytes(vector, rows) + header_bytes + LANES_BYTES(vector->width) + total !=
		vector->bytes)
		return "size of a vector is not that of its values";
	/* readers make room for so much */
	if (vector->encoding == COL_ENC_FSST &&
		(load32(p + 2 * sizeof(uint32)) > Min(FSST_DECODED_MAX(total), COL_RAW_MAX) ||
		 load32(p + 3 * sizeof(uint32)) != 0))
		return "raw size of encoded values is out of range";
	return NULL;
}

/* what a PGLZ payload says of itself; its stream is for column_expand to judge */
static const char *
check_sizes(const ColVector *vector, uint32 rows, const uint8 *payload)
{
	const uint8 *p = body(vector, rows, payload);
	uint32 raw_bytes = load32(p);

	if (raw_bytes < PLAIN_HEADER_BYTES + LANES_BYTES(vector->width) || raw_bytes > COL_RAW_MAX)
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
	if (vector->encoding == COL_ENC_RUNS || vector->encoding == COL_ENC_DICT_RUNS)
		return check_runs(desc, vector, rows, payload);
	if (vector->encoding == COL_ENC_ASCENDING)
		return check_ascending(desc, vector, rows, payload);
	if (vector->encoding == COL_ENC_PATCHED)
		return check_patches(vector, rows, payload);
	if (vector->encoding == COL_ENC_DECIMAL)
		return check_decimals(desc, vector, rows, payload);
	if (vector->encoding == COL_ENC_FSST ||
		(vector->encoding == COL_ENC_PLAIN && desc->store == COL_STORE_BYTES))
		return check_lengths(vector, rows, payload);
	if (vector->encoding == COL_ENC_PGLZ)
		return check_sizes(vector, rows, payload);
	return NULL;
}

/* ---- compressed vectors ---- */

/* width of the lengths of what an FSST vector is expanded to */
#define EXPANDED_WIDTH 32

uint32
column_raw_bytes(const ColVector *vector, uint32 rows, const uint8 *payload)
{
	Assert(vector->encoding == COL_ENC_FSST);
	return load32(body(vector, rows, payload) + 2 * sizeof(uint32));
}

uint32
column_expanded_bytes(const ColVector *vector, uint32 rows, const uint8 *payload)
{
	Assert(column_is_compressed(vector));
	if (vector->encoding == COL_ENC_FSST)
		return validity_bytes(vector, rows) + PLAIN_HEADER_BYTES + LANES_BYTES(EXPANDED_WIDTH) +
			   column_raw_bytes(vector, rows, payload);
	return validity_bytes(vector, rows) + load32(body(vector, rows, payload));
}

/* what stands behind the validity bitmap of an FSST vector, as PLAIN */
static const char *
expand_strings(const ColVector *vector, uint32 rows, const uint8 *src, const FsstTable *symbols,
			   uint8 *out)
{
	uint32 lengths[LANES_VECTOR_ROWS];
	uint64 packed[LANES_BYTES(EXPANDED_WIDTH) / sizeof(uint64)];
	const uint8 *data = src + FSST_HEADER_BYTES + LANES_BYTES(vector->width);
	uint8 *dst = out + PLAIN_HEADER_BYTES + sizeof(packed);
	uint32 shortest = load32(src);
	uint32 raw_bytes = load32(src + 2 * sizeof(uint32));
	uint32 left = raw_bytes;

	unpack32(src + FSST_HEADER_BYTES, vector->width, lengths);
	for (uint32 i = 0; i < LANES_VECTOR_ROWS; i++)
	{
		uint32 encoded = shortest + lengths[i];
		Size bytes;

		lengths[i] = 0;
		if (i >= rows)
			continue;
		bytes = fsst_decode(symbols, data, encoded, dst, left);
		if (bytes == FSST_DAMAGED)
			return "encoded value is damaged or too long";
		lengths[i] = (uint32) bytes;
		data += encoded;
		dst += bytes;
		left -= (uint32) bytes;
	}
	if (left != 0)
		return "encoded values are too short";
	lanes_pack32(lengths, EXPANDED_WIDTH, (uint32 *) packed);
	memset(out, 0, sizeof(uint32));
	memcpy(out + sizeof(uint32), &raw_bytes, sizeof(uint32));
	memcpy(out + PLAIN_HEADER_BYTES, packed, sizeof(packed));
	return NULL;
}

const char *
column_expand(const ColVector *vector, uint32 rows, const uint8 *payload, const FsstTable *symbols,
			  ColVector *plain, uint8 *out)
{
	const uint8 *p = body(vector, rows, payload);
	uint32 validity = validity_bytes(vector, rows);

	*plain = *vector;
	plain->encoding = COL_ENC_PLAIN;
	plain->bytes = column_expanded_bytes(vector, rows, payload);
	plain->crc = 0;
	if (validity > 0)
		memcpy(out, payload, validity);
	if (vector->encoding == COL_ENC_FSST)
	{
		const char *wrong = expand_strings(vector, rows, p, symbols, out + validity);

		if (wrong != NULL)
			return wrong;
		plain->width = EXPANDED_WIDTH;
	}
	else if (!column_decompress(p + PGLZ_HEADER_BYTES, load32(p + sizeof(uint32)), out + validity,
								load32(p)))
		return "compressed bytes of a vector cannot be decompressed";
	return check_lengths(plain, rows, out);
}
