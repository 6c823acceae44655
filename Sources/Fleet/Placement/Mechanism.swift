// By what means a VM gets the window of a placement on kernels and VMMs as they are. A verdict says where a
// window fits; this says whether anything can put it there, and what would have to change otherwise.

import AddressSpaces
import MSIWindows

extension Placement {
    /// The means, and those that are missing.
    public struct Mechanism: Hashable, Sendable {
        public enum Kind: String, CaseIterable, Sendable {
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
        /// A sentence.
        public var because: String
        public var notAvailable: [Missing]
    }

    /// Whether the window works on these hosts without anything that they do not have.
    var worksToday: Bool { verdict == .defaultWorks && !needsOption }

    /// Decides by verdict and remedies, which must be there already.
    func mechanism(_ question: PlacementQuestion, _ contract: Contract) -> Mechanism {
        let hasOptions = question.hosts.allSatisfy { $0.capabilities.contains(.softwareMSIOptions) }
        let fits = verdictWithStealTimeOff ?? verdict
        let isNested = contract == .fixedRMR || contract == .followsWindow
        if worksToday {
            return isNested
                ? Mechanism(kind: .guestRMR, because: rmrSentence(contract), notAvailable: [])
                : Mechanism(
                    kind: .default, because: "What Linux does by itself works; nothing is to be done.",
                    notAvailable: [])
        }
        let wantsOptions = fits == .movable || fits == .defaultWorks && needsOption
        if wantsOptions, hasOptions {
            let condition = verdictWithStealTimeOff == nil ? "" : " The VM needs steal time off besides."
            return Mechanism(
                kind: .iommufdOptions,
                because:
                    "Every host states that its kernel has the options, which put the window there.\(condition)",
                notAvailable: [])
        }
        var missing: [Mechanism.Missing] = []
        if wantsOptions {
            missing.append(.init(kind: .iommufdOptions, because: HostCapability.softwareMSIOptions.absence))
        }
        if contract == .unsupported {
            missing.append(.init(kind: .guestRMR, because: unsupportedText(question)))
        }
        let layout = remedies.first { $0.subject == .vm || $0.subject == .vmm }
        if layout == nil { missing.append(.init(kind: .vmmLayout, because: noLayout(question))) }
        return Mechanism(
            kind: layout == nil ? .none : .vmmLayout,
            because: layout?.text
                ?? (remedies.isEmpty
                    ? "Nothing that is known of these hosts and this VM makes Linux's own window work."
                    : "Only another window or other hosts help, as the remedies say."),
            notAvailable: missing)
    }

    private func rmrSentence(_ contract: Contract) -> String {
        contract == .fixedRMR
            ? "The guest's IORT RMR is a literal \(WindowSource.mainlineWindow.text), which is where Linux maps the window."
            : "The VMM tells the guest of the window by an IORT RMR; Linux maps the window there by itself."
    }

    private func noLayout(_ question: PlacementQuestion) -> String {
        let who = question.guest.vmm?.name ?? "the guest's own map"
        let window = WindowSource.mainlineWindow.text
        if defaultReachability != .yes || defaultBlockers.contains(where: \.isOfHost) {
            return "A host withholds \(window), however \(who) lays its memory out."
        }
        if needsOption, defaultWorks { return "No layout makes Linux's own window \(window) larger." }
        return "No RAM size, RAM base or mode of \(who) that is known leaves \(window) free."
    }
}

extension Placement.Blocker {
    fileprivate var isOfHost: Bool {
        switch owner {
        case .host: true
        case .vm: false
        }
    }
}
