// `iovad-bench transport`: options and printing. The measuring is in TransportBench.swift, the C server in
// ../yardstick.

import ArgumentParser
import Glibc

struct TransportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "transport",
        abstract: "Requests for each CPU second of the server, beside a C server that only answers.",
        discussion: """
            Starts both servers on free ports of 127.0.0.1 and asks them in turn. A ratio of 0.8 says that
            four fifths of a request's CPU time are libmicrohttpd's and the kernel's.
            """)

    @Flag(help: "Print JSON instead of a table.")
    var json = false
    @Option(help: ArgumentHelp("The iovad to measure.", valueName: "path"))
    var server = ".build/release/iovad"
    @Option(help: ArgumentHelp("The C server. Default: yardstick beside this program.", valueName: "path"))
    var yardstick: String?
    @Option(help: "Requests in a block, 1 to 1000000.")
    var requests = 5_000
    @Option(
        help:
            "Connections that ask at the same time, 1 to 512. Several share the server's wake-ups, by chance."
    )
    var connections = 1

    func validate() throws {
        guard (1...1_000_000).contains(requests) else { throw ValidationError("--requests are 1 to 1000000") }
        guard (1...512).contains(connections) else { throw ValidationError("--connections are 1 to 512") }
    }

    func run() throws {
        var bench = TransportBench(
            server: server, yardstick: yardstick ?? Self.besideThis("yardstick"), requests: requests,
            connections: connections)
        try bench.run()
        if json {
            IovadBench.printJSON(bench.json)
        } else {
            bench.lines.forEach { print($0) }
        }
    }

    private static func besideThis(_ name: String) -> String {
        var buffer = [UInt8](repeating: 0, count: Int(PATH_MAX))
        let count = buffer.withUnsafeMutableBytes { space in
            space.withMemoryRebound(to: CChar.self) { readlink("/proc/self/exe", $0.baseAddress!, $0.count) }
        }
        let path = String(decoding: buffer[..<max(0, count)], as: UTF8.self)
        return path.prefix(through: path.lastIndex(of: "/") ?? path.startIndex) + name
    }
}
