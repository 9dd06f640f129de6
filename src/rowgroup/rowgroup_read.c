/*
 * rowgroup_read.c
 *		Open a row group and read whole vectors; single values are rowgroup_value.c's.
 *
 * Damage is found in this order: the header's CRC covers all descriptors; what
 * they say is compared with each other and with the table; then each part of a
 * chunk has a CRC and bounds that are checked before it is used, in memory
 * of ours unless it is used up before the source is asked again.
 */
#include "postgres.h"

#include "access/tupmacs.h"
#include "catalog/pg_type.h"
#include "utils/memutils.h"

#include "codec/column_bloom.h"
#include "rowgroup/rowgroup_group.h"

/* rg_room --- make it at least this large; its contents are lost */
static char *
rg_room(RgGroup *group, RgRoom *room, Size needed)
{
	Size bytes = Max(room->bytes, 1024);

	if (room->data != NULL && needed <= room->bytes)
		return room->data;
	while (bytes < needed)
		bytes *= 2;
	if (room->data != NULL)
		pfree(room->data); /* repalloc would copy */
	/* should there be no memory */
	room->data = NULL;
	room->bytes = 0;
	room->data = MemoryContextAllocExtended(group->context, bytes, MCXT_ALLOC_HUGE);
	room->bytes = bytes;
	return room->data;
}

static void
rg_check(RgGroup *group, uint64 offset, const char *wrong)
{
	if (unlikely(wrong != NULL))
		group->source->damaged(group->source, offset, wrong);
}

/* ---- opening ---- */

static const char *
rg_check_header(const RgHeader *header, uint64 group_id)
{
	if ((header->flags & ~RG_FLAGS_VALID) != 0)
		return "row group has unknown flags";
	if (header->rows == 0 || header->rows > RG_ROWS_MAX ||
		header->vectors != (header->rows + COL_VECTOR_ROWS - 1) / COL_VECTOR_ROWS)
		return "number of rows of a row group is out of range";
	if (header->natts > MaxHeapAttributeNumber ||
		(header->flags & (RG_FLAG_XMIN | RG_FLAG_NUMBERS)) == RG_FLAG_NUMBERS ||
		header->columns != header->natts + ((header->flags & RG_FLAG_XMIN) != 0 ? 1 : 0) +
							   ((header->flags & RG_FLAG_NUMBERS) != 0 ? 1 : 0))
		return "number of columns of a row group is out of range";
	if (header->header_bytes != sizeof(RgHeader) + header->columns * sizeof(ColDesc) ||
		header->stream_bytes < header->header_bytes)
		return "size of a row group is out of range";
	if (header->reserved0 != 0)
		return "reserved bytes of a row group are not zero";
	for (int i = 0; i < lengthof(header->reserved); i++)
	{
		if (header->reserved[i] != 0)
			return "reserved bytes of a row group are not zero";
	}
	if (header->group_id != group_id)
		return "row group has the number of another one";
	return NULL;
}

/* rg_read_header --- header and descriptors, in memory of the group */
static RgHeader *
rg_read_header(RgGroup *group, uint64 group_id)
{
	RgSource *source = group->source;
	RgHeader header;
	RgHeader *whole;
	uint32 crc;

	memcpy(&header, source->read(source, 0, sizeof(header)), sizeof(header));
	if (header.magic != RG_MAGIC)
		source->damaged(source, 0, "row group does not start with its magic number");
	if (header.version > RG_VERSION)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("version %u of the row group format is not supported", header.version),
				 errdetail("This library reads versions up to %d.", RG_VERSION),
				 errhint("Install the version of omendb that wrote the table, or a later one.")));
	if (header.version == 0)
		source->damaged(source, 0, "version of a row group is out of range");
	rg_check(group, 0, rg_check_header(&header, group_id));

	whole = MemoryContextAlloc(group->context, header.header_bytes);
	memcpy(whole, source->read(source, 0, header.header_bytes), header.header_bytes);
	crc = whole->crc;
	whole->crc = 0;
	if (column_crc(whole, header.header_bytes) != crc)
		source->damaged(source, 0, "checksum of a row group's header is wrong");
	whole->crc = crc;

	/* it was read twice */
	if (memcmp(whole, &header, sizeof(header)) != 0)
		source->damaged(source, 0, "header of a row group is not stable");
	return whole;
}

