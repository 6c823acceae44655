// Logs that nobody reads, and standard descriptors that are closed: the server answers and ends all the same.

import Foundation
import Glibc
import TestSupport
import Testing

@Suite(.serialized) struct ServerLogTests {
    /// A server whose standard error is a pipe that is read only when a test asks for it.
    private final class PipedServer {
        let process = Process()
        private let errors = Pipe()
        let port: UInt16

        init(_ log: String) throws {
            process.executableURL = Command.executable
            process.arguments = ["serve", "--listen", "127.0.0.1:0", "--log", log, "--grace-seconds", "5"]
            process.environment = ["PATH": "/usr/bin:/bin", "IOVAD_NO_HOST": "1"]
            process.standardInput = FileHandle.nullDevice
            process.standardOutput = FileHandle.nullDevice
            process.standardError = errors
            try process.run()
            var said = ""
            while !said.hasSuffix("\n"), case let more = errors.fileHandleForReading.availableData,
                !more.isEmpty
            {
                said += String(decoding: more, as: UTF8.self)
            }
            let digits = said.split(separator: ":").last?.prefix { $0.isNumber }
            port = try #require(UInt16(digits ?? ""), "\(said)")
        }

        func read() -> String {
            String(decoding: errors.fileHandleForReading.availableData, as: UTF8.self)
        }

        deinit {
            if process.isRunning { kill(process.processIdentifier, SIGKILL) }
        }
    }

    private func ask(_ client: RawClient, _ target: String, times: Int = 1) throws -> RawClient.Answer {
        for _ in 1..<times { _ = try client.get(target) }
        return try client.get(target)
    }

    private func dropped(_ client: RawClient) throws -> Int {
        try client.metric("iovad_log_lines_dropped_total")
    }

    /// 64 KiB of pipe and a queue of 1 MiB are full long before the last request. SIGTERM ends the server
    /// though nobody reads.
    @Test(arguments: ["text", "json"])
    func aLogThatNobodyReadsStopsNothing(format: String) throws {
        let server = try PipedServer(format)
        let client = try RawClient(.tcp(server.port))
        // The target is printed with up to 512 bytes.
        let target = "/" + String(repeating: "x", count: 500)
        #expect(try ask(client, target, times: 4_000).status == 404)
        #expect(try dropped(client) > 0)
        #expect(try ask(client, "/livez").status == 200)
        server.process.terminate()
        server.process.waitUntilExit()
        #expect(server.process.terminationReason == .exit && server.process.terminationStatus == 0)
    }

    /// Whoever reads again is told how much is missing.
    @Test func droppedLinesAreTold() throws {
        let server = try PipedServer("text")
        let client = try RawClient(.tcp(server.port))
        let target = "/" + String(repeating: "x", count: 500)
        _ = try ask(client, target, times: 3_000)
        let count = try dropped(client)
        #expect(count > 0)
        var text = ""
        var lines = 0
        while !text.contains(" dropped: ") {
            let more = server.read()
            guard !more.isEmpty else { break }
            lines += more.utf8.count { $0 == 0x0a }
            text = String(text.suffix(200)) + more
        }
        #expect(text.contains(" lines were dropped: nobody read them\n"))
        // Those before it came: what waited was not lost.
        #expect(lines > 1_000)
        #expect(try dropped(client) >= count)
    }

    /// Closed descriptors do not become sockets that the log is written to.
    @Test(arguments: ["<&-", "2>&-", "<&- >&- 2>&-"])
    func closedDescriptorsAreOpenedOnNull(closing: String) throws {
        let path = "/tmp/iovad-test-\(UUID().uuidString).sock"
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        process.arguments = [
            "-c", "exec \"$0\" serve --unix \(path) \(closing)", Command.executable.path,
        ]
        process.environment = ["PATH": "/usr/bin:/bin", "IOVAD_NO_HOST": "1"]
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        try process.run()
        for _ in 0..<1_000 where !FileManager.default.fileExists(atPath: path) { usleep(10_000) }
        let client = try RawClient(.unix(path))
        let answer = try ask(client, "/livez", times: 3)
        #expect(answer.text == "alive\n")
        for number in 0...2 {
            let link = "/proc/\(process.processIdentifier)/fd/\(number)"
            #expect(try FileManager.default.destinationOfSymbolicLink(atPath: link) == "/dev/null")
        }
        process.terminate()
        process.waitUntilExit()
        #expect(process.terminationStatus == 0)
    }
}
