// reserved_regions texts in the forms in which people have them, and what "msi" is taken for.

import AddressSpaces
import Machines
import TestSupport
import Testing

@testable import Ingestion

@Suite struct SysfsTextTests {
    private func read(_ text: String, _ assumption: MSIAssumption? = nil) throws -> Platform {
        var findings = FindingList()
        return try SysfsReader.read(Array(text.utf8), assumption, &findings)
    }

    private func kinds(_ text: String, _ assumption: MSIAssumption? = nil) throws -> [ReservedRegion.Kind] {
        try #require(try read(text, assumption).devices.first?.reportedRegions).map(\.kind)
    }

    private let window = "0x0000000008000000 0x00000000080fffff msi"
    private let frame = "0x00000000c6010000 0x00000000c601ffff msi"

    @Test func allFormsAreRead() throws {
        let path = "/sys/kernel/iommu_groups"
        let forms = [
            "==> \(path)/4/reserved_regions <==\n\(window)\n\n==> \(path)/10/reserved_regions <==\n\(frame)\n",
            "\(path)/4/reserved_regions:\n\(window)\n\(path)/10/reserved_regions:\n\(frame)\n",
            "\(path)/4/reserved_regions:\(window)\n\(path)/10/reserved_regions:\(frame)\n",
            "./4/type:DMA\n./4/reserved_regions:\(window)\n./10/devices/0000:00:01.0/vendor:0x1af4\n"
                + "./10/reserved_regions:\(frame)\n",
            "4/reserved_regions:\(window)\r\n10/reserved_regions:\(frame)\r\n",
            "==> 4/type <==\nDMA\n==> 4/reserved_regions <==\n\(window)\n==> 10/reserved_regions <==\n\(frame)",
        ]
        for form in forms {
            let platform = try read(form)
            let groups = platform.devices.filter { $0.id.hasPrefix("group:") }
            #expect(groups.map(\.id) == ["group:4", "group:10"], "\(form)")
            #expect(groups.map { $0.reportedRegions?.map(\.start) } == [[0x800_0000], [0xc601_0000]])
            // A member is named where its files are listed too.
            let members = platform.devices.filter { !$0.id.hasPrefix("group:") }.map(\.id)
            #expect(members == (form.contains("0000:00:01.0") ? ["0000:00:01.0"] : []))
            #expect(InputKind.sniff(Array(form.utf8)) == .sysfs)
        }
        let empty = try read("==> \(path)/7/reserved_regions <==\n")
        #expect(empty.devices.map(\.reportedRegions) == [[]])
        #expect(try read(window).devices.map(\.id) == ["group:0"])
    }

    @Test func msiIsTakenByPlaceAndSize() throws {
        #expect(try kinds(window) == [.softwareMSI])
        #expect(try kinds(frame) == [.msi])
        #expect(try kinds(window + "\n" + frame) == [.softwareMSI, .msi])
        #expect(try kinds("0xa0000000 0xa00fffff msi") == [.softwareMSI])
        // A moved window is the only one of its size.
        #expect(try kinds("0x90000000 0x900fffff msi\n" + frame) == [.softwareMSI, .msi])
        #expect(try kinds("0x90000000 0x900fffff msi\n0x91000000 0x910fffff msi") == [.msi, .msi])
        #expect(try kinds("0xfee00000 0xfeefffff msi") == [.msi])
        #expect(try kinds(window + "\n" + frame, .software) == [.softwareMSI, .softwareMSI])
        #expect(try kinds(window + "\n" + frame, .hardware) == [.msi, .msi])
        let codes = try read(window).findings.map(\.code)
        #expect(codes.contains("msi-ambiguous"))
        #expect(try !read(window, .software).findings.map(\.code).contains("msi-ambiguous"))
    }

    @Test func otherTypesAndOddRanges() throws {
        let text = """
            0x1000 0xfff direct
            0x1000 0x2fff direct-relaxable
            0xfffffffffffff000 0xffffffffffffffff reserved
            """
        let regions = try #require(try read(text).devices.first?.reportedRegions)
        #expect(regions.map(\.kind) == [.direct, .directRelaxable, .reserved])
        #expect(regions.map(\.length) == [0, 0x2000, 0x1000])
    }

    /// What no kernel prints is read as it stands, and said.
    @Test(arguments: [
        ("0x8000000 0x80fffff msi\n0x8000000 0x80fffff msi", ["sysfs-order"]),
        ("0xa0000000 0xa00fffff reserved\n0x8000000 0x80fffff msi", ["sysfs-order"]),
        ("0x8000000 0x80fffff msi\n0x8000000 0x80fffff reserved", ["sysfs-order"]),
        ("0x1000 0x2fff reserved\n0x2000 0x3fff reserved", ["sysfs-order"]),
        ("0x1000 0x1fff reserved\n0x1800 0x27ff direct\n0x2000 0x2fff reserved", ["sysfs-order"]),
        ("0x1000 0x2fff reserved\n0x1800 0x27ff direct", []),
        ("0x8000000 0x80fffff reserved\n0x8000000 0x80fffff msi", []),
        ("0x8000000 0x7ffffff direct\n0x8000000 0x80fffff msi", ["sysfs-region-empty"]),
        ("0x0 0xffffffffffffffff reserved\n0x8000000 0x80fffff msi", ["sysfs-region-empty"]),
        ("0x8000000 0x7000000 reserved", ["sysfs-region-wraps"]),
        ("0x0 0x0 reserved\n0xfffffffffffff000 0xffffffffffffffff reserved", []),
    ])
    func oddGroupsAreSaid(text: String, codes: [String]) throws {
        let found = try read(text, .software).findings.map(\.code)
        #expect(found == ["group-number-unknown"] + codes + ["sysfs-knows-little"])
    }

