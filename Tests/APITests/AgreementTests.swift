// Agreements over their life: what is promised, the steps from one state to the next, hosts that join, what
// breaks and mends a promise, and whose it is.

import Foundation
import HTTP
import Locking
import Testing

@testable import API

@Suite struct AgreementTests {
    private let fixture = AgreementFixture()
    private var client: ServiceClient { fixture.client }

    @Test func aPromiseIsWhatThePlacementSays() throws {
        fixture.put("a", AgreementFixture.plain)
        let made = fixture.propose("x", on: ["a"])
        #expect(made.status == 201 && made.json["state"] as? String == "proposed", "\(made.text)")
        #expect(made.response.headers["Location"] == "/v1/agreements/x")
        #expect(made.response.headers["ETag"] == "\"1\"" && made.json["revision"] as? Int == 1)
        #expect(made.object("window")["start"] as? String == "0x8000000")
        #expect(made.object("mechanism")["kind"] as? String == "default")
        #expect(made.json["doorbell_iovas"] as? [String] == ["0x8000000"])
        let placement = client.post(
            "/v1/placements", json: "{\"hosts\":[\(AgreementFixture.host("a"))],\(AgreementFixture.vm)}")
        #expect(made.text.contains(#""placement":\#(placement.text)"#))
        let again = fixture.read("x")
        #expect(again.text == made.text && again.response.headers["ETag"] == "\"1\"")
        #expect(client.get("/v1/agreements/x", headers: [.init("If-None-Match", "\"1\"")]).status == 304)
        #expect(fixture.events("x") == ["1 proposed"])
        // The pages follow each other; one that passes the window is no doorbell of it.
        let many = fixture.ask(
            .post, "/v1/agreements",
            #"{"id":"y","hosts":[{"reserved_regions":[]}],"doorbell_count":3,"page_size":"64K",\#(AgreementFixture.vm)}"#
        )
        #expect(many.json["doorbell_iovas"] as? [String] == ["0x8000000", "0x8010000", "0x8020000"])
    }

