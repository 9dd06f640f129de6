/*
 * rowgroup_selftest.c
 *		Test builds only: write a table's rows as row groups in memory, read
 *		them back in every way there is, and compare.
 *
 *		CREATE FUNCTION rowgroup_selftest(t regclass, group_rows int, written int, damages int)
 *			RETURNS bigint STRICT LANGUAGE c AS '$libdir/omendb', 'omendb_rowgroup_selftest'
 *
 * written: how many attributes the groups have (0 = all); the others must read
 * as the missing values they are in the heap.  damages: how many times to flip a
 * byte in each group and see that it is noticed.  Returns the number of values compared.
 */
#include "postgres.h"

#ifdef OMENDB_TESTING

#include "access/detoast.h"
#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/toast_internals.h"
#include "catalog/pg_collation.h"
#include "common/pg_prng.h"
#include "executor/tuptable.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "portability/instr_time.h"
#include "utils/array.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/typcache.h"

#include "rowgroup/rowgroup_build.h"
#include "rowgroup/rowgroup_group.h"

#define TEST_GROUP_ID 7

typedef struct TestSource
{
	RgSource base;
	char *stream;
	Size bytes;
	MemoryContext context;
	char *last; /* what the read before returned: it is gone then */
} TestSource;

typedef struct TestState
{
	TupleDesc desc;
	TupleDesc written; /* the first attributes of desc */
	RgBuilder *builder;
	int damages;
	pg_prng_state chance;

	/* the rows of the group, in memory of rows_context */
	MemoryContext rows_context;
	uint32 rows;
	Datum **given; /* as they come from the heap, or expanded, or indirect */
	Datum **values;
	bool **nulls;

	MemoryContext scratch;
	int64 compared;
	int64 excluded;
	int64 compressed; /* vectors: by pglz, by symbols */
	int64 symbols;
	int64 filters; /* Bloom filters */
	instr_time append_time, encode_time, decode_time, value_time;
	int64 appended, encoded, decoded, read;
	Size stream_bytes;
} TestState;

PG_FUNCTION_INFO_V1(omendb_rowgroup_selftest);
extern Datum omendb_rowgroup_selftest(PG_FUNCTION_ARGS);

#define FAIL(...) ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR), errmsg_internal(__VA_ARGS__)))

/* ---- a source in memory ---- */

/* at an odd address, and gone at the next read */
static const uint8 *
test_read(RgSource *source, uint64 offset, uint32 length)
{
	TestSource *test = (TestSource *) source;

	if (length == 0)
		FAIL("read of no bytes");
	if (offset + length > test->bytes)
		source->damaged(source, offset, "stream ends before");
	if (test->last != NULL)
		pfree(test->last);
	test->last = MemoryContextAllocHuge(test->context, length + (Size) 1);
	memcpy(test->last + 1, test->stream + offset, length);
	return (const uint8 *) test->last + 1;
}

static om_noreturn void
test_damaged(RgSource *source, uint64 offset, const char *detail)
{
	ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED),
					errmsg("damaged row group at offset " UINT64_FORMAT, offset),
					errdetail("Found: %s.", detail)));
	pg_unreachable();
}

static TestSource
test_source(char *stream, Size bytes)
{
	return (TestSource){ { test_read, test_damaged }, stream, bytes, CurrentMemoryContext, NULL };
}

/* ---- comparing ---- */

static void
test_compare(TestState *state, const char *how, int att, uint32 row, Datum value, bool isnull)
{
	Form_pg_attribute form = TupleDescAttr(state->desc, att);

	if (isnull != state->nulls[row][att])
		FAIL("%s: column %d row %u: null is %d", how, att + 1, row, isnull);
	if (!isnull && !datumIsEqual(value, state->values[row][att], form->attbyval, form->attlen))
		FAIL("%s: column %d row %u differs", how, att + 1, row);
	if (!isnull && !form->attbyval && form->attalign == TYPALIGN_DOUBLE &&
		(uintptr_t) DatumGetPointer(value) % ALIGNOF_DOUBLE != 0)
		FAIL("%s: column %d row %u is not aligned", how, att + 1, row);
	state->compared++;
}

