// The built-in survey: what it must reproduce, whichever package it was computed from.

import Foundation
import HTTP
import TestSupport
import Testing

@Suite struct AtlasTests {
    let client = ServiceClient()

    @Test func atlasSaysWhatIsKnown() throws {
        let answer = client.get("/v1/atlas")
        #expect(answer.status == 200)
        #expect((answer.json["source"] as? String)?.hasPrefix("Debian linux-") == true)
        let etag = try #require(answer.response.headers["ETag"])
        #expect(client.get("/v1/atlas", headers: [.init("If-None-Match", etag)]).status == 304)
        let policies = Dictionary(
            uniqueKeysWithValues: answer.list("policies").map { ($0["policy"] as! String, $0) })
        func machines(_ policy: String) -> [String] {
            policies[policy]?["conflicting_platforms"] as? [String] ?? ["missing"]
        }
        // No constant fits every device; the default fails on Juno r1 and r2 only, the second one of the
        // posted series on AMD Seattle and Tegra194, and the series moves nothing.
        #expect((answer.object("constants")["fit_every_device"] as? [Any])?.isEmpty == true)
        #expect(!machines("fixed").isEmpty)
        #expect(machines("fixed").allSatisfy { $0.hasPrefix("arm/juno-r1") || $0.hasPrefix("arm/juno-r2") })
        #expect(
            machines("second").allSatisfy {
                $0.hasPrefix("amd/amd-overdrive") || $0.hasPrefix("nvidia/tegra194")
            })
        #expect(machines("second").contains { $0.hasPrefix("amd/") })
        #expect(machines("second").contains { $0.hasPrefix("nvidia/") })
        #expect(policies["posted"]?["not_at_default"] as? Int == 0)
        #expect((answer.json["devices"] as? Int ?? 0) > 5_000)
    }
}
