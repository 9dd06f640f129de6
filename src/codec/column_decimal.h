/*
 * column_decimal.h
 *		Floats as decimals (COL_ENC_DECIMAL): what the decoder needs of column_decimal.c.
 */
#ifndef COLUMN_DECIMAL_H
#define COLUMN_DECIMAL_H

#include "codec/column_parts.h"

/*
 * column_decode_decimals --- the codes of a checked vector; `out` has the fields of all COL_VECTOR_ROWS rows, which become
 * codes.  src stands behind the validity bitmap.
 */
extern void column_decode_decimals(const ColDesc *desc, const ColVector *vector, const uint8 *src,
								   uint64 *out);
/* the code of one row */
extern uint64 column_decimal_at(const ColDesc *desc, const ColVector *vector, const uint8 *src,
								uint32 i);

#endif
