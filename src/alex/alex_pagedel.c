/*
 * alex_pagedel.c
 *		Deleting empty leaves and merging sparse ones: README.md, "Page deletion".
 *
 * Two steps, each complete in itself.  First the leaf loses its downlink, its range, and its entries if
 * it has any: one record gives them to its right sibling.  Then it is unlinked from its siblings
 * and stamped with the next xid.  Only VACUUM does this, so no two deletions meet.
 */
#include "postgres.h"

#include "access/transam.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "storage/predicate.h"
#include "utils/rel.h"

#include "alex/alex_apply.h"
#include "alex/alex_buf.h"
#include "alex/alex_options.h"
#include "alex/alex_pagedel.h"
#include "alex/alex_unlink.h"
#include "alex/alex_wal.h"
#include "base/check.h"
#include "base/stop_point.h"

/* scratch, used under page locks */
static AlexPlan pagedel_plan;
static char op_parent[ALEX_OP_BYTES_MAX];
static char op_inner_right[ALEX_OP_BYTES_MAX];
static char op_merged[BLCKSZ + 64];
static char merged_image[BLCKSZ + 16] __attribute__((aligned(8)));

/* bytes that a merged leaf takes at most: with 90 it is split again before the next VACUUM (README.md here, figures) */
#define MERGE_PERCENT_MAX 60

/* a page with these flags stays as it is, and so does what depends on it */
#define BUSY_FLAGS (ALEX_ROOT | ALEX_INCOMPLETE_SPLIT | ALEX_HALF_DEAD | ALEX_DELETED)

/* low fence; the smallest separator if it is infinite */
static AlexRawEntry
low_of(Buffer buf)
{
	AlexRawEntry none = { 0, 0 };

	return alex_opaque(alex_page(buf))->flags & ALEX_LOW_INF ? none : alex_page_low(alex_page(buf));
}

static bool
low_infinite(Buffer buf)
{
	return (alex_opaque(alex_page(buf))->flags & ALEX_LOW_INF) != 0;
}

/*
 * The right sibling that is to take over buf's range, locked; InvalidBuffer if it
 * cannot.
 */
static Buffer
lock_heir(Relation rel, Buffer buf)
{
	const AlexPageOpaque *o = alex_opaque(alex_page(buf));
	AlexRawEntry high = alex_page_high(alex_page(buf));
	Buffer heir;

	if ((o->flags & (BUSY_FLAGS | ALEX_HIGH_INF)) || o->right == InvalidBlockNumber)
		return InvalidBuffer;
	heir = alex_getbuf_linked(rel, o->right, BUFFER_LOCK_EXCLUSIVE, o->level);
	if (alex_opaque(alex_page(heir))->left != BufferGetBlockNumber(buf))
		om_index_corrupted(rel, o->right, "left link does not point back");
	/* half-dead: it has given its range away already */
	if (!(alex_opaque(alex_page(heir))->flags & BUSY_FLAGS))
	{
		if (!alex_page_starts_at(alex_page(heir), high))
			om_index_corrupted(rel, o->right,
							   "low fence differs from the left sibling's high fence");
		return heir;
	}
	UnlockReleaseBuffer(heir);
	return InvalidBuffer;
}

/* decode an inner page into the plan's stream; returns the position of a child, or -1 */
static int
find_child(Relation rel, Buffer inner, BlockNumber child, AlexRawEntry low)
{
	AlexPlan *plan = &pagedel_plan;

	plan->nstream = alex_page_decode(alex_page(inner), NULL, plan->stream, plan->origin);
	if (plan->nstream < 1)
		om_index_corrupted(rel, BufferGetBlockNumber(inner), "page cannot be decoded");
	for (int i = 0; i < plan->nstream; i++)
	{
		if (plan->stream[i].child != child)
			continue;
		if (plan->stream[i].key != low.key || plan->stream[i].tag != low.tag)
			om_index_corrupted(rel, BufferGetBlockNumber(inner),
							   "parent's separator differs from the page");
		return i;
	}
	return -1;
}

