// Sessions in a real browser: made and filled by clicking, followed live by a second tab, and restored
// after the server was restarted.

import Testing

extension BrowserSuite {
    @Suite struct SessionsViewTests {
        let server: IovadServer
        let browser: Browser

        init() throws {
            server = try IovadServer()
            browser = try Browser()
        }

        private func waitForState(_ state: String) throws {
            try browser.wait("the connection to be \(state)", seconds: 30) {
                try browser.count(".live-state[data-state=\(state)]") == 1
            }
        }

        /// Clicks the button of this text in the form of that heading.
        private func submit(_ heading: String) throws {
            try browser.script(
                """
                [...document.querySelectorAll('.verbs form')]
                  .find((form) => form.querySelector('h3').textContent === arguments[0])
                  .querySelector('button[type=submit]').click();
                """, heading)
        }

        @Test func everythingIsDoneByClicking() throws {
            try browser.openView(server, "#/sessions")
            try browser.click("#create-session")
            try waitForState("live")
            try browser.click(".form button.primary")
            try browser.wait("the domain's tab") { try browser.count("[data-domain=d0]") == 1 }
            try browser.wait(for: "#preview", contains: "0xffff0000")
            try submit("Allocate")
            try browser.wait(for: ".answer", contains: "Allocated 0xffff0000")
            try submit("Reserve")
            try browser.wait(for: ".answer", contains: "Reserved 0x8000000")
            try submit("Map a doorbell")
            try browser.wait(for: ".answer", contains: "The device writes to 0x")
            try browser.wait(for: ".regions", contains: "Doorbell 0x8090000")
            try browser.script(
                """
                const choice = [...document.querySelectorAll('.verbs select')][0];
                choice.value = 'example-arm-juno';
                choice.dispatchEvent(new Event('change'));
                """)
            try browser.wait("the devices of the platform") {
                try browser.count(".verbs select option[value='/pcie@40000000']") == 1
            }
            try submit("Attach a device")
            try browser.wait(for: ".answer", contains: "Attached /pcie@40000000")
            try browser.wait(for: ".regions", contains: "PCI window")
            for name in ["allocated", "reserved", "doorbell mapped", "attached"] {
                try browser.wait(for: ".log", contains: name)
            }
            let messages = try browser.console()
            #expect(messages == [])
        }

        @Test func refusalSaysWhatToDo() throws {
            try browser.openView(server, "#/sessions?session=\(server.madeSession())")
            try waitForState("live")
            try browser.type("#allocate-size", "8G")
            try submit("Allocate")
            try browser.wait(for: ".problem", contains: "iova-exhausted")
            #expect(try browser.count(".problem[role=alert] a[href='/problems/iova-exhausted']") == 1)
        }

        @Test func secondTabSeesItLive() throws {
            let hash = "#/sessions?session=\(try server.madeSession())"
            try browser.openView(server, hash)
            try waitForState("live")
            let first = try browser.tab
            let second = try browser.newTab()
            try browser.turn(to: second)
            try browser.openView(server, hash)
            try waitForState("live")
            #expect(!(try browser.text(".regions").contains("0xfffd0000")))
            try browser.turn(to: first)
            try submit("Allocate")
            try browser.wait(for: ".answer", contains: "Allocated 0xfffd0000")
            try browser.turn(to: second)
            try browser.wait(for: ".regions", contains: "0xfffd0000")
            try browser.wait(for: ".log", contains: "allocated")
            #expect(try browser.count(".answer .done") == 0, "this tab did nothing itself")
            let messages = try browser.console()
            #expect(messages == [])
        }

        @Test func restartOfTheServerIsSurvived() throws {
            let id = try server.madeSession()
            try browser.openView(server, "#/sessions?session=\(id)")
            try waitForState("live")
            // The page keeps a copy soon after every change.
            try browser.wait("the page's copy") {
                try browser.count(".view-sessions[data-saved]") == 1
            }
            try server.restart()
            try browser.wait("the notice", seconds: 30) { try browser.count("[data-recovered]") == 1 }
            try waitForState("live")
            #expect(try server.ask("GET", "/v1/sessions/\(id)").status == 200)
            try browser.wait(for: ".regions", contains: "0xfffe0000")
            try submit("Allocate")
            try browser.wait(for: ".answer", contains: "Allocated 0xfffd0000")
            try browser.wait(for: ".log", contains: "allocated")
        }

