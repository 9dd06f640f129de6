#!/usr/bin/env bash
# deps.sh GROUP-OR-PACKAGE...: install the Debian packages that are missing, and nothing else.
#
# Groups: build, test, lint, valgrind.  The packages come from whatever the machine's apt is set up
# with.  No cluster is made, started or changed.  Where nothing is missing, no privilege is needed.
set -euo pipefail

# A pg_config of the user's choice says which major; without one it is Debian 12's.
pg_config=${PG_CONFIG:-pg_config}
major=$("$pg_config" --version 2>/dev/null | sed -E 's/^PostgreSQL ([0-9]+).*/\1/' || true)
major=${major:-15}

# clang-format changes its mind between versions, so lint names the one it means.
group()
{
	case $1 in
		build) echo gcc make libc6-dev "postgresql-$major" "postgresql-server-dev-$major" ;;
		test) echo perl libipc-run-perl "postgresql-$major-pgtap" \
			libtap-parser-sourcehandler-pgtap-perl ;;
		lint) echo binutils perl shellcheck clang-format-14 clang-tidy-14 ;;
		valgrind) echo valgrind ;;
		*) echo "$1" ;;
	esac
}

# A PostgreSQL built from source is not apt's business.
own_build()
{
	case $("$pg_config" --bindir 2>/dev/null || echo /usr/lib/postgresql/) in
		/usr/lib/postgresql/*) return 1 ;;
	esac
}

missing=()
for word in "$@"; do
	for package in $(group "$word"); do
		case $package in postgresql-*) own_build && continue ;; esac
		[ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)" = installed ] ||
			missing+=("$package")
	done
done
[ ${#missing[@]} -gt 0 ] || exit 0

echo "installing ${missing[*]}"
as=()
if [ "$(id -u)" != 0 ]; then
	command -v sudo >/dev/null || { echo "no sudo; as root: apt-get install ${missing[*]}" >&2; exit 1; }
	as=(sudo)
fi

# Debian makes and starts a cluster "main" when a server package is first installed, unless told not to.
quiet=/etc/postgresql-common/createcluster.d/omendb-no-main-cluster.conf
"${as[@]}" mkdir -p "${quiet%/*}"
trap '"${as[@]}" rm -f "$quiet"' EXIT
echo 'create_main_cluster = false' | "${as[@]}" tee "$quiet" >/dev/null

install() { "${as[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends \
	-o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=300 install "${missing[@]}" </dev/null >"$log" 2>&1; }
log=$(mktemp)
if ! install; then
	# the usual reason is a package list that is missing or old
	"${as[@]}" apt-get -qq update </dev/null || true
	install || { cat "$log" >&2; exit 1; }
fi
rm -f "$log"
