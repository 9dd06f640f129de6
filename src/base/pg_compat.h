/*
 * pg_compat.h
 *		Differences between PostgreSQL 15, 16, 17 and 18.
 *
 * The only file that may test PG_VERSION_NUM.
 */
#ifndef PG_COMPAT_H
#define PG_COMPAT_H

#include "storage/buffile.h"
#include "access/amapi.h"
#include "access/stratnum.h"
#include "access/sysattr.h"
#include "catalog/pg_class_d.h"
#include "storage/buf_internals.h"
#include "storage/bufmgr.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/memutils.h"

#if PG_VERSION_NUM < 150000 || PG_VERSION_NUM >= 190000
#error "omendb supports PostgreSQL 15 to 18"
#endif

/*
 * om_extend_locked --- add one page to a fork; the buffer comes back pinned and
 * exclusively locked, its page all zeroes.
 *
 * The content lock is taken before anybody else can see the page, so that it
 * cannot be mistaken for a free one.
 */
static inline Buffer
om_extend_locked(Relation rel, ForkNumber fork)
{
#if PG_VERSION_NUM >= 160000
	return ExtendBufferedRel(BMR_REL(rel), fork, NULL, EB_LOCK_FIRST);
#else
	bool lock = !RELATION_IS_LOCAL(rel);

	for (;;)
	{
		Buffer buffer;

		if (lock)
			LockRelationForExtension(rel, ExclusiveLock);
		buffer = ReadBufferExtended(rel, fork, P_NEW, RBM_NORMAL, NULL);
		LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
		if (lock)
			UnlockRelationForExtension(rel, ExclusiveLock);

		/* a stale free space map may have sent somebody here before we had the lock */
		if (PageIsNew(BufferGetPage(buffer)))
			return buffer;
		UnlockReleaseBuffer(buffer);
	}
#endif
}

/*
 * om_extend_run --- the same for the main fork and a caller who holds the relation
 * extension lock, so that no other page comes between the pages of a run.
 */
static inline Buffer
om_extend_run(Relation rel)
{
#if PG_VERSION_NUM >= 160000
	return ExtendBufferedRel(BMR_REL(rel), MAIN_FORKNUM, NULL,
							 EB_SKIP_EXTENSION_LOCK | EB_LOCK_FIRST);
#else
	/* locked before it can be seen: heap's inserters take any new last block */
	return ReadBufferExtended(rel, MAIN_FORKNUM, P_NEW, RBM_ZERO_AND_LOCK, NULL);
#endif
}

/*
 * om_buffer_for_tuple --- a page of the main fork with room for a tuple, exclusively locked; *vm_buffer is
 * pinned if the page is all-visible.
 */
#if PG_VERSION_NUM >= 160000
#define om_buffer_for_tuple(rel, bytes, vm_buffer) \
	RelationGetBufferForTuple(rel, bytes, InvalidBuffer, 0, NULL, vm_buffer, NULL, 0)
#else
#define om_buffer_for_tuple(rel, bytes, vm_buffer) \
	RelationGetBufferForTuple(rel, bytes, InvalidBuffer, 0, NULL, vm_buffer, NULL)
#endif

/* om_restrict_search_path --- before functions of a table's owner run; until 16 PostgreSQL did not */
#if PG_VERSION_NUM >= 170000
#define om_restrict_search_path() RestrictSearchPath()
#else
#define om_restrict_search_path() ((void) 0)
#endif

/* om_owns_table --- does this user own the table? */
static inline bool
om_owns_table(Oid relid, Oid user)
{
#if PG_VERSION_NUM >= 160000
	return object_ownercheck(RelationRelationId, relid, user);
#else
	return pg_class_ownercheck(relid, user);
#endif
}

/* om_may_maintain --- may this user do to the table what VACUUM does? */
static inline bool
om_may_maintain(Oid relid, Oid user)
{
#if PG_VERSION_NUM >= 170000
	return pg_class_aclcheck(relid, user, ACL_MAINTAIN) == ACLCHECK_OK;
#else
	return om_owns_table(relid, user);
#endif
}

/*
 * om_hot_block_begin / om_hot_block_end --- no HOT update of this table in between.
 *
 * heap_update takes an update that leaves all indexed columns alone for a HOT one.  A whole-row reference
 * among them counts as changed by every update (HeapDetermineColumnsInfo), so one is added to the set
 * that the relcache entry has, and taken out again.  Nothing of it reaches key and identity columns.
 */
