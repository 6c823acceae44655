// An entry of dma-ranges as an object of JSON.

public import JSON
public import Machines

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
