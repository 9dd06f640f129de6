/*
 * hybrid_format.h
 *		On-disk format of what an omendb table has besides heap pages and row
 *		groups: the metapage and the directory.
 *
 * The main fork is a mixture of ordinary heap pages and opaque pages
 * (rowgroup_format.h).  Block 0 is the metapage.  It points to a chain of directory pages, whose
 * entries list every run of opaque pages: row groups, pages reserved for a group being written, free runs, and the
 * directory pages themselves.  What no entry lists is hot.
 *
 * A file of length 0 is an empty table.
 */
#ifndef HYBRID_FORMAT_H
#define HYBRID_FORMAT_H

#include "rowgroup/rowgroup_format.h"

#define HY_PAGE_ID 0xFFA2

#define HY_MAGIC 0x59484D4F /* "OMHY" */
/*
 * 2: a group may have moved, and has left a superseded root behind.  A table has version 1 until then, which is read, too.
 */
#define HY_VERSION 2

/* attributes of a table, core's MaxHeapAttributeNumber */
#define HY_COLUMNS_MAX 1600
/* unit of column_units: bytes, each group's column rounded up, without its Bloom filter */
#define HY_COLUMN_UNIT 256

/* why a hot row was not frozen: README.md, "Reports" */
typedef enum HyLeft
{
	HY_LEFT_YOUNG = 0, /* some snapshot may not see its transaction yet, or that is still running */
	HY_LEFT_IN_USE = 1,	 /* somebody was changing or locking it */
	HY_LEFT_CHANGED = 2, /* it was changed or locked while its group was being written */
	HY_LEFT_LARGE = 3,	 /* too large for a group, or for a header */
	HY_LEFT_KEPT = 4,	 /* option keep_hot_rows */
	HY_LEFT_AGE = 5,	 /* option freeze_after */
	HY_LEFT_REST = 6	 /* they do not fill a group */
} HyLeft;

#define HY_LEFT_COUNT 8 /* one is reserved */

/* who kept HY_LEFT_YOUNG rows from being frozen */
typedef enum HyHolder
{
	HY_HOLDER_UNKNOWN = 0, /* nobody any more */
	HY_HOLDER_SESSION = 1,
	HY_HOLDER_STANDBY = 2, /* by hot_standby_feedback */
	HY_HOLDER_PREPARED = 3,
	HY_HOLDER_SLOT = 4
} HyHolder;

#define HY_REPORT_COMPLETE 0x0001  /* the run came to its end: `left` counts all hot rows */
#define HY_REPORT_NO_WORKER 0x0002 /* since then VACUUM has asked for a worker in vain */

/*
 * What the last run of freezing found: for people to read, never an answer.  Written as the run goes on, whatever becomes of
 * the transaction; all zero before the first.
 */
typedef struct HyFreezeReport
{
	int64 run_at;	 /* TimestampTz: when it wrote this */
	int64 frozen_at; /* when a run has last frozen rows; 0 = never */
	uint64 rows;	 /* it froze */
	uint64 groups;
	uint64 left[HY_LEFT_COUNT];
	uint32 horizon; /* rows of transactions not before this xid were too young */
	int32 holder_pid;
	uint16 holder; /* HyHolder */
	uint16 flags;
	/* next_row / HY_ROW_ALIGN + 1 when indexes had been rebuilt; 0 = they never were */
	uint32 rebuilt_at;
} HyFreezeReport;

/* at RG_PAGE_PAYLOAD_OFF of block 0 */
typedef struct HyMeta
{
	uint32 magic;
	uint16 version;
	uint16 flags;		   /* zero */
	uint64 file_id;		   /* random: no other file, past or future, has it */
	uint64 generation;	   /* grows with every change of the directory */
	uint64 next_group_id;  /* from 1 */
	uint64 next_row;	   /* next row number; multiple of HY_ROW_ALIGN */
	uint32 vector_rows;	   /* COL_VECTOR_ROWS */
	uint32 directory_head; /* first and last directory page, or InvalidBlockNumber */
	uint32 directory_tail;
	uint32 directory_hint; /* no page of the chain before this one has an empty entry */

	/*
	 * For the planner (rule V6): estimates, never answers.  They count entries
	 * in state GROUP, visible or not; hot_* are what the last VACUUM found.
	 */
	uint64 groups;
	uint64 rows;
	uint64 dead_rows;
	uint64 headers;
	uint64 raw_bytes;
	uint64 stream_bytes;
	uint64 opaque_pages; /* of all entries but LOADING ones that are not WHOLE, and the metapage */
	uint64 free_pages;
	uint64 hot_pages;
	uint64 hot_rows;
	uint32 oldest_xid; /* no entry has an older xid to look up; invalid = there is none */
	uint32 cut_at; /* the least number of blocks that the file was ever cut to; 0 = it never was */
	/* grows with every change that takes a group's place or name from one entry to another: see read_chain */
	uint64 moves;
	uint64 reserved[7]; /* zero */
	uint32 column_units[HY_COLUMNS_MAX];
	HyFreezeReport report;
} HyMeta;

