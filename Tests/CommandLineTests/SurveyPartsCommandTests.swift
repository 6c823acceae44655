// `iovad survey --partial`, `--hosts-from` and `survey merge` as a person runs them.

import Foundation
import TestSupport
import Testing

@testable import iovad

@Suite struct SurveyPartsCommandTests {
    private func run(_ arguments: [String], input: String = "") throws -> DecideTests.Run {
        let process = Process()
        process.executableURL = DecideTests.executable
        process.arguments = arguments
        let (stdin, stdout, stderr) = (Pipe(), Pipe(), Pipe())
        process.standardInput = stdin
        process.standardOutput = stdout
        process.standardError = stderr
        try process.run()
        try stdin.fileHandleForWriting.write(contentsOf: Data(input.utf8))
        try stdin.fileHandleForWriting.close()
        let output = stdout.fileHandleForReading.readDataToEndOfFile()
        let errors = stderr.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return DecideTests.Run(
            status: process.terminationStatus, output: String(decoding: output, as: UTF8.self),
            errors: String(decoding: errors, as: UTF8.self))
    }

    private static func machine(at bus: String) -> String {
        #"{"smmus":[{"id":"s","version":"v3"}],"devices":[{"id":"rc","kind":"pci_host","smmus":["s"],"#
            + #""pci_windows":[{"bus":"\#(bus)","size":"0x1000000"}]}]}"#
    }

    private static func host(_ name: String, at bus: String) -> String {
        #"{"name":"\#(name)","platform":\#(machine(at: bus))}"# + "\n"
    }

    private static let first = host("b", at: "0x8000000") + "\n" + host("a", at: "0x8000000")
    private static let second = host("c", at: "0x40000000") + host("a", at: "0xa0000000")

