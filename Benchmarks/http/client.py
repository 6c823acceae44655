"""One connection that asks step by step: it sets machines and sessions up, records what the product answers, and
drives the server under callgrind, where no load generator is wanted."""

import http.client
import itertools
from dataclasses import dataclass

from servers import Failed

# libmicrohttpd makes these itself.
OWN_HEADERS = ("date", "content-length", "connection")


# Blanks behind a body that has to be another one each time.
BLANKS = 16


@dataclass(frozen=True)
class Step:
    """A request."""
    method: str
    target: str
    body: bytes = b""
    type: str = "application/json"
    # The same question, spelled with other blanks each time: no finished answer is kept for it.
    fresh: bool = False

    def headers(self):
        return {"Content-Type": self.type} if self.body else {}


class Client:
    def __init__(self, port, timeout=120):
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
        self.numbers = itertools.count()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.connection.close()

    def ask(self, step):
        """Status, headers and body of the answer, which must be good."""
        body = step.body
        if step.fresh:
            # From the other end than wrk counts, which asks the same server.
            number = 2 ** BLANKS - 1 - next(self.numbers)
            body += bytes(b" \t"[number >> place & 1] for place in range(BLANKS))
        self.connection.request(step.method, step.target, body or None, step.headers())
        answer = self.connection.getresponse()
        body = answer.read()
        if answer.status // 100 != 2:
            raise Failed(f"{step.method} {step.target}: {answer.status} {body[:600].decode('utf-8', 'replace')}")
        return answer.status, answer.getheaders(), body

    def post(self, target, body, type="application/json"):
        return self.ask(Step("POST", target, body, type))[2]

    def put(self, target, body, type="application/json"):
        return self.ask(Step("PUT", target, body, type))[2]


def record(answer, path):
    """Writes an answer for a yardstick."""
    status, headers, body = answer
    kept = [(name, value) for name, value in headers if name.lower() not in OWN_HEADERS]
    with open(path, "wb") as file:
        file.write(f"{status}\n".encode() + b"".join(f"{n}: {v}\n".encode("latin-1") for n, v in kept) + b"\n" + body)
