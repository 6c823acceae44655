// Pictures for people: every view at three widths in both themes. Written where IOVAD_TEST_SCREENSHOTS says;
// what holds everywhere, asked or not, is that nothing is wider than the screen.

import Foundation
import TestSupport
import Testing

extension BrowserSuite {
    @Suite struct ScreenshotTests {
        static let folder = ProcessInfo.processInfo.environment["IOVAD_TEST_SCREENSHOTS"]

        @Test(arguments: ["space?platform=example-arm-juno", "placement", "sessions", "atlas"])
        func viewFitsEveryWidth(view: String) throws {
            let server = try IovadServer()
            let browser = try Browser()
            let name = view.prefix { $0 != "?" }
            let hash = view == "sessions" ? "sessions?session=\(try server.madeSession())" : view
            for width in [390, 1280, 1920] {
                for theme in ["light", "dark"] {
                    try browser.devTools(
                        "Emulation.setEmulatedMedia",
                        ["features": [["name": "prefers-color-scheme", "value": theme]]])
                    try resize(browser, width: width, height: 900)
                    try browser.openView(server, "#/\(hash)")
                    try browser.settle()
                    let wide = try browser.script("return document.documentElement.scrollWidth") as? Int ?? 0
                    #expect(wide <= width, "\(view) at \(width): \(wide) pixels wide")
                    guard let folder = Self.folder else { continue }
                    let height =
                        try browser.script("return document.documentElement.scrollHeight") as? Int ?? 900
                    try resize(browser, width: width, height: min(4_000, height))
                    usleep(200_000)
                    let picture = try browser.devTools("Page.captureScreenshot", ["format": "png"])
                    let data = Data(base64Encoded: picture["data"] as? String ?? "") ?? Data()
                    let file = URL(fileURLWithPath: folder).appendingPathComponent(
                        "\(name)-\(width)-\(theme).png")
                    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
                    try data.write(to: file)
                }
            }
        }

        private func resize(_ browser: Browser, width: Int, height: Int) throws {
            try browser.devTools(
                "Emulation.setDeviceMetricsOverride",
                ["width": width, "height": height, "deviceScaleFactor": 1, "mobile": false])
        }
    }
}
