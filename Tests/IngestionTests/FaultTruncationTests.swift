// Every format, cut off at every line and at every word, with lines of others between, and with a line lost:
// what is told then is what the whole record says, or nothing. And a number that is told is in the text.

import Foundation
import Machines
import TestSupport
import Testing

@testable import Ingestion

@Suite struct FaultTruncationTests {
    private static let v3 = "[  196.747107] arm-smmu-v3 arm-smmu-v3.0.auto:"
    private static let v2 = "[  718.314900] arm-smmu 15000000.apps-smmu:"

    /// One whole record of each format.
    static let formats: [(name: String, lines: [String])] = [
        (
            "linux",
            [
                "\(v2) Unhandled context fault: fsr=0x402, iova=0x08000040, fsynr=0x2f0013, cbfrsynra=0x102, cb=15"
            ]
        ),
        ("linux without commas", ["\(v2) Unhandled context fault: iova=0xffc00000 cbfrsynra=0x1401 cb=11"]),
        ("linux 4.4", ["\(v2) Unhandled context fault: iova=0x06030040, fsynr=0x12, cb=0"]),
        (
            "linux 6.15",
            [
                "\(v2) Unhandled context fault: fsr=0x402, iova=0x9c4b9000, fsynr=0x7c0020, cbfrsynra=0x800, cb=7",
                "\(v2) FSR    = 00000402 [Format=2 TF], SID=0x800",
                "\(v2) FSYNR0 = 007c0020 [S1CBNDX=124 PNU PLVL=0]",
            ]
        ),
        (
            "unknown stream",
            [
                "\(v2) Blocked unknown Stream ID 0x22e0; boot with \"arm-smmu.disable_bypass=0\" to allow",
                "\(v2) \tGFSR 0x80000002, GFSYNR0 0x00000002, GFSYNR1 0x000022e0, GFSYNR2 0x00000000",
            ]
        ),
        (
            "words",
            ["\(v3) event 0x10 received:"]
                + ["0x0000790000000010", "0x0000120800000080", "0x0000000012345678", "0x0000000000000000"].map
            {
                "\(v3)  \($0)"
            }
        ),
        (
            "words and decoded line",
            ["\(v3) event 0x10 received:"]
                + ["0x0000750100001810", "0x0000120080000176", "0x0000aaaada7af000", "0x0000aaaada7af000"].map
            {
                "\(v3)  \($0)"
            } + [
                "\(v3) event: F_TRANSLATION client: 0000:75:00.1 sid: 0x7501 ssid: 0x1 iova: 0xaaaada7af000 ipa: 0xaaaada7af000",
                "\(v3) unpriv data write s1 \"Input address caused fault\" stall stag: 0x176",
            ]
        ),
        (
            "configuration event",
            [
                "\(v3) event 0x02 received:", "\(v3) 0x0000090000000002", "\(v3) 0x0000000000000000",
                "\(v3) 0x0000000000000000", "\(v3) 0x0000000000000000",
                "\(v3) event: C_BAD_STREAMID client: (unassigned sid) sid: 0x900 ssid: 0x0",
            ]
        ),
        (
            "phone",
            [
                "Unhandled arm-smmu context fault from a600000.dwc3!", "FAR    = 0x00000000efe60800",
                "PAR    = 0x0000000000000000", "FSR    = 0x40000402 [TF R SS ]", "FSYNR0    = 0x5f0003",
                "FSYNR1    = 0xaa02", "context bank#    = 0x1b",
            ].map { "<3>\(v2) \($0)" }
        ),
        (
            "tegra",
            [
                "\(v2) Unhandled context fault: iova=0x17fe0fe00, fsynr=0x220003, cb=21, "
                    + "sid=17(0x11 - AFI), pgd=25bec9003, pud=25bec9003, pmd=235086003, pte=0"
            ]
        ),
        ("short", ["arm-smmu: Unhandled context fault: iova=0x1fffff000, SID=0x5a1"]),
        (
            "xen",
            [
                "(XEN) smmu: /iommu@51400000: Unhandled context fault: fsr=0x408, iova=0x86000a60, fsynr=0x1c0062, cb=0"
            ]
        ),
        (
            "xen, words",
            [
                "event 0x10 received:", "\t0x0000000800000010", "\t0x0000020000000000",
                "\t0x0000000008090040",
                "\t0x0000000000000000",
            ].map { "(XEN) smmu-v3: /soc/iommu@9050000: \($0)" }
        ),
        ("command queue", ["\(v3) CMDQ error (cons 0x0100b1b7): ATC invalidate timeout"]),
    ]

    private func read(_ text: String) throws -> [SMMUFault] { try FaultLog.read(Array(text.utf8)).faults }

    private func expectNoContradiction(_ found: [SMMUFault], _ whole: SMMUFault, _ text: String) {
        for fault in found {
            let complaint = fault.contradiction(of: [whole], in: text)
            #expect(complaint == nil, "\(complaint ?? ""): \(text)")
        }
    }

