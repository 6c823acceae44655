// Explained map failures as members of an answer. Field names and their order are the contract's.

import AddressSpaces
import JSON
import MSIWindows
import Machines

extension JSONWriter {
    /// One element of the answer to POST /v1/map-failures.
    mutating func mapExplanation(_ explanation: MapExplanation) {
        object { writer in
            writer.reported(explanation.failure, consumer: explanation.consumer)
            writer.mapVerdict(explanation)
            for other in explanation.ifReported {
                writer.object("if_iommu_reports_msi") { writer in
                    writer.iommuRegions(other.regions)
                    writer.mapVerdict(other.explanation)
                }
            }
        }
    }

    private mutating func mapVerdict(_ explanation: MapExplanation) {
        member("verdict", explanation.verdict.rawValue)
        member("certainty", explanation.certainty.rawValue)
        member("because", explanation.because)
        member("changes", strings: explanation.changes)
        array("blockers") { writer in
            for blocker in explanation.blockers {
                writer.object { writer in
                    writer.member("verdict", blocker.verdict.rawValue)
                    writer.range("range", blocker.range)
                    writer.member("provenance", blocker.provenance)
                }
            }
        }
        array("candidates") { writer in
            for candidate in explanation.candidates {
                writer.object { writer in
                    writer.member("verdict", candidate.verdict.rawValue)
                    if let range = candidate.range { writer.range("range", range) }
                    writer.member("because", candidate.because)
                }
            }
        }
        array("alternatives") { writer in
            for start in explanation.alternatives { writer.hex(start.value) }
        }
    }

    /// What the text says.
    private mutating func reported(_ failure: MapFailure, consumer: Consumer?) {
        member("line", failure.line)
        member("last_line", failure.lastLine)
        member("count", failure.count)
        member("program", failure.program.rawValue)
        member("action", failure.action.rawValue)
        member("call", failure.call)
        member("consumer", orNull: consumer?.rawValue)
        member("iova", orNullHex: failure.iova)
        member("size", orNullHex: failure.size)
        member("last", orNullHex: failure.range?.last.value)
        if let address = failure.userAddress { member("user_address", hex: address) }
        member("errno", orNull: failure.errorNumber.flatMap { LinuxError.name(of: $0) })
        if let number = failure.errorNumber { member("errno_number", number) }
        if let limit = failure.lockedMemoryLimit { member("locked_memory_limit", hex: limit) }
        if let region = failure.region { member("region", region) }
        if let bar = failure.bar { member("bar", bar.rawValue) }
        if let device = failure.device { member("device", device) }
        if let group = failure.group { member("group", group) }
        if failure.isIncomplete { member("incomplete", true) }
    }
}
