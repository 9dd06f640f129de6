/*
 * rowgroup_zone.c
 *		What zone maps and Bloom filters exclude.
 *
 * An answer "no" must be proven; all doubts are "yes".  The order of the
 * codes is that of the type's default operators but for floats: there -0
 * equals +0, and every NaN is equal and above all.  So bounds of zero are made
 * wider (rg_datum_bound), and NaNs with the sign set, whose codes are below
 * -infinity, disarm lower bounds (float_low_useless).
 */
#include "postgres.h"

#include <math.h>

#include "access/htup_details.h"
#include "access/transam.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/lsyscache.h"
#include "utils/uuid.h"

#include "codec/column_bloom.h"
#include "codec/numeric_digits.h"
#include "rowgroup/rowgroup_group.h"

#define RG_FLOAT4_MINUS_INFINITY 0xFF800000
#define RG_FLOAT4_INFINITY 0x7F800000
#define RG_FLOAT8_MINUS_INFINITY UINT64CONST(0xFFF0000000000000)
#define RG_FLOAT8_INFINITY UINT64CONST(0x7FF0000000000000)

/* ---- searching ---- */

/* entry `position` of a dictionary against a bound: <0, 0, >0 */
static int
rg_dict_compare(const ColDesc *desc, const uint8 *dict, uint32 position, const RgBound *bound)
{
	ColSpan span;

	if (desc->store == COL_STORE_CODE)
	{
		uint64 code = column_dict_code(dict, position);

		return (code > bound->code) - (code < bound->code);
	}
	span = column_dict_span(desc, dict, position);
	return rg_compare_bytes(span.data, span.bytes, bound->bytes, bound->length);
}