static void
test_vectors(TestState *state, RgGroup *group, uint32 first)
{
	const RgHeader *header = rg_header(group);

	for (int att = 0; att < state->desc->natts; att++)
	{
		for (uint32 v = 0; v < header->vectors; v++)
		{
			uint32 rows = rg_vector_rows(group, v);
			const RgVector *vector;
			instr_time start, end;
			bool any_null = false;
			const ColVector *stored = rg_vector_header(group, att, v);

			state->compressed += stored != NULL && stored->encoding == COL_ENC_PGLZ;
			state->symbols += stored != NULL && stored->encoding == COL_ENC_FSST;
			INSTR_TIME_SET_CURRENT(start);
			vector = rg_vector(group, att, v);
			INSTR_TIME_SET_CURRENT(end);
			INSTR_TIME_ACCUM_DIFF(state->decode_time, end, start);
			state->decoded += rows;
			for (uint32 i = 0; i < rows; i++)
			{
				test_compare(state, "rg_vector", att, first + v * COL_VECTOR_ROWS + i,
							 vector->values[i], vector->nulls[i]);
				any_null |= vector->nulls[i];
			}
			if (any_null != vector->any_null)
				FAIL("column %d vector %u: any_null is %d", att + 1, v, vector->any_null);
			if (rg_vector(group, att, v) != vector)
				FAIL("a vector is decoded twice");
		}
	}
}

static void
test_values(TestState *state, RgGroup *group, uint32 first, bool in_order)
{
	uint32 rows = rg_header(group)->rows;
	uint64 n = rows * (uint64) state->desc->natts;
	MemoryContext old = MemoryContextSwitchTo(state->scratch);

	/* many values out of order is slow: each may need another vector */
	if (!in_order)
		n = Min(n, 3000);
	for (uint64 k = 0; k < n; k++)
	{
		uint64 place = in_order ? k : pg_prng_uint64(&state->chance) % (rows * state->desc->natts);
		int att = (int) (place / rows);
		uint32 row = (uint32) (place % rows);
		bool isnull;
		Datum value = rg_value(group, att, row, &isnull);

		test_compare(state, "rg_value", att, first + row, value, isnull);
		if (rg_row_xmin(group, row) != 100 + first + row)
			FAIL("row %u has xmin %u", row, rg_row_xmin(group, row));
		if (k % 1024 == 1023)
			MemoryContextReset(state->scratch);
	}
	MemoryContextSwitchTo(old);
	MemoryContextReset(state->scratch);
}

static void
test_builder_rows(TestState *state)
{
	MemoryContext old = MemoryContextSwitchTo(state->scratch);
	Datum *values = palloc(state->written->natts * sizeof(Datum));
	bool *nulls = palloc(state->written->natts * sizeof(bool));

	for (uint32 row = 0; row < state->rows; row++)
	{
		TransactionId xmin;

		rg_builder_row(state->builder, row, values, nulls, &xmin);
		for (int att = 0; att < state->written->natts; att++)
			test_compare(state, "rg_builder_row", att, row, values[att], nulls[att]);
		if (xmin != 100 + row)
			FAIL("row %u of the builder has xmin %u", row, xmin);
	}
	MemoryContextSwitchTo(old);
	MemoryContextReset(state->scratch);
}

/* ---- zone maps ---- */

/* the rows with the smallest and the greatest value of a vector, by the type's own comparison */
static bool
test_extremes(TestState *state, FmgrInfo *cmp, int att, uint32 first, uint32 rows, uint32 *least,
			  uint32 *greatest)
{
	bool any = false;

	for (uint32 row = first; row < first + rows; row++)
	{
		Datum value = state->values[row][att];

		if (state->nulls[row][att])
			continue;
		if (!any)
			*least = *greatest = row;
		else if (DatumGetInt32(FunctionCall2Coll(cmp, C_COLLATION_OID, value,
												 state->values[*least][att])) < 0)
			*least = row;
		else if (DatumGetInt32(FunctionCall2Coll(cmp, C_COLLATION_OID, value,
												 state->values[*greatest][att])) > 0)
			*greatest = row;
		any = true;
	}
	return any;
}

