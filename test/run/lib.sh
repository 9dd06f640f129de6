# shellcheck shell=bash
# What the test runners share: a sandbox, a record of results, throw-away servers.
# Sourced by check.sh, suite.sh and unit.sh, and by test/lint/run.sh for the record.

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
WORK=${OMENDB_WORK:-}
RESULTS=${WORK:+$WORK/logs/results}

say() { printf '%s\n' "$*"; }
die() { printf '%s: %s\n' "${0##*/}" "$*" >&2; exit 2; }

# --- results -------------------------------------------------------------------------------------
# One line a case in $RESULTS: "ok NAME" or "not ok NAME".

pass() { [ -z "$RESULTS" ] || printf 'ok %s\n' "$*" >>"$RESULTS"; }
fail() { [ -z "$RESULTS" ] || printf 'not ok %s\n' "$*" >>"$RESULTS"; }

# begin NAME: count apart what follows; finish hands it up to the runner that called this one.
begin()
{
	UPPER=$RESULTS
	RESULTS=$WORK/logs/results-$1
	: >"$RESULTS"
}

passed_count() { grep -c '^ok ' "$RESULTS" || true; }
failed_count() { grep -c '^not ok ' "$RESULTS" || true; }

# finish [LABEL]: the closing line.  Fails when something failed or nothing ran.
finish()
{
	local passed failed

	passed=$(passed_count)
	failed=$(failed_count)
	[ -z "${UPPER:-}" ] || cat "$RESULTS" >>"$UPPER"
	if [ "$failed" -gt 0 ]; then
		say "failed:"
		sed -n 's/^not ok /  /p' "$RESULTS"
	fi
	[ "$passed" -gt 0 ] || say "nothing ran, which counts as failure"
	if [ "$failed" -gt 0 ] || [ "$passed" = 0 ]; then
		say "logs: $WORK/logs"
	fi
	say "${1:-}$passed passed, $failed failed"
	[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
}

# --- sandbox -------------------------------------------------------------------------------------
# Everything happens in a temporary directory: a copy of the tree, builds, installations, servers.
# Servers refuse root, so as root the copy belongs to postgres and the script runs again as postgres.

clean_environment()
{
	local name

	for name in $(compgen -e); do
		case $name in
			PG_CONFIG) ;;
			PG* | TEMP_CONFIG | MAKEFLAGS | MAKELEVEL | MFLAGS | MAKEOVERRIDES) unset "$name" ;;
		esac
	done
	export LC_ALL=C.UTF-8 TZ=UTC
}

# copy_tree FROM TO: the sources without what a build or a test leaves in them.
copy_tree()
{
	tar -C "$1" --exclude=./.git --exclude='*.o' --exclude='*.d' --exclude='*.bc' --exclude='*.so' \
		--exclude=./.build-flags --exclude=./results --exclude=./output_iso \
		--exclude='./tmp_check*' --exclude='./omendb-*.zip' -cf - . | tar -C "$2" -xf -
}

