/*
 * alex_opclass.c
 *		amvalidate: is an operator class fit for alex?
 *
 * An operator family of alex has btree's strategies and btree's support
 * functions under btree's numbers, because PostgreSQL 18 may sort by any
 * family of an ordered access method.  So the rules here are those of
 * btvalidate(), and one more: the comparison functions are core's, because
 * the order of the index is built into alex_key_type.c.
 */
#include "postgres.h"

#include "access/amvalidate.h"
#include "access/htup_details.h"
#include "access/nbtree.h"
#include "catalog/pg_amop.h"
#include "catalog/pg_amproc.h"
#include "catalog/pg_opclass.h"
#include "catalog/pg_opfamily.h"
#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/catcache.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/regproc.h"
#include "utils/syscache.h"

#include "alex/alex_opclass.h"

/* the comparison functions alex_key_type.c agrees with */
static const Oid alex_compare_functions[] = {
	F_BTINT2CMP,
	F_BTINT24CMP,
	F_BTINT28CMP,
	F_BTINT42CMP,
	F_BTINT4CMP,
	F_BTINT48CMP,
	F_BTINT82CMP,
	F_BTINT84CMP,
	F_BTINT8CMP,
	F_DATE_CMP,
	F_DATE_CMP_TIMESTAMP,
	F_DATE_CMP_TIMESTAMPTZ,
	F_TIMESTAMP_CMP_DATE,
	F_TIMESTAMP_CMP,
	F_TIMESTAMP_CMP_TIMESTAMPTZ,
	F_TIMESTAMPTZ_CMP_DATE,
	F_TIMESTAMPTZ_CMP_TIMESTAMP,
	F_TIMESTAMPTZ_CMP,
	F_BTFLOAT4CMP,
	F_BTFLOAT48CMP,
	F_BTFLOAT84CMP,
	F_BTFLOAT8CMP,
	F_BTOIDCMP,
	F_BTCHARCMP,
	F_CASH_CMP,
	F_TIME_CMP,
	F_UUID_CMP,
	F_INTERVAL_CMP, /* for the hint CREATE INDEX gives */
};

static bool
alex_opclass_is_compare(Oid function)
{
	for (int i = 0; i < lengthof(alex_compare_functions); i++)
	{
		if (alex_compare_functions[i] == function)
			return true;
	}
	return false;
}

/* alex_opclass_check_function --- is one support function of the family right? */
static bool
alex_opclass_check_function(Form_pg_amproc proc, const char *family)
{
	bool ok;

	switch (proc->amprocnum)
	{
		case BTORDER_PROC:
			ok = check_amproc_signature(proc->amproc, INT4OID, true, 2, 2, proc->amproclefttype,
										proc->amprocrighttype);
			break;
		case BTSORTSUPPORT_PROC:
			ok = check_amproc_signature(proc->amproc, VOIDOID, true, 1, 1, INTERNALOID);
			break;
		case BTINRANGE_PROC:
			ok = check_amproc_signature(proc->amproc, BOOLOID, true, 5, 5, proc->amproclefttype,
										proc->amproclefttype, proc->amprocrighttype, BOOLOID,
										BOOLOID);
			break;
		case BTEQUALIMAGE_PROC:
			ok = check_amproc_signature(proc->amproc, BOOLOID, true, 1, 1, OIDOID);
			break;
		default:
			ereport(INFO, errcode(ERRCODE_INVALID_OBJECT_DEFINITION),
					errmsg("operator family \"%s\" of access method %s contains function %s with "
						   "invalid support number %d",
						   family, "alex", format_procedure(proc->amproc), proc->amprocnum));
			return false;
	}

	if (!ok)
		ereport(INFO, errcode(ERRCODE_INVALID_OBJECT_DEFINITION),
				errmsg("operator family \"%s\" of access method %s contains function %s with wrong "
					   "signature for support number %d",
					   family, "alex", format_procedure(proc->amproc), proc->amprocnum));
	else if (proc->amprocnum == BTORDER_PROC && !alex_opclass_is_compare(proc->amproc))
	{
		ereport(
			INFO, errcode(ERRCODE_INVALID_OBJECT_DEFINITION),
			errmsg("operator family \"%s\" of access method %s contains comparison function %s, "
				   "whose order the access method does not support",
				   family, "alex", format_procedure(proc->amproc)));
		ok = false;
	}
	return ok;
}

/* alex_opclass_check_operator --- is one operator of the family right? */
static bool
alex_opclass_check_operator(Form_pg_amop opr, const char *family)
{
	bool ok = true;

	if (opr->amopstrategy < 1 || opr->amopstrategy > BTMaxStrategyNumber)
	{
		ereport(INFO, errcode(ERRCODE_INVALID_OBJECT_DEFINITION),
				errmsg("operator family \"%s\" of access method %s contains operator %s with "
					   "invalid strategy number %d",
					   family, "alex", format_operator(opr->amopopr), opr->amopstrategy));
		ok = false;
	}

	if (opr->amoppurpose != AMOP_SEARCH || OidIsValid(opr->amopsortfamily))
	{
		ereport(INFO, errcode(ERRCODE_INVALID_OBJECT_DEFINITION),
				errmsg("operator family \"%s\" of access method %s contains invalid ORDER BY "
					   "specification for operator %s",
					   family, "alex", format_operator(opr->amopopr)));
		ok = false;
	}

	if (!check_amop_signature(opr->amopopr, BOOLOID, opr->amoplefttype, opr->amoprighttype))
	{
		ereport(INFO, errcode(ERRCODE_INVALID_OBJECT_DEFINITION),
				errmsg("operator family \"%s\" of access method %s contains operator %s with wrong "
					   "signature",
					   family, "alex", format_operator(opr->amopopr)));
		ok = false;
	}
	return ok;
}

