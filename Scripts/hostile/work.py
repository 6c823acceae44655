"""Work that never ends: surveys over many large machines, by clients that wait and by clients that leave."""

import threading
import time

import machines
import wire

UPLOADS, DEVICES, REGIONS = 17, 4096, 3
SURVEYS = 12
FLOOD = 700
SETTLE_SECONDS = 5
NDJSON = "Accept: application/x-ndjson"


def upload(server):
    for number in range(UPLOADS):
        body = machines.platform(DEVICES, REGIONS, number)
        request = wire.head("PUT", f"/v1/platforms/large-{number}", "Content-Type: application/json",
                            f"Content-Length: {len(body)}") + body
        answer = wire.ask(server.port, request)
        if answer.status != 201:
            raise SystemExit(f"upload {number}: {answer.status} {answer.body[:200]}")


def _surveys(server, *fields):
    """Status and size of twelve surveys at once."""
    answers = [None] * SURVEYS

    def one(index):
        try:
            answers[index] = wire.ask(server.port, wire.post("/v1/surveys", "{}", *fields))
        except wire.Closed as error:
            answers[index] = error

    threads = [threading.Thread(target=one, args=(index,)) for index in range(SURVEYS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def surveys(server, checks):
    answers = _surveys(server)
    checks.equal("each is answered with 200", [getattr(a, "status", str(a)) for a in answers], [200] * SURVEYS)


def surveys_as_lines(server, checks):
    answers = _surveys(server, NDJSON)
    statuses = [getattr(answer, "status", str(answer)) for answer in answers]
    # One address has room for some of these answers at a time; the others are told to come back.
    checks.equal("each is answered with 200 or 503", sorted(set(statuses) - {200, 503}), [])
    sizes = {len(a.body) for a in answers if not isinstance(a, wire.Closed) and a.status == 200}
    checks.equal("all have the same lines", len(sizes), 1)


def surveys_unread(server, checks):
    connections = [wire.Connection(server.port, receive_bytes=4096) for _ in range(SURVEYS)]
    for connection in connections:
        connection.send(wire.post("/v1/surveys", "{}", NDJSON))
    statuses = [connection.read_head()[0] for connection in connections]
    checks.true("each is answered with 200 or 503", 200 in statuses and set(statuses) <= {200, 503}, statuses)
    time.sleep(1)
    for connection in connections:
        connection.close()
    checks.true("nothing is computed for them", _is_idle(server))


def _is_idle(server):
    deadline = time.monotonic() + SETTLE_SECONDS
    while time.monotonic() < deadline:
        if all(wire.metric(server.port, f'iovad_heavy_requests{{state="{state}"}}') == 0
               for state in ("waiting", "running")):
            return True
        time.sleep(0.02)
    return False


def left(server, checks):
    for _ in range(2):
        connection = wire.Connection(server.port)
        connection.send(wire.post("/v1/surveys", "{}"))
        connection.close()
    checks.true("nothing is computed for them any more", _is_idle(server))


def flood(server, checks):
    most = wire.limit(server.port, "heavy_requests_per_client_max")
    connections = [wire.Connection(server.port) for _ in range(FLOOD)]
    for connection in connections:
        connection.send(wire.post("/v1/surveys", "{}"))
    deadline, refused = time.monotonic() + SETTLE_SECONDS, []
    while time.monotonic() < deadline and len(refused) < FLOOD - most - SURVEYS:
        refused = [connection for connection in connections if connection.is_readable()]
    answers = [connection.read() for connection in refused]
    turned = [answer for answer in answers if answer.status == 503]
    checks.true("who finds no room gets 503 at once", len(turned) >= FLOOD - most - SURVEYS,
                f"{len(turned)} of {FLOOD}")
    checks.equal("with Retry-After", {answer.retry_after for answer in turned}, {"1"})
    for connection in connections:
        connection.close()
    checks.true("nothing is computed for who left", _is_idle(server))


ATTACKS = [
    (f"{SURVEYS} surveys over {UPLOADS} large uploads", upload, surveys),
    ("the same surveys as lines", upload, surveys_as_lines),
    ("the same, and nobody reads", upload, surveys_unread),
    ("two surveys, closed at once", upload, left),
    (f"{FLOOD} surveys at once, then closed", upload, flood),
]
