/*
 * alex_insert.c
 *		aminsert: encode the row's key, find its leaf, put the entry there.
 *
 * The seam for batched inserts (design rules B1-B3) is alex_insert_entry(): a batch
 * is a sorted list of entries handed to it one by one.
 */
#include "postgres.h"

#include "storage/bufmgr.h"
#include "storage/predicate.h"

#include "alex/alex_buf.h"
#include "alex/alex_insert.h"
#include "alex/alex_split.h"
#include "alex/alex_unique.h"
#include "base/stop_point.h"

static void
alex_insert_entry(Relation rel, const AlexItem *item, const AlexRow *row)
{
	Buffer leaf = alex_find_leaf(rel, item->key, item->tag);

	/* a leaf found by a hint is changed only if there is room (README, "Model cache") */
	if (BufferIsValid(leaf))
	{
		CheckForSerializableConflictIn(rel, NULL, BufferGetBlockNumber(leaf));
		if (alex_add_in_place(rel, leaf, item, NULL))
			return;
	}
	leaf = alex_descend(rel, 0, item->key, item->tag, false, BUFFER_LOCK_EXCLUSIVE, true);
	CheckForSerializableConflictIn(rel, NULL, BufferGetBlockNumber(leaf));
	alex_add_entry(rel, leaf, item, InvalidBuffer, row, NULL);
}

/* the same, checking uniqueness; the result is what aminsert returns */
static bool
insert_unique(Relation rel, const AlexUniqueRow *row, const AlexRow *for_row,
			  IndexUniqueCheck check)
{
	bool hints = true;

	for (;;)
	{
		AlexUniquePlace place;
		bool is_unique = alex_unique_check(rel, for_row->heap, row, check, hints, &place);
		const AlexPagePos *pos = place.pos_known ? &place.pos : NULL;

		if (!BufferIsValid(place.leaf))
			return is_unique;
		if (!place.hinted)
		{
			alex_add_entry(rel, place.leaf, row->item, InvalidBuffer, for_row, pos);
			return is_unique;
		}
		if (alex_add_in_place(rel, place.leaf, row->item, pos))
			return is_unique;
		/* no room: the leaf is unlocked, so that the check must be repeated on the way there */
		hints = false;
	}
}

bool
alexinsert(Relation rel, Datum *values, bool *isnull, ItemPointer tid, Relation heap,
		   IndexUniqueCheck check_unique, bool index_unchanged, IndexInfo *index_info)
{
	AlexItem item = { 0 };
	bool is_unique = true;
	AlexRow for_row = { heap, index_unchanged };

	alex_key_encode(&alex_cache(rel)->info, values, isnull, tid, &item.key, &item.tag);
	alex_note_generic(rel);
	STOP_POINT("alex_insert_start");
	if (check_unique != UNIQUE_CHECK_NO && alex_unique_applies(rel, isnull))
	{
		AlexUniqueRow row = { &item, values, isnull, tid };

		is_unique = insert_unique(rel, &row, &for_row, check_unique);
	}
	else if (check_unique != UNIQUE_CHECK_EXISTING)
		alex_insert_entry(rel, &item, &for_row);
	STOP_POINT("alex_insert_done");
	return is_unique;
}
