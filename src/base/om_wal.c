/*
 * om_wal.c
 *		One way to change pages in two WAL modes: see om_wal.h and README.md.
 */
#include "postgres.h"

#include "access/bufmask.h"
#include "access/rmgr.h"
#include "access/xlog.h"
#include "access/xlog_internal.h"
#include "access/xloginsert.h"
#include "access/xlogutils.h"
#include "catalog/catalog.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "utils/rel.h"

#include "base/check.h"
#include "base/om_delta.h"
#include "base/om_wal.h"
#include "base/pg_compat.h"
#include "omendb.h"

/*
 * Main data of a record.  The record code stands first (rule W7: info carries
 * only the module).  A record of one op that needs nothing of this has no main data: the
 * op's code says it all, and such are the records of single rows.
 */
typedef struct xl_om_record
{
	uint8 record;
	uint8 cleanup; /* bit i: block i is replayed under a cleanup lock */
} xl_om_record;

/* follows in the main data of a record that conflicts with queries on a standby */
typedef struct xl_om_conflict
{
	TransactionId horizon;
	uint8 catalog; /* the table is a catalog to logical decoding */
	uint8 unused[3];
} xl_om_conflict;

static const OmWalModule *modules[OM_WAL_MODULES_MAX];
static bool rmgr_registered = false;

void
om_wal_register_module(OmWalModuleId id, const OmWalModule *module)
{
	Assert(id < OM_WAL_MODULES_MAX);
	modules[id] = module;
}

bool
om_wal_preloaded(void)
{
	return rmgr_registered;
}

/* ---- changing pages ---- */

void
om_wal_begin(OmWal *wal, Relation rel, OmWalModuleId module, uint8 record)
{
	wal->rel = rel;
	wal->module = module;
	wal->record = record;
	wal->horizon = InvalidTransactionId;
	wal->catalog = false;
	wal->count = 0;
}

void
om_wal_conflict(OmWal *wal, TransactionId horizon, Relation heap)
{
	wal->horizon = horizon;
	wal->catalog = RelationIsAccessibleInLogicalDecoding(heap);
}

void
om_wal_add(OmWal *wal, Buffer buffer, uint8 flags, const char *op, uint32 len)
{
	OmWalBlock *block;

	Assert(wal->count < OM_WAL_BLOCKS_MAX);
	Assert(BufferIsValid(buffer));
	block = &wal->blocks[wal->count++];
	block->buffer = buffer;
	block->flags = flags;
	block->op = op;
	block->len = len;
	block->image = NULL;
	/* redo waits for pins: nobody who has one may wait for a lock that it holds already */
	Assert(!(flags & OM_WAL_CLEANUP) || wal->count == 1);
	/* XLogRegisterBufData's limit; it would be an error inside the critical section */
	if (len > UINT16_MAX)
		elog(ERROR, "WAL op of %u bytes is too long", len);
}

void
om_wal_add_applied(OmWal *wal, Buffer buffer, uint8 flags, const char *op, uint32 len,
				   const char *image)
{
	om_wal_add(wal, buffer, flags, op, len);
	wal->blocks[wal->count - 1].image = image;
}

#ifdef OMENDB_CHECK_PAGES
bool om_check_pages = true;
#endif

static void
check_page(const OmWalModule *module, Page page, int elevel)
{
#ifdef OMENDB_CHECK_PAGES
	const char *problem = om_check_pages ? module->check((const char *) page) : NULL;

	if (problem != NULL)
		elog(elevel, "%s page check failed: %s", module->name, problem);
#endif
}

/* what redo would make of a page is what the caller has made of it */
static void
check_image(const OmWalModule *module, const OmWalBlock *block)
{
#ifdef OMENDB_CHECK_PAGES
	static PGAlignedBlock mine;
	static PGAlignedBlock theirs;

	if (!om_check_pages)
		return;
	memcpy(mine.data, BufferGetPage(block->buffer), BLCKSZ);
	memcpy(theirs.data, block->image, BLCKSZ);
	if (!module->apply(mine.data, block->op, block->len))
		elog(ERROR, "%s op %u cannot be applied", module->name, (uint8) block->op[0]);
	module->zero_hints(mine.data);
	module->zero_hints(theirs.data);
	if (memcmp(mine.data, theirs.data, BLCKSZ) != 0)
		elog(ERROR, "%s op %u makes another page than its caller", module->name,
			 (uint8) block->op[0]);
#endif
}

