// Sizes of memory as people and VMMs write them: 64G, 512M, 2T. They are read from queries and command lines;
// a body says numbers.

public import JSON

extension WireValue {
    /// A 64-bit number, in a bare text also with a suffix.
    public func memorySize(_ problems: ProblemList) -> UInt64? {
        if case .text(let text, _) = self, let size = MemorySize.parse(text) { return size }
        return u64(problems)
    }
}

/// Reading of sizes with a binary suffix.
public enum MemorySize {
    /// Bytes of `<decimal><K|M|G|T>`, in either case, with or without a trailing "iB"; nil for anything else
    /// and for sizes that pass 2^64.
    public static func parse(_ text: String) -> UInt64? {
        var letters = Substring(text.uppercased())
        if letters.hasSuffix("IB") { letters = letters.dropLast(2) }
        guard let suffix = letters.last, let place = "KMGT".firstIndex(of: suffix) else { return nil }
        let shift = UInt64("KMGT".distance(from: "KMGT".startIndex, to: place) + 1) * 10
        let digits = letters.dropLast()
        guard digits.allSatisfy({ $0.isASCII && $0.isNumber }), let number = UInt64(digits) else {
            return nil
        }
        let (bytes, overflow) = number.multipliedReportingOverflow(by: 1 << shift)
        return overflow ? nil : bytes
    }
}
