/*
 * column_integers.c
 *		Plan and write vectors of codes, and of positions in a dictionary.  Pure code.
 *
 * All of it is about fields: (code - the vector's smallest) / the column's divisor, or what a position is above
 * the vector's first one.
 */
#ifndef OMENDB_UNIT
#include "postgres.h"
#endif

#include "codec/column_encode.h"
#include "codec/lanes.h"

/*
 * What must be saved of LANES: runs take longer to decode, by the row; ascending and linear vectors cannot be
 * compared with a constant before they are decoded; patches cost little.
 */
#define RUNS_PERCENT_MAX 75
#define RUNS_MAX (COL_VECTOR_ROWS / 4)
/* of runs, if they are there already */
#define ASCENDING_PERCENT_MAX 75
#define ASCENDING_BITS_MIN 2
#define PATCHED_PERCENT_MAX 95
/* values by which ranges are tried */
#define PATCHED_SAMPLE 32
/* spans that fit a slope */
#define LINEAR_SPAN_MAX (UINT64CONST(1) << (63 - COL_LINEAR_SHIFT))

/* ---- division without rest ---- */

/*
 * An odd number has an inverse modulo 2^64, so to divide a multiple is to
 * multiply.  What is no multiple comes out above the greatest quotient there is
 * (Warren, Hacker's Delight, 10-17), so the same product tells multiples apart.
 */
typedef struct Divisor
{
	uint64 inverse; /* of the divisor without its factors of 2 */
	uint64 greatest;
	uint32 shift;
} Divisor;

static Divisor
make_divisor(uint64 n)
{
	Divisor d;
	uint64 odd;

	Assert(n > 0);
	d.shift = (uint32) __builtin_ctzll(n);
	odd = n >> d.shift;
	d.inverse = odd; /* right in its last 3 bits; every round doubles them */
	for (int round = 0; round < 5; round++)
		d.inverse *= 2 - odd * d.inverse;
	d.greatest = PG_UINT64_MAX / n;
	return d;
}

static inline uint64
quotient(const Divisor *d, uint64 n)
{
	uint64 q = n * d->inverse;

	return (q >> d->shift) | (q << ((64 - d->shift) & 63));
}

static uint64
gcd(uint64 a, uint64 b)
{
	while (b != 0)
	{
		uint64 rest = a % b;

		a = b;
		b = rest;
	}
	return a;
}

uint64
column_find_divisor(const Encoder *enc)
{
	const ColInput *in = enc->in;
	uint64 found = 0;
	Divisor d = { 0 };

	for (uint32 row = 0; row < in->rows; row++)
	{
		uint64 difference;

		if (column_input_null(in, row))
			continue;
		difference = in->codes[row] - enc->desc->min;
		if (difference == 0 || (found != 0 && quotient(&d, difference) <= d.greatest))
			continue;
		found = gcd(difference, found);
		if (found == 1)
			break;
		d = make_divisor(found);
	}
	return found == 0 ? 1 : found;
}

/* ---- fields ---- */

void
column_write_fields(const uint64 *fields, uint32 width, uint8 *dst)
{
	if (width == 0)
		return;
	if (lanes_output_bits(width) == 64)
		lanes_pack64(fields, width, (uint64 *) dst);
	else if (lanes_output_bits(width) == 32)
	{
		uint32 fields32[LANES_VECTOR_ROWS];

		for (uint32 i = 0; i < LANES_VECTOR_ROWS; i++)
			fields32[i] = (uint32) fields[i];
		lanes_pack32(fields32, width, (uint32 *) dst);
	}
	else
	{
		uint16 fields16[LANES_VECTOR_ROWS];

		for (uint32 i = 0; i < LANES_VECTOR_ROWS; i++)
			fields16[i] = (uint16) fields[i];
		lanes_pack16(fields16, width, (uint16 *) dst);
	}
}

/* the fields of a vector of codes or positions: multiples of the divisor, or positions; NULLs 0 */
static void
make_fields(const Encoder *enc, const ColDict *dict, uint32 v, uint64 *fields)
{
	const ColInput *in = enc->in;
	const ColVector *header = &enc->headers[v];
	uint32 start = v * COL_VECTOR_ROWS;
	uint32 rows = column_input_rows(in, v);
	uint64 min = header->min;
	Divisor divisor = make_divisor(enc->desc->divisor);

	if (rows < LANES_VECTOR_ROWS)
		memset(fields, 0, LANES_VECTOR_ROWS * sizeof(*fields));
	/* simple loops; NULLs are put right below */
	if (column_uses_dict(header))
		for (uint32 i = 0; i < rows; i++)
			fields[i] = dict->positions[start + i] - min;
	else if (enc->desc->divisor == 1)
		for (uint32 i = 0; i < rows; i++)
			fields[i] = in->codes[start + i] - min;
	else
		for (uint32 i = 0; i < rows; i++)
			fields[i] = quotient(&divisor, in->codes[start + i] - min);
	if (header->null_count > 0)
		for (uint32 i = 0; i < rows; i++)
			if (column_input_null(in, start + i))
				fields[i] = 0;
}

