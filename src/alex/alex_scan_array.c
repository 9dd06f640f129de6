/*
 * alex_scan_array.c
 *		IN lists and = ANY: one range of entries after the other.
 *
 * The elements of each array are sorted as the index column is and freed of
 * duplicates.  A scan then goes through all combinations of one element from
 * each array, the last array's elements changing fastest, and reads the range
 * of entries that alex_key_bounds() gives for the combination: in the order of the
 * index, so the rows of the whole scan come in order, forward and backward.
 *
 * That holds only if every column before an array's column is fixed by an
 * equality.  An array behind a range or a gap is no part of the ranges:
 * the executor checks it (recheck).
 *
 * Bounds may be wider than the condition (a constant whose place cannot be told, see
 * alex_key.c), so ranges of neighbouring elements may overlap.  They are cut
 * so that no entry is met twice; the executor checks rows of such ranges against
 * the whole array.
 */
#include "postgres.h"

#include "access/nbtree.h"
#include "catalog/pg_type.h"
#include "common/int.h"
#include "lib/qunique.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "alex/alex_scan_state.h"

typedef struct AlexScanArray
{
	ScanKey key; /* its argument is the current element */
	int nelems;
	int current;
	Datum *elems;
} AlexScanArray;

struct AlexScanArrays
{
	MemoryContext context; /* of this and all below; reset at each rescan */
	ScanKey keys;		   /* the scan's keys, an element in each array's place */
	int nkeys;
	int narrays;
	AlexScanArray *arrays;
	bool none;	  /* an array has no element that could match */
	bool recheck; /* an array was left out of the keys */
};

/* ---- preparation ---- */

typedef struct ElementOrder
{
	FmgrInfo cmp;
	Oid collation;
	bool descending;
} ElementOrder;

static int
compare_elements(const void *a, const void *b, void *arg)
{
	const ElementOrder *order = (const ElementOrder *) arg;
	int32 cmp = DatumGetInt32(FunctionCall2Coll((FmgrInfo *) &order->cmp, order->collation,
												*(const Datum *) a, *(const Datum *) b));

	if (order->descending)
		return cmp < 0 ? 1 : (cmp > 0 ? -1 : 0);
	return cmp;
}

/* sort elements in the order of the key's column, drop equal ones; their number */
static int
sort_elements(Relation index, ScanKey key, bool descending, Datum *elems, int n)
{
	int column = key->sk_attno - 1;
	Oid type = OidIsValid(key->sk_subtype) ? key->sk_subtype : index->rd_opcintype[column];
	Oid cmp = get_opfamily_proc(index->rd_opfamily[column], type, type, BTORDER_PROC);
	ElementOrder order;

	if (!OidIsValid(cmp))
		elog(ERROR, "missing support function %d(%u,%u) in opfamily %u", BTORDER_PROC, type, type,
			 index->rd_opfamily[column]);
	fmgr_info(cmp, &order.cmp);
	order.collation = key->sk_collation;
	order.descending = descending;
	qsort_arg(elems, (size_t) n, sizeof(Datum), compare_elements, &order);
	return (int) qunique_arg(elems, (size_t) n, sizeof(Datum), compare_elements, &order);
}

/* the elements of a key's array that are not NULL; their number */
static int
array_elements(ScanKey key, Datum **elems)
{
	ArrayType *array = DatumGetArrayTypeP(key->sk_argument);
	int16 len;
	bool byval;
	char align;
	bool *nulls;
	int n;
	int kept = 0;

	get_typlenbyvalalign(ARR_ELEMTYPE(array), &len, &byval, &align);
	deconstruct_array(array, ARR_ELEMTYPE(array), len, byval, align, elems, &nulls, &n);
	for (int i = 0; i < n; i++)
	{
		if (!nulls[i])
			(*elems)[kept++] = (*elems)[i];
	}
	return kept;
}

/* does the condition fix its column, so that the entries that satisfy it are one range? */
static bool
fixes_column(Relation index, ScanKey key)
{
	if ((key->sk_flags & SK_SEARCHNULL) != 0)
		return true;
	if ((key->sk_flags & SK_SEARCHNOTNULL) != 0 || key->sk_strategy != BTEqualStrategyNumber)
		return false;
	/* these have wider bounds */
	return key->sk_subtype != TIMESTAMPTZOID ||
		   index->rd_opcintype[key->sk_attno - 1] == TIMESTAMPTZOID;
}

