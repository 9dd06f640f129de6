/*
 * alex_sort.c
 *		Sort of fixed-size (key, tag) records for ambuild: in memory when they
 *		fit, else sorted runs in a temporary file, merged.
 *
 * PostgreSQL's tuplesort takes index tuples of nbtree and hash only, and
 * spends most of its time on what a 16-byte record does not have (slots,
 * comparators, abbreviation).
 *
 * In memory: a least-significant-digit radix sort, a byte a pass, which skips
 * the bytes that are equal in all entries, and all bytes of the tag when the
 * tags arrived in order, as a heap scan delivers them (the sort is stable).
 * It needs a second buffer, so half of the memory collects entries.  Against
 * the introsort of lib/sort_template.h and an in-place most-significant-digit
 * radix sort ("American flag", introsort below 64 entries), in seconds on one
 * core (AMD EPYC, gcc 12 -O2):
 *
 *							 1 M entries			   10 M entries
 *							 LSD	MSD	   intro	   LSD	  MSD	 intro
 *	uniform 63-bit			 0.012	0.027  0.063	   0.176  0.241	 0.763
 *	random below n			 0.006	0.025  0.071	   0.098  0.415	 0.810
 *	1,000 values			 0.004	0.043  0.077	   0.050  0.448	 0.849
 *	reverse					 0.013	0.009  0.012	   0.198  0.117	 0.148
 *	uniform, tags unordered	 0.019	0.027  0.063	   0.334  0.241	 0.763
 *
 * A buffer that arrived in order is not sorted.  A full buffer is written as
 * a run; when it continues where the last run ended it only makes that run
 * longer, so sorted input becomes a single run, which is read back without a
 * merge.  A synchronized heap scan, which starts in the middle, makes two.
 *
 * Runs lie one after the other in one BufFile (a BufFile each would take 8 kB
 * of buffer for every run).  They are merged by a tree of losers, each run
 * with an equal share of the memory to read ahead; the last merge is done on
 * the fly by alex_sort_next().  Too many runs for that are first merged in
 * groups into a second file, which replaces the first: twice the disk space,
 * and rare: at 64 MB it takes more than 32 GB of entries.
 *
 * Not counted against the memory limit: 16 bytes for each run.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "storage/buffile.h"
#include "utils/memutils.h"

#include "alex/alex_sort.h"
#include "base/pg_compat.h"

/* first size of the buffer, then doubled as long as the limit allows */
#define SORT_ENTRIES_MIN 512

/* entries processed between two looks at interrupts: about 1 ms */
#define SORT_ENTRIES_CHUNK 65536

/*
 * Runs merged at once, at most.  At 64 MB each has 64 kB to read ahead then;
 * more would be more seeks for less memory.  Tests reach a second pass with
 * what 1 MB, the least setting before PostgreSQL 18, makes of 200,000 rows.
 */
#ifdef OMENDB_TESTING
#define SORT_FAN_IN_MAX 4
#else
#define SORT_FAN_IN_MAX 1024
#endif

/* least read-ahead of a run in a merge */
#define SORT_READ_BYTES_MIN 8192

/* entries a merge hands over at once */
#define SORT_BATCH 64

/* buffers of two BufFiles, this struct, batches */
#define SORT_BYTES_OVERHEAD (3 * BLCKSZ)

typedef struct SortRun
{
	int64 start; /* in entries from the beginning of the file */
	int64 count;
} SortRun;

/* one run being read */
typedef struct SortSource
{
	AlexSortEntry *buffer; /* its part of the merge's buffers */
	uint32 at;
	uint32 filled;
	int64 next; /* of the file: what to read next, in entries */
	int64 left; /* not read yet */
	bool done;
} SortSource;

typedef struct SortMerge
{
	MemoryContext context;
	BufFile *file;
	uint32 ways;
	uint32 buffer_entries;
	SortSource *sources;
	AlexSortEntry *heads; /* current entry of each source; all ones when done */
	uint32 *losers;		  /* [0] is the winner; node n has children 2n, 2n + 1 */
} SortMerge;

