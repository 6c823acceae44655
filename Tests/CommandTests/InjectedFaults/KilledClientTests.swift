// Clients that are killed: whatever they were at, the server has afterwards what it had before.

import Foundation
import Glibc
import TestSupport
import Testing

/// A process that sends bytes and reads nothing. Its end is the kernel's: an end of the stream, or a reset
/// where answers were not read.
private final class SilentClient {
    private let process = Process()

    init(_ port: UInt16, _ request: String) throws {
        process.executableURL = URL(fileURLWithPath: "/bin/bash")
        process.arguments = [
            "-c", "exec 3<>/dev/tcp/127.0.0.1/$0; printf %s \"$1\" >&3; exec sleep 1000", "\(port)", request,
        ]
        process.standardInput = FileHandle.nullDevice
        try process.run()
    }

    func end() {
        kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
    }

    deinit { if process.isRunning { end() } }
}

extension InjectedFaultTests {
    @Suite struct KilledClients {
        private static let gauges = [
            "iovad_flight_bytes{kind=\"bodies\"}", "iovad_flight_bytes{kind=\"answers\"}",
            "iovad_event_subscribers", "iovad_heavy_requests{state=\"waiting\"}",
            "iovad_heavy_requests{state=\"running\"}", "iovad_heavy_waiting_bytes",
        ]

        private static let host = "Host: localhost\r\n"
        private static let json = host + "Content-Type: application/json\r\n"
        /// What they were at when they were killed.
        private static let requests = [
            "connected": "",
            "request line": "POST /v1/rep",
            "head": "POST /v1/replays HTTP/1.1\r\n\(host)Content-Le",
            "body": "POST /v1/replays HTTP/1.1\r\n\(json)Content-Length: 10000000\r\n\r\n{\"x\":",
            "chunked body": "POST /v1/replays HTTP/1.1\r\n\(json)Transfer-Encoding: chunked\r\n\r\n8000\r\n{",
            "answer": "GET /openapi.yaml HTTP/1.1\r\n\(host)\r\n",
            "many answers": String(repeating: "GET /livez HTTP/1.1\r\n\(host)\r\n", count: 50),
            "events": "GET /v1/sessions/s/events HTTP/1.1\r\n\(host)Accept: text/event-stream\r\n\r\n",
            "survey": RawClient.request("/v1/surveys", "{}"),
            "survey by lines":
                "POST /v1/surveys HTTP/1.1\r\n\(json)Accept: application/x-ndjson\r\nContent-Length: 2\r\n\r\n{}",
        ]

        @Test func everythingIsGivenBack() throws {
            let server = try RunningServer(InjectedFaultTests.quiet)
            let watching = try server.client()
            #expect(try watching.post("/v1/sessions", #"{"id":"s"}"#).status == 201)
            // The heavy lane has its threads.
            #expect(try watching.post("/v1/surveys", "{}").status == 200)
            func levels() throws -> [Int] { try Self.gauges.map { try watching.metric($0) } }
            // An answer comes a little before its place on the lane is free.
            let before = Self.gauges.map { _ in 0 }
            #expect(try eventually { try levels() == before })
            let open = server.descriptors
            for round in 0..<3 {
                let clients = try Self.requests.values.flatMap { request in
                    try (0..<2).map { _ in try SilentClient(server.port, request) }
                }
                // Bodies are held, streams are open.
                #expect(
                    try eventually {
                        let now = try levels()
                        return now[0] == 2 * 10_000_000 && now[2] == 2
                    }, "round \(round)")
                for client in clients { client.end() }
                _ = try eventually { try levels() == before && server.descriptors == open }
                #expect(try levels() == before, "round \(round)")
                #expect(server.descriptors == open, "round \(round)")
            }
            #expect(server.stop() == 0 && server.said.hasSuffix("stopped\n"))
        }

        /// More of them than one client may have streams: their places are given back.
        @Test func placesOfOneClientAreGivenBack() throws {
            let server = try RunningServer(InjectedFaultTests.quiet)
            let watching = try server.client()
            #expect(try watching.post("/v1/sessions", #"{"id":"s"}"#).status == 201)
            let most = try server.limit("subscribers_per_client_max")
            let request = try #require(Self.requests["events"])
            for _ in 0..<2 {
                try fill(server, request, most)
                #expect(try eventually { try watching.metric("iovad_event_subscribers") == 0 })
            }
        }

        /// Opens all streams that one client may have, and leaves.
        private func fill(_ server: RunningServer, _ request: String, _ most: Int) throws {
            let clients = try (0...most).map { _ in try server.client() }
            for client in clients.prefix(most) {
                try client.send(request)
                #expect(try client.read()?.status == 200)
            }
            try clients[most].send(request)
            let refused = try clients[most].read()
            #expect(refused?.text.contains("too-many-subscribers") == true, "\(refused?.text ?? "")")
        }
    }
}
