// From values to meanings. Every reader returns nil after writing down what is wrong, where, and what to
// send instead; so a caller reads on and all faults of a request are told at once.

extension JSONNode {
    /// Largest integer that every JSON reader holds exactly: 2^53 - 1.
    public static let exactIntegerMax: UInt64 = (1 << 53) - 1

    func wrongType(_ expected: String, _ problems: ProblemList) {
        problems.add(pointer, "wrong-type", "Expected \(expected), found \(kind.described).")
    }

    /// A 64-bit number: "0x" and at most 16 significant hex digits, or an integer 0 ... 2^53-1.
    public func u64(_ problems: ProblemList) -> UInt64? {
        switch kind {
        case .string: return hexString(problems)
        case .number: return integer(problems, hint: "as a hex string like \"0x8000000\"")
        default:
            wrongType("a hex string like \"0x8000000\"", problems)
            return nil
        }
    }

    private func hexString(_ problems: ProblemList) -> UInt64? {
        let bytes = textBytes
        let first = bytes.startIndex
        guard bytes.count > 2, bytes[first] == UInt8(ascii: "0"),
            bytes[first + 1] | 0x20 == UInt8(ascii: "x")
        else {
            let isDecimal = !bytes.isEmpty && bytes.allSatisfy { (0x30...0x39).contains($0) }
            let what = isDecimal ? "A decimal string" : "Not a number"
            problems.add(pointer, "not-hex", "\(what); send a hex string that starts with \"0x\".")
            return nil
        }
        var value: UInt64 = 0
        var significant = 0
        for index in first + 2..<bytes.endIndex {
            guard let digit = Self.hexDigit(bytes[index]) else {
                problems.add(
                    pointer, "not-hex", "No hex digit at character \(index - first + 1) of the string.")
                return nil
            }
            if significant > 0 || digit != 0 { significant += 1 }
            value = value << 4 | digit
        }
        guard significant <= 16 else {
            problems.add(
                pointer, "too-large", "\(significant) significant hex digits; 64 bits have at most 16.")
            return nil
        }
        return value
    }

    private static func hexDigit(_ byte: UInt8) -> UInt64? {
        switch byte {
        case 0x30...0x39: UInt64(byte - 0x30)
        case 0x41...0x46: UInt64(byte - 0x41 + 10)
        case 0x61...0x66: UInt64(byte - 0x61 + 10)
        default: nil
        }
    }

    /// A JSON integer 0 ... 2^53-1 from the token as it was sent, so that nothing is rounded.
    private func integer(_ problems: ProblemList, hint: String) -> UInt64? {
        let token = textBytes
        if token.first == UInt8(ascii: "-") {
            problems.add(pointer, "negative", "A negative number; send 0 or more.")
            return nil
        }
        guard token.allSatisfy({ (0x30...0x39).contains($0) }) else {
            let isExponent = token.contains { $0 | 0x20 == UInt8(ascii: "e") }
            let what = isExponent ? "an exponent" : "a fraction"
            problems.add(pointer, "not-an-integer", "A number with \(what); send an integer.")
            return nil
        }
        guard let value = Self.decimal(token), value <= Self.exactIntegerMax else {
            problems.add(
                pointer, "too-large", "Integers above 2^53-1 are not exact in JSON; send it \(hint).")
            return nil
        }
        return value
    }

    /// The number that decimal digits spell; nil beyond 64 bits.
    private static func decimal(_ digits: ArraySlice<UInt8>) -> UInt64? {
        var value: UInt64 = 0
        for digit in digits {
            let (tens, isOver) = value.multipliedReportingOverflow(by: 10)
            let (sum, isCarried) = tens.addingReportingOverflow(UInt64(digit - 0x30))
            if isOver || isCarried { return nil }
            value = sum
        }
        return value
    }

    /// A JSON integer in `bounds`.
    public func int(in bounds: ClosedRange<Int>, _ problems: ProblemList) -> Int? {
        guard kind == .number else {
            wrongType("an integer", problems)
            return nil
        }
        let limits = "\(bounds.lowerBound) to \(bounds.upperBound)"
        guard let value = integer(problems, hint: "within \(limits)") else { return nil }
        guard let exact = Int(exactly: value), bounds.contains(exact) else {
            problems.add(pointer, "out-of-range", "\(value) is not in \(limits).")
            return nil
        }
        return exact
    }

    public func bool(_ problems: ProblemList) -> Bool? {
        guard case .bool(let flag) = kind else {
            wrongType("true or false", problems)
            return nil
        }
        return flag
    }

    /// A string of at most `bytesMax` bytes in UTF-8.
    public func string(bytesMax: Int, _ problems: ProblemList) -> String? {
        guard kind == .string else {
            wrongType("a string", problems)
            return nil
        }
        let bytes = textBytes
        guard bytes.count <= bytesMax else {
            problems.add(pointer, "too-long", "\(bytes.count) bytes; at most \(bytesMax) are read.")
            return nil
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// One of a few words.
    public func choice<Value>(_ values: [(word: String, value: Value)], _ problems: ProblemList) -> Value? {
        let words = values.map { "\"\($0.word)\"" }.joined(separator: ", ")
        guard kind == .string else {
            wrongType("one of \(words)", problems)
            return nil
        }
        let word = String(decoding: textBytes, as: UTF8.self)
        guard let match = values.first(where: { $0.word == word }) else {
            let shown = word.utf8.count <= 64 ? word : String(word.prefix(64)) + "..."
            problems.add(pointer, "unknown-value", "\"\(shown)\" is not one of \(words).")
            return nil
        }
        return match.value
    }

    /// The elements of an array of at most `countMax`.
    public func elements(countMax: Int, _ problems: ProblemList) -> [JSONNode]? {
        guard kind == .array else {
            wrongType("an array", problems)
            return nil
        }
        guard count <= countMax else {
            problems.add(pointer, "too-many", "\(count) elements; at most \(countMax) are read.")
            return nil
        }
        return Array(children)
    }
}
