/*
 * hybrid_vacuum.h
 *		VACUUM of omendb tables.
 */
#ifndef HYBRID_VACUUM_H
#define HYBRID_VACUUM_H

#include "access/tableam.h"

#include "hybrid/hybrid_format.h"

struct VacuumParams;

extern void hybrid_relation_vacuum(Relation rel, struct VacuumParams *params,
								   BufferAccessStrategy strategy);

/*
 * Column descriptors of a group whose transaction has aborted, palloc'd, *count of
 * them.  rg_open would judge them by the table's descriptor, which may have been rolled back as
 * well.  NULL if the pages are damaged.
 */
extern ColDesc *hy_read_columns(Relation rel, const HyEntry *entry, int *count);

#endif
