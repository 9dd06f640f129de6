/*
 * rowgroup_value.c
 *		Read single values of a row group.
 *
 * Damage is found as in rowgroup_read.c.
 */
#include "postgres.h"

#include "access/transam.h"

#include "codec/lanes.h"
#include "rowgroup/rowgroup_group.h"

/* rg_prefetch_offset --- where in the stream, most likely, rg_value begins to read this value; UINT64_MAX: nowhere */
static uint64
rg_prefetch_offset(const RgColumn *col, uint32 vector, uint32 i)
{
	const ColVector *stored = &col->vectors[vector];
	uint64 offset = col->desc->chunk_offset + stored->offset;

	if (stored->bytes == 0 || col->payload_vector == (int) vector ||
		col->decoded_vector == (int) vector)
		return UINT64_MAX;
	if (stored->encoding == COL_ENC_LANES || stored->encoding == COL_ENC_DICT)
		offset += lanes_offset(stored->width, i);
	else if (stored->encoding == COL_ENC_DECIMAL)
		offset += COL_DECIMAL_HEADER_BYTES + lanes_offset(stored->width, i);
	else if (stored->encoding == COL_ENC_PLAIN && col->desc->store == COL_STORE_FIXED)
		offset += (uint64) i * (uint32) col->typlen;
	return offset;
}

void
rg_prefetch(RgGroup *group, const bool *needed, int first, int natts, uint32 row)
{
	uint32 vector = row / COL_VECTOR_ROWS;

	if (group->source->prefetch == NULL)
		return;
	for (int i = first; i < natts; i++)
		if (group->columns[i].vectors != NULL && (needed == NULL || needed[i]))
			__builtin_prefetch(&group->columns[i].vectors[vector]);
	for (int i = first; i < natts; i++)
		if (group->columns[i].vectors != NULL && (needed == NULL || needed[i]))
		{
			uint64 offset = rg_prefetch_offset(&group->columns[i], vector, row % COL_VECTOR_ROWS);

			if (offset != UINT64_MAX)
				group->source->prefetch(group->source, offset);
		}
}

/* rg_copied --- a by-reference datum in the current context */
static Datum
rg_copied(const RgColumn *col, Datum value)
{
	Size bytes = col->typlen == -1 ? VARSIZE(DatumGetPointer(value)) : (Size) col->typlen;

	return PointerGetDatum(memcpy(palloc(bytes), DatumGetPointer(value), bytes));
}

/*
 * rg_is_in_place --- may a single value be read where the source has it?
 *
 * Once a payload has been checked, random reads need a few words of it.  Who comes a second time in a
 * row is likely to come again, and gets a copy of all.
 */
static bool
rg_is_in_place(RgColumn *col, uint32 vector)
{
	bool again = col->in_place_vector == (int) vector;

	if (col->payload_vector == (int) vector || col->vectors[vector].encoding == COL_ENC_PGLZ ||
		(col->checked[vector / 64] >> (vector % 64) & 1) == 0)
		return false;
	col->in_place_vector = (int) vector;
	return !again;
}

/* rg_payload_in_place --- the payload where the source has it, or NULL if it has to be kept */
static const uint8 *
rg_payload_in_place(RgGroup *group, RgColumn *col, uint32 vector, const ColVector **header)
{
	const ColVector *stored = &col->vectors[vector];

	if (!rg_is_in_place(col, vector))
		return NULL;
	*header = stored;
	if (stored->bytes == 0)
		return (const uint8 *) "";
	return group->source->read(group->source, col->desc->chunk_offset + stored->offset,
							   stored->bytes);
}

/*
 * rg_span --- one value of a FIXED or BYTES column, from the payload that is kept.
 *
 * To find a value of a variable length takes the lengths of all those before it:
 * who wants a second one gets all of them.
 */
static ColSpan
rg_span(RgGroup *group, RgColumn *col, uint32 vector, uint32 i, bool again, const ColVector *header,
		const uint8 *payload)
{
	uint32 rows = rg_vector_rows(group, vector);

	if (col->spans_vector == (int) vector)
		return col->spans[i];
	if (!again || col->desc->store != COL_STORE_BYTES ||
		(header->encoding != COL_ENC_PLAIN && header->encoding != COL_ENC_FSST))
		return column_span_at(col->desc, header, rows, payload, col->dict, i);

	if (col->spans == NULL)
		col->spans = MemoryContextAlloc(group->context, COL_VECTOR_ROWS * sizeof(ColSpan));
	column_decode_spans(col->desc, header, rows, payload, NULL, col->spans);
	col->spans_vector = (int) vector;
	return col->spans[i];
}

