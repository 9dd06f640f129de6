/*
 * test_column_damage.c
 *		Damaged columns: a check refuses them, or every decoder ends inside the bytes
 *		it was given.  Half of the damage comes with right checksums.
 */
// sources: src/codec/lanes.c src/codec/fsst.c src/codec/fsst_train.c src/codec/column_dict.c src/codec/column_pglz.c src/codec/column_strings.c src/codec/column_integers.c src/codec/column_decimal.c src/codec/column_bloom.c src/codec/column_encode.c src/codec/column_check.c src/codec/column_decode.c
#include "codec/column_pglz.h"
#include "column_poke.h"

typedef struct Sample
{
	const char *name;
	ColDesc desc;
	uint8 *chunk;
	uint32 bytes;
	uint32 rows;
} Sample;

static Sample samples[40];
static uint32 nsamples;

/* work space: a copy of a sample to be damaged */
static ColDesc desc;
static uint8 *chunk;

static void
add(const char *name, TestColumn c)
{
	Sample *s = &samples[nsamples++];
	PokeCount count = { 0 };

	s->name = name;
	s->desc.typlen = c.typlen;
	s->rows = c.in.rows;
	s->chunk = column_encode(&c.in, &s->desc);
	s->bytes = (uint32) s->desc.chunk_bytes;
	test_column_free(&c);
	poke_column(&s->desc, s->chunk, s->bytes, s->rows, &count);
	check(count.all == (s->chunk != NULL), "%s is valid", name);
}

static TestColumn
filtered(TestColumn c)
{
	c.in.bloom = true;
	return c;
}

static void
add_samples(void)
{
	add("constant", test_codes(CODES_CONSTANT, COL_ORDER_SIGNED, 1500, NULLS_SPARSE));
	add("sequence", test_codes(CODES_SEQUENTIAL, COL_ORDER_SIGNED, 1300, NULLS_NONE));
	add("divided", test_codes(CODES_THOUSANDS, COL_ORDER_SIGNED, 1030, NULLS_SPARSE));
	add("wide", test_codes(CODES_RANDOM, COL_ORDER_NONE, 1024, NULLS_NONE));
	add("two ranges", test_codes(CODES_TWO_RANGES, COL_ORDER_UNSIGNED, 3200, NULLS_VECTORS));
	add("code dictionary", test_codes(CODES_FEW, COL_ORDER_FLOAT8, 1100, NULLS_SPARSE));
	add("one value", test_codes(CODES_FEW, COL_ORDER_FLOAT8, 2100, NULLS_BUT_ONE));
	add("same string", test_bytes(SPANS_CONSTANT, 1000, NULLS_SPARSE));
	add("empty strings", test_bytes(SPANS_EMPTY, 1025, NULLS_NONE));
	add("few strings", test_bytes(SPANS_FEW, 2200, NULLS_VECTORS));
	add("distinct strings", test_bytes(SPANS_RANDOM, 1100, NULLS_SPARSE));
	add("strings of one length", test_bytes(SPANS_PREFIXED, 60, NULLS_NONE));
	add("long strings", test_bytes(SPANS_LONG, 9, NULLS_NONE));
	add("fixed", test_fixed(SPANS_RANDOM, 16, 1050, NULLS_SPARSE));
	add("fixed dictionary", test_fixed(SPANS_SOME, 17, 3000, NULLS_LAST));
	add("no value", test_codes(CODES_RANDOM, COL_ORDER_SIGNED, 1500, NULLS_ALL));
	add("compressed strings", test_bytes(SPANS_RUNS, 60, NULLS_SPARSE));
	add("packed", test_codes(CODES_SMALL, COL_ORDER_SIGNED, 1300, NULLS_NONE));
	add("runs", test_codes(CODES_RUNS, COL_ORDER_SIGNED, 1500, NULLS_SPARSE));
	add("dictionary runs", test_codes(CODES_RUNS_WIDE, COL_ORDER_NONE, 3000, NULLS_NONE));
	add("runs of strings", test_bytes(SPANS_SERIES, 2200, NULLS_SPARSE));
	add("ascending", test_codes(CODES_STEPS, COL_ORDER_SIGNED, 1024, NULLS_SPARSE));
	add("wide steps", test_codes(CODES_WIDE_STEPS, COL_ORDER_SIGNED, 1700, NULLS_NONE));
	add("line", test_codes(CODES_LINE, COL_ORDER_SIGNED, 1100, NULLS_NONE));
	add("patched", test_codes(CODES_OUTLIERS, COL_ORDER_SIGNED, 1500, NULLS_NONE));
	add("decimals", test_codes(CODES_DECIMALS, COL_ORDER_FLOAT8, 1500, NULLS_SPARSE));
	add("narrow decimals", test_codes(CODES_DECIMALS, COL_ORDER_FLOAT4, 1300, NULLS_NONE));
	add("encoded strings", test_bytes(SPANS_WORDS, 1100, NULLS_SPARSE));
	add("encoded, no NULLs", test_bytes(SPANS_WORDS, 1030, NULLS_NONE));
	add("compressed, no NULLs", test_bytes(SPANS_RUNS, 1030, NULLS_NONE));
	add("filtered codes", filtered(test_codes(CODES_RANDOM, COL_ORDER_SIGNED, 1100, NULLS_SPARSE)));
	add("filtered strings", filtered(test_bytes(SPANS_WORDS, 1500, NULLS_SPARSE)));
	add("filtered, one section", filtered(test_fixed(SPANS_RANDOM, 16, 100, NULLS_NONE)));
}

