# The one list of entry points. Each does its own set-up: it looks for what is missing, installs it
# where it may, and otherwise stops with the command to run.

# A toolchain that was installed a moment ago is found before the next login.
export PATH := $(PATH):$(or $(CARGO_HOME),$(HOME)/.cargo)/bin

REQUIRE := deploy/setup/require.sh
BUILT := $(or $(CARGO_TARGET_DIR),target)

.DEFAULT_GOAL := help
# cargo uses every core by itself; two installations at once would be in each other's way.
.NOTPARALLEL:
.PHONY: help demo up test check bench soak fuzz kafka setup generate audit

help: ## list the entry points
	@awk -F ': .*## ' '/^[a-z]+:.*## / { printf "make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: kafka ## do the whole main job on sample data; ends with a summary and an exit code
	@$(REQUIRE) build
	cargo build --release --locked -p lgsp
	$(BUILT)/release/lgsp demo $(ARGS)

up: kafka ## run everything on this machine until Ctrl-C, e.g. make up ARGS="--port 8081"
	@$(REQUIRE) build
	cargo build --release --locked -p lgsp
	$(BUILT)/release/lgsp up $(ARGS)

test: kafka ## run every test, also those against the real Kafka
	@$(REQUIRE) build test
	@deploy/setup/venv.sh
	@deploy/setup/java-clients.sh
	cargo build --locked -p lgsp
	cargo test --workspace --locked $(ARGS)

check: ## format, clippy, documentation, dependencies: warnings are faults
	@$(REQUIRE) build check
	cargo fmt --all -- --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked
	cargo deny --locked check bans licenses sources

bench: kafka ## measure against the floor: a table, and target/bench/report.json
	@$(REQUIRE) build
	cargo build --release --locked -p lgsp
	cargo bench --locked -p lgsp-tests $(ARGS)

soak: kafka ## a working day of 3,000 dossiers through every way in, the bus and its broker killed 20 times
	@$(REQUIRE) build test
	@deploy/setup/venv.sh
	cargo build --locked -p lgsp
	LGSP_KILLS=20 LGSP_DOSSIERS=3000 cargo test --locked -p lgsp-tests --test working_day -- --nocapture $(ARGS)

fuzz: ## look for inputs that break a parser, 30 s for each, e.g. make fuzz ARGS="--seconds 600 packet"
	@$(REQUIRE) build
	@deploy/setup/fuzz.sh
	fuzz/run.sh $(ARGS)

kafka: ## fetch the broker's jars to target/kafka/libs
	@$(REQUIRE) run
	@deploy/setup/kafka.sh

setup: kafka ## install everything that any of these needs
	@$(REQUIRE) build test check
	@deploy/setup/venv.sh
	@deploy/setup/java-clients.sh

generate: ## write the gRPC code of crates/proto from proto/
	@$(REQUIRE) build
	LGSP_GENERATE=1 cargo test --locked -p lgsp-proto-codegen --test generated

audit: ## look for known vulnerabilities of the dependencies (needs the internet)
	@$(REQUIRE) build check
	cargo deny --locked check advisories
