/*
 * hybrid_options.c
 *		Options of a table, as values and as text.
 */
#include "postgres.h"

#include "access/commit_ts.h"
#include "catalog/objectaddress.h"
#include "catalog/pg_class.h"
#include "commands/seclabel.h"
#include "common/shortest_dec.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/typcache.h"
#include "utils/varlena.h"

#include "hybrid/hybrid_am.h"
#include "hybrid/hybrid_conditions.h"
#include "hybrid/hybrid_load.h"
#include "hybrid/hybrid_options.h"

#define COLUMN_LIST_VALUES \
	gettext_noop("Valid values are names of up to 32 columns, each once; in a label separated by " \
				 "commas, and quoted like identifiers")

/* by HyOption */
static const struct
{
	const char *name;
	const char *values; /* a hint, without its period */
} option_table[HY_OPTION_COUNT] = {
	{ "auto_freeze", gettext_noop("Valid values are \"on\" and \"off\"") },
	{ "keep_hot_rows", gettext_noop("Valid values are whole numbers from 0") },
	{ "freeze_after",
	  gettext_noop("Valid values are intervals from 0 to 100 years; in a label in ISO 8601 format: "
				   "\"P1DT12H\"") },
	{ "row_group_rows", gettext_noop("Valid values are 16 to 131072") },
	{ "reindex_above", gettext_noop("Valid values are factors from 1.2 to 100") },
	{ "sort_key", COLUMN_LIST_VALUES },
	{ "bloom_columns", COLUMN_LIST_VALUES },
	{ "plain_columns", COLUMN_LIST_VALUES }
};

StaticAssertDecl(HY_ROW_GROUP_ROWS_MIN == 16 && RG_ROWS_MAX == 131072 && HY_SORT_KEY_MAX == 32,
				 "the hints say so");

static void
set_defaults(HyOptions *options)
{
	*options = (HyOptions){ .auto_freeze = true };
}

/* ---- single values ---- */

bool
hy_option_by_name(const char *name, HyOption *option, HyOptionsProblem *problem)
{
	for (int i = 0; i < HY_OPTION_COUNT; i++)
		if (strcmp(name, option_table[i].name) == 0)
		{
			*option = (HyOption) i;
			return true;
		}
	*problem = (HyOptionsProblem){
		.sqlstate = ERRCODE_INVALID_PARAMETER_VALUE,
		.message = psprintf(_("unrecognized option \"%s\""), name),
		.hint =
			gettext_noop("Options are auto_freeze, keep_hot_rows, freeze_after, row_group_rows, "
						 "reindex_above, sort_key, bloom_columns and plain_columns")
	};
	return false;
}

void
hy_options_reset(HyOptions *options, HyOption option)
{
	switch (option)
	{
		case HY_OPTION_AUTO_FREEZE:
			options->auto_freeze = true;
			break;
		case HY_OPTION_KEEP_HOT_ROWS:
			options->keep_hot_rows = 0;
			break;
		case HY_OPTION_FREEZE_AFTER:
			options->has_freeze_after = false;
			break;
		case HY_OPTION_ROW_GROUP_ROWS:
			options->row_group_rows = 0;
			break;
		case HY_OPTION_REINDEX_ABOVE:
			options->reindex_above = 0;
			break;
		case HY_OPTION_SORT_KEY:
		case HY_OPTION_BLOOM_COLUMNS:
		case HY_OPTION_PLAIN_COLUMNS:
			HY_LIST(options, option) = NIL;
			break;
	}
}

static bool
parse_number(const char *value, uint64 min, uint64 max, uint64 *number)
{
	char *end;

	if (value[0] < '0' || value[0] > '9')
		return false;
	errno = 0;
	*number = strtou64(value, &end, 10);
	return errno == 0 && *end == '\0' && *number >= min && *number <= max;
}

static bool
parse_factor(const char *value, double *factor)
{
	char *end;

	/* no other notation, and no other order of magnitude */
	if (strspn(value, "0123456789.") != strlen(value))
		return false;
	*factor = strtod(value, &end);
	return end != value && *end == '\0' && *factor >= HY_REINDEX_ABOVE_MIN &&
		   *factor <= HY_REINDEX_ABOVE_MAX;
}

