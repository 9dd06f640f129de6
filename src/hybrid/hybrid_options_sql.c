/*
 * hybrid_options_sql.c
 *		omendb.set_options, omendb.reset_options, omendb.table_options.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/relation.h"
#include "access/xact.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "commands/defrem.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "tcop/utility.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "base/pg_compat.h"
#include "hybrid/hybrid_options.h"

PG_FUNCTION_INFO_V1(omendb_set_options);
PG_FUNCTION_INFO_V1(omendb_reset_options);
PG_FUNCTION_INFO_V1(omendb_table_options);

/* the table, locked as SECURITY LABEL locks it until the transaction ends; checks that this user may */
static Relation
open_table(Oid relid, const char *function)
{
	Relation rel;

	PreventCommandDuringRecovery(function);
	PreventCommandIfReadOnly(function);
	/* before somebody waits for our lock */
	if (SearchSysCacheExists1(RELOID, ObjectIdGetDatum(relid)) &&
		!om_owns_table(relid, GetUserId()))
		aclcheck_error(ACLCHECK_NOT_OWNER, get_relkind_objtype(get_rel_relkind(relid)),
					   get_rel_name(relid));
	rel = relation_open(relid, ShareUpdateExclusiveLock);
	hy_options_check_table(rel);
	return rel;
}

/* the names in a text array; an empty list if it has none */
static List *
names_of(ArrayType *array)
{
	List *names = NIL;
	Datum *elements;
	bool *nulls;
	int count;

	deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT, &elements, &nulls, &count);
	for (int i = 0; i < count; i++)
	{
		if (nulls[i])
			ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
							errmsg("array of names must not contain nulls")));
		names = lappend(names, TextDatumGetCString(elements[i]));
	}
	return names;
}

static void
set_option(HyOptions *options, HyOption option, const char *value)
{
	HyOptionsProblem problem;

	if (!hy_options_set(options, option, value, &problem))
		hy_options_throw(&problem);
}

/* an option that is a list of columns; an empty one is the default */
static void
set_columns(HyOptions *options, HyOption option, ArrayType *array)
{
	List *names = names_of(array);

	if (names == NIL)
		hy_options_reset(options, option);
	else
		set_option(options, option, hy_option_columns(names));
}

/* omendb.set_options(tab, auto_freeze, keep_hot_rows, freeze_after, row_group_rows, reindex_above, sort_key, bloom_columns, plain_columns) */
Datum
omendb_set_options(PG_FUNCTION_ARGS)
{
	Relation rel;
	HyOptions options;
	HyOptions given = { 0 };

	if (PG_ARGISNULL(0))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
						errmsg("argument tab of omendb.set_options must not be null")));
	rel = open_table(PG_GETARG_OID(0), "omendb.set_options");
	hy_options_read(rel, &options);
	if (!PG_ARGISNULL(1))
		options.auto_freeze = PG_GETARG_BOOL(1);
	if (!PG_ARGISNULL(2))
		set_option(&options, HY_OPTION_KEEP_HOT_ROWS, psprintf(INT64_FORMAT, PG_GETARG_INT64(2)));
	if (!PG_ARGISNULL(3))
	{
		set_option(&options, HY_OPTION_FREEZE_AFTER, hy_option_interval(PG_GETARG_INTERVAL_P(3)));
		hy_options_check_server(&options);
	}
	if (!PG_ARGISNULL(4))
		set_option(&options, HY_OPTION_ROW_GROUP_ROWS, psprintf("%d", PG_GETARG_INT32(4)));
	if (!PG_ARGISNULL(5))
		set_option(&options, HY_OPTION_REINDEX_ABOVE, hy_option_factor(PG_GETARG_FLOAT8(5)));
	/* what is not given is as good, or bad, as it was */
	for (int i = HY_OPTION_FIRST_LIST; i < HY_OPTION_COUNT; i++)
		if (!PG_ARGISNULL(i + 1))
		{
			set_columns(&options, (HyOption) i, PG_GETARG_ARRAYTYPE_P(i + 1));
			HY_LIST(&given, i) = HY_LIST(&options, i);
		}
	hy_options_check_columns(rel, &given, ERROR);
	hy_options_write(RelationGetRelid(rel), &options);
	/* for the next call in the same statement */
	CommandCounterIncrement();
	relation_close(rel, NoLock);
	PG_RETURN_VOID();
}

