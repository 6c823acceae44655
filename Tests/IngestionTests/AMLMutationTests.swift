// Damaged AML: tables cut at every byte, and 20,000 with bits flipped, bytes swapped, parts moved and numbers
// replaced. Each is read or refused with an offset inside the table; none crashes.

import TestSupport
import Testing

@testable import Ingestion

@Suite struct AMLMutationTests {
    private static let samples = ["forms", "bridge", "windows"].map(AMLFixture.compiled)
    /// Some small ones of the shelf.
    private static let shelf: [[UInt8]] = {
        guard AMLReferenceTests.isThere else { return [] }
        return AMLReferenceTests.names.map { SharedShelf.bytes("\(AMLReferenceTests.folder)/\($0)") }
            .filter { $0.count < 150_000 }
    }()

    /// Whether the table is sound, and how many facts are known.
    private func read(_ tables: [[UInt8]]) -> (isSound: Bool, known: Int) {
        let content = AMLReader.read(tables)
        for (place, refusal) in content.refusals {
            #expect((0...tables[place].count).contains(refusal.offset) && !refusal.words.isEmpty)
        }
        var known = 0
        for bridge in content.bridges {
            if let bytes = bridge.resources.value {
                known += 1
                _ = (try? ResourceTemplate(bytes))?.spaces.map(\.window)
            }
            if case .unknown(let refusal) = bridge.resources {
                #expect(tables.contains { refusal.offset <= $0.count })
            }
        }
        return (content.refusals.isEmpty, known)
    }

    @Test func truncations() {
        for table in Self.samples {
            for length in 0..<table.count { _ = read([Array(table[..<length])]) }
        }
    }

    @Test func mutations() {
        var random = SeededGenerator.forTest("AML mutations", fallback: 0xa31)
        var counts = (sound: 0, refused: 0, known: 0)
        for round in 0..<20_000 {
            // Every hundredth is a large one.
            let samples = round % 100 == 0 && !Self.shelf.isEmpty ? Self.shelf : Self.samples
            var table = samples[Int.random(in: samples.indices, using: &random)]
            for _ in 0..<Int.random(in: 1...4, using: &random) { damage(&table, &random) }
            let (isSound, known) = read(round % 3 == 0 ? [table, Self.samples[2]] : [table])
            if isSound { counts.sound += 1 } else { counts.refused += 1 }
            counts.known += known
        }
        print(
            "AML mutations: 20000 tables, \(counts.sound) sound, \(counts.refused) refused, "
                + "\(counts.known) _CRS known")
        #expect(counts.sound > 1_000 && counts.refused > 1_000 && counts.known > 1_000)
    }

    private func damage(_ table: inout [UInt8], _ random: inout SeededGenerator) {
        guard table.count > 40 else { return }
        let at = Int.random(in: 36..<table.count, using: &random)
        switch Int.random(in: 0...5, using: &random) {
        case 0: table[at] ^= 1 << UInt8.random(in: 0...7, using: &random)
        case 1: table[at] = UInt8.random(in: 0...255, using: &random)
        case 2: table.swapAt(at, Int.random(in: 36..<table.count, using: &random))
        case 3: table.remove(at: at)
        case 4:
            let opcodes: [UInt8] = [0x00, 0x10, 0x11, 0x12, 0x14, 0x5b, 0x70, 0xa0, 0xa2, 0xa4, 0xc3, 0xff]
            table.insert(opcodes.randomElement(using: &random)!, at: at)
        default:
            let end = min(table.count, at + Int.random(in: 1...16, using: &random))
            table.insert(contentsOf: table[at..<end], at: Int.random(in: 36..<table.count, using: &random))
        }
    }

    /// Twice the table takes twice the terms: work grows with what is read, not with its square.
    @Test func workGrowsWithTheTable() {
        func terms(_ copies: Int) throws -> Int {
            let method = AMLFixture.method("TEST", Array("\\_SB_".utf8) + [0x70, 0x01, 0x60])
            let scope = (0..<copies).flatMap { _ in
                AMLFixture.packaged([0x10], Array("\\_SB_".utf8) + method)
            }
            var model = AMLModel()
            try model.add(AMLFixture.table(scope))
            model.readBodies()
            return AMLLimits.termsMax - model.termsLeft
        }
        #expect(throws: Never.self) {
            let (one, two) = (try terms(100), try terms(200))
            #expect(two <= 2 * one)
        }
    }
}
