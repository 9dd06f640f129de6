/*
 * alex_buf.c
 *		Pages of an alex index in shared buffers: read, check, allocate, descend.
 *
 * The lock protocol is README.md's; contracts are in alex_buf.h.
 */
#include "postgres.h"

#include "access/relation.h"
#include "access/transam.h"
#include "access/xact.h"
#include "miscadmin.h"
#include "storage/freespace.h"
#include "storage/indexfsm.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "alex/alex_apply.h"
#include "alex/alex_buf.h"
#include "alex/alex_cache.h"
#include "alex/alex_lookup.h"
#include "alex/alex_split.h"
#include "alex/alex_wal.h"
#include "base/check.h"
#include "base/pg_compat.h"
#include "base/recent.h"

/* how far right of the page that the model cache names its leaf is looked for */
#define ROUTE_STEPS_MAX 3

/* ---- reading pages ---- */

/* NULL, or why the page is not a tree page of this level without one of these flags */
static const char *
page_problem(Buffer buf, uint32 level, uint16 flags)
{
	const char *page = alex_page(buf);
	const AlexPageOpaque *o = alex_opaque(page);
	const char *problem;

	if (PageIsNew(BufferGetPage(buf)))
		return "unexpected zero page";
	problem = alex_page_check_header(page);
	if (problem != NULL)
		return problem;
	if (o->kind == ALEX_KIND_META)
		return "metapage where a tree page was expected";
	if (o->level != level)
		return "page is not of the expected level";
	if (o->flags & flags)
		return "deleted page is still linked";
	/* siblings continue each other's fences: a walk to the right always ends */
	if (!alex_page_fences_ascend(page))
		return "low fence is not below the high fence";
	return NULL;
}

void
alex_check_buf(Relation rel, Buffer buf, uint32 level)
{
	const char *problem = page_problem(buf, level, ALEX_DELETED | ALEX_HALF_DEAD);

	if (problem != NULL)
		om_index_corrupted(rel, BufferGetBlockNumber(buf), problem);
}

/* pin and lock, unchecked */
static Buffer
lock_block(Relation rel, BlockNumber block, int mode)
{
	Buffer buf;

	if (block == InvalidBlockNumber || block == ALEX_METAPAGE)
		om_index_corrupted(rel, block, "link to no page");
	buf = ReadBuffer(rel, block);
	if (unlikely(om_buffer_locked_by_me(buf)))
		om_index_corrupted(rel, block, "link leads back to a page on the way");
	LockBuffer(buf, mode);
	return buf;
}

Buffer
alex_getbuf(Relation rel, BlockNumber block, int mode, uint32 level)
{
	Buffer buf = lock_block(rel, block, mode);

	alex_check_buf(rel, buf, level);
	return buf;
}

/*
 * Pin a block, asking for its first lines of memory early.  If it still is in the buffer `recent`,
 * the buffer table need not be searched (base/recent.h).
 */
static inline Buffer
pin_block(Relation rel, BlockNumber block, Buffer recent)
{
	Buffer buf;

	if (om_recent_turn(rel, recent))
	{
		alex_page_prefetch((const char *) BufferGetBlock(recent));
		if (om_recent_pin(rel, block, recent))
			return recent;
	}
	buf = ReadBuffer(rel, block);
	alex_page_prefetch(alex_page(buf));
	return buf;
}

/* alex_trybuf, for a block that may still be in the buffer `recent` */
static inline Buffer
try_block(Relation rel, BlockNumber block, int mode, uint32 level, Buffer recent)
{
	Buffer buf;
	const char *page;

	if (block == InvalidBlockNumber || block == ALEX_METAPAGE)
		return InvalidBuffer;
	buf = pin_block(rel, block, recent);
	if (unlikely(om_buffer_locked_by_me(buf)))
	{
		ReleaseBuffer(buf);
		return InvalidBuffer;
	}
	LockBuffer(buf, mode);
	page = alex_page(buf);
	if (likely(!PageIsNew(BufferGetPage(buf)) && alex_page_check_header(page) == NULL &&
			   alex_opaque(page)->kind != ALEX_KIND_META && alex_opaque(page)->level == level &&
			   !(alex_opaque(page)->flags & (ALEX_DELETED | ALEX_HALF_DEAD)) &&
			   alex_page_fences_ascend(page)))
		return buf;
	UnlockReleaseBuffer(buf);
	return InvalidBuffer;
}

