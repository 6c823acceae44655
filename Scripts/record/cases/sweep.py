"""Random questions from a seed: decisions, comparisons, placements, surveys, replays and walks of sessions.
The generator is of this file and not Python's, so that a seed means the same questions everywhere."""

from contract import segment
from . import vocabulary as v


class Random:
    """splitmix64."""

    def __init__(self, seed):
        self.state = seed & (1 << 64) - 1

    def next(self):
        self.state = self.state + 0x9E3779B97F4A7C15 & (1 << 64) - 1
        z = self.state
        z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 & (1 << 64) - 1
        z = (z ^ z >> 27) * 0x94D049BB133111EB & (1 << 64) - 1
        return z ^ z >> 31

    def below(self, count):
        return self.next() % count

    def pick(self, items):
        return items[self.below(len(items))]

    def chance(self, percent):
        return self.below(100) < percent

    def size(self):
        return 1 << 12 + self.below(14) if self.chance(70) else 1 + self.below(1 << 24)

    def address(self):
        """Near something that matters, or anywhere."""
        near = self.pick([0, 0x8000000, 0xa0000000, 0x10000000, 0x40000000, 0xfff00000, 1 << 32, 1 << 39, 1 << 48])
        offset = self.below(1 << 22) - (1 << 21)
        if self.chance(70):
            offset &= ~0xfff
        address = near + offset if self.chance(85) else self.next() >> self.below(60)
        return max(0, min(address, (1 << 64) - 1))

    def range(self):
        start = self.address()
        size = min(self.size(), (1 << 64) - start)
        if self.chance(50):
            return {"start": hex(start), "size": hex(size)}
        return {"start": hex(start), "last": hex(start + size - 1)}

    def regions(self, most=5):
        regions = []
        for _ in range(self.below(most + 1)):
            region = self.range()
            if self.chance(60):
                region["type"] = self.pick(v.TYPES + ["reserved", "reserved", "msi"])
            regions.append(region)
        return regions

    def source(self):
        if self.chance(45):
            return self.pick(v.SOURCES)
        if self.chance(40):
            return self.pick(v.SOURCE_OBJECTS)
        kind = self.pick(["candidates", "dynamic", "user"])
        source = {"kind": kind}
        if self.chance(60):
            source["size"] = hex(self.size())
        if kind == "candidates":
            if self.chance(80):
                source["bases"] = [hex(self.address()) for _ in range(1 + self.below(4))]
            if self.chance(60):
                source["avoid"] = self.pick(["advertised", "unreachable", "everything"])
            if self.chance(30):
                source["if_none"] = "caller_must_allocate"
        elif kind == "dynamic" and self.chance(70):
            source["prefer"] = self.pick(["nearest_default", "lowest", "highest_below_4g"])
        elif kind == "user":
            source["start"] = hex(self.address())
        return source


def run(r, context):
    random = Random(context.seed)
    for _ in range(500):
        decision(r, context, random)
    for _ in range(100):
        comparison(r, context, random)
    for _ in range(250):
        placement(r, context, random)
    for _ in range(40):
        survey(r, context, random)
    for _ in range(80):
        replay(r, random)
    for number in range(24):
        session(r, context, random, number)
    for _ in range(60):
        views(r, context, random)


def subject(context, random):
    if context.devices and random.chance(50):
        platform, device = random.pick(context.devices)
        return {"platform": platform, "device": device}
    body = {"reserved_regions": random.regions()}
    if random.chance(30):
        body["iova_ranges"] = [random.range() for _ in range(1 + random.below(3))]
    if random.chance(30):
        body["dma_limit"] = random.pick(["0xffffffff", "0xffffffffff", "0x7fffffff"])
    if random.chance(20):
        body["pci"] = random.chance(50)
    return body


