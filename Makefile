# The project's tasks. Tasks of more than a few lines are scripts in scripts/.

.DEFAULT_GOAL := help
.PHONY: help build install uninstall demo test test-windows lint audit check cross-check static dist size smoke \
	rehearse bench clients fuzz prove prove-quick clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## Build target/release/k8s-token-cache
	cargo build --release --locked

install: ## Build and install into ~/.local/bin, or PREFIX/bin
	scripts/install-local

uninstall: ## Restore the kubeconfigs and remove what make install installed
	sh scripts/install.sh --uninstall

demo: build ## Show a first and a second call: needs no cluster, leaves nothing behind
	scripts/demo target/release/k8s-token-cache

test: ## Install what the tests need, then run every test
	scripts/test-tools
	scripts/without-trace cargo test --locked
	scripts/without-trace scripts/fuzz replay
	scripts/without-trace scripts/clients --quick

test-windows: ## Run the tests of the Windows program under Wine
	scripts/test-windows

lint: ## Check the format and the lints of Rust and everything else
	cargo fmt --check
	cargo clippy --locked --all-targets -- -D warnings
	scripts/lint

audit: ## Check the dependencies for known vulnerabilities (needs the network)
	scripts/audit

check: lint test test-windows cross-check dist size smoke prove-quick rehearse ## Run everything that CI runs

cross-check: ## Run clippy for Windows and macOS
	scripts/cross-check

static: ## Build the smallest static binary for this machine
	scripts/static

dist: ## Build the release archives of every target
	scripts/dist

size: ## Compare the sizes of the builds with scripts/size-budget
	scripts/check-size

smoke: ## Check that the builds are static and work
	scripts/smoke

rehearse: ## Test every way to install, from the files of make dist
	scripts/rehearse

bench: ## Measure, and write the tables and the chart
	scripts/bench/run

clients: ## Compare real clients without the cache and with it, and write docs/CLIENTS.md
	scripts/clients

fuzz: ## Run every fuzz target for SECONDS=60, two at a time
	scripts/fuzz $(or $(SECONDS),60)

prove: ## Fail every system call, kill at each, run under load, watch the memory
	scripts/prove

prove-quick: ## Run a two-minute part of prove
	scripts/prove --quick

clean: ## Remove everything that was built or downloaded
	cargo clean
	rm -rf dist .tools
