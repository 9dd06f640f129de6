/*
 * alex_sort.c
 *		Sort of fixed-size records for ambuild: streamed while they arrive in order,
 *		in memory when they fit, else sorted runs in a temporary file, merged.
 *
 * PostgreSQL's tuplesort takes index tuples of nbtree and hash only, and
 * spends most of its time on what such records do not have (slots,
 * comparators, abbreviation).
 *
 * Streaming: the first few thousand records are a window.  If they are in order, or
 * out of order only locally (sessions that insert time stamps side by side), the
 * lower half of the window goes to the caller each time it is full, so that
 * neither sort nor memory nor disk sees the table.  A record that belongs before
 * what was emitted ends this: the caller puts everything back.  That costs a pass
 * over the pages built so far, once; random input ends it in the first window.
 *
 * In memory: see alex_radix.c.  It needs a second buffer, so half of the memory
 * collects records.  A buffer that arrived in order is not sorted.  A full
 * buffer is written as a run; when it continues where the last run ended it only
 * makes that run longer, so that sorted input becomes a single run, which is read
 * back without a merge.  A synchronized heap scan, which starts in the middle, makes two.
 *
 * Runs lie one after the other in one BufFile (a BufFile each would take 8 kB
 * of buffer for every run).  The last merge is done on the fly by
 * alex_sort_next().  Too many runs for that are first merged in
 * groups into a second file, which replaces the first: twice the disk space,
 * and rare: at 64 MB it takes more than 32 GB of records.
 *
 * Not counted against the memory limit: 24 bytes for each run.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "storage/buffile.h"
#include "utils/memutils.h"

#include "alex/alex_radix.h"
#include "alex/alex_runs.h"
#include "alex/alex_sort.h"
#include "base/pg_compat.h"

/* first size of the buffer, then doubled as long as the limit allows; also least window */
#define SORT_RECORDS_MIN 512

/* records processed between two looks at interrupts: about 1 ms */
#define SORT_RECORDS_CHUNK 65536

/* buffers of two BufFiles, this struct, batches */
#define SORT_BYTES_OVERHEAD (3 * BLCKSZ)

/*
 * The window of a stream, at most: 128 or 192 kB, which stay in a core's cache.  Half of
 * it is how far behind others a record may come.
 */
#define SORT_WINDOW_RECORDS 8192
#define SORT_WINDOW_PARTS 8

struct AlexSort
{
	MemoryContext context;
	int words;	 /* of a record */
	Size budget; /* bytes for records */

	/* collecting */
	uint64 *records;
	size_t count;
	size_t capacity;
	size_t capacity_max;
	uint64 *scratch; /* the radix sort's second buffer */
	size_t scratch_capacity;
	bool ordered; /* records[] is in order */

	/* streaming */
	AlexSortStream stream;
	bool streaming;
	int64 emitted;
	uint64 emitted_last[ALEX_RADIX_WORDS_MAX];

	/* spilled */
	BufFile *file;
	SharedFileSet *files; /* a participant's are in there */
	int participant;
	int file_number;
	AlexRun *runs;
	int nruns;
	int nruns_max;
	uint64 run_last[ALEX_RADIX_WORDS_MAX]; /* greatest record of the last run */
	int64 spilled;						   /* records in runs */

	/* reading */
	bool performed;
	size_t read; /* records of the buffer handed out */
	int64 left;	 /* of a file or merge */
	AlexMerge *merge;
	BufFile **imported;
	int nimported;
};

static inline Size
record_bytes(const AlexSort *sort)
{
	return sort->words * sizeof(uint64);
}

static inline uint64 *
record_at(const AlexSort *sort, size_t i)
{
	return sort->records + i * sort->words;
}

static inline bool
record_less(const AlexSort *sort, const uint64 *a, const uint64 *b)
{
	return sort->words == 2 ? alex_record_less(a, b, 2) : alex_record_less(a, b, 3);
}

