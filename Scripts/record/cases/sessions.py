"""Sessions with all their verbs: domains of every consumer, devices, reservations, allocations, doorbells,
batches, states that are exported and brought back in, events, conditions, keys, and what is refused."""

from contract import segment
from recorder import value
from . import vocabulary as v

APERTURE = {"start": "0x0", "last": "0xffffffffffff"}


def run(r, context):
    walk(r)
    for consumer in v.CONSUMERS:
        for kernel in v.KERNELS:
            domain_of(r, context, consumer, kernel)
    sources(r)
    exhausted(r)
    batches(r)
    platforms(r, context)
    host(r)
    exchange(r)
    conditions(r)
    endings(r)


def look(r, session, domain):
    """Everything that can be read of a domain and its session."""
    here = f"/v1/sessions/{session}"
    for target in (here, f"{here}/domains", f"{here}/state", f"{here}/events"):
        r.get(target)
    there = f"{here}/domains/{domain}"
    for target in ("", "/state", "/devices", "/reserved-regions", "/iovas", "/doorbells", "/iovas?limit=1",
                   "/available-iovas?size=0x1000", "/available-iovas?size=0x200000&size_aligned=false&limit=0xffffffff",
                   "/available-iovas?size=0x1000&dma_mask=0xffffffff&pci=true", "/iovas/0x8000000",
                   "/available-iovas?size=0x3000&cached=true"):
        r.get(there + target)


def walk(r):
    here = "/v1/sessions/rec-walk"
    r.post("/v1/sessions?id=rec-walk", {"kernel": "7.2", "ttl_seconds": 3600})
    r.get(here)
    d0 = f"{here}/domains/d0"
    r.post(f"{here}/domains", {"id": "d0", "consumer": "dma_api", "granule": "0x1000", "aperture": APERTURE})
    look(r, "rec-walk", "d0")
    for body in ({"start": "0x8000000", "size": "0x100000", "type": "reserved"}, {"start": "0xfff00000", "size": "0x100000"},
                 {"start": "0x8080000", "size": "0x100000"}, {"start": "0x80ff000", "last": "0x8200fff", "grow": True},
                 {"start": "0x123", "size": 1, "type": "direct", "provenance": "a test"},
                 {"start": "0xffffffffffff", "size": "0x1000"}):
        r.post(f"{d0}/reserved-regions", body)
    for body in ({"size": "0x10000", "limit": "0xffffffff", "size_aligned": True}, {"size": "0x3000"}, {"size": 1},
                 {"size": "0x1000", "cached": True}, {"size": "0x1000", "cached": True, "limit": "0xffffffff"},
                 {"size": "0x1000", "dma_mask": "0xffffffff"}, {"size": "0x1000", "dma_mask": "0xffffffffffffffff", "pci": False},
                 {"size": "0x1000", "size_aligned": False}, {"size": "0x1000", "limit": "0x0"}, {"size": 0},
                 {"size": "0x1000", "cached": True, "size_aligned": False}, {"size": "0x1000", "device": "none"},
                 {"size": "0x1000", "iova": "0x1000"}, {"size": "0xffffffffffffffff"}):
        r.post(f"{d0}/iovas", body)
    for body in ({"physical": "0x8090040", "dma_mask": "0xffffffffffffffff", "pci": True}, {"physical": "0x8090040"},
                 {"physical": "0x8020040", "dma_mask": "0xffffffff", "pci": False}, {"physical": "0x8090fff"},
                 {"physical": "0x0"}, {"physical": "0xffffffffffffffff"}):
        r.post(f"{d0}/doorbells", body)
    look(r, "rec-walk", "d0")
    for holding in r.json(f"{d0}/iovas").get("items", []):
        at = holding["range"]["start"]
        r.get(f"{d0}/iovas/{at}")
        r.ask("DELETE", f"{d0}/iovas/{at}")
        r.ask("DELETE", f"{d0}/iovas/{at}")
    for at in ("0x0", "x", "12", "0x10000000000000000", "0xFFFFF000", "0x8000000"):
        r.get(f"{d0}/iovas/{at}")
        r.ask("DELETE", f"{d0}/iovas/{at}")
    look(r, "rec-walk", "d0")
    events(r, here)


def events(r, here):
    for query in ("?after=0", "?after=3&limit=2", "?after=999", "?after=x", "?limit=0", "?page_token=2", "?after=-1",
                  "?after=0&page_token=1", "?limit=1000"):
        r.get(f"{here}/events{query}")
    page = r.json(f"{here}/events?limit=3")
    if page.get("next_page_token"):
        r.get(f"{here}/events?limit=3&page_token={page['next_page_token']}")
    r.get(f"{here}/events", [["Accept", "application/json"], ["Last-Event-ID", "4"]])


