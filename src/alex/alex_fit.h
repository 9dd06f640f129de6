/*
 * alex_fit.h
 *		Entries -> the models of one block, and models + entries -> bytes.
 *
 * Pure code.  A fit decides; an encoding follows decisions: redo only encodes
 * (design rule W1).
 */
#ifndef ALEX_FIT_H
#define ALEX_FIT_H

#include "alex/alex_page.h"

/*
 * The decisions about one block: what AlexBlockDesc and its extensions store,
 * plus kbase.  WAL records carry kbase in the index's key bytes and then the rest
 * of this struct; the members behind `cwidth` only if enc or the page kind ask for
 * them (alex_model_bytes).
 */
typedef struct AlexModel
{
	AlexKey kbase;
	uint64 kslope;
	uint64 tslope;
	uint64 tbase;
	uint16 tmul;
	uint16 nbase;
	uint8 enc;
	uint8 n;
	uint8 idx0;
	uint8 kwidth;
	uint8 twidth;
	uint8 nwidth;
	uint8 cwidth;
	uint8 reserved[5];
	/* inner pages */
	uint64 cslope;
	uint64 cbase;
	/* ALEX_ENC_TWO_TIDS */
	uint64 t2slope;
	uint64 t2base;
	uint16 t2mul;
	uint8 t2width;
	uint8 hot0;
	uint8 cold0;
	uint8 ncold;
	uint8 reserved2[2];
} AlexModel;

StaticAssertDecl(sizeof(AlexModel) == 96, "alex model has no hidden padding");

/* are the numbers in range?  One from WAL must be before it is used; it may not fit its entries */
extern bool alex_model_valid(const AlexModel *m, AlexForm form);

/* directory entry + payload bytes of a block with this model */
extern uint32 alex_model_size(const AlexModel *m, AlexForm form);

/*
 * alex_fit --- choose models and widths for n (1..128) entries in order.
 * Removed marks are kept (enc gets ALEX_ENC_REMOVED if there is one).
 */
extern void alex_fit(const AlexItem *items, uint32 n, AlexForm form, AlexModel *m);

/*
 * alex_model_of_block --- the decisions an existing block was encoded with.
 */
extern void alex_model_of_block(const AlexBlock *blk, AlexModel *m);

/*
 * alex_model_slice --- the same model for entries [from, from + n) of a block
 * that has model *m: no width changes (rule F4).  items are the slice's.
 * Whether the slice keeps a removed column follows from its items.
 */
extern void alex_model_slice(const AlexModel *m, const AlexItem *items, uint32 from, uint32 n,
							 uint32 cold_before, AlexModel *slice);

/*
 * alex_encode --- write the payload of a block at out; returns its bytes, or 0
 * if an entry does not fit the model (never, for a model fitted to them).
 * out must have room for that: alex_model_size() less the directory entry.
 * *desc gets everything but off and cum.
 */
extern uint32 alex_encode(const AlexItem *items, const AlexModel *m, AlexForm form, uint8 *out,
						  AlexBlockDesc *desc);

/* how many bytes of the struct a WAL record carries */
extern uint32 alex_model_bytes(const AlexModel *m, AlexForm form);
extern void alex_model_write(const AlexModel *m, AlexForm form, char *dst);
/* read one back; returns the bytes consumed, 0 if avail is too short */
extern uint32 alex_model_read(const char *src, uint32 avail, AlexForm form, AlexModel *m);

#endif
