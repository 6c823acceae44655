// What a window is made of, as callers send it: its size, its alignment and its base, in bodies, queries and
// flags. Placements, views, window sources and surveys read them here.

import AddressSpaces
import Fleet
import JSON

extension WindowDemand {
    /// Bytes of a window; at least one.
    static func size(_ value: WireValue, _ problems: ProblemList) -> UInt64? {
        guard let size = value.size(problems) else { return nil }
        if size == 0 { value.add("zero-size", "A window has at least one byte.", problems) }
        guard size <= Limits.windowBytesMax else {
            value.add("out-of-range", "A window has at most \(Limits.windowBytesMax) bytes.", problems)
            return nil
        }
        return max(size, 1)
    }

    static func alignment(_ value: WireValue, _ problems: ProblemList) -> Granule? {
        value.size(problems).flatMap { value.powerOfTwo($0, problems) }
    }

    /// The window at a base, which `value` gave; nil, with the problem noted, when it passes 2^64. The base
    /// that a placement is asked to check first is not read so: whether it works is the question, and the
    /// answer says why it does not.
    static func window(
        at base: UInt64, size: UInt64, _ value: WireValue, _ problems: ProblemList
    ) -> IOVARange? {
        if let window = IOVARange(start: IOVA(base), size: size) { return window }
        value.add(
            "wraps", "A window of \(HexLiteral.text(size)) bytes there would pass 2^64.", problems)
        return nil
    }
}

extension WireValue {
    /// The number that was read of it as a power of two; nil, with the problem noted, for any other number.
    func powerOfTwo(_ bytes: UInt64, _ problems: ProblemList) -> Granule? {
        if let granule = Granule(bytes: bytes) { return granule }
        add("not-a-power-of-two", "Send a power of two.", problems)
        return nil
    }
}
