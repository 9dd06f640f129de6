/*
 * alex_scan_state.h
 *		What a scan remembers, for the files that make up the scan code.
 */
#ifndef ALEX_SCAN_STATE_H
#define ALEX_SCAN_STATE_H

#include "access/genam.h"
#include "access/itup.h"
#include "access/relscan.h"
#include "access/sdir.h"
#include "storage/buf.h"

#include "alex/alex_key.h"
#include "alex/alex_kill.h"
#include "alex/alex_page.h"

/* a range of at most this many entries on one leaf is copied entry by entry */
#define SCAN_SMALL_MAX 32

typedef enum ScanState
{
	SCAN_START, /* not positioned: the next call begins at an end of the range */
	SCAN_PAGE,	/* on the page copied to `page` */
	SCAN_SMALL	/* the whole range is in `small` */
} ScanState;

/* where a scan stands, given the copy it stands on */
typedef struct AlexScanCursor
{
	ScanState state;
	ScanDirection last_dir;
	uint32 small_pos; /* SCAN_SMALL: entries before the cursor */
	/* SCAN_PAGE: the range's part of the page, and the cursor in it */
	AlexPagePos from;
	AlexPagePos to;
	AlexPagePos pos;
} AlexScanCursor;

typedef struct AlexScanMark AlexScanMark;
typedef struct AlexScanArrays AlexScanArrays;
typedef struct AlexScanTuple AlexScanTuple;

/*
 * How alexgettuple() makes the tuple of a column that is an integer of some kind, whose code is its value but for the
 * bits that are flipped: without a call, in one store.
 */
typedef struct AlexPlainTuple
{
	uint8 bytes;	  /* of the value: 1, 2, 4, 8; 0 = not such a column */
	uint64 flip;	  /* value = code ^ flip, in these bytes */
	AlexKey max;	  /* greatest code */
	AlexKey null;	  /* the code that NULLs share */
	IndexTuple tuple; /* the scan's, see alex_tuple_make() */
	char *value;	  /* where it stands in the tuple */
	unsigned short info;
} AlexPlainTuple;

typedef struct AlexScanOpaque
{
	AlexKeyInfo info;
	AlexScanArrays *arrays; /* NULL unless a key is an array */
	AlexBounds bounds;		/* with arrays: of the current combination of elements */
	bool bounds_ready;		/* with arrays: these are prepared */
	bool dense;				/* several ranges were found on one leaf: copy pages */
	bool reused;			/* the page copy has served more than one range */
	AlexScanMark *mark;		/* NULL until a position is marked */
	AlexScanTuple *tuple;	/* NULL unless the scan is index-only */
	AlexPlainTuple plain;	/* set with it */

	AlexScanCursor cursor;
	Buffer pin;		   /* the current page, if its pin must be kept */
	BlockNumber block; /* the current page */
	uint32 ahead;	   /* leaves right of it that the operating system has been asked for */
	AlexKilled killed; /* entries of it that are to be marked dead */
	AlexItem last;	   /* returned last */

	/* SCAN_SMALL */
	uint32 nsmall;
	AlexItem small[SCAN_SMALL_MAX];

	/* SCAN_PAGE */
	int cached_block; /* decoded into `cached`, or -1 */
	uint32 cached_cum;
	uint32 cached_n;
	AlexItem cached[ALEX_BLOCK_ENTRIES_MAX];
	char page[BLCKSZ + 16] __attribute__((aligned(8)));
} AlexScanOpaque;

/* alex_scan_drop_page --- leave the current page, if there is one. */
extern void alex_scan_drop_page(IndexScanDesc scan);

/*
 * alex_scan_prepare --- look at the keys, once after a rescan.  alex_scan_first_range also makes
 * the first range in this direction the current one; false if there is none.
 */
extern void alex_scan_prepare(IndexScanDesc scan);
extern bool alex_scan_first_range(IndexScanDesc scan, ScanDirection dir);

/*
 * alex_scan_load --- the page on which so->bounds begin (backward: end) becomes the current one,
 * the cursor before (behind) its entries of the range.  `block`, if given, is where to look first.
 */
extern void alex_scan_load(IndexScanDesc scan, ScanDirection dir, BlockNumber block);

/*
 * alex_scan_first_leaf --- the leaf on which so->bounds begin (backward: end), share-locked; of those that follow
 * in a forward scan, the operating system is asked for as many as effective_io_concurrency says.
 *
 * alex_scan_read_ahead --- ask for more when these have been come to: in a forward scan, after the
 * current page was loaded.
 */
extern Buffer alex_scan_first_leaf(IndexScanDesc scan, ScanDirection dir);
extern void alex_scan_read_ahead(IndexScanDesc scan);

/* alex_scan_range_ends --- does the current page hold the range's end in this direction? */
extern bool alex_scan_range_ends(const AlexScanOpaque *so, ScanDirection dir);

/*
 * alex_parallel_next --- the next page of a scan shared with other backends becomes the
 * current one; false if there is none.
 */
extern bool alex_parallel_next(IndexScanDesc scan, ScanDirection dir);

/*
 * alex_arrays_prepare --- look for arrays among the keys, at the first use after
 * a rescan.  Sets so->arrays, to NULL if there are none.
 */
extern void alex_arrays_prepare(IndexScanDesc scan);
extern void alex_arrays_free(AlexScanOpaque *so);

/*
 * alex_arrays_first, alex_arrays_next --- so->bounds become those of the first or of
 * the following range in this direction, which is not empty; false if there is none.
 */
extern bool alex_arrays_first(IndexScanDesc scan, ScanDirection dir);
extern bool alex_arrays_next(IndexScanDesc scan, ScanDirection dir);

/* the number of the current range, for returning to it; its bounds are the caller's business */
extern uint64 alex_arrays_tell(const AlexScanOpaque *so);
extern void alex_arrays_seek(AlexScanOpaque *so, uint64 number);

/* alex_arrays_select --- seek, and so->bounds become those of the range, uncut. */
extern void alex_arrays_select(IndexScanDesc scan, uint64 number);

/* alex_bounds_cut --- exclude what a scan has passed: all below `done`, backward all from it on. */
extern void alex_bounds_cut(AlexBounds *b, const AlexRawEntry *done, bool forward);

/*
 * alex_mark_leave --- the scan is about to leave its page: if the mark is on it,
 * the mark takes over the copy and the pin.
 */
extern void alex_mark_leave(AlexScanOpaque *so);

/* alex_mark_forget --- nothing is marked any more. */
extern void alex_mark_forget(AlexScanOpaque *so);

/* alex_tuple_prepare --- at the start of an index-only scan, and again after a rescan. */
extern void alex_tuple_prepare(IndexScanDesc scan);
extern void alex_tuple_free(AlexScanOpaque *so);

/*
 * alex_tuple_make --- scan->xs_itup from an entry whose TID is in xs_heaptid; false if
 * it had to look at the row, and the snapshot does not see it.
 */
extern bool alex_tuple_make(IndexScanDesc scan, const AlexItem *item);

#endif
