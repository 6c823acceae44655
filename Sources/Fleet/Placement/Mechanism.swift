// By what means a VM gets the window of a placement on kernels and VMMs as they are. A verdict says where a
// window fits; this says whether anything can put it there, and what would have to change otherwise.

import AddressSpaces
import MSIWindows
import Machines

extension Placement {
    /// The means, and those that are missing.
    public struct Mechanism: Hashable, Sendable {
        public enum Kind: String, CaseIterable, Sendable {
            /// No window is used: doorbells keep their addresses.
            case notNeeded = "not_needed"
            /// Linux's own window works as it is.
            case `default` = "default"
            /// The VM is laid out around Linux's own window, as a remedy says.
            case vmmLayout = "vmm_layout"
            /// Nested translation: the VMM tells the guest of the window by an RMR, and maps it.
            case guestRMR = "guest_rmr"
            /// The posted options of iommufd move the window; every host states that it has them.
            case iommufdOptions = "iommufd_options"
            case none
        }

        /// Means that would be wanted and are not there.
        public struct Missing: Hashable, Sendable {
            public var kind: Kind
            /// A sentence.
            public var because: String
        }

        public var kind: Kind
        /// A sentence; where nothing does it, one for each reason.
        public var because: String
        public var notAvailable: [Missing] = []

        init(kind: Kind, because: String, notAvailable: [Missing] = []) {
            self.kind = kind
            self.because = because
            self.notAvailable = notAvailable
        }

        /// Of a nested guest that is not served.
        fileprivate init(withoutNesting why: String, _ because: String? = nil, _ others: [Missing] = []) {
            self.init(
                kind: .none, because: because ?? why,
                notAvailable: others + [Missing(kind: .guestRMR, because: why)])
        }
    }

    /// Why no window is used; nil where one is.
    static func windowless(_ question: PlacementQuestion) -> String? {
        if question.guest.vmm?.has(.ownsSMMU) == true {
            return "\(question.guest.name) owns the SMMU itself: no window of Linux's is used."
        }
        return question.hosts.allSatisfy { question.facts[$0.facts].hasHardwareMSIOnly }
            ? "The hosts have hardware MSI regions only: doorbells keep their addresses, no window is used."
            : nil
    }

    /// Decides by verdict and remedies, which must be there already.
    func mechanism(_ question: PlacementQuestion, _ contract: Contract) -> Mechanism {
        let nesting = Self.nestingHindrance(question)
        if let why = Self.windowless(question) {
            let hindrances = nestingHindrances(question, contract)
            return hindrances.isEmpty
                ? Mechanism(kind: .notNeeded, because: why)
                : Mechanism(withoutNesting: hindrances.joined(separator: " "))
        }
        let fits = verdictWithStealTimeOff ?? verdict
        let wantsOptions = fits == .movable || fits == .defaultWorks && needsOption
        let hasOptions = question.hosts.allSatisfy { $0.capabilities.contains(.softwareMSIOptions) }
        let hindrance = wantsOptions ? Self.iommufdHindrance(question) : nil
        if wantsOptions, hasOptions, hindrance == nil, nesting == nil, areOptionsAble {
            let condition = verdictWithStealTimeOff == nil ? "" : " The VM needs steal time off besides."
            return Mechanism(
                kind: .iommufdOptions,
                because:
                    "Every host states that its kernel has the options, which put the window there.\(condition)"
            )
        }
        var missing: [Mechanism.Missing] = []
        if wantsOptions {
            let why = hindrance ?? nesting ?? Self.inexpressible
            let absence = HostCapability.softwareMSIOptions.absence
            missing.append(.init(kind: .iommufdOptions, because: hasOptions ? why : absence))
        }
        let isNested = contract == .fixedRMR || contract == .followsWindow
        if nesting != nil {
            let all = nestingHindrances(question, contract).joined(separator: " ")
            return Mechanism(withoutNesting: all, reasons(question, contract), missing)
        }
        if worksToday {
            return Mechanism(
                kind: isNested ? .guestRMR : .default,
                because: isNested ? rmrSentence(contract) : "Linux's own window works as it is.",
                notAvailable: missing)
        }
        if contract == .unsupported {
            missing.append(.init(kind: .guestRMR, because: unsupportedText(question)))
        }
        if remedies.contains(where: \.isOfLayout) {
            return Mechanism(
                kind: .vmmLayout,
                because: "The VM can be laid out around Linux's own window, as the remedies say.",
                notAvailable: missing)
        }
        if let why = noLayout(question) { missing.append(.init(kind: .vmmLayout, because: why)) }
        return Mechanism(kind: .none, because: reasons(question, contract), notAvailable: missing)
    }

    /// The posted options take whole MiB.
    var areOptionsAble: Bool {
        chosen.map { Granule.mib1.isAligned($0) && Granule.mib1.isAligned(window.size) } ?? true
    }

    static let inexpressible =
        "The proposed options take multiples of 1 MiB only; they cannot express this window."

    /// Why iommufd, which options and nested translation need, cannot serve the VM; nil where it can.
    private static func iommufdHindrance(_ question: PlacementQuestion) -> String? {
        if let vmm = question.guest.vmm, vmm.has(.lacksIOMMUFD) {
            return "\(vmm.name) maps through VFIO type1, without iommufd."
        }
        for host in question.hosts {
            if let why = iommufdHindrance(host, question) { return why }
        }
        return iommufdPages(question) < question.window.doorbells ? tooManyPages : nil
    }

