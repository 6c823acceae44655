"""One step of a recording: a request, a stream, bytes as they are, a command; done the same way when it is
recorded and when it is compared. A step contains all it needs, so that a comparison needs neither the shelf nor
the generators.

kind     what is in it
ask      profile, method, target, headers, body
follow   profile, target, headers, then: a stream, which the request `then` brings to its end
raw      profile, data: bytes on a connection of their own
command  arguments, stdin, files, links: iovad itself, in an empty folder with these files
pause    seconds
"""

import os
import subprocess
import tempfile
import time

import client
import masks

# In place of a header's value: the ETag with which this target was answered last, in this run.
LAST_ETAG = "@etag"
COMMAND_SECONDS = 120


class Result:
    """The answer, masked. Status 0: there was none. `parts` are bytes by name."""

    def __init__(self, status, headers, parts, answer=None):
        self.status, self.headers, self.parts, self.answer = status, headers, parts, answer


class Performer:
    def __init__(self, binary, public, blob):
        """`blob` gives the bytes of a digest."""
        self.binary, self.public, self.blob = binary, public, blob
        self.servers, self.etags = {}, {}
        self.restarts = 0

    def server(self, profile):
        server = self.servers.get(profile)
        if server is None or server.has_ended():
            if server:
                self.restarts += 1
                server.stop()
                if self.restarts > 20:
                    raise SystemExit("the server has ended more than 20 times: given up")
            server = self.servers[profile] = client.Server(self.binary, profile, self.public)
        return server

    def stop(self):
        for server in self.servers.values():
            server.stop()

    def perform(self, step):
        try:
            return getattr(self, "_" + step["kind"])(step)
        except client.NoAnswer as error:
            return Result(0, [], {"body": f"no answer: {error}".encode()})

    def _fields(self, step):
        path = step["target"].split("?")[0]
        return [(n, self.etags.get(path, '"none"') if v == LAST_ETAG else v) for n, v in step["headers"]]

    def _ask(self, step):
        body = self.blob(step["body"]) if step["body"] else b""
        answer = self.server(step["profile"]).ask(step["method"], step["target"], self._fields(step), body)
        return self._result(step, answer)

    def _result(self, step, answer):
        etag = answer.header("ETag")
        if etag:
            self.etags[answer.header("Location") or step["target"].split("?")[0]] = etag
        operation = step["operation"]
        body = masks.body(answer.body, operation, answer.headers)
        # Of HEAD there is no body to see it in: problems have the request's id.
        masked = body != answer.body or (step.get("method") == "HEAD" and answer.status >= 400)
        return Result(answer.status, masks.headers(answer.headers, operation, masked), {"body": body}, answer)

    def _follow(self, step):
        answer, ended = self.server(step["profile"]).follow(
            step["target"], self._fields(step), (step["then"][0], step["then"][1], [], b""))
        result = self._result(step, answer)
        result.parts["then"] = str(ended.status).encode()
        return result

    def _raw(self, step):
        data = self.server(step["profile"]).raw(self.blob(step["data"]))
        return Result(0, [], {"bytes": masks.raw(data)})

    def _pause(self, step):
        time.sleep(step["seconds"])
        return Result(0, [], {})

    def _command(self, step):
        environment = {k: v for k, v in os.environ.items() if not k.startswith("IOVAD_")}
        environment.update(COLUMNS="80", LC_ALL="C.UTF-8", TZ="UTC")
        with tempfile.TemporaryDirectory(prefix="iovad-record-") as folder:
            for path, digest in step["files"].items():
                os.makedirs(os.path.dirname(os.path.join(folder, path)) or folder, exist_ok=True)
                with open(os.path.join(folder, path), "wb") as file:
                    file.write(self.blob(digest))
            for path, target in step["links"].items():
                os.makedirs(os.path.dirname(os.path.join(folder, path)) or folder, exist_ok=True)
                os.symlink(target, os.path.join(folder, path))
            try:
                done = subprocess.run(
                    [self.binary, *step["arguments"]], cwd=folder, env=environment, timeout=COMMAND_SECONDS,
                    input=self.blob(step["stdin"]) if step["stdin"] else b"", capture_output=True)
            except subprocess.TimeoutExpired:
                return Result(0, [], {"stderr": f"did not end in {COMMAND_SECONDS} s".encode()})
        return Result(done.returncode, [], {"stdout": self._output(done.stdout),
                                            "stderr": self._output(done.stderr)})

    def _output(self, data):
        """What a command printed: units for systemd name the binary."""
        for path in {os.path.realpath(self.binary), self.binary}:
            data = data.replace(path.encode(), b"(binary)")
        return masks.text(data)


def asked(step):
    """One line on what a step asks."""
    kind = step["kind"]
    if kind == "ask":
        return f"{step['method']} {step['target']}"
    if kind == "follow":
        return f"GET {step['target']} as a stream"
    if kind == "command":
        return "iovad " + " ".join(step["arguments"])
    return kind
