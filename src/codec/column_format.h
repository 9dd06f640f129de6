/*
 * column_format.h
 *		On-disk format of one column of a row group: its chunk.
 *
 * A chunk is a run of bytes of the group's stream (rowgroup_format.h):
 *
 *		ColVector[vectors] | dictionary or symbols | Bloom filter | payload of vector 0 | payload of vector 1 | ...
 *
 * Every part starts at the first multiple of 8 bytes (from the chunk's start) behind
 * the one before, and the chunk ends at one; gaps are zeroes.  Integers are in machine byte order, as in all of PostgreSQL's files.
 * A vector holds 1,024 rows, the last one of a group what is left.  Position is
 * index: a NULL has a slot like any value, filled with something harmless.
 *
 * Values are stored in one of these forms (ColStore):
 *
 *	CODE	pass-by-value types and scaled numerics, as 64-bit *order codes*:
 *			unsigned integers that compare as the values do under the column's
 *			ColOrder.  value <-> code is a bijection (see ColOrder).
 *	FIXED	pass-by-reference types of a fixed length, typlen bytes each.
 *	BYTES	variable-length types, without length word, in line; each value
 *			uncompressed, a vector of them perhaps compressed as a whole (PGLZ).
 *	NONE	a dropped column, or one without any value: no chunk, all NULL;
 *			vectors and all fields of chunk, dictionary and zone map are 0.
 *
 * Payload of a vector, after a validity bitmap of 128 bytes (bit i set: row i is
 * not NULL) which is there iff 0 < null_count < rows:
 *
 *	encoding  store  payload                                            row i
 *	NULLS     any    nothing                                            NULL
 *	CONST     CODE   nothing                                            min
 *	          FIXED  the value, typlen bytes                            it
 *	          BYTES  the value, the rest of the payload                 it
 *	LANES     CODE   LANES_BYTES(width), codec/lanes.h                  min + divisor * field
 *	DICT      any    LANES_BYTES(width)                                 dictionary[min + field]
 *	RUNS      CODE   fields, see below                                  min + divisor * field of its run
 *	DICT_RUNS any    likewise                                           dictionary[min + field of its run]
 *	ASCENDING CODE   LANES_BYTES(width), then a bitmap, see below       min + divisor * (field + (high << width))
 *	LINEAR    CODE   uint64 base, uint64 slope, LANES_BYTES(width)      min + divisor * (base + field +
 *	                                                                    (slope * i >> 20))
 *	PATCHED   CODE   uint64 base, uint32 patches, uint32 patch_width,   min + divisor * (base + field),
 *	                 the patches, LANES_BYTES(width)                    or min + divisor * its patch
 *	DECIMAL   CODE   int64 base, uint32 exceptions, int32 digits,       (base + field) / 10^digits,
 *	                 LANES_BYTES(width), the exceptions                 or its exception
 *	PLAIN     FIXED  rows * typlen bytes                                bytes [i * typlen, + typlen)
 *	          BYTES  uint32 shortest, uint32 total, LANES_BYTES(width)  length = shortest + field,
 *	                 of lengths, then total bytes                       bytes side by side
 *	PGLZ      BYTES  uint32 raw_bytes, uint32 compressed_bytes, then    as PLAIN, of the
 *	                 so many bytes of pglz, which give raw_bytes bytes  raw bytes
 *	                 of PLAIN; width as there
 *	FSST      BYTES  uint32 shortest, uint32 total, uint32 raw_bytes,   as PLAIN, decoded
 *	                 uint32 0, then as PLAIN, of encoded values;        by the symbols
 *	                 raw_bytes is the total of the decoded ones
 *
 * RUNS and DICT_RUNS: fields of `width` bits, one for each run of rows, as a stream (codec/bitpack.h) that is padded
 * to a multiple of 8 bytes, then a bitmap of 128 bytes: bit i set, row i begins a run.  Row 0 does.
 *
 * ASCENDING: the values never descend, a NULL has that of the row before.  What is above `width` bits of (value - min) /
 * divisor, `high`, is written in unary: in a bitmap of 64-bit words row i sets bit i + high, of rows + (high
 * of max) bits (Elias and Fano).
 *
 * PATCHED: most values are in a narrow range; the others, at most one in four, are patches: a stream of fields of 10 +
 * patch_width bits, padded to a multiple of 8 bytes, the row in the upper 10 bits, ascending.  Width is at least 1.
 *
 * DECIMAL (orders FLOAT4 and FLOAT8; since version 4 of the row group): base + field, from -2^51 to 2^51 - 1, as a double,
 * divided by the double 10^digits, or multiplied by 10^-digits where digits are below 0; FLOAT4: rounded to a float. Exceptions, at
 * most one in four: their codes, of 8 bytes or, FLOAT4, 4; then their rows, ascending, uint16 each.
 *
 * (All arithmetic on codes is modulo 2^64.)  PLAIN BYTES: a NULL is empty, so `shortest` is 0 in
 * a vector with NULLs, as it is in FSST.  PGLZ: nothing of it is of use before all is decompressed, so
 * only long values are worth it.
 *
 * The dictionary holds the distinct values of the whole chunk in ascending order
 * (codes as numbers; FIXED by memcmp; BYTES by memcmp, the shorter first):
 *
 *	CODE	uint64[dict_count]
 *	FIXED	typlen bytes each
 *	BYTES	uint32 offsets[dict_count + 1], then the bytes; offsets count from the
 *			first of these bytes, offsets[0] = 0
 *
 * Symbols (COL_FLAG_SYMBOLS) are there for FSST vectors, in the place of a dictionary: dict_count of
 * them, as codec/fsst.h has them on disk.
 *
 * A Bloom filter (COL_FLAG_BLOOM) tells of a value that it is not in the chunk.  It is an array of sections of
 * bloom_section bytes each:
 *
 *	uint32 crc		CRC-32C of what is behind it in the section
 *	uint32 index	of the section
 *	bits			bit i is bit i % 8 of byte i / 8
 *
 * Each value has bloom_probes bits in one section, which its hash chooses; the hash and the choice are those of
 * codec/column_bloom.h, and what they are of is the code or the bytes, but for floats: +0 in the place of -0, the
 * greatest code in that of every NaN.  A chunk with a dictionary has none, nor has one without a known order.
 *
 * A chunk with a dictionary has only DICT, DICT_RUNS and NULLS vectors.  There are at most
 * COL_DICT_MAX entries, so the width of a field is at most 16.
 *
 * Zone maps: ColVector.min/max and ColDesc.min/max are order codes for CODE
 * without dictionary; dictionary positions where there is one; else the first 8 bytes of
 * the smallest and greatest value as a big-endian number, short ones padded with
 * zeroes (so they bound, and equal prefixes prove nothing).  They cover the values that are not NULL
 * and mean nothing if there is none.
 */
