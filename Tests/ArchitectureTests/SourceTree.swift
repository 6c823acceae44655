// The repository's own Swift files, as text: what the tidy rules and the module graph are read from. Which
// target a file belongs to is the manifest's word, not the folder's name.

import Foundation
import TestSupport

struct SourceFile {
    /// Relative to the package's root.
    let path: String
    let lines: [Substring]

    /// The target whose folder contains the file; nil for files of another package.
    var target: Manifest.Target? { Manifest.targets.first { path.hasPrefix($0.path + "/") } }
    /// Whether the server is built from it.
    var isProduct: Bool { path.hasPrefix("Sources/") }
}

enum SourceTree {
    static let swiftFiles: [SourceFile] = ["Sources", "Tests", "Benchmarks/Sources"].flatMap(files)

    private static func files(below folder: String) -> [SourceFile] {
        let root = SharedShelf.packageRoot.appendingPathComponent(folder)
        let found = FileManager.default.enumerator(atPath: root.path)?.compactMap { $0 as? String } ?? []
        return found.filter { $0.hasSuffix(".swift") }.sorted().map { name in
            let text = try! String(contentsOf: root.appendingPathComponent(name), encoding: .utf8)
            return SourceFile(
                path: "\(folder)/\(name)",
                lines: text.split(separator: "\n", omittingEmptySubsequences: false))
        }
    }
}
