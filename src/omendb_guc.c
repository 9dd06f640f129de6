/*
 * omendb_guc.c
 *		Every setting of the extension: name, unit, range, default, who may set
 *		it.  The variable itself is declared by the module that reads it.
 */
#include "postgres.h"

#include "utils/guc.h"

#include "alex/alex_cache.h"
#include "base/heap_pin.h"
#include "base/om_wal.h"
#include "base/stop_point.h"
#include "hybrid/hybrid_judge.h"
#include "hybrid/hybrid_load.h"
#include "hybrid/hybrid_queue.h"
#include "hybrid/hybrid_space.h"
#include "hybrid/hybrid_worker.h"
#include "omendb_guc.h"

/* places of heap pages may take a quarter on top */
static void
assign_cache_size(int size, void *extra)
{
	om_heap_pin_kb = size / 4;
}

void
omendb_guc_init(void)
{
	DefineCustomIntVariable(
		"omendb.alex_cache_size", "Memory a backend keeps decoded inner pages of alex indexes in.",
		"One limit for all indexes; the pages used least recently go first.  Zero: none are kept.",
		&alex_cache_size, ALEX_CACHE_SIZE_DEFAULT, 0, ALEX_CACHE_SIZE_MAX, PGC_USERSET, GUC_UNIT_KB,
		NULL, assign_cache_size, NULL);
	DefineCustomIntVariable(
		"omendb.row_group_rows", "Rows at which a bulk load closes a row group.",
		"A group also closes at 64 MB of uncompressed data.  What is left below a full group is "
		"stored as hot rows.",
		&hy_row_group_rows, RG_ROWS_MAX, HY_ROW_GROUP_ROWS_MIN, RG_ROWS_MAX, PGC_USERSET, 0, NULL,
		NULL, NULL);
	DefineCustomBoolVariable("omendb.load_row_groups",
							 "Bulk loads and rewrites of omendb tables write row groups.",
							 "Off: all rows are stored hot, as heap stores them.",
							 &hy_load_row_groups, true, PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomBoolVariable(
		"omendb.auto_freeze", "VACUUM of omendb tables has hot rows frozen.",
		"A background worker makes row groups of them. Off: only omendb.compact "
		"does.",
		&hy_freeze_enabled, true, PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("omendb.freeze_workers",
							"Workers that freeze rows at the same time, in all databases.",
							"Of use only if omendb is preloaded.", &hy_freeze_workers, 2, 1,
							HY_FREEZE_WORKERS_MAX, PGC_SIGHUP, 0, NULL, NULL, NULL);
	DefineCustomIntVariable(
		"omendb.freeze_naptime",
		"Time after which a worker comes back for rows that could not be frozen yet.",
		"It doubles as long as no rows are frozen. Of use only if omendb is preloaded.",
		&hy_freeze_naptime, 60, 1, 86400, PGC_SIGHUP, GUC_UNIT_S, NULL, NULL, NULL);
#ifdef OMENDB_TESTING
	DefineCustomBoolVariable("omendb.rewrite_all_cold",
							 "VACUUM FULL makes row groups of all rows, however few and young.",
							 NULL, &hy_rewrite_all_cold, false, PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomBoolVariable("omendb.move_all", "omendb.compact moves all row groups each time.",
							 NULL, &hy_move_all, false, PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomStringVariable("omendb.stop_points",
							   "Points at which a test makes the backend wait, fail or die.",
							   "List of name=action; actions: wait, error, crash.", &om_stop_points,
							   "", PGC_SUSET, 0, NULL, NULL, NULL);
#endif
#ifdef OMENDB_CHECK_PAGES
	DefineCustomBoolVariable("omendb.check_pages", "Checks a page whole after every change.",
							 "A fault found is a PANIC.", &om_check_pages, true, PGC_SUSET, 0, NULL,
							 NULL, NULL);
#endif
	MarkGUCPrefixReserved("omendb");
}
