/*
 * rowgroup_type.h
 *		How the values of an attribute are kept in a column.
 */
#ifndef ROWGROUP_TYPE_H
#define ROWGROUP_TYPE_H

#include "catalog/pg_attribute.h"

#include "codec/column_format.h"

/* how a pass-by-value datum becomes an order code: ColOrder and length in one */
typedef enum RgCodeForm
{
	RG_FORM_NONE = 0, /* it does not */
	RG_FORM_BITS1,
	RG_FORM_BITS2,
	RG_FORM_BITS4,
	RG_FORM_BITS8,
	RG_FORM_SIGNED2,
	RG_FORM_SIGNED4,
	RG_FORM_SIGNED8,
	RG_FORM_FLOAT4,
	RG_FORM_FLOAT8
} RgCodeForm;

typedef struct RgType
{
	Oid type; /* base type, of a domain too; InvalidOid for a dropped attribute */
	int32 typmod;
	int16 typlen;
	bool typbyval;
	char typalign;
	bool numeric; /* BYTES; CODE if all values of a group fit one scale */
	ColStore store;
	ColOrder order;
	RgCodeForm form; /* CODE */
} RgType;

/* fill in; looks domains up in the catalog */
extern void rg_type_init(RgType *type, Form_pg_attribute att);

/* order of a base type's values, where PostgreSQL's default operators agree with one of ours */
extern ColOrder rg_type_order(Oid type);

/* RG_FORM_NONE if there is no such column */
extern RgCodeForm rg_code_form(ColOrder order, int typlen);

/* digits behind the point by a numeric's type modifier; -1 if it does not say, or a negative number */
extern int rg_numeric_typmod_scale(int32 typmod);

#define RG_SIGN8 (UINT64CONST(1) << 63)
#define RG_SIGN4 (UINT64CONST(1) << 31)

static inline uint64
rg_float8_code(uint64 bits)
{
	return (bits & RG_SIGN8) != 0 ? ~bits : bits | RG_SIGN8;
}

static inline uint64
rg_float4_code(uint32 bits)
{
	return (bits & RG_SIGN4) != 0 ? (uint32) ~bits : bits | RG_SIGN4;
}

/*
 * Only the type's own bytes of a datum count: whether the rest of it repeats the sign depends on
 * where it comes from.
 */
static pg_attribute_always_inline uint64
rg_datum_code(RgCodeForm form, Datum value)
{
	switch (form)
	{
		case RG_FORM_BITS1:
			return (uint8) value;
		case RG_FORM_BITS2:
			return (uint16) value;
		case RG_FORM_BITS4:
			return (uint32) value;
		case RG_FORM_BITS8:
			return (uint64) value;
		case RG_FORM_SIGNED2:
			return (uint64) (int64) (int16) value ^ RG_SIGN8;
		case RG_FORM_SIGNED4:
			return (uint64) (int64) (int32) value ^ RG_SIGN8;
		case RG_FORM_SIGNED8:
			return (uint64) value ^ RG_SIGN8;
		case RG_FORM_FLOAT4:
			return rg_float4_code((uint32) value);
		case RG_FORM_FLOAT8:
			return rg_float8_code((uint64) value);
		case RG_FORM_NONE:
			break;
	}
	pg_unreachable();
}

/* The datum that heap would make of these bytes: extended with the sign, whatever the type. */
static pg_attribute_always_inline Datum
rg_code_datum(RgCodeForm form, uint64 code)
{
	switch (form)
	{
		case RG_FORM_BITS1:
			return (Datum) (char) code; /* char has a sign or not: so has heap's datum */
		case RG_FORM_BITS2:
		case RG_FORM_SIGNED2:
			return (Datum) (int64) (int16) code;
		case RG_FORM_BITS4:
		case RG_FORM_SIGNED4:
			return (Datum) (int64) (int32) code;
		case RG_FORM_BITS8:
			return (Datum) code;
		case RG_FORM_SIGNED8:
			return (Datum) (code ^ RG_SIGN8);
		case RG_FORM_FLOAT4:
			code = (code & RG_SIGN4) != 0 ? code ^ RG_SIGN4 : ~code;
			return (Datum) (int64) (int32) code;
		case RG_FORM_FLOAT8:
			return (Datum) ((code & RG_SIGN8) != 0 ? code ^ RG_SIGN8 : ~code);
		case RG_FORM_NONE:
			break;
	}
	pg_unreachable();
}

/* a vector of them */
extern void rg_codes_to_datums(RgCodeForm form, const uint64 *codes, uint32 n, Datum *values);

#endif
