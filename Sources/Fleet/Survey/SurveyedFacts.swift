// What hosts say of themselves that a survey rests on, and what is to know of them: lists of the first hosts
// by name, and the latest kernel of all.

import AddressSpaces
public import LinuxReleases
public import MSIWindows

/// The facts of one host that count.
public struct ToldHost: Comparable, Sendable {
    private let name: HostName
    public let facts: [HostFact]
    public var host: String { name.text }

    package init(_ host: String, _ facts: [HostFact]) {
        name = HostName(host)
        self.facts = facts
    }

    private var text: HostName {
        HostName(facts.map { "\($0.name.rawValue)\n\($0.value)\n\($0.place ?? "")\n" }.joined())
    }

    public static func < (one: Self, other: Self) -> Bool {
        one.name == other.name ? one.text < other.text : one.name < other.name
    }

    public static func == (one: Self, other: Self) -> Bool { !(one < other) && !(other < one) }
}

/// A warning of a survey; what is fatal first, then by host.
public struct SurveyWarning: Comparable, Sendable {
    public let warning: Placement.Warning

    package init(_ warning: Placement.Warning) { self.warning = warning }

    private var rank: Int {
        switch warning.severity {
        case .fatal: 0
        case .warning: 1
        case .info: 2
        }
    }

    public static func < (one: Self, other: Self) -> Bool {
        let (a, b) = (one.warning, other.warning)
        if one.rank != other.rank { return one.rank < other.rank }
        if a.host != b.host { return HostName(a.host ?? "") < HostName(b.host ?? "") }
        if a.code != b.code { return a.code.rawValue < b.code.rawValue }
        if a.detail != b.detail { return HostName(a.detail) < HostName(b.detail) }
        return (a.range?.start.value ?? 0, a.range?.last.value ?? 0)
            < (b.range?.start.value ?? 0, b.range?.last.value ?? 0)
    }

    public static func == (one: Self, other: Self) -> Bool { !(one < other) && !(other < one) }
}

/// Inputs of which no host could be read.
public struct UnreadInputs: Sendable {
    public private(set) var count = 0
    private var first = FirstOf<HostName>(Survey.unreadMax)
    /// A line for each, of the first.
    public var lines: [String] { first.elements.map(\.text) }

    package init() {}

    /// As it was written down.
    package init(count: Int, lines: [String]) {
        self.count = count
        for line in lines { first.add(HostName(line)) }
    }

    package mutating func add(_ line: String) {
        count += 1
        first.add(HostName(line))
    }

    mutating func merge(_ other: Self) {
        count += other.count
        first.merge(other.first)
    }
}

/// What a survey knows of hosts besides their devices.
public struct SurveyedFacts: Sendable {
    /// Hosts whose reported ranges are not used, and other remarks.
    package private(set) var warnings = FirstOf<SurveyWarning>(Placement.hostRemarksMax)
    /// Hosts with facts that count.
    package private(set) var told = FirstOf<ToldHost>(Survey.conflictsMax)
    /// The latest of the hosts.
    public private(set) var kernel: KernelProfile?
    public private(set) var unread = UnreadInputs()

    package init() {}

    /// As it was written down.
    package init(
        warnings: [Placement.Warning], told: [ToldHost], kernel: KernelProfile?, unread: UnreadInputs
    ) {
        for warning in warnings { self.warnings.add(SurveyWarning(warning)) }
        for host in told { self.told.add(host) }
        self.kernel = kernel
        self.unread = unread
    }

    mutating func warn(_ warning: Placement.Warning) { warnings.add(SurveyWarning(warning)) }

    mutating func note(host: String, _ facts: [HostFact], _ kernel: KernelProfile) {
        note(kernel)
        let counting = facts.filter { $0.concerns(nil) }
        if !counting.isEmpty { told.add(ToldHost(host, counting)) }
    }

    private mutating func note(_ other: KernelProfile) {
        kernel = KernelProfile.latest(of: [kernel, other].compactMap { $0 })
    }

    mutating func note(unread line: String) { unread.add(line) }

    mutating func merge(_ other: Self) {
        warnings.merge(other.warnings)
        told.merge(other.told)
        if let kernel = other.kernel { note(kernel) }
        unread.merge(other.unread)
    }
}
