// What a fault of a damaged log may say: what the whole record says, or less; and numbers that are in the
// text.

import Machines

extension SMMUFault {
    /// Where this says something that none of the whole records does, or a number that is not in the text;
    /// nil when all of it may be said.
    func contradiction(of wholes: [SMMUFault], in text: String) -> String? {
        let complaints = wholes.map { contradiction(of: $0) }
        guard complaints.contains(nil) else { return complaints.compactMap { $0 }.first ?? "nothing is told" }
        let low = text.lowercased()
        for number in [iova, streamID.map(UInt64.init)].compactMap({ $0 }) {
            let digits = String(number, radix: 16)
            if !low.contains(digits) { return "0x\(digits) is not in the text" }
        }
        return nil
    }

    private func contradiction(of whole: SMMUFault) -> String? {
        func differs<Value: Equatable>(_ field: KeyPath<SMMUFault, Value?>) -> Bool {
            self[keyPath: field] != nil && self[keyPath: field] != whole[keyPath: field]
        }
        let isEvent = whole.event.hasPrefix(event) || event == "global fault" || event == "UNKNOWN"
        let fields: [(String, Bool)] = [
            ("event", !isEvent), ("cause", cause != whole.cause && cause != .other),
            ("iova", differs(\.iova)),
            ("intermediate", differs(\.intermediate)), ("stream", differs(\.streamID)),
            ("substream", differs(\.substreamID)), ("write", differs(\.isWrite)),
            ("instruction", differs(\.isInstruction)), ("stage", differs(\.stage)),
            ("client", differs(\.client)), ("transaction", differs(\.transaction)),
            ("stalled", differs(\.isStalled)), ("SMMU", smmu != whole.smmu && !smmu.isEmpty),
        ]
        return fields.first { $0.1 }.map { "\($0.0) of \(event), line \(line)" }
    }
}
