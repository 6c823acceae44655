# Each target is enough by itself on a bare Debian 12 that has only the Swift toolchain: `deps` brings
# the Debian packages, and every other target asks for it first.

SHELL := /bin/sh
.DEFAULT_GOAL := build
.PHONY: help deps browser asl vmms manual-readers proxies clocks databases build release run install test sanitize fuzz fuzz-short bench-build bench bench-check \
	bench-budget yardsticks hummingbird \
	atlas record compare hostile soak soak-short contract contract-short schemathesis python clean \
	deb deb-check first-time dist container-check clients client-tools fleet-tools survey-million chaos chaos-short bench-stores

# First what the toolchain itself loads and links with, then the libraries behind the C fence.
DEBIAN_PACKAGES := binutils libc6-dev libstdc++-12-dev libgcc-12-dev pkg-config git ca-certificates \
	libncurses6 libedit2 libxml2 libcurl4 libsqlite3-0 libz3-4 zlib1g-dev tzdata \
	libmicrohttpd-dev libgnutls28-dev libfdt-dev libsimdjson-dev libsqlite3-dev libpq-dev libcurl4-openssl-dev curl openssl

# What the tests drive the dashboard with.
BROWSER_PACKAGES := chromium chromium-driver fonts-dejavu-core

# Stand in front of the server in tests of crafted requests.
PROXY_PACKAGES := nginx-light haproxy

# Compiles the ASL that tests of the AML readers invent.
ASL_PACKAGES := acpica-tools

# Judge what is rendered for VMMs and firmware: about 45 MB, nearly all of it QEMU.
VMM_PACKAGES := qemu-system-arm seabios libvirt-clients libxml2-utils device-tree-compiler shellcheck

# Judge the manual page and the completions.
MANUAL_PACKAGES := groff-base zsh fish

# Answers for the clocks of the server in tests of clocks that jump.
CLOCK_PACKAGES := libfaketime

# A server that the tests of the shared store start for themselves.
DATABASE_PACKAGES := postgresql util-linux

# What the documentation is made with, and what its examples call.
DOCS_PACKAGES := python3 python3-markdown python3-yaml curl jq

# What `make bench` loads the server with, counts instructions with, and builds a yardstick with.
BENCH_PACKAGES := wrk valgrind libjansson-dev

# Standard library linked statically: the server starts faster and needs no Swift runtime installed.
# Functions of one module are specialised in another: a batch takes a quarter fewer instructions.
RELEASE_FLAGS := -c release --static-swift-stdlib -Xswiftc -cross-module-optimization --product iovad
RUN_ARGUMENTS ?=
# An argument of a function has none of its own.
comma := ,
# Of `make bench`: empty runs everything; "allocator --json", "sessions --help", "http --only decision-none", ...
BENCH_ARGUMENTS ?=
# Seconds for each reader of untrusted bytes in `make test`.
TEST_FUZZ_SECONDS ?= 5
# Of `record` and `compare`: the file of answers, the binary that is asked (built when none is named), the seed
# of the random questions, the reference data, the list of differences that are expected, a file for each one.
RECORD ?= .record/answers.record
BINARY ?=
SEED ?=
SHELF ?= ../shared/data
EXPECTED ?=
DETAILS ?=
# Of `hostile`: "--only state", "--livez-ms 200" on a busy machine, ...
HOSTILE_ARGUMENTS ?=
# Of `sanitize`: which, as Swift names them.
SANITIZERS ?= thread address
# Of `soak`: how long it takes in all, and "--json", "--tolerance 20" on a busy machine, ...
SECONDS ?= 600
SOAK_ARGUMENTS ?=
# Of `contract`: how many requests at least; SEED is that of the first round.
CASES ?= 50000
PREFIX ?= /usr/local
DESTDIR ?=

