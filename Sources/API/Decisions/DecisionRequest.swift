// The body of POST /v1/decisions, read with all its mistakes at once. Platforms and devices are names here:
// the service looks them up.

public import AddressSpaces
import IOVAAllocation
public import JSON
import LinuxReleases
public import Machines
public import MSIWindows

/// A question as it came, before its platform is looked up.
public struct DecisionRequest: Sendable {
    /// Another device of the question: a name on the same platform, or given inline.
    public enum Member: Sendable {
        case named(String, pointer: String)
        case inline(Device)
    }

    /// What the question is about.
    public enum Subject: Sendable {
        case platform(id: String, device: String)
        /// Reserved regions and ranges given with the question.
        case inline(Device, usable: [IOVARange]?)
    }

    /// nil when it was wrong; the problem is in the list then.
    public internal(set) var subject: Subject?
    public internal(set) var consumer = Consumer.vfioType1
    public internal(set) var source = WindowSource.fixed
    public var stated = StatedConditions()
    /// nil when the device's own controllers decide.
    public internal(set) var doorbells: [PhysicalAddress]?
    /// Devices of the same group, before and behind the subject.
    public internal(set) var matesBefore: [Member] = []
    public internal(set) var matesAfter: [Member] = []
    public internal(set) var attached: [Member] = []
    /// Everything else, in a question whose group is not known yet.
    public internal(set) var circumstances = Circumstances()

    /// What happened before, and what is to be tried.
    public struct Circumstances: Sendable {
        public var dmaMask = UInt64.max
        public var history: [DMAOperation] = []
        public var mappings: [IOVARange] = []
        public var allowed: [IOVARange] = []
        public var mapChecks: [MapCheck] = []
    }

    /// Reads the body; every fault goes to `problems`.
    public init(_ root: JSONNode, _ problems: ProblemList) {
        guard var reader = ObjectReader(root, problems) else { return }
        if let node = reader.required("consumer"), let consumer = node.choice(WireWords.consumers, problems) {
            self.consumer = consumer
        }
        if let node = reader.optional("window_source"), let source = WindowSource(node, problems) {
            self.source = source
        }
        stated.read([.kernel], from: &reader)
        read(&reader, for: [consumer], problems)
        reader.finish()
    }

    /// An empty request, for readers of bodies that hold a question among other things.
    init() {}

    /// Kernel and the DMA layer's and iommufd's own aside.
    private static let conditions: [Condition] = [
        .apertureBits, .pageSize, .smmuPageSizes, .defaultDomain, .driver, .isolatedMSI, .unsafeInterrupts,
    ]

    /// Everything but consumer, source and kernel. Members that no consumer of `consumers` knows are faults.
    mutating func read(
        _ reader: inout ObjectReader, for consumers: Set<Consumer>, _ problems: ProblemList
    ) {
        stated.read(Self.conditions, from: &reader)
        if let node = reader.optional("doorbells") {
            doorbells = node.elements(countMax: Limits.doorbellsPerDecisionMax, problems)?
                .compactMap { $0.u64(problems).map(PhysicalAddress.init) }
        }
        readCircumstances(&reader, for: consumers, problems)
        subject = Self.subject(&reader, problems)
        readMembers(&reader, problems)
    }
}
