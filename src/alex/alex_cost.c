/*
 * alex_cost.c
 *		amcostestimate: what a scan of an alex index costs.
 *
 * The same charges as btcostestimate() makes for what is the same, so that the
 * planner chooses between the two by their sizes: what alex reads and decodes
 * less shows in the number of its pages.  What differs: a descent visits one
 * page, the leaf that the model cache names, and the metapage and inner pages
 * are not counted among the pages that hold the entries.
 */
#include "postgres.h"

#include <math.h>

#include "access/htup_details.h"
#include "access/nbtree.h"
#include "catalog/pg_statistic.h"
#include "optimizer/cost.h"
#include "optimizer/optimizer.h"
#include "parser/parsetree.h"
#include "utils/lsyscache.h"
#include "utils/selfuncs.h"
#include "utils/syscache.h"

#include "alex/alex_cache.h"
#include "alex/alex_cost.h"
#include "base/pg_compat.h"

/* CPU charge for a page visited in a descent, in cpu_operator_cost; btree's */
#define ALEX_PAGE_OPERATORS 50.0

/* children of an inner page: packed separators take 2 to 8 bytes, so 1000 at least */
#define ALEX_COST_FANOUT 1000.0

/*
 * alex_cost_statistics --- the statistics row of the index's first column.
 *
 * The caller releases vardata.  Planner hooks may supply the row, as they may
 * for btree.
 */
static void
alex_cost_statistics(PlannerInfo *root, IndexOptInfo *index, VariableStatData *vardata)
{
	bool hooked;
	Oid relid;
	AttrNumber attno;
	bool inherited = false;

	if (index->indexkeys[0] != 0)
	{
		/* a column: statistics of the table */
		RangeTblEntry *rte = planner_rt_fetch(index->rel->relid, root);

		Assert(rte->rtekind == RTE_RELATION);
		relid = rte->relid;
		attno = (AttrNumber) index->indexkeys[0];
		inherited = rte->inh;
		hooked = get_relation_stats_hook != NULL &&
				 (*get_relation_stats_hook)(root, rte, attno, vardata);
	}
	else
	{
		/* an expression: maybe statistics of the index itself */
		relid = index->indexoid;
		attno = 1;
		hooked =
			get_index_stats_hook != NULL && (*get_index_stats_hook)(root, relid, attno, vardata);
	}

	if (hooked)
	{
		if (HeapTupleIsValid(vardata->statsTuple) && vardata->freefunc == NULL)
			elog(ERROR, "no function provided to release variable stats of relation %u", relid);
		return;
	}

	vardata->statsTuple = SearchSysCache3(STATRELATTINH, ObjectIdGetDatum(relid),
										  Int16GetDatum(attno), BoolGetDatum(inherited));
	vardata->freefunc = ReleaseSysCache;
}

/* alex_cost_correlation --- how far the index's order is that of the table's rows: -1 .. 1. */
static double
alex_cost_correlation(PlannerInfo *root, IndexOptInfo *index)
{
	VariableStatData vardata;
	AttStatsSlot slot;
	double correlation = 0.0;

	MemSet(&vardata, 0, sizeof(vardata));
	alex_cost_statistics(root, index, &vardata);

	if (HeapTupleIsValid(vardata.statsTuple))
	{
		Oid less = get_opfamily_member(index->opfamily[0], index->opcintype[0], index->opcintype[0],
									   BTLessStrategyNumber);

		if (OidIsValid(less) &&
			get_attstatsslot(&slot, vardata.statsTuple, STATISTIC_KIND_CORRELATION, less,
							 ATTSTATSSLOT_NUMBERS))
		{
			Assert(slot.nnumbers == 1);
			correlation = (double) slot.numbers[0];
			if (index->reverse_sort[0])
				correlation = -correlation;
			/* of several columns the first says less: as much as btree believes */
			if (index->nkeycolumns > 1)
				correlation *= 0.75;
			free_attstatsslot(&slot);
		}
	}

	ReleaseVariableStats(vardata);
	return correlation;
}

/*
 * alex_cost_leaves --- the index's leaves, of all its pages; its inner levels to *height.
 *
 * Deleted pages count as leaves, as they do for btree: only VACUUM knows them.
 */
static double
alex_cost_leaves(const IndexOptInfo *index, double *height)
{
	double leaves = Max(index->pages - 1.0, 1.0); /* but the metapage */
	double inner = 0.0;

	*height = 0.0;
	for (double level = leaves; level > 1.0; (*height)++)
	{
		level = ceil(level / ALEX_COST_FANOUT);
		inner += level;
	}
	return Max(leaves - inner, 1.0);
}

/*
 * alex_cost_generic --- genericcostestimate() of the leaves alone.
 *
 * It charges one random page for each descent, at least, and shares pages among
 * the repetitions of an inner scan.
 */
static void
alex_cost_generic(PlannerInfo *root, const IndexPath *path, double leaves, double loop_count,
				  GenericCosts *costs)
{
	IndexOptInfo index = *path->indexinfo;
	IndexPath copy = *path;

	index.pages = (BlockNumber) leaves;
	copy.indexinfo = &index;
	genericcostestimate(root, &copy, loop_count, costs);
}

