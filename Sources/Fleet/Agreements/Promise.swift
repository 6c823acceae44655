// What the hosts of an agreement promise to one VM: a window and the means by which it is there, both fixed
// when the agreement is proposed. Whether a host keeps the promise is a placement on that host alone, with
// the promised window as the base that is asked for: the one deciding path, so that an agreement can say
// nothing that a placement does not.

public import AddressSpaces
import MSIWindows

/// A window and a mechanism, for one VM.
public struct Promise: Sendable {
    /// nil where no window is used.
    public let window: IOVARange?
    public let mechanism: Placement.Mechanism
    public let guest: GuestDemand
    /// What was asked for, of the size that was promised.
    public let demand: WindowDemand

    /// Why there is nothing to promise.
    public struct Refusal: Error, Sendable {
        /// A sentence.
        public let because: String
        public let blockers: [Placement.Blocker]
        public let remedies: [Remedy]
        /// nil where nothing could be decided.
        public let mechanism: Placement.Mechanism?

        init(
            because: String, blockers: [Placement.Blocker], remedies: [Remedy],
            mechanism: Placement.Mechanism?
        ) {
            self.because = because
            self.blockers = blockers
            self.remedies = remedies
            self.mechanism = mechanism
        }

        /// That a host alone does not keep what all together promise.
        public init(_ standing: Standing) {
            self.init(
                because: standing.blockers.first?.provenance ?? "", blockers: standing.blockers,
                remedies: standing.remedies, mechanism: standing.mechanism)
        }
    }

    /// What keeps a host from the promise besides what lies in its window.
    public enum Breach: String, CaseIterable, Sendable {
        case platformMissing = "platform_missing"
        case deviceMissing = "device_missing"
        case noDevices = "no_devices"
        /// Its devices have more ranges than one placement looks at.
        case tooLarge = "too_large"
        /// The pool has no platform.
        case poolEmpty = "pool_empty"
        /// There is no room for all platforms of the pool.
        case poolTooLarge = "pool_too_large"
        /// The doorbells take more than was promised: this host's pages are larger.
        case windowTooSmall = "window_too_small"
        case ramUnmappable = "ram_unmappable"
        case barUnmappable = "bar_unmappable"
        case guestContract = "guest_contract"
        case stealTime = "steal_time"
        /// The window is free, and the host lacks the means.
        case mechanism
        /// Whether the promise is kept depends on what a virtio-iommu reports.
        case iommuDecides = "iommu_decides_window"
    }

    /// What a placement lets its hosts promise.
    public init(_ placement: Placement, _ question: PlacementQuestion) throws(Refusal) {
        let base: UInt64?
        switch placement.mechanism.kind {
        case .none, .vmmLayout: throw Refusal(placement, placement.mechanism.because, question)
        case .notNeeded: base = nil
        case .default, .guestRMR: base = WindowSource.mainlineBase
        case .iommufdOptions:
            guard let chosen = placement.chosen else {
                throw Refusal(
                    placement, "No one window fits every host; propose an agreement for each kind of host.")
            }
            base = chosen
        }
        guard placement.runs(question) else { throw Refusal(placement, placement.because) }
        if let base, let requested = placement.window.requested, requested != base {
            throw Refusal(
                placement,
                "This mechanism puts the window at \(HexLiteral.text(base)), and \(HexLiteral.text(requested)) was asked for."
            )
        }
        mechanism = placement.mechanism
        guest = question.guest
        demand = placement.window
        // Linux takes all of its own window, however little was asked for.
        window =
            base == WindowSource.mainlineBase
            ? WindowSource.mainlineWindow : base.flatMap { placement.window.window(at: $0) }
        if let other = placement.ifReported.first?.placement, !isKept(by: other, question) {
            throw Refusal(
                because: placement.undecided ?? other.because, blockers: Self.undecided(question),
                remedies: placement.remedies, mechanism: placement.mechanism)
        }
    }