static void
test_zone_column(TestState *state, RgGroup *group, uint32 first, int att)
{
	const RgHeader *header = rg_header(group);
	Oid type = TupleDescAttr(state->desc, att)->atttypid;
	TypeCacheEntry *entry = lookup_type_cache(type, TYPECACHE_CMP_PROC_FINFO);

	for (uint32 v = 0; v < header->vectors; v++)
	{
		uint32 start = first + v * COL_VECTOR_ROWS;
		uint32 least = 0, greatest = 0;
		bool any = false, ordered = OidIsValid(entry->cmp_proc);
		RgBound from, to;

		if (ordered)
			any = test_extremes(state, &entry->cmp_proc_finfo, att, start, rg_vector_rows(group, v),
								&least, &greatest);
		/* a filter is of single values */
		if (any &&
			rg_datum_bound(rg_column(group, att), type, state->values[least][att], false, &from) &&
			rg_datum_bound(rg_column(group, att), type, state->values[greatest][att], true, &to) &&
			!rg_may_match(group, att, -1, &from, &to))
			FAIL("column %d: the range of vector %u is excluded", att + 1, v);
		/* values of this vector must be found; 100 of anywhere must not be excluded wrongly */
		for (uint32 k = 0; k < rg_vector_rows(group, v) + 100; k++)
		{
			bool own = k < rg_vector_rows(group, v);
			uint32 row =
				own ? start + k : first + (uint32) (pg_prng_uint64(&state->chance) % header->rows);
			Datum value = state->values[row][att];
			RgBound low, high;

			if (state->nulls[row][att] ||
				!rg_datum_bound(rg_column(group, att), type, value, false, &low) ||
				!rg_datum_bound(rg_column(group, att), type, value, true, &high))
				continue;
			if (own && (!rg_may_match(group, att, (int) v, &low, &high) ||
						!rg_may_match(group, att, -1, &low, &high)))
				FAIL("column %d row %u is excluded", att + 1, row);
			if (!own && !rg_may_match(group, att, (int) v, &low, &high))
				state->excluded++;
			if (!ordered || !any)
				continue;
			if (DatumGetInt32(FunctionCall2Coll(&entry->cmp_proc_finfo, C_COLLATION_OID,
												state->values[greatest][att], value)) >= 0 &&
				!rg_may_match(group, att, (int) v, &low, NULL))
				FAIL("column %d vector %u: values from row %u's on are excluded", att + 1, v, row);
			if (DatumGetInt32(FunctionCall2Coll(&entry->cmp_proc_finfo, C_COLLATION_OID,
												state->values[least][att], value)) <= 0 &&
				!rg_may_match(group, att, (int) v, NULL, &high))
				FAIL("column %d vector %u: values up to row %u's are excluded", att + 1, v, row);
		}
	}
}

static void
test_zones(TestState *state, RgGroup *group, uint32 first)
{
	MemoryContext old = MemoryContextSwitchTo(state->scratch);

	for (int att = 0; att < state->written->natts; att++)
	{
		if (TupleDescAttr(state->desc, att)->attisdropped)
			continue;
		state->filters += (rg_column(group, att)->flags & COL_FLAG_BLOOM) != 0;
		test_zone_column(state, group, first, att);
		MemoryContextReset(state->scratch);
	}
	MemoryContextSwitchTo(old);
}

/* ---- damage ---- */

/*
 * The SQLSTATE with which reading failed, 0 if it did not.  Differences are found as internal
 * errors here.
 */
static int
test_damaged_read(TestState *state, char *stream, Size bytes, uint32 first, bool verify)
{
	MemoryContext old = CurrentMemoryContext;
	MemoryContext own =
		AllocSetContextCreate(old, "selftest damaged group", ALLOCSET_DEFAULT_SIZES);
	TestSource source;
	volatile int sqlstate = 0;

	MemoryContextSwitchTo(own);
	source = test_source(stream, bytes);
	PG_TRY();
	{
		RgGroup *group = rg_open(&source.base, TEST_GROUP_ID, state->desc, own);

		if (verify)
			rg_verify(group);
		else
		{
			test_values(state, group, first, false);
			group = rg_open(&source.base, TEST_GROUP_ID, state->desc, own);
			test_vectors(state, group, first);
		}
	}
	PG_CATCH();
	{
		ErrorData *error;

		MemoryContextSwitchTo(old);
		error = CopyErrorData();
		sqlstate = error->sqlerrcode;
		FlushErrorState();
		FreeErrorData(error);
	}
	PG_END_TRY();
	MemoryContextSwitchTo(old);
	MemoryContextDelete(own);
	return sqlstate;
}

