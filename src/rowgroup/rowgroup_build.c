/*
 * rowgroup_build.c
 *		Collect rows in memory: see rowgroup_build.h.
 *
 * A row counts once builder->rows does: everything behind is scratch, so that
 * an error in the middle of a row (a missing toast chunk, memory) takes nothing
 * back and leaves nothing behind.
 */
#include "postgres.h"

#include "access/detoast.h"
#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#include "codec/column.h"
#include "codec/numeric_digits.h"
#include "rowgroup/rowgroup_builder.h"

#define RG_BUILD_ROWS_MIN 1024
#define RG_BUILD_BYTES_MIN 8192
/* of one column; its chunk must stay below 4 GB with its offsets */
#define RG_BUILD_BYTES_MAX ((Size) PG_INT32_MAX)

const char *
rg_unsupported(TupleDesc desc)
{
	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);

		if (!att->attisdropped && att->attlen == -2)
			return "A column has a type of null-terminated strings";
	}
	return NULL;
}

/* rg_hidden_type --- of a column behind the table's: four bytes, unsigned */
static RgType
rg_hidden_type(Oid type)
{
	return (RgType){ .type = type,
					 .typmod = -1,
					 .typlen = sizeof(uint32),
					 .typbyval = true,
					 .typalign = TYPALIGN_INT,
					 .store = COL_STORE_CODE,
					 .order = COL_ORDER_UNSIGNED,
					 .form = RG_FORM_BITS4 };
}

RgBuilder *
rg_builder_create(TupleDesc desc, bool with_xmin, MemoryContext parent)
{
	MemoryContext context;
	RgBuilder *builder;
	const char *unsupported = rg_unsupported(desc);
	int columns = desc->natts + 2;

	if (unsupported != NULL)
		ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
						errmsg("rows cannot be stored in columns"), errdetail("%s.", unsupported)));

	context = AllocSetContextCreate(parent, "omendb row group builder", ALLOCSET_DEFAULT_SIZES);
	builder = MemoryContextAllocZero(context, offsetof(RgBuilder, columns) +
												  columns * sizeof(RgBuildColumn));
	builder->context = context;
	builder->scratch =
		AllocSetContextCreate(context, "omendb row group flattening", ALLOCSET_DEFAULT_SIZES);
	builder->with_xmin = with_xmin;
	builder->natts = desc->natts;

	for (int i = 0; i < desc->natts; i++)
	{
		RgBuildColumn *col = &builder->columns[i];

		rg_type_init(&col->type, TupleDescAttr(desc, i));
		col->scaled = col->type.numeric;
		col->scale = -1;
	}
	if (with_xmin)
		builder->columns[desc->natts].type = rg_hidden_type(XIDOID);
	return builder;
}

void
rg_builder_keep_numbers(RgBuilder *builder)
{
	Assert(builder->with_xmin && builder->room == 0);
	builder->with_numbers = true;
	builder->columns[builder->natts + 1].type = rg_hidden_type(OIDOID);
}

void
rg_builder_free(RgBuilder *builder)
{
	MemoryContextDelete(builder->context);
}

void
rg_builder_reset(RgBuilder *builder)
{
	builder->rows = 0;
	builder->raw_bytes = 0;
	for (int i = 0; i < builder->natts; i++)
		builder->columns[i].scale = -1;
}

uint32
rg_builder_rows(const RgBuilder *builder)
{
	return builder->rows;
}

Size
rg_builder_raw_bytes(const RgBuilder *builder)
{
	return builder->raw_bytes;
}

Size
rg_builder_memory(const RgBuilder *builder)
{
	Size bytes = MemoryContextMemAllocated(builder->context, true);

	/* columns are encoded one after the other; who adds up and subtracts counts on it that a reset gives nothing back */
	return builder->any_filter ? bytes + column_bloom_memory(builder->room) : bytes;
}

