#!/usr/bin/env bash
# core.sh [OPTION...]: make check-core. PostgreSQL's own regression and isolation tests with tables, or with
# indexes, of ours by default, compared with the same tests on heap and btree.
#
#   --am omendb                 default_table_access_method; "heap" only renews the heap run to compare
#                               with; any other name becomes heap's handler under that name, which tells
#                               what comes of not being called heap
#   --index alex                in place of that: heap tables, and CREATE INDEX makes an alex index where it
#                               would make a btree and alex can carry it (test/modules/alex_for_btree);
#                               "constraints" does so for indexes of constraints as well, and has no lists
#   --cold                      omendb tables are rewritten into row groups after each statement that wrote to
#                               them (test/modules/cold_tables); the regression tests run one after the other
#   --kinds regress,isolation
#   --modes preload,plain       with and without omendb in shared_preload_libraries
#   --tests 'NAME ...'          only these, after those they depend on, one at a time
#   --lists DIR                 what may differ, in place of test/core; test/core/alex for --index,
#                               test/core/cold for --cold
#   --accept                    rewrite those lists from what differs now, for review
#   --make-flags 'FLAG=1 ...'   the flavour to build
#
# A test is the same when pg_regress finds it so, or when its output is that of the heap run. Otherwise
# DIR/differences.txt has to give a reason for it and DIR/diffs/KIND/NAME.diff has to be exactly how it
# differs from heap's output (DIR/diffs/KIND/NAME.MODE.diff, if there is one, in that mode).
#
# The server is the one with assertions that cassert.sh builds; the tests are from the source it was built
# from, since they fit that minor version only. The heap run is made once and kept in the cache, as
# core-heap-*. KEEP=1 keeps the sandbox. The last line is "core: N same, N differ as listed, N failed".
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=test/run/lib.sh
. "$here/lib.sh"
# shellcheck source=test/run/pgdist.sh
. "$here/pgdist.sh"

am=omendb
index=
cold=
kinds=regress,isolation
modes=preload,plain
only=
lists=
accept=
make_flags='WERROR=1 CASSERT=1 TESTING=1 CHECK_PAGES=1'
connections=8							# tests at a time
cold_group_rows=1500					# a table of more gets several groups, whose vectors are not full
shown_max=10							# differences; there are more in the logs
seconds_max=${OMENDB_KIND_SECONDS:-1200}	# for one kind in one mode

arguments=("$@")
while [ $# -gt 0 ]; do
	case $1 in --accept | --cold) ;; *) [ $# -ge 2 ] || die "$1 needs a value" ;; esac
	case $1 in
		--am) am=$2 ;;
		--index) index=$2 am=heap ;;
		--kinds) kinds=$2 ;;
		--modes) modes=$2 ;;
		--tests) only=$2 ;;
		--lists) lists=$(realpath "$2") ;;
		--make-flags) make_flags=$2 ;;
		--accept) accept=1; shift; continue ;;
		--cold) cold=cold; shift; continue ;;
		*) die "unknown option $1" ;;
	esac
	shift 2
done
case $index in "" | alex | constraints) ;; *) die "no such index: $index" ;; esac
[ -z "$cold" ] || [ "$am" = omendb ] || die "--cold is for omendb tables"
[ -n "$lists" ] || lists=$ROOT/test/core${index:+/$index}${cold:+/$cold}
subject=${index:-${cold:-$am}}
[ -z "$accept" ] || [ -z "$only" ] || die "--accept needs a run of all tests"

# The server and the source it is from, found or made before the sandbox is entered, where nothing can be.
if [ -z "$WORK" ]; then
	clean_environment
	CORE_PREFIX=$("$here/cassert.sh" --build)
	version=$("$CORE_PREFIX/bin/pg_config" --version | grep -oE '[0-9]+\.[0-9]+' | head -1)
	CORE_SOURCE=$OMENDB_CACHE/src/postgresql-$version
	[ -e "$CORE_SOURCE/.unpacked" ] || pg_unpack "${version%%.*}" >/dev/null
	[ -e "$CORE_SOURCE/.unpacked" ] || die "the source of PostgreSQL $version is not to be had any more;\
 remove $CORE_PREFIX to have another version built"
	CORE_LISTS=$lists
	export CORE_PREFIX CORE_SOURCE CORE_LISTS
	export PG_CONFIG=$CORE_PREFIX/bin/pg_config
fi

