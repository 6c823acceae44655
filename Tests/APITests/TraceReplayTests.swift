// Kernel traces through the API; and the operations of captures written down as a trace.

import Foundation
import HTTP
import TestSupport
import Testing

@Suite struct TraceReplayTests {
    private let client = ServiceClient()

    private func line(_ time: Double, _ event: String, _ iova: UInt64, _ size: UInt64, _ physical: UInt64)
        -> String
    {
        func hex(_ value: UInt64) -> String {
            let digits = String(value, radix: 16)
            return "0x" + String(repeating: "0", count: 16 - digits.count) + digits
        }
        let range = "iova=\(hex(iova)) - \(hex(iova &+ size))"
        return "    irq/1-\(1) [000] .....  \(time): \(event): IOMMU: \(range) "
            + (event == "map" ? "paddr=\(hex(physical)) size=\(size)" : "size=\(size) unmapped_size=\(size)")
    }

    private func replay(_ text: String, _ query: String = "") -> ServiceClient.Answer {
        client.ask(.post, "/v1/replays\(query)", Array(text.utf8), type: "text/plain")
    }

    @Test func traceOnABuiltInPlatform() throws {
        let text = [
            "# tracer: nop", line(1, "map", 0xffff_f000, 4096, 0x4000_0000),
            line(2, "map", 0xffff_e000, 4096, 0x809_0000), line(3, "map", 0x1000_0000, 4096, 0x4100_0000),
        ].joined(separator: "\n")
        let answer = replay(text, "?platform=example-qemu-virt&device=/pcie@10000000")
        #expect(answer.status == 200, "\(answer.text)")
        let domain = try #require(answer.list("domains").first)
        let doorbell = try #require((domain["doorbells"] as? [[String: Any]])?.first)
        #expect(
            doorbell["iova"] as? String == "0xffffe040" && doorbell["expected"] as? String == "0xffffe000")
        #expect((doorbell["preceded_by"] as? [String: Any])?["line"] as? Int == 2)
        let oddities = domain["oddities"] as? [[String: Any]] ?? []
        #expect(oddities.map { $0["reason"] as? String } == ["not_predicted", "withheld"])
        #expect(
            answer.json["lines_ignored"] as? Int == 1 && answer.json["doorbell_guessed"] as? Bool == false)
    }

    @Test func refusals() {
        let text = line(1, "map", 0xffff_f000, 4096, 0x4000_0000)
        #expect(replay("nothing").json["code"] as? String == "unreadable-input")
        #expect(replay(text + "\n x 1.0: map: IOMMU: iova=\n").json["code"] as? String == "unreadable-input")
        #expect(replay(text, "?explain=full").status == 400 && replay(text, "?device=x").status == 400)
        #expect(replay(text, "?platform=none").status == 400)
        #expect(replay(text, "?platform=example-qemu-virt&device=none").status == 400)
        #expect(client.post("/v1/replays?platform=x", json: "{\"ops\":[]}").status == 400)
        #expect(replay(text).status == 200)
    }

    @Test(.enabled(if: SharedShelf.isPresent)) func operationsOfCaptures() throws {
        var pages = 0
        for name in SharedShelf.names(in: "data/linux-captures") where name.hasPrefix("a-") {
            let file = "data/linux-captures/\(name)/truth.json"
            let truth =
                try JSONSerialization.jsonObject(with: Data(SharedShelf.bytes(file))) as? [String: Any]
            let doorbell = (truth?["doorbell"] as? [String: Any])?["phys"] as? String ?? "0x0"
            for (number, domain) in truth?["domains"] as? [String: [String: Any]] ?? [:] {
                let operations = domain["ops_until_msi"] as? [[String: Any]] ?? []
                let lines = operations.compactMap { operation -> String? in
                    guard let event = operation["op"] as? String, ["map", "unmap"].contains(event),
                        let iova = hex(operation["iova"]), let size = operation["size"] as? Int
                    else { return nil }
                    return line(
                        operation["ts"] as! Double, event, iova, UInt64(size), hex(operation["paddr"]) ?? 0)
                }
                guard let map = domain["msi_map"] as? [String: Any], let iova = hex(map["iova"]),
                    !lines.isEmpty
                else { continue }
                let granule = domain["granule"] as! String
                let answer = replay(
                    lines.joined(separator: "\n"), "?doorbell=\(doorbell)&page_size=\(granule)")
                let found = answer.list("domains").flatMap { $0["doorbells"] as? [[String: Any]] ?? [] }
                #expect(
                    found.contains { hex($0["page"]) == iova }, "\(name) domain \(number): \(answer.text)")
                pages += found.count
            }
        }
        #expect(pages > 50)
    }

    private func hex(_ value: Any?) -> UInt64? {
        (value as? String).flatMap { UInt64($0.dropFirst(2), radix: 16) }
    }
}