Buffer
alex_trybuf(Relation rel, BlockNumber block, int mode, uint32 level)
{
	return try_block(rel, block, mode, level, InvalidBuffer);
}

Buffer
alex_getbuf_linked(Relation rel, BlockNumber block, int mode, uint32 level)
{
	Buffer buf = lock_block(rel, block, mode);
	const char *problem = page_problem(buf, level, ALEX_DELETED);

	if (problem != NULL)
		om_index_corrupted(rel, block, problem);
	return buf;
}

Buffer
alex_getmeta(Relation rel, int mode)
{
	Buffer buf = ReadBuffer(rel, ALEX_METAPAGE);
	const char *page;
	const AlexMeta *meta;
	const char *problem;

	LockBuffer(buf, mode);
	page = alex_page(buf);
	if (PageIsNew(BufferGetPage(buf)))
		om_index_corrupted(rel, ALEX_METAPAGE, "unexpected zero page");
	problem = alex_page_check_header(page);
	meta = alex_meta(buf);
	if (problem != NULL)
		om_index_corrupted(rel, ALEX_METAPAGE, problem);
	if (alex_opaque(page)->kind != ALEX_KIND_META || meta->magic != ALEX_MAGIC)
		om_index_corrupted(rel, ALEX_METAPAGE, "not an alex metapage");
	if (meta->version < ALEX_VERSION_MIN || meta->version > ALEX_VERSION)
		om_index_version_mismatch(rel, meta->version, ALEX_VERSION, ALEX_VERSION_MIN);
	if ((meta->keybytes != 8 && meta->keybytes != 16) || meta->level > ALEX_LEVEL_MAX ||
		(meta->flags & ~ALEX_META_FLAGS_VALID))
		om_index_corrupted(rel, ALEX_METAPAGE, "metapage fields are not valid");
	return buf;
}

AlexCache *
alex_cache(Relation rel)
{
	AlexCache *cache = (AlexCache *) rel->rd_amcache;
	AlexKeyInfo info;
	AlexMeta meta;
	Buffer buf;

	if (likely(cache != NULL))
		return cache;
	alex_key_info(rel, &info);
	buf = alex_getmeta(rel, BUFFER_LOCK_SHARE);
	meta = *alex_meta(buf);
	UnlockReleaseBuffer(buf);
	alex_key_check_meta(rel, &info, &meta);

	cache = (AlexCache *) MemoryContextAllocZero(rel->rd_indexcxt, sizeof(AlexCache));
	cache->info = info;
	cache->root = meta.root;
	cache->level = meta.level;
	cache->generic_noted = (meta.flags & ALEX_META_GENERIC) != 0;
	rel->rd_amcache = cache;
	return cache;
}

/* read the root's place again */
static void
refresh_root(Relation rel, BlockNumber *root, uint32 *level)
{
	Buffer buf = alex_getmeta(rel, BUFFER_LOCK_SHARE);

	*root = alex_meta(buf)->root;
	*level = alex_meta(buf)->level;
	UnlockReleaseBuffer(buf);
	if (rel->rd_amcache != NULL)
	{
		AlexCache *cache = (AlexCache *) rel->rd_amcache;

		cache->root = *root;
		cache->level = *level;
	}
}

/* ---- allocation ---- */