struct AlexSort
{
	MemoryContext context;
	Size budget; /* bytes for entries */

	/* collecting */
	AlexSortEntry *entries;
	size_t count;
	size_t capacity;
	size_t capacity_max;
	AlexSortEntry *scratch; /* the radix sort's second buffer */
	size_t scratch_capacity;
	bool ordered;	   /* entries[] is in order */
	bool tags_ordered; /* the tags alone are */

	/* about all of the input */
	int64 total;
	bool presorted;
	AlexSortEntry last; /* put last */

	/* spilled */
	BufFile *file;
	SortRun *runs;
	int nruns;
	int nruns_max;
	AlexSortEntry run_last; /* greatest entry of the last run */
	int64 spilled_bytes;

	/* reading */
	bool performed;
	int64 read; /* entries handed out */
	SortMerge *merge;
};

static inline bool
sort_less(const AlexSortEntry *a, const AlexSortEntry *b)
{
	return a->key < b->key || (a->key == b->key && a->tag < b->tag);
}

AlexSort *
alex_sort_begin(int work_mem_kb)
{
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "alex sort", ALLOCSET_DEFAULT_SIZES);
	AlexSort *sort = MemoryContextAllocZero(context, sizeof(AlexSort));
	Size bytes = (Size) work_mem_kb * 1024;

	/* 64 kB is the least a setting can be; less than that is taken as that */
	bytes = Max(bytes, (Size) 64 * 1024);
	sort->context = context;
	bytes = Max(bytes - Min(bytes, SORT_BYTES_OVERHEAD), bytes / 2);
	sort->budget = Min(bytes, MaxAllocHugeSize);
	sort->capacity_max = sort->budget / 2 / sizeof(AlexSortEntry);
	Assert(sort->capacity_max >= SORT_ENTRIES_MIN);
	sort->capacity = SORT_ENTRIES_MIN;
	sort->entries = MemoryContextAlloc(context, sort->capacity * sizeof(AlexSortEntry));
	sort->ordered = true;
	sort->tags_ordered = true;
	sort->presorted = true;
	return sort;
}

/*
 * The sort of a buffer
 */

/* Moves n entries from one buffer to the other, in the order of the byte at `shift`. */
static void
sort_radix_pass(const AlexSortEntry *from, AlexSortEntry *to, size_t n, bool by_tag, int shift)
{
	size_t place[256] = { 0 };
	size_t sum = 0;

	for (size_t i = 0; i < n; i++)
		place[((by_tag ? from[i].tag : from[i].key) >> shift) & 0xFF]++;
	for (int digit = 0; digit < 256; digit++)
	{
		size_t in_digit = place[digit];

		place[digit] = sum;
		sum += in_digit;
	}
	for (size_t done = 0; done < n;)
	{
		size_t end = Min(n, done + SORT_ENTRIES_CHUNK);

		CHECK_FOR_INTERRUPTS();
		for (; done < end; done++)
			to[place[((by_tag ? from[done].tag : from[done].key) >> shift) & 0xFF]++] = from[done];
	}
}

static void
sort_buffer(AlexSort *sort)
{
	AlexSortEntry *from = sort->entries;
	AlexSortEntry *to;
	uint64 key_bits = 0;
	uint64 tag_bits = 0;

	if (sort->ordered)
		return;
	if (sort->scratch_capacity < sort->count)
	{
		if (sort->scratch != NULL)
			pfree(sort->scratch);
		sort->scratch = MemoryContextAllocHuge(sort->context, sort->count * sizeof(AlexSortEntry));
		sort->scratch_capacity = sort->count;
	}
	to = sort->scratch;

	/* bits that differ between entries */
	for (size_t i = 0; i < sort->count; i++)
	{
		key_bits |= from[i].key ^ from[0].key;
		tag_bits |= from[i].tag ^ from[0].tag;
	}
	if (sort->tags_ordered)
		tag_bits = 0;

	for (int word = 0; word < 2; word++)
	{
		bool by_tag = (word == 0);
		uint64 bits = by_tag ? tag_bits : key_bits;

		for (int shift = 0; shift < 64; shift += 8)
		{
			AlexSortEntry *swap = from;

			if (((bits >> shift) & 0xFF) == 0)
				continue;
			sort_radix_pass(from, to, sort->count, by_tag, shift);
			from = to;
			to = swap;
		}
	}
	if (from == sort->scratch)
	{
		size_t capacity = sort->capacity;

		/* the buffers change their roles */
		sort->scratch = sort->entries;
		sort->entries = from;
		sort->capacity = sort->scratch_capacity;
		sort->scratch_capacity = capacity;
	}
	sort->ordered = true;
}