static AlexSort *
sort_alloc(int words, int work_mem_kb)
{
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "alex sort", ALLOCSET_DEFAULT_SIZES);
	AlexSort *sort = MemoryContextAllocZero(context, sizeof(AlexSort));
	Size bytes = (Size) work_mem_kb * 1024;

	Assert(words >= ALEX_RADIX_WORDS_MIN && words <= ALEX_RADIX_WORDS_MAX);
	/* 64 kB is the least a setting can be; less than that is taken as that */
	bytes = Max(bytes, (Size) 64 * 1024);
	sort->context = context;
	sort->words = words;
	bytes = Max(bytes - Min(bytes, SORT_BYTES_OVERHEAD), bytes / 2);
	sort->budget = Min(bytes, MaxAllocHugeSize);
	sort->capacity_max = sort->budget / 2 / record_bytes(sort);
	Assert(sort->capacity_max >= SORT_RECORDS_MIN);
	return sort;
}

static void
sort_alloc_records(AlexSort *sort, size_t capacity)
{
	sort->capacity = capacity;
	sort->records = MemoryContextAllocHuge(sort->context, capacity * record_bytes(sort));
	sort->count = 0;
	sort->ordered = true;
}

AlexSort *
alex_sort_begin(int words, int work_mem_kb, const AlexSortStream *stream)
{
	AlexSort *sort = sort_alloc(words, work_mem_kb);

	if (stream != NULL)
	{
		sort->stream = *stream;
		sort->streaming = true;
	}
	sort_alloc_records(sort, stream == NULL ? SORT_RECORDS_MIN
											: Min(SORT_WINDOW_RECORDS, sort->capacity_max));
	return sort;
}

AlexSort *
alex_sort_begin_part(int words, int work_mem_kb, SharedFileSet *files, int participant)
{
	AlexSort *sort = alex_sort_begin(words, work_mem_kb, NULL);

	sort->files = files;
	sort->participant = participant;
	return sort;
}

/*
 * The sort of a buffer
 */

static void
sort_yield(void)
{
	CHECK_FOR_INTERRUPTS();
}

static void
sort_buffer(AlexSort *sort)
{
	if (sort->ordered)
		return;
	if (sort->scratch_capacity < sort->count)
	{
		if (sort->scratch != NULL)
			pfree(sort->scratch);
		sort->scratch = NULL;
		sort->scratch_capacity = 0;
		sort->scratch = MemoryContextAllocHuge(sort->context, sort->count * record_bytes(sort));
		sort->scratch_capacity = sort->count;
	}
	if (alex_radix_sort(sort->records, sort->scratch, sort->count, sort->words, sort_yield))
	{
		uint64 *records = sort->scratch;
		size_t capacity = sort->scratch_capacity;

		/* the buffers change their roles */
		sort->scratch = sort->records;
		sort->scratch_capacity = sort->capacity;
		sort->records = records;
		sort->capacity = capacity;
	}
	sort->ordered = true;
}

static void
sort_free_scratch(AlexSort *sort)
{
	if (sort->scratch != NULL)
		pfree(sort->scratch);
	sort->scratch = NULL;
	sort->scratch_capacity = 0;
}

/*
 * Streaming
 */

/*
 * May the records of the first window be put in order by looking at a part of it at
 * a time?  So they may if no part has a record before one of the part before the last.
 */
static bool
sort_window_is_local(const AlexSort *sort)
{
	size_t part = sort->count / SORT_WINDOW_PARTS;
	const uint64 *before = NULL; /* greatest of all parts before the last one */
	const uint64 *last = NULL;	 /* greatest of the last part */

	for (size_t start = 0; start + part <= sort->count; start += part)
	{
		const uint64 *least = record_at(sort, start);
		const uint64 *greatest = least;

		for (size_t i = start + 1; i < start + part; i++)
		{
			const uint64 *record = record_at(sort, i);

			if (record_less(sort, record, least))
				least = record;
			else if (record_less(sort, greatest, record))
				greatest = record;
		}
		if (before != NULL && record_less(sort, least, before))
			return false;
		if (last != NULL && (before == NULL || record_less(sort, before, last)))
			before = last;
		last = greatest;
	}
	return true;
}

