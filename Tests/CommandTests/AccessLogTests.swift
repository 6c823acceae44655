// Lines of the access log: when, who, what, with which result, how long, how many bytes, and in which trace.

import Foundation
import TestSupport
import Testing

@testable import iovad

@Suite struct AccessLogTests {
    private static let trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    private static let field = "traceparent: 00-\(trace)-00f067aa0ba902b7-01"

    private static func isRecent(_ text: String) -> Bool {
        let format = ISO8601DateFormatter()
        format.formatOptions = [.withInternetDateTime, .withFractionalSeconds]
        return format.date(from: text).map { abs($0.timeIntervalSinceNow) < 60 } ?? false
    }

    private func said(_ form: String, until words: String, _ ask: (RunningServer) throws -> Void) throws
        -> [String]
    {
        let server = try RunningServer(["--listen", "127.0.0.1:0", "--log", form])
        try ask(server)
        server.waits(until: words)
        #expect(server.stop() == 0)
        return server.said.split(separator: "\n").map(String.init)
    }

    private func ask(_ server: RunningServer) throws {
        let client = try server.client()
        let body = #"{"id":"s"}"#
        try client.send(
            "POST /v1/sessions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\(Self.field)\r\n"
                + "Content-Length: \(body.utf8.count)\r\n\r\n\(body)")
        #expect(try client.read()?.status == 201)
        #expect(try client.get("/livez").status == 200)
    }

    @Test func text() throws {
        let lines = try said("text", until: " GET /livez 200 ", ask)
        let words = try #require(lines.first { $0.contains(" POST /v1/sessions ") }).split(separator: " ")
            .map(String.init)
        try #require(words.count == 11, "\(words)")
        #expect(Self.isRecent(words[0]) && words[4] == "201", "\(words)")
        #expect(
            Int(words[5].dropLast()) ?? 0 > 0 && words[5].hasSuffix("B") && words[6].hasSuffix("us"),
            "\(words)")
        #expect(words[8] == "createSession" && words[9] == "10B" && words[10] == Self.trace, "\(words)")
        let live = try #require(lines.first { $0.contains(" GET /livez ") })
        #expect(live.hasSuffix(" live 0B -"), "\(live)")
    }

    @Test func json() throws {
        let lines = try said("json", until: #""target":"/livez""#, ask)
        let objects = try lines.map { line in
            try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any], "\(line)")
        }
        #expect(objects.allSatisfy { Self.isRecent($0["time"] as? String ?? "") })
        // What the server says itself is an object too.
        #expect(objects.contains { ($0["message"] as? String)?.contains(" serves http://") == true })
        let post = try #require(objects.first { $0["target"] as? String == "/v1/sessions" })
        #expect(post["operation"] as? String == "createSession" && post["status"] as? Int == 201)
        #expect(post["request_bytes"] as? Int == 10 && post["response_bytes"] as? Int ?? 0 > 0)
        #expect(post["microseconds"] as? Int ?? 0 > 0 && (post["request_id"] as? String)?.isEmpty == false)
        #expect(
            post["trace_id"] as? String == Self.trace && post["parent_id"] as? String == "00f067aa0ba902b7")
        let live = try #require(objects.first { $0["target"] as? String == "/livez" })
        #expect(live["trace_id"] == nil)
    }

    /// W3C Trace Context, 3.2: what does not have the form is ignored.
    @Test func tracesHaveTheirForm() {
        let good = "00-\(Self.trace)-00f067aa0ba902b7-01"
        #expect(TraceParent(good)?.id == Self.trace)
        #expect(TraceParent("cc" + good.dropFirst(2) + "-what-the-future")?.id == Self.trace)
        for wrong in [
            "", "00", "ff" + good.dropFirst(2), good + "-x", good.uppercased(),
            good.replacing("-01", with: "-1"),
            good.replacing(Self.trace, with: String(repeating: "0", count: 32)),
            good.replacing("00f067aa0ba902b7", with: String(repeating: "0", count: 16)),
            good.replacing("4bf9", with: "\u{1b}[3"),
        ] {
            #expect(TraceParent(wrong) == nil, "\(wrong)")
        }
    }

    /// Metrics that operators expect of any process, and what the binary is.
    @Test func processMetrics() throws {
        let server = try RunningServer(["--listen", "127.0.0.1:0", "--log", "none"])
        let client = try server.client()
        let text = try client.get("/metrics").text
        func value(_ name: String) throws -> Double {
            let line = try #require(text.split(separator: "\n").first { $0.hasPrefix(name + " ") }, "\(name)")
            return try #require(Double(line.split(separator: " ").last ?? ""))
        }
        let resident = try value("process_resident_memory_bytes")
        let mapped = try value("process_virtual_memory_bytes")
        #expect(resident > 4e6 && resident < mapped)
        #expect(try value("process_cpu_seconds_total") > 0)
        let descriptors = try FileManager.default.contentsOfDirectory(atPath: "/proc/\(server.identifier)/fd")
            .count
        let open = try value("process_open_fds")
        #expect(abs(open - Double(descriptors)) <= 1)
        #expect(try value("process_max_fds") >= open)
        let start = try value("process_start_time_seconds")
        #expect(abs(Date().timeIntervalSince1970 - start) < 60)
        let facts = BuildFacts.all.map { "\($0.name)=\"\($0.value)\"" }.joined(separator: ",")
        #expect(text.contains("\niovad_build_info{version=\"\(Iovad.version)\",\(facts)} 1\n"), "\(text)")
        #expect(server.stop() == 0)
    }
}
