// Sessions over the service: the walk of the contract, conditions, keys, limits, expiry, export and import.

import API
import Foundation
import HTTP
import Locking
import Testing

@Suite struct SessionServiceTests {
    /// Milliseconds that a test sets.
    final class Clock: Sendable {
        let now = Locked(UInt64(1_800_000_000_000))
        func advance(seconds: UInt64) { now.withLock { $0 += seconds * 1_000 } }
    }

    private func client(_ clock: Clock = Clock()) -> ServiceClient {
        var configuration = Service.Configuration(version: "test")
        configuration.wallClock = { clock.now.withLock { $0 } }
        return ServiceClient(configuration)
    }

    private func made(_ client: ServiceClient, id: String = "s", domain: String = #"{"id":"d0"}"#) -> String {
        #expect(client.post("/v1/sessions", json: "{\"id\":\"\(id)\"}").status == 201)
        #expect(client.post("/v1/sessions/\(id)/domains", json: domain).status == 201)
        return "/v1/sessions/\(id)/domains/d0"
    }

    @Test func theWalkOfTheContract() {
        let client = client()
        let session = client.post("/v1/sessions", json: #"{"kernel":"7.2","ttl_seconds":900}"#)
        #expect(session.status == 201)
        #expect(session.response.headers["ETag"] == "\"0\"")
        #expect(session.json["revision"] as? Int == 0)
        #expect(session.json["created_at"] as? String == "2027-01-15T08:00:00.000Z")
        #expect(session.json["expires_at"] as? String == "2027-01-15T08:15:00.000Z")
        let base = session.response.headers["Location"]!
        let domain =
            #"{"id":"d0","consumer":"dma_api","granule":"0x1000","aperture":{"start":"0x0","last":"0xffffffffffff"}}"#
        #expect(client.post(base + "/domains", json: domain).status == 201)
        let d0 = base + "/domains/d0"
        let region = #"{"start":"0x8000000","size":"0x100000","type":"reserved"}"#
        #expect(client.post(d0 + "/reserved-regions", json: region).status == 201)
        let doorbell = #"{"physical":"0x8090040","dma_mask":"0xffffffffffffffff","pci":true}"#
        let mapped = client.post(d0 + "/doorbells", json: doorbell)
        #expect(mapped.status == 201)
        #expect(mapped.json["iova"] as? String == "0xfffff040")
        #expect(mapped.json["page"] as? String == "0xfffff000")
        #expect(client.post(d0 + "/doorbells", json: doorbell).status == 200)
        let preview = client.get(d0 + "/available-iovas?size=0x10000&limit=0xffffffff&size_aligned=true")
        let order = #"{"size":"0x10000","limit":"0xffffffff","size_aligned":true}"#
        let allocated = client.post(d0 + "/iovas", json: order)
        #expect(allocated.status == 201)
        #expect(allocated.object("range")["start"] as? String == "0xfffe0000")
        #expect(allocated.json["pages"] as? Int == 16)
        #expect(preview.object("range")["start"] as? String == "0xfffe0000")
        #expect(preview.json["because"] as? String == allocated.json["because"] as? String)
        #expect(client.ask(.delete, d0 + "/iovas/0xfffe0000").status == 204)
        let again = client.ask(.delete, d0 + "/iovas/0xfffe0000")
        #expect(again.status == 404 && again.json["code"] as? String == "not-found")
        let log = client.get(base + "/events").list("items")
        #expect(
            log.map { $0["event"] as? String ?? "" }
                == ["domain_created", "reserved", "doorbell_mapped", "allocated", "freed"])
        #expect(log.map { $0["id"] as? Int ?? 0 } == [1, 2, 3, 4, 5])
    }

