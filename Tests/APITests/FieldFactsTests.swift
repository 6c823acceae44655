// What people paste of ACPI servers, from data/field/acpi: /proc/iomem in several shapes, a boot log of
// somebody who is not root, and a table made for it; and the built-in machine that was written from them.

import API
import Foundation
import HTTP
import TestSupport
import Testing

@Suite struct FieldFactsTests {
    private let client = ServiceClient()

    private func upload(_ files: [(name: String, file: String)], _ id: String = "altra")
        -> ServiceClient.Answer
    {
        var body: [UInt8] = []
        for (name, file) in files {
            body += Array("--B\r\nContent-Disposition: form-data; name=\"\(name)\"\r\n\r\n".utf8)
            body += SharedShelf.bytes("data/field/acpi/\(file)") + [0x0d, 0x0a]
        }
        return client.ask(
            .put, "/v1/platforms/\(id)", body + Array("--B--\r\n".utf8),
            type: "multipart/form-data; boundary=B")
    }

    /// Segment 2 alone has the default in its way, and not for certain.
    private func expectAltra(_ platform: String, devices: [String]) {
        for device in devices {
            let answer = client.decide(
                #"{"platform":"\#(platform)","device":"\#(device)","consumer":"vfio_type1"}"#)
            if device == "rc:2" {
                #expect(answer.json["reachability"] as? String == "conditional", "\(answer.text)")
                #expect(answer.json["reachable"] as? Bool == false)
                let because = answer.json["because"] as? String ?? ""
                #expect(because.contains("PCI window 0x8000000...0xfffffff"), "\(because)")
            } else {
                #expect(answer.json["reachability"] as? Bool == true, "\(device): \(answer.text)")
            }
        }
    }

    private static let roots = ["rc:0", "rc:2", "rc:4", "rc:5", "rc:12", "rc:13"]

    @Test func builtInAltra() throws {
        expectAltra("example-ampere-altra", devices: Self.roots)
        let function = client.decide(
            #"{"platform":"example-ampere-altra","device":"0002:01:00.0","consumer":"iommufd"}"#)
        #expect(function.json["reachability"] as? String == "conditional", "\(function.text)")
        let survey = client.post("/v1/surveys", json: #"{"platforms":["example-ampere-altra"]}"#)
        let tallies = survey.list("policies")
        let fixed = try #require(tallies.first { $0["policy"] as? String == "fixed" })
        #expect(
            fixed["conflicts"] as? Int == 1 && fixed["conditional"] as? Int == 1 && fixed["fits"] as? Int == 5
        )
        let second = try #require(tallies.first { $0["policy"] as? String == "second" })
        #expect(second["conflicts"] as? Int == 0)
    }

    @Test(
        .enabled(if: SharedShelf.isPresent),
        arguments: ["altra.iomem", "altra-crlf.iomem", "altra-indented.iomem", "altra-prompt.iomem"])
    func iomemOfAltra(file: String) {
        let answer = upload([("iort", "altra.iort"), ("iomem", file)])
        #expect(answer.status == 201, "\(answer.text)")
        expectAltra("altra", devices: Self.roots)
    }

    /// The built-in machine has the same windows as the files that it was written from.
    @Test(.enabled(if: SharedShelf.isPresent)) func builtInIsWhatTheFilesSay() throws {
        _ = upload([("iort", "altra.iort"), ("iomem", "altra.iomem")])
        for device in Self.roots {
            func windows(_ platform: String) -> [String] {
                client.get("/v1/platforms/\(platform)/reserved-regions?device=\(device)&view=dma").list(
                    "items"
                )
                .map { "\($0["kind"] ?? "") \($0["start"] ?? "") \($0["last"] ?? "")" }
            }
            #expect(windows("example-ampere-altra") == windows("altra"), "\(device)")
            #expect(windows("altra").count >= 2)
        }
    }

    @Test(.enabled(if: SharedShelf.isPresent)) func iomemWithoutRoot() {
        let answer = upload([("iort", "altra.iort"), ("iomem", "zero.iomem")])
        #expect(
            answer.list("findings").contains { $0["code"] as? String == "iomem-hidden" }, "\(answer.text)")
        // The log of the same machine needs no root.
        let both = upload([("iort", "altra.iort"), ("iomem", "zero.iomem"), ("dmesg", "altra-dmesg.txt")])
        #expect(both.status == 200, "\(both.text)")
        expectAltra("altra", devices: ["rc:2"])
        #expect(!both.list("findings").contains { $0["code"] as? String == "windows-contradict" })
    }

    @Test(.enabled(if: SharedShelf.isPresent)) func bootLogAlone() {
        let log = SharedShelf.bytes("data/field/acpi/altra-dmesg.txt")
        for type in ["text/plain", "application/octet-stream", "application/json"] {
            let answer = client.ask(.put, "/v1/platforms/log", log, type: type)
            #expect([200, 201].contains(answer.status), "\(type): \(answer.text)")
            #expect(answer.json["source"] as? String == "boot_log")
            expectAltra("log", devices: ["rc:2"])
        }
    }

    @Test(.enabled(if: SharedShelf.isPresent)) func bootLogBesideIomem() {
        let answer = upload([("iort", "altra.iort"), ("iomem", "altra.iomem"), ("dmesg", "altra-dmesg.txt")])
        #expect(answer.status == 201, "\(answer.text)")
        #expect(!answer.list("findings").contains { $0["code"] as? String == "windows-contradict" })
        expectAltra("altra", devices: Self.roots)
    }
}