/*
 * Runs
 */

static void
sort_write(AlexSort *sort, BufFile *file, AlexSortEntry *entries, size_t n)
{
	for (size_t done = 0; done < n;)
	{
		size_t part = Min(n - done, SORT_ENTRIES_CHUNK);

		CHECK_FOR_INTERRUPTS();
		BufFileWrite(file, entries + done, part * sizeof(AlexSortEntry));
		done += part;
	}
	sort->spilled_bytes += n * sizeof(AlexSortEntry);
}

static BufFile *
sort_create_file(AlexSort *sort)
{
	MemoryContext caller = MemoryContextSwitchTo(sort->context);
	BufFile *file = BufFileCreateTemp(false);

	MemoryContextSwitchTo(caller);
	return file;
}

static void
sort_add_run(AlexSort *sort, int64 start, int64 count)
{
	if (sort->nruns == sort->nruns_max)
	{
		sort->nruns_max = Max(64, sort->nruns_max * 2);
		if (sort->runs == NULL)
			sort->runs = MemoryContextAlloc(sort->context, sort->nruns_max * sizeof(SortRun));
		else
			sort->runs = repalloc_huge(sort->runs, sort->nruns_max * sizeof(SortRun));
	}
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
	sort_write(sort, sort->file, sort->entries, sort->count);

	if (sort->nruns > 0 && !sort_less(&sort->entries[0], &sort->run_last))
		sort->runs[sort->nruns - 1].count += sort->count;
	else
		sort_add_run(sort, sort->total - sort->count, sort->count);
	sort->run_last = sort->entries[sort->count - 1];
	sort->count = 0;
	sort->tags_ordered = true;
}

/* Makes room for one more entry: a larger buffer, or an empty one. */
static void
sort_make_room(AlexSort *sort)
{
	if (sort->capacity < sort->capacity_max)
	{
		sort->capacity = Min(sort->capacity * 2, sort->capacity_max);
		sort->entries = repalloc_huge(sort->entries, sort->capacity * sizeof(AlexSortEntry));
	}
	else
		sort_spill(sort);
}

void
alex_sort_put(AlexSort *sort, uint64 key, uint64 tag)
{
	AlexSortEntry *entry;

	Assert(!sort->performed);
	if (unlikely(sort->count == sort->capacity))
		sort_make_room(sort);
	entry = &sort->entries[sort->count++];
	entry->key = key;
	entry->tag = tag;
	if (sort->total > 0 && sort_less(entry, &sort->last))
	{
		sort->presorted = false;
		if (sort->count > 1)
			sort->ordered = false;
	}
	if (tag < sort->last.tag && sort->count > 1)
		sort->tags_ordered = false;
	sort->last = *entry;
	sort->total++;
}

/*
 * Merge
 */

