#!/usr/bin/env python3
"""What a report of the incident log must say, per month of the deadline and per assignment group: computed from the raw rows alone.

    expected.py sample.csv > expected_sample.csv
    expected.py incident_event_log.zip > expected_whole_log.csv

The promise: the first Resolved or Closed row, by time, ties by place in the file, at most H hours after `opened_at`. An incident
counts under the group that its stopping row names, and in the month of opened_at + H hours. The SLA is called by its hours.
"""
import csv, io, math, sys, zipfile
from collections import defaultdict
from datetime import datetime, timedelta

HOURS = (24, 72, 120)
STOPS = ("Resolved", "Closed")


def rows(path):
    if path.endswith(".zip"):
        archive = zipfile.ZipFile(path)
        (name,) = archive.namelist()
        return csv.DictReader(io.TextIOWrapper(archive.open(name), "utf-8"))
    return csv.DictReader(open(path, encoding="utf-8"))


def instant(text):
    return datetime.strptime(text, "%d/%m/%Y %H:%M")


def rank(ordered, percent):
    return ordered[math.ceil(percent * len(ordered) / 100) - 1]


opened, stopped = {}, {}
for place, row in enumerate(rows(sys.argv[1])):
    number = row["number"]
    opened.setdefault(number, instant(row["opened_at"]))
    if row["incident_state"] in STOPS:
        stop = (instant(row["sys_updated_at"]), place, row["assignment_group"])
        stopped[number] = min(stop, stopped.get(number, stop))
assert opened.keys() == stopped.keys(), "every incident of this log is resolved or closed in the end"

cells = defaultdict(list)
for number, start in opened.items():
    at, _, group = stopped[number]
    for hours in HOURS:
        due = start + timedelta(hours=hours)
        taken = (at <= due, int((at - start).total_seconds()))
        for key in (("", ""), ("team", "(none)" if group == "?" else group), ("month", due.strftime("%Y-%m"))):
            cells[(hours, *key)].append(taken)

print("sla,group_by,group,started,met,met_late,breached,running,cancelled,met_share,open_seconds_p50,open_seconds_p90,open_seconds_p99")
for (hours, by, group), taken in sorted(cells.items()):
    met = sum(in_time for in_time, _ in taken)
    seconds = sorted(seconds for _, seconds in taken)
    share = f"{math.floor(met / len(taken) * 10000 + 0.5) / 10000:g}"
    quantiles = ",".join(str(rank(seconds, percent)) for percent in (50, 90, 99))
    print(f"{hours},{by},{group},{len(taken)},{met},{len(taken) - met},0,0,0,{share},{quantiles}")
