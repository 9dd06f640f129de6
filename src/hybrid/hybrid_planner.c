/*
 * hybrid_planner.c
 *		What the planner is told about omendb tables: sizes, and which index
 *		paths there are.
 */
#include "postgres.h"

#include <math.h>

#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "nodes/nodeFuncs.h"
#include "nodes/plannodes.h"
#include "optimizer/plancat.h"
#include "storage/bufmgr.h"
#include "utils/rel.h"

#include "base/pg_compat.h"
#include "hybrid/hybrid_am.h"
#include "hybrid/hybrid_conditions.h"
#include "hybrid/hybrid_directory.h"
#include "hybrid/hybrid_judge.h"
#include "hybrid/hybrid_planner.h"

/* heap's, from heapam_handler.c: overhead of a tuple, and room in a page */
#define TUPLE_OVERHEAD (MAXALIGN(SizeofHeapTupleHeader) + sizeof(ItemIdData))
#define PAGE_ROOM (BLCKSZ - SizeOfPageHeaderData)

/* tuples a hot page holds if we know nothing better */
static double
guess_density(Relation rel, int32 *attr_widths)
{
	int32 width = get_rel_data_width(rel, attr_widths);

	return floor((double) PAGE_ROOM / (double) (MAXALIGN(width) + TUPLE_OVERHEAD));
}

/* take the metapage out of core's estimate: a table of one page would cost two */
static void
leave_out_metapage(Relation rel, BlockNumber *pages, double *tuples, double *allvisfrac)
{
	Form_pg_class form = rel->rd_rel;
	BlockNumber nblocks = RelationGetNumberOfBlocks(rel);
	double density;

	if (nblocks == 0 || *pages == 0)
		return;
	if (form->reltuples >= 0 && form->relpages > 1)
		density = (double) form->reltuples / (form->relpages - 1);
	else
		density = *tuples / *pages;
	/* more is core's guess of what a table that was never vacuumed will have */
	if (*pages == nblocks)
		*pages = nblocks - 1;
	*tuples = rint(density * *pages);
	*allvisfrac = 0;
	if (*pages > 0 && form->relallvisible > 1)
		*allvisfrac = Min(1.0, (double) (form->relallvisible - 1) / *pages);
}

#ifdef OMENDB_TESTING
/*
 * omendb.rewrite_all_cold: what heap would say of a table of so many rows.  The plans of PostgreSQL's own tests are made
 * for that, down to its guess of ten pages for what nobody has analyzed.
 */
static void
estimate_as_heap(Relation rel, double rows, double density, BlockNumber *pages, double *tuples,
				 double *allvisfrac)
{
	Form_pg_class form = rel->rd_rel;

	*pages = (BlockNumber) Max(ceil(rows / density), 1);
	if (form->reltuples < 0 && !form->relhassubclass)
		*pages = Max(*pages, 10);
	/* page 0 is the metapage */
	if (form->reltuples <= 0 || form->relpages <= 1)
		*tuples = rint(density * *pages);
	else if (rows > 10 * (double) form->reltuples)
		*tuples = form->reltuples; /* the test has set it */
	else
		*tuples = rows;
	*allvisfrac = 0;
	if (form->relallvisible > 1)
		*allvisfrac = Min(1.0, (double) form->relallvisible / form->relpages);
}
#endif

/*
 * All from the metapage (rule V6): planning does not read the directory.
 * Estimates, never answers.
 */
void
hybrid_relation_estimate_size(Relation rel, int32 *attr_widths, BlockNumber *pages, double *tuples,
							  double *allvisfrac)
{
	BlockNumber nblocks;
	BlockNumber opaque;
	BlockNumber hot;
	double density;
	HyMeta meta;

	if (!hy_meta_read(rel, &meta) || meta.groups == 0)
	{
		/* a heap but for the metapage */
		table_block_relation_estimate_size(rel, attr_widths, pages, tuples, allvisfrac,
										   TUPLE_OVERHEAD, PAGE_ROOM);
		leave_out_metapage(rel, pages, tuples, allvisfrac);
		return;
	}
	nblocks = RelationGetNumberOfBlocks(rel);
	opaque = (BlockNumber) Min(meta.opaque_pages, (uint64) nblocks);
	hot = nblocks - opaque;
	if (meta.hot_pages > 0 && meta.hot_rows > 0)
		density = (double) meta.hot_rows / (double) meta.hot_pages;
	else if (rel->rd_rel->reltuples >= (float4) (meta.rows - meta.dead_rows) &&
			 rel->rd_rel->relpages > (int32) opaque)
		/* never vacuumed, but analyzed since the last load */
		density = ((double) rel->rd_rel->reltuples - (double) (meta.rows - meta.dead_rows)) /
				  (double) ((BlockNumber) rel->rd_rel->relpages - opaque);
	else
		density = guess_density(rel, attr_widths);
	*pages = nblocks;
	*tuples = (double) (meta.rows - meta.dead_rows) + rint(density * hot);
	/* index-only scans save no visit of a cold row; relallvisible counts opaque pages */
	*allvisfrac = 0;
	if (rel->rd_rel->relallvisible > (int32) opaque && nblocks > 0)
		*allvisfrac = Min(1.0, (double) ((BlockNumber) rel->rd_rel->relallvisible - opaque) /
								   (double) nblocks);
#ifdef OMENDB_TESTING
	if (hy_rewrite_all_cold)
		estimate_as_heap(rel, *tuples, Max(guess_density(rel, attr_widths), 1), pages, tuples,
						 allvisfrac);
#endif
}

