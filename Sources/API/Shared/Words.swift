// The words of the wire: ids that clients may give to what they make, names from machines (devices), and
// word lists for values of the domain. An id stands in paths, logs and commands, so it is plain, and what is
// made under it can always be reached and removed again.

package import AddressSpaces
import IOVAAllocation
package import Ingestion
import JSON
import LinuxReleases
package import MSIWindows
import Machines

/// An id that a client chose for a platform, a session or a domain.
package struct WireID: Hashable, Sendable {
    let text: String

    package static let bytesMax = 64
    package static let sentence =
        "An id has 1 to \(bytesMax) characters of A-Z a-z 0-9 - . _ and is neither \".\" nor \"..\"."

    /// nil for a text that is no id.
    package init?(_ text: String) {
        guard WireName.isReachable(text), text.utf8.count <= Self.bytesMax, text.utf8.allSatisfy(Self.isPlain)
        else { return nil }
        self.text = text
    }

    /// Reads a member of a body; the fault goes to `problems`.
    init?(_ node: JSONNode, _ problems: ProblemList) {
        guard let text = node.string(bytesMax: Self.bytesMax, problems) else { return nil }
        guard let id = WireID(text) else {
            problems.add(node.pointer, "bad-id", Self.sentence)
            return nil
        }
        self = id
    }

    private static func isPlain(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5a, 0x61...0x7a: true
        default: "-._".utf8.contains(byte)
        }
    }
}

/// Names that are made elsewhere, such as a device's path in its device tree.
enum WireName {
    static let sentence =
        "This id cannot be part of a path: it is \".\" or \"..\", or has a control character. Send another \"id\"."

    /// Whether a path can name it: one segment, percent-encoded, that is not empty, no dot segment and free
    /// of control characters.
    static func isReachable(_ text: String) -> Bool {
        !text.isEmpty && text != "." && text != ".." && text.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7f }
    }
}

/// How much of an explanation an answer contains.
package enum ExplainLevel: String, CaseIterable, Sendable {
    case none, summary, full
}

/// Word lists for reading and writing.
package enum WireWords {
    /// Of the parameter `assume`.
    package static let assumptions = MSIAssumption.allCases.map { (word: $0.rawValue, value: $0) }
    package static let consumers = Consumer.allCases.map { (word: $0.rawValue, value: $0) }
    package static let explainLevels = ExplainLevel.allCases.map { (word: $0.rawValue, value: $0) }
    static let avoids = WindowSource.Avoid.allCases.map { (word: $0.rawValue, value: $0) }

    /// CPU page sizes of arm64.
    package static let pageSizes = PageSizes.ofCPUs
    static let ifNones = WindowSource.IfNone.allCases.map { (word: $0.rawValue, value: $0) }
    static let preferences = WindowSource.Preference.allCases.map { (word: $0.rawValue, value: $0) }
    static let readings = UserWindow.Reading.allCases.map { (word: $0.rawValue, value: $0) }
    static let defaultDomains = Conditions.DefaultDomain.allCases.map { (word: $0.rawValue, value: $0) }
    static let drivers = SMMU.Version.allCases.map { (word: $0.rawValue, value: $0) }
}