def domain_of(r, context, consumer, kernel):
    id = f"rec-{consumer}-{kernel}"
    r.post(f"/v1/sessions?id={id}", {"kernel": kernel})
    here = f"/v1/sessions/{id}/domains"
    r.post(here, {"id": "d0", "consumer": consumer})
    d0 = f"{here}/d0"
    devices = [{"id": "eth0", "description": {"kind": "pci_function", "reserved_regions": [
                    {"start": "0xfff00000", "size": "0x100000"}]}},
               {"id": "host", "description": {"kind": "pci_host", "dma_limit": "0xffffffff", "pci_windows": [
                    {"bus": "0x10000000", "size": "0x10000000"}], "dma_ranges": [{"bus": "0x0", "size": "0x80000000"}]}},
               {"platform": "example-arm-juno", "device": "/pcie@40000000"}, {"id": "eth0", "description": {}},
               {"id": "d", "description": {"reserved_regions": [{"start": "0x8000000", "size": "0x100000", "type": "direct"}]}},
               {"id": "m", "description": {"reserved_regions": [{"start": "0xc6010000", "size": "0x10000", "type": "msi"}]}},
               {"platform": "none", "device": "x"}, {"platform": "example-arm-juno", "device": "x"}]
    for device in devices:
        r.post(f"{d0}/devices", device)
    verbs(r, d0, consumer)
    look(r, id, "d0")
    for device in ("eth0", "none", "/pcie@40000000", "host", "m", "d"):
        r.ask("DELETE", f"{d0}/devices/{segment(device)}")
    look(r, id, "d0")
    r.post(here, {"id": "d1", "consumer": consumer, "devices": devices[:1], "granule": "0x10000", "page_size": "0x10000"})
    r.post(here, {"id": "d4", "consumer": consumer, "devices": devices[:2]})
    r.post(here, {"id": "d2", "consumer": consumer, "devices": devices, "aperture_bits": 32})
    r.post(here, {"id": "d3", "consumer": consumer, "forcedac": True, "iommu": "v2", "isolated_msi": False,
                  "allow_unsafe_interrupts": True, "cache_coherent": False, "devices": devices[2:3]})
    verbs(r, f"{here}/d1", consumer)
    verbs(r, f"{here}/d3", consumer)
    r.ask("DELETE", f"{here}/d1")
    r.ask("DELETE", f"{here}/d1")
    r.get(f"{here}?limit=1")


def verbs(r, domain, consumer):
    """What the consumer can do, and one thing of the others, which it refuses."""
    maps = [{"size": "0x10000", "iova": "0x40000000"}, {"size": "0x10000", "iova": "0x40008000"},
            {"size": "0x10000", "iova": "0x50000000"}, {"size": "0x100000", "iova": "0x8000000"},
            {"size": "0x1000", "iova": "0xfff00000"}, {"size": "0x123", "iova": "0x1001"}, {"size": "0x1000", "iova": "0x0"},
            {"size": "0x10000", "iova": "0xffffffffffff0000"}, {"size": "0x10000", "user_address": "0x7f0000000000"},
            {"size": "0x10000"}, {"size": "0x1000", "dma_mask": "0xffffffff"}]
    asks = [{"size": "0x10000"}, {"size": "0x1000", "cached": True}, {"size": "0x3000", "limit": "0xffffffff"},
            {"size": "0x1000", "dma_mask": "0xffffffff"}, {"size": "0x10000", "dma_mask": "0xffffffffffff", "pci": False},
            {"size": "0x1000", "dma_mask": "0xffffff", "device": "eth0"}, {"size": "0x40000000", "size_aligned": False},
            {"size": "0x1000", "limit": "0x1fff"}, {"size": "0x10000", "iova": "0x40000000"}]
    for body in asks if consumer == "dma_api" else maps:
        r.post(f"{domain}/iovas", body)
    for body in ({"physical": "0x8090040"}, {"physical": "0x8090040", "device": "eth0"}, {"physical": "0x2c1c0040"}):
        r.post(f"{domain}/doorbells", body)
    r.post(f"{domain}/reserved-regions", {"start": "0x60000000", "size": "0x100000"})
    sound = {"op": "allocate", "size": "0x10000", **({} if consumer == "dma_api" else {"iova": "0x70000000"})}
    for operations in ([sound, {"op": "map_doorbell", "physical": "0x9000040"}, {"op": "trim"}], [sound, sound],
                       [{"op": "free", "iova": "0x70000000"}, {**sound, "size": "0x1000"}], [sound, {"op": "free", "iova": "0x5"}]):
        r.post(f"{domain}/batches", {"operations": operations})
    for at in ("0x40000000", "0x40000001", "0x8000000", "0x60000000", "0x50000000"):
        r.get(f"{domain}/iovas/{at}")
        r.ask("DELETE", f"{domain}/iovas/{at}")