help:
	@echo 'make run      build a release and serve on 127.0.0.1:8080 (RUN_ARGUMENTS="--listen 127.0.0.1:9090")'
	@echo 'make test     run every test'
	@echo 'make build    debug build        make release   optimised build'
	@echo 'make install  binary, dashboard, manual page and completions to $(PREFIX) (PREFIX, DESTDIR); then: iovad packaging systemd'
	@echo 'make deb      a Debian package in $(PACKAGES)    make dist     archives of the release there'
	@echo 'make deb-check  install, use, upgrade and purge the package in a minimal Debian (root; downloads one)'
	@echo 'make first-time  install the package in a minimal Debian, run every example there, open the dashboard (root)'
	@echo 'make clients  run the tests of the clients in Clients/ against the release (packages from PyPI)'
	@echo 'make survey-million  survey 10,000, 100,000 and 1,000,000 synthetic hosts by one process and in parts on Dask: same bytes,'
	@echo '              CPU, memory (SEED, BINARY, FLEET_ARGUMENTS="--hosts 10000 100000"; downloads the trees of the atlas; 15 minutes)'
	@echo 'make container-check  execute the final stage of the Containerfile in a chroot (root; no engine)'
	@echo 'make deps     install the Debian packages that the build needs (root or sudo)'
	@echo 'make docs     run the examples of README.md and docs/, and make the pages below Public/docs from them'
	@echo 'make atlas    survey the arm64 device trees of the newest Debian kernel (downloads about 4 MB)'
	@echo 'make record   record the answers to thousands of requests in $(RECORD) (RECORD, BINARY, SEED, SHELF)'
	@echo 'make compare  send the requests again and print what differs (RECORD, BINARY, EXPECTED=list, DETAILS=file)'
	@echo 'make hostile  attack a release, and print what became of it (BINARY, HOSTILE_ARGUMENTS="--only state"; 3 minutes)'
	@echo 'make chaos    kill servers under 32 clients: three on one PostgreSQL for 60 s, one on a folder 200 times (BINARY, SEED;'
	@echo '              3 minutes); "make chaos-short" does less, for continuous integration'
	@echo 'make bench-stores  measure what a session verb costs with each store, and decisions without the database (BINARY; 1 minute)'
	@echo 'make soak     drive a release with mixed load and print what grew, errors and percentiles (SECONDS=600, BINARY, SOAK_ARGUMENTS)'
	@echo 'make soak-short  the same for 20 s, without a judgement of times and memory, for continuous integration'
	@echo 'make contract send CASES requests made from openapi.yaml and hold every answer against it (BINARY, SEED)'
	@echo 'make contract-short  the same with about a thousand, for continuous integration'
	@echo 'make client-check  generate a Python client from the contract (openapi-python-client from PyPI), and ask with it (BINARY)'
	@echo 'make bench    measure: allocator beside a walk in C, sessions, requests beside two servers in C (half an'
	@echo '              hour; BENCH_ARGUMENTS="allocator --json", "http --only decision-none", "http --help")'
	@echo 'make bench-budget  count the instructions of five requests and compare with Benchmarks/budget.json (RENEW=1 writes it)'
	@echo 'make bench-check  check that the measurements work, with tiny sizes; not part of make test, which would build twice'
	@echo 'make sanitize run the server and service tests under ThreadSanitizer and AddressSanitizer (SANITIZERS)'
	@echo 'make fuzz     run every reader of untrusted bytes under libFuzzer, 10 minutes each (FUZZ_SECONDS=600)'
	@echo 'make fuzz-short  the same for 15 seconds each, for continuous integration'

# Asks dpkg first, so that nothing needs root or a network once the packages are installed.
deps:
	@missing=''; \
	for package in $(DEBIAN_PACKAGES); do \
		dpkg-query -W -f '$${db:Status-Status}' $$package 2>/dev/null | grep -qx installed \
			|| missing="$$missing $$package"; \
	done; \
	[ -z "$$missing" ] && exit 0; \
	echo "installing:$$missing"; \
	as_root=''; \
	if [ "$$(id -u)" -ne 0 ]; then \
		command -v sudo >/dev/null || { echo "need root or sudo to install:$$missing" >&2; exit 1; }; \
		as_root='sudo'; \
	fi; \
	$$as_root env DEBIAN_FRONTEND=noninteractive apt-get update -qq </dev/null \
	&& $$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
		$$missing </dev/null >/dev/null
	@command -v swift >/dev/null || { echo 'no swift on PATH: install the Swift 6.2 (or later) toolchain' >&2; exit 1; }

