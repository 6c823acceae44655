// `iovad-bench`: measurements that anybody can repeat, run by `make bench`. Each compares two things in one
// run; figures of different runs or machines do not compare. Nothing of it is linked into the server.

import API
import ArgumentParser
import Glibc

@main
struct IovadBench: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "iovad-bench", abstract: "Measure this build of iovad.",
        discussion: "Without a subcommand both run in turn, with their defaults.",
        version: Engine.version,
        subcommands: [AllocatorBench.self, SessionCommand.self])

    func run() throws {
        var isMissed = false
        for part in ["allocator", "sessions"] {
            print("\n\(part)")
            fflush(nil)
            isMissed = try Self.runAlone(part) != 0 || isMissed
        }
        if isMissed { throw ExitCode(1) }
    }

    /// Runs a part in a process of its own: what one leaves on the heap would count as the next one's memory.
    private static func runAlone(_ part: String) throws -> Int32 {
        var words: [UnsafeMutablePointer<CChar>?] = [strdup("iovad-bench"), strdup(part), nil]
        defer { words.forEach { free($0) } }
        var child = pid_t()
        let code = posix_spawn(&child, "/proc/self/exe", nil, nil, &words, environ)
        guard code == 0 else { throw ValidationError("\(part) does not start: errno \(code)") }
        var status: Int32 = 0
        while waitpid(child, &status, 0) < 0, errno == EINTR {}
        return status
    }

    /// Prints figures as one line of JSON, after the version that they are of.
    static func printJSON(_ members: [(name: String, value: JSONText)]) {
        print(JSONText.object([("engine", .string(Engine.version))] + members).text)
    }

    /// A line on standard error.
    static func complain(_ line: String) {
        let bytes = Array((line + "\n").utf8)
        bytes.withUnsafeBytes { _ = write(2, $0.baseAddress, $0.count) }
    }
}