static void
start(const Sample *s)
{
	desc = s->desc;
	free(chunk);
	chunk = test_copy(s->chunk, s->bytes, 0);
}

static void
poke(const Sample *s, bool repair, PokeCount *count)
{
	if (repair)
		poke_repair(&desc, chunk, s->bytes);
	poke_column(&desc, chunk, s->bytes, s->rows, count);
}

static uint8
hostile_byte(uint32 kind, uint8 old)
{
	switch (kind)
	{
		case 0:
			return old ^ 0x01;
		case 1:
			return old ^ 0x80;
		case 2:
			return 0xFF;
		case 3:
			return 0;
		case 4:
			return (uint8) (old + 1);
		default:
			return (uint8) unit_random();
	}
}

/* every byte of the desc, of the headers and of the first bytes of dictionary and payloads */
static void
every_byte(const Sample *s, PokeCount *count)
{
	uint32 early = Min(s->bytes, s->desc.vectors * (uint32) sizeof(ColVector) + 160);

	for (uint32 at = 0; at < sizeof(desc) + early; at++)
		for (uint32 kind = 0; kind < 6; kind++)
			for (uint32 repair = 0; repair < 2; repair++)
			{
				uint8 *byte;

				start(s);
				byte = at < sizeof(desc) ? (uint8 *) &desc + at : chunk + at - sizeof(desc);
				*byte = hostile_byte(kind, *byte);
				poke(s, repair, count);
			}
}

/* without right checksums, damage within a part never goes unnoticed */
static void
noticed(const Sample *s)
{
	const ColVector *vectors = (const ColVector *) s->chunk;

	for (uint32 round = 0; round < 200 && s->bytes > 0; round++)
	{
		PokeCount count = { 0 };
		uint32 v = (uint32) unit_random_below(s->desc.vectors);
		uint32 part = (uint32) unit_random_below(4);
		uint32 at = (uint32) unit_random_below(s->desc.vectors * sizeof(ColVector));

		if (part == 1 && vectors[v].bytes > 0)
			at = vectors[v].offset + (uint32) unit_random_below(vectors[v].bytes);
		else if (part == 2 && s->desc.dict_bytes > 0)
			at = s->desc.dict_offset + (uint32) unit_random_below(s->desc.dict_bytes);
		else if (part == 3 && s->desc.bloom_bytes > 0)
			at = s->desc.bloom_offset + (uint32) unit_random_below(s->desc.bloom_bytes);
		start(s);
		chunk[at] ^= (uint8) (1 << unit_random_below(8));
		poke(s, false, &count);
		check(count.all == 0, "%s: a flipped bit at %u of %u", s->name, at, s->bytes);
	}
}

/* many changes anywhere, checksums right */
static void
shower(const Sample *s, uint32 rounds, PokeCount *count)
{
	for (uint32 round = 0; round < rounds; round++)
	{
		uint32 changes = 1 + (uint32) unit_random_below(round % 2 ? 3 : 30);
		uint32 headers = s->desc.vectors * (uint32) sizeof(ColVector);

		start(s);
		for (uint32 i = 0; i < changes && s->bytes > 0; i++)
		{
			/* the headers now and then: one wrong number there and the rest is not looked at */
			uint32 at = round % 4 == 0
							? (uint32) unit_random_below(s->bytes)
							: headers + (uint32) unit_random_below(Max(s->bytes - headers, 1));

			if (at < s->bytes)
				chunk[at] = hostile_byte((uint32) unit_random_below(6), chunk[at]);
		}
		if (round % 8 == 0)
			((uint8 *) &desc)[unit_random_below(sizeof(desc))] ^= (uint8) (1 << round / 8 % 8);
		poke(s, round % 16 != 1, count);
	}
}

/* headers that fit together, with payloads, dictionary positions and lengths of chance */
static void
hostile_headers(const Sample *s, uint32 rounds, PokeCount *count)
{
	for (uint32 round = 0; round < rounds && s->bytes > 0; round++)
	{
		ColVector *vectors;
		uint32 v = (uint32) unit_random_below(s->desc.vectors);

		start(s);
		vectors = (ColVector *) chunk;
		switch (round % 8)
		{
			case 0:
				vectors[v].encoding = (uint8) unit_random_below(COL_ENC_COUNT + 1);
				break;
			case 1:
				vectors[v].width = (uint8) unit_random_below(70);
				break;
			case 2:
				vectors[v].null_count = (uint16) unit_random_below(1026);
				desc.null_count += vectors[v].null_count - ((ColVector *) s->chunk)[v].null_count;
				break;
			case 3:
				/* positions beyond the dictionary, and far beyond */
				vectors[v].max = round % 16 < 8 ? desc.max : PG_UINT64_MAX - round % 3;
				vectors[v].min = vectors[v].max;
				if (round % 32 < 16)
					desc.max = vectors[v].max;
				break;
			case 4:
				desc.dict_count -= (uint32) unit_random_below(3);
				desc.max = desc.dict_count - 1;
				break;
			case 5:
				desc.typlen = (int16) (unit_random_below(40) - 3);
				break;
			case 6:
				vectors[v].bytes += (uint32) unit_random_below(17) - 8;
				break;
			default:
				/* behind the validity bitmap, if there is one, may be lengths */
				for (uint32 at = vectors[v].offset; at + 1 < vectors[v].offset + vectors[v].bytes;
					 at += 1 + (uint32) unit_random_below(200))
					chunk[at] = (uint8) unit_random();
				break;
		}
		poke(s, true, count);
	}
}

