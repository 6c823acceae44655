// The documentation in the browser: pages fit and keep to the policy, and the API reference lists every
// operation and sends requests.

import Foundation
import TestSupport
import Testing

extension BrowserSuite {
    @Suite struct DocumentationViewTests {
        let server: IovadServer
        let browser: Browser

        init() throws {
            server = try IovadServer()
            browser = try Browser()
        }

        private func openReference(_ hash: String = "") throws {
            try browser.open("\(server.origin)/docs/api\(hash)")
            try browser.wait("the operations") { try browser.count(".operation") > 0 }
        }

        @Test func pagesAreLinkedAndKeepToThePolicy() throws {
            try browser.open("\(server.origin)/docs")
            let links =
                try browser.script("return [...document.querySelectorAll('.pages a')].map((a) => a.href)")
                as? [String] ?? []
            #expect(links.count > 12)
            for link in links {
                try browser.open(link)
                #expect(try browser.text("h1") != "", "\(link)")
                #expect(try browser.console() == [], "\(link)")
                for width in [390, 1440] {
                    try browser.devTools(
                        "Emulation.setDeviceMetricsOverride",
                        ["width": width, "height": 900, "deviceScaleFactor": 1, "mobile": false])
                    let wide = try browser.script("return document.documentElement.scrollWidth") as? Int ?? 0
                    #expect(wide <= width, "\(link) at \(width): \(wide) pixels wide")
                }
            }
        }

        @Test(arguments: ["", "/concepts", "/limits", "/api#decide"], ["light", "dark"])
        func pageIsAccessible(page: String, theme: String) throws {
            try browser.devTools(
                "Emulation.setEmulatedMedia",
                ["features": [["name": "prefers-color-scheme", "value": theme]]])
            try browser.open("\(server.origin)/docs\(page)")
            if page.hasPrefix("/api") { try openReference("#decide") }
            let result = try browser.script(AccessibilityTests.script) as? [String: Any] ?? [:]
            let findings = try #require(result["findings"] as? [String])
            #expect(findings == [])
        }

        @Test func everyOperationIsThereAndOpens() throws {
            try openReference()
            let count =
                try browser.script(
                    """
                    const views = [...document.querySelectorAll('.operation')];
                    for (const view of views) view.open = true;
                    return views.length;
                    """) as? Int ?? 0
            #expect(count > 50)
            try browser.wait("every operation") { try browser.count(".operation form.request") == count }
            // Schemas name each other in circles: three steps down is enough to meet all of them.
            for _ in 0..<3 {
                try browser.script("for (const one of document.querySelectorAll('details')) one.open = true")
                try browser.settle()
            }
            #expect(try browser.console() == [])
            #expect(try browser.count(".members li") > 1_000)
        }

        @Test func requestsAreSent() throws {
            try openReference("#decide")
            try browser.click("#decide form button[type=submit]")
            try browser.wait(for: "#decide .result .status", contains: "200")
            #expect(try browser.text("#decide .answer-body").contains("\"kind\": \"decision\""))
            // A variable of the path, and an answer without a body.
            try openReference("#readPlatform")
            try browser.click("#readPlatform form button[type=submit]")
            try browser.wait(for: "#readPlatform .result .status", contains: "200")
            #expect(try browser.text("#readPlatform .answer-body").contains("example-arm-juno"))
            #expect(try browser.console() == [])
        }

        @Test func operationsAreFound() throws {
            try openReference()
            try browser.type("#find", "fault explain")
            try browser.wait(for: ".reference-tools [role=status]", contains: " of ")
            let shown = try browser.string(
                """
                const shown = document.querySelectorAll('.operation:not([hidden])');
                return [...shown].map((one) => one.id).join(' ');
                """)
            #expect(shown.contains("explainFaults") && !shown.contains("decide"), "\(shown)")
        }
    }
}
