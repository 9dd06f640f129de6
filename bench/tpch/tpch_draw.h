/*
 * tpch_draw.h
 *		Chance that repeats: each row of each table, and its texts, draw from
 *		a sequence of their own (splitmix64).
 */
#ifndef TPCH_DRAW_H
#define TPCH_DRAW_H

#include "tpch.h"

typedef enum TpchStream
{
	STREAM_PART = 1,
	STREAM_PART_NAME,
	STREAM_PART_COMMENT,
	STREAM_PARTSUPP,
	STREAM_PARTSUPP_COMMENT,
	STREAM_SUPPLIER,
	STREAM_SUPPLIER_ADDRESS,
	STREAM_SUPPLIER_COMMENT,
	STREAM_SUPPLIER_OPINION,
	STREAM_CUSTOMER,
	STREAM_CUSTOMER_ADDRESS,
	STREAM_CUSTOMER_COMMENT,
	STREAM_ORDER,
	STREAM_ORDER_COMMENT,
	STREAM_LINE_COMMENT,
	STREAM_NATION_COMMENT,
	STREAM_REGION_COMMENT,
} TpchStream;

typedef struct TpchDraw
{
	uint64_t state;
} TpchDraw;

static inline uint64_t
draw_mix(uint64_t x)
{
	x = (x ^ (x >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
	x = (x ^ (x >> 27)) * UINT64_C(0x94D049BB133111EB);
	return x ^ (x >> 31);
}

static inline uint64_t
draw_bits(TpchDraw *draw)
{
	draw->state += UINT64_C(0x9E3779B97F4A7C15);
	return draw_mix(draw->state);
}

static inline TpchDraw
draw_begin(const Tpch *tpch, TpchStream stream, int64_t number)
{
	TpchDraw draw;

	draw.state = draw_mix(draw_mix(tpch->seed + ((uint64_t) stream << 56)) + (uint64_t) number);
	return draw;
}

/*
 * draw_between --- every number from low to high alike; they are less than
 * 2^32 apart.
 */
static inline int64_t
draw_between(TpchDraw *draw, int64_t low, int64_t high)
{
	uint64_t range = (uint64_t) (high - low + 1);

	return low + (int64_t) (((draw_bits(draw) >> 32) * range) >> 32);
}

#endif
