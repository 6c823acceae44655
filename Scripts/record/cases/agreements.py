"""Labels, pools and agreements: promises that are kept, broken and mended, every step that is refused, and the log."""

VM = {"vmm": "qemu-virt", "ram": "0x40000000"}


def machine(*starts):
    regions = [{"start": start, "size": "0x100000"} for start in starts]
    return {"smmus": [{"id": "s", "version": "v3"}],
            "devices": [{"id": "d", "kind": "pci_function", "smmus": ["s"], "reserved_regions": regions}]}


def run(r, context):
    for name, starts in (("rec-a", ()), ("rec-b", ()), ("rec-c", ("0x8000000",))):
        r.ask("PUT", f"/v1/platforms/{name}", machine(*starts))
    for name, labels in (("rec-a", {"pool": "rec"}), ("rec-b", {"pool": "rec", "site": "lab"}), ("rec-a", {"a b": 1}),
                         ("example-arm-juno", {}), ("none", {})):
        r.ask("PUT", f"/v1/platforms/{name}/labels", labels)
    for query in ("label=pool", "label=pool=rec", "label=site=lab", "label=="):
        r.get(f"/v1/platforms?{query}")
    r.post("/v1/placements", {"pool": "rec", "vm": VM})
    r.post("/v1/surveys", {"pool": "rec"})
    life(r)
    refused(r)
    for name in ("rec-a", "rec-b", "rec-c"):
        r.ask("DELETE", f"/v1/platforms/{name}")


def life(r):
    here = "/v1/agreements/rec-vm"
    r.post("/v1/agreements?dry_run=true", {"pool": "rec", "vm": VM})
    r.post("/v1/agreements", {"id": "rec-vm", "pool": "rec", "vm": VM, "doorbell_count": 2})
    for verb in ("checks", "hosts"):
        for host in ({"name": "c", "platform": "rec-c"}, {"name": "own", "reserved_regions": []}):
            r.post(f"{here}/{verb}", {"host": host})
    r.ask("PATCH", here, {"state": "accepted"})
    r.ask("PUT", "/v1/platforms/rec-b", machine("0x8000000"))
    r.get(f"{here}/events")
    r.ask("PUT", "/v1/platforms/rec-b", machine())
    r.ask("PUT", "/v1/platforms/rec-b/labels", {})
    r.ask("PATCH", here, {"state": "accepted"})
    r.ask("PATCH", here, {"state": "released", "ttl_seconds": 60})
    for target in ("/v1/agreements?state=released", f"{here}/events", f"{here}/events?after=3&limit=1"):
        r.get(target)
    r.ask("DELETE", here)


def refused(r):
    for body in ({"hosts": [{"platform": "rec-c"}], "vm": VM}, {"pool": "none", "vm": VM},
                 {"hosts": [{"name": "h", "platform": "rec-a"}, {"name": "h", "platform": "rec-b"}], "vm": VM},
                 {"hosts": [{"reserved_regions": []}], "vm": {"vmm": "openvmm-uefi", "ram": "2G"}}, {"ttl_seconds": 0}):
        r.post("/v1/agreements", body)
        r.post("/v1/agreements?dry_run=true", body)
