// The mainline releases whose behaviour is modelled. A release is only a name and a place in time here: what
// it does is in KernelHistory, and a question asks under a KernelProfile.

/// A Linux release whose behaviour is modelled, ordered by age.
public enum KernelRelease: String, CaseIterable, Comparable, Sendable {
    case v5_10 = "5.10"
    case v5_15 = "5.15"
    case v6_1 = "6.1"
    case v6_6 = "6.6"
    case v6_8 = "6.8"
    case v6_12 = "6.12"
    case v6_18 = "6.18"
    case v7_2 = "7.2"
    case v7_3 = "7.3"

    /// The release that questions ask about when they name none.
    public static let newest = KernelRelease.v7_3

    public static func < (left: Self, right: Self) -> Bool { left.version < right.version }

    public var version: KernelVersion {
        guard let version = KernelVersion(rawValue) else { preconditionFailure("release \(rawValue)") }
        return version
    }

    /// What is known of it: whether its sources were read or its boots captured, or its behaviour follows
    /// from the kernel's history, or it has not been read and answers as an older one.
    public var evidence: KernelEvidence {
        switch self {
        case .v5_10, .v6_1, .v6_12, .v7_2, .v7_3: .source
        case .v6_18: .boot
        case .v6_6, .v6_8: .history
        case .v5_15: .unread
        }
    }

    /// Which sources were read and which boots were seen, for people. Empty where nobody looked.
    public var sources: [String] {
        switch self {
        case .v5_10: ["Sources of Debian's 5.10.262", "Boots of 5.10.0-32-arm64 (5.10.223)"]
        case .v5_15: []
        case .v6_1:
            ["Sources of Debian's 6.1.192", "Boots of 6.1.0-50-arm64 (6.1.176) and 6.1.0-56-arm64 (6.1.192)"]
        case .v6_6, .v6_8: ["History of mainline: what changed since 6.1 and by when"]
        case .v6_12:
            ["Sources of Debian's 6.12.117", "Boots of 6.12.107+deb13-arm64 and 6.12.118+deb13-arm64"]
        case .v6_18: ["Boots of 6.18.15+deb13-arm64"]
        case .v7_2:
            [
                "Sources of Debian's 7.2.13",
                "Boots of 7.2.13+deb14-arm64, also with pages of 16 and 64 KiB, and of 7.2.13 with iommufd",
            ]
        case .v7_3: ["Sources of Debian's 7.3.4", "Boots of 7.3.4+deb13-arm64"]
        }
    }

    /// The release as which it is answered; itself where it is modelled by its own facts.
    public var modelledAs: KernelRelease {
        switch self {
        case .v5_15: .v5_10
        case .v5_10, .v6_1, .v6_6, .v6_8, .v6_12, .v6_18, .v7_2, .v7_3: self
        }
    }

    /// The next release that is modelled by its own facts; nil for the newest.
    var next: KernelRelease? { Self.allCases.first { $0 > self && $0.modelledAs == $0 } }
}

/// How a fact about a release is known.
public enum KernelEvidence: String, CaseIterable, Sendable {
    /// Read in the release's sources.
    case source
    /// Seen in a boot of it.
    case boot
    /// Stated by the kernel's history, of a release that was neither read nor booted.
    case history
    /// Not known: the nearest release below stands for it.
    case unread
}

/// `major.minor`, ordered by age.
public struct KernelVersion: Hashable, Comparable, Sendable {
    public let major: Int
    public let minor: Int

    public init(_ major: Int, _ minor: Int) {
        self.major = major
        self.minor = minor
    }

    /// The `number.number` that a text begins with, as `6.8.0-124-generic` and `v7.2-rc3` do; nil for other
    /// texts. Numbers have at most four digits.
    public init?(_ text: String) {
        let bytes = Array(text.utf8)
        let start = bytes.first == UInt8(ascii: "v") ? 1 : 0
        guard let (major, dot) = Self.number(bytes, start), dot < bytes.count, bytes[dot] == 0x2e,
            let (minor, _) = Self.number(bytes, dot + 1)
        else { return nil }
        self.init(major, minor)
    }

    public var text: String { "\(major).\(minor)" }

    public static func < (left: Self, right: Self) -> Bool {
        (left.major, left.minor) < (right.major, right.minor)
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }

    /// The decimal number at an index, and the index after it.
    private static func number(_ bytes: [UInt8], _ start: Int) -> (value: Int, end: Int)? {
        var end = start
        var value = 0
        while end < bytes.count, isDigit(bytes[end]) {
            value = value * 10 + Int(bytes[end] & 0xf)
            end += 1
            if end - start > 4 { return nil }
        }
        return end > start ? (value, end) : nil
    }
}