static bool
parse_interval(const char *value, Interval *interval)
{
	const Interval none = { 0 };
	const Interval most = { .month = 100 * MONTHS_PER_YEAR };
	struct pg_itm_in itm;
	int type;

	return DecodeISO8601Interval(pstrdup(value), &type, &itm) == 0 &&
		   itmin2interval(&itm, interval) == 0 &&
		   DatumGetInt32(DirectFunctionCall2(interval_cmp, IntervalPGetDatum(interval),
											 IntervalPGetDatum(&none))) >= 0 &&
		   DatumGetInt32(DirectFunctionCall2(interval_cmp, IntervalPGetDatum(interval),
											 IntervalPGetDatum(&most))) <= 0;
}

static bool
parse_columns(const char *value, List **names)
{
	ListCell *cell;
	ListCell *other;

	if (!SplitIdentifierString(pstrdup(value), ',', names) || *names == NIL ||
		list_length(*names) > HY_SORT_KEY_MAX)
		return false;
	foreach (cell, *names)
		foreach (other, *names)
			if (lfirst(cell) != lfirst(other) && strcmp(lfirst(cell), lfirst(other)) == 0)
				return false;
	return true;
}

bool
hy_options_set(HyOptions *options, HyOption option, const char *value, HyOptionsProblem *problem)
{
	bool valid = false;
	uint64 number;

	switch (option)
	{
		case HY_OPTION_AUTO_FREEZE:
			valid = parse_bool(value, &options->auto_freeze);
			break;
		case HY_OPTION_KEEP_HOT_ROWS:
			valid = parse_number(value, 0, PG_INT64_MAX, &options->keep_hot_rows);
			break;
		case HY_OPTION_FREEZE_AFTER:
			valid = parse_interval(value, &options->freeze_after);
			options->has_freeze_after = true;
			break;
		case HY_OPTION_ROW_GROUP_ROWS:
			valid = parse_number(value, HY_ROW_GROUP_ROWS_MIN, RG_ROWS_MAX, &number);
			options->row_group_rows = valid ? (uint32) number : 0;
			break;
		case HY_OPTION_REINDEX_ABOVE:
			valid = parse_factor(value, &options->reindex_above);
			break;
		case HY_OPTION_SORT_KEY:
		case HY_OPTION_BLOOM_COLUMNS:
		case HY_OPTION_PLAIN_COLUMNS:
			valid = parse_columns(value, &HY_LIST(options, option));
			break;
	}
	if (!valid)
		*problem =
			(HyOptionsProblem){ .sqlstate = ERRCODE_INVALID_PARAMETER_VALUE,
								.message = psprintf(_("invalid value for option \"%s\": \"%s\""),
													option_table[option].name, value),
								.hint = option_table[option].values };
	return valid;
}

char *
hy_option_columns(List *names)
{
	StringInfoData text;
	ListCell *cell;

	initStringInfo(&text);
	foreach (cell, names)
		appendStringInfo(&text, "%s%s", text.len > 0 ? "," : "", quote_identifier(lfirst(cell)));
	return text.data;
}

char *
hy_option_interval(const Interval *interval)
{
	char text[MAXDATELEN + 1];
	struct pg_itm itm;

	/* from 17 on there are infinite ones */
	if (interval->month == PG_INT32_MAX || interval->month == PG_INT32_MIN)
		return pstrdup("infinity");
	interval2itm(*interval, &itm);
	EncodeInterval(&itm, INTSTYLE_ISO_8601, text);
	return pstrdup(text);
}

char *
hy_option_factor(double factor)
{
	/* the shortest text that is this number, whatever extra_float_digits is */
	char *text = palloc(DOUBLE_SHORTEST_DECIMAL_LEN);

	double_to_shortest_decimal_buf(factor, text);
	return text;
}

/* ---- labels ---- */

static bool
no_label(HyOptionsProblem *problem, const char *at)
{
	*problem =
		(HyOptionsProblem){ .sqlstate = ERRCODE_SYNTAX_ERROR,
							.message =
								psprintf(_("syntax error in options of a table at \"%s\""), at),
							.hint = gettext_noop("Write name=value, separated by spaces, or use "
												 "omendb.set_options") };
	return false;
}