/* nothing but noise behind a desc that is right */
static void
noise(const Sample *s, uint32 rounds, PokeCount *count)
{
	for (uint32 round = 0; round < rounds; round++)
	{
		start(s);
		for (uint32 at = round % 3 == 0 ? 0 : s->desc.vectors * (uint32) sizeof(ColVector);
			 at < s->bytes; at++)
			chunk[at] = (uint8) unit_random();
		if (round % 5 == 0)
			for (uint32 at = 0; at < sizeof(desc); at++)
				((uint8 *) &desc)[at] = (uint8) unit_random();
		poke(s, round % 2 == 0, count);
	}
}

/* ---- one damage for every complaint ---- */

static const Sample *
sample(const char *name)
{
	for (uint32 i = 0; i < nsamples; i++)
		if (strcmp(samples[i].name, name) == 0)
			return &samples[i];
	check(false, "no sample %s", name);
	return NULL;
}

static const char *
payload_complaint(const ColVector *vector, uint32 rows, const uint8 *payload)
{
	const char *wrong = column_check_payload(&desc, vector, rows, payload);

	if (wrong == NULL && column_is_compressed(vector))
	{
		ColVector plain;
		uint8 *out = malloc(column_expanded_bytes(vector, rows, payload));
		FsstTable symbols;

		if (desc.flags & COL_FLAG_SYMBOLS)
			(void) fsst_read_symbols(&symbols, chunk + desc.dict_offset, desc.dict_count,
									 desc.dict_bytes);
		wrong = column_expand(vector, rows, payload, &symbols, &plain, out);
		free(out);
	}
	return wrong;
}

/* what the first check that finds something says of the work space */
static const char *
complaint(const Sample *s)
{
	const ColVector *vectors = (const ColVector *) chunk;
	const char *wrong = column_check_desc(&desc, s->rows);

	if (wrong == NULL)
		wrong = column_check_vectors(&desc, vectors, s->rows);
	if (wrong == NULL)
		wrong = column_check_dict(&desc, chunk + desc.dict_offset);
	for (uint32 i = 0; desc.bloom_section > 0 && i < desc.bloom_bytes / desc.bloom_section; i++)
		if (wrong == NULL)
			wrong =
				column_check_bloom(&desc, i, chunk + desc.bloom_offset + i * desc.bloom_section);
	for (uint32 v = 0; v < desc.vectors && wrong == NULL; v++)
		wrong =
			payload_complaint(&vectors[v], test_vector_rows(s->rows, v), chunk + vectors[v].offset);
	return wrong == NULL ? "nothing" : wrong;
}

