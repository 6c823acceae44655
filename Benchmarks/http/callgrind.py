"""Instructions and allocations of a request, counted by callgrind: the product runs under it, is asked a few times
so that everything is warm, its counts are set to zero, it is asked some more, and its counts are written. They do
not depend on what else the machine does. The kernel's instructions are not among them."""

import os
import re
import shutil
import subprocess
import time

from client import Client
from servers import Failed, Server

WARM_UP = 3
# The libc functions that hand out memory.
ALLOCATORS = {"malloc", "calloc", "realloc", "posix_memalign", "aligned_alloc", "memalign"}


def stripped(binary, folder):
    """A copy without debug information, which valgrind would read for many seconds. Names of functions stay."""
    path = os.path.join(folder, "iovad")
    if not os.path.exists(path):
        shutil.copy(binary, path)
        if shutil.which("strip"):
            subprocess.run(["strip", "-g", path], check=True)
    return path


class Counted:
    """The product under callgrind."""

    def __init__(self, builds, folder):
        if not shutil.which("valgrind"):
            raise Failed("no valgrind here: apt-get install valgrind")
        self.folder = os.path.join(folder, "callgrind")
        os.makedirs(self.folder, exist_ok=True)
        self.out = os.path.join(self.folder, "out")
        self.dumps = 0
        self.server = Server(["valgrind", "--tool=callgrind", f"--callgrind-out-file={self.out}",
                              "--compress-strings=no", "--compress-pos=no"]
                             + builds.product_command(stripped(builds.binary, folder)),
                             # Dictionaries hash alike in each process, or counts would differ by their collisions.
                             SWIFT_DETERMINISTIC_HASHING="1")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.stop()

    def _control(self, *words):
        subprocess.run(["callgrind_control", *words, str(self.server.pid)], check=True, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL, timeout=120)

    def count(self, case, calls=None):
        """Figures of one request, and the path of the profile they are from."""
        calls = calls or case.calls
        with Client(self.server.port, timeout=600) as client:
            case.prepare(client)
            for _ in range(WARM_UP):
                for step in case.steps:
                    client.ask(step)
            self._control("--zero")
            for _ in range(calls):
                for step in case.steps:
                    client.ask(step)
            self._control("--dump")
        self.dumps += 1
        profile = f"{self.out}.{self.dumps}"
        deadline = time.monotonic() + 60
        while not complete(profile):
            if time.monotonic() > deadline:
                raise Failed("callgrind wrote no profile")
            time.sleep(0.02)
        instructions, allocations = totals(profile)
        return {"instructions": instructions / calls, "mallocs": allocations / calls, "calls": calls}, profile


def complete(profile):
    try:
        with open(profile, "rb") as file:
            file.seek(max(0, os.path.getsize(profile) - 200))
            return re.search(rb"^totals: \d+", file.read(), re.M) is not None
    except FileNotFoundError:
        return False


def totals(profile):
    """Instructions, and calls of the libc functions that hand out memory."""
    instructions = allocations = 0
    called = None
    with open(profile, encoding="utf-8", errors="replace") as file:
        for line in file:
            if line.startswith("cfn="):
                called = line[4:].strip().split("'")[0]
            elif line.startswith("calls="):
                if called in ALLOCATORS:
                    allocations += int(line[6:].split()[0])
            elif line.startswith("totals: "):
                instructions += int(line[8:].split()[0])
    return instructions, allocations
