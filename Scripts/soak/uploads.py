"""Machines that are uploaded, used and removed, and what is computed over many of them: device trees, ACPI tables and
their dumps, texts and the native model; placements, surveys, faults, failed maps, replays."""

import json
import os
import re

import catalogue
import machines

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.join(HERE, "..", "..")
TREE, TABLE, TEXT = "application/vnd.devicetree.blob", "application/vnd.acpi.table", "text/plain"
REGIONS = b"0x0000000008000000 0x00000000080fffff msi\n0x00000000fee00000 0x00000000feefffff reserved\n"
FAILED_MAP = b"vfio_dma_map(0x55d0, 0x8000000, 0x100000, 0x7f0000000000) = -22 (Invalid argument)\n"


def dump():
    """The text of acpidump that openapi.yaml has as an example, and the table in it."""
    with open(os.path.join(ROOT, "openapi.yaml"), encoding="utf-8") as file:
        text = json.loads(re.search(r'acpidump: \{ summary: "[^"]*", value: ("(?:[^"\\]|\\.)*")', file.read()).group(1))
    rows = re.findall(r"^ +[0-9A-F]{4,8}: ((?:[0-9A-F]{2} )+)", text, re.M)
    return text.encode(), bytes.fromhex("".join(rows))


def definition_block():
    with open(os.path.join(ROOT, "Tests/IngestionTests/Fixtures/aml/bridge.hex"), encoding="ascii") as file:
        return bytes.fromhex("".join(file.read().split()))


class Uploads:
    def __init__(self, client, number):
        self.client, self.id = client, f"soak-up-{number}"
        text, table = dump()
        self.machines = [
            (machines.tree(103_000), TREE, b'"device_tree"'), (machines.tree(12_000), TREE, b'"device_tree"'),
            (text, TEXT, b'"acpi"'), (table + definition_block(), TABLE, b'"acpi"'), (REGIONS, TEXT, b'"sysfs"'),
            (machines.platform(200, 3), "application/json", b'"json"')]

    def cycle(self, turn):
        client, target = self.client, f"/v1/platforms/{self.id}"
        body, type, source = self.machines[turn % len(self.machines)]
        client.post("createPlatform", f"/v1/platforms?id={self.id}", body, type=type, status=201, says=source)
        client.post("createPlatform", f"/v1/platforms?id={self.id}", body, type=type, status=409,
                    refused="an id that is taken")
        devices = client.get("listDevices", f"{target}/devices?limit=5", says=b'"items"')
        found = json.loads(devices.body)["items"]
        if found:
            client.post("decide", "/v1/decisions", {"platform": self.id, "device": found[-1]["id"],
                                                    "consumer": "vfio_type1"}, says=b'"outcome"')
        client.ask("putPlatform", "PUT", target, body, type=type, says=source)
        client.post("createPlatform", "/v1/platforms?validate_only=true", body, type=type, says=source)
        client.post("createPlatform", "/v1/platforms", b"\xd0\x0d\xfe\xed\0\0\0\x40cut", type=TREE, status=422,
                    refused="a tree that is cut off")
        client.delete("deletePlatform", target)


class Fleets:
    HOSTS, DEVICES = 100, 300

    def __init__(self, client, number):
        self.client = client
        for host in range(self.HOSTS):
            client.ask("putPlatform", "PUT", f"/v1/platforms/host-{host}", machines.platform(1, 3, host), status=201)
        client.ask("putPlatform", "PUT", "/v1/platforms/fleet", machines.platform(self.DEVICES), status=201)
        self.hosts = [{"name": f"h{host}", "platform": f"host-{host}"} for host in range(self.HOSTS)]
        self.replay = catalogue.replay(2_000).body()

    def cycle(self, turn):
        ask = self.client.post
        vm = {"vmm": ("qemu-virt", "openvmm-uefi", "cloud-hypervisor")[turn % 3], "ram": hex((1 + turn % 16) << 30)}
        ask("place", "/v1/placements", {"hosts": self.hosts, "vm": vm}, says=b'"verdict"')
        ask("place", "/v1/placements", {"hosts": [{"reserved_regions": [machines.region(turn % 50, turn)]}], "vm": vm},
            says=b'"verdict"')
        ask("survey", "/v1/surveys", {"platforms": ["fleet"]}, says=b'"policies"')
        ask("survey", "/v1/surveys", {"platforms": ["fleet"]}, "Accept: application/x-ndjson", says=b"\n")
        ask("replay", "/v1/replays", self.replay, says=b'"results"')
        ask("explainFaults", "/v1/fault-explanations?platform=example-qemu-virt", catalogue.FAULT, type=TEXT,
            says=b"0x8000040")
        ask("explainMapFailures", "/v1/map-failures", FAILED_MAP, type=TEXT, says=b"0x8000000")
        ask("place", "/v1/placements", {"hosts": [], "vm": vm}, status=422, refused="a placement without hosts")