    /// Hosts of which a virtio-iommu decides whether the promise is kept.
    private static func undecided(_ question: PlacementQuestion) -> [Placement.Blocker] {
        let found = question.hosts.lazy.compactMap { host -> Placement.Blocker? in
            let facts = question.facts[host.facts]
            guard !facts.ifReported.isEmpty, let remark = facts.undecidedRemark else { return nil }
            return .init(
                owner: .host(host.name), kind: Breach.iommuDecides.rawValue,
                range: WindowSource.mainlineWindow, provenance: remark)
        }
        return Array(found.prefix(Standing.blockersMax))
    }

    /// The window on one host; nil where its doorbells keep their addresses.
    public func window(on host: Agreement.Host) -> IOVARange? {
        host.standing.mechanism?.kind == .notNeeded ? nil : window
    }

    /// Pages that Linux hands out in the window on one host, in the order in which doorbells are used first;
    /// at most `most`. None where nothing is known of its kernel.
    public func doorbells(on host: Agreement.Host, most: Int) -> [IOVA] {
        guard let window = window(on: host), let pageSize = host.standing.under?.pageSize else { return [] }
        return demand.doorbells(in: window, pagesOf: pageSize, most: most)
    }

    /// The same on all hosts; nil where it differs by their pages.
    public func doorbells(on hosts: [Agreement.Host], most: Int) -> [IOVA]? {
        guard let window else { return [] }
        let pages = Set(hosts.filter { self.window(on: $0) != nil }.compactMap(\.standing.under?.pageSize))
        if pages.count > 1, demand.doorbells > 1 { return nil }
        return demand.doorbells(in: window, pagesOf: pages.first ?? demand.pageSize, most: most)
    }

    /// Why `doorbells(on:most:)` has none for all hosts.
    public static let doorbellsDiffer =
        "The hosts have pages of different sizes, so that doorbells after the first lie at addresses of each host."

    /// How a host stands to the promise.
    ///
    /// - Parameters:
    ///   - pageSize: of its kernel.
    ///   - iommufd: what its kernel has of it.
    public func standing(
        of host: String, _ facts: HostFacts, capabilities: Set<HostCapability>, pageSize: Granule,
        iommufd: IOMMUFDSupport
    ) -> Standing {
        let own = WindowDemand(
            size: demand.size, alignment: demand.alignment, requested: window?.start.value,
            isMovable: demand.isMovable, is32BitOnly: demand.is32BitOnly, pageSize: pageSize,
            doorbells: demand.doorbells)
        let question = PlacementQuestion(
            hosts: [.init(name: host, facts: 0, capabilities: capabilities, iommufd: iommufd)],
            facts: [facts], guest: guest, window: own)
        let placement = Placement.decide(question) {}
        return Standing(
            verdict: placement.verdict, mechanism: placement.mechanism,
            blockers: Array(blockers(placement, question, host).prefix(Standing.blockersMax)),
            remedies: placement.remedies)
    }

    private func isKept(by placement: Placement, _ question: PlacementQuestion) -> Bool {
        let kind = placement.mechanism.kind
        guard placement.runs(question), kind == mechanism.kind || kind == .notNeeded else { return false }
        return window.map { placement.candidates.contains(base: $0.start.value) } ?? true
    }