def circumstances(random, consumer, body):
    if random.chance(30):
        body["page_size"] = random.pick(v.PAGE_SIZES)
    if random.chance(25):
        body["aperture_bits"] = random.pick([16, 32, 36, 39, 44, 48, 52, 64])
    if random.chance(15):
        body["iommu"] = random.pick(v.DRIVERS)
        if random.chance(30):
            body["iommu_regions"] = [{"start": "0x8090000", "size": "0x10000", "type": "msi"}] * random.below(2)
    if random.chance(10):
        body["default_domain"] = random.pick(v.DEFAULT_DOMAINS)
    if random.chance(30):
        body["doorbells"] = [hex(random.address()) for _ in range(1 + random.below(3))]
    if random.chance(15):
        body["isolated_msi"] = random.chance(50)
        body["allow_unsafe_interrupts"] = random.chance(50)
    if random.chance(15):
        body["smmu_page_sizes"] = [random.pick(v.PAGE_SIZES)]
    if random.chance(15):
        body["group_mates"] = {random.pick(["before", "after"]): [{"reserved_regions": random.regions(2)}]}
    if consumer == "dma_api":
        if random.chance(40):
            body["dma_mask"] = random.pick(["0xffffffff", "0xffffffffffffffff", "0x7fffffff", "0xffffff", "0xffffffffff"])
        body["forcedac"] = random.chance(20)
        if random.chance(40):
            body["earlier_mappings"] = [{"size": hex(random.size())} for _ in range(1 + random.below(5))]
    else:
        if random.chance(30):
            body["attached"] = [{"reserved_regions": random.regions(2)}]
        if random.chance(30):
            body["mappings"] = [random.range() for _ in range(1 + random.below(3))]
        if random.chance(30):
            body["map_checks"] = [{"iova": hex(random.address()), "size": hex(random.size())} for _ in range(3)]
        if consumer == "iommufd" and random.chance(30):
            body["allowed_iovas"] = [random.range() for _ in range(2)]
            body["cache_coherent"] = random.chance(80)


def decision(r, context, random):
    consumer = random.pick(v.CONSUMERS)
    body = {**subject(context, random), "consumer": consumer, "window_source": random.source(),
            "kernel": random.pick(v.KERNELS)}
    circumstances(random, consumer, body)
    r.post(f"/v1/decisions?explain={random.pick(v.EXPLAIN)}", body)


def comparison(r, context, random):
    consumer = random.pick(v.CONSUMERS)
    policies = [random.pick(["mainline_fixed", "posted_two_constants", "dma_iommu"]),
                {"name": "own", "window_source": random.source(), "consumer": consumer}]
    body = {**subject(context, random), "policies": policies,
            "kernels": [random.pick(v.KERNELS) for _ in range(1 + random.below(2))]}
    if random.chance(50):
        body["doorbells"] = [hex(random.address())]
    r.post(f"/v1/comparisons?explain={random.pick(v.EXPLAIN)}", body)


def host(context, random, number):
    if context.devices and random.chance(40):
        made = {"name": f"p{number}", "platform": random.pick(context.devices)[0]}
        if random.chance(20):
            made["iommu_regions"] = [{"start": "0x8090000", "size": "0x10000", "type": "msi"}] * random.below(2)
        return made
    made = {"name": f"h{number}", "reserved_regions": random.regions()}
    if random.chance(40):
        made["iova_ranges"] = [random.range() for _ in range(1 + random.below(4))]
    elif random.chance(30):
        made["aperture_bits"] = random.pick([32, 39, 48, 52])
    return made


def placement(r, context, random):
    hosts = [host(context, random, number) for number in range(1 + random.below(4))]
    if random.chance(75):
        vm = {"vmm": random.pick(v.VMMS), "ram": random.pick(v.RAMS) if random.chance(70) else hex(random.size() << 16)}
        for _ in range(random.below(3)):
            vm.update(random.pick(v.SHAPES))
    else:
        vm = {"memory_map": [{**random.range(), "kind": random.pick(["ram", "bar_window", "pinned_bar"])}
                             for _ in range(1 + random.below(4))]}
    if random.chance(30):
        vm["viommu"] = random.pick(v.VIOMMUS)
    window = {}
    if random.chance(40):
        window["size"] = hex(random.size())
    if random.chance(30):
        window["alignment"] = hex(1 << 12 + random.below(12))
    if random.chance(30):
        window["requested"] = hex(random.address())
    if random.chance(20):
        window["movable"] = False
    if random.chance(20):
        window["msi_32bit_only"] = True
    body = {"hosts": hosts, "vm": vm, "window": window, "kernel": random.pick(v.KERNELS)}
    if random.chance(30):
        body.update(page_size=random.pick(v.PAGE_SIZES), doorbell_count=1 + random.below(600))
    r.post("/v1/placements", body)


def survey(r, context, random):
    body = {"kernel": random.pick(v.KERNELS), "active_only": random.chance(70),
            "hosts": [host(context, random, n) for n in range(1 + random.below(4))],
            "constants": [hex(random.address()) for _ in range(random.below(4))]}
    r.post("/v1/surveys", body, [["Accept", "application/x-ndjson"]] if random.chance(50) else [])


