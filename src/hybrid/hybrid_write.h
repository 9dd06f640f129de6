/*
 * hybrid_write.h
 *		Write a row group: reserve, pages, publish (README.md).
 */
#ifndef HYBRID_WRITE_H
#define HYBRID_WRITE_H

#include "storage/block.h"
#include "storage/buf.h"
#include "utils/relcache.h"

#include "hybrid/hybrid_directory.h"

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

/*
 * Make *entry a free run of its first `pages` pages, of an aborted or unfinished writer; or of a group whose rows snapshots have read, and
 * may be reading still.
 */
extern void hy_make_free(HyEntry *entry, uint32 pages);
extern void hy_make_free_read(HyEntry *entry);

/* where the pages of a reserved run come from */
typedef enum HyRunKind
{
	HY_RUN_ADDED, /* they are added to the file; the extension lock is held */
	HY_RUN_FREE,  /* opaque ones of a free run */
	HY_RUN_HOT	  /* empty heap pages */
} HyRunKind;

/* a run being filled, and its entry */
typedef struct HyReserved
{
	HyRunKind kind;
	HyDirEntry dir;
} HyReserved;

/*
 * Reserve the `pages` blocks from `start` on: the beginning of a free run, or, with `hot`, heap pages that look empty.  False: they
 * are not to be had.  Or, with InvalidBlockNumber, so many anywhere.  Logged; no lock is kept but, for HY_RUN_ADDED, the extension lock.
 */
extern bool hy_reserve_at(Relation rel, BlockNumber start, uint32 pages, bool hot,
						  const HyOwner *owner, HyReserved *reserved);

/*
 * Reserve a run for a stream of so many bytes and a row map behind it.  `directory`: the entry must be on this page of the directory; false: there is
 * no room.  Else InvalidBlockNumber.  May hold the extension lock afterwards, as above.
 */
extern bool hy_reserve_on(Relation rel, BlockNumber directory, Size bytes, const HyOwner *owner,
						  HyReserved *reserved);

/* fill a reserved run with the stream and an empty row map */
extern void hy_write_stream(Relation rel, char *stream, Size bytes, const HyReserved *reserved);

/* page of the run that has the root of the row map, behind a stream of so many bytes */
extern uint32 hy_root_index(Size bytes);

/* page i of the run, exclusively locked, to be overwritten; InvalidBuffer: it is in use, and hy_reserve_undo has to follow */
extern Buffer hy_run_page(Relation rel, const HyReserved *reserved, uint32 i);

/* all pages of the run are there */
extern void hy_end_filling(Relation rel, const HyReserved *reserved);

/* make a locked page an opaque one with the header and payload of `copy`, and log it whole */
extern void hy_put_page(Relation rel, Buffer buffer, const char *copy);

/* the same for the root of a row map that nobody can see yet, which may have a record of its own */
extern void hy_put_root(Relation rel, BlockNumber block, const char *copy);

/* give a reserved run back, of which the first `written` pages are opaque by now */
extern void hy_reserve_undo(Relation rel, const HyReserved *reserved, uint32 written);

#endif
