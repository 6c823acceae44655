// The verbs on a domain as they come in bodies: allocate, reserve, map a doorbell, and batches of them. A
// verb has the same members by itself and in a batch, where `op` names it. An allocation is also ordered by
// the query of GET .../available-iovas, which must answer what the POST would.

import AddressSpaces
import Ingestion
import JSON
import MSIWindows
import Machines
import Sandboxes

/// One verb.
enum SessionVerb: Sendable {
    case allocate(AllocationOrder)
    /// VFIO and iommufd; without an address, where iommufd places it.
    case mapMemory(iova: UInt64?, bytes: UInt64, userAddress: UInt64)
    case reserve(IOVARange, ReservedRegion.Kind, provenance: String, grows: Bool)
    case mapDoorbell(PhysicalAddress, mask: UInt64, Asker)
    case free(IOVA)
    /// The trimmer of the caches fires.
    case trim
}

extension SessionVerb {
    /// The names of verbs in a batch.
    enum Name: String, CaseIterable {
        case allocate, reserve, free
        case mapDoorbell = "map_doorbell"
        case trim

        /// Made once: a batch reads thousands.
        fileprivate static let words = allCases.map { (word: $0.rawValue, value: $0) }
    }

    /// The body of POST .../iovas: `limit` for the allocator, `dma_mask` for the DMA layer.
    static func allocation(
        _ node: JSONNode, for consumer: Consumer, _ problems: ProblemList
    ) -> SessionVerb? {
        guard var reader = ObjectReader(node, problems) else { return nil }
        let verb = allocation(&reader, for: consumer, problems)
        reader.finish()
        return verb
    }

    private static func allocation(
        _ reader: inout ObjectReader, for consumer: Consumer, _ problems: ProblemList
    ) -> SessionVerb? {
        guard consumer == .dmaAPI else {
            let bytes = AllocationOrder.size(&reader)
            let iova = reader.optional("iova").flatMap { $0.u64(problems) }
            let user = reader.optional("user_address").flatMap { $0.u64(problems) }
            return bytes.map { .mapMemory(iova: iova, bytes: $0, userAddress: user ?? 0) }
        }
        return AllocationOrder(&reader).map { .allocate($0) }
    }

    /// The body of POST .../reserved-regions.
    static func reservation(_ node: JSONNode, _ problems: ProblemList) -> SessionVerb? {
        guard var reader = ObjectReader(node, problems) else { return nil }
        let verb = reservation(&reader, problems)
        reader.finish()
        return verb
    }

    private static func reservation(
        _ reader: inout ObjectReader, _ problems: ProblemList
    ) -> SessionVerb? {
        let range = ReservedRegion.range(&reader, problems)
        let kind = reader.optional("type").map { $0.choice(ReservedRegion.Kind.words, problems) } ?? .reserved
        let words = reader.optional("provenance")?.line(bytesMax: Limits.nameBytesMax, problems)
        let grows = reader.optional("grow").flatMap { $0.bool(problems) } ?? false
        guard let range, let kind else { return nil }
        return .reserve(
            IOVARange(proven: range.start, range.last), kind, provenance: words ?? "reserved by request",
            grows: grows)
    }

    /// The body of POST .../doorbells.
    static func doorbell(_ node: JSONNode, _ problems: ProblemList) -> SessionVerb? {
        guard var reader = ObjectReader(node, problems) else { return nil }
        let verb = doorbell(&reader, problems)
        reader.finish()
        return verb
    }

    private static func doorbell(_ reader: inout ObjectReader, _ problems: ProblemList) -> SessionVerb? {
        let physical = reader.required("physical")?.u64(problems)
        let mask = reader.value("dma_mask").map { $0.dmaMask(problems) } ?? .max
        let asker = Asker(&reader)
        guard let physical, let mask else { return nil }
        return .mapDoorbell(PhysicalAddress(physical), mask: mask, asker)
    }

    /// The body of POST .../batches, in order.
    static func batch(
        _ root: JSONNode, for consumer: Consumer, _ problems: ProblemList
    ) -> [SessionVerb] {
        guard var reader = ObjectReader(root, problems) else { return [] }
        let nodes = reader.required("operations")?.elements(
            countMax: Limits.batchOperationsMax, problems)
        reader.finish()
        return nodes?.compactMap { operation($0, for: consumer, problems) } ?? []
    }

    private static func operation(
        _ node: JSONNode, for consumer: Consumer, _ problems: ProblemList
    ) -> SessionVerb? {
        guard var reader = ObjectReader(node, problems) else { return nil }
        guard let name = reader.required("op")?.choice(Name.words, problems) else { return nil }
        let verb: SessionVerb? =
            switch name {
            case .allocate: allocation(&reader, for: consumer, problems)
            case .reserve: reservation(&reader, problems)
            case .mapDoorbell: doorbell(&reader, problems)
            case .free: reader.required("iova")?.u64(problems).map { .free(IOVA($0)) }
            case .trim: .trim
            }
        reader.finish()
        return verb
    }
}

extension AllocationOrder {
    /// `limit` for the allocator, or `dma_mask` for the DMA layer; every fault goes to the reader's problems.
    init?(_ reader: inout some ValueReader) {
        let problems = reader.problems
        let bytes = Self.size(&reader)
        let limitValue = reader.value("limit")
        let maskValue = reader.value("dma_mask")
        let alignedValue = reader.value("size_aligned")
        let cachedValue = reader.value("cached")
        let isCached = cachedValue.flatMap { $0.bool(problems) } ?? false
        let isAligned = alignedValue.flatMap { $0.bool(problems) } ?? true
        let asker = Asker(&reader)
        if let maskValue {
            for value in [limitValue, alignedValue, cachedValue].compactMap({ $0 }) {
                value.add("conflict", "With \"dma_mask\" the DMA layer decides this; leave it out.", problems)
            }
            guard let mask = maskValue.dmaMask(problems), let bytes else { return nil }
            self.init(bytes: bytes, limit: mask, level: .dmaLayer, asker: asker)
            return
        }
        if isCached, let alignedValue, !isAligned {
            alignedValue.add(
                "conflict", "The cached level always aligns; send true or leave it out.", problems)
        }
        let limit = limitValue.map { $0.u64(problems) } ?? .max
        guard let bytes, let limit else { return nil }
        self.init(bytes: bytes, limit: limit, isAligned: isAligned, level: isCached ? .cached : .tree)
    }

    /// Bytes of an allocation or mapping; at least one.
    static func size(_ reader: inout some ValueReader) -> UInt64? {
        let value = reader.requiredValue("size")
        let bytes = value?.size(reader.problems)
        if bytes == 0 { value?.add("zero-size", "An allocation has at least one byte.", reader.problems) }
        return bytes
    }
}

extension Asker {
    /// `device`, an attached one, or `pci`.
    init(_ reader: inout some ValueReader) {
        let problems = reader.problems
        let device = reader.value("device")
        let pci = reader.value("pci")
        guard let device, let id = device.string(bytesMax: Limits.nameBytesMax, problems) else {
            self = .anonymous(isPCI: pci.flatMap { $0.bool(problems) } ?? true)
            return
        }
        pci?.add("conflict", "\"device\" already determines this; leave it out.", problems)
        self = .device(id)
    }
}
