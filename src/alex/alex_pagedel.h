/*
 * alex_pagedel.h
 *		Deleting empty leaves and merging sparse ones: README.md, "Page deletion".
 */
#ifndef ALEX_PAGEDEL_H
#define ALEX_PAGEDEL_H

#include "storage/block.h"
#include "storage/buf.h"
#include "utils/relcache.h"

/*
 * alex_delete_page --- take an empty leaf out of the tree, and its parent with it if
 * that has no other child.
 *
 * leaf: exclusively locked, live, without unremoved entries.  Returns the number of
 * pages deleted, and then has released the leaf; or 0: the leaf has to stay, and is still
 * locked.  For VACUUM: one process at a time.
 */
extern uint32 alex_delete_page(Relation rel, Buffer leaf);

/* alex_merge_room --- two leaves whose alex_used_bytes are no more together are worth an alex_merge_page. */
extern uint32 alex_merge_room(Relation rel, const char *page);

/*
 * alex_merge_page --- give the entries of a leaf to its right sibling, and take the leaf out of
 * the tree.
 *
 * leaf: locked for cleanup, live.  heir: the right sibling must be this one.  Nothing that VACUUM has still to come to
 * may be among their entries.  Returns and leaves the locks as alex_delete_page does; *used: what is used
 * of the heir then.  For VACUUM: one process at a time.
 */
extern uint32 alex_merge_page(Relation rel, Buffer leaf, BlockNumber heir, uint32 *used);

/*
 * alex_finish_deletion --- unlink a half-dead leaf, and the parent that goes with it,
 * from their siblings.  No lock held.  Returns the number of pages deleted.
 */
extern uint32 alex_finish_deletion(Relation rel, BlockNumber block);

#endif
