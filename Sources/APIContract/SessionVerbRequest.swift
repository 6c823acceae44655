// The verbs on a domain as they come in bodies: allocate, reserve, map a doorbell, and batches of them. A
// verb has the same members by itself and in a batch, where `op` names it.

public import AddressSpaces
public import MSIWindows
import PlatformWire
public import SMMUModel
public import Sessions
public import WireJSON

/// One verb.
public enum SessionVerb: Sendable {
    case allocate(AllocationOrder)
    /// VFIO and iommufd; without an address, where iommufd places it.
    case mapMemory(iova: UInt64?, bytes: UInt64, userAddress: UInt64)
    case reserve(IOVARange, ReservedRegion.Kind, provenance: String, grows: Bool)
    case mapDoorbell(PhysicalAddress, mask: UInt64, Requester)
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
    }

    /// The body of POST .../iovas: `limit` for the allocator, `dma_mask` for the DMA layer.
    public static func allocation(
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
        let sizeNode = reader.required("size")
        let bytes = sizeNode?.u64(problems)
        if let sizeNode, bytes == 0 {
            problems.add(sizeNode.pointer, "zero-size", "An allocation has at least one byte.")
        }
        guard consumer == .dmaAPI else {
            let iova = reader.optional("iova").flatMap { $0.u64(problems) }
            let user = reader.optional("user_address").flatMap { $0.u64(problems) }
            return bytes.map { .mapMemory(iova: iova, bytes: $0, userAddress: user ?? 0) }
        }
        let limitNode = reader.optional("limit")
        let maskNode = reader.optional("dma_mask")
        let alignedNode = reader.optional("size_aligned")
        let cachedNode = reader.optional("cached")
        let isCached = cachedNode.flatMap { $0.bool(problems) } ?? false
        let aligned = alignedNode.flatMap { $0.bool(problems) } ?? true
        let asker = requester(&reader, problems)
        if let maskNode {
            for node in [limitNode, alignedNode, cachedNode].compactMap({ $0 }) {
                problems.add(node.pointer, "conflict", "The DMA layer, which dma_mask asks, decides this.")
            }
            guard let bytes, let mask = Self.mask(maskNode, problems) else { return nil }
            return .allocate(
                AllocationOrder(bytes: bytes, limit: mask, level: .dmaLayer, requester: asker))
        }
        if isCached, let alignedNode, !aligned {
            problems.add(alignedNode.pointer, "conflict", "The cached level always aligns.")
        }
        let limit = limitNode.map { $0.u64(problems) } ?? .max
        guard let bytes, let limit else { return nil }
        return .allocate(
            AllocationOrder(
                bytes: bytes, limit: limit, isAligned: aligned, level: isCached ? .cached : .tree))
    }

    private static func mask(_ node: JSONNode, _ problems: ProblemList) -> UInt64? {
        guard let mask = node.u64(problems) else { return nil }
        guard mask != 0 else {
            problems.add(node.pointer, "zero-mask", "A DMA mask has at least one bit.")
            return nil
        }
        return mask
    }

    /// `device`, an attached one, or `pci`.
    private static func requester(_ reader: inout ObjectReader, _ problems: ProblemList) -> Requester {
        let device = reader.optional("device")
        let pci = reader.optional("pci")
        if let device, let id = device.string(bytesMax: Limits.nameBytesMax, problems) {
            if let pci { problems.add(pci.pointer, "conflict", "The device tells whether it is PCI.") }
            return .device(id)
        }
        return .anonymous(isPCI: pci.flatMap { $0.bool(problems) } ?? true)
    }

    /// The body of POST .../reserved-regions.
    public static func reservation(_ node: JSONNode, _ problems: ProblemList) -> SessionVerb? {
        guard var reader = ObjectReader(node, problems) else { return nil }
        let verb = reservation(&reader, problems)
        reader.finish()
        return verb
    }

    private static func reservation(
        _ reader: inout ObjectReader, _ problems: ProblemList
    ) -> SessionVerb? {
        let range = reader.range()
        let kind = reader.optional("type").map { $0.choice(ReservedRegion.Kind.words, problems) } ?? .reserved
        let words = reader.optional("provenance")?.string(bytesMax: Limits.nameBytesMax, problems)
        let grows = reader.optional("grow").flatMap { $0.bool(problems) } ?? false
        guard let range, let kind else { return nil }
        return .reserve(
            IOVARange(proven: range.start, range.last), kind, provenance: words ?? "reserved by request",
            grows: grows)
    }

    /// The body of POST .../doorbells.
    public static func doorbell(_ node: JSONNode, _ problems: ProblemList) -> SessionVerb? {
        guard var reader = ObjectReader(node, problems) else { return nil }
        let verb = doorbell(&reader, problems)
        reader.finish()
        return verb
    }

    private static func doorbell(_ reader: inout ObjectReader, _ problems: ProblemList) -> SessionVerb? {
        let physical = reader.required("physical")?.u64(problems)
        let mask = reader.optional("dma_mask").map { Self.mask($0, problems) } ?? .max
        let asker = requester(&reader, problems)
        guard let physical, let mask else { return nil }
        return .mapDoorbell(PhysicalAddress(physical), mask: mask, asker)
    }

    /// The body of POST .../batches, in order.
    public static func batch(
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
        let names = Name.allCases.map { (word: $0.rawValue, value: $0) }
        guard let name = reader.required("op")?.choice(names, problems) else { return nil }
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