/* NULLs get the field of the row before, or of the first value */
static void
fill_nulls(const Encoder *enc, uint32 v, uint64 *fields)
{
	const ColInput *in = enc->in;
	uint32 start = v * COL_VECTOR_ROWS;
	uint32 rows = column_input_rows(in, v);
	uint64 last = fields[enc->facts[v].first - start];

	for (uint32 i = 0; i < rows; i++)
	{
		if (column_input_null(in, start + i))
			fields[i] = last;
		last = fields[i];
	}
}

/* ---- runs ---- */

uint64
column_runs_bytes(uint32 runs, uint32 width)
{
	return COL_ALIGN((uint64) BITPACK_BYTES(runs, width)) + COL_RUNS_BITMAP_BYTES;
}

bool
column_runs_pay(uint32 runs, uint32 width)
{
	return runs <= RUNS_MAX &&
		   column_runs_bytes(runs, width) * 100 <= (uint64) LANES_BYTES(width) * RUNS_PERCENT_MAX;
}

static void
write_runs(const Encoder *enc, uint32 v, uint64 *fields, uint8 *dst)
{
	uint32 rows = column_input_rows(enc->in, v);
	uint32 width = enc->headers[v].width;
	uint64 values[RUNS_MAX];
	uint8 bitmap[COL_RUNS_BITMAP_BYTES] = { 0 };
	uint32 runs = 0;

	fill_nulls(enc, v, fields);
	for (uint32 i = 0; i < rows; i++)
		if (i == 0 || fields[i] != fields[i - 1])
		{
			bitmap_set(bitmap, i);
			values[runs++] = fields[i];
		}
	bitpack_put_all(dst, values, runs, width);
	memcpy(dst + COL_ALIGN((uint64) BITPACK_BYTES(runs, width)), bitmap, sizeof(bitmap));
}

/* ---- ascending and linear ---- */

static inline uint64
ascending_bytes(uint32 rows, uint64 range, uint32 width)
{
	return LANES_BYTES(width) + (rows + (range >> width) + 63) / 64 * sizeof(uint64);
}

/* the width that takes least: one that leaves about as many upper parts as there are rows */
static uint32
ascending_width(uint32 rows, uint64 range)
{
	uint32 bits = bitpack_width(range);
	/* with fewer the bitmap would be longer than any vector, and its size perhaps not fit 64 bits */
	uint32 width = bits - Min(bits, 24);

	while (ascending_bytes(rows, range, width + 1) < ascending_bytes(rows, range, width))
		width++;
	return width;
}

static void
write_ascending(const Encoder *enc, uint32 v, uint64 *fields, uint8 *dst)
{
	uint32 rows = column_input_rows(enc->in, v);
	uint32 width = enc->headers[v].width;
	uint8 *bitmap = dst + LANES_BYTES(width);

	fill_nulls(enc, v, fields);
	for (uint32 i = 0; i < rows; i++)
	{
		bitmap_set(bitmap, i + (uint32) (fields[i] >> width));
		fields[i] &= bitpack_mask(width);
	}
	column_write_fields(fields, width, dst);
}

/* what is left of the fields, above base, when the slope's part is taken away; returns the width they need */
static uint32
linear_residuals(uint64 *fields, uint32 rows, uint64 slope, uint64 *base)
{
	uint64 product = 0;
	int64 least = PG_INT64_MAX;
	int64 greatest = PG_INT64_MIN;

	/* fields are below 2^43, so nothing overflows */
	for (uint32 i = 0; i < rows; i++, product += slope)
	{
		int64 residual = (int64) (fields[i] - (product >> COL_LINEAR_SHIFT));

		least = Min(least, residual);
		greatest = Max(greatest, residual);
	}
	product = 0;
	for (uint32 i = 0; i < rows; i++, product += slope)
		fields[i] -= (product >> COL_LINEAR_SHIFT) + (uint64) least;
	*base = (uint64) least;
	return bitpack_width((uint64) (greatest - least));
}

