// What a kernel printed goes in as text and comes out byte for byte: every group of every capture, alone and
// all groups of a boot at once. And ranges that VFIO or iommufd told.

import Foundation
import HTTP
import TestSupport
import Testing

@Suite struct SysfsRoundTripTests {
    private static let folder = "data/linux-captures"

    private static var names: [String] {
        guard SharedShelf.isPresent else { return [] }
        return SharedShelf.names(in: folder).filter {
            FileManager.default.fileExists(
                atPath: SharedShelf.root!.appendingPathComponent("\(folder)/\($0)/truth.json").path)
        }
    }

    private func groups(_ name: String) throws -> [(number: String, text: String)] {
        let truth =
            try JSONSerialization.jsonObject(
                with: Data(SharedShelf.bytes("\(Self.folder)/\(name)/truth.json"))) as? [String: Any]
        let groups = truth?["groups"] as? [String: [String: Any]] ?? [:]
        return groups.sorted { $0.key < $1.key }.map { number, group in
            (number, (group["reserved_regions"] as! [String]).map { $0 + "\n" }.joined())
        }
    }

    private func view(_ client: ServiceClient, _ platform: String, _ device: String) -> ServiceClient.Answer {
        client.get(
            "/v1/platforms/\(platform)/reserved-regions?device=\(device)&view=sysfs",
            headers: [.init("Accept", "text/plain")])
    }

