// The command: what it can do, its name and version, and how values of flags are read. Each subcommand has
// a file of its own.

import API
import ArgumentParser
import JSON

@main
struct Iovad: ParsableCommand {
    static let version = Engine.version

    static let configuration = CommandConfiguration(
        commandName: "iovad",
        abstract: "Where an MSI doorbell may live in I/O virtual address space on Arm SMMU systems.",
        version: version,
        subcommands: [
            Serve.self, Decide.self, Place.self, SurveyCommand.self, Replay.self, Collect.self,
            Packaging.self,
        ])
}

enum FlagValue {
    /// The value of a flag; what is wrong with it ends the command.
    static func read<T>(
        _ name: String, _ text: String, _ reader: (WireValue, ProblemList) -> T?
    ) throws -> T {
        let problems = ProblemList(limit: 1)
        if let value = reader(.text(text, pointer: name), problems), problems.isEmpty { return value }
        let detail = problems.problems.first?.detail ?? "This cannot be read."
        throw ValidationError("\(name) \(text): \(detail)")
    }
}
