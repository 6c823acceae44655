// Kernel logs: every format that the drivers print, alone and mixed, and damaged.

import Foundation
import Machines
import TestSupport
import Testing

@testable import Ingestion

@Suite struct FaultLogTests {
    private func read(_ lines: [String]) throws -> FaultLog.Content {
        try FaultLog.read(Array(lines.joined(separator: "\n").utf8))
    }

    @Test func contextFaults() throws {
        let stingray =
            "arm-smmu 64000000.iommu: Unhandled context fault: fsr=0x402, iova=0x00000040, fsynr=0x2f0013, cbfrsynra=0x102, cb=15"
        for stamp in ["", "[   12.345678] ", "Sep 12 10:00:00 host kernel: [   12.3] ", "<3>[ 1.0] "] {
            let fault = try #require(try read([stamp + stingray]).faults.first)
            // A stamp in brackets is no array of JSON.
            #expect(InputKind.sniff(Array((stamp + stingray).utf8)) == .faultLog)
            #expect(fault.smmu == "64000000.iommu" && fault.driver == .armSMMU && fault.line == 1)
            #expect(fault.cause == .translation && fault.iova == 0x40 && fault.streamID == 0x102)
            #expect(fault.isWrite == true && fault.isInstruction == false)
            #expect(fault.registers.map(\.name) == ["fsr", "fsynr", "cbfrsynra", "cb"])
        }
        let old = try read([
            "arm-smmu 2b500000.iommu: Unhandled context fault: fsr=0x8, iova=0x1000, fsynr=0x1, cb=0"
        ])
        #expect(old.faults.map(\.streamID) == [nil])
        #expect(old.faults[0].cause == .permission && old.faults[0].isWrite == false)
        let new = try read([
            "arm-smmu 15000000.iommu: Unhandled context fault: fsr=0x402, iova=0x1040, fsynr=0x11, cbfrsynra=0x880, cb=3",
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
        #expect(cut.faults.map(\.line) == [1] && cut.faults.map(\.count) == [2])
        #expect(cut.faults.map(\.lastLine) == [3] && cut.faults.map(\.isIncomplete) == [false])
        let unclaimed = try read([
            "\(name) event: C_BAD_STE client: (unassigned sid) sid: 0x30 ssid: 0x5 iova: 0x0 ipa: 0x0",
            "\(name) priv inst read s2 \"CD fetch\" stag: 0x1",
            "\(name) EVTQ overflow detected -- events lost",
        ])
        #expect(unclaimed.faults[0].client == nil && unclaimed.faults[0].substreamID == 5)
        // Drivers never describe the access of this event: that line is another's.
        #expect(unclaimed.faults[0].stage == nil && unclaimed.faults[0].isInstruction == nil)
        #expect(unclaimed.otherLines.map(\.line) == [2, 3])
    }

    /// What the same line looks like in the logs, mails and consoles that people have.
    @Test(arguments: [
        "3,1234,5678901,-;$", "[   12.345678][    C0] $", "kern  :err   : [Tue Nov 24 10:36:27 2026] $",
        "2026-09-12T10:00:00.123456+00:00 host kernel: $", "> [   12.3] $", "{\"MESSAGE\":\"$\"}", "$\r",
        "\u{1b}[32m[   12.3] \u{1b}[0m\u{1b}[33m$\u{1b}[0m",
    ])
    func stampsAreSeenThrough(form: String) throws {
        let line =
            "arm-smmu 64000000.iommu: Unhandled context fault: fsr=0x402, iova=0x00000040, fsynr=0x2f0013, cbfrsynra=0x102, cb=15"
        let content = try read([form.replacingOccurrences(of: "$", with: line)])
        let fault = try #require(content.faults.first)
        #expect(fault.smmu == "64000000.iommu" && fault.iova == 0x40 && fault.streamID == 0x102)
        #expect(fault.isWrite == true && content.otherLines.isEmpty)
    }

    @Test func olderAndBareContextFaults() throws {
        let oldest = try read([
            "arm-smmu 2b500000.iommu: Unhandled context fault: iova=0x00001000, fsynr=0x13, cb=2"
        ])
        #expect(oldest.faults.map(\.iova) == [0x1000] && oldest.faults.map(\.cause) == [.other])
        #expect(oldest.faults[0].isWrite == true && oldest.faults[0].registers.last == .init("cb", 2))
        let decoded = try read([
            "arm-smmu a.iommu: Unhandled context fault: iova=0x00001000, cbfrsynra=0x7, cb=2",
            "arm-smmu a.iommu: FSR    = 00000008 [Format=0 PF], SID=0x7",
            "arm-smmu a.iommu: FSYNR0 = 00000013 [S1CBNDX=0 WNR PLVL=3]",
        ])
        #expect(decoded.faults.map(\.cause) == [.permission] && decoded.faults[0].streamID == 7)
        #expect(decoded.faults[0].isWrite == true)
        let blanks = try read([
            "arm-smmu a.iommu: Unhandled context fault: fsr=0x402 iova=0x40 fsynr=0x13 cb=1"
        ])
        #expect(blanks.faults.map(\.iova) == [0x40])
        // The driver's name was cut away.
        let bare = try read([
            "[ 1.0] Unhandled context fault: fsr=0x402, iova=0x00000040, fsynr=0x13, cb=15",
            "event 0x10 received:", "\t0x0000000800000010", "\t0x0000020000000000", "\t0x0000000008090040",
            "\t0x0000000000000000", "0x1 is no word of an event",
        ])
        #expect(bare.faults.map(\.smmu) == ["", ""] && bare.faults.map(\.iova) == [0x40, 0x809_0040])
        let colon = try read([
            "arm-smmu soc:iommu: Unhandled context fault: fsr=0x402, iova=0x40, fsynr=0x13, cb=1"
        ])
        #expect(colon.faults.map(\.smmu) == ["soc:iommu"])
        // The decoded registers of a fault that is not in the log.
        let orphan = try read(["arm-smmu a.iommu: FSR    = 00000402 [Format=2 TF], SID=0x102"])
        #expect(orphan.faults.isEmpty && orphan.otherLines.count == 1)
    }

    @Test func wrappedLines() throws {
        let whole =
            "arm-smmu 64000000.iommu: Unhandled context fault: fsr=0x402, iova=0x00000040, fsynr=0x2f0013, cbfrsynra=0x102, cb=15"
        let expected = try #require(try read([whole]).faults.first)
        let bytes = Array(whole.utf8)
        // Broken at any byte behind the SMMU's name, as a terminal of few columns does, and at any blank.
        for place in 26..<bytes.count - 1 {
            let isBlank = bytes[place] == 0x20
            let halves = [bytes[..<place], bytes[(isBlank ? place + 1 : place)...]].map {
                String(decoding: $0, as: UTF8.self)
            }
            // "cb=1" of "cb=15" is whole, and so is "Unhandled context fau": the rest is not known from it.
            guard !halves[0].hasSuffix("cb=1"), !"fault:".hasPrefix(halves[1].prefix(1)) || isBlank,
                place > 53 || isBlank
            else { continue }
            let content = try read(halves + ["[ 2.0] usb 1-1: new"])
            #expect(content.faults == [expected], "\(halves)")
            #expect(content.linesIgnored == 1 && content.otherLines.isEmpty)
            let quoted = try read(halves.map { "> " + $0 })
            #expect(quoted.faults == [expected], "\(halves)")
        }
        // What is cut off and not gone on with is taken as it is.
        let cut = try read([String(whole.prefix(90)), "rtc0: alarms up to one year", whole])
        #expect(cut.faults.map(\.iova) == [0x40, 0x40] && cut.faults.map(\.streamID) == [nil, 0x102])
        #expect(cut.linesIgnored == 1)
        let event = try read([
            "arm-smmu-v3 arm-smmu-v3.0.auto: event: F_TRANSLATION client: 0000:00:01.0 sid: 0x8",
            "ssid: 0x0 iova:",
            "0x8090040 ipa: 0x0",
        ])
        #expect(event.faults.map(\.iova) == [0x809_0040] && event.faults.map(\.streamID) == [8])
    }

    @Test func blockedStreamsAreOneFault() throws {
        let content = try read([
            "arm-smmu a.iommu: Blocked unknown Stream ID 0x102; boot with \"arm-smmu.disable_bypass=0\" to allow, "
                + "but this may have security implications",
            "arm-smmu a.iommu: #011GFSR 0x80000002, GFSYNR0 0x00000002, GFSYNR1 0x00000102, GFSYNR2 0x00000000",
            "arm_smmu_global_fault: 41 callbacks suppressed",
            "arm-smmu a.iommu: \tGFSR 0x00000002, GFSYNR0 0x00000000, GFSYNR1 0x00000103, GFSYNR2 0x00000000",
        ])
        #expect(content.faults.map(\.event) == ["unknown stream", "global fault"])
        #expect(content.faults.map(\.streamID) == [0x102, 0x103])
        #expect(content.faults.map(\.isWrite) == [true, false])
        #expect(content.otherLines.map(\.line) == [3])
    }

    @Test func recordsAreDecodedByTheirKind() throws {
        let name = "arm-smmu-v3 arm-smmu-v3.0.auto:"
        func fault(_ words: UInt64...) throws -> SMMUFault {
            let lines = words.map { "\(name) \t0x" + String($0, radix: 16) }
            return try #require(
                try read(["\(name) event 0x\(String(words[0] & 0xff, radix: 16)) received:"] + lines).faults
                    .first)
        }
        let write = try fault(0xdead_beef_0000_0010, 1 << 41, 0xffff_0000_0800_0040, 0)
        #expect(write.streamID == 0xdead_beef && write.iova == 0xffff_0000_0800_0040 && write.isWrite == true)
        #expect(write.transaction == .inputAddress && write.stage == 1 && write.intermediate == nil)
        let second = try fault(0x8_0123_4810, 1 << 41 | 1 << 39 | 1 << 35, 0x40, 0x0fff_0000_0800_0fff)
        #expect(second.stage == 2 && second.isWrite == false && second.substreamID == 0x1234)
        #expect(second.intermediate == 0xf_0000_0800_0000 && second.faultingAddress == 0xf_0000_0800_0040)
        #expect(try fault(0x8_0000_0010, 1 << 39, 0x40, 0).transaction == .contextDescriptor)
        #expect(try fault(0x8_0000_000b, 1 << 40, 0x40, 0).transaction == .translationTable)
        // Other events use the bits otherwise.
        let request = try fault(0x8_0000_0024, .max, 0x1000, 0)
        #expect(request.isWrite == nil && request.stage == nil && request.iova == 0x1000)
        let unsupported = try fault(0x8_0000_0001, .max, 0x1000, 0)
        #expect(unsupported.isWrite == false && unsupported.stage == nil)
        #expect(try fault(0x8_0000_0002, .max, 0x1000, 0).iova == nil)
    }

    @Test func unknownEventsAndPageRequests() throws {
        let name = "arm-smmu-v3 arm-smmu-v3.0.auto:"
        let content = try read([
            "\(name) event 0x07 received:", "\(name) \t0x0000000800000007", "\(name) \t0x0000000000000000",
            "\(name) \t0x0000000008000040", "\(name) \t0x0000000000000000",
            "\(name) event: UNKNOWN client: 0000:00:01.0 sid: 0x8 ssid: 0x0",
            "\(name) unexpected PRI request received:",
            "\(name) \tsid 0x00000009.0x00003: [0L] unprivileged RW access at iova 0x0000000008000040",
            "\(name) CMDQ error (cons 0x01000000): Illegal command",
            "\(name) skipping command in error state:", "\(name) \t0x0000000000000001",
        ])
        #expect(
            content.faults.map(\.event) == [
                "F_TRANSL_FORBIDDEN", "PRI request", "CMDQ error: Illegal command",
            ])
        #expect(content.faults.map(\.client) == ["0000:00:01.0", nil, nil])
        #expect(content.faults[1].cause == .pageRequest && content.faults[1].streamID == 9)
        #expect(content.faults[1].substreamID == 3 && content.faults[1].iova == 0x800_0040)
        #expect(content.faults[2].cause == .commandQueue && content.faults[2].streamID == nil)
        #expect(content.otherLines.map(\.line) == [10, 11])
        let fetch = try read([
            "\(name) event: F_TRANSLATION client: 0000:00:01.0 sid: 0x8 ssid: 0x0 iova: 0x40 ipa: 0x12345000",
            "\(name) unpriv data write s2 \"CD fetch\" stag: 0x0",
        ])
        #expect(
            fetch.faults[0].transaction == .contextDescriptor && fetch.faults[0].intermediate == 0x1234_5000)
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
        let storm = (0..<1_500).map {
            "arm-smmu a: Blocked unknown Stream ID 0x\(String($0, radix: 16)); boot"
        }
        let content = try read(storm)
        #expect(content.faults.count == FaultLog.faultsMax && content.faultsDropped == 500)
    }

    /// Work grows with the line, not with its square: names of drivers in a row once took minutes.
    @Test(arguments: [
        ":arm-smmu", "arm-smmu ", "=arm-smmu-v3x", ":arm-smmu a", "[a] ", "> ", "#011", "iova=",
    ])
    func longLinesTakeNoLongerThanTheyAre(unit: String) throws {
        let head = Array("arm-smmu x: Unhandled context fault: ".utf8)
        try Growth.expectLinear(from: 1 << 15, unit) { bytes in
            let line = Array(String(repeating: unit, count: bytes / unit.utf8.count).utf8)
            for text in [line, head + line + [0x0a] + line] { _ = try FaultLog.read(text) }
        }
    }
}
