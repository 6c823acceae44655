// Damaged AML: tables cut at every byte, and 20,000 with bits flipped, bytes swapped, parts moved and numbers
// replaced. Each is read or refused with an offset inside the table; none crashes.

import TestSupport
import Testing

@testable import Ingestion

@Suite struct AMLMutationTests {
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
        for table in AMLFixture.samples {
            for length in 0..<table.count { _ = read([Array(table[..<length])]) }
        }
    }

    @Test func mutations() {
        var random = SeededGenerator.forTest("AML mutations", fallback: 0xa31)
        var counts = (sound: 0, refused: 0, known: 0)
        for round in 0..<20_000 {
            let (isSound, known) = read(AMLFixture.damaged(round: round, &random))
            if isSound { counts.sound += 1 } else { counts.refused += 1 }
            counts.known += known
        }
        print(
            "AML mutations: 20000 tables, \(counts.sound) sound, \(counts.refused) refused, "
                + "\(counts.known) _CRS known")
        #expect(counts.sound > 1_000 && counts.refused > 1_000 && counts.known > 1_000)
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
