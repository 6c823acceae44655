"""How long light requests wait while others keep the server busy: /livez alone, while 64 connections ask decisions,
and while two clients post placements of 10,000 hosts and one uploads trees without pause; and the decisions
themselves beside those heavy clients."""

import contextlib
import json
import os
import subprocess
import sys
import time

import catalogue
import wrk
from servers import Failed

HOSTS = 10_000
CONNECTIONS = 64
LIVEZ_P99_US, DECISIONS_TIMES = 5000, 3.0


def probed(server, seconds):
    here = os.path.dirname(os.path.abspath(__file__))
    done = subprocess.run([sys.executable, os.path.join(here, "prober.py"), str(server.port), str(seconds)],
                          stdout=subprocess.PIPE, timeout=seconds * 10 + 120)
    if done.returncode:
        raise Failed("/livez was not answered")
    return json.loads(done.stdout)


def named(name):
    return next(case for case in catalogue.cases() if case.name == name)


class Loads:
    """The clients that keep a server busy."""

    def __init__(self, server, folder):
        self.server = server
        self.decisions = wrk.script(named("decision-none").steps, folder, "fair-decisions")
        self.placements = wrk.script(catalogue.placement_inline(HOSTS).steps, folder, "fair-placements")
        self.uploads = wrk.script(named("upload").steps, folder, "fair-uploads")

    @contextlib.contextmanager
    def heavy(self, figures):
        """Two that place, one that uploads, for as long as the block runs."""
        placing = wrk.Load(self.server.port, self.placements, 2)
        uploading = wrk.Load(self.server.port, self.uploads, 1)
        time.sleep(1)
        try:
            yield
        finally:
            placed, uploaded = placing.finish(), uploading.finish()
            figures.update(placements=placed["completed"], uploads=uploaded["completed"],
                           refused=placed["bad"] + uploaded["bad"])
            self.server.settle()

    def deciding(self, seconds):
        """What decisions on 64 connections see."""
        load = wrk.Load(self.server.port, self.decisions, CONNECTIONS)
        time.sleep(seconds)
        seen = load.finish()
        return {key: seen[key] for key in ("p50_us", "p99_us", "bad")}


def measure(builds, folder, seconds):
    """Pairs of a name and its figures."""
    with builds.product() as server:
        loads = Loads(server, folder)
        quiet = probed(server, seconds)
        yield "livez, quiet", quiet

        load = wrk.Load(server.port, loads.decisions, CONNECTIONS)
        figures = probed(server, seconds)
        load.finish()
        yield f"livez, {CONNECTIONS} connections of decisions", judged(figures, LIVEZ_P99_US)

        heavy = {}
        with loads.heavy(heavy):
            figures = probed(server, seconds)
        yield "livez, two placing 10,000 hosts, one uploading", judged({**figures, **heavy}, LIVEZ_P99_US)

        quiet = loads.deciding(seconds)
        yield f"decisions on {CONNECTIONS} connections, quiet", quiet
        heavy = {}
        with loads.heavy(heavy):
            figures = loads.deciding(seconds)
        yield (f"decisions on {CONNECTIONS} connections, two placing, one uploading",
               judged({**figures, **heavy}, DECISIONS_TIMES * quiet["p99_us"]))


def judged(figures, most_us):
    figures["goals"] = [{"text": f"p99 {figures['p99_us'] / 1000:.1f} of {most_us / 1000:.1f} ms",
                         "met": figures["p99_us"] <= most_us}]
    return figures
