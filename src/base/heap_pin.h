/*
 * heap_pin.h
 *		Pin a heap page for heap's index fetch, by the buffer that had it last.
 */
#ifndef OM_HEAP_PIN_H
#define OM_HEAP_PIN_H

#include "access/relscan.h"
#include "storage/buf.h"
#include "storage/itemptr.h"
#include "utils/relcache.h"

/* memory for remembering buffers, in kB; 0 = none.  A part of omendb.alex_cache_size. */
extern int om_heap_pin_kb;

/*
 * om_heap_pin --- the page of `tid` becomes the one that `fetch`, of heap's index_fetch_begin(), has pinned, as
 * heapam_index_fetch_tuple() (heapam_handler.c) would make it the next moment, which then finds it done.  Not for index-only
 * scans, which mostly do without, nor in the middle of a HOT chain.  The caller holds no lock of this page.
 *
 * Takes and gives back pins of the table; may prune the page.  Errors are ReadBuffer()'s.
 */
extern void om_heap_pin(Relation heap, IndexFetchTableData *fetch, const ItemPointerData *tid);

/* om_read_recent --- ReadBuffer(), by the buffer that had the block last; for single pages that are read time and again */
extern Buffer om_read_recent(Relation rel, BlockNumber block);

#endif
