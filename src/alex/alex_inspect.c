/*
 * alex_inspect.c
 *		omendb.alex_stats(): what the pages of an alex index look like;
 *		omendb.alex_cache_stats(): what this backend's model cache did.
 */
#include "postgres.h"

#include "access/amapi.h"
#include "access/genam.h"
#include "access/table.h"
#include "catalog/index.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "utils/rel.h"
#include "utils/tuplestore.h"

#include "alex/alex_buf.h"
#include "alex/alex_build.h"
#include "alex/alex_cache.h"
#include "alex/alex_inspect.h"
#include "base/check.h"

PG_FUNCTION_INFO_V1(omendb_alex_stats);
PG_FUNCTION_INFO_V1(omendb_alex_cache_stats);

Relation
alex_inspect_open(Oid index_oid, LOCKMODE lockmode, Relation *heap)
{
	Oid heap_oid = IndexGetRelation(index_oid, true);
	Relation index;

	/* table before index, as everybody does */
	*heap = OidIsValid(heap_oid) ? table_open(heap_oid, lockmode) : NULL;
	/* complains if it is not an index */
	index = index_open(index_oid, lockmode);
	if (*heap == NULL || heap_oid != IndexGetRelation(index_oid, false))
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE),
						errmsg("could not open parent table of index \"%s\"",
							   RelationGetRelationName(index))));
	if (index->rd_rel->relkind != RELKIND_INDEX || index->rd_indam->ambuild != alexbuild)
		ereport(ERROR, (errcode(ERRCODE_WRONG_OBJECT_TYPE),
						errmsg("\"%s\" is not an alex index", RelationGetRelationName(index)),
						index->rd_rel->relkind == RELKIND_PARTITIONED_INDEX
							? errhint("Name the index of one partition.")
							: 0));
	om_check_readable(index);
	if (!index->rd_index->indisvalid)
		ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
						errmsg("cannot inspect index \"%s\": it is not valid",
							   RelationGetRelationName(index)),
						errhint("Wait until it is built; REINDEX it if that failed.")));
	return index;
}

typedef struct LevelStats
{
	int64 pages;
	int64 entries; /* removed ones not counted */
	int64 removed;
	int64 blocks;
	int64 gap_entries;
	int64 tail_entries;
	int64 packed; /* entries in blocks */
	double key_bits;
	double tid_bits;
	int64 bytes_used;
	int64 bytes_free;
} LevelStats;

static void
add_page(Relation index, Buffer buf, LevelStats *s)
{
	const char *page = alex_page(buf);
	const AlexPageOpaque *o = alex_opaque(page);
	uint32 free_bytes = alex_header(page)->upper - alex_header(page)->lower;

	s->pages++;
	s->entries += (int64) alex_page_entries(page) - o->nremoved;
	s->removed += o->nremoved;
	s->blocks += o->nblocks;
	s->gap_entries += o->ngap;
	s->tail_entries += o->ntail;
	s->packed += o->nbase;
	s->bytes_free += free_bytes;
	s->bytes_used += BLCKSZ - free_bytes;
	for (uint32 b = 0; b < o->nblocks; b++)
	{
		AlexBlock blk;
		uint32 cold = 0;

		if (!alex_block_open(page, b, &blk))
			om_index_corrupted(index, BufferGetBlockNumber(buf), "block cannot be read");
		s->key_bits += (double) blk.n * blk.kwidth;
		if (blk.two_tids)
			cold = bitmap_rank128(blk.region, blk.n);
		s->tid_bits += (double) (blk.n - cold) * blk.twidth + (double) cold * blk.t2width;
	}
}

static void
put_row(ReturnSetInfo *rsinfo, int64 level, const LevelStats *s)
{
	Datum values[12];
	bool nulls[12] = { false };

	values[0] = Int32GetDatum((int32) level);
	nulls[0] = level < 0;
	values[1] = Int64GetDatum(s->pages);
	values[2] = Int64GetDatum(s->entries);
	values[3] = Int64GetDatum(s->removed);
	values[4] = Int64GetDatum(s->blocks);
	values[5] = Int64GetDatum(s->gap_entries);
	values[6] = Int64GetDatum(s->tail_entries);
	values[7] = Float8GetDatum(s->packed > 0 ? s->key_bits / (double) s->packed : 0);
	values[8] = Float8GetDatum(s->packed > 0 ? s->tid_bits / (double) s->packed : 0);
	nulls[7] = nulls[8] = s->packed == 0;
	values[9] = Int64GetDatum(s->bytes_used);
	values[10] = Int64GetDatum(s->bytes_free);
	/* what an entry costs on disk: whole pages, free space included */
	values[11] =
		Float8GetDatum(s->entries > 0 ? (double) s->pages * BLCKSZ / (double) s->entries : 0);
	nulls[11] = s->entries == 0;
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
}

