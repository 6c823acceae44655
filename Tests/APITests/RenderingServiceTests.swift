// Renderings as a client gets them: the text with its media type, the formats that an answer lists, and the
// problem where there is none. The command line prints the server's bytes.

import Fleet
import Foundation
import HTTP
import TestSupport
import Testing

@testable import API
@testable import iovad

@Suite struct RenderingServiceTests {
    private let client = ServiceClient()
    private static let virt =
        #"{"hosts":[{"platform":"example-qemu-virt"}],"vm":{"vmm":"qemu-virt","ram":"4G"}}"#
    private static let juno =
        #"{"hosts":[{"name":"juno","platform":"example-arm-juno","devices":["/pcie@40000000"]}],"#
        + #""vm":{"vmm":"qemu-virt","ram":"4G"}}"#

    /// Every format that is listed is answered in its type; every other is a problem that says why.
    @Test(arguments: [virt, juno]) func whatIsListedIsGiven(body: String) throws {
        let answer = client.post("/v1/placements", json: body)
        let listed = try #require(answer.json["renderings"] as? [String])
        for format in Rendering.Format.allCases {
            let text = client.post("/v1/placements?format=\(format.rawValue)", json: body)
            if listed.contains(format.rawValue) {
                #expect(text.status == 200, "\(format)")
                #expect(
                    text.response.headers["Content-Type"]?.hasPrefix(format.mediaType) == true, "\(format)")
                #expect(!text.text.isEmpty)
            } else {
                #expect(text.status == 422 && text.pointers == ["?format"], "\(format)")
                let error = try #require((text.json["errors"] as? [[String: Any]])?.first)
                #expect(error["code"] as? String == "no-rendering")
            }
        }
        #expect(listed.isEmpty == (answer.object("mechanism")["kind"] as? String == "none"))
    }

    @Test func mistakesAreNamed() throws {
        let wrong = client.post("/v1/placements?format=docker", json: Self.virt)
        #expect(wrong.status == 400 && wrong.pointers == ["?format"])
        let detail = (wrong.json["errors"] as? [[String: Any]])?.first?["detail"] as? String
        #expect(detail?.contains("qemu") == true && detail?.contains("iort_rmr") == true, "\(detail ?? "")")
        func status(_ target: String, accepting type: String) -> Int {
            client.ask(
                .post, target, Array(Self.virt.utf8), type: "application/json",
                headers: [.init("Accept", type)]
            ).status
        }
        #expect(status("/v1/placements?format=qemu", accepting: "text/plain") == 200)
        #expect(status("/v1/placements?format=qemu", accepting: "application/json") == 406)
        #expect(status("/v1/placements?format=libvirt", accepting: "application/xml") == 200)
        #expect(status("/v1/placements", accepting: "text/plain") == 406)
        #expect(status("/v1/placements", accepting: "text/plain, application/json;q=0.1") == 200)
    }

    /// Offline and over HTTP the same bytes.
    @Test func commandPrintsTheServersBytes() throws {
        let body =
            #"{"hosts":[{"name":"plain","reserved_regions":[{"start":"0x8000000","size":"0x100000","type":"msi"}]}],"#
            + #""vm":{"vmm":"qemu-virt","ram":"64G"},"window":{}}"#
        for format in ["qemu", "libvirt", "shell", "kubernetes"] {
            let served = client.post("/v1/placements?format=\(format)", json: body)
            let service = OfflineService(version: Iovad.version)
            #expect(
                service.post("/v1/placements?format=\(format)", Array(body.utf8)).body == served.response.body
            )
        }
    }

    /// Juno's gap is in no list: the answers have the lines that would tell it.
    @Test func missingDescriptionsAreOffered() throws {
        let placement = client.post("/v1/placements", json: Self.juno)
        let missing = try #require(placement.list("missing_descriptions").first)
        #expect(missing["host"] as? String == "juno" && missing["device"] as? String == "/pcie@40000000")
        #expect(missing["kind"] as? String == "dma_ranges_gap")
        #expect((missing["range"] as? [String: Any])?["start"] as? String == "0x8000000")
        #expect((missing["device_tree"] as? String)?.contains("iommu-addresses = <&{/pcie@40000000}") == true)
        #expect((missing["iort_rmr"] as? String)?.contains("Base Address of RMR : 0000000008000000") == true)
        #expect((missing["not_available"] as? [Any])?.isEmpty == true)
        let asked = #"{"platform":"example-arm-juno","device":"/pcie@40000000","consumer":"vfio_type1"}"#
        let decision = client.decide(asked)
        let explained = decision.object("explanation")["missing_descriptions"] as? [[String: Any]]
        let own = try #require(explained?.first)
        #expect(own["host"] == nil && own["device_tree"] as? String == missing["device_tree"] as? String)
        let layer = client.decide(asked.replacing("vfio_type1", with: "dma_api")).object("explanation")
        #expect(layer["missing_descriptions"] == nil)
        let summary = client.post("/v1/decisions?explain=summary", json: asked).object("explanation")
        #expect(summary["missing_descriptions"] == nil)
        let virt = client.post("/v1/placements", json: Self.virt)
        #expect(virt.json["missing_descriptions"] == nil)
    }
}
