#!/usr/bin/env bash
# suite.sh [OPTION...]: the tests that need a server, on a build of their own.
#
#   --modes preload,plain       with and without omendb in shared_preload_libraries
#   --kinds regress,isolation,pgtap,tap
#   --tests 'NAME ...'          only these files, named without folder and ending
#   --make-flags 'FLAG=1 ...'   the flavour to build
#   --name NAME                 a word for progress lines and logs, when a caller runs several
#   --conf FILE                 server settings on top, for every server
#
# PG_CONFIG says which PostgreSQL; OMENDB_OLD_PG_CONFIG, if set, from which older one hybrid_upgrade
# upgrades.  Nothing is installed in the system.  KEEP=1 keeps the sandbox.
# The last line is "suite: N passed, N failed".
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=test/run/lib.sh
. "$here/lib.sh"

modes=preload,plain
kinds=regress,isolation,pgtap,tap
only=
make_flags='WERROR=1 CASSERT=1 TESTING=1 CHECK_PAGES=1'
name=testing
conf=/dev/null
seconds_max=${OMENDB_KIND_SECONDS:-1200}		# for one kind in one mode

arguments=("$@")
while [ $# -gt 0 ]; do
	[ $# -ge 2 ] || die "$1 needs a value"
	case $1 in
		--modes) modes=$2 ;;
		--kinds) kinds=$2 ;;
		--tests) only=$2 ;;
		--make-flags) make_flags=$2 ;;
		--name) name=$2 ;;
		--conf) conf=$(realpath "$2") ;;
		*) die "unknown option $1" ;;
	esac
	shift 2
done

enter_sandbox "${arguments[@]}"
begin "$name"

wanted() { case ",$kinds," in *",$1,"*) ;; *) return 1 ;; esac; }