bool
alex_sort_streaming(const AlexSort *sort)
{
	return sort->streaming;
}

void
alex_sort_stop_stream(AlexSort *sort)
{
	uint64 *window = sort->records;
	size_t count = sort->count;

	if (!sort->streaming)
		return;
	sort->streaming = false;
	sort_free_scratch(sort);
	if (sort->emitted == 0)
		return;
	sort_alloc_records(sort, SORT_RECORDS_MIN);
	sort->emitted = 0;
	sort->stream.take_back(sort->stream.arg, sort);
	for (size_t i = 0; i < count; i++)
		alex_sort_put(sort, window + i * sort->words);
	pfree(window);
}

/* The window is full, or input has ended: put it in order, unless a record comes too late. */
static bool
sort_order_window(AlexSort *sort)
{
	sort_buffer(sort);
	if (sort->emitted > 0 && record_less(sort, record_at(sort, 0), sort->emitted_last))
	{
		alex_sort_stop_stream(sort);
		return false;
	}
	return true;
}

/* The window is full: hand over its lower half. */
static void
sort_emit(AlexSort *sort)
{
	size_t half = sort->count / 2 / ALEX_SORT_BATCH * ALEX_SORT_BATCH;

	Assert(half > 0);
	if (sort->emitted == 0 && !sort->ordered && !sort_window_is_local(sort))
		alex_sort_stop_stream(sort);
	if (!sort->streaming || !sort_order_window(sort))
		return;
	memcpy(sort->emitted_last, record_at(sort, half - 1), record_bytes(sort));
	sort->emitted += half;
	for (size_t done = 0; done < half; done += ALEX_SORT_BATCH)
		sort->stream.emit(sort->stream.arg, record_at(sort, done), ALEX_SORT_BATCH);
	sort->count -= half;
	memmove(sort->records, record_at(sort, half), sort->count * record_bytes(sort));
}

/*
 * Runs
 */

static void
sort_file_name(char *name, int participant, int number)
{
	snprintf(name, MAXPGPATH, "alex%d.%d", participant, number);
}

static BufFile *
sort_create_file(AlexSort *sort)
{
	MemoryContext caller = MemoryContextSwitchTo(sort->context);
	BufFile *file;

	if (sort->files == NULL)
		file = BufFileCreateTemp(false);
	else
	{
		char name[MAXPGPATH];

		sort_file_name(name, sort->participant, ++sort->file_number);
		file = BufFileCreateFileSet(&sort->files->fs, name);
	}
	MemoryContextSwitchTo(caller);
	return file;
}

static void
sort_write(AlexSort *sort, BufFile *file, const uint64 *records, size_t n)
{
	for (size_t done = 0; done < n;)
	{
		size_t part = Min(n - done, SORT_RECORDS_CHUNK);

		CHECK_FOR_INTERRUPTS();
		/* the argument is not const before 16 */
		BufFileWrite(file, unconstify(uint64 *, records) + done * sort->words,
					 part * record_bytes(sort));
		done += part;
	}
}

static void
sort_add_run(AlexSort *sort, int64 start, int64 count)
{
	if (sort->nruns == sort->nruns_max)
	{
		sort->nruns_max = Max(64, sort->nruns_max * 2);
		if (sort->runs == NULL)
			sort->runs = MemoryContextAlloc(sort->context, sort->nruns_max * sizeof(AlexRun));
		else
			sort->runs = repalloc_huge(sort->runs, sort->nruns_max * sizeof(AlexRun));
	}
	sort->runs[sort->nruns].file = sort->file;
	sort->runs[sort->nruns].start = start;
	sort->runs[sort->nruns].count = count;
	sort->nruns++;
}

