# Airlock. `make` alone lists what there is.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

# A function is built for Lambda unless GOOS and GOARCH say otherwise.
GOOS ?= linux
GOARCH ?= arm64
export CGO_ENABLED ?= 0

AIRLOCK := .build/airlock
# The race detector needs a C compiler.
RACE := $(if $(shell command -v gcc clang 2>/dev/null),-race)
TOOL = go tool -modfile=$(CURDIR)/tools/go.mod

.PHONY: help
help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: demo dev rotate smoke
demo: airlock ## play the whole story on the embedded AWS, refusals included
	@$(AIRLOCK) demo
dev: airlock ## keep the embedded AWS up; data in .airlock/ (AIRLOCK_DATA, AIRLOCK_PORT, AIRLOCK_SIGNING_KEY)
	@exec $(AIRLOCK) dev
rotate: airlock ## rotate the signing key of a running make dev, now
	@$(AIRLOCK) rotate
smoke: airlock ## play the same story against the stack STACK on AWS (TOKEN, TOKEN_OTHER: two users' tokens, if it has no user pool)
	@exec $(AIRLOCK) smoke

.PHONY: airlock
airlock: # the embedded AWS; built with the functions' flags, so that both share the standard library
	@[ -x $(AIRLOCK) ] || echo "building the embedded AWS: about two minutes on two cores the first time, never again"
	@GOOS= GOARCH= go build -C local -trimpath -o $(CURDIR)/$(AIRLOCK) ./cmd/airlock

# What SAM calls (BuildMethod: makefile), and the embedded AWS for the platform it runs on.
build-%Function:
	@GOOS=$(GOOS) GOARCH=$(GOARCH) go build -trimpath -tags lambda.norpc -ldflags '-s -w' \
		-o $(ARTIFACTS_DIR)/bootstrap ./functions/$(shell echo $* | tr A-Z a-z)

FUNCTIONS := $(shell sed -n 's/^  \([A-Z][a-z]*Function\):$$/\1/p' template.yaml)
.PHONY: build
build: $(FUNCTIONS:%=dist/%.zip) ## dist/<LogicalId>.zip of every function, for Lambda on arm64
.PHONY: $(FUNCTIONS:%=dist/%.zip)
$(FUNCTIONS:%=dist/%.zip): dist/%.zip: # a static pattern: make looks for no other rule for what is phony
	@$(MAKE) -s build-$* ARTIFACTS_DIR=.build/lambda/$*
	@GOOS= GOARCH= go run -C local -trimpath ./cmd/pack $(CURDIR)/.build/lambda/$*/bootstrap $(CURDIR)/$@

.PHONY: test lint fuzz bench tidy ci
test: export CGO_ENABLED := $(if $(RACE),1,0)
test: ## every test, of both modules
	@# -shuffle also keeps results out of the cache, which does not see that local/ reads the other module.
	@$(if $(RACE),,echo "no C compiler: the tests run without the race detector")
	@[ -e local/conformance/node_modules ] || echo "local/conformance: tests against other implementations are skipped; CONTRIBUTING.md says how to install those"
	go test $(RACE) -shuffle=on ./...
	go test -C local $(RACE) -shuffle=on ./...
lint: ## linters, the template's validator, and a build for every platform
	@.ci/lint
fuzz: ## every fuzz target, for FUZZTIME (10s) each
	@.ci/fuzz $(or $(FUZZTIME),10s)
bench: build ## measure the figures of docs/performance.md, and write them there
	@{ go test -run '^$$' -bench . -benchmem -count 5 ./pkg/... && go test -C local -run '^$$' -bench . -benchtime 20x ./measure; } | tee $(CURDIR)/.build/bench | \
		go run -C local ./cmd/figures $(CURDIR)/docs/performance.md $(CURDIR)/dist
tidy: ## go.mod and go.sum of every module
	go mod tidy && go -C local mod tidy && go -C tools mod tidy
ci: ## what CI runs
	@.ci/run
