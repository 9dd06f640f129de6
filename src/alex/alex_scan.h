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

extern IndexScanDesc alexbeginscan(Relation rel, int nkeys, int norderbys);
extern void alexrescan(IndexScanDesc scan, ScanKey keys, int nkeys, ScanKey orderbys,
					   int norderbys);
extern bool alexcanreturn(Relation index, int attno);
extern bool alexgettuple(IndexScanDesc scan, ScanDirection dir);
extern int64 alexgetbitmap(IndexScanDesc scan, TIDBitmap *tbm);
extern void alexendscan(IndexScanDesc scan);
extern void alexmarkpos(IndexScanDesc scan);
extern void alexrestrpos(IndexScanDesc scan);

#endif
