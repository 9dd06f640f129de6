/*
 * fuzz_alex_page.c
 *		Fuzzing the pure code of alex pages.  How to run it: README.md here.
 *
 * The first byte of the input says what the rest is:
 *	0	a page, its magic numbers repaired
 *	1	changes of a valid page: u16 offset, u8 value, ...
 *	2	ops for a valid page: u16 length, bytes, ...
 *	3	entries to be inserted and deleted: the result must be right
 * and with 4 added, that keys have 16 bytes.
 */
#include "alex_poke.h"
#include "alex_testing.h"

extern int LLVMFuzzerTestOneInput(const uint8 *data, size_t size);

static Level level;
static char *page;
static char *scratch;

/* a valid page that depends on one byte of the input */
static void
valid_page(uint8 choice)
{
	Arrivals a;

	level_start(&level, choice & 1, ALEX_LEAF_ENTRIES_MAX);
	level.targets = 0;
	arrivals_start(&a, (AlexDist) ((choice >> 1) % DIST_COUNT), choice & 1);
	for (uint32 i = 0; i < 150U + choice; i++)
	{
		AlexItem item = next_arrival(&a);

		(void) level_insert(&level, &item);
	}
	if (!(choice & 1) && (choice & 0x40))
		level_delete(&level, 0, 4, true);
	memcpy(page, level.nodes[0].page, BLCKSZ);
	level_free(&level);
}

static void
raw_page(const uint8 *data, size_t size)
{
	test_page_init(page, false);
	memcpy(page, data, Min(size, BLCKSZ));
	alex_header(page)->special = ALEX_SPECIAL_OFF;
	alex_opaque(page)->page_id = ALEX_PAGE_ID;
	alex_opaque(page)->version = ALEX_VERSION;
	alex_opaque(page)->keybytes = (uint8) ALEX_KEY_BYTES(form_of(false));
	alex_opaque(page)->natts = 1;
	poke_page(page, unit_random, scratch, true);
}

static void
changes(const uint8 *data, size_t size)
{
	for (; size >= 3; data += 3, size -= 3)
		page[(data[0] | data[1] << 8) % BLCKSZ] = (char) data[2];
	poke_page(page, unit_random, scratch, true);
}

static void
ops(const uint8 *data, size_t size)
{
	while (size > 2)
	{
		size_t len = Min((size_t) (data[0] | data[1] << 8) % 2048 + 1, size - 2);
		char *op = malloc(len);
		bool done;

		memcpy(op, data + 2, len);
		done = alex_apply(page, op, (uint32) len);
		free(op);
		if (!done)
			return;
		poke_page(page, unit_random, scratch, true);
		data += 2 + len;
		size -= 2 + len;
	}
}

/* 9 bytes an entry: what to do, key, TID */
static void
inserts(const uint8 *data, size_t size)
{
	level_start(&level, size & 1, ALEX_LEAF_ENTRIES_MIN);
	level.targets = 1;
	for (; size >= 9; data += 9, size -= 9)
	{
		AlexItem item = { 0 };

		memcpy(&item.key, data + 1, 4);
		memcpy(&item.tag, data + 5, 4);
		item.key <<= data[0] & 31;
		item.tag <<= data[0] >> 5 << 1;
		item.tag &= ALEX_TAG_TID_MASK;
		item.child = (uint32) item.tag;
		if (data[0] % 61 == 60 && !level.inner)
			level_delete(&level, data[1] % level.count, 1 + data[2], data[3] & 1);
		else
			(void) level_insert(&level, &item);
	}
	level_free(&level);
}

int
LLVMFuzzerTestOneInput(const uint8 *data, size_t size)
{
	if (page == NULL)
	{
		page = new_page();
		scratch = new_page();
	}
	if (size < 2)
		return 0;
	unit_state = 88172645463325252ULL + data[1];
	test_wide = (data[0] & 4) != 0;
	switch (data[0] & 3)
	{
		case 0:
			raw_page(data + 2, size - 2);
			break;
		case 1:
			valid_page(data[1]);
			changes(data + 2, size - 2);
			break;
		case 2:
			valid_page(data[1]);
			ops(data + 2, size - 2);
			break;
		default:
			inserts(data + 2, size - 2);
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
		size = 2 + (size_t) unit_random_below(unit_random_below(2) ? 300 : sizeof(data) - 2);
		for (size_t i = 0; i < size; i++)
			data[i] = (uint8) unit_random();
		state = unit_state;
		(void) LLVMFuzzerTestOneInput(data, size);
	}
	return 0;
}
#endif