/* rg_check_form --- is the column's form possible, and that of the attribute (if not NULL)? */
static const char *
rg_check_form(const ColDesc *desc, Form_pg_attribute att)
{
	bool byval = desc->typbyval != 0;

	if (att != NULL && (desc->typlen != att->attlen || byval != att->attbyval))
		return "column has another physical form than the table's";
	if (desc->store == COL_STORE_NONE)
		return att != NULL && desc->type_oid == InvalidOid
				   ? "column was dropped when the row group was written"
				   : NULL;
	if (desc->type_oid == InvalidOid)
		return "dropped column has values";

	if (desc->flags & COL_FLAG_NUMERIC)
		return byval || desc->typlen != -1 ? "numeric column is not of variable length" : NULL;
	switch (desc->store)
	{
		case COL_STORE_CODE:
			return !byval || rg_code_form(desc->order, desc->typlen) == RG_FORM_NONE
					   ? "column of codes is not of a type passed by value"
					   : NULL;
		case COL_STORE_FIXED:
			return byval || desc->typlen <= 0 ? "column is not of a fixed length" : NULL;
		default:
			return byval || desc->typlen != -1 ? "column is not of variable length" : NULL;
	}
}

static uint8
rg_alignment(char typalign)
{
	switch (typalign)
	{
		case TYPALIGN_DOUBLE:
			return ALIGNOF_DOUBLE;
		case TYPALIGN_INT:
			return ALIGNOF_INT;
		case TYPALIGN_SHORT:
			return ALIGNOF_SHORT;
		default:
			return 1;
	}
}

static void
rg_column_init(RgColumn *col, const ColDesc *desc, int16 typlen, bool typbyval, char typalign)
{
	MemSet(col, 0, sizeof(*col));
	col->desc = desc;
	col->constant = desc == NULL || desc->store == COL_STORE_NONE;
	col->missing_null = true;
	col->typlen = typlen;
	col->typbyval = typbyval;
	/* a varlena has a length word of 4 bytes here */
	col->align = typlen == -1 ? Max(rg_alignment(typalign), ALIGNOF_INT) : rg_alignment(typalign);
	col->decoded_vector = -1;
	col->payload_vector = -1;
	col->spans_vector = -1;
	col->in_place_vector = -1;
	if (!col->constant && desc->store == COL_STORE_CODE && !rg_column_is_numeric(col))
		col->form = rg_code_form(desc->order, desc->typlen);
}

/* rg_hidden_init --- a column behind the table's */
static void
rg_hidden_init(RgGroup *group, RgColumn *col, int i, const char *wrong)
{
	const ColDesc *desc = &group->descs[i];

	if (desc->store != COL_STORE_CODE || desc->typlen != sizeof(uint32) ||
		desc->order != COL_ORDER_UNSIGNED || desc->null_count > 0)
		group->source->damaged(group->source, sizeof(RgHeader) + i * sizeof(ColDesc), wrong);
	rg_column_init(col, desc, desc->typlen, true, TYPALIGN_INT);
}