#ifndef COLUMN_FORMAT_H
#define COLUMN_FORMAT_H

#include "base/pure.h"

#define COL_VECTOR_ROWS 1024
#define COL_VECTORS_MAX 128
#define COL_ROWS_MAX (COL_VECTOR_ROWS * COL_VECTORS_MAX)
#define COL_VALIDITY_BYTES (COL_VECTOR_ROWS / 8)
#define COL_CODE_BITS_MAX 64
#define COL_BLOOM_SECTION_MAX 1024
#define COL_BLOOM_SECTION_HEADER 8
#define COL_BLOOM_PROBES_MAX 16
#define COL_DICT_MAX 65536
/* PGLZ and FSST: of a vector; a row group's most bytes are less (rowgroup_format.h) */
#define COL_RAW_MAX (80 * 1024 * 1024)
#define COL_ALIGN(n) (((n) + 7) & ~(uint64) 7)

/* all enum values here are on disk: never reuse one, unknown = error */
typedef enum ColStore
{
	COL_STORE_NONE = 0,
	COL_STORE_CODE = 1,
	COL_STORE_FIXED = 2,
	COL_STORE_BYTES = 3
} ColStore;

/*
 * How values are ordered (rule V8: no collation or operator family on disk).
 *	NONE		no known order: the code is the value's bit pattern, zero-extended
 *	SIGNED		code = value ^ 2^63
 *	UNSIGNED	code = value
 *	FLOAT4/8	total order of the bit patterns: code = sign set ? ~bits : bits | sign
 *				(32 or 64 bits), so -NaN < -inf < ... < -0 < +0 < ... < +inf < NaN
 *	BYTES		memcmp (uuid, text, bytea): equality under deterministic
 *				collations, ranges under C
 */
typedef enum ColOrder
{
	COL_ORDER_NONE = 0,
	COL_ORDER_SIGNED = 1,
	COL_ORDER_UNSIGNED = 2,
	COL_ORDER_FLOAT4 = 3,
	COL_ORDER_FLOAT8 = 4,
	COL_ORDER_BYTES = 5
} ColOrder;