typedef struct OmHotBlock
{
	bool was_known; /* the set had been computed */
	bool was_there; /* some index refers to the whole row */
	Bitmapset *set; /* with our addition */
} OmHotBlock;

#if PG_VERSION_NUM >= 160000
#define OM_HOT_ATTRIBUTES(rel) ((rel)->rd_hotblockingattr)
#define OM_HOT_ATTRIBUTES_KIND INDEX_ATTR_BITMAP_HOT_BLOCKING
#define OM_UPDATES_ALL_INDEXES(update_indexes) ((update_indexes) == TU_All)
#define OM_UPDATES_NO_INDEXES TU_None
#else
#define OM_HOT_ATTRIBUTES(rel) ((rel)->rd_indexattr)
#define OM_HOT_ATTRIBUTES_KIND INDEX_ATTR_BITMAP_ALL
#define OM_UPDATES_ALL_INDEXES(update_indexes) (update_indexes)
#define OM_UPDATES_NO_INDEXES false
#endif
#define OM_WHOLE_ROW (0 - FirstLowInvalidHeapAttributeNumber)

static inline void
om_hot_block_begin(Relation rel, OmHotBlock *block)
{
	MemoryContext old;

	/* computes it, unless there is no index */
	bms_free(RelationGetIndexAttrBitmap(rel, OM_HOT_ATTRIBUTES_KIND));
#if PG_VERSION_NUM >= 160000
	block->was_known = rel->rd_attrsvalid;
	rel->rd_attrsvalid = true;
#else
	block->was_known = rel->rd_indexattr != NULL;
#endif
	block->was_there = bms_is_member(OM_WHOLE_ROW, OM_HOT_ATTRIBUTES(rel));
	old = MemoryContextSwitchTo(CacheMemoryContext);
	OM_HOT_ATTRIBUTES(rel) = bms_add_member(OM_HOT_ATTRIBUTES(rel), OM_WHOLE_ROW);
	block->set = OM_HOT_ATTRIBUTES(rel);
	MemoryContextSwitchTo(old);
}

/* the entry may have been rebuilt meanwhile, and have another set or none: then there is nothing to undo */
static inline void
om_hot_block_end(Relation rel, const OmHotBlock *block)
{
	if (OM_HOT_ATTRIBUTES(rel) != block->set || block->was_there ||
		!bms_is_member(OM_WHOLE_ROW, OM_HOT_ATTRIBUTES(rel)))
		return;
	OM_HOT_ATTRIBUTES(rel) = bms_del_member(OM_HOT_ATTRIBUTES(rel), OM_WHOLE_ROW);
	if (block->was_known)
		return;
	bms_free(OM_HOT_ATTRIBUTES(rel));
	OM_HOT_ATTRIBUTES(rel) = NULL;
#if PG_VERSION_NUM >= 160000
	rel->rd_attrsvalid = false;
#endif
}

/* identity of a relation's file, and the table AM callback that makes a new one */
#if PG_VERSION_NUM >= 160000
#define relation_set_new_file relation_set_new_filelocator
#define OM_PAGE_BUFFER PGIOAlignedBlock
#define OM_UPDATE_INDEXES TU_UpdateIndexes
typedef RelFileLocator OmRelFile;
#define OM_RELATION_FILE(rel) ((rel)->rd_locator)
#define OM_NEW_FILE_SUBID(rel) ((rel)->rd_newRelfilelocatorSubid)
#else
#define relation_set_new_file relation_set_new_filenode
#define OM_PAGE_BUFFER PGAlignedBlock
#define OM_UPDATE_INDEXES bool
typedef RelFileNode OmRelFile;
#define OM_RELATION_FILE(rel) ((rel)->rd_node)
#define OM_NEW_FILE_SUBID(rel) ((rel)->rd_newRelfilenodeSubid)
#endif

/*
 * om_am_set_comparison --- tell 18 that strategies mean what btree's mean and that
 * equality and order are consistent within a family.
 */
#if PG_VERSION_NUM >= 180000
static inline CompareType
om_am_translate_strategy(StrategyNumber strategy, Oid opfamily)
{
	switch (strategy)
	{
		case BTLessStrategyNumber:
			return COMPARE_LT;
		case BTLessEqualStrategyNumber:
			return COMPARE_LE;
		case BTEqualStrategyNumber:
			return COMPARE_EQ;
		case BTGreaterEqualStrategyNumber:
			return COMPARE_GE;
		case BTGreaterStrategyNumber:
			return COMPARE_GT;
		default:
			return COMPARE_INVALID;
	}
}