static bool
test_is_damage(int sqlstate)
{
	return sqlstate == ERRCODE_DATA_CORRUPTED || sqlstate == ERRCODE_FEATURE_NOT_SUPPORTED;
}

static void
test_fix_header_crc(char *stream, Size header_bytes)
{
	RgHeader header;

	memcpy(&header, stream, sizeof(header));
	header.crc = 0;
	memcpy(stream, &header, sizeof(header));
	header.crc = column_crc(stream, header_bytes);
	memcpy(stream, &header, sizeof(header));
}

static void
test_damage(TestState *state, char *stream, Size bytes, uint32 first)
{
	Size header_bytes = ((RgHeader *) stream)->header_bytes;
	char *header = memcpy(palloc(header_bytes), stream, header_bytes);
	int sqlstate;

	for (int i = 0; i < state->damages; i++)
	{
		Size limit = i % 2 == 0 ? bytes : Min(bytes, 4096);
		Size at = pg_prng_uint64(&state->chance) % limit;
		char flip = (char) (1 + pg_prng_uint64(&state->chance) % 255);

		stream[at] ^= flip;
		if (!test_is_damage(test_damaged_read(state, stream, bytes, first, true)))
			FAIL("damage at offset %zu of %zu is not noticed", at, bytes);
		/* reads need not notice, but then must not see it */
		sqlstate = test_damaged_read(state, stream, bytes, first, false);
		if (sqlstate != 0 && !test_is_damage(sqlstate))
			FAIL("damage at offset %zu of %zu: SQLSTATE %s", at, bytes, unpack_sql_state(sqlstate));
		stream[at] ^= flip;

		/* headers that lie, with the right CRC: wrong values at worst */
		at = sizeof(RgHeader) / 2 +
			 pg_prng_uint64(&state->chance) % (header_bytes - sizeof(RgHeader) / 2);
		stream[at] ^= flip;
		test_fix_header_crc(stream, header_bytes);
		(void) test_damaged_read(state, stream, bytes, first, true);
		(void) test_damaged_read(state, stream, bytes, first, false);
		memcpy(stream, header, header_bytes);
	}
	if (state->damages == 0)
		return;

	if (test_damaged_read(state, stream, bytes - 8, first, true) != ERRCODE_DATA_CORRUPTED)
		FAIL("a stream cut short is not noticed");
	((RgHeader *) stream)->version++;
	test_fix_header_crc(stream, header_bytes);
	if (test_damaged_read(state, stream, bytes, first, true) != ERRCODE_FEATURE_NOT_SUPPORTED)
		FAIL("a later version is not refused");
	memcpy(stream, header, header_bytes);
	((RgHeader *) stream)->version = 1;
	test_fix_header_crc(stream, header_bytes);
	if (test_damaged_read(state, stream, bytes, first, true) != 0)
		FAIL("the first version is not read");
	memcpy(stream, header, header_bytes);
	((RgHeader *) stream)->group_id++;
	test_fix_header_crc(stream, header_bytes);
	if (test_damaged_read(state, stream, bytes, first, true) != ERRCODE_DATA_CORRUPTED)
		FAIL("another group's number is not noticed");
	memcpy(stream, header, header_bytes);
}

/* ---- groups ---- */

static void
test_range(TestState *state, uint32 first, uint32 rows)
{
	Size bytes;
	instr_time start, end;
	char *stream;
	TestSource source;
	RgGroup *group;
	Size memory;

	INSTR_TIME_SET_CURRENT(start);
	stream = rg_builder_encode(state->builder, first, rows, TEST_GROUP_ID, &bytes);
	INSTR_TIME_SET_CURRENT(end);
	INSTR_TIME_ACCUM_DIFF(state->encode_time, end, start);
	state->encoded += rows * (int64) state->written->natts;
	state->stream_bytes += bytes;

	source = test_source(stream, bytes);
	group = rg_open(&source.base, TEST_GROUP_ID, state->desc, CurrentMemoryContext);
	rg_verify(group);
	test_vectors(state, group, first);
	memory = MemoryContextMemAllocated(group->context, true);
	test_vectors(state, group, first);
	test_vectors(state, group, first);
	/* buffers double, so what the second round needs, the first had */
	if (MemoryContextMemAllocated(group->context, true) != memory)
		FAIL("memory grows from %zu to %zu", memory,
			 MemoryContextMemAllocated(group->context, true));
	test_values(state, group, first, false);
	test_zones(state, group, first);
	rg_close(group);

	group = rg_open(&source.base, TEST_GROUP_ID, state->desc, CurrentMemoryContext);
	INSTR_TIME_SET_CURRENT(start);
	test_values(state, group, first, true);
	INSTR_TIME_SET_CURRENT(end);
	INSTR_TIME_ACCUM_DIFF(state->value_time, end, start);
	state->read += rows * (int64) state->desc->natts;
	test_values(state, group, first, false);
	rg_close(group);

	test_damage(state, stream, bytes, first);
}

