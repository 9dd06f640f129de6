/*
 * alex_unique.h
 *		Uniqueness: is the key of a row to be inserted there already?
 */
#ifndef ALEX_UNIQUE_H
#define ALEX_UNIQUE_H

#include "access/genam.h"
#include "storage/buf.h"
#include "utils/relcache.h"

#include "alex/alex_page.h"

/* the row whose entry is checked */
typedef struct AlexUniqueRow
{
	const AlexItem *item;
	Datum *values; /* for the error message */
	bool *isnull;
	ItemPointer tid;
} AlexUniqueRow;

/* alex_unique_applies --- does an index enforce anything about a row with these NULLs? */
extern bool alex_unique_applies(Relation rel, const bool *isnull);

/* where the entry of a row that passed belongs */
typedef struct AlexUniquePlace
{
	Buffer leaf; /* exclusively locked, not INCOMPLETE_SPLIT; invalid: nothing is to be inserted */
	bool hinted; /* found by a hint: may only be changed by alex_add_in_place */
	bool pos_known; /* no entry there has the same key, so that the search need not be repeated */
	AlexPagePos pos;
} AlexUniquePlace;

/*
 * alex_unique_check --- wait for whoever may own a duplicate; 23505 if there is one.
 *
 * place: the leaf that the entry belongs on.  Nobody can insert the same key until it is
 * unlocked.  For UNIQUE_CHECK_EXISTING there is none.  hints: whether it may be found by the
 * model cache or the last append.  Returns false if there may be a duplicate and `check` is
 * UNIQUE_CHECK_PARTIAL.  No page lock may be held by the caller.
 */
extern bool alex_unique_check(Relation rel, Relation heap, const AlexUniqueRow *row,
							  IndexUniqueCheck check, bool hints, AlexUniquePlace *place);

#endif
