/*
 * alex_spool.h
 *		From the rows of a table to the records of a sort, and from records to
 *		index entries.
 */
#ifndef ALEX_SPOOL_H
#define ALEX_SPOOL_H

#include "access/tableam.h"
#include "nodes/execnodes.h"

#include "alex/alex_key.h"
#include "alex/alex_page.h"
#include "alex/alex_radix.h"
#include "alex/alex_sort.h"

/* one process's part of a build */
typedef struct AlexSpool
{
	AlexKeyInfo info;
	int words; /* of a record */
	bool unique;
	AlexSort *sort;
	double index_tuples;
} AlexSpool;

/* everything but the sort */
extern void alex_spool_init(AlexSpool *spool, Relation index, const IndexInfo *index_info);

/* scan the table, or this participant's part of it, into the sort; the rows seen */
extern double alex_spool_scan(AlexSpool *spool, Relation heap, Relation index,
							  IndexInfo *index_info, bool progress, TableScanDesc scan);

/*
 * The last word of a record: as the tag of the entry, but with the offset one bit
 * up, and that bit saying that the row is dead to everybody who might ask about
 * duplicates.  No two records differ in that bit alone, so the order is that of tags.
 */
static inline uint64
alex_spool_tag(uint64 tag, bool dead)
{
	return (tag & ~UINT64CONST(0xFFFF)) | (tag & 0x7FFF) << 1 | dead;
}

static inline bool
alex_record_dead(const AlexSpool *spool, const uint64 *record)
{
	return record[spool->words - 1] & 1;
}

static inline void
alex_record_of_item(const AlexSpool *spool, const AlexItem *item, bool dead, uint64 *record)
{
	record[0] = spool->words == 2 ? (uint64) item->key : (uint64) (item->key >> 64);
	record[1] = (uint64) item->key;
	record[spool->words - 1] = alex_spool_tag(item->tag, dead);
}

static inline void
alex_item_of_record(const AlexSpool *spool, const uint64 *record, AlexItem *item)
{
	uint64 tag = record[spool->words - 1];

	item->key = spool->words == 2 ? record[0] : (AlexKey) record[0] << 64 | record[1];
	item->tag = (tag & ~UINT64CONST(0xFFFF)) | (tag & 0xFFFF) >> 1;
	item->child = 0;
	item->flags = 0;
}

#endif
