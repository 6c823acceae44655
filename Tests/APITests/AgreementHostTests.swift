// Hosts that leave an agreement, and what texts say of an agreement that nobody is to rely on.

import Fleet
import Foundation
import HTTP
import TestSupport
import Testing

@testable import API

@Suite struct AgreementHostTests {
    private let fixture = AgreementFixture()
    private var client: ServiceClient { fixture.client }

    private func remove(_ host: String, from id: String, ifMatch: String? = nil) -> ServiceClient.Answer {
        fixture.ask(.delete, "/v1/agreements/\(id)/hosts/\(host)", ifMatch: ifMatch)
    }

    private func names(_ id: String) -> [String] {
        fixture.read(id).list("hosts").compactMap { $0["name"] as? String }
    }

    @Test func aHostLeaves() {
        for id in ["a", "b"] { fixture.put(id, AgreementFixture.plain) }
        #expect(fixture.propose("x", on: ["a", "b"]).status == 201)
        #expect(remove("b", from: "x", ifMatch: "\"9\"").status == 412)
        #expect(fixture.code(remove("c", from: "x")) == "404 not-found")
        #expect(fixture.code(remove("b", from: "y")) == "404 not-found")
        let left = remove("b", from: "x", ifMatch: "\"1\"")
        #expect(left.status == 204 && left.response.headers["ETag"] == "\"2\"", "\(left.text)")
        #expect(names("x") == ["a"] && fixture.events("x") == ["1 proposed", "2 host_removed"])
        // Its platform concerns the agreement no more.
        fixture.put("b", AgreementFixture.reserving)
        #expect(!fixture.isBroken("x") && fixture.events("x").count == 2)
        let last = remove("a", from: "x")
        #expect(fixture.code(last) == "409 agreement-state", "\(last.text)")
        #expect((last.json["detail"] as? String)?.contains("add another first, or release") == true)
        #expect(names("x") == ["a"])
        // The name is free again.
        fixture.put("b", AgreementFixture.plain)
        let again = fixture.ask(
            .post, "/v1/agreements/x/hosts", #"{"host":\#(AgreementFixture.host("b"))}"#)
        #expect(again.status == 201 && names("x") == ["a", "b"])
    }

    /// A promise that only one host does not keep holds without it.
    @Test func itHoldsWithoutTheOneThatBreaksIt() {
        for id in ["a", "b", "c"] { fixture.put(id, AgreementFixture.plain) }
        #expect(fixture.propose("x", on: ["a", "b", "c"]).status == 201)
        #expect(fixture.move("x", to: "accepted").status == 200)
        for id in ["b", "c"] { fixture.put(id, AgreementFixture.reserving) }
        #expect(fixture.blockers("x") == ["b reserved", "c reserved"])
        #expect(remove("b", from: "x").status == 204)
        #expect(fixture.blockers("x") == ["c reserved"] && client.service.agreements.totals.broken == 1)
        #expect(remove("c", from: "x").status == 204)
        #expect(!fixture.isBroken("x") && client.service.agreements.totals.broken == 0)
        #expect(
            fixture.events("x").suffix(5)
                == ["4 broken", "5 host_removed", "5 broken", "6 host_removed", "6 holds"],
            "\(fixture.events("x"))")
        #expect(fixture.move("x", to: "released").status == 200)
        #expect(fixture.code(remove("a", from: "x")) == "409 agreement-state")
    }

