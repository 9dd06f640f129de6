/*
 * alex_key_type.c
 *		SQL value <-> code; the place of a constant of another type.
 *
 * A constant may be of another type of the operator family than the column and
 * then need not have a counterpart among its values: its place is given by the
 * greatest code not above it and by whether that is the constant itself.
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
 *
 * Comparisons of float4 and float8 are made in float8, as in core.
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "common/int.h"
#include "datatype/timestamp.h"
#include "utils/cash.h"
#include "utils/date.h"
#include "utils/fmgroids.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "alex/alex_key_type.h"

#define SIGN32 (UINT64CONST(1) << 31)
#define SIGN64 (UINT64CONST(1) << 63)

/* a time of day is at most 24:00:00, in microseconds */
#define TIME_BITS 37
StaticAssertDecl(USECS_PER_DAY < (INT64CONST(1) << TIME_BITS), "bits of a time of day");

/* one NaN for all, above infinity */
#define FLOAT4_NAN_CODE (SIGN32 | UINT64CONST(0x7FC00000))
#define FLOAT8_NAN_CODE (SIGN64 | UINT64CONST(0x7FF8000000000000))

/*
 * More than any offset from UTC.  Zone files stay within 16 hours, but a POSIX
 * zone string or SET TIME ZONE 167 may say up to 168 hours, and its daylight
 * saving time one more.
 */
#define UTC_OFFSET_MAX_USECS (8 * USECS_PER_DAY)

static const AlexKeyType key_types[] = {
	{ INT2OID, F_BTINT2CMP, ALEX_TYPE_INT2, 16, true },
	{ INT4OID, F_BTINT4CMP, ALEX_TYPE_INT4, 32, true },
	{ INT8OID, F_BTINT8CMP, ALEX_TYPE_INT8, 64, true },
	{ DATEOID, F_DATE_CMP, ALEX_TYPE_DATE, 32, true },
	{ TIMESTAMPOID, F_TIMESTAMP_CMP, ALEX_TYPE_TIMESTAMP, 64, true },
	{ TIMESTAMPTZOID, F_TIMESTAMPTZ_CMP, ALEX_TYPE_TIMESTAMPTZ, 64, true },
	{ CHAROID, F_BTCHARCMP, ALEX_TYPE_CHAR, 8, true },
	{ OIDOID, F_BTOIDCMP, ALEX_TYPE_OID, 32, true },
	{ FLOAT4OID, F_BTFLOAT4CMP, ALEX_TYPE_FLOAT4, 32, false },
	{ FLOAT8OID, F_BTFLOAT8CMP, ALEX_TYPE_FLOAT8, 64, false },
	{ CASHOID, F_CASH_CMP, ALEX_TYPE_MONEY, 64, true },
	{ TIMEOID, F_TIME_CMP, ALEX_TYPE_TIME, TIME_BITS, true },
	{ UUIDOID, F_UUID_CMP, ALEX_TYPE_UUID, 128, true },
};

const AlexKeyType *
alex_key_type(Oid type)
{
	for (int i = 0; i < lengthof(key_types); i++)
	{
		if (key_types[i].type == type)
			return &key_types[i];
	}
	return NULL;
}

const AlexKeyType *
alex_key_type_of(AlexTypeCode code)
{
	for (int i = 0; i < lengthof(key_types); i++)
	{
		if (key_types[i].code == code)
			return &key_types[i];
	}
	elog(ERROR, "unexpected alex key type: %d", (int) code);
	return NULL;
}

/* ---- codes ---- */

/* Negative floats descend as their bits ascend: turn all of them over, else the sign only. */
static uint64
float4_code(float4 value)
{
	uint32 bits;

	if (isnan(value))
		return FLOAT4_NAN_CODE;
	if (value == 0)
		value = 0; /* of -0 and 0 */
	memcpy(&bits, &value, sizeof(bits));
	return (bits & SIGN32) != 0 ? (uint32) ~bits : bits | SIGN32;
}

