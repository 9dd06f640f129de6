/*
 * alex_format.h
 *		What an alex index looks like on disk.  Nothing here may change
 *		without a new ALEX_VERSION and code that still reads the old one.
 *
 * A page that is not the metapage is laid out as
 *
 *	0      24          56            pd_lower          pd_upper        special
 *	+------+-----------+-----------+--------+------+----------+---------+--------+
 *	| page | low  high | directory | blocks | tail |   hole   | gap run | opaque |
 *	| hdr  | fences    |           |        | -->  |          |  <--    |        |
 *	+------+-----------+-----------+--------+------+----------+---------+--------+
 *	(offsets for 8-byte keys; a fence takes key bytes + 8, the opaque is 40 bytes)
 *
 * An *entry* is (key, tag [, child]).  The key is the order-preserving code
 * of the indexed value(s): 8 or 16 bytes, as the opaque says.
 * The tag is nulls << 48 | heap block << 16 | heap offset, so comparing
 * (key, tag) as unsigned integers is the index order with the TID as the
 * tie-breaker.  Entries of inner pages are separators and carry the child's
 * block number.
 *
 * directory:	dirsize slots, nblocks of them used: first the keys of each
 *				block's first entry (dirsize * key bytes), then the block
 *				descriptors (dirsize * 36 bytes).
 * blocks:		packed mini-blocks of 1..128 entries in (key, tag) order,
 *				see AlexBlockDesc.
 * tail:		entries appended past everything on the page, raw and in
 *				order: 16 bytes of dead bits, then the entries.
 * gap run:		entries inserted out of order, raw, in order of arrival,
 *				growing downwards: below the special space 48 bytes of slot
 *				numbers in key order, then 8 bytes of dead bits, then slot
 *				0, 1, ...
 *
 * All integers outside the bit-packed columns are in machine byte order, as
 * everywhere in a PostgreSQL data directory; the bit streams are
 * little-endian.
 */
#ifndef ALEX_FORMAT_H
#define ALEX_FORMAT_H

#include "base/pure.h"

#define ALEX_MAGIC 0x0A1E7001U
/*
 * 2: blocks without dead bits (ALEX_ENC_NO_DEAD), and pages without free bytes kept back for
 * removed bits.  A page of version 1 is read as it is and is one of version 2 once it is changed.
 */
#define ALEX_VERSION 2
#define ALEX_VERSION_MIN 1

/* last two bytes of every alex page; core uses 0xFF80-0xFF83, pgvector 0xFF84 and 0xFF90 */
#define ALEX_PAGE_ID 0xFFA1

#define ALEX_METAPAGE 0
#define ALEX_KEY_BYTES_MAX 16
#define ALEX_PAGE_HEADER_BYTES 24 /* SizeOfPageHeaderData */
#define ALEX_NATTS_MAX 16

#define ALEX_BLOCK_ENTRIES_MAX 128 /* in-block index < 2^7: rule F9 */
#define ALEX_GAP_MAX 48			   /* entries of the gap run, 8-byte keys */
#define ALEX_GAP_MAX_WIDE 40	   /* 16-byte keys: two halves of a split must fit (rule F4) */
#define ALEX_TAIL_MAX 128		   /* entries of the tail: one block's worth */
#define ALEX_LEAF_ENTRIES_MAX 8192 /* gap and tail included */
#define ALEX_LEAF_ENTRIES_MIN 256
#define ALEX_LEAF_ENTRIES_DEFAULT 4096
#define ALEX_LEVEL_MAX 32 /* far above what 2^32 blocks can need */

#define ALEX_GAP_ORDER_BYTES ALEX_GAP_MAX
#define ALEX_GAP_DEAD_BYTES 8
#define ALEX_GAP_HEADER_BYTES (ALEX_GAP_ORDER_BYTES + ALEX_GAP_DEAD_BYTES)
#define ALEX_TAIL_DEAD_BYTES (ALEX_TAIL_MAX / 8)

