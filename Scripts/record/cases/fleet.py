"""VMMs with every size and switch, placements of them on plain and crowded hosts, surveys of many."""

import itertools

from . import vocabulary as v

PLAIN = {"name": "plain", "reserved_regions": [{"start": "0x8000000", "size": "0x100000", "type": "msi"}]}
CROWDED = {"name": "crowded", "reserved_regions": [
    {"start": "0x8000000", "size": "0x100000", "type": "reserved"},
    {"start": "0xa0000000", "last": "0xa00fffff", "type": "msi", "provenance": "a constant"},
    {"start": "0x10000000", "size": "0x30000000", "type": "reserved"}]}
RANGES = {"name": "ranges", "iova_ranges": [{"start": "0x0", "last": "0x7ffffff"},
                                            {"start": "0x8100000", "last": "0xfedfffff"},
                                            {"start": "0xfef00000", "last": "0xffffffffffff"}]}
NARROW = {"name": "narrow", "iova_ranges": [{"start": "0x80000000", "last": "0xffffffff"}]}
DIRECT = {"name": "direct", "reserved_regions": [{"start": "0xf0000000", "size": "0x100000", "type": "direct"},
                                                 {"start": "0x8000000", "size": "0x100000", "type": "msi"}]}
SMALL = {"name": "small", "reserved_regions": [], "aperture_bits": 32}
OPTIONS = {"name": "options", "reserved_regions": [],
           "options": [{"device": "a", "sw_msi_start": "0xa0000000", "sw_msi_size_mib": 1},
                       {"device": "b", "sw_msi_start": "0xc0000000"}, {"device": "c"}]}
# Only a stretch over 4 GiB is free: whether a window may cross it.
CROSSING = {"name": "crossing", "iova_ranges": [{"start": "0xfff00000", "last": "0x1000fffff"}]}
HOSTS = [PLAIN, CROWDED, RANGES, NARROW, DIRECT, SMALL, OPTIONS, CROSSING]
WINDOWS = [{}, {"size": "0x200000"}, {"size": "0x10000", "alignment": "0x10000"}, {"alignment": "0x40000000"},
           {"requested": "0xa0000000"}, {"requested": "0x12345000", "movable": False}, {"movable": False},
           {"msi_32bit_only": True}, {"size": "0x200000", "msi_32bit_only": True}, {"size": "0x1000000000000"}]


def run(r, context):
    vmms(r)
    placements(r)
    platforms(r, context)
    surveys(r, context)


def query(shape):
    return "".join(f"&{name}={str(value).lower() if isinstance(value, bool) else value}"
                   for name, value in shape.items())


def vmms(r):
    r.get("/v1/vmms")
    for vmm in v.VMMS:
        r.get(f"/v1/vmms/{vmm}")
        for ram in v.RAMS:
            r.get(f"/v1/vmms/{vmm}?ram={ram}")
        for shape in v.SHAPES:
            r.get(f"/v1/vmms/{vmm}?ram=4G{query(shape)}")
    for ram in ("64G", "1T", "512m", "4194304K", "4294967296", "0", "0x0", "1E", "G", "-1", "1.5G", "0x", "64 G",
                "0x100000000000001", ""):
        r.get(f"/v1/vmms/qemu-virt?ram={ram.replace(' ', '%20')}")
    for more in ("slots=1", "ram=4G&maxmem=1G", "ram=4G&ipa_bits=31", "ram=4G&vcpus=0", "ram=4G&p2p=maybe",
                 "ram=4G&highmem_mmio_size=3", "ram=4G&slots=x&vcpus=513&cxl=2", "ram=4G&ram_base=0x1"):
        r.get(f"/v1/vmms/kvmtool?{more}")
    for vmm in ("none", "QEMU-VIRT", "qemu-virt%20"):
        r.get(f"/v1/vmms/{vmm}")


