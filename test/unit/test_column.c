/*
 * test_column.c
 *		The column codec: what was encoded is decoded, in bulk and one by one; zone
 *		maps, flags and sizes are what they have to be.
 */
// sources: src/codec/lanes.c src/codec/fsst.c src/codec/fsst_train.c src/codec/column_dict.c src/codec/column_pglz.c src/codec/column_strings.c src/codec/column_integers.c src/codec/column_decimal.c src/codec/column_bloom.c src/codec/column_encode.c src/codec/column_check.c src/codec/column_decode.c
#include "column_testing.h"

static const char *label; /* of the column at hand */

static bool
is_null(const TestColumn *c, uint32 row)
{
	return c->nulls != NULL && c->nulls[row] != 0;
}

static ColSpan
value_of(const TestColumn *c, uint32 row)
{
	ColSpan span;

	if (c->in.store == COL_STORE_BYTES)
	{
		span.data = c->bytes + c->offsets[row];
		span.bytes = c->offsets[row + 1] - c->offsets[row];
	}
	else
	{
		span.bytes = (uint32) c->typlen;
		span.data = c->bytes + (Size) row * span.bytes;
	}
	return span;
}

static int
compare(ColSpan a, ColSpan b)
{
	for (uint32 i = 0; i < a.bytes && i < b.bytes; i++)
		if (a.data[i] != b.data[i])
			return a.data[i] < b.data[i] ? -1 : 1;
	return (a.bytes > b.bytes) - (a.bytes < b.bytes);
}

static uint64
prefix(ColSpan span)
{
	uint64 p = 0;

	for (uint32 i = 0; i < 8; i++)
		p = p << 8 | (i < span.bytes ? span.data[i] : 0);
	return p;
}

/* what the zone maps are about */
static uint64
zone_value(const TestColumn *c, const ColDesc *desc, const uint8 *dict, uint32 row)
{
	if ((desc->flags & COL_FLAG_DICT) == 0)
		return c->in.store == COL_STORE_CODE ? c->codes[row] : prefix(value_of(c, row));
	/* by search, so that a position that is not the right one shows */
	for (uint32 low = 0, high = desc->dict_count; low < high;)
	{
		uint32 mid = (low + high) / 2;
		int cmp;

		if (c->in.store == COL_STORE_CODE)
		{
			uint64 code = column_dict_code(dict, mid);

			cmp = (c->codes[row] > code) - (c->codes[row] < code);
		}
		else
			cmp = compare(value_of(c, row), column_dict_span(desc, dict, mid));
		if (cmp == 0)
			return mid;
		if (cmp < 0)
			high = mid;
		else
			low = mid + 1;
	}
	check(false, "%s: value of row %u is not in the dictionary", label, row);
	return 0;
}

/* zone map of `rows` rows from `start` on */
static void
check_zone(const TestColumn *c, const ColDesc *desc, const uint8 *dict, uint32 start, uint32 rows,
		   uint64 min, uint64 max)
{
	uint64 least = PG_UINT64_MAX;
	uint64 greatest = 0;
	bool any = false;

	for (uint32 i = start; i < start + rows; i++)
		if (!is_null(c, i))
		{
			uint64 z = zone_value(c, desc, dict, i);

			least = Min(least, z);
			greatest = Max(greatest, z);
			any = true;
		}
	check(!any || (min == least && max == greatest), "%s: zone map of row %u on", label, start);
}

static void
check_flags(const TestColumn *c, const ColDesc *desc)
{
	bool floats = c->in.order == COL_ORDER_FLOAT4 || c->in.order == COL_ORDER_FLOAT8;
	bool wide = c->in.order == COL_ORDER_FLOAT8;
	bool sorted = true;
	bool finite = floats;
	uint32 nulls = 0;

	for (uint32 i = 0; i < c->in.rows; i++)
	{
		nulls += is_null(c, i);
		if (c->in.store == COL_STORE_CODE)
			sorted = sorted && (i == 0 || c->codes[i - 1] <= c->codes[i]);
		else
			sorted = sorted && (i == 0 || compare(value_of(c, i - 1), value_of(c, i)) <= 0);
		if (floats && !is_null(c, i))
		{
			uint64 sign = UINT64CONST(1) << (wide ? 63 : 31);
			uint64 code = c->codes[i];
			uint64 bits = (code & sign ? code ^ sign : ~code) & (sign * 2 - 1);
			uint64 exponent = wide ? bits >> 52 & 0x7FF : bits >> 23 & 0xFF;

			finite = finite && bits != sign && exponent != (wide ? 0x7FF : 0xFF);
		}
	}
	check(desc->null_count == nulls, "%s: null_count", label);
	check(((desc->flags & COL_FLAG_NO_NULLS) != 0) == (nulls == 0), "%s: NO_NULLS", label);
	check(((desc->flags & COL_FLAG_SORTED) != 0) == (nulls == 0 && sorted), "%s: SORTED", label);
	check(((desc->flags & COL_FLAG_FINITE) != 0) == finite, "%s: FINITE", label);
}