    /// A host's own kernel counts more than the request's, and is kept with the agreement.
    @Test func aKernelPerHost() throws {
        fixture.put("a", AgreementFixture.plain)
        let vm = #""vm":{"vmm":"qemu-virt","ram":"1G","viommu":"nested_smmuv3"}"#
        func propose(_ id: String, _ host: String, kernel: String = "6.18") -> ServiceClient.Answer {
            fixture.ask(
                .post, "/v1/agreements", #"{"id":"\#(id)","kernel":"\#(kernel)","hosts":[{\#(host)}],\#(vm)}"#
            )
        }
        let mine = #""name":"h","platform":"a","devices":["d"]"#
        #expect(propose("x", mine).object("mechanism")["kind"] as? String == "guest_rmr")
        // Linux 5.10 has no iommufd, by which alone guests nest.
        let old = propose("y", mine + #","kernel":"5.10""#)
        #expect(fixture.code(old) == "409 no-agreement", "\(old.text)")
        #expect(
            old.object("mechanism")["because"] as? String
                == "A guest with a nested SMMUv3 needs iommufd. The kernel has no iommufd.")
        #expect(old.list("remedies").map { $0["kind"] as? String } == ["without_nesting"])
        let check = fixture.ask(
            .post, "/v1/agreements/x/checks",
            #"{"host":{"name":"i","platform":"a","devices":["d"],"kernel":"5.15.0-88-generic"}}"#)
        #expect(check.json["keeps"] as? Bool == false, "\(check.text)")
        #expect(check.list("blockers").first?["kind"] as? String == "mechanism", "\(check.text)")
        // Pages by the kernel's name or by themselves: 17 of 64 KiB do not fit.
        func large(_ own: String) -> ServiceClient.Answer {
            client.post(
                "/v1/placements",
                json:
                    #"{"doorbell_count":17,"hosts":[{"reserved_regions":[]\#(own)}],"vm":{"vmm":"qemu-virt","ram":"1G"}}"#
            )
        }
        #expect(large("").json["size"] as? String == "0x100000")
        for own in [#","page_size":"64K""#, #","kernel":"6.12.0-64k""#] {
            #expect(large(own).json["size"] as? String == "0x200000", "\(large(own).text)")
        }
        // What the name of the request's kernel says of pages is not of a host with a kernel of its own.
        let own =

            #"{"kernel":"6.8+64k","doorbell_count":17,"hosts":[{"reserved_regions":[],"kernel":"6.8.0"}],"#
            + #""vm":{"vmm":"qemu-virt","ram":"1G"}}"#
        #expect(client.post("/v1/placements", json: own).json["size"] as? String == "0x100000")
        #expect(check.object("model")["selected_by"] as? String == "5.15.0-88-generic", "\(check.text)")
        // It stays the host's when its platform changes.
        let kept = propose("z", mine + #","kernel":"6.18""#, kernel: "5.10")
        #expect(kept.status == 201, "\(kept.text)")
        fixture.put("a", AgreementFixture.reserving)
        fixture.put("a", AgreementFixture.plain)
        #expect(fixture.read("z").json["broken"] is NSNull)
    }

    /// Nothing is promised that no mechanism gives, and what would help is told.
    @Test func whatCannotBePromised() {
        fixture.put("a", AgreementFixture.reserving)
        let refused = fixture.propose("x", on: ["a"])
        #expect(fixture.code(refused) == "409 no-agreement", "\(refused.text)")
        #expect(refused.list("blockers").first?["kind"] as? String == "reserved")
        let mechanism = refused.object("mechanism")
        let missing = mechanism["not_available"] as? [[String: Any]]
        #expect(mechanism["kind"] as? String == "none", "\(refused.text)")
        #expect(missing?.contains { $0["kind"] as? String == "iommufd_options" } == true, "\(refused.text)")
        #expect(fixture.code(fixture.read("x")) == "404 not-found")
        let body = "\"hosts\":[\(AgreementFixture.host("a"))],\(AgreementFixture.vm)}"
        let dry = fixture.ask(.post, "/v1/agreements?dry_run=true", "{" + body)
        #expect(dry.status == 200 && dry.json["possible"] as? Bool == false)
        #expect(dry.list("blockers").count == 1 && dry.object("placement")["verdict"] as? String == "movable")
        // With the posted options there is another place; where the VM must be laid out otherwise, it is
        // another VM.
        let moved = fixture.ask(
            .post, "/v1/agreements?dry_run=true", #"{"capabilities":["iommufd_sw_msi_options"],"# + body)
        #expect(moved.json["possible"] as? Bool == true, "\(moved.text)")
        #expect(moved.object("mechanism")["kind"] as? String == "iommufd_options")
        #expect(client.get("/v1/agreements").list("items").isEmpty)
        let layout = fixture.ask(
            .post, "/v1/agreements",
            #"{"hosts":[{"reserved_regions":[]}],"vm":{"vmm":"openvmm-uefi","ram":"2G"}}"#)
        #expect(fixture.code(layout) == "409 no-agreement")
        #expect(layout.list("remedies").contains { $0["vmm"] as? String == "openvmm-linux" })
        // A base that the mechanism does not give is not promised in its place.
        let base = fixture.ask(
            .post, "/v1/agreements",
            #"{"hosts":[{"reserved_regions":[]}],"window":{"requested":"0x9000000"},\#(AgreementFixture.vm)}"#
        )
        #expect(fixture.code(base) == "409 no-agreement", "\(base.text)")
    }

    @Test func statesFollowEachOther() {
        fixture.put("a", AgreementFixture.plain)
        _ = fixture.propose("x", on: ["a"])
        #expect(fixture.code(fixture.move("x", to: "released")) == "409 agreement-state")
        #expect(
            fixture.code(fixture.move("x", to: "accepted", ifMatch: "\"7\"")) == "412 precondition-failed")
        fixture.put("a", AgreementFixture.reserving)
        let broken = fixture.move("x", to: "accepted")
        #expect(broken.object("mechanism")["kind"] as? String == "none", "\(broken.text)")
        #expect(fixture.code(broken) == "409 agreement-broken" && broken.list("blockers").count == 1)
        fixture.put("a", AgreementFixture.plain)
        let accepted = fixture.move("x", to: "accepted", ifMatch: "\"3\"")
        #expect(accepted.status == 200 && accepted.json["state"] as? String == "accepted", "\(accepted.text)")
        #expect(fixture.code(fixture.move("x", to: "accepted")) == "409 agreement-state")
        #expect(fixture.move("x", to: "released").status == 200)
        for state in ["accepted", "released"] {
            #expect(fixture.code(fixture.move("x", to: state)) == "409 agreement-state")
        }
        let late = fixture.ask(.post, "/v1/agreements/x/hosts", #"{"host":{"reserved_regions":[]}}"#)
        #expect(fixture.code(late) == "409 agreement-state")
        // History: nothing is evaluated any more.
        let before = client.service.agreementEvaluations
        fixture.put("a", AgreementFixture.reserving)
        #expect(client.service.agreementEvaluations == before && !fixture.isBroken("x"))
        #expect(
            fixture.events("x") == [
                "1 proposed", "2 host_changed", "2 broken", "3 host_changed", "3 holds", "4 accepted",
                "5 released",
            ])
        for (body, pointers) in [
            ("{}", ["/state"]), (#"{"state":"proposed"}"#, ["/state"]),
            (#"{"ttl_seconds":0}"#, ["/ttl_seconds"]),
            (#"{"state":"released","x":1}"#, ["/x"]),
        ] {
            let answer = fixture.ask(.patch, "/v1/agreements/x", body)
            #expect(answer.status == 422 && answer.pointers == pointers, "\(body): \(answer.text)")
        }
        let listed = client.get("/v1/agreements?state=released").list("items").map { $0["id"] as? String }
        #expect(listed == ["x"] && client.get("/v1/agreements?state=accepted").list("items").isEmpty)
        #expect(client.get("/v1/agreements?state=x").status == 400)
    }

    @Test func hostsAreCheckedAndJoin() {
        fixture.put("a", AgreementFixture.plain)
        fixture.put("b", AgreementFixture.reserving)
        fixture.put("c", AgreementFixture.plain)
        _ = fixture.propose("x", on: ["a"])
        func post(_ verb: String, _ platform: String) -> ServiceClient.Answer {
            fixture.ask(
                .post, "/v1/agreements/x/\(verb)", "{\"host\":\(AgreementFixture.host(platform))}")
        }
        let bad = post("checks", "b")
        #expect(bad.status == 200 && bad.json["keeps"] as? Bool == false, "\(bad.text)")
        #expect(bad.list("blockers").first?["kind"] as? String == "reserved")
        #expect(post("checks", "c").json["keeps"] as? Bool == true)
        #expect(post("checks", "none").pointers == ["/host/platform"])
        #expect(fixture.read("x").json["revision"] as? Int == 1, "a check changes nothing")
        #expect(fixture.code(post("hosts", "b")) == "409 agreement-broken")
        #expect(fixture.read("x").list("hosts").count == 1)
        let joined = post("hosts", "c")
        #expect(joined.status == 201 && joined.list("hosts").count == 2, "\(joined.text)")
        #expect(post("hosts", "c").pointers == ["/host/name"])
        // What joined is followed like the others.
        fixture.put("c", AgreementFixture.reserving)
        #expect(fixture.blockers("x") == ["c reserved"])
        let broken = fixture.read("x").object("broken")
        #expect(broken["host"] as? String == "c" && broken["since"] as? String == "2027-01-15T08:00:00.000Z")
        fixture.clock.advance(seconds: 5)
        fixture.put("a", AgreementFixture.reserving)
        #expect(fixture.blockers("x") == ["a reserved", "c reserved"])
        #expect(fixture.read("x").object("broken")["since"] as? String == "2027-01-15T08:00:00.000Z")
    }

    /// Removed, made again, renamed, and at its end.
    @Test func platformsComeAndGo() {
        fixture.put("a", AgreementFixture.plain)
        _ = fixture.propose("x", on: ["a"])
        #expect(fixture.ask(.delete, "/v1/platforms/a").status == 204)
        #expect(fixture.blockers("x") == ["a platform_missing"])
        #expect(client.post("/v1/platforms?id=a", json: AgreementFixture.plain).status == 201)
        #expect(!fixture.isBroken("x"))
        // The host follows its platform, and whoever takes the old id is nobody's.
        #expect(fixture.ask(.patch, "/v1/platforms/a", #"{"id":"b"}"#).status == 200)
        fixture.put("a", AgreementFixture.reserving)
        #expect(!fixture.isBroken("x") && fixture.read("x").list("hosts")[0]["platform"] as? String == "b")
        fixture.put("b", #"{"smmus":[{"id":"s","version":"v3"}],"devices":[]}"#)
        #expect(fixture.blockers("x") == ["a no_devices"])
        fixture.put("b", AgreementFixture.plain)
        // The same content again is nothing new.
        let revision = fixture.read("x").json["revision"] as? Int
        fixture.put("b", AgreementFixture.plain)
        #expect(fixture.read("x").json["revision"] as? Int == revision)
        _ = fixture.ask(.put, "/v1/platforms/b?ttl_seconds=5", AgreementFixture.plain)
        #expect(!fixture.isBroken("x"))
        fixture.clock.advance(seconds: 5)
        client.service.tick()
        #expect(fixture.blockers("x") == ["a platform_missing"])
    }

    @Test func poolsAreWhoHasTheLabel() {
        for (id, machine) in [("a", AgreementFixture.plain), ("b", AgreementFixture.plain)] {
            fixture.put(id, machine)
            fixture.label(id, pool: "rack")
        }
        fixture.put("c", AgreementFixture.reserving)
        let made = fixture.ask(.post, "/v1/agreements", #"{"id":"x","pool":"rack",\#(AgreementFixture.vm)}"#)
        #expect(made.status == 201 && made.list("hosts").map { $0["name"] as? String } == ["a", "b"])
        fixture.label("c", pool: "rack")
        #expect(fixture.blockers("x") == ["c reserved"])
        fixture.label("c", pool: "other")
        #expect(!fixture.isBroken("x") && fixture.read("x").list("hosts").count == 2)
        #expect(fixture.ask(.patch, "/v1/platforms/b", #"{"id":"d"}"#).status == 200)
        #expect(fixture.read("x").list("hosts").map { $0["name"] as? String } == ["a", "d"])
        for id in ["a", "d"] { fixture.label(id, pool: nil) }
        #expect(fixture.blockers("x") == ["- pool_empty"])
        fixture.label("a", pool: "rack")
        #expect(!fixture.isBroken("x"))
        // A host that was added stays, and is one where the pool has no platform.
        fixture.label("a", pool: nil)
        let added = fixture.ask(.post, "/v1/agreements/x/hosts", #"{"host":{"reserved_regions":[]}}"#)
        #expect(added.status == 201 && !fixture.isBroken("x"), "\(added.text)")
        let names = Set(fixture.events("x").map { $0.split(separator: " ")[1] })
        #expect(names == ["proposed", "host_added", "broken", "host_removed", "holds"])
    }

    @Test func agreementsAreTheirOwners() throws {
        let tokens = try AccessTokens(
            parsing: Array(
                ("a read,write secret-of-a-01234\nb read,write secret-of-b-01234\nr read secret-of-r-01234\n"
                    + "o operate,read,write secret-of-o-01234\n").utf8))
        let fixture = AgreementFixture(tokens: tokens)
        fixture.put("p", AgreementFixture.plain, token: "b")
        #expect(fixture.propose("x", on: ["p"], token: "r").status == 403)
        #expect(fixture.propose("x", on: ["p"], token: "a").json["owner"] as? String == "a")
        for (method, target, body) in [
            (HTTP.Method.patch, "", #"{"state":"accepted"}"#), (.delete, "", nil),
            (.post, "/hosts", #"{"host":{"reserved_regions":[]}}"#),
        ] {
            #expect(fixture.ask(method, "/v1/agreements/x" + target, body, token: "b").status == 403)
        }
        let check = fixture.ask(
            .post, "/v1/agreements/x/checks", #"{"host":{"reserved_regions":[]}}"#, token: "r")
        #expect(check.status == 200)
        // Whose platform it is, changes it, and with it what others rely on.
        fixture.put("p", AgreementFixture.reserving, token: "b")
        let read = fixture.ask(.get, "/v1/agreements/x", token: "r")
        #expect(read.json["broken"] is [String: Any])
        #expect(fixture.ask(.delete, "/v1/agreements/x", token: "o").status == 204)
    }

    @Test func keysAndEnds() {
        fixture.put("a", AgreementFixture.plain)
        let body = "{\"hosts\":[\(AgreementFixture.host("a"))],\"ttl_seconds\":60,\(AgreementFixture.vm)}"
        let first = fixture.ask(.post, "/v1/agreements", body, key: "k")
        let again = fixture.ask(.post, "/v1/agreements", body, key: "k")
        #expect(first.status == 201 && again.text == first.text)
        let id = first.json["id"] as? String ?? ""
        #expect(fixture.code(fixture.propose(id, on: ["a"])) == "409 agreement-exists")
        fixture.clock.advance(seconds: 50)
        let renewed = fixture.ask(.patch, "/v1/agreements/\(id)", #"{"ttl_seconds":100}"#)
        #expect(renewed.json["ttl_seconds"] as? Int == 100 && renewed.json["revision"] as? Int == 2)
        fixture.clock.advance(seconds: 99)
        #expect(fixture.read(id).status == 200)
        fixture.clock.advance(seconds: 1)
        #expect(fixture.code(fixture.read(id)) == "404 agreement-expired")
        // The key ends with what it made.
        #expect(fixture.ask(.post, "/v1/agreements", body, key: "k").json["id"] as? String != id)
        fixture.put("a", AgreementFixture.reserving)
        #expect(client.service.agreements.totals.broken == 1)
        fixture.clock.advance(seconds: 100)
        client.service.tick()
        let totals = client.service.agreements.totals
        #expect(totals.items == 0 && totals.broken == 0 && client.service.agreements.count == 0)
        #expect(client.service.agreements.index.withLock { $0.isEmpty })
    }

    @Test func theyAreBounded() {
        for number in 0..<Limits.agreementsPerClientMax {
            client.repeatQuietly(
                .post, "/v1/agreements",
                #"{"id":"a\#(number)","hosts":[{"reserved_regions":[]}],\#(AgreementFixture.vm)}"#)
        }
        let body = #"{"hosts":[{"reserved_regions":[]}],\#(AgreementFixture.vm)}"#
        let full = fixture.ask(.post, "/v1/agreements", body)
        #expect(
            fixture.code(full) == "429 too-many-agreements" && full.response.headers["Retry-After"] != nil)
        var other = client
        other.peer = "192.0.2.7:1"
        #expect(other.post("/v1/agreements", json: body).status == 201)
        #expect(fixture.ask(.delete, "/v1/agreements/a0").status == 204)
        #expect(fixture.ask(.post, "/v1/agreements", body).status == 201)
        let hosts = (0...Limits.agreementHostsMax).map { #"{"name":"h\#($0)","reserved_regions":[]}"# }
        let many = fixture.ask(
            .post, "/v1/agreements",
            "{\"hosts\":[\(hosts.joined(separator: ","))],\(AgreementFixture.vm)}")
        #expect(many.status == 422 && many.pointers == ["/hosts"], "\(many.status)")
        // Ranges that a proposal describes are kept with it.
        let ranges = (0..<Limits.inlineRegionsMax).map {
            #"{"start":\#(0x1_0000_0000 + $0 * 8192),"size":1}"#
        }
        let large =
            #"{"hosts":[{"reserved_regions":[\#(ranges.joined(separator: ","))]}],\#(AgreementFixture.vm)}"#
        var status = 0
        for _ in 0...(Limits.agreementItemsTotalMax / Limits.inlineRegionsMax) {
            status = other.ask(.post, "/v1/agreements", Array(large.utf8), type: MediaType.json).status
        }
        #expect(status == 429)
        let totals = client.service.agreements.totals
        #expect(totals.items <= Limits.agreementItemsTotalMax)
    }

    /// Hosts that join by their label, and those that are added, count as those of the proposal.
    @Test func whatJoinsCounts() {
        let items = { client.service.agreements.totals.items }
        for id in ["a", "b", "c"] { fixture.put(id, AgreementFixture.plain) }
        fixture.label("a", pool: "x")
        #expect(
            client.post("/v1/agreements", json: "{\"id\":\"p\",\"pool\":\"x\",\(AgreementFixture.vm)}").status
                == 201)
        let before = items()
        fixture.label("b", pool: "x")
        #expect(items() == before + 1)
        let host = "{\"host\":\(AgreementFixture.host("c"))}"
        #expect(client.post("/v1/agreements/p/hosts", json: host).status == 201 && items() == before + 2)
        fixture.label("b", pool: "y")
        #expect(items() == before + 1)
        #expect(client.service.agreements.takeRoom(Limits.agreementItemsTotalMax - items()))
        fixture.label("b", pool: "x")
        #expect(fixture.blockers("p") == ["- pool_too_large"] && items() == Limits.agreementItemsTotalMax)
        client.service.agreements.giveBack(Limits.agreementItemsTotalMax - before - 1)
        fixture.put("a", AgreementFixture.plain + " ")
        #expect(fixture.blockers("p") == [] && items() == before + 2)
        #expect(fixture.ask(.delete, "/v1/agreements/p").status == 204 && items() == 0)
    }

    /// A host without a name gets one that is free.
    @Test func namesOfHostsAreFree() {
        for id in ["a", "b", "c"] { fixture.put(id, AgreementFixture.plain) }
        for id in ["a", "b"] { fixture.label(id, pool: "x") }
        #expect(
            client.post("/v1/agreements", json: "{\"id\":\"p\",\"pool\":\"x\",\(AgreementFixture.vm)}").status
                == 201)
        let nameless = #"{"host":{"platform":"c"}}"#
        #expect(client.post("/v1/agreements/p/hosts", json: nameless).status == 201)
        fixture.label("a", pool: "y")
        #expect(client.post("/v1/agreements/p/hosts", json: nameless).status == 201)
        let names = fixture.read("p").list("hosts").compactMap { $0["name"] as? String }
        #expect(Set(names).count == 3, "\(names)")
    }

    @Test func namesAreOnesOwn() {
        let twice = fixture.ask(
            .post, "/v1/agreements",
            #"{"hosts":[{"name":"h","reserved_regions":[]},{"name":"h","reserved_regions":[]}],\#(AgreementFixture.vm)}"#
        )
        #expect(twice.status == 422 && twice.pointers == ["/hosts/1/name"], "\(twice.text)")
        for (body, pointers) in [
            (#"{"id":".","hosts":[{"reserved_regions":[]}],\#(AgreementFixture.vm)}"#, ["/id"]),
            (#"{"pool":"none",\#(AgreementFixture.vm)}"#, ["/pool"]),
            (#"{"ttl_seconds":2592001,"hosts":[{"reserved_regions":[]}]}"#, ["/ttl_seconds", "/vm"]),
        ] {
            let answer = fixture.ask(.post, "/v1/agreements", body)
            #expect(answer.status == 422 && answer.pointers == pointers, "\(body): \(answer.text)")
        }
    }
}
