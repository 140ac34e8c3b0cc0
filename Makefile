# Two commands do everything: `make demo` and `make test`. Each installs what is missing first.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
export PATH := $(CURDIR)/node_modules/.bin:$(PATH):/usr/sbin:/sbin
.DEFAULT_GOAL := help

.PHONY: help
help: ## Show this list
	@awk 'BEGIN { FS = ":.*## " } /^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: setup
setup: ## Install apt packages, Node 24 and modules, if missing
	@deploy/setup.sh

.PHONY: demo
demo: setup ## The main job on real Open vSwitch; CLUSTER=3 or 5: controllers that die (KEEP=1 leaves it running)
	@bin/weir demo $(if $(CLUSTER),--cluster $(CLUSTER)) $(if $(KEEP),--keep)

.PHONY: test
test: setup ## Every test: unit, property, simulated clusters, real Open vSwitch
	@node test/run.ts

.PHONY: fuzz
fuzz: setup ## The judges of one policy, on random clouds, until one differs (SEED=, MINUTES=)
	@SEED=$(SEED) MINUTES=$(MINUTES) node test/fuzz.ts

.PHONY: simulate
simulate: setup ## Clusters that break, under one seed each (SEEDS=10000 FIRST_SEED=1 STEPS=3000)
	@SEEDS=$(or $(SEEDS),10000) FIRST_SEED=$(FIRST_SEED) STEPS=$(STEPS) vitest run --project simulation test/simulation/raft.test.ts

.PHONY: faults
faults: setup ## Controllers that are killed, frozen, cut off, full, under load (SEED=, MINUTES=, FAULTS=kill-leader,…)
	@SEED=$(SEED) MINUTES=$(MINUTES) FAULTS=$(FAULTS) node test/faults.ts

.PHONY: endure
endure: setup ## Controllers that die, freeze and are cut off, under traffic (ROUNDS=50 SEED= ONLY=)
	@ROUNDS=$(or $(ROUNDS),50) SEED=$(SEED) ONLY='$(ONLY)' vitest run --project integration test/integration/cluster-lab.test.ts

.PHONY: check
check: setup ## Types, lint, format, import doors, dead code
	tsc --noEmit
	oxlint --type-aware --deny-warnings
	oxfmt --check
	vitest run --project unit test/doors
	knip

.PHONY: bench
bench: setup ## The benchmarks, one JSON object a line
	@bin/weir bench all --json