/* what a scan reads of a group's column, in these units: all but its Bloom filter */
static inline uint32
hy_column_units(const ColDesc *column)
{
	return (uint32) ((column->chunk_bytes - column->bloom_bytes + HY_COLUMN_UNIT - 1) /
					 HY_COLUMN_UNIT);
}

StaticAssertDecl(sizeof(HyMeta) <= RG_PAGE_PAYLOAD, "metapage fits");
StaticAssertDecl(sizeof(HyMeta) % 8 == 0, "no padding at the end");

/* a group's first row number is a multiple of it: 256 rows share a virtual block */
#define HY_ROW_ALIGN 256

typedef enum HyState
{
	HY_EMPTY = 0,
	/* `pages` opaque pages from `start`, for reuse once safe_xid is removable */
	HY_FREE = 1,
	/*
	 * Being written by `xmin`.  Without HY_FLAG_WHOLE only a prefix of the run is
	 * opaque: that of pages which carry group_id; the rest may be hot or not
	 * exist.
	 */
	HY_LOADING = 2,
	/* a published group */
	HY_GROUP = 3,
	/* a directory page, listed by its own first entry */
	HY_SYSTEM = 4,
	/* dense row map of the group with the same first_row; group_id is the run's own */
	HY_MAP = 5
} HyState;

#define HY_FLAG_WHOLE 0x0001 /* LOADING: every page of the run is opaque */
/* GROUP: xmin has committed; VACUUM says so, and then nobody looks it up any more */
#define HY_FLAG_COMMITTED 0x0002
/* GROUP: everybody sees it; xmin is kept to be shown, as in a frozen heap tuple */
#define HY_FLAG_FROZEN 0x0004
/*
 * GROUP: xmin is a freezer's (README.md, "Freezing"), and some snapshot may still see the rows in hot pages instead; never
 * together with FROZEN
 */
#define HY_FLAG_FREEZER 0x0008
/* FREE: snapshots have read rows of it, those of standbys, too, which must be gone before its pages are used again */
#define HY_FLAG_READ 0x0010
/* GROUP: rewritten without some of its rows, so not every row number from first_row on is one of it */
#define HY_FLAG_HOLES 0x0020
#define HY_FLAGS_VALID 0x003F

/* 128 bytes; entry i of a directory page stands at RG_PAGE_PAYLOAD_OFF + i * 128 */
typedef struct HyEntry
{
	uint16 state; /* HyState */
	uint16 flags;
	uint32 rows;
	uint64 group_id;
	uint64 first_row;
	uint32 start; /* block */
	uint32 pages;
	uint32 xmin; /* as of a heap tuple */
	uint32 cmin;
	uint32 xmax; /* 0 = none */
	uint32 cmax;
	uint64 safe_xid; /* FREE: FullTransactionId; 0 = at once */
	uint64 stream_bytes;
	uint64 raw_bytes;
	uint32 dead_rows;
	uint32 headers;
	/* reserved for later: heads of page chains, InvalidBlockNumber = none */
	uint32 dead_bitmap;
	uint32 row_map;	   /* GROUP: block of the row map's root, a page of the run */
	uint32 number_map; /* row number -> position, for groups with holes */
	uint32 reclaimed;  /* dead rows of the group that no index refers to any more */
	uint32
		span; /* HOLES: row numbers that it covers, at least as many as rows; else 0, which is as many */
	uint32 reserved[7]; /* zero */
} HyEntry;

StaticAssertDecl(sizeof(HyEntry) == 128, "HyEntry is 128 bytes on disk");

/* limit of a group's span */
#define HY_SPAN_MAX (4 * RG_ROWS_MAX)

/* row numbers of a group: [first_row, first_row + hy_span) */
static inline uint32
hy_span(const HyEntry *entry)
{
	return (entry->flags & HY_FLAG_HOLES) != 0 ? entry->span : entry->rows;
}

