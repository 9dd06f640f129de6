/*
 * alex_split.c
 *		Making room in a page, splitting it, linking the new half.
 *
 * Every step is one WAL record, leaves a legal tree, and is planned with the pending
 * entry counted in, so that an insert takes at most one seal or rebuild, one deletion of dead entries with another seal or
 * rebuild, and one split of a page.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "storage/predicate.h"
#include "utils/rel.h"

#include "alex/alex_apply.h"
#include "alex/alex_buf.h"
#include "alex/alex_delete.h"
#include "alex/alex_options.h"
#include "alex/alex_split.h"
#include "alex/alex_wal.h"
#include "base/check.h"
#include "base/stop_point.h"

/*
 * A rebuild must leave room for this many gap entries, or the page is split:
 * else a nearly full page is rebuilt for every other insert.
 */
#define REBUILD_SPARE_ENTRIES 12

/* bytes that stay left when a page is split by an entry past its end */
#define APPEND_SPLIT_PERCENT 90

/*
 * Two halves of a split always fit, with room for the pending entry (rule F4).  A
 * full page is base and a full gap run; the worst merge isolates every gap entry:
 * two more descriptors, the entry itself, for inner pages two more child models, one
 * second TID model, and the rounding of the columns and bitmaps.  The cut adds one
 * descriptor with its models.
 */
#define ISOLATE_BYTES_MAX(kb) \
	(2 * ALEX_DIR_ENTRY_BYTES_OF(kb) + ALEX_RAW_INNER_BYTES(kb) + 2 * sizeof(AlexChildExt) + \
	 sizeof(AlexTid2Ext) + 12)
#define GAP_BYTES_MAX(kb) (ALEX_GAP_HEADER_BYTES + ALEX_GAP_MAX_OF(kb) * ALEX_RAW_INNER_BYTES(kb))
#define CUT_BYTES_MAX(kb) \
	(ALEX_DIR_ENTRY_BYTES_OF(kb) + sizeof(AlexChildExt) + sizeof(AlexTid2Ext) + \
	 ALEX_RAW_INNER_BYTES(kb))
#define SPARE_BYTES(kb) (ALEX_GAP_HEADER_BYTES + REBUILD_SPARE_ENTRIES * ALEX_RAW_INNER_BYTES(kb))
#define HALVES_FIT(kb) \
	((ALEX_PAGE_ROOM_OF(kb) - GAP_BYTES_MAX(kb) + ALEX_GAP_MAX_OF(kb) * ISOLATE_BYTES_MAX(kb)) / \
			 2 + \
		 CUT_BYTES_MAX(kb) + SPARE_BYTES(kb) <= \
	 ALEX_PAGE_ROOM_OF(kb))

StaticAssertDecl(HALVES_FIT(8) && HALVES_FIT(16), "two halves of the worst merge fit their pages");

/*
 * Scratch: planning and encoding allocate nothing while a page is locked.  Nothing
 * here calls back into user code, so one set is enough.
 */
static AlexPlan split_plan;
static char split_image[BLCKSZ + 16] __attribute__((aligned(8)));
static char left_image[BLCKSZ + 16] __attribute__((aligned(8)));
static char op_left[ALEX_OP_BYTES_MAX];
static char op_right[BLCKSZ + 64];

/* stop points have a name of their own for inner levels */
#define STOP_POINT_AT(inner, name) STOP_POINT((inner) ? name "_inner" : name)

/* why an entry cannot simply be put on the page */
typedef enum Placement
{
	PLACE_DONE,	   /* *op is ready */
	PLACE_SEAL,	   /* the tail is full: seal it */
	PLACE_REBUILD, /* the gap run is full: merge it */
	PLACE_SPLIT	   /* the entry cap is reached */
} Placement;

typedef struct Target
{
	const AlexPagePos *known; /* pos, until the page is changed; or NULL */
	AlexPagePos pos;
	bool append; /* greater than everything on the page */
	AlexForm form;
	uint32 raw_bytes;
	uint32 hole;
	uint32 cap;
} Target;

