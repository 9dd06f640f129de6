/*
 * alex_key_bounds.c
 *		Scan keys -> bounds of a scan.
 *
 * A condition `column OP constant` is answered in the codes that stand for the
 * column's values.  The place of the constant among them and the operator make a
 * range of codes; the ranges of all conditions on a column are intersected.
 *
 * The least elements of all columns, one after the other, are below every entry
 * that satisfies the conditions, the greatest ones above.  Entries in between satisfy
 * them all if every column but the last restricted one is fixed to a single
 * element; else each entry is asked, which takes the elements from the two ends again.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/nbtree.h"
#include "utils/builtins.h"
#include "utils/rel.h"

#include "alex/alex_key.h"
#include "alex/alex_key_string.h"
#include "alex/alex_key_type.h"

/* the values of a column that satisfy the keys seen so far */
typedef struct ColumnRange
{
	AlexKey lo; /* ascending codes, both inclusive */
	AlexKey hi;
	bool none;		 /* no value does */
	bool no_nulls;	 /* NULLs are excluded */
	bool only_nulls; /* nothing else is wanted */
	bool recheck;
} ColumnRange;

/* exclude values above, or not below, a point */
static void
at_most(ColumnRange *range, AlexKeyPoint point, bool below)
{
	if (point.side > 0)
		return;
	if (point.side < 0 || (below && point.exact && point.floor == 0))
	{
		range->none = true;
		return;
	}
	if (below && point.exact)
		point.floor--;
	range->hi = Min(range->hi, point.floor);
}

/* exclude values below, or not above, a point */
static void
at_least(ColumnRange *range, AlexKeyPoint point, bool above, AlexKey max)
{
	if (point.side < 0)
		return;
	if (point.side > 0 || ((above || !point.exact) && point.floor == max))
	{
		range->none = true;
		return;
	}
	if (above || !point.exact)
		point.floor++;
	range->lo = Max(range->lo, point.floor);
}

/* intersect a column's range with one scan key */
static void
restrict_range(Relation index, const AlexMetaColumn *col, ScanKey key, ColumnRange *range)
{
	Oid subtype =
		OidIsValid(key->sk_subtype) ? key->sk_subtype : index->rd_opcintype[key->sk_attno - 1];
	const AlexKeyType *type = alex_key_type(subtype);
	AlexKey max = alex_bits_max(col->bits);
	AlexKeyPoint low;
	AlexKeyPoint high;

	if ((key->sk_flags & SK_SEARCHNULL) != 0)
	{
		range->only_nulls = true;
		return;
	}

	range->no_nulls = true;
	if ((key->sk_flags & SK_SEARCHNOTNULL) != 0)
		return;
	if ((key->sk_flags & SK_ISNULL) != 0)
	{
		range->only_nulls = true; /* the operators are strict: nothing satisfies both */
		return;
	}

	if (type == NULL || !alex_type_place(col->type, type->code, key->sk_argument, &low, &high))
		ereport(ERROR, errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				errmsg("index \"%s\" cannot compare its column with type %s",
					   RelationGetRelationName(index), format_type_be(subtype)),
				errhint("Remove the operator that does so from the index's operator family."));

	if (low.floor != high.floor || low.exact != high.exact)
		range->recheck = true;

	switch (key->sk_strategy)
	{
		case BTLessStrategyNumber:
			at_most(range, high, true);
			break;
		case BTLessEqualStrategyNumber:
			at_most(range, high, false);
			break;
		case BTEqualStrategyNumber:
			at_least(range, low, false, max);
			at_most(range, high, false);
			break;
		case BTGreaterEqualStrategyNumber:
			at_least(range, low, false, max);
			break;
		case BTGreaterStrategyNumber:
			at_least(range, low, true, max);
			break;
		default:
			elog(ERROR, "unexpected strategy number of an alex index: %d", key->sk_strategy);
	}
}

