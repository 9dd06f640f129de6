/*
 * alex_key.c
 *		SQL value -> key code; scan keys -> bounds.
 *
 * A condition `column OP constant` is answered in the integers that stand for
 * the column's values.  The constant may be of another type of the operator
 * family and then need not have a counterpart among them: its place is given
 * by the greatest integer not above it and by whether that is the constant
 * itself.  Five operators make a range of integers from that, the ranges of
 * all conditions are intersected, and the rest becomes codes at the end.
 *
 * Comparisons of dates, timestamps and timestamps with time zone must agree
 * with core's date_cmp_timestamp() and its like:
 *
 * - date and timestamp: a date is its midnight.  A finite date behind the last
 *   timestamp is greater than all of them and less than infinity.
 * - column with time zone, constant without: core converts the constant, with
 *   the session's TimeZone, and so do we.  Out of range it lies between the
 *   finite values and an infinity.
 * - column without time zone, constant with: core converts each value of the
 *   column.  That depends on TimeZone and is not monotone: where the clock is
 *   set forward from 02:00 to 03:00, the instant of 02:30 is later than that of
 *   03:00.  So the bounds are widened by more than any UTC offset can be, and
 *   the executor rechecks.  The bounds are then right under every TimeZone.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/nbtree.h"
#include "catalog/pg_type.h"
#include "common/int.h"
#include "datatype/timestamp.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/fmgroids.h"
#include "utils/regproc.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

#include "alex/alex_key.h"

#define ALEX_SIGN_BIT (UINT64CONST(1) << 63)

/*
 * More than any offset from UTC.  Zone files stay within 16 hours, but a POSIX
 * zone string or SET TIME ZONE 167 may say up to 168 hours, and its daylight
 * saving time one more.
 */
#define ALEX_UTC_OFFSET_MAX_USECS (8 * USECS_PER_DAY)

/* the column's integer that is the constant, or the greatest one below it */
typedef struct AlexKeyPoint
{
	int64 floor;
	bool exact; /* floor is the constant itself */
} AlexKeyPoint;

/* the values that satisfy the keys seen so far */
typedef struct AlexKeyRange
{
	int64 lo; /* both inclusive; lo > hi if there is no such value */
	int64 hi;
	bool no_nulls;	 /* NULLs are excluded */
	bool only_nulls; /* nothing else is wanted */
	bool recheck;
} AlexKeyRange;

typedef struct AlexKeyType
{
	Oid type;
	Oid cmp; /* the comparison function whose order the codes have */
	AlexTypeCode code;
} AlexKeyType;

static const AlexKeyType alex_key_types[] = {
	{ INT2OID, F_BTINT2CMP, ALEX_TYPE_INT2 },
	{ INT4OID, F_BTINT4CMP, ALEX_TYPE_INT4 },
	{ INT8OID, F_BTINT8CMP, ALEX_TYPE_INT8 },
	{ DATEOID, F_DATE_CMP, ALEX_TYPE_DATE },
	{ TIMESTAMPOID, F_TIMESTAMP_CMP, ALEX_TYPE_TIMESTAMP },
	{ TIMESTAMPTZOID, F_TIMESTAMPTZ_CMP, ALEX_TYPE_TIMESTAMPTZ },
};

static const AlexKeyType *
alex_key_type(Oid type)
{
	for (int i = 0; i < lengthof(alex_key_types); i++)
	{
		if (alex_key_types[i].type == type)
			return &alex_key_types[i];
	}
	return NULL;
}

