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

/*
 * alex_unique_check --- wait for whoever may own a duplicate; 23505 if there is one.
 *
 * Returns the leaf that the entry belongs on, exclusively locked and not
 * INCOMPLETE_SPLIT: nobody can insert the same key until it is unlocked.  For
 * UNIQUE_CHECK_EXISTING nothing is to be inserted: InvalidBuffer.  *is_unique
 * is false if there may be a duplicate and `check` is UNIQUE_CHECK_PARTIAL.
 * No page lock may be held by the caller.
 */
extern Buffer alex_unique_check(Relation rel, Relation heap, const AlexUniqueRow *row,
								IndexUniqueCheck check, bool *is_unique);

#endif
