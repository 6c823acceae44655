"""Sessions from their beginning to their end: domains, devices, reservations, allocations one by one and in batches,
doorbells, export and import, and streams of events beside them. What a cycle makes it removes."""

import json

import wire
from asker import Stamped

BATCH = 200


class Sandboxes:
    def __init__(self, client, number):
        self.client, self.name = client, f"soak-{number}"
        self.here = f"/v1/sessions/{self.name}"
        self.domain = f"{self.here}/domains/d"

    def cycle(self, turn):
        begin(self.client, self.name)
        self._build()
        held = self._use(turn)
        self._batch()
        self._move()
        self._refused(held)
        self._read()
        self.client.delete("deleteDomain", self.domain)
        self.client.delete("deleteSession", self.here)

    def _build(self):
        client = self.client
        client.post("attachDevice", f"{self.domain}/devices", {"id": "e0", "description": {"reserved_regions": [
            {"start": "0xfee00000", "size": "0x100000"}]}}, status=201, says=b'"e0"')
        client.post("reserveRange", f"{self.domain}/reserved-regions", {"start": "0x8000000", "size": "0x100000"},
                    status=201, says=b'"0x8000000"')
        client.post("mapDoorbell", f"{self.domain}/doorbells", {"physical": "0x8090040"}, status=201, says=b'"iova"')

    def _use(self, turn):
        """Ranges that are taken and given back, under a key as well: the same answer, and nothing taken twice."""
        client, target = self.client, f"{self.domain}/iovas"
        starts = []
        for number in range(8):
            pages = 1 + (turn + number) % 4
            answer = client.post("allocateIOVA", target, {"size": hex(pages * 4096), "limit": "0xffffffff"}, status=201,
                                 holds=lambda answer, pages=pages: answer["pages"] == pages)
            starts.append(json.loads(answer.body)["range"]["start"])
        if len(set(starts)) != len(starts):
            client.error(f"an address was given twice: {starts}")
        key = f"Idempotency-Key: {self.name}-{turn}"
        body = {"size": "0x1000", "cached": True}
        first = client.post("allocateIOVA", target, body, key, status=201)
        again = client.post("allocateIOVA", target, body, key, status=201)
        if first.body != again.body:
            client.error(f"one key, two answers: {first.body[:200]!r} {again.body[:200]!r}")
        client.get("readIOVA", f"{target}/{starts[0]}", says=starts[0].encode())
        for start in starts[::2]:
            client.delete("freeIOVA", f"{target}/{start}")
        client.get("availableIOVAs", f"{self.domain}/available-iovas?size=0x10000", says=b'"allocated"')
        return starts[1]

    def _batch(self):
        operations = [{"op": "allocate", "size": 4096 * (1 + number % 4)} for number in range(BATCH)] + [{"op": "trim"}]
        self.client.post("runBatch", f"{self.domain}/batches", {"operations": operations},
                         holds=lambda answer: len(answer["results"]) == len(operations))

    def _move(self):
        """Out and in again: the same state, byte by byte."""
        client = self.client
        state = client.get("sessionState", f"{self.here}/state", says=self.name.encode()).body
        client.get("domainState", f"{self.domain}/state", says=b'"allocator"')
        client.delete("deleteSession", self.here)
        client.post("createSession", "/v1/sessions", state, status=201, says=self.name.encode())
        again = client.get("sessionState", f"{self.here}/state").body
        if again != state:
            client.error(f"a state that was brought in is another: {state[:200]!r} {again[:200]!r}")

    def _refused(self, held):
        client = self.client
        client.post("reserveRange", f"{self.domain}/reserved-regions", {"start": held, "size": "0x1000"},
                    status=409, refused="a range that is in use", says=b"range-in-use")
        client.post("allocateIOVA", f"{self.domain}/iovas", {"size": "0x1000", "limit": "0x0"}, status=409,
                    refused="an allocation that finds nothing")
        client.delete("freeIOVA", f"{self.domain}/iovas/0x1000", status=404, refused="a range that nobody holds")
        client.ask("patchSession", "PATCH", self.here, {"ttl_seconds": 600}, 'If-Match: "0"', status=412,
                   refused="a session that has changed since")
        client.post("createSession", "/v1/sessions", {"id": self.name}, status=409, refused="a session that is there")
        client.get("readSession", "/v1/sessions/none", status=404, refused="a session that is not there")

    def _read(self):
        get = self.client.get
        self.client.ask("patchSession", "PATCH", self.here, {"ttl_seconds": 600}, says=b"600")
        for operation, target in (("listSessions", "/v1/sessions"), ("readSession", self.here),
                                  ("listDomains", f"{self.here}/domains"), ("readDomain", self.domain),
                                  ("listAttached", f"{self.domain}/devices"), ("listIOVAs", f"{self.domain}/iovas"),
                                  ("listReservations", f"{self.domain}/reserved-regions"),
                                  ("listDoorbells", f"{self.domain}/doorbells"),
                                  ("sessionEvents", f"{self.here}/events")):
            get(operation, target, says=b"{")
        self.client.delete("detachDevice", f"{self.domain}/devices/e0")


def begin(client, name):
    client.post("createSession", f"/v1/sessions?id={name}", {"kernel": "7.2", "ttl_seconds": 300}, status=201,
                says=name.encode())
    client.post("createDomain", f"/v1/sessions/{name}/domains", {"id": "d", "consumer": "dma_api"}, status=201,
                says=b'"d"')


class Streams:
    """A session whose events are followed on a connection of their own, taken up again after a break."""

    VERBS = 10

    def __init__(self, client, number):
        self.client, self.name = client, f"stream-{number}"
        self.here = f"/v1/sessions/{self.name}"

    def cycle(self, turn):
        begin(self.client, self.name)
        after = 0
        for _ in range(2):
            stream = self._open(after)
            held = self._verbs()
            after = self._follow(stream, count=self.VERBS)
            for start in held:
                self.client.delete("freeIOVA", f"{self.here}/domains/d/iovas/{start}")
            stream.close()
        stream = self._open(after)
        self.client.delete("deleteSession", self.here)
        self._expect(stream, b"event: bye")
        stream.close()

    def _open(self, after):
        stream = Stamped(self.client.port)
        stream.send(wire.head("GET", f"{self.here}/events", "Accept: text/event-stream", f"Last-Event-ID: {after}"))
        status, _ = stream.read_head()
        self.client.counted("sessionEvents", status)
        if status != 200:
            self.client.error(f"GET {self.here}/events: {status}")
        return stream

    def _verbs(self):
        starts = []
        for _ in range(self.VERBS):
            answer = self.client.post("allocateIOVA", f"{self.here}/domains/d/iovas", {"size": "0x1000"}, status=201)
            starts.append(json.loads(answer.body)["range"]["start"])
        return starts

    def _follow(self, stream, count):
        """Until so many allocations were told; the id of the last event."""
        seen, last = 0, 0
        while seen < count:
            text = stream.read_chunk()
            if not text:
                self.client.error(f"{self.here}/events ended after {seen} of {count} allocations")
                break
            for line in text.split(b"\n"):
                if line.startswith(b"id: "):
                    last = int(line[4:])
                seen += line == b"event: allocated"
        return last

    def _expect(self, stream, line):
        while True:
            text = stream.read_chunk()
            if line in text:
                return
            if not text:
                return self.client.error(f"{self.here}/events ended without {line!r}")
