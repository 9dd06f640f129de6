/*
 * alex_bloat.c
 *		What a leaf of an alex index tells of bloat: see base/index_bloat.h.
 */
#include "postgres.h"

#include "access/amapi.h"
#include "utils/rel.h"

#include "alex/alex_bloat.h"
#include "alex/alex_build.h"
#include "alex/alex_options.h"
#include "alex/alex_page.h"

static bool
alex_bloat_begin(Relation index, OmBloat *bloat)
{
	if (index->rd_indam->ambuild != alexbuild)
		return false;
	bloat->fillfactor = alex_fillfactor(index);
	/* as the loader does it */
	bloat->entries_max = (double) alex_leaf_entries(index) * bloat->fillfactor / 100;
	return true;
}

static void
alex_bloat_add(Page page, OmBloat *bloat)
{
	const char *image = (const char *) page;
	const AlexPageOpaque *opaque = alex_opaque(image);
	bool unused;

	if (alex_page_check_header(image) != NULL || opaque->kind != ALEX_KIND_LEAF)
		return;
	unused = (opaque->flags & (ALEX_HALF_DEAD | ALEX_DELETED)) != 0;
	bloat->pages++;
	bloat->room = ALEX_PAGE_ROOM_OF(opaque->keybytes);
	if (unused)
		return;
	bloat->entries += alex_page_entries(image);
	bloat->removed += opaque->nremoved;
	bloat->bytes += alex_used_bytes(image);
}

const OmBloatMethod alex_bloat_method = { .begin = alex_bloat_begin, .add = alex_bloat_add };
