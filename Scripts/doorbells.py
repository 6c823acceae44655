#!/usr/bin/env python3
"""Writes the table of doorbells that the device trees of a folder describe: physical address, kind of the
controller, and the chips that have it there. The trees are read by iovad itself.

    Scripts/doorbells.py IOVAD TREES SOURCE > Sources/Machines/DoorbellTable.swift

Machines without a tree in the package are rows of Sources/Machines/DoorbellCatalogue.swift.
"""

import http.client
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections import defaultdict

ATTEMPTS = 100
COLUMNS = 110


class Server:
    """iovad on a free loopback port."""

    def __init__(self, binary):
        self.folder = tempfile.TemporaryDirectory(prefix="iovad-doorbells-")
        path = os.path.join(self.folder.name, "log")
        with open(path, "wb") as log:
            self.process = subprocess.Popen(
                [binary, "serve", "--listen", "127.0.0.1:0", "--public", self.folder.name], stdout=log, stderr=log)
        for _ in range(ATTEMPTS):
            with open(path) as log:
                found = re.search(r"127\.0\.0\.1:([1-9][0-9]*)", log.read())
            if found:
                self.connection = http.client.HTTPConnection("127.0.0.1", int(found[1]))
                return
            time.sleep(0.1)
        raise SystemExit("iovad serve did not start")

    def platform(self, tree):
        self.connection.request("PUT", "/v1/platforms/tree", tree, {"Content-Type": "application/octet-stream"})
        answer = self.connection.getresponse()
        body = answer.read()
        return json.loads(body) if answer.status in (200, 201) else None

    def stop(self):
        self.process.terminate()
        self.process.wait()


FAMILIES = {"arm,vexpress"}  # boards that have little in common


def chip(compatible):
    """The least specific name of the root that is no family of boards: the chip's."""
    names = [name for name in compatible if name not in FAMILIES] or compatible
    return names[-1] if names else None


def rows(server, folder):
    found = defaultdict(set)
    for place, _, names in os.walk(folder):
        for name in names:
            if not name.endswith(".dtb"):
                continue
            with open(os.path.join(place, name), "rb") as file:
                platform = server.platform(file.read())
            owner = platform and chip(platform["compatible"])
            if not owner:
                continue
            for controller in platform["msi_controllers"]:
                if controller["doorbell"]:
                    found[int(controller["doorbell"], 16), controller["kind"]].add(owner)
    return found


def digits(address):
    """Hex with a mark every four digits, as the project writes addresses."""
    text = f"{address:x}"
    parts = [text[max(0, end - 4):end] for end in range(len(text), 0, -4)]
    return "0x" + "_".join(reversed(parts))


def written(found, source):
    yield "// Doorbells of chips whose device trees Linux has, by physical address. Computed by Scripts/doorbells.py,"
    yield f"// which `make atlas` runs; not written by hand. Source: {source}."
    yield ""
    yield "extension DoorbellCatalogue {"
    yield "    static let ofDeviceTrees: [Row] = ["
    for (address, kind), owners in sorted(found.items()):
        names = sorted(owners)
        line = f"        Row({digits(address)}, .{kind}, [{', '.join(json.dumps(name) for name in names)}]),"
        if len(line) <= COLUMNS:
            yield line
            continue
        yield f"        Row("
        yield f"            {digits(address)}, .{kind},"
        yield f"            ["
        for name in names:
            yield f"                {json.dumps(name)},"
        yield f"            ]),"
    yield "    ]"
    yield "}"


def main(binary, folder, source):
    server = Server(binary)
    try:
        found = rows(server, folder)
    finally:
        server.stop()
    print("\n".join(written(found, source)))


if __name__ == "__main__":
    main(*sys.argv[1:])