/* alex_opclass_check_group --- are all operators there for one pair of types? */
static bool
alex_opclass_check_group(OpFamilyOpFuncGroup *group, const char *family)
{
	const uint64 all = (1 << BTLessStrategyNumber) | (1 << BTLessEqualStrategyNumber) |
					   (1 << BTEqualStrategyNumber) | (1 << BTGreaterEqualStrategyNumber) |
					   (1 << BTGreaterStrategyNumber);
	bool ok = true;

	if (group->operatorset != all)
	{
		ereport(INFO, errcode(ERRCODE_INVALID_OBJECT_DEFINITION),
				errmsg("operator family \"%s\" of access method %s is missing operator(s) for "
					   "types %s and %s",
					   family, "alex", format_type_be(group->lefttype),
					   format_type_be(group->righttype)));
		ok = false;
	}
	if ((group->functionset & (1 << BTORDER_PROC)) == 0)
	{
		ereport(INFO, errcode(ERRCODE_INVALID_OBJECT_DEFINITION),
				errmsg("operator family \"%s\" of access method %s is missing support function for "
					   "types %s and %s",
					   family, "alex", format_type_be(group->lefttype),
					   format_type_be(group->righttype)));
		ok = false;
	}
	return ok;
}

/* alex_opclass_check_groups --- does the family cover all pairs of its types, and the class? */
static bool
alex_opclass_check_groups(List *groups, Form_pg_opclass opclass, const char *family)
{
	bool ok = true;
	bool has_class = false;
	int useful = 0;
	List *types = NIL;
	ListCell *lc;

	foreach (lc, groups)
	{
		OpFamilyOpFuncGroup *group = (OpFamilyOpFuncGroup *) lfirst(lc);

		/* an offset of in_range (interval) is no type of the family */
		if (group->operatorset == 0 && group->functionset == (1 << BTINRANGE_PROC))
			continue;

		useful++;
		if (group->lefttype == opclass->opcintype && group->righttype == opclass->opcintype)
			has_class = true;
		types = list_append_unique_oid(types, group->lefttype);
		types = list_append_unique_oid(types, group->righttype);

		if (!alex_opclass_check_group(group, family))
			ok = false;
	}

	if (!has_class)
	{
		ereport(INFO, errcode(ERRCODE_INVALID_OBJECT_DEFINITION),
				errmsg("operator class \"%s\" of access method %s is missing operator(s)",
					   NameStr(opclass->opcname), "alex"));
		ok = false;
	}

	/* on PostgreSQL 18 an incomplete family changes plans of tables that do not use it */
	if (useful != list_length(types) * list_length(types))
	{
		ereport(
			INFO, errcode(ERRCODE_INVALID_OBJECT_DEFINITION),
			errmsg("operator family \"%s\" of access method %s is missing cross-type operator(s)",
				   family, "alex"));
		ok = false;
	}
	return ok;
}

bool
alexvalidate(Oid opclassoid)
{
	bool result = true;
	HeapTuple class_tuple;
	HeapTuple family_tuple;
	Form_pg_opclass opclass;
	const char *family;
	CatCList *operators;
	CatCList *functions;

	class_tuple = SearchSysCache1(CLAOID, ObjectIdGetDatum(opclassoid));
	if (!HeapTupleIsValid(class_tuple))
		elog(ERROR, "cache lookup failed for operator class %u", opclassoid);
	opclass = (Form_pg_opclass) GETSTRUCT(class_tuple);

	family_tuple = SearchSysCache1(OPFAMILYOID, ObjectIdGetDatum(opclass->opcfamily));
	if (!HeapTupleIsValid(family_tuple))
		elog(ERROR, "cache lookup failed for operator family %u", opclass->opcfamily);
	family = NameStr(((Form_pg_opfamily) GETSTRUCT(family_tuple))->opfname);

	operators = SearchSysCacheList1(AMOPSTRATEGY, ObjectIdGetDatum(opclass->opcfamily));
	functions = SearchSysCacheList1(AMPROCNUM, ObjectIdGetDatum(opclass->opcfamily));

	for (int i = 0; i < functions->n_members; i++)
	{
		if (!alex_opclass_check_function((Form_pg_amproc) GETSTRUCT(&functions->members[i]->tuple),
										 family))
			result = false;
	}
	for (int i = 0; i < operators->n_members; i++)
	{
		if (!alex_opclass_check_operator((Form_pg_amop) GETSTRUCT(&operators->members[i]->tuple),
										 family))
			result = false;
	}
	if (!alex_opclass_check_groups(identify_opfamily_groups(operators, functions), opclass, family))
		result = false;

	ReleaseCatCacheList(functions);
	ReleaseCatCacheList(operators);
	ReleaseSysCache(family_tuple);
	ReleaseSysCache(class_tuple);
	return result;
}