# Called outside of the sandbox at its end, as the user who called: what lasts goes where it belongs.
save_results()
{
	local kind from to

	for kind in regress isolation; do
		from=$WORK/heap/$kind
		[ -e "$from/complete" ] || continue
		to=$OMENDB_CACHE/$(cat "$WORK/heap/name")/$kind
		rm -rf "$to"
		mkdir -p "$to"
		cp -r "$from/." "$to"
	done
	if [ -e "$WORK/accepted/complete" ]; then
		rm -rf "$CORE_LISTS/diffs"
		mkdir -p "$CORE_LISTS"
		cp -r "$WORK/accepted/differences.txt" "$WORK/accepted/diffs" "$CORE_LISTS"
	fi
}

enter_sandbox "${arguments[@]}"
lists=$CORE_LISTS

same=0 listed=0 failed=0
failures=()
begin core

count_failure()
{
	failed=$((failed + 1))
	failures+=("$*")
	fail "$*"
}

# --- running -------------------------------------------------------------------------------------

# tests_of KIND: the names of all its tests, in the schedule's order.
tests_of() { awk '$1 == "test:" { for (i = 2; i <= NF; i++) print $i }' "$(schedule_of "$1")"; }

schedule_of()
{
	case $1 in
		regress) echo "$CORE_SOURCE/src/test/regress/parallel_schedule" ;;
		isolation) echo "$CORE_SOURCE/src/test/isolation/isolation_schedule" ;;
		*) die "unknown kind $1" ;;
	esac
}

# with_needed NAME...: the regression tests of these names in an order in which they work. The schedule's
# comments tell what depends on what; most depend on test_setup and create_index besides.
with_needed()
{
	local name needed

	for name; do
		case " ${ordered[*]:-} " in *" $name "*) continue ;; esac
		needed=$(sed -n "s/^# $name depends on \(.*\)/\1/p" "$(schedule_of regress)" | tr -d ,)
		# shellcheck disable=SC2086	# words
		with_needed $needed
		ordered+=("$name")
	done
}

# build_libraries: the functions that the regression tests call, for this very server, and the modules that
# make other indexes and cold rows.
build_libraries()
{
	local file log=$WORK/logs/build-libraries.log

	# REFINT_VERBOSE: as their makefile has it
	mkdir -p "$WORK/libraries"
	for file in "$CORE_SOURCE"/{src/test/regress/regress,contrib/spi/refint,contrib/spi/autoinc}.c \
		"$ROOT"/test/modules/{alex_for_btree/alex_for_btree,cold_tables/cold_tables}.c; do
		# shellcheck disable=SC2046	# words
		$("$PG_CONFIG" --cc) $("$PG_CONFIG" --cflags) -DREFINT_VERBOSE -fPIC -shared -I"$("$PG_CONFIG" --includedir-server)" \
			-o "$WORK/libraries/$(basename "$file" .c).so" "$file" >>"$log" 2>&1 ||
			{ tail -20 "$log"; return 1; }
	done
}

# heap_under_name NAME: an extension that makes heap a second table access method.
heap_under_name()
{
	local folder
	folder=$destdir$("$PG_CONFIG" --sharedir)/extension

	printf "default_version = '1'\nrelocatable = true\n" >"$folder/$1.control"
	echo "CREATE ACCESS METHOD $1 TYPE TABLE HANDLER heap_tableam_handler;" >"$folder/$1--1.sql"
}

# The server settings of every run. What pg_regress would set in a server of its own, where lib.sh's differ.
write_settings()
{
	cat >"$1" <<-EOT
		shared_buffers = 128MB
		max_prepared_transactions = 2
		autovacuum = on
		log_autovacuum_min_duration = 0
		log_lock_waits = on
	EOT
}

