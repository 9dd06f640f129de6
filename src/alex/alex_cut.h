/*
 * alex_cut.h
 *		A run of entries -> the blocks that hold it.
 *
 * Pure code.
 */
#ifndef ALEX_CUT_H
#define ALEX_CUT_H

#include "alex/alex_plan.h"

/*
 * alex_cut_run --- fit n live entries in order (any number), and add a plan entry for each block.
 * False if the plan is full.
 */
extern bool alex_cut_run(AlexPlan *plan, const AlexItem *items, uint32 n, AlexForm form);

#endif
