/*
 * test_column_bloom.c
 *		Bloom filters of columns: no value that is there is excluded, at most one in a hundred others is not,
 *		in 10 bits a value; where there is none; equal floats; the very bits, which are on disk.
 */
// sources: src/codec/lanes.c src/codec/fsst.c src/codec/fsst_train.c src/codec/column_dict.c src/codec/column_pglz.c src/codec/column_strings.c src/codec/column_integers.c src/codec/column_decimal.c src/codec/column_bloom.c src/codec/column_encode.c src/codec/column_check.c src/codec/column_decode.c
#include "codec/column_bloom.h"
#include "column_testing.h"

typedef struct Filtered
{
	ColDesc desc;
	uint8 *chunk;
} Filtered;

static ColSpan
value_of(const TestColumn *c, uint32 row)
{
	if (c->in.store == COL_STORE_FIXED)
		return (ColSpan){ c->bytes + (Size) row * c->in.typlen, c->in.typlen };
	return (ColSpan){ c->bytes + c->offsets[row], c->offsets[row + 1] - c->offsets[row] };
}

static uint64
hash_of(const TestColumn *c, uint32 row)
{
	return c->in.store == COL_STORE_CODE ? column_hash_code(c->in.order, c->codes[row])
										 : column_hash_span(value_of(c, row));
}

/* encoded with a filter, checked */
static Filtered
encode(TestColumn *c)
{
	Filtered f = { 0 };

	f.desc.typlen = c->typlen;
	c->in.bloom = true;
	f.chunk = column_encode(&c->in, &f.desc);
	check(column_check_desc(&f.desc, c->in.rows) == NULL, "desc: %s",
		  column_check_desc(&f.desc, c->in.rows));
	if (f.chunk != NULL)
		check(column_check_vectors(&f.desc, (ColVector *) f.chunk, c->in.rows) == NULL, "vectors");
	return f;
}

/* does the filter say that this may be there?  The section is checked, and in memory of its exact size. */
static bool
contains(const Filtered *f, uint64 hash)
{
	uint32 section = column_bloom_section(&f->desc, hash);
	Size skew = (Size) unit_random_below(4);
	uint8 *data = test_copy(f->chunk + f->desc.bloom_offset + section * f->desc.bloom_section,
							f->desc.bloom_section, skew);
	bool result;

	check(section < f->desc.bloom_bytes / f->desc.bloom_section, "section %u", section);
	check(column_check_bloom(&f->desc, section, data) == NULL, "section is sound");
	result = column_bloom_test(&f->desc, data, hash);
	free(data - skew);
	return result;
}

/* all of a column is there; without the filter its chunk is the same; returns whether it has one */
static bool
nothing_missed(TestColumn c)
{
	Filtered f = encode(&c);
	bool made = f.desc.bloom_bytes > 0;
	ColDesc plain = { .typlen = c.typlen };
	uint8 *without;
	uint64 head = f.desc.vectors * sizeof(ColVector);

	for (uint32 row = 0; made && row < c.in.rows; row++)
		if (c.nulls == NULL || !c.nulls[row])
			check(contains(&f, hash_of(&c, row)), "row %u of %u", row, c.in.rows);
	c.in.bloom = false;
	without = column_encode(&c.in, &plain);
	if (without != NULL)
	{
		check(f.desc.chunk_bytes == plain.chunk_bytes + f.desc.bloom_bytes, "size");
		head += COL_ALIGN((uint64) plain.dict_bytes);
		check(memcmp(f.chunk + head + f.desc.bloom_bytes, without + head,
					 plain.chunk_bytes - head) == 0,
			  "payloads");
		pfree(without);
		pfree(f.chunk);
	}
	test_column_free(&c);
	return made;
}

static void
every_kind(void)
{
	static const uint32 sizes[] = { 1, 2, 7, 100, 1024, 1025, 5000 };
	uint32 made = 0;

	for (uint32 i = 0; i < lengthof(sizes); i++)
		for (int nulls = 0; nulls < NULLS_DIST_COUNT; nulls++)
		{
			for (int dist = 0; dist < CODES_DIST_COUNT; dist++)
				for (int order = COL_ORDER_SIGNED; order <= COL_ORDER_FLOAT8; order++)
					made += nothing_missed(
						test_codes((CodeDist) dist, (ColOrder) order, sizes[i], (NullDist) nulls));
			for (int dist = 0; dist < SPANS_DIST_COUNT; dist++)
			{
				made += nothing_missed(test_bytes((SpanDist) dist, sizes[i], (NullDist) nulls));
				made += nothing_missed(test_fixed((SpanDist) dist, 16, sizes[i], (NullDist) nulls));
			}
		}
	ok(made > 1000, "every value of every kind of column is found: %u filters", made);
}