def replay(r, random):
    operations, ids = [], []
    for number in range(5 + random.below(120)):
        op = random.pick(["alloc", "alloc", "alloc_fast", "alloc_fast", "free", "free_fast", "reserve", "tick", "free_pfn"])
        limit = hex(random.pick([0xfffff, 0xfffff, 0xffff, 0xfffffffff, 0x100, (1 << 64) - 1]))
        if op in ("free", "free_fast"):
            wanted = [i for i in ids if i[0] == ("f" if op == "free_fast" else "a")]
            if wanted:
                id = random.pick(wanted)
                ids.remove(id)
                operations.append({"op": op, "id": id})
        elif op == "alloc":
            ids.append(f"a{number}")
            operations.append({"op": op, "size": 1 + random.below(64), "limit": limit, "aligned": random.chance(70), "id": ids[-1]})
        elif op == "alloc_fast":
            ids.append(f"f{number}")
            operations.append({"op": op, "size": 1 + random.below(40), "limit": limit, "flush": random.chance(50), "id": ids[-1]})
        elif op == "reserve":
            low = random.below(1 << 20)
            operations.append({"op": op, "lo": hex(low), "hi": hex(low + random.below(300))})
        elif op == "free_pfn":
            operations.append({"op": op, "pfn": hex(random.below(1 << 20))})
        else:
            operations.append({"op": op})
    r.post(f"/v1/replays?explain={random.pick(v.EXPLAIN)}",
           {"granule": random.pick(v.PAGE_SIZES), "start_pfn": hex(random.below(3)), "kernel": random.pick(v.KERNELS),
            "cpus": 1 + random.below(4), "ops": operations})


def session(r, context, random, number):
    id, consumer = f"rec-random-{number}", random.pick(v.CONSUMERS)
    r.post(f"/v1/sessions?id={id}", {"kernel": random.pick(v.KERNELS)})
    here = f"/v1/sessions/{id}/domains/d"
    body = {"id": "d", "consumer": consumer, "window_source": random.source(), "granule": random.pick(v.PAGE_SIZES[:2]),
            "page_size": random.pick(v.PAGE_SIZES[1:]), "aperture_bits": random.pick([20, 32, 36, 48])}
    if random.chance(50):
        body["devices"] = [{"id": "a", "description": {"reserved_regions": random.regions(3)}}]
    r.post(f"/v1/sessions/{id}/domains", body)
    for step in range(30):
        verb = random.below(9)
        if verb == 0 and context.devices:
            platform, device = random.pick(context.devices)
            r.post(f"{here}/devices", {"id": f"n{step}", "platform": platform, "device": device})
        elif verb == 1:
            r.post(f"{here}/devices", {"id": f"n{step}", "description": {"reserved_regions": random.regions(3)}})
        elif verb == 2:
            r.post(f"{here}/reserved-regions", {**random.range(), "grow": random.chance(30)})
        elif verb == 3:
            r.post(f"{here}/doorbells", {"physical": hex(random.address()), "pci": random.chance(70)})
        elif verb == 4:
            r.ask("DELETE", f"{here}/iovas/{hex(random.address())}")
        elif verb == 5:
            r.post(f"{here}/batches", {"operations": [allocation(random, consumer, "allocate") for _ in range(4)] + [{"op": "trim"}]})
        else:
            r.post(f"{here}/iovas", allocation(random, consumer))
    held = r.json(f"{here}/iovas?limit=1000").get("items", [])
    for holding in held[::3]:
        r.ask("DELETE", f"{here}/iovas/{holding['range']['start']}")
    for target in (f"{here}/state", here, f"/v1/sessions/{id}/events?limit=1000", f"{here}/available-iovas?size=0x4000"):
        r.get(target)
    r.ask("DELETE", f"{here}/devices/a")


def allocation(random, consumer, op=None):
    body = {"op": op} if op else {}
    body["size"] = hex(random.size())
    if consumer != "dma_api":
        body["iova" if random.chance(80) else "user_address"] = hex(random.address())
    elif random.chance(50):
        body["dma_mask"] = random.pick(["0xffffffff", "0xffffffffffffffff", "0xffffff"])
    else:
        body["limit"] = hex(random.address())
        body["cached"] = random.chance(50)
    return body


def views(r, context, random):
    if not context.devices:
        return
    platform, device = random.pick(context.devices)
    query = (f"device={segment(device)}&kernel={random.pick(v.KERNELS)}&page_size={random.pick(v.PAGE_SIZES)}"
             f"&aperture_bits={16 + random.below(49)}&window_source={random.pick(v.SOURCES)}")
    here = f"/v1/platforms/{segment(platform)}"
    r.get(f"{here}/reserved-regions?{query}&view={random.pick(v.VIEWS)}")
    r.get(f"{here}/available-windows?{query}&size={hex(random.size())}&alignment={hex(1 << 12 + random.below(16))}")
