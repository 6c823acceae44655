// The package's manifest as SwiftPM understands it, dumped once: targets, where they lie and what they depend
// on. Nothing here knows the folders by heart.

import Foundation
import TestSupport

enum Manifest {
    struct Target {
        let name: String
        let isTest: Bool
        /// Relative to the package's root, without a slash at its end.
        let path: String
        /// Targets of this package that it may import.
        let dependencies: Set<String>
    }

    struct Product: Decodable {
        let name: String
        let targets: [String]
    }

    static let targets: [Target] = dump.targets.map { target in
        let isTest = target.type == "test"
        return Target(
            name: target.name, isTest: isTest,
            path: target.path ?? "\(isTest ? "Tests" : "Sources")/\(target.name)",
            dependencies: Set(target.dependencies.compactMap { $0.byName?.first.flatMap(\.self) }))
    }

    static let products: [Product] = dump.products

    /// The target and all that it depends on, directly or not.
    static func closure(of name: String) -> Set<String> {
        var found: Set<String> = []
        var left = [name]
        while let next = left.popLast() {
            guard found.insert(next).inserted else { continue }
            left += targets.first { $0.name == next }?.dependencies ?? []
        }
        return found
    }

    private struct Dump: Decodable {
        struct Target: Decodable {
            struct Dependency: Decodable {
                /// The name, and a condition.
                var byName: [String?]?
            }

            var name: String
            var type: String
            var path: String?
            var dependencies: [Dependency]
        }

        var targets: [Target]
        var products: [Product]
    }

    private static let dump: Dump = {
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
        return try! JSONDecoder().decode(Dump.self, from: data)
    }()
}
