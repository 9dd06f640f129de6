/*
 * om_delta.c
 *		The difference of two images of a page: see om_delta.h.
 *
 * GenericXLogFinish() compares the images byte by byte, which takes longer than all the
 * rest of a single-row insert.  Here equal bytes, most of a page, are passed by
 * words.
 */
#ifndef OMENDB_UNIT
#include "postgres.h"
#endif

#include "base/om_delta.h"

/* as many equal bytes between two differences are not dearer to log than a new fragment */
#define FRAGMENT_HEADER_BYTES 4

static inline uint64
load_word(const char *p)
{
	uint64 word;

	memcpy(&word, p, sizeof(word));
	return word;
}

/* bytes [from, to) of two images, of which the old one's are known in [known_from, known_to) */
typedef struct Region
{
	const char *page;
	const char *target;
	uint32 to;
	uint32 known_from;
	uint32 known_to;
} Region;

/* the first byte from `at` on that differs or is not known, or the region's end */
static inline uint32
next_difference(const Region *r, uint32 at)
{
	if (at < r->known_from || at >= r->known_to)
		return at;
	while (at + 8 <= r->known_to && load_word(r->page + at) == load_word(r->target + at))
		at += 8;
	while (at < r->known_to && r->page[at] == r->target[at])
		at++;
	return at;
}

/* the first byte from `at` on that is known and the same, or the region's end */
static inline uint32
next_equal(const Region *r, uint32 at)
{
	at = Max(at, r->known_from);
	while (at < r->known_to && r->page[at] != r->target[at])
		at++;
	return at < r->known_to ? at : r->to;
}

static uint32
put_fragment(char *delta, uint32 len, const char *target, uint32 from, uint32 to)
{
	uint16 offset = (uint16) from;
	uint16 length = (uint16) (to - from);

	memcpy(delta + len, &offset, 2);
	memcpy(delta + len + 2, &length, 2);
	memcpy(delta + len + FRAGMENT_HEADER_BYTES, target + from, length);
	return len + FRAGMENT_HEADER_BYTES + length;
}

static uint32
put_region(const Region *r, uint32 from, char *delta, uint32 len)
{
	uint32 begin = next_difference(r, from);

	while (begin < r->to)
	{
		uint32 end = next_equal(r, begin);
		uint32 next = next_difference(r, end);

		while (next < r->to && next - end <= FRAGMENT_HEADER_BYTES)
		{
			end = next_equal(r, next);
			next = next_difference(r, end);
		}
		len = put_fragment(delta, len, r->target, begin, end);
		begin = next;
	}
	return len;
}

uint32
om_delta(const char *page, uint32 page_lower, uint32 page_upper, const char *target,
		 uint32 target_lower, uint32 target_upper, char *delta)
{
	Region low = { page, target, target_lower, 0, Min(page_lower, target_lower) };
	Region high = { page, target, BLCKSZ, Max(page_upper, target_upper), BLCKSZ };
	uint32 len;

	Assert(page_lower <= page_upper && page_upper <= BLCKSZ);
	Assert(target_lower <= target_upper && target_upper <= BLCKSZ);
	len = put_region(&low, 0, delta, 0);
	return put_region(&high, target_upper, delta, len);
}