RgGroup *
rg_open(RgSource *source, uint64 group_id, TupleDesc desc, MemoryContext parent)
{
	MemoryContext context =
		AllocSetContextCreate(parent, "omendb row group", ALLOCSET_DEFAULT_SIZES);
	RgGroup *group = MemoryContextAllocZero(context, sizeof(RgGroup));
	const RgHeader *header;
	uint64 end;

	group->context = context;
	group->source = source;
	group->desc = desc;
	group->natts = desc->natts;
	group->header = header = rg_read_header(group, group_id);
	group->descs = (const ColDesc *) (header + 1);
	group->columns = MemoryContextAllocZero(context, Max(desc->natts, 1) * sizeof(RgColumn));

	if (header->natts > desc->natts)
		source->damaged(source, 0, "row group has more columns than the table");
	end = header->header_bytes;
	for (int i = 0; i < header->columns; i++)
	{
		const ColDesc *column = &group->descs[i];
		uint64 offset = sizeof(RgHeader) + i * sizeof(ColDesc);
		Form_pg_attribute att = i < header->natts ? TupleDescAttr(desc, i) : NULL;

		rg_check(group, offset, column_check_desc(column, header->rows));
		/* of a dropped column pg_upgrade does not keep the form, and nobody reads it */
		rg_check(group, offset,
				 rg_check_form(column, att != NULL && att->attisdropped ? NULL : att));
		if (column->store == COL_STORE_NONE)
			continue;
		if (column->chunk_offset != end || column->chunk_bytes > header->stream_bytes - end)
			source->damaged(source, offset, "column does not lie behind the previous one");
		end += column->chunk_bytes;
	}
	if (end != header->stream_bytes)
		source->damaged(source, 0, "row group does not end with its last column");

	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);
		RgColumn *col = &group->columns[i];

		if (att->attisdropped && i < header->natts)
			rg_column_init(col, &group->descs[i], group->descs[i].typlen,
						   group->descs[i].typbyval != 0, (char) group->descs[i].typalign);
		else
			rg_column_init(col, i < header->natts ? &group->descs[i] : NULL, att->attlen,
						   att->attbyval, att->attalign);
		if (att->attisdropped)
			col->constant = true;
		else if (col->desc == NULL)
			col->missing = getmissingattr(desc, i + 1, &col->missing_null);
	}
	if ((header->flags & RG_FLAG_XMIN) != 0)
		rg_hidden_init(group, &group->xmin, header->natts,
					   "column of transaction IDs has another form");
	if ((header->flags & RG_FLAG_NUMBERS) != 0)
		rg_hidden_init(group, &group->numbers, header->natts + 1,
					   "column of row numbers has another form");
	return group;
}

void
rg_close(RgGroup *group)
{
	MemoryContextDelete(group->context);
}

const RgHeader *
rg_header(const RgGroup *group)
{
	return group->header;
}

const ColDesc *
rg_column(const RgGroup *group, int column)
{
	Assert(column >= 0 && column < group->header->columns);
	return &group->descs[column];
}

bool
rg_column_is_read(const RgGroup *group, int column)
{
	return group->columns[column].vectors != NULL;
}

uint32
rg_vector_rows(const RgGroup *group, uint32 vector)
{
	Assert(vector < group->header->vectors);
	return Min(group->header->rows - vector * COL_VECTOR_ROWS, COL_VECTOR_ROWS);
}

/* ---- parts of a chunk ---- */

const ColVector *
rg_load_vectors(RgGroup *group, RgColumn *col)
{
	const ColDesc *desc = col->desc;

	Assert(!col->constant);
	if (col->vectors == NULL)
	{
		uint32 bytes = desc->vectors * sizeof(ColVector);
		ColVector *vectors = MemoryContextAlloc(group->context, bytes);
		const char *wrong;

		memcpy(vectors, group->source->read(group->source, desc->chunk_offset, bytes), bytes);
		wrong = column_check_vectors(desc, vectors, group->header->rows);
		if (wrong != NULL)
			pfree(vectors);
		rg_check(group, desc->chunk_offset, wrong);
		col->vectors = vectors;
	}
	return col->vectors;
}

/* rg_read_dict --- dictionary or symbols as they are on disk, in memory of the group */
static uint8 *
rg_read_dict(RgGroup *group, const ColDesc *desc)
{
	uint64 offset = desc->chunk_offset + desc->dict_offset;
	uint8 *dict = MemoryContextAllocExtended(group->context, desc->dict_bytes, MCXT_ALLOC_HUGE);
	const char *wrong;

	memcpy(dict, group->source->read(group->source, offset, desc->dict_bytes), desc->dict_bytes);
	wrong = column_check_dict(desc, dict);
	if (wrong != NULL)
		pfree(dict);
	rg_check(group, offset, wrong);
	return dict;
}

