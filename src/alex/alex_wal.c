/*
 * alex_wal.c
 *		alex as a module of base/om_wal: its functions and the names of its ops.
 */
#include "postgres.h"

#include "storage/bufpage.h"

#include "alex/alex_apply.h"
#include "alex/alex_wal.h"
#include "omendb.h"

/* the pure code restates PageHeaderData and the layout version: prove it right */
StaticAssertDecl(ALEX_PAGE_HEADER_BYTES == SizeOfPageHeaderData, "page header size");
StaticAssertDecl(offsetof(AlexPageHeader, lower) == offsetof(PageHeaderData, pd_lower),
				 "pd_lower offset");
StaticAssertDecl(offsetof(AlexPageHeader, upper) == offsetof(PageHeaderData, pd_upper),
				 "pd_upper offset");
StaticAssertDecl(offsetof(AlexPageHeader, special) == offsetof(PageHeaderData, pd_special),
				 "pd_special offset");
StaticAssertDecl(offsetof(AlexPageHeader, size_version) ==
					 offsetof(PageHeaderData, pd_pagesize_version),
				 "pd_pagesize_version offset");
StaticAssertDecl(PG_PAGE_LAYOUT_VERSION == 4, "page layout version");
StaticAssertDecl(ALEX_SPECIAL_OFF % 8 == 0, "special space is aligned");
StaticAssertDecl(offsetof(AlexPageOpaque, flags) ==
					 sizeof(AlexPageOpaque) - sizeof(OmPageTail) + offsetof(OmPageTail, flags),
				 "flags stand where base/ looks for them");
StaticAssertDecl((ALEX_FLAGS_VALID & OM_PAGE_GENERIC) != 0, "generic flag is a valid flag");
StaticAssertDecl(ALEX_PAGE_ID == OMENDB_ALEX_PAGE_ID, "page id");

static const char *
alex_identify(uint8 record)
{
	switch ((AlexRecord) record)
	{
		case ALEX_REC_INSERT:
			return "INSERT";
		case ALEX_REC_SEAL:
			return "SEAL";
		case ALEX_REC_REBUILD:
			return "REBUILD";
		case ALEX_REC_SPLIT:
			return "SPLIT";
		case ALEX_REC_DOWNLINK:
			return "DOWNLINK";
		case ALEX_REC_NEWROOT:
			return "NEWROOT";
		case ALEX_REC_DELETE:
			return "DELETE";
		case ALEX_REC_META:
			return "META";
		case ALEX_REC_HALF_DEAD:
			return "HALF_DEAD";
		case ALEX_REC_UNLINK:
			return "UNLINK";
		case ALEX_REC_MERGE:
			return "MERGE";
	}
	return "UNKNOWN";
}

static const char *
alex_op_name(uint8 op)
{
	switch ((AlexOp) op)
	{
		case ALEX_OP_INIT:
			return "init";
		case ALEX_OP_GAP_INSERT:
			return "gap insert";
		case ALEX_OP_TAIL_APPEND:
			return "tail append";
		case ALEX_OP_SEAL:
			return "seal";
		case ALEX_OP_REBUILD:
			return "rebuild";
		case ALEX_OP_SPLIT_LEFT:
			return "split left";
		case ALEX_OP_SET_LEFT:
			return "set left";
		case ALEX_OP_CLEAR_FLAGS:
			return "clear flags";
		case ALEX_OP_MARK:
			return "mark removed";
		case ALEX_OP_META_ROOT:
			return "meta root";
		case ALEX_OP_META_FLAG:
			return "meta flag";
		case ALEX_OP_UNMARK:
			return "unmark removed";
		case ALEX_OP_HALF_DEAD:
			return "half-dead";
		case ALEX_OP_MERGED:
			return "merged";
		case ALEX_OP_DELETED:
			return "deleted";
		case ALEX_OP_SET_LOW:
			return "set low";
		case ALEX_OP_SET_RIGHT:
			return "set right";
		case ALEX_OP_UNLINK:
			return "unlink child";
	}
	return "unknown";
}

static const OmWalModule alex_module = {
	.name = "alex",
	.page_id = ALEX_PAGE_ID,
	.apply = alex_apply,
	.zero_hints = alex_zero_hints,
	.check = alex_page_check,
	.identify = alex_identify,
	.op_name = alex_op_name,
};

void
alex_wal_init(void)
{
	om_wal_register_module(OM_WAL_ALEX, &alex_module);
}
