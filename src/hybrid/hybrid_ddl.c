/*
 * hybrid_ddl.c
 *		Files of omendb tables (rule P4).
 */
#include "postgres.h"

#include "access/heapam.h"
#include "access/xlog.h"
#include "access/xloginsert.h"
#include "catalog/pg_class_d.h"
#include "catalog/storage.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "storage/bufpage.h"
#include "storage/smgr.h"
#include "utils/rel.h"

#include "hybrid/hybrid_ddl.h"
#include "hybrid/hybrid_directory.h"
#include "hybrid/hybrid_kept.h"
#include "hybrid/hybrid_load.h"

/* write a new metapage as block 0 of a fork that has none */
static void
write_metapage(SMgrRelation smgr, const OmRelFile *file, ForkNumber fork, bool log)
{
	OM_PAGE_BUFFER page;

	hy_meta_page_init(page.data);
	/*
	 * File before WAL: smgrextend leaves the sync to the next checkpoint.  One
	 * that begins after the record syncs the file; one that began before it
	 * makes recovery replay the record.
	 */
	PageSetChecksumInplace((Page) page.data, 0);
	smgrextend(smgr, fork, 0, page.data, false);
	if (log)
		log_newpage(unconstify(OmRelFile *, file), fork, 0, (Page) page.data, true);
}

void
hybrid_relation_set_new_file(Relation rel, const OmRelFile *newrlocator, char persistence,
							 TransactionId *freezeXid, MultiXactId *minmulti)
{
	SMgrRelation smgr;

	/* files, their removal on abort, and for unlogged tables the init fork */
	GetHeapamTableAmRoutine()->relation_set_new_file(rel, newrlocator, persistence, freezeXid,
													 minmulti);
	smgr = smgropen(*newrlocator, rel->rd_backend);
	/* wal_level = minimal: the file is synced at commit */
	write_metapage(smgr, newrlocator, MAIN_FORKNUM,
				   persistence == RELPERSISTENCE_PERMANENT && XLogIsNeeded());
	if (persistence == RELPERSISTENCE_UNLOGGED)
	{
		/* what a crash resets the table to must be there whatever comes */
		write_metapage(smgr, newrlocator, INIT_FORKNUM, true);
		smgrimmedsync(smgr, INIT_FORKNUM);
	}
	smgrclose(smgr);
}

/* the file is ours alone: made in this transaction, or temporary */
void
hybrid_relation_nontransactional_truncate(Relation rel)
{
	PGAlignedBlock page;
	Buffer buffer;

	/* outside of the critical section: it may fail */
	hy_meta_page_init(page.data);
	hy_load_discard(rel);
	hy_directory_forget(rel);
	hy_kept_forget(rel);
	/*
	 * The metapage stays where it is: a file without one would take heap's next
	 * page for it.  It says "empty" before the rest is cut off.
	 */
	buffer = ReadBuffer(rel, 0);
	LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
	START_CRIT_SECTION();
	memcpy(BufferGetPage(buffer), page.data, BLCKSZ);
	MarkBufferDirty(buffer);
	if (RelationNeedsWAL(rel))
		log_newpage_buffer(buffer, true);
	END_CRIT_SECTION();
	UnlockReleaseBuffer(buffer);
	RelationTruncate(rel, 1);
}
