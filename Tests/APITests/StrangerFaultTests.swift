// A log of one machine beside the description of another: the explanation says that the SMMU is not there,
// and is not sure of what it would be sure of on the log's own machine.

import Foundation
import HTTP
import Testing

@Suite struct StrangerFaultTests {
    private let client = ServiceClient()

    private static func fault(_ name: String) -> String {
        "arm-smmu \(name): Unhandled context fault: fsr=0x402, iova=0x08000040, fsynr=0x2f0013, cbfrsynra=0x102, cb=15"
    }

    private func explain(_ log: String, on platform: String?) throws -> [String: Any] {
        let query = platform.map { "?platform=\($0)" } ?? ""
        let answer = client.ask(
            .post, "/v1/fault-explanations\(query)", Array(log.utf8), type: "text/plain")
        return try #require(answer.list("items").first, "\(answer.text)")
    }

    private func id(_ item: [String: Any]) -> Any? { (item["smmu"] as? [String: Any])?["id"] }

    /// The words of the bare line are as sure as the page may be.
    @Test func anotherDriver() throws {
        let log = Self.fault("64000000.iommu")
        let (bare, item) = (try explain(log, on: nil), try explain(log, on: "example-qemu-virt"))
        let because = try #require(item["because"] as? String)
        #expect(
            because.hasPrefix(
                "The log is of arm-smmu, and this machine has no SMMU of that driver: check that it is the right machine. "
            ))
        for member in ["verdict", "is_msi", "doorbell_write"] {
            #expect(item[member] as? String == bare[member] as? String, "\(member)")
        }
        #expect(item["is_msi"] as? String == "likely")
        #expect(id(item) is NSNull && (item["devices"] as? [String]) == [])
        let changes = try #require(item["changes"] as? [String])
        #expect(changes.first?.hasPrefix("Ask again without a machine") == true)
    }

    /// The same driver's, but at an address where the machine has none.
    @Test func anotherAddress() throws {
        let item = try explain(Self.fault("64000000.iommu"), on: "example-arm-juno")
        let because = try #require(item["because"] as? String)
        #expect(
            because.hasPrefix(
                "The log names the SMMU 64000000.iommu, and this machine has no SMMU at that address: "))
        #expect(item["is_msi"] as? String == "likely" && id(item) is NSNull)
        let own = try explain(Self.fault("2b500000.iommu"), on: "example-arm-juno")
        #expect(own["is_msi"] as? String == "yes" && id(own) as? String == "/iommu@2b500000")
        let words = try #require(own["because"] as? String)
        #expect(because.hasSuffix(words) && !words.contains("right machine"))
    }

    /// Names that say no address of registers leave it open whose they are.
    @Test(arguments: ["a.iommu", "arm-smmu.0.auto", "soc:iommu"])
    func namesWithoutAnAddress(name: String) throws {
        let item = try explain(Self.fault(name), on: "example-arm-juno")
        #expect(item["is_msi"] as? String == "yes", "\(item)")
        #expect((item["because"] as? String)?.contains("right machine") == false)
    }
}
