#!/usr/bin/env bash
# run.sh [--fix] [PART...]: the tree polices itself.  Without parts, all of them.
# Each part prints "ok lint-PART", or what it found and "not ok lint-PART".  --fix lets "format" rewrite.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=test/run/lib.sh
. "$here/../run/lib.sh"
cd "$ROOT"
shopt -s nullglob

all=(tree layers versions messages tests docs meta format shell headers exports tidy)
fix=
[ "${1:-}" != --fix ] || { fix=1; shift; }

src=(src/*.[ch] src/*/*.[ch])
headers=(src/*.h src/*/*.h)
sources=(src/*.c src/*/*.c)
# plain C of tests and benchmarks has the same form
c_files=("${src[@]}" test/*/*.[ch] bench/*/*.[ch])

# none: prints what it reads; fails if that is anything.  What writes to it says "collect" first, for a
# grep that finds nothing is no failure there.
none() { ! grep .; }
collect() { set +e +o pipefail; }

flags() { make -s --no-print-directory PG_CONFIG="${PG_CONFIG:-pg_config}" "$@"; }

# The tree has its form: top level, first includes, one base name a file, sizes, no stray white space
# and no paths of one machine.
lint_tree()
{
	local file
	local top='Makefile omendb.control sql src expected test bench README.md LICENSE CHANGELOG.md META.json'
	local products='omendb.so results regression.diffs regression.out output_iso tmp_check tmp_check_iso'

	{
		collect
		for file in *; do
			case " $top $products " in
				*" $file "*) ;;
				*) [[ $file == omendb-*.zip ]] || say "$file: not foreseen at the top level" ;;
			esac
		done
		for file in $top; do
			[ -e "$file" ] || say "$file: missing"
		done
		for file in "${sources[@]}"; do
			[[ $(grep -m1 '^#include' "$file") =~ \"(postgres|base/pure)\.h\" ]] ||
				say "$file: the first include is not postgres.h"
		done
		grep -n '^#include "postgres\.h"' "${headers[@]}" | sed 's/$/ in a header/'
		basename -a "${src[@]}" | sort | uniq -d | sed 's/$/: two files of this name under src/'
		wc -l "${src[@]}" | awk '$2 != "total" && $1 > 800 { print $2 ": " $1 " lines, at most 800" }'
		grep -nE '[[:space:]]$' "${src[@]}" Makefile test/run/* test/lint/* | sed 's/$/<- white space/'
		grep -rnIE '(^|[^a-zA-Z0-9_.$}*])/(work|root|home)/[a-z]' Makefile omendb.control sql src expected test \
			bench ./*.md META.json .ci | grep -v '^test/lint/run\.sh:' | sed 's/^/path of one machine: /'
		true
	} | none
}

lint_layers() { awk -f test/lint/layers.awk "${src[@]}"; }

# One file knows the majors apart.
lint_versions()
{
	{
		collect
		grep -n 'PG_VERSION_NUM\|PG_MAJORVERSION' "${src[@]}" | grep -v '^src/base/pg_compat\.h:'
		true
	} | none
}

lint_messages() { perl test/lint/messages.pl "${src[@]}"; }

# pairs FOLDER-A ENDING-A FOLDER-B ENDING-B: files of either that lack the other.
pairs()
{
	local file name

	for file in "$1"/*."$2"; do
		name=$(basename "$file" ".$2")
		case $name in omendb--*) continue ;; esac
		[ -e "$3/$name.$4" ] || say "$file has no $3/$name.$4"
	done
	for file in "$3"/*."$4"; do
		name=$(basename "$file" ".$4")
		[ -e "$1/$name.$2" ] || say "$file has no $1/$name.$2"
	done
}

# Every test has its expected output and the reverse; unit tests find their sources; nothing waits or
# draws by chance.
lint_tests()
{
	local file source

	{
		collect
		pairs sql sql expected out
		pairs test/isolation/specs spec test/isolation/expected out
		for file in expected/*_[0-9].out; do
			say "$file: no variants of expected output"
		done
		for file in test/unit/test_*.c; do
			for source in $(sed -n 's,^// sources: *,,p' "$file"); do
				[ -e "$source" ] || say "$file: no source $source"
			done
		done
		# pgbench's \sleep sets the pace of a storm, and waits for nothing
		grep -nE '(^|[^\\])\bsleep\b|pg_sleep|random\(\)' sql/*.sql test/t/*.pl test/isolation/specs/*.spec test/cold/* /dev/null |
			sed 's/^/waits or draws by chance: /'
		true
	} | none
}

lint_docs() { perl test/lint/docs.pl; }

# One version everywhere, and a META.json that parses.
lint_meta()
{
	local version

	version=$(sed -n "s/^default_version *= *'\(.*\)'/\1/p" omendb.control)
	{
		collect
		perl -MJSON::PP -0777 -e '
			my $version = shift;
			my $meta = decode_json(<>);
			my $provided = $meta->{provides}{omendb};
			for ($meta->{version}, $provided->{version})
			{
				print "META.json: version $_, the control file has $version\n" if $_ ne $version;
			}
			print "META.json: no file $provided->{file}\n" unless -e $provided->{file};' "$version" META.json 2>&1
		grep -m1 '^## ' CHANGELOG.md | grep -qF "## $version " || say "CHANGELOG.md: first entry is not $version"
		compgen -G "sql/omendb--*$version.sql" >/dev/null || say "no sql/omendb--...$version.sql"
		true
	} | none
}

lint_format()
{
	local tool=clang-format-14

	if [ -n "$fix" ]; then
		"$tool" -i "${c_files[@]}"
	else
		{
			collect
			"$tool" --dry-run "${c_files[@]}" 2>&1 | grep -oE '^[^ :]+:[0-9]+' | sort -u | cut -d: -f1 | uniq -c |
				awk '{ print $2 ": " $1 " lines; make format" }'
			true
		} | none
	fi
}

# SC2164: the scripts run under set -e.  SC2034: lib.sh sets what others use.
lint_shell() { shellcheck -x -s bash -S warning -e SC2164,SC2034 test/run/*.sh test/lint/*.sh \
	bench/run bench/index/*.sh bench/quickstart/*.sh bench/table/*.sh .ci/run; }

# A header compiles by itself after postgres.h, and twice.
lint_headers()
{
	local cc cppflags cflags header bad=0

	cc=$(flags show-cc) cppflags=$(flags show-cppflags) cflags=$(flags WERROR=1 CASSERT=1 TESTING=1 show-cflags)
	for header in "${headers[@]}"; do
		# a template is included with parameters, several times, by one .c file
		[[ $header != *_template.h ]] || continue
		# shellcheck disable=SC2086	# words
		printf '#include "postgres.h"\n#include "%s"\n#include "%s"\n' "${header#src/}" "${header#src/}" |
			"$cc" $cppflags $cflags -Wno-unused-macros -fsyntax-only -xc - || bad=1
	done
	return $bad
}

# Only the intended names leave the library.
lint_exports()
{
	[ ${#sources[@]} -gt 0 ] || return 0
	flags -j"$(nproc)" WERROR=1 all >/dev/null
	{
		collect
		nm -D --defined-only omendb.so | awk '{ print $3 ": exported" }' |
			grep -vE '^(_PG_init|Pg_magic_func|pg_finfo_omendb_.*|omendb_.*)(@.*)?: '
		true
	} | none
}

# clang-tidy with the testing flavour, so that Assert tells the analyzer what holds.  Of each finding
# the place is shown; clang-tidy-14 itself shows the way there.
lint_tidy()
{
	local cppflags

	[ ${#sources[@]} -gt 0 ] || return 0
	cppflags=$(flags show-cppflags)
	# shellcheck disable=SC2016,SC2086	# expanded by the inner shell; words
	printf '%s\n' "${sources[@]}" | xargs -P"$(nproc)" -I{} sh -c '
		file=$1; shift
		report=$(clang-tidy-14 --quiet "$file" -- -std=gnu11 "$@" 2>/dev/null) ||
			{ echo "$report" | grep -A1 ": error:"; exit 1; }
		' sh {} $cppflags -DUSE_ASSERT_CHECKING -DOMENDB_TESTING -DOMENDB_CHECK_PAGES
}

status=0
[ $# -gt 0 ] || set -- "${all[@]}"
for part; do
	declare -F "lint_$part" >/dev/null || die "no lint part $part; there are: ${all[*]}"
	# not inside a condition, where bash would ignore -e
	set +e
	output=$(set -e; "lint_$part" 2>&1)
	code=$?
	set -e
	if [ $code != 0 ]; then
		say "$output" | head -60
		say "not ok lint-$part"
		fail "lint-$part"
		status=1
	else
		say "ok lint-$part"
		pass "lint-$part"
	fi
done
exit $status
