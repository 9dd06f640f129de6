/*
 * lanes_template.h
 *		Body of lanes.c for one word type.
 *
 * Define LANES_WORD (unsigned type), LANES_BITS (its width) and the function
 * names LANES_PACK, LANES_UNPACK before including.  (1U * x keeps a 16-bit word
 * from being promoted to a signed int before it is shifted.)
 */
#define LANES_COUNT (LANES_VECTOR_ROWS / LANES_BITS)

void
LANES_PACK(const LANES_WORD *values, uint32 w, LANES_WORD *dst)
{
	Assert(w >= 1 && w <= LANES_BITS);
	memset(dst, 0, LANES_BYTES(w));
	for (uint32 row = 0; row < LANES_BITS; row++)
	{
		const LANES_WORD *in = values + row * LANES_COUNT;
		uint32 bit = row * w;
		uint32 shift = bit % LANES_BITS;
		LANES_WORD *out = dst + bit / LANES_BITS * LANES_COUNT;

		for (uint32 lane = 0; lane < LANES_COUNT; lane++)
			out[lane] |= (LANES_WORD) (1U * in[lane] << shift);
		if (shift + w > LANES_BITS)
		{
			out += LANES_COUNT;
			for (uint32 lane = 0; lane < LANES_COUNT; lane++)
				out[lane] |= (LANES_WORD) (in[lane] >> (LANES_BITS - shift));
		}
	}
}

void
LANES_UNPACK(const LANES_WORD *src, uint32 w, LANES_WORD *values)
{
	LANES_WORD mask = (LANES_WORD) ((LANES_WORD) -1 >> (LANES_BITS - w));

	Assert(w >= 1 && w <= LANES_BITS);
	for (uint32 row = 0; row < LANES_BITS; row++)
	{
		LANES_WORD *out = values + row * LANES_COUNT;
		uint32 bit = row * w;
		uint32 shift = bit % LANES_BITS;
		const LANES_WORD *in = src + bit / LANES_BITS * LANES_COUNT;

		if (shift + w > LANES_BITS)
		{
			const LANES_WORD *next = in + LANES_COUNT;

			for (uint32 lane = 0; lane < LANES_COUNT; lane++)
				out[lane] = (LANES_WORD) ((in[lane] >> shift) |
										  (LANES_WORD) (1U * next[lane] << (LANES_BITS - shift))) &
							mask;
		}
		else
			for (uint32 lane = 0; lane < LANES_COUNT; lane++)
				out[lane] = (LANES_WORD) (in[lane] >> shift) & mask;
	}
}

#undef LANES_COUNT
#undef LANES_WORD
#undef LANES_BITS
#undef LANES_PACK
#undef LANES_UNPACK
