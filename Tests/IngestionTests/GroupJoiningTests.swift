// Whose an entry of a group's list is: entries that the kernel merged, devices that firmware does not know,
// regions that a kernel rounded to its pages, and hosts with more of them than are told apart.

import AddressSpaces
import Foundation
import Ingestion
import JSON
import Machines
import TestSupport
import Testing

@Suite struct GroupJoiningTests {
    private static let options = PlatformReader.Options(
        json: JSONLimits(bytesMax: 16 << 20, depthMax: 32, valuesMax: 1_000_000))

    private func platform(_ members: String) throws -> Platform {
        let problems = ProblemList(limit: 8)
        let json = #"{"collected":{"format":1\#(members),"notes":[]}}"#
        let part = InputPart(name: "c", bytes: Array(json.utf8), labelled: nil)
        let platform = try PlatformReader.read([part], Self.options, problems)
        #expect(problems.isEmpty, "\(problems.problems)")
        return platform
    }

    private func group(_ devices: [String], _ lines: [String]) -> String {
        let names = devices.map { "\"\($0)\"" }.joined(separator: ",")
        let list = lines.map { $0 + "\\n" }.joined()
        return #","groups":[{"id":"1","devices":[\#(names)],"reserved_regions":"\#(list)"}]"#
    }

    /// Platform devices, each with 1 MiB of its own from an address on.
    private func tree(_ regions: [UInt32]) -> String {
        let blob = DeviceTreeBuilder.board { root in
            for (place, start) in regions.enumerated() {
                let (device, memory) = (UInt32(0x100 + place), UInt32(0x10_0000 + place))
                root.child("fw-\(place)") { node in
                    node.cells("phandle", memory)
                    node.cells("iommu-addresses", device, 0, start, 0, 0x10_0000)
                }
                root.child("dma@\(String(0x6000_0000 + place, radix: 16))") { node in
                    node.cells("reg", 0, UInt32(0x6000_0000 + place), 0, 1)
                    node.cells("phandle", device)
                    node.cells("iommus", 1, UInt32(place))
                    node.cells("memory-region", memory)
                }
            }
        }
        return ",\"device_tree\":\"\(blob.hexDigits)\""
    }

    private func starts(_ id: String, _ platform: Platform) throws -> [UInt64] {
        try #require(platform.devices.first { $0.id == id }).firmwareRegions.map(\.start)
    }

    private let merged = "0x0000000010000000 0x00000000101fffff reserved"
    private let other = "0x0000000020000000 0x00000000200fffff reserved"
    private let hardware = "0x0000000030000000 0x000000003000ffff msi"
    private let names = ["60000000.dma", "60000001.dma"]

    @Test func mergedEntries() throws {
        let platform = try platform(tree([0x1000_0000, 0x1010_0000]) + group(names, [merged]))
        #expect(try starts(names[0], platform) == [0x1000_0000])
        #expect(try starts(names[1], platform) == [0x1010_0000])
        let node = try #require(platform.devices.first { $0.id == "/dma@60000001" })
        #expect(node.sysfsName == names[1] && node.firmwareRegions.map(\.start) == [0x1010_0000])
        #expect(node.with(.whole).firmwareRegions.map(\.start).sorted() == [0x1000_0000, 0x1010_0000])
        let seen = try #require(platform.group(of: node))
        #expect(seen.subject == 1 && seen.devices.map(\.id) == [names[0], "/dma@60000001"])
        #expect(platform.devicesOnce.map(\.id) == names)
    }

