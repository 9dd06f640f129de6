/*
 * hybrid_hot.h
 *		Read the hot rows of a table page by page (rule P2).
 *
 * Heap pages lie between runs of opaque pages.  We go over them ourselves:
 * heap's own scan would read every cold page to find it empty, and its limits
 * lose rows when a scan turns around.
 */
#ifndef HYBRID_HOT_H
#define HYBRID_HOT_H

#include "access/htup_details.h"
#include "executor/tuptable.h"
#include "storage/buf.h"
#include "utils/snapshot.h"

#include "hybrid/hybrid_directory.h"
#include "hybrid/hybrid_mark.h"

typedef struct HyHotReader
{
	Relation rel;
	Snapshot snapshot;
	BufferAccessStrategy strategy;
	BlockNumber nblocks; /* end of the file as the scan sees it */
	uint32 run_count;
	HyRun *runs;

	BlockNumber block; /* InvalidBlockNumber: on no page */
	Buffer buffer;	   /* of block, pinned */
	int count;		   /* offsets of its candidate tuples */
	int idx;
	OffsetNumber offsets[MaxHeapTuplesPerPage];
	HeapTupleData tuple; /* the present one, in the buffer */
	/* a snapshot that follows marks (hy_follows_marks): the present row is cold row cold_row instead */
	bool followed;
	uint64 cold_row;
} HyHotReader;

/* runs are copied into the current context */
extern void hy_hot_init(HyHotReader *reader, Relation rel, const HyDirectory *dir,
						Snapshot snapshot, BlockNumber nblocks, BufferAccessStrategy strategy);
/* leave the present page */
extern void hy_hot_release(HyHotReader *reader);

/* the hot block at or behind `block` (before it if !forward), or InvalidBlockNumber */
extern BlockNumber hy_hot_block_from(const HyHotReader *reader, BlockNumber block, bool forward);

/*
 * Go to a block: pin it and collect the tuples that the snapshot sees (MVCC), or
 * all of them (other snapshots, which hy_hot_tuple then asks one by one).  Headers
 * of cold rows are not among them.
 */
extern void hy_hot_load(HyHotReader *reader, BlockNumber block);

/* marked tuples among the candidates of a page, ascending */
typedef struct HyMarks
{
	int count;
	uint16 at[MaxHeapTuplesPerPage]; /* index into the reader's offsets */
	HyMark marks[MaxHeapTuplesPerPage];
} HyMarks;

/* if hy_marks_matter: the tuple, locked, that becomes the reader's next candidate may be marked */
extern void hy_hot_note_mark(const HyHotReader *reader, const HeapTupleHeaderData *tuple,
							 HyMarks *marks);
/* take candidates out whose rows are gone for the snapshot (hy_mark_hides); nothing is locked */
extern void hy_hot_drop_hidden(HyHotReader *reader, const HyMarks *marks);

/* make tuple number idx of the page the present one; false if the snapshot does not see it */
extern bool hy_hot_tuple(HyHotReader *reader, int idx);

/* show the present tuple in a slot of ours */
extern void hy_hot_store(HyHotReader *reader, TupleTableSlot *slot);

#endif
