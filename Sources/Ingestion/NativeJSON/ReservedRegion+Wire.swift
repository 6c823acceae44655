// A reserved region as an object of JSON, and the words for its kinds.

public import JSON
public import Machines

extension ReservedRegion {
    /// The longest `provenance`.
    public static let provenanceBytesMax = 1_024

    /// `{"start", "last"|"size", "type"?, "provenance"?}`; the type is "reserved" unless given, and one of
    /// `kinds`; `source` is where a region comes from that does not say so itself. An exported one may name a
    /// node as firmware wrote it. nil when something is wrong, which is in `problems` then.
    public init?(
        _ node: JSONNode, kinds: [(word: String, value: Kind)] = Kind.words,
        from source: String = "given with the request", isExported: Bool = false, _ problems: ProblemList
    ) {
        guard var reader = ObjectReader(node, problems) else { return nil }
        let range = Self.range(&reader, problems)
        let kind = reader.optional("type").map { $0.choice(kinds, problems) } ?? .reserved
        let words = reader.optional("provenance").flatMap {
            isExported
                ? $0.string(bytesMax: Self.provenanceBytesMax, problems)
                : $0.line(bytesMax: Self.provenanceBytesMax, problems)
        }
        reader.finish()
        guard let range, let kind else { return nil }
        self.init(
            kind: kind, start: range.start, length: range.last - range.start + 1,
            provenance: .caller(words ?? source))
    }

    /// `{"start", "last"|"size"}` of a region that a caller reserves: it leaves something, so that its length
    /// is a 64-bit number. nil when something is wrong, which is in `problems` then.
    public static func range(
        _ reader: inout ObjectReader, _ problems: ProblemList
    ) -> (start: UInt64, last: UInt64)? {
        guard let range = reader.range() else { return nil }
        guard range.last - range.start != .max else {
            problems.add(
                reader.node.pointer, "full-space",
                "A region of the whole 64-bit space leaves nothing usable.")
            return nil
        }
        return (range.start, range.last)
    }
}

extension ReservedRegion.Kind {
    /// Every kind by its names on the wire: ours, and the kernel's own spelling where it is another.
    public static let words =
        allCases.map { (word: $0.wireName, value: $0) }
        + [(word: directRelaxable.sysfsName, value: directRelaxable)]
    /// Those that firmware may reserve: the software-managed window is the driver's own.
    public static let firmwareWords = words.filter { $0.value != .softwareMSI }

    /// lower_snake name on the wire.
    public var wireName: String {
        switch self {
        case .direct: "direct"
        case .directRelaxable: "direct_relaxable"
        case .reserved: "reserved"
        case .msi: "msi"
        case .softwareMSI: "software_msi"
        }
    }
}
