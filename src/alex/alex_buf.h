/*
 * alex_buf.h
 *		Pages of an alex index in shared buffers: read, check, allocate, descend.
 */
#ifndef ALEX_BUF_H
#define ALEX_BUF_H

#include "storage/bufmgr.h"
#include "utils/rel.h"

#include "alex/alex_key.h"
#include "alex/alex_page.h"

/*
 * What a backend remembers of an index, in rd_amcache: gone with every relcache
 * invalidation of the index.
 */
typedef struct AlexCache
{
	AlexKeyInfo info;
	BlockNumber root; /* a hint: accepted only while the page carries ROOT */
	uint32 level;
	bool generic_noted; /* ALEX_META_GENERIC is known to be set */

	/* the leaf an append went to last, or ALEX_METAPAGE, and that entry's key: a hint, too */
	BlockNumber rightmost;
	Buffer rightmost_buffer; /* where it was last */
	AlexKey rightmost_key;

	/* of alex_cache.c, zero at first */
	bool size_checked;	/* the model cache knows the file's size */
	uint16 root_visits; /* while it has no copy of the root */
	uint64 cached_generation;
	void *cached; /* its entry, if that is of this generation */
} AlexCache;

/*
 * alex_cache --- the cache entry, made from the metapage if there is none.
 * Valid until the next relcache invalidation, so copy out what must last.  Reads
 * the metapage under a share lock: no page lock may be held by the caller
 * unless the entry is known to exist.
 */
extern AlexCache *alex_cache(Relation rel);

/*
 * alex_getbuf --- read, lock and check a tree page.  XX002 if it is not a
 * live page of this level.  The result is pinned and locked in `mode`.
 */
extern Buffer alex_getbuf(Relation rel, BlockNumber block, int mode, uint32 level);

/*
 * alex_trybuf --- the same for a block that a hint names: InvalidBuffer unless it is a live page
 * of this level with sane fences, and not one this backend has locked.
 */
extern Buffer alex_trybuf(Relation rel, BlockNumber block, int mode, uint32 level);

/*
 * alex_getbuf_linked --- the same for a sibling link followed under the lock of the
 * page that has it: such a page may be half-dead.
 */
extern Buffer alex_getbuf_linked(Relation rel, BlockNumber block, int mode, uint32 level);

/* check a locked page that must be a live tree page of this level */
extern void alex_check_buf(Relation rel, Buffer buf, uint32 level);

/* metapage, pinned and locked, checked */
extern Buffer alex_getmeta(Relation rel, int mode);

static inline AlexMeta *
alex_meta(Buffer buf)
{
	return (AlexMeta *) ((char *) BufferGetPage(buf) + ALEX_PAGE_HEADER_BYTES);
}

static inline char *
alex_page(Buffer buf)
{
	return (char *) BufferGetPage(buf);
}

/*
 * alex_allocbuf --- a page nobody refers to: all zeroes, or deleted so long ago that
 * nobody can be on the way to it; pinned, exclusively locked.  It stays as it is until
 * the record that links it, so that an error in between leaves a page VACUUM recognises
 * as free.
 */
extern Buffer alex_allocbuf(Relation rel);

/* may this locked page be used for something else? */
extern bool alex_page_recyclable(Buffer buf);

/*
 * alex_descend --- the page of `level` whose range holds the target.
 *
 * Returns it pinned and locked in `mode`: low <= target < high, or, with strict,
 * low < target <= high (to read entries below the target).  Locks one page at
 * a time, so a page it is on the way to may be deleted meanwhile: it starts again.  A
 * writer (for_write) finishes every incomplete split it meets and starts again; it may hold
 * locks on pages of lower levels only.
 *
 * To a leaf, and not for_write, the model cache may know the way: then only the leaf
 * is read.
 */
extern Buffer alex_descend(Relation rel, uint32 level, AlexKey key, uint64 tag, bool strict,
						   int mode, bool for_write);

/*
 * alex_descend_range --- the leaf that holds `low`, share-locked.  The operating system is asked for the leaves that, as
 * the model cache has it, follow it and begin below `upto`, as many as effective_io_concurrency says; *ahead gets
 * their number.
 *
 * alex_prefetch_leaves --- the same for the leaf that begins at `from` and those that follow it.
 */
extern Buffer alex_descend_range(Relation rel, AlexRawEntry low, AlexRawEntry upto, uint32 *ahead);
extern uint32 alex_prefetch_leaves(Relation rel, AlexRawEntry from, AlexRawEntry upto);

/*
 * alex_find_leaf --- the leaf for an entry by hints alone: the rightmost leaf if the entry goes
 * behind the last append, or what the model cache says.  Exclusively locked, not INCOMPLETE_SPLIT,
 * its fences enclose the entry; but it may be the right half of an unfinished split, without
 * a downlink, so it must not be split.  InvalidBuffer: descend.
 */
extern Buffer alex_find_leaf(Relation rel, AlexKey key, uint64 tag);

/* an entry with this key becomes the last one of a leaf: remember it, if that is the rightmost */
extern void alex_note_rightmost(Relation rel, Buffer leaf, AlexKey key);

/*
 * alex_step_right --- unlock and release buf, return the page of its level, locked, that
 * holds what comes behind it: its right sibling, or what took that one's place.
 */
extern Buffer alex_step_right(Relation rel, Buffer buf, int mode);

/* before the first change of an index in generic mode (rule W4); no page lock held */
extern void alex_note_generic(Relation rel);

/* alex_generic_written --- was that ever called for this index? */
extern bool alex_generic_written(Relation rel);

#endif