void
rg_builder_plain(RgBuilder *builder, int att)
{
	Assert(att >= 0 && att < builder->natts);
	builder->columns[att].plain = true;
}

void
rg_builder_filter(RgBuilder *builder, int att)
{
	Assert(att >= 0 && att < builder->natts);
	builder->columns[att].filter = true;
	builder->any_filter = true;
}

Size
rg_row_bytes(TupleDesc desc, const Datum *values, const bool *nulls)
{
	Size bytes = 0;

	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);

		if (nulls[i] || att->attisdropped)
			continue;
		bytes += att->attlen > 0 ? att->attlen : toast_raw_datum_size(values[i]);
	}
	return bytes;
}

/* ---- memory ---- */

static void *
rg_grown(const RgBuilder *builder, void *array, Size bytes)
{
	if (array == NULL)
		return MemoryContextAllocHuge(builder->context, bytes);
	return repalloc_huge(array, bytes);
}

/* rg_grow_offsets --- room for the offsets of a varlena column, and some for its bytes. */
static void
rg_grow_offsets(const RgBuilder *builder, RgBuildColumn *col, uint32 room)
{
	col->offsets = rg_grown(builder, col->offsets, (room + (Size) 1) * sizeof(uint32));
	col->offsets[0] = 0;
	if (col->bytes == NULL)
	{
		col->bytes = rg_grown(builder, NULL, RG_BUILD_BYTES_MIN);
		col->room = RG_BUILD_BYTES_MIN;
	}
}

/* rg_grow_rows --- room for more rows; if it fails, all arrays have at least the old room. */
static void
rg_grow_rows(RgBuilder *builder)
{
	uint32 room = builder->room == 0 ? RG_BUILD_ROWS_MIN : builder->room * 2;

	StaticAssertStmt(RG_ROWS_MAX % RG_BUILD_ROWS_MIN == 0, "room doubles up to RG_ROWS_MAX");
	if (room > RG_ROWS_MAX)
		elog(ERROR, "row group has %u rows already", builder->rows);

	for (int i = 0; i < rg_builder_columns(builder); i++)
	{
		RgBuildColumn *col = &builder->columns[i];

		if (col->type.store == COL_STORE_NONE)
			continue;
		col->nulls = rg_grown(builder, col->nulls, room);
		if (col->type.store == COL_STORE_CODE)
			col->codes = rg_grown(builder, col->codes, room * sizeof(uint64));
		else if (col->type.store == COL_STORE_FIXED)
		{
			col->room = (Size) room * (Size) col->type.typlen;
			col->bytes = rg_grown(builder, col->bytes, col->room);
		}
		else if (col->scaled)
		{
			col->codes = rg_grown(builder, col->codes, room * sizeof(uint64));
			col->lengths = rg_grown(builder, col->lengths, room);
		}
		else
			rg_grow_offsets(builder, col, room);
	}
	builder->room = room;
}

/* rg_grow_bytes --- room for `needed` bytes of a varlena column. */
static void
rg_grow_bytes(RgBuilder *builder, RgBuildColumn *col, Size needed)
{
	Size room = col->room;

	if (needed > RG_BUILD_BYTES_MAX)
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
						errmsg("column of a row group exceeds %zu bytes", RG_BUILD_BYTES_MAX)));
	while (room < needed)
		room *= 2;
	col->bytes = rg_grown(builder, col->bytes, room);
	col->room = room;
}

/* ---- rows ---- */

/* rg_flattened --- a plain copy, in builder->scratch, of a toasted or expanded datum. */
static struct varlena *
rg_flattened(RgBuilder *builder, struct varlena *value)
{
	MemoryContext old = MemoryContextSwitchTo(builder->scratch);

	value = detoast_attr(value);
	MemoryContextSwitchTo(old);
	return value;
}