def place(r, hosts, vm, window=None, **more):
    body = {"hosts": hosts, "vm": vm, **more}
    if window:
        body["window"] = window
    return r.post("/v1/placements", body)


def placements(r):
    for vmm in v.VMMS:
        for index, host in enumerate(HOSTS):
            place(r, [host], {"vmm": vmm, "ram": v.RAMS[(index * 3 + len(vmm)) % len(v.RAMS)]})
        for index, shape in enumerate(v.SHAPES):
            place(r, [HOSTS[index % 3]], {"vmm": vmm, "ram": "0x100000000", **shape})
        for viommu in v.VIOMMUS:
            place(r, [PLAIN, RANGES], {"vmm": vmm, "ram": "0x40000000", "viommu": viommu})
            place(r, [CROWDED], {"vmm": vmm, "ram": "0x1000000000", "viommu": viommu}, {"movable": False})
    for index, (window, host) in enumerate(itertools.product(WINDOWS, HOSTS)):
        place(r, [host], {"vmm": v.VMMS[index % len(v.VMMS)], "ram": "0x80000000"}, window,
              page_size=v.PAGE_SIZES[index % 3], doorbell_count=1 + 300 * (index % 2), kernel=v.KERNELS[index % len(v.KERNELS)])
    entries = [{"start": "0x40000000", "last": "0xbfffffff"},
               {"start": "0x10000000", "last": "0x3efeffff", "kind": "bar_window"},
               {"start": "0x8000000", "size": "0x10000", "kind": "pinned_bar"}]
    for window in WINDOWS:
        place(r, HOSTS[:3], {"memory_map": entries, "p2p": True}, window)
        place(r, HOSTS, {"memory_map": entries[:1], "viommu": "virtio_iommu"}, window)
    place(r, [PLAIN], {"vmm": "qemu-virt", "ram": "0x80000000", "pinned_bars": [entries[2]]})
    many = [{"name": f"h{n}", "reserved_regions": [{"start": hex(0x8000000 + n * 0x100000), "size": "0x100000"}]}
            for n in range(100)]
    place(r, many, {"vmm": "cloud-hypervisor", "ram": "0x1000000000"})


def platforms(r, context):
    ids = [id for id, _, _ in context.platforms]
    for index in range(0, len(ids), 4):
        hosts = [{"name": id, "platform": id} for id in ids[index:index + 4]]
        place(r, hosts + [PLAIN], {"vmm": v.VMMS[index // 4 % len(v.VMMS)], "ram": "0x180000000"},
              WINDOWS[index // 4 % len(WINDOWS)])
    place(r, [{"platform": id} for id in ids[:100]], {"vmm": "openvmm-uefi", "ram": "0x100000000"})
    place(r, [{"platform": "none"}, {"platform": ids[0], "devices": ["none"]}], {"vmm": "crosvm", "ram": 1 << 30})


def surveys(r, context):
    ids = [id for id, _, _ in context.platforms]
    lines = [["Accept", "application/x-ndjson"]]
    for start in range(0, len(ids), 12):
        body = {"platforms": ids[start:start + 12], "kernel": v.KERNELS[start // 12 % len(v.KERNELS)],
                "page_size": v.PAGE_SIZES[start // 12 % 3], "aperture_bits": (48, 39, 52)[start // 12 % 3]}
        r.post("/v1/surveys", body)
        r.post("/v1/surveys", body, lines)
    for body in ({}, {"active_only": False}, {"constants": ["0xe000000", "0x60000000", 0]}, {"hosts": HOSTS[:5]},
                 {"hosts": [OPTIONS]}, {"hosts": HOSTS[:3], "platforms": ids[:3]}, {"platforms": []}, {"hosts": []},
                 {"platforms": ["none"]}, {"platforms": [ids[0], ids[0]]}, {"constants": ["0xfffffffffff00001"]}):
        r.post("/v1/surveys", body)
        r.post("/v1/surveys", {**body, "kernel": "6.1"}, lines)