/* the end of a value: the first space that is not between double quotes */
static char *
value_end(char *value)
{
	bool quoted = false;

	for (; *value != '\0' && (quoted || !isspace((unsigned char) *value)); value++)
		if (*value == '"')
			quoted = !quoted;
	return value;
}

bool
hy_options_parse(const char *label, HyOptions *options, HyOptionsProblem *problem)
{
	char *at = pstrdup(label);
	bool seen[HY_OPTION_COUNT] = { false };

	set_defaults(options);
	for (;;)
	{
		char *name, *value, *end;
		HyOption option;
		bool last;

		while (isspace((unsigned char) *at))
			at++;
		if (*at == '\0')
			return true;
		name = at;
		value = strchr(name, '=');
		if (value == NULL || value == name)
			return no_label(problem, name);
		*value++ = '\0';
		end = value_end(value);
		last = *end == '\0';
		*end = '\0';
		if (!hy_option_by_name(name, &option, problem))
			return false;
		if (seen[option])
		{
			*problem =
				(HyOptionsProblem){ .sqlstate = ERRCODE_SYNTAX_ERROR,
									.message = psprintf(_("option \"%s\" is given twice"), name) };
			return false;
		}
		seen[option] = true;
		if (!hy_options_set(options, option, value, problem))
			return false;
		at = last ? end : end + 1;
	}
}

void
hy_options_throw(const HyOptionsProblem *problem)
{
	ereport(ERROR, (errcode(problem->sqlstate), errmsg_internal("%s", problem->message),
					problem->hint != NULL ? errhint("%s.", _(problem->hint)) : 0));
}

/* NULL: all is default */
static char *
format_label(const HyOptions *options)
{
	StringInfoData text;

	initStringInfo(&text);
	if (!options->auto_freeze)
		appendStringInfoString(&text, " auto_freeze=off");
	if (options->keep_hot_rows > 0)
		appendStringInfo(&text, " keep_hot_rows=" UINT64_FORMAT, options->keep_hot_rows);
	if (options->has_freeze_after)
		appendStringInfo(&text, " freeze_after=%s", hy_option_interval(&options->freeze_after));
	if (options->row_group_rows > 0)
		appendStringInfo(&text, " row_group_rows=%u", options->row_group_rows);
	if (options->reindex_above > 0)
		appendStringInfo(&text, " reindex_above=%s", hy_option_factor(options->reindex_above));
	for (int i = HY_OPTION_FIRST_LIST; i < HY_OPTION_COUNT; i++)
		if (HY_LIST(options, i) != NIL)
			appendStringInfo(&text, " %s=%s", option_table[i].name,
							 hy_option_columns(HY_LIST(options, i)));
	return text.len > 0 ? text.data + 1 : NULL;
}

void
hy_options_write(Oid relid, const HyOptions *options)
{
	ObjectAddress address;

	ObjectAddressSet(address, RelationRelationId, relid);
	SetSecurityLabel(&address, HY_OPTIONS_PROVIDER, format_label(options));
}

bool
hy_options_of(Oid relid, HyOptions *options)
{
	HyOptionsProblem problem;
	ObjectAddress address;
	char *label;

	ObjectAddressSet(address, RelationRelationId, relid);
	label = GetSecurityLabel(&address, HY_OPTIONS_PROVIDER);
	if (label != NULL && hy_options_parse(label, options, &problem))
		return true;
	set_defaults(options);
	return false;
}

void
hy_options_read(Relation rel, HyOptions *options)
{
	Oid rewritten = rel->rd_rel->relrewrite;

	(void) hy_options_of(OidIsValid(rewritten) ? rewritten : RelationGetRelid(rel), options);
}

uint32
hy_options_group_rows(const HyOptions *options)
{
	return options->row_group_rows > 0 ? options->row_group_rows : (uint32) hy_row_group_rows;
}

/* ---- does the table have what they are about? ---- */

void
hy_options_check_table(Relation rel)
{
	if (rel->rd_rel->relkind == RELKIND_PARTITIONED_TABLE)
		ereport(ERROR, (errcode(ERRCODE_WRONG_OBJECT_TYPE),
						errmsg("\"%s\" is a partitioned table", RelationGetRelationName(rel)),
						errhint("Set options of each partition.")));
	hy_check_hybrid(rel);
}

