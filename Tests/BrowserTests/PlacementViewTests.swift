// Placement in a real browser: the slider moves the picks, the request can be copied, a link asks the same
// again.

import Foundation
import Testing

extension BrowserSuite {
    @Suite struct PlacementViewTests {
        let server: IovadServer
        let browser: Browser

        init() throws {
            server = try IovadServer()
            browser = try Browser()
        }

        private func ramText() throws -> String {
            try browser.string("return document.querySelector('#ram-exact').value")
        }

        private func slide(to step: Int) throws {
            try browser.script(
                """
                const slider = document.querySelector('#ram');
                slider.value = arguments[0];
                slider.dispatchEvent(new Event('input', { bubbles: true }));
                """, step)
        }

        @Test func sliderMovesThePicks() throws {
            try browser.openView(server, "#/placement?vmm=qemu-virt")
            try browser.wait(for: "[data-pick=highest_below_4g]", contains: "0x3ff00000")
            try slide(to: 0)
            try browser.wait(for: "[data-pick=highest_below_4g]", contains: "0xfff00000")
            #expect(try browser.text(".curl").contains(#""ram":"0x20000000""#))
            #expect(try browser.string("return location.hash").contains("ram=0x20000000"))
            #expect(try ramText() == "512 MiB")
            try browser.press("\u{E004}")
            try browser.script("document.querySelector('#ram').focus()")
            for _ in 0..<6 { try browser.press("\u{E014}") }
            try browser.wait(for: "[data-pick=highest_below_4g]", contains: "0x3ff00000")
            let messages = try browser.console()
            #expect(messages == [])
        }

        /// By what means the VM gets the window, and what would help: the server's words.
        @Test func meansAndRemedies() throws {
            let body =
                #"{"hosts":[{"platform":"example-qemu-virt"}],"vm":{"vmm":"openvmm-uefi","ram":"0x100000000"}}"#
            let answer = try server.ask("POST", "/v1/placements", json: body).json
            let remedies = try #require(answer["remedies"] as? [[String: Any]]).compactMap {
                $0["detail"] as? String
            }
            #expect(remedies.count == 2)
            try browser.openView(
                server, "#/placement?vmm=openvmm-uefi&ram=0x100000000&hosts=example-qemu-virt")
            try browser.wait(for: ".remedies", contains: remedies[1])
            #expect(
                try browser.count("[data-remedy]") == 2 && browser.count("[data-mechanism=vmm_layout]") == 1)
            #expect(try browser.text(".remedies").contains(remedies[0]))
            try browser.script("document.querySelector('#options').click()")
            try browser.wait("the options") { try browser.count("[data-mechanism=iommufd_options]") == 1 }
            #expect(try browser.text("main").contains("SW_MSI_START 0xc0000000, SW_MSI_SIZE 1 (MiB)"))
            #expect(try browser.string("return location.hash").contains("options=1"))
            try browser.openView(server, "#/placement?vmm=qemu-virt&ram=0x100000000&hosts=example-qemu-virt")
            try browser.wait("the means") { try browser.count("[data-mechanism=default]") == 1 }
            #expect(try browser.count(".remedies") == 0)
        }

        /// RAM from address 0 leaves no room for the default: the answer says who is in the way.
        @Test func blockedDefaultNamesWhoIsInTheWay() throws {
            try browser.openView(
                server, "#/placement?vmm=qemu-virt&hosts=example-arm-juno!/pcie@40000000&ram=0x40000000")
            try browser.wait("a verdict") { try browser.count("[data-verdict]") == 1 }
            #expect(
                try browser.string("return document.querySelector('[data-verdict]').dataset.verdict")
                    != "default_works")
            #expect(try browser.text("main").contains("dma_ranges_gap"))
            #expect(try browser.count(".detail .item.k-window-unreachable") == 1)
        }

        private func request() throws -> [String: Any] {
            let line = try browser.text(".curl code")
            let json = try #require(line.split(separator: "--data-binary '").last?.dropLast())
            return try JSONSerialization.jsonObject(with: Data(json.utf8)) as? [String: Any] ?? [:]
        }

        /// A host gives all of its devices unless somebody chooses; the answer says for which it is.
        @Test func allDevicesOfAHost() throws {
            let hash = "#/placement?vmm=qemu-virt&hosts=example-ampere-altra"
            try browser.openView(server, hash)
            try browser.wait(for: ".lead .banner", contains: "For all 6 devices of example-ampere-altra.")
            #expect(try browser.text(".host summary") == "All 6 devices behind an SMMU")
            let host = try #require((try request()["hosts"] as? [[String: Any]])?.first)
            #expect(host["devices"] == nil && host["platform"] as? String == "example-ampere-altra")
            let question =
                #"{"hosts":[{"name":"example-ampere-altra","platform":"example-ampere-altra"}],"#
                + #""vm":{"vmm":"qemu-virt","ram":"0x100000000","p2p":false}}"#
            let because = try server.ask("POST", "/v1/placements", json: question).json["because"] as? String
            #expect(try browser.text(".lead .banner").contains(try #require(because)))
            // A region of one device is on the host's lane, with whose it is.
            #expect(try browser.text(".regions").contains("(rc:2)"))
            try browser.click(".host summary")
            #expect(try browser.count(".host input:checked") == 6)
            try browser.script("document.querySelector('.host label:nth-child(4) input').focus()")
            try browser.press(" ")
            try browser.wait(for: ".lead .banner", contains: "For 5 of 6 devices of example-ampere-altra.")
            #expect(try browser.text(".lead .banner h2") == "The default window works")
            #expect(try browser.count(".host label:nth-child(4) input:focus:not(:checked)") == 1)
            let chosen = try #require((try request()["hosts"] as? [[String: Any]])?.first?["devices"])
            #expect(chosen as? [String] == ["rc:12", "rc:13", "rc:0", "rc:4", "rc:5"])
            try browser.openView(server, try browser.string("return location.hash"))
            try browser.wait(for: ".lead .banner", contains: "For 5 of 6 devices")
            try browser.press(button: "Take all 6", in: ".host")
            try browser.wait(for: ".lead .banner", contains: "For all 6 devices")
            #expect(try browser.string("return location.hash") == hash)
        }

        /// A mistake is told by the field that it is in; what the API said is a step away.
        @Test func mistakesNameFields() throws {
            try browser.openView(server, "#/placement?vmm=qemu-virt&hosts=example-qemu-virt!/nope")
            try browser.wait("the mistake") { try browser.count(".problem strong") == 1 }
            #expect(try browser.text(".problem strong") == "Host 1, Device 1")
            let shown = try browser.visibleText(".problem")
            #expect(shown.contains("No device \"/nope\" on example-qemu-virt."), "\(shown)")
            for word in ["/v1/", "/hosts/", "GET ", "named under errors"] {
                #expect(!shown.contains(word), "\(shown)")
            }
            try browser.click(".problem .as-said summary")
            let said = try browser.visibleText(".problem .as-said")
            #expect(said.contains("/hosts/0/devices/0") && said.contains("POST /v1/placements"), "\(said)")
        }

        @Test func linkAsksTheSameAgain() throws {
            let hash = "#/placement?vmm=qemu-virt&ram=0x20000000&hosts=example-qemu-virt!/pcie@10000000"
            try browser.openView(server, hash)
            try browser.wait(for: "[data-pick=highest_below_4g]", contains: "0xfff00000")
            #expect(try ramText() == "512 MiB")
            #expect(
                try browser.script("return document.querySelector('.host input').checked") as? Bool == true)
        }
    }
}
