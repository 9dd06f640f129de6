/*
 * alex_separators.c
 *		The separators of an inner page, decoded for fast search.  Pure code;
 *		contracts are in alex_separators.h.
 */
#ifndef OMENDB_UNIT
#include "postgres.h"
#endif

#include "alex/alex_separators.h"

StaticAssertDecl(ALEX_ITEMS_MAX < 65536, "the table counts in 16 bits");

/* where the arrays lie */
typedef struct Layout
{
	bool tags;
	uint32 shift;
	uint32 buckets;
	uint32 tags_off; /* the keys are at 0 */
	uint32 children_off;
	uint32 table_off;
	uint32 bytes;
} Layout;

static uint32
key_bits(AlexKey key)
{
	uint64 hi = (uint64) (key >> 64);

	return hi != 0 ? 64 + bitpack_width(hi) : bitpack_width((uint64) key);
}

static Layout
lay_out(const AlexItem *items, uint32 n, bool wide)
{
	Layout l = { 0 };
	AlexKey span = items[n - 1].key - items[0].key;
	uint32 span_bits = key_bits(span);
	uint32 bucket_bits = bitpack_width(n);

	for (uint32 i = 1; i < n && !l.tags; i++)
		l.tags = items[i].tag != items[0].tag;
	l.shift = span_bits > bucket_bits ? span_bits - bucket_bits : 0;
	l.buckets = (uint32) (span >> l.shift) + 1;
	l.tags_off = n * (wide ? 16 : 8);
	l.children_off = l.tags_off + (l.tags ? n * 8 : 0);
	l.table_off = l.children_off + n * 4;
	l.bytes = l.table_off + (l.buckets + 1) * 2;
	return l;
}

static bool
ascending(const AlexItem *items, uint32 n, bool wide)
{
	if (n == 0 || n > ALEX_ITEMS_MAX || (!wide && (items[n - 1].key >> 64) != 0))
		return false;
	for (uint32 i = 1; i < n; i++)
		if (!alex_less(items[i - 1].key, items[i - 1].tag, items[i].key, items[i].tag))
			return false;
	return true;
}

uint32
alex_separators_bytes(const AlexItem *items, uint32 n, bool wide)
{
	return n == 0 ? 0 : lay_out(items, n, wide).bytes;
}

bool
alex_separators_fill(AlexSeparators *s, char *room, const AlexItem *items, uint32 n, bool wide)
{
	Layout l;
	uint16 *table;
	uint32 bucket = 0;

	if (!ascending(items, n, wide))
		return false;
	l = lay_out(items, n, wide);
	s->n = n;
	s->wide = wide;
	s->shift = l.shift;
	s->buckets = l.buckets;
	s->first = items[0].key;
	s->last = items[n - 1].key;
	s->tag = items[0].tag;
	s->keys8 = (const uint64 *) room;
	s->keys16 = (const AlexKey *) room;
	s->tags = l.tags ? (const uint64 *) (room + l.tags_off) : NULL;
	s->children = (const uint32 *) (room + l.children_off);
	s->table = table = (uint16 *) (room + l.table_off);

	for (uint32 i = 0; i < n; i++)
	{
		/* keys ascend, so the buckets do, and the last one is that of the last key */
		uint32 b = (uint32) ((items[i].key - s->first) >> l.shift);

		while (bucket <= b)
			table[bucket++] = (uint16) i;
		if (wide)
			((AlexKey *) room)[i] = items[i].key;
		else
			((uint64 *) room)[i] = (uint64) items[i].key;
		if (l.tags)
			((uint64 *) (room + l.tags_off))[i] = items[i].tag;
		((uint32 *) (room + l.children_off))[i] = items[i].child;
	}
	table[l.buckets] = (uint16) n;
	return true;
}
