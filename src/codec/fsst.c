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
