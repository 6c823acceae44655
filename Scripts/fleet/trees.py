"""Device trees as the native model of a platform, a line for each with active devices behind an SMMU: asked of a server,
so that it is the readers' own view of them. What is withheld from a device is told as what withholds it."""

import concurrent.futures
import http.client
import json
import pathlib
import sys
import urllib.parse

TREE = "application/vnd.devicetree.blob"
PAGE = 0x1000
TOP = (1 << 64) - 1


class Asker:
    def __init__(self, port):
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    def ask(self, method, target, body=None, kind=None):
        self.connection.request(method, target, body, {"Content-Type": kind} if kind else {})
        answer = self.connection.getresponse()
        return answer.status, json.loads(answer.read() or b"null")

    def get(self, target):
        status, body = self.ask("GET", target)
        if status != 200:
            raise RuntimeError(f"GET {target}: {status} {body}")
        return body


def native_device(device, withheld):
    """A device with its windows, the ranges that its DMA reaches, and what firmware reserves."""
    native = {name: device[name] for name in ("id", "kind", "smmus", "dma_limit", "dma_coherent")}
    windows, gaps, regions = [], [], []
    for item in withheld:
        start, last = int(item["start"], 0), int(item["last"], 0)
        if item["kind"] == "pci_window":
            windows.append({"bus": item["start"], "size": hex(last - start + 1)})
        elif item["kind"] == "dma_ranges_gap":
            # The kernel withholds the first page of an inbound window with the gap before it.
            gaps.append((start, last - PAGE if last % (1 << 20) == PAGE - 1 else last))
        elif item["kind"] != "page_zero" and item.get("type") not in (None, "software_msi"):
            regions.append({"start": item["start"], "last": item["last"], "type": item["type"]})
    if gaps:
        inbound, next_free = [], 0
        for start, last in sorted(gaps) + [(TOP, TOP)]:
            if next_free < start:
                inbound.append({"bus": hex(next_free), "size": hex(start - next_free)})
            next_free = max(next_free, last + 1)
        native["dma_ranges"] = inbound
    if windows:
        native["pci_windows"] = windows
    if regions:
        native["reserved_regions"] = regions
    return native


def native(port, number, name, blob):
    """None for a tree without such devices, or one that is refused."""
    asker = Asker(port)
    identifier = f"tree-{number}"
    path = "/v1/platforms/" + identifier
    if asker.ask("POST", "/v1/platforms?id=" + identifier, blob, TREE)[0] != 201:
        return None
    devices, target = [], path + "/devices?limit=1000"
    while target:
        page = asker.get(target)
        devices += [device for device in page["items"] if device["active"] and device["smmus"]]
        token = page.get("next_page_token")
        target = token and path + "/devices?limit=1000&page_token=" + urllib.parse.quote(token)
    smmus = [{"id": smmu["id"], "version": smmu["version"]} for smmu in asker.get(path)["smmus"]]
    natives = []
    for device in devices:
        query = urllib.parse.urlencode({"device": device["id"], "view": "dma"})
        natives.append(native_device(device, asker.get(f"{path}/reserved-regions?{query}")["items"]))
    asker.ask("DELETE", path)
    return natives and {"name": name, "platform": {"smmus": smmus, "devices": natives}}


def write(port, folder, out):
    trees = sorted(pathlib.Path(folder).rglob("*.dtb"))
    if not trees:
        sys.exit(f"{folder}: there is no *.dtb")
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        names = (str(tree.relative_to(folder).with_suffix("")) for tree in trees)
        found = pool.map(lambda one: native(port, one[0], one[1][0], one[1][1].read_bytes()), enumerate(zip(names, trees)))
        count = 0
        for host in found:
            if host:
                count += 1
                out.write(json.dumps(host, separators=(",", ":")) + "\n")
    return len(trees), count