/* Writes the buffer as a run, or at the end of the last run if it continues that. */
static void
sort_spill(AlexSort *sort)
{
	if (sort->count == 0)
		return;
	sort_buffer(sort);
	if (sort->file == NULL)
		sort->file = sort_create_file(sort);
	sort_write(sort, sort->file, sort->records, sort->count);

	if (sort->nruns > 0 && !record_less(sort, record_at(sort, 0), sort->run_last))
		sort->runs[sort->nruns - 1].count += sort->count;
	else
		sort_add_run(sort, sort->spilled, sort->count);
	memcpy(sort->run_last, record_at(sort, sort->count - 1), record_bytes(sort));
	sort->spilled += sort->count;
	sort->count = 0;
}

/* Makes room for one more record: a larger buffer, or an emptier one. */
static void
sort_make_room(AlexSort *sort)
{
	if (sort->streaming)
	{
		sort_emit(sort);
		if (sort->count < sort->capacity)
			return;
	}
	if (sort->capacity < sort->capacity_max)
	{
		sort->capacity = Min(sort->capacity * 2, sort->capacity_max);
		sort->records = repalloc_huge(sort->records, sort->capacity * record_bytes(sort));
	}
	else
		sort_spill(sort);
}

void
alex_sort_put(AlexSort *sort, const uint64 *record)
{
	uint64 *to;

	Assert(!sort->performed);
	if (unlikely(sort->count == sort->capacity))
		sort_make_room(sort);
	to = record_at(sort, sort->count);
	to[0] = record[0];
	to[1] = record[1];
	if (sort->words == 3)
		to[2] = record[2];
	if (sort->count == 0)
		sort->ordered = true;
	else if (record_less(sort, to, to - sort->words))
		sort->ordered = false;
	sort->count++;
}

/*
 * Merge
 */

static AlexMerge *
sort_merge_begin(AlexSort *sort, const AlexRun *runs, uint32 nruns)
{
	MemoryContext caller = MemoryContextSwitchTo(sort->context);
	AlexMerge *merge = alex_merge_begin(runs, nruns, sort->words, sort->budget);

	MemoryContextSwitchTo(caller);
	return merge;
}

/* Merges the runs in groups of `ways` into a file that takes the place of this one. */
static void
sort_merge_pass(AlexSort *sort, uint32 ways)
{
	int old_number = sort->file_number;
	BufFile *file = sort_create_file(sort);
	uint64 batch[ALEX_SORT_BATCH * ALEX_RADIX_WORDS_MAX];
	int64 start = 0;
	int merged = 0;

	for (int first = 0; first < sort->nruns; first += ways)
	{
		uint32 group = Min(ways, sort->nruns - first);
		int64 count = 0;
		AlexMerge *merge;
		uint32 n;

		for (uint32 way = 0; way < group; way++)
			count += sort->runs[first + way].count;
		merge = sort_merge_begin(sort, sort->runs + first, group);
		while ((n = alex_merge_next(merge, batch, ALEX_SORT_BATCH)) > 0)
			sort_write(sort, file, batch, n);
		alex_merge_end(merge);

		sort->runs[merged].file = file;
		sort->runs[merged].start = start;
		sort->runs[merged].count = count;
		merged++;
		start += count;
	}
	Assert(start == sort->spilled);
	BufFileClose(sort->file);
	if (sort->files != NULL)
	{
		char name[MAXPGPATH];

		/* closing it does not delete a file of a set */
		sort_file_name(name, sort->participant, old_number);
		BufFileDeleteFileSet(&sort->files->fs, name, false);
	}
	sort->file = file;
	sort->nruns = merged;
}

/* The buffer is in a run: merge until there are few enough of them. */
static void
sort_merge_until(AlexSort *sort, uint32 nruns)
{
	uint32 ways = alex_merge_ways_max(sort->budget);

	pfree(sort->records);
	sort->records = NULL;
	sort_free_scratch(sort);
	while (sort->nruns > nruns)
		sort_merge_pass(sort, ways);
}

