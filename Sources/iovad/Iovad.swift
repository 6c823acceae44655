// The command: what it can do, and its name and version.

import API
import ArgumentParser

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
