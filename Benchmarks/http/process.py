"""What the process costs by itself: the time from its start to the first answer, memory when idle, memory with
10,000 idle connections, memory for a live range of a session, and what stays behind of a request that is over."""

import os
import resource
import socket
import statistics
import time

import catalogue
from client import Client, record
from servers import Failed

STARTS = 11
# After that long a server has given back the pages of its start.
IDLE_SECONDS = 2
CONNECTIONS = 10_000
RANGES = 1_000_000
# Batches that are asked before and after the first look at the resident set.
BATCHES = (200, 600)
GOALS = {"start_ms": 15, "idle_mib": 13, "connections_mib": 120, "range_bytes": 40, "left_bytes": 4096}


def first_answer_ms(start_server):
    """From the start of the process until /livez is answered."""
    start = time.monotonic()
    with start_server() as server:
        with Client(server.port) as client:
            client.connection.request("GET", "/livez")
            client.connection.getresponse().read()
            return (time.monotonic() - start) * 1000


def connect(port, count):
    """Connections that have asked once and are silent then. 4,096 for each address of loopback, for a pair of
    addresses has no more ports than a machine has."""
    need = count + 100
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < need:
        if hard != resource.RLIM_INFINITY and hard < need:
            raise Failed(f"{need} open files are needed, {hard} are allowed: ulimit -n")
        resource.setrlimit(resource.RLIMIT_NOFILE, (need, hard))
    found = []
    for number in range(count):
        one = socket.create_connection(("127.0.0.1", port), timeout=30,
                                       source_address=(f"127.0.0.{2 + number // 4096}", 0))
        one.sendall(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")
        found.append(one)
        if len(found) % 100 == 0 or len(found) == count:
            for waiting in found[-100:]:
                waiting.recv(4096)
    return found


def starts(builds, folder):
    """Of both in turn: what the bare server takes is the client's and the machine's share."""
    path = os.path.join(folder, "alive.answer")
    with builds.product() as server, Client(server.port) as client:
        record(client.ask(catalogue.get("/livez")[0]), path)
    spans = [(first_answer_ms(builds.product), first_answer_ms(lambda: builds.yardstick("plain", [("GET", path)])))
             for _ in range(STARTS)]
    return (statistics.median(ours for ours, _ in spans), statistics.median(plain for _, plain in spans))


def measure(builds, folder):
    """Pairs of a name and its figures."""
    ours, plain = starts(builds, folder)
    yield "start to the first answer", {**judged("start_ms", ours, "ms"), "plain_ms": plain}

    with builds.product() as server:
        with Client(server.port) as client:
            client.ask(catalogue.get("/livez")[0])
        time.sleep(IDLE_SECONDS)
        idle = server.memory_kib()
        yield "resident when idle", judged("idle_mib", idle / 1024, "MiB")
        open_now = connect(server.port, CONNECTIONS)
        time.sleep(IDLE_SECONDS)
        yield f"resident with {CONNECTIONS} idle connections", judged(
            "connections_mib", server.memory_kib() / 1024, "MiB")
        for one in open_now:
            one.close()

    with builds.product() as server:
        time.sleep(IDLE_SECONDS)
        with Client(server.port) as client:
            catalogue.session(10_000)(client)  # what a first batch takes once
            before = server.settle() and server.memory_kib()
            client.ask(catalogue.Step("DELETE", catalogue.SESSION))
            catalogue.session(RANGES)(client)
            server.settle()
            grown = (server.memory_kib() - before) * 1024
        yield f"a live range, of {RANGES}", judged("range_bytes", grown / (RANGES - 10_000), "bytes")

    with builds.product() as server:
        time.sleep(IDLE_SECONDS)
        with Client(server.port) as client:
            case = catalogue.batch()
            case.prepare(client)
            grown = []
            for count in BATCHES:
                for _ in range(count):
                    client.ask(case.steps[0])
                grown.append(server.memory_kib())
        yield "left of a batch of 1,000 verbs that is over", judged(
            "left_bytes", (grown[1] - grown[0]) * 1024 / BATCHES[1], "bytes")


def judged(goal, value, unit):
    return {goal: value, "goals": [{"text": f"{value:.1f} of {GOALS[goal]} {unit}", "met": value <= GOALS[goal]}]}
