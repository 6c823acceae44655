// The command: what it can do, its name and version, and how values of flags are read. Each subcommand has
// a file of its own.

import API
import AddressSpaces
import ArgumentParser
import Fleet
import Glibc
import JSON
import LinuxReleases

@main
struct Iovad: ParsableCommand {
    static let version = Engine.version

    static let configuration = CommandConfiguration(
        commandName: "iovad",
        abstract: "Where Linux maps MSI doorbells in I/O virtual address space on Arm SMMU systems.",
        discussion: Ending.help,
        version: version,
        subcommands: [
            Serve.self, Decide.self, Explain.self, Place.self, Agree.self, SurveyCommand.self, Replay.self,
            MachinesCommand.self, Collect.self, Packaging.self, CompletionsCommand.self, ManCommand.self,
            VersionCommand.self, SBOM.self,
        ])

    static func main() {
        guard Environment.raiseStackLimit() else {
            Console.say(
                "Error: the limit of the stack is too low to run (ulimit -s, LimitSTACK): 1 MiB at least")
            Glibc.exit(Ending.failed.rawValue)
        }
        Console.checkOutputAtExit()
        let words = Array(CommandLine.arguments.dropFirst())
        if let (word, parent) = CommandWords.unknownTopic(words) {
            let topic = Report.printable(word)
            Console.say("Error: \(parent) has no command \"\(topic)\"; iovad help lists the commands")
            Glibc.exit(Ending.usage.rawValue)
        }
        main(CommandWords.joiningNegatives(words))
    }
}

enum FlagValue {
    /// The value of a flag; a wrong value ends the command with the reason.
    static func read<T>(
        _ name: String, _ text: String, _ reader: (WireValue, ProblemList) -> T?
    ) throws -> T {
        let problems = ProblemList(limit: 1)
        if let value = reader(.text(text, pointer: name), problems), problems.isEmpty { return value }
        let detail = problems.problems.first?.detail ?? "The value cannot be read."
        throw ValidationError("\(name) \(text): \(detail)")
    }

    /// The value of a flag that takes the JSON of a member of requests.
    static func json<T>(
        _ name: String, _ text: String, _ reader: (WireValue, ProblemList) -> T?
    ) throws -> T {
        let problems = ProblemList(limit: 1)
        guard
            let document = try? JSONDocument(parsing: Array(text.utf8), limits: MachineFiles.jsonLimits)
        else { throw ValidationError("\(name): this is not JSON: \(text)") }
        if let value = reader(.member(document.root), problems), problems.isEmpty { return value }
        let problem = problems.problems.first
        let member = problem.map { Report.member($0.pointer) } ?? ""
        throw ValidationError(
            "\(name)\(member.isEmpty ? "" : ", \(member)"): \(problem?.detail ?? "The value cannot be read.")"
        )
    }

    /// An address or a size: 0x8000000, 4096, 64K, 1.5G.
    static func size(_ name: String, _ text: String) throws -> UInt64 {
        try read(name, text) { $0.size($1) }
    }

    /// RAM of a VM. A small number without a suffix is meant in MiB: QEMU's -m counts so. No VM has less.
    static func ram(_ name: String, _ text: String) throws -> UInt64 {
        let size = try size(name, text)
        guard size < VMShape.memoryMin else { return size }
        if size > 0, text.utf8.allSatisfy({ DecimalLiteral.isDigit($0) }) {
            throw ValidationError(
                "\(name) \(text): \(VMShape.bareMemoryHint(text))")
        }
        throw ValidationError("\(name) \(text): less than 1 MiB; send a size like 512M or 64G")
    }

    /// "5.10, 6.1 ... or 7.3, what uname -r prints, or ..."
    static let kernels =
        KernelRelease.allCases.map(\.rawValue).joined(separator: ", ")
        + ", what uname -r prints, or JSON of a release and overrides"
}