bool
alex_page_recyclable(Buffer buf)
{
	const char *page = alex_page(buf);

	if (PageIsNew(BufferGetPage(buf)))
		return true;
	if (alex_page_check_header(page) != NULL || alex_opaque(page)->kind == ALEX_KIND_META ||
		!(alex_opaque(page)->flags & ALEX_DELETED))
		return false;
	/* whoever might still have a link to it holds back the horizon; of all databases, to be safe */
	return GlobalVisCheckRemovableFullXid(NULL,
										  FullTransactionIdFromU64(alex_opaque(page)->safexid));
}

Buffer
alex_allocbuf(Relation rel)
{
	/*
	 * The free space map is only a hint: it may name a page that is in use, even
	 * one we hold locked, or one twice.  So never wait for its lock, and take it
	 * only if it is free under the lock.
	 */
	for (;;)
	{
		BlockNumber block = GetFreeIndexPage(rel);
		Buffer buf;

		if (block == InvalidBlockNumber)
			break;
		buf = ReadBuffer(rel, block);
		if (ConditionalLockBuffer(buf))
		{
			if (alex_page_recyclable(buf))
			{
				/* a standby's scan may be on the way to it, as ours were */
				if (!PageIsNew(BufferGetPage(buf)))
					om_log_conflict_full(
						rel, FullTransactionIdFromU64(alex_opaque(alex_page(buf))->safexid), false);
				return buf;
			}
			UnlockReleaseBuffer(buf);
		}
		else
			ReleaseBuffer(buf);
	}
	return om_extend_locked(rel, MAIN_FORKNUM);
}

/* ---- descent ---- */

Buffer
alex_step_right(Relation rel, Buffer buf, int mode)
{
	const char *page = alex_page(buf);
	BlockNumber block = BufferGetBlockNumber(buf);
	BlockNumber next = alex_opaque(page)->right;
	uint32 level = alex_opaque(page)->level;
	AlexRawEntry high = alex_page_high(page);

	UnlockReleaseBuffer(buf);
	CHECK_FOR_INTERRUPTS();
	if (next == InvalidBlockNumber || next == block)
		om_index_corrupted(rel, block, "right link is missing");
	buf = lock_block(rel, next, mode);
	if (page_problem(buf, level, ALEX_DELETED | ALEX_HALF_DEAD) == NULL &&
		alex_page_starts_at(alex_page(buf), high))
		return buf;
	/* deleted meanwhile, or damaged: what the descent finds */
	UnlockReleaseBuffer(buf);
	return alex_descend(rel, level, high.key, high.tag, false, mode, false);
}

static inline bool
must_step_right(const char *page, AlexKey key, uint64 tag, bool strict)
{
	AlexRawEntry high;

	if (!strict)
		return alex_page_beyond(page, key, tag);
	high = alex_page_high(page);
	return !(alex_opaque(page)->flags & ALEX_HIGH_INF) && alex_less(high.key, high.tag, key, tag);
}

/*
 * A writer met a page whose right sibling has no downlink.  buf is pinned and
 * locked in `mode`; everything is released.
 */
static void
finish_met_split(Relation rel, Buffer buf, int mode)
{
	uint32 level = alex_opaque(alex_page(buf))->level;

	if (mode != BUFFER_LOCK_EXCLUSIVE)
	{
		LockBuffer(buf, BUFFER_LOCK_UNLOCK);
		LockBuffer(buf, BUFFER_LOCK_EXCLUSIVE);
		alex_check_buf(rel, buf, level);
	}
	if (alex_opaque(alex_page(buf))->flags & ALEX_INCOMPLETE_SPLIT)
		alex_finish_split(rel, buf);
	else
		UnlockReleaseBuffer(buf);
}

/* what alex_descend was asked for, and what was in its way */
typedef struct Descent
{
	uint32 level;
	AlexKey key;
	uint64 tag;
	bool strict;
	int mode;
	bool for_write;
	const char *problem; /* with the page at a link's end */
	BlockNumber block;	 /* that page */
	/* a range: its end, or NULL, and how many of its further leaves have been asked for */
	const AlexRawEntry *upto;
	uint32 ahead;
} Descent;

/*
 * Each time a descent starts again because of a page, that page has been deleted
 * between the reading of a link and the locking of the page.  So often that does not happen.
 */
