"""Members of a host's groups beside what firmware says: found by their names and segments, or not, from
collections, logs, lists and lspci, at every entrance; and a group that stays in one domain of a session."""

import json
import os
import sys
from urllib.parse import quote

import shelf
from recorder import value
from . import vocabulary as v

sys.path.append(os.path.join(os.path.dirname(__file__), "..", "..", "..", "Benchmarks", "http"))
from machines import Tree, its, smmu  # noqa: E402

TREE, TEXT, JSON = "application/vnd.devicetree.blob", "text/plain", "application/json"
WINDOW = "0x0000000008000000 0x00000000080fffff msi\n"
REGION = "0x00000000fff00000 0x00000000ffffffff reserved\n"
FUNCTIONS = ["0000:00:01.0", "0000:00:01.1"]
LOG = "".join(f"pci {name}: Adding to iommu group 3\n" for name in FUNCTIONS)
LISTING = "".join(f"{name} Ethernet controller: Example Adapter\n\tIOMMU group: 3\n\n" for name in FUNCTIONS)
PLACEMENT = {"vm": {"vmm": "qemu-virt", "ram": "0x40000000"}}


def run(r, context):
    asked = []
    for name, parts, devices in machines():
        r.ask("PUT", f"/v1/platforms/rec-group-{name}", shelf.multipart(parts), [["Content-Type", shelf.MULTIPART]])
        asked.append((f"rec-group-{name}", devices))
    for platform, devices in asked:
        for device in devices:
            ask(r, platform, device)
        r.get(f"/v1/platforms/{platform}/devices?limit=1000")
        r.post("/v1/surveys", {"platforms": [platform]})
    r.ask("PUT", "/v1/platforms/rec-group-paths", repeated(), [["Content-Type", TREE]])
    for item in r.json("/v1/platforms/rec-group-paths/devices").get("items", []):
        r.get(f"/v1/platforms/rec-group-paths/devices/{quote(item['id'], safe='')}")
        r.post("/v1/decisions", {"platform": "rec-group-paths", "device": item["id"], "doorbells": ["0x8090040"]})
    domains(r, "rec-group-listed")
    for platform in [name for name, _ in asked] + ["rec-group-paths"]:
        r.ask("DELETE", f"/v1/platforms/{platform}")


def ask(r, platform, device):
    """Every entrance about one device."""
    subject = {"platform": platform, "device": device}
    for consumer in v.CONSUMERS:
        for kernel in ({}, {"kernel": "6.1"}):
            r.post("/v1/decisions", {**subject, "consumer": consumer, **kernel})
    r.post("/v1/comparisons", {**subject, "policies": ["mainline_fixed"]})
    r.post("/v1/placements", {"hosts": [{"platform": platform, "devices": [device]}], **PLACEMENT})
    here, name = f"/v1/platforms/{platform}", quote(device, safe="")
    for target in (f"devices/{name}", f"available-windows?device={name}",
                   *(f"reserved-regions?device={name}&view={view}" for view in ("dma", "sysfs", "vfio"))):
        r.get(f"{here}/{target}")
    r.post("/v1/sessions?id=rec-group", {})
    for consumer in ("dma_api", "vfio_type1"):
        r.post("/v1/sessions/rec-group/domains", {"id": consumer, "consumer": consumer, "devices": [subject]})
        r.get(f"/v1/sessions/rec-group/domains/{consumer}/reserved-regions")
        state = value(r.get("/v1/sessions/rec-group/state"))
        r.post("/v1/sessions?id=rec-group-again", state)
        r.get(f"/v1/sessions/rec-group-again/domains/{consumer}")
        r.ask("DELETE", "/v1/sessions/rec-group-again")
        r.ask("DELETE", f"/v1/sessions/rec-group/domains/{consumer}")
    r.ask("DELETE", "/v1/sessions/rec-group")


def domains(r, platform):
    """One group in two domains is refused, whoever asks; in one domain it is not."""
    r.post("/v1/sessions?id=rec-domains", {})
    here = "/v1/sessions/rec-domains/domains"
    first, second = ({"platform": platform, "device": name} for name in FUNCTIONS)
    for consumer in v.CONSUMERS:
        r.post(here, {"id": "a", "consumer": consumer, "devices": [first]})
        r.post(here, {"id": "e", "consumer": "vfio_type1"})
        for other in (second, {"platform": platform, "device": "group:3"}, first):
            r.post(f"{here}/e/devices", other)
            r.post(here, {"id": "b", "consumer": consumer, "devices": [other]})
        r.post(f"{here}/a/devices", second)
        for name in "aeb":
            r.ask("DELETE", f"{here}/{name}")
    r.ask("DELETE", "/v1/sessions/rec-domains")


