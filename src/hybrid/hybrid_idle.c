/*
 * hybrid_idle.c
 *		Headers that nobody needs any more: see hybrid_idle.h, and README.md, "Headers".
 */
#include "postgres.h"

#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/xact.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "storage/freespace.h"
#include "utils/rel.h"

#include "base/pg_compat.h"
#include "base/stop_point.h"
#include "hybrid/hybrid_directory.h"
#include "hybrid/hybrid_header.h"
#include "hybrid/hybrid_idle.h"

/* the header of one row, on a page we have a cleanup lock of, out of the map; false: it is needed */
static bool
unmap(Relation rel, const HyEntry *entry, const HyMapItem *item, Buffer buffer)
{
	HeapTupleData tuple;
	HyMapPlace place;

	/* whoever is about to lock or change the row has its header's page pinned (H5), and then we are not here */
	if (!hy_header_at(rel, buffer, &item->tid, entry->first_row + item->row, &tuple) ||
		HeapTupleSatisfiesUpdate(&tuple, GetCurrentCommandId(false), buffer) != TM_Ok ||
		!hy_map_lock_entry(rel, entry, item->row, &item->tid, &place))
		return false;
	hy_map_remove(rel, &place);
	hy_map_unlock(&place);
	return true;
}

/*
 * Items [first, end) stand on one page.  First they leave the map, then their line pointers become free; a crash in between
 * leaves headers that nothing leads to.
 */
static uint32
clean_page(Relation rel, const HyEntry *entry, const HyMapItem *items, uint32 first, uint32 end)
{
	BlockNumber block = ItemPointerGetBlockNumber(&items[first].tid);
	OffsetNumber removed[MaxHeapTuplesPerPage];
	uint32 count = 0;
	Size free_bytes = 0;
	Buffer buffer;

	if (!hy_block_exists(rel, block))
		return 0;
	buffer = ReadBuffer(rel, block);
	if (!ConditionalLockBufferForCleanup(buffer))
	{
		ReleaseBuffer(buffer);
		return 0;
	}
	for (uint32 i = first; i < end && count < MaxHeapTuplesPerPage; i++)
		if (unmap(rel, entry, &items[i], buffer))
			removed[count++] = ItemPointerGetOffsetNumber(&items[i].tid);
	STOP_POINT("hybrid_header_unmapped");
	if (count > 0)
	{
		Page page = BufferGetPage(buffer);

		START_CRIT_SECTION();
		for (uint32 i = 0; i < count; i++)
			ItemIdSetUnused(PageGetItemId(page, removed[i]));
		/* their space, too: heap logs a tuple that becomes the only one of its page as the first one of a new page */
		PageRepairFragmentation(page);
		MarkBufferDirty(buffer);
		om_log_cleaned_page(rel, buffer);
		END_CRIT_SECTION();
		free_bytes = PageGetHeapFreeSpace(page);
	}
	UnlockReleaseBuffer(buffer);
	/* heap's VACUUM passes the page by: it is all-visible */
	if (count > 0)
		RecordPageWithFreeSpace(rel, block, free_bytes);
	return count;
}

uint32
hy_remove_idle_headers(Relation rel, const HyEntry *entry, const HyMapItem *items, uint32 count)
{
	uint32 removed = 0;
	uint32 first = 0;

	while (first < count)
	{
		uint32 end = first + 1;

		om_vacuum_delay_point();
		/* headers made together stand together */
		while (end < count && ItemPointerGetBlockNumber(&items[end].tid) ==
								  ItemPointerGetBlockNumber(&items[first].tid))
			end++;
		removed += clean_page(rel, entry, items, first, end);
		first = end;
	}
	return removed;
}
