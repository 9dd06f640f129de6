/*
 * hybrid_wal.c
 *		The frame of opaque pages, and ops on metapage and directory pages.
 */
#include "postgres.h"

#include "storage/bufpage.h"

#include "hybrid/hybrid_wal.h"
#include "omendb.h"

StaticAssertDecl(RG_PAGE_HEADER_OFF == SizeOfPageHeaderData, "page header size");
StaticAssertDecl(HY_PAGE_ID == OMENDB_HYBRID_PAGE_ID, "page id");

/* header of one patch */
typedef struct HyPatchHeader
{
	uint16 offset;
	uint16 len;
} HyPatchHeader;

/* ---- pages ---- */

void
hy_page_init(char *page, RgPageKind kind, uint32 index, uint64 group_id)
{
	PageHeader header = (PageHeader) page;
	RgPageHeader *ours = (RgPageHeader *) (page + RG_PAGE_HEADER_OFF);

	memset(page, 0, BLCKSZ);
	header->pd_flags = PD_ALL_VISIBLE;
	header->pd_lower = header->pd_upper = SizeOfPageHeaderData;
	header->pd_special = BLCKSZ;
	PageSetPageSizeAndVersion((Page) page, BLCKSZ, PG_PAGE_LAYOUT_VERSION);
	ours->kind = (uint16) kind;
	ours->version = RG_PAGE_VERSION;
	ours->index = index;
	ours->group_id = group_id;
	ours->next = InvalidBlockNumber;
	OM_PAGE_TAIL(page)->page_id = HY_PAGE_ID;
}

const char *
hy_page_check(const char *page, RgPageKind kind)
{
	const PageHeaderData *header = (const PageHeaderData *) page;
	const RgPageHeader *ours = hy_page_header(page);

	if (header->pd_lower != SizeOfPageHeaderData || header->pd_upper != SizeOfPageHeaderData ||
		header->pd_special != BLCKSZ)
		return "page is not an opaque page of an omendb table";
	if (OM_PAGE_TAIL(page)->page_id != HY_PAGE_ID)
		return "page carries another page identifier";
	if (ours->kind != kind)
		return "page is of another kind than expected";
	if (ours->version != RG_PAGE_VERSION)
		return "page has an unknown version";
	if (ours->used > RG_PAGE_PAYLOAD)
		return "page claims more bytes than fit";
	return NULL;
}

bool
hy_page_is_empty(Page page)
{
	OffsetNumber last;

	if (PageIsNew(page) || ((PageHeader) page)->pd_upper <= SizeOfPageHeaderData)
		return false;
	last = PageGetMaxOffsetNumber(page);
	for (OffsetNumber i = FirstOffsetNumber; i <= last; i++)
		if (ItemIdIsUsed(PageGetItemId(page, i)))
			return false;
	return true;
}

bool
hy_page_is_needless(Page page)
{
	return PageIsNew(page) || ((PageHeader) page)->pd_upper <= SizeOfPageHeaderData ||
		   hy_page_is_empty(page);
}

/* ---- ops ---- */

void
hy_patch_begin(HyPatch *patch)
{
	/* the op byte is padded, so that patch headers stay aligned to 2 */
	patch->data[0] = HY_OP_PATCH;
	patch->data[1] = 0;
	patch->len = 2;
}

void
hy_patch_begin_init(HyPatch *patch, RgPageKind kind, uint32 index)
{
	xl_hy_init init = { .op = HY_OP_INIT, .kind = (uint8) kind, .index = index };

	memcpy(patch->data, &init, sizeof(init));
	patch->len = sizeof(init);
}

void
hy_patch_add(HyPatch *patch, uint32 offset, const void *bytes, uint32 len)
{
	HyPatchHeader header = { (uint16) offset, (uint16) len };

	if (patch->len + sizeof(header) + len > HY_OP_BYTES_MAX)
		elog(ERROR, "patch of %u bytes is too long", patch->len + len);
	Assert(offset >= RG_PAGE_HEADER_OFF && offset + len <= BLCKSZ - RG_PAGE_TAIL_BYTES);
	memcpy(patch->data + patch->len, &header, sizeof(header));
	memcpy(patch->data + patch->len + sizeof(header), bytes, len);
	patch->len += (uint32) sizeof(header) + len;
}

