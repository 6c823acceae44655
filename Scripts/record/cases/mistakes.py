"""Bodies that are wrong: broken JSON, unknown members, wrong types, several mistakes at once; limits; bytes
that are no HTTP. Each way of being wrong goes to every operation that reads a body."""

import shelf
from client import TOKEN
from . import vocabulary as v

BROKEN = [b"", b" ", b"{", b"}", b"[]", b"null", b"3", b'"x"', b"{}{}", b'{"a":1,"a":2}', b'{"a":01}', b"{'a':1}",
          b'{"a":1,}', b"\xff\xfe", b'{"a":"\xff"}', b'{"a":"\\ud800"}', b"\xef\xbb\xbf{}", b"[" * 40 + b"]" * 40,
          b'{"a":1e3}', b'{"\\u0061":1,"a":2}', b"{\n  \"consumer\": \"iommufd\"\n  \"x\": 1}", b"nul", b'{"a":\x00}']

# Each operation with a body: a sound request, from which one thing at a time is made wrong.
SOUND = {
    "/v1/decisions": {
        "consumer": "dma_api", "reserved_regions": [{"start": "0x8000000", "size": "0x100000", "type": "reserved"}],
        "iova_ranges": [{"start": "0x0", "last": "0xffffffff"}], "dma_limit": "0xffffffff", "pci": True,
        "window_source": {"kind": "candidates", "bases": ["0x8000000"], "size": "0x100000"}, "kernel": "7.2",
        "page_size": "0x1000", "aperture_bits": 48, "smmu_page_sizes": ["0x1000"], "iommu": "virtio",
        "iommu_regions": [{"start": "0x8090000", "size": "0x10000", "type": "msi"}],
        "default_domain": "translated", "isolated_msi": True, "allow_unsafe_interrupts": False,
        "doorbells": ["0x8090040"], "group_mates": {"before": [{"reserved_regions": []}], "after": []},
        "dma_mask": "0xffffffff", "forcedac": False, "earlier_mappings": [{"size": "0x1000"}, {"free": 0}]},
    "/v1/decisions?explain=none": {
        "consumer": "iommufd", "reserved_regions": [], "attached": [{"dma_limit": "0xffffffff", "pci": False}],
        "mappings": [{"start": "0x1000", "size": "0x1000"}], "allowed_iovas": [{"start": "0x0", "last": "0xfffff"}],
        "cache_coherent": True, "map_checks": [{"iova": "0x2000", "size": "0x1000"},
                                               {"size": "0x1000", "user_address": "0x10000"}]},
    "/v1/comparisons": {
        "platform": "example-arm-juno", "device": "/pcie@40000000", "consumer": "vfio_type1",
        "policies": ["mainline_fixed", {"name": "p", "window_source": "fixed", "consumer": "iommufd"}],
        "kernels": ["7.2"], "map_checks": [{"iova": "0x0", "size": "0x1000"}]},
    "/v1/placements": {
        "hosts": [{"name": "h", "reserved_regions": [{"start": "0x8000000", "size": "0x100000"}],
                   "options": [{"device": "d", "sw_msi_start": "0xa0000000", "sw_msi_size_mib": 1}]},
                  {"name": "p", "platform": "example-arm-juno", "devices": ["/pcie@40000000"],
                   "iommu_regions": [{"start": "0x8090000", "size": "0x10000", "type": "msi"}]}],
        "vm": {"vmm": "qemu-virt", "ram": "0x100000000", "maxmem": "0x200000000", "slots": 1, "p2p": True,
               "viommu": "none", "ipa_bits": 40, "pinned_bars": [{"start": "0x10000000", "size": "0x1000"}]},
        "window": {"size": "0x100000", "alignment": "0x100000", "requested": "0x8000000", "movable": True,
                   "msi_32bit_only": False}, "kernel": "7.2", "page_size": "0x1000", "doorbell_count": 1},
    "/v1/surveys": {
        "platforms": ["example-arm-juno"], "hosts": [{"name": "h", "reserved_regions": []}],
        "constants": ["0xe000000"], "active_only": True, "kernel": "7.2", "page_size": "0x1000",
        "aperture_bits": 48},
    "/v1/replays": {
        "granule": "0x1000", "start_pfn": "0x1", "kernel": "7.2", "cpus": 1,
        "ops": [{"op": "reserve", "lo": "0x8000", "hi": "0x80ff"},
                {"op": "alloc", "size": 1, "limit": "0xfffff", "aligned": True, "id": "a"}, {"op": "free", "id": "a"}]},
    "/v1/fault-explanations": {
        "lines": ["x"], "platform": "example-arm-juno", "doorbells": ["0x8090040"],
        "windows": [{"start": "0x8000000", "size": "0x100000"}], "iommu_regions": []},
    "/v1/map-failures": {
        "lines": ["vfio_dma_map(0x1000, 0x8000000, 0x1000, 0x7000) = -22 (Invalid argument)"], "consumer": "iommufd",
        "reserved_regions": [{"start": "0x8000000", "size": "0x100000"}], "iova_ranges": [{"start": "0x0", "last": "0xffffffff"}],
        "mappings": [{"start": "0x1000", "size": "0x1000"}], "attached": [{"dma_limit": "0xffffffff"}]},
    "/v1/platforms?validate_only=true": {
        "model": "m", "compatible": ["c"], "smmus": [{"id": "s", "version": "v3", "enabled": True}],
        "msi_controllers": [{"id": "i", "kind": "its", "doorbell": "0x8090040"}],
        "devices": [{"id": "d", "kind": "pci_function", "smmus": ["s"], "dma_limit": "0xffffffff",
                     "reserved_regions": [{"start": "0x0", "size": "0x1000", "type": "direct"}]}]},
    "/v1/sessions": {"id": "rec-wrong", "kernel": "7.2", "ttl_seconds": 900},
    "/v1/sessions/rec-m/domains": {
        "id": "w", "consumer": "dma_api", "window_source": "fixed", "granule": "0x1000", "page_size": "0x1000",
        "aperture": {"start": "0x0", "last": "0xffffffff"}, "forcedac": False, "isolated_msi": True, "iommu": "v3",
        "iommu_regions": [],
        "allow_unsafe_interrupts": True, "cache_coherent": True,
        "devices": [{"id": "e", "description": {"kind": "pci_function", "dma_limit": "0xffffffff",
                                                "reserved_regions": [{"start": "0x0", "size": "0x1000"}]}}]},
    "/v1/sessions/rec-m/domains/d0/devices": {
        "id": "e1", "description": {"id": "x", "kind": "pci_function", "smmus": ["s"],
                                    "pci_windows": [{"bus": "0x10000000", "size": "0x1000"}],
                                    "dma_ranges": [{"bus": "0x0", "size": "0x100000000"}]}},
    "/v1/sessions/rec-m/domains/d0/reserved-regions": {
        "start": "0x20000000", "size": "0x1000", "type": "reserved", "provenance": "p", "grow": False},
    "/v1/sessions/rec-m/domains/d0/iovas": {"size": "0x1000", "dma_mask": "0xffffffff", "pci": True},
    "/v1/sessions/rec-m/domains/d0/doorbells": {"physical": "0x8090040", "dma_mask": "0xffffffff", "pci": True},
    "/v1/sessions/rec-m/domains/d0/batches": {"operations": [
        {"op": "allocate", "size": "0x1000"}, {"op": "map_doorbell", "physical": "0x8090040"}, {"op": "trim"}]},
}
WRONG = [None, True, -1, 1.5, 1 << 60, "", "x", "0x", "0x10000000000000000", [], {}, [None], {"x": 1}]


