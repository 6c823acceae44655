// The kernel that a question is about: a modelled release, selected by its name or by what uname -r prints,
// with single behaviours overridden. No other file compares releases: the modules that model Linux ask the
// properties here, one for each difference.

/// A set of behaviours, and how it was selected. Equal profiles answer alike and are told alike.
public struct KernelProfile: Hashable, Sendable {
    /// The release whose behaviours these are, but for overrides.
    public let release: KernelRelease
    /// The text that selected it; nil for the release's own name.
    public let stated: String?
    /// What the name selects: the release's, and what came between it and the number that was named.
    private let named: Behaviours
    private var behaviours: Behaviours
    /// 1 for each behaviour that the name leaves open and an override states, the same as the release or not.
    private var settled = Behaviours()

    public init(_ release: KernelRelease) {
        self.init(release, stated: nil, named: release.behaviours)
    }

    private init(
        _ release: KernelRelease, stated: String?, named: Behaviours, _ behaviours: Behaviours? = nil
    ) {
        self.release = release
        self.stated = stated
        self.named = named
        self.behaviours = behaviours ?? named
    }

    /// The release is told by its behaviours, but for those that differ in none.
    public func hash(into hasher: inout Hasher) {
        hasher.combine(behaviours)
        hasher.combine(settled)
        if let stated { hasher.combine(stated) }
    }

    /// What questions ask about when they name no kernel.
    public static let newest = KernelProfile(.newest)

    /// The profile that a release string selects: the release of that number, or the nearest below it with
    /// what is known to have come since. nil for a string without a version. O(releases).
    public init?(releaseString text: String) {
        if let release = KernelRelease(rawValue: text) {
            self.init(release)
            return
        }
        guard let version = ReleaseString(text)?.version else { return nil }
        let release = KernelRelease.allCases.last { $0.version <= version } ?? KernelRelease.allCases[0]
        self.init(release, stated: text, named: release.behaviours(in: version))
    }

    /// The newest release's, for a kernel whose release string has no number.
    public init(unnumbered text: String) {
        self.init(.newest, stated: text, named: KernelRelease.newest.behaviours)
    }

    /// Whether the text that selected it has a number, so that it selects it again.
    public var isNumbered: Bool { stated.map { ReleaseString($0) != nil } ?? true }

    /// The profile without the text that selected it: what caches are keyed by.
    public var unstated: KernelProfile {
        KernelProfile(release, stated: nil, named: release.behaviours, behaviours)
    }

    /// Of the kernel that was named.
    public var version: KernelVersion { stated.flatMap(ReleaseString.init)?.version ?? release.version }

    /// Behaviours that are others in a release, as far as the kernel's name tells.
    func changed(upTo other: KernelRelease) -> [Behaviour] {
        Behaviour.allCases.filter { named[$0] != $0.value(in: other.version) }
    }

    /// Behaviours that came after the release that answers for the kernel, and by the number that was named.
    var arrived: [Behaviour] {
        let read = release.behaviours
        return Behaviour.allCases.filter { named[$0] != read[$0] }
    }

    /// Whether `unstated` is the same of both.
    public func answersLike(_ other: KernelProfile) -> Bool {
        release == other.release && behaviours == other.behaviours
    }

    /// Replaces one behaviour.
    ///
    /// - Returns: false, and no change, for a value that the behaviour does not have.
    public mutating func override(_ behaviour: Behaviour, with value: Behaviour.Value) -> Bool {
        guard let index = behaviour.values.firstIndex(of: value) else { return false }
        behaviours[behaviour] = index
        if leftOpen.contains(behaviour) { settled[behaviour] = 1 }
        return true
    }

    public func value(of behaviour: Behaviour) -> Behaviour.Value { behaviour.values[behaviours[behaviour]] }

    /// Behaviours that an override states otherwise than the kernel's name selects them, or that it leaves
    /// open.
    public var overrides: [Behaviour] {
        guard behaviours != named || settled != Behaviours() else { return [] }
        return Behaviour.allCases.filter { isOverridden($0) || isStated($0) }
    }

    /// Whether an override states what the kernel's name leaves open.
    func isStated(_ behaviour: Behaviour) -> Bool { settled[behaviour] == 1 }

    /// The text that selects it, but for overrides.
    public var selector: String { stated ?? release.rawValue }

    /// The name that sentences give the kernel: what holds with overrides is not true of the release.
    public var name: String {
        behaviours == named ? selector : "\(selector) with overrides"
    }

    /// Who does what follows from one behaviour, for a sentence: "Linux 6.18", or "this kernel" where an
    /// override makes it.
    public func doer(of behaviour: Behaviour, startsSentence: Bool = false) -> String {
        guard isOverridden(behaviour) else { return "Linux \(selector)" }
        return startsSentence ? "This kernel" : "this kernel"
    }

    /// Whether an override has the behaviour be another than the kernel's name selects.
    public func isOverridden(_ behaviour: Behaviour) -> Bool { behaviours[behaviour] != named[behaviour] }
}

extension KernelProfile {
    /// Bytes of the CPU's page as the string that selected it tells them, as in `6.14.0-1007-nvidia-64k`,
    /// `5.14.0-570.el9.aarch64+64k` or `5.14.21-150500.55.136-64kb`. nil where it does not.
    public var pageBytes: UInt64? { stated.flatMap(ReleaseString.init)?.pageBytes }

    /// Whether the string that selected it names a build for x86, as in `6.1.0-18-amd64`; false for one that
    /// names 64-bit Arm. nil where it names neither.
    public var isBuiltForX86: Bool? { stated.flatMap(ReleaseString.init)?.isBuiltForX86 }
}

extension KernelProfile {
    /// The kernel that the `model` of an answer about several names: whichever comes first, the same.
    public static func latest(of kernels: [KernelProfile]) -> KernelProfile? {
        kernels.max { $0.isEarlier(than: $1) }
    }

    private func isEarlier(than other: KernelProfile) -> Bool {
        if release != other.release { return release < other.release }
        if version != other.version { return version < other.version }
        if selector != other.selector { return selector < other.selector }
        let values = Behaviour.allCases.map { behaviours[$0] * 2 + settled[$0] }
        return values.lexicographicallyPrecedes(
            Behaviour.allCases.map { other.behaviours[$0] * 2 + other.settled[$0] })
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
