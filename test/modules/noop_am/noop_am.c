/*
 * noop_am.c
 *		An index access method that does nothing: what remains of a build, an
 *		insert or a probe is the cost of everything around an index.
 *
 * Build scans the heap and drops what it gets.  Insert returns at once.  VACUUM
 * finds nothing to do.  A scan computes TIDs: with the option rows_per_page = r
 * the row with key k is expected at block k / r, offset k % r + 1, that is, rows
 * are numbered from 0 in heap order and fill their pages evenly.  So a probe
 * pays executor, access method call and heap fetch, and nothing for the index.
 *
 * With the option index_only, index-only scans of one bigint are offered, too.  With scattered these say that each row is
 * on another page, as if rows had come in random order: right only as long as all pages are all-visible.
 *
 * Answers are right only for a table of that form.  Never use it for data.
 */
#include "postgres.h"

#include "access/amapi.h"
#include "access/genam.h"
#include "access/htup_details.h"
#include "access/itup.h"
#include "access/reloptions.h"
#include "access/relscan.h"
#include "access/stratnum.h"
#include "access/tableam.h"
#include "commands/vacuum.h"
#include "fmgr.h"
#include "nodes/execnodes.h"
#include "storage/bufmgr.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/selfuncs.h"

PG_MODULE_MAGIC;

PG_FUNCTION_INFO_V1(noop_am_handler);

typedef struct NoopOptions
{
	int32 vl_len_; /* varlena header (do not touch directly!) */
	int rows_per_page;
	bool index_only;
	bool scattered;
} NoopOptions;

typedef struct NoopScan
{
	int64 next;
	int64 last;
	int64 rows_per_page;
	int64 nblocks;
	bool scattered;
	IndexTuple tuple; /* of an index-only scan */
} NoopScan;

static relopt_kind noop_relopt_kind;

void _PG_init(void);

void
_PG_init(void)
{
	noop_relopt_kind = add_reloption_kind();
	add_int_reloption(noop_relopt_kind, "rows_per_page",
					  "Rows on each heap page, from which a scan computes TIDs", 0, 0,
					  MaxHeapTuplesPerPage, AccessExclusiveLock);
	add_bool_reloption(noop_relopt_kind, "index_only", "Index-only scans are offered", false,
					   AccessExclusiveLock);
	add_bool_reloption(noop_relopt_kind, "scattered",
					   "Index-only scans take neighbours to be on different pages", false,
					   AccessExclusiveLock);
}

static void
noop_build_callback(Relation index, ItemPointer tid, Datum *values, bool *isnull, bool alive,
					void *state)
{
}

static IndexBuildResult *
noopbuild(Relation heap, Relation index, IndexInfo *info)
{
	IndexBuildResult *result = palloc0(sizeof(IndexBuildResult));

	result->heap_tuples =
		table_index_build_scan(heap, index, info, true, true, noop_build_callback, NULL, NULL);
	result->index_tuples = result->heap_tuples;
	return result;
}

static void
noopbuildempty(Relation index)
{
}

static bool
noopinsert(Relation index, Datum *values, bool *isnull, ItemPointer tid, Relation heap,
		   IndexUniqueCheck check, bool unchanged, IndexInfo *info)
{
	return false;
}

static IndexBulkDeleteResult *
noopbulkdelete(IndexVacuumInfo *info, IndexBulkDeleteResult *stats,
			   IndexBulkDeleteCallback callback, void *state)
{
	return stats ? stats : palloc0(sizeof(IndexBulkDeleteResult));
}

static IndexBulkDeleteResult *
noopvacuumcleanup(IndexVacuumInfo *info, IndexBulkDeleteResult *stats)
{
	return NULL;
}

/* Free of charge, so that the planner takes it. */
static void
noopcostestimate(PlannerInfo *root, IndexPath *path, double loop_count, Cost *startup, Cost *total,
				 Selectivity *selectivity, double *correlation, double *pages)
{
	GenericCosts costs = { 0 };

	genericcostestimate(root, path, loop_count, &costs);
	*startup = 0;
	*total = 0;
	*selectivity = costs.indexSelectivity;
	*correlation = 1;
	*pages = 0;
}

static bytea *
noopoptions(Datum reloptions, bool validate)
{
	static const relopt_parse_elt table[] = {
		{ "rows_per_page", RELOPT_TYPE_INT, offsetof(NoopOptions, rows_per_page) },
		{ "index_only", RELOPT_TYPE_BOOL, offsetof(NoopOptions, index_only) },
		{ "scattered", RELOPT_TYPE_BOOL, offsetof(NoopOptions, scattered) },
	};

	return (bytea *) build_reloptions(reloptions, validate, noop_relopt_kind, sizeof(NoopOptions),
									  table, lengthof(table));
}

static bool
noopvalidate(Oid opclass)
{
	return true;
}

