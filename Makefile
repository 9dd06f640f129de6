# OmenDB: build, install and test.  `make help` lists the targets.
#
#   make && make install            build and install for the pg_config in PATH
#   make check                      every test, in throw-away directories and servers
#
# Flavours, freely combined; changing one rebuilds the objects:
#   WERROR=1       warnings are errors
#   CASSERT=1      assertions, also against a server built without them
#   TESTING=1      stop points for isolation and crash tests
#   CHECK_PAGES=1  whole-page check whenever a page is unlocked

EXTENSION  = omendb
MODULE_big = omendb
PG_CONFIG ?= pg_config

OBJS = $(patsubst %.c,%.o,$(sort $(wildcard src/*.c src/*/*.c)))

.DEFAULT_GOAL := all

# ---------------------------------------------------------------------------
# Targets that are scripts.  They need no pg_config, which is one of the things
# they install, so PGXS stays out of the way when nothing else is asked for.

SCRIPT_TARGETS = help check check-unit check-regress check-isolation check-pgtap check-tap \
	check-cassert check-core check-asan check-valgrind check-versions lint lint-% format tidy \
	quickstart quickstart-stop bench dist

SCRIPT_ENV = $(if $(filter-out pg_config,$(PG_CONFIG)),PG_CONFIG='$(PG_CONFIG)')
LINT       = $(SCRIPT_ENV) test/lint/run.sh
DEPS       = $(SCRIPT_ENV) test/run/deps.sh
SUITE      = $(SCRIPT_ENV) test/run/suite.sh --modes $(MODES) --tests '$(TESTS)'

# For check-regress and its like, and for the long checks: MODES=plain, TESTS='alex_build alex_scan'.
# The long checks also take KINDS=regress,isolation.
MODES ?= preload,plain
TESTS ?=
KINDS ?= regress,isolation,pgtap,tap
LONG   = --modes $(MODES) --kinds $(KINDS) --tests '$(TESTS)'

VERSION = $(shell sed -n "s/^default_version *= *'\(.*\)'/\1/p" omendb.control)

ifneq ($(filter-out $(SCRIPT_TARGETS),$(or $(MAKECMDGOALS),all)),)

# ---------------------------------------------------------------------------
# The library

# Here, not above: to the quickstart DATA is the user's.
DATA = $(sort $(wildcard sql/omendb--*.sql))

# Passing PostgreSQL's headers by -isystem keeps our warnings out of them.
PG_CPPFLAGS = -Isrc -isystem $(shell $(PG_CONFIG) --includedir-server)

# A flag is used when the compiler at hand takes it, so that gcc and clang both build.
WARNINGS = -Wextra -Wno-unused-parameter -Wno-sign-compare -Wno-missing-field-initializers \
	-Wshadow -Wstrict-prototypes -Wold-style-definition -Wformat=2 -Wwrite-strings -Walloca \
	-Wunused-macros -Wduplicated-cond -Wduplicated-branches -Wlogical-op -Wdouble-promotion \
	-Wstack-usage=16384
# PostgreSQL's own flags are written for the compiler that built it; clang need not know them all.
FOREIGN  = unknown-warning-option ignored-optimization-argument
accepted = $(shell $(CC) -Werror $(1) -E -xc /dev/null >/dev/null 2>&1 && echo $(2))

# Contraction of a*b+c into one rounding would make primary and standby predict different slots.
PG_CFLAGS = -MMD -MP -ffp-contract=off \
	$(foreach w,$(WARNINGS),$(call accepted,$(w),$(w))) \
	$(foreach w,$(FOREIGN),$(call accepted,-W$(w),-Wno-$(w))) \
	$(if $(WERROR),-Werror) \
	$(if $(CASSERT),-DUSE_ASSERT_CHECKING) \
	$(if $(TESTING),-DOMENDB_TESTING) \
	$(if $(CHECK_PAGES),-DOMENDB_CHECK_PAGES)

# gcc's -O2 vectorizes these loops only when told that it is worth while: decoding takes half the time.
src/codec/lanes.o src/codec/column_decode.o src/codec/column_integers.o src/codec/column_decimal.o src/rowgroup/rowgroup_build.o: override CFLAGS += \
	$(call accepted,-fvect-cost-model=cheap,-fvect-cost-model=cheap)

# What leaves the library is written in one place.
SHLIB_LINK = -Wl,--version-script=src/omendb.map

