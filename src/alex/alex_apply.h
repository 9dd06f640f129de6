/*
 * alex_apply.h
 *		The operations that change an alex page, and the function that does it.
 *
 * Pure code.  A change of a page is an *op*: one byte of op code and a
 * payload.  alex_apply() executes it, on the primary and in redo alike (design
 * rule W1): it sees one page and the op, reads no setting, allocates nothing
 * and raises nothing.  The alex_op_*() functions write an op into a caller's
 * buffer and return its length.
 */
#ifndef ALEX_APPLY_H
#define ALEX_APPLY_H

#include "alex/alex_plan.h"

/* op codes (values are in WAL: never reuse one) */
typedef enum AlexOp
{
	ALEX_OP_INIT = 1,		 /* new page: u16 lower, u16 upper, the bytes outside the hole */
	ALEX_OP_GAP_INSERT = 2,	 /* u8 position in key order, raw entry */
	ALEX_OP_TAIL_APPEND = 3, /* raw entry */
	ALEX_OP_SEAL = 4,		 /* plan of the tail */
	ALEX_OP_REBUILD = 5,	 /* u8 drop form, drops, plan */
	ALEX_OP_SPLIT_LEFT = 6,	 /* u32 right, high fence, u8 re-encode, plan */
	ALEX_OP_SET_LEFT = 7,	 /* u32 left */
	ALEX_OP_CLEAR_FLAGS = 8, /* u16 flags to clear */
	ALEX_OP_MARK = 9,		 /* bitmap: base ranks, gap slots, tail entries to remove */
	ALEX_OP_META_ROOT = 10,	 /* u32 root, u32 level */
	ALEX_OP_META_FLAG = 11,	 /* u32 flags to set */
	ALEX_OP_UNMARK = 12,	 /* u16 base rank: a removed entry lives again */
	/* page deletion, see alex_unlink.c */
	ALEX_OP_HALF_DEAD = 13, /* empty leaf: u32 parent that goes with it, or none */
	ALEX_OP_DELETED = 14,	/* u64 safexid */
	ALEX_OP_SET_LOW = 15,	/* u8 infinite, low fence; inner page: plan of all its entries */
	ALEX_OP_SET_RIGHT = 16, /* u32 right */
	ALEX_OP_UNLINK = 17,	/* inner: u32 number, u32 child that goes, u32 its heir, plan */
	ALEX_OP_MERGED = 18		/* leaf, whose entries its right sibling has now: nothing */
} AlexOp;

/* directory slots added when the directory is full at a seal; redo relies on it: never change */
#define ALEX_DIR_SLACK 4

/* drop forms of ALEX_OP_REBUILD */
#define ALEX_DROPS_NONE 0
#define ALEX_DROPS_BITMAP 1
#define ALEX_DROPS_LIST 2 /* u16 count, u16 numbers */

#define ALEX_DROP_BITMAP_BYTES ((ALEX_ITEMS_MAX + 7) / 8 + 8)
#define ALEX_OP_BYTES_MAX (ALEX_PLAN_BYTES_MAX + ALEX_DROP_BITMAP_BYTES + 64)

StaticAssertDecl(ALEX_OP_BYTES_MAX > BLCKSZ + 16, "an op buffer holds an INIT op");

/*
 * alex_apply --- execute an op.  False means the op is not valid for this page;
 * the page may then be half changed, and the caller must PANIC (redo) or never have
 * let it happen (primary).
 */
extern bool alex_apply(char *page, const char *op, uint32 len);

/* writing ops; dst has room for ALEX_OP_BYTES_MAX */
extern uint32 alex_op_init(char *dst, const char *page);
extern uint32 alex_op_gap_insert(char *dst, AlexForm form, uint32 pos, const AlexItem *item);
extern uint32 alex_op_tail_append(char *dst, AlexForm form, const AlexItem *item);
extern uint32 alex_op_seal(char *dst, const AlexPlan *plan, AlexForm form);
/* drops: bitmap over `bits` entries, or NULL */
extern uint32 alex_op_rebuild(char *dst, const AlexPlan *plan, AlexForm form, const uint8 *drops,
							  uint32 bits);
/* cut = number of plan entries that stay left, or -1: the page keeps its contents */
extern uint32 alex_op_split_left(char *dst, const AlexPlan *plan, AlexForm form, int cut,
								 uint32 right, AlexKey key, uint64 tag);
extern uint32 alex_op_set_left(char *dst, uint32 left);
extern uint32 alex_op_set_right(char *dst, uint32 right);
extern uint32 alex_op_half_dead(char *dst, uint32 top);
extern uint32 alex_op_merged(char *dst);
extern uint32 alex_op_deleted(char *dst, uint64 safexid);
/* plan: of an inner page, with its first separator lowered; NULL on a leaf */
extern uint32 alex_op_set_low(char *dst, const AlexPlan *plan, AlexForm form, bool infinite,
							  AlexKey key, uint64 tag);
extern uint32 alex_op_unlink(char *dst, const AlexPlan *plan, AlexForm form, uint32 number,
							 uint32 gone, uint32 heir);
extern uint32 alex_op_clear_flags(char *dst, uint16 flags);
extern uint32 alex_op_mark(char *dst, const uint8 *drops, uint32 bits);
extern uint32 alex_op_unmark(char *dst, uint32 rank);
extern uint32 alex_op_meta_root(char *dst, uint32 root, uint32 level);
extern uint32 alex_op_meta_flag(char *dst, uint32 flags);

/*
 * alex_rebuild_image / alex_split_left_image --- what REBUILD / SPLIT_LEFT makes of the page, from
 * the plan the op was written from: the primary has decoded the page once to plan, and need
 * not do it again.  image: BLCKSZ + 16 bytes.  False if the plan is wrong.
 */
extern bool alex_rebuild_image(char *image, const char *page, const AlexPlan *plan);
extern bool alex_split_left_image(char *image, const char *page, const AlexPlan *plan, int cut,
								  uint32 right, AlexKey key, uint64 tag);

/*
 * alex_assemble --- fill `out` (initialised, empty) with the blocks of plan
 * entries [from, to).  copy_from is the page COPY entries refer to.  False if they
 * do not fit or a model does not hold its entries.
 */
extern bool alex_assemble(char *out, const char *copy_from, const AlexPlan *plan, int from, int to);

/* would blocks of so many bytes, directory entries included, fit on an empty page and leave `spare`? */
static inline bool
alex_plan_fits(AlexForm form, uint32 bytes, uint32 spare)
{
	return bytes + spare <= ALEX_PAGE_ROOM(form);
}

/* zero every hint bit of a page (rule W3); also what masks them for WAL checks */
extern void alex_zero_hints(char *page);

#endif
