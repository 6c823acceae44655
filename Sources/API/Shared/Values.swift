// Values that several resources read and write: ranges, masks, times. Their spelling on the wire has its one
// home here and in the module JSON.

import AddressSpaces
import IOVAAllocation
import Ingestion
import JSON
import LinuxReleases
import MSIWindows
import Machines
import Sandboxes

extension IOVARange {
    /// `{"start", "last"|"size"}`.
    init?(wire node: JSONNode, _ problems: ProblemList) {
        guard var reader = ObjectReader(node, problems) else { return nil }
        let range = reader.range()
        reader.finish()
        guard let range else { return nil }
        self.init(proven: range.start, range.last)
    }
}

extension WireValue {
    /// A DMA mask, which is not zero.
    func dmaMask(_ problems: ProblemList) -> UInt64? {
        guard let mask = u64(problems) else { return nil }
        guard mask != 0 else {
            add("zero-mask", "A DMA mask has at least one bit.", problems)
            return nil
        }
        return mask
    }
}

extension JSONWriter {
    mutating func range(_ name: StaticString, _ range: AddressRange<some Address>) {
        object(name) { $0.rangeMembers(start: range.start.value, last: range.last.value) }
    }

    /// A list of ranges under a name.
    mutating func ranges(_ name: StaticString, _ ranges: [IOVARange]) {
        array(name) { writer in
            for range in ranges {
                writer.object { $0.rangeMembers(start: range.start.value, last: range.last.value) }
            }
        }
    }

    /// Beside a flag that is false for "no" and for "conditional".
    mutating func reachability(_ value: Reachability) {
        switch value {
        case .yes: member("reachability", true)
        case .no: member("reachability", false)
        case .conditional: member("reachability", "conditional")
        }
    }

    mutating func member(_ name: StaticString, orNullHex value: UInt64?) {
        key(name)
        if let value { hex(value) } else { null() }
    }
}

/// `2026-11-24T05:48:06.123Z`
enum Timestamp {
    static func text(milliseconds: UInt64) -> String {
        let seconds = milliseconds / 1_000
        let (year, month, day) = date(days: Int(seconds / 86_400))
        let inDay = Int(seconds % 86_400)
        return "\(padded(year, 4))-\(padded(month, 2))-\(padded(day, 2))T\(padded(inDay / 3_600, 2)):"
            + "\(padded(inDay / 60 % 60, 2)):\(padded(inDay % 60, 2)).\(padded(Int(milliseconds % 1_000), 3))Z"
    }

    /// Years are counted from March, so that the leap day is a year's last.
    private static func date(days: Int) -> (Int, Int, Int) {
        let shifted = days + 719_468
        let era = shifted / 146_097
        let inEra = shifted % 146_097
        let yearOfEra = (inEra - inEra / 1_460 + inEra / 36_524 - inEra / 146_096) / 365
        let inYear = inEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * inYear + 2) / 153
        let day = inYear - (153 * shiftedMonth + 2) / 5 + 1
        let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day)
    }

    private static func padded(_ value: Int, _ digits: Int) -> String {
        let text = String(value)
        return String(repeating: "0", count: max(0, digits - text.count)) + text
    }
}