static uint64
float8_code(float8 value)
{
	uint64 bits;

	if (isnan(value))
		return FLOAT8_NAN_CODE;
	if (value == 0)
		value = 0;
	memcpy(&bits, &value, sizeof(bits));
	return (bits & SIGN64) != 0 ? ~bits : bits | SIGN64;
}

static AlexKey
uuid_code(const pg_uuid_t *uuid)
{
	AlexKey code = 0;

	for (int i = 0; i < UUID_LEN; i++)
		code = code << 8 | uuid->data[i];
	return code;
}

AlexKey
alex_type_code(AlexTypeCode type, Datum value)
{
	switch (type)
	{
		case ALEX_TYPE_INT2:
			return (uint16) DatumGetInt16(value) ^ 0x8000U;
		case ALEX_TYPE_INT4:
			return (uint32) DatumGetInt32(value) ^ SIGN32;
		case ALEX_TYPE_INT8:
			return (uint64) DatumGetInt64(value) ^ SIGN64;
		case ALEX_TYPE_DATE:
			return (uint32) DatumGetDateADT(value) ^ SIGN32;
		case ALEX_TYPE_TIMESTAMP:
			return (uint64) DatumGetTimestamp(value) ^ SIGN64;
		case ALEX_TYPE_TIMESTAMPTZ:
			return (uint64) DatumGetTimestampTz(value) ^ SIGN64;
		case ALEX_TYPE_CHAR:
			return (uint8) DatumGetChar(value); /* compares unsigned */
		case ALEX_TYPE_OID:
			return DatumGetObjectId(value);
		case ALEX_TYPE_FLOAT4:
			return float4_code(DatumGetFloat4(value));
		case ALEX_TYPE_FLOAT8:
			return float8_code(DatumGetFloat8(value));
		case ALEX_TYPE_MONEY:
			return (uint64) DatumGetCash(value) ^ SIGN64;
		case ALEX_TYPE_TIME:
		{
			TimeADT time = DatumGetTimeADT(value);

			if (time < 0 || time > USECS_PER_DAY)
				ereport(ERROR, errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
						errmsg("time out of range"));
			return (uint64) time;
		}
		case ALEX_TYPE_UUID:
			return uuid_code(DatumGetUUIDP(value));
	}
	elog(ERROR, "unexpected alex key type: %d", (int) type);
	return 0;
}

bool
alex_type_datum(AlexTypeCode type, AlexKey code, Datum *value)
{
	uint64 low = (uint64) code;

	switch (type)
	{
		case ALEX_TYPE_INT2:
			*value = Int16GetDatum((int16) (low ^ 0x8000U));
			return true;
		case ALEX_TYPE_INT4:
			*value = Int32GetDatum((int32) (low ^ SIGN32));
			return true;
		case ALEX_TYPE_INT8:
			*value = Int64GetDatum((int64) (low ^ SIGN64));
			return true;
		case ALEX_TYPE_DATE:
			*value = DateADTGetDatum((DateADT) (low ^ SIGN32));
			return true;
		case ALEX_TYPE_TIMESTAMP:
			*value = TimestampGetDatum((Timestamp) (low ^ SIGN64));
			return true;
		case ALEX_TYPE_TIMESTAMPTZ:
			*value = TimestampTzGetDatum((TimestampTz) (low ^ SIGN64));
			return true;
		case ALEX_TYPE_CHAR:
			*value = CharGetDatum((char) low);
			return true;
		case ALEX_TYPE_OID:
			*value = ObjectIdGetDatum((Oid) low);
			return true;
		case ALEX_TYPE_FLOAT4:
		case ALEX_TYPE_FLOAT8:
			return false; /* never asked for: see AlexKeyType.exact */
		case ALEX_TYPE_MONEY:
			*value = CashGetDatum((Cash) (low ^ SIGN64));
			return true;
		case ALEX_TYPE_TIME:
			*value = TimeADTGetDatum((TimeADT) low);
			return low <= USECS_PER_DAY;
		case ALEX_TYPE_UUID:
		{
			pg_uuid_t *uuid = (pg_uuid_t *) palloc(sizeof(pg_uuid_t));

			for (int i = UUID_LEN - 1; i >= 0; i--)
			{
				uuid->data[i] = (unsigned char) code;
				code >>= 8;
			}
			*value = UUIDPGetDatum(uuid);
			return true;
		}
	}
	return false;
}

