/*
 * hybrid_slot.c
 *		The tuple table slot of omendb tables: see hybrid_slot.h.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/sysattr.h"
#include "access/table.h"
#include "access/xact.h"
#include "port/pg_bitutils.h"
#include "utils/datum.h"
#include "utils/expandeddatum.h"

#include "base/pg_compat.h"
#include "hybrid/hybrid_fetch.h"
#include "hybrid/hybrid_slot.h"
#include "hybrid/hybrid_tid.h"

#define HEAP_OPS (&TTSOpsBufferHeapTuple)
/* the most that a slot which brings rows to a load keeps from row to row: COPY has a thousand of them a table */
#define LOAD_BUFFER_MAX 2048

static TupleTableSlotOps slot_ops;

static void
free_copied(HySlot *slot)
{
	if (slot->load != NULL)
	{
		slot->load->row_bytes = 0;
		if (slot->data == slot->load->buffer)
			slot->data = NULL;
	}
	if (slot->data != NULL)
		pfree(slot->data);
	slot->data = NULL;
}

/* stop showing a cold row; the slot is left as heap's callbacks expect an empty one */
static void
forget_cold(HySlot *slot)
{
	if (slot->source != NULL && slot->source->slot == &slot->base.base.base)
		slot->source->slot = NULL;
	slot->source = NULL;
	free_copied(slot);
	slot->cold = slot->copied = slot->is_tuple = false;
}

TransactionId
hy_slot_xmin(HySlot *slot)
{
	/* a locked row's slot: nothing of it was read so far */
	if (slot->source == NULL && slot->xmin == InvalidTransactionId)
		hy_fetch_again(&slot->base.base.base);
	if (slot->source != NULL && slot->source->xmin != NULL)
	{
		TransactionId xmin = slot->source->xmin(slot->source);

		if (xmin != InvalidTransactionId)
			slot->xmin = xmin;
	}
	return slot->xmin;
}

static void
slot_init(TupleTableSlot *slot)
{
	HySlot *ours = hy_slot(slot);

	ours->conditions = NULL;
	ours->condition_count = 0;
	ours->load = NULL;
	ours->needed = NULL;
	ours->cold = ours->copied = ours->is_tuple = false;
	ours->source = NULL;
	ours->data = NULL;
}

static void
slot_release(TupleTableSlot *slot)
{
	HySlot *ours = hy_slot(slot);

	if (ours->load != NULL)
	{
		if (ours->load->buffer != NULL)
			pfree(ours->load->buffer);
		pfree(ours->load);
	}
	ours->load = NULL;
	HEAP_OPS->release(slot);
}

static void
slot_clear(TupleTableSlot *slot)
{
	if (!hy_slot(slot)->cold)
	{
		HEAP_OPS->clear(slot);
		free_copied(hy_slot(slot));
		return;
	}
	forget_cold(hy_slot(slot));
	slot->tts_nvalid = 0;
	slot->tts_flags |= TTS_FLAG_EMPTY;
	ItemPointerSetInvalid(&slot->tts_tid);
}

static void
slot_getsomeattrs_any(TupleTableSlot *slot, int natts)
{
	HySlot *ours = hy_slot(slot);

	if (!ours->cold)
	{
		HEAP_OPS->getsomeattrs(slot, natts);
		return;
	}
	Assert(!ours->copied);
	if (ours->source != NULL)
		ours->source->fetch(ours->source, slot, natts);
	else
		hy_fetch_again(slot);
	slot->tts_nvalid = Max(slot->tts_nvalid, natts);
}

static Datum
slot_getsysattr_cold(TupleTableSlot *slot, int attnum, bool *isnull)
{
	HySlot *ours = hy_slot(slot);

	*isnull = false;
	switch (attnum)
	{
		case MinTransactionIdAttributeNumber:
			return TransactionIdGetDatum(hy_slot_xmin(ours));
		case MinCommandIdAttributeNumber:
		case MaxCommandIdAttributeNumber:
			return CommandIdGetDatum(ours->cmin);
		case MaxTransactionIdAttributeNumber:
			return TransactionIdGetDatum(hy_fetch_xmax(slot));
		default:
			elog(ERROR, "unexpected system attribute number %d", attnum);
	}
	return (Datum) 0;
}

static Datum
slot_getsysattr_any(TupleTableSlot *slot, int attnum, bool *isnull)
{
	if (!hy_slot(slot)->cold)
		return HEAP_OPS->getsysattr(slot, attnum, isnull);
	return slot_getsysattr_cold(slot, attnum, isnull);
}

