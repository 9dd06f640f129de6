/*
 * alex_wal.h
 *		The records of alex: see the WAL table in README.md.
 */
#ifndef ALEX_WAL_H
#define ALEX_WAL_H

#include "base/om_wal.h"

/* record codes (values are in WAL: never reuse one) */
typedef enum AlexRecord
{
	ALEX_REC_INSERT = 1,   /* page: GAP_INSERT | TAIL_APPEND | UNMARK */
	ALEX_REC_SEAL = 2,	   /* page: SEAL */
	ALEX_REC_REBUILD = 3,  /* page: REBUILD */
	ALEX_REC_SPLIT = 4,	   /* left: SPLIT_LEFT; right: INIT; old right: SET_LEFT */
	ALEX_REC_DOWNLINK = 5, /* child: CLEAR_FLAGS; parent: GAP_INSERT | TAIL_APPEND */
	ALEX_REC_NEWROOT = 6,  /* old root: CLEAR_FLAGS; new root: INIT; meta: META_ROOT */
	ALEX_REC_DELETE = 7,   /* leaf: REBUILD | MARK */
	ALEX_REC_META = 8,	   /* meta: META_FLAG */
	/* leaf: HALF_DEAD; right: SET_LOW; parent: UNLINK; or its right: SET_LOW, grandparent: UNLINK */
	ALEX_REC_HALF_DEAD = 9,
	ALEX_REC_UNLINK = 10, /* half-dead leaf; left: SET_RIGHT; page: DELETED; right: SET_LEFT */
	ALEX_REC_MERGE = 11	  /* leaf: MERGED; right: INIT; parent: UNLINK */
} AlexRecord;

/* tell base/ about this module; once, in _PG_init */
extern void alex_wal_init(void);

#endif
