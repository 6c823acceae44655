// An uploaded platform under another id: everything that was read stays, nobody else's id is taken, and what
// was kept under the old id is gone.

import HTTP
import Testing

@testable import API

@Suite struct RenamedPlatformTests {
    private let client = ServiceClient()
    private static let machine =
        #"{"smmus":[{"id":"s","version":"v3"}],"devices":[{"id":"d","kind":"pci_function","smmus":["s"],"#
        + #""active":true,"reserved_regions":[{"start":"0x8000000","size":"0x100000","type":"reserved"}]}]}"#

    private func rename(_ id: String, to next: String, ifMatch: String? = nil) -> ServiceClient.Answer {
        client.ask(
            .patch, "/v1/platforms/\(id)", Array(#"{"id":"\#(next)"}"#.utf8), type: "application/json",
            headers: ifMatch.map { [.init("If-Match", $0)] } ?? [])
    }

    private func verdict(_ id: String) -> ServiceClient.Answer {
        client.post(
            "/v1/placements",
            json: #"{"hosts":[{"platform":"\#(id)"}],"vm":{"vmm":"qemu-virt","ram":"0x40000000"}}"#)
    }

    @Test func whatWasReadStays() throws {
        let made = client.post("/v1/platforms?id=a", json: Self.machine)
        #expect(made.status == 201 && verdict("a").json["verdict"] as? String == "movable")
        let devices = client.get("/v1/platforms/a/devices").text
        let moved = rename("a", to: "b")
        #expect(moved.status == 200 && moved.json["id"] as? String == "b", "\(moved.text)")
        let tag = try #require(made.response.headers["ETag"])
        #expect(moved.response.headers["ETag"] == tag)
        #expect(client.get("/v1/platforms/b").text == moved.text)
        #expect(client.get("/v1/platforms/b/devices").text == devices)
        #expect(client.get("/v1/platforms/a").status == 404 && verdict("a").status == 422)
        #expect(verdict("b").json["verdict"] as? String == "movable")
        // Another machine under the old id is not what was kept of the first.
        #expect(client.post("/v1/platforms?id=a", json: #"{"devices":[]}"#).status == 201)
        #expect(verdict("a").json["verdict"] as? String != "movable")
        #expect(rename("b", to: "b").json["id"] as? String == "b", "its own id is no other's")
    }

    @Test func idsOfOthersStay() {
        for id in ["a", "b"] {
            #expect(client.post("/v1/platforms?id=\(id)", json: Self.machine).status == 201)
        }
        let refusals = [
            (rename("a", to: "b"), 409, "Platform \"b\" already exists"),
            (rename("a", to: "example-arm-juno"), 409, "\"example-arm-juno\" is built in"),
            (rename("a", to: Service.hostID), 409, "\"\(Service.hostID)\" is kept for the machine"),
            (rename("example-arm-juno", to: "mine"), 409, "\"example-arm-juno\" is built in"),
            (rename("none", to: "c"), 404, "No platform \"none\""),
            (rename("a", to: "c", ifMatch: "\"other\""), 412, "does not meet If-Match"),
        ]
        for (answer, status, words) in refusals {
            #expect(
                answer.status == status && (answer.json["detail"] as? String)?.contains(words) == true,
                "\(answer.text)")
        }
        for id in ["a", "b", "example-arm-juno"] { #expect(client.get("/v1/platforms/\(id)").status == 200) }
        for id in ["c", "mine"] { #expect(client.get("/v1/platforms/\(id)").status == 404) }
    }

    /// As many platforms as a client may have are no more by another name.
    @Test func itCountsOnce() {
        for number in 0..<Limits.platformsPerClientMax {
            #expect(client.post("/v1/platforms?id=p\(number)", json: #"{"devices":[]}"#).status == 201)
        }
        #expect(client.post("/v1/platforms?id=more", json: #"{"devices":[]}"#).status == 429)
        #expect(rename("p0", to: "more").status == 200)
        #expect(client.ask(.delete, "/v1/platforms/more").status == 204)
        #expect(client.post("/v1/platforms?id=again", json: #"{"devices":[]}"#).status == 201)
    }
}
