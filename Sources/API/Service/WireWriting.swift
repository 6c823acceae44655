// Domain values as members of answers. Field names and their order are the contract's.

public import AddressSpaces
import Ingestion
import IOVAAllocation
public import JSON
public import LinuxReleases
public import Machines
public import MSIWindows

/// This implementation, as answers name it.
public enum Engine {
    public static let version = "0.1.0"
}

extension JSONWriter {
    /// `"model"`: the release that the answer reproduces, and our version.
    public mutating func model(_ kernel: KernelRelease, engine: String) {
        object("model") { writer in
            writer.member("kernel", kernel.rawValue)
            writer.member("engine", engine)
        }
    }

    public mutating func range(_ name: String, _ range: AddressRange<some Address>) {
        object(name) { $0.rangeMembers(start: range.start.value, last: range.last.value) }
    }

    public mutating func item(_ item: WithheldItem) {
        object { writer in
            writer.rangeMembers(start: item.range.start.value, last: item.range.last.value)
            writer.member("kind", item.kind.rawValue)
            writer.member("type", orNull: item.type?.wireName)
            writer.member("advertised", item.isAdvertised)
            writer.member("provenance", item.provenance)
        }
    }

    /// A blocker: what, where, from whom.
    private mutating func blocker(_ item: WithheldItem) {
        object { writer in
            writer.member("kind", item.kind.rawValue)
            writer.range("range", item.range)
            writer.member("provenance", item.provenance)
        }
    }

    public mutating func finding(_ finding: Finding) {
        object { writer in
            writer.member("severity", finding.severity.rawValue)
            writer.member("code", finding.code)
            writer.member("where", finding.location)
            writer.member("detail", finding.detail)
        }
    }

    /// The members of a decision, explanation aside.
    public mutating func decisionMembers(_ decision: Decision) {
        member("kind", "decision")
        member("outcome", decision.outcome.rawValue)
        if let window = decision.window { range("window", window) }
        array("doorbells") { writer in
            for doorbell in decision.doorbells {
                writer.object { writer in
                    writer.member("physical", hex: doorbell.physical.value)
                    writer.member("iova", hex: doorbell.iova.value)
                    writer.member("page", hex: doorbell.page.value)
                }
            }
        }
        member("reachable", decision.isReachable)
        array("blockers") { writer in decision.blockers.forEach { writer.blocker($0) } }
        member("because", decision.because)
        array("warnings") { writer in
            for warning in decision.warnings {
                writer.object { writer in
                    writer.member("code", warning.code.rawValue)
                    writer.member("detail", warning.detail)
                    if let range = warning.range { writer.range("range", range) }
                }
            }
        }
        if let errno = decision.errno { member("errno", errno.rawValue) }
        if let ranges = decision.ranges { iovaRanges(ranges) }
        if !decision.history.isEmpty {
            array("earlier_mappings") { writer in
                for address in decision.history {
                    if let address { writer.hex(address.value) } else { writer.null() }
                }
            }
        }
        if !decision.mapResults.isEmpty {
            array("map_checks") { writer in decision.mapResults.forEach { writer.mapResult($0) } }
        }
    }

    /// The first ranges, and how many there are.
    private mutating func iovaRanges(_ ranges: [IOVARange]) {
        array("iova_ranges") { writer in
            for range in ranges.prefix(Limits.rangesPerDecisionMax) {
                writer.object { $0.rangeMembers(start: range.start.value, last: range.last.value) }
            }
        }
        member("iova_ranges_total", ranges.count)
    }

    private mutating func mapResult(_ result: Decision.MapResult) {
        object { writer in
            switch result.check {
            case .fixed(let iova, let bytes):
                writer.member("iova", hex: iova)
                writer.member("size", hex: bytes)
            case .automatic(let bytes, let userAddress):
                writer.key("iova")
                if let iova = result.iova { writer.hex(iova.value) } else { writer.null() }
                writer.member("size", hex: bytes)
                writer.member("user_address", hex: userAddress)
            }
            writer.member("allowed", result.errno == nil)
            writer.member("errno", orNull: result.errno?.rawValue)
        }
    }

    public mutating func explanation(steps: [Step], dropped: Int) {
        object("explanation") { writer in
            writer.array("steps") { writer in
                for step in steps { writer.step(step) }
            }
            writer.member("dropped", dropped)
        }
    }

    private mutating func step(_ step: Step) {
        object { writer in
            writer.member("seq", step.sequence)
            writer.member("rule", step.rule.rawValue)
            writer.member("verdict", step.verdict.rawValue)
            if let candidate = step.candidate { writer.range("candidate", candidate) }
            if let blocker = step.blocker {
                writer.key("blocker")
                writer.blocker(blocker)
            }
            writer.member("text", step.text)
        }
    }
}
