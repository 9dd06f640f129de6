/*
 * alex_for_btree.c
 *		CREATE INDEX makes an alex index where it would make a btree, if alex can
 *		carry it: for running PostgreSQL's own tests on alex (test/run/core.sh).
 *
 * Left as they are: indexes with a column that alex has no operator class for, or
 * not the one that is named; keys over 16 bytes; included columns, collations, options
 * of btree's own; unique indexes of partitioned tables, which core refuses before 18 for
 * any other method.  Those of constraints stay btree's unless alex_for_btree.constraints is on,
 * since core demands btree for much that is done with them (foreign keys, for one).
 *
 * For tests only.
 */
#include "postgres.h"

#include "access/relation.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "commands/defrem.h"
#include "fmgr.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "parser/parse_coerce.h"
#include "parser/parse_expr.h"
#include "parser/parse_relation.h"
#include "tcop/utility.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"

PG_MODULE_MAGIC;

#define KEY_BITS_MAX 128

static const struct KeyType
{
	Oid type;
	int bits;
} key_types[] = { { INT2OID, 16 },		 { INT4OID, 32 },	{ INT8OID, 64 },   { OIDOID, 32 },
				  { CHAROID, 8 },		 { FLOAT4OID, 32 }, { FLOAT8OID, 64 }, { CASHOID, 64 },
				  { DATEOID, 32 },		 { TIMEOID, 64 },	{ UUIDOID, 128 },  { TIMESTAMPOID, 64 },
				  { TIMESTAMPTZOID, 64 } };

static bool constraints = false;
static ProcessUtility_hook_type previous_hook = NULL;

void _PG_init(void);

/* the type of an index column; InvalidOid if there is no such column */
static Oid
column_type(Oid relid, const IndexStmt *stmt, const IndexElem *elem, const char *query_string)
{
	ParseState *pstate;
	Relation rel;
	Oid type;

	if (elem->expr == NULL)
	{
		AttrNumber attno = get_attnum(relid, elem->name);

		return attno == InvalidAttrNumber ? InvalidOid : get_atttype(relid, attno);
	}
	if (stmt->transformed)
		return exprType(elem->expr);
	/* an error in the expression is raised here in place of later */
	rel = relation_open(relid, AccessShareLock);
	pstate = make_parsestate(NULL);
	pstate->p_sourcetext = query_string;
	addNSItemToQuery(pstate,
					 addRangeTableEntryForRelation(pstate, rel, AccessShareLock, NULL, false, true),
					 false, true, true);
	type = exprType(
		transformExpr(pstate, (Node *) copyObject(elem->expr), EXPR_KIND_INDEX_EXPRESSION));
	free_parsestate(pstate);
	relation_close(rel, AccessShareLock);
	return type;
}

/* bits of a key column; 0 if alex cannot have it */
static int
column_bits(Oid am, Oid relid, const IndexStmt *stmt, const IndexElem *elem,
			const char *query_string)
{
	Oid type;
	Oid opclass;
	Oid input;

	if (elem->collation != NIL || elem->opclassopts != NIL)
		return 0;
	type = column_type(relid, stmt, elem, query_string);
	if (!OidIsValid(type))
		return 0;
	if (elem->opclass == NIL)
		opclass = GetDefaultOpClass(type, am);
	else
		opclass = get_opclass_oid(am, elem->opclass, true);
	if (!OidIsValid(opclass))
		return 0;
	input = get_opclass_input_type(opclass);
	if (!IsBinaryCoercible(type, input))
		return 0;
	for (int i = 0; i < (int) lengthof(key_types); i++)
		if (key_types[i].type == input)
			return key_types[i].bits;
	return 0;
}

static bool
alex_can_carry(Oid am, const IndexStmt *stmt, const char *query_string)
{
	Oid relid = RangeVarGetRelid(stmt->relation, NoLock, true);
	int total = 0;
	ListCell *cell;

	if (!OidIsValid(relid) || stmt->indexIncludingParams != NIL || stmt->excludeOpNames != NIL ||
		((stmt->primary || stmt->isconstraint) && !constraints))
		return false;
#if PG_VERSION_NUM < 180000
	if (stmt->unique && get_rel_relkind(relid) == RELKIND_PARTITIONED_TABLE)
		return false;
#endif
	foreach (cell, stmt->options)
		if (strcmp(lfirst_node(DefElem, cell)->defname, "fillfactor") != 0)
			return false;
	foreach (cell, stmt->indexParams)
	{
		int bits = column_bits(am, relid, stmt, lfirst_node(IndexElem, cell), query_string);

		if (bits == 0)
			return false;
		total += bits;
	}
	return total <= KEY_BITS_MAX;
}

static void
alex_for_btree(PlannedStmt *pstmt, const char *query_string, bool read_only_tree,
			   ProcessUtilityContext context, ParamListInfo params, QueryEnvironment *env,
			   DestReceiver *dest, QueryCompletion *completion)
{
	if (IsA(pstmt->utilityStmt, IndexStmt))
	{
		const IndexStmt *stmt = castNode(IndexStmt, pstmt->utilityStmt);
		Oid am = get_am_oid("alex", true);

		if (OidIsValid(am) && strcmp(stmt->accessMethod, "btree") == 0 &&
			alex_can_carry(am, stmt, query_string))
		{
			pstmt = copyObject(pstmt);
			castNode(IndexStmt, pstmt->utilityStmt)->accessMethod = pstrdup("alex");
		}
	}
	if (previous_hook != NULL)
		previous_hook(pstmt, query_string, read_only_tree, context, params, env, dest, completion);
	else
		standard_ProcessUtility(pstmt, query_string, read_only_tree, context, params, env, dest,
								completion);
}

void
_PG_init(void)
{
	DefineCustomBoolVariable("alex_for_btree.constraints",
							 "Indexes of constraints become alex indexes, too.", NULL, &constraints,
							 false, PGC_SUSET, 0, NULL, NULL, NULL);
	previous_hook = ProcessUtility_hook;
	ProcessUtility_hook = alex_for_btree;
}
