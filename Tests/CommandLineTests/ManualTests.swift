// What the command says about itself: help that fits a terminal, the manual page, completions, the version.

import Foundation
import TestSupport
import Testing

@testable import iovad

@Suite struct ManualTests {
    /// Each subcommand with its discussion, as the argument parser dumps them.
    private static let commands: [(name: String, discussion: String)] = {
        let dump = (try? DecideTests.run([], command: "--experimental-dump-help"))?.output ?? ""
        let tool = try? JSONSerialization.jsonObject(with: Data(dump.utf8)) as? [String: Any]
        let root = tool?["command"] as? [String: Any]
        return (root?["subcommands"] as? [[String: Any]] ?? []).compactMap { command in
            guard let name = command["commandName"] as? String, name != "help" else { return nil }
            return (name, command["discussion"] as? String ?? "")
        }
    }()

    private func output(_ command: String, _ arguments: [String] = []) throws -> String {
        let run = try DecideTests.run(arguments, command: command)
        #expect(run.status == 0 && run.errors.isEmpty, "\(command): \(run.errors)")
        return run.output
    }

    /// Runs a program of the system on a text; nil where there is none.
    private func run(_ program: String, _ arguments: [String], on text: String) throws -> (
        status: Int32, said: String
    )? {
        let places = ["/usr/bin/", "/bin/"].map { $0 + program }
        guard let path = places.first(where: FileManager.default.isExecutableFile) else {
            print("SKIPPED what \(program) would judge: `make manual-readers` installs it")
            return nil
        }
        let tree = try FileTree()
        try tree.add("text", text)
        let process = Process()
        process.executableURL = URL(fileURLWithPath: path)
        process.arguments = arguments + ["text"]
        process.currentDirectoryURL = tree.folder
        let pipe = Pipe()
        process.standardError = pipe
        process.standardOutput = pipe
        try process.run()
        let said = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        return (process.terminationStatus, said)
    }

    /// 80 columns are enough, and no example is broken.
    @Test func helpWraps() throws {
        #expect(Self.commands.count >= 13)
        for (command, discussion) in [("", "")] + Self.commands {
            let help = try output(command.isEmpty ? "--help" : command, command.isEmpty ? [] : ["--help"])
            for line in help.split(separator: "\n") { #expect(line.count <= 80, "\(command): \(line)") }
            for line in discussion.split(separator: "\n") where line.hasPrefix("  ") {
                #expect(help.contains("\n\(line)\n"), "\(command): \(line)")
            }
        }
    }

    @Test func manualHasEverything() throws {
        let page = try output("man")
        #expect(page.hasPrefix(".TH IOVAD 1 "))
        for (command, _) in Self.commands where command != "packaging" {
            #expect(page.contains("\n.SS iovad \(command)\n"), "\(command)")
        }
        #expect(page.contains("\n.SS iovad packaging systemd\n"))
        for flag in ["\\fB\\-\\-no\\-p2p\\fR", "\\fB\\-\\-page\\-size\\fR \\fIbytes\\fR"] {
            #expect(page.contains(flag), "\(flag)")
        }
        for ending in Ending.allCases { #expect(page.contains("\n.B \(ending.rawValue)\n")) }
        for variable in Settings.variables {
            #expect(page.contains("\n.B IOVAD_\(variable)\n"), "\(variable)")
        }
        guard let groff = try run("groff", ["-man", "-Tutf8", "-ww", "-z"], on: page) else { return }
        #expect(groff.status == 0 && groff.said.isEmpty, "\(groff.said)")
    }

    @Test func nothingInTheManualIsARequest() {
        #expect(ManPage.escaped(".SH x") == "\\&.SH x" && ManPage.escaped("'a") == "\\&'a")
        #expect(ManPage.escaped(#"a\b-c"#) == #"a\eb\-c"#)
    }

    @Test(arguments: ["bash", "zsh", "fish"]) func completions(shell: String) throws {
        let script = try output("completions", [shell])
        for (command, _) in Self.commands { #expect(script.contains(command), "\(shell): \(command)") }
        #expect(script.contains("page-size") && script.contains("no-p2p"))
        // Names of files, where nothing else is known.
        if shell == "bash" { #expect(script.contains("\ncomplete -o default ")) }
        guard let checked = try run(shell, ["-n"], on: script) else { return }
        #expect(checked.status == 0 && checked.said.isEmpty, "\(checked.said)")
    }

    @Test func otherShellsAreNamed() throws {
        let run = try DecideTests.run(["tcsh"], command: "completions")
        #expect(
            run.status == 64 && run.errors.contains("tcsh") && run.errors.contains("fish"), "\(run.errors)")
    }

    /// The same facts as GET /version, and as --version.
    @Test func version() throws {
        let answer =
            try JSONSerialization.jsonObject(with: Data(output("version", ["--json"]).utf8)) as? [String: Any]
        #expect(answer?["version"] as? String == Iovad.version)
        #expect(try output("--version") == "\(Iovad.version)\n")
        let table = try output("version")
        for fact in BuildFacts.all {
            #expect(answer?[fact.name] as? String == fact.value, "\(fact.name)")
            #expect(table.contains(fact.value) && table.contains(fact.name.replacing("_", with: " ")))
        }
        let kernels = answer?["kernels"] as? [String] ?? []
        #expect(kernels.count > 1 && table.contains(kernels.joined(separator: ", ")))
    }
}