/* page kinds (values are on disk) */
#define ALEX_KIND_META 1
#define ALEX_KIND_LEAF 2
#define ALEX_KIND_INNER 3

/* page flags (values are on disk) */
#define ALEX_ROOT 0x0001			 /* the tree's root, as the metapage says */
#define ALEX_INCOMPLETE_SPLIT 0x0002 /* right sibling has no downlink yet */
#define ALEX_HALF_DEAD 0x0004		 /* leaf without a downlink, being deleted */
#define ALEX_DELETED 0x0008			 /* not in the tree; free once safexid is in the past */
#define ALEX_LOW_INF 0x0010			 /* leftmost of its level: low = -infinity */
#define ALEX_HIGH_INF 0x0020		 /* rightmost of its level: high = +infinity */
#define ALEX_FLAGS_VALID 0x803F
/* 0x8000 is OM_PAGE_GENERIC, see base/om_wal.h */

/*
 * Special space, 40 bytes.  flags and page_id stand last, where base/ looks
 * for them on every page kind of the extension.
 */
typedef struct AlexPageOpaque
{
	uint32 left;	   /* left sibling's block, or InvalidBlockNumber */
	uint32 right;	   /* right sibling's block, or InvalidBlockNumber */
	uint64 safexid;	   /* deleted page: full xid; half-dead: top parent block */
	uint16 level;	   /* 0 = leaf */
	uint8 kind;		   /* ALEX_KIND_* */
	uint8 version;	   /* page format version */
	uint8 keybytes;	   /* 8 or 16 */
	uint8 natts;	   /* key columns */
	uint16 nblocks;	   /* directory entries in use */
	uint16 dirsize;	   /* directory entries there is room for, >= nblocks */
	uint16 nbase;	   /* entries in the blocks, removed ones included */
	uint16 nremoved;   /* of those, marked removed (rule F4) */
	uint16 blocks_end; /* byte offset where the blocks end and the tail starts */
	uint8 ngap;		   /* entries in the gap run */
	uint8 ntail;	   /* entries in the tail */
	uint16 reserved;
	uint16 flags;	/* ALEX_*, OM_PAGE_GENERIC */
	uint16 page_id; /* ALEX_PAGE_ID */
} AlexPageOpaque;

StaticAssertDecl(sizeof(AlexPageOpaque) == 40, "alex page opaque is 40 bytes on disk");

#define ALEX_SPECIAL_OFF (BLCKSZ - sizeof(AlexPageOpaque))

/*
 * A key code in memory, whatever its size on disk: a code of an index with
 * 8-byte keys is below 2^64.  Aligned as the server aligns its own int128, so that an
 * AlexItem takes 32 bytes.
 */
#ifndef __SIZEOF_INT128__
#error "OmenDB needs a compiler with 128-bit integers"
#endif
typedef unsigned __int128 AlexKey __attribute__((aligned(8)));

#define ALEX_KEY_ALL_ONES (~(AlexKey) 0)

/* what decides about the sizes on a page: its kind, and the key bytes of its opaque */
typedef struct AlexForm
{
	bool inner; /* entries have a child */
	bool wide;	/* 16-byte keys, else 8 */
} AlexForm;

/* bytes of a key; of a fence, key and tag; of a raw entry, which on inner pages is followed by
 * uint32 child */
#define ALEX_KEY_BYTES(form) ((form).wide ? 16U : 8U)
#define ALEX_FENCE_BYTES(keybytes) ((keybytes) + 8U)
#define ALEX_RAW_INNER_BYTES(keybytes) ((keybytes) + 12U)
#define ALEX_RAW_BYTES(form) (ALEX_KEY_BYTES(form) + ((form).inner ? 12U : 8U))

#define ALEX_TAG_TID_BITS 48
#define ALEX_TAG_TID_MASK ((UINT64CONST(1) << ALEX_TAG_TID_BITS) - 1)
#define ALEX_TAG_NULLS(tag) ((uint32) ((tag) >> ALEX_TAG_TID_BITS))
#define ALEX_COLD_TID (UINT64CONST(1) << 47) /* top bit of the block number */

