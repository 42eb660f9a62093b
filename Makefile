# CARGO and PLAZO may be overridden: `make demo PLAZO=/usr/bin/plazo`, `make test CARGO="cargo +1.88"`; LOCKED= lets the lock file move.
CARGO  ?= cargo
LOCKED ?= --locked
CASES  ?= 10000000
PLAZO  ?= $(CARGO) run $(LOCKED) --release --quiet --
ARGS   ?=

.PHONY: demo run test browser examples fuzz mutants chaos tls lint simulate bench bench-kafka kafka kafka-libs

# Apache Kafka from Maven Central, for the tests on a real broker.
KAFKA_LIBS = target/kafka-libs

# The whole thing at once: a synthetic CRM at accelerated time, notices as they come.
demo:
	$(PLAZO) demo $(ARGS)

run:
	$(PLAZO) run $(ARGS)

test: lint kafka-libs browser
	$(CARGO) test $(LOCKED)

# Chromium and its driver, in which the tests open the pages.
browser:
	@tests/browser/get

# The files of examples/ that are not written by hand.
examples:
	PLAZO="$(PLAZO)" sh examples/make.sh

# The long tests on brokers: members are killed 30 times (PLAZO_KILLS) under each group protocol, any one of three brokers is killed; PLAZO_SEED repeats a run.
chaos: kafka-libs
	PLAZO_KILLS=$${PLAZO_KILLS:-30} $(CARGO) test $(LOCKED) --features chaos --test on_kafka -- chaos:: of_three_brokers $(ARGS)

# A broker that speaks TLS; builds OpenSSL (perl, make), and makes the broker's key with Java's keytool.
tls: kafka-libs
	$(CARGO) test $(LOCKED) --features tls --test on_kafka -- tls:: $(ARGS)

# The Kafka shell against simulated brokers and clocks: SEEDS=5000 of them, FROM=100000 on; SEED=17 runs that one alone.
simulate:
	SIMULATE_SEEDS=$(or $(SEEDS),2000) SIMULATE_FROM=$(FROM) SIMULATE_SEED=$(SEED) $(CARGO) test $(LOCKED) --test simulation -- --nocapture every_breach

# Inputs that nobody meant, CASES of them over all targets, on one core (tests/fuzz): 7,000/s, optimised and yet with the checks of a debug build.
CHECKED = --release --config profile.release.package.plazo.debug-assertions=true --config profile.release.package.plazo.overflow-checks=true
fuzz:
	FUZZ_CASES=$(CASES) $(CARGO) test $(LOCKED) $(CHECKED) --test fuzz -- --test-threads 1 --nocapture

# Mutants of calendar, policy, timer_wheel and engine: hours for all of them; SHARD=0/12 takes a twelfth, FILES='src/calendar/**' those files' (docs/mutants.md).
mutants:
	@SHARD="$(SHARD)" FILES="$(FILES)" tests/mutants/run

lint:
	$(CARGO) fmt --check
	$(CARGO) clippy $(LOCKED) --all-targets -- -D warnings

# One node to play with, until Ctrl-C; its data is in target/kafka.
kafka: kafka-libs
	tests/kafka/run $(KAFKA_LIBS) target/kafka

kafka-libs: $(KAFKA_LIBS)/done

$(KAFKA_LIBS)/done: tests/kafka/pom.xml
	tests/kafka/need-java
	rm -rf $(KAFKA_LIBS)
	mvn -q -B -f tests/kafka/pom.xml dependency:copy-dependencies -DoutputDirectory=$(CURDIR)/$(KAFKA_LIBS) -DincludeScope=runtime
	touch $@

# Every bench beside its peers; the goals are in benches/README.md.
bench:
	$(CARGO) bench $(LOCKED) --bench '*' $(ARGS)

# On a real Kafka, beside a raw transactional pass-through.
bench-kafka: kafka-libs
	$(CARGO) bench $(LOCKED) --bench kafka -- $(or $(ARGS),all)
