"""Requests byte by byte, and what comes back. Not http.client: hostile clients stop in the middle and never read, and
those that measure want to know when the bytes came."""

import json
import select
import socket

TIMEOUT_SECONDS = 120


class Closed(Exception):
    """The connection ended before there was a whole answer."""


class Answer:
    def __init__(self, status, fields, body):
        self.status, self.fields, self.body = status, fields, body

    @property
    def retry_after(self):
        return self.fields.get("retry-after")


def head(method, target, *fields):
    return "\r\n".join([f"{method} {target} HTTP/1.1", "Host: 127.0.0.1", *fields, "", ""]).encode()


def post(target, body, *fields):
    body = body if isinstance(body, bytes) else body.encode()
    return head("POST", target, "Content-Type: application/json", f"Content-Length: {len(body)}", *fields) + body


class Connection:
    """One connection; with `receive_bytes` its side of the kernel takes hardly more than that."""

    def __init__(self, port, receive_bytes=None):
        self.socket = socket.socket()
        if receive_bytes:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        self.socket.settimeout(TIMEOUT_SECONDS)
        self.socket.connect(("127.0.0.1", port))
        self.buffer = b""

    def send(self, data):
        """False when the server has closed."""
        try:
            self.socket.sendall(data)
            return True
        except (BrokenPipeError, ConnectionResetError):
            return False

    def is_readable(self, seconds=0):
        return bool(self.buffer) or bool(select.select([self.socket], [], [], seconds)[0])

    def _fill(self):
        try:
            piece = self.socket.recv(1 << 20)
        except ConnectionResetError:
            piece = b""
        self.buffer += piece
        return bool(piece)

    def read_head(self):
        while b"\r\n\r\n" not in self.buffer:
            if not self._fill():
                raise Closed(repr(self.buffer[:80]))
        text, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
        lines = text.decode("latin-1").split("\r\n")
        pairs = (line.split(":", 1) for line in lines[1:])
        return int(lines[0].split()[1]), {name.strip().lower(): value.strip() for name, value in pairs}

    def _take(self, count):
        while len(self.buffer) < count:
            if not self._fill():
                raise Closed(f"{len(self.buffer)} of {count} bytes")
        data, self.buffer = self.buffer[:count], self.buffer[count:]
        return data

    def _line(self):
        while b"\r\n" not in self.buffer:
            if not self._fill():
                raise Closed("in a chunk")
        line, self.buffer = self.buffer.split(b"\r\n", 1)
        return line

    def read(self):
        status, fields = self.read_head()
        if fields.get("transfer-encoding") != "chunked":
            return Answer(status, fields, self._take(int(fields.get("content-length", "0"))))
        pieces = []
        while pieces[-1:] != [b""]:
            pieces.append(self.read_chunk())
        return Answer(status, fields, b"".join(pieces))

    def read_chunk(self):
        """Empty at the end of the body."""
        count = int(self._line(), 16)
        return self._take(count + 2)[:-2]

    def read_to_end(self):
        while self._fill():
            pass
        return self.buffer

    def close(self):
        self.socket.close()


def ask(port, request):
    connection = Connection(port)
    try:
        connection.send(request)
        return connection.read()
    finally:
        connection.close()


def metrics(text):
    """The values of Prometheus' text, by their names with their labels as they are printed."""
    lines = (line.rpartition(" ") for line in text.splitlines() if line and not line.startswith("#"))
    return {name: float(value) for name, _, value in lines}


def metric(port, name):
    """The value of a metric, with its labels as they are printed."""
    return int(metrics(ask(port, head("GET", "/metrics", "Connection: close")).body.decode())[name])


def limit(port, name):
    return json.loads(ask(port, head("GET", "/v1/limits")).body)["limits"][name]