/* how many leading columns are fixed */
static int
fixed_columns(IndexScanDesc scan)
{
	bool fixed[INDEX_MAX_KEYS] = { false };
	int n = 0;

	for (int i = 0; i < scan->numberOfKeys; i++)
	{
		ScanKey key = &scan->keyData[i];

		if (key->sk_attno >= 1 && key->sk_attno <= INDEX_MAX_KEYS &&
			fixes_column(scan->indexRelation, key))
			fixed[key->sk_attno - 1] = true;
	}
	while (n < INDEX_MAX_KEYS && fixed[n])
		n++;
	return n;
}

/*
 * One array key, already copied to the end of arrays->keys: an element takes the
 * array's place.  False: nothing can satisfy it.
 */
static bool
add_array(Relation index, const AlexKeyInfo *info, AlexScanArrays *arrays, int fixed)
{
	ScanKey key = &arrays->keys[arrays->nkeys];
	bool descending;
	Datum *elems;
	int n;

	if ((key->sk_flags & SK_ISNULL) != 0)
		return false;
	n = array_elements(key, &elems);
	if (n == 0)
		return false;
	key->sk_flags &= ~SK_SEARCHARRAY;

	if (key->sk_strategy != BTEqualStrategyNumber)
	{
		/* < ANY means less than the greatest element, > ANY greater than the least */
		n = sort_elements(index, key, false, elems, n);
		if (key->sk_strategy == BTLessStrategyNumber ||
			key->sk_strategy == BTLessEqualStrategyNumber)
			key->sk_argument = elems[n - 1];
		else
			key->sk_argument = elems[0];
		arrays->nkeys++;
		return true;
	}

	if (key->sk_attno - 1 > fixed)
	{
		arrays->recheck = true;
		return true;
	}
	descending = (info->cols[key->sk_attno - 1].flags & ALEX_COL_DESC) != 0;
	n = sort_elements(index, key, descending, elems, n);
	key->sk_argument = elems[0];
	arrays->nkeys++;
	if (n > 1)
		arrays->arrays[arrays->narrays++] =
			(AlexScanArray){ .key = key, .nelems = n, .elems = elems };
	return true;
}

/* every combination has a number */
static void
check_combinations(const AlexScanArrays *arrays)
{
	uint64 n = 1;

	for (int i = 0; i < arrays->narrays; i++)
	{
		if (pg_mul_u64_overflow(n, (uint64) arrays->arrays[i].nelems, &n))
			ereport(ERROR, errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					errmsg("too many combinations of array elements in an index scan"));
	}
}

void
alex_arrays_prepare(IndexScanDesc scan)
{
	AlexScanOpaque *so = (AlexScanOpaque *) scan->opaque;
	AlexScanArrays *arrays = so->arrays;
	MemoryContext context;
	MemoryContext old;
	int nsearch = 0;
	int fixed;

	so->arrays = NULL;
	for (int i = 0; i < scan->numberOfKeys; i++)
	{
		if ((scan->keyData[i].sk_flags & SK_SEARCHARRAY) != 0)
			nsearch++;
	}
	if (nsearch == 0 && arrays == NULL)
		return;

	if (arrays != NULL)
	{
		context = arrays->context;
		MemoryContextReset(context);
	}
	else
		context = AllocSetContextCreate(GetMemoryChunkContext(so), "alex array keys",
										ALLOCSET_SMALL_SIZES);
	old = MemoryContextSwitchTo(context);
	arrays = (AlexScanArrays *) palloc0(sizeof(AlexScanArrays));
	arrays->context = context;
	arrays->keys = (ScanKey) palloc((size_t) Max(scan->numberOfKeys, 1) * sizeof(ScanKeyData));
	arrays->arrays = (AlexScanArray *) palloc0((size_t) Max(nsearch, 1) * sizeof(AlexScanArray));

	fixed = fixed_columns(scan);
	for (int i = 0; i < scan->numberOfKeys && !arrays->none; i++)
	{
		ScanKey key = &arrays->keys[arrays->nkeys];

		*key = scan->keyData[i];
		if ((key->sk_flags & SK_SEARCHARRAY) == 0)
			arrays->nkeys++;
		else if (!add_array(scan->indexRelation, &so->info, arrays, fixed))
			arrays->none = true;
	}
	check_combinations(arrays);
	MemoryContextSwitchTo(old);
	so->arrays = arrays;
}

void
alex_arrays_free(AlexScanOpaque *so)
{
	if (so->arrays != NULL)
		MemoryContextDelete(so->arrays->context);
	so->arrays = NULL;
}