/* the pages outside the tree, if there are any, as a row without a level */
static void
put_unused(ReturnSetInfo *rsinfo, Relation index)
{
	BlockNumber nblocks = RelationGetNumberOfBlocks(index);
	BufferAccessStrategy strategy = GetAccessStrategy(BAS_BULKREAD);
	LevelStats s = { 0 };

	for (BlockNumber block = ALEX_METAPAGE + 1; block < nblocks; block++)
	{
		Buffer buf = ReadBufferExtended(index, MAIN_FORKNUM, block, RBM_NORMAL, strategy);

		CHECK_FOR_INTERRUPTS();
		LockBuffer(buf, BUFFER_LOCK_SHARE);
		if (PageIsNew(BufferGetPage(buf)) ||
			(alex_page_check_header(alex_page(buf)) == NULL &&
			 (alex_opaque(alex_page(buf))->flags & (ALEX_HALF_DEAD | ALEX_DELETED))))
			s.pages++;
		UnlockReleaseBuffer(buf);
	}
	FreeAccessStrategy(strategy);
	s.bytes_free = s.pages * BLCKSZ;
	if (s.pages > 0)
		put_row(rsinfo, -1, &s);
}

/*
 * omendb.alex_stats(index regclass) --- one row per level, the root's first, then one of
 * unused pages.
 *
 * Locks one page at a time in share mode, so the figures of a changing index
 * are of slightly different moments; entries that VACUUM moves meanwhile may be counted twice.
 */
Datum
omendb_alex_stats(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	Relation heap;
	Relation index = alex_inspect_open(PG_GETARG_OID(0), AccessShareLock, &heap);
	Buffer meta;
	uint32 height;

	InitMaterializedSRF(fcinfo, 0);
	/* fail on a damaged metapage before anything else */
	(void) alex_cache(index);
	meta = alex_getmeta(index, BUFFER_LOCK_SHARE);
	height = alex_meta(meta)->level;
	UnlockReleaseBuffer(meta);

	for (int64 level = height; level >= 0; level--)
	{
		LevelStats s = { 0 };
		Buffer buf = alex_descend(index, (uint32) level, 0, 0, false, BUFFER_LOCK_SHARE, false);

		add_page(index, buf, &s);
		while (!(alex_opaque(alex_page(buf))->flags & ALEX_HIGH_INF))
		{
			buf = alex_step_right(index, buf, BUFFER_LOCK_SHARE);
			add_page(index, buf, &s);
		}
		UnlockReleaseBuffer(buf);
		put_row(rsinfo, level, &s);
	}
	put_unused(rsinfo, index);
	index_close(index, AccessShareLock);
	table_close(heap, AccessShareLock);
	return (Datum) 0;
}

/*
 * omendb.alex_cache_stats() --- the model cache of this backend: a row for the whole of it,
 * whose index is NULL, and one for each index in it.
 */
Datum
omendb_alex_cache_stats(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	AlexCacheStats *stats;
	int n;

	InitMaterializedSRF(fcinfo, 0);
	stats = alex_cache_stats(&n);
	for (int i = 0; i < n; i++)
	{
		Datum values[8];
		bool nulls[8] = { false };

		values[0] = ObjectIdGetDatum(stats[i].index);
		nulls[0] = !OidIsValid(stats[i].index);
		values[1] = Int64GetDatum(stats[i].pages);
		values[2] = Int64GetDatum(stats[i].bytes);
		values[3] = Int64GetDatum(stats[i].hits);
		values[4] = Int64GetDatum(stats[i].steps_right);
		values[5] = Int64GetDatum(stats[i].descents);
		values[6] = Int64GetDatum(stats[i].refreshes);
		values[7] = Int64GetDatum(stats[i].evictions);
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	return (Datum) 0;
}
