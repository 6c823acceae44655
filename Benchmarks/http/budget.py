"""The instruction budget: for a few requests, how many instructions one may take, kept in Benchmarks/budget.json and
checked by `make bench-budget`. Instructions, unlike times, are the same on a busy machine. Those of another kind of
machine do not compare: there the check says so and passes."""

import json
import os
import platform
import sys

import callgrind
import catalogue
from servers import Failed

# Runs of one build lay within 1.3 % of each other (ten runs; decision-none, for ids, dates and addresses differ).
# The rest is for processors with other variants of memcpy and for libraries with a later patch.
TOLERANCE = 0.05
# Below this share of its budget a request has become so cheap that the budget holds nothing back.
OUTGROWN = 0.8
REQUESTS = ("livez", "static", "decision-none", "placement-100", "batch-1000")


def counted(builds, folder):
    """Instructions of each request, of one server that is asked them one after another."""
    found = {}
    with callgrind.Counted(builds, folder) as server:
        for case in catalogue.cases():
            if case.name in REQUESTS:
                figures, _ = server.count(case)
                found[case.name] = round(figures["instructions"])
    return found


def renew(path, builds, folder):
    found = counted(builds, folder)
    with open(path, "w") as file:
        json.dump({"machine": platform.machine(), "instructions": found}, file, indent=4)
        file.write("\n")
    print("\n".join(f"{name}: {count:,} instructions" for name, count in found.items()))
    return 0


def check(path, builds, folder):
    """Exit status 1 when a request takes more than its budget."""
    if not os.path.exists(path):
        raise Failed(f"no budget at {path}: make bench-budget RENEW=1")
    with open(path) as file:
        kept = json.load(file)
    if kept["machine"] != platform.machine():
        print(f"budget: {path} is of {kept['machine']}, this is {platform.machine()}; not compared")
        return 0
    found, is_kept = counted(builds, folder), True
    for name, budget in kept["instructions"].items():
        if name not in found:
            raise Failed(f"{path} has a budget for {name}, which is not counted; renew it")
        ratio = found[name] / budget
        print(f"{name}: {found[name]:,} instructions, {ratio - 1:+.1%} of the budget of {budget:,}", flush=True)
        if ratio > 1 + TOLERANCE:
            is_kept = False
            print(f"budget: {name} takes {found[name]:,} instructions; its budget is {budget:,}, and at most "
                  f"{TOLERANCE:.0%} more is allowed. Find what it does more (make bench "
                  f"BENCH_ARGUMENTS=\"http --no-time --only {name} --profiles DIR\", then callgrind_annotate), or, if "
                  "that is meant, make bench-budget RENEW=1 and say why in the commit.", file=sys.stderr)
        elif ratio < OUTGROWN:
            print(f"budget: {name} takes much less than its budget; make bench-budget RENEW=1 keeps it so")
    return 0 if is_kept else 1
