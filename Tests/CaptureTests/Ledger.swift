// What was compared and what differed, one line a difference.

struct Ledger {
    /// Comparisons by what was compared, without numbers.
    private(set) var compared: [String: Int] = [:]
    private(set) var differences: [String] = []

    var total: Int { compared.values.reduce(0, +) }

    mutating func expect<Value: Equatable>(
        _ expected: Value, _ got: Value, _ capture: String, _ place: String, _ what: String
    ) {
        compared[
            what.split(separator: " ").filter { !$0.hasPrefix("0x") }.joined(separator: " "), default: 0] += 1
        guard expected != got else { return }
        let line = "\(capture) \(place) \(what): the kernel says \(expected), predicted \(got)"
        differences.append(line.split(separator: "\n").joined(separator: " | "))
    }

    mutating func merge(_ other: Ledger) {
        compared.merge(other.compared, uniquingKeysWith: +)
        differences += other.differences
    }
}
