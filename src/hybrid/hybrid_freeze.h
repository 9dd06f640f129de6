/*
 * hybrid_freeze.h
 *		Make one row group of hot rows: README.md, "Freezing".
 */
#ifndef HYBRID_FREEZE_H
#define HYBRID_FREEZE_H

#include "storage/block.h"
#include "utils/relcache.h"

/* what to freeze, and how far that has come; lives over several transactions */
typedef struct HyFreeze
{
	uint32 group_rows;	 /* rows of a full group */
	bool all_rows;		 /* write the last group, too, however few rows it has */
	BlockNumber next;	 /* where the next group's rows begin to be looked for */
	uint64 keep_rows;	 /* the last so many rows of the file stay hot */
	uint64 hot_rows;	 /* counted at the beginning, if rows are to be kept */
	uint64 rows;		 /* frozen */
	uint64 groups;		 /* written */
	uint64 changed_rows; /* of them, that somebody changed meanwhile: they are hot still */
} HyFreeze;

/*
 * Can rows of this table be frozen?  NULL, or why not: a constant sentence without its period.
 */
extern const char *hy_cannot_freeze(Relation rel);

/*
 * hy_freeze_group --- write one group; false if there are not enough rows for one any more.
 *
 * The caller holds ShareUpdateExclusiveLock, keeps it until it commits, which it does next, and has an active
 * snapshot; it runs in READ COMMITTED and is not VACUUM (rule Z1 of design.md).  Temporary memory is freed.
 */
extern bool hy_freeze_group(Relation rel, HyFreeze *freeze);

#endif
