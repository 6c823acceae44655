"""What the generators of cases speak to: it asks the server, keeps request and answer, and gives the answer
back to those who go on from it (ids of devices, exported states)."""

import json
import re
import time
from collections import Counter

import steps

JSON = "application/json"


class Recorder:
    def __init__(self, performer, writer, pending):
        """`pending` has the bytes of digests, for the performer."""
        self.performer, self.writer, self.pending = performer, writer, pending
        self.contract = None
        self.count = 0
        self.areas = Counter()
        self.operations, self.good, self.codes, self.statuses = Counter(), Counter(), Counter(), Counter()
        self.seconds = Counter()
        self.area = ""

    def _keep(self, data):
        digest = self.writer.blob(data)
        self.pending[digest] = data
        return digest

    def _perform(self, step):
        began = time.monotonic()
        result = self.performer.perform(step)
        if result.status == 0 and step["kind"] in ("ask", "follow"):
            raise SystemExit(f"no answer while recording: {steps.asked(step)}")
        step = {"step": self.count, "area": self.area, **step}
        step["answer"] = {"status": result.status, "headers": result.headers,
                          "parts": {name: self.writer.blob(data) for name, data in result.parts.items()}}
        self.writer.step(step)
        self.seconds[self.area] += time.monotonic() - began
        self.count += 1
        self.areas[self.area] += 1
        if operation := step.get("operation"):
            self.operations[operation] += 1
            self.statuses[result.status] += 1
            self.good[operation] += 200 <= result.status < 300
        return result

    def ask(self, method, target, body=None, headers=(), profile="plain"):
        """`body`: bytes; or anything else, which becomes JSON. A content type in `headers` counts."""
        fields = [list(field) for field in headers]
        if body is not None and not isinstance(body, (bytes, bytearray)):
            body = json.dumps(body, separators=(",", ":")).encode()
            if not any(name.lower() == "content-type" for name, _ in fields):
                fields.append(["Content-Type", JSON])
        result = self._perform({
            "kind": "ask", "operation": self._operation(method, target), "profile": profile,
            "method": method, "target": target, "headers": fields,
            "body": self._keep(bytes(body)) if body else None})
        answer = result.answer
        if answer.header("Content-Type") == "application/problem+json" and method != "HEAD":
            self.codes[json.loads(answer.body)["code"]] += 1
        return answer

    def _operation(self, method, target):
        return self.contract.operation(method, target) if self.contract else "-"

    def get(self, target, headers=(), **more):
        return self.ask("GET", target, None, headers, **more)

    def post(self, target, body, headers=(), **more):
        return self.ask("POST", target, body, headers, **more)

    def json(self, target):
        """The answer to a GET as a value; an empty object where it is a problem."""
        return value(self.get(target))

    def follow(self, target, headers, then):
        return self._perform({"kind": "follow", "operation": self._operation("GET", target), "profile": "plain",
                              "target": target, "headers": [list(h) for h in headers], "then": list(then)})

    def raw(self, data, profile="plain"):
        result = self._perform({"kind": "raw", "profile": profile, "data": self._keep(data)})
        found = re.search(rb'"code":"([a-z-]+)"}$', result.parts["bytes"])
        if found:
            self.codes[found.group(1).decode()] += 1
        return result

    def pause(self, seconds):
        return self._perform({"kind": "pause", "seconds": seconds})

    def command(self, *arguments, stdin=None, files=None, links=None):
        """`stdin`: bytes, or what becomes JSON; `files`: path -> bytes."""
        if stdin is not None and not isinstance(stdin, bytes):
            stdin = json.dumps(stdin).encode()
        return self._perform({
            "kind": "command", "arguments": list(arguments), "stdin": self._keep(stdin) if stdin else None,
            "files": {path: self._keep(data) for path, data in (files or {}).items()}, "links": links or {}})


def value(answer):
    if not 200 <= answer.status < 300 or not answer.body:
        return {}
    return json.loads(answer.body)