# enter_sandbox ARGUMENT...: run the calling script again inside a new sandbox; returns only there.
enter_sandbox()
{
	local as=() status=0 script

	[ -z "$WORK" ] || return 0
	script=$(realpath --relative-to="$ROOT" "$0")
	clean_environment
	WORK=$(mktemp -d "${TMPDIR:-/tmp}/omendb-test.XXXXXX")
	# a socket's path has at most 107 bytes
	[ ${#WORK} -le 80 ] || die "the name of the temporary directory is too long: $WORK"
	trap leave_sandbox EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM
	mkdir "$WORK/tree" "$WORK/logs"
	copy_tree "$ROOT" "$WORK/tree"
	chmod -R u+rwX,go+rX,go-w "$WORK"
	if [ "$(id -u)" = 0 ]; then
		id postgres >/dev/null 2>&1 || die "servers refuse root and there is no user postgres"
		chown -R postgres: "$WORK"
		as=(runuser -u postgres --)
	fi
	cd "$WORK/tree"
	"${as[@]}" env OMENDB_WORK="$WORK" HOME="$WORK" TMPDIR="$WORK" \
		"$script" "$@" || status=$?
	[ "$status" = 0 ] || KEEP_LOGS=1
	exit "$status"
}

leave_sandbox()
{
	local status=$?

	stop_all_servers
	cd /
	! declare -F save_results >/dev/null || save_results		# of the script that sources this
	if [ -n "${KEEP:-}" ]; then
		return
	elif [ -n "${KEEP_LOGS:-}" ] || [ "$status" != 0 ]; then
		find "$WORK" -mindepth 1 -maxdepth 1 ! -name logs -exec rm -rf {} +
	else
		rm -rf "$WORK"
	fi
}

# Servers are known by their data directory below $WORK, so no other server can be hit.
stop_all_servers()
{
	local file pid

	while read -r file; do
		pid=$(head -1 "$file" 2>/dev/null || true)
		[[ $pid =~ ^[0-9]+$ ]] || continue
		[ "$(readlink "/proc/$pid/cwd")" = "$(dirname "$file")" ] || continue
		kill -QUIT "$pid" 2>/dev/null || true
		for _ in $(seq 50); do
			kill -0 "$pid" 2>/dev/null || break
			sleep 0.1
		done
	done < <(find "$WORK" -name postmaster.pid 2>/dev/null)
}

# --- PostgreSQL ----------------------------------------------------------------------------------

# find_postgres: sets BINDIR, PGXS_ROOT (where Debian keeps the test tools) and MAJOR; fixes PG_CONFIG.
find_postgres()
{
	local name=${PG_CONFIG:-pg_config}

	PG_CONFIG=$(command -v "$name") || die "cannot find $name"
	export PG_CONFIG
	BINDIR=$("$PG_CONFIG" --bindir)
	PGXS_ROOT=$(cd "$(dirname "$("$PG_CONFIG" --pgxs)")/../.." && pwd)
	MAJOR=$("$PG_CONFIG" --version | sed -E 's/^PostgreSQL ([0-9]+).*/\1/')
	export PATH=$BINDIR:$PATH
}

# build_and_install COPY DESTDIR MAKE-FLAGS: a flavour in a copy of the tree, away from the system.
build_and_install()
{
	local copy=$1 destdir=$2 flags=$3 log
	log=$WORK/logs/build-$(basename "$copy").log

	cp -a "$ROOT" "$copy"
	# shellcheck disable=SC2086	# flags are words
	if make -C "$copy" -j"$(nproc)" PG_CONFIG="$PG_CONFIG" $flags all >"$log" 2>&1 &&
		make -C "$copy" PG_CONFIG="$PG_CONFIG" $flags DESTDIR="$destdir" install >>"$log" 2>&1; then
		return 0
	fi
	grep -vE '^(gcc|clang|cc) ' "$log" | head -40 || true
	return 1
}

# write_paths DESTDIR FILE: the settings by which a server finds the extension below DESTDIR.
write_paths()
{
	local destdir=$1 file=$2 settings extension_dir
	extension_dir=$destdir$("$PG_CONFIG" --sharedir)/extension

	settings=$("$BINDIR/postgres" --describe-config | cut -f1)
	if grep -qx extension_control_path <<<"$settings"; then		# 18
		say "extension_control_path = '${extension_dir%/extension}:\$system'" >"$file"
	elif grep -qx extension_destdir <<<"$settings"; then		# Debian's 15 to 17
		say "extension_destdir = '$destdir'" >"$file"
	else
		die "this PostgreSQL can only use extensions installed in its own directories"
	fi
	say "dynamic_library_path = '$destdir$("$PG_CONFIG" --pkglibdir):\$libdir'" >>"$file"
}

# start_server NAME CONFIG-FILE...: a new cluster that listens on a socket in a private directory only,
# so that its port cannot meet another server's.  Sets DATA, PGHOST, PGPORT and PGUSER.
# OMENDB_POSTGRES names a program to run in place of postgres (valgrind.sh).
start_server()
{
	local name=$1
	shift
	DATA=$WORK/data-$name
	export PGHOST=$WORK PGPORT=5432 PGUSER=postgres
	initdb -D "$DATA" -A trust -U postgres -E UTF8 --locale=C --no-sync \
		>"$WORK/logs/initdb-$name.log" 2>&1 || { cat "$WORK/logs/initdb-$name.log"; return 1; }
	{
		cat <<-EOT
			listen_addresses = ''
			unix_socket_directories = '$WORK'
			fsync = off
			max_connections = 40
			max_prepared_transactions = 10
			shared_buffers = 32MB
			log_line_prefix = '%m [%p] %q%a '
			# its snapshots would keep VACUUM in a test from removing rows, now and then
			autovacuum = off
		EOT
		cat "$@"
	} >>"$DATA/postgresql.conf"
	if ! pg_ctl ${OMENDB_POSTGRES:+-p "$OMENDB_POSTGRES"} -D "$DATA" -l "$WORK/logs/server-$name.log" -w -t 120 start \
		>"$WORK/logs/pg_ctl-$name.log" 2>&1; then
		tail -20 "$WORK/logs/server-$name.log"
		return 1
	fi
}

# stop_server: fails when it does not shut down cleanly.
stop_server()
{
	pg_ctl -D "$DATA" -w -t 120 -m fast stop >/dev/null 2>&1 || { stop_all_servers; return 1; }
	rm -rf "$DATA"
}