static inline StrategyNumber
om_am_translate_cmptype(CompareType cmptype, Oid opfamily)
{
	switch (cmptype)
	{
		case COMPARE_LT:
			return BTLessStrategyNumber;
		case COMPARE_LE:
			return BTLessEqualStrategyNumber;
		case COMPARE_EQ:
			return BTEqualStrategyNumber;
		case COMPARE_GE:
			return BTGreaterEqualStrategyNumber;
		case COMPARE_GT:
			return BTGreaterStrategyNumber;
		default:
			return InvalidStrategy;
	}
}

static inline void
om_am_set_comparison(IndexAmRoutine *am)
{
	am->amconsistentequality = true;
	am->amconsistentordering = true;
	am->amtranslatestrategy = om_am_translate_strategy;
	am->amtranslatecmptype = om_am_translate_cmptype;
}
#else
#define om_am_set_comparison(am) ((void) 0)
#endif

/* ON CONFLICT opens unique indexes of other access methods than btree since 18 */
#define OM_CONFLICT_BTREE_ONLY (PG_VERSION_NUM < 180000)

/* the elements an array of a condition is thought to have */
#if PG_VERSION_NUM >= 170000
#define om_estimate_array_length(root, array) estimate_array_length(root, array)
#else
#define om_estimate_array_length(root, array) ((double) estimate_array_length(array))
#endif

/*
 * om_buffer_locked_by_me --- do we hold the buffer's content lock already?  A
 * damaged link can lead to a page we hold; waiting for it would never end.
 */
static inline bool
om_buffer_locked_by_me(Buffer buffer)
{
	return !BufferIsLocal(buffer) &&
		   LWLockHeldByMe(BufferDescriptorGetContentLock(GetBufferDescriptor(buffer - 1)));
}

/* tuple table slots: is_current_xact_tuple since 17, room before minimal tuples since 18 */
#define OM_SLOT_HAS_CURRENT_XACT (PG_VERSION_NUM >= 170000)
#if PG_VERSION_NUM >= 180000
#define OM_COPY_MINIMAL_ARGS(slot) TupleTableSlot *slot, Size extra
#define OM_COPY_MINIMAL_CALL(function, slot) (function)(slot, extra)
#define OM_FORM_MINIMAL(desc, values, nulls) heap_form_minimal_tuple(desc, values, nulls, extra)
#else
#define OM_COPY_MINIMAL_ARGS(slot) TupleTableSlot *slot
#define OM_COPY_MINIMAL_CALL(function, slot) (function)(slot)
#define OM_FORM_MINIMAL(desc, values, nulls) heap_form_minimal_tuple(desc, values, nulls)
#endif

/* old_snapshot_threshold went away in 17 */
#if PG_VERSION_NUM >= 170000
#define om_test_old_snapshot(snapshot, rel, page) ((void) 0)
/* are there snapshots that have to notice that a page they read has been pruned?  Then none may vanish. */
#define om_old_snapshots_matter() false
#else
#define om_test_old_snapshot(snapshot, rel, page) TestForOldSnapshot(snapshot, rel, page)
#define om_old_snapshots_matter() OldSnapshotThresholdActive()
#endif

/* may the end of the table's file be cut off?  Option of the table; a setting of the server, too, since 18. */
#if PG_VERSION_NUM >= 180000
#include "commands/vacuum.h"
#endif
static inline bool
om_may_truncate(Relation rel)
{
	const StdRdOptions *options = (const StdRdOptions *) rel->rd_options;

#if PG_VERSION_NUM >= 180000
	if (options == NULL || !options->vacuum_truncate_set)
		return vacuum_truncate;
#endif
	return options == NULL || options->vacuum_truncate;
}

/* count a block found in shared buffers for pg_stat_io, which came in 16 */
#if PG_VERSION_NUM >= 180000
#define OM_COUNT_IO_HIT() pgstat_count_io_op(IOOBJECT_RELATION, IOCONTEXT_NORMAL, IOOP_HIT, 1, 0)
#elif PG_VERSION_NUM >= 160000
#define OM_COUNT_IO_HIT() pgstat_count_io_op(IOOBJECT_RELATION, IOCONTEXT_NORMAL, IOOP_HIT)
#else
#define OM_COUNT_IO_HIT() ((void) 0)
#endif

