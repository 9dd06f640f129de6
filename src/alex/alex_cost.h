/*
 * alex_cost.h
 *		amcostestimate of access method alex.
 */
#ifndef ALEX_COST_H
#define ALEX_COST_H

#include "nodes/pathnodes.h"

/* alexcostestimate --- what a scan of an alex index costs. */
extern void alexcostestimate(PlannerInfo *root, IndexPath *path, double loop_count,
							 Cost *startup_cost, Cost *total_cost, Selectivity *selectivity,
							 double *correlation, double *pages);

#endif