/* results of ops tried on a copy */
static PGAlignedBlock tried[OM_WAL_BLOCKS_MAX];

/* an op cannot be applied to what the page holds */
om_noreturn static void
apply_failed(const OmWal *wal, const OmWalBlock *block)
{
	ereport(DEBUG1, (errmsg_internal("could not apply %s op \"%s\"", modules[wal->module]->name,
									 modules[wal->module]->op_name((uint8) block->op[0]))));
	om_index_corrupted(wal->rel, BufferGetBlockNumber(block->buffer), "page cannot be changed");
}

static void
commit_rmgr(OmWal *wal)
{
	const OmWalModule *module = modules[wal->module];
	bool logged = RelationNeedsWAL(wal->rel);
	xl_om_record main = { wal->record, 0 };
	xl_om_conflict conflict = { wal->horizon, wal->catalog, { 0 } };

	for (int i = 0; i < wal->count; i++)
	{
		OmWalBlock *block = &wal->blocks[i];

		if (block->image != NULL)
			check_image(module, block);
		else if (block->flags & OM_WAL_TRY_FIRST)
		{
			memcpy(tried[i].data, BufferGetPage(block->buffer), BLCKSZ);
			if (!module->apply(tried[i].data, block->op, block->len))
				apply_failed(wal, block);
			block->image = tried[i].data;
		}
	}

	/* changes wal->blocks' buffers, in that order */
	START_CRIT_SECTION();
	for (int i = 0; i < wal->count; i++)
	{
		OmWalBlock *block = &wal->blocks[i];
		Page page = BufferGetPage(block->buffer);

		if (block->image != NULL)
			memcpy(page, block->image, BLCKSZ);
		else if (!module->apply((char *) page, block->op, block->len))
			elog(PANIC, "could not apply %s op %u to block %u of index \"%s\"", module->name,
				 (uint8) block->op[0], BufferGetBlockNumber(block->buffer),
				 RelationGetRelationName(wal->rel));
		OM_PAGE_TAIL(page)->flags &= ~OM_PAGE_GENERIC;
		MarkBufferDirty(block->buffer);
		if (block->flags & OM_WAL_CLEANUP)
			main.cleanup |= (uint8) (1 << i);
		check_page(module, page, PANIC);
	}
	if (logged)
	{
		XLogRecPtr lsn;

		XLogBeginInsert();
		if (wal->count > 1 || main.cleanup != 0 || TransactionIdIsValid(wal->horizon))
			XLogRegisterData((char *) &main, sizeof(main));
		if (TransactionIdIsValid(wal->horizon))
			XLogRegisterData((char *) &conflict, sizeof(conflict));
		for (int i = 0; i < wal->count; i++)
		{
			OmWalBlock *block = &wal->blocks[i];

			XLogRegisterBuffer((uint8) i, block->buffer,
							   REGBUF_STANDARD |
								   ((block->flags & OM_WAL_INIT) ? REGBUF_WILL_INIT : 0));
			XLogRegisterBufData((uint8) i, unconstify(char *, block->op), block->len);
		}
		lsn = XLogInsert(OMENDB_RMGR_ID, (uint8) (wal->module << 4));
		for (int i = 0; i < wal->count; i++)
			PageSetLSN(BufferGetPage(wal->blocks[i].buffer), lsn);
	}
	END_CRIT_SECTION();
}

/*
 * Generic WAL: core's record and redo, but not its GenericXLogFinish(), which takes some 3 us
 * to compare two images (om_delta.c).  What it does otherwise, this does: a
 * delta, or a full image; the hole zeroed, as redo leaves it.
 */