/* Reads ahead; at the end of the run the head becomes all ones. */
static void
sort_source_fill(SortMerge *merge, uint32 way)
{
	SortSource *source = &merge->sources[way];
	size_t bytes;

	CHECK_FOR_INTERRUPTS();
	Assert(source->at == source->filled);
	source->at = 0;
	source->filled = Min(source->left, merge->buffer_entries);
	if (source->filled == 0)
	{
		source->done = true;
		memset(&merge->heads[way], 0xFF, sizeof(AlexSortEntry));
		return;
	}
	bytes = source->filled * sizeof(AlexSortEntry);
	if (BufFileSeek(merge->file, 0, (off_t) source->next * sizeof(AlexSortEntry), SEEK_SET) != 0)
		ereport(ERROR, (errcode_for_file_access(),
						errmsg("could not seek in temporary file of index build")));
	om_buffile_read_exact(merge->file, source->buffer, bytes);
	source->next += source->filled;
	source->left -= source->filled;
	merge->heads[way] = source->buffer[source->at++];
}

/* Is the head of a before that of b?  A run that is done comes last. */
static inline bool
sort_way_less(const SortMerge *merge, uint32 a, uint32 b)
{
	const AlexSortEntry *x = &merge->heads[a];
	const AlexSortEntry *y = &merge->heads[b];

	if (x->key != y->key)
		return x->key < y->key;
	if (x->tag != y->tag)
		return x->tag < y->tag;
	return !merge->sources[a].done && merge->sources[b].done;
}

/* Way `way` has a new head: play its matches up to the root. */
static inline void
sort_replay(SortMerge *merge, uint32 way)
{
	for (uint32 node = (way + merge->ways) / 2; node > 0; node /= 2)
	{
		uint32 other = merge->losers[node];

		if (sort_way_less(merge, other, way))
		{
			merge->losers[node] = way;
			way = other;
		}
	}
	merge->losers[0] = way;
}

/* First winner of the subtree at `node`, leaving the losers in it; at most 11 levels deep. */
static uint32
sort_first_winner(SortMerge *merge, uint32 node)
{
	uint32 left;
	uint32 right;

	if (node >= merge->ways)
		return node - merge->ways;
	left = sort_first_winner(merge, node * 2);
	right = sort_first_winner(merge, node * 2 + 1);
	if (sort_way_less(merge, right, left))
	{
		merge->losers[node] = left;
		return right;
	}
	merge->losers[node] = right;
	return left;
}

static SortMerge *
sort_merge_begin(AlexSort *sort, const SortRun *runs, uint32 nruns)
{
	MemoryContext context =
		AllocSetContextCreate(sort->context, "alex sort merge", ALLOCSET_DEFAULT_SIZES);
	MemoryContext caller = MemoryContextSwitchTo(context);
	SortMerge *merge = palloc0(sizeof(SortMerge));
	/* a single run is merged with an empty one, which copies it */
	uint32 ways = Max(nruns, 2);
	Size share = TYPEALIGN_DOWN(SORT_READ_BYTES_MIN, sort->budget / ways);
	int64 longest = 1;
	AlexSortEntry *buffers;

	Assert(nruns >= 1 && ways <= SORT_FAN_IN_MAX && share >= SORT_READ_BYTES_MIN);
	for (uint32 way = 0; way < nruns; way++)
		longest = Max(longest, runs[way].count);
	merge->context = context;
	merge->file = sort->file;
	merge->ways = ways;
	merge->buffer_entries = Min(Min(share / sizeof(AlexSortEntry), longest), PG_INT32_MAX);
	merge->sources = palloc0(ways * sizeof(SortSource));
	merge->heads = palloc(ways * sizeof(AlexSortEntry));
	merge->losers = palloc(ways * sizeof(uint32));
	buffers = palloc_extended((Size) ways * merge->buffer_entries * sizeof(AlexSortEntry),
							  MCXT_ALLOC_HUGE);
	for (uint32 way = 0; way < ways; way++)
	{
		SortSource *source = &merge->sources[way];

		source->buffer = buffers + (Size) way * merge->buffer_entries;
		if (way < nruns)
		{
			source->next = runs[way].start;
			source->left = runs[way].count;
		}
		sort_source_fill(merge, way);
	}
	merge->losers[0] = sort_first_winner(merge, 1);
	MemoryContextSwitchTo(caller);
	return merge;
}

