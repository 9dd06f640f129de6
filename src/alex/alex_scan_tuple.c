/*
 * alex_scan_tuple.c
 *		Index-only scans: index tuples made from entries.
 *
 * The executor wants the indexed values in an index tuple.  It is made in one
 * buffer of the scan, over and over, from what alex_key_decode() gives back; columns that
 * are not returnable (rule F3) are NULL in it, and no plan reads them.
 *
 * Such a scan believes the visibility map, so VACUUM must not remove an entry from
 * under it before it has looked: the scan keeps its pin, and VACUUM waits for it by the
 * cleanup lock.  On a standby the replay of Generic WAL takes no such lock.  So
 * there no index-only scan is planned for an index that was ever written in that
 * mode (rule W4), and one that comes of an older plan asks the table itself.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/itup.h"
#include "access/tableam.h"
#include "access/xlog.h"
#include "executor/tuptable.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "alex/alex_buf.h"
#include "alex/alex_key_string.h"
#include "alex/alex_key_type.h"
#include "alex/alex_scan.h"
#include "alex/alex_scan_state.h"
#include "base/check.h"

struct AlexScanTuple
{
	bool ask_table;		   /* the visibility map may say too much */
	TupleTableSlot *slot;  /* for asking */
	MemoryContext context; /* values passed by reference */
	bool by_reference;	   /* are there any? */
	IndexTuple tuple;
};

bool
alexcanreturn(Relation index, int attno)
{
	AlexCache *cache = (AlexCache *) index->rd_amcache;
	AlexKeyInfo info;

	/* not alex_cache(): planning needs the metapage on standbys only */
	if (cache != NULL)
		info = cache->info;
	else
		alex_key_info(index, &info);
	return alex_key_returnable(&info, attno) &&
		   !(RecoveryInProgress() && alex_generic_written(index));
}

static void
prepare_plain(IndexScanDesc scan, const AlexScanTuple *t)
{
	AlexScanOpaque *so = (AlexScanOpaque *) scan->opaque;
	const AlexMetaColumn *col = &so->info.cols[0];
	Form_pg_attribute att = TupleDescAttr(scan->xs_itupdesc, 0);
	AlexPlainTuple *plain = &so->plain;
	Datum zero;

	plain->bytes = 0;
	if (t->ask_table || scan->xs_itupdesc->natts != 1 || !att->attbyval ||
		!alex_type_plain((AlexTypeCode) col->type) ||
		!alex_type_datum((AlexTypeCode) col->type, 0, &zero))
		return;
	plain->bytes = (uint8) att->attlen;
	plain->max = alex_bits_max(col->bits);
	plain->null = alex_null_code(col);
	plain->flip = (uint64) zero ^ ((col->flags & ALEX_COL_DESC) ? (uint64) plain->max : 0);
	plain->tuple = t->tuple;
	plain->value = (char *) t->tuple + IndexInfoFindDataOffset(0);
	plain->info = (unsigned short) MAXALIGN(IndexInfoFindDataOffset(0) + (Size) att->attlen);
}

void
alex_tuple_prepare(IndexScanDesc scan)
{
	AlexScanOpaque *so = (AlexScanOpaque *) scan->opaque;
	AlexScanTuple *t = so->tuple;

	if (t == NULL)
	{
		TupleDesc desc = RelationGetDescr(scan->indexRelation);
		MemoryContext old = MemoryContextSwitchTo(GetMemoryChunkContext(so));
		Size size = IndexInfoFindDataOffset(INDEX_NULL_MASK);

		t = (AlexScanTuple *) palloc0(sizeof(AlexScanTuple));
		t->context =
			AllocSetContextCreate(CurrentMemoryContext, "alex index tuple", ALLOCSET_SMALL_SIZES);
		for (int i = 0; i < desc->natts; i++)
		{
			Form_pg_attribute att = TupleDescAttr(desc, i);

			Assert(att->attlen > 0);
			t->by_reference |= !att->attbyval;
			size = MAXALIGN(size + (Size) att->attlen);
		}
		t->tuple = (IndexTuple) palloc0(size);
		MemoryContextSwitchTo(old);
		scan->xs_itupdesc = desc;
		so->tuple = t;
	}
	t->ask_table = RecoveryInProgress() && alex_generic_written(scan->indexRelation);
	prepare_plain(scan, t);
}

void
alex_tuple_free(AlexScanOpaque *so)
{
	AlexScanTuple *t = so->tuple;

	if (t == NULL)
		return;
	if (t->slot != NULL)
		ExecDropSingleTupleTableSlot(t->slot);
	MemoryContextDelete(t->context);
	pfree(t->tuple);
	pfree(t);
	so->tuple = NULL;
}

/*
 * Does the snapshot see the row?  By now its TID may be another row's, but that one is
 * younger than the snapshot.
 */
static bool
table_has_row(IndexScanDesc scan, AlexScanTuple *t)
{
	ItemPointerData tid = scan->xs_heaptid;
	bool again = false;
	bool found;

	if (t->slot == NULL)
	{
		MemoryContext old = MemoryContextSwitchTo(GetMemoryChunkContext(t));

		t->slot = table_slot_create(scan->heapRelation, NULL);
		MemoryContextSwitchTo(old);
	}
	found =
		table_index_fetch_tuple(scan->xs_heapfetch, &tid, scan->xs_snapshot, t->slot, &again, NULL);
	ExecClearTuple(t->slot);
	return found;
}

bool
alex_tuple_make(IndexScanDesc scan, const AlexItem *item)
{
	AlexScanOpaque *so = (AlexScanOpaque *) scan->opaque;
	AlexScanTuple *t = so->tuple;
	TupleDesc desc = scan->xs_itupdesc;
	Datum values[INDEX_MAX_KEYS];
	bool isnull[INDEX_MAX_KEYS];
	uint16 infomask = 0;
	bool has_null = false;
	bool valid;
	Size start;
	Size size;

	if (t->ask_table && !table_has_row(scan, t))
		return false;

	if (t->by_reference)
	{
		MemoryContext old = MemoryContextSwitchTo(t->context);

		MemoryContextReset(t->context);
		valid = alex_key_decode(&so->info, item->key, item->tag, values, isnull);
		MemoryContextSwitchTo(old);
	}
	else
		valid = alex_key_decode(&so->info, item->key, item->tag, values, isnull);
	if (!valid)
		om_index_corrupted(scan->indexRelation, so->block, "entry's key is no value of its type");

	for (int i = 0; i < desc->natts; i++)
		has_null |= isnull[i];
	start = IndexInfoFindDataOffset(has_null ? INDEX_NULL_MASK : 0);
	size = heap_compute_data_size(desc, values, isnull);
	heap_fill_tuple(desc, values, isnull, (char *) t->tuple + start, size, &infomask,
					has_null ? (bits8 *) t->tuple + sizeof(IndexTupleData) : NULL);
	t->tuple->t_info = (unsigned short) MAXALIGN(start + size);
	if (has_null)
		t->tuple->t_info |= INDEX_NULL_MASK;
	t->tuple->t_tid = scan->xs_heaptid;
	scan->xs_itup = t->tuple;
	return true;
}
