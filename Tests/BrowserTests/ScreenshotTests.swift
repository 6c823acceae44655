// Pictures for people: every view at three widths in both themes. Written where IOVAD_TEST_SCREENSHOTS says;
// what holds everywhere, asked or not, is that nothing is wider than the screen.

import Foundation
import TestSupport
import Testing

extension BrowserSuite {
    @Suite struct ScreenshotTests {
        static let folder = ProcessInfo.processInfo.environment["IOVAD_TEST_SCREENSHOTS"]

        @Test(arguments: [
            "space?platform=example-arm-juno", "space", "placement", "agreements", "faults", "sessions", "atlas",
        ])
        func viewFitsEveryWidth(view: String) throws {
            let server = try IovadServer()
            let browser = try Browser()
            let name = view == "space" ? "start" : view.prefix { $0 != "?" }
            let hash =
                switch view {
                case "sessions": "sessions?session=\(try server.madeSession())"
                case "agreements": "agreements?agreement=\(try server.madeAgreement())"
                default: view
                }
            // 720 and 320 pixels are a laptop's screen at 200 % and 400 %.
            for width in [320, 390, 720, 768, 1440] {
                for theme in ["light", "dark"] {
                    try browser.devTools(
                        "Emulation.setEmulatedMedia",
                        ["features": [["name": "prefers-color-scheme", "value": theme]]])
                    try resize(browser, width: width, height: 900)
                    try browser.openView(server, "#/\(hash)")
                    try browser.settle()
                    let wide = try browser.script("return document.documentElement.scrollWidth") as? Int ?? 0
                    #expect(wide <= width, "\(view) at \(width): \(wide) pixels wide")
                    guard let folder = Self.folder, ![320, 720].contains(width) else { continue }
                    try picture(browser, "\(name)-\(width)-\(theme)", in: folder)
                }
            }
            try print(hash, as: String(name), server, browser)
        }

        /// On paper nothing to click is left, and what explains is still there.
        private func print(
            _ hash: String, as name: String, _ server: IovadServer, _ browser: Browser
        ) throws {
            try resize(browser, width: 1280, height: 900)
            try browser.openView(server, "#/\(hash)")
            try browser.settle()
            try browser.devTools("Emulation.setEmulatedMedia", ["media": "print"])
            let controls = try browser.string(
                """
                return [...document.querySelectorAll('button:not(.link), input, select')]
                  .filter((one) => one.checkVisibility({visibilityProperty: true}) && !one.closest('details'))
                  .map((one) => one.id || one.className || one.textContent).join(', ');
                """)
            #expect(controls == "", "\(name) on paper")
            guard let folder = Self.folder else { return }
            // A4 at 96 pixels an inch.
            try resize(browser, width: 794, height: 1_123)
            try picture(browser, "\(name)-print", in: folder)
        }

        /// The whole page, as high as it is up to a limit.
        private func picture(_ browser: Browser, _ name: String, in folder: String) throws {
            let size =
                try browser.script(
                    "return [innerWidth, document.documentElement.scrollHeight]") as? [Int] ?? [800, 900]
            try resize(browser, width: size[0], height: min(4_000, size[1]))
            usleep(200_000)
            let picture = try browser.devTools("Page.captureScreenshot", ["format": "png"])
            let data = Data(base64Encoded: picture["data"] as? String ?? "") ?? Data()
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            try data.write(to: URL(fileURLWithPath: folder).appendingPathComponent("\(name).png"))
        }

        private func resize(_ browser: Browser, width: Int, height: Int) throws {
            try browser.devTools(
                "Emulation.setDeviceMetricsOverride",
                ["width": width, "height": height, "deviceScaleFactor": 1, "mobile": false])
        }
    }
}
