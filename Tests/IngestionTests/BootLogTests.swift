// Boot logs written by us: what a kernel prints of bridges, SMMUs, doorbells and groups, behind the prefixes
// that people's tools put there, cut, and beside other sources that agree or do not.

import AddressSpaces
import JSON
import Machines
import TestSupport
import Testing

@testable import Ingestion

@Suite struct BootLogTests {
    static let server = """
        [    0.000000] Booting Linux on physical CPU 0x0000080000 [0x413fd0c1]
        [    0.000000] Linux version 6.8.0-31-generic (buildd@bos03) (gcc 13.2.0) #31-Ubuntu SMP
        [    0.000000]   node   0: [mem 0x0000000090000000-0x0000000091ffffff]
        [    0.000000]   node   0: [mem 0x0000080000000000-0x000008007fffffff]
        [    0.000000] Initmem setup node 0 [mem 0x0000000090000000-0x000008007fffffff]
        [    0.000000] Kernel command line: BOOT_IMAGE=/vmlinuz root=/dev/sda2 iommu.passthrough=1 quiet
        [    0.000000] ITS [mem 0x100100040000-0x10010005ffff]
        [    0.000000] ITS@0x0000100100040000: allocated 65536 Devices @80008080000
        [    0.100000] iommu: Default domain type: Passthrough (set via kernel command line)
        [    0.140000] PCI host bridge to bus 0002:00
        [    0.140001] pci_bus 0002:00: root bus resource [bus 00-ff]
        [    0.140002] pci_bus 0002:00: root bus resource [io  0x0000-0xffff window]
        [    0.140003] pci_bus 0002:00: root bus resource [mem 0x08000000-0x0fffffff window]
        [    0.140004] pci_bus 0002:00: root bus resource \
        [mem 0x200000000000-0x23ffdfffffff 64bit pref window]
        [    0.150000] PCI host bridge to bus 0004:00
        [    0.150003] pci_bus 0004:00: root bus resource \
        [mem 0x50000000-0x57ffffff window] (bus address [0x20000000-0x27ffffff])
        [    0.160000] arm-smmu-v3 arm-smmu-v3.0.auto: option mask 0x0
        [    0.160001] arm-smmu-v3 arm-smmu-v3.0.auto: ias 48-bit, oas 44-bit (features 0x00001fef)
        [    0.200000] pci 0002:00:01.0: Adding to iommu group 3
        [    0.200001] nvme 0002:01:00.0: Adding to iommu group 3
        [    0.200002] pci 0004:00:01.0: Adding to iommu group 4
        [    9.000000] vfio-pci 0004:00:01.0: Firmware has requested this device have a \
        1:1 IOMMU mapping, rejecting configuring the device without a 1:1 mapping.
        [   12.000000] crng init done
        """

    private static func log(_ text: String) throws -> BootLog { try BootLogText.read(Array(text.utf8)) }

    private static func platform(_ parts: [(String, [UInt8])]) throws -> Platform {
        let problems = ProblemList(limit: 8)
        let limits = JSONLimits(bytesMax: 1 << 20, depthMax: 32, valuesMax: 100_000)
        let inputs = parts.map { InputPart(name: $0.0, bytes: $0.1, labelled: nil, isWhole: false) }
        let platform = try PlatformReader.read(inputs, .init(json: limits), problems)
        #expect(problems.isEmpty)
        return platform
    }

    /// The same lines as tools pass them on.
    static let prefixes: [(name: String, of: @Sendable (String) -> String)] = [
        ("as printed", { $0 }),
        ("indented", { "   " + $0 }),
        ("without time", { String($0.drop { $0 != "]" }.dropFirst(2)) }),
        ("journal", { "Nov 29 12:00:01 altra kernel: " + String($0.drop { $0 != "]" }.dropFirst(2)) }),
        ("syslog with time", { "Nov 29 12:00:01 altra kernel: " + $0 }),
        ("dmesg -r", { "<6>" + $0 }),
        ("dmesg -T", { "[Sat Nov 29 12:00:01 2026] " + String($0.drop { $0 != "]" }.dropFirst(2)) }),
        ("CRLF", { $0 + "\r" }),
    ]

