/*
 * alex_inspect.h
 *		Opening an alex index for the SQL functions that look into it.
 */
#ifndef ALEX_INSPECT_H
#define ALEX_INSPECT_H

#include "storage/lockdefs.h"
#include "utils/rel.h"

/*
 * alex_inspect_open --- open the index and, with heap, its table (locked
 * first).  Errors: 42809 not an alex index, 0A000 another session's temporary
 * table, 55000 an unlogged index during recovery or an invalid index.
 */
extern Relation alex_inspect_open(Oid index_oid, LOCKMODE lockmode, Relation *heap);

#endif
