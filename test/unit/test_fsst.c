/*
 * test_fsst.c
 *		Symbols of strings: what was encoded is decoded, into room of its exact size too; any bytes
 *		are harmless to the decoder.
 */
// sources: src/codec/fsst.c src/codec/fsst_train.c
#include "codec/fsst.h"
#include "unit.h"

#define STRINGS 600
#define STRING_MAX 600

typedef enum Kind
{
	WORDS,
	DIGITS,
	NOISE,
	ONE_BYTE,  /* the same byte, in all lengths */
	ZEROES,	   /* and ones: what stands behind an end looks like a symbol */
	ALL_BYTES, /* each byte about as often */
	TWO_BYTES, /* prefixes of one another */
	LONG_RUNS,
	KINDS
} Kind;

static const char *const kind_names[] = { "words",	"digits",	 "noise",	  "one byte",
										  "zeroes", "all bytes", "two bytes", "long runs" };

/* each in an allocation of its size, so that the sanitizers see a step behind it */
static FsstPiece strings[STRINGS];

static uint32
make_string(Kind kind, uint32 i, uint8 *dst)
{
	static const char *const words[] = { "carefully ", "final ", "request", "s ",
										 "http://",	   "the ",	 "" };
	uint32 length = (uint32) unit_random_below(40);

	switch (kind)
	{
		case WORDS:
			length = 0;
			for (uint32 n = (uint32) unit_random_below(8); n > 0; n--)
				length += (uint32) sprintf((char *) dst + length, "%s",
										   words[unit_random_below(lengthof(words))]);
			return length;
		case DIGITS:
			return (uint32) sprintf((char *) dst, "2026-%02u-%02u", i % 12 + 1, i % 28 + 1);
		case ONE_BYTE:
			memset(dst, 'x', i);
			return i;
		case LONG_RUNS:
			memset(dst, (int) (i % 5), length * 10);
			return length * 10;
		default:
			break;
	}
	for (uint32 k = 0; k < length; k++)
		dst[k] = kind == ZEROES		 ? (uint8) (unit_random() % 8 == 0)
				 : kind == ALL_BYTES ? (uint8) (i + k)
				 : kind == TWO_BYTES ? (uint8) ("ab"[k % 2])
									 : (uint8) unit_random();
	return length;
}

static void
make_strings(Kind kind)
{
	uint8 room[STRING_MAX];

	for (uint32 i = 0; i < STRINGS; i++)
	{
		uint32 bytes = make_string(kind, i, room);
		uint8 *copy = malloc(bytes + (bytes == 0));

		check(bytes <= STRING_MAX, "length");
		memcpy(copy, room, bytes);
		free((void *) strings[i].data);
		strings[i].data = copy;
		strings[i].bytes = bytes;
	}
}

/* encoded into room that is just enough for the worst */
static uint8 *
encode(const FsstEncoder *encoder, FsstPiece string, uint32 *bytes)
{
	Size most = FSST_ENCODED_MAX(string.bytes);
	uint8 *out = malloc(most + (most == 0));

	*bytes = (uint32) fsst_encode(encoder, string.data, string.bytes, out);
	check(*bytes <= most, "%u bytes of %zu", *bytes, most);
	return repalloc(out, *bytes);
}

static void
round_trip(const FsstEncoder *encoder, const FsstTable *table, FsstPiece string)
{
	uint32 bytes;
	uint8 *encoded = encode(encoder, string, &bytes);
	uint32 n = string.bytes;

	check(fsst_decoded_bytes(table, encoded, bytes) == n, "length");
	/* exact room, some more, much more */
	for (uint32 extra = 0; extra <= 100; extra += extra < 8 ? 1 : 31)
	{
		uint8 *out = malloc(n + extra + 1);

		check(fsst_decode(table, encoded, bytes, out, n + extra) == n, "decoded");
		check(memcmp(out, string.data, n) == 0, "decoded bytes");
		free(out);
	}
	if (n > 0)
	{
		uint8 *out = malloc(n);

		check(fsst_decode(table, encoded, bytes, out, n - 1) == FSST_DAMAGED, "too little room");
		free(out);
	}
	free(encoded);
}

/* n strings from `first` on, encoded together, are what they are alone; nothing is read behind the last string of all */
static void
side_by_side(const FsstEncoder *encoder, uint32 first, uint32 n)
{
	uint32 offsets[STRINGS + 1] = { 0 };
	uint32 lengths[STRINGS];
	uint8 *data, *room, *dst;
	Size most, used;
	Size at = 0;

	for (uint32 i = 0; i < STRINGS; i++)
		offsets[i + 1] = offsets[i] + strings[i].bytes;
	data = malloc(offsets[STRINGS] + 1);
	data = repalloc(data, offsets[STRINGS]);
	for (uint32 i = 0; i < STRINGS; i++)
		memcpy(data + offsets[i], strings[i].data, strings[i].bytes);
	most = FSST_ENCODED_MAX(offsets[first + n] - offsets[first]) + FSST_SLACK;
	room = malloc(most);
	dst = malloc(most);
	used = fsst_encode_strings(encoder, data, offsets + first, n, offsets[STRINGS], room, dst,
							   lengths);
	for (uint32 i = 0; i < n; i++)
	{
		uint32 bytes;
		uint8 *alone = encode(encoder, strings[first + i], &bytes);

		check(lengths[i] == bytes && memcmp(dst + at, alone, bytes) == 0, "string %u of %u", i, n);
		at += bytes;
		free(alone);
	}
	check(used == at, "%zu bytes together, %zu alone", used, at);
	free(data);
	free(room);
	free(dst);
}

