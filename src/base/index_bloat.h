/*
 * index_bloat.h
 *		How many times larger is an index than a new one would be?
 *
 * An estimate from a few pages, for access methods whose pages can say how many entries they hold: btree, and what is
 * registered here.
 */
#ifndef INDEX_BLOAT_H
#define INDEX_BLOAT_H

#include "storage/bufpage.h"
#include "utils/relcache.h"

/* pages looked at */
#define OM_BLOAT_PAGES 100

typedef struct OmBloat
{
	/* of a new index; set by begin() */
	int fillfactor;		/* per cent of a page's room that it uses */
	double entries_max; /* that it puts on a page, however small they are */
	/* of the pages looked at; what add() sums up */
	double pages;	/* that entries of rows are on, or could be */
	double room;	/* of one of them, in bytes; the same for all */
	double entries; /* with the removed ones */
	double removed; /* but still there */
	double bytes;	/* of all entries */
} OmBloat;

typedef struct OmBloatMethod
{
	/* is this an index of mine?  Then it says what a new one would be like. */
	bool (*begin)(Relation index, OmBloat *bloat);
	/* a page that is share-locked and not all zeroes; damaged ones and those of inner levels do not count */
	void (*add)(Page page, OmBloat *bloat);
} OmBloatMethod;

/* once, when the library is loaded */
extern void om_bloat_register(const OmBloatMethod *method);

/* is this an index of which om_index_bloat knows?  Reads nothing of it. */
extern bool om_index_bloat_known(Relation index);

/*
 * om_index_bloat --- about 1 for a new index; false: nobody knows.  Reads up to OM_BLOAT_PAGES pages, locking one at a time in share
 * mode.  The caller has the index open.  Of an index of few pages it says little.
 */
extern bool om_index_bloat(Relation index, double *factor);

#endif