/* a row that cannot be read must leave no trace */
static void
test_failing_append(TestState *state, uint32 row)
{
	MemoryContext old = CurrentMemoryContext;
	int natts = state->written->natts;
	Datum *values = palloc(natts * sizeof(Datum));
	bool *nulls = palloc(natts * sizeof(bool));
	varatt_external pointer = { .va_rawsize = 5000, .va_extinfo = 4000 };
	struct varlena *missing = palloc0(TOAST_POINTER_SIZE);
	volatile bool failed = false;
	int last = -1;

	SET_VARTAG_EXTERNAL(missing, VARTAG_ONDISK);
	memcpy(VARDATA_EXTERNAL(missing), &pointer, sizeof(pointer));
	for (int att = 0; att < natts; att++)
	{
		values[att] = state->given[row][att];
		nulls[att] = state->nulls[row][att];
		if (!TupleDescAttr(state->written, att)->attisdropped &&
			TupleDescAttr(state->written, att)->attlen == -1)
			last = att;
	}
	if (last < 0)
		return;
	values[last] = PointerGetDatum(missing);
	nulls[last] = false;

	PG_TRY();
	{
		rg_builder_append(state->builder, values, nulls, 1);
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(old);
		FlushErrorState();
		failed = true;
	}
	PG_END_TRY();
	if (!failed || rg_builder_rows(state->builder) != row)
		FAIL("append of a row with missing toast");
}

static void
test_group(TestState *state)
{
	instr_time start, end;
	Size bytes = 0;

	rg_builder_reset(state->builder);
	for (uint32 row = 0; row < state->rows; row++)
		bytes += rg_row_bytes(state->written, state->given[row], state->nulls[row]);
	INSTR_TIME_SET_CURRENT(start);
	for (uint32 row = 0; row < state->rows; row++)
	{
		if (row == 5)
			test_failing_append(state, row);
		rg_builder_append(state->builder, state->given[row], state->nulls[row], 100 + row);
	}
	INSTR_TIME_SET_CURRENT(end);
	INSTR_TIME_ACCUM_DIFF(state->append_time, end, start);
	state->appended += state->rows * (int64) state->written->natts;
	if (rg_builder_rows(state->builder) != state->rows)
		FAIL("builder has %u rows", rg_builder_rows(state->builder));
	if (rg_builder_raw_bytes(state->builder) != bytes)
		FAIL("rows take %zu bytes, the builder says %zu", bytes,
			 rg_builder_raw_bytes(state->builder));

	test_builder_rows(state);
	test_range(state, 0, state->rows);
	if (state->rows > 2)
		test_range(state, state->rows / 3, state->rows / 2);
	MemoryContextReset(state->rows_context);
	state->rows = 0;
}

/* ---- rows ---- */

static Datum
test_indirect(Datum value)
{
	struct varatt_indirect pointer = { (struct varlena *) DatumGetPointer(value) };
	struct varlena *indirect = palloc0(INDIRECT_POINTER_SIZE);

	SET_VARTAG_EXTERNAL(indirect, VARTAG_INDIRECT);
	memcpy(VARDATA_EXTERNAL(indirect), &pointer, sizeof(pointer));
	return PointerGetDatum(indirect);
}

