#!/usr/bin/env bash
# stop.sh: stop the server that `make quickstart` left running.  Its files stay.
set -euo pipefail
# shellcheck source=bench/quickstart/common.sh
. "$(dirname "$0")/common.sh"

DIR=$(quickstart_dir)
if [ ! -e "$DIR/$MARK" ]; then
	say "no quickstart in $DIR, nothing to stop"
	exit 0
fi
if server_pid "$DIR" >/dev/null; then
	stop_quickstart "$DIR" || die "the server in $DIR did not stop"
	say "stopped"
else
	say "not running"
fi
say "remove everything:   rm -rf $DIR"
say "run it again:        make quickstart"
