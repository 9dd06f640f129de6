/*
 * alex_radix.h
 *		Sort of fixed-size records in memory.
 *
 * Pure code.  A record is a few uint64, the first the most significant; the
 * order is that of the records as one long unsigned integer.
 */
#ifndef ALEX_RADIX_H
#define ALEX_RADIX_H

#include "base/pure.h"

/* a key of 8 bytes and a tag; a key of 16 bytes and a tag */
#define ALEX_RADIX_WORDS_MIN 2
#define ALEX_RADIX_WORDS_MAX 3

/* called again and again while a sort runs, about every millisecond; need not return */
typedef void (*AlexRadixYield)(void);

/*
 * alex_radix_sort --- sort n records.
 *
 * scratch has room for n records.  True if the sorted records are in scratch;
 * what the other buffer holds then is undefined.
 */
extern bool alex_radix_sort(uint64 *records, uint64 *scratch, size_t n, int words,
							AlexRadixYield yield);

/* is record a before record b? */
static pg_attribute_always_inline bool
alex_record_less(const uint64 *a, const uint64 *b, const int words)
{
	for (int w = 0; w < words - 1; w++)
		if (a[w] != b[w])
			return a[w] < b[w];
	return a[words - 1] < b[words - 1];
}

#endif
