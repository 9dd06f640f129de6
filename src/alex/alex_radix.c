/*
 * alex_radix.c
 *		Radix sort of records of two or three words.  Pure code.
 *
 * Of all bits in which the records differ, the most significant few are taken,
 * about log2(n) + 3 of them: the prefix.  The records are sorted by it with
 * one pass a byte, least significant byte first, which keeps the order of
 * arrival where prefixes are equal.  Then one more pass looks at neighbours.
 * Records with equal prefixes are few, or equal keys whose tags (TIDs) arrived in
 * order from a scan of a table; a group that is not in order is sorted by the
 * bits below the prefix: by insertion when it is small, else in the same way.
 *
 * So distinct 63-bit keys take 3 passes for a million instead of 8, keys that
 * differ in 20 bits never more than 3, and the tags of equal keys none as long as they
 * arrived in order; no input needs more passes than there are differing bytes,
 * and a look at neighbours for each prefix.
 */
#ifndef OMENDB_UNIT
#include "postgres.h"
#endif

#include "alex/alex_radix.h"

#define DIGIT_BITS 8
#define DIGITS 256
#define PREFIX_DIGITS_MAX 4

/* groups up to this size are sorted by insertion */
#define INSERTION_MAX 32

/* records between two calls of yield */
#define YIELD_RECORDS 65536

typedef struct RadixSort
{
	AlexRadixYield yield;
	size_t place[PREFIX_DIGITS_MAX][DIGITS];
} RadixSort;

static bool sort_two(RadixSort *s, uint64 *records, uint64 *scratch, size_t n);
static bool sort_three(RadixSort *s, uint64 *records, uint64 *scratch, size_t n);

static inline int
highest_bit(uint64 v)
{
	return 63 - __builtin_clzll(v);
}

static pg_attribute_always_inline void
copy_record(uint64 *to, const uint64 *from, const int words)
{
	for (int w = 0; w < words; w++)
		to[w] = from[w];
}

static pg_attribute_always_inline void
insertion_sort(uint64 *records, size_t n, const int words)
{
	for (size_t i = 1; i < n; i++)
	{
		uint64 record[ALEX_RADIX_WORDS_MAX];
		size_t j = i;

		copy_record(record, records + i * words, words);
		for (; j > 0 && alex_record_less(record, records + (j - 1) * words, words); j--)
			copy_record(records + j * words, records + (j - 1) * words, words);
		copy_record(records + j * words, record, words);
	}
}

/* one pass: move the records in the order of the digit at `shift` */
static pg_attribute_always_inline void
scatter(RadixSort *s, const uint64 *from, uint64 *to, size_t n, size_t *place, int word, int shift,
		const int words)
{
	size_t sum = 0;

	for (int digit = 0; digit < DIGITS; digit++)
	{
		size_t in_digit = place[digit];

		place[digit] = sum;
		sum += in_digit;
	}
	for (size_t done = 0; done < n;)
	{
		size_t end = Min(n, done + YIELD_RECORDS);

		s->yield();
		for (; done < end; done++)
		{
			const uint64 *record = from + done * words;

			copy_record(to + place[(record[word] >> shift) & (DIGITS - 1)]++ * words, record,
						words);
		}
	}
}

/* sort by the bits [low, low + digits bytes) of a word; true if the result is in scratch */
static pg_attribute_always_inline bool
sort_prefix(RadixSort *s, uint64 *records, uint64 *scratch, size_t n, int word, int low, int digits,
			const int words)
{
	uint64 *from = records;
	uint64 *to = scratch;

	memset(s->place, 0, sizeof(s->place[0]) * digits);
	for (size_t done = 0; done < n;)
	{
		size_t end = Min(n, done + YIELD_RECORDS);

		s->yield();
		for (; done < end; done++)
		{
			uint64 v = records[done * words + word] >> low;

			for (int d = 0; d < digits; d++)
				s->place[d][(v >> (d * DIGIT_BITS)) & (DIGITS - 1)]++;
		}
	}
	for (int d = 0; d < digits; d++)
	{
		int shift = low + d * DIGIT_BITS;
		uint64 *swap = from;

		/* a digit that is the same everywhere */
		if (s->place[d][(from[word] >> shift) & (DIGITS - 1)] == n)
			continue;
		scatter(s, from, to, n, s->place[d], word, shift, words);
		from = to;
		to = swap;
	}
	return from == scratch;
}

/* records sorted by the bits from `low` of a word up: look at each group of equal prefixes */
static pg_attribute_always_inline void
sort_groups(RadixSort *s, uint64 *records, uint64 *scratch, size_t n, int word, int low,
			const int words)
{
	size_t start = 0; /* of the group */
	bool ordered = true;

	for (size_t i = 1; i <= n; i++)
	{
		if (i % YIELD_RECORDS == 0)
			s->yield();
		if (i < n && (records[i * words + word] >> low) == (records[start * words + word] >> low))
		{
			if (alex_record_less(records + i * words, records + (i - 1) * words, words))
				ordered = false;
			continue;
		}
		if (!ordered)
		{
			uint64 *group = records + start * words;
			size_t count = i - start;

			if (count <= INSERTION_MAX)
				insertion_sort(group, count, words);
			else if (words == 2 ? sort_two(s, group, scratch + start * words, count)
								: sort_three(s, group, scratch + start * words, count))
				memcpy(group, scratch + start * words, count * words * sizeof(uint64));
		}
		start = i;
		ordered = true;
	}
}

static pg_attribute_always_inline bool
sort_records(RadixSort *s, uint64 *records, uint64 *scratch, size_t n, const int words)
{
	uint64 bits[ALEX_RADIX_WORDS_MAX] = { 0 };
	int word = 0;
	int highest;
	int digits;
	int low;
	bool moved;

	if (n <= INSERTION_MAX)
	{
		insertion_sort(records, n, words);
		return false;
	}
	for (size_t done = 0; done < n;)
	{
		size_t end = Min(n, done + YIELD_RECORDS);

		s->yield();
		for (; done < end; done++)
			for (int w = 0; w < words; w++)
				bits[w] |= records[done * words + w] ^ records[w];
	}
	while (word < words && bits[word] == 0)
		word++;
	if (word == words)
		return false; /* all equal */
	highest = highest_bit(bits[word]);
	digits = (highest_bit(n) + 3 + DIGIT_BITS - 1) / DIGIT_BITS;
	digits = Min(digits, PREFIX_DIGITS_MAX);
	digits = Min(digits, highest / DIGIT_BITS + 1);
	low = Max(highest + 1 - digits * DIGIT_BITS, 0);
	moved = sort_prefix(s, records, scratch, n, word, low, digits, words);
	if (moved)
		sort_groups(s, scratch, records, n, word, low, words);
	else
		sort_groups(s, records, scratch, n, word, low, words);
	return moved;
}

/* the two recurse, once for each prefix of a group: 24 times at most */
static bool
sort_two(RadixSort *s, uint64 *records, uint64 *scratch, size_t n)
{
	return sort_records(s, records, scratch, n, 2);
}

static bool
sort_three(RadixSort *s, uint64 *records, uint64 *scratch, size_t n)
{
	return sort_records(s, records, scratch, n, 3);
}

bool
alex_radix_sort(uint64 *records, uint64 *scratch, size_t n, int words, AlexRadixYield yield)
{
	RadixSort s;

	Assert(words >= ALEX_RADIX_WORDS_MIN && words <= ALEX_RADIX_WORDS_MAX);
	s.yield = yield;
	return words == 2 ? sort_two(&s, records, scratch, n) : sort_three(&s, records, scratch, n);
}
