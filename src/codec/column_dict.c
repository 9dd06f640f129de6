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

/* find the value of a row, or add it; ENTRY_NONE: the dictionary does not pay */
static uint32
dict_entry(ColDict *dict, uint32 row)
{
	const ColInput *in = dict->in;
	bool code = in->store == COL_STORE_CODE;
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
		key = column_hash_span(span);
		size = span.bytes + (in->store == COL_STORE_BYTES ? sizeof(uint32) : 0);
	}
	for (slot = (uint32) column_mix(key) & dict->mask; dict->slots[slot] != 0;
		 slot = (slot + 1) & dict->mask)
	{
		entry = &dict->entries[dict->slots[slot] - 1];
		if (entry->key == key && (code || (entry->bytes == span.bytes &&
										   memcmp(entry->data, span.data, span.bytes) == 0)))
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
		entry = dict_entry(dict, row);
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
static bool
dict_collect(ColDict *dict)
{
	const ColInput *in = dict->in;
	uint32 last = ENTRY_NONE;

	for (uint32 row = 0; row < in->rows; row++)
	{
		if (column_input_null(in, row))
			continue;
		/* equal values often stand together */
		if (last == ENTRY_NONE ||
			(in->store == COL_STORE_CODE
				 ? in->codes[row] != dict->entries[last].key
				 : !column_span_equal(
					   column_input_span(in, row),
					   (ColSpan){ dict->entries[last].data, dict->entries[last].bytes })))
			last = dict_entry(dict, row);
		if (last == ENTRY_NONE)
			return false;
		dict->positions[row] = (uint16) last;
	}
	return true;
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

/* sort the entries, and turn entry numbers into positions */
static void
dict_sort(ColDict *dict)
{
	const ColInput *in = dict->in;
	uint16 *position_of = palloc(dict->count * sizeof(*position_of));
	uint16 last = 0;

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
	for (uint32 row = 0; row < in->rows; row++)
	{
		uint32 v = row / COL_VECTOR_ROWS;

		if (row % COL_VECTOR_ROWS == 0)
		{
			dict->low[v] = UINT16_MAX;
			dict->high[v] = 0;
			dict->runs[v] = 0;
		}
		if (column_input_null(in, row))
			continue;
		dict->positions[row] = position_of[dict->positions[row]];
		dict->low[v] = Min(dict->low[v], dict->positions[row]);
		dict->high[v] = Max(dict->high[v], dict->positions[row]);
		dict->runs[v] += dict->runs[v] == 0 || dict->positions[row] != last;
		last = dict->positions[row];
	}
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
	uint32 slots = 16;

	if (count_max == 0)
		return NULL;
	while (slots < 2 * count_max)
		slots *= 2;
	dict = palloc0(sizeof(*dict));
	dict->in = in;
	dict->count_max = (uint32) count_max;
	dict->bytes_max = limit;
	dict->mask = slots - 1;
	dict->slots = palloc(slots * sizeof(*dict->slots));
	dict->entries = palloc(count_max * sizeof(*dict->entries));
	dict->positions = palloc(in->rows * sizeof(*dict->positions));
	dict_clear(dict);
	if (dict_is_hopeless(dict) || !dict_collect(dict))
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