/* the usual append: does the entry come behind all on the page?  Damage: the search will find it. */
static bool
is_append(const char *page, const AlexItem *item)
{
	const AlexPageOpaque *o = alex_opaque(page);
	AlexItem last;

	if (o->ntail == 0)
		return false;
	alex_tail_item(page, o->ntail - 1U, &last);
	if (!alex_less(last.key, last.tag, item->key, item->tag))
		return false;
	if (o->ngap == 0)
		return true;
	alex_gap_item(page, o->ngap - 1U, &last);
	return alex_less(last.key, last.tag, item->key, item->tag);
}

/*
 * Where the entry belongs, and whether it is there already.
 *
 * The entry cap may have been lowered since the page was filled: after one split
 * it is no reason to fail, the next insert will split the page again.
 */
static bool
locate(Relation rel, Buffer buf, const AlexItem *item, bool after_split, Target *t, char *op,
	   uint32 *len)
{
	const char *page = alex_page(buf);
	const AlexPageOpaque *o = alex_opaque(page);
	uint32 run = (uint32) o->nbase + o->ntail;
	AlexItem found;

	t->form = alex_page_form(page);
	t->raw_bytes = alex_raw_bytes(page);
	t->hole = alex_header(page)->upper - alex_header(page)->lower;
	t->cap = after_split	 ? ALEX_LEAF_ENTRIES_MAX
			 : t->form.inner ? ALEX_LEAF_ENTRIES_DEFAULT
							 : (uint32) alex_leaf_entries(rel);
	if (t->known != NULL)
	{
		Assert(alex_page_search(page, item->key, item->tag, false, &t->pos) &&
			   t->pos.run == t->known->run && t->pos.gap == t->known->gap);
		t->pos = *t->known;
		t->known = NULL;
		t->append = t->pos.run == run && t->pos.gap == o->ngap;
		return false;
	}
	if (is_append(page, item))
	{
		t->pos = (AlexPagePos){ run, o->ngap };
		t->append = true;
		return false;
	}
	if (!alex_page_search(page, item->key, item->tag, false, &t->pos))
		om_index_corrupted(rel, BufferGetBlockNumber(buf), "page cannot be searched");
	t->append = t->pos.run == run && t->pos.gap == o->ngap;

	if (t->pos.gap < o->ngap)
	{
		alex_gap_item(page, t->pos.gap, &found);
		if (found.key == item->key && found.tag == item->tag)
			om_index_corrupted(rel, BufferGetBlockNumber(buf),
							   "entry with the same key and TID as one to be inserted");
	}
	if (t->pos.run < run)
	{
		if (!alex_run_item(page, t->pos.run, &found))
			om_index_corrupted(rel, BufferGetBlockNumber(buf), "entry cannot be read");
		if (found.key == item->key && found.tag == item->tag)
		{
			if (!(found.flags & ALEX_ITEM_REMOVED) || t->form.inner)
				om_index_corrupted(rel, BufferGetBlockNumber(buf),
								   "entry with the same key and TID as one to be inserted");
			/* VACUUM removed it, and heap has used the TID again for the same key */
			*len = alex_op_unmark(op, t->pos.run);
			return true;
		}
	}
	return false;
}

/* can the entry go into the tail or the gap run right away? */
static Placement
try_place(Relation rel, Buffer buf, const AlexItem *item, bool after_split, Target *t, char *op,
		  uint32 *len)
{
	const AlexPageOpaque *o = alex_opaque(alex_page(buf));

	if (locate(rel, buf, item, after_split, t, op, len))
		return PLACE_DONE;
	if (alex_page_entries(alex_page(buf)) >= t->cap)
		return o->nremoved > 0 ? PLACE_REBUILD : PLACE_SPLIT;
	if (t->append)
	{
		uint32 need = t->raw_bytes + (o->ntail == 0 ? ALEX_TAIL_DEAD_BYTES : 0);

		/* a seal keeps removed entries, a rebuild drops them */
		if (o->ntail >= ALEX_TAIL_MAX || t->hole < need)
			return o->nremoved > 0 ? PLACE_REBUILD : PLACE_SEAL;
		*len = alex_op_tail_append(op, t->form, item);
		return PLACE_DONE;
	}
	else
	{
		uint32 need = t->raw_bytes + (o->ngap == 0 ? ALEX_GAP_HEADER_BYTES : 0);

		if (o->ngap >= ALEX_GAP_MAX_OF(o->keybytes) || t->hole < need)
			return PLACE_REBUILD;
		*len = alex_op_gap_insert(op, t->form, t->pos.gap, item);
		return PLACE_DONE;
	}
}

