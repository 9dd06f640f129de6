/*
 * fsst.c
 *		Encode strings by a table of symbols, and decode them: see fsst.h.  Pure code.
 *
 * How symbols are found is fsst_train.c's.
 */
#ifndef OMENDB_UNIT
#include "postgres.h"
#endif

#include "codec/bitpack.h"
#include "codec/fsst_symbols.h"

/* ---- symbols ---- */

void
fsst_clear(FsstEncoder *encoder)
{
	encoder->count = 0;
	encoder->bytes = 0;
	for (uint32 i = 0; i < FSST_SLOTS; i++)
	{
		/* no word, masked, is this */
		encoder->slots[i].mask = 0;
		encoder->slots[i].symbol = 1;
	}
	for (uint32 pair = 0; pair < lengthof(encoder->pairs); pair++)
		encoder->pairs[pair] = FSST_NO_SYMBOL;
}

bool
fsst_add(FsstEncoder *encoder, uint64 symbol, uint32 length)
{
	uint32 code = encoder->count;

	Assert(length >= 1 && length <= FSST_SYMBOL_BYTES_MAX);
	if (length > 2)
	{
		FsstSlot *slot = &encoder->slots[fsst_slot(symbol)];

		if (slot->mask != 0)
			return false;
		slot->symbol = symbol;
		slot->mask = bitpack_mask(8 * length);
		slot->entry = (uint16) (length << 8 | code);
	}
	encoder->symbols[code] = symbol;
	encoder->lengths[code] = (uint8) length;
	encoder->bytes += length;
	encoder->count++;
	return true;
}

void
fsst_finish(FsstEncoder *encoder)
{
	/* those of two bytes go first where both fit */
	for (uint32 length = 1; length <= 2; length++)
		for (uint32 code = 0; code < encoder->count; code++)
		{
			uint32 symbol = (uint32) encoder->symbols[code];
			uint16 entry = (uint16) (length << 8 | code);

			if (encoder->lengths[code] != length)
				continue;
			if (length == 2)
				encoder->pairs[symbol] = entry;
			else
				for (uint32 next = 0; next < 256; next++)
					encoder->pairs[next << 8 | symbol] = entry;
		}
}

void
fsst_free(FsstEncoder *encoder)
{
	pfree(encoder);
}

uint32
fsst_symbols(const FsstEncoder *encoder)
{
	return encoder->count;
}

uint32
fsst_symbols_bytes(const FsstEncoder *encoder)
{
	return encoder->count + encoder->bytes;
}

void
fsst_write_symbols(const FsstEncoder *encoder, uint8 *dst)
{
	memcpy(dst, encoder->lengths, encoder->count);
	dst += encoder->count;
	for (uint32 code = 0; code < encoder->count; code++)
	{
		uint8 bytes[sizeof(uint64)];

		bitpack_store64(bytes, encoder->symbols[code]);
		memcpy(dst, bytes, encoder->lengths[code]);
		dst += encoder->lengths[code];
	}
}

/* ---- encoding ---- */

Size
fsst_encode(const FsstEncoder *encoder, const uint8 *src, Size bytes, uint8 *dst)
{
	const uint8 *end = src + bytes;
	uint8 *out = dst;
	uint64 word;
	uint32 left;

	while (end - src >= (ptrdiff_t) sizeof(uint64))
	{
		const FsstSlot *slot;
		uint16 entry;

		word = bitpack_load64(src);
		slot = &encoder->slots[fsst_slot(word)];
		entry = encoder->pairs[word & 0xFFFF];
		if ((word & slot->mask) == slot->symbol)
			entry = slot->entry;
		/* behind an escape the byte itself; else it is overwritten */
		out[0] = (uint8) entry;
		out[1] = (uint8) word;
		out += 1 + (entry == FSST_NO_SYMBOL);
		src += entry >> 8;
	}
	left = (uint32) (end - src);
	if (left == 0)
		return (Size) (out - dst);
	/* the last bytes of a string as the upper ones of its last word */
	word = bytes >= sizeof(word) ? bitpack_load64(end - sizeof(word)) >> (8 * (sizeof(word) - left))
								 : fsst_load(src, left);
	while (left > 0)
	{
		uint32 length;
		uint32 number = fsst_next(encoder, word, left, &length);

		if (number < FSST_SYMBOL)
			*out++ = FSST_ESCAPE;
		*out++ = (uint8) number;
		left -= length;
		/* in two steps: it may be all of the word */
		word = word >> (8 * length - 1) >> 1;
	}
	return (Size) (out - dst);
}

