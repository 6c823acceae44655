// Input IDs that leave a node together.

import AddressSpaces

/// IDs `first ... last` of a requester, and what has become of them so far.
struct IDPiece {
    var first: UInt32
    var last: UInt32
    /// What `first` has become. It counts up with the input unless `isConstant`.
    var output: UInt32
    /// Every ID has become the same: a single mapping was passed.
    var isConstant = false

    static let all = IDPiece(first: 0, last: .max, output: 0)

    /// The last output ID, cut at 2^32-1.
    var lastOutput: UInt32 {
        guard !isConstant else { return output }
        let (sum, wraps) = output.addingReportingOverflow(last - first)
        return wraps ? .max : sum
    }

    /// What of the piece goes through `rule`, whose inputs are this piece's outputs.
    func through(_ rule: IDPiece) -> IDPiece? {
        let low = max(output, rule.first)
        let high = min(lastOutput, rule.last)
        guard low <= high else { return nil }
        func ruled(_ id: UInt32) -> UInt32 {
            rule.isConstant ? rule.output : rule.output &+ (id - rule.first)
        }
        if isConstant {
            return IDPiece(first: first, last: last, output: ruled(output), isConstant: true)
        }
        return IDPiece(
            first: first + (low - output), last: first + (high - output), output: ruled(low),
            isConstant: rule.isConstant)
    }
}

/// Input IDs that have been decided already: sorted, disjoint, never touching.
struct DecidedIDs {
    private var spans: [(first: UInt32, last: UInt32)] = []

    /// Index of the first span that ends at `id` or above.
    private func index(_ id: UInt32) -> Int {
        spans.partitioningIndex { $0.last >= id }
    }

    /// The parts of `first ... last` that are open, ascending.
    func open(_ first: UInt32, _ last: UInt32) -> [(first: UInt32, last: UInt32)] {
        var parts: [(UInt32, UInt32)] = []
        var next = first
        var at = index(first)
        while at < spans.count, spans[at].first <= last {
            if spans[at].first > next { parts.append((next, spans[at].first - 1)) }
            guard spans[at].last < last else { return parts }
            next = spans[at].last + 1
            at += 1
        }
        parts.append((next, last))
        return parts
    }

    /// Decides `first ... last`.
    mutating func insert(_ first: UInt32, _ last: UInt32) {
        var (low, high) = (first, last)
        let from = index(first == 0 ? 0 : first - 1)
        var to = from
        while to < spans.count, spans[to].first <= (last == .max ? .max : last + 1) {
            low = min(low, spans[to].first)
            high = max(high, spans[to].last)
            to += 1
        }
        spans.replaceSubrange(from..<to, with: [(low, high)])
    }
}
