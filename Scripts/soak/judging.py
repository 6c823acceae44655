"""What a soak demands, asked of its figures: no errors, as many requests counted as sent, memory that does not grow,
percentiles that are the clients' own, and nothing left behind that grows with requests but counters."""

import percentiles
import sampling

HOUR, MILLION = 3600, 1_000_000
TOTAL = "iovad_requests_total"
PROBE = "live"
LIMIT = "iovad_limit{"
# What is kept up to a limit, and given up for what is newer.
KEPT = tuple(f'iovad_limit_used{{name="{name}"}}' for name in (
    "idempotency_keys_max", "idempotency_bytes_total_max", "prepared_ranges_max", "host_facts_ranges_max",
    "kept_answer_bytes_max"))


class Load:
    """What all clients counted in one phase."""

    def __init__(self, clients):
        self.counts, self.refusals, self.errors, self.failed = {}, {}, [], 0
        # By client and operation.
        self.times = [figures["times"] for figures in clients]
        for figures in clients:
            for operation, status, count in figures["counts"]:
                key = f'{TOTAL}{{operation="{operation}",status="{status}"}}'
                self.counts[key] = self.counts.get(key, 0) + count
            for name, count in figures["refusals"].items():
                self.refusals[name] = self.refusals.get(name, 0) + count
            self.errors += figures["errors"]
            self.failed += figures["failed"]

    def add_errors(self, earlier):
        """Those of a phase of which nothing else is judged."""
        self.errors += earlier.errors
        self.failed += earlier.failed

    @property
    def requests(self):
        return sum(self.counts.values())


def judge_requests(load, before, after, looks, checks):
    """`looks`: requests for /metrics between the two looks, the first among them."""
    checks.equal("errors", load.failed, 0)
    told = {name: value - before.get(name, 0) for name, value in after.items() if name.startswith(f"{TOTAL}{{")}
    told = {name: value for name, value in told.items() if value}
    sent = load.counts | {f'{TOTAL}{{operation="metrics",status="200"}}': looks}
    checks.equal(f"{TOTAL} counts what was sent, by operation and status",
                 {name: (told.get(name, 0), sent.get(name, 0)) for name in told.keys() | sent.keys()
                  if told.get(name, 0) != sent.get(name, 0)}, {})


def compare(load, histograms):
    """Rows of (operation, requests, percentiles by share)."""
    # What /livez takes in the server is nearly the same for all.
    served = percentiles.of_histogram(*histograms[PROBE])
    ways = [sorted(max(0, time - less) for time, less in zip(percentiles.of_times(sorted(times[PROBE])), served))
            for times in load.times]
    for operation in sorted({operation for times in load.times for operation in times}):
        apart = [times.get(operation, []) for times in load.times]
        whole = [time for times in apart for time in times]
        # Of each client as much as it has of these requests.
        way = sorted(time for own, times in zip(ways, apart)
                     for time in percentiles.of_times(own, round(percentiles.VALUES * len(times) / len(whole))))
        yield operation, len(whole), percentiles.compared(histograms[operation], way, whole)


def judge_percentiles(rows, histograms, tolerance, checks):
    missing = {operation: (sum(histograms[operation][1]), requests) for operation, requests, _ in rows
               if sum(histograms[operation][1]) != requests}
    checks.equal("requests with a time in the server, and at the clients, where they differ", missing, {})
    if tolerance is not None:
        wrong = [f"{operation} p{share}: {one.client:.0f} us, expected {one.expected:.0f}"
                 for operation, _, shares in rows for share, one in shares.items() if not one.is_equal(tolerance)]
        checks.equal(f"percentiles that differ by more than {tolerance:.0%} and chance", wrong, [])


def growth(samples, requests_per_second, is_counter):
    """Rows of (figure, lowest, highest, per hour, bound, per million requests, its bound)."""
    times = [at for at, _ in samples]
    for name in sorted(samples[-1][1]):
        # Limits stay as they are.
        if is_counter(name) or name.startswith(LIMIT):
            continue
        values = [figures.get(name, 0) for _, figures in samples]
        rise, bound = sampling.slope(times, values)
        each = MILLION / requests_per_second
        yield name, min(values), max(values), rise * HOUR, bound * HOUR, rise * each, bound * each


def judge_memory(samples, most_mb, checks):
    """The first half is not judged: what is kept up to a bound, and the pieces that are left between it in the heap of
    each thread, still find their places."""
    series = [(at, figures[sampling.RSS] * 1024 / 1e6) for at, figures in samples]
    rise, bound = sampling.slope(*zip(*series))
    half = series[len(series) // 2:]
    late, late_bound = sampling.slope(*zip(*half))
    seconds = half[-1][0] - half[0][0]
    checks.true(f"resident memory of the second half, {seconds:.0f} s, grows by no more than {most_mb} MB",
                (late - late_bound) * seconds <= most_mb, f"{late * seconds:+.2f} +- {late_bound * seconds:.2f}")
    return {"mb_per_hour": rise * HOUR, "bound": bound * HOUR, "highest_mb": max(mb for _, mb in series),
            "second_half_mb_per_hour": late * HOUR, "second_half_bound": late_bound * HOUR}


def judge_growth(before, after, samples, is_counter, checks):
    """What is kept up to a limit may still be on its way to it; it must not pass it."""
    left = [f"{name}: {before.get(name, 0):g}, then {after[name]:g}" for name in sorted(after)
            if not is_counter(name) and name not in sampling.MEMORY and name not in KEPT
            and after[name] > before.get(name, 0)]
    passed = sorted({name for _, figures in samples for name in KEPT
                     if figures[name] > figures[name.replace("iovad_limit_used", "iovad_limit")]})
    checks.equal("what is kept beyond its limit", passed, [])
    checks.equal("what is higher at rest than it was before, but counters", left, [])
    back = sorted({name for (_, one), (_, next) in zip(samples, samples[1:]) for name in one
                   if is_counter(name) and next.get(name, 0) < one[name]})
    checks.equal("counters that went back", back, [])
