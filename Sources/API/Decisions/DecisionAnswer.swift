// A decision and its explanation as members of an answer. Field names and their order are the contract's.

import AddressSpaces
import Fleet
import HTTP
import IOVAAllocation
import Ingestion
package import JSON
import LinuxReleases
import MSIWindows
package import Machines

extension JSONWriter {
    /// The decision and, if wanted, its explanation: one path decides, the recorder only listens.
    mutating func answer(_ question: Question, _ explain: ExplainLevel) {
        var decision = Decision()
        guard explain != .none else {
            var recorder = NoRecorder()
            decision.answer(question, recorder: &recorder)
            decisionMembers(decision)
            return
        }
        var recorder = StepRecorder(limit: Limits.explanationStepsMax)
        decision.answer(question, recorder: &recorder)
        decisionMembers(decision)
        // A summary leaves out steps that are only notes.
        let steps = recorder.steps.filter { explain == .full || $0.verdict != .noted }
        // To write lines for firmware costs four times as much as a short answer.
        explanation(
            steps: steps, dropped: recorder.dropped,
            undescribed: explain == .full ? Self.undescribed(decision, question) : [])
    }

    /// What no list shows of a window that user space gets and that is not certain to be reached.
    private static func undescribed(_ decision: Decision, _ question: Question) -> [UndescribedRange] {
        guard question.consumer != .dmaAPI, decision.reachability != .yes, let window = decision.window else {
            return []
        }
        return UndescribedRange.among(question.prepared.device, in: window)
    }
}

extension JSONWriter {
    /// A blocker: what, where, from whom.
    private mutating func blocker(_ item: WithheldItem) {
        object { writer in
            writer.member("kind", item.kind.rawValue)
            writer.range("range", item.range)
            writer.member("provenance", item.provenance)
        }
    }

    /// Warnings of a decision, and of answers that rest on the same facts.
    mutating func warnings(_ warnings: [Warning]) {
        array("warnings") { writer in
            for warning in warnings {
                writer.object { writer in
                    writer.member("code", warning.code.rawValue)
                    writer.member("detail", warning.detail)
                    if let range = warning.range { writer.range("range", range) }
                }
            }
        }
    }

    /// What is not known of these devices, or crashes the kernel, in answers that have no other warnings.
    mutating func warnings(
        of devices: some Sequence<Device>, under conditions: Conditions, for consumer: Consumer
    ) {
        let told = devices.warnings(under: conditions, for: consumer)
        if !told.isEmpty { warnings(told) }
    }

    /// The members of a decision, without its explanation.
    mutating func decisionMembers(_ decision: Decision) {
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
        reachability(decision.reachability)
        array("blockers") { writer in decision.blockers.forEach { writer.blocker($0) } }
        member("because", decision.because)
        warnings(decision.warnings)
        if !decision.changes.isEmpty { member("changes", strings: decision.changes) }
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
        for other in decision.ifReported {
            object("if_iommu_reports_msi") { writer in
                writer.iommuRegions(other.regions)
                writer.decisionMembers(other.decision)
            }
        }
    }

    /// What a virtio-iommu reports, as a request states it.
    package mutating func iommuRegions(_ regions: [ReservedRegion]) {
        array("iommu_regions") { writer in
            for region in regions {
                writer.object { writer in
                    // Without a size, so that a request can state them again.
                    writer.member("start", hex: region.start)
                    writer.member("last", hex: region.wrappingLast)
                    writer.member("type", region.kind.wireName)
                    writer.member("provenance", region.provenanceText)
                }
            }
        }
    }

    /// `"kernel_crashes"`, beside what would hold if it did not.
    mutating func kernelCrashes(_ remark: String?) {
        if let remark { member("kernel_crashes", remark) }
    }

    /// `"x86_host"`: why nothing of the host's MSIs is translated.
    mutating func x86Host(_ remark: String?) {
        if let remark { member("x86_host", remark) }
    }

    /// `"no_group"`, beside what would hold if the device had one.
    mutating func noGroup(_ device: Device) {
        if let remark = device.missingIOMMURemark { member("no_group", remark) }
    }

    /// `"iommu_decides"`: nobody has said what the virtio-iommu reports; `more` writes the other answer.
    mutating func iommuDecides(_ remark: String?, _ more: (inout JSONWriter) -> Void = { _ in }) {
        guard let remark else { return }
        object("iommu_decides") { writer in
            writer.member("detail", remark)
            more(&writer)
        }
    }

    /// The first ranges, and how many there are.
    mutating func iovaRanges(_ ranges: [IOVARange]) {
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

    mutating func explanation(steps: [Step], dropped: Int, undescribed: [UndescribedRange] = []) {
        object("explanation") { writer in
            writer.array("steps") { writer in
                for step in steps { writer.step(step) }
            }
            writer.member("dropped", dropped)
            guard !undescribed.isEmpty else { return }
            writer.array("missing_descriptions") { writer in
                undescribed.prefix(MissingDescription.countMax).forEach { writer.missingDescription($0) }
            }
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
