// `iovad decide` on hosts: a captured tree, a collection of one whose groups are of type identity, captured
// boots of the shelf; and machines named by files, folders and standard input. The transcripts are golden.

import Foundation
import TestSupport
import Testing

@Suite struct HostTests {
    /// Runs in the tree's folder, so that no transcript holds its path.
    private func run(
        _ arguments: [String], in tree: FileTree, input: String = "", command: String = "decide"
    ) throws -> DecideTests.Run {
        try DecideTests.run(arguments, input: input, command: command, folder: tree.folder)
    }

    /// A command line as in a shell, and what it printed.
    private func transcript(_ command: String, _ run: DecideTests.Run) -> String {
        "$ \(command)\n\(run.output)\(run.errors)status \(run.status)\n"
    }

    @Test func capturedHost() throws {
        let tree = try FileTree()
        try tree.addHost("host")
        var text = ""
        for arguments in [["--root", "host"], ["--root", "host", "--device", "00:01.0"]] {
            text += transcript(
                "iovad decide " + arguments.joined(separator: " "), try run(arguments, in: tree))
        }
        if let message = Golden.difference(of: text, from: "decide-host.txt") {
            Issue.record(Comment(rawValue: message))
        }
        // A folder is recognised for what it is.
        #expect(
            try run(["--machine", "host"], in: tree).output == run(["--root", "host"], in: tree).output)
        let lines = try run(["--root", "host", "--json"], in: tree).output.split(separator: "\n")
        let objects = try lines.map {
            try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any]
        }
        #expect(
            objects.map { $0?["device"] as? String } == [
                "0000:00:01.0", "0001:00:01.0", "0001:00:01.1", "60000000.dma",
            ])
        let decisions = objects.map { $0?["decision"] as? [String: Any] }
        #expect(decisions.map { $0?["reachable"] as? Bool } == [false, true, true, true])
    }

    /// Kernel drivers of such a host write MSIs to the physical doorbell; VFIO's get the window as ever.
    @Test func collectedIdentityHost() throws {
        let tree = try FileTree()
        try tree.addHost("host", type: "identity")
        let collected = try run(["--root", "host"], in: tree, command: "collect").output
        var text = ""
        for consumer in ["dma_api", "vfio_type1"] {
            text += transcript(
                "iovad collect --root host | iovad decide --machine - --consumer \(consumer)",
                try run(["--machine", "-", "--consumer", consumer], in: tree, input: collected))
        }
        if let message = Golden.difference(of: text, from: "decide-identity.txt") {
            Issue.record(Comment(rawValue: message))
        }
        #expect(text.contains("all devices  0x8090040  0x8090040"))
    }

    /// Kernel drivers have no DMA in such groups; what user space gets is as ever.
    @Test func blockedHost() throws {
        let tree = try FileTree()
        try tree.addHost("host", type: "blocked")
        let kernel = try run(["--root", "host", "--consumer", "dma_api"], in: tree).output
        #expect(kernel.contains("; kernel drivers have no DMA with 4 devices.\n"), "\(kernel)")
        #expect(kernel.contains("group_type blocked") && !kernel.contains("user space"), "\(kernel)")
        let user = try run(["--root", "host"], in: tree).output
        #expect(user.contains("all devices  0x8090040  0x8000040"), "\(user)")
    }

    @Test func hostsWithoutAnIOMMU() throws {
        let tree = try FileTree()
        try tree.add("bare/proc/sys/kernel/osrelease", "6.12.9\n")
        try tree.add("bare/sys/kernel/mm/hugepages", "")
        let bare = try run(["--root", "bare"], in: tree)
        #expect(bare.status == 1 && bare.output.isEmpty)
        #expect(
            bare.errors.contains("bare has no IOMMU group") && bare.errors.contains("iovad machines"),
            "\(bare.errors)")
        #expect(try run(["--root", "bare", "--device", "00:01.0"], in: tree).errors == bare.errors)
        #expect(
            try run(["--root", "none"], in: tree).errors.contains("--root none: No such file or directory"))
        // A tree without groups still has devices to ask about.
        try tree.add("tree/sys/firmware/fdt", DeviceTreeBuilder.board { $0.pciHost("pcie@40000000") })
        let described = try run(["--root", "tree"], in: tree)
        #expect(described.output.contains("\n1 device; MSIs of all of them arrive.\n"), "\(described)")
        #expect(described.errors.contains("no /sys/kernel/iommu_groups"))
    }

    /// Regions that an IOMMU of another kind reports: refused groups and hardware MSI regions.
    @Test func hostOfAnotherKind() throws {
        let tree = try FileTree()
        let message = "0x00000000fee00000 0x00000000feefffff msi\n"
        for (number, regions) in [message, "0x0000000000000000 0x0000000000ffffff direct\n" + message]
            .enumerated()
        {
            try tree.addGroup(
                "host", number, type: "DMA", regions: regions, devices: [("0000:00:0\(number).0", nil)])
        }
        let survey = try run(["host"], in: tree, command: "survey").output
        #expect(survey.contains("x86_host") && survey.contains("MSI region of x86"), "\(survey)")
        let output = try run(["--machine", "host", "--kernel", "6.12"], in: tree).output
        #expect(output.contains("Linux refuses 1 device to user space.\n"), "\(output)")
        #expect(output.contains("0000:00:00.0  hardware        yes"), "\(output)")
        #expect(output.contains("0000:00:01.0  refused EINVAL  no"), "\(output)")
    }

    /// Tables and texts of one machine in several files, by any command.
    @Test func severalFilesOfOneMachine() throws {
        let tree = try FileTree()
        var table = IORTBuilder()
        let its = table.itsGroup([0])
        let smmu = table.smmuV3(base: 0x1000, [.init(0, 0xffff, 0, to: its)])
        table.rootComplex(segment: 0, limit: 64, [.init(0, 0xffff, 0, to: smmu)])
        try tree.add("t/IORT", table.table())
        try tree.add("t/APIC", ACPITableBuilder.madt(its: [(0, 0x808_0000)]))
        try tree.add("t/iomem.txt", "08000000-0fffffff : PCI Bus 0000:00\n")
        try tree.add("t/notes.json", "{}")
        let files = ["t/IORT", "t/APIC", "t/iomem.txt"]
        let asked = ["--device", "00:01.0", "--explain", "none"]
        let named = try run(["--machine"] + files + asked, in: tree)
        #expect(named.output.contains("doorbell   0x8090040 -> 0x8000040"), "\(named.output)\(named.errors)")
        #expect(named.output.contains("reachable  conditional"), "\(named.output)")
        // The folder, and the IORT alone with what lies beside it, are the same machine.
        #expect(try run(["--machine", "t"] + asked, in: tree).output == named.output)
        #expect(try run(["--machine", "t/IORT"] + asked, in: tree).output == named.output)
        // Without the other files the doorbell is not known.
        #expect(try !run(["--machine", "t/IORT", "t/IORT"] + asked, in: tree).output.contains("doorbell"))
        let place = ["--vmm", "qemu-virt", "--ram", "4G"]
        let placed = try run(["--machine"] + files + place, in: tree, command: "place")
        #expect(placed.output.contains("t/IORT, t/APIC, t/iomem.txt: "), "\(placed.output)\(placed.errors)")
        try tree.add("qemu.log", "vfio_dma_map(0x1, 0x8000000, 0x1000, 0x7000) = -22 (Invalid argument)\n")
        for arguments in [["qemu.log", "--machine"] + files, ["--machine"] + files + ["--", "qemu.log"]] {
            let explained = try run(["--device", "00:01.0"] + arguments, in: tree, command: "explain")
            #expect(explained.output.contains("software_window (certain)"), "\(explained)")
        }
        let survey = try run(["--format", "ndjson", "--machine"] + files, in: tree, command: "survey")
        #expect(survey.output.contains(#""platform":"IORT","device":"rc:0""#), "\(survey.output)")
    }

    /// The kernel's command line as a file: named, beside an IORT, and in a host's tree.
    @Test func commandLines() throws {
        let tree = try FileTree()
        var table = IORTBuilder()
        let smmu = table.smmuV3(base: 0x1000)
        table.rootComplex(segment: 0, [.init(0, 0xffff, 0, to: smmu)])
        try tree.add("t/IORT", table.table())
        try tree.add("t/cmdline", "root=/dev/vda iommu.passthrough=1\n")
        try tree.addHost("host")
        try tree.add("host/proc/cmdline", "root=/dev/vda iommu.forcedac=1\n")
        let asked = ["--consumer", "dma_api", "--doorbell", "0x8090040", "--explain", "none", "--device"]
        for path in [["t"], ["t/IORT"], ["t/IORT", "t/cmdline"]] {
            let run = try run(["--machine"] + path + asked + ["00:01.0"], in: tree)
            #expect(run.output.contains("0x8090040 -> 0x8090040"), "\(path): \(run)")
        }
        // A device tree alone in its folder has that of the folder, and it is no machine.
        try tree.add("d/board.dtb", DeviceTreeBuilder.board { $0.pciHost("pcie@40000000") })
        try tree.add("d/cmdline.txt", "ro iommu.passthrough=1\n")
        let bridge = asked + ["/pcie@40000000"]
        #expect(
            try run(["--machine", "d"] + bridge, in: tree).output.contains("0x8090040 -> 0x8090040"))
        #expect(try run(["--machine", "d/board.dtb"] + bridge, in: tree).output.contains("-> 0xfffff040"))
        try tree.add("d/other.dtb", DeviceTreeBuilder.board { _ in })
        let several = try run(["--machine", "d"] + bridge, in: tree)
        #expect(several.errors.contains("several machines (board, other)"), "\(several)")
        let collected = try run(["--root", "host"] + asked + ["0001:00:01.0"], in: tree)
        #expect(collected.output.contains("0x8090040 -> 0xfffffffff040"), "\(collected)")
    }

    /// A VIOT beside an IORT is read with it, one alone is a folder's machine; the source of a table is not
    /// read.
    @Test func foldersWithAVIOT() throws {
        let tree = try FileTree()
        var viot = VIOTBuilder()
        let unit = viot.pciUnit(segment: 0, requester: 0xf0)
        viot.pciRange(endpoint: 0, segments: (0, 0), requesters: (0, 0xff), to: unit)
        var iort = IORTBuilder()
        let its = iort.itsGroup([0])
        iort.rootComplex(segment: 0, [.init(0, 0xffff, 0, to: its)])
        for folder in ["both", "alone", "source"] { try tree.add("\(folder)/viot.dat", viot.table()) }
        // An MCFG that contradicts nothing says nothing.
        try tree.add("source/mcfg.dat", ACPITableBuilder.mcfg([(0, 0, 0xff)]))
        for folder in ["both", "source"] {
            try tree.add("\(folder)/iort.dat", iort.table())
            try tree.add("\(folder)/apic.dat", ACPITableBuilder.madt(its: [(0, 0x808_0000)]))
        }
        for name in ["iort", "viot", "apic", "dsdt", "ssdt1"] {
            try tree.add("source/\(name).dsl", "DefinitionBlock")
            for suffix in ["lst", "hex", "asl", "src", "nsp", "h"] {
                try tree.add("source/\(name).\(suffix)", "Intel ACPI Component Architecture")
            }
        }
        let asked = ["--device", "00:01.0", "--explain", "none"]
        let files = ["both/iort.dat", "both/viot.dat", "both/apic.dat"]
        let named = try run(["--machine"] + files + asked, in: tree)
        #expect(named.status == 0 && named.output.contains("iommu_decides_window"), "\(named)")
        for path in ["both", "both/iort.dat", "both/viot.dat", "source", "source/iort.dat"] {
            let run = try run(["--machine", path] + asked, in: tree)
            #expect(run.output == named.output, "\(path): \(run)")
        }
        let alone = try run(["--machine", "alone"] + asked, in: tree)
        #expect(alone.status == 0 && alone.output.contains("iommu_decides_window"), "\(alone)")
    }

    @Test func whatIsNoMachineIsNamed() throws {
        let tree = try FileTree()
        try tree.add("a.dtb", "no tree")
        try tree.add("log.txt", "vfio_dma_map(0x5585, 0x7ff0000, 0x20000, 0x7f00) = -22 (Invalid argument)\n")
        try tree.add("trace.txt", "# tracer: nop\n")
        try tree.add("two/a.txt", "x")
        try tree.add("two/b.txt", "x")
        try tree.add("none/readme", "x")
        for (files, sentence) in [
            (["a.dtb"], "a.dtb: The bytes of \"a.dtb\" are of no known kind"),
            (["log.txt"], "does not describe a machine; give it to iovad explain"),
            (
                ["trace.txt"],
                "\"trace.txt\" contains ftrace text, which does not describe a machine; give it to iovad explain"
            ),
            (["two"], "two describes several machines (a, b): name the file of one"),
            (["none"], "none: no file there has one of these names: *.dtb,"),
            (["missing.dtb"], "--machine missing.dtb: No such file or directory"),
            (["a.dtb", "two"], "two is a folder: give a folder alone, or the files in it"),
            (["-", "-"], "standard input is asked for twice"),
        ] {
            let run = try run(["--machine"] + files + ["--device", "d"], in: tree)
            #expect(run.status != 0 && run.output.isEmpty && run.errors.contains(sentence), "\(run.errors)")
        }
    }

    /// What a description is told to be, as with POST /v1/platforms, and what is wrong with it.
    @Test func readingOptions() throws {
        let tree = try FileTree()
        try tree.add(
            "regions.txt", "/sys/kernel/iommu_groups/4/reserved_regions:0x08000000 0x080fffff msi\n")
        let asked = ["--machine", "regions.txt", "--device", "group:4", "--explain", "none"]
        let plain = try run(asked, in: tree)
        #expect(plain.output.hasPrefix("outcome    window\n"), "\(plain.output)")
        #expect(
            plain.errors.hasPrefix("regions.txt: warning msi-ambiguous, group:4: ")
                && plain.errors.split(separator: "\n").count == 1, "\(plain.errors)")
        let hardware = try run(asked + ["--assume", "hardware"], in: tree)
        #expect(hardware.output.hasPrefix("outcome    hardware\n") && hardware.errors.isEmpty)
        let wrong = try run(asked + ["--assume", "perhaps"], in: tree)
        #expect(wrong.status == 64 && wrong.errors.contains("--assume perhaps: "), "\(wrong.errors)")
        #expect(try run(asked + ["--no-preserve-config"], in: tree).errors.contains("supplement-unused"))
    }

    /// Captured boots as hosts' trees: the addresses that VFIO and, with identity domains, kernel drivers
    /// programmed are those that `iovad decide --root` says, under the kernel that the host says.
    @Test(.enabled(if: SharedShelf.isPresent)) func capturedBoots() throws {
        let shelf = "data/linux-captures-2"
        var checked = 0
        for name in SharedShelf.names(in: shelf) {
            guard let truth = try Self.truth("\(shelf)/\(name)"), let release = truth.release else {
                continue
            }
            let tree = try FileTree()
            try truth.write(to: tree, "host", folder: "\(shelf)/\(name)")
            func said(_ consumer: String) throws -> [String: Set<String>] {
                let run = try run(["--root", "host", "--json", "--consumer", consumer], in: tree)
                #expect(run.status == 0 || run.status == 3, "\(name): \(run.errors)")
                var found: [String: Set<String>] = [:]
                for line in run.output.split(separator: "\n") {
                    let object = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
                    let decision = object?["decision"] as? [String: Any]
                    let model = decision?["model"] as? [String: Any]
                    #expect(model?["kernel"] as? String == truth.modelled, "\(name): \(release)")
                    let doorbells = decision?["doorbells"] as? [[String: Any]] ?? []
                    found[object?["device"] as? String ?? ""] = Set(
                        doorbells.compactMap { $0["iova"] as? String })
                }
                return found
            }
            let vfio = try said("vfio_type1")
            // Some boots moved a function after their groups had been recorded.
            let grouped = Set(truth.groups.flatMap(\.devices))
            for (device, address) in truth.vfioAddresses where grouped.contains(device) {
                #expect(vfio[device] == [address], "\(name) \(device)")
                checked += 1
            }
            guard truth.isIdentity else { continue }
            let dma = try said("dma_api")
            for (device, addresses) in truth.driverAddresses {
                #expect(dma[device] == addresses, "\(name) \(device)")
                checked += 1
            }
        }
        print("captured hosts: \(checked) addresses checked")
        #expect(checked > 20)
    }
}