build: deps
	swift build

release: deps
	swift build $(RELEASE_FLAGS)

run: release
	exec "$$(swift build $(RELEASE_FLAGS) --show-bin-path)/iovad" serve $(RUN_ARGUMENTS)

# The server finds its files in ../share/iovad beside its own folder.
install: release
	sh Packaging/stage.sh "$(RELEASE)" "$(DESTDIR)" "$(PREFIX)"

# Where packages and archives go, and the minimal Debian that checks copy.
PACKAGES := .build/packages
DEBIAN_CACHE := .build/debian
RELEASE = $$(swift build $(RELEASE_FLAGS) --show-bin-path)/iovad
# dpkg-dev finds what the binary depends on; lintian judges the package; debootstrap installs the minimal Debian.
PACKAGING_PACKAGES := dpkg-dev
CHECKING_PACKAGES := lintian debootstrap

deb: release
	@$(MAKE) --no-print-directory deps DEBIAN_PACKAGES='$(PACKAGING_PACKAGES)'
	sh Packaging/deb.sh "$(RELEASE)" $(PACKAGES)

# The newer package is the same with a higher revision.
deb-check: release
	@$(MAKE) --no-print-directory deps DEBIAN_PACKAGES='$(PACKAGING_PACKAGES) $(CHECKING_PACKAGES)'
	@older="$$(sh Packaging/deb.sh "$(RELEASE)" $(PACKAGES))" && newer="$$(sh Packaging/deb.sh "$(RELEASE)" $(PACKAGES)/newer 2)" \
		&& sh Packaging/deb-check.sh "$$older" "$$newer" $(DEBIAN_CACHE)

# The package as somebody uses it who has nothing else: every example of the documentation, and the dashboard.
first-time: release browser
	@$(MAKE) --no-print-directory deps DEBIAN_PACKAGES='$(PACKAGING_PACKAGES) $(CHECKING_PACKAGES) python3-selenium'
	@package="$$(sh Packaging/deb.sh "$(RELEASE)" $(PACKAGES))" \
		&& sh Packaging/first-time.sh "$$package" $(DEBIAN_CACHE)

dist: release
	sh Packaging/dist.sh "$(RELEASE)" $(PACKAGES)

# What PyPI has, in a folder of the build and not in the system: $(call venv,folder,a program of it,packages). It is
# made once; without PyPI there is no program, and whoever needs it says so.
venv = @[ -x $(1)/bin/$(2) ] || { \
		python3 -c 'import ensurepip' 2>/dev/null || $(MAKE) --no-print-directory deps DEBIAN_PACKAGES=python3-venv; \
		rm -rf $(1) && python3 -m venv $(1) \
		&& $(1)/bin/pip install --quiet --disable-pip-version-check --retries 1 $(3) \
		|| rm -rf $(1)/bin; }

# What the clients and their tests need.
CLIENT_TOOLS := .build/client-tools

client-tools: python
	$(call venv,$(CLIENT_TOOLS),mypy,'httpx>=0.27$(comma)<1' 'pytest>=8' mypy 'ansible-core>=2.15' 'tf>=1.2')

# The Python package and the Ansible module against the release.
clients: release client-tools fleet-tools
	@[ -x $(CLIENT_TOOLS)/bin/mypy ] && [ -x $(FLEET_TOOLS)/bin/dask ] \
		|| { echo 'clients: their packages cannot be installed from PyPI' >&2; exit 1; }
	@sh Clients/check.sh "$(RELEASE)" $(CLIENT_TOOLS)
	@$(call check-fleet,"$(RELEASE)")