#define HY_ENTRIES_PER_PAGE (RG_PAGE_PAYLOAD / sizeof(HyEntry))

/*
 * Row map of a group: row -> TID of its header.  The root is one page in the group's own run, behind the
 * stream.  It has a list, in order of arrival.  When that is full, the group gets a dense map, one
 * page for each vector, once; the list stays, and nothing is added to it any more.
 */
#define HY_MAP_ROWS ((RG_PAGE_PAYLOAD - 16) / 10)

/* the group has another root by now, that of its new run, and this one never changes again */
#define HY_MAP_SUPERSEDED 0x0001
#define HY_MAP_FLAGS_VALID 0x0001

/* at RG_PAGE_PAYLOAD_OFF of a page of kind RG_PAGE_MAP */
typedef struct HyMapRoot
{
	uint32 dense;	 /* first page of the dense map, or InvalidBlockNumber */
	uint32 removals; /* counts entries taken away */
	uint16 count;	 /* entries of the list, those taken away too: never falls */
	uint16 flags;	 /* HY_MAP_* */
	uint32 reserved1;
	uint32 rows[HY_MAP_ROWS];	 /* row numbers less the group's first_row */
	uint16 tids[HY_MAP_ROWS][3]; /* ItemPointerData; offset 0 = taken away */
} HyMapRoot;

StaticAssertDecl(sizeof(HyMapRoot) <= RG_PAGE_PAYLOAD, "root of a row map fits a page");

/* at RG_PAGE_PAYLOAD_OFF of page `vector` of a dense map, kind RG_PAGE_MAP_DENSE */
typedef struct HyMapDense
{
	uint32 removals;
	uint32 reserved;
	uint16 tids[COL_VECTOR_ROWS][3]; /* offset 0 = none */
} HyMapDense;

StaticAssertDecl(sizeof(HyMapDense) <= RG_PAGE_PAYLOAD, "page of a dense row map fits");

/* In a row map, a place where no header is, nor will be: the row was dead when its group was written. */
#define HY_DEAD_BLOCK ((BlockNumber) 0xFFFFFFFE)
#define HY_DEAD_OFFSET 1

/*
 * A header (hybrid_header.h): a heap tuple with this bit of t_infomask2, which is free in PostgreSQL 15 to 18.
 * Its t_hoff is greater by eight bytes than its null bitmap asks for: they have the row's number.
 */
#define HY_HEADER 0x1000
#define HY_HEADER_ROW_MASK ((UINT64CONST(1) << 40) - 1)
/* all columns have their values, not only those of keys */
#define HY_HEADER_WHOLE (UINT64CONST(1) << 63)

/*
 * Identity of a cold row: its number, never reused, as a TID whose block is at least
 * 2^31.  A bitmap of TIDs allows offsets up to 291.
 */
#define HY_COLD_BLOCK UINT64CONST(0x80000000)
#define HY_ROWS_PER_BLOCK 256
/* block 0xFFFFFFFF is InvalidBlockNumber, 0xFFFFFFFE core's maximum */
#define HY_ROW_LIMIT ((UINT64CONST(0xFFFFFFFE) - HY_COLD_BLOCK) * HY_ROWS_PER_BLOCK)

/* WAL ops: the first byte of an op's data (rule W7) */
typedef enum HyOp
{
	/* xl_hy_init, then patches: a page of this kind from nothing */
	HY_OP_INIT = 1,
	/* patches: { uint16 offset in the page, uint16 length, bytes } until the end */
	HY_OP_PATCH = 2
} HyOp;

/* names of records, for the error context */
typedef enum HyRecord
{
	HY_REC_RESERVE = 1,	   /* meta, directory page */
	HY_REC_PUBLISH = 2,	   /* meta, directory page */
	HY_REC_DIRECTORY = 3,  /* meta, new directory page, old last one */
	HY_REC_VACUUM = 4,	   /* meta, directory page */
	HY_REC_MAP_ADD = 5,	   /* page of a row map */
	HY_REC_MAP_PAGE = 6,   /* new page of a dense map */
	HY_REC_MAP = 7,		   /* meta, directory page, root of a row map */
	HY_REC_MAP_REMOVE = 8, /* page of a row map */
	HY_REC_MOVE = 9,	   /* meta, one or two directory pages, superseded roots of row maps */
	HY_REC_MAP_FOLD = 10   /* page of a row map */
} HyRecord;

#endif
