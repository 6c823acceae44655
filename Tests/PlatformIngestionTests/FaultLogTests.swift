// Kernel logs: every format that the drivers print, alone and mixed, and damaged.

import SMMUModel
import TestSupport
import Testing

@testable import PlatformIngestion

@Suite struct FaultLogTests {
    private func read(_ lines: [String]) throws -> FaultLog.Content {
        try FaultLog.read(Array(lines.joined(separator: "\n").utf8))
    }

    @Test func contextFaults() throws {
        let stingray =
            "arm-smmu 64000000.iommu: Unhandled context fault: fsr=0x402, iova=0x00000040, fsynr=0x2f0013, cbfrsynra=0x102, cb=15"
        for stamp in ["", "[   12.345678] ", "Sep 12 10:00:00 host kernel: [   12.3] ", "<3>[ 1.0] "] {
            let fault = try #require(try read([stamp + stingray]).faults.first)
            #expect(fault.smmu == "64000000.iommu" && fault.driver == .armSMMU && fault.line == 1)
            #expect(fault.cause == .translation && fault.iova == 0x40 && fault.streamID == 0x102)
            #expect(fault.isWrite == true && fault.isInstruction == false)
            #expect(fault.registers.map(\.name) == ["fsr", "fsynr", "cbfrsynra"])
        }
        let old = try read([
            "arm-smmu 2b500000.iommu: Unhandled context fault: fsr=0x8, iova=0x1000, fsynr=0x1, cb=0"
        ])
        #expect(old.faults.map(\.streamID) == [nil])
        #expect(old.faults[0].cause == .permission && old.faults[0].isWrite == false)
        let new = try read([
            "arm-smmu 15000000.iommu: Unhandled context fault: fsr=0x402, iova=0x1040, fsynr=0x11, cb=3",
            "arm-smmu 15000000.iommu: FSR    = 00000402 [Format=2 TF], SID=0x880",
            "arm-smmu 15000000.iommu: FSYNR0 = 00000011 [S1CBNDX=0 WNR PLVL=1]",
        ])
        #expect(new.faults.map(\.streamID) == [0x880] && new.otherLines.isEmpty)
    }

    @Test(arguments: [
        (UInt32(0x2), SMMUFault.Cause.translation), (0x4, .accessFlag), (0x8, .permission),
        (0x10, .externalAbort), (0x20, .tlbConflict), (0x80, .addressSize), (0x100, .unsupportedTransaction),
        (0, .other), (0x8000_0000, .other),
    ])
    func causes(status: UInt32, cause: SMMUFault.Cause) throws {
        let line =
            "arm-smmu a.iommu: Unhandled context fault: fsr=0x\(String(status, radix: 16)), iova=0x0, fsynr=0x0, cb=0"
        #expect(try read([line]).faults.map(\.cause) == [cause])
    }

    @Test func globalFaults() throws {
        let content = try read([
            "arm-smmu 5040000.iommu: Unexpected global fault, this could be serious",
            "unrelated: line",
            "arm-smmu 5040000.iommu: \tGFSR 0x80000002, GFSYNR0 0x00000002, GFSYNR1 0x00000804, GFSYNR2 0x00000000",
            "arm-smmu 5040000.iommu: Blocked unknown Stream ID 0x7a0; boot with \"arm-smmu.disable_bypass=0\" to allow",
        ])
        #expect(content.faults.map(\.event) == ["global fault", "unknown stream"])
        #expect(content.faults.map(\.streamID) == [0x804, 0x7a0])
        #expect(content.faults.map(\.line) == [1, 4] && content.linesIgnored == 1)
        #expect(content.faults.allSatisfy { $0.cause == .configuration && $0.iova == nil })
    }

