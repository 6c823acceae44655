"""Answers against recorded ones: status, headers and bodies to the byte; then, of what differs, where and how,
gathered into groups of one cause; and the list of what is expected."""

import difflib
import json
import re
from collections import Counter

import steps
import wording

ABSENT = "(absent)"
ALIGN_MAX = 3_000
# Members that say which item of a list an object is.
IDENTIFYING = ("id", "name", "host", "platform", "device", "device_kind", "policy", "kernel", "physical")


class Differences:
    def __init__(self):
        self.count = 0
        self.steps = set()
        self.groups = {}
        self.singles = []

    def add(self, step, where, old, new):
        if where == "status":
            words = (old, new)
        elif old is ABSENT or new is ABSENT:
            words = (ABSENT if old is ABSENT else wording.shape(old), ABSENT if new is ABSENT else wording.shape(new))
        else:
            words = wording.change(old, new)
        operation = name(step)
        # Per operation, as a list of what is expected may name one; put together again for printing.
        group = self.groups.setdefault((where, *words), {"operations": Counter(), "example": (step, old, new),
                                                         "steps": []})
        group["operations"][operation] += 1
        group["steps"].append(step["step"])
        self.count += 1
        self.steps.add(step["step"])
        self.singles.append((step, where, old, new))

    def report(self, expected, details):
        """Prints the groups; returns how many differences nobody expected."""
        if details:
            with open(details, "w", encoding="utf-8") as file:
                for step, where, old, new in self.singles:
                    file.write(f"step {step['step']}\t{name(step)}\t{steps.asked(step)}\t{where}\t"
                               f"{shown(old, 4_000)}\t{shown(new, 4_000)}\n")
        unexpected = 0
        for (where, old, new), group in sorted(self.groups.items(), key=lambda item: -item[1]["operations"].total()):
            rest = Counter()
            for operation, count in group["operations"].items():
                if not expected.takes(f"{operation} {where}: {old} -> {new}", count):
                    rest[operation] += count
            if rest:
                unexpected += rest.total()
                self._print(where, old, new, group, rest)
        expected.report()
        return unexpected

    @staticmethod
    def _print(where, old, new, group, rest):
        step, was, now = group["example"]
        print(f"{rest.total():6} x  {where}: {old} -> {new}")
        print("          " + ", ".join(f"{operation} {count}" for operation, count in rest.most_common(8))
              + f"; first: step {step['step']} {wording.cut(steps.asked(step), 160)}")
        if isinstance(was, str) and isinstance(now, str) and (wording.cut(was), wording.cut(now)) != (old, new):
            print(f"          old: {wording.cut(was)}\n          new: {wording.cut(now)}")
        elif not (isinstance(was, str) and isinstance(now, str)):
            print(f"          old: {shown(was)}\n          new: {shown(now)}")


def shown(value, most=wording.SHOWN_MAX):
    if value is ABSENT or isinstance(value, str):
        return wording.cut(value, most)
    return wording.cut(json.dumps(value, ensure_ascii=False), most)


def name(step):
    if step["kind"] == "command":
        return "iovad-" + (step["arguments"][0] if step["arguments"] else "")
    return step.get("operation") or step["kind"]


def step(step, result, blobs, differences):
    """Holds one result against what the step has recorded."""
    recorded = step["answer"]
    parts = {key: blobs[digest] for key, digest in recorded["parts"].items()}
    if (recorded["status"], recorded["headers"]) == (result.status, result.headers) and parts == result.parts:
        return
    if recorded["status"] != result.status:
        old, new = parts.get("body", b""), result.parts.get("body", b"")
        differences.add(step, "status", f"{recorded['status']}{code(old)}", f"{result.status}{code(new)}")
        # Another kind of answer: its body has nothing to do with the old one. A command still says why.
        if step["kind"] != "command":
            return
    headers(step, recorded["headers"], result.headers, parts != result.parts, differences)
    for key in sorted(set(parts) | set(result.parts)):
        old, new = parts.get(key, b""), result.parts.get(key, b"")
        if old != new:
            body(step, "" if key == "body" else key, old, new, differences)


def code(data):
    """The problem's code, to see why a status changed."""
    found = re.search(rb'"code":"([a-z-]+)"\}?', data) if data.startswith(b'{"type":"/problems/') else None
    return " " + json.loads(data)["code"] if found else ""


def headers(step, old, new, body_differs, differences):
    def table(fields):
        found = {}
        for key, value in fields:
            found.setdefault(key, []).append(value)
        return {key: ", ".join(values) for key, values in found.items()}

    old, new = table(old), table(new)
    for key in sorted(set(old) | set(new)):
        if key.lower() == "content-length" and body_differs and key in old and key in new:
            continue
        if old.get(key) != new.get(key):
            differences.add(step, f"header {key}", old.get(key, ABSENT), new.get(key, ABSENT))


