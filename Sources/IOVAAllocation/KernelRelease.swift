// The kernel release that an answer models. Addresses depend on it, so every answer names one.

/// A Linux release whose behaviour is modelled, ordered by age.
public enum KernelRelease: String, CaseIterable, Comparable, Sendable {
    case v6_1 = "6.1"
    case v6_12 = "6.12"
    case v6_18 = "6.18"
    case v7_2 = "7.2"

    /// The release that questions ask about when they name none.
    public static let newest = KernelRelease.v7_2

    public static func < (left: Self, right: Self) -> Bool {
        allCases.firstIndex(of: left)! < allCases.firstIndex(of: right)!
    }
}
