#!/usr/bin/env bash
# cassert.sh [--build | SUITE-OPTION...]: make check-cassert. The whole suite on a PostgreSQL with
# assertions, with whole-page checks at every unlock, in both WAL modes.
#
# That PostgreSQL is built from Debian's source once and kept in the cache; --build does only that, and
# prints its folder.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=test/run/lib.sh
. "$here/lib.sh"
# shellcheck source=test/run/pgdist.sh
. "$here/pgdist.sh"

prefix=$(pg_build cassert)
[ "${1:-}" != --build ] || { echo "$prefix"; exit; }
PG_CONFIG=$prefix/bin/pg_config exec "$here/suite.sh" --name cassert "$@"
