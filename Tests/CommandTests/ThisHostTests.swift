// The server's own host as platform `this-host`: what clients see of it (a golden transcript), that none of
// them can change it, that SIGHUP reads it again, and that --no-host keeps it back.

import Foundation
import Glibc
import TestSupport
import Testing

@Suite struct ThisHostTests {
    private let quiet = ["--log", "none", "--listen", "127.0.0.1:0"]

    /// One request with a body, on a connection of its own.
    private func send(
        _ server: RunningServer, _ method: String, _ target: String, _ body: String = ""
    ) throws -> RawClient.Answer {
        let client = try server.client()
        let head = [
            "\(method) \(target) HTTP/1.1", "Host: localhost", "Content-Type: application/json",
            "Content-Length: \(body.utf8.count)",
        ]
        try client.send(head.joined(separator: "\r\n") + "\r\n\r\n" + body)
        return try #require(try client.read())
    }

    private func asks(device: String, consumer: String) -> String {
        #"{"platform":"this-host","device":"\#(device)","consumer":"\#(consumer)"}"#
    }

    @Test func transcript() throws {
        let tree = try FileTree()
        try tree.addHost("host", type: "identity")
        let server = try RunningServer(
            quiet + ["--host-root", tree.folder.appendingPathComponent("host").path])
        var text = ""
        for target in [
            "/v1/platforms/this-host", "/v1/platforms/this-host/devices/0000:00:01.0",
            "/v1/platforms/this-host/reserved-regions?device=00:01.0&view=sysfs",
        ] {
            let answer = try #require(try server.get(target, ["Accept: application/json"]))
            text += "GET \(target)\n\(answer.status)\n\(answer.text)\n\n"
        }
        for (target, body) in [
            ("/v1/decisions", asks(device: "0000:00:01.0", consumer: "dma_api")),
            ("/v1/decisions?explain=none", asks(device: "0000:00:01.0", consumer: "vfio_type1")),
            (
                "/v1/placements",
                #"{"hosts":[{"platform":"this-host"}],"vm":{"vmm":"qemu-virt","ram":"0x100000000"}}"#
            ),
        ] {
            let answer = try send(server, "POST", target, body)
            text += "POST \(target) \(body)\n\(answer.status)\n\(answer.text)\n\n"
        }
        if let message = Golden.difference(of: text, from: "this-host.txt") {
            Issue.record(Comment(rawValue: message))
        }
        let survey = try send(server, "POST", "/v1/surveys", #"{"platforms":["this-host"]}"#)
        #expect(
            survey.status == 200 && survey.text.contains(#""platform":"this-host","device":"0000:00:01.0""#))
        let list = try #require(try server.get("/v1/platforms")).text
        #expect(
            list.contains(#"{"id":"this-host","source":"device_tree","built_in":false,"offered":true,"#),
            "\(list)")
        #expect(server.said.contains("clients can read this host as platform this-host (IOMMU groups: 3)"))
        let metrics = try #require(try server.get("/metrics")).text
        #expect(metrics.contains("iovad_platforms{source=\"this_host\"} 1\n"))
        #expect(metrics.contains("iovad_platforms{source=\"uploaded\"} 0\n"))
    }

    /// A group whose devices reserve different things: the domain is the first device's.
    @Test func sharedGroup() throws {
        let tree = try FileTree()
        try tree.addSharedGroupHost("host", release: "6.18.15")
        let server = try RunningServer(
            quiet + ["--host-root", tree.folder.appendingPathComponent("host").path])
        for device in SharedGroupHost.functions {
            let answer = try send(server, "POST", "/v1/decisions", asks(device: device, consumer: "dma_api"))
            #expect(answer.text.contains(#""iova":"0xfffff040""#), "\(answer.text)")
            #expect(answer.text.contains("group_mate_reservations"), "\(answer.text)")
        }
    }

    @Test func clientsCannotChangeIt() throws {
        let tree = try FileTree()
        try tree.addHost("host")
        let server = try RunningServer(
            quiet,
            environment: [
                "IOVAD_HOST_ROOT": tree.folder.appendingPathComponent("host").path, "IOVAD_NO_HOST": "0",
            ])
        let before = try #require(try server.get("/v1/platforms/this-host")).header("etag")
        let machine = #"{"smmus":[],"devices":[]}"#
        let words = "is kept for the machine that this server runs on; upload under another id."
        for answer in [
            try send(server, "PUT", "/v1/platforms/this-host", machine),
            try send(server, "DELETE", "/v1/platforms/this-host"),
            try send(server, "POST", "/v1/platforms?id=this-host", machine),
        ] {
            #expect(answer.status == 409 && answer.text.contains("/problems/platform-in-use"))
            #expect(answer.text.contains(words), "\(answer.text)")
        }
        #expect(try server.get("/v1/platforms/this-host")?.header("etag") == before)
    }

    @Test func hangUpReadsItAgain() throws {
        let tree = try FileTree()
        try tree.addHost("host")
        let server = try RunningServer(
            quiet + ["--host-root", tree.folder.appendingPathComponent("host").path])
        let before = try #require(try server.get("/v1/platforms/this-host")).header("etag")
        #expect(try server.get("/v1/platforms/this-host/devices/70000000.dma")?.status == 404)
        try tree.addGroup("host", 3, type: "DMA", regions: "", devices: [("70000000.dma", nil)])
        server.hangUp(until: "(IOMMU groups: 4)")
        #expect(try server.get("/v1/platforms/this-host/devices/70000000.dma")?.status == 200)
        #expect(try server.get("/v1/platforms/this-host")?.header("etag") != before)
        // Gone with its groups; the id stays reserved, so that it comes back with them.
        let groups = tree.folder.appendingPathComponent("host/sys/kernel/iommu_groups")
        let away = tree.folder.appendingPathComponent("away")
        try FileManager.default.moveItem(at: groups, to: away)
        server.hangUp(until: "has no IOMMU group")
        #expect(try server.get("/v1/platforms/this-host")?.status == 404)
        try expectReserved(server)
        try FileManager.default.moveItem(at: away, to: groups)
        kill(server.identifier, SIGHUP)
        var isBack = false
        for _ in 0..<500 where !isBack {
            isBack = try server.get("/v1/platforms/this-host/devices/70000000.dma")?.status == 200
            if !isBack { usleep(10_000) }
        }
        #expect(isBack)
        #expect(server.stop() == 0)
    }

    /// What was read before is better than nothing.
    @Test func aHostThatCannotBeReadStays() throws {
        let tree = try FileTree()
        try tree.addHost("host")
        let host = tree.folder.appendingPathComponent("host")
        let server = try RunningServer(quiet + ["--host-root", host.path])
        let before = try #require(try server.get("/v1/platforms/this-host")).header("etag")
        let firmware = host.appendingPathComponent("sys/firmware")
        try FileManager.default.createDirectory(at: firmware, withIntermediateDirectories: true)
        try Data("no tree.".utf8).write(to: firmware.appendingPathComponent("fdt"))
        server.hangUp(until: "this-host stays as it was read before: ")
        let after = try #require(try server.get("/v1/platforms/this-host"))
        #expect(after.status == 200 && after.header("etag") == before)
    }

    /// No client can take the id of a host that is not offered.
    private func expectReserved(_ server: RunningServer) throws {
        let machine = #"{"smmus":[],"devices":[]}"#
        for (method, target) in [
            ("PUT", "/v1/platforms/this-host"), ("POST", "/v1/platforms?id=this-host"),
        ] {
            let answer = try send(server, method, target, machine)
            #expect(
                answer.status == 409 && answer.text.contains("/problems/platform-in-use"), "\(answer.text)")
        }
        #expect(try server.get("/v1/platforms/this-host")?.status == 404)
    }

    @Test func whereItIsKeptBack() throws {
        let tree = try FileTree()
        try tree.addHost("host")
        try tree.add("bare/proc/version", "")
        let server = try RunningServer(quiet + ["--no-host"])
        #expect(try server.get("/v1/platforms/this-host")?.status == 404)
        try expectReserved(server)
        #expect(!server.said.contains("this-host"))
        let bare = tree.folder.appendingPathComponent("bare").path
        let without = try RunningServer(quiet + ["--host-root", bare])
        #expect(try without.get("/v1/platforms/this-host")?.status == 404)
        #expect(without.said.contains("this-host is not offered: \(bare) has no IOMMU group"))
        for (arguments, words) in [
            (["--no-host", "--host-root", bare], "give --host-root \(bare) or --no-host, not both"),
            (["--host-root", "/nonexistent"], "--host-root /nonexistent: No such file or directory"),
        ] {
            do {
                _ = try RunningServer(quiet + arguments)
                Issue.record("\(arguments) started a server")
            } catch let error as RunningServer.DidNotStart {
                #expect(error.status != 0 && error.errors.contains(words), "\(error.errors)")
            }
        }
    }
}
