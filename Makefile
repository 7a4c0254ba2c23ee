# What there is to do. Everything that takes more than a line stands in scripts/.

.DEFAULT_GOAL := help
.PHONY: help build install demo test test-windows lint audit check cross-check static dist size smoke \
	rehearse bench fuzz prove prove-quick clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## Build target/release/k8s-token-cache
	cargo build --release --locked

install: ## Install into ~/.local/bin, or PREFIX/bin
	scripts/install-local

demo: build ## See it work: needs no cluster and leaves nothing behind
	scripts/demo target/release/k8s-token-cache

test: ## Run every test, after setting up what the tests need
	scripts/test-tools
	cargo test --locked
	scripts/fuzz replay

test-windows: ## Run the tests of the Windows program under Wine
	scripts/test-windows

lint: ## Check format and lints, of Rust and of everything else
	cargo fmt --check
	cargo clippy --locked --all-targets -- -D warnings
	scripts/lint

audit: ## Check the dependencies for known vulnerabilities: needs the network
	scripts/audit

check: lint test test-windows cross-check dist size smoke prove-quick rehearse ## Run what CI runs

cross-check: ## Check the lints for Windows and macOS
	scripts/cross-check

static: ## Build the smallest static binary for this machine
	scripts/static

dist: ## Build the release archives of every target
	scripts/dist

size: ## Compare the builds with scripts/size-budget
	scripts/check-size

smoke: ## Prove that the builds are static and that they work
	scripts/smoke

rehearse: ## Try every way to install, from what make dist made
	scripts/rehearse

bench: ## Measure, and write the table and the chart
	scripts/bench/run

fuzz: ## Run every fuzz target for SECONDS=60, two at a time
	scripts/fuzz $(or $(SECONDS),60)

prove: ## Make every system call fail, kill at each, load, watch the memory
	scripts/prove

prove-quick: ## The same in two minutes: fewer errors, calls and edits
	scripts/prove --quick

clean: ## Remove what was built and downloaded
	cargo clean
	rm -rf dist .tools
