/*
 * hybrid_compact.c
 *		omendb.compact(): freeze all that can be frozen, a group a transaction.
 */
#include "postgres.h"

#include "access/table.h"
#include "access/xact.h"
#include "catalog/pg_class.h"
#include "commands/tablecmds.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "base/pg_compat.h"
#include "hybrid/hybrid_am.h"
#include "hybrid/hybrid_freeze.h"
#include "hybrid/hybrid_move.h"
#include "hybrid/hybrid_options.h"
#include "hybrid/hybrid_regroup.h"
#include "hybrid/hybrid_report.h"

PG_FUNCTION_INFO_V1(omendb_compact);

/* the table, locked until the transaction ends; checks that rows of it can be frozen by this user */
static Relation
open_table(Oid relid)
{
	Relation rel;
	const char *reason;
	HyOptions options;

	/* before the lock, which others would have to wait for */
	if (!om_may_maintain(relid, GetUserId()))
		aclcheck_error(ACLCHECK_NOT_OWNER, get_relkind_objtype(get_rel_relkind(relid)),
					   get_rel_name(relid));
	/* what that has read of the catalogs was by a snapshot; see omendb_compact */
	InvalidateCatalogSnapshot();
	rel = table_open(relid, ShareUpdateExclusiveLock);
	if (rel->rd_rel->relkind == RELKIND_PARTITIONED_TABLE)
		ereport(ERROR, (errcode(ERRCODE_WRONG_OBJECT_TYPE),
						errmsg("\"%s\" is a partitioned table", RelationGetRelationName(rel)),
						errhint("Name one partition.")));
	hy_check_hybrid(rel);
	if (RELATION_IS_OTHER_TEMP(rel))
		ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
						errmsg("cannot access temporary tables of other sessions")));
	CheckTableNotInUse(rel, "omendb.compact");
	hy_options_read(rel, &options);
	hy_options_check_server(&options);
	reason = hy_cannot_freeze(rel);
	if (reason != NULL)
		ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
						errmsg("cannot freeze rows of table \"%s\"", RelationGetRelationName(rel)),
						errdetail("%s.", _(reason))));
	return rel;
}

/* one transaction's work; false: nothing is left to do */
static bool
compact_step(Oid relid, HyFreeze *freeze)
{
	Relation rel;
	bool more;

	/*
	 * The transaction writes a group for others to see or not to see: a snapshot of its own, older than its lock, has
	 * no part in that (rule Z1 of design.md).
	 */
	if (IsolationUsesXactSnapshot())
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("omendb.compact must run in isolation level READ COMMITTED"),
				 errhint("SET default_transaction_isolation = 'read committed' before the call.")));
	PreventCommandIfReadOnly("omendb.compact");
	rel = open_table(relid);
	PushActiveSnapshot(GetTransactionSnapshot());
	more = hy_freeze_group(rel, freeze);
	PopActiveSnapshot();
	table_close(rel, NoLock);
	return more;
}

/* groups with many dead rows are written anew, small ones joined, a transaction each */
static void
regroup(Oid relid, HyRegroup *work)
{
	bool more;

	do
	{
		Relation rel;

		CHECK_FOR_INTERRUPTS();
		rel = open_table(relid);
		PushActiveSnapshot(GetTransactionSnapshot());
		more = hy_regroup_step(rel, work);
		PopActiveSnapshot();
		table_close(rel, NoLock);
		SPI_commit();
	} while (more);
}

/* give space back: groups go from the end of the file to where there is room, a transaction each, and the end is cut off */
static void
shrink(Oid relid, HyShrink *work)
{
	MemoryContext context =
		AllocSetContextCreate(PortalContext, "omendb moves", ALLOCSET_DEFAULT_SIZES);
	bool more;

	work->context = context;

	do
	{
		Relation rel;

		CHECK_FOR_INTERRUPTS();
		rel = open_table(relid);
		PushActiveSnapshot(GetTransactionSnapshot());
		more = hy_shrink_step(rel, work);
		PopActiveSnapshot();
		table_close(rel, NoLock);
		SPI_commit();
	} while (more);
	MemoryContextDelete(context);
}

/* omendb.compact(tab regclass, all_rows boolean, verbose boolean) */
Datum
omendb_compact(PG_FUNCTION_ARGS)
{
	CallContext *call = fcinfo->context != NULL && IsA(fcinfo->context, CallContext)
							? (CallContext *) fcinfo->context
							: NULL;
	HyFreeze freeze = { 0 };
	HyRegroup regrouped = { 0 };
	HyShrink shrunk = { 0 };
	bool more;
	Oid relid;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1) || PG_ARGISNULL(2))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
						errmsg("arguments of omendb.compact must not be null")));
	if (call == NULL || call->atomic)
		ereport(ERROR, (errcode(ERRCODE_ACTIVE_SQL_TRANSACTION),
						errmsg("omendb.compact cannot run inside a transaction block"),
						errdetail("It commits after each row group.")));
	PreventCommandDuringRecovery("omendb.compact");
	relid = PG_GETARG_OID(0);
	freeze.all_rows = PG_GETARG_BOOL(1);

	/* never fails but by an error of its own */
	(void) SPI_connect_ext(SPI_OPT_NONATOMIC);
	/*
	 * Without the snapshot of the call: CREATE INDEX CONCURRENTLY waits for those that are older than its own, and we
	 * may have to wait for its lock.
	 */
	SPI_commit();
	do
	{
		CHECK_FOR_INTERRUPTS();
		more = compact_step(relid, &freeze);
		/* the last one, too: nothing else may be done in a freezer's transaction */
		SPI_commit();
	} while (more);
	regroup(relid, &regrouped);
	shrink(relid, &shrunk);
	SPI_finish();

	ereport(PG_GETARG_BOOL(2) ? INFO : DEBUG1,
			(errmsg("\"%s\": froze " UINT64_FORMAT " rows in " UINT64_FORMAT " row groups",
					get_rel_name(relid), freeze.rows, freeze.groups),
			 errdetail("%s.", hy_report_left(&freeze))));
	if (regrouped.groups > 0 || shrunk.done > 0 || shrunk.cut_off > 0)
		ereport(PG_GETARG_BOOL(2) ? INFO : DEBUG1,
				(errmsg("\"%s\": rewrote " UINT64_FORMAT
						" row groups, moved %u, gave back " UINT64_FORMAT " pages",
						get_rel_name(relid), regrouped.sources, shrunk.done, shrunk.cut_off),
				 errdetail("The rewritten ones are " UINT64_FORMAT " now, without " UINT64_FORMAT
						   " dead rows.",
						   regrouped.groups, regrouped.rows_freed)));
	PG_RETURN_VOID();
}
