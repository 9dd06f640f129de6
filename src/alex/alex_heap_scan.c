/*
 * alex_heap_scan.c
 *		Builds: the rows of a heap table, a page at a time.
 *
 * heapam_index_build_range_scan (heapam_handler.c) locks the page, judges the tuple and fills a slot for each row anew; that is
 * more than half of a build's time.  Here a page is locked once, and its tuples are judged together, with the
 * same verdicts.  A page that somebody else is changing, which a build's lock on the table rules out for all but catalogs, is left to
 * heap's function, which warns and waits.
 */
#include "postgres.h"

#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/catalog.h"
#include "commands/progress.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/bufmgr.h"
#include "storage/procarray.h"
#include "utils/rel.h"

#include "alex/alex_heap_scan.h"
#include "base/pg_compat.h"

typedef struct HeapScan
{
	Relation heap;
	Relation index;
	IndexInfo *info;
	IndexBuildCallback callback;
	void *arg;
	TransactionId oldest_xmin;
	double rows;
} HeapScan;

/* tuples of a page that get an entry */
typedef struct PageRows
{
	int n;
	bool dead[MaxHeapTuplesPerPage]; /* to all who might ask about duplicates */
	OffsetNumber offsets[MaxHeapTuplesPerPage];
	OffsetNumber roots[MaxHeapTuplesPerPage]; /* of their HOT chains */
} PageRows;

bool
alex_heap_scan_can(Relation heap, const IndexInfo *info)
{
	if (heap->rd_tableam != GetHeapamTableAmRoutine() || info->ii_Concurrent ||
		info->ii_Expressions != NIL || info->ii_Predicate != NIL || info->ii_ExclusionOps != NULL ||
		IsSystemRelation(heap) || IsBootstrapProcessingMode())
		return false;
	for (int i = 0; i < info->ii_NumIndexAttrs; i++)
		if (info->ii_IndexAttrNumbers[i] <= 0)
			return false;
	return true;
}

typedef enum Verdict
{
	VERDICT_SKIP,
	VERDICT_LIVE,
	VERDICT_DYING,	/* gets an entry for older snapshots, or our own changes */
	VERDICT_BROKEN, /* a dying one that was HOT-updated: such snapshots must not use the index */
	VERDICT_FOREIGN /* somebody else is changing it */
} Verdict;

/* the page is locked; tuples whose hint bits say all are judged without a call */
static Verdict
judge(HeapScan *scan, HeapTuple tuple, Buffer buffer)
{
	HeapTupleHeader header = tuple->t_data;

	if ((header->t_infomask & (HEAP_XMIN_COMMITTED | HEAP_XMAX_INVALID)) ==
		(HEAP_XMIN_COMMITTED | HEAP_XMAX_INVALID))
		return VERDICT_LIVE;
	switch (HeapTupleSatisfiesVacuum(tuple, scan->oldest_xmin, buffer))
	{
		case HEAPTUPLE_DEAD:
			return VERDICT_SKIP;
		case HEAPTUPLE_LIVE:
			return VERDICT_LIVE;
		case HEAPTUPLE_RECENTLY_DEAD:
			break;
		case HEAPTUPLE_INSERT_IN_PROGRESS:
			return TransactionIdIsCurrentTransactionId(HeapTupleHeaderGetXmin(header))
					   ? VERDICT_LIVE
					   : VERDICT_FOREIGN;
		case HEAPTUPLE_DELETE_IN_PROGRESS:
			if (!TransactionIdIsCurrentTransactionId(HeapTupleHeaderGetUpdateXid(header)))
				return VERDICT_FOREIGN;
			break;
	}
	return HeapTupleIsHotUpdated(tuple) ? VERDICT_BROKEN : VERDICT_DYING;
}

static inline void
point_to(HeapScan *scan, Buffer buffer, OffsetNumber offset, HeapTuple tuple)
{
	Page page = BufferGetPage(buffer);
	ItemId item = PageGetItemId(page, offset);

	tuple->t_data = (HeapTupleHeader) PageGetItem(page, item);
	tuple->t_len = ItemIdGetLength(item);
	tuple->t_tableOid = RelationGetRelid(scan->heap);
	ItemPointerSet(&tuple->t_self, BufferGetBlockNumber(buffer), offset);
}

