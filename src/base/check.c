/*
 * check.c
 *		Errors for damaged storage, and for what cannot be read here.
 */
#include "postgres.h"

#include "access/xlog.h"
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

void
om_check_readable(Relation rel)
{
	if (RELATION_IS_OTHER_TEMP(rel))
		ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
						errmsg("cannot access temporary tables of other sessions")));
	if (RecoveryInProgress() && rel->rd_rel->relpersistence == RELPERSISTENCE_UNLOGGED)
		ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
						rel->rd_rel->relkind == RELKIND_INDEX
							? errmsg("cannot access unlogged index \"%s\" during recovery",
									 RelationGetRelationName(rel))
							: errmsg("cannot access unlogged table \"%s\" during recovery",
									 RelationGetRelationName(rel))));
}
