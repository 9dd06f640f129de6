/*
 * hybrid_planner.h
 *		What the planner and executor are told about omendb tables.
 */
#ifndef HYBRID_PLANNER_H
#define HYBRID_PLANNER_H

#include "storage/block.h"
#include "utils/relcache.h"

extern void hybrid_relation_estimate_size(Relation rel, int32 *attr_widths, BlockNumber *pages,
										  double *tuples, double *allvisfrac);
extern void hybrid_planner_init(void);

#endif
