# Only Go, git, make and (for the race detector) a C compiler are assumed. `make help` lists what there is.
SHELL       := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# One version for all: what passes here passes everywhere.
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2

BIN      := $(CURDIR)/bin
PACKAGES := ./cmd/... ./modules/... ./backend/... ./policies/... ./caddyfiles/... ./deploy/... ./test/...
# The tests that run beside each other, with the race detector; the ones in test/ start processes and go alone.
UNIT     := ./cmd/... ./modules/... ./backend/... ./policies/... ./caddyfiles/... ./deploy/release/...
FUZZTIME ?= 3s

# Without the folder's path in what is built, every clone of this machine shares what another has built.
export GOFLAGS ?= -mod=readonly -trimpath
# As the programs are released; only the race detector needs C.
export CGO_ENABLED := 0
# The compiler that go.mod pins, whichever go command is installed.
export GOTOOLCHAIN := $(shell sed -n 's/^toolchain //p' go.mod)

# Of `make release` and `make vulncheck`.
VERSION ?=
KEY     ?=
VULNDB  ?= https://vuln.go.dev

.PHONY: help build demo test deps lint unit arch conformance e2e fuzz-short bench measure simulate console-bench soak scale deploy-check clean
.PHONY: sbom licences vulncheck reproducible release

help: ## Lists the targets
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z0-9-]+):.*## /  make \1\t/' | expand -t 20

build: ## Builds bin/convosphere and bin/chat, static
	@mkdir -p $(BIN)
	go build -o $(BIN)/ ./cmd/convosphere ./cmd/chat

demo: build ## Runs the gateway with everything embedded, on https://localhost:8443
	exec $(BIN)/convosphere demo $(DEMO_FLAGS)

test: deps lint unit arch conformance e2e deploy-check fuzz-short ## Everything: lint, unit, arch, conformance, end to end, what is in deploy/, short fuzzing
	@echo "make test: all passed"

deps: ## Installs the servers and the browser that tests need, from Debian's packages, when it may
	@test/scripts/deps redis-server chromium postgresql clamav-daemon npm openssh-client jq curl python3 prometheus

lint: build ## gofmt, go vet, staticcheck, opa check and fmt, caddy fmt
	@test/scripts/lint "$(STATICCHECK)" $(PACKAGES)

# SQLite is C translated to Go, working on memory of its own: watched for races it is only slow. Lint has vetted. Memory for less of the collector's time.
unit: ## Tests of every package, with the race detector; what counts allocations, without it
	GOGC=400 CGO_ENABLED=1 go test -race -gcflags='modernc.org/...=-race=false -d=checkptr=0' -vet=off -timeout 25m $(UNIT)
	go test -run 'AllocateLittle' ./modules/policy/engine

arch: ## The rules of the house: imports, manifest, directives, Caddyfiles
	go test -timeout 5m ./test/arch/...

conformance: build ## The test suite of the Core Rule Set, whole, against the built gateway
	GATEWAY_BIN_DIR=$(BIN) go test -count=1 -timeout 20m -v ./test/conformance/...

e2e: build ## The built binaries with a real Redis and a real browser
	GATEWAY_BIN_DIR=$(BIN) go test -count=1 -timeout 20m ./test/kit/... ./test/postgres/... ./test/redisfleet/... ./test/e2e/... ./test/attacks/... ./test/chaos/... ./test/rolling/... ./test/upgrade/... ./test/bench/... ./test/measure/... ./test/simulate/... ./test/console/... ./test/listen/... ./test/docs/... ./test/scale/... ./test/soak/... ./test/telemetry/...
	go run ./test/simulate -days 2 -users 200 -detector $(BIN)/convosphere

deploy-check: build ## What is in deploy/: image, compose, chart, unit and package, and the binary run as they say
	@test/scripts/deps runc nftables iproute2 systemd openssl redis-server postgresql
	cd deploy/check && go vet ./... && GATEWAY_BIN_DIR=$(BIN) go test -count=1 -timeout 25m -v ./... 2>&1 | grep -vE '^=== '

fuzz-short: ## Every fuzz target for FUZZTIME
	@test/scripts/fuzz $(FUZZTIME) modules backend

bench: build ## Requests per second as ratios to plain Caddy, by wrk, and what single requests cost at the WAF
	@test/scripts/deps wrk
	GATEWAY_BIN_DIR=$(BIN) go run ./test/bench $(BENCH_FLAGS)