/* ---- many strings ---- */

/*
 * From one symbol to the next everything waits for the first one's length.  So three strings are encoded side by side,
 * each into room of its own.
 */
typedef struct Lane
{
	const uint8 *src;
	const uint8 *end;
	uint8 *start;
	uint8 *out;
	uint32 string; /* NO_STRING: none */
} Lane;

#define NO_STRING UINT32_MAX

typedef struct Strings
{
	const uint8 *data;
	const uint32 *offsets;
	uint32 *lengths;
	uint8 *room;
	uint32 next;
	uint32 n;
} Strings;

/* the next string that is not empty */
static pg_attribute_always_inline bool
lane_begin(Lane *lane, Strings *strings)
{
	while (strings->next < strings->n)
	{
		uint32 i = strings->next++;
		const uint32 *offset = &strings->offsets[i];

		strings->lengths[i] = 0;
		if (offset[0] == offset[1])
			continue;
		lane->src = strings->data + offset[0];
		lane->end = strings->data + offset[1];
		lane->start = lane->out = strings->room + FSST_ENCODED_MAX(offset[0] - strings->offsets[0]);
		lane->string = i;
		return true;
	}
	return false;
}

static pg_attribute_always_inline void
lane_end(Lane *lane, Strings *strings)
{
	strings->lengths[lane->string] = (uint32) (lane->out - lane->start);
	lane->string = NO_STRING;
}

/* one symbol; reads 8 bytes, whatever is left of the string */
static pg_attribute_always_inline void
lane_step(Lane *lane, const FsstEncoder *encoder)
{
	uint32 left = (uint32) Min(lane->end - lane->src, (ptrdiff_t) sizeof(uint64));
	uint64 word = bitpack_load64(lane->src) & (PG_UINT64_MAX >> (64 - 8 * left));
	const FsstSlot *slot = &encoder->slots[fsst_slot(word)];
	uint32 entry = encoder->pairs[word & 0xFFFF];

	/* slot->entry if its symbol fits: nobody can foretell, so without a branch */
	entry ^= (entry ^ slot->entry) & -(uint32) ((word & slot->mask) == slot->symbol);
	if (unlikely(entry >> 8 > left))
	{
		/* a symbol that ends in the zeroes behind the end */
		uint32 length;
		uint32 number = fsst_next(encoder, word, left, &length);

		entry = length << 8 | (number < FSST_SYMBOL ? FSST_ESCAPE : number - FSST_SYMBOL);
	}
	lane->out[0] = (uint8) entry;
	lane->out[1] = (uint8) word;
	lane->out += 1 + (entry == FSST_NO_SYMBOL);
	lane->src += entry >> 8;
}

/* all of them into `room` */
static void
encode_side_by_side(const FsstEncoder *encoder, Strings *strings)
{
	Lane a = { .string = NO_STRING };
	Lane b = { .string = NO_STRING };
	Lane c = { .string = NO_STRING };
	Lane *rest[] = { &a, &b, &c };

	if (lane_begin(&a, strings) && lane_begin(&b, strings) && lane_begin(&c, strings))
		for (;;)
		{
			lane_step(&a, encoder);
			lane_step(&b, encoder);
			lane_step(&c, encoder);
			if (a.src == a.end)
			{
				lane_end(&a, strings);
				if (!lane_begin(&a, strings))
					break;
			}
			if (b.src == b.end)
			{
				lane_end(&b, strings);
				if (!lane_begin(&b, strings))
					break;
			}
			if (c.src == c.end)
			{
				lane_end(&c, strings);
				if (!lane_begin(&c, strings))
					break;
			}
		}
	for (uint32 i = 0; i < lengthof(rest); i++)
		if (rest[i]->string != NO_STRING)
		{
			while (rest[i]->src < rest[i]->end)
				lane_step(rest[i], encoder);
			lane_end(rest[i], strings);
		}
}

