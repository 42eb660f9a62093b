"""Computes expected.json with lifelines (pip install lifelines): python3 expected.py > expected.json

Its own reading of the incident log, from the raw CSV: python3 expected.py FILE.csv prints the figures of that file alone.
"""

import csv
import datetime
import json
import pathlib
import sys
import warnings

from lifelines import KaplanMeierFitter
from lifelines.statistics import logrank_test
from lifelines.utils import qth_survival_times

# That a quantile is read off the curve is what is wanted here.
warnings.simplefilter("ignore")

HERE = pathlib.Path(__file__).parent

# Freireich et al. 1963, the weeks in remission of 42 patients: ties and censoring.
TREATED = [6, 6, 6, 6, 7, 9, 10, 10, 11, 13, 16, 17, 19, 20, 22, 23, 25, 32, 32, 34, 35]
TREATED_SEEN = [1, 1, 1, 0, 1, 0, 1, 0, 0, 1, 1, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0]
PLACEBO = [1, 1, 2, 2, 3, 4, 4, 5, 5, 8, 8, 8, 8, 11, 11, 12, 12, 15, 17, 22, 23]


def finite(number):
    return None if number != number or number == float("inf") else float(number)


def curve(times, seen, at):
    fit = KaplanMeierFitter().fit(times, seen)
    shares = {}
    for time in at:
        row = fit.confidence_interval_.loc[:time].iloc[-1]
        shares[str(time)] = [1 - float(fit.predict(time)), 1 - float(row.iloc[1]), 1 - float(row.iloc[0])]
    quantiles = {}
    for percent in (50, 75, 90, 95):
        q = 1 - percent / 100
        # The quotient of counts may miss the line by a rounding error.
        q += 1e-12
        low, high = (finite(qth_survival_times(q, fit.confidence_interval_.iloc[:, [side]])) for side in (0, 1))
        quantiles[f"p{percent}"] = [finite(fit.percentile(q)), low, high]
    return {"clocks": len(times), "stopped": int(sum(seen)), "shares": shares, "quantiles": quantiles}


def moment(text):
    return datetime.datetime.strptime(text, "%d/%m/%Y %H:%M")


def incidents(path, until=None):
    """Seconds from opened_at to the first Resolved or Closed row, by priority; censored at `until`."""
    opened, stopped, priority = {}, {}, {}
    with open(path, newline="") as file:
        for row in csv.DictReader(file):
            number, at = row["number"], moment(row["sys_updated_at"])
            opened[number] = moment(row["opened_at"])
            priority.setdefault(number, row["priority"])
            if row["incident_state"] in ("Resolved", "Closed"):
                stopped[number] = min(stopped.get(number, at), at)
    times, seen, group = [], [], []
    for number, start in opened.items():
        end = stopped.get(number)
        if until and start > until:
            continue
        happened = end is not None and (until is None or end <= until)
        times.append(((end if happened else until) - start).total_seconds())
        seen.append(int(happened))
        group.append(priority[number])
    return times, seen, group


def of_log(path, until):
    times, seen, group = incidents(path, until)
    hours = [1, 8, 24, 72, 120, 240]
    found = curve(times, seen, [hour * 3600 for hour in hours])
    found["priorities"] = {}
    for name in sorted(set(group)):
        pick = [g == name for g in group]
        mine = [t for t, p in zip(times, pick) if p], [s for s, p in zip(seen, pick) if p]
        rest = [t for t, p in zip(times, pick) if not p], [s for s, p in zip(seen, pick) if not p]
        test = logrank_test(mine[0], rest[0], mine[1], rest[1])
        found["priorities"][name] = {**curve(*mine, []), "log_rank_p": float(test.p_value)}
    return found


def main():
    if len(sys.argv) > 1:
        until = datetime.datetime.fromisoformat(sys.argv[2]) if len(sys.argv) > 2 else None
        print(json.dumps(of_log(sys.argv[1], until), indent=1))
        return
    both = TREATED + PLACEBO
    both_seen = TREATED_SEEN + [1] * len(PLACEBO)
    sample = HERE.parent / "incident_log" / "sample.csv"
    middle = datetime.datetime(2016, 3, 11, 12)
    print(
        json.dumps(
            {
                "treated": curve(TREATED, TREATED_SEEN, [5, 6, 10, 23, 35]),
                "placebo": curve(PLACEBO, [1] * len(PLACEBO), [1, 8, 22, 23]),
                "both": curve(both, both_seen, [6, 12, 22]),
                "log_rank_p": float(logrank_test(TREATED, PLACEBO, TREATED_SEEN, [1] * len(PLACEBO)).p_value),
                "sample": of_log(sample, None),
                "sample_until_2016-03-11T12": of_log(sample, middle),
            },
            indent=1,
        )
    )


main()
