/*
 * hybrid_inspect.c
 *		omendb.row_groups(): the directory of an omendb table as rows; omendb.table_stats(): its sums.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "access/transam.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/pg_class_d.h"
#include "fmgr.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/resowner.h"
#include "utils/snapmgr.h"

#include "base/check.h"
#include "base/pg_compat.h"
#include "hybrid/hybrid_am.h"
#include "hybrid/hybrid_directory.h"
#include "hybrid/hybrid_inspect.h"
#include "hybrid/hybrid_load.h"
#include "hybrid/hybrid_source.h"
#include "hybrid/hybrid_visible.h"

PG_FUNCTION_INFO_V1(omendb_row_groups);
PG_FUNCTION_INFO_V1(omendb_table_stats);

Relation
hy_inspect_open(Oid relid, LOCKMODE lockmode)
{
	Relation rel = relation_open(relid, lockmode);

	if (rel->rd_rel->relkind == RELKIND_PARTITIONED_TABLE)
		ereport(ERROR, (errcode(ERRCODE_WRONG_OBJECT_TYPE),
						errmsg("\"%s\" is a partitioned table", RelationGetRelationName(rel)),
						errhint("Name one partition.")));
	hy_check_hybrid(rel);
	om_check_readable(rel);
	if (!RecoveryInProgress())
		hy_load_flush_table(rel);
	return rel;
}

ErrorData *
hy_guarded(void (*work)(void *arg), void *arg)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	ErrorData *volatile error = NULL;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(context);
	PG_TRY();
	{
		work(arg);
		ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
	CurrentResourceOwner = owner;
	if (error != NULL && (ERRCODE_TO_CATEGORY(error->sqlerrcode) == ERRCODE_OPERATOR_INTERVENTION ||
						  error->sqlerrcode == ERRCODE_OUT_OF_MEMORY))
		ReThrowError(error);
	return error;
}

static const char *
encoding_name(uint8 encoding)
{
	switch ((ColEncoding) encoding)
	{
		case COL_ENC_NULLS:
			return "nulls";
		case COL_ENC_CONST:
			return "constant";
		case COL_ENC_LANES:
			return "bit-packed";
		case COL_ENC_DICT:
			return "dictionary";
		case COL_ENC_PLAIN:
			return "plain";
		case COL_ENC_PGLZ:
			return "compressed";
		case COL_ENC_FSST:
			return "fsst";
		case COL_ENC_RUNS:
			return "runs";
		case COL_ENC_DICT_RUNS:
			return "dictionary runs";
		case COL_ENC_ASCENDING:
			return "ascending";
		case COL_ENC_LINEAR:
			return "linear";
		case COL_ENC_PATCHED:
			return "patched";
		case COL_ENC_DECIMAL:
			return "decimal";
	}
	return "unknown";
}

/* "bit-packed": n, ... of the encodings that there are */
static void
describe_encodings(StringInfo buf, const uint64 *counts, const uint64 *values)
{
	const char *separator = "";

	for (uint32 i = 0; i < COL_ENC_COUNT; i++)
	{
		if (counts[i] == 0)
			continue;
		appendStringInfo(buf, "%s\"%s\": " UINT64_FORMAT, separator, encoding_name((uint8) i),
						 values[i]);
		separator = ", ";
	}
}

/* "name": {"encodings": {"bit-packed": 128}, "vector_bytes": {"bit-packed": n}, "bytes": n, "nulls": n} */
static void
describe_column(StringInfo buf, RgGroup *group, int column, const char *name)
{
	const ColDesc *desc = rg_column(group, column);
	uint64 counts[COL_ENC_COUNT] = { 0 };
	uint64 bytes[COL_ENC_COUNT] = { 0 };

	for (uint32 i = 0; i < rg_header(group)->vectors; i++)
	{
		const ColVector *vector = rg_vector_header(group, column, i);
		uint8 encoding = vector == NULL ? COL_ENC_NULLS : vector->encoding;

		counts[encoding]++;
		bytes[encoding] += sizeof(ColVector) + (vector == NULL ? 0 : vector->bytes);
	}
	escape_json(buf, name);
	appendStringInfoString(buf, ": {\"encodings\": {");
	describe_encodings(buf, counts, counts);
	appendStringInfoString(buf, "}, \"vector_bytes\": {");
	describe_encodings(buf, counts, bytes);
	appendStringInfo(buf, "}, \"bytes\": " UINT64_FORMAT ", \"nulls\": %u", desc->chunk_bytes,
					 desc->null_count);
	if (desc->flags & COL_FLAG_BLOOM)
		appendStringInfo(buf, ", \"bloom_bytes\": %u", desc->bloom_bytes);
	if (desc->flags & COL_FLAG_NUMERIC)
		appendStringInfo(buf, ", \"scale\": %d", desc->scale);
	appendStringInfoChar(buf, '}');
}

