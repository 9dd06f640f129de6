/*
 * alex_runs.c
 *		Merge of sorted runs, by a tree of losers: each run has an equal share of the
 *		memory to read ahead.
 *
 * Runs may lie in one file or each in its own, a participant's of a parallel
 * build.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "alex/alex_radix.h"
#include "alex/alex_runs.h"
#include "base/pg_compat.h"

/*
 * Runs merged at once, at most.  At 64 MB each has 64 kB to read ahead then;
 * more would be more seeks for less memory.  Tests reach a second pass with
 * what 1 MB, the least setting before PostgreSQL 18, makes of 200,000 rows.
 */
#ifdef OMENDB_TESTING
#define WAYS_MAX 4
#else
#define WAYS_MAX 1024
#endif

/* one run being read */
typedef struct MergeSource
{
	BufFile *file;
	uint64 *buffer; /* its part of the merge's buffers */
	uint32 at;
	uint32 filled;
	int64 next; /* of the file: what to read next, in records */
	int64 left; /* not read yet */
	bool done;
} MergeSource;

struct AlexMerge
{
	MemoryContext context;
	int words;
	uint32 ways;
	uint32 buffer_records;
	MergeSource *sources;
	uint64 *heads;	/* current record of each source; all ones when done */
	uint32 *losers; /* [0] is the winner; node n has children 2n, 2n + 1 */
};

uint32
alex_merge_ways_max(Size bytes)
{
	return (uint32) Max(Min(bytes / ALEX_RUN_BYTES_MIN, WAYS_MAX), 2);
}

/* Reads ahead; at the end of the run the head becomes all ones. */
static void
fill_source(AlexMerge *merge, uint32 way)
{
	MergeSource *source = &merge->sources[way];
	Size record_bytes = merge->words * sizeof(uint64);

	CHECK_FOR_INTERRUPTS();
	Assert(source->at == source->filled);
	source->at = 0;
	source->filled = Min(source->left, merge->buffer_records);
	if (source->filled == 0)
	{
		source->done = true;
		memset(&merge->heads[way * merge->words], 0xFF, record_bytes);
		return;
	}
	if (BufFileSeek(source->file, 0, (off_t) (source->next * record_bytes), SEEK_SET) != 0)
		ereport(ERROR, (errcode_for_file_access(),
						errmsg("could not seek in temporary file of index build")));
	om_buffile_read_exact(source->file, source->buffer, source->filled * record_bytes);
	source->next += source->filled;
	source->left -= source->filled;
	memcpy(&merge->heads[way * merge->words], source->buffer, record_bytes);
	source->at = 1;
}

/* Is the head of a before that of b?  A run that is done comes last. */
static pg_attribute_always_inline bool
way_less(const AlexMerge *merge, uint32 a, uint32 b, const int words)
{
	const uint64 *x = &merge->heads[a * words];
	const uint64 *y = &merge->heads[b * words];

	for (int w = 0; w < words; w++)
		if (x[w] != y[w])
			return x[w] < y[w];
	return !merge->sources[a].done && merge->sources[b].done;
}

/* First winner of the subtree at `node`, leaving the losers in it; at most 11 levels deep. */
static uint32
first_winner(AlexMerge *merge, uint32 node)
{
	uint32 left;
	uint32 right;

	if (node >= merge->ways)
		return node - merge->ways;
	left = first_winner(merge, node * 2);
	right = first_winner(merge, node * 2 + 1);
	if (way_less(merge, right, left, merge->words))
	{
		merge->losers[node] = left;
		return right;
	}
	merge->losers[node] = right;
	return left;
}

AlexMerge *
alex_merge_begin(const AlexRun *runs, uint32 nruns, int words, Size bytes)
{
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "alex merge", ALLOCSET_DEFAULT_SIZES);
	MemoryContext caller = MemoryContextSwitchTo(context);
	AlexMerge *merge = palloc0(sizeof(AlexMerge));
	Size record_bytes = words * sizeof(uint64);
	/* a single run is merged with an empty one, which copies it */
	uint32 ways = Max(nruns, 2);
	Size share = Max(bytes / ways, ALEX_RUN_BYTES_MIN);
	int64 longest = 1;
	uint64 *buffers;

	Assert(nruns >= 1);
	for (uint32 way = 0; way < nruns; way++)
		longest = Max(longest, runs[way].count);
	share = TYPEALIGN_DOWN(ALEX_RUN_BYTES_MIN, share);
	merge->context = context;
	merge->words = words;
	merge->ways = ways;
	merge->buffer_records = (uint32) Min(Min(share / record_bytes, longest), PG_INT32_MAX);
	merge->sources = palloc0(ways * sizeof(MergeSource));
	merge->heads = palloc(ways * record_bytes);
	merge->losers = palloc(ways * sizeof(uint32));
	buffers = palloc_extended((Size) ways * merge->buffer_records * record_bytes, MCXT_ALLOC_HUGE);
	for (uint32 way = 0; way < ways; way++)
	{
		MergeSource *source = &merge->sources[way];

		source->buffer = buffers + (Size) way * merge->buffer_records * words;
		if (way < nruns)
		{
			source->file = runs[way].file;
			source->next = runs[way].start;
			source->left = runs[way].count;
		}
		fill_source(merge, way);
	}
	merge->losers[0] = first_winner(merge, 1);
	MemoryContextSwitchTo(caller);
	return merge;
}

static pg_attribute_always_inline uint32
merge_next(AlexMerge *merge, uint64 *out, uint32 max, const int words)
{
	uint32 n = 0;

	while (n < max)
	{
		uint32 way = merge->losers[0];
		MergeSource *source = &merge->sources[way];
		uint64 *head = &merge->heads[way * words];

		if (source->done)
			break;
		for (int w = 0; w < words; w++)
			out[n * words + w] = head[w];
		n++;
		if (source->at < source->filled)
		{
			const uint64 *next = source->buffer + (Size) source->at++ * words;

			for (int w = 0; w < words; w++)
				head[w] = next[w];
		}
		else
			fill_source(merge, way);

		/* the way has a new head: play its matches up to the root */
		for (uint32 node = (way + merge->ways) / 2; node > 0; node /= 2)
		{
			uint32 other = merge->losers[node];

			if (way_less(merge, other, way, words))
			{
				merge->losers[node] = way;
				way = other;
			}
		}
		merge->losers[0] = way;
	}
	return n;
}

uint32
alex_merge_next(AlexMerge *merge, uint64 *out, uint32 max)
{
	return merge->words == 2 ? merge_next(merge, out, max, 2) : merge_next(merge, out, max, 3);
}

void
alex_merge_end(AlexMerge *merge)
{
	MemoryContextDelete(merge->context);
}