/* rg_span_datum --- a value of a FIXED or BYTES column from its span, in the current context */
static Datum
rg_span_datum(RgGroup *group, RgColumn *col, uint32 vector, ColSpan span)
{
	char *at;
	Size bytes;

	if (col->vectors[vector].encoding != COL_ENC_FSST)
	{
		at = palloc(span.bytes + VARHDRSZ);
		rg_reference(col, at, span);
		return PointerGetDatum(at);
	}
	bytes = fsst_decoded_bytes(col->symbols, span.data, span.bytes);
	at = palloc(bytes + VARHDRSZ);
	if (fsst_decode(col->symbols, span.data, span.bytes, (uint8 *) VARDATA(at), bytes) != bytes)
		group->source->damaged(group->source, col->desc->chunk_offset + col->vectors[vector].offset,
							   "encoded value is damaged or too long");
	SET_VARSIZE(at, bytes + VARHDRSZ);
	return PointerGetDatum(at);
}

/* rg_plain_value --- a value of a PLAIN or FSST vector: what tells its place, and then the value, is read, not the others */
static Datum
rg_plain_value(RgGroup *group, RgColumn *col, uint32 vector, uint32 i, bool *isnull)
{
	const ColVector *stored = &col->vectors[vector];
	uint32 rows = rg_vector_rows(group, vector);
	uint64 offset = col->desc->chunk_offset + stored->offset;
	uint32 head_bytes = column_plain_head(col->desc, stored, rows);
	const uint8 *head = (const uint8 *) "";
	uint32 place;
	ColSpan span;

	if (head_bytes > 0)
		head = group->source->read(group->source, offset, head_bytes);
	*isnull = column_is_null(stored, rows, head, i);
	if (*isnull)
		return (Datum) 0;
	/* it was right when it was checked */
	if (!column_plain_place(col->desc, stored, rows, head, i, &place, &span.bytes))
		group->source->damaged(group->source, offset, "value lies behind the end of its vector");
	span.data = (const uint8 *) "";
	if (span.bytes > 0)
		span.data = group->source->read(group->source, offset + place, span.bytes);
	return rg_span_datum(group, col, vector, span);
}

Datum
rg_value(RgGroup *group, int column, uint32 row, bool *isnull)
{
	RgColumn *col = &group->columns[column];
	uint32 vector = row / COL_VECTOR_ROWS;
	uint32 i = row % COL_VECTOR_ROWS;
	const ColDesc *desc = col->desc;
	const ColVector *header;
	const uint8 *payload;
	const uint8 *dict;
	uint32 rows;
	bool again;
	char *at;

	Assert(column >= 0 && column < group->natts);
	Assert(row < group->header->rows);

	if (col->constant)
	{
		*isnull = col->missing_null;
		return col->missing;
	}
	if (col->decoded_vector == (int) vector)
	{
		*isnull = col->decoded->nulls[i];
		if (*isnull || col->typbyval)
			return col->decoded->values[i];
		return rg_copied(col, col->decoded->values[i]);
	}

	(void) rg_load_vectors(group, col);
	rows = rg_vector_rows(group, vector);
	again = col->payload_vector == (int) vector;
	if (col->vectors[vector].encoding == COL_ENC_FSST)
		(void) rg_load_symbols(group, col);
	if ((col->vectors[vector].encoding == COL_ENC_PLAIN ||
		 col->vectors[vector].encoding == COL_ENC_FSST) &&
		rg_is_in_place(col, vector))
		return rg_plain_value(group, col, vector, i, isnull);
	/* before the payload: reading it may move that */
	dict = column_uses_dict(&col->vectors[vector]) ? rg_load_dict(group, col) : NULL;
	payload = rg_payload_in_place(group, col, vector, &header);
	if (payload == NULL)
		payload = rg_payload(group, col, vector, true, &header);
	*isnull = column_is_null(header, rows, payload, i);
	if (*isnull)
		return (Datum) 0;

	if (desc->store == COL_STORE_CODE)
	{
		uint64 code = column_code_at(desc, header, rows, payload, dict, i);

		if (col->typbyval)
			return rg_code_datum(col->form, code);
		at = palloc(NUMERIC_PAYLOAD_MAX + VARHDRSZ);
		rg_numeric(at, desc, code);
		return PointerGetDatum(at);
	}
	return rg_span_datum(group, col, vector,
						 rg_span(group, col, vector, i, again, header, payload));
}

uint64
rg_code_at(RgGroup *group, RgColumn *col, uint32 row)
{
	uint32 vector = row / COL_VECTOR_ROWS;
	const ColVector *header;
	const uint8 *payload;
	const uint8 *dict;

	Assert(row < group->header->rows);
	(void) rg_load_vectors(group, col);
	dict = column_uses_dict(&col->vectors[vector]) ? rg_load_dict(group, col) : NULL;
	payload = rg_payload_in_place(group, col, vector, &header);
	if (payload == NULL)
		payload = rg_payload(group, col, vector, true, &header);
	return column_code_at(col->desc, header, rg_vector_rows(group, vector), payload, dict,
						  row % COL_VECTOR_ROWS);
}

TransactionId
rg_row_xmin(RgGroup *group, uint32 row)
{
	if (group->xmin.desc == NULL)
		return InvalidTransactionId;
	return (TransactionId) rg_code_at(group, &group->xmin, row);
}
