/*
 * column_dict.c
 *		Collect the distinct values of a column.  Pure code.
 *
 * The search is bounded: it ends as soon as the dictionary cannot pay any more,
 * and a sample of the rows shows most columns of distinct values for what they are.
 */
#ifndef OMENDB_UNIT
#include "postgres.h"
#endif

#include "codec/column_dict.h"

/* rows looked at before the distinct values of a long column are counted */
#define SAMPLE_ROWS 4096

#define ENTRY_NONE UINT32_MAX
#define SLOTS_MIN 256

/* Not on disk; where it is poor, the limit of probes ends the search. */
static inline uint64
hash_span(ColSpan span)
{
	const uint64 factor = UINT64CONST(0x9E3779B97F4A7C15);
	uint64 h = span.bytes * UINT64CONST(0xC4CEB9FE1A85EC53);

	if (span.bytes <= 8)
		h ^= column_short_word(span.data, span.bytes);
	else
	{
		for (uint32 i = 0; i + 8 < span.bytes; i += 8)
		{
			h = (h ^ bitpack_load64(span.data + i)) * factor;
			h ^= h >> 32;
		}
		h ^= bitpack_load64(span.data + span.bytes - 8);
	}
	h = (h ^ h >> 32) * factor;
	h = (h ^ h >> 32) * factor;
	return h ^ h >> 32;
}

/* where the search for a key begins; keys of spans are hashes already */
static inline uint32
first_slot(const ColDict *dict, bool code, uint64 key)
{
	return (uint32) (code ? column_mix(key) : key) & dict->mask;
}

/* twice as many slots */
static void
dict_grow(ColDict *dict, bool code)
{
	uint32 slots = 2 * (dict->mask + 1);

	pfree(dict->slots);
	dict->slots = palloc0(slots * sizeof(*dict->slots));
	dict->mask = slots - 1;
	for (uint32 i = 0; i < dict->count; i++)
	{
		uint32 slot = first_slot(dict, code, dict->entries[i].key);

		while (dict->slots[slot] != 0)
			slot = (slot + 1) & dict->mask;
		dict->slots[slot] = i + 1;
	}
}

/* find the value of a row, or add it; ENTRY_NONE: the dictionary does not pay */
static pg_attribute_always_inline uint32
dict_entry(ColDict *dict, bool code, uint32 row)
{
	const ColInput *in = dict->in;
	ColSpan span = { NULL, 0 };
	uint64 size = sizeof(uint64);
	uint64 key;
	uint32 slot;
	ColDictEntry *entry;

	if (code)
		key = in->codes[row];
	else
	{
		span = column_input_span(in, row);
		key = hash_span(span);
		size = span.bytes + (in->store == COL_STORE_BYTES ? sizeof(uint32) : 0);
	}
	for (slot = first_slot(dict, code, key); dict->slots[slot] != 0; slot = (slot + 1) & dict->mask)
	{
		entry = &dict->entries[dict->slots[slot] - 1];
		if (entry->key == key &&
			(code || column_span_equal((ColSpan){ entry->data, entry->bytes }, span)))
			return dict->slots[slot] - 1;
		if (dict->probes == 0)
			return ENTRY_NONE;
		dict->probes--;
	}
	if (dict->count == dict->count_max || dict->bytes + size > dict->bytes_max)
		return ENTRY_NONE;
	entry = &dict->entries[dict->count];
	entry->key = key;
	entry->data = span.data;
	entry->bytes = span.bytes;
	entry->row = row;
	dict->bytes += size;
	dict->slots[slot] = ++dict->count;
	if (unlikely(2 * dict->count > dict->mask))
		dict_grow(dict, code);
	return dict->count - 1;
}

static void
dict_clear(ColDict *dict)
{
	memset(dict->slots, 0, (dict->mask + (Size) 1) * sizeof(*dict->slots));
	dict->count = 0;
	dict->bytes = dict->in->store == COL_STORE_BYTES ? sizeof(uint32) : 0;
	dict->probes = UINT64CONST(16) * dict->in->rows;
}

/*
 * Look at rows spread by chance (but the same ones every time) before
 * all values are counted.  n draws from d values that are equally frequent
 * meet about n * n / 2d again, and more often if frequencies differ.  A quarter of what
 * count_max values would show says that there are more of them.
 */
