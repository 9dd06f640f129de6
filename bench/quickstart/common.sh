# shellcheck shell=bash
# What run.sh and stop.sh share: where the quickstart lives, and its server.  Sources test/run/lib.sh.

# shellcheck source=test/run/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../test/run/lib.sh"

quickstart_dir()
{
	local dir

	if [ -n "${QUICKSTART_DIR:-}" ]; then
		dir=$QUICKSTART_DIR
	elif [ "$(id -u)" = 0 ]; then
		dir=/var/lib/omendb-quickstart
	else
		dir=${XDG_STATE_HOME:-${HOME:?is not set, and neither is QUICKSTART_DIR}/.local/state}/omendb-quickstart
	fi
	realpath -m "$dir"
}

# A file of this name says that a directory is ours to empty.
MARK=omendb-quickstart

# is_ours DIR: made by run.sh, or free to be taken?
is_ours()
{
	[ ! -e "$1" ] || { [ -d "$1" ] && { [ -e "$1/$MARK" ] || [ -z "$(ls -A "$1")" ]; }; }
}

# server_pid DIR: of the running server; fails when there is none.  A process is known by its working
# directory, since the file may be left over and its number taken by another program.
server_pid()
{
	local pid

	pid=$(head -1 "$1/data/postmaster.pid" 2>/dev/null) || return 1
	[[ $pid =~ ^[0-9]+$ ]] && [ "$(readlink "/proc/$pid/cwd")" = "$1/data" ] && echo "$pid"
}

# server_processes DIR: all of them, also such as outlive their parent for a moment.
server_processes()
{
	local cwd

	for cwd in /proc/[0-9]*/cwd; do
		[ "$(readlink "$cwd" 2>/dev/null)" != "$1/data" ] || basename "$(dirname "$cwd")"
	done
}

# wait_gone DIR SECONDS: until no process of the server is left
wait_gone()
{
	local end=$((SECONDS + $2))

	while [ -n "$(server_processes "$1")" ]; do
		[ $SECONDS -lt $end ] || return 1
		sleep 0.1
	done
}

# stop_quickstart DIR: fast, and if that takes too long, at once.  Signals do what pg_ctl does, and as
# root too.
stop_quickstart()
{
	local pid

	pid=$(server_pid "$1") || return 0
	kill -INT "$pid"
	wait_gone "$1" 60 && return 0
	kill -QUIT "$pid" 2>/dev/null || true
	wait_gone "$1" 10
}