    /// Empty where the placement keeps the promise.
    private func blockers(
        _ placement: Placement, _ question: PlacementQuestion, _ host: String
    ) -> [Placement.Blocker] {
        func blocker(_ breach: Breach, _ text: String, _ range: IOVARange? = nil) -> Placement.Blocker {
            .init(owner: .host(host), kind: breach.rawValue, range: range, provenance: text)
        }
        if question.window.isEnlarged, window != nil {
            let needed = HexLiteral.text(question.window.needed)
            return [
                blocker(
                    .windowTooSmall,
                    "The doorbells take \(needed) bytes with the pages of this host, and the window has \(HexLiteral.text(demand.size))."
                )
            ]
        }
        if isKept(by: placement, question) {
            guard let other = placement.ifReported.first?.placement, !isKept(by: other, question) else {
                return []
            }
            return [blocker(.iommuDecides, placement.undecided ?? other.because)]
        }
        var found: [Placement.Blocker] = []
        switch placement.verdict {
        case .ramUnmappable:
            found = placement.unmappable.map {
                blocker(.ramUnmappable, "guest memory that the host does not map", $0)
            }
        case .barUnmappable: found = [blocker(.barUnmappable, placement.because)]
        case .guestContractViolation: found = [blocker(.guestContract, placement.because)]
        case .worksWithStealTimeOff: found = [blocker(.stealTime, placement.because)]
        case .defaultWorks, .movable, .none: break
        }
        if placement.requestedWorks == false { found += placement.requestedBlockers }
        guard found.isEmpty else { return found }
        let own = placement.mechanism
        return [blocker(.mechanism, own.notAvailable.first?.because ?? own.because)]
    }
}

extension Promise.Refusal {
    /// - Parameter question: of a placement without a mechanism. What is refused for another reason than what
    ///   lies in the window has a blocker, too.
    fileprivate init(_ placement: Placement, _ because: String, _ question: PlacementQuestion? = nil) {
        let isAsked = placement.requestedWorks == false
        var blockers = isAsked ? placement.requestedBlockers : placement.defaultBlockers
        if blockers.isEmpty, let question {
            blockers = [
                .init(
                    owner: .vm(question.guest.name), kind: Promise.Breach.mechanism.rawValue, range: nil,
                    provenance: because)
            ]
        }
        self.init(
            because: because, blockers: blockers,
            remedies: placement.remedies, mechanism: placement.mechanism)
    }
}

extension Placement {
    /// Whether the VM starts on these hosts with the window where it fits. Where no window is used, none has
    /// to fit.
    fileprivate func runs(_ question: PlacementQuestion) -> Bool {
        switch verdict {
        case .defaultWorks, .movable: true
        case .none:
            mechanism.kind == .notNeeded && question.guest.refusal == nil
                && !question.hosts.contains { question.facts[$0.facts].isRefused }
        case .ramUnmappable, .worksWithStealTimeOff, .barUnmappable, .guestContractViolation: false
        }
    }

    /// Why a virtio-iommu decides the answer.
    fileprivate var undecided: String? { warnings.first { $0.code == .iommuDecidesWindow }?.detail }
}

extension Standing {
    /// The same of another host of its kind.
    public func of(_ host: String) -> Standing {
        let blockers = self.blockers.map { blocker in
            var own = blocker
            if blocker.isOfHost { own.owner = .host(host) }
            return own
        }
        var standing = self
        standing.blockers = blockers
        return standing
    }
}

/// How one host stands to a promise.
public struct Standing: Hashable, Sendable {
    /// Blockers that are kept and told.
    public static let blockersMax = 8

    /// nil where nothing could be decided.
    public let verdict: Placement.Verdict?
    public let mechanism: Placement.Mechanism?
    /// What keeps the host from the promise.
    public fileprivate(set) var blockers: [Placement.Blocker]
    /// The kernel and pages that it has, of hosts whose facts are known.
    public var under: Agreement.Host.Kernel?
    public let remedies: [Remedy]

    init(
        verdict: Placement.Verdict?, mechanism: Placement.Mechanism?, blockers: [Placement.Blocker],
        remedies: [Remedy]
    ) {
        self.verdict = verdict
        self.mechanism = mechanism
        self.blockers = blockers
        self.remedies = remedies
    }

    /// Of a host about which nothing can be decided.
    ///
    /// - Parameter because: a sentence.
    public init(_ host: String, _ breach: Promise.Breach, because: String) {
        self.init(
            verdict: nil, mechanism: nil,
            blockers: [
                .init(owner: .host(host), kind: breach.rawValue, range: nil, provenance: because)
            ], remedies: [])
    }

    public var keeps: Bool { blockers.isEmpty }
}
