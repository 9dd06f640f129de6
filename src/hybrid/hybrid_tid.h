/*
 * hybrid_tid.h
 *		Row number of a cold row <-> TID (rule I1 of README.md).  Pure.
 */
#ifndef HYBRID_TID_H
#define HYBRID_TID_H

#include "storage/itemptr.h"

#include "hybrid/hybrid_format.h"

static inline bool
hy_tid_is_cold(const ItemPointerData *tid)
{
	return ItemPointerGetBlockNumberNoCheck(tid) >= HY_COLD_BLOCK;
}

/* row < HY_ROW_LIMIT */
static inline void
hy_tid_from_row(ItemPointer tid, uint64 row)
{
	ItemPointerSet(tid, (BlockNumber) (HY_COLD_BLOCK + row / HY_ROWS_PER_BLOCK),
				   (OffsetNumber) (1 + row % HY_ROWS_PER_BLOCK));
}

/* number of a virtual block's first row; block >= HY_COLD_BLOCK */
static inline uint64
hy_block_first_row(BlockNumber block)
{
	return (uint64) (block - HY_COLD_BLOCK) * HY_ROWS_PER_BLOCK;
}

/* of a cold TID; false if the offset is none of ours */
static inline bool
hy_tid_to_row(const ItemPointerData *tid, uint64 *row)
{
	OffsetNumber offset = ItemPointerGetOffsetNumberNoCheck(tid);

	if (offset < 1 || offset > HY_ROWS_PER_BLOCK)
		return false;
	*row = (ItemPointerGetBlockNumberNoCheck(tid) - HY_COLD_BLOCK) * HY_ROWS_PER_BLOCK + offset - 1;
	return *row < HY_ROW_LIMIT;
}

#endif
