"""The client that waits."""

from __future__ import annotations

import time
from collections.abc import Iterator
from types import TracebackType
from typing import Any

import httpx

from . import _requests as requests
from ._events import Event, EventParser
from ._problem import Problem
from ._requests import JSON, Call, Retries


class Client:
    """A server at `base_url`. Further keyword arguments are httpx's own."""

    def __init__(self, base_url: str, *, token: str | None = None, retries: Retries = Retries(),
                 **options: Any) -> None:
        self._retries = retries
        self._http = httpx.Client(base_url=base_url, headers=requests.headers(token), **options)

    def __enter__(self) -> Client:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        self._http.close()

    # Questions

    def decide(self, **question: Any) -> JSON:
        """Where a device's doorbells are mapped (POST /v1/decisions)."""
        return self._json(requests.asking("decisions", question))

    def compare(self, **question: Any) -> JSON:
        return self._json(requests.asking("comparisons", question))

    def place(self, **question: Any) -> JSON:
        """Where the window fits for a VM on hosts (POST /v1/placements)."""
        return self._json(requests.asking("placements", question))

    def survey(self, **question: Any) -> JSON:
        return self._json(requests.asking("surveys", question))

    def explain_faults(self, log: str | bytes, **params: Any) -> JSON:
        """SMMU faults of a kernel's log."""
        return self._json(requests.explaining("fault-explanations", log, **params))

    def explain_map_failures(self, log: str | bytes, **params: Any) -> JSON:
        """Failed maps of a VMM's log."""
        return self._json(requests.explaining("map-failures", log, **params))

    def version(self) -> JSON:
        return self._json(Call("GET", "/version"))

    def limits(self) -> dict[str, int]:
        return self._json(Call("GET", requests.path("limits")))["limits"]

    # Platforms

    def platforms(self, page_size: int | None = None) -> Iterator[JSON]:
        return self._items(requests.path("platforms"), page_size)

    def platform(self, platform: str) -> JSON:
        return self._json(Call("GET", requests.path("platforms", platform)))

    def devices(self, platform: str, page_size: int | None = None) -> Iterator[JSON]:
        return self._items(requests.path("platforms", platform, "devices"), page_size)

    def upload(self, description: bytes | JSON, platform: str | None = None,
               ttl_seconds: int | None = None) -> JSON:
        """A device tree, ACPI tables, text of a host, or the native model as a platform."""
        return self._json(requests.uploading(description, platform, ttl_seconds))

    def delete_platform(self, platform: str) -> None:
        self.send(Call("DELETE", requests.path("platforms", platform)))

    # Sessions

    def sessions(self, page_size: int | None = None) -> Iterator[JSON]:
        return self._items(requests.path("sessions"), page_size)

    def create_session(self, **members: Any) -> JSON:
        return self._json(requests.creating(requests.path("sessions"), json=members))

    def create_domain(self, session: str, **members: Any) -> JSON:
        return self._json(requests.creating(requests.path("sessions", session, "domains"), json=members))

    def delete_session(self, session: str) -> None:
        self.send(Call("DELETE", requests.path("sessions", session)))

    def session_events(self, session: str, last_id: str = "") -> Iterator[Event]:
        """Events as they come, until the session is gone; after `last_id` where it is given: "0" gives all that are
        kept."""
        parser, attempt = EventParser(last_id), 0
        while True:
            parser.restart()
            fields = {"Accept": "text/event-stream"}
            fields |= {"Last-Event-ID": parser.last_id} if parser.last_id else {}
            refused = None
            try:
                with self._http.stream("GET", requests.path("sessions", session, "events"), headers=fields,
                                       timeout=requests.STREAM_TIMEOUT) as response:
                    if not response.is_success:
                        response.read()
                    requests.checked(response)
                    for line in response.iter_lines():
                        if event := parser.line(line):
                            attempt = 0
                            yield event
                            if event.is_last:
                                return
            except httpx.TransportError:
                if attempt >= self._retries.count:
                    raise
            except Problem as problem:
                if problem.status not in requests.REPEATABLE or attempt >= self._retries.count:
                    raise
                refused = problem.response
            time.sleep(self._retries.pause(attempt, refused))
            attempt += 1

    # Sending

    def send(self, call: Call) -> httpx.Response:
        """Any request; what may be repeated is."""
        was_torn = False
        for attempt in range(self._retries.count + 1):
            is_last = attempt == self._retries.count or not call.may_repeat()
            response = None
            try:
                response = self._http.request(**call.arguments())
                if was_torn and call.was_done_before(response):
                    return response
                if response.status_code not in requests.REPEATABLE or is_last:
                    return requests.checked(response)
            except httpx.TransportError:
                was_torn = True
                if is_last:
                    raise
            time.sleep(self._retries.pause(attempt, response))
        raise AssertionError("the last attempt returns or raises")

    def _json(self, call: Call) -> JSON:
        return self.send(call).json()

    def _items(self, path: str, page_size: int | None) -> Iterator[JSON]:
        token: str | None = None
        while True:
            page = self._json(Call("GET", path, params={"limit": page_size, "page_token": token}))
            yield from page["items"]
            token = page.get("next_page_token")
            if token is None:
                return