# run KIND SUBJECT MODE OUT [TEST...]: all tests, or these. Fails when the server does.
run()
{
	local kind=$1 subject=$2 mode=$3 out=$4 program database name settings log crash
	local expected=() extensions=() tests=() at_a_time=$connections
	shift 4
	name=core-$subject-$mode-$kind
	settings=$WORK/$name.conf
	log=$WORK/logs/server-$name.log

	write_settings "$settings"
	if [ "$subject" != heap ]; then
		cat "$paths" >>"$settings"
		extensions=(--load-extension=omendb)
	fi
	if [ -n "$index$cold" ] && [ "$subject" != heap ]; then
		sed "s,^\(dynamic_library_path = '\),\1$WORK/libraries:," "$paths" >>"$settings"
	fi
	if [ "$subject" = "$index" ]; then
		echo "session_preload_libraries = 'alex_for_btree'" >>"$settings"
		[ "$index" = alex ] || echo "alex_for_btree.constraints = on" >>"$settings"
	elif [ "$subject" != heap ]; then
		[ "$am" = omendb ] || extensions+=(--load-extension="$am")
		# The server takes the name on trust, and the databases postgres and template1 do not have it: no
		# table can be made there without saying what kind. The tests' database is made from template0
		# and has its extensions before its tables. PGOPTIONS would be checked as a connection starts.
		echo "default_table_access_method = '$am'" >>"$settings"
	fi
	if [ "$subject" = "$cold" ]; then
		cat >>"$settings" <<-EOT
			session_preload_libraries = 'cold_tables'
			omendb.rewrite_all_cold = on
			omendb.row_group_rows = $cold_group_rows
		EOT
		# not within transactions of isolation tests, where others would wait for the lock
		[ "$kind" = isolation ] || cat >>"$settings" <<-EOT
			cold_tables.statements = on
			cold_tables.transactions_only = 'pg_regress/prepared_xacts'
		EOT
		# where others' transactions run, new rows are not at once seen by all
		at_a_time=1
	fi
	case $mode in
		preload) echo "shared_preload_libraries = 'omendb'" >>"$settings" ;;
		plain) ;;
		*) die "unknown mode $mode" ;;
	esac
	case $kind in
		regress) program=pg_regress database=regression ;;
		isolation) program=pg_isolation_regress database=isolation_regression ;;
	esac
	[ "$MAJOR" -lt 16 ] || expected=(--expecteddir="$CORE_SOURCE/src/test/$kind")
	if [ $# -gt 0 ]; then
		tests=("$@")
	else
		tests=(--schedule="$(schedule_of "$kind")")
	fi

	mkdir -p "$out"
	start_server "$name" "$settings" || return
	timeout -k 10 "$seconds_max" "$PGXS_ROOT/src/test/$kind/$program" --bindir="$BINDIR" --dlpath="$WORK/libraries" \
		--inputdir="$CORE_SOURCE/src/test/$kind" "${expected[@]}" --outputdir="$out" --no-locale --encoding=UTF8 \
		--host="$PGHOST" --port="$PGPORT" --user=postgres --dbname="$database" --max-connections="$at_a_time" \
		"${extensions[@]}" "${tests[@]}" >"$out/output" 2>&1 || true
	stop_server || return
	crash=$(grep -E 'PANIC|TRAP: |was terminated by signal|server process .* exited|process was running' "$log" || true)
	[ -z "$crash" ] || { head -20 <<<"$crash"; return 1; }
}

# found_ok OUTPUT TEST: whether pg_regress was content, or is told by the schedule not to mind.
# 15 prints "test NAME ... ok", in a group "     NAME ... ok"; later ones "ok 1 - NAME".
found_ok() { grep -qE "^((test| +) +$2 +\.\.\. (ok|failed \(ignored\))|ok [0-9]+ +[-+] $2 +[0-9]+ ms)" "$1"; }

# heap_run KIND: the run to compare with; its results go to $WORK/heap/KIND, and from there to the cache.
heap_run()
{
	local kind=$1 started=$SECONDS out=$WORK/logs/core-heap-$1 test bad=0

	if ! run "$kind" heap plain "$out"; then
		count_failure "$kind: the server of the heap run"
		bad=1
	fi
	for test in $(tests_of "$kind"); do
		found_ok "$out/output" "$test" && continue
		count_failure "$kind/$test on heap"
		bad=$((bad + 1))
	done
	mkdir -p "$WORK/heap/$kind"
	cp -r "$out/results" "$out/output" "$WORK/heap/$kind"
	if [ $bad = 0 ]; then
		touch "$WORK/heap/$kind/complete"
	else
		tail -20 "$out/output"
	fi
	say "  core $kind heap: $(tests_of "$kind" | wc -l) tests, $bad failed ($((SECONDS - started)) s)"
}

# --- judging -------------------------------------------------------------------------------------

# named_btree OUTPUT: what psql and others show of a table would differ by the name of an index's method.
named_btree()
{
	if [ -n "$index" ]; then
		sed -E 's/\balex\b/btree/g' "$1"
	else
		cat "$1"
	fi
}

# difference A B: how two outputs differ; without places, which move with every other change, and without
# the OIDs of what the extension has made, which move with its script.
difference()
{
	local status=0

	diff -U0 "$1" <(named_btree "$2") >"$WORK/difference" || status=$?
	[ $status -le 1 ] || return
	sed -E -e 1,2d -e 's/^@@.*/@@/' -e 's/\b16[3-9][0-9]{2}\b/16NNN/g' "$WORK/difference"
}