# JIT bitcode needs clang and inlines nothing of ours: only when asked for (make with_llvm=yes).
ifneq ($(origin with_llvm),command line)
override with_llvm = no
endif

# `make installcheck`, against an installed and running server.  Isolation and TAP tests need the
# stop points: make TESTING=1 install installcheck.
REGRESS      = $(patsubst sql/%.sql,%,$(filter-out sql/omendb--%,$(sort $(wildcard sql/*.sql))))
REGRESS_OPTS = --load-extension=omendb
ifdef TESTING
ISOLATION      = $(patsubst test/isolation/specs/%.spec,%,$(sort $(wildcard test/isolation/specs/*.spec)))
ISOLATION_OPTS = --load-extension=omendb --inputdir=test/isolation \
	$(if $(filter-out 15,$(MAJORVERSION)),--expecteddir=test/isolation)
TAP_TESTS      = 1
PROVE_TESTS   ?= test/t/*.pl
endif

EXTRA_CLEAN = $(OBJS:.o=.d) .build-flags results regression.diffs regression.out output_iso \
	tmp_check tmp_check_iso omendb-*.zip

PGXS := $(shell $(PG_CONFIG) --pgxs)
ifeq ($(wildcard $(PGXS)),)
$(error $(PG_CONFIG) names no PGXS makefile; install the server development package or set PG_CONFIG)
endif
include $(PGXS)
PROVE_FLAGS += -I test/t

# Debian builds PostgreSQL without dependency tracking, so PGXS has none: use the compiler's.
-include $(OBJS:.o=.d)

# Objects depend on how they are compiled.  The file changes only when its content does.
BUILD_FLAGS = $(CC) $(CFLAGS) $(CPPFLAGS) $(VERSION_NUM)
$(OBJS): .build-flags
.build-flags: FORCE
	@printf '%s\n' "$(subst ",\",$(BUILD_FLAGS))" | cmp -s - $@ || \
		printf '%s\n' "$(subst ",\",$(BUILD_FLAGS))" >$@
FORCE:

$(shlib): src/omendb.map

# For test/lint, which compiles single files.
.PHONY: FORCE show-cc show-cppflags show-cflags
show-cc:       ; @echo '$(CC)'
show-cppflags: ; @echo '$(CPPFLAGS)'
show-cflags:   ; @echo '$(filter-out -MMD -MP,$(CFLAGS))'

endif

# ---------------------------------------------------------------------------
# Tests and tools.  Not defined for a plain build, where PGXS has a "check" of its own.

ifneq ($(filter $(SCRIPT_TARGETS),$(MAKECMDGOALS)),)

.PHONY: $(filter-out lint-%,$(SCRIPT_TARGETS))

help:
	@sed -n '/^# OmenDB/,/^$$/s/^# \{0,1\}//p' Makefile
	@echo "Targets: all install installcheck clean $(SCRIPT_TARGETS)"

check:
	@$(SCRIPT_ENV) test/run/check.sh

check-unit:
	@$(DEPS) build
	@test/run/unit.sh $(TESTS)

check-regress check-isolation check-pgtap check-tap:
	@$(DEPS) build test
	@$(SUITE) --kinds $(@:check-%=%)

check-cassert:
	@test/run/cassert.sh $(LONG)
check-core:
	@$(SCRIPT_ENV) test/run/core.sh --modes $(MODES) --tests '$(TESTS)'
	@$(SCRIPT_ENV) test/run/core.sh --cold --modes $(MODES) --tests '$(TESTS)'
	@$(SCRIPT_ENV) test/run/core.sh --index alex --modes $(MODES) --tests '$(TESTS)'
check-asan check-valgrind:
	@test/run/valgrind.sh $(if $(TESTS),--tests '$(TESTS)')
check-versions:
	@test/run/versions.sh $(LONG)

lint:
	@$(DEPS) build lint
	@$(LINT)
lint-%:
	@$(LINT) $*
tidy:
	@$(LINT) tidy
format:
	@$(LINT) --fix format

quickstart:
	@bench/quickstart/run.sh
quickstart-stop:
	@bench/quickstart/stop.sh
bench:
	@bench/run

# The archive for PGXN and for packagers: what is committed, nothing else.
dist:
	git archive --format=zip --prefix=omendb-$(VERSION)/ -o omendb-$(VERSION).zip HEAD

endif
