"""What must hold after a run: each acknowledged verb is in the log once, no live address was given twice, and the state is
what a fresh core makes of the log."""
import json

from clients import ask


def live_twice(events):
    """Addresses that were given while somebody had them."""
    live, twice = {}, []
    for number, event, data in events:
        if event == "allocated":
            start, size = int(data["iova"], 16), int(data["size"], 16)
            if any(start < end and begin < start + size for begin, end in live.items()):
                twice.append(f"revision {number}: {data['iova']}")
            live[start] = start + size
        elif event == "freed":
            live.pop(int(data["start"], 16), None)
    return twice


def missing(acknowledged, logs):
    """Verbs that a client got an answer to and that no log has."""
    known = {(session, number, event): data for session, events in logs.items() for number, event, data in events}
    return [verb for verb in acknowledged if not is_of(verb, known.get(verb[:3]))]


def is_of(verb, data):
    """Whether an event says what a client was answered. An address frees the range that it lies in."""
    if data is None:
        return False
    address = int(verb[3], 16)
    if verb[2] == "allocated":
        return int(data["iova"], 16) == address
    return int(data["start"], 16) <= address <= int(data["last"], 16)


def holes(events):
    """Revisions that the log jumps over."""
    found, before = [], 0
    for number, _, _ in events:
        if number not in (before, before + 1):
            found.append(f"{before} to {number}")
        before = number
    return found


def replayed(port, session, events):
    """Does on a fresh server what the log says; what comes out otherwise than it was."""
    differences = []
    status, _, data = ask(port, "POST", "/v1/sessions", {"id": session, "kernel": "6.12"})
    if status != 201:
        return [f"making it: {status} {data[:200]!r}"]
    for number, event, data in events:
        path = f"/v1/sessions/{session}/domains"
        if event == "domain_created":
            status, _, _ = ask(port, "POST", path, {"id": data["domain"], "consumer": "dma_api"})
        elif event in ("allocated", "exhausted"):
            order = {name: data[name] for name in ("size", "limit", "size_aligned", "cached", "dma_mask", "pci") if name in data}
            status, _, answer = ask(port, "POST", f"{path}/{data['domain']}/iovas", order)
            if event == "allocated" and (status != 201 or json.loads(answer)["range"]["start"] != data["iova"]):
                differences.append(f"revision {number}: {data['iova']} was {answer[:120]!r}")
        elif event == "freed":
            status, _, _ = ask(port, "DELETE", f"{path}/{data['domain']}/iovas/{data['start']}")
            if status != 204:
                differences.append(f"revision {number}: freeing {data['start']}: {status}")
    return differences


def state(port, session):
    """The exported state without what is of its time."""
    status, _, data = ask(port, "GET", f"/v1/sessions/{session}/state")
    if status != 200:
        return f"{status} {data[:200]!r}"
    document = json.loads(data)
    for name in ("model", "ttl_seconds", "kernel_from"):
        document.pop(name, None)
    return document
