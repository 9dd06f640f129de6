/*
 * alex_insert.c
 *		aminsert: encode the row's key, find its leaf, put the entry there.
 *
 * The seam for batched inserts (design rules B1-B3) is alex_insert_entry(): a batch
 * is a sorted list of entries handed to it one by one.
 */
#include "postgres.h"

#include "storage/bufmgr.h"

#include "alex/alex_buf.h"
#include "alex/alex_insert.h"
#include "alex/alex_split.h"
#include "base/stop_point.h"

static void
alex_insert_entry(Relation rel, const AlexItem *item)
{
	Buffer leaf = alex_descend(rel, 0, item->key, item->tag, false, BUFFER_LOCK_EXCLUSIVE, true);

	alex_add_entry(rel, leaf, item, InvalidBuffer);
}

bool
alexinsert(Relation rel, Datum *values, bool *isnull, ItemPointer tid, Relation heap,
		   IndexUniqueCheck check_unique, bool index_unchanged, IndexInfo *index_info)
{
	AlexItem item = { 0 };

	alex_key_encode(&alex_cache(rel)->info, values, isnull, tid, &item.key, &item.tag);
	alex_note_generic(rel);
	STOP_POINT("alex_insert_start");
	alex_insert_entry(rel, &item);
	STOP_POINT("alex_insert_done");
	return false;
}
