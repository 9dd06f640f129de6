/*
 * alex_conflict.h
 *		INSERT ... ON CONFLICT into tables with unique alex indexes, on PostgreSQL 15
 *		to 17.
 */
#ifndef ALEX_CONFLICT_H
#define ALEX_CONFLICT_H

/* install the executor hooks, where they are needed */
extern void alex_conflict_init(void);

/*
 * alex_conflict_check_loaded --- to be called by the access method's handler.  If this
 * is its first call and the statement that runs has started without the hooks and
 * will fail for that, say so better than core would.
 */
extern void alex_conflict_check_loaded(void);

#endif