/* every byte that belongs to no part is zero; parts are where the desc says */
static void
check_gaps(const ColDesc *desc, const uint8 *chunk)
{
	const ColVector *vectors = (const ColVector *) chunk;
	uint64 end = desc->vectors * sizeof(ColVector);

	if (desc->flags & (COL_FLAG_DICT | COL_FLAG_SYMBOLS))
		end = desc->dict_offset + (uint64) desc->dict_bytes;
	for (uint32 v = 0; v <= desc->vectors; v++)
	{
		uint64 next = v < desc->vectors ? vectors[v].offset : desc->chunk_bytes;

		check(next >= end && next < end + 8 && next % 8 == 0, "%s: place of vector %u", label, v);
		for (; end < next; end++)
			check(chunk[end] == 0, "%s: gap in front of vector %u", label, v);
		if (v < desc->vectors)
			end += vectors[v].bytes;
	}
	for (uint32 i = 0; i < sizeof(desc->reserved); i++)
		check(desc->reserved[i] == 0, "%s: reserved bytes", label);
	check(column_crc(chunk, desc->chunk_bytes) == desc->chunk_crc, "%s: chunk_crc", label);
}

/* bulk against input, one by one against bulk */
static void
check_codes(const TestColumn *c, const ColDesc *desc, const ColVector *vector, uint32 start,
			uint32 rows, const uint8 *payload, const uint8 *dict, const bool *nulls)
{
	uint64 *codes = malloc(COL_VECTOR_ROWS * sizeof(uint64));
	bool filled = vector->encoding == COL_ENC_NULLS || vector->encoding == COL_ENC_CONST ||
				  vector->encoding == COL_ENC_LANES || vector->encoding == COL_ENC_DICT;
	uint64 filler = vector->encoding == COL_ENC_NULLS ? 0
					: vector->encoding == COL_ENC_DICT
						? column_dict_code(dict, (uint32) vector->min)
						: vector->min;

	column_decode_codes(desc, vector, rows, payload, dict, codes);
	for (uint32 i = 0; i < rows; i++)
	{
		check(nulls[i] ? !filled || codes[i] == filler : codes[i] == c->codes[start + i],
			  "%s: code of row %u", label, start + i);
		check(codes[i] == column_code_at(desc, vector, rows, payload, dict, i),
			  "%s: code of row %u alone", label, start + i);
	}
	free(codes);
}

static void
check_spans(const TestColumn *c, const ColDesc *desc, const ColVector *vector, uint32 start,
			uint32 rows, const uint8 *payload, const uint8 *dict, const bool *nulls)
{
	ColSpan *spans = malloc(rows * sizeof(ColSpan));
	/* to find one takes a walk over those before */
	uint32 step = c->in.rows > 5000 ? 97 : 1;

	column_decode_spans(desc, vector, rows, payload, dict, spans);
	for (uint32 i = 0; i < rows; i++)
	{
		check(nulls[i] || compare(spans[i], value_of(c, start + i)) == 0, "%s: value of row %u",
			  label, start + i);
		if (i % step == 0 || i == rows - 1)
		{
			ColSpan one = column_span_at(desc, vector, rows, payload, dict, i);

			check(one.data == spans[i].data && one.bytes == spans[i].bytes,
				  "%s: value of row %u alone", label, start + i);
		}
	}
	free(spans);
}

/* values of an FSST vector one by one, in room of their size */
static void
check_strings(const TestColumn *c, const ColDesc *desc, const ColVector *vector, uint32 start,
			  uint32 rows, const uint8 *payload, const uint8 *dict)
{
	FsstTable symbols;
	uint32 step = c->in.rows > 5000 ? 97 : 1;

	check(fsst_read_symbols(&symbols, dict, desc->dict_count, desc->dict_bytes) == NULL,
		  "%s: symbols", label);
	for (uint32 i = 0; i < rows; i += step)
	{
		ColSpan encoded = column_span_at(desc, vector, rows, payload, dict, i);
		uint32 bytes = (uint32) fsst_decoded_bytes(&symbols, encoded.data, encoded.bytes);
		uint8 *out = malloc(bytes + (bytes == 0));

		check(fsst_decode(&symbols, encoded.data, encoded.bytes, out, bytes) == bytes,
			  "%s: row %u decodes", label, start + i);
		check(is_null(c, start + i) ? bytes == 0
									: compare((ColSpan){ out, bytes }, value_of(c, start + i)) == 0,
			  "%s: encoded value of row %u", label, start + i);
		free(out);
	}
}