    @Test(arguments: prefixes.indices) func prefixesDoNotMatter(index: Int) throws {
        let text = Self.server.split(separator: "\n").map { Self.prefixes[index].of(String($0)) }
            .joined(separator: "\n")
        #expect(InputKind.sniff(Array(text.utf8)) == .bootLog)
        let log = try Self.log(text)
        #expect(log.release == "6.8.0-31-generic" && log.boots == 1)
        #expect(log.commandLine?.map(\.word) == ["iommu.passthrough=1"] && log.defaultDomain == "Passthrough")
        #expect(log.segments == [2, 4])
        #expect(
            log.windows[2] == [
                PCIWindow(
                    kind: .memory, busStart: 0x800_0000, cpuStart: 0x800_0000, size: 0x800_0000,
                    is64Bit: false,
                    isPrefetchable: false),
                PCIWindow(
                    kind: .memory, busStart: 0x2000_0000_0000, cpuStart: 0x2000_0000_0000,
                    size: 0x3ff_e000_0000, is64Bit: true, isPrefetchable: true),
            ])
        #expect(log.windows[4]?.map(\.busStart) == [0x2000_0000])
        #expect(log.windows[4]?.map(\.cpuStart) == [0x5000_0000])
        #expect(log.controllers.map(\.doorbell) == [PhysicalAddress(0x1001_0005_0040)])
        #expect(log.smmus.map(\.name) == ["arm-smmu-v3.0.auto"])
        #expect(log.smmus[0].values.inputBits == 48 && log.smmus[0].values.outputBits == 44)
        #expect(log.smmus[0].values.features == 0x1fef)
        #expect(log.members.map(\.device) == ["0002:00:01.0", "0002:01:00.0", "0004:00:01.0"])
        #expect(log.members.map(\.group) == [3, 3, 4])
        #expect(log.directDevices == ["0004:00:01.0"])
        #expect(log.memory.map(\.start.value) == [0x9000_0000, 0x800_0000_0000])
        #expect(log.incomplete.isEmpty)
    }

    /// A line that is cut anywhere gives the whole fact or none.
    @Test func cutLinesGiveNoWrongFact() throws {
        let whole = try Self.log(Self.server)
        let lines = Self.server.split(separator: "\n").map(String.init)
        for (index, line) in lines.enumerated() {
            for count in 0..<line.count {
                var cut = lines
                cut[index] = String(line.prefix(count))
                let log = try Self.log(cut.joined(separator: "\n"))
                for (segment, windows) in log.windows {
                    for window in windows {
                        // A cut offset leaves a line as kernels print it for buses without one.
                        let isWithoutOffset =
                            line.contains("bus address") && window.busStart == window.cpuStart
                        #expect(
                            whole.windows[segment]?.contains(window) == true
                                || isWithoutOffset && !String(line.prefix(count)).contains("(bus address ["),
                            "\(line.prefix(count))")
                    }
                }
                #expect(log.itsFrames.allSatisfy(whole.itsFrames.contains) || line.contains("ITS@"))
                #expect(
                    log.members.allSatisfy { member in whole.members.contains { $0.device == member.device } }
                )
            }
        }
    }

    /// A mail's wrapping puts the bus addresses on a line of their own.
    @Test func wrappedBusAddress() throws {
        let log = try Self.log(
            """
            pci_bus 0000:00: root bus resource [mem 0x50000000-0x57ffffff]
            (bus address [0x00000000-0x07ffffff])
            pci_bus 0000:00: root bus resource [mem 0x4000000000-0x40ffffffff pref]
            """)
        #expect(log.windows[0]?.map(\.busStart) == [0, 0x40_0000_0000])
        #expect(log.windows[0]?.map(\.cpuStart) == [0x5000_0000, 0x40_0000_0000])
    }

    @Test func olderSMMUs() throws {
        let log = try Self.log(
            """
            arm-smmu 2b500000.iommu: probing hardware configuration...
            arm-smmu 2b500000.iommu: SMMUv1 with:
            arm-smmu 2b500000.iommu: \tSupported page sizes: 0x60211000
            arm-smmu 2b500000.iommu: \tStage-2: 40-bit IPA -> 40-bit PA
            GICv2m: range[mem 0x2c1c0000-0x2c1c0fff], SPI[224:255]
            pci 0000:00:01.0: Adding to iommu group 0
            """)
        #expect(log.smmus.map(\.name) == ["2b500000.iommu"])
        #expect(log.smmus[0].values.inputBits == 40 && log.smmus[0].values.pageSizes == 0x6021_1000)
        #expect(log.controllers.map(\.doorbell) == [PhysicalAddress(0x2c1c_0040)])
    }

    @Test func lastBootCounts() throws {
        let second = Self.server.replacing("0x08000000-0x0fffffff", with: "0x10000000-0x1fffffff")
        let platform = try Self.platform([("dmesg", Array((Self.server + "\n" + second).utf8))])
        #expect(platform.findings.contains { $0.code == "log-boots" })
        #expect(platform.devices.first?.pciWindows.map(\.busStart) == [0x1000_0000, 0x2000_0000_0000])
    }

    // MARK: Platforms

    @Test func aloneItDescribesBridgesAndDevices() throws {
        let platform = try Self.platform([("dmesg", Array(BootLogTests.server.utf8))])
        #expect(platform.source == .bootLog)
        #expect(
            platform.devices.map(\.id) == [
                "rc:2", "rc:4", "group:3", "0002:00:01.0", "0002:01:00.0", "0004:00:01.0",
            ])
        #expect(platform.devices[4].pciWindows == platform.devices[0].pciWindows)
        #expect(platform.devices[4].kind == .pciFunction && platform.devices[4].hostBridge == "rc:2")
        #expect(platform.devices[0].msiControllers == ["its@100100040000"])
        #expect(platform.smmus[0].reported?.outputBits == 44)
        #expect(platform.memory.count == 2)
        let codes = platform.findings.map(\.code)
        for code in [
            "log-knows-little", "log-kernel", "log-default-domain", "log-command-line",
            "direct-region-unknown",
        ] {
            #expect(codes.contains(code), "\(code) in \(codes)")
        }
    }

    private func machine() -> [UInt8] {
        var builder = IORTBuilder()
        let its = builder.itsGroup([0])
        let smmu = builder.smmuV3(base: 0x905_0000, [.init(0, 0xffff, 0, to: its)])
        builder.rootComplex(segment: 2, [.init(0, 0xffff, 0, to: smmu)])
        return builder.table()
    }

    @Test func besideTables() throws {
        let platform = try Self.platform([("iort", machine()), ("dmesg", Array(BootLogTests.server.utf8))])
        #expect(platform.source == .acpi)
        #expect(platform.devices.map(\.id) == ["rc:2", "group:3", "0002:00:01.0", "0002:01:00.0"])
        #expect(platform.devices[0].pciWindows.map(\.busStart) == [0x800_0000, 0x2000_0000_0000])
        #expect(
            platform.devices[3].streams == [StreamMapping(smmu: "smmuv3@9050000", kind: .specifier([0x100]))])
        // One ITS here and there.
        #expect(platform.msiControllers.map(\.doorbell) == [PhysicalAddress(0x1001_0005_0040)])
        #expect(platform.smmus[0].reported?.inputBits == 48)
        let codes = platform.findings.map(\.code)
        for code in ["log-doorbell", "log-bridge-unknown", "log-devices-unknown"] {
            #expect(codes.contains(code), "\(code) in \(codes)")
        }
        #expect(!codes.contains("windows-contradict"))
    }

    @Test func doorbellsThatTheMADTDoesNotHave() throws {
        let madt = ACPITableBuilder.madt(its: [(0, 0x808_0000)])
        let platform = try Self.platform([
            ("iort", machine()), ("madt", madt), ("dmesg", Array(BootLogTests.server.utf8)),
        ])
        #expect(platform.msiControllers.map(\.doorbell) == [PhysicalAddress(0x809_0040)])
        #expect(platform.findings.contains { $0.code == "log-doorbell-differs" })
    }

    /// What one source has and the other denies counts, and is told; what both have is no matter.
    @Test func iomemAndLogContradict() throws {
        let agreeing = """
            08000000-0fffffff : PCI Bus 0002:00
              08000000-081fffff : PCI Bus 0002:01
            200000000000-23ffdfffffff : PCI Bus 0002:00
            50000000-57ffffff : PCI Bus 0004:00
            """
        func codes(_ iomem: String) throws -> (contradictions: Int, windows: [UInt64]) {
            let platform = try Self.platform([
                ("iort", machine()), ("iomem", Array(iomem.utf8)), ("dmesg", Array(BootLogTests.server.utf8)),
            ])
            return (
                platform.findings.filter { $0.code == "windows-contradict" }.count,
                platform.devices[0].pciWindows.map(\.busStart)
            )
        }
        let same = try codes(agreeing)
        #expect(same.contradictions == 0 && same.windows == [0x800_0000, 0x2000_0000_0000])
        let more = try codes(agreeing + "\n70000000-7fffffff : PCI Bus 0002:00")
        #expect(more.contradictions == 1 && more.windows == [0x800_0000, 0x2000_0000_0000, 0x7000_0000])
        let less = try codes(
            "200000000000-23ffdfffffff : PCI Bus 0002:00\n50000000-57ffffff : PCI Bus 0004:00")
        #expect(less.contradictions == 1 && less.windows == [0x800_0000, 0x2000_0000_0000])
        let hidden = try codes("00000000-00000000 : PCI Bus 0002:00")
        #expect(hidden.contradictions == 0 && hidden.windows == [0x800_0000, 0x2000_0000_0000])
    }

    /// Groups of sysfs get their members, and members their bridge's windows, from the log.
    @Test func besideReservedRegions() throws {
        let regions = """
            /sys/kernel/iommu_groups/3/reserved_regions:0x0000000008000000 0x00000000080fffff msi
            /sys/kernel/iommu_groups/3/reserved_regions:0x0000000009000000 0x00000000090fffff reserved
            """
        let platform = try Self.platform([
            ("regions", Array(regions.utf8)), ("dmesg", Array(BootLogTests.server.utf8)),
        ])
        let device = try #require(platform.devices.first { $0.id == "0002:01:00.0" })
        #expect(device.pciWindows.map(\.busStart) == [0x800_0000, 0x2000_0000_0000])
        #expect(device.reportedRegions?.count == 2 && device.firmwareRegions.map(\.start) == [0x900_0000])
    }

    @Test func faultsBesideFactsAreARemark() throws {
        let text =
            "arm-smmu-v3 arm-smmu-v3.0.auto: event 0x10 received:\n" + Self.server
        #expect(InputKind.sniff(Array(text.utf8)) == .faultLog)
        let platform = try Self.platform([
            (
                "dmesg",
                Array(BootLogTests.server.utf8)
                    + Array("\narm-smmu-v3 arm-smmu-v3.0.auto: event 0x10 received:\n".utf8)
            )
        ])
        #expect(platform.findings.contains { $0.code == "log-has-faults" })
    }

    @Test func whatIsNoBootLog() throws {
        for text in ["hello", "[1, 2]", "[    0.142037] crng init done", "0x0 0x1 msi"] {
            #expect(InputKind.sniff(Array(text.utf8)) != .bootLog, "\(text)")
        }
        #expect(throws: PlatformError.self) {
            try Self.platform([("dmesg", Array("Linux version 6.8\n".utf8))])
        }
    }
}

