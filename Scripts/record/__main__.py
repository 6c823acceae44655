"""Asks a server thousands of requests and keeps the answers; asks them again of another build and prints what
differs. `make record` and `make compare` call it; a recording is for moves that must not change the wire.

    python3 Scripts/record record  --binary B --public Public --output F [--seed N] [--shelf ../shared/data]
    python3 Scripts/record compare --binary B --public Public --recording F [--expected LIST] [--details OUT]
"""

import argparse
import os
import sys
import time

import client
import comparing
from cases import AREAS
from cases.vocabulary import PROBLEMS
from contract import Contract
from recorder import Recorder, value
from recording import Reader, Writer
from shelf import Shelf
from steps import Performer

DEFAULT_SEED = 20260101


class Context:
    """What an area leaves for later ones."""

    def __init__(self, shelf, seed, public):
        self.shelf, self.seed, self.public = shelf, seed, public
        self.platforms = []  # (id, group, deep)
        self.devices = []  # (platform, device)


def record(options):
    began = time.monotonic()
    pending = {}
    performer = Performer(options.binary, options.public, pending.__getitem__)
    writer = Writer(options.output, {"seed": options.seed})
    recorder = Recorder(performer, writer, pending)
    print(f"recording {options.binary}, seed {options.seed}")
    shelf = Shelf(options.shelf)
    if not os.path.isdir(options.shelf):
        print(f"no shelf at {options.shelf}: only what needs none is recorded")
    try:
        recorder.area = "contract"
        yaml = recorder.get("/openapi.yaml").body.decode()
        links = value(recorder.get("/v1"))["links"]
        recorder.contract = Contract(yaml, links)
        context = Context(shelf, options.seed, options.public)
        for name, run in AREAS:
            recorder.area = name
            run(recorder, context)
    except BaseException:
        writer.abandon()
        raise
    finally:
        performer.stop()
    writer.finish()
    return summary(recorder, options, time.monotonic() - began, performer.restarts)


def summary(recorder, options, seconds, restarts):
    print(f"{recorder.count} steps in {seconds:.0f} s to {options.output} "
          f"({os.path.getsize(options.output) / 1e6:.1f} MB)")
    print("by area:", ", ".join(f"{name} {count} ({recorder.seconds[name]:.0f} s)"
                                for name, count in recorder.areas.items()))
    print("by status:", ", ".join(f"{status} {count}" for status, count in sorted(recorder.statuses.items())))
    known = recorder.contract.operations
    print("by operation (of them answered with 2xx):")
    line = []
    for name in sorted(set(known) | set(recorder.operations)):
        line.append(f"{name} {recorder.operations[name]} ({recorder.good[name]})")
    print("  " + ", ".join(line))
    missing = sorted(name for name in known if not recorder.good[name])
    covered = len(known) - len(missing)
    print(f"operations of the contract: {len(known)}, covered with a 2xx answer: {covered}"
          + (f"; NOT covered: {', '.join(missing)}" if missing else ""))
    unseen = [code for code in PROBLEMS if code not in recorder.codes]
    unknown = sorted(code for code in recorder.codes if code not in PROBLEMS)
    print(f"problem codes seen: {len(recorder.codes)} of {len(PROBLEMS)}; not seen: {', '.join(unseen) or 'none'}"
          + (f"; new: {', '.join(unknown)}" if unknown else ""))
    if restarts:
        print(f"the server ended {restarts} times while it was recorded")
    return 1 if missing or restarts else 0


def compare(options):
    began = time.monotonic()
    recording = Reader(options.recording)
    performer = Performer(options.binary, options.public, recording.blobs.__getitem__)
    print(f"comparing {options.binary} with {options.recording}: {len(recording.steps)} steps, "
          f"seed {recording.head['seed']}")
    differences = comparing.Differences()
    try:
        for step in recording.steps:
            comparing.step(step, performer.perform(step), recording.blobs, differences)
    finally:
        performer.stop()
    expected = comparing.Expected(options.expected)
    unexpected = differences.report(expected, options.details)
    if performer.restarts:
        print(f"the server ended {performer.restarts} times during the comparison")
    print(f"{len(recording.steps)} steps in {time.monotonic() - began:.0f} s: {differences.count} differences "
          f"in {len(differences.steps)} answers, {unexpected} of them not expected")
    return 1 if unexpected or performer.restarts else 0


def main():
    parser = argparse.ArgumentParser(prog="record", description=__doc__.split("\n")[0])
    modes = parser.add_subparsers(dest="mode", required=True)
    for name, run in (("record", record), ("compare", compare)):
        mode = modes.add_parser(name)
        mode.set_defaults(run=run)
        mode.add_argument("--binary", required=True, type=os.path.abspath)
        mode.add_argument("--public", default="Public", type=os.path.abspath)
        if name == "record":
            mode.add_argument("--output", required=True)
            mode.add_argument("--seed", type=lambda text: int(text, 0), default=DEFAULT_SEED)
            mode.add_argument("--shelf", default="../shared/data")
        else:
            mode.add_argument("--recording", required=True)
            mode.add_argument("--expected", help="differences that are known, a pattern and a reason a line")
            mode.add_argument("--details", help="file for every single difference")
    options = parser.parse_args()
    try:
        return options.run(options)
    except client.NoAnswer as error:
        raise SystemExit(f"no answer: {error}") from None


if __name__ == "__main__":
    sys.exit(main())