# list FOLDER ENDING: names of test files, narrowed by --tests.
list()
{
	local file base

	for file in "$ROOT/$1"/*."$2"; do
		[ -e "$file" ] || continue
		base=$(basename "$file" ".$2")
		case $base in omendb--*) continue ;; esac
		[ -z "$only" ] || case " $only " in *" $base "*) ;; *) continue ;; esac
		echo "$base"
	done
}

# progress LABEL SINCE: one line for what has run since there were SINCE results.
progress()
{
	local since=$2 ok bad

	ok=$(tail -n +$((since + 1)) "$RESULTS" | grep -c '^ok ' || true)
	bad=$(tail -n +$((since + 1)) "$RESULTS" | grep -c '^not ok ' || true)
	say "  $name $1: $ok passed, $bad failed ($((SECONDS - started)) s)"
}

# judge_regress LABEL OUTPUT TEST...: what pg_regress said of each test.  15 prints "test NAME ... ok",
# later ones "ok 1 - NAME" (or "+" in a group).  A test it never came to has failed.
judge_regress()
{
	local label=$1 output=$2 test
	shift 2
	for test; do
		if grep -qE "^(test +$test +\.\.\. ok|ok [0-9]+ +[-+] $test +[0-9]+ ms)" "$output"; then
			pass "$label $test"
		else
			fail "$label $test"
		fi
	done
}

# run_pg_regress KIND MODE PROGRAM INPUT-FOLDER TEST...
run_pg_regress()
{
	local kind=$1 mode=$2 program=$3 input=$4 out expected=() label before
	shift 4
	[ $# -gt 0 ] || return 0
	label="$kind $mode"
	out=$WORK/logs/$name-$kind-$mode
	before=$(wc -l <"$RESULTS")
	started=$SECONDS
	mkdir -p "$out"
	[ "$MAJOR" -lt 16 ] || expected=(--expecteddir="$input")
	timeout -k 10 "$seconds_max" "$program" --bindir="$BINDIR" --inputdir="$input" "${expected[@]}" \
		--outputdir="$out" --host="$PGHOST" --port="$PGPORT" --user=postgres \
		--dbname="test_$kind" --load-extension=omendb "$@" >"$out/output" 2>&1 || true
	judge_regress "$name $label" "$out/output" "$@"
	progress "$label" "$before"
	if tail -n +$((before + 1)) "$RESULTS" | grep -q '^not ok '; then
		if [ -s "$out/regression.diffs" ]; then
			head -150 "$out/regression.diffs"
		else
			tail -40 "$out/output"
		fi
	fi
}

run_regress()
{
	local tests
	mapfile -t tests < <(list sql sql)
	run_pg_regress regress "$1" "$PGXS_ROOT/src/test/regress/pg_regress" "$ROOT" "${tests[@]}"
}

run_isolation()
{
	local tests
	mapfile -t tests < <(list test/isolation/specs spec)
	run_pg_regress isolation "$1" "$PGXS_ROOT/src/test/isolation/pg_isolation_regress" \
		"$ROOT/test/isolation" "${tests[@]}"
}

# Each file gets a database of its own.
run_pgtap()
{
	local mode=$1 out=$WORK/logs/$name-pgtap-$1 before test tests
	mapfile -t tests < <(list test/pgtap sql)
	[ ${#tests[@]} -gt 0 ] || return 0
	before=$(wc -l <"$RESULTS")
	started=$SECONDS
	mkdir -p "$out"
	for test in "${tests[@]}"; do
		if {
			createdb pgtap &&
				psql -Xqd pgtap -v ON_ERROR_STOP=1 -c 'CREATE EXTENSION pgtap' -c 'CREATE EXTENSION omendb' &&
				timeout -k 10 "$seconds_max" pg_prove -d pgtap "$ROOT/test/pgtap/$test.sql"
		} >"$out/$test" 2>&1; then
			pass "$name pgtap $mode $test"
		else
			fail "$name pgtap $mode $test"
			tail -40 "$out/$test"
		fi
		dropdb --if-exists --force pgtap 2>>"$out/$test" || true
	done
	progress "pgtap $mode" "$before"
}

# run_tap_file TEST: in its own prove, so that one that bails out takes no other with it.
run_tap_file()
{
	cd "$ROOT"
	# shellcheck disable=SC2016	# expanded by the inner shell
	exec timeout -k 30 "$seconds_max" sh -c '
		prove -v --timer -I "$1" -I test/t "test/t/$2.pl" </dev/null >"$3/$2" 2>&1 && touch "$3/$2.ok"
		' sh "$PGXS_ROOT/src/test/perl" "$1" "$out"
}

# build_old: for hybrid_upgrade, the extension for the older PostgreSQL, and settings by which it is found.
build_old()
{
	local old=$OMENDB_OLD_PG_CONFIG to=$WORK/install-old-$name conf=$WORK/paths-old-$name.conf bindir

	bindir=$("$old" --bindir) || return
	# 15's headers have function pointers without arguments, which C23, gcc 15's default, takes for (void)
	PG_CONFIG=$old build_and_install "$WORK/build-old-$name" "$to" "${make_flags/WERROR=1/} COPT=-std=gnu17" || return
	PG_CONFIG=$old BINDIR=$bindir write_paths "$to" "$conf" || return
	export OMENDB_OLD_BINDIR=$bindir OMENDB_OLD_CONF=$conf
}

# TAP tests make their own servers and choose their own modes.  Two run at a time.
run_tap()
{
	local out=$WORK/logs/$name-tap dir=$WORK/tap-$name before test tests
	mapfile -t tests < <(list test/t pl)
	[ ${#tests[@]} -gt 0 ] || return 0
	before=$(wc -l <"$RESULTS")
	started=$SECONDS
	mkdir -p "$out" "$dir/log" "$dir/ports"
	if [ -n "${OMENDB_OLD_PG_CONFIG:-}" ] && [[ " ${tests[*]} " = *" hybrid_upgrade "* ]]; then
		if build_old; then pass "$name build for upgrades"; else fail "$name build for upgrades"; fi
	fi
	(
		# an interrupt does not reach jobs in the background by itself
		trap 'kill $(jobs -p) 2>/dev/null || true; wait' EXIT
		trap 'exit 143' INT TERM
		unset PGHOST PGPORT PGUSER
		export TESTDIR=$dir TESTDATADIR=$dir TESTLOGDIR=$dir/log PG_TEST_PORT_DIR=$dir/ports
		export PG_REGRESS=$PGXS_ROOT/src/test/regress/pg_regress
		export TEMP_CONFIG=$paths OMENDB_DESTDIR=$destdir
		for test in "${tests[@]}"; do
			[ "$(jobs -rp | wc -l)" -lt 2 ] || wait -n || true
			run_tap_file "$test" &
		done
		wait
	)
	for test in "${tests[@]}"; do
		if [ -e "$out/$test.ok" ]; then
			rm "$out/$test.ok"
			pass "$name tap $test"
			grep -E '\.pl \.+ +skipped' "$out/$test" || true
		else
			fail "$name tap $test"
			grep -vE '^(ok [0-9]|# Running: )' "$out/$test" | tail -40
		fi
	done
	# tests kill servers on purpose (signal 9); a server that gave up of itself has failed
	if { find "$dir" -name '*.log' -exec grep -HE 'TRAP: |was terminated by signal (4|6|7|8|11)\b' {} + || true; } | grep .; then
		fail "$name tap servers"
	else
		pass "$name tap servers"
	fi
	progress tap "$before"
	if tail -n +$((before + 1)) "$RESULTS" | grep -q '^not ok '; then
		find "$dir" -type d -name log -exec cp -r {} "$out/" \;
	fi
}

# A server that crashed or complained on the way has failed, whatever its answers were.
judge_server()
{
	local mode=$1 log=$WORK/logs/server-$name-$1.log

	if stop_server && ! grep -E 'PANIC|TRAP: |was terminated by signal|server process .* exited' "$log"; then
		pass "$name server $mode"
	else
		say "  $name server $mode: crashed or would not stop, see $log"
		fail "$name server $mode"
	fi
}

run_mode()
{
	local mode=$1 preload=$WORK/$1.conf

	case $mode in
		preload) say "shared_preload_libraries = 'omendb'" >"$preload" ;;
		plain) : >"$preload" ;;
		*) die "unknown mode $mode" ;;
	esac
	if ! start_server "$name-$mode" "$paths" "$preload"; then
		fail "$name server $mode"
		return
	fi
	for kind in regress isolation pgtap; do
		! wanted $kind || "run_$kind" "$mode"
	done
	judge_server "$mode"
}

find_postgres
destdir=$WORK/install-$name
paths=$WORK/paths-$name.conf
started=$SECONDS
if build_and_install "$WORK/build-$name" "$destdir" "$make_flags"; then
	say "  $name build (PostgreSQL $("$PG_CONFIG" --version | cut -d' ' -f2), $make_flags): $((SECONDS - started)) s"
	pass "$name build"
	write_paths "$destdir" "$paths"
	cat "$conf" >>"$paths"
	case ",$kinds," in
		*,regress,* | *,isolation,* | *,pgtap,*)
			for mode in ${modes//,/ }; do
				run_mode "$mode"
			done
			;;
	esac
	! wanted tap || run_tap
else
	fail "$name build"
fi

finish 'suite: '
