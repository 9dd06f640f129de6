/*
 * hybrid_kept.c
 *		Row groups that a backend keeps open for reading single rows: see hybrid_kept.h.
 */
#include "postgres.h"

#include "storage/bufmgr.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "base/pg_compat.h"
#include "hybrid/hybrid_directory.h"
#include "hybrid/hybrid_kept.h"
#include "hybrid/hybrid_source.h"

/* tables: of a join, and those that foreign keys refer to */
#define KEPT_TABLES_MAX 8
/* groups of each: random probes of a table go back and forth between groups */
#define KEPT_GROUPS_MAX 32
/* memory of a table's groups: vector headers, dictionaries, payloads.  Looked at when a group is opened. */
#define KEPT_BYTES_MAX ((Size) 4 * 1024 * 1024)

typedef struct KeptGroup
{
	RgGroup *group;		   /* NULL: unused */
	MemoryContext context; /* everything of it */
	HyEntry entry;
	HySource source;
	uint64 last_use;
} KeptGroup;

typedef struct KeptTable
{
	MemoryContext context; /* this struct, and everything below */
	Oid relid;
	OmRelFile file;
	TupleDesc desc;
	bool stale; /* the table's definition may have changed */
	bool
		busy; /* being read; found so at the next call, an error has left it, and its pin is gone */
	uint64 last_use;
	KeptGroup groups[KEPT_GROUPS_MAX];
} KeptTable;

static KeptTable *tables[KEPT_TABLES_MAX];
static uint64 use_count = 0;

/* between open and done */
static KeptTable *reading = NULL;
static KeptGroup *reading_group = NULL;

static void
forget_table(int slot)
{
	KeptTable *table = tables[slot];

	tables[slot] = NULL;
	if (reading == table)
		reading = NULL;
	MemoryContextDelete(table->context);
}

/* relcache callback */
static void
kept_invalidate(Datum arg, Oid relid)
{
	for (int i = 0; i < KEPT_TABLES_MAX; i++)
		if (tables[i] != NULL && (relid == InvalidOid || relid == tables[i]->relid))
			tables[i]->stale = true;
}

void
hy_kept_forget(Relation rel)
{
	kept_invalidate((Datum) 0, RelationGetRelid(rel));
}

static KeptTable *
make_table(Relation rel, const OmRelFile *file)
{
	MemoryContext context =
		AllocSetContextCreate(CacheMemoryContext, "omendb kept groups", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	KeptTable *table = palloc0(sizeof(KeptTable));

	table->context = context;
	table->relid = RelationGetRelid(rel);
	table->file = *file;
	table->desc = CreateTupleDescCopyConstr(RelationGetDescr(rel));
	MemoryContextSwitchTo(old);
	return table;
}

static KeptTable *
keep_table(Relation rel)
{
	OmRelFile file = OM_RELATION_FILE(rel);
	int slot = 0;

	for (int i = 0; i < KEPT_TABLES_MAX; i++)
	{
		if (tables[i] != NULL && (tables[i]->stale || tables[i]->busy))
			forget_table(i);
		if (tables[i] != NULL && tables[i]->relid == RelationGetRelid(rel) &&
			memcmp(&tables[i]->file, &file, sizeof(file)) == 0)
			return tables[i];
		if (tables[slot] != NULL &&
			(tables[i] == NULL || tables[i]->last_use < tables[slot]->last_use))
			slot = i;
	}
	if (tables[slot] != NULL)
		forget_table(slot);
	tables[slot] = make_table(rel, &file);
	return tables[slot];
}

static void
close_group(KeptGroup *kept)
{
	if (kept->group != NULL)
		MemoryContextDelete(kept->context);
	kept->group = NULL;
}

/* the group's place in the table's list, opened if it is not */
static KeptGroup *
keep_group(Relation rel, KeptTable *table, const HyEntry *entry)
{
	KeptGroup *kept = &table->groups[0];

	for (int i = 0; i < KEPT_GROUPS_MAX; i++)
	{
		KeptGroup *other = &table->groups[i];

		if (other->group != NULL && other->entry.group_id == entry->group_id)
		{
			if (other->entry.start == entry->start && other->entry.rows == entry->rows &&
				other->entry.first_row == entry->first_row)
				return other;
			/* of a file that is gone */
			close_group(other);
		}
		if (kept->group != NULL && (other->group == NULL || other->last_use < kept->last_use))
			kept = other;
	}
	if (MemoryContextMemAllocated(table->context, true) > KEPT_BYTES_MAX)
		for (int i = 0; i < KEPT_GROUPS_MAX; i++)
			close_group(&table->groups[i]);
	close_group(kept);
	kept->context =
		AllocSetContextCreate(table->context, "omendb kept group", ALLOCSET_SMALL_SIZES);
	kept->entry = *entry;
	hy_source_init(&kept->source, rel, &kept->entry, NULL, kept->context);
	kept->group = rg_open(&kept->source.base, entry->group_id, table->desc, kept->context);
	if (rg_header(kept->group)->rows != entry->rows)
		hy_corrupted(rel, entry->start, "row group and its directory entry disagree");
	return kept;
}

RgGroup *
hy_kept_open(Relation rel, const HyEntry *entry)
{
	KeptTable *table = keep_table(rel);
	KeptGroup *kept;

	/* one that an error has left is busy, and will be forgotten */
	reading = NULL;
	table->last_use = ++use_count;
	table->busy = true;
	kept = keep_group(rel, table, entry);
	/* the relcache entry of this time */
	kept->source.rel = rel;
	kept->last_use = use_count;
	reading = table;
	reading_group = kept;
	return kept->group;
}

void
hy_kept_done(void)
{
	hy_source_release(&reading_group->source);
	reading->busy = false;
	reading = NULL;
}

void
hybrid_kept_init(void)
{
	CacheRegisterRelcacheCallback(kept_invalidate, (Datum) 0);
}
