/*
 * index_bloat.c
 *		How many times larger is an index than a new one would be?
 *
 * By entries, not by used bytes alone: a page of a new alex index may hold its largest number of entries in a
 * quarter of its bytes, and one of a new btree two entries that leave no room for a third.  Neither is bloat.
 */
#include "postgres.h"

#include <math.h>

#include "access/nbtree.h"
#include "catalog/pg_am_d.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "utils/rel.h"

#include "base/index_bloat.h"

/* ---- btree ---- */

static bool
btree_begin(Relation index, OmBloat *bloat)
{
	if (index->rd_rel->relam != BTREE_AM_OID)
		return false;
	bloat->fillfactor = BTGetFillFactor(index);
	bloat->entries_max = MaxIndexTuplesPerPage;
	return true;
}

/* The high key counts as an entry: a new page has one, too.  So does what scans have marked dead: it stays until somebody needs its room. */
static void
btree_add(Page page, OmBloat *bloat)
{
	BTPageOpaque opaque;

	if (PageGetSpecialSize(page) != MAXALIGN(sizeof(BTPageOpaqueData)))
		return;
	opaque = (BTPageOpaque) PageGetSpecialPointer(page);
	if (!P_ISLEAF(opaque) && !P_IGNORE(opaque))
		return;
	bloat->pages++;
	bloat->room = ((PageHeader) page)->pd_special - SizeOfPageHeaderData;
	if (P_IGNORE(opaque))
		return;
	bloat->entries += PageGetMaxOffsetNumber(page);
	bloat->bytes += bloat->room - (double) PageGetExactFreeSpace(page);
}

static const OmBloatMethod btree_method = { .begin = btree_begin, .add = btree_add };

/* ---- any ---- */

static const OmBloatMethod *methods[2] = { &btree_method };

void
om_bloat_register(const OmBloatMethod *method)
{
	methods[1] = method;
}

static const OmBloatMethod *
begin(Relation index, OmBloat *bloat)
{
	for (int i = 0; i < lengthof(methods) && index->rd_rel->relkind == RELKIND_INDEX; i++)
		if (methods[i] != NULL && methods[i]->begin(index, bloat))
			return methods[i];
	return NULL;
}

static void
add_block(Relation index, BlockNumber block, BufferAccessStrategy strategy,
		  const OmBloatMethod *method, OmBloat *bloat)
{
	Buffer buffer = ReadBufferExtended(index, MAIN_FORKNUM, block, RBM_NORMAL, strategy);

	LockBuffer(buffer, BUFFER_LOCK_SHARE);
	if (PageIsNew(BufferGetPage(buffer)))
		bloat->pages++;
	else
		method->add(BufferGetPage(buffer), bloat);
	UnlockReleaseBuffer(buffer);
}

static double
estimate(const OmBloat *bloat, BlockNumber nblocks)
{
	double live = bloat->entries - bloat->removed;
	double fit;

	/* of none of them is anything left, so next to nothing of the others is */
	if (live < 1)
		return bloat->pages > 0 ? nblocks : 1;
	fit = floor(bloat->room * bloat->fillfactor / 100 / (bloat->bytes / bloat->entries));
	return Max(Min(fit, bloat->entries_max), 1) / (live / bloat->pages);
}

bool
om_index_bloat_known(Relation index)
{
	OmBloat bloat = { 0 };

	return begin(index, &bloat) != NULL;
}

bool
om_index_bloat(Relation index, double *factor)
{
	OmBloat bloat = { 0 };
	const OmBloatMethod *method;
	BufferAccessStrategy strategy;
	BlockNumber nblocks;
	uint32 samples;

	method = begin(index, &bloat);
	if (method == NULL)
		return false;
	nblocks = RelationGetNumberOfBlocks(index);
	*factor = 1;
	/* the metapage is none */
	if (nblocks < 2)
		return true;
	samples = Min(nblocks - 1, OM_BLOAT_PAGES);
	strategy = GetAccessStrategy(BAS_BULKREAD);
	for (uint32 i = 0; i < samples; i++)
	{
		CHECK_FOR_INTERRUPTS();
		add_block(index, 1 + (BlockNumber) ((uint64) (nblocks - 1) * i / samples), strategy, method,
				  &bloat);
	}
	FreeAccessStrategy(strategy);
	*factor = estimate(&bloat, nblocks);
	return true;
}
