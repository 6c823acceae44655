// What an answer rests on, and what it would be otherwise: the facts of a collected host, and the other
// answer of a virtio-iommu, beside each answer of the dashboard, in the server's own words.

import Foundation
import Testing

extension BrowserSuite {
    @Suite struct HostAnswerTests {
        let server: IovadServer
        let browser: Browser

        private static let virtio =
            #"{"smmus":[{"id":"v","version":"virtio"}],"msi_controllers":[{"id":"its","kind":"its","doorbell":"0x8090040"}],"#
            + #""devices":[{"id":"d","kind":"pci_function","smmus":["v"],"msi_controllers":["its"]}]}"#
        private static let collected =
            #"{"collected":{"format":1,"kernel_release":"6.8.0-124-generic","page_size":65536,"device_tree":null,"#
            + #""acpi":null,"iomem":null,"groups":[{"id":"0","type":"identity","devices":["0000:01:00.0"],"#
            + #""reserved_regions":"0x0000000008000000 0x00000000080fffff msi\n"}],"notes":[]}}"#

        init() throws {
            server = try IovadServer()
            for (id, machine) in [("v", Self.virtio), ("h", Self.collected)] {
                let stored = try server.ask("PUT", "/v1/platforms/\(id)", json: machine)
                #expect(stored.status == 201, "\(String(decoding: stored.body, as: UTF8.self))")
            }
            browser = try Browser()
        }

        private func hasNoErrors() throws {
            let messages = try browser.console()
            #expect(messages == [])
        }

        @Test func policiesShowBothAnswers() throws {
            try browser.openView(server, "#/space?platform=v&device=d")
            let card = "[data-policy=vfio_type1]"
            try browser.wait(for: "\(card) .if-reported", contains: "0x8090000")
            let decided = try server.ask(
                "POST", "/v1/decisions", json: #"{"platform":"v","device":"d","consumer":"vfio_type1"}"#)
            let other = try #require(decided.json["if_iommu_reports_msi"] as? [String: Any])
            let because = try #require(other["because"] as? String)
            #expect(try browser.text("\(card) .if-reported").contains(because))
            #expect(try browser.text("main").contains("the virtio-iommu decides"))
            try hasNoErrors()
        }

        @Test func answersSayWhatTheHostSaid() throws {
            try browser.openView(server, "#/space?platform=h&device=0000:01:00.0")
            try browser.wait(for: ".no-dma-domain", contains: "identity domain")
            // The group's type decides for kernel drivers only, and so is told on their card.
            try browser.wait(for: "[data-policy=dma_iommu] .host-facts", contains: "group type identity")
            try browser.openView(server, "#/placement?vmm=qemu-virt&hosts=h!0000:01:00.0")
            try browser.wait(for: "table .host-facts", contains: "kernel 6.8.0-124-generic")
            try hasNoErrors()
        }

        @Test func placementsAndFaultsShowBothAnswers() throws {
            try browser.openView(server, "#/placement?vmm=qemu-virt&hosts=v!d")
            try browser.wait(for: ".if-reported", contains: "0x8090000")
            try browser.openView(server, "#/faults?platform=v&device=d")
            try browser.script(
                """
                const log = document.querySelector('#log');
                log.value = arguments[0];
                log.dispatchEvent(new Event('input', { bubbles: true }));
                """, "qemu: vfio_dma_map(0x1, 0x8000000, 0x1000, 0x7000) = -22 (Invalid argument)")
            try browser.click("form button[type=submit]")
            try browser.wait(for: "#log-answer .if-reported", contains: "0x8090000")
            #expect(try browser.text("#log-answer .warnings").contains("virtio-iommu decides about d"))
            try hasNoErrors()
        }

        @Test func domainsShowBothAnswers() throws {
            let id = try #require(try server.ask("POST", "/v1/sessions", json: "{}").json["id"] as? String)
            let made = try server.ask(
                "POST", "/v1/sessions/\(id)/domains",
                json: #"{"id":"d0","consumer":"vfio_type1","devices":[{"platform":"v","device":"d"}]}"#)
            #expect(made.status == 201)
            try browser.openView(server, "#/sessions?session=\(id)&domain=d0")
            try browser.wait(for: ".if-reported", contains: "MSI window none")
            #expect(try browser.text(".warnings").contains("virtio-iommu decides about d"))
            try hasNoErrors()
        }
    }
}
