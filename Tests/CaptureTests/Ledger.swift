// What was compared and what differed, one line a difference.

struct Ledger {
    private(set) var compared = 0
    private(set) var differences: [String] = []

    mutating func expect<Value: Equatable>(
        _ expected: Value, _ got: Value, _ capture: String, _ place: String, _ what: String
    ) {
        compared += 1
        guard expected != got else { return }
        let line = "\(capture) \(place) \(what): the kernel says \(expected), predicted \(got)"
        differences.append(line.split(separator: "\n").joined(separator: " | "))
    }

    mutating func merge(_ other: Ledger) {
        compared += other.compared
        differences += other.differences
    }
}