    @Test(arguments: formats.indices) func cutsSayTheSameOrNothing(index: Int) throws {
        let lines = Self.formats[index].lines
        let found = try read(lines.joined(separator: "\n"))
        let whole = try #require(found.first)
        #expect(found.count == 1 && !whole.isIncomplete, "\(Self.formats[index].name)")
        let text = lines.joined(separator: "\n")
        for place in text.indices where text[place] == " " || text[place] == "\n" {
            for end in ["", "\n", "\n[  900.000000] usb 1-1: new high-speed USB device\n"] {
                let cut = String(text[..<place]) + end
                expectNoContradiction(try read(cut), whole, cut)
            }
        }
        for lost in lines.indices {
            var fewer = lines
            fewer.remove(at: lost)
            // One fault may be two then: its words, and what is decoded from them.
            let cut = fewer.joined(separator: "\n")
            expectNoContradiction(try read(cut), whole, cut)
        }
        let between = lines.flatMap { [$0, "[  800.000000] usb 1-1: new device"] }.joined(separator: "\r\n")
        #expect(
            try read(between)
                == [whole].map { fault in
                    var later = fault
                    later.isIncomplete = false
                    return later
                })
    }

    /// Each format beside each other one: their SMMUs keep them apart.
    @Test func formatsSideBySide() throws {
        for (name, lines) in Self.formats {
            for (other, more) in Self.formats where other != name {
                let renamed = more.map {
                    $0.replacingOccurrences(of: "v3.0.auto", with: "v3.9.auto")
                        .replacingOccurrences(of: "15000000", with: "16000000")
                        .replacingOccurrences(of: "/iommu@5", with: "/iommu@6")
                        .replacingOccurrences(of: "/soc/", with: "/bus/")
                }
                var mixed: [String] = []
                for index in 0..<max(lines.count, renamed.count) {
                    mixed += lines.dropFirst(index).prefix(1) + renamed.dropFirst(index).prefix(1)
                }
                let faults = try read(mixed.joined(separator: "\n"))
                #expect(faults.count == 2 && faults.allSatisfy { !$0.isIncomplete }, "\(name), \(other)")
            }
        }
    }

    /// What is known of the field cases; `expect.md` beside each says why.
    @Test(.enabled(if: SharedShelf.isPresent)) func fieldCases() throws {
        func faults(_ name: String) throws -> FaultLog.Content {
            try FaultLog.read(SharedShelf.bytes("data/field/\(name).txt"))
        }
        for name in ["f19-hisi-53rc1-msi", "f19b-fixed"] {
            let fault = try #require(try faults(name).faults.first)
            #expect(fault.event == "F_TRANSLATION" && fault.streamID == 0x180 && fault.iova == 0xffff_e040)
            #expect(fault.isWrite == true && !fault.isIncomplete)
        }
        let lost = try #require(try faults("f19d-noword0").faults.first)
        #expect(lost.event == "F_TRANSLATION" && lost.isIncomplete)
        #expect(lost.streamID == nil && lost.iova == nil && lost.isWrite == nil)
        #expect(try faults("f19f-trunc").faults.map(\.isIncomplete) == [true])
        #expect(try faults("f20-hpre-interleaved").faults.map(\.isIncomplete) == [false, true])
        let xen = try faults("f21-xen").faults
        #expect(xen.map(\.smmu) == ["/iommu@51400000", "/iommu@7fb30000"])
        #expect(xen.map(\.cause) == [.permission, .configuration] && xen[0].iova == 0x8600_0a60)
        let phone = try #require(try faults("f35-android-qcom").faults.first)
        #expect(phone.iova == 0xefe6_0800 && phone.isWrite == false && phone.cause == .translation)
        #expect(phone.client == "a600000.dwc3")
        let tegra = try #require(try faults("f14-tx2-sid-named").faults.first)
        #expect(tegra.streamID == 0x11 && tegra.client == "AFI" && tegra.cause == .translation)
        let short = try #require(try faults("f12-fastrpc-sid").faults.first)
        #expect(short.iova == 0x1_ffff_f000 && short.streamID == 0x5a1 && short.format == .abbreviated)
        #expect(try faults("f16-mt7916").suppressed == 83)
        let queue = try faults("f36-cmdq").faults
        #expect(queue.count == 3 && queue.allSatisfy { $0.cause == .commandQueue && $0.iova == nil })
        let sva = try #require(try faults("f02-sva-wrapped").faults.first)
        #expect(
            sva.isStalled == true && sva.substreamID == 1 && sva.client == "0000:75:00.1" && !sva.isIncomplete
        )
        #expect(try faults("f17-sm7150-newfmt").faults.map(\.streamID) == [0x800, 0xc40])
        #expect(try faults("f13-wifi-nocomma").faults.map(\.streamID) == [0x1401])
        #expect(try faults("f24-noheader").faults.map(\.iova) == [0x9_0000_f040])
        #expect(try faults("f25-qemu-multi-smmu").faults.map(\.streamID) == [0x900])
        #expect(try faults("f10-ls1028-shutdown").faults.map(\.count) == [2])
        #expect(try faults("f06-rk3588-r8125-zero").faults.map(\.iova) == [0, 0x100])
        #expect(try faults("f28-bad-ste").faults.map(\.iova) == [nil])
        #expect(try faults("f34-two-smmus-interleaved").faults.map(\.iova) == [0x800_0040, 0xabff_6000])
        for name in SharedShelf.names(in: "data/field") where name.hasPrefix("f") && name.hasSuffix(".txt") {
            #expect(try !FaultLog.read(SharedShelf.bytes("data/field/\(name)")).faults.isEmpty, "\(name)")
        }
    }
}