/* image: what the op makes of the page, or NULL */
static void
log_page_op(Relation rel, Buffer buf, AlexRecord record, const char *op, uint32 len,
			const char *image)
{
	OmWal wal;

	om_wal_begin(&wal, rel, OM_WAL_ALEX, record);
	om_wal_add_applied(&wal, buf, OM_WAL_TRY_FIRST, op, len, image);
	om_wal_commit(&wal);
}

/*
 * Seal the tail if the page then has room for the entry.  On the rightmost
 * leaf it must also stay within the fill factor, so that later inserts into the
 * middle find room.
 */
static bool
try_seal(Relation rel, Buffer buf, const Target *t)
{
	const char *page = alex_page(buf);
	const AlexPageOpaque *o = alex_opaque(page);
	uint32 capacity = ALEX_PAGE_ROOM(t->form);
	uint32 lower;
	uint32 need;

	if (o->ntail == 0)
		return false;
	if (!alex_plan_seal(page, &split_plan))
		om_index_corrupted(rel, BufferGetBlockNumber(buf), "tail cannot be sealed");
	/* the directory may have to grow by its slack on top of what is used */
	lower = o->blocks_end + split_plan.bytes + ALEX_DIR_SLACK * ALEX_DIR_ENTRY_BYTES(t->form);
	need = t->raw_bytes + ALEX_TAIL_DEAD_BYTES;
	if (lower + need > alex_header(page)->upper)
		return false;
	if (!t->form.inner && (o->flags & ALEX_HIGH_INF) &&
		(lower - ALEX_DIR_OFF(t->form)) * 100 > capacity * alex_fillfactor(rel))
		return false;
	log_page_op(rel, buf, ALEX_REC_SEAL, op_left, alex_op_seal(op_left, &split_plan, t->form),
				NULL);
	STOP_POINT_AT(t->form.inner, "alex_sealed");
	return true;
}

/* plan the merge; rebuild the page if it then has room for the entry */
static bool
try_rebuild(Relation rel, Buffer buf, const Target *t)
{
	const char *page = alex_page(buf);

	if (!alex_plan_merge(page, NULL, &split_plan))
		om_index_corrupted(rel, BufferGetBlockNumber(buf), "page cannot be decoded");
	if (split_plan.nbase + REBUILD_SPARE_ENTRIES > t->cap ||
		!alex_plan_fits(t->form, split_plan.bytes,
						ALEX_GAP_HEADER_BYTES + REBUILD_SPARE_ENTRIES * t->raw_bytes))
		return false;
	if (!alex_rebuild_image(left_image, page, &split_plan))
		om_index_corrupted(rel, BufferGetBlockNumber(buf), "page cannot be rebuilt");
	log_page_op(rel, buf, ALEX_REC_REBUILD, op_left,
				alex_op_rebuild(op_left, &split_plan, t->form, NULL, 0), left_image);
	STOP_POINT_AT(t->form.inner, "alex_rebuilt");
	return true;
}

/* ---- split ---- */

/* do plan entries [from, to) fit a page with room for inserts? */
static bool
half_fits(AlexForm form, int from, int to)
{
	uint32 bytes = 0;

	for (int i = from; i < to; i++)
		bytes += split_plan.entries[i].bytes;
	return alex_plan_fits(form, bytes,
						  ALEX_GAP_HEADER_BYTES + REBUILD_SPARE_ENTRIES * ALEX_RAW_BYTES(form));
}

