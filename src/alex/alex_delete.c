/*
 * alex_delete.c
 *		Deleting entries of a leaf: for VACUUM, and on the fly to avoid a split.
 *
 * Simple deletion takes the entries that scans have marked dead, and whatever else
 * points to the same table blocks, which have to be read anyway.  Bottom-up deletion
 * guesses: entries with equal keys are versions of one row, and most of these are
 * dead where updates brought the page to its limit.  Both leave it to the table access
 * method to judge (table_index_delete_tuples) and are nbtree's ideas; a leaf
 * of alex holds ten times as many entries, so that bottom-up deletion asks about
 * runs of them, the most promising first, each as large as a leaf of nbtree.
 *
 * Both are tried only where the page would be split, and only count when they free so
 * much that the page is not back in the same place a few inserts later.
 */
#include "postgres.h"

#include "access/tableam.h"
#include "access/transam.h"
#include "storage/bufmgr.h"
#include "utils/rel.h"

#include "alex/alex_apply.h"
#include "alex/alex_buf.h"
#include "alex/alex_delete.h"
#include "alex/alex_wal.h"
#include "base/check.h"
#include "base/stop_point.h"

/*
 * Entries that VACUUM deletes are marked where they are, without a refit, as long as a leaf has no
 * more removed ones than this share of its entries.
 */
#define MARK_SHARE 16

/* deleting fewer entries than this does not avert a split */
#define ROOM_ENTRIES_MIN 12

/* simple deletion: table blocks read, entries asked about */
#define SIMPLE_BLOCKS_MAX 128
#define SIMPLE_ENTRIES_MAX 2048

/* bottom-up deletion: entries of a run, runs asked about, share of entries that is enough */
#define RUN_ENTRIES 512
#define RUNS_MAX 8
#define ENOUGH_SHARE 16

/* scratch: a page is worked on under its lock, and nothing here calls back */
static AlexPlan delete_plan;
static char delete_op[ALEX_OP_BYTES_MAX];
static char delete_image[BLCKSZ + 16] __attribute__((aligned(8)));

/* the page's unremoved entries in order, with their numbers */
typedef struct Candidate
{
	BlockNumber block; /* of the table */
	OffsetNumber offset;
	uint16 number;
	bool dead;
	bool twin; /* has a neighbour with the same key */
} Candidate;

static Candidate candidates[ALEX_ITEMS_MAX];

/*
 * A leaf keeps few removed entries cheaply: a few bits for each block, until an insert has
 * the leaf rebuilt anyway.  But if they are in few blocks, refitting just these costs less
 * time and WAL than a bit for each entry.
 */
static bool
better_marked(const char *page, const uint8 *drops)
{
	const AlexPageOpaque *o = alex_opaque(page);
	uint32 bits = alex_page_entries(page);
	uint32 count = o->nremoved;
	uint32 blocks = 0;
	uint32 number = 0;

	for (uint32 b = 0; b < o->nblocks; b++)
	{
		uint32 end = number + alex_dir_desc(page, b)->n;
		uint32 before = count;

		for (; number < end && number < o->nbase; number++)
			count += bitmap_test(drops, number);
		blocks += count > before;
	}
	return blocks * 2 >= o->nblocks && count * MARK_SHARE <= bits;
}

void
alex_delete_entries(Relation rel, Buffer buf, const uint8 *drops, bool for_room, uint8 wal_flags,
					TransactionId horizon, Relation heap)
{
	const char *page = alex_page(buf);
	uint32 bits = alex_page_entries(page);
	bool mark = !for_room && better_marked(page, drops);
	OmWal wal;

	if (!mark && !alex_plan_merge(page, drops, &delete_plan))
		om_index_corrupted(rel, BufferGetBlockNumber(buf), "page cannot be decoded");
	om_wal_begin(&wal, rel, OM_WAL_ALEX, ALEX_REC_DELETE);
	if (!mark && alex_plan_fits(alex_page_form(page), delete_plan.bytes, 0))
	{
		if (!alex_rebuild_image(delete_image, page, &delete_plan))
			om_index_corrupted(rel, BufferGetBlockNumber(buf), "page cannot be rebuilt");
		om_wal_add_applied(
			&wal, buf, wal_flags, delete_op,
			alex_op_rebuild(delete_op, &delete_plan, alex_page_form(page), drops, bits),
			delete_image);
	}
	else
		om_wal_add(&wal, buf, wal_flags | OM_WAL_TRY_FIRST, delete_op,
				   alex_op_mark(delete_op, drops, bits));
	if (TransactionIdIsValid(horizon))
		om_wal_conflict(&wal, horizon, heap);
	om_wal_commit(&wal);
}

/* ---- what is on the page ---- */

