/*
 * omendb_guc.h
 *		Every setting of the extension, registered in one place.
 */
#ifndef OMENDB_GUC_H
#define OMENDB_GUC_H

extern void omendb_guc_init(void);

#endif
