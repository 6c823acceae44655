// A reserved region as an object of JSON, and the words for its kinds.

public import JSON
public import Machines

extension ReservedRegion {
    /// The longest `provenance`.
    public static let provenanceBytesMax = 1_024
    /// The longest of a region of an attached device, which also says whose it is and why it is not applied.
    public static let describedProvenanceBytesMax = 2 * provenanceBytesMax

    /// The words as far as they may come in again: names of nodes in them are as long as firmware likes.
    public static func describedProvenance(_ words: String) -> String {
        guard words.utf8.count > describedProvenanceBytesMax else { return words }
        var end = words.utf8.index(words.startIndex, offsetBy: describedProvenanceBytesMax)
        while end.samePosition(in: words.unicodeScalars) == nil { words.utf8.formIndex(before: &end) }
        return String(words[..<end])
    }

    /// `{"start", "last"|"size", "type"?, "provenance"?}`; the type is "reserved" unless given, and one of
    /// `kinds`; `source` is where a region comes from that does not say so itself. One of a device that a
    /// domain describes may have `"not_applied"`, and an exported one may name a node as firmware wrote it.
    /// nil when something is wrong, which is in `problems` then.
    public init?(
        _ node: JSONNode, kinds: [(word: String, value: Kind)] = Kind.words,
        from source: String = "given with the request", isDescribed: Bool = false, isExported: Bool = false,
        _ problems: ProblemList
    ) {
        guard var reader = ObjectReader(node, problems) else { return nil }
        let range = Self.range(&reader, problems)
        let kind = reader.optional("type").map { $0.choice(kinds, problems) } ?? .reserved
        let bytesMax = isDescribed ? Self.describedProvenanceBytesMax : Self.provenanceBytesMax
        let words = reader.optional("provenance").flatMap {
            isExported
                ? $0.string(bytesMax: bytesMax, problems) : $0.line(bytesMax: bytesMax, problems)
        }
        let notApplied =
            isDescribed
            ? reader.optional("not_applied").flatMap { $0.choice(NotApplied.words, problems) } : nil
        reader.finish()
        guard let range, let kind else { return nil }
        self.init(
            kind: kind, start: range.start, length: range.last - range.start + 1,
            provenance: notApplied.map { .notApplied(words ?? source, $0) } ?? .caller(words ?? source))
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

extension ReservedRegion.NotApplied {
    fileprivate static let words = allCases.map { (word: $0.name, value: $0) }
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
