"""Measures what requests cost, beside two servers in C on the same libmicrohttpd: one that only sends the answer,
and one that reads and writes the JSON with jansson; and, where it was built, beside one in Swift with Hummingbird and
Codable. `make bench BENCH_ARGUMENTS="http --help"` lists the options."""

import argparse
import json
import os
import sys
import tempfile

import budget
import callgrind
import catalogue
import fairness
import process
import report
import timing
from servers import Builds, Failed

AREAS = ("requests", "growth", "fairness", "process")
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def arguments(words):
    parser = argparse.ArgumentParser(
        prog="http", description=__doc__.split(": one")[0] + ".",
        epilog="us is CPU time of the server for a request, from schedstat; spread is how far apart the rounds lie. "
               "Compare within a run, never across machines.")
    parser.add_argument("areas", nargs="*", metavar="area", help=f"of {', '.join(AREAS)}; all by default")
    parser.add_argument("--only", action="append", default=[], metavar="NAME",
                        help="only this request; may be repeated, and have * in it (decision-*)")
    parser.add_argument("--list", action="store_true", help="print the names of the requests and end")
    parser.add_argument("--rounds", type=int, default=5, help="of which medians are printed (5)")
    parser.add_argument("--seconds", type=float, default=0.5, help="of load for each server in a round (0.5)")
    parser.add_argument("--no-time", action="store_true", help="count instructions and allocations only")
    parser.add_argument("--no-count", action="store_true", help="measure time only; needs no valgrind")
    parser.add_argument("--profiles", metavar="FOLDER", help="keep callgrind's profiles here")
    parser.add_argument("--json", metavar="FILE", help="write the figures here too")
    parser.add_argument("--budget", metavar="FILE", help="only compare with the instruction budget in this file")
    parser.add_argument("--renew", action="store_true", help="with --budget: write what is counted into the file")
    parser.add_argument("--binary", default=os.path.join(ROOT, ".build/release/iovad"), help="the iovad to measure")
    parser.add_argument("--public", default=os.path.join(ROOT, "Public"), help="the folder of static files")
    parser.add_argument("--yardsticks", default=os.path.join(ROOT, ".build/yardsticks"), help="the folder of both")
    options = parser.parse_args(words)
    for area in options.areas:
        if area not in AREAS:
            parser.error(f"no area {area}; known are {', '.join(AREAS)}")
    if options.rounds < 1 or not 0.05 <= options.seconds <= 60:
        parser.error("--rounds is at least 1, --seconds 0.05 to 60")
    return options


def measure_rows(options, builds, folder):
    """Measures and prints row by row. Returns what JSON gets, and whether all could be measured."""
    chosen = catalogue.chosen(options.only)
    if not options.only and options.areas:
        chosen = [case for case in chosen if case.area in options.areas]
    if not chosen:
        return [], True
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} before the start, {options.rounds} rounds of "
          f"{options.seconds:g} s for each server")
    print(report.line(report.HEAD), flush=True)
    rows, is_whole = [], True
    for case in chosen:
        row = {}
        try:
            if not options.no_time:
                row.update(timing.measure(case, builds, folder, options.rounds, options.seconds))
            if not options.no_count and case.calls:
                with callgrind.Counted(builds, folder) as counted:
                    figures, profile = counted.count(case)
                row.update(figures)
                if options.profiles:
                    os.makedirs(options.profiles, exist_ok=True)
                    os.replace(profile, os.path.join(options.profiles, f"{case.name}.callgrind"))
        except Failed as failure:
            print(f"{case.name}: {failure}", file=sys.stderr, flush=True)
            is_whole = False
            continue
        rows.append(report.row_json(case, row))
        print(report.row_line(case, row), flush=True)
    for line in report.growth_lines(rows, catalogue.FLAT):
        print(line, flush=True)
    return rows, is_whole


def measure_others(options, builds, folder):
    """What is no row of a request: waiting under load, and the process."""
    found, is_whole = [], True
    parts = {"fairness": lambda: fairness.measure(builds, folder, options.rounds * 2),
             "process": lambda: process.measure(builds, folder)}
    for area, part in parts.items():
        if options.only or options.areas and area not in options.areas:
            continue
        try:
            for name, figures in part():
                found.append({"name": name, "area": area, **figures})
                print(report.other_line(name, figures), flush=True)
        except Failed as failure:
            print(f"{area}: {failure}", file=sys.stderr, flush=True)
            is_whole = False
    return found, is_whole


def main(words):
    options = arguments(words)
    if options.list:
        print("\n".join(case.name for case in catalogue.cases()))
        return 0
    load = os.getloadavg()[0]
    builds = Builds(options.binary, options.public, options.yardsticks)
    with tempfile.TemporaryDirectory(prefix="iovad-bench-") as folder:
        if options.budget:
            return (budget.renew if options.renew else budget.check)(options.budget, builds, folder)
        rows, is_whole = measure_rows(options, builds, folder)
        others, are_whole = measure_others(options, builds, folder)
    if options.json:
        with open(options.json, "w") as file:
            json.dump({"cores": os.cpu_count(), "load": load, "rounds": options.rounds, "seconds": options.seconds,
                       "rows": rows + others}, file, indent=1)
            file.write("\n")
    return 0 if is_whole and are_whole else 1


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except Failed as failure:
        sys.exit(f"http: {failure}")
