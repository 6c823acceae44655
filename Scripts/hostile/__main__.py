"""Attacks a server of the given binary, one fresh server for each attack, and prints what became of it: the answers
that each attack must get, how long /livez took meanwhile, and the server's largest resident memory. `make hostile` calls it.

    python3 Scripts/hostile --binary B --public Public [--only WORD] [--livez-ms 50] [--rss-mb 200]

Exit status 1 when an answer is another, or a bound is passed.
"""

import argparse
import json
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "shared"), os.path.join(HERE, "..", "..", "Benchmarks", "http")]

import heads  # noqa: E402
import logs  # noqa: E402
import memory  # noqa: E402
import work  # noqa: E402
from checks import Checks  # noqa: E402
from servers import Server  # noqa: E402


class Watch:
    """Probes of /livez for as long as the block runs."""

    def __init__(self, port):
        self.process = subprocess.Popen([sys.executable, os.path.join(HERE, "watch.py"), str(port)],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def __enter__(self):
        self.process.stdout.readline()
        return self

    def __exit__(self, *_):
        output = self.process.communicate()[0]
        self.figures = json.loads(output) if output else {"probes": 0, "p99_ms": float("inf")}


def attack(options, prepare, run, checks):
    """Figures of one attack."""
    log = "text" if run is logs.unread else "none"
    command = [options.binary, "serve", "--listen", "127.0.0.1:0", "--public", options.public, "--log", log,
               "--no-host", "--allow-host", "*", "--grace-seconds", str(logs.GRACE_SECONDS)]
    with Server(command) as server:
        if prepare:
            prepare(server)
        with Watch(server.port) as watch:
            run(server, checks)
        rss = server.memory_kib("VmHWM") / 1000 * 1.024
        if run is logs.unread:
            logs.ended(server, checks)
    checks.true(f"/livez p99 under {options.livez_ms} ms", watch.figures["p99_ms"] <= options.livez_ms,
                f'{watch.figures["p99_ms"]:.1f}')
    checks.true(f"resident memory under {options.rss_mb} MB", rss <= options.rss_mb, f"{rss:.0f}")
    return watch.figures["p99_ms"], rss


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--binary", required=True)
    parser.add_argument("--public", required=True)
    parser.add_argument("--only", default="", help="attacks whose name has this word")
    parser.add_argument("--livez-ms", type=float, default=50)
    parser.add_argument("--rss-mb", type=float, default=200)
    options = parser.parse_args()
    failed = 0
    print(f"{'attack':58} {'/livez p99':>11} {'memory':>8}  result")
    for name, prepare, run in work.ATTACKS + memory.ATTACKS + logs.ATTACKS + heads.ATTACKS:
        if options.only not in name:
            continue
        checks = Checks()
        p99, rss = attack(options, prepare, run, checks)
        print(f"{name:58} {p99:8.1f} ms {rss:5.0f} MB  {'FAILED' if checks.failures else 'as it must be'}")
        for text in checks.passed:
            print(f"    {text}")
        for text in checks.failures:
            print(f"  ! {text}")
        sys.stdout.flush()
        failed += bool(checks.failures)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
