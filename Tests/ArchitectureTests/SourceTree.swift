// The repository's own Swift files, as text: what the tidy rules and the module graph are read from.

import Foundation
import TestSupport

struct SourceFile {
    /// Relative to the package's root.
    let path: String
    let lines: [Substring]

    /// The target that the file belongs to: the folder below Sources/ or Tests/.
    var target: String { path.split(separator: "/")[1].description }
    var isTest: Bool { path.hasPrefix("Tests/") }
}

enum SourceTree {
    static let swiftFiles: [SourceFile] = ["Sources", "Tests"].flatMap(files)

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
