// Where the project's reference data lies. It is not part of the repository: a test that needs it asks
// here, and is skipped with a clear line where it is missing.

public import Foundation

/// The folder `shared/` beside the checkout, with vectors, device trees and captures.
public enum SharedShelf {
    /// `../shared` seen from the package's root, or IOVAD_SHARED; nil when there is none.
    public static let root: URL? = {
        let given = ProcessInfo.processInfo.environment["IOVAD_SHARED"].map { URL(fileURLWithPath: $0) }
        let beside = packageRoot.deletingLastPathComponent().appendingPathComponent("shared")
        let found = given ?? beside
        guard FileManager.default.fileExists(atPath: found.appendingPathComponent("README.md").path) else {
            print("SKIPPED where needed: no reference data at \(found.path)")
            return nil
        }
        return found
    }()

    /// Whether the reference data is here; tests say `.enabled(if: SharedShelf.isPresent)`.
    public static var isPresent: Bool { root != nil }

    /// The package's root folder, from where this file was compiled.
    public static let packageRoot = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    /// The bytes of `path` below the shelf; traps when it is missing, so guard with `isPresent`.
    public static func bytes(_ path: String) -> [UInt8] {
        [UInt8](try! Data(contentsOf: root!.appendingPathComponent(path)))
    }

    /// Names of the files in `folder` below the shelf, sorted.
    public static func names(in folder: String) -> [String] {
        try! FileManager.default.contentsOfDirectory(atPath: root!.appendingPathComponent(folder).path)
            .sorted()
    }
}

// Bytes as collectors write them.

extension [UInt8] {
    /// Two lower-case digits a byte.
    public var hexDigits: String {
        map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }
}
