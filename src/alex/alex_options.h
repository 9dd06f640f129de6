/*
 * alex_options.h
 *		Reloptions of an alex index.
 */
#ifndef ALEX_OPTIONS_H
#define ALEX_OPTIONS_H

#include "utils/rel.h"

#define ALEX_FILLFACTOR_MIN 10
#define ALEX_FILLFACTOR_DEFAULT 90
#define ALEX_FILLFACTOR_MAX 100

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
