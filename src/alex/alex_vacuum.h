/*
 * alex_vacuum.h
 *		ambulkdelete, amvacuumcleanup.
 */
#ifndef ALEX_VACUUM_H
#define ALEX_VACUUM_H

#include "access/genam.h"

extern IndexBulkDeleteResult *alexbulkdelete(IndexVacuumInfo *info, IndexBulkDeleteResult *stats,
											 IndexBulkDeleteCallback callback,
											 void *callback_state);
extern IndexBulkDeleteResult *alexvacuumcleanup(IndexVacuumInfo *info,
												IndexBulkDeleteResult *stats);

#endif
