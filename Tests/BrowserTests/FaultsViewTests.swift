// A log that is pasted or dropped: the right endpoint is asked, its lines are marked, and what is shown is
// its answer.

import Foundation
import TestSupport
import Testing

extension BrowserSuite {
    @Suite struct FaultsViewTests {
        let server: IovadServer
        let browser: Browser

        init() throws {
            server = try IovadServer()
            browser = try Browser()
        }

        private static let fault =
            "> [ 12.5] arm-smmu 2b500000.iommu: Unhandled context fault: fsr=0x402, iova=0x8000040, "
            + "fsynr=0x2f0013, cbfrsynra=0x102, cb=15"
        private static let map =
            "qemu: vfio_container_dma_map(0x1, 0x380000000000, 0x1000, 0x7000) = -22 (Invalid argument)\n"
            + "0000:01:00.0: PCI peer-to-peer transactions on BARs are not supported."
        private static let mapOfNoDevice =
            "qemu: vfio_dma_map(0x1, 0x8000000, 0x1000, 0x7000) = -22 (Invalid argument)"
        private static let trace =
            "a-1 [000] ..... 1.0: map: IOMMU: iova=0xfffff000 - 0x100000000 paddr=0x8090000 size=4096"

        /// As the clipboard would: the whole text at once.
        private func paste(_ text: String) throws {
            try browser.script(
                """
                const log = document.querySelector('#log');
                log.value = arguments[0];
                log.dispatchEvent(new Event('input', { bubbles: true }));
                """, text)
        }

        private func explain(_ text: String, _ endpoints: [String]) throws {
            try paste(text)
            try browser.click("form button[type=submit]")
            for endpoint in endpoints {
                try browser.wait("an answer of \(endpoint)") {
                    try browser.count("#log-answer [data-endpoint='\(endpoint)']") == 1
                }
            }
            #expect(try browser.count("#log-answer [data-endpoint]") == endpoints.count)
        }

        /// Sentence, verdict and changes are the server's, letter for letter.
        @Test(arguments: [
            (fault, "/v1/fault-explanations", "msi_window"), (map, "/v1/map-failures", "outside_aperture"),
        ])
        func wordsAreTheServers(text: String, endpoint: String, verdict: String) throws {
            let answer = try server.ask("POST", endpoint, text: text)
            let document = try JSONSerialization.jsonObject(with: Data(answer.body)) as? [String: Any]
            let item = try #require((document?["items"] as? [[String: Any]])?.first)
            #expect(item["verdict"] as? String == verdict)
            try browser.openView(server, "#/faults")
            try explain(text, [endpoint])
            #expect(try browser.text("#log-answer .because") == item["because"] as? String)
            #expect(
                try browser.string("return document.querySelector('article').dataset.verdict") == verdict)
            let shown = try browser.text("#log-answer article")
            let changes = try #require(item["changes"] as? [String])
            #expect(!changes.isEmpty && changes.allSatisfy(shown.contains))
            // A fault has an address, a map that failed a range.
            let range = item["range"] as? [String: String]
            let address = try #require(item["iova"] as? String ?? range?["start"])
            #expect(shown.contains(address))
            for finding in document?["findings"] as? [[String: Any]] ?? [] {
                let detail = try #require(finding["detail"] as? String)
                #expect(try browser.text("#log-answer .findings").contains(detail))
            }
            #expect(try browser.text("#announcer").hasPrefix("1 "))
            let messages = try browser.console()
            #expect(messages == [])
        }

        @Test func tracesAndMixedLogs() throws {
            try browser.openView(server, "#/faults")
            try explain(Self.trace, ["/v1/replays"])
            #expect(try browser.text("#log-answer article").contains("0xfffff000"))
            try explain(Self.fault + "\n" + Self.map, ["/v1/fault-explanations", "/v1/map-failures"])
            let messages = try browser.console()
            #expect(messages == [])
        }

