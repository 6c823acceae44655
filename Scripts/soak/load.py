"""The process of one client: `load.py PORT ROLE NUMBER PAUSE`. A process of its own, so that no other client's
Python holds it up. It prepares, says "ready", and then obeys lines on its standard input: after "run" it goes
through the cycles of its role until "stop" comes, ends the cycle that it is in, and prints what it counted as JSON;
after "rush" it does so without rest."""

import json
import os
import select
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "shared"), os.path.join(HERE, "..", "..", "Benchmarks", "http")]

import pages  # noqa: E402
import questions  # noqa: E402
import sandboxes  # noqa: E402
import uploads  # noqa: E402
from asker import Client  # noqa: E402

ROLES = {"questions": questions.Questions, "views": questions.Views, "sandboxes": sandboxes.Sandboxes,
         "streams": sandboxes.Streams, "uploads": uploads.Uploads, "fleets": uploads.Fleets, "pages": pages.Pages,
         "probes": pages.Probes}


def is_told(seconds=0):
    return bool(select.select([sys.stdin], [], [], seconds)[0])


def main():
    port, role, number, pause = int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), float(sys.argv[4])
    client = Client(port, pause)
    work = ROLES[role](client, number)
    print("ready", flush=True)
    turn = 0
    # Read without a buffer: what select says must be all that there is.
    while (told := os.read(sys.stdin.fileno(), 16)) in (b"run\n", b"rush\n"):
        client.forget()
        client.pause = pause if told == b"run\n" else 0
        while not is_told():
            try:
                work.cycle(turn)
            except Exception as error:  # no answer, or one of another form: the soak has failed, and goes on
                client.error(f"{role}: {error!r}")
            turn += 1
        client.close()
        if os.read(sys.stdin.fileno(), 16) != b"stop\n":
            break
        print(json.dumps(client.figures()), flush=True)


if __name__ == "__main__":
    main()
