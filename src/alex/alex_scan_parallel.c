/*
 * alex_scan_parallel.c
 *		Parallel index scans: backends that share one scan, page by page.
 *
 * The shared state says which page comes next: a block, which is a hint (rule C2), and
 * the fence it has to begin at, backward to end at, which is not (rule C3).  With
 * arrays it also says in which range.  A backend takes hold of the state, copies the page,
 * puts the page after it into the state and lets go; then it returns the entries of
 * its copy while others copy the next ones.  Nobody keeps a page lock meanwhile.
 *
 * Each backend cuts the bounds of the range at the fence, so whatever page it
 * gets, it returns nothing that others have passed.
 */
#include "postgres.h"

#include "access/relscan.h"
#include "miscadmin.h"
#include "storage/condition_variable.h"
#include "storage/spin.h"
#include "utils/rel.h"
#include "utils/wait_event.h"

#include "alex/alex_scan.h"
#include "alex/alex_scan_state.h"
#include "base/pg_compat.h"

typedef enum ParallelStatus
{
	PARALLEL_READY, /* the next page may be taken */
	PARALLEL_BUSY,	/* somebody is at it */
	PARALLEL_DONE	/* there is no next page */
} ParallelStatus;

typedef struct ParallelPlace
{
	bool started;
	bool range_done;	/* the next page is the first of the range after this one */
	uint64 range;		/* alex_arrays_tell() */
	BlockNumber block;	/* the next page, unless the range is done */
	AlexRawEntry fence; /* and where it begins; backward: ends */
} ParallelPlace;

typedef struct ParallelState
{
	slock_t mutex;
	ParallelStatus status;
	ParallelPlace place; /* only changed by whoever made it busy */
	ConditionVariable changed;
} ParallelState;

Size
alexestimateparallelscan(OM_ESTIMATE_PARALLEL_ARGS)
{
	return sizeof(ParallelState);
}

void
alexinitparallelscan(void *target)
{
	ParallelState *state = (ParallelState *) target;

	MemSet(state, 0, sizeof(*state));
	SpinLockInit(&state->mutex);
	state->status = PARALLEL_READY;
	ConditionVariableInit(&state->changed);
}

static ParallelState *
parallel_state(IndexScanDesc scan)
{
	return (ParallelState *) ((char *) scan->parallel_scan +
							  OM_PARALLEL_SCAN_OFFSET(scan->parallel_scan));
}

void
alexparallelrescan(IndexScanDesc scan)
{
	ParallelState *state = parallel_state(scan);

	/* no worker is running, so the lock is for form's sake */
	SpinLockAcquire(&state->mutex);
	state->status = PARALLEL_READY;
	state->place.started = false;
	SpinLockRelease(&state->mutex);
}

/* take hold of the state; false if the scan is over */
static bool
take(ParallelState *state)
{
	ParallelStatus status;

	for (;;)
	{
		SpinLockAcquire(&state->mutex);
		status = state->status;
		if (status == PARALLEL_READY)
			state->status = PARALLEL_BUSY;
		SpinLockRelease(&state->mutex);
		if (status != PARALLEL_BUSY)
			break;
		ConditionVariableSleep(&state->changed, PG_WAIT_EXTENSION);
	}
	ConditionVariableCancelSleep();
	return status == PARALLEL_READY;
}

static void
let_go(ParallelState *state, ParallelStatus status)
{
	SpinLockAcquire(&state->mutex);
	state->status = status;
	SpinLockRelease(&state->mutex);
	if (status == PARALLEL_DONE)
		ConditionVariableBroadcast(&state->changed);
	else
		ConditionVariableSignal(&state->changed);
}

bool
alex_parallel_next(IndexScanDesc scan, ScanDirection dir)
{
	AlexScanOpaque *so = (AlexScanOpaque *) scan->opaque;
	ParallelState *state = parallel_state(scan);
	ParallelPlace *place = &state->place;
	bool forward = ScanDirectionIsForward(dir);
	bool linked = false;
	bool more;

	alex_scan_drop_page(scan);
	if (!take(state))
		return false;

	/* the range, and what others have left of it */
	if (!place->started)
		more = alex_scan_first_range(scan, dir);
	else
	{
		alex_scan_prepare(scan);
		alex_arrays_select(scan, place->range);
		if (place->range_done)
			more = alex_arrays_next(scan, dir);
		else
		{
			alex_bounds_cut(&so->bounds, &place->fence, forward);
			more = !so->bounds.empty;
			linked = true;
		}
	}
	if (!more)
	{
		let_go(state, PARALLEL_DONE);
		return false;
	}

	alex_scan_load(scan, dir, linked ? place->block : InvalidBlockNumber);
	place->started = true;
	place->range = alex_arrays_tell(so);
	place->range_done = alex_scan_range_ends(so, dir);
	if (!place->range_done)
	{
		place->block = forward ? alex_opaque(so->page)->right : alex_opaque(so->page)->left;
		place->fence = forward ? alex_page_high(so->page) : alex_page_low(so->page);
	}
	let_go(state, place->range_done && so->arrays == NULL ? PARALLEL_DONE : PARALLEL_READY);
	return true;
}
