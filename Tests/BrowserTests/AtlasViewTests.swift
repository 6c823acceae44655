// The atlas in a real browser: the matrix of the survey with its reasons, searched and linked.

import Testing

extension BrowserSuite {
    @Suite struct AtlasViewTests {
        let server: IovadServer
        let browser: Browser

        init() throws {
            server = try IovadServer()
            browser = try Browser()
        }

        @Test func searchNarrowsTheMatrix() throws {
            try browser.openView(server, "#/atlas")
            let atlas = try server.ask("GET", "/v1/atlas").json
            let conflicts = atlas["conflicts"] as? [[String: Any]] ?? []
            let rows = Set(conflicts.map { "\($0["platform"]!) \($0["device"]!)" })
            #expect(try browser.count(".matrix tbody tr") == rows.count)
            #expect(try browser.count(".matrix td.conflict") == conflicts.count)
            try browser.type("#atlas-search", "juno-r2 gap")
            let wanted = rows.filter { $0.contains("juno-r2") }.count
            try browser.wait("the rows of the search") { try browser.count(".matrix tbody tr") == wanted }
            #expect(wanted > 0 && wanted < rows.count)
            #expect(try browser.text(".matrix td.conflict").contains("Gap in dma-ranges"))
            let hash = try browser.string("return location.hash")
            try browser.openView(server, hash)
            #expect(try browser.count(".matrix tbody tr") == wanted, "\(hash)")
            let messages = try browser.console()
            #expect(messages == [])
        }

        /// What every window fits, what has no devices and what nobody surveyed are told apart.
        @Test func fitsIsNotUnknown() throws {
            try browser.openView(server, "#/atlas")
            let atlas = try server.ask("GET", "/v1/atlas").json
            let list = try server.ask("GET", "/atlas-devices.json").json
            #expect(list["source"] as? String == atlas["source"] as? String)
            let platforms = try #require(list["platforms"] as? [String: [[Any]]])
            let count = platforms.values.reduce(0) { $0 + $1.count }
            #expect(count == atlas["devices"] as? Int)
            #expect(platforms.count == atlas["platforms_with_devices"] as? Int)
            let without = try #require(list["without_devices"] as? [String])
            #expect(platforms.count + without.count == atlas["platforms"] as? Int)
            // Every conflict is listed, so that a device fits where none is: each policy has as many.
            #expect(atlas["conflicts_dropped"] as? Int == 0)
            let conflicts = try #require(atlas["conflicts"] as? [[String: Any]])
            let policies = try #require(atlas["policies"] as? [[String: Any]])
            for policy in policies {
                let named = conflicts.filter { $0["policy"] as? String == policy["policy"] as? String }.count
                #expect(policy["conflicts"] as? Int == named && policy["fits"] as? Int == count - named)
            }
            let inConflict = Set(conflicts.map { "\($0["platform"]!) \($0["device"]!)" }).count
            #expect(
                try browser.text("#atlas-count")
                    == "\(inConflict) of \(count) devices are in conflict with a policy; every policy fits the others. Search to see them."
            )
            let name = "qcom/sdm845-db845c"
            try browser.type("#atlas-search", name)
            let wanted = platforms.filter { $0.key.contains(name) }.reduce(0) { $0 + $1.value.count }
            try browser.wait("its devices") { try browser.count(".matrix tbody tr") == wanted }
            #expect(try browser.count(".matrix td.fits") == wanted * policies.count && wanted > 3)
            // Where each window is, of the first of them: as the list says.
            let bases = try #require(list["bases"] as? [[String]])
            let first = try browser.text(".matrix tbody tr .device-name")
            let own = try #require(platforms.first { $0.key.contains(name) }?.value)
            let row = try #require(own.first { $0.first as? String == first }?.last as? Int)
            let shown = try browser.script(
                "return [...document.querySelector('.matrix tbody tr').querySelectorAll('td code')].map((one) => one.textContent)"
            )
            #expect(shown as? [String] == bases[row])
            #expect(
                try browser.text("#atlas-count")
                    == "\(wanted) of \(count) devices: 0 in conflict with a policy, \(wanted) that every policy fits."
            )
            try browser.type("#atlas-search", "bcm2711-rpi-4-b")
            try browser.wait(for: "[data-bare]", contains: "without a device behind an SMMU")
            #expect(try browser.count("[data-not-surveyed]") == 0)
            try browser.type("#atlas-search", "a board of my own")
            try browser.wait(for: "[data-not-surveyed]", contains: "is not known from here")
            #expect(try browser.count(".matrix tbody tr, [data-bare]") == 0)
        }

        @Test func platformsOfTheServerAreSurveyed() throws {
            try browser.openView(server, "#/atlas?source=server&only=conflicts")
            #expect(try browser.count(".matrix tbody tr") == 2)
            #expect(try browser.text(".matrix tbody").contains("example-arm-juno"))
            #expect(try browser.text(".matrix tbody").contains("depends on the bridge"))
            try browser.click("#only")
            try browser.wait("all rows") { try browser.count(".matrix tbody tr") == 8 }
            try browser.click(".matrix a[href*='arm-juno']")
            try browser.wait(for: ".view-space h1", contains: "/pcie@")
            let messages = try browser.console()
            #expect(messages == [])
        }

        /// Servers that boot with ACPI are in no device tree.
        @Test func serversOfACPI() throws {
            try browser.openView(server, "#/atlas?source=acpi")
            #expect(try browser.count(".matrix tbody tr") == 7)
            #expect(try browser.count(".matrix td.conflict") >= 1)
            #expect(try browser.text(".facts ~ .stack, .stack dl").contains("Altra"))
            let messages = try browser.console()
            #expect(messages == [])
        }
    }
}
