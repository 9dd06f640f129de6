/*
 * fuzz_column.c
 *		Fuzzing the column codec.  How to run it: README.md here.
 *
 * The first byte of the input says what the rest is:
 *	0	changes of a valid column, checksums repaired: u16 offset, u8 value, ...
 *	1	a desc and a chunk, checksums repaired
 *	2	codes, or floats, to be encoded and decoded: the result must be right
 *	3	strings likewise
 */
#include "column_poke.h"

extern int LLVMFuzzerTestOneInput(const uint8 *data, size_t size);

static void
changes(uint8 choice, const uint8 *data, size_t size)
{
	uint32 rows = 1 + choice * 9U;
	NullDist nulls = (NullDist) (choice / 2 % NULLS_DIST_COUNT);
	/* of the long ones those that compress */
	uint32 spans = choice / 8 % (SPANS_LONG + 3);
	TestColumn c =
		choice % 2
			? test_bytes((SpanDist) (spans >= SPANS_LONG ? spans + 1 : spans), rows, nulls)
			: test_codes((CodeDist) (choice / 8 % CODES_DIST_COUNT), COL_ORDER_FLOAT8, rows, nulls);
	ColDesc desc = { 0 };
	PokeCount count = { 0 };
	uint8 *chunk;
	uint32 bytes;

	desc.typlen = c.typlen;
	c.in.bloom = choice % 3 == 0;
	chunk = column_encode(&c.in, &desc);
	bytes = (uint32) desc.chunk_bytes;
	for (; size >= 3; data += 3, size -= 3)
	{
		uint32 at = (data[0] | (uint32) data[1] << 8) % ((uint32) sizeof(desc) + bytes);

		if (at < sizeof(desc))
			((uint8 *) &desc)[at] = data[2];
		else
			chunk[at - sizeof(desc)] = data[2];
	}
	poke_repair(&desc, chunk, bytes);
	poke_column(&desc, chunk, bytes, rows, &count);
	if (chunk != NULL)
		pfree(chunk);
	test_column_free(&c);
}

static void
raw(uint8 choice, const uint8 *data, size_t size)
{
	ColDesc desc;
	PokeCount count = { 0 };
	uint8 *chunk;
	uint32 bytes = (uint32) (size - Min(size, sizeof(desc)));

	if (size < sizeof(desc))
		return;
	memcpy(&desc, data, sizeof(desc));
	memset(desc.reserved, 0, sizeof(desc.reserved));
	desc.flags &= COL_FLAGS_VALID;
	chunk = test_copy(data + sizeof(desc), bytes, 0);
	poke_repair(&desc, chunk, bytes);
	poke_column(&desc, chunk, bytes, 1 + choice * 9U, &count);
	free(chunk);
}

static void
round_trip(TestColumn *c)
{
	ColDesc desc = { 0 };
	uint8 *chunk;
	const ColVector *vectors;
	const uint8 *dict;
	uint8 *expanded = NULL;
	ColVector plain;

	desc.typlen = c->typlen;
	c->in.bloom = c->in.rows % 2 == 0;
	chunk = column_encode(&c->in, &desc);
	check(column_check_desc(&desc, c->in.rows) == NULL, "desc");
	vectors = (const ColVector *) chunk;
	dict = chunk + desc.dict_offset;
	check(column_check_vectors(&desc, vectors, c->in.rows) == NULL, "vectors");
	check(column_check_dict(&desc, dict) == NULL, "dict");
	for (uint32 row = 0; row < c->in.rows; row++)
	{
		const ColVector *vector = &vectors[row / COL_VECTOR_ROWS];
		uint32 rows = test_vector_rows(c->in.rows, row / COL_VECTOR_ROWS);
		const uint8 *payload = chunk + vector->offset;
		uint32 i = row % COL_VECTOR_ROWS;

		if (i == 0)
		{
			check(column_check_payload(&desc, vector, rows, payload) == NULL, "payload");
			free(expanded);
			expanded = NULL;
			if (column_is_compressed(vector))
			{
				expanded = test_expand(&desc, vector, rows, payload, dict, &plain);
				check(expanded != NULL, "expanded");
			}
		}
		if (expanded != NULL)
		{
			vector = &plain;
			payload = expanded;
		}
		if (c->in.store == COL_STORE_CODE)
			check(column_code_at(&desc, vector, rows, payload, dict, i) == c->codes[row], "code");
		else
		{
			ColSpan span = column_span_at(&desc, vector, rows, payload, dict, i);

			check(span.bytes == c->offsets[row + 1] - c->offsets[row] &&
					  memcmp(span.data, c->bytes + c->offsets[row], span.bytes) == 0,
				  "value");
		}
	}
	free(expanded);
	pfree(chunk);
}

