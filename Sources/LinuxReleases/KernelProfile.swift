// The kernel that a question is about: a modelled release, selected by its name or by what uname -r prints,
// with single behaviours overridden. No other file compares releases: the modules that model Linux ask the
// properties here, one for each difference.

/// A set of behaviours, and how it was selected. Equal profiles answer alike and are told alike.
public struct KernelProfile: Hashable, Sendable {
    /// The release whose behaviours these are, but for overrides.
    public let release: KernelRelease
    /// The text that selected it; nil for the release's own name.
    public let stated: String?
    private var behaviours: Behaviours

    public init(_ release: KernelRelease) {
        self.init(release, stated: nil, release.behaviours)
    }

    private init(_ release: KernelRelease, stated: String?, _ behaviours: Behaviours) {
        self.release = release
        self.stated = stated
        self.behaviours = behaviours
    }

    /// What questions ask about when they name no kernel.
    public static let newest = KernelProfile(.newest)

    /// The profile that a release string selects: the release of that number, or the nearest below it. nil
    /// for a string without a version. O(releases).
    public init?(releaseString text: String) {
        if let release = KernelRelease(rawValue: text) {
            self.init(release)
            return
        }
        guard let version = KernelVersion(text) else { return nil }
        let release = KernelRelease.allCases.last { $0.version <= version } ?? KernelRelease.allCases[0]
        self.init(release, stated: text, release.behaviours)
    }

    /// The newest release's, for a kernel whose release string has no number.
    public init(unnumbered text: String) {
        self.init(.newest, stated: text, KernelRelease.newest.behaviours)
    }

    /// Whether the text that selected it has a number, so that it selects it again.
    public var isNumbered: Bool { stated.map { KernelVersion($0) != nil } ?? true }

    /// The profile without the text that selected it: what caches are keyed by.
    public var unstated: KernelProfile { KernelProfile(release, stated: nil, behaviours) }

    /// Replaces one behaviour.
    ///
    /// - Returns: false, and no change, for a value that the behaviour does not have.
    public mutating func override(_ behaviour: Behaviour, with value: Behaviour.Value) -> Bool {
        guard let index = behaviour.values.firstIndex(of: value) else { return false }
        behaviours[behaviour] = index
        return true
    }

    public func value(of behaviour: Behaviour) -> Behaviour.Value { behaviour.values[behaviours[behaviour]] }

    /// Behaviours that are not the release's.
    public var overrides: [Behaviour] {
        let own = release.behaviours
        guard behaviours != own else { return [] }
        return Behaviour.allCases.filter { behaviours[$0] != own[$0] }
    }

    /// The name that sentences give the kernel.
    public var name: String { stated ?? release.rawValue }
}

extension KernelProfile {
    /// Bytes of the CPU's page as a release string tells them: builds of other sizes than 4 KiB carry "64k"
    /// or "16k" after a sign, as in `6.14.0-1007-nvidia-64k` or `5.14.0-570.el9.aarch64+64k`. nil where it
    /// does not.
    public var pageBytes: UInt64? {
        guard let stated else { return nil }
        let words = stated.split { "-+.".contains($0) }
        if words.contains("64k") { return 0x1_0000 }
        return words.contains("16k") ? 0x4000 : nil
    }
}

// MARK: What is not modelled exactly

extension KernelProfile {
    /// Builds whose sources are known to hold later changes than their number says.
    private static let backporting = [
        (mark: ".el", maker: "an enterprise distribution"), (mark: "nvidia", maker: "NVIDIA"),
    ]

    /// Behaviours that may be others than the profile's in the kernel that was named; nil where the profile
    /// is of just this kernel. Empty where nothing is known of what could differ.
    public var uncertain: [Behaviour]? {
        let last = KernelRelease.newest
        guard isNumbered else { return [] }
        guard let stated, let version = KernelVersion(stated) else {
            return release.modelledAs == release
                ? nil : release.modelledAs.changed(upTo: release.next ?? last)
        }
        if version > last.version || version < KernelRelease.allCases[0].version { return [] }
        if Self.backporting.contains(where: { stated.contains($0.mark) }) {
            let later = release.modelledAs.changed(upTo: last)
            return later.isEmpty ? nil : later
        }
        guard version != release.version || release.modelledAs != release else { return nil }
        let next = release.modelledAs.changed(upTo: release.next ?? last)
        return next.isEmpty ? nil : next
    }