def sources(r):
    """A domain of each consumer under every window source, with a device in the way of the usual window."""
    r.post("/v1/sessions?id=rec-src", {})
    here = "/v1/sessions/rec-src/domains"
    inside = {"reserved_regions": [{"start": "0x8000000", "size": "0x100000"}]}
    for index, source in enumerate(v.SOURCES + v.SOURCE_OBJECTS):
        for consumer in v.CONSUMERS[1:]:
            # A device is in one domain of user space at a time, and domains in a session are counted.
            r.post(here, {"id": f"{consumer}-{index}", "consumer": consumer, "window_source": source,
                          "devices": [{"id": f"x-{consumer}-{index}", "description": inside}]})
            r.get(f"{here}/{consumer}-{index}")
            r.post(f"{here}/{consumer}-{index}/doorbells", {"physical": "0x8090040"})
    r.get(here)
    r.get("/v1/sessions/rec-src/state")
    r.post(here, {"id": "one-more"})
    r.post(here, {"id": "two", "consumer": "iommufd", "devices": [{"id": "x-iommufd-0", "description": inside}]})
    for index in range(20):
        r.post(here, {"id": f"more-{index}"})


def exhausted(r):
    r.post("/v1/sessions?id=rec-full", {})
    here = "/v1/sessions/rec-full/domains"
    for name, more in (("a", {"aperture": {"start": "0x0", "last": "0xffff"}}),
                       ("b", {"aperture": {"start": "0x1000", "last": "0x4fff"}}),
                       ("c", {"aperture": {"start": "0x0", "last": "0x123"}}),
                       ("d", {"aperture_bits": 16}), ("e", {"aperture": APERTURE, "aperture_bits": 16}),
                       ("f", {"granule": "0x10000", "page_size": "0x1000"}), ("g", {"granule": "0x2000"})):
        r.post(here, {"id": name, **more})
        for size in ("0x8000", "0x4000", "0x1000", "0x2000", "0x1000", "0x1000", "0x1000"):
            r.post(f"{here}/{name}/iovas", {"size": size})
        r.post(f"{here}/{name}/doorbells", {"physical": "0x8090040"})
        r.get(f"{here}/{name}/available-iovas?size=0x1000")
        r.get(f"{here}/{name}/state")


def batches(r):
    r.post("/v1/sessions?id=rec-batch", {})
    r.post("/v1/sessions/rec-batch/domains", {"id": "d0"})
    d0 = "/v1/sessions/rec-batch/domains/d0"
    allocate = {"op": "allocate", "size": "0x1000"}
    for operations in ([], [allocate] * 100, [{"op": "free", "iova": "0xfffffffff000"}] * 2, [allocate, {"op": "free", "iova": "0x1"}],
                       [{"op": "reserve", "start": "0x8000000", "size": "0x100000"}, {"op": "map_doorbell", "physical": "0x8090040"}],
                       [{"op": "trim"}] * 3, [{"op": "none"}, {"op": "allocate"}, {}, 1],
                       [{**allocate, "cached": True}] * 20 + [{"op": "trim"}], [{**allocate, "dma_mask": "0xffffffff"}] * 5,
                       [allocate] * 1000):
        r.post(f"{d0}/batches", {"operations": operations})
        r.get(f"{d0}/state")
    page = r.json(f"{d0}/iovas?limit=10")
    if page.get("next_page_token"):
        r.get(f"{d0}/iovas?limit=10&page_token={page['next_page_token']}")
    r.get("/v1/sessions/rec-batch/events")
    events(r, "/v1/sessions/rec-batch")