/* damage a sample by a statement, make the checksums right: the complaint is `text` */
#define REFUSED(name, damage, text) \
	do \
	{ \
		const Sample *hurt = sample(name); \
		ColVector *vectors; \
		const char *said; \
\
		start(hurt); \
		vectors = (ColVector *) chunk; \
		(void) vectors; \
		damage; \
		poke_repair(&desc, chunk, hurt->bytes); \
		said = complaint(hurt); \
		check(strcmp(said, text) == 0, "%s: %s: says \"%s\"", name, #damage, said); \
	} while (0)

static void
refused_descs(void)
{
	const char *chunk_of_nothing = "column without values has a chunk";
	const char *dict_size = "size of the dictionary is not that of its entries";

	start(sample("sequence"));
	check(column_check_desc(&desc, 0) != NULL, "0 rows");
	check(column_check_desc(&desc, COL_ROWS_MAX + 1) != NULL, "too many rows");
	REFUSED("sequence", desc.store = 4, "column is stored in an unknown way");
	REFUSED("sequence", desc.flags |= 0x100, "column has unknown flags");
	REFUSED("sequence", desc.reserved[20] = 1, "reserved bytes of a column are not zero");
	REFUSED("sequence", desc.order = 6, "column has an unknown order");
	REFUSED("sequence", desc.order = COL_ORDER_BYTES,
			"order does not go with the way the column is stored");
	REFUSED("fixed", desc.order = COL_ORDER_SIGNED,
			"order does not go with the way the column is stored");
	REFUSED("fixed", desc.flags |= COL_FLAG_NUMERIC,
			"column of scaled numbers is not stored as signed codes");
	REFUSED("fixed", desc.flags |= COL_FLAG_FINITE,
			"column is said to be finite but not of a float type");
	REFUSED("sequence", desc.scale = 1, "scale is out of range");
	REFUSED("sequence", (desc.flags |= COL_FLAG_NUMERIC, desc.scale = 19), "scale is out of range");
	REFUSED("sequence", desc.chunk_offset = 4, "chunk is not aligned");
	REFUSED("no value", desc.dict_bytes = 1, chunk_of_nothing);
	REFUSED("no value", desc.null_count--, "column without values has rows that are not NULL");
	REFUSED("no value", desc.flags |= COL_FLAG_SORTED, "column without values has flags of values");
	REFUSED("fixed", desc.typlen = 0, "length of fixed-length values is out of range");
	REFUSED("fixed", desc.vectors++, "number of vectors is not that of the rows");
	REFUSED("fixed", desc.null_count = hurt->rows, chunk_of_nothing);
	REFUSED("fixed", desc.flags |= COL_FLAG_NO_NULLS, "flags and number of NULLs disagree");
	REFUSED("fixed", desc.flags |= COL_FLAG_SORTED, "flags and number of NULLs disagree");
	REFUSED("sequence", desc.flags &= ~COL_FLAG_NO_NULLS, "flags and number of NULLs disagree");
	REFUSED("sequence", desc.divisor = 0, "divisor is out of range");
	REFUSED("fixed", desc.divisor = 2, "divisor is out of range");
	REFUSED("code dictionary", desc.divisor = 2, "divisor is out of range");
	REFUSED("fixed", desc.chunk_bytes += 4, "size of the chunk is out of range");
	REFUSED("fixed", desc.chunk_bytes += UINT64CONST(1) << 32, "size of the chunk is out of range");
	REFUSED("fixed", desc.chunk_bytes = 32, "size of the chunk is out of range");
	REFUSED("fixed", desc.min = desc.max + 1, "smallest value is above the greatest");
	REFUSED("fixed", desc.dict_offset = 8, "column has no dictionary but its place");
	REFUSED("few strings", desc.dict_count = 0, "number of dictionary entries is out of range");
	REFUSED("few strings", desc.dict_count = COL_DICT_MAX + 1,
			"number of dictionary entries is out of range");
	REFUSED("few strings", desc.dict_offset += 8, "dictionary does not follow the vector headers");
	REFUSED("few strings", desc.dict_bytes = UINT32_MAX, "dictionary does not fit into the chunk");
	REFUSED("few strings", desc.dict_bytes = 4, "dictionary is too short for its offsets");
	REFUSED("code dictionary", desc.dict_bytes -= 8, dict_size);
	REFUSED("fixed dictionary", desc.typlen++, dict_size);
	REFUSED("few strings", desc.max = desc.dict_count,
			"greatest dictionary position is out of range");
	ok(true, "every complaint about a desc");
}

static void
refused_vectors(void)
{
	const char *range = "range of a vector is not within that of its column";
	const char *encoding = "encoding of a vector and dictionary disagree";
	const char *size = "size of a vector is not that of its values";
	const char *nulls = "number of NULLs of a vector is out of range";
	const char *place = "vector does not lie where the previous one ends";

	REFUSED("sequence", vectors[1].min = vectors[1].max + 1, range);
	REFUSED("sequence", vectors[1].max = desc.max + 1, range);
	REFUSED("sequence", vectors[0].min = 0, range);
	REFUSED("few strings", vectors[1].max = PG_UINT64_MAX, range);
	REFUSED("sequence", vectors[0].encoding = COL_ENC_DICT, encoding);
	REFUSED("code dictionary", vectors[0].encoding = COL_ENC_LANES, encoding);
	REFUSED("constant", vectors[0].width = 1, "vector of one value has fields");
	REFUSED("sequence", (vectors[0].encoding = COL_ENC_CONST, vectors[0].width = 0),
			"vector of one value has a range of them");
	REFUSED("wide", vectors[0].width = 65, "packed vector has an impossible width");
	REFUSED("fixed", vectors[0].encoding = COL_ENC_LANES, "packed vector has an impossible width");
	REFUSED("code dictionary", vectors[0].width = 17,
			"vector of dictionary positions has an impossible width");
	REFUSED("sequence", vectors[0].encoding = COL_ENC_PLAIN,
			"plain vector has an impossible width");
	REFUSED("fixed", vectors[0].width = 1, "plain vector has an impossible width");
	REFUSED("distinct strings", vectors[0].width = 33, "plain vector has an impossible width");
	REFUSED("sequence", vectors[0].encoding = COL_ENC_PGLZ,
			"compressed vector has an impossible width");
	REFUSED("fixed", vectors[0].encoding = COL_ENC_PGLZ,
			"compressed vector has an impossible width");
	REFUSED("compressed strings", vectors[0].width = 33,
			"compressed vector has an impossible width");
	REFUSED("few strings", vectors[1].encoding = COL_ENC_PGLZ, encoding);
	REFUSED("sequence", vectors[0].encoding = COL_ENC_COUNT, "vector has an unknown encoding");
	REFUSED("sequence", vectors[0].width++, size);
	REFUSED("code dictionary", vectors[0].bytes += 8, size);
	REFUSED("fixed", vectors[1].bytes--, size);
	REFUSED("distinct strings", vectors[0].bytes = 135, size);
	REFUSED("same string", vectors[0].bytes = 127, size);
	REFUSED("compressed strings", vectors[0].bytes = 135, size);
	REFUSED("sequence", vectors[1].null_count = 1025, nulls);
	REFUSED("sequence", vectors[0].null_count = 1024, nulls);
	REFUSED("few strings", vectors[0].null_count--, nulls);
	REFUSED("few strings", vectors[0].bytes = 8, "vector of NULLs has a payload");
	REFUSED("few strings", vectors[0].width = 1, "vector of NULLs has a payload");
	REFUSED("sequence", vectors[1].offset += 8, place);
	REFUSED("sequence", vectors[1].offset = 0, place);
	REFUSED("long strings", vectors[0].bytes += 8, place);
	REFUSED("fixed", vectors[1].null_count++, "numbers of NULLs do not add up");
	REFUSED("long strings", vectors[0].bytes -= 8, "chunk does not end with its last vector");
	ok(true, "every complaint about vector headers");
}

static void
refused_integers(void)
{
	const char *size = "size of a vector is not that of its values";
	const char *runs = "runs begin outside of their vector";
	const char *upper = "upper parts of ascending values do not add up";
	const char *order = "patches of a vector are not in order";
	const char *type = "vector of decimals is not of a float type";
	const char *decimals = "exceptions of decimals are not in order";

#define PAYLOAD(v) (chunk + vectors[v].offset)
#define RUN_MAP(v) (PAYLOAD(v) + vectors[v].bytes - COL_RUNS_BITMAP_BYTES)
	REFUSED("runs", vectors[0].width = 65, "vector of runs has an impossible width");
	REFUSED("dictionary runs", vectors[0].width = 17, "vector of runs has an impossible width");
	REFUSED("fixed", vectors[0].encoding = COL_ENC_RUNS, "vector of runs has an impossible width");
	REFUSED("dictionary runs", vectors[0].encoding = COL_ENC_RUNS,
			"encoding of a vector and dictionary disagree");
	REFUSED("runs", vectors[0].encoding = COL_ENC_DICT_RUNS,
			"encoding of a vector and dictionary disagree");
	REFUSED("dictionary runs", vectors[0].bytes = 127, size);
	REFUSED("dictionary runs", RUN_MAP(0)[0] ^= 1, runs);
	REFUSED("runs", bitmap_set(RUN_MAP(1), 476), runs);
	REFUSED("runs", bitmap_set(RUN_MAP(1), 1023), runs);
	REFUSED("dictionary runs", memset(RUN_MAP(0), 0xFF, COL_RUNS_BITMAP_BYTES), size);
	REFUSED("dictionary runs", memset(PAYLOAD(0), 0xFF, 8), "dictionary position is out of range");
	REFUSED("runs of strings", memset(PAYLOAD(0) + COL_VALIDITY_BYTES, 0xFF, 8),
			"dictionary position is out of range");
	ok(true, "every complaint about runs");

#define HIGH_MAP(v) \
	(PAYLOAD(v) + (hurt->desc.null_count > 0 ? COL_VALIDITY_BYTES : 0) + \
	 LANES_BYTES(vectors[v].width))
	REFUSED("ascending", vectors[0].width = 64, "ascending vector has an impossible width");
	REFUSED("fixed", vectors[0].encoding = COL_ENC_ASCENDING,
			"ascending vector has an impossible width");
	REFUSED("wide", (vectors[0].encoding = COL_ENC_ASCENDING, vectors[0].width = 0),
			"ascending vector has an impossible range");
	REFUSED("ascending", vectors[0].bytes += 8, size);
	REFUSED("ascending", HIGH_MAP(0)[20] ^= 1, upper);
	REFUSED("ascending", memset(HIGH_MAP(0), 0xFF, 8), upper);
	/* as many bits, one of them behind the last */
	REFUSED("ascending", (HIGH_MAP(0)[0] ^= 1, PAYLOAD(0)[vectors[0].bytes - 1] |= 0x80), upper);
	ok(true, "every complaint about ascending vectors");

	REFUSED("line", vectors[0].width = 65, "linear vector has an impossible width");
	REFUSED("fixed", vectors[0].encoding = COL_ENC_LINEAR, "linear vector has an impossible width");
	REFUSED("line", vectors[0].width++, size);
	REFUSED("line", vectors[0].bytes = 8, size);
	ok(true, "every complaint about lines");

	REFUSED("patched", vectors[0].width = 0, "patched vector has an impossible width");
	REFUSED("patched", vectors[0].width = 65, "patched vector has an impossible width");
	REFUSED("fixed", vectors[0].encoding = COL_ENC_PATCHED,
			"patched vector has an impossible width");
	REFUSED("patched", vectors[0].bytes = 100, size);
	REFUSED("patched", memset(PAYLOAD(0) + 8, 0xFF, 4), "patches of a vector are out of range");
	REFUSED("patched", memset(PAYLOAD(0) + 12, 0xFF, 4), "patches of a vector are out of range");
	REFUSED("patched", PAYLOAD(0)[12] = 55, "patches of a vector are out of range");
	REFUSED("patched", PAYLOAD(0)[8] += 8, size);
	REFUSED("patched", memset(PAYLOAD(0) + 16, 0xFF, 16), order);
	REFUSED("patched", memset(PAYLOAD(0) + 16, 0, 16), order);
	/* the one row too many of a short vector */
	REFUSED("patched", memset(PAYLOAD(1) + 16, 0xFF, 4), order);
	ok(true, "every complaint about patches");
#define DECIMALS (PAYLOAD(0) + (hurt->desc.null_count > 0 ? COL_VALIDITY_BYTES : 0))
#define ROW(i) \
	(DECIMALS + 16 + LANES_BYTES(vectors[0].width) + \
	 DECIMALS[8] * (desc.order == COL_ORDER_FLOAT8 ? 8 : 4) + (i) *2)
	REFUSED("wide", (vectors[0].encoding = COL_ENC_DECIMAL, vectors[0].width = 10), type);
	REFUSED("fixed", vectors[0].encoding = COL_ENC_DECIMAL, type);
	REFUSED("decimals", vectors[0].width = 53, "vector of decimals has an impossible width");
	REFUSED("decimals", DECIMALS[9] = 2, "exceptions of decimals are out of range");
	REFUSED("narrow decimals", DECIMALS[12] = 23, "digits of decimals are out of range");
	REFUSED("decimals", memcpy(DECIMALS + 12, "\xE9\xFF\xFF\xFF", 4),
			"digits of decimals are out of range");
	REFUSED("decimals", DECIMALS[8]++, size);
	REFUSED("decimals", memset(ROW(1), 0, 2), decimals);
	REFUSED("narrow decimals", memcpy(ROW(1), ROW(0), 2), decimals);
	REFUSED("narrow decimals", memcpy(ROW(DECIMALS[8] - 1), "\0\4", 2), decimals);
	ok(true, "every complaint about decimals");
#undef DECIMALS
#undef ROW
#undef PAYLOAD
#undef RUN_MAP
#undef HIGH_MAP
}

static void
add_to_word(uint8 *at, uint32 number)
{
	uint32 word;

	memcpy(&word, at, sizeof(word));
	word += number;
	memcpy(at, &word, sizeof(word));
}

static void
refused_parts(void)
{
#define OFFSETS ((uint32 *) (chunk + desc.dict_offset))
#define PAYLOAD(v) (chunk + vectors[v].offset)
	REFUSED("few strings", OFFSETS[0] = 1, "first dictionary entry does not stand at the start");
	REFUSED("few strings", OFFSETS[3] = OFFSETS[4] + 1, "offsets of the dictionary descend");
	REFUSED("few strings", OFFSETS[desc.dict_count]++,
			"dictionary does not end with its last entry");
	REFUSED("constant", bitmap_set(PAYLOAD(1), 476),
			"rows behind the last one are marked as values");
	REFUSED("constant", PAYLOAD(1)[10] ^= 1, "marks of NULLs do not add up");
	REFUSED("distinct strings", add_to_word(PAYLOAD(0) + 128, 1),
			"NULLs of a vector have a length");
	REFUSED("distinct strings", add_to_word(PAYLOAD(0) + 132, 1),
			"lengths of values do not add up");
	REFUSED("strings of one length",
			(add_to_word(PAYLOAD(0), 1), add_to_word(PAYLOAD(0) + 4, hurt->rows)),
			"size of a vector is not that of its values");
	ok(true, "every complaint about dictionaries and payloads");
#undef OFFSETS
#undef PAYLOAD
}

/*
 * A stream that is sound but gives other bytes than PLAIN would have: those of the sample's first
 * vector with `change` added to the word at `at` (counted behind the validity bitmap) and
 * without the last `less` bytes.
 */
static const char *
forged(const char *name, uint32 at, uint32 change, uint32 less)
{
	const Sample *s = sample(name);
	uint32 rows = test_vector_rows(s->rows, 0);
	ColVector vector, plain;
	uint8 *expanded, *payload;
	uint32 head, raw_bytes, used;
	const char *wrong;

	memcpy(&vector, s->chunk, sizeof(vector));
	head = column_has_validity(&vector, rows) ? COL_VALIDITY_BYTES : 0;
	expanded = test_expand(&s->desc, &vector, rows, s->chunk + vector.offset, NULL, &plain);
	check(expanded != NULL, "%s: expands", s->name);
	add_to_word(expanded + head + at, change);
	raw_bytes = plain.bytes - head - less;
	payload = malloc(head + 8 + COLUMN_COMPRESS_ROOM(raw_bytes));
	memcpy(payload, expanded, head);
	used = column_compress(expanded + head, raw_bytes, 100, payload + head + 8);
	check(used > 0, "%s: compressed again", s->name);
	memcpy(payload + head, &raw_bytes, sizeof(uint32));
	memcpy(payload + head + 4, &used, sizeof(uint32));
	vector.bytes = head + 8 + used;
	payload = repalloc(payload, vector.bytes);
	vector.crc = column_crc(payload, vector.bytes);
	desc = s->desc;
	wrong = payload_complaint(&vector, rows, payload);
	free(payload);
	free(expanded);
	return wrong == NULL ? "nothing" : wrong;
}

static void
refused_compressed(void)
{
	const char *raw = "raw size of a compressed vector is out of range";
	const char *size = "size of a vector is not that of its values";
	const char *stream = "compressed bytes of a vector cannot be decompressed";
	const char *sum = "lengths of values do not add up";

	/* the sizes, wrong in every way, under right checksums */
#define PAYLOAD(v) (chunk + vectors[v].offset)
#define SET_RAW(number) memcpy(PAYLOAD(0), &(uint32){ number }, sizeof(uint32))
#define FIELDS_BYTES LANES_BYTES(vectors[0].width)
	REFUSED("compressed, no NULLs", SET_RAW(0), raw);
	REFUSED("compressed, no NULLs", SET_RAW(UINT32_MAX), raw);
	REFUSED("compressed, no NULLs", SET_RAW(COL_RAW_MAX + 1), raw);
	REFUSED("compressed, no NULLs", SET_RAW(COL_RAW_MAX), stream);
	REFUSED("compressed, no NULLs", SET_RAW(7 + FIELDS_BYTES), raw);
	REFUSED("compressed, no NULLs", SET_RAW(8 + FIELDS_BYTES), stream);
	REFUSED("compressed, no NULLs", add_to_word(PAYLOAD(0), 1), stream);
	REFUSED("compressed, no NULLs", add_to_word(PAYLOAD(0), UINT32_MAX), stream);
	REFUSED("compressed strings", add_to_word(PAYLOAD(0) + 128, UINT32_MAX), stream);
	REFUSED("compressed, no NULLs", add_to_word(PAYLOAD(0) + 4, 1), size);
	REFUSED("compressed, no NULLs", add_to_word(PAYLOAD(0) + 4, UINT32_MAX), size);
	REFUSED("compressed strings", memset(PAYLOAD(0) + 132, 0xFF, 4), size);
	REFUSED("compressed, no NULLs", PAYLOAD(1)[8] = 0, stream);
	REFUSED("compressed strings", PAYLOAD(0)[128 + 8 + 2] ^= 0x10, stream);
	REFUSED("compressed strings", PAYLOAD(0)[3] ^= 1, "marks of NULLs do not add up");
	REFUSED("compressed, no NULLs", vectors[0].width--, sum);
#undef PAYLOAD
#undef SET_RAW
#undef FIELDS_BYTES

	/* what comes out is looked at as any PLAIN payload is */
#define FORGED(name, at, change, less, text) \
	check(strcmp(forged(name, at, change, less), text) == 0, "%s: word at %d: not \"%s\"", name, \
		  at, text)
	FORGED("compressed strings", 0, 0, 0, "nothing");
	FORGED("compressed, no NULLs", 0, 0, 0, "nothing");
	FORGED("compressed strings", 0, 1, 0, "NULLs of a vector have a length");
	FORGED("compressed, no NULLs", 0, 1, 0, sum);
	FORGED("compressed, no NULLs", 4, 1, 0, sum);
	FORGED("compressed, no NULLs", 40, 1 << 20, 0, sum);
	FORGED("compressed, no NULLs", 0, 0, 1, size);
#undef FORGED
	ok(true, "every complaint about compressed vectors");
}

static void
refused_symbols(void)
{
	const char *use = "column has symbols that it has no use for";
	const char *count = "number of symbols is out of range";
	const char *end = "symbols do not end with the last one";
	const char *width = "vector of encoded values has an impossible width";
	const char *raw = "raw size of encoded values is out of range";
	const char *length = "encoded value is damaged or too long";

	REFUSED("sequence", desc.flags |= COL_FLAG_SYMBOLS, use);
	REFUSED("few strings", desc.flags |= COL_FLAG_SYMBOLS, use);
	REFUSED("encoded strings", desc.dict_count = 0, count);
	REFUSED("encoded strings", desc.dict_count = 256, count);
	REFUSED("encoded strings", desc.dict_offset += 8, "symbols do not follow the vector headers");
	REFUSED("encoded strings", desc.dict_bytes = UINT32_MAX, "symbols do not fit into the chunk");
#define SYMBOLS (chunk + desc.dict_offset)
	REFUSED("encoded strings", desc.dict_count++, end);
	REFUSED("encoded strings", desc.dict_count--, end);
	REFUSED("encoded strings", SYMBOLS[0] = 0, "length of a symbol is out of range");
	REFUSED("encoded strings", SYMBOLS[0] = 9, "length of a symbol is out of range");
	/* one shorter, or longer */
	REFUSED("encoded strings", SYMBOLS[0] = SYMBOLS[0] % 8 + 1, end);
	REFUSED("encoded strings",
			(SYMBOLS[desc.dict_count - 1] = SYMBOLS[desc.dict_count - 1] % 8 + 1), end);
#undef SYMBOLS
	REFUSED("distinct strings", vectors[0].encoding = COL_ENC_FSST,
			"vector is encoded by symbols that are not there");
	REFUSED("encoded strings", vectors[0].width = 33, width);
	REFUSED("encoded strings", vectors[0].bytes = 143,
			"size of a vector is not that of its values");
#define WORD(v, n) (chunk + vectors[v].offset + (n) *4)
	REFUSED("encoded, no NULLs", memset(WORD(0, 2), 0xFF, 4), raw);
	REFUSED("encoded, no NULLs", add_to_word(WORD(0, 3), 1), raw);
	REFUSED("encoded, no NULLs", add_to_word(WORD(0, 1), 1), "lengths of values do not add up");
	REFUSED("encoded strings", add_to_word(WORD(0, 32), 1), "NULLs of a vector have a length");
	REFUSED("encoded, no NULLs", add_to_word(WORD(0, 2), 1), "encoded values are too short");
	REFUSED("encoded, no NULLs", add_to_word(WORD(0, 2), UINT32_MAX), length);
	/* the last code is an escape, without a byte behind it */
	REFUSED("encoded, no NULLs", chunk[vectors[0].offset + vectors[0].bytes - 1] = FSST_ESCAPE,
			length);
#undef WORD
	ok(true, "every complaint about symbols and what they encode");
}

static void
refused_filters(void)
{
	const char *none = "column has no Bloom filter but its place";
	const char *use = "column has a Bloom filter that it has no use for";
	const char *form = "form of the Bloom filter is out of range";
	const char *size = "size of the Bloom filter is not that of its sections";
	const char *place = "Bloom filter does not lie where the dictionary ends";
	const char *section = "section of the Bloom filter is not where it belongs";

	check(sample("filtered codes")->desc.bloom_bytes ==
			  2U * sample("filtered codes")->desc.bloom_section,
		  "two sections");
	REFUSED("sequence", desc.bloom_offset = 8, none);
	REFUSED("sequence", desc.bloom_bytes = 8, none);
	REFUSED("sequence", desc.bloom_section = 8, none);
	REFUSED("sequence", desc.bloom_probes = 8, none);
	REFUSED("filtered codes", desc.flags &= ~COL_FLAG_BLOOM, none);
	REFUSED("no value", desc.bloom_bytes = 8, "column without values has a chunk");
	REFUSED("no value", desc.flags |= COL_FLAG_BLOOM, "column without values has flags of values");
	REFUSED("filtered codes", desc.order = COL_ORDER_NONE, use);
	REFUSED("few strings", desc.flags |= COL_FLAG_BLOOM, use);
	REFUSED("filtered codes", desc.bloom_section = 0, form);
	REFUSED("filtered codes", desc.bloom_section = 8, form);
	REFUSED("filtered codes", desc.bloom_section += 4, form);
	REFUSED("filtered codes", desc.bloom_section = 1032, form);
	REFUSED("filtered codes", desc.bloom_probes = 0, form);
	REFUSED("filtered codes", desc.bloom_probes = 17, form);
	REFUSED("filtered codes", desc.bloom_bytes = 0, size);
	REFUSED("filtered codes", desc.bloom_bytes += 8, size);
	REFUSED("filtered codes", desc.bloom_offset += 8, place);
	REFUSED("filtered strings", desc.bloom_offset = desc.dict_offset, place);
	REFUSED("filtered codes", desc.bloom_bytes += 1000U * desc.bloom_section,
			"Bloom filter does not fit into the chunk");
	REFUSED("filtered codes", desc.bloom_bytes -= desc.bloom_section,
			"vector does not lie where the previous one ends");
	REFUSED("filtered codes", chunk[desc.bloom_offset + 4] = 1, section);
	REFUSED("filtered codes", chunk[desc.bloom_offset + desc.bloom_section + 4] = 0, section);
	start(sample("filtered codes"));
	chunk[desc.bloom_offset + 100] ^= 1;
	check(strcmp(complaint(sample("filtered codes")), "checksum of the Bloom filter is wrong") == 0,
		  "checksum");
	ok(true, "every complaint about Bloom filters");
}

/* a column of one vector whose fields are `field` everywhere */
static const char *
check_fields(const Sample *s, uint64 field)
{
	ColVector *vector;
	uint64 values[LANES_VECTOR_ROWS];
	uint16 narrow[LANES_VECTOR_ROWS];
	uint8 *at;

	start(s);
	vector = (ColVector *) chunk;
	at = chunk + vector->offset + (column_has_validity(vector, s->rows) ? COL_VALIDITY_BYTES : 0);
	for (uint32 i = 0; i < LANES_VECTOR_ROWS; i++)
	{
		values[i] = i < s->rows ? field : 0;
		narrow[i] = (uint16) values[i];
	}
	check(vector->width > 0 && vector->width <= 16, "%s: width", s->name);
	lanes_pack16(narrow, vector->width, (uint16 *) at);
	poke_repair(&desc, chunk, s->bytes);
	return column_check_payload(&desc, vector, s->rows, chunk + vector->offset);
}

/* the last position is good, the next one is not, though all fields could be stored */
static void
position_limit(void)
{
	Sample *s = &samples[nsamples];

	add("position limit", test_codes(CODES_FEW, COL_ORDER_FLOAT8, 900, NULLS_SPARSE));
	check(s->desc.dict_count == 10, "ten entries");
	ok(check_fields(s, 9) == NULL, "the last dictionary entry");
	ok(check_fields(s, 10) != NULL, "the entry behind it is refused");
}

int
main(void)
{
	add_samples();
	for (uint32 i = 0; i < nsamples; i++)
	{
		const Sample *s = &samples[i];
		PokeCount count = { 0 };

		every_byte(s, &count);
		noticed(s);
		shower(s, 400, &count);
		hostile_headers(s, 600, &count);
		noise(s, 60, &count);
		ok(true, "%s: damaged, no harm (%u descs, %u headers, %u payloads passed)", s->name,
		   count.descs, count.headers, count.payloads);
	}
	refused_descs();
	refused_vectors();
	refused_integers();
	refused_parts();
	refused_compressed();
	refused_symbols();
	refused_filters();
	position_limit();
	for (uint32 i = 0; i < nsamples; i++)
		if (samples[i].chunk != NULL)
			pfree(samples[i].chunk);
	free(chunk);
	printf("# %llu\n", (unsigned long long) poke_sum);
	return done();
}