    /// For the reader of an answer: that the kernel is not modelled exactly, as what it is answered, and what
    /// could differ; nil where nothing could.
    public var remark: String? {
        guard let uncertain else { return nil }
        let model = release.modelledAs.rawValue
        guard isNumbered else {
            return
                "The kernel calls itself \"\(name)\", without a version; the answer is that of Linux \(model). Say "
                + "which release it is, if it is another."
        }
        guard !uncertain.isEmpty else {
            let side = stated.flatMap(KernelVersion.init).map { $0 > KernelRelease.newest.version } ?? true
            return
                "Linux \(name) is \(side ? "newer than the newest" : "older than the oldest") modelled release; "
                + "the answer is that of \(model), and what changed between them is not known."
        }
        let names = uncertain.map(\.rawValue).joined(separator: ", ")
        if let stated, let known = Self.backporting.first(where: { stated.contains($0.mark) }) {
            return
                "Linux \(name) is a build of \(known.maker), which takes over later changes; the answer is that "
                + "of \(model). What could differ: \(names)."
        }
        return
            "Linux \(name) is not modelled; the answer is that of \(model), the nearest modelled release below it. "
            + "What could differ: \(names)."
    }
}

// MARK: Behaviours, as the model asks for them

extension KernelProfile {
    private func holds(_ behaviour: Behaviour) -> Bool { behaviours[behaviour] == 1 }

    /// RMR nodes of the IORT become regions.
    public var readsRMRs: Bool { holds(.iortRMR) }

    /// `iommu-addresses` become regions, of PCI functions and of platform devices.
    public var readsIOMMUAddresses: Bool { holds(.dtIOMMUAddresses) }

    /// What an `iommu-addresses` entry that does not translate does to the kernel.
    public enum Untranslatable: Int, Sendable {
        case ignored, oops, panic
    }
    public var untranslatable: Untranslatable {
        Untranslatable(rawValue: behaviours[.untranslatableIOMMUAddresses]) ?? .ignored
    }

    /// The allocator searches above its hint when nothing fits below.
    public var searchesTwice: Bool { holds(.secondSearchPass) }

    /// The allocator starts at the lowest inbound address.
    public var startsAtInboundWindow: Bool { !holds(.startsAtInboundWindow) }

    /// Ranges in one magazine of the allocator's cache.
    public var magazineSize: Int { holds(.magazineSize) ? 127 : 128 }

    /// A size class keeps at most 32 full magazines in its depot; otherwise a depot grows, and a timer trims
    /// it.
    public var boundsDepots: Bool { !holds(.depot) }

    /// iommu.forcedac has an effect.
    public var hasForcedac: Bool { holds(.forcedac) }

    /// A PCI device that failed below 4 GiB once is not tried there again.
    public var remembersFailureBelow4G: Bool { holds(.remembersFailureBelow4G) }

    /// With a device tree, a group's first device is the one whose driver binds first.
    public var ordersGroupsByBinding: Bool { !holds(.groupOrder) }

    /// VFIO's refusal of a group with a device of another driver.
    public var notViableErrno: Errno { holds(.notViableGroup) ? .notPermitted : .invalidArgument }

    /// A device with a direct region refuses blocking domains, so nobody can take its group.
    public var refusesBlockingDirectDevices: Bool { holds(.refusesBlockingDirect) }

    /// Isolation of MSIs is asked of the group's own devices.
    public var asksIsolationOfGroup: Bool { holds(.isolationPerGroup) }

    /// A domain without an MSI cookie refuses MSIs instead of passing them untranslated.
    public var refusesDomainsWithoutCookie: Bool { holds(.noCookieRefused) }

    public var hasIOMMUFD: Bool { holds(.iommufd) }

    /// iommufd keeps its own map of doorbell pages instead of the linear cookie.
    public var iommufdKeepsOwnMap: Bool { holds(.iommufdOwnMSIMap) }

    /// iommufd serves a device without an IOMMU.
    public var iommufdServesNoIOMMU: Bool { holds(.iommufdNoIOMMU) }

    /// A mapping whose end overflows.
    public var mapOverflowErrno: Errno { holds(.mapOverflowErrno) ? .overflow : .invalidArgument }
}

extension KernelProfile {
    public static let v5_10 = KernelProfile(.v5_10)
    public static let v6_1 = KernelProfile(.v6_1)
    public static let v6_6 = KernelProfile(.v6_6)
    public static let v6_8 = KernelProfile(.v6_8)
    public static let v6_12 = KernelProfile(.v6_12)
    public static let v6_18 = KernelProfile(.v6_18)
    public static let v7_2 = KernelProfile(.v7_2)
    public static let v7_3 = KernelProfile(.v7_3)
}
