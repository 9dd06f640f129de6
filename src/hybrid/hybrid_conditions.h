/*
 * hybrid_conditions.h
 *		Tell sequential scans what their plan's filter lets them skip.
 */
#ifndef HYBRID_CONDITIONS_H
#define HYBRID_CONDITIONS_H

extern void hybrid_conditions_init(void);

/*
 * Can conditions on columns of this base type skip?  Then zone maps and Bloom filters of its columns are of use.
 */
extern bool hy_condition_type(Oid type);

#endif