#if OM_BITMAP_BY_BLOCK
static get_relation_info_hook_type previous_relation_info = NULL;

static bool
has_row_locks(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, Query))
	{
		if (((Query *) node)->rowMarks != NIL)
			return true;
		return query_tree_walker((Query *) node, has_row_locks, context, 0);
	}
	return expression_tree_walker(node, has_row_locks, context);
}

/* has the query a node that may recheck a changed row?  INSERT locks a row before it updates it. */
static bool
rechecks_rows(const Query *parse)
{
	return parse->commandType == CMD_UPDATE || parse->commandType == CMD_DELETE ||
		   parse->commandType == CMD_MERGE || parse->rowMarks != NIL;
}

/* in a recheck, is the relation's row given, so that nobody scans for it? */
static bool
has_test_row(PlannerInfo *root, const RelOptInfo *rel)
{
	Index result = (Index) root->parse->resultRelation;
	ListCell *cell;

	/* partitions and children by their parent: all_result_relids may be empty yet, as seen in 17.12 */
	if (result > 0 && (rel->relid == result || bms_is_member((int) result, rel->top_parent_relids)))
		return true;
	foreach (cell, root->rowMarks)
		if (lfirst_node(PlanRowMark, cell)->rti == rel->relid)
			return true;
	return false;
}

/*
 * Is what is being planned a subquery in the FROM of `outer`?  Sublinks and CTEs are planned before
 * there are relations.  Members of a UNION ALL look the same, but have no row mark.
 */
static bool
plans_from_item(PlannerInfo *outer)
{
	ListCell *cell;

	foreach (cell, outer->append_rel_list)
		if (!OidIsValid(lfirst_node(AppendRelInfo, cell)->parent_reloid))
			return false;
	return outer->simple_rel_array != NULL;
}

/*
 * May EvalPlanQual run a scan of the relation?  It runs the plan below the ModifyTable or LockRows node
 * once more, with a given row of everything in FROM, and whatever hangs on it: sublinks,
 * members of a UNION ALL, and CTEs, which any level of the statement may refer to.
 */
static bool
scanned_by_recheck(PlannerInfo *root, const RelOptInfo *rel)
{
	if (rechecks_rows(root->parse))
	{
		if (!has_test_row(root, rel))
			return true;
		/* nobody's recheck runs a ModifyTable */
		if (root->parse->commandType != CMD_SELECT)
			return false;
	}
	for (PlannerInfo *outer = root->parent_root; outer != NULL; outer = outer->parent_root)
	{
		Query *parse = outer->parse;

		if (plans_from_item(outer))
			continue;
		if (rechecks_rows(parse) || parse->hasModifyingCTE ||
			(parse->cteList != NIL && has_row_locks((Node *) parse, NULL)))
			return true;
	}
	return false;
}

/*
 * Until 17 core's bitmap scan prefetches the blocks of TIDs, and those of cold rows are none
 * of the file's.  hybrid_conditions.c switches that off in every plan that is started, but
 * EvalPlanQual makes its own plan states, which nobody sees: no bitmap scans there (rule I1).
 */
static void
planner_relation_info(PlannerInfo *root, Oid relid, bool inhparent, RelOptInfo *info)
{
	if (previous_relation_info)
		previous_relation_info(root, relid, inhparent, info);
	if (!inhparent && info->indexlist != NIL)
	{
		Relation rel = table_open(relid, NoLock);

		/* with or without row groups: they may come while the plan runs */
		if (hy_is_hybrid(rel) && scanned_by_recheck(root, info))
		{
			ListCell *cell;

			foreach (cell, info->indexlist)
				lfirst_node(IndexOptInfo, cell)->amhasgetbitmap = false;
		}
		table_close(rel, NoLock);
	}
}
#endif

void
hybrid_planner_init(void)
{
#if OM_BITMAP_BY_BLOCK
	previous_relation_info = get_relation_info_hook;
	get_relation_info_hook = planner_relation_info;
#endif
	hybrid_conditions_init();
}
