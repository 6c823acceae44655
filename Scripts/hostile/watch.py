"""Asks /livez at a fixed pace while an attack runs, and prints how long the answers took: `watch.py PORT`. A process
of its own, as Benchmarks/http/prober.py is, whose requests and percentiles it uses; it ends with its standard input."""

import json
import os
import select
import socket
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "Benchmarks", "http"))
import prober  # noqa: E402

PROBES_PER_SECOND = 50


def watch(port):
    connection = socket.create_connection(("127.0.0.1", port), timeout=120)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    prober.ask(connection)
    print("ready", flush=True)
    taken, due = [], time.monotonic()
    while not select.select([sys.stdin], [], [], max(0, due - time.monotonic()))[0]:
        # What select oversleeps is this process's own; a slow answer counts for the probes that it held up.
        asked = time.monotonic() if not taken or taken[-1] < 1 / PROBES_PER_SECOND else due
        prober.ask(connection)
        taken.append(time.monotonic() - asked)
        due += 1 / PROBES_PER_SECOND
    return sorted(taken)


if __name__ == "__main__":
    try:
        os.setpriority(os.PRIO_PROCESS, 0, -10)
    except OSError:
        pass
    found = watch(int(sys.argv[1]))
    share = (lambda percent: prober.percentile(found, percent) * 1000) if found else (lambda percent: 0.0)
    print(json.dumps({"probes": len(found), "p50_ms": share(50), "p99_ms": share(99), "most_ms": share(100)}))
