"""The requests that are measured: for each its name, what has to be there first, the request itself, and the goal
that the project set for it. Nothing here runs anything."""

import fnmatch
import itertools
import json
from dataclasses import dataclass, field
from typing import Callable

import machines
from client import Step
from servers import Failed

JUNO = {"platform": "example-arm-juno", "device": "/pcie@40000000"}
CONSUMERS = ("dma_api", "vfio_type1", "iommufd")
SOURCES = ("fixed", "candidates", "dynamic")
EXPLAIN = ("none", "summary", "full")
REGIONS = [{"start": "0x8000000", "size": "0x100000", "type": "msi"},
           {"start": "0x20000000", "size": "0x100000", "type": "reserved"},
           {"start": "0xfee00000", "size": "0x100000", "type": "reserved"}]
# Every request is sent on so many connections at once, unless it says otherwise.
CONNECTIONS = 16


@dataclass
class Case:
    name: str
    steps: list                     # asked in turn; more than one needs one connection
    prepare: Callable = lambda client: None
    connections: int = CONNECTIONS
    # Of `plain`, `jansson`: at most so many times that yardstick; of `us`, `us_each`: at most so many microseconds.
    goal: dict = field(default_factory=dict)
    each: int = 1                   # things in one request: hosts, verbs, devices
    calls: int = 20                 # requests that callgrind counts; 0 where what has to be there first takes minutes
    area: str = "requests"
    size: int = 0                   # of a row of a growth table

    def body(self):
        return self.steps[0].body


def get(target):
    return [Step("GET", target)]


def post(target, body, fresh=False):
    return [Step("POST", target, json.dumps(body, separators=(",", ":")).encode(), fresh=fresh)]


def decision(explain, fresh=True, **more):
    return post(f"/v1/decisions?explain={explain}", more, fresh)


DECISION_GOALS = {"none": {"plain": 3.0, "jansson": 1.3}, "summary": {"plain": 3.5}, "full": {}}


def stored(explain, consumer, source, fresh=True):
    return decision(explain, fresh, **JUNO, consumer=consumer, window_source=source)


def inline(explain, consumer, source):
    return decision(explain, reserved_regions=REGIONS, doorbells=["0x8090040"], consumer=consumer,
                    window_source=source)


def decisions():
    """Consumers x sources x how much is explained, on a stored platform and with the regions in the request."""
    for explain, consumer, source in itertools.product(EXPLAIN, CONSUMERS, SOURCES):
        name = f"decision-{explain}"
        if (consumer, source) != ("vfio_type1", "fixed"):
            name += f"-{consumer}-{source}"
        yield Case(name, stored(explain, consumer, source), goal=DECISION_GOALS[explain], calls=50)
        # The same question again, whose answer is kept.
        yield Case("kept-" + name.removeprefix("decision-"), stored(explain, consumer, source, fresh=False),
                   goal={"plain": 2.0}, calls=50)
        goal = {"plain": 4.0} if explain == "none" else {}
        yield Case(f"inline-{explain}-{consumer}-{source}", inline(explain, consumer, source), goal=goal)


def stored_hosts(count, unlike=False):
    """Hosts of fifteen kinds, or each of its own."""
    def prepare(client):
        for number in range(count):
            client.put(f"/v1/platforms/host-{number}", machines.platform(1, 3, number, unlike))
    return prepare


def placement(count, unlike=False):
    hosts = [{"name": f"h{number}", "platform": f"host-{number}"} for number in range(count)]
    goal = {1000: {"us_each": 5.0}, 100: {"us": 400}}.get(count, {})
    name = f"placement-unlike-{count}" if unlike else f"placement-{count}"
    return Case(name, post("/v1/placements", {"hosts": hosts, "vm": {
        "vmm": "qemu-virt", "ram": "0x100000000"}}), stored_hosts(count, unlike), connections=1 if count > 50 else CONNECTIONS,
        goal=goal, each=count, calls=10 if count > 50 else 20)


def placement_inline(count):
    """Each host says itself what it reserves, and each something else."""
    hosts = [{"name": f"h{number}", "reserved_regions": [REGIONS[0], machines.region(number, number)]}
             for number in range(count)]
    return Case(f"placement-inline-{count}", post("/v1/placements", {"hosts": hosts, "vm": {
        "vmm": "qemu-virt", "ram": "0x100000000"}}), connections=1, each=count, calls=10)


SESSION, DOMAIN = "/v1/sessions/s", "/v1/sessions/s/domains/d"


def session(live=0):
    """A domain of the DMA layer with so many live ranges of one page."""
    def prepare(client):
        client.post("/v1/sessions", b'{"id":"s","ttl_seconds":86400}')
        client.post(f"{SESSION}/domains", b'{"id":"d","consumer":"dma_api"}')
        left = live
        while left:
            count = min(left, 10_000)
            client.post(f"{DOMAIN}/batches", json.dumps({"operations": [
                {"op": "allocate", "size": 4096, "limit": "0xfffffffff"}] * count}).encode())
            left -= count
    return prepare


def allocate_free(name="session", live=0, **more):
    """Takes a page and gives it back; the allocator hands out the same page each time."""
    free = 0x10_0000_0000 - 4096 * (live + 1)
    steps = post(f"{DOMAIN}/iovas", {"size": 4096, "limit": "0xfffffffff"}) + [
        Step("DELETE", f"{DOMAIN}/iovas/{free:#x}")]
    return Case(name, steps, session(live), connections=1, **more)


