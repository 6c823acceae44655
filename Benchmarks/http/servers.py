"""Servers as child processes: the product and the yardsticks are started alike, found by the line that both print
when they listen, and asked for their threads' CPU time and their memory through /proc."""

import os
import re
import select
import subprocess
import time

START_SECONDS = 60
SETTLE_SECONDS = 5


class Failed(Exception):
    """A measurement that cannot be made; the text says why."""


class Server:
    """A running server on a free port of 127.0.0.1. Use it with `with`."""

    def __init__(self, command, **environment):
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("IOVAD_", "LISTEN_"))} | environment
        self.name = command[0]
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.PIPE, env=environment)
        self.said = b""
        self.port = self._port()
        self.pid = self.process.pid

    def _port(self):
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            found = re.search(rb"http://127\.0\.0\.1:(\d+)\s", self.said)
            if found:
                return int(found.group(1))
            if select.select([self.process.stderr], [], [], 1)[0]:
                piece = os.read(self.process.stderr.fileno(), 65536)
                if not piece:
                    break
                self.said += piece
        self.stop()
        raise Failed(f"{self.name} does not serve: {self.said.decode('utf-8', 'replace').strip()}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        """Returns what it said on standard error since it listened."""
        self.process.terminate()
        try:
            return self.process.communicate(timeout=START_SECONDS)[1]
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.communicate()[1]

    def cpu_ns(self):
        """CPU time of all its threads, the kernel's share included."""
        total = 0
        for task in os.listdir(f"/proc/{self.pid}/task"):
            try:
                with open(f"/proc/{self.pid}/task/{task}/schedstat") as file:
                    total += int(file.read().split()[0])
            except FileNotFoundError:
                continue  # a thread that ended
        return total

    def settle(self):
        """Waits until it works no more: what a load left unanswered is still being computed."""
        before, deadline = self.cpu_ns(), time.monotonic() + SETTLE_SECONDS
        while time.monotonic() < deadline:
            time.sleep(0.01)
            now = self.cpu_ns()
            if now - before < 300_000:
                return now
            before = now
        return before

    def memory_kib(self, field="VmRSS"):
        with open(f"/proc/{self.pid}/status") as file:
            return int(re.search(rf"^{field}:\s+(\d+) kB", file.read(), re.M).group(1))


class Builds:
    """Where the programs are."""

    def __init__(self, binary, public, yardsticks):
        self.binary, self.public, self.yardsticks = binary, public, yardsticks

    def has(self, name):
        return os.access(os.path.join(self.yardsticks, name), os.X_OK)

    def product_command(self, binary=None):
        # No access log: the yardsticks have none.
        return [binary or self.binary, "serve", "--listen", "127.0.0.1:0", "--public", self.public, "--log", "none",
                "--no-host"]

    def product(self):
        return Server(self.product_command())

    def yardstick(self, name, answers):
        """`answers`: pairs of a method and the file of a recorded answer."""
        command = [os.path.join(self.yardsticks, name)]
        for method, path in answers:
            command += ["--answer", method, path]
        return Server(command)
