// Which fault a line, a word or a number belongs to, where a log is damaged or several messages share a line:
// to the one that surely has it, or to none.

import Machines
import TestSupport
import Testing

@testable import Ingestion

@Suite struct FaultBelongingTests {
    private static let v3 = "arm-smmu-v3 arm-smmu-v3.0.auto:"
    private static let v2 = "arm-smmu 15000000.apps-smmu:"

    private func read(_ lines: [String]) throws -> FaultLog.Content {
        try FaultLog.read(Array(lines.joined(separator: "\n").utf8))
    }

    private func event(_ number: String, _ words: [String]) -> [String] {
        ["\(Self.v3) event \(number) received:"] + words.map { "\(Self.v3) \t\($0)" }
    }

    private static let heading = "\(v2) Unhandled arm-smmu context fault from a600000.dwc3!"

    @Test func halfAnAddressIsNone() throws {
        for far in [
            ["FAR    = 0x0000000d", "e13c8000"], ["FAR    = 0x0000000d e13c8000"], ["FAR    = 0x0000000d"],
        ] {
            let fault = try #require(
                try read([Self.heading, "\(Self.v2) \(far[0])"] + far.dropFirst() + ["\(Self.v2) SID = 0x7"])
                    .faults.first)
            #expect(fault.iova == nil && fault.isIncomplete && fault.streamID == 7, "\(far)")
        }
        let whole = try read([Self.heading, "\(Self.v2) FAR    =", "0x0000000de13c8000"])
        #expect(whole.faults.map(\.iova) == [0xd_e13c_8000])
    }

    @Test func accessIsToldOnce() throws {
        let decoded =
            "\(Self.v3) event: F_TRANSLATION client: 0000:01:00.0 sid: 0x8 ssid: 0x0 iova: 0x40 ipa: 0x0"
        let own = "\(Self.v3) priv inst read s2 \"Input address caused fault\" stag: 0x0"
        let stray = "\(Self.v3) unpriv data write s1 \"Input address caused fault\" stag: 0x1"
        let fault = try #require(try read([decoded, own, stray]).faults.first)
        #expect(fault.isWrite == false && fault.stage == 2 && !fault.isIncomplete)
        let configuration = try read(["\(Self.v3) event: C_BAD_STREAMID client: x sid: 0x8 ssid: 0x0", stray])
        #expect(configuration.faults.map(\.stage) == [nil] && configuration.faults.map(\.isWrite) == [nil])
    }

    /// The third of three words is the address only of events whose last word is a page.
    @Test(arguments: 1...0x25 as ClosedRange<UInt8>) func threeWords(number: UInt8) throws {
        let header = "0x" + String(number, radix: 16)
        let low =
            String(number, radix: 16).count == 1 ? "0\(String(number, radix: 16))" : String(number, radix: 16)
        let words = ["0x00000008000000\(low)", "0x0000020000000000", "0x00000000080900c8"]
        let fault = try #require(try read(event(header, words)).faults.first)
        let isPage = [0x10, 0x11, 0x12, 0x13, 0x20].contains(number)
        #expect(fault.iova == (isPage ? 0x809_00c8 : nil) && fault.isIncomplete && fault.streamID == 8)
        #expect((fault.isWrite != nil) == isPage && (fault.stage != nil) == isPage)
    }

    @Test func skippedCommandsAreNoWords() throws {
        let words = ["0x0000004800000825", "0x0000000000000000", "0x0000000007f4b6f0", "0x0000000000000000"]
        let command = [
            "\(Self.v3) skipping command in error state:", "\(Self.v3) \t0x000002d880705d48",
            "\(Self.v3) \t0x0000000000000010",
        ]
        let error = "\(Self.v3) CMDQ error (cons 0x06d9f980): Illegal command"
        for lines in [[error] + command, command, [error] + command.dropFirst()] {
            let faults = try read(event("0x25", words) + lines).faults
            #expect(faults.first?.streamID == 0x48 && faults.first?.isIncomplete == false, "\(lines)")
            let fewer = try read(event("0x10", ["0x0000004800000010", "0x0000020000000000"]) + lines).faults
            #expect(fewer.first?.iova == nil && fewer.first?.isWrite == nil, "\(lines)")
        }
    }

    @Test func messagesThatShareALine() throws {
        let client = try read([
            "\(Self.heading) <3>[   70.686187] mc-err: (255) csr_pcie0r: EMEM address decode error"
        ])
        #expect(client.faults.map(\.client) == ["a600000.dwc3"])
        let foreign = try read([
            "\(Self.v3) event: C_BAD_CD client: 0001:06:00.1 sid: 0x8 ssid: 0x5 mtk-iommu 10205000.iommu: fault iova=0x8000040"
        ])
        #expect(foreign.faults.map(\.iova) == [nil] && foreign.faults.map(\.substreamID) == [5])
        let stub = try read([
            "11-12 03:01:11.542 0 0 E \(Self.v3)", "event 0x10 received: 11-12 03:01:11.547 0 0 E gpio stub:",
            "0x0000010000000010",
        ])
        #expect(stub.faults.map(\.streamID) == [nil])
        let suppressed = try read(
            ["\(Self.v3) event 0x10 received: [ 70.1] arm_smmu_context_fault: 83 callbacks suppressed"]
                + event("0x10", ["0x0000000800000010"]).dropFirst())
        #expect(suppressed.faults.map(\.streamID) == [8] && suppressed.suppressed == 83)
    }

    /// A header without a name takes bare words, but not those of another program's line that was wrapped.
    @Test func wordsOfAnotherProgram() throws {
        let wrapped = try read([
            "event 0x10 received:", "Nov 12 03:01:12 host kernel: mlx5_core 0000:01:00.0:",
            "0x0000000000000010",
        ])
        #expect(wrapped.faults.map(\.streamID) == [nil])
        let bare = try read(["event 0x10 received:", "0x0000000800000010"])
        #expect(bare.faults.map(\.streamID) == [8])
    }

    /// The start of a fault that nobody can read: what follows is not the one before's.
    @Test func unreadableHeadings() throws {
        let registers = ["FAR    = 0x0000000000000040", "FSR    = 0x00000402 [TF W ]", "SID = 0x8"]
        for damaged in [
            "Unhandled fault from a600000.dwc3!", "context fault: fsr=0x402, iova=0x40",
            "Unexpected fault, this",
        ] {
            let lines = [Self.heading, "\(Self.v2) \(damaged)"] + registers.map { "\(Self.v2) \($0)" }
            let fault = try #require(try read(lines).faults.first)
            #expect(fault.iova == nil && fault.streamID == nil && fault.isWrite == nil, "\(damaged)")
        }
        let words = ["0x0000000800000010", "0x0000020000000000", "0x0000000008090040", "0x0000000000000000"]
        for damaged in ["event received:", "0x10 received:", "F_ACCESS client: x sid: 0x9 ssid: 0x0"] {
            let faults = try read(
                event("0x10", words) + ["\(Self.v3) \(damaged)"] + event("0x13", words).dropFirst()
            ).faults
            #expect(faults.first?.iova == 0x809_0040 && faults.first?.isIncomplete == false, "\(damaged)")
        }
        let nameless = try read(event("0x10", words) + ["\(Self.v3) event:  client: x sid: 0x9 ssid: 0x0"])
            .faults
        #expect(nameless.map(\.event) == ["F_TRANSLATION"])
        // Without "received:" four words say the same.
        #expect(
            try read(["\(Self.v3) event 0x10"] + event("0x10", words).dropFirst()).faults.map(\.iova) == [
                0x809_0040
            ])
        #expect(try read(["\(Self.v3) event 0x10"]).faults.isEmpty)
    }

    /// Broken at every blank, also between the driver's name and its device's.
    @Test(arguments: [
        "\(v3) CMDQ error (cons 0x06d9f980): Illegal command",
        "\(v3) CMD_SYNC timeout at 0x0000b1b7 [hwprod 0x0000b1c0, hwcons 0x0000b1b7]",
        "\(v3) unexpected global error reported (0x00000001), this could be serious",
        "arm-smmu: Unhandled context fault: iova=0x1fffff000, SID=0x5a1",
        "\(v2) Unhandled arm-smmu context fault from a600000.dwc3!",
        "\(v2) Unexpected global fault, this could be serious",
    ])
    func brokenLines(line: String) throws {
        let prefixes = [
            "", "2026-11-12T03:01:11,138890+00:00 ", "dmesg.txt:11:", "3,1201,70476343,-;", "[   12.345678] ",
        ]
        for prefix in prefixes {
            let whole = try #require(try read([prefix + line]).faults.first)
            let words = line.split(separator: " ")
            for place in words.indices.dropFirst() {
                let halves = [words[..<place], words[place...]].map { $0.joined(separator: " ") }
                let faults = try read([prefix + halves[0], halves[1]]).faults
                #expect(faults.count == 1 && faults.first?.event == whole.event, "\(prefix)\(halves)")
                #expect(
                    faults.first?.registers == whole.registers && faults.first?.iova == whole.iova,
                    "\(prefix)\(halves)")
                #expect(faults.first?.client == whole.client && faults.first?.line == 1, "\(prefix)\(halves)")
            }
        }
    }

    @Test func wholeRecords() throws {
        // Emulators leave CLASS 0 at stage 1.
        let plain = event(
            "0x10", ["0x0000000800000010", "0x0000000000000000", "0x0000000008090040", "0x0000000000000000"])
        let fault = try #require(try read(plain).faults.first)
        #expect(fault.iova == 0x809_0040 && fault.stage == 1 && fault.isWrite == true && !fault.isIncomplete)
        // The last word of F_WALK_EABT is what was fetched.
        let walk = event(
            "0x0b", ["0x000000080000000b", "0x0000018000000000", "0x0000000008090040", "0x0000000012345008"])
        #expect(try read(walk).faults.map(\.intermediate) == [nil] && read(walk).faults.map(\.stage) == [2])
        let errors = [1, 4, 1].map {
            "\(Self.v3) unexpected global error reported (0x0000000\($0)), this could be serious"
        }
        #expect(try read(errors).faults.map(\.count) == [2, 1])
    }

    /// An event without its number, broken: its words are not those of the event before.
    @Test func eventsWithoutNumbers() throws {
        let first = event(
            "0x10", ["0x0000000800000010", "0x0000018000000000", "0x0000000008090040", "0x0000000000000000"])
        let second = event(
            "0x10", ["0x0000000b00000013", "0x0000000000000000", "0x000000053e935000", "0x0000000000000000"])
        for header in [["\(Self.v3) event received:"], ["\(Self.v3) event", "received:"]] {
            let faults = try read(first + header + second.dropFirst()).faults
            #expect(faults.first?.iova == 0x809_0040 && faults.first?.isIncomplete == false, "\(header)")
            #expect(faults.allSatisfy { $0.streamID != 0xb }, "\(header)")
        }
    }

    @Test func commandsInFrontOfTheirOutput() throws {
        let line = "\(Self.v2) Unhandled context fault: fsr=0x402, iova=0x40, fsynr=0x13, cbfrsynra=0x7, cb=1"
        for front in [
            "$ dmesg | tail [   12.345678] ", "root@host:~# journalctl -k <3>[ 1.9][ T803] ",
            "root@host:~# journalctl -k Nov 12 06:09:35 host kernel: ",
            "$ dmesg | tail 3,1202,11375811217,-;", "$ dmesg -d [    1.919614 <    0.000012>] ",
        ] {
            #expect(try read([front + line]).faults.map(\.iova) == [0x40], "\(front)")
        }
        let words = Self.v3.split(separator: " ")
        let flowed = try read([
            "\(Self.v3) event 0x10 received:", "\(Self.v3) 0x0000000800000010",
            "root@host:~# journalctl -k [ 1.919614 < 0.000012>] \(words[0])",
            "\(words[1]) 0x0000018000000000 [ 1.924614 < 0.000012>] \(words[0])",
            "\(words[1]) 0x0000000008090040", "\(Self.v3) 0x0000000000000000",
        ])
        #expect(flowed.faults.map(\.iova) == [0x809_0040])
        let searches = try read(["$ dmesg | grep arm-smmu", line, "$ grep 'arm-smmu 3.iommu: event' log"])
        #expect(searches.faults.count == 1 && searches.otherLines.isEmpty)
    }
}
