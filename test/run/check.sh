#!/usr/bin/env bash
# check.sh: make check.  Lint, unit tests, and every test that needs a server, in both WAL modes.
#
# Installs what is missing, then works in a temporary directory only.  The last line is
# "N passed, N failed"; the exit status is 0 when all passed.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=test/run/lib.sh
. "$here/lib.sh"

[ -n "$WORK" ] || "$here/deps.sh" build test lint
enter_sandbox "$@"
: >"$RESULTS"
cd "$ROOT"

# A part that dies before it can count anything must not pass for one without failures.
part()
{
	local what=$1 failed status=0
	shift
	say "== $what"
	failed=$(failed_count)
	"$@" || status=$?
	[ "$status" = 0 ] || [ "$(failed_count)" -gt "$failed" ] || fail "$what: exit status $status"
}

part "lint" test/lint/run.sh
part "unit tests" test/run/unit.sh
part "server tests, with assertions, stop points and page checks" test/run/suite.sh
part "regression tests, as released" test/run/suite.sh --name release --make-flags WERROR=1 --kinds regress

finish ''
