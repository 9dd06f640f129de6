/*
 * hybrid_compact.c
 *		omendb.compact(): freeze all that can be frozen, a group a transaction, and give space back.
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

#include "base/check.h"
#include "base/pg_compat.h"
#include "hybrid/hybrid_am.h"
#include "hybrid/hybrid_compact.h"
#include "hybrid/hybrid_options.h"
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
	om_check_readable(rel);
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

bool
hy_compaction_step(Relation rel, HyCompaction *work)
{
	bool more = true;

	PushActiveSnapshot(GetTransactionSnapshot());
	if (!work->frozen)
		work->frozen = !hy_freeze_group(rel, &work->freeze);
	else if (!work->regrouped)
		work->regrouped = !hy_regroup_step(rel, &work->regroup);
	else
		more = hy_shrink_step(rel, &work->shrink);
	PopActiveSnapshot();
	return more;
}

/* one transaction's work; false: nothing is left to do */
static bool
compact_step(Oid relid, HyCompaction *work)
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
	more = hy_compaction_step(rel, work);
	table_close(rel, NoLock);
	return more;
}

/* omendb.compact(tab regclass, all_rows boolean, verbose boolean) */
Datum
omendb_compact(PG_FUNCTION_ARGS)
{
	CallContext *call = fcinfo->context != NULL && IsA(fcinfo->context, CallContext)
							? (CallContext *) fcinfo->context
							: NULL;
	HyCompaction work = { 0 };
	const HyFreeze *freeze = &work.freeze;
	const HyRegroup *regroup = &work.regroup;
	const HyShrink *shrink = &work.shrink;
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
	work.freeze.all_rows = PG_GETARG_BOOL(1);
	work.shrink.context =
		AllocSetContextCreate(PortalContext, "omendb moves", ALLOCSET_DEFAULT_SIZES);

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
		more = compact_step(relid, &work);
		/* the last one, too: nothing else may be done in a freezer's transaction */
		SPI_commit();
	} while (more);
	SPI_finish();
	MemoryContextDelete(work.shrink.context);

	ereport(PG_GETARG_BOOL(2) ? INFO : DEBUG1,
			(errmsg("\"%s\": froze " UINT64_FORMAT " rows in " UINT64_FORMAT " row groups",
					get_rel_name(relid), freeze->rows, freeze->groups),
			 errdetail("%s.", hy_report_left(freeze))));
	if (regroup->groups > 0 || shrink->done > 0 || shrink->cut_off > 0)
		ereport(PG_GETARG_BOOL(2) ? INFO : DEBUG1,
				(errmsg("\"%s\": rewrote " UINT64_FORMAT
						" row groups, moved %u, gave back " UINT64_FORMAT " pages",
						get_rel_name(relid), regroup->sources, shrink->done, shrink->cut_off),
				 errdetail("The rewritten ones are " UINT64_FORMAT " now, without " UINT64_FORMAT
						   " dead rows.",
						   regroup->groups, regroup->rows_freed)));
	PG_RETURN_VOID();
}
