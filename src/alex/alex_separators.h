/*
 * alex_separators.h
 *		The separators of an inner page, decoded for fast search.
 *
 * Pure code.  The keys lie in one array.  The span between the first and the last
 * is cut into about as many equal buckets as there are keys, and a table tells which
 * of them begin in which bucket; so one shift and two table entries bound the
 * binary search.  Evenly spread keys need a comparison or two, and no distribution
 * more than a binary search over all of them would.
 */
#ifndef ALEX_SEPARATORS_H
#define ALEX_SEPARATORS_H

#include "alex/alex_page.h"
#include "base/pure.h"

typedef struct AlexSeparators
{
	uint32 n;		/* separators and children, >= 1 */
	bool wide;		/* keys16, else keys8 */
	uint32 shift;	/* bits of a key's distance from the first that do not choose its bucket */
	uint32 buckets; /* table has one more entry than this */
	AlexKey first;
	AlexKey last;
	uint64 tag; /* of all separators, if tags is NULL */
	const uint64 *keys8;
	const AlexKey *keys16;
	const uint64 *tags;
	const uint32 *children;
	const uint16 *table; /* of each bucket: the number of keys in those before it */
} AlexSeparators;

/* bytes of the arrays for these entries */
extern uint32 alex_separators_bytes(const AlexItem *items, uint32 n, bool wide);

/*
 * alex_separators_fill --- make *s from entries in order, its arrays in `room`, which is
 * 8-byte aligned.  False, and *s is of no use, unless 1 <= n <= ALEX_ITEMS_MAX and the entries
 * strictly ascend.
 */
extern bool alex_separators_fill(AlexSeparators *s, char *room, const AlexItem *items, uint32 n,
								 bool wide);

/* separators below (key, tag), or not above it without strict, among those from lo to hi */
static inline uint32
alex_separators_narrow8(const AlexSeparators *s, uint32 lo, uint32 hi, uint64 key, uint64 tag,
						bool strict)
{
	while (lo < hi)
	{
		uint32 mid = (lo + hi) / 2;
		uint64 k = s->keys8[mid];
		bool before = k < key;

		if (k == key)
		{
			uint64 t = s->tags != NULL ? s->tags[mid] : s->tag;

			before = strict ? t < tag : t <= tag;
		}
		if (before)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static inline uint32
alex_separators_narrow16(const AlexSeparators *s, uint32 lo, uint32 hi, AlexKey key, uint64 tag,
						 bool strict)
{
	while (lo < hi)
	{
		uint32 mid = (lo + hi) / 2;
		AlexKey k = s->keys16[mid];
		bool before = k < key;

		if (k == key)
		{
			uint64 t = s->tags != NULL ? s->tags[mid] : s->tag;

			before = strict ? t < tag : t <= tag;
		}
		if (before)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/*
 * alex_separators_find --- which child to follow for a target: that of the last
 * separator <= (key, tag), or < with strict; the first one if there is none.
 */
static inline uint32
alex_separators_find(const AlexSeparators *s, AlexKey key, uint64 tag, bool strict)
{
	uint32 bucket;
	uint32 count;

	if (key < s->first)
		return 0;
	if (key > s->last)
		return s->n - 1;
	if (s->wide)
	{
		bucket = (uint32) ((key - s->first) >> s->shift);
		count =
			alex_separators_narrow16(s, s->table[bucket], s->table[bucket + 1], key, tag, strict);
	}
	else
	{
		bucket = (uint32) (((uint64) key - (uint64) s->first) >> s->shift);
		count = alex_separators_narrow8(s, s->table[bucket], s->table[bucket + 1], (uint64) key,
										tag, strict);
	}
	return count > 0 ? count - 1 : 0;
}

#endif