bool
alex_type_plain(AlexTypeCode type)
{
	switch (type)
	{
		case ALEX_TYPE_INT2:
		case ALEX_TYPE_INT4:
		case ALEX_TYPE_INT8:
		case ALEX_TYPE_DATE:
		case ALEX_TYPE_TIMESTAMP:
		case ALEX_TYPE_TIMESTAMPTZ:
		case ALEX_TYPE_CHAR:
		case ALEX_TYPE_OID:
		case ALEX_TYPE_MONEY:
			return true;
		case ALEX_TYPE_FLOAT4:
		case ALEX_TYPE_FLOAT8:
		case ALEX_TYPE_TIME:
		case ALEX_TYPE_UUID:
			break;
	}
	return false;
}

/* ---- places ---- */

static AlexKeyPoint
point_at(AlexKey code)
{
	return (AlexKeyPoint){ .floor = code, .exact = true };
}

static bool
is_integer(AlexTypeCode type)
{
	return type == ALEX_TYPE_INT2 || type == ALEX_TYPE_INT4 || type == ALEX_TYPE_INT8;
}

static bool
is_float(AlexTypeCode type)
{
	return type == ALEX_TYPE_FLOAT4 || type == ALEX_TYPE_FLOAT8;
}

static bool
is_datetime(AlexTypeCode type)
{
	return type == ALEX_TYPE_DATE || type == ALEX_TYPE_TIMESTAMP || type == ALEX_TYPE_TIMESTAMPTZ;
}

/* an integer among those of a type of so many bits */
static AlexKeyPoint
point_integer(int64 value, uint32 bits)
{
	int64 max = (int64) (SIGN64 >> (64 - bits)) - 1;

	if (bits == 64)
		return point_at((uint64) value ^ SIGN64);
	if (value > max)
		return (AlexKeyPoint){ .side = 1 };
	if (value < -max - 1)
		return (AlexKeyPoint){ .side = -1 };
	return point_at((uint64) (value + max + 1));
}

static int64
integer_value(AlexTypeCode type, Datum value)
{
	return type == ALEX_TYPE_INT2	? DatumGetInt16(value)
		   : type == ALEX_TYPE_INT4 ? DatumGetInt32(value)
									: DatumGetInt64(value);
}

/* a float8 among the float4s, whose least is -infinity and greatest NaN */
static AlexKeyPoint
point_float4(float8 value)
{
	float4 nearest;
	AlexKeyPoint point;

	if (isnan(value))
		return point_at(FLOAT4_NAN_CODE);
	nearest = (float4) value;
	point.side = 0;
	point.exact = (float8) nearest == value;
	point.floor = float4_code(nearest);
	/* neighbouring floats have neighbouring codes; below 0's is that of -0, which is no value's */
	if ((float8) nearest > value)
		point.floor--;
	return point;
}

/* a finite or infinite number of microseconds among the dates */
static AlexKeyPoint
point_days(int64 usecs)
{
	int64 days;
	AlexKeyPoint point = { 0 };

	if (TIMESTAMP_IS_NOBEGIN(usecs))
		return point_at(alex_type_code(ALEX_TYPE_DATE, DateADTGetDatum(DATEVAL_NOBEGIN)));
	if (TIMESTAMP_IS_NOEND(usecs))
		return point_at(alex_type_code(ALEX_TYPE_DATE, DateADTGetDatum(DATEVAL_NOEND)));

	days = usecs / USECS_PER_DAY;
	point.exact = usecs % USECS_PER_DAY == 0;
	if (!point.exact && usecs < 0)
		days--; /* division truncates towards zero */
	point.floor = alex_type_code(ALEX_TYPE_DATE, DateADTGetDatum((DateADT) days));
	return point;
}