    @Test func eventWords() throws {
        let name = "arm-smmu-v3 arm-smmu-v3.0.auto:"
        let other = "arm-smmu-v3 arm-smmu-v3.1.auto:"
        let content = try read([
            "\(name) event 0x10 received:", "\(name) \t0x0000000800000010", "\(other) event 0x02 received:",
            "\(name) \t0x0000020000000000", "\(other) \t0x0000770000000002", "\(name) \t0x0000000008090040",
            "\(name) \t0x0000000000000000", "\(name) \t0x0000000000000000",
        ])
        let fault = content.faults[0]
        #expect(fault.event == "F_TRANSLATION" && fault.streamID == 8 && fault.iova == 0x809_0040)
        #expect(fault.isWrite == true && fault.stage == 1 && fault.registers.count == 4)
        #expect(content.faults[1].event == "C_BAD_STREAMID" && content.faults[1].streamID == 0x7700)
        #expect(content.faults[1].iova == nil)
        // The fifth word belongs to nothing.
        #expect(content.otherLines.map(\.line) == [8])
    }

    @Test func decodedEvents() throws {
        let name = "arm-smmu-v3 arm-smmu-v3.0.auto:"
        let decoded =
            "\(name) event: F_TRANSLATION client: 0000:00:01.0 sid: 0x8 ssid: 0x0 iova: 0x8090040 ipa: 0x0"
        let access = "\(name) unpriv data write s1 \"Input address caused fault\" stag: 0x0"
        let alone = try read([decoded, access])
        #expect(alone.faults.count == 1)
        #expect(alone.faults[0].client == "0000:00:01.0" && alone.faults[0].isWrite == true)
        #expect(alone.faults[0].iova == 0x809_0040 && alone.faults[0].cause == .translation)
        let both = try read([
            "\(name) event 0x10 received:", "\(name) \t0x0000000800000010", "\(name) \t0x0000020000000000",
            "\(name) \t0x0000000008090040", "\(name) \t0x0000000000000000", decoded, access,
        ])
        #expect(both.faults.count == 1 && both.faults[0].client == "0000:00:01.0" && both.faults[0].line == 1)
        let cut = try read(["\(name) event 0x10 received:", decoded, "\(name) event 0x10 received:", decoded])
        #expect(cut.faults.map(\.line) == [1, 3])
        let unclaimed = try read([
            "\(name) event: C_BAD_STE client: (unassigned sid) sid: 0x30 ssid: 0x5 iova: 0x0 ipa: 0x0",
            "\(name) priv inst read s2 \"CD fetch\" stag: 0x1",
            "\(name) EVTQ overflow detected -- events lost",
        ])
        #expect(unclaimed.faults[0].client == nil && unclaimed.faults[0].substreamID == 5)
        #expect(unclaimed.faults[0].stage == 2 && unclaimed.faults[0].isInstruction == true)
        #expect(unclaimed.otherLines.map(\.line) == [3])
    }

    @Test func logsNeverCrash() throws {
        var random = SeededGenerator.forTest("fault log mutations", fallback: 0xfa)
        let name = "arm-smmu-v3 arm-smmu-v3.0.auto:"
        let sample = Array(
            [
                "arm-smmu 64000000.iommu: Unhandled context fault: fsr=0x402, iova=0x00000040, fsynr=0x2f0013, cbfrsynra=0x102, cb=15",
                "\(name) event 0x10 received:", "\(name) \t0x0000000800000010",
                "\(name) \t0x0000020000000000",
                "\(name) event: F_TRANSLATION client: 0000:00:01.0 sid: 0x8 ssid: 0x0 iova: 0x8090040 ipa: 0x0",
                "arm-smmu 5040000.iommu: \tGFSR 0x80000002, GFSYNR0 0x00000002, GFSYNR1 0x00000804, GFSYNR2 0x0",
            ].joined(separator: "\n").utf8)
        var faults = 0
        for _ in 0..<5_000 {
            var bytes = sample
            for _ in 0..<Int.random(in: 1...5, using: &random) {
                let at = Int.random(in: 0..<bytes.count, using: &random)
                switch Int.random(in: 0...2, using: &random) {
                case 0: bytes[at] = .random(in: 0...255, using: &random)
                case 1: bytes.remove(at: at)
                default: bytes.insert(bytes.randomElement(using: &random)!, at: at)
                }
            }
            faults += try FaultLog.read(bytes).faults.count
        }
        #expect(faults > 5_000)
        let storm = Array(String(repeating: "\(name) event 0x10 received:\n", count: 1_500).utf8)
        let content = try FaultLog.read(storm)
        #expect(content.faults.count == FaultLog.faultsMax && content.faultsDropped == 500)
    }
}