/* a group whose columns are to be described */
typedef struct Describe
{
	Relation rel;
	const HyEntry *entry;
	StringInfoData buf;
} Describe;

static void
describe_columns(void *arg)
{
	Describe *describe = arg;
	const HyEntry *entry = describe->entry;
	Relation rel = describe->rel;
	TupleDesc desc = RelationGetDescr(rel);
	HySource source;
	RgGroup *group;
	StringInfo buf = &describe->buf;
	const char *separator = "";

	hy_source_init(&source, rel, entry, NULL, CurrentMemoryContext);
	group = rg_open(&source.base, entry->group_id, desc, CurrentMemoryContext);
	appendStringInfoChar(buf, '{');
	for (int i = 0; i < Min(rg_header(group)->natts, desc->natts); i++)
	{
		if (TupleDescAttr(desc, i)->attisdropped)
			continue;
		appendStringInfoString(buf, separator);
		describe_column(buf, group, i, NameStr(TupleDescAttr(desc, i)->attname));
		separator = ", ";
	}
	appendStringInfoChar(buf, '}');
	hy_source_release(&source);
	rg_close(group);
}

static const char *
state_name(Relation rel, const HyEntry *entry, Snapshot snapshot)
{
	switch ((HyState) entry->state)
	{
		case HY_GROUP:
			if (hy_entry_visible(rel, entry, snapshot))
				return "visible";
			return hy_entry_fate(entry) == HY_FATE_ABORTED ? "aborted" : "not visible";
		case HY_LOADING:
			return hy_entry_fate(entry) == HY_FATE_RUNNING ? "loading" : "abandoned";
		case HY_FREE:
			return "free";
		case HY_SYSTEM:
			return "directory";
		case HY_MAP:
			return "row map";
		case HY_EMPTY:
			break;
	}
	return "unknown";
}

/*
 * omendb.row_groups(regclass) --- one row for each run of pages in the directory.
 *
 * Not strictly a snapshot: entries are as they are now, and `state` judges them by the
 * query's snapshot.
 */
Datum
omendb_row_groups(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	Relation rel = hy_inspect_open(PG_GETARG_OID(0), AccessShareLock);
	const HyDirectory *dir;
	HyDirEntry *entries;
	uint32 count;
	MemoryContext context;

	InitMaterializedSRF(fcinfo, 0);
	dir = hy_directory(rel);
	count = dir->entry_count;
	entries = MemoryContextAllocHuge(CurrentMemoryContext, (Size) Max(count, 1) * sizeof(*entries));
	memcpy(entries, dir->entries, (Size) count * sizeof(*entries));
	context =
		AllocSetContextCreate(CurrentMemoryContext, "omendb row_groups", ALLOCSET_DEFAULT_SIZES);
	for (uint32 i = 0; i < count; i++)
	{
		const HyEntry *entry = &entries[i].entry;
		bool group = entry->state == HY_GROUP;
		Datum values[12];
		bool nulls[12] = { false };
		MemoryContext old = MemoryContextSwitchTo(context);

		CHECK_FOR_INTERRUPTS();
		values[0] = Int64GetDatum((int64) entry->group_id);
		values[1] = Int64GetDatum((int64) entry->first_row);
		values[2] = Int64GetDatum((int64) entry->rows);
		values[3] = CStringGetTextDatum(state_name(rel, entry, GetActiveSnapshot()));
		values[4] = TransactionIdGetDatum(entry->xmin);
		values[5] = Int64GetDatum((int64) entry->pages);
		values[6] = Int64GetDatum((int64) entry->start);
		values[7] = Int64GetDatum((int64) entry->stream_bytes);
		values[8] = Int64GetDatum((int64) entry->raw_bytes);
		values[10] = Int64GetDatum((int64) entry->dead_rows);
		values[11] = Int64GetDatum((int64) entry->headers);
		nulls[0] = !group && entry->state != HY_LOADING;
		nulls[1] = nulls[2] = nulls[7] = nulls[8] = nulls[10] = nulls[11] = !group;
		/* pages of a group that nobody sees may be overwritten under our eyes */
		nulls[9] = !group || !hy_entry_visible(rel, entry, GetActiveSnapshot());
		nulls[4] = nulls[0];
		if (!nulls[9])
		{
			Describe describe = { .rel = rel, .entry = entry };
			ErrorData *error;

			initStringInfo(&describe.buf);
			error = hy_guarded(describe_columns, &describe);
			nulls[9] = error != NULL;
			if (error != NULL)
				ereport(WARNING, (errcode(error->sqlerrcode),
								  errmsg("could not describe row group " UINT64_FORMAT ": %s",
										 entry->group_id, error->message)));
			else
				values[9] = DirectFunctionCall1(jsonb_in, CStringGetDatum(describe.buf.data));
		}
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
		MemoryContextSwitchTo(old);
		MemoryContextReset(context);
	}
	relation_close(rel, AccessShareLock);
	return (Datum) 0;
}