# What runs the surveys of fleets in Clients/fleet, and judges their manifests.
FLEET_TOOLS := .build/fleet-tools
check-fleet = IOVAD_TEST_BINARY=$(1) PYTHONDONTWRITEBYTECODE=1 $(FLEET_TOOLS)/bin/python -m pytest -q -p no:cacheprovider \
	Clients/fleet/tests

fleet-tools: python
	$(call venv,$(FLEET_TOOLS),dask,'distributed>=2024.1' 'pytest>=8' pyyaml 'kubernetes-validate>=1.31')

# Fleets of synthetic hosts, which are made of the trees of the atlas and never on a disk. Nothing else should run meanwhile.
FLEET_ARGUMENTS ?=
FLEET_TREES := .build/fleet-trees.ndjson

survey-million: fleet-tools $(if $(BINARY),,release)
	@[ -x $(FLEET_TOOLS)/bin/dask ] || { echo 'survey-million: distributed cannot be installed from PyPI' >&2; exit 1; }
	@binary='$(BINARY)'; [ -n "$$binary" ] || binary="$$(swift build $(RELEASE_FLAGS) --show-bin-path)/iovad"; \
	[ -s $(FLEET_TREES) ] || ATLAS_HOSTS=$(FLEET_TREES) Scripts/atlas.sh "$$binary" /dev/null || exit 1; \
	$(FLEET_TOOLS)/bin/python Scripts/fleet measure --binary "$$binary" --trees $(FLEET_TREES) $(if $(SEED),--seed '$(SEED)') \
		$(FLEET_ARGUMENTS)

container-check: release python
	@$(MAKE) --no-print-directory deps DEBIAN_PACKAGES='$(CHECKING_PACKAGES)'
	@python3 Packaging/container_check.py Containerfile "$(RELEASE)" $(DEBIAN_CACHE)

# The release build first: it is what people run, and its whole-module compilation is the stricter one.
# It is also run itself: a fault of the optimiser does not show in a debug test.
test: release browser asl vmms proxies clocks databases manual-readers docs-tools client-tools fleet-tools
	python3 Clients/python/make_async.py --check
	swift build --build-tests
	swift test --skip-build
	sh Tests/release.sh "$$(swift build $(RELEASE_FLAGS) --show-bin-path)/iovad"
	@[ -x $(CLIENT_TOOLS)/bin/mypy ] || { echo 'clients: skipped, their packages cannot be installed from PyPI'; exit 0; }; \
	sh Clients/check.sh "$(RELEASE)" $(CLIENT_TOOLS)
	@[ -x $(FLEET_TOOLS)/bin/dask ] || { echo 'fleet: skipped, its packages cannot be installed from PyPI'; exit 0; }; \
	$(call check-fleet,"$(RELEASE)")
	@$(MAKE) --no-print-directory chaos-short
	@$(MAKE) --no-print-directory bench-budget
	FUZZ_SECONDS=$(TEST_FUZZ_SECONDS) sh Fuzz/run.sh

# The browser tests skip, and say so, where Chromium is not available.
browser: deps
	@$(MAKE) --no-print-directory deps DEBIAN_PACKAGES='$(BROWSER_PACKAGES)' \
		|| echo 'no Chromium here: the browser tests will be skipped'

# The tests that compile ASL skip, and say so, where iasl is not available.
asl: deps
	@$(MAKE) --no-print-directory deps DEBIAN_PACKAGES='$(ASL_PACKAGES)' \
		|| echo 'no iasl here: the tests that compile ASL will be skipped'

# So do those that start QEMU, and have libvirt, dtc and shellcheck judge.
vmms: deps
	@$(MAKE) --no-print-directory deps DEBIAN_PACKAGES='$(VMM_PACKAGES)' \
		|| echo 'no qemu-system-arm, libvirt, dtc or shellcheck here: what only they can judge will be skipped'

