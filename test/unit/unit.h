/*
 * unit.h
 *		The little a unit test needs: cases in TAP form and repeatable chance.
 *
 * A test is a program of its own, one file test/unit/test_<what>.c, that
 * names the pure sources it is compiled with:
 *
 *		// sources: src/codec/linear.c src/codec/bitpack.c
 *
 * It calls ok() for each case and ends with "return done();".  A property
 * checked a million times is one case: collect, and call ok() once, or use
 * check() inside the loop.
 */
#ifndef UNIT_H
#define UNIT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define UNIT_PRINTF __attribute__((format(printf, 2, 3), unused))

static int unit_cases = 0;
static int unit_failures = 0;

/* The seed is fixed, so that a failure repeats; UNIT_SEED=n tries another. */
static uint64_t unit_state = 0;

/*
 * ok --- one case: whether it holds, and what it says.
 */
static UNIT_PRINTF bool
ok(bool holds, const char *format, ...)
{
	va_list args;

	unit_cases++;
	if (!holds)
		unit_failures++;
	printf("%sok %d - ", holds ? "" : "not ", unit_cases);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n");
	fflush(stdout);
	return holds;
}

/*
 * check --- inside a loop: silent while it holds; stops the program with what
 * it says when it does not.
 */
static UNIT_PRINTF void
check(bool holds, const char *format, ...)
{
	va_list args;

	if (holds)
		return;
	printf("not ok %d - ", ++unit_cases);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n");
	exit(1);
}

/*
 * done --- prints the plan; the result is for main() to return.
 */
static inline int
done(void)
{
	printf("1..%d\n", unit_cases);
	return unit_failures == 0 && unit_cases > 0 ? 0 : 1;
}

/*
 * unit_random --- the next of a fixed sequence of 64-bit numbers (xorshift64*).
 */
static inline uint64_t
unit_random(void)
{
	if (unit_state == 0)
	{
		const char *seed = getenv("UNIT_SEED");

		unit_state = 0x9E3779B97F4A7C15ULL;
		if (seed != NULL)
		{
			unit_state ^= strtoull(seed, NULL, 0);
			printf("# UNIT_SEED=%s\n", seed);
		}
	}
	unit_state ^= unit_state >> 12;
	unit_state ^= unit_state << 25;
	unit_state ^= unit_state >> 27;
	return unit_state * 0x2545F4914F6CDD1DULL;
}

/*
 * unit_random_below --- a number in 0 .. bound - 1.
 */
static inline uint64_t
unit_random_below(uint64_t bound)
{
	return unit_random() % bound;
}

/*
 * unit_random_bits --- a number of a random width from 0 to 64 bits, so that
 * small and large ones are equally likely.
 */
static inline uint64_t
unit_random_bits(void)
{
	uint64_t width = unit_random_below(65);

	return width == 0 ? 0 : unit_random() >> (64 - width);
}

#endif
