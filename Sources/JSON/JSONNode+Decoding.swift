// From values to meanings. Every reader returns nil after writing down what is wrong, where, and what to
// send instead; so a caller reads on and all faults of a request are told at once.

extension JSONNode {
    /// Largest integer that every JSON reader holds exactly: 2^53 - 1.
    public static let exactIntegerMax: UInt64 = (1 << 53) - 1

    /// A 64-bit number: "0x" and at most 16 significant hex digits, or an integer 0 ... 2^53-1.
    public func u64(_ problems: ProblemList) -> UInt64? {
        read(problems) { scalar throws(ScalarFault) in try scalar.u64() }
    }

    /// A JSON integer in `bounds`.
    public func int(in bounds: ClosedRange<Int>, _ problems: ProblemList) -> Int? {
        read(problems) { scalar throws(ScalarFault) in try scalar.int(in: bounds) }
    }

    public func bool(_ problems: ProblemList) -> Bool? {
        read(problems) { scalar throws(ScalarFault) in try scalar.bool() }
    }

    /// A string of at most `bytesMax` bytes in UTF-8.
    public func string(bytesMax: Int, _ problems: ProblemList) -> String? {
        read(problems) { scalar throws(ScalarFault) in try scalar.string(bytesMax: bytesMax) }
    }

    /// One of a few words.
    public func choice<Value>(_ values: [(word: String, value: Value)], _ problems: ProblemList) -> Value? {
        read(problems) { scalar throws(ScalarFault) in try scalar.choice(values) }
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

    func wrongType(_ expected: String, _ problems: ProblemList) {
        let fault = ScalarFault.wrongType(expected: expected, found: kind)
        problems.add(pointer, fault.code, fault.detail)
    }

    private func read<T>(
        _ problems: ProblemList, _ body: (Scalar) throws(ScalarFault) -> T
    ) -> T? {
        do {
            return try body(Scalar(kind, textBytes))
        } catch {
            problems.add(pointer, error.code, error.detail)
            return nil
        }
    }
}
