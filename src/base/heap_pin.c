/*
 * heap_pin.c
 *		Pin a heap page for heap's index fetch: see heap_pin.h.
 *
 * A probe of a large table spends most of its time waiting for memory, and a third of it in the buffer table: its bucket, its
 * element, the buffer's descriptor and the page come one after the other.  Who remembers the buffer waits once.
 *
 * A backend remembers a buffer for as many blocks of tables as there is room for, without what table and block it was:
 * ReadRecentBuffer() finds out whether the block is still, or ever was, in it.
 */
#include "postgres.h"

#include "access/heapam.h"
#include "storage/bufmgr.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "base/heap_pin.h"
#include "base/recent.h"

/* buffers to begin with; doubled while more are found, up to the limit */
#define PLACES_MIN 4096

int om_heap_pin_kb = 0;

static MemoryContext context = NULL; /* theirs */
static Buffer *places = NULL;
static uint32 nplaces = 0; /* a power of 2, or 0 */
static uint32 found = 0;   /* buffers found since there are as many places */

/* places that the setting of now allows */
static inline Size
places_max(void)
{
	return (Size) om_heap_pin_kb * 1024 / sizeof(Buffer);
}

static void
forget(void)
{
	if (context != NULL)
		MemoryContextDelete(context);
	context = NULL;
	places = NULL;
	nplaces = 0;
	found = 0;
}

static void
grow(void)
{
	uint32 n = nplaces == 0 ? PLACES_MIN : nplaces * 2;

	found = 0;
	/* nobody needs more than there are buffers */
	if (n > places_max() || nplaces >= (uint32) NBuffers)
		return;
	forget();
	context = AllocSetContextCreate(CacheMemoryContext, "omendb heap pages", ALLOCSET_SMALL_SIZES);
	places = MemoryContextAllocExtended(context, n * sizeof(Buffer),
										MCXT_ALLOC_ZERO | MCXT_ALLOC_NO_OOM);
	if (places != NULL)
		nplaces = n;
}

/* where to remember a block's buffer; neighbours stand side by side */
static inline Buffer *
place_of(Relation heap, BlockNumber block)
{
	return &places[(RelationGetRelid(heap) * 0x9E3779B1 + block) & (nplaces - 1)];
}

/* where the block's buffer is remembered, or NULL: nothing is */
static inline Buffer *
find_place(Relation heap, BlockNumber block)
{
	if (unlikely(nplaces > places_max()))
		forget();
	if (nplaces == 0)
		grow();
	return nplaces > 0 ? place_of(heap, block) : NULL;
}

/* pin the block, touching what is read first: the descriptor, the page's header, the line pointer */
static inline Buffer
pin_block(Relation heap, BlockNumber block, OffsetNumber offset, Buffer *place)
{
	Buffer buffer;

	if (place != NULL && om_recent_turn(heap, *place))
	{
		om_recent_touch(*place, 0);
		om_touch((const char *) BufferGetPage(*place) + SizeOfPageHeaderData +
				 (offset - 1) % MaxHeapTuplesPerPage * sizeof(ItemIdData));
		if (om_recent_pin(heap, block, *place))
			return *place;
	}
	buffer = ReadBuffer(heap, block);
	if (place != NULL && !BufferIsLocal(buffer) && *place != buffer)
	{
		*place = buffer;
		if (++found > nplaces)
			grow();
	}
	return buffer;
}

Buffer
om_read_recent(Relation rel, BlockNumber block)
{
	return pin_block(rel, block, FirstOffsetNumber, find_place(rel, block));
}

void
om_heap_pin(Relation heap, IndexFetchTableData *heap_fetch, const ItemPointerData *tid)
{
	IndexFetchHeapData *fetch = (IndexFetchHeapData *) heap_fetch;
	BlockNumber block = ItemPointerGetBlockNumber(tid);
	Buffer buffer;

	if (BufferIsValid(fetch->xs_cbuf) && BufferGetBlockNumber(fetch->xs_cbuf) == block)
		return;
	buffer = pin_block(heap, block, ItemPointerGetOffsetNumber(tid), find_place(heap, block));
	if (BufferIsValid(fetch->xs_cbuf))
		ReleaseBuffer(fetch->xs_cbuf);
	fetch->xs_cbuf = buffer;
	/* heap does so when it comes to another page, and will not know that it has */
	heap_page_prune_opt(heap, buffer);
}