static void
commit_generic(OmWal *wal)
{
	const OmWalModule *module = modules[wal->module];
	bool logged = RelationNeedsWAL(wal->rel);
	bool full[OM_WAL_BLOCKS_MAX];
	uint32 delta_len[OM_WAL_BLOCKS_MAX];
	static char delta[OM_WAL_BLOCKS_MAX][OM_DELTA_BYTES_MAX];

	for (int i = 0; i < wal->count; i++)
	{
		OmWalBlock *block = &wal->blocks[i];
		bool init = (block->flags & OM_WAL_INIT) != 0;
		Page old = BufferGetPage(block->buffer);
		/* a delta is taken against this buffer, hints included: rule W3 */
		bool hints = !init && (OM_PAGE_TAIL(old)->flags & OM_PAGE_GENERIC) == 0;
		PageHeader page = (PageHeader) tried[i].data;

		if (block->image != NULL)
			check_image(module, block);
		memcpy(page, block->image != NULL ? block->image : (const char *) old, BLCKSZ);
		if (hints)
			module->zero_hints((char *) page);
		if (block->image == NULL && !module->apply((char *) page, block->op, block->len))
			apply_failed(wal, block);
		/* its op has brought hints along */
		if (init)
			module->zero_hints((char *) page);
		OM_PAGE_TAIL(page)->flags |= OM_PAGE_GENERIC;
		memset((char *) page + page->pd_lower, 0, page->pd_upper - page->pd_lower);
		check_page(module, (Page) page, ERROR);
		full[i] = init || hints;
		if (logged && !full[i])
			delta_len[i] = om_delta((const char *) old, ((PageHeader) old)->pd_lower,
									((PageHeader) old)->pd_upper, (const char *) page,
									page->pd_lower, page->pd_upper, delta[i]);
	}

	/* Generic WAL has no place for it: a record of its own, just before */
	if (TransactionIdIsValid(wal->horizon))
		om_log_conflict(wal->rel, wal->horizon, wal->catalog);
	if (logged)
		XLogBeginInsert();
	START_CRIT_SECTION();
	for (int i = 0; i < wal->count; i++)
	{
		OmWalBlock *block = &wal->blocks[i];

		memcpy(BufferGetPage(block->buffer), tried[i].data, BLCKSZ);
		MarkBufferDirty(block->buffer);
		if (!logged)
			continue;
		XLogRegisterBuffer((uint8) i, block->buffer,
						   REGBUF_STANDARD | (full[i] ? REGBUF_FORCE_IMAGE : 0));
		if (!full[i])
			XLogRegisterBufData((uint8) i, delta[i], delta_len[i]);
	}
	if (logged)
	{
		XLogRecPtr lsn = XLogInsert(RM_GENERIC_ID, 0);

		for (int i = 0; i < wal->count; i++)
			PageSetLSN(BufferGetPage(wal->blocks[i].buffer), lsn);
	}
	END_CRIT_SECTION();
}

void
om_wal_commit(OmWal *wal)
{
	Assert(wal->count > 0);
	if (rmgr_registered)
		commit_rmgr(wal);
	else
		commit_generic(wal);
}

/* ---- redo ---- */

/* what follows the fixed part of the main data; false if there is nothing */
static bool
record_conflict(XLogReaderState *record, xl_om_conflict *conflict)
{
	if (XLogRecGetDataLen(record) < sizeof(xl_om_record) + sizeof(*conflict))
		return false;
	memcpy(conflict, XLogRecGetData(record) + sizeof(xl_om_record), sizeof(*conflict));
	return true;
}

