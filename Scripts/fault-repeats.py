#!/usr/bin/env python3
"""Prints what repeats of a fault cost: the peak of the resident set of a server that explains one record, and of
another that explains as many repeats as a body holds.

    Scripts/fault-repeats.py [BINARY]        default: .build/release/iovad, or the debug build where there is none

A fault is kept once, with a count: what grows is the text itself and a few copies of it. Exit status 1 when a count
is wrong, or when the peak grows by more than COPIES_MAX texts."""

import http.client
import json
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
BODY_BYTES = 8 << 20
# The body as it came, the reader's, and one copy for each step of cleaning that finds something.
COPIES_MAX = 6
RECORDS = {
    "a stamped line": b"[  718.314900] arm-smmu 64000000.iommu: Unhandled context fault: fsr=0x402, iova=0x00000040, "
                      b"fsynr=0x2f0013, cbfrsynra=0x102, cb=15\n",
    "an event of five lines": b"".join(
        b"arm-smmu-v3 a: " + line + b"\n" for line in (
            b"event 0x10 received:", b"\t0x0000000800000010", b"\t0x0000020000000000", b"\t0x0000000008090040",
            b"\t0x0000000000000000")),
    "the shortest line": b"CMDQ timeout\n",
}


def binary():
    if len(sys.argv) > 1:
        return sys.argv[1]
    paths = [ROOT / ".build" / kind / "iovad" for kind in ("release", "debug")]
    return str(next((path for path in paths if path.exists()), paths[0]))


def peak(pid):
    """Bytes, of a running process."""
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+) kB", status).group(1)) << 10


def served(text):
    """How often the first fault of a text is counted, and the server's peak."""
    server = subprocess.Popen([binary(), "serve", "--listen", "127.0.0.1:0"], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True)
    try:
        port = next(int(found.group(1)) for found in (re.search(r"127\.0\.0\.1:(\d+)", line) for line in server.stdout)
                    if found)
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=600)
        connection.request("POST", "/v1/fault-explanations", text, {"Content-Type": "text/plain"})
        answer = json.loads(connection.getresponse().read())
        return answer["items"][0].get("count", 1), peak(server.pid)
    finally:
        server.terminate()
        server.wait()


def main():
    is_right = True
    for name, record in RECORDS.items():
        repeats = BODY_BYTES // len(record)
        _, least = served(record)
        count, most = served(record * repeats)
        size = repeats * len(record)
        copies = (most - least) / size
        is_right = is_right and count == repeats and copies <= COPIES_MAX
        print(f"{name}: {repeats} repeats ({size / 1e6:.1f} MB) counted {count}; peak {least / 1e6:.1f} MB for one, "
              f"{most / 1e6:.1f} MB for all: {copies:.2f} times the text", flush=True)
    return 0 if is_right else 1


if __name__ == "__main__":
    sys.exit(main())
