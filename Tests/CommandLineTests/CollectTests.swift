// `iovad collect` on made-up trees and on this machine: the script's output equals the binary's, byte for
// byte.

import Foundation
import Glibc
import TestSupport
import Testing

@Suite struct CollectTests {
    /// Runs a program; output and errors.
    private func run(_ program: URL, _ arguments: [String]) throws -> (
        status: Int32, output: [UInt8], errors: String
    ) {
        let process = Process()
        process.executableURL = program
        process.arguments = arguments
        let (stdout, stderr) = (Pipe(), Pipe())
        process.standardOutput = stdout
        process.standardError = stderr
        try process.run()
        let output = stdout.fileHandleForReading.readDataToEndOfFile()
        let errors = stderr.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return (process.terminationStatus, Array(output), String(decoding: errors, as: UTF8.self))
    }

    /// The shells of this machine: dash, and others where they are.
    private static let shells: [(URL, [String])] = [
        ("/bin/sh", []), ("/bin/bash", ["--posix"]), ("/bin/busybox", ["sh"]), ("/usr/bin/busybox", ["sh"]),
    ].filter { FileManager.default.isExecutableFile(atPath: $0.0) }
        .map { (URL(fileURLWithPath: $0.0), $0.1) }

    /// Binary and script, on a tree or on this machine; they must agree.
    private func collect(_ root: String?) throws -> (json: [String: Any], errors: String) {
        let script = try FileTree()
        let printed = try run(DecideTests.executable, ["collect", "--script"])
        #expect(printed.status == 0)
        try script.add("collect.sh", printed.output)
        let path = script.folder.appendingPathComponent("collect.sh").path
        let binary = try run(DecideTests.executable, ["collect"] + (root.map { ["--root", $0] } ?? []))
        #expect(binary.status == 0)
        for (program, options) in Self.shells {
            let shell = try run(program, options + [path] + (root.map { [$0] } ?? []))
            #expect(shell.status == 0, "\(program.path)")
            #expect(
                binary.output == shell.output,
                "\(program.path): \(String(decoding: shell.output.suffix(400), as: UTF8.self))")
            #expect(binary.errors == shell.errors, "\(program.path)")
        }
        let json = try JSONSerialization.jsonObject(with: Data(binary.output)) as? [String: Any]
        return (json?["collected"] as? [String: Any] ?? [:], binary.errors)
    }

    @Test func thisMachine() throws {
        // Whatever it is, collecting it does not fail.
        let (json, _) = try collect(nil)
        #expect(json["format"] as? Int == 1 && json["groups"] is [Any])
    }

    @Test func treeWithGroups() throws {
        let tree = try FileTree()
        let groups = "sys/kernel/iommu_groups"
        let window = Array("0x0000000008000000 0x00000000080fffff msi\n".utf8)
        for number in ["0", "2", "10", "9"] {
            try tree.add("\(groups)/\(number)/reserved_regions", window)
            try tree.add("\(groups)/\(number)/devices/0000:0\(number.suffix(1)):00.0/vendor", [])
        }
        let place = "../../../../devices/platform/4000.pcie/pci0000:00/0000:00:1f.0"
        try tree.link("\(groups)/2/devices/0000:00:1f.0", to: place)
        try tree.add("\(groups)/2/type", Array("DMA\n".utf8))
        try tree.add("\(groups)/10/type", Array("identity".utf8))
        try tree.add("\(groups)/notes/type", Array("DMA".utf8))
        // A folder where a file should be cannot be read.
        try tree.add("\(groups)/9/type/inner", [])
        try tree.add("sys/firmware/acpi/tables/IORT", [0x49, 0, 0xff, 0x0a])
        try tree.add("sys/firmware/acpi/tables/APIC", [])
        try tree.add("proc/iomem", Array("1-2 : \"q\\uote\"\t\u{7f}\u{e9}x\r\n\n  3-4 : no end".utf8))
        try tree.add("proc/sys/kernel/osrelease", Array("7.2.13-arm64\nmore\n".utf8))
        try tree.add(
            "proc/self/smaps",
            Array("00-01 r-xp\nSize:  4 kB\nKernelPageSize:       64 kB\nKernelPageSize: 4 kB\n".utf8))
        let (json, errors) = try collect(tree.folder.path)
        let listed = json["groups"] as? [[String: Any]] ?? []
        #expect(listed.map { $0["id"] as? String } == ["0", "2", "9", "10"])
        #expect(listed[1]["devices"] as? [String] == ["0000:00:1f.0", "0000:02:00.0"])
        #expect((listed[1]["paths"] as? [Any?])?.first as? String == place)
        #expect((listed[1]["paths"] as? [Any?])?.last as? NSNull != nil)
        #expect(listed[1]["type"] as? String == "DMA" && listed[3]["type"] as? String == "identity")
        #expect(listed[0]["reserved_regions"] as? String == String(decoding: window, as: UTF8.self))
        #expect((json["acpi"] as? [String: Any])?["IORT"] as? String == "4900ff0a")
        #expect((json["acpi"] as? [String: Any])?["APIC"] as? String == "")
        #expect(json["iomem"] as? String == "1-2 : \"q\\uote\" x\n\n  3-4 : no end\n")
        #expect(json["kernel_release"] as? String == "7.2.13-arm64" && json["page_size"] as? Int == 65_536)
        #expect(json["notes"] as? [String] == ["cannot read /sys/kernel/iommu_groups/9/type: run as root"])
        #expect(errors == "iovad collect: cannot read /sys/kernel/iommu_groups/9/type: run as root\n")
    }

    /// DSDT and SSDTs in the order of their numbers, and no more bytes than there is room for.
    @Test func tablesOfAML() throws {
        let tree = try FileTree()
        let tables = "sys/firmware/acpi/tables"
        try tree.add("\(tables)/IORT", [1])
        try tree.add("\(tables)/DSDT", [2])
        for name in ["SSDT10", "SSDT9", "SSDT1", "SSDT", "SSDT0", "SSDT01", "SSDT1000", "SSDTx", "ssdt2"] {
            try tree.add("\(tables)/\(name)", Array(name.utf8.suffix(2)))
        }
        try tree.add("\(tables)/SSDT7", [UInt8](repeating: 0, count: 2 << 20))
        try tree.add("\(tables)/dynamic/SSDT99", [9])
        let (json, errors) = try collect(tree.folder.path)
        let acpi = json["acpi"] as? [String: Any]
        #expect(acpi?["DSDT"] as? String == "02")
        #expect(acpi?["SSDT"] as? [String] == ["DT", "T1", "T9", "10"].map { Array($0.utf8).hexDigits })
        #expect(errors.contains("SSDT7 is left out: more than 2097152 bytes of AML"))
        let many = try FileTree()
        try many.add("\(tables)/IORT", [1])
        for number in 1...50 { try many.add("\(tables)/SSDT\(number)", [UInt8(number)]) }
        let cut = try collect(many.folder.path)
        #expect(((cut.json["acpi"] as? [String: Any])?["SSDT"] as? [String])?.count == 48)
        #expect((cut.json["acpi"] as? [String: Any])?["DSDT"] is NSNull)
        #expect(cut.errors.contains("more than 48 SSDTs"))
        // A guest with a virtio-iommu has a VIOT alone.
        let guest = try FileTree()
        try guest.add("\(tables)/VIOT", [3])
        try guest.add("\(tables)/DSDT", [2])
        try guest.add("\(tables)/MCFG", [4])
        let tablesOfGuest = try collect(guest.folder.path).json["acpi"] as? [String: Any]
        #expect(tablesOfGuest?["VIOT"] as? String == "03" && tablesOfGuest?["DSDT"] as? String == "02")
        #expect(tablesOfGuest?["MCFG"] as? String == "04")
        // Without either nothing joins them.
        let bare = try FileTree()
        try bare.add("\(tables)/DSDT", [2])
        #expect((try collect(bare.folder.path).json["acpi"] as? [String: Any])?["DSDT"] is NSNull)
    }

    /// Of a kernel's log only what is read of it, without stamps; the command line stays at home.
    @Test func linesOfTheKernelsLog() throws {
        let tree = try FileTree()
        let log = """
            [    0.000000] Linux version 6.12.9-arm64 (build@host)
            [    0.000000] Kernel command line: root=/dev/sda1 secret=1
            <6>[    0.000000] GICv2m: range[mem 0x08020000-0x08020fff], SPI[80:143]
            [    0.000000] ITS [mem 0x08080000-0x0809ffff]
            [    0.100000] audit: type=2000 audit(0.1:1): "x"
            [    1.412001] pci_bus 0002:00: root bus resource [mem 0x08000000-0x0fffffff] (bus address [0x0])
            [    1.204411] arm-smmu-v3 arm-smmu-v3.0.auto: ias 44-bit, oas 44-bit (features 0x00000f0d)
            [    1.5] arm-smmu 2b500000.iommu: \tStage-1: 48-bit VA -> 48-bit IPA
            [    1.6] pci 0000:01:00.0: alias 01:00.1, bias x
            [    2.100001] pci 0000:01:00.0: Adding to iommu group 3
            [    9.000000] arm-smmu-v3 x: event 0x10 received:
            no end ITS@0x8080000
            """
        try tree.add("var/log/dmesg", Array(log.utf8))
        let (json, _) = try collect(tree.folder.path)
        let lines = (json["dmesg"] as? String ?? "").split(separator: "\n", omittingEmptySubsequences: false)
        #expect(
            lines == [
                "Linux version 6.12.9-arm64 (build@host)",
                "GICv2m: range[mem 0x08020000-0x08020fff], SPI[80:143]", "ITS [mem 0x08080000-0x0809ffff]",
                "pci_bus 0002:00: root bus resource [mem 0x08000000-0x0fffffff] (bus address [0x0])",
                "arm-smmu-v3 arm-smmu-v3.0.auto: ias 44-bit, oas 44-bit (features 0x00000f0d)",
                "arm-smmu 2b500000.iommu:  Stage-1: 48-bit VA -> 48-bit IPA",
                "pci 0000:01:00.0: Adding to iommu group 3", "no end ITS@0x8080000", "",
            ])
        let nothing = try FileTree()
        try nothing.add("var/log/dmesg", Array("[ 1.0] usb 1-1: new device\n".utf8))
        #expect(try collect(nothing.folder.path).json["dmesg"] is NSNull)
    }

    private func gzip(_ bytes: [UInt8]) throws -> [UInt8] {
        let tree = try FileTree()
        try tree.add("it", bytes)
        return try run(
            URL(fileURLWithPath: "/bin/gzip"), ["-nc", tree.folder.appendingPathComponent("it").path]
        ).output
    }

    /// Of how the host was built, booted and set up only the words that matter.
    @Test func wordsOfTheHost() throws {
        let tree = try FileTree()
        let line =
            #"BOOT_IMAGE=/vmlinuz root=/dev/sda1 secret=1 iommu.passthrough=1 dyndbg="file x +p; iommu.strict=0" "#
            + "arm-smmu.disable_bypass=0\tvfio-pci.ids=10de:2342 \"iommu.forcedac=1\" xiommu.strict=1 \u{e9}pci=noaer"
            + " -- iommu.passthrough=0\n"
        try tree.add("proc/cmdline", Array(line.utf8))
        let module = "sys/module/vfio_iommu_type1/parameters"
        try tree.add("\(module)/allow_unsafe_interrupts", Array("N\n".utf8))
        try tree.add("\(module)/dma_entry_limit", Array("65535\nmore\n".utf8))
        try tree.add("\(module)/odd name", Array("1\n".utf8))
        try tree.add("\(module)/empty", [])
        try tree.add("sys/module/arm_smmu_v3/parameters/disable_msipolling", Array("\"N\\\"".utf8))
        try tree.add("sys/module/iommufd/parameters/long", [UInt8](repeating: 0x78, count: 300))
        try tree.add("sys/module/snd/parameters/index", Array("1\n".utf8))
        try tree.add("proc/sys/kernel/osrelease", Array("6.12.9-arm64+64k\n".utf8))
        let config =
            "# CONFIG_IOMMU_DEBUG is not set\nCONFIG_IOMMU_DEFAULT_PASSTHROUGH=y\nCONFIG_NET=y\n"
            + "CONFIG_ARM_SMMU_V3=m\nCONFIG_ARM64_64K_PAGES=y\n CONFIG_VFIO=m\nCONFIG_IOMMUFD=m"
        try tree.add("boot/config-6.12.9-arm64+64k", Array(config.utf8))
        let (json, errors) = try collect(tree.folder.path)
        #expect(
            json["cmdline"] as? String
                == "iommu.passthrough=1\narm-smmu.disable_bypass=0\nvfio-pci.ids=10de:2342\niommu.forcedac=1\npci=noaer\n"
        )
        #expect(
            json["parameters"] as? String
                == "arm_smmu_v3.disable_msipolling=\"N\\\"\niommufd.long=\(String(repeating: "x", count: 115))\n"
                + "vfio_iommu_type1.allow_unsafe_interrupts=N\nvfio_iommu_type1.dma_entry_limit=65535\n"
                + "vfio_iommu_type1.empty=\n")
        let taken =
            "CONFIG_IOMMU_DEFAULT_PASSTHROUGH=y\nCONFIG_ARM_SMMU_V3=m\nCONFIG_ARM64_64K_PAGES=y\nCONFIG_IOMMUFD=m\n"
        #expect(json["config"] as? String == taken)
        #expect(json["config_path"] as? String == "/boot/config-6.12.9-arm64+64k")
        #expect(!errors.contains("config"))
        // The running kernel's own counts more.
        try tree.add("proc/config.gz", try gzip(Array("CONFIG_IOMMU_DMA=y\n".utf8)))
        let packed = try collect(tree.folder.path).json
        #expect(packed["config"] as? String == "CONFIG_IOMMU_DMA=y\n")
        #expect(packed["config_path"] as? String == "/proc/config.gz")
    }

    @Test func wordsOfAHostThatSaysNothing() throws {
        let tree = try FileTree()
        try tree.add("proc/cmdline", Array("quiet".utf8))
        try tree.add("proc/sys/kernel/osrelease", Array("../../etc\n".utf8))
        try tree.add("proc/config.gz", Array("no gzip".utf8))
        try tree.add("sys/module/snd/parameters/index", Array("1\n".utf8))
        let (json, errors) = try collect(tree.folder.path)
        #expect(json["cmdline"] as? String == "" && json["parameters"] as? String == "")
        #expect(json["config"] is NSNull && json["config_path"] is NSNull)
        #expect(errors.contains("cannot unpack /proc/config.gz"))
        let open = try FileTree()
        try open.add("proc/cmdline", Array("a \"iommu.strict=1 b\n".utf8))
        #expect(try collect(open.folder.path).json["cmdline"] as? String == "iommu.strict=1 b \n")
        let bare = try FileTree()
        try bare.add("proc/version", [])
        let nothing = try collect(bare.folder.path).json
        #expect(nothing["cmdline"] is NSNull && nothing["parameters"] is NSNull)
    }

    /// More than are taken of each.
    @Test func manyWordsAreCut() throws {
        let tree = try FileTree()
        let words = (0..<70).map { "iommu.word\($0)=\(String(repeating: "y", count: 200))" }
        try tree.add("proc/cmdline", Array(words.joined(separator: " ").utf8))
        for number in 0..<260 { try tree.add("sys/module/vfio/parameters/p\(number)", Array("1".utf8)) }
        let config = (0..<140).map { "CONFIG_VFIO_\($0)=y\n" }.joined()
        try tree.add("proc/config.gz", try gzip(Array(config.utf8)))
        let (json, errors) = try collect(tree.folder.path)
        func lines(_ name: String) -> [Substring] { (json[name] as? String ?? "").split(separator: "\n") }
        #expect(lines("cmdline").count == 64 && lines("cmdline").allSatisfy { $0.utf8.count == 128 })
        #expect(lines("parameters").count == 256 && lines("config").count == 128)
        for note in [
            "more than 64 lines of the command line", "more than 256 lines of /sys/module",
            "more than 128 lines of /proc/config.gz",
        ] { #expect(errors.contains(note), "\(errors)") }
        let large = try FileTree()
        try large.add("proc/config.gz", try gzip([UInt8](repeating: 0x0a, count: (4 << 20) + 1)))
        #expect(try collect(large.folder.path).errors.contains("cannot unpack"))
    }

    /// More lines than are taken, and a line that is longer.
    @Test func longLogsAreCut() throws {
        let tree = try FileTree()
        let line = "pci 0000:01:00.0: Adding to iommu group 3"
        let long = line + String(repeating: " x", count: 300) + "\n"
        try tree.add("var/log/dmesg", Array((long + String(repeating: "[1.0] \(line)\n", count: 5_003)).utf8))
        let (json, errors) = try collect(tree.folder.path)
        let lines = (json["dmesg"] as? String ?? "").split(separator: "\n")
        #expect(lines.count == 5_000 && lines.first?.utf8.count == 400 && lines.last == line[...])
        #expect(errors.contains("more than 5000 such lines"))
    }

    @Test func oddNamesAndBytes() throws {
        let tree = try FileTree()
        let groups = "sys/kernel/iommu_groups"
        for name in [
            "a\"b", "a\\b", "a\nb", "\n", "x\n", "\u{e9}t\u{e9}", "sp ace", "tab\there", "quote'", "$HOME",
            "`id`", "*", "-n", ".hidden", "%s%d", "0000:00:01.0", "\u{1}ctl", "trail ", " lead", "a\rb",
        ] {
            try tree.add("\(groups)/0/devices/\(name)/vendor", [])
        }
        for (number, target) in [
            "plain", "/a\"b\\c", "new\nline", "end\n\n", "tab\there", "\u{e9}t\u{e9}", "\u{1}ctl",
            " lead trail ",
            "-n", "%s", "$HOME", "\n",
        ].enumerated() {
            try tree.link("\(groups)/0/devices/link\(number)", to: target)
        }
        try tree.link("\(groups)/0/devices/link\nbroken", to: "x")
        try tree.link("\(groups)/0/devices/-link", to: "y")
        // Group folders that no kernel makes are skipped.
        for name in ["00", "01", "12345678901", "a", "-1", "9 ", "2\n3", "1", "10"] {
            try tree.add("\(groups)/\(name)/type", Array("DMA".utf8))
        }
        let all = (0...255).map { UInt8($0) }
        try tree.add("sys/firmware/fdt", all)
        try tree.add("\(groups)/1/reserved_regions", all + [0x0a, 0])
        try tree.add("\(groups)/10/reserved_regions", [0x0a, 0x0a])
        try tree.add("proc/iomem", Array(String(repeating: "x\"\\", count: 40_000).utf8))
        try tree.add("proc/sys/kernel/osrelease", [0x0a] + all)
        let words = Array("ITS@0x1\"\\'$HOME %s`id`".utf8)
        try tree.add("var/log/dmesg", all + words + all + [0x0a, 0x0a] + words + [0, 0x0a, 0x5b] + words)
        let (json, _) = try collect(tree.folder.path)
        let listed = json["groups"] as? [[String: Any]] ?? []
        #expect(listed.map { $0["id"] as? String } == ["0", "1", "10"])
        #expect(
            (listed[0]["devices"] as? [String])?.filter { !$0.contains("link") } == [
                " ", " lead", "$HOME", "%s%d", "*", "-n", "0000:00:01.0", "`id`", "a b", "a\"b", "a\\b", "ab",
                "ctl", "quote'", "sp ace", "t", "tab here", "trail ", "x ",
            ])
        let places = zip(listed[0]["devices"] as? [String] ?? [], listed[0]["paths"] as? [Any] ?? [])
        let links = places.compactMap { name, place in (place as? String).map { "\(name) \($0)" } }
        #expect(
            links == [
                "-link y", "link0 plain", "link1 /a\"b\\c", "link10 $HOME", "link11 ", "link2 new line",
                "link3 end", "link4 tab here", "link5 t", "link6 ctl", "link7  lead trail ", "link8 -n",
                "link9 %s",
            ])
        #expect((json["iomem"] as? String)?.utf8.count == 120_001 && json["kernel_release"] as? String == "")
        #expect(listed[2]["reserved_regions"] as? String == "\n\n")
    }

    @Test func whatCannotBeReadIsNoted() throws {
        let tree = try FileTree()
        let groups = "sys/kernel/iommu_groups"
        try tree.add("\(groups)/3/reserved_regions", [])
        try tree.add("\(groups)/4/devices/0000:00:01.0/vendor", [])
        try tree.add("proc/sys/kernel/osrelease", Array("6.1.0\r\n".utf8))
        let folder = tree.folder
        let manager = FileManager.default
        try manager.createDirectory(
            at: folder.appendingPathComponent("sys/firmware"), withIntermediateDirectories: true)
        // Opened by everybody, and never read to an end: memory at 0, zeros.
        for (path, target) in [
            ("sys/firmware/fdt", "/proc/self/mem"), ("proc/iomem", "/dev/zero"),
            ("\(groups)/3/type", "/nowhere"),
            ("\(groups)/5", "4"), ("\(groups)/6", "/nowhere"),
        ] {
            try manager.createSymbolicLink(
                atPath: folder.appendingPathComponent(path).path, withDestinationPath: target)
        }
        let (json, errors) = try collect(folder.path)
        #expect(
            json["notes"] as? [String] == [
                "cannot read /sys/firmware/fdt: run as root", "cannot read /proc/iomem: run as root",
                "no device tree, IORT or VIOT: no IOMMU is described",
            ])
        #expect(errors.split(separator: "\n").count == 3)
        let listed = json["groups"] as? [[String: Any]] ?? []
        #expect(listed.map { $0["id"] as? String } == ["3", "4", "5", "6"])
        #expect(listed.map { ($0["devices"] as? [String])?.count } == [0, 1, 1, 0])
        #expect(json["kernel_release"] as? String == "6.1.0")
    }

    @Test(arguments: [
        ("KernelPageSize:  16 kB\nKernelPageSize: 4 kB\n", 16_384), ("KernelPageSize:\t64 kB", 65_536),
        ("KernelPageSize: x kB\n", nil), ("KernelPageSize:\n", nil), ("KernelPageSize: 0 kB\n", nil),
        ("KernelPageSize: 9999999999999999999999 kB\n", nil), ("KernelPageSize: 1048577 kB\n", nil),
        ("xKernelPageSize: 4 kB\n", nil), ("KernelPageSize: +4 kB\n", nil), ("KernelPageSize: 4\0 kB\n", nil),
    ])
    func pageSizes(text: String, bytes: Int?) throws {
        let tree = try FileTree()
        try tree.add("proc/self/smaps", Array(text.utf8))
        #expect(try collect(tree.folder.path).json["page_size"] as? Int == bytes)
    }

    @Test func manyDevices() throws {
        let tree = try FileTree()
        for device in 0..<600 {
            let name = String(device, radix: 16)
            try tree.add("sys/kernel/iommu_groups/7/devices/0000:\(name).0/vendor", [])
        }
        let (json, _) = try collect(tree.folder.path)
        let listed = json["groups"] as? [[String: Any]] ?? []
        #expect((listed.first?["devices"] as? [String])?.count == 600)
    }

    @Test func treeWithNothing() throws {
        let tree = try FileTree()
        try tree.add("proc/version", [])
        let (json, errors) = try collect(tree.folder.path)
        #expect((json["groups"] as? [Any])?.isEmpty == true && json["page_size"] is NSNull)
        #expect(
            json["notes"] as? [String] == [
                "no /sys/kernel/iommu_groups: the kernel has no IOMMU support",
                "no device tree, IORT or VIOT: no IOMMU is described",
            ])
        #expect(errors.split(separator: "\n").count == 2)
    }

    @Test func treeWithAFlattenedTree() throws {
        let tree = try FileTree()
        let blob = DeviceTreeBuilder.blob { $0.strings("compatible", "x,y") }
        try tree.add("sys/firmware/fdt", blob)
        try FileManager.default.createDirectory(
            at: tree.folder.appendingPathComponent("sys/kernel/iommu_groups"),
            withIntermediateDirectories: true)
        let (json, _) = try collect(tree.folder.path)
        let hex = json["device_tree"] as? String
        #expect(hex?.hasPrefix("d00dfeed") == true && hex?.utf8.count == 2 * blob.count)
        #expect(json["notes"] as? [String] == ["no IOMMU groups: no IOMMU is driven here"])
    }

    @Test func mistakesAreNamed() throws {
        #expect(try run(DecideTests.executable, ["collect", "--root", "/nowhere"]).status != 0)
        #expect(try run(DecideTests.executable, ["collect", "--script", "--root", "/"]).status != 0)
    }
}
