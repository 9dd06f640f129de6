/*
 * alex_unlink.h
 *		The ops of page deletion, executed.  Pure code; their bytes are in alex_apply.h.
 */
#ifndef ALEX_UNLINK_H
#define ALEX_UNLINK_H

#include "alex/alex_plan.h"

/*
 * alex_unlink_edit --- of an inner page's entries, items[i] leads to the page that
 * goes and items[i + 1] to its right sibling, which takes over its place: edit
 * items accordingly.  Returns the number left.
 */
extern int alex_unlink_edit(AlexItem *items, int n, int i);

/* alex_lower_first --- the first separator of an inner page becomes its new low fence */
extern void alex_lower_first(AlexItem *items, AlexKey key, uint64 tag);

/* ops, as for alex_apply; plan and image are scratch (image: BLCKSZ + 16 bytes) */
extern bool alex_apply_half_dead(char *page, const char *p, uint32 len);
extern bool alex_apply_merged(char *page);
extern bool alex_apply_deleted(char *page, const char *p, uint32 len);
extern bool alex_apply_set_low(char *page, const char *p, uint32 len, AlexPlan *plan, char *image);
extern bool alex_apply_unlink(char *page, const char *p, uint32 len, AlexPlan *plan, char *image);

#endif