manual-readers: deps
	@$(MAKE) --no-print-directory deps DEBIAN_PACKAGES='$(MANUAL_PACKAGES)' \
		|| echo 'no groff, zsh or fish here: what only they can judge will be skipped'

proxies: deps
	@$(MAKE) --no-print-directory deps DEBIAN_PACKAGES='$(PROXY_PACKAGES)' \
		|| echo 'no nginx or HAProxy here: the tests of crafted requests through a proxy will be skipped'

clocks: deps
	@$(MAKE) --no-print-directory deps DEBIAN_PACKAGES='$(CLOCK_PACKAGES)' \
		|| echo 'no libfaketime here: the tests of clocks that jump will be skipped'

databases: deps
	@$(MAKE) --no-print-directory deps DEBIAN_PACKAGES='$(DATABASE_PACKAGES)' \
		|| echo 'no PostgreSQL here: the tests of the shared store will be skipped'

.PHONY: docs docs-tools
docs-tools: deps
	@$(MAKE) --no-print-directory deps DEBIAN_PACKAGES='$(DOCS_PACKAGES)' \
		|| echo 'no python3-markdown or jq here: the tests of the documentation will be skipped'

# The python3 of Debian's package, whatever comes first on PATH. What it makes is checked in.
docs: release docs-tools
	/usr/bin/python3 Scripts/docs examples --binary "$$(swift build $(RELEASE_FLAGS) --show-bin-path)/iovad"
	/usr/bin/python3 Scripts/docs pages

# Leaks are not looked for: the checker counts what is allocated once and kept.
sanitize: deps
	@for sanitizer in $(SANITIZERS); do \
		ASAN_OPTIONS=detect_leaks=0 swift test --sanitize=$$sanitizer --scratch-path .build-$$sanitizer \
			--filter 'MicroHTTPTests|HTTPTests|HTTPClientTests|APITests' || exit 1; \
	done

# Builds with coverage into .build-fuzz; FUZZ_READERS="acpi json" chooses readers.
fuzz: deps
	sh Fuzz/run.sh

fuzz-short: deps
	FUZZ_SECONDS=15 sh Fuzz/run.sh

# A package of its own: it compiles the modules that it measures once more, as the release does, into
# Benchmarks/.build. What builds say goes to standard error, so that `make -s bench BENCH_ARGUMENTS="allocator --json"`
# prints JSON alone.
BENCH_FLAGS := --package-path Benchmarks -c release --static-swift-stdlib -Xswiftc -cross-module-optimization
BENCH_PROGRAM = "$$(swift build $(BENCH_FLAGS) --show-bin-path)/iovad-bench"

bench-build: deps
	@$(MAKE) --no-print-directory release >&2
	@swift build $(BENCH_FLAGS) >&2

# `http ...` measures the release by itself, without that package: Benchmarks/http drives it beside the two servers
# in C of Benchmarks/yardsticks.
YARDSTICKS := .build/yardsticks
YARDSTICK_COMPILER ?= clang
HTTP_BENCH = python3 Benchmarks/http --binary "$$(swift build $(RELEASE_FLAGS) --show-bin-path)/iovad" \
	--yardsticks $(YARDSTICKS)

ifeq ($(firstword $(BENCH_ARGUMENTS)),http)
bench: yardsticks hummingbird
	@$(HTTP_BENCH) $(filter-out http,$(BENCH_ARGUMENTS))
else
bench: bench-build $(if $(BENCH_ARGUMENTS),,yardsticks hummingbird)
	@missed=0; $(BENCH_PROGRAM) $(BENCH_ARGUMENTS) || missed=$$?; \
	$(if $(BENCH_ARGUMENTS),,$(HTTP_BENCH) || missed=$$?;) exit $$missed
endif

