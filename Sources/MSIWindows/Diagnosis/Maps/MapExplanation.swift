// What is asked about failed maps, and the answer: which region, limit or mapping stopped each, how sure
// that is, and what to change. With a group to ask about, the path of decisions tells; without one, an
// answer names candidates and says what would settle it.

public import AddressSpaces
import LinuxReleases
public import Machines

/// One failed map, explained.
public struct MapExplanation: Hashable, Sendable {
    public enum Verdict: String, CaseIterable, Sendable {
        /// A region that firmware, hardware or a driver reserves.
        case reservedRegion = "reserved_region"
        /// The driver's own window for MSIs.
        case softwareWindow = "software_window"
        /// Beyond what the IOMMU translates.
        case outsideAperture = "outside_aperture"
        /// Outside the ranges that the running host offered, for no reason that is known.
        case outsideRanges = "outside_iova_ranges"
        case existingMapping = "existing_mapping"
        /// Locked memory, or the number of mappings.
        case limit
        case alignment
        /// The range extends past 2^64.
        case overflow
        /// The memory of the process.
        case badAddress = "bad_address"
        /// Linux does not give the group or the device to user space.
        case refusedAttach = "refused_attach"
        /// Undoing a map failed.
        case refusedUnmap = "refused_unmap"
        case notKnown = "not_known"
    }

    public enum Certainty: String, CaseIterable, Sendable {
        case yes, likely, unknown
    }

    /// Something that may have stopped it, where nothing is known of the host.
    public struct Candidate: Hashable, Sendable {
        public var verdict: Verdict
        public var range: IOVARange?
        public var because: String
    }

    /// What is in the way.
    public struct Blocker: Hashable, Sendable {
        public var verdict: Verdict
        public var range: IOVARange
        /// For people.
        public var provenance: String
    }

    public var failure: MapFailure
    /// Whose call it was taken for; nil where the text leaves it open and nothing depends on it.
    public var consumer: Consumer?
    public var verdict: Verdict
    public var certainty: Certainty
    /// One sentence or a few for a person.
    public var because: String
    /// What to do about it, most useful first.
    public var changes: [String] = []
    /// In ascending order.
    public var blockers: [Blocker] = []
    public var candidates: [Candidate] = []
    /// Where a mapping of this size can go, nearest first; empty without a host.
    public var alternatives: [IOVA] = []
    /// Where a virtio-iommu decides what it reports: the explanation if it reports an MSI region and this is
    /// another one. At most one.
    public var ifReported: [IfReported] = []

    init(
        _ failure: MapFailure, _ verdict: Verdict, _ certainty: Certainty, because: String,
        changes: [String] = []
    ) {
        self.failure = failure
        self.verdict = verdict
        self.certainty = certainty
        self.because = because
        self.changes = changes
    }

    /// The explanation under regions that the virtio-iommu may report.
    public struct IfReported: Hashable, Sendable {
        public var regions: [ReservedRegion]
        public var explanation: MapExplanation
    }

    /// Most blockers of one explanation.
    public static let blockersMax = 16
}

/// The surroundings of failed maps.
public struct MapQuestion: Sendable {
    /// The group, what was mapped before, and the conditions; its map checks are not read. nil when nothing
    /// is known of the host.
    public var question: Question?
    /// Whose calls they are, where the caller says so.
    public var consumer: Consumer?
    /// Of a host of which nothing else is known.
    public var conditions: Conditions
    /// What the host's modules do where MSIs are not isolated; each consumer's has its own parameter.
    public var unsafeInterrupts: [Consumer: Bool] = [:]

    public init(
        _ question: Question? = nil, consumer: Consumer? = nil, conditions: Conditions = Conditions()
    ) {
        self.question = question
        self.consumer = consumer
        self.conditions = question?.conditions ?? conditions
    }

    /// The same question if the host's virtio-iommu reports these regions; nil where it is known what it
    /// reports, and where no doorbell is known.
    var ifReported: (regions: [ReservedRegion], question: MapQuestion)? {
        guard let question, let other = question.subject.ifReported(over: question.doorbells),
            !other.regions.isEmpty
        else { return nil }
        var reported = self
        reported.question?.conditions.iommuRegions = other.regions
        return (other.regions, reported)
    }

    /// Who made a call: the caller's word, then the text's, then VFIO, which most programs use.
    func consumer(of failure: MapFailure) -> Consumer {
        if let consumer { return consumer }
        return switch failure.space {
        case .iommufd: .iommufd
        case .vfio, nil: .vfioType1
        }
    }
}

/// Explanations of one text, and what user space may map on the host.
public struct MapExplanations: Sendable {
    public var items: [MapExplanation]
    /// nil without a host, or when its group cannot be attached.
    public var ranges: [IOVARange]?
}
