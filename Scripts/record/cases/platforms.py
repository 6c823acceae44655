"""Uploads of everything on the shelf, in every form in which it can be sent; then reading, replacing,
validating and deleting. Keeps in `context.platforms` what questions go on with."""

import os

import shelf
from recorder import value
from . import vocabulary

# A machine whose IOMMU decides which regions there are.
VIRTIO = {"smmus": [{"id": "v", "version": "virtio"}],
          "msi_controllers": [{"id": "i", "kind": "its", "doorbell": "0x8090040"}],
          "devices": [{"id": "d", "kind": "pci_function", "smmus": ["v"], "msi_controllers": ["i"]}]}
TREE, OCTETS = "application/vnd.devicetree.blob", "application/octet-stream"
TABLE, TEXT, JSON = "application/vnd.acpi.table", "text/plain", "application/json"


def run(r, context):
    built_in(r, context)
    own(r, context)
    trees(r, context)
    tables(r, context)
    logs(r, context)
    captures(r, context)
    texts(r, context)
    life(r)


def upload(r, context, id, body, kind, group, query="", deep=False):
    answer = r.post(f"/v1/platforms?id={id}{query}", body, [["Content-Type", kind]])
    if answer.status == 201 and value(answer).get("devices"):
        context.platforms.append((id, group, deep))
    return answer


def built_in(r, context):
    for item in r.json("/v1/platforms").get("items", []):
        # The recording machine's own host is no case.
        if item.get("offered"):
            continue
        context.platforms.append((item["id"], "built_in", True))
    for query in ("?limit=1", "?limit=1&page_token=example-arm-juno", "?page_token=zzz", "?limit=0",
                  "?limit=1001", "?limit=x", "?limit=1&limit=2"):
        r.get(f"/v1/platforms{query}")
    for id in ("example-arm-juno", "none", ".", "..", "%2e", "a%20b", "a%2Fb"):
        r.get(f"/v1/platforms/{id}")
        r.get(f"/v1/platforms/{id}/devices")


def own(r, context):
    upload(r, context, "own-native", shelf.NATIVE, JSON, "json", deep=True)
    upload(r, context, "own-virtio", VIRTIO, JSON, "json", deep=True)
    for assume in ("", "&assume=software", "&assume=hardware", "&assume=none"):
        upload(r, context, f"own-sysfs{assume[8:11]}", shelf.SYSFS, TEXT, "sysfs", assume, deep=True)
    for text in (b"0x0000000008000000 0x00000000080fffff msi\n", b"0x00000000a0000000 0x00000000a00fffff msi\n",
                 b"0x00000000a0000000 0x00000000a00fffff msi", b"", b"\n", b"nothing of the kind\n",
                 b"0x10 0x1 reserved\n", b"0x0 0xffffffffffffffff direct\n",
                 b"0x0000000008000000 0x00000000080fffff other\n"):
        r.post("/v1/platforms?validate_only=true", text, [["Content-Type", TEXT]])
        r.post("/v1/platforms?validate_only=true&id=x&assume=hardware", text, [["Content-Type", OCTETS]])


def trees(r, context):
    for index, (name, path) in enumerate(context.shelf.device_trees()):
        data = shelf.read(path)
        upload(r, context, name, data, TREE if index % 2 else OCTETS, "device_tree",
               deep="synthetic" not in name)
        if index % 4 == 0:
            r.post("/v1/platforms?validate_only=true", data, [["Content-Type", TABLE]])
    for name, path in context.shelf.broken_trees():
        data = shelf.read(path)
        upload(r, context, name, data, TREE, "device_tree")
        r.post(f"/v1/platforms?id={name}&validate_only=true", data, [["Content-Type", OCTETS]])