/* codes by chance: how many of others are said to be there, of a million; bits a value */
static void
false_positives(void)
{
	static const uint32 sizes[] = { 10, 100, 800, 1000, 10000, 131072 };

	for (uint32 i = 0; i < lengthof(sizes); i++)
	{
		uint64 asked = 0;
		uint64 said = 0;
		double bits = 0;
		uint32 columns = Max(20000 / sizes[i], 2);

		for (uint32 k = 0; k < columns; k++)
		{
			TestColumn c = test_codes(CODES_RANDOM, COL_ORDER_SIGNED, sizes[i], NULLS_NONE);
			Filtered f = encode(&c);

			check(f.desc.bloom_bytes > 0, "there is a filter");
			bits = 8.0 * f.desc.bloom_bytes / sizes[i];
			for (uint32 n = 0; n < 200000 / columns + 1; n++, asked++)
				said += contains(&f, column_hash_code(COL_ORDER_SIGNED, unit_random()));
			pfree(f.chunk);
			test_column_free(&c);
		}
		/* a section is made of whole words */
		ok(said * 100 <= asked && bits < (sizes[i] < 800 ? 20 : 10.3),
		   "%u values: %.2f bits each, %.2f %% false positives", sizes[i], bits,
		   100.0 * (double) said / (double) asked);
	}
}

static void
strings(void)
{
	TestColumn c = test_bytes(SPANS_RANDOM, 30000, NULLS_SPARSE);
	uint32 said = 0;
	Filtered f;
	char value[64];

	for (uint32 row = 0; row < c.in.rows; row++)
		if (c.nulls[row] == 0 && c.offsets[row + 1] - c.offsets[row] == 19)
			c.bytes[c.offsets[row]] = 'x';
	f = encode(&c);
	check(f.desc.bloom_bytes > 0, "there is a filter");
	/* in sequence, of one length, which is what keys are */
	for (uint32 i = 0; i < 100000; i++)
	{
		int bytes = snprintf(value, sizeof(value), "customer %08u/%c", i, "abcdefgh"[i % 8]);

		said += contains(&f, column_hash_span((ColSpan){ (uint8 *) value, (uint32) bytes }));
	}
	ok(said <= 1000, "strings: %.2f %% false positives", said / 1000.0);
	pfree(f.chunk);
	test_column_free(&c);
}

/* the values are in few rows: room for the distinct ones only */
static void
distinct_only(void)
{
	TestColumn c = test_codes(CODES_RANDOM, COL_ORDER_SIGNED, 131072, NULLS_SPARSE);
	Filtered f;

	/* too many for a dictionary, each in three rows */
	for (uint32 row = 0; row < c.in.rows; row++)
		c.codes[row] = column_mix(row % 43690) >> 3;
	f = encode(&c);
	ok((f.desc.flags & COL_FLAG_DICT) || f.desc.bloom_bytes * 8.0 < 43690 * 10.3,
	   "repeated values take no room");
	pfree(f.chunk);
	test_column_free(&c);
}

static bool
has_filter(TestColumn c)
{
	Filtered f = encode(&c);
	bool result = (f.desc.flags & COL_FLAG_BLOOM) != 0;

	check(result == (f.desc.bloom_bytes > 0), "flag and size");
	if (f.chunk != NULL)
		pfree(f.chunk);
	test_column_free(&c);
	return result;
}

static TestColumn
stepped(uint64 from, uint64 step, ColOrder order, uint32 rows)
{
	TestColumn c = test_codes(CODES_CONSTANT, order, rows, NULLS_NONE);

	/* 7919 is prime: in no order */
	for (uint32 row = 0; row < rows; row++)
		c.codes[row] = from + step * (row * 7919 % rows);
	return c;
}