/* of a table: what omendb.tables shows */
typedef struct TableSums
{
	int64 groups; /* that the snapshot sees, and in them: */
	int64 rows;
	int64 dead_rows;
	int64 headers;
	int64 raw_bytes;
	int64 group_pages; /* row maps included */
	int64 free_pages;  /* and those of groups that nobody will ever see */
	int64 other_pages; /* metapage, directory, of groups being written */
} TableSums;

static TableSums
sum_directory(Relation rel, Snapshot snapshot)
{
	const HyDirectory *dir = hy_directory(rel);
	TableSums sums = { .other_pages = 1 };

	for (uint32 i = 0; i < dir->entry_count; i++)
	{
		const HyEntry *entry = &dir->entries[i].entry;

		switch ((HyState) entry->state)
		{
			case HY_GROUP:
				if (!hy_entry_visible(rel, entry, snapshot))
				{
					if (hy_entry_fate(entry) == HY_FATE_ABORTED)
						sums.free_pages += entry->pages;
					else
						sums.other_pages += entry->pages;
					break;
				}
				sums.groups++;
				sums.rows += entry->rows;
				sums.dead_rows += entry->dead_rows;
				sums.headers += entry->headers;
				sums.raw_bytes += (int64) entry->raw_bytes;
				sums.group_pages += entry->pages;
				break;
			case HY_MAP:
				sums.group_pages += entry->pages;
				break;
			case HY_FREE:
				sums.free_pages += entry->pages;
				break;
			case HY_SYSTEM:
				sums.other_pages += entry->pages;
				break;
			case HY_LOADING:
				/* how many of its pages there are, its writer knows */
				if (entry->flags & HY_FLAG_WHOLE)
					sums.other_pages += entry->pages;
				break;
			case HY_EMPTY:
				break;
		}
	}
	return sums;
}

/*
 * omendb.table_stats(regclass) --- sums over the directory, and the hot rest.  dead_rows, headers and hot_rows are as
 * VACUUM has found them last; the rest is as it is now, groups judged by the query's snapshot.
 */
Datum
omendb_table_stats(PG_FUNCTION_ARGS)
{
	Relation rel = hy_inspect_open(PG_GETARG_OID(0), AccessShareLock);
	TableSums sums = sum_directory(rel, GetActiveSnapshot());
	int64 pages = RelationGetNumberOfBlocks(rel);
	TupleDesc desc;
	HyMeta meta;
	bool known = hy_meta_read(rel, &meta);
	Datum values[9];
	bool nulls[9] = { false };

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "result type of function %u is not a row type", fcinfo->flinfo->fn_oid);
	values[0] = Int64GetDatum(sums.groups);
	values[1] = Int64GetDatum(sums.rows);
	values[2] = Int64GetDatum(sums.dead_rows);
	values[3] = Int64GetDatum(sums.headers);
	values[4] = Int64GetDatum(known ? (int64) meta.hot_rows : 0);
	values[5] = Int64GetDatum(sums.group_pages * BLCKSZ);
	values[6] = Int64GetDatum(
		Max(pages - sums.group_pages - sums.free_pages - sums.other_pages, 0) * BLCKSZ);
	values[7] = Int64GetDatum(sums.free_pages * BLCKSZ);
	values[8] = Int64GetDatum(sums.raw_bytes);
	/* VACUUM counts them here if there are groups, else in pg_class only */
	if (!known || meta.hot_pages == 0)
	{
		nulls[4] = values[6] != 0 && (sums.groups > 0 || rel->rd_rel->reltuples < 0);
		values[4] = Int64GetDatum(sums.groups > 0 || nulls[4] ? 0 : (int64) rel->rd_rel->reltuples);
	}
	relation_close(rel, AccessShareLock);
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls));
}