/* ANALYZE hands over blocks by a read stream since 17 */
#if PG_VERSION_NUM >= 170000
#include "storage/read_stream.h"
#define OM_ANALYZE_BY_STREAM 1
#define OM_ANALYZE_NEXT_BLOCK_ARGS TableScanDesc scan, ReadStream *stream
#else
#define OM_ANALYZE_BY_STREAM 0
#define OM_ANALYZE_NEXT_BLOCK_ARGS \
	TableScanDesc scan, BlockNumber blockno, BufferAccessStrategy bstrategy
#endif

/*
 * OmBlocks --- the blocks 0 .. end - 1 of a table's main fork, each pinned in turn; the caller releases it.  Read ahead by a
 * read stream since 17.  om_blocks_end() must follow, but for errors.
 */
#include "storage/bufmgr.h"
typedef struct OmBlocks
{
	Relation rel;
	BufferAccessStrategy strategy;
	BlockNumber next;
	BlockNumber end;
#if PG_VERSION_NUM >= 170000
	ReadStream *stream;
#endif
} OmBlocks;

#if PG_VERSION_NUM >= 170000
static inline BlockNumber
om_blocks_number(ReadStream *stream, void *arg, void *per_buffer_data)
{
	OmBlocks *blocks = (OmBlocks *) arg;

	return blocks->next < blocks->end ? blocks->next++ : InvalidBlockNumber;
}
#endif

static inline void
om_blocks_begin(OmBlocks *blocks, Relation rel, BufferAccessStrategy strategy, BlockNumber end)
{
	blocks->rel = rel;
	blocks->strategy = strategy;
	blocks->next = 0;
	blocks->end = end;
#if PG_VERSION_NUM >= 170000
	blocks->stream = read_stream_begin_relation(READ_STREAM_SEQUENTIAL, strategy, rel, MAIN_FORKNUM,
												om_blocks_number, blocks, 0);
#endif
}

static inline Buffer
om_blocks_next(OmBlocks *blocks)
{
#if PG_VERSION_NUM >= 170000
	return read_stream_next_buffer(blocks->stream, NULL);
#else
	return ReadBufferExtended(blocks->rel, MAIN_FORKNUM, blocks->next++, RBM_NORMAL,
							  blocks->strategy);
#endif
}

static inline void
om_blocks_end(OmBlocks *blocks)
{
#if PG_VERSION_NUM >= 170000
	read_stream_end(blocks->stream);
#endif
}

/* 18 leaves walking the bitmap to the table access method */
#define OM_BITMAP_BY_BLOCK (PG_VERSION_NUM < 180000)

/*
 * om_log_conflict --- make standbys cancel queries whose snapshots do not see xid
 * as ended, before they replay what follows.  Core's record of a recycled btree page
 * does just that and changes no page; it works in both WAL modes.
 */
#include "access/nbtxlog.h"
#include "access/transam.h"
#include "access/xlog.h"
#include "access/xloginsert.h"
#include "utils/rel.h"
static inline void
om_log_conflict_full(Relation rel, FullTransactionId xid, bool catalog)
{
	xl_btree_reuse_page record = { 0 };

	if (!RelationNeedsWAL(rel) || !XLogStandbyInfoActive())
		return;
	record.block = 0;
#if PG_VERSION_NUM >= 160000
	record.locator = rel->rd_locator;
	record.snapshotConflictHorizon = xid;
	record.isCatalogRel = catalog;
#else
	record.node = rel->rd_node;
	record.latestRemovedFullXid = xid;
#endif
	XLogBeginInsert();
	XLogRegisterData((char *) &record, SizeOfBtreeReusePage);
	XLogInsert(RM_BTREE_ID, XLOG_BTREE_REUSE_PAGE);
}

/* catalog: the table is a catalog to logical decoding (16+ take care of its slots) */
static inline void
om_log_conflict(Relation rel, TransactionId xid, bool catalog)
{
	FullTransactionId next = ReadNextFullTransactionId();
	uint32 epoch = EpochFromFullTransactionId(next);

	if (xid > XidFromFullTransactionId(next))
		epoch--;
	om_log_conflict_full(rel, FullTransactionIdFromEpochAndXid(epoch, xid), catalog);
}