static void
where_there_is_none(void)
{
	TestColumn c = test_codes(CODES_RANDOM, COL_ORDER_SIGNED, 2000, NULLS_NONE);
	ColDesc desc = { 0 };
	uint8 *chunk = column_encode(&c.in, &desc);

	ok((desc.flags & COL_FLAG_BLOOM) == 0, "none that was not asked for");
	pfree(chunk);
	test_column_free(&c);
	ok(!has_filter(test_codes(CODES_RANDOM, COL_ORDER_NONE, 2000, NULLS_NONE)),
	   "none without an order");
	ok(!has_filter(test_codes(CODES_RANDOM, COL_ORDER_SIGNED, 2000, NULLS_ALL)),
	   "none without a value");
	ok(!has_filter(test_codes(CODES_CONSTANT, COL_ORDER_FLOAT8, 2000, NULLS_SPARSE)),
	   "none of a single code");
	ok(!has_filter(test_codes(CODES_FEW, COL_ORDER_FLOAT8, 5000, NULLS_NONE)) &&
		   !has_filter(test_bytes(SPANS_FEW, 5000, NULLS_NONE)),
	   "none where there is a dictionary");
	ok(!has_filter(stepped(1000, 1, COL_ORDER_SIGNED, 5000)) &&
		   !has_filter(stepped(PG_UINT64_MAX - 4999, 1, COL_ORDER_UNSIGNED, 5000)),
	   "none where the range is full");
	ok(has_filter(stepped(1000, 2, COL_ORDER_SIGNED, 5000)), "one where it is not");
	c = stepped(1000, 1, COL_ORDER_SIGNED, 5000);
	c.codes[17]++;
	ok(has_filter(c), "one where a single value is missing");
	ok(has_filter(stepped(UINT64CONST(0x8000000000001000), 1, COL_ORDER_FLOAT8, 5000)),
	   "floats have no next one");
}

static void
equal_floats(void)
{
	for (int order = COL_ORDER_FLOAT4; order <= COL_ORDER_FLOAT8; order++)
	{
		bool wide = order == COL_ORDER_FLOAT8;
		uint64 sign = UINT64CONST(1) << (wide ? 63 : 31);
		uint64 inf = wide ? UINT64CONST(0x7FF0000000000000) : 0x7F800000;
		uint64 all = sign * 2 - 1;
		ColOrder o = (ColOrder) order;
#define CODE(bits) (((bits) &sign ? ~(bits) : (bits) | sign) & all)
		uint64 zero = column_hash_code(o, CODE(UINT64CONST(0)));
		uint64 nan = column_hash_code(o, CODE(inf + 1));

		ok(column_hash_code(o, CODE(sign)) == zero, "-0 is 0");
		ok(column_hash_code(o, CODE(inf | sign | 1)) == nan &&
			   column_hash_code(o, CODE(all)) == nan &&
			   column_hash_code(o, CODE(all >> 1)) == nan &&
			   column_hash_code(o, CODE(inf + (sign >> 12))) == nan,
		   "all NaNs are one");
		ok(column_canonical_code(o, CODE(inf)) == CODE(inf) &&
			   column_canonical_code(o, CODE(inf | sign)) == CODE(inf | sign) &&
			   column_canonical_code(o, CODE(UINT64CONST(1))) == CODE(UINT64CONST(1)) &&
			   column_canonical_code(o, CODE(sign | 1)) == CODE(sign | 1) &&
			   column_canonical_code(o, CODE(inf - 1)) == CODE(inf - 1),
		   "infinities and the smallest numbers are themselves");
#undef CODE
	}
	ok(column_canonical_code(COL_ORDER_SIGNED, 0x7FFFFFFF) == 0x7FFFFFFF &&
		   column_canonical_code(COL_ORDER_UNSIGNED, PG_UINT64_MAX - 1) == PG_UINT64_MAX - 1,
	   "codes of integers are themselves");
}

/* what is on disk must stay readable: these are the values of version 4 */
static void
pinned(void)
{
	TestColumn c = stepped(77, 1000, COL_ORDER_SIGNED, 3000);
	Filtered f = encode(&c);

	ok(column_hash_code(COL_ORDER_SIGNED, 12345) == UINT64CONST(0x31A36FC405094051) &&
		   column_hash_code(COL_ORDER_FLOAT4, 0x7FFFFFFF) == UINT64CONST(0x9BC9F42031757019) &&
		   column_hash_code(COL_ORDER_FLOAT8, 5) == UINT64CONST(0x25B775FAECA8F520) &&
		   column_hash_span((ColSpan){ (const uint8 *) "", 0 }) == 0 &&
		   column_hash_span((ColSpan){ (const uint8 *) "row group 7", 11 }) ==
			   UINT64CONST(0xDC83CD8DECA3B748),
	   "hashes are those on disk");
	ok(f.desc.bloom_section == 952 && f.desc.bloom_bytes == 4 * 952 && f.desc.bloom_probes == 7 &&
		   f.desc.bloom_offset == 3 * sizeof(ColVector) &&
		   column_crc(f.chunk + f.desc.bloom_offset, f.desc.bloom_bytes) == 0x70FE5DA4,
	   "so are the bits of a filter");
	pfree(f.chunk);
	test_column_free(&c);
}

int
main(void)
{
	every_kind();
	false_positives();
	strings();
	distinct_only();
	where_there_is_none();
	equal_floats();
	pinned();
	return done();
}
