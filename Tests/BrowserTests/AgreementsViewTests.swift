// Agreements in a real browser: proposed from a placement by one button, accepted, broken by a platform that
// is replaced while the page looks on, mended, released; and what is pasted. Answers that come late, in
// another order or to a page that shows something else by then, change nothing of what it shows.

import Foundation
import TestSupport
import Testing

extension BrowserSuite {
    @Suite struct AgreementsViewTests {
        let server: IovadServer
        let browser: Browser

        init() throws {
            server = try IovadServer()
            browser = try Browser()
        }

        /// Stores the machine that joins, which may reserve a place.
        private func put(_ start: String? = nil) throws {
            try server.put(LabMachine.json(reserving: start), as: "lab-3")
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
            // Without the host that breaks it the promise holds; and with it again when it is repaired.
            try browser.click("[data-host=lab-3] [data-action=leave]")
            try browser.wait(for: "[data-verdict=holds]", contains: "The promise holds")
            #expect(try browser.count("[data-host=lab-3]") == 0)
            try browser.wait(for: "[data-event=host_removed]", contains: "lab-3")
            try put()
            try browser.script("document.querySelector('form select').value = 'lab-3'")
            try browser.click("[data-action=add]")
            try browser.wait(for: "[data-host=lab-3]", contains: "yes")
            try put("0xc0000000")
            try browser.wait(for: "[data-verdict=broken]", contains: "lab-3 does not keep the promise")
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
            let id = try server.madeAgreement()
            try browser.openView(server, "#/agreements?agreement=nobody")
            try browser.wait(for: "[data-agreement=\(id)]", contains: "broken")
            #expect(try browser.text(".problem").contains("nobody"))
        }

        // MARK: Answers that come late

        private func open(_ id: String) throws {
            try browser.openView(server, "#/agreements?agreement=\(id)")
            try browser.wait(for: ".live-state[data-state=live]", contains: "live")
            try browser.settle()
        }

        private func patch(_ id: String, _ change: String) throws {
            let answer = try server.ask("PATCH", "/v1/agreements/\(id)", json: change)
            #expect(answer.status == 200, "\(String(decoding: answer.body, as: UTF8.self))")
        }

        private func choose(_ id: String) throws {
            try browser.click("[data-agreement=\(id)]")
            try browser.wait(for: ".session-head h2", contains: id)
        }

        @Test func anActionActsOnItsOwnAgreementOnly() throws {
            for id in ["vm-a", "vm-b"] { _ = try server.madeAgreement(id, isBroken: false) }
            try open("vm-a")
            // A refusal: somebody else has changed it, and the page has not seen that yet.
            try browser.holdAnswer("PATCH", "/v1/agreements/vm-a")
            try browser.script(
                """
                const asked = new XMLHttpRequest();
                asked.open('PATCH', '/v1/agreements/vm-a', false);
                asked.setRequestHeader('Content-Type', 'application/json');
                asked.send('{"ttl_seconds":60}');
                document.querySelector('[data-action=extend]').click();
                """)
            try browser.waitForHeldAnswer()
            try choose("vm-b")
            try browser.releaseAnswer()
            #expect(try browser.count(".problem") == 0, "a refusal of the other agreement")
            try choose("vm-a")
            try browser.holdAnswer("DELETE", "/v1/agreements/vm-a")
            try browser.click("[data-action=remove]")
            try browser.waitForHeldAnswer()
            try choose("vm-b")
            try browser.releaseAnswer()
            #expect(try browser.text(".session-head h2").contains("vm-b"))
            #expect(try browser.string("return location.hash") == "#/agreements?agreement=vm-b")
            try browser.wait("the list without it") { try browser.count("[data-agreement=vm-a]") == 0 }
            // The view is left.
            try browser.holdAnswer("DELETE", "/v1/agreements/vm-b")
            try browser.click("[data-action=remove]")
            try browser.waitForHeldAnswer()
            try leave()
            try browser.releaseAnswer()
            #expect(!(try browser.text("#announcer").contains("removed")))
        }

        private func leave() throws {
            try browser.script("location.hash = '#/atlas'")
            try browser.wait("the atlas") {
                try browser.string("return document.documentElement.dataset.ready") == "atlas"
            }
        }