# Machines

def collected(members, regions=WINDOW, **host):
    groups = [{"id": number, "type": "DMA", "devices": names, "reserved_regions": regions}
              for number, names in members.items()]
    return {"collected": {"format": 1, "kernel_release": "6.18.15", "page_size": 4096, "groups": groups, "notes": [],
                          **host}}


def machines():
    """(name, parts, devices to ask about)"""
    def part(host):
        return ("host", JSON, json.dumps(host).encode())

    one, two = ("tree", board([0])), ("tree", board([0, 1]))
    mates = FUNCTIONS + ["/pcie@40000000/dev@1,1", "group:3"]
    yield "log", [one, ("log", LOG.encode())], mates
    yield "lspci", [one, ("lspci", LISTING.encode())], mates
    yield "listed", [one, part(collected({"3": FUNCTIONS}, WINDOW + REGION))], mates
    yield "unlisted", [one, part(collected({"3": FUNCTIONS}, None))], mates
    yield "stranger", [one, part(collected({"3": [*FUNCTIONS, "1000.dma"]}, None))], [FUNCTIONS[1], "1000.dma", "group:3"]
    yield "other-boot", [one, part(collected({"3": FUNCTIONS})),
                         ("log", b"pci 0000:00:02.0: Adding to iommu group 3\n")], ["0000:00:02.0", "group:3"]
    for name, parts in (("segments", two), ("no-segments", ("tree", board([None, None])))):
        yield name, [parts, part(collected({"3": ["0001:00:01.1"], "4": ["0002:00:01.1"]}))], [
            "0001:00:01.1", "0002:00:01.1", "group:3"]
    platform = {"5": ["a001000.dma"], "6": ["soc:gpu"], "7": ["1000.dma"]}
    yield "names", [one, part(collected(platform))], [name for names in platform.values() for name in names]


def board(segments):
    """A bus that translates, and host bridges, each with a function that has a reservation."""
    t = begun()
    t.begin("reserved-memory")
    t.cells("#address-cells", 2)
    t.cells("#size-cells", 2)
    t.bytes("ranges", b"")
    for place in range(len(segments)):
        t.begin(f"fw-{place}")
        t.cells("phandle", 0x20 + place)
        t.cells("iommu-addresses", 0x10 + place, 0x200_0000, 0, 0xfff0_0000, 0, 0x10_0000)
        t.end()
    t.end()
    for place, segment in enumerate(segments):
        bridge(t, place, segment)
    t.begin("soc")
    t.words("compatible", "simple-bus")
    t.cells("#address-cells", 1)
    t.cells("#size-cells", 1)
    t.cells("ranges", 0, 0, 0xa00_0000, 0x10_0000)
    for name, register in (("dma@1000", 0x1000), ("gpu", None)):
        t.begin(name)
        if register is not None:
            t.cells("reg", register, 0x1000)
        t.cells("iommus", 3, 7)
        t.end()
    t.end()
    t.end()
    return t.blob()


def begun():
    t = Tree()
    t.begin("")
    t.words("compatible", "record,board")
    t.cells("#address-cells", 2)
    t.cells("#size-cells", 2)
    its(t)
    smmu(t)
    return t


def bridge(t, place, segment):
    t.begin(f"pcie@{4 + place}0000000")
    t.words("compatible", "pci-host-ecam-generic")
    t.words("device_type", "pci")
    t.cells("reg", 0, (4 + place) << 28, 0, 0x1000_0000)
    t.cells("#address-cells", 3)
    t.cells("#size-cells", 2)
    if segment is not None:
        t.cells("linux,pci-domain", segment)
    t.cells("ranges", 0x200_0000, 0, 0x800_0000, 0, 0x6000_0000, 0, 0x100_0000)
    t.cells("iommu-map", 0, 3, place << 16, 0x1_0000)
    t.cells("msi-map", 0, 2, place << 16, 0x1_0000)
    t.begin("dev@1,1")
    t.cells("reg", 0x900, 0, 0, 0, 0)
    t.cells("phandle", 0x10 + place)
    t.cells("memory-region", 0x20 + place)
    t.end()
    t.end()


def repeated():
    """Nodes of one path, one of them a bus and a device."""
    t = begun()
    for name in ("dma@1", "dma@1", "dma@1#1", "host1x", "host1x"):
        t.begin(name)
        t.cells("iommus", 3, 7)
        if name == "host1x":
            t.cells("iommu-map", 0, 3, 0x40, 8)
        t.end()
    t.end()
    return t.blob()
