// Placement in a real browser: the slider moves the picks, the request can be copied, a link asks the same
// again.

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