static void
check_vector(const TestColumn *c, const ColDesc *desc, const uint8 *chunk, uint32 v,
			 const uint8 *dict)
{
	const ColVector *vector = (const ColVector *) chunk + v;
	ColVector plain;
	uint32 start = v * COL_VECTOR_ROWS;
	uint32 rows = test_vector_rows(c->in.rows, v);
	Size skew = v % 4 == 3 ? 1 + v % 7 : 0;
	uint8 *payload = test_copy(chunk + vector->offset, vector->bytes, skew);
	bool *nulls = malloc(rows);
	uint32 *positions = malloc(rows * sizeof(uint32));
	const char *wrong = column_check_payload(desc, vector, rows, payload);

	check(wrong == NULL, "%s: vector %u: %s", label, v, wrong);
	if (vector->encoding == COL_ENC_FSST)
		check_strings(c, desc, vector, start, rows, payload, dict);
	if (column_is_compressed(vector))
	{
		uint8 *expanded = test_expand(desc, vector, rows, payload, dict, &plain);

		check(expanded != NULL, "%s: vector %u does not expand", label, v);
		check(plain.bytes == column_expanded_bytes(vector, rows, payload) &&
				  vector->bytes < plain.bytes,
			  "%s: size of vector %u", label, v);
		free(payload - skew);
		skew = 0;
		payload = expanded;
		vector = &plain;
	}
	column_decode_nulls(vector, rows, payload, nulls);
	for (uint32 i = 0; i < rows; i++)
	{
		check(nulls[i] == is_null(c, start + i), "%s: row %u is NULL", label, start + i);
		check(nulls[i] == column_is_null(vector, rows, payload, i), "%s: row %u is NULL alone",
			  label, start + i);
	}
	if (desc->flags & COL_FLAG_DICT)
	{
		column_decode_positions(vector, rows, payload, positions);
		for (uint32 i = 0; i < rows; i++)
			check(nulls[i] || positions[i] == zone_value(c, desc, dict, start + i),
				  "%s: dictionary position of row %u", label, start + i);
	}
	if (c->in.store == COL_STORE_CODE)
		check_codes(c, desc, vector, start, rows, payload, dict, nulls);
	else
		check_spans(c, desc, vector, start, rows, payload, dict, nulls);
	check_zone(c, desc, dict, start, rows, vector->min, vector->max);
	free(positions);
	free(nulls);
	free(payload - skew);
}

static ColDesc
start_desc(const TestColumn *c)
{
	ColDesc desc;

	memset(&desc, 0xA5, sizeof(desc));
	desc.typlen = c->typlen;
	desc.scale = 0;
	desc.chunk_offset = 4096;
	desc.flags = COL_FLAG_DICT | COL_FLAG_SORTED | COL_FLAG_TYPMOD_SCALE;
	return desc;
}

/* other bytes in the slots of NULLs, the same chunk */
static void
check_same_again(TestColumn *c, const ColDesc *desc, const uint8 *chunk)
{
	ColDesc again = start_desc(c);
	uint8 *other;

	for (uint32 i = 0; i < c->in.rows; i++)
		if (is_null(c, i) && c->in.store == COL_STORE_CODE)
			c->codes[i] = unit_random();
		else if (is_null(c, i) && c->in.store == COL_STORE_FIXED)
			memset(c->bytes + (Size) i * c->in.typlen, (int) i, c->in.typlen);
	other = column_encode(&c->in, &again);
	check(memcmp(desc, &again, sizeof(again)) == 0, "%s: the same desc again", label);
	check((chunk == NULL) == (other == NULL), "%s: a chunk again", label);
	check(chunk == NULL || memcmp(chunk, other, desc->chunk_bytes) == 0, "%s: the same chunk again",
		  label);
	pfree(other);
}

/*
 * All of it for one column, which is freed.  Returns the desc, for those who know what
 * it must be; *first: the header of the first vector.
 */