/* fit the edited stream; does the page hold it? */
static bool
fit_stream(Buffer inner)
{
	AlexPlan *plan = &pagedel_plan;
	AlexForm form = alex_page_form(alex_page(inner));

	plan->count = 0;
	return alex_plan_items(plan, 0, plan->nstream, form) && alex_plan_fits(form, plan->bytes, 0);
}

/*
 * Write the op that passes the downlink at position i on to the next one's child, which
 * must be heir.  Returns its length, or 0 if inner cannot do that.
 */
static uint32
unlink_op(Relation rel, Buffer inner, int i, Buffer heir)
{
	AlexPlan *plan = &pagedel_plan;
	AlexRawEntry low = low_of(heir);
	BlockNumber gone;

	if (i < 0 || i + 1 >= plan->nstream)
		return 0;
	if (plan->stream[i + 1].child != BufferGetBlockNumber(heir) ||
		plan->stream[i + 1].key != low.key || plan->stream[i + 1].tag != low.tag)
		om_index_corrupted(rel, BufferGetBlockNumber(inner),
						   "parent's separator differs from the page");
	gone = plan->stream[i].child;
	plan->nstream = alex_unlink_edit(plan->stream, plan->nstream, i);
	if (!fit_stream(inner))
		return 0;
	return alex_op_unlink(op_parent, plan, alex_page_form(alex_page(inner)), (uint32) i, gone,
						  BufferGetBlockNumber(heir));
}

/* the record of the first step; inner_right may be invalid */
static void
log_half_dead(Relation rel, Buffer leaf, Buffer right, Buffer inner_right, uint32 inner_len,
			  Buffer parent, uint32 parent_len, BlockNumber top)
{
	AlexRawEntry low = low_of(leaf);
	char op_leaf[16];
	char op_right[64];
	OmWal wal;

	om_wal_begin(&wal, rel, OM_WAL_ALEX, ALEX_REC_HALF_DEAD);
	om_wal_add(&wal, leaf, OM_WAL_TRY_FIRST, op_leaf, alex_op_half_dead(op_leaf, top));
	om_wal_add(&wal, right, 0, op_right,
			   alex_op_set_low(op_right, NULL, alex_page_form(alex_page(right)), low_infinite(leaf),
							   low.key, low.tag));
	if (BufferIsValid(inner_right))
		om_wal_add(&wal, inner_right, OM_WAL_TRY_FIRST, op_inner_right, inner_len);
	om_wal_add(&wal, parent, OM_WAL_TRY_FIRST, op_parent, parent_len);
	om_wal_commit(&wal);
	/* takes them off the leaf, so not before an error that leaves it alive; it cannot fail */
	PredicateLockPageCombine(rel, BufferGetBlockNumber(leaf), BufferGetBlockNumber(right));
}

/*
 * The leaf is the only child of `parent`, which goes with it: the parent's right sibling
 * takes over its range, and the grandparent loses a downlink.  The parent itself is locked and
 * not changed: four pages are the limit of a record (W5).
 */
static bool
make_branch_half_dead(Relation rel, Buffer leaf, Buffer right, Buffer parent)
{
	AlexRawEntry low = low_of(parent);
	AlexPlan *plan = &pagedel_plan;
	Buffer inner_right = lock_heir(rel, parent);
	Buffer grandparent;
	uint32 inner_len;
	uint32 parent_len = 0;

	if (!BufferIsValid(inner_right))
		return false;
	if (find_child(rel, inner_right, BufferGetBlockNumber(right), low_of(right)) != 0)
		om_index_corrupted(rel, BufferGetBlockNumber(inner_right),
						   "first downlink does not lead to the next page");
	alex_lower_first(plan->stream, low.key, low.tag);
	if (fit_stream(inner_right))
	{
		inner_len = alex_op_set_low(op_inner_right, plan, alex_page_form(alex_page(inner_right)),
									low_infinite(parent), low.key, low.tag);
		grandparent = alex_descend(rel, alex_opaque(alex_page(parent))->level + 1U, low.key,
								   low.tag, false, BUFFER_LOCK_EXCLUSIVE, true);
		parent_len =
			unlink_op(rel, grandparent,
					  find_child(rel, grandparent, BufferGetBlockNumber(parent), low), inner_right);
		if (parent_len > 0)
			log_half_dead(rel, leaf, right, inner_right, inner_len, grandparent, parent_len,
						  BufferGetBlockNumber(parent));
		UnlockReleaseBuffer(grandparent);
	}
	UnlockReleaseBuffer(inner_right);
	return parent_len > 0;
}

