// Clocks that jump, and a process that is stopped and goes on. Nothing of ours reads the wall clock after the
// start: what expires does so by monotonic time, and only the Date of answers (libmicrohttpd's) jumps. Time
// in which the process did not run counts against no client.

import Foundation
import Glibc
import TestSupport
import Testing

/// Debian's libfaketime, which answers for both clocks; nil where it is not installed.
private let fakeTime: String? = {
    let folder = "/usr/lib"
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    return names.map { "\(folder)/\($0)/faketime/libfaketime.so.1" }.first {
        FileManager.default.fileExists(atPath: $0)
    }
}()

/// A server whose clocks stand where a file says.
private struct JumpingServer {
    let server: RunningServer
    private let folder: Folder

    init(jumpsMonotonic: Bool) throws {
        folder = try Folder()
        let file = try folder.file("offset", "+0\n")
        server = try RunningServer(
            InjectedFaultTests.quiet,
            environment: [
                "LD_PRELOAD": fakeTime ?? "", "FAKETIME_TIMESTAMP_FILE": file, "FAKETIME_NO_CACHE": "1",
                "DONT_FAKE_MONOTONIC": jumpsMonotonic ? "0" : "1",
            ],
            // The library makes variables in the first process, which hides the arguments from Swift.
            shell: "exec \"$0\" serve \"$@\"")
    }

    /// From now on, against the system's clock.
    func jump(_ offset: String) throws { _ = try folder.file("offset", offset + "\n") }
}

extension InjectedFaultTests {
    @Suite(
        .enabled(if: fakeTime != nil, "libfaketime is not installed here (make clocks): no clock can jump"))
    struct Clocks {
        private func year(_ answer: RawClient.Answer) -> Int? {
            answer.header("date").flatMap { Int($0.split(separator: " ").dropFirst(3).first ?? "") }
        }

