"""One client of a soak: asks over a connection that stays open, holds every answer against what it must be, and notes
how long it took: from the moment before the request is handed to the kernel to that at which the kernel had the last
byte of the answer. The kernel itself says the latter, so that this process's waiting for a processor is not in it."""

import collections
import json
import socket
import struct
import time

import wire

JSON = "application/json"
# Not among the constants of Python's module: the kernel's number on x86-64 and arm64.
SO_TIMESTAMPNS = 35
STAMP = struct.Struct("qq")
ERRORS_KEPT = 20
# After so many requests one for /livez, which the server answers with next to no work: how long the way takes that a
# request has to go beside its time in the server, for this client, now.
REQUESTS_FOR_EACH_PROBE = 5


class Stamped(wire.Connection):
    """Knows when the kernel had the latest bytes, in nanoseconds since 1970."""

    def __init__(self, port):
        super().__init__(port)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        self.arrived = 0

    def _fill(self):
        piece, notes, *_ = self.socket.recvmsg(1 << 20, socket.CMSG_SPACE(STAMP.size))
        self.arrived = time.time_ns()
        for level, kind, data in notes:
            if (level, kind) == (socket.SOL_SOCKET, SO_TIMESTAMPNS):
                seconds, nanoseconds = STAMP.unpack(data)
                self.arrived = seconds * 1_000_000_000 + nanoseconds
        self.buffer += piece
        return bool(piece)


class Client:
    """`pause`: seconds of rest after each request, so that neither side is ever driven to its end."""

    def __init__(self, port, pause):
        self.port, self.pause = port, pause
        self.connection, self.asked = None, 0
        self.forget()

    def forget(self):
        """From here on a new phase is counted, on a new connection: the server ends one that is idle for long."""
        self.close()
        self.times = collections.defaultdict(list)      # microseconds, by operation
        self.counts = collections.Counter()             # by operation and status
        self.refusals = collections.Counter()           # that were wanted, by name
        self.errors, self.failed = [], 0

    def figures(self):
        return {"times": self.times, "counts": [[*key, count] for key, count in self.counts.items()],
                "refusals": self.refusals, "errors": self.errors, "failed": self.failed}

    def error(self, text):
        self.failed += 1
        if len(self.errors) < ERRORS_KEPT:
            self.errors.append(text)

    def ask(self, operation, method, target, body=None, *fields, **wanted):
        """As `_timed`, now and then after a probe."""
        self.asked += 1
        if self.asked % REQUESTS_FOR_EACH_PROBE == 0:
            self._timed("live", "GET", "/livez", says=b"alive")
        return self._timed(operation, method, target, body, *fields, **wanted)

    def _timed(self, operation, method, target, body=None, *fields, type=JSON, status=200, says=b"", holds=None,
               refused=None):
        """The answer. `operation` is the name under which the server counts it, `refused` the name of a refusal that
        is wanted; `says` is in the body, `holds` is true of its JSON."""
        if body is not None:
            body = body if isinstance(body, bytes) else json.dumps(body, separators=(",", ":")).encode()
            fields += (f"Content-Type: {type}", f"Content-Length: {len(body)}")
        request = wire.head(method, target, *fields) + (body or b"")
        try:
            self.connection = self.connection or Stamped(self.port)
            began = time.time_ns()
            self.connection.send(request)
            answer = self.connection.read()
        except (wire.Closed, OSError) as error:
            self.error(f"{method} {target}: {error!r}")
            self.close()
            return None
        arrived = self.connection.arrived
        self.times[operation].append((arrived - began) // 1000)
        if answer.fields.get("connection") == "close":
            self.close()
        self.counted(operation, answer.status)
        if refused:
            self.refusals[refused] += 1
        self._judge(f"{method} {target}", answer, status, says, holds)
        time.sleep(self.pause)
        return answer

    def close(self):
        if self.connection:
            self.connection.close()
        self.connection = None

    def counted(self, operation, status):
        self.counts[operation, status] += 1

    def _judge(self, what, answer, status, says, holds):
        if answer.status != status:
            return self.error(f"{what}: {answer.status}, not {status}: {answer.body[:300]!r}")
        try:
            if says not in answer.body or (holds and not holds(json.loads(answer.body))):
                self.error(f"{what}: another body: {answer.body[:300]!r}")
        except (ValueError, KeyError, IndexError, TypeError) as error:
            self.error(f"{what}: {error!r}: {answer.body[:300]!r}")

    # Methods as they are asked most.
    def get(self, operation, target, *fields, **wanted):
        return self.ask(operation, "GET", target, None, *fields, **wanted)

    def post(self, operation, target, body, *fields, **wanted):
        return self.ask(operation, "POST", target, body, *fields, **wanted)

    def delete(self, operation, target, *fields, status=204, **wanted):
        return self.ask(operation, "DELETE", target, None, *fields, status=status, **wanted)
