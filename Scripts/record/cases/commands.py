"""The command line without a server: answers as text and as JSON, exit status, standard error, help."""

import os

import shelf
from . import vocabulary as v

SUBCOMMANDS = ["serve", "decide", "explain", "place", "survey", "replay", "machines", "collect", "bench", "packaging"]


def run(r, context):
    trees = [(name, shelf.read(path)) for name, path in context.shelf.device_trees()]
    usage(r)
    decide(r, trees)
    place(r, trees)
    survey(r, context, trees)
    replay(r, context)
    collect(r, context)
    machines(r, context)


def usage(r):
    for name in SUBCOMMANDS:
        r.command(name, "--help")
        r.command(name, "--no-such-flag")
    for arguments in ((), ("--help",), ("--version",), ("help",), ("help", "serve"), ("none",), ("packaging", "systemd"),
                      ("packaging", "systemd", "--help"), ("serve", "--listen", "x"), ("serve", "--listen", "127.0.0.1:99999"),
                      ("serve", "--listen", "0.0.0.0:0"), ("serve", "--public", "none"), ("serve", "--log", "xml"),
                      ("serve", "--token-file", "none"), ("serve", "--tls-cert", "none"), ("serve", "--cors-origin", "x y"),
                      ("serve", "--grace-seconds", "-1"), ("serve", "--grace-seconds", "4000")):
        r.command(*arguments)


def decide(r, trees):
    juno = ("decide", "--platform", "example-arm-juno")
    device = juno + ("--device", "/pcie@40000000")
    for more in ((), ("--json",)):
        r.command(*juno, *more)
        r.command(*device, *more)
        r.command("decide", "--platform", "none", "--device", "x", *more)
        for consumer in v.CONSUMERS:
            for kernel in v.KERNELS:
                r.command(*device, "--consumer", consumer, "--kernel", kernel, *more)
            for source in v.SOURCES + ['{"kind":"user","start":"0xa0000000"}', "{", "other"]:
                r.command(*device, "--consumer", consumer, "--window-source", source, *more)
        for flags in (("--forcedac", "--dma-mask", "0xffffffff", "--consumer", "dma_api"), ("--forcedac",),
                      ("--page-size", "0x10000"), ("--page-size", "3"), ("--iommu-regions", "[]"), ("--iommu-regions", "{"), ("--aperture-bits", "39"), ("--aperture-bits", "x"),
                      ("--doorbell", "0x8090040", "--doorbell", "0x2c1c0040"), ("--explain", "full"), ("--explain", "x")):
            r.command(*device, *flags, *more)
        for index, (name, data) in enumerate(trees[::4]):
            r.command("decide", "--device-tree", "board.dtb", *more, files={"board.dtb": data})
            r.command("decide", "--device-tree", "board.dtb", "--device", "/pcie@10000000", *more, files={"board.dtb": data})
        r.command("decide", "--device-tree", "none.dtb", *more)
        r.command("decide", "--device-tree", "empty", *more, files={"empty": b""})
        for body in ({"consumer": "iommufd", "reserved_regions": []}, {"consumer": "x", "y": 1}, {}, [], None):
            r.command("decide", "-", *more, stdin=b"{" if body is None else body)
            r.command("decide", "q.json", *more, files={"q.json": b"{}"})
    r.command("decide", "q.json", "--platform", "x")
    r.command("decide", "none.json")


def place(r, trees):
    for more in ((), ("--json",)):
        r.command("place", "--vmm", "list", *more)
        for vmm in v.VMMS:
            r.command("place", "--vmm", vmm, "--ram", "64G", *more)
        for flags in (("--ram", "4G"), ("--ram", "x"), ("--ram", "4G", "--maxmem", "8G", "--slots", "2"), ("--ram", "4G", "--no-p2p"),
                      ("--ram", "4G", "--not-movable", "--viommu", "nested_smmuv3"), ("--ram", "4G", "--requested", "0xa0000000"),
                      ("--ram", "4G", "--page-size", "0x10000", "--doorbells", "400"), ("--ram", "1T", "--ipa-bits", "36"), ()):
            r.command("place", "--vmm", "openvmm-uefi", *flags, *more)
        for index in range(0, len(trees) - 1, 12):
            r.command("place", "--vmm", "qemu-virt", "--ram", "64G", "--device-tree", "a.dtb", "--device-tree", "b.dtb", *more,
                      files={"a.dtb": trees[index][1], "b.dtb": trees[index + 1][1]})
        r.command("place", "--vmm", "crosvm", "--ram", "1G", "--device-tree", "a.dtb", *more, files={"a.dtb": b"no tree"})
        r.command("place", "-", *more, stdin={"hosts": [], "vm": {}})
        r.command("place", *more)


def survey(r, context, trees):
    files = {f"trees/{name}.dtb": data for name, data in trees[::3]}
    files.update({f"other/{name}.aml": shelf.read(path) for name, path in context.shelf.tables()[:6]})
    files.update({f"other/{name}.txt": shelf.read(path) for name, path in context.shelf.logs()[:40:4]})
    files["other/native.json"] = b'{"devices":[{"id":"d","kind":"pci_function"}]}'
    files["other/broken.dtb"] = b"\xd0\x0d\xfe\xed"
    files["machine/IORT"] = b"IORT"
    for format in ("text", "json", "ndjson", "markdown", "html", "xml"):
        r.command("survey", "--format", format, "trees", "other", "machine", files=files)
        r.command("survey", "--format", format, "--all", "--aperture-bits", "39", "--constant", "0xe000000", "--source", "rec 1",
                  "other", files=files)
    for arguments in (("none",), ("empty",), (), ("trees", "--constant", "x"), ("trees", "--aperture-bits", "70"),
                      ("other/native.json", "none.dtb")):
        r.command("survey", *arguments, files={**files, "empty/x": b""} if arguments != ("none",) else {})


