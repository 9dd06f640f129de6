/*
 * alex_lookup.h
 *		The few entries of a leaf that a point lookup wants, in one pass.
 *
 * Pure code, as alex_page.h.
 */
#ifndef ALEX_LOOKUP_H
#define ALEX_LOOKUP_H

#include "alex/alex_page.h"

#define ALEX_LOOKUP_DAMAGED (-1)

/*
 * alex_page_lookup --- the entries with low <= (key, tag) < high of a leaf with 8-byte keys, in
 * order and without removed ones.  Returns how many there are, max + 1 if more than max,
 * or ALEX_LOOKUP_DAMAGED.
 */
extern int alex_page_lookup(const char *page, AlexRawEntry low, AlexRawEntry high, AlexItem *items,
							int max);

/*
 * Ask the processor for what a lookup reads first: headers, directory, opaque.  A page takes two entries of the TLB where the
 * operating system's are of 4 kB: each is touched, the rest prefetched.  The page need not be pinned.
 */
static inline void
alex_page_prefetch(const char *page)
{
	om_touch(page);
	om_touch(page + ALEX_SPECIAL_OFF);
	__builtin_prefetch(page + 64);
	__builtin_prefetch(page + 128);
	__builtin_prefetch(page + 192);
	__builtin_prefetch(page + 256);
}

#endif
