/*
 * alex_delete.h
 *		Deleting entries of a leaf: for VACUUM, and on the fly to avoid a split.
 */
#ifndef ALEX_DELETE_H
#define ALEX_DELETE_H

#include "storage/buf.h"
#include "utils/relcache.h"

#include "alex/alex_page.h"

/*
 * alex_delete_entries --- remove entries from an exclusively locked leaf.
 *
 * drops: their numbers, a bitmap of ALEX_DROP_BITMAP_BYTES.  for_room: pack the page, else a few
 * entries may just be marked as removed.  wal_flags: OM_WAL_CLEANUP if redo is to take a cleanup
 * lock.  horizon, heap: see om_wal_conflict; heap may be NULL if the horizon is invalid.  Never
 * fails for lack of room: a page that would not fit when refitted gets marks, too (F4).
 */
extern void alex_delete_entries(Relation rel, Buffer buf, const uint8 *drops, bool for_room,
								uint8 wal_flags, TransactionId horizon, Relation heap);

/*
 * alex_delete_for_room --- make room on an exclusively locked leaf that is about to be
 * split, by deleting entries whose rows are dead to everybody.
 *
 * item: the entry to be inserted; index_unchanged: aminsert's hint that it is a
 * new version of a row with the same key.  Returns whether enough went that the page is
 * worth another try.
 */
extern bool alex_delete_for_room(Relation rel, Relation heap, Buffer buf, const AlexItem *item,
								 bool index_unchanged);

#endif