#define DESCENTS_MAX 100

/* does the page begin behind the target? */
static inline bool
starts_right_of(const char *page, const Descent *d)
{
	AlexRawEntry low;

	if (!d->strict)
		return alex_page_below(page, d->key, d->tag);
	low = alex_page_low(page);
	return !(alex_opaque(page)->flags & ALEX_LOW_INF) &&
		   !alex_less(low.key, low.tag, d->key, d->tag);
}

/*
 * The page at the end of a link, locked, if it is what the link promises; else
 * InvalidBuffer, and d->problem says what is wrong with it.
 */
static Buffer
follow(Relation rel, BlockNumber block, int mode, uint32 level, Descent *d, const char *misplaced)
{
	Buffer buf = lock_block(rel, block, mode);

	d->problem = page_problem(buf, level, ALEX_DELETED | ALEX_HALF_DEAD);
	if (likely(d->problem == NULL && !starts_right_of(alex_page(buf), d)))
		return buf;
	if (d->problem == NULL)
		d->problem = misplaced;
	d->block = block;
	UnlockReleaseBuffer(buf);
	return InvalidBuffer;
}

/*
 * One attempt from a given root.  InvalidBuffer: start again; *stale says that
 * this was because the page is not the root, d->problem that it was because of a page.
 */
static Buffer
descend_once(Relation rel, BlockNumber root, uint32 root_level, Descent *d, bool *stale)
{
	BlockNumber block = root;

	d->problem = NULL;
	for (uint32 level = root_level;; level--)
	{
		int page_mode = level == d->level ? d->mode : BUFFER_LOCK_SHARE;
		Buffer buf =
			follow(rel, block, page_mode, level, d, "downlink leads to a page right of its range");
		const char *page;
		AlexItem child;

		if (!BufferIsValid(buf))
			return InvalidBuffer;
		page = alex_page(buf);
		if (block == root && level == root_level && !(alex_opaque(page)->flags & ALEX_ROOT))
		{
			UnlockReleaseBuffer(buf);
			*stale = true;
			return InvalidBuffer;
		}
		for (;;)
		{
			BlockNumber next;
			AlexRawEntry high;

			/* before stepping right: a writer never enters an unlinked right half */
			if (d->for_write && (alex_opaque(page)->flags & ALEX_INCOMPLETE_SPLIT))
			{
				finish_met_split(rel, buf, page_mode);
				return InvalidBuffer;
			}
			if (!must_step_right(page, d->key, d->tag, d->strict))
				break;
			block = BufferGetBlockNumber(buf);
			next = alex_opaque(page)->right;
			high = alex_page_high(page);
			UnlockReleaseBuffer(buf);
			CHECK_FOR_INTERRUPTS();
			if (next == InvalidBlockNumber || next == block)
				om_index_corrupted(rel, block, "right link is missing");
			buf = follow(rel, next, page_mode, level, d,
						 "low fence differs from the left sibling's high fence");
			if (!BufferIsValid(buf))
				return InvalidBuffer;
			page = alex_page(buf);
			/* fences ascend from page to page, so a walk over damaged links ends */
			if (!alex_page_starts_at(page, high))
			{
				d->problem = "low fence differs from the left sibling's high fence";
				d->block = next;
				UnlockReleaseBuffer(buf);
				return InvalidBuffer;
			}
		}
		if (level == d->level)
			return buf;
		block = BufferGetBlockNumber(buf);
		if (!alex_inner_child(page, d->key, d->tag, d->strict, &child))
			om_index_corrupted(rel, block, "inner page cannot be searched");
		UnlockReleaseBuffer(buf);
		block = child.child;
	}
}

/*
 * Straight to the leaf, as the model cache says.  InvalidBuffer: it does not know, or
 * the page it named and a few to the right of it are not the leaf.
 */