        /// Forward and back by years, while things have seconds to live.
        @Test func nothingLivesByTheWallClock() throws {
            let jumping = try JumpingServer(jumpsMonotonic: false)
            let client = try jumping.server.client()
            let started = try client.post("/v1/sessions", #"{"id":"long","ttl_seconds":60}"#)
            #expect(started.status == 201)
            #expect(try client.post("/v1/sessions", #"{"id":"short","ttl_seconds":2}"#).status == 201)
            let machine = #"{"smmus":[],"devices":[]}"#
            #expect(try client.post("/v1/platforms?id=p&ttl_seconds=60", machine).status == 201)
            #expect(try client.post("/v1/sessions/long/domains", #"{"id":"d"}"#).status == 201)
            let order = #"{"size":4096,"limit":"0xffffffff"}"#
            let iovas = "/v1/sessions/long/domains/d/iovas"
            let first = try client.post(iovas, order, "Idempotency-Key: k")
            #expect(first.status == 201)
            let half = try jumping.server.client()
            let request = RawClient.request("/v1/decisions", #"{"platform":"p"}"#)
            try half.send(String(request.dropLast(4)))
            let now = try #require(year(first))
            for (offset, years) in [("+4000d", 10...11), ("-4000d", -11 ... -10), ("+0", 0...1)] {
                try jumping.jump(offset)
                let seen = try client.get("/v1/sessions/long")
                #expect(seen.status == 200)
                // The clock did jump.
                #expect(years.contains(try #require(year(seen)) - now), "\(offset)")
                #expect(try client.get("/v1/platforms/p").status == 200)
                #expect(try client.post(iovas, order, "Idempotency-Key: k").body == first.body)
                let made = try client.post("/v1/sessions", #"{"ttl_seconds":60}"#)
                #expect(created(made).hasPrefix(String(created(started).prefix(10))), "\(made.text)")
                usleep(300_000)
            }
            try half.send(String(request.suffix(4)))
            #expect(try half.read()?.status == 422)
            #expect(try eventually { try client.get("/v1/sessions/short").status == 404 })
            #expect(try client.get("/v1/sessions/long").status == 200)
            #expect(jumping.server.stop() == 0)
        }

        private func created(_ answer: RawClient.Answer) -> Substring {
            guard let place = answer.text.range(of: #""created_at":""#) else { return "" }
            return answer.text[place.upperBound...].prefix { $0 != "\"" }
        }

        /// What a stop of 40 s looks like to the process: both clocks are 40 s later. The deadline of 30 s
        /// for a request does not end those that were on their way.
        @Test func aLongStopEndsNoRequest() throws {
            let jumping = try JumpingServer(jumpsMonotonic: true)
            let first = try jumping.server.client()
            #expect(try first.post("/v1/sessions", #"{"id":"s","ttl_seconds":30}"#).status == 201)
            let request = RawClient.request("/v1/decisions", "{}")
            let halves = try (0..<4).map { _ in
                let client = try jumping.server.client()
                try client.send(String(request.dropLast(1)))
                return client
            }
            #expect(try jumping.server.client().get("/livez").status == 200)
            try jumping.jump("+40")
            // Several looks of the thread that ends what is overdue.
            usleep(1_000_000)
            for client in halves {
                try client.send(String(request.suffix(1)))
                #expect(try client.read()?.status == 422)
            }
            // Time that one was told beforehand does pass.
            #expect(try first.get("/v1/sessions/s").status == 404)
            #expect(jumping.server.stop() == 0)
        }
    }

    @Suite struct Stops {
        /// Stopped in the middle of everything: afterwards each request is answered, and once.
        @Test func everythingGoesOn() throws {
            let server = try RunningServer(InjectedFaultTests.quiet)
            let first = try server.client()
            #expect(try first.post("/v1/sessions", #"{"id":"s"}"#).status == 201)
            let stream = try server.client()
            try stream.send(
                "GET /v1/sessions/s/events HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n")
            #expect(try stream.read()?.status == 200)
            let closing = ["Connection: close"]
            let request = RawClient.request("/v1/sessions/s/domains", #"{"id":"d"}"#, closing)
            let half = try server.client()
            try half.send(String(request.dropLast(5)))
            let reading = try RawClient(.tcp(server.port), receiveBufferBytes: 4_096)
            try reading.send("GET /openapi.yaml HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            let heavy = try (0..<6).map { _ in
                let client = try server.client()
                try client.send(RawClient.request("/v1/surveys", "{}", closing))
                return client
            }
            usleep(20_000)
            kill(server.identifier, SIGSTOP)
            try half.send(String(request.suffix(5)))
            // Whoever comes meanwhile waits.
            let late = try server.client()
            try late.send("GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            usleep(1_500_000)
            kill(server.identifier, SIGCONT)
            for (client, status) in [(half, 201), (reading, 200), (late, 200)] + heavy.map({ ($0, 200) }) {
                let answer = try client.read()
                #expect(answer?.status == status)
                #expect(try client.readToEnd() == "")
            }
            // Made once, and told once.
            #expect(try first.get("/v1/sessions/s/domains/d").status == 200)
            #expect(server.stop() == 0)
            var told: [UInt8] = []
            while let chunk = try stream.readChunk(), !chunk.isEmpty { told += chunk }
            let events = String(decoding: told, as: UTF8.self).components(separatedBy: "\n").filter {
                $0.hasPrefix("event: ")
            }
            #expect(events == ["event: domain_created", "event: bye"])
        }

        /// A signal to end that comes while it is stopped is obeyed afterwards, in good order.
        @Test func endsAfterwards() throws {
            let server = try RunningServer(InjectedFaultTests.quiet)
            let client = try server.client()
            let request = RawClient.request("/v1/decisions", "{}")
            try client.send(String(request.dropLast(1)))
            usleep(20_000)
            kill(server.identifier, SIGSTOP)
            kill(server.identifier, SIGTERM)
            usleep(300_000)
            #expect(server.isRunning)
            kill(server.identifier, SIGCONT)
            server.waits(until: "signal 15: draining")
            try client.send(String(request.suffix(1)))
            #expect(try client.read()?.status == 422)
            #expect(server.stop() == 0 && server.said.hasSuffix("stopped\n"))
        }
    }
}
