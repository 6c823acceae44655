// Kernel and page size in the dashboard: by default what the collected host says of itself, else what
// somebody types, be it what uname -r prints or JSON with overrides; and a link keeps it.

import Foundation
import Testing

extension BrowserSuite {
    @Suite struct HostConditionsTests {
        let server: IovadServer
        let browser: Browser

        private static let collected =
            #"{"collected":{"format":1,"kernel_release":"6.8.0-124-generic","page_size":65536,"#
            + #""device_tree":null,"acpi":null,"iomem":null,"#
            + #""groups":[{"id":"0","type":"DMA","devices":["0000:01:00.0"],"#
            + #""reserved_regions":"0x0000000008000000 0x00000000080fffff msi\n"}],"notes":[]}}"#
        private static let noIOMMUFD = #"{"release":"6.12.38+deb13-arm64","overrides":{"iommufd":false}}"#
        private static let space = "#/space?platform=h&device=0000:01:00.0"

        init() throws {
            server = try IovadServer()
            let stored = try server.ask("PUT", "/v1/platforms/h", json: Self.collected)
            #expect(stored.status == 201, "\(String(decoding: stored.body, as: UTF8.self))")
            browser = try Browser()
            try browser.open("\(server.origin)/")
        }

        private func hasNoErrors() throws {
            let messages = try browser.console()
            #expect(messages == [])
        }

        /// As somebody types it and presses Enter.
        private func enter(_ kernel: String) throws {
            try browser.type("#kernel", kernel + "\u{E007}")
        }

        private func choosePage(_ value: String) throws {
            try browser.script(
                """
                const pages = document.querySelector('#page');
                pages.value = arguments[0];
                pages.dispatchEvent(new Event('change'));
                """, value)
        }

        private func value(of selector: String) throws -> String {
            try browser.string("return document.querySelector(arguments[0]).value", selector)
        }

        /// Keeps what the page sends from now on.
        private func watchRequests() throws {
            try browser.script(
                """
                window.sent = [];
                const real = window.fetch;
                window.fetch = (target, options) => {
                  window.sent.push([target, options.body ?? '']);
                  return real(target, options);
                };
                """)
        }

        /// The last request of a path, one with a body first: its target and body.
        private func sent(_ path: String) throws -> String {
            try browser.string(
                """
                const of = window.sent.filter(([target]) => target.split('?')[0].endsWith(arguments[0]));
                const found = of.findLast(([, body]) => body) ?? of.at(-1);
                return found ? decodeURIComponent(found[0]) + ' ' + found[1] : '';
                """, path)
        }