static ColDesc
verify(TestColumn c, const char *what, ColVector *first)
{
	ColDesc desc = start_desc(&c);
	uint8 *chunk = column_encode(&c.in, &desc);
	uint8 *dict = NULL;
	const char *wrong;

	label = what;
	wrong = column_check_desc(&desc, c.in.rows);
	check(wrong == NULL, "%s: %s", label, wrong);
	check(desc.chunk_offset == 4096 && (desc.flags & COL_FLAG_TYPMOD_SCALE), "%s: left", label);
	if (chunk == NULL)
	{
		check(desc.store == COL_STORE_NONE && desc.null_count == c.in.rows, "%s: NONE", label);
		for (uint32 i = 0; i < c.in.rows; i++)
			check(is_null(&c, i), "%s: row %u got lost", label, i);
	}
	else
	{
		wrong = column_check_vectors(&desc, (ColVector *) chunk, c.in.rows);
		check(wrong == NULL, "%s: %s", label, wrong);
		if (desc.flags & (COL_FLAG_DICT | COL_FLAG_SYMBOLS))
			dict = test_copy(chunk + desc.dict_offset, desc.dict_bytes, 0);
		wrong = column_check_dict(&desc, dict);
		check(wrong == NULL, "%s: %s", label, wrong);
		check(desc.store == c.in.store && desc.order == c.in.order, "%s: store", label);
		check_gaps(&desc, chunk);
		check_flags(&c, &desc);
		for (uint32 v = 0; v < desc.vectors; v++)
			check_vector(&c, &desc, chunk, v, dict);
		check_zone(&c, &desc, dict, 0, c.in.rows, desc.min, desc.max);
		if (first != NULL)
			memcpy(first, chunk, sizeof(*first));
	}
	check_same_again(&c, &desc, chunk);
	free(dict);
	pfree(chunk);
	test_column_free(&c);
	return desc;
}

static char *
describe(const char *kind, int dist, int order, uint32 rows, int nulls)
{
	static char text[100];

	snprintf(text, sizeof(text), "%s %d, order %d, %u rows, NULLs %d", kind, dist, order, rows,
			 nulls);
	return text;
}

static void
everything(uint32 rows)
{
	for (int nulls = 0; nulls < NULLS_DIST_COUNT; nulls++)
	{
		for (int dist = 0; dist < CODES_DIST_COUNT; dist++)
			for (int order = COL_ORDER_NONE; order <= COL_ORDER_FLOAT8; order++)
				verify(test_codes((CodeDist) dist, (ColOrder) order, rows, (NullDist) nulls),
					   describe("codes", dist, order, rows, nulls), NULL);
		for (int dist = 0; dist < SPANS_DIST_COUNT; dist++)
		{
			static const uint32 lengths[] = { 1, 3, 8, 16, 300 };
			uint32 typlen = lengths[(uint32) (dist + nulls) % lengthof(lengths)];

			if (dist < SPANS_LONG || rows < 1023 || (rows == 5000 && nulls < NULLS_FIRST))
				verify(test_bytes((SpanDist) dist, rows, (NullDist) nulls),
					   describe("bytes", dist, 5, rows, nulls), NULL);
			verify(test_fixed((SpanDist) dist, typlen, rows, (NullDist) nulls),
				   describe("fixed", dist, 5, rows, nulls), NULL);
		}
	}
	ok(true, "%u rows: every store, order, distribution and pattern of NULLs", rows);
}

/* whole groups: what is known of their encoding and size */
static void
whole_groups(void)
{
	const uint32 rows = COL_ROWS_MAX;
	const uint64 headers = COL_VECTORS_MAX * sizeof(ColVector);
	ColVector first = { 0 };
	ColDesc desc;
	uint64 width;

	desc = verify(test_codes(CODES_CONSTANT, COL_ORDER_NONE, rows, NULLS_NONE), "constant", NULL);
	ok(desc.chunk_bytes == headers, "a constant has no payload");
	desc =
		verify(test_codes(CODES_BY_VECTOR, COL_ORDER_SIGNED, rows, NULLS_NONE), "by vector", NULL);
	ok(desc.chunk_bytes == headers, "one value a vector: no payload");
	desc = verify(test_codes(CODES_SEQUENTIAL, COL_ORDER_SIGNED, rows, NULLS_NONE), "sequence",
				  &first);
	ok(desc.chunk_bytes == headers + COL_VECTORS_MAX * 16 && first.width == 0 &&
		   first.encoding == COL_ENC_LINEAR && (desc.flags & COL_FLAG_SORTED),
	   "numbers in sequence take none but the line");
	desc = verify(test_codes(CODES_THOUSANDS, COL_ORDER_SIGNED, rows, NULLS_SPARSE), "thousands",
				  &first);
	ok(desc.divisor == 1000 && first.width == 20 && first.encoding == COL_ENC_LANES,
	   "multiples of 1,000 are divided (divisor %llu, width %u)", (unsigned long long) desc.divisor,
	   first.width);
	desc =
		verify(test_codes(CODES_THOUSANDS, COL_ORDER_FLOAT8, 5000, NULLS_NONE), "no divisor", NULL);
	ok(desc.divisor == 1, "floats are not divided");
	desc = verify(test_codes(CODES_FEW, COL_ORDER_NONE, rows, NULLS_NONE), "few", &first);
	ok((desc.flags & COL_FLAG_DICT) && desc.dict_count == 10 && first.width == 4 &&
		   desc.chunk_bytes == headers + 80 + rows / 8 * 4,
	   "few wide values take a dictionary and 4 bits");
	desc = verify(test_codes(CODES_RANDOM, COL_ORDER_SIGNED, rows, NULLS_NONE), "random", &first);
	ok(desc.chunk_bytes == headers + rows * 8 && first.width == 64, "random codes take 64 bits");
	desc = verify(test_codes(CODES_SMALL, COL_ORDER_UNSIGNED, rows, NULLS_NONE), "small", &first);
	ok((desc.flags & COL_FLAG_DICT) == 0 && first.width == 10, "small codes need no dictionary");
	desc = verify(test_bytes(SPANS_EMPTY, rows, NULLS_NONE), "empty", NULL);
	ok(desc.chunk_bytes == headers, "empty strings have no payload");
	desc = verify(test_bytes(SPANS_SOME, rows, NULLS_SPARSE), "some strings", &first);
	width = first.width;
	ok(desc.dict_count == 1000 && width == 10, "a thousand strings take a dictionary and 10 bits");
	desc = verify(test_bytes(SPANS_ORDERED, rows, NULLS_NONE), "ordered strings", &first);
	ok((desc.flags & COL_FLAG_SORTED) && first.encoding == COL_ENC_FSST,
	   "strings in order, each three times");
	desc = verify(test_bytes(SPANS_PREFIXED, 20000, NULLS_VECTORS), "prefixed", NULL);
	ok((desc.flags & COL_FLAG_DICT) == 0, "distinct strings take no dictionary");
}