/* which tuples of a locked page get entries; false: heap's function must see to it */
static bool
judge_page(HeapScan *scan, Buffer buffer, PageRows *rows)
{
	OffsetNumber roots[MaxHeapTuplesPerPage];
	Page page = BufferGetPage(buffer);
	OffsetNumber max = PageIsNew(page) ? 0 : PageGetMaxOffsetNumber(page);
	bool have_roots = false;
	bool broken = false;
	double live = 0;
	int seen = 0;

	rows->n = 0;
	for (OffsetNumber offset = FirstOffsetNumber; offset <= max; offset++)
	{
		HeapTupleData tuple;
		Verdict verdict;
		OffsetNumber root = offset;

		if (!ItemIdIsNormal(PageGetItemId(page, offset)))
			continue;
		seen++;
		point_to(scan, buffer, offset, &tuple);
		verdict = judge(scan, &tuple, buffer);
		if (verdict == VERDICT_FOREIGN)
			return false;
		broken |= verdict == VERDICT_BROKEN;
		if (verdict != VERDICT_LIVE && verdict != VERDICT_DYING)
			continue;
		if (HeapTupleIsHeapOnly(&tuple))
		{
			if (!have_roots)
				heap_get_root_tuples(page, roots);
			have_roots = true;
			root = roots[offset - 1];
			/* heap's function has the words for it */
			if (!OffsetNumberIsValid(root))
				return false;
		}
		live += verdict == VERDICT_LIVE;
		rows->dead[rows->n] = verdict != VERDICT_LIVE;
		rows->offsets[rows->n] = offset;
		rows->roots[rows->n++] = root;
	}
	scan->rows += live;
	scan->info->ii_BrokenHotChain |= broken;
	/* pgstat_count_heap_getnext() for each, whatever was made of it */
	pgstat_count_index_tuples(scan->heap, seen);
	return true;
}

/* hand over the rows of a page; the pin keeps them where they are, and nobody else may change them */
static void
emit_page(HeapScan *scan, Buffer buffer, const PageRows *rows)
{
	TupleDesc desc = RelationGetDescr(scan->heap);
	int natts = scan->info->ii_NumIndexAttrs;
	Datum values[INDEX_MAX_KEYS];
	bool nulls[INDEX_MAX_KEYS];

	for (int i = 0; i < rows->n; i++)
	{
		HeapTupleData tuple;
		ItemPointerData tid;

		point_to(scan, buffer, rows->offsets[i], &tuple);
		for (int k = 0; k < natts; k++)
			values[k] = heap_getattr(&tuple, scan->info->ii_IndexAttrNumbers[k], desc, &nulls[k]);
		tid = tuple.t_self;
		ItemPointerSetOffsetNumber(&tid, rows->roots[i]);
		scan->callback(scan->index, &tid, values, nulls, !rows->dead[i], scan->arg);
	}
}

double
alex_heap_scan(Relation heap, Relation index, IndexInfo *info, bool progress,
			   IndexBuildCallback callback, void *arg)
{
	HeapScan scan = { .heap = heap,
					  .index = index,
					  .info = info,
					  .callback = callback,
					  .arg = arg,
					  .oldest_xmin = GetOldestNonRemovableTransactionId(heap) };
	PageRows *rows = palloc(sizeof(PageRows));
	BlockNumber nblocks = RelationGetNumberOfBlocks(heap);
	BufferAccessStrategy strategy = NULL;
	OmBlocks blocks;

	/* as heap's initscan() decides */
	if (!RelationUsesLocalBuffers(heap) && nblocks > (BlockNumber) NBuffers / 4)
		strategy = GetAccessStrategy(BAS_BULKREAD);
	pgstat_count_heap_scan(heap);
	if (progress)
		pgstat_progress_update_param(PROGRESS_SCAN_BLOCKS_TOTAL, nblocks);
	om_blocks_begin(&blocks, heap, strategy, nblocks);
	for (BlockNumber block = 0; block < nblocks; block++)
	{
		Buffer buffer = om_blocks_next(&blocks);
		bool ours;

		CHECK_FOR_INTERRUPTS();
		if (progress)
			pgstat_progress_update_param(PROGRESS_SCAN_BLOCKS_DONE, block);
		LockBuffer(buffer, BUFFER_LOCK_SHARE);
		ours = judge_page(&scan, buffer, rows);
		LockBuffer(buffer, BUFFER_LOCK_UNLOCK);
		if (ours)
			emit_page(&scan, buffer, rows);
		ReleaseBuffer(buffer);
		if (!ours)
			scan.rows += table_index_build_range_scan(heap, index, info, false, false, false, block,
													  1, callback, arg, NULL);
	}
	if (progress)
		pgstat_progress_update_param(PROGRESS_SCAN_BLOCKS_DONE, nblocks);
	om_blocks_end(&blocks);
	if (strategy != NULL)
		FreeAccessStrategy(strategy);
	pfree(rows);
	return scan.rows;
}
