"""Machines that this project invents for measuring: a flattened device tree of a wanted size, and platforms in the
native model with as many devices or reserved regions as asked for. Equal arguments give equal bytes."""

import json
import struct

ITS = {"id": "its0", "kind": "its", "doorbell": "0x8090040"}
SMMU = {"id": "smmu0", "version": "v3"}


def platform(devices=1, regions=3, seed=0, unlike=False):
    """A native platform; each device has so many regions, and `seed` moves them to one of fifteen places. `unlike`:
    and one more, where no other seed has any."""
    own = [{"start": hex(0x3000_0000 + seed * 0x2_0000), "size": "0x10000"}] if unlike else []
    return json.dumps({
        "smmus": [SMMU], "msi_controllers": [ITS],
        "devices": [device(f"0000:{number >> 8:02x}:{number >> 3 & 31:02x}.{number & 7}", regions, seed + number, own)
                    for number in range(devices)]}).encode()


def device(id, regions, seed, own):
    return {"id": id, "kind": "pci_function", "smmus": ["smmu0"], "msi_controllers": ["its0"],
            "reserved_regions": [region(number, seed) for number in range(regions)] + own}


def region(number, seed):
    """Regions that do not touch, above the default window; 64 KiB each, 1 MiB apart."""
    return {"start": hex(0x2000_0000 + number * 0x10_0000 + seed % 15 * 0x1_0000), "size": "0x10000"}


class Tree:
    """Version 17 of the flattened format, without memory reservations."""

    def __init__(self):
        self.structure, self.strings, self.offsets = bytearray(), bytearray(), {}

    def begin(self, name):
        self.structure += struct.pack(">I", 1) + padded(name.encode() + b"\0")

    def end(self):
        self.structure += struct.pack(">I", 2)

    def bytes(self, name, value):
        if name not in self.offsets:
            self.offsets[name] = len(self.strings)
            self.strings += name.encode() + b"\0"
        self.structure += struct.pack(">III", 3, len(value), self.offsets[name]) + padded(value)

    def cells(self, name, *values):
        self.bytes(name, struct.pack(f">{len(values)}I", *values))

    def words(self, name, *values):
        self.bytes(name, b"".join(value.encode() + b"\0" for value in values))

    def blob(self):
        structure = bytes(self.structure) + struct.pack(">I", 9)
        start = 40 + 16
        strings = start + len(structure)
        head = struct.pack(">10I", 0xd00dfeed, strings + len(self.strings), start, strings, 40, 17, 16, 0,
                           len(self.strings), len(structure))
        return head + bytes(16) + structure + bytes(self.strings)


def padded(data):
    return data + bytes(-len(data) % 4)


def tree(size):
    """A board with an SMMUv3, an ITS, a PCI host and, until it has `size` bytes, what fills trees of real boards: a
    device behind the SMMU with its clocks and interrupts, then twelve nodes that have nothing to do with it."""
    t = Tree()
    t.begin("")
    t.words("compatible", "bench,board")
    t.cells("#address-cells", 2)
    t.cells("#size-cells", 2)
    its(t)
    smmu(t)
    host(t)
    t.begin("soc")
    t.words("compatible", "simple-bus")
    t.cells("#address-cells", 2)
    t.cells("#size-cells", 2)
    t.bytes("ranges", b"")
    number = 0
    while len(t.structure) + len(t.strings) < size - 80:
        peripheral(t, number)
        number += 1
    t.end()
    t.end()
    return t.blob()


def its(t):
    t.begin("interrupt-controller@8000000")
    t.words("compatible", "arm,gic-v3")
    t.cells("reg", 0, 0x800_0000, 0, 0x1_0000)
    t.cells("#address-cells", 2)
    t.cells("#size-cells", 2)
    t.cells("#interrupt-cells", 3)
    t.bytes("interrupt-controller", b"")
    t.bytes("ranges", b"")
    t.cells("phandle", 1)
    t.begin("its@8080000")
    t.words("compatible", "arm,gic-v3-its")
    t.cells("reg", 0, 0x808_0000, 0, 0x2_0000)
    t.bytes("msi-controller", b"")
    t.cells("#msi-cells", 1)
    t.cells("phandle", 2)
    t.end()
    t.end()


def smmu(t):
    t.begin("iommu@9050000")
    t.words("compatible", "arm,smmu-v3")
    t.cells("reg", 0, 0x905_0000, 0, 0x2_0000)
    t.cells("#iommu-cells", 1)
    t.cells("phandle", 3)
    t.end()


def host(t):
    t.begin("pcie@10000000")
    t.words("compatible", "pci-host-ecam-generic")
    t.words("device_type", "pci")
    t.cells("reg", 0x40, 0x1000_0000, 0, 0x1000_0000)
    t.cells("#address-cells", 3)
    t.cells("#size-cells", 2)
    t.cells("ranges", 0x200_0000, 0, 0x1000_0000, 0, 0x1000_0000, 0, 0x2eff_0000)
    t.cells("iommu-map", 0, 3, 0, 0x1_0000)
    t.cells("msi-map", 0, 2, 0, 0x1_0000)
    t.end()


def peripheral(t, number):
    base = 0x1_0000_0000 + number * 0x1_0000
    t.begin(f"engine@{base:x}")
    t.words("compatible", f"bench,engine-{number % 7}", "bench,engine")
    t.cells("reg", base >> 32, base & 0xffff_ffff, 0, 0x1000)
    t.cells("interrupts", 0, 32 + number % 900, 4)
    t.cells("clocks", 100 + number, 3)
    t.words("clock-names", "core")
    t.cells("iommus", 3, 0x1_0000 + number)
    t.words("status", "okay")
    t.end()
    for other in range(12):
        kind = ("clock", "pins", "regulator")[other % 3]
        t.begin(f"{kind}-{number}-{other}")
        t.words("compatible", f"bench,{kind}")
        t.cells("phandle", 1000 + number * 12 + other)
        t.words("output-names", f"{kind}{number}-a", f"{kind}{number}-b")
        t.end()
