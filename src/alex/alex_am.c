/*
 * alex_am.c
 *		Handler of access method alex, and its start-up.
 */
#include "postgres.h"

#include "access/amapi.h"
#include "access/stratnum.h"
#include "commands/vacuum.h"
#include "fmgr.h"

#include "alex/alex_am.h"
#include "alex/alex_build.h"
#include "alex/alex_conflict.h"
#include "alex/alex_cost.h"
#include "alex/alex_insert.h"
#include "alex/alex_opclass.h"
#include "alex/alex_options.h"
#include "alex/alex_scan.h"
#include "alex/alex_vacuum.h"
#include "alex/alex_wal.h"
#include "base/pg_compat.h"

/*
 * Support functions are numbered as btree's, since core may take them for sorting:
 * 1 compare, 2 sort support, 3 in_range, 4 equalimage.  There are no opclass options.
 */
#define ALEX_NPROCS 4

PG_FUNCTION_INFO_V1(omendb_alex_handler);

void
alex_init(void)
{
	alex_options_init();
	alex_wal_init();
	alex_conflict_init();
}

/* amproperty: included columns are refused, whatever amcaninclude says */
static bool
alexproperty(Oid index, int attno, IndexAMProperty prop, const char *name, bool *res, bool *isnull)
{
	if (prop != AMPROP_CAN_INCLUDE)
		return false;
	*res = false;
	return true;
}

Datum
omendb_alex_handler(PG_FUNCTION_ARGS)
{
	IndexAmRoutine *am = makeNode(IndexAmRoutine);

	alex_conflict_check_loaded();
	am->amstrategies = BTMaxStrategyNumber;
	am->amsupport = ALEX_NPROCS;
	am->amcanorder = true;
	am->amcanbackward = true;
	am->amcanunique = true;
	am->amcanmulticol = true;
	am->amcaninclude = true; /* so that it is alex_key_info() that refuses, with a hint */
	am->amoptionalkey = true;
	am->amsearcharray = true;
	am->amsearchnulls = true;
	am->amclusterable = true;
	am->ampredlocks = true; /* leaves: README.md, "Serializable transactions" */
	am->amcanparallel = true;
	am->amparallelvacuumoptions = VACUUM_OPTION_PARALLEL_BULKDEL;
	am->amkeytype = InvalidOid;

	am->ambuild = alexbuild;
	am->ambuildempty = alexbuildempty;
	am->aminsert = alexinsert;
	am->ambulkdelete = alexbulkdelete;
	am->amvacuumcleanup = alexvacuumcleanup;
	am->amcanreturn = alexcanreturn;
	am->amcostestimate = alexcostestimate;
	am->amoptions = alexoptions;
	am->ambuildphasename = alexbuildphasename;
	am->amproperty = alexproperty;
	am->amvalidate = alexvalidate;
	am->ambeginscan = alexbeginscan;
	am->amrescan = alexrescan;
	am->amgettuple = alexgettuple;
	am->amgetbitmap = alexgetbitmap;
	am->amendscan = alexendscan;
	am->ammarkpos = alexmarkpos;
	am->amrestrpos = alexrestrpos;
	am->amestimateparallelscan = alexestimateparallelscan;
	am->aminitparallelscan = alexinitparallelscan;
	am->amparallelrescan = alexparallelrescan;
	om_am_set_build_parallel(am);
	om_am_set_comparison(am);

	PG_RETURN_POINTER(am);
}
