/*
 * alex_load.h
 *		Bulk load: entries in order become the pages of a new tree, bottom-up.
 */
#ifndef ALEX_LOAD_H
#define ALEX_LOAD_H

#include "alex/alex_key.h"
#include "alex/alex_page.h"
#include "storage/block.h"
#include "utils/relcache.h"

typedef struct AlexLoader AlexLoader;

/* takes block 0, for the metapage; the file is empty */
extern AlexLoader *alex_load_begin(Relation index, const AlexKeyInfo *info);

/* add up to 128 entries (of a leaf): as many as that make the best blocks */
extern void alex_load_add(AlexLoader *loader, const AlexItem *items, int n);

/*
 * alex_load_undo --- give all entries added so far to `take`, in order, and start
 * afresh.  The pages written are used again.
 */
extern void alex_load_undo(AlexLoader *loader, void (*take)(void *arg, const AlexItem *item),
						   void *arg);

/* the upper levels, then the metapage, then WAL */
extern void alex_load_end(AlexLoader *loader);

/* contents of a metapage */
extern void alex_load_fill_meta(char *image, const AlexKeyInfo *info, BlockNumber root,
								uint32 level, bool generic);

#endif
