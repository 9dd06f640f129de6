#!/usr/bin/env bash
# run.sh: `make quickstart`.  Shows a table USING omendb with alex indexes beside heap and btree on real data,
# in a server of its own.
#
#   DATA=FILE             another CSV file with the columns of bench/data/README.md, or its .xz
#   QUICKSTART_DIR=DIR    where everything goes (below ~/.local/state; as root below /var/lib)
#   QUICKSTART_PORT=N     names the socket; nothing listens on the network (15432)
#   PG_CONFIG=PROGRAM     which PostgreSQL
#
# Installs packages that are missing.  Touches no cluster and no file of the system: the tree is copied
# to DIR/src and built there, installed below DIR/install, the cluster is DIR/data.  Running it again
# starts anew.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=bench/quickstart/common.sh
. "$here/common.sh"

step() { STEP=$*; printf '\n=== %s  (at %d s)\n' "$*" "$SECONDS"; }
STEP="getting ready"

on_exit()
{
	local status=$?

	[ "$status" != 0 ] || return 0
	trap - EXIT
	# what ran inside has said so
	[ -z "${TOLD:-}" ] || exit "$status"
	say ""
	say "quickstart FAILED at: $STEP"
	if [ -n "${INSIDE:-}" ]; then
		stop_quickstart "$DIR" || true
		say "its logs are in $DIR/logs; the server is stopped"
	fi
	exit "$status"
}

# ask STATEMENT: its answer
ask() { psql -XqAt -v ON_ERROR_STOP=1 -c "$1"; }

# run_sql FILE [OPTION...]: a file of this directory
run_sql() { psql -XqAt -v ON_ERROR_STOP=1 "${@:2}" -f "$here/$1"; }

# with_progress QUERY COMMAND...: run the command, and show each second what the query says meanwhile.
with_progress()
{
	local query=$1 text last='' pid status=0
	shift

	"$@" &
	pid=$!
	# most steps are short: look again soon, and speak when there is something to say
	for ((turn = 0; ; turn++)); do
		sleep 0.2
		kill -0 "$pid" 2>/dev/null || break
		[ $((turn % 5)) = 4 ] || continue
		text=$(psql -XqAt -c "$query" 2>/dev/null) || text=
		[ -z "$text" ] || [ "$text" = "$last" ] || say "  ... $text"
		last=$text
	done
	wait "$pid" || status=$?
	return $status
}

start_quickstart()
{
	# the server must not inherit the lock
	if ! pg_ctl -D "$DIR/data" -l "$DIR/logs/server.log" -w -t 300 start >"$DIR/logs/pg_ctl.log" 2>&1 3<&- 9<&-; then
		tail -20 "$DIR/logs/server.log"
		die "the server does not start"
	fi
}

# --- outside: as who called us -------------------------------------------------------------------

