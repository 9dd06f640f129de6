/*
 * fsst_train.c
 *		Find symbols for strings like those of a sample.  Pure code.
 *
 * In each round the sample is encoded by the symbols there are, and every symbol, and every two that
 * stand together, is a candidate for the next table: so symbols double in length from
 * round to round.  Those stay that cover most bytes.
 */
#ifndef OMENDB_UNIT
#include "postgres.h"
#endif

#include "codec/fsst_symbols.h"

#define ROUNDS 5
/* early rounds see so many of 8 parts of the sample: they only begin symbols that the later ones grow */
static const uint32 round_parts[ROUNDS] = { 1, 3, 5, 7, 8 };

/* bytes and symbols by themselves */
#define NUMBERS (FSST_SYMBOL + FSST_SYMBOLS_MAX)
/* how often two must stand together to be thought of */
#define PAIR_COUNT_MIN 2
/* a byte without a symbol takes two: more than its one byte says */
#define BYTE_WEIGHT 2

#define CANDIDATES_MAX 16384
#define CANDIDATE_SLOTS 32768
#define PAIRS_SEEN_MAX 65536
/* candidates that are sorted at first: as a rule enough for a table */
#define SELECT_MIN 512

typedef struct Candidate
{
	uint64 symbol;
	uint32 length;
	uint32 gain; /* bytes of the sample that it stands for */
} Candidate;

typedef struct Training
{
	uint32 count[NUMBERS];
	uint16 pair_count[NUMBERS][NUMBERS];
	uint32 pairs_seen;
	uint32 pairs[PAIRS_SEEN_MAX]; /* first << 16 | second */
	uint32 candidates;
	Candidate candidate[CANDIDATES_MAX];
	uint16 slots[CANDIDATE_SLOTS]; /* candidate + 1, 0 = empty */
} Training;

static void
count_pair(Training *training, uint32 first, uint32 second)
{
	uint16 *count = &training->pair_count[first][second];

	if (*count == 0)
	{
		if (training->pairs_seen == PAIRS_SEEN_MAX)
			return;
		training->pairs[training->pairs_seen++] = first << 16 | second;
	}
	if (*count < UINT16_MAX)
		++*count;
}

/* encode some parts of the sample, count what is used */
static void
count_sample(Training *training, const FsstEncoder *encoder, const FsstPiece *pieces, uint32 n,
			 uint32 parts)
{
	memset(training->count, 0, sizeof(training->count));
	for (uint32 i = 0; i < n; i++)
	{
		const uint8 *p = pieces[i].data;
		uint32 left = pieces[i].bytes;
		uint32 last = NUMBERS;

		if (i % 8 >= parts)
			continue;
		while (left > 0)
		{
			uint32 length;
			uint32 number = fsst_next(encoder, fsst_load(p, left), left, &length);

			training->count[number]++;
			if (last < NUMBERS)
			{
				count_pair(training, last, number);
				/* a symbol may end where another one grows */
				if (length > 1)
					count_pair(training, last, *p);
			}
			last = number;
			p += length;
			left -= length;
		}
	}
}

static inline uint64
number_symbol(const FsstEncoder *encoder, uint32 number, uint32 *length)
{
	*length = number < FSST_SYMBOL ? 1 : encoder->lengths[number - FSST_SYMBOL];
	return number < FSST_SYMBOL ? number : encoder->symbols[number - FSST_SYMBOL];
}

/* the same bytes may come together in several ways: their gains add up */
static void
add_candidate(Training *training, uint64 symbol, uint32 length, uint32 gain)
{
	uint32 slot =
		(uint32) ((symbol + length) * UINT64CONST(0x9E3779B97F4A7C15) >> 40) % CANDIDATE_SLOTS;
	Candidate *candidate;

	for (; training->slots[slot] != 0; slot = (slot + 1) % CANDIDATE_SLOTS)
	{
		candidate = &training->candidate[training->slots[slot] - 1];
		if (candidate->symbol == symbol && candidate->length == length)
		{
			candidate->gain += gain;
			return;
		}
	}
	if (training->candidates == CANDIDATES_MAX)
		return;
	candidate = &training->candidate[training->candidates++];
	candidate->symbol = symbol;
	candidate->length = length;
	candidate->gain = gain;
	training->slots[slot] = (uint16) training->candidates;
}

