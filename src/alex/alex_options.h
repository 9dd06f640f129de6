/*
 * alex_options.h
 *		Reloptions of an alex index.
 */
#ifndef ALEX_OPTIONS_H
#define ALEX_OPTIONS_H

#include "utils/rel.h"

#define ALEX_FILLFACTOR_MIN 10
/* the 5 per cent left take some 45 random 8-byte keys, as many as nbtree's 10 do: figures in README.md here */
#define ALEX_FILLFACTOR_DEFAULT 96
#define ALEX_FILLFACTOR_MAX 100
/* of inner pages: as many splits below as a tenth takes come without one above */
#define ALEX_FILLFACTOR_INNER 90

typedef struct AlexOptions
{
	int32 vl_len_;	  /* varlena header (do not touch directly!) */
	int fillfactor;	  /* per cent of a leaf filled by builds and appends */
	int leaf_entries; /* entries a leaf may hold */
} AlexOptions;

extern int alex_fillfactor(Relation rel);
extern int alex_leaf_entries(Relation rel);

/* registers the reloptions; once, in _PG_init */
extern void alex_options_init(void);
extern bytea *alexoptions(Datum reloptions, bool validate);

#endif
