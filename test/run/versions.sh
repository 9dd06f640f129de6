#!/usr/bin/env bash
# versions.sh [--build | SUITE-OPTION...]: make check-versions [VERSIONS="16 17 18"]. The suite on other
# majors of PostgreSQL, each from packages in a root folder of its own, in both WAL modes.
#
# The packages come from the system's own apt sources, from other suites of its mirror, or from an
# Ubuntu archive beside that mirror, the only one to have 16. A version that cannot be had is skipped,
# and said so. The roots are kept in the cache; --build only makes them. Remove a root to have it made
# anew. Upgrades from 15 are tested when cassert.sh has left its build in the cache.
# The last line is "versions: N passed, N failed, N skipped".
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=test/run/lib.sh
. "$here/lib.sh"

VERSIONS=${VERSIONS:-16 17 18}
SUITES="own trixie forky sid noble"
passed=0 failed=0 skipped=0

skip()
{
	say "!!! PostgreSQL $1: SKIPPED, $2"
	skipped=$((skipped + 1))
}

summary() { say "versions: $passed passed, $failed failed, $skipped skipped"; }

if [ "$(id -u)" != 0 ]; then
	if command -v sudo >/dev/null && sudo true; then
		exec sudo env VERSIONS="$VERSIONS" TMPDIR="${TMPDIR:-/tmp}" \
			${OMENDB_CACHE:+OMENDB_CACHE="$OMENDB_CACHE"} "$here/${0##*/}" "$@"
	fi
	for v in $VERSIONS; do skip "$v" "only root can make and enter its root folder"; done
	summary
	exit
fi
# shellcheck source=test/run/pgdist.sh
. "$here/pgdist.sh"

# offer SUITE: makes $apt_dir/sources those of one suite and fetches its lists; sets codename. False when
# this mirror does not have it.
offer()
{
	local suite=$1 mirror keyring=/usr/share/keyrings/debian-archive-keyring.gpg

	private_apt roots
	system_sources deb
	codename=$(. /etc/os-release && echo "$VERSION_CODENAME")
	if [ "$suite" != own ]; then
		mirror=$(apt-get "${apt_opts[@]}" indextargets --no-release-info \
			--format '$(RELEASE) $(REPO_URI)' 'Created-By: Packages' | sed -n "s/^$codename //p;T;q")
		mirror=${mirror%/}
		[ -n "$mirror" ] || return
		if [ "$suite" = noble ]; then
			keyring=$(ubuntu_keyring) || return
			mirror=${mirror%/*}/ubuntu
		fi
		codename=$suite
		rm -f "$apt_dir"/sources/*
		case $suite in
			noble) printf "deb [signed-by=$keyring] $mirror %s main universe\n" noble noble-updates ;;
			*)     echo "deb [signed-by=$keyring] $mirror $suite main" ;;
		esac >"$apt_dir/sources/roots.list"
	fi
	apt-get -q "${apt_opts[@]}" update >&2
}

# Debian has Ubuntu's keys in a package, so that those packages are checked as well.
ubuntu_keyring()
{
	local keys=$OMENDB_CACHE/ubuntu-keys file=usr/share/keyrings/ubuntu-archive-keyring.gpg

	if [ ! -s "$keys/$file" ]; then
		rm -rf "$keys"
		mkdir -p "$keys"
		(
			offer trixie
			cd "$keys"
			apt-get "${apt_opts[@]}" download ubuntu-keyring &&
				dpkg-deb -x ubuntu-keyring_*.deb .
		) >&2 || return
	fi
	echo "$keys/$file"
}

# Prints the root folder with PostgreSQL $1, made now if the cache has none; false when it cannot be had.
root_of()
{
	local v=$1 suite root codename packages
	packages="make,gcc,libc6-dev,procps,postgresql-$v,postgresql-server-dev-$v,postgresql-$v-pgtap"
	packages+=",libtap-parser-sourcehandler-pgtap-perl,libipc-run-perl"

	exec 9>"$OMENDB_CACHE/roots.lock"
	flock 9
	for root in "$OMENDB_CACHE"/root-"$v"-*; do
		[ "$(cat "$root/.key" 2>/dev/null)" = "$packages" ] && echo "$root" && return
	done
	for suite in $SUITES; do
		offer "$suite" || continue
		apt-cache "${apt_opts[@]}" show --no-all-versions "postgresql-server-dev-$v" >/dev/null 2>&1 || continue
		root=$OMENDB_CACHE/root-$v-$codename
		note "PostgreSQL $v comes from $codename: making $root (a minute or more)"
		"$here/deps.sh" mmdebstrap >&2
		rm -rf --one-file-system "$root" "$root.part"
		# proxies and the like, as the system has them
		apt-config dump | grep -E '^Acquire::(https?::|ForceIP|Check-)' >"$apt_dir/acquire.conf" || true
		mmdebstrap --mode=root --variant=minbase --include="$packages" --aptopt="$apt_dir/acquire.conf" \
			--aptopt='APT::Install-Recommends "false"' --aptopt='Acquire::Retries "3"' \
			--dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/doc/*' \
			--dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt='path-exclude=/usr/lib/llvm-*/lib/*.a' \
			--essential-hook='mkdir -p "$1/etc/postgresql-common"' \
			--essential-hook='echo "create_main_cluster = false" >"$1/etc/postgresql-common/createcluster.conf"' \
			"$codename" "$root.part" "$apt_dir"/sources/* >&2 || return
		echo "$packages" >"$root.part/.key"
		mv "$root.part" "$root"
		echo "$root"
		return
	done
	return 1
}

# run_in ROOT V SUITE-OPTION...: the suite in that root. Mounts are made in a namespace of their own, so
# that they and every process end with it, come what may; logs go to the system's own temporary folder.
run_in()
{
	local root=$1 v=$2 tmp=${TMPDIR:-/tmp} old
	shift 2

	mkdir -p "$root/omendb" "$root$tmp"
	# at its own place: its libdir is absolute
	for old in "$OMENDB_CACHE"/pg-15.*-cassert; do
		[ -x "$old/bin/pg_config" ] || old=
	done
	[ -z "$old" ] || mkdir -p "$root$old"
	unshare --mount --pid --ipc --fork --kill-child --propagation private bash -euc '
		root=$1 tree=$2 tmp=$3 v=$4 old=$5
		shift 5
		mount -t proc proc "$root/proc"
		mount --bind /dev "$root/dev"
		mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
		mount --bind "$tmp" "$root$tmp"
		mount --bind -o ro "$tree" "$root/omendb"
		[ -z "$old" ] || mount --bind -o ro "$old" "$root$old"
		exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin TMPDIR="$tmp" \
			PG_CONFIG=/usr/lib/postgresql/$v/bin/pg_config KEEP="${KEEP:-}" \
			OMENDB_OLD_PG_CONFIG="${old:+$old/bin/pg_config}" \
			chroot "$root" /omendb/test/run/suite.sh --name "pg$v" "$@"
	' bash "$root" "$ROOT" "$tmp" "$v" "$old" "$@"
}

for v in $VERSIONS; do
	if ! root=$(root_of "$v"); then
		skip "$v" "no apt source in reach has its packages (see above)"
	elif [ "${1:-}" = --build ]; then
		say "$root"
	elif ! unshare --mount --pid --ipc --fork mount -t proc proc "$root/proc"; then
		skip "$v" "this machine gives no namespaces to mount in"
	elif run_in "$root" "$v" "$@"; then
		passed=$((passed + 1))
	else
		say "PostgreSQL $v: FAILED"
		failed=$((failed + 1))
	fi
done
summary
[ "$failed" = 0 ]