const uint8 *
rg_load_dict(RgGroup *group, RgColumn *col)
{
	if (col->dict == NULL && (col->desc->flags & COL_FLAG_DICT) != 0)
		col->dict = rg_read_dict(group, col->desc);
	return col->dict;
}

const FsstTable *
rg_load_symbols(RgGroup *group, RgColumn *col)
{
	const ColDesc *desc = col->desc;

	if (col->symbols == NULL && (desc->flags & COL_FLAG_SYMBOLS) != 0)
	{
		FsstTable *symbols = MemoryContextAlloc(group->context, sizeof(*symbols));
		uint8 *stored = rg_read_dict(group, desc);

		rg_check(group, desc->chunk_offset + desc->dict_offset,
				 fsst_read_symbols(symbols, stored, desc->dict_count, desc->dict_bytes));
		pfree(stored);
		col->symbols = symbols;
	}
	return col->symbols;
}

void
rg_bloom_damaged(RgGroup *group, const ColDesc *desc, uint32 section, const char *wrong)
{
	int att = (int) (desc - group->descs);

	group->source->damaged(
		group->source,
		desc->chunk_offset + desc->bloom_offset + (uint64) section * desc->bloom_section,
		psprintf("%s, in column \"%s\" of row group " UINT64_FORMAT, wrong,
				 att < group->header->natts ? NameStr(TupleDescAttr(group->desc, att)->attname)
											: "xmin",
				 group->header->group_id));
	pg_unreachable();
}

const uint8 *
rg_bloom_section(RgGroup *group, const ColDesc *desc, uint32 section)
{
	const uint8 *data = group->source->read(group->source,
											desc->chunk_offset + desc->bloom_offset +
												(uint64) section * desc->bloom_section,
											desc->bloom_section);
	const char *wrong = column_check_bloom(desc, section, data);

	if (unlikely(wrong != NULL))
		rg_bloom_damaged(group, desc, section, wrong);
	return data;
}

const uint8 *
rg_payload(RgGroup *group, RgColumn *col, uint32 vector, bool keep, const ColVector **header)
{
	const ColVector *stored = &col->vectors[vector];
	uint64 offset = col->desc->chunk_offset + stored->offset;
	uint32 rows = rg_vector_rows(group, vector);
	const uint8 *payload = (const uint8 *) "";
	RgRoom *room = keep ? &col->payload : &group->expanded;

	*header = &col->payload_header;
	if (col->payload_vector == (int) vector)
		return (const uint8 *) col->payload.data;
	if (stored->bytes > 0)
		payload = group->source->read(group->source, offset, stored->bytes);
	rg_check(group, offset, column_check_payload(col->desc, stored, rows, payload));
	col->checked[vector / 64] |= UINT64CONST(1) << (vector % 64);
	if (keep)
	{
		col->payload_vector = -1;
		col->spans_vector = -1;
	}
	if (stored->encoding == COL_ENC_PGLZ)
	{
		ColVector *plain = keep ? &col->payload_header : &group->expanded_header;
		char *out = rg_room(group, room, column_expanded_bytes(stored, rows, payload));

		rg_check(group, offset, column_expand(stored, rows, payload, NULL, plain, (uint8 *) out));
		payload = (const uint8 *) out;
		*header = plain;
	}
	else if (keep)
	{
		payload = memcpy(rg_room(group, room, stored->bytes), payload, stored->bytes);
		col->payload_header = *stored;
	}
	else
		*header = stored;
	if (keep)
		col->payload_vector = (int) vector;
	return payload;
}

const ColVector *
rg_vector_header(RgGroup *group, int column, uint32 vector)
{
	RgColumn *col = &group->columns[column];

	Assert(column >= 0 && column < group->natts);
	Assert(vector < group->header->vectors);
	return col->constant ? NULL : &rg_load_vectors(group, col)[vector];
}