# Servers refuse root, so as root the cluster belongs to postgres, who need not be able to read the
# tree or the data: both are handed over open.
prepare()
{
	local data=${DATA:-$ROOT/bench/data/flights_sample.csv.xz} as=()

	[ -e /etc/debian_version ] || say "this is no Debian: packages must be there already"
	[ -r "$data" ] || die "cannot read DATA: $data"
	! command -v dpkg-query >/dev/null || "$ROOT/test/run/deps.sh" build xz-utils
	is_ours "$DIR" || die "$DIR exists and is no quickstart; set QUICKSTART_DIR to a new or an empty directory"
	# a socket's path has at most 107 bytes
	[ ${#DIR} -le 85 ] || die "the name of the directory is too long for a socket: $DIR"

	mkdir -p "$DIR"
	exec 3<"$data" 9<"$DIR"
	flock -n 9 || die "another quickstart is at work in $DIR"
	stop_quickstart "$DIR" || die "the server of an earlier run in $DIR does not stop"
	if [ "$(id -u)" = 0 ]; then
		id postgres >/dev/null 2>&1 || die "servers refuse root and there is no user postgres"
		chown postgres: "$DIR"
		as=(runuser -u postgres --)
		# shellcheck disable=SC2016	# for the inner shell
		"${as[@]}" sh -c 'cd "$1"' sh "$DIR" 2>/dev/null ||
			die "user postgres has no way into $DIR; set QUICKSTART_DIR"
	fi
	chmod 700 "$DIR"
	# shellcheck disable=SC2016	# for the inner shell
	"${as[@]}" sh -ec 'cd "$1"; rm -rf src install data logs; touch "$2"; mkdir src logs' sh "$DIR" "$MARK"
	tar -C "$ROOT" --exclude=./.git --exclude='*.o' --exclude='*.so' --exclude=./.build-flags \
		--exclude=./bench/results -cf - . | "${as[@]}" tar -C "$DIR/src" --no-same-owner -xf -
	cd /
	TOLD=1
	"${as[@]}" env QUICKSTART_DIR="$DIR" QUICKSTART_DATA="$data" QUICKSTART_SECONDS=$SECONDS \
		QUICKSTART_USER="$(id -un)" bash "$DIR/src/bench/quickstart/run.sh" inside
}

# --- inside: as the owner of the cluster ---------------------------------------------------------

build()
{
	step "Building and installing into $DIR/install"
	if ! { make -C "$ROOT" -j"$(nproc)" PG_CONFIG="$PG_CONFIG" all &&
		make -C "$ROOT" PG_CONFIG="$PG_CONFIG" DESTDIR="$DIR/install" install; } >"$DIR/logs/build.log" 2>&1; then
		tail -20 "$DIR/logs/build.log"
		die "the build failed"
	fi
}

make_cluster()
{
	step "Starting a private $("$BINDIR/postgres" --version | sed 's/^postgres (\(.*\)) /\1 /') in $DIR/data"
	initdb -D "$DIR/data" -A trust -U postgres -E UTF8 --locale=C --no-sync >"$DIR/logs/initdb.log" 2>&1 ||
		{ cat "$DIR/logs/initdb.log"; die "initdb failed"; }
	write_paths "$DIR/install" "$DIR/logs/paths.conf"
	cat - "$DIR/logs/paths.conf" >>"$DIR/data/postgresql.conf" <<-EOT

		# make quickstart
		listen_addresses = ''
		unix_socket_directories = '$DIR'
		port = $PGPORT
		max_connections = 20
		shared_buffers = 128MB
		jit = off
		log_line_prefix = '%m [%p] '
		shared_preload_libraries = 'omendb'
	EOT
	start_quickstart
	createdb omendb
	export PGDATABASE=omendb
	run_sql setup.sql
	say "extension omendb $(ask 'SELECT omendb.version()'), WAL mode: $(ask 'SELECT omendb.wal_mode()')"
}

# The file with row numbers, where the server can read it
unpack()
{
	local unpack=cat

	[[ $QUICKSTART_DATA != *.xz ]] || unpack='xz -dc'
	$unpack <&3 | awk '{ printf("%s,%s\n", NR == 1 ? "id" : NR - 1, $0) }' >"$DIR/flights.csv"
	exec 3<&-
	ROWS=$(($(wc -l <"$DIR/flights.csv") - 1))
	[ "$ROWS" -ge 100000 ] || die "$ROWS rows are too few to show anything: 100,000 at least"
}

load()
{
	step "Loading ${QUICKSTART_DATA##*/} into both tables by COPY: 3 times, the median counts"
	say "  CREATE TABLE flights_heap (...) USING heap      CREATE TABLE flights_omendb (...) USING omendb"
	unpack
	with_progress "SELECT relid::regclass || ': ' || to_char(tuples_processed, 'FM999,999,999') || ' rows'
		FROM pg_stat_progress_copy" run_sql load.sql -v file="$DIR/flights.csv"
	rm "$DIR/flights.csv"
}

indexes()
{
	step "Building indexes on ts and id of both tables: 3 times, the median counts"
	say "  CREATE INDEX ... ON flights_heap USING btree (ts)    ... ON flights_omendb USING alex (ts)    and on (id)"
	with_progress "SELECT c.relname || ': ' || p.phase || coalesce(' ' || 100 * p.tuples_done / nullif(p.tuples_total, 0)
			|| ' %', ' ' || 100 * p.blocks_done / nullif(p.blocks_total, 0) || ' %', '')
		FROM pg_stat_progress_create_index p JOIN pg_class c ON c.oid = p.relid" \
		run_sql build.sql
}

fingerprint() { ask "SELECT quickstart.fingerprint('$1')"; }

# A server that dies at once in the middle of an INSERT: kill -9, so that it writes nothing any more.
crash()
{
	local before late size growth=0 pid end

	step "Crash: kill -9 of the whole server during an INSERT"
	ask "CREATE TABLE late USING omendb AS SELECT * FROM flights_omendb ORDER BY id LIMIT 131072"
	before=$(fingerprint flights_omendb)
	late=$(fingerprint late)
	[ "$before" = "$(fingerprint flights_heap)" ] || die "the tables differ"
	size=$(ask "SELECT pg_relation_size('flights_omendb')")
	say "rows committed: ${before% *}, the inserted ones after the last checkpoint; and, after it too, ${late% *}"
	say "in row groups of a table of their own: CREATE TABLE late USING omendb AS SELECT ..."
	PGAPPNAME=writer run_sql crash.sql >"$DIR/logs/crash.log" 2>&1 &
	end=$((SECONDS + 120))
	while [ "$growth" -lt 8000000 ]; do
		if [ "$SECONDS" -ge $end ] || ! kill -0 $!; then
			cat "$DIR/logs/crash.log"
			die "the INSERT does not get on"
		fi
		sleep 0.1
		growth=$(($(ask "SELECT pg_relation_size('flights_omendb')") - size))
	done
	[ "$(ask "SELECT state FROM pg_stat_activity WHERE application_name = 'writer'")" = active ] ||
		die "the INSERT has ended before the crash"
	say "an INSERT is running and has written $((growth / 1000000)) MB, not committed: kill -9 now"

	pid=$(server_pid "$DIR")
	# the parent first, that it does not see its children die
	# shellcheck disable=SC2046	# words
	kill -9 "$pid" $(server_processes "$DIR") 2>/dev/null || true
	wait_gone "$DIR" 30 || die "processes of the server are still there"
	wait $! 2>/dev/null || true
	# where nobody collects the dead (a container without init) the number stays taken, and the new server
	# would take the old one for alive; it is gone, for nothing works in its directory
	! kill -0 "$pid" 2>/dev/null || rm -f "$DIR/data/postmaster.pid" "$DIR/.s.PGSQL.$PGPORT.lock"

	say "starting again: recovery from the WAL"
	start_quickstart
	sed -n 's/.* LOG:  \(database system was not properly.*\|redo .*\)/  server log: \1/p' "$DIR/logs/server.log"
	AFTER=$(fingerprint flights_omendb)
	say "rows after recovery: ${AFTER% *}, and in table late $(ask 'SELECT count(*) FROM late')"
	[ "$before" = "$AFTER" ] || die "rows before the crash (count, hash of all): $before; after it: $AFTER"
	[ "$late" = "$(fingerprint late)" ] || die "rows of table late before the crash: $late; after it: $(fingerprint late)"
	[ "$before" = "$(fingerprint flights_heap)" ] || die "the tables differ after recovery"
	say "every row is what it was before, and the same as in flights_heap"
	say "the answers again:"
	ask "SELECT quickstart.answers('SELECT count(*), sum(delay), max(ts) FROM flights_@')"
	run_sql check.sql
}

closing()
{
	local uri who=

	step "The figures"
	run_sql report.sql
	say "Crash: ${AFTER% *} rows before kill -9 and after recovery, omendb.check and alex_check clean."
	uri="postgresql:///omendb?host=$DIR&port=$PGPORT&user=postgres"
	[ "$QUICKSTART_USER" != root ] || who=' (for root and postgres to use)'
	cat <<-EOT

		The server is running$who:
		  connect   psql '$uri'
		  stop      make quickstart-stop
		  remove    make quickstart-stop && rm -rf $DIR
		In your own servers: make && sudo make install, then CREATE EXTENSION omendb; README.md says the rest.
		Done in $SECONDS s.
	EOT
}

inside()
{
	INSIDE=1
	SECONDS=$QUICKSTART_SECONDS
	clean_environment
	find_postgres
	export PGHOST=$DIR PGPORT=${QUICKSTART_PORT:-15432} PGUSER=postgres PGDATABASE=postgres
	build
	make_cluster
	load
	indexes
	step "Aggregates, lookups, ranges and joins: warm, median of 3"
	run_sql lookups.sql
	step "Changes of rows that are stored in columns, 3 x 2,000 rows each, with commit"
	run_sql changes.sql
	step "Inserts into both tables, 3 x 20,000 rows each way, with commit"
	run_sql inserts.sql
	step "Freezing: what came by single rows becomes columns"
	run_sql freeze.sql
	crash
	closing
}

DIR=$(quickstart_dir)
trap on_exit EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
if [ "${1:-}" = inside ]; then
	inside
else
	prepare
	trap - EXIT
fi
