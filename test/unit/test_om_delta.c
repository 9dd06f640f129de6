/*
 * test_om_delta.c
 *		The delta of two page images, applied as core's generic_redo does, gives the target; and
 *		it is never longer than the byte-wise one.
 */
// sources: src/base/om_delta.c
#include "base/om_delta.h"
#include "unit.h"

static char page[BLCKSZ];
static char target[BLCKSZ];
static char replica[BLCKSZ];

/* core's rule: fragments, joined where at most 4 known bytes between them agree; what it all takes */
static uint32
reference_bytes(uint32 from, uint32 to, uint32 known_from, uint32 known_to)
{
	uint32 bytes = 0;
	uint32 end = 0; /* of the last fragment; 0: none */

	for (uint32 i = from; i < to; i++)
	{
		if (i >= known_from && i < known_to && page[i] == target[i])
			continue;
		if (end == 0 || i - end > 4)
			bytes += 4 + 1;
		else
			bytes += i + 1 - end;
		end = i + 1;
	}
	return bytes;
}

static void
same(const char *what, uint32 page_lower, uint32 page_upper, uint32 lower, uint32 upper)
{
	/* of exactly this size, so that ASan sees a step too far */
	char *delta = malloc(OM_DELTA_BYTES_MAX);
	uint32 len = om_delta(page, page_lower, page_upper, target, lower, upper, delta);
	uint32 want;

	check(len <= OM_DELTA_BYTES_MAX, "%s: %u bytes", what, len);
	/* the replica's hole is not the primary's */
	memcpy(replica, page, BLCKSZ);
	memset(replica + page_lower, 0x77, page_upper - page_lower);
	for (uint32 at = 0; at < len;)
	{
		uint16 offset;
		uint16 length;

		check(at + 4 <= len, "%s: half a header", what);
		memcpy(&offset, delta + at, 2);
		memcpy(&length, delta + at + 2, 2);
		check(length > 0 && at + 4 + length <= len && offset + length <= BLCKSZ,
			  "%s: fragment of %u bytes at %u", what, length, offset);
		memcpy(replica + offset, delta + at + 4, length);
		at += 4U + length;
	}
	check(memcmp(replica, target, lower) == 0, "%s: below the hole", what);
	check(memcmp(replica + upper, target + upper, BLCKSZ - upper) == 0, "%s: above the hole", what);
	want = reference_bytes(0, lower, 0, page_lower) +
		   reference_bytes(upper, BLCKSZ, page_upper, BLCKSZ);
	check(len == want, "%s: %u bytes, %u by bytes", what, len, want);
	free(delta);
}

static void
random_bytes(char *p, uint32 n)
{
	for (uint32 i = 0; i < n; i++)
		p[i] = (char) unit_random_bits();
}

/* two bounds of a hole in order */
static void
random_hole(uint32 *lower, uint32 *upper)
{
	uint32 a = (uint32) unit_random_below(BLCKSZ + 1);
	uint32 b = (uint32) unit_random_below(BLCKSZ + 1);

	*lower = Min(a, b);
	*upper = Max(a, b);
}

int
main(void)
{
	random_bytes(page, BLCKSZ);
	memcpy(target, page, BLCKSZ);
	same("no difference", 100, 8000, 100, 8000);
	same("no hole", 4096, 4096, 4096, 4096);
	same("all hole", 0, BLCKSZ, 0, BLCKSZ);
	same("hole closed", 0, BLCKSZ, 4000, 4000);
	same("hole opened", 4000, 4000, 0, BLCKSZ);
	same("hole moved right", 100, 200, 4000, 5000);
	same("hole moved left", 4000, 5000, 100, 200);
	random_bytes(target, BLCKSZ);
	same("all different", 4096, 4096, 4096, 4096);
	ok(true, "edges");

	for (int round = 0; round < 20000; round++)
	{
		uint32 page_lower;
		uint32 page_upper;
		uint32 lower;
		uint32 upper;
		uint32 changes = (uint32) unit_random_below(60);

		random_hole(&page_lower, &page_upper);
		random_hole(&lower, &upper);
		if (round % 2 == 0)
		{
			/* the usual: the hole shrinks a little */
			uint32 grow = (uint32) unit_random_below(40);
			uint32 shrink = (uint32) unit_random_below(40);

			lower = Min(page_lower + grow, page_upper);
			upper = Max(page_upper - Min(page_upper, shrink), lower);
		}
		random_bytes(page, BLCKSZ);
		memcpy(target, page, BLCKSZ);
		while (changes-- > 0)
		{
			uint32 at = (uint32) unit_random_below(BLCKSZ);
			uint32 n = (uint32) unit_random_below(round % 3 == 0 ? 2000 : 12);

			for (; n > 0 && at < BLCKSZ; n--)
				target[at++] ^= (char) unit_random_below(3);
		}
		same("random", page_lower, page_upper, lower, upper);
	}
	ok(true, "random changes and holes");
	return done();
}
