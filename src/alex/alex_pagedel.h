/*
 * alex_pagedel.h
 *		Deleting empty pages: README.md, "Page deletion".
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

/*
 * alex_finish_deletion --- unlink a half-dead leaf, and the parent that goes with it,
 * from their siblings.  No lock held.  Returns the number of pages deleted.
 */
extern uint32 alex_finish_deletion(Relation rel, BlockNumber block);

#endif