static Buffer
try_route(Relation rel, Descent *d)
{
	AlexRoute route;
	Buffer buf;

	if (!alex_cache_route(rel, d->key, d->tag, d->strict, &route))
		return InvalidBuffer;
	if (d->upto != NULL)
		d->ahead = alex_cache_prefetch(rel, &route, 1, *d->upto);
	buf = try_block(rel, route.block, d->mode, 0,
					route.buffer != NULL ? *route.buffer : InvalidBuffer);
	for (int steps = 0; BufferIsValid(buf); steps++)
	{
		const char *page = alex_page(buf);
		AlexRawEntry high;
		BlockNumber next;

		if (starts_right_of(page, d))
			break;
		if (d->for_write && (alex_opaque(page)->flags & ALEX_INCOMPLETE_SPLIT))
		{
			/* for a descent to finish; the way there was not wrong */
			UnlockReleaseBuffer(buf);
			return InvalidBuffer;
		}
		if (!must_step_right(page, d->key, d->tag, d->strict))
		{
			if (steps == 0 && route.buffer != NULL)
				*route.buffer = buf;
			alex_cache_report(rel, &route, steps == 0 ? ALEX_ROUTE_HIT : ALEX_ROUTE_STEPPED);
			return buf;
		}
		if (steps == ROUTE_STEPS_MAX)
			break;
		/* a link is a hint here, too: what it leads to must continue this page */
		high = alex_page_high(page);
		next = alex_opaque(page)->right;
		UnlockReleaseBuffer(buf);
		buf = alex_trybuf(rel, next, d->mode, 0);
		if (BufferIsValid(buf) && !alex_page_starts_at(alex_page(buf), high))
			break;
	}
	if (BufferIsValid(buf))
		UnlockReleaseBuffer(buf);
	alex_cache_report(rel, &route, ALEX_ROUTE_MISSED);
	return InvalidBuffer;
}

/* the leaf this backend appended to last, if the entry is an append, too, and it is still rightmost */
static Buffer
try_rightmost(Relation rel, const Descent *d)
{
	AlexCache *cache = alex_cache(rel);
	Buffer buf;

	if (cache->rightmost == ALEX_METAPAGE || d->key < cache->rightmost_key)
		return InvalidBuffer;
	buf = try_block(rel, cache->rightmost, d->mode, 0, cache->rightmost_buffer);
	if (!BufferIsValid(buf))
		return InvalidBuffer;
	if ((alex_opaque(alex_page(buf))->flags & (ALEX_HIGH_INF | ALEX_INCOMPLETE_SPLIT)) ==
			ALEX_HIGH_INF &&
		!starts_right_of(alex_page(buf), d))
		return buf;
	UnlockReleaseBuffer(buf);
	cache->rightmost = ALEX_METAPAGE;
	return InvalidBuffer;
}

Buffer
alex_find_leaf(Relation rel, AlexKey key, uint64 tag)
{
	Descent d = { .key = key, .tag = tag, .mode = BUFFER_LOCK_EXCLUSIVE, .for_write = true };
	Buffer buf = try_rightmost(rel, &d);

	return BufferIsValid(buf) ? buf : try_route(rel, &d);
}

void
alex_note_rightmost(Relation rel, Buffer leaf, AlexKey key)
{
	AlexCache *cache = (AlexCache *) rel->rd_amcache;

	if (cache != NULL && (alex_opaque(alex_page(leaf))->flags & ALEX_HIGH_INF))
	{
		cache->rightmost = BufferGetBlockNumber(leaf);
		cache->rightmost_buffer = leaf;
		cache->rightmost_key = key;
	}
}

