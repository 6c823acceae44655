// How a device's requests are numbered when they reach an SMMU, and which of a bus's requesters reach one.
// Mirrors drivers/of/base.c: of_map_id, Linux 7.2: the first entry that holds the ID decides.

/// One entry of `iommus` or of `iommu-map`.
public struct StreamMapping: Hashable, Sendable {
    /// What the entry says about stream IDs.
    public enum Kind: Hashable, Sendable {
        /// `iommus`: the specifier's cells (stream ID, for SMMUv2 perhaps followed by a mask).
        case specifier([UInt32])
        /// `iommu-map`: requester IDs `idBase ..< idBase + length` go to `output` onward. Length 0 is a
        /// placeholder that firmware fills.
        case idMap(idBase: UInt32, length: UInt32, output: [UInt32])
        /// ACPI: requester IDs `idBase ..< idBase + length` all go to `output`: a single mapping.
        case constant(idBase: UInt32, length: UInt32, output: UInt32)
    }

    /// The SMMU's id.
    public var smmu: String
    public var kind: Kind

    public init(smmu: String, kind: Kind) {
        self.smmu = smmu
        self.kind = kind
    }

    /// An entry that holds no ID.
    package var isPlaceholder: Bool {
        switch kind {
        case .idMap(_, let length, _), .constant(_, let length, _): length == 0
        case .specifier: false
        }
    }

    /// The stream IDs of an ACPI mapping; runs that pass 2^32 are cut.
    var streamIDs: [ClosedRange<UInt32>] {
        switch kind {
        case .specifier(let cells): return cells.first.map { [$0...$0] } ?? []
        case .constant(_, let length, let output): return length > 0 ? [output...output] : []
        case .idMap(_, let length, let output):
            guard let first = output.first, length > 0 else { return [] }
            let (last, wraps) = first.addingReportingOverflow(length - 1)
            return [first...(wraps ? .max : last)]
        }
    }
}

// A requester that no entry holds has no IOMMU and so no group: Linux leaves its DMA, MSIs included, at
// physical addresses.

extension Device {
    /// The IOMMU and the first cell of the stream ID of one requester; nil when no entry translates it.
    ///
    /// - Parameter requester: bus << 8 | device << 3 | function, or the ID of another bus.
    public func stream(ofRequester requester: UInt32) -> (iommu: String, id: UInt32)? {
        let id = requester & requesterMask
        for mapping in streams {
            if let stream = mapping.stream(ofID: id) { return (mapping.smmu, stream) }
        }
        return nil
    }

    /// What a function with this requester ID has for streams of its own: the one that it reaches, beside
    /// what names an SMMU alone. Empty when no entry translates it.
    package func streams(ofRequester requester: UInt32) -> [StreamMapping] {
        let reached = stream(ofRequester: requester).map {
            StreamMapping(smmu: $0.iommu, kind: .specifier([$0.id]))
        }
        return streams.filter(\.isSpecifier) + (reached.map { [$0] } ?? [])
    }

    /// Of each SMMU the first entry, for a function that no entry translates and that is behind them all the
    /// same.
    package var firstStreams: [StreamMapping] {
        var seen: Set<String> = []
        return streams.filter { seen.insert($0.smmu).inserted }
    }

    /// Entries that hold one stream ID and are looked at; a firmware where more are hidden makes no sense.
    private static let entriesMax = 16

    /// The entries that give a stream ID on one of `smmus` to somebody, in firmware's order, each with the
    /// lowest requester ID that has it through the entry; nil for an entry without IDs. It is the inverse of
    /// `stream(ofRequester:)`: an entry whose IDs the mask cannot make, or an earlier entry holds, gives it
    /// to nobody. The IDs of ACPI's single mappings are disjoint, so their first speaks for all.
    package func entries(
        of stream: UInt32, on smmus: Set<String>
    ) -> [(mapping: StreamMapping, requester: UInt32?)] {
        streams.indices.lazy.filter { smmus.contains(streams[$0].smmu) && streams[$0].holds(stream) }
            .prefix(Self.entriesMax)
            .compactMap { index in
                guard let id = streams[index].lowestID(of: stream) else { return (streams[index], nil) }
                let isLookedUp = id & ~requesterMask == 0
                let isHidden = streams[..<index].contains { $0.stream(ofID: id) != nil }
                return isLookedUp && !isHidden ? (streams[index], id) : nil
            }
    }
}

extension StreamMapping {
    fileprivate var isSpecifier: Bool {
        switch kind {
        case .specifier: true
        case .idMap, .constant: false
        }
    }

    /// The first cell of the stream ID that the entry gives to an ID as it is looked up.
    fileprivate func stream(ofID id: UInt32) -> UInt32? {
        switch kind {
        case .idMap(let base, let length, let output):
            id >= base && id - base < length ? (output.first ?? 0) &+ (id - base) : nil
        case .constant(let base, let length, let output): id >= base && id - base < length ? output : nil
        case .specifier: nil
        }
    }

    /// Whether a stream ID is among the entry's. An SMMUv2 specifier may have a mask of ignored bits after
    /// the ID.
    fileprivate func holds(_ stream: UInt32) -> Bool {
        switch kind {
        case .specifier(let cells):
            guard let id = cells.first else { return false }
            let mask = cells.count > 1 ? cells[1] : 0
            return id & ~mask == stream & ~mask
        case .constant(_, let length, let output): return length > 0 && output == stream
        case .idMap(_, let length, let output):
            guard let first = output.first else { return false }
            return stream &- first < length
        }
    }

    /// The lowest ID that the entry makes this stream ID of, which it holds.
    fileprivate func lowestID(of stream: UInt32) -> UInt32? {
        switch kind {
        case .specifier: nil
        case .constant(let base, _, _): base
        case .idMap(let base, _, let output): base &+ (stream &- (output.first ?? 0))
        }
    }
}