static bool
dict_is_hopeless(ColDict *dict)
{
	const ColInput *in = dict->in;
	uint64 draws = 0;
	uint64 repeats = 0;
	uint64 expected;

	if (in->rows < 4 * SAMPLE_ROWS)
		return false;
	for (uint32 i = 0; i < SAMPLE_ROWS; i++)
	{
		uint32 row = (uint32) (column_mix(i + 1) % in->rows);
		uint32 entry;

		if (column_input_null(in, row))
			continue;
		entry = dict_entry(dict, in->store == COL_STORE_CODE, row);
		if (entry == ENTRY_NONE)
			return true;
		draws++;
		repeats += dict->entries[entry].row != row;
	}
	expected = Min(draws * draws / (2 * (uint64) dict->count_max), draws);
	dict_clear(dict);
	return repeats < expected / 4;
}

/* entry numbers of all rows */
static pg_attribute_always_inline bool
dict_collect(ColDict *dict, bool code)
{
	const ColInput *in = dict->in;

	for (uint32 row = 0; row < in->rows; row++)
	{
		uint32 entry;

		if (column_input_null(in, row))
			continue;
		entry = dict_entry(dict, code, row);
		if (entry == ENTRY_NONE)
			return false;
		dict->positions[row] = (uint16) entry;
	}
	return true;
}

static bool
dict_collect_all(ColDict *dict)
{
	return dict->in->store == COL_STORE_CODE ? dict_collect(dict, true) : dict_collect(dict, false);
}

static int
compare_entries(const void *a, const void *b)
{
	const ColDictEntry *x = a;
	const ColDictEntry *y = b;
	int cmp;

	if (x->key != y->key)
		return x->key < y->key ? -1 : 1;
	if (x->data == NULL)
		return 0;
	cmp = memcmp(x->data, y->data, Min(x->bytes, y->bytes));
	return cmp != 0 ? cmp : (x->bytes > y->bytes) - (x->bytes < y->bytes);
}

/* turn the entry numbers of a vector into positions */
static void
dict_place(ColDict *dict, uint32 v, const uint16 *position_of)
{
	const ColInput *in = dict->in;
	uint32 start = v * COL_VECTOR_ROWS;
	uint32 rows = column_input_rows(in, v);
	uint16 *positions = dict->positions + start;
	uint16 low = UINT16_MAX;
	uint16 high = 0;
	uint16 last = 0;
	uint32 runs = 0;

	for (uint32 i = 0; i < rows; i++)
	{
		uint16 position;

		if (column_input_null(in, start + i))
			continue;
		position = position_of[positions[i]];
		positions[i] = position;
		low = Min(low, position);
		high = Max(high, position);
		runs += runs == 0 || position != last;
		last = position;
	}
	dict->low[v] = low;
	dict->high[v] = high;
	dict->runs[v] = (uint16) runs;
}

/* sort the entries, and turn entry numbers into positions */
static void
dict_sort(ColDict *dict)
{
	const ColInput *in = dict->in;
	uint16 *position_of = palloc(dict->count * sizeof(*position_of));

	for (uint32 i = 0; i < dict->count; i++)
	{
		ColDictEntry *entry = &dict->entries[i];

		entry->row = i;
		if (in->store != COL_STORE_CODE)
			entry->key = column_span_prefix((ColSpan){ entry->data, entry->bytes });
	}
	qsort(dict->entries, dict->count, sizeof(ColDictEntry), compare_entries);
	for (uint32 i = 0; i < dict->count; i++)
		position_of[dict->entries[i].row] = (uint16) i;
	for (uint32 v = 0; v * COL_VECTOR_ROWS < in->rows; v++)
		dict_place(dict, v, position_of);
	pfree(position_of);
}

ColDict *
column_dict_build(const ColInput *in, uint32 values, uint64 limit)
{
	uint64 least = in->store == COL_STORE_CODE	  ? sizeof(uint64)
				   : in->store == COL_STORE_FIXED ? in->typlen
												  : sizeof(uint32);
	uint64 count_max = Min(Min(limit / least, COL_DICT_MAX), values);
	ColDict *dict;

	if (count_max == 0)
		return NULL;
	dict = palloc0(sizeof(*dict));
	dict->in = in;
	dict->count_max = (uint32) count_max;
	dict->bytes_max = limit;
	dict->mask = SLOTS_MIN - 1;
	dict->slots = palloc(SLOTS_MIN * sizeof(*dict->slots));
	dict->entries = palloc(count_max * sizeof(*dict->entries));
	dict->positions = palloc(in->rows * sizeof(*dict->positions));
	dict_clear(dict);
	if (dict_is_hopeless(dict) || !dict_collect_all(dict))
	{
		column_dict_free(dict);
		return NULL;
	}
	dict_sort(dict);
	return dict;
}

void
column_dict_free(ColDict *dict)
{
	pfree(dict->positions);
	pfree(dict->entries);
	pfree(dict->slots);
	pfree(dict);
}
