"""Server-Sent Events (HTML, 9.2.6) from lines of text."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Event:
    """One event of a session."""

    id: str
    type: str
    data: Any


class EventParser:
    """Puts lines together to events. Comments, which are the server's heartbeat, are no events."""

    def __init__(self) -> None:
        self.last_id = ""
        self._type = ""
        self._data: list[str] = []

    def line(self, line: str) -> Event | None:
        """The event that the line ends, if it ends one."""
        if not line:
            return self._end()
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "id" and "\0" not in value:
            self.last_id = value
        elif name == "event":
            self._type = value
        elif name == "data":
            self._data.append(value)
        return None

    def _end(self) -> Event | None:
        lines, kind = self._data, self._type
        self._data, self._type = [], ""
        if not lines:
            return None
        text = "\n".join(lines)
        try:
            data: Any = json.loads(text)
        except ValueError:
            data = text
        return Event(self.last_id, kind or "message", data)
