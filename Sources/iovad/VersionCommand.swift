// `iovad version`: which release this is and what it was built with, as GET /version gives it: the service is
// asked. What the build is, both say from here.

import API
import ArgumentParser
import HTTP
import JSON
import MicroHTTP

struct VersionCommand: CheckedCommand {
    static let configuration = CommandConfiguration(
        commandName: "version",
        abstract: "Print the version, the modelled Linux releases, and what the binary was built with.",
        discussion: "The JSON is the answer of GET /version.")

    @OptionGroup var output: OutputOption

    func checkArguments() throws { try output.check() }

    func answer() throws {
        let service = OfflineService(version: Iovad.version)
        try output.printer.show(service.get("/version")) { answer in
            Console.table(
                answer.children.map { member in
                    let value =
                        member.kind == .array
                        ? member.children.compactMap(\.text).joined(separator: ", ")
                        : member.text ?? "-"
                    return (name: member.key.replacing("_", with: " "), value: value)
                })
        }
    }
}

/// What GET /version says beside the version, in this order.
enum BuildFacts {
    static let all: [(name: String, value: String)] = [
        ("build", build), ("architecture", architecture), ("swift", swift), ("swift_language_mode", "6"),
        ("libmicrohttpd", Daemon.libraryVersion),
    ]

    private static var build: String {
        #if DEBUG
            "debug"
        #else
            "release"
        #endif
    }

    private static var architecture: String {
        #if arch(arm64)
            "arm64"
        #elseif arch(x86_64)
            "x86_64"
        #else
            "other"
        #endif
    }

    /// The language has no name for the compiler's version, only comparisons.
    private static var swift: String {
        #if compiler(>=6.5)
            "6.5 or later"
        #elseif compiler(>=6.4)
            "6.4"
        #elseif compiler(>=6.3)
            "6.3"
        #else
            "6.2"
        #endif
    }
}
