"""The shelf's data: device trees, ACPI tables, what real kernels reported, pasted logs, allocator traces.

Without a shelf the recorder goes on with the built-in platforms and with what it describes itself.
"""

import glob
import json
import os

BOUNDARY = "recorder-boundary"
MULTIPART = f"multipart/form-data; boundary={BOUNDARY}"


def read(path):
    with open(path, "rb") as file:
        return file.read()


class Shelf:
    def __init__(self, root):
        self.root = root

    def _files(self, pattern):
        return sorted(glob.glob(os.path.join(self.root, pattern), recursive=True))

    def _named(self, *patterns):
        """(name, path) of files, by path; names are plain ids that tell them apart."""
        paths = [path for pattern in patterns for path in self._files(pattern)]
        return [(plain(os.path.relpath(path, self.root)), path) for path in paths if os.path.isfile(path)]

    def device_trees(self):
        return self._named("device-trees/*.dtb", "field/dt/*.dtb")

    def broken_trees(self):
        return self._named("device-trees/malformed/*.dtb")

    def tables(self):
        return self._named("iort/own/*.aml", "iort/qemu/*.aml", "iort/vendor/*.aml", "field/acpi/*.iort")

    def broken_tables(self):
        return self._named("iort/malformed/*.aml")

    def definition_blocks(self):
        return self._named("acpi-dsdt/*.dat", "acpi-dsdt/*.aml")

    def logs(self):
        """Pasted texts: f faults, t traces, r regions, v messages of VMMs."""
        return self._named("field/*.txt", "field/acpi/*.iomem", "field/acpi/*dmesg*.txt")

    def vectors(self):
        return self._named("allocator-vectors/**/*.json")

    def captures(self):
        """(id, folder, truth) of each boot of a real kernel."""
        for path in self._files("linux-captures*/*/truth.json"):
            folder = os.path.dirname(path)
            with open(path, encoding="utf-8") as file:
                yield plain("boot-" + os.path.basename(folder)), folder, json.load(file)


def plain(name):
    """An id that a platform can have, from a path."""
    stem = os.path.splitext(name)[0]
    kept = "".join(c if c.isalnum() and c.isascii() or c in "-._" else "-" for c in stem)
    for long, short in (("device-trees-", "dt-"), ("allocator-vectors-", ""), ("linux-captures", "lc"),
                        ("malformed-", "bad-")):
        kept = kept.replace(long, short)
    return kept[-64:].lstrip(".-")


def multipart(parts):
    """`parts`: (name, bytes), or (name, media type, bytes)."""
    out = b""
    for part in parts:
        kind = f"\r\nContent-Type: {part[1]}" if len(part) == 3 else ""
        out += (f"--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{part[0]}\"{kind}\r\n\r\n".encode()
                + part[-1] + b"\r\n")
    return out + f"--{BOUNDARY}--\r\n".encode()


def regions_text(truth):
    """reserved_regions of every group, as `tail -n +1` prints them."""
    parts = []
    for number, group in sorted(truth.get("groups", {}).items(), key=lambda item: int(item[0])):
        lines = group.get("reserved_regions") or []
        parts.append(f"==> /sys/kernel/iommu_groups/{number}/reserved_regions <==\n"
                     + "".join(line + "\n" for line in lines))
    return "\n".join(parts).encode()


def trace_text(truth):
    """The operations up to the doorbell, written down as ftrace would have."""
    lines = ["# tracer: nop"]
    for domain in (truth.get("domains") or {}).values():
        for operation in domain.get("ops_until_msi", []):
            if operation["op"] not in ("map", "unmap"):
                continue
            iova, size = int(operation["iova"], 16), operation["size"]
            span = f"iova=0x{iova:016x} - 0x{iova + size:016x}"
            tail = (f"paddr=0x{int(operation['paddr'], 16):016x} size={size}" if operation["op"] == "map"
                    else f"size={size} unmapped_size={size}")
            lines.append(f"    kworker/0:1-12      [000] .....  {operation['ts']:.6f}: "
                         f"{operation['op']}: IOMMU: {span} {tail}")
    return ("\n".join(lines) + "\n").encode()


def replay_bodies(truth):
    """Each domain's operations as a body for POST /v1/replays."""
    for number, domain in sorted((truth.get("domains") or {}).items()):
        operations, live = [], {}
        for operation in domain.get("ops_until_msi", []):
            if operation["op"] == "reserve":
                operations.append({"op": "reserve", "lo": operation["lo_pfn"], "hi": operation["hi_pfn"]})
            elif operation["op"] == "alloc":
                pages = -(-operation["size"] // int(domain["granule"], 16))
                operations.append({"op": "alloc_fast", "size": pages, "limit": operation["limit_pfn"],
                                   "flush": True, "id": f"a{len(operations)}"})
                live[operation["iova"]] = operations[-1]["id"]
            elif operation["op"] == "free" and operation["iova"] in live:
                operations.append({"op": "free_fast", "id": live.pop(operation["iova"])})
        if operations:
            yield number, {"granule": domain["granule"], "start_pfn": hex(domain["start_pfn"]),
                           "kernel": "7.2", "ops": operations}


# Where no shelf is: a machine in the native model, and one as sysfs shows it.
NATIVE = {
    "model": "recorder", "compatible": ["recorder,native"],
    "smmus": [{"id": "smmu0", "version": "v3"}],
    "msi_controllers": [{"id": "its0", "kind": "its", "doorbell": "0x8090040"}],
    "devices": [
        {"id": "0000:01:00.0", "kind": "pci_function", "smmus": ["smmu0"], "msi_controllers": ["its0"],
         "iova_ranges": [{"start": "0x0", "last": "0x7ffffff"},
                         {"start": "0x8100000", "last": "0xffffffffffff"}]},
        {"id": "0000:02:00.0", "kind": "pci_function", "smmus": ["smmu0"],
         "reserved_regions": [{"start": "0x8080000", "size": "0x20000", "type": "reserved"}]}]}
SYSFS = (b"==> /sys/kernel/iommu_groups/4/reserved_regions <==\n0x0000000008000000 0x00000000080fffff msi\n\n"
         b"==> /sys/kernel/iommu_groups/9/reserved_regions <==\n0x0000000008000000 0x00000000080fffff msi\n"
         b"0x00000000c6010000 0x00000000c601ffff msi\n0x00000000f0000000 0x00000000f00fffff direct\n"
         b"0x00000000f0100000 0x00000000f01fffff direct-relaxable\n"
         b"0x000000fd00000000 0x000000ffffffffff reserved\n")
