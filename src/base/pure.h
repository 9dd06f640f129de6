/*
 * pure.h
 *		What pure code (codecs, models, page images) needs of PostgreSQL.
 *
 * In the extension this is postgres.h, which every .c file has already
 * included.  Under OMENDB_UNIT, where the code is compiled as plain C for the
 * unit tests and fuzzers, the few names are supplied here.
 */
#ifndef OMENDB_PURE_H
#define OMENDB_PURE_H

#ifdef OMENDB_UNIT

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef uint8_t uint8;
typedef uint16_t uint16;
typedef uint32_t uint32;
typedef uint64_t uint64;
typedef int8_t int8;
typedef int16_t int16;
typedef int32_t int32;
typedef int64_t int64;
typedef unsigned __int128 uint128 __attribute__((aligned(8)));
#define HAVE_INT128 1
typedef size_t Size;

#ifndef BLCKSZ
#define BLCKSZ 8192
#endif
#define UINT64CONST(x) (x##ULL)
#define INT64CONST(x) (x##LL)
#define PG_UINT64_MAX UINT64_MAX
#define PG_INT64_MAX INT64_MAX
#define PG_INT64_MIN INT64_MIN
#define Assert(x) assert(x)
#define StaticAssertDecl(cond, msg) _Static_assert(cond, msg)
#define Min(x, y) ((x) < (y) ? (x) : (y))
#define Max(x, y) ((x) > (y) ? (x) : (y))
#define lengthof(array) (sizeof(array) / sizeof((array)[0]))
#define pg_attribute_always_inline __attribute__((always_inline)) inline
#define likely(x) __builtin_expect((x) != 0, 1)
#define unlikely(x) __builtin_expect((x) != 0, 0)

/* Memory: as in the server, there is some or the call does not return. */
static inline void *
palloc(Size bytes)
{
	void *memory = malloc(bytes > 0 ? bytes : 1);

	if (memory == NULL)
		abort();
	return memory;
}

static inline void *
palloc0(Size bytes)
{
	return memset(palloc(bytes), 0, bytes);
}

static inline void *
repalloc(void *memory, Size bytes)
{
	memory = realloc(memory, bytes > 0 ? bytes : 1);
	if (memory == NULL)
		abort();
	return memory;
}

static inline void
pfree(void *memory)
{
	free(memory);
}

#else

#include "c.h"
#include "utils/palloc.h"

#endif

/*
 * Read a byte, and do not wait for it: who is about to read several pages waits for them once.  A load, since where pages of the
 * operating system are small (4 kB), nearly every first touch of a buffer misses the TLB, and processors drop prefetch
 * instructions that do (measured: README of hybrid, "Cold rows and what they cost").  A PostgreSQL made for valgrind forbids reading a
 * page without a pin.
 */
static inline void
om_touch(const void *at)
{
#ifndef USE_VALGRIND
	(void) *(const volatile char *) at;
#endif
}

#endif