def platforms(r, context):
    """Devices of the machines that were uploaded, a domain each."""
    for index, (platform, device) in enumerate(context.devices[::4]):
        if index % 20 == 0:
            session = f"rec-dev-{index}"
            r.post(f"/v1/sessions?id={session}", {"kernel": v.KERNELS[index // 20 % len(v.KERNELS)]})
        here = f"/v1/sessions/{session}/domains"
        domain, consumer = f"d{index}", v.CONSUMERS[index % 3]
        r.post(here, {"id": domain, "consumer": consumer, "window_source": v.SOURCES[index % 3],
                      "devices": [{"platform": platform, "device": device}]})
        r.post(here, {"id": domain + "e", "consumer": "dma_api"})
        r.post(f"{here}/{domain}e/devices", {"platform": platform, "device": device, "id": "it"})
        r.post(f"{here}/{domain}e/doorbells", {"physical": "0x8090040", "device": "it", "dma_mask": "0xffffffff"})
        r.post(f"{here}/{domain}/iovas", {"size": "0x4000"})
        r.get(f"{here}/{domain}e/state")
        r.get(f"{here}/{domain}")
    for platform, _ in context.devices[:2]:
        r.ask("DELETE", f"/v1/platforms/{segment(platform)}")


def host(r):
    """A host that says which kernel it runs, which pages it has, and that a group is not translated."""
    window = "0x0000000008000000 0x00000000080fffff msi\n"
    groups = [{"id": str(index), "type": kind, "devices": [f"0000:0{index}:00.0"], "reserved_regions": window}
              for index, kind in enumerate(("identity", "DMA"))]
    r.ask("PUT", "/v1/platforms/rec-host", {"collected": {
        "format": 1, "kernel_release": "6.8.0-124-generic", "page_size": 65536, "groups": groups, "notes": []}})
    for query in ("", "&default_domain=translated", "&default_domain=no_group&view=dma", "&default_domain=identity&view=vfio"):
        for accept in ([], [["Accept", "text/plain"]]):
            r.get(f"/v1/platforms/rec-host/reserved-regions?device=0000:00:00.0{query}", accept)
    for stated in ({}, {"kernel": "7.2"}):
        r.post("/v1/sessions?id=rec-host", stated)
        here = "/v1/sessions/rec-host/domains"
        for index, own in enumerate(({}, {}, {"page_size": "0x1000", "default_domain": "identity"})):
            domain = f"d{index}"
            device = {"platform": "rec-host", "device": f"0000:0{index % 2}:00.0", "id": domain}
            r.post(here, {"id": domain, "devices": [device], **own})
            r.post(f"{here}/{domain}/doorbells", {"physical": "0x8090040", "device": domain})
            r.post(f"{here}/{domain}/iovas", {"size": "0x1000"})
            r.get(f"{here}/{domain}/state")
        r.post("/v1/sessions/rec-host/domains", {"id": "empty"})
        r.post("/v1/sessions/rec-host/domains/empty/devices",
               {"platform": "rec-host", "device": groups[0]["devices"][0], "id": "late"})
        r.get("/v1/sessions/rec-host/domains/empty/state")
        r.get("/v1/sessions/rec-host")
        r.ask("DELETE", "/v1/sessions/rec-host")
    for members in ({}, {"kernel": "7.2", "page_size": "0x1000"}):
        r.post("/v1/placements", {"hosts": [{"platform": "rec-host"}], "vm": {"memory_map": []}, **members})
        r.post("/v1/surveys", {"platforms": ["rec-host"], **members})
    for options in ({"cmdline": "iommu.passthrough=1\niommu.strict=0\n"}, {"cmdline": "iommu.forcedac=1\n"},
                    {"config": "CONFIG_IOMMU_DEFAULT_PASSTHROUGH=y\nCONFIG_ARM64_64K_PAGES=y\n", "config_path": "/proc/config.gz"},
                    {"parameters": "vfio_iommu_type1.allow_unsafe_interrupts=N\n"}):
        for kind in (None, "DMA", "identity"):
            r.ask("PUT", "/v1/platforms/rec-host", {"collected": {
                "format": 1, "kernel_release": "6.12.9", "groups": [{**groups[0], "type": kind}], "notes": [], **options}})
            for consumer in v.CONSUMERS:
                r.post("/v1/decisions", {"platform": "rec-host", "device": "0000:00:00.0", "consumer": consumer,
                                         "doorbells": ["0x8090040"]})
    r.ask("DELETE", "/v1/platforms/rec-host")


def exchange(r):
    """States brought back in under another name must answer like the session that they are from."""
    for id in ("rec-walk", "rec-batch", "rec-full", "rec-src", "rec-iommufd-7.2", "rec-vfio_type1-6.1", "rec-dma_api-6.12",
               "rec-dev-0"):
        state = value(r.get(f"/v1/sessions/{id}/state"))
        r.post(f"/v1/sessions?id={id}-again", state)
        again = f"/v1/sessions/{id}-again"
        r.get(f"{again}/state")
        for domain in state.get("domains", [])[:3]:
            verbs(r, f"{again}/domains/{domain['id']}", domain["consumer"])
            r.get(f"{again}/domains/{domain['id']}/state")
        r.post("/v1/sessions", state)
        broken = {**state, "domains": [{**d, "allocator": {}} for d in state.get("domains", [])], "revision": -1}
        r.post(f"/v1/sessions?id={id}-broken", broken)
        for name in state:
            r.post(f"/v1/sessions?id={id}-less-{name}", {k: x for k, x in state.items() if k != name})


def conditions(r):
    r.post("/v1/sessions", {})
    for query, body in (("?id=rec-c", {}), ("?id=rec-c", {}), ("?id=rec-c2", {"id": "rec-c3"}), ("", {"id": "rec-c4"}),
                        ("?id=.", {}), ("?id=a%20b", {}), ("?id=" + "x" * 65, {}), ("?id=..", {}), ("", {"id": "."})):
        r.post("/v1/sessions" + query, body)
    here = "/v1/sessions/rec-c"
    for tag in ('"0"', '"9"', "*", 'W/"0"', "0", '"9", "0"'):
        r.get(here, [["If-None-Match", tag]])
        r.ask("PATCH", here, {"ttl_seconds": 600}, [["If-Match", tag]])
        r.post(f"{here}/domains", {"id": f"d{len(tag)}"}, [["If-Match", tag]])
    key = [["Idempotency-Key", "same"]]
    for body in ({"id": "k"}, {"id": "k"}, {"id": "k2"}):
        r.post(f"{here}/domains", body, key)
    for body in ({"size": "0x1000"}, {"size": "0x1000"}, {"size": "0x2000"}):
        r.post(f"{here}/domains/k/iovas", body, key)
        r.post(f"{here}/domains/k/iovas", body, [["Idempotency-Key", ""]])
    refused = [["Idempotency-Key", "refused"]]
    for body in ({"size": "0x10000000", "limit": "0xffff"}, {"size": "0x10000000", "limit": "0xffff"}, {"size": "0x1000"}):
        r.post(f"{here}/domains/k/iovas", body, refused)
    r.ask("DELETE", f"{here}/domains/k")
    r.post(f"{here}/domains/k/iovas", {"size": "0x1000"}, key)
    for _ in range(2):
        r.post(f"{here}/domains", {"id": "k"}, key)
        r.post(f"{here}/domains/k/iovas", {"size": "0x1000"}, key)
    for target in (f"{here}/domains", f"{here}/state", f"{here}/domains/k", f"{here}/domains/k/iovas",
                   f"{here}/domains/k/available-iovas?size=0x1000"):
        r.get(target)
        r.get(target, [["If-None-Match", "@etag"]])
        r.ask("HEAD", target)
    for query in ("?limit=2", "?limit=2&page_token=rec-batch", "?page_token=zzz", "?limit=0"):
        r.get("/v1/sessions" + query)
    for query in ("", "?size=x", "?size=0", "?size=0x1000&limit=x", "?size=0x1000&device=none", "?size=0x1000&dma_mask=0",
                  "?size=0x1000&dma_mask=0xffff&limit=1", "?size=0x1000&pci=2&cached=3", "?size=0x1000&size=0x1000"):
        r.get(f"{here}/domains/k/available-iovas{query}")
    for target in ("/domains/none", "/domains/none/state", "/domains/none/iovas", "/domains/a%20b/devices"):
        r.get(here + target)
        r.get("/v1/sessions/rec-none" + target)
    r.post(f"{here}/domains", {"id": "k"})
    r.post(f"{here}/domains", {})


def endings(r):
    r.post("/v1/sessions?id=rec-short", {"ttl_seconds": 1})
    r.post("/v1/sessions/rec-short/domains", {"id": "d0"})
    for id in ("rec-walk", "rec-batch", "rec-c"):
        r.follow(f"/v1/sessions/{id}/events", [["Accept", "text/event-stream"], ["Last-Event-ID", "0"]],
                 ["DELETE", f"/v1/sessions/{id}"])
        r.get(f"/v1/sessions/{id}")
        r.ask("DELETE", f"/v1/sessions/{id}")
    r.ask("DELETE", "/v1/sessions/rec-src", None, [["If-Match", '"stale"']])
    r.ask("DELETE", "/v1/sessions/rec-src")
    r.pause(2.5)
    for target in ("", "/state", "/domains", "/domains/d0", "/events"):
        r.get("/v1/sessions/rec-short" + target)
