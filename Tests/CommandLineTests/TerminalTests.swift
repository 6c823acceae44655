// Tables on terminals: colours as the variables say, lines that fit. Elsewhere the bytes are as they were.

import Foundation
import Testing

@testable import iovad

@Suite struct TerminalTests {
    private func terminal(_ isTerminal: Bool, _ variables: [String: String], window: Int? = 100) -> Terminal {
        Terminal(isTerminal: isTerminal, environment: { variables[$0] }, windowWidth: { window })
    }

    @Test func coloursAreWanted() {
        #expect(terminal(true, [:]).hasColour && !terminal(false, [:]).hasColour)
        for off in [
            ["NO_COLOR": "1"], ["CLICOLOR": "0"], ["TERM": "dumb"], ["NO_COLOR": "1", "CLICOLOR_FORCE": "1"],
        ] {
            #expect(!terminal(true, off).hasColour, "\(off)")
        }
        #expect(terminal(true, ["NO_COLOR": "", "CLICOLOR": "1"]).hasColour)
        #expect(terminal(false, ["CLICOLOR_FORCE": "1"]).hasColour)
        #expect(!terminal(false, ["CLICOLOR_FORCE": "0"]).hasColour)
        #expect(terminal(true, ["CLICOLOR_FORCE": "1", "CLICOLOR": "0"]).hasColour)
    }

    @Test func widths() {
        #expect(terminal(true, [:]).width == 100 && terminal(false, [:]).width == nil)
        #expect(terminal(true, ["COLUMNS": "60"]).width == 60)
        #expect(terminal(true, ["COLUMNS": "x"], window: nil).width == 80)
        #expect(terminal(true, ["COLUMNS": "3"]).width == 40)
    }

    private static let rows = [
        (name: "verdict", value: "none"),
        (name: "because", value: String(repeating: "The window lies in guest RAM. ", count: 9)),
        (name: "word", value: String(repeating: "x", count: 150)),
    ]

    /// Nothing is lost, no line is too long, and continued lines begin below the value.
    @Test(arguments: [40, 60, 80, 200]) func tablesFit(width: Int) {
        let table = Console.table(Self.rows, on: Terminal(width: width, hasColour: false))
        let lines = table.split(separator: "\n")
        #expect(lines.allSatisfy { $0.count <= width }, "\(table)")
        #expect(
            lines.allSatisfy {
                $0.hasPrefix("  ") || Self.rows.map(\.name).contains(String($0.prefix { $0 != " " }))
            })
        let letters = table.filter { !$0.isWhitespace }
        #expect(letters == Self.rows.map { $0.name + $0.value }.joined().filter { !$0.isWhitespace })
    }

    @Test func elsewhereLinesStayWhole() {
        let table = Console.table(Self.rows, on: .plain)
        #expect(table.split(separator: "\n").count == 3 && !table.contains("\u{1b}"))
    }

    /// What is painted is what was there, with colours around whole cells.
    @Test func verdictsAreColoured() {
        let plain = Console.table(Self.rows, on: Terminal(width: 60, hasColour: false))
        let painted = Console.table(Self.rows, on: Terminal(width: 60, hasColour: true))
        #expect(painted.contains("\u{1b}[1mverdict\u{1b}[0m  \u{1b}[31mnone\u{1b}[0m\n"), "\(painted)")
        #expect(painted.replacing(/\u{1b}\[[0-9]+m/, with: "") == plain)
    }

    @Test func reportsFit() {
        var report = Report(title: "Title")
        report.paragraph(String(repeating: "Some words. ", count: 20))
        report.table(
            ["machine", "device", "reasons"],
            [
                ["a", String(repeating: "pcie ", count: 20), String(repeating: "reason ", count: 30)],
                ["b", "c", "no"],
            ])
        let text = report.written(as: .text, on: Terminal(width: 70, hasColour: false))
        #expect(text.split(separator: "\n").allSatisfy { $0.count <= 70 }, "\(text)")
        #expect(report.written(as: .text, on: .plain).split(separator: "\n").contains { $0.count > 200 })
    }

    /// Piped output has no colours unless they are forced.
    @Test func theCommandObeys() throws {
        for (variables, isPainted) in [([:], false), (["CLICOLOR_FORCE": "1"], true)] {
            let process = Process()
            process.executableURL = DecideTests.executable
            process.arguments = ["place", "--vmm", "qemu-virt", "--ram", "4G"]
            process.environment = variables
            let pipe = Pipe()
            process.standardOutput = pipe
            try process.run()
            let text = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
            process.waitUntilExit()
            #expect(text.contains("\u{1b}[32mdefault_works\u{1b}[0m") == isPainted, "\(text)")
            #expect(text.contains("default_works"))
        }
    }
}
