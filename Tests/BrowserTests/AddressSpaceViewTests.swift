// The first view in a real browser: platforms, dropped files, the map, the policies, the address bar.

import TestSupport
import Testing

extension BrowserSuite {
    @Suite struct AddressSpaceViewTests {
        let server: IovadServer
        let browser: Browser

        init() throws {
            server = try IovadServer()
            browser = try Browser()
        }

        /// A bridge that carries inbound DMA from 2 GiB on only, as Juno's does.
        static func gapTree(bridge: String = "pcie@4000") -> [UInt8] {
            DeviceTreeBuilder.board { root in
                root.child("its@20000") { node in
                    node.strings("compatible", "arm,gic-v3-its")
                    node.cells("reg", 0, 0x20000, 0, 0x20000)
                    node.cells("phandle", 2)
                }
                root.pciHost(bridge) { node in
                    node.cells("msi-map", 0, 2, 0, 0x10000)
                    node.cells("dma-ranges", 0x0200_0000, 0, 0x8000_0000, 0, 0x8000_0000, 0, 0x8000_0000)
                }
            }
        }

        private func expectGapAndUnreachableWindow() throws {
            try browser.wait(for: "[data-policy=vfio_type1]", contains: "unreachable")
            #expect(try browser.text("[data-policy=vfio_type1]").contains("0x8000000"))
            #expect(try browser.count(".detail .item.k-dma-ranges-gap") > 0)
            #expect(try browser.count(".detail .item.k-window-unreachable") == 1)
            #expect(try browser.text(".regions").contains("Gap in dma-ranges"))
            #expect(try browser.text(".regions").contains("MSI window, unreachable"))
            let messages = try browser.console()
            #expect(messages == [])
        }

        @Test func droppedTreeShowsGapAndUnreachableWindow() throws {
            try browser.openView(server)
            try browser.drop(Self.gapTree(), named: "my board.dtb")
            try browser.wait(for: "h1", contains: "/pcie@4000")
            try expectGapAndUnreachableWindow()
            #expect(try browser.string("return document.querySelector('#platform').value") == "my-board")
        }

        @Test(.enabled(if: SharedShelf.isPresent))
        func junoShowsGapAndUnreachableWindow() throws {
            try browser.openView(server)
            try browser.drop(SharedShelf.bytes("data/device-trees/arm_juno-r2.dtb"), named: "juno-r2.dtb")
            try browser.wait(for: "h1", contains: "Juno development board (r2)")
            #expect(try browser.string("return document.querySelector('#platform').value") == "juno-r2")
            try expectGapAndUnreachableWindow()
        }

        @Test func droppedTwiceAsksWhatToDo() throws {
            try browser.openView(server)
            try browser.drop(Self.gapTree(), named: "board.dtb")
            try browser.wait(for: "h1", contains: "/pcie@4000")
            try browser.drop(Self.gapTree(bridge: "pcie@5000"), named: "board.dtb")
            try browser.wait(for: "#intake .problem", contains: "platform-exists")
            try browser.press(button: "Keep both", in: "#intake")
            try browser.wait(for: "h1", contains: "/pcie@5000")
            #expect(try browser.string("return document.querySelector('#platform').value") == "board-2")
        }

        @Test func unreadableFileSaysWhatToDo() throws {
            try browser.openView(server)
            try browser.drop([0xd0, 0x0d, 0xfe, 0xed, 0, 0, 0, 1], named: "torn.dtb")
            try browser.wait(for: "#intake .problem", contains: "unreadable-device-tree")
            #expect(try browser.count("#intake .problem[role=alert]") == 1)
            try browser.drop([0, 1, 2, 3], named: "strange.bin")
            try browser.wait(
                for: "#intake .problem", contains: "The bytes of \"strange.bin\" are of no known kind")
        }

        @Test func maliciousNodeNameIsText() throws {
            let name = "<img src=x onerror=window.hacked=1>"
            try browser.openView(server)
            try browser.drop(Self.gapTree(bridge: name), named: "<script>evil.dtb")
            try browser.wait(for: "h1", contains: "<img src=x")
            try browser.wait(for: "[data-policy=vfio_type1]", contains: "unreachable")
            try browser.click("[data-policy=vfio_type1] details summary")
            #expect(try browser.count("img, main script") == 0)
            #expect(try browser.script("return window.hacked === undefined") as? Bool == true)
            #expect(try browser.text(".device-name").contains("<img src=x onerror=window.hacked=1>"))
            let messages = try browser.console()
            #expect(messages == [])
        }

