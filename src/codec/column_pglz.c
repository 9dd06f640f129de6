/*
 * column_pglz.c
 *		The general compressor behind COL_ENC_PGLZ.  Pure code.
 */
#ifndef OMENDB_UNIT
#include "postgres.h"

#include "common/pg_lzcompress.h"
#endif

#include "codec/column_pglz.h"

#ifdef OMENDB_UNIT

/* pairs of a number 1..255 and the byte that stands so many times */
uint32
column_compress(const uint8 *src, uint32 bytes, uint32 percent, uint8 *dst)
{
	uint64 limit = (uint64) bytes * percent / 100;
	uint32 used = 0;

	for (uint32 at = 0; at < bytes;)
	{
		uint32 run = 1;

		while (run < 255 && at + run < bytes && src[at + run] == src[at])
			run++;
		if (used + UINT64CONST(2) >= limit)
			return 0;
		dst[used++] = (uint8) run;
		dst[used++] = src[at];
		at += run;
	}
	return used;
}

bool
column_decompress(const uint8 *src, uint32 bytes, uint8 *dst, uint32 raw_bytes)
{
	uint32 done = 0;

	if (bytes % 2 != 0)
		return false;
	for (uint32 at = 0; at < bytes; at += 2)
	{
		if (src[at] == 0 || src[at] > raw_bytes - done)
			return false;
		memset(dst + done, src[at + 1], src[at]);
		done += src[at];
	}
	return done == raw_bytes;
}

#else

uint32
column_compress(const uint8 *src, uint32 bytes, uint32 percent, uint8 *dst)
{
	/* PGLZ_strategy_always, but for the rate */
	PGLZ_Strategy strategy = {
		.min_input_size = 0,
		.max_input_size = PG_INT32_MAX,
		.min_comp_rate = 100 - (int32) percent,
		.first_success_by = PG_INT32_MAX,
		.match_size_good = 128,
		.match_size_drop = 6,
	};
	int32 used;

	Assert(bytes <= PG_INT32_MAX && percent >= 1 && percent <= 100);
	used = pglz_compress((const char *) src, (int32) bytes, (char *) dst, &strategy);
	return used < 0 ? 0 : (uint32) used;
}

bool
column_decompress(const uint8 *src, uint32 bytes, uint8 *dst, uint32 raw_bytes)
{
	if (bytes > PG_INT32_MAX || raw_bytes > PG_INT32_MAX)
		return false;
	return pglz_decompress((const char *) src, (int32) bytes, (char *) dst, (int32) raw_bytes,
						   true) == (int32) raw_bytes;
}

#endif
