// `iovad-bench sessions`: what a live session costs in memory, and whether making one and its end cost the
// same when many others live. The requests are those of clients; only the socket is missing.

import ArgumentParser

struct SessionCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sessions",
        abstract: "Memory of live sessions, and the time to make and to end one among many.",
        discussion: """
            Makes sessions with a domain and --allocations live ranges each, then lets them expire a tenth
            at a time. Times are medians in microseconds. The exit status is 1 when a target is missed.
            """)

    @Flag(help: "Print JSON instead of a table.")
    var json = false
    @Option(help: "Sessions to make, 100 to 10000.")
    var sessions = 10_000
    @Option(help: "Live ranges in each session.")
    var allocations = 100

    func validate() throws {
        guard (100...10_000).contains(sessions) else { throw ValidationError("--sessions are 100 to 10000") }
        guard (0...1_000).contains(allocations) else { throw ValidationError("--allocations are 0 to 1000") }
    }

    func run() throws {
        var bench = SessionBench(sessions: sessions, allocations: allocations)
        try bench.run()
        if json {
            IovadBench.printJSON(bench.json)
        } else {
            bench.lines.forEach { print($0) }
        }
        if bench.targets.contains(where: { !$0.isMet }) { throw ExitCode(1) }
    }
}
