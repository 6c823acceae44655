// `iovad serve` as a process of its own on a free port, ended by SIGTERM.

import Foundation
import Glibc
import OpenAPI
import TestSupport
import Testing

/// A running server. It is ended when the value goes, if not before.
final class RunningServer {
    private let process = Process()
    private let errors: URL
    /// What it said it serves, e.g. "http://127.0.0.1:40001" and "unix:/tmp/x".
    private(set) var places: [String] = []
    var identifier: Int32 { process.processIdentifier }

    struct DidNotStart: Error { var status: Int32, errors: String, bySignal = false }

    /// Waits until `placeCount` sockets are served. `shell` runs a command line in place of the binary, with
    /// the binary's path as `$0`.
    init(
        _ arguments: [String], environment: [String: String] = [:], placeCount: Int = 1,
        folder: String = "/tmp",
        shell: String? = nil, standardInput: FileHandle? = nil
    ) throws {
        errors = FileManager.default.temporaryDirectory
            .appendingPathComponent("iovad-test-\(UUID().uuidString)")
        try Data().write(to: errors)
        process.executableURL = shell == nil ? Command.executable : URL(fileURLWithPath: "/bin/sh")
        process.arguments =
            shell.map { ["-c", $0, Command.executable.path] + arguments } ?? (["serve"] + arguments)
        // Whatever host the tests run on; flags count over the variable.
        let own = ["PATH": ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin", "IOVAD_NO_HOST": "1"]
        process.environment =
            own
            .merging(environment) { $1 }
        process.currentDirectoryURL = URL(fileURLWithPath: folder)
        process.standardInput = standardInput ?? FileHandle.nullDevice
        process.standardError = try FileHandle(forWritingTo: errors)
        process.standardOutput = FileHandle.nullDevice
        try process.run()
        for _ in 0..<500 {
            places = said.split(separator: "\n").compactMap { line in
                line.range(of: " serves ").map { String(line[$0.upperBound...].prefix { $0 != "\"" }) }
            }
            if places.count == placeCount { return }
            if !process.isRunning {
                process.waitUntilExit()
                throw DidNotStart(
                    status: process.terminationStatus, errors: said,
                    bySignal: process.terminationReason == .uncaughtSignal)
            }
            usleep(10_000)
        }
        throw DidNotStart(status: -1, errors: said)
    }

    /// Its standard error so far.
    var said: String { (try? String(contentsOf: errors, encoding: .utf8)) ?? "" }

    /// The port of the first TCP place.
    var port: UInt16 {
        places.lazy.compactMap { $0.hasPrefix("http") ? UInt16($0.split(separator: ":").last!) : nil }.first!
    }

    func client() throws -> RawClient { try RawClient(.tcp(port)) }

    /// One request on a connection of its own, held against openapi.yaml with its answer.
    func get(
        _ target: String, _ fields: [String] = [], method: String = "GET", host: String = "localhost"
    ) throws -> RawClient.Answer? {
        let client = try client()
        let lines = ["\(method) \(target) HTTP/1.1", "Host: \(host)"] + fields
        try client.send(lines.joined(separator: "\r\n") + "\r\n\r\n")
        guard let answer = try client.readWhole(isHead: method == "HEAD") else { return nil }
        let exchange = Exchange(
            method: method, target: target, requestType: nil, request: [], status: answer.status,
            responseHeaders: Dictionary(answer.headers.map { ($0.name, $0.value) }) { first, _ in first },
            response: answer.body)
        for fault in OpenAPIDocument.published.faults(of: exchange) { Issue.record("openapi.yaml: \(fault)") }
        return answer
    }

    /// Sends SIGHUP, and waits until the server has said `words`.
    func hangUp(until words: String) {
        kill(identifier, SIGHUP)
        waits(until: words)
    }

    /// Waits until the server has said `words`; a mistake after five seconds.
    func waits(until words: String) {
        for _ in 0..<500 where !said.contains(words) { usleep(10_000) }
        #expect(said.contains(words), "\(said)")
    }

    var isRunning: Bool { process.isRunning }
    var wasEndedBySignal: Bool { !process.isRunning && process.terminationReason == .uncaughtSignal }

    /// Sends SIGTERM and gives the exit status.
    func stop() -> Int32 {
        process.terminate()
        process.waitUntilExit()
        return process.terminationStatus
    }

    deinit {
        if process.isRunning {
            // It may be stopped.
            kill(identifier, SIGCONT)
            _ = stop()
        }
        try? FileManager.default.removeItem(at: errors)
    }
}

extension RawClient {
    /// The next answer with all its chunks; nil when the stream ended before.
    func readWhole(isHead: Bool = false) throws -> Answer? {
        guard var answer = try read(isHead: isHead) else { return nil }
        guard !isHead, answer.header("transfer-encoding") == "chunked" else { return answer }
        while let piece = try readChunk() {
            if piece.isEmpty { return answer }
            answer.body += piece
        }
        return nil
    }
}
