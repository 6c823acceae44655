// The arrows of the house. The graph is generated from the manifest and held against a golden file
// that a person reviews; the import lines of every file must stay inside it. To renew the golden file
// after a decision, run the tests with IOVAD_UPDATE_GOLDEN=1 and read the difference.

import Foundation
import TestSupport
import Testing

@Suite struct ModuleGraphTests {
    static let goldenPath = "Tests/ArchitectureTests/module-graph.txt"
    static let core: Set<String> = [
        "AddressSpaces", "LinuxReleases", "IOVAAllocation", "Machines", "MSIWindows", "Sandboxes", "Fleet",
    ]
    /// The only module that may import each C library.
    static let fences: [String: Set<String>] = [
        "CMicroHTTPD": ["MicroHTTP"], "CGnuTLS": ["MicroHTTP", "Digests"], "CSimdJSON": ["JSON"],
        "CZlib": ["HTTP"], "CCurl": ["HTTPClient"], "CSQLite": ["SQLiteStorage"],
        "CPostgreSQL": ["PostgreSQLStorage"],
    ]

    @Test func manifestMatchesGoldenGraph() throws {
        let drawn =
            Self.graph().map { "\($0.key): \($0.value.sorted().joined(separator: " "))" }
            .sorted().joined(separator: "\n") + "\n"
        let golden = SharedShelf.packageRoot.appendingPathComponent(Self.goldenPath)
        if ProcessInfo.processInfo.environment["IOVAD_UPDATE_GOLDEN"] != nil {
            try drawn.write(to: golden, atomically: true, encoding: .utf8)
        }
        #expect(try drawn == String(contentsOf: golden, encoding: .utf8))
    }

    @Test func importsStayInsideTheGraph() {
        let graph = Self.graph()
        for file in SourceTree.swiftFiles {
            guard let target = file.target else {
                #expect(file.path.hasPrefix("Benchmarks/"), "\(file.path) is in no target")
                continue
            }
            guard !target.isTest else { continue }
            for name in Self.imports(of: file) where graph[name] != nil {
                #expect(target.dependencies.contains(name), "\(file.path) imports \(name)")
            }
        }
    }

    @Test func coreIsPure() {
        for file in SourceTree.swiftFiles {
            guard let target = file.target, Self.core.contains(target.name) else { continue }
            for name in Self.imports(of: file) {
                #expect(Self.core.contains(name), "\(file.path) imports \(name)")
            }
        }
    }

    /// The server starts in milliseconds and stays small without it, rim included.
    @Test func serverImportsNoFoundation() {
        for file in SourceTree.swiftFiles where file.isProduct {
            for name in Self.imports(of: file) {
                #expect(!name.hasPrefix("Foundation"), "\(file.path) imports \(name)")
            }
        }
    }

    @Test func onlyTheFenceSeesEachCLibrary() {
        for file in SourceTree.swiftFiles {
            guard let target = file.target, !target.isTest else { continue }
            for name in Self.imports(of: file) {
                guard let owners = Self.fences[name] else { continue }
                #expect(owners.contains(target.name), "\(file.path) imports \(name)")
            }
        }
    }

    /// Sources/ is the server and all else is not: the linear walk and the tests' support stay outside.
    @Test func serverIsBuiltFromSourcesAlone() throws {
        let server = try #require(Manifest.products.first { $0.name == "iovad" })
        #expect(server.targets == ["iovad"])
        let closure = Manifest.closure(of: "iovad")
        #expect(closure.count > 10)
        for target in Manifest.targets {
            #expect(
                closure.contains(target.name) == target.path.hasPrefix("Sources/"),
                "\(target.name) in \(target.path)")
        }
        for name in ["LinearWalk", "TestSupport"] {
            #expect(Manifest.targets.contains { $0.name == name })
            #expect(!closure.contains(name), "the server links \(name)")
        }
    }

    @Test func everyFileHasOneTarget() {
        for file in SourceTree.swiftFiles {
            let owners = Manifest.targets.filter { file.path.hasPrefix($0.path + "/") }
            #expect(owners.count <= 1, "\(file.path) is in \(owners.map(\.name))")
        }
    }

    @Test func graphHasNoCycle() {
        var left = Self.graph()
        while let leaf = left.first(where: { $0.value.allSatisfy { left[$0] == nil } })?.key {
            left[leaf] = nil
        }
        #expect(left.isEmpty, "a cycle among \(left.keys.sorted())")
    }

    /// Every target that is no test, with the targets that it may import.
    static func graph() -> [String: Set<String>] {
        let pairs = Manifest.targets.filter { !$0.isTest }.map { ($0.name, $0.dependencies) }
        return Dictionary(uniqueKeysWithValues: pairs)
    }

    private static func isModifier(_ word: Substring) -> Bool {
        word.hasPrefix("@") || ["public", "package", "internal", "fileprivate", "private"].contains(word)
    }

    private static func imports(of file: SourceFile) -> [String] {
        file.lines.compactMap { line in
            let words = line.split(separator: "/", maxSplits: 1).first?.split(separator: " ") ?? []
            guard let index = words.firstIndex(of: "import"), index + 1 < words.count,
                words[..<index].allSatisfy({ isModifier($0) })
            else { return nil }
            // `import struct Foundation.URL` names a kind first.
            return words.last.map { String($0.split(separator: ".")[0]) }
        }
    }
}