        @Test func anAgreementMadeAgainIsFollowed() throws {
            let id = try server.madeAgreement()
            try open(id)
            #expect(try server.ask("DELETE", "/v1/agreements/\(id)").status == 204)
            _ = try server.madeAgreement(isBroken: false)
            try browser.wait(for: ".problem", contains: "has ended")
            #expect(try browser.count(".live-state[data-state=ended]") == 1)
            try browser.settle()
            try browser.click("[data-agreement=\(id)]")
            try browser.wait(for: ".live-state[data-state=live]", contains: "live")
            #expect(try browser.count(".problem") == 0)
            try browser.wait(for: "[data-verdict=holds]", contains: "Proposed")
            try patch(id, #"{"state":"accepted"}"#)
            try browser.wait(for: "[data-verdict=holds]", contains: "The promise holds")
        }

        @Test func anOlderAnswerIsNotDrawnOverANewerOne() throws {
            try put()
            let id = try server.madeAgreement(isBroken: false)
            try open(id)
            try browser.holdAnswer("GET", "/v1/agreements/\(id)")
            try patch(id, #"{"ttl_seconds":60}"#)
            try browser.waitForHeldAnswer()
            try browser.script("document.querySelector('form select').value = 'lab-3'")
            try browser.click("[data-action=add]")
            try browser.wait(for: "[data-host=lab-3]", contains: "yes")
            try browser.settle()
            // Every redrawing counts: a later answer would mend the picture.
            try browser.script(
                """
                window.revisions = [];
                const note = () => window.revisions.push(document.querySelector('.revision').textContent);
                new MutationObserver(note)
                  .observe(document.querySelector('.content'), { childList: true, subtree: true });
                """)
            try browser.releaseAnswer()
            #expect(try browser.string("return window.revisions.join()") == "")
            #expect(try browser.text(".revision") == "3" && browser.count("[data-host=lab-3]") == 1)
            try browser.click("[data-action=accept]")
            try browser.wait(for: "[data-verdict=holds]", contains: "The promise holds")
        }

        // MARK: Following

        /// Whatever comes as a page and whatever as a stream: each event once, with its id.
        @Test func theLogIsThatOfTheServer() throws {
            let id = try server.madeAgreement(isBroken: false)
            try browser.openView(server, "#/agreements")
            try browser.holdAnswer("GET", "/v1/agreements/\(id)/events")
            try browser.click("[data-agreement=\(id)]")
            try browser.waitForHeldAnswer()
            // Between the page and the stream.
            try patch(id, #"{"ttl_seconds":3600}"#)
            try browser.releaseAnswer()
            try browser.wait(for: ".live-state[data-state=live]", contains: "live")
            try server.put(LabMachine.json(reserving: "0x8000000"))
            try browser.wait("the event broken") { try browser.count("[data-event=broken]") == 1 }
            try browser.settle()
            let page = try server.ask("GET", "/v1/agreements/\(id)/events").json
            let items = try #require(page["items"] as? [[String: Any]])
            let wanted = items.map { "\($0["id"] ?? "") \($0["event"] ?? "")" }
            #expect(wanted.count == 4 && wanted[2].prefix(2) == wanted[3].prefix(2), "two of one revision")
            let shown = try browser.string(
                """
                return [...document.querySelectorAll('.log-rows li')].reverse()
                  .map((row) => `${row.querySelector('code').textContent} ${row.dataset.event}`).join(', ')
                """)
            #expect(shown == wanted.joined(separator: ", "))
        }

        /// Without a stream the agreement is asked for every two seconds, and nothing else while it stays the
        /// same.
        @Test func pollingAsksForNothingMore() throws {
            let id = try server.madeAgreement(isBroken: false)
            try browser.openView(server, "#/agreements")
            try browser.script(
                """
                const ask = window.fetch;
                window.asked = [];
                window.fetch = (target, options) => {
                  window.asked.push(new URL(target, location).pathname);
                  return options.headers.Accept === 'text/event-stream'
                    ? Promise.resolve(new Response('', { status: 503 })) : ask(target, options);
                };
                """)
            func asked(_ path: String) throws -> Int {
                try browser.script("return window.asked.filter((one) => one === arguments[0]).length", path)
                    as? Int ?? -1
            }
            try browser.click("[data-agreement=\(id)]")
            try browser.wait(for: ".live-state[data-state=polling]", contains: "polling")
            usleep(700_000)
            let lists = try asked("/v1/agreements")
            let polls = try asked("/v1/agreements/\(id)")
            try browser.wait("the next poll") { try asked("/v1/agreements/\(id)") > polls }
            usleep(700_000)
            let more = [try asked("/v1/agreements") - lists, try asked("/v1/agreements/\(id)") - polls]
            #expect(more == [0, 1])
            // Another one under its name has the same revision.
            #expect(try server.ask("DELETE", "/v1/agreements/\(id)").status == 204)
            _ = try server.madeAgreement(isBroken: false)
            try browser.wait(for: ".problem", contains: "has ended")
            try browser.click("[data-agreement=\(id)]")
            try browser.wait(for: ".live-state[data-state=polling]", contains: "polling")
            try patch(id, #"{"state":"accepted"}"#)
            try browser.wait(for: "[data-verdict=holds]", contains: "The promise holds")
        }

        @Test func whatIsReleasedIsNotBroken() throws {
            let id = try server.madeAgreement(isBroken: false)
            try patch(id, #"{"state":"accepted"}"#)
            try server.put(LabMachine.json(reserving: "0x8000000"))
            try browser.openView(server, "#/agreements?agreement=\(id)")
            try browser.wait(for: ".side", contains: "1 in all, 1 broken")
            #expect(try browser.text("[data-agreement=\(id)]").contains("broken"))
            try browser.click("[data-action=release]")
            try browser.wait(for: ".side", contains: "1 in all, 0 broken")
            #expect(!(try browser.text("[data-agreement=\(id)]").contains("broken")))
            #expect(!(try browser.text(".session-head").contains("broken")))
        }

        // MARK: Proposing

        @Test func aPlacementIsProposedOnce() throws {
            try browser.openView(server, "#/placement?vmm=qemu-virt&ram=0x100000000&hosts=example-qemu-virt")
            try browser.holdAnswer("POST", "/v1/agreements")
            try browser.script(
                """
                const button = document.querySelector('[data-action=propose]');
                button.click();
                button.click();
                """)
            try browser.waitForHeldAnswer()
            #expect(try browser.count("[data-action=propose]:disabled") == 1)
            try leave()
            try browser.releaseAnswer()
            #expect(try browser.string("return location.hash").hasPrefix("#/atlas"))
            let made = try #require(try server.ask("GET", "/v1/agreements").json["items"] as? [Any])
            #expect(made.count == 1)
        }

        /// A VM that has to be laid out otherwise is another VM.
        @Test func anotherVMIsNothingToPromise() throws {
            try browser.openView(
                server, "#/placement?vmm=openvmm-uefi&ram=0x100000000&hosts=example-qemu-virt")
            try browser.wait("the mechanism") { try browser.count("[data-mechanism=vmm_layout]") == 1 }
            #expect(try browser.count("[data-action=propose]") == 0)
        }
    }
}
