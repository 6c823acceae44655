// What is shown belongs to what is selected, in every view: another machine, a refusal, a server that is
// away.

import Foundation
import TestSupport
import Testing

extension BrowserSuite {
    @Suite struct ShownAnswersTests {
        let server: IovadServer
        let browser: Browser

        private static let juno = "#/space?platform=example-arm-juno"

        init() throws {
            server = try IovadServer()
            browser = try Browser()
        }

        private func go(_ hash: String) throws { try browser.script("location.hash = arguments[0]", hash) }

        /// Nothing of an earlier answer is left to see.
        private func expectCleared() throws {
            let seen =
                ".policy, .detail .item, .regions tbody tr, .device-list .device, [data-verdict], [data-pick]"
            #expect(try browser.count(":is(\(seen)):not([data-shown=nothing] *)") == 0)
            #expect(try browser.text("#model") == "", "the footer speaks of an answer that is gone")
        }

        private func openJuno() throws {
            try browser.openView(server, Self.juno)
            try browser.wait(for: "[data-policy=vfio_type1]", contains: "unreachable")
            #expect(try browser.text("#model").contains("Linux 7"))
        }

        /// A table whose devices are behind no SMMU, dropped while another machine is shown.
        @Test func machineWithoutDevices() throws {
            try openJuno()
            var table = IORTBuilder()
            _ = table.itsGroup([0])
            try browser.drop(table.table(), named: "bare.aml")
            try browser.wait(for: ".shown-message .notice", contains: "bare has no device behind an SMMU")
            #expect(try browser.text("h1").contains("bare"))
            #expect(try browser.string("return document.querySelector('#platform').value") == "bare")
            try expectCleared()
            try go(Self.juno)
            try browser.wait(for: "[data-policy=vfio_type1]", contains: "unreachable")
            #expect(try browser.count(".shown-message .notice") == 0)
            let messages = try browser.console()
            #expect(messages == [])
        }

        @Test func unknownPlatform() throws {
            try openJuno()
            try go("#/space?platform=nowhere")
            try browser.wait(for: ".shown-message .problem", contains: "No platform \"nowhere\"")
            #expect(try browser.text("h1").contains("nowhere"))
            try expectCleared()
            try browser.press(button: "Choose another machine", in: ".problem")
            try browser.wait(for: ".welcome", contains: "Check a machine")
            #expect(try browser.string("return location.hash") == "#/space")
        }

        /// What is typed and cannot be read is told, and the answer below marked as the one without it.
        @Test(arguments: ["requested", "size", "maxmem"]) func unreadableAmounts(id: String) throws {
            try browser.openView(server, "#/placement?vmm=qemu-virt")
            try browser.wait(for: "[data-pick=highest_below_4g]", contains: "0x3ff00000")
            try browser.script("document.querySelectorAll('details').forEach((one) => { one.open = true })")
            try browser.type("#\(id)", "banana")
            try browser.wait(for: ".shown-message [data-stale]", contains: "“banana” is no amount")
            #expect(try browser.string("return document.querySelector('#announcer').textContent") == "")
            let result = try browser.script(AccessibilityTests.script) as? [String: Any]
            #expect(result?["findings"] as? [String] == [])
            // Another answer does not make it readable.
            try browser.script(
                "const ram = document.querySelector('#ram'); ram.value = 0; ram.dispatchEvent(new Event('input', { bubbles: true }))"
            )
            try browser.wait(for: "[data-pick=highest_below_4g]", contains: "0xfff00000")
            try browser.wait(for: ".shown-message [data-stale]", contains: "“banana” is no amount")
            try browser.type("#\(id)", "")
            try browser.script("document.querySelector('#\(id)').dispatchEvent(new Event('input'))")
            try browser.wait("the answer") { try browser.count("[data-stale]") == 0 }
        }

