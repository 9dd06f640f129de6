/*
 * hybrid_slot.h
 *		The tuple table slot of omendb tables (rule S1).
 *
 * One slot type shows hot, virtual and cold rows.  Its struct begins with heap's
 * BufferHeapTupleTableSlot; a hot or virtual row is handled by heap's callbacks.
 * A cold row is described by where its values come from: they are fetched when
 * asked for, and until then nothing is decoded.
 */
#ifndef HYBRID_SLOT_H
#define HYBRID_SLOT_H

#include "executor/tuptable.h"

typedef struct HyColdSource HyColdSource;

/* whoever supplies the values of the row that a slot shows: a scan or a fetch */
struct HyColdSource
{
	/* fill attributes tts_nvalid .. natts - 1 of tts_values and tts_isnull */
	void (*fetch)(HyColdSource *source, TupleTableSlot *slot, int natts);
	/* the row's own xmin; NULL = the one given to hy_slot_store_cold */
	TransactionId (*xmin)(HyColdSource *source);
	TupleTableSlot *slot; /* that shows this source's present row, or NULL */
};

typedef struct HySlot
{
	BufferHeapTupleTableSlot base;

	/* for the scan that fills the slot: conditions that all rows of interest satisfy, or NULL */
	const struct HyCondition *conditions;
	int condition_count;

	/*
	 * Attributes that the plan reads, or NULL for all.  Others of a cold row come out
	 * as NULL, except in copies of the row, which are always whole.
	 */
	const bool *needed;

	/* the rest has a meaning while cold is true */
	bool cold;
	bool copied;		  /* all values are here, in memory of the slot */
	bool is_tuple;		  /* data is a HeapTuple */
	HyColdSource *source; /* NULL: gone, or not needed any more */
	uint64 row;
	/* of the group, unless the source knows better; without a source, invalid = to be read: hy_slot_xmin */
	TransactionId xmin;
	CommandId cmin;
	char *data; /* by-reference values of a copied row, cold or virtual, or NULL */

	/*
	 * What a slot has that brings rows to a load, else NULL.  A load wants values: a virtual row is made
	 * independent by copying them, not by forming a heap tuple.
	 */
	struct HySlotLoad *load;
} HySlot;

/* its own memory, which stays from row to row */
typedef struct HySlotLoad
{
	char *buffer; /* in which data may stand, or NULL */
	Size buffer_bytes;
	Size
		row_bytes; /* what the virtual row in the buffer takes, its NULLs counted as values; 0 without one */
	Size by_value_bytes; /* of a row */
	int count;
	struct HySlotAttribute
	{
		int16 number; /* 0-based */
		int16 length; /* -1: varlena */
	} by_reference[FLEXIBLE_ARRAY_MEMBER];
} HySlotLoad;

extern const TupleTableSlotOps *hy_slot_ops(void);

/* the slot has brought a row to a load, and others will follow */
extern void hy_slot_begin_load(TupleTableSlot *slot);

/* show cold row `row`; the source must call hy_slot_detach before it moves on */
extern void hy_slot_store_cold(TupleTableSlot *slot, HyColdSource *source, Oid relid, uint64 row,
							   TransactionId xmin, CommandId cmin);

/*
 * The source leaves its present row, or ends.  A slot other than `next` that
 * still shows it has to find the row again by itself, should anybody ask.
 */
extern void hy_slot_detach(HyColdSource *source, TupleTableSlot *next);

static inline HySlot *
hy_slot(TupleTableSlot *slot)
{
	return (HySlot *) slot;
}

static inline bool
hy_slot_is_cold(TupleTableSlot *slot)
{
	return !TTS_EMPTY(slot) && slot->tts_ops == hy_slot_ops() && hy_slot(slot)->cold;
}

/* a cold row's xmin */
extern TransactionId hy_slot_xmin(HySlot *slot);

/*
 * Heap's functions insist on a slot of heap's type.  Between lend and take_back the slot
 * is one; it is empty at first.
 */
extern void hy_slot_lend(TupleTableSlot *slot);
/* the same for a slot that heap is to look at */
extern void hy_slot_lend_full(TupleTableSlot *slot);
extern void hy_slot_take_back(TupleTableSlot *slot);

#endif
