"""A server of the given binary on a free loopback port, and requests to it, one after another.

The requests are written byte by byte here, not by http.client: a recording also contains targets and fields
that a well-behaved client would refuse to send.
"""

import os
import re
import shutil
import socket
import subprocess
import tempfile
import time

TIMEOUT_SECONDS = 60
ATTEMPTS = 3
TOKEN = "a-token-for-the-recorder-only"
ORIGIN = "https://example.org"

# How a server is started: what its answers depend on beside the requests.
PROFILES = ("plain", "guarded", "bare")


class NoAnswer(Exception):
    """The connection ended before there was a whole answer."""


class Answer:
    def __init__(self, status, headers, body):
        self.status = status
        self.headers = headers  # [name, value] in the order of the answer
        self.body = body

    def header(self, name):
        for key, value in self.headers:
            if key.lower() == name.lower():
                return value
        return None


class Server:
    """One process; `ask` sends over one connection as long as the server keeps it open."""

    def __init__(self, binary, profile, public):
        self.binary, self.profile, self.public = binary, profile, public
        self.process = self.connection = self.folder = None
        self.start()

    def start(self):
        self.folder = tempfile.mkdtemp(prefix="iovad-record-")
        public = self.public if self.profile != "bare" else os.path.join(self.folder, "Public")
        os.makedirs(public, exist_ok=True)
        command = [self.binary, "serve", "--listen", "127.0.0.1:0", "--public", public, "--log", "none",
                   "--grace-seconds", "1"]
        if self.profile == "guarded":
            token = os.path.join(self.folder, "token")
            with open(token, "w") as file:
                file.write(TOKEN + "\n")
            command += ["--token-file", token, "--cors-origin", ORIGIN]
        log = os.path.join(self.folder, "log")
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("IOVAD_", "LISTEN_"))}
        with open(log, "wb") as output:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output,
                                            stderr=output, env=environment)
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            with open(log, "rb") as file:
                text = file.read().decode("utf-8", "replace")
            found = re.search(r"http://127\.0\.0\.1:(\d+)", text)
            if found:
                self.port = int(found.group(1))
                return
            if self.process.poll() is not None:
                break
            time.sleep(0.02)
        self.stop()
        raise SystemExit(f"{self.binary} does not serve: {text.strip()}")

    def stop(self):
        self.close()
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def close(self):
        if self.connection:
            self.connection.close()
            self.connection = None

    def has_ended(self):
        return self.process.poll() is not None

    def connect(self):
        connection = socket.create_connection(("127.0.0.1", self.port), TIMEOUT_SECONDS)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return Connection(connection)

    def ask(self, method, target, headers, body):
        """A connection may be closed before any byte of the answer comes: a kept one at any time, a new one when
        the server refuses on the headers alone while the body is still on its way. Then it is asked again."""
        for attempt in range(ATTEMPTS):
            try:
                if self.connection is None:
                    self.connection = self.connect()
                self.connection.send(method, target, headers, body)
                answer, keeps = self.connection.receive(method)
            except (OSError, NoAnswer) as error:
                began = bool(self.connection and self.connection.began)
                self.close()
                if began or attempt + 1 == ATTEMPTS or self.has_ended() or isinstance(error, TimeoutError):
                    raise NoAnswer(str(error)) from None
                continue
            if not keeps:
                self.close()
            return answer

    def raw(self, data):
        """Bytes as they are on a connection of their own, and everything that comes back."""
        connection = self.connect()
        try:
            connection.socket.sendall(data)
            while connection.fill():
                pass
        except OSError:
            pass
        finally:
            connection.close()
        return connection.buffer

    def follow(self, target, headers, then):
        """An event stream to its end; `then` is asked on another connection once the stream has begun."""
        connection = self.connect()
        try:
            connection.send("GET", target, headers, b"")
            status, fields = connection.head()
            ended = self.ask(*then)
            body = connection.body("GET", status, fields)
        except OSError as error:
            raise NoAnswer(str(error)) from None
        finally:
            connection.close()
        return Answer(status, fields, body), ended


class Connection:
    def __init__(self, connected):
        self.socket, self.buffer, self.began = connected, b"", False

    def close(self):
        self.socket.close()

    def send(self, method, target, headers, body):
        names = {name.lower() for name, _ in headers}
        self.began = False
        lines = [f"{method} {target} HTTP/1.1", "Host: 127.0.0.1"]
        lines += [f"{name}: {value}" for name, value in headers]
        if (body or method in ("POST", "PUT", "PATCH")) and "content-length" not in names:
            lines.append(f"Content-Length: {len(body)}")
        self.socket.sendall("\r\n".join(lines).encode("utf-8") + b"\r\n\r\n" + body)

    def fill(self):
        data = self.socket.recv(1 << 18)
        self.buffer += data
        self.began = self.began or bool(data)
        return bool(data)

    def until(self, mark):
        while mark not in self.buffer:
            if not self.fill():
                raise NoAnswer(self.buffer[:80].decode("latin-1"))
        found, self.buffer = self.buffer.split(mark, 1)
        return found

    def take(self, count):
        while len(self.buffer) < count:
            if not self.fill():
                raise NoAnswer("the body ended early")
        found, self.buffer = self.buffer[:count], self.buffer[count:]
        return found

    def head(self):
        lines = self.until(b"\r\n\r\n").decode("latin-1").split("\r\n")
        status = int(lines[0].split(" ")[1])
        return status, [[part.strip() for part in line.split(":", 1)] for line in lines[1:]]

    def body(self, method, status, fields):
        names = {name.lower(): value for name, value in fields}
        if method == "HEAD" or status in (204, 304):
            return b""
        if "content-length" in names:
            return self.take(int(names["content-length"]))
        if names.get("transfer-encoding", "").lower() == "chunked":
            parts = []
            while True:
                size = int(self.until(b"\r\n").split(b";")[0], 16)
                parts.append(self.take(size))
                self.until(b"\r\n")
                if size == 0:
                    return b"".join(parts)
        while self.fill():
            pass
        found, self.buffer = self.buffer, b""
        return found

    def receive(self, method):
        status, fields = self.head()
        body = self.body(method, status, fields)
        closes = any(n.lower() == "connection" and v.lower() == "close" for n, v in fields)
        return Answer(status, fields, body), not closes
