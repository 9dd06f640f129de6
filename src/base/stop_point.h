/*
 * stop_point.h
 *		Named points at which a test can make a backend wait, fail or die.
 *
 * Compiled out unless OMENDB_TESTING.  The setting omendb.stop_points is a list
 * of name=action, separated by commas; actions:
 *
 *	wait	take and release the advisory lock hashtext(name): a test that holds
 *			it parks the backend here, and the isolation tester sees it wait.
 *			Only where no buffer lock is held: those hold off interrupts.
 *	file	wait as long as the data directory has a file of this name; takes no
 *			lock, for where a page or a relation's extension is locked, which
 *			allow no other lock to be taken
 *	error	ereport(ERROR)
 *	crash	flush the WAL written by this process, then SIGKILL, as kill -9 would
 *
 * A point inside a buffer lock may be given "error" or "crash" only.
 */
#ifndef STOP_POINT_H
#define STOP_POINT_H

#ifdef OMENDB_TESTING
extern char *om_stop_points; /* GUC omendb.stop_points */

extern void om_stop_point(const char *name);

#define STOP_POINT(name) \
	do \
	{ \
		if (unlikely(om_stop_points != NULL && om_stop_points[0] != '\0')) \
			om_stop_point(name); \
	} while (0)
#else
#define STOP_POINT(name) ((void) 0)
#endif

#endif
