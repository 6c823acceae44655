// The verdict that is read first, in both views that have one: on the first screen, in the right words, and
// before the form where the screen is narrow.

import Foundation
import TestSupport
import Testing

extension BrowserSuite {
    @Suite struct SpaceVerdictTests {
        let server: IovadServer
        let browser: Browser

        init() throws {
            server = try IovadServer()
            browser = try Browser()
        }

        private func resize(_ width: Int, _ height: Int) throws {
            try browser.devTools(
                "Emulation.setDeviceMetricsOverride",
                ["width": width, "height": height, "deviceScaleFactor": 1, "mobile": false])
        }

        /// The lower edge of an element on the page.
        private func bottom(_ selector: String) throws -> Double {
            let value = try browser.script(
                "return document.querySelector(arguments[0]).getBoundingClientRect().bottom + scrollY",
                selector)
            return value as? Double ?? Double(value as? Int ?? .max)
        }

        /// The upper edge.
        private func top(_ selector: String) throws -> Double {
            let value = try browser.script(
                "return document.querySelector(arguments[0]).getBoundingClientRect().top + scrollY", selector)
            return value as? Double ?? Double(value as? Int ?? .min)
        }

        @Test(arguments: [(1_440, 900), (768, 1_024), (390, 844)])
        func isAboveTheFold(width: Int, height: Int) throws {
            try resize(width, height)
            try browser.openView(server, "#/space?platform=example-arm-juno")
            try browser.wait(for: ".lead .banner", contains: "MSIs at 0x8000000 do not arrive")
            let because = try browser.text("[data-policy=vfio_type1] .because")
            #expect(try browser.text(".lead .verdict-because") == because, "the words are the server's")
            #expect(try bottom(".lead .banner") < Double(height))
            if width < 900 { #expect(try bottom(".lead .banner") < top(".side")) }
            try browser.openView(server, "#/placement?vmm=qemu-virt")
            try browser.wait(for: ".lead .banner", contains: "The default window works")
            #expect(try bottom(".lead .banner") < Double(height))
            if width < 900 { #expect(try bottom(".lead .banner") < top("#vmm")) }
        }

        @Test func followsThePolicy() throws {
            try browser.openView(server, "#/space?platform=example-arm-juno")
            try browser.wait(for: ".lead .banner.bad", contains: "do not arrive")
            try browser.click("[data-policy=checked_constants] button.link")
            try browser.wait(for: ".lead .banner.good", contains: "MSIs at 0xa0000000 arrive")
            #expect(try browser.count(".detail .item.k-window") == 1)
        }

        /// A guest that needs the place is no device that cannot reach it.
        @Test func blockedByTheGuest() throws {
            try browser.openView(
                server, "#/space?platform=example-qemu-virt&policy=iommufd_user_window&vmm=qemu-virt")
            try browser.wait(
                for: ".lead .banner.warn", contains: "would arrive, but the guest needs the place")
            #expect(try browser.text(".lead .banner").contains("Blocked by RAM of qemu-virt"))
            #expect(try browser.count(".detail .item.k-window-blocked") == 1)
            #expect(try browser.count(".k-window-unreachable") == 0)
            #expect(try browser.text("[data-policy=iommufd_user_window] .pill") == "blocked by guest RAM")
            // OpenVMM's UEFI guests have RAM from address 0 on.
            try browser.openView(
                server, "#/placement?vmm=openvmm-uefi&hosts=example-qemu-virt!/pcie@10000000")
            try browser.wait("the default window") {
                try browser.count(".detail .item.k-window-blocked") == 1
            }
            #expect(try browser.text(".legend").contains("Blocked MSI window"))
            #expect(try browser.count(".k-window-unreachable") == 0)
            #expect(!(try browser.text(".map").contains("nreachable")))
        }

        @Test func cardsStandInGroups() throws {
            try browser.openView(server, "#/space?platform=example-arm-juno")
            try browser.wait(for: "[data-policy=vfio_type1]", contains: "unreachable")
            let groups = try browser.script(
                "return [...document.querySelectorAll('.card-group')].map((one) => one.dataset.group)")
            #expect(groups as? [String] == ["merged", "posted", "discussed", "own"])
            let items = try server.ask("GET", "/v1/policies").json["items"] as? [[String: Any]]
            let catalogue = try #require(items)
            #expect(catalogue.count > 5)
            for policy in catalogue where policy["id"] as? String != "mainline_fixed" {
                let (id, status) = (policy["id"] ?? "", policy["status"] ?? "")
                #expect(try browser.count("[data-group=\(status)] [data-policy=\(id)]") == 1, "\(id)")
            }
            // A card that is opened takes the row; none beside it grows with it.
            try browser.click("[data-policy=vfio_type1] details[data-key$=steps] summary")
            let beside = try browser.script(
                """
                const open = document.querySelector('[data-policy=vfio_type1]').getBoundingClientRect();
                return [...document.querySelectorAll('.policy')].filter((one) => {
                  const box = one.getBoundingClientRect();
                  return box.left !== open.left && box.top < open.bottom && box.bottom > open.top;
                }).length;
                """)
            #expect(beside as? Int == 0)
        }

        /// The field beside a slider takes any amount, the slider follows.
        @Test(arguments: ["#/placement?vmm=qemu-virt", "#/space?platform=example-qemu-virt&vmm=qemu-virt"])
        func exactAmounts(hash: String) throws {
            try browser.openView(server, hash)
            try browser.wait("the field") { try browser.count("input.ram") == 1 }
            try browser.settle()
            try browser.type("input.ram", "5 GiB\u{E007}")
            try browser.wait("the amount in the address") {
                try browser.string("return location.hash").contains("ram=0x140000000")
            }
            #expect(
                try browser.string(
                    "return document.querySelector('input[type=range]').getAttribute('aria-valuetext')")
                    == "5 GiB")
            try browser.type("input.ram", "lots\u{E007}")
            try browser.wait(for: ".shown-message [data-stale]", contains: "“lots” is no amount")
            #expect(try browser.count("input.ram[aria-invalid=true]") == 1)
            #expect(try browser.string("return location.hash").contains("ram=0x140000000"))
        }

        /// Machines without a device behind an SMMU come first in the list, and are of no use as a host.
        @Test func anotherHostHasDevices() throws {
            var table = IORTBuilder()
            _ = table.itsGroup([0])
            try browser.openView(server)
            try browser.drop(table.table(), named: "aaa.aml")
            try browser.wait(for: ".shown-message .notice", contains: "no device")
            try browser.openView(server, "#/placement?vmm=qemu-virt")
            try browser.wait("a verdict") { try browser.count("[data-verdict]") == 1 }
            try browser.press(button: "Add a host")
            try browser.wait("two hosts") { try browser.count(".host") == 2 }
            // The one of QEMU's machine, and all of the next machine that has any.
            #expect(try browser.count(".host input:checked") == 1 + 6)
            #expect(!(try browser.string("return location.hash").contains("aaa")))
        }
    }
}