void
alex_key_info(Relation index, AlexKeyInfo *info)
{
	const AlexKeyType *type;
	Oid cmp;

	if (IndexRelationGetNumberOfAttributes(index) != 1)
		ereport(ERROR, errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				errmsg("access method \"%s\" does not support multicolumn indexes", "alex"),
				errhint("Create an index for each column, or use access method \"btree\"."));

	type = alex_key_type(index->rd_opcintype[0]);
	if (type == NULL)
		ereport(ERROR, errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				errmsg("access method \"%s\" does not support type %s", "alex",
					   format_type_be(index->rd_opcintype[0])),
				errhint("The types smallint, integer, bigint, date, timestamp and timestamp with "
						"time zone are supported."));

	cmp = index_getprocid(index, 1, BTORDER_PROC);
	if (cmp != type->cmp)
		ereport(ERROR, errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				errmsg("operator class of index \"%s\" is not supported by access method \"%s\"",
					   RelationGetRelationName(index), "alex"),
				errdetail("It does not sort type %s by function %s.", format_type_be(type->type),
						  format_procedure(type->cmp)),
				errhint("Use the default operator class."));

	MemSet(info, 0, sizeof(*info));
	info->natts = 1;
	info->keybytes = 8;
	info->cols[0].type = type->code;
	info->cols[0].bits = 64;
	if ((index->rd_indoption[0] & INDOPTION_DESC) != 0)
		info->cols[0].flags |= ALEX_COL_DESC;
	if ((index->rd_indoption[0] & INDOPTION_NULLS_FIRST) != 0)
		info->cols[0].flags |= ALEX_COL_NULLS_FIRST;
}

void
alex_key_check_meta(Relation index, const AlexKeyInfo *info, const AlexMeta *meta)
{
	bool same = meta->natts == info->natts && meta->keybytes == info->keybytes;

	Assert(info->natts > 0);
	Assert(info->natts <= ALEX_NATTS_MAX);

	for (int i = 0; same && i < info->natts; i++)
		same = meta->cols[i].type == info->cols[i].type &&
			   meta->cols[i].bits == info->cols[i].bits &&
			   meta->cols[i].flags == info->cols[i].flags;

	if (!same)
		ereport(ERROR, errcode(ERRCODE_INDEX_CORRUPTED),
				errmsg("index \"%s\" was built for other key columns than the catalog describes",
					   RelationGetRelationName(index)),
				errhint("Please REINDEX it."));
}

/* alex_key_value --- the integer that stands for a value of a column. */
static int64
alex_key_value(AlexTypeCode type, Datum value)
{
	switch (type)
	{
		case ALEX_TYPE_INT2:
			return DatumGetInt16(value);
		case ALEX_TYPE_INT4:
			return DatumGetInt32(value);
		case ALEX_TYPE_INT8:
			return DatumGetInt64(value);
		case ALEX_TYPE_DATE:
			return DatumGetDateADT(value);
		case ALEX_TYPE_TIMESTAMP:
			return DatumGetTimestamp(value);
		case ALEX_TYPE_TIMESTAMPTZ:
			return DatumGetTimestampTz(value);
	}
	elog(ERROR, "unexpected alex key type: %d", (int) type);
	return 0;
}

static inline uint64
alex_key_code(const AlexMetaColumn *col, int64 value)
{
	uint64 code = (uint64) value ^ ALEX_SIGN_BIT;

	return (col->flags & ALEX_COL_DESC) != 0 ? ~code : code;
}

/* The null bit is what makes NULLs and values that share a code differ (F2). */
static inline uint64
alex_key_null_bit(const AlexMetaColumn *col, bool isnull)
{
	return (uint64) (((col->flags & ALEX_COL_NULLS_FIRST) != 0) != isnull);
}

static inline uint64
alex_key_null_code(const AlexMetaColumn *col)
{
	return (col->flags & ALEX_COL_NULLS_FIRST) != 0 ? 0 : PG_UINT64_MAX;
}

void
alex_key_encode(const AlexKeyInfo *info, const Datum *values, const bool *isnull, ItemPointer tid,
				AlexKey *key, uint64 *tag)
{
	const AlexMetaColumn *col = &info->cols[0];

	Assert(info->natts == 1);
	Assert(ItemPointerIsValid(tid));

	if (isnull[0])
		*key = alex_key_null_code(col);
	else
		*key = alex_key_code(col, alex_key_value(col->type, values[0]));

	*tag = alex_key_null_bit(col, isnull[0]) << ALEX_TAG_TID_BITS |
		   (uint64) ItemPointerGetBlockNumber(tid) << 16 | ItemPointerGetOffsetNumber(tid);
}

