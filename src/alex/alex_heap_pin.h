/*
 * alex_heap_pin.h
 *		Pin the heap page of the entry a scan returns, by the buffer that had it last.
 */
#ifndef ALEX_HEAP_PIN_H
#define ALEX_HEAP_PIN_H

#include "access/genam.h"
#include "access/relscan.h"

/*
 * alex_heap_pin --- the page of scan->xs_heaptid becomes the one that heap's part of the scan has pinned, as
 * heapam_index_fetch_tuple() (heapam_handler.c) would make it the next moment, which then finds it done.  Tables of
 * other access methods: nothing.  The scan is not index-only, and the caller holds no page lock.
 *
 * Takes and gives back pins of the table; may prune the page.  Errors are ReadBuffer()'s.
 */
extern void alex_heap_pin(IndexScanDesc scan);

#endif