#if OM_SLOT_HAS_CURRENT_XACT
static bool
slot_is_current_xact(TupleTableSlot *slot)
{
	if (!hy_slot(slot)->cold)
		return HEAP_OPS->is_current_xact_tuple(slot);
	return TransactionIdIsCurrentTransactionId(hy_slot_xmin(hy_slot(slot)));
}
#endif

/* all values of a cold row, whatever the plan says it needs */
static void
get_all_cold(TupleTableSlot *slot)
{
	HySlot *ours = hy_slot(slot);
	const bool *needed = ours->needed;

	if (needed != NULL && !ours->copied)
	{
		ours->needed = NULL;
		slot->tts_nvalid = 0;
		/* an error leaves the slot asking for everything, which is never wrong */
		slot_getallattrs(slot);
		ours->needed = needed;
	}
	else
		slot_getallattrs(slot);
}

/* bytes of a value passed by reference once it is copied: an expanded one becomes flat */
static inline Size
copied_bytes(Form_pg_attribute att, Datum value)
{
	if (att->attlen == -1 && VARATT_IS_EXTERNAL_EXPANDED(DatumGetPointer(value)))
		return EOH_get_flat_size(DatumGetEOHP(value));
	return att_addlength_datum(0, att->attlen, value);
}

/* copy by-reference values into one piece of the slot's memory: tts_virtual_materialize's method; returns its size */
static Size
copy_values(TupleTableSlot *slot)
{
	HySlot *ours = hy_slot(slot);
	TupleDesc desc = slot->tts_tupleDescriptor;
	Size bytes = 0;
	char *at;

	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);

		if (att->attbyval || slot->tts_isnull[i])
			continue;
		bytes = att_align_nominal(bytes, att->attalign);
		bytes += copied_bytes(att, slot->tts_values[i]);
	}
	if (bytes > 0)
	{
		ours->data = at = MemoryContextAllocHuge(slot->tts_mcxt, bytes);
		for (int i = 0; i < desc->natts; i++)
		{
			Form_pg_attribute att = TupleDescAttr(desc, i);
			Datum value = slot->tts_values[i];
			Size length;

			if (att->attbyval || slot->tts_isnull[i])
				continue;
			at = (char *) att_align_nominal(at, att->attalign);
			length = copied_bytes(att, value);
			if (att->attlen == -1 && VARATT_IS_EXTERNAL_EXPANDED(DatumGetPointer(value)))
				EOH_flatten_into(DatumGetEOHP(value), at, length);
			else
				memcpy(at, DatumGetPointer(value), length);
			slot->tts_values[i] = PointerGetDatum(at);
			at += length;
		}
	}
	return bytes;
}

void
hy_slot_begin_load(TupleTableSlot *slot)
{
	TupleDesc desc = slot->tts_tupleDescriptor;
	HySlotLoad *load =
		MemoryContextAllocZero(slot->tts_mcxt, offsetof(HySlotLoad, by_reference) +
												   desc->natts * sizeof(load->by_reference[0]));

	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);

		if (att->attisdropped)
			continue;
		if (att->attbyval)
			load->by_value_bytes += (Size) att->attlen;
		else
			load->by_reference[load->count++] =
				(struct HySlotAttribute){ .number = (int16) i, .length = att->attlen };
	}
	hy_slot(slot)->load = load;
}

/*
 * The same into the buffer of a slot that loads, and the row's bytes noted on the way.  False, and values that were copied
 * already stand there, if they do not all fit or one of them takes more than a copy.
 */
static bool
copy_into_buffer(TupleTableSlot *slot, HySlotLoad *load)
{
	char *at = load->buffer;
	char *end = at + load->buffer_bytes;
	Size row_bytes = load->by_value_bytes;

	for (int i = 0; i < load->count; i++)
	{
		int number = load->by_reference[i].number;
		char *value = DatumGetPointer(slot->tts_values[number]);
		Size length;

		if (slot->tts_isnull[number])
			continue;
		if (load->by_reference[i].length > 0)
		{
			length = (Size) load->by_reference[i].length;
			row_bytes += length;
		}
		else
		{
			if (VARATT_IS_EXTERNAL(value) || VARATT_IS_COMPRESSED(value))
				return false;
			length = VARSIZE_ANY(value);
			row_bytes += length + VARHDRSZ;
		}
		if (length > (Size) (end - at))
			return false;
		memcpy(at, value, length);
		slot->tts_values[number] = PointerGetDatum(at);
		at += Min(MAXALIGN(length), (Size) (end - at));
	}
	hy_slot(slot)->data = load->buffer;
	load->row_bytes = row_bytes;
	return true;
}

