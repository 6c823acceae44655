"""Surveys of synthetic fleets: how they grow, and whether parts say what one process says. `make survey-million` calls it.

    python3 Scripts/fleet trees --binary B --public P FOLDER > trees.ndjson       device trees as the native model
    python3 Scripts/fleet hosts --trees trees.ndjson --seed 7 --first 0 --count 10 hosts of the fleet, a line each
    python3 Scripts/fleet measure --binary B --trees trees.ndjson [--seed 7] [--hosts 10000 100000 1000000]

`measure` surveys each number of hosts by one process, and in parts by workers of Dask that merge them as a tree (package
distributed). Exit status 1 when the bytes differ, or when CPU or memory grow with more than the hosts.
"""

import argparse
import hashlib
import os
import random
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "..", "Benchmarks", "http"), os.path.join(HERE, "..", "..", "Clients", "fleet")]

import hosts  # noqa: E402
import trees  # noqa: E402

MEBIBYTE = 1 << 20
# More CPU for a host of a larger fleet than of the smallest, and more memory: what a busy machine makes of the same work,
# and what lists of names take until they are full.
CPU_TOLERANCE = 1.5
MEMORY_TOLERANCE = 1.5


def generator(arguments, first, count):
    return [sys.executable, HERE, "hosts", "--trees", arguments.trees, "--seed", str(arguments.seed),
            "--first", str(first), "--count", str(count)]


def measure_one(arguments, survey_dask, count):
    """By one process that reads all hosts from a pipe."""
    command = [arguments.binary, "survey", "--format", "json", "--hosts-from", "-"]
    return survey_dask.run(command, generator(arguments, 0, count))


def measure_parts(arguments, survey_dask, client, count):
    sources = [
        generator(arguments, first, min(arguments.part, count - first)) for first in range(0, count, arguments.part)]
    return survey_dask.survey(client, arguments.binary, sources)


def measure(arguments):
    import survey_dask
    from distributed import Client, LocalCluster

    if arguments.seed is None:
        arguments.seed = random.randrange(1 << 32)
    print(f"seed {arguments.seed}, parts of {arguments.part:,} hosts, {arguments.workers} workers", flush=True)
    print(f"{'hosts':>10}  {'one process':>28}  {'parts and merges':>28}  {'last merge':>10}  {'same bytes':>10}", flush=True)
    rows, faults = [], []
    with LocalCluster(n_workers=arguments.workers, threads_per_worker=1, processes=True, dashboard_address=None) as cluster:
        with Client(cluster) as client:
            for count in sorted(arguments.hosts):
                one, cost = measure_one(arguments, survey_dask, count)
                merged, total = measure_parts(arguments, survey_dask, client, count)
                rows.append((count, cost, total))
                if one != merged:
                    faults.append(f"{count:,} hosts: parts say something else than one process")
                print(f"{count:>10,}  {told(cost):>28}  {told(total):>28}  {total['last_merge'] * 1000:>7.0f} ms  "
                      f"{hashlib.sha256(merged).hexdigest()[:10] if one == merged else 'no':>10}", flush=True)
    least, cost, _ = rows[0]
    for count, grown, total in rows[1:]:
        if grown["cpu"] / count > CPU_TOLERANCE * cost["cpu"] / least:
            faults.append(f"{count:,} hosts: CPU of a host grew from {cost['cpu'] / least:.6f} to {grown['cpu'] / count:.6f} s")
        if max(grown["bytes"], total["bytes"]) > MEMORY_TOLERANCE * max(cost["bytes"], rows[0][2]["bytes"]):
            faults.append(f"{count:,} hosts: memory grew to {max(grown['bytes'], total['bytes']) // MEBIBYTE} MiB")
    for fault in faults:
        print(f"fleet: {fault}", file=sys.stderr)
    return 1 if faults else 0


def told(cost):
    return f"{cost['cpu']:.1f} s of CPU, {cost['bytes'] // MEBIBYTE} MiB"


def main():
    parser = argparse.ArgumentParser(description="Surveys of synthetic fleets.")
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("trees", help="device trees as the native model, a line each")
    command.add_argument("--binary", required=True)
    command.add_argument("--public", required=True)
    command.add_argument("folder")
    command = commands.add_parser("hosts", help="hosts of a fleet, a line each")
    command.add_argument("--trees", required=True)
    command.add_argument("--seed", type=int, required=True)
    command.add_argument("--first", type=int, default=0)
    command.add_argument("--count", type=int, required=True)
    command = commands.add_parser("measure", help="survey fleets by one process and in parts")
    command.add_argument("--binary", required=True)
    command.add_argument("--trees", required=True)
    command.add_argument("--seed", type=int)
    command.add_argument("--hosts", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    command.add_argument("--part", type=int, default=25_000)
    command.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    if arguments.command == "hosts":
        hosts.Fleet(arguments.trees, arguments.seed).write(arguments.first, arguments.count, sys.stdout)
    elif arguments.command == "trees":
        from servers import Server

        started = time.monotonic()
        with Server([arguments.binary, "serve", "--listen", "127.0.0.1:0", "--no-host", "--public", arguments.public]) as server:
            read, kept = trees.write(server.port, arguments.folder, sys.stdout)
        print(f"fleet: {read:,} trees, {kept:,} with active devices behind an SMMU, in {time.monotonic() - started:.0f} s",
              file=sys.stderr)
    else:
        # Workers have a folder of their own.
        arguments.binary, arguments.trees = map(os.path.abspath, (arguments.binary, arguments.trees))
        sys.exit(measure(arguments))


if __name__ == "__main__":
    main()