static void
read_back(const FsstEncoder *encoder, FsstTable *table)
{
	uint32 bytes = fsst_symbols_bytes(encoder);
	uint8 *stored = malloc(bytes);
	const char *wrong;

	fsst_write_symbols(encoder, stored);
	wrong = fsst_read_symbols(table, stored, fsst_symbols(encoder), bytes);
	check(wrong == NULL, "symbols: %s", wrong);
	free(stored);
}

/* strings like those that the symbols are from, and strings of every other kind */
static void
kinds(void)
{
	for (Kind kind = 0; kind < KINDS; kind++)
	{
		FsstEncoder *encoder, *again;
		FsstTable table;
		uint64 raw = 0;
		uint64 encoded = 0;

		make_strings(kind);
		encoder = fsst_train(strings, STRINGS);
		again = fsst_train(strings, STRINGS);
		check(encoder != NULL && fsst_symbols(encoder) <= FSST_SYMBOLS_MAX, "symbols");
		check(fsst_symbols_bytes(encoder) == fsst_symbols_bytes(again), "the same again");
		read_back(encoder, &table);
		for (uint32 i = 0; i < STRINGS; i++)
		{
			uint32 bytes, bytes_again;
			uint8 *one = encode(encoder, strings[i], &bytes);
			uint8 *two = encode(again, strings[i], &bytes_again);

			check(bytes == bytes_again && memcmp(one, two, bytes) == 0, "the same bytes again");
			raw += strings[i].bytes;
			encoded += bytes;
			free(one);
			free(two);
			round_trip(encoder, &table, strings[i]);
		}
		/* all but noise gets smaller; words to less than a third */
		if (kind != NOISE && kind != ALL_BYTES)
			check(encoded * (kind == WORDS ? 3 : 2) < raw, "%s: %llu bytes of %llu",
				  kind_names[kind], (unsigned long long) encoded, (unsigned long long) raw);
		for (Kind other = 0; other < KINDS; other++)
		{
			make_strings(other);
			for (uint32 i = 0; i < STRINGS; i += 3)
				round_trip(encoder, &table, strings[i]);
			for (uint32 n = 0; n < 12; n++)
			{
				side_by_side(encoder, 50 * n, n);
				side_by_side(encoder, STRINGS - n, n);
			}
			side_by_side(encoder, 0, STRINGS);
		}
		ok(true, "%s: decoded (%llu bytes of %llu)", kind_names[kind], (unsigned long long) encoded,
		   (unsigned long long) raw);
		fsst_free(encoder);
		fsst_free(again);
	}
	check(fsst_train(strings, 0) == NULL, "no strings, no symbols");
	strings[0].bytes = 0;
	ok(fsst_train(strings, 1) == NULL, "nor of empty ones");
}

/* noise for symbols and strings: refused, or decoded within bounds */
static void
hostile(void)
{
	uint32 valid = 0;
	uint32 damaged = 0;

	for (uint32 round = 0; round < 20000; round++)
	{
		uint32 count = (uint32) unit_random_below(round % 2 ? 258 : 6);
		uint32 bytes = count + (uint32) unit_random_below(4 * count + 2);
		uint8 *stored = malloc(bytes + (bytes == 0));
		uint32 total = count;
		FsstTable table;

		for (uint32 i = 0; i < bytes; i++)
			stored[i] = (uint8) unit_random();
		/* most of them with lengths that are right, and often the sum */
		for (uint32 i = 0; i < count && round % 8 != 0; i++)
			total += stored[i] = (uint8) (1 + stored[i] % 8);
		if (round % 8 > 1)
		{
			stored = repalloc(stored, bytes = total);
			for (uint32 i = count; i < bytes; i++)
				stored[i] = (uint8) unit_random();
		}
		if (fsst_read_symbols(&table, stored, count, bytes) == NULL)
		{
			uint32 n = (uint32) unit_random_below(50);
			uint8 *encoded = malloc(n + (n == 0));
			Size room = (Size) unit_random_below(9 * n + 1);
			uint8 *out = malloc(room + (room == 0));
			Size done;

			for (uint32 i = 0; i < n; i++)
				encoded[i] =
					unit_random_below(6) == 0 ? FSST_ESCAPE : (uint8) unit_random_below(count + 2);
			done = fsst_decode(&table, encoded, n, out, room);
			check(done == FSST_DAMAGED || done <= room, "room");
			check(done == FSST_DAMAGED || done == fsst_decoded_bytes(&table, encoded, n), "length");
			check(fsst_decoded_bytes(&table, encoded, n) <= FSST_DECODED_MAX(n), "bound");
			valid++;
			damaged += done == FSST_DAMAGED;
			free(out);
			free(encoded);
		}
		free(stored);
	}
	ok(valid > 10000 && damaged > 1000 && valid - damaged > 1000,
	   "any bytes are harmless (%u tables passed, %u strings did not)", valid, damaged);
}

int
main(void)
{
	kinds();
	hostile();
	for (uint32 i = 0; i < STRINGS; i++)
		free((void *) strings[i].data);
	return done();
}
