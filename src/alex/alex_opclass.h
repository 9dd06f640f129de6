/*
 * alex_opclass.h
 *		amvalidate of access method alex.
 */
#ifndef ALEX_OPCLASS_H
#define ALEX_OPCLASS_H

/*
 * alexvalidate --- is an operator class fit for alex?
 *
 * Reports each fault as INFO, as amvalidate() of every access method does, and
 * then returns false.  Covers the whole operator family.
 */
extern bool alexvalidate(Oid opclassoid);

#endif
