/*
 * hybrid_options_hooks.c
 *		Options of a table: the label provider, and what ALTER TABLE does to them.
 */
#include "postgres.h"

#include "access/commit_ts.h"
#include "access/genam.h"
#include "access/htup_details.h"
#include "access/relation.h"
#include "access/table.h"
#include "access/transam.h"
#include "catalog/indexing.h"
#include "catalog/objectaccess.h"
#include "catalog/objectaddress.h"
#include "catalog/pg_attribute.h"
#include "catalog/pg_class.h"
#include "commands/seclabel.h"
#include "miscadmin.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

#include "hybrid/hybrid_options.h"

static object_access_hook_type previous_access = NULL;

/* ---- SECURITY LABEL FOR omendb ---- */

/* The owner writes a label, or a dump does: core has checked the former and has the object locked. */
static void
check_label(const ObjectAddress *object, const char *label)
{
	HyOptions options;
	HyOptionsProblem problem;
	Relation rel;

	/* whatever it is on, it may be taken away */
	if (label == NULL)
		return;
	if (object->classId != RelationRelationId || object->objectSubId != 0)
		ereport(ERROR, (errcode(ERRCODE_WRONG_OBJECT_TYPE),
						errmsg("security labels of provider \"%s\" are for tables only",
							   HY_OPTIONS_PROVIDER),
						errhint("They are the options of a table of access method omendb.")));
	rel = relation_open(object->objectId, NoLock);
	hy_options_check_table(rel);
	if (!hy_options_parse(label, &options, &problem))
		hy_options_throw(&problem);
	/*
	 * No errors, so that dumps can be restored: they come before somebody looks at the server's settings, and may name a column that is not there any more,
	 * since a session that has not loaded the library does not come through follow_change (DROP TYPE ... CASCADE).
	 */
	hy_options_check_columns(rel, &options, WARNING);
	if (options.has_freeze_after && !track_commit_timestamp)
		ereport(WARNING, (errmsg("option freeze_after of table \"%s\" keeps all of its rows hot",
								 RelationGetRelationName(rel)),
						  errhint("Set track_commit_timestamp to on, and restart the server.")));
	relation_close(rel, NoLock);
}

/* ---- ALTER TABLE ---- */

/*
 * The row of a catalog as the present command has just made it, which the catalog caches do not show yet; a copy, or
 * NULL.
 */
static HeapTuple
new_catalog_row(Oid catalog, Oid index, ScanKey keys, int count)
{
	Relation rel = table_open(catalog, AccessShareLock);
	SysScanDesc scan = systable_beginscan(rel, index, true, SnapshotSelf, count, keys);
	HeapTuple tuple = systable_getnext(scan);

	if (HeapTupleIsValid(tuple))
		tuple = heap_copytuple(tuple);
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return tuple;
}

/* another access method has no use for the options, and restoring a dump with them would fail */
static void
follow_table(Oid relid)
{
	HeapTuple before = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	HeapTuple after;
	ScanKeyData key;
	ObjectAddress address;

	if (!HeapTupleIsValid(before))
		return;
	ScanKeyInit(&key, Anum_pg_class_oid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(relid));
	after = new_catalog_row(RelationRelationId, ClassOidIndexId, &key, 1);
	if (HeapTupleIsValid(after) &&
		((Form_pg_class) GETSTRUCT(before))->relam != ((Form_pg_class) GETSTRUCT(after))->relam)
	{
		ObjectAddressSet(address, RelationRelationId, relid);
		SetSecurityLabel(&address, HY_OPTIONS_PROVIDER, NULL);
	}
	ReleaseSysCache(before);
}

/* In a list of columns, `name` becomes another one (NULL: goes); true if there was anything to do. */
static bool
replace_column(List **names, const char *name, const char *new_name)
{
	ListCell *cell;

	foreach (cell, *names)
	{
		if (strcmp(lfirst(cell), name) != 0)
			continue;
		if (new_name == NULL)
			*names = foreach_delete_current(*names, cell);
		else if (strcmp(name, new_name) == 0)
			return false;
		else
			lfirst(cell) = pstrdup(new_name);
		return true;
	}
	return false;
}

static void
follow_column(Oid relid, HyOptions *options, AttrNumber number, bool dropped)
{
	char *name = get_attname(relid, number, true);
	HeapTuple after;
	ScanKeyData keys[2];
	Form_pg_attribute att = NULL;
	bool changed = false;

	if (name == NULL)
		return;
	if (!dropped)
	{
		ScanKeyInit(&keys[0], Anum_pg_attribute_attrelid, BTEqualStrategyNumber, F_OIDEQ,
					ObjectIdGetDatum(relid));
		ScanKeyInit(&keys[1], Anum_pg_attribute_attnum, BTEqualStrategyNumber, F_INT2EQ,
					Int16GetDatum(number));
		after = new_catalog_row(AttributeRelationId, AttributeRelidNumIndexId, keys, 2);
		if (!HeapTupleIsValid(after))
			return;
		att = (Form_pg_attribute) GETSTRUCT(after);
	}
	/* a type that does not serve any more takes the column out, too */
	for (int i = HY_OPTION_FIRST_LIST; i < HY_OPTION_COUNT; i++)
		changed |= replace_column(&HY_LIST(options, i), name,
								  att != NULL && hy_option_takes((HyOption) i, att->atttypid)
									  ? NameStr(att->attname)
									  : NULL);
	if (changed)
		hy_options_write(relid, options);
}

static void
follow_change(ObjectAccessType access, Oid class, Oid object, int column, void *arg)
{
	HyOptions options;

	if (previous_access)
		previous_access(access, class, object, column, arg);
	/* With the table its label goes.  Catalogs have none, and cannot always be read while they are rewritten. */
	if (class != RelationRelationId || object < FirstNormalObjectId ||
		!(access == OAT_POST_ALTER || (access == OAT_DROP && column > 0)) ||
		!hy_options_of(object, &options))
		return;
	if (column == 0)
		follow_table(object);
	else if (column > 0)
		follow_column(object, &options, (AttrNumber) column, access == OAT_DROP);
}

void
hybrid_options_init(void)
{
	register_label_provider(HY_OPTIONS_PROVIDER, check_label);
	previous_access = object_access_hook;
	object_access_hook = follow_change;
}
