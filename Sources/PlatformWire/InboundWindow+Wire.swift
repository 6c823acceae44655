// An entry of dma-ranges as an object of JSON.

public import Platforms
public import WireJSON

extension InboundWindow {
    /// `{"bus", "cpu"?, "size"}`; nil when something is wrong, which is in `problems` then.
    public init?(_ node: JSONNode, _ problems: ProblemList) {
        guard var reader = ObjectReader(node, problems) else { return nil }
        let ends = WindowEnds(&reader, problems)
        reader.finish()
        guard let ends else { return nil }
        self.init(busStart: ends.bus, cpuStart: ends.cpu, size: ends.size)
    }
}
