# Every command of the project. `make demo` and `make test` do all set-up they need by themselves.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
export PATH := $(HOME)/.cargo/bin:$(PATH)

# Arguments for `make run` and `make test`: make run ARGS="--data here", make test ARGS="-p hinge-router".
ARGS ?=

# Lint, documentation and tests all use Cargo's `dev` profile and the whole workspace, so that each
# dependency is checked once and built once; only `bench` builds with full optimisation.
# The tests' `hinge` has points at which they make it fail; no other build has.
FAILING := --features hinge/failpoints
TESTED := $(if $(ARGS),$(ARGS),--workspace $(FAILING))

.PHONY: help setup check fmt lint test bench bench-kafka torture fuzz demo run deny build-setup

help: ## Lists these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## Installs what building and testing need (quiet when nothing is missing)
	@deploy/setup.sh build tests

check: build-setup ## All that CI checks: format, lints, documentation, dependencies, tests
	cargo fmt --all --check
	@$(MAKE) lint
	@$(MAKE) deny
	@$(MAKE) test ARGS=

fmt: build-setup ## Formats all Rust code
	cargo fmt --all

lint: build-setup ## Clippy and the documentation's links, warnings refused
	cargo clippy --workspace --all-targets --locked $(FAILING) -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked --quiet
	cargo fetch --locked --quiet --manifest-path tests/fuzz/Cargo.toml

test: build-setup ## All tests, on a real Kafka broker; ARGS narrows them
	@deploy/setup.sh tests || [ "$${CI:-}" != true ]
	cargo build --locked -p hinge -p hinge-checker $(FAILING)
	cargo test $(TESTED) --locked --no-run
	tests/kafka/with-broker cargo test $(TESTED) --locked

bench: build-setup ## The speed on this machine, part by part, and as ratios with what is wanted; needs no Kafka
	cargo bench --locked -p hinge-domain --bench domain
	cargo bench --locked -p hinge-tests --bench router $(ARGS)

bench-kafka: build-setup ## The real program beside a bare copy on a real broker, as ratios with what is wanted; ARGS="--quick --only json --soak 30 .."
	@deploy/setup.sh tests
	cargo build --release --locked -p hinge
	cargo bench --locked -p hinge-tests --bench kafka -- $(ARGS)

torture: build-setup ## A minute of each fuzz target, every planted bug and every fault once, shortly (half an hour and more); ARGS=all: all of it at length (many hours); "faults --only F5 --seeds 3 --full true", "planted", "trial", "list", "kill .."
	@deploy/setup.sh tests
	cargo build --locked -p hinge -p hinge-checker -p hinge-tests --bins $(FAILING)
ifeq ($(strip $(ARGS)),)
	@tests/fuzz/run 60 || [ $$? = 3 ]
	target/debug/torture planted
	target/debug/torture faults
else ifeq ($(strip $(ARGS)),all)
	@failed=0; \
	tests/fuzz/run 600 || [ $$? = 3 ] || failed=1; \
	for seed in 1 2 3; do target/debug/torture planted --seed $$seed || failed=1; done; \
	target/debug/torture faults --seeds 3 --full true || failed=1; \
	target/debug/torture trial || failed=1; \
	exit $$failed
else
	target/debug/torture $(ARGS)
endif

fuzz: build-setup ## Fuzzes decoding, policies, conditions, rows and sources, on a nightly compiler: ARGS="SECONDS TARGET .." (60, all)
	@tests/fuzz/run $(ARGS)

demo: build-setup ## Shows the product at work; needs neither Kafka nor Java
	cargo run --locked -p hinge -- demo $(ARGS)

run: build-setup ## Runs the services; ARGS are passed on
	cargo run --locked -p hinge -- run $(ARGS)

# Not compiled here, which would take minutes: `cargo install --locked cargo-deny` once.
deny:
	@if ! command -v cargo-deny > /dev/null; then \
	  echo "deny: skipped, cargo-deny is not installed; licences, bans, sources and advisories were not checked"; \
	else \
	  (set -x; cargo deny --locked check --hide-inclusion-graph bans licenses sources); \
	  if cargo deny fetch db 2> /dev/null; then \
	    (set -x; cargo deny --locked check --disable-fetch advisories); \
	  else \
	    echo "deny: the advisory database cannot be fetched; advisories were not checked"; \
	  fi; \
	fi

build-setup:
	@deploy/setup.sh build