    private func withFolder(_ body: (String) throws -> Void) throws {
        let folder = FileManager.default.temporaryDirectory
            .appendingPathComponent("iovad-parts-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try body(folder.path)
    }

    private func write(_ text: String, _ path: String) throws {
        try text.write(toFile: path, atomically: true, encoding: .utf8)
    }

    @Test func partsSayWhatOneSurveySays() throws {
        try withFolder { folder in
            try write(Self.second, "\(folder)/second.ndjson")
            let first = try run(["survey", "--partial", "--hosts-from", "-"], input: Self.first)
            #expect(first.status == 0 && first.errors.isEmpty, "\(first.errors)")
            let second = try run(["survey", "--partial", "--hosts-from", "\(folder)/second.ndjson"])
            try write(first.output, "\(folder)/1.part")
            try write(second.output, "\(folder)/2.part")
            let both = try run(["survey", "merge", "--partial", "\(folder)/2.part", "\(folder)/1.part"])
            for format in ["json", "text", "markdown", "html"] {
                let options = ["--format", format]
                let whole = try run(
                    ["survey", "--hosts-from", "-"] + options, input: Self.second + Self.first)
                let merged = try run(
                    ["survey", "merge", "-", "\(folder)/2.part"] + options, input: first.output)
                #expect(merged == whole && whole.status == 0, "\(format)")
                #expect(try run(["survey", "merge", "-"] + options, input: both.output) == whole)
            }
            let named = try run([
                "survey", "merge", "\(folder)/1.part", "--format", "json", "--source", "lab",
            ])
            #expect(
                named.output.contains(#""source":"lab""#)
                    && named.output.contains(#""hosts":2,"platform":"a""#))
        }
    }

    /// The format of parts: other bytes are another format.
    @Test func partIsAsItWas() throws {
        let part = try run(["survey", "--partial", "--hosts-from", "-"], input: Self.first + Self.second)
        // The version, and what follows from it.
        let end = try #require(part.output.range(of: #""digest":"0x"#, options: .backwards)).lowerBound
        let text = part.output[..<end].replacingOccurrences(of: "\"\(Iovad.version)\"", with: "VERSION")
            .replacingOccurrences(of: #",""#, with: ",\n\"")
        if let message = Golden.difference(of: text, from: "survey-part.json") { Issue.record("\(message)") }
    }

    /// A line is a path, a machine, or a machine with a name; without one it is called by its content.
    @Test func linesAreHosts() throws {
        try withFolder { folder in
            try write(Self.machine(at: "0x8000000"), "\(folder)/m.json")
            let lines =
                "\(folder)/m.json\n\(Self.machine(at: "0x8000000"))\r\n{\"name\":\"x\"}\n{\"name\":1,\"platform\":{}}\n"
                + "{\"platform\":{}}\n{\"name\":\"x\",\"platform\":{}}\n{\n\(folder)/none\n"
            let found = try run(["survey", "--format", "json", "--hosts-from", "-"], input: lines)
            #expect(found.status == 1 && found.output.contains(#""platforms":2"#))
            let place = "standard input, line"
            #expect(
                found.errors.split(separator: "\n").map(String.init) == [
                    "\(folder)/none: No such file or directory",
                    "\(place) 3: devices: The member \"devices\" is missing.",
                    "\(place) 4: name: Expected a string, found a number.",
                    "\(place) 5: name: The member \"name\" is missing.",
                    "\(place) 6: devices: The member \"devices\" is missing.",
                    "\(place) 7: The JSON cannot be read: line 1, column 2: the text ends too early: expected a key in "
                        + "double quotes",
                    "Error: 6 inputs cannot be read",
                ], "\(found.errors)")
        }
    }

    @Test func whatDoesNotFitIsRefused() throws {
        try withFolder { folder in
            let part = try run(["survey", "--partial", "--hosts-from", "-"], input: Self.first)
            let other = try run(
                ["survey", "--partial", "--aperture-bits", "40", "--hosts-from", "-"], input: Self.second)
            try write(part.output, "\(folder)/1.part")
            try write(other.output, "\(folder)/2.part")
            try write(String(part.output.dropLast(100)), "\(folder)/3.part")
            let refusals: [([String], String)] = [
                (
                    ["1.part", "2.part"],
                    "2.part: it answers another question than the parts before it: "
                        + #"{"aperture_bits":40} where they have {"aperture_bits":48}"#
                ),
                (["3.part"], "3.part: it is no whole part of a survey: line 1, column "),
                (["none.part"], "none.part: No such file or directory"),
            ]
            for (names, expected) in refusals {
                let refused = try run(["survey", "merge"] + names.map { "\(folder)/\($0)" })
                #expect(refused.status == 1 && refused.output.isEmpty)
                #expect(refused.errors.hasPrefix("Error: \(folder)/\(expected)"), "\(refused.errors)")
            }
        }
        let usage: [([String], String)] = [
            (
                ["--partial", "--format", "json", "x"],
                "--partial writes a part, which has a form of its own: leave out --format json"
            ),
            (
                ["--partial", "--source", "x", "x"],
                "a part has no source: give --source to the last iovad survey merge"
            ),
            (
                ["merge", "--all", "--constant", "1M", "x"],
                "parts have their question in them: give --constant, --all to iovad survey --partial"
            ),
            (
                ["merge", "--format", "ndjson", "x"],
                "parts have no lines of devices: give --format ndjson to iovad survey"
            ),
            (["merge"], "merge: name the parts"),
            (["merge", "-", "-"], "standard input is asked for twice, and can be read only once"),
            (["-", "--hosts-from", "-"], "standard input is asked for twice, and can be read only once"),
        ]
        for (arguments, expected) in usage {
            let refused = try run(["survey"] + arguments)
            #expect(
                refused.status == 64 && refused.errors.hasPrefix("Error: \(expected)\n"), "\(refused.errors)")
        }
        let missing = try run(["survey", "--hosts-from", "/nonexistent"])
        #expect(
            missing.status == 1
                && missing.errors == "Error: --hosts-from /nonexistent: No such file or directory\n")
    }
}
