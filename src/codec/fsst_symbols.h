/*
 * fsst_symbols.h
 *		The encoder's side of a symbol table, for fsst.c and fsst_train.c only.
 *
 * A symbol of three bytes or more is found by its first three, in a slot that holds one symbol: of
 * those that want the same slot the first one added stays.  Shorter ones are found
 * by the next two bytes.
 */
#ifndef FSST_SYMBOLS_H
#define FSST_SYMBOLS_H

#include "codec/bitpack.h"
#include "codec/fsst.h"

#define FSST_SLOTS 2048

/* an entry of pairs: length << 8 | code; without any symbol the escape, of length 1 */
#define FSST_NO_SYMBOL (1 << 8 | FSST_ESCAPE)

/* in counting: numbers below are bytes by themselves, from it on symbols */
#define FSST_SYMBOL 256

typedef struct FsstSlot
{
	uint64 symbol;
	uint64 mask;  /* 0 = empty, and then symbol is 1 */
	uint16 entry; /* as in pairs */
} FsstSlot;

struct FsstEncoder
{
	uint32 count;
	uint32 bytes; /* of all symbols */
	FsstSlot slots[FSST_SLOTS];
	uint16 pairs[65536];
	uint64 symbols[256]; /* the first byte lowest */
	uint8 lengths[256];
};

static inline uint32
fsst_slot(uint64 word)
{
	return ((uint32) (word & 0xFFFFFF) * UINT64CONST(0x9E3779B97F4A7C15) >> 40) % FSST_SLOTS;
}

/* the next bytes of a string, zeroes behind its end; of the whole word, as much as there is */
static inline uint64
fsst_load(const uint8 *src, uint32 bytes)
{
	uint64 word = 0;

	if (bytes >= sizeof(word))
		return bitpack_load64(src);
	for (uint32 i = 0; i < bytes; i++)
		word |= (uint64) src[i] << (8 * i);
	return word;
}

/* what the next bytes of a string, of which there are `bytes` > 0, are encoded as: a byte or FSST_SYMBOL + code */
static inline uint32
fsst_next(const FsstEncoder *encoder, uint64 word, uint32 bytes, uint32 *length)
{
	const FsstSlot *slot = &encoder->slots[fsst_slot(word)];
	uint16 pair = encoder->pairs[word & 0xFFFF];

	if ((word & slot->mask) == slot->symbol && slot->entry >> 8 <= bytes)
	{
		*length = slot->entry >> 8;
		return FSST_SYMBOL + (slot->entry & 0xFF);
	}
	/* a pair that ends in the zero behind the end */
	if (pair >> 8 > bytes)
	{
		pair = FSST_NO_SYMBOL;
		for (uint32 code = 0; code < encoder->count; code++)
			if (encoder->lengths[code] == 1 && encoder->symbols[code] == (word & 0xFF))
				pair = (uint16) (1 << 8 | code);
	}
	*length = pair >> 8;
	return pair == FSST_NO_SYMBOL ? (uint32) word & 0xFF : FSST_SYMBOL + (pair & 0xFF);
}

/* no symbols; a symbol more (false: its slot is taken); all are there */
extern void fsst_clear(FsstEncoder *encoder);
extern bool fsst_add(FsstEncoder *encoder, uint64 symbol, uint32 length);
extern void fsst_finish(FsstEncoder *encoder);

#endif
