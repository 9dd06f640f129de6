/*
 * hybrid_conditions.c
 *		Tell scans what their plan's filter lets them skip, and which columns it reads.
 *
 * PostgreSQL hands a scan neither.  But before a plan runs we see it.  For
 * each SeqScan over an omendb table, every conjunct of its filter of the form
 * `column <op> constant` or `column = ANY (constant array)` is noted in the scan's slot, where the scan finds it.  The
 * filter itself stays; a vector or group is skipped only if its zone map or Bloom filter says that the
 * conjunct is false or NULL for all its rows, so no answer can change.
 *
 * The same walk forbids bitmap scans to prefetch (README, "Bitmap scans").
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/stratnum.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_database.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "utils/array.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/builtins.h"
#include "utils/rel.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

#include "base/pg_compat.h"
#include "hybrid/hybrid_am.h"
#include "hybrid/hybrid_batch.h"
#include "hybrid/hybrid_conditions.h"
#include "hybrid/hybrid_slot.h"

/* longer lists take longer to compare with than a vector's rows take to read */
#define LIST_MAX 128

static ExecutorStart_hook_type previous_executor_start = NULL;

/* a constant, or a parameter of the whole query; false if it is neither, or NULL */
static bool
known_value(Node *node, EState *estate, Oid *type, Datum *value)
{
	if (IsA(node, RelabelType))
		return known_value((Node *) ((RelabelType *) node)->arg, estate, type, value);
	if (IsA(node, Const))
	{
		Const *c = (Const *) node;

		*type = c->consttype;
		*value = c->constvalue;
		return !c->constisnull;
	}
	if (IsA(node, Param) && ((Param *) node)->paramkind == PARAM_EXTERN)
	{
		Param *param = (Param *) node;
		ParamListInfo params = estate->es_param_list_info;
		ParamExternData data;
		ParamExternData *found;

		if (params == NULL || param->paramid < 1 || param->paramid > params->numParams)
			return false;
		found = params->paramFetch != NULL ? params->paramFetch(params, param->paramid, true, &data)
										   : &params->params[param->paramid - 1];
		if (found->isnull || found->ptype != param->paramtype)
			return false;
		*type = param->paramtype;
		*value = found->value;
		return true;
	}
	return false;
}

/* types whose values of different types compare as their numbers do */
static bool
is_integer(Oid type)
{
	return type == INT2OID || type == INT4OID || type == INT8OID;
}

/* order of btree's default family of the type, as column_format.h has it */
bool
hy_condition_type(Oid type)
{
	switch (type)
	{
		case INT2OID:
		case INT4OID:
		case INT8OID:
		case OIDOID:
		case BOOLOID:
		case CHAROID:
		case DATEOID:
		case TIMEOID:
		case TIMESTAMPOID:
		case TIMESTAMPTZOID:
		case CASHOID:
		case FLOAT4OID:
		case FLOAT8OID:
		case NUMERICOID:
		case UUIDOID:
		case BYTEAOID:
		case TEXTOID:
		case VARCHAROID:
			return true;
		default:
			return false;
	}
}

/* btree strategy of an operator in a family that the type's default class belongs to; 0 = none */
static int
strategy_of(Oid opno, Oid type)
{
	TypeCacheEntry *entry =
		lookup_type_cache(type == VARCHAROID ? TEXTOID : type, TYPECACHE_BTREE_OPFAMILY);

	return OidIsValid(entry->btree_opf) ? get_op_opfamily_strategy(opno, entry->btree_opf) : 0;
}

/* text attribute `attnum` of a catalog row is C's name for byte order */
static bool
names_c(int cache, HeapTuple tuple, AttrNumber attnum)
{
	bool isnull;
	Datum value = SysCacheGetAttr(cache, tuple, attnum, &isnull);
	char *name;

	if (isnull)
		return false;
	name = TextDatumGetCString(value);
	return strcmp(name, "C") == 0 || strcmp(name, "POSIX") == 0;
}

/*
 * Does the collation order by bytes?  From the catalogs: lc_collate_is_c is gone
 * in 18, and pg_locale.h needs the headers of ICU.
 */
