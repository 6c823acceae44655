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

    @property
    def is_last(self) -> bool:
        """Whether the session is gone. A server that only stops says so, too, and another may go on."""
        return (self.type == "bye" and isinstance(self.data, dict)
                and self.data.get("reason") != "shutting_down")


class EventParser:
    """Puts lines together to events. Comments, which are the server's heartbeat, are no events."""

    def __init__(self, last_id: str = "") -> None:
        #: Of the last event that is whole: where a new connection goes on.
        self.last_id = last_id
        self.restart()

    def restart(self) -> None:
        """On a new connection: what an old one left unfinished is sent again."""
        self._id = self.last_id
        self._type = ""
        self._data: list[str] = []

    def line(self, line: str) -> Event | None:
        """The event that the line ends, if it ends one."""
        if not line:
            return self._end()
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "id" and "\0" not in value:
            self._id = value
        elif name == "event":
            self._type = value
        elif name == "data":
            self._data.append(value)
        return None

    def _end(self) -> Event | None:
        lines, kind = self._data, self._type
        self._data, self._type, self.last_id = [], "", self._id
        if not lines:
            return None
        text = "\n".join(lines)
        try:
            data: Any = json.loads(text)
        except ValueError:
            data = text
        return Event(self.last_id, kind or "message", data)