/* a virtual row that goes to a load */
static void
copy_loading(TupleTableSlot *slot, HySlotLoad *load)
{
	Size bytes;

	if (load->buffer != NULL && copy_into_buffer(slot, load))
		return;
	/* room for the next row; each time twice as much, since values stand more closely here than there */
	bytes = Max(pg_nextpower2_size_t(copy_values(slot) + 1), 2 * load->buffer_bytes);
	if (bytes > LOAD_BUFFER_MAX)
		return;
	if (load->buffer != NULL)
		pfree(load->buffer);
	load->buffer = NULL;
	load->buffer_bytes = 0;
	load->buffer = MemoryContextAlloc(slot->tts_mcxt, bytes);
	load->buffer_bytes = bytes;
}

/* make a cold row independent of its source */
static void
materialize_cold(TupleTableSlot *slot)
{
	HySlot *ours = hy_slot(slot);

	if (ours->copied)
		return;
	get_all_cold(slot);
	if (ours->copied) /* hy_fetch_again does it all */
		return;
	(void) copy_values(slot);
	ours->copied = true;
	(void) hy_slot_xmin(ours);
	if (ours->source != NULL && ours->source->slot == slot)
		ours->source->slot = NULL;
	ours->source = NULL;
}

static void
slot_materialize(TupleTableSlot *slot)
{
	HySlot *ours = hy_slot(slot);

	if (ours->cold)
		materialize_cold(slot);
	else if (ours->load == NULL || ours->base.base.tuple != NULL)
		HEAP_OPS->materialize(slot);
	else if (ours->data == NULL)
		copy_loading(slot, ours->load);
}

static HeapTuple
copy_heap_tuple_cold(TupleTableSlot *slot)
{
	HeapTuple tuple;

	get_all_cold(slot);
	tuple = heap_form_tuple(slot->tts_tupleDescriptor, slot->tts_values, slot->tts_isnull);
	tuple->t_self = slot->tts_tid;
	tuple->t_tableOid = slot->tts_tableOid;
	HeapTupleHeaderSetXmin(tuple->t_data, hy_slot_xmin(hy_slot(slot)));
	HeapTupleHeaderSetCmin(tuple->t_data, hy_slot(slot)->cmin);
	HeapTupleHeaderSetXmax(tuple->t_data, InvalidTransactionId);
	tuple->t_data->t_infomask |= HEAP_XMAX_INVALID;
	tuple->t_data->t_ctid = slot->tts_tid;
	return tuple;
}

static void
slot_copyslot(TupleTableSlot *dst, TupleTableSlot *src)
{
	if (hy_slot(dst)->cold)
		slot_clear(dst);
	if (!hy_slot_is_cold(src))
	{
		/* a hot or virtual slot of ours, or somebody else's */
		HEAP_OPS->copyslot(dst, src);
		return;
	}
	get_all_cold(src);
	ExecClearTuple(dst);
	hy_slot_store_cold(dst, NULL, src->tts_tableOid, hy_slot(src)->row, hy_slot_xmin(hy_slot(src)),
					   hy_slot(src)->cmin);
	memcpy(dst->tts_values, src->tts_values,
		   (Size) src->tts_tupleDescriptor->natts * sizeof(Datum));
	memcpy(dst->tts_isnull, src->tts_isnull, (Size) src->tts_tupleDescriptor->natts * sizeof(bool));
	dst->tts_nvalid = src->tts_tupleDescriptor->natts;
	dst->tts_tid = src->tts_tid;
	materialize_cold(dst);
}

/*
 * The slot's own heap tuple.  A cold row becomes one and stays cold: the tuple
 * belongs to the slot's memory and goes with it.
 */