/* the same on the standby, for a record of our own */
#include "storage/standby.h"
static inline void
om_resolve_conflict(TransactionId xid, bool catalog, OmRelFile file)
{
#if PG_VERSION_NUM >= 160000
	ResolveRecoveryConflictWithSnapshot(xid, catalog, file);
#else
	ResolveRecoveryConflictWithSnapshot(xid, file);
#endif
}

/* pg_class.relallfrozen came with 18 */
#if PG_VERSION_NUM >= 180000
#define OM_RELALLFROZEN(form) ((BlockNumber) (form)->relallfrozen)
#else
#define OM_RELALLFROZEN(form) ((BlockNumber) 0)
#endif

/* index_beginscan got an argument in 18 */
#if PG_VERSION_NUM >= 180000
#define om_index_beginscan(rel, index, snapshot) index_beginscan(rel, index, snapshot, NULL, 0, 0)
#else
#define om_index_beginscan(rel, index, snapshot) index_beginscan(rel, index, snapshot, 0, 0)
#endif

/* tuplesort_getdatum got an argument in 16 */
#if PG_VERSION_NUM >= 160000
#define om_tuplesort_getdatum(sort, value, isnull) \
	tuplesort_getdatum(sort, true, false, value, isnull, NULL)
#else
#define om_tuplesort_getdatum(sort, value, isnull) \
	tuplesort_getdatum(sort, true, value, isnull, NULL)
#endif

/* vac_update_relstats counts all-frozen pages since 18 */
#include "access/multixact.h"
#include "commands/vacuum.h"
static inline void
om_update_relstats(Relation rel, BlockNumber pages, double tuples, BlockNumber all_visible,
				   BlockNumber all_frozen, bool has_index)
{
	vac_update_relstats(rel, pages, tuples, all_visible,
#if PG_VERSION_NUM >= 180000
						all_frozen,
#endif
						has_index, InvalidTransactionId, InvalidMultiXactId, NULL, NULL, false);
}

/* statistics of dead tuples */
#include "pgstat.h"
#if PG_VERSION_NUM >= 160000
#define OM_PGSTAT_DEAD_TUPLES(entry) ((entry)->dead_tuples)
#else
#define OM_PGSTAT_DEAD_TUPLES(entry) ((entry)->n_dead_tuples)
#endif

/*
 * om_pgstat_set_live_tuples --- correct n_live_tup behind heap's VACUUM, which has
 * counted what it knows of.
 */
#include "miscadmin.h"
#include "utils/pgstat_internal.h"
#if PG_VERSION_NUM >= 160000
#define OM_PGSTAT_LIVE_TUPLES live_tuples
#else
#define OM_PGSTAT_LIVE_TUPLES n_live_tuples
#endif
static inline void
om_pgstat_set_live_tuples(Relation rel, double tuples)
{
	PgStat_EntryRef *entry;

	if (!pgstat_track_counts)
		return;
	entry = pgstat_get_entry_ref_locked(PGSTAT_KIND_RELATION,
										rel->rd_rel->relisshared ? InvalidOid : MyDatabaseId,
										RelationGetRelid(rel), false);
	if (entry == NULL)
		return;
	((PgStatShared_Relation *) entry->shared_stats)->stats.OM_PGSTAT_LIVE_TUPLES =
		(PgStat_Counter) tuples;
	pgstat_unlock_entry(entry);
}

/* 17 has one function for a safe search_path in maintenance commands */
#if PG_VERSION_NUM >= 170000
#include "utils/guc.h"
#define om_restrict_search_path() RestrictSearchPath()
#else
#define om_restrict_search_path() ((void) 0)
#endif

/* where the access method's part of a parallel scan's state lies */
#include "access/relscan.h"
#if PG_VERSION_NUM >= 180000
#define OM_PARALLEL_SCAN_OFFSET(parallel) ((parallel)->ps_offset_am)
#else
#define OM_PARALLEL_SCAN_OFFSET(parallel) ((parallel)->ps_offset)
#endif

/* amestimateparallelscan got arguments in 17 and 18 */
#if PG_VERSION_NUM >= 180000
#define OM_ESTIMATE_PARALLEL_ARGS Relation index, int nkeys, int norderbys
#elif PG_VERSION_NUM >= 170000
#define OM_ESTIMATE_PARALLEL_ARGS int nkeys, int norderbys
#else
#define OM_ESTIMATE_PARALLEL_ARGS void
#endif