/* log the split: left with op_left, which makes left_image, right with split_image */
static void
log_split(Relation rel, Buffer left, Buffer right, Buffer old_right, uint32 left_len)
{
	char op_old_right[16];
	OmWal wal;

	om_wal_begin(&wal, rel, OM_WAL_ALEX, ALEX_REC_SPLIT);
	om_wal_add_applied(&wal, left, 0, op_left, left_len, left_image);
	om_wal_add(&wal, right, OM_WAL_INIT, op_right, alex_op_init(op_right, split_image));
	if (BufferIsValid(old_right))
		om_wal_add(&wal, old_right, 0, op_old_right,
				   alex_op_set_left(op_old_right, BufferGetBlockNumber(right)));
	om_wal_commit(&wal);
}

/*
 * split_page --- split buf, without inserting anything.
 *
 * Returns the right half, exclusively locked; buf stays locked and has
 * INCOMPLETE_SPLIT.  `item` is the pending entry: past the end of the rightmost
 * leaf it gets an empty page of its own, so that appended leaves stay full.
 */
static Buffer
split_page(Relation rel, Buffer buf, const AlexItem *item, const Target *t)
{
	char *page = alex_page(buf);
	AlexPageOpaque *o = alex_opaque(page);
	Buffer right = alex_allocbuf(rel);
	Buffer old_right = InvalidBuffer;
	BlockNumber right_block = BufferGetBlockNumber(right);
	AlexRawEntry sep;
	AlexItem last;
	int cut = -1;

	STOP_POINT_AT(t->form.inner, "alex_split_allocated");
	if (o->right != InvalidBlockNumber)
	{
		old_right = alex_getbuf_linked(rel, o->right, BUFFER_LOCK_EXCLUSIVE, o->level);
		if (alex_opaque(alex_page(old_right))->left != BufferGetBlockNumber(buf))
			om_index_corrupted(rel, o->right, "left link does not point back");
	}

	alex_page_init(split_image, o->kind, o->level, o->keybytes, o->natts);
	alex_opaque(split_image)->left = BufferGetBlockNumber(buf);
	alex_opaque(split_image)->right = o->right;
	if (!(o->flags & ALEX_HIGH_INF))
	{
		AlexRawEntry high = alex_page_high(page);

		alex_page_set_high(split_image, high.key, high.tag);
	}

	if (!t->form.inner && t->append && (o->flags & ALEX_HIGH_INF) && alex_page_entries(page) > 0)
	{
		if (!alex_page_last(page, &last))
			om_index_corrupted(rel, BufferGetBlockNumber(buf), "last entry cannot be read");
		sep = alex_leaf_separator(last.key, last.tag, item->key, item->tag);
		/* nothing moves; pack what is left behind while we are here, if it fits */
		if (o->ntail + o->ngap > 0 && alex_plan_merge(page, NULL, &split_plan) &&
			alex_plan_fits(t->form, split_plan.bytes, 0))
			cut = split_plan.count;
	}
	else
	{
		int cut_stream;
		const AlexItem *first;

		if (!alex_plan_merge(page, NULL, &split_plan) ||
			!alex_plan_split(page, &split_plan, t->form, t->append ? APPEND_SPLIT_PERCENT : 50,
							 &cut, &cut_stream))
			om_index_corrupted(rel, BufferGetBlockNumber(buf), "page cannot be split");
		if (!half_fits(t->form, 0, cut) &&
			!alex_plan_split(page, &split_plan, t->form, 50, &cut, &cut_stream))
			om_index_corrupted(rel, BufferGetBlockNumber(buf), "page cannot be split");
		if (!half_fits(t->form, 0, cut) || !half_fits(t->form, cut, split_plan.count) ||
			!alex_assemble(split_image, page, &split_plan, cut, split_plan.count))
			om_index_corrupted(rel, BufferGetBlockNumber(buf), "halves of a split do not fit");
		first = &split_plan.stream[cut_stream];
		if (t->form.inner)
		{
			sep.key = first->key;
			sep.tag = first->tag;
		}
		else
			sep = alex_leaf_separator(first[-1].key, first[-1].tag, first->key, first->tag);
	}
	alex_page_set_low(split_image, sep.key, sep.tag);
	if (!alex_split_left_image(left_image, page, &split_plan, cut, right_block, sep.key, sep.tag))
		om_index_corrupted(rel, BufferGetBlockNumber(buf), "left half of a split does not fit");
	/* whoever has read the range that moves; before the record, so that no error comes in between */
	if (!t->form.inner)
		PredicateLockPageSplit(rel, BufferGetBlockNumber(buf), right_block);
	log_split(
		rel, buf, right, old_right,
		alex_op_split_left(op_left, &split_plan, t->form, cut, right_block, sep.key, sep.tag));
	if (BufferIsValid(old_right))
		UnlockReleaseBuffer(old_right);
	STOP_POINT_AT(t->form.inner, "alex_split_logged");
	return right;
}

