// Eight threads at one session. Every answer must fit one serial order, the log's: it is run through a fresh
// domain, which must hand out the same addresses. Some seconds by default; TEST_HAMMER_SECONDS makes it
// longer, and `make sanitize` runs it under ThreadSanitizer.

import API
import Foundation
import HTTP
import Locking
import TestSupport
import Testing

@Suite struct SessionHammerTests {
    private static let threads = 8
    private static let seconds =
        Double(ProcessInfo.processInfo.environment["TEST_HAMMER_SECONDS"] ?? "") ?? 2

    private struct Collected {
        var replay = SessionLogReplay()
        var last = 0
        var gaps = 0
        /// What answers said: revision and start.
        var answers: [(revision: Int, start: UInt64)] = []
        var requests = 0
    }

    @Test func everyAnswerFitsOneOrder() {
        let client = ServiceClient()
        #expect(client.post("/v1/sessions", json: #"{"id":"s"}"#).status == 201)
        #expect(client.post("/v1/sessions/s/domains", json: #"{"id":"d0"}"#).status == 201)
        let collected = Locked(Collected())
        let deadline = Date().addingTimeInterval(Self.seconds)
        let group = DispatchGroup()
        let service = client.service
        for thread in 0..<Self.threads {
            Thread.detachNewThread(in: group) {
                let client = ServiceClient(service: service)
                var writer = Writer(client: client, random: SeededGenerator(seed: UInt64(thread) + 77))
                while Date() < deadline {
                    for _ in 0..<20 { writer.step() }
                    Self.drain(client, collected)
                }
                collected.withLock {
                    $0.answers += writer.answers
                    $0.requests += writer.requests
                    if let odd = writer.oddAnswer { Issue.record("odd answer: \(odd)") }
                }
            }
        }
        group.wait()
        Self.drain(client, collected)
        let result = collected.withLock { $0 }
        #expect(result.gaps == 0)
        #expect(result.replay.faults.isEmpty, "\(result.replay.faults.prefix(5))")
        for answer in result.answers where result.replay.results[answer.revision] != answer.start {
            Issue.record("revision \(answer.revision) was answered with \(answer.start)")
        }
        #expect(result.answers.count > 100)
        #expect(result.replay.count > result.answers.count)
        print("hammer: \(result.requests) requests, \(result.replay.count) events in one order")
    }

    /// Takes what is new in the log, one thread at a time.
    private static func drain(_ client: ServiceClient, _ collected: Locked<Collected>) {
        collected.withLock { collected in
            var hasMore = true
            while hasMore {
                let page = client.get("/v1/sessions/s/events?limit=1000&after=\(collected.last)")
                if page.json["gap"] != nil { collected.gaps += 1 }
                for event in page.list("items") { collected.replay.add(event) }
                collected.last = page.json["last_id"] as? Int ?? collected.last
                hasMore = page.json["next_page_token"] != nil
            }
        }
    }

    /// One thread's requests.
    private struct Writer {
        let client: ServiceClient
        var random: SeededGenerator
        var mine: [String] = []
        var answers: [(revision: Int, start: UInt64)] = []
        var requests = 0
        var oddAnswer: String?
        private let d0 = "/v1/sessions/s/domains/d0"

        init(client: ServiceClient, random: SeededGenerator) {
            self.client = client
            self.random = random
        }

        mutating func step() {
            requests += 1
            switch random.next() % 10 {
            case 0..<5: allocate()
            case 5..<8: free()
            case 8:
                let body = #"{"physical":"0x\#(String((random.next() % 200) << 12 | 0x40, radix: 16))"}"#
                note(client.post(d0 + "/doorbells", json: body), expecting: [200, 201], key: "page")
            default:
                // Page 0 is never handed out, so the batch is always undone.
                _ = client.get(d0 + "/available-iovas?size=0x3000&limit=0xffffffff")
                let batch =
                    #"{"operations":[{"op":"allocate","size":4096},{"op":"free","iova":"0x0"}]}"#
                note(client.post(d0 + "/batches", json: batch), expecting: [409], key: "")
            }
        }

        private mutating func allocate() {
            let size = (random.next() % 40 + 1) * 4_096
            let manner =
                [
                    #""limit":"0xffffffff""#, #""dma_mask":"0xffffffffffffffff""#,
                    #""limit":"0xffffff""#, #""limit":"0xffffffff","cached":true"#,
                ][Int(random.next() % 4)]
            let answer = client.post(d0 + "/iovas", json: "{\"size\":\(size),\(manner)}")
            note(answer, expecting: [201, 409], key: "range")
            if let start = answer.object("range")["start"] as? String { mine.append(start) }
        }

        private mutating func free() {
            guard !mine.isEmpty else { return }
            let start = mine.remove(at: Int(random.next() % UInt64(mine.count)))
            // Nobody else frees it, so it must be there.
            note(client.ask(.delete, d0 + "/iovas/" + start), expecting: [204], key: "")
        }

        private mutating func note(_ answer: ServiceClient.Answer, expecting: [Int], key: String) {
            if !expecting.contains(answer.status) { oddAnswer = answer.text }
            guard answer.status == 201 else { return }
            let text =
                key == "range" ? answer.object("range")["start"] as? String : answer.json[key] as? String
            guard let text, let start = UInt64(text.dropFirst(2), radix: 16),
                let revision = Int((answer.response.headers["ETag"] ?? "").filter(\.isNumber))
            else { return }
            answers.append((revision, start))
        }
    }
}

extension Thread {
    fileprivate static func detachNewThread(in group: DispatchGroup, _ body: @escaping @Sendable () -> Void) {
        group.enter()
        detachNewThread {
            body()
            group.leave()
        }
    }
}
