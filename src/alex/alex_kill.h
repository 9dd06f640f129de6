/*
 * alex_kill.h
 *		Dead bits: a scan's note to later ones that no snapshot sees a row.
 */
#ifndef ALEX_KILL_H
#define ALEX_KILL_H

#include "access/xlogdefs.h"
#include "storage/block.h"
#include "storage/buf.h"
#include "utils/relcache.h"

#include "alex/alex_page.h"

/* entries of a scan's current page whose rows are dead to everybody */
typedef struct AlexKilled
{
	XLogRecPtr lsn; /* the page's, when the scan copied it */
	int count;
	int room;
	AlexRawEntry *entries;
} AlexKilled;

/* alex_killed_start --- a new current page, pinned and locked, under which to note entries */
extern void alex_killed_start(AlexKilled *killed, Buffer buf);

/*
 * alex_killed_add --- the executor found the row of this entry dead.  Allocates in
 * the current memory context, on first use.
 */
extern void alex_killed_add(AlexKilled *killed, MemoryContext context, AlexKey key, uint64 tag);

/*
 * alex_killed_flush --- the scan leaves the page: mark the noted entries on it.
 *
 * pin: the scan's pin on the page, or InvalidBuffer if it has dropped it.  No lock
 * may be held.
 */
extern void alex_killed_flush(Relation rel, AlexKilled *killed, BlockNumber block, Buffer pin);

/*
 * alex_mark_dead --- mark one entry of a page the caller has locked, in share mode
 * at least, and on which it found the entry under this very lock.
 */
extern void alex_mark_dead(Buffer buf, AlexKey key, uint64 tag);

#endif
