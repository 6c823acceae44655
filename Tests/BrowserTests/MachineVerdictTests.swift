// The verdict on a whole machine stands before that of the device that is shown: it names who fails, in the
// server's words, and is never better than its worst device.

import Foundation
import TestSupport
import Testing

extension BrowserSuite {
    @Suite struct MachineVerdictTests {
        let server: IovadServer
        let browser: Browser

        init() throws {
            server = try IovadServer()
            browser = try Browser()
        }

        /// Two bridges, of which the second carries DMA from 2 GiB on only; the first is shown.
        static func twoBridges() -> [UInt8] {
            DeviceTreeBuilder.board { root in
                root.its(at: 0x20000)
                root.pciHost("pcie@4000") { $0.cells("msi-map", 0, 2, 0, 0x10000) }
                root.pciHost("pcie@5000", firstStream: 0x2_0000) { node in
                    node.cells("msi-map", 0, 2, 0x2_0000, 0x10000)
                    node.cells("dma-ranges", 0x0200_0000, 0, 0x8000_0000, 0, 0x8000_0000, 0, 0x8000_0000)
                }
            }
        }

        private func because(_ device: String) throws -> String {
            let answer = try server.ask(
                "POST", "/v1/decisions",
                json: #"{"platform":"two","device":"\#(device)","consumer":"vfio_type1"}"#)
            return try #require(answer.json["because"] as? String)
        }

        @Test func whoFailsIsSaidFirst() throws {
            try browser.openView(server)
            try browser.drop(Self.twoBridges(), named: "two.dtb")
            try browser.wait(for: "h1", contains: "/pcie@4000")
            try browser.wait(
                for: ".lead .banner.bad h2", contains: "MSIs of 1 of the 2 devices of two do not arrive")
            let first = try browser.text(".lead .banner")
            #expect(first.contains("unreachable"))
            #expect(first.contains("/pcie@5000: \(try because("/pcie@5000"))"), "\(first)")
            #expect(first.contains("MSIs of the other device arrive."))
            #expect(try browser.count(".lead .banner") == 2 && browser.count(".lead .banner.good") == 0)
            let own = try browser.text(".lead .banner + .banner")
            #expect(own.hasPrefix("/pcie@4000: MSIs at 0x8000000 arrive"), "\(own)")
            #expect(own.contains(try because("/pcie@4000")))
            // The list of devices marks the one that fails, and no other.
            let marks = try browser.script(
                "return [...document.querySelectorAll('.device')].map((one) => one.querySelector('.device-mark')?.textContent ?? '')"
            )
            #expect(marks as? [String] == ["", " · unreachable"])
            // The one that fails is a step away, and the verdict on the machine stays.
            try browser.script("document.querySelector('.lead .failing a').focus()")
            try browser.press("\u{E007}")
            try browser.wait(for: "h1", contains: "/pcie@5000")
            #expect(try browser.string("return document.activeElement.textContent") == "/pcie@5000")
            #expect(try browser.count(".lead .banner.bad[data-machine=two]") == 1)
            // Another policy has another verdict.
            try browser.click("[data-policy=checked_constants] button.link")
            try browser.wait(for: ".lead .banner.good h2", contains: "MSIs of all 2 devices of two arrive")
            #expect(try browser.count(".lead .banner.good") == 2)
            let messages = try browser.console()
            #expect(messages == [])
        }

        /// Another kernel, page or aperture is another question for all devices.
        @Test func conditionsCountForAll() throws {
            try browser.openView(server)
            try browser.drop(Self.twoBridges(), named: "two.dtb")
            try browser.wait(for: ".lead .banner.bad h2", contains: "1 of the 2 devices")
            try browser.type("#bits", "20\u{E007}")
            try browser.wait("both fail beyond the aperture") {
                try browser.text(".lead .banner h2") == "MSIs of 2 of the 2 devices of two do not arrive"
            }
        }

        @Test func oneDeviceHasOneVerdict() throws {
            try browser.openView(server, "#/space?platform=example-arm-juno")
            try browser.wait(for: ".lead .banner.bad", contains: "MSIs at 0x8000000 do not arrive")
            #expect(try browser.count(".lead .banner") == 1 && browser.count("[data-machine]") == 0)
        }

        /// A guest that needs the place spoils it for each device, in the verdicts and on the cards alike.
        @Test func theGuestCounts() throws {
            try browser.openView(server, "#/space?platform=example-ampere-altra&vmm=openvmm-uefi")
            try browser.wait(
                for: ".lead .banner.warn h2", contains: "the guest needs the place of the window of 5")
            #expect(try browser.text(".lead .failing").contains("the guest has RAM of openvmm-uefi there."))
            #expect(try browser.count(".lead .banner.good") == 0)
            let card = "[data-policy=vfio_type1]"
            #expect(try browser.text("\(card) .pill") == "blocked by guest RAM")
            #expect(try browser.text("\(card) .blocked-by").contains("Blocked by RAM of openvmm-uefi"))
            // Without the guest the device reaches it.
            try browser.openView(server, "#/space?platform=example-ampere-altra")
            try browser.wait("the card") { try browser.text("\(card) .pill") == "reachable" }
            #expect(try browser.count(".blocked-by") == 0)
        }
    }
}
