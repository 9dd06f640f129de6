/*
 * hybrid_frozen.h
 *		UPDATE, DELETE and row locks of hot rows, which may have been frozen since their TID was read: rules Z4
 *		and Z7 of README.md, "Freezing".
 *
 * Like the callbacks of the same name (tableam.h), for hot TIDs.
 */
#ifndef HYBRID_FROZEN_H
#define HYBRID_FROZEN_H

#include "access/tableam.h"

#include "base/pg_compat.h"

extern TM_Result hy_hot_delete(Relation rel, ItemPointer tid, CommandId cid, Snapshot snapshot,
							   Snapshot crosscheck, bool wait, TM_FailureData *tmfd,
							   bool changingPart);
extern TM_Result hy_hot_update(Relation rel, ItemPointer otid, TupleTableSlot *slot, CommandId cid,
							   Snapshot snapshot, Snapshot crosscheck, bool wait,
							   TM_FailureData *tmfd, LockTupleMode *lockmode,
							   OM_UPDATE_INDEXES *update_indexes);
extern TM_Result hy_hot_lock(Relation rel, ItemPointer tid, Snapshot snapshot, TupleTableSlot *slot,
							 CommandId cid, LockTupleMode mode, LockWaitPolicy wait_policy,
							 uint8 flags, TM_FailureData *tmfd);

#endif
