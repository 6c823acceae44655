// Names, roles, contrast, focus order and reach by keyboard, in both themes, by checks of our own that run in
// the page (accessibility.js).

import Foundation
import TestSupport
import Testing

extension BrowserSuite {
    @Suite struct AccessibilityTests {
        let server: IovadServer
        let browser: Browser

        init() throws {
            server = try IovadServer()
            browser = try Browser()
        }

        static let script: String = {
            let path = SharedShelf.packageRoot.appendingPathComponent("Tests/BrowserTests/accessibility.js")
            return try! String(contentsOf: path, encoding: .utf8)
        }()

        static let views = ["space", "start", "placement", "agreements", "sessions", "atlas"]

        /// The address of a view with something in it.
        private static func hash(_ view: String, _ server: IovadServer) throws -> String {
            switch view {
            case "sessions": "#/sessions?session=\(try server.madeSession())"
            case "agreements": "#/agreements?agreement=\(try server.madeAgreement())"
            case "space": "#/space?platform=example-arm-juno"
            case "start": "#/space"
            default: "#/\(view)"
            }
        }

        @Test(arguments: views, ["light", "dark"])
        func viewIsAccessible(view: String, theme: String) throws {
            try browser.devTools(
                "Emulation.setEmulatedMedia",
                ["features": [["name": "prefers-color-scheme", "value": theme]]])
            try browser.openView(server, try Self.hash(view, server))
            try browser.settle()
            try browser.script("for (const one of document.querySelectorAll('details')) one.open = true")
            let result = try browser.script(Self.script) as? [String: Any] ?? [:]
            let findings = try #require(result["findings"] as? [String])
            print(
                "accessibility of \(view), \(theme): \(result["measured"] ?? 0) texts,",
                "least contrast \(result["least"] ?? 0)"
            )
            #expect(findings == [])
        }

        /// The checks can fail: a page made wrong on purpose is found out.
        @Test func checksFindWhatIsWrong() throws {
            try browser.openView(server)
            try browser.script(
                """
                const wrong = document.createElement('div');
                for (const tag of ['button', 'input']) wrong.append(document.createElement(tag));
                wrong.firstChild.append(document.createElementNS('http://www.w3.org/2000/svg', 'svg'));
                wrong.append('too pale to read');
                wrong.style.color = '#cccccc';
                wrong.style.backgroundColor = '#ffffff';
                document.querySelector('main').append(wrong);
                """)
            let result = try browser.script(Self.script) as? [String: Any] ?? [:]
            let findings = try #require(result["findings"] as? [String])
            #expect(findings.contains { $0.hasPrefix("no name: <button") }, "\(findings)")
            #expect(findings.contains { $0.hasPrefix("no name: <input") })
            #expect(findings.contains { $0.hasPrefix("contrast 1.6") })
        }

        /// Chromium is started as somebody who wants no motion has it.
        @Test(arguments: views) func standsStillWhereMotionIsUnwelcome(view: String) throws {
            try browser.openView(server, try Self.hash(view, server))
            try browser.settle()
            let moving = try browser.string(
                """
                return [...document.querySelectorAll('*')].filter((one) => {
                  const style = getComputedStyle(one);
                  const lasts = style.transitionDuration.split(',').some((text) => parseFloat(text) > 0);
                  return lasts || style.animationName !== 'none';
                }).map((one) => one.className).join(', ');
                """)
            #expect(moving == "")
        }

        /// Tab alone reaches every control that is shown, in the order of the document, and comes round.
        /// The view of faults has little to measure before a log is there: its own tests measure it then.
        @Test(arguments: views + ["faults"])
        func tabReachesEveryControl(view: String) throws {
            try browser.openView(server, try Self.hash(view, server))
            try browser.settle()
            let wanted =
                try browser.script(
                    """
                    const kinds = 'a[href], button, input, select, textarea, summary, [tabindex="0"]';
                    window.stops = [...document.querySelectorAll(kinds)]
                      .filter((one) => one.tabIndex >= 0 && !one.disabled && one.checkVisibility());
                    document.activeElement.blur();
                    return window.stops.length;
                    """) as? Int ?? 0
            #expect(wanted > 5)
            var order: [Int] = []
            // Chromium also stops at a box that scrolls and holds no control: a few more presses.
            for _ in 0..<(wanted + 12) where order.count < wanted {
                try browser.press("\u{E004}")
                let index =
                    try browser.script("return window.stops.indexOf(document.activeElement)") as? Int ?? -1
                if index >= 0, !order.contains(index) { order.append(index) }
            }
            let missed = Set(0..<wanted).subtracting(order)
            let names = try missed.sorted().map {
                try browser.string("return window.stops[arguments[0]].outerHTML.slice(0, 120)", $0)
            }
            #expect(names == [])
            #expect(order == order.sorted(), "the focus jumps: \(order)")
        }
    }
}
