/*
 * alex_plan.h
 *		What a page becomes when its gap run and tail are merged into the base.
 *
 * Pure code.  The result is a list of plan entries over the *stream*: the
 * page's entries in order, removed ones included.  Each plan entry consumes a
 * number of stream entries and produces one block (or none).  A plan is what
 * REBUILD and SPLIT_LEFT ops carry; alex_apply.c executes it.
 */
#ifndef ALEX_PLAN_H
#define ALEX_PLAN_H

#include "alex/alex_fit.h"

typedef enum AlexPlanKind
{
	ALEX_PLAN_COPY = 1, /* old block, byte for byte; consumes its entries */
	ALEX_PLAN_FIT = 2,	/* the live ones of the consumed entries, with this model */
	ALEX_PLAN_KEEP = 3, /* all consumed entries, removed marks kept */
	ALEX_PLAN_SKIP = 4	/* consumes only removed entries, produces nothing */
} AlexPlanKind;

typedef struct AlexPlanEntry
{
	uint8 kind;
	uint16 old_block; /* COPY */
	uint16 start;	  /* first stream entry consumed */
	uint16 consume;	  /* stream entries consumed */
	uint32 bytes;	  /* directory entry + payload it produces */
	AlexModel model;  /* FIT, KEEP */
} AlexPlanEntry;

/*
 * A plan costs at most what the page had plus the bound of rule F4 (about
 * 13 kB), and each block costs more than 44 bytes: a third of this at most.  A
 * fresh fit that would take more is given up for slices.
 */
#define ALEX_PLAN_MAX (BLCKSZ / 8)

typedef struct AlexPlan
{
	int nstream;
	int count;
	uint32 bytes; /* of all blocks, directory entries included */
	uint32 nbase; /* entries in them */
	uint32 nlive; /* of those, not removed */
	AlexItem stream[ALEX_ITEMS_MAX];
	uint16 origin[ALEX_ITEMS_MAX];
	AlexPlanEntry entries[ALEX_PLAN_MAX];
} AlexPlan;

/* add an entry for a block with this model; false if the plan is full */
extern bool alex_plan_add(AlexPlan *plan, AlexPlanKind kind, const AlexModel *m, AlexForm form);

/*
 * alex_plan_merge --- plan the merge of everything on the page.
 *
 * drops: entries to leave out (bitmap as for alex_page_decode), or NULL.
 * Returns false if the page is damaged.
 */
extern bool alex_plan_merge(const char *page, const uint8 *drops, AlexPlan *plan);

/* plan the blocks for the tail alone; stream = the tail's entries */
extern bool alex_plan_seal(const char *page, AlexPlan *plan);

/*
 * alex_plan_items --- fit n sorted live entries, appended to plan->stream at
 * plan->nstream before the call (bulk build).  Adds plan entries for them.
 * False if the plan is full: many more than a page's worth of bad entries.
 */
extern bool alex_plan_items(AlexPlan *plan, int first, int n, AlexForm form);

/*
 * alex_plan_split --- choose where to cut a merge plan in two so that about
 * left_percent of the bytes stay left (50, or more on the rightmost page).
 *
 * On return entries [0, *cut) go left and [*cut, count) right (a block may
 * have been cut in two by slicing its model); *cut_stream is the first stream
 * entry that goes right.  False if the plan cannot be cut (fewer than two
 * live entries: then something is wrong with the page).
 */
extern bool alex_plan_split(const char *page, AlexPlan *plan, AlexForm form, uint32 left_percent,
							int *cut, int *cut_stream);

/* fill in what follows from the entries: starts and totals; false if they do not cover the stream */
extern bool alex_plan_finish(AlexPlan *plan);

/* serialised form, for WAL; returns the bytes, at most max (0 = does not fit) */
extern uint32 alex_plan_write(const AlexPlan *plan, int from, int to, AlexForm form, char *dst,
							  uint32 max);
/* reads entries into plan->entries, computing start/bytes/nbase; false = invalid */
extern bool alex_plan_read(const char *page, const char *src, uint32 len, AlexPlan *plan);

/* worst case of alex_plan_write for a page */
#define ALEX_PLAN_BYTES_MAX (ALEX_PLAN_MAX * (4 + sizeof(AlexModel)))

#endif
