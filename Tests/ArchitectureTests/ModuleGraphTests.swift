// The arrows of the house. The graph is generated from the manifest and held against a golden file
// that a person reviews; the import lines of every file must stay inside it. To renew the golden file
// after a decision, run the tests with IOVAD_UPDATE_GOLDEN=1 and read the difference.

import Foundation
import TestSupport
import Testing

@Suite struct ModuleGraphTests {
    static let goldenPath = "Tests/ArchitectureTests/module-graph.txt"
    static let core: Set<String> = [
        "AddressSpaces", "IOVAAllocation", "AllocatorTraces", "SMMUModel", "Platforms", "MSIWindows",
        "FleetQueries", "Sessions",
    ]
    /// The only module that may import each C library.
    static let fences = [
        "CMicroHTTPD": "MicroHTTPServer", "CDeviceTree": "PlatformIngestion", "CSimdJSON": "WireJSON",
        "CZlib": "GzipCoding",
    ]

    @Test func manifestMatchesGoldenGraph() throws {
        let drawn =
            try Self.graph().map { "\($0.key): \($0.value.sorted().joined(separator: " "))" }
            .sorted().joined(separator: "\n") + "\n"
        let golden = SharedShelf.packageRoot.appendingPathComponent(Self.goldenPath)
        if ProcessInfo.processInfo.environment["IOVAD_UPDATE_GOLDEN"] != nil {
            try drawn.write(to: golden, atomically: true, encoding: .utf8)
        }
        #expect(try drawn == String(contentsOf: golden, encoding: .utf8))
    }

    @Test func importsStayInsideTheGraph() throws {
        let graph = try Self.graph()
        for file in SourceTree.swiftFiles where !file.isTest {
            let allowed = try #require(graph[file.target], "\(file.path) is in no target")
            for name in Self.imports(of: file) where graph[name] != nil {
                #expect(allowed.contains(name), "\(file.path) imports \(name)")
            }
        }
    }

    @Test func coreIsPure() {
        for file in SourceTree.swiftFiles where Self.core.contains(file.target) && !file.isTest {
            for name in Self.imports(of: file) {
                #expect(Self.core.contains(name), "\(file.path) imports \(name)")
            }
        }
    }

    @Test func onlyOneModuleSeesEachCLibrary() {
        for file in SourceTree.swiftFiles where !file.isTest {
            for name in Self.imports(of: file) {
                guard let owner = Self.fences[name] else { continue }
                #expect(file.target == owner, "\(file.path) imports \(name)")
            }
        }
    }

    @Test func graphHasNoCycle() throws {
        var left = try Self.graph()
        while let leaf = left.first(where: { $0.value.allSatisfy { left[$0] == nil } })?.key {
            left[leaf] = nil
        }
        #expect(left.isEmpty, "a cycle among \(left.keys.sorted())")
    }

    /// Targets below Sources/ with the targets that they may import.
    static func graph() throws -> [String: Set<String>] {
        let manifest = try JSONSerialization.jsonObject(with: dumpedManifest) as? [String: Any] ?? [:]
        let dump = try #require(manifest["targets"] as? [[String: Any]])
        var graph: [String: Set<String>] = [:]
        for target in dump where target["type"] as? String != "test" {
            let name = try #require(target["name"] as? String)
            let dependencies = (target["dependencies"] as? [[String: Any]] ?? []).compactMap { entry in
                (entry["byName"] as? [Any])?.first as? String
            }
            graph[name] = Set(dependencies)
        }
        return graph
    }

    private static let dumpedManifest: Data = {
        let process = Process()
        let output = Pipe()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        // A scratch path of its own: the test run holds the lock on the usual one.
        let scratch = FileManager.default.temporaryDirectory.appendingPathComponent("iovad-dump-\(getpid())")
        process.arguments = [
            "swift", "package", "--package-path", SharedShelf.packageRoot.path,
            "--scratch-path", scratch.path, "dump-package",
        ]
        process.standardOutput = output
        try! process.run()
        let data = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        try? FileManager.default.removeItem(at: scratch)
        return data
    }()

    private static func imports(of file: SourceFile) -> [String] {
        file.lines.compactMap { line in
            let words = line.split(separator: " ")
            guard let index = words.firstIndex(of: "import"), index < 2, words.count == index + 2,
                index == 0 || ["public", "package", "internal"].contains(words[0])
            else { return nil }
            return String(words[index + 1].split(separator: ".")[0])
        }
    }
}