/// What these tests read of a capture's truth.json.
private struct CapturedHost {
    var groups: [(number: Int, type: String, devices: [String], regions: [String])]
    var release: String?
    var modelled: String
    var vfioAddresses: [(String, String)]
    var driverAddresses: [(String, Set<String>)]
    var isIdentity: Bool { groups.contains { $0.type == "identity" } }

    func write(to tree: FileTree, _ root: String, folder: String) throws {
        for (file, place) in [
            ("platform.dtb", "sys/firmware/fdt"), ("IORT.aml", "sys/firmware/acpi/tables/IORT"),
            ("APIC.aml", "sys/firmware/acpi/tables/APIC"), ("DSDT.aml", "sys/firmware/acpi/tables/DSDT"),
            ("iomem.txt", "proc/iomem"),
        ] where SharedShelf.names(in: folder).contains(file) {
            try tree.add("\(root)/\(place)", SharedShelf.bytes("\(folder)/\(file)"))
        }
        try tree.add("\(root)/proc/sys/kernel/osrelease", "\(release ?? "")\n")
        for group in groups {
            try tree.addGroup(
                root, group.number, type: group.type,
                regions: group.regions.map { "\($0)\n" }.joined(), devices: group.devices.map { ($0, nil) })
        }
    }
}

extension HostTests {
    private static func truth(_ folder: String) throws -> CapturedHost? {
        guard
            SharedShelf.names(in: "data/linux-captures-2").contains(
                folder.split(separator: "/").last.map(String.init) ?? ""),
            let bytes = Optional(SharedShelf.root!.appendingPathComponent("\(folder)/truth.json")),
            let data = try? Data(contentsOf: bytes),
            let truth = try JSONSerialization.jsonObject(with: data) as? [String: Any]
        else { return nil }
        let groups = (truth["groups"] as? [String: [String: Any]] ?? [:]).compactMap { number, group in
            Int(number).map {
                (
                    number: $0, type: group["type"] as? String ?? "",
                    devices: group["devices"] as? [String] ?? [],
                    regions: group["reserved_regions"] as? [String] ?? []
                )
            }
        }.sorted { $0.number < $1.number }
        let kernel = (truth["kernel"] as? String)?.split(separator: " ")
        let devices = truth["devices"] as? [String: [String: Any]] ?? [:]
        let knobs = truth["knobs"] as? [String: Any] ?? [:]
        return CapturedHost(
            groups: groups, release: kernel.flatMap { $0.count > 2 ? String($0[2]) : nil },
            modelled: knobs["kernel"] as? String ?? "",
            vfioAddresses: (truth["vfio"] as? [[String: Any]] ?? []).flatMap(addresses),
            driverAddresses: devices.compactMap { name, device in
                let addresses = device["msi_addrs"] as? [String] ?? []
                return addresses.isEmpty ? nil : (name, Set(addresses))
            })
    }

    /// Of a container, each function with the address in its MSI capability.
    private static func addresses(_ entry: [String: Any]) -> [(String, String)] {
        guard entry["ioas_ranges_empty"] == nil else { return [] }
        return (entry["msi_cfg"] as? [String: [String: Any]] ?? [:]).compactMap { name, config in
            ((config["msi"] as? [String: Any])?["addr"] as? String).map { (name, $0) }
        }
    }
}