/* ---- one entry ---- */

/* the record that puts the entry on the page, and clears the child's flag with it */
static void
log_entry(Relation rel, Buffer buf, Buffer child, const char *op, uint32 len)
{
	char op_child[16];
	OmWal wal;

	om_wal_begin(&wal, rel, OM_WAL_ALEX,
				 BufferIsValid(child) ? ALEX_REC_DOWNLINK : ALEX_REC_INSERT);
	if (BufferIsValid(child))
		om_wal_add(&wal, child, 0, op_child, alex_op_clear_flags(op_child, ALEX_INCOMPLETE_SPLIT));
	/* the entry's place was just computed; only a rare op that reads blocks is tried first */
	om_wal_add(&wal, buf, op[0] == ALEX_OP_UNMARK ? OM_WAL_TRY_FIRST : 0, op, len);
	om_wal_commit(&wal);
}

/* seal or rebuild, if that is what it takes */
static Placement
reorganise(Relation rel, Buffer buf, const AlexItem *item, Placement place, Target *t, char *op,
		   uint32 *len)
{
	if ((place == PLACE_SEAL && try_seal(rel, buf, t)) ||
		(place == PLACE_REBUILD && try_rebuild(rel, buf, t)))
		return try_place(rel, buf, item, false, t, op, len);
	return place;
}

void
alex_add_entry(Relation rel, Buffer buf, const AlexItem *item, Buffer child, const AlexRow *row,
			   const AlexPagePos *pos)
{
	char op[32];
	uint32 len = 0;
	Target t = { .known = pos };
	Placement place = try_place(rel, buf, item, false, &t, op, &len);
	Buffer right = InvalidBuffer;

	Assert(!(alex_opaque(alex_page(buf))->flags & ALEX_INCOMPLETE_SPLIT));
	place = reorganise(rel, buf, item, place, &t, op, &len);
	if (place != PLACE_DONE && row != NULL &&
		alex_delete_for_room(rel, row->heap, buf, item, row->index_unchanged))
	{
		place = try_place(rel, buf, item, false, &t, op, &len);
		place = reorganise(rel, buf, item, place, &t, op, &len);
	}

	if (place == PLACE_DONE)
	{
		log_entry(rel, buf, child, op, len);
		if (t.append && !t.form.inner)
			alex_note_rightmost(rel, buf, item->key);
	}
	else
	{
		AlexRawEntry high;
		Buffer home;

		right = split_page(rel, buf, item, &t);
		high = alex_page_high(alex_page(buf));
		home = alex_less(item->key, item->tag, high.key, high.tag) ? buf : right;
		place = try_place(rel, home, item, true, &t, op, &len);
		if (place != PLACE_DONE)
			om_index_corrupted(rel, BufferGetBlockNumber(home), "no room after a split");
		log_entry(rel, home, child, op, len);
		if (t.append && !t.form.inner)
			alex_note_rightmost(rel, home, item->key);
		UnlockReleaseBuffer(right);
	}
	if (BufferIsValid(child))
		UnlockReleaseBuffer(child);

	if (BufferIsValid(right))
	{
		STOP_POINT_AT(t.form.inner, "alex_split_before_downlink");
		alex_finish_split(rel, buf);
	}
	else
		UnlockReleaseBuffer(buf);
}

bool
alex_add_in_place(Relation rel, Buffer buf, const AlexItem *item, const AlexPagePos *pos)
{
	char op[32];
	uint32 len = 0;
	Target t = { .known = pos };
	bool placed = try_place(rel, buf, item, false, &t, op, &len) == PLACE_DONE;

	if (placed)
	{
		log_entry(rel, buf, InvalidBuffer, op, len);
		if (t.append)
			alex_note_rightmost(rel, buf, item->key);
	}
	UnlockReleaseBuffer(buf);
	return placed;
}

