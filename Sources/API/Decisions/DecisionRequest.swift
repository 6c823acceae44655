// The body of POST /v1/decisions, read with all its mistakes at once: the subject of the question, what
// happened before it, and what to try. A member that applies only to some consumers is refused if the
// question is about none of them. Platforms and devices are names here; QuestionResolver looks them up.

import AddressSpaces
import IOVAAllocation
import Ingestion
import JSON
import LinuxReleases
import MSIWindows
import Machines

/// A question as the request states it, before its platform is looked up.
struct DecisionRequest: Sendable {
    /// Another device of the question: a name on the same platform, or given inline.
    enum Member: Sendable {
        case named(String, pointer: String)
        case inline(Device)
    }

    /// What the question is about.
    enum Subject: Sendable {
        case platform(id: String, device: String)
        /// Reserved regions and ranges given with the question. Indirect, so that a request about a stored
        /// device has no room for one.
        indirect case inline(Device, usable: UsableRanges?)
    }

    /// nil when it was wrong; the problem is in the list then.
    var subject: Subject?
    var consumer = Consumer.vfioType1
    var source = WindowSource.fixed
    var stated = StatedConditions()
    /// nil when the device's own controllers decide.
    var doorbells: [PhysicalAddress]?
    /// Whether the request says who else is in the group, be it nobody.
    var statesMates = false
    /// Devices of the same group, before and after the subject.
    var matesBefore: [Member] = []
    var matesAfter: [Member] = []
    var attached: [Member] = []
    /// Whether it is about one device alone.
    var namesNoOthers: Bool { matesBefore.isEmpty && matesAfter.isEmpty && attached.isEmpty }
    /// Everything else, in a question whose group is not known yet.
    var circumstances = Circumstances()

    /// What happened before, and what to try.
    struct Circumstances: Sendable {
        var dmaMask = UInt64.max
        var history: [DMAOperation] = []
        var mappings: [IOVARange] = []
        var allowed: [IOVARange] = []
        var mapChecks: [MapCheck] = []
    }

    /// An empty request, for readers of bodies that hold a question, alone or among other things.
    init() {}