static bool
collation_is_bytes(Oid collation)
{
	HeapTuple tuple;
	bool result;

	if (collation == DEFAULT_COLLATION_OID)
	{
		tuple = SearchSysCache1(DATABASEOID, ObjectIdGetDatum(MyDatabaseId));
		if (!HeapTupleIsValid(tuple))
			return false;
		result = ((Form_pg_database) GETSTRUCT(tuple))->datlocprovider == COLLPROVIDER_LIBC &&
				 names_c(DATABASEOID, tuple, Anum_pg_database_datcollate);
	}
	else
	{
		tuple = SearchSysCache1(COLLOID, ObjectIdGetDatum(collation));
		if (!HeapTupleIsValid(tuple))
			return false;
		result = ((Form_pg_collation) GETSTRUCT(tuple))->collprovider == COLLPROVIDER_LIBC &&
				 names_c(COLLOID, tuple, Anum_pg_collation_collcollate);
	}
	ReleaseSysCache(tuple);
	return result;
}

/* `column <op> value`, whichever way round, or `column = ANY (value)` */
typedef struct Comparison
{
	Var *var;
	Node *value;
	Oid opno;
	Oid collation;
	bool swapped;
	bool any;
} Comparison;

static Node *
without_relabel(Node *node)
{
	return IsA(node, RelabelType) ? (Node *) ((RelabelType *) node)->arg : node;
}

/* a conjunct of either form; its value may be any expression yet */
static bool
comparison_of(Expr *expr, Index scanrelid, Comparison *comparison)
{
	List *args;
	Node *left;
	Node *right;

	*comparison = (Comparison){ 0 };
	if (IsA(expr, OpExpr))
	{
		OpExpr *op = (OpExpr *) expr;

		args = op->args;
		comparison->opno = op->opno;
		comparison->collation = op->inputcollid;
	}
	else if (IsA(expr, ScalarArrayOpExpr) && ((ScalarArrayOpExpr *) expr)->useOr)
	{
		ScalarArrayOpExpr *op = (ScalarArrayOpExpr *) expr;

		args = op->args;
		comparison->opno = op->opno;
		comparison->collation = op->inputcollid;
		comparison->any = true;
	}
	else
		return false;
	if (list_length(args) != 2)
		return false;
	left = without_relabel(linitial(args));
	right = without_relabel(lsecond(args));
	comparison->swapped = !comparison->any && !IsA(left, Var);
	comparison->var = (Var *) (comparison->swapped ? right : left);
	comparison->value = comparison->swapped ? left : right;
	return IsA(comparison->var, Var) && (Index) comparison->var->varno == scanrelid &&
		   comparison->var->varattno > 0 && comparison->var->varlevelsup == 0;
}

/* a single value; detoasted once, not for every vector */
static void
take_value(HyCondition *condition, Datum value)
{
	if (get_typlen(condition->type) == -1)
		value = PointerGetDatum(PG_DETOAST_DATUM_PACKED(value));
	condition->value_count = 1;
	condition->values = palloc(sizeof(Datum));
	condition->values[0] = value;
}

/* the elements of an array that are not NULL, with which the condition is never true; false: they are too many */
static bool
take_list(HyCondition *condition, Oid array_type, Datum array)
{
	ArrayType *elements;
	int16 typlen;
	bool typbyval;
	char typalign;
	bool *nulls;
	int count;

	condition->type = get_element_type(array_type);
	if (!OidIsValid(condition->type))
		return false;
	elements = DatumGetArrayTypeP(array);
	if (ArrayGetNItems(ARR_NDIM(elements), ARR_DIMS(elements)) > LIST_MAX)
		return false;
	get_typlenbyvalalign(condition->type, &typlen, &typbyval, &typalign);
	deconstruct_array(elements, condition->type, typlen, typbyval, typalign, &condition->values,
					  &nulls, &count);
	condition->value_count = 0;
	for (int i = 0; i < count; i++)
		if (!nulls[i])
			condition->values[condition->value_count++] = condition->values[i];
	return true;
}

/* can the values of a condition be told from a column's without the operator? */
static bool
types_agree(Oid column_type, Oid type)
{
	return hy_condition_type(column_type) &&
		   (column_type == type || (is_integer(column_type) && is_integer(type)) ||
			(column_type == VARCHAROID && type == TEXTOID));
}

