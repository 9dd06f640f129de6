/*
 * hybrid_judge.h
 *		What becomes of each row in a rewrite: README.md, "Rewrites".
 *
 * Both passes ask, in the same order of hot tuples, and get the same answers: the table is locked
 * exclusively and the horizon is the same.
 */
#ifndef HYBRID_JUDGE_H
#define HYBRID_JUDGE_H

#include "access/htup.h"
#include "storage/buf.h"
#include "utils/relcache.h"

#include "hybrid/hybrid_format.h"

/*
 * Testing setting omendb.rewrite_all_cold: VACUUM FULL makes groups of all rows that can be in any, however few: what is
 * left below a full group, and rows that not everybody sees yet.
 */
#ifdef OMENDB_TESTING
extern bool hy_rewrite_all_cold;
#else
#define hy_rewrite_all_cold false
#endif

/* what becomes of a hot tuple, or of a cold row */
typedef enum HyRewriteFate
{
	HY_REWRITE_COLD, /* live, seen by all, not being changed: into a group */
	HY_REWRITE_HOT,	 /* some snapshot may tell it from what is there now */
	HY_REWRITE_DEAD,
	HY_REWRITE_NONE /* a header: it goes with its row */
} HyRewriteFate;

typedef struct HyJudge
{
	Relation rel; /* the old table */
	TransactionId oldest_xmin;
	bool to_groups; /* false: all rows of the new table are hot */
	bool young_too; /* rows that not everybody sees go to groups, each of one xmin and cmin */
	bool
		kept; /* a young row stayed hot, and later ones do: they keep their order; false as a pass begins */
} HyJudge;

/* The tuple's buffer is pinned and not locked.  *recent: dead to us, not yet to all. */
extern HyRewriteFate hy_judge_hot(HyJudge *judge, HeapTuple tuple, Buffer buffer, bool *recent);

/* xmin and cmin of the group that a hot tuple that goes cold belongs to; InvalidTransactionId: everybody sees it */
extern TransactionId hy_judge_owner(const HyJudge *judge, HeapTuple tuple, CommandId *cmin);

/*
 * The same for a cold row of a group that somebody may see.  HY_REWRITE_COLD: it stays in a group, whoever sees that.
 * HY_REWRITE_HOT: *header (may be NULL) is its header without the columns, with its TID; t_data is the caller's room.
 */
extern HyRewriteFate hy_judge_cold(const HyJudge *judge, const HyEntry *entry, uint64 row,
								   HeapTuple header, bool *recent);

/* does everybody see this group? */
extern bool hy_judge_seen_by_all(const HyJudge *judge, const HyEntry *entry);

#endif
