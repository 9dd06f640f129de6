/*
 * rowgroup_format.h
 *		On-disk format of a row group, and of the opaque pages that carry it.
 *
 * Opaque page: a page of the main fork that heap code takes for an empty one
 * without room.
 *
 *		0    PageHeaderData: pd_lower = pd_upper = 24, pd_special = BLCKSZ,
 *			 PD_ALL_VISIBLE, pd_prune_xid = 0
 *		24   RgPageHeader
 *		48   payload, RG_PAGE_PAYLOAD bytes
 *		BLCKSZ - 8   uint32 reserved, OmPageTail (base/om_wal.h)
 *
 * A row group is a stream of bytes over the payloads of consecutive pages, from its start block:
 * byte x stands in page x / RG_PAGE_PAYLOAD at x % RG_PAGE_PAYLOAD.  Stream:
 *
 *		RgHeader | ColDesc[columns] | chunk of column 0 | chunk of column 1 | ...
 *
 * Columns are the table's attributes 1..natts in order, dropped ones included,
 * and behind them, if RG_FLAG_XMIN, a CODE column of the rows' original xmin
 * (order UNSIGNED); behind that, if RG_FLAG_NUMBERS, another of the rows' numbers less that of the group's first row,
 * ascending: the group was rewritten without some of its rows.  Chunks start at multiples of 8.
 *
 * A group never changes.  Deleted rows and rows with a header will be found
 * through the directory entry (hybrid_format.h), not here.
 */
#ifndef ROWGROUP_FORMAT_H
#define ROWGROUP_FORMAT_H

#include "codec/column_format.h"

#define RG_ROWS_MAX COL_ROWS_MAX
/* detoasted bytes at which a group closes (rule V10) */
#define RG_RAW_BYTES_MAX (64 * 1024 * 1024)
/* a row greater than this stays hot */
#define RG_ROW_BYTES_MAX (8 * 1024 * 1024)

#define RG_PAGE_HEADER_OFF 24
#define RG_PAGE_PAYLOAD_OFF 48
#define RG_PAGE_TAIL_BYTES 8
#define RG_PAGE_PAYLOAD (BLCKSZ - RG_PAGE_PAYLOAD_OFF - RG_PAGE_TAIL_BYTES)

#define RG_PAGE_VERSION 1

/* what an opaque page is; values are on disk */
typedef enum RgPageKind
{
	RG_PAGE_META = 1,	   /* block 0 */
	RG_PAGE_DIRECTORY = 2, /* entries of row groups and free runs */
	RG_PAGE_DATA = 3,	   /* of a row group's stream */
	RG_PAGE_MAP = 4,	   /* root of a row group's row map */
	RG_PAGE_MAP_DENSE = 5  /* of its dense part */
} RgPageKind;

typedef struct RgPageHeader
{
	uint16 kind;	/* RgPageKind */
	uint16 version; /* RG_PAGE_VERSION */
	uint32 index;	/* DIRECTORY: position in the chain; else page of the run, from 0 */
	uint64 group_id;
	uint32 used; /* DATA: payload bytes in use */
	uint32 next; /* DIRECTORY: next block of the chain; else InvalidBlockNumber */
} RgPageHeader;

StaticAssertDecl(sizeof(RgPageHeader) == 24, "RgPageHeader is 24 bytes on disk");
StaticAssertDecl(RG_PAGE_PAYLOAD % 8 == 0, "payload is a multiple of 8");
StaticAssertDecl(BLCKSZ >= 8192 && BLCKSZ <= 32768, "block size 8 to 32 kB");

#define RG_MAGIC 0x47524D4F /* "OMRG" */
/*
 * 2: vectors of FSST, symbols
 * 3: RUNS, DICT_RUNS, ASCENDING, LINEAR, PATCHED
 * 4: Bloom filters, row numbers, DECIMAL
 *
 * A version only adds to those before it, so all are read by the same code.
 */
#define RG_VERSION 4

#define RG_FLAG_XMIN 0x0001
/* only together with XMIN */
#define RG_FLAG_NUMBERS 0x0004
#define RG_FLAGS_VALID 0x0005

/* 64 bytes */
typedef struct RgHeader
{
	uint32 magic;
	uint16 version;
	uint16 flags;
	uint64 group_id;
	uint64 stream_bytes;
	uint32 rows;	/* 1..RG_ROWS_MAX */
	uint16 vectors; /* (rows + 1023) / 1024 */
	uint16 natts;	/* attributes of the table when written */
	uint16 columns; /* natts, + 1 with RG_FLAG_XMIN, + 1 with RG_FLAG_NUMBERS */
	uint16 reserved0;
	uint32 header_bytes; /* 64 + 128 * columns */
	uint64 raw_bytes;
	uint8 reserved[12];
	uint32 crc; /* CRC-32C of header_bytes with this field 0 */
} RgHeader;

StaticAssertDecl(sizeof(RgHeader) == 64, "RgHeader is 64 bytes on disk");

#endif
