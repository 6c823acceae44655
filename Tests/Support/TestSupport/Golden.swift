// Transcripts in plain text below Tests/Golden, compared byte for byte. IOVAD_UPDATE_GOLDEN=1 writes
// them again; a person reviews the difference.

import Foundation

/// A transcript that was reviewed.
public enum Golden {
    /// What differs from the golden file of this name, in one message; nil when nothing does.
    public static func difference(of text: String, from name: String) -> String? {
        let file = SharedShelf.packageRoot.appendingPathComponent("Tests/Golden/\(name)")
        if ProcessInfo.processInfo.environment["IOVAD_UPDATE_GOLDEN"] != nil {
            try? Data(text.utf8).write(to: file)
        }
        guard let golden = try? String(contentsOf: file, encoding: .utf8) else {
            return "no golden file \(name); IOVAD_UPDATE_GOLDEN=1 writes it"
        }
        guard Array(golden.utf8) != Array(text.utf8) else { return nil }
        return "\(name) differs. Expected:\n\(golden)\nGot:\n\(text)"
    }
}