def tables(r, context):
    madt = [shelf.read(path) for name, path in context.shelf.tables() if "madt" in name]
    blocks = context.shelf.definition_blocks()
    for index, (name, path) in enumerate(context.shelf.tables()):
        data = shelf.read(path)
        upload(r, context, name, data, TABLE if index % 2 else OCTETS, "acpi",
               "&preserve_config=true" if index % 3 == 1 else "", deep="vendor" not in name)
        parts = [("iort", data)] + [("madt", table) for table in madt]
        if index % 3 == 0:
            facts = (b'{"preserve_config":true,"pci_windows":[{"segment":0,"bus":"0x10000000",'
                     b'"size":"0x2eff0000"},{"segment":0,"bus":"0x8000000000","size":"0x100000000"}],'
                     b'"dma_ranges":[{"segment":0,"bus":"0x0","size":"0x100000000"}]}')
            parts.append(("facts", JSON, facts))
        elif blocks:
            parts.append(("dsdt", shelf.read(blocks[index % len(blocks)][1])))
        upload(r, context, f"mp-{name}"[:64], shelf.multipart(parts), shelf.MULTIPART, "acpi",
               deep=index % 8 == 0)
        if madt:
            r.post("/v1/platforms?validate_only=true", data + madt[0], [["Content-Type", TABLE]])
        if index % 4 == 0:
            r.post("/v1/platforms?validate_only=true", dump(data), [["Content-Type", TEXT]])
    for name, path in context.shelf.broken_tables():
        upload(r, context, name, shelf.read(path), TABLE, "acpi")
        r.post("/v1/platforms?validate_only=true", shelf.read(path), [["Content-Type", OCTETS]])
    for name, path in blocks:
        r.post("/v1/platforms?validate_only=true", shelf.read(path), [["Content-Type", TABLE]])


BOOT_LOG = b"""[    0.000000] Booting Linux on physical CPU 0x0000080000 [0x413fd0c1]
[    0.000000] Linux version 6.8.0 (builder) #31 SMP
[    0.000000] ITS [mem 0x08080000-0x0809ffff]
[    0.140000] PCI host bridge to bus 0000:00
[    0.140003] pci_bus 0000:00: root bus resource [mem 0x08000000-0x0fffffff window]
[    0.140004] pci_bus 0000:00: root bus resource [mem 0x50000000-0x57ffffff] (bus address [0x20000000-0x27ffffff])
[    0.160001] arm-smmu-v3 arm-smmu-v3.0.auto: ias 48-bit, oas 44-bit (features 0x00001fef)
[    0.200000] pci 0000:01:00.0: Adding to iommu group 3
"""
COMMAND_LINE = b"BOOT_IMAGE=/vmlinuz root=/dev/vda1 iommu.passthrough=1 pci=noaer\n"
LISTING = b"""0000:01:00.0 Ethernet controller: Example Adapter
\tIOMMU group: 3
\tRegion 0: Memory at 8000000 (64-bit, prefetchable) [size=1M]
\tCapabilities: [60] MSI: Enable+ Count=1/8 Maskable+ 64bit+
\t\tAddress: 00000000fffff040  Data: 0000
"""


def logs(r, context):
    """A boot log and a list of functions, alone, cut, and beside a table and iomem."""
    upload(r, context, "boot-log", BOOT_LOG, TEXT, "boot", deep=True)
    for data in (LISTING, BOOT_LOG[:300], BOOT_LOG[120:], BOOT_LOG.replace(b"\n", b"\r\n"), BOOT_LOG * 2):
        r.post("/v1/platforms?validate_only=true", data, [["Content-Type", TEXT]])
    iomem = b"08000000-0fffffff : PCI Bus 0000:00\n"
    for name, path in context.shelf.tables():
        parts = [("iort", shelf.read(path)), ("dmesg", BOOT_LOG), ("lspci", LISTING), ("iomem", iomem)]
        parts.append(("cmdline", COMMAND_LINE))
        for count in (2, 3, 4, 5):
            r.post("/v1/platforms?validate_only=true", shelf.multipart(parts[:count]),
                   [["Content-Type", shelf.MULTIPART]])


def dump(data, signature="IORT"):
    """A table as acpidump prints it."""
    lines = [f"{signature} @ 0x0000000000000000"]
    for at in range(0, len(data), 16):
        row = data[at:at + 16]
        shown = "".join(chr(b) if 32 <= b < 127 else "." for b in row)
        lines.append(f"    {at:04X}: {' '.join(f'{b:02X}' for b in row):<47}  {shown}")
    return ("\n".join(lines) + "\n\n").encode()


def captures(r, context):
    for name, folder, truth in context.shelf.captures():
        tree = os.path.join(folder, "platform.dtb")
        keeps = "p" if os.path.basename(folder).split("-")[0].endswith("p") else ""
        if os.path.exists(tree):
            upload(r, context, name, shelf.read(tree), OCTETS, "boot")
        else:
            parts = [(part, shelf.read(os.path.join(folder, part)))
                     for part in ("IORT.aml", "APIC.aml", "MCFG.aml", "DSDT.aml", "iomem.txt")
                     if os.path.exists(os.path.join(folder, part))]
            upload(r, context, name, shelf.multipart(parts), shelf.MULTIPART, "boot",
                   "&preserve_config=true" if keeps else "")
            # The tables alone: windows and the boot configuration are the DSDT's.
            upload(r, context, f"dsdt-{name}"[:64], shelf.multipart(parts[:-1]), shelf.MULTIPART, "boot")
        text = shelf.regions_text(truth)
        if text:
            upload(r, context, f"rr-{name}"[:64], text, TEXT, "sysfs")
        collected = collected_host(folder, truth)
        upload(r, context, f"ch-{name}"[:64], collected, JSON, "collected")


