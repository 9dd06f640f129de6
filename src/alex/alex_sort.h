/*
 * alex_sort.h
 *		Sort of fixed-size records for ambuild (design rule C9).
 *
 * A record is two words (8-byte key, tag) or three (16-byte key, tag), the most
 * significant first.
 *
 * Life: begin, put ..., perform, next ..., end.  All memory hangs below the
 * context that is current at begin, temporary files belong to the resource
 * owner that is current when they are made, so an error needs no clean-up.
 * Everything here is cancellable.
 */
#ifndef ALEX_SORT_H
#define ALEX_SORT_H

#include "storage/sharedfileset.h"

typedef struct AlexSort AlexSort;

/* as many records are emitted at once, and as many are best taken at once: a block's worth */
#define ALEX_SORT_BATCH 128

/*
 * Who takes records while input arrives in order.  emit gets a batch that nothing
 * precedes, as far as one can tell.  When a record that comes before
 * emitted ones arrives, take_back has to put all emitted ones into the sort again, in
 * order; emit is not called any more then.
 */
typedef struct AlexSortStream
{
	void (*emit)(void *arg, const uint64 *records, uint32 n);
	void (*take_back)(void *arg, AlexSort *sort);
	void *arg;
} AlexSortStream;

/*
 * work_mem_kb: all that sort buffers may take together, as in
 * maintenance_work_mem.  stream may be NULL.
 */
extern AlexSort *alex_sort_begin(int words, int work_mem_kb, const AlexSortStream *stream);

/* in any context; may write a run to disk, or emit */
extern void alex_sort_put(AlexSort *sort, const uint64 *record);

/* emit nothing from now on, and take back what was */
extern void alex_sort_stop_stream(AlexSort *sort);
extern bool alex_sort_streaming(const AlexSort *sort);

/* no put afterwards */
extern void alex_sort_perform(AlexSort *sort);

/* fills out[] with up to max next records, not emitted ones; the number filled, 0 at the end */
extern uint32 alex_sort_next(AlexSort *sort, uint64 *out, uint32 max);

/*
 * A parallel build.  Each participant sorts a part, its file lies in the shared set
 * from the start; alex_sort_export, in place of perform and next, makes one run of all
 * its records and says where.  When all have done so, the leader imports the parts:
 * then next gives the records of all.
 */
typedef struct AlexSortPart
{
	int64 count;
	int file; /* number in its name */
} AlexSortPart;

extern AlexSort *alex_sort_begin_part(int words, int work_mem_kb, SharedFileSet *files,
									  int participant);
extern AlexSortPart alex_sort_export(AlexSort *sort);
extern AlexSort *alex_sort_import(int words, int work_mem_kb, SharedFileSet *files, int nparts,
								  const AlexSortPart *parts);

extern void alex_sort_end(AlexSort *sort);

#endif
