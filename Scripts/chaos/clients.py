"""Clients that share sessions, and watchers that read each session's log while instances come and go."""
import http.client
import json
import random
import threading
import time
import uuid

#: What a client may see; anything else is a finding.
EXPECTED = {200, 201, 204, 409, 412, 429, 503}
ROOM = "0x400000"


class Away(Exception):
    """Nobody answered, or the answer broke off."""


def ask(port, method, path, body=None, headers=None, timeout=40, keep=None):
    """One request; `keep` is a list with the connection to use, for its owner alone."""
    connection = keep[0] if keep and keep[0] else http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        fields = dict(headers or {})
        if body is not None:
            body = json.dumps(body)
            fields["Content-Type"] = "application/json"
        connection.request(method, path, body, fields)
        answer = connection.getresponse()
        data = answer.read()
        if keep is not None:
            keep[0] = connection
        else:
            connection.close()
        return answer.status, dict(answer.getheaders()), data
    except (OSError, http.client.HTTPException) as error:
        connection.close()
        if keep is not None:
            keep[0] = None
        raise Away(str(error)) from error


def revision(headers):
    return int(headers.get("ETag", headers.get("Etag", '"0"')).strip('"'))


class Client(threading.Thread):
    """Allocates and frees on shared sessions. A verb whose answer is lost is sent again with its key."""

    def __init__(self, port, number, sessions, end, seed):
        super().__init__(daemon=True)
        self.port, self.sessions, self.end = port, sessions, end
        self.random = random.Random(f"{seed} {number}")
        self.acknowledged = []
        self.statuses = {}
        self.findings = []
        self.lost = 0
        self.held = []
        self.kept = [None]

    def run(self):
        while time.monotonic() < self.end:
            try:
                self.step()
            except Exception as error:  # a client that dies would hide what it saw
                self.findings.append(f"client: {error!r}")
                return

    def step(self):
        session = self.random.choice(self.sessions)
        path = f"/v1/sessions/{session}/domains/d/iovas"
        if self.held and self.random.random() < 0.45:
            owner, start = self.held.pop(self.random.randrange(len(self.held)))
            # Without a key a lost answer stays unknown: 404 may be the first one's effect.
            status, headers, _ = self.until_told("DELETE", f"/v1/sessions/{owner}/domains/d/iovas/{start}", None, None)
            if status == 204:
                self.acknowledged.append((owner, revision(headers), "freed", start))
            elif status not in (404, None):
                self.held.append((owner, start))
            return
        size = self.random.choice(["0x1000", "0x2000", "0x8000"])
        status, headers, data = self.until_told("POST", path, {"size": size}, str(uuid.UUID(int=self.random.getrandbits(128))))
        if status == 201:
            start = json.loads(data)["range"]["start"]
            self.acknowledged.append((session, revision(headers), "allocated", start))
            self.held.append((session, start))

    def until_told(self, method, path, body, key):
        end = self.end + 30
        wait = 0.02
        while time.monotonic() < end:
            try:
                headers = {"Idempotency-Key": key} if key else {}
                status, fields, data = ask(self.port, method, path, body, headers, keep=self.kept)
            except Away:
                status, fields, data = 0, {}, b""
            self.statuses[status] = self.statuses.get(status, 0) + 1
            if status not in EXPECTED and not (status == 404 and method == "DELETE") and status != 0:
                self.findings.append(f"{method} {path}: {status} {data[:300]!r}")
            if status not in (0, 429, 503) and not (status == 409 and b"request-in-flight" in data):
                return status, fields, data
            time.sleep(wait)
            wait = min(1, wait * 2)
        self.lost += 1
        return None, {}, b""


class Watcher(threading.Thread):
    """Reads the events of one session over SSE, going on after the last id whenever its stream breaks."""

    def __init__(self, port, session):
        super().__init__(daemon=True)
        self.port, self.session = port, session
        self.events, self.gaps, self.streams = [], [], 0
        self.last = 0
        self.stopping = threading.Event()

    def run(self):
        while not self.stopping.is_set():
            try:
                self.follow()
            except (OSError, http.client.HTTPException):
                pass
            time.sleep(0.05)

    def follow(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        connection.request(
            "GET", f"/v1/sessions/{self.session}/events", headers={"Accept": "text/event-stream", "Last-Event-ID": str(self.last)})
        answer = connection.getresponse()
        if answer.status != 200:
            answer.read()
            return
        self.streams += 1
        event, data, number, group = "", "", None, []
        while not self.stopping.is_set():
            line = answer.readline()
            if not line:
                break
            line = line.decode().rstrip("\n")
            if line.startswith("event: "):
                event = line[7:]
            elif line.startswith("data: "):
                data = line[6:]
            elif line.startswith("id: "):
                number = int(line[4:])
            elif line == "" and event:
                if event == "gap":
                    self.gaps.append(data)
                elif event != "bye":
                    group.append((event, json.loads(data)))
                    # Only the last of a change has the id.
                    if number is not None:
                        self.events += [(number, *one) for one in group]
                        self.last, group = number, []
                event, data, number = "", "", None
        connection.close()