static AlexKeyPoint
alex_key_point(int64 value)
{
	return (AlexKeyPoint){ .floor = value, .exact = true };
}

/* alex_key_point_days --- where a time of day stands among the dates. */
static AlexKeyPoint
alex_key_point_days(int64 usecs)
{
	AlexKeyPoint point;

	if (TIMESTAMP_IS_NOBEGIN(usecs))
		return alex_key_point(DATEVAL_NOBEGIN);
	if (TIMESTAMP_IS_NOEND(usecs))
		return alex_key_point(DATEVAL_NOEND);

	point.floor = usecs / USECS_PER_DAY;
	point.exact = usecs % USECS_PER_DAY == 0;
	if (!point.exact && usecs < 0)
		point.floor--; /* division truncates towards zero */
	return point;
}

/* alex_key_point_midnight --- where a date stands among the timestamps. */
static AlexKeyPoint
alex_key_point_midnight(DateADT date)
{
	if (DATE_IS_NOBEGIN(date))
		return alex_key_point(DT_NOBEGIN);
	if (DATE_IS_NOEND(date))
		return alex_key_point(DT_NOEND);

	/* dates begin where timestamps do, but end later */
	if (date >= TIMESTAMP_END_JULIAN - POSTGRES_EPOCH_JDATE)
		return (AlexKeyPoint){ .floor = DT_NOEND - 1, .exact = false };
	return alex_key_point(date * USECS_PER_DAY);
}

/* alex_key_point_instant --- result of a conversion to timestamp with time zone by core. */
static AlexKeyPoint
alex_key_point_instant(TimestampTz instant, int overflow)
{
	if (overflow > 0)
		return (AlexKeyPoint){ .floor = DT_NOEND - 1, .exact = false };
	if (overflow < 0)
		return (AlexKeyPoint){ .floor = DT_NOBEGIN, .exact = false };
	return alex_key_point(instant);
}

/* alex_key_shift --- a finite time moved by some days, finite still. */
static int64
alex_key_shift(int64 usecs, int64 by)
{
	int64 moved;

	Assert(!TIMESTAMP_NOT_FINITE(usecs));

	if (pg_add_s64_overflow(usecs, by, &moved) || TIMESTAMP_NOT_FINITE(moved))
		return by > 0 ? DT_NOEND - 1 : DT_NOBEGIN + 1;
	return moved;
}

static bool
alex_key_is_integer(AlexTypeCode type)
{
	return type == ALEX_TYPE_INT2 || type == ALEX_TYPE_INT4 || type == ALEX_TYPE_INT8;
}

/*
 * alex_key_constant --- place a constant of another type among a column's values.
 *
 * For a constant whose place cannot be told, *low and *high enclose it and the
 * result must be rechecked; else they are equal.  False if the types do not
 * compare.
 */
static bool
alex_key_constant(AlexTypeCode column, AlexTypeCode type, Datum constant, AlexKeyPoint *low,
				  AlexKeyPoint *high)
{
	int64 value = alex_key_value(type, constant);
	int overflow = 0;

	if (type == column || (alex_key_is_integer(type) && alex_key_is_integer(column)))
	{
		*low = *high = alex_key_point(value);
		return true;
	}
	if (alex_key_is_integer(type) || alex_key_is_integer(column))
		return false;

	if (column == ALEX_TYPE_TIMESTAMPTZ)
	{
		TimestampTz instant;

		if (type == ALEX_TYPE_DATE)
			instant = date2timestamptz_opt_overflow((DateADT) value, &overflow);
		else
			instant = timestamp2timestamptz_opt_overflow(value, &overflow);
		*low = *high = alex_key_point_instant(instant, overflow);
	}
	else if (type == ALEX_TYPE_TIMESTAMPTZ)
	{
		int64 from = value;
		int64 to = value;

		if (!TIMESTAMP_NOT_FINITE(value))
		{
			from = alex_key_shift(value, -ALEX_UTC_OFFSET_MAX_USECS);
			to = alex_key_shift(value, ALEX_UTC_OFFSET_MAX_USECS);
		}
		*low = column == ALEX_TYPE_DATE ? alex_key_point_days(from) : alex_key_point(from);
		*high = column == ALEX_TYPE_DATE ? alex_key_point_days(to) : alex_key_point(to);
	}
	else if (column == ALEX_TYPE_DATE)
		*low = *high = alex_key_point_days(value);
	else
		*low = *high = alex_key_point_midnight((DateADT) value);

	return true;
}

