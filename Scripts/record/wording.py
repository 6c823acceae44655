"""The difference of two values in few words: what of a text changed, with numbers taken out, so that one
cause is one line however often it shows."""

import difflib
import json
import re

_HEX = re.compile(r"\b0x[0-9a-fA-F]+\b")
_TAG = re.compile(r'"[0-9a-f]{16}"')
_NUMBER = re.compile(r"(?<![A-Za-z_])\d+(?:\.\d+)*(?![A-Za-z_])|(?<=@)[0-9a-f]+")
_TOKEN = re.compile(r"\s+|[\w.]+|[^\w\s]")
# Members that say what an object is.
_NAMING = ("rule", "code", "kind", "type", "op", "verdict", "severity", "event")
FRAGMENTS_MAX = 5
SHOWN_MAX = 220


def general(text):
    """A text without the numbers that differ from case to case."""
    return _NUMBER.sub("N", _HEX.sub("0xN", _TAG.sub('"(tag)"', text)))


def cut(text, most=SHOWN_MAX):
    text = text.replace("\n", "\\n")
    return text if len(text) <= most else text[:most - 3] + "..."


def shape(value):
    """A value as in a group: texts and numbers in general, objects by what names them."""
    if isinstance(value, str):
        return cut(general(value))
    if isinstance(value, dict):
        names = {k: value[k] for k in _NAMING if isinstance(value.get(k), str)}
        inner = ", ".join([f"{k}: {v}" for k, v in names.items()] or sorted(value)[:6])
        return "{" + cut(general(inner), 120) + "}"
    if isinstance(value, list):
        return "[...]" if value else "[]"
    return general(json.dumps(value))


def fragments(old, new):
    """The pieces in which two texts differ: [(old, new)], numbers taken out; the whole where too much differs."""
    whole = [(cut(general(old)), cut(general(new)))]
    # Words of the wire, ids and numbers are no sentences: they change as a whole.
    if len(old) + len(new) > 20_000 or not (set(old) & set(" \n") or set(new) & set(" \n")):
        return whole
    left, right = _TOKEN.findall(old), _TOKEN.findall(new)
    pieces = []
    previous = None
    for kind, a, b, c, d in difflib.SequenceMatcher(None, left, right, autojunk=False).get_opcodes():
        if kind == "equal":
            blank = "".join(left[a:b])
            if previous is not None and not blank.strip():
                previous[0] += blank
                previous[1] += blank
            else:
                previous = None
            continue
        if previous is None:
            previous = ["", ""]
            pieces.append(previous)
        previous[0] += "".join(left[a:b])
        previous[1] += "".join(right[c:d])
    if len(pieces) > FRAGMENTS_MAX or sum(len(a) + len(b) for a, b in pieces) > 0.8 * (len(old) + len(new)):
        return whole
    # The same change at several places of one text is one change.
    seen = dict.fromkeys((cut(general(a.strip())), cut(general(b.strip()))) for a, b in pieces)
    return list(seen)


def change(old, new):
    """(old, new) in the words of a group."""
    if isinstance(old, str) and isinstance(new, str):
        pieces = fragments(old, new)
        return " | ".join(a or "(nothing)" for a, _ in pieces), " | ".join(b or "(nothing)" for _, b in pieces)
    return shape(old), shape(new)