void
hy_patch_add_to_wal(OmWal *wal, Buffer buffer, const HyPatch *patch, bool init)
{
	om_wal_add(wal, buffer, init ? OM_WAL_INIT : 0, patch->data, patch->len);
}

/* are the patches in bounds? */
static bool
patches_valid(const char *op, uint32 len, uint32 pos)
{
	while (pos < len)
	{
		HyPatchHeader header;

		if (len - pos < sizeof(header))
			return false;
		memcpy(&header, op + pos, sizeof(header));
		pos += sizeof(header);
		if (header.len > len - pos || header.offset < RG_PAGE_HEADER_OFF ||
			header.offset + header.len > BLCKSZ - RG_PAGE_TAIL_BYTES)
			return false;
		pos += header.len;
	}
	return true;
}

/* OmWalModule.apply: sees one page, raises nothing, decides nothing (rule W1) */
static bool
hybrid_apply(char *page, const char *op, uint32 len)
{
	uint32 pos;

	if (len == 0)
		return false;
	if ((HyOp) op[0] == HY_OP_INIT)
	{
		xl_hy_init init;

		if (len < sizeof(init))
			return false;
		memcpy(&init, op, sizeof(init));
		pos = sizeof(init);
		if ((init.kind != RG_PAGE_META && init.kind != RG_PAGE_DIRECTORY &&
			 init.kind != RG_PAGE_MAP_DENSE) ||
			!patches_valid(op, len, pos))
			return false;
		hy_page_init(page, (RgPageKind) init.kind, init.index, 0);
	}
	else if ((HyOp) op[0] == HY_OP_PATCH)
	{
		pos = 2;
		if (len < pos || OM_PAGE_TAIL(page)->page_id != HY_PAGE_ID || !patches_valid(op, len, pos))
			return false;
	}
	else
		return false;

	while (pos < len)
	{
		HyPatchHeader header;

		memcpy(&header, op + pos, sizeof(header));
		pos += sizeof(header);
		memcpy(page + header.offset, op + pos, header.len);
		pos += header.len;
	}
	return true;
}

/* our pages carry no hint bits: heap code finds nothing to set on them */
static void
hybrid_zero_hints(char *page)
{
}

static const char *
hybrid_check_page(const char *page)
{
	return hy_page_check(page, (RgPageKind) hy_page_header(page)->kind);
}

static const char *
hybrid_identify(uint8 record)
{
	switch ((HyRecord) record)
	{
		case HY_REC_RESERVE:
			return "RESERVE";
		case HY_REC_PUBLISH:
			return "PUBLISH";
		case HY_REC_DIRECTORY:
			return "DIRECTORY";
		case HY_REC_VACUUM:
			return "VACUUM";
		case HY_REC_MAP_ADD:
			return "MAP_ADD";
		case HY_REC_MAP_PAGE:
			return "MAP_PAGE";
		case HY_REC_MAP:
			return "MAP";
		case HY_REC_MAP_REMOVE:
			return "MAP_REMOVE";
		case HY_REC_MOVE:
			return "MOVE";
		case HY_REC_MAP_FOLD:
			return "MAP_FOLD";
	}
	return "UNKNOWN";
}

static const char *
hybrid_op_name(uint8 op)
{
	switch ((HyOp) op)
	{
		case HY_OP_INIT:
			return "init";
		case HY_OP_PATCH:
			return "patch";
	}
	return "unknown";
}

static const OmWalModule hybrid_module = {
	.name = "omendb table",
	.page_id = HY_PAGE_ID,
	.apply = hybrid_apply,
	.zero_hints = hybrid_zero_hints,
	.check = hybrid_check_page,
	.identify = hybrid_identify,
	.op_name = hybrid_op_name,
};

void
hybrid_wal_init(void)
{
	om_wal_register_module(OM_WAL_HYBRID, &hybrid_module);
}