def replay(r, context):
    vectors = {f"{name}.json": shelf.read(path) for name, path in context.shelf.vectors()}
    small = {name: data for name, data in vectors.items() if len(data) < 20_000}
    names = sorted(small)
    if names:
        r.command("replay", "--check", *sorted(vectors), files=vectors)
        for kernel in v.KERNELS:
            r.command("replay", "--check", "--kernel", kernel, "--cpus", "4", *names, files=small)
        for name in names[::4]:
            r.command("replay", name, files={name: small[name]})
        # A vector that expects something else: how a difference is reported.
        for name in names[::8]:
            wrong = small[name].replace(b'"expect":"0x', b'"expect":"0x1').replace(b'"digest":"0x', b'"digest":"0x1')
            r.command("replay", "--check", name, files={name: wrong})
    for data in (b"", b"{}", b'{"ops":[]}', b'{"ops":[{"op":"x"},{"op":"alloc"}],"y":1}', b'{"kind":"digest"}',
                 b'{"ops":[{"op":"free","id":"a"}]}'):
        r.command("replay", "f.json", files={"f.json": data})
        r.command("replay", "--check", "f.json", "none.json", files={"f.json": data})
    r.command("replay")
    r.command("replay", "--kernel", "9", "x")
    r.command("replay", "--cpus", "0", "x")


def collect(r, context):
    """A copied tree of /sys and /proc, made from what a boot reported."""
    for name, folder, truth in list(context.shelf.captures())[::12]:
        files, links = {}, {}
        for number, group in (truth.get("groups") or {}).items():
            base = f"host/sys/kernel/iommu_groups/{number}"
            files[f"{base}/type"] = (str(group.get("type")) + "\n").encode()
            files[f"{base}/reserved_regions"] = "".join(
                line + "\n" for line in group.get("reserved_regions") or []).encode()
            for device in group.get("devices", []):
                links[f"{base}/devices/{device}"] = f"../../../../devices/pci0000:00/{device}"
        for source, path in (("platform.dtb", "sys/firmware/fdt"), ("IORT.aml", "sys/firmware/acpi/tables/IORT"),
                             ("APIC.aml", "sys/firmware/acpi/tables/APIC"),
                             ("DSDT.aml", "sys/firmware/acpi/tables/DSDT"), ("iomem.txt", "proc/iomem")):
            if os.path.exists(os.path.join(folder, source)):
                files[f"host/{path}"] = shelf.read(os.path.join(folder, source))
        files["host/proc/sys/kernel/osrelease"] = b"7.2.13\n"
        files["host/var/log/dmesg"] = (
            b"[    0.000000] Linux version 7.2.13\n[    0.1] Kernel command line: quiet\n"
            b"[    1.000000] pci 0000:00:01.0: Adding to iommu group 0\n")
        files["host/proc/cmdline"] = b"root=/dev/vda1 iommu.passthrough=1 \"iommu.strict=0\" -- iommu.forcedac=1\n"
        files["host/sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts"] = b"N\n"
        files["host/boot/config-7.2.13"] = b"CONFIG_NET=y\nCONFIG_IOMMU_DEFAULT_DMA_STRICT=y\nCONFIG_ARM64_4K_PAGES=y\n"
        r.command("collect", "--root", "host", files=files, links=links)
        for consumer in v.CONSUMERS:
            r.command("decide", "--root", "host", "--consumer", consumer, files=files, links=links)
        r.command("decide", "--machine", "host", "--json", files=files, links=links)
        r.command("decide", "--root", "host", "--device", "00:01.0", files=files, links=links)
    r.command("collect", "--root", "none")
    r.command("collect", "--script")


def machines(r, context):
    """One machine in several files, in a folder, on standard input."""
    r.command("machines")
    r.command("machines", "--json")
    for name, folder, _ in list(context.shelf.captures())[::8]:
        names = [file for file in ("IORT.aml", "APIC.aml", "DSDT.aml", "iomem.txt")
                 if os.path.exists(os.path.join(folder, file))]
        if not names:
            continue
        files = {f"t/{file}": shelf.read(os.path.join(folder, file)) for file in names}
        for more in (("--device", "00:01.0"), ()):
            r.command("decide", *more, "--machine", *sorted(files), files=files)
            r.command("decide", *more, "--machine", "t", files=files)
            r.command("decide", *more, "--machine", "-", stdin=files["t/" + names[0]])
        r.command("place", "--vmm", "qemu-virt", "--ram", "4G", "--machine", *sorted(files), files=files)
        r.command("place", "--vmm", "qemu-virt", "--ram", "4G", "--host", "t", "--platform", "example-arm-juno", files=files)
        r.command("survey", "--format", "ndjson", "--machine", *sorted(files), files=files)
    for arguments in (("--machine", "none"), ("--machine", "a", "--platform", "x"), ("--machine", "-", "-"), ("--root", "none"),
                      ("--machine", "a", "--assume", "x")):
        r.command("decide", *arguments, "--device", "d", files={"a": b"no machine"})
