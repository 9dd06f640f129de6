/*
 * hybrid_judge.c
 *		What becomes of each row in a rewrite: see hybrid_judge.h.
 */
#include "postgres.h"

#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/transam.h"
#include "access/xact.h"
#include "storage/bufmgr.h"
#include "utils/rel.h"

#include "hybrid/hybrid_header.h"
#include "hybrid/hybrid_judge.h"
#include "hybrid/hybrid_mark.h"
#include "hybrid/hybrid_visible.h"

#ifdef OMENDB_TESTING
bool hy_rewrite_all_cold = false;
#endif

/* someone is at work on a row although we hold the table exclusively */
static void
check_own(const HyJudge *judge, TransactionId xid, const char *what)
{
	if (!TransactionIdIsCurrentTransactionId(xid))
		elog(WARNING, "concurrent %s in progress within table \"%s\"", what,
			 RelationGetRelationName(judge->rel));
}

/* of a row that is there */
static bool
seen_by_all(const HyJudge *judge, TransactionId xmin)
{
	return !TransactionIdIsNormal(xmin) || TransactionIdPrecedes(xmin, judge->oldest_xmin);
}

/*
 * Can a row that not everybody sees be one of a group of its xmin and cmin?  Not if it is the next version of another, for an
 * update chain leads to hot rows only; nor if anybody has locked it, or its values are elsewhere and may be large.
 */
static bool
young_goes_cold(HyJudge *judge, HeapTuple tuple)
{
	if (!judge->young_too)
		return false;
	if ((tuple->t_data->t_infomask & HEAP_UPDATED) != 0 ||
		(tuple->t_data->t_infomask & HEAP_XMAX_INVALID) == 0 || HeapTupleHasExternal(tuple))
		judge->kept = true;
	return !judge->kept;
}

HyRewriteFate
hy_judge_hot(HyJudge *judge, HeapTuple tuple, Buffer buffer, bool *recent)
{
	HTSV_Result result;
	HyRewriteFate fate = HY_REWRITE_HOT;
	HyMark mark;
	HyEntry entry;

	*recent = false;
	if (hy_tuple_is_header(tuple->t_data))
		return HY_REWRITE_NONE;
	/* the copy of a frozen row, which goes as one that everybody sees (hy_judge_seen_by_all) */
	if (hy_tuple_mark(tuple->t_data, &mark) && hy_mark_group(judge->rel, &mark, &entry) &&
		hy_entry_fate(&entry) == HY_FATE_COMMITTED)
		return HY_REWRITE_DEAD;
	LockBuffer(buffer, BUFFER_LOCK_SHARE);
	result = HeapTupleSatisfiesVacuum(tuple, judge->oldest_xmin, buffer);
	switch (result)
	{
		case HEAPTUPLE_DEAD:
			fate = HY_REWRITE_DEAD;
			break;
		case HEAPTUPLE_RECENTLY_DEAD:
			*recent = true;
			break;
		case HEAPTUPLE_LIVE:
			/* an xmax of a locker that is still running cannot be: we hold the table exclusively */
			if (seen_by_all(judge, HeapTupleHeaderGetXmin(tuple->t_data)) ||
				young_goes_cold(judge, tuple))
				fate = HY_REWRITE_COLD;
			break;
		case HEAPTUPLE_INSERT_IN_PROGRESS:
			check_own(judge, HeapTupleHeaderGetXmin(tuple->t_data), "insert");
			if (young_goes_cold(judge, tuple))
				fate = HY_REWRITE_COLD;
			break;
		case HEAPTUPLE_DELETE_IN_PROGRESS:
			check_own(judge, HeapTupleHeaderGetUpdateXid(tuple->t_data), "delete");
			*recent = true;
			break;
	}
	LockBuffer(buffer, BUFFER_LOCK_UNLOCK);
	if (fate == HY_REWRITE_COLD && !judge->to_groups)
		fate = HY_REWRITE_HOT;
	return fate;
}

TransactionId
hy_judge_owner(const HyJudge *judge, HeapTuple tuple, CommandId *cmin)
{
	TransactionId xmin = HeapTupleHeaderGetXmin(tuple->t_data);

	*cmin = FirstCommandId;
	if (seen_by_all(judge, xmin))
		return InvalidTransactionId;
	if (TransactionIdIsCurrentTransactionId(xmin))
		*cmin = HeapTupleHeaderGetCmin(tuple->t_data);
	return xmin;
}

HyRewriteFate
hy_judge_cold(const HyJudge *judge, const HyEntry *entry, uint64 row, HeapTuple header,
			  bool *recent)
{
	HeapTupleData tuple;
	Buffer buffer;
	HyRewriteFate fate = HY_REWRITE_COLD;

	*recent = false;
	switch (hy_header_look(judge->rel, entry, row, &tuple, &buffer))
	{
		case HY_HEADER_NONE:
			return HY_REWRITE_COLD;
		case HY_HEADER_GONE:
			return HY_REWRITE_DEAD;
		case HY_HEADER_THERE:
			break;
	}
	switch (HeapTupleSatisfiesVacuum(&tuple, judge->oldest_xmin, buffer))
	{
		case HEAPTUPLE_LIVE:
			break;
		case HEAPTUPLE_INSERT_IN_PROGRESS:
			/* the group's own writer has locked the row, or was about to change it */
			check_own(judge, HeapTupleHeaderGetXmin(tuple.t_data), "insert");
			break;
		case HEAPTUPLE_DEAD:
			fate = HY_REWRITE_DEAD;
			break;
		case HEAPTUPLE_DELETE_IN_PROGRESS:
			check_own(judge, HeapTupleHeaderGetUpdateXid(tuple.t_data), "delete");
			*recent = true;
			fate = HY_REWRITE_HOT;
			break;
		case HEAPTUPLE_RECENTLY_DEAD:
			*recent = true;
			fate = HY_REWRITE_HOT;
			break;
	}
	if (fate == HY_REWRITE_HOT && header != NULL)
	{
		memcpy(header->t_data, tuple.t_data, SizeofHeapTupleHeader);
		header->t_self = tuple.t_self;
	}
	UnlockReleaseBuffer(buffer);
	return fate;
}

bool
hy_judge_seen_by_all(const HyJudge *judge, const HyEntry *entry)
{
	/* who does not see a freezer's group sees its rows in hot pages */
	return hy_entry_frozen(entry) || (((entry->flags & HY_FLAG_FREEZER) != 0 ||
									   TransactionIdPrecedes(entry->xmin, judge->oldest_xmin)) &&
									  hy_entry_fate(entry) == HY_FATE_COMMITTED);
}
