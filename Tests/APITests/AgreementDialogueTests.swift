// The worked dialogue over HTTP, on a server and its sockets: a VM and two hosts look for a window, the VM
// runs, a third host joins, its platform is replaced by one that reserves the window, is repaired, and the VM
// ends; a second connection follows the events all the while.

import Foundation
import HTTP
import MicroHTTP
import OpenAPI
import TestSupport
import Testing

@testable import API

@Suite struct AgreementDialogueTests {
    /// One connection.
    private struct Connection {
        let client: RawClient

        func ask(_ method: String, _ target: String, _ body: String? = nil, _ fields: [String] = []) throws
            -> (
                status: Int, json: [String: Any], etag: String?
            )
        {
            var lines = ["\(method) \(target) HTTP/1.1", "Host: localhost"] + fields
            if let body {
                lines += ["Content-Type: application/json", "Content-Length: \(body.utf8.count)"]
            }
            try client.send(lines.joined(separator: "\r\n") + "\r\n\r\n" + (body ?? ""))
            let answer = try #require(try client.read())
            let exchange = Exchange(
                method: method, target: target, requestType: body == nil ? nil : MediaType.json,
                request: Array((body ?? "").utf8), status: answer.status,
                responseHeaders: Dictionary(answer.headers.map { ($0.name, $0.value) }) { first, _ in first },
                response: answer.body)
            Contract.hold(exchange)
            let json = (try? JSONSerialization.jsonObject(with: Data(answer.body))) as? [String: Any] ?? [:]
            return (answer.status, json, answer.header("etag"))
        }

        /// Reads the stream until an event of this name has come; all text so far.
        func follow(until event: String, _ text: inout String) throws {
            while !text.contains("event: \(event)\n") || !text.hasSuffix("\n\n") {
                guard let chunk = try client.readChunk(), !chunk.isEmpty else { return }
                text += String(decoding: chunk, as: UTF8.self)
            }
        }
    }

    private static func lab(reserving start: String?) -> String {
        LabelTests.machine(reserving: start)
    }

    @Test func theWorkedDialogue() throws {
        let service = Service(Service.Configuration(version: "test"))
        let listener = try ListenSocket.tcp(host: "127.0.0.1", port: 0)
        let endpoint = RawClient.Endpoint.tcp(try #require(listener.port))
        let daemon = try Daemon(listener: listener, responder: service.responder)
        defer { Daemon.drain([daemon], graceSeconds: 1) }
        let vm = Connection(client: try RawClient(endpoint, timeoutSeconds: 30))
        let fleet = Connection(client: try RawClient(endpoint, timeoutSeconds: 30))

        // Juno's host bridge reaches memory from 2 GiB on only: no released kernel helps the VM there.
        let hosts =
            #""hosts":[{"name":"juno","platform":"example-arm-juno"},{"name":"virt","platform":"example-qemu-virt"}]"#
        let guest = #""vm":{"vmm":"openvmm-linux","ram":"2G"}"#
        let refused = try vm.ask("POST", "/v1/agreements", #"{"id":"vm-42",\#(hosts),\#(guest)}"#)
        #expect(refused.status == 409 && refused.json["code"] as? String == "no-agreement")
        let blockers = refused.json["blockers"] as? [[String: Any]] ?? []
        #expect(
            blockers.first?["kind"] as? String == "dma_ranges_gap"
                && blockers.first?["host"] as? String == "juno")
        let remedies = refused.json["remedies"] as? [[String: Any]] ?? []
        #expect(remedies.first?["hosts"] as? [String] == ["juno"])

        // Both kernels have the posted options.
        let offer =
            #"{"id":"vm-42",\#(hosts),\#(guest),"capabilities":["iommufd_sw_msi_options"],"ttl_seconds":3600}"#
        let made = try vm.ask("POST", "/v1/agreements", offer, ["Idempotency-Key: vm-42"])
        #expect(made.status == 201 && made.json["state"] as? String == "proposed", "\(made.json)")
        let window = made.json["window"] as? [String: Any]
        let start = try #require(window?["start"] as? String)
        #expect(start == "0xc0000000" && made.json["doorbell_iovas"] as? [String] == [start])
        #expect((made.json["mechanism"] as? [String: Any])?["kind"] as? String == "iommufd_options")
        let stream = Connection(client: try RawClient(endpoint, timeoutSeconds: 30))
        try stream.client.send(
            "GET /v1/agreements/vm-42/events HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n"
                + "Last-Event-ID: 0\r\n\r\n")
        #expect(try stream.client.read()?.status == 200)
        let accepted = try vm.ask(
            "PATCH", "/v1/agreements/vm-42", #"{"state":"accepted"}"#, ["If-Match: \(made.etag ?? "")"])
        #expect(accepted.status == 200 && accepted.etag == "\"2\"")

        // A third host: would it do, and then it joins.
        let lab = #"{"host":{"name":"lab","platform":"lab-3"}}"#
        #expect(try fleet.ask("PUT", "/v1/platforms/lab-3", Self.lab(reserving: nil)).status == 201)
        let check = try vm.ask("POST", "/v1/agreements/vm-42/checks", lab)
        #expect(check.status == 200 && check.json["keeps"] as? Bool == true, "\(check.json)")
        #expect(try vm.ask("POST", "/v1/agreements/vm-42/hosts", lab).status == 201)

        // Its firmware is replaced by one that reserves the window, and repaired.
        #expect(try fleet.ask("PUT", "/v1/platforms/lab-3", Self.lab(reserving: start)).status == 200)
        let broken = try vm.ask("GET", "/v1/agreements/vm-42")
        let flag = try #require(broken.json["broken"] as? [String: Any])
        #expect(flag["host"] as? String == "lab")
        let reason = (flag["blockers"] as? [[String: Any]])?.first
        #expect(reason?["kind"] as? String == "reserved")
        #expect((reason?["range"] as? [String: Any])?["start"] as? String == start)
        #expect(try vm.ask("POST", "/v1/agreements/vm-42/checks", lab).json["keeps"] as? Bool == false)
        #expect(try fleet.ask("PUT", "/v1/platforms/lab-3", Self.lab(reserving: nil)).status == 200)
        let mended = try vm.ask("GET", "/v1/agreements/vm-42")
        #expect(mended.json["broken"] is NSNull && mended.json["state"] as? String == "accepted")
        #expect((mended.json["window"] as? [String: Any])?["start"] as? String == start)

        let released = try vm.ask("PATCH", "/v1/agreements/vm-42", #"{"state":"released"}"#)
        #expect(released.status == 200)
        var text = ""
        try stream.follow(until: "released", &text)
        Contract.holdEvents(text)
        let names = text.split(separator: "\n").filter { $0.hasPrefix("event: ") }.map { $0.dropFirst(7) }
        #expect(
            names == [
                "proposed", "accepted", "host_added", "host_changed", "broken", "host_changed", "holds",
                "released",
            ])
        #expect(try vm.ask("DELETE", "/v1/agreements/vm-42").status == 204)
        try stream.follow(until: "bye", &text)
        #expect(text.contains(#"data: {"reason":"agreement_deleted"}"#))
    }
}
