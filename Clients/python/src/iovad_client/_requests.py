"""What both clients share: the requests as values, and when one is repeated. Nothing here does I/O."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote

import httpx

from ._problem import Problem

JSON = dict[str, Any]

#: Statuses after which the same request may be answered: too many requests, and a busy or ending server.
REPEATABLE = frozenset({429, 503})
TEXT = "text/plain; charset=utf-8"
BYTES = "application/octet-stream"
LINES = "application/x-ndjson"
#: An event stream says something every 15 s: a server that is silent for three times as long is gone.
STREAM_TIMEOUT = httpx.Timeout(30, read=45)


@dataclass(frozen=True)
class Call:
    """One request."""

    method: str
    path: str
    params: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    json: Any = None
    content: bytes | None = None
    #: Not the same when it is done again, whatever its method.
    is_once: bool = False
    #: Only asks, whatever its method.
    is_asking: bool = False

    def arguments(self) -> JSON:
        """For httpx."""
        params = {name: value for name, value in self.params.items() if value is not None}
        return {"method": self.method, "url": self.path, "params": params, "headers": dict(self.headers),
                "json": self.json, "content": self.content}

    def may_repeat(self) -> bool:
        """Whether a repetition does nothing twice: by its method, by its key, or as it only asks."""
        if self.is_once:
            return False
        return (self.method != "POST" or self.is_asking or "Idempotency-Key" in self.headers
                or self.path in ASKING)

    def was_done_before(self, response: httpx.Response) -> bool:
        """Whether the answer to a repetition says that the first attempt, of which none was heard, did it."""
        return self.method == "DELETE" and response.status_code == 404


#: POSTs that change nothing and have a path of their own.
ASKING = frozenset({
    "/v1/decisions", "/v1/comparisons", "/v1/placements", "/v1/surveys", "/v1/replays",
    "/v1/fault-explanations", "/v1/map-failures",
})


def path(*parts: str) -> str:
    """A path below /v1, its parts escaped: ids of devices have slashes."""
    return "/v1/" + "/".join(quote(part, safe="") for part in parts)


def domain(session: str, *parts: str) -> str:
    """The path of a session's domains, of one of them, or of what one has."""
    return path("sessions", session, "domains", *parts)


def number(address: str | int) -> str:
    """An address as the wire spells it."""
    return hex(address) if isinstance(address, int) else address


def reading(resource: str, **params: Any) -> Call:
    return Call("GET", resource, params=params)


def asking(resource: str, body: JSON, accepting: str | None = None, **params: Any) -> Call:
    return Call("POST", path(resource), params=params, headers={"Accept": accepting} if accepting else {}, json=body)


def explaining(resource: str, log: str | bytes, **params: Any) -> Call:
    content = log.encode() if isinstance(log, str) else log
    return Call("POST", path(resource), params=params, headers={"Content-Type": TEXT}, content=content)


def creating(resource: str, *, json: Any = None, content: bytes | None = None,
             media_type: str | None = None, **params: Any) -> Call:
    headers = {"Idempotency-Key": str(uuid.uuid4())}
    if media_type:
        headers["Content-Type"] = media_type
    return Call("POST", resource, params=params, headers=headers, json=json, content=content)


def acting(resource: str, members: JSON, if_revision: int | None) -> Call:
    """A change of a session that may be repeated, on condition where a revision is given."""
    call = creating(resource, json=members)
    return replace(call, headers={**call.headers, **condition(if_revision)})


def changing(resource: str, members: JSON, if_revision: int | None) -> Call:
    """A step that is not taken twice: its repetition would be refused."""
    return Call("PATCH", resource, headers=condition(if_revision), json=members, is_once=True)


def deleting(resource: str, if_revision: int | None = None) -> Call:
    return Call("DELETE", resource, headers=condition(if_revision))


def condition(if_revision: int | None) -> dict[str, str]:
    return {} if if_revision is None else {"If-Match": f'"{if_revision}"'}


def uploading(description: bytes | JSON, platform: str | None, ttl_seconds: int | None, **params: Any) -> Call:
    """Bytes of any kind that the server reads, which it tells apart by itself; or the native model."""
    if isinstance(description, bytes):
        return creating(path("platforms"), content=description, media_type=BYTES,
                        id=platform, ttl_seconds=ttl_seconds, **params)
    return creating(path("platforms"), json=description, id=platform, ttl_seconds=ttl_seconds, **params)


def replacing(description: bytes | JSON, platform: str, ttl_seconds: int | None, **params: Any) -> Call:
    where, params = path("platforms", platform), params | {"ttl_seconds": ttl_seconds}
    if isinstance(description, bytes):
        return Call("PUT", where, params=params, headers={"Content-Type": BYTES}, content=description)
    return Call("PUT", where, params=params, json=description)


@dataclass(frozen=True)
class Retries:
    """How often a request is repeated, and how long is waited before."""

    count: int = 3
    first_seconds: float = 0.2
    most_seconds: float = 30.0

    def pause(self, attempt: int, response: httpx.Response | None) -> float:
        """What the server asks for, or twice as long each time."""
        asked = response.headers.get("Retry-After", "") if response is not None else ""
        wanted = float(asked) if asked.isdigit() else self.first_seconds * 2**attempt
        return min(wanted, self.most_seconds)


def headers(token: str | None) -> dict[str, str]:
    fields = {"Accept": "application/json, application/problem+json"}
    return fields | ({"Authorization": f"Bearer {token}"} if token else {})


def checked(response: httpx.Response) -> httpx.Response:
    if response.is_success:
        return response
    raise Problem(response)
