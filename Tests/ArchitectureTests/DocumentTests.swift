// The documents name what exists: each module's README says what the module is and which three types to read
// first, and every path and type that the documents put in backticks is in the tree.

import Foundation
import TestSupport
import Testing

@Suite struct DocumentTests {
    static let modules = Manifest.targets.filter { $0.path.hasPrefix("Sources/") }
    static let documents = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md"] + pages
    /// The sources of the documentation.
    static let pages: [String] = {
        let folder = SharedShelf.packageRoot.appendingPathComponent("docs").path
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        return names.filter { $0.hasSuffix(".md") }.sorted().map { "docs/\($0)" }
    }()

    @Test func documentsAreThere() {
        #expect(Self.pages.count > 12)
        for name in Self.documents + ["CHANGELOG.md", "LICENSE"] {
            #expect(Self.text(name) != nil, "\(name)")
        }
    }

    /// The first screen of a module: its name, what it is and is not, and where to start.
    @Test(arguments: modules.map(\.name)) func moduleHasReadme(name: String) throws {
        let module = try #require(Self.modules.first { $0.name == name })
        let text = try #require(Self.text("\(module.path)/README.md"), "\(module.path) has no README.md")
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        #expect(lines.first == "# \(name)", "the first line names the module")
        #expect(lines.count <= 30, "\(module.path)/README.md: a first screen, not a book")
        let first = try #require(lines.first { $0.hasPrefix("Read first: ") }, "no line \"Read first: \"")
        let types = Self.quoted(String(first))
        if Self.isSwift(module) {
            let declared = Self.types(below: module.path)
            #expect(types.count == min(3, declared.count), "three types to read first, not \(types)")
            for type in types { #expect(declared.contains(type), "\(name) declares no \(type)") }
        } else {
            for file in types { #expect(Self.exists("\(module.path)/\(file)"), "\(name) has no \(file)") }
        }
    }

    /// A module's README names its folders in backticks and its files by their ending.
    @Test(arguments: modules.map(\.name)) func moduleReadmeNamesWhatIsThere(name: String) throws {
        let module = try #require(Self.modules.first { $0.name == name })
        let text = try #require(Self.text("\(module.path)/README.md"))
        for folder in Self.quoted(text) where folder.hasSuffix("/") && folder.count > 1 {
            let isBelow = SourceTree.swiftFiles.contains {
                $0.path.hasPrefix(module.path + "/") && $0.path.contains("/\(folder)")
            }
            #expect(isBelow || Self.exists(folder), "\(name): there is no \(folder)")
        }
        Self.expectSwiftFiles(in: text, of: name)
    }

    @Test(arguments: documents) func filesExist(document: String) throws {
        Self.expectSwiftFiles(in: try #require(Self.text(document)), of: document)
    }

    private static func expectSwiftFiles(in text: String, of owner: String) {
        let words = text.split { !($0.isLetter || $0.isNumber || "+._".contains($0)) }
        for word in words where word.hasSuffix(".swift") && word.count > 6 {
            let isThere = SourceTree.swiftFiles.contains { $0.path.hasSuffix("/\(word)") || $0.path == word }
            #expect(isThere || Self.exists(String(word)), "\(owner): there is no \(word)")
        }
    }

    /// Names in backticks: paths from the root, and types by their capital letter and camel case.
    @Test(arguments: documents.filter { $0 != "README.md" && !hasOthersNames($0) })
    func namesExist(document: String) throws {
        let text = try #require(Self.text(document))
        let known = Self.types(below: "Sources").union(Manifest.targets.map(\.name))
        for name in Self.quoted(text) {
            if Self.roots.contains(where: name.hasPrefix), !name.contains("*"), !name.contains("<") {
                #expect(Self.exists(name), "\(document): there is no \(name)")
            } else if let type = Self.typeName(name) {
                #expect(known.contains(type), "\(document): no type or module \(type)")
            }
        }
    }

    /// Pages that quote names of JSON, of the kernel and of other programs in backticks.
    private static func hasOthersNames(_ document: String) -> Bool {
        [
            "glossary", "http", "operations", "performance", "sessions", "describe-a-machine",
            "explain-a-fault",
        ]
        .contains { document == "docs/\($0).md" }
    }

    private static let roots = ["Sources/", "Tests/", "Public/", "Benchmarks/", "Scripts/", "Fuzz/"]

    /// The type of `Type`, `Type.member` or `Type(...)`; nil for other words.
    private static func typeName(_ name: String) -> String? {
        guard let head = name.split(whereSeparator: { ".(<".contains($0) }).first,
            head.first?.isUppercase == true, head.contains(where: \.isLowercase),
            head.allSatisfy({ $0.isLetter || $0.isNumber })
        else { return nil }
        return name.hasSuffix(".md") || name.hasSuffix(".swift") || name == "Makefile" ? nil : String(head)
    }

    private static func isSwift(_ module: Manifest.Target) -> Bool {
        SourceTree.swiftFiles.contains { $0.path.hasPrefix(module.path + "/") }
    }

    private static func types(below folder: String) -> Set<String> {
        let expression = try! NSRegularExpression(
            pattern: #"\b(?:struct|class|enum|protocol|actor|typealias) ([A-Z]\w*)"#)
        var found: Set<String> = []
        for file in SourceTree.swiftFiles where file.path.hasPrefix(folder + "/") {
            for line in file.lines where !line.contains("//") {
                let text = String(line)
                let range = NSRange(text.startIndex..., in: text)
                guard let match = expression.firstMatch(in: text, range: range),
                    let name = Range(match.range(at: 1), in: text)
                else { continue }
                found.insert(String(text[name]))
            }
        }
        return found
    }

    private static func quoted(_ text: String) -> [String] {
        var isFenced = false
        return text.split(separator: "\n").flatMap { line -> [String] in
            if line.hasPrefix("```") { isFenced.toggle() }
            guard !isFenced else { return [] }
            let parts = line.split(separator: "`", omittingEmptySubsequences: false)
            return parts.indices.filter { $0 % 2 == 1 }.map { String(parts[$0]) }
        }
    }

    private static func exists(_ path: String) -> Bool {
        FileManager.default.fileExists(atPath: SharedShelf.packageRoot.appendingPathComponent(path).path)
    }

    private static func text(_ path: String) -> String? {
        try? String(contentsOf: SharedShelf.packageRoot.appendingPathComponent(path), encoding: .utf8)
    }
}
