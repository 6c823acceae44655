// An allocation as it is ordered: by the body of POST .../iovas, by an operation of a batch, and by the query
// of GET .../available-iovas, which must answer what the POST would. All three read it here.

public import JSON
public import Sandboxes

extension AllocationOrder {
    /// `limit` for the allocator, or `dma_mask` for the DMA layer; every fault goes to the reader's problems.
    public init?(_ reader: inout some ValueReader) {
        let problems = reader.problems
        let bytes = Self.size(&reader)
        let limitValue = reader.value("limit")
        let maskValue = reader.value("dma_mask")
        let alignedValue = reader.value("size_aligned")
        let cachedValue = reader.value("cached")
        let isCached = cachedValue.flatMap { $0.bool(problems) } ?? false
        let isAligned = alignedValue.flatMap { $0.bool(problems) } ?? true
        let requester = Requester(&reader)
        if let maskValue {
            for value in [limitValue, alignedValue, cachedValue].compactMap({ $0 }) {
                value.add("conflict", "The DMA layer, which dma_mask asks, decides this.", problems)
            }
            guard let mask = maskValue.dmaMask(problems), let bytes else { return nil }
            self.init(bytes: bytes, limit: mask, level: .dmaLayer, requester: requester)
            return
        }
        if isCached, let alignedValue, !isAligned {
            alignedValue.add("conflict", "The cached level always aligns.", problems)
        }
        let limit = limitValue.map { $0.u64(problems) } ?? .max
        guard let bytes, let limit else { return nil }
        self.init(bytes: bytes, limit: limit, isAligned: isAligned, level: isCached ? .cached : .tree)
    }

    /// Bytes of an allocation or mapping; at least one.
    static func size(_ reader: inout some ValueReader) -> UInt64? {
        let value = reader.requiredValue("size")
        let bytes = value?.u64(reader.problems)
        if bytes == 0 { value?.add("zero-size", "An allocation has at least one byte.", reader.problems) }
        return bytes
    }
}

extension Requester {
    /// `device`, an attached one, or `pci`.
    init(_ reader: inout some ValueReader) {
        let problems = reader.problems
        let device = reader.value("device")
        let pci = reader.value("pci")
        guard let device, let id = device.string(bytesMax: Limits.nameBytesMax, problems) else {
            self = .anonymous(isPCI: pci.flatMap { $0.bool(problems) } ?? true)
            return
        }
        pci?.add("conflict", "The device tells whether it is PCI.", problems)
        self = .device(id)
    }
}

extension WireValue {
    /// A DMA mask, which is not zero.
    func dmaMask(_ problems: ProblemList) -> UInt64? {
        guard let mask = u64(problems) else { return nil }
        guard mask != 0 else {
            add("zero-mask", "A DMA mask has at least one bit.", problems)
            return nil
        }
        return mask
    }
}
