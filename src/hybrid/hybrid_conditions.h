/*
 * hybrid_conditions.h
 *		Tell sequential scans what their plan's filter lets them skip.
 */
#ifndef HYBRID_CONDITIONS_H
#define HYBRID_CONDITIONS_H

extern void hybrid_conditions_init(void);

#endif