static HeapTuple
slot_get_heap_tuple(TupleTableSlot *slot)
{
	MemoryContext old;
	HeapTuple tuple;
	HySlot *ours = hy_slot(slot);

	if (!ours->cold)
	{
		/* of a virtual row it is made first; the values copied before go with the row */
		if (ours->base.base.tuple == NULL)
			HEAP_OPS->materialize(slot);
		return HEAP_OPS->get_heap_tuple(slot);
	}
	if (ours->is_tuple)
		return (HeapTuple) ours->data;
	materialize_cold(slot);
	old = MemoryContextSwitchTo(slot->tts_mcxt);
	tuple = copy_heap_tuple_cold(slot);
	MemoryContextSwitchTo(old);
	/* it holds all the values: let them point there, as the slot owns one piece of memory */
	heap_deform_tuple(tuple, slot->tts_tupleDescriptor, slot->tts_values, slot->tts_isnull);
	free_copied(ours);
	ours->data = (char *) tuple;
	ours->is_tuple = true;
	return tuple;
}

static HeapTuple
slot_copy_heap_tuple(TupleTableSlot *slot)
{
	if (!hy_slot(slot)->cold)
		return HEAP_OPS->copy_heap_tuple(slot);
	return copy_heap_tuple_cold(slot);
}

static MinimalTuple
slot_copy_minimal_tuple(OM_COPY_MINIMAL_ARGS(slot))
{
	if (!hy_slot(slot)->cold)
		return OM_COPY_MINIMAL_CALL(HEAP_OPS->copy_minimal_tuple, slot);
	get_all_cold(slot);
	return OM_FORM_MINIMAL(slot->tts_tupleDescriptor, slot->tts_values, slot->tts_isnull);
}

const TupleTableSlotOps *
hy_slot_ops(void)
{
	if (unlikely(slot_ops.base_slot_size == 0))
	{
		TupleTableSlotOps ops = {
			.base_slot_size = sizeof(HySlot),
			.init = slot_init,
			.release = slot_release,
			.clear = slot_clear,
			.getsomeattrs = slot_getsomeattrs_any,
			.getsysattr = slot_getsysattr_any,
#if OM_SLOT_HAS_CURRENT_XACT
			.is_current_xact_tuple = slot_is_current_xact,
#endif
			.materialize = slot_materialize,
			.copyslot = slot_copyslot,
			.get_heap_tuple = slot_get_heap_tuple,
			.copy_heap_tuple = slot_copy_heap_tuple,
			.copy_minimal_tuple = slot_copy_minimal_tuple,
		};

		slot_ops = ops;
	}
	return &slot_ops;
}

/* only slots made by table_slot_create come here: an error, since the struct would be too small */
static void
check_slot(TupleTableSlot *slot)
{
	if (unlikely(slot->tts_ops != hy_slot_ops()))
		elog(ERROR, "slot of size %zu passed to an omendb table", slot->tts_ops->base_slot_size);
}

void
hy_slot_store_cold(TupleTableSlot *slot, HyColdSource *source, Oid relid, uint64 row,
				   TransactionId xmin, CommandId cmin)
{
	HySlot *ours = hy_slot(slot);

	check_slot(slot);
	if (ours->cold)
		forget_cold(ours);
	else if (!TTS_EMPTY(slot))
		slot_clear(slot);
	ours->cold = true;
	ours->source = source;
	ours->row = row;
	ours->xmin = xmin;
	ours->cmin = cmin;
	slot->tts_flags &= (uint16) ~TTS_FLAG_EMPTY;
	slot->tts_nvalid = 0;
	slot->tts_tableOid = relid;
	hy_tid_from_row(&slot->tts_tid, row);
	if (source != NULL)
		source->slot = slot;
}

void
hy_slot_detach(HyColdSource *source, TupleTableSlot *next)
{
	TupleTableSlot *slot = source->slot;

	if (slot == NULL || slot == next)
		return;
	Assert(hy_slot(slot)->cold && hy_slot(slot)->source == source);
	/* values that were fetched may point into the source's memory */
	slot->tts_nvalid = 0;
	(void) hy_slot_xmin(hy_slot(slot));
	hy_slot(slot)->source = NULL;
	source->slot = NULL;
}

void
hy_slot_lend(TupleTableSlot *slot)
{
	check_slot(slot);
	if (hy_slot(slot)->cold || hy_slot(slot)->data != NULL)
		slot_clear(slot);
	hy_slot_lend_full(slot);
}

void
hy_slot_lend_full(TupleTableSlot *slot)
{
	/* the member is const to keep slots from changing type by accident */
	*(const TupleTableSlotOps **) (uintptr_t) &slot->tts_ops = HEAP_OPS;
}

void
hy_slot_take_back(TupleTableSlot *slot)
{
	*(const TupleTableSlotOps **) (uintptr_t) &slot->tts_ops = hy_slot_ops();
}
