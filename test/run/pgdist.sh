# shellcheck shell=bash
# PostgreSQL beyond the installed one: a private apt, Debian's sources, own builds.
# Sourced by cassert.sh, valgrind.sh and versions.sh, after lib.sh.
#
# The private apt has its own lists and its own sources derived from the system's, so the system's
# apt is not touched, no root is needed to fetch a source, and no host is named here.

shopt -s inherit_errexit
: "${OMENDB_CACHE:=$( [ "$(id -u)" = 0 ] && echo /var/cache/omendb || echo "${XDG_CACHE_HOME:-$HOME/.cache}/omendb")}"
export OMENDB_CACHE
mkdir -p "$OMENDB_CACHE"

note() { echo "== $*" >&2; }

# private_apt NAME: a private apt under the cache; sources go to $apt_dir/sources, options are $apt_opts.
private_apt()
{
	apt_dir=$OMENDB_CACHE/apt-$1
	mkdir -p "$apt_dir"/{lists,cache/archives}/partial "$apt_dir/sources"
	apt_opts=(-q -o Dir::Etc::SourceList=/dev/null -o Dir::Etc::SourceParts="$apt_dir/sources"
		-o Dir::State::Lists="$apt_dir/lists" -o Dir::Cache="$apt_dir/cache"
		-o APT::Sandbox::User="$(id -un)" -o Acquire::Retries=3)
}

# system_sources TYPE: $apt_dir/sources becomes a copy of the system's sources, of type deb or deb-src.
system_sources()
{
	local file

	rm -f "$apt_dir"/sources/*
	for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
		[ ! -f "$file" ] || sed -nE "s/^deb(-src)?[[:space:]]+/$1 /p" "$file" | sort -u >"$apt_dir/sources/${file##*/}"
	done
	for file in /etc/apt/sources.list.d/*.sources; do
		[ ! -f "$file" ] || sed -E "s/^Types:.*/Types: $1/" "$file" >"$apt_dir/sources/${file##*/}"
	done
}

# pg_unpack MAJOR: Debian's source of that major as the system's own sources have it, unpacked under
# $OMENDB_CACHE/src. Prints the folder. The newest version whose files really are served is taken.
pg_unpack()
{
	local major=$1 src=$OMENDB_CACHE/src versions version dsc folder

	private_apt src
	system_sources deb-src
	apt-get "${apt_opts[@]}" update >&2 || true		# a source without sources is no harm
	versions=$(apt-cache "${apt_opts[@]}" showsrc --only-source "postgresql-$major" |
		sed -n 's/^Version: //p' | sort -uVr)
	[ -n "$versions" ] || die "no configured apt source has the source of postgresql-$major"
	mkdir -p "$src"
	cd "$src" || exit
	for version in $versions; do
		apt-get "${apt_opts[@]}" source -y --download-only "postgresql-$major=$version" >&2 ||
			{ note "the source of $version is listed but not served"; continue; }
		dsc=postgresql-${major}_${version#*:}.dsc
		folder=$src/postgresql-${version%%-*}
		if [ ! -e "$folder/.unpacked" ]; then
			rm -rf "$folder"
			dpkg-source --no-check -x "$dsc" "$folder" >&2		# apt has checked the signature
			chmod -R a+rX "$folder"
			touch "$folder/.unpacked"
		fi
		echo "$folder"
		return
	done
	die "the source of postgresql-$major cannot be fetched"
}

# pg_build FLAVOUR: PostgreSQL of the installed major, built as "cassert" or "valgrind" into a prefix of
# its own in the cache, with the contrib modules and the test tools the suite uses. Prints the prefix.
# Built once for each installed version, compiler and set of flags.
pg_build()
{
	local flavour=$1 flags=() cppflags='' installed major key prefix src build c
	local contrib=(amcheck auto_explain bloom pageinspect pg_buffercache pg_prewarm pg_stat_statements
		pg_visibility pg_walinspect pgstattuple postgres_fdw test_decoding)

	"$ROOT/test/run/deps.sh" build test bison flex zlib1g-dev dpkg-dev patch xz-utils bzip2 >&2
	flags=(--enable-debug --enable-tap-tests --without-icu --without-readline --without-llvm --with-zlib)
	case $flavour in
		cassert) flags+=(--enable-cassert) ;;
		valgrind) cppflags=-DUSE_VALGRIND; "$ROOT/test/run/deps.sh" valgrind >&2 ;;
		*) die "unknown flavour $flavour" ;;
	esac
	installed=$("${PG_CONFIG:-pg_config}" --version | grep -oE '[0-9]+(\.[0-9]+)?' | head -1)
	major=${installed%%.*}
	key="$installed $(gcc -dumpfullversion) ${flags[*]} $cppflags ${contrib[*]}"

	exec 9>"$OMENDB_CACHE/build.lock"
	flock 9
	for prefix in "$OMENDB_CACHE"/pg-"$major".*-"$flavour"; do
		[ "$(cat "$prefix/.key" 2>/dev/null)" = "$key" ] && echo "$prefix" && return
	done

	src=$(pg_unpack "$major")
	prefix=$OMENDB_CACHE/pg-${src##*/postgresql-}-$flavour
	build=$prefix.build
	note "building $prefix (some minutes; log: $build/log)"
	rm -rf "$prefix" "$build"
	mkdir -p "$build"
	(
		# PostgreSQL makes its generated headers at MAKELEVEL 0 only: a make that called us would hide them.
		clean_environment
		cd "$build" || exit
		# Debian's patches put the modules into the system's own folder unless libdir says "postgresql".
		"$src/configure" --prefix="$prefix" --libdir="$prefix/lib/postgresql" "${flags[@]}" \
			CFLAGS='-O1 -fno-omit-frame-pointer' CPPFLAGS="$cppflags"
		make -s -j"$(nproc)"
		grep -q "PKGLIBDIR \"$prefix/" src/port/pg_config_paths.h
		make -s install
		for c in "${contrib[@]}"; do make -s -j"$(nproc)" -C "contrib/$c" install; done
	) >"$build/log" 2>&1 9>&- &			# "&" and "wait", as "||" alone would switch -e off within
	wait $! || die "the build failed: $(tail -20 "$build/log")"

	# pgTAP is plain SQL: the packaged files serve.
	cp "$("${PG_CONFIG:-pg_config}" --sharedir)"/extension/pgtap* "$("$prefix/bin/pg_config" --sharedir)/extension/"
	cp "$src/src/tools/valgrind.supp" "$prefix/"
	chmod -R a+rX "$prefix"
	echo "$key" >"$prefix/.key"
	rm -rf "$build"
	echo "$prefix"
}