    /// What firmware does not explain is of devices that it does not know; hardware's MSI regions are of all.
    @Test func strangers() throws {
        let lines = ["0x0000000010000000 0x00000000100fffff reserved", other, hardware]
        let known = try platform(tree([0x1000_0000]) + group([names[0], "x.stranger"], lines))
        #expect(try starts(names[0], known) == [0x1000_0000, 0x3000_0000])
        #expect(try starts("x.stranger", known) == [0x2000_0000, 0x3000_0000])
        // Where all are known, it stays with all, as a contradiction does.
        let all = try platform(tree([0x1000_0000, 0x4000_0000]) + group(names, lines))
        #expect(try starts(names[0], all) == [0x1000_0000, 0x2000_0000, 0x3000_0000])
        #expect(try starts(names[1], all) == [0x2000_0000, 0x3000_0000])
        #expect(all.devices.first { $0.id == names[1] }?.unappliedRegions.map(\.reason) == [.notListed])
        // Nothing explained, nothing told apart.
        let none = try platform(group(names, lines))
        for name in names { #expect(try starts(name, none) == [0x1000_0000, 0x2000_0000, 0x3000_0000]) }
        #expect(none.devices.allSatisfy { none.group(of: $0) == nil && $0.groupRegions.isEmpty })
    }

    /// A kernel with large pages rounds memory ranges that are no multiple of 64 KiB.
    @Test func roundedRanges() throws {
        var builder = IORTBuilder()
        let smmu = builder.smmuV3(base: 0x905_0000)
        builder.rootComplex(segment: 0, [.init(0, 0xffff, 0, to: smmu)])
        builder.memoryRanges([(0x1000_1000, 0x1000)], [.init(0, 0, 9, to: smmu)])
        let functions = ["0000:00:01.0", "0000:00:01.1"]
        let tables = ",\"page_size\":65536,\"acpi\":{\"IORT\":\"\(builder.table().hexDigits)\"}"
        let platform = try platform(
            tables + group(functions, ["0x0000000010000000 0x000000001000ffff direct"]))
        #expect(try starts(functions[0], platform).isEmpty)
        #expect(try starts(functions[1], platform) == [0x1000_0000])
    }

    @Test func moreThanAreToldApart() throws {
        let count = 300
        let regions = (0..<count).map { UInt32(0x1000_0000 + 0x20_0000 * $0) }
        let lines = regions.map { start in
            "\(HexLiteral.padded(UInt64(start))) \(HexLiteral.padded(UInt64(start) + 0xf_ffff)) reserved"
        }
        let devices = (0..<count).map { "\(String(0x6000_0000 + $0, radix: 16)).dma" }
        let platform = try platform(tree(regions) + group(devices, lines))
        #expect(platform.findings.contains { $0.code == "group-not-joined" })
        #expect(try starts(devices[7], platform).count == count)
        #expect(platform.devices.allSatisfy { platform.group(of: $0) == nil })
    }

    /// One RMR of a table is of every function, so that a short description has millions of regions: they are
    /// counted while they are made, of a collection's members as of a log's.
    @Test func regionsOfManyFunctionsAreBounded() throws {
        var builder = IORTBuilder()
        let smmu = builder.smmuV3(base: 0x905_0000)
        builder.rootComplex(segment: 0, [.init(0, 0xffff, 0, to: smmu)])
        builder.memoryRanges(
            (0..<400).map { (0x1_0000_0000 + $0 * 0x2_0000, 0x1_0000) }, [.init(0, 0xffff, 0, to: smmu)])
        let functions = (0..<512).map { number in
            "0000:0\(number >> 8):" + HexLiteral.digits(number >> 3 & 31, atLeast: 2) + ".\(number & 7)"
        }
        let table = builder.table()
        let tables = ",\"acpi\":{\"IORT\":\"\(table.hexDigits)\"}"
        let window = "0x0000000008000000 0x00000000080fffff msi"
        let listed = try platform(tables + group(functions, [window]))
        #expect(listed.findings.contains { $0.code == "group-not-joined" })
        let regions = listed.devices.reduce(0) { $0 + $1.unappliedRegions.count + $1.firmwareRegions.count }
        #expect(regions <= PlatformLimits.regionsMax + functions.count, "\(regions)")
        let names = functions.map { "\"\($0)\"" }.joined(separator: ",")
        let unlisted = #","groups":[{"id":"1","devices":[\#(names)],"reserved_regions":null}]"#
        #expect(throws: PlatformError.self) { try platform(tables + unlisted) }
        let log = functions.map { "pci \($0): Adding to iommu group 1\n" }.joined()
        let parts = [
            InputPart(name: "t", bytes: table, labelled: nil),
            InputPart(name: "l", bytes: Array(log.utf8), labelled: nil),
        ]
        #expect(throws: PlatformError.self) {
            try PlatformReader.read(parts, Self.options, ProblemList(limit: 8))
        }
    }

    /// A list may name the same addresses thousands of times: its doorbells are each once.
    @Test func doorbellsOfOverlappingRegions() {
        var device = Device(id: "group:0", kind: .group)
        device.firmwareRegions = (0..<4_096).map {
            ReservedRegion(kind: .msi, start: UInt64($0), length: 0xffff_0000, provenance: .caller("list"))
        }
        var platform = Platform(source: .sysfs)
        platform.msiControllers = (0..<4_096).reversed().map {
            MSIController(
                id: "its:\($0)", kind: .its, compatible: [],
                doorbell: PhysicalAddress(0x1_0040 + UInt64($0) << 16), enabled: true)
        }
        let found = DoorbellIndex(platform).doorbells(of: device)
        #expect(found == (0..<4_096).map { PhysicalAddress(0x1_0040 + UInt64($0) << 16) })
    }
}
