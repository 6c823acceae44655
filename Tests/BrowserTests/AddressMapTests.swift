// The map itself: a thousand regions, zoom to what matters, pictures to take away, and words explained.

import Foundation
import TestSupport
import Testing

extension BrowserSuite {
    @Suite struct AddressMapTests {
        /// Elements of the whole page with a thousand regions; each was drawn several times over before.
        static let nodesMax = 6_000
        /// Ten steps of zoom, on a machine that does other things too.
        static let zoomMillisecondsMax = 4_000.0

        let server: IovadServer
        let browser: Browser

        init() throws {
            server = try IovadServer()
            browser = try Browser()
        }

        private func press(_ name: String) throws { try browser.click("button[aria-label='\(name)']") }

        /// A group with `count` reserved regions, 3 MiB apart.
        private func store(regions count: Int) throws {
            let lines = (0..<count).map { index in
                let start = index * 0x30_0000 + 0x10_0000
                let ends = [start, start + 0xf_ffff].map { "0x" + String($0, radix: 16) }
                return "/sys/kernel/iommu_groups/7/reserved_regions:\(ends[0]) \(ends[1]) reserved\n"
            }
            let answer = try server.ask("PUT", "/v1/platforms/many", text: lines.joined())
            #expect(answer.status == 201)
        }

        @Test func thousandRegions() throws {
            try store(regions: 1_000)
            try browser.openView(server, "#/space?platform=many")
            try browser.wait(for: ".detail", contains: "ranges, close together")
            try browser.settle()
            let nodes = try browser.count("*")
            #expect(nodes < Self.nodesMax)
            let spent = try browser.script(
                """
                const began = performance.now();
                for (const name of ['Zoom in', 'Zoom out'])
                  for (let step = 0; step < 5; step += 1)
                    document.querySelector(`button[aria-label='${name}']`).click();
                return performance.now() - began;
                """)
            #expect((spent as? Double ?? .infinity) < Self.zoomMillisecondsMax)
            print("a thousand regions: \(nodes) elements, ten steps of zoom in \(spent) ms")
            // Close up, each is an item again; the table has every one, a page at a time.
            try browser.openView(server, "#/space?platform=many&view=0x0-0x1ffffff")
            try browser.wait("single regions") {
                try browser.count(".detail .item.k-reserved-region:not([data-id^=bundle])") == 11
            }
            let rows = try browser.count(".regions tbody tr")
            #expect(rows == 100)
            // Page zero and a thousand regions, the room between them, the window.
            #expect(try browser.text(".pages").contains("Rows 1 to 100 of 2002;"))
            try browser.press(button: "Later", in: ".pages")
            #expect(try browser.text(".pages").contains("Rows 101 to 200"))
            let messages = try browser.console()
            #expect(messages == [])
        }

        @Test func zoomToContentAndSelection() throws {
            try browser.openView(server, "#/space?platform=example-arm-juno")
            try browser.wait(for: "[data-policy=vfio_type1]", contains: "unreachable")
            try press("Zoom to the selection")
            try browser.wait(for: "#announcer", contains: "Choose an item")
            try browser.script(
                "document.querySelector('.detail .item.k-pci-window').dispatchEvent(new MouseEvent('click', { bubbles: true }))"
            )
            try press("Zoom to the selection")
            // 128 MiB from 0x50000000, with one and a half of it on either side.
            try browser.wait(for: ".where", contains: "0x44000000 – 0x63ffffff")
            try press("Zoom to content")
            // Page zero to the end of the 64-bit PCI window, and a tenth more.
            try browser.wait(for: ".where", contains: "0x0 – 0x477fffffff ")
        }

        /// The files hold what the screen shows: every bar of the picture, and its title.
        @Test func picturesAreSaved() throws {
            let folder = FileManager.default.temporaryDirectory
                .appendingPathComponent("iovad-pictures-\(UUID().uuidString)")
            defer { try? FileManager.default.removeItem(at: folder) }
            try browser.devTools(
                "Browser.setDownloadBehavior", ["behavior": "allow", "downloadPath": folder.path])
            try browser.openView(server, "#/space?platform=example-qemu-virt")
            try browser.wait("the verdict") {
                try browser.text("[data-policy=vfio_type1] .pill") == "reachable"
            }
            try press("Save the picture as SVG")
            try press("Save the picture as PNG")
            let files = ["svg", "png"].map {
                folder.appendingPathComponent("pcie@10000000-iovad.\($0)")
            }
            try browser.wait("both files") {
                files.allSatisfy { FileManager.default.fileExists(atPath: $0.path) }
            }
            let text = try String(contentsOf: files[0], encoding: .utf8)
            #expect(text.hasPrefix("<svg xmlns=") && text.contains("0x0 – 0xffffffff"))
            #expect(text.contains("MSI window") && !text.contains("var(") && !text.contains("NaN"))
            let bars = try browser.count(".detail .bar")
            #expect(bars > 3 && text.components(separatedBy: "<rect").count - 1 > bars)
            let picture = try [UInt8](Data(contentsOf: files[1]))
            #expect(Array(picture.prefix(4)) == [0x89, 0x50, 0x4e, 0x47] && picture.count > 10_000)
            let messages = try browser.console()
            #expect(messages == [])
        }

        /// By keyboard as by pointer; Escape closes.
        @Test func wordsAreExplained() throws {
            try browser.openView(server, "#/space?platform=example-arm-juno")
            try browser.wait(for: "[data-policy=vfio_type1]", contains: "unreachable")
            try browser.script("document.querySelector(\"[aria-label*='“aperture”']\").focus()")
            try browser.wait(
                for: ".term-tip[role=tooltip]", contains: "The input addresses that the SMMU translates")
            #expect(
                try browser.script(
                    "return document.activeElement.getAttribute('aria-describedby') === document.querySelector('.term-tip').id"
                ) as? Bool == true)
            try browser.press("\u{E00C}")
            #expect(try browser.count(".term-tip") == 0)
        }
    }
}