/* `rows` values of `length` bytes, in runs of `run` of them, but the last one, which is `last` long */
static TestColumn
run_column(uint32 rows, uint32 length, uint32 run, uint32 last)
{
	TestColumn c = test_bytes(SPANS_EMPTY, rows, NULLS_NONE);
	uint32 bytes = (rows - 1) * length + last;

	c.bytes = repalloc(c.bytes, bytes);
	for (uint32 i = 0; i < bytes; i++)
		c.bytes[i] = (uint8) (i % run == 0 ? unit_random() : c.bytes[i - 1]);
	for (uint32 i = 1; i < rows; i++)
		c.offsets[i] = i * length;
	c.offsets[rows] = bytes;
	c.in.bytes = c.bytes;
	return c;
}

/* which vectors are compressed */
static void
compression(void)
{
	ColVector first = { 0 };
	TestColumn c;
	ColDesc desc;

	desc = verify(test_bytes(SPANS_RUNS, 20000, NULLS_SPARSE), "runs", &first);
	ok(first.encoding == COL_ENC_PGLZ && desc.chunk_bytes < UINT64CONST(20000) * 350 / 4,
	   "long compressible values are compressed (%llu bytes)",
	   (unsigned long long) desc.chunk_bytes);
	verify(test_bytes(SPANS_LONG, 1100, NULLS_NONE), "noise", &first);
	ok(first.encoding == COL_ENC_PLAIN, "noise is not");
	verify(run_column(500, 256, 64, 256), "256 bytes", &first);
	ok(first.encoding == COL_ENC_PGLZ && first.width == 0, "256 bytes are long");
	verify(run_column(500, 256, 64, 255), "less than 256 bytes on average", &first);
	ok(first.encoding == COL_ENC_PLAIN, "less is not");

	/* the stand-in takes two bytes a run */
	verify(run_column(500, 300, 3, 300), "two thirds", &first);
	ok(first.encoding == COL_ENC_PGLZ, "two thirds of the bytes are little enough");
	verify(run_column(500, 300, 2, 300), "all", &first);
	ok(first.encoding == COL_ENC_FSST, "as many bytes are not, but pairs of bytes are symbols");

	/* values that are all alike in the middle, where the probe is, do not compress as a whole */
	c = test_bytes(SPANS_LONG, 1024, NULLS_NONE);
	memset(c.bytes + c.offsets[512] - 50000, 'x', 100000);
	verify(c, "a compressible middle", &first);
	ok(first.encoding == COL_ENC_PLAIN, "a compressible middle is not enough");

	/* a dictionary beats compression where values repeat, compression a dictionary where few do */
	c = run_column(2000, 300, 100, 300);
	for (uint32 i = 20; i < 2000; i++)
		memcpy(c.bytes + i * 300, c.bytes + i % 20 * 300, 300);
	desc = verify(c, "repeated", &first);
	ok(first.encoding == COL_ENC_DICT && desc.dict_count == 20, "repeated values: a dictionary");
	c = run_column(2000, 300, 100, 300);
	for (uint32 i = 1000; i < 2000; i++)
		memcpy(c.bytes + i * 300, c.bytes + (i - 1000) * 300, 300);
	verify(c, "twice", &first);
	ok(first.encoding == COL_ENC_PGLZ, "every value twice: compressed");
	verify(test_fixed(SPANS_RUNS, 300, 1000, NULLS_NONE), "fixed", &first);
	ok(first.encoding == COL_ENC_PLAIN, "values of a fixed length are not compressed");
}

