/*
 * alex_am.h
 *		Start-up of the alex access method.
 */
#ifndef ALEX_AM_H
#define ALEX_AM_H

/* once, in _PG_init: reloptions and the WAL module */
extern void alex_init(void);

#endif