uint32
alex_delete_page(Relation rel, Buffer leaf)
{
	BlockNumber block = BufferGetBlockNumber(leaf);
	AlexRawEntry low = low_of(leaf);
	Buffer right = lock_heir(rel, leaf);
	Buffer parent;
	bool done = false;
	int i;

	if (!BufferIsValid(right))
		return 0;
	parent = alex_descend(rel, 1, low.key, low.tag, false, BUFFER_LOCK_EXCLUSIVE, true);
	/* none: its left sibling is an incomplete split */
	i = find_child(rel, parent, block, low);
	if (i == 0 && pagedel_plan.nstream == 1)
		done = make_branch_half_dead(rel, leaf, right, parent);
	else
	{
		uint32 len = unlink_op(rel, parent, i, right);

		if (len > 0)
		{
			log_half_dead(rel, leaf, right, InvalidBuffer, 0, parent, len, InvalidBlockNumber);
			done = true;
		}
	}
	UnlockReleaseBuffer(parent);
	UnlockReleaseBuffer(right);
	if (!done)
		return 0;
	UnlockReleaseBuffer(leaf);
	STOP_POINT("alex_half_dead");
	return alex_finish_deletion(rel, block);
}

/* ---- merging ---- */

uint32
alex_merge_room(Relation rel, const char *page)
{
	uint32 percent = Min((uint32) alex_fillfactor(rel), MERGE_PERCENT_MAX);

	return ALEX_PAGE_ROOM(alex_page_form(page)) * percent / 100;
}

/* append the page's entries to the plan's stream, without those that are removed, and without hints: they go into WAL */
static void
add_entries(Relation rel, Buffer buf)
{
	AlexPlan *plan = &pagedel_plan;
	int n = alex_page_decode(alex_page(buf), NULL, plan->stream + plan->nstream, NULL);
	int end = plan->nstream + n;

	if (n < 0)
		om_index_corrupted(rel, BufferGetBlockNumber(buf), "page cannot be decoded");
	for (int i = plan->nstream; i < end; i++)
		if (!(plan->stream[i].flags & ALEX_ITEM_REMOVED))
		{
			plan->stream[plan->nstream] = plan->stream[i];
			plan->stream[plan->nstream++].flags = 0;
		}
}

/*
 * One page is made of two, and both are overwritten: what is damaged on one must not spoil the other.  ncut: entries of the leaf.
 */
static void
check_merged(Relation rel, Buffer leaf, Buffer heir, int ncut)
{
	const AlexPlan *plan = &pagedel_plan;

	if (alex_opaque(alex_page(heir))->keybytes != alex_opaque(alex_page(leaf))->keybytes ||
		alex_opaque(alex_page(heir))->natts != alex_opaque(alex_page(leaf))->natts)
		om_index_corrupted(rel, BufferGetBlockNumber(heir),
						   "keys differ in form from the left sibling's");
	for (int i = 0; i < plan->nstream; i++)
	{
		const AlexItem *item = &plan->stream[i];
		Buffer buf = i < ncut ? leaf : heir;

		if (alex_page_below(alex_page(buf), item->key, item->tag) ||
			alex_page_beyond(alex_page(buf), item->key, item->tag) ||
			(i > 0 && !alex_less(item[-1].key, item[-1].tag, item->key, item->tag)))
			om_index_corrupted(rel, BufferGetBlockNumber(buf),
							   "entries are not in order, or outside of the page's range");
	}
}

