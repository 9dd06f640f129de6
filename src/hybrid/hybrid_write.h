/*
 * hybrid_write.h
 *		Write a row group: reserve, pages, publish (README.md).
 */
#ifndef HYBRID_WRITE_H
#define HYBRID_WRITE_H

#include "storage/block.h"
#include "utils/relcache.h"

#include "hybrid/hybrid_format.h"

/* who writes: the entry's xmin and cmin */
typedef struct HyOwner
{
	TransactionId xmin;
	CommandId cmin;
	bool frozen;		  /* visible to all at once */
	bool freezer;		  /* HY_FLAG_FREEZER */
	TransactionId writer; /* in the entry while it is LOADING */
	uint64 group_id;	  /* 0 = a new one */
} HyOwner;

/*
 * Write the stream of a group (rg_builder_encode; its group_id is set here) and
 * publish it; returns its entry.  After an error nothing is published; VACUUM takes back the pages.
 *
 * The caller forgets the rows at once and calls hy_group_published, which may
 * raise an error: in an inner subtransaction the group stays, and rows kept would be there twice.
 */
extern HyEntry hy_write_group(Relation rel, char *stream, Size bytes, const HyOwner *owner);
extern void hy_group_published(Relation rel);

/*
 * Write a dense row map for the group, and name it in the map's root, at `offset` of that page, and in
 * the directory.  Locks nothing meanwhile but what hy_write_group locks.
 */
extern void hy_write_map(Relation rel, const HyEntry *group, uint32 offset);

/* set PD_ALL_VISIBLE's counterpart in the visibility map for a run of opaque pages */
extern void hy_set_all_visible(Relation rel, BlockNumber start, uint32 pages);

#endif