/*
 * Results
 */

void
alex_sort_perform(AlexSort *sort)
{
	Assert(!sort->performed && sort->files == NULL);
	if (!sort->streaming || !sort_order_window(sort))
	{
		if (sort->file == NULL)
			sort_buffer(sort);
		else
			sort_spill(sort);
	}
	sort->performed = true;
	if (sort->file == NULL)
	{
		sort_free_scratch(sort);
		return;
	}

	sort_merge_until(sort, alex_merge_ways_max(sort->budget));
	sort->left = sort->spilled;
	if (sort->nruns > 1)
		sort->merge = sort_merge_begin(sort, sort->runs, sort->nruns);
	else if (BufFileSeek(sort->file, 0, 0, SEEK_SET) != 0)
		ereport(ERROR, (errcode_for_file_access(),
						errmsg("could not rewind temporary file of index build")));
}

uint32
alex_sort_next(AlexSort *sort, uint64 *out, uint32 max)
{
	uint32 n;

	Assert(sort->performed);
	CHECK_FOR_INTERRUPTS();
	if (sort->file == NULL && sort->merge == NULL)
	{
		n = Min(sort->count - sort->read, max);
		if (n > 0)
			memcpy(out, record_at(sort, sort->read), n * record_bytes(sort));
		sort->read += n;
		return n;
	}
	n = Min(sort->left, max);
	if (n == 0)
		return 0;
	if (sort->merge != NULL)
	{
		uint32 merged = alex_merge_next(sort->merge, out, n);

		if (merged != n)
			elog(ERROR, "merge ended " INT64_FORMAT " records early", sort->left - merged);
	}
	else
		om_buffile_read_exact(sort->file, out, n * record_bytes(sort));
	sort->left -= n;
	return n;
}

AlexSortPart
alex_sort_export(AlexSort *sort)
{
	AlexSortPart part = { 0, 0 };

	Assert(!sort->performed && sort->files != NULL);
	sort_spill(sort);
	sort->performed = true;
	if (sort->file == NULL)
		return part;
	sort_merge_until(sort, 1);
	BufFileExportFileSet(sort->file);
	part.count = sort->spilled;
	part.file = sort->file_number;
	return part;
}

AlexSort *
alex_sort_import(int words, int work_mem_kb, SharedFileSet *files, int nparts,
				 const AlexSortPart *parts)
{
	AlexSort *sort = sort_alloc(words, work_mem_kb);
	MemoryContext caller = MemoryContextSwitchTo(sort->context);
	AlexRun *runs = palloc(nparts * sizeof(AlexRun));
	uint32 nruns = 0;

	sort->performed = true;
	sort->imported = palloc(nparts * sizeof(BufFile *));
	for (int i = 0; i < nparts; i++)
	{
		char name[MAXPGPATH];

		if (parts[i].count == 0)
			continue;
		sort_file_name(name, i, parts[i].file);
		runs[nruns].file = BufFileOpenFileSet(&files->fs, name, O_RDONLY, false);
		runs[nruns].start = 0;
		runs[nruns].count = parts[i].count;
		sort->imported[sort->nimported++] = runs[nruns].file;
		nruns++;
		sort->left += parts[i].count;
	}
	if (nruns > 0)
		sort->merge = alex_merge_begin(
			runs, nruns, words,
			Max(sort->budget - Min(sort->budget, nruns * BLCKSZ), sort->budget / 2));
	MemoryContextSwitchTo(caller);
	return sort;
}

void
alex_sort_end(AlexSort *sort)
{
	if (sort->file != NULL)
		BufFileClose(sort->file);
	for (int i = 0; i < sort->nimported; i++)
		BufFileClose(sort->imported[i]);
	MemoryContextDelete(sort->context);
}
