// The body of POST /v1/map-failures as JSON: what a VMM printed, and on which host, as a decision names one.

import AddressSpaces
import JSON
import MSIWindows

/// A request as it was sent, before its platform is looked up.
struct MapFailureRequest: Sendable {
    /// The text, a line each; empty when it was wrong.
    var log: [UInt8] = []
    /// nil where the text says whose call it was.
    var consumer: Consumer?
    /// The host, as a question without a log would name it; its subject is nil when nothing is known of it.
    var host = DecisionRequest()
    /// A platform whose device the text is to name.
    var platformAlone: String?

    /// Conditions of the host.
    static let conditions: [Condition] = [
        .kernel, .pageSize, .apertureBits, .smmuPageSizes, .driver, .iommuRegions, .isolatedMSI,
        .unsafeInterrupts,
    ]
    private static let subjectNames = [
        "platform", "device", "reserved_regions", "iova_ranges", "dma_limit", "pci",
    ]

    init() {}

    /// Every mistake goes to `problems`.
    init(_ root: JSONNode, _ problems: ProblemList) {
        guard var reader = ObjectReader(root, problems) else { return }
        log = LogMembers.read(&reader, problems)
        if let node = reader.optional("consumer") { consumer = Self.consumer(.member(node), problems) }
        if let node = reader.optional("window_source"), let source = WindowSource(node, problems) {
            host.source = source
        }
        host.stated.read(Self.conditions, from: &reader)
        let names = Self.subjectNames.filter { reader.node.member($0) != nil }
        if names == ["platform"] {
            platformAlone = reader.optional("platform")?.string(
                bytesMax: Limits.platformIDBytesMax, problems)
        } else if !names.isEmpty {
            host.subject = DecisionRequest.subject(&reader, problems)
        }
        host.readMembers(&reader, problems)
        if let node = reader.optional("mappings") {
            host.circumstances.mappings = DecisionRequest.ranges(node, problems)
        }
        if let node = reader.optional("allowed_iovas") {
            host.circumstances.allowed = DecisionRequest.ranges(node, problems)
        }
        reader.finish()
    }

    /// User space maps through VFIO or iommufd.
    static func consumer(_ value: WireValue, _ problems: ProblemList) -> Consumer? {
        guard let consumer = value.choice(WireWords.consumers, problems) else { return nil }
        guard consumer != .dmaAPI else {
            value.add(
                "not-for-consumer", "The DMA layer maps nothing for user space; send vfio_type1 or iommufd.",
                problems)
            return nil
        }
        return consumer
    }
}
