// The formats of other kernels and of Xen, facts on lines of their own, and what a log says beside faults.

import Foundation
import Machines
import TestSupport
import Testing

@testable import Ingestion

@Suite struct FaultFormTests {
    private func read(_ lines: [String]) throws -> FaultLog.Content {
        try FaultLog.read(Array(lines.joined(separator: "\n").utf8))
    }

    private static let phone = [
        "Unhandled arm-smmu context fault from a600000.dwc3!", "FAR    = 0x00000000efe60800",
        "PAR    = 0x0000000000000000", "FSR    = 0x40000402 [TF R SS ]", "FSYNR0    = 0x5f0003",
        "FSYNR1    = 0xaa02", "context bank#    = 0x1b", "SID = 0x1440",
    ]

    @Test func qualcommPhones() throws {
        let named = Self.phone.map { "    <3>[  718.314900][  T803] arm-smmu 15000000.apps-smmu: \($0)" }
        for lines in [named, Self.phone] {
            let content = try read(lines)
            let fault = try #require(content.faults.first)
            #expect(content.faults.count == 1 && content.otherLines.isEmpty)
            #expect(fault.client == "a600000.dwc3" && fault.iova == 0xefe6_0800 && fault.streamID == 0x1440)
            #expect(fault.cause == .translation && fault.isWrite == false && fault.isStalled == true)
            #expect(fault.format == .msm && !fault.isIncomplete && fault.event == "context fault")
            #expect(
                fault.registers.contains(.init("cb", 0x1b))
                    && fault.registers.contains(.init("far", 0xefe6_0800)))
        }
        #expect(try read(named).faults.first?.firstTime == "718.314900")
        // Older ones print a line of numbers as well.
        let old = try read([
            "arm-smmu 15000000.apps-smmu: Unhandled context fault: iova=0x00001000, cb=21, fsr=0x402, fsynr0=0x13, fsynr1=0x2",
            "arm-smmu 15000000.apps-smmu: FAR    = 0000000000001000",
            "arm-smmu 15000000.apps-smmu: FSR    = 00000402 [TF W SS ]",
            "arm-smmu 15000000.apps-smmu: soft iova-to-phys=0x0000000000000000",
            "arm-smmu 15000000.apps-smmu: SID=0x880",
        ])
        #expect(old.faults.map(\.iova) == [0x1000] && old.faults.map(\.streamID) == [0x880])
        #expect(old.faults.map(\.isIncomplete) == [false] && old.otherLines.isEmpty)
        // A second address is another fault's, whose first line was lost, and so is what follows.
        let odd = try read(Self.phone.dropLast() + ["FAR    = 0x0000000000001000", "SID = 0x1441"])
        #expect(odd.faults.map(\.iova) == [0xefe6_0800] && odd.faults.map(\.streamID) == [nil])
        // A line that the log has twice changes nothing.
        let doubled = try read(Self.phone[...0] + Self.phone.dropFirst().flatMap { [$0, $0] })
        #expect(doubled.faults == (try read(Self.phone).faults))
    }

    @Test func xen() throws {
        let content = try read([
            "(XEN) smmu: /iommu@51400000: Unhandled context fault: fsr=0x408, iova=0x86000a60, fsynr=0x1c0062, cb=0",
            "(XEN) [2022-11-02 10:11:12.345] smmu: /iommu@7fb30000: Unexpected global fault, this could be serious",
            "(XEN) smmu: /iommu@7fb30000: \tGFSR 0x00000004, GFSYNR0 0x00000006, GFSYNR1 0x00000000, GFSYNR2 0x00000000",
            "(XEN) smmu-v3: /soc/iommu@9050000: event 0x10 received:",
            "(XEN) smmu-v3: /soc/iommu@9050000: \t0x0000000800000010",
            "(XEN) SMMUv3: /soc/iommu@9050000: \t0x0000020000000000",
            "(XEN) smmu-v3: /soc/iommu@9050000: \t0x0000000008090040",
            "(XEN) smmu-v3: /soc/iommu@9050000: \t0x0000000000000000",
            "(XEN) smmu: probing hardware configuration...",
        ])
        #expect(content.faults.map(\.smmu) == ["/iommu@51400000", "/iommu@7fb30000", "/soc/iommu@9050000"])
        #expect(content.faults.map(\.cause) == [.permission, .configuration, .translation])
        #expect(content.faults.map(\.iova) == [0x8600_0a60, nil, 0x809_0040])
        #expect(content.faults.map(\.isWrite) == [false, true, true])
        #expect(content.faults.allSatisfy { $0.format == .xen && !$0.isIncomplete })
    }

    @Test func tegra() throws {
        let line =
            "arm-smmu 12000000.iommu: Unhandled context fault: iova=0x17fe0fe00, fsynr=0x220003, cb=21, "
            + "sid=17(0x11 - AFI), pgd=25bec9003, pud=25bec9003, pmd=235086003, pte=0"
        let fault = try #require(try read([line]).faults.first)
        #expect(fault.streamID == 0x11 && fault.client == "AFI" && fault.cause == .translation)
        #expect(fault.iova == 0x1_7fe0_fe00 && fault.isWrite == false && fault.format == .l4t)
        #expect(fault.registers.contains(.init("pte", 0)) && !fault.isIncomplete)
        // Broken between any two words, and its facts on lines of their own.
        let words = line.split(separator: " ").map(String.init)
        for place in 3..<words.count {
            let halves = [words[..<place], words[place...]].map { $0.joined(separator: " ") }
            let wrapped = try read(halves).faults
            #expect(wrapped == [fault], "\(halves)")
        }
        let apart = try read([
            "arm-smmu 12000000.iommu: Unhandled context fault: iova=0x17fe0fe00, fsynr=0x220003, cb=21",
            "arm-smmu 12000000.iommu: sid=17(0x11 - AFI)",
            "arm-smmu 12000000.iommu: pgd=25bec9003, pud=25bec9003, pmd=235086003, pte=0",
        ])
        #expect(apart.faults == [fault])
        // The number twice, and not the same.
        let odd = line.replacingOccurrences("17(0x11", "17(0x12")
        #expect(try read([odd]).faults.map(\.streamID) == [nil])
        #expect(try read([odd]).faults.map(\.isIncomplete) == [true])
        let mapped = line.replacingOccurrences("pte=0", "pte=235086f43")
        #expect(try read([mapped]).faults.map(\.cause) == [.other])
    }

    @Test func shortenedLines() throws {
        let content = try read(["arm-smmu: Unhandled context fault: iova=0x1fffff000, SID=0x5a1"])
        #expect(content.faults.map(\.iova) == [0x1_ffff_f000] && content.faults.map(\.streamID) == [0x5a1])
        #expect(
            content.faults.map(\.format) == [.abbreviated] && content.faults.map(\.isIncomplete) == [false])
        let bare = try read(["Unhandled context fault: iova=0x1fffff000, SID=0x5a1"])
        #expect(bare.faults.map(\.format) == [.abbreviated])
        let other = try read([
            "arm-smmu-impl 3000000.smmu: Unhandled context fault: fsr=0x402, iova=0x40, fsynr=0x11, cb=1"
        ])
        #expect(other.faults.map(\.smmu) == ["3000000.smmu"])
        // A number that was broken on its line is no address.
        let halves = try read([
            "arm-smmu a: Unhandled context fault: fsr=0x402, iova=0x0000 0040, fsynr=0x13, cb=1"
        ])
        #expect(halves.faults.map(\.iova) == [nil] && halves.faults.map(\.isIncomplete) == [true])
        let cut = try read(["arm-smmu a: Unhandled context fault: fsr=0x402, iova=0x0000004"])
        #expect(cut.faults.map(\.iova) == [nil] && cut.faults.map(\.cause) == [.translation])
        let loud = try read([
            "arm-smmu a: Unhandled context fault: fsr=0x402, iova=0x40, fsynr=0x13, cbfrsynra=0x7, cb=1",
            "arm-smmu a: FSR    = 00000008 [Format=0 PF], SID=0x8",
        ])
        // Of another fault, whose first line was lost.
        #expect(loud.faults.map(\.cause) == [.translation] && loud.faults.map(\.streamID) == [7])
        #expect(loud.faults.map(\.isIncomplete) == [false] && loud.otherLines.map(\.line) == [2])
    }

    @Test func commandQueue() throws {
        let name = "arm-smmu-v3 arm-smmu-v3.0.auto:"
        let content = try read([
            "\(name) event 0x10 received:", "\(name) \t0x0000000800000010",
            "\(name) CMD_SYNC timeout at 0x0000b1b7 [hwprod 0x0000b1c0, hwcons 0x0000b1b7]",
            "\(name) \t0x0000020000000000", "\(name) \t0x0000000008090040",
            "\(name) CMDQ error (cons 0x0100b1b7): ATC invalidate timeout", "\(name) \t0x0000000000000000",
            "\(name) unexpected global error reported (0x00000001), this could be serious",
            "\(name) CMD_SYNC timeout at 0x0000b1b8 [hwprod 0x0000b1c0, hwcons 0x0000b1b7]",
        ])
        #expect(
            content.faults.map(\.event) == [
                "F_TRANSLATION", "CMD_SYNC timeout", "CMDQ error: ATC invalidate timeout", "global error",
            ])
        #expect(content.faults.map(\.cause) == [.translation, .commandQueue, .commandQueue, .commandQueue])
        #expect(content.faults.map(\.count) == [1, 2, 1, 1] && content.faults[1].lastLine == 9)
        #expect(content.faults.map(\.iova) == [0x809_0040, nil, nil, nil] && content.otherLines.isEmpty)
        #expect(content.faults[1].registers.map(\.name) == ["at", "hwprod", "hwcons"])
        #expect(content.faults[2].registers == [.init("cons", 0x100_b1b7)])
        #expect(content.faults[3].registers == [.init("gerror", 1)] && !content.faults[0].isIncomplete)
    }

    @Test func whatIsNotInTheLog() throws {
        let content = try read([
            "arm_smmu_context_fault: 83 callbacks suppressed",
            "[ 5.0] arm-smmu 5000000.iommu: 17 callbacks suppressed",
            "net_ratelimit: 5 callbacks suppressed",
            "arm-smmu-v3 a: EVTQ overflow detected -- events lost",
        ])
        #expect(content.suppressed == 100 && content.eventsLost && content.linesIgnored == 1)
        #expect(content.otherLines.map(\.kind) == [.suppressed, .suppressed, .eventsLost])
        let line = "arm-smmu a: Unhandled context fault: fsr=0x402, iova=0x40, fsynr=0x13, cb=1"
        #expect(try !read([line]).eventsLost)
        #expect(try read([line.replacingOccurrences("0x402", "0x80000402")]).eventsLost)
        let aborted = try read(["arm-smmu-v3 a: EVTQ write aborted -- events may have been lost"])
        #expect(aborted.eventsLost)
    }

    @Test(arguments: [
        (
            "mtk-iommu 10205000.iommu: fault type=0x5 iova=0x1000 pa=0x0 larb=0 port=0 layer=0 write",
            "MediaTek"
        ),
        ("exynos-sysmmu 13e20000.sysmmu: PAGE FAULT occurred at 0x1000", "Exynos"),
        ("rk_iommu fdab9000.iommu: Page fault at 0x0000000000001000 of type write", "Rockchip"),
        ("ipmmu-vmsa e67b0000.iommu: Unhandled fault: status 0x00000001 iova 0x1000", "Renesas"),
        ("DMAR: [DMA Write] Request device [01:00.0] fault addr fee00000 [fault reason 05]", "Intel"),
        (
            "pcieport 0000:00:01.1: AMD-Vi: Event logged [IO_PAGE_FAULT domain=0x0000 address=0xfee00000]",
            "AMD"
        ),
        ("mc-err: (255) csr_afir: EMEM address decode error", "memory controller"),
    ])
    func foreignUnits(line: String, name: String) throws {
        let content = try read(["[    1.0] \(line)", "[    1.1] usb 1-1: new device"])
        #expect(content.faults.isEmpty && content.otherLines.count == 1 && content.linesIgnored == 1)
        #expect(content.foreign?.contains(name) == true && content.foreign?.hasPrefix("Line 1: ") == true)
        let boot = try read(["DMAR: IOMMU enabled", "rk_iommu fdab9000.iommu: registered"])
        #expect(boot.otherLines.isEmpty)
    }

    @Test func times() throws {
        let line = "arm-smmu a: Unhandled context fault: fsr=0x402, iova=0x40, fsynr=0x13, cb=1"
        for (front, time) in [
            ("[   12.345678] ", "12.345678"), ("Nov 12 03:14:07 host kernel: ", "Nov 12 03:14:07"),
            ("<3>[ 1.5][    C0] ", "1.5"), ("[Tue Nov 24 10:36:27 2026] ", "Tue Nov 24 10:36:27 2026"),
            ("2026-09-12T10:00:00.123456+00:00 host kernel: ", "2026-09-12T10:00:00.123456+00:00"),
            ("0000:01:00.0 ", nil), ("", nil),
        ] as [(String, String?)] {
            #expect(try read([front + line]).faults.map(\.firstTime) == [time], "\(front)")
        }
    }

    @Test func repeatsAreOneItem() throws {
        var lines: [String] = []
        for number in 0..<20_000 {
            lines.append(
                "[ \(number).5] arm-smmu a: Unhandled context fault: fsr=0x402, iova=0x0000\(number % 2)040, fsynr=0x13, cb=\(number % 3)"
            )
        }
        lines.append("Nov 12 03:14:07 h kernel: message repeated 30 times: [ \(lines[19_999])]")
        let content = try read(lines)
        #expect(content.faults.count == 6 && content.faults.map(\.line) == [1, 2, 3, 4, 5, 6])
        #expect(content.faults.map(\.count).reduce(0, +) == 20_030 && content.faultsDropped == 0)
        #expect(content.faults.map(\.firstTime) == (0..<6).map { "\($0).5" })
        #expect(content.faults.map(\.lastLine).max() == 20_001)
        #expect(throws: TextError.self) { try FaultLog.read(Array("a\nb\nc\nd".utf8), linesMax: 3) }
    }
}

extension String {
    fileprivate func replacingOccurrences(_ words: String, _ others: String) -> String {
        guard let place = range(of: words) else { return self }
        return replacingCharacters(in: place, with: others)
    }
}
