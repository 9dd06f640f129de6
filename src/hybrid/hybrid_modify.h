/*
 * hybrid_modify.h
 *		UPDATE, DELETE and row locks of cold rows, through their headers.
 */
#ifndef HYBRID_MODIFY_H
#define HYBRID_MODIFY_H

#include "access/tableam.h"

#include "base/pg_compat.h"

/* TableAmRoutine's callbacks, for cold TIDs */
extern TM_Result hy_cold_delete(Relation rel, ItemPointer tid, CommandId cid, Snapshot snapshot,
								Snapshot crosscheck, bool wait, TM_FailureData *tmfd,
								bool changingPart);
extern TM_Result hy_cold_update(Relation rel, ItemPointer otid, TupleTableSlot *slot, CommandId cid,
								Snapshot snapshot, Snapshot crosscheck, bool wait,
								TM_FailureData *tmfd, LockTupleMode *lockmode,
								OM_UPDATE_INDEXES *update_indexes);
extern TM_Result hy_cold_lock(Relation rel, ItemPointer tid, Snapshot snapshot,
							  TupleTableSlot *slot, CommandId cid, LockTupleMode mode,
							  LockWaitPolicy wait_policy, uint8 flags, TM_FailureData *tmfd);
extern void hy_cold_latest_tid(TableScanDesc scan, ItemPointer tid, bool judge_group);

#endif
