// A command that goes on while the test does something else, as `iovad agree watch` does.

import Foundation
import Glibc
import Testing

/// A running command. It is ended when the value goes, if not before.
final class RunningCommand {
    private let process = Process()
    private let files: [URL]

    init(_ arguments: [String]) throws {
        files = (0..<2).map { _ in
            FileManager.default.temporaryDirectory.appendingPathComponent("iovad-test-\(UUID().uuidString)")
        }
        for file in files { try Data().write(to: file) }
        process.executableURL = Command.executable
        process.arguments = arguments
        process.standardOutput = try FileHandle(forWritingTo: files[0])
        process.standardError = try FileHandle(forWritingTo: files[1])
        try process.run()
    }

    private func text(_ index: Int) -> String {
        (try? String(contentsOf: files[index], encoding: .utf8)) ?? ""
    }
    var output: String { text(0) }
    var errors: String { text(1) }
    var lines: [String] { output.split(separator: "\n").map(String.init) }

    /// Waits until standard output or standard error has `words`; a mistake after ten seconds.
    func waits(until words: String) {
        for _ in 0..<1_000 where !output.contains(words) && !errors.contains(words) { usleep(10_000) }
        #expect(output.contains(words) || errors.contains(words), "\(words): \(output)\(errors)")
    }

    /// Stops it while `body` runs.
    func halted(_ body: () throws -> Void) rethrows {
        kill(process.processIdentifier, SIGSTOP)
        defer { kill(process.processIdentifier, SIGCONT) }
        try body()
    }

    /// Waits until it ends, and gives the exit status; a mistake, and -1, after ten seconds.
    func status() -> Int32 {
        for _ in 0..<1_000 where process.isRunning { usleep(10_000) }
        #expect(!process.isRunning, "it goes on: \(output)\(errors)")
        return process.isRunning ? -1 : process.terminationStatus
    }

    deinit {
        // Threads of tests may block SIGTERM, and so do then the processes that they start.
        if process.isRunning {
            kill(process.processIdentifier, SIGKILL)
            process.waitUntilExit()
        }
        for file in files { try? FileManager.default.removeItem(at: file) }
    }
}