/* one conjunct; true if *condition was filled */
static bool
condition_of(Expr *expr, Index scanrelid, TupleDesc desc, EState *estate, HyCondition *condition)
{
	Comparison comparison;
	Oid column_type;
	Datum value;

	if (!comparison_of(expr, scanrelid, &comparison) ||
		!known_value(comparison.value, estate, &condition->type, &value))
		return false;
	condition->column = comparison.var->varattno - 1;
	column_type = getBaseType(TupleDescAttr(desc, condition->column)->atttypid);
	condition->strategy =
		hy_condition_type(column_type) ? strategy_of(comparison.opno, column_type) : 0;
	if (condition->strategy == 0 ||
		(comparison.any && condition->strategy != BTEqualStrategyNumber))
		return false;
	if (comparison.swapped)
		condition->strategy = BTMaxStrategyNumber + 1 - condition->strategy;
	condition->ranges_of_bytes = column_type == UUIDOID || column_type == BYTEAOID;
	if (OidIsValid(comparison.collation))
	{
		if (!get_collation_isdeterministic(comparison.collation))
			return false;
		condition->ranges_of_bytes = collation_is_bytes(comparison.collation);
	}
	if (comparison.any)
		return take_list(condition, condition->type, value) &&
			   types_agree(column_type, condition->type);
	if (!types_agree(column_type, condition->type))
		return false;
	take_value(condition, value);
	return true;
}

static void
note_conditions(SeqScanState *node, EState *estate)
{
	Relation rel = node->ss.ss_currentRelation;
	SeqScan *plan = (SeqScan *) node->ss.ps.plan;
	List *quals = plan->scan.plan.qual;
	HySlot *slot;
	HyCondition *conditions;
	MemoryContext old;
	int count = 0;
	ListCell *cell;

	if (quals == NIL || rel == NULL || !hy_is_hybrid(rel))
		return;
	old = MemoryContextSwitchTo(estate->es_query_cxt);
	conditions = palloc(sizeof(HyCondition) * (Size) list_length(quals));
	foreach (cell, quals)
		if (condition_of(lfirst(cell), plan->scan.scanrelid, RelationGetDescr(rel), estate,
						 &conditions[count]))
			count++;
	MemoryContextSwitchTo(old);
	slot = hy_slot(node->ss.ss_ScanTupleSlot);
	slot->conditions = conditions;
	slot->condition_count = count;
}

/* ---- which columns a plan reads (rule S1) ---- */

typedef struct NeededColumns
{
	int varno;
	int natts;
	bool *needed;
	bool all; /* a whole-row reference */
} NeededColumns;

static bool
mark_columns(Node *node, NeededColumns *columns)
{
	if (node == NULL)
		return false;
	if (IsA(node, Var))
	{
		Var *var = (Var *) node;

		if (var->varno != columns->varno || var->varlevelsup != 0)
			return false;
		if (var->varattno == 0 || var->varattno > columns->natts)
			columns->all = true;
		else if (var->varattno > 0)
			columns->needed[var->varattno - 1] = true;
		return false;
	}
	return expression_tree_walker(node, mark_columns, columns);
}

/* the scan node, if it reads an omendb table and its slot can be told */
static ScanState *
hybrid_scan_state(PlanState *node)
{
	ScanState *scan = (ScanState *) node;

	if (node == NULL ||
		!(IsA(node, SeqScanState) || IsA(node, IndexScanState) || IsA(node, BitmapHeapScanState)) ||
		scan->ss_currentRelation == NULL || !hy_is_hybrid(scan->ss_currentRelation))
		return NULL;
	return scan;
}

/* columns that the scan node itself reads; false if that is not known */
static bool
mark_scan(ScanState *scan, NeededColumns *columns)
{
	Plan *plan = scan->ps.plan;

	columns->varno = (int) ((Scan *) plan)->scanrelid;
	(void) mark_columns((Node *) plan->qual, columns);
	if (IsA(plan, IndexScan))
	{
		(void) mark_columns((Node *) ((IndexScan *) plan)->indexqualorig, columns);
		(void) mark_columns((Node *) ((IndexScan *) plan)->indexorderbyorig, columns);
	}
	else if (IsA(plan, BitmapHeapScan))
		(void) mark_columns((Node *) ((BitmapHeapScan *) plan)->bitmapqualorig, columns);
	/* without a projection the slot itself goes up, and the parent decides */
	if (scan->ps.ps_ProjInfo != NULL)
		(void) mark_columns((Node *) plan->targetlist, columns);
	return !columns->all;
}