/* as many rows as the input has numbers */
static void
codes(uint8 choice, const uint8 *data, size_t size)
{
	uint32 width = 1 + choice % 8;
	uint32 rows = (uint32) size / width;
	ColOrder order = choice & 8 ? COL_ORDER_SIGNED : COL_ORDER_NONE;
	TestColumn c;

	if (rows == 0)
		return;
	if (choice & 64)
		order = choice & 8 ? COL_ORDER_FLOAT8 : COL_ORDER_FLOAT4;
	c = test_codes(CODES_CONSTANT, order, rows, NULLS_NONE);
	for (uint32 i = 0; i < rows; i++)
	{
		c.codes[i] = 0;
		memcpy(&c.codes[i], data + (Size) i * width, width);
		if (choice & 32 && choice & 64)
			c.codes[i] = test_number_code(order, (double) (int64) c.codes[i] / (choice & 16 ? 1000
																				: i % 16	? 1
																							: 7));
		else
			c.codes[i] *= choice & 16 ? 86400 : 1;
		if (order == COL_ORDER_FLOAT4)
			c.codes[i] &= UINT32_MAX;
	}
	round_trip(&c);
	test_column_free(&c);
}

/* a string ends where a byte says so */
static void
strings(uint8 choice, const uint8 *data, size_t size)
{
	TestColumn c = test_bytes(SPANS_EMPTY, (uint32) size + 1, NULLS_NONE);
	uint32 rows = 0;

	free(c.bytes);
	c.bytes = test_copy(data, size, 0);
	for (uint32 i = 0; i < size; i++)
		if (data[i] <= choice)
			c.offsets[++rows] = i + 1;
	c.offsets[++rows] = (uint32) size;
	c.in.bytes = c.bytes;
	c.in.rows = rows;
	round_trip(&c);
	test_column_free(&c);
}

int
LLVMFuzzerTestOneInput(const uint8 *data, size_t size)
{
	if (size < 2)
		return 0;
	unit_state = 88172645463325252ULL + data[1];
	switch (data[0] & 3)
	{
		case 0:
			changes(data[1], data + 2, size - 2);
			break;
		case 1:
			raw(data[1], data + 2, size - 2);
			break;
		case 2:
			codes(data[1], data + 2, size - 2);
			break;
		default:
			strings(data[1], data + 2, size - 2);
			break;
	}
	return 0;
}

#ifdef FUZZ_MAIN
/* without libFuzzer: inputs named on the command line, or so many random ones */
int
main(int argc, char **argv)
{
	static uint8 data[32768];
	uint64 state = argc > 2 ? strtoull(argv[2], NULL, 0) : 1;
	long rounds = argc > 1 ? strtol(argv[1], NULL, 0) : 0;

	for (int i = 1; i < argc && rounds == 0; i++)
	{
		FILE *file = fopen(argv[i], "rb");

		if (file == NULL)
			return 1;
		(void) LLVMFuzzerTestOneInput(data, fread(data, 1, sizeof(data), file));
		fclose(file);
	}
	for (long round = 0; round < rounds; round++)
	{
		size_t size;

		unit_state = state;
		size = 2 + (size_t) unit_random_below(unit_random_below(2) ? 100 : sizeof(data) - 2);
		for (size_t i = 0; i < size; i++)
			data[i] = (uint8) unit_random();
		state = unit_state;
		(void) LLVMFuzzerTestOneInput(data, size);
	}
	return 0;
}
#endif
