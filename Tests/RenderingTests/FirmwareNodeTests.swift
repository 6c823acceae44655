// Nodes of firmware tables: dtc compiles the device tree and iasl takes the table apart; our own readers give
// the same range back, of the kind that the node is for.

import AddressSpaces
import Foundation
import Ingestion
import MSIWindows
import Machines
import TestSupport
import Testing

@testable import Fleet

@Suite struct FirmwareNodeTests {
    private static func nested(_ vmm: VMM = .openVMMLinux, moved: Bool = false) -> AskedPlacement {
        let regions =
            moved
            ? [
                ReservedRegion(
                    kind: .reserved, start: 0x800_0000, length: 0x10_0000, provenance: .caller("t"))
            ]
            : []
        return AskedPlacement(
            GuestDemand(vmm, VMShape(ram: 4 << 30), viommu: .nestedSMMUv3), [AskedPlacement.host(regions)],
            WindowDemand(), moved ? [.softwareMSIOptions] : [])
    }

    private static let windows: [(VMM, Bool)] = [
        (.openVMMLinux, false), (.openVMMLinux, true), (.qemuVirt, false),
    ]

    private func bytes(in text: String) -> [UInt8] {
        text.components(separatedBy: "/* The same as bytes. */").last!
            .split(whereSeparator: \.isWhitespace).compactMap { UInt8($0, radix: 16) }
    }

    /// An IORT with an SMMU as its first node, a root complex, and a node of which only the bytes are known.
    private func table(_ node: [UInt8]) -> [UInt8] {
        var builder = IORTBuilder()
        let smmu = builder.smmuV3(base: 0x905_0000)
        builder.rootComplex(segment: 0, [.init(0, 0xffff, 0, to: smmu)])
        var table = builder.table() + node
        table[36] += 1
        for place in 0..<4 { table[4 + place] = UInt8(truncatingIfNeeded: table.count >> (8 * place)) }
        return ACPITableBuilder.resummed(table)
    }

    /// What the reader has of the root complex.
    private func regions(_ table: [UInt8]) throws -> [ReservedRegion] {
        var facts = ACPIReader.Facts()
        facts.preservesPCIConfiguration = true
        return try ACPIReader.read([table], facts).devices[0].firmwareRegions
    }

    @Test(arguments: windows) func readerGivesTheRMRBack(vmm: VMM, moved: Bool) throws {
        let asked = Self.nested(vmm, moved: moved)
        let window = try asked.rendered.window
        #expect((window == WindowSource.mainlineWindow) == !moved)
        let regions = try regions(table(bytes(in: try asked.text(.iortRMR))))
        #expect(regions.map(\.range) == [window] && regions.map(\.kind) == [.direct])
    }

    @Test(.enabled(if: Judge.iasl.isPresent)) func iaslTakesTheRMRApart() throws {
        let text = try Self.nested().text(.iortRMR)
        let files = try FileTree()
        try files.add("iort.aml", table(bytes(in: text)))
        let folder = files.folder.path
        #expect(try run("iasl", "-p", "\(folder)/iort", "-d", "\(folder)/iort.aml").status == 0)
        let listing = try String(contentsOfFile: "\(folder)/iort.dsl", encoding: .utf8)
        // Releases before 2021 know the header of every node, and show the rest as bytes.
        let isOld = listing.contains("Unknown IORT node type 0x6")
        let wanted = isOld ? ["Type", "Length", "Revision", "Mapping Count", "Mapping Offset"] : nil
        let last = listing.components(separatedBy: "Type : 06").last ?? ""
        var compared = 0
        for line in text.split(separator: "\n") where line.hasPrefix("[") {
            let parts = line.components(separatedBy: " : ")
            let name = parts[0].drop { $0 != "]" }.dropFirst().trimmingCharacters(in: .whitespaces)
            guard name != "Type", wanted?.contains(name) != false else { continue }
            #expect(last.contains("\(name) : \(parts[1])"), "\(line)")
            compared += 1
        }
        #expect(compared == (isOld ? 4 : 15))
        print(
            "iasl: \(isOld ? "too old for the body of an RMR node: header compared" : "all fields compared")")
    }

    // MARK: Device trees

    /// A board with a function of its own node below a bridge; "device" is its label.
    private static let board = """
        /dts-v1/;
        / {
            #address-cells = <2>;
            #size-cells = <2>;
            reserved-memory {
                #address-cells = <2>;
                #size-cells = <2>;
                ranges;
                pool: pool@90000000 { reg = <0 0x90000000 0 0x1000>; };
            };
            smmu: iommu@9050000 {
                compatible = "arm,smmu-v3";
                reg = <0 0x9050000 0 0x20000>;
                #iommu-cells = <1>;
            };
            bridge: pcie@10000000 {
                compatible = "pci-host-ecam-generic";
                device_type = "pci";
                reg = <0 0x30000000 0 0x1000000>;
                #address-cells = <3>;
                #size-cells = <2>;
                ranges = <0x2000000 0 0x10000000 0 0x10000000 0 0x10000000>;
                DMA
                iommu-map = <0 &smmu 0 0x10000>;
                device: dev@1,0 { reg = <0x800 0 0 0 0>; memory-region = <&pool>; };
            };
        };

        """

