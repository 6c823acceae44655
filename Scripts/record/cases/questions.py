"""Each platform that took an upload: its devices, every view, windows, decisions over consumers x sources x
kernels, comparisons, faults, a placement and a survey. Platforms that are alike share the product out."""

import itertools

from contract import segment
from . import vocabulary as v

PRODUCT = list(itertools.product(v.CONSUMERS, v.SOURCES, v.KERNELS))
FAULT = ("arm-smmu-v3 arm-smmu-v3.0.auto: event 0x10 received:\narm-smmu-v3 arm-smmu-v3.0.auto: \t0x0000000800000010\n"
         "arm-smmu-v3 arm-smmu-v3.0.auto: \t0x0000020000000000\narm-smmu-v3 arm-smmu-v3.0.auto: \t0x0000000008000040\n"
         "arm-smmu-v3 arm-smmu-v3.0.auto: \t0x0000000000000000\narm-smmu 64000000.iommu: Unhandled context fault: "
         "fsr=0x402, iova=0x00000040, fsynr=0x2f0013, cbfrsynra=0x102, cb=15\n").encode()


def run(r, context):
    for index, (id, group, deep) in enumerate(context.platforms):
        about(r, context, index, id, group, deep)


def about(r, context, index, id, group, deep):
    here = f"/v1/platforms/{segment(id)}"
    r.get(here)
    if index % 7 == 0:
        r.get(here, [["If-None-Match", "@etag"]])
    page = r.json(f"{here}/devices?limit={'1000' if deep else '100'}")
    devices = page.get("items", [])
    if page.get("next_page_token"):
        r.get(f"{here}/devices?limit=100&page_token={segment(page['next_page_token'])}")
    if deep:
        r.get(f"{here}/devices?limit=2")
    chosen = choose(devices, 3 if deep else 1)
    if not chosen:
        return
    context.devices += [(id, device["id"]) for device in chosen[:2]]
    for number, device in enumerate(chosen):
        name = segment(device["id"])
        r.get(f"{here}/devices/{name}")
        if deep:
            r.get(f"{here}/devices/{segment(device['id'] + '#' + device['kind'])}")
        views(r, here, name, index + number, full=deep and number == 0)
    first = chosen[0]["id"]
    cells = PRODUCT if deep and group in ("device_tree", "built_in") else \
        [PRODUCT[(index * 7 + step * 11) % len(PRODUCT)] for step in range(12 if deep else 4)]
    for number, (consumer, source, kernel) in enumerate(cells):
        device = chosen[number % len(chosen)]["id"] if number % 5 == 4 else first
        decide(r, id, device, consumer, source, kernel, index + number)
    more(r, id, first, index)


def choose(devices, count):
    """A PCI host first, then others of different kinds; active ones before the rest."""
    order = {"pci_host": 0, "root_complex": 1, "pci_function": 2, "platform": 3, "named_component": 4}
    ranked = sorted(devices, key=lambda d: (not d["active"], order.get(d["kind"], 9)))
    kinds, chosen = set(), []
    for device in ranked:
        if device["kind"] not in kinds:
            kinds.add(device["kind"])
            chosen.append(device)
    chosen += [device for device in ranked if device not in chosen]
    return chosen[:count]


def views(r, here, device, index, full):
    for view in v.VIEWS:
        r.get(f"{here}/reserved-regions?device={device}&view={view}")
    kernel, source = v.KERNELS[index % len(v.KERNELS)], v.SOURCES[index % 3]
    if full:
        r.get(f"{here}/reserved-regions?device={device}")
        r.get(f"{here}/reserved-regions?device={device}&view=sysfs", [["Accept", "text/plain"]])
        r.get(f"{here}/reserved-regions?device={device}&view=dma", [["Accept", "text/plain"]])
        for view, kernel in itertools.product(v.VIEWS, v.KERNELS[:3]):
            source = v.SOURCES[(index + len(view)) % 4]
            r.get(f"{here}/reserved-regions?device={device}&view={view}&kernel={kernel}&window_source={source}")
        for view, page in itertools.product(v.VIEWS, v.PAGE_SIZES[1:]):
            r.get(f"{here}/reserved-regions?device={device}&view={view}&page_size={page}&aperture_bits=39")
        r.get(f"{here}/available-windows?device={device}&size=0x200000&alignment=0x200000")
        r.get(f"{here}/available-windows?device={device}&size=0x10000&alignment=0x1000&below=0x100000000&limit=2")
        r.get(f"{here}/available-windows?device={device}&aperture_bits=32&window_source=none&limit=1")
    else:
        view = v.VIEWS[index % 3]
        r.get(f"{here}/reserved-regions?device={device}&view={view}&kernel={kernel}&window_source={source}")
    r.get(f"{here}/available-windows?device={device}")


def decide(r, id, device, consumer, source, kernel, index):
    body = {"platform": id, "device": device, "consumer": consumer, "window_source": source, "kernel": kernel}
    turn = index % 8
    if turn == 1:
        body["page_size"] = v.PAGE_SIZES[index % 3]
    if turn == 2:
        body["aperture_bits"] = (32, 39, 52)[index % 3]
    if turn == 3 and consumer == "dma_api":
        body.update(dma_mask="0xffffffff", forcedac=True, earlier_mappings=[{"size": "0x4000"}, {"size": "0x1000"},
                                                                            {"free": 0}])
    if turn == 4 and consumer != "dma_api":
        body.update(mappings=[{"start": "0x40000000", "size": "0x40000000"}],
                    map_checks=[{"iova": "0x8000000", "size": "0x1000"}, {"iova": "0x0", "size": "0x10000000"}])
    if turn == 5:
        body["doorbells"] = ["0x8090040", "0x8020040", "0x2c1c0040"]
    if turn == 6:
        body["default_domain"] = v.DEFAULT_DOMAINS[index % len(v.DEFAULT_DOMAINS)]
    if turn == 7:
        body.update(isolated_msi=bool(index % 2), allow_unsafe_interrupts=bool(index % 3))
    r.post(f"/v1/decisions?explain={v.EXPLAIN[(index + index // 8) % 3]}", body)


def more(r, id, device, index):
    """What else can be asked about a platform, once each."""
    source = v.SOURCE_OBJECTS[index % len(v.SOURCE_OBJECTS)]
    consumer = v.CONSUMERS[index % 3]
    r.post("/v1/decisions", {"platform": id, "device": device, "consumer": consumer, "window_source": source})
    r.post("/v1/comparisons", {"platform": id, "device": device})
    r.post(f"/v1/comparisons?explain={v.EXPLAIN[index % 3]}",
           {"platform": id, "device": device, "consumer": consumer, "kernels": v.KERNELS[:1 + index % len(v.KERNELS)],
            "policies": ["mainline_fixed", "posted_two_constants", {"window_source": source}]})
    platform = segment(id)
    r.post(f"/v1/fault-explanations?platform={platform}", FAULT, [["Content-Type", "text/plain"]])
    r.post("/v1/placements", {"hosts": [{"name": id, "platform": id}],
                              "vm": {"vmm": v.VMMS[index % len(v.VMMS)], "ram": v.RAMS[index % len(v.RAMS)]}})
    r.post("/v1/placements", {"hosts": [{"name": "h", "platform": id, "devices": [device]}, {"platform": id}],
                              "vm": {"vmm": "qemu-virt", "ram": "0x1000000000",
                                     "viommu": v.VIOMMUS[index % 3]},
                              "window": {"requested": "0xa0000000"}})
    r.post("/v1/surveys", {"platforms": [id], "active_only": bool(index % 2), "constants": ["0xe000000"]})