/* byte offset of the directory */
#define ALEX_DIR_OFF_OF(keybytes) (ALEX_PAGE_HEADER_BYTES + 2 * ALEX_FENCE_BYTES(keybytes))
#define ALEX_DIR_OFF(form) ALEX_DIR_OFF_OF(ALEX_KEY_BYTES(form))

/*
 * One mini-block.  36 bytes, 4-byte aligned (64-bit fields are split).
 *
 * Entry i (0-based) has
 *	key  = kbase + delta(kslope, i + idx0) + residual(kwidth bits)   mod 2^64
 * where kbase is not stored: the first entry's key is in the directory, so
 *	kbase = first key - delta(kslope, idx0) - residual of entry 0    mod 2^64
 *	lin  = tbase + delta(tslope, i + idx0) + residual(twidth bits)   mod 2^48
 *	tid  = (lin / tmul) << 16 | (lin % tmul + 1), or lin itself when tmul = 0
 *	nulls = nbase + residual(nwidth bits)
 * With 16-byte keys the key column is computed modulo 2^128.
 * A slope is one 64-bit word: 56 bits of mantissa, 7 of shift (left shifts from
 * 64 on), a sign; that of 16-byte keys has 8 bits of shift and no sign: see
 * codec/linear.h and codec/linear_wide.h, which are part of this format.
 * idx0 lets a block be cut in two without changing model or width (rule F4);
 * idx0 + n <= 128.  An entry with offset 0 (a shortened separator) has no
 * linear form: its block has tmul = 0.  A cut block with ALEX_ENC_TWO_TIDS keeps both
 * models even if one region has no entry left.
 *
 * The payload at `off`:
 *	dead bits	(n+7)/8 bytes; hints, never logged; not with ALEX_ENC_NO_DEAD
 *	removed bits (n+7)/8 bytes, if ALEX_ENC_REMOVED
 *	AlexTid2Ext	if ALEX_ENC_TWO_TIDS
 *	AlexChildExt	if the page is an inner page
 *	then bit-packed, each starting on a byte: key residuals, TID residuals
 *	(with ALEX_ENC_TWO_TIDS: one region bit per entry, then the residuals of
 *	the hot entries, then those of the cold ones; an entry's position is its
 *	rank in its region), null residuals, child residuals.
 */
typedef struct AlexBlockDesc
{
	uint32 kslope_lo;
	uint32 kslope_hi;
	uint32 tslope_lo;
	uint32 tslope_hi;
	uint32 tbase_lo;
	uint16 tbase_hi;
	uint16 tmul;  /* M of rule F1; 0 = raw TIDs */
	uint16 off;	  /* payload's byte offset in the page */
	uint16 cum;	  /* entries in the blocks before this one */
	uint16 nbase; /* null flags: smallest */
	uint8 enc;	  /* ALEX_ENC_KIND_MASK | ALEX_ENC_* */
	uint8 n;	  /* entries, 1..128 */
	uint8 idx0;	  /* the model's index of entry 0 */
	uint8 kwidth; /* 0..64, or 0..128 with 16-byte keys */
	uint8 twidth; /* 0..48 */
	uint8 nwidth; /* 0..16 */
} AlexBlockDesc;

StaticAssertDecl(sizeof(AlexBlockDesc) == 36, "alex block descriptor is 36 bytes on disk");

#define ALEX_DIR_ENTRY_BYTES_OF(keybytes) ((uint32) ((keybytes) + sizeof(AlexBlockDesc)))
#define ALEX_DIR_ENTRY_BYTES(form) ALEX_DIR_ENTRY_BYTES_OF(ALEX_KEY_BYTES(form))

/* entries of the gap run */
#define ALEX_GAP_MAX_OF(keybytes) ((keybytes) > 8 ? ALEX_GAP_MAX_WIDE : ALEX_GAP_MAX)

/* bytes for directory, blocks, tail and gap run */
#define ALEX_PAGE_ROOM_OF(keybytes) ((uint32) (ALEX_SPECIAL_OFF - ALEX_DIR_OFF_OF(keybytes)))
#define ALEX_PAGE_ROOM(form) ALEX_PAGE_ROOM_OF(ALEX_KEY_BYTES(form))

