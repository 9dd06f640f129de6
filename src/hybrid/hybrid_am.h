/*
 * hybrid_am.h
 *		The table access method `omendb`: start-up.
 */
#ifndef HYBRID_AM_H
#define HYBRID_AM_H

#include "utils/relcache.h"

/* at _PG_init: hooks, callbacks, WAL module */
extern void hybrid_init(void);

/* is this a table of ours? */
extern bool hy_is_hybrid(Relation rel);

/* ereport(ERROR) unless it is; for SQL functions */
extern void hy_check_hybrid(Relation rel);

#endif
