/*
 * alex_build.c
 *		ambuild: scan the table, sort the entries, load them in order.
 *
 * Serial: rows that arrive in order are loaded while the table is scanned (see alex_sort.c).
 * Parallel: participants scan and sort, the leader merges and loads (see
 * alex_parallel.c).  Either way one process sees all entries in order and looks for duplicates of
 * a unique index there: equal keys of rows that are alive.
 */
#include "postgres.h"

#include "access/tableam.h"
#include "access/xloginsert.h"
#include "catalog/index.h"
#include "commands/progress.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/bufmgr.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "alex/alex_build.h"
#include "alex/alex_cache.h"
#include "alex/alex_load.h"
#include "alex/alex_parallel.h"
#include "alex/alex_spool.h"
#include "base/pg_compat.h"
#include "base/stop_point.h"

/* entries loaded between two updates of the progress view */
#define PROGRESS_ENTRIES 32768

typedef struct BuildState
{
	Relation heap;
	Relation index;
	IndexInfo *index_info;
	AlexSpool spool;
	AlexLoader *loader;
	AlexItem last; /* loaded last */
	int64 loaded;
	AlexItem last_unique; /* the last one that a duplicate could be of */
	bool have_last_unique;
} BuildState;

char *
alexbuildphasename(int64 phase)
{
	switch (phase)
	{
		case PROGRESS_CREATEIDX_SUBPHASE_INITIALIZE:
			return pstrdup("initializing");
		case ALEX_PHASE_SCAN:
			return pstrdup("scanning table");
		case ALEX_PHASE_SORT:
			return pstrdup("sorting entries");
		case ALEX_PHASE_LOAD:
			return pstrdup("loading entries in tree");
		default:
			return NULL;
	}
}

/* ---- duplicates ---- */

/* the values of a row as errors show them, or NULL; from the table, since a key may be less exact */
static char *
describe_row(BuildState *state, uint64 tag)
{
	IndexFetchTableData *fetch = table_index_fetch_begin(state->heap);
	TupleTableSlot *slot = table_slot_create(state->heap, NULL);
	EState *estate = CreateExecutorState();
	ItemPointerData tid;
	bool again = false;
	char *description = NULL;

	ItemPointerSet(&tid, (BlockNumber) ((tag & ALEX_TAG_TID_MASK) >> 16),
				   (OffsetNumber) (tag & 0xFFFF));
	if (table_index_fetch_tuple(fetch, &tid, SnapshotSelf, slot, &again, NULL))
	{
		Datum values[INDEX_MAX_KEYS];
		bool isnull[INDEX_MAX_KEYS];

		GetPerTupleExprContext(estate)->ecxt_scantuple = slot;
		FormIndexDatum(state->index_info, slot, estate, values, isnull);
		description = BuildIndexValueDescription(state->index, values, isnull);
	}
	table_index_fetch_end(fetch);
	ExecDropSingleTupleTableSlot(slot);
	FreeExecutorState(estate);
	/* both belonged to the executor state */
	state->index_info->ii_ExpressionsState = NIL;
	return description;
}

static void
report_duplicate(BuildState *state, uint64 tag)
{
	char *description = describe_row(state, tag);

	ereport(ERROR,
			(errcode(ERRCODE_UNIQUE_VIOLATION),
			 errmsg("could not create unique index \"%s\"", RelationGetRelationName(state->index)),
			 description ? errdetail("Key %s is duplicated.", description)
						 : errdetail("Duplicate keys exist."),
			 errtableconstraint(state->heap, RelationGetRelationName(state->index))));
}

static inline void
check_duplicate(BuildState *state, const AlexItem *item)
{
	if (state->have_last_unique && state->last_unique.key == item->key &&
		ALEX_TAG_NULLS(state->last_unique.tag) == ALEX_TAG_NULLS(item->tag) &&
		(state->index_info->ii_NullsNotDistinct ||
		 !alex_key_any_null(&state->spool.info, item->key, item->tag)))
		report_duplicate(state, item->tag);
	state->last_unique = *item;
	state->have_last_unique = true;
}

/* ---- loading ---- */

/* n records that follow all before */
static void
load_records(BuildState *state, const uint64 *records, uint32 n)
{
	AlexItem items[ALEX_SORT_BATCH];

	for (uint32 i = 0; i < n; i++)
	{
		const uint64 *record = records + i * state->spool.words;
		AlexItem *item = &items[i];

		alex_item_of_record(&state->spool, record, item);
		if (state->loaded + i > 0 &&
			!alex_less(state->last.key, state->last.tag, item->key, item->tag))
			ereport(ERROR, (errcode(ERRCODE_INDEX_CORRUPTED),
							errmsg("table row was indexed twice in index \"%s\"",
								   RelationGetRelationName(state->index))));
		state->last = *item;
		if (state->spool.unique && !alex_record_dead(&state->spool, record))
			check_duplicate(state, item);
	}
	alex_load_add(state->loader, items, (int) n);
	state->loaded += n;
	if (state->loaded % PROGRESS_ENTRIES < n)
		pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_DONE, state->loaded);
}

