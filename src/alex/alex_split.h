/*
 * alex_split.h
 *		Making room in a page, splitting it, linking the new half.
 */
#ifndef ALEX_SPLIT_H
#define ALEX_SPLIT_H

#include "storage/buf.h"
#include "utils/relcache.h"

#include "alex/alex_page.h"

/* the row an entry is for: what it takes to look for dead rows instead of splitting a leaf */
typedef struct AlexRow
{
	Relation heap;
	bool index_unchanged; /* aminsert's hint */
} AlexRow;

/*
 * alex_add_entry --- put an entry on a page of the right range, with whatever
 * reorganisation that takes.
 *
 * buf: exclusively locked, not INCOMPLETE_SPLIT, the entry lies within its
 * fences.  child: InvalidBuffer, or the exclusively locked left half whose
 * INCOMPLETE_SPLIT the entry's record clears.  Both are released.
 * row: of a leaf's entry, or NULL.  leaf_entries and fillfactor are the index's reloptions.
 * pos: the entry's position if the caller knows that, and that the page has no entry with the
 * same key; else NULL.
 */
extern void alex_add_entry(Relation rel, Buffer buf, const AlexItem *item, Buffer child,
						   const AlexRow *row, const AlexPagePos *pos);

/*
 * alex_add_in_place --- the same for a leaf, if it has room without any reorganisation; else
 * nothing is changed, and false.  buf is released in any case.
 */
extern bool alex_add_in_place(Relation rel, Buffer buf, const AlexItem *item,
							  const AlexPagePos *pos);

/*
 * alex_finish_split --- insert the missing downlink of buf's right sibling.
 *
 * buf: exclusively locked, INCOMPLETE_SPLIT; released.  Takes locks on higher
 * levels only.
 */
extern void alex_finish_split(Relation rel, Buffer buf);

#endif