        @Test func hostsOwnAreTheDefault() throws {
            try browser.openView(server, Self.space)
            try browser.wait(for: ".policies .shared .host-facts", contains: "kernel 6.8.0-124-generic")
            #expect(try browser.text(".policies .shared .host-facts").contains("pages 0x10000"))
            #expect(try value(of: "#kernel") == "")
            #expect(try value(of: "#page") == "")
            try browser.wait(for: "#model", contains: "Linux 6.8")
            let decided = try server.ask(
                "POST", "/v1/decisions",
                json: #"{"platform":"h","device":"0000:01:00.0","consumer":"dma_api"}"#)
            let because = try #require(decided.json["because"] as? String)
            #expect(try browser.text("[data-policy=dma_iommu]").contains(because))
            let request = try browser.text("[data-policy=dma_iommu] .curl code")
            #expect(!request.contains("kernel") && !request.contains("page_size"), "\(request)")
            try hasNoErrors()
        }

        @Test func typedReleaseIsAsked() throws {
            try browser.openView(server, Self.space)
            try browser.wait(for: ".policies .shared .host-facts", contains: "6.8.0-124-generic")
            try watchRequests()
            try enter("6.12.38+deb13-arm64")
            try browser.wait(for: "#model", contains: "Linux 6.12")
            try browser.settle()
            #expect(try sent("/comparisons").contains(#""kernels":["6.12.38+deb13-arm64"]"#))
            #expect(try sent("/reserved-regions").contains("kernel=6.12.38+deb13-arm64"))
            try choosePage("0x1000")
            try browser.wait("the page size in the address") {
                try browser.string("return location.hash").contains("page=0x1000")
            }
            try browser.settle()
            #expect(try sent("/available-windows").contains("page_size=0x1000"))
            #expect(try !browser.text(".policies").contains("As the host says: kernel"))
            let hash = try browser.string("return location.hash")
            try browser.openView(server, hash)
            try browser.wait(for: "#model", contains: "Linux 6.12")
            #expect(try value(of: "#kernel") == "6.12.38+deb13-arm64")
            #expect(try value(of: "#page") == "0x1000")
            #expect(try browser.string("return location.hash") == hash)
            try enter("")
            try browser.wait(for: "#model", contains: "Linux 6.8")
            try hasNoErrors()
        }

        /// People write links by hand: a plus sign in one is a plus sign.
        @Test func linkKeepsARealKernel() throws {
            try browser.openView(server, Self.space + "&kernel=6.12.38+deb13-arm64&page=0x4000")
            try browser.wait(for: "[data-policy=iommufd] .curl", contains: #""kernel":"6.12.38+deb13-arm64""#)
            #expect(try browser.text("[data-policy=iommufd] .curl").contains(#""page_size":"0x4000""#))
            #expect(try value(of: "#kernel") == "6.12.38+deb13-arm64")
            try hasNoErrors()
        }

        @Test func overridesAreAnObject() throws {
            try browser.openView(server, Self.space)
            try browser.wait(for: ".policies .shared .host-facts", contains: "6.8.0-124-generic")
            try watchRequests()
            try enter(Self.noIOMMUFD)
            try browser.wait(for: "[data-policy=iommufd] .pill", contains: "refused")
            #expect(try sent("/comparisons").contains("\"kernels\":[\(Self.noIOMMUFD)]"))
            #expect(try browser.text("[data-policy=iommufd] .curl").contains("\"kernel\":\(Self.noIOMMUFD)"))
            let hash = try browser.string("return location.hash")
            try browser.openView(server, hash)
            try browser.wait(for: "[data-policy=iommufd] .pill", contains: "refused")
            #expect(try value(of: "#kernel") == Self.noIOMMUFD)
            try hasNoErrors()
        }

        @Test func brokenOverridesAreNotSent() throws {
            try browser.openView(server, Self.space)
            try browser.wait(for: ".policies .shared .host-facts", contains: "6.8.0-124-generic")
            try enter(#"{"release":"6.12""#)
            try browser.wait(for: ".problem[role=alert]", contains: "kernel-json")
            try enter("6.12")
            try browser.wait(for: "#model", contains: "Linux 6.12")
            #expect(try browser.count(".problem") == 0)
            try hasNoErrors()
        }

        @Test func placementsAskTheHosts() throws {
            try browser.openView(server, "#/placement?vmm=qemu-virt&hosts=h!0000:01:00.0")
            try browser.wait(for: "table .host-facts", contains: "kernel 6.8.0-124-generic")
            let request = try browser.text(".curl code")
            #expect(!request.contains("kernel") && !request.contains("page_size"), "\(request)")
            try watchRequests()
            try enter("6.1.0-13-arm64")
            try choosePage("0x4000")
            try browser.wait(for: ".curl code", contains: #""kernel":"6.1.0-13-arm64","page_size":"0x4000""#)
            try browser.wait("the host's regions") {
                try sent("/reserved-regions").contains("kernel=6.1.0-13-arm64&page_size=0x4000")
            }
            try hasNoErrors()
        }

        @Test func sessionsSendWhatIsTyped() throws {
            try browser.openView(server, "#/sessions")
            try browser.click("#create-session")
            try browser.wait("the session") { try browser.count(".live-state[data-state=live]") == 1 }
            let id = try browser.string(
                "return new URLSearchParams(location.hash.split('?')[1]).get('session')")
            let from = try server.ask("GET", "/v1/sessions/\(id)/state").json["kernel_from"] as? String
            #expect(from == "default")
            try watchRequests()
            try enter(Self.noIOMMUFD)
            try browser.click("#create-session")
            try browser.wait(for: ".side", contains: "Linux 6.12")
            #expect(try sent("/sessions").contains("\"kernel\":\(Self.noIOMMUFD)"))
            #expect(try browser.text(".side").contains("iommufd false"))
            try hasNoErrors()
        }

        @Test func faultsKeepTheLink() throws {
            try browser.openView(
                server, "#/faults?platform=h&device=0000:01:00.0&kernel=6.12.38+deb13-arm64&page=0x4000")
            #expect(try value(of: "#kernel") == "6.12.38+deb13-arm64")
            #expect(try value(of: "#page") == "0x4000")
            try watchRequests()
            try browser.script(
                "document.querySelector('#log').value = arguments[0]",
                "qemu: vfio_dma_map(0x1, 0x8000000, 0x1000, 0x7000) = -22 (Invalid argument)")
            try browser.click("form button[type=submit]")
            try browser.wait(for: "#log-answer", contains: "Lines read")
            #expect(try sent("/map-failures").contains("kernel=6.12.38+deb13-arm64"))
            #expect(try sent("/map-failures").contains("page_size=0x4000"))
            try hasNoErrors()
        }
    }
}