/* Up to max next entries of the merged runs. */
static uint32
sort_merge_next(SortMerge *merge, AlexSortEntry *out, uint32 max)
{
	uint32 n = 0;

	while (n < max)
	{
		uint32 way = merge->losers[0];
		SortSource *source = &merge->sources[way];

		if (source->done)
			break;
		out[n++] = merge->heads[way];
		if (source->at < source->filled)
			merge->heads[way] = source->buffer[source->at++];
		else
			sort_source_fill(merge, way);
		sort_replay(merge, way);
	}
	return n;
}

/* Merges the runs in groups of `ways` into a file that takes the place of this one. */
static void
sort_merge_pass(AlexSort *sort, uint32 ways)
{
	BufFile *file = sort_create_file(sort);
	AlexSortEntry batch[SORT_BATCH];
	int64 start = 0;
	int merged = 0;

	for (int first = 0; first < sort->nruns; first += ways)
	{
		uint32 group = Min(ways, sort->nruns - first);
		int64 count = 0;
		SortMerge *merge;
		uint32 n;

		for (uint32 way = 0; way < group; way++)
			count += sort->runs[first + way].count;
		merge = sort_merge_begin(sort, sort->runs + first, group);
		while ((n = sort_merge_next(merge, batch, SORT_BATCH)) > 0)
			sort_write(sort, file, batch, n);
		MemoryContextDelete(merge->context);

		sort->runs[merged].start = start;
		sort->runs[merged].count = count;
		merged++;
		start += count;
	}
	Assert(start == sort->total);
	BufFileClose(sort->file);
	sort->file = file;
	sort->nruns = merged;
}

/*
 * Results
 */

void
alex_sort_perform(AlexSort *sort)
{
	uint32 fan_in;

	Assert(!sort->performed);
	sort->performed = true;
	if (sort->file == NULL)
	{
		sort_buffer(sort);
		if (sort->scratch != NULL)
			pfree(sort->scratch);
		sort->scratch = NULL;
		return;
	}

	sort_spill(sort);
	pfree(sort->entries);
	sort->entries = NULL;
	if (sort->scratch != NULL)
		pfree(sort->scratch);
	sort->scratch = NULL;

	fan_in = Min(sort->budget / SORT_READ_BYTES_MIN, SORT_FAN_IN_MAX);
	Assert(fan_in >= 2);
	while (sort->nruns > fan_in)
		sort_merge_pass(sort, fan_in);
	if (sort->nruns > 1)
		sort->merge = sort_merge_begin(sort, sort->runs, sort->nruns);
	else if (BufFileSeek(sort->file, 0, 0, SEEK_SET) != 0)
		ereport(ERROR, (errcode_for_file_access(),
						errmsg("could not rewind temporary file of index build")));
}

uint32
alex_sort_next(AlexSort *sort, AlexSortEntry *out, uint32 max)
{
	uint32 n = Min(sort->total - sort->read, max);

	Assert(sort->performed);
	if (n == 0)
		return 0;
	CHECK_FOR_INTERRUPTS();
	if (sort->merge != NULL)
	{
		uint32 merged = sort_merge_next(sort->merge, out, n);

		if (merged != n)
			elog(ERROR, "merge ended after %lld of %lld entries", (long long) (sort->read + merged),
				 (long long) sort->total);
	}
	else if (sort->file != NULL)
		om_buffile_read_exact(sort->file, out, n * sizeof(AlexSortEntry));
	else
		memcpy(out, sort->entries + sort->read, n * sizeof(AlexSortEntry));
	sort->read += n;
	return n;
}

int64
alex_sort_count(const AlexSort *sort)
{
	return sort->total;
}

bool
alex_sort_presorted(const AlexSort *sort)
{
	return sort->presorted;
}

int64
alex_sort_spilled_bytes(const AlexSort *sort)
{
	return sort->spilled_bytes;
}

void
alex_sort_end(AlexSort *sort)
{
	if (sort->file != NULL)
		BufFileClose(sort->file);
	MemoryContextDelete(sort->context);
}
