// The page repeats a few words and bounds of the server, each in one file; here they are held against it.

import AddressSpaces
import Fleet
import Foundation
import JSON
import LinuxReleases
import MSIWindows
import Machines
import TestSupport
import Testing

@testable import API

@Suite struct DashboardWordsTests {
    private static func script(_ name: String) throws -> String {
        try String(
            contentsOf: SharedShelf.packageRoot.appendingPathComponent("Public/js/\(name)"), encoding: .utf8)
    }

    @Test func conditionsAreTheServers() throws {
        let text = try Self.script("conditions.js")
        let kernels = KernelRelease.allCases.sorted(by: >).map { "'\($0.rawValue)'" }
        #expect(text.contains("KERNELS = [\(kernels.joined(separator: ", "))]"))
        #expect(KernelRelease.newest == KernelRelease.allCases.max())
        let pages = WireWords.pageSizes.map { "['\(HexLiteral.text($0.bytes))', '\($0.bytes >> 10) KiB']" }
        #expect(text.contains("PAGES = [\(pages.joined(separator: ", "))]"))
        #expect(text.contains("DEFAULT_BASE = '\(DriverWindow.mainline.start.hex)'"))
        #expect(text.contains("SECOND_BASE = '\(DriverWindow.postedSecond.start.hex)'"))
        #expect(text.contains("DOORBELLS_MAX = \(WindowDemand.doorbellsBounds.upperBound)"))
        let client = ServiceClient()
        for (bits, status) in [(15, 422), (16, 200), (64, 200), (65, 422)] {
            let answer = client.decide(
                #"{"reserved_regions":[],"consumer":"vfio_type1","aperture_bits":\#(bits)}"#)
            #expect(answer.status == status, "\(bits)")
        }
        #expect(text.contains("APERTURE_BITS = { min: 16, max: 64, usual: 48 }"))
    }

    /// A field of the page takes a text if and only if the server would.
    @Test func amountsAreTheServers() throws {
        let text = try Self.script("hex.js")
        let tail = try #require(text.split(separator: "const AMOUNT = /").last)
        let pattern = try #require(tail.split(separator: "/i;").first)
        let amount = try NSRegularExpression(pattern: String(pattern), options: .caseInsensitive)
        // Whether bytes are whole and fit into 64 bits, the page computes beside the pattern.
        let computed = ["is no whole number of bytes", "is 2^64 bytes or more"]
        func isServers(_ text: String) -> Bool {
            let problems = ProblemList(limit: 1)
            if WireValue.text(text, pointer: "?size").size(problems) != nil { return true }
            return computed.contains { problems.problems.first?.detail.contains($0) == true }
        }
        func isPages(_ text: String) -> Bool {
            amount.firstMatch(in: text, range: NSRange(location: 0, length: text.utf16.count)) != nil
        }
        var texts = [
            "64G", "64GB", "64GiB", "64Gi", "2 MiB", "2  MiB", "2MiB", "5_000", "64B", "64iB", "64 ", "1.5G",
            "1.5 GiB", "1.5", "1.5B", ".5G", "1.G", "0.3K", "16E", "1P", "0x", "0X1f", "0x1fG", "+1",
            "-1", "",
            "0x" + String(repeating: "0", count: 20) + "1", "0x" + String(repeating: "f", count: 17), "1e3",
            "1.0",
        ]
        var random = SeededGenerator.forTest("amounts", fallback: 23)
        for _ in 0..<20_000 {
            let letters = (0..<Int.random(in: 0...5, using: &random)).map { _ in
                "0019fxXkKmMgGtTiIbB _+-.e".randomElement(using: &random)!
            }
            texts.append(String(letters))
        }
        for text in texts { #expect(isServers(text) == isPages(text), "\(text)") }
        #expect(texts.filter(isPages).count > 100)
        #expect(text.contains("DECIMAL_MAX = (1n << 53n) - 1n;"))
        #expect(ServiceClient().get("/v1/vmms/qemu-virt?ram=9007199254740992").status == 400)
        #expect(ServiceClient().get("/v1/vmms/qemu-virt?ram=64GX").status == 400)
        #expect(ServiceClient().get("/v1/vmms/qemu-virt?ram=64GB").status == 200)
    }

    @Test func everyKindHasAName() throws {
        let text = try Self.script("kinds.js")
        let kinds =
            WithheldItem.Kind.allCases.map(\.rawValue) + HostObstacle.Kind.allCases.map(\.rawValue)
        for kind in Set(kinds) { #expect(text.contains("\n  \(kind): ["), "\(kind)") }
    }

    /// The words stand in no other file of the page.
    @Test func wordsHaveOneHome() throws {
        let root = SharedShelf.packageRoot.appendingPathComponent("Public/js")
        let files = FileManager.default.enumerator(at: root, includingPropertiesForKeys: nil)
        while let file = files?.nextObject() as? URL {
            guard file.pathExtension == "js", file.lastPathComponent != "conditions.js" else { continue }
            let text = try String(contentsOf: file, encoding: .utf8)
            for word in ["'6.12'", "'0x10000'", "'0xa0000000'", "0x8000000n"] {
                #expect(!text.contains(word), "\(file.lastPathComponent) spells \(word)")
            }
            // One file makes the fields of kernel and page size, and says what they send.
            guard file.lastPathComponent != "condition-fields.js" else { continue }
            for list in ["KERNELS", " PAGES"] {
                #expect(!text.contains(list), "\(file.lastPathComponent) offers \(list)")
            }
        }
    }
}
