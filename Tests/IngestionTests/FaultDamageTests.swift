// Every format behind what loggers put in front of a line, wrapped, filled and with others' lines between:
// read as it is alone; and cut at every line and word from its end or its start, or with a line or a word
// lost, it says the same or less.

import Foundation
import Machines
import TestSupport
import Testing

@testable import Ingestion

@Suite struct FaultDamageTests {
    /// "%t" is a time since boot, "%c" one of the clock, "%n" the line's number.
    static let prefixes = [
        "", "[%t] ", "[%t][  T101] ", "[%t][    C0] ", "[%t] [    T101] ", "[Thu Nov 12 %c 2026] ",
        "2026-11-12T%c,000123+00:00 ", "kern  :err   : [%t] ", "kern  :err   : [Thu Nov 12 %c 2026] ",
        "[%t <    0.000012>] ", "<3>", "<3>[%t] ", "<3>[%t][  T803] ", "Nov 12 %c host kernel: ",
        "Nov 12 %c.000123 host kernel: ", "2026-11-12T%c+0000 host kernel: ",
        "Thu 2026-11-12 %c UTC host kernel: ", "[%t] host kernel: ", "1794800000.000123 host kernel: ",
        "Nov 12 %c host kernel: [%t] ", "2026-11-12T%c.000123+01:00 build-17.example.org kernel: [%t] ",
        "<3>1 2026-11-12T%cZ host kernel - - - ", "11-12 %c.123     0     0 E ",
        "[2026-11-12 %c.123] [%t] ", "3,12%n,70476343,-;", "%n:[%t] ", "dmesg.txt:%n:",
        "Thu Nov 12 %c 2026 kern.err kernel: [%t] ", "Nov 12 %c router kern.err kernel: ", "> [%t] ",
    ]
    /// Of these a run takes so many for each format.
    private static let prefixesTaken = 1

    private enum Shape: CaseIterable {
        case plain, wrapped, filled
    }

    private enum Between: CaseIterable {
        case nothing, others, anotherSMMU
    }

    private struct Generator {
        var random: SeededGenerator
        let format: Int

        private static let others = [
            "usb 1-1: new high-speed USB device number 4", "gpio stub: 0x0000010000000010",
            "mtk-iommu 10205000.iommu: fault type=0x5 iova=0x8000040 pa=0x0 larb=1 read",
            "mlx5_core 0000:01:00.0: 0x0000000000000010", "Hardware name: Digi TX40 (DT)",
        ]

        private static func messages(_ format: Int) -> [String] {
            FaultTruncationTests.formats[format].lines.map { line in
                ["arm-smmu", "(XEN)"].compactMap { line.range(of: $0)?.lowerBound }.min().map {
                    String(line[$0...])
                }
                    ?? line
            }
        }

        /// The messages of the format, and those of another SMMU between them.
        mutating func messages(_ between: Between) -> [String] {
            var lines = Self.messages(format)
            switch between {
            case .nothing: break
            case .others:
                for _ in 0..<3 {
                    let place = Int.random(in: 0...lines.count, using: &random)
                    lines.insert(Self.others.randomElement(using: &random)!, at: place)
                }
            case .anotherSMMU:
                var more = Self.messages((format + 1) % FaultTruncationTests.formats.count)
                for (name, renamed) in [
                    ("v3.0.auto", "v3.9.auto"), ("15000000", "16000000"), ("iommu@", "smmu@"),
                ] {
                    more = more.map {
                        $0.split(separator: name, omittingEmptySubsequences: false).joined(separator: renamed)
                    }
                }
                var mixed: [String] = []
                while !lines.isEmpty || !more.isEmpty {
                    let isMore = lines.isEmpty || !more.isEmpty && Bool.random(using: &random)
                    mixed.append(isMore ? more.removeFirst() : lines.removeFirst())
                }
                lines = mixed
            }
            return lines
        }

        mutating func paste(_ messages: [String], _ prefix: String, _ shape: Shape) -> [String] {
            let lines = messages.enumerated().map { number, message in
                let time = [
                    "%t": "   12.34567\(number % 10)", "%c": "03:14:0\(number % 10)", "%n": "\(number + 10)",
                ]
                return time.reduce(prefix) { text, part in
                    text.split(separator: part.key, omittingEmptySubsequences: false).joined(
                        separator: part.value)
                } + message
            }
            let columns = 72 + Int.random(in: 0...12, using: &random)
            switch shape {
            case .plain: return lines
            case .wrapped:
                return lines.flatMap {
                    Self.wrapped($0.split(separator: " ", omittingEmptySubsequences: false), columns)
                }
            case .filled: return Self.wrapped(lines.flatMap { $0.split(separator: " ") }, columns)
            }
        }

        private static func wrapped(_ words: [Substring], _ columns: Int) -> [String] {
            var lines: [String] = []
            for word in words {
                if let last = lines.last, last.count + word.count < columns || last.allSatisfy({ $0 == " " })
                {
                    lines[lines.count - 1] += " " + word
                } else {
                    lines.append(String(word))
                }
            }
            return lines
        }
    }

    private func read(_ lines: [String]) throws -> [SMMUFault] {
        try FaultLog.read(Array(lines.joined(separator: "\n").utf8)).faults
    }

    @Test(arguments: FaultTruncationTests.formats.indices) func damagedRecordsContradictNothing(format: Int)
        throws
    {
        let name = FaultTruncationTests.formats[format].name
        var generator = Generator(
            random: .forTest("FaultDamageTests, \(name)", fallback: 0xda3a), format: format)
        var complaints: [String] = []
        for number in 0..<Self.prefixesTaken * Shape.allCases.count {
            let shape = Shape.allCases[number % Shape.allCases.count]
            let prefix = Self.prefixes.randomElement(using: &generator.random)!
            let between = Between.allCases.randomElement(using: &generator.random)!
            let messages = generator.messages(between)
            let paste = generator.paste(messages, prefix, shape)
            let alone = try read(messages)
            let wholes = try read(paste)
            let text = paste.joined(separator: "\n")
            #expect(wholes.count == alone.count && wholes.allSatisfy { !$0.isIncomplete }, "\(text)")
            for (fault, other) in zip(wholes, alone) {
                #expect(fault.contradiction(of: [other], in: text) == nil, "\(text)")
                #expect(other.contradiction(of: [fault], in: text) == nil, "\(text)")
            }
            for damaged in Self.damaged(paste) {
                let text = damaged.joined(separator: "\n")
                for fault in try read(damaged) {
                    if let complaint = fault.contradiction(of: wholes, in: text) {
                        complaints.append("\(complaint): \(text)")
                    }
                }
            }
        }
        #expect(complaints.isEmpty, "\(complaints.count) of \(name)")
        for complaint in complaints.prefix(3) { Issue.record("\(complaint)") }
    }

    /// Cut before every word and line from the end and from the start, and without each line and each word.
    private static func damaged(_ lines: [String]) -> [[String]] {
        var found: [[String]] = []
        for (number, line) in lines.enumerated() {
            let (before, after) = (Array(lines[..<number]), Array(lines[(number + 1)...]))
            found.append(before + after)
            let words = line.split(separator: " ", omittingEmptySubsequences: false)
            for place in words.indices where !words[place].isEmpty {
                let head = words[..<place].joined(separator: " ")
                let tail = words[place...].joined(separator: " ")
                let rest = words[(place + 1)...].joined(separator: " ")
                found.append(before + [head])
                found.append([tail] + after)
                found.append(before + ["\(head) \(rest)"] + after)
            }
        }
        return found
    }
}
