/*
 * alex_spool.c
 *		From the rows of a table to the records of a sort.
 */
#include "postgres.h"

#include "access/htup_details.h"

#include "alex/alex_heap_scan.h"
#include "alex/alex_spool.h"

/* a record has one bit less for the offset */
StaticAssertDecl(MaxOffsetNumber <= 0x7FFF, "offsets leave a bit");

void
alex_spool_init(AlexSpool *spool, Relation index, const IndexInfo *index_info)
{
	memset(spool, 0, sizeof(*spool));
	alex_key_info(index, &spool->info);
	spool->words = spool->info.keybytes / (int) sizeof(uint64) + 1;
	spool->unique = index_info->ii_Unique;
}

static void
spool_callback(Relation index, ItemPointer tid, Datum *values, bool *isnull, bool alive, void *arg)
{
	AlexSpool *spool = (AlexSpool *) arg;
	uint64 record[ALEX_RADIX_WORDS_MAX];
	AlexItem item = { 0 };

	alex_key_encode(&spool->info, values, isnull, tid, &item.key, &item.tag);
	/* a page does not say which rows were dead: what was streamed could not be taken back */
	if (unlikely(!alive && spool->unique))
		alex_sort_stop_stream(spool->sort);
	alex_record_of_item(spool, &item, !alive, record);
	alex_sort_put(spool->sort, record);
	spool->index_tuples += 1;
}

double
alex_spool_scan(AlexSpool *spool, Relation heap, Relation index, IndexInfo *index_info,
				bool progress, TableScanDesc scan)
{
	if (scan == NULL && alex_heap_scan_can(heap, index_info))
		return alex_heap_scan(heap, index, index_info, progress, spool_callback, spool);
	return table_index_build_scan(heap, index, index_info, true, progress, spool_callback, spool,
								  scan);
}