typedef enum ColEncoding
{
	COL_ENC_NULLS = 0,
	COL_ENC_CONST = 1,
	COL_ENC_LANES = 2,
	COL_ENC_DICT = 3,
	COL_ENC_PLAIN = 4,
	COL_ENC_PGLZ = 5,
	COL_ENC_FSST = 6,
	COL_ENC_RUNS = 7,
	COL_ENC_DICT_RUNS = 8,
	COL_ENC_ASCENDING = 9,
	COL_ENC_LINEAR = 10,
	COL_ENC_PATCHED = 11,
	COL_ENC_DECIMAL = 12
} ColEncoding;

#define COL_ENC_COUNT (COL_ENC_DECIMAL + 1)

#define COL_RUNS_BITMAP_BYTES (COL_VECTOR_ROWS / 8)
#define COL_LINEAR_SHIFT 20
#define COL_PATCH_ROW_BITS 10
#define COL_PATCH_WIDTH_MAX (64 - COL_PATCH_ROW_BITS)
/* DECIMAL: also of exceptions */
#define COL_PATCHES_MAX (COL_VECTOR_ROWS / 4)
#define COL_DECIMAL_HEADER_BYTES 16
#define COL_DECIMAL_WIDTH_MAX 52
#define COL_DECIMAL_DIGITS_MAX 22

/* header of a vector, 32 bytes; those of a chunk lie together (rule V4) */
typedef struct ColVector
{
	uint8 encoding;	   /* ColEncoding */
	uint8 width;	   /* bits of a field, 0..64; 0 = no fields stored, all are 0 */
	uint16 null_count; /* 0..1024 */
	uint32 offset;	   /* of the payload, from the chunk's start; multiple of 8 */
	uint32 bytes;	   /* of the payload */
	uint32 crc;		   /* CRC-32C of the payload (rule V9: for point reads) */
	uint64 min;		   /* see Zone maps */
	uint64 max;
} ColVector;

StaticAssertDecl(sizeof(ColVector) == 32, "ColVector is 32 bytes on disk");

#define COL_FLAG_NO_NULLS 0x0001	 /* no NULL in the group */
#define COL_FLAG_NUMERIC 0x0002		 /* CODE, SIGNED: numeric, value * 10^scale */
#define COL_FLAG_DICT 0x0004		 /* there is a dictionary */
#define COL_FLAG_FINITE 0x0008		 /* floats: no NaN, no infinity, no -0 */
#define COL_FLAG_SORTED 0x0010		 /* codes or bytes never descend, no NULL */
#define COL_FLAG_TYPMOD_SCALE 0x0020 /* numeric: every display scale is the typmod's */
#define COL_FLAG_SYMBOLS 0x0040		 /* there are symbols; no dictionary */
#define COL_FLAG_BLOOM 0x0080		 /* there is a Bloom filter; since version 4 of the row group */
#define COL_FLAGS_VALID 0x00FF

/* descriptor of a column, 128 bytes; they follow the group's header */
typedef struct ColDesc
{
	uint32 type_oid; /* at write, for inspection; 0 = dropped */
	int32 typmod;	 /* at write */
	int16 typlen;	 /* -1 = variable length */
	uint8 typbyval;
	uint8 typalign;
	uint8 store; /* ColStore */
	uint8 order; /* ColOrder */
	uint16 flags;

	int16 scale; /* COL_FLAG_NUMERIC: digits behind the point, 0..18 */
	uint16 vectors;
	uint32 null_count;
	uint64 divisor;		 /* LANES: of every difference of two values; else 1 */
	uint64 chunk_offset; /* of the chunk in the stream; multiple of 8 */
	uint64 chunk_bytes;	 /* below 2^32; multiple of 8 */
	uint64 raw_bytes;	 /* what the values took before, for statistics */
	uint64 min;
	uint64 max;
	uint32 dict_offset; /* of dictionary or symbols, from the chunk's start */
	uint32 dict_bytes;
	uint32 dict_count;
	uint32 dict_crc;
	uint32 vectors_crc; /* of ColVector[vectors] */
	uint32 chunk_crc;	/* of the whole chunk */
	uint32
		bloom_offset; /* of the Bloom filter, from the chunk's start; without one all of these are 0 */
	uint32 bloom_bytes; /* multiple of bloom_section */
	uint16 bloom_section;
	uint8 bloom_probes;
	uint8 reserved[21]; /* zero */
} ColDesc;

StaticAssertDecl(sizeof(ColDesc) == 128, "ColDesc is 128 bytes on disk");

#endif
