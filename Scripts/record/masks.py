"""What changes from one run to the next although nothing changed: made equal before anything is kept."""

import gzip
import re

# Requests, sessions, platforms and agreements that bring no name get one at random, not always of the same length.
_RANDOM_ID = re.compile(rb"\b([rspa])-[0-9a-f]{7,16}\b")
_TIME = re.compile(rb"\b20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z\b")
_DATE = re.compile(rb"(?mi)^Date: [^\r\n]*")
# Of GET /version: what the host has, and what the build was.
_BUILD = re.compile(rb'"(version|libmicrohttpd|swift_language_mode)":"[^"]*"')
_VALUE = re.compile(rb"(?m)^([^#\s][^\n]*) [0-9.eE+-]+$")
_HOST_PATH = re.compile(rb"/tmp/iovad-record-[A-Za-z0-9_]+")
_FREE_PORT = re.compile(rb"\b(0\.0\.0\.0):\d+")
_LENGTH = re.compile(rb"(?mi)^Content-Length: [^\r\n]*")


def body(data, operation, fields):
    """A body with its volatile parts replaced; gzip is taken off."""
    if any(n.lower() == "content-encoding" and v.lower() == "gzip" for n, v in fields):
        data = gzip.decompress(data)
    data = text(data)
    if operation == "version":
        data = _BUILD.sub(rb'"\1":"(build)"', data)
    if operation == "metrics":
        data = _VALUE.sub(rb"\1 (value)", data)
    return data


def text(data):
    data = _RANDOM_ID.sub(rb"\1-(random)", data)
    data = _HOST_PATH.sub(b"(folder)", data)
    data = _FREE_PORT.sub(rb"\1:(port)", data)
    return _TIME.sub(b"(time)", data)


def raw(data):
    """Everything that a connection received; a problem's length changes with its request's id."""
    masked = _DATE.sub(b"Date: (date)", text(data))
    return _LENGTH.sub(b"Content-Length: (length)", masked) if masked.count(b"(random)") > 1 else masked


def headers(fields, operation, masked):
    """All fields but the date, by name: the order of different fields has no meaning. The client has held
    Content-Length against the body already; it changes with what is masked in it."""
    kept = []
    for name, value in fields:
        lower = name.lower()
        if lower == "date" or (lower == "content-length" and (operation == "metrics" or masked)):
            continue
        kept.append([name, text(value.encode("utf-8", "replace")).decode("utf-8")])
    return sorted(kept)
