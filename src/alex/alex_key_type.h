/*
 * alex_key_type.h
 *		The types alex can index, and their codes.
 *
 * Every supported type maps to an unsigned integer of a fixed number of bits in
 * the type's own order: signed types with the sign bit turned over, floats as their
 * bits with -0 as 0 and one NaN above infinity (rule F3), uuid as its 16 bytes in
 * network order.  Infinite dates and timestamps are the extreme integers, as in core.
 */
#ifndef ALEX_KEY_TYPE_H
#define ALEX_KEY_TYPE_H

#include "alex/alex_format.h"

typedef struct AlexKeyType
{
	Oid type;
	Oid cmp; /* the comparison function whose order the codes have; else the type is refused */
	AlexTypeCode code;
	uint8 bits;
	bool exact; /* a code is one value, the very one that was stored */
} AlexKeyType;

/* the description of a type, or NULL */
extern const AlexKeyType *alex_key_type(Oid type);
extern const AlexKeyType *alex_key_type_of(AlexTypeCode code);

extern AlexKey alex_type_code(AlexTypeCode type, Datum value);

/* the value of a code; false if no value has it */
extern bool alex_type_datum(AlexTypeCode type, AlexKey code, Datum *value);

/* is each code a value, and the value the code but for bits that are flipped? */
extern bool alex_type_plain(AlexTypeCode type);

/* where a constant stands among a column's codes */
typedef struct AlexKeyPoint
{
	int side;	   /* -1 or 1: below or above all of them; else 0 */
	AlexKey floor; /* the greatest code that is not above it */
	bool exact;	   /* floor is the constant itself */
} AlexKeyPoint;

/*
 * alex_type_place --- place a constant among a column's codes.
 *
 * For a constant whose place cannot be told, *low and *high enclose it and the
 * result must be rechecked; else they are equal.  False if the types do not
 * compare.
 */
extern bool alex_type_place(AlexTypeCode column, AlexTypeCode type, Datum constant,
							AlexKeyPoint *low, AlexKeyPoint *high);

#endif
