/*
 * hybrid_freeze.h
 *		Make one row group of hot rows: README.md, "Freezing".
 */
#ifndef HYBRID_FREEZE_H
#define HYBRID_FREEZE_H

#include "datatype/timestamp.h"
#include "storage/itemptr.h"
#include "utils/relcache.h"

#include "hybrid/hybrid_format.h"

/* what to freeze, and how far that has come; lives over several transactions */
typedef struct HyFreeze
{
	bool all_rows;	  /* write the last group, too, however few rows it has */
	BlockNumber next; /* where the next group's rows begin to be looked for */
	/* option keep_hot_rows: rows from here on stay hot, if valid; found once, by the first group */
	bool kept_known;
	ItemPointerData kept;
	uint64 rows;   /* frozen */
	uint64 groups; /* written */
	/* hot rows that were passed by, by HyLeft; all there are when hy_freeze_group has returned false */
	uint64 left[HY_LEFT_COUNT];
	TransactionId horizon; /* HY_LEFT_YOUNG: from this xid on, and who holds it back */
	HyHolder holder;
	int holder_pid;
	uint32 group_rows; /* that would have filled a group */
	/* option freeze_after: when the first HY_LEFT_AGE rows that would fill a group are old enough; 0: there are none */
	TimestampTz ripe_at;
} HyFreeze;

/*
 * Can rows of this table be frozen?  NULL, or why not: a constant sentence without its period.
 */
extern const char *hy_cannot_freeze(Relation rel);

/*
 * hy_freeze_group --- write one group, by the table's options; false if there are not enough rows for another.
 *
 * What it found goes to the table's report (hybrid_report.h).  The caller holds ShareUpdateExclusiveLock, keeps it until it commits, which it does next, and has an active
 * snapshot; it runs in READ COMMITTED and is not VACUUM (rule Z1 of design.md).  Temporary memory is freed.
 */
extern bool hy_freeze_group(Relation rel, HyFreeze *freeze);

#endif