def batch(count=1000):
    """Half of the verbs take a page each, the other half give them back, the latest first."""
    pages = [0x10_0000_0000 - 4096 * (number + 1) for number in range(count // 2)]
    verbs = [{"op": "allocate", "size": 4096, "limit": "0xfffffffff"}] * len(pages)
    verbs += [{"op": "free", "iova": hex(page)} for page in reversed(pages)]
    return Case(f"batch-{count}", post(f"{DOMAIN}/batches", {"operations": verbs}), session(), connections=1,
                goal={"us_each": 1.2}, each=count, calls=6)


def upload():
    step = Step("PUT", "/v1/platforms/tree", machines.tree(103_000), "application/vnd.devicetree.blob")

    def prepare(client):
        client.ask(step)  # the first answer is 201, all others are 200
    return Case("upload", [step], prepare, connections=1, goal={"us": 500}, calls=6)


FAULT = "".join(f"[  718.31490{number}] arm-smmu-v3 arm-smmu-v3.0.auto: {text}\n" for number, text in enumerate((
    "event 0x10 received:", "\t0x0000000800000010", "\t0x0000020000000000", "\t0x0000000008000040",
    "\t0x0000000000000000"))).encode()


def replay(count=10_000):
    """Allocations of one to sixteen pages and, for every second one, a free of an earlier one."""
    verbs, live = [], []
    for number in range(count):
        if number % 3 == 2:
            verbs.append({"op": "free", "id": live.pop(number * 7919 % len(live))})
        else:
            live.append(f"a{number}")
            verbs.append({"op": "alloc", "size": 1 + number * 31 % 16, "limit": "0xfffffff", "aligned": True,
                          "id": live[-1]})
    return Case("replay-10000", post("/v1/replays", {"granule": 4096, "start_pfn": 1, "ops": verbs}), connections=1,
                each=count, calls=4)


def survey(count):
    def prepare(client):
        client.put("/v1/platforms/fleet", machines.platform(count))
    return Case(f"survey-{count}", post("/v1/surveys", {"platforms": ["fleet"]}), prepare, connections=1,
                goal={"us_each": 5.0}, each=count, calls=4)


def singles():
    device = "device=%2Fpcie@40000000"
    here = "/v1/platforms/example-arm-juno"
    yield Case("livez", get("/livez"), goal={"plain": 1.2}, calls=100)
    yield Case("static", get("/css/base.css"), goal={"plain": 1.3}, calls=100)
    yield Case("device", get(f"{here}/devices/%2Fpcie@40000000"))
    for view in ("dma", "sysfs", "vfio"):
        yield Case(f"view-{view}", get(f"{here}/reserved-regions?{device}&view={view}"))
    yield Case("view-windows", get(f"{here}/available-windows?{device}"))
    yield from (placement(count) for count in (1, 100, 1000))
    yield placement(1000, unlike=True)
    yield placement_inline(100)
    yield allocate_free(goal={"plain": 3.0})
    yield batch()
    yield upload()
    yield Case("fault", [Step("POST", "/v1/fault-explanations?platform=example-qemu-virt", FAULT, "text/plain")])
    yield replay()
    yield survey(1000)


# Rows of growth tables that may differ by so much only.
FLAT = [("regions-dma_api-10", "regions-dma_api-4096", 1.5)]


def on_regions(consumer, count):
    def prepare(client):
        client.put("/v1/platforms/many", machines.platform(1, count))
    return Case(f"regions-{consumer}-{count}", decision("none", platform="many", device="0000:00:00.0",
                consumer=consumer, window_source="fixed"), prepare, area="growth", size=count)


def on_devices(count):
    def prepare(client):
        client.put("/v1/platforms/many", machines.platform(count, 1))
    last = count - 1
    return Case(f"devices-{count}", decision("none", platform="many",
                device=f"0000:{last >> 8:02x}:{last >> 3 & 31:02x}.{last & 7}", consumer="vfio_type1",
                window_source="fixed"), prepare, area="growth", size=count)


def growth():
    for consumer, count in itertools.product(CONSUMERS, (10, 100, 1000, 4096)):
        yield on_regions(consumer, count)
    yield from (on_devices(count) for count in (10, 100, 1000, 4096))
    for count in (1, 10, 100, 1000):
        yield _renamed(placement(count), f"hosts-{count}", count)
    for count in (10, 100, 4096):
        yield _renamed(survey(count), f"surveyed-{count}", count)
    yield from (allocate_free(f"live-{count}", count, area="growth", size=count, calls=20 if count <= 1000 else 0)
                for count in (0, 1000, 100_000, 900_000))


def _renamed(case, name, size):
    case.name, case.size, case.area, case.goal = name, size, "growth", {}
    return case


def cases():
    everything = list(singles()) + list(decisions()) + list(growth())
    assert len({case.name for case in everything}) == len(everything)
    return everything


def chosen(patterns, area=None):
    """Those whose name fits one of the patterns; all of an area where there is none."""
    everything = cases()
    for pattern in patterns:
        if not any(fnmatch.fnmatchcase(case.name, pattern) for case in everything):
            raise Failed(f"no request is named {pattern}; --list prints the names")
    return [case for case in everything
            if any(fnmatch.fnmatchcase(case.name, pattern) for pattern in patterns)
            or not patterns and (area is None or case.area == area)]
