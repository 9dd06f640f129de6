/*
 * om_wal.h
 *		One way to change pages in two WAL modes.
 *
 * A change is a list of (buffer, op); what an op means is a module's business:
 * its apply() function executes one op on one page image and is the same code
 * on the primary and in redo.  om_wal_commit() runs the list
 *
 *	with the library in shared_preload_libraries: in a critical section on the
 *	buffers themselves, logging the ops through our resource manager;
 *	otherwise: on copies inside a Generic WAL record.
 *
 * The mode is decided once, in _PG_init, from whether the resource manager was
 * registered; a backend that only LOADs the library never writes custom records.
 * README.md here states the rules (W1-W7).
 */
#ifndef OM_WAL_H
#define OM_WAL_H

#include "access/xlogreader.h"
#include "storage/buf.h"
#include "storage/bufpage.h"
#include "utils/relcache.h"

/* pages of one record: Generic WAL's limit (rule W5) */
#define OM_WAL_BLOCKS_MAX 4

/*
 * Every page of the extension ends with these four bytes.
 * OM_PAGE_GENERIC: last logged in generic mode (rule W3).
 */
typedef struct OmPageTail
{
	uint16 flags;
	uint16 page_id;
} OmPageTail;

#define OM_PAGE_GENERIC 0x8000

#define OM_PAGE_TAIL(page) ((OmPageTail *) ((char *) (page) + BLCKSZ - sizeof(OmPageTail)))

/* module ids: high nibble of a record's info (values are in WAL) */
typedef enum OmWalModuleId
{
	OM_WAL_ALEX = 0,
	OM_WAL_HYBRID = 1
} OmWalModuleId;

#define OM_WAL_MODULES_MAX 16

typedef struct OmWalModule
{
	const char *name;
	uint16 page_id;

	/*
	 * Execute an op.  Sees one page, allocates nothing, raises nothing; false =
	 * the op is not valid (PANIC).
	 */
	bool (*apply)(char *page, const char *op, uint32 len);

	/* clear every hint bit of a valid page; a no-op on a page it cannot read */
	void (*zero_hints)(char *page);

	/* full check, for OMENDB_CHECK_PAGES; NULL or what is wrong */
	const char *(*check)(const char *page);

	/* names for pg_waldump and the error context */
	const char *(*identify)(uint8 record);
	const char *(*op_name)(uint8 op);
} OmWalModule;

extern void om_wal_register_module(OmWalModuleId id, const OmWalModule *module);

/* at _PG_init, while shared_preload_libraries are loaded */
extern void om_wal_register_rmgr(void);

/* true: resource manager; false: Generic WAL */
extern bool om_wal_preloaded(void);

#ifdef OMENDB_CHECK_PAGES
/* GUC omendb.check_pages: off in tests that damage pages */
extern bool om_check_pages;
#endif

typedef struct OmWalBlock
{
	Buffer buffer;
	uint8 flags;
	const char *op;
	uint32 len;
	const char *image; /* what the op makes of the page, if the caller has it */
} OmWalBlock;

#define OM_WAL_INIT 0x01	/* the op makes the page from nothing */
#define OM_WAL_CLEANUP 0x02 /* redo takes a cleanup lock */

/*
 * The op reads much of the page, so damage that nobody has noticed may make it
 * fail: try it on a copy before the critical section, where that is an error and
 * not a PANIC.  For ops that do not run once per row.
 */
#define OM_WAL_TRY_FIRST 0x04

typedef struct OmWal
{
	Relation rel;
	OmWalModuleId module;
	uint8 record;
	TransactionId horizon; /* see om_wal_conflict */
	bool catalog;
	int count;
	OmWalBlock blocks[OM_WAL_BLOCKS_MAX];
} OmWal;

/*
 * om_wal_begin / om_wal_add / om_wal_commit --- one record.
 *
 * All buffers are locked exclusively by the caller and stay so; the op bytes
 * must stay valid until commit.  Blocks are applied in the order they were
 * added.  om_wal_commit may raise an error only before anything is changed.
 */
extern void om_wal_begin(OmWal *wal, Relation rel, OmWalModuleId module, uint8 record);
extern void om_wal_add(OmWal *wal, Buffer buffer, uint8 flags, const char *op, uint32 len);

/*
 * om_wal_add_applied --- the same for a caller that may have made the page itself: image, unless NULL, is what
 * apply() would make of it, byte for byte but for hints, and stays valid until commit.  Builds
 * with OMENDB_CHECK_PAGES apply the op as well and compare.
 */
extern void om_wal_add_applied(OmWal *wal, Buffer buffer, uint8 flags, const char *op, uint32 len,
							   const char *image);
extern void om_wal_commit(OmWal *wal);

/*
 * om_wal_conflict --- the record takes away what snapshots that do not see `horizon`
 * as ended could still need: a standby cancels their queries before it replays it.
 * An invalid xid: there is no such conflict.  heap: the table of the index.
 */
extern void om_wal_conflict(OmWal *wal, TransactionId horizon, Relation heap);

#endif