/* ---- datums of by-reference types ---- */

/* most that a value of `bytes` takes, with what aligns the next one */
static inline Size
rg_reference_room(const RgColumn *col, Size bytes)
{
	return bytes + (col->typlen == -1 ? VARHDRSZ : 0) + col->align - 1;
}

/* rg_dict_datum --- entry of the dictionary; made when first asked for */
static Datum
rg_dict_datum(RgColumn *col, uint32 position)
{
	const ColDesc *desc = col->desc;
	Size place;
	char *at;

	if (likely(col->dict_datums[position] != (Datum) 0))
		return col->dict_datums[position];

	/* each entry has a place of its own, whatever the order they are made in */
	if (desc->store == COL_STORE_CODE)
	{
		place = position * rg_reference_room(col, NUMERIC_PAYLOAD_MAX);
		at = col->dict_room + TYPEALIGN(col->align, place);
		rg_numeric(at, desc, column_dict_code(col->dict, position));
	}
	else
	{
		ColSpan span = column_dict_span(desc, col->dict, position);

		place = (Size) (span.data - column_dict_span(desc, col->dict, 0).data) +
				position * rg_reference_room(col, 0);
		at = col->dict_room + TYPEALIGN(col->align, place);
		rg_reference(col, at, span);
	}
	col->dict_datums[position] = PointerGetDatum(at);
	return col->dict_datums[position];
}

