"""Drives a server of the given binary with everything that clients do, several at a time, and prints whether it stays
as it was: errors, memory, percentiles beside the clients' own, and what grew. `make soak` calls it. The first minute
(a quarter of a short run) is left out.

    python3 Scripts/soak --binary B --public Public [--seconds 600] [--json] [--short]

Exit status 1 when a demand is not met.
"""

import argparse
import json
import os
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "shared"), os.path.join(HERE, "..", "..", "Benchmarks", "http")]

import judging  # noqa: E402
import percentiles  # noqa: E402
import printing  # noqa: E402
import sampling  # noqa: E402
from checks import Checks  # noqa: E402
from servers import Server  # noqa: E402

# Role, and seconds of rest after each of its requests: so many that both processors have time to spare, for a client
# that waits for one measures that.
CLIENTS = (("questions", 0.004), ("views", 0.004), ("sandboxes", 0.004), ("streams", 0.01), ("uploads", 0.04),
           ("fleets", 0.05), ("pages", 0.01), ("probes", 0.01))
WARM_UP_SECONDS = 60
SHORT_SECONDS = 20
SETTLE_SECONDS = 2


class Clients:
    def __init__(self, port):
        load = os.path.join(HERE, "load.py")
        self.processes = [
            subprocess.Popen([sys.executable, load, str(port), role, str(number), str(pause)],
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            for number, (role, pause) in enumerate(CLIENTS)]
        for process in self.processes:
            if process.stdout.readline() != "ready\n":
                sys.exit("a client did not get ready")

    def run(self, seconds, how="run"):
        self._tell(f"{how}\n")
        time.sleep(seconds)
        self._tell("stop\n")
        lines = [process.stdout.readline() for process in self.processes]
        if not all(lines):
            sys.exit("a client ended")
        return judging.Load([json.loads(line) for line in lines])

    def _tell(self, line):
        for process in self.processes:
            process.stdin.write(line)
            process.stdin.flush()

    def end(self):
        for process in self.processes:
            process.stdin.close()
            process.wait()


def soak(options):
    """(figures, checks) of one run."""
    command = [options.binary, "serve", "--listen", "127.0.0.1:0", "--public", options.public, "--log", "none",
               "--no-host"]
    warm_up = min(WARM_UP_SECONDS, options.seconds / 4)
    environment = {"MALLOC_ARENA_MAX": str(options.arenas)} if options.arenas else {}
    with Server(command, **environment) as server:
        sampler, clients = sampling.Sampler(server), Clients(server.port)
        try:
            # Without rest: what is kept up to a bound reaches it, in the arena of every thread.
            rushed = clients.run(warm_up, "rush")
            server.settle()
            time.sleep(SETTLE_SECONDS)
            looks, (began, before) = sampler.asked, sampler.look()
            sampler.start()
            load = clients.run(options.seconds - warm_up)
            sampler.stop()
            server.settle()
            time.sleep(SETTLE_SECONDS)
            looks = sampler.asked - looks
            ended, after = sampler.look()
        finally:
            clients.end()
    load.add_errors(rushed)
    return _judged(options, load, sampler, (began, before), (ended - SETTLE_SECONDS, after), looks)


def _judged(options, load, sampler, first, last, looks):
    (began, before), (ended, after) = first, last
    checks, seconds = Checks(), ended - began
    judging.judge_requests(load, before, after, looks, checks)
    histograms = percentiles.histograms(before, after)
    rows = list(judging.compare(load, histograms))
    tolerance = None if options.short else options.tolerance / 100
    judging.judge_percentiles(rows, histograms, tolerance, checks)
    grown = list(judging.growth(sampler.samples, load.requests / seconds, sampler.is_counter))
    memory = judging.judge_memory(sampler.samples, float("inf") if options.short else options.rss_mb, checks)
    judging.judge_growth(before, after, sampler.samples, sampler.is_counter, checks)
    return {"seconds": seconds, "requests": load.requests, "errors": load.errors, "refusals": load.refusals,
            "percentiles": rows, "growth": grown, "memory": memory,
            "rss_kib": [(round(at - began), look[sampling.RSS]) for at, look in sampler.samples]}, checks


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--binary", required=True)
    parser.add_argument("--public", required=True)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--tolerance", type=float, default=10, help="per cent between the server and its clients")
    parser.add_argument("--rss-mb", type=float, default=2, help="by which memory may grow in the second half")
    parser.add_argument("--arenas", type=int, default=0,
                        help="heaps of the server's malloc; 0 leaves it to malloc, which gives each thread one")
    parser.add_argument("--short", action="store_true",
                        help=f"{SHORT_SECONDS} s; percentiles and memory are printed, and not judged")
    parser.add_argument("--json", action="store_true", help="figures as JSON")
    options = parser.parse_args()
    if options.short:
        options.seconds = SHORT_SECONDS
    figures, checks = soak(options)
    printing.write(figures, checks, options.json)
    sys.exit(1 if checks.failures else 0)


if __name__ == "__main__":
    main()