        @Test func linkRestoresTheView() throws {
            try browser.openView(server)
            try browser.drop(Self.gapTree(), named: "board.dtb")
            try browser.wait(for: "h1", contains: "/pcie@4000")
            try browser.script(
                """
                const pages = document.querySelector('#page');
                pages.value = '0x10000';
                pages.dispatchEvent(new Event('change'));
                """
            )
            try browser.settle()
            try browser.click("[data-policy=checked_constants] button.link")
            try browser.click("button[aria-label='Zoom in']")
            try browser.wait("the view in the address") {
                try browser.string("return location.hash").contains("view=0x")
            }
            let hash = try browser.string("return location.hash")
            for part in ["platform=board", "page=0x10000", "policy=checked_constants"] {
                #expect(hash.contains(part), "\(hash)")
            }
            let shown = try browser.text(".where")
            try browser.openView(server, hash)
            try browser.wait(for: ".policy.chosen", contains: "Two constants, checked")
            #expect(try browser.text(".where") == shown)
            #expect(try browser.string("return document.querySelector('#page').value") == "0x10000")
        }

        @Test func mapWorksByKeyboard() throws {
            try browser.openView(server, "#/space?platform=example-arm-juno")
            try browser.wait(for: "[data-policy=vfio_type1]", contains: "unreachable")
            try browser.script("document.querySelector('.detail .item[tabindex=\"0\"]').focus()")
            var labels: Set<String> = []
            for _ in 0..<8 {
                labels.insert(try browser.string("return document.activeElement.getAttribute('aria-label')"))
                try browser.press("\u{E014}")
            }
            #expect(labels.contains { $0.hasPrefix("Gap in dma-ranges, 0x0 to 0x80000fff") }, "\(labels)")
            #expect(labels.contains { $0.hasPrefix("PCI window, 0x50000000 to 0x57ffffff, 128 MiB") })
            #expect(try browser.text(".inspector h3") != "")
            let before = try browser.text(".where")
            try browser.press("+")
            #expect(try browser.text(".where") != before)
            try browser.press("0")
            #expect(try browser.text(".where") == before)
            try browser.press("a")
            #expect(try browser.text(".where").contains("0xffffffffffff"))
            #expect(try browser.count(".detail .item:focus") == 1, "the focus stays on the map")
        }

        @Test func stepsUnfoldOnTheMap() throws {
            try browser.openView(server, "#/space?platform=example-arm-juno")
            try browser.wait(for: "[data-policy=checked_constants]", contains: "0xa0000000")
            try browser.click("[data-policy=checked_constants] details[data-key$=steps] summary")
            let steps = try browser.count("[data-policy=checked_constants] .step")
            #expect(steps > 1)
            try browser.script(
                """
                [...document.querySelectorAll('[data-policy=checked_constants] .step')]
                  .find((one) => one.textContent.includes('rejected')).focus();
                """
            )
            #expect(try browser.count(".detail .band.rejected") == 1)
            #expect(try browser.count(".detail .band.blocker") == 1)
        }

        @Test func everyPolicyIsAnswered() throws {
            try browser.openView(server, "#/space?platform=example-qemu-virt")
            try browser.wait(for: "[data-policy=dma_iommu]", contains: "0xfffff040")
            let catalogue = try server.ask("GET", "/v1/policies").json["items"] as? [[String: Any]] ?? []
            let ids = catalogue.compactMap { $0["id"] as? String }
            #expect(ids.count > 10)
            // The driver's constant by itself is what VFIO and iommufd use: it has no card of its own.
            for id in ids where id != "mainline_fixed" {
                #expect(try browser.count("[data-policy=\(id)] .pill") > 0, "\(id)")
            }
            #expect(try browser.count(".policy .problem") == 0)
            #expect(try browser.text("[data-policy=iommufd]").contains("0x8000040"))
            #expect(try browser.text("[data-policy=iommufd_user_window]").contains("0xa0000040"))
            let messages = try browser.console()
            #expect(messages == [])
        }
    }
}
