// Failed maps through the API: the published case alone, with the group's regions and with an uploaded host,
// the device that the text names, bodies and queries that contradict, and where other texts belong.

import API
import Foundation
import HTTP
import TestSupport
import Testing

@Suite struct MapFailureTests {
    private let client = ServiceClient()
    /// Published: a guest of 4 GiB on a host whose ITS has a hardware MSI region below 4 GiB.
    private static let published = """
        qemu-system-aarch64: -device vfio-pci,host=0000:03:00.0: VFIO_MAP_DMA failed: Invalid argument
        qemu-system-aarch64: -device vfio-pci,host=0000:03:00.0: vfio 0000:03:00.0: failed to setup \
        container for group 15: memory listener initialization failed: Region mach-virt.ram: \
        vfio_dma_map(0x55855c75bf00, 0x40000000, 0x100000000, 0x7f5197e00000) = -22 (Invalid argument)

        """
    private static let regions = """
        /sys/kernel/iommu_groups/15/reserved_regions:0x0000000008000000 0x00000000080fffff msi
        /sys/kernel/iommu_groups/15/reserved_regions:0x00000000c6010000 0x00000000c601ffff msi

        """

    private func post(_ text: String, _ query: String = "") -> ServiceClient.Answer {
        client.ask(.post, "/v1/map-failures\(query)", Array(text.utf8), type: "text/plain")
    }

    private func item(_ answer: ServiceClient.Answer) throws -> [String: Any] {
        #expect(answer.status == 200, "\(answer.text)")
        #expect(answer.list("items").count == 1, "\(answer.text)")
        return try #require(answer.list("items").first)
    }

    private func check(published item: [String: Any]) {
        #expect(item["line"] as? Int == 1 && item["last_line"] as? Int == 2 && item["count"] as? Int == 1)
        #expect(item["program"] as? String == "qemu" && item["call"] as? String == "vfio_dma_map")
        #expect(item["iova"] as? String == "0x40000000" && item["size"] as? String == "0x100000000")
        #expect(item["last"] as? String == "0x13fffffff" && item["errno"] as? String == "EINVAL")
        #expect(item["region"] as? String == "mach-virt.ram" && item["device"] as? String == "0000:03:00.0")
        #expect(item["group"] as? String == "15" && item["consumer"] as? String == "vfio_type1")
        #expect(item["verdict"] as? String == "reserved_region")
    }