static void
plan_ascending(Encoder *enc, uint32 v, uint64 range, uint64 *bytes)
{
	ColVector *header = &enc->headers[v];
	VectorFacts *facts = &enc->facts[v];
	uint32 rows = column_input_rows(enc->in, v);
	uint32 width = ascending_width(rows, range);
	uint64 limit = LANES_BYTES(header->width) - LANES_BYTES(ASCENDING_BITS_MIN);

	if (header->encoding == COL_ENC_RUNS)
		limit = Min(limit, *bytes * ASCENDING_PERCENT_MAX / 100);
	if (range < LINEAR_SPAN_MAX && rows > 1)
	{
		uint64 fields[LANES_VECTOR_ROWS];
		uint64 slope = (range << COL_LINEAR_SHIFT) / (rows - 1);
		uint64 linear_bytes, base;
		uint32 linear_width;

		make_fields(enc, NULL, v, fields);
		fill_nulls(enc, v, fields);
		linear_width = linear_residuals(fields, rows, slope, &base);
		linear_bytes = 2 * sizeof(uint64) + LANES_BYTES(linear_width);
		if (linear_bytes <= Min(limit, ascending_bytes(rows, range, width)))
		{
			header->encoding = COL_ENC_LINEAR;
			header->width = (uint8) linear_width;
			facts->base = base;
			facts->slope = slope;
			*bytes = linear_bytes;
			return;
		}
	}
	if (ascending_bytes(rows, range, width) <= limit)
	{
		header->encoding = COL_ENC_ASCENDING;
		header->width = (uint8) width;
		*bytes = ascending_bytes(rows, range, width);
	}
}

static void
write_linear(const Encoder *enc, uint32 v, uint64 *fields, uint8 *dst)
{
	const VectorFacts *facts = &enc->facts[v];
	uint64 base;

	fill_nulls(enc, v, fields);
	linear_residuals(fields, column_input_rows(enc->in, v), facts->slope, &base);
	Assert(base == facts->base);
	bitpack_store64(dst, base);
	bitpack_store64(dst + sizeof(uint64), facts->slope);
	column_write_fields(fields, enc->headers[v].width, dst + 2 * sizeof(uint64));
}

/* ---- patches ---- */

static inline uint64
patched_bytes(uint32 patches, uint32 patch_width, uint32 width)
{
	return 2 * sizeof(uint64) +
		   COL_ALIGN((uint64) BITPACK_BYTES(patches, COL_PATCH_ROW_BITS + patch_width)) +
		   LANES_BYTES(width);
}

/* codes of some rows, ascending; returns how many */
static uint32
sample_codes(const ColInput *in, uint32 start, uint32 rows, uint64 *sample)
{
	uint32 n = 0;

	for (uint32 k = 0; k < PATCHED_SAMPLE; k++)
	{
		uint32 row = start + k * rows / PATCHED_SAMPLE;
		uint32 at = n;

		if (column_input_null(in, row))
			continue;
		for (; at > 0 && sample[at - 1] > in->codes[row]; at--)
			sample[at] = sample[at - 1];
		sample[at] = in->codes[row];
		n++;
	}
	return n;
}

/* Where a range of `reach` codes holds most of the sample: *low is the first code of it.  Returns how many it holds. */
static uint32
fullest_range(const uint64 *sample, uint32 n, uint64 reach, uint64 *low)
{
	uint32 most = 0;

	for (uint32 first = 0, last = 0; last < n; last++)
	{
		while (sample[last] - sample[first] > reach)
			first++;
		if (last - first + 1 > most)
		{
			most = last - first + 1;
			*low = sample[first];
		}
	}
	return most;
}

/*
 * A range of 2^width fields that holds nearly all values, by a sample of them, and then what it really costs.
 */
