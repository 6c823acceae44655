"""Synthetic hosts: device trees of the atlas with other windows, reservations and devices. Host number `index` of a
seed is the same wherever it is made, so that each part of a fleet makes its own, and no disk holds them all."""

import json

MASK = (1 << 64) - 1
MEBIBYTE = 1 << 20
# One host in so many is its tree as it is: fleets have hosts that are the same.
AS_IT_IS = 10


class Random:
    """splitmix64."""

    def __init__(self, seed):
        self.state = seed & MASK

    def next(self):
        self.state = (self.state + 0x9E3779B97F4A7C15) & MASK
        z = self.state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
        return z ^ (z >> 31)

    def below(self, bound):
        return self.next() % bound


class Device:
    """A device of a tree: its text up to the windows, which differ from host to host."""

    def __init__(self, model):
        rest = {name: value for name, value in model.items() if name not in ("pci_windows", "reserved_regions")}
        self.start = json.dumps(rest, separators=(",", ":"))[:-1]
        self.windows = [(int(w["bus"], 0), int(w["size"], 0)) for w in model.get("pci_windows", [])]
        self.regions = [json.dumps(region, separators=(",", ":")) for region in model.get("reserved_regions", [])]

    def text(self, shift, regions):
        """With the windows moved by so many bytes, as far as they can be, and further regions."""
        text = self.start
        if self.windows:
            moved = (
                '{"bus":"0x%x","size":"0x%x"}' % (bus + shift if 0 <= bus + shift and bus + shift + size <= MASK else bus, size)
                for bus, size in self.windows
            )
            text += ',"pci_windows":[%s]' % ",".join(moved)
        regions = self.regions + regions
        if regions:
            text += ',"reserved_regions":[%s]' % ",".join(regions)
        return text + "}"


class Tree:
    def __init__(self, platform):
        self.smmus = json.dumps(platform["smmus"], separators=(",", ":"))
        self.devices = [Device(device) for device in platform["devices"]]

    def line(self, name, devices):
        return '{"name":"%s","platform":{"smmus":%s,"devices":[%s]}}\n' % (name, self.smmus, ",".join(devices))

    def as_it_is(self, name):
        return self.line(name, [device.text(0, []) for device in self.devices])

    def changed(self, name, random):
        shift = (random.below(1024) - 512) * MEBIBYTE
        kept = [device for device in self.devices if random.below(8) != 0] or self.devices[:1]
        chosen = random.below(len(kept))
        start, count = (1 + random.below(4000)) * MEBIBYTE, 1 + random.below(64)
        region = '{"start":"0x%x","size":"0x%x"}' % (start, count * MEBIBYTE)
        return self.line(
            name, [device.text(shift, [region] if place == chosen else []) for place, device in enumerate(kept)])


class Fleet:
    """All hosts of a seed."""

    def __init__(self, trees, seed):
        with open(trees, encoding="utf-8") as lines:
            self.trees = [Tree(json.loads(line)["platform"]) for line in lines]
        self.seed = seed

    def host(self, index):
        random = Random(self.seed * 0x2545F4914F6CDD1D + index * 0xD1342543DE82EF95)
        tree = self.trees[random.below(len(self.trees))]
        name = "host-%08d" % index
        return tree.as_it_is(name) if random.below(AS_IT_IS) == 0 else tree.changed(name, random)

    def write(self, first, count, out):
        for index in range(first, first + count):
            out.write(self.host(index))