    private func platform(_ source: String, dma: String = "") throws -> Platform {
        let files = try FileTree()
        try files.add("board.dts", Self.board.replacing("DMA", with: dma) + source)
        let folder = files.folder.path
        let (status, _) = try run(
            "dtc", "-q", "-I", "dts", "-O", "dtb", "-o", "\(folder)/board.dtb", "\(folder)/board.dts")
        #expect(status == 0, "dtc refuses \(source)")
        return try DeviceTreeReader.read(
            [UInt8](Data(contentsOf: files.folder.appendingPathComponent("board.dtb"))))
    }

    @Test(.enabled(if: Judge.dtc.isPresent), arguments: windows)
    func readerGivesTheTreesNodeBack(vmm: VMM, moved: Bool) throws {
        let asked = Self.nested(vmm, moved: moved)
        let platform = try platform(try asked.text(.deviceTree))
        let function = try #require(platform.devices.first { $0.kind == .pciFunction })
        #expect(function.firmwareRegions.map(\.range) == [try asked.rendered.window])
        #expect(function.firmwareRegions.map(\.kind) == [.direct])
        #expect(platform.findings.filter { $0.severity == .error }.isEmpty)
    }

    // MARK: Missing descriptions

    private static let gap = "dma-ranges = <0x2000000 0 0x80000000 0 0x80000000 0 0x80000000>;"

    private func placement(_ platform: Platform, _ device: String) throws -> AskedPlacement {
        let device = try #require(platform.devices.first { $0.id == device })
        let prepared = platform.prepared(device, under: Conditions())
        let facts = HostFacts(devices: [prepared], aperture: Conditions().aperture)
        return AskedPlacement(GuestDemand(.qemuVirt, VMShape(ram: 1 << 30)), [facts])
    }

    @Test(.enabled(if: Judge.dtc.isPresent)) func gapsAreDescribed() throws {
        let bridge = "/pcie@10000000"
        let bare = try platform("", dma: Self.gap)
        let asked = try placement(bare, bridge)
        let missing = try #require(asked.placement.missingDescriptions.first)
        #expect(asked.placement.missingDescriptions.count == 1 && missing.host == "h0")
        #expect(missing.undescribed.kind == .dmaRangesGap && missing.undescribed.device == bridge)
        #expect(missing.undescribed.range == WindowSource.mainlineWindow)
        // The lines have the reader say it, where the host is the bridge's.
        let source = try missing.undescribed.deviceTree()
        let told = try platform(source, dma: Self.gap)
        let regions = try #require(told.devices.first { $0.id == bridge }).firmwareRegions
        #expect(regions.map(\.range) == [WindowSource.mainlineWindow] && regions.map(\.kind) == [.reserved])
        #expect(regions.map(\.provenance) == [.hostBridgeNode(path: "/reserved-memory/msi-window-8000000")])
        #expect(told.findings.filter { $0.severity == .error }.isEmpty)
        // And the same of an IORT of the machine; the type keeps nobody out.
        let node = bytes(in: try missing.undescribed.memoryRange())
        let relaxable = try self.regions(table(node))
        #expect(relaxable.map(\.range) == [WindowSource.mainlineWindow])
        #expect(relaxable.map(\.kind) == [.directRelaxable])
    }

    /// What does not translate on a function's own node crashes kernels, so that it is not proposed.
    @Test(.enabled(if: Judge.dtc.isPresent)) func functionsAreNotMadeToCrash() throws {
        let function = "/pcie@10000000/dev@1,0"
        let asked = try placement(try platform("", dma: Self.gap), function)
        let missing = try #require(asked.placement.missingDescriptions.first).undescribed
        #expect(throws: Rendering.Refusal.self) { try missing.deviceTree() }
        #expect(try bytes(in: missing.memoryRange()).count == 68)
        // The entry that would be written does crash them.
        let crash = ReservedMemoryNode(
            missing.range, of: "{\(function)}", on: .pci, isMapped: false, remarks: [])
        let crashing = try platform(crash.text, dma: Self.gap)
        #expect(crashing.findings.contains { $0.code == "iommu-addresses-untranslatable" })
        // A PCI window of a bridge that carries everything can be described on the function.
        let wide = try platform("&bridge { ranges = <0x2000000 0 0x8000000 0 0x8000000 0 0x10000000>; };\n")
        let window = try #require(try placement(wide, function).placement.missingDescriptions.first)
            .undescribed
        #expect(window.kind == .pciWindow && window.because.contains("whether a bridge claims"))
        let told = try platform(
            "&bridge { ranges = <0x2000000 0 0x8000000 0 0x8000000 0 0x10000000>; };\n" + window.deviceTree())
        let device = try #require(told.devices.first { $0.id == function })
        #expect(device.firmwareRegions.map(\.range) == [WindowSource.mainlineWindow])
        // It is told then, and not proposed again.
        #expect(try placement(told, function).placement.missingDescriptions.isEmpty)
    }

    /// Linux's allocator loses the first page of an inbound window after a gap; no firmware has to say so.
    @Test(.enabled(if: Judge.dtc.isPresent)) func theAllocatorsOwnPageIsNoGap() throws {
        let dma = "dma-ranges = <0x2000000 0 0x8000000 0 0x8000000 0 0x80000000>;"
        let asked = try placement(try platform("", dma: dma), "/pcie@10000000")
        #expect(asked.placement.defaultReachability == .no && asked.placement.missingDescriptions.isEmpty)
    }
}
