// How soon the first view is usable, how much goes over the wire for it, and how the files are served.

import Foundation
import TestSupport
import Testing

extension BrowserSuite {
    @Suite struct FirstViewTests {
        static let usableMillisecondsMax = 300.0
        static let transferBytesMax = 150 * 1024

        @Test func firstViewIsSoonAndSmall() throws {
            let server = try IovadServer()
            let browser = try Browser()
            // Chromium itself starts warm, its cache empty: the renderer of the first page is not ours.
            try browser.open("\(server.origin)/livez")
            var best = Double.infinity
            // A busy machine needs more tries to show what the page itself takes.
            for _ in 0..<20 where best >= Self.usableMillisecondsMax {
                try browser.devTools("Network.clearBrowserCache")
                try browser.openView(server, "#/space?platform=example-arm-juno")
                let usable = try browser.script(
                    "return performance.getEntriesByName('iovad-usable')[0].startTime")
                best = min(best, (usable as? Double) ?? .infinity)
            }
            let bytes =
                try browser.script(
                    """
                    const entries = ['navigation', 'resource']
                      .flatMap((type) => performance.getEntriesByType(type));
                    return entries.reduce((sum, entry) => sum + entry.transferSize, 0);
                    """) as? Int ?? .max
            let files =
                try browser.script("return performance.getEntriesByType('resource').length") as? Int ?? 0
            print(
                "first view: usable after \(Int(best)) ms, \(bytes) bytes in \(files + 1) answers, with an empty cache"
            )
            #expect(best < Self.usableMillisecondsMax)
            #expect(bytes < Self.transferBytesMax && bytes > 10_000)
        }

        @Test func filesHaveTagsTypesPolicyAndCompression() throws {
            let server = try IovadServer()
            let expected = [
                "/": "text/html", "/js/main.js": "text/javascript", "/css/base.css": "text/css",
                "/favicon.svg": "image/svg+xml",
            ]
            for (path, type) in expected {
                let plain = try server.ask("GET", path)
                #expect(plain.status == 200, "\(path)")
                #expect(plain.header("content-type")?.hasPrefix(type) == true, "\(path)")
                #expect(plain.header("content-security-policy")?.contains("default-src 'self'") == true)
                let tag = try #require(plain.header("etag"))
                #expect(try server.ask("GET", path, headers: ["If-None-Match: \(tag)"]).status == 304)
                let small = try server.ask("GET", path, headers: ["Accept-Encoding: gzip"])
                if plain.body.count > 2_000 {
                    #expect(small.header("content-encoding") == "gzip", "\(path)")
                    #expect(small.body.count < plain.body.count / 2)
                }
            }
        }

        /// Nothing in the page needs what the policy forbids, and no markup is made from data.
        @Test func filesKeepToThePolicy() throws {
            let root = SharedShelf.packageRoot.appendingPathComponent("Public")
            let names = FileManager.default.enumerator(atPath: root.path)?.compactMap { $0 as? String } ?? []
            let scripts = names.filter { $0.hasSuffix(".js") }
            #expect(scripts.count > 10)
            for name in scripts {
                let text = try String(contentsOf: root.appendingPathComponent(name), encoding: .utf8)
                for forbidden in [
                    "innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "https://",
                ] {
                    #expect(!text.contains(forbidden), "\(name) says \(forbidden)")
                }
            }
            let page = try String(contentsOf: root.appendingPathComponent("index.html"), encoding: .utf8)
            for forbidden in [" style=", " onclick=", "<style", "<script>", "https://"] {
                #expect(!page.contains(forbidden), "index.html says \(forbidden)")
            }
            for name in names where name.hasSuffix(".css") {
                let text = try String(contentsOf: root.appendingPathComponent(name), encoding: .utf8)
                #expect(!text.contains("url("), "\(name) loads something")
            }
        }
    }
}
