/*
 * check.c
 *		Errors for damaged storage.
 */
#include "postgres.h"

#include "utils/rel.h"

#include "base/check.h"

void
om_index_corrupted(Relation index, BlockNumber block, const char *detail)
{
	ereport(ERROR, (errcode(ERRCODE_INDEX_CORRUPTED),
					errmsg("index \"%s\" contains corrupted page at block %u",
						   RelationGetRelationName(index), block),
					errdetail("Found: %s.", detail), errhint("Please REINDEX it.")));
	pg_unreachable();
}

void
om_index_version_mismatch(Relation index, uint32 found, uint32 current, uint32 minimum)
{
	ereport(ERROR, (errcode(ERRCODE_INDEX_CORRUPTED),
					errmsg("version mismatch in index \"%s\": file version %u, current version %u, "
						   "minimal supported version %u",
						   RelationGetRelationName(index), found, current, minimum),
					errhint("Please REINDEX it.")));
	pg_unreachable();
}