/*
 * alex_cost_returns --- can the index do an index-only scan at all?  Not with
 * columns of float types only, nor on some standbys (rule W4).
 */
static bool
alex_cost_returns(const IndexOptInfo *index)
{
	for (int i = 0; i < index->ncolumns; i++)
	{
		if (index->canreturn[i])
			return true;
	}
	return false;
}

/*
 * Does a condition fix its column to one value?  *scans is multiplied by its array's elements;
 * *many is set if there can be several such rows in a unique index.
 */
static bool
alex_cost_fixes(PlannerInfo *root, Expr *clause, Oid family, double *scans, bool *many)
{
	Oid op = InvalidOid;

	if (!IsA(clause, OpExpr))
		*many = true;
	if (IsA(clause, NullTest))
		return ((NullTest *) clause)->nulltesttype == IS_NULL;
	if (IsA(clause, OpExpr))
		op = ((OpExpr *) clause)->opno;
	else if (IsA(clause, ScalarArrayOpExpr))
	{
		ScalarArrayOpExpr *array = (ScalarArrayOpExpr *) clause;

		op = array->opno;
		*scans *= Max(om_estimate_array_length(root, (Node *) lsecond(array->args)), 1.0);
	}
	return OidIsValid(op) && get_op_opfamily_strategy(op, family) == BTEqualStrategyNumber;
}

/*
 * alex_cost_visited --- entries a scan reads, for each element of its arrays; 0 if they are
 * just those that match.
 *
 * The range is set by the conditions on leading columns, as far as these are fixed, and
 * on the column behind; what is said of later columns only filters.  All columns of a
 * unique index fixed leave one row, whatever the statistics of single columns multiply to.
 */
static double
alex_cost_visited(PlannerInfo *root, IndexPath *path)
{
	IndexOptInfo *index = path->indexinfo;
	List *bounding = NIL;
	bool filters = false;
	bool fixed = false;
	bool many = !index->unique;
	double scans = 1.0;
	int column = 0;
	Selectivity part;
	ListCell *lc;

	foreach (lc, path->indexclauses)
	{
		IndexClause *clause = lfirst_node(IndexClause, lc);
		ListCell *qual;

		/* they come in the order of columns */
		if (clause->indexcol != column)
		{
			if (!fixed || clause->indexcol != column + 1)
				filters = true;
			column = clause->indexcol;
			fixed = false;
		}
		foreach (qual, clause->indexquals)
		{
			RestrictInfo *rinfo = lfirst_node(RestrictInfo, qual);

			if (alex_cost_fixes(root, rinfo->clause, index->opfamily[column], &scans, &many))
				fixed = true;
			if (!filters)
				bounding = lappend(bounding, rinfo);
		}
	}
	if (!filters)
		return !many && fixed && column == index->nkeycolumns - 1 ? 1.0 : 0.0;

	part = clauselist_selectivity(root, add_predicate_to_index_quals(index, bounding),
								  (int) index->rel->relid, JOIN_INNER, NULL);
	return Max(rint(part * index->rel->tuples / scans), 1.0);
}

void
alexcostestimate(PlannerInfo *root, IndexPath *path, double loop_count, Cost *startup_cost,
				 Cost *total_cost, Selectivity *selectivity, double *correlation, double *pages)
{
	IndexOptInfo *index = path->indexinfo;
	GenericCosts costs;
	double height;
	double leaves = alex_cost_leaves(index, &height);
	double descent_pages = alex_cache_size > 0 ? 1.0 : height + 1.0;
	Cost descent;

	/* the entries visited are those that match when there is no number of them */
	MemSet(&costs, 0, sizeof(costs));
	costs.numIndexTuples = alex_cost_visited(root, path);
	alex_cost_generic(root, path, leaves, loop_count, &costs);

	/*
	 * Comparisons and pages of a descent.  Elements of an array after the first
	 * start up nothing, and those that lie on one leaf take one descent.
	 */
	descent = descent_pages * ALEX_PAGE_OPERATORS * cpu_operator_cost;
	if (index->tuples > 1) /* no logarithm of 0 */
		descent += ceil(log(index->tuples) / log(2.0)) * cpu_operator_cost;
	costs.indexStartupCost += descent;
	costs.indexTotalCost += Max(Min(costs.num_sa_scans, leaves), 1.0) * descent;

	*startup_cost = costs.indexStartupCost;
	*total_cost = costs.indexTotalCost;
	*selectivity = costs.indexSelectivity;
	*correlation = alex_cost_correlation(root, index);
	*pages = costs.numIndexPages;

	/*
	 * A query that needs no column at all, such as count(*), gets an
	 * index-only path from any index, whether it can return columns or not, and
	 * would fail when it runs.  Make it an index scan and charge the heap pages
	 * that core has left out because they are all-visible.
	 */
	if (path->path.pathtype == T_IndexOnlyScan && !alex_cost_returns(index))
	{
		double heap_pages = Min(*selectivity * index->rel->tuples, (double) index->rel->pages);

		path->path.pathtype = T_IndexScan;
		*total_cost += heap_pages * index->rel->allvisfrac * random_page_cost;
	}
}
