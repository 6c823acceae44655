"""What a server is made of, looked at every few seconds: memory, threads and descriptors through /proc, and everything
that /metrics has. Beside it the slope of a series, with a bound for what is chance."""

import os
import threading
import time

import wire

SECONDS = 2.0
# Neighbouring samples are alike, so that a line through all of them looks surer than it is. The means of so many
# stretches are nearly independent.
STRETCHES = 12
# Two standard errors and a little, for so few points: 95 % of Student's distribution.
STUDENT = 2.23
RSS = "VmRSS, KiB"
# The first two are one quantity, which is judged by its slope; address space costs nothing by itself.
MEMORY = (RSS, "process_resident_memory_bytes", "process_virtual_memory_bytes")
HIGHEST_AS_WELL = ("iovad_flight_peak_bytes",)


class Sampler:
    """Looks until it is stopped, in a thread of its own; `samples` has a time and the figures of each look."""

    def __init__(self, server):
        self.server, self.samples, self.kinds = server, [], {}
        self.asked = 0
        self.ending, self.thread = threading.Event(), threading.Thread(target=self._run, daemon=True)

    def start(self):
        self.thread.start()

    def stop(self):
        self.ending.set()
        self.thread.join()

    def _run(self):
        while not self.ending.is_set():
            self.samples.append(self.look())
            self.ending.wait(SECONDS)

    def look(self):
        """(seconds, figures by name)."""
        answer = wire.ask(self.server.port, wire.head("GET", "/metrics", "Connection: close"))
        if answer.status != 200:
            raise SystemExit(f"/metrics: {answer.status} {answer.body[:200]!r}")
        self.asked += 1
        text = answer.body.decode()
        self.kinds |= dict(line.split()[2:4] for line in text.splitlines() if line.startswith("# TYPE "))
        figures = wire.metrics(text)
        figures |= {RSS: self.server.memory_kib(), "threads": len(self._of_process("task")),
                    "descriptors": len(self._of_process("fd"))}
        return time.monotonic(), figures

    def _of_process(self, what):
        return os.listdir(f"/proc/{self.server.pid}/{what}")

    def is_counter(self, name):
        """Counters and the parts of histograms only grow. So does a highest value, which says so by its name."""
        base = name.split("{")[0]
        kind = self.kinds.get(base)
        return kind == "counter" or kind is None and base.startswith("iovad_") or base in HIGHEST_AS_WELL


def slope(times, values):
    """(growth per second by least squares, and by how much that may be wrong by chance)."""
    size = max(1, len(times) // STRETCHES)
    whole = range(0, len(times) - size + 1, size)
    xs = [sum(times[start:start + size]) / size for start in whole]
    ys = [sum(values[start:start + size]) / size for start in whole]
    count = len(xs)
    if count < 3:
        return 0.0, float("inf")
    middle, height = sum(xs) / count, sum(ys) / count
    spread = sum((x - middle) ** 2 for x in xs)
    rise = sum((x - middle) * (y - height) for x, y in zip(xs, ys)) / spread
    rest = sum((y - height - rise * (x - middle)) ** 2 for x, y in zip(xs, ys))
    return rise, STUDENT * (rest / (count - 2) / spread) ** 0.5
