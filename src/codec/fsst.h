/*
 * fsst.h
 *		Short strings as codes of a byte, each for a symbol of 1 to 8 bytes.
 *
 * After Boncz, Neumann and Leis, "FSST: Fast Random Access String Compression", VLDB 2020: a table of up to
 * 255 symbols, found in a sample, serves all strings of a column.  A string becomes one code for each symbol,
 * and FSST_ESCAPE and the byte itself where no symbol fits, so any of them is
 * decoded without the others.
 *
 * Symbols on disk: their lengths, a byte each, then their bytes side by side.
 */
#ifndef FSST_H
#define FSST_H

#include "base/pure.h"

#define FSST_SYMBOLS_MAX 255
#define FSST_SYMBOL_BYTES_MAX 8
#define FSST_ESCAPE 255

/* a string of n bytes never takes more than this */
#define FSST_ENCODED_MAX(n) (2 * (Size) (n))
/* nor gives one of n encoded bytes more than this */
#define FSST_DECODED_MAX(n) (FSST_SYMBOL_BYTES_MAX * (Size) (n))

/* ---- decoding ---- */

typedef struct FsstTable
{
	uint8 symbols[256][FSST_SYMBOL_BYTES_MAX];
	uint8 lengths[256]; /* 0 = no such code */
} FsstTable;

/* fill *table from `count` symbols that take `bytes` on disk; NULL, or what is wrong with them */
extern const char *fsst_read_symbols(FsstTable *table, const uint8 *src, uint32 count,
									 uint32 bytes);

/* what fsst_decode returns for bytes that are no encoded string, or one longer than `room` */
#define FSST_DAMAGED SIZE_MAX

/*
 * The length of a string, and the string.  Safe on any bytes: nothing outside src[0, bytes) is read, nothing
 * outside dst[0, room) written.  What was written behind the string's end means nothing, so room
 * for more than the string makes it faster.
 */
extern Size fsst_decoded_bytes(const FsstTable *table, const uint8 *src, uint32 bytes);
extern Size fsst_decode(const FsstTable *table, const uint8 *src, uint32 bytes, uint8 *dst,
						Size room);

/* ---- encoding ---- */

typedef struct FsstEncoder FsstEncoder;

/* a string, or a part of one, of the sample */
typedef struct FsstPiece
{
	const uint8 *data;
	uint32 bytes;
} FsstPiece;

/* Symbols for strings like these, palloc'd; a function of the sample alone.  NULL if there is none. */
extern FsstEncoder *fsst_train(const FsstPiece *pieces, uint32 n);
extern void fsst_free(FsstEncoder *encoder);

extern uint32 fsst_symbols(const FsstEncoder *encoder);
/* on disk */
extern uint32 fsst_symbols_bytes(const FsstEncoder *encoder);
extern void fsst_write_symbols(const FsstEncoder *encoder, uint8 *dst);

/* dst has room for FSST_ENCODED_MAX(bytes); returns the bytes written */
extern Size fsst_encode(const FsstEncoder *encoder, const uint8 *src, Size bytes, uint8 *dst);

/*
 * The same for n strings that stand side by side, string i in data[offsets[i], offsets[i + 1]), faster.  Encoded
 * they stand side by side in dst, and lengths has their lengths; returns the sum of them.  data can be read as
 * far as offset `readable`, the end of the last string or behind it.  dst, and another piece of memory, room,
 * take FSST_ENCODED_MAX of all strings' bytes and FSST_SLACK.
 */
#define FSST_SLACK 16
extern Size fsst_encode_strings(const FsstEncoder *encoder, const uint8 *data,
								const uint32 *offsets, uint32 n, uint32 readable, uint8 *room,
								uint8 *dst, uint32 *lengths);

#endif
