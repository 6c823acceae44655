// `iovad packaging`: what a system needs to run the server, printed by the binary that it is for.

import ArgumentParser

struct Packaging: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Print what a system needs to run the server.", subcommands: [PackagingSystemd.self])
}
