// Machines on the server as people keep them: named, renamed, removed; and the page that is there before any.

import Foundation
import TestSupport
import Testing

extension BrowserSuite {
    @Suite struct PlatformCareTests {
        let server: IovadServer
        let browser: Browser

        init() throws {
            server = try IovadServer()
            browser = try Browser()
        }

        private func drop(_ name: String) throws {
            try browser.drop(AddressSpaceViewTests.gapTree(), named: name)
        }

        private func ids() throws -> [String] {
            let items = try server.ask("GET", "/v1/platforms").json["items"] as? [[String: Any]] ?? []
            return items.filter { $0["built_in"] as? Bool != true }.compactMap { $0["id"] as? String }
        }

        @Test func renamedAndRemoved() throws {
            try browser.openView(server)
            try drop("board.dtb")
            try browser.wait(for: "h1", contains: "/pcie@4000")
            try browser.press(button: "Rename")
            try browser.type("#platform-name", "lab-7")
            try browser.press(button: "Rename it")
            try browser.wait("the new name") {
                try browser.string("return location.hash") == "#/space?platform=lab-7"
            }
            #expect(try ids() == ["lab-7"])
            try browser.wait("the list") {
                try browser.string("return document.querySelector('#platform').value") == "lab-7"
            }
            try browser.press(button: "Delete")
            #expect(try ids() == ["lab-7"], "one press asks, the second removes")
            try browser.press(button: "Delete lab-7 for good")
            try browser.wait(for: ".welcome", contains: "Check a machine")
            #expect(try ids() == [])
            let messages = try browser.console()
            #expect(messages == [])
        }

        /// A page that never had the file renames in one step too.
        @Test func renameAfterAReload() throws {
            try browser.openView(server)
            try drop("board.dtb")
            try browser.wait(for: "h1", contains: "/pcie@4000")
            try browser.openView(server, "#/space?platform=board")
            try browser.wait(for: ".care", contains: "Rename")
            try browser.press(button: "Rename")
            try browser.type("#platform-name", "example-arm-juno\u{E007}")
            try browser.wait(for: ".picker .problem", contains: "is built in")
            #expect(try ids() == ["board"])
            try browser.type("#platform-name", "lab-8\u{E007}")
            try browser.wait("the new name") { try ids() == ["lab-8"] }
            try browser.wait(for: "[data-policy=vfio_type1]", contains: "unreachable")
            try browser.wait("the list") {
                try browser.string("return document.querySelector('#platform').value") == "lab-8"
            }
        }

        /// A name that is taken can be replaced by one of one's own.
        @Test func namedWhenUploaded() throws {
            try browser.openView(server)
            try drop("board.dtb")
            try browser.wait(for: "h1", contains: "/pcie@4000")
            try drop("board.dtb")
            try browser.wait(for: "#intake .problem", contains: "platform-exists")
            try browser.type("#upload-name", "second")
            try browser.press(button: "Keep both")
            try browser.wait("the platform") {
                try browser.string("return location.hash") == "#/space?platform=second"
            }
            #expect(try ids() == ["board", "second"])
            #expect(try browser.count("#intake .problem") == 0)
        }

        /// A name that was typed is the next machine's, and no other's.
        @Test func namedBeforeItIsUploaded() throws {
            try browser.openView(server)
            try browser.type("#new-name", "Rack 3, left")
            try drop("board.dtb")
            try browser.wait("the platform") {
                try browser.string("return location.hash") == "#/space?platform=Rack-3-left"
            }
            try drop("board.dtb")
            try browser.wait("the other platform") {
                try browser.string("return location.hash") == "#/space?platform=board"
            }
            #expect(try Set(ids()) == ["Rack-3-left", "board"])
        }

        @Test func builtInOnesStay() throws {
            try browser.openView(server, "#/space?platform=example-arm-juno")
            try browser.wait(for: "[data-policy=vfio_type1]", contains: "unreachable")
            #expect(try browser.count(".care button") == 0)
        }

        @Test func startPageExplains() throws {
            try browser.openView(server)
            try browser.wait(for: ".welcome", contains: "interrupts never arrive")
            for hash in ["#/faults", "#/placement", "#/space?platform=example-arm-juno"] {
                #expect(try browser.count(".welcome a[href='\(hash)']") >= 1, "\(hash)")
            }
            #expect(try browser.count(".policy, .detail .item") == 0)
            try browser.click(".welcome a[href='#/space?platform=example-qemu-virt']")
            try browser.wait("the verdict") {
                try browser.text("[data-policy=vfio_type1] .pill") == "reachable"
            }
            #expect(
                try browser.script("return document.querySelector('.welcome').checkVisibility()") as? Bool
                    == false)
        }

        @Test func linksOfTheFrame() throws {
            try browser.openView(server)
            #expect(try browser.count(".top a[href='/docs/api']") == 1)
            #expect(try browser.count(".top a[href='/docs']") == 1)
            // Links that people have kept.
            try browser.script("location.hash = '#/logs?platform=example-arm-juno'")
            try browser.wait("the view") { try browser.count(".view-faults #log") == 1 }
            #expect(try browser.count("[data-view=faults][aria-current=page]") == 1)
        }

        /// A tab says where it is.
        @Test func titlesAreOfTheView() throws {
            try browser.openView(server, "#/space?platform=example-arm-juno")
            try browser.wait(for: "[data-policy=vfio_type1]", contains: "unreachable")
            #expect(try browser.string("return document.title") == "/pcie@40000000 · iovad")
            for (view, title) in [("placement", "Placement"), ("faults", "Faults"), ("atlas", "Atlas")] {
                try browser.script("location.hash = '#/\(view)'")
                try browser.wait("the view") { try browser.count("main.view-\(view)") == 1 }
                #expect(try browser.string("return document.title") == "\(title) · iovad")
            }
        }

        /// A refused file belongs to the view in which it was dropped, and can be put away.
        @Test func refusedFilesStayWhereTheyWere() throws {
            try browser.openView(server)
            for close in [true, false] {
                try browser.drop(Array("no machine".utf8), named: "garbage.bin")
                try browser.wait("the refusal") { try browser.count("#intake .problem") == 1 }
                if close {
                    try browser.press(button: "Close", in: "#intake")
                } else {
                    try browser.script("location.hash = '#/atlas'")
                    try browser.wait("the view") { try browser.count("main.view-atlas") == 1 }
                }
                #expect(try browser.count("#intake .problem") == 0)
            }
        }

        /// Pages of problems wear the dashboard's sheets and link back.
        @Test func problemPagesAreStyled() throws {
            try browser.open("\(server.origin)/problems/iova-exhausted")
            try browser.wait("the page") { try browser.count("main.page h1") == 1 }
            let family = try browser.string("return getComputedStyle(document.querySelector('h1')).fontSize")
            #expect(family == "22px")
            #expect(try browser.count("main.page a[href='/']") == 1)
            let messages = try browser.console()
            #expect(messages == [])
        }
    }
}
