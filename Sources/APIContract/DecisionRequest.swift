// The body of POST /v1/decisions, read with all its mistakes at once.

public import AddressSpaces
import IOVAAllocation
public import MSIWindows
public import Platforms
public import SMMUModel
public import WireJSON

/// A question as it came, before its platform is looked up.
public struct DecisionRequest: Sendable {
    /// What the question is about.
    public enum Subject: Sendable {
        case platform(id: String, device: String)
        /// Reserved regions and ranges given with the question.
        case inline(Device, usable: [IOVARange]?)
    }

    /// nil when it was wrong; the problem is in the list then.
    public var subject: Subject?
    public var consumer = Consumer.vfioType1
    public var source = WindowSource.fixed
    public var conditions = Conditions()
    /// nil when the device's own controllers decide.
    public var doorbells: [PhysicalAddress]?

    /// Reads the body; every fault goes to `problems`.
    public init(_ root: JSONNode, _ problems: ProblemList) {
        guard var reader = ObjectReader(root, problems) else { return }
        if let node = reader.required("consumer"), let consumer = node.choice(WireWords.consumers, problems) {
            self.consumer = consumer
        }
        if let node = reader.optional("window_source"), let source = WindowSource(node, problems) {
            self.source = source
        }
        conditions = Self.conditions(&reader, problems)
        if let node = reader.optional("doorbells") {
            doorbells = node.elements(countMax: Limits.doorbellsPerDecisionMax, problems)?
                .compactMap { $0.u64(problems).map(PhysicalAddress.init) }
        }
        for name in ["dma_mask", "forcedac", "earlier_mappings"] {
            guard let node = reader.optional(name) else { continue }
            problems.add(
                node.pointer, "not-for-consumer", "\"\(name)\" has a meaning for consumer dma_api only.")
        }
        subject = Self.subject(&reader, problems)
        reader.finish()
    }

    private static func conditions(_ reader: inout ObjectReader, _ problems: ProblemList) -> Conditions {
        var conditions = Conditions()
        if let node = reader.optional("kernel"), let kernel = node.choice(WireWords.kernels, problems) {
            conditions.kernel = kernel
        }
        if let node = reader.optional("aperture_bits"),
            let bits = node.int(in: Conditions.apertureBitsBounds, problems)
        {
            conditions.aperture = Conditions(apertureBits: bits).aperture
        }
        if let node = reader.optional("page_size"), let bytes = node.u64(problems) {
            if let size = WireWords.pageSizes.first(where: { $0.bytes == bytes }) {
                conditions.pageSize = size
            } else {
                let sizes = WireWords.pageSizes.map { HexLiteral.text($0.bytes) }.joined(separator: ", ")
                problems.add(
                    node.pointer, "unknown-value",
                    "\(HexLiteral.text(bytes)) is no arm64 page size: \(sizes).")
            }
        }
        return conditions
    }

    private static func subject(_ reader: inout ObjectReader, _ problems: ProblemList) -> Subject? {
        let platform = reader.optional("platform")
        let device = reader.optional("device")
        let regionsNode = reader.optional("reserved_regions")
        let rangesNode = reader.optional("iova_ranges")
        let limitNode = reader.optional("dma_limit")
        let inline = [regionsNode, rangesNode, limitNode].compactMap { $0 }
        if platform != nil || device != nil {
            for node in inline {
                problems.add(node.pointer, "conflict", "Send \"platform\" and \"device\", or this, not both.")
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
        let regions =
            regionsNode?.elements(countMax: Limits.inlineRegionsMax, problems)?
            .compactMap { ReservedRegion($0, problems) } ?? []
        let ranges = rangesNode?.elements(countMax: Limits.inlineRegionsMax, problems)?
            .compactMap { IOVARange(wire: $0, problems) }
        let limit = limitNode.map { $0.u64(problems) } ?? .max
        let made = Device(
            id: "inline", kind: .group, dmaLimit: limit ?? .max, firmwareRegions: regions)
        return .inline(made, usable: ranges)
    }
}

extension WindowSource {
    /// A word, or an object with "kind".
    init?(_ node: JSONNode, _ problems: ProblemList) {
        guard node.kind == .object else {
            guard let source = node.choice(WireWords.sources, problems) else { return nil }
            self = source
            return
        }
        guard var reader = ObjectReader(node, problems) else { return nil }
        let kind = reader.required("kind")?.choice(WireWords.sources, problems)
        guard let kind, case .candidates(var bases, var size, var avoid, _) = kind else {
            reader.finish()
            guard let kind else { return nil }
            self = kind
            return
        }
        if let node = reader.optional("size"), let given = node.u64(problems) {
            if given == 0 { problems.add(node.pointer, "zero-size", "A window has at least one byte.") }
            size = max(given, 1)
        }
        if let node = reader.optional("avoid"), let given = node.choice(WireWords.avoids, problems) {
            avoid = given
        }
        if let node = reader.optional("bases"),
            let nodes = node.elements(countMax: Limits.candidateBasesMax, problems)
        {
            if nodes.isEmpty {
                problems.add(node.pointer, "empty", "Send at least one base, or leave bases out.")
            }
            bases = nodes.compactMap { node in
                guard let base = node.u64(problems) else { return nil }
                guard !base.addingReportingOverflow(size - 1).overflow else {
                    problems.add(node.pointer, "wraps", "The window at this base would pass 2^64.")
                    return nil
                }
                return base
            }
        } else if bases.contains(where: { $0.addingReportingOverflow(size - 1).overflow }) {
            problems.add(
                reader.pointer("size"), "wraps", "A window of this size at the default bases would pass 2^64."
            )
            return nil
        }
        reader.finish()
        self = .candidates(bases: bases, size: size, avoid: avoid)
    }
}

extension ReservedRegion {
    /// `{"start", "last"|"size", "type", "provenance"?}`; the type is "reserved" by default.
    public init?(_ node: JSONNode, _ problems: ProblemList) {
        guard var reader = ObjectReader(node, problems) else { return nil }
        let range = reader.range()
        let kind = reader.optional("type").map { $0.choice(WireWords.regionKinds, problems) } ?? .reserved
        let words = reader.optional("provenance")?.string(bytesMax: Limits.nameBytesMax, problems)
        reader.finish()
        guard let range, let kind else { return nil }
        let (length, isFull) = (range.last - range.start).addingReportingOverflow(1)
        guard !isFull else {
            problems.add(
                node.pointer, "full-space", "A region of the whole 64-bit space leaves nothing to ask about.")
            return nil
        }
        self.init(
            kind: kind, start: range.start, length: length,
            provenance: .caller(words ?? "given with the request"))
    }
}

extension IOVARange {
    /// `{"start", "last"|"size"}`.
    public init?(wire node: JSONNode, _ problems: ProblemList) {
        guard var reader = ObjectReader(node, problems) else { return nil }
        let range = reader.range()
        reader.finish()
        guard let range else { return nil }
        self.init(proven: range.start, range.last)
    }
}
