"""Writes the asynchronous client from the synchronous one: python make_async.py. With --check it writes nothing, and
says where what is written differs."""

from __future__ import annotations

import re
import sys
from pathlib import Path

FOLDER = Path(__file__).parent / "src" / "iovad_client"
WORDS = [
    ('"""The client that waits."""', '"""The client that does not wait: _sync.py with awaits, written by make_async.py."""'),
    ("import time\n", "import asyncio\n"), ("time.sleep(", "await asyncio.sleep("),
    ("Iterator", "AsyncIterator"), ("class Client", "class AsyncClient"), ("-> Client:", "-> AsyncClient:"),
    ("httpx.Client(", "httpx.AsyncClient("), ("__enter__", "__aenter__"), ("__exit__", "__aexit__"),
    ("self._http.close()", "await self._http.aclose()"), ("self.close()", "await self.close()"),
    ("def close(self)", "async def close(self)"),
    ("with self._http.stream", "async with self._http.stream"), ("response.read()", "await response.aread()"),
    ("for line in response.iter_lines()", "async for line in response.aiter_lines()"),
    ("self._http.request(", "await self._http.request("), ("self.send(", "await self.send("),
    ("return await self.send(call).json()", "return (await self.send(call)).json()"),
    ("self._json(", "await self._json("),
    ("self._member(", "await self._member("),
    ("return await self._json(call)[name]", "return (await self._json(call))[name]"),
    ("yield from page[\"items\"]", "for item in page[\"items\"]:\n                yield item"),
]


def text() -> str:
    source = (FOLDER / "_sync.py").read_text()
    for old, new in WORDS:
        assert old in source, old
        source = source.replace(old, new)
    # What waits for an answer or yields one is asynchronous; what only returns an iterator is not.
    parts = re.split(r"(?m)^(?=    def )", source)
    return "".join(re.sub("^    def ", "    async def ", part) if re.search(r"\bawait\b|\byield\b|def __a", part) else part
                   for part in parts)


def check() -> str | None:
    """What is wrong with the client that is written; None where it is current."""
    return None if (FOLDER / "_async.py").read_text() == text() else "_async.py is not what make_async.py writes: run it"


if __name__ == "__main__":
    if sys.argv[1:] == ["--check"]:
        sys.exit(check())
    (FOLDER / "_async.py").write_text(text())