static void
plan_patched(Encoder *enc, uint32 v, uint64 *bytes)
{
	const ColInput *in = enc->in;
	ColVector *header = &enc->headers[v];
	VectorFacts *facts = &enc->facts[v];
	uint64 divisor = enc->desc->divisor;
	uint32 start = v * COL_VECTOR_ROWS;
	uint32 rows = column_input_rows(in, v);
	uint32 full_width = header->width;
	uint64 limit = *bytes * PATCHED_PERCENT_MAX / 100;
	uint64 sample[PATCHED_SAMPLE];
	uint64 best_low = 0;
	uint64 best = limit + 1;
	uint32 best_width = 0;
	uint32 patches = 0;
	uint64 reach;
	uint32 n;

	if (rows < PATCHED_SAMPLE || full_width < 2 || full_width > COL_PATCH_WIDTH_MAX)
		return;
	n = sample_codes(in, start, rows, sample);
	if (n < PATCHED_SAMPLE / 2)
		return;
	for (uint32 width = full_width - 1; width > 0; width--)
	{
		uint64 low = 0;
		uint32 out = n - fullest_range(sample, n, divisor * bitpack_mask(width), &low);
		uint64 estimate;

		if (out * 4 > n)
			break;
		estimate = patched_bytes(out * rows / PATCHED_SAMPLE, full_width, width);
		if (estimate < best)
		{
			best = estimate;
			best_width = width;
			best_low = low;
		}
	}
	if (best_width == 0)
		return;

	reach = divisor * bitpack_mask(best_width);
	/* the sample's values in the middle of the range, as far as that is above the smallest */
	for (uint32 k = n; k > 0; k--)
		if (sample[k - 1] - best_low <= reach)
		{
			uint64 room = (reach - (sample[k - 1] - best_low)) / divisor / 2 * divisor;

			best_low -= Min(room, best_low - header->min);
			break;
		}
	for (uint32 row = start; row < start + rows; row++)
		patches += in->codes[row] - best_low > reach && !column_input_null(in, row);
	best = patched_bytes(patches, full_width, best_width);
	if (patches > COL_PATCHES_MAX || best > limit)
		return;
	header->encoding = COL_ENC_PATCHED;
	header->width = (uint8) best_width;
	facts->base = (best_low - header->min) / divisor;
	facts->patches = patches;
	facts->patch_width = full_width;
	*bytes = best;
}

static void
write_patched(const Encoder *enc, uint32 v, uint64 *fields, uint8 *dst)
{
	const ColInput *in = enc->in;
	const VectorFacts *facts = &enc->facts[v];
	uint32 width = enc->headers[v].width;
	uint32 start = v * COL_VECTOR_ROWS;
	uint64 patches[COL_PATCHES_MAX];
	uint32 numbers[2] = { facts->patches, facts->patch_width };
	uint32 n = 0;

	for (uint32 i = 0; i < column_input_rows(in, v); i++)
	{
		uint64 field = fields[i] - facts->base;

		if (column_input_null(in, start + i))
			fields[i] = 0;
		else if (field <= bitpack_mask(width))
			fields[i] = field;
		else
		{
			patches[n++] = (uint64) i << facts->patch_width | fields[i];
			fields[i] = 0;
		}
	}
	Assert(n == facts->patches);
	bitpack_store64(dst, facts->base);
	memcpy(dst + sizeof(uint64), numbers, sizeof(numbers));
	dst += 2 * sizeof(uint64);
	bitpack_put_all(dst, patches, n, COL_PATCH_ROW_BITS + facts->patch_width);
	dst += COL_ALIGN((uint64) BITPACK_BYTES(n, COL_PATCH_ROW_BITS + facts->patch_width));
	column_write_fields(fields, width, dst);
}

/* ---- all of them ---- */

void
column_plan_codes(Encoder *enc, uint32 v)
{
	ColVector *header = &enc->headers[v];
	VectorFacts *facts = &enc->facts[v];
	uint64 range = (header->max - header->min) / enc->desc->divisor;
	uint32 width = bitpack_width(range);
	uint64 bytes = LANES_BYTES(width);

	header->encoding = COL_ENC_LANES;
	header->width = (uint8) width;
	if (column_runs_pay(facts->runs, width))
	{
		header->encoding = COL_ENC_RUNS;
		bytes = column_runs_bytes(facts->runs, width);
	}
	if (facts->ascending && width > ASCENDING_BITS_MIN)
		plan_ascending(enc, v, range, &bytes);
	if (header->encoding == COL_ENC_LANES || header->encoding == COL_ENC_RUNS)
		plan_patched(enc, v, &bytes);
	if (enc->in->order == COL_ORDER_FLOAT4 || enc->in->order == COL_ORDER_FLOAT8)
		column_plan_decimals(enc, v, &bytes);
	facts->bytes += bytes;
}

void
column_write_codes(const Encoder *enc, const ColDict *dict, uint32 v, uint8 *dst)
{
	uint64 fields[LANES_VECTOR_ROWS];

	make_fields(enc, dict, v, fields);
	switch (enc->headers[v].encoding)
	{
		case COL_ENC_RUNS:
		case COL_ENC_DICT_RUNS:
			write_runs(enc, v, fields, dst);
			break;
		case COL_ENC_ASCENDING:
			write_ascending(enc, v, fields, dst);
			break;
		case COL_ENC_LINEAR:
			write_linear(enc, v, fields, dst);
			break;
		case COL_ENC_PATCHED:
			write_patched(enc, v, fields, dst);
			break;
		case COL_ENC_DECIMAL:
			column_write_decimals(enc, v, fields, dst);
			break;
		default:
			column_write_fields(fields, enc->headers[v].width, dst);
			break;
	}
}