    @Test func wrongLinesAreNamed() {
        let cases: [(String, Int?)] = [
            ("\(window)\nnonsense", 2), ("\(window) more", 1), ("0x1 0x2 soft\n", 1), ("1 2 msi", 1),
            ("0x10000000000000000 0x1 msi", 1), ("\n\n", nil), ("", nil), ("0x 0x1 msi", 1),
        ]
        for (text, line) in cases {
            do {
                _ = try read(text)
                Issue.record("\(text) is read")
            } catch let error as TextError {
                #expect(error.line == line, "\(text): \(error.reason)")
            } catch {
                Issue.record("\(error)")
            }
        }
    }

    @Test func cutFilesAreKeptUpToTheCut() throws {
        let lines = (0..<92).map { "0x\(pad($0 * 0x2000)) 0x\(pad($0 * 0x2000 + 0xfff)) reserved\n" }.joined()
        let cut = String(lines.prefix(TextLimits.sysfsPageBytes - 1))
        let platform = try read(cut)
        #expect(platform.findings.map(\.code).contains("sysfs-cut-off"))
        #expect(platform.devices[0].reportedRegions?.count == 87)
        #expect(throws: TextError.self) { try read(String(lines.prefix(1_000))) }
    }

    private func pad(_ value: Int) -> String {
        let digits = String(value, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }

    @Test func limitsHold() {
        let groups = (0...TextLimits.groupsMax).map { "\($0)/reserved_regions:\(window)\n" }.joined()
        #expect(throws: TextError.self) { try read(groups) }
        let regions = (0...TextLimits.regionsPerGroupMax).map {
            "0x\(pad($0 * 16)) 0x\(pad($0 * 16)) reserved\n"
        }
        #expect(throws: TextError.self) { try read(regions.joined()) }
    }

    @Test func textsNeverCrash() {
        var random = SeededGenerator.forTest("text mutations", fallback: 0x5f5)
        let samples = [
            "==> /sys/kernel/iommu_groups/4/reserved_regions <==\n\(window)\n\(frame)\n",
            "10000000-3efeffff : PCI Bus 0000:00\n  10000000-101fffff : PCI Bus 0000:03\n40000000-7fffffff : System RAM\n",
        ].map { Array($0.utf8) }
        var refused = 0
        for round in 0..<20_000 {
            var bytes = samples[round % 2]
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                let at = Int.random(in: 0..<bytes.count, using: &random)
                switch Int.random(in: 0...3, using: &random) {
                case 0: bytes[at] = .random(in: 0...255, using: &random)
                case 1: bytes.remove(at: at)
                case 2: bytes.insert(bytes.randomElement(using: &random)!, at: at)
                default: bytes.swapAt(at, Int.random(in: 0..<bytes.count, using: &random))
                }
            }
            var findings = FindingList()
            _ = InputKind.sniff(bytes)
            let isRead = (try? SysfsReader.read(bytes, nil, &findings)) != nil
            let isIOMem = (try? IOMemText.read(bytes, &findings)) != nil
            if !isRead, !isIOMem { refused += 1 }
        }
        #expect(refused > 5_000)
    }

    @Test func iomemIsNoListOfRegions() {
        #expect(InputKind.sniff(Array("00000000-0fffffff : reserved\n".utf8)) == .iomem)
        #expect(InputKind.sniff(Array("00000000-0fffffff : Reserved\n".utf8)) == .iomem)
        #expect(InputKind.sniff(Array("00000000 0fffffff reserved\n".utf8)) == .sysfs)
    }

    @Test func iomemKnowsRootBuses() throws {
        let text = """
            00000000-0fffffff : reserved
            10000000-3efeffff : PCI Bus 0000:00
              10000000-101fffff : PCI Bus 0000:03
                10000000-10000fff : 0000:03:00.0
            40000000-5fffffff : PCI Bus 0001:40
            80000000-bfffffff : System RAM
              80080000-81ffffff : Kernel code
            8000000000-ffffffffff : PCI Bus 0000:00
              8000000000-80001fffff : PCI Bus 0000:01
            """
        var findings = FindingList()
        let content = try IOMemText.read(Array(text.utf8), &findings)
        #expect(content.pciWindows[0]?.map(\.busStart) == [0x1000_0000, 0x80_0000_0000])
        #expect(content.pciWindows[0]?.map(\.is64Bit) == [false, true])
        #expect(content.pciWindows[1]?.map(\.size) == [0x2000_0000])
        #expect(content.memory.map(\.start.value) == [0x8000_0000])
        #expect(findings.findings.isEmpty)
        let hidden = "00000000-00000000 : PCI Bus 0000:00\n00000000-00000000 : System RAM\n"
        let nothing = try IOMemText.read(Array(hidden.utf8), &findings)
        #expect(nothing.pciWindows.isEmpty && nothing.memory.isEmpty)
        #expect(findings.findings.map(\.code) == ["iomem-hidden"])
        #expect(throws: TextError.self) { try IOMemText.read(Array("20-10 : x\n".utf8), &findings) }
        #expect(throws: TextError.self) {
            try IOMemText.read(Array("0-ffffffffffffffff : PCI Bus 0000:00\n".utf8), &findings)
        }
    }
}
