/*
 * omendb.c
 *		Start-up of the extension; no logic.
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "alex/alex_am.h"
#include "alex/alex_bloat.h"
#include "base/om_wal.h"
#include "hybrid/hybrid_am.h"
#include "omendb.h"
#include "omendb_guc.h"

PG_MODULE_MAGIC;

PG_FUNCTION_INFO_V1(omendb_version);
PG_FUNCTION_INFO_V1(omendb_wal_mode);

void _PG_init(void);

void
_PG_init(void)
{
	omendb_guc_init();
	alex_init();
	hybrid_init();
	om_bloat_register(&alex_bloat_method);
	/* a resource manager can be registered at this moment only */
	if (process_shared_preload_libraries_in_progress)
		om_wal_register_rmgr();
}

/* omendb.version() returns text */
Datum
omendb_version(PG_FUNCTION_ARGS)
{
	PG_RETURN_TEXT_P(cstring_to_text(OMENDB_VERSION));
}

/* omendb.wal_mode() returns text: how this server logs changes of our pages */
Datum
omendb_wal_mode(PG_FUNCTION_ARGS)
{
	PG_RETURN_TEXT_P(cstring_to_text(om_wal_preloaded() ? "resource manager" : "generic"));
}