def body(step, where, old, new, differences):
    try:
        texts = old.decode("utf-8"), new.decode("utf-8")
    except UnicodeDecodeError:
        differences.add(step, where or "body", f"{len(old)} bytes", f"{len(new)} other bytes")
        return
    values = [parsed(text) for text in texts]
    if None in values:
        lines(step, where or "text", *(text.split("\n") for text in texts), differences)
        return
    before = differences.count
    found(step, where, *values[0], *values[1], differences)
    if differences.count == before:
        differences.add(step, (where or "body") + " (same JSON, other bytes)", texts[0], texts[1])


def parsed(text):
    """[value] of a JSON document; None for anything else."""
    if not text.lstrip()[:1] in ("{", "["):
        return None
    try:
        return [json.loads(text)]
    except ValueError:
        return None


def found(step, where, old, new, differences):
    """Two values, down to what differs."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in list(old) + [key for key in new if key not in old]:
            inner = f"{where}/{key}"
            if key not in new or key not in old:
                differences.add(step, inner, old.get(key, ABSENT), new.get(key, ABSENT))
            elif old[key] != new[key] or type(old[key]) is not type(new[key]):
                found(step, inner, old[key], new[key], differences)
        both = [[key for key in side if key in old and key in new] for side in (old, new)]
        if both[0] != both[1]:
            differences.add(step, f"{where}/ (order of members)", " ".join(both[0]), " ".join(both[1]))
    elif isinstance(old, list) and isinstance(new, list):
        for a, b in aligned(old, new):
            if a is ABSENT or b is ABSENT:
                differences.add(step, f"{where}/*", a, b)
            elif a != b:
                found(step, f"{where}/*", a, b, differences)
    else:
        differences.add(step, where or "body", old, new)


def identity(item):
    """What an object of a list is about, so that it is compared with its like; None where nothing says so."""
    if isinstance(item, str) and item.startswith("{"):
        item = (parsed(item) or [None])[0]
    if not isinstance(item, dict):
        return None
    names = tuple(item[key] if isinstance(item.get(key), str) else "" for key in IDENTIFYING)
    return names if any(names) else None


def identities(side):
    """Of every item; what has none goes by its number among its like."""
    found, others = [], 0
    for item in side:
        name = identity(item)
        others += name is None
        found.append(others if name is None else name)
    return found


def aligned(old, new):
    """Pairs of the items of two lists; what has no partner is with ABSENT."""
    names = [identities(side) for side in (old, new)]
    if any(isinstance(name, tuple) for name in names[0]) and all(len(set(side)) == len(side) for side in names):
        known = dict(zip(names[1], new))
        kept = [known[name] for name in names[0] if name in known]
        yield from ((item, known.get(name, ABSENT)) for name, item in zip(names[0], old))
        yield from ((ABSENT, item) for name, item in zip(names[1], new) if name not in set(names[0]))
        if kept != [item for name, item in zip(names[1], new) if name in set(names[0])]:
            yield "order of items", "another order"
        return
    if len(old) > ALIGN_MAX or len(new) > ALIGN_MAX:
        common = min(len(old), len(new))
        yield from zip(old, new)
        yield from ((item, ABSENT) for item in old[common:])
        yield from ((ABSENT, item) for item in new[common:])
        return
    keys = [[json.dumps(item, sort_keys=True) for item in side] for side in (old, new)]
    for _, a, b, c, d in difflib.SequenceMatcher(None, *keys, autojunk=False).get_opcodes():
        yield from paired(old[a:b], new[c:d])


def paired(left, right):
    """A stretch that differs: as many pairs as there are, the rest by itself."""
    common = min(len(left), len(right))
    yield from zip(left[:common], right[:common])
    yield from ((item, ABSENT) for item in left[common:])
    yield from ((ABSENT, item) for item in right[common:])


def lines(step, where, old, new, differences):
    for a, b in aligned(old, new):
        if a is ABSENT or b is ABSENT:
            differences.add(step, f"{where} line", a, b)
        elif a != b:
            values = [parsed(a), parsed(b)]
            if None not in values and values[0] != values[1]:
                found(step, f"{where} line", *values[0], *values[1], differences)
            else:
                differences.add(step, f"{where} line", a, b)


class Expected:
    """A text of `pattern :: reason` lines; `#` starts a comment. A pattern is held against
    `operation place: old -> new` as it is printed, and only `*` stands for anything."""

    def __init__(self, path):
        self.rules = []
        if not path:
            return
        with open(path, encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                if not line.strip() or line.startswith("#"):
                    continue
                pattern, separator, reason = line.strip().partition(" :: ")
                if not separator or not reason.strip():
                    raise SystemExit(f"{path}:{number}: write `pattern :: reason`")
                parts = [re.escape(part) for part in pattern.strip().split("*")]
                self.rules.append([re.compile(".*".join(parts), re.S), pattern.strip(), reason.strip(), 0])

    def takes(self, signature, count):
        for rule in self.rules:
            if rule[0].fullmatch(signature):
                rule[3] += count
                return True
        return False

    def report(self):
        for _, pattern, reason, count in self.rules:
            print(f"{count:6} expected: {reason} [{pattern}]" if count else
                  f"       no difference is like this any more: [{pattern}] {reason}")
