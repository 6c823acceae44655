"""A release of the server for the tests: IOVAD_TEST_BINARY, on a free port of its own."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator

import pytest


@pytest.fixture(scope="session")
def address() -> Iterator[str]:
    server = subprocess.Popen(
        [os.environ["IOVAD_TEST_BINARY"], "serve", "--listen", "127.0.0.1:0", "--no-host", "--log", "none",
         "--grace-seconds", "2"],
        stderr=subprocess.PIPE, text=True)
    assert server.stderr
    try:
        # What it says before concerns limits of the system.
        line = next(line for line in server.stderr if " serves " in line)
        yield line.split(" serves ")[1].strip()
    finally:
        server.terminate()
        server.wait(timeout=30)
