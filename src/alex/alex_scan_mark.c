/*
 * alex_scan_mark.c
 *		Mark and restore, for merge joins.
 *
 * A mark costs nothing while the scan stays on the page: only the cursor is
 * noted.  When the scan leaves the page, the mark takes over the private copy and
 * the pin (rule C3), so a restored scan returns what it would have returned
 * the first time, whatever has become of the page meanwhile.
 */
#include "postgres.h"

#include "storage/bufmgr.h"
#include "utils/memutils.h"

#include "alex/alex_scan.h"
#include "alex/alex_scan_state.h"

struct AlexScanMark
{
	bool set;
	bool here; /* on the scan's current page: the fields from `pin` on say nothing */
	AlexScanCursor cursor;
	AlexBounds bounds;
	uint64 range; /* alex_arrays_tell() */

	Buffer pin;
	BlockNumber block;
	uint32 nsmall;
	AlexItem small[SCAN_SMALL_MAX];
	char page[BLCKSZ + 16] __attribute__((aligned(8)));
};

void
alex_mark_leave(AlexScanOpaque *so)
{
	AlexScanMark *mark = so->mark;

	if (mark == NULL || !mark->set || !mark->here)
		return;
	mark->here = false;
	mark->pin = so->pin;
	so->pin = InvalidBuffer;
	mark->block = so->block;
	if (mark->cursor.state == SCAN_SMALL)
	{
		mark->nsmall = so->nsmall;
		memcpy(mark->small, so->small, so->nsmall * sizeof(AlexItem));
	}
	else
		memcpy(mark->page, so->page, BLCKSZ);
}

void
alex_mark_forget(AlexScanOpaque *so)
{
	AlexScanMark *mark = so->mark;

	if (mark == NULL || !mark->set)
		return;
	if (!mark->here && BufferIsValid(mark->pin))
		ReleaseBuffer(mark->pin);
	mark->set = false;
}

void
alexmarkpos(IndexScanDesc scan)
{
	AlexScanOpaque *so = (AlexScanOpaque *) scan->opaque;

	if (so->mark == NULL)
	{
		so->mark =
			(AlexScanMark *) MemoryContextAlloc(GetMemoryChunkContext(so), sizeof(AlexScanMark));
		so->mark->set = false;
	}
	alex_mark_forget(so);
	if (so->cursor.state == SCAN_START)
		return; /* a restored scan starts from the end of its range again */
	so->mark->set = true;
	so->mark->here = true;
	so->mark->cursor = so->cursor;
	so->mark->bounds = so->bounds;
	so->mark->range = alex_arrays_tell(so);
}

void
alexrestrpos(IndexScanDesc scan)
{
	AlexScanOpaque *so = (AlexScanOpaque *) scan->opaque;
	AlexScanMark *mark = so->mark;

	if (mark == NULL || !mark->set)
	{
		alex_scan_drop_page(scan);
		return;
	}
	if (!mark->here)
	{
		alex_scan_drop_page(scan);
		so->pin = mark->pin;
		so->block = mark->block;
		/* the copy's LSN is forgotten: without the pin, nothing is marked dead by it */
		so->killed.lsn = InvalidXLogRecPtr;
		if (mark->cursor.state == SCAN_SMALL)
		{
			so->nsmall = mark->nsmall;
			memcpy(so->small, mark->small, mark->nsmall * sizeof(AlexItem));
		}
		else
		{
			memcpy(so->page, mark->page, BLCKSZ);
			so->cached_block = -1;
		}
		mark->here = true; /* and marked it stays: the next restore comes here again */
	}
	so->cursor = mark->cursor;
	so->bounds = mark->bounds;
	alex_arrays_seek(so, mark->range);
	scan->xs_recheck = so->bounds.recheck;
}
