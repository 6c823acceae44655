// What people read is plain English: no phrase of the table in a comment, a sentence of an answer, the
// dashboard, the contract, the documents or the Makefile. A test of words, not of taste: a reviewer has to
// see the rest.

import Foundation
import TestSupport
import Testing

@Suite struct LanguageTests {
    /// Folders and files that people read. Fixtures are quoted from elsewhere.
    static let texts: [String] = {
        let root = SharedShelf.packageRoot
        var found = ["Makefile", "openapi.yaml", "Package.swift", ".ci/run"]
        let top = (try? FileManager.default.contentsOfDirectory(atPath: root.path)) ?? []
        found += top.filter { $0.hasSuffix(".md") }
        for folder in [
            "Sources", "Tests", "docs", "Benchmarks/Sources", "Benchmarks/http", "Benchmarks/yardsticks",
            "Public",
            "Scripts", "Fuzz",
        ] {
            let names = FileManager.default.enumerator(atPath: root.appendingPathComponent(folder).path)
            found += (names?.compactMap { $0 as? String } ?? []).filter(isText).map { "\(folder)/\($0)" }
        }
        return found.sorted()
    }()

    private static func isText(_ name: String) -> Bool {
        let types = ["swift", "md", "html", "js", "css", "py", "sh", "c", "cpp", "h"]
        return types.contains { name.hasSuffix(".\($0)") } && !name.contains("Fixtures/")
            && !["PlainWords.swift", "LanguageTests.swift"].contains {
                name.hasSuffix("ArchitectureTests/\($0)")
            }
    }

    @Test func everyTextIsFound() {
        #expect(Self.texts.count > 300)
        for name in ["README.md", "ARCHITECTURE.md", "Public/index.html", "Sources/API/README.md"] {
            #expect(Self.texts.contains(name))
        }
    }

    @Test(arguments: texts) func wordsArePlain(path: String) throws {
        let text = try String(
            contentsOf: SharedShelf.packageRoot.appendingPathComponent(path), encoding: .utf8)
        for place in UnplainPhrase.places(in: text, path: path) { Issue.record("\(place)") }
    }

    @Test func phrasesAreFoundAcrossLines() {
        let comment = "/// what it comes\n    /// to in the end\n"
        #expect(UnplainPhrase.places(in: comment, path: "x").map(\.line) == [1])
        #expect(UnplainPhrase.places(in: "\"it goes \"\n  + \"astray.\"", path: "x").count == 1)
        #expect(UnplainPhrase.places(in: "a device behind an SMMU comes later", path: "x").isEmpty)
    }
}
