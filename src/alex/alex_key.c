/*
 * alex_key.c
 *		The key columns of an index; SQL values <-> entries.
 *
 * What a value's code is, alex_key_type.c knows; how the columns' codes make one
 * key, alex_key_string.h says.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/nbtree.h"
#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/regproc.h"
#include "utils/rel.h"

#include "alex/alex_key.h"
#include "alex/alex_key_string.h"
#include "alex/alex_key_type.h"

/* the description of a column's type; an error if alex does not support it */
static const AlexKeyType *
supported_type(Relation index, int i)
{
	Oid oid = index->rd_opcintype[i];
	const AlexKeyType *type = alex_key_type(oid);
	Oid cmp;

	if (type == NULL)
		ereport(
			ERROR, errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			errmsg("access method \"%s\" does not support type %s", "alex", format_type_be(oid)),
			oid == INTERVALOID
				? errhint("Equal intervals differ in their parts, so that there is no number "
						  "for each.  Index an expression such as extract(epoch FROM ...), or "
						  "use access method \"btree\".")
				: errhint("Use access method \"btree\"."));

	cmp = index_getprocid(index, (AttrNumber) (i + 1), BTORDER_PROC);
	if (cmp != type->cmp)
		ereport(ERROR, errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				errmsg("operator class of index \"%s\" is not supported by access method \"%s\"",
					   RelationGetRelationName(index), "alex"),
				errdetail("It does not sort type %s by function %s.", format_type_be(oid),
						  format_procedure(type->cmp)),
				errhint("Use the default operator class."));
	return type;
}

void
alex_key_info(Relation index, AlexKeyInfo *info)
{
	int natts = IndexRelationGetNumberOfKeyAttributes(index);
	int bits = 0;

	if (natts != IndexRelationGetNumberOfAttributes(index))
		ereport(ERROR, errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				errmsg("access method \"%s\" does not support included columns", "alex"),
				errhint("Add the columns to the key, if they fit into 16 bytes together, or use "
						"access method \"btree\"."));
	if (natts > ALEX_NATTS_MAX)
		ereport(ERROR, errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				errmsg("access method \"%s\" does not support more than %d key columns", "alex",
					   ALEX_NATTS_MAX));

	MemSet(info, 0, sizeof(*info));
	info->natts = natts;
	for (int i = 0; i < natts; i++)
	{
		const AlexKeyType *type = supported_type(index, i);

		info->cols[i].type = type->code;
		info->cols[i].bits = type->bits;
		if ((index->rd_indoption[i] & INDOPTION_DESC) != 0)
			info->cols[i].flags |= ALEX_COL_DESC;
		if ((index->rd_indoption[i] & INDOPTION_NULLS_FIRST) != 0)
			info->cols[i].flags |= ALEX_COL_NULLS_FIRST;
		bits += type->bits;
	}
	if (bits > 128)
		ereport(ERROR, errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				errmsg("key columns of index \"%s\" do not fit into %d bytes together",
					   RelationGetRelationName(index), ALEX_KEY_BYTES_MAX),
				errdetail("They take %d bits.", bits),
				errhint("Index fewer columns, or use access method \"btree\"."));
	info->keybytes = bits > 64 ? 16 : 8;
}

void
alex_key_check_meta(Relation index, const AlexKeyInfo *info, const AlexMeta *meta)
{
	bool same = meta->natts == info->natts && meta->keybytes == info->keybytes;

	Assert(info->natts > 0);
	Assert(info->natts <= ALEX_NATTS_MAX);

	for (int i = 0; same && i < info->natts; i++)
		same = meta->cols[i].type == info->cols[i].type &&
			   meta->cols[i].bits == info->cols[i].bits &&
			   meta->cols[i].flags == info->cols[i].flags;

	if (!same)
		ereport(ERROR, errcode(ERRCODE_INDEX_CORRUPTED),
				errmsg("index \"%s\" was built for other key columns than the catalog describes",
					   RelationGetRelationName(index)),
				errhint("Please REINDEX it."));
}

void
alex_key_encode(const AlexKeyInfo *info, const Datum *values, const bool *isnull, ItemPointer tid,
				AlexKey *key, uint64 *tag)
{
	AlexKeyString s;

	Assert(ItemPointerIsValid(tid));

	alex_string_begin(&s, info->cols, info->natts);
	for (int i = 0; i < info->natts; i++)
	{
		const AlexMetaColumn *col = &info->cols[i];

		alex_string_put_element(
			&s, col,
			isnull[i] ? alex_null_element(col)
					  : alex_value_element(col, alex_type_code(col->type, values[i])));
	}
	*key = s.key;
	*tag = (uint64) s.flags << ALEX_TAG_TID_BITS | (uint64) ItemPointerGetBlockNumber(tid) << 16 |
		   ItemPointerGetOffsetNumber(tid);
}

bool
alex_key_returnable(const AlexKeyInfo *info, int attno)
{
	Assert(attno >= 1 && attno <= info->natts);
	return alex_key_type_of(info->cols[attno - 1].type)->exact;
}

/* the string of an entry, to be read */
static bool
open_string(const AlexKeyInfo *info, AlexKey key, uint64 tag, AlexKeyString *s)
{
	alex_string_begin(s, info->cols, info->natts);
	s->key = key;
	s->flags = ALEX_TAG_NULLS(tag);
	return (key & ~alex_bits_max(s->left - s->flag_bits)) == 0 && s->flags >> s->flag_bits == 0;
}

bool
alex_key_decode(const AlexKeyInfo *info, AlexKey key, uint64 tag, Datum *values, bool *isnull)
{
	AlexKeyString s;

	if (!open_string(info, key, tag, &s))
		return false;
	for (int i = 0; i < info->natts; i++)
	{
		const AlexMetaColumn *col = &info->cols[i];
		AlexKeyElement e = alex_string_get_element(&s, col);

		values[i] = (Datum) 0;
		isnull[i] = true;
		if (alex_element_is_null(col, e) || !alex_key_type_of(col->type)->exact)
			continue;
		if (!alex_type_datum(col->type, alex_element_code(col, e), &values[i]))
			return false;
		isnull[i] = false;
	}
	return alex_string_ends(&s);
}

bool
alex_key_any_null(const AlexKeyInfo *info, AlexKey key, uint64 tag)
{
	AlexKeyString s;
	bool found = false;

	if (!open_string(info, key, tag, &s))
		return false;
	for (int i = 0; i < info->natts; i++)
		found |= alex_element_is_null(&info->cols[i], alex_string_get_element(&s, &info->cols[i]));
	return found;
}

bool
alex_key_valid(const AlexKeyInfo *info, AlexKey key, uint64 tag)
{
	AlexKeyString s;

	if (!open_string(info, key, tag, &s))
		return false;
	for (int i = 0; i < info->natts; i++)
		(void) alex_string_get_element(&s, &info->cols[i]);
	return alex_string_ends(&s);
}