static void
find_candidates(Training *training, const FsstEncoder *encoder)
{
	memset(training->slots, 0, sizeof(training->slots));
	training->candidates = 0;
	for (uint32 number = 0; number < NUMBERS; number++)
		if (training->count[number] > 0)
		{
			uint32 length;
			uint64 symbol = number_symbol(encoder, number, &length);

			add_candidate(training, symbol, length,
						  training->count[number] * (length == 1 ? BYTE_WEIGHT : length));
		}
	for (uint32 i = 0; i < training->pairs_seen; i++)
	{
		uint32 first = training->pairs[i] >> 16;
		uint32 second = training->pairs[i] & 0xFFFF;
		uint32 count = training->pair_count[first][second];
		uint32 length, more;
		uint64 symbol = number_symbol(encoder, first, &length);

		training->pair_count[first][second] = 0; /* for the next round */
		if (count < PAIR_COUNT_MIN || length == FSST_SYMBOL_BYTES_MAX)
			continue;
		symbol |= number_symbol(encoder, second, &more) << (8 * length);
		length = Min(length + more, FSST_SYMBOL_BYTES_MAX);
		add_candidate(training, symbol, length, count * length);
	}
	training->pairs_seen = 0;
}

/* greatest gain first; no two are equal, so the order is that of any sort */
static int
compare_candidates(const void *a, const void *b)
{
	const Candidate *x = a;
	const Candidate *y = b;

	if (x->gain != y->gain)
		return x->gain > y->gain ? -1 : 1;
	if (x->length != y->length)
		return x->length > y->length ? -1 : 1;
	return (x->symbol > y->symbol) - (x->symbol < y->symbol);
}

/*
 * Put the candidates that gain most in front, at least SELECT_MIN of them if there are so many; returns how many. What
 * stands behind gains less than any of them.
 */
static uint32
select_candidates(Training *training)
{
	uint32 at_least[33] = { 0 }; /* candidates by the bits of their gain */
	uint32 bits = 32;
	uint32 count = 0;
	uint32 selected = 0;

	for (uint32 i = 0; i < training->candidates; i++)
		at_least[bitpack_width(training->candidate[i].gain)]++;
	for (count = at_least[bits]; bits > 0 && count < SELECT_MIN; count += at_least[bits])
		bits--;
	for (uint32 i = 0; i < training->candidates; i++)
		if (bitpack_width(training->candidate[i].gain) >= bits)
		{
			Candidate candidate = training->candidate[selected];

			training->candidate[selected++] = training->candidate[i];
			training->candidate[i] = candidate;
		}
	return selected;
}

static void
choose_symbols(Training *training, FsstEncoder *encoder)
{
	/* most candidates gain next to nothing, and sorting them would take longer than all else */
	uint32 sorted = select_candidates(training);
	uint32 first = 0;

	fsst_clear(encoder);
	while (first < training->candidates && encoder->count < FSST_SYMBOLS_MAX)
	{
		qsort(training->candidate + first, sorted - first, sizeof(Candidate), compare_candidates);
		for (; first < sorted && encoder->count < FSST_SYMBOLS_MAX; first++)
			(void) fsst_add(encoder, training->candidate[first].symbol,
							training->candidate[first].length);
		sorted = training->candidates;
	}
	fsst_finish(encoder);
}

FsstEncoder *
fsst_train(const FsstPiece *pieces, uint32 n)
{
	FsstEncoder *encoder = palloc(sizeof(*encoder));
	Training *training = palloc0(sizeof(*training));

	fsst_clear(encoder);
	for (uint32 round = 0; round < ROUNDS; round++)
	{
		count_sample(training, encoder, pieces, n, round_parts[round]);
		find_candidates(training, encoder);
		choose_symbols(training, encoder);
	}
	pfree(training);
	if (encoder->count > 0)
		return encoder;
	pfree(encoder);
	return NULL;
}
