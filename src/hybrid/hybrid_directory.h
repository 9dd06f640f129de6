/*
 * hybrid_directory.h
 *		The metapage and the directory of an omendb table.
 *
 * README.md has the locks.  Reading gives a decoded copy that a backend keeps and
 * checks against (file_id, generation) of the metapage.
 */
#ifndef HYBRID_DIRECTORY_H
#define HYBRID_DIRECTORY_H

#include "storage/block.h"
#include "storage/buf.h"
#include "utils/relcache.h"

#include "base/check.h"
#include "hybrid/hybrid_format.h"

/* an entry and where it stands */
typedef struct HyDirEntry
{
	HyEntry entry;
	BlockNumber block;
	uint32 slot;
} HyDirEntry;

/* opaque blocks [start, end) */
typedef struct HyRun
{
	BlockNumber start;
	BlockNumber end;
} HyRun;

typedef struct HyDirectory
{
	uint64 file_id;
	uint64 generation;
	uint64 moves;		/* as in the metapage: while it is the same, entries stay in their slots */
	uint32 group_count; /* entries[0 .. group_count): state GROUP, ascending first_row */
	uint32 entry_count; /* all entries that are not EMPTY */
	HyDirEntry *entries;
	uint32 run_count; /* ascending, not adjacent, metapage included */
	HyRun *runs;
} HyDirectory;

/*
 * hy_directory --- the table's directory as of now.
 *
 * Valid until the next call of any function of this header: copy what is to live
 * longer.  Takes share locks on metapage and directory pages.
 */
extern const HyDirectory *hy_directory(Relation rel);

/* entry of the group with this id, or NULL */
extern const HyDirEntry *hy_directory_group(const HyDirectory *dir, uint64 group_id);

/* entry of the group that covers row number `row`, or NULL */
extern const HyDirEntry *hy_directory_find(const HyDirectory *dir, uint64 row);

/* the first run that ends behind `block`: index into runs, or run_count */
extern uint32 hy_directory_run_after(const HyRun *runs, uint32 run_count, BlockNumber block);

/* copy of the metapage; false if the file is empty */
extern bool hy_meta_read(Relation rel, HyMeta *meta);

/* is there such a block of the file?  A damaged one must not come to the storage manager. */
extern bool hy_block_exists(Relation rel, BlockNumber block);

/* contents of a new table's metapage in `page` */
extern void hy_meta_page_init(char *page);

/* pages of one record besides the metapage and a directory page */
#define HY_CHANGE_OTHERS 2

/*
 * Exclusive access to the directory.  The metapage stays exclusively locked
 * from begin to end/abort; errors release it as they release any buffer lock.
 */
typedef struct HyChange
{
	Relation rel;
	Buffer meta_buffer;
	HyMeta meta; /* copy: change it, commit logs it */
	/* other opaque pages, exclusively locked, and a PATCH op for each: into the same record */
	int other_count;
	Buffer other_buffers[HY_CHANGE_OTHERS];
	const struct HyPatch *other_patches[HY_CHANGE_OTHERS];
} HyChange;

extern void hy_change_begin(HyChange *change, Relation rel);

/*
 * Log and apply: the metapage and up to two entries (then generation + 1 is set here) of the directory
 * page `block` in one record.  Locks the directory page; leaves the metapage locked.
 */
extern void hy_change_commit(HyChange *change, HyRecord record, BlockNumber block,
							 const uint32 *slots, const HyEntry *entries, int count);
extern void hy_change_end(HyChange *change);

/* add a page to the record: exclusively locked by the caller, who keeps `patch` until the record is written */
extern void hy_change_add(HyChange *change, Buffer buffer, const struct HyPatch *patch);

/* entries of at most two directory pages that a record changes: HY_CHANGE_OTHERS less one for each page behind the first */
#define HY_SWAP_ENTRIES 3

/*
 * As hy_change_commit, for entries as they are to be, where they stand, on up to two directory pages: `moves` grows, too, so that whoever has
 * read only one of the pages when it happened reads them again.
 */
extern void hy_change_swap(HyChange *change, const HyDirEntry *entries, int count);

/* read an entry under the directory's lock; is one what it was when it was read? */
extern void hy_change_read(HyChange *change, BlockNumber block, uint32 slot, HyEntry *entry);
extern bool hy_change_is(HyChange *change, const HyDirEntry *entry);

/*
 * An EMPTY slot of the directory.  False if there is none: end the change and call
 * hy_directory_extend, holding the extension lock.
 */
extern bool hy_change_find_empty(HyChange *change, BlockNumber *block, uint32 *slot);
/* likewise, on this page of the directory */
extern bool hy_change_find_empty_on(HyChange *change, BlockNumber block, uint32 *slot);
extern void hy_directory_extend(Relation rel);

/*
 * Move a page of the directory into `target`, a pinned heap page that looks empty; false: that is not possible now, for it is in use, or
 * somebody is about to publish an entry of the directory's page.  That stays as it is, in no run.  The caller holds the extension lock.
 */
extern bool hy_directory_move(Relation rel, BlockNumber block, Buffer target);

/* forget the cached copy: its file is being rewritten in place */
extern void hy_directory_forget(Relation rel);

/* account a published group in meta: sign = +1 or -1 */
extern void hy_meta_count_group(HyMeta *meta, const HyEntry *entry, int sign);
extern void hy_meta_count_columns(HyMeta *meta, const ColDesc *columns, int count, int sign);

/* ereport(ERROR), XX001; the block is left in hy_corrupted_block for omendb.check() */
extern BlockNumber hy_corrupted_block;
om_noreturn extern void hy_corrupted(Relation rel, BlockNumber block, const char *detail);

#endif