static IndexScanDesc
noopbeginscan(Relation index, int nkeys, int norderbys)
{
	IndexScanDesc scan = RelationGetIndexScan(index, nkeys, norderbys);
	NoopScan *state = palloc0(sizeof(NoopScan));
	NoopOptions *options = (NoopOptions *) index->rd_options;

	if (options == NULL || options->rows_per_page == 0)
		ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
						errmsg("index \"%s\" cannot be scanned", RelationGetRelationName(index)),
						errhint("Set its option rows_per_page.")));
	state->rows_per_page = options->rows_per_page;
	state->scattered = options->scattered;
	state->nblocks = -1;
	scan->opaque = state;
	return scan;
}

static void
nooprescan(IndexScanDesc scan, ScanKey keys, int nkeys, ScanKey orderbys, int norderbys)
{
	NoopScan *state = scan->opaque;

	if (keys != NULL && scan->numberOfKeys > 0)
		memmove(scan->keyData, keys, scan->numberOfKeys * sizeof(ScanKeyData));
	if (state->nblocks < 0)
		state->nblocks = RelationGetNumberOfBlocks(scan->heapRelation);
	if (scan->xs_want_itup && state->tuple == NULL)
	{
		Datum value = Int64GetDatum(0);
		bool null = false;
		MemoryContext caller = MemoryContextSwitchTo(GetMemoryChunkContext(state));

		state->tuple = index_form_tuple(RelationGetDescr(scan->indexRelation), &value, &null);
		scan->xs_itupdesc = RelationGetDescr(scan->indexRelation);
		MemoryContextSwitchTo(caller);
	}
	state->next = 0;
	state->last = state->nblocks * state->rows_per_page - 1;
	for (int i = 0; i < scan->numberOfKeys; i++)
	{
		ScanKey key = &scan->keyData[i];
		int64 value = DatumGetInt64(key->sk_argument);

		if (key->sk_flags & SK_ISNULL)
		{
			state->last = -1;
			return;
		}
		switch (key->sk_strategy)
		{
			case BTLessStrategyNumber:
				if (value <= 0)
					state->last = -1;
				else
					state->last = Min(state->last, value - 1);
				break;
			case BTLessEqualStrategyNumber:
				state->last = Min(state->last, value);
				break;
			case BTEqualStrategyNumber:
				state->next = Max(state->next, value);
				state->last = Min(state->last, value);
				break;
			case BTGreaterEqualStrategyNumber:
				state->next = Max(state->next, value);
				break;
			case BTGreaterStrategyNumber:
				if (value == PG_INT64_MAX)
					state->last = -1;
				else
					state->next = Max(state->next, value + 1);
				break;
			default:
				elog(ERROR, "unexpected strategy number: %d", key->sk_strategy);
		}
	}
}

static bool
noopgettuple(IndexScanDesc scan, ScanDirection direction)
{
	NoopScan *state = scan->opaque;

	Assert(ScanDirectionIsForward(direction));
	if (state->next > state->last)
		return false;
	ItemPointerSet(&scan->xs_heaptid, (BlockNumber) (state->next / state->rows_per_page),
				   (OffsetNumber) (state->next % state->rows_per_page + 1));
	scan->xs_recheck = false;
	if (scan->xs_want_itup)
	{
		/* an odd factor beyond any number of blocks leaves no two neighbours together */
		if (state->scattered)
			ItemPointerSetBlockNumber(&scan->xs_heaptid,
									  (BlockNumber) ((uint64) state->next * UINT64CONST(2654435761) %
													 (uint64) state->nblocks));
		*(int64 *) ((char *) state->tuple + IndexInfoFindDataOffset(0)) = state->next;
		scan->xs_itup = state->tuple;
	}
	state->next++;
	return true;
}

static bool
noopcanreturn(Relation index, int attno)
{
	NoopOptions *options = (NoopOptions *) index->rd_options;

	return options != NULL && options->index_only && RelationGetNumberOfAttributes(index) == 1;
}

static void
noopendscan(IndexScanDesc scan)
{
	pfree(scan->opaque);
}

Datum
noop_am_handler(PG_FUNCTION_ARGS)
{
	IndexAmRoutine *am = makeNode(IndexAmRoutine);

	/* what is not named is false, 0 or NULL on every major */
	am->amstrategies = BTMaxStrategyNumber;
	am->amusemaintenanceworkmem = false;
	am->amparallelvacuumoptions = VACUUM_OPTION_NO_PARALLEL;
	am->amkeytype = InvalidOid;

	am->ambuild = noopbuild;
	am->ambuildempty = noopbuildempty;
	am->aminsert = noopinsert;
	am->ambulkdelete = noopbulkdelete;
	am->amvacuumcleanup = noopvacuumcleanup;
	am->amcanreturn = noopcanreturn;
	am->amcostestimate = noopcostestimate;
	am->amoptions = noopoptions;
	am->amvalidate = noopvalidate;
	am->ambeginscan = noopbeginscan;
	am->amrescan = nooprescan;
	am->amgettuple = noopgettuple;
	am->amendscan = noopendscan;

	PG_RETURN_POINTER(am);
}