/* ---- combinations ---- */

static inline void
set_element(AlexScanArray *array, int element)
{
	array->current = element;
	array->key->sk_argument = array->elems[element];
}

/* the bounds of the current combination */
static void
combination_bounds(IndexScanDesc scan)
{
	AlexScanOpaque *so = (AlexScanOpaque *) scan->opaque;

	alex_key_bounds(scan->indexRelation, &so->info, so->arrays->keys, so->arrays->nkeys,
					&so->bounds);
	so->bounds.recheck |= so->arrays->recheck;
}

/* the following combination in this direction; false after the last one */
static bool
advance(AlexScanArrays *arrays, bool forward)
{
	for (int i = arrays->narrays - 1; i >= 0; i--)
	{
		AlexScanArray *array = &arrays->arrays[i];
		int next = array->current + (forward ? 1 : -1);

		if (next >= 0 && next < array->nelems)
		{
			set_element(array, next);
			return true;
		}
		set_element(array, forward ? 0 : array->nelems - 1);
	}
	return false;
}

void
alex_bounds_cut(AlexBounds *b, const AlexRawEntry *done, bool forward)
{
	if (b->empty)
		return;
	if (forward)
	{
		if (alex_less(b->lo_key, b->lo_tag, done->key, done->tag))
		{
			b->lo_key = done->key;
			b->lo_tag = done->tag;
		}
	}
	else if (b->hi_inf || alex_less(done->key, done->tag, b->hi_key, b->hi_tag))
	{
		b->hi_inf = false;
		b->hi_key = done->key;
		b->hi_tag = done->tag;
	}
	b->empty = !b->hi_inf && !alex_less(b->lo_key, b->lo_tag, b->hi_key, b->hi_tag);
}

bool
alex_arrays_first(IndexScanDesc scan, ScanDirection dir)
{
	AlexScanOpaque *so = (AlexScanOpaque *) scan->opaque;
	bool forward = ScanDirectionIsForward(dir);

	if (so->arrays->none)
		return false;
	for (int i = 0; i < so->arrays->narrays; i++)
	{
		AlexScanArray *array = &so->arrays->arrays[i];

		set_element(array, forward ? 0 : array->nelems - 1);
	}
	combination_bounds(scan);
	while (so->bounds.empty)
	{
		CHECK_FOR_INTERRUPTS();
		if (!advance(so->arrays, forward))
			return false;
		combination_bounds(scan);
	}
	return true;
}

bool
alex_arrays_next(IndexScanDesc scan, ScanDirection dir)
{
	AlexScanOpaque *so = (AlexScanOpaque *) scan->opaque;
	bool forward = ScanDirectionIsForward(dir);
	AlexRawEntry done;

	if (so->arrays == NULL || (forward && so->bounds.hi_inf))
		return false;
	if (forward)
		done = (AlexRawEntry){ so->bounds.hi_key, so->bounds.hi_tag };
	else
		done = (AlexRawEntry){ so->bounds.lo_key, so->bounds.lo_tag };
	do
	{
		CHECK_FOR_INTERRUPTS();
		if (!advance(so->arrays, forward))
			return false;
		combination_bounds(scan);
		alex_bounds_cut(&so->bounds, &done, forward);
	} while (so->bounds.empty);
	return true;
}

uint64
alex_arrays_tell(const AlexScanOpaque *so)
{
	uint64 number = 0;

	if (so->arrays == NULL)
		return 0;
	for (int i = 0; i < so->arrays->narrays; i++)
	{
		const AlexScanArray *array = &so->arrays->arrays[i];

		number = number * (uint64) array->nelems + (uint64) array->current;
	}
	return number;
}

void
alex_arrays_seek(AlexScanOpaque *so, uint64 number)
{
	if (so->arrays == NULL)
		return;
	for (int i = so->arrays->narrays - 1; i >= 0; i--)
	{
		AlexScanArray *array = &so->arrays->arrays[i];

		set_element(array, (int) (number % (uint64) array->nelems));
		number /= (uint64) array->nelems;
	}
}

void
alex_arrays_select(IndexScanDesc scan, uint64 number)
{
	AlexScanOpaque *so = (AlexScanOpaque *) scan->opaque;

	if (so->arrays == NULL)
	{
		alex_key_bounds(scan->indexRelation, &so->info, scan->keyData, scan->numberOfKeys,
						&so->bounds);
		return;
	}
	alex_arrays_seek(so, number);
	combination_bounds(scan);
}