/// Readers of logs and lists under bytes that nobody wrote, and under as many as a body may have.
@Suite struct BootLogMutationTests {
    static let seeds = [
        BootLogTests.server,
        """
        0002:01:00.0 Ethernet controller: Example Adapter
        \tIOMMU group: 4
        \tRegion 0: Memory at 8000000 (64-bit, prefetchable) [size=1M]
        \tCapabilities: [60] MSI: Enable+ Count=1/8 Maskable+ 64bit+
        \t\tAddress: 00000000fffff040  Data: 0000
        """,
    ]

    /// Nothing traps, and what is read keeps the bounds that its types promise.
    @Test(arguments: seeds.indices) func mutations(index: Int) throws {
        var random = SeededGenerator.forTest("boot log \(index)", fallback: 0xb007)
        let seed = Array(Self.seeds[index].utf8)
        let pieces: [[UInt8]] = [
            "0x", "-", "]", "[mem ", "ffffffffffffffff", "(bus address [", "\n", ":", " ", "0",
        ]
        .map { Array($0.utf8) }
        for _ in 0..<2_000 {
            var bytes = seed
            for _ in 0..<Int.random(in: 1...6, using: &random) {
                guard !bytes.isEmpty else { break }
                let at = Int.random(in: 0..<bytes.count, using: &random)
                switch Int.random(in: 0..<4, using: &random) {
                case 0: bytes[at] = UInt8.random(in: 0...255, using: &random)
                case 1: bytes.remove(at: at)
                case 2: bytes.insert(contentsOf: pieces.randomElement(using: &random) ?? [], at: at)
                default: bytes = Array(bytes.prefix(max(at, 1)))
                }
            }
            let problems = ProblemList(limit: 8)
            let limits = JSONLimits(bytesMax: 1 << 20, depthMax: 32, valuesMax: 1_000)
            let parts = [
                InputPart(name: "a", bytes: bytes, labelled: nil, isWhole: false),
                InputPart(name: "b", bytes: seed, labelled: nil, isWhole: false),
                InputPart(
                    name: "c", bytes: Array("08000000-0fffffff : PCI Bus 0002:00\n".utf8), labelled: nil,
                    isWhole: false),
            ]
            _ = try? PlatformReader.read([parts[0], parts[2]], .init(json: limits), problems)
            _ = try? PlatformReader.read([parts[0]], .init(json: limits), problems)
            let log = try? BootLogText.read(bytes)
            for window in (log?.bridges ?? []).flatMap(\.windows) {
                #expect(window.size > 0 && window.cpuStart <= window.cpuStart &+ (window.size - 1))
                #expect(window.busStart <= window.busStart &+ (window.size - 1))
            }
            _ = try? PCIListing.read(bytes)
        }
    }

