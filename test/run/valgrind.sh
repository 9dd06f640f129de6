#!/usr/bin/env bash
# valgrind.sh [--build | SUITE-OPTION...]: make check-valgrind, also called check-asan. Regression tests,
# preloaded, with every server process under valgrind. Fails when a test fails or when valgrind complains
# of anything: a value we left uninitialised may come to light in code that is not ours, and PostgreSQL on
# its own gives no complaint beyond its own suppressions.
#
# Without --tests (TESTS= of make), the files in $short: each runs some fifty times as long as without
# valgrind, and these end in about ten minutes. ORIGINS=yes tells where an uninitialised value comes from,
# in twice the time.
#
# The server is PostgreSQL built with USE_VALGRIND from Debian's source, so that valgrind knows memory
# contexts; it is kept in the cache. --build does only that, and prints its folder.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=test/run/lib.sh
. "$here/lib.sh"
# shellcheck source=test/run/pgdist.sh
. "$here/pgdist.sh"

prefix=$(pg_build valgrind)
[ "${1:-}" != --build ] || { echo "$prefix"; exit; }

logs=$(mktemp -d "${TMPDIR:-/tmp}/omendb-valgrind.XXXXXX")
mkdir -m 1777 "$logs/out"
export OMENDB_POSTGRES=$logs/postgres
cat >"$OMENDB_POSTGRES" <<EOT
#!/bin/sh
exec valgrind --quiet --leak-check=no --track-origins=${ORIGINS:-no} --trace-children=yes --vgdb=no \\
	--num-callers=30 --fullpath-after= --error-markers=BEGIN-ERROR,END-ERROR \\
	--gen-suppressions=all --suppressions=$prefix/valgrind.supp --log-file=$logs/out/%p.log \\
	$prefix/bin/postgres "\$@"
EOT
chmod 755 "$logs" "$OMENDB_POSTGRES"

# what writes, deletes and reads pages in all ways; not the large builds
short='alex_errors alex_opclass alex_planner alex_build_unique alex_multicolumn alex_page_deletion alex_delete'
short+=' hybrid_cases hybrid_ddl hybrid_freeze hybrid_reclaim'

status=0
PG_CONFIG=$prefix/bin/pg_config OMENDB_KIND_SECONDS=3600 "$here/suite.sh" --name valgrind \
	--kinds regress --modes preload --tests "$short" --make-flags 'WERROR=1 TESTING=1' "$@" || status=$?

[ -n "$(ls "$logs/out")" ] || { say "valgrind: no server ran under it"; exit 1; }
complaints=$(cat "$logs"/out/* | grep -c BEGIN-ERROR || true)
if [ "$complaints" -gt 0 ]; then
	cat "$logs"/out/* | sed -n '/BEGIN-ERROR/,/END-ERROR/p' | head -200
	say "logs: $logs"
	status=1
else
	rm -rf "$logs"
fi
say "valgrind: $complaints complaints"
exit "$status"