/* fill candidates[]; returns how many */
static int
list_candidates(Relation rel, Buffer buf)
{
	const char *page = alex_page(buf);
	const AlexPageOpaque *o = alex_opaque(page);
	AlexItem *items = delete_plan.stream;
	uint16 *origin = delete_plan.origin;
	int n = alex_page_decode(page, NULL, items, origin);
	uint32 nbase = 0;
	uint32 ngap = 0;
	uint32 ntail = 0;
	int count = 0;
	int last = -1; /* in items */

	if (n < 0)
		om_index_corrupted(rel, BufferGetBlockNumber(buf), "page cannot be decoded");
	for (int i = 0; i < n; i++)
	{
		Candidate *c = &candidates[count];
		uint64 tid = items[i].tag & ALEX_TAG_TID_MASK;
		uint32 number;

		/* each run comes in its own order */
		if (origin[i] == ALEX_ORIGIN_GAP)
			number = (uint32) o->nbase + alex_gap_order(page)[ngap++];
		else if (origin[i] == ALEX_ORIGIN_TAIL)
			number = (uint32) o->nbase + o->ngap + ntail++;
		else
			number = nbase++;
		/* a removed entry's TID may belong to another row by now */
		if (items[i].flags & ALEX_ITEM_REMOVED)
			continue;
		if (!alex_tag_tid_valid(tid))
			om_index_corrupted(rel, BufferGetBlockNumber(buf), "entry's TID is not valid");
		c->block = (BlockNumber) (tid >> 16);
		c->offset = (OffsetNumber) (tid & 0xFFFF);
		c->number = (uint16) number;
		c->dead = (items[i].flags & ALEX_ITEM_DEAD) != 0;
		c->twin = last >= 0 && items[last].key == items[i].key &&
				  ALEX_TAG_NULLS(items[last].tag) == ALEX_TAG_NULLS(items[i].tag);
		if (c->twin)
			candidates[count - 1].twin = true;
		last = i;
		count++;
	}
	return count;
}

/* ---- asking the table ---- */

typedef struct Asking
{
	TM_IndexDeleteOp op;
	uint16 *numbers; /* by id */
	uint8 *drops;
	uint32 dropped;
	TransactionId horizon;
} Asking;

static void
ask_begin(Asking *ask, Relation rel, Buffer buf, int room, bool bottom_up)
{
	ask->op.irel = rel;
	ask->op.iblknum = BufferGetBlockNumber(buf);
	ask->op.bottomup = bottom_up;
	ask->op.bottomupfreespace = bottom_up ? BLCKSZ / ENOUGH_SHARE : 0;
	ask->op.ndeltids = 0;
	ask->op.deltids = (TM_IndexDelete *) palloc((Size) room * sizeof(TM_IndexDelete));
	ask->op.status = (TM_IndexStatus *) palloc((Size) room * sizeof(TM_IndexStatus));
	ask->numbers = (uint16 *) palloc((Size) room * sizeof(uint16));
}

static void
ask_add(Asking *ask, const Candidate *c, bool promising)
{
	int id = ask->op.ndeltids++;
	TM_IndexStatus *status = &ask->op.status[id];

	ItemPointerSet(&ask->op.deltids[id].tid, c->block, c->offset);
	ask->op.deltids[id].id = (int16) id;
	/* for error messages; entry numbers go further than line pointers do */
	status->idxoffnum = (OffsetNumber) Min(c->number + 1, MaxOffsetNumber);
	status->knowndeletable = !ask->op.bottomup && c->dead;
	status->promising = promising;
	/* such that a sixteenth of a run is what nbtree wants of a leaf */
	status->freespace = ask->op.bottomup ? BLCKSZ / RUN_ENTRIES : 0;
	ask->numbers[id] = c->number;
}

static void
ask_end(Asking *ask, Relation heap)
{
	TransactionId horizon = InvalidTransactionId;

	if (ask->op.ndeltids > 0)
		horizon = table_index_delete_tuples(heap, &ask->op);
	for (int i = 0; i < ask->op.ndeltids; i++)
	{
		int id = ask->op.deltids[i].id;

		/* the table may have dropped ids from the array: those stay */
		if (!ask->op.status[id].knowndeletable || bitmap_test(ask->drops, ask->numbers[id]))
			continue;
		bitmap_set(ask->drops, ask->numbers[id]);
		ask->dropped++;
	}
	if (TransactionIdIsValid(horizon) &&
		(!TransactionIdIsValid(ask->horizon) || TransactionIdFollows(horizon, ask->horizon)))
		ask->horizon = horizon;
	pfree(ask->op.deltids);
	pfree(ask->op.status);
	pfree(ask->numbers);
}

/* ---- simple deletion ---- */

static int
compare_blocks(const void *a, const void *b)
{
	BlockNumber x = *(const BlockNumber *) a;
	BlockNumber y = *(const BlockNumber *) b;

	return x < y ? -1 : x > y;
}