/* which vectors of codes are not simply packed */
static void
integers(void)
{
	const uint32 rows = COL_ROWS_MAX;
	ColVector first = { 0 };
	TestColumn c;
	ColDesc desc;

#define BITS ((double) desc.chunk_bytes * 8 / rows)
	desc = verify(test_codes(CODES_RUNS, COL_ORDER_SIGNED, rows, NULLS_NONE), "runs", &first);
	ok(first.encoding == COL_ENC_RUNS && BITS < 2, "runs (%.2f bits)", BITS);
	desc = verify(test_codes(CODES_RUNS_WIDE, COL_ORDER_NONE, rows, NULLS_SPARSE), "wide runs",
				  &first);
	ok(first.encoding == COL_ENC_DICT_RUNS && desc.dict_count == 30 && BITS < 2.5,
	   "runs of positions, over NULLs (%.2f bits)", BITS);
	desc = verify(test_bytes(SPANS_SERIES, rows, NULLS_SPARSE), "runs of strings", &first);
	ok(first.encoding == COL_ENC_DICT_RUNS && BITS < 2.5, "runs of strings (%.2f bits)", BITS);
	desc = verify(test_codes(CODES_STEPS, COL_ORDER_SIGNED, rows, NULLS_NONE), "steps", &first);
	ok(BITS < 6.5, "steps (%.2f bits)", BITS);
	desc = verify(test_codes(CODES_STEPS, COL_ORDER_SIGNED, 1024, NULLS_SPARSE), "steps, NULLs",
				  &first);
	ok(first.encoding == COL_ENC_ASCENDING, "a step that is no line");
	desc = verify(test_codes(CODES_WIDE_STEPS, COL_ORDER_UNSIGNED, rows, NULLS_NONE), "wide steps",
				  &first);
	ok((first.encoding == COL_ENC_ASCENDING || first.encoding == COL_ENC_LINEAR) && BITS < 43,
	   "steps of 40 bits (%.2f bits)", BITS);
	desc = verify(test_codes(CODES_LINE, COL_ORDER_SIGNED, rows, NULLS_NONE), "line", &first);
	ok(first.encoding == COL_ENC_LINEAR && BITS < 8, "a line (%.2f bits)", BITS);
	desc =
		verify(test_codes(CODES_LINE, COL_ORDER_SIGNED, rows, NULLS_SPARSE), "line, NULLs", &first);
	ok(first.encoding == COL_ENC_ASCENDING || first.encoding == COL_ENC_LINEAR, "also with NULLs");
	desc =
		verify(test_codes(CODES_OUTLIERS, COL_ORDER_SIGNED, rows, NULLS_NONE), "outliers", &first);
	ok(first.encoding == COL_ENC_PATCHED && first.width == 7 && BITS < 9, "outliers (%.2f bits)",
	   BITS);
	desc = verify(test_codes(CODES_OUTLIERS, COL_ORDER_SIGNED, 1000, NULLS_SPARSE),
				  "outliers, NULLs", &first);
	ok(first.encoding == COL_ENC_PATCHED, "also with NULLs");
	desc = verify(test_codes(CODES_SMALL, COL_ORDER_SIGNED, rows, NULLS_NONE), "small", &first);
	ok(first.encoding == COL_ENC_LANES, "chance is packed");

	/* a few rows of all widths: the bitmap may not grow beyond all bounds */
	for (uint32 round = 0; round < 65 * 8; round++)
	{
		uint64 greatest = PG_UINT64_MAX >> Min(round / 8, 63);
		uint32 few = 2 + round % 8;

		c = test_codes(CODES_CONSTANT, COL_ORDER_SIGNED, few, NULLS_NONE);
		for (uint32 i = 0; i < few; i++)
			c.codes[i] = greatest / (few - 1) * i;
		c.codes[few - 1] = greatest;
		c.codes[few / 2] += few > 3 && greatest > 1000;
		verify(c, "a few rows in order", NULL);
	}
	ok(true, "a few rows in order, of all widths");

	/* descending: neither line nor steps, and runs where there are */
	c = test_codes(CODES_LINE, COL_ORDER_SIGNED, 2048, NULLS_NONE);
	for (uint32 i = 0; i < 2048; i++)
		c.codes[i] = PG_UINT64_MAX - c.codes[i];
	verify(c, "descending", &first);
	ok(first.encoding == COL_ENC_LANES, "what descends is packed");
#undef BITS
}