static void
om_wal_redo(XLogReaderState *record)
{
	uint8 module_id = (XLogRecGetInfo(record) & ~XLR_INFO_MASK) >> 4;
	const OmWalModule *module = modules[module_id];
	uint8 cleanup = 0;
	Buffer buffers[OM_WAL_BLOCKS_MAX];
	int count = XLogRecMaxBlockId(record) + 1;
	xl_om_conflict conflict;

	if (module == NULL || count > OM_WAL_BLOCKS_MAX ||
		(XLogRecGetDataLen(record) < sizeof(xl_om_record) &&
		 (count != 1 || XLogRecGetDataLen(record) != 0)))
		elog(PANIC, "unexpected omendb record: module %u, %d blocks", module_id, count);
	if (XLogRecGetDataLen(record) > 0)
		cleanup = ((const xl_om_record *) XLogRecGetData(record))->cleanup;

	/* before any lock: the queries that are cancelled may hold one */
	if (InHotStandby && record_conflict(record, &conflict))
	{
		OmRelFile file;

		XLogRecGetBlockTag(record, 0, &file, NULL, NULL);
		om_resolve_conflict(conflict.horizon, conflict.catalog != 0, file);
	}

	/* all locks are held until every page is changed, as on the primary */
	for (int i = 0; i < count; i++)
	{
		bool init = (XLogRecGetBlock(record, i)->flags & BKPBLOCK_WILL_INIT) != 0;
		XLogRedoAction action =
			XLogReadBufferForRedoExtended(record, (uint8) i, init ? RBM_ZERO_AND_LOCK : RBM_NORMAL,
										  !init && (cleanup & (1 << i)) != 0, &buffers[i]);

		if (action == BLK_NEEDS_REDO)
		{
			Page page = BufferGetPage(buffers[i]);
			Size len;
			const char *op = XLogRecGetBlockData(record, (uint8) i, &len);

			if (op == NULL || !module->apply((char *) page, op, (uint32) len))
				elog(PANIC, "could not replay %s op %u on block %d", module->name,
					 op ? (uint8) op[0] : 0, i);
			OM_PAGE_TAIL(page)->flags &= ~OM_PAGE_GENERIC;
			check_page(module, page, PANIC);
			PageSetLSN(page, record->EndRecPtr);
			MarkBufferDirty(buffers[i]);
		}
	}
	for (int i = 0; i < count; i++)
		if (BufferIsValid(buffers[i]))
			UnlockReleaseBuffer(buffers[i]);
}

static void
om_wal_desc(StringInfo buf, XLogReaderState *record)
{
	const OmWalModule *module = modules[(XLogRecGetInfo(record) & ~XLR_INFO_MASK) >> 4];
	xl_om_conflict conflict;

	if (module == NULL)
		return;
	if (record_conflict(record, &conflict))
		appendStringInfo(buf, "conflict horizon %u; ", conflict.horizon);
	for (int i = 0; i <= XLogRecMaxBlockId(record); i++)
	{
		Size len = 0;
		const char *op = XLogRecGetBlockData(record, (uint8) i, &len);

		if (op != NULL && len > 0)
			appendStringInfo(buf, "%sblk %d: %s, %zu bytes", i > 0 ? "; " : "", i,
							 module->op_name((uint8) op[0]), len);
	}
}

static const char *
om_wal_identify(uint8 info)
{
	/* only the info byte is given: the module is all that it tells */
	const OmWalModule *module = modules[(info & ~XLR_INFO_MASK) >> 4];

	return module ? module->name : NULL;
}

static void
om_wal_mask(char *pagedata, BlockNumber blkno)
{
	mask_page_lsn_and_checksum((Page) pagedata);
	mask_unused_space((Page) pagedata);
	for (int i = 0; i < OM_WAL_MODULES_MAX; i++)
		if (modules[i] != NULL && modules[i]->page_id == OM_PAGE_TAIL(pagedata)->page_id)
			modules[i]->zero_hints(pagedata);
}

static RmgrData om_rmgr = {
	.rm_name = "omendb",
	.rm_redo = om_wal_redo,
	.rm_desc = om_wal_desc,
	.rm_identify = om_wal_identify,
	.rm_mask = om_wal_mask,
};

void
om_wal_register_rmgr(void)
{
	RegisterCustomRmgr(OMENDB_RMGR_ID, &om_rmgr);
	rmgr_registered = true;
}