    @Test func pagesOf64KiB() {
        let client = client()
        let d0 = made(client, domain: #"{"id":"d0","granule":"0x10000"}"#)
        let mapped = client.post(d0 + "/doorbells", json: #"{"physical":"0x8090040"}"#)
        #expect(mapped.json["iova"] as? String == "0xffff0040")
        let crooked = client.post(
            "/v1/sessions/s/domains", json: #"{"granule":"0x10000","page_size":"0x1000"}"#)
        #expect(crooked.status == 422 && crooked.pointers == ["/granule"])
    }

    @Test func conditionsAndKeys() {
        let client = client()
        let d0 = made(client)
        let order = Array(#"{"size":4096}"#.utf8)
        func post(_ fields: [HeaderFields.Field], _ body: [UInt8]) -> ServiceClient.Answer {
            client.ask(.post, d0 + "/iovas", body, type: "application/json", headers: fields)
        }
        let stale = post([.init("If-Match", "\"0\"")], order)
        #expect(stale.status == 412 && stale.response.headers["ETag"] == "\"1\"")
        #expect(stale.json["detail"] as? String == "The session does not meet If-Match: its ETag is \"1\".")
        // A list without a tag names none, and both conditions must hold.
        for fields in [
            [("If-Match", "")], [("If-Match", ",")], [("If-None-Match", "*")], [("If-None-Match", "W/\"1\"")],
            [("If-Match", "*"), ("If-None-Match", "\"1\"")],
        ] {
            #expect(post(fields.map { .init($0.0, $0.1) }, order).status == 412, "\(fields)")
        }
        #expect(client.get(d0 + "/iovas").list("items").isEmpty)
        let first = post([.init("If-Match", "\"1\""), .init("Idempotency-Key", "k")], order)
        #expect(first.status == 201 && first.response.headers["ETag"] == "\"2\"")
        let replayed = post([.init("Idempotency-Key", "k")], order)
        #expect(replayed.response.body == first.response.body)
        #expect(client.get(d0 + "/iovas").list("items").count == 1)
        let reused = post([.init("Idempotency-Key", "k")], Array(#"{"size":8192}"#.utf8))
        #expect(reused.status == 422 && reused.json["code"] as? String == "idempotency-key-reused")
        let unchanged = client.get(d0, headers: [.init("If-None-Match", "\"2\"")])
        #expect(unchanged.status == 304)
    }

    /// The oldest key goes when a client has too many: its request then has an effect again.
    @Test func keysAreBounded() {
        let client = client()
        let d0 = made(client)
        func post(_ key: String) -> ServiceClient.Answer {
            client.ask(
                .post, d0 + "/iovas", Array(#"{"size":4096}"#.utf8), type: "application/json",
                headers: [.init("Idempotency-Key", key)])
        }
        let first = post("first")
        for index in 1..<Limits.idempotencyKeysPerClientMax { _ = post("k\(index)") }
        #expect(post("first").response.body == first.response.body)
        _ = post("one more")
        #expect(post("first").response.body != first.response.body)
    }

    @Test func batchesAreAllOrNone() {
        let client = client()
        let d0 = made(client)
        let before = client.get(d0 + "/state").response.body
        let refused = client.post(
            d0 + "/batches",
            json: #"{"operations":[{"op":"allocate","size":"0x1000"},{"op":"free","iova":"0x5000"}]}"#)
        #expect(refused.status == 409 && refused.json["code"] as? String == "not-allocated")
        #expect(refused.pointers == ["/operations/1"])
        #expect(client.get(d0 + "/state").response.body == before)
        let kept = client.post(
            d0 + "/batches",
            json: #"{"operations":[{"op":"allocate","size":"0x1000","limit":"0xffffffff"},"#
                + #"{"op":"free","iova":"0xfffff000"},{"op":"map_doorbell","physical":"0x8090040"}]}"#)
        #expect(kept.status == 200 && kept.list("results").count == 3)
        #expect(kept.json["revision"] as? Int == 2)
        #expect(kept.response.headers["ETag"] == "\"2\"")
    }

    @Test func refusalsHaveTheirStatuses() {
        let client = client()
        let d0 = made(client)
        func post(_ path: String, _ body: String) -> String {
            let answer = client.post(path, json: body)
            return "\(answer.status) \(answer.json["code"] as? String ?? "")"
        }
        let tiny = #"{"size":"0x10000000","limit":"0xffff"}"#
        #expect(post(d0 + "/iovas", tiny) == "409 iova-exhausted")
        // A preview of the same is an answer, and leaves the allocator's memo alone.
        let preview = client.get(d0 + "/available-iovas?size=0x20000&limit=0xffff")
        #expect(preview.status == 200 && preview.json["outcome"] as? String == "none")
        #expect(post(d0 + "/iovas", #"{"size":0}"#) == "422 invalid-request")
        #expect(post(d0 + "/iovas", #"{"size":1,"size_aligend":true}"#) == "422 invalid-request")
        #expect(post(d0 + "/iovas", #"{"size":1,"limit":1,"dma_mask":1}"#) == "422 invalid-request")
        #expect(post("/v1/sessions", #"{"id":"s"}"#) == "409 session-exists")
        #expect(post("/v1/sessions/s/domains", #"{"id":"d0"}"#) == "409 domain-exists")
        #expect(post("/v1/sessions/t/domains", "{}") == "404 not-found")
        #expect(post("/v1/sessions/s/domains/d9/iovas", #"{"size":1}"#) == "404 not-found")
        #expect(post(d0 + "/iovas", #"{"size":"0x1000"}"#) == "201 ")
        let onTop = #"{"start":"0xfffffff00000","last":"0xffffffffffff"}"#
        #expect(post(d0 + "/reserved-regions", onTop) == "409 range-in-use")
        let direct =
            #"{"id":"v","consumer":"vfio_type1","devices":[{"description":{"reserved_regions":"#
            + #"[{"start":"0x8000000","size":"0x100000","type":"direct"}]}}]}"#
        let attach = client.post("/v1/sessions/s/domains", json: direct)
        #expect(attach.status == 409 && attach.json["code"] as? String == "attach-refused")
        #expect(attach.json["errno"] as? String == "EINVAL")
        #expect(client.get("/v1/sessions/s").json["domains"] as? [String] == ["d0"])
        #expect(post("/v1/sessions/s/domains", #"{"id":"v","consumer":"vfio_type1"}"#) == "201 ")
        let v = "/v1/sessions/s/domains/v"
        #expect(post(v + "/reserved-regions", onTop) == "422 invalid-request")
        #expect(client.get(v + "/available-iovas?size=1").status == 422)
        #expect(client.ask(.delete, d0 + "/iovas/zzz").status == 404)
    }

    @Test func sessionsExpireAndSaySo() {
        let clock = Clock()
        let client = client(clock)
        #expect(client.post("/v1/sessions", json: #"{"id":"a","ttl_seconds":10}"#).status == 201)
        #expect(client.post("/v1/sessions", json: #"{"id":"b","ttl_seconds":10}"#).status == 201)
        clock.advance(seconds: 9)
        let patch = Array(#"{"ttl_seconds":20}"#.utf8)
        #expect(client.ask(.patch, "/v1/sessions/b", patch, type: "application/json").status == 200)
        clock.advance(seconds: 1)
        let gone = client.get("/v1/sessions/a")
        #expect(gone.status == 404 && gone.json["code"] as? String == "session-expired")
        #expect(client.get("/v1/sessions/b").status == 200)
        #expect(client.get("/v1/sessions/never").json["code"] as? String == "not-found")
        #expect(client.ask(.delete, "/v1/sessions/b").status == 204)
        #expect(client.get("/v1/sessions/b").json["code"] as? String == "not-found")
        #expect(client.post("/v1/sessions", json: #"{"id":"a"}"#).status == 201)
        #expect(client.get("/v1/sessions/a").status == 200)
    }

    @Test func theNumberOfSessionsIsBounded() {
        let clock = Clock()
        var client = client(clock)
        for index in 0..<Limits.sessionsMax {
            if index == Limits.sessionsPerClientMax {
                let own = client.post("/v1/sessions", json: "{}")
                #expect(own.status == 429 && own.text.contains("A client may have 5000 sessions"))
                client.peer = "other"
            }
            let answer = client.post("/v1/sessions", json: #"{"id":"s\#(index)","ttl_seconds":60}"#)
            guard answer.status == 201 else {
                Issue.record("session \(index): \(answer.text)")
                return
            }
        }
        client.peer = "third"
        clock.advance(seconds: 30)
        let refused = client.post("/v1/sessions", json: "{}")
        #expect(refused.status == 429 && refused.json["code"] as? String == "too-many-sessions")
        #expect(refused.response.headers["Retry-After"] == "30")
        clock.advance(seconds: 30)
        #expect(client.post("/v1/sessions", json: "{}").status == 201)
    }

    @Test func exportedSessionsComeBackElsewhere() {
        let here = client()
        let d0 = made(here)
        for size in [1, 3, 40, 7, 1, 1] {
            for limit in [#""limit":"0xffffffff""#, #""dma_mask":"0xffffffffffff""#] {
                #expect(
                    here.post(d0 + "/iovas", json: "{\"size\":\(size * 4096),\(limit)}").status == 201)
            }
        }
        let first = here.get(d0 + "/iovas").list("items").map { ($0["range"] as? [String: Any])?["start"] }
        for start in first.prefix(6) { _ = here.ask(.delete, d0 + "/iovas/\(start as? String ?? "")") }
        _ = here.post(d0 + "/doorbells", json: #"{"physical":"0x8090040"}"#)
        let state = here.get("/v1/sessions/s/state")
        let there = client()
        let imported = there.ask(.post, "/v1/sessions", state.response.body, type: "application/json")
        #expect(imported.status == 201, "\(imported.text)")
        #expect(imported.response.headers["ETag"] == state.response.headers["ETag"])
        #expect(there.get("/v1/sessions/s/state").response.body == state.response.body)
        for _ in 0..<50 {
            for order in [#"{"size":4096,"dma_mask":"0xffffffff"}"#, #"{"size":16384,"limit":"0xffffffff"}"#]
            {
                #expect(
                    here.post(d0 + "/iovas", json: order).text == there.post(d0 + "/iovas", json: order).text)
            }
        }
    }

    /// Every number of an exported state changed in turn: 201 or 422, and whatever came in works.
    @Test func changedStateIsRefusedAndNeverTraps() {
        let client = client()
        let d0 = made(client)
        _ = client.post(d0 + "/iovas", json: #"{"size":4096,"cached":true}"#)
        _ = client.ask(.delete, d0 + "/iovas/0xfffffffff000")
        _ = client.post(d0 + "/doorbells", json: #"{"physical":"0x8090040"}"#)
        _ = client.post(d0 + "/reserved-regions", json: #"{"start":"0x8000000","size":"0x100000"}"#)
        let text = client.get("/v1/sessions/s/state").text
        let parts = text.components(separatedBy: "\"0x")
        var refused = 0
        for place in 1..<parts.count {
            for value in ["0", "1", "ffffffffffffffff", "ffffffff000"] {
                var changed = parts
                let end = changed[place].firstIndex(of: "\"")!
                changed[place] = value + changed[place][end...]
                let answer = client.post("/v1/sessions?id=x", json: changed.joined(separator: "\"0x"))
                #expect(answer.status == 201 || answer.status == 422, "\(answer.text)")
                guard answer.status == 201 else {
                    refused += 1
                    continue
                }
                let x = "/v1/sessions/x/domains/d0"
                _ = client.post(x + "/iovas", json: #"{"size":4096,"cached":true}"#)
                _ = client.post(x + "/iovas", json: #"{"size":4096,"limit":"0xffffffff"}"#)
                _ = client.ask(.delete, x + "/iovas/0x8000000")
                #expect(client.ask(.delete, "/v1/sessions/x").status == 204)
            }
        }
        #expect(refused > 40, "only \(refused) of \(4 * parts.count)")
    }
}