/* rg_append_bytes --- one value of a varlena column */
static pg_attribute_always_inline void
rg_append_bytes(RgBuilder *builder, RgBuildColumn *col, uint32 row, const void *data, Size bytes)
{
	Size start = col->offsets[row];

	if (unlikely(start + bytes > col->room))
		rg_grow_bytes(builder, col, start + bytes);
	memcpy(col->bytes + start, data, bytes);
	col->offsets[row + 1] = (uint32) (start + bytes);
}

/* rg_unscale --- make bytes of the codes of the first `rows` numerics of a column. */
static void
rg_unscale(RgBuilder *builder, RgBuildColumn *col, uint32 rows)
{
	rg_grow_offsets(builder, col, builder->room);
	for (uint32 row = 0; row < rows; row++)
	{
		uint8 payload[NUMERIC_PAYLOAD_MAX];
		uint32 bytes = 0;

		if (!col->nulls[row])
			bytes =
				numeric_write((int64) (col->codes[row] ^ RG_SIGN8), (uint32) col->scale, payload);
		rg_append_bytes(builder, col, row, payload, bytes);
	}
	col->scaled = false;
	pfree(col->codes);
	pfree(col->lengths);
	col->codes = NULL;
	col->lengths = NULL;
}

/* rg_append_scaled --- a numeric among those of one scale; false if it is none of them */
static pg_attribute_always_inline bool
rg_append_scaled(RgBuildColumn *col, uint32 row, const void *data, Size bytes)
{
	int64 value;
	uint32 scale;

	if (!numeric_parse(data, (uint32) Min(bytes, PG_UINT32_MAX), &value, &scale))
		return false;
	if (col->scale < 0)
		col->scale = (int) scale;
	else if (col->scale != (int) scale)
		return false;
	col->codes[row] = (uint64) value ^ RG_SIGN8;
	col->lengths[row] = (uint8) bytes;
	return true;
}

/* rg_append_varlena --- returns the bytes it takes detoasted */
static pg_attribute_always_inline Size
rg_append_varlena(RgBuilder *builder, RgBuildColumn *col, uint32 row, Datum datum)
{
	struct varlena *value = (struct varlena *) DatumGetPointer(datum);
	bool flatten = VARATT_IS_EXTERNAL(value) || VARATT_IS_COMPRESSED(value);
	Size bytes;

	if (unlikely(flatten))
		value = rg_flattened(builder, value);
	bytes = VARSIZE_ANY_EXHDR(value);
	if (!col->scaled || !rg_append_scaled(col, row, VARDATA_ANY(value), bytes))
	{
		if (unlikely(col->scaled))
			rg_unscale(builder, col, row);
		rg_append_bytes(builder, col, row, VARDATA_ANY(value), bytes);
	}
	if (unlikely(flatten))
		MemoryContextReset(builder->scratch);
	return bytes + VARHDRSZ;
}

static void
rg_append_null(RgBuildColumn *col, uint32 row)
{
	if (!col->scaled)
		col->offsets[row + 1] = col->offsets[row];
	else
	{
		col->codes[row] = 0;
		col->lengths[row] = 0;
	}
}

/* One loop for each form: the switch must not stand inside. */
#define RG_APPEND(f) \
	case f: \
		for (uint32 i = 0; i < n; i++) \
		{ \
			bool null = nulls[i][att]; \
			col->nulls[row + i] = null; \
			col->codes[row + i] = null ? 0 : rg_datum_code(f, values[i][att]); \
			present += !null; \
		} \
		break

/* rg_append_codes --- returns how many are not NULL */
static pg_attribute_always_inline uint32
rg_append_codes(RgBuildColumn *col, uint32 row, int att, Datum *const *values, bool *const *nulls,
				uint32 n)
{
	uint32 present = 0;

	switch (col->type.form)
	{
		RG_APPEND(RG_FORM_BITS1);
		RG_APPEND(RG_FORM_BITS2);
		RG_APPEND(RG_FORM_BITS4);
		RG_APPEND(RG_FORM_BITS8);
		RG_APPEND(RG_FORM_SIGNED2);
		RG_APPEND(RG_FORM_SIGNED4);
		RG_APPEND(RG_FORM_SIGNED8);
		RG_APPEND(RG_FORM_FLOAT4);
		RG_APPEND(RG_FORM_FLOAT8);
		case RG_FORM_NONE:
			pg_unreachable();
	}
	return present;
}