void
hy_options_check_server(const HyOptions *options)
{
	if (options->has_freeze_after && !track_commit_timestamp)
		ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
						errmsg("option freeze_after needs track_commit_timestamp, which is off"),
						errhint("Set track_commit_timestamp to on and restart the server, or reset "
								"the option by omendb.reset_options.")));
}

/* the number of a column that is there */
static AttrNumber
column_number(Relation rel, const char *name)
{
	TupleDesc desc = RelationGetDescr(rel);

	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);

		if (!att->attisdropped && strcmp(NameStr(att->attname), name) == 0)
			return att->attnum;
	}
	return InvalidAttrNumber;
}

/* type of a column that is there */
static Oid
column_type(Relation rel, AttrNumber number)
{
	return TupleDescAttr(RelationGetDescr(rel), number - 1)->atttypid;
}

bool
hy_sort_type(Oid type)
{
	return OidIsValid(lookup_type_cache(type, TYPECACHE_LT_OPR)->lt_opr);
}

bool
hy_bloom_type(Oid type)
{
	return hy_condition_type(getBaseType(type));
}

AttrNumber
hy_sort_column(Relation rel, const char *name)
{
	AttrNumber number = column_number(rel, name);

	return number != InvalidAttrNumber && hy_sort_type(column_type(rel, number))
			   ? number
			   : InvalidAttrNumber;
}

bool
hy_option_takes(HyOption list, Oid type)
{
	return list == HY_OPTION_SORT_KEY		 ? hy_sort_type(type)
		   : list == HY_OPTION_BLOOM_COLUMNS ? hy_bloom_type(type)
											 : true;
}

/* ereport(level) if a list names what is no column, or one that it does not take */
static void
check_column(Relation rel, const char *name, HyOption list, int level)
{
	const char *table = RelationGetRelationName(rel);
	const char *option = option_table[list].name;
	AttrNumber number = column_number(rel, name);
	Oid type = number != InvalidAttrNumber ? column_type(rel, number) : InvalidOid;

	if (number == InvalidAttrNumber)
		ereport(level, (errcode(ERRCODE_UNDEFINED_COLUMN),
						errmsg("column \"%s\" of table \"%s\" does not exist", name, table),
						errhint("Option %s names columns, not expressions.", option)));
	else if (hy_option_takes(list, type))
		return;
	else if (list == HY_OPTION_SORT_KEY)
		ereport(level,
				(errcode(ERRCODE_UNDEFINED_FUNCTION),
				 errmsg("rows cannot be sorted by column \"%s\" of table \"%s\"", name, table),
				 errdetail("Type %s has no default operator class for access method btree.",
						   format_type_be(type)),
				 errhint("Leave the column out of option %s.", option)));
	else
		ereport(level,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("column \"%s\" of table \"%s\" cannot have a Bloom filter", name, table),
				 errdetail("No condition on type %s can skip row groups.", format_type_be(type)),
				 errhint("Leave the column out of option %s.", option)));
}

void
hy_options_check_columns(Relation rel, const HyOptions *options, int level)
{
	ListCell *cell;

	for (int i = HY_OPTION_FIRST_LIST; i < HY_OPTION_COUNT; i++)
		foreach (cell, HY_LIST(options, i))
			check_column(rel, lfirst(cell), (HyOption) i, level);
}

RgBuilder *
hy_builder_create(Relation rel, const HyOptions *options, bool with_xmin, MemoryContext parent)
{
	RgBuilder *builder = rg_builder_create(RelationGetDescr(rel), with_xmin, parent);
	ListCell *cell;

	foreach (cell, HY_LIST(options, HY_OPTION_BLOOM_COLUMNS))
	{
		AttrNumber number = column_number(rel, lfirst(cell));

		if (number != InvalidAttrNumber && hy_bloom_type(column_type(rel, number)))
			rg_builder_filter(builder, number - 1);
	}
	foreach (cell, HY_LIST(options, HY_OPTION_PLAIN_COLUMNS))
	{
		AttrNumber number = column_number(rel, lfirst(cell));

		if (number != InvalidAttrNumber)
			rg_builder_plain(builder, number - 1);
	}
	return builder;
}
