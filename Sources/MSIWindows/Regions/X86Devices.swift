// The answer about a device of an x86 host: no window, whoever asks, for MSIs are not translated. The other
// regions and ranges of the device are answered as for every list.

import AddressSpaces
import Machines

extension PreparedDevice {
    /// Whether the device is of an x86 host; not where the caller has said that an SMMU's driver is meant.
    public var isOfX86: Bool { conditions.driver == .virtio && source.isOfX86 }

    /// What to say of such a device; nil of others.
    public var x86Remark: String? { isOfX86 ? source.x86Remark : nil }
}

extension Question {
    /// Whether the device that is asked about is of an x86 host.
    public var isOfX86: Bool { subject.isOfX86 }
}

extension Decision {
    /// What becomes of MSIs on an x86 host; nil on others.
    static func ofX86<R: Recorder>(_ question: Question, _ recorder: inout R) -> Decision? {
        guard question.subject.isOfX86, let because = question.device.x86Because else { return nil }
        let blocker = question.subject.withheld.items.first { $0.kind == .hardwareMSI }
        recorder.record(.x86MSIs, .accepted, candidate: nil, blocker: blocker, because)
        return Decision(
            outcome: .hardware,
            doorbells: question.doorbells.map { .untranslated($0, question.conditions.pageSize) },
            reachability: .yes, because: because)
    }
}
