// A process that a test starts, whose lines it can wait for, and which never outlives the test.

import Foundation
import Glibc

/// `@unchecked Sendable`: `text` is touched only under `lock`, everything else is set once.
final class ChildProcess: @unchecked Sendable {
    struct Failure: Error { var reason: String }

    private let process = Process()
    private let lock = NSLock()
    private var text = ""

    /// Starts `path` with `arguments`; standard output and error are kept.
    init(_ path: String, _ arguments: [String], folder: URL? = nil) throws {
        process.executableURL = URL(fileURLWithPath: path)
        process.arguments = arguments
        process.currentDirectoryURL = folder
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardError = pipe
        pipe.fileHandleForReading.readabilityHandler = { [weak self] handle in
            let piece = handle.availableData
            guard !piece.isEmpty else {
                handle.readabilityHandler = nil
                return
            }
            guard let self else { return }
            lock.withLock { text += String(decoding: piece, as: UTF8.self) }
        }
        try process.run()
    }

    deinit { stop() }

    var output: String { lock.withLock { text } }

    /// The digits that follow `prefix` in the output, once they are there.
    func number(after prefix: String, seconds: Double = 20) throws -> UInt16 {
        let end = Date().addingTimeInterval(seconds)
        while Date() < end {
            let output = output
            if let found = output.range(of: prefix) {
                let rest = output[found.upperBound...]
                let digits = rest.prefix { $0.isNumber }
                if digits.count < rest.count, let number = UInt16(digits) { return number }
            }
            guard process.isRunning else { break }
            usleep(10_000)
        }
        throw Failure(reason: "no \"\(prefix)\" in: \(output.suffix(2_000))")
    }

    /// Ends a process that has nothing left to do.
    func kill() {
        guard process.isRunning else { return }
        Glibc.kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
    }

    /// Asks the process to end, and kills it when it does not within ten seconds.
    func stop() {
        guard process.isRunning else { return }
        process.terminate()
        for _ in 0..<1_000 where !hasExited { usleep(10_000) }
        if !hasExited { Glibc.kill(process.processIdentifier, SIGKILL) }
        process.waitUntilExit()
    }

    /// Asks the kernel and leaves the child to be reaped: `isRunning` changes only while a run loop turns.
    private var hasExited: Bool {
        var info = siginfo_t()
        let result = waitid(P_PID, id_t(process.processIdentifier), &info, WEXITED | WNOHANG | WNOWAIT)
        return result != 0 || info.si_signo != 0
    }
}