    @Test(.enabled(if: SharedShelf.isPresent), arguments: names)
    func capturesComeOutAsTheyWentIn(name: String) throws {
        let client = ServiceClient()
        let groups = try groups(name).filter { !$0.text.isEmpty }
        guard !groups.isEmpty else { return }
        for group in groups {
            for assume in ["", "?assume=software", "?assume=hardware"] {
                let upload = client.ask(
                    .put, "/v1/platforms/one\(assume)", Array(group.text.utf8), type: "text/plain")
                #expect(upload.status / 100 == 2, "\(name) \(group.number): \(upload.text)")
                #expect(!upload.text.contains("sysfs-order"), "\(name) \(group.number): \(upload.text)")
                #expect(view(client, "one", "group:0").text == group.text, "\(name) \(group.number)")
            }
        }
        let all = groups.map { "==> /sys/kernel/iommu_groups/\($0.number)/reserved_regions <==\n\($0.text)" }
        let upload = client.ask(
            .put, "/v1/platforms/all", Array(all.joined(separator: "\n").utf8), type: "text/plain")
        #expect(upload.json["devices"] as? Int == groups.count)
        for group in groups {
            #expect(
                view(client, "all", "group:\(group.number)").text == group.text, "\(name) \(group.number)")
        }
    }

    /// Drivers of SMMUs print their window always: a group without one is behind a virtio-iommu.
    @Test func hardwareMSIAloneIsVirtioIOMMUs() {
        let client = ServiceClient()
        func ask(_ text: String, _ consumer: String) -> ServiceClient.Answer {
            #expect(
                client.ask(.put, "/v1/platforms/a", Array(text.utf8), type: "text/plain").status / 100 == 2)
            return client.decide(
                #"{"platform":"a","device":"group:0","consumer":"\#(consumer)","doorbells":["0x8090040"]}"#)
        }
        func hosted() -> [String] {
            client.post(
                "/v1/placements",
                json: #"{"hosts":[{"platform":"a"}],"vm":{"vmm":"crosvm","ram":"0x40000000"}}"#
            ).list("warnings").map { $0["code"] as! String }
        }
        let alone = "0x0000000008090000 0x000000000809ffff msi\n"
        let mapped = ask(alone, "iommufd")
        #expect(mapped.json["outcome"] as? String == "hardware" && mapped.json["errno"] == nil)
        #expect(mapped.list("doorbells").first?["iova"] as? String == "0x8090040")
        let attached = ask(alone, "vfio_type1")
        #expect(attached.json["errno"] as? String == "ENOSPC")
        #expect(
            attached.list("iova_ranges").map { $0["last"] as? String } == ["0x808ffff", "0xffffffffffff"])
        #expect(hosted().contains("hardware_msi_only") && !hosted().contains("type1_only"))
        // HI161X: the window is there too.
        let both = "0x0000000008000000 0x00000000080fffff msi\n0x00000000c6010000 0x00000000c601ffff msi\n"
        #expect(ask(both, "iommufd").json["errno"] as? String == "EINVAL")
        #expect(hosted().contains("type1_only"))
    }

    /// Texts as kernels print them, of any content: what goes in comes out, alone and among other groups.
    @Test func madeUpTextsComeOutAsTheyWentIn() throws {
        var random = SeededGenerator.forTest("sysfs round trip", fallback: 0x5f5)
        let client = ServiceClient()
        func digits(_ value: UInt64) -> String {
            let text = String(value, radix: 16)
            return "0x" + String(repeating: "0", count: 16 - text.count) + text
        }
        func line() -> String {
            let start = UInt64.random(
                in: 0...UInt64.max >> UInt64.random(in: 0...52, using: &random), using: &random)
            let length = UInt64.random(
                in: 0...UInt64.max >> UInt64.random(in: 12...60, using: &random), using: &random)
            let word = ["direct", "direct-relaxable", "reserved", "msi"].randomElement(using: &random)!
            let last = [start &+ length, start, start &- 1, .max].randomElement(using: &random)!
            return "\(digits(start)) \(digits(last)) \(word)\n"
        }
        for round in 0..<60 {
            let texts = (0..<Int.random(in: 1...5, using: &random)).map { _ in
                (0..<Int.random(in: 1...20, using: &random)).map { _ in line() }.joined()
            }
            let assume = ["", "?assume=software", "?assume=hardware"][round % 3]
            let all = texts.enumerated().map {
                "==> /sys/kernel/iommu_groups/\($0)/reserved_regions <==\n\($1)"
            }
            let upload = client.ask(
                .put, "/v1/platforms/r\(assume)", Array(all.joined(separator: "\n").utf8), type: "text/plain")
            #expect(upload.status / 100 == 2, "\(upload.text)")
            for (number, text) in texts.enumerated() {
                #expect(view(client, "r", "group:\(number)").text == text, "round \(round)")
            }
        }
    }

    @Test func decisionsKnowWhatWasReported() {
        let client = ServiceClient()
        let text =
            "0x0000000008000000 0x00000000080fffff reserved\n0x0000000008000000 0x00000000080fffff msi\n"
        #expect(client.ask(.put, "/v1/platforms/s", Array(text.utf8), type: "text/plain").status == 201)
        let fixed = client.decide(
            "{\"platform\":\"s\",\"device\":\"group:0\",\"consumer\":\"vfio_type1\",\"window_source\":\"fixed\"}"
        )
        #expect(fixed.json["outcome"] as? String == "window" && fixed.json["reachable"] as? Bool == false)
        let posted = client.decide(
            "{\"platform\":\"s\",\"device\":\"group:0\",\"consumer\":\"vfio_type1\",\"window_source\":\"candidates\"}"
        )
        #expect(posted.object("window")["start"] as? String == "0xa0000000")
        // A group of hardware MSI regions only has no software window in its view.
        let frame = "0x0000000008090000 0x000000000809ffff msi\n"
        #expect(client.ask(.put, "/v1/platforms/h", Array(frame.utf8), type: "text/plain").status == 201)
        #expect(view(client, "h", "group:0").text == frame)
        let hardware = client.decide(
            "{\"platform\":\"h\",\"device\":\"group:0\",\"consumer\":\"vfio_type1\",\"kernel\":\"6.12\"}")
        #expect(hardware.json["outcome"] as? String == "hardware")
    }

    private func upload(_ client: ServiceClient, _ members: String) -> ServiceClient.Answer {
        client.ask(
            .put, "/v1/platforms/r",
            Array("{\"devices\":[{\"id\":\"d\",\"kind\":\"group\",\(members)}]}".utf8),
            type: "application/json")
    }

    private func codes(_ answer: ServiceClient.Answer) -> [String] {
        answer.list("findings").map { $0["code"] as? String ?? "" }
    }

    @Test func rangesOfVFIOAndIOMMUFD() {
        let client = ServiceClient()
        let vfio = """
            "iova_ranges":[{"start":"0x0","end":"0x7ffffff"},{"start":"0x8100000","end":"0xffffffff"}]
            """
        let iommufd = vfio.replacing("\"end\"", with: "\"last\"")
        for members in [vfio, iommufd] {
            let answer = upload(client, members)
            #expect(answer.status / 100 == 2 && codes(answer).isEmpty, "\(answer.text)")
            let decision = client.decide("{\"platform\":\"r\",\"device\":\"d\",\"consumer\":\"vfio_type1\"}")
            #expect(decision.json["reachable"] as? Bool == true)
            let far = client.decide(
                "{\"platform\":\"r\",\"device\":\"d\",\"consumer\":\"vfio_type1\",\"window_source\":"
                    + "{\"kind\":\"candidates\",\"bases\":[\"0x100000000\"],\"avoid\":\"everything\"}}")
            #expect(far.json["outcome"] as? String == "none", "\(far.text)")
        }
    }

    @Test func rangesReadTooEarly() {
        let client = ServiceClient()
        let whole = "\"iova_ranges\":[{\"start\":\"0x0\",\"last\":\"0xffffffffffffffff\"}]"
        #expect(codes(upload(client, whole)) == ["iova-ranges-before-attach"])
        let told =
            "\"iova_ranges\":[{\"start\":0,\"size\":\"0x8000000\"}],\"iova_ranges_read\":\"before_attach\""
        #expect(codes(upload(client, told)) == ["iova-ranges-before-attach"])
        #expect(codes(upload(client, "\"iova_ranges\":[]")) == ["iova-ranges-empty"])
        let wild = "\"iova_ranges\":[{\"start\":16,\"last\":32},{\"start\":0,\"last\":20}]"
        #expect(codes(upload(client, wild)) == ["iova-ranges-order"])
        let wrong = upload(
            client,
            "\"iova_ranges\":[{\"start\":2,\"end\":1},{\"start\":1,\"end\":2,\"size\":1}],\"iova_ranges_read\":\"x\""
        )
        #expect(wrong.status == 422)
        #expect(
            wrong.pointers.sorted() == [
                "/devices/0/iova_ranges/0/end", "/devices/0/iova_ranges/1/size",
                "/devices/0/iova_ranges_read",
            ])
    }
}
