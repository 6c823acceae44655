// A reserved region as an object of JSON, and the words for its kinds.

public import JSON
public import Machines

extension ReservedRegion {
    /// The longest `provenance`.
    public static let provenanceBytesMax = 1_024

    /// `{"start", "last"|"size", "type"?, "provenance"?}`; the type is "reserved" unless given, and one of
    /// `kinds`; `source` is where a region comes from that does not say so itself. nil when something is
    /// wrong, which is in `problems` then.
    public init?(
        _ node: JSONNode, kinds: [(word: String, value: Kind)] = Kind.words,
        from source: String = "given with the request",
        _ problems: ProblemList
    ) {
        guard var reader = ObjectReader(node, problems) else { return nil }
        let range = reader.range()
        let kind = reader.optional("type").map { $0.choice(kinds, problems) } ?? .reserved
        let words = reader.optional("provenance")?.string(bytesMax: Self.provenanceBytesMax, problems)
        reader.finish()
        guard let range, let kind else { return nil }
        let (length, isFull) = (range.last - range.start).addingReportingOverflow(1)
        guard !isFull else {
            problems.add(
                node.pointer, "full-space", "A region of the whole 64-bit space leaves nothing usable.")
            return nil
        }
        self.init(kind: kind, start: range.start, length: length, provenance: .caller(words ?? source))
    }
}

extension ReservedRegion.Kind {
    /// Every kind by its name on the wire.
    public static let words = allCases.map { (word: $0.wireName, value: $0) }
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