def run(r, context):
    r.post("/v1/sessions?id=rec-m", {})
    r.post("/v1/sessions/rec-m/domains", {"id": "d0"})
    for target, body in SOUND.items():
        for data in BROKEN:
            r.post(target, data, [["Content-Type", "application/json"]])
        r.post(target, {**body, "no_such_member": 1, "other~/": {}})
        for turn, (path, _) in enumerate(leaves(body)):
            # Two wrong values a member, in turn, so that over all members each value comes often.
            for step in (0, 6):
                r.post(target, changed(body, path, WRONG[(turn + step) % len(WRONG)]))
        for name in body:
            r.post(target, {key: value for key, value in body.items() if key != name})
        r.post(target, {key: WRONG[(n * 5) % len(WRONG)] for n, key in enumerate(body)})
        r.post(target, {f"unknown{n}": n for n in range(40)})
    r.ask("PATCH", "/v1/sessions/rec-m", {"ttl_seconds": 0})
    for body in WRONG + [{"ttl_seconds": value} for value in WRONG + [86400, 86401]]:
        r.ask("PATCH", "/v1/sessions/rec-m", body)
    parameters(r)
    forms(r)
    limits(r)
    raw(r)


def leaves(value, path=()):
    """Every place in a body, outer ones first."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield path + (key,), inner
        yield from leaves(inner, path + (key,))


def changed(value, path, new):
    """A copy of `value` with `new` at `path`."""
    if not path:
        return new
    if isinstance(value, dict):
        return {k: changed(v, path[1:], new) if k == path[0] else v for k, v in value.items()}
    return [changed(v, path[1:], new) if n == path[0] else v for n, v in enumerate(value)]


def parameters(r):
    here = "/v1/platforms/example-arm-juno"
    device = "device=%2Fpcie%4040000000"
    for query in ("", "view=dma", device + "&view=all", device + "&kernel=5.4", device + "&page_size=0x2000",
                  device + "&aperture_bits=15", device + "&aperture_bits=65", device + "&window_source=user",
                  device + "&" + device, "device=none", "device=", device + "&kernel=9&page_size=1&aperture_bits=x",
                  device + "&view=dma&nothing=1&view=vfio", "%zz", "device=%ff", device + "&kernel=%20"):
        r.get(f"{here}/reserved-regions?{query}")
        r.get(f"{here}/available-windows?{query}")
    for query in ("size=0", "size=0x", "size=-1", "size=0xffffffffffffffff", "alignment=3", "alignment=0", "below=0",
                  "below=0x8100000", "limit=0", "page_token=x", "size=x&alignment=y&below=z&limit=w"):
        r.get(f"{here}/available-windows?{device}&{query}")
    for target in ("/v1/decisions", "/v1/comparisons", "/v1/replays"):
        for query in ("explain=all", "explain=", "explain=full&explain=none", "explain=none&x=1", "operation=-1"):
            r.post(f"{target}?{query}", SOUND[target])
    for query in ("platform=none", "doorbell=x", "kernel=9", "page_size=3&aperture_bits=1&doorbell=-1"):
        r.post(f"/v1/fault-explanations?{query}", b"x", [["Content-Type", "text/plain"]])
        r.post(f"/v1/fault-explanations?{query}", {"text": "x"})
    for query in ("validate_only=maybe", "preserve_config=2", "assume=", "id=&assume=x&validate_only=y", "id=%00"):
        r.post(f"/v1/platforms?{query}", shelf.NATIVE)


def forms(r):
    good = shelf.multipart([("text", shelf.SYSFS)])
    for kind in ("multipart/form-data", "multipart/form-data; boundary=", 'multipart/form-data; boundary="x',
                 "multipart/form-data; boundary=other", "multipart/mixed; boundary=x", "multipart/form-data; x=1",
                 f'multipart/form-data; boundary="{shelf.BOUNDARY}"', "application/json; charset=utf-8",
                 "application/json; charset=latin-1", "text/plain; charset=utf-16", "APPLICATION/JSON", "json", "*/*"):
        r.post("/v1/platforms?validate_only=true", good, [["Content-Type", kind]])
    for parts in ([], [("a", b"")], [("a", b"x"), ("b", b"y")], [("a", shelf.SYSFS), ("b", shelf.SYSFS)],
                  [("a", "application/json", b'{"preserve_config":true}')],
                  [("a", "application/json", b'{"preserve_config":3,"x":1,"dma_ranges":[{}]}')]):
        r.post("/v1/platforms?validate_only=true", shelf.multipart(parts), [["Content-Type", shelf.MULTIPART]])
    for body in (good[:-20], good[30:], b"", b"--" + shelf.BOUNDARY.encode(), good.replace(b"\r\n", b"\n")):
        r.post("/v1/platforms?validate_only=true", body, [["Content-Type", shelf.MULTIPART]])


def limits(r):
    """Just beyond what is read, in few bytes where that can be done."""
    region = {"start": "0x8000000", "size": "0x1000"}
    r.post("/v1/decisions", {"consumer": "iommufd", "reserved_regions": [], "doorbells": [0] * 1025})
    r.post("/v1/decisions", {"consumer": "iommufd", "reserved_regions": [],
                             "window_source": {"kind": "candidates", "bases": list(range(65))}})
    r.post("/v1/decisions", {"consumer": "iommufd", "reserved_regions": [region] * 65537})
    r.post("/v1/decisions", {"consumer": "dma_api", "reserved_regions": [], "group_mates": {"before": [{}] * 65}})
    r.post("/v1/comparisons", {"reserved_regions": [region] * 4097, "policies": ["mainline_fixed"]})
    r.post("/v1/comparisons", {"reserved_regions": [], "policies": ["mainline_fixed"] * 64, "kernels": v.KERNELS})
    r.post("/v1/comparisons", {"reserved_regions": [], "policies": []})
    r.post("/v1/surveys", {"constants": [0] * 65})
    r.post("/v1/placements", {"hosts": [], "vm": {"vmm": "crosvm", "ram": 1}, "doorbell_count": 65537})
    r.post("/v1/placements", {"hosts": [{}] * 10001, "vm": {"memory_map": [region] * 4097}})
    r.post("/v1/sessions/rec-m/domains/d0/batches", {"operations": [{"op": "trim"}] * 10001})
    r.post("/v1/replays", {"ops": [{"op": "alloc", "size": 0, "limit": "0x1"}] * 40})


def raw(r):
    """What a client library would not send."""
    end = "Host: localhost\r\nConnection: close\r\n"
    json = "Content-Type: application/json\r\n"
    requests = [
        f"GET /v1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        f"POST /v1/sessions HTTP/1.1\r\n{end}{json}Origin: http://x\r\nContent-Length: 2\r\n\r\n{{}}",
        f"POST /v1/decisions HTTP/1.1\r\n{end}{json}Content-Length: 9000000\r\n\r\n",
        f"POST /v1/replays HTTP/1.1\r\n{end}{json}Content-Length: 30000000\r\n\r\n",
        f"POST /v1/platforms HTTP/1.1\r\n{end}Content-Type: application/vnd.devicetree.blob\r\nContent-Length: 3000000\r\n\r\n",
        f"GET /v1/limits HTTP/1.1\r\n{end}Content-Length: 5\r\n\r\nabcde",
        f"POST /v1/decisions HTTP/1.1\r\n{end}{json}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        f"POST /v1/decisions HTTP/1.1\r\n{end}{json}Content-Length: 2\r\nContent-Length: 3\r\n\r\n{{}}",
        f"POST /v1/decisions HTTP/1.1\r\n{end}{json}Transfer-Encoding: chunked\r\n\r\n2\r\n{{}}\r\n0\r\n\r\n",
        f"POST /v1/decisions HTTP/1.1\r\n{end}{json}Content-Length: x\r\n\r\n",
        f"GET /v1/%zz HTTP/1.1\r\n{end}\r\n", f"GET /v1/%00 HTTP/1.1\r\n{end}\r\n", f"GET /v1/%ff HTTP/1.1\r\n{end}\r\n",
        f"GET /v1?%zz=1 HTTP/1.1\r\n{end}\r\n", f"GET v1 HTTP/1.1\r\n{end}\r\n",
        f"GET http://x/v1/limits HTTP/1.1\r\n{end}\r\n", f"GET /{'x' * 9000} HTTP/1.1\r\n{end}\r\n",
        f"GET /v1/../livez HTTP/1.1\r\n{end}\r\n", f"GET /livez#x HTTP/1.1\r\n{end}\r\n",
        f"HEAD /livez HTTP/1.0\r\n\r\n", f"GET /livez HTTP/1.0\r\n\r\n", f"GET /livez HTTP/1.1\r\nConnection: close\r\n\r\n",
        f"GET /livez HTTP/1.1\r\n{end}Expect: 100-continue\r\n\r\n", "GET / HTTP/3.0\r\n\r\n",
        f"GET /livez HTTP/1.1\r\n{end}X-Long: {'y' * 40000}\r\n\r\n", f"get /livez HTTP/1.1\r\n{end}\r\n",
    ]
    for text in requests:
        r.raw(text.encode())
    r.raw(f"GET /v1/limits HTTP/1.1\r\n{end}Authorization: Bearer {TOKEN}\r\nOrigin: null\r\n\r\n".encode(), "guarded")
