"""What the process costs by itself: the time from its start to the first answer, memory when idle, memory with
10,000 idle connections, and memory for a live range of a session."""

import resource
import socket
import statistics
import time

import catalogue
from client import Client
from servers import Failed

STARTS = 15
IDLE_SECONDS = 2
CONNECTIONS = 10_000
RANGES = 1_000_000
GOALS = {"start_ms": 15, "idle_mib": 13, "connections_mib": 120, "range_bytes": 40}


def first_answer_ms(builds):
    """From the start of the process until /livez is answered."""
    start = time.monotonic()
    with builds.product() as server:
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
        one.sendall(b"GET /livez HTTP/1.1\r\nHost: bench\r\n\r\n")
        found.append(one)
        if len(found) % 100 == 0 or len(found) == count:
            for waiting in found[-100:]:
                waiting.recv(4096)
    return found


def measure(builds):
    """Pairs of a name and its figures."""
    first_answer_ms(builds)
    yield "start to the first answer", judged(
        "start_ms", statistics.median(first_answer_ms(builds) for _ in range(STARTS)), "ms")

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
        with Client(server.port) as client:
            catalogue.session(10_000)(client)  # what a first batch takes once
            before = server.settle() and server.memory_kib()
            client.ask(catalogue.Step("DELETE", catalogue.SESSION))
            catalogue.session(RANGES)(client)
            server.settle()
            grown = (server.memory_kib() - before) * 1024
        yield f"a live range, of {RANGES}", judged("range_bytes", grown / (RANGES - 10_000), "bytes")


def judged(goal, value, unit):
    return {goal: value, "goals": [{"text": f"{value:.1f} of {GOALS[goal]} {unit}", "met": value <= GOALS[goal]}]}
