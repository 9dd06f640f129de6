#!/usr/bin/env bash
# unit.sh [NAME...]: the unit tests, plain C programs under ASan and UBSan.
#
# test/unit/test_x.c names the pure sources it needs in a line "// sources: src/a/b.c src/c/d.c".
# Every "ok" line it prints counts.  UNIT_CFLAGS adds compiler flags.  The last line is
# "unit: N passed, N failed".
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=test/run/lib.sh
. "$here/lib.sh"

enter_sandbox "$@"
begin unit
cd "$ROOT"

flags=(-std=gnu11 -g -O1 -fno-omit-frame-pointer -ffp-contract=off
	"-fsanitize=address,undefined" -fno-sanitize-recover=all
	-Wall -Wextra -Wno-unused-parameter -Wno-sign-compare -Wno-missing-field-initializers
	-Wshadow -Wstrict-prototypes -Werror
	-DOMENDB_UNIT -DUSE_ASSERT_CHECKING -Isrc -Itest/unit)
out=$WORK/logs/unit
mkdir -p "$out" "$WORK/unit"

# run_program NAME: compile, run, count.
run_program()
{
	local name=$1 sources log=$out/$1.log status=0 ok bad planned started=$SECONDS

	sources=$(sed -n 's,^// sources: *,,p' "test/unit/$name.c")
	# shellcheck disable=SC2086	# words
	if ! ${CC:-gcc} "${flags[@]}" ${UNIT_CFLAGS:-} -o "$WORK/unit/$name" "test/unit/$name.c" $sources -lm \
		>"$log" 2>&1; then
		tail -40 "$log"
		fail "unit $name: does not compile"
		return
	fi
	ASAN_OPTIONS=print_legend=0 timeout -k 10 600 "$WORK/unit/$name" >"$log" 2>&1 || status=$?
	ok=$(grep -c '^ok ' "$log" || true)
	bad=$(grep -c '^not ok ' "$log" || true)
	planned=$(sed -n 's/^1\.\.\([0-9]*\)$/\1/p' "$log" | tail -1)
	sed -n "s/^ok [0-9]* *-* */ok unit $name: /p; s/^not ok [0-9]* *-* */not ok unit $name: /p" "$log" \
		>>"$RESULTS"
	# a program that stops half-way or runs into a sanitizer is one more failure
	if [ "$bad" = 0 ] && { [ "$status" != 0 ] || [ "${planned:-none}" != "$ok" ]; }; then
		bad=1
		fail "unit $name: exit status $status after $ok of ${planned:-unknown} cases"
	fi
	[ "$bad" = 0 ] || grep -v '^ok ' "$log" | head -40
	say "  unit $name: $ok passed, $bad failed ($((SECONDS - started)) s)"
}

if [ $# = 0 ]; then
	for file in test/unit/test_*.c; do
		[ ! -e "$file" ] || set -- "$@" "$(basename "$file" .c)"
	done
fi
for program; do
	if [ -e "test/unit/$program.c" ]; then
		run_program "$program"
	else
		fail "unit $program: no such test"
	fi
done

finish 'unit: '
