"""Memory that others hold: bodies that stall or grow, and large answers that nobody reads."""

import json
import time

import machines
import wire

BODY_BYTES, BODIES = 24 << 20, 100
GROWING, GROWING_BYTES, CHUNK_BYTES = 32, 4 << 20, 256 << 10
RANGES, RESERVED, BATCH, STATE_READERS = 1_000_000, 100, 10_000, 80
DEVICES, LIST_READERS = 4096, 300
REPLAY = ("Content-Type: application/json",)


def _held(server, checks, *, is_refused=True):
    share = wire.limit(server.port, "flight_bytes_per_client_max")
    peak = wire.metric(server.port, "iovad_flight_peak_bytes")
    checks.true("the gauge stays within one client's share", peak <= share, f"{peak} of {share}")
    if is_refused:
        refused = sum(wire.metric(server.port, f'iovad_flight_refused_total{{kind="{kind}"}}')
                      for kind in ("bodies", "answers"))
        checks.true("refusals are counted", refused > 0)


def _given_back(server, checks):
    deadline, left = time.monotonic() + 5, 1
    while left and time.monotonic() < deadline:
        left = sum(wire.metric(server.port, f'iovad_flight_bytes{{kind="{kind}"}}') for kind in ("bodies", "answers"))
    checks.equal("everything is given back", left, 0)


def stalled(server, checks):
    start = wire.head("POST", "/v1/replays", *REPLAY, f"Content-Length: {BODY_BYTES}") + b"{"
    share = wire.limit(server.port, "flight_bytes_per_client_max")
    connections = [wire.Connection(server.port) for _ in range(BODIES)]
    for connection in connections:
        connection.send(start)
    deadline, refused = time.monotonic() + 10, []
    while time.monotonic() < deadline and len(refused) < BODIES - share // BODY_BYTES:
        refused = [connection for connection in connections if connection.is_readable()]
    answers = [connection.read() for connection in refused]
    checks.equal("those without room get 503", [answer.status for answer in answers],
                 [503] * (BODIES - share // BODY_BYTES))
    checks.equal("with Retry-After", {answer.retry_after for answer in answers}, {"1"})
    piece = b" " * (1 << 20)
    for connection in set(connections) - set(refused):
        for _ in range(BODY_BYTES // len(piece) - 1):
            connection.send(piece)
        connection.send(piece[:-2])
    _held(server, checks)
    small = wire.ask(server.port, wire.post("/v1/decisions", "{}"))
    checks.equal("small requests go on", small.status, 422)
    for connection in connections:
        connection.close()
    _given_back(server, checks)


def growing(server, checks):
    connections = [wire.Connection(server.port) for _ in range(GROWING)]
    for connection in connections:
        connection.send(wire.head("POST", "/v1/replays", *REPLAY, "Transfer-Encoding: chunked"))
    chunk = b"%x\r\n" % CHUNK_BYTES + b" " * CHUNK_BYTES + b"\r\n"
    for _ in range(GROWING_BYTES // CHUNK_BYTES):
        for connection in connections:
            connection.send(chunk)
    statuses = []
    for connection in connections:
        connection.send(b"0\r\n\r\n")
        statuses.append(connection.read().status)
    # Blanks are no JSON.
    checks.true("each is read and refused as JSON, or gets 503", set(statuses) == {400, 503}, sorted(statuses))
    _held(server, checks)
    for connection in connections:
        connection.close()
    _given_back(server, checks)


def session(server):
    wire.ask(server.port, wire.post("/v1/sessions", '{"id":"s"}'))
    wire.ask(server.port, wire.post("/v1/sessions/s/domains", '{"id":"d"}'))
    order = {"op": "allocate", "size": 4096, "limit": "0xffffffffffff"}
    for done in range(0, RANGES, BATCH):
        # The domain has some reservations of its own.
        count = min(BATCH, RANGES - RESERVED - done)
        body = json.dumps({"operations": [order] * count})
        answer = wire.ask(server.port, wire.post("/v1/sessions/s/domains/d/batches", body))
        if answer.status != 200:
            raise SystemExit(f"after {done} ranges: {answer.status} {answer.body[:200]}")


def unread_state(server, checks):
    connections = [wire.Connection(server.port, receive_bytes=4096) for _ in range(STATE_READERS)]
    for connection in connections:
        connection.send(wire.head("GET", "/v1/sessions/s/state"))
    statuses = [connection.read_head()[0] for connection in connections]
    checks.true("some are answered, the others get 503", set(statuses) == {200, 503},
                f"{statuses.count(200)} and {statuses.count(503)}")
    _held(server, checks)
    for connection in connections:
        connection.close()
    _given_back(server, checks)
    whole = wire.ask(server.port, wire.head("GET", "/v1/sessions/s/state"))
    ranges = json.loads(whole.body)["domains"][0]["allocator"]["ranges"]
    checks.true("who reads gets all of it", whole.status == 200 and len(ranges) >= 2 * (RANGES - RESERVED),
                f"{len(whole.body)} bytes")


def platform(server):
    body = machines.platform(DEVICES, 3)
    wire.ask(server.port, wire.head("PUT", "/v1/platforms/large", "Content-Type: application/json",
                                    f"Content-Length: {len(body)}") + body)


def unread_platform(server, checks):
    connections = [wire.Connection(server.port, receive_bytes=4096) for _ in range(LIST_READERS)]
    for connection in connections:
        connection.send(wire.head("GET", "/v1/platforms/large/devices?limit=1000"))
    statuses = [connection.read_head()[0] for connection in connections]
    checks.true("each is answered with 200 or 503", 200 in statuses and set(statuses) <= {200, 503},
                f"{statuses.count(200)} and {statuses.count(503)}")
    _held(server, checks, is_refused=False)
    for connection in connections:
        connection.close()
    _given_back(server, checks)


ATTACKS = [
    (f"{BODIES} bodies of {BODY_BYTES >> 20} MiB that stall", None, stalled),
    (f"{GROWING} bodies that grow to {GROWING_BYTES >> 20} MiB in chunks", None, growing),
    (f"{STATE_READERS} readers that never read a state of {RANGES:,} ranges", session, unread_state),
    (f"{LIST_READERS} readers that never read a list of devices", platform, unread_platform),
]
