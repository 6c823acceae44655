// The histogram of request times: which bucket a time belongs to, what /metrics says of it, and which answers
// have a time at all.

import Foundation
import HTTP
import TestSupport
import Testing

@testable import API

@Suite struct RequestTimesTests {
    /// The value of a line of /metrics; nil where there is none.
    private func value(_ name: String, in text: String) -> String? {
        let line = text.split(separator: "\n").first { $0.hasPrefix("\(name) ") }
        return line.map { String($0.dropFirst(name.count + 1)) }
    }

    @Test func everyTimeHasOneBucket() {
        let bounds = RequestTimes.boundsMicroseconds
        #expect(zip(bounds, bounds.dropFirst()).allSatisfy { $0 < $1 && $1 * 4 <= $0 * 5 })
        #expect(bounds.first == 4 && bounds.last == 4 << 22)
        var random = SeededGenerator.forTest("request times", fallback: 17)
        let some = (0..<1_000).map { _ in random.next() >> 40 }
        for time in bounds + bounds.map({ $0 + 1 }) + [0, 1, .max] + some {
            let place = RequestTimes.bucket(of: time)
            #expect(place == bounds.count || time <= bounds[place])
            #expect(place == 0 || time > bounds[place - 1])
        }
    }

    @Test func secondsAreExact() {
        let texts: [(UInt64, String)] = [
            (0, "0.000000"), (16, "0.000016"), (1_000_000, "1.000000"), (16_777_216, "16.777216"),
            (1_050_007, "1.050007"),
        ]
        for (time, text) in texts { #expect(RequestTimes.seconds(time) == text) }
    }

    @Test func metricsHaveTheHistogram() throws {
        let client = ServiceClient()
        #expect(!client.get("/metrics").drained().answer.text.contains("iovad_request_seconds_count"))
        for time in [10, 16, 17, 90_000_000, -1] as [Int64] {
            client.service.completed("live", microseconds: time)
        }
        let (answer, pieces) = client.get("/metrics").drained()
        let text = answer.text
        #expect(pieces == 1 && answer.response.operation == "metrics")
        let name = "iovad_request_seconds"
        #expect(text.contains("# TYPE \(name) histogram\n"))
        let cumulative = text.split(separator: "\n").filter { $0.hasPrefix("\(name)_bucket") }.map {
            Int($0.split(separator: " ")[1])!
        }
        #expect(cumulative.count == RequestTimes.boundsMicroseconds.count + 1)
        #expect(cumulative == cumulative.sorted() && cumulative.last == 5)
        #expect(value("\(name)_bucket{operation=\"live\",le=\"0.000016\"}", in: text) == "3")
        #expect(value("\(name)_bucket{operation=\"live\",le=\"0.000020\"}", in: text) == "4")
        #expect(value("\(name)_bucket{operation=\"live\",le=\"+Inf\"}", in: text) == "5")
        #expect(value("\(name)_count{operation=\"live\"}", in: text) == "5")
        #expect(value("\(name)_sum{operation=\"live\"}", in: text) == "90.000043")
    }

    /// Under the names of `iovad_requests_total`.
    @Test func answersSayWhatTheyAreTimedAs() {
        let client = ServiceClient()
        _ = client.post("/v1/sessions", json: #"{"id":"s"}"#)
        let wanted: [(String, String)] = [
            ("/livez", "live"), ("/v1/sessions/s", "readSession"), ("/v1/sessions/other", "readSession"),
            ("/nothing/here", "none"), ("/v1/sessions/s/events", "sessionEvents"),
            ("/v1/sessions/s/state", "sessionState"),
        ]
        for (target, operation) in wanted {
            #expect(client.get(target).response.operation == operation, "\(target)")
        }
        #expect(client.ask(.options, "/livez").response.operation == "none")
        let lines = client.ask(
            .post, "/v1/surveys", Array(#"{"platforms":["example-arm-juno"]}"#.utf8), type: MediaType.json,
            headers: [.init("Accept", "application/x-ndjson")])
        #expect(lines.response.stream != nil && lines.response.operation == "survey")
        let events = client.get("/v1/sessions/s/events", headers: [.init("Accept", MediaType.eventStream)])
        #expect(events.status == 200 && events.response.operation == nil)
    }
}
