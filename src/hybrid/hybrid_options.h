/*
 * hybrid_options.h
 *		Options of a table: README.md, "Options".
 *
 * They are the table's security label of provider "omendb", a text like
 * "auto_freeze=off row_group_rows=65536 sort_key=device,ts bloom_columns=token", in which only what was set stands.
 */
#ifndef HYBRID_OPTIONS_H
#define HYBRID_OPTIONS_H

#include "nodes/pg_list.h"
#include "utils/relcache.h"
#include "utils/timestamp.h"

#include "base/check.h"
#include "rowgroup/rowgroup_build.h"

/* what may be set, and in which order it is written; the table of names is in hybrid_options.c */
typedef enum HyOption
{
	HY_OPTION_AUTO_FREEZE,
	HY_OPTION_KEEP_HOT_ROWS,
	HY_OPTION_FREEZE_AFTER,
	HY_OPTION_ROW_GROUP_ROWS,
	HY_OPTION_REINDEX_ABOVE,
	HY_OPTION_SORT_KEY,
	HY_OPTION_BLOOM_COLUMNS,
	HY_OPTION_PLAIN_COLUMNS
} HyOption;

#define HY_OPTION_COUNT (HY_OPTION_PLAIN_COLUMNS + 1)
/* the last ones are lists of columns */
#define HY_OPTION_FIRST_LIST HY_OPTION_SORT_KEY
#define HY_LIST_COUNT (HY_OPTION_COUNT - HY_OPTION_FIRST_LIST)
#define HY_LIST(options, option) ((options)->lists[(option) -HY_OPTION_FIRST_LIST])

typedef struct HyOptions
{
	bool auto_freeze;	   /* may others than the user ask for freezing? */
	bool has_freeze_after; /* else rows of any age are frozen */
	Interval freeze_after; /* rows of transactions that committed less than this ago stay hot */
	uint64 keep_hot_rows;  /* the last so many rows of the file stay hot */
	uint32 row_group_rows; /* 0: omendb.row_group_rows */
	double reindex_above;  /* an index that is more times larger than new is rebuilt; 0: none is */
	List *lists[HY_LIST_COUNT]; /* names of columns (char *): HY_LIST */
} HyOptions;

#define HY_OPTIONS_PROVIDER "omendb"
/* in a list of columns: as many as an index can have */
#define HY_SORT_KEY_MAX INDEX_MAX_KEYS
/* reindex_above.  Below the least one, pages that are split now and then would be bloat. */
#define HY_REINDEX_ABOVE_MIN 1.2
#define HY_REINDEX_ABOVE_MAX 100

/*
 * hy_options_read --- options of a table, or of the one that `rel` is to replace.
 *
 * Defaults where nothing is set, and everywhere if the label cannot be read.  Costs a look into pg_seclabel.  The list
 * is in the current memory context.
 */
extern void hy_options_read(Relation rel, HyOptions *options);

/* rows of a full row group of a table with these options */
extern uint32 hy_options_group_rows(const HyOptions *options);

/*
 * hy_builder_create --- a builder (rg_builder_create) for row groups of `rel`, with the Bloom filters and plain columns that the options ask
 * for.  Of what is no column of rel any more, or of another type now, there is none.
 */
extern RgBuilder *hy_builder_create(Relation rel, const HyOptions *options, bool with_xmin,
									MemoryContext parent);

/* the same by OID; false: nothing is set.  Does not lock the table. */
extern bool hy_options_of(Oid relid, HyOptions *options);

/*
 * hy_options_parse --- a label; false: it is not one, and *problem is why: an error that is not thrown yet, for hy_options_throw.
 */
typedef struct HyOptionsProblem
{
	int sqlstate;
	char *message;
	const char *hint; /* without its period; NULL: none */
} HyOptionsProblem;

extern bool hy_options_parse(const char *label, HyOptions *options, HyOptionsProblem *problem);
om_noreturn extern void hy_options_throw(const HyOptionsProblem *problem);

/* set one option by the text of its value, as in a label; false as above */
extern bool hy_options_set(HyOptions *options, HyOption option, const char *value,
						   HyOptionsProblem *problem);
/* back to the default */
extern void hy_options_reset(HyOptions *options, HyOption option);
/* the option of this name; false: there is none */
extern bool hy_option_by_name(const char *name, HyOption *option, HyOptionsProblem *problem);

/* Texts of values: of column names, of an interval, which may be any, and of a number. */
extern char *hy_option_columns(List *names);
extern char *hy_option_interval(const Interval *interval);
extern char *hy_option_factor(double factor);

/* Replace the label of a table; none is left if all is default.  The caller has it locked. */
extern void hy_options_write(Oid relid, const HyOptions *options);

/* ereport(ERROR) if a table of this kind has no options */
extern void hy_options_check_table(Relation rel);
/* ereport(level) for each column named by an option that the table does not have, or that is no good for it */
extern void hy_options_check_columns(Relation rel, const HyOptions *options, int level);
/* ereport(ERROR) if an option needs a setting of the server that is off */
extern void hy_options_check_server(const HyOptions *options);

/* the number of a column that rows can be sorted by; InvalidAttrNumber: there is none, or its type has no order */
extern AttrNumber hy_sort_column(Relation rel, const char *name);

/* can rows be sorted by values of this type?  Can they have a Bloom filter, in some groups at least? */
extern bool hy_sort_type(Oid type);
extern bool hy_bloom_type(Oid type);

/* may a list of columns name one of this type? */
extern bool hy_option_takes(HyOption list, Oid type);

/* label provider and hook: hybrid_options_hooks.c */
extern void hybrid_options_init(void);

#endif
