// Agreements in a real browser: proposed from a placement by one button, accepted, broken by a platform that
// is replaced while the page looks on, mended, released; and what is pasted.

import Foundation
import Testing

extension BrowserSuite {
    @Suite struct AgreementsViewTests {
        let server: IovadServer
        let browser: Browser

        init() throws {
            server = try IovadServer()
            browser = try Browser()
        }

        private static func machine(reserving start: String? = nil) -> String {
            let region = start.map { #"{"start":"\#($0)","size":"0x100000","type":"reserved"}"# } ?? ""
            return
                #"{"smmus":[{"id":"s","version":"v3"}],"devices":[{"id":"d","kind":"pci_function","smmus":["s"],"#
                + #""active":true,"reserved_regions":[\#(region)]}]}"#
        }

        private func put(_ start: String? = nil) throws {
            let answer = try server.ask(
                "PUT", "/v1/platforms/lab-3", json: Self.machine(reserving: start))
            #expect([200, 201].contains(answer.status))
        }

        @Test func theWorkedDialogue() throws {
            try put()
            try browser.openView(
                server,
                "#/placement?vmm=openvmm-linux&ram=0x80000000&options=1&hosts=example-arm-juno|example-qemu-virt"
            )
            try browser.wait(for: "[data-mechanism=iommufd_options]", contains: "Every host states")
            try browser.click("[data-action=propose]")
            try browser.wait(for: "[data-verdict=holds]", contains: "Proposed")
            let id = try browser.string(
                "return new URLSearchParams(location.hash.split('?')[1]).get('agreement')")
            #expect(try browser.count("[data-agreement=\"\(id)\"]") == 1)
            try browser.click("[data-action=accept]")
            try browser.wait(for: "[data-verdict=holds]", contains: "The promise holds")
            try browser.wait(for: ".live-state[data-state=live]", contains: "live")

            try browser.script("document.querySelector('form select').value = 'lab-3'")
            try browser.click("[data-action=check]")
            try browser.wait(for: "[data-keeps=true]", contains: "lab-3 would keep the promise")
            try browser.click("[data-action=add]")
            try browser.wait(for: "[data-host=lab-3]", contains: "yes")

            try put("0xc0000000")
            try browser.wait(for: "[data-verdict=broken]", contains: "lab-3 does not keep the promise")
            #expect(try browser.text("[data-verdict=broken]").contains("0xc0000000"))
            try browser.wait(for: "[data-event=broken]", contains: "broken")
            try browser.click("[data-action=check]")
            try browser.wait(for: "[data-keeps=false]", contains: "would not keep")
            try put()
            try browser.wait(for: "[data-verdict=holds]", contains: "The promise holds")
            try browser.click("[data-action=release]")
            try browser.wait(for: "[data-verdict=released]", contains: "Released")
            try browser.wait(for: "[data-event=released]", contains: "released")
            try browser.click("[data-action=remove]")
            try browser.wait(for: ".content", contains: "There are no agreements.")
            let messages = try browser.console()
            #expect(messages == [])
        }

        @Test func textsToPaste() throws {
            let body =
                #"{"id":"vm-7","hosts":[{"platform":"example-qemu-virt"}],"vm":{"vmm":"qemu-virt","ram":"4G"}}"#
            #expect(try server.ask("POST", "/v1/agreements", json: body).status == 201)
            try browser.openView(server, "#/agreements?agreement=vm-7")
            try browser.click("[data-format=qemu] summary")
            try browser.wait(for: "[data-format=qemu] pre", contains: "-machine virt")
            #expect(try browser.count("[data-format=qemu] .button") == 1)
            try browser.openView(server, "#/placement?vmm=qemu-virt&ram=0x100000000&hosts=example-qemu-virt")
            try browser.click("[data-format=shell] summary")
            try browser.wait(for: "[data-format=shell] pre", contains: "reserved_regions")
        }

        @Test func whatIsNotThere() throws {
            try browser.openView(server, "#/agreements")
            try browser.wait(for: ".content", contains: "There are no agreements.")
            try browser.openView(server, "#/agreements?agreement=nobody")
            try browser.wait(for: ".problem", contains: "nobody")
        }
    }
}