# reason KIND/TEST: what differences.txt says; nothing when there is no line, or its reason is a "?".
reason() { sed -nE "s,^$1[[:space:]]+([^?].*),\1,p" "$lists/differences.txt" 2>/dev/null || true; }

# known FOLDER KIND/TEST MODE: the file that tells how this test may differ.
known()
{
	local file=$1/diffs/$2.$3.diff

	[ -e "$file" ] || file=$1/diffs/$2.diff
	echo "$file"
}

# judge KIND MODE TEST OUT HEAP
judge()
{
	local kind=$1 mode=$2 test=$3 out=$4 heap=$5 name=$1/$3 actual lines expected why file

	if found_ok "$out/output" "$test"; then
		same=$((same + 1))
		pass "$mode $name"
		return
	fi
	actual=$out/differences/$test.diff
	mkdir -p "${actual%/*}"
	if [ ! -e "$out/results/$test.out" ] || [ ! -e "$heap/results/$test.out" ]; then
		say "  FAILED $name ($mode): did not run"
		count_failure "$mode $name"
		return
	fi
	difference "$heap/results/$test.out" "$out/results/$test.out" >"$actual"
	if [ ! -s "$actual" ]; then
		same=$((same + 1))
		pass "$mode $name"
		return
	fi
	lines=$(grep -c '^[-+]' "$actual")
	seen+=" $name "
	if [ -n "$accept" ]; then
		accept "$name" "$mode" "$actual"
		listed=$((listed + 1))
		say "  accepted $name ($mode): $lines lines"
		return
	fi
	expected=$(known "$lists" "$name" "$mode")
	why=$(reason "$name")
	if [ -n "$why" ] && cmp -s "$expected" "$actual"; then
		listed=$((listed + 1))
		pass "$mode $name"
		say "  differs as listed: $name ($mode), $lines lines: $why"
		return
	fi
	count_failure "$mode $name"
	if [ -z "$why" ]; then
		say "  FAILED $name ($mode): $lines lines differ from heap's, and no reason is listed"
		file=$actual
	elif [ ! -e "$expected" ]; then
		say "  FAILED $name ($mode): listed, but without a .diff"
		file=$actual
	else
		say "  FAILED $name ($mode): differs otherwise than listed; what changed about the difference:"
		file=$actual.changed
		difference "$expected" "$actual" >"$file"
	fi
	[ $failed -le $shown_max ] || return 0
	head -30 "$file" | sed 's/^/    /'
	[ "$(wc -l <"$file")" -le 30 ] || say "    ... all of it: logs/${file#"$WORK/logs/"}"
}

# accept KIND/TEST MODE DIFF: into the new lists.
accept()
{
	local name=$1 mode=$2 new=$WORK/accepted file

	file=$new/diffs/$name.diff
	if [ -e "$file" ] && ! cmp -s "$file" "$3"; then
		file=$new/diffs/$name.$mode.diff			# differs otherwise than in the mode before
	fi
	mkdir -p "${file%/*}"
	cp "$3" "$file"
	grep -qE "^${name}[[:space:]]" "$new/differences.txt" ||
		printf '%-35s ?\n' "$name" >>"$new/differences.txt"
}