StaticAssertDecl(ALEX_SORT_BATCH <= ALEX_BLOCK_ENTRIES_MAX, "the loader takes a batch");

static void
emit_records(void *arg, const uint64 *records, uint32 n)
{
	load_records((BuildState *) arg, records, n);
}

static void
take_item(void *arg, const AlexItem *item)
{
	BuildState *state = (BuildState *) arg;
	uint64 record[ALEX_RADIX_WORDS_MAX];

	/* not of a dead row: see spool_callback */
	alex_record_of_item(&state->spool, item, false, record);
	alex_sort_put(state->spool.sort, record);
}

static void
take_records_back(void *arg, AlexSort *sort)
{
	BuildState *state = (BuildState *) arg;

	Assert(sort == state->spool.sort);
	alex_load_undo(state->loader, take_item, state);
	state->loaded = 0;
	state->have_last_unique = false;
	pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_DONE, 0);
}

/* ---- ambuild ---- */

IndexBuildResult *
alexbuild(Relation heap, Relation index, IndexInfo *index_info)
{
	BuildState state = { 0 };
	AlexSortStream stream = { emit_records, take_records_back, &state };
	AlexLeader *leader = NULL;
	IndexBuildResult *result;
	double heap_tuples = 0;
	uint64 records[ALEX_SORT_BATCH * ALEX_RADIX_WORDS_MAX];
	int workers;
	uint32 n;

	if (RelationGetNumberOfBlocks(index) != 0)
		elog(ERROR, "index \"%s\" already contains data: %u blocks", RelationGetRelationName(index),
			 RelationGetNumberOfBlocks(index));
	/* a truncated index is rebuilt in the same file: forget its old pages */
	alex_cache_forget(index);
	if (index->rd_amcache != NULL)
	{
		pfree(index->rd_amcache);
		index->rd_amcache = NULL;
	}
	state.heap = heap;
	state.index = index;
	state.index_info = index_info;
	alex_spool_init(&state.spool, index, index_info);
	state.loader = alex_load_begin(index, &state.spool.info);

	pgstat_progress_update_param(PROGRESS_CREATEIDX_SUBPHASE, ALEX_PHASE_SCAN);
	workers = om_index_build_workers(heap, index, index_info->ii_ParallelWorkers);
	if (workers > 0)
		leader = alex_parallel_begin(&state.spool, heap, index, index_info, workers, &heap_tuples);
	if (leader == NULL)
	{
		state.spool.sort = alex_sort_begin(state.spool.words, maintenance_work_mem, &stream);
		heap_tuples = alex_spool_scan(&state.spool, heap, index, index_info, true, NULL);
		pgstat_progress_update_param(PROGRESS_CREATEIDX_SUBPHASE, ALEX_PHASE_SORT);
		alex_sort_perform(state.spool.sort);
	}
	pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_TOTAL, (int64) state.spool.index_tuples);
	STOP_POINT("alex_build_sorted");

	pgstat_progress_update_param(PROGRESS_CREATEIDX_SUBPHASE, ALEX_PHASE_LOAD);
	while ((n = alex_sort_next(state.spool.sort, records, ALEX_SORT_BATCH)) > 0)
		load_records(&state, records, n);
	pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_DONE, state.loaded);
	if (state.loaded != (int64) state.spool.index_tuples)
		elog(ERROR, INT64_FORMAT " of %.0f entries were loaded into index \"%s\"", state.loaded,
			 state.spool.index_tuples, RelationGetRelationName(index));
	alex_sort_end(state.spool.sort);
	alex_load_end(state.loader);
	if (leader != NULL)
		alex_parallel_end(leader);

	result = (IndexBuildResult *) palloc(sizeof(IndexBuildResult));
	result->heap_tuples = heap_tuples;
	result->index_tuples = state.spool.index_tuples;
	return result;
}

/*
 * The init fork of an unlogged index is always logged, as full pages: at reset its
 * file is copied, and redo flushes init forks for restored pages only.
 */
static void
write_init_page(Relation index, const char *image, BlockNumber expected)
{
	Buffer buf = om_extend_locked(index, INIT_FORKNUM);

	if (BufferGetBlockNumber(buf) != expected)
		elog(ERROR, "unexpected block %u in init fork, expected %u", BufferGetBlockNumber(buf),
			 expected);
	START_CRIT_SECTION();
	memcpy(BufferGetPage(buf), image, BLCKSZ);
	MarkBufferDirty(buf);
	log_newpage_buffer(buf, true);
	END_CRIT_SECTION();
	UnlockReleaseBuffer(buf);
}

void
alexbuildempty(Relation index)
{
	AlexKeyInfo info;
	PGAlignedBlock image;

	alex_key_info(index, &info);
	alex_load_fill_meta(image.data, &info, ALEX_METAPAGE + 1, 0, false);
	write_init_page(index, image.data, ALEX_METAPAGE);
	alex_page_init(image.data, ALEX_KIND_LEAF, 0, info.keybytes, (uint8) info.natts);
	alex_opaque(image.data)->flags |= ALEX_ROOT;
	write_init_page(index, image.data, ALEX_METAPAGE + 1);
}
