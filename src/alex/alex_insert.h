/*
 * alex_insert.h
 *		aminsert.
 */
#ifndef ALEX_INSERT_H
#define ALEX_INSERT_H

#include "access/genam.h"
#include "nodes/execnodes.h"

extern bool alexinsert(Relation rel, Datum *values, bool *isnull, ItemPointer tid, Relation heap,
					   IndexUniqueCheck check_unique, bool index_unchanged, IndexInfo *index_info);

#endif