yardsticks: deps python
	@$(MAKE) --no-print-directory deps DEBIAN_PACKAGES='$(BENCH_PACKAGES)' >&2
	@$(MAKE) --no-print-directory release >&2
	@mkdir -p $(YARDSTICKS)
	@for name in plain jansson; do \
		$(YARDSTICK_COMPILER) -O2 -Wall -Wextra -o $(YARDSTICKS)/$$name \
			Benchmarks/yardsticks/server.c Benchmarks/yardsticks/$$name.c -ljansson -lmicrohttpd || exit 1; \
	done

# A server in Swift that does less, for comparison; a package that nothing else needs.
HUMMINGBIRD_FLAGS := --package-path Benchmarks/codable -c release

hummingbird: deps
	@mkdir -p $(YARDSTICKS)
	@swift build $(HUMMINGBIRD_FLAGS) >&2 \
		&& cp "$$(swift build $(HUMMINGBIRD_FLAGS) --show-bin-path)/Yardstick" $(YARDSTICKS)/hummingbird \
		|| echo 'no Hummingbird here: requests are measured beside the servers in C only' >&2

bench-check: bench-build yardsticks
	@sh Benchmarks/check.sh $(BENCH_PROGRAM) "$$(swift build $(RELEASE_FLAGS) --show-bin-path)/iovad" $(YARDSTICKS)

# How many instructions five requests may take: unlike times, the same on a busy machine. The file counts for
# x86-64 and is not compared elsewhere.
bench-budget: release python
	@$(MAKE) --no-print-directory deps DEBIAN_PACKAGES=valgrind >&2
	@$(HTTP_BENCH) --budget Benchmarks/budget.json $(if $(RENEW),--renew)

# The result is data that we computed; the package itself is not kept.
atlas: release
	ATLAS_DOORBELLS=Sources/Machines/DoorbellTable.swift ATLAS_DEVICES=Public/atlas-devices.json \
		Scripts/atlas.sh "$$(swift build $(RELEASE_FLAGS) --show-bin-path)/iovad" \
		Sources/API/Resources/atlas.json
	swift format -i Sources/Machines/DoorbellTable.swift

# For moves that must not change the wire: record, move, compare. A comparison asks what was recorded, in the
# same order, and exits with 1 where something differs that EXPECTED (`pattern :: reason` lines) does not name.
record: python $(if $(BINARY),,release)
	@binary='$(BINARY)'; [ -n "$$binary" ] || binary="$$(swift build $(RELEASE_FLAGS) --show-bin-path)/iovad"; \
	python3 Scripts/record record --binary "$$binary" --public Public --output '$(RECORD)' --shelf '$(SHELF)' \
		$(if $(SEED),--seed '$(SEED)')

compare: python $(if $(BINARY),,release)
	@binary='$(BINARY)'; [ -n "$$binary" ] || binary="$$(swift build $(RELEASE_FLAGS) --show-bin-path)/iovad"; \
	python3 Scripts/record compare --binary "$$binary" --public Public --recording '$(RECORD)' \
		$(if $(EXPECTED),--expected '$(EXPECTED)') $(if $(DETAILS),--details '$(DETAILS)')

# Kills servers with a store at moments by chance, restarts the database, and counts what was lost.
CHAOS = binary='$(BINARY)'; [ -n "$$binary" ] || binary="$$(swift build $(RELEASE_FLAGS) --show-bin-path)/iovad"; \
	python3 Scripts/chaos --binary "$$binary" $(if $(SEED),--seed '$(SEED)')

chaos: python databases proxies $(if $(BINARY),,release)
	@$(CHAOS) --store postgresql --seconds 60 --every 5
	@$(CHAOS) --store folder --kills 200

chaos-short: python
	@$(CHAOS) --store postgresql --seconds 15 --every 4 --clients 8
	@$(CHAOS) --store folder --kills 20 --clients 8

# What a session verb costs in memory, in a folder and in PostgreSQL, in one run.
bench-stores: python databases $(if $(BINARY),,release)
	@$(MAKE) --no-print-directory deps DEBIAN_PACKAGES=wrk >&2
	@binary='$(BINARY)'; [ -n "$$binary" ] || binary="$$(swift build $(RELEASE_FLAGS) --show-bin-path)/iovad"; \
	python3 Scripts/stores --binary "$$binary"

