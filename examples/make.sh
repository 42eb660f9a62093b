#!/bin/sh
# Makes every file here that is not written by hand. `make examples` runs it with PLAZO, the command to run.
set -eu
cd "$(dirname "$0")"
plazo() { $PLAZO "$@"; }

# A quarter of a CRM's traffic, made up: some events come late, some twice.
plazo load --leads 200 --seed 2027 --spacing 36000 > history.ndjson

# What did the agreement bring?
plazo replay --policy policy.toml --events history.ndjson > replay.txt
plazo replay --policy policy.toml --events history.ndjson --report json --by source > replay.json
plazo replay --policy policy.toml --events history.ndjson --html --by source > report.html
plazo replay --policy policy.toml --events history.ndjson --html --lang es --period week --breaches 3 > report.es.html

# What would the draft change, for whom and why?
plazo replay --policy policy.toml --policy draft.toml --events history.ndjson --changed changed.ndjson > comparison.txt
plazo replay --policy policy.toml --policy draft.toml --events history.ndjson --lang es > comparison.es.txt
plazo replay --policy policy.toml --policy draft.toml --events history.ndjson --report json > comparison.json

# What does the history support?
plazo suggest --policy policy.toml --events history.ndjson --met 70% --by source --write suggested.toml > suggest.txt
plazo suggest --policy policy.toml --events history.ndjson --met 70% --by source --lang es > suggest.es.txt
plazo check --policy suggested.toml

# The document that both sides sign.
plazo agreement --policy policy.toml > agreement.md
plazo agreement --policy policy.toml --html > agreement.html
plazo agreement --policy policy.toml --lang es > agreement.es.md
plazo agreement --policy policy.toml --lang es --html > agreement.es.html
plazo agreement --policy draft.toml --since policy.toml > agreement-of-draft.md
