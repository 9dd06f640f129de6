/*
 * rowgroup_encode.c
 *		Encode a builder's rows as the stream of a row group.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "codec/column.h"
#include "codec/numeric_digits.h"
#include "rowgroup/rowgroup_builder.h"

/*
 * rg_numeric_codes --- order codes of numerics, if all of them are integers
 * under one scale; else NULL.  What is not NULL comes back bit for bit (numeric_parse).
 */
static uint64 *
rg_numeric_codes(const RgBuildColumn *col, uint32 first, uint32 rows, int *scale)
{
	uint64 *codes = NULL;

	for (uint32 i = 0; i < rows; i++)
	{
		uint32 start = col->offsets[first + i];
		uint32 this_scale;
		int64 value;

		if (col->nulls[first + i])
			continue;
		if (!numeric_parse(col->bytes + start, col->offsets[first + i + 1] - start, &value,
						   &this_scale))
			return NULL;
		if (codes == NULL)
		{
			codes = palloc0(rows * sizeof(uint64));
			*scale = (int) this_scale;
		}
		else if ((int) this_scale != *scale)
			return NULL;
		codes[i] = (uint64) value ^ RG_SIGN8;
	}
	return codes;
}

/* rg_encode_bytes --- what column_encode needs of a varlena column; returns the bytes of the values */
static Size
rg_encode_bytes(const RgBuildColumn *col, uint32 first, uint32 rows, ColInput *in, ColDesc *desc)
{
	int scale = col->scale;
	const uint64 *codes = NULL;
	Size bytes = 0;

	if (col->scaled)
	{
		codes = col->codes + first;
		for (uint32 i = 0; i < rows; i++)
			bytes += col->lengths[first + i];
	}
	else
	{
		/* those of this group alone may be of one scale */
		if (col->type.numeric)
			codes = rg_numeric_codes(col, first, rows, &scale);
		bytes = col->offsets[first + rows] - col->offsets[first];
	}
	if (codes != NULL)
	{
		in->store = COL_STORE_CODE;
		in->order = COL_ORDER_SIGNED;
		in->codes = codes;
		desc->scale = (int16) scale;
		desc->flags = COL_FLAG_NUMERIC;
		if (rg_numeric_typmod_scale(col->type.typmod) == scale)
			desc->flags |= COL_FLAG_TYPMOD_SCALE;
		return bytes;
	}

	in->bytes = col->bytes + col->offsets[first];
	in->offsets = col->offsets;
	if (first > 0)
	{
		uint32 *offsets = palloc((rows + (Size) 1) * sizeof(uint32));

		for (uint32 i = 0; i <= rows; i++)
			offsets[i] = col->offsets[first + i] - col->offsets[first];
		in->offsets = offsets;
	}
	return bytes;
}

/* rg_encode_column --- fill desc and return the chunk; NULL if there is none */
static uint8 *
rg_encode_column(const RgBuildColumn *col, uint32 first, uint32 rows, ColDesc *desc)
{
	const RgType *type = &col->type;
	ColInput in = { .store = type->store,
					.order = type->order,
					.rows = rows,
					.bloom = col->filter,
					.plain = col->plain };
	uint32 null_count = 0, values;
	uint16 flags;
	uint8 *chunk;

	desc->type_oid = type->type;
	desc->typmod = type->typmod;
	desc->typlen = type->typlen;
	desc->typbyval = type->typbyval;
	desc->typalign = (uint8) type->typalign;

	if (type->store != COL_STORE_NONE)
	{
		for (uint32 i = 0; i < rows; i++)
			null_count += col->nulls[first + i];
	}
	if (type->store == COL_STORE_NONE || null_count == rows)
	{
		desc->store = COL_STORE_NONE;
		desc->order = (uint8) type->order;
		desc->divisor = 1;
		desc->null_count = rows;
		return NULL;
	}

	values = rows - null_count;
	in.nulls = null_count > 0 ? col->nulls + first : NULL;
	if (type->store == COL_STORE_CODE)
	{
		in.codes = col->codes + first;
		desc->raw_bytes = values * (uint64) type->typlen;
	}
	else if (type->store == COL_STORE_FIXED)
	{
		in.typlen = (uint32) type->typlen;
		in.bytes = col->bytes + (Size) first * in.typlen;
		desc->raw_bytes = values * (uint64) type->typlen;
	}
	else
	{
		desc->raw_bytes = rg_encode_bytes(col, first, rows, &in, desc);
		desc->raw_bytes += values * (uint64) VARHDRSZ;
	}

	flags = desc->flags;
	chunk = column_encode(&in, desc);
	desc->flags |= flags;
	if (chunk == NULL)
		elog(ERROR, "no chunk for a column of %u values", values);
	return chunk;
}

