// What tests of injected faults share: a server whose system takes something away from it while it runs, and
// how such a server looks from outside. Faults beside these: a log that nobody reads is in ServerLogTests,
// SIGTERM under load in DrainUnderLoadTests, bodies that stall in FlightCommandTests.

import Foundation
import Glibc
import TestSupport
import Testing

@Suite(.serialized) struct InjectedFaultTests {
    static let quiet = ["--listen", "127.0.0.1:0", "--log", "none"]
}

extension RawClient {
    func get(_ target: String) throws -> Answer {
        try send("GET \(target) HTTP/1.1\r\nHost: localhost\r\n\r\n")
        return try #require(try readWhole())
    }

    func post(_ target: String, _ json: String, _ fields: String...) throws -> Answer {
        try send(RawClient.request(target, json, fields))
        return try #require(try read())
    }

    static func request(_ target: String, _ json: String, _ fields: [String] = []) -> String {
        let head = [
            "POST \(target) HTTP/1.1", "Host: localhost", "Content-Type: application/json",
            "Content-Length: \(json.utf8.count)",
        ]
        return (head + fields).joined(separator: "\r\n") + "\r\n\r\n" + json
    }

    func metric(_ name: String) throws -> Int {
        let text = try get("/metrics").text
        let line = try #require(text.split(separator: "\n").first { $0.hasPrefix("\(name) ") }, "\(name)")
        return try #require(Int(line.split(separator: " ")[1]))
    }
}

extension RunningServer {
    func metric(_ name: String) throws -> Int { try client().metric(name) }

    func limit(_ name: String) throws -> Int {
        let text = try #require(try get("/v1/limits")).text
        let rest = try #require(text.range(of: "\"\(name)\":")).upperBound
        return try #require(Int(text[rest...].prefix { $0.isNumber }))
    }

    /// The numbers of its open descriptors.
    var descriptors: Set<Int> {
        let names = try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(identifier)/fd")
        return Set((names ?? []).compactMap { Int($0) })
    }

    /// The CPU time of all its threads.
    var cpuNanoseconds: Int {
        let folder = "/proc/\(identifier)/task"
        let threads = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        return threads.reduce(0) { sum, thread in
            let text = try? String(contentsOfFile: "\(folder)/\(thread)/schedstat", encoding: .utf8)
            return sum + (text.flatMap { Int($0.prefix { $0.isNumber }) } ?? 0)
        }
    }

    /// Sets a limit of the running process, in prlimit(1)'s words.
    func set(_ limit: String) throws {
        #expect(try run("prlimit", "--pid", "\(identifier)", "--\(limit)").status == 0)
    }

    /// Whether it takes little CPU time for half a second; what spins takes nearly all that there is.
    func rests() -> Bool {
        let (before, start) = (cpuNanoseconds, ContinuousClock.now)
        usleep(500_000)
        let passed = (ContinuousClock.now - start).components
        let wall = Int(passed.seconds) * 1_000_000_000 + Int(passed.attoseconds / 1_000_000_000)
        return (cpuNanoseconds - before) * 10 < wall
    }
}

/// Waits until it is so, for ten seconds at most.
func eventually(_ isSo: () throws -> Bool) rethrows -> Bool {
    for _ in 0..<1_000 {
        if try isSo() { return true }
        usleep(10_000)
    }
    return false
}

/// Starts with these limits of sh(1); nil when it did not start, and then it said why.
func started(limits: String, _ arguments: [String] = InjectedFaultTests.quiet) throws -> RunningServer? {
    do {
        return try RunningServer(arguments, shell: "\(limits); exec \"$0\" serve \"$@\"")
    } catch let failure as RunningServer.DidNotStart {
        #expect(!failure.bySignal && failure.status != 0 && failure.status != -1, "\(limits): \(failure)")
        #expect(!failure.errors.isEmpty, "\(limits)")
        return nil
    }
}
