/*
 * alex_kill.c
 *		Dead bits: a scan's note to later ones that no snapshot sees a row.
 *
 * The bits are hints, set under a share lock and not logged.  Hence they are set
 * only with the library preloaded and on pages not last logged in generic mode
 * (W3).  A backend without preload sets none: a logged bit would be a Generic WAL
 * record (2-3 us, and a page image every now and then) on the read path, and what it
 * would gain, bottom-up deletion and VACUUM find without it.
 *
 * A bit may be set only on the entry the scan has seen.  VACUUM may have removed that
 * one, heap used the TID again and an inserter brought an equal (key, TID).
 *	- Pin dropped: only if the page's LSN is the one the scan saw.  Whoever removes an
 *	  entry advances it (the pin of an index without WAL is never dropped).
 *	- Pin held: VACUUM has not got its cleanup lock on this page since, so heap has
 *	  not freed the TID, wherever splits and deletions may have brought the entry.
 * Entries are found again by value: merges move them, and the scan's copy may be old.
 */
#include "postgres.h"

#include "storage/bufmgr.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "alex/alex_buf.h"
#include "alex/alex_kill.h"
#include "base/om_wal.h"
#include "base/stop_point.h"

#define KILLED_ROOM_MIN 16

/* may dead bits be set on this locked page at all? */
static bool
takes_hints(Buffer buf)
{
	const char *page = alex_page(buf);

	return om_wal_preloaded() && !PageIsNew(BufferGetPage(buf)) &&
		   alex_page_check_header(page) == NULL && alex_opaque(page)->kind == ALEX_KIND_LEAF &&
		   !(alex_opaque(page)->flags & (ALEX_HALF_DEAD | ALEX_DELETED | OM_PAGE_GENERIC));
}

static bool
set_dead(Buffer buf, AlexKey key, uint64 tag)
{
	char *page = alex_page(buf);
	uint32 number;

	return alex_page_find(page, key, tag, &number) && alex_page_set_dead(page, number);
}

void
alex_killed_start(AlexKilled *killed, Buffer buf)
{
	killed->lsn = BufferGetLSNAtomic(buf);
	killed->count = 0;
}

void
alex_killed_add(AlexKilled *killed, MemoryContext context, AlexKey key, uint64 tag)
{
	if (!om_wal_preloaded())
		return;
	if (killed->count == killed->room)
	{
		int room = killed->room == 0 ? KILLED_ROOM_MIN : killed->room * 2;

		/* a cursor that goes back and forth may name entries again and again */
		if (room > ALEX_ITEMS_MAX * 2)
			return;
		if (killed->room == 0)
			killed->entries =
				(AlexRawEntry *) MemoryContextAlloc(context, room * sizeof(AlexRawEntry));
		else
			killed->entries =
				(AlexRawEntry *) repalloc(killed->entries, room * sizeof(AlexRawEntry));
		killed->room = room;
	}
	killed->entries[killed->count].key = key;
	killed->entries[killed->count].tag = tag;
	killed->count++;
}

void
alex_killed_flush(Relation rel, AlexKilled *killed, BlockNumber block, Buffer pin)
{
	int count = killed->count;
	bool changed = false;
	Buffer buf = pin;

	killed->count = 0;
	if (count == 0)
		return;
	STOP_POINT("alex_kill");
	if (!BufferIsValid(pin))
		buf = ReadBuffer(rel, block);
	LockBuffer(buf, BUFFER_LOCK_SHARE);
	if ((BufferIsValid(pin) || BufferGetLSNAtomic(buf) == killed->lsn) && takes_hints(buf))
		for (int i = 0; i < count; i++)
			changed |= set_dead(buf, killed->entries[i].key, killed->entries[i].tag);
	if (changed)
		MarkBufferDirtyHint(buf, true);
	LockBuffer(buf, BUFFER_LOCK_UNLOCK);
	if (!BufferIsValid(pin))
		ReleaseBuffer(buf);
}

void
alex_mark_dead(Buffer buf, AlexKey key, uint64 tag)
{
	if (takes_hints(buf) && set_dead(buf, key, tag))
		MarkBufferDirtyHint(buf, true);
}