/*
 * Columns of a child's slot that `parent` reads, for parents that read it by
 * expressions alone and never copy it.
 */
static bool
mark_parent(PlanState *parent, bool outer, NeededColumns *columns)
{
	Plan *plan = parent->plan;

	columns->varno = outer ? OUTER_VAR : INNER_VAR;
	if (IsA(parent, AggState) && ((Agg *) plan)->chain == NIL)
	{
		Agg *agg = (Agg *) plan;

		for (int i = 0; i < agg->numCols; i++)
			if (agg->grpColIdx[i] > 0 && agg->grpColIdx[i] <= columns->natts)
				columns->needed[agg->grpColIdx[i] - 1] = true;
	}
	else if (IsA(parent, NestLoopState))
	{
		ListCell *cell;

		(void) mark_columns((Node *) ((NestLoop *) plan)->join.joinqual, columns);
		foreach (cell, ((NestLoop *) plan)->nestParams)
			(void) mark_columns((Node *) ((NestLoopParam *) lfirst(cell))->paramval, columns);
	}
	else
		return false;
	(void) mark_columns((Node *) plan->targetlist, columns);
	(void) mark_columns((Node *) plan->qual, columns);
	return !columns->all;
}

/* tell a scan's slot what is read of it; parent is NULL if the scan projects by itself */
static void
note_needed(ScanState *scan, PlanState *parent, bool outer, EState *estate)
{
	int natts = RelationGetDescr(scan->ss_currentRelation)->natts;
	NeededColumns columns = { .natts = natts };

	columns.needed = MemoryContextAllocZero(estate->es_query_cxt, (Size) Max(natts, 1));
	if (mark_scan(scan, &columns) && (parent == NULL || mark_parent(parent, outer, &columns)))
		hy_slot(scan->ss_ScanTupleSlot)->needed = columns.needed;
}

static void
note_children(PlanState *node, EState *estate)
{
	ScanState *outer = hybrid_scan_state(outerPlanState(node));
	ScanState *inner = hybrid_scan_state(innerPlanState(node));

	if (outer != NULL && outer->ps.ps_ProjInfo == NULL)
		note_needed(outer, node, true, estate);
	if (inner != NULL && inner->ps.ps_ProjInfo == NULL)
		note_needed(inner, node, false, estate);
}

static bool
walk_plan(PlanState *node, void *context)
{
	EState *estate = context;
	ScanState *scan;

	if (node == NULL)
		return false;
	if (IsA(node, SeqScanState))
		note_conditions((SeqScanState *) node, estate);
	scan = hybrid_scan_state(node);
	if (scan != NULL && scan->ps.ps_ProjInfo != NULL)
		note_needed(scan, NULL, false, estate);
#if OM_BITMAP_BY_BLOCK
	/* rule I1: cold rows' blocks cannot be prefetched, and without a maximum core does not try */
	if (scan != NULL && IsA(scan, BitmapHeapScanState))
		((BitmapHeapScanState *) scan)->prefetch_maximum = 0;
#endif
	if (IsA(node, AggState) || IsA(node, NestLoopState))
		note_children(node, estate);
	return planstate_tree_walker(node, walk_plan, context);
}

static void
conditions_executor_start(QueryDesc *query, int eflags)
{
	if (previous_executor_start)
		previous_executor_start(query, eflags);
	else
		standard_ExecutorStart(query, eflags);
	if (query->planstate != NULL && !(eflags & EXEC_FLAG_EXPLAIN_ONLY))
	{
		ListCell *cell;

		(void) walk_plan(query->planstate, query->estate);
		/* those too that an expression initialized later, as partitions' are, will run */
		foreach (cell, query->estate->es_subplanstates)
			(void) walk_plan(lfirst(cell), query->estate);
	}
}

void
hybrid_conditions_init(void)
{
	previous_executor_start = ExecutorStart_hook;
	ExecutorStart_hook = conditions_executor_start;
}