    /// What is collected of a log says what the log says, but for memory, options and faults.
    @Test func excerptsSayTheSame() throws {
        var whole = try BootLogText.read(Array(BootLogTests.server.utf8))
        let excerpt = BootLogExcerpt.lines(of: Array(BootLogTests.server.utf8))
        var collected = try BootLogText.read(excerpt.text)
        #expect(!excerpt.isCut && whole.commandLine?.isEmpty == false && collected.commandLine == nil)
        (whole.memory, whole.commandLine, whole.faultLines, whole.incomplete) = ([], nil, 0, [])
        for at in whole.remarks.indices { whole.remarks[at].line = 0 }
        for at in collected.remarks.indices { collected.remarks[at].line = 0 }
        #expect("\(collected)" == "\(whole)")
        #expect(BootLogExcerpt.lines(of: excerpt.text).text == excerpt.text)
    }

    /// Work grows with the text: many lines, up to 8 MiB of them, and one line as long.
    @Test func eightMebibytes() throws {
        let line = Array("[    1.000000] pci 0002:00:01.0: Adding to iommu group 3 node n ITS x\n".utf8)
        try Growth.expectLinear(from: 2 << 20, "lines") { bytes in
            let lines = Array([[UInt8]](repeating: line, count: bytes / line.count).joined())
            #expect(try BootLogText.read(lines).members.count == 1)
            _ = try PCIListing.read(lines)
        }
        try Growth.expectLinear(from: 2 << 20, "one line") { bytes in
            let words = [[UInt8]](repeating: Array("root node (bus ITS ".utf8), count: bytes / 19)
            _ = try BootLogText.read(Array(words.joined()))
        }
    }
}