/* vectors of each kind in one column, of all widths, with extremes of 64 bits */
static void
mixtures(void)
{
	for (uint32 round = 0; round < 300; round++)
	{
		uint32 rows = 1 + (uint32) unit_random_below(round % 10 == 0 ? 9000 : 2100);
		TestColumn c = test_codes(CODES_CONSTANT, round % 3 ? COL_ORDER_SIGNED : COL_ORDER_NONE,
								  rows, (NullDist) (round / 3 % NULLS_DIST_COUNT));
		uint64 factor = round % 4 == 0 ? 1 + unit_random_below(100000) : 1;

		for (uint32 start = 0; start < rows; start += COL_VECTOR_ROWS)
		{
			uint32 kind = (uint32) unit_random_below(6);
			uint64 bits = unit_random_below(65);
			uint64 mask = bitpack_mask((uint32) bits);
			uint64 code = unit_random() & mask;
			uint32 outliers = 1 + (uint32) unit_random_below(200);

			for (uint32 i = start; i < Min(rows, start + COL_VECTOR_ROWS); i++)
			{
				switch (kind)
				{
					case 0: /* runs */
						code = unit_random_below(20) == 0 ? unit_random() & mask : code;
						break;
					case 1: /* steps */
						code += unit_random() & mask >> Min(10, bits);
						break;
					case 2: /* a line, perhaps around the end of all numbers */
						code += mask >> Min(11, bits);
						break;
					case 3: /* outliers */
						code = unit_random_below(outliers) == 0
								   ? unit_random()
								   : unit_random() & mask >> Min(8, bits);
						break;
					case 4: /* extremes */
						code = unit_random_below(3) == 0 ? PG_UINT64_MAX : unit_random() & 1;
						break;
					default:
						code = unit_random() & mask;
						break;
				}
				c.codes[i] = code * factor;
			}
		}
		verify(c, "mixture", NULL);
	}
	ok(true, "vectors of all kinds in one column");
}

/* which vectors are encoded by symbols */
static void
symbols(void)
{
	ColVector first = { 0 };
	TestColumn c;
	ColDesc desc;
	uint64 raw;

	c = test_bytes(SPANS_WORDS, COL_ROWS_MAX, NULLS_NONE);
	raw = c.offsets[COL_ROWS_MAX];
	desc = verify(c, "words", &first);
	ok(first.encoding == COL_ENC_FSST && (desc.flags & COL_FLAG_SYMBOLS) &&
		   desc.chunk_bytes < raw / 2,
	   "words take symbols (%llu bytes of %llu)", (unsigned long long) desc.chunk_bytes,
	   (unsigned long long) raw);
	desc = verify(test_bytes(SPANS_WORDS, 3000, NULLS_SPARSE), "words and NULLs", &first);
	ok(first.encoding == COL_ENC_FSST, "also with NULLs");
	desc = verify(test_bytes(SPANS_RANDOM, 20000, NULLS_NONE), "noise", &first);
	ok(first.encoding == COL_ENC_PLAIN && (desc.flags & COL_FLAG_SYMBOLS) == 0, "noise does not");
	desc = verify(test_bytes(SPANS_WORDS, 100, NULLS_NONE), "a few words", &first);
	ok(first.encoding == COL_ENC_PLAIN, "nor do too few bytes");

	/* words, but for a vector of noise and one of a single value */
	c = test_bytes(SPANS_WORDS, 4096, NULLS_NONE);
	for (uint32 i = c.offsets[1024]; i < c.offsets[2048]; i++)
		c.bytes[i] = (uint8) unit_random();
	for (uint32 i = 2049; i <= 4096; i++)
		c.offsets[i] = c.offsets[i < 3072 ? 2048 : i];
	desc = verify(c, "words and noise", &first);
	ok(first.encoding == COL_ENC_FSST, "each vector by itself");

	/* every value twice: the dictionary would be no less than the values once */
	c = test_bytes(SPANS_WORDS, 4096, NULLS_NONE);
	c.bytes = repalloc(c.bytes, 2 * (Size) c.offsets[2048] + 1);
	memcpy(c.bytes + c.offsets[2048], c.bytes, c.offsets[2048]);
	for (uint32 i = 0; i <= 2048; i++)
		c.offsets[2048 + i] = c.offsets[2048] + c.offsets[i];
	c.in.bytes = c.bytes;
	verify(c, "words twice", &first);
	ok(first.encoding == COL_ENC_FSST, "a great dictionary gives way");
	verify(test_bytes(SPANS_SOME, COL_ROWS_MAX, NULLS_NONE), "few", &first);
	ok(first.encoding == COL_ENC_DICT, "a small one does not");
}

