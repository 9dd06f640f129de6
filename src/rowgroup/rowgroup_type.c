/*
 * rowgroup_type.c
 *		How the values of an attribute are kept in a column.
 *
 * What is written down is the physical form, by length and by-value-ness alone,
 * and an order only for types of PostgreSQL's own whose default operators agree with it.
 * All other types are stored all the same, with no order.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/lsyscache.h"

#include "rowgroup/rowgroup_type.h"

typedef struct RgTypeOrder
{
	Oid type;
	ColOrder order;
} RgTypeOrder;

/*
 * Not here on purpose: bpchar, whose trailing blanks do not count; name, which is
 * compared as a string; time with time zone and interval, whose order is not that of
 * any one number; enums, whose order is in the catalog; xid, which has none.
 */
static const RgTypeOrder rg_type_orders[] = {
	{ INT2OID, COL_ORDER_SIGNED },
	{ INT4OID, COL_ORDER_SIGNED },
	{ INT8OID, COL_ORDER_SIGNED },
	{ DATEOID, COL_ORDER_SIGNED },
	{ TIMEOID, COL_ORDER_SIGNED },
	{ TIMESTAMPOID, COL_ORDER_SIGNED },
	{ TIMESTAMPTZOID, COL_ORDER_SIGNED },
	{ MONEYOID, COL_ORDER_SIGNED },
	{ BOOLOID, COL_ORDER_UNSIGNED },
	{ CHAROID, COL_ORDER_UNSIGNED },
	{ OIDOID, COL_ORDER_UNSIGNED },
	{ REGPROCOID, COL_ORDER_UNSIGNED },
	{ REGPROCEDUREOID, COL_ORDER_UNSIGNED },
	{ REGOPEROID, COL_ORDER_UNSIGNED },
	{ REGOPERATOROID, COL_ORDER_UNSIGNED },
	{ REGCLASSOID, COL_ORDER_UNSIGNED },
	{ REGCOLLATIONOID, COL_ORDER_UNSIGNED },
	{ REGTYPEOID, COL_ORDER_UNSIGNED },
	{ REGROLEOID, COL_ORDER_UNSIGNED },
	{ REGNAMESPACEOID, COL_ORDER_UNSIGNED },
	{ REGCONFIGOID, COL_ORDER_UNSIGNED },
	{ REGDICTIONARYOID, COL_ORDER_UNSIGNED },
	{ XID8OID, COL_ORDER_UNSIGNED },
	{ PG_LSNOID, COL_ORDER_UNSIGNED },
	{ FLOAT4OID, COL_ORDER_FLOAT4 },
	{ FLOAT8OID, COL_ORDER_FLOAT8 },
	{ UUIDOID, COL_ORDER_BYTES },
	{ TEXTOID, COL_ORDER_BYTES },
	{ VARCHAROID, COL_ORDER_BYTES },
	{ BYTEAOID, COL_ORDER_BYTES },
};

ColOrder
rg_type_order(Oid type)
{
	for (int i = 0; i < lengthof(rg_type_orders); i++)
	{
		if (rg_type_orders[i].type == type)
			return rg_type_orders[i].order;
	}
	return COL_ORDER_NONE;
}

RgCodeForm
rg_code_form(ColOrder order, int typlen)
{
	switch (order)
	{
		case COL_ORDER_NONE:
		case COL_ORDER_UNSIGNED:
			switch (typlen)
			{
				case 1:
					return RG_FORM_BITS1;
				case 2:
					return RG_FORM_BITS2;
				case 4:
					return RG_FORM_BITS4;
				case 8:
					return RG_FORM_BITS8;
				default:
					return RG_FORM_NONE;
			}
		case COL_ORDER_SIGNED:
			switch (typlen)
			{
				case 2:
					return RG_FORM_SIGNED2;
				case 4:
					return RG_FORM_SIGNED4;
				case 8:
					return RG_FORM_SIGNED8;
				default:
					return RG_FORM_NONE;
			}
		case COL_ORDER_FLOAT4:
			return typlen == 4 ? RG_FORM_FLOAT4 : RG_FORM_NONE;
		case COL_ORDER_FLOAT8:
			return typlen == 8 ? RG_FORM_FLOAT8 : RG_FORM_NONE;
		case COL_ORDER_BYTES:
			break;
	}
	return RG_FORM_NONE;
}

void
rg_type_init(RgType *type, Form_pg_attribute att)
{
	MemSet(type, 0, sizeof(*type));
	type->typmod = att->atttypmod;
	type->typlen = att->attlen;
	type->typbyval = att->attbyval;
	type->typalign = att->attalign;
	type->store = COL_STORE_NONE;
	if (att->attisdropped)
		return;

	type->type = getBaseType(att->atttypid);
	if (att->attbyval)
	{
		type->store = COL_STORE_CODE;
		type->order = rg_type_order(type->type);
		type->form = rg_code_form(type->order, att->attlen);
		if (type->form == RG_FORM_NONE)
			elog(ERROR, "unsupported length %d of a type passed by value", att->attlen);
	}
	else if (att->attlen > 0)
	{
		type->store = COL_STORE_FIXED;
		/* 8-byte types of machines that pass them by reference have no order here */
		if (type->type == UUIDOID)
			type->order = COL_ORDER_BYTES;
	}
	else
	{
		Assert(att->attlen == -1);
		type->store = COL_STORE_BYTES;
		type->order = rg_type_order(type->type);
		type->numeric = type->type == NUMERICOID;
	}
}

int
rg_numeric_typmod_scale(int32 typmod)
{
	int scale;

	if (typmod < VARHDRSZ)
		return -1;
	/* 11 bits with a sign, since 15 */
	scale = (typmod - VARHDRSZ) & 0x7FF;
	return scale < 0x400 ? scale : -1;
}

/* One loop for each form: the switch must not stand inside. */
#define RG_CONVERT(f) \
	case f: \
		for (uint32 i = 0; i < n; i++) \
			values[i] = rg_code_datum(f, codes[i]); \
		return

void
rg_codes_to_datums(RgCodeForm form, const uint64 *codes, uint32 n, Datum *values)
{
	switch (form)
	{
		RG_CONVERT(RG_FORM_BITS1);
		RG_CONVERT(RG_FORM_BITS2);
		RG_CONVERT(RG_FORM_BITS4);
		RG_CONVERT(RG_FORM_BITS8);
		RG_CONVERT(RG_FORM_SIGNED2);
		RG_CONVERT(RG_FORM_SIGNED4);
		RG_CONVERT(RG_FORM_SIGNED8);
		RG_CONVERT(RG_FORM_FLOAT4);
		RG_CONVERT(RG_FORM_FLOAT8);
		case RG_FORM_NONE:
			break;
	}
	pg_unreachable();
}