measure: bench ## What takes long: the benchmark, what the WAF refuses and should not, logins and lookups among a million accounts, an upload of 2 GiB, 10,000 tamperings with the audit log and 1,000 kills of its writer, what detection finds of simulated attacks, the console's views with a million events, the screen held against Coraza and limits against their model for minutes, every fuzz target for a minute, both programs built twice from nothing
	@test/scripts/deps npm
	GATEWAY_BIN_DIR=$(BIN) go run ./test/measure $(MEASURE_FLAGS)
	go run ./test/simulate -detector $(BIN)/convosphere $(SIMULATE_FLAGS)
	GATEWAY_BIN_DIR=$(BIN) go run ./test/console $(CONSOLE_FLAGS)
	GATEWAY_BIN_DIR=$(BIN) go run ./test/scale -results $(BIN)/scale.json -page $(BIN)/scale.md
	GW_CAMPAIGN=5m go test -count=1 -timeout 60m -v -run 'Sound|Program' ./modules/waf/screen
	GW_CAMPAIGN=1m go test -count=1 -timeout 30m -v -run 'Model|Nobody|Refunds' ./modules/ratelimit/limit
	GW_CAMPAIGN=1 go test -count=1 -timeout 90m -v -run 'Tampering|Killed' ./modules/audit/auditlog
	GW_BACKUP=1GiB go test -count=1 -timeout 60m -v -run TimesAtThatSize ./modules/gateway/backup
	GW_UPLOAD=2GiB go test -count=1 -timeout 30m -v -run LongUploads ./modules/upload
	@test/scripts/fuzz 60s modules backend
	go run ./deploy/release reproducible

simulate: build ## What detection finds of simulated attacks among ten thousand people in a week, and how often it is wrong
	go run ./test/simulate -detector $(BIN)/convosphere $(SIMULATE_FLAGS)

console-bench: build ## How long the console's views take with a million events; CONSOLE_FLAGS="-out DIR" makes pictures of them all
	@test/scripts/deps chromium npm
	GATEWAY_BIN_DIR=$(BIN) go run ./test/console $(CONSOLE_FLAGS)

soak: build ## An hour of traffic, attacks, reloads and restarts: nothing grows, nothing is lost, every answer is explained; SOAK_FLAGS="-for 10m -out DIR"
	@test/scripts/deps redis-server postgresql
	GATEWAY_BIN_DIR=$(BIN) go run ./test/soak $(SOAK_FLAGS)

sbom: build ## Of what the programs are made: bin/*.cdx.json, CycloneDX
	go run ./deploy/release sbom -o $(BIN)/convosphere.cdx.json $(BIN)/convosphere
	go run ./deploy/release sbom -o $(BIN)/chat.cdx.json $(BIN)/chat

licences: ## The licences of all that is linked; fails where one is unknown or copyleft. Their texts: bin/THIRD_PARTY_LICENSES.txt
	@mkdir -p $(BIN)
	go run ./deploy/release licences -o $(BIN)/THIRD_PARTY_LICENSES.txt

# The program's own exit code (3: found, 4: no database to ask) would be make's 2 and go run's 1, so it is built first and told.
vulncheck: ## Whether the programs call what is known to be vulnerable; VULNDB=file:///path where vuln.go.dev can't be reached
	@mkdir -p $(BIN)
	@go build -o $(BIN)/release ./deploy/release
	@$(BIN)/release vulncheck -db $(VULNDB) || { code=$$?; echo "vulncheck: exit code $$code (3: found, 4: nothing was checked)" >&2; exit $$code; }

reproducible: ## Builds both programs twice, from nothing, in two folders; fails where a byte differs
	go run ./deploy/release reproducible

release: ## dist/VERSION: archives, SBOMs, licences, checksums; signed with KEY=, a key of ssh
	go run ./deploy/release make -version "$(VERSION)" -key "$(KEY)"

scale: build ## What requests take of gateways, Redis and PostgreSQL, what larger fleets need, and how far the model of it is off here: writes docs/scale.md
	@test/scripts/deps redis-server postgresql
	GATEWAY_BIN_DIR=$(BIN) go run ./test/scale $(SCALE_FLAGS)

clean: ## Removes what was built
	rm -rf $(BIN)