/* alex_key_at_most --- exclude values above, or not below, a point. */
static void
alex_key_at_most(AlexKeyRange *range, AlexKeyPoint point, bool below)
{
	int64 hi = point.floor;

	if (below && point.exact)
	{
		if (hi == PG_INT64_MIN)
		{
			range->lo = PG_INT64_MAX; /* nothing is below the least */
			range->hi = PG_INT64_MIN;
			return;
		}
		hi--;
	}
	range->hi = Min(range->hi, hi);
}

/* alex_key_at_least --- exclude values below, or not above, a point. */
static void
alex_key_at_least(AlexKeyRange *range, AlexKeyPoint point, bool above)
{
	int64 lo = point.floor;

	if (above || !point.exact)
	{
		if (lo == PG_INT64_MAX)
		{
			range->lo = PG_INT64_MAX; /* nothing is above the greatest */
			range->hi = PG_INT64_MIN;
			return;
		}
		lo++;
	}
	range->lo = Max(range->lo, lo);
}

/* alex_key_restrict --- intersect a range with one scan key. */
static void
alex_key_restrict(Relation index, const AlexMetaColumn *col, ScanKey key, AlexKeyRange *range)
{
	Oid subtype = OidIsValid(key->sk_subtype) ? key->sk_subtype : index->rd_opcintype[0];
	const AlexKeyType *type = alex_key_type(subtype);
	AlexKeyPoint low;
	AlexKeyPoint high;

	if (key->sk_attno != 1 || (key->sk_flags & (SK_ROW_HEADER | SK_SEARCHARRAY | SK_ORDER_BY)) != 0)
		elog(ERROR, "unexpected scan key of an alex index: column %d, flags 0x%X", key->sk_attno,
			 (unsigned int) key->sk_flags);

	if ((key->sk_flags & SK_SEARCHNULL) != 0)
	{
		range->only_nulls = true;
		return;
	}

	range->no_nulls = true;
	if ((key->sk_flags & SK_SEARCHNOTNULL) != 0)
		return;
	if ((key->sk_flags & SK_ISNULL) != 0)
	{
		range->only_nulls = true; /* the operators are strict: nothing satisfies both */
		return;
	}

	if (type == NULL || !alex_key_constant(col->type, type->code, key->sk_argument, &low, &high))
		ereport(ERROR, errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				errmsg("index \"%s\" cannot compare its column with type %s",
					   RelationGetRelationName(index), format_type_be(subtype)),
				errhint("Remove the operator that does so from the index's operator family."));

	if (low.floor != high.floor || low.exact != high.exact)
		range->recheck = true;

	switch (key->sk_strategy)
	{
		case BTLessStrategyNumber:
			alex_key_at_most(range, high, true);
			break;
		case BTLessEqualStrategyNumber:
			alex_key_at_most(range, high, false);
			break;
		case BTEqualStrategyNumber:
			alex_key_at_least(range, low, false);
			alex_key_at_most(range, high, false);
			break;
		case BTGreaterEqualStrategyNumber:
			alex_key_at_least(range, low, false);
			break;
		case BTGreaterStrategyNumber:
			alex_key_at_least(range, low, true);
			break;
		default:
			elog(ERROR, "unexpected strategy number of an alex index: %d", key->sk_strategy);
	}
}

