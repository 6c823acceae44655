// Two readers of AML against each other. The second one is Tests/Support/SecondAML, written from the
// description and the specification alone. Where the two differ, one of them is wrong.

import Foundation
import SecondAML
import TestSupport
import Testing

@testable import Ingestion

@Suite struct SecondAMLTests {
    /// Prints at most so many tables that differ.
    static let shownMax = 8

    @Test func readersAgreeOnFixtures() {
        let (bridge, windows) = (AMLFixture.compiled("bridge"), AMLFixture.compiled("windows"))
        let sets = [
            [AMLFixture.compiled("forms")], [AMLFixture.compiled("doubt")], [bridge], [bridge, windows],
            [windows, bridge], [windows],
        ]
        for tables in sets { expectAgreement(AMLDisagreement(tables), "\(tables.map(\.count)) bytes") }
    }

    @Test(.enabled(if: AMLReferenceTests.isThere), arguments: AMLReferenceTests.names)
    func readersAgreeOnLaptops(name: String) {
        let held = AMLDisagreement([SharedShelf.bytes("\(AMLReferenceTests.folder)/\(name)")])
        expectAgreement(held, name)
        print("\(name): both readers say the same of \(held.bridges) host bridges, \(held.known) facts known")
    }

    /// `IOVAD_SECOND_AML_DAMAGED` asks for more, 20,000 for a whole comparison.
    private static let damagedCount = count("IOVAD_SECOND_AML_DAMAGED", default: 2_000)

    @Test func readersAgreeOnDamagedTables() {
        var random = SeededGenerator.forTest("damaged tables for two readers", fallback: 0x2aa1)
        var counts = (differ: 0, bridges: 0, known: 0, unknown: 0)
        for round in 0..<Self.damagedCount {
            let tables = AMLFixture.damaged(round: round, &random)
            let held = AMLDisagreement(tables)
            counts.bridges += held.bridges
            counts.known += held.known
            counts.unknown += held.unknown
            guard !held.lines.isEmpty else { continue }
            counts.differ += 1
            if counts.differ <= Self.shownMax {
                expectAgreement(held, "damaged table \(round), \(Array(tables[0].prefix(2_000)).hexDigits)")
            }
        }
        #expect(counts.differ == 0, "\(counts.differ) of \(Self.damagedCount) tables are read differently")
        print(
            "second AML reader: \(Self.damagedCount) damaged tables, \(counts.bridges) host bridges, "
                + "\(counts.known) facts known, \(counts.unknown) unknown")
    }

    /// `IOVAD_SECOND_AML_TABLES` asks for more machines, 500 for a whole comparison.
    private static let machineCount = count("IOVAD_SECOND_AML_TABLES", default: 60)

    /// Machines that are invented, compiled by iasl, and read twice: the readers say the same, and what the
    /// source says.
    @Test(.enabled(if: ASLCompiler.isPresent)) func readersAgreeOnCompiledTables() throws {
        var random = SeededGenerator.forTest("invented ASL", fallback: 0x2026_1129)
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("iovad-asl-\(getpid())")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        var counts = (tables: 0, differ: 0, bridges: 0, known: 0, unknown: 0)
        for number in 0..<Self.machineCount {
            let machine = ASLMachine(&random)
            let (compiled, words) = try ASLCompiler.tables(of: machine, in: folder)
            guard let tables = compiled else {
                Issue.record("iasl refuses machine \(number):\n\(words.suffix(4000))")
                continue
            }
            let held = AMLDisagreement(tables)
            counts.tables += tables.count
            counts.bridges += held.bridges
            counts.known += held.known
            counts.unknown += held.unknown
            let lines =
                held.lines + machine.contradictions(SecondReading(tables))
                + Self.linesOfDamaged(tables, &random)
            if lines.isEmpty { continue }
            counts.differ += 1
            if counts.differ > Self.shownMax { continue }
            Issue.record("machine \(number):\n\(lines.joined(separator: "\n"))\n\(machine.dsdt)")
        }
        #expect(counts.differ == 0, "\(counts.differ) of \(Self.machineCount) machines are read differently")
        #expect(counts.known > 0 && counts.unknown > 0)
        print(
            "second AML reader: \(Self.machineCount) machines, \(counts.tables) tables, \(counts.bridges) host "
                + "bridges, \(counts.known) facts known, \(counts.unknown) unknown")
    }

    /// Of the same tables with one change each, which both read or both refuse.
    private static func linesOfDamaged(
        _ tables: [[UInt8]], _ random: inout SeededGenerator
    ) -> [String] {
        var lines: [String] = []
        for _ in 0..<10 {
            var damaged = tables
            let place = Int.random(in: damaged.indices, using: &random)
            AMLFixture.damageInPlace(&damaged[place], &random)
            let found = AMLDisagreement(damaged).lines
            if found.isEmpty { continue }
            let bytes = damaged.map(\.hexDigits).joined(separator: " + ")
            lines += found.map { "damaged: \($0)" } + [bytes]
        }
        return lines
    }

    private static func count(_ variable: String, default fallback: Int) -> Int {
        ProcessInfo.processInfo.environment[variable].flatMap { Int($0) } ?? fallback
    }

    private func expectAgreement(_ held: AMLDisagreement, _ name: String) {
        guard !held.lines.isEmpty else { return }
        let lines = held.lines.prefix(Self.shownMax).joined(separator: "\n")
        Issue.record("\(name), the first reader's answers, then the second's:\n\(lines)")
    }
}
