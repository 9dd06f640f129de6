/*
 * hybrid_freeze.h
 *		Make one row group of hot rows: README.md, "Freezing".
 */
#ifndef HYBRID_FREEZE_H
#define HYBRID_FREEZE_H

#include "storage/itemptr.h"
#include "utils/relcache.h"

/* what to freeze, and how far that has come; lives over several transactions */
typedef struct HyFreeze
{
	bool all_rows;	  /* write the last group, too, however few rows it has */
	BlockNumber next; /* where the next group's rows begin to be looked for */
	/* option keep_hot_rows: rows from here on stay hot, if valid; found once, by the first group */
	bool kept_known;
	ItemPointerData kept;
	uint64 rows;		 /* frozen */
	uint64 groups;		 /* written */
	uint64 changed_rows; /* of them, that somebody changed meanwhile: they are hot still */
} HyFreeze;

/*
 * Can rows of this table be frozen?  NULL, or why not: a constant sentence without its period.
 */
extern const char *hy_cannot_freeze(Relation rel);

/*
 * hy_freeze_group --- write one group, by the table's options; false if there are not enough rows for another.
 *
 * The caller holds ShareUpdateExclusiveLock, keeps it until it commits, which it does next, and has an active
 * snapshot; it runs in READ COMMITTED and is not VACUUM (rule Z1 of design.md).  Temporary memory is freed.
 */
extern bool hy_freeze_group(Relation rel, HyFreeze *freeze);

#endif
