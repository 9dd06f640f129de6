/*
 * alex_options.c
 *		Reloptions of an alex index.  They are read by the primary only (F10).
 */
#include "postgres.h"

#include "access/reloptions.h"
#include "utils/rel.h"

#include "alex/alex_format.h"
#include "alex/alex_options.h"

static relopt_kind alex_relopt_kind;

void
alex_options_init(void)
{
	alex_relopt_kind = add_reloption_kind();
	add_int_reloption(alex_relopt_kind, "fillfactor",
					  "Per cent of a leaf page filled by index builds and by appends",
					  ALEX_FILLFACTOR_DEFAULT, ALEX_FILLFACTOR_MIN, ALEX_FILLFACTOR_MAX,
					  ShareUpdateExclusiveLock);
	add_int_reloption(alex_relopt_kind, "leaf_entries", "Largest number of entries in a leaf page",
					  ALEX_LEAF_ENTRIES_DEFAULT, ALEX_LEAF_ENTRIES_MIN, ALEX_LEAF_ENTRIES_MAX,
					  ShareUpdateExclusiveLock);
}

bytea *
alexoptions(Datum reloptions, bool validate)
{
	static const relopt_parse_elt options[] = {
		{ "fillfactor", RELOPT_TYPE_INT, offsetof(AlexOptions, fillfactor) },
		{ "leaf_entries", RELOPT_TYPE_INT, offsetof(AlexOptions, leaf_entries) }
	};

	return (bytea *) build_reloptions(reloptions, validate, alex_relopt_kind, sizeof(AlexOptions),
									  options, lengthof(options));
}

int
alex_fillfactor(Relation rel)
{
	return rel->rd_options ? ((AlexOptions *) rel->rd_options)->fillfactor
						   : ALEX_FILLFACTOR_DEFAULT;
}

int
alex_leaf_entries(Relation rel)
{
	return rel->rd_options ? ((AlexOptions *) rel->rd_options)->leaf_entries
						   : ALEX_LEAF_ENTRIES_DEFAULT;
}