/* first position whose entry is >= bound, or > bound if `above`; dict_count if there is none */
static uint32
rg_dict_search(const ColDesc *desc, const uint8 *dict, const RgBound *bound, bool above)
{
	uint32 low = 0;
	uint32 high = desc->dict_count;

	while (low < high)
	{
		uint32 middle = low + (high - low) / 2;
		int cmp = rg_dict_compare(desc, dict, middle, bound);

		if (cmp < 0 || (above && cmp == 0))
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* could `min`, the smallest code, be a NaN with its sign set? */
static bool
float_low_useless(const ColDesc *desc, uint64 min)
{
	if (desc->order == COL_ORDER_FLOAT4)
		return min < rg_float4_code(RG_FLOAT4_MINUS_INFINITY);
	if (desc->order == COL_ORDER_FLOAT8)
		return min < rg_float8_code(RG_FLOAT8_MINUS_INFINITY);
	return false;
}

/* min and max are positions of the dictionary */
static bool
rg_dict_may_match(const ColDesc *desc, const uint8 *dict, uint64 min, uint64 max,
				  const RgBound *low, const RgBound *high)
{
	uint32 first = 0;
	uint32 end = desc->dict_count;

	if (low != NULL && desc->store == COL_STORE_CODE &&
		float_low_useless(desc, column_dict_code(dict, (uint32) min)))
		low = NULL;
	if (low != NULL)
		first = rg_dict_search(desc, dict, low, false);
	if (high != NULL)
		end = rg_dict_search(desc, dict, high, true);
	return Max(first, min) < Min(end, max + 1);
}

/*
 * rg_filter_may_match --- the same by the Bloom filter of a column that has one.  All values between the bounds, both included,
 * have to be equal, or nothing is known.
 */
static bool
rg_filter_may_match(RgGroup *group, const ColDesc *desc, const RgBound *low, const RgBound *high)
{
	uint64 hash;

	if (desc->store == COL_STORE_CODE)
	{
		if (column_canonical_code(desc->order, low->code) !=
			column_canonical_code(desc->order, high->code))
			return true;
		hash = column_hash_code(desc->order, low->code);
	}
	else
	{
		if (rg_compare_bytes(low->bytes, low->length, high->bytes, high->length) != 0)
			return true;
		hash = column_hash_span((ColSpan){ low->bytes, low->length });
	}
	return column_bloom_test(desc, rg_bloom_section(group, desc, column_bloom_section(desc, hash)),
							 hash);
}

/* rg_zone_may_match --- can the values of a vector, or of the group, lie between the bounds? */
static bool
rg_zone_may_match(RgGroup *group, RgColumn *col, uint64 min, uint64 max, const RgBound *low,
				  const RgBound *high)
{
	const ColDesc *desc = col->desc;

	if ((desc->flags & COL_FLAG_DICT) != 0)
		return rg_dict_may_match(desc, rg_load_dict(group, col), min, max, low, high);
	if (desc->store == COL_STORE_CODE)
	{
		if (low != NULL && low->code > max && !float_low_useless(desc, min))
			return false;
		return high == NULL || high->code >= min;
	}
	/* equal prefixes prove nothing */
	if (low != NULL && rg_prefix(low->bytes, low->length) > max)
		return false;
	return high == NULL || rg_prefix(high->bytes, high->length) >= min;
}

bool
rg_may_match(RgGroup *group, int column, int vector, const RgBound *low, const RgBound *high)
{
	RgColumn *col = &group->columns[column];
	const ColDesc *desc = col->desc;
	uint64 min, max;

	Assert(column >= 0 && column < group->natts);
	Assert(vector >= -1 && vector < group->header->vectors);

	if (col->constant)
		return !col->missing_null;

	min = desc->min;
	max = desc->max;
	if (vector >= 0)
	{
		const ColVector *header = &rg_load_vectors(group, col)[vector];

		if (header->encoding == COL_ENC_NULLS)
			return false;
		min = header->min;
		max = header->max;
	}
	if (desc->order == COL_ORDER_NONE || (low == NULL && high == NULL))
		return true;

	if (!rg_zone_may_match(group, col, min, max, low, high))
		return false;
	return vector >= 0 || (desc->flags & COL_FLAG_BLOOM) == 0 || low == NULL || high == NULL ||
		   rg_filter_may_match(group, desc, low, high);
}

/* ---- bounds ---- */

static uint64
rg_float8_bound(float8 value, bool up)
{
	uint64 bits;

	if (isnan(value))
		return up ? PG_UINT64_MAX : rg_float8_code(RG_FLOAT8_INFINITY) + 1;
	if (value == 0)
		value = up ? 0.0 : -0.0;
	memcpy(&bits, &value, sizeof(bits));
	return rg_float8_code(bits);
}

static uint64
rg_float4_bound(float8 value, bool up)
{
	float4 narrow = (float4) value;
	uint32 bits;

	if (isnan(value))
		return up ? PG_UINT32_MAX : rg_float4_code(RG_FLOAT4_INFINITY) + 1;
	/* a float8 between two float4: the one that bounds */
	if (up && (float8) narrow < value)
		narrow = nextafterf(narrow, INFINITY);
	else if (!up && (float8) narrow > value)
		narrow = nextafterf(narrow, -INFINITY);
	if (narrow == 0)
		narrow = up ? 0.0F : -0.0F;
	memcpy(&bits, &narrow, sizeof(bits));
	return rg_float4_code(bits);
}

static bool
rg_is_integer(Oid type)
{
	return type == INT2OID || type == INT4OID || type == INT8OID;
}

static bool
rg_is_float(Oid type)
{
	return type == FLOAT4OID || type == FLOAT8OID;
}

static bool
rg_is_text(Oid type)
{
	return type == TEXTOID || type == VARCHAROID;
}

/* Is `type` the type of the column's values, or one that compares with it by the same order? */
static bool
rg_comparable(const ColDesc *column, Oid type)
{
	Oid own = column->type_oid;

	return own == type || (rg_is_integer(own) && rg_is_integer(type)) ||
		   (rg_is_float(own) && rg_is_float(type)) || (rg_is_text(own) && rg_is_text(type));
}

bool
rg_datum_bound(const ColDesc *column, Oid type, Datum value, bool up, RgBound *bound)
{
	RgCodeForm form;

	MemSet(bound, 0, sizeof(*bound));
	if (column->store == COL_STORE_NONE || column->order == COL_ORDER_NONE)
		return false;
	if (type >= FirstGenbkiObjectId)
		type = getBaseType(type);
	if (!rg_comparable(column, type))
		return false;

	if (type == NUMERICOID)
	{
		struct varlena *numeric = PG_DETOAST_DATUM_PACKED(value);
		int64 scaled;

		if ((column->flags & COL_FLAG_NUMERIC) == 0 ||
			!numeric_bound((const uint8 *) VARDATA_ANY(numeric), VARSIZE_ANY_EXHDR(numeric),
						   (uint32) column->scale, up, &scaled))
			return false;
		bound->code = (uint64) scaled ^ RG_SIGN8;
		return true;
	}
	if (rg_is_float(type))
	{
		float8 wide = type == FLOAT4OID ? (float8) DatumGetFloat4(value) : DatumGetFloat8(value);

		bound->code = column->order == COL_ORDER_FLOAT4 ? rg_float4_bound(wide, up)
														: rg_float8_bound(wide, up);
		return true;
	}
	if (type == UUIDOID)
	{
		bound->bytes = (const uint8 *) DatumGetPointer(value);
		bound->length = UUID_LEN;
		return true;
	}
	if (column->order == COL_ORDER_BYTES)
	{
		struct varlena *bytes = PG_DETOAST_DATUM_PACKED(value);

		bound->bytes = (const uint8 *) VARDATA_ANY(bytes);
		bound->length = VARSIZE_ANY_EXHDR(bytes);
		return true;
	}

	/* all that is left is passed by value, and if not of the column's length then an integer */
	form = rg_code_form(column->order, get_typlen(type));
	if (form == RG_FORM_NONE)
		return false;
	bound->code = rg_datum_code(form, value);
	return true;
}
