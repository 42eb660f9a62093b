# CARGO and PLAZO may be overridden: `make demo PLAZO=/usr/bin/plazo`, `make test CARGO="cargo +1.88"`; LOCKED= lets the lock file move.
CARGO  ?= cargo
LOCKED ?= --locked
PLAZO  ?= $(CARGO) run $(LOCKED) --release --quiet --
ARGS   ?=

.PHONY: demo run test lint bench

# The whole thing at once: a synthetic CRM at accelerated time, notices as they come.
demo:
	$(PLAZO) demo $(ARGS)

run:
	$(PLAZO) run $(ARGS)

test: lint
	$(CARGO) test $(LOCKED)

lint:
	$(CARGO) fmt --check
	$(CARGO) clippy $(LOCKED) --all-targets -- -D warnings

# Every bench beside its peers; the goals are in benches/README.md.
bench:
	$(CARGO) bench $(LOCKED) --bench '*' $(ARGS)
