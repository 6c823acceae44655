// Texts as people paste them, at the service: what was skipped is a finding of the answer, and what cannot be
// read is sent to the right place.

import Foundation
import HTTP
import TestSupport
import Testing

@Suite struct PastedTextTests {
    private let client = ServiceClient()

    private func post(_ path: String, _ text: String) -> ServiceClient.Answer {
        client.ask(.post, path, Array(text.utf8), type: "text/plain")
    }

    private func codes(_ answer: ServiceClient.Answer) -> [String] {
        answer.list("findings").compactMap { $0["code"] as? String }
    }

    private let fault =
        "arm-smmu 64000000.iommu: Unhandled context fault: fsr=0x402, iova=0x08000040, fsynr=0x10, cb=1\n"
    private let event =
        "a-1 [000] ..... 1.0: map: IOMMU: iova=0xfffff000 - 0x100000000 paddr=0x1000 size=4096\n"

    @Test func findingsSayWhatWasSkipped() {
        for (path, text) in [
            ("/v1/fault-explanations", fault), ("/v1/replays", event),
            ("/v1/platforms", "0x0000000008000000 0x00000000080fffff msi\n"),
        ] {
            let clean = post(path, text)
            #expect(clean.status < 300 && !codes(clean).contains("text-cleaned"), "\(clean.text)")
            let dirty = post(path, "> root@host:~# cat log\n> \(text)")
            #expect(dirty.status == clean.status, "\(dirty.text)")
            #expect(codes(dirty).filter { $0 == "text-cleaned" }.count == 2, "\(dirty.text)")
            let first = dirty.list("findings").first { $0["code"] as? String == "text-cleaned" }
            #expect(first?["where"] as? String == "line 1" && first?["severity"] as? String == "info")
        }
    }

    @Test func hintsNameTheRightPlace() {
        let noFault = post("/v1/fault-explanations", "arm-smmu: an event that lacks what a fault has\n")
        #expect(noFault.status == 422 && !noFault.text.contains("POST"), "\(noFault.text)")
        #expect(post("/v1/platforms", fault).text.contains("POST it to /v1/fault-explanations"))
        #expect(post("/v1/replays", "> \(fault)").text.contains("POST them to /v1/fault-explanations"))
        #expect(post("/v1/fault-explanations", "> \(event)").text.contains("POST them to /v1/replays"))
    }

    @Test func logsAreNoJSON() {
        for text in ["[    0.000000] Booting a machine\n", "{1}[Hardware Error]: Hardware error\n"] {
            for type in ["text/plain", nil] {
                let answer = client.ask(.post, "/v1/platforms", Array(text.utf8), type: type)
                #expect(answer.status != 400 && !answer.text.contains("JSON cannot"), "\(answer.text)")
            }
        }
    }

    @Test(.enabled(if: SharedShelf.isPresent)) func encodedMailKeepsItsClient() throws {
        let text = String(decoding: SharedShelf.bytes("data/field/f03b-imx95-qp.txt"), as: UTF8.self)
        let answer = post("/v1/fault-explanations", text)
        let item = try #require(answer.list("items").first)
        #expect(answer.list("items").count == 1, "\(answer.text)")
        #expect(item["client"] as? String == "0000:01:00.0" && item["iova"] as? String == "0x9b0cc000")
        #expect(item["stream_id"] as? String == "0x11")
        #expect(codes(answer).filter { $0 == "text-cleaned" }.count == 2)
        let abbreviated = String(decoding: SharedShelf.bytes("data/field/f12-fastrpc-sid.txt"), as: UTF8.self)
        #expect(
            !post("/v1/fault-explanations", abbreviated).text.contains("POST them to /v1/fault-explanations"))
    }

    @Test(
        .enabled(if: SharedShelf.isPresent),
        arguments: [("t02-trace-old", 1), ("t04-trace-dev", 1), ("t01-trace-wrapped", 1)])
    func tracesAreTheDMALayers(name: String, domains: Int) throws {
        let answer = post(
            "/v1/replays", String(decoding: SharedShelf.bytes("data/field/\(name).txt"), as: UTF8.self))
        #expect(answer.status == 200 && answer.list("domains").count == domains, "\(answer.text)")
        let domain = try #require(answer.list("domains").first)
        #expect(domain["kind"] as? String == "dma_layer")
        #expect(domain["device"] as? String == (name == "t04-trace-dev" ? "1d84000.ufshc" : nil))
    }
}