/* omendb.reset_options(tab, VARIADIC names): these, or all */
Datum
omendb_reset_options(PG_FUNCTION_ARGS)
{
	Relation rel = open_table(PG_GETARG_OID(0), "omendb.reset_options");
	List *names = names_of(PG_GETARG_ARRAYTYPE_P(1));
	HyOptions options;
	ListCell *cell;

	hy_options_read(rel, &options);
	foreach (cell, names)
	{
		HyOptionsProblem problem;
		HyOption option;

		if (!hy_option_by_name(lfirst(cell), &option, &problem))
			hy_options_throw(&problem);
		hy_options_reset(&options, option);
	}
	for (int i = 0; names == NIL && i < HY_OPTION_COUNT; i++)
		hy_options_reset(&options, (HyOption) i);
	hy_options_write(RelationGetRelid(rel), &options);
	CommandCounterIncrement();
	relation_close(rel, NoLock);
	PG_RETURN_VOID();
}

static Datum
names_datum(List *names)
{
	Datum elements[HY_SORT_KEY_MAX];
	int count = 0;
	ListCell *cell;

	foreach (cell, names)
		elements[count++] = CStringGetTextDatum(lfirst(cell));
	return PointerGetDatum(construct_array(elements, count, TEXTOID, -1, false, TYPALIGN_INT));
}

/*
 * omendb.table_options(tab regclass) returns record, in the order of set_options; NULL for what is no table of ours.  Locks
 * nothing, so that a look at all tables waits for nobody.
 */
Datum
omendb_table_options(PG_FUNCTION_ARGS)
{
	Oid relid = PG_GETARG_OID(0);
	Datum values[HY_OPTION_COUNT] = { 0 };
	bool nulls[HY_OPTION_COUNT] = { false };
	HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	TupleDesc desc;
	HyOptions options;
	Oid am;

	/* dropped meanwhile */
	if (!HeapTupleIsValid(tuple))
		PG_RETURN_NULL();
	am = ((Form_pg_class) GETSTRUCT(tuple))->relam;
	ReleaseSysCache(tuple);
	if (am != get_table_am_oid("omendb", true))
		PG_RETURN_NULL();
	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type of function %u is no row type", fcinfo->flinfo->fn_oid);
	(void) hy_options_of(relid, &options);
	values[HY_OPTION_AUTO_FREEZE] = BoolGetDatum(options.auto_freeze);
	values[HY_OPTION_KEEP_HOT_ROWS] = Int64GetDatum((int64) options.keep_hot_rows);
	values[HY_OPTION_FREEZE_AFTER] = IntervalPGetDatum(&options.freeze_after);
	nulls[HY_OPTION_FREEZE_AFTER] = !options.has_freeze_after;
	values[HY_OPTION_ROW_GROUP_ROWS] = UInt32GetDatum(options.row_group_rows);
	nulls[HY_OPTION_ROW_GROUP_ROWS] = options.row_group_rows == 0;
	values[HY_OPTION_REINDEX_ABOVE] = Float8GetDatum(options.reindex_above);
	nulls[HY_OPTION_REINDEX_ABOVE] = options.reindex_above == 0;
	for (int i = HY_OPTION_FIRST_LIST; i < HY_OPTION_COUNT; i++)
	{
		nulls[i] = HY_LIST(&options, i) == NIL;
		if (!nulls[i])
			values[i] = names_datum(HY_LIST(&options, i));
	}
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}
