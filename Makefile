# A small front for meson; everything it makes is in build/.
#
#	make			build
#	make run		set up, build, serve two disks on 127.0.0.1
#	make test		set up, build, run all the tests
#	make test-quick		unit tests and lints: no root, no network
#	make install		DESTDIR=... PREFIX=/usr
#	make sim SEEDS=N	N stories of the simulator (tests/sim)
#	make fuzz-smoke		each fuzz entry for ten seconds (clang)
#	make hostile PORTAL=ADDR:PORT	what no initiator should do, to a LUN
#				that may be written over
#	make bench		measure
#	make fmt, check-style	lay the C files out; say what is not

BUILD ?= build
PREFIX ?= /usr/local
SEEDS ?= 1000
MESON_OPTIONS ?=

all: $(BUILD)/build.ninja
	@ninja -C $(BUILD)

$(BUILD)/build.ninja:
	@command -v meson >/dev/null || \
	    { echo "meson is missing: tools/setup build installs it"; exit 1; }
	meson setup $(BUILD) $(MESON_OPTIONS)

run:
	@BUILD=$(BUILD) tools/setup run
	@$(MAKE) --no-print-directory all
	@tools/demo $(BUILD)

test:
	@BUILD=$(BUILD) tools/setup test
	@$(MAKE) --no-print-directory all
	@tests/run --build $(BUILD) $(if $(TALLY),--tally $(TALLY))

test-quick: all
	@tests/run --build $(BUILD) --quick

install: all
	@meson configure $(BUILD) --prefix=$(PREFIX)
	@DESTDIR="$(DESTDIR)" meson install -C $(BUILD)

sim: all
	@$(BUILD)/tests/sim/lunet-sim --seeds 1..$(SEEDS)

fuzz-smoke:
	@tools/fuzz 10

hostile:
	@tests/hostile/hostile --portal $(PORTAL)

bench: all
	@bench/run $(BUILD)

fmt:
	@tools/fmt

check-style:
	@tests/run --build $(BUILD) lint

clean:
	rm -rf $(BUILD)

.PHONY: all run test test-quick install sim fuzz-smoke hostile bench fmt check-style clean