/* scan statistics: 18 counts index searches for EXPLAIN */
#if PG_VERSION_NUM >= 180000
#define OM_COUNT_SEARCH(scan) \
	do \
	{ \
		if ((scan)->instrument) \
			(scan)->instrument->nsearches++; \
	} while (0)
#else
#define OM_COUNT_SEARCH(scan) ((void) 0)
#endif

/*
 * om_log_cleaned_page --- log a heap page, whose tuples were moved under a cleanup lock, by its image, so that redo takes
 * a cleanup lock, too: core's record of pruning, with nothing to be pruned.  In the critical section of the change.
 */
#include "access/heapam_xlog.h"
static inline void
om_log_cleaned_page(Relation rel, Buffer buffer)
{
	xl_heap_prune record = { 0 };
	XLogRecPtr lsn;

	if (!RelationNeedsWAL(rel))
		return;
#if PG_VERSION_NUM >= 170000
	record.flags = XLHP_CLEANUP_LOCK;
#elif PG_VERSION_NUM >= 160000
	record.isCatalogRel = RelationIsAccessibleInLogicalDecoding(rel);
#endif
	XLogBeginInsert();
	XLogRegisterData((char *) &record, SizeOfHeapPrune);
	XLogRegisterBuffer(0, buffer, REGBUF_STANDARD | REGBUF_FORCE_IMAGE);
#if PG_VERSION_NUM >= 170000
	lsn = XLogInsert(RM_HEAP2_ID, XLOG_HEAP2_PRUNE_VACUUM_SCAN);
#else
	lsn = XLogInsert(RM_HEAP2_ID, XLOG_HEAP2_PRUNE);
#endif
	PageSetLSN(BufferGetPage(buffer), lsn);
}

/* the table that an index's VACUUM is for */
#if PG_VERSION_NUM >= 160000
#define OM_VACUUM_HEAP(info, rel) ((info)->heaprel = (rel))
#else
#define OM_VACUUM_HEAP(info, rel) ((void) 0)
#endif

/* vacuum_delay_point got an argument in 18 */
#if PG_VERSION_NUM >= 180000
#define om_vacuum_delay_point() vacuum_delay_point(false)
#else
#define om_vacuum_delay_point() vacuum_delay_point()
#endif

/* the test for an autovacuum worker got this name in 17 */
#if PG_VERSION_NUM < 170000
#include "postmaster/autovacuum.h"
#define AmAutoVacuumWorkerProcess() IsAutoVacuumWorkerProcess()
#endif

/* 17 can end transactions that take long; no transaction that begins behind this */
#if PG_VERSION_NUM >= 170000
#include "utils/guc.h"
#define om_no_transaction_timeout() \
	SetConfigOption("transaction_timeout", "0", PGC_SUSET, PGC_S_OVERRIDE)
#else
#define om_no_transaction_timeout() ((void) 0)
#endif

/*
 * om_index_build_workers --- how many parallel workers to ask for.  17 plans them for every
 * method that sets amcanbuildparallel; before, core does so for nbtree only, by the
 * function called here.  It knows no better about an empty table, which TRUNCATE makes.
 */
#include "optimizer/optimizer.h"
static inline int
om_index_build_workers(Relation heap, Relation index, int planned)
{
#if PG_VERSION_NUM >= 170000
	return planned;
#else
	if (!IsNormalProcessingMode() || RelationGetNumberOfBlocks(heap) == 0)
		return 0;
	return plan_create_index_workers(RelationGetRelid(heap), RelationGetRelid(index));
#endif
}
#if PG_VERSION_NUM >= 170000
#define om_am_set_build_parallel(am) ((am)->amcanbuildparallel = true)
#else
#define om_am_set_build_parallel(am) ((void) 0)
#endif

/* 16: reads all of it or raises an error */
#if PG_VERSION_NUM >= 160000
#define om_buffile_read_exact(file, ptr, size) BufFileReadExact(file, ptr, size)
#else
static inline void
om_buffile_read_exact(BufFile *file, void *ptr, size_t size)
{
	size_t nread = BufFileRead(file, ptr, size);

	if (nread != size)
		ereport(ERROR, (errcode_for_file_access(),
						errmsg("could not read from temporary file: read only %zu of %zu bytes",
							   nread, size)));
}
#endif

#endif