/* make the page of both leaves' entries, with the range of both; false: they do not fit */
static bool
make_merged(Relation rel, Buffer leaf, Buffer heir)
{
	const char *page = alex_page(heir);
	AlexForm form = alex_page_form(page);
	AlexPlan *plan = &pagedel_plan;
	AlexRawEntry low = low_of(leaf);
	AlexRawEntry high = alex_page_high(page);
	int ncut;

	/* all that is allowed: leaves that were filled in order have so many.  And what the stream holds. */
	if (alex_page_entries(alex_page(leaf)) + alex_page_entries(page) >
		(uint32) alex_leaf_entries(rel))
		return false;
	plan->nstream = plan->count = 0;
	add_entries(rel, leaf);
	ncut = plan->nstream;
	add_entries(rel, heir);
	check_merged(rel, leaf, heir, ncut);
	if (plan->nstream == 0 || !alex_plan_items(plan, 0, plan->nstream, form) ||
		plan->bytes > alex_merge_room(rel, page))
		return false;
	alex_page_init(merged_image, ALEX_KIND_LEAF, 0, alex_opaque(page)->keybytes,
				   alex_opaque(page)->natts);
	alex_opaque(merged_image)->left = alex_opaque(page)->left;
	alex_opaque(merged_image)->right = alex_opaque(page)->right;
	if (!low_infinite(leaf))
		alex_page_set_low(merged_image, low.key, low.tag);
	if (!(alex_opaque(page)->flags & ALEX_HIGH_INF))
		alex_page_set_high(merged_image, high.key, high.tag);
	if (!alex_assemble(merged_image, NULL, plan, 0, plan->count))
		om_index_corrupted(rel, BufferGetBlockNumber(heir), "entries cannot be packed");
	return true;
}

uint32
alex_merge_page(Relation rel, Buffer leaf, BlockNumber heir_block, uint32 *used)
{
	BlockNumber block = BufferGetBlockNumber(leaf);
	AlexRawEntry low = low_of(leaf);
	Buffer heir;
	Buffer parent;
	uint32 parent_len = 0;

	if (alex_opaque(alex_page(leaf))->right != heir_block)
		return 0;
	heir = lock_heir(rel, leaf);
	if (!BufferIsValid(heir))
		return 0;
	if (make_merged(rel, leaf, heir))
	{
		/* an only child would take the parent with it, which is a page more than a record holds */
		parent = alex_descend(rel, 1, low.key, low.tag, false, BUFFER_LOCK_EXCLUSIVE, true);
		parent_len = unlink_op(rel, parent, find_child(rel, parent, block, low), heir);
		if (parent_len > 0)
		{
			char op_leaf[16];
			OmWal wal;

			om_wal_begin(&wal, rel, OM_WAL_ALEX, ALEX_REC_MERGE);
			/* redo waits as we do for scans that still look at its entries */
			om_wal_add(&wal, leaf, OM_WAL_TRY_FIRST | OM_WAL_CLEANUP, op_leaf,
					   alex_op_merged(op_leaf));
			om_wal_add(&wal, heir, OM_WAL_INIT, op_merged, alex_op_init(op_merged, merged_image));
			om_wal_add(&wal, parent, OM_WAL_TRY_FIRST, op_parent, parent_len);
			om_wal_commit(&wal);
			PredicateLockPageCombine(rel, block, heir_block);
			*used = alex_used_bytes(alex_page(heir));
		}
		UnlockReleaseBuffer(parent);
	}
	UnlockReleaseBuffer(heir);
	if (parent_len == 0)
		return 0;
	UnlockReleaseBuffer(leaf);
	STOP_POINT("alex_merged");
	return alex_finish_deletion(rel, block);
}

/* ---- second step ---- */

/* the page whose right link leads to `block`, found from a left link, locked */
static Buffer
lock_left(Relation rel, BlockNumber left, BlockNumber block, uint32 level)
{
	Buffer buf = alex_getbuf_linked(rel, left, BUFFER_LOCK_EXCLUSIVE, level);

	/* it may have been split since the link was read */
	while (alex_opaque(alex_page(buf))->right != block)
	{
		AlexRawEntry low = alex_page_low(alex_page(buf));
		bool infinite = low_infinite(buf);
		BlockNumber next = alex_opaque(alex_page(buf))->right;
		AlexRawEntry next_low;

		UnlockReleaseBuffer(buf);
		if (next == InvalidBlockNumber)
			om_index_corrupted(rel, block, "left link does not lead back");
		buf = alex_getbuf_linked(rel, next, BUFFER_LOCK_EXCLUSIVE, level);
		next_low = alex_page_low(alex_page(buf));
		if (low_infinite(buf) ||
			(!infinite && !alex_less(low.key, low.tag, next_low.key, next_low.tag)))
			om_index_corrupted(rel, next, "low fence differs from the left sibling's high fence");
	}
	return buf;
}