        /// The request that is shown is the one that was refused.
        @Test func refusedPlacement() throws {
            try browser.openView(server, "#/placement?vmm=qemu-virt")
            try browser.wait(for: "[data-pick=highest_below_4g]", contains: "0x3ff00000")
            try go("#/placement?vmm=qemu-virt&hosts=nowhere!/pcie@1")
            try browser.wait(for: ".shown-message .problem", contains: "/hosts/0/platform")
            try expectCleared()
            #expect(try browser.text(".curl").contains(#""platform":"nowhere""#))
            #expect(!(try browser.text(".curl").contains("example-qemu-virt")))
            try go("#/placement?vmm=qemu-virt")
            try browser.wait(for: "[data-pick=highest_below_4g]", contains: "0x3ff00000")
            #expect(try browser.count(".problem") == 0)
            #expect(try browser.text(".curl").contains("example-qemu-virt"))
        }

        /// A log belongs to its machine and to its text.
        @Test func faultsOfAnotherLog() throws {
            try browser.openView(server, "#/faults?platform=example-arm-juno")
            try browser.click("#log-example")
            try browser.wait(for: "#log-answer .because", contains: "dma-ranges")
            try browser.type("#log", "and more", clear: false)
            try browser.wait(for: ".shown-message [data-stale]", contains: "was changed")
            #expect(try browser.count("#log-answer[data-shown=stale]") == 1)
            try go("#/faults?platform=example-qemu-virt")
            try browser.wait("the answer for the other machine") {
                let because = try browser.text("#log-answer .because")
                return !because.isEmpty && !because.contains("dma-ranges")
            }
            #expect(try browser.count("#log-answer[data-shown=answer]") == 1)
        }

        @Test func unknownSession() throws {
            let id = try server.madeSession()
            try browser.openView(server, "#/sessions?session=\(id)")
            try browser.wait(for: ".regions", contains: "0xfffe0000")
            try go("#/sessions?session=s-nowhere")
            try browser.wait("the refusal") { try browser.count(".shown-message .problem") == 1 }
            try expectCleared()
            #expect(try browser.count(".session-head") == 0)
        }

        /// The same question stays, marked; another one is cleared; pressing the button asks again.
        @Test func serverIsAway() throws {
            try openJuno()
            server.stop()
            try go(Self.juno + "&page=0x10000")
            try browser.wait(for: ".shown-message .problem", contains: "Check that iovad serve is running")
            try expectCleared()
            // A view whose module was never loaded.
            try go("#/atlas")
            try browser.wait(for: "main .problem", contains: "The server does not answer")
            try server.restart()
            try browser.press(button: "Try again", in: ".problem")
            try browser.wait("the atlas") { try browser.count(".matrix tbody tr") > 5 }
            #expect(try browser.count(".problem") == 0)
        }

        @Test func answerOfAServerThatIsAwayIsMarked() throws {
            try openJuno()
            server.stop()
            try browser.script("dispatchEvent(new Event('hashchange'))")
            try browser.wait("the mark") { try browser.count(".content[data-shown=stale]") == 1 }
            #expect(try browser.text("[data-stale]").contains("What is below is from"))
            #expect(try browser.text("[data-policy=vfio_type1]").contains("unreachable"))
            try server.restart()
            try browser.press(button: "Try again", in: ".problem")
            try browser.wait("the answer") { try browser.count(".content[data-shown=answer]") == 1 }
        }

        /// A kernel that is not modelled is answered as the nearest one, and the page says so.
        @Test func kernelThatIsNotModelled() throws {
            let path = "/v1/platforms/example-arm-juno/reserved-regions?device=/pcie@40000000&kernel=5.4"
            let model = try server.ask("GET", path).json["model"] as? [String: Any]
            let remark = try #require(model?["remark"] as? String)
            try browser.openView(server, Self.juno + "&kernel=5.4")
            try browser.wait(for: "[data-remark]", contains: remark)
            #expect(try browser.text("#model").contains("Linux 5.10"))
            try go(Self.juno + "&kernel=6.12")
            try browser.wait(for: "#model", contains: "Linux 6.12")
            #expect(try browser.count("[data-remark]") == 0)
        }
    }
}
