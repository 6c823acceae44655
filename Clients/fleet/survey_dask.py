#!/usr/bin/env python3
"""A survey of a fleet on Dask: every worker surveys parts with `iovad survey --partial`, and the parts are merged as a
tree, on the workers too. The answer is byte for byte that of one `iovad survey` over all hosts.

    survey_dask.py [--scheduler ADDRESS | --workers N] [--iovad PATH] FILE... > survey.json

Each FILE has a host a line, as `iovad survey --hosts-from` takes it, and is one part; workers of a cluster read it under
the same name. Without a scheduler the workers are processes of this machine.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time

from distributed import Client, LocalCluster

# Parts that are merged at once. More cost a worker memory, fewer cost more steps.
MERGED_AT_ONCE = 8


class Failed(Exception):
    """A step that did not work; the text is what iovad said."""


def run(command, source=None):
    """What a command prints, and the seconds of CPU and bytes of memory that it took.

    `source` is a command whose output is its input. Status 1 with an output is a survey of which some inputs could not
    be read: it says so in its output, too."""
    with tempfile.TemporaryFile() as said:
        feeder = subprocess.Popen(source, stdout=subprocess.PIPE) if source else None
        process = subprocess.Popen(
            command, stdin=feeder.stdout if feeder else subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=said)
        if feeder:
            feeder.stdout.close()
        output = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        fed = feeder.wait() if feeder else 0
        if fed or process.returncode not in (0, 1) or not output:
            said.seek(0)
            raise Failed(said.read().decode(errors="replace") or f"{command[0]} ended with {process.returncode}")
    return output, {"cpu": usage.ru_utime + usage.ru_stime, "bytes": usage.ru_maxrss << 10}


def survey_part(iovad, options, source):
    """A part, of a file's hosts, or of those that a command prints; on a worker."""
    hosts = ["--hosts-from", source] if isinstance(source, str) else ["--hosts-from", "-"]
    return run([iovad, "survey", "--partial", *options, *hosts], None if isinstance(source, str) else source)


def merge(iovad, parts, options=("--partial",)):
    """Parts as one, or as the survey; on a worker or here. Parts are few and small, so that they travel as bytes."""
    with tempfile.TemporaryDirectory() as folder:
        names = []
        for number, (part, _) in enumerate(parts):
            names.append(os.path.join(folder, f"{number}.part"))
            with open(names[-1], "wb") as file:
                file.write(part)
        output, cost = run([iovad, "survey", "merge", *options, *names])
    return output, {
        "cpu": cost["cpu"] + sum(part["cpu"] for _, part in parts),
        "bytes": max([cost["bytes"]] + [part["bytes"] for _, part in parts]),
    }


def survey(client, iovad, sources, options=(), output=("--format", "json")):
    """The survey of all sources, and what it cost on all workers."""
    parts = [client.submit(survey_part, iovad, list(options), source, pure=False) for source in sources]
    while len(parts) > MERGED_AT_ONCE:
        parts = [
            client.submit(merge, iovad, parts[first : first + MERGED_AT_ONCE], pure=False)
            for first in range(0, len(parts), MERGED_AT_ONCE)
        ]
    gathered = client.gather(parts)
    started = time.monotonic()
    result, cost = merge(iovad, gathered, output)
    return result, cost | {"last_merge": time.monotonic() - started}


def main():
    parser = argparse.ArgumentParser(description="A survey of a fleet on Dask.")
    parser.add_argument("--scheduler", metavar="ADDRESS", help="a cluster that runs; by default workers of this machine")
    parser.add_argument("--workers", type=int, default=os.cpu_count(), help="how many of this machine")
    parser.add_argument("--iovad", default="iovad", help="the command, where the workers have it")
    parser.add_argument("files", nargs="+", metavar="FILE", help="a host a line; each file is a part")
    arguments = parser.parse_args()
    try:
        if arguments.scheduler:
            with Client(arguments.scheduler) as client:
                result, cost = survey(client, arguments.iovad, arguments.files)
        else:
            with LocalCluster(
                n_workers=arguments.workers, threads_per_worker=1, processes=True, dashboard_address=None
            ) as cluster, Client(cluster) as client:
                result, cost = survey(client, arguments.iovad, arguments.files)
    except Failed as failure:
        sys.exit(f"survey_dask: {failure}")
    sys.stdout.buffer.write(result)
    print(f"survey_dask: {cost['cpu']:.2f} s of CPU, {cost['bytes'] >> 20} MiB at most", file=sys.stderr)


if __name__ == "__main__":
    main()