/*
 * Unlink a page from its siblings.  child: the half-dead leaf that names this page, locked, or
 * InvalidBuffer if the page is that leaf itself.
 */
static void
unlink_page(Relation rel, BlockNumber block, uint32 level, Buffer child)
{
	Buffer buf = alex_getbuf_linked(rel, block, BUFFER_LOCK_SHARE, level);
	BlockNumber left_block = alex_opaque(alex_page(buf))->left;
	BlockNumber right_block;
	Buffer left = InvalidBuffer;
	Buffer right;
	char op_child[16];
	char op_left[16];
	char op_page[16];
	char op_right[16];
	OmWal wal;

	UnlockReleaseBuffer(buf);
	if (left_block != InvalidBlockNumber)
		left = lock_left(rel, left_block, block, level);
	buf = alex_getbuf_linked(rel, block, BUFFER_LOCK_EXCLUSIVE, level);
	if ((alex_opaque(alex_page(buf))->flags & (ALEX_ROOT | ALEX_INCOMPLETE_SPLIT)) ||
		((alex_opaque(alex_page(buf))->flags & ALEX_HALF_DEAD) != 0) != (level == 0))
		om_index_corrupted(rel, block, "page cannot be deleted");
	right_block = alex_opaque(alex_page(buf))->right;
	right = alex_getbuf_linked(rel, right_block, BUFFER_LOCK_EXCLUSIVE, level);
	if (alex_opaque(alex_page(right))->left != block)
		om_index_corrupted(rel, right_block, "left link does not point back");

	om_wal_begin(&wal, rel, OM_WAL_ALEX, ALEX_REC_UNLINK);
	if (BufferIsValid(child))
		om_wal_add(&wal, child, OM_WAL_TRY_FIRST, op_child,
				   alex_op_half_dead(op_child, InvalidBlockNumber));
	if (BufferIsValid(left))
		om_wal_add(&wal, left, 0, op_left, alex_op_set_right(op_left, right_block));
	/* nobody who starts now can get here; who has started holds back the horizon */
	om_wal_add(&wal, buf, OM_WAL_TRY_FIRST, op_page,
			   alex_op_deleted(op_page, U64FromFullTransactionId(ReadNextFullTransactionId())));
	om_wal_add(
		&wal, right, 0, op_right,
		alex_op_set_left(op_right, BufferIsValid(left) ? BufferGetBlockNumber(left) : left_block));
	om_wal_commit(&wal);

	UnlockReleaseBuffer(right);
	UnlockReleaseBuffer(buf);
	if (BufferIsValid(left))
		UnlockReleaseBuffer(left);
}

uint32
alex_finish_deletion(Relation rel, BlockNumber block)
{
	Buffer leaf = alex_getbuf_linked(rel, block, BUFFER_LOCK_EXCLUSIVE, 0);
	BlockNumber top = (BlockNumber) alex_opaque(alex_page(leaf))->safexid;
	uint32 deleted = 1;

	if (!(alex_opaque(alex_page(leaf))->flags & ALEX_HALF_DEAD))
		om_index_corrupted(rel, block, "page cannot be deleted");
	if (top != InvalidBlockNumber)
	{
		unlink_page(rel, top, 1, leaf);
		deleted++;
	}
	UnlockReleaseBuffer(leaf);
	if (top != InvalidBlockNumber)
		STOP_POINT("alex_parent_unlinked");
	unlink_page(rel, block, 0, InvalidBuffer);
	STOP_POINT("alex_page_unlinked");
	return deleted;
}
