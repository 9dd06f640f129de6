/*
 * check.h
 *		Errors for damaged storage, and assertion helpers.
 *
 * Assert(x): proven.  ALWAYS(x) / NEVER(x): believed; they assert in builds
 * with assertions and the code handles the other outcome in production.  What
 * came from disk is checked in every build and reported with these functions.
 */
#ifndef OMENDB_CHECK_H
#define OMENDB_CHECK_H

#include "storage/block.h"
#include "utils/relcache.h"

#define om_noreturn __attribute__((noreturn))

#ifdef USE_ASSERT_CHECKING
#define ALWAYS(x) (AssertMacro(x), true)
#define NEVER(x) (AssertMacro(!(x)), false)
#else
#define ALWAYS(x) (likely(x))
#define NEVER(x) (unlikely(x))
#endif

/*
 * om_index_corrupted --- ereport(ERROR) with XX002 for a page of an index.
 * `detail` is a constant sentence without a final period.  Does not return.
 */
om_noreturn extern void om_index_corrupted(Relation index, BlockNumber block, const char *detail);

/* the same for a file version we cannot read */
om_noreturn extern void om_index_version_mismatch(Relation index, uint32 found, uint32 current,
												  uint32 minimum);

/* om_check_readable --- ereport(ERROR) if the pages of a table or index are not there, or in another session's memory. */
extern void om_check_readable(Relation rel);

#endif
