"""Client of iovad's HTTP API. Answers are dictionaries as openapi.yaml describes them."""

from ._async import AsyncClient
from ._events import Event
from ._problem import FieldError, Problem
from ._requests import Call, Retries
from ._sync import Client

__all__ = ["AsyncClient", "Call", "Client", "Event", "FieldError", "Problem", "Retries"]
