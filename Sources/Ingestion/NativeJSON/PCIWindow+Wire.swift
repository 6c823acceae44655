// A host bridge's outbound window as an object of JSON, wherever one is sent: in the native model of a
// platform, beside ACPI tables, in the description of a session's device.

public import JSON
public import Machines

extension PCIWindow {
    /// `{"bus", "cpu"?, "size", "kind"?, "is_64bit"?, "prefetchable"?}`; nil when something is wrong, which is in
    /// `problems` then.
    public init?(_ node: JSONNode, _ problems: ProblemList) {
        guard var reader = ObjectReader(node, problems) else { return nil }
        defer { reader.finish() }
        self.init(&reader, problems)
    }

    /// The same from an object that may have more members: the caller finishes it.
    public init?(_ reader: inout ObjectReader, _ problems: ProblemList) {
        let kinds = Kind.allCases.map { (word: $0.rawValue, value: $0) }
        let kind = reader.optional("kind").map { $0.choice(kinds, problems) } ?? .memory
        let ends = WindowEnds(&reader, problems)
        let is64Bit = reader.optional("is_64bit").map { $0.bool(problems) } ?? false
        let prefetchable = reader.optional("prefetchable").map { $0.bool(problems) } ?? false
        guard let kind, let ends, let is64Bit, let prefetchable else { return nil }
        self.init(
            kind: kind, busStart: ends.bus, cpuStart: ends.cpu, size: ends.size, is64Bit: is64Bit,
            isPrefetchable: prefetchable)
    }
}