/* the stream as it grows, in the caller's context */
typedef struct RgStream
{
	char *data;
	Size bytes;
	Size room;
} RgStream;

static void
rg_stream_add(RgStream *stream, const void *data, Size bytes)
{
	Size padded = COL_ALIGN(bytes);

	if (stream->bytes + padded > stream->room)
	{
		stream->room = Max(stream->room * 2, stream->bytes + padded);
		stream->data = repalloc_huge(stream->data, stream->room);
	}
	memcpy(stream->data + stream->bytes, data, bytes);
	memset(stream->data + stream->bytes + bytes, 0, padded - bytes);
	stream->bytes += padded;
}

char *
rg_builder_encode(RgBuilder *builder, uint32 first, uint32 rows, uint64 group_id, Size *bytes)
{
	int columns = rg_builder_columns(builder);
	Size header_bytes = sizeof(RgHeader) + columns * sizeof(ColDesc);
	MemoryContext old;
	MemoryContext scratch = AllocSetContextCreate(CurrentMemoryContext, "omendb row group encoding",
												  ALLOCSET_DEFAULT_SIZES);
	RgHeader header = { .magic = RG_MAGIC,
						.version = RG_VERSION,
						.flags = (uint16) ((builder->with_xmin ? RG_FLAG_XMIN : 0) |
										   (builder->with_numbers ? RG_FLAG_NUMBERS : 0)),
						.group_id = group_id,
						.rows = rows,
						.vectors = (uint16) ((rows + COL_VECTOR_ROWS - 1) / COL_VECTOR_ROWS),
						.natts = (uint16) builder->natts,
						.columns = (uint16) columns,
						.header_bytes = (uint32) header_bytes };
	RgStream stream;

	Assert(rows > 0 && rows <= RG_ROWS_MAX);
	Assert(first + rows <= builder->rows);

	stream.room = header_bytes + Max(65536, builder->stream_bytes / 8 * 9);
	stream.data = palloc_extended(stream.room, MCXT_ALLOC_HUGE);
	memset(stream.data, 0, header_bytes);
	stream.bytes = header_bytes;

	for (int i = 0; i < columns; i++)
	{
		ColDesc desc = { 0 };
		uint8 *chunk;

		CHECK_FOR_INTERRUPTS();
		old = MemoryContextSwitchTo(scratch);
		chunk = rg_encode_column(&builder->columns[i], first, rows, &desc);
		MemoryContextSwitchTo(old);
		if (chunk != NULL)
		{
			desc.chunk_offset = stream.bytes;
			rg_stream_add(&stream, chunk, desc.chunk_bytes);
		}
		if (i < builder->natts)
			header.raw_bytes += desc.raw_bytes;
		memcpy(stream.data + sizeof(RgHeader) + i * sizeof(ColDesc), &desc, sizeof(desc));
		MemoryContextReset(scratch);
	}
	MemoryContextDelete(scratch);

	header.stream_bytes = stream.bytes;
	memcpy(stream.data, &header, sizeof(header));
	header.crc = column_crc(stream.data, header_bytes);
	memcpy(stream.data, &header, sizeof(header));

	*bytes = builder->stream_bytes = stream.bytes;
	return stream.data;
}
