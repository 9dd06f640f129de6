/*
 * alex_scan.h
 *		Index scans.
 */
#ifndef ALEX_SCAN_H
#define ALEX_SCAN_H

#include "access/genam.h"
#include "access/relscan.h"
#include "nodes/tidbitmap.h"
#include "utils/relcache.h"

#include "base/pg_compat.h"

extern IndexScanDesc alexbeginscan(Relation rel, int nkeys, int norderbys);
extern void alexrescan(IndexScanDesc scan, ScanKey keys, int nkeys, ScanKey orderbys,
					   int norderbys);
extern bool alexcanreturn(Relation index, int attno);
extern bool alexgettuple(IndexScanDesc scan, ScanDirection dir);
extern int64 alexgetbitmap(IndexScanDesc scan, TIDBitmap *tbm);
extern void alexendscan(IndexScanDesc scan);
extern Size alexestimateparallelscan(OM_ESTIMATE_PARALLEL_ARGS);
extern void alexinitparallelscan(void *target);
extern void alexparallelrescan(IndexScanDesc scan);
extern void alexmarkpos(IndexScanDesc scan);
extern void alexrestrpos(IndexScanDesc scan);

#endif
