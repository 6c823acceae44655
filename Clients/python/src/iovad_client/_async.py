"""The client that does not wait: _sync.py with awaits, written by make_async.py."""

from __future__ import annotations

import json
import asyncio
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Any

import httpx

from . import _requests as requests
from ._events import Event, EventParser
from ._problem import Problem
from ._requests import JSON, Call, Retries


class AsyncClient:
    """A server at `base_url`. Further keyword arguments are httpx's own."""

    def __init__(self, base_url: str, *, token: str | None = None, retries: Retries = Retries(),
                 **options: Any) -> None:
        self._retries = retries
        self._http = httpx.AsyncClient(base_url=base_url, headers=requests.headers(token), **options)

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        await self.close()

    async def close(self) -> None:
        await self._http.aclose()

    # Questions

    async def decide(self, **question: Any) -> JSON:
        """Where a device's doorbells are mapped (POST /v1/decisions)."""
        return await self._json(requests.asking("decisions", question))

    async def compare(self, explain: str | None = None, **question: Any) -> JSON:
        """The same question under several policies and kernels (POST /v1/comparisons)."""
        return await self._json(requests.asking("comparisons", question, explain=explain))

    async def place(self, **question: Any) -> JSON:
        """Where the window fits for a VM on hosts (POST /v1/placements)."""
        return await self._json(requests.asking("placements", question))

    async def survey(self, **question: Any) -> JSON:
        """How policies and constants fare on many machines (POST /v1/surveys)."""
        return await self._json(requests.asking("surveys", question))

    def survey_lines(self, **question: Any) -> AsyncIterator[JSON]:
        """The same device by device, as the server finds it out; the summary comes last."""
        return self._lines(requests.asking("surveys", question, accepting=requests.LINES))

    async def explain_faults(self, log: str | bytes, **params: Any) -> JSON:
        """SMMU faults of a kernel's log."""
        return await self._json(requests.explaining("fault-explanations", log, **params))

    async def explain_map_failures(self, log: str | bytes, **params: Any) -> JSON:
        """Failed maps of a VMM's log."""
        return await self._json(requests.explaining("map-failures", log, **params))

    async def replay(self, ops: list[JSON], explain: str | None = None, operation: int | None = None,
               **trace: Any) -> JSON:
        """Operations of the allocator with their results (POST /v1/replays)."""
        return await self._json(requests.asking("replays", trace | {"ops": ops}, explain=explain, operation=operation))

    async def replay_trace(self, trace: str | bytes, **params: Any) -> JSON:
        """What a trace of the kernel's IOMMU events shows."""
        return await self._json(requests.explaining("replays", trace, **params))

    # What the server knows

    async def version(self) -> JSON:
        return await self._json(Call("GET", "/version"))

    async def limits(self) -> dict[str, int]:
        return await self._member(Call("GET", requests.path("limits")), "limits")

    async def kernels(self) -> list[JSON]:
        """The releases that are modelled, and what each does."""
        return await self._member(Call("GET", requests.path("kernels")), "items")

    async def policies(self) -> list[JSON]:
        return await self._member(Call("GET", requests.path("policies")), "items")

    async def policy(self, policy: str) -> JSON:
        return await self._json(Call("GET", requests.path("policies", policy)))

    async def rules(self) -> list[JSON]:
        """The rules that steps of explanations name."""
        return await self._member(Call("GET", requests.path("rules")), "items")

    async def vmms(self) -> list[JSON]:
        return await self._member(Call("GET", requests.path("vmms")), "items")

    async def vmm(self, vmm: str, **shape: Any) -> JSON:
        """The memory map of a VM of this shape: ram="64G", vcpus=8, ..."""
        return await self._json(requests.reading(requests.path("vmms", vmm), **shape))

    async def atlas(self) -> JSON:
        """The survey of the device trees that Debian ships."""
        return await self._json(Call("GET", requests.path("atlas")))

    # Platforms

    def platforms(self, page_size: int | None = None, label: str | None = None) -> AsyncIterator[JSON]:
        """Those with a label, where one is asked for: `name=value`, or `name` for any value."""
        return self._items(requests.path("platforms"), page_size, label=label)

    async def platform(self, platform: str) -> JSON:
        return await self._json(Call("GET", requests.path("platforms", platform)))

    def devices(self, platform: str, page_size: int | None = None) -> AsyncIterator[JSON]:
        return self._items(requests.path("platforms", platform, "devices"), page_size)

    async def device(self, platform: str, device: str) -> JSON:
        return await self._json(Call("GET", requests.path("platforms", platform, "devices", device)))

    async def reserved_regions(self, platform: str, device: str, **params: Any) -> JSON:
        """What a device's reserved_regions file would show."""
        return await self._json(requests.reading(requests.path("platforms", platform, "reserved-regions"), device=device,
                                           **params))

    async def available_windows(self, platform: str, device: str, size: str | int, **params: Any) -> JSON:
        """Where a window of this size fits for a device; the list has pages, `picks` says which to take."""
        return await self._json(requests.reading(requests.path("platforms", platform, "available-windows"), device=device,
                                           size=size, **params))

    async def upload(self, description: bytes | JSON, platform: str | None = None,
               ttl_seconds: int | None = None, **params: Any) -> JSON:
        """A device tree, ACPI tables, text of a host, or the native model as a platform."""
        return await self._json(requests.uploading(description, platform, ttl_seconds, **params))

    async def replace_platform(self, platform: str, description: bytes | JSON, ttl_seconds: int | None = None,
                         **params: Any) -> JSON:
        """Makes the platform, or puts another description in its place."""
        return await self._json(requests.replacing(description, platform, ttl_seconds, **params))

    async def rename_platform(self, platform: str, to: str) -> JSON:
        """The same platform under another id."""
        return await self._json(Call("PATCH", requests.path("platforms", platform), json={"id": to}, is_once=True))

    async def label_platform(self, platform: str, **labels: str) -> JSON:
        """These labels in place of those that it has; platforms with one value of `pool` are a pool."""
        return await self._json(Call("PUT", requests.path("platforms", platform, "labels"), json=labels))

    async def delete_platform(self, platform: str) -> None:
        await self.send(Call("DELETE", requests.path("platforms", platform)))

    # Agreements

    def agreements(self, page_size: int | None = None, state: str | None = None) -> AsyncIterator[JSON]:
        return self._items(requests.path("agreements"), page_size, state=state)

    async def propose(self, **proposal: Any) -> JSON:
        """Hosts or a pool, a VM and a window, as for place: the agreement that the hosts can keep."""
        return await self._json(requests.creating(requests.path("agreements"), json=proposal))

    async def try_proposal(self, **proposal: Any) -> JSON:
        """What would come of it; `possible` says whether the hosts can keep it. Nothing is kept."""
        return await self._json(Call("POST", requests.path("agreements"), params={"dry_run": True}, json=proposal,
                               is_asking=True))

    async def agreement(self, agreement: str) -> JSON:
        return await self._json(Call("GET", requests.path("agreements", agreement)))

    async def accept(self, agreement: str, *, if_revision: int | None = None) -> JSON:
        """The VM runs with it."""
        return await self._json(requests.changing(requests.path("agreements", agreement), {"state": "accepted"}, if_revision))

    async def release(self, agreement: str, *, if_revision: int | None = None) -> JSON:
        """The VM has ended."""
        return await self._json(requests.changing(requests.path("agreements", agreement), {"state": "released"}, if_revision))

    async def renew_agreement(self, agreement: str, ttl_seconds: int) -> JSON:
        """It lives so long from now."""
        return await self._json(Call("PATCH", requests.path("agreements", agreement), json={"ttl_seconds": ttl_seconds}))

    async def delete_agreement(self, agreement: str, *, if_revision: int | None = None) -> None:
        await self.send(requests.deleting(requests.path("agreements", agreement), if_revision))

    async def check_host(self, agreement: str, host: JSON) -> JSON:
        """Whether a host would keep the promise; nothing changes."""
        return await self._json(Call("POST", requests.path("agreements", agreement, "checks"), json={"host": host},
                               is_asking=True))

    def agreement_log(self, agreement: str, after: int | None = None, page_size: int | None = None) -> AsyncIterator[JSON]:
        """The events that are kept, after the one with this id."""
        return self._items(requests.path("agreements", agreement, "events"), page_size, after=after)

    async def add_host(self, agreement: str, host: JSON, *, if_revision: int | None = None) -> JSON:
        """Another host, if it keeps the promise."""
        return await self._json(requests.acting(requests.path("agreements", agreement, "hosts"), {"host": host}, if_revision))

    async def remove_host(self, agreement: str, host: str, *, if_revision: int | None = None) -> None:
        """Takes a host out of the agreement; the only one stays."""
        await self.send(requests.deleting(requests.path("agreements", agreement, "hosts", host), if_revision))

    # Sessions

    def sessions(self, page_size: int | None = None) -> AsyncIterator[JSON]:
        return self._items(requests.path("sessions"), page_size)

    async def session(self, session: str) -> JSON:
        return await self._json(Call("GET", requests.path("sessions", session)))

    async def create_session(self, **members: Any) -> JSON:
        return await self._json(requests.creating(requests.path("sessions"), json=members))

    async def renew_session(self, session: str, ttl_seconds: int) -> JSON:
        """It lives so long from now."""
        return await self._json(Call("PATCH", requests.path("sessions", session), json={"ttl_seconds": ttl_seconds}))

    async def delete_session(self, session: str) -> None:
        await self.send(Call("DELETE", requests.path("sessions", session)))

    async def export_session(self, session: str, form: str = "compact") -> JSON:
        """The whole state, which import_session takes, here or on another server. form="plain" is for people."""
        return await self._json(requests.reading(requests.path("sessions", session, "state"), form=form))

    async def import_session(self, state: JSON, session: str | None = None) -> JSON:
        """A session from an exported state, under its own id or another one."""
        return await self._json(requests.creating(requests.path("sessions"), json=state, id=session))

    def events(self, session: str, after: int | None = None, page_size: int | None = None) -> AsyncIterator[JSON]:
        """The events that are kept, after the one with this id."""
        return self._items(requests.path("sessions", session, "events"), page_size, after=after)

    # Domains of a session. `if_revision` makes a change conditional: 412 where the session has another one.

    def domains(self, session: str, page_size: int | None = None) -> AsyncIterator[JSON]:
        return self._items(requests.domain(session), page_size)

    async def domain(self, session: str, domain: str) -> JSON:
        return await self._json(Call("GET", requests.domain(session, domain)))

    async def domain_state(self, session: str, domain: str, form: str = "plain") -> JSON:
        return await self._json(requests.reading(requests.domain(session, domain, "state"), form=form))

    async def create_domain(self, session: str, if_revision: int | None = None, **members: Any) -> JSON:
        return await self._json(requests.acting(requests.domain(session), members, if_revision))

    async def delete_domain(self, session: str, domain: str, if_revision: int | None = None) -> None:
        await self.send(requests.deleting(requests.domain(session, domain), if_revision))

    def attached(self, session: str, domain: str, page_size: int | None = None) -> AsyncIterator[JSON]:
        """The devices of a domain."""
        return self._items(requests.domain(session, domain, "devices"), page_size)

    async def attach(self, session: str, domain: str, if_revision: int | None = None, **members: Any) -> JSON:
        """Attaches a device: of a platform, or with a description of its own."""
        return await self._json(requests.acting(requests.domain(session, domain, "devices"), members, if_revision))

    async def detach(self, session: str, domain: str, device: str, if_revision: int | None = None) -> None:
        await self.send(requests.deleting(requests.domain(session, domain, "devices", device), if_revision))

    def reservations(self, session: str, domain: str, page_size: int | None = None) -> AsyncIterator[JSON]:
        return self._items(requests.domain(session, domain, "reserved-regions"), page_size)

    async def reserve(self, session: str, domain: str, if_revision: int | None = None, **members: Any) -> JSON:
        """Withholds a range from the allocator."""
        return await self._json(requests.acting(requests.domain(session, domain, "reserved-regions"), members, if_revision))

    def iovas(self, session: str, domain: str, page_size: int | None = None) -> AsyncIterator[JSON]:
        """What is allocated."""
        return self._items(requests.domain(session, domain, "iovas"), page_size)

    async def iova(self, session: str, domain: str, address: str | int) -> JSON:
        """The allocation that contains an address."""
        return await self._json(Call("GET", requests.domain(session, domain, "iovas", requests.number(address))))

    async def allocate(self, session: str, domain: str, if_revision: int | None = None, **members: Any) -> JSON:
        return await self._json(requests.acting(requests.domain(session, domain, "iovas"), members, if_revision))

    async def preview(self, session: str, domain: str, size: str | int, **params: Any) -> JSON:
        """What `allocate` would give; nothing changes."""
        return await self._json(requests.reading(requests.domain(session, domain, "available-iovas"), size=size, **params))

    async def free(self, session: str, domain: str, address: str | int, if_revision: int | None = None) -> None:
        await self.send(requests.deleting(requests.domain(session, domain, "iovas", requests.number(address)), if_revision))

    def doorbells(self, session: str, domain: str, page_size: int | None = None) -> AsyncIterator[JSON]:
        return self._items(requests.domain(session, domain, "doorbells"), page_size)

    async def map_doorbell(self, session: str, domain: str, if_revision: int | None = None, **members: Any) -> JSON:
        """Maps a doorbell, or says where its page is mapped."""
        return await self._json(requests.acting(requests.domain(session, domain, "doorbells"), members, if_revision))

    async def batch(self, session: str, domain: str, operations: list[JSON], if_revision: int | None = None) -> list[JSON]:
        """Several operations, all or none; a result for each."""
        return await self._member(requests.acting(requests.domain(session, domain, "batches"), {"operations": operations},
                                            if_revision), "results")

    # Streams

    def session_events(self, session: str, last_id: str = "") -> AsyncIterator[Event]:
        """Events as they come, until the session is gone; after `last_id` where it is given: "0" gives all that are
        kept."""
        return self._follow(requests.path("sessions", session, "events"), last_id)

    def agreement_events(self, agreement: str, last_id: str = "") -> AsyncIterator[Event]:
        """The same of an agreement."""
        return self._follow(requests.path("agreements", agreement, "events"), last_id)

    async def _follow(self, path: str, last_id: str) -> AsyncIterator[Event]:
        parser, attempt = EventParser(last_id), 0
        while True:
            parser.restart()
            fields = {"Accept": "text/event-stream"}
            fields |= {"Last-Event-ID": parser.last_id} if parser.last_id else {}
            refused = None
            try:
                async with self._http.stream("GET", path, headers=fields, timeout=requests.STREAM_TIMEOUT) as response:
                    if not response.is_success:
                        await response.aread()
                    requests.checked(response)
                    async for line in response.aiter_lines():
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
            await asyncio.sleep(self._retries.pause(attempt, refused))
            attempt += 1

    # Sending

    async def send(self, call: Call) -> httpx.Response:
        """Any request; what may be repeated is."""
        was_torn = False
        for attempt in range(self._retries.count + 1):
            is_last = attempt == self._retries.count or not call.may_repeat()
            response = None
            try:
                response = await self._http.request(**call.arguments())
                if was_torn and call.was_done_before(response):
                    return response
                if response.status_code not in requests.REPEATABLE or is_last:
                    return requests.checked(response)
            except httpx.TransportError:
                was_torn = True
                if is_last:
                    raise
            await asyncio.sleep(self._retries.pause(attempt, response))
        raise AssertionError("the last attempt returns or raises")

    async def _json(self, call: Call) -> JSON:
        return (await self.send(call)).json()

    async def _member(self, call: Call, name: str) -> Any:
        return (await self._json(call))[name]

    async def _lines(self, call: Call) -> AsyncIterator[JSON]:
        """Objects as they come, a line each. Refusals are repeated; what was begun is not."""
        for attempt in range(self._retries.count + 1):
            async with self._http.stream(**call.arguments()) as response:
                if not response.is_success:
                    await response.aread()
                if response.status_code not in requests.REPEATABLE or attempt == self._retries.count:
                    requests.checked(response)
                    async for line in response.aiter_lines():
                        yield json.loads(line)
                    return
            await asyncio.sleep(self._retries.pause(attempt, response))

    async def _items(self, path: str, page_size: int | None, **params: Any) -> AsyncIterator[JSON]:
        token: str | None = None
        while True:
            page = await self._json(requests.reading(path, limit=page_size, page_token=token, **params))
            for item in page["items"]:
                yield item
            token = page.get("next_page_token")
            if token is None:
                return