    @Test func publishedCaseAlone() throws {
        let item = try item(post(Self.published))
        check(published: item)
        #expect(item["certainty"] as? String == "likely")
        let changes = try #require(item["changes"] as? [String])
        #expect(
            changes.contains { $0.contains("/sys/kernel/iommu_groups/15/reserved_regions") }, "\(changes)")
    }

    @Test(.enabled(if: SharedShelf.isPresent)) func publishedCaseFromTheShelf() throws {
        let text = String(decoding: SharedShelf.bytes("data/field/v01-mapdma.txt"), as: UTF8.self)
        check(published: try item(post(text)))
    }

    @Test func publishedCaseOnItsHost() throws {
        #expect(
            client.ask(.put, "/v1/platforms/d05", Array(Self.regions.utf8), type: "text/plain").status == 201)
        // The text names the group.
        for query in ["?platform=d05", "?platform=d05&device=group%3A15", "?platform=d05&consumer=iommufd"] {
            let answer = post(Self.published, query)
            let item = try item(answer)
            #expect(
                item["verdict"] as? String
                    == (query.contains("iommufd") ? "refused_attach" : "reserved_region"), "\(item)")
            guard !query.contains("iommufd") else { continue }
            check(published: item)
            #expect(item["certainty"] as? String == "yes")
            let blocker = try #require((item["blockers"] as? [[String: Any]])?.first)
            #expect((blocker["range"] as? [String: Any])?["start"] as? String == "0xc6010000", "\(blocker)")
            #expect((item["alternatives"] as? [String])?.first == "0xc6020000", "\(item)")
            #expect(answer.list("iova_ranges").count == 3 && answer.json["iova_ranges_total"] as? Int == 3)
        }
    }

    @Test func regionsInTheBody() throws {
        let body: [String: Any] = [
            "text": Self.published,
            "reserved_regions": [["start": "0xc6010000", "size": "0x10000", "type": "msi"]],
            "mappings": [["start": "0x1000", "size": "0x1000"]],
        ]
        let json = String(decoding: try JSONSerialization.data(withJSONObject: body), as: UTF8.self)
        let item = try item(client.post("/v1/map-failures", json: json))
        check(published: item)
        #expect(item["certainty"] as? String == "yes")
    }

    /// The same question as a decision with a map check.
    @Test func decisionsAgree() throws {
        let host = #""platform":"example-arm-juno","device":"/pcie@40000000""#
        for (iova, size) in [
            ("0x7ff0000", "0x20000"), ("0x8100000", "0x1000"), ("0x1000000000000", "0x1000"),
        ] {
            let decision = client.post(
                "/v1/decisions",
                json:
                    #"{\#(host),"consumer":"vfio_type1","map_checks":[{"iova":"\#(iova)","size":"\#(size)"}]}"#
            )
            let errno = decision.list("map_checks").first?["errno"] as? String
            let text = "vfio_dma_map(0x1, \(iova), \(size), 0x7000) = -22 (Invalid argument)"
            let item = try item(client.post("/v1/map-failures", json: #"{\#(host),"text":"\#(text)"}"#))
            #expect((item["certainty"] as? String == "yes") == (errno == "EINVAL"), "\(item)")
            #expect((item["verdict"] as? String == "not_known") == (errno == nil), "\(item)")
        }
    }

    @Test func mistakesAreNamed() {
        let cases: [(query: String, pointer: String)] = [
            ("?platform=none", "?platform"), ("?platform=example-arm-juno", "?device"),
            ("?platform=example-arm-juno&device=none", "?device"), ("?device=x", "?device"),
            ("?consumer=dma_api", "?consumer"), ("?consumer=zzz", "?consumer"),
            ("?window_source=zzz", "?window_source"),
        ]
        for (query, pointer) in cases {
            let answer = post(Self.published, query)
            #expect(answer.status == 400, "\(query): \(answer.text)")
            #expect(
                answer.list("errors").contains { $0["pointer"] as? String == pointer },
                "\(query): \(answer.text)")
        }
        let bodies: [(body: String, pointer: String)] = [
            (#"{}"#, "/lines"), (#"{"lines":[],"text":""}"#, "/text"),
            (#"{"text":"x","consumer":"dma_api"}"#, "/consumer"),
            (#"{"text":"VFIO_MAP_DMA: -22","platform":"none","device":"x"}"#, "/platform"),
            (#"{"text":"VFIO_MAP_DMA: -22","platform":"example-ampere-altra"}"#, "/device"),
            (#"{"text":"VFIO_MAP_DMA: -22","device":"x"}"#, "/platform"),
            (#"{"text":"x","map_checks":[]}"#, "/map_checks"),
        ]
        for (body, pointer) in bodies {
            let answer = client.post("/v1/map-failures", json: body)
            #expect(answer.status == 422, "\(body): \(answer.text)")
            #expect(
                answer.list("errors").contains { $0["pointer"] as? String == pointer },
                "\(body): \(answer.text)")
        }
        let mixed = client.post(
            "/v1/map-failures?platform=example-arm-juno", json: #"{"text":"VFIO_MAP_DMA: -22"}"#)
        #expect(mixed.status == 422 && mixed.text.contains("not in the query"), "\(mixed.text)")
    }

    /// A text without a failed map is sent where it belongs, and a failed map is sent here.
    @Test func otherTextsAreSentOn() {
        let fault = "arm-smmu a.iommu: Unhandled context fault: fsr=0x402, iova=0x40, fsynr=0x13, cb=1\n"
        let others = [
            (fault, "/v1/fault-explanations"), ("0x8000000 0x80fffff msi\n", "/v1/platforms"),
            (
                "a-1 [0] 1.0: map: IOMMU: iova=0xfffff000 - 0x100000000 paddr=0x4000 size=4096\n",
                "/v1/replays"
            ),
        ]
        for (text, place) in others {
            let answer = post(text)
            #expect(answer.status == 422 && answer.text.contains(place), "\(answer.text)")
        }
        for path in ["/v1/fault-explanations", "/v1/platforms", "/v1/replays"] {
            let answer = client.ask(.post, path, Array(Self.published.utf8), type: "text/plain")
            #expect(
                answer.status == 422 && answer.text.contains("/v1/map-failures"), "\(path): \(answer.text)")
        }
    }

    @Test func everyFormIsAnswered() throws {
        for form in MapFailureFixture.forms {
            for (number, words) in [
                (22, "Invalid argument"), (17, "File exists"), (12, "Cannot allocate memory"),
            ] {
                let item = try item(post(form.text(number, words)))
                #expect(
                    item["program"] as? String == form.program && item["action"] as? String == form.action)
                #expect((item["changes"] as? [String])?.isEmpty == false, "\(item)")
            }
        }
    }

    /// kvmtool reads reserved_regions itself and prints its ranges without 0x, in either order.
    @Test(arguments: [
        "Fatal: RESERVED region [90000000-900fffff] would overlap RAM region [80000000-9fffffff]",
        "Fatal: RAM region [80000000-9fffffff] would overlap RESERVED region [90000000-900fffff]",
    ])
    func kvmtoolsOverlap(line: String) {
        let answer = ServiceClient().ask(
            .post, "/v1/map-failures", Array(line.utf8), type: "text/plain")
        let item = answer.list("items").first ?? [:]
        #expect(item["iova"] as? String == "0x80000000" && item["last"] as? String == "0x9fffffff")
        #expect(item["verdict"] as? String == "reserved_region" && item["program"] as? String == "kvmtool")
    }

    /// A platform of one device leaves nothing to ask.
    @Test func theOnlyDeviceOfAPlatformIsMeant() {
        let line = "vfio_dma_map(0x5585, 0x7f00000, 0x200000, 0x7f51) = -22 (Invalid argument)"
        let answer = ServiceClient().ask(
            .post, "/v1/map-failures?platform=example-qemu-virt", Array(line.utf8), type: "text/plain")
        #expect(answer.status == 200, "\(answer.text)")
        let item = answer.list("items").first ?? [:]
        #expect(item["verdict"] as? String == "software_window", "\(answer.text)")
    }
}
