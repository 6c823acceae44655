#!/usr/bin/env python3
"""Invents logs with SMMU faults, and says what is true of each: every format, behind every kind of prefix, alone or
with another SMMU's lines and other drivers' lines between, wrapped as mail, quoted, cut, saved in other encodings.

    generate_logs.py --count 5000 [--seed N] [--first 0] [--show] [--read]

Prints one JSON object a line: "log" (base64), "how", "whole" (nothing was lost), "truth" (items, in the order of
their lines, of a whole log), "truths" (all that the log was made from), "owners" (to which of them each line
belongs) and, if asked, "read" (what the second reader makes of it). The seed goes to standard error. Log number K of
a seed is the same whatever the count is."""

import argparse
import base64
import json
import random as randoms
import sys

import damage
import fault_formats
import fault_reader
import line_prefixes
import wrappings

FOREIGN = (
    "usb 1-1: new high-speed USB device number 4 using xhci_hcd",
    "nvme nvme0: I/O 12 QID 3 timeout, aborting",
    "dh alg: dh: test failed on vector 1, err=-22",
    "pcieport 0000:00:00.0: Adding to iommu group 3",
    "r8169 0000:03:00.0 enp3s0: Link is Down",
    "vfio-pci 0000:7d:02.1: enabling device (0000 -> 0002)",
    "mlx5_core 0000:01:00.0: 0x0000000000000010",
    "gpio stub: 0x0000010000000010",
    "arm_smmu_context_fault: 83 callbacks suppressed",
    "Hardware name: Digi TX40 (DT)",
    " arm_smmu_context_fault+0x110/0x138",
    "fsl_enetc 0000:00:00.0: Removing from iommu group 4",
    "iommu: Default domain type: Translated",
    "event: nothing of interest",
    # Other units that report addresses; none of them is an SMMU of Arm.
    "mc-err: (255) csr_pcie0r: EMEM address decode error",
    "mtk-iommu 10205000.iommu: fault type=0x5 iova=0x8000040 pa=0x0 larb=1 port=2 layer=0 read",
    "rk_iommu fdab9000.iommu: Page fault at 0x00000000fff00000 of type read",
    "sysmmu 14650000.sysmmu: 14650000.sysmmu: [READ] PAGE FAULT occurred at 0x20300000",
    "DMAR: [DMA Read NO_PASID] Request device [00:02.0] fault addr 0x8000040",
)
# What people write between; no prefix of the log stands before it.
REMARKS = ("I will look.", "--More--", "On Mon, Nov 30, 2026 at 10:12 AM Somebody <a@example.org> wrote:", "-- ",
           "the second one is with the patch:", "[...]", "$ dmesg | tail", "root@host:~# journalctl -k")
OWN = ("probing hardware configuration...", "ias 44-bit, oas 44-bit (features 0x00000fef)", "option mask 0x0",
       "allocated 65536 entries for cmdq", "Stack trace:", "EVTQ overflow detected -- events lost")


class Line:
    """A line of the kernel's log before anything is put in front of it; `owner` is the fault that it belongs to."""

    def __init__(self, text, owner, is_first, is_remark=False):
        self.text = text
        self.is_remark = is_remark
        self.owner = owner
        self.is_first = is_first


def kernel_log(random, may_repeat):
    """Lines in order, and truths in order of their first lines."""
    smmus = [fault_formats.any_smmu(random) for _ in range(random.choice((1, 1, 2)))]
    if len(smmus) == 2 and smmus[0].name == smmus[1].name:
        del smmus[1]
    queues, truths = [], []
    for smmu in smmus:
        queue = []
        for _ in range(random.choice((1, 1, 2, 3))):
            lines, truth = fault_formats.record(random, smmu)
            truths.append(truth)
            # Of a page request the second line is the fault, the first one only a heading.
            first = 1 if truth["form"] == "pri" else 0
            # The same again is the same fault, counted.
            for _ in range(random.choice((1,) * 9 + (3,)) if may_repeat else 1):
                queue += [Line(f"{smmu.start} {text}", len(truths) - 1, index == first)
                          for index, text in enumerate(lines)]
        queues.append(queue)
    # Between the lines of one fault come those of the other SMMU, never of this one.
    lines = []
    keep = random.choice((0.0, 0.5, 0.9))
    current = random.choice(queues)
    while any(queues):
        if not current or random.random() > keep:
            current = random.choice([queue for queue in queues if queue])
        lines.append(current.pop(0))
    if random.random() < 0.5:
        for _ in range(random.randrange(1, 6)):
            text = random.choice(FOREIGN)
            if random.random() < 0.2 and smmus[0].name and "xen" not in smmus[0].formats:
                text = f"{smmus[0].start} {random.choice(OWN)}"
            lines.insert(random.randrange(len(lines) + 1), Line(text, None, False))
    if random.random() < 0.1:
        lines.insert(random.randrange(len(lines) + 1), Line(random.choice(REMARKS), None, False, True))
    return lines, truths


def log(seed, number):
    """One log of the seed, as a JSON object."""
    random = randoms.Random(f"{seed}/{number}")
    is_harmed = random.random() < 0.4
    # Of a repeated fault a loss is hard to follow: the rest may be the same fault or another.
    lines, truths = kernel_log(random, may_repeat=not is_harmed)
    harm, lines = damage.of_lines(random, lines) if is_harmed else ("whole", lines)
    style = random.choice(list(line_prefixes.STYLES))
    clock = line_prefixes.Clock(random)
    for line in lines:
        clock.tick()
        line.text = line.text if line.is_remark else line_prefixes.STYLES[style](clock, line.text)
    paste = wrappings.paste(random, lines)
    order = sorted((place, owner) for owner, place in paste.first_lines.items())
    items = []
    for place, owner in order if harm == "whole" else ():
        # Timeouts and errors of one queue differ in nothing that is told.
        told = dict(truths[owner], line=place)
        if told["cause"] != "command_queue" or all(dict(item, line=place) != told for item in items):
            items.append(told)
    return {"number": number, "how": f"{style}; {paste.how}; {harm}", "whole": harm == "whole",
            "log": base64.b64encode(paste.data).decode(), "truth": items, "truths": truths,
            "owners": paste.owners}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=5_000)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--read", action="store_true", help="add what the second reader reads")
    parser.add_argument("--show", action="store_true", help="print the logs as they are")
    chosen = parser.parse_args()
    seed = chosen.seed if chosen.seed is not None else randoms.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}", file=sys.stderr)
    for number in range(chosen.first, chosen.first + chosen.count):
        made = log(seed, number)
        if chosen.show:
            print(f"--- {made['number']}: {made['how']}")
            print(base64.b64decode(made["log"]).decode("utf-8", "replace"))
        else:
            if chosen.read:
                made["read"] = fault_reader.read(base64.b64decode(made["log"]))["items"]
            print(json.dumps(made))


if __name__ == "__main__":
    main()
