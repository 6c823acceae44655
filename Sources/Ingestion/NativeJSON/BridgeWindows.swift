// A host bridge's windows as objects of JSON, wherever one is sent: outbound ones and entries of dma-ranges,
// in the native model of a platform, beside ACPI tables, in the description of a session's device.

public import JSON
public import Machines

extension PCIWindow {
    /// `{"bus", "cpu"?, "size", "kind"?, "is_64bit"?, "prefetchable"?}`; nil when something is wrong, which
    /// is in `problems` then.
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

extension InboundWindow {
    /// `{"bus", "cpu"?, "size"}`; nil when something is wrong, which is in `problems` then.
    public init?(_ node: JSONNode, _ problems: ProblemList) {
        guard var reader = ObjectReader(node, problems) else { return nil }
        defer { reader.finish() }
        self.init(&reader, problems)
    }

    /// The same from an object that may have more members: the caller finishes it.
    public init?(_ reader: inout ObjectReader, _ problems: ProblemList) {
        guard let ends = WindowEnds(&reader, problems) else { return nil }
        self.init(busStart: ends.bus, cpuStart: ends.cpu, size: ends.size)
    }
}

/// `bus`, `cpu` (the same unless given) and `size`, at least 1; neither side passes 2^64.
struct WindowEnds {
    let bus: UInt64
    let cpu: UInt64
    let size: UInt64

    /// nil when a member is missing or wrong, which is in `problems` then.
    init?(_ reader: inout ObjectReader, _ problems: ProblemList) {
        let bus = reader.required("bus")?.u64(problems)
        let cpu = reader.optional("cpu").map { $0.u64(problems) } ?? bus
        let sizeNode = reader.required("size")
        guard let sizeNode, let size = sizeNode.size(problems) else { return nil }
        guard size > 0 else {
            problems.add(sizeNode.pointer, "zero-size", "A window has at least one byte.")
            return nil
        }
        guard let bus, let cpu else { return nil }
        guard !bus.addingReportingOverflow(size - 1).overflow, !cpu.addingReportingOverflow(size - 1).overflow
        else {
            problems.add(sizeNode.pointer, "wraps", "The window passes 2^64.")
            return nil
        }
        (self.bus, self.cpu, self.size) = (bus, cpu, size)
    }
}
