/*
 * hybrid_selftest.c
 *		Test builds only: what no SQL statement does, but another extension might.
 *
 *		CREATE FUNCTION lock_row(t regclass, place tid) RETURNS text STRICT LANGUAGE c AS '$libdir/omendb', 'omendb_lock_row'
 *
 * Lock a row FOR UPDATE by a TID that was found before the statement's snapshot was taken, so that this does not hold back
 * VACUUM from what stands there.  Returns the TM_Result, the TID of what was locked, and its first column.
 */
#include "postgres.h"

#ifdef OMENDB_TESTING

#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

PG_FUNCTION_INFO_V1(omendb_lock_row);

Datum
omendb_lock_row(PG_FUNCTION_ARGS)
{
	Relation rel = table_open(PG_GETARG_OID(0), RowShareLock);
	ItemPointerData tid = *(ItemPointer) PG_GETARG_POINTER(1);
	TupleTableSlot *slot = table_slot_create(rel, NULL);
	TM_FailureData failure;
	TM_Result result =
		table_tuple_lock(rel, &tid, GetActiveSnapshot(), slot, GetCurrentCommandId(true),
						 LockTupleExclusive, LockWaitBlock, 0, &failure);
	char *text = psprintf("%d (%u,%u)", (int) result, ItemPointerGetBlockNumberNoCheck(&tid),
						  ItemPointerGetOffsetNumberNoCheck(&tid));

	if (!TTS_EMPTY(slot))
	{
		bool isnull;
		Datum value = slot_getattr(slot, 1, &isnull);

		text = psprintf("%s %d", text, isnull ? 0 : DatumGetInt32(value));
	}
	ExecDropSingleTupleTableSlot(slot);
	table_close(rel, NoLock);
	PG_RETURN_TEXT_P(cstring_to_text(text));
}

#endif