#define ALEX_ENC_KIND_MASK 0x0F
#define ALEX_ENC_LINEAR 1	   /* the only kind; 0 and others are errors */
#define ALEX_ENC_REMOVED 0x10  /* has a removed column */
#define ALEX_ENC_TWO_TIDS 0x20 /* hot and cold TIDs, two models (rule F1) */
#define ALEX_ENC_NO_DEAD 0x40  /* has a removed column in place of dead bits (rule F4) */
#define ALEX_ENC_VALID 0x7F

/* model of the cold TIDs of a mixed block; index = rank among them + cold0 */
typedef struct AlexTid2Ext
{
	uint32 slope_lo;
	uint32 slope_hi;
	uint32 base_lo;
	uint16 base_hi;
	uint16 mul;
	uint8 width;
	uint8 hot0;	 /* index of the first hot entry in the hot model */
	uint8 cold0; /* index of the first cold entry in the cold model */
	uint8 reserved;
} AlexTid2Ext;

StaticAssertDecl(sizeof(AlexTid2Ext) == 20, "alex second TID model is 20 bytes on disk");

/* model of the child column: child = base + delta(slope, i + idx0) + residual, mod 2^32 */
typedef struct AlexChildExt
{
	uint32 slope_lo;
	uint32 slope_hi;
	uint32 base;
	uint8 width; /* 0..32 */
	uint8 reserved[3];
} AlexChildExt;

StaticAssertDecl(sizeof(AlexChildExt) == 16, "alex child model is 16 bytes on disk");

/* key column types (values are on disk) */
typedef enum AlexTypeCode
{
	ALEX_TYPE_INT2 = 1,
	ALEX_TYPE_INT4 = 2,
	ALEX_TYPE_INT8 = 3,
	ALEX_TYPE_DATE = 4,
	ALEX_TYPE_TIMESTAMP = 5,
	ALEX_TYPE_TIMESTAMPTZ = 6,
	ALEX_TYPE_CHAR = 7,
	ALEX_TYPE_OID = 8,
	ALEX_TYPE_FLOAT4 = 9,
	ALEX_TYPE_FLOAT8 = 10,
	ALEX_TYPE_MONEY = 11,
	ALEX_TYPE_TIME = 12,
	ALEX_TYPE_UUID = 13
} AlexTypeCode;

#define ALEX_COL_DESC 0x01
#define ALEX_COL_NULLS_FIRST 0x02
#define ALEX_COL_VALID 0x03

typedef struct AlexMetaColumn
{
	uint8 type;	 /* AlexTypeCode */
	uint8 bits;	 /* bits of the key it takes */
	uint8 flags; /* ALEX_COL_* */
	uint8 reserved;
} AlexMetaColumn;

/* metapage contents, from offset 24; pd_lower stands behind it */
typedef struct AlexMeta
{
	uint32 magic;
	uint32 version;
	uint32 root;  /* block of the root page */
	uint32 level; /* its level */
	uint16 keybytes;
	uint16 natts;
	uint32 flags; /* ALEX_META_* */
	AlexMetaColumn cols[ALEX_NATTS_MAX];
	uint32 reserved[16];
} AlexMeta;

StaticAssertDecl(sizeof(AlexMeta) == 24 + 64 + 64, "alex metapage contents are 152 bytes on disk");

/* some change of this index was logged by Generic WAL (rule W4); never cleared */
#define ALEX_META_GENERIC 0x0001
#define ALEX_META_FLAGS_VALID 0x0001

StaticAssertDecl(BLCKSZ >= 8192 && BLCKSZ <= 32768,
				 "page offsets are 16 bit, pages hold 8192 entries");
/* decoding may read 16 bytes past the last packed byte: the special space is that slack (F8) */
StaticAssertDecl(sizeof(AlexPageOpaque) >= 16, "slack behind the packed columns");

#endif