static void
rg_dict_datums_init(RgGroup *group, RgColumn *col)
{
	const ColDesc *desc = col->desc;
	Size room = desc->dict_count * rg_reference_room(col, 0);

	if (desc->store == COL_STORE_CODE)
		room += desc->dict_count * (Size) NUMERIC_PAYLOAD_MAX;
	else
		room += desc->dict_bytes;
	if (col->dict_room == NULL)
		col->dict_room = MemoryContextAllocExtended(group->context, room, MCXT_ALLOC_HUGE);
	col->dict_datums = MemoryContextAllocExtended(group->context, desc->dict_count * sizeof(Datum),
												  MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
}

/* ---- vectors ---- */

/* all NULL slots of a by-reference column are 0 */
static void
rg_fill(RgVector *decoded, uint32 rows, Datum value)
{
	for (uint32 i = 0; i < rows; i++)
		decoded->values[i] = decoded->nulls[i] ? (Datum) 0 : value;
}

static void
rg_decode_dict(RgGroup *group, RgColumn *col, const ColVector *header, uint32 rows,
			   const uint8 *payload)
{
	RgVector *decoded = col->decoded;
	uint32 *positions = group->scratch->positions;

	column_decode_positions(header, rows, payload, positions);
	for (uint32 i = 0; i < rows; i++)
		decoded->values[i] = decoded->nulls[i] ? (Datum) 0 : rg_dict_datum(col, positions[i]);
}

/* fields of so many bits: the numerics they stand for are made once, which pays from two vectors on */
#define RG_FEW_BITS 8

typedef struct RgFewNumerics
{
	uint64 min; /* of the vectors they are of */
	Datum datums[1 << RG_FEW_BITS];
	char room[FLEXIBLE_ARRAY_MEMBER];
} RgFewNumerics;

static Datum
rg_few_numeric(RgColumn *col, uint32 field)
{
	RgFewNumerics *few = col->few;
	Size place = field * rg_reference_room(col, NUMERIC_PAYLOAD_MAX);
	char *at = (char *) TYPEALIGN(col->align, few->room + place);

	rg_numeric(at, col->desc, few->min + col->desc->divisor * field);
	return few->datums[field] = PointerGetDatum(at);
}

/* neighbouring vectors of such a column mostly have the same least value, and then share their datums */
static void
rg_decode_few_numerics(RgGroup *group, RgColumn *col, const ColVector *header, uint32 rows,
					   const uint8 *payload)
{
	RgVector *decoded = col->decoded;
	uint16 *fields = group->scratch->fields;

	if (col->few == NULL)
	{
		Size room = rg_reference_room(col, NUMERIC_PAYLOAD_MAX) << RG_FEW_BITS;

		col->few = MemoryContextAllocZero(group->context, sizeof(RgFewNumerics) + room);
	}
	else if (col->few->min != header->min)
		memset(col->few->datums, 0, sizeof(col->few->datums));
	col->few->min = header->min;
	column_decode_fields(header, rows, payload, fields);
	for (uint32 i = 0; i < rows; i++)
	{
		Datum value = col->few->datums[fields[i]];

		if (unlikely(value == (Datum) 0))
			value = rg_few_numeric(col, fields[i]);
		decoded->values[i] = decoded->nulls[i] ? (Datum) 0 : value;
	}
}

static void
rg_decode_numerics(RgGroup *group, RgColumn *col, const ColVector *header, uint32 rows,
				   const uint8 *payload)
{
	RgVector *decoded = col->decoded;
	uint64 *codes = group->scratch->codes;
	bool one = header->encoding == COL_ENC_CONST;
	char *at;

	if (header->encoding == COL_ENC_LANES && header->width <= RG_FEW_BITS)
	{
		rg_decode_few_numerics(group, col, header, rows, payload);
		return;
	}
	column_decode_codes(col->desc, header, rows, payload, col->dict, codes);
	at = rg_room(group, &col->room, rows * rg_reference_room(col, NUMERIC_PAYLOAD_MAX));
	if (one)
	{
		rg_numeric(at, col->desc, header->min);
		rg_fill(decoded, rows, PointerGetDatum(at));
		return;
	}
	for (uint32 i = 0; i < rows; i++)
	{
		decoded->values[i] = (Datum) 0;
		if (decoded->nulls[i])
			continue;
		decoded->values[i] = PointerGetDatum(at);
		at += TYPEALIGN(col->align, rg_numeric(at, col->desc, codes[i]));
	}
}

/*
 * rg_decode_strings --- the values of an FSST vector, whose spans are those of the encoded ones.
 *
 * There is room for the bytes that the payload promises, with what surrounds each value: no value may take more.
 */
static void
rg_decode_strings(RgGroup *group, RgColumn *col, uint32 vector, uint32 rows, Size total)
{
	RgVector *decoded = col->decoded;
	const ColSpan *spans = group->scratch->spans;
	/* what is behind the last value makes it faster */
	Size room = total + rows * rg_reference_room(col, 0) + 4 * FSST_SYMBOL_BYTES_MAX;
	char *at = rg_room(group, &col->room, room);
	const char *end = at + room;

	for (uint32 i = 0; i < rows; i++)
	{
		Size bytes;

		decoded->values[i] = (Datum) 0;
		if (decoded->nulls[i])
			continue;
		decoded->values[i] = PointerGetDatum(at);
		bytes = fsst_decode(col->symbols, spans[i].data, spans[i].bytes, (uint8 *) VARDATA(at),
							end - VARDATA(at));
		if (unlikely(bytes == FSST_DAMAGED || bytes > total))
			rg_check(group, col->desc->chunk_offset + col->vectors[vector].offset,
					 "encoded value is damaged or too long");
		total -= bytes;
		SET_VARSIZE(at, bytes + VARHDRSZ);
		at += TYPEALIGN(col->align, bytes + VARHDRSZ);
	}
	if (unlikely(total != 0))
		rg_check(group, col->desc->chunk_offset + col->vectors[vector].offset,
				 "encoded values are too short");
}

static void
rg_decode_spans(RgGroup *group, RgColumn *col, uint32 vector, const ColVector *header, uint32 rows,
				const uint8 *payload)
{
	RgVector *decoded = col->decoded;
	ColSpan *spans = group->scratch->spans;
	Size total = 0;
	char *at;

	column_decode_spans(col->desc, header, rows, payload, col->dict, spans);
	if (header->encoding == COL_ENC_CONST)
	{
		at = rg_room(group, &col->room, rg_reference_room(col, spans[0].bytes));
		rg_reference(col, at, spans[0]);
		rg_fill(decoded, rows, PointerGetDatum(at));
		return;
	}
	if (header->encoding == COL_ENC_FSST)
	{
		rg_decode_strings(group, col, vector, rows, column_raw_bytes(header, rows, payload));
		return;
	}
	for (uint32 i = 0; i < rows; i++)
		total += spans[i].bytes;
	at = rg_room(group, &col->room, total + rows * rg_reference_room(col, 0));
	for (uint32 i = 0; i < rows; i++)
	{
		decoded->values[i] = (Datum) 0;
		if (decoded->nulls[i])
			continue;
		decoded->values[i] = PointerGetDatum(at);
		at += TYPEALIGN(col->align, rg_reference(col, at, spans[i]));
	}
}

/* rg_decode --- a vector with values into col->decoded */
static void
rg_decode(RgGroup *group, RgColumn *col, uint32 vector)
{
	const ColDesc *desc = col->desc;
	const ColVector *header = &rg_load_vectors(group, col)[vector];
	uint32 rows = rg_vector_rows(group, vector);
	RgVector *decoded = col->decoded;
	const uint8 *dict = column_uses_dict(header) ? rg_load_dict(group, col) : NULL;
	const uint8 *payload;

	if (group->scratch == NULL)
		group->scratch = MemoryContextAlloc(group->context, sizeof(*group->scratch));
	if (dict != NULL && !col->typbyval && col->dict_datums == NULL &&
		desc->dict_bytes <= RG_DICT_DATUMS_MAX)
		rg_dict_datums_init(group, col);

	if (header->encoding == COL_ENC_FSST)
		(void) rg_load_symbols(group, col);
	payload = rg_payload(group, col, vector, false, &header);
	column_decode_nulls(header, rows, payload, decoded->nulls);
	decoded->any_null = header->null_count > 0;

	if (header->encoding == COL_ENC_NULLS)
		memset(decoded->values, 0, rows * sizeof(Datum));
	else if (col->typbyval)
	{
		column_decode_codes(desc, header, rows, payload, dict, group->scratch->codes);
		rg_codes_to_datums(col->form, group->scratch->codes, rows, decoded->values);
	}
	else if (dict != NULL && col->dict_datums != NULL)
		rg_decode_dict(group, col, header, rows, payload);
	else if (desc->store == COL_STORE_CODE)
		rg_decode_numerics(group, col, header, rows, payload);
	else
		rg_decode_spans(group, col, vector, header, rows, payload);
}

const uint64 *
rg_codes(RgGroup *group, RgColumn *col, uint32 vector)
{
	const ColVector *header = &rg_load_vectors(group, col)[vector];
	const uint8 *dict = column_uses_dict(header) ? rg_load_dict(group, col) : NULL;
	const uint8 *payload;

	if (group->scratch == NULL)
		group->scratch = MemoryContextAlloc(group->context, sizeof(*group->scratch));
	payload = rg_payload(group, col, vector, false, &header);
	column_decode_codes(col->desc, header, rg_vector_rows(group, vector), payload, dict,
						group->scratch->codes);
	return group->scratch->codes;
}

const RgVector *
rg_vector(RgGroup *group, int column, uint32 vector)
{
	RgColumn *col = &group->columns[column];

	Assert(column >= 0 && column < group->natts);
	Assert(vector < group->header->vectors);

	if (col->decoded_vector == (int) vector)
		return col->decoded;
	if (col->decoded == NULL)
		col->decoded = MemoryContextAlloc(group->context, sizeof(RgVector));

	if (!col->constant)
	{
		/* an error must not leave half a vector behind */
		col->decoded_vector = -1;
		rg_decode(group, col, vector);
	}
	else if (col->decoded_vector < 0)
	{
		memset(col->decoded->nulls, col->missing_null, sizeof(col->decoded->nulls));
		col->decoded->any_null = col->missing_null;
		rg_fill(col->decoded, COL_VECTOR_ROWS, col->missing);
	}
	col->decoded_vector = (int) vector;
	return col->decoded;
}
