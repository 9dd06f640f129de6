/*
 * hybrid_wal.h
 *		Changes of metapage and directory pages as ops of base/om_wal.
 *
 * There are two ops, INIT and PATCH (hybrid_format.h).  Data pages are logged
 * by core's full-page images and need none.
 */
#ifndef HYBRID_WAL_H
#define HYBRID_WAL_H

#include "base/om_wal.h"
#include "hybrid/hybrid_format.h"

/* main part of an INIT op; patches follow */
typedef struct xl_hy_init
{
	uint8 op; /* HY_OP_INIT */
	uint8 kind;
	uint16 reserved;
	uint32 index;
} xl_hy_init;

/* bytes of an op being put together: at most a metapage and some headers */
#define HY_OP_BYTES_MAX (BLCKSZ + 256)

typedef struct HyPatch
{
	uint32 len;
	char data[HY_OP_BYTES_MAX];
} HyPatch;

/* begin a PATCH op */
extern void hy_patch_begin(HyPatch *patch);
/* begin an INIT op of a metapage, a directory page or a page of a dense row map */
extern void hy_patch_begin_init(HyPatch *patch, RgPageKind kind, uint32 index);
/* set `len` bytes at `offset` of the page */
extern void hy_patch_add(HyPatch *patch, uint32 offset, const void *bytes, uint32 len);
extern void hy_patch_add_to_wal(OmWal *wal, Buffer buffer, const HyPatch *patch, bool init);

/*
 * Make an opaque page from nothing in `page`.  Heap code never sees it as
 * anything but all-visible, so VACUUM has nothing to change.
 */
extern void hy_page_init(char *page, RgPageKind kind, uint32 index, uint64 group_id);

/* NULL, or what is wrong with the frame of an opaque page of this kind */
extern const char *hy_page_check(const char *page, RgPageKind kind);

/* is this a heap page without items, all of whose room may be taken?  Neither a new one nor an opaque one is. */
extern bool hy_page_is_empty(Page page);

/* is there nothing on this page that would be lost with it?  New, empty, or opaque, which no run may list. */
extern bool hy_page_is_needless(Page page);

static inline const RgPageHeader *
hy_page_header(const char *page)
{
	return (const RgPageHeader *) (page + RG_PAGE_HEADER_OFF);
}

extern void hybrid_wal_init(void);

#endif