    private static func iommufdHindrance(
        _ host: PlacementQuestion.Host, _ question: PlacementQuestion
    ) -> String? {
        if host.iommufd == .absent { return "The kernel\(question.owning(host)) has no iommufd." }
        return question.facts[host.facts].isType1Only
            ? "iommufd refuses a device\(question.owning(host)) that has hardware and software MSI regions (EINVAL)."
            : nil
    }

    /// Doorbell pages that iommufd maps on every host.
    static func iommufdPages(_ question: PlacementQuestion) -> Int {
        question.hosts.contains { $0.iommufd == .byContext } ? DoorbellContext.pagesMax : .max
    }

    /// Why a guest of a VMM that can nest has no nested SMMUv3 on these hosts; nil where it has one, and
    /// where none is asked for.
    static func nestingHindrance(_ question: PlacementQuestion) -> String? {
        guard question.guest.viommu == .nestedSMMUv3, question.guest.nestedContract != .unsupported else {
            return nil
        }
        if let why = iommufdHindrance(question) { return "\(nestingNeed) \(why)" }
        return question.hosts.lazy.compactMap { nestingHindrance($0, question) }.first
    }

    private static let nestingNeed = "A guest with a nested SMMUv3 needs iommufd."

    /// The same of the VMM and of each host, as sentences.
    static func nestingHindrances(_ question: PlacementQuestion) -> [String] {
        guard nestingHindrance(question) != nil else { return [] }
        var ofIOMMUFD: [String] = []
        var others: [String] = []
        if let vmm = question.guest.vmm, vmm.has(.lacksIOMMUFD) {
            ofIOMMUFD.append("\(vmm.name) maps through VFIO type1, without iommufd.")
        }
        for host in question.hosts {
            if let why = iommufdHindrance(host, question) {
                ofIOMMUFD.append(why)
            } else if let why = nestingHindrance(host, question) {
                others.append(why)
            }
        }
        if iommufdPages(question) < question.window.doorbells { ofIOMMUFD.append(tooManyPages) }
        if let first = ofIOMMUFD.first { ofIOMMUFD[0] = "\(nestingNeed) \(first)" }
        return ofIOMMUFD + others
    }

    /// Beside iommufd.
    private static func nestingHindrance(
        _ host: PlacementQuestion.Host, _ question: PlacementQuestion
    ) -> String? {
        let owning = question.owning(host)
        if let other = question.facts[host.facts].otherIOMMU {
            return "Nested translation needs an SMMUv3, and a device\(owning) is behind \(other.words)."
        }
        return host.iommufd == .byContext
            ? nil : "The kernel\(owning) maps no MSIs of nested guests: Linux does from 6.15 on."
    }

    /// Whether this host keeps the guest from its nested SMMUv3.
    static func hindersNesting(_ host: PlacementQuestion.Host, _ question: PlacementQuestion) -> Bool {
        question.guest.viommu == .nestedSMMUv3
            && (iommufdHindrance(host, question) ?? nestingHindrance(host, question)) != nil
    }

    static let tooManyPages =
        "iommufd maps at most \(DoorbellContext.pagesMax) doorbell pages a context (EOVERFLOW)."

    private func rmrSentence(_ contract: Contract) -> String {
        contract == .fixedRMR
            ? "The guest's IORT RMR is a literal \(WindowSource.mainlineWindow.text), which is where Linux maps the window."
            : "The VMM tells the guest of the window by an IORT RMR; Linux maps it there by itself."
    }

    /// Why no layout of the VM helps; nil where the window itself is in nobody's way.
    private func noLayout(_ question: PlacementQuestion) -> String? {
        let who = question.guest.vmm?.name ?? "the guest's own map"
        let window = WindowSource.mainlineWindow.text
        if let refused = question.hosts.first(where: { question.facts[$0.facts].isRefused }) {
            return
                "Linux hands a device\(question.owning(refused)) to no VM, however \(who) lays its memory out."
        }
        if let blocker = defaultBlockers.first(where: \.isOfHost), case .host(let name) = blocker.owner {
            let host = question.hosts.count > 1 ? "Host \(name)" : "The host"
            let withholds = defaultReachability == .conditional ? "may withhold" : "withholds"
            let range = blocker.range.flatMap { $0.intersection(WindowSource.mainlineWindow)?.text } ?? window
            return "\(host) \(withholds) \(range), however \(who) lays its memory out."
        }
        guard !defaultBlockers.isEmpty else { return nil }
        return "No RAM size, RAM base or mode of \(who) that was tried leaves \(window) free."
    }
}

extension Placement.Blocker {
    var isOfHost: Bool {
        switch owner {
        case .host: true
        case .vm: false
        }
    }
}

extension PlacementQuestion {
    /// Of one host that is asked about by itself, everybody knows which it is.
    fileprivate func owning(_ host: Host) -> String { hosts.count > 1 ? " of \(host.name)" : "" }
}

extension SMMU.Version {
    fileprivate var words: String {
        switch self {
        case .v1: "an SMMUv1"
        case .v2: "an SMMUv2"
        case .v3: "an SMMUv3"
        case .virtio: "a virtio-iommu"
        }
    }
}