/* ---- downlinks ---- */

/* buf carries ROOT: put a new root above it and its right half */
static void
new_root(Relation rel, Buffer buf)
{
	AlexPageOpaque *o = alex_opaque(alex_page(buf));
	AlexRawEntry high = alex_page_high(alex_page(buf));
	Buffer root;
	Buffer meta;
	char op_child[16];
	char op_meta[16];
	OmWal wal;

	if (o->level >= ALEX_LEVEL_MAX)
		om_index_corrupted(rel, BufferGetBlockNumber(buf), "tree is too high");
	root = alex_allocbuf(rel);
	STOP_POINT_AT(o->level > 0, "alex_root_allocated");
	meta = alex_getmeta(rel, BUFFER_LOCK_EXCLUSIVE);
	if (alex_meta(meta)->root != BufferGetBlockNumber(buf))
		om_index_corrupted(rel, BufferGetBlockNumber(buf),
						   "page is marked as root, but the metapage names another one");

	alex_page_init(split_image, ALEX_KIND_INNER, (uint16) (o->level + 1), o->keybytes, o->natts);
	alex_opaque(split_image)->flags |= ALEX_ROOT;
	split_plan.count = 0;
	memset(&split_plan.stream[0], 0, 2 * sizeof(AlexItem));
	split_plan.stream[0].child = BufferGetBlockNumber(buf);
	split_plan.stream[1].key = high.key;
	split_plan.stream[1].tag = high.tag;
	split_plan.stream[1].child = o->right;
	if (!alex_plan_items(&split_plan, 0, 2, alex_page_form(split_image)) ||
		!alex_assemble(split_image, NULL, &split_plan, 0, split_plan.count))
		elog(ERROR, "could not build a root page of index \"%s\": %d entries",
			 RelationGetRelationName(rel), split_plan.nstream);

	om_wal_begin(&wal, rel, OM_WAL_ALEX, ALEX_REC_NEWROOT);
	om_wal_add(&wal, buf, 0, op_child,
			   alex_op_clear_flags(op_child, ALEX_INCOMPLETE_SPLIT | ALEX_ROOT));
	om_wal_add(&wal, root, OM_WAL_INIT, op_right, alex_op_init(op_right, split_image));
	om_wal_add(&wal, meta, 0, op_meta,
			   alex_op_meta_root(op_meta, BufferGetBlockNumber(root), o->level + 1U));
	om_wal_commit(&wal);
	STOP_POINT_AT(o->level > 0, "alex_new_root");
	UnlockReleaseBuffer(meta);
	UnlockReleaseBuffer(root);
	UnlockReleaseBuffer(buf);
}

void
alex_finish_split(Relation rel, Buffer buf)
{
	const char *page = alex_page(buf);
	AlexPageOpaque *o = alex_opaque(page);
	AlexRawEntry low = alex_page_low(page);
	AlexRawEntry high = alex_page_high(page);
	AlexItem item = { high.key, high.tag, o->right, 0 };
	AlexItem left;
	Buffer parent;

	Assert(o->flags & ALEX_INCOMPLETE_SPLIT);
	if ((o->flags & ALEX_HIGH_INF) || o->right == InvalidBlockNumber)
		om_index_corrupted(rel, BufferGetBlockNumber(buf), "incomplete split without a right half");
	if (o->flags & ALEX_ROOT)
	{
		new_root(rel, buf);
		return;
	}
	parent =
		alex_descend(rel, o->level + 1U, item.key, item.tag, false, BUFFER_LOCK_EXCLUSIVE, true);
	/* I3: the separator left of the new one is this page's */
	if (!alex_inner_child(alex_page(parent), item.key, item.tag, false, &left) ||
		left.child != BufferGetBlockNumber(buf) || left.key != low.key || left.tag != low.tag)
		om_index_corrupted(rel, BufferGetBlockNumber(parent),
						   "downlink of a split page is missing or wrong");
	alex_add_entry(rel, parent, &item, buf, NULL, NULL);
}
