"""A log that nobody reads: the server's standard error is a pipe, and nothing takes from it."""

import signal
import time

import wire

REQUESTS, TARGET_BYTES = 5_000, 500
GRACE_SECONDS = 10


def unread(server, checks):
    connection = wire.Connection(server.port)
    target = "/" + "x" * TARGET_BYTES
    statuses = set()
    for _ in range(REQUESTS):
        connection.send(wire.head("GET", target))
        statuses.add(connection.read().status)
    checks.equal(f"{REQUESTS} requests are answered", statuses, {404})
    dropped = wire.metric(server.port, "iovad_log_lines_dropped_total")
    checks.true("dropped lines are counted", dropped > 0, dropped)


def ended(server, checks):
    began = time.monotonic()
    server.process.send_signal(signal.SIGTERM)
    status = server.process.wait(timeout=3 * GRACE_SECONDS)
    taken = time.monotonic() - began
    checks.equal("SIGTERM ends it in good order", status, 0)
    checks.true("within its grace", taken <= GRACE_SECONDS, f"{taken:.1f} s")


ATTACKS = [("a log that nobody reads", None, unread)]