# begin_accepting: new lists start as the old ones without the diffs of what runs now.
begin_accepting()
{
	local kind

	mkdir -p "$WORK/accepted/diffs"
	[ ! -e "$lists/diffs" ] || cp -r "$lists/diffs/." "$WORK/accepted/diffs"
	for kind in ${kinds//,/ }; do rm -rf "$WORK/accepted/diffs/$kind"; done
	cat "$lists/differences.txt" >"$WORK/accepted/differences.txt" 2>/dev/null || true
}

# end_accepting: lines whose test differs no more are told, not removed.
end_accepting()
{
	local name new=$WORK/accepted

	for name in $(sed -nE 's,^([a-z]+/[^[:space:]]+).*,\1,p' "$new/differences.txt"); do
		[ -n "$(compgen -G "$new/diffs/$name*.diff")" ] || say "  $name is listed in differences.txt and differs no more"
	done
	sed -nE 's,^([a-z]+/[^[:space:]]+)[[:space:]]+\?.*,  \1 has no reason in differences.txt yet,p' "$new/differences.txt"
	if [ $failed = 0 ]; then
		touch "$new/complete"
	else
		say "  nothing accepted, as not all could be compared"
	fi
}

# run_kind KIND MODE
run_kind()
{
	local kind=$1 mode=$2 out=$WORK/logs/core-$2-$1 heap started=$SECONDS before test tests=() ordered=()
	local counts=("$same" "$listed" "$failed")

	heap=$(heap_results "$kind")
	if [ -n "$only" ]; then
		if [ "$kind" = regress ]; then
			# shellcheck disable=SC2046	# words
			with_needed $(tests_among regress)
			[ ${#ordered[@]} -gt 0 ] || return 0
			mapfile -t tests < <(printf '%s\n' test_setup create_index "${ordered[@]}" | awk '!seen[$0]++')
		else
			mapfile -t tests < <(tests_among isolation)
			[ ${#tests[@]} -gt 0 ] || return 0
		fi
	fi
	if ! run "$kind" "$subject" "$mode" "$out" "${tests[@]}"; then
		say "  FAILED $kind ($mode): the server crashed or would not stop, see logs/server-core-$subject-$mode-$kind.log"
		count_failure "$mode $kind: server"
	fi
	[ -e "$out/output" ] || { count_failure "$mode $kind: did not run"; return; }
	before=$((same + listed + failed))
	for test in $(tests_among "$kind"); do
		judge "$kind" "$mode" "$test" "$out" "$heap"
	done
	[ $((same + listed + failed)) -gt $before ] || count_failure "$mode $kind: no tests"
	say "  core $kind $mode: $((same - counts[0])) same, $((listed - counts[1])) differ as listed,\
 $((failed - counts[2])) failed ($((SECONDS - started)) s)"
}

# tests_among KIND: all its tests, or those of them that --tests names.
tests_among()
{
	local test

	for test in $(tests_of "$1"); do
		[ -z "$only" ] || case " $only " in *" $test "*) ;; *) continue ;; esac
		echo "$test"
	done
}

# heap_results KIND: where they are.
heap_results()
{
	if [ -e "$WORK/heap/$1" ]; then
		echo "$WORK/heap/$1"
	else
		echo "$OMENDB_CACHE/$heap_name/$1"
	fi
}

# -------------------------------------------------------------------------------------------------

find_postgres
destdir=$WORK/install-core
paths=$WORK/paths-core.conf
seen=

for kind in ${kinds//,/ }; do schedule_of "$kind" >/dev/null; done
for name in $only; do
	for kind in ${kinds//,/ }; do tests_of "$kind"; done | grep -xF "$name" >/dev/null || die "no test $name"
done

# A heap run serves as long as the server, its tests and its settings stay as they were.
write_settings "$WORK/settings"
hash=$(cat "$CORE_PREFIX/.key" "$WORK/settings" <(echo "$connections") | sha256sum | cut -c1-12)
heap_name=core-heap-${CORE_SOURCE##*-}-$hash
mkdir "$WORK/heap"
echo "$heap_name" >"$WORK/heap/name"

build_libraries || die "the regression tests' own functions do not compile"
for kind in ${kinds//,/ }; do
	if [ "$subject" = heap ] || [ ! -e "$OMENDB_CACHE/$heap_name/$kind/complete" ]; then
		heap_run "$kind"
	fi
	[ "$subject" != heap ] || same=$((same + $(tests_of "$kind" | wc -l)))
done

if [ "$subject" = heap ]; then
	same=$((same - failed))
elif ! build_and_install "$WORK/build-core" "$destdir" "$make_flags"; then
	count_failure "build"
elif [ "$am" = omendb ] && ! grep -qiE 'ACCESS METHOD +omendb +TYPE +TABLE' "$ROOT"/sql/omendb--*.sql; then
	count_failure "the extension has no table access method omendb"
else
	write_paths "$destdir" "$paths"
	[ "$am" = omendb ] || [ "$subject" = "$index" ] || heap_under_name "$am"
	[ -z "$accept" ] || begin_accepting
	for mode in ${modes//,/ }; do
		for kind in ${kinds//,/ }; do
			run_kind "$kind" "$mode"
		done
	done
	[ -z "$accept" ] || end_accepting
	if [ -z "$accept$only" ]; then
		for kind in ${kinds//,/ }; do
			for name in $(sed -nE "s,^($kind/[^[:space:]]+).*,\1,p" "$lists/differences.txt" 2>/dev/null || true); do
				case $seen in *" $name "*) ;; *) say "  $name is listed, and differs no more" ;; esac
			done
		done
	fi
fi

if [ $failed -gt 0 ]; then
	say "failed:"
	printf '  %s\n' "${failures[@]}"
	say "logs: $WORK/logs"
fi
say "core: $same same, $listed differ as listed, $failed failed"
[ $failed = 0 ] && [ $((same + listed)) -gt 0 ]
