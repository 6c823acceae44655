#!/usr/bin/env python3
"""Every device of the atlas in few bytes, for the dashboard's search: from the NDJSON of `iovad survey`.

    iovad survey --format ndjson TREES | Scripts/atlas-devices.py SOURCE TREES > Public/atlas-devices.json

The bases that the policies give a device repeat, so each set of them is written once; devices name theirs by number.
Who conflicts, and why, is in the atlas itself. Trees without a device behind an SMMU are named too.
"""
import json
import pathlib
import sys


def main() -> None:
    policies, bases, platforms = [], {}, {}
    for line in sys.stdin:
        row = json.loads(line)
        if row["kind"] != "device":
            continue
        policies = policies or list(row["policies"])
        cells = tuple(row["policies"][name].get("base") for name in policies)
        number = bases.setdefault(cells, len(bases))
        platforms.setdefault(row["platform"], []).append([row["device"], number])
    out = sys.stdout
    out.write('{"source":%s,\n"policies":%s,\n"bases":[\n' % (json.dumps(sys.argv[1]), json.dumps(policies)))
    out.write(",\n".join(json.dumps(cells, separators=(",", ":")) for cells in bases))
    out.write('\n],"platforms":{\n')
    rows = (
        json.dumps(name) + ":" + json.dumps(devices, separators=(",", ":")) for name, devices in platforms.items()
    )
    trees = pathlib.Path(sys.argv[2])
    names = (str(path.relative_to(trees).with_suffix("")) for path in trees.rglob("*.dtb"))
    out.write(",\n".join(rows) + '\n},"without_devices":[\n')
    out.write(",\n".join(json.dumps(name) for name in sorted(names) if name not in platforms) + "\n]}\n")


main()