/* rg_append_column --- one attribute of n rows; returns the bytes it takes detoasted */
static pg_attribute_always_inline Size
rg_append_column(RgBuilder *builder, int att, Datum *const *values, bool *const *nulls, uint32 n)
{
	RgBuildColumn *col = &builder->columns[att];
	Size typlen = (Size) col->type.typlen;
	uint32 row = builder->rows;
	Size bytes = 0;

	switch (col->type.store)
	{
		case COL_STORE_CODE:
			bytes = rg_append_codes(col, row, att, values, nulls, n) * typlen;
			break;
		case COL_STORE_FIXED:
			for (uint32 i = 0; i < n; i++, row++)
			{
				col->nulls[row] = nulls[i][att];
				if (nulls[i][att])
					memset(col->bytes + row * typlen, 0, typlen);
				else
				{
					memcpy(col->bytes + row * typlen, DatumGetPointer(values[i][att]), typlen);
					bytes += typlen;
				}
			}
			break;
		case COL_STORE_BYTES:
			for (uint32 i = 0; i < n; i++, row++)
			{
				col->nulls[row] = nulls[i][att];
				if (nulls[i][att])
					rg_append_null(col, row);
				else
					bytes += rg_append_varlena(builder, col, row, values[i][att]);
			}
			break;
		case COL_STORE_NONE:
			break;
	}
	return bytes;
}

void
rg_builder_append_rows(RgBuilder *builder, Datum *const *values, bool *const *nulls, uint32 n)
{
	Size raw_bytes = 0;

	Assert(!builder->with_xmin && n <= RG_APPEND_ROWS_MAX);
	if (unlikely(builder->rows + n > builder->room))
		rg_grow_rows(builder);
	/* column by column: its state stays in registers, and the rows in the first cache */
	for (int att = 0; att < builder->natts; att++)
		raw_bytes += rg_append_column(builder, att, values, nulls, n);
	builder->raw_bytes += raw_bytes;
	builder->rows += n;
}

void
rg_builder_append(RgBuilder *builder, const Datum *values, const bool *nulls, TransactionId xmin)
{
	uint32 row = builder->rows;
	Size raw_bytes = 0;

	if (unlikely(row == builder->room))
		rg_grow_rows(builder);
	for (int att = 0; att < builder->natts; att++)
		raw_bytes +=
			rg_append_column(builder, att, (Datum *const *) &values, (bool *const *) &nulls, 1);
	if (builder->with_xmin)
	{
		builder->columns[builder->natts].codes[row] = xmin;
		builder->columns[builder->natts].nulls[row] = 0;
	}

	builder->raw_bytes += raw_bytes;
	builder->rows = row + 1;
}

void
rg_builder_number(RgBuilder *builder, uint32 number)
{
	RgBuildColumn *col = &builder->columns[builder->natts + 1];
	uint32 row = builder->rows - 1;

	Assert(builder->with_numbers && builder->rows > 0);
	Assert(row == 0 || number > col->codes[row - 1]);
	col->codes[row] = number;
	col->nulls[row] = 0;
}