static Buffer
descend(Relation rel, Descent *d)
{
	AlexCache *cache = alex_cache(rel);
	BlockNumber root = cache->root;
	uint32 root_level = cache->level;
	bool fresh = false;
	int in_the_way = 0;

	if (d->level == 0 && !d->for_write)
	{
		Buffer buf = try_route(rel, d);

		if (BufferIsValid(buf))
			return buf;
	}

	for (;;)
	{
		Buffer buf = InvalidBuffer;
		BlockNumber tried = root;
		bool stale = false;

		/* a cached root may be too low by now; the metapage's may not */
		if (root_level < d->level && fresh)
			om_index_corrupted(rel, root, "root page is split but has no parent");
		if (root_level >= d->level)
			buf = descend_once(rel, root, root_level, d, &stale);
		if (BufferIsValid(buf))
			return buf;
		CHECK_FOR_INTERRUPTS();
		if (d->problem != NULL && ++in_the_way >= DESCENTS_MAX)
			om_index_corrupted(rel, d->block, d->problem);
		refresh_root(rel, &root, &root_level);
		/* a new root is always another page */
		if (stale && fresh && root == tried)
			om_index_corrupted(rel, root, "the metapage's root page is not marked as root");
		fresh = true;
	}
}

Buffer
alex_descend(Relation rel, uint32 level, AlexKey key, uint64 tag, bool strict, int mode,
			 bool for_write)
{
	Descent d = { .level = level,
				  .key = key,
				  .tag = tag,
				  .strict = strict,
				  .mode = mode,
				  .for_write = for_write,
				  .block = InvalidBlockNumber };

	return descend(rel, &d);
}

Buffer
alex_descend_range(Relation rel, AlexRawEntry low, AlexRawEntry upto, uint32 *ahead)
{
	Descent d = { .key = low.key,
				  .tag = low.tag,
				  .mode = BUFFER_LOCK_SHARE,
				  .block = InvalidBlockNumber,
				  .upto = &upto };
	Buffer buf = descend(rel, &d);

	*ahead = d.ahead;
	return buf;
}

uint32
alex_prefetch_leaves(Relation rel, AlexRawEntry from, AlexRawEntry upto)
{
	AlexRoute route;

	return alex_cache_route(rel, from.key, from.tag, false, &route)
			   ? alex_cache_prefetch(rel, &route, 0, upto)
			   : 0;
}

/* ---- rule W4 ---- */

void
alex_note_generic(Relation rel)
{
	AlexCache *cache;
	Buffer buf;
	TransactionId xid;

	if (om_wal_preloaded() || !RelationNeedsWAL(rel))
		return;
	cache = alex_cache(rel);
	if (likely(cache->generic_noted))
		return;

	/* every snapshot that a standby has while our xid runs there counts the xid as running */
	xid = IsInParallelMode() ? GetTopTransactionIdIfAny() : GetTopTransactionId();
	if (!TransactionIdIsValid(xid))
	{
		xid = ReadNextTransactionId();
		TransactionIdRetreat(xid);
	}

	buf = alex_getmeta(rel, BUFFER_LOCK_EXCLUSIVE);
	if (!(alex_meta(buf)->flags & ALEX_META_GENERIC))
	{
		char op[16];
		OmWal wal;

		om_wal_begin(&wal, rel, OM_WAL_ALEX, ALEX_REC_META);
		om_wal_add(&wal, buf, 0, op, alex_op_meta_flag(op, ALEX_META_GENERIC));
		om_wal_commit(&wal);
		/*
		 * Index-only scans that standbys have begun rely on redo to wait for
		 * their pins, which it will not do from now on: end them.
		 */
		om_log_conflict(rel, xid, false);
	}
	UnlockReleaseBuffer(buf);
	/* the cache may have been invalidated meanwhile */
	if (rel->rd_amcache != NULL)
		((AlexCache *) rel->rd_amcache)->generic_noted = true;
}

bool
alex_generic_written(Relation rel)
{
	Buffer buf;
	bool written;

	if (alex_cache(rel)->generic_noted)
		return true;
	/* on a standby the cache hears of no change of the metapage */
	buf = alex_getmeta(rel, BUFFER_LOCK_SHARE);
	written = (alex_meta(buf)->flags & ALEX_META_GENERIC) != 0;
	UnlockReleaseBuffer(buf);
	if (rel->rd_amcache != NULL)
		((AlexCache *) rel->rd_amcache)->generic_noted = written;
	return written;
}
