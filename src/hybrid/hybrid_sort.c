/*
 * hybrid_sort.c
 *		The order of rows in a group that is frozen: see hybrid_sort.h.
 */
#include "postgres.h"

#include "access/tupdesc.h"
#include "catalog/pg_type.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/tuplesort.h"
#include "utils/typcache.h"

#include "hybrid/hybrid_options.h"
#include "hybrid/hybrid_sort.h"

/* columns of the key, and the row's position, which makes the order of equal ones that of the file */
#define SORT_COLUMNS_MAX (HY_SORT_KEY_MAX + 1)

int
hy_sort_columns(Relation rel, List *sort_key, bool warn, AttrNumber *numbers)
{
	int count = 0;
	ListCell *cell;

	foreach (cell, sort_key)
	{
		AttrNumber number = hy_sort_column(rel, lfirst(cell));

		if (number != InvalidAttrNumber)
			numbers[count++] = number;
		else if (warn)
			ereport(WARNING,
					(errmsg("rows of table \"%s\" cannot be sorted by column \"%s\"",
							RelationGetRelationName(rel), (char *) lfirst(cell)),
					 errhint("Set option sort_key of the table to columns that it has and whose "
							 "types have an order.")));
	}
	return count;
}

static Tuplesortstate *
begin_sort(Relation rel, const AttrNumber *numbers, int count, int work_kb, TupleDesc desc)
{
	AttrNumber attributes[SORT_COLUMNS_MAX];
	Oid operators[SORT_COLUMNS_MAX];
	Oid collations[SORT_COLUMNS_MAX];
	bool nulls_first[SORT_COLUMNS_MAX] = { false };

	for (int i = 0; i <= count; i++)
	{
		Form_pg_attribute att =
			i < count ? TupleDescAttr(RelationGetDescr(rel), numbers[i] - 1) : NULL;
		AttrNumber number = (AttrNumber) (i + 1);
		Oid type = att != NULL ? att->atttypid : INT4OID;

		TupleDescInitEntry(desc, number, NULL, type, att != NULL ? att->atttypmod : -1, 0);
		attributes[i] = number;
		operators[i] = lookup_type_cache(type, TYPECACHE_LT_OPR)->lt_opr;
		collations[i] = att != NULL ? att->attcollation : InvalidOid;
	}
	return tuplesort_begin_heap(desc, count + 1, attributes, operators, collations, nulls_first,
								work_kb, NULL, TUPLESORT_NONE);
}

static void
put_rows(Tuplesortstate *sort, const AttrNumber *numbers, int count, const RgBuilder *builder,
		 TupleDesc desc)
{
	MemoryContext row_context =
		AllocSetContextCreate(CurrentMemoryContext, "omendb sort row", ALLOCSET_DEFAULT_SIZES);
	TupleTableSlot *slot = MakeSingleTupleTableSlot(desc, &TTSOpsVirtual);

	for (uint32 row = 0; row < rg_builder_rows(builder); row++)
	{
		MemoryContext old = MemoryContextSwitchTo(row_context);

		CHECK_FOR_INTERRUPTS();
		ExecClearTuple(slot);
		for (int i = 0; i < count; i++)
			slot->tts_values[i] =
				rg_builder_value(builder, row, numbers[i] - 1, &slot->tts_isnull[i]);
		slot->tts_values[count] = Int32GetDatum((int32) row);
		slot->tts_isnull[count] = false;
		ExecStoreVirtualTuple(slot);
		MemoryContextSwitchTo(old);
		tuplesort_puttupleslot(sort, slot);
		MemoryContextReset(row_context);
	}
	ExecDropSingleTupleTableSlot(slot);
	MemoryContextDelete(row_context);
}

void
hy_sort_rows(Relation rel, const AttrNumber *numbers, int count, RgBuilder *builder, int work_kb,
			 uint32 *order)
{
	TupleDesc desc = CreateTemplateTupleDesc(count + 1);
	Tuplesortstate *sort = begin_sort(rel, numbers, count, work_kb, desc);
	TupleTableSlot *slot = MakeSingleTupleTableSlot(desc, &TTSOpsMinimalTuple);
	uint32 rows = 0;

	put_rows(sort, numbers, count, builder, desc);
	tuplesort_performsort(sort);
	while (tuplesort_gettupleslot(sort, true, false, slot, NULL))
	{
		bool null;

		order[rows++] = (uint32) DatumGetInt32(slot_getattr(slot, count + 1, &null));
	}
	Assert(rows == rg_builder_rows(builder));
	ExecDropSingleTupleTableSlot(slot);
	tuplesort_end(sort);
	FreeTupleDesc(desc);
	rg_builder_reorder(builder, order);
}