# Attacks on time, memory, logs and heads, each on a fresh server: the answers they must get, and bounds for /livez
# and for memory meanwhile.
hostile: python $(if $(BINARY),,release)
	@binary='$(BINARY)'; [ -n "$$binary" ] || binary="$$(swift build $(RELEASE_FLAGS) --show-bin-path)/iovad"; \
	python3 Scripts/hostile --binary "$$binary" --public Public $(HOSTILE_ARGUMENTS)

# Everything that clients do, several at a time: no errors, memory that stays, percentiles of /metrics that are the
# clients' own, and nothing that grows with requests but counters. The release is built first: nothing else should
# run meanwhile.
RUN_SOAK = binary='$(BINARY)'; [ -n "$$binary" ] || binary="$$(swift build $(RELEASE_FLAGS) --show-bin-path)/iovad"; \
	python3 Scripts/soak --binary "$$binary" --public Public

soak: python $(if $(BINARY),,release)
	@$(RUN_SOAK) --seconds $(SECONDS) $(SOAK_ARGUMENTS)

soak-short: python $(if $(BINARY),,release)
	@$(RUN_SOAK) --short $(SOAK_ARGUMENTS)

# Requests that a program makes from openapi.yaml, good ones and bad ones, with what it finds wrong in the
# answers: statuses, headers, types and members that the document does not have, and bad requests that pass.
# It comes from PyPI, in a version that is written down: another one asks other questions.
SCHEMATHESIS_VERSION := 4.32.5
SCHEMATHESIS := .build/schemathesis-$(SCHEMATHESIS_VERSION)
RUN_CONTRACT = python3 Scripts/contract --public Public --schemathesis "$$PWD/$(SCHEMATHESIS)/bin/st" \
	--cases $(CASES) $(if $(SEED),--seed '$(SEED)') \
	--binary "$${BINARY:-$$(swift build $(RELEASE_FLAGS) --show-bin-path)/iovad}"

contract: export BINARY := $(BINARY)
contract: schemathesis $(if $(BINARY),,release)
	@[ -x $(SCHEMATHESIS)/bin/st ] || { echo 'contract: schemathesis cannot be installed from PyPI' >&2; exit 1; }
	@$(RUN_CONTRACT)

contract-short: export BINARY := $(BINARY)
contract-short: schemathesis $(if $(BINARY),,release)
	@[ -x $(SCHEMATHESIS)/bin/st ] || { echo 'contract: skipped, schemathesis cannot be installed from PyPI'; exit 0; }; \
	$(RUN_CONTRACT) --short

schemathesis: python
	$(call venv,$(SCHEMATHESIS),st,schemathesis==$(SCHEMATHESIS_VERSION))

# A client that a program generates from the contract that is served: whether it has every operation, and works.
GENERATOR_VERSION := 0.29.1
GENERATOR := .build/openapi-python-client-$(GENERATOR_VERSION)

.PHONY: client-check
client-check: python $(if $(BINARY),,release)
	$(call venv,$(GENERATOR),openapi-python-client,openapi-python-client==$(GENERATOR_VERSION))
	@[ -x $(GENERATOR)/bin/openapi-python-client ] || { echo 'client-check: the generator cannot be installed from PyPI' >&2; exit 1; }
	@binary='$(BINARY)'; [ -n "$$binary" ] || binary="$$(swift build $(RELEASE_FLAGS) --show-bin-path)/iovad"; \
	$(GENERATOR)/bin/python Scripts/client-check --binary "$$binary"

# Only these need it; any python3 of 3.10 or later will do.
python:
	@command -v python3 >/dev/null || $(MAKE) --no-print-directory deps DEBIAN_PACKAGES=python3

clean:
	rm -rf .build .build-thread .build-address .build-fuzz Benchmarks/.build Benchmarks/codable/.build