/* the greatest dictionary, and one entry more */
static void
dictionary_limit(void)
{
	for (uint32 more = 0; more < 2; more++)
	{
		TestColumn c = test_codes(CODES_SEQUENTIAL, COL_ORDER_NONE, COL_ROWS_MAX, NULLS_NONE);
		ColDesc desc;

		for (uint32 i = 0; i < COL_ROWS_MAX; i++)
			c.codes[i] = (1 + i % (COL_DICT_MAX + more)) * UINT64CONST(0x123456789ABCDEF1);
		desc = verify(c, "limit of dictionaries", NULL);
		ok(((desc.flags & COL_FLAG_DICT) != 0) == (more == 0), "%u distinct codes: %s dictionary",
		   COL_DICT_MAX + more, more == 0 ? "a" : "no");
	}
}

/* floats at the edges of what is finite, one in a column of ordinary ones */
static void
finite_edges(void)
{
	static const struct
	{
		uint64 bits8;
		uint64 bits4;
		bool finite;
	} edges[] = {
		{ 0, 0, true },
		{ UINT64CONST(0x8000000000000000), 0x80000000, false },
		{ UINT64CONST(0x8000000000000001), 0x80000001, true },
		{ UINT64CONST(0x7FEFFFFFFFFFFFFF), 0x7F7FFFFF, true },
		{ UINT64CONST(0x7FF0000000000000), 0x7F800000, false },
		{ UINT64CONST(0x7FF8000000000000), 0x7FC00000, false },
		{ UINT64CONST(0xFFEFFFFFFFFFFFFF), 0xFF7FFFFF, true },
		{ UINT64CONST(0xFFF0000000000000), 0xFF800000, false },
		{ UINT64CONST(0xFFFFFFFFFFFFFFFF), 0xFFFFFFFF, false },
	};

	for (uint32 i = 0; i < 2 * lengthof(edges); i++)
	{
		bool wide = i % 2 == 0;
		uint64 bits = wide ? edges[i / 2].bits8 : edges[i / 2].bits4;
		uint64 sign = UINT64CONST(1) << (wide ? 63 : 31);
		TestColumn c = test_codes(CODES_CONSTANT, wide ? COL_ORDER_FLOAT8 : COL_ORDER_FLOAT4, 1500,
								  NULLS_NONE);
		ColDesc desc;

		for (uint32 k = 0; k < 1500; k++)
			c.codes[k] = sign | (k + 5);
		c.codes[1234] = (bits & sign ? ~bits : bits | sign) & (sign * 2 - 1);
		desc = verify(c, "edges of finite", NULL);
		check(((desc.flags & COL_FLAG_FINITE) != 0) == edges[i / 2].finite, "edge %u", i);
	}
	ok(true, "NaN, infinities and -0 are not finite, the rest is");
}

/* all divisors of a kind and the widths 1..64 */
static void
divisors_and_widths(void)
{
	for (uint32 round = 0; round < 400; round++)
	{
		uint64 divisor = unit_random_bits() | (round % 2) | (round % 3 == 0) << 7;
		uint64 most = divisor == 0 ? 0 : PG_UINT64_MAX / divisor;
		uint64 base = unit_random();
		TestColumn c = test_codes(CODES_CONSTANT, COL_ORDER_SIGNED, 1 + round % 1500, NULLS_SPARSE);

		if (divisor == 0)
			divisor = 1;
		if (most > 1)
			most = Max(1, most >> unit_random_below(bitpack_width(most)));
		if (base > PG_UINT64_MAX - divisor * most)
			base = PG_UINT64_MAX - divisor * most;
		for (uint32 i = 0; i < c.in.rows; i++)
			c.codes[i] = base + divisor * (most == PG_UINT64_MAX ? unit_random()
																 : unit_random_below(most + 1));
		verify(c, "divisors", NULL);
	}
	for (uint32 width = 1; width <= 64; width++)
	{
		TestColumn c = test_codes(CODES_RANDOM, COL_ORDER_NONE, 1024, NULLS_NONE);
		ColVector first = { 0 };

		for (uint32 i = 0; i < 1024; i++)
			c.codes[i] >>= 64 - width;
		c.codes[5] = 0;
		c.codes[700] = PG_UINT64_MAX >> (64 - width);
		verify(c, "widths", &first);
		check(first.encoding == COL_ENC_DICT || first.width == width, "width %u: %u", width,
			  first.width);
	}
	ok(true, "divisors and widths of all sizes");
}

int
main(void)
{
	static const uint32 sizes[] = { 1, 2, 7, 1023, 1024, 1025, 5000 };

	ok(column_crc("123456789", 9) == 0xE3069283 && column_crc("", 0) == 0, "CRC-32C");
	for (uint32 i = 0; i < lengthof(sizes); i++)
		everything(sizes[i]);
	whole_groups();
	compression();
	symbols();
	integers();
	mixtures();
	dictionary_limit();
	finite_edges();
	divisors_and_widths();
	return done();
}