Datum
rg_builder_value(const RgBuilder *builder, uint32 i, int att, bool *isnull)
{
	const RgBuildColumn *col = &builder->columns[att];
	Size bytes;
	char *copy = NULL;

	Assert(i < builder->rows && att < builder->natts);

	*isnull = col->type.store == COL_STORE_NONE || col->nulls[i];
	if (*isnull)
		return (Datum) 0;
	switch (col->type.store)
	{
		case COL_STORE_CODE:
			return rg_code_datum(col->type.form, col->codes[i]);
		case COL_STORE_FIXED:
			/* where it stands it need not be aligned */
			bytes = (Size) col->type.typlen;
			copy = palloc(bytes);
			memcpy(copy, col->bytes + i * bytes, bytes);
			break;
		case COL_STORE_BYTES:
			if (col->scaled)
			{
				copy = palloc(NUMERIC_PAYLOAD_MAX + VARHDRSZ);
				bytes = numeric_write((int64) (col->codes[i] ^ RG_SIGN8), (uint32) col->scale,
									  (uint8 *) copy + VARHDRSZ);
				SET_VARSIZE(copy, bytes + VARHDRSZ);
				break;
			}
			bytes = col->offsets[i + 1] - col->offsets[i];
			copy = palloc(bytes + VARHDRSZ);
			SET_VARSIZE(copy, bytes + VARHDRSZ);
			memcpy(copy + VARHDRSZ, col->bytes + col->offsets[i], bytes);
			break;
		case COL_STORE_NONE:
			break;
	}
	return PointerGetDatum(copy);
}

void
rg_builder_row(const RgBuilder *builder, uint32 i, Datum *values, bool *nulls, TransactionId *xmin)
{
	for (int att = 0; att < builder->natts; att++)
		values[att] = rg_builder_value(builder, i, att, &nulls[att]);
	if (xmin != NULL)
		*xmin = builder->with_xmin ? (TransactionId) builder->columns[builder->natts].codes[i]
								   : InvalidTransactionId;
}

/* ---- another order ---- */

/* rg_reordered --- a copy of an array of `room` elements, the first `rows` of them in another order; frees the array. */
static void *
rg_reordered(const RgBuilder *builder, void *array, Size element, const uint32 *order)
{
	uint8 *from = array;
	uint8 *to = MemoryContextAllocHuge(builder->context, builder->room * element);

	for (uint32 i = 0; i < builder->rows; i++)
		memcpy(to + i * element, from + order[i] * element, element);
	pfree(array);
	return to;
}

/* rg_reorder_bytes --- the same for values of different lengths. */
static void
rg_reorder_bytes(const RgBuilder *builder, RgBuildColumn *col, const uint32 *order)
{
	uint32 *offsets =
		MemoryContextAllocHuge(builder->context, (builder->room + (Size) 1) * sizeof(uint32));
	uint8 *bytes = MemoryContextAllocHuge(builder->context, col->room);

	offsets[0] = 0;
	for (uint32 i = 0; i < builder->rows; i++)
	{
		uint32 start = col->offsets[order[i]];
		uint32 length = col->offsets[order[i] + 1] - start;

		memcpy(bytes + offsets[i], col->bytes + start, length);
		offsets[i + 1] = offsets[i] + length;
	}
	pfree(col->offsets);
	pfree(col->bytes);
	col->offsets = offsets;
	col->bytes = bytes;
}

void
rg_builder_reorder(RgBuilder *builder, const uint32 *order)
{
	for (int i = 0; i < rg_builder_columns(builder); i++)
	{
		RgBuildColumn *col = &builder->columns[i];

		CHECK_FOR_INTERRUPTS();
		if (builder->rows == 0 || col->type.store == COL_STORE_NONE)
			continue;
		col->nulls = rg_reordered(builder, col->nulls, 1, order);
		if (col->type.store == COL_STORE_CODE)
			col->codes = rg_reordered(builder, col->codes, sizeof(uint64), order);
		else if (col->type.store == COL_STORE_FIXED)
			col->bytes = rg_reordered(builder, col->bytes, (Size) col->type.typlen, order);
		else if (col->scaled)
		{
			col->codes = rg_reordered(builder, col->codes, sizeof(uint64), order);
			col->lengths = rg_reordered(builder, col->lengths, 1, order);
		}
		else
			rg_reorder_bytes(builder, col, order);
	}
}