        /// A copy of a large session would be fetched after every change; an older one is not kept either.
        @Test func onlySmallSessionsAreCopied() throws {
            let id = try server.madeSession()
            try browser.openView(server, "#/sessions?session=\(id)")
            try browser.wait("the page's copy") {
                try browser.count(".view-sessions[data-saved]") == 1
            }
            let one = #"{"op":"allocate","size":"0x1000","limit":"0xffffffff"}"#
            let body = "{\"operations\":[\(Array(repeating: one, count: 2_000).joined(separator: ","))]}"
            let path = "/v1/sessions/\(id)/domains/d0/batches"
            #expect(try server.ask("POST", path, json: body).status / 100 == 2)
            try browser.wait("the copy to be dropped", seconds: 20) {
                try browser.count(".view-sessions[data-saved]") == 0
            }
            try browser.settle()
            #expect(try browser.count(".view-sessions[data-saved]") == 0)
        }

        /// User space says where it maps; the allocator's limit and alignment do not apply there.
        @Test func userSpaceMapsWhereItSays() throws {
            let id = try #require(try server.ask("POST", "/v1/sessions", json: "{}").json["id"] as? String)
            let domain =
                #"{"id":"v0","consumer":"iommufd","devices":[{"platform":"example-qemu-virt","device":"/pcie@10000000"}]}"#
            #expect(try server.ask("POST", "/v1/sessions/\(id)/domains", json: domain).status == 201)
            try browser.openView(server, "#/sessions?session=\(id)")
            try waitForState("live")
            try browser.type("#map-iova", "0x40000000")
            #expect(
                try browser.script("return document.querySelector('#allocate-limit').checkVisibility()")
                    as? Bool == false)
            try submit("Allocate")
            try browser.wait(for: ".answer", contains: "Mapped 0x40000000")
            try browser.wait(for: ".regions", contains: "Mapped by user space")
            try browser.type("#map-iova", "0x8000000")
            try submit("Allocate")
            try browser.wait(for: ".problem", contains: "reserved-region-overlap")
        }

        @Test func deletedSessionStaysDeleted() throws {
            let id = try server.madeSession()
            try browser.openView(server, "#/sessions?session=\(id)")
            try waitForState("live")
            #expect(try server.ask("DELETE", "/v1/sessions/\(id)").status == 204)
            try browser.wait(for: ".problem", contains: "has ended")
            #expect(try server.ask("GET", "/v1/sessions/\(id)").status == 404)
        }

        /// The page asks for the token once, and the stream of events carries it too.
        @Test func followsLiveWithAToken() throws {
            let server = try IovadServer(token: "a-token-of-16-characters")
            let authorization = ["Authorization: Bearer a-token-of-16-characters"]
            #expect(try server.ask("POST", "/v1/sessions", json: "{}").status == 401)
            try browser.open("\(server.origin)/#/sessions")
            try browser.wait(for: ".problem", contains: "unauthenticated")
            try browser.type("#token", "a-token-of-16-characters")
            try browser.script("document.querySelector('#token').form.requestSubmit()")
            try browser.wait("the list of sessions") { try browser.count("#create-session") == 1 }
            try browser.click("#create-session")
            try waitForState("live")
            let hash = try browser.string("return location.hash")
            let id = try #require(hash.split(separator: "session=").last?.split(separator: "&").first)
            let made = try server.ask(
                "POST", "/v1/sessions/\(id)/domains", json: #"{"id":"other","consumer":"dma_api"}"#,
                headers: authorization)
            #expect(made.status == 201)
            try browser.wait("the domain that another client made") {
                try browser.count("[data-domain=other]") == 1
            }
            try browser.wait(for: ".log", contains: "domain created")
        }

        @Test func pollingFollowsWithoutEvents() throws {
            let id = try server.madeSession()
            try browser.openView(server, "#/sessions?live=poll&session=\(id)")
            try waitForState("polling")
            let path = "/v1/sessions/\(id)/domains/d0/iovas"
            #expect(
                try server.ask("POST", path, json: #"{"size":"0x4000","limit":"0xffffffff"}"#).status == 201)
            try browser.wait(for: ".regions", contains: "16 KiB")
        }
    }
}