Size
fsst_encode_strings(const FsstEncoder *encoder, const uint8 *data, const uint32 *offsets, uint32 n,
					uint32 readable, uint8 *room, uint8 *dst, uint32 *lengths)
{
	Strings strings = {
		.data = data, .offsets = offsets, .lengths = lengths, .room = room, .n = n
	};
	Size used = 0;

	/* the last ones, behind which too little can be read, by themselves */
	while (strings.n > 0 && readable - offsets[strings.n] < sizeof(uint64))
	{
		uint32 i = --strings.n;

		lengths[i] = (uint32) fsst_encode(encoder, data + offsets[i], offsets[i + 1] - offsets[i],
										  room + FSST_ENCODED_MAX(offsets[i] - offsets[0]));
	}
	encode_side_by_side(encoder, &strings);
	for (uint32 i = 0; i < n; i++)
	{
		const uint8 *from = room + FSST_ENCODED_MAX(offsets[i] - offsets[0]);

		for (uint32 at = 0; at < lengths[i]; at += FSST_SLACK)
			memcpy(dst + used + at, from + at, FSST_SLACK);
		used += lengths[i];
	}
	return used;
}

/* ---- decoding ---- */

const char *
fsst_read_symbols(FsstTable *table, const uint8 *src, uint32 count, uint32 bytes)
{
	uint32 at = count;

	if (count == 0 || count > FSST_SYMBOLS_MAX)
		return "number of symbols is out of range";
	if (bytes < count)
		return "symbols are too short for their lengths";
	memset(table, 0, sizeof(*table));
	for (uint32 code = 0; code < count; code++)
	{
		uint32 length = src[code];

		if (length == 0 || length > FSST_SYMBOL_BYTES_MAX)
			return "length of a symbol is out of range";
		if (length > bytes - at)
			return "symbols do not end with the last one";
		table->lengths[code] = (uint8) length;
		memcpy(table->symbols[code], src + at, length);
		at += length;
	}
	return at != bytes ? "symbols do not end with the last one" : NULL;
}

Size
fsst_decoded_bytes(const FsstTable *table, const uint8 *src, uint32 bytes)
{
	Size total = 0;

	for (uint32 i = 0; i < bytes; i++)
		if (src[i] != FSST_ESCAPE)
			total += table->lengths[src[i]];
		else
		{
			total++;
			i++; /* the byte itself */
		}
	return total;
}

/* one code, where there are 8 bytes of room */
static inline uint8 *
put_symbol(const FsstTable *table, uint8 code, uint8 *out)
{
	memcpy(out, table->symbols[code], FSST_SYMBOL_BYTES_MAX);
	return out + table->lengths[code];
}

Size
fsst_decode(const FsstTable *table, const uint8 *src, uint32 bytes, uint8 *dst, Size room)
{
	const uint8 *end = src + bytes;
	uint8 *limit = dst + room;
	uint8 *out = dst;

	/* four at a time unless there is an escape among them */
	while (end - src >= 4 && limit - out >= 4 * FSST_SYMBOL_BYTES_MAX)
	{
		uint32 codes;

		memcpy(&codes, src, sizeof(codes));
		if ((((codes & 0x7F7F7F7F) + 0x01010101) & codes & 0x80808080) == 0)
		{
			out = put_symbol(table, src[0], out);
			out = put_symbol(table, src[1], out);
			out = put_symbol(table, src[2], out);
			out = put_symbol(table, src[3], out);
			src += 4;
			continue;
		}
		for (const uint8 *stop = src + 3; src < stop;)
			if (*src != FSST_ESCAPE)
				out = put_symbol(table, *src++, out);
			else
			{
				*out++ = src[1];
				src += 2;
			}
	}
	while (src < end)
	{
		uint32 length = *src == FSST_ESCAPE ? 1 : table->lengths[*src];

		if ((Size) (limit - out) < length)
			return FSST_DAMAGED;
		if (*src != FSST_ESCAPE)
		{
			if (limit - out >= FSST_SYMBOL_BYTES_MAX)
				memcpy(out, table->symbols[*src], FSST_SYMBOL_BYTES_MAX);
			else
				memcpy(out, table->symbols[*src], length);
		}
		else if (++src == end)
			return FSST_DAMAGED;
		else
			*out = *src;
		src++;
		out += length;
	}
	return (Size) (out - dst);
}
