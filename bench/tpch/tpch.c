/*
 * tpch.c
 *		tpch TABLE [SCALE [SEED]]: a table of TPC-H as text for COPY, on
 *		standard output.  The scale, 1 if not said, need not be whole.
 *
 *		psql -c "COPY lineitem FROM PROGRAM 'tpch lineitem 0.1'"
 */
#include "tpch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int
usage(void)
{
	fprintf(stderr,
			"usage: tpch TABLE [SCALE [SEED]]\n"
			"TABLE: region nation part partsupp supplier customer orders lineitem\n"
			"SCALE: from %g to %g, default 1\n"
			"SEED: default %d\n",
			TPCH_SCALE_MIN, TPCH_SCALE_MAX, TPCH_SEED);
	return 2;
}

int
main(int argc, char **argv)
{
	double scale = 1;
	uint64_t seed = TPCH_SEED;
	Tpch tpch;
	char *end;

	if (argc < 2 || argc > 4)
		return usage();
	if (argc > 2)
	{
		scale = strtod(argv[2], &end);
		if (*end != '\0' || end == argv[2])
			return usage();
	}
	if (argc > 3)
	{
		errno = 0;
		seed = strtoull(argv[3], &end, 0);
		if (*end != '\0' || end == argv[3] || errno != 0)
			return usage();
	}
	if (!tpch_init(&tpch, scale, seed) || !tpch_copy(&tpch, argv[1], stdout))
		return usage();
	/* a table that is cut short must not look like a whole one */
	if (fflush(stdout) != 0 || ferror(stdout))
	{
		fprintf(stderr, "tpch: cannot write: %s\n", strerror(errno));
		return 1;
	}
	return 0;
}
