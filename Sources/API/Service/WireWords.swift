// The words of the wire for values of the domain, where they differ from their names in the code.

public import AddressSpaces
import IOVAAllocation
public import LinuxReleases
import Machines
public import MSIWindows

/// How much of an explanation is told.
public enum ExplainLevel: String, CaseIterable, Sendable {
    case none, summary, full
}

/// Word lists for reading and writing.
public enum WireWords {
    public static let consumers = Consumer.allCases.map { (word: $0.rawValue, value: $0) }
    public static let kernels = KernelRelease.allCases.map { (word: $0.rawValue, value: $0) }
    public static let explainLevels = ExplainLevel.allCases.map { (word: $0.rawValue, value: $0) }
    public static let avoids = WindowSource.Avoid.allCases.map { (word: $0.rawValue, value: $0) }

    /// CPU page sizes of arm64.
    public static let pageSizes: [Granule] = [.kib4, .kib16, .kib64]
    /// Window sources that a word alone names.
    public static let sources: [(word: String, value: WindowSource)] = [
        ("fixed", .fixed), ("candidates", .posted),
        ("dynamic", .dynamic(prefer: .nearestDefault, size: WindowSource.mainlineSize)), ("none", .none),
    ]
    /// Kinds of a source that is an object.
    static let sourceKinds = sources + [(word: "user", value: .user(UserWindow(start: nil)))]
    static let ifNones = WindowSource.IfNone.allCases.map { (word: $0.rawValue, value: $0) }
    static let preferences = WindowSource.Preference.allCases.map { (word: $0.rawValue, value: $0) }
    static let readings = UserWindow.Reading.allCases.map { (word: $0.rawValue, value: $0) }
    static let defaultDomains = Conditions.DefaultDomain.allCases.map { (word: $0.rawValue, value: $0) }
    static let drivers = SMMU.Version.allCases.map { (word: $0.rawValue, value: $0) }
}
