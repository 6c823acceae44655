"""Percentiles of an operation as the server's histogram has them, beside those that its clients timed. A client also
sees what no server can: how its bytes lie in the kernel until a thread of the server is woken for them. Every client
measures this way with /livez, which costs the server next to nothing, at all times between its other requests."""

import math
import re
from dataclasses import dataclass

NAME = "iovad_request_seconds"
BUCKET = re.compile(rf'{NAME}_bucket\{{operation="([^"]+)",le="([^"]+)"\}}')
SHARES = (50, 90, 99)
# A distribution is kept as so many equally probable values.
VALUES = 400
# Ranks of different requests are compared: one may be so many standard errors off by chance. More than the usual three,
# for waits come in bursts.
STANDARD_ERRORS = 4
# Whoever took long in the server need not have had a long way: only this share of ways is shorter.
SHORTEST_WAY = 0.05


def histograms(before, after):
    """By operation (bounds in microseconds, counts) of what came between two looks at /metrics."""
    found = {}
    for name, value in after.items():
        matched = BUCKET.fullmatch(name)
        if matched:
            bound = float(matched.group(2)) * 1e6
            found.setdefault(matched.group(1), []).append((bound, value - before.get(name, 0)))
    return {operation: _apart(sorted(pairs)) for operation, pairs in found.items()}


def _apart(pairs):
    """Counts of each bucket alone."""
    counts = [count for _, count in pairs]
    return [bound for bound, _ in pairs], [count - less for count, less in zip(counts, [0] + counts)]


def percentile(bounds, counts, share):
    """As Prometheus' histogram_quantile: within its bucket as far as the rank is."""
    rank, below = share / 100 * sum(counts), 0
    for place, count in enumerate(counts):
        if count and below + count >= rank:
            low = bounds[place - 1] if place else 0.0
            high = bounds[place] if bounds[place] != math.inf else low
            return low + (high - low) * (rank - below) / count
        below += count
    return 0.0


def of_histogram(bounds, counts):
    return [percentile(bounds, counts, (number + 0.5) / VALUES * 100) for number in range(VALUES)]


def of_times(ordered, count=VALUES):
    return [ordered[int((number + 0.5) / count * len(ordered))] for number in range(count)]


def rank(ordered, share):
    return ordered[min(len(ordered) - 1, max(0, int(share * len(ordered))))]


@dataclass
class Compared:
    """One percentile, in microseconds."""
    server: float
    expected: float     # with the way
    client: float
    least: float        # that it can be by chance
    most: float

    @property
    def difference(self):
        return self.client / self.expected - 1

    def is_equal(self, tolerance):
        return self.least / (1 + tolerance) <= self.client <= self.most * (1 + tolerance)


def compared(histogram, way, times):
    """By share. `way`: equally probable times of the way, in order; `times`: those of all clients."""
    server, times = of_histogram(*histogram), sorted(times)
    found = {}
    for percent in SHARES:
        share = percent / 100
        chance = STANDARD_ERRORS * math.sqrt(share * (1 - share) / len(times))
        here = percentile(*histogram, percent)
        most = rank(server, share + chance) + rank(way, share + chance) if share + chance < 1 else math.inf
        least = rank(server, share - chance) + rank(way, SHORTEST_WAY)
        found[percent] = Compared(here, here + rank(way, share), rank(times, share), least, most)
    return found
