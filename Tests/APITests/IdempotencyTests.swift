// What an Idempotency-Key is good for, and how long: whatever a request did is answered again, for the life
// of the session, domain or platform that it acted on, and no longer.

import Foundation
import HTTP
import Locking
import Testing

@testable import API

@Suite struct IdempotencyTests {
    private let clock = SessionServiceTests.Clock()
    private let client: ServiceClient
    private let d0 = "/v1/sessions/s/domains/d0"
    private let page = #"{"size":4096}"#

    init() {
        let clock = clock
        var configuration = Service.Configuration(version: "test")
        configuration.wallClock = { clock.now.withLock { $0 } }
        client = ServiceClient(configuration)
    }

    private func post(_ path: String, _ body: String, key: String = "k") -> ServiceClient.Answer {
        client.ask(
            .post, path, Array(body.utf8), type: "application/json",
            headers: [.init("Idempotency-Key", key)])
    }

    private func make() {
        #expect(post("/v1/sessions", #"{"id":"s"}"#).status == 201)
        #expect(post("/v1/sessions/s/domains", #"{"id":"d0"}"#).status == 201)
    }

    private func code(_ answer: ServiceClient.Answer) -> String { answer.json["code"] as? String ?? "" }

    /// Every address that an answer names is held, and its ETag is the session's.
    private func expectHeld(_ answer: ServiceClient.Answer) {
        #expect(answer.status == 201, "\(answer.text)")
        let start = answer.object("range")["start"] as? String ?? ""
        #expect(client.get(d0 + "/iovas/" + start).status == 200)
        #expect(
            client.get("/v1/sessions/s").response.headers["ETag"] == answer.response.headers["ETag"])
    }

    @Test(arguments: ["deleted session", "expired session", "deleted domain"])
    func aKeyEndsWithWhatItActedOn(what: String) {
        make()
        for _ in 0..<3 { _ = post(d0 + "/iovas", page, key: "first") }
        #expect(post(d0 + "/reserved-regions", #"{"start":"0x8000000","size":"0x1000"}"#).status == 201)
        switch what {
        case "deleted session": #expect(client.ask(.delete, "/v1/sessions/s").status == 204)
        case "expired session": clock.advance(seconds: 1_000)
        default: #expect(client.ask(.delete, d0).status == 204)
        }
        #expect(post(d0 + "/iovas", page, key: "first").status == 404)
        if what != "deleted domain" {
            #expect(post("/v1/sessions", #"{"id":"s"}"#).status == 201)
            #expect(client.get("/v1/sessions/s").status == 200)
        }
        #expect(post("/v1/sessions/s/domains", #"{"id":"d0"}"#).status == 201)
        #expect(client.get(d0).status == 200)
        expectHeld(post(d0 + "/iovas", page, key: "first"))
        #expect(post(d0 + "/iovas", page, key: "first").status == 201)
        #expect(client.get(d0 + "/iovas").list("items").count == 1)
        let region = post(d0 + "/reserved-regions", #"{"start":"0x9000000","size":"0x1000"}"#)
        #expect(region.status == 201, "another body: \(region.text)")
    }

    @Test func aKeyEndsWithThePlatformThatItMade() {
        let body = #"{"devices":[]}"#
        let path = "/v1/platforms?id=p"
        #expect(post(path, body).status == 201)
        #expect(post(path, body).status == 201)
        #expect(client.ask(.delete, "/v1/platforms/p").status == 204)
        #expect(post(path, body).status == 201)
        #expect(client.get("/v1/platforms/p").status == 200)
        // A platform that replaces it is another one.
        #expect(
            client.ask(.put, "/v1/platforms/p", Array(body.utf8), type: "application/json").status == 200)
        #expect(code(post(path, body)) == "platform-exists")
    }

    @Test func whatIsRefusedAfterTheVerbRanIsAnsweredAgain() {
        make()
        let tiny = #"{"size":"0x10000000","limit":"0xffff"}"#
        let first = post(d0 + "/iovas", tiny)
        #expect(code(first) == "iova-exhausted")
        for _ in 0..<2 {
            let again = post(d0 + "/iovas", tiny)
            #expect(again.status == 409 && again.response.body == first.response.body)
            #expect(again.response.headers["Content-Type"] == first.response.headers["Content-Type"])
        }
        let names = client.get("/v1/sessions/s/events").list("items").map { $0["event"] as? String }
        #expect(names == ["domain_created", "exhausted"])
        #expect(client.get("/v1/sessions/s").json["revision"] as? Int == 2)
        #expect(code(post(d0 + "/iovas", page)) == "idempotency-key-reused")
        let batch = #"{"operations":[{"op":"free","iova":"0x5000"}]}"#
        let undone = post(d0 + "/batches", batch)
        #expect(code(undone) == "not-allocated")
        #expect(post(d0 + "/batches", batch).response.body == undone.response.body)
    }

    /// Nothing was tried: the key is still free, for the same request or for a corrected one.
    @Test func whatWasNotTriedLeavesTheKeyFree() {
        make()
        #expect(post(d0 + "/iovas", "{").status == 400)
        #expect(post(d0 + "/iovas", #"{"size":0}"#).status == 422)
        let stale = client.ask(
            .post, d0 + "/iovas", Array(page.utf8), type: "application/json",
            headers: [.init("Idempotency-Key", "k"), .init("If-Match", "\"9\"")])
        #expect(stale.status == 412)
        expectHeld(post(d0 + "/iovas", page))
        #expect(code(post("/v1/sessions", #"{"id":"s"}"#, key: "other")) == "session-exists")
        #expect(client.ask(.delete, "/v1/sessions/s").status == 204)
        #expect(post("/v1/sessions", #"{"id":"s"}"#, key: "other").status == 201)
    }

    @Test func answersAreKeptForATime() {
        #expect(post("/v1/sessions", #"{"id":"s","ttl_seconds":86400}"#).status == 201)
        #expect(post("/v1/sessions/s/domains", #"{"id":"d0"}"#).status == 201)
        let first = post(d0 + "/iovas", page)
        clock.advance(seconds: UInt64(Limits.idempotencyKeySeconds) - 1)
        #expect(post(d0 + "/iovas", page).response.body == first.response.body)
        clock.advance(seconds: 1)
        expectHeld(post(d0 + "/iovas", page))
        #expect(client.get(d0 + "/iovas").list("items").count == 2)
    }

    // MARK: The store

    private func number(_ claim: IdempotencyStore.Claim) -> UInt64? {
        if case .first(let number) = claim { number } else { nil }
    }

    private func kept(_ fingerprint: String, client: String = "a", bytes: Int = 0) -> IdempotencyStore.Kept {
        IdempotencyStore.Kept(
            fingerprint: fingerprint,
            answer: Response(status: 201, body: [UInt8](repeating: 0, count: bytes)), life: .server,
            client: client, since: 0)
    }

    private func answer(
        _ store: IdempotencyStore, _ key: String, client: String = "a", bytes: Int = 0
    ) {
        guard let number = number(store.claim(key, fingerprint: "f", now: 0)) else {
            Issue.record("\(key) is in use")
            return
        }
        store.store(key, number, kept("f", client: client, bytes: bytes))
    }

    private func isKept(_ store: IdempotencyStore, _ key: String) -> Bool {
        switch store.claim(key, fingerprint: "f", now: 0) {
        case .kept: return true
        case .inFlight: return false
        case .first(let number):
            store.release(key, number)
            return false
        }
    }

    @Test func clientsDoNotDropEachOthersKeys() {
        let store = IdempotencyStore()
        answer(store, "mine", client: "me")
        for index in 0..<(Limits.idempotencyKeysPerClientMax + 10) { answer(store, "a\(index)") }
        #expect(isKept(store, "mine") && isKept(store, "a10") && !isKept(store, "a9"))
        // Answers that were dropped from the middle make room as well.
        for index in 11..<511 {
            guard case .kept(let number, _) = store.claim("a\(index)", fingerprint: "f", now: 0) else {
                continue
            }
            store.forget("a\(index)", number)
        }
        for index in 0..<500 { answer(store, "b\(index)") }
        #expect(isKept(store, "a10") && isKept(store, "b0"))
        answer(store, "c")
        #expect(!isKept(store, "a10") && isKept(store, "a511"))
        for client in 0..<20 {
            for index in 0..<900 { answer(store, "\(client) \(index)", client: "\(client)") }
        }
        #expect(!isKept(store, "mine") && !isKept(store, "0 0") && isKept(store, "19 0"))
        answer(store, "large", bytes: Limits.idempotencyBytesTotalMax)
        #expect(isKept(store, "large") && isKept(store, "19 899"))
        answer(store, "larger", bytes: 1)
        #expect(!isKept(store, "large") && !isKept(store, "19 899") && isKept(store, "larger"))
    }

    /// Also on a server to which nobody sends a key any more.
    @Test func answersEndAfterAnHour() {
        let store = IdempotencyStore()
        answer(store, "k", bytes: 1_000)
        let end = UInt64(Limits.idempotencyKeySeconds) * 1_000
        store.expire(now: end - 1)
        #expect(store.bytes == 1_000)
        store.expire(now: end)
        #expect(store.bytes == 0)
    }

    @Test func anAnswerThatComesLateTouchesNoLaterClaim() {
        let store = IdempotencyStore()
        let early = number(store.claim("k", fingerprint: "f", now: 0))!
        for index in 0...Limits.idempotencyKeysMax { answer(store, "n\(index)", client: "\(index % 100)") }
        guard case .inFlight(isSame: true) = store.claim("k", fingerprint: "f", now: 0) else {
            Issue.record("a key was dropped while its request was answered")
            return
        }
        store.release("k", early)
        let late = number(store.claim("k", fingerprint: "b", now: 0))!
        store.release("k", early)
        store.store("k", early, kept("f"))
        store.forget("k", early)
        guard case .inFlight(isSame: true) = store.claim("k", fingerprint: "b", now: 0) else {
            Issue.record("a late answer took a later claim")
            return
        }
        store.store("k", late, kept("b"))
        guard case .kept(late, let answer) = store.claim("k", fingerprint: "b", now: 0) else {
            Issue.record("the answer is not kept")
            return
        }
        #expect(answer.fingerprint == "b")
    }
}