def collected_host(folder, truth):
    """What `iovad collect` would have printed on that boot."""
    def blob(name):
        path = os.path.join(folder, name)
        return shelf.read(path).hex() if os.path.exists(path) else None

    iomem = os.path.join(folder, "iomem.txt")
    groups = [{"id": number, "type": group.get("type"), "devices": group.get("devices", []),
               "reserved_regions": "".join(line + "\n" for line in group.get("reserved_regions") or [])}
              for number, group in sorted(truth.get("groups", {}).items(), key=lambda item: int(item[0]))]
    return {"collected": {
        "format": 1, "kernel_release": str(truth.get("kernel")), "page_size": 4096,
        "device_tree": blob("platform.dtb"), "acpi": {"IORT": blob("IORT.aml"), "APIC": blob("APIC.aml"), "MCFG": blob("MCFG.aml"),
                 "DSDT": blob("DSDT.aml"), "SSDT": []},
        "iomem": shelf.read(iomem).decode() if os.path.exists(iomem) else None, "groups": groups,
        "notes": ["written by the recorder"]}}


def texts(r, context):
    for name, path in context.shelf.logs():
        data = shelf.read(path)
        upload(r, context, name, data, TEXT, "sysfs")
        r.post("/v1/platforms?validate_only=true&assume=software", data, [["Content-Type", OCTETS]])


def life(r):
    """Create, replace, validate, delete, with the conditions of HTTP and keys that make it repeatable."""
    here = "/v1/platforms/rec-life"
    for query in ("", "?validate_only=true", "?validate_only=1", "?assume=software", "?preserve_config=true"):
        r.ask("PUT", here + query, shelf.NATIVE)
    r.ask("PUT", here, shelf.NATIVE, [["If-None-Match", "*"]])
    r.ask("PUT", here, shelf.NATIVE, [["If-Match", '"stale"']])
    r.ask("PUT", here, {**shelf.NATIVE, "model": "changed"}, [["If-Match", "@etag"]])
    r.get(here)
    for field in ("If-None-Match", "If-Match"):
        for tag in ("@etag", "*", '"x"', 'W/"x"', ""):
            r.get(here, [[field, tag]])
    r.post("/v1/platforms?id=rec-life", shelf.NATIVE)
    r.post("/v1/platforms", shelf.SYSFS, [["Content-Type", TEXT]])
    r.post("/v1/platforms?id=rec-key", shelf.NATIVE, [["Idempotency-Key", "k1"]])
    r.post("/v1/platforms?id=rec-key", shelf.NATIVE, [["Idempotency-Key", "k1"]])
    r.post("/v1/platforms?id=rec-key2", shelf.NATIVE, [["Idempotency-Key", "k1"]])
    r.ask("DELETE", "/v1/platforms/rec-key")
    r.post("/v1/platforms?id=rec-key", shelf.NATIVE, [["Idempotency-Key", "k1"]])
    r.post("/v1/platforms?id=rec-key3", shelf.NATIVE, [["Idempotency-Key", "k" * 129]])
    for id in ("example-arm-juno", "a b", "x" * 64, "x" * 65, "", "a%2Fb", "..", "ok&validate_only=yes"):
        r.post(f"/v1/platforms?id={id.replace(' ', '%20')}", shelf.NATIVE)
    r.ask("PUT", "/v1/platforms/example-arm-juno", shelf.NATIVE)
    r.ask("DELETE", "/v1/platforms/example-arm-juno")
    r.ask("DELETE", here, None, [["If-Match", '"stale"']])
    r.ask("DELETE", here, None, [["If-Match", "@etag"]])
    r.ask("DELETE", here)
    r.get(here)
    for kind in vocabulary.KINDS:
        device = {"id": "dev", "kind": kind, "dma_limit": "0xffffffff", "dma_coherent": True, "active": True,
                  "pci_windows": [{"bus": "0x10000000", "size": "0x10000000"}],
                  "dma_ranges": [{"bus": "0x0", "cpu": "0x80000000", "size": "0x80000000"}]}
        machine = {"smmus": [{"id": "s", "version": "v2"}], "devices": [{**device, "smmus": ["s"]}]}
        r.post("/v1/platforms?validate_only=true", machine)
        r.ask("PUT", f"/v1/platforms/rec-kind-{kind}", machine)
