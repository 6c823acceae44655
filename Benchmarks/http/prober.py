"""Asks /livez at a fixed pace and prints, as JSON, how long the answers took: `prober.py PORT SECONDS`. A process of
its own, so that no other work of the measurement holds it up; it runs at a higher priority where it may, for the
time that a client waits for a processor is not the server's. A time counts from the moment at which a request was
due: a slow answer counts for all the requests that it held up."""

import json
import os
import socket
import sys
import time

PROBES_PER_SECOND = 200
REQUEST = b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n"


def ask(connection):
    connection.sendall(REQUEST)
    answer = b""
    while b"\r\n\r\n" not in answer or not answer.endswith(b"alive\n"):
        piece = connection.recv(65536)
        if not piece:
            sys.exit("the server closed the connection")
        answer += piece


def times(port, seconds):
    connection = socket.create_connection(("127.0.0.1", port), timeout=60)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    ask(connection)
    taken, start = [], time.monotonic()
    for number in range(int(seconds * PROBES_PER_SECOND)):
        due = start + number / PROBES_PER_SECOND
        time.sleep(max(0, due - time.monotonic()))
        # What sleep oversleeps is the client's own.
        asked = max(due, time.monotonic()) if number == 0 or taken[-1] < 1e6 / PROBES_PER_SECOND else due
        ask(connection)
        taken.append((time.monotonic() - asked) * 1e6)
    return sorted(taken)


def percentile(ordered, share):
    return ordered[min(len(ordered) - 1, len(ordered) * share // 100)]


if __name__ == "__main__":
    try:
        os.setpriority(os.PRIO_PROCESS, 0, -10)
    except OSError:
        pass
    found = times(int(sys.argv[1]), float(sys.argv[2]))
    print(json.dumps({"p50_us": percentile(found, 50), "p99_us": percentile(found, 99), "most_us": found[-1],
                      "probes": len(found)}))
