/*
 * alex_key_string.h
 *		The columns of a key as one string of bits: (key, null flags).
 *
 * Pure code.  The string is the columns' codes, first column first, each in its
 * type's number of bits, complemented if the column is DESC.  A NULL has the
 * code of all ones if NULLs sort last and of all zeroes if first (rule F2); only
 * behind such a code follows one more bit that tells NULL from the value of the
 * same code.  Strings are compared from their first bit: two that agree so far have
 * had the same bits of this kind, so the order is that of (value, null flag) column
 * by column.
 *
 * With T bits of codes and k columns a string has at most T + k bits and is filled
 * up with zeroes.  The first T are the key, the last k the null flags of the tag:
 * those are zero but for the rows whose NULLs or extreme values push their bits there.
 */
#ifndef ALEX_KEY_STRING_H
#define ALEX_KEY_STRING_H

#include "alex/alex_format.h"

typedef struct AlexKeyString
{
	AlexKey key;
	uint32 flags;
	uint32 flag_bits; /* k */
	uint32 left;	  /* bits not written or read yet, of T + k */
} AlexKeyString;

/* a column's place in the order */
typedef struct AlexKeyElement
{
	AlexKey code;
	bool bit; /* behind the code that NULLs have; else false */
} AlexKeyElement;

/* bits: 0 .. 128.  Shifts are masked, here and below, so that none is undefined on damaged metadata. */
static inline AlexKey
alex_bits_max(uint32 bits)
{
	return bits == 0 ? 0 : ALEX_KEY_ALL_ONES >> ((128 - bits) & 127);
}

static inline void
alex_string_begin(AlexKeyString *s, const AlexMetaColumn *cols, int natts)
{
	s->key = 0;
	s->flags = 0;
	s->flag_bits = (uint32) natts;
	s->left = (uint32) natts;
	for (int i = 0; i < natts; i++)
		s->left += cols[i].bits;
}

static inline void
alex_string_put(AlexKeyString *s, AlexKey code, uint32 bits)
{
	s->left -= bits;
	if (s->left >= s->flag_bits)
		s->key |= code << (s->left - s->flag_bits);
	else
	{
		s->key |= s->flag_bits - s->left < 128 ? code >> (s->flag_bits - s->left) : 0;
		s->flags |= (uint32) (code << s->left & alex_bits_max(s->flag_bits));
	}
}

static inline AlexKey
alex_string_get(AlexKeyString *s, uint32 bits)
{
	AlexKey code;

	s->left -= bits;
	if (s->left >= s->flag_bits)
		code = s->key >> ((s->left - s->flag_bits) & 127);
	else
		code = s->key << (s->flag_bits - s->left) | s->flags >> s->left;
	return code & alex_bits_max(bits);
}

/* the code that NULLs of a column share with a value */
static inline AlexKey
alex_null_code(const AlexMetaColumn *col)
{
	return (col->flags & ALEX_COL_NULLS_FIRST) ? 0 : alex_bits_max(col->bits);
}

static inline AlexKeyElement
alex_null_element(const AlexMetaColumn *col)
{
	return (AlexKeyElement){ alex_null_code(col), (col->flags & ALEX_COL_NULLS_FIRST) == 0 };
}

/* code: ascending */
static inline AlexKeyElement
alex_value_element(const AlexMetaColumn *col, AlexKey code)
{
	if (col->flags & ALEX_COL_DESC)
		code ^= alex_bits_max(col->bits);
	return (AlexKeyElement){ code, code == alex_null_code(col) &&
									   (col->flags & ALEX_COL_NULLS_FIRST) != 0 };
}

static inline bool
alex_element_is_null(const AlexMetaColumn *col, AlexKeyElement e)
{
	return e.code == alex_null_code(col) && e.bit == ((col->flags & ALEX_COL_NULLS_FIRST) == 0);
}

/* the ascending code of a value */
static inline AlexKey
alex_element_code(const AlexMetaColumn *col, AlexKeyElement e)
{
	return (col->flags & ALEX_COL_DESC) ? e.code ^ alex_bits_max(col->bits) : e.code;
}

static inline bool
alex_element_less(AlexKeyElement a, AlexKeyElement b)
{
	return a.code < b.code || (a.code == b.code && a.bit < b.bit);
}

static inline void
alex_string_put_element(AlexKeyString *s, const AlexMetaColumn *col, AlexKeyElement e)
{
	alex_string_put(s, e.code, col->bits);
	if (e.code == alex_null_code(col))
		alex_string_put(s, e.bit, 1);
}

static inline AlexKeyElement
alex_string_get_element(AlexKeyString *s, const AlexMetaColumn *col)
{
	AlexKeyElement e = { alex_string_get(s, col->bits), false };

	if (e.code == alex_null_code(col))
		e.bit = alex_string_get(s, 1) != 0;
	return e;
}

/* all that is left must be zero */
static inline bool
alex_string_ends(AlexKeyString *s)
{
	uint32 left = s->left;

	return left == 0 || alex_string_get(s, left) == 0;
}

#endif
