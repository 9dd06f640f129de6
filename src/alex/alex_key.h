/*
 * alex_key.h
 *		SQL values and scan keys as positions in an alex index.
 *
 * The key columns' codes, alex_key_type.h, make one number of 64 or 128 bits,
 * the first column highest; NULLs and null flags are in alex_key_string.h.
 */
#ifndef ALEX_KEY_H
#define ALEX_KEY_H

#include "access/skey.h"
#include "alex/alex_format.h"
#include "storage/itemptr.h"
#include "utils/relcache.h"

/* what decides about the order of an index, as the catalog says */
typedef struct AlexKeyInfo
{
	int natts;
	uint8 keybytes; /* of a key on disk: 8 or 16 */
	AlexMetaColumn cols[ALEX_NATTS_MAX];
} AlexKeyInfo;

/*
 * The entries that can satisfy some scan keys: (lo_key, lo_tag) <= (key, tag)
 * < (hi_key, hi_tag), or without an upper end if hi_inf.  All of them do,
 * unless filter says that alex_key_match() must be asked about each, or recheck that
 * the executor has to look at the row.
 */
typedef struct AlexBounds
{
	AlexKey lo_key;
	uint64 lo_tag;
	AlexKey hi_key;
	uint64 hi_tag;
	/* for alex_key_match(), whatever becomes of the range: least and greatest key and null flags */
	AlexKey first_key;
	AlexKey last_key;
	uint32 first_flags;
	uint32 last_flags;
	bool hi_inf;
	bool empty;	 /* nothing can: the other fields say nothing */
	bool filter; /* the keys restrict more than a range of entries */
	bool recheck;
} AlexBounds;

/*
 * alex_key_info --- describe the key columns of an index.
 *
 * Raises an error for a type, operator class or number of columns that alex
 * does not support.
 */
extern void alex_key_info(Relation index, AlexKeyInfo *info);

/*
 * alex_key_check_meta --- compare the catalog's columns with the metapage's.
 *
 * A difference means that the order of the index is not the one its pages
 * have: an error that asks for REINDEX.
 */
extern void alex_key_check_meta(Relation index, const AlexKeyInfo *info, const AlexMeta *meta);

/* alex_key_encode --- position of an entry with these values. */
extern void alex_key_encode(const AlexKeyInfo *info, const Datum *values, const bool *isnull,
							ItemPointer tid, AlexKey *key, uint64 *tag);

/* alex_key_any_null --- is a column of this entry NULL? */
extern bool alex_key_any_null(const AlexKeyInfo *info, AlexKey key, uint64 tag);

/*
 * alex_key_bounds --- the bounds of a scan, the conjunction of all its keys.
 *
 * Without any key the bounds include NULLs, with any they do not, save for
 * IS NULL.  To be called at each rescan: the bounds may depend on TimeZone.
 */
extern void alex_key_bounds(Relation index, const AlexKeyInfo *info, ScanKey keys, int nkeys,
							AlexBounds *b);

/* alex_key_match --- does an entry of the range satisfy the keys?  Ask if bounds say `filter`. */
extern bool alex_key_match(const AlexKeyInfo *info, const AlexBounds *b, AlexKey key, uint64 tag);

/*
 * alex_key_returnable --- can alex_key_decode() give back a column's values?
 *
 * Not those of floats: -0 is stored as 0, and the many NaNs as one (rule F3).
 * attno counts from 1.
 */
extern bool alex_key_returnable(const AlexKeyInfo *info, int attno);

/*
 * alex_key_decode --- the values of an entry, as alex_key_encode() took them.
 *
 * Columns that are not returnable come out as NULL.  A value that is passed by
 * reference is allocated in the current memory context.  False if no value of a
 * column has this code: the entry is damaged.
 */
extern bool alex_key_decode(const AlexKeyInfo *info, AlexKey key, uint64 tag, Datum *values,
							bool *isnull);

/* alex_key_valid --- can a leaf entry of this index have this key and these null flags? */
extern bool alex_key_valid(const AlexKeyInfo *info, AlexKey key, uint64 tag);

#endif