    /// Reads the body of a question alone; every fault goes to `problems`. No initialiser, whose end would
    /// copy everything once more.
    mutating func read(_ root: JSONNode, _ problems: ProblemList) {
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

    /// All conditions but the kernel and those of the DMA layer or iommufd only.
    private static let conditions: [Condition] = [
        .apertureBits, .pageSize, .smmuPageSizes, .defaultDomain, .driver, .iommuRegions, .isolatedMSI,
        .unsafeInterrupts,
    ]

    /// Everything but consumer, source and kernel. Members that no consumer of `consumers` knows are faults.
    mutating func read(
        _ reader: inout ObjectReader, for consumers: [Consumer], _ problems: ProblemList
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

// MARK: Subject

extension DecisionRequest {
    static func subject(_ reader: inout ObjectReader, _ problems: ProblemList) -> Subject? {
        let platform = reader.optional("platform")
        let device = reader.optional("device")
        let inline = ["reserved_regions", "iova_ranges", "dma_limit", "pci"].compactMap {
            (name: StaticString) in reader.optional(name)
        }
        if platform != nil || device != nil {
            for node in inline {
                problems.add(
                    node.pointer, "conflict", "Send \"platform\" and \"device\", or this member, not both.")
            }
            let id = (platform ?? reader.required("platform"))?.string(
                bytesMax: Limits.platformIDBytesMax, problems)
            let name = (device ?? reader.required("device"))?.string(bytesMax: Limits.nameBytesMax, problems)
            guard let id, let name else { return nil }
            return .platform(id: id, device: name)
        }
        guard !inline.isEmpty else {
            problems.add(
                reader.pointer("platform"), "required",
                "Send \"platform\" and \"device\", or \"reserved_regions\" (with \"iova_ranges\", \"dma_limit\")."
            )
            return nil
        }
        let ranges = reader.node.member("iova_ranges")?
            .elements(countMax: Limits.inlineRegionsMax, problems)?
            .compactMap { IOVARange(wire: $0, problems) }
        let (inlined, told) = Self.device(&reader, id: "inline", problems)
        return .inline(inlined, usable: ranges.map { UsableRanges($0, beside: told) })
    }

    /// A device that is known by its regions, PCI unless the caller says otherwise; and these regions as they
    /// were told.
    private static func device(
        _ reader: inout ObjectReader, id: String, _ problems: ProblemList
    ) -> (Device, told: [ReservedRegion]) {
        let regions =
            reader.optional("reserved_regions")?.elements(countMax: Limits.inlineRegionsMax, problems)?
            .compactMap { ReservedRegion($0, problems) } ?? []
        let limit = reader.optional("dma_limit").map { $0.u64(problems) } ?? .max
        let isPCI = reader.optional("pci").map { $0.bool(problems) } ?? true
        var device = Device(
            id: id, kind: isPCI == false ? .group : .pciFunction, dmaLimit: limit ?? .max,
            firmwareRegions: regions.withoutDriverWindowNamedMSI())
        device.reportedRegions = regions.tellingMSIsApart()
        return (device, regions)
    }

    /// `group_mates` and `attached`.
    mutating func readMembers(_ reader: inout ObjectReader, _ problems: ProblemList) {
        if let node = reader.optional("group_mates"), var mates = ObjectReader(node, problems) {
            statesMates = true
            matesBefore = members(mates.optional("before"), Limits.groupMatesMax, problems)
            matesAfter = members(mates.optional("after"), Limits.groupMatesMax, problems)
            mates.finish()
        }
        if let node = reader.node.member("attached") {
            _ = reader.optional("attached")
            attached = members(node, Limits.attachedGroupsMax, problems)
        }
    }

    /// Device ids of the same platform, or objects like an inline subject.
    private func members(_ node: JSONNode?, _ countMax: Int, _ problems: ProblemList) -> [Member] {
        guard let nodes = node?.elements(countMax: countMax, problems) else { return [] }
        return nodes.enumerated().compactMap { index, node in
            guard node.kind == .object else {
                guard let name = node.string(bytesMax: Limits.nameBytesMax, problems) else { return nil }
                return .named(name, pointer: node.pointer)
            }
            guard var reader = ObjectReader(node, problems) else { return nil }
            let device = Self.device(&reader, id: "inline \(node.pointer)", problems).0
            reader.finish()
            return .inline(device)
        }
    }
}

// MARK: Circumstances

extension DecisionRequest {
    /// Consumers by bits: a walk over lists of them counts references to each list.
    private struct Consumers: OptionSet {
        let rawValue: UInt8

        static let dmaAPI = Consumers(rawValue: 1)
        static let vfioType1 = Consumers(rawValue: 2)
        static let iommufd = Consumers(rawValue: 4)

        init(rawValue: UInt8) { self.rawValue = rawValue }

        init(_ consumer: Consumer) {
            switch consumer {
            case .dmaAPI: self = .dmaAPI
            case .vfioType1: self = .vfioType1
            case .iommufd: self = .iommufd
            }
        }
    }

    /// Members that apply only to some consumers.
    private static let owners: [(name: StaticString, consumers: Consumers)] = [
        ("dma_mask", [.dmaAPI]), ("forcedac", [.dmaAPI]), ("earlier_mappings", [.dmaAPI]),
        ("attached", [.vfioType1, .iommufd]), ("mappings", [.vfioType1, .iommufd]),
        ("map_checks", [.vfioType1, .iommufd]), ("allowed_iovas", [.iommufd]),
        ("cache_coherent", [.iommufd]), ("foreign_driver", [.vfioType1]),
    ]

    mutating func readCircumstances(
        _ reader: inout ObjectReader, for consumers: [Consumer], _ problems: ProblemList
    ) {
        let asked = consumers.reduce(into: Consumers()) { $0.insert(Consumers($1)) }
        for (name, owners) in Self.owners where owners.isDisjoint(with: asked) {
            guard let node = reader.optional(name) else { continue }
            let words = Consumer.allCases.filter { owners.contains(Consumers($0)) }
                .map(\.rawValue).sorted().joined(separator: ", ")
            problems.add(
                node.pointer, "not-for-consumer", "\"\(name)\" applies only to consumer \(words).")
        }
        if consumers.contains(.dmaAPI) { readDMA(&reader, problems) }
        guard consumers.contains(where: { $0 != .dmaAPI }) else { return }
        if consumers.contains(.vfioType1) { stated.read([.foreignDriver], from: &reader) }
        if let node = reader.optional("mappings") { circumstances.mappings = Self.ranges(node, problems) }
        if let node = reader.optional("map_checks"),
            let nodes = node.elements(countMax: Limits.mapChecksMax, problems)
        {
            circumstances.mapChecks = nodes.compactMap {
                Self.mapCheck($0, allowsAutomatic: consumers.contains(.iommufd), problems)
            }
        }
        guard consumers.contains(.iommufd) else { return }
        if let node = reader.optional("allowed_iovas") { circumstances.allowed = Self.ranges(node, problems) }
        stated.read([.cacheCoherent], from: &reader)
    }

    private mutating func readDMA(_ reader: inout ObjectReader, _ problems: ProblemList) {
        if let value = reader.value("dma_mask"), let mask = value.dmaMask(problems) {
            circumstances.dmaMask = mask
        }
        stated.read([.forcedac], from: &reader)
        if let node = reader.optional("earlier_mappings"),
            let nodes = node.elements(countMax: Limits.earlierMappingsMax, problems)
        {
            var live: Set<Int> = []
            for (index, node) in nodes.enumerated() {
                guard let operation = operation(node, index, &live, problems) else { continue }
                circumstances.history.append(operation)
            }
        }
    }

    /// `{"size", "dma_mask"?}`, or `{"free": <index of an earlier one>}`.
    private func operation(
        _ node: JSONNode, _ index: Int, _ live: inout Set<Int>, _ problems: ProblemList
    ) -> DMAOperation? {
        guard var reader = ObjectReader(node, problems) else { return nil }
        defer { reader.finish() }
        if let free = reader.optional("free") {
            guard let earlier = free.int(in: 0...Limits.earlierMappingsMax, problems) else { return nil }
            guard live.remove(earlier) != nil else {
                problems.add(
                    free.pointer, "not-mapped", "Entry \(earlier) is not a mapping that still exists.")
                return nil
            }
            return .unmap(index: earlier)
        }
        let maskValue = reader.value("dma_mask")
        guard let sizeNode = reader.required("size"), let bytes = sizeNode.size(problems) else { return nil }
        let mask = maskValue.map { $0.dmaMask(problems) } ?? circumstances.dmaMask
        guard bytes > 0 else {
            problems.add(sizeNode.pointer, "zero-size", "A mapping has at least one byte.")
            return nil
        }
        guard let mask else { return nil }
        live.insert(index)
        // The subject's place in its group is known once its mates are.
        return .map(bytes: bytes, mask: mask, member: 0)
    }

    static func ranges(_ node: JSONNode, _ problems: ProblemList) -> [IOVARange] {
        node.elements(countMax: Limits.mappingsPerDecisionMax, problems)?
            .compactMap { IOVARange(wire: $0, problems) } ?? []
    }

    /// `{"iova", "size"}`, or `{"size", "user_address"}` for automatic placement. What Linux refuses is an
    /// answer: a size of 0 is allowed here.
    private static func mapCheck(
        _ node: JSONNode, allowsAutomatic: Bool, _ problems: ProblemList
    ) -> MapCheck? {
        guard var reader = ObjectReader(node, problems) else { return nil }
        let size = reader.required("size")?.size(problems)
        let user = reader.optional("user_address")
        let iova = user == nil ? reader.required("iova") : reader.optional("iova")
        reader.finish()
        if let user, let iova {
            problems.add(iova.pointer, "conflict", "Send \"iova\" or \"user_address\", not both.")
            _ = user
            return nil
        }
        if let user {
            guard allowsAutomatic else {
                problems.add(
                    user.pointer, "not-for-consumer", "VFIO type1 chooses no address; send \"iova\".")
                return nil
            }
            guard let size, let address = user.u64(problems) else { return nil }
            return .automatic(bytes: size, userAddress: address)
        }
        guard let size, let iova = iova?.u64(problems) else { return nil }
        return .fixed(iova: iova, bytes: size)
    }
}