        /// The machine of the log is asked about too, and stands in the link.
        @Test func machineOfTheLog() throws {
            try browser.openView(server, "#/faults?platform=example-arm-juno")
            #expect(
                try browser.string("return document.querySelector('select').value") == "example-arm-juno")
            try explain(Self.fault, ["/v1/fault-explanations"])
            #expect(try browser.text("#log-answer .because").contains("dma-ranges"))
            #expect(try browser.count("#log-answer article dl") > 0)
            // What one endpoint needs besides is said beside the other's answer.
            try browser.openView(server, "#/faults?platform=example-ampere-altra")
            try explain(Self.fault + "\n" + Self.mapOfNoDevice, ["/v1/fault-explanations"])
            try browser.wait(for: "#log-answer .problem", contains: "Name the device")
        }

        /// The lines that are spoken of are marked, lead to what they mean, and from there to the machine.
        @Test func linesAreMarked() throws {
            try browser.openView(server, "#/faults?platform=example-arm-juno")
            let others = (1...40).map { "[ \($0).0] systemd[1]: Started unit \($0)." }
            try explain((others + [Self.fault] + others).joined(separator: "\n"), ["/v1/fault-explanations"])
            #expect(try browser.text("#log-verdict h2") == "An interrupt of a device did not arrive")
            #expect(
                try browser.text("#log-verdict .verdict-because") == browser.text("#log-answer .because"))
            #expect(try browser.count(".log-lines .marked.bad mark") == 1)
            #expect(try browser.text(".log-lines .marked").hasPrefix("41"))
            #expect(try browser.text(".log-lines .gap") == "38 other lines")
            #expect(try browser.count(".log-lines li") == 7, "two lines around it, and the rest counted")
            try browser.click(".log-lines .marked button")
            #expect(try browser.string("return document.activeElement.dataset.verdict") == "msi_window")
            try browser.click("#log-answer .space-links a")
            try browser.wait(for: ".view-space h1", contains: "/pcie@40000000")
            let messages = try browser.console()
            #expect(messages == [])
        }

        /// Another text is refused in the server's words; nothing at all is not sent.
        @Test func refusals() throws {
            try browser.openView(server, "#/faults")
            try browser.click("form button[type=submit]")
            try browser.wait(for: ".shown-message", contains: "Paste a log first")
            try paste("hello")
            try browser.click("form button[type=submit]")
            try browser.wait(for: ".shown-message .problem", contains: "Found no fault")
            try paste("0x0000000008000000 0x00000000080fffff msi")
            try browser.click("form button[type=submit]")
            try browser.wait(for: ".shown-message .problem", contains: "The bytes are reserved_regions text.")
            #expect(!(try browser.visibleText(".shown-message .problem").contains("/v1/")))
            #expect(try browser.text(".as-said").contains("POST them to /v1/platforms"))
        }

        /// A log whose SMMU the named machine has not: no page is surer than the log alone is.
        @Test(arguments: [
            ("example-qemu-virt", "this machine has no SMMU of that driver"),
            ("example-ampere-altra", "this machine has no SMMU of that driver"),
        ])
        func machineThatDoesNotFit(platform: String, words: String) throws {
            try browser.openView(server, "#/faults")
            try explain(Self.fault, ["/v1/fault-explanations"])
            let alone = try browser.text("#log-verdict h2")
            #expect(alone == "Probably an interrupt of a device did not arrive")
            try browser.openView(server, "#/faults?platform=\(platform)")
            try explain(Self.fault, ["/v1/fault-explanations"])
            #expect(try browser.text("#log-verdict h2") == alone)
            #expect(try browser.text("#log-verdict .verdict-because").contains(words))
            #expect(try browser.text("#log-verdict .verdict-policy").contains("On the machine \(platform)."))
        }

        /// What is chosen as a log is one, whatever it says; a machine may be chosen here as well.
        @Test func filesThatAreChosen() throws {
            try browser.openView(server, "#/faults")
            try browser.choose(Array("nothing of interest\n".utf8), named: "notes.txt", in: "#log-file")
            try browser.wait(for: ".shown-message .problem", contains: "Found no fault")
            #expect(try browser.count("#intake .problem") == 0)
            try browser.choose(AddressSpaceViewTests.gapTree(), named: "board.dtb", in: "#log-file")
            try browser.wait("the machine") {
                try browser.string("return document.querySelector('form select').value") == "board"
            }
            try browser.wait(for: ".log-machine", contains: "taken to be of board: the file that you brought")
        }

        /// The machine that was open when a log was dropped is named, and can be taken away.
        @Test func machineThatWasOpen() throws {
            try browser.openView(server, "#/space?platform=example-arm-juno")
            try browser.wait(for: "h1", contains: "/pcie@40000000")
            try browser.drop(Array((Self.fault + "\n").utf8), named: "dmesg.txt")
            try browser.wait(
                for: ".log-machine", contains: "The log is taken to be of example-arm-juno: it was open")
            try browser.wait(for: "#log-verdict h2", contains: "An interrupt of a device did not arrive")
            try browser.press(button: "It is not of this machine")
            try browser.wait("the bare answer") {
                try browser.text("#log-verdict h2") == "Probably an interrupt of a device did not arrive"
            }
            #expect(try browser.string("return location.hash") == "#/faults")
            #expect(try browser.text(".log-machine") == "")
            #expect(try browser.string("return document.querySelector('form select').value") == "")
            let messages = try browser.console()
            #expect(messages == [])
        }

        /// By keyboard alone, and as accessible with an answer as without.
        @Test(arguments: ["light", "dark"]) func keyboardAndNames(theme: String) throws {
            try browser.devTools(
                "Emulation.setEmulatedMedia",
                ["features": [["name": "prefers-color-scheme", "value": theme]]])
            try browser.openView(server, "#/faults")
            try browser.type("#log", "\(Self.fault)\n\(Self.map)")
            #expect(try browser.string("return document.activeElement.id") == "log")
            try browser.press("\u{E007}", holding: "\u{E009}")
            try browser.wait("two answers") { try browser.count("#log-answer [data-endpoint]") == 2 }
            try browser.settle()
            let result = try browser.script(AccessibilityTests.script) as? [String: Any] ?? [:]
            #expect(result["findings"] as? [String] == [])
            for width in [390, 1280] {
                try browser.devTools(
                    "Emulation.setDeviceMetricsOverride",
                    ["width": width, "height": 900, "deviceScaleFactor": 1, "mobile": false])
                let wide = try browser.script("return document.documentElement.scrollWidth") as? Int ?? 0
                #expect(wide <= width, "\(wide) pixels wide")
            }
        }
    }
}
