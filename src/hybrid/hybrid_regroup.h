/*
 * hybrid_regroup.h
 *		Write row groups anew without the rows that are dead to everybody: README.md, "Rewriting".
 */
#ifndef HYBRID_REGROUP_H
#define HYBRID_REGROUP_H

#include "utils/relcache.h"

#include "hybrid/hybrid_format.h"

/* pages of groups to be rewritten that VACUUM does something for: cleans indexes, asks for a worker */
#define HY_REGROUP_PAGES_MIN 128

/* are so many dead ones of these rows enough for their group to be written anew? */
static inline bool
hy_are_many_dead(uint32 dead, uint32 rows)
{
	return (uint64) dead * 5 >= rows;
}

/* the same by VACUUM's count */
static inline bool
hy_has_many_dead(const HyEntry *entry)
{
	return hy_are_many_dead(entry->dead_rows, entry->rows);
}

/* do few enough of `gone` dead rows have index entries?  VACUUM would not find these any more. */
static inline bool
hy_is_reclaimed(const HyEntry *entry, uint32 gone)
{
	return gone <= entry->reclaimed || gone - entry->reclaimed <= gone / 8;
}

/* how far that has come; lives over several transactions */
typedef struct HyRegroup
{
	uint64 next_row;   /* where the next group is looked for */
	uint64 groups;	   /* written */
	uint64 sources;	   /* groups that they have replaced */
	uint64 rows_freed; /* dead ones left out */
} HyRegroup;

/*
 * hy_regroup_step --- rewrite the next group that has many dead rows, or join it with the one behind it if both are small; false: there
 * is none any more.
 *
 * The caller holds ShareUpdateExclusiveLock and has an active snapshot; not in VACUUM.  What it changes does not depend on whether
 * its transaction commits.  Temporary memory is freed.
 */
extern bool hy_regroup_step(Relation rel, HyRegroup *regroup);

/* would a worker find enough to do?  Reads the directory. */
extern bool hy_worth_regrouping(Relation rel);

#endif
