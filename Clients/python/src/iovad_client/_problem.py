"""Problems (RFC 9457) as exceptions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import httpx


@dataclass(frozen=True)
class FieldError:
    """What is wrong with one member or parameter of a request."""

    pointer: str
    code: str
    detail: str


class Problem(Exception):
    """An answer that is no success."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self.status: int = response.status_code
        try:
            body: Any = response.json()
        except ValueError:
            # libmicrohttpd's own refusals, and those of proxies, have no problem in their body.
            body = None
        members: dict[str, Any] = body if isinstance(body, dict) else {}
        self.code: str = members.get("code", "")
        self.title: str = members.get("title", response.reason_phrase)
        self.detail: str = members.get("detail", "")
        self.request_id: str = response.headers.get("X-Request-ID", "")
        self.errors: list[FieldError] = [
            FieldError(error.get("pointer", ""), error.get("code", ""), error.get("detail", ""))
            for error in members.get("errors", [])
        ]
        lines = [f"{self.status} {self.title}: {self.detail}"]
        lines += [f"  {error.pointer}: {error.detail}" for error in self.errors]
        super().__init__("\n".join(lines))