static bool
block_listed(const BlockNumber *blocks, int count, BlockNumber block)
{
	return bsearch(&block, blocks, (size_t) count, sizeof(BlockNumber), compare_blocks) != NULL;
}

/* entries marked dead, and their table blocks' other entries; returns how many were marked */
static int
simple_deletion(Asking *ask, Relation rel, Relation heap, Buffer buf, int count,
				const AlexItem *item)
{
	BlockNumber *blocks;
	int nblocks = 0;
	int ndead = 0;
	int extra;

	for (int i = 0; i < count; i++)
		ndead += candidates[i].dead;
	if (ndead < ROOM_ENTRIES_MIN)
		return ndead;

	blocks = (BlockNumber *) palloc((Size) (ndead + 1) * sizeof(BlockNumber));
	for (int i = 0; i < count; i++)
		if (candidates[i].dead)
			blocks[nblocks++] = candidates[i].block;
	qsort(blocks, (size_t) nblocks, sizeof(BlockNumber), compare_blocks);
	ndead = nblocks;
	nblocks = 0;
	for (int i = 0; i < ndead && nblocks < SIMPLE_BLOCKS_MAX; i++)
		if (nblocks == 0 || blocks[nblocks - 1] != blocks[i])
			blocks[nblocks++] = blocks[i];
	/* the new row's block is in cache, and older versions of the row tend to be there */
	blocks[nblocks++] = (BlockNumber) ((item->tag & ALEX_TAG_TID_MASK) >> 16);
	qsort(blocks, (size_t) nblocks, sizeof(BlockNumber), compare_blocks);

	ask_begin(ask, rel, buf, SIMPLE_ENTRIES_MAX, false);
	for (int i = 0; i < count && ask->op.ndeltids < SIMPLE_ENTRIES_MAX; i++)
		if (candidates[i].dead && block_listed(blocks, nblocks, candidates[i].block))
			ask_add(ask, &candidates[i], false);
	extra = SIMPLE_ENTRIES_MAX - ask->op.ndeltids;
	for (int i = 0; i < count && extra > 0; i++)
	{
		if (candidates[i].dead || !block_listed(blocks, nblocks, candidates[i].block))
			continue;
		ask_add(ask, &candidates[i], false);
		extra--;
	}
	pfree(blocks);
	ask_end(ask, heap);
	return ndead;
}

/* ---- bottom-up deletion ---- */

static void
bottom_up_deletion(Asking *ask, Relation rel, Relation heap, Buffer buf, int count)
{
	int nruns = (count + RUN_ENTRIES - 1) / RUN_ENTRIES;
	int twins[ALEX_ITEMS_MAX / RUN_ENTRIES + 1] = { 0 };
	uint32 enough = (uint32) Max(count / ENOUGH_SHARE, ROOM_ENTRIES_MIN);

	for (int i = 0; i < count; i++)
		twins[(int64) i * nruns / count] += candidates[i].twin;
	for (int round = 0; round < RUNS_MAX && ask->dropped < enough; round++)
	{
		int best = 0;
		int from;
		int to;

		for (int r = 1; r < nruns; r++)
			if (twins[r] > twins[best])
				best = r;
		/* no versions here: the page is growing for other reasons */
		if (nruns == 0 || twins[best] == 0)
			break;
		twins[best] = 0;
		/* the smallest i with i * nruns / count >= best */
		from = (int) (((int64) best * count + nruns - 1) / nruns);
		to = (int) (((int64) (best + 1) * count + nruns - 1) / nruns);
		ask_begin(ask, rel, buf, to - from, true);
		for (int i = from; i < to; i++)
			ask_add(ask, &candidates[i], candidates[i].twin);
		ask_end(ask, heap);
	}
}

bool
alex_delete_for_room(Relation rel, Relation heap, Buffer buf, const AlexItem *item,
					 bool index_unchanged)
{
	uint8 drops[ALEX_DROP_BITMAP_BYTES] = { 0 };
	int count = list_candidates(rel, buf);
	uint32 enough = (uint32) Max(count / ENOUGH_SHARE / 2, ROOM_ENTRIES_MIN);
	Asking ask = { .drops = drops, .horizon = InvalidTransactionId };

	(void) simple_deletion(&ask, rel, heap, buf, count, item);
	if (ask.dropped < enough && index_unchanged)
		bottom_up_deletion(&ask, rel, heap, buf, count);
	if (ask.dropped == 0)
		return false;
	/* a standby's index-only scan must not hold the entry when heap frees the TID: cleanup lock there */
	alex_delete_entries(rel, buf, drops, true, OM_WAL_CLEANUP, ask.horizon, heap);
	STOP_POINT("alex_deleted");
	return ask.dropped >= ROOM_ENTRIES_MIN;
}
