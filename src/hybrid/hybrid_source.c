/*
 * hybrid_source.c
 *		The bytes of a row group, read from its pages.
 */
#include "postgres.h"

#include "storage/bufmgr.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "base/recent.h"
#include "hybrid/hybrid_directory.h"
#include "hybrid/hybrid_source.h"
#include "hybrid/hybrid_wal.h"

/* pin the page in the buffer that had it last, if it still does: then it has been checked, too */
static bool
pin_recent(HySource *source, BlockNumber block, uint32 page)
{
	if (source->recent == NULL || !om_recent_turn(source->rel, source->recent[page]) ||
		!om_recent_pin(source->rel, block, source->recent[page]))
		return false;
	source->buffer = source->recent[page];
	source->page = page;
	return true;
}

/* payload of page `page`, pinned */
static const uint8 *
source_page(HySource *source, uint32 page)
{
	const char *data;
	BlockNumber block = source->start + page;

	if (!BufferIsValid(source->buffer) || source->page != page)
	{
		const char *problem;

		hy_source_release(source);
		if (page >= source->pages)
			hy_corrupted(source->rel, source->start, "row group refers to bytes behind its end");
		if (pin_recent(source, block, page))
			return (const uint8 *) BufferGetPage(source->buffer) + RG_PAGE_PAYLOAD_OFF;
		source->buffer =
			ReadBufferExtended(source->rel, MAIN_FORKNUM, block, RBM_NORMAL, source->strategy);
		source->page = page;
		data = (const char *) BufferGetPage(source->buffer);
		problem = hy_page_check(data, RG_PAGE_DATA);
		if (problem == NULL && (hy_page_header(data)->group_id != source->group_id ||
								hy_page_header(data)->index != page))
			problem = "page belongs to another row group";
		if (problem != NULL)
			hy_corrupted(source->rel, block, problem);
		if (source->recent != NULL)
			source->recent[page] = source->buffer;
	}
	return (const uint8 *) BufferGetPage(source->buffer) + RG_PAGE_PAYLOAD_OFF;
}

static const uint8 *
source_read(RgSource *base, uint64 offset, uint32 length)
{
	HySource *source = (HySource *) base;
	uint64 page = offset / RG_PAGE_PAYLOAD;
	uint32 at = (uint32) (offset % RG_PAGE_PAYLOAD);
	uint32 copied = 0;

	if (offset + length < offset || offset + length > (uint64) source->pages * RG_PAGE_PAYLOAD)
		hy_corrupted(source->rel, source->start, "row group refers to bytes behind its end");
	if (at + length <= RG_PAGE_PAYLOAD)
		return source_page(source, (uint32) page) + at;

	if (source->scratch_bytes < length)
	{
		Size bytes = Max((Size) length, 2 * source->scratch_bytes);

		if (source->scratch != NULL)
			pfree(source->scratch);
		source->scratch = NULL;
		source->scratch_bytes = 0;
		source->scratch = MemoryContextAllocHuge(source->context, bytes);
		source->scratch_bytes = bytes;
	}
	while (copied < length)
	{
		uint32 part = Min(length - copied, RG_PAGE_PAYLOAD - at);

		memcpy(source->scratch + copied, source_page(source, (uint32) page) + at, part);
		copied += part;
		page++;
		at = 0;
	}
	return source->scratch;
}

/* RgSource.prefetch */
static void
source_prefetch(RgSource *base, uint64 offset)
{
	const HySource *source = (const HySource *) base;
	uint64 page = offset / RG_PAGE_PAYLOAD;

	if (page < source->pages && BufferIsValid(source->recent[page]))
		om_recent_touch(source->recent[page],
						RG_PAGE_PAYLOAD_OFF + (uint32) (offset % RG_PAGE_PAYLOAD));
}

om_noreturn static void
source_damaged(RgSource *base, uint64 offset, const char *detail)
{
	HySource *source = (HySource *) base;

	hy_corrupted(source->rel, source->start + (BlockNumber) (offset / RG_PAGE_PAYLOAD), detail);
}

void
hy_source_init(HySource *source, Relation rel, const HyEntry *entry, BufferAccessStrategy strategy,
			   MemoryContext context)
{
	*source = (HySource){
		.base = { .read = source_read, .damaged = source_damaged },
		.rel = rel,
		.strategy = strategy,
		.context = context,
		.group_id = entry->group_id,
		.start = entry->start,
		.pages = entry->pages,
		.buffer = InvalidBuffer,
	};
	if (strategy != NULL || RelationUsesLocalBuffers(rel))
		return;
	source->base.prefetch = source_prefetch;
	source->recent = MemoryContextAllocZero(context, (Size) entry->pages * sizeof(Buffer));
}

void
hy_source_release(HySource *source)
{
	if (BufferIsValid(source->buffer))
		ReleaseBuffer(source->buffer);
	source->buffer = InvalidBuffer;
}
