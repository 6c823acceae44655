// Damaged ACPI tables: cut at every byte, bits flipped, numbers swapped for edge values. Each is refused
// with a reason or read; none crashes, hangs or takes long.

import Foundation
import Machines
import TestSupport
import Testing

@testable import Ingestion

@Suite struct TableMutationTests {
    /// Our own tables always; the reference ones where they are.
    private static let samples: [[UInt8]] = {
        var builder = IORTBuilder()
        let its = builder.itsGroup([0, 1])
        let smmu = builder.smmuV3(base: 0x905_0000, model: 1, [.init(0, 0xffff, 0, to: its)])
        builder.rootComplex(segment: 0, [.init(0, 0xff, 0, to: smmu), .init(0xff, 1, 0x200, to: smmu)])
        builder.namedComponent("\\_SB.GPU0", [.init(0, 0, 0x80, to: smmu, single: true)])
        builder.memoryRanges([(0x800_0000, 0x10_0000)], [.init(0, 1, 0x80, to: smmu)])
        let own = [builder.table(), ACPITableBuilder.madt(its: [(0, 0xc600_0000)], frames: [(0, 0x1000)])]
        return own
            + ExpectedTable.names.map { SharedShelf.bytes("\(ExpectedTable.folder)/\($0).aml") }
    }()

    private func read(_ table: [UInt8]) -> Bool {
        var facts = ACPIReader.Facts()
        facts.preservesPCIConfiguration = true
        do {
            let platform = try ACPIReader.read([table], facts)
            _ = platform.pciFunction("0000:00:10.0")
            return true
        } catch {
            #expect(!error.reason.isEmpty)
            return false
        }
    }

    @Test func truncationsAreRefused() {
        for table in Self.samples {
            let isSound = read(table)
            for length in 0..<table.count {
                // What is longer than its length field says may be cut.
                let isRead = read(Array(table[..<length]))
                #expect(!isRead || !isSound || length >= 36)
                if isSound, table.count < 1_000 { #expect(!isRead, "cut at \(length) of \(table.count)") }
            }
        }
    }

    @Test func mutationsNeverCrash() {
        var random = SeededGenerator.forTest("ACPI table mutations", fallback: 0xac91)
        let edges: [UInt32] = [0, 1, 7, 16, 19, 20, 0x7fff_ffff, 0x8000_0000, 0xffff_fff0, .max]
        var counts = (read: 0, refused: 0)
        let clock = ContinuousClock()
        let start = clock.now
        for round in 0..<10_000 {
            var table = Self.samples[round % Self.samples.count]
            guard table.count > 48 else { continue }
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                let at = Int.random(in: 36..<table.count - 4, using: &random)
                switch Int.random(in: 0...2, using: &random) {
                case 0: table[at] ^= 1 << UInt8.random(in: 0...7, using: &random)
                case 1:
                    let value = edges.randomElement(using: &random)!
                    for byte in 0..<4 {
                        table[at + byte] = UInt8(truncatingIfNeeded: value >> UInt32(8 * byte))
                    }
                default: table.swapAt(at, Int.random(in: 36..<table.count, using: &random))
                }
            }
            if read(table) { counts.read += 1 } else { counts.refused += 1 }
        }
        print("ACPI mutations: \(counts.read) read, \(counts.refused) refused in \(clock.now - start)")
        #expect(counts.read > 500 && counts.refused > 500)
    }

    @Test func dumpsAndTextsNeverCrash() {
        var random = SeededGenerator.forTest("ACPI dump mutations", fallback: 0xd0b)
        let text = Array(ACPITableBuilder.dump(Array(Self.samples.prefix(2))).utf8)
        var refused = 0
        for _ in 0..<3_000 {
            var bytes = text
            for _ in 0..<Int.random(in: 1...3, using: &random) {
                let at = Int.random(in: 0..<bytes.count, using: &random)
                switch Int.random(in: 0...2, using: &random) {
                case 0: bytes[at] = UInt8.random(in: 0...255, using: &random)
                case 1: bytes.remove(at: at)
                default: bytes.insert(bytes[Int.random(in: 0..<bytes.count, using: &random)], at: at)
                }
            }
            if !read(bytes) { refused += 1 }
        }
        #expect(refused > 500)
    }
}
