"""Kernel logs to fault explanations, allocator vectors and traces to replays."""

import json

import shelf
from contract import segment
from . import vocabulary as v

TEXT = [["Content-Type", "text/plain"]]
VECTOR_BYTES_MAX = 200_000


def run(r, context):
    logs(r, context)
    vectors(r, context)
    captures(r, context)
    own(r)
    maps(r)


def maps(r):
    """Failed maps: each form of a message with each errno, alone, with a platform, with regions."""
    for form in v.MAP_MESSAGES:
        for number, words in v.MAP_ERRORS:
            text = form.format(number=number, words=words)
            r.post("/v1/map-failures", text.encode(), TEXT)
            r.post("/v1/map-failures?platform=example-arm-juno&device=%2Fpcie@40000000", text.encode(), TEXT)
            r.post("/v1/map-failures", {"text": text, "reserved_regions": [{"start": "0xc6010000", "size": "0x10000"}],
                                        "consumer": "iommufd"})
    whole = "\n".join(form.format(number=22, words="Invalid argument") for form in v.MAP_MESSAGES)
    r.post("/v1/map-failures", whole.encode(), TEXT)
    r.post("/v1/map-failures?platform=example-arm-juno", whole.encode(), TEXT)
    r.post("/v1/platforms", whole.encode(), TEXT)
    for more in ((), ("--json",)):
        r.command("explain", "-", *more, stdin=whole.encode())
        r.command("explain", "log", "--platform", "example-arm-juno", "--device", "/pcie@40000000", *more,
                  files={"log": whole.encode()})
        r.command("explain", "-", *more, stdin=b"nothing of it")
        r.command("explain", "none", *more)


def logs(r, context):
    platforms = [id for id, _, _ in context.platforms]
    for index, (name, path) in enumerate(context.shelf.logs()):
        data = shelf.read(path)
        r.post("/v1/fault-explanations", data, TEXT)
        r.post(f"/v1/fault-explanations?kernel={v.KERNELS[index % len(v.KERNELS)]}&doorbell=0x8090040", data, TEXT)
        r.post(f"/v1/fault-explanations?platform={segment(platforms[index * 5 % len(platforms)])}", data, TEXT)
        text = data.decode("utf-8", "replace")
        r.post("/v1/fault-explanations", {"text": text, "platform": "example-qemu-virt"})
        r.post("/v1/fault-explanations", {"lines": text.split("\n"), "doorbells": ["0x2c1c0040", 4096],
                                          "windows": [{"start": "0xa0000000", "size": "0x100000"}]})
        r.post("/v1/fault-explanations", data.replace(b"\n", b"\r\n"), TEXT)
        r.post("/v1/fault-explanations", b"".join(b"> " + line + b"\n" for line in data.split(b"\n")), TEXT)
        r.post("/v1/replays", data, TEXT)
        r.post("/v1/map-failures", data, TEXT)


def vectors(r, context):
    for index, (name, path) in enumerate(context.shelf.vectors()):
        data = shelf.read(path)
        body = json.loads(data)
        r.post("/v1/replays", data, [["Content-Type", "application/json"]])
        if "ops" not in body or len(data) > VECTOR_BYTES_MAX:
            continue
        count = len(body["ops"])
        r.post(f"/v1/replays?explain=full&operation={count * (index % 7) // 7}", {**body, "kernel": v.KERNELS[index % len(v.KERNELS)]})
        r.post(f"/v1/replays?explain={v.EXPLAIN[index % 3]}", {**body, "cpus": 1 + index % 5, "kernel": "6.1"})


def captures(r, context):
    for index, (name, folder, truth) in enumerate(context.shelf.captures()):
        trace = shelf.trace_text(truth)
        r.post("/v1/replays", trace, TEXT)
        r.post(f"/v1/replays?kernel={v.KERNELS[index % len(v.KERNELS)]}&doorbell={truth.get('doorbell') or '0x8090040'}", trace,
               TEXT)
        if any(id == name for id, _, _ in context.platforms):
            device = next((d for id, d in context.devices if id == name), "none")
            r.post(f"/v1/replays?platform={segment(name)}&device={segment(device)}", trace, TEXT)
            r.post(f"/v1/replays?platform={segment(name)}", trace, TEXT)
        for number, body in list(shelf.replay_bodies(truth))[:2]:
            r.post(f"/v1/replays?explain={v.EXPLAIN[index % 3]}", body)


def own(r):
    """What no shelf is needed for."""
    line = "    irq/1-1 [000] .....  {}: {}: IOMMU: iova=0x{:016x} - 0x{:016x} {}"
    rows = [line.format(1.5, "map", 0xfffff000, 0x100000000, "paddr=0x0000000040000000 size=4096"),
            line.format(2.5, "map", 0xffffe000, 0xfffff000, "paddr=0x0000000008090000 size=4096"),
            line.format(3.5, "map", 0x10000000, 0x10001000, "paddr=0x0000000041000000 size=4096"),
            line.format(4.5, "unmap", 0xfffff000, 0x100000000, "size=4096 unmapped_size=4096"),
            line.format(5.5, "unmap", 0x20000000, 0x20001000, "size=4096 unmapped_size=4096")]
    text = "\n".join(rows).encode()
    for query in ("", "?platform=example-qemu-virt", "?platform=example-qemu-virt&device=%2Fpcie%4010000000",
                  "?platform=none", "?device=x", "?explain=full", "?page_size=0x10000&aperture_bits=32",
                  "?doorbell=0x8090040", "?operation=1"):
        r.post("/v1/replays" + query, text, TEXT)
        r.post("/v1/fault-explanations" + query, text, TEXT)
    r.post("/v1/replays", text)
    ops = [{"op": "reserve", "lo": "0x8000", "hi": "0x80ff"},
           {"op": "alloc", "size": 1, "limit": "0xfffff", "aligned": True, "id": "a1"},
           {"op": "alloc", "size": 2, "limit": "0xfffff", "aligned": True, "id": "a2"},
           {"op": "alloc_fast", "size": 1, "limit": "0xfffff", "flush": True, "id": "f"},
           {"op": "free_fast", "id": "f"}, {"op": "alloc_fast", "size": 1, "limit": "0xfffff", "flush": False, "id": "g"},
           {"op": "free", "id": "a1"}, {"op": "free_pfn", "pfn": "0xffffe"}, {"op": "tick"},
           {"op": "reserve", "lo": "0x1", "hi": "0xfffff"},
           {"op": "alloc", "size": 1, "limit": "0xfffff", "aligned": False}]
    for kernel in v.KERNELS:
        for index in range(len(ops)):
            r.post(f"/v1/replays?explain=full&operation={index}",
                   {"granule": "0x1000", "start_pfn": "0x1", "kernel": kernel, "ops": ops})
    r.post("/v1/replays?explain=summary", {"granule": "0x10000", "start_pfn": 0, "ops": ops[:3]})
    r.post("/v1/replays?operation=11&explain=full", {"ops": ops})
