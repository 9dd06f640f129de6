/*
 * column_pglz.h
 *		The general compressor behind COL_ENC_PGLZ: bytes to fewer bytes and back.
 *
 * In the server this is PostgreSQL's pglz.  Unit tests have none; there a run-length
 * code stands in, as strict about damage.
 */
#ifndef COLUMN_PGLZ_H
#define COLUMN_PGLZ_H

#include "base/pure.h"

/* what dst of column_compress must have room for */
#define COLUMN_COMPRESS_ROOM(bytes) ((Size) (bytes) + 4)

/*
 * Compress to less than `percent` (1..100) of 0 < bytes <= COL_RAW_MAX.  Returns the bytes
 * written, 0 if that many do not suffice.
 */
extern uint32 column_compress(const uint8 *src, uint32 bytes, uint32 percent, uint8 *dst);

/* false unless src is a stream of exactly `bytes` that gives exactly raw_bytes */
extern bool column_decompress(const uint8 *src, uint32 bytes, uint8 *dst, uint32 raw_bytes);

#endif