/* the first and the last element of a column that the range lets through; false: there is none */
static bool
range_elements(const AlexMetaColumn *col, const ColumnRange *range, AlexKeyElement *first,
			   AlexKeyElement *last)
{
	bool descending = (col->flags & ALEX_COL_DESC) != 0;
	bool nulls_first = (col->flags & ALEX_COL_NULLS_FIRST) != 0;

	if (range->only_nulls)
	{
		*first = *last = alex_null_element(col);
		return !range->no_nulls;
	}
	/* without a condition NULLs are let through, and the range is whole */
	if (range->none || range->lo > range->hi)
		return false;
	*first = alex_value_element(col, descending ? range->hi : range->lo);
	*last = alex_value_element(col, descending ? range->lo : range->hi);
	if (!range->no_nulls)
		*(nulls_first ? first : last) = alex_null_element(col);
	return true;
}

void
alex_key_bounds(Relation index, const AlexKeyInfo *info, ScanKey keys, int nkeys, AlexBounds *b)
{
	ColumnRange ranges[ALEX_NATTS_MAX];
	AlexKeyString lo;
	AlexKeyString hi;
	bool open = false; /* a column left of this one is not fixed to one element */
	uint64 tail;

	Assert(nkeys >= 0);

	MemSet(b, 0, sizeof(*b));
	if (nkeys == 0)
	{
		b->hi_inf = true;
		return;
	}

	for (int i = 0; i < info->natts; i++)
		ranges[i] = (ColumnRange){ .hi = alex_bits_max(info->cols[i].bits) };
	for (int i = 0; i < nkeys; i++)
	{
		int col = keys[i].sk_attno - 1;

		if (col < 0 || col >= info->natts ||
			(keys[i].sk_flags & (SK_ROW_HEADER | SK_SEARCHARRAY | SK_ORDER_BY)) != 0)
			elog(ERROR, "unexpected scan key of an alex index: column %d, flags 0x%X", col + 1,
				 (unsigned int) keys[i].sk_flags);
		restrict_range(index, &info->cols[col], &keys[i], &ranges[col]);
	}

	alex_string_begin(&lo, info->cols, info->natts);
	alex_string_begin(&hi, info->cols, info->natts);
	b->hi_inf = true;
	for (int i = 0; i < info->natts; i++)
	{
		const AlexMetaColumn *col = &info->cols[i];
		const ColumnRange whole = { .hi = alex_bits_max(col->bits) };
		AlexKeyElement first;
		AlexKeyElement last;
		AlexKeyElement least;
		AlexKeyElement greatest;

		if (!range_elements(col, &ranges[i], &first, &last))
		{
			b->empty = true;
			return;
		}
		(void) range_elements(col, &whole, &least, &greatest);
		if (open && (alex_element_less(least, first) || alex_element_less(last, greatest)))
			b->filter = true;
		if (alex_element_less(first, last))
			open = true;
		if (alex_element_less(last, greatest))
			b->hi_inf = false;
		b->recheck |= ranges[i].recheck;
		alex_string_put_element(&lo, col, first);
		alex_string_put_element(&hi, col, last);
	}

	b->lo_key = lo.key;
	b->lo_tag = (uint64) lo.flags << ALEX_TAG_TID_BITS;
	b->first_key = lo.key;
	b->first_flags = lo.flags;
	b->last_key = hi.key;
	b->last_flags = hi.flags;
	/* up to all TIDs of the last element */
	tail = (uint64) hi.flags + 1;
	b->hi_key = hi.key + (tail >> 16);
	b->hi_tag = tail << ALEX_TAG_TID_BITS;
	/* nothing can follow all ones in every bit there is */
	if (b->hi_key < hi.key)
		b->hi_inf = true;
}

bool
alex_key_match(const AlexKeyInfo *info, const AlexBounds *b, AlexKey key, uint64 tag)
{
	AlexKeyString s;
	AlexKeyString lo;
	AlexKeyString hi;

	alex_string_begin(&s, info->cols, info->natts);
	lo = hi = s;
	s.key = key;
	s.flags = ALEX_TAG_NULLS(tag);
	lo.key = b->first_key;
	lo.flags = b->first_flags;
	hi.key = b->last_key;
	hi.flags = b->last_flags;
	for (int i = 0; i < info->natts; i++)
	{
		const AlexMetaColumn *col = &info->cols[i];
		AlexKeyElement e = alex_string_get_element(&s, col);
		AlexKeyElement first = alex_string_get_element(&lo, col);
		AlexKeyElement last = alex_string_get_element(&hi, col);

		if (alex_element_less(e, first) || alex_element_less(last, e))
			return false;
	}
	return true;
}
