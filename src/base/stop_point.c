/*
 * stop_point.c
 *		Named points for tests.  PostgreSQL's delay_execution test module uses
 *		advisory locks the same way.
 */
#include "postgres.h"

#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "access/xlog.h"
#include "common/hashfn.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/timestamp.h"

#include "base/stop_point.h"

#ifdef OMENDB_TESTING

char *om_stop_points = NULL;

/* what the setting says about a point, or NULL; the result points into the setting */
static const char *
find_action(const char *name)
{
	size_t len = strlen(name);
	const char *p = om_stop_points;

	while (p != NULL && *p != '\0')
	{
		while (*p == ' ' || *p == ',')
			p++;
		if (strncmp(p, name, len) == 0 && (p[len] == '=' || p[len] == ',' || p[len] == '\0'))
			return p[len] == '=' ? p + len + 1 : "wait";
		p = strchr(p, ',');
	}
	return NULL;
}

void
om_stop_point(const char *name)
{
	const char *action = find_action(name);

	if (action == NULL)
		return;
	if (strncmp(action, "crash", 5) == 0)
	{
		/* what this backend has logged shall survive, or most points would be the same one */
		if (XactLastRecEnd != InvalidXLogRecPtr)
			XLogFlush(XactLastRecEnd);
		kill(getpid(), SIGKILL);
		pg_usleep(60 * USECS_PER_SEC);
	}
	else if (strncmp(action, "error", 5) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_QUERY_CANCELED), errmsg("stopped at stop point \"%s\"", name)));
	else if (strncmp(action, "file", 4) == 0)
	{
		struct stat st;

		pgstat_report_wait_start(PG_WAIT_EXTENSION);
		while (stat(name, &st) == 0)
		{
			CHECK_FOR_INTERRUPTS();
			pg_usleep(1000);
		}
		pgstat_report_wait_end();
	}
	else
	{
		int64 key =
			(int32) DatumGetUInt32(hash_any((const unsigned char *) name, (int) strlen(name)));

		DirectFunctionCall1(pg_advisory_lock_int8, Int64GetDatum(key));
		DirectFunctionCall1(pg_advisory_unlock_int8, Int64GetDatum(key));
	}
}

#endif