void
alex_key_bounds(Relation index, const AlexKeyInfo *info, ScanKey keys, int nkeys, AlexBounds *b)
{
	const AlexMetaColumn *col = &info->cols[0];
	AlexKeyRange range = { .lo = PG_INT64_MIN, .hi = PG_INT64_MAX };
	bool descending = (col->flags & ALEX_COL_DESC) != 0;
	bool nulls_first = (col->flags & ALEX_COL_NULLS_FIRST) != 0;
	uint64 bit;

	Assert(info->natts == 1);
	Assert(nkeys >= 0);

	MemSet(b, 0, sizeof(*b));
	if (nkeys == 0)
	{
		b->hi_inf = true;
		return;
	}

	for (int i = 0; i < nkeys; i++)
		alex_key_restrict(index, col, &keys[i], &range);

	b->empty = (range.only_nulls && range.no_nulls) || range.lo > range.hi;
	if (b->empty)
		return;

	b->recheck = range.recheck;
	bit = alex_key_null_bit(col, range.only_nulls);
	if (range.only_nulls)
		b->lo_key = b->hi_key = alex_key_null_code(col);
	else
	{
		b->lo_key = alex_key_code(col, descending ? range.hi : range.lo);
		b->hi_key = alex_key_code(col, descending ? range.lo : range.hi);
	}
	b->lo_tag = bit << ALEX_TAG_TID_BITS;
	b->hi_tag = (bit + 1) << ALEX_TAG_TID_BITS;

	/* nothing can follow the greatest values of whatever sorts last */
	b->hi_inf = b->hi_key == PG_UINT64_MAX && nulls_first != range.only_nulls;
	Assert(b->lo_key <= b->hi_key);
}

bool
alex_key_match(const AlexKeyInfo *info, const AlexBounds *b, AlexKey key, uint64 tag)
{
	/* the range of a single column says everything */
	Assert(info->natts == 1);
	Assert(!b->filter);
	return true;
}

bool
alex_key_returnable(const AlexKeyInfo *info, int attno)
{
	Assert(attno >= 1 && attno <= info->natts);
	return true;
}

/* alex_key_datum --- the value that an integer stands for; false if there is none. */
static bool
alex_key_datum(AlexTypeCode type, int64 value, Datum *datum)
{
	switch (type)
	{
		case ALEX_TYPE_INT2:
			*datum = Int16GetDatum((int16) value);
			return value >= PG_INT16_MIN && value <= PG_INT16_MAX;
		case ALEX_TYPE_INT4:
			*datum = Int32GetDatum((int32) value);
			return value >= PG_INT32_MIN && value <= PG_INT32_MAX;
		case ALEX_TYPE_INT8:
			*datum = Int64GetDatum(value);
			return true;
		case ALEX_TYPE_DATE:
			*datum = DateADTGetDatum((DateADT) value);
			return value >= PG_INT32_MIN && value <= PG_INT32_MAX;
		case ALEX_TYPE_TIMESTAMP:
			*datum = TimestampGetDatum(value);
			return true;
		case ALEX_TYPE_TIMESTAMPTZ:
			*datum = TimestampTzGetDatum(value);
			return true;
	}
	return false;
}

bool
alex_key_decode(const AlexKeyInfo *info, AlexKey key, uint64 tag, Datum *values, bool *isnull)
{
	const AlexMetaColumn *col = &info->cols[0];
	uint64 code = (uint64) key;

	Assert(info->natts == 1);

	values[0] = (Datum) 0;
	isnull[0] = ALEX_TAG_NULLS(tag) == alex_key_null_bit(col, true);
	if (isnull[0])
		return code == alex_key_null_code(col);
	if ((col->flags & ALEX_COL_DESC) != 0)
		code = ~code;
	return alex_key_datum(col->type, (int64) (code ^ ALEX_SIGN_BIT), &values[0]);
}