static void
test_add_row(TestState *state, TupleTableSlot *slot)
{
	MemoryContext old = MemoryContextSwitchTo(state->rows_context);
	int natts = state->desc->natts;
	uint32 row = state->rows++;
	HeapTuple tuple = ExecCopySlotHeapTuple(slot);

	state->given[row] = palloc(natts * sizeof(Datum));
	state->values[row] = palloc0(natts * sizeof(Datum));
	state->nulls[row] = palloc(natts * sizeof(bool));
	heap_deform_tuple(tuple, state->desc, state->given[row], state->nulls[row]);
	for (int att = 0; att < natts; att++)
	{
		Form_pg_attribute form = TupleDescAttr(state->desc, att);
		Datum value = state->given[row][att];

		if (form->attisdropped)
			state->nulls[row][att] = true;
		if (state->nulls[row][att])
			continue;
		state->values[row][att] = value;
		if (form->attlen != -1)
			continue;
		state->values[row][att] =
			PointerGetDatum(detoast_attr((struct varlena *) DatumGetPointer(value)));
		if (row % 3 == 1 && get_element_type(form->atttypid) != InvalidOid)
			state->given[row][att] = expand_array(value, state->rows_context, NULL);
		else if (row % 5 == 1)
			state->given[row][att] = test_indirect(value);
	}
	MemoryContextSwitchTo(old);
}

static double
test_ns(instr_time time, int64 n)
{
	return n == 0 ? 0 : INSTR_TIME_GET_DOUBLE(time) * 1e9 / (double) n;
}

Datum
omendb_rowgroup_selftest(PG_FUNCTION_ARGS)
{
	Relation rel = table_open(PG_GETARG_OID(0), AccessShareLock);
	uint32 group_rows = (uint32) PG_GETARG_INT32(1);
	int written = PG_GETARG_INT32(2);
	TupleTableSlot *slot = table_slot_create(rel, NULL);
	TableScanDesc scan;
	TestState *state = palloc0(sizeof(TestState));

	if (group_rows < 1 || group_rows > RG_ROWS_MAX || written < 0 ||
		written > RelationGetDescr(rel)->natts)
		FAIL("argument out of range");
	state->desc = RelationGetDescr(rel);
	state->written = state->desc;
	if (written > 0)
	{
		state->written = CreateTemplateTupleDesc(written);
		for (int att = 1; att <= written; att++)
			TupleDescCopyEntry(state->written, (AttrNumber) att, state->desc, (AttrNumber) att);
	}
	state->builder = rg_builder_create(state->written, true, CurrentMemoryContext);
	for (int att = 0; att < state->written->natts; att++)
		rg_builder_filter(state->builder, att);
	state->damages = PG_GETARG_INT32(3);
	pg_prng_seed(&state->chance, 42);
	state->rows_context =
		AllocSetContextCreate(CurrentMemoryContext, "selftest rows", ALLOCSET_DEFAULT_SIZES);
	state->scratch =
		AllocSetContextCreate(CurrentMemoryContext, "selftest scratch", ALLOCSET_DEFAULT_SIZES);
	state->given = palloc(group_rows * sizeof(Datum *));
	state->values = palloc(group_rows * sizeof(Datum *));
	state->nulls = palloc(group_rows * sizeof(bool *));

	scan = table_beginscan(rel, GetActiveSnapshot(), 0, NULL);
	while (table_scan_getnextslot(scan, ForwardScanDirection, slot))
	{
		CHECK_FOR_INTERRUPTS();
		test_add_row(state, slot);
		if (state->rows == group_rows)
			test_group(state);
	}
	if (state->rows > 0)
		test_group(state);
	table_endscan(scan);
	ExecDropSingleTupleTableSlot(slot);
	rg_builder_free(state->builder);

	elog(DEBUG1,
		 "ns a value: append %.1f, encode %.1f, decode %.1f, single values with comparison %.1f; "
		 "%zu bytes, " INT64_FORMAT " vectors excluded, " INT64_FORMAT
		 " decompressed, " INT64_FORMAT " decoded by symbols, " INT64_FORMAT " Bloom filters",
		 test_ns(state->append_time, state->appended), test_ns(state->encode_time, state->encoded),
		 test_ns(state->decode_time, state->decoded), test_ns(state->value_time, state->read),
		 state->stream_bytes, state->excluded, state->compressed, state->symbols, state->filters);
	table_close(rel, AccessShareLock);
	PG_RETURN_INT64(state->compared);
}

#endif
