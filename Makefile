# Everything that a person or CI does with this checkout. `make help` lists it.
PREFIX ?= /usr/local
DESTDIR ?=
BUILD := .build/release
COMPLETIONS := bash-completion/completions/skiff zsh/site-functions/_skiff fish/vendor_completions.d/skiff.fish
RUNTIME_COMPLETIONS := $(subst skiff,skiff-runtime,$(COMPLETIONS))
# Package.swift lists the test targets by what is on the disk, which the cache of manifests does not look at.
MANIFEST := --manifest-cache none
# nft, ip and runc live in the sbin directories, which not every user has on PATH.
export PATH := $(PATH):/usr/local/sbin:/usr/sbin:/sbin
# What the kernel reserves to root: the tour, and the tests of the system.
SUDO := $(shell [ "$$(id -u)" = 0 ] || echo 'sudo -E env "PATH=$(PATH)"')

.DEFAULT_GOAL := help
.PHONY: run build test attack soak conformance check lint floors bench order install uninstall clean help

run: ## build a release, then walk the tour on it
	@Scripts/setup build tour
	@$(MAKE) --no-print-directory build
	@$(SUDO) $(BUILD)/skiff tour

PROGRAMS := skiff skiff-registry
build: ## the release: one static executable, .build/release/skiff, and skiff-registry, which speaks with registries
	@Scripts/setup build
	swift build -c release --static-swift-stdlib --product skiff
	swift build -c release --static-swift-stdlib --product skiff-registry
	@# As a package manager lays it down. The linker writes page by page, and what the kernel caches in single pages it also
	@# maps by single pages, which a start pays for.
	@for each in $(PROGRAMS); do cp $(BUILD)/$$each $(BUILD)/$$each.copy && mv $(BUILD)/$$each.copy $(BUILD)/$$each; done

test: ## every test, those that need root included (of the release too, which the tests of the whole program run)
	@Scripts/setup build tour test
	@$(MAKE) --no-print-directory build
	swift build $(MANIFEST) --build-tests
	@# Not through swift test, which as root leaves files of root's in .build.
	$(SUDO) env SKIFF_RELEASE="$(CURDIR)/$(BUILD)/skiff" .build/debug/skiffPackageTests.xctest --testing-library swift-testing

ATTACKS ?= 10000
attack: ## the attacks that win by chance, with 10,000 starts of the release each (ATTACKS=COUNT)
	@Scripts/setup build tour test
	@$(MAKE) --no-print-directory build
	swift build $(MANIFEST) --build-tests
	$(SUDO) env SKIFF_ATTACKS=$(ATTACKS) SKIFF_RELEASE="$(CURDIR)/$(BUILD)/skiff" \
	  swift test $(MANIFEST) --skip-build --disable-xctest --filter "EscapeTests|RacerTests|ReachTests|ConformanceTests"

SOAK ?= 300
soak: ## eight people and a killer at work on containers for five minutes (SOAK=SECONDS)
	@Scripts/setup build tour test
	swift build $(MANIFEST) --build-tests
	$(SUDO) env SKIFF_SOAK=$(SOAK) .build/debug/skiffPackageTests.xctest --testing-library swift-testing --filter SoakTests

RUNTIME ?= $(BUILD)/skiff-runtime
CASES ?=
conformance: ## black-box cases over an OCI runtime (RUNTIME=runc for a peer, CASES="mounts hooks" for some)
	@case "$(RUNTIME)" in $(BUILD)/*) $(MAKE) --no-print-directory build && ln -sf skiff $(BUILD)/skiff-runtime;; esac
	$(SUDO) Conformance/run "$(RUNTIME)" $(CASES)

check: lint floors test ## format lint, the walls between the floors, every test

lint: ## the format, strictly
	swift format lint --strict --parallel --recursive Sources Tests Package.swift

floors: ## who may import whom, and the other walls, alone
	swift test $(MANIFEST) --disable-xctest --filter "FloorsTests|WallsTests"

bench: ## ratios beside the peers that this machine has (crun, runc, podman, docker)
	@Scripts/setup build bench tour
	@$(MAKE) --no-print-directory build
	$(SUDO) Benchmarks/run $(BENCH)

order: ## Scripts/start-order.txt anew: which functions a start calls (before a release, or when starts have become slower)
	@Scripts/setup build bench
	SKIFF_SYMBOLS=1 swift build -c release --static-swift-stdlib --product skiff --scratch-path .build-symbols
	$(SUDO) Scripts/start-order .build-symbols/release/skiff

install: ## into PREFIX (/usr/local): skiff, its helper, skiff-runtime for those who call an OCI runtime, man pages, completions
	@[ -x $(BUILD)/skiff ] && [ -x $(BUILD)/skiff-registry ] || $(MAKE) --no-print-directory build
	install -d "$(DESTDIR)$(PREFIX)/bin"
	install -m 0755 $(BUILD)/skiff "$(DESTDIR)$(PREFIX)/bin/skiff"
	ln -sf skiff "$(DESTDIR)$(PREFIX)/bin/skiff-runtime"
	install -d "$(DESTDIR)$(PREFIX)/libexec/skiff"
	install -m 0755 $(BUILD)/skiff-registry "$(DESTDIR)$(PREFIX)/libexec/skiff/skiff-registry"
	install -d $(addprefix "$(DESTDIR)$(PREFIX)"/share/,man/man1 $(dir $(COMPLETIONS)))
	$(BUILD)/skiff man --all "$(DESTDIR)$(PREFIX)/share/man/man1"
	$(BUILD)/skiff completion bash > "$(DESTDIR)$(PREFIX)/share/$(word 1,$(COMPLETIONS))"
	$(BUILD)/skiff completion zsh > "$(DESTDIR)$(PREFIX)/share/$(word 2,$(COMPLETIONS))"
	$(BUILD)/skiff completion fish > "$(DESTDIR)$(PREFIX)/share/$(word 3,$(COMPLETIONS))"
	$(BUILD)/skiff oci man --all "$(DESTDIR)$(PREFIX)/share/man/man1"
	$(BUILD)/skiff oci completion bash > "$(DESTDIR)$(PREFIX)/share/$(word 1,$(RUNTIME_COMPLETIONS))"
	$(BUILD)/skiff oci completion zsh > "$(DESTDIR)$(PREFIX)/share/$(word 2,$(RUNTIME_COMPLETIONS))"
	$(BUILD)/skiff oci completion fish > "$(DESTDIR)$(PREFIX)/share/$(word 3,$(RUNTIME_COMPLETIONS))"

uninstall: ## takes away what install put
	rm -f "$(DESTDIR)$(PREFIX)/bin/skiff" "$(DESTDIR)$(PREFIX)/bin/skiff-runtime"
	rm -f "$(DESTDIR)$(PREFIX)/libexec/skiff/skiff-registry"
	[ ! -d "$(DESTDIR)$(PREFIX)/libexec/skiff" ] || rmdir --ignore-fail-on-non-empty "$(DESTDIR)$(PREFIX)/libexec/skiff"
	rm -f $(addprefix "$(DESTDIR)$(PREFIX)"/share/,$(COMPLETIONS) $(RUNTIME_COMPLETIONS))
	rm -f "$(DESTDIR)$(PREFIX)"/share/man/man1/skiff-*.1 "$(DESTDIR)$(PREFIX)"/share/man/man1/skiff.1

clean: ## removes what was built
	rm -rf .build

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20