static AlexKeyPoint
point_usecs(int64 usecs, bool exact)
{
	return (AlexKeyPoint){ .floor = (uint64) usecs ^ SIGN64, .exact = exact };
}

/* a date among the timestamps */
static AlexKeyPoint
point_midnight(DateADT date)
{
	if (DATE_IS_NOBEGIN(date))
		return point_usecs(DT_NOBEGIN, true);
	if (DATE_IS_NOEND(date))
		return point_usecs(DT_NOEND, true);

	/* dates begin where timestamps do, but end later */
	if (date >= TIMESTAMP_END_JULIAN - POSTGRES_EPOCH_JDATE)
		return point_usecs(DT_NOEND - 1, false);
	return point_usecs(date * USECS_PER_DAY, true);
}

/* the result of a conversion to timestamp with time zone by core */
static AlexKeyPoint
point_instant(TimestampTz instant, int overflow)
{
	if (overflow > 0)
		return point_usecs(DT_NOEND - 1, false);
	if (overflow < 0)
		return point_usecs(DT_NOBEGIN, false);
	return point_usecs(instant, true);
}

/* a finite time moved by some days, finite still */
static int64
shift_time(int64 usecs, int64 by)
{
	int64 moved;

	Assert(!TIMESTAMP_NOT_FINITE(usecs));

	if (pg_add_s64_overflow(usecs, by, &moved) || TIMESTAMP_NOT_FINITE(moved))
		return by > 0 ? DT_NOEND - 1 : DT_NOBEGIN + 1;
	return moved;
}

static void
place_datetime(AlexTypeCode column, AlexTypeCode type, Datum constant, AlexKeyPoint *low,
			   AlexKeyPoint *high)
{
	int overflow = 0;

	if (column == ALEX_TYPE_TIMESTAMPTZ)
	{
		TimestampTz instant;

		if (type == ALEX_TYPE_DATE)
			instant = date2timestamptz_opt_overflow(DatumGetDateADT(constant), &overflow);
		else
			instant = timestamp2timestamptz_opt_overflow(DatumGetTimestamp(constant), &overflow);
		*low = *high = point_instant(instant, overflow);
	}
	else if (type == ALEX_TYPE_TIMESTAMPTZ)
	{
		int64 from = DatumGetTimestampTz(constant);
		int64 to = from;

		if (!TIMESTAMP_NOT_FINITE(from))
		{
			to = shift_time(from, UTC_OFFSET_MAX_USECS);
			from = shift_time(from, -UTC_OFFSET_MAX_USECS);
		}
		*low = column == ALEX_TYPE_DATE ? point_days(from) : point_usecs(from, true);
		*high = column == ALEX_TYPE_DATE ? point_days(to) : point_usecs(to, true);
	}
	else if (column == ALEX_TYPE_DATE)
		*low = *high = point_days(DatumGetTimestamp(constant));
	else
		*low = *high = point_midnight(DatumGetDateADT(constant));
}

bool
alex_type_place(AlexTypeCode column, AlexTypeCode type, Datum constant, AlexKeyPoint *low,
				AlexKeyPoint *high)
{
	if (type == column)
		*low = *high = point_at(alex_type_code(type, constant));
	else if (is_integer(type) && is_integer(column))
		*low = *high = point_integer(integer_value(type, constant), alex_key_type_of(column)->bits);
	else if (is_float(type) && is_float(column))
		*low = *high = column == ALEX_TYPE_FLOAT4
						   ? point_float4(DatumGetFloat8(constant))
						   : point_at(float8_code((float8) DatumGetFloat4(constant)));
	else if (is_datetime(type) && is_datetime(column))
		place_datetime(column, type, constant, low, high);
	else
		return false;
	return true;
}