    /// One of a pool leaves with its label; one that was added beside them by its name, which may have any
    /// characters. What it counted is given back.
    @Test func whoCameHow() {
        fixture.put("a", AgreementFixture.plain)
        fixture.label("a", pool: "r")
        let made = fixture.ask(.post, "/v1/agreements", #"{"id":"x","pool":"r",\#(AgreementFixture.vm)}"#)
        #expect(made.status == 201, "\(made.text)")
        let ofPool = remove("a", from: "x")
        #expect(fixture.code(ofPool) == "409 agreement-state", "\(ofPool.text)")
        #expect((ofPool.json["detail"] as? String)?.contains("label pool=r") == true)
        let before = client.service.agreements.totals.items
        let added = fixture.ask(
            .post, "/v1/agreements/x/hosts",
            #"{"host":{"name":"rack 7/é","reserved_regions":[{"start":"0x1000000","size":"0x1000"}]}}"#)
        #expect(added.status == 201 && client.service.agreements.totals.items == before + 2, "\(added.text)")
        #expect(remove("rack%207%2F%C3%A9", from: "x").status == 204)
        #expect(client.service.agreements.totals.items == before && names("x") == ["a"])
    }

    /// Every kind of host that a placement takes is checked and joins.
    @Test(arguments: [
        #"{"name":"h","platform":"a"}"#, #"{"name":"h","platform":"a","devices":["d"]}"#,
        #"{"name":"h","platform":"a","kernel":"6.6","page_size":"4K"}"#,
        #"{"name":"h","reserved_regions":[]}"#,
        #"{"name":"h","iova_ranges":[{"start":"0x0","last":"0xffffffffffff"}]}"#,
        #"{"name":"h","reserved_regions":[],"aperture_bits":40,"capabilities":["iommufd_sw_msi_options"]}"#,
        #"{"name":"h","reserved_regions":[{"start":"0x8000000","size":"0x100000","type":"msi"}],"kernel":"6.1"}"#,
    ])
    func everyKindOfHost(host: String) {
        fixture.put("a", AgreementFixture.plain)
        #expect(fixture.propose("x", on: ["a"]).status == 201)
        let check = fixture.ask(.post, "/v1/agreements/x/checks", #"{"host":\#(host)}"#)
        #expect(check.status == 200 && check.json["keeps"] as? Bool == true, "\(check.text)")
        let added = fixture.ask(.post, "/v1/agreements/x/hosts", #"{"host":\#(host)}"#)
        #expect(added.status == 201 && names("x") == ["a", "h"], "\(added.text)")
        #expect(remove("h", from: "x").status == 204)
    }

    /// What is pasted says in its first remark that the agreement is broken, or over.
    @Test func textsSayThatItIsBroken() throws {
        fixture.put("a", AgreementFixture.plain)
        for (vmm, more) in [
            ("qemu-virt", ""), ("cloud-hypervisor", ""), ("openvmm-linux", ""), ("crosvm", ""),
            ("firecracker", ""), ("kvmtool", ""), ("qemu-virt", #","viommu":"nested_smmuv3""#),
        ] {
            fixture.put("a", AgreementFixture.plain)
            let id = "\(vmm)\(more.count)"
            let made = fixture.ask(
                .post, "/v1/agreements",
                #"{"id":"\#(id)","hosts":[\#(AgreementFixture.host("a"))],"vm":{"vmm":"\#(vmm)","ram":"1G"\#(more)}}"#
            )
            #expect(made.status == 201, "\(made.text)")
            let formats = made.json["renderings"] as? [String] ?? []
            func texts() -> [String: ServiceClient.Answer] {
                Dictionary(
                    uniqueKeysWithValues: formats.map {
                        ($0, client.get("/v1/agreements/\(id)?format=\($0)"))
                    })
            }
            let before = texts()
            #expect(before.values.allSatisfy { !$0.text.contains("This agreement") }, "\(id)")
            #expect(fixture.move(id, to: "accepted").status == 200)
            fixture.put("a", AgreementFixture.reserving)
            let since = try #require(
                (fixture.read(id).json["broken"] as? [String: Any])?["since"] as? String)
            try check(
                texts(), before, id, "This agreement is broken since \(since): a host does not keep it.")
            fixture.put("a", AgreementFixture.plain)
            for (format, text) in texts() { #expect(text.text == before[format]?.text, "\(id) \(format)") }
            #expect(fixture.move(id, to: "released").status == 200)
            try check(
                texts(), before, id, "This agreement is released: no host promises this window any more.")
        }
    }

    private func check(
        _ texts: [String: ServiceClient.Answer], _ before: [String: ServiceClient.Answer], _ id: String,
        _ mark: String
    ) throws {
        let listed = fixture.read(id).json["renderings"] as? [String] ?? []
        for (format, answer) in texts {
            let text = answer.text
            switch format {
            case "firecracker":
                // Its readers take nothing but the configuration.
                #expect(answer.status == 422 && text.contains(mark), "\(text)")
                #expect(!listed.contains(format))
            case "kubernetes":
                let data = try #require(answer.json["data"] as? [String: String], "\(text)")
                #expect(data["agreement"] == mark)
                let other = before[format]?.object("data")["digest"] as? String
                #expect(data["digest"] != other)
            default:
                let comments = text.split(separator: "\n").prefix { !$0.contains(mark) }
                #expect(text.contains(mark) && listed.contains(format), "\(format): \(text)")
                #expect(comments.allSatisfy { ["#!/bin/sh", "<!--"].contains($0) }, "\(format): \(text)")
                #expect(text.replacingOccurrences(of: mark, with: "").count < text.count)
            }
        }
    }

    /// What a virtio-iommu decides is a reason that has a host, too; and so has every refusal.
    @Test func refusalsHaveBlockers() throws {
        let machine =
            #"{"smmus":[{"id":"s","version":"virtio"}],"msi_controllers":[{"id":"its","kind":"its","#
            + #""doorbell":"0x40090040"}],"devices":[{"id":"d","kind":"pci_function","smmus":["s"],"#
            + #""msi_controllers":["its"]}]}"#
        #expect(client.post("/v1/platforms?id=v", json: machine).status == 201)
        for (host, vm, kind) in [
            (
                #"{"platform":"v"}"#, #""vm":{"vmm":"openvmm-linux","ram":"1G","viommu":"nested_smmuv3"}"#,
                "mechanism"
            ),
            (
                #"{"reserved_regions":[]}"#, #""vm":{"vmm":"crosvm","ram":"1G","viommu":"nested_smmuv3"}"#,
                "mechanism"
            ),
        ] {
            let refused = client.post("/v1/agreements?dry_run=true", json: #"{"hosts":[\#(host)],\#(vm)}"#)
            #expect(refused.json["possible"] as? Bool == false, "\(refused.text)")
            #expect(refused.list("blockers").map { $0["kind"] as? String } == [kind], "\(refused.text)")
        }
        // The region that may be reported lies in the guest's RAM.
        let open = client.post(
            "/v1/agreements?dry_run=true",
            json: #"{"hosts":[{"name":"h","platform":"v"}],\#(AgreementFixture.vm)}"#)
        #expect(open.json["possible"] as? Bool == false, "\(open.text)")
        let blocker = try #require(open.list("blockers").first, "\(open.text)")
        #expect(blocker["kind"] as? String == "iommu_decides_window" && blocker["host"] as? String == "h")
    }

    /// 64 is 64 bytes to a reader of JSON, and 64 MiB to one of QEMU: it is neither.
    @Test func bareMemoryIsNoMemory() {
        let hosts = #""hosts":[{"reserved_regions":[]}]"#
        for (members, pointer) in [
            (#""ram":64"#, "/vm/ram"), (#""ram":"64""#, "/vm/ram"), (#""ram":1048575"#, "/vm/ram"),
            (#""ram":"1G","maxmem":4096"#, "/vm/maxmem"),
        ] {
            for target in ["/v1/placements", "/v1/agreements"] {
                let body = #"{\#(hosts),"vm":{"vmm":"qemu-virt",\#(members)}}"#
                let answer = client.post(target, json: body)
                #expect(answer.status == 422 && answer.pointers == [pointer], "\(members): \(answer.text)")
                #expect(answer.text.contains("M for MiB, as QEMU's -m "), "\(answer.text)")
            }
        }
        let query = client.get("/v1/vmms/qemu-virt?ram=64")
        #expect(query.status == 400 && query.text.contains("write 64M for MiB"), "\(query.text)")
        // A unit is meant, and so is a number in hex.
        for members in [#""ram":1048576"#, #""ram":"0x10000""#, #""ram":"64K""#, #""ram":"64M""#] {
            let body = #"{\#(hosts),"vm":{"vmm":"qemu-virt",\#(members)}}"#
            #expect(client.post("/v1/placements", json: body).status == 200, "\(members)")
        }
    }
}
